package jwt

// Problem is what is wrong with a token; OK when nothing is.
type Problem uint8

const (
	// OK: the token is well-formed. Its signature has not been looked at.
	OK Problem = iota
	// Missing: there is no bearer token, or an empty one.
	Missing
	// TooLong: the token has more bytes than Limits.MaxBytes.
	TooLong
	// Parts: a signed token has three parts and an encrypted one five.
	Parts
	// Encrypted: an RFC 7516 token where Limits allow only signed ones.
	Encrypted
	// HeaderBase64: padding, a foreign character or stray bits in the header.
	HeaderBase64
	// HeaderJSON: the header is not one JSON object.
	HeaderJSON
	// HeaderText: the header is not UTF-8 or escapes half a surrogate pair.
	HeaderText
	// HeaderDuplicate: the header names a member twice, in any case of letters.
	HeaderDuplicate
	// HeaderLimits: the header is nested too deep or has too many members.
	HeaderLimits
	// AlgMissing: the header has no alg (RFC 7515, section 4.1.1).
	AlgMissing
	// AlgInvalid: alg is not a string, is empty or holds blanks or controls.
	AlgInvalid
	// AlgNone: alg is none in some spelling (RFC 8725, section 3.2).
	AlgNone
	// EncMissing: five parts, but the header has no enc.
	EncMissing
	// ClaimsBase64: padding, a foreign character or stray bits in the claims.
	ClaimsBase64
	// ClaimsJSON: the claims are not one JSON object.
	ClaimsJSON
	// ClaimsText: the claims are not UTF-8 or escape half a surrogate pair.
	ClaimsText
	// ClaimsDuplicate: an object of the claims names a member twice.
	ClaimsDuplicate
	// ClaimsLimits: the claims are nested too deep or have too many members.
	ClaimsLimits
	// SignatureMissing: the last part is empty.
	SignatureMissing
	// SignatureBase64: padding, a foreign character or stray bits in the
	// signature, or in any part behind the header of an encrypted token.
	SignatureBase64
)

var problemTexts = [...]string{
	OK:               "",
	Missing:          "no bearer token",
	TooLong:          "longer than allowed",
	Parts:            "not three parts",
	Encrypted:        "encrypted where a signed token is expected",
	HeaderBase64:     "header is not strict base64url",
	HeaderJSON:       "header is not one JSON object",
	HeaderText:       "header is not UTF-8 text",
	HeaderDuplicate:  "header names a member twice",
	HeaderLimits:     "header has too many levels or members",
	AlgMissing:       "header has no alg",
	AlgInvalid:       "alg is not a name",
	AlgNone:          "alg is none",
	EncMissing:       "five parts, but the header has no enc",
	ClaimsBase64:     "claims are not strict base64url",
	ClaimsJSON:       "claims are not one JSON object",
	ClaimsText:       "claims are not UTF-8 text",
	ClaimsDuplicate:  "claims name a member twice",
	ClaimsLimits:     "claims have too many levels or members",
	SignatureMissing: "signature is empty",
	SignatureBase64:  "signature is not strict base64url",
}

// String gives the problem as a clause for a log line, such as "alg is none";
// it never holds a byte of the token. OK gives "".
func (p Problem) String() string { return problemTexts[p] }
