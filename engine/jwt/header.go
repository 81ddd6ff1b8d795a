package jwt

import "strings"

// headerBytes is the room for a decoded header without allocating; a header
// with alg, typ and kid has less than 100 bytes.
const headerBytes = 256

// header is what Check and Looks need of a JOSE header: JSON values as
// written, nil for a member that is not there.
type header struct {
	alg, enc, typ []byte
}

func (h *header) member(name string, value []byte) {
	switch name {
	case "alg":
		h.alg = value
	case "enc":
		h.enc = value
	case "typ":
		h.typ = value
	}
}

// read fills h from the first part of a token.
func (h *header) read(part string) Problem {
	if !strict(part) {
		return HeaderBase64
	}
	var room [headerBytes]byte
	switch scanObject(decode(room[:], part), h) {
	case faultSyntax:
		return HeaderJSON
	case faultText:
		return HeaderText
	case faultDuplicate:
		return HeaderDuplicate
	case faultLimits:
		return HeaderLimits
	}
	return checkAlg(h.alg)
}

// checkAlg judges the JSON value of alg. A name is printable ASCII: registered
// ones have letters, digits, "-" and "+", private ones are URIs.
func checkAlg(value []byte) Problem {
	if value == nil {
		return AlgMissing
	}
	if value[0] != '"' {
		return AlgInvalid
	}
	s := scanner{in: value}
	alg, _ := s.text()
	if isNone(alg) {
		return AlgNone
	}
	for _, c := range alg {
		if c <= ' ' || c > '~' {
			return AlgInvalid
		}
	}
	if len(alg) == 0 {
		return AlgInvalid
	}
	return OK
}

// isNone says whether a library might read alg as none: whatever the case of
// its letters, and with blanks, controls or marks around or between them.
func isNone(alg []byte) bool {
	letters := strings.Map(func(r rune) rune {
		if isDigit(byte(r)) && r < 0x80 || 'a' <= r|0x20 && r|0x20 <= 'z' {
			return r
		}
		return -1
	}, string(alg))
	return strings.EqualFold(letters, "none")
}
