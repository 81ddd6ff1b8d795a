package mime_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/mime"
)

func TestParse(t *testing.T) {
	for name, row := range map[string]struct{ in, want string }{
		"a type alone":                                   {"application/json", "application/json"},
		"big letters become small":                       {"Application/JSON;Charset=UTF-8", "application/json;charset=UTF-8"},
		"blanks around it":                               {"\t application/json \r\n", "application/json"},
		"a blank before the semicolon":                   {"text/html ;charset=utf-8", "text/html;charset=utf-8"},
		"a blank before the slash is an error":           {"text /html", ""},
		"a blank behind the slash is an error":           {"text/ html", ""},
		"vertical tab is no blank":                       {"text/html\v", ""},
		"no slash":                                       {"application", ""},
		"no type":                                        {"/json", ""},
		"no subtype":                                     {"application/", ""},
		"no subtype but a parameter":                     {"application/;charset=utf-8", ""},
		"nothing":                                        {"", ""},
		"a semicolon before the slash":                   {"a;b/c", ""},
		"two types joined by a comma":                    {"application/json, text/html", ""},
		"two types joined by a comma without a blank":    {"application/json,text/html", ""},
		"a comma in a parameter stays there":             {"text/html;charset=utf-8, application/json", `text/html;charset="utf-8, application/json"`},
		"a subtype with a slash":                         {"text/x/y", ""},
		"a letter outside ASCII":                         {"t\xe9xt/html", ""},
		"NUL":                                            {"text/html\x00", ""},
		"a quoted type":                                  {`"text/html"`, ""},
		"the first of two parameters counts":             {"text/html;a=1;A=2", "text/html;a=1"},
		"a parameter without a value is left out":        {"text/html;charset;x=1", "text/html;x=1"},
		"a parameter with an empty value is left out":    {"text/html;charset=;x=1", "text/html;x=1"},
		"an empty quoted value counts":                   {`text/html;charset="";x=1`, `text/html;charset="";x=1`},
		"a parameter without a name is left out":         {"text/html;=1;x=1", "text/html;x=1"},
		"a blank in a parameter's name leaves it out":    {"text/html;a b=1;x=1", "text/html;x=1"},
		"a blank before the equals sign leaves it out":   {"text/html;charset =gbk", "text/html"},
		"a blank behind it belongs to the value":         {"text/html;charset= gbk", `text/html;charset=" gbk"`},
		"a control in a value leaves the parameter out":  {"text/html;a=\x01;x=1", "text/html;x=1"},
		"Latin-1 in a value counts":                      {"text/html;a=\xe9", "text/html;a=\"\xe9\""},
		"empty parameters are skipped":                   {"text/html;;;;x=1;;", "text/html;x=1"},
		"a quoted value":                                 {`text/html;charset="utf-8"`, "text/html;charset=utf-8"},
		"a quoted value with a semicolon":                {`multipart/form-data;boundary="a;b";x=1`, `multipart/form-data;boundary="a;b";x=1`},
		"a quoted value with escapes":                    {`text/html;a="\"\\x"`, `text/html;a="\"\\x"`},
		"a quoted value that does not end":               {`text/html;a="x;y=1`, `text/html;a="x;y=1"`},
		"a quoted value that ends in a backslash":        {`text/html;a="x\`, `text/html;a="x\\"`},
		"text behind a quoted value is skipped":          {`text/html;charset="utf-8"gbk;x=1`, "text/html;charset=utf-8;x=1"},
		"single quotes are letters":                      {`text/html;a='x;y'`, `text/html;a='x`},
		"64 parameters are the most":                     {"a/b" + parameters(64), "a/b" + parameters(64)},
		"65 parameters are one too many":                 {"a/b" + parameters(65), ""},
		"a thousand times the same parameter counts one": {"a/b" + strings.Repeat(";x=1", 1000), "a/b;x=1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := mime.Parse(row.in)
			require.Equal(t, row.want != "", ok)
			if ok {
				require.Equal(t, row.want, got.String())
			}
		})
	}
}

// parameters gives n parameters with different names.
func parameters(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(";p" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "=1")
	}
	return b.String()
}

func TestSuffixAndParameter(t *testing.T) {
	typ, ok := mime.Parse(`application/vnd.api+xml+json; profile="x y"`)
	require.True(t, ok)
	require.Equal(t, "application/vnd.api+xml+json", typ.Essence())
	require.Equal(t, "json", typ.Suffix(), "the last plus sign counts")
	value, ok := typ.Parameter("profile")
	require.True(t, ok)
	require.Equal(t, "x y", value)
	_, ok = typ.Parameter("charset")
	require.False(t, ok)
	typ, _ = mime.Parse("application/json")
	require.Empty(t, typ.Suffix())
}

const webPlatformTests = "../../../shared/corpus/mime/mime-types.json"

// TestWebPlatform runs the cases that browsers are tested with.
func TestWebPlatform(t *testing.T) {
	text, err := os.ReadFile(webPlatformTests)
	if err != nil {
		t.Skip("the web platform tests are not in this checkout; TestParse has a case of each kind")
	}
	var entries []any
	require.NoError(t, json.Unmarshal(text, &entries))
	cases := 0
	for _, entry := range entries {
		c, ok := entry.(map[string]any)
		if !ok {
			continue // a heading
		}
		cases++
		in, isByteString := latin1(c["input"].(string))
		got, ok := mime.Parse(in)
		if c["output"] == nil {
			require.False(t, ok, "%q", in)
			continue
		}
		want, _ := latin1(c["output"].(string))
		require.True(t, ok, "%q", in)
		if isByteString {
			require.Equal(t, want, got.String(), "%q", in)
		} else { // a header field cannot hold such a character: only the essence can be compared
			essence, _, _ := strings.Cut(want, ";")
			require.Equal(t, essence, got.Essence(), "%q", in)
		}
	}
	t.Logf("%d cases", cases)
	require.Greater(t, cases, 70)
}

// latin1 gives the bytes that a header field has on the wire for s, and whether
// each of its characters has one.
func latin1(s string) (string, bool) {
	var b []byte
	for _, r := range s {
		if r > 0xff {
			return s, false
		}
		b = append(b, byte(r))
	}
	return string(b), true
}
