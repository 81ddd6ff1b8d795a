package replay

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// fuzzReader checks what holds for every input: a reader comes to an end, each
// entry has a name, a method and a target, and what is no entry is an error
// with a place.
func fuzzReader(f *testing.F, format Format, seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	for _, c := range samples {
		if c.format == format {
			f.Add(c.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := NewReader(strings.NewReader(text), "in", Options{Format: format})
		if err != nil {
			return // not what its first bytes promise
		}
		for range len(text) + 2 {
			record, err := r.Next()
			var e Entry
			if err == nil {
				e, err = record.Entry()
			}
			var broken *EntryError
			switch {
			case errors.As(err, &broken):
				if broken.Reason == "" || format != Pcap && broken.Position.Line == 0 && broken.Position.Offset == 0 && broken.Position.Entry > 0 {
					t.Fatalf("an error without reason or place: %v", err)
				}
			case err != nil:
				if !isCompressed(text) && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				return
			case e.ID == "" || e.Request.Method == "" || e.Request.Target == "" || e.Request.Protocol == "":
				t.Fatalf("an entry without a name, method, target or protocol: %+v", e)
			}
		}
		t.Fatal("the reader yields more than it reads")
	})
}

func isCompressed(text string) bool {
	for _, c := range compressions {
		if strings.HasPrefix(text, c.magic) {
			return true
		}
	}
	return false
}

func FuzzHAR(f *testing.F) {
	fuzzReader(f, HAR, sampleHAR, archive(`{"request":{"method":"POST","url":"https://h?a#b","httpVersion":"h2","headers":[{"name":":path","value":"/"}],"cookies":[{"name":"a","value":"b"}],
		"postData":{"mimeType":"multipart/form-data; boundary=x","params":[{"name":"a","value":"\u00e9%"}]}},"response":{"status":200,"headers":[{"name":"a","value":"b\nc"}],"content":{"text":"AA==","encoding":"base64"}}}`, `7`),
		`{"log":{"entries":[}]}`, `{"log":null}`, `{"a":"\"","log":{"entries":[{}`)
}

func FuzzNDJSON(f *testing.F) {
	fuzzReader(f, NDJSON, sampleNDJSON, `{"id":1,"method":"GET","path":"/\u00e9","headers":[["A","b"]],"body_b64":"AA","client_ip":"::1","response":{"status":1}}`, "{}\n[]\n\"")
}

func FuzzAccessLog(f *testing.F) {
	fuzzReader(f, AccessLog, sampleLog, `h:1 ::1 - a b [t] "POST /\x22\" HTTP/1.1" 200 1 "r" "a\\" "x"`, `1.2.3.4 - - [t] "GET /" 200`, `a b c [] "\`)
}

func FuzzHTTP(f *testing.F) {
	fuzzReader(f, HTTP, sampleHTTP, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\n\n",
		"POST / HTTP/1.1\nContent-Length: 3\n\nabc\n\nx\nGET  / HTTP/1.0\n folded\n\nbody")
}

func FuzzDetect(f *testing.F) {
	fuzzReader(f, "", sampleHAR, sampleNDJSON, sampleLog, sampleHTTP, "", "\xef\xbb\xbf{", zip(sampleLog))
}

func FuzzALB(f *testing.F) { fuzzReader(f, ALB) }

func FuzzW3C(f *testing.F) { fuzzReader(f, W3C) }

func FuzzEnvoyLog(f *testing.F) { fuzzReader(f, EnvoyLog) }

func FuzzAPIGateway(f *testing.F) { fuzzReader(f, APIGateway) }

func FuzzJSONLog(f *testing.F) { fuzzReader(f, JSONLog) }

func FuzzAWSWAF(f *testing.F) { fuzzReader(f, AWSWAF) }

func FuzzOTLP(f *testing.F) { fuzzReader(f, OTLP) }

func FuzzAudit(f *testing.F) { fuzzReader(f, Audit) }

func FuzzAuditJSON(f *testing.F) { fuzzReader(f, AuditJSON) }

func FuzzCurl(f *testing.F) { fuzzReader(f, Curl) }

func FuzzFTW(f *testing.F) { fuzzReader(f, FTW) }

func FuzzGoTestWAF(f *testing.F) { fuzzReader(f, GoTestWAF) }
