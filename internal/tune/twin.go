package tune

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/internal/replay"
)

// Twin is one test of a proposal.
type Twin struct {
	Description string
	Request     replay.Entry
	// Expect are rules that must match, and Not those that must not.
	Expect, Not []int
}

// blockingRule sums up the score and blocks, in CRS.
const blockingRule = 949110

// cutTarget takes a target apart; what is absent stays absent.
func cutTarget(target string) (path, query string, hasQuery bool) { return strings.Cut(target, "?") }

// twins are a harmless request that the proposal frees, or in which at least its
// rule is quiet, and an attack on the same route that is still blocked. All have
// been judged.
func (t *Tuner) twins(ctx context.Context, e *engine.Engine, p Proposal, aims []aim, after []engine.Record) []Twin {
	var out []Twin
	if twin, ok := t.harmlessTwin(ctx, e, p); ok {
		out = append(out, twin)
	}
	for _, wanted := range []int{p.Rule, blockingRule} {
		for i, a := range aims {
			if isBlocked(after[i]) && matched(after[i], wanted) {
				return append(out, Twin{"the attack of test " + a.attack.Name + " on the same route is still blocked", a.entry, []int{wanted}, nil})
			}
		}
	}
	return out
}

func (t *Tuner) harmlessTwin(ctx context.Context, e *engine.Engine, p Proposal) (Twin, bool) {
	judge := replay.Native{Engine: e, Records: true}
	for _, quiet := range []int{blockingRule, p.Rule} {
		for _, k := range t.blocked {
			if !slices.Contains(k.needs, p.Exclusion) {
				continue
			}
			entry := withoutSecrets(k.entry, p.Target)
			if !matched(*judge.Judge(ctx, entry).Record, quiet) {
				return Twin{"a harmless request to which the rule no longer objects", entry, nil, []int{quiet}}, true
			}
		}
	}
	return Twin{}, false
}

func matched(r engine.Record, rule int) bool {
	return slices.ContainsFunc(r.Rules, func(m engine.RecordMatch) bool { return m.ID == rule })
}

// secretHeaders carry credentials; a test that is kept in a repository must not.
var secretHeaders = []string{"authorization", "proxy-authorization", "cookie"}

// withoutSecrets leaves out the headers with credentials, unless the exclusion
// is about one.
func withoutSecrets(e replay.Entry, target string) replay.Entry {
	collection, key, _ := strings.Cut(strings.ToLower(target), ":")
	headers := engine.Headers{}
	for _, line := range e.Request.Headers {
		name := strings.ToLower(line[0])
		wanted := name == key || name == "cookie" && strings.HasPrefix(collection, "request_cookies")
		if wanted || !slices.Contains(secretHeaders, name) {
			headers = append(headers, line)
		}
	}
	e.Request.Headers = headers
	return e
}

// Suite is the proposal's test file: its twins, as internal/ftw reads and writes
// them.
func (p Proposal) Suite(file string) ftw.Suite {
	s := ftw.Suite{
		File: file, RuleID: p.Rule,
		Description: fmt.Sprintf("Twins of the exclusion of rule %d on %s, written by tabard tune", p.Rule, p.Route),
	}
	for i, twin := range p.Twins {
		s.Tests = append(s.Tests, ftw.Test{ID: i + 1, Description: twin.Description, Stages: []ftw.Stage{{
			Input:  inputOf(twin.Request),
			Output: ftw.Output{ExpectIDs: twin.Expect, NoExpectIDs: twin.Not},
		}}})
	}
	return s
}

// inputOf writes a request down as a test has it, with nothing added.
func inputOf(e replay.Entry) ftw.Input {
	in := ftw.Input{
		DestAddr: "localhost", Port: 80, Protocol: e.Request.Scheme, Data: e.Body,
		Method: e.Request.Method, URI: e.Request.Target, Version: e.Request.Protocol,
	}
	if e.Request.Headers.Get("host") == "" && e.Request.Authority != "" {
		in.Headers = append(in.Headers, ftw.Header{Name: "Host", Value: e.Request.Authority})
	}
	for _, line := range e.Request.Headers {
		in.Headers = append(in.Headers, ftw.Header{Name: line[0], Value: line[1]})
	}
	return in
}
