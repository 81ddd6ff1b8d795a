package operators

import (
	"errors"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"

	"tabard/engine/jwt"
)

// jwtMalformed is the operator @jwtMalformed.
//
// Description:
// Judges the structure of a token in the value of an Authorization header, or
// in any other variable that holds a token alone. Nothing is verified.
//
// Arguments:
// A mode, and optionally the longest token in bytes (8192):
//
//	off        never matches
//	detect     judges a token that claims to be a JWT; others are opaque
//	required   the value must be "Bearer" and a well-formed, signed JWT
//
// An unknown mode in a fixed argument is an error; in one with macros it is the
// same as off, because that is what a variable that is not set expands to.
//
// Returns:
// true if the token is malformed. TX:0 then says why, if the rule captures.
//
// Example:
//
//	SecRule REQUEST_HEADERS:Authorization "@jwtMalformed detect" \
//	    "id:1,phase:1,deny,status:401,capture,msg:'Malformed JWT: %{TX.0}'"
type jwtMalformed struct {
	argument argument
	fixed    jwtSettings
}

var _ plugintypes.Operator = (*jwtMalformed)(nil)

func newJWTMalformed(options plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	a, err := newArgument(options.Arguments)
	if err != nil {
		return nil, err
	}
	o := &jwtMalformed{argument: a}
	if a.isFixed() {
		o.fixed, err = parseJWTSettings(a.text)
	}
	return o, err
}

// Evaluate judges one value.
func (o *jwtMalformed) Evaluate(tx plugintypes.TransactionState, value string) bool {
	s := o.fixed
	if !o.argument.isFixed() {
		// The engine checks the policy; what is wrong here is not set at all.
		s, _ = parseJWTSettings(o.argument.in(tx))
	}
	problem := s.judge(value)
	if problem == jwt.OK {
		return false
	}
	tx.CaptureField(0, problem.String())
	return true
}

// jwtSettings is what the argument says.
type jwtSettings struct {
	mode     string
	maxBytes int
}

func parseJWTSettings(text string) (jwtSettings, error) {
	mode, limit, limited := strings.Cut(text, " ")
	switch mode {
	case "off", "detect", "required":
	default:
		return jwtSettings{}, errors.New("@jwtMalformed: unknown mode " + strconv.Quote(mode) + ": write off, detect or required")
	}
	s := jwtSettings{mode: mode}
	if limited {
		n, err := strconv.Atoi(strings.TrimSpace(limit))
		if err != nil || n <= 0 {
			return jwtSettings{}, errors.New("@jwtMalformed: " + strconv.Quote(limit) + " is no size: write a number of bytes, such as 8192")
		}
		s.maxBytes = n
	}
	return s, nil
}

func (s jwtSettings) judge(value string) jwt.Problem {
	token, isBearer := jwt.Bearer(value)
	switch s.mode {
	case "required":
		if !isBearer {
			return jwt.Missing
		}
		return jwt.Check(token, jwt.Limits{MaxBytes: s.maxBytes})
	case "detect":
		if !isBearer {
			token = strings.Trim(value, " \t") // some clients leave the scheme out
		}
		if jwt.Looks(token) {
			return jwt.Check(token, jwt.Limits{MaxBytes: s.maxBytes, Encrypted: true})
		}
	}
	return jwt.OK
}
