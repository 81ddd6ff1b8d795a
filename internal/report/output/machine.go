package output

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"tabard/internal/report"
)

// jsonFinding is a line of the JSON format. Its keys are a contract.
type jsonFinding struct {
	Check   string       `json:"check,omitempty"`
	Level   report.Level `json:"level"`
	File    string       `json:"file"`
	Line    int          `json:"line,omitempty"`
	Col     int          `json:"col,omitempty"`
	EndCol  int          `json:"end_col,omitempty"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
	Details []string     `json:"details,omitempty"`
}

func writeJSON(w io.Writer, findings []report.Finding) error {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	for _, f := range findings {
		line := jsonFinding{f.Check, f.Level, f.Pos.File, f.Pos.Line, f.Pos.Col, f.EndCol, f.Message, f.Hint, f.Details}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeGitHub writes workflow commands. Their values escape what would end
// them.
func writeGitHub(w io.Writer, findings []report.Finding) error {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString("::" + string(f.Level) + " file=" + property.Replace(f.Pos.File))
		if f.Pos.Line > 0 {
			b.WriteString(",line=" + strconv.Itoa(f.Pos.Line))
		}
		if f.Pos.Col > 0 {
			b.WriteString(",col=" + strconv.Itoa(f.Pos.Col))
		}
		if f.EndCol > 0 {
			b.WriteString(",endColumn=" + strconv.Itoa(f.EndCol))
		}
		if f.Check != "" {
			b.WriteString(",title=" + property.Replace(f.Check))
		}
		text := strings.Join(append([]string{f.Text()}, f.Details...), "\n")
		b.WriteString("::" + data.Replace(text) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// data and property escape as the runner's own toolkit does.
var (
	data     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func writeSARIF(w io.Writer, findings []report.Finding, o Options) error {
	run := sarif.NewRun().WithTool(sarif.NewTool().WithDriver(sarif.NewToolComponent().WithName("tabard")))
	for _, r := range o.Rules {
		rule := run.AddRule(r.Check).WithDescription(r.Summary)
		if r.Page != "" {
			rule.WithMarkdownHelp("See " + r.Page)
		}
	}
	for _, f := range findings {
		text := strings.Join(append([]string{f.Text()}, f.Details...), "\n")
		run.CreateResultForRule(f.Check).WithLevel(string(f.Level)).
			WithMessage(sarif.NewTextMessage(text)).AddLocation(location(f))
	}
	out := sarif.NewReport()
	out.AddRun(run)
	return out.PrettyWrite(w)
}

// uri is a path relative to the root of the repository, as code hosts want it.
func uri(file string) string { return (&url.URL{Path: filepath.ToSlash(file)}).String() }

// location leaves the region out when only the file is known.
func location(f report.Finding) *sarif.Location {
	physical := sarif.NewPhysicalLocation().
		WithArtifactLocation(sarif.NewSimpleArtifactLocation(uri(f.Pos.File)))
	if f.Pos.Line > 0 {
		region := sarif.NewRegion().WithStartLine(f.Pos.Line)
		if f.Pos.Col > 0 {
			region.WithStartColumn(f.Pos.Col)
		}
		if f.EndCol > 0 {
			region.WithEndColumn(f.EndCol)
		}
		physical.WithRegion(region)
	}
	return sarif.NewLocationWithPhysicalLocation(physical)
}
