package filter

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConnectionsAreForgottenBeforeTheyAreTooMany(t *testing.T) {
	var c connections
	for i := range maxConnections + 1 {
		number := strconv.Itoa(i)
		c.put(number, connection{tls: true})
		known, ok := c.get(number)
		require.True(t, ok)
		require.True(t, known.tls)
	}
	require.Len(t, c, 1)
	c.put("", connection{tls: true})
	_, ok := c.get("")
	require.False(t, ok, "a host without connections has no number for them")
}
