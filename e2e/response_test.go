package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/e2e/function"
)

func TestABlockedResponseIsARealStatusWithoutTheUpstreamsBody(t *testing.T) {
	for _, tc := range []struct {
		name   string
		site   string
		path   string
		status int
	}{
		{"in phase 3", "rules", "/response-headers?x-leak=yes&secret=of-the-function", 502},
		{"in phase 4", "rules", "/leak", 503},
		{"in phase 4 by CRS", "sample", "/leak", 403},
		{"in phase 4 although it comes byte by byte", "sample", "/leak/slowly", 403},
		{"over the limit for responses", "limits", "/base64/" + strings.Repeat("aGFybWxlc3Mg", 300), 500},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachProtocol(t, tc.site, func(t *testing.T, c client, addr string) {
				got := c.send(t, addr, request{path: tc.path})
				require.Equal(t, tc.status, got.status, got.body)
				require.Len(t, arrivals(t), 1, "the function did answer")
				require.Contains(t, got.body, "blocked")
				for _, part := range []string{"Warning", "SQL", "of-the-function", "harmless", "\x00"} {
					require.NotContains(t, got.body, part)
				}
				for _, name := range []string{"X-Leak", "Secret"} {
					require.Empty(t, got.header.Get(name), "nothing of the function's head either")
				}
			})
		})
	}
}

func TestAHarmlessResponseArrivesUnchanged(t *testing.T) {
	for _, tc := range []struct {
		name, site, path, body string
	}{
		{"held for phase 4", "sample", "/base64/aGFybWxlc3M=", "harmless"},
		{"not held, since its type is not inspected", "sample", "/bytes/3000?seed=1", ""},
		{"over the limit where the policy says partial", "limits", "/bytes/3000?seed=1", ""},
		{"without a body", "sample", "/status/204", ""},
		{"an error of the function", "sample", "/status/500", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachProtocol(t, tc.site, func(t *testing.T, c client, addr string) {
				got := c.send(t, addr, request{path: tc.path})
				direct := c.send(t, shared(t).Addr("alone"), request{path: tc.path})
				require.Equal(t, direct.status, got.status)
				require.Equal(t, direct.body, got.body)
				if tc.body != "" {
					require.Equal(t, tc.body, got.body)
				}
			})
		})
	}
}

func TestAResponseToHEADIsNotWaitedFor(t *testing.T) {
	eachProtocol(t, "sample", func(t *testing.T, c client, addr string) {
		got := c.send(t, addr, request{method: http.MethodHead, path: "/html"})
		require.Equal(t, http.StatusOK, got.status)
		require.Empty(t, got.body)
	})
}

// The page really is what the function sends, or the tests above prove nothing.
func TestTheFunctionLeaksWithoutTheFilter(t *testing.T) {
	eachProtocol(t, "alone", func(t *testing.T, c client, addr string) {
		for _, path := range []string{"/leak", "/leak/slowly"} {
			got := c.send(t, addr, request{path: path})
			require.Equal(t, http.StatusOK, got.status)
			require.Equal(t, function.Leak, got.body)
		}
	})
}
