// Package mime says what a Content-Type means and whether a route allows it,
// one of the questions between one HTTP exchange and one verdict.
//
// [Parse] follows the WHATWG MIME Sniffing Standard, section 4.4, because that
// is what browsers, and more and more servers, do with a field that is not
// quite well-formed. Go's mime.ParseMediaType differs in small things, and each
// difference between a WAF and a server is a way around the WAF. [Sniff] says
// what a file is by its bytes, and a [Claim] what its name or its declared type
// says.
package mime
