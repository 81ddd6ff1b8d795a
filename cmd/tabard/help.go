package main

import (
	"fmt"
	"strings"
)

// helpCommand is a function because it lists the commands, itself among them.
func helpCommand() command {
	return command{
		name:    "help",
		summary: "print this, or the help of a command",
		help:    "usage: tabard help [COMMAND]",
		run:     runHelp,
	}
}

// runHelp prints the list of commands, or one command's help.
func runHelp(args []string, io stdio) (int, error) {
	if len(args) > 1 {
		return exitFail, fmt.Errorf("one command at a time: tabard help %s", args[0])
	}
	if len(args) == 1 && !strings.HasPrefix(args[0], "-") {
		c, err := find(args[0])
		if err != nil {
			return exitFail, err
		}
		_, err = fmt.Fprintln(io.out, c.help)
		return exitOK, err
	}
	var b strings.Builder
	b.WriteString("tabard is a web application firewall: Coraza and the OWASP Core Rule Set, run by a policy.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  tabard %-8s  %s\n", c.name, c.summary)
	}
	b.WriteString("\ntabard help COMMAND explains one.\n")
	_, err := fmt.Fprint(io.out, b.String())
	return exitOK, err
}
