package replay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// detect looks at the start of a source. It decides by the first line where
// that is enough, so that a stream need not bring more before it is read;
// otherwise by the first detectBytes.
func detect(b *bufio.Reader) (Format, error) {
	for want := 1; ; {
		_, err := b.Peek(want)
		start, _ := b.Peek(b.Buffered()) // there is no error in what is there
		if len(start) == 0 && !errors.Is(err, io.EOF) {
			return "", err // an error behind some text is met again where it is
		}
		if f := detectMagic(start); f != "" {
			return f, nil
		}
		start = bytes.TrimLeft(start, " \t\r\n")
		if line, _, whole := bytes.Cut(start, []byte("\n")); whole {
			if f := detectLine(bytes.TrimRight(line, " \t\r")); f != "" {
				return f, nil
			}
		}
		if want = b.Buffered() + 1; err != nil || want > detectBytes {
			return detectText(start)
		}
	}
}

// detectMagic tells a binary format by its first bytes, or gives "".
func detectMagic(start []byte) Format {
	for _, k := range kinds {
		for _, magic := range k.magic {
			if bytes.HasPrefix(start, []byte(magic)) {
				return k.name
			}
		}
	}
	return ""
}

// detectLine tells the format by a first line, or gives "".
func detectLine(line []byte) Format {
	for _, k := range kinds {
		if k.line != nil && k.line(line) {
			return k.name
		}
	}
	return ""
}

// detectText tells the format by a start whose first line does not. The first
// lines of a log may be cut or not its own.
func detectText(start []byte) (Format, error) {
	if len(start) == 0 {
		return empty, nil
	}
	if line := bytes.TrimRight(start, " \t\r\n"); bytes.IndexByte(line, '\n') < 0 && detectLine(line) != "" {
		return detectLine(line), nil // one line without its end
	}
	for _, k := range kinds {
		if k.text != nil && k.text(start) {
			return k.name, nil
		}
	}
	for line := range bytes.Lines(start) {
		if isLogLine(bytes.TrimRight(line, "\r\n")) {
			return AccessLog, nil
		}
	}
	return "", ErrUnknownFormat
}

func isLogLine(line []byte) bool {
	_, err := parseAccessLog(string(line), DefaultHost)
	return !errors.Is(err, errNoLogLine)
}

// isJSONObject says that a line is one whole object, as far as its ends tell.
func isJSONObject(line []byte) bool {
	return bytes.HasPrefix(line, []byte("{")) && bytes.HasSuffix(line, []byte("}"))
}

// isHARLine: the archive is one line.
func isHARLine(line []byte) bool { return isJSONObject(line) && firstKey(line) == "log" }

// isHARText: an archive may have something in front of its log.
func isHARText(start []byte) bool {
	return start[0] == '{' &&
		(firstKey(start) == "log" || bytes.Contains(start, []byte(`"log"`)) && bytes.Contains(start, []byte(`"entries"`)))
}

// firstKey is the first key of a JSON object.
func firstKey(object []byte) string {
	key, _, _ := bytes.Cut(object[1:], []byte(":"))
	return string(bytes.Trim(bytes.TrimSpace(key), `"`))
}

// hasKeys says that a JSON text has all those keys, at whatever depth. That is
// cheap, and enough for keys that no other format has.
func hasKeys(object []byte, keys ...string) bool {
	for _, key := range keys {
		if !bytes.Contains(object, []byte(`"`+key+`"`)) {
			return false
		}
	}
	return isJSONObject(object)
}
