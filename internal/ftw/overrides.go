package ftw

import (
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"tabard/engine/seclang"
)

// Overrides are the places where one platform differs from what tests expect,
// in the format that CRS has for them: each entry gives tests another output,
// and says why.
type Overrides struct {
	// File is the name the file was loaded by.
	File    string
	Entries []Override
}

// Override is one entry: other expectations for some tests of a rule.
type Override struct {
	// Pos is where the entry begins.
	Pos seclang.Position
	// RuleID and TestIDs name the tests; without TestIDs it is every test of
	// the rule.
	RuleID  int
	TestIDs []int
	// StageIDs are the stages, counted from 0; empty means all.
	StageIDs []int
	// Reason says why the platform differs.
	Reason string
	// Output takes the place of the test's own.
	Output Output
}

// LoadOverrides reads an overrides file. Besides what Load refuses, it is an
// error when an entry has no reason or expects nothing: then it would ignore
// the test and only look as if it did not.
func LoadOverrides(file string, text []byte) (Overrides, error) {
	root, err := parse(file, text)
	if err != nil || root == nil {
		return Overrides{File: file}, err
	}
	r := &reader{file: file}
	o := Overrides{File: file}
	ignored := func(*yaml.Node) {}
	r.object(root, "the file", fields{
		"version": ignored, "meta": ignored,
		"test_overrides": func(n *yaml.Node) {
			r.list(n, "test_overrides", func(n *yaml.Node) { o.Entries = append(o.Entries, r.override(n)) })
		},
	})
	return o, r.err
}

func (r *reader) override(n *yaml.Node) Override {
	o := Override{Pos: r.at(n)}
	retry := false
	r.object(n, "an override", fields{
		"rule_id": into(&o.RuleID, r.number), "test_ids": into(&o.TestIDs, r.numbers), "stage_ids": into(&o.StageIDs, r.numbers),
		"reason": into(&o.Reason, r.text), "retry_once": into(&retry, r.truth), "output": into(&o.Output, r.output),
	})
	o.Output.RetryOnce = o.Output.RetryOnce || retry
	switch {
	case o.RuleID == 0:
		r.fail(n, "an override needs the rule_id of the tests that it is for", "")
	case o.Reason == "":
		r.fail(n, "an override needs a reason", "")
	case o.Output.expectsNothing():
		r.fail(n, "an override needs an output that expects something", "an ignored test is not to be had")
	}
	return o
}

// expectsNothing says that any verdict would do.
func (o Output) expectsNothing() bool {
	return o.Status == 0 && len(o.ExpectIDs)+len(o.NoExpectIDs) == 0 && !o.Isolated && !o.ExpectError &&
		o.ResponseContains+o.LogContains+o.NoLogContains+o.MatchRegex+o.NoMatchRegex == ""
}

// covers says whether the entry is for a test of a rule.
func (o Override) covers(rule, test int) bool {
	return o.RuleID == rule && (len(o.TestIDs) == 0 || slices.Contains(o.TestIDs, test))
}

// For returns the entry for a test, or nil.
func (o Overrides) For(rule, test int) *Override {
	for i := range o.Entries {
		if o.Entries[i].covers(rule, test) {
			return &o.Entries[i]
		}
	}
	return nil
}

// Check returns an error for each entry that is for no test of the suites, or
// for one that an earlier entry is for.
func (o Overrides) Check(suites []Suite) (errs []error) {
	for i := range o.Entries {
		e := &o.Entries[i]
		used := map[int]bool{}
		for _, s := range suites {
			for _, t := range s.Tests {
				if !e.covers(s.RuleID, t.ID) {
					continue
				}
				used[t.ID] = true
				if first := o.For(s.RuleID, t.ID); first != e {
					errs = append(errs, &seclang.Error{Pos: e.Pos, Msg: "test " + t.Name + " has an override already, at " + first.Pos.String()})
				}
			}
		}
		for _, id := range e.TestIDs {
			if !used[id] {
				errs = append(errs, &seclang.Error{Pos: e.Pos, Msg: fmt.Sprintf("there is no test %d-%d", e.RuleID, id)})
			}
		}
		if len(used) == 0 && len(e.TestIDs) == 0 {
			errs = append(errs, &seclang.Error{Pos: e.Pos, Msg: "there is no test of rule " + strconv.Itoa(e.RuleID)})
		}
	}
	return errs
}

// Apply gives a stage, counted from 0, with the entry's expectations; a nil entry
// changes nothing.
func (o *Override) Apply(index int, s Stage) Stage {
	if o != nil && (len(o.StageIDs) == 0 || slices.Contains(o.StageIDs, index)) {
		s.Output = o.Output
	}
	return s
}
