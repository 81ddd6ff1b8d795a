package gate

import "tabard/engine/screen/gate/internal/wordset"

// What a byte means where a token begins.
type sqlKind uint8

const (
	sqlAsk      sqlKind = iota // may begin a string, a comment, a variable: ask the library
	sqlBlank                   // no token
	sqlWord                    // a word up to the next delimiter
	sqlNumber                  // a digit or a dot
	sqlNeutral                 // a token that is in no fingerprint, or harmless: ; ? [ ] { }
	sqlColon                   // an operator before : or = or at the end, otherwise harmless
	sqlComma                   //
	sqlParen                   // ( or )
	sqlOperator                // always an operator
	sqlPair                    // an operator, but a logical one before its like: & |
	sqlDash                    // an operator, but a comment before another
	sqlSlash                   // an operator, but a comment before *
	sqlEscape                  // a backslash: with N a number
	sqlAt                      // a variable
)

var sqlKinds = tableOfSQLKinds()

func tableOfSQLKinds() (kinds [256]sqlKind) {
	set := func(chars string, k sqlKind) {
		for i := range len(chars) {
			kinds[chars[i]] = k
		}
	}
	for c := range 256 {
		switch {
		case c <= ' ', c == 0x7f, c == 0xa0:
			kinds[c] = sqlBlank
		case c >= 0x80, 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
			kinds[c] = sqlWord
		case '0' <= c && c <= '9', c == '.':
			kinds[c] = sqlNumber
		}
	}
	set(";?[]{}", sqlNeutral)
	set(":", sqlColon)
	set(",", sqlComma)
	set("()", sqlParen)
	set("!%*+<=>^~", sqlOperator)
	set("&|", sqlPair)
	set("-", sqlDash)
	set("/", sqlSlash)
	set(`\`, sqlEscape)
	set("@", sqlAt)
	set("\"'`#$", sqlAsk)
	return kinds
}

// Kinds of tokens that only together can be an injection.
const (
	hasOperator = 1 << iota
	hasComma
	hasParen
	hasVariable
	hasSemicolon
)

// harmless says which combinations of tokens, besides words that are no
// keywords, numbers and neutral ones, occur in no fingerprint: operators with
// commas, parentheses alone, variables with commas.
func harmless(has uint8) bool {
	return has&(hasParen|hasVariable) == 0 ||
		has&^(hasParen|hasSemicolon) == 0 ||
		has&^(hasVariable|hasComma) == 0
}

// longestKeyword is the most bytes that the library looks up as one word.
const longestKeyword = 31

// MayBeSQLi reports whether libinjection could call the value SQL injection.
//
// The library cuts a value into tokens, folds them to at most five, and calls
// it an injection if the sequence of their types, the fingerprint, is in a
// table. Why false is certain:
//
//   - Without quotes it reads the value once, as it stands; without comments
//     (--, #, /*) it does not read it again as MySQL. Quotes, backticks, $ and
//     # make MayBeSQLi true at once.
//   - The value is cut here as the library cuts it, wherever that matters:
//     words end at the same bytes, numbers are read the same way ("1xor" is 1
//     and XOR). Where it is not the same, as inside [...], more is seen here.
//   - A word in the library's table, alone or as a part of a phrase, makes
//     MayBeSQLi true. So the remaining words have the type of a bare word, and
//     folding yields only the types that are already there.
//   - What remains are the types of harmless, of which the tests check that no
//     fingerprint consists of them only.
//
// It is pure, allocates nothing and takes time proportional to the value.
func MayBeSQLi(value string) bool {
	var has uint8
	for i := 0; i < len(value); {
		c := value[i]
		switch sqlKinds[c] {
		case sqlBlank:
			i++
		case sqlWord:
			end, ask := sqlWordEnd(value, i)
			if ask {
				return true
			}
			i = end
		case sqlNumber:
			i = sqlNumberEnd(value, i)
		case sqlAt:
			has |= hasVariable
			end, ask := sqlVariableEnd(value, i)
			if ask {
				return true
			}
			i = end
		case sqlEscape:
			i += escapeWidth(value, i)
		default:
			token := sqlToken(value, i)
			if token == tokenAsk {
				return true
			}
			has |= token
			i++
		}
	}
	return !harmless(has)
}

// tokenAsk is what sqlToken returns for a value that the library must see.
const tokenAsk = 1 << 7

// sqlToken classifies a token of one byte by it and the byte that follows.
func sqlToken(value string, i int) (has uint8) {
	var next byte
	if i+1 < len(value) {
		next = value[i+1]
	}
	switch c := value[i]; sqlKinds[c] {
	case sqlNeutral:
		if c == ';' {
			return hasSemicolon
		}
		return 0
	case sqlComma:
		return hasComma
	case sqlParen:
		return hasParen
	case sqlColon:
		if next == ':' || next == '=' || i+1 == len(value) {
			return hasOperator
		}
		return 0
	case sqlPair, sqlDash:
		if next == c {
			return tokenAsk
		}
	case sqlSlash:
		if next == '*' {
			return tokenAsk
		}
	case sqlOperator:
	default:
		return tokenAsk
	}
	return hasOperator
}

// sqlDelimits marks the bytes that end a word.
var sqlDelimits = delimiters("[]{}<>:\\?=@!#~+-*/&|^%(),';\"\xa0\x00 \t\n\v\f\r")

// sqlVariableDelimits marks the bytes that end the name of a variable.
var sqlVariableDelimits = delimiters("<>:\\?=@!#~+-*/&|^%(),';`\" \t\n\v\f\r")

func delimiters(chars string) (table [256]bool) {
	for i := range len(chars) {
		table[chars[i]] = true
	}
	return table
}

// sqlWordEnd returns the end of the word at i. ask is true if the library may
// take the word for more than a bare word: as a whole, or up to a dot in it. It
// looks words up in Unicode upper case, which maps ı and ſ to I and S: any byte
// that may begin those is for the library.
func sqlWordEnd(value string, i int) (end int, ask bool) {
	var h wordset.Hash
	start := i
	for ; i < len(value) && !sqlDelimits[value[i]]; i++ {
		switch c := value[i]; c {
		case '.':
			if i-start < longestKeyword && keywords.Has(h) {
				return 0, true
			}
		case '`', 0xc4, 0xc5:
			return 0, true
		}
		h = h.Add(value[i])
	}
	return i, i-start <= longestKeyword && keywords.Has(h)
}

// sqlVariableEnd returns the end of the variable at i, which is an @.
func sqlVariableEnd(value string, i int) (end int, ask bool) {
	i++
	if i < len(value) && value[i] == '@' {
		i++
	}
	for ; i < len(value) && !sqlVariableDelimits[value[i]]; i++ {
	}
	return i, i < len(value) && sqlKinds[value[i]] == sqlAsk
}

// escapeWidth returns how many bytes a backslash takes: \N is NULL in MySQL.
func escapeWidth(value string, i int) int {
	if i+1 < len(value) && value[i+1] == 'N' {
		return 2
	}
	return 1
}

// sqlNumberEnd returns the end of the number at i, which is a digit or a dot.
// What follows it begins a new token, even a letter.
func sqlNumberEnd(value string, i int) int {
	if end := radixEnd(value, i); end > 0 {
		return end
	}
	start := i
	i = digitsEnd(value, i)
	if i < len(value) && value[i] == '.' {
		if i = digitsEnd(value, i+1); i-start == 1 {
			return i // a dot alone
		}
	}
	if i < len(value) && value[i]|0x20 == 'e' {
		i++
		if i < len(value) && (value[i] == '+' || value[i] == '-') {
			i++
		}
		i = digitsEnd(value, i)
	}
	if i < len(value) && (value[i]|0x20 == 'd' || value[i]|0x20 == 'f') && suffixEnds(value, i+1) {
		i++
	}
	return i
}

// radixEnd returns the end of a number like 0x1f or 0b01 at i, or 0.
func radixEnd(value string, i int) int {
	if value[i] != '0' || i+1 == len(value) {
		return 0
	}
	switch value[i+1] | 0x20 {
	case 'x':
		for i += 2; i < len(value) && isHex(value[i]); i++ {
		}
	case 'b':
		for i += 2; i < len(value) && (value[i] == '0' || value[i] == '1'); i++ {
		}
	default:
		return 0
	}
	return i
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func digitsEnd(value string, i int) int {
	for ; i < len(value) && isDigit(value[i]); i++ {
	}
	return i
}

// suffixEnds reports whether the d or f before i belongs to a number: before
// the end, a blank, a semicolon or a u (as in 1fUNION).
func suffixEnds(value string, i int) bool {
	if i == len(value) {
		return true
	}
	switch value[i] {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0xa0, 0, ';', 'u', 'U':
		return true
	}
	return false
}
