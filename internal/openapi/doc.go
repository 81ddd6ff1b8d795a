// Package openapi makes a policy of an OpenAPI 3 description, so that the verdict
// on an HTTP exchange can rest on what its API says of itself: routes, methods,
// content types, what a caller must show, and schemas for parameters and bodies.
//
// What the description has and the policy cannot check is a note and not silence.
package openapi
