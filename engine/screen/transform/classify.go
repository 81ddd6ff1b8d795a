package transform

// Flags says which classes of bytes a value has. Every byte belongs to exactly one class.
type Flags uint32

// The classes. They are as fine as the transformations here and the gates of the screener need them.
const (
	Lower      Flags = 1 << iota // a to z
	Upper                        // A to Z
	Digit                        // 0 to 9
	Underscore                   // _
	Blank                        // the space
	Break                        // tab, line feed, carriage return
	Feed                         // vertical tab, form feed
	Nul                          // the zero byte
	Control                      // all other bytes below the space, and 0x7f
	High                         // 0x80 and above
	Quote                        // " ' ^ (what cmdLine removes, but for the backslash)
	Backslash                    // \
	Comma                        // , ;
	Slash                        // /
	Star                         // *
	Dash                         // -
	Hash                         // #
	Dot                          // .
	Colon                        // :
	Percent                      // %
	Plus                         // +
	Ampersand                    // &
	Less                         // <
	Greater                      // >
	Equal                        // =
	Open                         // (
	Mark                         // all other printable ASCII: ! $ ) ? @ [ ] ` { | } ~
)

// whitespace is what isspace in the C locale accepts.
const whitespace = Blank | Break | Feed

// classes maps a byte to its class.
var classes = classTable()

func classTable() (table [256]Flags) {
	for i := range table {
		table[i] = classOf(byte(i))
	}
	return table
}

func classOf(c byte) Flags {
	switch {
	case c >= 'a' && c <= 'z':
		return Lower
	case c >= 'A' && c <= 'Z':
		return Upper
	case c >= '0' && c <= '9':
		return Digit
	case c >= 0x80:
		return High
	}
	if flag, ok := singles[c]; ok {
		return flag
	}
	if c < ' ' || c == 0x7f {
		return Control
	}
	return Mark
}

// singles holds the bytes that do not share their class with a range of others.
var singles = map[byte]Flags{
	'_': Underscore, ' ': Blank, '\t': Break, '\n': Break, '\r': Break, '\v': Feed, '\f': Feed, 0: Nul,
	'"': Quote, '\'': Quote, '^': Quote, '\\': Backslash, ',': Comma, ';': Comma, '/': Slash, '*': Star,
	'-': Dash, '#': Hash, '.': Dot, ':': Colon, '%': Percent, '+': Plus, '&': Ampersand,
	'<': Less, '>': Greater, '=': Equal, '(': Open,
}

// Classify returns the classes of the bytes in s, none for the empty string.
func Classify(s string) Flags {
	// Four independent chains keep the loads of the table from waiting for each other.
	var f0, f1, f2, f3 Flags
	for len(s) >= 4 {
		f0 |= classes[s[0]]
		f1 |= classes[s[1]]
		f2 |= classes[s[2]]
		f3 |= classes[s[3]]
		s = s[4:]
	}
	for i := range len(s) {
		f0 |= classes[s[i]]
	}
	return f0 | f1 | f2 | f3
}

// Trigger is a necessary condition for a transformation to have an effect.
type Trigger struct {
	Any    Flags // one byte of these classes is enough
	All    Flags // or, unless it is empty, bytes of all these classes
	Always bool  // the transformation has an effect on every value, the empty one too
}

var always = Trigger{Always: true}

// May reports whether a value with the classes f can be affected. If not, the transformation returns the
// value as it is and says that it did not change.
func (t Trigger) May(f Flags) bool {
	return f&t.Any != 0 || t.Always || t.All != 0 && f&t.All == t.All
}
