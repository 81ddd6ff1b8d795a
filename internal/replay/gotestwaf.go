package replay

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tabard/engine"
)

// isGoTestWAFText: gotestwaf's three lists.
func isGoTestWAFText(start []byte) bool { return hasYAMLKey(start, "payload") }

// openGoTestWAF reads a file of gotestwaf's test cases: each payload, in each
// encoding, at each place.
// https://github.com/wallarm/gotestwaf
func openGoTestWAF(s source) (Reader, error) {
	text, err := readTests(s)
	if err != nil {
		return nil, err
	}
	var cases struct {
		Payload     []yaml.Node `yaml:"payload"`
		Encoder     []string    `yaml:"encoder"`
		Placeholder []yaml.Node `yaml:"placeholder"`
	}
	if err := yaml.Unmarshal(text, &cases); err != nil {
		return nil, fmt.Errorf("not gotestwaf's format: %w", err)
	}
	r := &listReader{}
	for i, payload := range cases.Payload {
		for _, encoder := range cases.Encoder {
			for _, node := range cases.Placeholder {
				at := Position{File: s.name, Line: payload.Line, Entry: len(r.records) + 1}
				place, config, err := placeholder(node)
				if err != nil {
					return nil, fmt.Errorf("line %d: %w", node.Line, err)
				}
				id := fmt.Sprintf("%s#%d/%s/%s", s.name, i+1, encoder, place)
				r.records = append(r.records, Record{Position: at, bytes: len(payload.Value), parse: func([]byte, Position) (Entry, error) {
					e, err := goTestWAFEntry(payload.Value, encoder, place, config, s.host)
					e.ID = id
					return e, err
				}})
			}
		}
	}
	return r, nil
}

// placeConfig are the settings of a placeholder.
type placeConfig struct {
	Method string `yaml:"method"`
	Path   string `yaml:"path"`
	// Headers is a node, because gotestwaf's own files repeat a key in it.
	Headers yaml.Node `yaml:"headers"`
	Body    string    `yaml:"body"`
}

// placeholder reads a name, or a name with its settings.
func placeholder(node yaml.Node) (name string, config placeConfig, err error) {
	if node.Kind == yaml.ScalarNode {
		return node.Value, config, nil
	}
	var named map[string]placeConfig
	if err := node.Decode(&named); err != nil || len(named) != 1 {
		return "", config, errors.New("a placeholder is a name, or a name with its settings")
	}
	for name, config = range named {
		break
	}
	return name, config, nil
}

// encoders are gotestwaf's.
var encoders = map[string]func(string) string{
	"Plain":      func(s string) string { return s },
	"URL":        url.PathEscape,
	"Base64":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"Base64Flat": func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"JSUnicode":  jsUnicode,
	"XMLEntity":  xmlEntity,
	"GRPC":       func(s string) string { return s },
}

func jsUnicode(s string) string {
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return b.String()
}

// xmlEntity escapes what XML reserves.
func xmlEntity(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;").Replace(s)
}

// goTestWAFName stands for the random names that gotestwaf makes up for each
// request, so that a replay is the same each time.
const goTestWAFName = "tabard"

// goTestWAFEntry makes the request of one payload at one place.
func goTestWAFEntry(payload, encoder, place string, config placeConfig, host string) (Entry, error) {
	encode, ok := encoders[encoder]
	if !ok {
		return Entry{}, fmt.Errorf("unknown encoder %q: known are Plain, URL, Base64, Base64Flat, JSUnicode, XMLEntity and GRPC", encoder)
	}
	put, ok := places[place]
	if !ok {
		return Entry{}, fmt.Errorf("the placeholder %q is none that replay can make a request of", place)
	}
	t := testRequest{Request: engine.Request{Method: "GET", Target: "/", Protocol: defaultProtocol, Scheme: "http", Authority: host}, config: config}
	t.Headers = engine.Headers{{"Host", host}, {"User-Agent", goTestWAFAgent}}
	put(&t, encode(payload))
	if !isMethod(t.Method) {
		return Entry{}, errors.New("no HTTP method: " + quoteShort(t.Method))
	}
	e := Entry{Unknown: UnknownClient | UnknownHost}
	if t.body != "" {
		t.header("Content-Length", strconv.Itoa(len(t.body)))
		e.Body = []byte(t.body)
	}
	e.Request = t.Request
	return e, nil
}

// testRequest is a request that a place writes its payload into.
type testRequest struct {
	engine.Request
	body   string
	config placeConfig
}

func (t *testRequest) post(contentType, body string) {
	t.Method, t.body = "POST", body
	t.header("Content-Type", contentType)
}

func (t *testRequest) header(name, value string) {
	t.Headers = append(t.Headers, [2]string{name, value})
}

// places are where gotestwaf puts a payload. The ones called NonCRUD send a
// method that no server knows.
var places = map[string]func(t *testRequest, payload string){
	"URLPath":            urlPath,
	"URLParam":           urlParam,
	"NonCrudUrlPath":     func(t *testRequest, p string) { urlPath(t, p); t.Method = nonCRUD },
	"NonCrudUrlParam":    func(t *testRequest, p string) { urlParam(t, p); t.Method = nonCRUD },
	"NonCRUDHeader":      func(t *testRequest, p string) { t.header("X-"+goTestWAFName, p); t.Method = nonCRUD },
	"NonCRUDRequestBody": func(t *testRequest, p string) { t.body, t.Method = p, nonCRUD },
	"Header":             func(t *testRequest, p string) { t.header("X-"+goTestWAFName, p) },
	"UserAgent":          func(t *testRequest, p string) { t.Headers[1][1] = p },
	"RequestBody":        func(t *testRequest, p string) { t.body, t.Method = p, "POST" },
	"JSONBody":           jsonBody,
	"JSONRequest":        jsonBody,
	"HTMLForm": func(t *testRequest, p string) {
		t.post("application/x-www-form-urlencoded", goTestWAFName+"="+url.QueryEscape(p))
	},
	"HTMLMultipartForm": func(t *testRequest, p string) {
		form := harPost{Params: []harParam{{Name: goTestWAFName, Value: p}}}
		t.post("multipart/form-data; boundary="+goTestWAFName, string(form.multipart(goTestWAFName)))
	},
	"SOAPBody":   xmlBody,
	"XMLBody":    func(t *testRequest, p string) { t.post("text/xml", p) },
	"GraphQL":    graphQL,
	"RawRequest": rawRequest,
}

// nonCRUD is a method that is none of create, read, update and delete.
const nonCRUD = "FOO"

// A payload in a URL stays as its encoder made it, but for what would end the
// URL or the parameter.

func urlPath(t *testRequest, p string) {
	t.Target = "/" + strings.NewReplacer(" ", "%20", "#", "%23").Replace(p)
}

func urlParam(t *testRequest, p string) {
	t.Target = "/?" + goTestWAFName + "=" + strings.NewReplacer(" ", "%20", "#", "%23", "&", "%26").Replace(p)
}

func jsonBody(t *testRequest, p string) {
	t.post("application/json", `{"test": true, "`+goTestWAFName+`": "`+jsonQuote(p)+`"}`)
}

func xmlBody(t *testRequest, p string) {
	t.post("text/xml", `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><`+
		goTestWAFName+">"+xmlEntity(p)+"</"+goTestWAFName+"></soapenv:Body></soapenv:Envelope>")
}

func graphQL(t *testRequest, p string) {
	if t.config.Method == "POST" {
		t.Target = "/graphql"
		t.post("application/json", p)
		return
	}
	t.Target = "/graphql?query=" + url.QueryEscape(p)
}

// rawRequest puts the payload wherever the settings say {{payload}}. Of a
// header that they repeat, the last counts.
func rawRequest(t *testRequest, p string) {
	raw := strings.NewReplacer("{{payload}}", p)
	t.Method, t.body = t.config.Method, raw.Replace(t.config.Body)
	t.Target = "/" + strings.TrimPrefix(raw.Replace(t.config.Path), "/")
	nodes := t.config.Headers.Content
	for i := 0; i+1 < len(nodes); i += 2 {
		name := nodes[i].Value
		t.Headers = slices.DeleteFunc(t.Headers, func(h [2]string) bool { return strings.EqualFold(h[0], name) })
		t.header(name, raw.Replace(nodes[i+1].Value))
	}
}

// goTestWAFAgent is a browser's, as gotestwaf sends one.
const goTestWAFAgent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36"

// jsonQuote escapes what would end a string; an escape of the encoder stays.
func jsonQuote(s string) string {
	return strings.NewReplacer(`"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s)
}
