package main

import (
	"os"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// TestMain lets Beam take the process over when it is one of its workers.
func TestMain(m *testing.M) {
	beam.Init()
	os.Exit(m.Run())
}
