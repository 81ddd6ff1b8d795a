package seclang

import "strings"

// selectorForm is how the text after the colon of a variable is read.
type selectorForm uint8

const (
	noSelector selectorForm = iota
	keySelector
	patternSelector
	// pathSelector is the XPath of XML: and JSON:, in which "/" is no pattern.
	pathSelector
)

// rawTarget is one variable of a list as scanned. The scanner follows Coraza's
// step by step, so that odd input means the same: "!" and "&" count anywhere in
// the name, a slash anywhere in a key starts a pattern, and the last byte of
// the list is dropped when it is a slash or inside an open pattern.
type rawTarget struct {
	name, key      []byte
	off, keyOff    int
	form           selectorForm
	negated, count bool
	quoted         bool
	escaped        bool
	// open means that a pattern's closing slash is missing.
	open bool
}

// scanTarget reads the variable that begins at s[start], which must exist. next
// is where the one after it begins. ok is false when a quote is left open.
func scanTarget(s string, start int) (t rawTarget, next int, ok bool) {
	t.off, t.keyOff = start, start
	i := start
	for ; i+1 < len(s) && !t.ends(s[i]); i++ {
		t.step(s[i], i)
	}
	c, last := s[i], i+1 == len(s)
	t.open = t.form == patternSelector && !t.ends(c)
	if c != '|' {
		t.end(c)
	}
	switch {
	case t.quoted:
		// The closing quote and the "|" after it are skipped.
		return t, i + 3, c == '\'' || !last && s[i+1] == '\''
	case t.form == patternSelector:
		return t, i + 2, true
	}
	return t, i + 1, true
}

// ends says whether c ends the variable: a "|", or the slash of a pattern.
func (t *rawTarget) ends(c byte) bool {
	if t.form == patternSelector {
		return c == '/' && !t.escaped
	}
	return c == '|'
}

// step takes a byte that does not end the variable.
func (t *rawTarget) step(c byte, at int) {
	switch t.form {
	case noSelector:
		t.stepName(c, at)
	case keySelector:
		t.stepKey(c)
	case patternSelector:
		t.escaped = c == '\\' && !t.escaped
		t.key = append(t.key, c)
	case pathSelector:
		t.key = append(t.key, c)
	}
}

func (t *rawTarget) stepName(c byte, at int) {
	switch c {
	case '!':
		t.negated = true
	case '&':
		t.count = true
	case ':':
		t.form, t.keyOff = keySelector, at+1
	default:
		if len(t.name) == 0 {
			t.off = at
		}
		t.name = append(t.name, c)
	}
}

func (t *rawTarget) stepKey(c byte) {
	name := string(t.name)
	switch {
	case len(t.key) == 0 && (name == "XML" || name == "JSON"):
		t.form = pathSelector
		t.key = append(t.key, c)
	case c == '/':
		t.form = patternSelector
	case c == '\'':
		t.quoted = true
	default:
		t.key = append(t.key, c)
	}
}

// end takes the last byte of the list.
func (t *rawTarget) end(c byte) {
	switch {
	case t.form == noSelector:
		t.name = append(t.name, c)
	case t.form != patternSelector && c != '/':
		t.key = append(t.key, c)
	}
}

// targets parses a list of variables and adds them to the link, as SecRule and
// the SecRuleUpdateTarget directives do: an exception applies to the variables
// before it, also to those of the rule that an update names.
func (b *builder) targets(l *Link, list span) {
	for i := 0; i < len(list.text); {
		t, next, closed := scanTarget(list.text, i)
		i = next
		v, ok := lookUpVariable(string(t.name))
		at := list.off + t.off
		switch {
		case !ok:
			b.fail(at, "unknown variable "+quote(string(t.name)), variableHint(string(t.name)))
			continue
		case t.form == keySelector && !v.Selectable:
			b.fail(list.off+t.keyOff, v.Name+" has no keys to choose from", "write "+v.Name+" alone")
			continue
		case !closed:
			b.fail(list.off+t.keyOff, "the single quote is never closed", "write the key without quotes")
			return
		}
		key := string(t.key)
		if t.form == patternSelector {
			key = "/" + key + "/"
		}
		b.warnTarget(list.off, t, v, key)
		b.addTarget(l, v, t, key, list.off)
	}
}

// addTarget adds one variable or one exception to the link.
func (b *builder) addTarget(l *Link, v VariableInfo, t rawTarget, key string, base int) {
	s := Selector{Key: key}
	s.IsPattern, s.Pattern = patternOf(key)
	if !v.MindsCase {
		s.Pattern = strings.ToLower(s.Pattern)
	}
	if s.IsPattern && b.checkPattern != nil {
		if msg, hint := b.checkPattern(s.Pattern); msg != "" {
			b.fail(base+t.keyOff, msg, hint)
			return
		}
	}
	if t.negated {
		for i := range l.Targets {
			if l.Targets[i].Variable == v.Name {
				// The full slice expression keeps a copied rule's list its own.
				have := l.Targets[i].Except
				l.Targets[i].Except = append(have[:len(have):len(have)], s)
			}
		}
		return
	}
	if !v.MindsCase {
		s.Key = strings.ToLower(s.Key)
	}
	l.Targets = append(l.Targets, Target{Variable: v.Name, Selector: s, Count: t.count, Pos: b.at.place(base + t.off)})
}

// patternOf says whether a key stands between slashes, the last of them not
// escaped, and gives what is between.
func patternOf(key string) (isPattern bool, pattern string) {
	n := len(key)
	if n < 2 || key[0] != '/' || key[n-1] != '/' {
		return false, ""
	}
	inner := key[1 : n-1]
	backslashes := len(inner) - len(strings.TrimRight(inner, `\`))
	if backslashes%2 == 1 {
		return false, ""
	}
	return true, inner
}

// warnTarget notes selectors that Coraza reads in another way than they look.
func (b *builder) warnTarget(base int, t rawTarget, v VariableInfo, key string) {
	at := base + t.keyOff
	switch {
	case t.open:
		b.warn(MisreadSelector, at, "the pattern is never closed, Coraza drops its last letter and takes in what follows", "end it with /")
	case t.form == patternSelector && !v.Selectable:
		b.warn(MisreadSelector, at, v.Name+" has no keys, so that nothing matches", "write "+v.Name+" alone")
	case t.form == keySelector && t.quoted:
		b.warn(MisreadSelector, at, "the quotes belong to the key here", "write the key without quotes")
	}
	if isPattern, pattern := patternOf(key); isPattern && (!v.MindsCase || t.negated) {
		b.warnPatternCase(at, pattern, !v.MindsCase)
	}
}

// warnPatternCase notes a pattern whose capital letters mislead: of most
// variables Coraza lowers it, which turns \D into \d; an exception's pattern
// always sees keys in lower case.
func (b *builder) warnPatternCase(at int, pattern string, lowered bool) {
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '\\' || i+1 == len(pattern) {
			if c := pattern[i]; !lowered && 'A' <= c && c <= 'Z' && !strings.Contains(pattern, "(?i") {
				b.warn(MisreadSelector, at, "an exception sees keys in lower case, which capital letters never match", "write it in lower case")
				return
			}
			continue
		}
		i++
		if c := pattern[i]; lowered && 'A' <= c && c <= 'Z' {
			b.warn(MisreadSelector, at, "Coraza lowers this pattern, so that \\"+string(c)+" becomes \\"+strings.ToLower(string(c)), "write a class such as [^0-9]")
			return
		}
	}
}
