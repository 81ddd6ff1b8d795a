package mime

import (
	"errors"
	"strconv"
	"strings"
)

// AllowList is a compiled list of patterns. It is immutable and safe for
// concurrent use.
type AllowList struct {
	patterns []pattern
}

// pattern matches a type; "*" in major, "" in subtype and suffix match all.
type pattern struct {
	major, subtype, suffix string
}

// NewAllowList compiles patterns of four forms, in any case of letters:
//
//	application/json      this type
//	application/*+json    any type with this suffix; not application/json itself
//	text/*                any subtype
//	*/*                   any well-formed type
//
// Parameters take no part in matching and are refused here. An empty list
// allows nothing. The error quotes the pattern and says what would work.
func NewAllowList(patterns []string) (*AllowList, error) {
	list := &AllowList{patterns: make([]pattern, 0, len(patterns))}
	for _, text := range patterns {
		p, err := parsePattern(text)
		if err != nil {
			return nil, err
		}
		list.patterns = append(list.patterns, p)
	}
	return list, nil
}

func parsePattern(text string) (pattern, error) {
	refuse := func(why string) (pattern, error) {
		return pattern{}, errors.New("media type " + strconv.Quote(text) + " " + why)
	}
	if strings.Contains(text, ";") {
		return refuse("has parameters, which take no part in matching: leave them out")
	}
	major, subtype, found := strings.Cut(lower(text), "/")
	if !found || !isToken(major) || !isToken(subtype) {
		return refuse("is none: write type/subtype, such as application/json, application/*+json or text/*")
	}
	p := pattern{major: major}
	switch suffix, isSuffix := strings.CutPrefix(subtype, "*+"); {
	case isSuffix:
		p.suffix = suffix
	case subtype != "*":
		p.subtype = subtype
	}
	if strings.Contains(p.subtype+p.suffix, "*") || p.suffix == "" && strings.HasPrefix(subtype, "*+") {
		return refuse("has a * in the wrong place: write type/* or type/*+suffix")
	}
	if strings.Contains(major, "*") && (major != "*" || subtype != "*") {
		return refuse("has a * in the wrong place: only */* may begin with it")
	}
	return p, nil
}

// Allows says whether a pattern of the list matches the type.
func (l *AllowList) Allows(t Type) bool {
	for _, p := range l.patterns {
		if p.matches(t) {
			return true
		}
	}
	return false
}

func (p pattern) matches(t Type) bool {
	switch {
	case p.major != "*" && p.major != t.Type:
		return false
	case p.suffix != "":
		return p.suffix == t.Suffix()
	default:
		return p.subtype == "" || p.subtype == t.Subtype
	}
}
