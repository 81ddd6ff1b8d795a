package abi

import (
	"encoding/binary"
	"errors"
	"strconv"
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"tabard/engine"
	"tabard/filter"
)

// host is the filter.Host of the proxy that this program runs in.
type host struct{}

var _ filter.Host = host{}

// Configuration reports an empty configuration, which the SDK calls not
// found, as no bytes.
func (host) Configuration() (_ []byte, err error) {
	defer caught(&err)
	configuration, err := proxywasm.GetPluginConfiguration()
	if errors.Is(err, types.ErrorStatusNotFound) {
		return nil, nil
	}
	return configuration, err
}

func (host) Headers(b filter.Block) (_ engine.Headers, err error) {
	defer caught(&err)
	switch b {
	case filter.RequestHeaders:
		return proxywasm.GetHttpRequestHeaders()
	case filter.RequestTrailers:
		return proxywasm.GetHttpRequestTrailers()
	default:
		return proxywasm.GetHttpResponseHeaders()
	}
}

func (host) Body(side filter.Side, offset, length int) (_ []byte, err error) {
	defer caught(&err)
	if side == filter.Request {
		return proxywasm.GetHttpRequestBody(offset, length)
	}
	return proxywasm.GetHttpResponseBody(offset, length)
}

func (host) Property(path ...string) (_ string, err error) {
	defer caught(&err)
	value, err := proxywasm.GetProperty(path)
	if errors.Is(err, types.ErrorStatusNotFound) {
		return "", filter.ErrNotFound
	}
	return string(value), err
}

func (host) SetState(key, value string) (err error) {
	defer caught(&err)
	return proxywasm.SetProperty([]string{key}, []byte(value))
}

func (host) Resume(side filter.Side) (err error) {
	defer caught(&err)
	if side == filter.Request {
		return proxywasm.ResumeHttpRequest()
	}
	return proxywasm.ResumeHttpResponse()
}

func (host) Use(contextID uint32) (err error) {
	defer caught(&err)
	return proxywasm.SetEffectiveContext(contextID)
}

func (host) Tick(periodMS uint32) (err error) {
	defer caught(&err)
	return proxywasm.SetTickPeriodMilliSeconds(periodMS)
}

func (host) Fetch(cluster string, h engine.Headers, timeoutMS uint32, answer func(engine.Headers, []byte)) (err error) {
	defer caught(&err)
	_, err = proxywasm.DispatchHttpCall(cluster, h, nil, nil, timeoutMS, func(lines, size, _ int) {
		headers, body := fetched(lines, size)
		answer(headers, body)
	})
	return err
}

// fetched reads an answer; what cannot be read is none.
func fetched(lines, size int) (h engine.Headers, body []byte) {
	if lines == 0 {
		return nil, nil // the cluster did not answer
	}
	var err error
	defer func() {
		if err != nil {
			h, body = nil, nil
		}
	}()
	defer caught(&err)
	if h, err = proxywasm.GetHttpCallResponseHeaders(); err == nil && size > 0 {
		body, err = proxywasm.GetHttpCallResponseBody(0, size)
	}
	return h, body
}

func (host) Shared(key string) (_ []byte, cas uint32, err error) {
	defer caught(&err)
	value, cas, err := proxywasm.GetSharedData(key)
	if errors.Is(err, types.ErrorStatusNotFound) {
		return nil, 0, filter.ErrNotFound
	}
	return value, cas, err
}

func (host) SetShared(key string, value []byte, cas uint32) (err error) {
	defer caught(&err)
	err = proxywasm.SetSharedData(key, value, cas)
	if errors.Is(err, types.ErrorStatusCasMismatch) {
		return filter.ErrConflict
	}
	return err
}

func (host) DefineMetric(kind filter.MetricKind, name string) (_ uint32, err error) {
	defer caught(&err)
	switch kind {
	case filter.Histogram:
		return uint32(proxywasm.DefineHistogramMetric(name)), nil
	case filter.Gauge:
		return uint32(proxywasm.DefineGaugeMetric(name)), nil
	}
	return uint32(proxywasm.DefineCounterMetric(name)), nil
}

func (host) RecordMetric(kind filter.MetricKind, id uint32, value uint64) (err error) {
	defer caught(&err)
	if kind == filter.Counter {
		proxywasm.MetricCounter(id).Increment(value)
	} else {
		// To a gauge this is what sets it; the SDK knows no other way than to add.
		proxywasm.MetricHistogram(id).Record(value)
	}
	return nil
}

func (host) Log(level filter.Level, text string) {
	switch level {
	case filter.Info:
		proxywasm.LogInfo(text)
	case filter.Warn:
		proxywasm.LogWarn(text)
	case filter.Error:
		proxywasm.LogError(text)
	default:
		proxywasm.LogCritical(text)
	}
}

// noGRPCStatus leaves it to the host to find the gRPC status that fits the
// HTTP status.
const noGRPCStatus = -1

// Reply calls the host function itself because the SDK's wrapper has no place
// for the response code details.
func (host) Reply(r filter.Reply) error {
	headers := marshal(r.Headers)
	status := sendLocalResponse(uint32(r.Status),
		unsafe.StringData(r.Details), int32(len(r.Details)),
		unsafe.SliceData(r.Body), int32(len(r.Body)),
		unsafe.SliceData(headers), int32(len(headers)), noGRPCStatus)
	if status != 0 {
		return errors.New("error status returned by host: " + strconv.Itoa(int(status)))
	}
	return nil
}

//go:wasmimport env proxy_send_local_response
func sendLocalResponse(status uint32, details *byte, detailsSize int32, body *byte, bodySize int32,
	headers *byte, headersSize int32, grpcStatus int32) uint32

// marshal writes header lines as proxy-wasm passes them: their number, the
// sizes of each name and value, then each name and value with a NUL behind
// it, all numbers in four bytes, little-endian.
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
