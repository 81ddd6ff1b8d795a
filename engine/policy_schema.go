package engine

// RequestSchema says what a request must look like (rule 100195); `tabard policy
// from-openapi` writes it from the description of an API.
type RequestSchema struct {
	// Body is the name of the schema for JSON bodies; empty checks none.
	Body string `yaml:"body"`
	// BodyRequired refuses a request without a body.
	BodyRequired bool `yaml:"body_required"`
	// Parameters are checked wherever they stand. One that is not listed is let
	// through.
	Parameters []Parameter `yaml:"parameters"`
}

// Parameter is a named value outside of the body. Unless it is a list it may be
// given once: servers differ in which of two they read.
type Parameter struct {
	// Name is the parameter's; that of a header in any case of letters.
	Name string `yaml:"name"`
	// In says where it stands; query when empty.
	In ParameterPlace `yaml:"in"`
	// Required refuses a request without it.
	Required bool `yaml:"required"`
	// Schema is the name of the schema for its value; empty allows all.
	Schema string `yaml:"schema"`
	// List says how several values are written; empty for a single value.
	List ParameterList `yaml:"list"`
}

// ParameterPlace is a part of a request.
type ParameterPlace string

const (
	// InQuery is the query of the target.
	InQuery ParameterPlace = "query"
	// InPath is a {name} of the route's path.
	InPath ParameterPlace = "path"
	// InHeader is a header field.
	InHeader ParameterPlace = "header"
	// InCookie is a cookie.
	InCookie ParameterPlace = "cookie"
)

// Choices returns the accepted spellings.
func (ParameterPlace) Choices() []string {
	return []string{string(InQuery), string(InPath), string(InHeader), string(InCookie)}
}

// ParameterList is how the values of a list are written.
type ParameterList string

const (
	// ListRepeat repeats the parameter: a=1&a=2.
	ListRepeat ParameterList = "repeat"
	// ListComma puts commas between: a=1,2.
	ListComma ParameterList = "comma"
)

// Choices returns the accepted spellings.
func (ParameterList) Choices() []string { return []string{string(ListRepeat), string(ListComma)} }
