package ijson

import "strings"

// Value is one value of a JSON text.
type Value struct {
	// Kind is the first byte of the value as written: { [ " t f n, and 0 for
	// every number.
	Kind byte
	// Text is a string without its escapes, or a number or a word as written.
	Text string
	// Members are those of an object, in its order.
	Members []Member
	// Elements are those of an array.
	Elements []Value
}

// Member is a name in an object with its value.
type Member struct {
	Name  string
	Value Value
}

// Get returns the member of an object with a name.
func (v *Value) Get(name string) (*Value, bool) {
	for i := range v.Members {
		if v.Members[i].Name == name {
			return &v.Members[i].Value, true
		}
	}
	return nil, false
}

// Parse reads one I-JSON text that nests at most maxDepth deep. The value keeps
// pieces of text.
func Parse(text string, maxDepth int) (Value, Problem) {
	var b builder
	r := reader{in: text, maxDepth: maxDepth, strict: true, tree: &b}
	p := r.whole()
	return b.value, p
}

// builder takes in the values of a reader as it meets them.
type builder struct {
	value Value
	open  []Value // objects and arrays that have begun
	names []string
}

// begin opens an object or an array.
func (b *builder) begin(kind byte) { b.open = append(b.open, Value{Kind: kind}) }

// end closes the innermost one.
func (b *builder) end() {
	v := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	b.add(v)
}

// add puts a value into the innermost open one.
func (b *builder) add(v Value) {
	if len(b.open) == 0 {
		b.value = v
		return
	}
	parent := &b.open[len(b.open)-1]
	if parent.Kind == '[' {
		parent.Elements = append(parent.Elements, v)
		return
	}
	last := len(b.names) - 1
	parent.Members = append(parent.Members, Member{b.names[last], v})
	b.names = b.names[:last]
}

// scalar takes in a value as a Leaf gets it.
func (b *builder) scalar(kind byte, text string) {
	if strings.IndexByte(`"tfn`, kind) < 0 {
		kind = 0
	}
	b.add(Value{Kind: kind, Text: text})
}
