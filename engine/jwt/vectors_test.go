package jwt

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// vectorFiles are Wycheproof's, when they lie beside the checkout.
const vectorFolder = "../../../shared/corpus/jwt/"

// exceptions are the vectors that get another verdict here than their own, by
// comment, each with its reason.
var exceptions = map[string]string{
	"InvalidCharacterInsertedInHeader":  "valid there, because many decoders skip a foreign character; RFC 7515, section 2, has none",
	"InvalidCharacterInsertedInPayload": "the same",
	"emptyPayload":                      "a fine JWS, but a JWT has claims",
	"invalidBase64Padding":              "the vector has no padding: it is vector 357, which is valid",
	"invalidBase64PaddingInPayload":     "the same",
	"Figure20":                          "PS384 with a key whose alg is PS256: a key that names an algorithm verifies no other (RFC 8725, section 3.1)",
	"Figure27":                          "the key's alg is ES521, which is no algorithm",
}

// misnamed are the exceptions that verify once the key no longer names an alg.
var misnamed = regexp.MustCompile(`"alg": *"[^"]*",`)

// undecryptable says why a vector for encryption has no verdict of ours.
const undecryptable = "no key for decrypting is ever given to the filter; only the form of an encrypted token is judged"

type vectorGroup struct {
	Comment         string
	Public, Private json.RawMessage
	Tests           []struct {
		TcID    int
		Comment string
		JWS     any
		JWE     any
		Result  string
	}
}

func readVectors(t *testing.T, name string) []vectorGroup {
	t.Helper()
	text, err := os.ReadFile(vectorFolder + name)
	if err != nil {
		t.Skip("the vectors are not in this checkout; the table tests cover the same checks")
	}
	var file struct{ TestGroups []vectorGroup }
	require.NoError(t, json.Unmarshal(text, &file))
	return file.TestGroups
}

// judgeJWS is Parse and Problems for a signed text whose payload may be anything,
// which is what the vectors have.
func judgeJWS(text string, keys *Keys) Problem {
	var token Token
	p := token.parse(text, Limits{})
	if p == ClaimsJSON || p == ClaimsText || p == Nested {
		parts := strings.Split(text, ".")
		if parts[1] == "" || !strict(parts[2]) {
			return p
		}
		token.claimsText, token.signature, p = "{}", decode(nil, parts[2]), OK
		if parts[2] == "" {
			return SignatureMissing
		}
	}
	if p != OK {
		return p
	}
	for _, found := range token.Problems(&Rules{Keys: keys}, time.Unix(0, 0)) {
		return found
	}
	return OK
}

func TestWycheproofVectorsGetTheirOwnVerdict(t *testing.T) {
	for _, name := range []string{"json_web_signature_test.json", "json_web_crypto_test.json"} {
		t.Run(name, func(t *testing.T) {
			same, different, encrypted := 0, 0, 0
			for _, group := range readVectors(t, name) {
				text := group.Public
				if text == nil {
					text = group.Private
				}
				keys, err := ParseKeys(string(text))
				for _, v := range group.Tests {
					if v.JWE != nil || v.JWS == nil && strings.HasPrefix(group.Comment, "jwe") {
						encrypted++
						continue
					}
					token, isText := v.JWS.(string)
					got := Parts // the JSON serialization, or nothing, is no bearer token
					if isText {
						got = judgeJWS(token, keys)
					}
					valid := isText && err == nil && got == OK
					if reason, ok := exceptions[v.Comment]; ok && valid != (v.Result == "valid") {
						different++
						if strings.HasPrefix(v.Comment, "Figure") {
							keys, err := ParseKeys(misnamed.ReplaceAllString(string(text), ""))
							require.NoError(t, err)
							require.Equal(t, OK, judgeJWS(token, keys), "vector %d without the key's alg", v.TcID)
						}
						t.Logf("vector %d %s: %s", v.TcID, v.Comment, reason)
						continue
					}
					same++
					require.Equal(t, v.Result == "valid", valid, "vector %d %s of %s: %s, keys: %v", v.TcID, v.Comment, group.Comment, got, err)
				}
			}
			t.Logf("%d as the vectors say, %d exceptions; %d of encryption: %s", same, different, encrypted, undecryptable)
			require.Greater(t, same, 45)
		})
	}
}
