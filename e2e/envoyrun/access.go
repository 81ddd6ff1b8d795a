package envoyrun

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"tabard/e2e/function"
)

// accessFile is where Envoy writes its access log.
const accessFile = "access.log"

// caseField is the field of the access log with the request's case header.
const caseField = "case"

// logCase has the access log name the case that an exchange belongs to.
func logCase(manager Tree) {
	manager.At("access_log", 0, "typed_config", "log_format", "json_format")[caseField] = "%REQ(" + function.CaseHeader + ")%"
}

// accessLog is what has been read of the access log so far.
type accessLog struct {
	offset int64
	rest   []byte // an unfinished line
	byCase map[string]map[string]any
}

// AccessLine waits for the access log's line about the last exchange with a
// case header, and returns its fields.
func (e *Envoy) AccessLine(ctx context.Context, name string) (fields map[string]any, err error) {
	var failed error
	err = e.WaitFor(ctx, func() bool {
		fields, failed = e.accessLine(name)
		return fields != nil || failed != nil
	})
	if failed != nil {
		err = failed
	}
	if err != nil {
		return nil, fmt.Errorf("access log, case %s: %w", name, err)
	}
	return fields, nil
}

func (e *Envoy) accessLine(name string) (map[string]any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if fields, ok := e.access.byCase[name]; ok {
		return fields, nil
	}
	if err := e.access.read(e.path(accessFile)); err != nil {
		return nil, err
	}
	return e.access.byCase[name], nil
}

// read takes in what has been added since the last time, so that a run of
// thousands of exchanges reads each line once.
func (l *accessLog) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(l.offset, io.SeekStart); err != nil {
		return err
	}
	added, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	l.offset += int64(len(added))
	l.rest = append(l.rest, added...)
	if l.byCase == nil {
		l.byCase = map[string]map[string]any{}
	}
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return nil
		}
		l.rest = rest
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		if name, ok := fields[caseField].(string); ok {
			l.byCase[name] = fields
		}
	}
}
