package coding_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"tabard/engine/coding"
)

// coded is a text behind a coder.
func coded(text string, coder func(io.Writer) io.WriteCloser) []byte {
	var b bytes.Buffer
	w := coder(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.Bytes()
}

func gzipped(text string) []byte {
	return coded(text, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
}

func zlibbed(text string) []byte {
	return coded(text, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
}

func deflated(text string) []byte {
	return coded(text, func(w io.Writer) io.WriteCloser {
		f, _ := flate.NewWriter(w, flate.BestCompression)
		return f
	})
}

func brotlied(text string, window int) []byte {
	return coded(text, func(w io.Writer) io.WriteCloser {
		return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 5, LGWin: window})
	})
}

// stored are blocks of RFC 1951 as they are, without the head of any.
func stored(text string, last bool) []byte {
	n := len(text)
	head := []byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}
	if last {
		head[0] = 1
	}
	return append(head, text...)
}

// twoReadings is a body that is one text with the head of RFC 1950, and another
// one without: its first byte is then that of a stored block.
func twoReadings() []byte {
	// With a head: 65,379 bytes behind it, which begin with the rest of the other.
	const length = 0x9c
	head := []byte{0x78, length, 0, ^byte(length), 0xff}
	inner := append(bytes.Repeat([]byte{0x9c, 0}, length/2), stored("another text", true)...)
	outer := append(inner[2:], bytes.Repeat([]byte("x"), 0xff63-len(inner)+2)...)
	body := append(append(head, inner[:2]...), outer...)
	body = append(body, stored("", true)...)
	sum := adler32.Checksum(outer)
	return append(body, byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
}

func Example() {
	name, _ := coding.Coding("GZIP")
	body, _ := coding.Decode(name, gzipped("hello"), 100)
	fmt.Printf("%s: %s\n", name, body)
	// Output: gzip: hello
}

func TestCoding(t *testing.T) {
	for field, want := range map[string]string{
		"": "", "identity": "", "gzip": "gzip", " Deflate ": "deflate", "x-gzip": "gzip", "identity, gzip": "gzip", ",gzip,": "gzip", "br": "br",
		"x-gzip, identity": "gzip", "x-br": "x-br", "zstd": "zstd",
	} {
		name, err := coding.Coding(field)
		require.NoError(t, err)
		require.Equal(t, want, name, field)
	}
	for _, field := range []string{"gzip, gzip", "gzip, br", "br,,deflate", "br, identity, br"} {
		_, err := coding.Coding(field)
		require.ErrorIs(t, err, coding.ErrSeveral, field)
	}
}

func TestDecode(t *testing.T) {
	for name, row := range map[string]struct {
		coding string
		body   []byte
		want   string
		err    error
	}{
		"gzip":                                {"gzip", gzipped("hello"), "hello", nil},
		"gzip in two members":                 {"gzip", append(gzipped("hel"), gzipped("lo")...), "hello", nil},
		"gzip of nothing":                     {"gzip", gzipped(""), "", nil},
		"deflate as the standard says":        {"deflate", zlibbed("hello"), "hello", nil},
		"deflate as some send it":             {"deflate", deflated("hello"), "hello", nil},
		"brotli":                              {"br", brotlied("hello", 22), "hello", nil},
		"brotli in the smallest window":       {"br", brotlied("hello", 10), "hello", nil},
		"brotli of nothing":                   {"br", brotlied("", 22), "", nil},
		"a name that is not known":            {"zstd", []byte("x"), "", coding.ErrUnknown},
		"gzip that is none":                   {"gzip", []byte("hello"), "", coding.ErrBroken},
		"gzip that is cut":                    {"gzip", gzipped("hello")[:20], "", coding.ErrBroken},
		"gzip with a wrong sum":               {"gzip", append(gzipped("hello")[:23], 1, 2, 3, 4, 5, 6), "", coding.ErrBroken},
		"gzip with text behind":               {"gzip", append(gzipped("hello"), 'x'), "", coding.ErrBroken},
		"deflate with text behind":            {"deflate", append(zlibbed("hello"), 'x'), "", coding.ErrBroken},
		"deflate with a wrong sum":            {"deflate", append(zlibbed("hello")[:len(zlibbed("hello"))-1], 0), "", coding.ErrBroken},
		"deflate without its sum":             {"deflate", zlibbed("hello")[:len(zlibbed("hello"))-4], "", coding.ErrBroken},
		"deflate that is cut":                 {"deflate", zlibbed("hello")[:4], "", coding.ErrBroken},
		"raw deflate with text behind":        {"deflate", append(deflated("hello"), 'x'), "", coding.ErrBroken},
		"deflate that is two texts":           {"deflate", twoReadings(), "", coding.ErrBroken},
		"brotli that is none":                 {"br", []byte("hello"), "", coding.ErrBroken},
		"brotli that is cut":                  {"br", brotlied("hello", 22)[:5], "", coding.ErrBroken},
		"brotli with text behind":             {"br", append(brotlied("hello", 22), 'x'), "", coding.ErrBroken},
		"brotli twice":                        {"br", append(brotlied("hello", 22), brotlied("hello", 22)...), "", coding.ErrBroken},
		"brotli in a large window":            {"br", brotlied("hello", 24), "", coding.ErrBroken},
		"brotli in a window that is reserved": {"br", []byte{0x11, 0x03}, "", coding.ErrBroken},
		"brotli without a byte":               {"br", nil, "", coding.ErrBroken},
		"deflate of nothing":                  {"deflate", nil, "", coding.ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := coding.Decode(row.coding, row.body, 100)
			require.ErrorIs(t, err, row.err)
			require.Equal(t, row.want, string(got))
		})
	}
}

func TestABombStopsAtTheLimit(t *testing.T) {
	zeros := string(make([]byte, 10<<20))
	for name, bomb := range map[string][]byte{"gzip": gzipped(zeros), "deflate": zlibbed(zeros), "br": brotlied(zeros, 22)} {
		require.Less(t, len(bomb), 20<<10)
		got, err := coding.Decode(name, bomb, 1000)
		require.NoError(t, err)
		require.Len(t, got, 1001)
	}
}

// A long body in front of the text that does not belong to it: the decoder reads
// ahead, and what it has not read yet counts as well.
func TestTextBehindALongBodyIsSeen(t *testing.T) {
	noise := make([]byte, 100<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for name, body := range map[string][]byte{"gzip": gzipped(string(noise)), "deflate": zlibbed(string(noise)), "br": brotlied(string(noise), 22)} {
		got, err := coding.Decode(name, body, len(noise))
		require.NoError(t, err, name)
		require.Equal(t, noise, got, name)
		for _, more := range []string{"x", strings.Repeat("x", 40<<10)} {
			_, err = coding.Decode(name, append(body[:len(body):len(body)], more...), len(noise))
			require.ErrorIs(t, err, coding.ErrBroken, name)
		}
	}
}

func TestABodyOfTwoTextsIsRefusedByTheFirstToo(t *testing.T) {
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(twoReadings())))
	require.NoError(t, err)
	require.Contains(t, string(raw), "another text")
	headed, err := zlib.NewReader(bytes.NewReader(twoReadings()))
	require.NoError(t, err)
	text, err := io.ReadAll(headed)
	require.NoError(t, err)
	require.Contains(t, string(text), "xxxx")
	for _, limit := range []int{100, 100_000} {
		_, err = coding.Decode("deflate", twoReadings(), limit)
		require.ErrorIs(t, err, coding.ErrBroken)
	}
}

func TestThisBuildTakesAllOff(t *testing.T) {
	require.Empty(t, coding.Refused())
	for _, name := range coding.Names() {
		_, err := coding.Decode(name, []byte("none"), 100)
		require.ErrorIs(t, err, coding.ErrBroken, name)
	}
}

// FuzzDecode holds Decode to its limit, to giving back what was put in, and to
// refusing what is cut and what has a byte too many.
func FuzzDecode(f *testing.F) {
	f.Add("gzip", gzipped("hello"), uint8(0))
	f.Add("deflate", zlibbed("hello"), uint8(0))
	f.Add("deflate", deflated("hello"), uint8(0))
	f.Add("br", brotlied("hello, hello", 10), uint8(1))
	f.Add("br", brotlied(strings.Repeat("the time of the year ", 20), 22), uint8(7))
	f.Fuzz(func(t *testing.T, name string, body []byte, cut uint8) {
		got, err := coding.Decode(name, body, 100)
		require.LessOrEqual(t, len(got), 101)
		if err != nil {
			require.Empty(t, got)
		}
		for name, coded := range map[string][]byte{"gzip": gzipped(string(body)), "deflate": zlibbed(string(body)), "br": brotlied(string(body), 10+int(cut)%13)} {
			got, err = coding.Decode(name, coded, len(body))
			require.NoError(t, err, name)
			require.Equal(t, string(body), string(got), name)
			_, err = coding.Decode(name, append(coded, 0), len(body))
			require.ErrorIs(t, err, coding.ErrBroken, "%s with a byte too many", name)
			_, err = coding.Decode(name, coded[:len(coded)-1-int(cut)%len(coded)], len(body))
			require.ErrorIs(t, err, coding.ErrBroken, "%s that is cut", name)
		}
	})
}
