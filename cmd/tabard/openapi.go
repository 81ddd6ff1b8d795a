package main

import (
	"errors"
	"fmt"
	"os"

	"tabard/engine"
	"tabard/internal/openapi"
	"tabard/rules"
)

var policyCommand = command{
	name:    "policy",
	summary: "make a policy of the description of an API, fetch the sets of a policy",
	help: `usage: tabard policy from-openapi [flags] FILE
       tabard policy fetch [--out DIR] POLICY

from-openapi writes to standard output the policy that an OpenAPI 3 description
(YAML or JSON) asks for: a route for each operation with its methods, content
types, what a caller has to show, and schemas for parameters and JSON bodies. What
is not described is refused with 404 or 405. Begin with --mode detect and look at
what it reports:

  tabard policy from-openapi --mode detect api.yaml > policy.yaml
  tabard replay --policy policy.yaml recorded.har

  --base PATH   the path before those of the description, such as /v1; without it
                that of its first server
  --mode M      block (default) or detect

What the description says and the policy does not check is on standard error and at
the top of the policy. References to other files are not followed: bundle them first.

fetch asks the URLs of the policy's ip_sets once, checks what they give as Envoy's
filter does, and keeps it in a folder. Commands that judge recorded traffic ask no
network, so that they say the same tomorrow: they take the sets from the folder that
` + feedsVariable + ` names, in which tabard serve keeps them, too.

  --out DIR     the folder (default $` + feedsVariable + `)`,
	run: runPolicy,
}

func runPolicy(args []string, io stdio) (int, error) {
	switch {
	case len(args) > 0 && args[0] == "fetch":
		return runPolicyFetch(args[1:], io)
	case len(args) == 0 || args[0] != "from-openapi":
		return exitFail, errors.New("say what to do: tabard policy from-openapi FILE, or tabard policy fetch POLICY")
	}
	var o openapi.Options
	f := newFlags("policy")
	f.StringVar(&o.Base, "base", "", "")
	f.StringVar(&o.Mode, "mode", "block", "")
	files, err := parse(f, args[1:])
	switch {
	case err != nil:
		return exitFail, err
	case len(files) != 1:
		return exitFail, errors.New("name one description")
	case o.Mode != string(engine.ModeBlock) && o.Mode != string(engine.ModeDetect):
		return exitFail, fmt.Errorf("--mode cannot be %q: use block or detect", o.Mode)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return exitFail, err
	}
	out, notes, err := openapi.Policy(text, o)
	if err != nil {
		return exitFail, fmt.Errorf("%s: %w", files[0], err)
	}
	if err := compiles(out); err != nil {
		return exitFail, fmt.Errorf("%s asks for a policy that is none: %w", files[0], err)
	}
	for _, note := range notes {
		fmt.Fprintf(io.err, "tabard policy: not checked: %s\n", note)
	}
	_, err = io.out.Write(out)
	return exitOK, err
}

// compiles says why a policy cannot be loaded, before somebody tries to.
func compiles(text []byte) error {
	p, err := engine.ParsePolicy("policy", text)
	if err == nil {
		_, err = engine.New(p, rules.FS(), engine.WithLateScreener())
	}
	return err
}
