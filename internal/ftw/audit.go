package ftw

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tabard/engine/seclang"
)

// auditLine is what an audit line says of the rules that matched.
type auditLine struct {
	TransactionID string `json:"transaction_id"`
	Rules         []struct {
		ID       int    `json:"id"`
		Phase    int    `json:"phase"`
		Rule     string `json:"rule"`
		Severity string `json:"severity"`
		Target   string `json:"target"`
		Message  string `json:"message"`
		Data     string `json:"data"`
		Value    string `json:"value"`
	} `json:"rules"`
}

// ParseAudit reads an audit line, which is how the filter tells what matched,
// and returns the transaction that it is about. Text before the first brace is
// a logger's.
func ParseAudit(line string) (transaction string, matches []Match, err error) {
	start := strings.IndexByte(line, '{')
	if start < 0 {
		return "", nil, fmt.Errorf("no audit line: %q", line)
	}
	var a auditLine
	if err := json.NewDecoder(strings.NewReader(line[start:])).Decode(&a); err != nil {
		return "", nil, fmt.Errorf("audit line: %w", err)
	}
	for _, r := range a.Rules {
		matches = append(matches, Match{
			ID: r.ID, Phase: r.Phase, Severity: r.Severity, Rule: parsePosition(r.Rule),
			Target: r.Target, Message: r.Message, Data: r.Data, Value: r.Value,
		})
	}
	return a.TransactionID, matches, nil
}

// parsePosition undoes Position.String, as far as it goes.
func parsePosition(text string) seclang.Position {
	rest, col := cutNumber(text)
	file, line := cutNumber(rest)
	return seclang.Position{File: file, Line: line, Col: col}
}

func cutNumber(text string) (rest string, n int) {
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return text, 0
	}
	n, err := strconv.Atoi(text[at+1:])
	if err != nil {
		return text, 0
	}
	return text[:at], n
}
