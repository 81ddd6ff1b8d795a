package replay

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/stretchr/testify/require"

	"tabard/engine"
)

// writers write an exchange in each format that keeps a whole request.
var writers = map[Format]func(t *testing.T, e Entry) string{
	NDJSON: func(t *testing.T, e Entry) string {
		text, err := json.Marshal(map[string]any{
			"method": e.Request.Method, "path": e.Request.Target, "headers": e.Request.Headers, "body_b64": base64.StdEncoding.EncodeToString(e.Body),
			"response": map[string]any{"status": e.Status, "headers": e.Response.Headers, "body_b64": base64.StdEncoding.EncodeToString(e.Response.Body)},
		})
		require.NoError(t, err)
		return string(text)
	},
	HAR: func(t *testing.T, e Entry) string {
		pairs := func(h engine.Headers) (out []harPair) {
			for _, line := range h {
				out = append(out, harPair{line[0], line[1]})
			}
			return out
		}
		text, err := json.Marshal(map[string]any{
			"request": map[string]any{"method": e.Request.Method, "url": "http://" + e.Request.Authority + e.Request.Target, "httpVersion": "HTTP/1.1",
				"headers": pairs(e.Request.Headers), "postData": map[string]any{"text": string(e.Body)}},
			"response": map[string]any{"status": e.Status, "headers": pairs(e.Response.Headers), "content": map[string]any{"text": string(e.Response.Body)}},
		})
		require.NoError(t, err)
		return archive(string(text))
	},
	HTTP: func(_ *testing.T, e Entry) string { return wireRequest(e) },
	Pcap: func(t *testing.T, e Entry) string {
		response := fmt.Sprintf("HTTP/1.1 %d X\r\n", e.Status)
		for _, h := range e.Response.Headers {
			response += h[0] + ": " + h[1] + "\r\n"
		}
		return captureOf(t, true, plain(segment{true, wireRequest(e)}, segment{false, response + "\r\n" + string(e.Response.Body)}))
	},
	Curl: func(_ *testing.T, e Entry) string {
		command := "curl -X " + e.Request.Method + " -H 'User-Agent:' -H 'Accept:'"
		// As browsers do: a shell would read a CR in other quotes as it likes.
		quote := func(s string) string {
			return "$'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\r", `\r`, "\n", `\n`).Replace(s) + "'"
		}
		for _, h := range e.Request.Headers {
			command += " -H " + quote(h[0]+": "+h[1])
		}
		return command + " --data-binary " + quote(string(e.Body)) + " " + quote("http://"+e.Request.Authority+e.Request.Target)
	},
	Audit:     func(t *testing.T, e Entry) string { return corazaLog(t, e, "Native") },
	AuditJSON: func(t *testing.T, e Entry) string { return corazaLog(t, e, "JSON") },
}

func wireRequest(e Entry) string {
	text := e.Request.Method + " " + e.Request.Target + " HTTP/1.1\r\n"
	for _, h := range e.Request.Headers {
		text += h[0] + ": " + h[1] + "\r\n"
	}
	return text + "\r\n" + string(e.Body)
}

// corazaLog has Coraza itself write its audit log of an exchange.
func corazaLog(t *testing.T, e Entry, format string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "audit")
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives("SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\nSecResponseBodyMimeType text/plain\n" +
		"SecAuditEngine On\nSecAuditLogParts ABCEFHZ\nSecAuditLogType Serial\nSecAuditLogFormat " + format + "\nSecAuditLog " + file))
	require.NoError(t, err)
	tx := waf.NewTransactionWithID("round")
	tx.ProcessConnection("192.0.2.7", 4711, "198.51.100.1", 80)
	tx.ProcessURI(e.Request.Target, e.Request.Method, e.Request.Protocol)
	for _, h := range e.Request.Headers {
		tx.AddRequestHeader(h[0], h[1])
	}
	tx.ProcessRequestHeaders()
	_, _, err = tx.WriteRequestBody(e.Body)
	require.NoError(t, err)
	_, err = tx.ProcessRequestBody()
	require.NoError(t, err)
	for _, h := range e.Response.Headers {
		tx.AddResponseHeader(h[0], h[1])
	}
	tx.ProcessResponseHeaders(e.Status, "HTTP/1.1")
	_, _, err = tx.WriteResponseBody(e.Response.Body)
	require.NoError(t, err)
	_, err = tx.ProcessResponseBody()
	require.NoError(t, err)
	tx.ProcessLogging()
	require.NoError(t, tx.Close())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// TestAnExchangeIsTheSameInEachFormatThatKeepsIt writes exchanges in each
// format and reads them back. Headers are compared without their order and
// case, which audit logs do not keep.
func TestAnExchangeIsTheSameInEachFormatThatKeepsIt(t *testing.T) {
	for name, target := range map[string]string{"plain": "/a?b=1", "an attack": "/a/../b?q=%27%20or%201=1--&x=<s>"} {
		for _, body := range []string{"a=1&b=%27", "{\"a\": \"it's \\\\ \u00e9\"}", "line 1\r\nline 2\r\n\r\n--x-B--\nGET / HTTP/1.1\r\n"} {
			want := Entry{Request: engine.Request{Method: "POST", Target: target, Protocol: "HTTP/1.1", Authority: "shop.example", Headers: engine.Headers{
				{"Host", "shop.example"}, {"X-Odd", `a\b "c"`}, {"Content-Type", "text/plain"}, {"Content-Length", fmt.Sprint(len(body))},
			}}, Body: []byte(body), Status: 201, Response: &Response{Status: 201, Headers: engine.Headers{{"Content-Type", "text/plain"}, {"Content-Length", "2"}}, Body: []byte("hi")}}
			for format, write := range writers {
				t.Run(name+" as "+string(format)+" "+url.PathEscape(body[:6]), func(t *testing.T) {
					got := one(t, write(t, want), "")
					require.Equal(t, want.Request.Method+" "+target+" "+want.Request.Protocol+" "+want.Request.Authority,
						got.Request.Method+" "+got.Request.Target+" "+got.Request.Protocol+" "+got.Request.Authority)
					require.Equal(t, plainHeaders(want.Request.Headers), plainHeaders(got.Request.Headers))
					require.Equal(t, body, string(got.Body))
					if format == HTTP || format == Curl {
						return // which keep no response
					}
					require.Equal(t, 201, got.Status)
					require.Equal(t, plainHeaders(want.Response.Headers), plainHeaders(got.Response.Headers))
					require.Equal(t, "hi", string(got.Response.Body))
				})
			}
		}
	}
}

func plainHeaders(h engine.Headers) []string {
	var out []string
	for _, line := range h {
		out = append(out, strings.ToLower(line[0])+": "+line[1])
	}
	slices.Sort(out)
	return out
}

// TestRealFilesAreReadToTheirEnd reads what browsers and servers wrote, where
// the shared corpus is at hand.
func TestRealFilesAreReadToTheirEnd(t *testing.T) {
	const corpus = "../../../shared/corpus"
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("the shared corpus is not beside this tree")
	}
	for file, want := range map[string]int{
		"accesslog/apache_logs": 2000, "requests.jsonl": 3429, "har/chrome_github.com_home.har": 0, "har/firefox_www.nghttp2.org.har": 0,
		"har/browsertime_sitespeed.io.har": 0, "har/humanssuck.net.har": 0, "har/multi_test_1.har": 0,
	} {
		text, err := os.ReadFile(filepath.Join(corpus, file))
		require.NoError(t, err)
		entries, broken := readAll(t, string(text), "")
		require.Empty(t, broken, file)
		if require.NotEmpty(t, entries, file); want > 0 {
			require.Len(t, entries, want, file)
		}
		for _, e := range entries {
			require.True(t, strings.HasPrefix(file, "requests") || !e.Time.IsZero(), "%s: %s has a time", file, e.ID)
		}
	}
}
