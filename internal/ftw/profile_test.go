package ftw_test

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	crstests "github.com/corazawaf/coraza-coreruleset/v4/tests"
	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/internal/ftw"
	"tabard/rules"
)

// lostFile names each test of CRS that the profile changes the outcome of.
const lostFile = "testdata/profile-api.golden"

// TestTheProfileLosesFewTestsOfCRS runs CRS's own tests with and without the
// profile for APIs, at the paranoia level that all of them need. What the
// exclusions cost is a list to read, in lostFile.
func TestTheProfileLosesFewTestsOfCRS(t *testing.T) {
	plain, profiled := pl4(t, engine.ProfileCRS), pl4(t, engine.ProfileAPI)
	var lost []string
	tests := 0
	for _, suite := range crsSuites(t) {
		for _, test := range suite.Tests {
			tests++
			before, after := failures(plain, test), failures(profiled, test)
			for _, f := range after {
				if !slices.Contains(before, f) {
					lost = append(lost, test.Name+" "+f)
				}
			}
		}
	}
	text := fmt.Sprintf("%d of %d tests change\n%s\n", len(lost), tests, strings.Join(lost, "\n"))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(lostFile, []byte(text), 0o644))
	}
	want, err := os.ReadFile(lostFile)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

func pl4(t *testing.T, profile engine.Profile) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Policy{Mode: engine.ModeDetect, Profile: profile, CRS: engine.CRS{ParanoiaLevel: 4}}, rules.FS())
	require.NoError(t, err)
	return e
}

func crsSuites(t *testing.T) (suites []ftw.Suite) {
	t.Helper()
	require.NoError(t, fs.WalkDir(crstests.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(crstests.FS, path)
		if err != nil {
			return err
		}
		// One file of CRS has a key that the format does not know; its tests are
		// read all the same.
		suite, _ := ftw.Load(path, text)
		suites = append(suites, suite)
		return nil
	}))
	return suites
}

// failures are the expectations about rules that a test does not meet.
func failures(e *engine.Engine, test ftw.Test) (out []string) {
	for _, stage := range test.Stages {
		seen := play(e, stage.Input).IDs()
		for _, id := range stage.Output.ExpectIDs {
			if !slices.Contains(seen, id) {
				out = append(out, fmt.Sprintf("no longer matches %d", id))
			}
		}
		for _, id := range stage.Output.NoExpectIDs {
			if slices.Contains(seen, id) {
				out = append(out, fmt.Sprintf("matches %d", id))
			}
		}
	}
	return out
}
