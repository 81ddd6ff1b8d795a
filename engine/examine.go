package engine

import (
	"slices"
	"strings"

	"tabard/engine/coding"
	"tabard/engine/graphql"
	"tabard/engine/ijson"
	"tabard/engine/mime"
	"tabard/engine/multipart"
	"tabard/engine/screen"
	"tabard/engine/upload"
	"tabard/engine/xmldoc"
)

// What the engine finds in a body is a TX variable that is set only then, with a
// sentence for the log as its value. Rules of rules/api and rules/upload judge
// it; which of them are asked is the policy's.
const (
	foundCoding    = "tabard_coding"
	foundJSON      = "tabard_json"
	foundGraphQL   = "tabard_graphql"
	foundXML       = "tabard_xml"
	foundMultipart = "tabard_multipart"
	foundNested    = "tabard_nested"
	foundSchema    = "tabard_schema"
	foundUpload    = "tabard_upload_" // and one of upload.Names
)

// foundNames are the variables that phase 2 may have.
func foundNames() []string {
	names := []string{foundCoding, foundJSON, foundGraphQL, foundXML, foundMultipart, foundNested, foundSchema}
	for _, name := range upload.Names {
		names = append(names, foundUpload+name)
	}
	return names
}

// examination is what was found in a request before phase 2. The fast path and
// Coraza are given the same.
type examination struct {
	found []screen.TXVar
	// nested are the values inside of other values, as further arguments.
	nested nested
}

func (e *examination) find(name, what string) {
	e.found = append(e.found, screen.TXVar{Name: name, Value: what})
}

// examine looks at the request before phase 2 judges it. It may refuse a body
// that is over its limit once its coding is off.
func (x *Exchange) examine() {
	s := &x.variant.settings
	if s.nested() {
		x.nested.query(requestQuery(x.request.Target))
		for _, line := range x.request.Headers {
			if strings.EqualFold(line[0], "cookie") {
				x.nested.cookies(line[1])
			}
		}
	}
	if len(x.requestBody.kept) > 0 && x.decode(s) {
		x.examineBody(s, string(x.requestBody.kept))
	}
	if s.graphQL.limits() {
		x.examineQuery(s.graphQL, requestQuery(x.request.Target))
	}
	if x.variant.check != nil {
		x.examineSchema(x.variant.check)
	}
	if x.nested.over {
		x.find(foundNested, "more values inside of values than are inspected")
	}
}

// requestQuery is the target's query as sent.
func requestQuery(target string) string {
	_, query, _ := strings.Cut(target, "?")
	return query
}

// decode takes the Content-Encoding off. false means that there is no body to
// look at: it is refused, or cannot be read.
func (x *Exchange) decode(s *settings) bool {
	var fields []string
	for _, line := range x.request.Headers {
		if strings.EqualFold(line[0], "content-encoding") {
			fields = append(fields, line[1])
		}
	}
	name, err := coding.Coding(strings.Join(fields, ","))
	if err == nil && name == "" {
		return true
	}
	var body []byte
	if err == nil && !slices.Contains(s.requestBody.Encodings, name) {
		err = coding.ErrUnknown
	}
	if err == nil {
		body, err = coding.Decode(name, x.requestBody.kept, s.requestBody.LimitBytes)
	}
	if err != nil {
		x.find(foundCoding, err.Error())
		x.requestBody.skipped = Skip{SkipEncoding, x.requestBody.bytes}
		return false
	}
	x.requestBody.kept = body
	if over := len(body) - s.requestBody.LimitBytes; over > 0 {
		x.requestBody.skipped = Skip{SkipLimit, int64(over)}
		return s.requestBody.OverLimit != OverLimitReject || !x.refuse(ReasonBodyLimit, 413)
	}
	return true
}

// examineBody looks at a body by what its Content-Type, the first one, says.
func (x *Exchange) examineBody(s *settings, body string) {
	contentType := x.request.Headers.Get("content-type")
	t, _ := mime.Parse(contentType)
	switch essence := t.Essence(); {
	case essence == "application/x-www-form-urlencoded":
		if s.nested() {
			x.nested.query(body)
		}
		if s.graphQL.limits() {
			x.examineQuery(s.graphQL, body)
		}
	case t.Type == "multipart":
		x.examineMultipart(s, contentType, body)
	case essence == "application/json", essence == "text/json", t.Suffix() == "json":
		x.examineJSON(s, body)
	case essence == "application/xml", essence == "text/xml", t.Suffix() == "xml":
		x.examineXML(s, body)
	case essence == "application/graphql":
		if s.graphQL.limits() {
			x.judgeGraphQL(s.graphQL, graphql.Measure(body))
		}
	default:
		x.examineOther(s, t, body)
	}
}

// examineOther looks at a body of a type that is not taken apart: a function that
// asks nobody for the type may read it as JSON, and it may be a file as a whole.
func (x *Exchange) examineOther(s *settings, t mime.Type, body string) {
	if s.nested() {
		x.nested.value("body", body)
	}
	if t.Type != "text" && s.uploads.Check {
		judge := upload.NewJudge(s.uploadLimits)
		judge.Begin(multipart.Part{IsFile: true, ContentType: x.request.Headers.Get("content-type")})
		judge.Data([]byte(body))
		judge.End()
		x.takeUploads(s, judge)
	}
}

// examineMultipart takes an upload apart when its files or the values in its
// fields are of interest.
func (x *Exchange) examineMultipart(s *settings, contentType, body string) {
	if !s.uploads.Check && !((s.nested() || s.graphQL.limits()) && mayHoldJSON(body)) {
		return
	}
	judge := upload.NewJudge(s.uploadLimits)
	judge.Field = func(name, content string) { x.examineField(s, name, content) }
	parser := multipart.New(contentType, s.uploads.MaxParts, judge)
	_, _ = parser.Write([]byte(body)) // it never fails
	problem := parser.Close()
	if !s.uploads.Check {
		return
	}
	if problem != multipart.OK {
		x.find(foundMultipart, problem.String())
	}
	x.takeUploads(s, judge)
}

// examineField looks into a field of a multipart body. A GraphQL request with
// files has its JSON in the field operations.
func (x *Exchange) examineField(s *settings, name, content string) {
	if s.nested() {
		x.nested.value(name, content)
	}
	switch {
	case !s.graphQL.limits():
	case name == "operations":
		x.examineGraphQLBody(s.graphQL, content)
	case name == "query" && strings.Contains(content, "{"):
		x.judgeGraphQL(s.graphQL, graphql.Measure(content))
	}
}

// takeUploads keeps what the route does not allow.
func (x *Exchange) takeUploads(s *settings, judge *upload.Judge) {
	for i, what := range judge.Found {
		if what != "" && !slices.Contains(s.uploads.Allow, upload.Names[i]) {
			x.find(foundUpload+upload.Names[i], what)
		}
	}
}

func (x *Exchange) examineJSON(s *settings, body string) {
	if s.json.Strict {
		if problem := ijson.Check(body, s.json.MaxDepth); problem != ijson.OK {
			x.find(foundJSON, problem.String())
		}
	}
	if s.nested() && mayHoldJSON(body[min(1, len(body)):]) {
		x.nested.json(body)
	}
	if s.graphQL.limits() {
		x.examineGraphQLBody(s.graphQL, body)
	}
}

// examineXML looks for declarations, and gives attributes to the rules for
// arguments: of CRS's rules for XML, one in twelve looks at attributes.
func (x *Exchange) examineXML(s *settings, body string) {
	if !s.nested() && !s.usesAPI() {
		return
	}
	d := xmldoc.Read(body)
	if d.Declares != "" {
		x.find(foundXML, "a document type with "+d.Declares)
	}
	if s.nested() {
		for _, a := range d.Attributes {
			x.nested.add("xml.@"+a.Name, a.Value)
		}
	}
}
