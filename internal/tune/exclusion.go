package tune

import (
	"fmt"
	"regexp"
	"strings"

	"tabard/engine"
)

// Exclusion is a rule that no longer looks at one parameter of one endpoint, or
// at that endpoint at all.
type Exclusion struct {
	// Rule is the id of the rule.
	Rule int `json:"rule"`
	// Route is the path, in which {id} stands for one segment.
	Route string `json:"route"`
	// Target is the parameter, such as ARGS:q; * stands for an index of a JSON
	// array. Empty means that the rule is off for the route.
	Target string `json:"target,omitempty"`
}

// plainCollection is how Coraza calls its variables.
var plainCollection = regexp.MustCompile(`^[A-Z_]+$`)

// plainKey are keys that can stand in an action list as they are.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.\-\[\]$@]+$`)

// narrowTarget says whether a target can be taken away from a rule at run time.
// What rules compute (TX) and keys with signs that SecLang reads cannot.
func narrowTarget(target string) bool {
	collection, key, keyed := strings.Cut(target, ":")
	if !plainCollection.MatchString(collection) || strings.HasPrefix(collection, "TX") || strings.HasPrefix(collection, "MATCHED_") {
		return false
	}
	return !keyed || plainKey.MatchString(strings.ReplaceAll(key, "*", ""))
}

// widened is the exclusion for the whole route.
func (e Exclusion) widened() Exclusion { return Exclusion{Rule: e.Rule, Route: e.Route} }

// Directive is the ready rule: run-time, for this path only, so that it changes
// nothing anywhere else.
func (e Exclusion) Directive(id int) string {
	return fmt.Sprintf("SecRule REQUEST_FILENAME \"%s\" \\\n    \"id:%d,phase:1,pass,nolog,t:none,%s\"\n", e.operator(), id, e.control())
}

// plainRoute are paths that can stand in a directive as they are. A client has
// chosen the path, and must not write rules: quotes, backslashes and macros (%{)
// are not among them.
var plainRoute = regexp.MustCompile(`^[A-Za-z0-9/_.~:@!$&()*+,;=-]+$`)

// operator compares the path as the rule sees it.
func (e Exclusion) operator() string {
	if plainRoute.MatchString(e.Route) && !strings.HasSuffix(e.Route, "/...") {
		return "@streq " + e.Route
	}
	route, cut := strings.CutSuffix(e.Route, "/...")
	var pattern strings.Builder
	for i := 0; i < len(route); i++ {
		if strings.HasPrefix(route[i:], "{id}") {
			pattern.WriteString("[^/]+")
			i += len("{id}") - 1
			continue
		}
		pattern.WriteString(literal(route[i]))
	}
	if cut {
		pattern.WriteString("/.+")
	}
	return "@rx ^" + pattern.String() + "$"
}

// literal matches one byte of a path. What is not ASCII may be one letter of
// several bytes to the regular expression.
func literal(c byte) string {
	switch {
	case c >= 0x80:
		return "[^/]*"
	case plainRoute.MatchString(string(rune(c))):
		return regexp.QuoteMeta(string(rune(c)))
	}
	return fmt.Sprintf(`\x%02x`, c)
}

// control is the action that excludes.
func (e Exclusion) control() string {
	switch {
	case e.Target == "":
		return fmt.Sprintf("ctl:ruleRemoveById=%d", e.Rule)
	case strings.Contains(e.Target, "*"):
		collection, key, _ := strings.Cut(e.Target, ":")
		pattern := strings.ReplaceAll(regexp.QuoteMeta(key), regexp.QuoteMeta("*"), `\d+`)
		return fmt.Sprintf("ctl:ruleRemoveTargetById=%d;%s:/^%s$/", e.Rule, collection, pattern)
	}
	return fmt.Sprintf("ctl:ruleRemoveTargetById=%d;%s", e.Rule, e.Target)
}

// with is the policy with exclusions in it, numbered from an id on.
func with(policy engine.Policy, first int, list []Exclusion) engine.Policy {
	var text strings.Builder
	for i, e := range list {
		text.WriteString(e.Directive(first + i))
	}
	if len(list) > 0 {
		policy.Directives = append(policy.Directives[:len(policy.Directives):len(policy.Directives)], engine.Directives{Inline: text.String()})
	}
	return policy
}
