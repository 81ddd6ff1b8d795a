package bodies

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3/types/variables"
	"github.com/stretchr/testify/require"
)

func get(uri string, headers ...header) exchange {
	return exchange{method: "GET", uri: uri, protocol: "HTTP/1.1", headers: headers}
}

func post(contentType, body string) exchange {
	return exchange{
		method: "POST", uri: "/p?q=1", protocol: "HTTP/2.0",
		headers: []header{{"content-type", contentType}}, body: body,
	}
}

func form(body string) exchange { return post("application/x-www-form-urlencoded", body) }

func jsonBody(body string) exchange { return post("application/json", body) }

// upload is a multipart body in which | stands for a line end and B for the boundary mark.
func upload(text string) exchange {
	text = strings.NewReplacer("|", "\r\n", "B", "--bound").Replace(text)
	return post("multipart/form-data; boundary=bound", text)
}

func response(contentType, processor, body string) exchange {
	x := get("/")
	x.status = 200
	x.responseHeaders = []header{{"Content-Type", contentType}, {"X-Processor", processor}, {"Set-Cookie", "a=b"}}
	x.responseBody = body
	return x
}

func forced(x exchange) exchange {
	x.force = true
	return x
}

func processed(name, body string) exchange {
	x := post("text/plain", body)
	x.headers = append(x.headers, header{"x-processor", name})
	return x
}

func many(n int, text string) string { return strings.Repeat(text, n) }

const fieldPart = "B|Content-Disposition: form-data; name=\"a\"||1|"

var cases = []struct {
	name  string
	x     exchange
	doubt Doubt
}{
	{"a plain request", get("/index.html?a=1&b=2", header{"Host", "example.com"}), NoDoubt},
	{"no path", get(""), NoDoubt},
	{"a star", get("*"), NoDoubt},
	{"only a slash", get("/"), NoDoubt},
	{"two slashes at the start", get("//host/path?x"), NoDoubt},
	{"three slashes", get("///a"), NoDoubt},
	{"an absolute URI", get("http://user:pa%20ss@Example.com:80/a/../b?c=d#e"), NoDoubt},
	{"an absolute URI without a path", get("http://example.com"), NoDoubt},
	{"an absolute URI with a broken port", get("http://example.com:x/a"), NoDoubt},
	{"an opaque URI", get("mailto:x@y?z=1"), NoDoubt},
	{"the target of CONNECT", get("example.com:443"), NoDoubt},
	{"a colon in the first segment", get("/a:b/c"), NoDoubt},
	{"a path without a slash at its start", get("a/b?c=d"), NoDoubt},
	{"a colon first", get(":a"), NoDoubt},
	{"a fragment", get("/a#b?c=d"), NoDoubt},
	{"a question mark at the end", get("/a?"), NoDoubt},
	{"two question marks at the end", get("/a??"), NoDoubt},
	{"a question mark in the query", get("/a?b=c?d"), NoDoubt},
	{"escapes in the path", get("/a%20b%2fc/%41?x"), NoDoubt},
	{"escapes and a plus in the path", get("/a+b%2Bc"), NoDoubt},
	{"a broken escape in the path", get("/a%2?b=%2&c=%zz%"), NoDoubt},
	{"a broken escape in the query only", get("/a?b=%&c=%4&d=%41%4"), NoDoubt},
	{"a zero byte escaped in the path", get("/a%00b"), NoDoubt},
	{"spaces and quotes in path and query", get("/a b\"<>?c d\"<>"), NoDoubt},
	{"brackets and braces in the path", get("/a[1]{2}|^`\\b?[c]={d}"), NoDoubt},
	{"other than ASCII in path and query", get("/größe/你?q=ä&\xff=\xfe"), NoDoubt},
	{"a control byte in the path", get("/a\tb?c=d"), NoDoubt},
	{"a control byte in the query", get("/a?c=\x01d"), NoDoubt},
	{"a delete byte in the query", get("/a?c=\x7fd"), NoDoubt},
	{"a control byte in the fragment only", get("/a?c=d#\x01"), NoDoubt},
	{"a backslash ends the directory", get(`/a/b\c`), NoDoubt},
	{"a path that ends in a slash has itself for a basename", get("/a/b/"), NoDoubt},
	{"empty pairs, names and values", get("/?&&=&a&=b&a=&c==d&&"), NoDoubt},
	{"the same name many times, in several cases", get("/?a=1&A=2&a=3&%61=4"), NoDoubt},
	{"pluses in names and values", get("/?a+b=c+d&+=+"), NoDoubt},
	{"a semicolon does not separate", get("/?a=1;b=2"), NoDoubt},
	{"as many arguments as the limit", get("/?" + many(50, "a&")), NoDoubt},
	{"one argument more than the limit", get("/?" + many(51, "a=b&")), NoDoubt},
	{"no method and no protocol", exchange{uri: "/"}, NoDoubt},

	{"a header without a name is dropped", get("/", header{"", "x"}, header{"A", ""}), NoDoubt},
	{"headers repeat in several cases", get("/", header{"X-A", "1"}, header{"x-a", "2"}, header{"X-A", "1"}), NoDoubt},
	{"cookies", get("/", header{"Cookie", "a=b; c=d=e;f; ;=g;h=; =; a=\"q\";A=1"}), NoDoubt},
	{"two cookie headers", get("/", header{"cookie", "a=1"}, header{"COOKIE", "a=2; b"}), NoDoubt},
	{"control bytes around cookies", get("/", header{"Cookie", "\t\x01a\v=\x7f b \x00;\x01=x;\x01=\x02; \x80=\xa0"}), NoDoubt},
	{"an empty cookie header", get("/", header{"Cookie", " \t"}), NoDoubt},
	{"a Kelvin sign is a k in the name of a header", get("/", header{"Coo\u212aie", "a=b"}, header{"coo\u017fie", "c=d"}), NoDoubt},
	{"a dotted I is no i in the name of a header", get("/", header{"Content-T\u0130pe", "x"}, header{"Coo\xffkie", "c=d"}), NoDoubt},
	{"the first content type counts", exchange{
		method: "POST", uri: "/", headers: []header{
			{"Content-Type", "text/plain"}, {"Content-Type", "application/x-www-form-urlencoded"},
		}, body: "a=1",
	}, NoDoubt},
	{"a content type behind Unicode space", form("a=1"), NoDoubt},
	{"a content type in capitals", post("\u3000APPLICATION/X-WWW-FORM-URLENCODED; x", "a=1"), NoDoubt},
	{"an empty content type before another", exchange{
		method: "POST", uri: "/", headers: []header{{"Content-Type", ""}, {"Content-Type", "multipart/form-data"}}, body: "a=1",
	}, NoDoubt},

	{"no body", form(""), NoDoubt},
	{"a form", form("a=1&b=%3Cx%3E+y&c"), NoDoubt},
	{"a form with a name three times", form("a=1&b=2&a=3&c=4&a=5"), NoDoubt},
	{"a form with names that differ in case", form("a=1&A=2&a=3"), foldDoubt()},
	{"a form with line ends", form("a=1\r\n&b=2\r\n"), NoDoubt},
	{"a form over the limit on arguments", form(many(60, "a=1&")), NoDoubt},
	{"a form as long as the body limit", form(many(20000, "a")), BodyLimit},
	{"a form one byte below the body limit", form(many(19999, "a")), NoDoubt},
	{"a body of a type without a processor", post("text/plain", "a=1"), NoDoubt},
	{"such a body, forced", forced(post("text/plain", "a=1&b")), NoDoubt},
	{"the raw processor", processed("raw", "a=1&b=%20"), NoDoubt},
	{"a processor that does not exist", processed("odd", "x"), ProcessorUnknown},
	{"XML", post("text/xml", "<a b='c'>d</a>"), ProcessorXML},

	{"a JSON object", jsonBody(`{"a":1,"b":{"c":[true,false,null,"x"]},"d":""}`), NoDoubt},
	{"a JSON array", jsonBody(`[1, [2, [3]], {"a": [], "b": {}}, [{}], []]`), NoDoubt},
	{"JSON numbers as they are written", jsonBody(`[0,-0,1.50,1e5,1E+5,-2.5e-10,123456789012345678901234567890]`), NoDoubt},
	{"a JSON string", jsonBody(`"x"`), NoDoubt},
	{"a JSON string with escapes", jsonBody(` "x\u0041\n" `), NoDoubt},
	{"a JSON number", jsonBody("\t12\n"), NoDoubt},
	{"JSON null", jsonBody(`null`), NoDoubt},
	{"JSON true", jsonBody(`true`), NoDoubt},
	{"an empty JSON object", jsonBody(`{}`), NoDoubt},
	{"an empty JSON array", jsonBody(`[ ]`), NoDoubt},
	{"space everywhere in JSON", jsonBody(" { \"a\" : [ 1 , 2 ] , \"b\" : { } } \r\n\t"), NoDoubt},
	{"JSON escapes in names and values", jsonBody(`{"a\"\\\/\b\f\n\r\t\u00e9":"\"\\\/\b\f\n\r\t\u00e9\u0000"}`), NoDoubt},
	{"JSON surrogates", jsonBody(`["\ud83d\ude00","\ud83d","\ude00","\ud83dx","\ud83d\u0041","\ud83d\n","\ud83d\ud83d\ude00","\uD83D\uDE0"]`), JSONInvalid},
	{"JSON surrogates that are no pairs", jsonBody(`["\ud83d\ude00","\ud83d","\ude00","\ud83dx","\ud83d\u0041","\ud83d\n","\ud83d\ud83d\ude00"]`), NoDoubt},
	{"JSON names with dots", jsonBody(`{"a":{"b":"1"},"a.b":"2","a.b":"3","a":["4"],"a.0":"5"}`), NoDoubt},
	{"JSON names that repeat", jsonBody(`{"a":1,"a":2,"A":3}`), NoDoubt},
	{"an empty JSON name", jsonBody(`{"":{"":1}}`), NoDoubt},
	{"JSON with broken UTF-8 and a delete byte", jsonBody("{\"\xff\":\"\xc3(\x7f\"}"), NoDoubt},
	{"JSON with brackets in strings", jsonBody(`{"a":"]}","b":"[{","c\\":"\\"}`), NoDoubt},
	{"JSON as deep as the limit", jsonBody(many(12, "[") + many(12, "]")), NoDoubt},
	{"JSON deeper than the limit", jsonBody(many(13, "[") + many(13, "]")), JSONDepth},
	{"JSON with as many values as the limit", jsonBody("[" + many(49, "1,") + "2]"), NoDoubt},
	{"JSON with more values than the limit", jsonBody("[" + many(50, "1,") + "2]"), JSONArguments},
	{"JSON with an empty object after the last value the limit allows", jsonBody("[" + many(50, "1,") + "{}]"), JSONArguments},
	{"JSON with as many arrays as the limit", jsonBody(`{"a":[` + many(48, "[{}],") + "[{}]]}"), NoDoubt},
	{"JSON with one array more than the limit", jsonBody(`{"a":[` + many(49, "[{}],") + "[{}]]}"), JSONArguments},
	{"JSON with more arrays than the limit", jsonBody(`{"a":[` + many(50, "[{}],") + "[{}]]}"), JSONArguments},
	{"JSON that flattens to 4096 bytes", jsonBody(`{"` + many(401, "x") + `":[1,2,3,4,5,6,7,8,999999999]}`), NoDoubt},
	{"JSON that flattens to 4097 bytes", jsonBody(`{"` + many(401, "x") + `":[1,2,3,4,5,6,7,8,9999999999]}`), JSONBudget},
	{"JSON with long paths", jsonBody(`{"` + many(600, "x") + `":[1,2,3,4,5,6,7,8,9]}`), JSONBudget},
	{"JSON with paths that just fit", jsonBody(`{"` + many(400, "x") + `":[1,2,3,4,5,6,7,8]}`), NoDoubt},
	{"a minus before a word", jsonBody(`[-null]`), JSONInvalid},
	{"a zero before a digit", jsonBody(`[01]`), JSONInvalid},
	{"a number without digits", jsonBody(`[-]`), JSONInvalid},
	{"a fraction without digits", jsonBody(`[1.]`), JSONInvalid},
	{"an exponent without digits", jsonBody(`[1e+]`), JSONInvalid},
	{"a plus before a number", jsonBody(`[+1]`), JSONInvalid},
	{"a comma at the end", jsonBody(`[1,]`), JSONInvalid},
	{"a comma at the end of an object", jsonBody(`{"a":1,}`), JSONInvalid},
	{"no comma", jsonBody(`[1 2]`), JSONInvalid},
	{"no colon", jsonBody(`{"a" 1}`), JSONInvalid},
	{"a name without quotes", jsonBody(`{a:1}`), JSONInvalid},
	{"two JSON texts", jsonBody(`{} {}`), JSONInvalid},
	{"a cut object", jsonBody(`{"a":1`), JSONInvalid},
	{"a cut string", jsonBody(`"a`), JSONInvalid},
	{"a cut escape", jsonBody(`"a\u00`), JSONInvalid},
	{"a backslash at the end", jsonBody(`"a\`), JSONInvalid},
	{"an unknown escape", jsonBody(`"\x41"`), JSONInvalid},
	{"a raw line end in a string", jsonBody("\"a\nb\""), JSONInvalid},
	{"the wrong closing bracket", jsonBody(`[1}`), JSONInvalid},
	{"a byte order mark", jsonBody("\ufeff{}"), JSONInvalid},
	{"no-break space", jsonBody("\u00a0{}"), JSONInvalid},
	{"a word that is none", jsonBody(`[truely]`), JSONInvalid},
	{"only space", jsonBody(`  `), JSONInvalid},
	{"JSON by another media type", post("application/problem+json; charset=utf-8", `{"a":[1]}`), NoDoubt},

	{"a field", upload(fieldPart + "B--|"), NoDoubt},
	{"no line end after the last boundary", upload(fieldPart + "B--"), NoDoubt},
	{"an empty field", upload("B|Content-Disposition: form-data; name=\"a\"||||B--|"), NoDoubt},
	{"a field without even a line", upload("B|Content-Disposition: form-data; name=\"a\"||B--|"), MultipartBoundary},
	{"a field without even a line before another", upload("B|Content-Disposition: form-data; name=\"a\"||" + fieldPart + "B--|"), MultipartBoundary},
	{"two fields of a name, and one more", upload(fieldPart + fieldPart +
		"B|Content-Disposition: form-data; name=c||x|y|B--|"), NoDoubt},
	{"a file", upload(fieldPart + "B|Content-Disposition: form-data; name=\"f\"; filename=\"a b.txt\"|Content-Type: text/plain||" +
		"hello\x00\xff|B--|"), NoDoubt},
	{"an empty file", upload("B|Content-Disposition: form-data; name=\"f\"; filename=\"a.txt\"|Content-Type: text/plain||||B--|"), NoDoubt},
	{"a file input left empty is a field", upload("B|Content-Disposition: form-data; name=\"f\"; filename=\"\"|" +
		"Content-Type: application/octet-stream||||B--|"), NoDoubt},
	{"two files of a name that differ in case", upload(
		"B|Content-Disposition: form-data; name=\"f\"; filename=\"IMAGE\"||12345|" +
			"B|Content-Disposition: form-data; name=\"f\"; filename=\"other\"||1|" +
			"B|Content-Disposition: form-data; name=\"g\"; filename=\"image\"||123|B--|"), NoDoubt},
	{"file names other than ASCII", upload("B|Content-Disposition: form-data; name=\"ü\"; filename=\"Größe Ä.txt\"||1|B--|"), NoDoubt},
	{"headers in odd case and spacing", upload("B|content-disposition:form-data;name=\"a\"|CONTENT-TYPE:   text/plain  |x_y-zz: |X-Empty:||1|B--|"), NoDoubt},
	{"a disposition in odd case and spacing", upload("B|Content-Disposition:  FORM-DATA ;  NAME=\"a\" ; FileName=b.txt ||1|B--|"), NoDoubt},
	{"semicolons and equal signs in a quoted name", upload("B|Content-Disposition: form-data; name=\"a;b=c; filename=d\"||1|B--|"), NoDoubt},
	{"content that looks like a boundary", upload("B|Content-Disposition: form-data; name=\"a\"||--boun|\n--bound|-B--|B--|"), NoDoubt},
	{"a longer word than the boundary in the content", upload("B|Content-Disposition: form-data; name=\"a\"||x|Bx|y|B--|"), MultipartBoundary},
	{"text before the first boundary", upload("hello|" + fieldPart + "B--|"), MultipartBoundary},
	{"text after the last boundary", upload(fieldPart + "B--|bye"), MultipartBoundary},
	{"text on the line of a boundary", upload(fieldPart + "B x|B--|"), MultipartBoundary},
	{"space after a boundary", upload(fieldPart + "B |Content-Disposition: form-data; name=\"b\"||1|B--|"), MultipartBoundary},
	{"no last boundary", upload(fieldPart), MultipartBoundary},
	{"a cut part", upload("B|Content-Disposition: form-data; name=\"a\"||1"), MultipartBoundary},
	{"cut headers", upload("B|Content-Disposition: form-data; name=\"a\""), MultipartHeader},
	{"only the last boundary", upload("B--|"), MultipartBoundary},
	{"line ends without carriage return", post("multipart/form-data; boundary=b",
		"--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n--b--\n"), MultipartBoundary},
	{"a header line that ends in a bare line feed", upload("B|Content-Disposition: form-data; name=\"a\"\nX: y||1|B--|"), MultipartHeader},
	{"a folded disposition", upload("B|Content-Disposition: form-data;| name=\"a\"||1|B--|"), MultipartDisposition},
	{"a folded header", upload("B|Content-Disposition: form-data; name=\"a\"|X: y| z||1|B--|"), MultipartHeader},
	{"a header twice", upload("B|Content-Disposition: form-data; name=\"a\"|X: 1|x: 2||1|B--|"), MultipartHeader},
	{"a header without a colon", upload("B|Content-Disposition: form-data; name=\"a\"|X||1|B--|"), MultipartHeader},
	{"a header name with a space", upload("B|Content-Disposition : form-data; name=\"a\"||1|B--|"), MultipartHeader},
	{"a tab in a header", upload("B|Content-Disposition: form-data;\tname=\"a\"||1|B--|"), MultipartHeader},
	{"a zero byte in a header", upload("B|Content-Disposition: form-data; name=\"a\x00\"||1|B--|"), MultipartHeader},
	{"many headers in a part", upload("B|Content-Disposition: form-data; name=\"a\"|" + manyHeaders(20) + "|1|B--|"), MultipartHeader},
	{"no disposition", upload("B|Content-Type: text/plain||1|B--|"), MultipartDisposition},
	{"no headers", upload("B||1|B--|"), MultipartDisposition},
	{"no name", upload("B|Content-Disposition: form-data||1|B--|"), MultipartDisposition},
	{"an attachment", upload("B|Content-Disposition: attachment; name=\"a\"||1|B--|"), MultipartDisposition},
	{"an extended file name", upload("B|Content-Disposition: form-data; name=\"a\"; filename*=utf-8''x||1|B--|"), MultipartDisposition},
	{"a continued file name", upload("B|Content-Disposition: form-data; name=\"a\"; filename*0=x||1|B--|"), MultipartDisposition},
	{"two file names", upload("B|Content-Disposition: form-data; name=\"a\"; filename=x; filename=y||1|B--|"), MultipartDisposition},
	{"the same file name twice", upload("B|Content-Disposition: form-data; name=\"a\"; filename=x; filename=x||1|B--|"), MultipartDisposition},
	{"a backslash in a file name", upload("B|Content-Disposition: form-data; name=\"a\"; filename=\"c:\\x\\\"y\"||1|B--|"), MultipartDisposition},
	{"a parameter without a value", upload("B|Content-Disposition: form-data; name=;x=y||1|B--|"), MultipartDisposition},
	{"a parameter with a space in its name", upload("B|Content-Disposition: form-data; na me=x||1|B--|"), MultipartDisposition},
	{"a quote that does not end", upload("B|Content-Disposition: form-data; name=\"a||1|B--|"), MultipartDisposition},
	{"a semicolon at the end of a disposition", upload("B|Content-Disposition: form-data; name=\"a\";||1|B--|"), MultipartDisposition},
	{"a name in single quotes", upload("B|Content-Disposition: form-data; name='a'; filename=it's||1|B--|"), NoDoubt},
	{"a quoted-printable part", upload("B|Content-Disposition: form-data; name=\"a\"|Content-Transfer-Encoding: Quoted-Printable||=41|B--|"), MultipartQuotedPrintable},
	{"a binary part", upload("B|Content-Disposition: form-data; name=\"a\"|Content-Transfer-Encoding: binary||=41|B--|"), NoDoubt},
	{"a quoted boundary", post("multipart/form-data; charset=utf-8; boundary=\"b d\"",
		"--b d\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b d--\r\n"), NoDoubt},
	{"a boundary that ends in hyphens", post("Multipart/Form-Data ; boundary=b--",
		"--b--\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b----\r\n"), NoDoubt},
	{"two boundaries", post("multipart/form-data; boundary=b; boundary=b", "--b--\r\n"), MultipartType},
	{"an empty boundary before another", post("multipart/form-data; boundary=\"\"; boundary=b",
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n"), MultipartType},
	{"no boundary", post("multipart/form-data", "--b--\r\n"), MultipartType},
	{"a line end in the boundary", post("multipart/form-data; boundary=\"b\rc\"", "--b\rc--\r\n"), MultipartType},
	{"a long boundary", post("multipart/form-data; boundary="+many(71, "b"), "--b--\r\n"), MultipartType},
	{"another multipart type", post("multipart/form-data-x; boundary=b", "--b--\r\n"), MultipartType},
	{"the processor without the type", processed("multipart", "--b--\r\n"), MultipartType},
	{"many files", upload(manyFiles(70) + "B--|"), MultipartParts},

	{"a response", response("text/html; charset=utf-8", "", "<html>"), NoDoubt},
	{"a response without a body", response("text/html", "", ""), NoDoubt},
	{"a response of a type that is not read", response("image/png", "", "x"), NoDoubt},
	{"a response type in capitals is not read", response("TEXT/HTML", "", "x"), NoDoubt},
	{"space behind a response type", response("text/html ; x", "", "x"), NoDoubt},
	{"a JSON response, read as text", response("application/json", "", `{"a":1}`), NoDoubt},
	{"a JSON response, read as JSON", response("application/json", "json", `{"a":[1,{"b":"c"}],"A":[2]}`), NoDoubt},
	{"a broken JSON response", response("application/json", "json", `{"a":[1`), JSONInvalid},
	{"an empty JSON response", response("application/json", "json", ``), JSONInvalid},
	{"a deep JSON response", response("application/json", "json", `[[[[[[1]]]]]]`), JSONDepth},
	{"a response read by a processor that does nothing", response("text/html", "raw", "x"), NoDoubt},
	{"a response as long as the limit", response("text/html", "", many(20000, "x")), BodyLimit},
	{"headers of a response that repeat", exchange{
		method: "GET", uri: "/", protocol: "HTTP/3", status: 302,
		responseHeaders: []header{{"", "x"}, {"A", "1"}, {"a", "2"}, {"content-type", "x;y"}, {"Content-Type", "z"}},
	}, NoDoubt},
}

// foldDoubt is what a build that does not tell "a" and "A" apart makes of a form with both.
func foldDoubt() Doubt {
	if caseSensitiveArgs {
		return NoDoubt
	}
	return FormNamesFold
}

func manyHeaders(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: y|", i)
	}
	return b.String()
}

func manyFiles(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "B|Content-Disposition: form-data; name=\"f\"; filename=\"%d\"||1|", i)
	}
	return b.String()
}

func TestTheParserSeesWhatCorazaSees(t *testing.T) {
	o := newOracle(t, testLimits)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.doubt.String(), o.compare(t, &c.x).String())
		})
	}
	o.log(t)
}

func TestEachVariableOfCorazaIsEitherReadFromTheExchangeOrNot(t *testing.T) {
	unread := []string{
		"DURATION", "ENV", "FILES_TMPNAMES", "GEO", "HIGHEST_SEVERITY", "MATCHED_VAR", "MATCHED_VARS",
		"MATCHED_VARS_NAMES", "MATCHED_VAR_NAME", "RULE", "TIME", "TIME_DAY", "TIME_EPOCH", "TIME_HOUR", "TIME_MIN",
		"TIME_MON", "TIME_SEC", "TIME_WDAY", "TIME_YEAR", "TX", "UNIQUE_ID", "UNKNOWN",
	}
	var missing []string
	known := 0
	for v := range 256 {
		name := variables.RuleVariable(v).Name()
		if name == "INVALID_VARIABLE" {
			continue
		}
		if _, ok := Kinds(strings.ToLower(name)); ok {
			known++
		} else {
			missing = append(missing, name)
		}
	}
	require.ElementsMatch(t, unread, missing)
	require.Len(t, kindsByName, known)
}

func TestElementsBeginWithOneOfEachSingleKind(t *testing.T) {
	p := New(testLimits, nil)
	p.URI("/a?b=c", "GET", "HTTP/1.1")
	for k := range Kind(singles) {
		require.True(t, k.Single())
		require.Equal(t, k, p.Elements()[k].Kind)
		require.Equal(t, p.Elements()[k].Value, p.Value(k))
	}
	require.False(t, ArgsGet.Single())
	require.Equal(t, []Element{{ArgsGet, "b", "c"}, {ArgsGetNames, "b", "b"}}, p.Elements()[singles:])
}

func TestChangedNamesTheSingleKindsWithAnotherValue(t *testing.T) {
	p := New(testLimits, nil)
	p.URI("/a?b=c", "GET", "HTTP/1.1")
	require.Equal(t, SetOf(RequestMethod, RequestProtocol, RequestURIRaw, RequestLine, RequestURI, RequestFilename,
		RequestBasename, QueryString, ArgsCombinedSize), p.Changed())
	require.Zero(t, p.Changed())
	p.RequestHeader("Content-Type", "application/x-www-form-urlencoded")
	require.True(t, p.Changed().Has(ReqbodyProcessor))
	p.RequestProcessor("URLENCODED")
	require.Zero(t, p.Changed())
	require.Equal(t, NoDoubt, p.RequestBody("d=e", false))
	require.Equal(t, SetOf(RequestBody, RequestBodyLength, ArgsCombinedSize), p.Changed())
	p.Reset()
	require.Zero(t, p.Changed())
	require.Len(t, p.Elements(), singles)
}

func TestRepeatedNamesTheKindsWhoseNamesUpsetCorazasCache(t *testing.T) {
	p := New(testLimits, nil)
	for _, c := range []struct {
		name string
		x    exchange
		want Set
	}{
		{"nothing repeats", form("a=1&b=2"), 0},
		{"a name of the form repeats", form("a=1&b=2&a=3"), SetOf(ArgsPost)},
		{"cookies that differ in case are two", get("/", header{"Cookie", "a=1; A=2"}), 0},
		{"a name of the query may repeat", get("/?a=1&a=2"), 0},
		{"the empty name of the query may not", get("/?=1&=2"), SetOf(ArgsGet)},
		{"a cookie repeats", get("/", header{"Cookie", "a=1; a=2"}), SetOf(RequestCookies)},
		{"a header repeats", get("/", header{"A", "1"}, header{"A", "2"}), SetOf(RequestHeaders)},
		{"a header and a cookie of one name", get("/", header{"A", "1"}, header{"Cookie", "A=2"}), 0},
		{"names of JSON meet", jsonBody(`{"a.b":1,"a":{"b":2}}`), SetOf(ArgsPost)},
		{"a part has one header each", upload(fieldPart + "B--|"), 0},
		{"a part has two headers", upload("B|Content-Disposition: form-data; name=\"a\"|X: y||1|B--|"), SetOf(MultipartPartHeaders)},
		{"fifty names", form(numbered(50)), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.Reset()
			p.URI(c.x.uri, c.x.method, c.x.protocol)
			for _, h := range c.x.headers {
				p.RequestHeader(h.name, h.value)
				if h.value == "application/json" {
					p.RequestProcessor("JSON")
				}
			}
			require.Equal(t, NoDoubt, p.RequestBody(c.x.body, false))
			require.Equal(t, c.want, p.Repeated())
		})
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "n%d=1&", i)
	}
	return b.String()
}

func TestRepeatedStillWorksWhenItsTableGrows(t *testing.T) {
	p := New(wideLimits, nil)
	for _, n := range []int{100, 126, 127, 128, 129, 500, 900} {
		p.Reset()
		p.RequestProcessor("URLENCODED")
		require.Equal(t, NoDoubt, p.RequestBody(numbered(n), false))
		require.Zero(t, p.Repeated())
		p.Reset()
		p.RequestProcessor("URLENCODED")
		require.Equal(t, NoDoubt, p.RequestBody(numbered(n)+"n0=2", false))
		require.Equal(t, SetOf(ArgsPost), p.Repeated())
	}
}

func TestArgumentsAloneMayTellLettersApart(t *testing.T) {
	require.Equal(t, caseSensitiveArgs, ArgsGet.CaseSensitive())
	require.Equal(t, caseSensitiveArgs, ArgsPostNames.CaseSensitive())
	require.False(t, RequestHeaders.CaseSensitive())
	require.False(t, ResponseArgs.CaseSensitive())
}

func TestNamesFoldFindsNamesThatDifferInCaseOnly(t *testing.T) {
	require.False(t, namesFold(nil))
	require.False(t, namesFold([]Element{{ArgsPost, "a", "1"}, {ArgsPostNames, "a", "a"}, {ArgsPost, "b", "2"}}))
	require.True(t, namesFold([]Element{{ArgsPost, "a", "1"}, {ArgsPost, "b", "2"}, {ArgsPost, "A", "3"}}))
}

func TestAResponseProcessorThatCorazaDoesNotHaveIsADoubt(t *testing.T) {
	p := New(testLimits, nil)
	p.ResponseProcessor("ODD")
	require.Equal(t, ProcessorUnknown, p.ResponseBody("x"))
}

func TestNameIsComparesAsCorazaDoes(t *testing.T) {
	for _, name := range []string{"", "a", "A", "host", "HOST", "hosts", "ho\u017ft", "\u212a", "K", "k", "\u0130", "\xff", "\xffA", "a\u212a"} {
		for _, lower := range []string{"", "a", "host", "k", "i\u0307", "\ufffd", "\ufffda", "ak"} {
			require.Equal(t, strings.ToLower(name) == lower, NameIs(name, lower), "%q %q", name, lower)
		}
	}
}

func TestDoubtsAndKindsHaveNames(t *testing.T) {
	known := map[string]bool{}
	for d := range doubtCount {
		require.NotEmpty(t, d.String())
		require.False(t, known[d.String()])
		known[d.String()] = true
	}
	for k := range kindCount {
		require.NotEmpty(t, k.String(), int(k))
	}
}

func TestElementsStayValidAfterReset(t *testing.T) {
	p := New(testLimits, nil)
	p.URI("/?a=%41&b=x+y", "GET", "HTTP/1.1")
	kept := append([]Element(nil), p.Elements()...)
	text := fmt.Sprint(kept)
	for range 100 {
		p.Reset()
		p.URI("/%7a?z=%5a%5a", "POST", "HTTP/1.0")
	}
	require.Equal(t, text, fmt.Sprint(kept))
}
