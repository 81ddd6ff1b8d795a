package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sample is the result of one measurement.
type sample struct {
	perSecond float64
	p50, p99  time.Duration
}

// medians is the median of each figure.
func medians(list []sample) sample {
	return sample{
		perSecond: median(list, func(s sample) float64 { return s.perSecond }),
		p50:       time.Duration(median(list, func(s sample) float64 { return float64(s.p50) })),
		p99:       time.Duration(median(list, func(s sample) float64 { return float64(s.p99) })),
	}
}

func median[T any](list []T, figure func(T) float64) float64 {
	values := make([]float64, len(list))
	for i, item := range list {
		values[i] = figure(item)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// generator sends one shape over some connections for a time, each connection
// the next request when it has the answer to the last. An answer other than
// 200 is an error: a blocked request would be a fast one.
type generator interface {
	name() string
	run(ctx context.Context, addr string, s shape, connections int, length time.Duration) (sample, error)
}

// chooseLoad takes wrk when it is there.
func chooseLoad(s settings) (generator, error) {
	if path, err := exec.LookPath("wrk"); err == nil && !s.goLoad {
		return wrk{path}, nil
	}
	return native{}, nil
}

// wrk is the load generator of that name (Debian package wrk).
type wrk struct{ path string }

func (wrk) name() string { return "wrk" }

var (
	wrkRate  = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkP50   = regexp.MustCompile(`\b50%\s+([0-9.]+)(us|ms|s|m)\b`)
	wrkP99   = regexp.MustCompile(`\b99%\s+([0-9.]+)(us|ms|s|m)\b`)
	wrkWrong = regexp.MustCompile(`Non-2xx or 3xx responses: \d+|Socket errors: .*`)
)

func (w wrk) run(ctx context.Context, addr string, s shape, connections int, length time.Duration) (sample, error) {
	dir, err := os.MkdirTemp("", "tabard-bench-")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "request.lua")
	if err := os.WriteFile(script, []byte(s.lua()), 0o600); err != nil {
		return sample{}, err
	}
	seconds := int((length + time.Second - 1) / time.Second)
	out, err := exec.CommandContext(ctx, w.path, "-t1", "-c"+strconv.Itoa(connections), "-d"+strconv.Itoa(seconds)+"s",
		"--latency", "--timeout", "60s", "-s", script, "http://"+addr+s.path).CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	// wrk knows one kind of good answer; of a refusal it counts every one.
	if wrong := wrkWrong.Find(out); wrong != nil && s.want == http.StatusOK {
		return sample{}, fmt.Errorf("wrk: %s", wrong)
	}
	return parseWrk(string(out))
}

func parseWrk(out string) (sample, error) {
	rate := wrkRate.FindStringSubmatch(out)
	if rate == nil {
		return sample{}, fmt.Errorf("wrk wrote no rate: %s", out)
	}
	perSecond, err := strconv.ParseFloat(rate[1], 64)
	if err != nil {
		return sample{}, err
	}
	p50, err50 := wrkDuration(wrkP50.FindStringSubmatch(out))
	p99, err99 := wrkDuration(wrkP99.FindStringSubmatch(out))
	return sample{perSecond, p50, p99}, errors.Join(err50, err99)
}

func wrkDuration(m []string) (time.Duration, error) {
	if m == nil {
		return 0, errors.New("wrk wrote no latency")
	}
	return time.ParseDuration(m[1] + m[2])
}

// lua is the script that has wrk send the shape.
func (s shape) lua() string {
	var b strings.Builder
	fmt.Fprintf(&b, "wrk.method = %q\n", s.method)
	for _, line := range append(browser[:len(browser):len(browser)], s.header...) {
		fmt.Fprintf(&b, "wrk.headers[%q] = %q\n", line[0], line[1])
	}
	if s.body != "" {
		fmt.Fprintf(&b, "wrk.body = %s\n", luaString(s.body))
	}
	return b.String()
}

// luaString writes every byte that is not plain ASCII as \ddd.
func luaString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, "\\%03d", c)
			continue
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}

// native is a load generator that needs nothing but Go.
type native struct{}

func (native) name() string { return "the built-in generator" }

func (native) run(ctx context.Context, addr string, s shape, connections int, length time.Duration) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var (
		mu    sync.Mutex
		all   []time.Duration
		fails error
		wait  sync.WaitGroup
	)
	start := time.Now()
	for range connections {
		wait.Go(func() {
			took, err := s.repeat(ctx, addr)
			mu.Lock()
			defer mu.Unlock()
			all, fails = append(all, took...), errors.Join(fails, err)
		})
	}
	wait.Wait()
	spent := time.Since(start)
	if fails != nil {
		return sample{}, fails
	}
	if len(all) == 0 {
		return sample{}, errors.New("no answer within the time")
	}
	slices.Sort(all)
	return sample{float64(len(all)) / spent.Seconds(), all[len(all)/2], all[len(all)*99/100]}, nil
}

// repeat sends the shape over one connection until ctx is done.
func (s shape) repeat(ctx context.Context, addr string) (took []time.Duration, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in, request := bufio.NewReaderSize(conn, 64<<10), s.bytes()
	for ctx.Err() == nil {
		one, err := s.exchange(conn, in, request)
		if err != nil {
			return nil, err
		}
		took = append(took, one)
	}
	return took, nil
}

// once sends the shape once and returns how long that took.
func (s shape) once(addr string) (time.Duration, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return s.exchange(conn, bufio.NewReader(conn), s.bytes())
}

// exchange writes a request and reads the answer to it.
func (s shape) exchange(conn net.Conn, in *bufio.Reader, request []byte) (time.Duration, error) {
	start := time.Now()
	if _, err := conn.Write(request); err != nil {
		return 0, err
	}
	status, length, err := readHead(in)
	if err != nil {
		return 0, err
	}
	if status != s.want {
		return 0, fmt.Errorf("status %d, not %d", status, s.want)
	}
	_, err = io.CopyN(io.Discard, in, int64(length))
	return time.Since(start), err
}

// readHead reads a response's or a request's head: the number in its first
// line, for a response its status, and the Content-Length.
func readHead(in *bufio.Reader) (status, length int, err error) {
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return status, length, nil
		}
		if first {
			if _, rest, ok := bytes.Cut(line, []byte(" ")); ok && len(rest) >= 3 {
				status, _ = strconv.Atoi(string(rest[:3]))
			}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("content-length")) {
			length, err = strconv.Atoi(string(bytes.TrimSpace(value)))
			if err != nil {
				return 0, 0, err
			}
		}
	}
}
