package upload_test

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/mime"
	"tabard/engine/multipart"
	"tabard/engine/upload"
)

const (
	png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
	jpg = "\xff\xd8\xff\xe0\x00\x10JFIF\x00"
	pdf = "%PDF-1.4\n1 0 obj<<>>endobj\n%%EOF\n"
	ole = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00"
	svg = `<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>`
)

func archive(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.Create(name)
		require.NoError(t, err)
		_, err = f.Write([]byte("harmless"))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String()
}

// wide is a text of ASCII in UTF-16, the low byte first.
func wide(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteString(text[i:i+1] + "\x00")
	}
	return b.String()
}

// judge gives the names of what is found about one file, which arrives in pieces
// of n bytes.
func judge(limits upload.Limits, p multipart.Part, content string, n int) []string {
	j := upload.NewJudge(limits)
	j.Begin(p)
	for rest := content; rest != ""; {
		piece := rest[:min(n, len(rest))]
		rest = rest[len(piece):]
		j.Data([]byte(piece))
	}
	j.End()
	var out []string
	for i, what := range j.Found {
		if what != "" {
			out = append(out, upload.Names[i])
		}
	}
	return out
}

func TestJudge(t *testing.T) {
	images, err := mime.NewAllowList([]string{"image/*"})
	require.NoError(t, err)
	docx := archive(t, "[Content_Types].xml", "word/document.xml")
	docm := archive(t, "[Content_Types].xml", "word/vbaProject.bin")
	zipped := archive(t, "a.txt")
	for name, row := range map[string]struct {
		limits               upload.Limits
		filename, typ, bytes string
		want                 string
	}{
		"an image": {filename: "a.png", typ: "image/png", bytes: png},
		"an empty file of any name is not looked at but for its name": {filename: "a.png", typ: "image/png"},
		"a field without a file":                             {typ: "application/octet-stream"},
		"a program":                                          {filename: "a", bytes: "\x7fELF\x02\x01", want: "executable"},
		"a program that calls itself an image":               {filename: "a.png", typ: "image/png", bytes: "MZ\x90\x00", want: "executable mismatch"},
		"a script":                                           {filename: "a", bytes: "#!/usr/bin/perl\n", want: "executable"},
		"PHP by its bytes":                                   {filename: "a", bytes: "\n<?php echo 1;", want: "executable"},
		"an archive":                                         {filename: "a.zip", typ: "application/zip", bytes: zipped, want: "archive"},
		"an office file":                                     {filename: "a.docx", bytes: docx},
		"an office file with macros":                         {filename: "a.docx", bytes: docm, want: "macro"},
		"an office file that may have macros":                {filename: "a.XLSM", bytes: docx, want: "macro"},
		"an old office file":                                 {filename: "a.doc", typ: "application/msword", bytes: ole},
		"an old office file with macros":                     {filename: "a.doc", bytes: ole + "_\x00V\x00B\x00A\x00_\x00P\x00R\x00O\x00J\x00E\x00C\x00T\x00", want: "macro"},
		"the test virus in a text":                           {filename: "a.txt", bytes: "X5O!P%@AP[4\\PZX54(P^)7CC)7}" + "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*", want: "virus"},
		"a text about the test virus":                        {filename: "a.txt", bytes: "EICAR-STANDARD-ANTIVIRUS-TEST-FILE"},
		"an image with PHP":                                  {filename: "a.png", bytes: png + strings.Repeat("x", 3000) + "<?PhP", want: "polyglot"},
		"an image with a page":                               {filename: "a.jpg", bytes: jpg + "<html>", want: "polyglot"},
		"an image that is an archive":                        {filename: "a.jpg", bytes: jpg + zipped, want: "polyglot"},
		"a document that is an archive":                      {filename: "a.pdf", bytes: pdf + zipped, want: "polyglot"},
		"an archive far from the end is none to its readers": {filename: "a.pdf", bytes: pdf + zipped + strings.Repeat("x", 70000)},
		"an image that is a document":                        {filename: "a.png", bytes: png + pdf, want: "polyglot"},
		"a page is no second format of a page":               {filename: "a.xml", bytes: "<?xml version='1.0'?><html/>"},
		"a drawing":                                          {filename: "a.svg", typ: "image/svg+xml", bytes: svg},
		"a drawing with a script":                            {filename: "a.svg", bytes: svg + "<Script>", want: "active"},
		"a drawing with a handler":                           {filename: "a.svg", bytes: "<svg/onload = alert(1)>" + svg, want: "active"},
		"a drawing with a URL that is a script":              {filename: "a.svg", bytes: svg + `<a href="JavaScript:alert(1)">`, want: "active"},
		"a word with on is no handler":                       {filename: "a.svg", bytes: strings.Replace(svg, "d=", "position = \"one\" data-on=1 d=", 1)},
		"a drawing with a script in a name space":            {filename: "a.svg", bytes: `<svg xmlns:x="http://www.w3.org/2000/svg"><x:script>alert(1)</x:script></svg>`, want: "active"},
		"a drawing whose tags all have a prefix":             {filename: "a.svg", bytes: `<x:svg xmlns:x="http://www.w3.org/2000/svg" onload="alert(1)"/>`, want: "active near_mismatch"},
		"a text about such a drawing":                        {filename: "a.txt", bytes: `write <x:svg onload="alert(1)"/>`},
		"a drawing with a style sheet":                       {filename: "a.svg", bytes: `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#s"?>` + svg, want: "active"},
		"a drawing in UTF-16":                                {filename: "a.svg", bytes: "\xff\xfe" + wide(svg)},
		"a drawing in UTF-16 with a handler":                 {filename: "a.svg", bytes: "\xff\xfe" + wide(`<svg onload="alert(1)"/>`), want: "active"},
		"a text in UTF-16":                                   {filename: "a.txt", bytes: "\xff\xfe" + wide("hello")},
		"a URL with a letter as a number":                    {filename: "a.svg", bytes: svg + `<a href="&#106;avascript:alert(1)"/>`, want: "active"},
		"a URL with a letter as a hexadecimal number":        {filename: "a.svg", bytes: svg + `<a href = 'j&#x41vascript:alert(1)'/>`, want: "active"},
		"a URL with a letter behind many zeros":              {filename: "a.svg", bytes: svg + `<a href="&#0000000000000000000000000000000000000106;avascript:alert(1)"/>`, want: "active"},
		"a URL with a line's end in it":                      {filename: "a.svg", bytes: svg + "<a href=\"\njava\nscript:alert(1)\"/>", want: "active"},
		"a URL with a letter behind the first ones":          {filename: "a.svg", bytes: svg + `<a href="jav&#97;script:alert(1)"/>`, want: "active"},
		"a URL all of references":                            {filename: "a.svg", bytes: svg + `<a href="&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)"/>`, want: "active"},
		"a word with the same beginning":                     {filename: "a.svg", bytes: svg + "<text title=\"java\nis a coffee\" x=\"java script: a\" y=\"java&#32;script\"/>"},
		"a word with a letter as a number":                   {filename: "a.svg", bytes: svg + `<text title="&#106;uly" x="java"/>`},
		"an image with a short tag of PHP":                   {filename: "a.png", bytes: png + "\x00\x01<?=`$_GET[0]`?>", want: "polyglot"},
		"an image with an open tag of PHP":                   {filename: "a.png", bytes: png + "\x00\x01<? system($_GET[0]);", want: "polyglot"},
		"an image with a page for a Java server":             {filename: "a.gif", bytes: "GIF89a\x01\x00<%@page import=\"java.io.*\"%>", want: "polyglot"},
		"an image with those bytes by chance":                {filename: "a.png", bytes: png + "\x00<?=abc\x01<% hello\x02<?xpacket begin='' ?>"},
		"a text that is an archive":                          {filename: "a.txt", bytes: strings.Repeat("hello ", 400) + zipped, want: "polyglot"},
		"a file of no format that is an archive":             {filename: "a.dat", bytes: "\x01\x02" + zipped, want: "polyglot"},
		"an image that is a RAR archive":                     {filename: "a.jpg", bytes: jpg + "Rar!\x1a\x07\x01\x00", want: "polyglot"},
		"an image that is a 7z archive":                      {filename: "a.jpg", bytes: jpg + "7z\xbc\xaf\x27\x1c", want: "polyglot"},
		"a name for the server":                              {filename: "a.phtml", bytes: png, want: "extension"},
		"a name for the server in front":                     {filename: "a.php.png", bytes: png, want: "extension"},
		"a name for the server behind NUL":                   {filename: "a.jsp%00.png", bytes: png, want: "extension"},
		"a program's name":                                   {filename: "a.exe", bytes: "x", want: "extension"},
		"a program's name in front is none":                  {filename: "example.com.png", bytes: png},
		"a name in the list":                                 {limits: upload.Limits{Extensions: []string{"png"}}, filename: "a.PNG", bytes: png},
		"a name that is not in the list":                     {limits: upload.Limits{Extensions: []string{"png"}}, filename: "a.jpg", bytes: jpg, want: "extension"},
		"no extension where there is a list":                 {limits: upload.Limits{Extensions: []string{"png"}}, filename: "a", bytes: png, want: "extension"},
		"a format in the list":                               {limits: upload.Limits{Types: images}, filename: "a.jpg", bytes: jpg},
		"a format that is not in the list":                   {limits: upload.Limits{Types: images}, filename: "a", bytes: pdf, want: "type"},
		"a text called an image":                             {filename: "a.png", bytes: "hello", want: "mismatch"},
		"an image called a text":                             {filename: "a.txt", bytes: png, want: "mismatch"},
		"an image called another one":                        {filename: "a.png", bytes: jpg, want: "near_mismatch"},
		"a text that begins like a page":                     {filename: "a.txt", bytes: "<p>hello", want: "near_mismatch"},
		"a size at the limit":                                {limits: upload.Limits{MaxFileBytes: 5}, filename: "a", bytes: "12345"},
		"a size over the limit":                              {limits: upload.Limits{MaxFileBytes: 4}, filename: "a", bytes: "12345", want: "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			p := multipart.Part{Name: "f", Filename: row.filename, IsFile: true, ContentType: row.typ}
			for _, n := range []int{1, 5, 1000, len(row.bytes) + 1} {
				require.Equal(t, row.want, strings.Join(judge(row.limits, p, row.bytes, n), " "), "in pieces of %d", n)
			}
		})
	}
}

func TestFieldsAreHandedOn(t *testing.T) {
	j := upload.NewJudge(upload.Limits{MaxFiles: 1})
	var got []string
	j.Field = func(name, content string) { got = append(got, name+"="+content) }
	for _, p := range []multipart.Part{
		{Name: "a"}, {Name: "b", ContentType: "text/plain; charset=utf-8"},
		{Name: "c", ContentType: "application/json"}, // a file to servers that go by the type
		{Name: "d", IsFile: true}, {Name: "e", IsFile: true, Filename: "e.txt"},
	} {
		j.Begin(p)
		j.Data([]byte("1"))
		j.Data([]byte("2"))
		j.End()
	}
	require.Equal(t, []string{"a=12", "b=12"}, got)
	require.NotEmpty(t, j.Found[upload.TooMany])
}

func TestWhatMayBeAllowed(t *testing.T) {
	for _, name := range upload.Allowable() {
		require.Contains(t, upload.Names, name)
	}
	require.NotContains(t, upload.Allowable(), upload.Names[upload.Virus])
}

func TestNamesInLogsAreShort(t *testing.T) {
	j := upload.NewJudge(upload.Limits{})
	j.Begin(multipart.Part{Name: strings.Repeat("n", 999), Filename: "\n\xff" + strings.Repeat("a", 999) + ".php", IsFile: true})
	j.End()
	require.Less(t, len(j.Found[upload.Extension]), 300)
	require.Contains(t, j.Found[upload.Extension], `"\n\xff`)
}

// FuzzJudge holds the judge to one promise: in which pieces a file arrives does
// not matter.
func FuzzJudge(f *testing.F) {
	for _, content := range []string{png + "<?php", pdf + "PK\x03\x04PK\x05\x06", svg + " onload=", ole, "MZ\x00"} {
		f.Add("a.php.png", "image/png", content, uint8(3))
	}
	f.Fuzz(func(t *testing.T, filename, contentType, content string, n uint8) {
		p := multipart.Part{Name: "f", Filename: filename, IsFile: true, ContentType: contentType}
		require.Equal(t, judge(upload.Limits{}, p, content, len(content)+1), judge(upload.Limits{}, p, content, int(n)+1))
	})
}

func BenchmarkJudge1MB(b *testing.B) {
	content := []byte(png + strings.Repeat("0123456789abcdef<\x00oP%", 1<<20/21))
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		j := upload.NewJudge(upload.Limits{})
		j.Begin(multipart.Part{Name: "f", Filename: "a.png", IsFile: true, ContentType: "image/png"})
		j.Data(content)
		j.End()
	}
}
