package seclang

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/stretchr/testify/require"
)

func TestLoadSeesTheDirectivesOfCRSThatCorazaParses(t *testing.T) {
	o := observe(coreruleset.FS, everything)
	require.NoError(t, o.err)
	ds := crs(t)
	require.Equal(t, o.log.directives, raws(ds))
	require.Greater(t, len(ds), 700)
	t.Logf("%d directives, %d rules and markers", len(ds), len(o.rules))
}

func TestRulePositionsKnowsEachRuleThatCorazaShows(t *testing.T) {
	o := observe(coreruleset.FS, everything)
	require.NoError(t, o.err)
	places := RulePositions(crs(t))
	count := 0
	for _, r := range o.rules {
		if r.ID() == 0 {
			continue
		}
		count++
		require.Contains(t, places, r.ID())
		require.Equal(t, 1, places[r.ID()].Col, "rule %d", r.ID())
	}
	require.Len(t, places, count)
}

// loadFiles is what the texts below include.
var loadFiles = fstest.MapFS{
	"a.conf":         {Data: []byte("SecAction \"id:1\"\n")},
	"sub/b.conf":     {Data: []byte("Include c.conf\nSecMarker B\n")},
	"sub/c.conf":     {Data: []byte("SecMarker C\n")},
	"sub/glob.conf":  {Data: []byte("Include c*.conf\n")},
	"self.conf":      {Data: []byte("SecMarker S\nInclude self.conf\n")},
	"ping.conf":      {Data: []byte("Include pong.conf\n")},
	"pong.conf":      {Data: []byte("Include ping.conf\n")},
	"sub/open.conf":  {Data: []byte("\n  SecDataset x `\nfoo\n")},
	"sub/crlf.conf":  {Data: []byte("SecMarker A\r\nSecMarker \\\r\n  B\r\n")},
	"many/one.conf":  {Data: []byte("SecMarker 1\n")},
	"many/two.conf":  {Data: []byte("SecMarker 2\n")},
	"many/three.txt": {Data: []byte("SecMarker 3\n")},
}

func TestLoadSplitsAsCorazaDoes(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a continued line is joined without the backslash": {
			text: "SecRule ARGS \"@rx x\" \\\n    \"id:1,\\\n    phase:2\"",
			want: []string{`SecRule ARGS "@rx x" "id:1,phase:2"`},
		},
		"a comment and an empty line inside a continuation are skipped": {
			text: "SecMarker \\\n# no \\\n\n  A",
			want: []string{"SecMarker A"},
		},
		"a comment that ends in a backslash does not continue": {
			text: "# x \\\nSecMarker A",
			want: []string{"SecMarker A"},
		},
		"a backtick block keeps its line ends": {
			text: "SecDataset d `\n one\n#two\nthree`\n`\nSecMarker A",
			want: []string{"SecDataset d `\none\nthree`\n`", "SecMarker A"},
		},
		"an included file stands after its Include": {
			text: "Include a.conf\nSecMarker A",
			want: []string{"Include a.conf", `SecAction "id:1"`, "SecMarker A"},
		},
		"a nested Include starts at the folder of its file": {
			text: "Include sub/b.conf",
			want: []string{"Include sub/b.conf", "Include c.conf", "SecMarker C", "SecMarker B"},
		},
		"a pattern gives its files in the order of their names": {
			text: "Include many/*.conf",
			want: []string{"Include many/*.conf", "SecMarker 1", "SecMarker 2"},
		},
		"Windows line ends are fine": {
			text: "Include sub/crlf.conf",
			want: []string{"Include sub/crlf.conf", "SecMarker A", "SecMarker B"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ds, err := Load(loadFiles, []Source{{Name: "policy", Text: c.text}})
			require.NoError(t, err)
			require.Equal(t, c.want, raws(ds))
			require.Equal(t, c.want, observe(loadFiles, c.text).log.directives)
		})
	}
}

func TestLoadNamesThePlaceThatCorazaWouldFailAtOrDrop(t *testing.T) {
	for name, c := range map[string]struct{ text, err string }{
		"a file that is missing is named with the file that was meant": {
			text: "\n Include a.cnf",
			err:  `policy:2:10: Include "a.cnf" matches no file, did you mean "a.conf"?`,
		},
		"a pattern that matches nothing is an error": {
			text: "Include rules/*.conf",
			err:  `policy:1:9: Include "rules/*.conf" matches no file`,
		},
		"a pattern in a subfolder starts at the root": {
			text: "Include sub/glob.conf",
			err:  `sub/glob.conf:1:9: Include "c*.conf" matches no file, a pattern starts at the root of the rules: did you mean "sub/c*.conf"?`,
		},
		"a malformed pattern is an error": {
			text: "Include [*",
			err:  `policy:1:9: Include has a malformed pattern "[*"`,
		},
		"an Include without a name is an error": {
			text: "Include ",
			err:  `policy:1:1: Include names no file`,
		},
		"a folder cannot be included": {
			text: "Include many",
			err:  `policy:1:9: Include "many" names a folder, did you mean "many/*.conf"?`,
		},
		"a file that includes itself is an error": {
			text: "Include self.conf",
			err:  `self.conf:2:9: Include of "self.conf" inside itself never ends`,
		},
		"two files that include each other are an error": {
			text: "Include ping.conf",
			err:  `pong.conf:1:9: Include of "ping.conf" inside itself never ends`,
		},
		"the 101st Include is an error": {
			text: strings.Repeat("Include a.conf\n", 101),
			err:  `policy:101:1: more than 100 Include directives, Coraza reads no more, join them with a glob such as rules/*.conf`,
		},
		"an open backtick is an error at the backtick": {
			text: "Include sub/open.conf",
			err:  "sub/open.conf:2:16: the backtick is never closed, end the block with a line that is one backtick",
		},
		"a last line that ends in a backslash is an error": {
			text: "SecMarker A\n SecAction \\\n  \"id:1\" \\\n",
			err:  `policy:2:2: the directive ends in a backslash at the end of the file, Coraza would drop it, remove the last backslash`,
		},
		"a line that Coraza's scanner cannot hold is an error": {
			text: "SecMarker A\nSecMarker " + strings.Repeat("x", maxLineBytes) + "\nSecMarker B",
			err:  `policy:2:1: line is longer than 65535 bytes, Coraza would drop the rest of the file, break it with a backslash at the end of the line`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(loadFiles, []Source{{Name: "policy", Text: c.text}})
			require.EqualError(t, err, c.err)
		})
	}
}

func TestLoadAllGivesEachMistakeAndTheDirectivesAroundIt(t *testing.T) {
	ds, errs := LoadAll(loadFiles, []Source{
		{Name: "one", Text: "SecMarker 1\nInclude nothere.conf\nInclude sub/open.conf\nInclude a.conf\nSecMarker 2"},
		{Name: "two", Text: "SecAction \\\n"},
		{Name: "three", Text: "SecMarker 3"},
	})
	require.Equal(t, []string{
		`one:2:9: Include "nothere.conf" matches no file`,
		"sub/open.conf:2:16: the backtick is never closed, end the block with a line that is one backtick",
		`two:1:1: the directive ends in a backslash at the end of the file, Coraza would drop it, remove the last backslash`,
	}, texts(errs))
	require.Equal(t, []string{"SecMarker 1", "Include nothere.conf", "Include sub/open.conf", "Include a.conf", `SecAction "id:1"`, "SecMarker 2", "SecMarker 3"}, raws(ds))
}

func TestTheLongestLineIsTheOneCorazaReads(t *testing.T) {
	for size, want := range map[int]int{maxLineBytes: 2, maxLineBytes + 1: 0} {
		text := "SecMarker " + strings.Repeat("x", size-len("SecMarker ")) + "\nSecMarker B"
		require.Len(t, observe(nil, text).log.directives, want)
		ds, err := Load(nil, []Source{{Text: text}})
		require.Len(t, ds, want)
		require.Equal(t, want == 2, err == nil)
	}
}

func TestAtMapsTheJoinedTextToItsPlace(t *testing.T) {
	text := "\n  SecRule ARGS \"@rx x\" \\\n\n    # comment\n    \"id:1,\\\n  pas\"\nSecMarker A"
	ds, err := Load(nil, []Source{{Name: "f", Text: text}})
	require.NoError(t, err)
	d := ds[0]
	require.Equal(t, "f:2:3", d.Pos.String())
	require.Equal(t, 6, d.EndLine)
	require.Equal(t, "f:2:11", d.At(strings.Index(d.Raw, "ARGS")).String())
	require.Equal(t, "f:5:6", d.At(strings.Index(d.Raw, "id:1")).String())
	require.Equal(t, "f:6:3", d.At(strings.Index(d.Raw, "pas")).String())
	require.Equal(t, "f:2:3", d.At(-1).String())
	require.Equal(t, "f:7:1", ds[1].Pos.String())
}

func TestTheNthDirectiveIsTheOneAtFault(t *testing.T) {
	text := "SecMarker A\nInclude a.conf\nSecRule ARGS \"@rx x\" \"id:2,pas\"\nSecMarker B"
	files := fstest.MapFS{"a.conf": {Data: []byte("SecMarker X\n")}}
	o := observe(files, text)
	require.Error(t, o.err)
	ds, err := Load(files, []Source{{Name: "policy", Text: text}})
	require.NoError(t, err)
	d, ok := Locate(ds, len(o.log.directives)-1)
	require.True(t, ok)
	require.Equal(t, "policy:3:1", d.Pos.String())
	_, ok = Locate(ds, len(ds))
	require.False(t, ok)
}

func TestRuleID(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"a SecRule":                        {`SecRule ARGS "@rx x" "id:7,phase:1"`, 7},
		"a SecAction in quotes":            {`SecAction "phase:1,id:8"`, 8},
		"a SecAction without quotes":       {`SecAction id:9,phase:1`, 9},
		"a quoted id":                      {`SecAction "id:'200000',pass"`, 200000},
		"a name in another case":           {`secaction "ID:10"`, 10},
		"a comma in a quoted message":      {`SecAction "msg:'a, id:1',id:11"`, 11},
		"an escaped quote in the operator": {`SecRule ARGS "@rx \"id:1\"" "id:12"`, 12},
		"a link of a chain has none":       {`SecRule ARGS "@rx x" "t:none"`, 0},
		"a rule without actions has none":  {`SecRule ARGS "@rx x"`, 0},
		"a negative id is none":            {`SecAction "id:-1"`, 0},
		"a marker has none":                {`SecMarker id:1`, 0},
		"an unclosed quote has none":       {`SecRule ARGS "@rx x`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ds, err := Load(nil, []Source{{Text: c.text}})
			require.NoError(t, err)
			id, ok := ds[0].RuleID()
			require.Equal(t, c.want, id)
			require.Equal(t, c.want != 0, ok)
		})
	}
}
