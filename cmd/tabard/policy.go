package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"tabard/engine"
	"tabard/rules"
)

// rulesVariable names a folder whose files go before the built-in rules, in
// every command that runs a policy.
const rulesVariable = "TABARD_RULES"

// loadedPolicy is a policy with the files that it may name.
type loadedPolicy struct {
	// name is for reports.
	name   string
	text   []byte
	policy engine.Policy
	rules  fs.FS
	// own are the files before the built-in ones.
	own fs.FS
	// folders are where the policy's files are looked for.
	folders folders
}

// loadPolicy reads a policy file for a command that fetches nothing, and refuses
// one whose keys would be unknown.
func loadPolicy(file string, more ...fs.FS) (loadedPolicy, error) {
	p, err := readPolicy(file, more...)
	if err == nil && os.Getenv(feedsVariable) == "" { // keptFeed looks there
		err = p.policy.Offline()
	}
	return p, err
}

// readPolicy reads a policy file. Its directives and address sets are looked
// for beside it, then below TABARD_RULES, then among the built-in rules.
// Without a file it is the built-in default. What stands in more goes before all
// of them.
func readPolicy(file string, more ...fs.FS) (loadedPolicy, error) {
	p := loadedPolicy{name: "built-in (CRS at paranoia level 1, blocking)", text: []byte("profile: api\n"), policy: engine.Policy{Profile: engine.ProfileAPI}}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return p, err
		}
		p.name, p.text = file, text
		if p.policy, err = engine.ParsePolicy(file, text); err != nil {
			return p, err
		}
		p.folders = append(p.folders, filepath.Dir(file))
	}
	if named := os.Getenv(rulesVariable); named != "" {
		if info, err := os.Stat(named); err != nil || !info.IsDir() {
			return p, fmt.Errorf("%s is no folder: %s", rulesVariable, named)
		}
		p.folders = append(p.folders, named)
	}
	p.own = firstOf(append(more[:len(more):len(more)], p.folders))
	p.rules = rules.Overlay(p.own)
	return p, nil
}

// firstOf is a file system of several: the first one that has a file gives it.
type firstOf []fs.FS

// Open implements fs.FS.
func (f firstOf) Open(name string) (file fs.File, err error) {
	for _, layer := range f {
		if file, err = layer.Open(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return file, err
}

// setScreen replaces the policy's mode of the fast path; "" leaves it.
func (p *loadedPolicy) setScreen(mode engine.ScreenMode) error {
	if mode == "" {
		return nil
	}
	p.policy.Screen = mode
	return p.setText("screen", string(mode))
}

// setProfile replaces the policy's profile; "" leaves it.
func (p *loadedPolicy) setProfile(profile engine.Profile) error {
	if profile == "" {
		return nil
	}
	p.policy.Profile = profile
	return p.setText("profile", string(profile))
}

// setText replaces a key in the text, which the module gets.
func (p *loadedPolicy) setText(key, value string) error {
	document := map[string]any{}
	if err := yaml.Unmarshal(p.text, &document); err != nil {
		return err
	}
	document[key] = value
	text, err := yaml.Marshal(document)
	p.text = text
	return err
}

// title is the policy's name for reports, with the profile that it runs with.
func (p *loadedPolicy) title() string {
	return p.name + ", profile " + cmp.Or(string(p.policy.Profile), string(engine.ProfileCRS))
}

// usesFiles says whether the policy names files that only this process can
// read.
func (p loadedPolicy) usesFiles() bool {
	directives, ip := p.policy.Directives, p.policy.IP
	files := append(ip.AllowFiles[:len(ip.AllowFiles):len(ip.AllowFiles)], ip.BlockFiles...)
	for _, s := range p.policy.IPSets {
		if s.File != "" {
			files = append(files, s.File)
		}
	}
	for _, r := range p.policy.Routes {
		directives = append(directives[:len(directives):len(directives)], r.Directives...)
		if r.IP != nil {
			files = append(append(files, r.IP.AllowFiles...), r.IP.BlockFiles...)
		}
	}
	for _, d := range directives {
		if d.File != "" {
			files = append(files, d.File)
		}
	}
	return len(files) > 0
}

// folders is a file system of folders, the first of which that has a file
// gives it.
type folders []string

// errOutside is for a name that fs.FS does not know: rules are named within
// the folders that are searched, so that a policy means the same everywhere.
type errOutside struct{ folders []string }

func (e errOutside) Error() string {
	return "rule files are named relative to the policy's folder (" + strings.Join(e.folders, ", ") + ") and inside of it"
}

// Open implements fs.FS.
func (f folders) Open(name string) (fs.File, error) {
	if len(f) > 0 && (path.IsAbs(name) || strings.HasPrefix(path.Clean(name), "../")) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errOutside{f}}
	}
	for _, dir := range f {
		file, err := os.DirFS(dir).Open(name)
		if err == nil || !os.IsNotExist(err) {
			return file, err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
