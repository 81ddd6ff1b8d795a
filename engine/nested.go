package engine

import (
	"strings"

	"tabard/engine/ijson"
	"tabard/engine/screen/transform"
)

const (
	// maxNestedValues is Coraza's limit for arguments.
	maxNestedValues = 1000
	// maxNestedBytes bounds names and values together: the name of a value grows
	// with its depth, so that a small text can have very long ones. It is eight
	// times the default limit of a body.
	maxNestedBytes = 1 << 20
	// maxNestedDepth is what API documents have, doubled.
	maxNestedDepth = 32
	// maxBodyDepth is Coraza's limit for JSON bodies: a deeper one it refuses.
	maxBodyDepth = 1024
)

// nested collects the values that are inside of other values: JSON in a query, a
// cookie, a form field or another JSON text. Rules otherwise see it as one text
// whose quotation marks and escapes hide what the function behind will read.
type nested struct {
	names, values []string
	bytes         int
	over          bool // more than is inspected
}

// add takes one value with its name.
func (n *nested) add(name, value string) {
	n.bytes += len(name) + len(value)
	if n.over = n.over || len(n.names) == maxNestedValues || n.bytes > maxNestedBytes; !n.over {
		n.names, n.values = append(n.names, name), append(n.values, value)
	}
}

// mayHoldJSON says quickly that there is no JSON object or array in a text, as
// it is or percent-encoded.
func mayHoldJSON(s string) bool {
	return strings.ContainsAny(s, "{[") || strings.Contains(s, "%7B") || strings.Contains(s, "%7b") ||
		strings.Contains(s, "%5B") || strings.Contains(s, "%5b")
}

// query takes a query string or a form. One that begins as JSON is JSON to a
// function that asks nobody for the type, and a form is what HTTP clients call
// the body that they are given.
func (n *nested) query(query string) {
	if !mayHoldJSON(query) {
		return
	}
	if strings.HasPrefix(query, "%") {
		n.value("body", transform.URLDecode(nil, query))
	} else {
		n.value("body", query)
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if mayHoldJSON(value) {
			n.value(transform.URLDecode(nil, name), transform.URLDecode(nil, value))
		}
	}
}

// cookies takes a Cookie header. Values are often percent-encoded, because JSON
// has bytes that a cookie may not have.
func (n *nested) cookies(header string) {
	if !mayHoldJSON(header) {
		return
	}
	for pair := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		if mayHoldJSON(value) {
			n.value(name, transform.URLDecode(nil, strings.Trim(value, `"`)))
		}
	}
}

// value takes one value: what is in it when it is JSON, as far as it is.
func (n *nested) value(name, text string) {
	text = strings.Trim(strings.TrimPrefix(text, "\ufeff"), " \t\r\n")
	if len(text) < 2 || text[0] != '{' && text[0] != '[' || n.over {
		return
	}
	problem := ijson.Walk(text, name+".json", maxNestedDepth, func(path []byte, _ byte, value string) {
		n.add(string(path), value)
	})
	n.over = n.over || problem == ijson.TooDeep
}

// json takes a JSON body, whose own values Coraza takes: only what is inside of
// its strings is of interest.
func (n *nested) json(body string) {
	ijson.Walk(body, "json", maxBodyDepth, func(path []byte, kind byte, value string) {
		if kind == '"' && mayHoldJSON(value) {
			n.value(string(path), value)
		}
	})
}
