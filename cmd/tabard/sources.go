package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tabard/engine"
	"tabard/engine/ipset"
	"tabard/internal/feeds"
	"tabard/internal/mmdb"
)

// feedsVariable names the folder in which tabard policy fetch and tabard serve
// keep what URLs have given, and from which other commands take it.
const feedsVariable = "TABARD_FEEDS"

// engine compiles the policy for a command that judges once: it opens the
// databases and takes sets at URLs from where they have been kept, so that the
// same command says the same tomorrow.
func (p loadedPolicy) engine(more ...engine.Option) (*engine.Engine, error) {
	options, err := p.options()
	if err != nil {
		return nil, err
	}
	return engine.New(p.policy, p.rules, append(options, more...)...)
}

// options are those of engine.
func (p loadedPolicy) options() ([]engine.Option, error) {
	options, _, err := p.databases()
	return append(options, engine.WithFeeds(keptFeed)), err
}

// compiles says what is wrong with the policy; sets at URLs may be empty.
func (p loadedPolicy) compiles() error {
	options, _, err := p.databases()
	if err == nil {
		_, err = engine.New(p.policy, p.rules, append(options, engine.WithLateScreener())...)
	}
	return err
}

// databases opens those of the policy.
func (p loadedPolicy) databases() ([]engine.Option, *mmdb.Databases, error) {
	var files []string
	for i, name := range p.policy.Geo.Databases {
		file, err := p.find(name)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: geo.databases[%d]: %w", p.name, i, err)
		}
		files = append(files, file)
	}
	options := []engine.Option{engine.WithDatabases(mmdb.List)}
	if len(files) == 0 {
		return options, nil, nil
	}
	databases, err := mmdb.Load(files)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: geo.databases: %w", p.name, err)
	}
	return append(options, engine.WithGeo(databases.Find)), databases, nil
}

// find gives the path of a file that the policy names.
func (p loadedPolicy) find(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	for _, dir := range p.folders {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Stat(file); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return file, nil
		}
	}
	return "", fmt.Errorf("%q is not below the policy's folder (%s)", name, strings.Join(p.folders, ", "))
}

// refreshed compiles the policy for a command that runs on, with what keeps its
// sets and databases up to date.
func (p loadedPolicy) refreshed(logger *log.Logger) (*engine.Engine, *feeds.Refresher, error) {
	if g := p.policy.Geo; len(g.Databases) == 0 && g.CountryHeader+g.ASNHeader+g.AnonymousHeader != "" {
		return nil, nil, errors.New("geo names headers that Envoy's geoip filter sets, and here every client could: name geo.databases, with which they are not read")
	}
	options, databases, err := p.databases()
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.New(p.policy, p.rules, options...)
	if err != nil {
		return nil, nil, err
	}
	o := feeds.Options{Engine: e, Folder: os.Getenv(feedsVariable), Files: p.setFiles(e), Log: logger}
	if databases != nil {
		for _, file := range databases.Files() {
			o.Files = append(o.Files, &feeds.File{Name: file, Path: file, Load: func(fs.FileInfo) error { return databases.Reload(file) }})
		}
		o.More = func() (out []engine.FeedState) {
			for _, file := range databases.Files() {
				out = append(out, engine.FeedState{Name: file, Updated: databases.Built(file)})
			}
			return out
		}
	}
	return e, feeds.NewRefresher(o), nil
}

// setFiles are the files of sets that may change: those of the built-in rules do
// not, and of a set at a URL the file is only what it begins with.
func (p loadedPolicy) setFiles(e *engine.Engine) []*feeds.File {
	var out []*feeds.File
	for name, file := range e.Files() {
		path, err := p.find(file)
		if err != nil {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			e.ConfirmFeed(name, info.ModTime()) // it is as old as its file
		}
		out = append(out, &feeds.File{Name: name, Path: path, Load: func(info fs.FileInfo) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return e.TakeFeed(name, string(text), info.ModTime())
		}})
	}
	return out
}

// keptFeed is the text of a feed that has been kept. A set that would be empty is
// an error: the verdicts would be wrong, and nobody would see it.
func keptFeed(f engine.Feed) (text string, at time.Time, err error) {
	folder := os.Getenv(feedsVariable)
	if folder != "" {
		text, at, err = feeds.Kept(folder, f.Name)
	}
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", at, err
	case text != "" || f.Begun:
		return text, at, nil
	}
	return "", at, fmt.Errorf("the set %q is at a URL, which this command does not ask, so that it says the same tomorrow: "+
		"run tabard policy fetch --out DIR POLICY once and set %s=DIR (it is %s), or give the set a file to begin with",
		f.Name, feedsVariable, cmp.Or(folder, "not set"))
}

// hasFeeds says whether the policy has sets at URLs.
func (p loadedPolicy) hasFeeds() bool {
	for _, s := range p.policy.IPSets {
		if s.URL != "" {
			return true
		}
	}
	return false
}

// hasDatabases says whether only this process can read what the policy says of
// places and anonymizing networks.
func (p loadedPolicy) hasDatabases() bool {
	for _, s := range p.policy.IPSets {
		if s.Format == ipset.FormatMMDB {
			return true
		}
	}
	return len(p.policy.Geo.Databases) > 0
}
