package jwt_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/jwt"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// signed gives a token with a signature of 32 bytes that means nothing.
func signed(header, claims string) string {
	return b64(header) + "." + b64(claims) + "." + b64(strings.Repeat("s", 32))
}

const (
	goodHeader = `{"alg":"RS256","typ":"JWT","kid":"2026-11"}`
	goodClaims = `{"iss":"https://id.example","sub":"u1","aud":["a","b"],"exp":1.8e9,"admin":false,"r":{"x":null}}`
)

func TestCheckHeaderAndAlg(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		want   jwt.Problem
	}{
		"an ordinary header is fine":                  {goodHeader, jwt.OK},
		"blanks between tokens are JSON":              {" {\n\t\"alg\" : \"ES256\"\r\n} ", jwt.OK},
		"a URI may be an alg":                         {`{"alg":"https://alg.example/x"}`, jwt.OK},
		"a name that only begins like none is an alg": {`{"alg":"none1"}`, jwt.OK},
		"alg may be written with escapes":             {`{"\u0061lg":"HS\u0032\u0035\u0036"}`, jwt.OK},
		"the largest double":                          {`{"alg":"HS256","x":1.7976931348623157e308}`, jwt.OK},
		"a number above all doubles":                  {`{"alg":"HS256","x":1e309}`, jwt.HeaderNumber},
		"a number above all doubles, written out":     {`{"alg":"HS256","x":1` + strings.Repeat("0", 309) + `}`, jwt.HeaderNumber},
		"a nested object may repeat an outer name":    {`{"alg":"HS256","jwk":{"alg":"HS256"}}`, jwt.OK},
		"no alg":                                        {`{"typ":"JWT"}`, jwt.AlgMissing},
		"an empty header has no alg":                    {`{}`, jwt.AlgMissing},
		"Alg is not alg":                                {`{"Alg":"HS256"}`, jwt.AlgMissing},
		"a nested alg does not count":                   {`{"jwk":{"alg":"HS256"}}`, jwt.AlgMissing},
		"alg is a number":                               {`{"alg":256}`, jwt.AlgInvalid},
		"alg is null":                                   {`{"alg":null}`, jwt.AlgInvalid},
		"alg is a list":                                 {`{"alg":["HS256"]}`, jwt.AlgInvalid},
		"alg is empty":                                  {`{"alg":""}`, jwt.AlgInvalid},
		"alg holds a blank":                             {`{"alg":"HS256 "}`, jwt.AlgInvalid},
		"alg holds an escaped NUL":                      {`{"alg":"HS256\u0000"}`, jwt.AlgInvalid},
		"alg holds a letter outside ASCII":              {`{"alg":"ＨＳ256"}`, jwt.AlgInvalid},
		"alg is none":                                   {`{"alg":"none"}`, jwt.AlgNone},
		"alg is NONE":                                   {`{"alg":"NONE"}`, jwt.AlgNone},
		"alg is nOnE":                                   {`{"alg":"nOnE"}`, jwt.AlgNone},
		"alg is none with blanks around it":             {`{"alg":" none\t"}`, jwt.AlgNone},
		"alg is none with an escaped letter":            {`{"alg":"n\u006fne"}`, jwt.AlgNone},
		"alg is none with an escaped newline":           {`{"alg":"none\n"}`, jwt.AlgNone},
		"alg is none with a zero-width space":           {"{\"alg\":\"no\u200bne\"}", jwt.AlgNone},
		"alg is none with a NUL":                        {`{"alg":"none\u0000"}`, jwt.AlgNone},
		"alg twice":                                     {`{"alg":"HS256","alg":"none"}`, jwt.HeaderDuplicate},
		"alg twice, once escaped":                       {`{"alg":"HS256","\u0061lg":"none"}`, jwt.HeaderDuplicate},
		"alg twice in different letters":                {`{"alg":"HS256","ALG":"none"}`, jwt.HeaderDuplicate},
		"a member twice, once with the Kelvin sign":     {`{"alg":"HS256","kid":"a","\u212aid":"b"}`, jwt.HeaderDuplicate},
		"a member twice, once with a long s":            {`{"alg":"HS256","crit":[],"x5t#s256":1,"x5t#\u017f256":2}`, jwt.HeaderDuplicate},
		"a member twice inside an object":               {`{"alg":"HS256","jwk":{"k":1,"k":2}}`, jwt.HeaderDuplicate},
		"a list":                                        {`[{"alg":"HS256"}]`, jwt.HeaderJSON},
		"a string":                                      {`"alg"`, jwt.HeaderJSON},
		"nothing":                                       {``, jwt.HeaderJSON},
		"two objects":                                   {`{"alg":"HS256"}{"alg":"none"}`, jwt.HeaderJSON},
		"text behind the object":                        {`{"alg":"HS256"}x`, jwt.HeaderJSON},
		"a comma too many":                              {`{"alg":"HS256",}`, jwt.HeaderJSON},
		"a comma instead of a member":                   {`{,}`, jwt.HeaderJSON},
		"a name without quotes":                         {`{alg:"HS256"}`, jwt.HeaderJSON},
		"single quotes":                                 {`{'alg':'HS256'}`, jwt.HeaderJSON},
		"no colon":                                      {`{"alg" "HS256"}`, jwt.HeaderJSON},
		"no value":                                      {`{"alg":}`, jwt.HeaderJSON},
		"an open string":                                {`{"alg":"HS256`, jwt.HeaderJSON},
		"an open object":                                {`{"alg":"HS256"`, jwt.HeaderJSON},
		"an open list":                                  {`{"alg":"HS256","crit":["b64"`, jwt.HeaderJSON},
		"a list without commas":                         {`{"alg":"HS256","crit":["a" "b"]}`, jwt.HeaderJSON},
		"a list with a comma too many":                  {`{"alg":"HS256","crit":["a",]}`, jwt.HeaderJSON},
		"a raw newline in a string":                     {"{\"alg\":\"HS256\n\"}", jwt.HeaderJSON},
		"a raw NUL in a string":                         {"{\"alg\":\"HS256\x00\"}", jwt.HeaderJSON},
		"an unknown escape":                             {`{"alg":"HS\x32"}`, jwt.HeaderJSON},
		"an escape with too few digits":                 {`{"alg":"\u00"}`, jwt.HeaderJSON},
		"an escape with other letters":                  {`{"alg":"\u00zz"}`, jwt.HeaderJSON},
		"a comment":                                     {`{"alg":"HS256"/**/}`, jwt.HeaderJSON},
		"NaN":                                           {`{"alg":"HS256","x":NaN}`, jwt.HeaderJSON},
		"True":                                          {`{"alg":"HS256","x":True}`, jwt.HeaderJSON},
		"a number with a leading zero":                  {`{"alg":"HS256","x":01}`, jwt.HeaderJSON},
		"a number with a plus":                          {`{"alg":"HS256","x":+1}`, jwt.HeaderJSON},
		"a number that ends in a point":                 {`{"alg":"HS256","x":1.}`, jwt.HeaderJSON},
		"a number that begins with a point":             {`{"alg":"HS256","x":.1}`, jwt.HeaderJSON},
		"a number with an empty exponent":               {`{"alg":"HS256","x":1e}`, jwt.HeaderJSON},
		"a hexadecimal number":                          {`{"alg":"HS256","x":0x1}`, jwt.HeaderJSON},
		"a minus alone":                                 {`{"alg":"HS256","x":-}`, jwt.HeaderJSON},
		"all forms of numbers":                          {`{"alg":"HS256","x":[0,-0,1,-1.5,1e9,1E+9,12.5e-3]}`, jwt.OK},
		"all escapes":                                   {`{"alg":"HS256","x":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, jwt.OK},
		"a byte order mark":                             {"\xef\xbb\xbf" + goodHeader, jwt.HeaderJSON},
		"a byte that is not UTF-8":                      {"{\"alg\":\"HS256\",\"kid\":\"\xff\"}", jwt.HeaderText},
		"an overlong form":                              {"{\"alg\":\"HS256\",\"kid\":\"\xc0\xaf\"}", jwt.HeaderText},
		"half a surrogate pair":                         {`{"alg":"HS256","kid":"\ud83d"}`, jwt.HeaderText},
		"a surrogate pair in the wrong order":           {`{"alg":"HS256","kid":"\ude00\ud83d"}`, jwt.HeaderText},
		"a high surrogate and a letter":                 {`{"alg":"HS256","kid":"\ud83d\u0041"}`, jwt.HeaderText},
		"16 levels are the most":                        {`{"alg":"HS256","x":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`, jwt.OK},
		"17 levels are one too many":                    {`{"alg":"HS256","x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, jwt.HeaderLimits},
		"brackets that nobody closes stop at the limit": {`{"alg":"HS256","x":` + strings.Repeat("[", 4000), jwt.HeaderLimits},
		"256 members are the most":                      {`{"alg":"HS256"` + members(255) + `}`, jwt.OK},
		"257 members are one too many":                  {`{"alg":"HS256"` + members(256) + `}`, jwt.HeaderLimits},
		"members of sibling objects do not add up":      {`{"alg":"HS256","a":{"z":0` + members(200) + `},"b":{"z":0` + members(200) + `}}`, jwt.OK},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want.String(), jwt.Check(signed(c.header, goodClaims), jwt.Limits{}).String())
		})
	}
}

// members gives n members, each with a comma before it.
func members(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"m` + string(rune('a'+i/26)) + string(rune('a'+i%26)) + `":0`)
	}
	return b.String()
}

func TestCheckPartsAndEncoding(t *testing.T) {
	h, c, s := b64(goodHeader), b64(goodClaims), b64(strings.Repeat("s", 32))
	for name, row := range map[string]struct {
		token string
		want  jwt.Problem
	}{
		"three parts are fine":                      {h + "." + c + "." + s, jwt.OK},
		"an empty token":                            {"", jwt.Missing},
		"one part":                                  {h, jwt.Parts},
		"two parts":                                 {h + "." + c, jwt.Parts},
		"four parts":                                {h + "." + c + "." + s + "." + s, jwt.Parts},
		"an empty fourth part":                      {h + "." + c + "." + s + ".", jwt.Parts},
		"six parts":                                 {h + ".a.b.c.d.e", jwt.Parts},
		"only dots":                                 {"..", jwt.HeaderJSON},
		"no signature":                              {h + "." + c + ".", jwt.SignatureMissing},
		"no claims":                                 {h + ".." + s, jwt.ClaimsJSON},
		"no header":                                 {"." + c + "." + s, jwt.HeaderJSON},
		"padding in the header":                     {b64(goodHeader+" ") + "==." + c + "." + s, jwt.HeaderBase64},
		"padding in the claims":                     {h + "." + c + "=." + s, jwt.ClaimsBase64},
		"padding in the signature":                  {h + "." + c + "." + s + "=", jwt.SignatureBase64},
		"a plus of the other alphabet":              {h + "." + c + ".+" + s[1:], jwt.SignatureBase64},
		"a slash of the other alphabet":             {h + "." + c + "./" + s[1:], jwt.SignatureBase64},
		"a newline in the claims":                   {h + "." + c[:4] + "\n" + c[4:] + "." + s, jwt.ClaimsBase64},
		"a blank in the header":                     {h[:4] + " " + h[4:] + "." + c + "." + s, jwt.HeaderBase64},
		"a NUL in the signature":                    {h + "." + c + "." + s[:4] + "\x00" + s[5:], jwt.SignatureBase64},
		"a byte above ASCII":                        {h + "." + c + "." + s[:4] + "\xe9" + s[5:], jwt.SignatureBase64},
		"one character too many":                    {h + "." + c + "." + s + "AA", jwt.SignatureBase64},
		"stray bits behind one byte":                {h + "." + c + ".AB", jwt.SignatureBase64},
		"no stray bits behind one byte":             {h + "." + c + ".AQ", jwt.OK},
		"stray bits behind two bytes":               {h + "." + c + ".AAB", jwt.SignatureBase64},
		"no stray bits behind two bytes":            {h + "." + c + ".AAE", jwt.OK},
		"claims that are a number":                  {signed(goodHeader, "1"), jwt.ClaimsJSON},
		"claims that are a nested token":            {signed(goodHeader, h+"."+c+"."+s), jwt.Nested},
		"claims with a member twice":                {signed(goodHeader, `{"sub":"u1","sub":"u2"}`), jwt.ClaimsDuplicate},
		"claims may differ in letters":              {signed(goodHeader, `{"sub":"u1","Sub":"u2"}`), jwt.OK},
		"claims that are not UTF-8":                 {signed(goodHeader, "{\"sub\":\"\xe9\"}"), jwt.ClaimsText},
		"claims with 17 levels":                     {signed(goodHeader, `{"a":`+strings.Repeat("[", 16)+strings.Repeat("]", 16)+`}`), jwt.ClaimsLimits},
		"empty claims are an object":                {signed(goodHeader, "{}"), jwt.OK},
		"two tokens joined by a proxy":              {h + "." + c + "." + s + ", Bearer " + h + "." + c + "." + s, jwt.Encrypted},
		"five parts where signed ones are expected": {b64(`{"alg":"dir","enc":"A256GCM"}`) + "..aaaa.aaaa.aaaa", jwt.Encrypted},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want.String(), jwt.Check(row.token, jwt.Limits{}).String())
		})
	}
}

func TestCheckEncrypted(t *testing.T) {
	h := b64(`{"alg":"dir","enc":"A256GCM"}`)
	for name, row := range map[string]struct {
		token string
		want  jwt.Problem
	}{
		"an encrypted token":                  {h + ".aaaa.aaaa.aaaa.aaaa", jwt.OK},
		"key and IV may be empty":             {h + "...aaaa.aaaa", jwt.OK},
		"a signed token is still fine":        {signed(goodHeader, goodClaims), jwt.OK},
		"alg none":                            {b64(`{"alg":"none","enc":"A256GCM"}`) + "..aaaa.aaaa.aaaa", jwt.AlgNone},
		"no enc":                              {b64(`{"alg":"dir"}`) + "..aaaa.aaaa.aaaa", jwt.EncMissing},
		"an empty tag":                        {h + "..aaaa.aaaa.", jwt.SignatureMissing},
		"a bad character in the cipher text":  {h + "..aaaa.aa*a.aaaa", jwt.SignatureBase64},
		"a header that is not strict":         {h + "=..aaaa.aaaa.aaaa", jwt.HeaderBase64},
		"an encrypted token without its tag":  {h + "..aaaa.aaaa", jwt.Parts},
		"two signed tokens joined by a comma": {signed(goodHeader, goodClaims) + "," + signed(goodHeader, goodClaims), jwt.EncMissing},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want.String(), jwt.Check(row.token, jwt.Limits{Encrypted: true}).String())
		})
	}
}

func TestCheckSize(t *testing.T) {
	token := signed(goodHeader, goodClaims)
	require.Equal(t, jwt.OK, jwt.Check(token, jwt.Limits{MaxBytes: len(token)}), "a token of the longest size passes")
	require.Equal(t, jwt.TooLong, jwt.Check(token, jwt.Limits{MaxBytes: len(token) - 1}), "one byte more does not")
	long := signed(goodHeader, `{"x":"`+strings.Repeat("y", jwt.DefaultMaxBytes)+`"}`)
	require.Equal(t, jwt.TooLong, jwt.Check(long, jwt.Limits{}), "without a limit the default holds")
	require.Equal(t, jwt.OK, jwt.Check(long, jwt.Limits{MaxBytes: 1 << 20}), "a policy may allow more")
}

func TestLooks(t *testing.T) {
	for name, row := range map[string]struct {
		token string
		want  bool
	}{
		"a token":                                    {signed(goodHeader, goodClaims), true},
		"a token without signature":                  {b64(goodHeader) + "." + b64(goodClaims), true},
		"a header alone that names alg":              {b64(goodHeader), true},
		"a header cut in the middle":                 {b64(goodHeader)[:18], true},
		"a header with blanks first":                 {b64(" \n"+goodHeader) + ".e30.x", true},
		"a header behind a byte order mark":          {b64("\xef\xbb\xbf"+goodHeader) + ".e30.x", true},
		"a header without alg but with typ JWT":      {b64(`{"typ":"at+jwt"}`) + ".e30.x", true},
		"a header of an encrypted token":             {b64(`{"enc":"A256GCM"}`) + "....", true},
		"a header in the other alphabet":             {base64.StdEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"??>>??"}`)) + ".e30.x", true},
		"a broken header before a dot":               {"eyJhb*ciOiJub25lIn0.e30.x", true},
		"a header with duplicates before a dot":      {b64(`{"typ":"x","typ":"y"}`) + ".e30.x", true},
		"an access token of Google":                  {"ya29.a0AfH6SMBx-eyJhbGciOiJub25lIn0.qqq", false},
		"a PASETO token":                             {"v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIn0v3Jt8mx_TdM2ceTGoqwrh4yDFn0XsHvvV_D0DtwQxVrJ", false},
		"a SendGrid key":                             {"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", false},
		"a Discord bot token":                        {"MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs", false},
		"a Flask session is signed JSON without alg": {b64(`{"user_id":1}`) + ".ZxYzAA.5zqLxQ4_Vd3TnQ9pTg0hYk2lZ4E", false},
		"a compressed Flask session":                 {".eJwdyEEKgCAQRuG7_OsW7bpMDGMQTDgxjiGhu6fRd3kJ", false},
		"a Grafana key is base64 of JSON":            {"eyJrIjoiT0tTcG1pUlY2RnVKZTFVaDFsNFZXdE9ZWmNrMkZYbk4iLCJuIjoieCIsImlkIjoxfQ==", false},
		"a UUID":                                     {"3fa85f64-5717-4562-b3fc-2c963f66afa6", false},
		"a GitHub token":                             {"ghp_16C7e42F292c6912E7710c838347Ae178B4a", false},
		"nothing":                                    {"", false},
		"dots alone":                                 {"..", false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, jwt.Looks(row.token))
		})
	}
}

func TestBearer(t *testing.T) {
	for name, row := range map[string]struct {
		value, token string
		ok           bool
	}{
		"the usual form":               {"Bearer abc", "abc", true},
		"the scheme in small letters":  {"bearer abc", "abc", true},
		"the scheme in big letters":    {"BEARER abc", "abc", true},
		"blanks around and between":    {" \tBearer \t  abc\t ", "abc", true},
		"blanks inside the token stay": {"Bearer a b", "a b", true},
		"the scheme alone":             {"Bearer", "", true},
		"the scheme and blanks":        {"Bearer  ", "", true},
		"the scheme of RFC 9449":       {"dpop abc", "abc", true},
		"another scheme":               {"Basic YTpi", "", false},
		"a longer scheme":              {"Bearerx abc", "", false},
		"a token without scheme":       {"eyJhbGciOiJub25lIn0.e30.", "", false},
		"nothing":                      {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			token, ok := jwt.Bearer(row.value)
			require.Equal(t, row.ok, ok)
			require.Equal(t, row.token, token)
		})
	}
}

func TestEachProblemHasText(t *testing.T) {
	require.Empty(t, jwt.OK.String())
	seen, classes := map[string]bool{}, map[jwt.Class]bool{}
	for p := jwt.Missing; p <= jwt.Elsewhere; p++ {
		require.NotEmpty(t, p.String())
		require.NotEqual(t, jwt.ClassNone, p.Class(), p.String())
		require.False(t, seen[p.String()], "the text %q is used twice", p)
		seen[p.String()] = true
		classes[p.Class()] = true
	}
	for _, c := range jwt.Classes() {
		require.True(t, classes[c], "no problem is of the class %q", c)
	}
}

func TestAWordIsNoTokenInAText(t *testing.T) {
	for _, text := range []string{"user=ann@example.com&x=1", "express.js", "https://exports.example/expert.html", "eyes.open"} {
		_, _, ok := jwt.Next(text)
		require.False(t, ok, text)
	}
	for _, text := range []string{"see " + b64(`{"alg":"none"}`) + ".e30.", "x=" + b64("{\n \"alg\":\"HS256\"}") + ".e30.x"} {
		_, _, ok := jwt.Next(text)
		require.True(t, ok, text)
	}
}
