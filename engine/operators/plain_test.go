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
