package schema

import (
	"slices"
	"strconv"
	"strings"

	"tabard/engine/ijson"
)

// equal compares as JSON Schema does: numbers by value, objects without order.
func equal(a, b *ijson.Value) bool {
	if a.Kind != b.Kind {
		return false
	}
	if a.Kind == '"' {
		return a.Text == b.Text
	}
	return string(appendCanonical(nil, a)) == string(appendCanonical(nil, b))
}

// appendCanonical writes a value so that equal ones give the same text.
func appendCanonical(out []byte, v *ijson.Value) []byte {
	switch v.Kind {
	case '"':
		return strconv.AppendQuote(out, v.Text)
	case '[':
		out = append(out, '[')
		for i := range v.Elements {
			out = append(appendCanonical(out, &v.Elements[i]), ',')
		}
		return append(out, ']')
	case '{':
		members := make([]string, len(v.Members))
		for i := range v.Members {
			name := strconv.AppendQuote(nil, v.Members[i].Name)
			members[i] = string(appendCanonical(append(name, ':'), &v.Members[i].Value))
		}
		slices.Sort(members)
		return append(append(append(out, '{'), strings.Join(members, ",")...), '}')
	case 0:
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil {
			return strconv.AppendFloat(out, f, 'g', -1, 64)
		}
	}
	return append(out, v.Text...)
}
