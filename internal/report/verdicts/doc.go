// Package verdicts shows what came of many HTTP exchanges, one verdict each, as
// a page for people and as CSV, SARIF, OCSF and ECS for other tools.
//
// A [Collector] takes the records in and keeps counts; its size depends on the
// policy and on limits that are written down, and not on the traffic.
package verdicts
