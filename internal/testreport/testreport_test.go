package testreport_test

import (
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/seclang"
	"tabard/internal/ftw"
	"tabard/internal/testreport"
)

// results has one of each outcome.
func results() []ftw.Result {
	at := func(file string, line int) seclang.Position { return seclang.Position{File: file, Line: line, Col: 3} }
	test := func(name, file string, line int, description string) ftw.Case {
		return ftw.Case{Test: ftw.Test{Name: name, Pos: at(file, line), Description: description}}
	}
	overridden := test("1-3", "a.yaml", 20, "")
	overridden.Override = &ftw.Override{Reason: "Envoy\n refuses it"}
	return []ftw.Result{
		{Case: test("1-1", "a.yaml", 4, "passes"), Outcome: ftw.Passed, Seen: []ftw.Seen{{Status: 403, Matches: []ftw.Match{{ID: 1}}}}},
		{Case: test("1-2", "a.yaml", 9, strings.Repeat("a long text\nabout a <test> ", 9)), Outcome: ftw.Failed, Failures: []ftw.Failure{
			{Pos: at("a.yaml", 12), Expectation: "expect_ids", Rule: 1, Reason: "1 did not match; no rule did"},
			{Pos: at("a.yaml", 13), Expectation: "status", Reason: "want 403, got 200"},
		}, Seen: []ftw.Seen{{Status: 200}}},
		{Case: overridden, Outcome: ftw.Overridden, Seen: []ftw.Seen{{Status: 400}}},
		{Case: test("2-1", "b c.yaml", 5, ""), Outcome: ftw.Todo, Failures: []ftw.Failure{{Pos: at("b c.yaml", 6), Expectation: "status", Reason: "want 403, got 200"}}},
		{Case: test("2-2", "b c.yaml", 8, ""), Outcome: ftw.Failed, Err: errors.New("100% broken:\nin two lines")},
	}
}

// The files are what people and machines read: UPDATE_GOLDEN=1 rewrites them.
func TestEachFormatIsAsItsFileSays(t *testing.T) {
	for _, format := range testreport.Formats() {
		t.Run(string(format), func(t *testing.T) {
			var out strings.Builder
			r, err := testreport.New(format, &out)
			require.NoError(t, err)
			for _, result := range results() {
				r.Add(result, map[string][]string{"1-2": {"near: ARGS:q", "  lowercase  'x'"}}[result.Name])
			}
			require.NoError(t, r.Close())
			golden := filepath.Join("testdata", string(format)+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(golden, []byte(out.String()), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "UPDATE_GOLDEN=1 writes it")
			require.Equal(t, string(want), out.String())
		})
	}
}

func TestJUnitIsWellFormed(t *testing.T) {
	var out strings.Builder
	r, err := testreport.New(testreport.JUnit, &out)
	require.NoError(t, err)
	for _, result := range results() {
		r.Add(result, nil)
	}
	require.NoError(t, r.Close())
	require.NoError(t, xml.Unmarshal([]byte(out.String()), new(struct{ XMLName xml.Name })))
	require.Len(t, regexp.MustCompile(`<testcase `).FindAllString(out.String(), -1), 5)
}

func TestAnUnknownFormatNamesTheKnownOnes(t *testing.T) {
	_, err := testreport.New("yaml", nil)
	require.EqualError(t, err, `unknown format "yaml": use text, json, junit, sarif or github`)
}

// full is a disk that is full.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk is full") }

func TestAWriteThatFailsIsAnError(t *testing.T) {
	for _, format := range testreport.Formats() {
		r, err := testreport.New(format, full{})
		require.NoError(t, err)
		for _, result := range results() {
			r.Add(result, nil)
		}
		require.EqualError(t, r.Close(), "disk is full", format)
	}
}
