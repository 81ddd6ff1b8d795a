package filter

import (
	"errors"
	"strings"

	"tabard/engine"
)

// Host is what the filter needs from a proxy. Its methods act on the context
// (plugin or stream) that the proxy's current callback belongs to, or that
// Use has named. A Host is used from one goroutine.
type Host interface {
	// Configuration returns the plugin's configuration, as written there.
	Configuration() ([]byte, error)
	// Headers returns the field lines of a header block with pseudo-headers
	// such as ":path" among them. The caller keeps what it gets.
	Headers(Block) (engine.Headers, error)
	// Body returns length bytes of what the host has buffered of a body, from
	// offset on. The bytes are the caller's; length is never 0.
	Body(side Side, offset, length int) ([]byte, error)
	// Property returns an attribute of the stream; ErrNotFound when the stream
	// has none of that name.
	Property(Attribute) (string, error)
	// SetState stores text that access logs and later filters can read, in
	// Envoy as filter state "wasm." + key. The value is not empty.
	SetState(key, value string) error
	// Reply answers the client in place of the upstream.
	Reply(Reply) error
	// Resume continues a side that a callback has paused; inside a callback
	// the filter returns Continue instead.
	Resume(Side) error
	// Use makes a stream the one that the next calls act on. It is needed
	// where the host calls for no stream in particular, in a tick.
	Use(contextID uint32) error
	// Tick asks for Plugin.OnTick each periodMS milliseconds.
	Tick(periodMS uint32) error
	// Fetch sends a request without a body to a cluster; the headers are the
	// pseudo-headers and the others. answer is called later, once, in the
	// plugin's context; a request that got no answer comes with no headers.
	Fetch(cluster string, h engine.Headers, timeoutMS uint32, answer func(h engine.Headers, body []byte)) error
	// Shared returns what a virtual machine of this plugin has put under a key
	// last, and a number that SetShared takes; ErrNotFound when none has.
	Shared(key string) (value []byte, cas uint32, err error)
	// SetShared puts a value under a key for all virtual machines. With a number
	// other than 0 it fails with ErrConflict when another one has been faster.
	SetShared(key string, value []byte, cas uint32) error
	// DefineMetric makes a counter, a gauge or a histogram and returns its handle.
	DefineMetric(kind MetricKind, name string) (uint32, error)
	// RecordMetric adds value to a counter, sets a gauge to it or records it in a
	// histogram.
	RecordMetric(kind MetricKind, id uint32, value uint64) error
	// Log writes one entry to the proxy's log.
	Log(Level, string)
}

// ErrNotFound is what Host.Property returns for an attribute that the stream
// does not have: no TLS, no route name. Host.Shared returns it for a key that is
// not there.
var ErrNotFound = errors.New("not found")

// ErrConflict is what Host.SetShared returns when another virtual machine has
// changed the value since it was read.
var ErrConflict = errors.New("another virtual machine was faster")

// Attribute names what a proxy knows of a stream: the parts of its path with a
// NUL between them, as proxy-wasm passes them, so that a request's five need no
// putting together.
type Attribute string

// The attributes that the filter reads.
const (
	pluginName         Attribute = "plugin_name"
	pluginRootID       Attribute = "plugin_root_id"
	connectionID       Attribute = "connection_id"
	connectionTLS      Attribute = "connection\x00tls_version"
	sourceAddress      Attribute = "source\x00address"
	destinationAddress Attribute = "destination\x00address"
	requestID          Attribute = "request\x00id"
	requestProtocol    Attribute = "request\x00protocol"
	routeName          Attribute = "xds\x00route_name"
	responseDetails    Attribute = "response\x00code_details"
)

// String is the path with dots, as people write it.
func (a Attribute) String() string { return strings.ReplaceAll(string(a), "\x00", ".") }

// Block names a header block.
type Block string

// The header blocks that the filter reads.
const (
	RequestHeaders  Block = "request headers"
	RequestTrailers Block = "request trailers"
	ResponseHeaders Block = "response headers"
)

// Side is a direction of a stream.
type Side string

// The two sides of a stream.
const (
	Request  Side = "request"
	Response Side = "response"
)

// MetricKind is the kind of a metric.
type MetricKind string

// The kinds of metrics that the filter defines.
const (
	Counter   MetricKind = "counter"
	Gauge     MetricKind = "gauge"
	Histogram MetricKind = "histogram"
)

// Level is how grave an entry in the log is.
type Level string

// The levels that the filter logs at.
const (
	Info     Level = "info"
	Warn     Level = "warn"
	Error    Level = "error"
	Critical Level = "critical"
)

// Reply is an answer that does not come from the upstream.
type Reply struct {
	// Status is the HTTP status. The host turns it into a gRPC status where
	// the client speaks gRPC.
	Status int
	// Headers are added to the ones that the host makes itself.
	Headers engine.Headers
	// Body is sent as it is.
	Body []byte
	// Details is one word for the proxy's access log, in Envoy
	// %RESPONSE_CODE_DETAILS%.
	Details string
}

// Action is what a callback tells the host to do with its side of the stream.
type Action bool

const (
	// Continue hands the side on.
	Continue Action = false
	// Pause holds it: headers stay, body bytes gather in the host's buffer.
	Pause Action = true
)
