package abi

import (
	"errors"
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

func (host) Headers(b filter.Block) (engine.Headers, error) {
	data, err := given(getHeaders(headerMaps[b], unsafe.Pointer(&answer.data), unsafe.Pointer(&answer.size)))
	if err != nil {
		return nil, err
	}
	return unmarshal(data)
}

func (host) Body(side filter.Side, offset, length int) (_ []byte, err error) {
	defer caught(&err)
	if side == filter.Request {
		return proxywasm.GetHttpRequestBody(offset, length)
	}
	return proxywasm.GetHttpResponseBody(offset, length)
}

func (host) Property(a filter.Attribute) (string, error) {
	status := getProperty(unsafe.StringData(string(a)), int32(len(a)), unsafe.Pointer(&answer.data), unsafe.Pointer(&answer.size))
	if status == statusNotFound {
		return "", filter.ErrNotFound
	}
	value, err := given(status)
	return unsafe.String(unsafe.SliceData(value), len(value)), err
}

func (host) SetState(key, value string) error {
	return statusError(setProperty(unsafe.StringData(key), int32(len(key)), unsafe.StringData(value), int32(len(value))))
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

// RecordMetric sets a gauge as it records in a histogram: proxy-wasm has one
// function for both.
func (host) RecordMetric(kind filter.MetricKind, id uint32, value uint64) error {
	if kind == filter.Counter {
		return statusError(incrementMetric(id, int64(value)))
	}
	return statusError(recordMetric(id, value))
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

func (host) Reply(r filter.Reply) error {
	headers := marshal(r.Headers)
	return statusError(sendLocalResponse(uint32(r.Status),
		unsafe.StringData(r.Details), int32(len(r.Details)),
		unsafe.SliceData(r.Body), int32(len(r.Body)),
		unsafe.SliceData(headers), int32(len(headers)), noGRPCStatus))
}
