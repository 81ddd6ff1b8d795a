// Package curl reads the HTTP request of a curl command line, as browsers copy
// it from their network panel and as people write it in bug reports, so that
// the verdict on it can be given without sending anything.
package curl

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"tabard/engine"
)

// Request is what curl sends.
type Request struct {
	engine.Request
	Body []byte
}

// IsCommand says whether a text begins as a curl command does.
func IsCommand(text string) bool {
	word, _, _ := strings.Cut(strings.TrimLeft(text, "$ \t\r\n"), " ")
	return word == "curl" || word == "curl.exe"
}

// Parse reads one command in a shell's syntax. Nothing is expanded: variables
// and commands inside are refused.
func Parse(command string) (Request, error) {
	command = strings.TrimLeft(command, "$ \t\r\n")
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(command), "")
	if err != nil {
		return Request{}, fmt.Errorf("the command is no shell syntax: %w", err)
	}
	if len(file.Stmts) != 1 || file.Stmts[0].Background {
		return Request{}, errors.New(`the command has more than one part: put quotes around a URL with "&" or ";"`)
	}
	call, ok := file.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 {
		return Request{}, errors.New("the command is no single curl command")
	}
	args, err := expand.Fields(&expand.Config{NoUnset: true}, call.Args...)
	if err != nil {
		return Request{}, fmt.Errorf("the command depends on its shell: %w", err)
	}
	return FromArgs(args)
}

// FromArgs reads the arguments of a command, the first of which is curl.
func FromArgs(args []string) (Request, error) {
	if len(args) == 0 || !IsCommand(args[0]) {
		return Request{}, errors.New("the command is not curl")
	}
	c := command{}
	if err := c.read(args[1:]); err != nil {
		return Request{}, err
	}
	return c.request()
}

// command is what the options say.
type command struct {
	method, url  string
	headers      engine.Headers
	data         []string
	forms        []string
	json         bool
	get, head    bool
	protocol     string
	agent, refer *string
	cookies      []string
	user         string
	hasData      bool
}

// read takes the arguments in.
func (c *command) read(args []string) error {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
		case strings.HasPrefix(arg, "--"):
			name, value, inline := strings.Cut(arg, "=")
			rest, err := c.option(name, value, inline, args)
			if err != nil {
				return err
			}
			args = rest
		case len(arg) > 1 && arg[0] == '-':
			rest, err := c.letters(arg[1:], args)
			if err != nil {
				return err
			}
			args = rest
		default:
			if err := c.setURL(arg); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *command) setURL(url string) error {
	if c.url != "" {
		return errors.New("the command has two URLs: " + strconv.Quote(c.url) + " and " + strconv.Quote(url))
	}
	c.url = url
	return nil
}

// letters reads options such as -sX POST: the first with an argument ends the
// word.
func (c *command) letters(word string, args []string) ([]string, error) {
	for i := range word {
		name := "-" + word[i:i+1]
		o, ok := options[name]
		if !ok {
			return nil, unknownOption(name)
		}
		if !o.needsValue() {
			if err := c.apply(o, ""); err != nil {
				return nil, err
			}
			continue
		}
		return c.option(name, word[i+1:], len(word) > i+1, args)
	}
	return args, nil
}

// option reads one option; value is inline when it stands in the same word.
func (c *command) option(name, value string, inline bool, args []string) ([]string, error) {
	o, ok := options[name]
	if !ok {
		return nil, unknownOption(name)
	}
	if o.needsValue() && !inline {
		if len(args) == 0 {
			return nil, errors.New("curl's option " + name + " needs a value")
		}
		value, args = args[0], args[1:]
	}
	if err := c.apply(o, value); err != nil {
		return nil, fmt.Errorf("curl's option %s: %w", name, err)
	}
	return args, nil
}

func unknownOption(name string) error {
	return errors.New("curl's option " + name + " is not known here: leave it out if it does not change the request")
}

func (c *command) apply(o option, value string) error {
	if o.set == nil {
		return nil
	}
	return o.set(c, value)
}

// request makes the request.
func (c *command) request() (Request, error) {
	if c.url == "" {
		return Request{}, errors.New("the command names no URL")
	}
	scheme, authority, target := c.cutURL()
	user := c.user
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		name, err := url.PathUnescape(authority[:at])
		if err != nil {
			return Request{}, fmt.Errorf("the URL's user: %w", err)
		}
		user, authority = name, authority[at+1:]
	}
	r := Request{}
	body, contentType := c.body()
	if c.get && c.hasData {
		join := map[bool]string{true: "&", false: "?"}[strings.Contains(target, "?")]
		target, body, contentType = target+join+string(body), nil, ""
	}
	r.Body = body
	r.Request = engine.Request{
		Method: c.verb(), Target: target, Scheme: scheme, Authority: authority,
		Protocol: choose(c.protocol, "HTTP/1.1"),
	}
	r.Headers = c.fields(authority, contentType, user, len(body))
	if host := r.Headers.Get("host"); host != "" {
		r.Authority = host
	}
	return r, nil
}

// cutURL takes the URL apart as text: what is sent is what is written. Its
// fragment is not sent.
func (c *command) cutURL() (scheme, authority, target string) {
	address := c.url
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	scheme, rest, _ := strings.Cut(address, "://")
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		return strings.ToLower(scheme), rest, "/"
	}
	authority, target = rest[:end], rest[end:]
	if target[0] == '?' {
		target = "/" + target
	}
	return strings.ToLower(scheme), authority, target
}

func choose(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// verb is the method that curl takes when none is given.
func (c *command) verb() string {
	switch {
	case c.method != "":
		return c.method
	case c.head:
		return "HEAD"
	case !c.get && (c.hasData || len(c.forms) > 0):
		return "POST"
	}
	return "GET"
}

// defaultAgent is what a curl of today calls itself.
const defaultAgent = "curl/8.5.0"

// fields are the field lines that curl sends: its own first, as far as the
// command does not replace or remove them.
func (c *command) fields(authority, contentType, user string, length int) engine.Headers {
	own := engine.Headers{{"Host", authority}}
	if user != "" {
		own = append(own, [2]string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user))})
	}
	agent := defaultAgent
	if c.agent != nil {
		agent = *c.agent
	}
	own = append(own, [2]string{"User-Agent", agent}, [2]string{"Accept", map[bool]string{true: "application/json", false: "*/*"}[c.json]})
	if c.refer != nil {
		own = append(own, [2]string{"Referer", *c.refer})
	}
	if len(c.cookies) > 0 {
		own = append(own, [2]string{"Cookie", strings.Join(c.cookies, "; ")})
	}
	if contentType != "" {
		own = append(own, [2]string{"Content-Type", contentType})
	}
	var out engine.Headers
	for _, line := range own {
		if !c.names(line[0]) && line[1] != "" {
			out = append(out, line)
		}
	}
	for _, line := range c.headers {
		// "Name:" without a value removes curl's own line.
		if line[1] != "" {
			out = append(out, line)
		}
	}
	if length > 0 && !c.names("Content-Length") {
		out = append(out, [2]string{"Content-Length", strconv.Itoa(length)})
	}
	return out
}

// names says whether the command has a field line of this name.
func (c *command) names(field string) bool {
	for _, line := range c.headers {
		if strings.EqualFold(line[0], field) {
			return true
		}
	}
	return false
}

// boundary separates the parts of a form; curl makes up one of this shape.
const boundary = "------------------------d74496d66958873e"

// body is what the command sends, and its media type.
func (c *command) body() (body []byte, contentType string) {
	switch {
	case len(c.forms) > 0:
		return multipart(c.forms), "multipart/form-data; boundary=" + boundary
	case c.json:
		return []byte(strings.Join(c.data, "")), "application/json"
	case c.hasData:
		return []byte(strings.Join(c.data, "&")), "application/x-www-form-urlencoded"
	}
	return nil, ""
}

func multipart(forms []string) []byte {
	var b strings.Builder
	for _, f := range forms {
		name, value, _ := strings.Cut(f, "=")
		b.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return []byte(b.String())
}
