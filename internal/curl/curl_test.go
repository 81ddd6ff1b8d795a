package curl

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine"
)

func TestACommandIsTheRequestThatCurlSends(t *testing.T) {
	for name, c := range map[string]struct {
		command, line, body string
		headers             engine.Headers
	}{
		"a URL alone": {`curl shop.example`, "GET http shop.example / HTTP/1.1", "",
			engine.Headers{{"Host", "shop.example"}, {"User-Agent", "curl/8.5.0"}, {"Accept", "*/*"}}},
		"what is written in the URL is sent": {`curl 'https://u:p%40@shop.example:8443/a/../b?q=<x>&r=%zz#top'`, "GET https shop.example:8443 /a/../b?q=<x>&r=%zz HTTP/1.1", "",
			engine.Headers{{"Host", "shop.example:8443"}, {"Authorization", "Basic dTpwQA=="}, {"User-Agent", "curl/8.5.0"}, {"Accept", "*/*"}}},
		"as a browser copies it": {"$ curl 'https://shop.example/login' \\\n  -X 'PUT' \\\n  -H 'user-agent: Moz' \\\n  -H 'accept:' \\\n  -H 'content-type: application/json' \\\n  --data-raw $'{\"a\":\"\\u0041\\'\"}' \\\n  --compressed --insecure",
			"PUT https shop.example /login HTTP/1.1", `{"a":"A'"}`,
			engine.Headers{{"Host", "shop.example"}, {"user-agent", "Moz"}, {"content-type", "application/json"}, {"Accept-Encoding", "deflate, gzip, br, zstd"}, {"Content-Length", "10"}}},
		"data are joined": {`curl -d a=1 -d b=2 --data-urlencode 'c=x y&z' --data-urlencode =q=1 h`, "POST http h / HTTP/1.1", "a=1&b=2&c=x%20y%26z&q%3D1",
			engine.Headers{{"Host", "h"}, {"User-Agent", "curl/8.5.0"}, {"Accept", "*/*"}, {"Content-Type", "application/x-www-form-urlencoded"}, {"Content-Length", "25"}}},
		"data in the query": {`curl -G h/a?x=1 -d 'b=2'`, "GET http h /a?x=1&b=2 HTTP/1.1", "",
			engine.Headers{{"Host", "h"}, {"User-Agent", "curl/8.5.0"}, {"Accept", "*/*"}}},
		"letters in one word": {`curl -sXDELETE -Aagent --http2 -bsid=1 -b k=v -e http://r/ -H 'Host: other' h`, "DELETE http other / HTTP/2", "",
			engine.Headers{{"User-Agent", "agent"}, {"Accept", "*/*"}, {"Referer", "http://r/"}, {"Cookie", "sid=1; k=v"}, {"Host", "other"}}},
		"JSON": {`curl --json '{"a":1}' --oauth2-bearer t --url h`, "POST http h / HTTP/1.1", `{"a":1}`,
			engine.Headers{{"Host", "h"}, {"User-Agent", "curl/8.5.0"}, {"Accept", "application/json"}, {"Content-Type", "application/json"}, {"Authorization", "Bearer t"}, {"Content-Length", "7"}}},
		"a form": {`curl -F name=v --form-string t=@x -I h`, "HEAD http h / HTTP/1.1",
			"--" + boundary + "\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nv\r\n--" + boundary + "\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\n@x\r\n--" + boundary + "--\r\n",
			engine.Headers{{"Host", "h"}, {"User-Agent", "curl/8.5.0"}, {"Accept", "*/*"}, {"Content-Type", "multipart/form-data; boundary=" + boundary}, {"Content-Length", "232"}}},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Parse(c.command)
			require.NoError(t, err)
			r := e.Request
			require.Equal(t, c.line, r.Method+" "+r.Scheme+" "+r.Authority+" "+r.Target+" "+r.Protocol)
			require.Equal(t, c.headers, r.Headers)
			require.Equal(t, c.body, string(e.Body))
		})
	}
}

func TestWhatACommandDoesNotTellIsRefused(t *testing.T) {
	for command, want := range map[string]string{
		`curl`:                        "the command names no URL",
		`wget x`:                      "the command is not curl",
		`curl http://h/?a=1&b=2`:      `the command has more than one part: put quotes around a URL with "&" or ";"`,
		`curl h | sh`:                 "the command is no single curl command",
		`curl "$HOST"`:                "the command depends on its shell: HOST: unbound variable",
		`curl "$(cat x)"`:             "the command depends on its shell: unexpected command substitution at 1:7",
		`curl 'h`:                     "the command is no shell syntax: 1:6: reached EOF without closing quote `'`",
		`curl -d @file h`:             "curl's option -d: it reads a file: write the data into the command",
		`curl -b jar h`:               "curl's option -b: it reads a file: write the data into the command",
		`curl -F a=@x h`:              "curl's option -F: it reads a file: write the data into the command",
		`curl -F a h`:                 `curl's option -F: a form field is written as "name=value"`,
		`curl --data-urlencode a@b h`: "curl's option --data-urlencode: it reads a file: write the data into the command",
		`curl -H X h`:                 `curl's option -H: a header is written as "Name: value"`,
		`curl -H @x h`:                "curl's option -H: it reads a file: write the data into the command",
		`curl -H`:                     "curl's option -H needs a value",
		`curl --telnet-option x h`:    "curl's option --telnet-option is not known here: leave it out if it does not change the request",
		`curl -sZ h`:                  "curl's option -Z is not known here: leave it out if it does not change the request",
		`curl a b`:                    `the command has two URLs: "a" and "b"`,
		`curl 'http://%zz@h/'`:        `the URL's user: invalid URL escape "%zz"`,
		"curl a\ncurl b":              `the command has more than one part: put quotes around a URL with "&" or ";"`,
	} {
		_, err := Parse(command)
		require.EqualError(t, err, want, command)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`curl -sXPOST 'http://h/?a=1' -H 'A: b' --data-raw $'\x41' --compressed`)
	f.Add("$ curl h \\\n -F a=b")
	f.Add(`curl "${a[`)
	f.Fuzz(func(t *testing.T, command string) {
		e, err := Parse(command)
		if err == nil && (e.Request.Method == "" && e.Request.Target == "") {
			t.Errorf("%q gives no request", command)
		}
	})
}
