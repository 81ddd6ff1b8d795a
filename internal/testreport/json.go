package testreport

import (
	"encoding/json"

	"tabard/internal/ftw"
)

// jsonLines writes one object a test.
type jsonLines struct{ out *writer }

// jsonResult is one line. Its keys are a contract.
type jsonResult struct {
	Test        string        `json:"test"`
	File        string        `json:"file"`
	Line        int           `json:"line"`
	Description string        `json:"description,omitempty"`
	Outcome     ftw.Outcome   `json:"outcome"`
	Override    string        `json:"override,omitempty"`
	Failures    []jsonFailure `json:"failures,omitempty"`
	Near        []string      `json:"near,omitempty"`
	Stages      []jsonStage   `json:"stages"`
	ElapsedMS   float64       `json:"elapsed_ms"`
}

type jsonFailure struct {
	Line        int    `json:"line"`
	Col         int    `json:"col"`
	File        string `json:"file"`
	Expectation string `json:"expectation"`
	Rule        int    `json:"rule,omitempty"`
	Reason      string `json:"reason"`
}

type jsonStage struct {
	Status int   `json:"status"`
	Rules  []int `json:"rules"`
}

func (j *jsonLines) Add(r ftw.Result, near []string) {
	line := jsonResult{
		Test: r.Name, File: r.Pos.File, Line: r.Pos.Line, Description: oneLine(r.Description), Outcome: r.Outcome,
		Near: near, Stages: []jsonStage{}, ElapsedMS: float64(r.Elapsed.Microseconds()) / 1000,
	}
	if r.Override != nil {
		line.Override = oneLine(r.Override.Reason)
	}
	for _, f := range Failures(r) {
		line.Failures = append(line.Failures, jsonFailure{f.Pos.Line, f.Pos.Col, f.Pos.File, f.Expectation, f.Rule, f.Reason})
	}
	for _, s := range r.Seen {
		line.Stages = append(line.Stages, jsonStage{s.Status, s.IDs()})
	}
	text, err := json.Marshal(line)
	if err != nil && j.out.err == nil {
		j.out.err = err
	}
	j.out.printf("%s\n", text)
}

func (j *jsonLines) Close() error { return j.out.err }
