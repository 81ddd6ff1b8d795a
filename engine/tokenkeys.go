package engine

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tabard/engine/jwt"
)

const (
	// keySetName begins the names of key sets as feeds; no address set may be
	// called so.
	keySetName = "jwks"
	// maxKeySetBytes bounds a key set that is fetched: those of the largest
	// identity providers, with their certificates, are below 40 KB.
	maxKeySetBytes = 256 << 10
	// defaultKeysRefreshSeconds: issuers publish a key some hours before they sign
	// with it, and five minutes also do for those that do not.
	defaultKeysRefreshSeconds = 300
)

// keySet is the key set of one or more routes while the engine runs. Its content
// can be replaced at any time: a token is verified by one content.
type keySet struct {
	feed    Feed   // without a URL nothing is fetched
	from    string // the file, or ""
	current atomic.Pointer[knownKeys]
}

// knownKeys are the content of a key set.
type knownKeys struct {
	*jwt.Keys
	updated time.Time
}

// wanted, file, state, update and confirm implement source.
func (s *keySet) wanted() Feed {
	f := s.feed
	f.Begun = s.current.Load() != nil
	return f
}

func (s *keySet) file() string { return s.from }

func (s *keySet) state() FeedState {
	state := FeedState{Name: s.feed.Name}
	if now := s.current.Load(); now != nil {
		state.Updated, state.Entries = now.updated, now.Len()
	}
	return state
}

func (s *keySet) update(text string, at, _ time.Time) error {
	keys, err := s.read(text)
	if err != nil {
		return errors.New(or(s.feed.URL, s.from) + ": " + err.Error())
	}
	s.current.Store(&knownKeys{keys, at})
	return nil
}

func (s *keySet) confirm(at time.Time) {
	if now := s.current.Load(); now != nil {
		s.current.CompareAndSwap(now, &knownKeys{now.Keys, at})
	}
}

// read parses a text. What a URL gives to everybody must not be secrets: with one
// of them anybody could sign.
func (s *keySet) read(text string) (*jwt.Keys, error) {
	if s.feed.URL == "" {
		return jwt.ParseKeys(text)
	}
	if len(text) > maxKeySetBytes {
		return nil, errors.New("the key set has more than " + strconv.Itoa(maxKeySetBytes) + " bytes")
	}
	keys, err := jwt.ParseKeys(text)
	if err == nil && keys.Symmetric() {
		err = errors.New("the keys are secrets (oct): a set that is fetched must have public keys")
	}
	return keys, err
}

// keys are those to verify with now; nil when none are known yet.
func (s *keySet) keys() *jwt.Keys {
	if now := s.current.Load(); now != nil {
		return now.Keys
	}
	return nil
}

// keyLoader makes the key sets of a policy. Routes that ask for the same share
// one, and what it remembers.
type keyLoader struct {
	policy *Policy
	files  fs.FS
	now    time.Time
	known  map[string]*keySet
	all    []*keySet
}

// load gives the key set of some settings; nil when they have none.
func (l *keyLoader) load(s settings) (*keySet, error) {
	from := s.jwt.KeysFrom
	if s.jwt.Keys == "" && s.jwt.KeysFile == "" && from.URL == "" {
		return nil, nil
	}
	key := strings.Join([]string{s.jwt.Keys, s.jwt.KeysFile, from.URL, from.Cluster, strconv.Itoa(from.RefreshSeconds)}, "\x00")
	if set, ok := l.known[key]; ok {
		return set, nil
	}
	set := &keySet{from: s.jwt.KeysFile, feed: Feed{
		Name: keySetName, URL: from.URL, Cluster: from.Cluster,
		RefreshSeconds: or(from.RefreshSeconds, defaultKeysRefreshSeconds), MaxBytes: maxKeySetBytes,
	}}
	if s.jwtPath != "jwt" {
		set.feed.Name += "." + s.route
	}
	if err := l.begin(set, s); err != nil {
		return nil, err
	}
	if l.known == nil {
		l.known = map[string]*keySet{}
	}
	l.known[key], l.all = set, append(l.all, set)
	return set, nil
}

// begin gives a set what the policy or a file says.
func (l *keyLoader) begin(set *keySet, s settings) error {
	text, path := s.jwt.Keys, s.jwtPath+".keys"
	if set.from != "" {
		path = s.jwtPath + ".keys_file"
		file, err := fs.ReadFile(l.files, set.from)
		if err != nil {
			return l.policy.errorAt(path, "key set "+strconv.Quote(set.from)+" cannot be read", "it is looked for below the policy's folder and the rules")
		}
		text = string(file)
	} else if text == "" {
		return nil
	}
	keys, err := set.read(text)
	if err != nil {
		return l.policy.errorAt(path, path+": "+err.Error(), "")
	}
	set.current.Store(&knownKeys{keys, l.now})
	return nil
}

// Offline says whether the policy can be judged by where nothing is fetched. The
// error is the place of a key set that only a URL gives: without it every token
// would be refused, or none.
func (p *Policy) Offline() error {
	for _, s := range p.variants() {
		if s.jwt.Mode != JWTOff && s.jwt.KeysFrom.URL != "" && s.jwt.Keys == "" && s.jwt.KeysFile == "" {
			path := s.jwtPath + ".keys_from"
			return p.errorAt(path, path+" is fetched by the filter in Envoy and by tabard serve only", "save the key set to a file and name it in "+s.jwtPath+".keys_file beside it")
		}
	}
	return nil
}
