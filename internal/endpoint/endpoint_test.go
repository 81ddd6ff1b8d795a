package endpoint

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPath(t *testing.T) {
	for name, c := range map[string]struct{ target, want string }{
		"a plain path without its query":  {"/search?q=1/2", "/search"},
		"a number is an id":               {"/users/42/orders/", "/users/{id}/orders/"},
		"a UUID is an id":                 {"/a/1b4e28ba-2fa1-11d2-883f-0016d3cca427", "/a/{id}"},
		"a hash is an id":                 {"/a/0123456789abcdef", "/a/{id}"},
		"a word with a number is a name":  {"/v2/iso-8859-1/oauth2", "/v2/iso-8859-1/oauth2"},
		"a file is a name":                {"/app.3f2a.js", "/app.3f2a.js"},
		"a long segment is data":          {"/x/" + strings.Repeat("a", 49), "/x/{id}"},
		"the absolute form":               {"http://h.example/a?b", "/a"},
		"the absolute form without path":  {"http://h.example", "/"},
		"OPTIONS of the server":           {"*", "*"},
		"a fragment, which nobody sends":  {"/a#b", "/a"},
		"what is deeper belongs together": {"/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/..."},
		"a URL in a path is no scheme":    {"/get/http://x/7", "/get/http://x/{id}"},
		"nothing":                         {"", ""},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, Path(c.target)) })
	}
}

func TestParameter(t *testing.T) {
	require.Equal(t, "ARGS:json.items.*.tags.*", Parameter("ARGS:json.items.3.tags.0"))
	require.Equal(t, "ARGS:json.v2.x", Parameter("ARGS:json.v2.x"))
	require.Equal(t, "ARGS:a.3", Parameter("ARGS:a.3"), "a form's field is a name of its own")
	require.Equal(t, "REQUEST_BODY", Parameter("REQUEST_BODY"))
}

func TestPrintable(t *testing.T) {
	require.Equal(t, `a "b" \ ü 世`, Printable(`a "b" \ ü 世`))
	require.Equal(t, `\x1b[31m "q" \n\u202e\xff`, Printable("\x1b[31m \"q\" \n\u202e\xff"))
}
