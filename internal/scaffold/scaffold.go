// Package scaffold writes the files of a new rule: the rule that is to judge
// exchanges, tests of it with a match and its harmless twin, and the policy
// that the tests run with. All of it works as it is, so that its author changes
// one thing at a time.
package scaffold

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tabard/engine/seclang"
)

// Rule is what is to be written.
type Rule struct {
	ID int
	// Name is such as json-depth: small letters, digits and "-".
	Name string
}

// File is one file to write.
type File struct{ Name, Text string }

// SuiteFile is the name of the policy that the tests of a folder run with.
const SuiteFile = "suite.yaml"

// name is the form of a rule's name.
var name = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Check says what is wrong with a rule's name.
func (r Rule) Check() error {
	if name.MatchString(r.Name) {
		return nil
	}
	return fmt.Errorf("a rule cannot be called %q: write small letters, digits and %q, such as json-depth", r.Name, "-")
}

// Files are the rule, its tests and the suite.
func (r Rule) Files() []File {
	base := strconv.Itoa(r.ID) + "-" + r.Name
	fill := strings.NewReplacer("@ID@", strconv.Itoa(r.ID), "@NAME@", r.Name)
	return []File{
		{base + ".conf", fill.Replace(ruleText)},
		{base + ".test.yaml", fill.Replace(testText)},
		{SuiteFile, suiteText},
	}
}

// The texts. The rule is laid out as tabard fmt does it, and tabard check has
// nothing against it.
const (
	ruleText = `# What it stops: (say it in a sentence)
#
# Where it may misfire: (which harmless requests look like this?)
#
# How to turn it off: SecRuleRemoveById @ID@, or exclusions in the policy.
SecRule ARGS:@NAME@ "@rx ^attack[0-9]+$" \
    "id:@ID@,\
    phase:2,\
    deny,\
    status:403,\
    t:none,\
    t:lowercase,\
    log,\
    msg:'@NAME@',\
    logdata:'%{MATCHED_VAR_NAME}',\
    tag:'local',\
    severity:'CRITICAL'"
`
	testText = `# yaml-language-server: $schema=https://raw.githubusercontent.com/coreruleset/ftw-tests-schema/main/spec/v3.0.0/waf-tests-schema-v3.0.0.json
meta:
  author: you
  description: (what the rule stops)
rule_id: @ID@
template:
  method: GET
  uri: /?@NAME@={{.Payload}}
  headers:
    - {name: Host, value: shop.example}
    - {name: User-Agent, value: tabard test}
    - {name: Accept, value: "*/*"}
tests:
  - id: 1
    description: the attack is refused
    payload: ATTACK1
    output: {status: 403, isolated: true, log: {expect_ids: [@ID@]}}
  - id: 2
    description: its harmless twin passes
    payload: ATTACK
    output: {log: {no_expect_ids: [@ID@]}}
`
	suiteText = `# The policy that the tests of this folder run with.
directives:
- file: "*.conf"
`
)

// firstID is the first of an empty folder, where the range has it: files of
// four digits sort as their ids do.
const firstID = 1000

// NextID gives a free id for a folder: the ten after its highest, so that there
// is room between two rules, or the first free one of the range. used are all
// ids that are taken, own those of the folder. ok is false when the range is
// full.
func NextID(own, used []int, first, last int) (id int, ok bool) {
	if len(own) > 0 {
		if id = (slices.Max(own)/10 + 1) * 10; id >= first && id <= last && !slices.Contains(used, id) {
			return id, true
		}
	}
	if len(own) == 0 && first <= firstID && firstID <= last && !slices.Contains(used, firstID) {
		return firstID, true
	}
	for id = first; id <= last; id++ {
		if !slices.Contains(used, id) {
			return id, true
		}
	}
	return 0, false
}

// IDs gives the ids that the rules of a text set. A text that does not load has
// those up to its mistake.
func IDs(file, text string) (ids []int) {
	directives, _ := seclang.Split(seclang.Source{Name: path.Base(file), Text: text})
	for _, d := range directives {
		if id, ok := d.RuleID(); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
