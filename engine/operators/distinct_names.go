package operators

import (
	"strings"

	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// DistinctNames is the name of the operator that keeps Coraza from taking one
// value of a name for another; the fast path asks whether a rule set has it.
const DistinctNames = "distinctNames"

// distinctNames is the operator @distinctNames.
//
// Description:
// Gives each value of a name that occurs more than once a name of its own in
// memory; the text stays the same. Coraza 3.8.1 keeps transformed values under the
// address of their name and a position that comes from a map walk in random order,
// so that of two values under one address a rule may be shown the other one.
//
// Arguments:
// none
//
// Returns:
// false. A rule with it stands before all others of its phase.
//
// Example:
//
//	SecRule REQUEST_METHOD "@distinctNames" "id:1,phase:2,pass,nolog"
type distinctNames struct{}

var _ plugintypes.Operator = distinctNames{}

func newDistinctNames(plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	return distinctNames{}, nil
}

// Evaluate looks at no value; it goes over the collections.
func (distinctNames) Evaluate(tx plugintypes.TransactionState, _ string) bool {
	v := tx.Variables()
	for _, c := range [...]collection.Map{
		v.ArgsGet(), v.ArgsPost(), v.RequestHeaders(), v.RequestCookies(), v.MultipartPartHeaders(), v.ResponseHeaders(), v.ResponseArgs(),
	} {
		separate(c)
	}
	return false
}

// separate gives the values of repeated names names of their own. An empty name
// has no address, and no way to find its values by it.
func separate(c collection.Map) {
	seen := map[string]bool{}
	for _, data := range c.FindAll() {
		name := data.Key()
		if name == "" || seen[name] {
			continue
		}
		seen[name] = true
		values := c.FindString(name)
		for i := 0; len(values) > 1 && i < len(values); i++ {
			c.SetIndex(strings.Clone(values[i].Key()), i, values[i].Value())
		}
	}
}
