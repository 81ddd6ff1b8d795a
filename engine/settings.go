package engine

import (
	"tabard/engine/mime"
	"tabard/engine/upload"
)

// Defaults of a policy, each with its reason.
const (
	// defaultRequestLimitBytes is what coraza-proxy-wasm and Coraza's in-memory
	// limit use: API bodies fit, uploads need a route of their own.
	defaultRequestLimitBytes = 128 << 10
	// defaultResponseLimitBytes is the limit of Coraza's recommended settings.
	defaultResponseLimitBytes = 512 << 10
	// DefaultInboundThreshold is CRS's own: one critical match blocks.
	DefaultInboundThreshold = 5
	// defaultTokenBytes: servers refuse header lines over 8 KiB by default.
	defaultTokenBytes = 8 << 10
	// defaultLeewaySeconds is how far clocks of servers differ; RFC 7519 speaks
	// of a few minutes at most.
	defaultLeewaySeconds = 60
	// defaultJSONDepth is twice what API documents have, and far below what a
	// recursive parser breaks at.
	defaultJSONDepth = 32
	// defaultUploadParts: a form with a hundred fields is a large one.
	defaultUploadParts = 100
	// defaultRefreshSeconds is how often feeds change, and what their publishers
	// ask for.
	defaultRefreshSeconds = 3600
)

// settings are the policy as it applies to one route, with defaults filled in.
type settings struct {
	route        string
	mode         Mode
	profile      Profile
	crs          CRS
	exclusions   []placed[Exclusion]
	directives   []placed[Directives]
	requestBody  Body
	responseBody ResponseBody
	contentTypes []string
	charsets     []string
	accept       []string
	json         JSON
	graphQL      GraphQL
	uploads      Uploads
	uploadLimits upload.Limits
	ownRules     OwnRules
	schema       *RequestSchema
	refuse       int
	jwt          JWT
	ip           IP
	ipPath       string // where ip stands in the policy
	jwtPath      string // likewise
}

// placed is a part of a policy with its path, for errors found later.
type placed[T any] struct {
	value T
	path  string
}

func place1[T any](path string, list []T) []placed[T] {
	out := make([]placed[T], len(list))
	for i, v := range list {
		out[i] = placed[T]{v, at(path, i)}
	}
	return out
}

// variants returns the settings of the whole policy and then of each route.
func (p *Policy) variants() []settings {
	base := settings{
		mode: p.Mode, profile: p.Profile, crs: p.CRS,
		exclusions:  place1("crs.exclusions", p.CRS.Exclusions),
		directives:  place1("directives", p.Directives),
		requestBody: p.RequestBody, responseBody: p.ResponseBody,
		contentTypes: p.ContentTypes, charsets: p.Charsets, accept: p.Accept,
		json: p.JSON, graphQL: p.GraphQL, uploads: p.Uploads, ownRules: p.OwnRules, jwt: p.JWT, ip: p.IP, ipPath: "ip", jwtPath: "jwt",
	}
	out := []settings{base.withDefaults()}
	for i, r := range p.Routes {
		out = append(out, base.forRoute(r, at("routes", i)).withDefaults())
	}
	return out
}

// forRoute lays what the route sets over the whole policy's settings.
func (s settings) forRoute(r Route, path string) settings {
	s.route = r.Name
	if r.Mode != "" {
		s.mode = r.Mode
	}
	s.exclusions = append(s.exclusions[:len(s.exclusions):len(s.exclusions)], place1(path+".exclusions", r.Exclusions)...)
	s.directives = append(s.directives[:len(s.directives):len(s.directives)], place1(path+".directives", r.Directives)...)
	if r.RequestBody != nil {
		s.requestBody = *r.RequestBody
	}
	if r.ResponseBody != nil {
		s.responseBody = *r.ResponseBody
	}
	s.layContent(r)
	if r.JWT != nil {
		s.jwt, s.jwtPath = *r.JWT, path+".jwt"
	}
	if r.IP != nil {
		s.ip, s.ipPath = *r.IP, path+".ip"
	}
	return s
}

// layContent is forRoute for what is about content types and bodies.
func (s *settings) layContent(r Route) {
	if r.ContentTypes != nil {
		s.contentTypes = r.ContentTypes
	}
	if r.Charsets != nil {
		s.charsets = r.Charsets
	}
	if r.Accept != nil {
		s.accept = r.Accept
	}
	if r.JSON != nil {
		s.json = *r.JSON
	}
	if r.GraphQL != nil {
		s.graphQL = *r.GraphQL
	}
	if r.Uploads != nil {
		s.uploads = *r.Uploads
	}
	s.ownRules = or(r.OwnRules, s.ownRules)
	s.schema, s.refuse = r.Schema, r.Refuse
}

func (s settings) withDefaults() settings {
	s.mode = or(s.mode, ModeBlock)
	s.profile = or(s.profile, ProfileCRS)
	s.crs.ParanoiaLevel = or(s.crs.ParanoiaLevel, 1)
	s.crs.DetectionParanoiaLevel = or(s.crs.DetectionParanoiaLevel, s.crs.ParanoiaLevel)
	s.crs.InboundThreshold = or(s.crs.InboundThreshold, DefaultInboundThreshold)
	s.crs.OutboundThreshold = or(s.crs.OutboundThreshold, 4)
	s.requestBody.LimitBytes = or(s.requestBody.LimitBytes, defaultRequestLimitBytes)
	s.requestBody.OverLimit = or(s.requestBody.OverLimit, OverLimitReject)
	s.responseBody.LimitBytes = or(s.responseBody.LimitBytes, defaultResponseLimitBytes)
	s.responseBody.OverLimit = or(s.responseBody.OverLimit, OverLimitPartial)
	if len(s.responseBody.ContentTypes) == 0 {
		s.responseBody.ContentTypes = []string{"text/plain", "text/html", "text/xml", "application/json"}
	}
	s.json.MaxDepth = or(s.json.MaxDepth, defaultJSONDepth)
	s.uploads.MaxParts = or(s.uploads.MaxParts, defaultUploadParts)
	s.uploadLimits = s.uploads.limits()
	s.ownRules = or(s.ownRules, OwnRulesDeny)
	s.jwt.Mode = or(s.jwt.Mode, JWTOff)
	s.jwt.MaxBytes = or(s.jwt.MaxBytes, defaultTokenBytes)
	s.jwt.Action = or(s.jwt.Action, ActionDeny)
	if len(s.jwt.Sources) == 0 {
		s.jwt.Sources = []string{"header:Authorization"}
	}
	return s
}

func (s settings) crsEnabled() bool      { return isSet(s.crs.Enabled, true) }
func (s settings) inspectRequest() bool  { return isSet(s.requestBody.Inspect, true) }
func (s settings) inspectResponse() bool { return isSet(s.responseBody.Inspect, false) }

func (s settings) nested() bool { return isSet(s.requestBody.Nested, true) }

// usesAPI and usesUploads say whether rules/api and rules/upload are needed.
func (s settings) usesAPI() bool {
	return len(s.contentTypes)+len(s.charsets)+len(s.accept)+len(s.requestBody.Encodings) > 0 || s.json.Strict || s.graphQL.limits() || s.schema != nil
}

func (s settings) usesUploads() bool { return s.uploads.Check }

// limits are what the judge of files is to know.
func (u Uploads) limits() upload.Limits {
	out := upload.Limits{MaxFiles: u.MaxFiles, MaxFileBytes: u.MaxFileBytes, Extensions: u.Extensions}
	if len(u.Types) > 0 {
		out.Types, _ = mime.NewAllowList(u.Types) // validate has looked at them
	}
	return out
}

// limits says whether the section limits anything.
func (g GraphQL) limits() bool {
	return g.MaxDepth > 0 || g.MaxAliases > 0 || !isSet(g.Introspection, true)
}

// empty says that nothing is asked about addresses.
func (s IP) empty() bool {
	return len(s.Allow)+len(s.AllowFiles)+len(s.Block)+len(s.BlockFiles)+len(s.Sets) == 0 && s.Unlisted != UnlistedBlock &&
		len(s.BlockCountries)+len(s.OnlyCountries)+len(s.BlockASNs) == 0 && !s.BlockAnonymous
}

func isSet(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}

// or returns v, or otherwise when v is its type's zero value.
func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
