package jwt_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/jwt"
)

const vectors = "../../../shared/corpus/jwt/json_web_signature_test.json"

// TestWycheproofStructure runs the public vectors for JSON Web Signatures as
// far as structure goes. Their payloads are mostly "foo", numbers and bytes: a
// fine JWS, but no JWT, so a payload that is well encoded is replaced by {}.
func TestWycheproofStructure(t *testing.T) {
	text, err := os.ReadFile(vectors)
	if err != nil {
		t.Skip("the vectors are not in this checkout; table tests cover the same structure")
	}
	var file struct {
		TestGroups []struct {
			Tests []struct {
				TcID    int
				Comment string
				JWS     any
				Result  string
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	counts := map[string]int{}
	for _, group := range file.TestGroups {
		for _, v := range group.Tests {
			token, ok := v.JWS.(string)
			if !ok {
				continue // the JSON serialization is not a bearer token
			}
			got := jwt.Check(token, jwt.Limits{})
			if parts := strings.Split(token, "."); len(parts) == 3 && parts[1] != "" && (got == jwt.ClaimsJSON || got == jwt.ClaimsText) {
				got = jwt.Check(parts[0]+".e30."+parts[2], jwt.Limits{})
			}
			wellFormed := got == jwt.OK
			switch {
			case v.Comment == "InvalidCharacterInsertedInHeader", v.Comment == "InvalidCharacterInsertedInPayload", v.Comment == "emptyPayload":
				// RFC 7515 forbids the "?" that the vectors tolerate, and a
				// JWT, other than a JWS, has claims.
				require.False(t, wellFormed, "vector %d %s", v.TcID, v.Comment)
			case v.Result == "valid":
				require.True(t, wellFormed, "vector %d %s: %s", v.TcID, v.Comment, got)
				counts["valid"]++
			case structural(v.Comment):
				require.False(t, wellFormed, "vector %d %s", v.TcID, v.Comment)
				counts["refused"]++
			}
		}
	}
	t.Logf("valid and well-formed: %d, refused for their structure: %d", counts["valid"], counts["refused"])
	require.Greater(t, counts["valid"], 30)
	require.Greater(t, counts["refused"], 40)
}

// structural says whether the name of a vector speaks of its form and not of
// its key or signature. (Two named invalidBase64Padding are well encoded.)
func structural(comment string) bool {
	for _, word := range []string{
		"AndSeparator", "rejectsMissing", "rejectsExtra", "NoneAlgorithm", "algIsNone", "UnusedBits", "rejectsEmptyString",
		"spacesIn", "rejectsSpaces", "nvalidCharacter",
	} {
		if strings.Contains(comment, word) {
			return true
		}
	}
	return false
}
