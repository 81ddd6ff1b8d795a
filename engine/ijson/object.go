package ijson

import "strings"

// Object says how a text is read that must be one JSON object, and takes its
// members as they are written.
type Object struct {
	// MaxDepth is how deep it may nest, and MaxMembers how many members each
	// object may have.
	MaxDepth, MaxMembers int
	// Fold: the outermost members must differ in more than the case of letters,
	// because some libraries do not tell ALG from alg.
	Fold bool
	// Member, unless nil, gets the outermost members until the first problem: a
	// name without its escapes, and a value as written, with no blanks around.
	Member func(name, value string)
}

// Read reads an I-JSON text. At a problem, offset is where reading has stopped, in
// bytes.
func (o Object) Read(text string) (p Problem, offset int) {
	r := reader{in: text, maxDepth: o.MaxDepth, strict: true, outer: &o}
	p = r.whole()
	return p, min(r.pos, len(text)) // a string that ends in a backslash is read past its end
}

// Fold gives a name in which case has no meaning, as careless libraries compare
// names: to Go's the Kelvin sign is a K and the long s an S.
func Fold(name string) string {
	for i := range len(name) {
		if c := name[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return strings.ToLower(strings.ToUpper(name))
		}
	}
	return name
}

// Text gives what a JSON string says that has been read before; ok is false for
// any other value.
func Text(value string) (text string, ok bool) {
	if value == "" || value[0] != '"' {
		return "", false
	}
	r := reader{in: value}
	return r.text()
}

// Elements cuts a JSON array that has been read before into its values as written;
// nil for any other value, and for one that is empty.
func Elements(list string) (out []string) {
	r := reader{in: list, maxDepth: len(list)}
	if !r.take('[') {
		return nil
	}
	for r.blanks(); r.pos < len(list) && !r.take(']'); r.blanks() {
		start := r.pos
		if !r.value() {
			return nil
		}
		out = append(out, list[start:r.pos])
		r.blanks()
		r.take(',')
	}
	return out
}
