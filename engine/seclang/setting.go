package seclang

import (
	"regexp/syntax"
	"strconv"
	"strings"
)

// directiveInfo is what is known of one directive: its name as people write it
// and what the builder does with it.
type directiveInfo struct {
	name string
	read func(*builder, Directive)
}

// directives are the directives of Coraza 3.8.1. Include is followed by Load.
var directives = []directiveInfo{
	{"Include", ignore},
	{"SecAction", (*builder).rule},
	{"SecArgumentSeparator", noEffect},
	{"SecArgumentsLimit", setting(positive)},
	{"SecAuditEngine", setting(oneOf("On", "Off", "RelevantOnly"))},
	{"SecAuditLog", setting(anyText)},
	{"SecAuditLogDirMode", setting(octal)},
	{"SecAuditLogFileMode", setting(octal)},
	{"SecAuditLogFormat", setting(anyText)},
	{"SecAuditLogParts", setting(auditParts)},
	{"SecAuditLogRelevantStatus", setting(pattern)},
	{"SecAuditLogStorageDir", setting(anyText)},
	{"SecAuditLogType", setting(anyText)},
	{"SecCollectionTimeout", noEffect},
	{"SecComponentSignature", setting(anyText)},
	{"SecConnEngine", noEffect},
	{"SecConnReadStateLimit", noEffect},
	{"SecConnWriteStateLimit", noEffect},
	{"SecCookieFormat", noEffect},
	{"SecDataDir", setting(anyText)},
	{"SecDataset", (*builder).dataset},
	{"SecDebugLog", setting(anyText)},
	{"SecDebugLogLevel", setting(debugLevel)},
	{"SecDefaultAction", (*builder).defaultAction},
	{"SecGsbLookupDb", noEffect},
	{"SecHashEngine", noEffect},
	{"SecHashKey", noEffect},
	{"SecHashMethodPm", noEffect},
	{"SecHashMethodRx", noEffect},
	{"SecHashParam", noEffect},
	{"SecHTTPBlKey", noEffect},
	{"SecIgnoreRuleCompilationErrors", (*builder).ignoreErrors},
	{"SecMarker", (*builder).marker},
	{"SecPcreMatchLimit", noEffect},
	{"SecPcreMatchLimitRecursion", noEffect},
	{"SecRemoteRules", refused},
	{"SecRemoteRulesFailAction", setting(oneOf("Abort", "Warn"))},
	{"SecRequestBodyAccess", setting(onOff)},
	{"SecRequestBodyInMemoryLimit", setting(bodyLimit)},
	{"SecRequestBodyJsonDepthLimit", setting(positive)},
	{"SecRequestBodyLimit", setting(bodyLimit)},
	{"SecRequestBodyLimitAction", setting(oneOf("Reject", "ProcessPartial"))},
	{"SecRequestBodyNoFilesLimit", setting(number)},
	{"SecResponseBodyAccess", setting(onOff)},
	{"SecResponseBodyJsonDepthLimit", setting(positive)},
	{"SecResponseBodyLimit", setting(bodyLimit)},
	{"SecResponseBodyLimitAction", setting(oneOf("Reject", "ProcessPartial"))},
	{"SecResponseBodyMimeType", setting(anyText)},
	{"SecResponseBodyMimeTypesClear", setting(nothing)},
	{"SecRule", (*builder).rule},
	{"SecRuleEngine", setting(oneOf("On", "Off", "DetectionOnly"))},
	{"SecRulePerfTime", noEffect},
	{"SecRuleRemoveById", (*builder).removeByID},
	{"SecRuleRemoveByMsg", (*builder).removeByMsg},
	{"SecRuleRemoveByTag", (*builder).removeByTag},
	{"SecRuleScript", noEffect},
	{"SecRuleUpdateActionById", (*builder).updateActionByID},
	{"SecRuleUpdateTargetById", (*builder).updateTargetByID},
	{"SecRuleUpdateTargetByMsg", noEffect},
	{"SecRuleUpdateTargetByTag", (*builder).updateTargetByTag},
	{"SecRxPreFilter", setting(onOff)},
	{"SecSensorId", setting(anyText)},
	{"SecServerSignature", setting(anyText)},
	{"SecTmpDir", noEffect},
	{"SecUnicodeMap", noEffect},
	{"SecUploadDir", setting(anyText)},
	{"SecUploadFileLimit", setting(number)},
	{"SecUploadFileMode", setting(octal)},
	{"SecUploadKeepFiles", setting(oneOf("On", "Off", "RelevantOnly"))},
	{"SecWebAppId", setting(anyText)},
}

// Directives gives the names of the directives of Coraza 3.8.1, in order.
func Directives() []string {
	out := make([]string, len(directives))
	for i, d := range directives {
		out[i] = d.name
	}
	return out
}

// ignore is for directives that are done with before the builder sees them.
func ignore(*builder, Directive) {}

// noEffect is for directives that Coraza takes and does nothing with.
func noEffect(b *builder, d Directive) {
	b.warn(0, d.Name+" has no effect in Coraza", "")
}

// refused is for directives that Coraza knows and always fails on.
func refused(b *builder, d Directive) {
	b.fail(0, d.Name+" is not implemented in Coraza", "Include the rules as files")
}

// setting records a directive whose value passes the check. The check says what
// is wrong with the value and what would work; off is where in the value.
func setting(check func(value string) (msg, hint string)) func(*builder, Directive) {
	return func(b *builder, d Directive) {
		if msg, hint := check(d.Args); msg != "" {
			b.fail(d.argsOff, d.Name+" "+msg, hint)
			return
		}
		b.table.Settings = append(b.table.Settings, Setting{Name: strings.ToLower(d.Name), Value: d.Args, Pos: d.Pos})
	}
}

func anyText(value string) (msg, hint string) {
	if value == "" {
		return "needs a value", ""
	}
	return "", ""
}

func nothing(value string) (msg, hint string) {
	if value != "" {
		return "takes no value", ""
	}
	return "", ""
}

func oneOf(names ...string) func(string) (msg, hint string) {
	return func(value string) (msg, hint string) {
		for _, name := range names {
			if strings.ToLower(value) == strings.ToLower(name) {
				return "", ""
			}
		}
		msg = "is " + strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1] + ", not " + quote(value)
		return msg, didYouMean(nearest(value, names))
	}
}

func onOff(value string) (msg, hint string) { return oneOf("On", "Off")(value) }

func number(value string) (msg, hint string) {
	if _, err := strconv.ParseInt(value, 10, 64); err != nil {
		return "needs a whole number, not " + quote(value), ""
	}
	return "", ""
}

// maxBodyLimit is 1 GiB, Coraza's bound for the limits of bodies.
const maxBodyLimit = 1 << 30

func bodyLimit(value string) (msg, hint string) {
	if n, err := strconv.ParseInt(value, 10, 64); err != nil || n <= 0 || n > maxBodyLimit {
		return "needs a number of bytes from 1 to 1073741824, not " + quote(value), ""
	}
	return "", ""
}

func positive(value string) (msg, hint string) {
	if n, err := strconv.Atoi(value); err != nil || n <= 0 {
		return "needs a whole number above 0, not " + quote(value), ""
	}
	return "", ""
}

func octal(value string) (msg, hint string) {
	if _, err := strconv.ParseInt(value, 8, 32); err != nil {
		return "needs an octal number such as 0600, not " + quote(value), ""
	}
	return "", ""
}

func debugLevel(value string) (msg, hint string) {
	if n, err := strconv.ParseInt(value, 10, 8); err != nil || n < 0 || n > 9 {
		return "needs a number from 0 to 9, not " + quote(value), ""
	}
	return "", ""
}

func pattern(value string) (msg, hint string) {
	if value == "" {
		return "needs a value", ""
	}
	if _, err := syntax.Parse(value, syntax.Perl); err != nil {
		msg, hint = checkPattern(value)
		return "has a " + msg, hint
	}
	return "", ""
}

func auditParts(value string) (msg, hint string) {
	n := len(value)
	if n < 2 || value[0] != 'A' || value[n-1] != 'Z' || strings.Trim(value[1:n-1], "BCDEFGHIJK") != "" {
		return "needs A, any of BCDEFGHIJK, and Z, not " + quote(value), "write ABIJDEFHZ"
	}
	return "", ""
}
