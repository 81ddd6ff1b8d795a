package mime_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/mime"
)

func TestAllowList(t *testing.T) {
	for name, row := range map[string]struct {
		patterns []string
		value    string
		want     bool
	}{
		"the type itself":                            {[]string{"application/json"}, "application/json", true},
		"parameters do not matter":                   {[]string{"application/json"}, "application/json; charset=utf-8", true},
		"the case of letters does not matter":        {[]string{"Application/JSON"}, "application/Json", true},
		"another type":                               {[]string{"application/json"}, "text/html", false},
		"a longer subtype":                           {[]string{"application/json"}, "application/jsonp", false},
		"a suffix is not the type itself":            {[]string{"application/*+json"}, "application/json", false},
		"a type with the suffix":                     {[]string{"application/*+json"}, "application/problem+json", true},
		"the suffix under another type":              {[]string{"application/*+json"}, "text/problem+json", false},
		"another suffix":                             {[]string{"application/*+json"}, "application/atom+xml", false},
		"only the last suffix counts":                {[]string{"application/*+json"}, "application/x+json+xml", false},
		"any subtype":                                {[]string{"text/*"}, "text/csv", true},
		"any subtype of another type":                {[]string{"text/*"}, "image/png", false},
		"anything":                                   {[]string{"*/*"}, "x/y+z", true},
		"the second of two patterns":                 {[]string{"application/json", "text/*"}, "text/csv", true},
		"an empty list allows nothing":               {nil, "application/json", false},
		"a star in the field is no pattern":          {[]string{"application/json"}, "application/*", false},
		"a parameter that looks like a type is none": {[]string{"application/json"}, "text/html;application/json", false},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := mime.NewAllowList(row.patterns)
			require.NoError(t, err)
			typ, ok := mime.Parse(row.value)
			require.True(t, ok)
			require.Equal(t, row.want, list.Allows(typ))
		})
	}
}

func TestNewAllowListRefuses(t *testing.T) {
	const form = " is none: write type/subtype, such as application/json, application/*+json or text/*"
	for pattern, want := range map[string]string{
		"json":                            `media type "json"` + form,
		"":                                `media type ""` + form,
		"application/":                    `media type "application/"` + form,
		"application/json, text/html":     `media type "application/json, text/html"` + form,
		"application/json; charset=utf-8": `media type "application/json; charset=utf-8" has parameters, which take no part in matching: leave them out`,
		"application/*json":               `media type "application/*json" has a * in the wrong place: write type/* or type/*+suffix`,
		"application/*+":                  `media type "application/*+" has a * in the wrong place: write type/* or type/*+suffix`,
		"application/*+*":                 `media type "application/*+*" has a * in the wrong place: write type/* or type/*+suffix`,
		"*/json":                          `media type "*/json" has a * in the wrong place: only */* may begin with it`,
		"app*/json":                       `media type "app*/json" has a * in the wrong place: only */* may begin with it`,
	} {
		_, err := mime.NewAllowList([]string{"text/plain", pattern})
		require.EqualError(t, err, want)
	}
}
