package engine

import "errors"

// errFraming says what is wrong with a body that calls itself gRPC.
var errFraming = errors.New("the body is not made of gRPC messages")

// GRPCFrames follows a body that says it is gRPC while it goes on uninspected:
// messages of a flag of 0 or 1, four bytes with a length, and as many bytes
// (PROTOCOL-HTTP2.md of gRPC). Whatever else comes under that name, such as JSON
// for a server that looks at no type, does not get through. It is for one
// goroutine, which need not be that of the Exchange.
type GRPCFrames struct {
	head []byte // of the present message, as far as it has come
	left uint32 // bytes of it that are to come
}

// grpcHeadBytes is the flag and the length.
const grpcHeadBytes = 5

// Take takes the next piece of the body; end says that it is the last one. After
// an error nothing more of the body may go on.
func (f *GRPCFrames) Take(piece []byte, end bool) error {
	for len(piece) > 0 {
		if f.left > 0 {
			n := min(int64(f.left), int64(len(piece)))
			f.left, piece = f.left-uint32(n), piece[n:]
			continue
		}
		if len(f.head) == 0 && piece[0] > 1 {
			return errFraming
		}
		f.head, piece = append(f.head, piece[0]), piece[1:]
		if len(f.head) == grpcHeadBytes {
			f.left = uint32(f.head[1])<<24 | uint32(f.head[2])<<16 | uint32(f.head[3])<<8 | uint32(f.head[4])
			f.head = f.head[:0]
		}
	}
	if end && (f.left > 0 || len(f.head) > 0) {
		return errFraming
	}
	return nil
}

// RefuseBody tells the engine that a body that goes on uninspected is not what
// its head says, as GRPCFrames finds. The verdict is a Block with status 400 or,
// in detection mode, a note.
func (x *Exchange) RefuseBody() Verdict {
	return x.guard(func() { x.refuse(ReasonFraming, 400) })
}

// Blocks says, after RequestHeaders, whether a refusal stops the exchange, as
// opposed to detection mode, where it is noted.
func (x *Exchange) Blocks() bool { return x.variant.mode != ModeDetect }
