package operators

import (
	"strings"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"

	"tabard/engine/mime"
)

// mimeAmbiguous is the operator @mimeAmbiguous.
//
// Description:
// Looks at the parameters of a Content-Type: one that stands there twice, an
// extended one (RFC 2231), a boundary that RFC 2046 does not allow, and a charset
// that is not in a list.
//
// Arguments:
// Character sets with blanks between. A macro that expands to nothing, or to a
// variable that is not set, never matches.
//
// Returns:
// true if the value can be read in two ways or names another character set. TX:0
// then says why, if the rule captures.
//
// Example:
//
//	SecRule REQUEST_HEADERS:Content-Type "@mimeAmbiguous utf-8" \
//	    "id:1,phase:1,deny,status:415"
type mimeAmbiguous struct{ argument argument }

var _ plugintypes.Operator = (*mimeAmbiguous)(nil)

func newMIMEAmbiguous(options plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	a, err := newArgument(options.Arguments)
	return &mimeAmbiguous{a}, err
}

// Evaluate judges one value.
func (o *mimeAmbiguous) Evaluate(tx plugintypes.TransactionState, value string) bool {
	charsets := o.argument.in(tx)
	if isUnset(charsets) {
		return false
	}
	why := mime.Ambiguity(value, strings.Fields(charsets))
	if why != "" {
		tx.CaptureField(0, why)
	}
	return why != ""
}
