package lsp

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"tabard/engine/operators"
	"tabard/engine/seclang"
	"tabard/internal/ftw"
	"tabard/internal/lint"
	"tabard/internal/words"
)

// word is what stands under the cursor.
type word struct {
	text     string
	from, to int    // in the line
	before   string // the line up to it
}

// wordBytes are the bytes that words of the rule language have.
const wordBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

// wordAt gives the word at a byte of a line. more are further bytes that belong
// to it.
func wordAt(line string, offset int, more string) word {
	isWord := func(i int) bool { return strings.IndexByte(wordBytes+more, line[i]) >= 0 }
	from, to := offset, offset
	for from > 0 && isWord(from-1) {
		from--
	}
	for to < len(line) && isWord(to) {
		to++
	}
	return word{line[from:to], from, to, line[:from]}
}

// at finds the line and the word that a position means.
func (s *server) at(file string, p position, more string) word {
	text, _ := s.text(file)
	line := lineOf(text, p.Line)
	return wordAt(line, s.offset(line, p.Character), more)
}

// hover says what the word under the cursor stands for.
func (s *server) hover(file string, p position) (*hover, error) {
	if !isRules(file) {
		return nil, nil
	}
	w := s.at(file, p, "")
	text := meaning(w)
	if id, err := strconv.Atoi(w.text); err == nil && text == "" {
		table, c, err := s.table(file)
		if err != nil {
			return nil, nil // the diagnostics say why
		}
		text = s.ruleText(table, c, id)
	}
	if text == "" {
		return nil, nil
	}
	source, _ := s.text(file)
	line := lineOf(source, p.Line)
	return &hover{
		Contents: markup{"markdown", text},
		Range:    &textRange{position{p.Line, s.character(line, w.from)}, position{p.Line, s.character(line, w.to)}},
	}, nil
}

// meaning says what a word of the language stands for, by what is before it.
func meaning(w word) string {
	kinds := []words.Kind{words.Variable}
	switch before := strings.TrimRight(w.before, " \t"); {
	case strings.HasSuffix(w.before, "@"):
		kinds = []words.Kind{words.Operator}
	case strings.HasSuffix(w.before, "t:"):
		kinds = []words.Kind{words.Transformation}
	case before == "" || strings.HasSuffix(before, ",") || strings.HasSuffix(before, `"`):
		kinds = []words.Kind{words.Action, words.Variable}
	}
	for _, kind := range kinds {
		if sentence, ok := words.Sentence(kind, w.text); ok {
			return "**" + w.text + "** (" + string(kind) + "): " + sentence
		}
	}
	return ""
}

// maxRuleLines is how much of a rule a hover shows.
const maxRuleLines = 30

// ruleText shows a rule: what it says, where it stands, and its text.
func (s *server) ruleText(table *seclang.Table, c lint.Config, id int) string {
	r := rule(table, id)
	if r == nil {
		return ""
	}
	at := c.Place(r.Directive.Pos)
	text, ok := s.text(at.File)
	if !ok {
		built, err := fs.ReadFile(c.Known.Files, at.File)
		text, ok = string(built), err == nil
	}
	out := fmt.Sprintf("**%d** (phase %d): %s\n\n%s:%d", r.ID, r.Phase, operators.JWT.Shown(r.Msg), at.File, at.Line)
	if lines := strings.Split(text, "\n"); ok && at.Line <= len(lines) {
		end := min(r.Directive.EndLine, at.Line-1+maxRuleLines, len(lines))
		out += "\n\n```seclang\n" + strings.Join(lines[at.Line-1:end], "\n") + "\n```"
	}
	return out
}

func rule(table *seclang.Table, id int) *seclang.Rule {
	for _, r := range table.Rules {
		if r.ID == id && r.Marker == "" && id != 0 {
			return r
		}
	}
	return nil
}

// definition finds the rule, marker or file that the word under the cursor
// names.
func (s *server) definition(file string, p position) ([]location, error) {
	if !isRules(file) {
		return nil, nil
	}
	table, c, err := s.table(file)
	if err != nil {
		return nil, nil // the diagnostics say why
	}
	if id, err := strconv.Atoi(s.at(file, p, "").text); err == nil {
		if r := rule(table, id); r != nil {
			return s.locations(c, c.Place(r.Directive.Pos)), nil
		}
	}
	w := s.at(file, p, "-./@*")
	if w.text == "" {
		return nil, nil
	}
	for _, r := range table.Rules {
		if r.Marker == w.text {
			return s.locations(c, c.Place(r.Directive.Pos)), nil
		}
	}
	name := filepath.Join(filepath.Dir(file), filepath.FromSlash(w.text))
	if _, ok := s.text(name); ok {
		return s.locations(c, seclang.Position{File: name, Line: 1, Col: 1}), nil
	}
	return nil, nil
}

// locations gives a place that the editor can open: of a built-in file a copy
// in the cache.
func (s *server) locations(c lint.Config, at seclang.Position) []location {
	if strings.HasPrefix(at.File, "@") {
		text, err := fs.ReadFile(c.Known.Files, at.File)
		if err != nil || s.options.Cache == "" {
			return nil
		}
		copied := filepath.Join(s.options.Cache, filepath.FromSlash(path.Clean("/"+at.File)))
		if err := keep(copied, text); err != nil {
			return nil
		}
		at.File = copied
	}
	text, _ := s.text(at.File)
	line := lineOf(text, at.Line-1)
	start := position{at.Line - 1, s.character(line, at.Col-1)}
	return []location{{uriOf(at.File), textRange{start, start}}}
}

// keep writes a copy that is not to be edited, when it is not there yet.
func keep(file string, text []byte) error {
	if have, err := os.ReadFile(file); err == nil && string(have) == string(text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	_ = os.Remove(file) // an older copy, which is read-only
	return os.WriteFile(file, text, 0o444)
}

// lenses offers to run the tests beside a rule file, above the rule that they
// are about.
func (s *server) lenses(file string) ([]codeLens, error) {
	base, isConf := strings.CutSuffix(file, ".conf")
	tests := base + ftw.Suffix
	text, ok := s.text(tests)
	if !ok || !isConf || s.options.Test == nil {
		return []codeLens{}, nil
	}
	suite, err := ftw.Load(tests, []byte(text))
	if err != nil {
		return []codeLens{}, nil // running it says why
	}
	line := 0
	source, _ := s.text(file)
	directives, _ := seclang.Split(seclang.Source{Name: file, Text: source})
	for _, d := range directives {
		if id, ok := d.RuleID(); ok && id == suite.RuleID {
			line = d.Pos.Line - 1
		}
	}
	title := "run " + strconv.Itoa(len(suite.Tests)) + " tests"
	if len(suite.Tests) == 1 {
		title = "run 1 test"
	}
	at := position{Line: line}
	return []codeLens{{textRange{at, at}, command{title, testCommand, []string{tests}}}}, nil
}
