package replay

import (
	"mime"
	"strings"

	"tabard/engine"
)

// encode makes the body of a form from its fields, for archives that hold no
// text. known is false when the type says no form, or names no boundary.
func (p *harPost) encode(h engine.Headers) (body []byte, known bool) {
	kind := h.Get("content-type")
	if kind == "" {
		kind = p.MimeType
	}
	mediaType, params, _ := mime.ParseMediaType(kind)
	switch {
	case mediaType == "multipart/form-data" && params["boundary"] != "":
		return p.multipart(params["boundary"]), true
	case mediaType == "application/x-www-form-urlencoded":
		return p.urlencoded(), true
	}
	return nil, false
}

func (p *harPost) urlencoded() []byte {
	var b strings.Builder
	for i, field := range p.Params {
		if i > 0 {
			b.WriteByte('&')
		}
		escape(&b, field.Name)
		b.WriteByte('=')
		escape(&b, field.Value)
	}
	return []byte(b.String())
}

// escape encodes what would be read as something else. Chrome writes fields as
// they were sent and Firefox decoded ones, so a percent sign with two digits
// behind it is left as it is.
func escape(b *strings.Builder, s string) {
	const digits = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		c := s[i]
		escaped := c == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0
		switch {
		case c == ' ':
			b.WriteByte('+')
		case c <= ' ' || c >= 0x7f || c == '&' || c == '=' || c == '%' && !escaped:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		default:
			b.WriteByte(c)
		}
	}
}

func (p *harPost) multipart(boundary string) []byte {
	var b strings.Builder
	quote := strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22") // as browsers do
	for _, field := range p.Params {
		b.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + quote.Replace(field.Name) + `"`)
		if field.FileName != "" {
			b.WriteString(`; filename="` + quote.Replace(field.FileName) + `"`)
		}
		if field.ContentType != "" {
			b.WriteString("\r\nContent-Type: " + field.ContentType)
		}
		b.WriteString("\r\n\r\n" + field.Value + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return []byte(b.String())
}
