package operators

import (
	"errors"
	"io/fs"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

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
// Files of one address, CIDR prefix or range a line, each as allow=FILE or
// block=FILE, below the WAF's root or beside the rule. A file that is not there
// and a bad line are errors with their places. The files are read once; sets
// that change while the engine runs are the policy's (ip_sets), which rules see
// as TX:tabard_ip and its kin.
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
	files []usedSet
}

// usedSet is one file of the argument and what it holds.
type usedSet struct {
	setFile
	set *ipset.Set
}

var _ plugintypes.Operator = (*ipReputation)(nil)

func newIPReputation(options plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	files, err := parseSetFiles(options.Arguments)
	if err != nil {
		return nil, err
	}
	o := &ipReputation{}
	for _, f := range files {
		set, err := findSet(options, f.name)
		if err != nil {
			return nil, err
		}
		o.files = append(o.files, usedSet{f, set})
	}
	return o, nil
}

// Evaluate judges one address.
func (o *ipReputation) Evaluate(tx plugintypes.TransactionState, value string) bool {
	addr, err := netip.ParseAddr(value)
	if err != nil {
		return false
	}
	var d ipset.Decision
	for _, f := range o.files {
		// What an entry says about its end counts when the file is read.
		if m, ok := f.set.Lookup(addr, time.Time{}); ok {
			d.Add(f.name, f.action, m)
		}
	}
	if d.Action != ipset.Block {
		return false
	}
	if tx.Capturing() {
		tx.CaptureField(0, d.By.Prefix.String()+" in "+d.By.Source)
	}
	return true
}

// setFile names one file of the argument.
type setFile struct {
	action ipset.Action
	name   string
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

// findSet reads a file from the root, or else from the folders where Coraza
// looks for data files.
func findSet(options plugintypes.OperatorOptions, name string) (*ipset.Set, error) {
	if options.Root == nil {
		return nil, errors.New("@ipReputation needs a file system for " + strconv.Quote(name) + ": give the WAF a root")
	}
	shared := sharedOf(options.Root)
	for _, dir := range append([]string{""}, options.Path...) {
		file := path.Join(dir, name)
		set, err := shared.set(file, func() (string, error) {
			text, err := fs.ReadFile(options.Root, file)
			return string(text), err
		})
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
			return set, err
		}
	}
	return nil, errors.New("@ipReputation: there is no file " + strconv.Quote(name) + ", neither below the root nor beside the rule")
}
