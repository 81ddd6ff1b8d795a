package replay

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// folder writes files and returns their folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

// drain returns ids and errors in their order, without the folder's name.
func drain(t *testing.T, dir string, o Options, paths ...string) (got []string) {
	t.Helper()
	traffic, err := Open(paths, o)
	require.NoError(t, err)
	for {
		record, err := traffic.Next()
		var e Entry
		if err == nil {
			e, err = record.Entry()
		}
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			require.NoError(t, traffic.Close())
			return got
		case err != nil:
			got = append(got, strings.ReplaceAll(err.Error(), dir+"/", ""))
		default:
			got = append(got, strings.ReplaceAll(e.ID, dir+"/", ""))
		}
	}
}

func TestAFolderIsReadInOrderWhateverItsFormats(t *testing.T) {
	dir := folder(t, map[string]string{
		"b.har": sampleHAR, "a/z.log": sampleLog, "a/b.gz": zip(sampleNDJSON), "c.http": sampleHTTP,
		"README.md": "# Traffic\n", "d.empty": "", ".hidden": "x", ".git/x": "x",
	})
	require.NoError(t, os.Symlink(filepath.Join(dir, "c.http"), filepath.Join(dir, "link")))
	require.Equal(t, []string{
		"README.md:1: " + ErrUnknownFormat.Error(), "n", "a/z.log:1", "b.har#1", "c.http:1", "link:1",
	}, drain(t, dir, Options{}, dir))
}

func TestFilesAndStandardInputAreReadInTheirOrder(t *testing.T) {
	dir := folder(t, map[string]string{"1": sampleLog, "2": sampleLog})
	o := Options{Stdin: strings.NewReader(sampleHTTP), Host: "shop.example"}
	require.Equal(t, []string{"2:1", "stdin:1", "1:1"}, drain(t, dir, o, dir+"/2", "-", dir+"/1"))

	traffic, err := Open([]string{dir + "/1"}, o)
	require.NoError(t, err)
	require.EqualValues(t, len(sampleLog), traffic.Size())
	record, err := traffic.Next()
	require.NoError(t, err)
	e, err := record.Entry()
	require.NoError(t, err)
	require.Equal(t, "shop.example", e.Request.Authority)
	require.EqualValues(t, len(sampleLog), traffic.Read())
	require.NoError(t, traffic.Close())
}

func TestASourceThatCannotBeReadIsReportedAndTheNextIsRead(t *testing.T) {
	cut := zip(strings.Repeat(sampleLog, 100))
	dir := folder(t, map[string]string{"1": cut[:len(cut)-4], "2": "just text\n", "3": "\x1f\x8bxx", "4": sampleNDJSON})
	got := drain(t, dir, Options{}, dir+"/1", dir+"/2", dir+"/3", dir+"/4")
	require.Equal(t, []string{
		"1: unexpected EOF", "2: " + ErrUnknownFormat.Error(), "3: gzip: unexpected EOF", "n",
	}, got[100:])
}

func TestAPatternIsWhatItMatches(t *testing.T) {
	dir := folder(t, map[string]string{"a/1.log": sampleLog, "a/2.log": sampleLog, "a/3.txt": "x", "b[1].log": sampleLog})
	require.Equal(t, []string{"a/1.log:1", "a/2.log:1"}, drain(t, dir, Options{}, dir+"/*/*.log"))
	require.Equal(t, []string{"b[1].log:1"}, drain(t, dir, Options{}, dir+"/b[1].log"))
	_, err := Open([]string{dir + "/*.har"}, Options{})
	require.EqualError(t, err, dir+"/*.har: the pattern matches no file")
}

func TestWhatIsNotThereIsRefusedAtOnce(t *testing.T) {
	dir := folder(t, map[string]string{"1": sampleLog, "empty/.x": ""})
	for path, want := range map[string]string{
		"missing": "missing: no such file or directory",
		"empty":   "empty: the folder has no files",
	} {
		_, err := Open([]string{filepath.Join(dir, "1"), filepath.Join(dir, path)}, Options{})
		require.EqualError(t, err, filepath.Join(dir, want))
	}
	_, err := Open(nil, Options{Format: "xml"})
	require.EqualError(t, err, `unknown format "xml": use `+formatNames())
}
