package main

import (
	"flag"
	"fmt"
	"slices"

	"tabard/engine"
	"tabard/internal/replay"
)

// policyOptions are the flags of a command that judges by one policy.
type policyOptions struct{ policy, profile string }

func (o *policyOptions) register(f *flag.FlagSet) {
	f.StringVar(&o.policy, "policy", "", "")
	f.StringVar(&o.profile, "profile", "", "")
}

// load reads the policy that they name and replaces its profile, unless that is "".
func (o policyOptions) load() (loadedPolicy, error) {
	if o.profile != "" && !slices.Contains(engine.Profile("").Choices(), o.profile) {
		return loadedPolicy{}, fmt.Errorf("--profile cannot be %q: use api or crs", o.profile)
	}
	p, err := loadPolicy(o.policy)
	if err == nil {
		err = p.setProfile(engine.Profile(o.profile))
	}
	return p, err
}

// trafficOptions are the flags of a command that reads recorded traffic.
type trafficOptions struct{ sources replay.Options }

func (o *trafficOptions) register(f *flag.FlagSet) {
	f.StringVar(&o.sources.Host, "host", "", "")
	f.StringVar((*string)(&o.sources.Format), "format", "", "")
}
