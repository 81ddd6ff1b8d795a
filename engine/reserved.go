package engine

import (
	"strings"

	"tabard/engine/seclang"
)

// reserved are the directives that one's own rules must not have, in lower case,
// with what to do instead. The engine acts by the policy: a directive behind
// its back would let bodies pass unseen in mode block, or have Coraza write
// audit logs with the secrets in them.
var reserved = map[string]string{
	"secruleengine":                 "write mode: block or mode: detect in the policy",
	"secrequestbodyaccess":          "write request_body: {inspect: ...} in the policy",
	"secrequestbodylimit":           "write request_body: {limit_bytes: ...} in the policy",
	"secrequestbodyinmemorylimit":   "write request_body: {limit_bytes: ...} in the policy",
	"secrequestbodylimitaction":     "write request_body: {over_limit: ...} in the policy",
	"secresponsebodyaccess":         "write response_body: {inspect: ...} in the policy",
	"secresponsebodylimit":          "write response_body: {limit_bytes: ...} in the policy",
	"secresponsebodylimitaction":    "write response_body: {over_limit: ...} in the policy",
	"secresponsebodymimetype":       "write response_body: {content_types: [...]} in the policy",
	"secresponsebodymimetypesclear": "write response_body: {content_types: [...]} in the policy",
	"secauditengine":                "remove it: the engine writes audit lines of its own, without secrets",
	"secauditlog":                   "remove it: the engine writes audit lines of its own, without secrets",
}

// checkReserved refuses reserved directives in inline texts and in files other
// than those below "@", which are Coraza's and ours.
func checkReserved(directives []seclang.Directive) error {
	for _, d := range directives {
		hint, ok := reserved[strings.ToLower(d.Name)]
		if ok && !strings.HasPrefix(d.Pos.File, "@") && d.Pos.File != settingsSource {
			return &seclang.Error{Pos: d.Pos, Msg: d.Name + " is for the policy to set", Hint: hint}
		}
	}
	return nil
}
