package multipart_test

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	stdlib "mime/multipart"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/multipart"
)

const plainType = "multipart/form-data; boundary=B"

// read is a part with its content.
type read struct {
	multipart.Part
	content string
}

// collector keeps all parts.
type collector struct{ parts []read }

func (c *collector) Begin(p multipart.Part) { c.parts = append(c.parts, read{Part: p}) }
func (c *collector) Data(b []byte)          { c.parts[len(c.parts)-1].content += string(b) }
func (c *collector) End()                   {}

// parse reads a body in pieces of n bytes.
func parse(contentType, body string, n int) ([]read, multipart.Problem) {
	var c collector
	p := multipart.New(contentType, 4, &c)
	for rest := body; rest != ""; {
		piece := rest[:min(n, len(rest))]
		rest = rest[len(piece):]
		_, _ = p.Write([]byte(piece))
	}
	return c.parts, p.Close()
}

// part writes a part with these headers.
func part(headers, content string) string { return "--B\r\n" + headers + "\r\n\r\n" + content + "\r\n" }

const field = `Content-Disposition: form-data; name="a"`

func file(name string) string { return field + `; filename="` + name + `"` }

func TestParser(t *testing.T) {
	for name, row := range map[string]struct {
		contentType, body string
		want              multipart.Problem
	}{
		"a field":                                     {plainType, part(field, "1") + "--B--\r\n", multipart.OK},
		"no line end behind the last boundary":        {plainType, part(field, "1") + "--B--", multipart.OK},
		"an empty field":                              {plainType, part(field, "") + "--B--\r\n", multipart.OK},
		"a file with its type":                        {plainType, part(file("a.png")+"\r\nContent-Type: image/png", "x") + "--B--\r\n", multipart.OK},
		"a line that begins like the boundary":        {plainType, part(field, "\r\n--A\r\n-") + "--B--\r\n", multipart.OK},
		"a quoted boundary":                           {`multipart/form-data; boundary="B"`, part(field, "1") + "--B--\r\n", multipart.OK},
		"a charset beside the boundary":               {plainType + "; charset=utf-8", part(field, "1") + "--B--\r\n", multipart.OK},
		"no boundary":                                 {"multipart/form-data", "", multipart.BadBoundary},
		"an empty boundary":                           {`multipart/form-data; boundary=""`, "", multipart.BadBoundary},
		"a boundary of 71 bytes":                      {"multipart/form-data; boundary=" + strings.Repeat("b", 71), "", multipart.BadBoundary},
		"a boundary that ends in a blank":             {`multipart/form-data; boundary="b "`, "", multipart.BadBoundary},
		"a boundary twice":                            {plainType + "; boundary=C", "", multipart.BadType},
		"an unknown parameter":                        {plainType + "; x=y", "", multipart.BadType},
		"another multipart":                           {"multipart/related; boundary=B", "", multipart.BadType},
		"nothing at all":                              {plainType, "", multipart.DataBefore},
		"only the last boundary":                      {plainType, "--B--\r\n", multipart.OK},
		"text before":                                 {plainType, "x\r\n" + part(field, "1") + "--B--\r\n", multipart.DataBefore},
		"an empty line before":                        {plainType, "\r\n" + part(field, "1") + "--B--\r\n", multipart.DataBefore},
		"text behind":                                 {plainType, part(field, "1") + "--B--\r\nx", multipart.DataAfter},
		"a part behind the last boundary":             {plainType, part(field, "1") + "--B--\r\n" + part(field, "2"), multipart.DataAfter},
		"no last boundary":                            {plainType, part(field, "1"), multipart.Unfinished},
		"a body that ends in a boundary":              {plainType, part(field, "1") + "--B", multipart.Unfinished},
		"a body that ends in headers":                 {plainType, "--B\r\n" + field, multipart.BadHeader},
		"a boundary with a blank behind it":           {plainType, "--B \r\n" + field + "\r\n\r\n1\r\n--B--\r\n", multipart.LooseBoundary},
		"a boundary with letters behind it":           {plainType, part(field, "1\r\n--Bx") + "--B--\r\n", multipart.LooseBoundary},
		"a boundary behind a line feed":               {plainType, part(field, "1\n--B--") + "--B--\r\n", multipart.LooseBoundary},
		"a boundary right behind the headers":         {plainType, part(field, "--B") + "--B--\r\n", multipart.LooseBoundary},
		"a line feed and a boundary in front":         {plainType, part(field, "\n--B") + "--B--\r\n", multipart.LooseBoundary},
		"line feeds alone":                            {plainType, strings.ReplaceAll(part(field, "1")+"--B--\r\n", "\r\n", "\n"), multipart.LooseBoundary},
		"a line feed alone behind a header":           {plainType, part(field+"\nContent-Type: text/plain", "1") + "--B--\r\n", multipart.BadHeader},
		"a folded header":                             {plainType, part("Content-Disposition: form-data;\r\n name=\"a\"", "1") + "--B--\r\n", multipart.BadDisposition},
		"a header without a colon":                    {plainType, part(field+"\r\nhello", "1") + "--B--\r\n", multipart.BadHeader},
		"a blank before the colon":                    {plainType, part(field+"\r\nContent-Type : a/b", "1") + "--B--\r\n", multipart.BadHeader},
		"a NUL in a header":                           {plainType, part(field+"\r\nX: \x00", "1") + "--B--\r\n", multipart.BadHeader},
		"a carriage return in a header":               {plainType, part(field+"\r\nX: a\rb", "1") + "--B--\r\n", multipart.BadHeader},
		"a header of five KB":                         {plainType, part(field+"\r\nX: "+strings.Repeat("x", 5000), "1") + "--B--\r\n", multipart.BadHeader},
		"nine headers":                                {plainType, part(field+"\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\nG: 1\r\nH: 1", "1") + "--B--\r\n", multipart.BadHeader},
		"a content type that is none":                 {plainType, part(field+"\r\nContent-Type: text", "1") + "--B--\r\n", multipart.BadHeader},
		"a header twice in another case":              {plainType, part(field+"\r\ncontent-disposition: form-data; name=b", "1") + "--B--\r\n", multipart.RepeatedHeader},
		"no name":                                     {plainType, part("Content-Disposition: form-data", "1") + "--B--\r\n", multipart.BadDisposition},
		"an empty name":                               {plainType, part(`Content-Disposition: form-data; name=""`, "1") + "--B--\r\n", multipart.BadDisposition},
		"no disposition":                              {plainType, part("Content-Type: text/plain", "1") + "--B--\r\n", multipart.BadDisposition},
		"an attachment":                               {plainType, part(`Content-Disposition: attachment; name="a"`, "1") + "--B--\r\n", multipart.BadDisposition},
		"a name twice":                                {plainType, part(field+"; name=b", "1") + "--B--\r\n", multipart.BadDisposition},
		"a file name twice":                           {plainType, part(file("a.png")+"; filename=b", "1") + "--B--\r\n", multipart.BadDisposition},
		"an unknown parameter of the disposition":     {plainType, part(field+"; size=3", "1") + "--B--\r\n", multipart.BadDisposition},
		"an open quote":                               {plainType, part(`Content-Disposition: form-data; name="a`, "1") + "--B--\r\n", multipart.BadDisposition},
		"a backslash in a name":                       {plainType, part(`Content-Disposition: form-data; name="a\"; filename="b"`, "1") + "--B--\r\n", multipart.BadDisposition},
		"text behind a quote":                         {plainType, part(field+"x", "1") + "--B--\r\n", multipart.BadDisposition},
		"a semicolon at the end":                      {plainType, part(field+";", "1") + "--B--\r\n", multipart.BadDisposition},
		"an extended name":                            {plainType, part(`Content-Disposition: form-data; name*=utf-8''a`, "1") + "--B--\r\n", multipart.ExtendedParameter},
		"an extended file name":                       {plainType, part(field+"; filename*=utf-8''a", "1") + "--B--\r\n", multipart.ExtendedParameter},
		"a continued file name":                       {plainType, part(field+"; filename*0=a; filename*1=b", "1") + "--B--\r\n", multipart.ExtendedParameter},
		"a path of Windows in a file name":            {plainType, part(file(`c:/a.png`), "1") + "--B--\r\n", multipart.BadFilename},
		"an escaped NUL in a file name":               {plainType, part(file("a.php%00.png"), "1") + "--B--\r\n", multipart.BadFilename},
		"content without a file name":                 {plainType, part(file(""), "1") + "--B--\r\n", multipart.BadFilename},
		"no content without a file name":              {plainType, part(file(""), "") + "--B--\r\n", multipart.OK},
		"base64":                                      {plainType, part(field+"\r\nContent-Transfer-Encoding: base64", "1") + "--B--\r\n", multipart.BadEncoding},
		"binary is no encoding":                       {plainType, part(field+"\r\nContent-Transfer-Encoding: binary", "1") + "--B--\r\n", multipart.OK},
		"UTF-16 in a part":                            {plainType, part(field+"\r\nContent-Type: text/plain; charset=utf-16", "1") + "--B--\r\n", multipart.BadCharset},
		"the field that sets the charset":             {plainType, part(`Content-Disposition: form-data; name="_charset_"`, "utf-7") + "--B--\r\n", multipart.BadCharset},
		"a multipart in a part":                       {plainType, part(field+"\r\nContent-Type: multipart/mixed; boundary=C", "1") + "--B--\r\n", multipart.Nested},
		"a file and a field of one name":              {plainType, part(field, "1") + part(file("a"), "1") + "--B--\r\n", multipart.MixedName},
		"as many parts as allowed":                    {plainType, strings.Repeat(part(field, "1"), 4) + "--B--\r\n", multipart.OK},
		"one more":                                    {plainType, strings.Repeat(part(field, "1"), 5) + "--B--\r\n", multipart.TooManyParts},
		"a boundary with all bytes that one may have": {`multipart/form-data; boundary="'()+_,-./:=? 9"`, "--'()+_,-./:=? 9--", multipart.OK},
	} {
		t.Run(name, func(t *testing.T) {
			whole, got := parse(row.contentType, row.body, len(row.body)+1)
			require.Equal(t, row.want, got, "%v", got)
			for _, n := range []int{1, 2, 7} {
				pieces, problem := parse(row.contentType, row.body, n)
				require.Equal(t, whole, pieces, "in pieces of %d", n)
				require.Equal(t, got, problem, "in pieces of %d", n)
			}
			agreesWithStdlib(t, row.contentType, row.body, whole, got)
		})
	}
}

// agreesWithStdlib holds a body without a problem to what Go's reader makes of it.
func agreesWithStdlib(t *testing.T, contentType, body string, parts []read, problem multipart.Problem) {
	t.Helper()
	if problem != multipart.OK {
		return
	}
	_, parameters, err := mime.ParseMediaType(contentType)
	require.NoError(t, err)
	r := stdlib.NewReader(strings.NewReader(body), parameters["boundary"])
	for _, want := range parts {
		p, err := r.NextRawPart()
		require.NoError(t, err, "%q", body)
		require.Equal(t, want.Name, p.FormName(), "%q", body)
		_, parameters, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
		require.NoError(t, err, "%q", body)
		require.Equal(t, want.Filename, parameters["filename"], "%q", body)
		content, err := io.ReadAll(p)
		require.NoError(t, err, "%q", body)
		require.Equal(t, want.content, string(content), "%q", body)
	}
	_, err = r.NextRawPart()
	require.ErrorIs(t, err, io.EOF, "%q", body)
}

func TestAFileBehindAProblemIsSeen(t *testing.T) {
	parts, problem := parse(plainType, "x\r\n"+part(file("a.exe"), "MZ"), 5)
	require.Equal(t, multipart.DataBefore, problem)
	require.Equal(t, []read{{multipart.Part{Name: "a", Filename: "a.exe", IsFile: true}, "MZ\r\n"}}, parts)
}

func TestALongFileIsNotKept(t *testing.T) {
	most := 0
	p := multipart.New(plainType, 1, sizes{&most})
	_, _ = p.Write([]byte("--B\r\n" + file("a") + "\r\n\r\n"))
	for range 100 {
		_, _ = p.Write(bytes.Repeat([]byte("x"), 10000))
	}
	_, _ = p.Write([]byte("\r\n--B--\r\n"))
	require.Equal(t, multipart.OK, p.Close())
	require.LessOrEqual(t, most, 10000+len("\r\n--B")+1, "what was written is handed on at once")
}

type sizes struct{ most *int }

func (s sizes) Begin(multipart.Part) {}
func (s sizes) Data(b []byte)        { *s.most = max(*s.most, len(b)) }
func (s sizes) End()                 {}

func TestProblemsHaveWords(t *testing.T) {
	seen := map[string]bool{}
	for p := multipart.OK; p <= multipart.TooManyParts; p++ {
		require.NotEmpty(t, p.String())
		require.False(t, seen[p.String()], p)
		seen[p.String()] = true
	}
}

// FuzzParser holds the parser to two promises: the pieces do not matter, and what
// it calls plain is read by Go's own reader in the same way.
func FuzzParser(f *testing.F) {
	for _, body := range []string{
		part(field, "1") + "--B--\r\n", part(file("a.png")+"\r\nContent-Type: image/png", "\r\n-\r\n--C") + part(`Content-Disposition: form-data; name=b`, "") + "--B--",
		part(field, "1\n--B\r\n--B "), "--B\r\n\r\n\r\n--B--", "--B--\r\n", part("X:\t \r\n"+field, "\r"),
	} {
		f.Add("B", body, uint8(3))
	}
	f.Fuzz(func(t *testing.T, boundary, body string, n uint8) {
		contentType := fmt.Sprintf(`multipart/form-data; boundary="%s"`, boundary)
		whole, problem := parse(contentType, body, len(body)+1)
		pieces, again := parse(contentType, body, int(n)+1)
		require.Equal(t, whole, pieces)
		require.Equal(t, problem, again)
		if _, _, err := mime.ParseMediaType(contentType); err == nil {
			agreesWithStdlib(t, contentType, body, whole, problem)
		}
	})
}
