package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tabard/internal/scaffold"
)

var newCommand = command{
	name:    "new",
	summary: "write a rule, its tests and the policy that they run with",
	help: `usage: tabard new rule [flags] NAME

Writes ID-NAME.conf, a rule with the comment that says what it stops, where it may
misfire and how to turn it off, ID-NAME.test.yaml with a request that matches and
its harmless twin, and suite.yaml, the policy of the folder's tests, where there is
none. All of it works as it is: try tabard check and tabard test on the folder.
Nothing that is there is changed.

  --dir FOLDER   where to (default .)
  --id N         the rule's id; without it the ten after the highest of the folder
  --ids A-B      the ids to choose from (default ` + defaultIDs + `)

Exit codes: 0 done; 1 not done.`,
	run: runNew,
}

func runNew(args []string, io stdio) (int, error) {
	var dir, idRange string
	var id int
	f := newFlags("new")
	f.StringVar(&dir, "dir", ".", "")
	f.StringVar(&idRange, "ids", defaultIDs, "")
	f.IntVar(&id, "id", 0, "")
	rest, err := parse(f, args)
	if err != nil {
		return exitFail, err
	}
	if len(rest) != 2 || rest[0] != "rule" {
		return exitFail, errors.New("write tabard new rule NAME, with a name such as json-depth")
	}
	first, last, err := parseIDs(idRange)
	if err != nil {
		return exitFail, err
	}
	rule := scaffold.Rule{ID: id, Name: rest[1]}
	if err := rule.Check(); err != nil {
		return exitFail, err
	}
	if rule.ID, err = chooseID(dir, id, first, last); err != nil {
		return exitFail, err
	}
	for _, file := range rule.Files() {
		name := filepath.Join(dir, file.Name)
		err := create(name, file.Text)
		if file.Name == scaffold.SuiteFile && errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return exitFail, err
		}
		if _, err := fmt.Fprintln(io.out, name); err != nil {
			return exitFail, err
		}
	}
	return exitOK, nil
}

// chooseID checks an id, or finds one when it is 0.
func chooseID(dir string, id, first, last int) (int, error) {
	used, err := idsBelow(dir)
	if err != nil {
		return 0, err
	}
	if id == 0 {
		id, ok := scaffold.NextID(used, used, first, last)
		if !ok {
			return 0, fmt.Errorf("all ids from %d to %d are taken: name others with --ids", first, last)
		}
		return id, nil
	}
	for _, other := range used {
		if other == id {
			return 0, fmt.Errorf("the id %d is taken in %s: leave --id out to get a free one", id, dir)
		}
	}
	return id, nil
}

// idsBelow lists the ids of the rules of a folder.
func idsBelow(dir string) (ids []int, err error) {
	files, err := confFiles(dir)
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil {
			return nil, err
		}
		ids = append(ids, scaffold.IDs(file, string(text))...)
	}
	return ids, err
}

// create writes a file that is not there yet.
func create(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = strings.NewReader(text).WriteTo(f)
	return errors.Join(err, f.Close())
}
