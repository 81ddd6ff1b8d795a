package ftw

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Backend gives the answer of the server that the tests of CRS are written
// for, albedo: what a POST to /reflect asks for in its body, and an empty 200
// to everything else. A Content-Type that is not asked for is what net/http
// would find out.
func Backend(m Message) Response {
	path, _, _ := strings.Cut(m.Target, "?")
	if u, err := url.Parse(m.Target); err == nil {
		path = u.Path
	}
	if m.Method != http.MethodPost || path != reflectPath && !strings.HasPrefix(path, reflectPath+"/") {
		return Response{Status: http.StatusOK}
	}
	return reflection(m.Body)
}

// reflectPath is where albedo answers what it is asked to.
const reflectPath = "/reflect"

// wanted is the body of a request to reflectPath.
type wanted struct {
	Status      int               `json:"status"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
	EncodedBody []byte            `json:"encodedBody"` // base64, as encoding/json has it
}

func reflection(body []byte) Response {
	var w wanted
	if err := json.Unmarshal(body, &w); err != nil {
		return refusal("Invalid JSON in request body")
	}
	if w.Status != 0 && (w.Status < 100 || w.Status > 599) {
		return refusal("Invalid status code")
	}
	r := Response{Status: w.Status, Body: w.EncodedBody}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	if w.Body != "" {
		r.Body = []byte(w.Body)
	}
	for name, value := range w.Headers {
		r.Headers = append(r.Headers, Header{name, value})
	}
	slices.SortFunc(r.Headers, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	return r.typed()
}

func refusal(text string) Response {
	return Response{Status: http.StatusBadRequest, Body: []byte(text)}.typed()
}

// typed has a Content-Type when there is a body.
func (r Response) typed() Response {
	if len(r.Body) > 0 && headerIndex(r.Headers, "Content-Type") < 0 {
		r.Headers = append(r.Headers, Header{"Content-Type", http.DetectContentType(r.Body)})
	}
	return r
}

// Answer is what the backend answers: what the stage says, or else what
// Backend does.
func (in Input) Answer(m Message) Response {
	if in.Response != nil {
		return in.Response.typed()
	}
	return Backend(m)
}
