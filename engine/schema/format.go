package schema

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"time"
)

// hasFormat says whether a text has a format: those of RFC 3339, RFC 4122, IP
// addresses, Base64 and mail addresses. They are as strict as what their readers
// need: a mail address only has one "@" with something on both sides, and a URI a
// scheme and no blanks. Formats that are not known say nothing, as JSON Schema has
// it.
func hasFormat(format, s string) bool {
	var err error
	switch format {
	case "date-time":
		_, err = time.Parse(time.RFC3339, s)
	case "date":
		_, err = time.Parse(time.DateOnly, s)
	case "byte":
		_, err = base64.StdEncoding.DecodeString(s)
	case "ipv4", "ipv6":
		a, bad := netip.ParseAddr(s)
		return bad == nil && a.Is4() == (format == "ipv4") && a.Zone() == ""
	case "uuid":
		return isUUID(s)
	case "email":
		return isMail(s)
	case "uri":
		return isURI(s)
	}
	return err == nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isMail(s string) bool {
	at := strings.IndexByte(s, '@')
	return at > 0 && at < len(s)-1 && at == strings.LastIndexByte(s, '@') && !strings.ContainsAny(s, " \t\r\n<>()")
}

func isURI(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || strings.ContainsAny(s, " \t\r\n<>\"`{}|\\^") {
		return false
	}
	for i := range len(scheme) {
		c := scheme[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(scheme[i]))) {
			return false
		}
	}
	return true
}
