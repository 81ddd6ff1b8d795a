package operators

import (
	"slices"
	"strconv"
	"strings"

	"tabard/engine/jwt"
	"tabard/engine/seclang"
)

// JWT is the collection of what a request's JSON Web Tokens say and what is
// wrong with them; the engine sets it before phase 1 and, with what the body
// brings, before phase 2. With several tokens a variable has the values of each.
//
//	JWT:header.NAME      a member of the header, such as JWT:header.alg
//	JWT:claims.NAME      a claim; a path of names with dots between goes deeper,
//	                     %2E is a dot within a name, and a list is several values
//	JWT:problem.CLASS    what is wrong, in words: see jwt.Class
//	JWT:problem.body     the problems that phase 2 has found
//	JWT:source           where the token stood, such as REQUEST_HEADERS:authorization
//	JWT:verified         1 for a token that a key of the policy has verified
//
// Only tokens of the places that the policy names are looked at, and nothing is
// set on a route whose jwt.mode is off.
var JWT = seclang.Collection{Name: "JWT", Prefix: "tabard_jwt.", Check: checkJWTName}

// BodyProblem is the variable for what is wrong with tokens in the body.
const BodyProblem = "body"

func checkJWTName(key string) (msg, hint string) {
	part, rest, _ := strings.Cut(key, ".")
	switch part {
	case "header", "claims":
		if slices.Contains(strings.Split(rest, "."), "") {
			return "JWT:" + part + " needs the name of a member", "write JWT:" + part + ".NAME"
		}
		return "", ""
	case "problem":
		names := []string{BodyProblem}
		for _, c := range jwt.Classes() {
			names = append(names, c.String())
		}
		if slices.Contains(names, rest) {
			return "", ""
		}
		return "JWT:problem has no " + strconv.Quote(rest), "use one of " + strings.Join(names, ", ")
	case "source", "verified":
		if rest == "" {
			return "", ""
		}
	}
	return "JWT has no " + strconv.Quote(key), "use header.NAME, claims.NAME, problem.CLASS, source or verified"
}
