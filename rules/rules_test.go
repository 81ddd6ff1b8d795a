package rules_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabard/rules"
)

func TestAnOverlayReplacesSingleFiles(t *testing.T) {
	const (
		mine  = "# mine\n"
		own   = "@tabard/api/100110-mime-allow-list.conf"
		crs   = "@owasp_crs/REQUEST-913-SCANNER-DETECTION.conf"
		extra = "@tabard/api/zzz.conf"
	)
	plain := rules.FS()
	over := rules.Overlay(fstest.MapFS{own: {Data: []byte(mine)}, crs: {Data: []byte(mine)}, extra: {Data: []byte(mine)}, "site/a.conf": {Data: []byte(mine)}})
	for _, tc := range []struct {
		name, pattern string
		more          []string
	}{
		{"one of our rules keeps the rest of its folder", "@tabard/api/*.conf", []string{extra}},
		{"one file of CRS keeps the others", "@owasp_crs/REQUEST-9*.conf", nil},
		{"other folders are as they were", "@tabard/auth/*.conf", nil},
		{"the user's own folder is the user's", "site/*.conf", []string{"site/a.conf"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, err := fs.Glob(plain, tc.pattern)
			require.NoError(t, err)
			after, err := fs.Glob(over, tc.pattern)
			require.NoError(t, err)
			require.Equal(t, append(before, tc.more...), after)
		})
	}
	for _, name := range []string{own, crs, extra} {
		text, err := fs.ReadFile(over, name)
		require.NoError(t, err)
		require.Equal(t, mine, string(text))
	}
}
