package difftest

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// pieces are what parsers, transformations and rules stumble over.
var pieces = []string{
	"%", "&", "=", "+", ";", "\"", "'", "\\", "{", "}", "[", "]", ",", ":", "\r\n", "\n", "\r", "--", "\x00", "\x7f", " ", "\t",
	"#", "?", "/", "//", "/*", "*/", "<", ">", "(", ")", "|", "`", "$", "@", "^", "~", "%41", "%00", "%u0041", "%zz", "%2527", "\xff", "\xc3\x28",
	"\u00a0", "\u017f", "\u212a", "\\u0041", "\\x41", "&lt;", "&#x27;", "&Tab;", "1e5", "-", "null", "''", "../", "..;/", "filename*=",
	"Content-Type: text/plain\r\n", "\r\n\r\n", "boundary=", "1 or 1=1", "<script>", "select", "union", "etc/passwd", "php://", "${", "{{",
	"http://", "_charset_=", "javascript:", "utf-7", "cmd.exe", "\x1a", "\xe2\x80\x8b",
}

// letters from which one that is put in is taken half of the time: the bytes
// of most requests.
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=&?%+ :;,\"'()<>"

// mutateText deletes, replaces, cuts or puts in some bytes.
func mutateText(r *rand.Rand, t Text) Text {
	s := string(t)
	at := r.IntN(len(s) + 1)
	end := at + r.IntN(min(len(s)-at, 4)+1)
	switch r.IntN(8) {
	case 0: // delete
		return Text(s[:at] + s[end:])
	case 1: // replace by any byte
		return Text(s[:at] + string([]byte{byte(r.IntN(256))}) + s[end:])
	case 2: // replace by a likely byte
		return Text(s[:at] + letters[r.IntN(len(letters)):][:1] + s[end:])
	case 3: // cut
		if r.IntN(2) == 0 {
			return Text(s[:at])
		}
		return Text(s[at:])
	case 4: // double a stretch
		return Text(s[:end] + s[at:])
	case 5: // change the case of a letter
		return Text(s[:at] + swapCase(s[at:end]) + s[end:])
	default:
		return Text(s[:at] + pieces[r.IntN(len(pieces))] + s[at:])
	}
}

func swapCase(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c|0x20 && c|0x20 <= 'z' {
			b[i] = c ^ 0x20
		}
	}
	return string(b)
}

// Mutate returns the case with one to three changes: bytes of the target, of
// header names and values, of bodies; lines and arguments in another order,
// repeated or gone; parts of another case.
func Mutate(r *rand.Rand, c, other *Case) *Case {
	out := c.Clone()
	out.Name = c.Name + " mutant"
	for range 1 + r.IntN(3) {
		mutateOnce(r, out, other)
	}
	return out
}

func mutateOnce(r *rand.Rand, c, other *Case) {
	switch place := r.IntN(21); {
	case place < 6:
		if c.Body == "" {
			c.Target = mutateText(r, c.Target)
			return
		}
		c.Body = mutateText(r, c.Body)
	case place < 9:
		c.Target = mutateText(r, c.Target)
	case place < 13:
		mutateField(r, c.Headers)
	case place < 15:
		c.Headers = rearrange(r, c.Headers)
	case place == 15:
		shuffleArguments(r, c)
	case place == 16:
		splice(r, c, other)
	case place == 18:
		c.Arguments = addNested(r, c)
	case place == 17 && c.Response == nil:
		mutateHead(r, c)
	case c.Response != nil:
		mutateResponse(r, c.Response)
	default:
		c.Target = addArgument(c.Target, Text(pieces[r.IntN(len(pieces))]))
	}
}

// addNested adds an argument as the engine adds those that it has found inside of
// values: half of them an old one's value, and some of them an old one's name.
func addNested(r *rand.Rand, c *Case) []Field {
	name, value := Text("a.json.b"), mutateText(r, Text(pieces[r.IntN(len(pieces))]))
	_, query, _ := strings.Cut(string(c.Target), "?")
	if r.IntN(2) == 0 {
		first, _, _ := strings.Cut(query+string(c.Body), "&")
		_, old, _ := strings.Cut(first, "=")
		value = Text(old)
	}
	if r.IntN(3) == 0 {
		old, _, _ := strings.Cut(query, "=")
		name = Text(old)
	}
	return append(c.Arguments, Field{name, value})
}

func mutateField(r *rand.Rand, fields []Field) {
	if len(fields) == 0 {
		return
	}
	f := &fields[r.IntN(len(fields))]
	part := 1
	if r.IntN(4) == 0 {
		part = 0
	}
	f[part] = mutateText(r, f[part])
}

// rearrange repeats, drops or moves a line.
func rearrange(r *rand.Rand, fields []Field) []Field {
	if len(fields) == 0 {
		return fields
	}
	at := r.IntN(len(fields))
	switch r.IntN(3) {
	case 0:
		return append(fields, fields[at])
	case 1:
		return slices.Delete(fields, at, at+1)
	default:
		to := r.IntN(len(fields))
		fields[at], fields[to] = fields[to], fields[at]
		return fields
	}
}

// shuffleArguments puts the query's arguments, a form's or the cookies into
// another order.
func shuffleArguments(r *rand.Rand, c *Case) {
	path, query, ok := strings.Cut(string(c.Target), "?")
	if ok && r.IntN(2) == 0 {
		c.Target = Text(path + "?" + shuffled(r, query, "&"))
		return
	}
	if i := header(c.Headers, "cookie"); i >= 0 && r.IntN(2) == 0 {
		c.Headers[i][1] = Text(shuffled(r, string(c.Headers[i][1]), "; "))
		return
	}
	if !strings.ContainsAny(string(c.Body), "\r\n{") {
		c.Body = Text(shuffled(r, string(c.Body), "&"))
	}
}

func shuffled(r *rand.Rand, s, separator string) string {
	list := strings.Split(s, separator)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return strings.Join(list, separator)
}

// splice takes one part of another case, as a whole or its end.
func splice(r *rand.Rand, c, other *Case) {
	if other == nil {
		return
	}
	switch r.IntN(6) {
	case 0:
		c.Target = other.Target
	case 1:
		c.Target = joined(r, c.Target, other.Target)
	case 2:
		c.Headers = slices.Clone(other.Headers)
	case 3:
		if len(other.Headers) > 0 {
			c.Headers = append(c.Headers, other.Headers[r.IntN(len(other.Headers))])
		}
	case 4:
		c.Body = joined(r, c.Body, other.Body)
	default:
		c.Method, c.Body, c.Headers = other.Method, other.Body, slices.Clone(other.Headers)
		if other.Response != nil && r.IntN(2) == 0 {
			c.Response = other.Clone().Response
		}
	}
}

func joined(r *rand.Rand, a, b Text) Text {
	return a[:r.IntN(len(a)+1)] + b[r.IntN(len(b)+1):]
}

func mutateHead(r *rand.Rand, c *Case) {
	switch r.IntN(3) {
	case 0:
		c.Method = []Text{"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get", "TRACE", "FOO"}[r.IntN(10)]
	case 1:
		c.Protocol = []Text{"HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/2.0", "HTTP/3.0", "HTTP/0.9", "JUNK/1.0"}[r.IntN(7)]
	default:
		c.Trailers = append(c.Trailers, Field{"X-Checksum", mutateText(r, "abc")})
	}
}

func mutateResponse(r *rand.Rand, out *Response) {
	switch r.IntN(6) {
	case 0:
		out.Status = []int{200, 204, 302, 400, 403, 404, 500, 501, 503}[r.IntN(9)]
	case 1:
		mutateField(r, out.Headers)
	case 2:
		out.Headers = rearrange(r, out.Headers)
	default:
		out.Body = mutateText(r, out.Body)
	}
}

func addArgument(target, value Text) Text {
	separator := Text("?")
	if strings.Contains(string(target), "?") {
		separator = "&"
	}
	return target + separator + "q=" + value
}

// Envelop puts what a case carries (arguments or body) into the request of
// another one, a harmless client's, so that it travels with its headers.
func Envelop(r *rand.Rand, payload, envelope *Case) *Case {
	out := envelope.Clone()
	out.Name = payload.Name + " in " + envelope.Name
	_, query, _ := strings.Cut(string(payload.Target), "?")
	switch {
	case payload.Body != "" && r.IntN(2) == 0:
		out.Method, out.Body = payload.Method, payload.Body
		if i := header(payload.Headers, "content-type"); i >= 0 {
			out.Headers = append(slices.DeleteFunc(out.Headers, func(f Field) bool { return lowerASCII(string(f[0])) == "content-type" }), payload.Headers[i])
		}
	case query != "":
		out.Target = out.Target + "?" + Text(query)
	default:
		_, value, _ := strings.Cut(string(payload.Body), "=")
		out.Target = addArgument(out.Target, Text(value))
	}
	if payload.Response != nil {
		out.Response = payload.Clone().Response
	}
	return out
}
