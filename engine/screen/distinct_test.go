package screen

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/operators"
	"tabard/engine/seclang"
)

// apart are the rules that keep the values of a name apart, one for each phase.
const apart = `SecRule REQUEST_METHOD "@distinctNames" "id:11,phase:1,pass,nolog"
SecRule REQUEST_METHOD "@distinctNames" "id:12,phase:2,pass,nolog"
SecRule REQUEST_METHOD "@distinctNames" "id:13,phase:3,pass,nolog"
SecRule REQUEST_METHOD "@distinctNames" "id:14,phase:4,pass,nolog"
`

func TestRepeatedNamesAreNoDoubtWhereTheyAreKeptApart(t *testing.T) {
	const one = "SecRule REQUEST_COOKIES \"@rx ^1\" \"id:1,phase:1,pass,nolog,t:lowercase\"\n" // it matches
	const narrow = "SecRule REQUEST_HEADERS:Content-Type \"@rx json\" \"id:2,phase:1,pass,nolog,t:lowercase\"\n"
	twice, nameless := get("/", "Cookie", "a=1;a=2"), get("/", "Cookie", "=1;=2")
	for name, row := range map[string]struct {
		rules   string
		request request
		want    Reason
	}{
		"a name twice":                               {apart + one, twice, Miss},
		"a rule in front that looks at one name":     {narrow + apart + one, twice, Miss},
		"no name twice, which nobody can keep apart": {apart + one, nameless, RepeatedNames},
		"a rule in front that has mixed them":        {one + apart, twice, RepeatedNames},
		"a phase without the rule":                   {apart[:strings.Index(apart, "\nSecRule REQUEST_METHOD \"@distinctNames\" \"id:14")] + "\n" + one, twice, RepeatedNames},
	} {
		t.Run(name, func(t *testing.T) {
			directives, err := seclang.Load(nil, []seclang.Source{{Name: "test", Text: "SecRuleEngine On\n" + row.rules}})
			require.NoError(t, err)
			table, errs := seclang.Parse(directives, seclang.Known{Operators: operators.Names()})
			require.Empty(t, errs)
			s, err := Compile(table, Options{Operators: operators.Plain(nil), Distinct: operators.DistinctNames})
			require.NoError(t, err)
			p := pair{s: s}
			one, _ := p.phases(row.request)
			require.Equal(t, row.want.String(), one.Reason.String())
			require.NotContains(t, one.Skip, 11, "it is there for its side effect")
		})
	}
}
