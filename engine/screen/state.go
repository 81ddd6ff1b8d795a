package screen

import (
	"reflect"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// State is what a phase leaves behind that decides what becomes of a body.
type State struct {
	Known              bool // false: nothing else holds
	EngineOff          bool
	RequestBodyAccess  bool
	ResponseBodyAccess bool
	ForceRequestBody   bool
	RequestProcessor   string
	ResponseProcessor  string
}

// StateOf reads the state of a Coraza transaction. Its type is internal to
// Coraza, so this goes by the names of its methods and of one exported field;
// when one is missing, the state is not known.
func StateOf(tx any) State {
	t, ok := tx.(interface {
		plugintypes.TransactionState
		IsRuleEngineOff() bool
		IsRequestBodyAccessible() bool
		IsResponseBodyAccessible() bool
	})
	if !ok {
		return State{}
	}
	force := reflect.Indirect(reflect.ValueOf(tx)).FieldByName("ForceRequestBodyVariable")
	if !force.IsValid() || force.Kind() != reflect.Bool {
		return State{}
	}
	return State{
		Known: true, EngineOff: t.IsRuleEngineOff(), ForceRequestBody: force.Bool(),
		RequestBodyAccess: t.IsRequestBodyAccessible(), ResponseBodyAccess: t.IsResponseBodyAccessible(),
		RequestProcessor:  t.Variables().RequestBodyProcessor().Get(),
		ResponseProcessor: t.Variables().ResponseBodyProcessor().Get(),
	}
}
