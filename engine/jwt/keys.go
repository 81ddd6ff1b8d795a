package jwt

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tabard/engine/ijson"
)

// Keys verify signatures: a JSON Web Key Set (RFC 7517) for reading only. It is
// safe for concurrent use.
type Keys struct {
	keys      []key
	symmetric bool // all of them are shared secrets; otherwise none is

	mu             sync.Mutex
	recent, before map[[32]byte]bool // hashes of tokens that verified
}

// key is one public key or secret. One of its last fields is set.
type key struct {
	id, alg string
	secret  []byte
	rsa     *rsaKey
	ed      ed25519.PublicKey
	curve   *curve
	point   point // on curve
}

// maxKeys bounds a set; those of large identity providers have fewer than ten.
const maxKeys = 64

// ParseKeys reads a JSON Web Key Set, or one JSON Web Key. Keys for another use
// than signatures and of a type that is not known are left out, as RFC 7517,
// section 5, asks for. The error names the key and the member, and is also there
// when nothing is left, for a private key, and for secrets beside public keys:
// with both, a public key may be taken for a secret.
func ParseKeys(text string) (*Keys, error) {
	set, err := readSet(text)
	if err != nil {
		return nil, err
	}
	out := &Keys{}
	for i, value := range set {
		k, err := parseKey(value)
		if err != nil {
			return nil, errors.New("keys[" + strconv.Itoa(i) + "]" + err.Error())
		}
		if k == nil {
			continue
		}
		if len(out.keys) > 0 && out.symmetric != (k.secret != nil) {
			return nil, errors.New("keys[" + strconv.Itoa(i) + "]: secrets (oct) and public keys cannot be in one set: use two routes")
		}
		out.keys, out.symmetric = append(out.keys, *k), k.secret != nil
	}
	if len(out.keys) == 0 {
		return nil, errors.New("there is no key for signatures among the keys: RSA, EC (P-256, P-384, P-521), OKP (Ed25519) and oct are known")
	}
	return out, nil
}

// Len is how many keys there are.
func (k *Keys) Len() int { return len(k.keys) }

// Symmetric says that the keys are secrets, which sign as well as verify.
func (k *Keys) Symmetric() bool { return k.symmetric }

// readSet gives the keys of a set, or the one key.
func readSet(text string) ([]string, error) {
	list, isSet := "", false
	p, offset := readObject(text, func(name, value string) {
		if name == "keys" {
			list, isSet = value, true
		}
	})
	if p != ijson.OK {
		return nil, errors.New(place(text, offset) + ": " + p.String() + "; write {\"keys\": [...]}")
	}
	if !isSet {
		return []string{text}, nil
	}
	set := ijson.Elements(list)
	if set == nil || len(set) > maxKeys {
		return nil, errors.New("keys must be a list of 1 to " + strconv.Itoa(maxKeys) + " keys")
	}
	return set, nil
}

// place is an offset in a text, for people.
func place(text string, offset int) string {
	before := text[:offset]
	return "line " + strconv.Itoa(1+strings.Count(before, "\n")) + ", column " + strconv.Itoa(offset-strings.LastIndexByte(before, '\n'))
}

// keyMembers are the members of a key.
type keyMembers map[string]string

// bytes decodes a base64url member.
func (m keyMembers) bytes(name string) ([]byte, error) {
	text, ok := ijson.Text(m[name])
	if !ok || text == "" {
		return nil, errors.New(": " + name + " is missing")
	}
	if !strict(text) {
		return nil, errors.New("." + name + " is not strict base64url")
	}
	return decode(nil, text), nil
}

// parseKey reads one key; nil is one that is not for verifying signatures.
func parseKey(value string) (*key, error) {
	m := keyMembers{}
	if p, _ := readObject(value, func(name, value string) { m[name] = value }); p != ijson.OK {
		return nil, errors.New(" is not a JSON object")
	}
	if m["d"] != "" {
		return nil, errors.New(" is a private key: write its public part, without d")
	}
	if !m.verifies() {
		return nil, nil
	}
	k := &key{id: textOr(m["kid"]), alg: textOr(m["alg"])}
	switch textOr(m["kty"]) {
	case "oct":
		return k, k.readSecret(m)
	case "RSA":
		return k, k.readRSA(m)
	case "EC":
		if k.curve = curves[textOr(m["crv"])]; k.curve == nil {
			return nil, nil
		}
		return k, k.readEC(m)
	case "OKP":
		if textOr(m["crv"]) != "Ed25519" {
			return nil, nil
		}
		return k, k.readEd(m)
	}
	return nil, nil
}

// verifies reads use and key_ops (RFC 7517, sections 4.2 and 4.3).
func (m keyMembers) verifies() bool {
	if use := m["use"]; use != "" && textOr(use) != "sig" {
		return false
	}
	ops := m["key_ops"]
	return ops == "" || slices.Contains(valuesOf(ops), "verify")
}

// minSecretBytes is the shortest secret: RFC 7518, section 3.2, wants as many
// bytes as the hash has, and SHA-256 is the shortest.
const minSecretBytes = 32

func (k *key) readSecret(m keyMembers) (err error) {
	k.secret, err = m.bytes("k")
	if err == nil && len(k.secret) < minSecretBytes {
		err = errors.New(".k is shorter than 32 bytes")
	}
	return err
}

// maxExponentBytes: 65537 has three bytes, and each one more is work for every
// token.
const maxExponentBytes = 4

func (k *key) readRSA(m keyMembers) error {
	n, err := m.bytes("n")
	if err != nil {
		return err
	}
	e, err := m.bytes("e")
	if err != nil {
		return err
	}
	if len(n) < minRSABytes || len(n) > maxRSABytes {
		return errors.New(".n has " + strconv.Itoa(8*len(n)) + " bits: 2048 to 16384 are safe")
	}
	modulus, ok := newModulus(n)
	switch {
	case !ok:
		return errors.New(".n is no modulus: it is odd and begins with no zero byte")
	case len(e) > maxExponentBytes || e[0] == 0 || e[len(e)-1]&1 == 0 || len(e) == 1 && e[0] < 3:
		return errors.New(".e is no exponent: it is AQAB, with few exceptions")
	}
	k.rsa = &rsaKey{n: modulus, e: e}
	if isROCA(modulus) {
		return errors.New(".n was made by a broken generator (CVE-2017-15361): its private key can be computed, replace it")
	}
	return nil
}

func (k *key) readEC(m keyMembers) error {
	x, err := m.bytes("x")
	if err != nil {
		return err
	}
	y, err := m.bytes("y")
	if err != nil {
		return err
	}
	if len(x) != k.curve.bytes || len(y) != k.curve.bytes {
		return errors.New(".x and y must have " + strconv.Itoa(k.curve.bytes) + " bytes each on this curve")
	}
	point, ok := k.curve.read(x, y)
	if !ok {
		return errors.New(".x and y are no point of the curve")
	}
	k.point = point
	return nil
}

func (k *key) readEd(m keyMembers) error {
	x, err := m.bytes("x")
	if err == nil && len(x) != ed25519.PublicKeySize {
		err = errors.New(".x must have 32 bytes")
	}
	k.ed = x
	return err
}

// isROCA says whether an RSA modulus is one of the Infineon library's, whose
// primes, and so their product, are powers of 65537 modulo every small prime. A
// sound modulus is with probability below 2^-27.
func isROCA(n *modulus) bool {
	for _, p := range [...]uint64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} {
		rest, power, found := n.modSmall(p), uint64(1), false
		for range p {
			found = found || power == rest
			power = power * 65537 % p
		}
		if !found {
			return false
		}
	}
	return true
}
