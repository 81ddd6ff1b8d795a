package openapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Schemas for what a caller shows in Authorization (RFC 9110, section 11.4).
const (
	bearerSchema = "security.bearer"
	basicSchema  = "security.basic"
)

// security takes what a caller has to show. Where a description leaves a choice,
// none is asked for.
func (w *writer) security(r *route, q *request, operation *openapi3.Operation) {
	choices := w.doc.Security
	if operation.Security != nil {
		choices = *operation.Security
	}
	if len(choices) == 0 || slices.ContainsFunc(choices, func(c openapi3.SecurityRequirement) bool { return len(c) == 0 }) {
		return
	}
	if len(choices) > 1 {
		w.schemas.note(r.Name, "who calls: there are several ways to show it")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(choices[0])) {
		if ref := w.doc.Components.SecuritySchemes[name]; ref != nil && ref.Value != nil {
			w.scheme(r, q, name, ref.Value)
		}
	}
}

func (w *writer) scheme(r *route, q *request, name string, s *openapi3.SecurityScheme) {
	authorization := parameter{Name: "Authorization", In: "header", Required: true}
	switch {
	case s.Type == "http" && strings.EqualFold(s.Scheme, "bearer") && strings.EqualFold(s.BearerFormat, "jwt"):
		r.JWT = &jwt{Mode: "required"}
		return
	case s.Type == "http" && strings.EqualFold(s.Scheme, "bearer"), s.Type == "oauth2", s.Type == "openIdConnect":
		authorization.Schema = w.schemas.addText(bearerSchema, `{"pattern": "^(?i:bearer) +[A-Za-z0-9._~+/-]+=*$"}`)
	case s.Type == "http" && strings.EqualFold(s.Scheme, "basic"):
		authorization.Schema = w.schemas.addText(basicSchema, `{"pattern": "^(?i:basic) +[A-Za-z0-9+/]+=*$"}`)
	case s.Type == "apiKey":
		authorization = parameter{Name: s.Name, In: s.In, Required: true}
		if s.In == "query" {
			authorization.In = ""
		}
	default:
		w.schemas.note(r.Name, "the security scheme "+name)
		return
	}
	q.Parameters = append(q.Parameters, authorization)
}
