package seclang

import (
	"io/fs"
	"slices"
	"strings"
)

// Known names what the caller has registered with Coraza beside Coraza's own
// words. The zero value knows the words of Coraza 3.8.1 and nothing else.
type Known struct {
	// Operators are operators by their exact names; Coraza minds their case.
	Operators []string
	// Actions are actions; Coraza ignores the case of their names.
	Actions []ActionInfo
	// Transformations are transformations; Coraza ignores their case.
	Transformations []string
	// Files, when not nil, is where Check looks for the data files of operators
	// such as @pmFromFile.
	Files fs.FS
}

// ActionKind is when Coraza runs an action.
type ActionKind uint8

// The kinds of actions. A disruptive or flow action runs once, when all links of
// a chain have matched, and only from the first link. A nondisruptive one runs
// for each value that matches. Metadata describes the rule, and data (status)
// serves the disruptive action: neither runs.
const (
	Metadata ActionKind = iota + 1
	Disruptive
	Data
	Nondisruptive
	Flow
)

// ActionInfo is an action's name and kind.
type ActionInfo struct {
	Name string
	Kind ActionKind
}

// VariableInfo is what Coraza's parser knows of a variable.
type VariableInfo struct {
	Name string
	// Selectable means that NAME:key is allowed.
	Selectable bool
	// MindsCase means that the key is compared as written; elsewhere Coraza
	// lowers it.
	MindsCase bool
}

// Actions are the actions of Coraza 3.8.1. Not to be changed.
var Actions = []ActionInfo{
	{"accuracy", Metadata}, {"allow", Disruptive}, {"auditlog", Nondisruptive}, {"block", Disruptive},
	{"capture", Nondisruptive}, {"chain", Flow}, {"ctl", Nondisruptive}, {"deny", Disruptive},
	{"drop", Disruptive}, {"exec", Nondisruptive}, {"expirevar", Nondisruptive}, {"id", Metadata},
	{"initcol", Nondisruptive}, {"log", Nondisruptive}, {"logdata", Nondisruptive}, {"maturity", Metadata},
	{"msg", Metadata}, {"multiMatch", Nondisruptive}, {"noauditlog", Nondisruptive}, {"nolog", Nondisruptive},
	{"pass", Disruptive}, {"phase", Metadata}, {"redirect", Disruptive}, {"rev", Metadata},
	{"setenv", Nondisruptive}, {"setvar", Nondisruptive}, {"severity", Metadata}, {"skip", Flow},
	{"skipAfter", Flow}, {"status", Data}, {"t", Nondisruptive}, {"tag", Metadata}, {"ver", Metadata},
}

// Operators are the operators of Coraza 3.8.1. Not to be changed.
var Operators = []string{
	"beginsWith", "contains", "detectSQLi", "detectXSS", "endsWith", "eq", "ge", "geoLookup", "gt",
	"inspectFile", "ipMatch", "ipMatchF", "ipMatchFromDataset", "ipMatchFromFile", "le", "lt", "noMatch",
	"pm", "pmFromDataset", "pmFromFile", "pmf", "rbl", "restpath", "rx", "streq", "strmatch",
	"unconditionalMatch", "validateByteRange", "validateNid", "validateSchema", "validateUrlEncoding",
	"validateUtf8Encoding", "within",
}

// Transformations are the transformations of Coraza 3.8.1. Not to be changed.
var Transformations = []string{
	"base64Decode", "base64DecodeExt", "base64Encode", "cmdLine", "compressWhitespace", "cssDecode",
	"escapeSeqDecode", "hexDecode", "hexEncode", "htmlEntityDecode", "jsDecode", "length", "lowercase",
	"md5", "none", "normalisePath", "normalisePathWin", "normalizePath", "normalizePathWin",
	"removeComments", "removeCommentsChar", "removeNulls", "removeWhitespace", "replaceComments",
	"replaceNulls", "sha1", "trim", "trimLeft", "trimRight", "uppercase", "urlDecode", "urlDecodeUni",
	"urlEncode", "utf8toUnicode",
}

// Variables are the variables of Coraza 3.8.1. Not to be changed.
var Variables = variableTable(
	[]string{"ARGS", "ARGS_GET", "ARGS_GET_NAMES", "ARGS_NAMES", "ARGS_POST", "ARGS_POST_NAMES"},
	[]string{
		"ARGS_PATH", "ENV", "FILES", "FILES_NAMES", "FILES_SIZES", "FILES_TMPNAMES", "FILES_TMP_CONTENT",
		"GEO", "JSON", "MATCHED_VARS", "MATCHED_VARS_NAMES", "MULTIPART_FILENAME",
		"MULTIPART_FILENAME_CHARSET", "MULTIPART_FILENAME_LANGUAGE", "MULTIPART_NAME",
		"MULTIPART_PART_HEADERS", "REQUEST_COOKIES", "REQUEST_COOKIES_NAMES", "REQUEST_HEADERS",
		"REQUEST_HEADERS_NAMES", "REQUEST_XML", "RESPONSE_ARGS", "RESPONSE_HEADERS",
		"RESPONSE_HEADERS_NAMES", "RESPONSE_XML", "RULE", "TX", "XML",
	},
	[]string{
		"ARGS_COMBINED_SIZE", "ARGUMENTS_LIMIT_REACHED", "AUTH_TYPE", "DURATION", "FILES_COMBINED_SIZE",
		"FULL_REQUEST", "FULL_REQUEST_LENGTH", "HIGHEST_SEVERITY", "INBOUND_DATA_ERROR", "IP",
		"MATCHED_VAR", "MATCHED_VAR_NAME", "MULTIPART_BOUNDARY_QUOTED", "MULTIPART_BOUNDARY_WHITESPACE",
		"MULTIPART_CRLF_LF_LINES", "MULTIPART_DATA_AFTER", "MULTIPART_DATA_BEFORE",
		"MULTIPART_DUPLICATE_PART_HEADER", "MULTIPART_FILE_LIMIT_EXCEEDED", "MULTIPART_HEADER_FOLDING",
		"MULTIPART_INVALID_HEADER_FOLDING", "MULTIPART_INVALID_PART", "MULTIPART_INVALID_QUOTING",
		"MULTIPART_LF_LINE", "MULTIPART_MISSING_SEMICOLON", "MULTIPART_STRICT_ERROR",
		"MULTIPART_UNMATCHED_BOUNDARY", "OUTBOUND_DATA_ERROR", "PATH_INFO", "QUERY_STRING",
		"REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REQBODY_ERROR", "REQBODY_ERROR_MSG",
		"REQBODY_PROCESSOR", "REQBODY_PROCESSOR_ERROR", "REQBODY_PROCESSOR_ERROR_MSG",
		"REQUEST_BASENAME", "REQUEST_BODY", "REQUEST_BODY_LENGTH", "REQUEST_FILENAME", "REQUEST_LINE",
		"REQUEST_METHOD", "REQUEST_PROTOCOL", "REQUEST_URI", "REQUEST_URI_RAW", "RESPONSE_BODY",
		"RESPONSE_CONTENT_LENGTH", "RESPONSE_CONTENT_TYPE", "RESPONSE_PROTOCOL", "RESPONSE_STATUS",
		"RES_BODY_ERROR", "RES_BODY_ERROR_MSG", "RES_BODY_PROCESSOR", "RES_BODY_PROCESSOR_ERROR",
		"RES_BODY_PROCESSOR_ERROR_MSG", "SERVER_ADDR", "SERVER_NAME", "SERVER_PORT", "SESSIONID",
		"STATUS_LINE", "TIME", "TIME_DAY", "TIME_EPOCH", "TIME_HOUR", "TIME_MIN", "TIME_MON", "TIME_SEC",
		"TIME_WDAY", "TIME_YEAR", "UNIQUE_ID", "UNKNOWN", "URI_PARSE_ERROR", "URLENCODED_ERROR", "USERID",
	},
)

// variableTable joins the names and sorts them for lookUpVariable.
func variableTable(mindCase, selectable, plain []string) []VariableInfo {
	var out []VariableInfo
	for _, name := range mindCase {
		out = append(out, VariableInfo{Name: name, Selectable: true, MindsCase: true})
	}
	for _, name := range selectable {
		out = append(out, VariableInfo{Name: name, Selectable: true})
	}
	for _, name := range plain {
		out = append(out, VariableInfo{Name: name})
	}
	slices.SortFunc(out, func(a, b VariableInfo) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// unknownVariable is a name that Coraza's parser takes and that has no value.
const unknownVariable = "UNKNOWN"

// lookUpVariable finds a variable as Coraza does, in any case.
func lookUpVariable(name string) (VariableInfo, bool) {
	i, ok := slices.BinarySearchFunc(Variables, strings.ToUpper(name), func(v VariableInfo, name string) int {
		return strings.Compare(v.Name, name)
	})
	if !ok {
		return VariableInfo{}, false
	}
	return Variables[i], true
}

// variableHint suggests a variable for a name that is none.
func variableHint(name string) string {
	names := make([]string, len(Variables))
	for i, v := range Variables {
		names[i] = v.Name
	}
	return didYouMean(nearest(name, names))
}

// words answers which names exist; one is built for each Parse.
type words struct {
	actions         map[string]ActionInfo
	operators       map[string]bool
	transformations map[string]string
	directives      map[string]directiveInfo
}

func newWords(k Known) *words {
	w := &words{
		actions:         make(map[string]ActionInfo, len(Actions)),
		operators:       make(map[string]bool, len(Operators)),
		transformations: make(map[string]string, len(Transformations)),
		directives:      make(map[string]directiveInfo, len(directives)),
	}
	for _, list := range [][]ActionInfo{Actions, k.Actions} {
		for _, a := range list {
			w.actions[strings.ToLower(a.Name)] = a
		}
	}
	for _, list := range [][]string{Operators, k.Operators} {
		for _, name := range list {
			w.operators[name] = true
		}
	}
	for _, list := range [][]string{Transformations, k.Transformations} {
		for _, name := range list {
			w.transformations[strings.ToLower(name)] = name
		}
	}
	for _, d := range directives {
		w.directives[strings.ToLower(d.name)] = d
	}
	return w
}

// hint suggests a name of one of the tables for a word that is in none.
func hint[V any](word string, table map[string]V, spelled func(string, V) string) string {
	names := make([]string, 0, len(table))
	for key, v := range table {
		names = append(names, spelled(key, v))
	}
	return didYouMean(nearest(word, names))
}
