package abi

import (
	"encoding/binary"
	"errors"
	"strconv"
	"unsafe"

	"tabard/engine"
	"tabard/filter"
)

// The host functions that every exchange needs are called here and not through
// the SDK, whose wrappers allocate six times for a property and twice for a
// header block. sendLocalResponse is here because the SDK's has no place for the
// response code details.

//go:wasmimport env proxy_get_property
func getProperty(path *byte, pathSize int32, data, size unsafe.Pointer) uint32

//go:wasmimport env proxy_set_property
func setProperty(path *byte, pathSize int32, value *byte, valueSize int32) uint32

//go:wasmimport env proxy_get_header_map_pairs
func getHeaders(headerMap uint32, data, size unsafe.Pointer) uint32

//go:wasmimport env proxy_increment_metric
func incrementMetric(id uint32, offset int64) uint32

//go:wasmimport env proxy_record_metric
func recordMetric(id uint32, value uint64) uint32

//go:wasmimport env proxy_send_local_response
func sendLocalResponse(status uint32, details *byte, detailsSize int32, body *byte, bodySize int32,
	headers *byte, headersSize int32, grpcStatus int32) uint32

// The statuses that mean something to the filter.
const (
	statusOK       = 0
	statusNotFound = 1
)

// statusError is the error of a host function.
func statusError(status uint32) error {
	if status == statusOK {
		return nil
	}
	return errors.New("error status returned by host: " + strconv.Itoa(int(status)))
}

// answer is where the host puts the place and the size of what it gives: memory
// that it has got from proxy_on_memory_allocate. One is enough, since a virtual
// machine has one thread.
var answer struct {
	data *byte // the host writes the lower half, all that there is of an address
	size int32
}

// given is what the host has given; nil where it has given nothing. The bytes
// are the caller's.
func given(status uint32) ([]byte, error) {
	data, size := answer.data, answer.size
	answer.data, answer.size = nil, 0
	if data == nil || status != statusOK {
		return nil, statusError(status)
	}
	return unsafe.Slice(data, size), nil
}

// headerMaps are proxy-wasm's numbers of the header blocks.
var headerMaps = map[filter.Block]uint32{filter.RequestHeaders: 0, filter.RequestTrailers: 1, filter.ResponseHeaders: 2}

var errHeaders = errors.New("the host gave header lines that cannot be read")

// unmarshal is the opposite of marshal. The lines share their bytes with data.
func unmarshal(data []byte) (engine.Headers, error) {
	if len(data) < 4 {
		return nil, errHeaders
	}
	n, rest := int(binary.LittleEndian.Uint32(data)), data[4:]
	if n > len(rest)/8 {
		return nil, errHeaders
	}
	sizes, words := rest[:8*n], rest[8*n:]
	lines := make(engine.Headers, n)
	for i := range 2 * n {
		size := int(binary.LittleEndian.Uint32(sizes[4*i:]))
		if size >= len(words) { // a NUL follows
			return nil, errHeaders
		}
		lines[i/2][i%2] = unsafe.String(unsafe.SliceData(words), size)
		words = words[size+1:]
	}
	return lines, nil
}

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
