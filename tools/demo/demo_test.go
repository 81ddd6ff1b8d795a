package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func TestACurlLineIsSafeToPaste(t *testing.T) {
	s := step{path: "/x?a=$HOME", header: [][2]string{{"X-A", "it's ${jndi}"}}, body: `{"a":"'"}`}
	require.Equal(t, `curl -i -H 'Host: shop.example' -H 'X-A: it'\''s ${jndi}' --data-binary '{"a":"'\''"}' 'http://h:1/x?a=$HOME'`, s.curl("h:1"))
}

func TestABlockedRequestThatReachedTheFunctionIsWrong(t *testing.T) {
	s := step{path: "/x", verdict: engine.Block, status: 403}
	require.True(t, s.isRight(result{status: 403, verdict: "block"}))
	require.False(t, s.isRight(result{status: 403, verdict: "block", arrived: true}))
	require.False(t, s.isRight(result{status: 200, verdict: "pass", arrived: true}))
}
