package bodies

import "strings"

const (
	// maxBoundary is RFC 2046's limit. Longer ones work in Coraza until they exceed a buffer of its reader.
	maxBoundary = 70
	// maxPartHeaders and maxHeaderLine are far above what browsers send and far below Coraza's own limits.
	maxPartHeaders = 16
	maxHeaderLine  = 4096
	// maxFiles keeps the search for equal file names short.
	maxFiles = 64
)

// part is what the headers of a part say.
type part struct {
	name, filename string
}

// multipart adds the parts of an upload. It accepts only what leaves no room for two readings: CRLF line
// ends, no text outside of the parts, simple headers.
func (p *Parser) multipart(body string) Doubt {
	boundary, ok := boundaryOf(p.contentType)
	if !ok {
		return MultipartType
	}
	p.scratch = append(append(p.scratch[:0], "\r\n--"...), boundary...)
	delimiter := p.arena.String(p.scratch)
	rest, ok := strings.CutPrefix(body, delimiter[2:])
	if !ok {
		return MultipartBoundary
	}
	start := len(p.elements)
	size := 0
	for {
		if rest, ok = strings.CutPrefix(rest, "\r\n"); !ok {
			break
		}
		var current part
		var doubt Doubt
		if current, rest, doubt = p.partHeaders(rest); doubt != NoDoubt {
			return doubt
		}
		content, after, found := strings.Cut(rest, delimiter)
		if !found || strings.HasPrefix(rest, delimiter[2:]) {
			return MultipartBoundary
		}
		rest = after
		size += len(content)
		if !p.part(current, content, start) {
			return MultipartParts
		}
	}
	if rest != "--" && rest != "--\r\n" || size == 0 && len(p.elements) == start {
		return MultipartBoundary
	}
	p.setInt(FilesCombinedSize, size)
	p.setInt(ArgsCombinedSize, p.argsSize)
	return NoDoubt
}

// part adds the elements of a part; false means that there are too many files. Elements of the body begin
// at start.
func (p *Parser) part(current part, content string, start int) bool {
	p.elements = append(p.elements, Element{MultipartName, current.name, current.name})
	if current.filename == "" {
		p.argument(ArgsPost, current.name, content)
		return true
	}
	p.elements = append(p.elements,
		Element{MultipartFilename, current.name, current.filename},
		Element{Files, "", current.filename},
		Element{FilesNames, "", current.name})
	return p.fileSize(current.filename, len(content), start)
}

// fileSize adds the size of a file. Of two files of one name, the case of letters aside, only the last
// has a size in Coraza.
func (p *Parser) fileSize(filename string, size, start int) bool {
	p.scratch = appendInt(p.scratch[:0], size)
	added := Element{FilesSizes, filename, p.arena.String(p.scratch)}
	files := 0
	lower := strings.ToLower(filename)
	for i := start; i < len(p.elements); i++ {
		e := &p.elements[i]
		if e.Kind != FilesSizes {
			continue
		}
		if NameIs(e.Key, lower) {
			*e = added
			return true
		}
		files++
	}
	p.elements = append(p.elements, added)
	return files < maxFiles
}

// partHeaders reads the headers of a part up to the empty line.
func (p *Parser) partHeaders(s string) (current part, rest string, doubt Doubt) {
	start := len(p.elements)
	described := false
	for {
		line, after, ok := strings.Cut(s, "\r\n")
		if !ok || len(line) > maxHeaderLine || len(p.elements)-start == maxPartHeaders {
			return part{}, "", MultipartHeader
		}
		s = after
		if line == "" {
			break
		}
		text, key, value, ok := p.partHeader(line)
		if !ok || hasHeader(p.elements[start:], key) {
			return part{}, "", MultipartHeader
		}
		p.elements = append(p.elements, Element{MultipartPartHeaders, "", text})
		switch {
		case key == "Content-Disposition":
			if current, ok = disposition(value); !ok {
				return part{}, "", MultipartDisposition
			}
			described = true
		case key == "Content-Transfer-Encoding" && strings.EqualFold(value, "quoted-printable"):
			return part{}, "", MultipartQuotedPrintable
		}
	}
	if !described {
		return part{}, "", MultipartDisposition
	}
	for i := start; i < len(p.elements); i++ {
		p.elements[i].Key = current.name
	}
	p.repeated.noteAll(p.elements, start)
	return current, s, NoDoubt
}

// hasHeader reports whether one of the part's headers has the name.
func hasHeader(elements []Element, key string) bool {
	for i := range elements {
		if value := elements[i].Value; len(value) > len(key) && value[len(key)] == ':' && value[:len(key)] == key {
			return true
		}
	}
	return false
}

// partHeader splits a line into name and value, and returns the text that Coraza makes of them: the name in
// canonical form, a colon, a space, the value.
func (p *Parser) partHeader(line string) (text, key, value string, ok bool) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" {
		return "", "", "", false
	}
	canonical := true
	upper := true
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z':
			canonical = canonical && !upper
		case c >= 'A' && c <= 'Z':
			canonical = canonical && upper
		case c >= '0' && c <= '9' || c == '-' || c == '_':
		default:
			return "", "", "", false
		}
		upper = c == '-'
	}
	if hasControl(value) {
		return "", "", "", false
	}
	trimmed := strings.Trim(value, " ")
	if canonical && len(value) == len(trimmed)+1 && value[0] == ' ' {
		return line, name, trimmed, true
	}
	p.scratch = append(append(appendCanonical(p.scratch[:0], name), ": "...), trimmed...)
	text = p.arena.String(p.scratch)
	return text, text[:len(name)], trimmed, true
}

// appendCanonical appends name with a capital at its start and after each hyphen, and small letters elsewhere.
func appendCanonical(b []byte, name string) []byte {
	upper := true
	for i := range len(name) {
		c := name[i]
		switch {
		case upper && c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		case !upper && c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		b = append(b, c)
		upper = c == '-'
	}
	return b
}

// disposition reads a Content-Disposition that has a name, perhaps a filename, and nothing else.
func disposition(value string) (current part, ok bool) {
	base, rest, _ := strings.Cut(value, ";")
	if !NameIs(strings.Trim(base, " "), "form-data") {
		return part{}, false
	}
	named, filed := false, false
	for rest != "" {
		var key, text string
		if key, text, rest, ok = parameter(rest); !ok {
			return part{}, false
		}
		switch {
		case NameIs(key, "name") && !named:
			current.name, named = text, true
		case NameIs(key, "filename") && !filed:
			current.filename, filed = text, true
		default:
			return part{}, false
		}
	}
	return current, named
}

// boundaryOf returns the boundary of a plain multipart/form-data content type.
func boundaryOf(contentType string) (boundary string, ok bool) {
	base, rest, _ := strings.Cut(contentType, ";")
	if !NameIs(strings.Trim(base, " "), "multipart/form-data") {
		return "", false
	}
	bounded, charset := false, false
	for rest != "" {
		var key, text string
		if key, text, rest, ok = parameter(rest); !ok {
			return "", false
		}
		switch {
		case NameIs(key, "boundary") && !bounded:
			boundary, bounded = text, true
		case NameIs(key, "charset") && !charset:
			charset = true
		default:
			return "", false
		}
	}
	return boundary, boundary != "" && len(boundary) <= maxBoundary
}

// parameter reads one name=value and the semicolon behind it, if one is. The value is a token or a quoted
// string without backslashes.
func parameter(s string) (key, value, rest string, ok bool) {
	key, s, ok = strings.Cut(strings.TrimLeft(s, " "), "=")
	if !ok || key == "" {
		return "", "", "", false
	}
	for i := range len(key) {
		if !isWordByte(key[i]) {
			return "", "", "", false
		}
	}
	if quoted, isQuoted := strings.CutPrefix(s, `"`); isQuoted {
		if value, s, ok = strings.Cut(quoted, `"`); !ok || !isPlainText(value) {
			return "", "", "", false
		}
	} else {
		end := 0
		for end < len(s) && isTokenByte(s[end]) {
			end++
		}
		if value, s = s[:end], s[end:]; value == "" {
			return "", "", "", false
		}
	}
	s = strings.TrimLeft(s, " ")
	if s == "" {
		return key, value, "", true
	}
	rest, ok = strings.CutPrefix(s, ";")
	// A semicolon at the end is left to Coraza, too.
	return key, value, rest, ok && rest != ""
}

// isPlainText reports whether a quoted string has no escapes and no control bytes.
func isPlainText(s string) bool { return strings.IndexByte(s, '\\') < 0 && !hasControl(s) }

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// isWordByte reports whether c occurs in ordinary parameter names; the star of extended ones does not.
func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// isTokenByte reports whether c can be in a value without quotes: RFC 2045's token, without its odder bytes.
func isTokenByte(c byte) bool { return isWordByte(c) || c == '.' || c == '+' || c == '\'' }
