// Package ipset says what sets of addresses think of a client: block, allow, a
// score, a tag or nothing. It is one of the questions between one HTTP exchange
// and one verdict.
//
// A set is built from text in one of the formats in which feeds come:
//
//	# list: an address, a CIDR prefix or a range a line (also FireHOL's .netset)
//	203.0.113.7
//	198.51.100.0/24   ; comments may follow an entry
//	192.0.2.8-192.0.2.15
//	2001:db8::/32     score=3 category=scanner source=SBL1 expires=2027-01-31
//
//	# ipsum: an address and the number of lists that it is on
//	# csv: columns by name or number, with a score, category, source and expiry
//	# spamhaus: one JSON object a line, as in Spamhaus DROP
//
// Of the entries of one set the longest prefix that holds an address decides.
// [Decision] puts what several sets say together: again the longest prefix, and
// of equal ones allow wins. So a blocked network may have an allowed host in it,
// and that host a blocked address of its own.
//
// A bad line is an error with its place or, if the caller wants that, counted:
// a feed that half loads protects half, and somebody must be told.
package ipset
