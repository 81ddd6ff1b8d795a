package operators

import (
	"strings"

	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/experimental/plugins/macro"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// factories are our operators by name, without the "@".
var factories = map[string]plugintypes.OperatorFactory{
	"acceptAllowed": newAcceptAllowed,
	DistinctNames:   newDistinctNames,
	"ipReputation":  newIPReputation,
	"mimeAllowed":   newMIMEAllowed,
	"mimeAmbiguous": newMIMEAmbiguous,
}

// Coraza keeps operators in a map without a lock, so they have to be there
// before anybody can build a WAF.
func init() {
	for name, factory := range factories {
		plugins.RegisterOperator(name, factory)
	}
	plugins.RegisterOperator(pmFromFileName, newPMFromFile)
}

// Names returns the names of our operators, without the "@", sorted.
func Names() []string {
	return []string{"acceptAllowed", DistinctNames, "ipReputation", "mimeAllowed", "mimeAmbiguous"}
}

// argument is an operator's argument: a fixed text, or one with macros.
type argument struct {
	macro macro.Macro // nil for a fixed text
	text  string
}

func newArgument(text string) (argument, error) {
	if !strings.Contains(text, "%{") {
		return argument{text: text}, nil
	}
	m, err := macro.NewMacro(text)
	return argument{macro: m, text: text}, err
}

// isFixed says whether the argument is the same for every transaction.
func (a argument) isFixed() bool { return a.macro == nil }

// in gives the argument's text in a transaction. A macro over a variable that
// is not set stands for its own name, as everywhere in Coraza.
func (a argument) in(tx plugintypes.TransactionState) string {
	if a.isFixed() {
		return a.text
	}
	return a.macro.Expand(tx)
}
