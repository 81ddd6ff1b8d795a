// Package replay makes exchanges of recorded traffic: what a browser, a log or
// a capture has kept of one HTTP exchange goes in, and the verdict that the
// policy would have given it comes out.
//
// Readers stream. An entry is read, judged and forgotten, so that memory does
// not grow with the input; what a source cannot know (an access log keeps no
// body) is marked in the Entry, so that a report can say it.
package replay
