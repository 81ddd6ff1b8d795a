// Package engine decides: one HTTP exchange goes in, one Verdict comes out.
//
// It is the pure core that every runner shares: the Envoy filter, the native
// binary and the tests hand it bytes, an fs.FS of rules, a clock and a Policy,
// and act on the Verdict that each call returns. It opens no file and no
// socket, and starts no goroutine.
//
//	          RequestHeaders   RequestBody*  RequestTrailers   ResponseHeaders  ResponseBody*   End
//	phase          1 (2)             2              2                 3               4          5
//	            |  verdict  |     verdict    |   verdict     |     verdict    |    verdict   | verdict
//
// Coraza with the OWASP Core Rule Set is the authority on every verdict;
// this package chooses the rule set by the policy's routes, feeds Coraza, and
// turns what it says into a value that can be acted on, logged and compared.
package engine
