// Package feeds keeps what the native program judges by up to date while HTTP
// exchanges go in and verdicts come out: sets of addresses from URLs, and files of
// sets and databases, which are read anew when they change. The filter in Envoy
// has its own way to URLs, with the same limits and the same checks.
//
// What cannot be fetched, read or believed is logged and counted, and changes no
// verdict: the last good content stays, and its age shows in the metrics.
package feeds
