// Package jwt answers one question on the way from one HTTP exchange to one
// verdict: is this bearer token built like a JSON Web Token?
//
// It looks at structure only and knows no keys: three parts, strict base64url,
// a header and claims that are each one strict JSON object, an alg that is not
// none. A token that fails here is refused by every correct library; the ones
// that accept it anyway are the reason to stop it at the door (RFC 8725).
//
// The package imports little and allocates little, because it is linked into
// the WebAssembly filter and runs on each request that carries a token.
package jwt
