package trace

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
)

func TestHowFarAPatternGoesAlong(t *testing.T) {
	for name, c := range map[string]struct {
		pattern       string
		values        []string
		matched, rest string
		part          string
	}{
		"up to the letter that is missing":       {`un[io]+n\s+select`, []string{"union"}, `un[io]+n`, `\s+select`, "union"},
		"the value that comes farthest":          {`abc\d`, []string{"a", "xabc", "ab"}, `abc`, `\d`, "abc"},
		"the alternative that comes farthest":    {`abcdef1|abcx|zz`, []string{"abc!"}, `abc`, `(?:def1|x)`, "abc"},
		"past a choice in the middle":            {`a(?:b|c)d`, []string{"acx"}, `a[bc]`, `d`, "ac"},
		"past words to choose from":              {`a(?:bb|ce)d`, []string{"ace"}, `a(?:bb|ce)`, `d`, "ace"},
		"in a group":                             {`(?:ab(?:cd))e`, []string{"abcd"}, `abcd`, `e`, "abcd"},
		"without regard to case":                 {`(?i)select\s`, []string{"SeLect"}, `select`, `\s`, "SeLect"},
		"an element that may be empty is no way": {`a*b`, []string{"zz"}, "", "", ""},
		"nothing":                                {`abc`, []string{"zzz", ""}, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := Link{Link: &seclang.Link{Operator: &seclang.Operator{Name: "rx", Arg: c.pattern}}}
			for _, v := range c.values {
				l.Tests = append(l.Tests, Test{Value: v})
			}
			n, ok := l.Nearest()
			require.Equal(t, c.matched != "", ok)
			require.Equal(t, c.matched, n.Matched)
			require.Equal(t, c.rest, n.Rest)
			if ok {
				require.Equal(t, c.part, l.Tests[n.Test].Value[n.Part.From:n.Part.To])
			}
		})
	}
}

func TestOnlyAPatternThatDidNotMatchIsNear(t *testing.T) {
	for name, l := range map[string]Link{
		"it matched":       {Link: &seclang.Link{Operator: &seclang.Operator{Name: "rx", Arg: "ab"}}, Matched: true, Tests: []Test{{Value: "ab"}}},
		"it is negated":    {Link: &seclang.Link{Operator: &seclang.Operator{Name: "rx", Arg: "ab", Negated: true}}, Tests: []Test{{Value: "ab"}}},
		"it is no pattern": {Link: &seclang.Link{Operator: &seclang.Operator{Name: "pm", Arg: "ab"}}, Tests: []Test{{Value: "a"}}},
		"it saw nothing":   {Link: &seclang.Link{Operator: &seclang.Operator{Name: "rx", Arg: "ab"}}},
		"it is an action":  {Link: &seclang.Link{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, ok := l.Nearest()
			require.False(t, ok)
		})
	}
}

func TestThePartThatAnOperatorMatched(t *testing.T) {
	p := parts{}
	for name, c := range map[string]struct{ op, arg, value, part string }{
		"a pattern":                        {"rx", `s.l`, "a sql b", "sql"},
		"a pattern of bytes":               {"rx", `\xff.`, "a\xffb", "\xffb"},
		"the first word":                   {"pm", "nc cat", "a Cat nc", "Cat"},
		"the longest word at a place":      {"pm", "ca cat", "a cat", "cat"},
		"a text inside":                    {"contains", "or", "x or y", "or"},
		"the beginning":                    {"beginsWith", "x ", "x or y", "x "},
		"the end":                          {"endsWith", "y", "y or y", "y"},
		"all of it":                        {"streq", "abc", "abc", "abc"},
		"the first byte out of range":      {"validateByteRange", "32-126", "ab\x00\x01", "\x00"},
		"nothing for one that parses":      {"detectSQLi", "", "1' or 1=1", ""},
		"nothing for an argument to fill":  {"contains", "%{tx.a}", "a", ""},
		"nothing where there is no such":   {"contains", "q", "a", ""},
		"nothing for a file that is lost":  {"pmFromFile", "x.data", "a", ""},
		"nothing for a pattern that fails": {"rx", "(", "(", ""},
	} {
		t.Run(name, func(t *testing.T) {
			at := p.span(&seclang.Operator{Name: c.op, Arg: c.arg}, c.value)
			require.Equal(t, c.part, c.value[at.From:at.To])
		})
	}
}
