package transform

import (
	"strings"

	"golang.org/x/net/html"
)

// htmlEntityDecode uses the very function that Coraza uses: the standard library's treats broken entities
// otherwise. Coraza looks only at the length to tell whether the value changed.
func htmlEntityDecode(_ *Arena, s string) (string, bool) {
	if !hasEntity(s) {
		return s, false
	}
	out := html.UnescapeString(s)
	if out == s {
		return s, false
	}
	return out, len(out) != len(s)
}

// hasEntity reports whether s may have an entity. It exists for query strings, where each ampersand starts
// something like an entity, and hardly ever one that is valid.
func hasEntity(s string) bool {
	for {
		at := strings.IndexByte(s, '&')
		if at < 0 || at+1 == len(s) {
			return false
		}
		s = s[at+1:]
		if s[0] == '#' || openEntity(s) {
			return true
		}
		end := 0
		for end < len(s) && classes[s[end]]&(Lower|Upper|Digit) != 0 {
			end++
		}
		if end > 0 && end < len(s) && s[end] == ';' {
			return true
		}
	}
}

// openEntity reports whether s starts with the name of an entity that needs no semicolon.
func openEntity(s string) bool {
	for _, name := range openEntities[s[0]] {
		if strings.HasPrefix(s, name) {
			return true
		}
	}
	return false
}

// openEntities holds the names of openEntityNames by their first byte.
var openEntities = func() (byFirst [256][]string) {
	for _, name := range strings.Fields(openEntityNames) {
		byFirst[name[0]] = append(byFirst[name[0]], name)
	}
	return byFirst
}()

// openEntityNames are the entities that HTML accepts without a semicolon, for the sake of old pages.
const openEntityNames = "AElig AMP Aacute Acirc Agrave Aring Atilde Auml COPY Ccedil ETH Eacute Ecirc Egrave Euml GT " +
	"Iacute Icirc Igrave Iuml LT Ntilde Oacute Ocirc Ograve Oslash Otilde Ouml QUOT REG THORN Uacute " +
	"Ucirc Ugrave Uuml Yacute aacute acirc acute aelig agrave amp aring atilde auml brvbar ccedil " +
	"cedil cent copy curren deg divide eacute ecirc egrave eth euml frac12 frac14 frac34 gt iacute " +
	"icirc iexcl igrave iquest iuml laquo lt macr micro middot nbsp not ntilde oacute ocirc ograve " +
	"ordf ordm oslash otilde ouml para plusmn pound quot raquo reg sect shy sup1 sup2 sup3 szlig " +
	"thorn times uacute ucirc ugrave uml uuml yacute yen yuml"
