// Package multipart takes an upload apart while it arrives, so that the verdict
// on an HTTP exchange knows what each of its files is.
//
// A [Parser] is written to in pieces of any size and keeps of the body what one
// header line needs, nothing on disk. It is strict: multipart/form-data
// (RFC 7578) is written by browsers and a few libraries that all write the same
// small part of what RFC 2046 and RFC 2231 allow, and read by servers that differ
// in everything else. Whatever has two readings is a [Problem]; the way around a
// WAF leads through bodies that it reads in one way and the server in the other.
package multipart
