// Package ipset says what a set of addresses thinks of a client: block, allow
// or nothing. It is one of the questions between one HTTP exchange and one
// verdict.
//
// A set is built from text, one address or CIDR prefix a line:
//
//	# a comment
//	203.0.113.7
//	198.51.100.0/24   ; comments may follow an entry
//	2001:db8::/32
//
// The longest prefix that holds an address decides; when the same prefix is
// both blocked and allowed, allow wins. So a blocked network may have an
// allowed host in it, and that host a blocked address of its own.
//
// A bad line is an error with its place and never skipped: a feed that half
// loads protects half and tells nobody.
package ipset
