package screen

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheMemoGivesBackWhatWasStoredAndStaysWithinItsLimit(t *testing.T) {
	m := newMemo(10_000)
	state := State{Known: true, RequestProcessor: "JSON"}
	m.put([]byte("first"), []int{3, 1, 2}, state)
	for i := range 1000 {
		e := m.get([]byte("first"))
		require.NotNil(t, e, "an entry that is asked for again and again stays")
		require.Equal(t, []int{1, 2, 3}, e.matched)
		require.Equal(t, state, e.after)
		m.put(fmt.Appendf(nil, "key %d", i), []int{i}, State{})
		bytes, entries := m.size()
		require.LessOrEqual(t, bytes, 10_000)
		require.Len(t, m.ring, entries)
	}
	require.Nil(t, m.get([]byte("key 0")))
	require.NotNil(t, m.get([]byte("key 999")))
	m.put(make([]byte, 20_000), nil, State{})
	require.Nil(t, m.get(make([]byte, 20_000)), "an entry larger than the memo is not stored")
	m.clear()
	bytes, entries := m.size()
	require.Zero(t, bytes+entries)
}
