package mime_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/engine/mime"
)

func TestSniff(t *testing.T) {
	for name, row := range map[string]struct {
		head, want string
		class      mime.Class
	}{
		"nothing":                          {"", "text/plain", mime.ClassText},
		"text":                             {"hello", "text/plain", mime.ClassText},
		"text with a byte order mark":      {"\xff\xfeh\x00i\x00", "text/plain", mime.ClassText},
		"binary":                           {"\x01\x02\x03", "application/octet-stream", mime.ClassUnknown},
		"a PNG":                            {"\x89PNG\r\n\x1a\n", "image/png", mime.ClassImage},
		"a PNG that a transfer has bent":   {"\x89PNG\n\x1a\n", "application/octet-stream", mime.ClassUnknown},
		"a JPEG":                           {"\xff\xd8\xff\xdb", "image/jpeg", mime.ClassImage},
		"a GIF":                            {"GIF87a", "image/gif", mime.ClassImage},
		"a WebP":                           {"RIFF1234WEBPVP8 ", "image/webp", mime.ClassImage},
		"a bitmap":                         {"BM\x36\x00\x00\x00", "image/bmp", mime.ClassImage},
		"a text about a car":               {"BMW builds cars", "text/plain", mime.ClassText},
		"an AVIF":                          {"\x00\x00\x00\x20ftypavif\x00", "image/avif", mime.ClassImage},
		"a HEIC":                           {"\x00\x00\x00\x20ftypheic\x00", "image/heic", mime.ClassImage},
		"an MP4":                           {"\x00\x00\x00\x20ftypisom\x00", "video/mp4", mime.ClassMedia},
		"an MP3 with a title":              {"ID3\x04\x00", "audio/mpeg", mime.ClassMedia},
		"an MP3 without":                   {"\xff\xfb\x90\x44", "audio/mpeg", mime.ClassMedia},
		"a WAV":                            {"RIFF1234WAVEfmt ", "audio/wave", mime.ClassMedia},
		"a font":                           {"wOF2\x00", "font/woff2", mime.ClassFont},
		"a PDF":                            {"%PDF-1.7", "application/pdf", mime.ClassDocument},
		"an old office file":               {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage", mime.ClassDocument},
		"a ZIP":                            {"PK\x03\x04", "application/zip", mime.ClassArchive},
		"an empty ZIP":                     {"PK\x05\x06", "application/zip", mime.ClassArchive},
		"a tar":                            {strings.Repeat("a", 257) + "ustar\x00", "application/x-tar", mime.ClassArchive},
		"a bzip2":                          {"BZh91AY&SY", "application/x-bzip2", mime.ClassArchive},
		"a program of Windows":             {"MZ\x90\x00", "application/x-msdownload", mime.ClassExecutable},
		"a text about Mozart":              {"MZT", "text/plain", mime.ClassText},
		"a program of Linux":               {"\x7fELF\x02", "application/x-elf", mime.ClassExecutable},
		"a program of macOS":               {"\xcf\xfa\xed\xfe\x07", "application/x-mach-binary", mime.ClassExecutable},
		"a program of macOS, 32 bits":      {"\xfe\xed\xfa\xce", "application/x-mach-binary", mime.ClassExecutable},
		"a class of Java":                  {"\xca\xfe\xba\xbe\x00", "application/java-vm", mime.ClassExecutable},
		"WebAssembly":                      {"\x00asm\x01", "application/wasm", mime.ClassExecutable},
		"a shell script":                   {"#!/bin/sh\n", "text/x-script", mime.ClassScript},
		"PHP":                              {" <?PHP echo", "application/x-httpd-php", mime.ClassScript},
		"HTML behind blanks":               {"\r\n\t <!doctype html>", "text/html", mime.ClassMarkup},
		"HTML by its first tag":            {"<scRipt>", "text/html", mime.ClassMarkup},
		"a tag that goes on is none":       {"<scripted>", "text/plain", mime.ClassText},
		"a tag that ends the text":         {"<b", "text/plain", mime.ClassText},
		"HTML behind a byte order mark":    {"\xef\xbb\xbf<html >", "text/html", mime.ClassMarkup},
		"XML":                              {"<?xml version='1.0'?><a/>", "text/xml", mime.ClassMarkup},
		"SVG":                              {"<SVG>", "image/svg+xml", mime.ClassMarkup},
		"SVG behind a declaration":         {"<?xml version='1.0'?>\n<!-- x --><svg>", "image/svg+xml", mime.ClassMarkup},
		"SVG behind a comment":             {"<!-- x --><svg>", "image/svg+xml", mime.ClassMarkup},
		"a comment":                        {"<!-- x -->", "text/html", mime.ClassMarkup},
		"a control far behind is not seen": {strings.Repeat("a", mime.SniffBytes) + "\x00", "text/plain", mime.ClassText},
	} {
		t.Run(name, func(t *testing.T) {
			got := mime.Sniff([]byte(row.head))
			require.Equal(t, mime.Format{Type: row.want, Class: row.class}, got)
			require.NotEmpty(t, got.Class.String())
		})
	}
}

func TestFit(t *testing.T) {
	png, exe, page := mime.Sniff([]byte("\x89PNG\r\n\x1a\n")), mime.Sniff([]byte("MZ\x00")), mime.Sniff([]byte("<p>"))
	for name, row := range map[string]struct {
		claim mime.Claim
		is    mime.Format
		want  mime.Fit
	}{
		"a type that is right":           {mime.ClaimOfType("image/x-png"), png, mime.FitGood},
		"an extension that is right":     {mime.ClaimOfExtension("png"), png, mime.FitGood},
		"another image":                  {mime.ClaimOfExtension("jpg"), png, mime.FitNear},
		"a program called an image":      {mime.ClaimOfExtension("jpg"), exe, mime.FitNot},
		"a page called a text":           {mime.ClaimOfType("text/csv"), page, mime.FitNear},
		"a text called a page":           {mime.ClaimOfType("text/html"), mime.Sniff([]byte("hi")), mime.FitNear},
		"an image called a page":         {mime.ClaimOfType("text/html"), png, mime.FitNot},
		"a type that nobody can know":    {mime.ClaimOfType("application/x-mine"), exe, mime.FitGood},
		"an extension that nobody knows": {mime.ClaimOfExtension("dat"), exe, mime.FitGood},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, row.want, row.claim.Fit(row.is)) })
	}
}

func TestExtensions(t *testing.T) {
	for name, row := range map[string]struct {
		in, want, dangerous string
	}{
		"none":                       {"photo", "", ""},
		"one":                        {"photo.PNG", "png", ""},
		"two":                        {"photo.tar.gz", "gz tar", ""},
		"a server's in front":        {"a.php.jpg", "jpg php", "php"},
		"dots and blanks at the end": {"a.php. . ", "php", "php"},
		"a stream of NTFS":           {"a.asp::$DATA", "data asp", "asp"},
		"a semicolon":                {"a.asp;.jpg", "jpg asp", "asp"},
		"a NUL":                      {"a.php\x00.jpg", "jpg php", "php"},
		"a hidden settings file":     {".htaccess", "htaccess", "htaccess"},
		"a path":                     {`c:\x.php\a.jpg`, "jpg", ""},
		"a host name":                {"example.com.pdf", "pdf com", ""},
		"a program":                  {"example.com", "com", "com"},
		"a version":                  {"report.v1.2.docx", "docx 2 v1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := mime.Extensions(row.in)
			require.Equal(t, row.want, strings.Join(got, " "))
			extension, ok := mime.IsDangerous(got)
			require.Equal(t, row.dangerous, extension)
			require.Equal(t, row.dangerous != "", ok)
		})
	}
}

func TestAccepts(t *testing.T) {
	list, err := mime.NewAllowList([]string{"application/json", "application/*+json", "text/*"})
	require.NoError(t, err)
	for accept, want := range map[string]bool{
		"application/json": true, "APPLICATION/JSON;q=0.5": true, "*/*": true, "application/*": true, "text/csv": true,
		"text/*;q=0.1": true, "image/png, */*;q=0.1": true, "application/problem+json": true,
		"image/png": false, "image/*": false, "": false, "json": false, "application/json;q=0": false, "*/*;q=0.000": false,
		"application/json;q=0, image/*": false, strings.Repeat("image/png,", 64) + "*/*": false,
	} {
		require.Equal(t, want, list.Accepts(accept), accept)
	}
	none, err := mime.NewAllowList(nil)
	require.NoError(t, err)
	require.False(t, none.Accepts("*/*"))
}

func TestAmbiguity(t *testing.T) {
	for value, want := range map[string]string{
		"application/json":                                         "",
		"application/json; charset=UTF-8":                          "",
		"text/plain; charset=utf-7":                                "another character set",
		"text/plain; charset=utf-8; charset=utf-8":                 "the parameter charset twice",
		"text/plain; a=1; A=2":                                     "the parameter a twice",
		"text/plain; charset*=utf-8''x":                            "an extended parameter (RFC 2231)",
		"multipart/form-data; boundary=abc":                        "",
		"multipart/form-data":                                      "a boundary that RFC 2046 does not allow",
		`multipart/form-data; boundary=""`:                         "a boundary that RFC 2046 does not allow",
		`multipart/form-data; boundary="a\"b"`:                     "a boundary that RFC 2046 does not allow",
		`multipart/form-data; boundary="a "`:                       "a boundary that RFC 2046 does not allow",
		"multipart/form-data; boundary=" + strings.Repeat("b", 71): "a boundary that RFC 2046 does not allow",
		"application/json; boundary=\"{\"":                         "a boundary that RFC 2046 does not allow",
		"json":                                                     "no media type",
	} {
		require.Equal(t, want, mime.Ambiguity(value, []string{"utf-8"}), value)
	}
	require.Empty(t, mime.Ambiguity("text/plain; charset=utf-7", nil))
}

// FuzzSniff holds what looks at files and names to being total, and to looking at
// no more than it says.
func FuzzSniff(f *testing.F) {
	for _, seed := range []string{"GIF89a", "<?xml <svg", "BM", "\x00\x00\x00 ftypavif", "a.php;.jpg", "text/html; q=0, */*"} {
		f.Add(seed)
	}
	all, err := mime.NewAllowList([]string{"*/*"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, mime.Sniff([]byte(s)), mime.Sniff([]byte(s[:min(len(s), mime.SniffBytes)])))
		typ, ok := mime.Parse(mime.Sniff([]byte(s)).Type)
		require.True(t, ok && all.Allows(typ), "Sniff gives a media type")
		for _, extension := range mime.Extensions(s) {
			require.NotContains(t, extension, ".")
		}
		mime.IsDangerous(mime.Extensions(s))
		if mime.Ambiguity(s, nil) == "" {
			_, ok := mime.Parse(s)
			require.True(t, ok)
		}
		if all.Accepts(s) {
			require.Contains(t, s, "/")
		}
	})
}
