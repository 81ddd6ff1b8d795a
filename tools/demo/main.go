// Command demo shows in a real Envoy that one HTTP exchange goes in and one
// verdict comes out: it starts Envoy with the filter in front of a sample
// function, plays harmless requests and attacks, prints a table of request,
// verdict, rule and time, and leaves nothing running. It ends with status 0
// when each exchange went as it should.
//
//	demo [-stay]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"tabard/e2e/envoyrun"
	"tabard/e2e/function"
)

func main() {
	stay := flag.Bool("stay", false, "stay up and print curl lines to try")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, os.Stdout, *stay)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, stay bool) (ok bool, err error) {
	f, err := function.Start()
	if err != nil {
		return false, err
	}
	defer f.Stop()
	fmt.Fprintln(out, "Starting Envoy with dist/tabard.wasm and the policy in envoy/policy.yaml ...")
	e, err := envoyrun.Start(ctx, envoyrun.Options{Upstream: f.Addr(), Sites: []envoyrun.Site{{Name: "demo", Adjust: behindProxy}}})
	if err != nil {
		return false, err
	}
	defer func() {
		if stopped := e.Stop(); err == nil {
			err = stopped
		}
	}()
	fmt.Fprintf(out, "Ready after %.1f s.\n\n", e.ReadyAfter().Seconds())
	if stay {
		return true, wait(ctx, out, e)
	}
	return play(ctx, out, e, f)
}

// behindProxy has Envoy believe that one trusted proxy stands before it, so
// that a header can say where a client comes from.
func behindProxy(manager envoyrun.Tree) { manager["xff_num_trusted_hops"] = 1 }

// wait prints what to try, and stays until it is interrupted.
func wait(ctx context.Context, out io.Writer, e *envoyrun.Envoy) error {
	fmt.Fprintf(out, "Envoy listens on http://%s. Try:\n\n", e.Addr("demo"))
	for _, s := range steps {
		fmt.Fprintf(out, "# %s: %s\n%s\n\n", s.name, s.expected(), s.curl(e.Addr("demo")))
	}
	fmt.Fprintln(out, "Ctrl-C ends it.")
	select {
	case <-ctx.Done():
		return nil
	case <-e.Exited():
		return fmt.Errorf("the proxy has ended:\n%s", e.Log())
	}
}

// patience is how long one exchange may take on a busy machine.
const patience = 30 * time.Second
