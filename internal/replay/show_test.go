package replay

import (
	"fmt"
	"strings"
	"time"
)

// show writes an entry as a text that tests compare.
func show(e Entry) string {
	var b strings.Builder
	r := e.Request
	fmt.Fprintf(&b, "%s from %s\n%s %s %s (%s, %q)\n", e.ID, e.Conn.Peer, r.Method, r.Target, r.Protocol, r.Scheme, r.Authority)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h[0], h[1])
	}
	if e.Body != nil {
		fmt.Fprintf(&b, "body %q\n", e.Body)
	}
	for _, h := range e.Trailers {
		fmt.Fprintf(&b, "trailer %s: %s\n", h[0], h[1])
	}
	if e.Response != nil {
		fmt.Fprintf(&b, "response %d %v %q\n", e.Response.Status, e.Response.Headers, e.Response.Body)
	}
	if !e.Time.IsZero() || e.Status != 0 {
		fmt.Fprintf(&b, "at %s status %d\n", e.Time.Format(time.RFC3339Nano), e.Status)
	}
	for _, text := range e.Unknown.Texts() {
		fmt.Fprintf(&b, "? %s\n", text)
	}
	return b.String()
}
