package engine

//go:generate sh -c "cd .. && go run ./tools/schema"

// Policy says what the engine does. It is read by ParsePolicy from YAML or
// JSON (one schema: envoy/policy.schema.json) or written in Go; the zero value
// is CRS at paranoia level 1, blocking, with DefaultPolicy's limits.
//
// A field of a Route that is set replaces the field of the same name here for
// the requests of that route.
type Policy struct {
	// Mode says whether a verdict stops the exchange; block when empty.
	Mode Mode `yaml:"mode"`
	// Profile tunes the Core Rule Set for a kind of traffic; crs, which is
	// plain CRS, when empty.
	Profile Profile `yaml:"profile"`
	// CRS configures the OWASP Core Rule Set.
	CRS CRS `yaml:"crs"`
	// Directives are SecLang of one's own.
	Directives []Directives `yaml:"directives"`
	// ClientAddress says how the client's address is found.
	ClientAddress ClientAddress `yaml:"client_address"`
	// RequestBody says how much of a request body is inspected.
	RequestBody Body `yaml:"request_body"`
	// ResponseBody says which response bodies are held and inspected.
	ResponseBody ResponseBody `yaml:"response_body"`
	// ContentTypes lists the request media types that are allowed, such as
	// application/json, application/*+json or text/*; empty allows all.
	ContentTypes []string `yaml:"content_types"`
	// Charsets lists the character sets that a Content-Type may name, such as
	// utf-8; empty allows all. With a list, parameters that can be read in two ways
	// are refused as well.
	Charsets []string `yaml:"charsets"`
	// Accept lists the media types of which a request must accept one, in the
	// forms of content_types; empty allows all.
	Accept []string `yaml:"accept"`
	// JSON says how strictly JSON bodies are read.
	JSON JSON `yaml:"json"`
	// GraphQL sets limits to GraphQL documents.
	GraphQL GraphQL `yaml:"graphql"`
	// Uploads says which files are taken.
	Uploads Uploads `yaml:"uploads"`
	// OwnRules says what our rules for content types, bodies and uploads (ids
	// 100100 to 100199 and 100400 to 100499) do when they match; deny when empty.
	OwnRules OwnRules `yaml:"own_rules"`
	// JWT says which JSON Web Tokens are taken.
	JWT JWT `yaml:"jwt"`
	// IPSets are named sets of addresses, from this document, a file or a URL.
	IPSets []IPSet `yaml:"ip_sets"`
	// IP says what is done about addresses; the longest prefix decides, allow
	// beats block.
	IP IP `yaml:"ip"`
	// Geo says where the country and the network of an address come from.
	Geo GeoSettings `yaml:"geo"`
	// InternalErrors is the outcome when the WAF itself fails; closed when empty.
	InternalErrors Outcome `yaml:"internal_errors"`
	// BlockResponse is what a blocked client gets.
	BlockResponse BlockResponse `yaml:"block_response"`
	// Screen switches the fast path; on when empty.
	Screen ScreenMode `yaml:"screen"`
	// ShadowSample is N: of N exchanges that the fast path answers, Coraza
	// judges one as well, and a difference switches the fast path off; 1000
	// when 0.
	ShadowSample int `yaml:"shadow_sample"`
	// Redact names headers, cookies, arguments and form fields whose values
	// never reach a log, in any case of letters; Authorization,
	// Proxy-Authorization, Cookie and Set-Cookie are always among them.
	Redact []string `yaml:"redact"`
	// Schemas is a JSON object of schemas by their names, for the schema of
	// routes. In it {"$ref": "#/Name"} stands for another one.
	Schemas string `yaml:"schemas"`
	// Alerts say what somebody should hear of.
	Alerts Alerts `yaml:"alerts"`
	// Routes are tried in order; the first one that matches is taken.
	Routes []Route `yaml:"routes"`

	origin *origin
}

// Mode says whether a verdict stops an exchange.
type Mode string

const (
	// ModeBlock stops what the rules refuse.
	ModeBlock Mode = "block"
	// ModeDetect lets everything through and reports.
	ModeDetect Mode = "detect"
)

// Choices returns the accepted spellings.
func (Mode) Choices() []string { return []string{string(ModeBlock), string(ModeDetect)} }

// Profile tunes the Core Rule Set for a kind of traffic.
type Profile string

const (
	// ProfileCRS is the Core Rule Set as it is.
	ProfileCRS Profile = "crs"
	// ProfileAPI adds rules for what attacks JSON APIs and keeps the Core Rule
	// Set from what is ordinary there: rules/profiles/api.
	ProfileAPI Profile = "api"
)

// Choices returns the accepted spellings.
func (Profile) Choices() []string { return []string{string(ProfileAPI), string(ProfileCRS)} }

// ScreenMode switches the fast path.
type ScreenMode string

const (
	// ScreenOn lets it answer what it knows.
	ScreenOn ScreenMode = "on"
	// ScreenOff has Coraza judge everything.
	ScreenOff ScreenMode = "off"
	// ScreenShadow has Coraza judge everything and compares the fast path.
	ScreenShadow ScreenMode = "shadow"
)

// Choices returns the accepted spellings.
func (ScreenMode) Choices() []string {
	return []string{string(ScreenOn), string(ScreenOff), string(ScreenShadow)}
}

// Outcome is what happens to an exchange that the WAF could not judge.
type Outcome string

const (
	// OutcomeClosed refuses the exchange with status 500.
	OutcomeClosed Outcome = "closed"
	// OutcomeOpen lets the exchange pass.
	OutcomeOpen Outcome = "open"
)

// Choices returns the accepted spellings.
func (Outcome) Choices() []string { return []string{string(OutcomeClosed), string(OutcomeOpen)} }

// CRS configures the OWASP Core Rule Set; see crs-setup.conf for the meaning
// of each number.
type CRS struct {
	// Enabled loads the rule set; true when not set.
	Enabled *bool `yaml:"enabled"`
	// ParanoiaLevel, 1 to 4, is the blocking paranoia level; 1 when 0.
	ParanoiaLevel int `yaml:"paranoia_level"`
	// DetectionParanoiaLevel also runs the rules up to this level without
	// letting them block; the blocking level when 0.
	DetectionParanoiaLevel int `yaml:"detection_paranoia_level"`
	// InboundThreshold is the anomaly score that blocks a request; 5 when 0.
	InboundThreshold int `yaml:"inbound_threshold"`
	// OutboundThreshold is the anomaly score that blocks a response; 4 when 0.
	OutboundThreshold int `yaml:"outbound_threshold"`
	// EarlyBlocking also compares the score at the end of phases 1 and 3.
	EarlyBlocking bool `yaml:"early_blocking"`
	// AllowedMethods replaces CRS's list (GET HEAD POST OPTIONS) when not empty.
	AllowedMethods []string `yaml:"allowed_methods"`
	// Exclusions switch rules off, wholly or for some targets.
	Exclusions []Exclusion `yaml:"exclusions"`
}

// Exclusion switches rules off. One of Rule and Tag is set.
type Exclusion struct {
	// Rule is a rule id.
	Rule int `yaml:"rule"`
	// Tag is a tag that the rules carry, such as attack-sqli.
	Tag string `yaml:"tag"`
	// Targets, such as ARGS:q, are no longer inspected by these rules; when
	// empty the rules are removed.
	Targets []string `yaml:"targets"`
	// Reason is for the reader of the policy.
	Reason string `yaml:"reason"`
}

// Directives are SecLang of one's own. One of Inline and File is set.
type Directives struct {
	// Inline is SecLang text.
	Inline string `yaml:"inline"`
	// File is a path or glob below the rules; it must match something.
	File string `yaml:"file"`
	// Position says where the text goes; before_crs when empty.
	Position Position `yaml:"position"`
}

// Position is a place among the rules of CRS.
type Position string

const (
	// BeforeCRS is after CRS's initialisation and before its detection rules:
	// the place for rules that score and for run-time exclusions.
	BeforeCRS Position = "before_crs"
	// AfterCRS is behind the last CRS rule: the place for SecRuleUpdate... and
	// SecRuleRemove... directives.
	AfterCRS Position = "after_crs"
)

// Choices returns the accepted spellings.
func (Position) Choices() []string { return []string{string(BeforeCRS), string(AfterCRS)} }

// Body says how much of a request body is inspected.
type Body struct {
	// Inspect holds bodies until phase 2 has spoken; true when not set.
	Inspect *bool `yaml:"inspect"`
	// LimitBytes is the longest body that is inspected; 131072 when 0.
	LimitBytes int `yaml:"limit_bytes"`
	// OverLimit says what happens to a longer one; reject when empty.
	OverLimit OverLimit `yaml:"over_limit"`
	// Encodings lists the content codings (gzip, deflate, br) that are taken off a
	// body before it is inspected; limit_bytes holds for what comes out. In Envoy the
	// filter does not take br off and refuses it with 415, as it does what is not in
	// the list. When empty, CRS refuses every Content-Encoding.
	Encodings []string `yaml:"encodings"`
	// Nested decodes JSON inside of query, cookie, form and JSON values, and
	// attributes of XML, and inspects what is in them; true when not set.
	Nested *bool `yaml:"nested"`
}

// OverLimit is what happens to a body over its limit.
type OverLimit string

const (
	// OverLimitReject refuses it: 413 for a request, 500 for a response.
	OverLimitReject OverLimit = "reject"
	// OverLimitPartial inspects the first LimitBytes and lets the rest follow.
	// A JSON or multipart body that is cut does not parse, and rule 200002
	// refuses it.
	OverLimitPartial OverLimit = "partial"
)

// Choices returns the accepted spellings.
func (OverLimit) Choices() []string {
	return []string{string(OverLimitReject), string(OverLimitPartial)}
}

// ResponseBody says which response bodies are held and inspected.
type ResponseBody struct {
	// Inspect holds matching bodies until phase 4 has spoken; false when not
	// set, because holding costs latency and memory.
	Inspect *bool `yaml:"inspect"`
	// ContentTypes lists the media types to hold; text/plain, text/html,
	// text/xml and application/json when empty. A text/event-stream is never
	// held: it has no end.
	ContentTypes []string `yaml:"content_types"`
	// LimitBytes is the longest body that is inspected; 524288 when 0.
	LimitBytes int `yaml:"limit_bytes"`
	// OverLimit says what happens to a longer one; partial when empty.
	OverLimit OverLimit `yaml:"over_limit"`
}

// JSON says how strictly JSON bodies are read (rules/api).
type JSON struct {
	// Strict refuses what is no I-JSON (RFC 7493): repeated keys, text behind the
	// value, NaN, a byte order mark, numbers out of range, broken UTF-8.
	Strict bool `yaml:"strict"`
	// MaxDepth is how deep objects and arrays may nest with strict; 32 when 0.
	MaxDepth int `yaml:"max_depth"`
}

// GraphQL sets limits to GraphQL documents in JSON bodies, in application/graphql
// bodies and in the argument query (rules/api). A limit of 0 is none.
type GraphQL struct {
	// MaxDepth is how deep selections may nest, fragments included.
	MaxDepth int `yaml:"max_depth"`
	// MaxAliases is how many fields may be asked for under another name. Further
	// operations of a batch count as aliases: they multiply work in the same way.
	MaxAliases int `yaml:"max_aliases"`
	// Introspection allows questions about the schema; true when not set.
	Introspection *bool `yaml:"introspection"`
}

// Uploads says which files are taken, in multipart bodies and in bodies that are
// one file (rules/upload).
type Uploads struct {
	// Check looks at every file: executables, archives, macros, polyglots, active
	// markup, dangerous names and bytes that are not what they say are refused, and
	// multipart bodies that can be read in two ways. The other fields are for
	// routes with check: true.
	Check bool `yaml:"check"`
	// Allow takes files back in that check refuses: executable, archive, macro,
	// polyglot, active, extension, mismatch or near_mismatch.
	Allow []string `yaml:"allow"`
	// Extensions lists the file extensions that are taken, without the dot, in
	// small letters; empty takes all that are not dangerous.
	Extensions []string `yaml:"extensions"`
	// Types lists the formats that are taken, as their bytes show them, in the
	// forms of content_types; empty takes all.
	Types []string `yaml:"types"`
	// MaxFiles is how many files one body may have; no limit when 0.
	MaxFiles int `yaml:"max_files"`
	// MaxFileBytes is the longest file; no limit but the body's when 0.
	MaxFileBytes int `yaml:"max_file_bytes"`
	// MaxParts is how many parts a multipart body may have; 100 when 0.
	MaxParts int `yaml:"max_parts"`
}

// OwnRules is what our own rules do when they match.
type OwnRules string

const (
	// OwnRulesDeny refuses the request with the rule's own status.
	OwnRulesDeny OwnRules = "deny"
	// OwnRulesScore only adds to the anomaly score, which blocks at its threshold.
	OwnRulesScore OwnRules = "score"
)

// Choices returns the accepted spellings.
func (OwnRules) Choices() []string { return []string{string(OwnRulesDeny), string(OwnRulesScore)} }

// JWT says which JSON Web Tokens are taken (rules/auth). Rules read the tokens
// as JWT:header.alg, JWT:claims.sub and so on.
type JWT struct {
	// Mode is off when empty.
	Mode JWTMode `yaml:"mode"`
	// Action says what a bad token does; deny when empty.
	Action JWTAction `yaml:"action"`
	// MaxBytes is the longest token that is accepted; 8192 when 0.
	MaxBytes int `yaml:"max_bytes"`
	// Sources are the places that tokens come from: header:NAME, cookie:NAME,
	// query:NAME, form:NAME, json:PATH (names with dots between) and
	// subprotocol (of a WebSocket); header:Authorization, with the scheme
	// Bearer or DPoP, when empty.
	Sources []string `yaml:"sources"`
	// Elsewhere says what a token in another place does; allow when empty.
	Elsewhere JWTElsewhere `yaml:"elsewhere"`
	// Encrypted accepts encrypted tokens, whose claims cannot be seen; when not
	// set, true in mode detect and false in mode required.
	Encrypted *bool `yaml:"encrypted"`
	// Algorithms lists what alg may be, such as RS256; empty allows all but none.
	Algorithms []string `yaml:"algorithms"`
	// Types lists what typ must be, such as at+jwt; empty allows all but the
	// types of other kinds of tokens.
	Types []string `yaml:"types"`
	// KeyURLs lists the https URLs that a token may point to for its key (jku,
	// x5u); one that ends in a slash allows all below it. Others are refused.
	KeyURLs []string `yaml:"key_urls"`
	// Issuers lists what iss must be; empty allows all.
	Issuers []string `yaml:"issuers"`
	// Audiences lists what aud must have one of; empty allows all.
	Audiences []string `yaml:"audiences"`
	// RequiredClaims are names or paths of claims that must be there; %2E is a
	// dot within a name.
	RequiredClaims []string `yaml:"required_claims"`
	// Scopes must all be granted, in scope or scp; else the answer is 403.
	Scopes []string `yaml:"scopes"`
	// Roles are those of which one must be in RolesClaim; else the answer is 403.
	Roles []string `yaml:"roles"`
	// RolesClaim is the claim with the roles, such as realm_access.roles; roles
	// when empty.
	RolesClaim string `yaml:"roles_claim"`
	// CheckTimes compares exp, nbf and iat with the clock, or with the time of a
	// recorded exchange; when not set, true in mode required and false in mode
	// detect.
	CheckTimes *bool `yaml:"check_times"`
	// LeewaySeconds is how far clocks may differ; 60 when 0.
	LeewaySeconds int `yaml:"leeway_seconds"`
	// MaxLifetimeSeconds is the longest time from iat to exp; any when 0.
	MaxLifetimeSeconds int `yaml:"max_lifetime_seconds"`
	// Keys is a JSON Web Key Set with the public keys, or the secrets, that
	// verify the signatures. Without it and KeysFile no signature is looked at:
	// Envoy's jwt_authn filter or the function does.
	Keys string `yaml:"keys"`
	// KeysFile names a file with the key set, below the policy's folder.
	KeysFile string `yaml:"keys_file"`
	// KeysFrom says where the key set is fetched. Keys or KeysFile are then what
	// is known until the first answer.
	KeysFrom KeysFrom `yaml:"keys_from"`
}

// KeysFrom says where a key set with public keys is fetched, again and again. The
// last good one stays. The filter in Envoy and tabard serve fetch; replay and test
// work with Keys or KeysFile.
type KeysFrom struct {
	// URL is where it is, https unless a cluster of Envoy brings it.
	URL string `yaml:"url"`
	// Cluster is Envoy's cluster for URL, which then gives host and path.
	Cluster string `yaml:"cluster"`
	// RefreshSeconds is how often URL is asked; 300 when 0, and at least 10. A
	// token of a key that is not known yet is refused and asks no earlier.
	RefreshSeconds int `yaml:"refresh_seconds"`
	// UntilFetched says what becomes of tokens while no keys are known: refused
	// with closed, or when empty; with open their signatures are not looked at.
	UntilFetched Outcome `yaml:"until_fetched"`
}

// JWTAction says what a bad token does.
type JWTAction string

const (
	// ActionDeny refuses the request.
	ActionDeny JWTAction = "deny"
	// ActionScore adds to CRS's anomaly score, which refuses it at the threshold.
	ActionScore JWTAction = "score"
)

// Choices returns the accepted spellings.
func (JWTAction) Choices() []string { return []string{string(ActionDeny), string(ActionScore)} }

// JWTElsewhere says what a token does in a place that is none of the sources.
type JWTElsewhere string

const (
	// ElsewhereAllow does not look there.
	ElsewhereAllow JWTElsewhere = "allow"
	// ElsewhereRefuse refuses it: what is in a URL ends in logs.
	ElsewhereRefuse JWTElsewhere = "refuse"
)

// Choices returns the accepted spellings.
func (JWTElsewhere) Choices() []string {
	return []string{string(ElsewhereAllow), string(ElsewhereRefuse)}
}

// JWTMode says which tokens are checked.
type JWTMode string

const (
	// JWTOff checks nothing.
	JWTOff JWTMode = "off"
	// JWTDetect checks each token that claims to be a JWT.
	JWTDetect JWTMode = "detect"
	// JWTRequired refuses a request without one good token; a CORS preflight
	// needs none.
	JWTRequired JWTMode = "required"
)

// Choices returns the accepted spellings.
func (JWTMode) Choices() []string {
	return []string{string(JWTOff), string(JWTDetect), string(JWTRequired)}
}

// BlockResponse is what a blocked client gets.
type BlockResponse struct {
	// Status replaces the rule's own status when not 0.
	Status int `yaml:"status"`
	// ContentType goes with Body; text/plain; charset=utf-8 when empty.
	ContentType string `yaml:"content_type"`
	// Body may hold {{transaction_id}} and {{status}}. When empty, a client
	// that speaks JSON gets an RFC 9457 problem and others a line of text.
	Body string `yaml:"body"`
}

// Route is a part of the API with settings of its own. Host, path and method
// must all match; what is empty matches everything.
type Route struct {
	// Name is how logs, metrics and rules (TX:tabard_route) call it.
	Name string `yaml:"name"`
	// Hosts are host names without port, such as api.example.com or
	// *.example.com, which matches any name below example.com.
	Hosts []string `yaml:"hosts"`
	// Path is a whole path, in which {name} stands for one segment. It also
	// takes the path with a slash behind it, which most routers do not tell from
	// it; upper and lower case differ.
	Path string `yaml:"path"`
	// PathPrefix is the start of a path, at a segment's border.
	PathPrefix string `yaml:"path_prefix"`
	// Methods are request methods, as sent.
	Methods []string `yaml:"methods"`

	// Refuse is the status, 400 to 599, with which all requests of the route are
	// refused, such as 404 behind the routes that an API describes.
	Refuse int `yaml:"refuse"`
	// Schema says what the requests of the route must look like.
	Schema *RequestSchema `yaml:"schema"`
	// Mode replaces Policy.Mode when set.
	Mode Mode `yaml:"mode"`
	// Exclusions are added to Policy.CRS.Exclusions.
	Exclusions []Exclusion `yaml:"exclusions"`
	// Directives are added to Policy.Directives.
	Directives []Directives `yaml:"directives"`
	// RequestBody replaces Policy.RequestBody when set.
	RequestBody *Body `yaml:"request_body"`
	// ResponseBody replaces Policy.ResponseBody when set.
	ResponseBody *ResponseBody `yaml:"response_body"`
	// ContentTypes replaces Policy.ContentTypes when set.
	ContentTypes []string `yaml:"content_types"`
	// Charsets replaces Policy.Charsets when set.
	Charsets []string `yaml:"charsets"`
	// Accept replaces Policy.Accept when set.
	Accept []string `yaml:"accept"`
	// JSON replaces Policy.JSON when set.
	JSON *JSON `yaml:"json"`
	// GraphQL replaces Policy.GraphQL when set.
	GraphQL *GraphQL `yaml:"graphql"`
	// Uploads replaces Policy.Uploads when set.
	Uploads *Uploads `yaml:"uploads"`
	// OwnRules replaces Policy.OwnRules when set.
	OwnRules OwnRules `yaml:"own_rules"`
	// JWT replaces Policy.JWT when set.
	JWT *JWT `yaml:"jwt"`
	// IP replaces Policy.IP when set.
	IP *IP `yaml:"ip"`
}
