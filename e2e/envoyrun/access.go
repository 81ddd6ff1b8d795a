package envoyrun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// accessFile is where Envoy writes its access log.
const accessFile = "access.log"

// CaseHeader names the request header that tells whose an exchange is, in the
// access log and to a function.
const CaseHeader = "X-Case"

// caseField is the field of the access log with the request's case header.
const caseField = "case"

// logCase has the access log name the case that an exchange belongs to.
func logCase(manager Tree) {
	manager.At("access_log", 0, "typed_config", "log_format", "json_format")[caseField] = "%REQ(" + CaseHeader + ")%"
}

// accessLog is what has been read of the access log so far.
type accessLog struct {
	tail
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

// read takes in what has been added since the last time.
func (l *accessLog) read(path string) error {
	if l.byCase == nil {
		l.byCase = map[string]map[string]any{}
	}
	return l.each(path, func(line []byte) error {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		if name, ok := fields[caseField].(string); ok {
			l.byCase[name] = fields
		}
		return nil
	})
}

// auditLog is what has been read of the filter's audit lines so far.
type auditLog struct {
	tail
	byTransaction map[string]string
}

// auditMark is in each audit line.
var auditMark = []byte("tabard audit {")

// AuditLine waits for the audit line about a transaction. There is none about
// an exchange that no rule matched.
func (e *Envoy) AuditLine(ctx context.Context, transaction string) (line string, err error) {
	var failed error
	err = e.WaitFor(ctx, func() bool {
		line, failed = e.auditLine(transaction)
		return line != "" || failed != nil
	})
	if err = errors.Join(failed, err); err != nil {
		return "", fmt.Errorf("audit line of %s: %w", transaction, err)
	}
	return line, nil
}

func (e *Envoy) auditLine(transaction string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.audit.byTransaction == nil {
		e.audit.byTransaction = map[string]string{}
	}
	err := e.audit.each(e.path("envoy.log"), func(line []byte) error {
		at := bytes.Index(line, auditMark)
		if at < 0 {
			return nil
		}
		line = line[at+len(auditMark)-1:]
		var fields struct {
			TransactionID string `json:"transaction_id"`
		}
		if err := json.NewDecoder(bytes.NewReader(line)).Decode(&fields); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		e.audit.byTransaction[fields.TransactionID] = string(line)
		return nil
	})
	return e.audit.byTransaction[transaction], err
}

// tail reads a file that grows, each line once.
type tail struct {
	offset int64
	rest   []byte // an unfinished line
}

// each gives the lines that have been added since the last time.
func (l *tail) each(path string, take func(line []byte) error) error {
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
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return nil
		}
		l.rest = rest
		if err := take(line); err != nil {
			return err
		}
	}
}
