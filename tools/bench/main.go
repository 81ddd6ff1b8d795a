// Command bench measures what the filter costs: for one HTTP exchange on its
// way to one verdict, the same request is sent to Envoy alone, to Envoy with a
// filter that only reads headers and to Envoy with the filter, with and without
// its fast path, in turns, on this machine, and the medians are printed as
// Markdown.
//
//	bench [-rounds N] [-seconds S] [-connections C] [-go] [-policy FILE]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"tabard/e2e/envoyrun"
)

// settings are what a run can be told.
type settings struct {
	rounds      int
	seconds     float64
	connections int
	starts      int
	goLoad      bool
	policy      string
}

func main() {
	var s settings
	flag.IntVar(&s.rounds, "rounds", 3, "how often each measurement is repeated")
	flag.Float64Var(&s.seconds, "seconds", 2, "length of one measurement")
	flag.IntVar(&s.connections, "connections", 16, "connections that send at the same time")
	flag.IntVar(&s.starts, "starts", 3, "how often Envoy is started to time it")
	flag.BoolVar(&s.goLoad, "go", false, "use the built-in load generator although wrk is there")
	flag.StringVar(&s.policy, "policy", "", "policy file (default: CRS at paranoia level 1, blocking)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// defaultPolicy is what a user gets who writes none.
const defaultPolicy = "mode: block\n"

func run(ctx context.Context, s settings) error {
	policy := defaultPolicy
	if s.policy != "" {
		text, err := os.ReadFile(s.policy)
		if err != nil {
			return err
		}
		policy = string(text)
	}
	root, err := envoyrun.Root()
	if err != nil {
		return err
	}
	sites := map[variant]envoyrun.Site{
		alone:   {Name: string(alone), NoFilter: true},
		headers: {Name: string(headers), Module: filepath.Join(root, "dist", "bench", "headers.wasm"), Policy: "{}"},
		tabard:  {Name: string(tabard), Policy: policy},
		// The policy must not set screen itself.
		unscreened: {Name: string(unscreened), Policy: policy + "\nscreen: off\n"},
	}
	up, err := startUpstream()
	if err != nil {
		return err
	}
	defer up.Close()
	load, err := chooseLoad(s)
	if err != nil {
		return err
	}
	starts, err := measureStarts(ctx, s.starts, up.Addr().String(), sites)
	if err != nil {
		return err
	}
	e, err := envoyrun.Start(ctx, envoyrun.Options{Upstream: up.Addr().String(), Quiet: true,
		Sites: []envoyrun.Site{sites[alone], sites[headers], sites[tabard], sites[unscreened]}})
	if err != nil {
		return err
	}
	defer e.Stop()
	results, err := measure(ctx, e, load, s)
	if err != nil {
		return err
	}
	printReport(os.Stdout, report{settings: s, load: load.name(), starts: starts, results: results})
	return e.Stop()
}

// variant is what stands between client and function. Sites have its name.
type variant string

const (
	alone   variant = "Envoy alone"
	headers variant = "reading headers"
	tabard  variant = "Tabard"
	// unscreened is Tabard with Coraza judging everything.
	unscreened variant = "Tabard, screen: off"
)

var variants = []variant{alone, headers, tabard, unscreened}

// warmUp lets the engine's pools and V8's tiers settle before anything counts.
const warmUp = time.Second

// slow is the latency above which one connection is enough to keep the only
// worker busy. More would leave it a queue that outlives the measurement.
const slow = 20 * time.Millisecond

// minSlow is how many requests a slow measurement waits for at least.
const minSlow = 3

// measure takes turns between the variants, so that what else the machine does
// meets all of them.
func measure(ctx context.Context, e *envoyrun.Envoy, load generator, s settings) (map[string]map[variant]sample, error) {
	results := map[string]map[variant]sample{}
	if err := heat(ctx, e, load, s); err != nil {
		return nil, err
	}
	for _, sh := range shapes {
		runs := map[variant][]sample{}
		for range s.rounds {
			for _, v := range variants {
				one, err := measureOnce(ctx, load, e.Addr(string(v)), sh.through(v), s)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", sh.name, v, err)
				}
				runs[v] = append(runs[v], one)
			}
		}
		results[sh.name] = map[variant]sample{}
		for v, list := range runs {
			results[sh.name][v] = medians(list)
		}
		fmt.Fprintf(os.Stderr, "measured: %s\n", sh.name)
	}
	return results, nil
}

// heatUp is how long each variant is under load before the first shape is
// measured: the filter's heap, its caches and Envoy's are then as they stay, and
// the first shape is not measured under other conditions than the last.
const heatUp = 10 * time.Second

// heat sends the first shape through each variant.
func heat(ctx context.Context, e *envoyrun.Envoy, load generator, s settings) error {
	for _, v := range variants {
		if _, err := load.run(ctx, e.Addr(string(v)), shapes[0].through(v), s.connections, heatUp); err != nil {
			return fmt.Errorf("warming up %s: %w", v, err)
		}
	}
	return nil
}

// measureOnce takes the rate from many connections and the latency from one:
// with many, latency is mostly the wait for the other connections. Of a slow
// request both come from one connection.
func measureOnce(ctx context.Context, load generator, addr string, sh shape, s settings) (sample, error) {
	length := time.Duration(s.seconds * float64(time.Second))
	single, err := sh.once(addr)
	if err != nil {
		return sample{}, err
	}
	if single > slow {
		return load.run(ctx, addr, sh, 1, max(length, minSlow*single))
	}
	if _, err := load.run(ctx, addr, sh, s.connections, warmUp); err != nil {
		return sample{}, err
	}
	many, err := load.run(ctx, addr, sh, s.connections, length)
	if err != nil {
		return sample{}, err
	}
	one, err := load.run(ctx, addr, sh, 1, length)
	if err != nil {
		return sample{}, err
	}
	one.perSecond = many.perSecond
	return one, nil
}
