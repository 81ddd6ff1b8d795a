package engine

import (
	"strings"

	"tabard/engine/mime"
	"tabard/engine/schema"
	"tabard/engine/screen/transform"
	"tabard/engine/seclang"
)

// requestCheck is a route's RequestSchema, compiled.
type requestCheck struct {
	body         *schema.Schema // nil: bodies are not checked
	bodyRequired bool
	path         string // the route's template
	parameters   []parameterCheck
}

type parameterCheck struct {
	Parameter
	schema *schema.Schema // nil: any value
}

// requestChecks compiles the schemas of a policy, one check a variant; nil for
// those without.
func (p *Policy) requestChecks() ([]*requestCheck, error) {
	out := make([]*requestCheck, 1+len(p.Routes))
	set, err := schema.Compile(or(p.Schemas, "{}"))
	if err != nil {
		return nil, p.errorAt("schemas", "schemas: "+err.Error(), "")
	}
	for i, r := range p.Routes {
		if r.Schema == nil {
			continue
		}
		if out[1+i], err = p.requestCheck(set, r, at("routes", i)+".schema"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *Policy) requestCheck(set *schema.Set, r Route, path string) (c *requestCheck, err error) {
	c = &requestCheck{bodyRequired: r.Schema.BodyRequired, path: r.Path}
	if c.body, err = p.findSchema(set, r.Schema.Body, path+".body"); err != nil {
		return nil, err
	}
	for i, parameter := range r.Schema.Parameters {
		where := at(path+".parameters", i)
		parameter.In = or(parameter.In, InQuery)
		if parameter.In == InPath && !strings.Contains(r.Path+"/", "/{"+parameter.Name+"}/") {
			return nil, p.errorAt(where+".name", "the path has no {"+parameter.Name+"}", "")
		}
		found, err := p.findSchema(set, parameter.Schema, where+".schema")
		if err != nil {
			return nil, err
		}
		c.parameters = append(c.parameters, parameterCheck{parameter, found})
	}
	return c, nil
}

func (p *Policy) findSchema(set *schema.Set, name, path string) (*schema.Schema, error) {
	if name == "" {
		return nil, nil
	}
	found, ok := set.Find(name)
	if !ok {
		return nil, p.errorAt(path, "schemas has none that is called "+name, seclang.DidYouMean(name, set.Names()))
	}
	return found, nil
}

// examineSchema notes the first thing in which the request is not what its
// route's schema says.
func (x *Exchange) examineSchema(c *requestCheck) {
	values := parameterValues{query: requestQuery(x.request.Target), path: requestPath(x.request.Target), headers: x.request.Headers, template: c.path}
	for i := range c.parameters {
		p := &c.parameters[i]
		if problem := p.check(values.of(p.Parameter)); problem != "" {
			x.find(foundSchema, string(p.In)+" "+p.Name+": "+problem)
			return
		}
	}
	if problem := x.bodyProblem(c); problem != "" {
		x.find(foundSchema, "body: "+problem)
	}
}

// bodyProblem looks at JSON bodies; whether another type may come is for
// content_types to say.
func (x *Exchange) bodyProblem(c *requestCheck) string {
	body := string(x.requestBody.kept)
	switch {
	case x.requestBody.skipped.Reason != "" && x.requestBody.skipped.Reason != SkipLimit:
		return "" // it was not held
	case body == "" && c.bodyRequired:
		return "is missing"
	case body == "" || c.body == nil || !isJSON(x.request.Headers.Get("content-type")):
		return ""
	}
	return c.body.Check(body, x.variant.json.MaxDepth)
}

func isJSON(contentType string) bool {
	t, _ := mime.Parse(contentType)
	essence := t.Essence()
	return essence == "application/json" || essence == "text/json" || t.Suffix() == "json"
}

func (p *parameterCheck) check(values []string) string {
	switch {
	case len(values) == 0 && p.Required:
		return "is missing"
	case len(values) == 0:
		return ""
	case len(values) > 1 && p.List != ListRepeat:
		return "is given more than once"
	case p.schema == nil:
		return ""
	case p.List == ListComma:
		return p.schema.CheckList(strings.Split(values[0], ","))
	case p.List == ListRepeat:
		return p.schema.CheckList(values)
	}
	return p.schema.CheckText(values[0])
}

// parameterValues are where the parameters of a request stand.
type parameterValues struct {
	query, path, template string
	headers               Headers
}

// of returns the values of a parameter, decoded, in their order.
func (v parameterValues) of(p Parameter) (out []string) {
	switch p.In {
	case InQuery:
		return named(v.query, "&", p.Name, true)
	case InPath:
		return segment(v.template, v.path, p.Name)
	}
	for _, line := range v.headers {
		if p.In == InCookie && strings.EqualFold(line[0], "cookie") {
			out = append(out, named(line[1], ";", p.Name, false)...)
		} else if p.In == InHeader && strings.EqualFold(line[0], p.Name) {
			out = append(out, line[1])
		}
	}
	return out
}

// named returns the values that a name has in a list of name=value.
func named(list, separator, name string, encoded bool) (out []string) {
	for more := true; more; {
		var pair string
		pair, list, more = strings.Cut(list, separator)
		got, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		if encoded {
			got, value = transform.URLDecode(nil, got), transform.URLDecode(nil, value)
		}
		if got == name && pair != "" {
			out = append(out, value)
		}
	}
	return out
}

// segment is the part of a path that stands for {name} in its template.
func segment(template, path, name string) []string {
	for more := true; more; {
		var want, got string
		want, template, more = strings.Cut(template, "/")
		got, path, _ = strings.Cut(path, "/")
		if want == "{"+name+"}" {
			return []string{unescape(got)}
		}
	}
	return nil
}
