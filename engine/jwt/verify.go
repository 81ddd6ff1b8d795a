package jwt

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// hashOf gives the hash function of an algorithm that ends in its bits.
func hashOf(alg string) func() hash.Hash {
	switch alg[2:] {
	case "256":
		return sha256.New
	case "384":
		return sha512.New384
	}
	return sha512.New
}

// maxTries is how many keys are tried for a token without kid, since each costs
// a millisecond in Envoy.
const maxTries = 8

// verify says whether a key of the set made the token's signature. kid and alg
// choose: a key that names an algorithm verifies no other, so that an attacker
// has none to choose from (RFC 8725, section 3.1).
func (k *Keys) verify(t *Token) Problem {
	sum := sha256.Sum256([]byte(t.text))
	if k.verified(sum) {
		return OK
	}
	alg, kid, tries := t.Alg(), t.KeyID(), 0
	for i := range k.keys {
		key := &k.keys[i]
		if t.header.kid != "" && key.id != "" && key.id != kid || !key.fits(alg) {
			continue
		}
		if tries++; tries > maxTries {
			break
		}
		if key.verify(alg, t) {
			k.remember(sum)
			return OK
		}
	}
	if tries == 0 {
		return KeyUnknown
	}
	return SignatureWrong
}

// fits says whether the key is one for the algorithm.
func (k *key) fits(alg string) bool {
	if k.alg != "" && k.alg != alg && !(k.ed != nil && k.alg == "Ed25519" && alg == "EdDSA") {
		return false
	}
	switch alg {
	case "HS256", "HS384", "HS512":
		return k.secret != nil && len(k.secret) >= hashOf(alg)().Size()
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		return k.rsa != nil
	case "ES256", "ES384", "ES512":
		return k.curve != nil && k.curve.alg == alg
	case "EdDSA", "Ed25519":
		return k.ed != nil
	}
	return false
}

func (k *key) verify(alg string, t *Token) bool {
	signed := t.text[:len(t.text)-len(t.signaturePart())-1]
	if k.ed != nil {
		return ed25519.Verify(k.ed, []byte(signed), t.signature)
	}
	newHash := hashOf(alg)
	if k.secret != nil {
		mac := hmac.New(newHash, k.secret)
		mac.Write([]byte(signed))
		return hmac.Equal(mac.Sum(nil), t.signature)
	}
	h := newHash()
	h.Write([]byte(signed))
	digest := h.Sum(nil)
	switch {
	case k.curve != nil:
		return k.curve.verify(k.point, digest, t.signature)
	case alg[0] == 'P':
		return k.rsa.verifyPSS(newHash, digest, t.signature)
	default:
		return k.rsa.verifyPKCS1(digest, t.signature)
	}
}

// maxVerified is how many tokens the set remembers as verified, twice over. A
// client sends the same token many times, and a signature costs more than all
// the rest. Only tokens that verified are kept, so a stranger can push none out.
const maxVerified = 1024

func (k *Keys) verified(sum [32]byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.recent[sum] || k.before[sum]
}

func (k *Keys) remember(sum [32]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.recent == nil || len(k.recent) >= maxVerified {
		k.before, k.recent = k.recent, make(map[[32]byte]bool)
	}
	k.recent[sum] = true
}
