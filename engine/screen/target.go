package screen

import (
	"regexp"
	"strings"

	"tabard/engine/screen/bodies"
	"tabard/engine/seclang"
)

// target is one variable of a link that is read from the exchange.
type target struct {
	kinds  []bodies.Kind
	mask   bodies.Set
	key    selector
	count  bool
	except []selector
	// input, when not 0, is one more than the index of a variable of TX that only
	// the engine sets; there are no kinds then.
	input int
}

// selector chooses by the name of an element.
type selector struct {
	name, lower string
	re          *regexp.Regexp
}

// newTarget compiles a target. ok is false for a pattern that does not compile.
func newTarget(t seclang.Target, kinds []bodies.Kind) (out target, ok bool) {
	out = target{kinds: kinds, mask: bodies.SetOf(kinds...), count: t.Count}
	if out.key, ok = newSelector(t.Selector); !ok {
		return out, false
	}
	for _, e := range t.Except {
		s, ok := newSelector(e)
		if !ok {
			return out, false
		}
		out.except = append(out.except, s)
	}
	return out, true
}

func newSelector(s seclang.Selector) (out selector, ok bool) {
	if !s.IsPattern {
		return selector{name: s.Key, lower: strings.ToLower(s.Key)}, true
	}
	re, err := regexp.Compile(s.Pattern)
	return selector{re: re}, err == nil
}

// selects says whether the target has the element among its values. Its kind is
// one of the target's.
func (t *target) selects(e *bodies.Element) bool {
	if !t.key.chooses(e) {
		return false
	}
	if len(t.except) == 0 {
		return true
	}
	for i := range t.except {
		if t.except[i].excludes(e.Key) {
			return false
		}
	}
	return true
}

// chooses compares as Coraza's collections do; one without keys has nothing
// under any key.
func (s *selector) chooses(e *bodies.Element) bool {
	switch {
	case s.re == nil && s.name == "":
		return true
	case e.Kind.Single():
		return false
	case e.Kind.CaseSensitive():
		return s.re != nil && s.re.MatchString(e.Key) || s.re == nil && s.name == e.Key
	case s.re != nil:
		return s.re.MatchString(strings.ToLower(e.Key))
	}
	return bodies.NameIs(e.Key, s.lower)
}

// excludes compares as Coraza does for exceptions: without case, "" with all.
func (s *selector) excludes(key string) bool {
	if s.re != nil {
		return s.re.MatchString(strings.ToLower(key))
	}
	return s.lower == "" || bodies.NameIs(key, s.lower)
}
