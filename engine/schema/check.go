package schema

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"tabard/engine/ijson"
)

const (
	// maxSteps bounds how many pairs of a value and a schema are looked at for one
	// text: alternatives inside of alternatives would multiply. A body of 128 KiB
	// with a value in every two bytes, against three alternatives, needs a third.
	maxSteps = 500_000
	// maxPlaceBytes bounds the names of members in a problem: a client makes them up.
	maxPlaceBytes = 100
)

const tooMuch = "too much to check"

// Check says what is wrong with a JSON text, with its place in it, as in
// "items.0.price: must be a number"; "" when nothing is. It never quotes a value.
// A text that is no I-JSON, or nests deeper than maxDepth, is wrong.
func (s *Schema) Check(text string, maxDepth int) string {
	v, problem := ijson.Parse(text, maxDepth)
	if problem != ijson.OK {
		return "no JSON text: " + problem.String()
	}
	return s.checkValue(&v)
}

func (s *Schema) checkValue(v *ijson.Value) string {
	c := checker{}
	return c.check(s, v, nil).String()
}

// CheckText checks a parameter, which is a text whatever its type: it is right
// when it is so as a string, as the number or as the truth value it reads as.
func (s *Schema) CheckText(text string) string {
	problem := s.checkValue(&ijson.Value{Kind: '"', Text: text})
	if problem == "" {
		return ""
	}
	if v, bad := ijson.Parse(text, 1); bad == ijson.OK && kindOf(&v)&(kindNumber|kindBoolean) != 0 {
		return s.checkValue(&v)
	}
	return problem
}

// CheckList checks a parameter that is a list of texts.
func (s *Schema) CheckList(texts []string) string {
	list := ijson.Value{Kind: '['}
	for _, text := range texts {
		list.Elements = append(list.Elements, ijson.Value{Kind: '"', Text: text})
	}
	c := checker{textItems: true}
	return c.check(s, &list, nil).String()
}

// place is where a value is; the innermost name comes first.
type place struct {
	name string
	up   *place
}

func (p *place) String() string {
	var names []string
	for ; p != nil; p = p.up {
		names = append([]string{p.name}, names...)
	}
	text := strings.Join(names, ".")
	if len(text) > maxPlaceBytes {
		text = strings.ToValidUTF8(text[:maxPlaceBytes], "") + "..."
	}
	return text
}

// wrong is a problem and where it is; it becomes a text only when it is the
// answer, because alternatives fail by the thousand. Without what it is none.
type wrong struct {
	at   *place
	what string
}

func (w wrong) String() string {
	if w.at == nil || w.what == "" || w.what == tooMuch {
		return w.what
	}
	return w.at.String() + ": " + w.what
}

func (p *place) says(what string) wrong { return wrong{p, what} }

type checker struct {
	steps int
	// textItems: the elements of the outermost array are parameters.
	textItems bool
}

// check gives the first problem, or "".
func (c *checker) check(s *Schema, v *ijson.Value, at *place) wrong {
	if c.steps++; c.steps > maxSteps {
		return wrong{what: tooMuch}
	}
	k := kindOf(v)
	switch {
	case s.never:
		return at.says("is not allowed here")
	case s.kinds != 0 && s.kinds&k == 0:
		return at.says("must be " + s.kinds.String())
	case s.enum != nil && !isAmong(v, s.enum):
		return at.says("is none of the values that are allowed")
	}
	var problem wrong
	switch {
	case k&kindNumber != 0:
		problem = at.says(s.checkNumber(v.Text))
	case k == kindString:
		problem = at.says(s.checkText(v.Text))
	case k == kindArray:
		problem = c.checkArray(s, v, at)
	case k == kindObject:
		problem = c.checkObject(s, v, at)
	}
	if problem.what != "" {
		return problem
	}
	return c.combine(s, v, at)
}

func (c *checker) combine(s *Schema, v *ijson.Value, at *place) wrong {
	for _, part := range s.lists[allOf] {
		if problem := c.check(part, v, at); problem.what != "" {
			return problem
		}
	}
	problem := ""
	switch {
	case s.lists[anyOf] != nil && c.fits(s.lists[anyOf], v, at, 1) == 0:
		problem = "fits none of the alternatives"
	case s.parts[without] != nil && c.check(s.parts[without], v, at).what == "":
		problem = "is what it must not be"
	case s.lists[oneOf] != nil:
		problem = [...]string{"fits none of the alternatives", "", "fits more than one of the alternatives"}[c.fits(s.lists[oneOf], v, at, 2)]
	}
	// What an alternative or a "not" was told may have been this.
	if c.steps > maxSteps {
		return wrong{what: tooMuch}
	}
	return at.says(problem)
}

// fits counts the schemas that v fits, up to enough.
func (c *checker) fits(list []*Schema, v *ijson.Value, at *place, enough int) (n int) {
	for _, s := range list {
		if c.check(s, v, at).what == "" {
			if n++; n == enough {
				break
			}
		}
	}
	return n
}

func (c *checker) checkArray(s *Schema, v *ijson.Value, at *place) wrong {
	if problem := s.count(elements, len(v.Elements)); problem != "" {
		return at.says(problem)
	}
	if s.unique && c.hasTwins(v.Elements) {
		return at.says("must not hold a value twice")
	}
	of := s.parts[items]
	if of == nil {
		return wrong{}
	}
	for i := range v.Elements {
		if c.textItems && at == nil {
			if problem := of.CheckText(v.Elements[i].Text); problem != "" {
				return wrong{what: strconv.Itoa(i) + ": " + problem}
			}
			continue
		}
		if problem := c.check(of, &v.Elements[i], &place{strconv.Itoa(i), at}); problem.what != "" {
			return problem
		}
	}
	return wrong{}
}

func (c *checker) checkObject(s *Schema, v *ijson.Value, at *place) wrong {
	if problem := s.count(members, len(v.Members)); problem != "" {
		return at.says(problem)
	}
	for _, name := range s.required {
		if _, ok := v.Get(name); !ok {
			return at.says("has no member " + strconv.Quote(name))
		}
	}
	for i := range v.Members {
		m := &v.Members[i]
		of, ok := s.properties[m.Name]
		if !ok {
			of = s.parts[additional]
		}
		if of == nil {
			continue
		}
		if problem := c.check(of, &m.Value, &place{m.Name, at}); problem.what != "" {
			return problem
		}
	}
	return wrong{}
}

// count compares a length with the bounds for it: characters, elements or members.
func (s *Schema) count(of, n int) string {
	least, most := s.counts[of], s.counts[of+1]
	if n >= least && (most < 0 || n <= most) {
		return ""
	}
	bounds := strconv.Itoa(least) + " or more"
	if most >= 0 {
		bounds = strconv.Itoa(least) + " to " + strconv.Itoa(most)
	}
	return "must have " + bounds + [...]string{" characters", " elements", " members"}[of/2]
}

func (s *Schema) checkNumber(text string) string {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "must be a number that a double holds"
	}
	for i, limit := range s.bounds {
		if s.bounded&(1<<i) == 0 {
			continue
		}
		switch {
		case i == minimum && f < limit, i == exclusiveMinimum && f <= limit:
			return "is too small"
		case i == maximum && f > limit, i == exclusiveMaximum && f >= limit:
			return "is too large"
		case i == multipleOf && !isMultiple(f, limit):
			return "is no multiple of what it must be"
		}
	}
	if s.format == "int32" && !fitsBits(f, 32) || s.format == "int64" && !fitsBits(f, 64) {
		return "is out of the range of its format"
	}
	return ""
}

// fitsBits leaves out the largest numbers of 64 bits, which a double does not
// tell from one that is too large.
func fitsBits(f float64, bits int) bool {
	limit := math.Ldexp(1, bits-1)
	return f >= -limit && f < limit
}

// multipleTolerance is what the division of two decimal fractions may be off by.
const multipleTolerance = 1e-9

func isMultiple(f, of float64) bool {
	n := f / of
	return math.Abs(n-math.Round(n)) <= multipleTolerance*math.Max(1, math.Abs(n))
}

// isInteger: 1.0 and 1e3 are integers to JSON Schema.
func isInteger(text string) bool {
	if !strings.ContainsAny(text, ".eE") {
		return true
	}
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && f == math.Trunc(f)
}

func (s *Schema) checkText(text string) string {
	if problem := s.count(characters, utf8.RuneCountInString(text)); problem != "" {
		return problem
	}
	switch {
	case s.pattern != nil && !s.pattern.MatchString(text):
		return "does not have the pattern it must have"
	case s.format != "" && !hasFormat(s.format, text):
		return "is no " + s.format
	}
	return ""
}

func isAmong(v *ijson.Value, list []ijson.Value) bool {
	for i := range list {
		if equal(v, &list[i]) {
			return true
		}
	}
	return false
}

// hasTwins compares each with each; every comparison is a step, so that a list of
// a thousand is looked at and a longer one is too much.
func (c *checker) hasTwins(list []ijson.Value) bool {
	if c.steps += len(list) * len(list) / 2; c.steps > maxSteps {
		return false
	}
	for i := range list {
		if isAmong(&list[i], list[:i]) {
			return true
		}
	}
	return false
}

// equal compares as JSON Schema does: numbers by value, objects without order.
func equal(a, b *ijson.Value) bool {
	if a.Kind != b.Kind || len(a.Elements) != len(b.Elements) || len(a.Members) != len(b.Members) {
		return false
	}
	for i := range a.Elements {
		if !equal(&a.Elements[i], &b.Elements[i]) {
			return false
		}
	}
	for i := range a.Members {
		other, ok := b.Get(a.Members[i].Name)
		if !ok || !equal(&a.Members[i].Value, other) {
			return false
		}
	}
	if a.Kind == 0 {
		x, _ := strconv.ParseFloat(a.Text, 64)
		y, _ := strconv.ParseFloat(b.Text, 64)
		return x == y
	}
	return a.Text == b.Text
}
