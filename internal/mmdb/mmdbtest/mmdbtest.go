// Package mmdbtest writes small databases in MaxMind's format, from which tests
// of the verdict on one HTTP exchange learn where its client is.
package mmdbtest

import (
	"bytes"
	"net"
	"os"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// Record is what a database says about a network: only fields that are set are
// written.
type Record struct {
	// Country is its ISO 3166 code.
	Country string
	// ASN is its autonomous system's number.
	ASN uint32
	// Flags are the names of booleans that are true, such as is_anonymous.
	Flags []string
}

func (r Record) value() mmdbtype.Map {
	out := mmdbtype.Map{}
	if r.Country != "" {
		out["country"] = mmdbtype.Map{"iso_code": mmdbtype.String(r.Country)}
	}
	if r.ASN != 0 {
		out["autonomous_system_number"] = mmdbtype.Uint32(r.ASN)
	}
	for _, name := range r.Flags {
		out[mmdbtype.String(name)] = mmdbtype.Bool(true)
	}
	return out
}

// Bytes makes a database of a kind, such as GeoLite2-Country, of records by their
// CIDR prefixes. It was built at a time, in Unix seconds.
func Bytes(kind string, built int64, records map[string]Record) ([]byte, error) {
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, BuildEpoch: built, RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		return nil, err
	}
	// Wide networks go first: the writer has the last one win.
	for bits := range 129 {
		for cidr, r := range records {
			_, network, err := net.ParseCIDR(cidr)
			if err != nil {
				return nil, err
			}
			if ones, _ := network.Mask.Size(); ones != bits {
				continue
			}
			if err := w.Insert(network, r.value()); err != nil {
				return nil, err
			}
		}
	}
	var out bytes.Buffer
	_, err = w.WriteTo(&out)
	return out.Bytes(), err
}

// Write writes such a database to a file, in one step: what reads it sees the
// old file or the new one.
func Write(file, kind string, built int64, records map[string]Record) error {
	data, err := Bytes(kind, built, records)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".part", data, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".part", file)
}
