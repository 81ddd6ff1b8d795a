package screen

import (
	"io/fs"
	"net"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/corazawaf/libinjection-go"

	"tabard/engine/screen/dfa"
	"tabard/engine/screen/gate"
	"tabard/engine/screen/literal"
	"tabard/engine/seclang"
)

// check is an operator whose answer depends on the value alone, negation aside.
type check struct {
	test func(value string) bool
	// sets is a necessary condition for the automaton, gate one to ask first.
	sets []literal.Set
	gate func(value string) bool
	// rx is the argument of an @rx, captures the expression for its groups.
	rx       string
	captures *regexp.Regexp
	// byInput, when not nil, gives the test for what the engine has set.
	byInput *inputTests
	// words and sqli say what is captured.
	words *literal.WordList
	sqli  bool
}

// newCheck makes the check of an operator with its macros put in. ok is false
// for operators that are not rebuilt here (I7: those that ask the world
// outside are among them).
func (c *compiler) newCheck(op *seclang.Operator, arg, dir string) (k check, ok bool) {
	if own := c.options.Operators[op.Name]; own != nil {
		return c.ownCheck(own, arg)
	}
	switch op.Name {
	case "rx":
		return c.rx(arg)
	case "pm":
		return wordCheck(literal.PmWords(arg))
	case "pmFromFile", "pmf":
		text, err := c.file(dir, arg)
		if err != nil {
			return check{}, false
		}
		return wordCheck(literal.PmFileWords(text))
	case "detectSQLi":
		return check{test: isSQLi, gate: gate.MayBeSQLi, sqli: true}, true
	case "detectXSS":
		return check{test: libinjection.IsXSS, gate: gate.MayBeXSS}, true
	}
	test := simpleTest(op.Name, arg)
	return check{test: test}, test != nil
}

func isSQLi(value string) bool {
	is, _ := libinjection.IsSQLi(value)
	return is
}

func (c *compiler) rx(arg string) (check, bool) {
	rx, err := dfa.NewRx(arg, c.budget)
	if err != nil {
		return check{}, false
	}
	sets, err := literal.Required(dfa.RxPattern(arg))
	return check{test: rx.Match, sets: sets, rx: arg}, err == nil
}

func wordCheck(words []string) (check, bool) {
	list, err := literal.NewWordList(words)
	if err != nil {
		return check{}, false
	}
	return check{test: list.Match, sets: list.Sets(), words: list}, true
}

// file reads a data file from where Coraza looks first. One that lies elsewhere
// is not found, and its rule is Coraza's.
func (c *compiler) file(dir, name string) ([]byte, error) {
	if c.options.Files == nil {
		return nil, fs.ErrNotExist
	}
	if !path.IsAbs(name) {
		name = path.Join(dir, name)
	}
	return fs.ReadFile(c.options.Files, name)
}

// simpleTest gives the operators that are one comparison.
func simpleTest(name, arg string) func(string) bool {
	number, _ := strconv.Atoi(arg) // as Coraza: no number is 0
	value := func(s string) int { n, _ := strconv.Atoi(s); return n }
	switch name {
	case "eq":
		return func(s string) bool { return value(s) == number }
	case "ge":
		return func(s string) bool { return value(s) >= number }
	case "gt":
		return func(s string) bool { return value(s) > number }
	case "le":
		return func(s string) bool { return value(s) <= number }
	case "lt":
		return func(s string) bool { return value(s) < number }
	case "streq":
		return func(s string) bool { return s == arg }
	case "contains":
		return func(s string) bool { return strings.Contains(s, arg) }
	case "within":
		return func(s string) bool { return strings.Contains(arg, s) }
	case "beginsWith":
		return func(s string) bool { return strings.HasPrefix(s, arg) }
	case "endsWith":
		return func(s string) bool { return strings.HasSuffix(s, arg) }
	case "unconditionalMatch":
		return func(string) bool { return true }
	case "noMatch":
		return func(string) bool { return false }
	case "validateUtf8Encoding":
		return func(s string) bool { return !utf8.ValidString(s) }
	case "validateUrlEncoding":
		return brokenURLEncoding
	case "validateByteRange":
		return byteRange(arg)
	case "ipMatch":
		return ipMatch(arg)
	}
	return nil
}

func brokenURLEncoding(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			return true
		}
		i += 2
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// byteRange reports bytes outside the list, such as "9,32-126".
func byteRange(arg string) func(string) bool {
	if arg == "" {
		return nil
	}
	var valid [256]bool
	for _, part := range strings.Split(arg, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || from < 0 || to > 255 {
			return nil
		}
		for b := from; b <= to; b++ {
			valid[b] = true
		}
	}
	return func(s string) bool {
		for i := range len(s) {
			if !valid[s[i]] {
				return true
			}
		}
		return false
	}
}

// ipMatch reads addresses and networks as Coraza does, with the package it uses:
// entries that are neither are left out.
func ipMatch(arg string) func(string) bool {
	var networks []*net.IPNet
	for _, entry := range strings.Split(arg, ",") {
		entry = strings.TrimSpace(entry)
		if !strings.Contains(entry, "/") {
			switch {
			case strings.Contains(entry, ":"):
				entry += "/128"
			case strings.Contains(entry, "."):
				entry += "/32"
			}
		}
		if _, network, err := net.ParseCIDR(entry); err == nil {
			networks = append(networks, network)
		}
	}
	return func(s string) bool {
		ip := net.ParseIP(s)
		for _, n := range networks {
			if n.Contains(ip) {
				return true
			}
		}
		return false
	}
}
