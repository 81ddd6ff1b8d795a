package replay

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"strconv"
	"strings"

	"tabard/engine"
)

// curlReader reads curl commands, as "Copy as cURL" of a browser or a manual
// has them, and makes the requests that curl would send. Nothing is run, no
// file is read and no variable expanded. Lines of a script that are no curl
// commands are skipped.
type curlReader struct{ lines *lineReader }

// maxCommandBytes bounds one command: Linux takes arguments up to 2 MiB.
const maxCommandBytes = 2 << 20

// Next implements Reader.
func (r *curlReader) Next() (Record, error) {
	for {
		line, at, err := r.lines.entry()
		if err != nil {
			return Record{}, err
		}
		if !isCurlLine(line) {
			continue
		}
		command, err := r.rest(bytes.Clone(line))
		if err != nil {
			return Record{}, &EntryError{at, err.Error()}
		}
		return Record{Position: at, text: command, bytes: len(command), parse: parseCurl}, nil
	}
}

// rest adds the lines that a command goes on in: after a backslash, and inside
// of quotes.
func (r *curlReader) rest(command []byte) ([]byte, error) {
	var s shell
	s.feed(string(command))
	for s.open() {
		line, err := r.lines.next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the command ends inside of quotes or behind a backslash")
		}
		if err != nil {
			return nil, err
		}
		s.feed("\n" + string(line))
		if len(command)+len(line) > maxCommandBytes {
			return nil, errors.New("the command is longer than 2 MiB")
		}
		command = append(append(command, '\n'), line...)
	}
	return command, nil
}

// shell splits a command into words as a POSIX shell does, with the $'...' of
// bash, which browsers write.
type shell struct {
	words     []string
	word      strings.Builder
	inWord    bool
	quote     byte // ' or ", or $ for $'
	backslash bool
	dollar    bool // the last byte was an unquoted $
}

// shellOperators end a command.
const shellOperators = ";|&<>"

// open says that the command goes on in the next line.
func (s *shell) open() bool { return s.quote != 0 || s.backslash }

func (s *shell) feed(text string) {
	for i := 0; i < len(text); i++ {
		s.byte(text[i])
	}
}

// byte takes in one byte.
func (s *shell) byte(c byte) {
	switch {
	case s.backslash:
		s.escaped(c)
	case s.quote == '\'' && c != '\'', s.quote == '"' && c != '"' && c != '\\', s.quote == '$' && c != '\'' && c != '\\':
		s.word.WriteByte(c)
	case c == '\\':
		s.backslash, s.inWord = true, true
	case s.quote != 0:
		s.quote = 0
	case c == '\'' && s.dollar:
		s.quote, s.dollar = '$', false
		return
	case c == '\'' || c == '"':
		s.flushDollar()
		s.quote, s.inWord = c, true
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		s.end()
	case strings.IndexByte(shellOperators, c) >= 0:
		s.end()
		s.words = append(s.words, string([]byte{c}))
	case c == '$':
		s.flushDollar()
		s.dollar, s.inWord = true, true
		return
	default:
		s.flushDollar()
		s.inWord = true
		s.word.WriteByte(c)
	}
	s.flushDollar()
}

// flushDollar writes a dollar sign that began no quote.
func (s *shell) flushDollar() {
	if s.dollar {
		s.dollar = false
		s.word.WriteByte('$')
	}
}

// escaped takes in what follows a backslash. In $'...' the escape is kept for
// ansi, which decodes the word's part as a whole.
func (s *shell) escaped(c byte) {
	s.backslash = false
	switch {
	case s.quote == '$':
		s.word.WriteString(ansiMark + string([]byte{c}))
	case c == '\n' || s.quote == 0 && c == '\r':
	case s.quote == '"' && !strings.ContainsRune("\"\\$`", rune(c)):
		s.word.WriteString(`\` + string([]byte{c}))
	default:
		s.word.WriteByte(c)
	}
}

// ansiMark stands for a backslash inside of $'...' until the word is complete.
// No command has a NUL byte, which ends arguments.
const ansiMark = "\x00"

// end completes a word.
func (s *shell) end() {
	s.flushDollar()
	if s.inWord {
		s.words = append(s.words, ansi(s.word.String()))
	}
	s.word.Reset()
	s.inWord = false
}

// ansi decodes the escapes of $'...': \n \r \t \a \b \f \v \e \\ \' \" \xHH
// \uHHHH \UHHHHHHHH and octal.
func ansi(s string) string {
	if !strings.Contains(s, ansiMark) {
		return s
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, ansiMark)
		b.WriteString(before)
		if !ok || after == "" {
			return b.String()
		}
		n := ansiEscape(&b, after)
		s = after[n:]
	}
}

// ansiEscape decodes what follows a backslash and says how long it is.
func ansiEscape(b *strings.Builder, s string) int {
	const letters, values = `nrtabfve\'"?`, "\n\r\t\a\b\f\v\x1b\\'\"?"
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
	switch i := strings.IndexByte(letters, s[0]); {
	case i >= 0:
		b.WriteByte(values[i])
		return 1
	case digits > 0:
		value, n := number(s[1:], 16, digits)
		if n == 0 {
			b.WriteString(`\` + s[:1])
			return 1
		}
		if s[0] == 'x' {
			b.WriteByte(byte(value))
		} else {
			b.WriteRune(rune(value))
		}
		return n + 1
	case s[0] >= '0' && s[0] <= '7':
		value, n := number(s, 8, 3)
		b.WriteByte(byte(value))
		return n
	}
	b.WriteString(`\` + s[:1])
	return 1
}

// number reads up to most digits of a base.
func number(s string, base, most int) (value, n int) {
	for n < len(s) && n < most {
		d := unhex(s[n])
		if d < 0 || d >= base {
			break
		}
		value, n = value*base+d, n+1
	}
	return value, n
}

// curlCommand is what the options say.
type curlCommand struct {
	url, method       string
	headers           engine.Headers
	agent, user       string
	referer, cookie   string
	data              []string
	json              bool
	form              []harParam
	get, head, put    bool
	protocol          string
	unknown           Unknown
	multipartBoundary string
}

// parseCurl makes the Entry of a command.
func parseCurl(text []byte, _ Position) (Entry, error) {
	if bytes.IndexByte(text, 0) >= 0 {
		return Entry{}, errors.New("a command has no NUL byte in it")
	}
	var s shell
	s.feed(string(text))
	s.end()
	c := curlCommand{protocol: defaultProtocol, agent: curlAgent, multipartBoundary: "------------------------tabard0replay0boundary"}
	if err := c.parse(s.words[curlWord(s.words)+1:]); err != nil {
		return Entry{}, err
	}
	return c.entry()
}

// curlAgent is what curl calls itself, without a version, which the command
// does not tell.
const curlAgent = "curl/8"

// curlWord is where the program's name stands: behind a prompt, too.
func curlWord(words []string) int {
	for i, w := range words {
		if w == "curl" || strings.HasSuffix(w, "/curl") || w == "curl.exe" {
			return i
		}
	}
	return len(words) - 1
}

// parse reads the options. The command ends where the shell goes on with
// another one.
func (c *curlCommand) parse(words []string) error {
	for i := 0; i < len(words); i++ {
		word := words[i]
		if len(word) == 1 && strings.Contains(shellOperators, word) {
			break
		}
		if len(word) < 2 || word[0] != '-' {
			c.url = cmp.Or(c.url, word)
			continue
		}
		options, value, attached := curlOptions(word)
		for _, name := range options {
			takes, known := curlFlags[name]
			if !known || !takes {
				c.flag(name)
				continue
			}
			if !attached {
				if i++; i >= len(words) {
					return errors.New("the option " + word + " has no value")
				}
				value = words[i]
			}
			if err := c.option(name, value); err != nil {
				return err
			}
		}
	}
	if c.url == "" {
		return errors.New("the command names no URL")
	}
	return nil
}

// curlOptions takes a word apart: --name, -n, -nvalue, or several of one
// letter, the last of which may take a value.
func curlOptions(word string) (names []string, value string, attached bool) {
	if strings.HasPrefix(word, "--") {
		return []string{word[2:]}, "", false
	}
	for i := 1; i < len(word); i++ {
		name := word[i : i+1]
		if long, ok := curlLetters[name]; ok {
			name = long
		}
		names = append(names, name)
		if curlFlags[name] && i+1 < len(word) {
			return names, word[i+1:], true
		}
	}
	return names, "", false
}

// curlLetters are the short names of options that matter here or take a value.
var curlLetters = map[string]string{
	"X": "request", "H": "header", "d": "data", "F": "form", "u": "user", "A": "user-agent", "e": "referer", "b": "cookie",
	"G": "get", "I": "head", "T": "upload-file", "o": "output", "m": "max-time", "x": "proxy", "c": "cookie-jar", "D": "dump-header",
	"E": "cert", "w": "write-out", "r": "range", "K": "config", "0": "http1.0", "y": "speed-time", "Y": "speed-limit", "C": "continue-at",
	"t": "telnet-option", "z": "time-cond", "P": "ftp-port", "Q": "quote", "U": "proxy-user",
}

// curlFlags are the options that take a value; of the others only those that
// change the request are known.
var curlFlags = map[string]bool{
	"request": true, "header": true, "data": true, "data-raw": true, "data-binary": true, "data-ascii": true, "data-urlencode": true,
	"json": true, "form": true, "form-string": true, "user": true, "user-agent": true, "referer": true, "cookie": true, "url": true,
	"upload-file": true, "output": true, "max-time": true, "proxy": true, "cookie-jar": true, "dump-header": true, "cert": true,
	"write-out": true, "range": true, "config": true, "speed-time": true, "speed-limit": true, "continue-at": true, "telnet-option": true,
	"time-cond": true, "ftp-port": true, "quote": true, "proxy-user": true, "connect-timeout": true, "cacert": true, "capath": true, "key": true,
	"resolve": true, "connect-to": true, "retry": true, "retry-delay": true, "retry-max-time": true, "interface": true, "limit-rate": true,
	"max-redirs": true, "ciphers": true, "oauth2-bearer": true, "unix-socket": true, "noproxy": true, "tls-max": true, "stderr": true,
	"trace": true, "trace-ascii": true, "url-query": true, "aws-sigv4": true, "cert-type": true, "key-type": true, "pass": true,
}

func (c *curlCommand) flag(name string) {
	switch name {
	case "get":
		c.get = true
	case "head":
		c.head = true
	case "http1.0":
		c.protocol = "HTTP/1.0"
	case "http2", "http2-prior-knowledge":
		c.protocol = "HTTP/2"
	case "http3", "http3-only":
		c.protocol = "HTTP/3"
	case "compressed":
		c.headers = append(c.headers, [2]string{"Accept-Encoding", "deflate, gzip"})
	}
}

// option takes in an option with its value.
func (c *curlCommand) option(name, value string) error {
	switch name {
	case "url":
		c.url = cmp.Or(c.url, value)
	case "request":
		c.method = value
	case "header":
		c.header(value)
	case "user":
		c.user = value
	case "oauth2-bearer":
		c.headers = append(c.headers, [2]string{"Authorization", "Bearer " + value})
	case "user-agent":
		c.agent = value
	case "referer":
		c.referer = strings.TrimSuffix(value, ";auto")
	case "cookie":
		if strings.Contains(value, "=") {
			c.cookie = value
		} else {
			c.unknown |= UnknownRedacted // a file of cookies
		}
	case "range":
		c.headers = append(c.headers, [2]string{"Range", "bytes=" + value})
	case "upload-file":
		c.put = true
		c.unknown |= UnknownBody
	case "url-query":
		c.addQuery(curlEncode(strings.TrimPrefix(value, "+")))
	case "form", "form-string":
		return c.addForm(value, name == "form")
	default:
		c.addData(name, value)
	}
	return nil
}

// header adds one; "Name:" removes one that curl sends by itself, and "Name;"
// is one without a value.
func (c *curlCommand) header(line string) {
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		name, ok = strings.CutSuffix(line, ";")
	}
	if !ok || strings.HasPrefix(name, "@") {
		c.unknown |= UnknownRedacted // a file of headers
		return
	}
	c.headers = append(c.headers, [2]string{name, strings.Trim(value, " \t")})
	if strings.Contains(line, ":") && strings.TrimSpace(value) == "" {
		c.headers[len(c.headers)-1] = [2]string{name, curlRemoved}
	}
}

// curlRemoved marks a header that is not to be sent.
const curlRemoved = "\x00"

// addData adds a piece of the body. What is in a file is not known.
func (c *curlCommand) addData(name, value string) {
	switch name {
	case "data", "data-ascii", "data-binary", "json":
		if strings.HasPrefix(value, "@") {
			c.unknown |= UnknownBody
			value = ""
		}
	case "data-raw":
	case "data-urlencode":
		if i := strings.IndexAny(value, "=@"); i >= 0 && value[i] == '@' {
			c.unknown |= UnknownBody
		}
		value = curlEncode(value)
	default:
		return
	}
	if name == "data" || name == "data-ascii" {
		value = strings.NewReplacer("\r", "", "\n", "").Replace(value) // as curl does with files only, and shells' users never need
	}
	c.json = c.json || name == "json"
	c.data = append(c.data, value)
}

// curlEncode encodes "content", "=content" or "name=content".
func curlEncode(value string) string {
	name, content, ok := strings.Cut(value, "=")
	if !ok {
		name, content = "", value
	}
	if name != "" {
		name += "="
	}
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(content); i++ {
		c := content[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return name + b.String()
}

// addForm adds a part of a multipart body; a file's content is not known, its
// name and type are.
func (c *curlCommand) addForm(value string, files bool) error {
	name, content, ok := strings.Cut(value, "=")
	if !ok {
		return errors.New("the form field " + quoteShort(value) + " has no value: write it as name=value")
	}
	p := harParam{Name: name, Value: content}
	if files && (strings.HasPrefix(content, "@") || strings.HasPrefix(content, "<")) {
		c.unknown |= UnknownBody
		file, options, _ := strings.Cut(content[1:], ";")
		p.Value, p.FileName, p.ContentType = "", file[strings.LastIndexByte(file, '/')+1:], "application/octet-stream"
		for option := range strings.SplitSeq(options, ";") {
			switch key, v, _ := strings.Cut(option, "="); key {
			case "type":
				p.ContentType = v
			case "filename":
				p.FileName = strings.Trim(v, `"`)
			}
		}
	}
	c.form = append(c.form, p)
	return nil
}

func (c *curlCommand) addQuery(query string) {
	url, fragment, _ := strings.Cut(c.url, "#")
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	if c.url = url + separator + query; fragment != "" {
		c.url += "#" + fragment
	}
}

// entry makes the request that curl would send, with its headers in curl's
// order.
func (c *curlCommand) entry() (Entry, error) {
	data := strings.Join(c.data, "&")
	if c.json {
		data = strings.Join(c.data, "")
	}
	if c.get && len(c.data) > 0 {
		c.addQuery(data)
		data = ""
	}
	if !strings.Contains(c.url, "://") {
		c.url = "http://" + c.url
	}
	scheme, host, target, err := cutURL(c.url)
	if err != nil {
		return Entry{}, err
	}
	body, contentType := []byte(data), "application/x-www-form-urlencoded"
	switch {
	case len(c.form) > 0:
		body, contentType = (&harPost{Params: c.form}).multipart(c.multipartBoundary), "multipart/form-data; boundary="+c.multipartBoundary
	case c.json:
		contentType = "application/json"
	}
	hasBody := (len(c.data) > 0 || len(c.form) > 0) && !c.get
	e := Entry{Unknown: c.unknown | UnknownClient}
	e.Request = engine.Request{Method: c.verb(hasBody), Target: target, Protocol: c.protocol, Scheme: scheme, Authority: host}
	e.Request.Headers = c.allHeaders(host)
	if hasBody {
		e.Body = body
		e.Request.Headers = c.bodyHeaders(e.Request.Headers, len(body), contentType)
	}
	e.Request.Headers = kept(e.Request.Headers)
	if h := e.Request.Headers.Get("host"); h != "" {
		e.Request.Authority = h
	}
	e.Conn.TLS = scheme == "https"
	return e, nil
}

// verb is the method that the options ask for.
func (c *curlCommand) verb(hasBody bool) string {
	switch {
	case c.method != "" && isMethod(c.method):
		return c.method
	case c.head:
		return "HEAD"
	case c.put:
		return "PUT"
	case hasBody:
		return "POST"
	}
	return "GET"
}

// allHeaders are those before the body's.
func (c *curlCommand) allHeaders(host string) engine.Headers {
	h := engine.Headers{}
	add := func(name, value string) {
		if c.headers.Get(name) == "" && value != "" {
			h = append(h, [2]string{name, value})
		}
	}
	add("Host", host)
	if c.user != "" {
		add("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.user)))
	}
	add("User-Agent", c.agent)
	if c.json {
		add("Accept", "application/json")
	}
	add("Accept", map[bool]string{false: "*/*"}[c.json])
	add("Referer", c.referer)
	add("Cookie", c.cookie)
	return append(h, c.headers...)
}

func (c *curlCommand) bodyHeaders(h engine.Headers, length int, contentType string) engine.Headers {
	if h.Get("content-length") == "" && h.Get("transfer-encoding") == "" {
		h = append(h, [2]string{"Content-Length", strconv.Itoa(length)})
	}
	if h.Get("content-type") == "" {
		h = append(h, [2]string{"Content-Type", contentType})
	}
	return h
}

// kept are the headers that are sent.
func kept(h engine.Headers) engine.Headers {
	out := h[:0]
	for _, line := range h {
		if line[1] != curlRemoved {
			out = append(out, line)
		}
	}
	return out
}

func openCurl(s source) (Reader, error) { return &curlReader{s.lines()}, nil }

// isCurlLine knows a command, behind the sign of a prompt, too.
func isCurlLine(line []byte) bool {
	line = bytes.TrimLeft(line, "$> \t")
	for _, program := range []string{"curl ", "curl.exe ", "/usr/bin/curl "} {
		if bytes.HasPrefix(line, []byte(program)) {
			return true
		}
	}
	return bytes.Equal(line, []byte(`curl \`))
}
