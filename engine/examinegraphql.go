package engine

import (
	"strconv"
	"strings"

	"tabard/engine/graphql"
	"tabard/engine/ijson"
	"tabard/engine/screen/transform"
)

// examineGraphQLBody measures the documents of a JSON body: the member query of
// the object, or of each object of a batch (GraphQL over HTTP, section 5).
func (x *Exchange) examineGraphQLBody(limits GraphQL, body string) {
	var sum graphql.Shape
	problem := ijson.Walk(body, "", maxBodyDepth, func(path []byte, kind byte, value string) {
		if kind == '"' && isQueryPath(string(path)) {
			sum = addShapes(sum, graphql.Measure(value))
		}
	})
	if problem == ijson.TooDeep {
		x.find(foundGraphQL, "a document may follow where JSON is "+problem.String())
		return
	}
	x.judgeGraphQL(limits, sum)
}

// isQueryPath says whether a path is .query or .0.query.
func isQueryPath(path string) bool {
	number, isQuery := strings.CutSuffix(path, ".query")
	if !isQuery || number == "" {
		return isQuery
	}
	_, err := strconv.Atoi(strings.TrimPrefix(number, "."))
	return err == nil
}

// examineQuery measures the document in the argument query of a query string or
// of a form.
func (x *Exchange) examineQuery(limits GraphQL, form string) {
	for pair := range strings.SplitSeq(form, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if transform.URLDecode(nil, name) != "query" {
			continue
		}
		if document := transform.URLDecode(nil, value); strings.Contains(document, "{") {
			x.judgeGraphQL(limits, graphql.Measure(document))
		}
	}
}

// addShapes adds a document of a batch to the ones before it.
func addShapes(a, b graphql.Shape) graphql.Shape {
	return graphql.Shape{
		Depth: max(a.Depth, b.Depth), Aliases: a.Aliases + b.Aliases, Operations: a.Operations + b.Operations,
		Introspects: a.Introspects || b.Introspects, Cyclic: a.Cyclic || b.Cyclic, Broken: a.Broken || b.Broken, Endless: a.Endless || b.Endless,
	}
}

// judgeGraphQL finds what is over the route's limits. What is no document is the
// server's to refuse: a REST API may have a member query of its own.
func (x *Exchange) judgeGraphQL(limits GraphQL, is graphql.Shape) {
	aliases := is.Aliases + max(is.Operations-1, 0)
	switch {
	case is.Endless:
		x.find(foundGraphQL, "a document with more tokens than are read")
	case is.Operations == 0:
	case is.Cyclic:
		x.find(foundGraphQL, "a fragment that leads back to itself")
	case limits.MaxDepth > 0 && is.Depth > limits.MaxDepth:
		x.find(foundGraphQL, "selections "+strconv.Itoa(is.Depth)+" deep")
	case limits.MaxAliases > 0 && aliases > limits.MaxAliases:
		x.find(foundGraphQL, strconv.Itoa(aliases)+" aliases")
	case !isSet(limits.Introspection, true) && is.Introspects:
		x.find(foundGraphQL, "a question about the schema")
	}
}
