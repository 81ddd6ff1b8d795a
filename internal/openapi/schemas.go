package openapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// componentPrefix begins the references of a description to its own schemas.
const componentPrefix = "#/components/schemas/"

// schemas collects those that the policy needs, in the form that engine/schema
// takes.
type schemas struct {
	doc   *openapi3.T
	out   map[string]any
	notes []string
}

func newSchemas(doc *openapi3.T) *schemas { return &schemas{doc: doc, out: map[string]any{}} }

// note says what is not checked, and where.
func (s *schemas) note(place, what string) {
	if note := place + ": " + what; !slices.Contains(s.notes, note) {
		s.notes = append(s.notes, note)
	}
}

// add returns the name of a schema: that of a component, or the one given.
func (s *schemas) add(name string, ref *openapi3.SchemaRef) string {
	if component, ok := strings.CutPrefix(ref.Ref, componentPrefix); ok {
		s.component(component)
		return component
	}
	s.out[name] = s.convert(asMap(ref), name)
	return name
}

func (s *schemas) addText(name, text string) string {
	s.out[name] = json.RawMessage(text)
	return name
}

// component takes a schema of the description in, with all that it refers to.
func (s *schemas) component(name string) {
	if _, done := s.out[name]; done {
		return
	}
	s.out[name] = true // against schemas that refer to themselves
	if ref := s.doc.Components.Schemas[name]; ref != nil {
		s.out[name] = s.convert(asMap(ref), name)
	}
}

// asMap is the schema as it was written, as far as this version of OpenAPI goes.
func asMap(ref *openapi3.SchemaRef) any {
	text, err := json.Marshal(ref)
	if err != nil {
		return true // Validate has read it
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // a bound of 64 bits keeps its digits
	var out any
	if d.Decode(&out) != nil {
		return true
	}
	return out
}

// Keywords by what becomes of them; all others are noted.
var (
	keptKeywords = words(`type enum const minimum maximum multipleOf minLength maxLength minItems maxItems uniqueItems
		minProperties maxProperties required`)
	partKeywords = words(`items not additionalProperties`)
	listKeywords = words(`allOf anyOf oneOf`)
	// They describe and do not restrict, or are read elsewhere in this file.
	saidElsewhere = words(`title description default example examples deprecated readOnly writeOnly xml externalDocs
		discriminator $comment nullable exclusiveMinimum exclusiveMaximum pattern format properties $schema $id`)
	// knownFormats are those of engine/schema.
	knownFormats = words(`date-time date uuid ipv4 ipv6 email uri byte int32 int64`)
)

func words(text string) []string { return strings.Fields(text) }

func (s *schemas) convert(v any, place string) any {
	in, ok := v.(map[string]any)
	if !ok {
		return v // true or false
	}
	if ref, ok := in["$ref"].(string); ok {
		return s.reference(ref, place)
	}
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		switch {
		case slices.Contains(keptKeywords, key):
			out[key] = in[key]
		case slices.Contains(partKeywords, key):
			out[key] = s.convert(in[key], place)
		case slices.Contains(listKeywords, key):
			out[key] = s.list(in[key], place)
		case !slices.Contains(saidElsewhere, key) && !strings.HasPrefix(key, "x-"):
			s.note(place, "the keyword "+key)
		}
	}
	s.bounds(in, out)
	s.texts(in, out, place)
	s.members(in, out, place)
	return nullable(in, out)
}

func (s *schemas) reference(ref, place string) any {
	name, ok := strings.CutPrefix(ref, componentPrefix)
	if !ok {
		s.note(place, "the reference "+ref)
		return true
	}
	s.component(name)
	return map[string]any{"$ref": "#/" + name}
}

func (s *schemas) list(v any, place string) []any {
	var out []any
	for _, part := range v.([]any) { // Validate has seen to it
		out = append(out, s.convert(part, place))
	}
	return out
}

// bounds turns the flags of OpenAPI 3.0 into the numbers of 3.1.
func (s *schemas) bounds(in, out map[string]any) {
	for flag, bound := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		switch exclusive := in[flag].(type) {
		case json.Number:
			out[flag] = exclusive
		case bool:
			if limit, ok := out[bound]; ok && exclusive {
				out[flag] = limit
				delete(out, bound)
			}
		}
	}
}

// texts keeps what RE2 and engine/schema know.
func (s *schemas) texts(in, out map[string]any, place string) {
	if format, ok := in["format"].(string); ok && slices.Contains(knownFormats, format) {
		out["format"] = format
	}
	if pattern, ok := in["pattern"].(string); ok {
		if _, err := regexp.Compile(pattern); err != nil {
			s.note(place, "a pattern that RE2 does not know, "+pattern)
			return
		}
		out["pattern"] = pattern
	}
}

// members: who sends a request does not have what only answers have.
func (s *schemas) members(in, out map[string]any, place string) {
	properties, ok := in["properties"].(map[string]any)
	if !ok {
		return
	}
	converted := map[string]any{}
	var onlyRead []string
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		converted[name] = s.convert(properties[name], place+"."+name)
		if m, ok := properties[name].(map[string]any); ok && m["readOnly"] == true {
			onlyRead = append(onlyRead, name)
		}
	}
	out["properties"] = converted
	required, _ := in["required"].([]any)
	required = slices.DeleteFunc(slices.Clone(required), func(name any) bool {
		return slices.Contains(onlyRead, name.(string))
	})
	if out["required"] = required; len(required) == 0 {
		delete(out, "required")
	}
}

// nullable is OpenAPI 3.0's word for null among the types.
func nullable(in, out map[string]any) any {
	if in["nullable"] != true {
		return out
	}
	name, ok := out["type"].(string)
	if !ok {
		return map[string]any{"anyOf": []any{out, map[string]any{"type": "null"}}}
	}
	out["type"] = []any{name, "null"}
	if enum, ok := out["enum"].([]any); ok && !slices.Contains(enum, any(nil)) {
		out["enum"] = append(slices.Clone(enum), nil)
	}
	return out
}

// text writes the schemas as one JSON object, a schema a line.
func (s *schemas) text() (string, error) {
	if len(s.out) == 0 {
		return "", nil
	}
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(s.out)) {
		b.WriteString([]string{"{", ",\n "}[min(i, 1)])
		for j, part := range []any{name, s.out[name]} {
			var line bytes.Buffer
			e := json.NewEncoder(&line)
			e.SetEscapeHTML(false)
			if err := e.Encode(part); err != nil {
				return "", err
			}
			b.WriteString([]string{"", ": "}[j] + strings.TrimSpace(line.String()))
		}
	}
	return b.String() + "}\n", nil
}
