package textfs_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/internal/textfs"
)

func TestATextIsAFileAndOthersAreMissing(t *testing.T) {
	texts := textfs.FS{"a/b.conf": "SecRule"}
	got, err := fs.ReadFile(texts, "a/b.conf")
	require.NoError(t, err)
	require.Equal(t, "SecRule", string(got))

	info, err := fs.Stat(texts, "a/b.conf")
	require.NoError(t, err)
	require.Equal(t, "b.conf", info.Name())
	require.EqualValues(t, 7, info.Size())
	require.True(t, info.Mode().IsRegular())
	require.True(t, info.ModTime().IsZero())
	require.False(t, info.IsDir())
	require.Nil(t, info.Sys())

	_, err = texts.Open("a")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
