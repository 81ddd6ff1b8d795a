// Package transform rewrites one value of an exchange exactly as Coraza does before a rule's operator
// sees it, so that the fast path can judge the value on the way from exchange to verdict without Coraza.
//
// Most values of real traffic are left alone by most transformations. [Classify] looks at a value once and
// says which bytes it has, a [Trigger] says which bytes a transformation needs to have any effect, and a
// transformation without effect returns the very string it was given. Everything here is a pure function
// of its arguments and safe for concurrent use, except an [Arena], which belongs to one goroutine.
package transform

import "strings"

// Func transforms one value. out is the transformed value; it shares the memory of s when both are equal.
// changed is Coraza's own flag, which decides whether multiMatch shows the value to the operator once more.
// The flag is no promise about the value: Coraza sets it for a urlDecode of "%zz", which changes nothing, and
// does not set it when removeWhitespace replaces a broken UTF-8 byte.
//
// Where Coraza's transformation returns an error, Coraza keeps the value and goes on with the next
// transformation; such a Func returns s and false, which has the same effect in both modes.
type Func func(s string) (out string, changed bool)

// Transformation is one transformation of the rule language. Its zero value is of no use: take it from [Find].
type Transformation struct {
	name    string
	trigger Trigger
	run     func(a *Arena, s string) (string, bool)
}

// Find returns the transformation that a rule calls t:name. Case does not matter, as in Coraza. ok is false
// for a name that is unknown here, in which case the caller leaves the rule to Coraza; that is so for names
// that plugins register and for "none", which is no transformation: it empties the list collected so far.
func Find(name string) (t *Transformation, ok bool) {
	t, ok = byName[strings.ToLower(name)]
	return t, ok
}

// Lookup returns the transformation that a rule calls t:name as a plain function, under the conditions of
// [Find]. Changed values are allocated one by one; [Transformation.Apply] avoids that.
func Lookup(name string) (Func, bool) {
	t, ok := Find(name)
	if !ok {
		return nil, false
	}
	return func(s string) (string, bool) { return t.Apply(nil, s) }, true
}

// Names returns the lower-cased names that [Find] knows, in no order.
func Names() []string {
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	return names
}

// Name returns the name as Coraza registers it, which for normalisePath is that spelling, not normalizePath.
func (t *Transformation) Name() string { return t.name }

// Trigger returns what a value must have for the transformation to have any effect on it.
func (t *Transformation) Trigger() Trigger { return t.trigger }

// Apply transforms s as [Func] describes. A result that differs from s is stored in the arena and stays
// valid for as long as it is referred to; a may be nil, and then each such result is allocated by itself.
func (t *Transformation) Apply(a *Arena, s string) (out string, changed bool) { return t.run(a, s) }

// transformations holds everything Coraza 3.8.1 registers, except none.
var transformations = []Transformation{
	{"base64Decode", always, base64Decode},
	{"base64DecodeExt", always, base64DecodeExt},
	{"base64Encode", always, base64Encode},
	{"cmdLine", Trigger{Any: Upper | Quote | Backslash | Comma | Blank | Break}, cmdLine},
	{"compressWhitespace", Trigger{Any: whitespace | High}, compressWhitespace},
	{"cssDecode", Trigger{Any: Backslash}, cssDecode},
	{"escapeSeqDecode", Trigger{Any: Backslash}, escapeSeqDecode},
	{"hexDecode", always, hexDecode},
	{"hexEncode", always, hexEncode},
	{"htmlEntityDecode", Trigger{Any: Ampersand}, htmlEntityDecode},
	{"jsDecode", Trigger{Any: Backslash}, jsDecode},
	{"length", always, length},
	{"lowercase", Trigger{Any: Upper | High}, lowercase},
	{"md5", always, md5Digest},
	{"normalisePath", Trigger{Any: Slash | Dot}, normalisePath},
	{"normalisePathWin", Trigger{Any: Slash | Dot | Backslash | Colon | Blank}, normalisePathWin},
	{"removeComments", Trigger{Any: Dash | Hash, All: Slash | Star}, removeComments},
	{"removeCommentsChar", Trigger{Any: Dash | Hash, All: Slash | Star}, removeCommentsChar},
	{"removeNulls", Trigger{Any: Nul}, removeNulls},
	{"removeWhitespace", Trigger{Any: whitespace | High}, removeWhitespace},
	{"replaceComments", Trigger{All: Slash | Star}, replaceComments},
	{"replaceNulls", Trigger{Any: Nul}, replaceNulls},
	{"sha1", always, sha1Digest},
	{"trim", Trigger{Any: whitespace}, trim},
	{"trimLeft", Trigger{Any: whitespace}, trimLeft},
	{"trimRight", Trigger{Any: whitespace}, trimRight},
	{"uppercase", Trigger{Any: Lower | High}, uppercase},
	{"urlDecode", Trigger{Any: Percent | Plus}, urlDecode},
	{"urlDecodeUni", Trigger{Any: Percent | Plus}, urlDecodeUni},
	{"urlEncode", Trigger{Any: ^(Upper | Lower | Digit | Star)}, urlEncode},
	{"utf8toUnicode", Trigger{Any: High}, utf8ToUnicode},
}

var byName = index()

func index() map[string]*Transformation {
	names := make(map[string]*Transformation, len(transformations)+2)
	for i := range transformations {
		names[strings.ToLower(transformations[i].name)] = &transformations[i]
	}
	names["normalizepath"] = names["normalisepath"]
	names["normalizepathwin"] = names["normalisepathwin"]
	return names
}
