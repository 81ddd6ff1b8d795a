package operators

import (
	"errors"
	"hash/maphash"
	"io/fs"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"

	"tabard/engine/ipset"
)

// ipReputation is the operator @ipReputation.
//
// Description:
// Looks an address up in sets of addresses. The longest prefix that holds it
// decides; when it is both allowed and blocked, allow wins.
//
// Arguments:
// Files of one address or CIDR prefix a line, each as allow=FILE or
// block=FILE, below the WAF's root or beside the rule. A file that is not there
// is an error, unless its name begins with "@": those are written by the engine
// and left out when the policy has no such set. A bad line is an error with
// its place.
//
// Returns:
// true if the address is blocked. TX:0 then names the prefix and the file, if
// the rule captures. A value that is no address is in no set.
//
// Example:
//
//	SecRule REMOTE_ADDR "@ipReputation allow=office.txt block=feeds/bad.txt" \
//	    "id:1,phase:1,deny,status:403,capture,msg:'Blocked address: %{TX.0}'"
type ipReputation struct {
	set *ipset.Set
}

var _ plugintypes.Operator = (*ipReputation)(nil)

func newIPReputation(options plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	files, err := parseSetFiles(options.Arguments)
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		if files[i].text, err = readSetFile(options, f.name); err != nil {
			return nil, err
		}
	}
	build := func() (any, error) { return buildSet(files) }
	var set any
	if options.Memoizer == nil {
		set, err = build()
	} else {
		// Routes that differ in other things share their sets.
		set, err = options.Memoizer.Do(memoKey(files), build)
	}
	if err != nil {
		return nil, err
	}
	return &ipReputation{set: set.(*ipset.Set)}, nil
}

// Evaluate judges one address.
func (o *ipReputation) Evaluate(tx plugintypes.TransactionState, value string) bool {
	addr, err := netip.ParseAddr(value)
	if err != nil {
		return false
	}
	m, found := o.set.Lookup(addr)
	if !found || m.Action == ipset.Allow {
		return false
	}
	if tx.Capturing() {
		tx.CaptureField(0, m.Prefix.String()+" in "+m.Source)
	}
	return true
}

// setFile is one file of the argument.
type setFile struct {
	action     ipset.Action
	name, text string
}

func parseSetFiles(argument string) ([]setFile, error) {
	var files []setFile
	for word := range strings.FieldsSeq(argument) {
		action, name, _ := strings.Cut(word, "=")
		f := setFile{name: name, action: ipset.Block}
		if action == "allow" {
			f.action = ipset.Allow
		} else if action != "block" {
			name = ""
		}
		if name == "" {
			return nil, errors.New("@ipReputation: cannot read " + strconv.Quote(word) + ": write allow=FILE or block=FILE")
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, errors.New("@ipReputation names no file: write allow=FILE or block=FILE")
	}
	return files, nil
}

// readSetFile reads a file from the root, or else from the folders where Coraza
// looks for data files.
func readSetFile(options plugintypes.OperatorOptions, name string) (string, error) {
	if options.Root == nil {
		return "", errors.New("@ipReputation needs a file system for " + strconv.Quote(name) + ": give the WAF a root")
	}
	for _, dir := range append([]string{""}, options.Path...) {
		text, err := fs.ReadFile(options.Root, path.Join(dir, name))
		switch {
		case err == nil:
			return string(text), nil
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid):
			return "", errors.New("@ipReputation: cannot read " + strconv.Quote(name) + ": " + err.Error())
		}
	}
	if strings.HasPrefix(name, "@") {
		return "", nil
	}
	return "", errors.New("@ipReputation: there is no file " + strconv.Quote(name) + ", neither below the root nor beside the rule")
}

func buildSet(files []setFile) (*ipset.Set, error) {
	var b ipset.Builder
	for _, f := range files {
		if err := b.Add(f.name, f.text, f.action); err != nil {
			return nil, err
		}
	}
	return b.Set(), nil
}

// seeds make the hash of memoKey unforgeable for whoever writes a feed.
var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// memoKey names the files and what is in them.
func memoKey(files []setFile) string {
	var key strings.Builder
	key.WriteString("ipReputation")
	for _, f := range files {
		key.WriteString("\x00" + f.action.String() + f.name + "\x00" + strconv.Itoa(len(f.text)))
		for _, seed := range seeds {
			key.WriteString("\x00" + strconv.FormatUint(maphash.String(seed, f.text), 16))
		}
	}
	return key.String()
}
