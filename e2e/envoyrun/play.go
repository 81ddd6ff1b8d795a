package envoyrun

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"tabard/internal/ftw"
)

// Player plays the requests of rule tests through a site of a running Envoy,
// over HTTP/1.1. It implements ftw.Runner, for any number of goroutines.
type Player struct {
	Envoy *Envoy
	Site  string
}

// playLimit bounds an exchange: a request that Envoy waits for in vain is its
// test's own failure.
const playLimit = 20 * time.Second

// refusalLimit is how long to wait for the access log's line about a 400: there
// is none that names the case when Envoy could not read the request.
const refusalLimit = 500 * time.Millisecond

// Play implements ftw.Runner.
func (p Player) Play(ctx context.Context, name string, in ftw.Input) (ftw.Seen, error) {
	m, err := in.Message()
	if err != nil {
		return ftw.Seen{NoAnswer: err}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, playLimit)
	defer cancel()
	seen := p.send(ctx, m, name)
	wait := ctx
	if seen.NoAnswer != nil || seen.Status == http.StatusBadRequest || seen.Status == http.StatusUpgradeRequired {
		var stop context.CancelFunc
		wait, stop = context.WithTimeout(ctx, refusalLimit)
		defer stop()
	}
	line, err := p.Envoy.AccessLine(wait, name)
	switch {
	case err != nil && wait != ctx && ctx.Err() == nil:
		return seen, nil // no filter has seen the request
	case err != nil:
		return seen, fmt.Errorf("status %d, no answer %v: %w", seen.Status, seen.NoAnswer, err)
	case line["rules"] == nil || line["rules"] == "":
		return seen, nil
	}
	audit, err := p.Envoy.AuditLine(ctx, fmt.Sprint(line["transaction_id"]))
	if err == nil {
		_, seen.Matches, err = ftw.ParseAudit(audit)
	}
	return seen, err
}

// send writes the request's bytes and reads the answer. The case header comes
// last, as a line that a request may have.
func (p Player) send(ctx context.Context, m ftw.Message, name string) ftw.Seen {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.Envoy.Addr(p.Site))
	if err != nil {
		return ftw.Seen{NoAnswer: err}
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return ftw.Seen{NoAnswer: err}
	}
	// Envoy may answer and close before it has read all: the answer counts.
	_, failed := conn.Write(m.Bytes(ftw.Header{Name: CaseHeader, Value: name}))
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: m.Method})
	if err != nil {
		return ftw.Seen{NoAnswer: errors.Join(failed, err)}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return ftw.Seen{NoAnswer: err}
	}
	return ftw.Seen{Status: answer.StatusCode, Body: body}
}

// Backend answers as the tests of CRS want it.
func Backend(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := ftw.Backend(ftw.Message{Method: r.Method, Target: r.RequestURI, Body: body})
	for _, h := range answer.Headers {
		w.Header().Add(h.Name, h.Value)
	}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // the client may have gone
}

// AsSent has Envoy take what it can take and leave it as it came: HTTP/1.0,
// methods of its own making, paths that are not normal.
func AsSent(manager Tree) {
	h1 := manager.At("http_protocol_options")
	h1["accept_http_10"] = true
	h1["allow_custom_methods"] = true
	manager["normalize_path"] = false
	manager["merge_slashes"] = false
	manager["path_with_escaped_slashes_action"] = "KEEP_UNCHANGED"
	manager["skip_xff_append"] = true
}
