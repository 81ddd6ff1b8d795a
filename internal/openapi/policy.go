package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

// Options is what a description does not say.
type Options struct {
	// Base replaces the path of the first server, such as /v1.
	Base string
	// Mode is that of the policy: block or detect; block when empty.
	Mode string
}

// Policy returns the policy, in YAML, and notes on what it does not check. The
// error is the first thing in which the text is no OpenAPI 3 description;
// references to other files are not followed.
func Policy(text []byte, o Options) (policy []byte, notes []string, err error) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(text)
	if err != nil {
		return nil, nil, err
	}
	if doc.OpenAPI == "" {
		return nil, nil, errors.New(`the key "openapi" is missing: descriptions of version 2 (Swagger) have to be converted first`)
	}
	if err := doc.Validate(loader.Context, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation(), openapi3.DisableSchemaPatternValidation()); err != nil {
		return nil, nil, err
	}
	w := writer{doc: doc, schemas: newSchemas(doc)}
	if w.base, err = w.basePath(o.Base); err != nil {
		return nil, nil, err
	}
	out, err := w.write(o)
	return out, w.schemas.notes, err
}

// document is a policy as far as this package writes one.
type document struct {
	Mode    string  `yaml:"mode"`
	Profile string  `yaml:"profile"`
	CRS     crs     `yaml:"crs"`
	Routes  []route `yaml:"routes"`
	Schemas string  `yaml:"schemas,omitempty"`
}

type crs struct {
	AllowedMethods []string `yaml:"allowed_methods,flow"`
}

type route struct {
	Name         string   `yaml:"name"`
	Path         string   `yaml:"path,omitempty"`
	PathPrefix   string   `yaml:"path_prefix,omitempty"`
	Methods      []string `yaml:"methods,flow,omitempty"`
	Refuse       int      `yaml:"refuse,omitempty"`
	ContentTypes []string `yaml:"content_types,flow,omitempty"`
	JWT          *jwt     `yaml:"jwt,flow,omitempty"`
	Schema       *request `yaml:"schema,omitempty"`
}

type jwt struct {
	Mode string `yaml:"mode"`
}

type request struct {
	Body         string      `yaml:"body,omitempty"`
	BodyRequired bool        `yaml:"body_required,omitempty"`
	Parameters   []parameter `yaml:"parameters,omitempty"`
}

type parameter struct {
	Name     string `yaml:"name"`
	In       string `yaml:"in,omitempty"`
	Required bool   `yaml:"required,omitempty"`
	Schema   string `yaml:"schema,omitempty"`
	List     string `yaml:"list,omitempty"`
}

type writer struct {
	doc     *openapi3.T
	base    string
	schemas *schemas
	methods map[string]bool
}

// basePath is the path of the first server; variables get their defaults.
func (w *writer) basePath(given string) (string, error) {
	path := given
	if path == "" && len(w.doc.Servers) > 0 {
		server := w.doc.Servers[0]
		text := server.URL
		for name, v := range server.Variables {
			text = strings.ReplaceAll(text, "{"+name+"}", v.Default)
		}
		u, err := url.Parse(text)
		if err != nil {
			return "", fmt.Errorf("servers: %w", err)
		}
		if path = u.Path; len(w.doc.Servers) > 1 {
			w.schemas.note("servers", "only the first of several counts; --base names another path")
		}
	}
	path = strings.TrimRight(path, "/")
	if path != "" && !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("the base path %q must begin with a slash", path)
	}
	return path, nil
}

func (w *writer) write(o Options) ([]byte, error) {
	d := document{Mode: o.Mode, Profile: "api"}
	if d.Mode == "" {
		d.Mode = "block"
	}
	w.methods = map[string]bool{"OPTIONS": true}
	var refusals []route
	paths := w.doc.Paths.InMatchingOrder()
	slices.SortStableFunc(paths, byLiterals)
	for _, path := range paths {
		d.Routes = append(d.Routes, w.routes(path)...)
		template, _ := wholeSegments(path)
		refusals = append(refusals, route{Name: routeName("other methods of " + path), Path: w.base + template, Refuse: 405})
	}
	// A browser asks by OPTIONS whether it may send the others.
	d.Routes = append(d.Routes, route{Name: "preflight", Methods: []string{"OPTIONS"}})
	d.Routes = append(d.Routes, refusals...)
	d.Routes = append(d.Routes, route{Name: "not-described", PathPrefix: "/", Refuse: 404})
	for m := range w.methods {
		d.CRS.AllowedMethods = append(d.CRS.AllowedMethods, m)
	}
	slices.Sort(d.CRS.AllowedMethods)
	uniqueNames(d.Routes)
	var err error
	if d.Schemas, err = w.schemas.text(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w.head(&out)
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err = errors.Join(e.Encode(d), e.Close())
	return out.Bytes(), err
}

// head says where the policy comes from and what it does not check.
func (w *writer) head(out *bytes.Buffer) {
	fmt.Fprintf(out, "# Made by tabard policy from-openapi of %q, version %q.\n", w.doc.Info.Title, w.doc.Info.Version)
	for _, note := range w.schemas.notes {
		fmt.Fprintf(out, "# Not checked: %s\n", note)
	}
}

// byLiterals puts a path with a word before one with a variable in its place,
// as OpenAPI has it, since the first route that matches is taken.
func byLiterals(a, b string) int {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(as), len(bs)) {
		if av, bv := strings.Contains(as[i], "{"), strings.Contains(bs[i], "{"); av != bv {
			if bv {
				return -1
			}
			return 1
		}
		if c := strings.Compare(as[i], bs[i]); c != 0 {
			return c
		}
	}
	return len(as) - len(bs)
}

// wholeSegments makes a segment such as {name}.json a variable, because routes
// know whole segments only; the parameters that are no whole segment are named.
func wholeSegments(path string) (template string, parts []string) {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		names := variable.FindAllStringSubmatch(s, -1)
		if len(names) == 0 || names[0][0] == s {
			continue
		}
		for _, n := range names {
			parts = append(parts, n[1])
		}
		segments[i] = "{" + names[0][1] + "}"
	}
	return strings.Join(segments, "/"), parts
}

var variable = regexp.MustCompile(`\{([^{}]+)\}`)

// uniqueNames numbers the names that another route has.
func uniqueNames(routes []route) {
	seen := map[string]int{}
	for i := range routes {
		name := routes[i].Name
		if seen[name]++; seen[name] > 1 {
			routes[i].Name += "-" + strconv.Itoa(seen[name])
		}
	}
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// routeName keeps to what logs and metrics take in a name.
func routeName(text string) string {
	return strings.Trim(notInNames.ReplaceAllString(text, "-"), "-")
}
