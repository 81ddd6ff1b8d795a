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

// Variables are the variables of Coraza 3.8.1, in order. Not to be changed.
var Variables = []VariableInfo{
	{Name: "ARGS", Selectable: true, MindsCase: true},
	{Name: "ARGS_COMBINED_SIZE"},
	{Name: "ARGS_GET", Selectable: true, MindsCase: true},
	{Name: "ARGS_GET_NAMES", Selectable: true, MindsCase: true},
	{Name: "ARGS_NAMES", Selectable: true, MindsCase: true},
	{Name: "ARGS_PATH", Selectable: true},
	{Name: "ARGS_POST", Selectable: true, MindsCase: true},
	{Name: "ARGS_POST_NAMES", Selectable: true, MindsCase: true},
	{Name: "ARGUMENTS_LIMIT_REACHED"},
	{Name: "AUTH_TYPE"},
	{Name: "DURATION"},
	{Name: "ENV", Selectable: true},
	{Name: "FILES", Selectable: true},
	{Name: "FILES_COMBINED_SIZE"},
	{Name: "FILES_NAMES", Selectable: true},
	{Name: "FILES_SIZES", Selectable: true},
	{Name: "FILES_TMPNAMES", Selectable: true},
	{Name: "FILES_TMP_CONTENT", Selectable: true},
	{Name: "FULL_REQUEST"},
	{Name: "FULL_REQUEST_LENGTH"},
	{Name: "GEO", Selectable: true},
	{Name: "HIGHEST_SEVERITY"},
	{Name: "INBOUND_DATA_ERROR"},
	{Name: "IP"},
	{Name: "JSON", Selectable: true},
	{Name: "MATCHED_VAR"},
	{Name: "MATCHED_VARS", Selectable: true},
	{Name: "MATCHED_VARS_NAMES", Selectable: true},
	{Name: "MATCHED_VAR_NAME"},
	{Name: "MULTIPART_BOUNDARY_QUOTED"},
	{Name: "MULTIPART_BOUNDARY_WHITESPACE"},
	{Name: "MULTIPART_CRLF_LF_LINES"},
	{Name: "MULTIPART_DATA_AFTER"},
	{Name: "MULTIPART_DATA_BEFORE"},
	{Name: "MULTIPART_DUPLICATE_PART_HEADER"},
	{Name: "MULTIPART_FILENAME", Selectable: true},
	{Name: "MULTIPART_FILENAME_CHARSET", Selectable: true},
	{Name: "MULTIPART_FILENAME_LANGUAGE", Selectable: true},
	{Name: "MULTIPART_FILE_LIMIT_EXCEEDED"},
	{Name: "MULTIPART_HEADER_FOLDING"},
	{Name: "MULTIPART_INVALID_HEADER_FOLDING"},
	{Name: "MULTIPART_INVALID_PART"},
	{Name: "MULTIPART_INVALID_QUOTING"},
	{Name: "MULTIPART_LF_LINE"},
	{Name: "MULTIPART_MISSING_SEMICOLON"},
	{Name: "MULTIPART_NAME", Selectable: true},
	{Name: "MULTIPART_PART_HEADERS", Selectable: true},
	{Name: "MULTIPART_STRICT_ERROR"},
	{Name: "MULTIPART_UNMATCHED_BOUNDARY"},
	{Name: "OUTBOUND_DATA_ERROR"},
	{Name: "PATH_INFO"},
	{Name: "QUERY_STRING"},
	{Name: "REMOTE_ADDR"},
	{Name: "REMOTE_HOST"},
	{Name: "REMOTE_PORT"},
	{Name: "REQBODY_ERROR"},
	{Name: "REQBODY_ERROR_MSG"},
	{Name: "REQBODY_PROCESSOR"},
	{Name: "REQBODY_PROCESSOR_ERROR"},
	{Name: "REQBODY_PROCESSOR_ERROR_MSG"},
	{Name: "REQUEST_BASENAME"},
	{Name: "REQUEST_BODY"},
	{Name: "REQUEST_BODY_LENGTH"},
	{Name: "REQUEST_COOKIES", Selectable: true},
	{Name: "REQUEST_COOKIES_NAMES", Selectable: true},
	{Name: "REQUEST_FILENAME"},
	{Name: "REQUEST_HEADERS", Selectable: true},
	{Name: "REQUEST_HEADERS_NAMES", Selectable: true},
	{Name: "REQUEST_LINE"},
	{Name: "REQUEST_METHOD"},
	{Name: "REQUEST_PROTOCOL"},
	{Name: "REQUEST_URI"},
	{Name: "REQUEST_URI_RAW"},
	{Name: "REQUEST_XML", Selectable: true},
	{Name: "RESPONSE_ARGS", Selectable: true},
	{Name: "RESPONSE_BODY"},
	{Name: "RESPONSE_CONTENT_LENGTH"},
	{Name: "RESPONSE_CONTENT_TYPE"},
	{Name: "RESPONSE_HEADERS", Selectable: true},
	{Name: "RESPONSE_HEADERS_NAMES", Selectable: true},
	{Name: "RESPONSE_PROTOCOL"},
	{Name: "RESPONSE_STATUS"},
	{Name: "RESPONSE_XML", Selectable: true},
	{Name: "RES_BODY_ERROR"},
	{Name: "RES_BODY_ERROR_MSG"},
	{Name: "RES_BODY_PROCESSOR"},
	{Name: "RES_BODY_PROCESSOR_ERROR"},
	{Name: "RES_BODY_PROCESSOR_ERROR_MSG"},
	{Name: "RULE", Selectable: true},
	{Name: "SERVER_ADDR"},
	{Name: "SERVER_NAME"},
	{Name: "SERVER_PORT"},
	{Name: "SESSIONID"},
	{Name: "STATUS_LINE"},
	{Name: "TIME"},
	{Name: "TIME_DAY"},
	{Name: "TIME_EPOCH"},
	{Name: "TIME_HOUR"},
	{Name: "TIME_MIN"},
	{Name: "TIME_MON"},
	{Name: "TIME_SEC"},
	{Name: "TIME_WDAY"},
	{Name: "TIME_YEAR"},
	{Name: "TX", Selectable: true},
	{Name: "UNIQUE_ID"},
	{Name: "UNKNOWN"},
	{Name: "URI_PARSE_ERROR"},
	{Name: "URLENCODED_ERROR"},
	{Name: "USERID"},
	{Name: "XML", Selectable: true},
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
	directives      map[string]*directiveInfo
}

func newWords(k Known) *words {
	w := &words{
		actions:         make(map[string]ActionInfo, len(Actions)),
		operators:       make(map[string]bool, len(Operators)),
		transformations: make(map[string]string, len(Transformations)),
		directives:      make(map[string]*directiveInfo, len(directives)),
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
	for i := range directives {
		w.directives[strings.ToLower(directives[i].name)] = &directives[i]
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
