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
	// read is nil for a setting, whose value check judges: it says what is wrong
	// and what would work.
	read  func(*builder, *Directive)
	check func(value string) (msg, hint string)
}

// directives are the directives of Coraza 3.8.1. Include is followed by Load.
var directives = []directiveInfo{
	{"Include", ignore, nil},
	{"SecAction", (*builder).rule, nil},
	{"SecArgumentSeparator", noEffect, nil},
	{"SecArgumentsLimit", nil, positive},
	{"SecAuditEngine", nil, auditEngine},
	{"SecAuditLog", nil, anyText},
	{"SecAuditLogDirMode", nil, octal},
	{"SecAuditLogFileMode", nil, octal},
	{"SecAuditLogFormat", nil, anyText},
	{"SecAuditLogParts", nil, auditParts},
	{"SecAuditLogRelevantStatus", nil, pattern},
	{"SecAuditLogStorageDir", nil, anyText},
	{"SecAuditLogType", nil, anyText},
	{"SecCollectionTimeout", noEffect, nil},
	{"SecComponentSignature", nil, anyText},
	{"SecConnEngine", noEffect, nil},
	{"SecConnReadStateLimit", noEffect, nil},
	{"SecConnWriteStateLimit", noEffect, nil},
	{"SecCookieFormat", noEffect, nil},
	{"SecDataDir", nil, anyText},
	{"SecDataset", (*builder).dataset, nil},
	{"SecDebugLog", nil, anyText},
	{"SecDebugLogLevel", nil, debugLevel},
	{"SecDefaultAction", (*builder).defaultAction, nil},
	{"SecGsbLookupDb", noEffect, nil},
	{"SecHashEngine", noEffect, nil},
	{"SecHashKey", noEffect, nil},
	{"SecHashMethodPm", noEffect, nil},
	{"SecHashMethodRx", noEffect, nil},
	{"SecHashParam", noEffect, nil},
	{"SecHTTPBlKey", noEffect, nil},
	{"SecIgnoreRuleCompilationErrors", (*builder).ignoreErrors, nil},
	{"SecMarker", (*builder).marker, nil},
	{"SecPcreMatchLimit", noEffect, nil},
	{"SecPcreMatchLimitRecursion", noEffect, nil},
	{"SecRemoteRules", refused, nil},
	{"SecRemoteRulesFailAction", nil, failAction},
	{"SecRequestBodyAccess", nil, onOff},
	{"SecRequestBodyInMemoryLimit", nil, bodyLimit},
	{"SecRequestBodyJsonDepthLimit", nil, positive},
	{"SecRequestBodyLimit", nil, bodyLimit},
	{"SecRequestBodyLimitAction", nil, limitAction},
	{"SecRequestBodyNoFilesLimit", nil, number},
	{"SecResponseBodyAccess", nil, onOff},
	{"SecResponseBodyJsonDepthLimit", nil, positive},
	{"SecResponseBodyLimit", nil, bodyLimit},
	{"SecResponseBodyLimitAction", nil, limitAction},
	{"SecResponseBodyMimeType", nil, anyText},
	{"SecResponseBodyMimeTypesClear", nil, nothing},
	{"SecRule", (*builder).rule, nil},
	{"SecRuleEngine", nil, ruleEngine},
	{"SecRulePerfTime", noEffect, nil},
	{"SecRuleRemoveById", (*builder).removeByID, nil},
	{"SecRuleRemoveByMsg", (*builder).removeByMsg, nil},
	{"SecRuleRemoveByTag", (*builder).removeByTag, nil},
	{"SecRuleScript", noEffect, nil},
	{"SecRuleUpdateActionById", (*builder).updateActionByID, nil},
	{"SecRuleUpdateTargetById", (*builder).updateTargetByID, nil},
	{"SecRuleUpdateTargetByMsg", noEffect, nil},
	{"SecRuleUpdateTargetByTag", (*builder).updateTargetByTag, nil},
	{"SecRxPreFilter", nil, onOff},
	{"SecSensorId", nil, anyText},
	{"SecServerSignature", nil, anyText},
	{"SecTmpDir", noEffect, nil},
	{"SecUnicodeMap", noEffect, nil},
	{"SecUploadDir", noDisk, nil},
	{"SecUploadFileLimit", nil, number},
	{"SecUploadFileMode", nil, octal},
	{"SecUploadKeepFiles", nil, keepFiles},
	{"SecWebAppId", nil, anyText},
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
func ignore(*builder, *Directive) {}

// noEffect is for directives that Coraza takes and does nothing with.
func noEffect(b *builder, d *Directive) {
	b.warn(NoEffect, 0, d.Name+" has no effect in Coraza", "")
}

// refused is for directives that Coraza knows and always fails on.
func refused(b *builder, d *Directive) {
	b.fail(0, d.Name+" is not implemented in Coraza", "Include the rules as files")
}

// noDisk is for directives that name a place on the disk, which the engine never
// touches: Coraza refuses them under the build tag no_fs_access.
func noDisk(b *builder, d *Directive) {
	b.fail(0, d.Name+" has no effect, the engine writes no files", "remove it")
}

// keepFiles checks SecUploadKeepFiles; see noDisk.
func keepFiles(value string) (msg, hint string) {
	if strings.ToLower(value) != "off" {
		return "can only be Off, the engine writes no files", "remove it"
	}
	return "", ""
}

// setting records a directive whose value passes the check.
func (b *builder) setting(d *Directive, check func(value string) (msg, hint string)) {
	if msg, hint := check(d.Args); msg != "" {
		b.fail(d.argsOff, d.Name+" "+msg, hint)
		return
	}
	b.table.Settings = append(b.table.Settings, Setting{Name: strings.ToLower(d.Name), Value: d.Args, Pos: d.Pos})
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

// oneOf checks a value that is one of a few words in any case.
func oneOf(value string, names ...string) (msg, hint string) {
	// Not EqualFold: Coraza lowers, which leaves a long s alone.
	lower := strings.ToLower(value)
	for _, name := range names {
		if lower == strings.ToLower(name) {
			return "", ""
		}
	}
	msg = "is " + strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1] + ", not " + quote(value)
	return msg, didYouMean(nearest(value, names))
}

func onOff(value string) (msg, hint string) { return oneOf(value, "On", "Off") }

func ruleEngine(value string) (msg, hint string) { return oneOf(value, "On", "Off", "DetectionOnly") }

func auditEngine(value string) (msg, hint string) { return oneOf(value, "On", "Off", "RelevantOnly") }

func limitAction(value string) (msg, hint string) { return oneOf(value, "Reject", "ProcessPartial") }

func failAction(value string) (msg, hint string) { return oneOf(value, "Abort", "Warn") }

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
