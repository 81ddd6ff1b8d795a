package operators

import (
	"io/fs"
	"sync"
	"time"

	"tabard/engine/ipset"
)

// Shared holds what operators have made of files, so that the rule sets of all
// routes, and the fast path beside Coraza, hold it once and the same. The zero
// Shared is empty; it is safe for concurrent use.
type Shared struct {
	mu    sync.Mutex
	sets  map[string]*ipset.Set // by path
	words []*laterWords
}

// Sharer is a root file system that brings a Shared.
type Sharer interface {
	fs.FS
	Shared() *Shared
}

// sharedOf gives the root's Shared, or one that nobody shares.
func sharedOf(root fs.FS) *Shared {
	if s, ok := root.(Sharer); ok {
		return s.Shared()
	}
	return new(Shared)
}

// set gives the set of a file; read is called when nobody has asked before.
func (s *Shared) set(path string, read func() (text string, err error)) (*ipset.Set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if set, ok := s.sets[path]; ok {
		return set, nil
	}
	text, err := read()
	if err != nil {
		return nil, err
	}
	set, _, err := ipset.Parse(text, ipset.Options{Name: path, Now: time.Now()})
	if err != nil {
		return nil, err
	}
	if s.sets == nil {
		s.sets = map[string]*ipset.Set{}
	}
	s.sets[path] = set
	return set, nil
}

// later notes words whose automaton is for Ready to build.
func (s *Shared) later(w *laterWords) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words = append(s.words, w)
}

// Ready builds what has been put off until after the rules are loaded.
func (s *Shared) Ready() {
	s.mu.Lock()
	words := s.words
	s.words = nil
	s.mu.Unlock()
	for _, w := range words {
		w.ready()
	}
}
