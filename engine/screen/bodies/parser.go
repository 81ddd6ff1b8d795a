// Package bodies takes an exchange apart into the flat values that rules look at, exactly as Coraza does, so
// that the fast path can go from exchange to verdict without Coraza.
//
// A [Parser] is fed the same events as a Coraza transaction and holds the values as a slice of [Element].
// Request line, headers, cookies and query never raise a doubt. A body does as soon as it is anything out of
// the ordinary: whoever reads the elements then must leave the exchange to Coraza. Ordinary JSON, forms and
// uploads raise none.
package bodies

import (
	"net/url"
	"strconv"
	"strings"

	"tabard/engine/screen/transform"
)

// Limits are the settings of the policy that decide what Coraza's parsers see.
type Limits struct {
	Arguments         int // SecArgumentsLimit, in values
	RequestBodyBytes  int // SecRequestBodyLimit, in bytes
	ResponseBodyBytes int // SecResponseBodyLimit, in bytes
	RequestJSONDepth  int // SecRequestBodyJsonDepthLimit, in levels
	ResponseJSONDepth int // SecResponseBodyJsonDepthLimit, in levels
}

// Parser holds the elements of one exchange at a time. Call [Parser.Reset], then the events in the order of
// the exchange. The strings it holds stay valid after the next Reset, the slice does not. A parser belongs to
// one goroutine.
type Parser struct {
	limits    Limits
	arena     *transform.Arena
	elements  []Element
	changed   Set
	repeated  repeats
	argsSize  int
	queryArgs int // values of ArgsGet
	scratch   []byte
	frames    []frame
	// unescaped is apart from scratch, which holds the path while a string is decoded.
	unescaped []byte

	contentType    string // of the first header of that name
	hasContentType bool
}

// New returns a parser that stores decoded values in the arena, which may be nil. See [transform.Arena].
func New(limits Limits, arena *transform.Arena) *Parser {
	p := &Parser{limits: limits, arena: arena, repeated: newRepeats()}
	p.Reset()
	return p
}

// initial holds the elements of a transaction that has seen nothing: what Coraza sets at its start.
var initial = func() (elements [singles]Element) {
	for k := range elements {
		elements[k].Kind = Kind(k)
	}
	for _, k := range []Kind{
		ArgsCombinedSize, ArgumentsLimitReached, FilesCombinedSize, FullRequestLength, MultipartDataAfter,
		MultipartDuplicatePartHeader, MultipartInvalidQuoting, OutboundDataError, ReqbodyError,
		ReqbodyProcessorError, RequestBodyLength, URIParseError, UrlencodedError,
	} {
		elements[k].Value = "0"
	}
	return elements
}()

// Reset forgets the exchange.
func (p *Parser) Reset() {
	// Stale elements behind the end of the slice would keep the bodies of many exchanges in memory.
	clear(p.elements)
	p.elements = append(p.elements[:0], initial[:]...)
	p.changed = 0
	p.repeated.reset()
	p.argsSize, p.queryArgs = 0, 0
	p.contentType, p.hasContentType = "", false
}

// Elements returns all elements so far: one of each single kind at the index of its kind, then the others in
// the order of the exchange. Events add to the end and may change the single ones.
func (p *Parser) Elements() []Element { return p.elements }

// Value returns the value of a single kind.
func (p *Parser) Value(k Kind) string { return p.elements[k].Value }

// Changed returns the single kinds that got another value since the last call of Changed or Reset.
func (p *Parser) Changed() Set {
	changed := p.changed
	p.changed = 0
	return changed
}

// Repeated returns the kinds in which a name occurs more than once in a way that upsets Coraza 3.8.1: its
// cache of transformed values takes one value of the name for another, depending on the random order of a
// map, so its verdict is not the same in each run. The elements here are right in any case.
func (p *Parser) Repeated() Set { return p.repeated.kinds }

// Nameless returns the kinds among Repeated in which it is the empty name that occurs more than once.
func (p *Parser) Nameless() Set { return p.repeated.nameless }

func (p *Parser) set(k Kind, value string) {
	if p.elements[k].Value != value {
		p.elements[k].Value = value
		p.changed |= 1 << k
	}
}

func (p *Parser) setInt(k Kind, n int) {
	p.scratch = appendInt(p.scratch[:0], n)
	if string(p.scratch) != p.elements[k].Value {
		p.set(k, p.arena.String(p.scratch))
	}
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

// add appends an element of a kind with names, and the element for its name.
func (p *Parser) add(k Kind, key, value string) {
	p.elements = append(p.elements, Element{k, key, value}, Element{k + 1, key, key})
}

// Connection takes the addresses, as Coraza's ProcessConnection does.
func (p *Parser) Connection(client string, clientPort int, server string, serverPort int) {
	p.set(RemoteAddr, client)
	p.setInt(RemotePort, clientPort)
	p.set(ServerAddr, server)
	p.setInt(ServerPort, serverPort)
}

// ServerName takes the name of the virtual host, as Coraza's SetServerName does.
func (p *Parser) ServerName(name string) { p.set(ServerName, name) }

// URI takes the request line, as Coraza's ProcessURI does; it is called once.
func (p *Parser) URI(uri, method, protocol string) {
	p.set(RequestMethod, method)
	p.set(RequestProtocol, protocol)
	p.set(RequestURIRaw, uri)
	p.scratch = append(append(p.scratch[:0], method...), ' ')
	p.scratch = append(append(append(p.scratch, uri...), ' '), protocol...)
	p.set(RequestLine, p.arena.String(p.scratch))
	uri, _, _ = strings.Cut(uri, "#")
	path, query, ok := p.plainURI(uri)
	if ok {
		p.set(RequestURI, uri)
	} else {
		path, query = p.anyURI(uri)
	}
	p.set(RequestFilename, path)
	p.set(RequestBasename, basename(path))
	p.set(QueryString, query)
	p.query(ArgsGet, query)
}

// plainURI splits a URI that is its own normal form: an absolute path that needs no escape and has no wrong one.
func (p *Parser) plainURI(uri string) (path, query string, ok bool) {
	if uri == "" || uri[0] != '/' {
		return "", "", false
	}
	path, query, _ = strings.Cut(uri, "?")
	escaped, plus := false, false
	for i := range len(path) {
		switch c := path[i]; {
		case c == '%':
			if !isEscape(path[i:]) {
				return "", "", false
			}
			escaped = true
		case c == '+':
			plus = true
		case !pathBytes[c]:
			return "", "", false
		}
	}
	if hasControl(query) {
		return "", "", false
	}
	if escaped {
		if plus {
			// A plus is no space in a path, unlike in the decoder at hand.
			return "", "", false
		}
		path = transform.URLDecode(p.arena, path)
	}
	return path, query, true
}

// pathBytes are the bytes that the normal form of a path can have: RFC 3986's pchar, the slash, and brackets.
var pathBytes = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			strings.IndexByte("-._~!$&'()*+,;=:@/[]", byte(c)) >= 0
	}
	return table
}()

// isEscape reports whether s starts with a percent sign and two hexadecimal digits.
func isEscape(s string) bool { return len(s) > 2 && isHex(s[1]) && isHex(s[2]) }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// anyURI splits any other URI by the parser that Coraza uses. One that it refuses is cut at the first
// question mark.
func (p *Parser) anyURI(uri string) (path, query string) {
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		p.set(URIParseError, "1")
		p.set(RequestURI, uri)
		path, query, _ = strings.Cut(uri, "?")
		return path, query
	}
	p.set(RequestURI, u.String())
	return u.Path, u.RawQuery
}

// basename returns what follows the last slash or backslash, or the path if nothing does.
func basename(path string) string {
	if i := strings.LastIndexAny(path, `/\`); len(path) > i+1 {
		return path[i+1:]
	}
	return path
}

// query adds the arguments of a query string or form as elements of the kind, up to the limit.
func (p *Parser) query(k Kind, query string) {
	count := 0
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		if count == p.limits.Arguments {
			p.set(ArgumentsLimitReached, "1")
			break
		}
		key, value, _ := strings.Cut(pair, "=")
		key, value = transform.URLDecode(p.arena, key), transform.URLDecode(p.arena, value)
		p.argument(k, key, value)
		count++
	}
	if k == ArgsGet {
		p.queryArgs = count
	}
	p.setInt(ArgsCombinedSize, p.argsSize)
}

// Argument takes one more argument of the query behind those of the URI, as Coraza's AddGetRequestArgument
// does.
func (p *Parser) Argument(key, value string) {
	if p.queryArgs >= p.limits.Arguments {
		p.set(ArgumentsLimitReached, "1")
		return
	}
	p.queryArgs++
	p.argument(ArgsGet, key, value)
	p.setInt(ArgsCombinedSize, p.argsSize)
}

func (p *Parser) argument(k Kind, key, value string) {
	p.add(k, key, value)
	p.argsSize += len(key) + len(value)
	if k != ArgsGet || key == "" {
		// Names of the query are separate strings in Coraza, except for the empty one.
		p.repeated.note(p.elements, k)
	}
}

// RequestHeader takes one header, as Coraza's AddRequestHeader does. Cookies become elements of their own.
func (p *Parser) RequestHeader(name, value string) {
	if name == "" {
		return
	}
	p.add(RequestHeaders, name, value)
	p.repeated.note(p.elements, RequestHeaders)
	switch {
	case NameIs(name, "content-type"):
		if !p.hasContentType {
			p.contentType, p.hasContentType = value, true
			p.set(ReqbodyProcessor, processorFor(value))
		}
	case NameIs(name, "cookie"):
		p.cookies(value)
	}
}

// processorFor returns the body processor that Coraza picks for a content type.
func processorFor(contentType string) string {
	contentType = strings.TrimSpace(strings.ToLower(contentType))
	switch {
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
		return "URLENCODED"
	case strings.HasPrefix(contentType, "multipart/form-data"):
		return "MULTIPART"
	}
	return ""
}

func (p *Parser) cookies(header string) {
	for header != "" {
		var pair string
		pair, header, _ = strings.Cut(header, ";")
		name, value, _ := strings.Cut(trimControls(pair), "=")
		name, value = trimControls(name), trimControls(value)
		if name == "" && value == "" {
			continue
		}
		p.add(RequestCookies, name, value)
		p.repeated.note(p.elements, RequestCookies)
	}
}

// trimControls removes spaces and control bytes at both ends.
func trimControls(s string) string {
	for s != "" && (s[0] <= ' ' || s[0] == 0x7f) {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] <= ' ' || s[len(s)-1] == 0x7f) {
		s = s[:len(s)-1]
	}
	return s
}

// RequestProcessor sets the body processor if a rule of phase 1 chose one by ctl:requestBodyProcessor.
func (p *Parser) RequestProcessor(name string) { p.set(ReqbodyProcessor, name) }

// RequestBody takes the whole body, as Coraza's ProcessRequestBody does. It is called only if the policy
// reads bodies; force is the effect of ctl:forceRequestBodyVariable. With a doubt the elements of the body are
// not complete, those before it are.
func (p *Parser) RequestBody(body string, force bool) Doubt {
	if body == "" {
		return NoDoubt
	}
	if len(body) >= p.limits.RequestBodyBytes {
		return BodyLimit
	}
	processor := p.Value(ReqbodyProcessor)
	if force && processor == "" {
		processor = "URLENCODED"
		p.set(ReqbodyProcessor, processor)
	}
	switch strings.ToLower(processor) {
	case "":
		return NoDoubt
	case "urlencoded":
		return p.form(body)
	case "json":
		return p.jsonRequest(body)
	case "multipart":
		return p.multipart(body)
	case "raw":
		p.rawBody(body)
		return NoDoubt
	case "xml":
		return ProcessorXML
	}
	return ProcessorUnknown
}

func (p *Parser) rawBody(body string) {
	p.set(RequestBody, body)
	p.setInt(RequestBodyLength, len(body))
}

func (p *Parser) form(body string) Doubt {
	start := len(p.elements)
	p.query(ArgsPost, body)
	p.rawBody(body)
	if !caseSensitiveArgs && namesFold(p.elements[start:]) {
		return FormNamesFold
	}
	return NoDoubt
}

// namesFold reports whether two names differ in case only: of those Coraza keeps one at random.
func namesFold(elements []Element) bool {
	spelling := make(map[string]string, len(elements)/2)
	for _, e := range elements {
		lower := strings.ToLower(e.Key)
		if other, ok := spelling[lower]; ok && other != e.Key {
			return true
		}
		spelling[lower] = e.Key
	}
	return false
}

// ResponseHeader takes one header, as Coraza's AddResponseHeader does.
func (p *Parser) ResponseHeader(name, value string) {
	if name == "" {
		return
	}
	p.add(ResponseHeaders, name, value)
	p.repeated.note(p.elements, ResponseHeaders)
	if NameIs(name, "content-type") {
		media, _, _ := strings.Cut(value, ";")
		p.set(ResponseContentType, media)
	}
}

// ResponseStart takes status and protocol, as Coraza's ProcessResponseHeaders does after the headers.
func (p *Parser) ResponseStart(status int, protocol string) {
	p.setInt(ResponseStatus, status)
	p.set(ResponseProtocol, protocol)
}

// ResponseProcessor sets the body processor that a rule chose by ctl:responseBodyProcessor.
func (p *Parser) ResponseProcessor(name string) { p.set(ResBodyProcessor, name) }

// ResponseBody takes the whole body, as Coraza's ProcessResponseBody does. It is called only if the policy
// reads response bodies and this one's media type is among those it names, or a rule forced it; then it is
// called for an empty body too.
func (p *Parser) ResponseBody(body string) Doubt {
	if len(body) >= p.limits.ResponseBodyBytes {
		return BodyLimit
	}
	switch strings.ToLower(p.Value(ResBodyProcessor)) {
	case "":
		p.setInt(ResponseContentLength, len(body))
		p.set(ResponseBody, body)
		return NoDoubt
	case "json":
		return p.jsonResponse(body)
	case "urlencoded", "multipart", "raw", "xml":
		// These do nothing with a response.
		return NoDoubt
	}
	return ProcessorUnknown
}
