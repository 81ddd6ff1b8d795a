// Command schema writes the JSON Schema of a policy document, made from the
// Go types and their comments, so that editors complete and check what decides
// over an exchange. It runs in the root of the tree: make generate.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"github.com/invopop/jsonschema"

	"tabard/engine"
)

const target = "envoy/policy.schema.json"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func run() error {
	text, err := schema()
	if err != nil {
		return err
	}
	return os.WriteFile(target, text, 0o644)
}

// schema reflects engine.Policy. Its comments are read from the sources in
// ./engine.
func schema() ([]byte, error) {
	r := jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Mapper: enum}
	if err := r.AddGoComments("tabard", "./engine"); err != nil {
		return nil, fmt.Errorf("read the comments of the Go types: %w", err)
	}
	s := r.Reflect(&engine.Policy{})
	s.ID = ""
	s.Title = "Tabard policy"
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

// enum gives the string types with fixed values their list.
func enum(t reflect.Type) *jsonschema.Schema {
	c, ok := reflect.Zero(t).Interface().(interface{ Choices() []string })
	if !ok || t.Kind() != reflect.String {
		return nil
	}
	s := &jsonschema.Schema{Type: "string"}
	for _, value := range c.Choices() {
		s.Enum = append(s.Enum, value)
	}
	return s
}
