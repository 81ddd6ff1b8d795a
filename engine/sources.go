package engine

import (
	"io/fs"
	"runtime"
	"strconv"
	"strings"

	"tabard/engine/operators"
	"tabard/engine/seclang"
)

// settingsSource is the name of the text that sets what the policy says.
const settingsSource = "tabard settings"

// sources returns the texts of a rule set in the order Coraza reads them:
// settings, CRS's initialisation, our families, the profile, one's own rules,
// CRS's detection rules and verdicts, and last what changes rules that exist.
func (c *compiler) sources(s settings) []seclang.Source {
	out := []seclang.Source{{Name: settingsSource, Text: settingsText(s)}}
	if s.crsEnabled() {
		out = append(out, seclang.Source{Name: "tabard crs setup", Text: crsSetupText(s.crs, len(s.requestBody.Encodings) > 0)})
	}
	out = append(out, seclang.Source{Name: "tabard families", Text: c.uses.text(s)})
	if s.profile == ProfileAPI {
		out = append(out, seclang.Source{Name: "tabard profile", Text: "Include @tabard/profiles/api/*.conf"})
	}
	out = append(out, c.own(s, BeforeCRS)...)
	if s.crsEnabled() {
		out = append(out, seclang.Source{Name: "tabard crs", Text: "Include @owasp_crs/REQUEST-9[1-9]*.conf\nInclude @owasp_crs/RESPONSE-*.conf"})
	}
	if s.profile == ProfileAPI {
		out = append(out, seclang.Source{Name: "tabard profile exclusions", Text: "Include @tabard/profiles/api/after/*.conf"})
	}
	out = append(out, c.own(s, AfterCRS)...)
	return append(out, exclusionSources(s.exclusions, c.policy.origin)...)
}

// settingsText is the engine's configuration. Coraza's limits count the body
// as too long when it reaches them, ours when it is over: hence the plus one.
func settingsText(s settings) string {
	lines := []string{
		"Include @coraza.conf-recommended",
		"Include @tabard/base/base.conf",
		"SecRuleEngine " + choose(s.mode == ModeDetect, "DetectionOnly", "On"),
		"SecRequestBodyAccess " + onOff(s.inspectRequest()),
		"SecRequestBodyLimit " + strconv.Itoa(s.requestBody.LimitBytes+1),
		"SecRequestBodyInMemoryLimit " + strconv.Itoa(s.requestBody.LimitBytes+1),
		"SecRequestBodyLimitAction " + limitAction(s.requestBody.OverLimit),
		"SecResponseBodyAccess " + onOff(s.inspectResponse()),
		"SecResponseBodyMimeType " + strings.Join(s.responseBody.ContentTypes, " "),
		"SecResponseBodyLimit " + strconv.Itoa(s.responseBody.LimitBytes+1),
		"SecResponseBodyLimitAction " + limitAction(s.responseBody.OverLimit),
	}
	return strings.Join(lines, "\n")
}

// restrictedHeaders is CRS 4.25's own list (rule 901171) without Content-Encoding,
// for routes that take codings: rule 100160 refuses the others there.
const restrictedHeaders = "/proxy/ /lock-token/ /content-range/ /if/ /x-http-method-override/ /x-http-method/ /x-method-override/ /x-middleware-subrequest/ /expect/"

// crsSetupText sets what crs-setup.conf leaves commented out, with the ids
// that the file reserves for each setting.
func crsSetupText(c CRS, decodes bool) string {
	lines := []string{
		"Include @crs-setup.conf.example",
		crsSetting(900000, "tx.blocking_paranoia_level="+strconv.Itoa(c.ParanoiaLevel)),
		crsSetting(900001, "tx.detection_paranoia_level="+strconv.Itoa(c.DetectionParanoiaLevel)),
		crsSetting(900110, "tx.inbound_anomaly_score_threshold="+strconv.Itoa(c.InboundThreshold),
			"tx.outbound_anomaly_score_threshold="+strconv.Itoa(c.OutboundThreshold)),
		crsSetting(900120, "tx.early_blocking="+choose(c.EarlyBlocking, "1", "0")),
	}
	if decodes {
		lines = append(lines, crsSetting(900250, "tx.restricted_headers_basic="+restrictedHeaders))
	}
	if len(c.AllowedMethods) > 0 {
		lines = append(lines, crsSetting(900200, "tx.allowed_methods="+strings.Join(c.AllowedMethods, " ")))
	}
	return strings.Join(append(lines, "Include @owasp_crs/REQUEST-90*.conf"), "\n")
}

func crsSetting(id int, variables ...string) string {
	return `SecAction "id:` + strconv.Itoa(id) + `,phase:1,pass,t:none,nolog,setvar:'` + strings.Join(variables, "',setvar:'") + `'"`
}

// text includes the families in the order of cost: an address is cheaper to
// judge than a token. Where own rules are to score, their deny becomes a pass:
// each adds to the score in any case.
func (f families) text(s settings) string {
	own := s.ownRules == OwnRulesScore
	var lines []string
	for _, family := range []struct {
		used   bool
		dir    string
		ids    string // of its rules
		scores bool
	}{
		{f.ip, "ip", "", false}, {f.api, "api", "100100-100199", own}, {f.upload, "upload", "100400-100499", own},
		{f.jwt, "auth", "100200-100299", s.jwt.Action == ActionScore},
	} {
		if !family.used {
			continue
		}
		lines = append(lines, "Include @tabard/"+family.dir+"/*.conf")
		if family.scores {
			lines = append(lines, "SecRuleUpdateActionById "+family.ids+` "pass"`)
		}
	}
	return strings.Join(lines, "\n")
}

// own returns the policy's directives for a position. An inline text is named
// by its path, so that policyPosition can find its place again.
func (c *compiler) own(s settings, position Position) []seclang.Source {
	var out []seclang.Source
	for _, d := range s.directives {
		if or(d.value.Position, BeforeCRS) != position {
			continue
		}
		source := seclang.Source{Name: inlineName(c.policy.origin, d.path+".inline"), Text: d.value.Inline}
		if d.value.File != "" {
			source = seclang.Source{Name: inlineName(c.policy.origin, d.path+".file"), Text: "Include " + d.value.File}
		}
		out = append(out, source)
	}
	return out
}

func exclusionSources(list []placed[Exclusion], o *origin) []seclang.Source {
	out := make([]seclang.Source, len(list))
	for i, x := range list {
		out[i] = seclang.Source{Name: inlineName(o, x.path), Text: exclusionText(x.value)}
	}
	return out
}

func exclusionText(x Exclusion) string {
	by, what := "ById ", strconv.Itoa(x.Rule)
	if x.Tag != "" {
		by, what = "ByTag ", `"`+x.Tag+`"`
	}
	if len(x.Targets) == 0 {
		return "SecRuleRemove" + by + what
	}
	return "SecRuleUpdateTarget" + by + what + ` "!` + strings.Join(x.Targets, ",!") + `"`
}

func inlineName(o *origin, path string) string {
	if o == nil {
		return "policy" + inlineMark + path
	}
	return o.file + inlineMark + path
}

func limitAction(o OverLimit) string {
	return choose(o == OverLimitReject, "Reject", "ProcessPartial")
}

func onOff(b bool) string { return choose(b, "On", "Off") }

func choose(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

// sharedFS are the files of the rules, with what several operators make of them
// once for all.
type sharedFS struct {
	fs.FS
	made  *operators.Shared
	edits seclang.Edits // of the files, for Coraza alone
}

// ReadFile implements fs.ReadFileFS, because the CRS module's file system
// finds a file below "@" only this way.
func (s sharedFS) ReadFile(name string) ([]byte, error) {
	runtime.Gosched() // loading takes long in wasm, where nothing interrupts it: see screen.Compile
	text, err := fs.ReadFile(s.FS, name)
	// Coraza puts the including file's folder in front of a name.
	if name = name[max(strings.IndexByte(name, '@'), 0):]; len(s.edits[name]) > 0 {
		text = []byte(s.edits.Apply(name, string(text)))
	}
	return text, err
}

// Glob implements fs.GlobFS.
func (s sharedFS) Glob(pattern string) ([]string, error) { return fs.Glob(s.FS, pattern) }

// Shared implements operators.Sharer.
func (s sharedFS) Shared() *operators.Shared { return s.made }
