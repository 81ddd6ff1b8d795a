package wasmhost

import (
	"context"
	"errors"
	"strings"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/ftw/native"
)

// auditPrefix starts the filter's audit lines.
const auditPrefix = "tabard audit "

// Player plays the requests of rule tests through a module, one virtual
// machine a goroutine. It implements ftw.Runner.
type Player struct {
	module *Module
	policy string
	hosts  chan *Host
	all    []*Host
}

// NewPlayer starts n virtual machines with a policy.
func NewPlayer(ctx context.Context, m *Module, policy string, n int) (*Player, error) {
	p := &Player{module: m, policy: policy, hosts: make(chan *Host, n)}
	for range n {
		h, err := m.Open(ctx, policy)
		if err != nil {
			return nil, errors.Join(err, p.Close(ctx))
		}
		p.all = append(p.all, h)
		p.hosts <- h
	}
	return p, nil
}

// Close ends the virtual machines.
func (p *Player) Close(ctx context.Context) (err error) {
	for _, h := range p.all {
		err = errors.Join(err, h.Close(ctx))
	}
	return err
}

// Play implements ftw.Runner. The client's side is a proxy as Envoy is one:
// field names in lower case, the Host as a pseudo-header.
func (p *Player) Play(ctx context.Context, name string, in ftw.Input) (ftw.Seen, error) {
	m, err := in.Message()
	if err != nil {
		return ftw.Seen{NoAnswer: err}, nil
	}
	answer := in.Answer(m)
	h := <-p.hosts
	defer func() { p.hosts <- h }()
	got, err := h.Run(ctx, Exchange{
		Conn:    engine.Conn{ID: name, Peer: native.Client},
		Request: asProxied(native.Request(m)), Body: m.Body, Trailers: native.Lines(m.Trailers),
		Response: &Response{Status: answer.Status, Headers: native.Lines(answer.Headers), Body: answer.Body},
	})
	if err != nil {
		return ftw.Seen{}, err
	}
	seen := ftw.Seen{Status: answer.Status, Body: answer.Body}
	if got.Reply != nil {
		seen.Status, seen.Body = got.Reply.Status, got.Reply.Body
	}
	for _, line := range got.Log {
		if rest, ok := strings.CutPrefix(line.Text, auditPrefix); ok {
			_, seen.Matches, err = ftw.ParseAudit(rest)
		}
	}
	return seen, err
}

// asProxied has names in lower case and the Host as the pseudo-header, but for
// an empty one: this host leaves out pseudo-headers without a value.
func asProxied(r engine.Request) engine.Request {
	headers := make(engine.Headers, 0, len(r.Headers))
	for _, line := range r.Headers {
		if name := strings.ToLower(line[0]); name != "host" || line[1] == "" {
			headers = append(headers, [2]string{name, line[1]})
		}
	}
	r.Headers = headers
	return r
}
