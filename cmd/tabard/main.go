// Package main is the program tabard, the WAF without a proxy around it: one
// HTTP exchange goes in from recorded traffic or from a client, and one
// verdict comes out as a line of a report or as what the client gets.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// The exit codes, which scripts rely on.
const (
	exitOK   = 0
	exitFail = 1 // it could not run, or not to its end
	exitHit  = 2 // --fail-on found what it was to find, or a test failed
	// exitInterrupted is what shells give for a program that Ctrl-C has ended.
	exitInterrupted = 130
)

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// command is one subcommand. Its run gets the arguments behind its name; an
// error ends the program with exitFail and one line.
type command struct {
	name, summary, help string
	run                 func(args []string, io stdio) (code int, err error)
}

// commands are in the order of the help text.
func commands() []command {
	return []command{
		replayCommand,
		diffCommand,
		tuneCommand,
		reportCommand,
		alertsCommand,
		checkCommand,
		fmtCommand,
		newCommand,
		explainCommand,
		playgroundCommand,
		lspCommand,
		testCommand,
		coverCommand,
		recordCommand,
		policyCommand,
		serveCommand,
		versionCommand,
		helpCommand(),
	}
}

func main() { os.Exit(run(os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})) }

// run finds the subcommand and gives the exit code.
func run(args []string, io stdio) int {
	name := "help"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if slices.Contains([]string{"-h", "-help", "--help"}, name) {
		name = "help"
	}
	c, err := find(name)
	if err != nil {
		return fail(io, "tabard", err)
	}
	code, err := c.run(args, io)
	if errors.Is(err, flag.ErrHelp) {
		_, err = fmt.Fprintln(io.out, c.help)
		code = exitOK
	}
	if err != nil {
		code = fail(io, "tabard "+c.name, err)
	}
	var stopped interrupted
	if errors.As(err, &stopped) {
		code = exitInterrupted
	}
	return code
}

// interrupted is the error of a command that was stopped with its work half
// done, after it has printed what it has.
type interrupted struct{ requests int }

func (i interrupted) Error() string {
	return fmt.Sprintf("interrupted; requests done: %d", i.requests)
}

// fail prints an error as one line.
func fail(io stdio, who string, err error) int {
	fmt.Fprintf(io.err, "%s: %s\n", who, strings.ReplaceAll(err.Error(), "\n", "; "))
	return exitFail
}

func find(name string) (command, error) {
	var names []string
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	return command{}, fmt.Errorf("unknown command %q: use %s", name, strings.Join(names, ", "))
}

// newFlags returns an empty set whose errors the caller prints.
func newFlags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// parse reads flags before, between and behind the other arguments, which it
// returns. What stands behind "--" is no flag.
func parse(f *flag.FlagSet, args []string) (others []string, err error) {
	var rest []string
	if i := slices.Index(args, "--"); i >= 0 {
		args, rest = args[:i], args[i+1:]
	}
	for {
		if err := f.Parse(args); err != nil {
			if !errors.Is(err, flag.ErrHelp) {
				err = fmt.Errorf("%w; tabard help %s shows the flags", err, f.Name())
			}
			return nil, err
		}
		args = f.Args()
		if len(args) == 0 {
			return append(others, rest...), nil
		}
		others, args = append(others, args[0]), args[1:]
	}
}
