// Package envoy holds the configuration to start from: how a proxy gives each
// HTTP exchange to the filter and what it does with the verdict.
package envoy

import _ "embed"

// Config is envoy.yaml.
//
//go:embed envoy.yaml
var Config []byte
