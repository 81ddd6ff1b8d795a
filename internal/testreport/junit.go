package testreport

import (
	"encoding/xml"
	"strings"

	"tabard/internal/ftw"
)

// junit collects the suites; XML has the counts in front.
type junit struct {
	out    *writer
	suites []junitSuite
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Seconds  float64     `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	File    string     `xml:"file,attr"`
	Line    int        `xml:"line,attr"`
	Seconds float64    `xml:"time,attr"`
	Failure *junitText `xml:"failure"`
	Skipped *junitText `xml:"skipped"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// Add puts the result into its file's suite; a file's results come together.
func (j *junit) Add(r ftw.Result, near []string) {
	if n := len(j.suites); n == 0 || j.suites[n-1].Name != r.Pos.File {
		j.suites = append(j.suites, junitSuite{Name: r.Pos.File})
	}
	s := &j.suites[len(j.suites)-1]
	c := junitCase{Class: r.Pos.File, Name: r.Name, File: r.Pos.File, Line: r.Pos.Line, Seconds: r.Elapsed.Seconds()}
	switch r.Outcome {
	case ftw.Failed:
		s.Failures++
		c.Failure = failureText(r, near)
	case ftw.Todo:
		s.Skipped++
		c.Skipped = &junitText{Message: "todo"}
	}
	s.Tests++
	s.Seconds += c.Seconds
	s.Cases = append(s.Cases, c)
}

func failureText(r ftw.Result, near []string) *junitText {
	var lines []string
	for _, f := range Failures(r) {
		lines = append(lines, f.String())
	}
	return &junitText{Message: lines[0], Text: strings.Join(append(lines, near...), "\n")}
}

func (j *junit) Close() error {
	text, err := xml.MarshalIndent(struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []junitSuite
	}{Suites: j.suites}, "", "  ")
	if err != nil {
		return err
	}
	j.out.printf("%s%s\n", xml.Header, text)
	return j.out.err
}
