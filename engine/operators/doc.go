// Package operators lets SecLang rules ask our detectors, so that what they
// find in one HTTP exchange takes part in the one verdict like any other rule.
// It is the only place that registers plugins with Coraza; importing it is
// enough.
//
//	SecRule REQUEST_HEADERS:Content-Type "!@mimeAllowed application/json text/*" ...
//	SecRule REQUEST_HEADERS:Content-Type "@mimeAmbiguous utf-8" ...
//	SecRule REQUEST_HEADERS:Accept "!@acceptAllowed application/json" ...
//	SecRule REMOTE_ADDR "@ipReputation allow=office.txt block=feeds/bad.txt" ...
//
// Operators see a rule's text and, at run time, the transaction. Whatever
// differs from route to route therefore stands in the rule as a macro over the
// TX variables that the engine sets before phase 1, such as
// "@mimeAllowed %{tx.tabard_mime}". So a reader of a rule sees all that its
// verdict depends on, and so does a cache of verdicts. The variables are
//
//	TX:tabard_route           the route's name
//	TX:tabard_mime            the route's media types with blanks between; empty for all
//	TX:tabard_accept          the media types of which a client must take one; empty for all
//	TX:tabard_charsets        the character sets of a Content-Type; empty for all
//	TX:tabard_ip              off, none, allow, block, geo, unlisted, score or tag: what
//	                          the route's address sets say about the client
//	TX:tabard_ip_reason       why, for people
//	TX:tabard_ip_score        what the sets with the action score say together
//	TX:tabard_ip_sets         the names of all sets that hold the client's address
//	TX:tabard_ip_categories   the categories that they give it
//	TX:tabard_country         ISO 3166 code of two letters; empty if not known
//	TX:tabard_asn             number of the network; empty if not known
//	TX:tabard_anonymous       1 for an anonymizing network, else 0
//	TX:tabard_body_bytes      set before phase 2: how many bytes of body came in
//
// and the collection [JWT], which lies in TX as well.
package operators
