package jwt

import (
	"bytes"
	"strings"

	"tabard/engine/ijson"
)

// DefaultMaxBytes is the longest token accepted when Limits do not say. Proxies
// and servers commonly stop at 8 KiB a header line; real tokens have 300 to
// 3,000 bytes.
const DefaultMaxBytes = 8192

// Limits say what Check accepts. The zero value: a signed token of at most
// DefaultMaxBytes.
type Limits struct {
	// MaxBytes is the longest token; DefaultMaxBytes when 0.
	MaxBytes int
	// Encrypted accepts the five parts of RFC 7516 as well. Their header is
	// checked; the claims cannot be seen.
	Encrypted bool
}

// Bearer takes the token out of the value of an Authorization header field, of
// the scheme Bearer or DPoP in any case and with any number of blanks (RFC 6750,
// section 2.1; RFC 9449, section 7.1; RFC 9110, section 11.1). ok is false when
// the scheme is another one. The token may be empty and is not checked.
func Bearer(value string) (token string, ok bool) {
	value = strings.Trim(value, " \t")
	scheme, token := value, ""
	if i := strings.IndexAny(value, " \t"); i >= 0 {
		scheme, token = value[:i], strings.TrimLeft(value[i:], " \t")
	}
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "dpop") {
		return "", false
	}
	return token, true
}

// Looks says whether a bearer token claims to be a JSON Web Token. Many bearer
// tokens are opaque and some hold dots (ya29.…, v4.public.…, SG.….…), or are
// other signed JSON (Flask's sessions, Grafana's keys); they must pass where
// the policy does not ask for a JWT. So the first part has to decode, even
// carelessly, to the start of a JSON object, and then
//
//   - a strict object claims it by a member alg or enc or a typ with JWT in it;
//   - a broken one claims it by a dot behind it, or by the text "alg" in it.
func Looks(token string) bool {
	first, _, dotted := strings.Cut(token, ".")
	if !mayOpenObject(first) {
		return false
	}
	var room [headerBytes]byte
	text := decode(room[:], loose(first))
	if !opensObject(text) {
		return false
	}
	var h header
	if strict(first) && h.scan(string(text)) == ijson.OK {
		return h.alg != "" || h.enc != "" || strings.Contains(strings.ToUpper(h.typ), "JWT")
	}
	return dotted || bytes.Contains(text, []byte(`"alg"`))
}

// mayOpenObject spares most opaque tokens the decoding: it looks at the first
// byte only.
func mayOpenObject(part string) bool {
	if len(part) < 2 {
		return false
	}
	first := alphabet[part[0]]<<2 | alphabet[part[1]]&sixBits>>4
	return first == '{' || first == 0xef || strings.IndexByte(" \t\r\n", first) >= 0
}

// opensObject says whether a careless parser would begin to read an object:
// it may skip a byte order mark and blanks.
func opensObject(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	return bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{"))
}

// Check judges the structure of a token: RFC 7515 and 7519 for a signed one,
// RFC 7516 for an encrypted one. It returns the first problem from left to
// right, or OK. It verifies no signature, and no claim means anything to it.
// The cost is linear in len(token), which is looked at first.
func Check(token string, limits Limits) Problem {
	var t Token
	return t.parse(token, limits)
}

// Token is a token that is well-formed, taken apart. It keeps the text that it
// was made of.
type Token struct {
	text       string
	header     header
	headerText string
	claimsText string // "" for an encrypted token
	signature  []byte // nil for an encrypted token
}

// Parse takes a token apart. It gives nil and the problem when Check finds one.
func Parse(token string, limits Limits) (*Token, Problem) {
	t := new(Token)
	if p := t.parse(token, limits); p != OK {
		return nil, p
	}
	return t, OK
}

func (t *Token) parse(token string, limits Limits) Problem {
	if token == "" {
		return Missing
	}
	if len(token) > limits.maxBytes() {
		return TooLong
	}
	t.text = token
	first, rest, _ := strings.Cut(token, ".")
	switch strings.Count(token, ".") {
	case 2:
		return t.parseSigned(first, rest)
	case 4:
		if !limits.Encrypted {
			return Encrypted
		}
		return t.parseEncrypted(first, rest)
	}
	return Parts
}

func (l Limits) maxBytes() int {
	if l.MaxBytes > 0 {
		return l.MaxBytes
	}
	return DefaultMaxBytes
}

func (t *Token) parseHeader(part string) Problem {
	if !strict(part) {
		return HeaderBase64
	}
	t.headerText = decodeText(part)
	return t.header.read(t.headerText)
}

func (t *Token) parseSigned(first, rest string) Problem {
	if p := t.parseHeader(first); p != OK {
		return p
	}
	claims, signature, _ := strings.Cut(rest, ".")
	if p := t.parseClaims(claims); p != OK {
		return p
	}
	switch {
	case signature == "":
		return SignatureMissing
	case !strict(signature):
		return SignatureBase64
	}
	t.signature = decode(nil, signature)
	return OK
}

func (t *Token) parseClaims(part string) Problem {
	if !strict(part) {
		return ClaimsBase64
	}
	t.claimsText = decodeText(part)
	p, _ := readObject(t.claimsText, nil)
	if p == ijson.Invalid && Looks(t.claimsText) {
		return Nested
	}
	return claimsProblems[p]
}

// headerProblems and claimsProblems say what is wrong with a text that is no
// strict JSON object.
var headerProblems = [ijson.ProblemCount]Problem{
	ijson.Invalid: HeaderJSON, ijson.ByteOrderMark: HeaderJSON, ijson.Trailing: HeaderJSON, ijson.NotANumber: HeaderJSON,
	ijson.NumberRange: HeaderNumber, ijson.DuplicateKey: HeaderDuplicate, ijson.BadText: HeaderText,
	ijson.TooDeep: HeaderLimits, ijson.TooMany: HeaderLimits,
}

var claimsProblems = [ijson.ProblemCount]Problem{
	ijson.Invalid: ClaimsJSON, ijson.ByteOrderMark: ClaimsJSON, ijson.Trailing: ClaimsJSON, ijson.NotANumber: ClaimsJSON,
	ijson.NumberRange: ClaimsNumber, ijson.DuplicateKey: ClaimsDuplicate, ijson.BadText: ClaimsText,
	ijson.TooDeep: ClaimsLimits, ijson.TooMany: ClaimsLimits,
}

// parseEncrypted judges key, IV, ciphertext and tag by their alphabet alone:
// key and IV are empty with alg dir and with some algorithms.
func (t *Token) parseEncrypted(first, rest string) Problem {
	if p := t.parseHeader(first); p != OK {
		return p
	}
	if t.header.enc == "" {
		return EncMissing
	}
	for part := range strings.SplitSeq(rest, ".") {
		if !strict(part) {
			return SignatureBase64
		}
	}
	if strings.HasSuffix(rest, ".") {
		return SignatureMissing
	}
	return OK
}

// Alg, KeyID, Issuer and Subject give what the token says of itself, or "".
func (t *Token) Alg() string { return textOr(t.header.alg) }

// KeyID is kid.
func (t *Token) KeyID() string { return textOr(t.header.kid) }

// signaturePart is the last part, as written.
func (t *Token) signaturePart() string { return t.text[strings.LastIndexByte(t.text, '.')+1:] }

// DecodeText decodes unpadded base64url; "" when it is not strict.
func DecodeText(s string) string {
	if !strict(s) {
		return ""
	}
	return decodeText(s)
}

// decodeText is decode for a text.
func decodeText(s string) string {
	var room [headerBytes]byte
	return string(decode(room[:], s))
}

// Next finds the first token in any text: a run of base64url and dots that Looks
// like one, has a dot and begins as an object with a member. Words that begin with
// "ex" decode to a brace, so that example.com would be a broken token. rest is what
// follows it.
func Next(text string) (token, rest string, ok bool) {
	for start := 0; start < len(text); {
		end := start
		for end < len(text) && (text[end] == '.' || alphabet[text[end]] <= sixBits) {
			end++
		}
		for run := text[start:end]; strings.Contains(run, "."); _, run, _ = strings.Cut(run, ".") {
			if Looks(run) && beginsMember(run) {
				return run, text[end:], true
			}
		}
		start = end + 1
	}
	return "", "", false
}

// beginsMember says whether the first part of a token decodes to a brace with a
// quotation mark or a blank behind it.
func beginsMember(token string) bool {
	first, _, _ := strings.Cut(token, ".")
	var room [headerBytes]byte
	_, member, _ := bytes.Cut(decode(room[:], loose(first)), []byte("{"))
	return len(member) > 0 && strings.IndexByte("\" \t\r\n", member[0]) >= 0
}
