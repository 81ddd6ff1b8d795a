package testreport

import (
	"encoding/json"

	"tabard/internal/ftw"
)

// sarif collects the failures for one document.
type sarif struct {
	out     *writer
	results []sarifResult
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region struct {
			Line int `json:"startLine"`
			Col  int `json:"startColumn"`
		} `json:"region"`
	} `json:"physicalLocation"`
}

func (s *sarif) Add(r ftw.Result, near []string) {
	if r.Outcome != ftw.Failed {
		return
	}
	for _, f := range failures(r) {
		var at sarifLocation
		at.Physical.Artifact.URI = f.Pos.File
		at.Physical.Region.Line, at.Physical.Region.Col = f.Pos.Line, f.Pos.Col
		s.results = append(s.results, sarifResult{
			RuleID: "test/" + f.Expectation, Level: "error",
			Message: sarifText{"test " + r.Name + ": " + withNear(f, near)}, Locations: []sarifLocation{at},
		})
	}
}

// Close writes the document. Its shape is that of SARIF 2.1.0, section 3.13.
func (s *sarif) Close() error {
	if s.results == nil {
		s.results = []sarifResult{}
	}
	type object = map[string]any
	text, err := json.MarshalIndent(object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []object{{
			"tool":    object{"driver": object{"name": "tabard test"}},
			"results": s.results,
		}},
	}, "", "  ")
	if err != nil {
		return err
	}
	s.out.printf("%s\n", text)
	return s.out.err
}
