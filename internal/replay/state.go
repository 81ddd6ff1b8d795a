package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// State is how far a run has come: a run that was interrupted goes on from it
// as if it had not been.
type State struct {
	// Version is stateVersion.
	Version int `json:"version"`
	// Run names what was judged and how, such as a hash of the policy; a run of
	// another name cannot go on.
	Run string `json:"run"`
	// Sources are all sources of the run.
	Sources []StateSource `json:"sources"`
	// Source and Records say what is done: all sources before that one, and so
	// many records of it, broken ones among them.
	Source  int `json:"source"`
	Records int `json:"records"`
	// Summary is that of what is done.
	Summary Summary `json:"summary"`
}

// StateSource is a file. A log that grows may go on; one that has shrunk is
// another one.
type StateSource struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// stateVersion changes when a state means something else.
const stateVersion = 1

// NewState returns the state of a run that has not begun. Standard input and
// pipes cannot be read again, so they are refused.
func NewState(run string, t *Traffic) (State, error) {
	s := State{Version: stateVersion, Run: run}
	for _, in := range t.files {
		info, err := os.Stat(in.path)
		if in.path == stdin || err == nil && !info.Mode().IsRegular() {
			return s, errors.New(in.path + " cannot be read a second time, so a run over it cannot be resumed: save it to a file first")
		}
		if err != nil {
			return s, sourceError(in.path, err)
		}
		s.Sources = append(s.Sources, StateSource{in.path, info.Size()})
	}
	return s, nil
}

// Resume takes over what is done from a state that an earlier run has saved,
// and has the traffic skip it. A file that does not exist is a run that has
// not begun.
func (s *State) Resume(file string, t *Traffic) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var old State
	if err := json.Unmarshal(text, &old); err != nil {
		return fmt.Errorf("%s: not a state of replay: %w", file, err)
	}
	if err := s.continues(old); err != nil {
		return fmt.Errorf("%s: %w; remove the file to begin anew", file, err)
	}
	s.Source, s.Records, s.Summary = old.Source, old.Records, old.Summary
	t.skip(old.Source, old.Records)
	return nil
}

// continues says what keeps s from going on where old has ended.
func (s *State) continues(old State) error {
	switch {
	case old.Version != s.Version:
		return fmt.Errorf("the state is of version %d and this program writes %d", old.Version, s.Version)
	case old.Run != s.Run:
		return errors.New("the state is of a run with another policy or other flags")
	case len(old.Sources) > len(s.Sources):
		return errors.New("the state is of a run over other files")
	}
	for i, was := range old.Sources {
		now := s.Sources[i]
		if now.Path != was.Path || i < old.Source && now.Bytes != was.Bytes || now.Bytes < was.Bytes {
			return fmt.Errorf("the state is of a run over other files: %s was %d bytes long, and now %s has %d", was.Path, was.Bytes, now.Path, now.Bytes)
		}
	}
	return nil
}

// Add takes in a result. Results come in the order of the traffic.
func (s *State) Add(r Result) {
	if r.Source != s.Source {
		s.Source, s.Records = r.Source, 0
	}
	s.Records++
	s.Summary.Add(r)
}

// Save replaces the file at once, so that whoever stops the program at whatever
// time leaves a whole state.
func (s *State) Save(file string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	_, err = next.Write(text)
	err = errors.Join(err, next.Close())
	if err == nil {
		err = os.Rename(next.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return nil
}
