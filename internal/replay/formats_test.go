package replay

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// formatCase is a source, and what is read of it: the entries as show writes
// them, and the errors.
type formatCase struct {
	name   string
	format Format
	text   string
	want   string
}

// samples are short real lines of each format; the addresses are those that
// documents use.
var samples = []formatCase{
	{"a line of an Application Load Balancer", ALB,
		`https 2018-07-02T22:23:00.186641Z app/my-lb/50dc6c495c0c9188 192.0.2.7:2817 10.0.0.1:80 0.086 0.048 0.037 403 200 0 57 "POST https://www.example.com:443/a%20b?c=d HTTP/1.1" "curl/7.46.0 \x22q\x22" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:x "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:x" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-"`,
		`in:1 from 192.0.2.7:2817
POST /a%20b?c=d HTTP/1.1 (https, "www.example.com")
Host: www.example.com
User-Agent: curl/7.46.0 "q"
Content-Length: 0
at 2018-07-02T22:23:00.186641Z status 403
? requests without most of their headers
? requests without their body
`},
	{"a line of a Classic Load Balancer, on a port of its own", ALB,
		`2015-05-13T23:39:43.945958Z my-loadbalancer [2001:db8::7]:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:8080/ HTTP/2.0" "-" - -`,
		`in:1 from [2001:db8::7]:2817
GET / HTTP/2.0 (http, "www.example.com:8080")
Host: www.example.com:8080
at 2015-05-13T23:39:43.945958Z status 200
? requests without most of their headers
? requests without their body
`},
	{"a request that the load balancer refused has no verdict", ALB,
		`h2 2018-07-02T22:23:00.186641Z app/my-lb/50dc6c495c0c9188 192.0.2.7:2817 - -1 -1 -1 400 - 0 57 "- http://www.example.com:80- -" "-" - -`,
		"error in:1: the logged request is no HTTP request: \"- http://www.example.com:80- -\"\n"},
	{"CloudFront, with its own Host and escapes once and twice", W3C,
		"#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version\n" +
			"2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200\t-\tMozilla/5.0%20(Windows%2520NT%252010.0)\ta=%27b\tsid=1;%20x=2\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\tshop.example\thttps\t23\t0.001\t198.51.100.9\tTLSv1.2\tECDHE\tHit\tHTTP/2.0\n",
		`in:3 from 192.0.2.100:0
GET /index.html?a=%27b HTTP/2.0 (https, "shop.example")
Host: shop.example
User-Agent: Mozilla/5.0 (Windows NT 10.0)
Cookie: sid=1; x=2
X-Forwarded-For: 198.51.100.9
at 2019-12-04T21:02:31Z status 200
? requests whose path or query is not as it was sent
? requests without most of their headers
? requests without their body
`},
	{"IIS, whose fields change after a restart", W3C,
		"#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status\n" +
			"2020-01-02 03:04:05 10.0.0.1 GET /a - 80 - 192.0.2.7 Mozilla/5.0+(X11) - 404\n#Fields: c-ip cs-method cs-uri-stem\n192.0.2.8 GET /b\n192.0.2.8 GET\n",
		`in:3 from 192.0.2.7:0
GET /a HTTP/1.1 (http, "replay.invalid")
Host: replay.invalid
User-Agent: Mozilla/5.0 (X11)
at 2020-01-02T03:04:05Z status 404
? requests without a Host header (one was put in)
? requests without the version of HTTP (taken for HTTP/1.1)
? requests whose path or query is not as it was sent
? requests without most of their headers
? requests without their body
in:5 from 192.0.2.8:0
GET /b HTTP/1.1 (http, "replay.invalid")
Host: replay.invalid
? requests without a Host header (one was put in)
? requests without the version of HTTP (taken for HTTP/1.1)
? requests whose path or query is not as it was sent
? requests without most of their headers
? requests without their body
error in:6: the line has fewer fields than #Fields names
`},
	{"Envoy's default format", EnvoyLog,
		`[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "203.0.113.9,192.0.2.7" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"`,
		`in:1 from 192.0.2.7:0
POST /api/v1/locations HTTP/2 (http, "locations")
Host: locations
User-Agent: nsq2http
X-Forwarded-For: 203.0.113.9,192.0.2.7
X-Request-Id: cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2
Content-Length: 0
at 2016-04-15T20:17:00.31Z status 204
? requests without most of their headers
? requests without their body
`},
	{"Istio's format, without a client", EnvoyLog,
		`[2020-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "-" "curl/7.73.0" "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" inbound|8000|| 127.0.0.1:41854 10.44.1.27:80 10.44.1.23:37652 outbound_.8000_._.httpbin.foo.svc.cluster.local default`,
		`in:1 from invalid AddrPort
GET /status/418 HTTP/1.1 (http, "httpbin:8000")
Host: httpbin:8000
User-Agent: curl/7.73.0
X-Request-Id: 84961386-6d84-929d-98bd-c5aee93b5c88
at 2020-11-25T21:26:18.409Z status 418
? requests without the client's address
? requests without most of their headers
? requests without their body
`},
	{"API Gateway in CSV", APIGateway,
		`192.0.2.7,-,-,10/Oct/2000:13:55:36 +0000,GET,/pets/{id},HTTP/1.1,200,57,c6af9ac6-7b61-11e6-9a41-93e8deadbeef,JKJaXmPLvHcESHA=`,
		`c6af9ac6-7b61-11e6-9a41-93e8deadbeef from 192.0.2.7:0
GET /pets/{id} HTTP/1.1 (http, "replay.invalid")
Host: replay.invalid
at 2000-10-10T13:55:36Z status 200
? requests without a Host header (one was put in)
? requests whose path or query is not as it was sent
? requests without their query
? requests without most of their headers
? requests without their body
`},
	{"API Gateway in XML", APIGateway,
		`<request id="r1"> <ip>192.0.2.7</ip> <caller>-</caller> <user>-</user> <requestTime>10/Oct/2000:13:55:36 +0000</requestTime> <httpMethod>DELETE</httpMethod> <resourcePath>/pets</resourcePath> <status>403</status> <protocol>HTTP/1.1</protocol> <responseLength>2</responseLength> </request>`,
		`r1 from 192.0.2.7:0
DELETE /pets HTTP/1.1 (http, "replay.invalid")
Host: replay.invalid
at 2000-10-10T13:55:36Z status 403
? requests without a Host header (one was put in)
? requests whose path or query is not as it was sent
? requests without their query
? requests without most of their headers
? requests without their body
`},
	{"API Gateway in its common format", AccessLog,
		`192.0.2.7 - - [10/Oct/2000:13:55:36 +0000]"GET /pets HTTP/1.1" 200 57 c6af9ac6`,
		`in:1 from 192.0.2.7:0
GET /pets HTTP/1.1 (http, "replay.invalid")
Host: replay.invalid
at 2000-10-10T13:55:36Z status 200
? requests without a Host header (one was put in)
? requests without most of their headers
? requests without their body
`},
	{"API Gateway in JSON", JSONLog,
		`{"requestId":"r1","extendedRequestId":"x","ip":"192.0.2.7","caller":"-","user":"-","requestTime":"09/Apr/2015:12:34:56 +0000","httpMethod":"GET","resourcePath":"/pets/{id}","status":"200","protocol":"HTTP/1.1","responseLength":"9"}`,
		`r1 from 192.0.2.7:0
GET /pets/{id} HTTP/1.1 (http, "replay.invalid")
Host: replay.invalid
at 2015-04-09T12:34:56Z status 200
? requests without a Host header (one was put in)
? requests whose path or query is not as it was sent
? requests without their query
? requests without most of their headers
? requests without their body
`},
	{"Envoy and Istio in JSON", JSONLog,
		`{"start_time":"2026-01-02T03:04:05.678Z","method":"GET","path":"/a?b=1","protocol":"HTTP/2","response_code":200,"bytes_sent":10,"user_agent":"curl/8","x_forwarded_for":"203.0.113.9","authority":"shop.example","downstream_remote_address":"192.0.2.7:4711","request_id":"r1","duration":3,"upstream_cluster":null}`,
		`r1 from 192.0.2.7:4711
GET /a?b=1 HTTP/2 (http, "shop.example")
Host: shop.example
User-Agent: curl/8
X-Forwarded-For: 203.0.113.9
at 2026-01-02T03:04:05.678Z status 200
? requests without most of their headers
? requests without their body
`},
	{"nginx in JSON, whose request_time is a duration", JSONLog,
		`{"time_iso8601":"2026-01-02T03:04:05+01:00","remote_addr":"192.0.2.7","request":"POST /x%20y HTTP/1.1","status":"499","http_referer":"https://r.example/","http_user_agent":"M","http_host":"shop.example","request_time":"0.004","request_body":"a=1","scheme":"https"}`,
		`in:1 from 192.0.2.7:0
POST /x%20y HTTP/1.1 (https, "shop.example")
Host: shop.example
User-Agent: M
Referer: https://r.example/
body "a=1"
at 2026-01-02T02:04:05Z status 499
? requests without most of their headers
`},
	{"Caddy, with headers", JSONLog,
		`{"level":"info","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"192.0.2.7","remote_port":"41342","client_ip":"192.0.2.7","proto":"HTTP/2.0","method":"GET","host":"localhost","uri":"/?q=1","headers":{"User-Agent":["curl/7.82.0"],"Accept":["*/*","text/html"]}},"duration":0.001,"size":10900,"status":200,"resp_headers":{"Server":["Caddy"]}}`,
		`in:1 from 192.0.2.7:0
GET /?q=1 HTTP/2.0 (http, "localhost")
Host: localhost
Accept: */*
Accept: text/html
User-Agent: curl/7.82.0
at 2022-03-09T21:30:01.524102Z status 200
? requests without their body
`},
	{"Traefik, whose names are in capitals", JSONLog,
		`{"ClientAddr":"192.0.2.7:57302","ClientHost":"192.0.2.7","DownstreamStatus":404,"RequestHost":"shop.example","RequestMethod":"GET","RequestPath":"/a","RequestProtocol":"HTTP/1.1","RequestScheme":"https","StartUTC":"2026-01-02T03:04:05Z","request_User-Agent":"curl/8"}`,
		`in:1 from 192.0.2.7:0
GET /a HTTP/1.1 (https, "shop.example")
Host: shop.example
User-Agent: curl/8
at 2026-01-02T03:04:05Z status 404
? requests without most of their headers
? requests without their body
`},
	{"a log in JSON whose lines are about other things, too", JSONLog,
		`{"msg":"started","level":"info"}` + "\n" + `{"url":"https://shop.example:443/a","method":"GET","status":200}`,
		`in:2 from invalid AddrPort
GET /a HTTP/1.1 (https, "shop.example")
Host: shop.example
at 0001-01-01T00:00:00Z status 200
? requests without the client's address
? requests without the version of HTTP (taken for HTTP/1.1)
? requests without most of their headers
? requests without their body
error in:1: no key names the request's path: known are path, uri, request_uri, url, request, url.path and others like them
`},
	{"AWS WAF, with a redacted header", AWSWAF,
		`{"timestamp":1576280412771,"formatVersion":1,"webaclId":"arn:aws:wafv2:x","terminatingRuleId":"STMTest_SQLi","action":"BLOCK","httpSourceName":"ALB","httpRequest":{"clientIp":"192.0.2.7","country":"AU","headers":[{"name":"Host","value":"shop.example"},{"name":"User-Agent","value":"curl/8"},{"name":"Cookie","value":"REDACTED"}],"uri":"/myUri","args":"a=%27","httpVersion":"HTTP/1.1","httpMethod":"POST","requestId":"rid"},"labels":[{"name":"value"}]}`,
		`rid from 192.0.2.7:0
POST /myUri?a=%27 HTTP/1.1 (http, "shop.example")
Host: shop.example
User-Agent: curl/8
Cookie: REDACTED
Content-Length: 0
at 2019-12-13T23:40:12.771Z status 403
? requests without their body
? requests with values that the source has redacted or cut
`},
	{"OpenTelemetry, two records in a line, old and new names", OTLP,
		`{"resourceLogs":[{"resource":{"attributes":[]},"scopeLogs":[{"scope":{},"logRecords":[` +
			`{"timeUnixNano":"1581452773000000789","attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/a"}},{"key":"url.query","value":{"stringValue":"b=%27"}},{"key":"url.scheme","value":{"stringValue":"https"}},{"key":"server.address","value":{"stringValue":"shop.example"}},{"key":"client.address","value":{"stringValue":"192.0.2.7"}},{"key":"network.protocol.version","value":{"stringValue":"2"}},{"key":"user_agent.original","value":{"stringValue":"curl/8"}},{"key":"http.response.status_code","value":{"intValue":"200"}},{"key":"http.request.header.x-a","value":{"arrayValue":{"values":[{"stringValue":"1"},{"stringValue":"2"}]}}}]},` +
			`{"timeUnixNano":1581452773000000789,"body":{"kvlistValue":{"values":[{"key":"http.method","value":{"stringValue":"PUT"}},{"key":"http.target","value":{"stringValue":"/c?d"}},{"key":"http.flavor","value":{"stringValue":"1.1"}},{"key":"http.host","value":{"stringValue":"shop.example"}},{"key":"http.client_ip","value":{"stringValue":"192.0.2.8"}},{"key":"http.status_code","value":{"intValue":404}}]}},"attributes":[]},` +
			`{"timeUnixNano":"1","body":{"stringValue":"started"},"attributes":[]}]}]}]}`,
		`in:1#1 from 192.0.2.7:0
GET /a?b=%27 HTTP/2 (https, "shop.example")
Host: shop.example
x-a: 1
x-a: 2
User-Agent: curl/8
at 2020-02-11T20:26:13.000000789Z status 200
? requests without their body
in:1#2 from 192.0.2.8:0
PUT /c?d HTTP/1.1 (http, "shop.example")
Host: shop.example
Content-Length: 0
at 2020-02-11T20:26:13.000000789Z status 404
? requests without most of their headers
? requests without their body
error in:1: the log record is about no request: it has no attributes such as http.request.method
`},
	{"ModSecurity 2 in its native format", Audit,
		"--6ef24602-A--\n[02/Aug/2016:09:57:47 +0300] V6BEawUs8J4AACcbno4AAAAE 192.0.2.7 43077 10.0.0.1 80\n--6ef24602-B--\nPOST /command.php?x=%27 HTTP/1.0\nHost: shop.example\nUser-Agent: Wget(linux)\nContent-Length: 7\n\n--6ef24602-C--\ncmd=%63\n--6ef24602-F--\nHTTP/1.1 500 Internal Server Error\nContent-Length: 3\nContent-Type: text/html\n\n--6ef24602-E--\nabc\n--6ef24602-H--\nMessage: Warning. Pattern match\nEngine-Mode: \"ENABLED\"\n\n--6ef24602-Z--\n\n",
		`V6BEawUs8J4AACcbno4AAAAE from 192.0.2.7:43077
POST /command.php?x=%27 HTTP/1.0 (http, "shop.example")
Host: shop.example
User-Agent: Wget(linux)
Content-Length: 7
body "cmd=%63"
response 500 [[Content-Length 3] [Content-Type text/html]] "abc"
at 2016-08-02T06:57:47Z status 500
`},
	{"ModSecurity 3, two entries, a body that part I replaces, an end that is cut", Audit,
		"---FeKj7tVW---A--\n[13/Feb/2020:23:34:05 +0000] 158163684568.835438 192.0.2.7 0 10.0.0.1 8443\n---FeKj7tVW---B--\nPOST /a HTTP/1.1\nHost: h\nContent-Length: 656\n\n---FeKj7tVW---I--\na=1\n---FeKj7tVW---Z--\n\n---AAAAbbbb---A--\n[13/Feb/2020:23:34:06 +0000] 2 192.0.2.8 1 10.0.0.1 8443\n---AAAAbbbb---B--\nGET /b HTTP/2.0\nHost: h\n",
		`158163684568.835438 from 192.0.2.7:0
POST /a HTTP/1.1 (http, "h")
Host: h
Content-Length: 656
at 2020-02-13T23:34:05Z status 0
? requests without their body
2 from 192.0.2.8:1
GET /b HTTP/2.0 (http, "h")
Host: h
at 2020-02-13T23:34:06Z status 0
`},
	{"ModSecurity 3 in JSON", AuditJSON,
		`{"transaction":{"client_ip":"192.0.2.7","time_stamp":"Tue Feb 21 08:52:17 2017","server_id":"21f343","client_port":58005,"host_ip":"10.0.0.1","host_port":80,"unique_id":"14876671370.793770","request":{"method":"POST","http_version":1.1,"uri":"/?asd=asd","body":"a=1","headers":{"Host":"shop.example","Content-Length":"3"}},"response":{"body":"<b>","http_code":200,"headers":{"Server":"nginx"}},"producer":{},"messages":[]}}`,
		`14876671370.793770 from 192.0.2.7:58005
POST /?asd=asd HTTP/1.1 (http, "shop.example")
Content-Length: 3
Host: shop.example
body "a=1"
response 200 [[Server nginx]] "<b>"
at 2017-02-21T08:52:17Z status 200
`},
	{"ModSecurity 2 in JSON", AuditJSON,
		`{"transaction":{"time":"07/Jan/2024:10:11:12.123456 +0000","transaction_id":"Zx","remote_address":"192.0.2.7","remote_port":55064,"local_address":"10.0.0.1","local_port":80},"request":{"request_line":"POST /a HTTP/1.1","headers":{"Host":"h","Content-Length":"5"},"body":["a=1","&b"]},"response":{"protocol":"HTTP/1.1","status":403,"headers":{"Content-Length":"9"}},"audit_data":{"messages":["x"]}}`,
		`Zx from 192.0.2.7:55064
POST /a HTTP/1.1 (http, "h")
Content-Length: 5
Host: h
body "a=1&b"
response 403 [[Content-Length 9]] ""
at 2024-01-07T10:11:12.123456Z status 403
? responses without their body
`},
	{"an audit log in JSON without part B", AuditJSON,
		`{"transaction":{"id":"a"}}`, "error in:1: the entry has no request: SecAuditLogParts must have B for a replay\n"},
	{"curl commands: as Chrome copies one, in a script, with a file, cut", Curl,
		"curl 'https://shop.example/api?a=1' \\\n  -X 'PUT' \\\n  -H 'user-agent: M' \\\n  -b 'sid=1' \\\n  --data-raw $'{\"a\":\"it\\'s \\u00e9\\n\"}' \\\n  --compressed\n# a comment\n$ curl -sS shop.example -u a:b\ncurl -d @file h\ncurl 'h\n",
		`in:1 from invalid AddrPort
PUT /api?a=1 HTTP/1.1 (https, "shop.example")
Host: shop.example
Accept: */*
Cookie: sid=1
Content-Type: application/x-www-form-urlencoded
user-agent: M
Accept-Encoding: deflate, gzip, br, zstd
Content-Length: 16
body "{\"a\":\"it's é\n\"}"
? requests without the client's address
in:8 from invalid AddrPort
GET / HTTP/1.1 (http, "shop.example")
Host: shop.example
Authorization: Basic YTpi
User-Agent: curl/8.5.0
Accept: */*
? requests without the client's address
error in:9: curl's option -d: it reads a file: write the data into the command
error in:10: the command ends inside of quotes or behind a backslash
`},
	{"gotestwaf's payloads, encoders and placeholders", GoTestWAF,
		"---\npayload:\n  - \"' or 1=1\"\nencoder:\n  - URL\n  - Base64Flat\nplaceholder:\n  - URLParam\n  - RawRequest:\n      method: \"POST\"\n      path: \"/clam.php\"\n      headers:\n        X: \"1\"\n        X: \"2\"\n      body: \"cmd={{payload}}\"\ntype: \"x\"\n",
		`in#1/URL/URLParam from invalid AddrPort
GET /?tabard=%27%20or%201=1 HTTP/1.1 (http, "replay.invalid")
Host: replay.invalid
User-Agent: AGENT
? requests without the client's address
? requests without a Host header (one was put in)
in#1/URL/RawRequest from invalid AddrPort
POST /clam.php HTTP/1.1 (http, "replay.invalid")
Host: replay.invalid
User-Agent: AGENT
X: 2
Content-Length: 18
body "cmd=%27%20or%201=1"
? requests without the client's address
? requests without a Host header (one was put in)
in#1/Base64Flat/URLParam from invalid AddrPort
GET /?tabard=JyBvciAxPTE HTTP/1.1 (http, "replay.invalid")
Host: replay.invalid
User-Agent: AGENT
? requests without the client's address
? requests without a Host header (one was put in)
in#1/Base64Flat/RawRequest from invalid AddrPort
POST /clam.php HTTP/1.1 (http, "replay.invalid")
Host: replay.invalid
User-Agent: AGENT
X: 2
Content-Length: 15
body "cmd=JyBvciAxPTE"
? requests without the client's address
? requests without a Host header (one was put in)
`},
	{"tests of the Core Rule Set, with an encoded request and a response", FTW,
		"---\nmeta:\n  author: x\nrule_id: 920100\ntests:\n  - test_id: 1\n    stages:\n      - input:\n          dest_addr: 127.0.0.1\n          method: POST\n          uri: /a\n          headers:\n            Host: h\n            Content-Type: text/plain\n          data: abc\n        output:\n          log:\n            expect_ids: [920100]\n  - test_id: 2\n    stages:\n      - input:\n          dest_addr: 127.0.0.1\n          encoded_request: R0VUIC9iIEhUVFAvMS4xDQpIb3N0OiBoDQoNCg==\n        output:\n          log:\n            no_expect_ids: [920100]\n",
		`920100-1 from invalid AddrPort
POST /a HTTP/1.1 (http, "h")
Host: h
Content-Type: text/plain
Connection: close
Content-Length: 3
body "abc"
? requests without the client's address
920100-2 from invalid AddrPort
GET /b HTTP/1.1 (http, "h")
Host: h
? requests without the client's address
`},
}

func TestEachFormatIsDetectedAndRead(t *testing.T) {
	for _, c := range samples {
		t.Run(c.name, func(t *testing.T) {
			c.want = strings.ReplaceAll(c.want, "AGENT", goTestWAFAgent)
			require.Equal(t, c.want, readShown(t, c.text, c.format))
			require.Equal(t, c.want, readShown(t, c.text, ""), "when the format is detected")
		})
	}
}

// readShown reads a source and shows what it gave.
func readShown(t *testing.T, text string, f Format) string {
	t.Helper()
	var b strings.Builder
	entries, broken := readAll(t, text, f)
	for _, e := range entries {
		b.WriteString(show(e))
	}
	for _, err := range broken {
		fmt.Fprintf(&b, "error %s\n", err)
	}
	return b.String()
}
