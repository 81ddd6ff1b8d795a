package playground

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Case is what a page holds, and what its file holds when it is shared.
type Case struct {
	// Version is FileVersion; it also tells such a file from other JSON.
	Version int    `json:"tabard_playground"`
	Rules   string `json:"rules"`
	Policy  string `json:"policy"`
	Request string `json:"request"`
}

// FileVersion is the version of the shared files that are written and read.
const FileVersion = 1

// Suffix ends the name of a shared file.
const Suffix = ".tabard-playground.json"

// errNoCase is JSON that is something else.
var errNoCase = errors.New("this is no file of the playground: it has no key tabard_playground")

// ParseCase reads a shared file. The error says what it is instead.
func ParseCase(text []byte) (Case, error) {
	var c Case
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("read a file of the playground: %w", err)
	}
	switch {
	case c.Version == 0:
		return c, errNoCase
	case c.Version != FileVersion:
		return c, fmt.Errorf("the file is of version %d of the playground, and this tabard reads %d", c.Version, FileVersion)
	}
	return c, nil
}

// IsCase says whether a text looks like a shared file.
func IsCase(text []byte) bool {
	_, err := ParseCase(text)
	var syntax *json.SyntaxError
	return !errors.Is(err, errNoCase) && !errors.As(err, &syntax)
}

// DefaultPolicy is the policy that a page starts with. Its comments are the
// reader's first lesson in what there is to change.
const DefaultPolicy = `mode: block           # or detect: report and let pass
profile: api          # or crs: the Core Rule Set as it is
crs:
  paranoia_level: 1   # 1 to 4
  # enabled: false    # the rules above alone
# directives:         # without this: before CRS
# - {file: rules.conf, position: after_crs}
`
