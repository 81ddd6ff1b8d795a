package bodies

import "strings"

// Kind names the variable that an element belongs to.
type Kind uint8

// The kinds with one element each. Element number k of [Parser.Elements] is the one of kind k.
const (
	ArgsCombinedSize Kind = iota
	ArgumentsLimitReached
	FilesCombinedSize
	FullRequestLength
	InboundDataError
	MultipartDataAfter
	MultipartDuplicatePartHeader
	MultipartInvalidQuoting
	MultipartStrictError
	OutboundDataError
	QueryString
	RemoteAddr
	RemoteHost
	RemotePort
	ReqbodyError
	ReqbodyErrorMsg
	ReqbodyProcessor
	ReqbodyProcessorError
	ReqbodyProcessorErrorMsg
	RequestBasename
	RequestBody
	RequestBodyLength
	RequestFilename
	RequestLine
	RequestMethod
	RequestProtocol
	RequestURI
	RequestURIRaw
	ResBodyProcessor
	ResponseBody
	ResponseContentLength
	ResponseContentType
	ResponseProtocol
	ResponseStatus
	ServerAddr
	ServerName
	ServerPort
	StatusLine
	URIParseError
	UrlencodedError
)

// The kinds with any number of elements.
const (
	ArgsGet Kind = iota + UrlencodedError + 1
	ArgsGetNames
	ArgsPost
	ArgsPostNames
	Files
	FilesNames
	FilesSizes
	MultipartFilename
	MultipartName
	MultipartPartHeaders
	RequestCookies
	RequestCookiesNames
	RequestHeaders
	RequestHeadersNames
	ResponseArgs
	ResponseHeaders
	ResponseHeadersNames
	// JSONBody is what the JSON processor puts into TX: the whole body under json_request_body or
	// json_response_body.
	JSONBody

	kindCount
)

// singles is the number of kinds with one element each.
const singles = int(ArgsGet)

// names holds the names of the kinds in the rule language.
var names = [kindCount]string{
	ArgsCombinedSize: "ARGS_COMBINED_SIZE", ArgumentsLimitReached: "ARGUMENTS_LIMIT_REACHED",
	FilesCombinedSize: "FILES_COMBINED_SIZE", FullRequestLength: "FULL_REQUEST_LENGTH",
	InboundDataError: "INBOUND_DATA_ERROR", MultipartDataAfter: "MULTIPART_DATA_AFTER",
	MultipartDuplicatePartHeader: "MULTIPART_DUPLICATE_PART_HEADER",
	MultipartInvalidQuoting:      "MULTIPART_INVALID_QUOTING", MultipartStrictError: "MULTIPART_STRICT_ERROR",
	OutboundDataError: "OUTBOUND_DATA_ERROR", QueryString: "QUERY_STRING", RemoteAddr: "REMOTE_ADDR",
	RemoteHost: "REMOTE_HOST", RemotePort: "REMOTE_PORT", ReqbodyError: "REQBODY_ERROR",
	ReqbodyErrorMsg: "REQBODY_ERROR_MSG", ReqbodyProcessor: "REQBODY_PROCESSOR",
	ReqbodyProcessorError: "REQBODY_PROCESSOR_ERROR", ReqbodyProcessorErrorMsg: "REQBODY_PROCESSOR_ERROR_MSG",
	RequestBasename: "REQUEST_BASENAME", RequestBody: "REQUEST_BODY", RequestBodyLength: "REQUEST_BODY_LENGTH",
	RequestFilename: "REQUEST_FILENAME", RequestLine: "REQUEST_LINE", RequestMethod: "REQUEST_METHOD",
	RequestProtocol: "REQUEST_PROTOCOL", RequestURI: "REQUEST_URI", RequestURIRaw: "REQUEST_URI_RAW",
	ResBodyProcessor: "RES_BODY_PROCESSOR", ResponseBody: "RESPONSE_BODY",
	ResponseContentLength: "RESPONSE_CONTENT_LENGTH", ResponseContentType: "RESPONSE_CONTENT_TYPE",
	ResponseProtocol: "RESPONSE_PROTOCOL", ResponseStatus: "RESPONSE_STATUS", ServerAddr: "SERVER_ADDR",
	ServerName: "SERVER_NAME", ServerPort: "SERVER_PORT", StatusLine: "STATUS_LINE",
	URIParseError: "URI_PARSE_ERROR", UrlencodedError: "URLENCODED_ERROR",
	ArgsGet: "ARGS_GET", ArgsGetNames: "ARGS_GET_NAMES", ArgsPost: "ARGS_POST", ArgsPostNames: "ARGS_POST_NAMES",
	Files: "FILES", FilesNames: "FILES_NAMES", FilesSizes: "FILES_SIZES", MultipartFilename: "MULTIPART_FILENAME",
	MultipartName: "MULTIPART_NAME", MultipartPartHeaders: "MULTIPART_PART_HEADERS",
	RequestCookies: "REQUEST_COOKIES", RequestCookiesNames: "REQUEST_COOKIES_NAMES",
	RequestHeaders: "REQUEST_HEADERS", RequestHeadersNames: "REQUEST_HEADERS_NAMES",
	ResponseArgs: "RESPONSE_ARGS", ResponseHeaders: "RESPONSE_HEADERS",
	ResponseHeadersNames: "RESPONSE_HEADERS_NAMES", JSONBody: "TX",
}

// String returns the name of the variable in the rule language, TX for JSONBody.
func (k Kind) String() string { return names[k] }

// Single reports whether there is always exactly one element of the kind.
func (k Kind) Single() bool { return int(k) < singles }

// CaseSensitive reports whether Coraza tells names of the kind apart by the case of their letters. Where
// it does not, a rule's selector is compared by [NameIs].
func (k Kind) CaseSensitive() bool {
	switch k {
	case ArgsGet, ArgsGetNames, ArgsPost, ArgsPostNames:
		return caseSensitiveArgs
	}
	return false
}

// Element is one value that rules can look at. Key is what a selector like ARGS:name is compared with; it
// is empty for kinds with one element.
type Element struct {
	Kind       Kind
	Key, Value string
}

// Set is a set of kinds.
type Set uint64

// SetOf returns the set of the kinds.
func SetOf(kinds ...Kind) (s Set) {
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has reports whether k is in the set.
func (s Set) Has(k Kind) bool { return s&(1<<k) != 0 }

// empty holds the variables that have no element in any exchange that raises no doubt: nothing in Coraza
// fills them, or only the XML processor or an unusual multipart part does.
var empty = []string{
	"ARGS_PATH", "AUTH_TYPE", "FILES_TMP_CONTENT", "FULL_REQUEST", "IP", "JSON", "MULTIPART_BOUNDARY_QUOTED",
	"MULTIPART_BOUNDARY_WHITESPACE", "MULTIPART_CRLF_LF_LINES", "MULTIPART_DATA_BEFORE",
	"MULTIPART_FILENAME_CHARSET", "MULTIPART_FILENAME_LANGUAGE", "MULTIPART_FILE_LIMIT_EXCEEDED",
	"MULTIPART_HEADER_FOLDING", "MULTIPART_INVALID_HEADER_FOLDING", "MULTIPART_INVALID_PART",
	"MULTIPART_LF_LINE", "MULTIPART_MISSING_SEMICOLON", "MULTIPART_UNMATCHED_BOUNDARY", "PATH_INFO",
	"REQUEST_XML", "RESPONSE_XML", "RES_BODY_ERROR", "RES_BODY_ERROR_MSG", "RES_BODY_PROCESSOR_ERROR",
	"RES_BODY_PROCESSOR_ERROR_MSG", "SESSIONID", "USERID", "XML",
}

var kindsByName = indexKinds()

func indexKinds() map[string][]Kind {
	byName := map[string][]Kind{
		"ARGS":       {ArgsGet, ArgsPost},
		"ARGS_NAMES": {ArgsGetNames, ArgsPostNames},
	}
	for k := range JSONBody {
		byName[names[k]] = []Kind{k}
	}
	for _, name := range empty {
		byName[name] = nil
	}
	return byName
}

// Kinds returns the kinds whose elements a rule sees as the variable of that name; case does not matter.
// ok is false for variables that are not read from the exchange alone (TX, MATCHED_VAR, TIME, ...) or that
// are not the same in each run (FILES_TMPNAMES, UNIQUE_ID, ...).
func Kinds(variable string) (kinds []Kind, ok bool) {
	kinds, ok = kindsByName[strings.ToUpper(variable)]
	return kinds, ok
}

// NameIs reports whether strings.ToLower(name) is lower, without allocating for ASCII. It is how Coraza
// compares names, and differs from strings.EqualFold: a long s is no s here, but the Kelvin sign is a k.
func NameIs(name, lower string) bool {
	for i := range len(name) {
		c := name[i]
		if c >= 0x80 {
			return strings.ToLower(name) == lower
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if i >= len(lower) || c != lower[i] {
			return false
		}
	}
	return len(name) == len(lower)
}
