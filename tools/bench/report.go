package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"tabard/e2e/envoyrun"
)

// start is what a start of Envoy costs.
type start struct {
	ready       time.Duration
	residentKiB int
}

// report is everything that is printed.
type report struct {
	settings settings
	load     string
	starts   map[variant]start
	results  map[string]map[variant]sample
}

// measureStarts starts Envoy with each variant some times, in turns.
func measureStarts(ctx context.Context, times int, upstream string, sites map[variant]envoyrun.Site) (map[variant]start, error) {
	runs := map[variant][]start{}
	for range times {
		for _, v := range variants {
			one, err := measureStart(ctx, upstream, sites[v])
			if err != nil {
				return nil, err
			}
			runs[v] = append(runs[v], one)
		}
	}
	out := map[variant]start{}
	for v, list := range runs {
		out[v] = start{
			ready:       time.Duration(median(list, func(s start) float64 { return float64(s.ready) })),
			residentKiB: int(median(list, func(s start) float64 { return float64(s.residentKiB) })),
		}
	}
	return out, nil
}

func measureStart(ctx context.Context, upstream string, site envoyrun.Site) (start, error) {
	e, err := envoyrun.Start(ctx, envoyrun.Options{Upstream: upstream, Sites: []envoyrun.Site{site}, Quiet: true})
	if err != nil {
		return start{}, err
	}
	pid, err := e.PID()
	if err != nil {
		return start{}, errors.Join(err, e.Stop())
	}
	kib, err := resident(pid)
	return start{e.ReadyAfter(), kib}, errors.Join(err, e.Stop())
}

// resident is the memory of a process that is in RAM, from Linux's /proc or
// else from ps.
func resident(pid int) (kib int, err error) {
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			}
		}
	}
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0, fmt.Errorf("resident memory of Envoy: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}

func printReport(out io.Writer, r report) {
	fmt.Fprintf(out, "Measured by `make bench` on %s with %d cores: Envoy with one worker (--concurrency 1) before a function that\n"+
		"answers at once, load from %s over HTTP/1.1 on the same machine, medians of %d rounds of %g s in turns. Requests a second\n"+
		"with %d connections, or with one where a request takes over %d ms; p50 and p99 with one. The ratios are to Envoy alone and to Tabard without its\nfast path.\n\n",
		time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), r.load, r.settings.rounds, r.settings.seconds, r.settings.connections, slow.Milliseconds())
	fmt.Fprintln(out, "| request | | requests/s | of Envoy alone | of screen: off | p50 | p99 |")
	fmt.Fprintln(out, "| --- | --- | ---: | ---: | ---: | ---: | ---: |")
	for _, sh := range shapes {
		for _, v := range variants {
			s := r.results[sh.name][v]
			fmt.Fprintf(out, "| %s | %s | %s | %.4f | %.1f | %s | %s |\n", sh.name, v, rate(s.perSecond),
				s.perSecond/r.results[sh.name][alone].perSecond, s.perSecond/r.results[sh.name][unscreened].perSecond, milliseconds(s.p50), milliseconds(s.p99))
		}
	}
	fmt.Fprintln(out, "\n| | ready after | resident memory |")
	fmt.Fprintln(out, "| --- | ---: | ---: |")
	for _, v := range variants {
		fmt.Fprintf(out, "| %s | %.1f s | %d MB |\n", v, r.starts[v].ready.Seconds(), r.starts[v].residentKiB/1024)
	}
}

// rate shows a decimal where there are few requests a second.
func rate(perSecond float64) string {
	if perSecond < 10 {
		return strconv.FormatFloat(perSecond, 'f', 2, 64)
	}
	return strconv.FormatFloat(perSecond, 'f', 0, 64)
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 2, 64) + " ms"
}
