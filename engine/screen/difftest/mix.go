package difftest

import "math/rand/v2"

// Mix is an endless stream of cases: the given ones first, among mutants of
// them, their payloads in the requests of harmless clients, odd requests and
// harmless traffic. The same seed gives the same stream.
type Mix struct {
	r     *rand.Rand
	given []*Case
	next  int
	// recent are harmless cases of late, to be sent again with small changes.
	recent []*Case
}

// recentCases is how many harmless cases are kept to be changed: enough for
// many header sets, few enough for most to be met again.
const recentCases = 64

// maxBodyBytes is below the engine's limits on bodies, whose effects are the
// engine's and not the screener's.
const maxBodyBytes = 100 << 10

// NewMix returns a stream. given is put into a random order.
func NewMix(seed uint64, given []*Case) *Mix {
	r := rand.New(rand.NewPCG(seed, 0))
	shuffled := make([]*Case, len(given))
	for to, from := range r.Perm(len(given)) {
		shuffled[to] = given[from]
	}
	return &Mix{r: r, given: shuffled}
}

// Done says how many of the given cases have been in the stream as they are.
func (m *Mix) Done() int { return m.next }

// Next returns the next case, never nil.
func (m *Mix) Next() *Case {
	c := m.pick()
	if len(c.Body) > maxBodyBytes {
		c = c.Clone()
		c.Body = c.Body[:maxBodyBytes]
	}
	return c
}

func (m *Mix) pick() *Case {
	switch n := m.r.IntN(100); {
	case n < 14 && m.next < len(m.given):
		m.next++
		return m.given[m.next-1]
	case n < 30 && len(m.given) > 0:
		return Mutate(m.r, m.any(), m.any())
	case n < 33:
		return Odd(m.r)
	case n < 38 && len(m.given) > 0:
		return Envelop(m.r, m.any(), Benign(m.r))
	case n < 50 && len(m.recent) > 0:
		return Mutate(m.r, m.recent[m.r.IntN(len(m.recent))], m.recent[m.r.IntN(len(m.recent))])
	}
	c := Benign(m.r)
	if len(m.recent) < recentCases {
		m.recent = append(m.recent, c)
	} else {
		m.recent[m.r.IntN(recentCases)] = c
	}
	return c
}

func (m *Mix) any() *Case { return m.given[m.r.IntN(len(m.given))] }
