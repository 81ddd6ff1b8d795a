package verdicts

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"tabard/engine"
	"tabard/internal/endpoint"
)

// Candidate is a rule that may misfire on a parameter of an endpoint. An attack
// is rare on an endpoint, comes with other rules' matches and from few
// addresses; what users do is frequent, alone and comes from many.
type Candidate struct {
	Rule    int    `json:"rule"`
	Message string `json:"message,omitempty"`
	// Route is the endpoint, or how many there are.
	Route     string `json:"route"`
	Parameter string `json:"parameter"`
	// Requests is how many matched, of which Alone had no other rule's match and
	// Blocked were blocked.
	Requests int `json:"requests"`
	Alone    int `json:"alone"`
	Blocked  int `json:"blocked"`
	// Share is Requests as a part of all of the endpoint's.
	Share float64 `json:"share"`
	// Addresses is how many clients there were, up to maxClients.
	Addresses int `json:"addresses"`
	// Example is a value that matched, redacted.
	Example string `json:"example,omitempty"`
}

const (
	// maxClients: whether a hundred or a thousand clients did it says the same.
	maxClients = 100
	// minCandidate is how often a rule must match: once or twice is chance.
	minCandidate = 3
	// minAlone is the part of a candidate's requests that no other rule objects
	// to.
	minAlone = 0.5
)

type candidateKey struct {
	rule             int
	route, parameter string
}

type candidate struct {
	Candidate
	clients map[string]bool
}

// candidates counts matches by rule, endpoint and parameter.
type candidates struct {
	found map[candidateKey]*candidate
	seen  map[string]int // requests by endpoint
}

func (c *candidates) add(r engine.Record, route string) {
	if c.found == nil {
		c.found, c.seen = map[candidateKey]*candidate{}, map[string]int{}
	}
	if _, known := c.seen[route]; !known && len(c.seen) >= maxKeys {
		return
	}
	c.seen[route]++
	matches := r.Judging()
	for _, m := range matches {
		c.match(r, m, route, len(matches) == 1)
	}
}

func (c *candidates) match(r engine.Record, m engine.RecordMatch, route string, alone bool) {
	key := candidateKey{m.ID, route, endpoint.Parameter(m.Target)}
	one := c.found[key]
	if one == nil {
		if len(c.found) >= maxKeys {
			return
		}
		one = &candidate{
			Candidate: Candidate{Rule: m.ID, Message: message(m), Route: route, Parameter: key.parameter, Example: m.Value},
			clients:   map[string]bool{},
		}
		c.found[key] = one
	}
	one.Requests++
	if alone {
		one.Alone++
	}
	if r.Verdict == engine.Block {
		one.Blocked++
	}
	if r.Client != "" && len(one.clients) < maxClients {
		one.clients[r.Client] = true
	}
}

// everywhere is from how many routes on a rule and its parameter are one
// candidate: what misfires all over a site is looked at once.
const everywhere = 4

// likely says that a group looks like what users do.
func (c *candidate) likely() bool {
	return c.Requests >= minCandidate && float64(c.Alone) >= minAlone*float64(c.Requests)
}

// list returns the n most likely ones.
func (c *candidates) list(n int) []Candidate {
	type where struct {
		rule      int
		parameter string
	}
	groups := map[where][]*candidate{}
	for key, one := range c.found {
		if one.likely() {
			at := where{key.rule, key.parameter}
			groups[at] = append(groups[at], one)
		}
	}
	out := []Candidate{}
	for _, group := range groups {
		if len(group) >= everywhere {
			out = append(out, c.merged(group))
			continue
		}
		for _, one := range group {
			out = append(out, c.merged([]*candidate{one}))
		}
	}
	slices.SortFunc(out, func(a, b Candidate) int {
		return cmp.Or(b.Blocked-a.Blocked, b.Requests-a.Requests, a.Rule-b.Rule, cmp.Compare(a.Route, b.Route), cmp.Compare(a.Parameter, b.Parameter))
	})
	return out[:min(n, len(out))]
}

// merged adds a group up; that of several routes says how many they are.
func (c *candidates) merged(group []*candidate) Candidate {
	slices.SortFunc(group, func(a, b *candidate) int { return cmp.Compare(a.Route, b.Route) })
	sum, seen, clients := group[0].Candidate, 0, map[string]bool{}
	sum.Requests, sum.Alone, sum.Blocked = 0, 0, 0
	for _, one := range group {
		sum.Requests += one.Requests
		sum.Alone += one.Alone
		sum.Blocked += one.Blocked
		seen += c.seen[one.Route]
		maps.Copy(clients, one.clients)
	}
	if len(group) > 1 {
		sum.Route = strconv.Itoa(len(group)) + " routes"
	}
	sum.Share = float64(sum.Requests) / float64(seen)
	sum.Addresses = min(len(clients), maxClients)
	return sum
}
