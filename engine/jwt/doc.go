// Package jwt answers one question on the way from one HTTP exchange to one
// verdict: is this JSON Web Token one that a route should take?
//
// [Check] and [Parse] look at structure alone: three parts, strict base64url, a
// header and claims that are each one strict JSON object, an alg that is not
// none. A token that fails there is refused by every correct library; the ones
// that accept it anyway are the reason to stop it at the door (RFC 8725).
// [Token.Problems] goes on with what a policy says in [Rules]: what the header
// asks a library to do, algorithms, claims, and the signature when there are
// [Keys].
//
// The package imports little and allocates little, because it is linked into
// the WebAssembly filter and runs on each request that carries a token.
package jwt
