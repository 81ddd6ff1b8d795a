package filter_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/filter"
)

func sorted(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// table is what each callback does in each state, as "action, next state".
// "local reply" is response headers that the proxy made up itself.
const table = `
fresh
  request headers    continue, request passed
  request body       pause, answered: request body came in state fresh
  request trailers   pause, answered: request trailers came in state fresh
  response headers   pause, answered: response headers came in state fresh
  local reply        continue, answered
  response body      pause, answered: response body came in state fresh
  response trailers  pause, answered: response trailers came in state fresh
request held
  request headers    pause, answered: request headers came in state request held
  request body       continue, request passed
  request trailers   continue, request passed
  response headers   pause, answered: response headers came in state request held
  local reply        continue, answered
  response body      pause, answered: response body came in state request held
  response trailers  pause, answered: response trailers came in state request held
request passed
  request headers    pause, answered: request headers came in state request passed
  request body       continue, request passed
  request trailers   continue, request passed
  response headers   pause, response held
  local reply        continue, response passed
  response body      pause, answered: response body came in state request passed
  response trailers  pause, answered: response trailers came in state request passed
response held
  request headers    pause, answered: request headers came in state response held
  request body       continue, response held
  request trailers   continue, response held
  response headers   pause, answered: response headers came in state response held
  local reply        continue, answered
  response body      continue, response passed
  response trailers  continue, response passed
response passed
  request headers    pause, answered: request headers came in state response passed
  request body       continue, response passed
  request trailers   continue, response passed
  response headers   pause, answered: response headers came in state response passed
  local reply        continue, answered
  response body      continue, response passed
  response trailers  continue, response passed
answered
  request headers    pause, answered
  request body       pause, answered
  request trailers   pause, answered
  response headers   continue, answered
  local reply        continue, answered
  response body      continue, answered
  response trailers  continue, answered
unanswered
  request headers    pause, answered
  request body       pause, answered
  request trailers   pause, answered
  response headers   pause, answered
  local reply        pause, answered
  response body      pause, answered
  response trailers  pause, answered
exempt
  request headers    continue, exempt
  request body       continue, exempt
  request trailers   continue, exempt
  response headers   continue, exempt
  local reply        continue, exempt
  response body      continue, exempt
  response trailers  continue, exempt
`

// reach brings a new stream into a state.
var reach = map[string]func(*bench) *filter.Stream{
	"fresh": func(b *bench) *filter.Stream { return b.stream(1) },
	"request held": func(b *bench) *filter.Stream {
		b.engine.holdRequest = true
		s := b.stream(1)
		s.OnRequestHeaders(false)
		return s
	},
	"request passed": func(b *bench) *filter.Stream {
		s := b.stream(1)
		s.OnRequestHeaders(true)
		b.engine.holdResponse = true
		return s
	},
	"response held": func(b *bench) *filter.Stream {
		b.engine.holdResponse = true
		s := b.stream(1)
		s.OnRequestHeaders(true)
		s.OnResponseHeaders(false)
		return s
	},
	"response passed": func(b *bench) *filter.Stream {
		s := b.stream(1)
		s.OnRequestHeaders(true)
		s.OnResponseHeaders(false)
		return s
	},
	"answered": func(b *bench) *filter.Stream {
		b.engine.verdicts = map[string]engine.Verdict{"RequestHeaders": block(1)}
		s := b.stream(1)
		s.OnRequestHeaders(false)
		return s
	},
	"unanswered": func(b *bench) *filter.Stream {
		b.engine.verdicts = map[string]engine.Verdict{"RequestHeaders": block(1)}
		s := b.stream(1)
		b.host.Break("reply", errors.New("no reply"))
		s.OnRequestHeaders(false)
		b.host.Mend()
		return s
	},
	"exempt": func(b *bench) *filter.Stream {
		b.engine.open = true
		s := b.stream(1)
		b.host.Break("headers", errors.New("no headers"))
		s.OnRequestHeaders(false)
		b.host.Mend()
		return s
	},
}

var callbacks = map[string]func(*bench, *filter.Stream) filter.Action{
	"request headers":   func(_ *bench, s *filter.Stream) filter.Action { return s.OnRequestHeaders(true) },
	"request body":      func(_ *bench, s *filter.Stream) filter.Action { return s.OnRequestBody(5, true) },
	"request trailers":  func(_ *bench, s *filter.Stream) filter.Action { return s.OnRequestTrailers() },
	"response headers":  func(_ *bench, s *filter.Stream) filter.Action { return s.OnResponseHeaders(false) },
	"response body":     func(_ *bench, s *filter.Stream) filter.Action { return s.OnResponseBody(5, true) },
	"response trailers": func(_ *bench, s *filter.Stream) filter.Action { return s.OnResponseTrailers() },
	"local reply": func(b *bench, s *filter.Stream) filter.Action {
		b.host.Stream(1).Properties["response.code_details"] = "request_timeout"
		return s.OnResponseHeaders(false)
	},
}

func TestEachCallbackDoesInEachStateWhatTheTableSays(t *testing.T) {
	state, rows := "", 0
	for line := range strings.Lines(strings.TrimPrefix(table, "\n")) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, " ") {
			state = line
			continue
		}
		callback, want := strings.TrimSpace(line[:20]), strings.TrimSpace(line[20:])
		rows++
		t.Run(callback+" in state "+state, func(t *testing.T) {
			b := newBench(t, &script{})
			s := reach[state](b)
			require.Equal(t, state, filter.StateOf(s))
			before := len(b.host.Entries)
			got := "continue"
			if callbacks[callback](b, s) == filter.Pause {
				got = "pause"
			}
			got += ", " + filter.StateOf(s)
			for _, entry := range b.host.Entries[before:] {
				_, reason, _ := strings.Cut(entry, "(callback): ")
				reason, _, _ = strings.Cut(reason, ";")
				got += ": " + reason
			}
			require.Equal(t, want, got)
		})
	}
	require.Equal(t, len(reach)*len(callbacks), rows, "the table names every state and callback")
}
