package bodies

import "testing"

// fuzz compares what of makes of a text with Coraza, beginning with the texts that seed takes from the cases.
func fuzz(f *testing.F, seed func(x *exchange) string, of func(text string) exchange) {
	for i := range cases {
		if text := seed(&cases[i].x); text != "" {
			f.Add(text)
		}
	}
	o := newOracle(f, testLimits)
	f.Fuzz(func(t *testing.T, text string) {
		x := of(text)
		o.compare(t, &x)
	})
}

// bodyOf returns a seed function for the bodies that the exchanges of a processor have.
func bodyOf(sample exchange) func(x *exchange) string {
	return func(x *exchange) string {
		if len(x.headers) == 1 && x.headers[0] == sample.headers[0] {
			return x.body
		}
		return ""
	}
}

func FuzzURI(f *testing.F) {
	fuzz(f, func(x *exchange) string { return x.uri }, func(text string) exchange { return get(text) })
}

func FuzzCookie(f *testing.F) {
	seed := func(x *exchange) string {
		for _, h := range x.headers {
			if NameIs(h.name, "cookie") {
				return h.value
			}
		}
		return ""
	}
	fuzz(f, seed, func(text string) exchange { return get("/", header{"Cookie", text}) })
}

func FuzzHeaderName(f *testing.F) {
	seed := func(x *exchange) string {
		if len(x.headers) == 0 {
			return ""
		}
		return x.headers[0].name
	}
	fuzz(f, seed, func(text string) exchange {
		x := form("a=b")
		x.headers[0].name = text
		return x
	})
}

func FuzzContentType(f *testing.F) {
	seed := func(x *exchange) string {
		for _, h := range x.headers {
			if NameIs(h.name, "content-type") {
				return h.value
			}
		}
		return ""
	}
	fuzz(f, seed, func(text string) exchange {
		x := upload(fieldPart + "B--|")
		x.headers[0].value = text
		x.status, x.responseHeaders = 200, x.headers
		return x
	})
}

func FuzzForm(f *testing.F) {
	fuzz(f, bodyOf(form("")), form)
}

func FuzzJSON(f *testing.F) {
	fuzz(f, bodyOf(jsonBody("")), jsonBody)
}

func FuzzMultipart(f *testing.F) {
	fuzz(f, bodyOf(upload("")), upload)
}
