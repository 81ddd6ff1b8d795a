package main

import (
	"errors"
	"fmt"
	"runtime/debug"
)

var versionCommand = command{
	name:    "version",
	summary: "print the versions of tabard, Go, Coraza and CRS",
	help:    "usage: tabard version",
	run:     runVersion,
}

// runVersion prints what decides a verdict: the same versions and the same
// policy give the same one.
func runVersion(args []string, io stdio) (int, error) {
	if _, err := parse(newFlags("version"), args); err != nil {
		return exitFail, err
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return exitFail, errors.New("the binary holds no build information: build it with make build")
	}
	versions := map[string]string{}
	for _, dep := range info.Deps {
		versions[dep.Path] = dep.Version
	}
	_, err := fmt.Fprintf(io.out, "tabard %s\n%s\nCoraza %s\nCRS %s\n", info.Main.Version, info.GoVersion,
		versions["github.com/corazawaf/coraza/v3"], versions["github.com/corazawaf/coraza-coreruleset/v4"])
	return exitOK, err
}
