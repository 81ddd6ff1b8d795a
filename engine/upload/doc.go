// Package upload says what the files of one HTTP exchange are, for the rules of
// rules/upload to judge: what their bytes, their names and their declared types
// say, and where these disagree.
//
// A [Judge] sees each file while it arrives, once, and keeps its first 1.5 KB.
package upload
