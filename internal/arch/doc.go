// Package arch keeps the layout true: its tests read the tree and fail when the
// path from one HTTP exchange to one verdict runs through a door that the
// design does not have. They open every file themselves and never ask `go list`
// what can be read from the source, because Go's test cache notices a changed
// file that a test has opened, and only that.
package arch
