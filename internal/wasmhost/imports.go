package wasmhost

import (
	"context"
	"encoding/binary"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"tabard/engine"
	"tabard/filter"
)

// The numbers of proxy-wasm 0.2.1 that the filter and this host exchange.
const (
	statusOK              = 0
	statusNotFound        = 1
	statusBadArgument     = 2
	statusInvalidMemory   = 6
	statusInternalFailure = 10

	actionContinue = 0

	mapRequestHeaders   = 0
	mapRequestTrailers  = 1
	mapResponseHeaders  = 2
	mapResponseTrailers = 3

	bufferRequestBody         = 0
	bufferResponseBody        = 1
	bufferPluginConfiguration = 7

	metricGauge     = 1
	metricHistogram = 2
)

// levels are the filter's words for the numbers of log levels.
var levels = []filter.Level{"trace", "debug", filter.Info, filter.Warn, filter.Error, filter.Critical}

// instantiateImports offers the host functions that the filter imports. The
// linker drops the others, so a new one shows as an error at the start.
func instantiateImports(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder("env")
	for name, function := range map[string]any{
		"proxy_log":                          logLine,
		"proxy_get_header_map_pairs":         getHeaders,
		"proxy_get_buffer_bytes":             getBuffer,
		"proxy_get_property":                 getProperty,
		"proxy_set_property":                 setProperty,
		"proxy_send_local_response":          sendLocalResponse,
		"proxy_continue_stream":              continueStream,
		"proxy_set_effective_context":        useContext,
		"proxy_set_tick_period_milliseconds": func(uint32) uint32 { return statusOK },
		"proxy_define_metric":                defineMetric,
		"proxy_increment_metric":             incrementMetric,
		"proxy_record_metric":                recordMetric,
		// A module that plays traffic has no clusters, and no other module beside it.
		"proxy_http_call":       func(_, _, _, _, _, _, _, _, _, _ uint32) uint32 { return statusBadArgument },
		"proxy_get_shared_data": func(_, _, _, _, _ uint32) uint32 { return statusNotFound },
		"proxy_set_shared_data": func(_, _, _, _, _ uint32) uint32 { return statusOK },
	} {
		b.NewFunctionBuilder().WithFunc(function).Export(name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

// text reads a string out of the module's memory.
func text(m api.Module, ptr, size uint32) (string, bool) {
	bytes, ok := m.Memory().Read(ptr, size)
	return string(bytes), ok
}

// give puts bytes into memory that the module allocates, and their place and
// length where it wants them.
func give(ctx context.Context, m api.Module, data []byte, ptrAt, sizeAt uint32) uint32 {
	var ptr uint64
	if len(data) > 0 {
		results, err := hostOf(ctx).call["proxy_on_memory_allocate"].Call(ctx, uint64(len(data)))
		if err != nil {
			return statusInternalFailure
		}
		ptr = results[0]
	}
	memory := m.Memory()
	if !memory.Write(uint32(ptr), data) || !memory.WriteUint32Le(ptrAt, uint32(ptr)) || !memory.WriteUint32Le(sizeAt, uint32(len(data))) {
		return statusInvalidMemory
	}
	return statusOK
}

func logLine(ctx context.Context, m api.Module, level, ptr, size uint32) uint32 {
	line, ok := text(m, ptr, size)
	if !ok || int(level) >= len(levels) {
		return statusBadArgument
	}
	h, entry := hostOf(ctx), Entry{levels[level], line}
	if h.stream != nil {
		h.stream.log = append(h.stream.log, entry)
	} else {
		h.log = append(h.log, entry)
	}
	return statusOK
}

func getHeaders(ctx context.Context, m api.Module, kind int32, ptrAt, sizeAt uint32) uint32 {
	s := hostOf(ctx).stream
	if s == nil {
		return statusBadArgument
	}
	return give(ctx, m, marshal(s.blocks[kind]), ptrAt, sizeAt)
}

// marshal is the opposite of unmarshal; see there for the format.
func marshal(lines engine.Headers) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(lines)))
	for _, line := range lines {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(line[0])))
		out = binary.LittleEndian.AppendUint32(out, uint32(len(line[1])))
	}
	for _, line := range lines {
		out = append(append(out, line[0]...), 0)
		out = append(append(out, line[1]...), 0)
	}
	return out
}

// unmarshal reads header lines as proxy-wasm passes them: their number, the
// sizes of each name and value, then each name and value with a NUL behind
// it, all numbers in four bytes, little-endian.
func unmarshal(data []byte) (engine.Headers, bool) {
	r := lineReader{data: data, ok: true}
	n := r.number()
	if n > len(data)/8 {
		return nil, false
	}
	sizes := make([]int, 2*n)
	for i := range sizes {
		sizes[i] = r.number()
	}
	lines := make(engine.Headers, n)
	for i := range lines {
		lines[i] = [2]string{r.word(sizes[2*i]), r.word(sizes[2*i+1])}
	}
	return lines, r.ok
}

// lineReader reads numbers and words until one does not fit.
type lineReader struct {
	data []byte
	ok   bool
}

func (r *lineReader) take(n int) []byte {
	if !r.ok || n < 0 || n > len(r.data) {
		r.ok = false
		return nil
	}
	head := r.data[:n]
	r.data = r.data[n:]
	return head
}

func (r *lineReader) number() int {
	if b := r.take(4); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (r *lineReader) word(size int) string {
	word := string(r.take(size))
	r.take(1)
	return word
}

func getBuffer(ctx context.Context, m api.Module, kind int32, start, length, ptrAt, sizeAt uint32) uint32 {
	h := hostOf(ctx)
	var data []byte
	switch {
	case kind == bufferPluginConfiguration:
		data = []byte(h.config)
	case h.stream != nil:
		data = h.stream.buffers[kind]
	default:
		return statusNotFound
	}
	from := min(uint64(start), uint64(len(data)))
	to := min(from+uint64(length), uint64(len(data)))
	return give(ctx, m, data[from:to], ptrAt, sizeAt)
}

func getProperty(ctx context.Context, m api.Module, ptr, size, ptrAt, sizeAt uint32) uint32 {
	path, ok := text(m, ptr, size)
	if !ok {
		return statusInvalidMemory
	}
	value, ok := hostOf(ctx).property(strings.ReplaceAll(path, "\x00", "."))
	if !ok {
		return statusNotFound
	}
	return give(ctx, m, []byte(value), ptrAt, sizeAt)
}

func (h *Host) property(name string) (string, bool) {
	if name == "plugin_name" || name == "plugin_root_id" {
		return "tabard", true
	}
	if h.stream == nil {
		return "", false
	}
	value, ok := h.stream.properties[name]
	return value, ok
}

func setProperty(ctx context.Context, m api.Module, ptr, size, valuePtr, valueSize uint32) uint32 {
	path, okPath := text(m, ptr, size)
	value, okValue := text(m, valuePtr, valueSize)
	h := hostOf(ctx)
	if !okPath || !okValue {
		return statusInvalidMemory
	}
	if h.stream == nil {
		return statusNotFound
	}
	h.stream.state[path] = value
	return statusOK
}

func sendLocalResponse(ctx context.Context, m api.Module, status, detailsPtr, detailsSize, bodyPtr, bodySize, headersPtr, headersSize uint32, _ int32) uint32 {
	details, okDetails := text(m, detailsPtr, detailsSize)
	body, okBody := text(m, bodyPtr, bodySize)
	raw, okHeaders := text(m, headersPtr, headersSize)
	if !okDetails || !okBody || !okHeaders {
		return statusInvalidMemory
	}
	headers, ok := unmarshal([]byte(raw))
	s := hostOf(ctx).stream
	if !ok || s == nil || s.reply != nil {
		return statusBadArgument
	}
	s.reply = &filter.Reply{Status: int(status), Headers: headers, Body: []byte(body), Details: details}
	return statusOK
}

func continueStream(ctx context.Context, _ uint32) uint32 {
	s := hostOf(ctx).stream
	if s == nil {
		return statusBadArgument
	}
	s.resumed = true
	return statusOK
}

// useContext knows the stream that is being played, and no other.
func useContext(ctx context.Context, id uint32) uint32 {
	if s := hostOf(ctx).stream; s == nil || s.id != id {
		return statusBadArgument
	}
	return statusOK
}

func defineMetric(ctx context.Context, m api.Module, kind, ptr, size, idAt uint32) uint32 {
	name, ok := text(m, ptr, size)
	h := hostOf(ctx)
	if !ok || !m.Memory().WriteUint32Le(idAt, uint32(len(h.metrics))) {
		return statusInvalidMemory
	}
	made := metric{kind: filter.Counter, name: name}
	switch kind {
	case metricGauge:
		made.kind = filter.Gauge
	case metricHistogram:
		made.kind = filter.Histogram
	}
	h.metrics = append(h.metrics, made)
	return statusOK
}

func incrementMetric(ctx context.Context, id uint32, offset int64) uint32 {
	metrics := hostOf(ctx).metrics
	if int(id) >= len(metrics) || metrics[id].kind != filter.Counter {
		return statusBadArgument
	}
	metrics[id].value += uint64(offset)
	return statusOK
}

func recordMetric(ctx context.Context, id uint32, value uint64) uint32 {
	metrics := hostOf(ctx).metrics
	switch {
	case int(id) >= len(metrics) || metrics[id].kind == filter.Counter:
		return statusBadArgument
	case metrics[id].kind == filter.Gauge:
		metrics[id].value = value
	default:
		metrics[id].value++
	}
	return statusOK
}
