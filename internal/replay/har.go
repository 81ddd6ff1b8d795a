package replay

import (
	"encoding/json"
	"errors"
	"io"
)

// harReader reads the entries of an HTTP Archive one by one, wherever
// log.entries stands in the file (Firebug writes it before the version).
//
// What browsers write differently is evened out. Chrome writes HTTP/2's
// pseudo-headers among the headers and joins repeated response headers by line
// feeds; Firefox leaves httpVersion empty for what came out of its cache;
// Safari writes "h2"; each may leave out bodies and cookies. An archive keeps
// text, not bytes: headers and bodies become UTF-8, except what is marked as
// base64.
type harReader struct {
	json    jsonScanner
	file    string
	entry   int
	entered bool
	done    bool
}

// Next implements Reader.
func (r *harReader) Next() (Record, error) {
	if r.done {
		return Record{}, io.EOF
	}
	if !r.entered {
		if err := r.enter(); err != nil {
			return Record{}, r.stop(r.position(), err)
		}
		r.entered = true
	}
	more, err := r.separator()
	if err != nil {
		return Record{}, r.stop(r.position(), err)
	}
	if !more {
		r.done = true
		return Record{}, io.EOF
	}
	r.entry++
	at := r.position()
	raw, err := r.json.value(maxEntryBytes)
	if errors.Is(err, errTooLong) {
		return Record{}, &EntryError{at, err.Error()}
	}
	if err != nil {
		return Record{}, r.stop(at, err)
	}
	return Record{Position: at, text: raw, parse: parseHAR, bytes: len(raw)}, nil
}

func (r *harReader) position() Position {
	return Position{File: r.file, Entry: r.entry, Offset: r.json.offset}
}

// stop ends the archive. JSON that is broken between or inside of entries is a
// broken entry; a source that cannot be read is another matter.
func (r *harReader) stop(at Position, err error) error {
	r.done = true
	var fault jsonFault
	if errors.As(err, &fault) {
		return &EntryError{at, err.Error() + "; nothing behind it is read"}
	}
	return err
}

// enter moves to the first element of log.entries.
func (r *harReader) enter() error {
	for _, key := range []string{"log", "entries"} {
		if err := r.json.expect('{'); err != nil {
			return err
		}
		if err := r.find(key); err != nil {
			return err
		}
	}
	return r.json.expect('[')
}

// maxKeyBytes is far above every key of the format.
const maxKeyBytes = 4096

// find skips the members of an object up to the value of key.
func (r *harReader) find(key string) error {
	for {
		raw, err := r.json.value(maxKeyBytes)
		if err != nil {
			return err
		}
		if err := r.json.expect(':'); err != nil {
			return err
		}
		var name string
		if json.Unmarshal(raw, &name) == nil && name == key {
			return nil
		}
		if _, err := r.json.value(0); err != nil && !errors.Is(err, errTooLong) {
			return err
		}
		c, err := r.json.next()
		if err != nil {
			return err
		}
		if c == '}' {
			return jsonFault("not an HTTP archive: there is no " + key)
		}
		if err := r.json.expect(','); err != nil {
			return err
		}
	}
}

// separator consumes what stands before the next element, and says whether
// there is one.
func (r *harReader) separator() (more bool, err error) {
	c, err := r.json.next()
	if err != nil || c == ']' {
		return false, err
	}
	if r.entry > 0 {
		err = r.json.expect(',')
	}
	if err == nil {
		_, err = r.json.next()
	}
	return err == nil, err
}
