package words_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/seclang"
	"tabard/internal/words"
	"tabard/rules"
)

// What is said to be never set has no value after requests and responses of
// each kind that Coraza parses.
func TestWhatIsNeverSetHasNoValue(t *testing.T) {
	var directives strings.Builder
	var names []string
	for i, v := range seclang.Variables {
		if words.NeverSet(v.Name) {
			names = append(names, v.Name)
		}
		for phase := 1; phase <= 4; phase++ {
			fmt.Fprintf(&directives, "SecRule %s \"!@rx ^$\" \"id:%d,phase:%d,pass,log,t:none\"\n", v.Name, 1000+10*i+phase, phase)
		}
	}
	no := false
	e, err := engine.New(engine.Policy{
		Screen: engine.ScreenOff, Mode: engine.ModeDetect, CRS: engine.CRS{Enabled: &no},
		Directives: []engine.Directives{{Inline: directives.String()}},
	}, rules.FS())
	require.NoError(t, err)
	seen := map[string]bool{}
	for mediaType, body := range map[string]string{
		"application/x-www-form-urlencoded":     "a=1&b=%zz",
		"application/json":                      `{"a":1`,
		"text/xml":                              "<a>b</a>",
		"multipart/form-data; boundary=\"x y\"": "pre\n--x y\r\nContent-Disposition: form-data; name=f; filename*=utf-8'en'n\r\nA: b\r\n c\r\n\r\nabc\n--x y--\r\nafter--x y",
	} {
		x := e.Begin(engine.Conn{})
		x.RequestHeaders(engine.Request{Method: "POST", Target: "http://h/a/b.php/c?q=1&q=%zz", Protocol: "HTTP/1.1", Authority: "h",
			Headers: engine.Headers{{"Host", "h"}, {"Cookie", "a=b"}, {"Authorization", "Basic dTpw"}, {"Content-Type", mediaType}}}, false)
		x.RequestBody([]byte(body), true)
		x.ResponseHeaders(200, "HTTP/1.1", engine.Headers{{"Content-Type", "text/html"}}, false)
		x.ResponseBody([]byte("<html>"), true)
		for _, m := range x.End().Matches {
			if m.ID >= 1000 && m.ID < 100_000 {
				seen[seclang.Variables[(m.ID-1000)/10].Name] = true
			}
		}
	}
	require.Greater(t, len(seen), 40)
	require.Greater(t, len(names), 20)
	for _, name := range names {
		require.False(t, seen[name], name)
	}
}
