package jwt

// Problem is what is wrong with a token; OK when nothing is.
type Problem uint8

const (
	// OK: nothing is wrong as far as was looked.
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
	// HeaderNumber: the header holds a number that no double can hold.
	HeaderNumber
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
	// ClaimsNumber: the claims hold a number that no double can hold.
	ClaimsNumber
	// SignatureMissing: the last part is empty.
	SignatureMissing
	// SignatureBase64: padding, a foreign character or stray bits in the
	// signature, or in any part behind the header of an encrypted token.
	SignatureBase64

	// AlgNotAllowed: alg is not in Rules.Algorithms.
	AlgNotAllowed
	// AlgSymmetric: an HMAC where the keys or the algorithms are asymmetric. An
	// attacker signs with the public key as the secret (RFC 8725, section 2.1).
	AlgSymmetric

	// Critical: crit is malformed or names an extension; none is understood here
	// (RFC 7515, section 4.1.11).
	Critical
	// Unencoded: b64 is there. A JWT is always encoded (RFC 7797, section 7).
	Unencoded
	// Compressed: zip is there; what it inflates to is the receiver's surprise.
	Compressed
	// Iterations: p2c asks for more than maxIterations, or is no number.
	Iterations
	// EmbeddedKey: jwk or x5c brings the key to verify with (RFC 8725, section 3.10).
	EmbeddedKey
	// Nested: the payload is a token again.
	Nested
	// ContentType: cty says that the payload is something else than claims.
	ContentType
	// TypeConfused: typ names a token for another purpose (RFC 8725, section 3.11).
	TypeConfused

	// KeyURL: jku or x5u points outside Rules.KeyURLs (RFC 8725, section 3.10).
	KeyURL
	// KeyID: kid is not a string, or holds a path, SQL, a command or a control.
	KeyID

	// SignatureLength: alg never makes a signature of this length.
	SignatureLength
	// SignatureZero: an ECDSA signature with a zero in it, which careless
	// libraries take for any message (CVE-2022-21449).
	SignatureZero

	// KeysMissing: the keys are still to come (Rules.KeysAwaited).
	KeysMissing
	// KeyUnknown: no key fits kid and alg.
	KeyUnknown
	// SignatureWrong: the signature does not verify.
	SignatureWrong

	// Expired: exp is past (RFC 7519, section 4.1.4).
	Expired
	// TooEarly: nbf is in the future (RFC 7519, section 4.1.5).
	TooEarly
	// IssuedLater: iat is in the future.
	IssuedLater
	// DateInvalid: exp, nbf or iat is no number, or none that is a date.
	DateInvalid
	// LivesTooLong: exp is missing or later than Rules.MaxLifetime allows.
	LivesTooLong

	// IssuerWrong: iss is missing or not in Rules.Issuers.
	IssuerWrong
	// AudienceWrong: aud is missing or has none of Rules.Audiences.
	AudienceWrong
	// ClaimMissing: one of Rules.RequiredClaims is not there, null or empty.
	ClaimMissing

	// ScopeMissing: one of Rules.Scopes is not granted.
	ScopeMissing
	// RoleMissing: none of Rules.Roles is there.
	RoleMissing

	// Several: a request has two tokens where one is expected (RFC 6750, section 2).
	Several
	// Elsewhere: a token stands where the policy does not look for one.
	Elsewhere

	problemCount
)

// Class is the kind of check that found a problem. Each class has a rule of its
// own in rules/auth and a variable JWT:problem.NAME.
type Class uint8

// The classes, in the order of their rules.
const (
	ClassNone Class = iota
	ClassMalformed
	ClassMissing
	ClassAlgorithm
	ClassHeader
	ClassKeyURL
	ClassKeyID
	ClassSignature
	ClassUnverified
	ClassTime
	ClassClaims
	ClassPermission
	ClassElsewhere
	classCount
)

var classNames = [classCount]string{
	"", "malformed", "missing", "algorithm", "header", "key_url", "kid", "signature",
	"unverified", "time", "claims", "permission", "elsewhere",
}

// String gives the name, such as malformed.
func (c Class) String() string { return classNames[c] }

// Classes lists all classes.
func Classes() []Class {
	out := make([]Class, 0, classCount-1)
	for c := ClassMalformed; c < classCount; c++ {
		out = append(out, c)
	}
	return out
}

// problems says of each problem its class and, for a log line, a clause.
var problems = [problemCount]struct {
	class Class
	text  string
}{
	OK:               {ClassNone, ""},
	Missing:          {ClassMissing, "no bearer token"},
	TooLong:          {ClassMalformed, "longer than allowed"},
	Parts:            {ClassMalformed, "not three parts"},
	Encrypted:        {ClassMalformed, "encrypted where a signed token is expected"},
	HeaderBase64:     {ClassMalformed, "header is not strict base64url"},
	HeaderJSON:       {ClassMalformed, "header is not one JSON object"},
	HeaderText:       {ClassMalformed, "header is not UTF-8 text"},
	HeaderDuplicate:  {ClassMalformed, "header names a member twice"},
	HeaderLimits:     {ClassMalformed, "header has too many levels or members"},
	HeaderNumber:     {ClassMalformed, "header has a number out of range"},
	AlgMissing:       {ClassMalformed, "header has no alg"},
	AlgInvalid:       {ClassMalformed, "alg is not a name"},
	AlgNone:          {ClassMalformed, "alg is none"},
	EncMissing:       {ClassMalformed, "five parts, but the header has no enc"},
	ClaimsBase64:     {ClassMalformed, "claims are not strict base64url"},
	ClaimsJSON:       {ClassMalformed, "claims are not one JSON object"},
	ClaimsText:       {ClassMalformed, "claims are not UTF-8 text"},
	ClaimsDuplicate:  {ClassMalformed, "claims name a member twice"},
	ClaimsLimits:     {ClassMalformed, "claims have too many levels or members"},
	ClaimsNumber:     {ClassMalformed, "claims have a number out of range"},
	SignatureMissing: {ClassMalformed, "signature is empty"},
	SignatureBase64:  {ClassMalformed, "signature is not strict base64url"},
	AlgNotAllowed:    {ClassAlgorithm, "alg is not one that this route takes"},
	AlgSymmetric:     {ClassAlgorithm, "alg is symmetric where this route expects an asymmetric one"},
	Critical:         {ClassHeader, "crit is malformed or names an extension"},
	Unencoded:        {ClassHeader, "b64 is set"},
	Compressed:       {ClassHeader, "zip is set"},
	Iterations:       {ClassHeader, "p2c asks for too much work"},
	EmbeddedKey:      {ClassHeader, "header brings its own key"},
	Nested:           {ClassHeader, "claims are a token again"},
	ContentType:      {ClassHeader, "cty says that the claims are none"},
	TypeConfused:     {ClassHeader, "typ is that of another kind of token"},
	KeyURL:           {ClassKeyURL, "jku or x5u points elsewhere than allowed"},
	KeyID:            {ClassKeyID, "kid is no plain name"},
	SignatureLength:  {ClassSignature, "signature has a length that alg never has"},
	SignatureZero:    {ClassSignature, "signature is zero"},
	KeysMissing:      {ClassUnverified, "the keys of this route have not been fetched yet"},
	KeyUnknown:       {ClassUnverified, "no key of the policy fits"},
	SignatureWrong:   {ClassUnverified, "signature does not verify"},
	Expired:          {ClassTime, "expired"},
	TooEarly:         {ClassTime, "not valid yet"},
	IssuedLater:      {ClassTime, "issued in the future"},
	DateInvalid:      {ClassTime, "exp, nbf or iat is no date"},
	LivesTooLong:     {ClassTime, "lives longer than allowed"},
	IssuerWrong:      {ClassClaims, "iss is not one of this route"},
	AudienceWrong:    {ClassClaims, "aud is not one of this route"},
	ClaimMissing:     {ClassClaims, "a required claim is missing"},
	ScopeMissing:     {ClassPermission, "a scope is missing"},
	RoleMissing:      {ClassPermission, "none of the roles is there"},
	Several:          {ClassMissing, "more than one token"},
	Elsewhere:        {ClassElsewhere, "a token where none is expected"},
}

// String gives the problem as a clause for a log line, such as "alg is none";
// it never holds a byte of the token. OK gives "".
func (p Problem) String() string { return problems[p].text }

// Class says which kind of check finds the problem.
func (p Problem) Class() Class { return problems[p].class }
