// Package serve is the WAF as a reverse proxy of its own, for machines without
// Envoy: one HTTP exchange goes in from a client, and the verdict decides what
// the upstream and the client get to see of it.
//
// It promises what the filter promises: nothing of a blocked request reaches
// the upstream, and a response that is blocked leaves nothing of the
// upstream's body. What the filter cannot do better than Envoy, this package
// cannot do better than net/http: its server hands on headers in canonical
// spelling and without their order, so the rules see them sorted by name.
package serve
