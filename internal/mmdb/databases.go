package mmdb

import (
	"net/netip"
	"sync/atomic"
	"time"

	"tabard/engine"
)

// Databases are the files of a policy, each of which can be read anew while
// requests are judged. They are safe for concurrent use.
type Databases struct {
	files   []string
	current []atomic.Pointer[DB]
}

// Load reads files. The error is that of the first one that cannot be used.
func Load(files []string) (*Databases, error) {
	d := &Databases{files: files, current: make([]atomic.Pointer[DB], len(files))}
	for _, file := range files {
		if err := d.Reload(file); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Reload reads a file anew. After an error what was read before stays.
func (d *Databases) Reload(file string) error {
	db, err := Open(file)
	if err != nil {
		return err
	}
	for i := range d.files {
		if d.files[i] == file {
			d.current[i].Store(db)
		}
	}
	return nil
}

// Find puts together what the databases say about an address: of several that
// know its country or its network, the first counts. It is for engine.WithGeo.
func (d *Databases) Find(client netip.Addr) (found engine.Geo) {
	for i := range d.current {
		g := d.current[i].Load().Find(client)
		if found.Country == "" {
			found.Country = g.Country
		}
		if found.ASN == 0 {
			found.ASN = g.ASN
		}
		found.Anonymous = found.Anonymous || g.Anonymous
	}
	return found
}

// Files are the names of the files, as given to Load.
func (d *Databases) Files() []string { return d.files }

// Built is when a file's database was made; zero for a file that is not among
// Files.
func (d *Databases) Built(file string) time.Time {
	for i := range d.files {
		if d.files[i] == file {
			return d.current[i].Load().Built()
		}
	}
	return time.Time{}
}
