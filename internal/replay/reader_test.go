package replay

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// readAll returns the entries and the errors of the broken ones.
func readAll(t *testing.T, text string, f Format) (entries []Entry, broken []string) {
	t.Helper()
	r, err := NewReader(strings.NewReader(text), "in", Options{Format: f})
	require.NoError(t, err)
	for {
		record, err := r.Next()
		var e Entry
		if err == nil {
			e, err = record.Entry()
		}
		var entry *EntryError
		switch {
		case errors.Is(err, io.EOF):
			return entries, broken
		case errors.As(err, &entry):
			broken = append(broken, err.Error())
		default:
			require.NoError(t, err)
			entries = append(entries, e)
		}
	}
}

// one returns the only entry of a text.
func one(t *testing.T, text string, f Format) Entry {
	t.Helper()
	entries, broken := readAll(t, text, f)
	require.Empty(t, broken)
	require.Len(t, entries, 1)
	return entries[0]
}

const (
	sampleNDJSON = `{"id":"n","method":"GET","path":"/"}` + "\n"
	sampleHAR    = `{"log":{"version":"1.2","entries":[{"request":{"method":"GET","url":"http://h/"},"response":{}}]}}`
	sampleLog    = `192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 203 "-" "curl/8"` + "\n"
	sampleHTTP   = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
)

func TestTheFormatIsDetectedByContent(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Reader
	}{
		"a line of NDJSON":                         {sampleNDJSON, &lineRecords{}},
		"NDJSON without a line end":                {strings.TrimSpace(sampleNDJSON), &lineRecords{}},
		"NDJSON whose first line talks of a log":   {`{"id":"x","method":"GET","path":"/","log":{"entries":[]}}` + "\n", &lineRecords{}},
		"an archive":                               {sampleHAR, &harReader{}},
		"an archive behind a byte order mark":      {"\xef\xbb\xbf" + sampleHAR, &harReader{}},
		"an archive over many lines":               {strings.ReplaceAll(sampleHAR, "{", "\n{\n "), &harReader{}},
		"an archive with another key in front":     {"{\"comment\":{\n},\n" + sampleHAR[1:], &harReader{}},
		"a combined log":                           {sampleLog, &lineRecords{}},
		"a log whose first line is cut":            {"x/5.0 (X11)\"\n" + sampleLog, &lineRecords{}},
		"a raw request":                            {sampleHTTP, &httpReader{}},
		"a raw request behind empty lines":         {"\r\n\n" + sampleHTTP, &httpReader{}},
		"a raw request with a target of an attack": {"POST /a b<c HTTP/1.0\n\n", &httpReader{}},
		"nothing":     {"", emptyReader{}},
		"blank lines": {" \n\r\n", emptyReader{}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range []string{c.text, zip(c.text), zst(c.text)} {
				r, err := NewReader(strings.NewReader(text), "in", Options{})
				require.NoError(t, err)
				require.IsType(t, c.want, r)
			}
		})
	}
}

func TestAStreamIsDetectedByItsFirstLine(t *testing.T) {
	for text, want := range map[string]Reader{
		sampleNDJSON: &lineRecords{}, sampleLog: &lineRecords{}, sampleHTTP: &httpReader{}, sampleHAR + "\n": &harReader{},
	} {
		in, feed := io.Pipe() // which blocks until somebody reads
		written := make(chan error)
		go func() {
			_, err := io.WriteString(feed, text)
			written <- err
		}()
		r, err := NewReader(in, "in", Options{})
		require.NoError(t, err)
		require.IsType(t, want, r)
		require.NoError(t, <-written)
	}
}

func TestATextOfNoFormatIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"prose":                        "Requests look like this:\nGET / HTTP/1.1\n",
		"a binary":                     "\x7fELF\x02\x01\x01",
		"a response":                   "HTTP/1.1 200 OK\r\n\r\n",
		"a list of entries":            "[{\"method\":\"GET\"}]",
		"a sentence that names HTTP/1": "the client sends HTTP/1.1\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewReader(strings.NewReader(text), "in", Options{})
			require.ErrorIs(t, err, ErrUnknownFormat)
		})
	}
	_, err := NewReader(strings.NewReader("x"), "in", Options{Format: "xml"})
	require.EqualError(t, err, `unknown format "xml": use `+formatNames())
}

func zip(parts ...string) string {
	var b bytes.Buffer
	for _, part := range parts {
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(part))
		_ = z.Close()
	}
	return b.String()
}

func zst(parts ...string) string {
	var b bytes.Buffer
	for _, part := range parts {
		z, _ := zstd.NewWriter(&b)
		_, _ = z.Write([]byte(part))
		_ = z.Close()
	}
	return b.String()
}

func TestCompressedPartsAreOneSource(t *testing.T) {
	for _, text := range []string{zip(sampleLog+sampleLog, sampleLog), zst(sampleLog+sampleLog, sampleLog)} {
		entries, broken := readAll(t, text, "")
		require.Empty(t, broken)
		require.Equal(t, "in:3", entries[2].ID)
	}
}

func TestWhatIsCutInsideOfACompressionIsAnErrorOfTheSource(t *testing.T) {
	for _, whole := range []string{zip(strings.Repeat(sampleLog, 1000)), zst(strings.Repeat(sampleLog, 1000))} {
		r, err := NewReader(strings.NewReader(whole[:len(whole)-9]), "in", Options{Format: AccessLog})
		require.NoError(t, err)
		for err == nil {
			_, err = r.Next()
		}
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
}

// endless yields n bytes of one kind without having them in memory.
type endless struct {
	fill byte
	n    int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	p = p[:min(len(p), e.n)]
	for i := range p {
		p[i] = e.fill
	}
	e.n -= len(p)
	return len(p), nil
}

func TestAnEntryThatIsTooLongIsSkipped(t *testing.T) {
	const long = maxEntryBytes + 1
	for name, c := range map[string]struct {
		format        Format
		before, after string
		broken        string
	}{
		"a line of NDJSON":       {NDJSON, `{"x":"`, "\"}\n" + sampleNDJSON, "in:1: " + errTooLong.Error()},
		"a line of a log":        {AccessLog, ``, "\n" + sampleLog, "in:1: " + errTooLong.Error()},
		"an entry of a HAR":      {HAR, `{"log":{"entries":[{"x":"`, `"},` + sampleHAR[35:], "in: entry 1 at byte 19: " + errTooLong.Error()},
		"a value before a HAR":   {HAR, `{"x":"`, `",` + sampleHAR[1:], ""},
		"a raw request's line":   {HTTP, `GET /`, " HTTP/1.1\r\n\r\n" + sampleHTTP, "in:1: " + errTooLong.Error()},
		"a raw request's header": {HTTP, "GET / HTTP/1.1\r\nX: ", "\r\n\r\n" + sampleHTTP, "in:1: " + errTooLong.Error()},
		"a raw request's body":   {HTTP, "POST / HTTP/1.1\r\nContent-Length: 67108865\r\n\r\n", "\n" + sampleHTTP, "in:1: " + errTooLong.Error()},
		"an unframed body":       {HTTP, "POST / HTTP/1.1\r\n\r\n", "\n" + sampleHTTP, "in:1: " + errTooLong.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			in := io.MultiReader(strings.NewReader(c.before), &endless{'a', long}, strings.NewReader(c.after))
			r, err := NewReader(in, "in", Options{Format: c.format})
			require.NoError(t, err)
			if c.broken != "" {
				_, err = r.Next()
				require.EqualError(t, err, c.broken)
			}
			_, err = r.Next()
			require.NoError(t, err)
			_, err = r.Next()
			require.ErrorIs(t, err, io.EOF)
		})
	}
}
