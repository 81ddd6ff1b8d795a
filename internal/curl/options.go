package curl

import (
	"errors"
	"net/url"
	"strings"
)

// option is one of curl's options. One without set does not change the
// request.
type option struct {
	set    func(c *command, value string) error
	valued bool
}

func (o option) needsValue() bool { return o.valued }

// options are those that people copy and write. Options about the connection,
// the output and the answer are known and do nothing.
var options = table(map[string]option{
	"-X --request":            {setMethod, true},
	"-H --header":             {addHeader, true},
	"-d --data":               {addData, true},
	"--data-ascii":            {addData, true},
	"--data-binary":           {addData, true},
	"--data-raw":              {addRaw, true},
	"--data-urlencode":        {addEncoded, true},
	"--json":                  {addJSON, true},
	"-F --form":               {addForm, true},
	"--form-string":           {addFormString, true},
	"-G --get":                {func(c *command, _ string) error { c.get = true; return nil }, false},
	"-I --head":               {func(c *command, _ string) error { c.head = true; return nil }, false},
	"-A --user-agent":         {func(c *command, v string) error { c.agent = &v; return nil }, true},
	"-e --referer":            {func(c *command, v string) error { c.refer = &v; return nil }, true},
	"-b --cookie":             {addCookie, true},
	"-u --user":               {func(c *command, v string) error { c.user = v; return nil }, true},
	"--url":                   {(*command).setURL, true},
	"--oauth2-bearer":         {addBearer, true},
	"-0 --http1.0":            {protocol("HTTP/1.0"), false},
	"--http1.1":               {protocol("HTTP/1.1"), false},
	"--http2":                 {protocol("HTTP/2"), false},
	"--http2-prior-knowledge": {protocol("HTTP/2"), false},

	"-s --silent": {}, "-S --show-error": {}, "-v --verbose": {}, "-i --include": {}, "-k --insecure": {},
	"-L --location": {}, "-f --fail": {}, "-g --globoff": {}, "-N --no-buffer": {}, "-4 --ipv4": {}, "-6 --ipv6": {},
	"-#": {}, "--progress-bar": {}, "--no-progress-meter": {}, "--fail-with-body": {}, "--path-as-is": {}, "-O --remote-name": {},
	"-o --output": {nil, true}, "-w --write-out": {nil, true}, "-m --max-time": {nil, true}, "--connect-timeout": {nil, true},
	"-x --proxy": {nil, true}, "--resolve": {nil, true}, "--retry": {nil, true}, "--cacert": {nil, true}, "-E --cert": {nil, true},
	"--key": {nil, true}, "-c --cookie-jar": {nil, true}, "-D --dump-header": {nil, true}, "--connect-to": {nil, true},
	"--compressed": {func(c *command, _ string) error { return addHeader(c, "Accept-Encoding: deflate, gzip, br, zstd") }, false},
})

// table has an entry for each spelling.
func table(by map[string]option) map[string]option {
	out := map[string]option{}
	for names, o := range by {
		for _, name := range strings.Fields(names) {
			out[name] = o
		}
	}
	return out
}

func setMethod(c *command, value string) error {
	c.method = value
	return nil
}

func protocol(name string) func(*command, string) error {
	return func(c *command, _ string) error {
		c.protocol = name
		return nil
	}
}

// addHeader reads "Name: value"; "Name;" is a field with an empty value, which
// curl sends and which no rule can see here, so it is kept as a blank.
func addHeader(c *command, line string) error {
	if strings.HasPrefix(line, "@") {
		return errFile
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		if name, ok = strings.CutSuffix(line, ";"); !ok {
			return errors.New(`a header is written as "Name: value"`)
		}
		value = " "
	}
	if value != " " {
		value = strings.TrimSpace(value)
	}
	c.headers = append(c.headers, [2]string{strings.TrimSpace(name), value})
	return nil
}

// errFile is for values that curl would read from a file.
var errFile = errors.New("it reads a file: write the data into the command")

func addData(c *command, value string) error {
	if strings.HasPrefix(value, "@") {
		return errFile
	}
	return addRaw(c, value)
}

func addRaw(c *command, value string) error {
	c.data, c.hasData = append(c.data, value), true
	return nil
}

// addEncoded reads content, =content and name=content.
func addEncoded(c *command, value string) error {
	name, content, named := strings.Cut(value, "=")
	if !named {
		if strings.Contains(value, "@") {
			return errFile
		}
		return addRaw(c, escape(value))
	}
	if name != "" {
		name += "="
	}
	return addRaw(c, name+escape(content))
}

// escape is how curl encodes: a blank is %20.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func addJSON(c *command, value string) error {
	c.json = true
	return addData(c, value)
}

func addForm(c *command, value string) error {
	_, content, ok := strings.Cut(value, "=")
	if !ok {
		return errors.New(`a form field is written as "name=value"`)
	}
	if strings.HasPrefix(content, "@") || strings.HasPrefix(content, "<") {
		return errFile
	}
	return addFormString(c, value)
}

func addFormString(c *command, value string) error {
	c.forms = append(c.forms, value)
	return nil
}

func addCookie(c *command, value string) error {
	if !strings.Contains(value, "=") {
		return errFile
	}
	c.cookies = append(c.cookies, value)
	return nil
}

func addBearer(c *command, value string) error {
	return addHeader(c, "Authorization: Bearer "+value)
}
