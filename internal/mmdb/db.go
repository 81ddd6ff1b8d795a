package mmdb

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"tabard/engine"
)

// maxFileBytes bounds a database: those of cities with all their names have some
// hundred megabytes, and the file is held in memory.
const maxFileBytes = 1 << 30

// record is what is read of an entry, by the names that MaxMind gives them in
// its databases of countries, cities, networks and anonymizing networks. Envoy's
// geoip filter reads the same ones.
type record struct {
	Country struct {
		Code string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	ASN         uint32 `maxminddb:"autonomous_system_number"`
	Anonymous   bool   `maxminddb:"is_anonymous"`
	VPN         bool   `maxminddb:"is_anonymous_vpn"`
	Hosting     bool   `maxminddb:"is_hosting_provider"`
	Proxy       bool   `maxminddb:"is_public_proxy"`
	Residential bool   `maxminddb:"is_residential_proxy"`
	Tor         bool   `maxminddb:"is_tor_exit_node"`
}

// DB is one database. It is immutable and safe for concurrent use.
type DB struct {
	name   string
	reader *maxminddb.Reader
	// places are what the records say, by their offsets in the file: decoding one
	// for each request would take four times as long as finding it.
	places map[uintptr]engine.Geo
}

// Open reads a file. Errors name it.
func Open(file string) (*DB, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxFileBytes:
		return nil, fmt.Errorf("%s has more than %d bytes", file, maxFileBytes)
	}
	return Parse(file, data)
}

// Parse reads the bytes of a database, which it keeps; name is for errors. A
// database of which no record says a country, a network or that it is anonymous
// is an error, too: it would answer nothing.
func Parse(name string, data []byte) (*DB, error) {
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("%s is no MaxMind database: %w", name, err)
	}
	db := &DB{name: name, reader: reader, places: map[uintptr]engine.Geo{}}
	useful := false
	codes := map[string]string{} // of which there are 250
	err = db.each(func(at uintptr, _ netip.Prefix, r record) {
		useful = useful || r != record{}
		if _, ok := codes[r.Country.Code]; !ok {
			codes[r.Country.Code] = r.Country.Code
		}
		db.places[at] = engine.Geo{Country: codes[r.Country.Code], ASN: r.ASN, Anonymous: r.Anonymous}
	})
	if err == nil && !useful {
		err = fmt.Errorf("%s (%s) has nothing to tell: no record of it has country.iso_code, autonomous_system_number or is_anonymous", name, reader.Metadata.DatabaseType)
	}
	return db, err
}

// errNoTree is for a search tree that leads to the same node on several ways,
// which could take longer to walk than there is time.
var errNoTree = errors.New("its search tree has more leaves than nodes")

// each gives every network that has a record, IPv4 as IPv4, and where the record
// is.
func (d *DB) each(take func(at uintptr, network netip.Prefix, r record)) error {
	known := map[uintptr]record{} // many networks share a record
	leaves := uint(0)
	for found := range d.reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if leaves++; leaves > d.reader.Metadata.NodeCount+1 {
			return fmt.Errorf("%s is broken: %w", d.name, errNoTree)
		}
		if err := found.Err(); err != nil {
			return fmt.Errorf("%s is broken: %w", d.name, err)
		}
		if !found.Found() {
			continue
		}
		r, ok := known[found.Offset()]
		if !ok {
			if err := found.Decode(&r); err != nil {
				return fmt.Errorf("%s is broken at %s: %w", d.name, found.Prefix(), err)
			}
			known[found.Offset()] = r
		}
		take(found.Offset(), found.Prefix(), r)
	}
	return nil
}

// Find says what the database knows of an address: the zero Geo when nothing.
func (d *DB) Find(client netip.Addr) engine.Geo {
	if !client.IsValid() {
		return engine.Geo{}
	}
	found := d.reader.Lookup(client.Unmap())
	if !found.Found() {
		return engine.Geo{}
	}
	return d.places[found.Offset()]
}

// Built is when the database was made.
func (d *DB) Built() time.Time { return d.reader.Metadata.BuildTime() }
