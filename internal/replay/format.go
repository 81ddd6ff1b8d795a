package replay

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"tabard/internal/capture"
)

// Format is the name of a kind of source.
type Format string

const (
	// HAR is the HTTP Archive format, 1.1 and 1.2, as browsers export it.
	HAR Format = "har"
	// NDJSON has one JSON object a line.
	NDJSON Format = "ndjson"
	// AccessLog is the common or combined format of nginx and Apache.
	AccessLog Format = "log"
	// HTTP holds HTTP/1.x request messages, one behind the other.
	HTTP Format = "http"
	// JSONLog is an access log in JSON, whose keys are known by their names.
	JSONLog Format = "jsonlog"
	// EnvoyLog is Envoy's default access log.
	EnvoyLog Format = "envoy"
	// W3C is the W3C extended log format, of CloudFront and IIS.
	W3C Format = "w3c"
	// ALB is the log of AWS's load balancers.
	ALB Format = "alb"
	// APIGateway is the log of AWS's API Gateway in CSV or XML.
	APIGateway Format = "apigateway"
	// AWSWAF is the log of AWS WAF.
	AWSWAF Format = "awswaf"
	// OTLP has OpenTelemetry log records.
	OTLP Format = "otlp"
	// Audit is the native audit log of ModSecurity and Coraza.
	Audit Format = "audit"
	// AuditJSON is their audit log in JSON.
	AuditJSON Format = "auditjson"
	// Curl has curl commands.
	Curl Format = "curl"
	// FTW has the tests of the Core Rule Set.
	FTW Format = "ftw"
	// Pcap is a packet capture, pcap or pcapng.
	Pcap Format = "pcap"
	// GoTestWAF has test cases of gotestwaf.
	GoTestWAF Format = "gotestwaf"
)

// empty is the format of a source without a byte in it.
const empty Format = "empty"

// source is what a Reader is made of.
type source struct {
	r    *bufio.Reader
	name string
	host string
}

// kind is one format: how it is known and read.
type kind struct {
	name Format
	// help says what it is, for people, and what it cannot know.
	help string
	// magic are the first bytes of a binary format.
	magic []string
	// line says that a first line is of this format. The kinds are asked in
	// their order. text is asked for the start of a source whose first line
	// nobody knows.
	line, text func([]byte) bool
	// lines says that each entry is a line, so that a file can be cut anywhere.
	lines bool
	open  func(source) (Reader, error)
}

// kinds are all formats, in the order in which they are asked. A raw request is
// known by its first line only, because texts about HTTP have such lines, too.
var kinds = []kind{
	{name: HAR, line: isHARLine, text: isHARText, open: openHAR,
		help: "HTTP Archive 1.1 and 1.2, as browsers export it; knows no client"},
	{name: Pcap, magic: capture.Magics, open: openPcap,
		help: "packet captures, pcap and pcapng: HTTP/1 and HTTP/2 without TLS"},
	{name: AWSWAF, lines: true, line: func(l []byte) bool { return hasKeys(l, "httpRequest", "webaclId") }, open: jsonLinesOf(parseAWSWAF),
		help: "AWS WAF's logs: all headers but the redacted ones, no body"},
	{name: OTLP, lines: true, line: isOTLPLine, open: openOTLP,
		help: "OpenTelemetry log records as OTLP JSON: what their attributes tell"},
	{name: AuditJSON, lines: true, line: isAuditJSONLine, open: openAuditJSON,
		help: "audit logs of ModSecurity 2 and 3 and Coraza in JSON; headers lose their order"},
	{name: Audit, line: isAuditLine, open: openAudit,
		help: "audit logs of ModSecurity 2 and 3 and Coraza in the native format"},
	{name: HTTP, line: func(l []byte) bool { return isRequestLine(string(l)) }, open: openHTTP,
		help: "raw HTTP/1.x requests, one behind the other, as they were sent; knows no client"},
	{name: Curl, line: isCurlLine, open: openCurl,
		help: "curl commands; what they read from files is not known"},
	{name: W3C, line: isW3CLine, open: openW3C,
		help: "CloudFront's and IIS's logs, W3C extended: few headers, no body, paths rewritten"},
	{name: ALB, lines: true, line: isALBLine, open: linesOf(parseALB),
		help: "AWS load balancers' logs, Application and Classic: few headers, no body"},
	{name: EnvoyLog, lines: true, line: isEnvoyLine, open: linesOf(parseEnvoy),
		help: "Envoy's and Istio's default text log: few headers, no body"},
	{name: APIGateway, lines: true, line: isAPIGatewayLine, open: linesOf(parseAPIGateway),
		help: "API Gateway's logs in CSV or XML: a path template, no query, headers or body"},
	{name: AccessLog, lines: true, line: isLogLine, open: linesOf(parseAccessLog),
		help: "access logs of nginx and Apache, common or combined: few headers, no body"},
	{name: JSONLog, lines: true, line: isJSONLogLine, text: isJSONLogText, open: jsonLinesOf(parseJSONLog),
		help: "access logs in JSON (Envoy, nginx, Caddy, Traefik, API Gateway, ...), by the keys' names"},
	{name: FTW, text: isFTWText, open: openFTW,
		help: "the YAML tests of the Core Rule Set, 2.3 and 3.0"},
	{name: GoTestWAF, text: isGoTestWAFText, open: openGoTestWAF,
		help: "gotestwaf's YAML: each payload, encoder and placeholder"},
	{name: NDJSON, lines: true, line: isNDJSONLine, text: func(start []byte) bool { return start[0] == '{' }, open: openNDJSON,
		help: "one JSON object a line, see below"},
}

// Formats returns the names of every format.
func Formats() []Format {
	names := make([]Format, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// FormatHelp returns a line for each format, for help texts.
func FormatHelp() string {
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "  %-11s %s\n", k.name, k.help)
	}
	return b.String()
}

func formatNames() string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k.name)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// kindOf finds a format by its name.
func kindOf(f Format) (kind, bool) {
	if f == empty {
		return kind{open: func(source) (Reader, error) { return emptyReader{}, nil }}, true
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == f })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

type emptyReader struct{}

func (emptyReader) Next() (Record, error) { return Record{}, io.EOF }

// linesOf opens a format with one entry a line.
func linesOf(parse func(line, host string) (Entry, error)) func(source) (Reader, error) {
	return func(s source) (Reader, error) {
		return &lineRecords{lines: s.lines(), parse: func(text []byte, _ Position) (Entry, error) {
			return parse(string(text), s.host)
		}}, nil
	}
}

// jsonLinesOf is the same for what is parsed from bytes.
func jsonLinesOf(parse func(text []byte, host string) (Entry, error)) func(source) (Reader, error) {
	return func(s source) (Reader, error) {
		return &lineRecords{lines: s.lines(), parse: func(text []byte, _ Position) (Entry, error) {
			return parse(text, s.host)
		}}, nil
	}
}

func (s source) lines() *lineReader { return &lineReader{r: s.r, file: s.name} }

func openHAR(s source) (Reader, error) {
	return &harReader{json: jsonScanner{r: s.r}, file: s.name}, nil
}

func openNDJSON(s source) (Reader, error) {
	return &lineRecords{lines: s.lines(), parse: parseNDJSON}, nil
}

func openHTTP(s source) (Reader, error) { return &httpReader{lines: s.lines()}, nil }
