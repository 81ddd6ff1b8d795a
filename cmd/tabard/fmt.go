package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tabard/internal/format"
)

var fmtCommand = command{
	name:    "fmt",
	summary: "lay rule files out the same way everywhere, comments included",
	help: `usage: tabard fmt [flags] PATH...|-

Writes rules with an action a line, links of a chain below their rule, id and phase
first, names as Coraza spells them, and one blank line where there were several.
What a rule means stays: a directive that would be read in another way stays as it
is. A PATH is a rule file, or a folder, of which all .conf files are taken; "-" reads
standard input. The result of one file goes to standard output.

  --write    write the files instead
  --check    only name the files that are laid out otherwise

Exit codes: 0 done; 1 not done; 2 --check found a file.`,
	run: runFmt,
}

func runFmt(args []string, io stdio) (int, error) {
	var write, check bool
	f := newFlags("fmt")
	f.BoolVar(&write, "write", false, "")
	f.BoolVar(&check, "check", false, "")
	paths, err := parse(f, args)
	if err != nil {
		return exitFail, err
	}
	files, err := ruleFiles(paths)
	switch {
	case err != nil:
		return exitFail, err
	case write && check:
		return exitFail, errors.New("--write and --check exclude each other")
	case len(files) == 0:
		return exitFail, errors.New("nothing to format: name rule files or folders, or - for standard input")
	case len(files) > 1 && !write && !check:
		return exitFail, errors.New("several files: add --write to change them, or --check to name those that differ")
	}
	code := exitOK
	for _, file := range files {
		changed, err := formatFile(file, io, write, check)
		if err != nil {
			return exitFail, err
		}
		if changed && check {
			code = exitHit
		}
	}
	return code, nil
}

// formatFile formats one file and says whether that changes it.
func formatFile(file string, io stdio, write, check bool) (changed bool, err error) {
	text, err := readText(file, io.in)
	if err != nil {
		return false, err
	}
	out, err := format.Source(file, text)
	if err != nil {
		return false, err
	}
	switch changed = out != text; {
	case check && changed:
		_, err = fmt.Fprintln(io.out, file)
	case write && changed:
		err = rewrite(file, out)
	case !check && !write:
		_, err = fmt.Fprint(io.out, out)
	}
	return changed, err
}

func readText(file string, in io.Reader) (string, error) {
	if file == "-" {
		text, err := io.ReadAll(in)
		return string(text), err
	}
	text, err := os.ReadFile(file)
	return string(text), err
}

// rewrite replaces a file by a new one beside it, so that a full disk does not
// cost the rules. It keeps the file's mode.
func rewrite(file, text string) error {
	if file == "-" {
		return errors.New("standard input cannot be written")
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".tabard-fmt-*")
	if err != nil {
		return err
	}
	_, err = temp.WriteString(text)
	err = errors.Join(err, temp.Chmod(info.Mode().Perm()), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// ruleFiles lists the files that paths name.
func ruleFiles(paths []string) (files []string, err error) {
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case p == "-":
			files = append(files, p)
			continue
		case err != nil:
			return nil, err
		case !info.IsDir():
			files = append(files, p)
			continue
		}
		below, err := confFiles(p)
		if err != nil {
			return nil, err
		}
		for _, file := range below {
			files = append(files, filepath.Join(p, filepath.FromSlash(file)))
		}
	}
	return files, nil
}
