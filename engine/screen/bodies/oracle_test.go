package bodies

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types/variables"
	"github.com/stretchr/testify/require"

	"tabard/engine/screen/transform"
)

// header is a name and a value.
type header struct{ name, value string }

// exchange is what both sides are fed with.
type exchange struct {
	method, uri, protocol string
	headers               []header
	body                  string
	force                 bool // a rule forces the body to be read

	status          int // 0 for no response
	responseHeaders []header
	responseBody    string
}

// testLimits are small enough for tests to reach them.
var testLimits = Limits{
	Arguments: 50, RequestBodyBytes: 20000, ResponseBodyBytes: 20000, RequestJSONDepth: 12, ResponseJSONDepth: 5,
}

// wideLimits are CRS's.
var wideLimits = Limits{
	Arguments: 1000, RequestBodyBytes: 13107200, ResponseBodyBytes: 524288, RequestJSONDepth: 512, ResponseJSONDepth: 512,
}

// seen is what a rule sees in one phase: the elements as text, sorted.
type seen map[int][]string

// spy is an operator that records all collections of the transaction when its rule runs.
type spy struct{ phase int }

var spied = seen{}

func (o spy) Evaluate(tx plugintypes.TransactionState, _ string) bool {
	spied[o.phase] = collections(tx)
	return false
}

// tapText is an operator that records each value it is shown, with the name of the variable.
type tapText struct{ variable string }

var tapped = map[string][]string{}

func (o tapText) Evaluate(_ plugintypes.TransactionState, value string) bool {
	tapped[o.variable] = append(tapped[o.variable], strings.Clone(value))
	return false
}

func init() {
	plugins.RegisterOperator("spy", func(o plugintypes.OperatorOptions) (plugintypes.Operator, error) {
		var s spy
		_, err := fmt.Sscan(o.Arguments, &s.phase)
		return s, err
	})
	plugins.RegisterOperator("taptext", func(o plugintypes.OperatorOptions) (plugintypes.Operator, error) {
		return tapText{o.Arguments}, nil
	})
}

// collections lists the variables that the package vouches for.
func collections(tx plugintypes.TransactionState) []string {
	var list []string
	for name, kinds := range kindsByName {
		if name == "ARGS" || name == "ARGS_NAMES" {
			continue // these are compared through the rules
		}
		v, err := variables.Parse(name)
		if err != nil {
			panic(err)
		}
		col := tx.Collection(v)
		if col == nil {
			continue
		}
		for _, m := range col.FindAll() {
			list = append(list, fmt.Sprintf("%s:%q=%q", name, m.Key(), m.Value()))
		}
		if len(kinds) == 0 && len(col.FindAll()) > 0 {
			list = append(list, name+" is not empty")
		}
	}
	for _, key := range []string{"json_request_body", "json_response_body"} {
		for _, value := range tx.Variables().TX().Get(key) {
			list = append(list, fmt.Sprintf("%s:%q=%q", JSONBody, key, value))
		}
	}
	slices.Sort(list)
	return list
}

// describe renders elements as collections does.
func describe(elements []Element) []string {
	var list []string
	for _, e := range elements {
		list = append(list, fmt.Sprintf("%s:%q=%q", e.Kind, e.Key, e.Value))
	}
	slices.Sort(list)
	return list
}

// taps are the variables whose values are recorded as rules see them in phase 2.
var taps = []string{
	"ARGS", "ARGS_NAMES", "ARGS_GET", "ARGS_POST", "REQUEST_HEADERS", "REQUEST_HEADERS_NAMES", "REQUEST_COOKIES",
	"REQUEST_COOKIES_NAMES", "FILES", "FILES_NAMES", "FILES_SIZES", "MULTIPART_NAME", "MULTIPART_FILENAME",
	"MULTIPART_PART_HEADERS", "REQUEST_BODY", "REQUEST_URI", "REQUEST_LINE", "QUERY_STRING", "ARGS_COMBINED_SIZE",
}

// oracle runs exchanges through Coraza and through a parser, and compares.
type oracle struct {
	waf     coraza.WAF
	limits  Limits
	parser  *Parser
	doubts  map[Doubt]int
	count   int // exchanges compared
	values  int // elements compared
	repeats int // exchanges with a repeated name
}

func newOracle(t testing.TB, limits Limits) *oracle {
	var rules strings.Builder
	fmt.Fprintf(&rules, `
SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/html text/plain application/json
SecArgumentsLimit %d
SecRequestBodyLimit %d
SecResponseBodyLimit %d
SecRequestBodyLimitAction ProcessPartial
SecResponseBodyLimitAction ProcessPartial
SecRequestBodyJsonDepthLimit %d
SecResponseBodyJsonDepthLimit %d
SecRule REMOTE_PORT "@spy 1" "id:1,phase:1,pass,nolog,t:none"
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?i:application/(?:[a-z.-]+\+)?json|text/json)" "id:2,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?i:application/xml|text/xml)" "id:3,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:X-Processor "@streq raw" "id:4,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=RAW"
SecRule REQUEST_HEADERS:X-Processor "@streq json" "id:5,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:X-Processor "@streq urlencoded" "id:6,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=URLENCODED"
SecRule REQUEST_HEADERS:X-Processor "@streq multipart" "id:7,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=MULTIPART"
SecRule REQUEST_HEADERS:X-Processor "@streq odd" "id:8,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=ODD"
SecRule REQUEST_HEADERS:X-Force "@streq 1" "id:9,phase:1,pass,nolog,t:none,ctl:forceRequestBodyVariable=On"
SecRule REMOTE_PORT "@spy 10" "id:10,phase:1,pass,nolog,t:none"
SecRule REMOTE_PORT "@spy 2" "id:11,phase:2,pass,nolog,t:none"
SecRule RESPONSE_HEADERS:X-Processor "@streq json" "id:12,phase:3,pass,nolog,t:none,ctl:responseBodyProcessor=JSON"
SecRule RESPONSE_HEADERS:X-Processor "@streq raw" "id:13,phase:3,pass,nolog,t:none,ctl:responseBodyProcessor=RAW"
SecRule REMOTE_PORT "@spy 3" "id:14,phase:3,pass,nolog,t:none"
SecRule REMOTE_PORT "@spy 4" "id:15,phase:4,pass,nolog,t:none"
`, limits.Arguments, limits.RequestBodyBytes, limits.ResponseBodyBytes, limits.RequestJSONDepth, limits.ResponseJSONDepth)
	for i, name := range taps {
		fmt.Fprintf(&rules, "SecRule %s \"@taptext %s\" \"id:%d,phase:2,pass,nolog,t:none\"\n", name, name, 100+i)
	}
	fmt.Fprintf(&rules, "SecRule ARGS|ARGS_NAMES|REQUEST_HEADERS|REQUEST_COOKIES|FILES \"@taptext decoded\" "+
		"\"id:99,phase:2,pass,nolog,t:none,t:urlDecodeUni,t:lowercase\"\n")
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives(rules.String()))
	require.NoError(t, err)
	return &oracle{waf: waf, limits: limits, parser: New(limits, &transform.Arena{}), doubts: map[Doubt]int{}}
}

// coraza runs the exchange; the result is in spied and tapped.
func (o *oracle) coraza(t testing.TB, x *exchange) {
	clear(spied)
	clear(tapped)
	tx := o.waf.NewTransaction()
	defer tx.Close()
	tx.ProcessConnection("192.0.2.7", 4711, "198.51.100.1", 443)
	tx.ProcessURI(x.uri, x.method, x.protocol)
	for _, h := range x.headers {
		tx.AddRequestHeader(h.name, h.value)
	}
	if x.force {
		tx.AddRequestHeader("X-Force", "1")
	}
	tx.SetServerName("server.test")
	require.Nil(t, tx.ProcessRequestHeaders())
	_, _, err := tx.WriteRequestBody([]byte(x.body))
	require.NoError(t, err)
	_, err = tx.ProcessRequestBody()
	require.NoError(t, err)
	if x.status == 0 {
		return
	}
	for _, h := range x.responseHeaders {
		tx.AddResponseHeader(h.name, h.value)
	}
	tx.ProcessResponseHeaders(x.status, x.protocol)
	if tx.IsResponseBodyProcessable() {
		_, _, err = tx.WriteResponseBody([]byte(x.responseBody))
		require.NoError(t, err)
	}
	_, err = tx.ProcessResponseBody()
	require.NoError(t, err)
}

// compare checks all phases up to the first doubt, and returns that.
func (o *oracle) compare(t testing.TB, x *exchange) Doubt {
	o.coraza(t, x)
	o.count++
	doubt := o.request(t, x)
	if doubt == NoDoubt && x.status != 0 {
		doubt = o.response(t, x)
	}
	o.doubts[doubt]++
	if o.parser.Repeated() != 0 {
		o.repeats++
	}
	return doubt
}

func (o *oracle) request(t testing.TB, x *exchange) Doubt {
	p := o.parser
	p.Reset()
	p.Connection("192.0.2.7", 4711, "198.51.100.1", 443)
	p.URI(x.uri, x.method, x.protocol)
	for _, h := range x.headers {
		p.RequestHeader(h.name, h.value)
	}
	if x.force {
		p.RequestHeader("X-Force", "1")
	}
	p.ServerName("server.test")
	o.same(t, 1, x)
	p.RequestProcessor(valueOf(spied[10], ReqbodyProcessor))
	if doubt := p.RequestBody(x.body, x.force); doubt != NoDoubt {
		return doubt
	}
	o.same(t, 2, x)
	o.sameTaps(t, x)
	return NoDoubt
}

func (o *oracle) response(t testing.TB, x *exchange) Doubt {
	p := o.parser
	for _, h := range x.responseHeaders {
		p.ResponseHeader(h.name, h.value)
	}
	p.ResponseStart(x.status, x.protocol)
	p.ResponseProcessor(valueOf(spied[3], ResBodyProcessor))
	o.same(t, 3, x)
	if slices.Contains([]string{"text/html", "text/plain", "application/json"}, p.Value(ResponseContentType)) {
		if doubt := p.ResponseBody(x.responseBody); doubt != NoDoubt {
			return doubt
		}
	}
	o.same(t, 4, x)
	return NoDoubt
}

// valueOf finds the value of a single kind in what Coraza showed.
func valueOf(list []string, k Kind) string {
	for _, line := range list {
		if text, ok := strings.CutPrefix(line, k.String()+`:""="`); ok {
			return strings.TrimSuffix(text, `"`)
		}
	}
	panic(k.String() + " was not shown")
}

func (o *oracle) same(t testing.TB, phase int, x *exchange) {
	got := describe(o.parser.Elements())
	o.values += len(got)
	if !slices.Equal(spied[phase], got) {
		require.Equal(t, spied[phase], got, "phase %d of %+v", phase, *x)
	}
}

// sameTaps compares what operators were shown, also after transformations.
func (o *oracle) sameTaps(t testing.TB, x *exchange) {
	for _, name := range taps {
		o.sameValues(t, name, x, valuesOf(o.parser.Elements(), name))
	}
	urlDecodeUni, _ := transform.Lookup("urlDecodeUni")
	lowercase, _ := transform.Lookup("lowercase")
	var decoded []string
	for _, name := range []string{"ARGS", "ARGS_NAMES", "REQUEST_HEADERS", "REQUEST_COOKIES", "FILES"} {
		for _, value := range valuesOf(o.parser.Elements(), name) {
			value, _ = urlDecodeUni(value)
			value, _ = lowercase(value)
			decoded = append(decoded, value)
		}
	}
	o.sameValues(t, "decoded", x, decoded)
}

func (o *oracle) sameValues(t testing.TB, name string, x *exchange, got []string) {
	want := tapped[name]
	o.values += len(got)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		require.Equal(t, want, got, "%s of %+v", name, *x)
	}
}

func valuesOf(elements []Element, variable string) []string {
	kinds, ok := Kinds(variable)
	if !ok {
		panic(variable)
	}
	var values []string
	for _, e := range elements {
		if slices.Contains(kinds, e.Kind) {
			values = append(values, e.Value)
		}
	}
	return values
}

// log prints what was compared.
func (o *oracle) log(t testing.TB) {
	t.Logf("%d exchanges, %d values compared, %d exchanges with repeated names", o.count, o.values, o.repeats)
	for d := range doubtCount {
		if n := o.doubts[d]; n > 0 {
			t.Logf("doubt %-32s %6d  %5.2f %%", d, n, 100*float64(n)/float64(o.count))
		}
	}
}
