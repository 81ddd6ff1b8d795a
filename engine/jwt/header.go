package jwt

import (
	"strings"

	"tabard/engine/ijson"
)

// headerBytes is the room for a decoded header without allocating; a header
// with alg, typ and kid has less than 100 bytes.
const headerBytes = 256

// header is what the checks need of a JOSE header: JSON values as written, ""
// for a member that is not there.
type header struct {
	alg, enc, typ, cty, kid             string
	crit, b64, zip, p2c                 string
	embeddedKey, certificates, jku, x5u string // jwk, x5c
}

// member takes a member whose name may be in any case: a library that does not
// tell JWK from jwk would use it. Only alg must be what it is, because the others
// would find none.
func (h *header) member(name, value string) {
	switch ijson.Fold(name) {
	case "alg":
		if name == "alg" {
			h.alg = value
		}
	case "enc":
		h.enc = value
	case "typ":
		h.typ = value
	case "cty":
		h.cty = value
	case "kid":
		h.kid = value
	case "crit":
		h.crit = value
	case "b64":
		h.b64 = value
	case "zip":
		h.zip = value
	case "p2c":
		h.p2c = value
	case "jwk":
		h.embeddedKey = value
	case "x5c":
		h.certificates = value
	case "jku":
		h.jku = value
	case "x5u":
		h.x5u = value
	}
}

// read fills h from a decoded first part of a token.
func (h *header) read(text string) Problem {
	if p := headerProblems[h.scan(text)]; p != OK {
		return p
	}
	return checkAlg(h.alg)
}

// scan reads a JOSE header without judging it.
func (h *header) scan(text string) ijson.Problem {
	p, _ := ijson.Object{MaxDepth: maxDepth, MaxMembers: maxMembers, Fold: true, Member: h.member}.Read(text)
	return p
}

// checkAlg judges the JSON value of alg. A name is printable ASCII: registered
// ones have letters, digits, "-" and "+", private ones are URIs.
func checkAlg(value string) Problem {
	if value == "" {
		return AlgMissing
	}
	alg, ok := ijson.Text(value)
	if !ok {
		return AlgInvalid
	}
	if isNone(alg) {
		return AlgNone
	}
	for i := range len(alg) {
		if alg[i] <= ' ' || alg[i] > '~' {
			return AlgInvalid
		}
	}
	if alg == "" {
		return AlgInvalid
	}
	return OK
}

// isNone says whether a library might read alg as none: whatever the case of
// its letters, and with blanks, controls or marks around or between them.
func isNone(alg string) bool {
	letters := strings.Map(func(r rune) rune {
		if isDigit(byte(r)) && r < 0x80 || 'a' <= r|0x20 && r|0x20 <= 'z' {
			return r
		}
		return -1
	}, alg)
	return strings.EqualFold(letters, "none")
}

// maxIterations is how many rounds of PBKDF2 a password-encrypted token may ask
// for: the limit of the JavaScript library jose. Each round is work that the
// sender orders and the receiver does (CVE-2023-28362 and its like).
const maxIterations = 10_000

// problems are those of a header that reads well: what it asks a library to do
// beyond verifying a signature with a key that the receiver has chosen.
func (h *header) problems(r *Rules, found []Problem) []Problem {
	for _, c := range [...]struct {
		is   bool
		what Problem
	}{
		{h.crit != "", Critical},
		{h.b64 != "", Unencoded},
		{h.zip != "", Compressed},
		{h.p2c != "" && !inRange(h.p2c, maxIterations), Iterations},
		{h.embeddedKey != "" || h.certificates != "", EmbeddedKey},
		{h.cty != "" && h.nests(), Nested},
		{h.cty != "" && !h.nests(), ContentType},
		{!r.takesType(h.typ), TypeConfused},
		{!r.takesURL(h.jku) || !r.takesURL(h.x5u), KeyURL},
		{h.kid != "" && !plainKeyID(h.kid), KeyID},
	} {
		if c.is {
			found = append(found, c.what)
		}
	}
	return found
}

// nests says whether cty announces a nested token (RFC 7519, section 5.2).
func (h *header) nests() bool {
	cty, _ := ijson.Text(h.cty)
	return strings.EqualFold(mediaType(cty), "application/jwt")
}

// mediaType puts back the "application/" that typ and cty may leave out (RFC
// 7515, section 4.1.9).
func mediaType(t string) string {
	if strings.Contains(t, "/") {
		return t
	}
	return "application/" + t
}

func inRange(number string, most float64) bool {
	n, ok := numberOf(number)
	return ok && n >= 0 && n <= most
}

// otherTypes are the types of signed JSON that is no access token and must not
// be taken for one (the registrations of media types at IANA that end in +jwt).
var otherTypes = []string{
	"application/dpop+jwt", "application/secevent+jwt", "application/logout+jwt",
	"application/entity-statement+jwt", "application/oauth-authz-req+jwt",
	"application/token-introspection+jwt", "application/client-authentication+jwt",
	"application/kb+jwt", "application/statuslist+jwt",
}

// takesType judges the JSON value of typ, which may be missing unless the rules
// name types.
func (r *Rules) takesType(value string) bool {
	if value == "" {
		return len(r.Types) == 0
	}
	typ, ok := ijson.Text(value)
	if !ok {
		return false
	}
	if len(r.Types) == 0 {
		return !hasType(otherTypes, typ)
	}
	return hasType(r.Types, typ)
}

func hasType(list []string, typ string) bool {
	for _, t := range list {
		if strings.EqualFold(mediaType(t), mediaType(typ)) {
			return true
		}
	}
	return false
}

// takesURL judges the JSON value of jku or x5u: it must be one of the rules'
// URLs, or lie below one that ends in a slash. A path that a client may resolve
// to another one is refused.
func (r *Rules) takesURL(value string) bool {
	if value == "" {
		return true
	}
	url, ok := ijson.Text(value)
	if !ok || strings.Contains(url, "..") || strings.ContainsAny(url, "%\\ \t\r\n") {
		return false
	}
	for _, allowed := range r.KeyURLs {
		if url == allowed || strings.HasSuffix(allowed, "/") && strings.HasPrefix(url, allowed) {
			return true
		}
	}
	return false
}

// maxKeyIDBytes: key ids are thumbprints, UUIDs, dates and URLs.
const maxKeyIDBytes = 512

// kidMarks are what key ids have none of and what turns the file name, the query
// or the command that is made of one into another. They are looked for in small
// letters.
var kidMarks = []string{
	"..", "\\", "'", "\"", "`", ";", "|", "$(", "${", "<", ">", "/*", "file:",
	"/etc/", "/dev/", "/proc/", "/var/", "/tmp/", "/home/", "/root/",
	" union ", " select ", " or ", " and ",
}

// plainKeyID judges the JSON value of kid, as it stands and with percent escapes
// decoded.
func plainKeyID(value string) bool {
	kid, ok := ijson.Text(value)
	if !ok || len(kid) > maxKeyIDBytes {
		return false
	}
	kid = strings.ToLower(unescape(kid))
	for i := range len(kid) {
		if kid[i] < ' ' || kid[i] == 0x7f {
			return false
		}
	}
	for _, mark := range kidMarks {
		if strings.Contains(kid, mark) {
			return false
		}
	}
	return true
}

// unescape decodes percent escapes once and leaves broken ones as they are.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, ok := hexByte(s[i+1 : i+3]); ok {
				out = append(out, n)
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
