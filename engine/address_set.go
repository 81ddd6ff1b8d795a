package engine

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tabard/engine/ipset"
	"tabard/engine/seclang"
)

// addressSet is one set of addresses while the engine runs. All routes that
// name it share it, and its content can be replaced at any time: an exchange
// looks at the content once.
type addressSet struct {
	IPSet
	// isPlainFile: it is a file of ip.allow_files or ip.block_files.
	isPlainFile  bool
	listDatabase func(data string) (string, error) // for the format mmdb
	current      atomic.Pointer[addresses]
}

// addresses are the content of a set.
type addresses struct {
	*ipset.Set
	report  ipset.Report
	updated time.Time
}

// maxSetBytes bounds a set that is fetched, after it is unpacked: two million
// addresses are 30 MB, and a bomb must not fill the gigabyte that a virtual
// machine of Envoy has.
const maxSetBytes = 64 << 20

// wanted, file, state, update and confirm implement source.
func (s *addressSet) wanted() Feed {
	return Feed{s.Name, s.URL, s.Cluster, s.RefreshSeconds, maxSetBytes, s.current.Load() != nil}
}

func (s *addressSet) file() string { return s.File }

func (s *addressSet) state() FeedState {
	state := FeedState{Name: s.Name}
	if now := s.current.Load(); now != nil {
		state.Updated, state.Entries, state.BadLines = now.updated, now.Len(), now.report.Bad
	}
	return state
}

func (s *addressSet) confirm(at time.Time) {
	if now := s.current.Load(); now != nil {
		confirmed := *now
		confirmed.updated = at
		s.current.CompareAndSwap(now, &confirmed)
	}
}

// defaultEntryScore is that of a critical rule in CRS.
const defaultEntryScore = 5

// update reads a text. One from a URL must be signed if the policy has a key,
// and must not be empty: an empty answer is an outage more often than good news.
func (s *addressSet) update(text string, at, now time.Time) error {
	o := s.options(now)
	if s.URL != "" {
		o.Name = s.URL
		var err error
		if text, err = verified(s.PublicKey, text); err != nil {
			return errors.New(s.URL + ": " + err.Error())
		}
	}
	set, report, err := s.parse(text, o)
	if err != nil {
		return err
	}
	if s.URL != "" && set.Len() == 0 {
		return errors.New(s.URL + ": the text has no entry")
	}
	s.current.Store(&addresses{set, report, at})
	return nil
}

// parse reads a text, or a database.
func (s *addressSet) parse(text string, o ipset.Options) (*ipset.Set, ipset.Report, error) {
	if s.Format == ipset.FormatMMDB {
		list, err := s.listDatabase(text)
		if err != nil {
			return nil, ipset.Report{}, errors.New(o.Name + ": " + err.Error())
		}
		text, o.Format = list, ipset.FormatList
	}
	return ipset.Parse(text, o)
}

func (s *addressSet) options(now time.Time) ipset.Options {
	return ipset.Options{
		Name: or(s.File, s.Name), Source: s.Name, Format: s.Format, Columns: ipset.Columns(s.Columns), BadLines: s.BadLines,
		Score: or(s.Score, defaultEntryScore), Category: s.Category, MinScore: s.MinScore, Now: now,
	}
}

// signatureMark begins the last line of a signed text. The signature stands in
// the text itself, because two files would be fetched at two moments. To every
// format but JSON the line is a comment.
const signatureMark = "\n# signature: "

// verified cuts the signature off a text and checks it, if there is a key.
func verified(key, text string) (string, error) {
	if key == "" {
		return text, nil
	}
	public, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return "", errors.New("public_key is no Ed25519 key") // validate has said so
	}
	at := strings.LastIndex(text, signatureMark)
	if at < 0 {
		return "", errors.New(`the text has no signature: its last line must be "# signature: " and 64 bytes in Base64`)
	}
	signed := text[:at+1] // the line end belongs to the text
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text[at+len(signatureMark):]))
	if err != nil || !ed25519.Verify(public, []byte(signed), signature) {
		return "", errors.New("the signature is not that of public_key over the bytes before it")
	}
	return signed, nil
}

// setLoader makes the sets of a policy, each once.
type setLoader struct {
	policy *Policy
	files  fs.FS
	now    time.Time
	byName map[string]*addressSet
	all    []*addressSet
	// listDatabase is Engine.listDatabase.
	listDatabase func(data string) (string, error)
}

func newSetLoader(policy *Policy, files fs.FS, now time.Time) *setLoader {
	return &setLoader{policy: policy, files: files, now: now, byName: map[string]*addressSet{}}
}

// named makes the sets of ip_sets.
func (l *setLoader) named() error {
	for i, spec := range l.policy.IPSets {
		if err := l.load(&addressSet{IPSet: spec}, at("ip_sets", i)); err != nil {
			return err
		}
	}
	return nil
}

// load gives a set its first content: what the policy says, or its file. A set
// with a URL begins without, and has nothing yet.
func (l *setLoader) load(s *addressSet, path string) error {
	s.RefreshSeconds = or(s.RefreshSeconds, defaultRefreshSeconds)
	s.listDatabase = l.listDatabase
	l.byName[s.Name], l.all = s, append(l.all, s)
	if s.Format == ipset.FormatMMDB && s.listDatabase == nil {
		return l.policy.errorAt(path+".format", path+".format mmdb is read by the native program only",
			"in Envoy, have its filter envoy.filters.http.geoip set geo.anonymous_header, and use block_anonymous")
	}
	switch {
	case s.File != "":
		return l.loadFile(s, path+".file")
	case s.Text != "":
		return l.loadText(s, path+".text")
	case len(s.Entries) > 0:
		set, err := l.entries(path+".entries", s.Name, s.Entries, s.options(l.now))
		if err != nil {
			return err
		}
		s.current.Store(&addresses{Set: set, updated: l.now})
	}
	return nil
}

func (l *setLoader) loadFile(s *addressSet, path string) error {
	text, err := fs.ReadFile(l.files, s.File)
	if err != nil {
		return l.policy.errorAt(path, "address set "+strconv.Quote(s.File)+" cannot be read", "it is looked for below the policy's folder and the rules")
	}
	set, report, err := s.parse(string(text), s.options(l.now))
	if err != nil {
		return err
	}
	s.current.Store(&addresses{set, report, l.now})
	return nil
}

// loadText reads a text in the policy; the places of its errors are those in
// the policy.
func (l *setLoader) loadText(s *addressSet, path string) error {
	set, report, err := ipset.Parse(s.Text, s.options(l.now))
	var bad *ipset.Error
	if errors.As(err, &bad) {
		at := l.policy.placeIn(path, seclang.Position{Line: bad.Line, Col: bad.Col})
		return &seclang.Error{Pos: at, Msg: bad.Msg}
	}
	s.current.Store(&addresses{set, report, l.now})
	return err
}

// entries makes a set of a list in the policy, each entry with its own place.
func (l *setLoader) entries(path, source string, list []string, o ipset.Options) (*ipset.Set, error) {
	var b ipset.Builder
	for i, entry := range list {
		pos := l.policy.origin.at(at(path, i))
		o.Source = source
		if err := b.AddEntry(pos.File, pos.Line, pos.Col, entry, o); err != nil {
			return nil, err
		}
	}
	return b.Set(), nil
}

// uses gives what a route does about which sets: first the lists and files of
// its own ip, then the sets of ip_sets.
func (l *setLoader) uses(ip IP, path string) ([]ipUse, error) {
	var out []ipUse
	for _, part := range []struct {
		name    string
		action  ipset.Action
		entries []string
		files   []string
	}{{"allow", ipset.Allow, ip.Allow, ip.AllowFiles}, {"block", ipset.Block, ip.Block, ip.BlockFiles}} {
		if len(part.entries) > 0 {
			set, err := l.inline(path+"."+part.name, part.entries)
			if err != nil {
				return nil, err
			}
			out = append(out, ipUse{set, part.action})
		}
		for i, name := range part.files {
			set, err := l.file(name, at(path+"."+part.name+"_files", i))
			if err != nil {
				return nil, err
			}
			out = append(out, ipUse{set, part.action})
		}
	}
	for _, use := range ip.Sets {
		out = append(out, ipUse{l.byName[use.Set], use.Action})
	}
	return out, nil
}

// inline makes the set of a list in ip. Routes without an ip of their own share
// the policy's.
func (l *setLoader) inline(path string, entries []string) (*addressSet, error) {
	key := "list " + path // no set of ip_sets has a blank in its name
	if s, ok := l.byName[key]; ok {
		return s, nil
	}
	set, err := l.entries(path, path, entries, ipset.Options{Score: defaultEntryScore, Now: l.now})
	if err != nil {
		return nil, err
	}
	s := &addressSet{IPSet: IPSet{Name: path}}
	s.current.Store(&addresses{Set: set, updated: l.now})
	l.byName[key] = s
	return s, nil
}

// file makes the set of a file in ip, which its path names.
func (l *setLoader) file(name, path string) (*addressSet, error) {
	switch s, ok := l.byName[name]; {
	case ok && s.isPlainFile:
		return s, nil
	case ok: // rules, metrics and TakeFeed could not tell the two apart
		return nil, l.policy.errorAt(path, path+" names a file that is called like a set of ip_sets: "+strconv.Quote(name), "give the set another name")
	}
	s := &addressSet{IPSet: IPSet{Name: name, File: name, RefreshSeconds: defaultRefreshSeconds}, isPlainFile: true}
	l.byName[name], l.all = s, append(l.all, s)
	return s, l.loadFile(s, path)
}
