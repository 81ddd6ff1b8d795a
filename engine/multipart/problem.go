package multipart

// Problem is why a body has more than one reading, or is none of ours.
type Problem uint8

// The problems, from the Content-Type on to the last part.
const (
	// OK: there is one reading.
	OK Problem = iota
	// BadType: another type than multipart/form-data, or parameters beside
	// boundary and charset, or one of them twice.
	BadType
	// BadBoundary: a boundary that is missing, longer than 70 bytes or has bytes
	// that RFC 2046 does not allow.
	BadBoundary
	// DataBefore and DataAfter: text outside of the parts, which some servers
	// skip and others read.
	DataBefore
	DataAfter
	// Unfinished: the last boundary is missing.
	Unfinished
	// LooseBoundary: a line that some servers take for a boundary and some do
	// not: with a line feed alone in front of it, or with text behind it.
	LooseBoundary
	// BadHeader: a part's header that is folded, ends in a line feed alone, has no
	// colon, a blank or a control in the wrong place, or is too long.
	BadHeader
	// RepeatedHeader: the same header twice in a part.
	RepeatedHeader
	// BadDisposition: a Content-Disposition that is missing, is not form-data, has
	// no name, or names something twice, unquoted or with escapes.
	BadDisposition
	// ExtendedParameter: name*, filename* or filename*0 (RFC 2231, RFC 5987), which
	// RFC 7578 forbids in forms and which half of the servers know.
	ExtendedParameter
	// BadFilename: a path, a control or a percent-encoded NUL in a file name, or
	// content without one where one is announced.
	BadFilename
	// BadEncoding: a Content-Transfer-Encoding that changes the bytes.
	BadEncoding
	// BadCharset: a part in another character set than UTF-8, ASCII or Latin-1.
	BadCharset
	// Nested: a multipart inside of a part.
	Nested
	// MixedName: one name for a file and for a field.
	MixedName
	// TooManyParts: more parts than the limit.
	TooManyParts
	problemCount
)

var problems = [problemCount]string{
	"nothing", "a content type that is not plainly multipart/form-data", "a boundary that RFC 2046 does not allow",
	"text before the first boundary", "text after the last boundary", "the last boundary is missing",
	"a line that only some take for a boundary", "a broken or folded part header", "a part header twice",
	"a Content-Disposition that can be read in two ways", "an extended parameter (RFC 2231)",
	"a file name with a path or a control", "a Content-Transfer-Encoding", "a part in another character set",
	"a multipart inside of a part", "one name for a file and for a field", "more parts than allowed",
}

// String returns the problem in words.
func (p Problem) String() string { return problems[p] }
