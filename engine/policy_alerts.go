package engine

// Alerts say what somebody should hear of. tabard alerts applies the rules to
// audit lines and to recorded traffic; the engine writes into audit lines what
// the rules need, also for exchanges that no rule of SecLang matched.
type Alerts struct {
	// PrincipalHeader names the header that tells who calls: Authorization, or
	// one that the gateway sets. A record has a hash of it: of issuer and subject
	// of a JWT, of the user's name of Basic, else of the whole value. It is as
	// trustworthy as who sets it, and no signature is looked at.
	PrincipalHeader string `yaml:"principal_header"`
	// Gateway says how a request shows that it came through the gateway.
	Gateway Gateway `yaml:"gateway"`
	// Rules say when an alert is raised.
	Rules []AlertRule `yaml:"rules"`
}

// Gateway says how a request shows that it came through the gateway. A request
// that does not fulfil all that is set has bypassed it.
type Gateway struct {
	// Header is one that the gateway adds to each request.
	Header string `yaml:"header"`
	// Values are what it may be; anything but empty when the list is. They are
	// never written to a log.
	Values []string `yaml:"values"`
	// Identities are the gateway's in mutual TLS: each is a URI or Subject that
	// X-Forwarded-Client-Cert may have. Envoy must be set to write that header
	// itself (SANITIZE_SET).
	Identities []string `yaml:"identities"`
}

// AlertRule raises an alert.
type AlertRule struct {
	// Name is how the alert is called.
	Name string `yaml:"name"`
	// When says what it is about.
	When AlertKind `yaml:"when"`
	// By says what is counted apart; client when empty.
	By AlertBy `yaml:"by"`
	// Count is how many exchanges raise it; 10 when 0, and 1 for bypass and
	// new_country.
	Count int `yaml:"count"`
	// WindowSeconds is the time in which they come; 60 when 0.
	WindowSeconds int `yaml:"window_seconds"`
	// Score is, for score, the sum of the anomaly scores in the window from which
	// it is a spike; 50 when 0.
	Score int `yaml:"score"`
	// Factor is, for score, how many times the sum of an ordinary window it must
	// be, too; 4 when 0.
	Factor int `yaml:"factor"`
}

// AlertKind is what an alert is about.
type AlertKind string

const (
	// AlertDenied: answers with status 401 or 403, of the upstream or of a block.
	AlertDenied AlertKind = "denied"
	// AlertScore: the anomaly scores are much higher than they were.
	AlertScore AlertKind = "score"
	// AlertNewCountry: a principal comes from a country where it was never seen.
	AlertNewCountry AlertKind = "new_country"
	// AlertBypass: requests that did not come through the gateway.
	AlertBypass AlertKind = "bypass"
	// AlertThrottled: answers with status 429.
	AlertThrottled AlertKind = "throttled"
)

// Choices returns the accepted spellings.
func (AlertKind) Choices() []string {
	return []string{string(AlertDenied), string(AlertScore), string(AlertNewCountry), string(AlertBypass), string(AlertThrottled)}
}

// AlertBy is what an alert counts apart.
type AlertBy string

const (
	// ByClient: the client's address.
	ByClient AlertBy = "client"
	// ByPrincipal: who calls, as Alerts.PrincipalHeader tells.
	ByPrincipal AlertBy = "principal"
	// ByRoute: the policy's route, or the pattern of the path.
	ByRoute AlertBy = "route"
	// ByAll: everything together.
	ByAll AlertBy = "all"
)

// Choices returns the accepted spellings.
func (AlertBy) Choices() []string {
	return []string{string(ByClient), string(ByPrincipal), string(ByRoute), string(ByAll)}
}

// maxWindowSeconds is a day: what comes more seldom is for a report.
const maxWindowSeconds = 24 * 60 * 60

// alertChecks are about Alerts.
func alertChecks(a Alerts) []check {
	checks := []check{
		{a.PrincipalHeader != "" && !isToken(a.PrincipalHeader), "alerts.principal_header", "must be the name of a header", "Authorization is one"},
		{a.Gateway.Header != "" && !isToken(a.Gateway.Header), "alerts.gateway.header", "must be the name of a header", "X-Gateway is one"},
		{len(a.Gateway.Values) > 0 && a.Gateway.Header == "", "alerts.gateway.values", "needs alerts.gateway.header", ""},
	}
	names := map[string]bool{}
	for i, r := range a.Rules {
		path := at("alerts.rules", i)
		checks = append(checks,
			check{r.Name == "", path + ".name", "is missing", "alerts are called by it"},
			check{names[r.Name], path + ".name", "is taken by a rule before it", ""},
			check{r.When == "", path + ".when", "is missing", "denied is one"},
			check{r.Count < 0, path + ".count", "must be 1 or more", ""},
			check{r.WindowSeconds < 0 || r.WindowSeconds > maxWindowSeconds, path + ".window_seconds", "must be from 1 to 86400", "a day is 86400"},
			check{r.Score < 0 || r.Score > maxThreshold, path + ".score", "must be from 1 to 10000", ""},
			check{r.Factor < 0, path + ".factor", "must be 1 or more", ""},
			check{(r.When == AlertNewCountry || r.By == ByPrincipal) && a.PrincipalHeader == "", path, "needs alerts.principal_header", "without it nobody knows who calls"},
			check{r.When == AlertBypass && a.Gateway.Header == "" && len(a.Gateway.Identities) == 0, path, "needs alerts.gateway", "say by which header or identity the gateway is known"},
		)
		names[r.Name] = true
	}
	return checks
}
