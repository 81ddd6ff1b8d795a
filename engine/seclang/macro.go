package seclang

import "strings"

// MacroPart is a stretch of a text with macros: a literal, or a value to put in.
type MacroPart struct {
	// Variable is the upper-case name of the variable whose first value is put
	// in, and empty for a literal.
	Variable string
	// Key chooses the value, in lower case; "" takes the first of all.
	Key string
	// Text is the literal, or what Coraza puts in when the key does not exist.
	Text string
}

// ParseMacro cuts the text of a msg, logdata, setvar or operator argument at its
// macros, such as %{tx.score}. The error says what Coraza would refuse; off is
// where in text.
func ParseMacro(text string) (parts []MacroPart, off int, msg string) {
	if text == "" {
		return nil, 0, "an argument is missing"
	}
	start, inMacro := 0, false
	flush := func(end int) {
		if end > start {
			parts = append(parts, MacroPart{Text: text[start:end]})
		}
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '%' && i+1 < len(text) && text[i+1] == '{':
			flush(i)
			inMacro, start = true, i+2
			i++
		case inMacro && c == '}':
			part, msg := macroPart(text[start:i])
			if msg != "" {
				return nil, start, msg
			}
			parts = append(parts, part)
			inMacro, start = false, i+1
		case inMacro && !isMacroByte(c):
			return nil, start, "malformed macro " + quote("%{"+text[start:i+1])
		case inMacro && i+1 == len(text):
			return nil, start, "the macro " + quote("%{"+text[start:]) + " is never closed"
		}
	}
	flush(len(text))
	return parts, 0, ""
}

// macroPart reads what stands between the braces.
func macroPart(inner string) (MacroPart, string) {
	name, key, _ := strings.Cut(inner, ".")
	if strings.HasSuffix(inner, ".") {
		return MacroPart{}, "the macro " + quote("%{"+inner+"}") + " has no key"
	}
	v, ok := lookUpVariable(name)
	if !ok {
		return MacroPart{}, "unknown variable " + quote(name)
	}
	if v.Name == unknownVariable {
		// Coraza knows the name but takes the macro for a literal.
		return MacroPart{Text: inner}, ""
	}
	return MacroPart{Variable: v.Name, Key: strings.ToLower(key), Text: inner}, ""
}

func isMacroByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '[' || c == ']' || c == '.' || c == '_' || c == '-'
}
