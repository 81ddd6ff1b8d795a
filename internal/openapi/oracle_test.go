package openapi_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/engine/schema"
	"tabard/internal/openapi"
)

// What kin-openapi judges in another way by design: formats, and a pattern that
// is not RE2.
var leftOut = regexp.MustCompile(`,? format: [a-z0-9-]+|, pattern: '\^\(\?![^']*'`)

// TestSchemasJudgeAsTheLibraryDoes compares the schemas of policies with those
// that kin-openapi reads from the same descriptions, on values made of the words
// that the descriptions know.
func TestSchemasJudgeAsTheLibraryDoes(t *testing.T) {
	for name, schemas := range map[string][]string{"petstore": {"Pet", "Order"}, "issues": {"NewIssue"}} {
		text, err := os.ReadFile("testdata/" + name + ".yaml")
		require.NoError(t, err)
		text = leftOut.ReplaceAll(text, nil)
		policy, notes, err := openapi.Policy(text, openapi.Options{})
		require.NoError(t, err)
		require.NotContains(t, strings.Join(notes, "\n"), "RE2")
		p, err := engine.ParsePolicy("policy.yaml", policy)
		require.NoError(t, err)
		ours, err := schema.Compile(p.Schemas)
		require.NoError(t, err)
		doc, err := openapi3.NewLoader().LoadFromData(text)
		require.NoError(t, err)
		r := rand.New(rand.NewPCG(1, 2))
		right := 0
		for range 20_000 {
			component := schemas[r.IntN(len(schemas))]
			value := random(r, 3, true)
			body, err := json.Marshal(value)
			require.NoError(t, err)
			// What only answers have is let through in requests as well.
			theirs := doc.Components.Schemas[component].Value.VisitJSON(value, openapi3.DisableReadOnlyValidation())
			s, ok := ours.Find(component)
			require.True(t, ok)
			problem := s.Check(string(body), 16)
			require.Equal(t, theirs == nil, problem == "", "%s %s\nours: %s\ntheirs: %v", component, body, problem, theirs)
			if problem == "" {
				right++
			}
		}
		require.Greater(t, right, 20, "values that fit are among them")
	}
}

var fields = []string{
	"id", "name", "category", "photoUrls", "tags", "status", "petId", "quantity", "shipDate", "complete",
	"title", "body", "milestone", "labels", "assignees", "color", "other",
}

// random makes a value; the outermost one is an object.
func random(r *rand.Rand, depth int, object bool) any {
	n := r.IntN(10)
	switch {
	case object || depth > 0 && n < 2:
		out := map[string]any{}
		for range r.IntN(4) {
			out[fields[r.IntN(len(fields))]] = random(r, depth-1, false)
		}
		if r.IntN(2) == 0 {
			out["name"], out["photoUrls"] = "Rex", []any{}
		}
		return out
	case depth > 0 && n < 4:
		out := []any{}
		for range r.IntN(4) {
			out = append(out, random(r, depth-1, false))
		}
		return out
	case n < 6:
		return []any{float64(r.IntN(200)) - 20, 1.5, 7.0}[r.IntN(3)]
	case n < 7:
		return []any{nil, true, false}[r.IntN(3)]
	}
	return []string{"", "a", "Rex", "sold", "pending", "bug", "x y", strings.Repeat("é", 60), strings.Repeat("a", 300)}[r.IntN(9)]
}
