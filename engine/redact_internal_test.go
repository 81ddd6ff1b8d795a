package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHide(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		secrets    []string
		maxBytes   int
		want       string
	}{
		{"no secret", "a text", nil, 10, "a text"},
		{"each occurrence", "abcd-abcd", []string{"abcd"}, 10, "[redacted]-[redacted]"},
		{"the longer of two", "xabcdex", []string{"abcde", "abcd"}, 10, "x[redacted]x"},
		{"two that overlap", "xabcdefx", []string{"abcd", "cdef"}, 10, "x[redacted]x"},
		{"what is long is cut", "0123456789abc", nil, 10, "0123456..."},
		{"a secret that goes on behind the cut", "0123456789abc", []string{"6789ab"}, 8, "012345[redacted]c"},
		{"a secret behind the cut, of which nothing is left", "0123456789abcdefgh", []string{"abcd"}, 10, "0123456..."},
		{"a secret that ends the text behind the cut", "01234" + strings.Repeat("s", 30), []string{strings.Repeat("s", 30)}, 10, "01234[redacted]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, hide(tc.text, tc.secrets, tc.maxBytes))
		})
	}
}
