package jwt

import (
	"strconv"
	"strings"

	"tabard/engine/ijson"
)

// maxDepth is how deep objects and arrays may nest. Real claims stay below
// six (Keycloak's resource_access has three, rich authorization details
// RFC 9396 five); recursive parsers behind us break at some thousand.
const maxDepth = 16

// maxMembers is how many members one object may have. A token of 8 KiB has room
// for a few hundred.
const maxMembers = 256

// readObject reads a text as one JSON object with nothing but blanks around it,
// and gives its members to take unless that is nil.
func readObject(text string, take func(name, value string)) (p ijson.Problem, offset int) {
	return ijson.Object{MaxDepth: maxDepth, MaxMembers: maxMembers, Member: take}.Read(text)
}

// textOr gives what a JSON string says, and "" for any other value.
func textOr(value string) string {
	text, _ := ijson.Text(value)
	return text
}

// numberOf gives a JSON number; ok is false for any other value.
func numberOf(value string) (n float64, ok bool) {
	if value == "" || value[0] != '-' && !isDigit(value[0]) {
		return 0, false
	}
	n, err := strconv.ParseFloat(value, 64)
	return n, err == nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func hexByte(s string) (byte, bool) {
	n, err := strconv.ParseUint(s, 16, 8)
	return byte(n), err == nil
}

// find gives the value at a path of members; "" when there is none.
func find(object string, path []string) string {
	for _, wanted := range path {
		inner := ""
		p, _ := readObject(object, func(name, value string) {
			if name == wanted {
				inner = value
			}
		})
		if p != ijson.OK {
			return ""
		}
		object = inner
	}
	return object
}

// valuesOf gives a JSON value as texts: a string without quotes and escapes, the
// values of a list one by one, everything else as written. Null is no value.
func valuesOf(value string) []string {
	if value == "" || value == "null" {
		return nil
	}
	if value[0] != '[' {
		return []string{plain(value)}
	}
	list := ijson.Elements(value)
	for i := range list {
		list[i] = plain(list[i])
	}
	return list
}

// plain gives a string without quotes and escapes, and any other value as it is.
func plain(value string) string {
	if text, ok := ijson.Text(value); ok {
		return text
	}
	return value
}

// Member gives the values of a member of a JSON object by its path, whose names
// are separated by dots: of a list each one, of anything but a string the JSON
// as written. It gives none when text is no strict JSON object, when there is no
// such member, or when it is null.
func Member(text, path string) []string {
	return valuesOf(find(text, strings.Split(path, ".")))
}

// Values gives what the variable JWT:name holds of the token: header.NAME and
// claims.NAME, where NAME is a path of members with dots between. In a name,
// %2E stands for a dot and any other byte may be written so. A list gives each of
// its values. The claims of an encrypted token are not to be seen.
func (t *Token) Values(name string) []string {
	part, path, _ := strings.Cut(name, ".")
	text := t.headerText
	if part != "header" {
		text = t.claimsText
	}
	names := strings.Split(path, ".")
	for i, n := range names {
		names[i] = unescape(n)
	}
	return valuesOf(find(text, names))
}
