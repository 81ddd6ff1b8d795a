package operators_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabard/engine/operators"
)

func TestPlainOperatorsJudgeAValueAlone(t *testing.T) {
	root := fstest.MapFS{"bad.txt": {Data: []byte("192.0.2.0/24\n")}}
	for _, tc := range []struct {
		name, operator, arg, value string
		want                       bool
	}{
		{"a blocked address", "ipReputation", "block=bad.txt", "192.0.2.7", true},
		{"another address", "ipReputation", "block=bad.txt", "198.51.100.7", false},
		{"a type of the list", "mimeAllowed", "application/json text/*", "text/plain", true},
		{"a type not in the list", "mimeAllowed", "application/json", "text/plain", false},
		{"no list allows everything", "mimeAllowed", "", "text/plain", true},
		{"a list that is not set allows everything", "mimeAllowed", "tx.tabard_mime", "text/plain", true},
		{"a client that takes a type of the list", "acceptAllowed", "application/json", "text/html, */*;q=0.1", true},
		{"a client that takes none", "acceptAllowed", "application/json", "text/html", false},
		{"no list takes every client", "acceptAllowed", "", "text/html", true},
		{"another character set", "mimeAmbiguous", "utf-8", "text/plain; charset=utf-7", true},
		{"a character set of the list", "mimeAmbiguous", "utf-8", "text/plain; charset=UTF-8", false},
		{"no list finds nothing ambiguous", "mimeAmbiguous", "tx.tabard_charsets", "text/plain; charset=utf-7", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			test, err := operators.Plain(root)[tc.operator](tc.arg)
			require.NoError(t, err)
			require.Equal(t, tc.want, test(tc.value))
		})
	}
	t.Run("an argument that the operator refuses", func(t *testing.T) {
		_, err := operators.Plain(root)["ipReputation"]("block=nowhere.txt")
		require.Error(t, err)
	})
}
