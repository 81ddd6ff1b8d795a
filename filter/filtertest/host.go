// Package filtertest is a proxy in memory: one HTTP exchange goes into package
// filter without wasm or sockets, and each call through which the verdict
// comes out is recorded as a line that a test can read and compare.
//
// Any call can be made to fail or to panic (Break), which is how tests reach
// what a real proxy does once in a year.
package filtertest

import (
	"fmt"
	"slices"
	"strings"

	"tabard/engine"
	"tabard/filter"
)

// Host is a filter.Host. Its zero value is not usable; see New. It is for one
// goroutine, like every filter.Host.
type Host struct {
	// Config is the plugin's configuration.
	Config string
	// Values are the metrics' values by name; a histogram's is the number of
	// values recorded.
	Values map[string]uint64
	// Entries are the log, each as "level: text".
	Entries []string
	// Data is what virtual machines share; give several hosts the same.
	Data *Data
	// Fetches are the requests to clusters that wait for an answer.
	Fetches []*Fetch

	streams map[uint32]*Stream
	current *Stream
	names   []string // of metrics, by handle
	lines   []string
	broken  []fault
}

// Stream is what the host knows of one stream.
type Stream struct {
	// Blocks are the header blocks.
	Blocks map[filter.Block]engine.Headers
	// Bodies are the bytes buffered by side.
	Bodies map[filter.Side]string
	// Properties are the attributes by their dotted path.
	Properties map[string]string
	// State is the filter state that the filter has set.
	State map[string]string
	// Replies are the answers that the filter has given.
	Replies []filter.Reply
	// Resumed are the sides that the filter has resumed outside a callback.
	Resumed []filter.Side
}

// Data is the shared data of a proxy.
type Data struct{ values map[string]datum }

type datum struct {
	value []byte
	cas   uint32
}

// Fetch is a request to a cluster.
type Fetch struct {
	Cluster string
	Headers engine.Headers
	answer  func(engine.Headers, []byte)
}

// Answer gives the filter an answer; without headers it is none.
func (f *Fetch) Answer(body string, h ...[2]string) { f.answer(h, []byte(body)) }

// fault makes the calls fail whose line starts with prefix.
type fault struct {
	prefix string
	err    error
	panics bool
}

var _ filter.Host = (*Host)(nil)

// New returns a host with one stream, number 1, that is the current one.
func New(config string) *Host {
	h := &Host{Config: config, Values: map[string]uint64{}, Data: &Data{map[string]datum{}}, streams: map[uint32]*Stream{}}
	h.Stream(1)
	return h
}

// Stream returns the stream of that number, new when there was none, and makes
// it the current one, as a proxy does before it calls for a stream.
func (h *Host) Stream(id uint32) *Stream {
	s, ok := h.streams[id]
	if !ok {
		s = &Stream{
			Blocks:     map[filter.Block]engine.Headers{},
			Bodies:     map[filter.Side]string{},
			Properties: map[string]string{},
			State:      map[string]string{},
		}
		h.streams[id] = s
	}
	h.current = s
	return s
}

// Drop makes the host forget a stream, as after its end.
func (h *Host) Drop(id uint32) { delete(h.streams, id) }

// Break makes each call fail with err whose line in the trace starts with
// prefix, such as "headers(request headers)" or "property(source.address)".
func (h *Host) Break(prefix string, err error) {
	h.broken = append(h.broken, fault{prefix: prefix, err: err})
}

// BreakWithPanic makes such calls panic with err.
func (h *Host) BreakWithPanic(prefix string, err error) {
	h.broken = append(h.broken, fault{prefix: prefix, err: err, panics: true})
}

// Mend ends all that Break and BreakWithPanic began.
func (h *Host) Mend() { h.broken = nil }

// Trace returns the calls since the last Trace, one a line, without those that
// define metrics.
func (h *Host) Trace() string {
	trace := strings.Join(h.lines, "\n")
	h.lines = nil
	return trace
}

// call records a call and returns the fault that is to strike it.
func (h *Host) call(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	for _, f := range h.broken {
		if !strings.HasPrefix(line, f.prefix) {
			continue
		}
		h.lines = append(h.lines, line+" ! "+f.err.Error())
		if f.panics {
			panic(f.err)
		}
		return f.err
	}
	if !strings.HasPrefix(line, "define(") {
		h.lines = append(h.lines, line)
	}
	return nil
}

// Configuration implements filter.Host.
func (h *Host) Configuration() ([]byte, error) {
	return []byte(h.Config), h.call("configuration()")
}

// Headers implements filter.Host.
func (h *Host) Headers(b filter.Block) (engine.Headers, error) {
	if err := h.call("headers(%s)", b); err != nil {
		return nil, err
	}
	return slices.Clone(h.current.Blocks[b]), nil
}

// Body implements filter.Host. Like Envoy's, it gives fewer bytes than asked
// for when there are no more.
func (h *Host) Body(side filter.Side, offset, length int) ([]byte, error) {
	if err := h.call("body(%s, %d, %d)", side, offset, length); err != nil {
		return nil, err
	}
	body := h.current.Bodies[side]
	from := min(offset, len(body))
	return []byte(body[from:min(from+length, len(body))]), nil
}

// Property implements filter.Host.
func (h *Host) Property(a filter.Attribute) (string, error) {
	name := a.String()
	if err := h.call("property(%s)", name); err != nil {
		return "", err
	}
	value, ok := h.current.Properties[name]
	if !ok {
		return "", filter.ErrNotFound
	}
	return value, nil
}

// SetState implements filter.Host.
func (h *Host) SetState(key, value string) error {
	if err := h.call("state(%s, %s)", key, value); err != nil {
		return err
	}
	h.current.State[key] = value
	return nil
}

// Reply implements filter.Host.
func (h *Host) Reply(r filter.Reply) error {
	if err := h.call("reply(%d, %s)", r.Status, r.Details); err != nil {
		return err
	}
	h.current.Replies = append(h.current.Replies, r)
	return nil
}

// Resume implements filter.Host.
func (h *Host) Resume(side filter.Side) error {
	if err := h.call("resume(%s)", side); err != nil {
		return err
	}
	h.current.Resumed = append(h.current.Resumed, side)
	return nil
}

// Use implements filter.Host.
func (h *Host) Use(id uint32) error {
	if err := h.call("use(%d)", id); err != nil {
		return err
	}
	s, ok := h.streams[id]
	if !ok {
		return fmt.Errorf("no stream %d", id)
	}
	h.current = s
	return nil
}

// Tick implements filter.Host.
func (h *Host) Tick(periodMS uint32) error { return h.call("tick(%d)", periodMS) }

// Fetch implements filter.Host.
func (h *Host) Fetch(cluster string, headers engine.Headers, timeoutMS uint32, answer func(engine.Headers, []byte)) error {
	if err := h.call("fetch(%s, %s)", cluster, headers.Get(":path")); err != nil {
		return err
	}
	h.Fetches = append(h.Fetches, &Fetch{cluster, headers, answer})
	return nil
}

// Shared implements filter.Host.
func (h *Host) Shared(key string) ([]byte, uint32, error) {
	if err := h.call("shared(%s)", key); err != nil {
		return nil, 0, err
	}
	d, ok := h.Data.values[key]
	if !ok {
		return nil, 0, filter.ErrNotFound
	}
	return []byte(string(d.value)), d.cas, nil
}

// SetShared implements filter.Host.
func (h *Host) SetShared(key string, value []byte, cas uint32) error {
	if err := h.call("share(%s)", key); err != nil {
		return err
	}
	d := h.Data.values[key]
	if cas != 0 && cas != d.cas {
		return filter.ErrConflict
	}
	h.Data.values[key] = datum{[]byte(string(value)), d.cas + 1}
	return nil
}

// DefineMetric implements filter.Host.
func (h *Host) DefineMetric(kind filter.MetricKind, name string) (uint32, error) {
	if err := h.call("define(%s, %s)", kind, name); err != nil {
		return 0, err
	}
	h.names = append(h.names, name)
	return uint32(len(h.names) - 1), nil
}

// RecordMetric implements filter.Host.
func (h *Host) RecordMetric(kind filter.MetricKind, id uint32, value uint64) error {
	name := h.names[id]
	if err := h.call("%s(%s, %d)", kind, name, value); err != nil {
		return err
	}
	switch kind {
	case filter.Gauge:
		h.Values[name] = value
	case filter.Histogram:
		h.Values[name]++
	default:
		h.Values[name] += value
	}
	return nil
}

// Log implements filter.Host.
func (h *Host) Log(level filter.Level, text string) {
	// A log has no error to return, only a panic to have.
	_ = h.call("log(%s)", level)
	h.Entries = append(h.Entries, string(level)+": "+text)
}
