// Package ijson reads JSON as RFC 7493 (I-JSON) has it: the part of JSON that
// every parser reads in the same way. Where parsers differ, a body or a value of
// one HTTP exchange would mean one thing to the verdict and another to the
// server.
package ijson
