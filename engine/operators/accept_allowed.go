package operators

import (
	"errors"
	"strings"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// acceptAllowed is the operator @acceptAllowed.
//
// Description:
// Reads the value of an Accept field and looks whether one of its media ranges
// takes a type of a list.
//
// Arguments:
// Media types as for @mimeAllowed. A macro that expands to nothing, or to a
// variable that is not set, allows everything.
//
// Returns:
// true if the client takes a type of the list. Rules negate it.
//
// Example:
//
//	SecRule REQUEST_HEADERS:Accept "!@acceptAllowed application/json" \
//	    "id:1,phase:1,deny,status:406"
type acceptAllowed struct{ mimeAllowed }

var _ plugintypes.Operator = (*acceptAllowed)(nil)

func newAcceptAllowed(options plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	op, err := newMIMEAllowed(options)
	if err != nil {
		return nil, errors.New("@acceptAllowed: " + strings.TrimPrefix(err.Error(), "@mimeAllowed: "))
	}
	allowed := op.(*mimeAllowed)
	return &acceptAllowed{mimeAllowed{argument: allowed.argument, lists: allowed.lists}}, nil
}

// Evaluate judges one value.
func (o *acceptAllowed) Evaluate(tx plugintypes.TransactionState, value string) bool {
	list := o.listIn(tx)
	return list == nil || list.Accepts(value)
}
