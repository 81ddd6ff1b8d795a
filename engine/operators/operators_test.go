package operators_test

import (
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
	"github.com/stretchr/testify/require"

	"tabard/engine/operators"
)

// request is what a test feeds to a WAF of one rule.
type request struct {
	address string
	headers [][2]string
	tx      map[string]string
}

// waf compiles one rule over files.
func waf(rule string, files map[string]string) (coraza.WAF, error) {
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(root).WithDirectives("SecRuleEngine On\n" + rule))
}

// rule wraps a condition into a rule that denies and says why.
func rule(condition string) string {
	return `SecRule ` + condition + ` "id:1,phase:1,deny,status:400,log,capture,t:none,msg:'because %{TX.0}'"`
}

// run gives the message of the rule, or "" when it does not match.
func run(t *testing.T, w coraza.WAF, r request) string {
	t.Helper()
	tx := w.NewTransaction()
	defer func() { require.NoError(t, tx.Close()) }()
	variables := tx.(plugintypes.TransactionState).Variables().TX()
	for key, value := range r.tx {
		variables.Set(key, []string{value})
	}
	tx.ProcessConnection(r.address, 1234, "192.0.2.1", 443)
	tx.ProcessURI("/", "POST", "HTTP/1.1")
	for _, h := range r.headers {
		tx.AddRequestHeader(h[0], h[1])
	}
	stop := tx.ProcessRequestHeaders()
	return message(t, tx.MatchedRules(), stop)
}

func message(t *testing.T, matched []types.MatchedRule, stop *types.Interruption) string {
	t.Helper()
	require.Equal(t, len(matched) > 0, stop != nil)
	if len(matched) == 0 {
		return ""
	}
	return matched[0].Message()
}

func TestMIMEAllowed(t *testing.T) {
	fixed := rule(`REQUEST_HEADERS:Content-Type "!@mimeAllowed application/json text/*"`)
	macro := rule(`REQUEST_HEADERS:Content-Type "!@mimeAllowed %{tx.types}"`)
	for name, row := range map[string]struct {
		rule, value string
		tx          map[string]string
		match       bool
	}{
		"a type of a fixed list":            {fixed, "text/csv; charset=utf-8", nil, false},
		"a type outside a fixed list":       {fixed, "image/png", nil, true},
		"no type at all":                    {fixed, "json", nil, true},
		"a type of a list in TX":            {macro, "application/json", map[string]string{"types": "text/*  application/json"}, false},
		"a type outside a list in TX":       {macro, "image/png", map[string]string{"types": "text/* application/json"}, true},
		"an empty list allows everything":   {macro, "json", map[string]string{"types": ""}, false},
		"a list that is not set does, too":  {macro, "json", nil, false},
		"a list nobody can read allows nil": {macro, "application/json", map[string]string{"types": "application/json, text/html"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := waf(row.rule, nil)
			require.NoError(t, err)
			got := run(t, w, request{headers: [][2]string{{"Content-Type", row.value}}, tx: row.tx})
			require.Equal(t, row.match, got != "")
		})
	}
}

func TestMIMEAllowedKeepsABoundedNumberOfLists(t *testing.T) {
	w, err := waf(rule(`REQUEST_HEADERS:Content-Type "!@mimeAllowed %{tx.types}"`), nil)
	require.NoError(t, err)
	for i := range 2000 {
		list := "x/" + strings.Repeat("a", i+1)
		require.Empty(t, run(t, w, request{headers: [][2]string{{"Content-Type", list}}, tx: map[string]string{"types": list}}), "lists above the bound are compiled each time")
	}
}

func TestIPReputation(t *testing.T) {
	files := map[string]string{
		"office.txt":            "203.0.113.7\n",
		"feeds/bad.txt":         "# bad\n203.0.113.0/24\n2001:db8::/32\n",
		"rules/own/beside.conf": rule(`REMOTE_ADDR "@ipReputation block=beside.txt"`),
		"rules/own/beside.txt":  "198.51.100.1",
		"range.txt":             "192.0.2.7-192.0.2.9",
	}
	two := rule(`REMOTE_ADDR "@ipReputation allow=office.txt block=feeds/bad.txt"`)
	for name, row := range map[string]struct{ rule, address, want string }{
		"a blocked address":       {two, "203.0.113.8", "because 203.0.113.0/24 in feeds/bad.txt"},
		"an allowed address":      {two, "203.0.113.7", ""},
		"an address in no set":    {two, "198.51.100.1", ""},
		"an IPv6 address":         {two, "2001:db8::1", "because 2001:db8::/32 in feeds/bad.txt"},
		"a mapped address":        {two, "::ffff:203.0.113.8", "because 203.0.113.0/24 in feeds/bad.txt"},
		"a socket has no address": {two, "/run/envoy.sock", ""},
		"a range":                 {rule(`REMOTE_ADDR "@ipReputation block=range.txt"`), "192.0.2.8", "because 192.0.2.8/31 in range.txt"},
		"a file beside the rule":  {"Include rules/own/beside.conf", "198.51.100.1", "because 198.51.100.1/32 in rules/own/beside.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := waf(row.rule, files)
			require.NoError(t, err)
			require.Equal(t, row.want, run(t, w, request{address: row.address}))
		})
	}
}

func TestAcceptAndParameters(t *testing.T) {
	accept := rule(`REQUEST_HEADERS:Accept "!@acceptAllowed %{tx.accept}"`)
	charset := rule(`REQUEST_HEADERS:Content-Type "@mimeAmbiguous %{tx.charsets}"`)
	for name, row := range map[string]struct {
		rule, header, value string
		tx                  map[string]string
		want                bool
	}{
		"a range that takes the type":        {accept, "accept", "application/*", map[string]string{"accept": "application/json"}, false},
		"a range that takes another":         {accept, "accept", "text/html", map[string]string{"accept": "application/json"}, true},
		"no list of types":                   {accept, "accept", "text/html", map[string]string{"accept": ""}, false},
		"a list of types that is not set":    {accept, "accept", "text/html", nil, false},
		"a list of types that is wrong":      {accept, "accept", "*/*", map[string]string{"accept": "json"}, true},
		"a charset twice":                    {charset, "content-type", "text/plain;charset=utf-8;charset=utf-8", map[string]string{"charsets": "utf-8"}, true},
		"a charset of the list":              {charset, "content-type", "text/plain;charset=utf-8", map[string]string{"charsets": "utf-8"}, false},
		"no list of charsets":                {charset, "content-type", "text/plain;charset=utf-7", map[string]string{"charsets": ""}, false},
		"a list of charsets that is not set": {charset, "content-type", "text/plain;charset=utf-7", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := waf(row.rule, nil)
			require.NoError(t, err)
			got := run(t, w, request{headers: [][2]string{{row.header, row.value}}, tx: row.tx})
			require.Equal(t, row.want, got != "", got)
		})
	}
}

// TestTheValuesOfANameAreKeptApart plays what plain Coraza gets wrong in one of
// eight runs: the position of a value among all of them is a matter of chance, and
// a rule is shown the text that another value had there.
func TestTheValuesOfANameAreKeptApart(t *testing.T) {
	w, err := waf(`SecRequestBodyAccess On
SecRule REQUEST_METHOD "@distinctNames" "id:1,phase:2,pass,nolog"
SecRule ARGS "@rx ^nothing$" "id:2,phase:2,pass,nolog,t:lowercase"
SecRule ARGS "@contains <script>" "id:3,phase:2,deny,log,t:lowercase,msg:'seen'"`, nil)
	require.NoError(t, err)
	const body = "b=1&a=1&a=<SCRIPT>&A=2&c=3&=x&=y"
	for range 300 {
		tx := w.NewTransaction()
		tx.ProcessURI("/?q=1&q=2", "POST", "HTTP/1.1")
		tx.AddRequestHeader("Content-Type", "application/x-www-form-urlencoded")
		require.Nil(t, tx.ProcessRequestHeaders())
		_, _, err := tx.WriteRequestBody([]byte(body))
		require.NoError(t, err)
		stop, err := tx.ProcessRequestBody()
		require.NoError(t, err)
		require.NotNil(t, stop)
		args := tx.(plugintypes.TransactionState).Variables().ArgsPost()
		require.Equal(t, []string{"1", "<SCRIPT>"}, args.Get("a"), "the values are as they were")
		require.Len(t, args.FindAll(), 7)
		require.NoError(t, tx.Close())
	}
}

func TestMistakesAreErrorsWhenTheRuleIsRead(t *testing.T) {
	files := map[string]string{"bad.txt": "192.0.2.1\n192.0.2.1/24\n", "ok.txt": "192.0.2.1"}
	for condition, want := range map[string]string{
		`REQUEST_HEADERS:Content-Type "!@mimeAllowed"`:             `@mimeAllowed names no media type: write application/json, application/*+json or text/*`,
		`REQUEST_HEADERS:Content-Type "!@mimeAllowed json"`:        `@mimeAllowed: media type "json" is none: write type/subtype, such as application/json, application/*+json or text/*`,
		`REQUEST_HEADERS:Content-Type "!@mimeAllowed %{tx.}"`:      `empty variable name`,
		`REQUEST_HEADERS:Content-Type "!@mimeAllowed %{tex.list}"`: `unknown variable "tex"`,
		`REQUEST_HEADERS:Accept "!@acceptAllowed json"`:            `@acceptAllowed: media type "json" is none`,
		`REMOTE_ADDR "@ipReputation"`:                              `@ipReputation names no file: write allow=FILE or block=FILE`,
		`REMOTE_ADDR "@ipReputation ok.txt"`:                       `@ipReputation: cannot read "ok.txt": write allow=FILE or block=FILE`,
		`REMOTE_ADDR "@ipReputation deny=ok.txt"`:                  `@ipReputation: cannot read "deny=ok.txt": write allow=FILE or block=FILE`,
		`REMOTE_ADDR "@ipReputation block="`:                       `@ipReputation: cannot read "block=": write allow=FILE or block=FILE`,
		`REMOTE_ADDR "@ipReputation block=okay.txt"`:               `@ipReputation: there is no file "okay.txt", neither below the root nor beside the rule`,
		`REMOTE_ADDR "@ipReputation block=ok.txt block=bad.txt"`:   `bad.txt:2:1: "192.0.2.1/24" has bits behind its prefix: write 192.0.2.0/24 for the network or 192.0.2.1 for the address`,
	} {
		_, err := waf(rule(condition), files)
		require.ErrorContains(t, err, want, "%s", condition)
	}
}

func TestNamesAreThoseThatCorazaKnows(t *testing.T) {
	require.IsIncreasing(t, operators.Names())
	for _, name := range operators.Names() {
		_, err := waf(rule(`REMOTE_ADDR "@`+name+` "`), nil)
		if err != nil {
			require.NotContains(t, err.Error(), "not found", "%s is registered", name)
		}
	}
}

// shared is a root that counts what is read.
type shared struct {
	fstest.MapFS
	made  operators.Shared
	reads int
}

func (s *shared) Shared() *operators.Shared { return &s.made }

func (s *shared) Open(name string) (fs.File, error) {
	if name == "f.txt" {
		s.reads++
	}
	return s.MapFS.Open(name)
}

func (s *shared) ReadFile(name string) ([]byte, error) {
	f, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

func TestASetIsHeldOnceForAllWAFsAndTheFastPath(t *testing.T) {
	root := &shared{MapFS: fstest.MapFS{"f.txt": {Data: []byte("192.0.2.1")}}}
	text := rule(`REMOTE_ADDR "@ipReputation block=f.txt"`)
	for range 2 {
		w, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(root).WithDirectives("SecRuleEngine On\n" + text))
		require.NoError(t, err)
		require.NotEmpty(t, run(t, w, request{address: "192.0.2.1"}))
	}
	// The file changes, and the fast path, which is compiled later, must not see
	// another set than Coraza.
	root.MapFS["f.txt"] = &fstest.MapFile{Data: []byte("192.0.2.2")}
	test, err := operators.Plain(root)["ipReputation"]("block=f.txt")
	require.NoError(t, err)
	require.True(t, test("192.0.2.1"))
	require.False(t, test("192.0.2.2"))
	require.Equal(t, 1, root.reads)
}
