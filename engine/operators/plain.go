package operators

import (
	"io/fs"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// Plain returns our operators as tests of a value alone, for the fast path:
// each entry makes the test for an argument whose macros have been expanded.
// root is where files are read from. The tests are safe for concurrent use.
func Plain(root fs.FS) map[string]func(arg string) (func(value string) bool, error) {
	out := make(map[string]func(string) (func(string) bool, error), len(factories))
	for name, factory := range factories {
		out[name] = func(arg string) (func(string) bool, error) {
			if name == DistinctNames {
				return func(string) bool { return false }, nil
			}
			if (name == "mimeAllowed" || name == "acceptAllowed") && isUnset(arg) {
				return func(string) bool { return true }, nil
			}
			op, err := factory(plugintypes.OperatorOptions{Arguments: arg, Root: root})
			if err != nil {
				return nil, err
			}
			return func(value string) bool { return op.Evaluate(noTransaction{}, value) }, nil
		}
	}
	return out
}

// noTransaction is all that an operator with a fixed argument sees of a
// transaction: one that captures nothing.
type noTransaction struct{ plugintypes.TransactionState }

func (noTransaction) Capturing() bool          { return false }
func (noTransaction) CaptureField(int, string) {}
