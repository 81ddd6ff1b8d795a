package operators

import (
	"errors"
	"strings"
	"sync"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"

	"tabard/engine/mime"
)

// maxAllowLists is how many compiled lists one rule keeps. There are as many as
// routes with different lists; if a rule makes lists of what a client sends,
// the ones above the bound are compiled anew each time.
const maxAllowLists = 256

// mimeAllowed is the operator @mimeAllowed.
//
// Description:
// Parses the value of a Content-Type as the WHATWG MIME Sniffing Standard does
// and looks it up in a list.
//
// Arguments:
// Media types with blanks between: application/json, application/*+json,
// text/*, */*. A macro that expands to nothing, or to a variable that is not
// set, allows everything.
//
// Returns:
// true if the type is in the list; false if it is not, or if the value is no
// media type at all. Rules negate it.
//
// Example:
//
//	SecRule REQUEST_HEADERS:Content-Type "!@mimeAllowed application/json" \
//	    "id:1,phase:1,deny,status:415"
type mimeAllowed struct {
	argument argument

	mu    sync.RWMutex
	lists map[string]*mime.AllowList
}

var _ plugintypes.Operator = (*mimeAllowed)(nil)

func newMIMEAllowed(options plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	a, err := newArgument(options.Arguments)
	if err != nil {
		return nil, err
	}
	o := &mimeAllowed{argument: a, lists: map[string]*mime.AllowList{}}
	switch {
	case a.text == "":
		return nil, errors.New("@mimeAllowed names no media type: write application/json, application/*+json or text/*")
	case a.isFixed():
		_, err = o.list(a.text)
	}
	return o, err
}

// Evaluate judges one value.
func (o *mimeAllowed) Evaluate(tx plugintypes.TransactionState, value string) bool {
	list := o.listIn(tx)
	if list == nil {
		return true
	}
	t, ok := mime.Parse(value)
	return ok && list.Allows(t)
}

// listIn gives the list of a transaction, or nil when it allows everything.
func (o *mimeAllowed) listIn(tx plugintypes.TransactionState) *mime.AllowList {
	text := o.argument.in(tx)
	if isUnset(text) {
		return nil
	}
	list, err := o.list(text)
	if err != nil {
		// The engine checks the policy's patterns, so this list was made by a
		// rule; a list nobody can read allows nothing.
		tx.DebugLogger().Error().Err(err).Msg("a list of media types is wrong and allows nothing")
		return new(mime.AllowList)
	}
	return list
}

// isUnset says that there is no list: an empty one, or a macro that expanded to
// the name of its variable, which no media type looks like.
func isUnset(text string) bool {
	return strings.TrimSpace(text) == "" || strings.HasPrefix(text, "tx.") && !strings.Contains(text, "/")
}

func (o *mimeAllowed) list(text string) (*mime.AllowList, error) {
	o.mu.RLock()
	list, ok := o.lists[text]
	o.mu.RUnlock()
	if ok {
		return list, nil
	}
	list, err := mime.NewAllowList(strings.Fields(text))
	if err != nil {
		return nil, errors.New("@mimeAllowed: " + err.Error())
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lists) < maxAllowLists {
		o.lists[text] = list
	}
	return list, nil
}
