package openapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// routes are those of one path, a route a method.
func (w *writer) routes(path string) (out []route) {
	item := w.doc.Paths.Value(path)
	operations := item.Operations()
	for _, method := range slices.Sorted(maps.Keys(operations)) {
		operation := operations[method]
		r := route{Name: routeName(operation.OperationID), Methods: []string{method}}
		if r.Name == "" {
			r.Name = routeName(strings.ToLower(method) + " " + path)
		}
		if method == "GET" && operations["HEAD"] == nil {
			r.Methods = append(r.Methods, "HEAD") // RFC 9110, section 9.3.2
		}
		for _, m := range r.Methods {
			w.methods[m] = true
		}
		if operation.Servers != nil || len(item.Servers) > 0 {
			w.schemas.note(r.Name, "servers of its own")
		}
		template, parts := wholeSegments(path)
		r.Path = w.base + template
		var q request
		w.security(&r, &q, operation)
		w.parameters(&r, &q, slices.Concat(item.Parameters, operation.Parameters), parts)
		w.body(&r, &q, operation.RequestBody)
		if q.Body != "" || q.BodyRequired || len(q.Parameters) > 0 {
			r.Schema = &q
		}
		out = append(out, r)
	}
	return out
}

// body takes the media types, and the schema of the first that is JSON.
func (w *writer) body(r *route, q *request, ref *openapi3.RequestBodyRef) {
	if ref == nil || ref.Value == nil {
		return
	}
	q.BodyRequired = ref.Value.Required
	for _, mediaType := range slices.Sorted(maps.Keys(ref.Value.Content)) {
		plain, _, _ := strings.Cut(mediaType, ";")
		r.ContentTypes = append(r.ContentTypes, strings.TrimSpace(plain))
		schema := ref.Value.Content[mediaType].Schema
		switch {
		case schema == nil:
		case !isJSON(plain):
			w.schemas.note(r.Name, "bodies of type "+plain)
		case q.Body != "":
			w.schemas.note(r.Name, "the schema of "+plain+": that of another JSON type is taken for both")
		default:
			q.Body = w.schemas.add(r.Name+".body", schema)
		}
	}
}

func isJSON(mediaType string) bool {
	return mediaType == "application/json" || mediaType == "text/json" || strings.HasSuffix(mediaType, "+json")
}

// parameters takes those of the path and of the operation, which win. parts are
// variables that are no whole segment.
func (w *writer) parameters(r *route, q *request, list openapi3.Parameters, parts []string) {
	last := map[string]int{}
	for i, ref := range list {
		last[ref.Value.In+" "+ref.Value.Name] = i
	}
	for i, ref := range list {
		p := ref.Value
		ignored := p.In == "header" && slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(p.Name))
		if last[p.In+" "+p.Name] != i || ignored {
			continue
		}
		if out, ok := w.parameter(r, p, parts); ok {
			q.Parameters = append(q.Parameters, out)
		}
	}
}

func (w *writer) parameter(r *route, p *openapi3.Parameter, parts []string) (out parameter, ok bool) {
	place := r.Name + ": " + p.In + " " + p.Name
	if p.In == "path" && slices.Contains(parts, p.Name) {
		w.schemas.note(place, "a part of a segment")
		return out, false
	}
	out = parameter{Name: p.Name, In: p.In, Required: p.Required}
	if p.In == "query" {
		out.In = "" // the default
	}
	list, known := listOf(p)
	switch {
	case p.Schema == nil:
		w.schemas.note(place, "a value that is described by content")
	case isObject(p.Schema):
		w.schemas.note(place, "an object")
		return out, false
	case !known:
		w.schemas.note(place, "a list in the style "+p.Style)
	default:
		out.List = list
		out.Schema = w.schemas.add(r.Name+"."+p.Name, p.Schema)
	}
	return out, true
}

// listOf says how the values of a list are written; known is false for styles
// that the policy has no word for.
func listOf(p *openapi3.Parameter) (list string, known bool) {
	if p.Schema == nil || p.Schema.Value == nil || !p.Schema.Value.Type.Includes("array") {
		return "", true
	}
	form := p.Style == "" || p.Style == "form"
	switch explode := p.Explode == nil || *p.Explode; {
	case p.In == "query" && form && explode:
		return "repeat", true
	case p.In == "query" && form, p.In != "query" && (p.Style == "" || p.Style == "simple"):
		return "comma", true
	}
	return "", false
}

func isObject(ref *openapi3.SchemaRef) bool {
	return ref.Value != nil && ref.Value.Type.Includes("object")
}
