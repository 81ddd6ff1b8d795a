package coding_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/coding"
)

func gzipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.Bytes()
}

func zlibbed(text string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.Bytes()
}

func deflated(text string) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.Bytes()
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
	} {
		name, err := coding.Coding(field)
		require.NoError(t, err)
		require.Equal(t, want, name, field)
	}
	_, err := coding.Coding("gzip, gzip")
	require.ErrorIs(t, err, coding.ErrSeveral)
}

func TestDecode(t *testing.T) {
	for name, row := range map[string]struct {
		coding string
		body   []byte
		want   string
		err    error
	}{
		"gzip":                         {"gzip", gzipped("hello"), "hello", nil},
		"gzip in two members":          {"gzip", append(gzipped("hel"), gzipped("lo")...), "hello", nil},
		"gzip of nothing":              {"gzip", gzipped(""), "", nil},
		"deflate as the standard says": {"deflate", zlibbed("hello"), "hello", nil},
		"deflate as some send it":      {"deflate", deflated("hello"), "hello", nil},
		"a name that is not known":     {"br", []byte("x"), "", coding.ErrUnknown},
		"gzip that is none":            {"gzip", []byte("hello"), "", coding.ErrBroken},
		"gzip that is cut":             {"gzip", gzipped("hello")[:20], "", coding.ErrBroken},
		"gzip with a wrong sum":        {"gzip", append(gzipped("hello")[:23], 1, 2, 3, 4, 5, 6), "", coding.ErrBroken},
		"gzip with text behind":        {"gzip", append(gzipped("hello"), 'x'), "", coding.ErrBroken},
		"deflate with text behind":     {"deflate", append(zlibbed("hello"), 'x'), "", coding.ErrBroken},
		"deflate with a wrong sum":     {"deflate", append(zlibbed("hello")[:len(zlibbed("hello"))-1], 0), "", coding.ErrBroken},
		"deflate without its sum":      {"deflate", zlibbed("hello")[:len(zlibbed("hello"))-4], "", coding.ErrBroken},
		"deflate that is cut":          {"deflate", zlibbed("hello")[:4], "", coding.ErrBroken},
		"raw deflate with text behind": {"deflate", append(deflated("hello"), 'x'), "", coding.ErrBroken},
		"deflate of nothing":           {"deflate", nil, "", coding.ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := coding.Decode(row.coding, row.body, 100)
			require.ErrorIs(t, err, row.err)
			require.Equal(t, row.want, string(got))
		})
	}
}

func TestABombStopsAtTheLimit(t *testing.T) {
	bomb := gzipped(string(make([]byte, 10<<20)))
	require.Less(t, len(bomb), 20<<10)
	got, err := coding.Decode("gzip", bomb, 1000)
	require.NoError(t, err)
	require.Len(t, got, 1001)
}

// FuzzDecode holds Decode to its limit, and to giving back what was put in.
func FuzzDecode(f *testing.F) {
	f.Add("gzip", gzipped("hello"))
	f.Add("deflate", zlibbed("hello"))
	f.Add("deflate", deflated("hello"))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		got, err := coding.Decode(name, body, 100)
		require.LessOrEqual(t, len(got), 101)
		if err != nil {
			require.Empty(t, got)
		}
		text := body[:min(len(body), 100)]
		got, err = coding.Decode("gzip", gzipped(string(text)), 100)
		require.NoError(t, err)
		require.Equal(t, string(text), string(got))
	})
}
