package filter

import (
	"runtime/debug"

	"tabard/engine"
)

// maxStackBytes cuts the stack in the log line of a panic: the innermost
// dozen frames, which is where the cause is.
const maxStackBytes = 2048

// auditPrefix starts each audit line, so that a log pipeline finds the JSON.
const auditPrefix = "tabard audit "

// logFailure writes what failed and what became of the exchange.
func (s *Stream) logFailure(k failure, err error, v engine.Verdict) {
	outcome := "the exchange goes on (internal_errors: open)"
	if v.Action == engine.Block {
		outcome = "the exchange is refused (internal_errors: closed)"
	}
	s.plugin.host.Log(Error, "tabard: internal error ("+k.String()+"): "+err.Error()+"; "+outcome)
}

// panicError is a recovered panic.
type panicError struct{ value any }

func (e panicError) Error() string {
	text := "of an unnamed kind"
	switch v := e.value.(type) {
	case error:
		text = v.Error()
	case string:
		text = v
	}
	stack := debug.Stack()
	return "panic: " + text + "\n" + string(stack[:min(len(stack), maxStackBytes)])
}

// stepError names the step that an error happened at.
type stepError struct {
	step string
	err  error
}

func (e stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e stepError) Unwrap() error { return e.err }
