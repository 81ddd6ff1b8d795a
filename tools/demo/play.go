package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"tabard/e2e/envoyrun"
	"tabard/e2e/function"
	"tabard/engine"
)

// result is what became of a step.
type result struct {
	status  int
	verdict string
	rules   string
	took    time.Duration
	arrived bool
}

// play sends each step and prints the table.
func play(ctx context.Context, out io.Writer, e *envoyrun.Envoy, f *function.Function) (ok bool, err error) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REQUEST\tVERDICT\tSTATUS\tRULES\tTIME\tREACHED THE FUNCTION\t")
	wrong := 0
	for i, s := range steps {
		r, err := s.play(ctx, e, f, "demo-"+strconv.Itoa(i))
		if err != nil {
			return false, fmt.Errorf("%s: %w", s.name, err)
		}
		note := ""
		if !s.isRight(r) {
			wrong++
			note = "WRONG: should be " + s.expected()
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%.1f ms\t%s\t%s\n", s.name, r.verdict, r.status, r.rules,
			float64(r.took.Microseconds())/1000, yesNo(r.arrived), note)
	}
	if err := table.Flush(); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "\n%d of %d went as they should.\n", len(steps)-wrong, len(steps))
	return wrong == 0, nil
}

// play sends one step and reads its verdict from Envoy's access log.
func (s step) play(ctx context.Context, e *envoyrun.Envoy, f *function.Function, name string) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, s.verb(), "http://"+e.Addr("demo")+s.path, strings.NewReader(s.body))
	if err != nil {
		return result{}, err
	}
	request.Host = host
	request.Header.Set("User-Agent", "Mozilla/5.0 (demo)")
	request.Header.Set("Accept", "*/*")
	request.Header.Set(function.CaseHeader, name)
	for _, line := range s.header {
		request.Header.Set(line[0], line[1])
	}
	start := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return result{}, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return result{}, err
	}
	took := time.Since(start)
	line, err := e.AccessLine(ctx, name)
	if err != nil {
		return result{}, err
	}
	return result{response.StatusCode, text(line["verdict"]), text(line["rules"]), took, len(f.Arrived(name)) > 0}, nil
}

// isRight compares with what should happen: what is blocked in the request
// must not reach the function.
func (s step) isRight(r result) bool {
	blockedInRequest := s.verdict == engine.Block && s.path != "/leak"
	return r.verdict == string(s.verdict) && r.status == s.status && r.arrived != blockedInRequest
}

func text(value any) string {
	if value == nil {
		return "-"
	}
	return fmt.Sprint(value)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
