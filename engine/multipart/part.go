package multipart

import (
	"strings"

	"tabard/engine/mime"
)

// Part is what the headers of a part say.
type Part struct {
	// Name is the form field.
	Name string
	// Filename is the file's name; IsFile says that one is given, which may be
	// empty: browsers send that for a field without a file.
	Filename string
	IsFile   bool
	// ContentType is as written; empty when the part has none.
	ContentType string
}

// header reads one header line of a part without its end.
func (p *Parser) header(line string) {
	name, value, found := strings.Cut(line, ":")
	if !found || !isToken(name) || hasControl(value) {
		p.fail(BadHeader)
		return
	}
	name, value = strings.ToLower(name), strings.Trim(value, " \t")
	for _, seen := range p.headers {
		if seen == name {
			p.fail(RepeatedHeader)
		}
	}
	p.headers = append(p.headers, name)
	switch name {
	case "content-disposition":
		p.disposition(value)
	case "content-type":
		p.part.ContentType = value
		p.partType(value)
	case "content-transfer-encoding":
		switch strings.ToLower(value) {
		case "7bit", "8bit", "binary":
		default:
			p.fail(BadEncoding)
		}
	}
}

// partType looks for character sets that hide text, such as UTF-7, and for a
// multipart in a part, which RFC 7578 has given up.
func (p *Parser) partType(value string) {
	t, ok := mime.Parse(value)
	if !ok {
		p.fail(BadHeader)
		return
	}
	if t.Type == "multipart" {
		p.fail(Nested)
	}
	charset, _ := t.Parameter("charset")
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii", "iso-8859-1":
	default:
		p.fail(BadCharset)
	}
}

// disposition reads a Content-Disposition as browsers write it: form-data, a
// name and perhaps a filename, both in quotes or plain tokens.
func (p *Parser) disposition(value string) {
	kind, rest, _ := strings.Cut(value, ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "form-data") {
		p.fail(BadDisposition)
	}
	named := false
	for rest != "" {
		key, text, after, ok := parameter(rest)
		rest = after
		switch {
		case strings.Contains(key, "*"):
			p.fail(ExtendedParameter)
		case !ok, key == "name" && named, key == "filename" && p.part.IsFile:
			p.fail(BadDisposition)
		case key == "name":
			p.part.Name, named = text, true
		case key == "filename":
			p.part.Filename, p.part.IsFile = text, true
		default:
			p.fail(BadDisposition)
		}
	}
	if !named {
		p.fail(BadDisposition)
	}
	if strings.ContainsAny(p.part.Filename, "/\\") || strings.Contains(p.part.Filename, "%00") {
		p.fail(BadFilename)
	}
}

// parameter reads one key=value with the semicolon behind it. ok is false for a
// value with two readings: backslashes, an open quote, text behind the quote, or
// what is no token without quotes. The key is in small letters.
func parameter(s string) (key, value, rest string, ok bool) {
	key, s, found := strings.Cut(s, "=")
	key = strings.ToLower(strings.Trim(key, " \t"))
	if !found {
		return key, "", "", false
	}
	if quoted, isQuoted := strings.CutPrefix(s, `"`); isQuoted {
		value, s, ok = strings.Cut(quoted, `"`)
		ok = ok && !strings.Contains(value, `\`)
	} else {
		end := strings.IndexAny(s, "; \t")
		if end < 0 {
			end = len(s)
		}
		value, s = s[:end], s[end:]
		ok = isToken(value)
	}
	s = strings.Trim(s, " \t")
	if s == "" {
		return key, value, "", ok
	}
	rest, more := strings.CutPrefix(s, ";")
	return key, value, rest, ok && more && rest != ""
}

// isToken is RFC 9110's token, without the single quote that some servers take
// for a quotation mark.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && strings.IndexByte("!#$%&*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func hasControl(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}
