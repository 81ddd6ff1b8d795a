package engine

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tabard/engine/coding"
	"tabard/engine/jwt"
	"tabard/engine/mime"
	"tabard/engine/seclang"
	"tabard/engine/upload"
)

// Limits of a policy, each with the reason it is there.
const (
	// maxTrustedHops: nobody runs more proxies in a row, and a larger number
	// would hand the choice of the address to the client.
	maxTrustedHops = 16
	// maxBodyLimitBytes: Envoy's V8 gives a VM 1 GiB for all its streams, and a
	// body is held there once as bytes and once as the values parsed from it.
	maxBodyLimitBytes = 64 << 20
	// maxTokenBytes: no HTTP server accepts longer header lines by default.
	maxTokenBytes = 64 << 10
	// maxLeewaySeconds: with more, an expired token is as good as another.
	maxLeewaySeconds = 3600
	// maxRuleSets: each distinct set of directives is a Coraza instance of its
	// own, 2 MB and more of a VM's memory.
	maxRuleSets = 32
	// maxThreshold is far above any score; more is a typing error.
	maxThreshold = 10000
)

// check is one statement about a policy: when bad, the field at path is wrong.
type check struct {
	bad       bool
	path      string
	msg, hint string
}

// validate finds what a schema cannot: the first wrong field is the error.
func (p *Policy) validate() error {
	if err := p.checkChoices(reflect.ValueOf(*p), ""); err != nil {
		return err
	}
	checks := crsChecks(p.CRS)
	checks = append(checks, p.addressChecks())
	checks = append(checks, check{p.Profile == ProfileAPI && !isSet(p.CRS.Enabled, true),
		"profile", "cannot be api while crs.enabled is false", "the profile's rules score, and CRS's threshold blocks: leave one of the two out"})
	checks = append(checks, check{p.ShadowSample < 0, "shadow_sample", "must be 1 or more", "1000 compares one hit in a thousand"})
	checks = append(checks, blockResponseChecks(p.BlockResponse)...)
	checks = append(checks, redactChecks(p.Redact)...)
	checks = append(checks, partChecks("", Route{
		Exclusions: p.CRS.Exclusions, Directives: p.Directives, RequestBody: &p.RequestBody,
		ResponseBody: &p.ResponseBody, ContentTypes: p.ContentTypes, JWT: &p.JWT, IP: &p.IP,
		Charsets: p.Charsets, Accept: p.Accept, JSON: &p.JSON, GraphQL: &p.GraphQL, Uploads: &p.Uploads,
	})...)
	checks = append(checks, alertChecks(p.Alerts)...)
	checks = append(checks, routesChecks(p.Routes)...)
	for _, c := range checks {
		if c.bad {
			return p.errorAt(c.path, c.path+" "+c.msg, c.hint)
		}
	}
	return nil
}

// errorAt gives an error at the place of a field.
func (p *Policy) errorAt(path, msg, hint string) error {
	return &seclang.Error{Pos: p.origin.at(path), Msg: msg, Hint: hint}
}

// checkChoices visits every string type with a fixed set of values.
func (p *Policy) checkChoices(v reflect.Value, path string) error {
	if c, ok := v.Interface().(interface{ Choices() []string }); ok {
		return p.checkChoice(v.String(), path, c.Choices())
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return p.checkChoices(v.Elem(), path)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := p.checkChoices(v.Index(i), path+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			key := v.Type().Field(i).Tag.Get("yaml")
			if key == "" {
				continue
			}
			if err := p.checkChoices(v.Field(i), join(path, key)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Policy) checkChoice(value, path string, allowed []string) error {
	if value == "" && !p.origin.has(path) {
		return nil
	}
	for _, choice := range allowed {
		if value == choice {
			return nil
		}
	}
	return p.errorAt(path, path+" cannot be "+strconv.Quote(value), "use "+strings.Join(allowed, " or "))
}

func crsChecks(c CRS) []check {
	level := max(c.ParanoiaLevel, 1)
	checks := []check{
		{c.ParanoiaLevel < 0 || c.ParanoiaLevel > 4, "crs.paranoia_level", "must be between 1 and 4", ""},
		{c.DetectionParanoiaLevel < 0 || c.DetectionParanoiaLevel > 4, "crs.detection_paranoia_level", "must be between 1 and 4", ""},
		{c.DetectionParanoiaLevel > 0 && c.DetectionParanoiaLevel < level, "crs.detection_paranoia_level",
			"must not be below crs.paranoia_level, " + strconv.Itoa(level), ""},
		{c.InboundThreshold < 0 || c.InboundThreshold > maxThreshold, "crs.inbound_threshold", "must be between 1 and 10000", "5 is CRS's own"},
		{c.OutboundThreshold < 0 || c.OutboundThreshold > maxThreshold, "crs.outbound_threshold", "must be between 1 and 10000", "4 is CRS's own"},
	}
	for i, m := range c.AllowedMethods {
		checks = append(checks, check{!isToken(m), at("crs.allowed_methods", i), "is not a method: " + strconv.Quote(m), "write it as GET or POST"})
	}
	return checks
}

func blockResponseChecks(b BlockResponse) []check {
	bad := badPlaceholder(b.Body)
	return []check{
		{b.Status != 0 && (b.Status < 200 || b.Status > 599), "block_response.status", "must be a final HTTP status, 200 to 599", ""},
		{strings.ContainsAny(b.ContentType, "\r\n\x00"), "block_response.content_type", "must be one header line", ""},
		{bad != "", "block_response.body", "has an unknown placeholder " + strconv.Quote(bad), "use {{transaction_id}} or {{status}}"},
	}
}

// badPlaceholder returns the first {{...}} that is none of ours.
func badPlaceholder(body string) string {
	for {
		_, rest, ok := strings.Cut(body, "{{")
		if !ok {
			return ""
		}
		name, after, closed := strings.Cut(rest, "}}")
		if !closed || (name != "transaction_id" && name != "status") {
			return "{{" + name + "}}"
		}
		body = after
	}
}

func redactChecks(names []string) []check {
	var checks []check
	for i, n := range names {
		checks = append(checks, check{strings.TrimSpace(n) != n || n == "", at("redact", i), "must be the name of a header, cookie or argument", ""})
	}
	return checks
}

// partChecks holds what is the same for the whole policy and for a route; the
// whole policy's exclusions stand under crs.
func partChecks(prefix string, r Route) []check {
	exclusions := join(prefix, "exclusions")
	if prefix == "" {
		exclusions = "crs.exclusions"
	}
	var checks []check
	for i, x := range r.Exclusions {
		checks = append(checks, exclusionChecks(at(exclusions, i), x)...)
	}
	for i, d := range r.Directives {
		checks = append(checks, check{(d.Inline == "") == (d.File == ""), at(join(prefix, "directives"), i), "must have one of inline and file", ""})
	}
	if r.RequestBody != nil {
		checks = append(checks, limitCheck(join(prefix, "request_body.limit_bytes"), r.RequestBody.LimitBytes))
		checks = append(checks, wordChecks(join(prefix, "request_body.encodings"), r.RequestBody.Encodings, coding.Names())...)
	}
	if r.ResponseBody != nil {
		checks = append(checks, limitCheck(join(prefix, "response_body.limit_bytes"), r.ResponseBody.LimitBytes))
		for i, t := range r.ResponseBody.ContentTypes {
			checks = append(checks, check{!isMediaType(t), at(join(prefix, "response_body.content_types"), i),
				"is not a media type: " + strconv.Quote(t), "write it as text/html, without parameters"})
		}
	}
	checks = append(checks, contentTypeChecks(join(prefix, "content_types"), r.ContentTypes)...)
	checks = append(checks, contentTypeChecks(join(prefix, "accept"), r.Accept)...)
	checks = append(checks, contentChecks(prefix, r)...)
	if r.JWT != nil {
		checks = append(checks, jwtChecks(join(prefix, "jwt"), *r.JWT)...)
	}
	if r.IP != nil {
		checks = append(checks, ipChecks(join(prefix, "ip"), *r.IP))
	}
	return checks
}

func jwtChecks(path string, j JWT) []check {
	checks := []check{
		{j.MaxBytes < 0 || j.MaxBytes > maxTokenBytes, path + ".max_bytes", "must be between 1 and 65536", ""},
		{j.LeewaySeconds < 0 || j.LeewaySeconds > maxLeewaySeconds, path + ".leeway_seconds", "must be between 1 and 3600", ""},
		{j.MaxLifetimeSeconds < 0, path + ".max_lifetime_seconds", "must be 1 or more", "86400 is a day"},
		{j.Keys != "" && j.KeysFile != "", path + ".keys_file", "cannot be set beside keys", "leave one of them out"},
		keysFromCheck(path+".keys_from", j.KeysFrom),
	}
	for i, text := range j.Sources {
		_, err := parseTokenSource(text)
		hint := ""
		if err != nil {
			hint = err.Error()
		}
		checks = append(checks, check{err != nil, at(path+".sources", i), "is no place for a token: " + strconv.Quote(text), hint})
	}
	for i, alg := range j.Algorithms {
		checks = append(checks, check{!jwt.IsAlgorithm(alg), at(path+".algorithms", i), "is no algorithm of RFC 7518 or RFC 8037: " + strconv.Quote(alg), "write it as RS256 or ES256"})
	}
	for i, u := range j.KeyURLs {
		host, _, ok := strings.Cut(strings.TrimPrefix(u, "https://"), "/")
		bad := !ok || host == "" || !strings.HasPrefix(u, "https://") || strings.ContainsAny(host, "@?#\\ ")
		checks = append(checks, check{bad, at(path+".key_urls", i), "is no https URL with a path: " + strconv.Quote(u), "write it as https://id.example/keys/"})
	}
	for _, list := range [...]struct {
		key    string
		values []string
	}{
		{"types", j.Types}, {"issuers", j.Issuers}, {"audiences", j.Audiences},
		{"required_claims", j.RequiredClaims}, {"scopes", j.Scopes}, {"roles", j.Roles},
	} {
		for i, v := range list.values {
			checks = append(checks, check{v == "", at(path+"."+list.key, i), "is empty", "leave it out"})
		}
	}
	return checks
}

// maxJSONDepth bounds the recursion of our own reader.
const maxJSONDepth = 1000

// contentChecks are those of the sections that look into bodies.
func contentChecks(prefix string, r Route) []check {
	var checks []check
	for i, name := range r.Charsets {
		checks = append(checks, check{!isToken(name), at(join(prefix, "charsets"), i), "is not a character set: " + strconv.Quote(name), "write it as utf-8"})
	}
	if j := r.JSON; j != nil {
		checks = append(checks, check{j.MaxDepth < 0 || j.MaxDepth > maxJSONDepth, join(prefix, "json.max_depth"), "must be between 1 and 1000", ""})
	}
	if g := r.GraphQL; g != nil {
		checks = append(checks, check{g.MaxDepth < 0, join(prefix, "graphql.max_depth"), "must be 1 or more", ""},
			check{g.MaxAliases < 0, join(prefix, "graphql.max_aliases"), "must be 1 or more", ""})
	}
	if r.Uploads != nil {
		checks = append(checks, uploadChecks(join(prefix, "uploads"), *r.Uploads)...)
	}
	return checks
}

func uploadChecks(path string, u Uploads) []check {
	checks := wordChecks(path+".allow", u.Allow, upload.Allowable())
	checks = append(checks, contentTypeChecks(path+".types", u.Types)...)
	for i, e := range u.Extensions {
		bad := !isToken(e) || strings.ToLower(e) != e || strings.Contains(e, ".")
		checks = append(checks, check{bad, at(path+".extensions", i), "is not a file extension: " + strconv.Quote(e), "write it as png, in small letters and without the dot"})
	}
	for _, limit := range []struct {
		name string
		n    int
	}{{"max_files", u.MaxFiles}, {"max_file_bytes", u.MaxFileBytes}, {"max_parts", u.MaxParts}} {
		checks = append(checks, check{limit.n < 0, path + "." + limit.name, "must be 1 or more", ""})
	}
	return checks
}

// wordChecks wants each item to be one of the words.
func wordChecks(path string, list, words []string) []check {
	var checks []check
	for i, item := range list {
		checks = append(checks, check{!slices.Contains(words, item), at(path, i), "cannot be " + strconv.Quote(item), "use " + strings.Join(words, ", ")})
	}
	return checks
}

func exclusionChecks(path string, x Exclusion) []check {
	checks := []check{
		{(x.Rule == 0) == (x.Tag == ""), path, "must have one of rule and tag", ""},
		{strings.ContainsAny(x.Tag, "\"'\n\\ "), path + ".tag", "must be one word: " + strconv.Quote(x.Tag), "write it as attack-sqli"},
	}
	for i, t := range x.Targets {
		name, _, _ := strings.Cut(t, ":")
		bad := t == "" || strings.ContainsAny(t, "\"\n|, ") || strings.TrimFunc(name, isVariableByte) != ""
		checks = append(checks, check{bad, at(path+".targets", i), "is not a target: " + strconv.Quote(t), "write it as ARGS:name"})
	}
	return checks
}

func isVariableByte(r rune) bool {
	return r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

func limitCheck(path string, n int) check {
	return check{n < 0 || n > maxBodyLimitBytes, path, "must be between 1 and 67108864", ""}
}

func contentTypeChecks(path string, patterns []string) []check {
	var checks []check
	for i, pattern := range patterns {
		_, err := mime.NewAllowList([]string{pattern})
		msg := ""
		if err != nil {
			msg = "is not a media type pattern: " + strconv.Quote(pattern)
		}
		checks = append(checks, check{err != nil, at(path, i), msg, "write it as application/json, application/*+json or text/*"})
	}
	return checks
}

func routesChecks(routes []Route) []check {
	var checks []check
	seen := map[string]bool{}
	for i, r := range routes {
		path := at("routes", i)
		checks = append(checks,
			check{!isToken(r.Name), path + ".name", "must be a name of letters, digits, '-', '_' and '.'", ""},
			check{seen[r.Name], path + ".name", "is used twice: " + strconv.Quote(r.Name), ""},
			check{r.Path != "" && r.PathPrefix != "", path, "must have one of path and path_prefix", ""},
			check{r.matchesAll() && i < len(routes)-1, path, "matches every request, so no later route can", "move it to the end"},
		)
		seen[r.Name] = true
		checks = append(checks, matchChecks(path, r)...)
		checks = append(checks, partChecks(path, r)...)
	}
	return checks
}

func matchChecks(path string, r Route) []check {
	checks := []check{
		{r.Refuse != 0 && (r.Refuse < 400 || r.Refuse > 599), path + ".refuse", "must be a status from 400 to 599", ""},
		{r.Path != "" && !isTemplate(r.Path), path + ".path", "is not a path template: " + strconv.Quote(r.Path), "write it as /orders/{id}"},
		{r.PathPrefix != "" && !isPlainPath(r.PathPrefix), path + ".path_prefix", "is not a path: " + strconv.Quote(r.PathPrefix), "write it as /api/, without {} and ?"},
	}
	for i, h := range r.Hosts {
		checks = append(checks, check{!isHostPattern(h), at(path+".hosts", i), "is not a host: " + strconv.Quote(h), "write it as api.example.com or *.example.com, without a port"})
	}
	for i, m := range r.Methods {
		checks = append(checks, check{!isToken(m), at(path+".methods", i), "is not a method: " + strconv.Quote(m), "write it as GET or POST"})
	}
	return checks
}

func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// isToken is RFC 9110's token, less the marks that nobody needs in a name.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	return c == '-' || c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func isMediaType(s string) bool {
	kind, sub, ok := strings.Cut(s, "/")
	return ok && kind != "" && sub != "" && !strings.ContainsAny(s, " ;,*\"\n")
}
