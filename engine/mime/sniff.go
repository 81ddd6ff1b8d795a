package mime

import "bytes"

// SniffBytes is how much of a file Sniff wants to see: the standard's resource
// header of 1445 bytes, rounded up. A tar archive says so at byte 257.
const SniffBytes = 1536

// Class is what a format is for. Whether a file is harmful depends on its class
// more than on its type.
type Class uint8

// The classes.
const (
	ClassUnknown    Class = iota // binary, and no signature fits
	ClassText                    // no byte of a binary format among it
	ClassMarkup                  // HTML, SVG and other XML: a browser may run what is in it
	ClassImage                   //
	ClassMedia                   // audio and video, whose containers are the same
	ClassFont                    //
	ClassDocument                // PDF, PostScript, RTF, office files
	ClassArchive                 //
	ClassExecutable              // run by an operating system or a virtual machine
	ClassScript                  // run by an interpreter that its first line names
)

var classNames = [...]string{"unknown", "text", "markup", "image", "media", "font", "document", "archive", "executable", "script"}

// String returns the class in a word.
func (c Class) String() string { return classNames[c] }

// Format is what the bytes of a file say that it is.
type Format struct {
	// Type is a media type without parameters; one that no registry has is
	// written with "x-".
	Type  string
	Class Class
}

// signature is a row of the table: the bytes at an offset, of which those under
// a mask of 0 do not count; no mask is all ones.
type signature struct {
	offset      int
	bytes, mask string
	format      Format
}

// Formats that more than one place names.
var (
	formatHTML   = Format{"text/html", ClassMarkup}
	formatXML    = Format{"text/xml", ClassMarkup}
	formatSVG    = Format{"image/svg+xml", ClassMarkup}
	formatText   = Format{"text/plain", ClassText}
	formatBinary = Format{"application/octet-stream", ClassUnknown}
	formatMP4    = Format{"video/mp4", ClassMedia}
	formatZIP    = Format{"application/zip", ClassArchive}
	formatOLE    = Format{"application/x-ole-storage", ClassDocument}
	formatPHP    = Format{"application/x-httpd-php", ClassScript}
	formatMP3    = Format{"audio/mpeg", ClassMedia}
)

// signatures has the tables of the WHATWG MIME Sniffing Standard, sections 6.1
// to 6.3 and 7.1 (images, audio and video, fonts and archives, scriptable
// types), and behind them what a server wants to know and a browser does not:
// more archives, office files and what can be run, from the formats' own
// specifications (ELF, PE, Mach-O, JVM chapter 4, WebAssembly 5.5.16, MS-CFB
// 2.2, MS-SHLLINK 2.1, 7zFormat.txt, XZ 1.1, RFC 8878).
var signatures = []signature{
	{bytes: "%PDF-", format: Format{"application/pdf", ClassDocument}},
	{bytes: "%!PS-Adobe-", format: Format{"application/postscript", ClassDocument}},
	{bytes: "\x00\x00\x01\x00", format: Format{"image/x-icon", ClassImage}},
	{bytes: "\x00\x00\x02\x00", format: Format{"image/x-icon", ClassImage}},
	{bytes: "BM", format: Format{"image/bmp", ClassImage}},
	{bytes: "GIF87a", format: Format{"image/gif", ClassImage}},
	{bytes: "GIF89a", format: Format{"image/gif", ClassImage}},
	{bytes: "RIFF\x00\x00\x00\x00WEBPVP", mask: "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff", format: Format{"image/webp", ClassImage}},
	{bytes: "\x89PNG\r\n\x1a\n", format: Format{"image/png", ClassImage}},
	{bytes: "\xff\xd8\xff", format: Format{"image/jpeg", ClassImage}},
	{bytes: "II*\x00", format: Format{"image/tiff", ClassImage}},
	{bytes: "MM\x00*", format: Format{"image/tiff", ClassImage}},

	{bytes: "FORM\x00\x00\x00\x00AIFF", mask: "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff", format: Format{"audio/aiff", ClassMedia}},
	{bytes: "ID3", format: formatMP3},
	{bytes: "OggS\x00", format: Format{"application/ogg", ClassMedia}},
	{bytes: "MThd\x00\x00\x00\x06", format: Format{"audio/midi", ClassMedia}},
	{bytes: "RIFF\x00\x00\x00\x00AVI ", mask: "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff", format: Format{"video/avi", ClassMedia}},
	{bytes: "RIFF\x00\x00\x00\x00WAVE", mask: "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff", format: Format{"audio/wave", ClassMedia}},
	{bytes: "\x1a\x45\xdf\xa3", format: Format{"video/webm", ClassMedia}},
	{bytes: "fLaC", format: Format{"audio/flac", ClassMedia}},
	{bytes: "\xff\xe2", mask: "\xff\xe6", format: formatMP3}, // a frame of layer III without ID3 (ISO 11172-3, 2.4.2.3)

	{bytes: "\x00\x01\x00\x00", format: Format{"font/ttf", ClassFont}},
	{bytes: "OTTO", format: Format{"font/otf", ClassFont}},
	{bytes: "ttcf", format: Format{"font/collection", ClassFont}},
	{bytes: "wOFF", format: Format{"font/woff", ClassFont}},
	{bytes: "wOF2", format: Format{"font/woff2", ClassFont}},

	{bytes: "PK\x03\x04", format: formatZIP},
	{bytes: "PK\x05\x06", format: formatZIP},
	{bytes: "\x1f\x8b\x08", format: Format{"application/x-gzip", ClassArchive}},
	{bytes: "Rar!\x1a\x07", format: Format{"application/x-rar-compressed", ClassArchive}},
	{bytes: "7z\xbc\xaf\x27\x1c", format: Format{"application/x-7z-compressed", ClassArchive}},
	{bytes: "\xfd7zXZ\x00", format: Format{"application/x-xz", ClassArchive}},
	{bytes: "BZh\x30\x31AY&SY", mask: "\xff\xff\xff\xf0\xff\xff\xff\xff\xff\xff", format: Format{"application/x-bzip2", ClassArchive}},
	{bytes: "\x28\xb5\x2f\xfd", format: Format{"application/zstd", ClassArchive}},
	{bytes: "MSCF\x00\x00\x00\x00", format: Format{"application/vnd.ms-cab-compressed", ClassArchive}},
	{offset: 257, bytes: "ustar", format: Format{"application/x-tar", ClassArchive}},

	{bytes: "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", format: formatOLE},
	{bytes: "{\\rtf", format: Format{"application/rtf", ClassDocument}},

	{bytes: "\x7fELF", format: Format{"application/x-elf", ClassExecutable}},
	{bytes: "MZ", format: Format{"application/x-msdownload", ClassExecutable}},
	{bytes: "\xfe\xed\xfa\xce", mask: "\xff\xff\xff\xfe", format: Format{"application/x-mach-binary", ClassExecutable}},
	{bytes: "\xce\xfa\xed\xfe", mask: "\xfe\xff\xff\xff", format: Format{"application/x-mach-binary", ClassExecutable}},
	{bytes: "\xca\xfe\xba\xbe", format: Format{"application/java-vm", ClassExecutable}}, // or a Mach-O for several processors
	{bytes: "\x00asm", format: Format{"application/wasm", ClassExecutable}},
	{bytes: "dex\n", format: Format{"application/vnd.android.dex", ClassExecutable}},
	{bytes: "\x4c\x00\x00\x00\x01\x14\x02\x00", format: Format{"application/x-ms-shortcut", ClassExecutable}},
	{bytes: "#!", format: Format{"text/x-script", ClassScript}},
}

// tags begin an HTML document, behind blanks and in any case, when a blank or
// ">" follows (section 7.1; the comment needs neither).
var tags = []string{
	"<!DOCTYPE HTML", "<HTML", "<HEAD", "<SCRIPT", "<IFRAME", "<H1", "<DIV", "<FONT", "<TABLE", "<A", "<STYLE",
	"<TITLE", "<B", "<BODY", "<BR", "<P",
}

// Sniff says what a file is by its first bytes, of which it wants SniffBytes or
// the whole file. What a browser would take for HTML is HTML here.
func Sniff(head []byte) Format {
	head = head[:min(len(head), SniffBytes)]
	for i := range signatures {
		if signatures[i].matches(head) && !signatures[i].isProse(head) {
			return signatures[i].format
		}
	}
	switch {
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return isoMedia(string(head[8:12]))
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		head = head[3:]
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return formatText
	}
	if format, ok := markup(bytes.TrimLeft(head, "\t\n\f\r ")); ok {
		return format
	}
	if hasBinary(head) {
		return formatBinary
	}
	return formatText
}

func (s *signature) matches(head []byte) bool {
	if len(head) < s.offset+len(s.bytes) {
		return false
	}
	for i := range len(s.bytes) {
		c := head[s.offset+i]
		if s.mask != "" {
			c &= s.mask[i]
		}
		if c != s.bytes[i] {
			return false
		}
	}
	return true
}

// isProse says that a text begins with the letters of a short signature by
// chance, such as "BMW" or "MZ". The standard calls it a bitmap all the same; a
// rule that refuses on it had better not.
func (s *signature) isProse(head []byte) bool {
	return len(s.bytes) <= 3 && s.bytes[0] >= 'A' && s.bytes[0] <= 'Z' && !hasBinary(head)
}

// isoMedia tells images from video by the major brand of an ISO base media file
// (ISO 14496-12, 4.3; MIAF brands of HEIF and AVIF).
func isoMedia(brand string) Format {
	switch brand {
	case "avif", "avis":
		return Format{"image/avif", ClassImage}
	case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
		return Format{"image/heic", ClassImage}
	}
	return formatMP4
}

// markup recognises HTML, XML, SVG and PHP behind blanks.
func markup(s []byte) (Format, bool) {
	switch {
	case hasPrefixFold(s, "<?php"), hasPrefixFold(s, "<?="):
		return formatPHP, true
	case hasPrefixFold(s, "<svg"), hasPrefixFold(s, "<!doctype svg"):
		return formatSVG, true
	case hasPrefixFold(s, "<?xml"):
		if containsFold(s, "<svg") {
			return formatSVG, true
		}
		return formatXML, true
	case hasPrefixFold(s, "<!--"):
		if containsFold(s, "<svg") {
			return formatSVG, true
		}
		return formatHTML, true
	}
	for _, tag := range tags {
		if hasPrefixFold(s, tag) && len(s) > len(tag) && (s[len(tag)] == ' ' || s[len(tag)] == '>') {
			return formatHTML, true
		}
	}
	return Format{}, false
}

// hasBinary is the standard's test for a binary data byte (section 3).
func hasBinary(s []byte) bool {
	for _, c := range s {
		if c <= 0x08 || c == 0x0b || c >= 0x0e && c <= 0x1a || c >= 0x1c && c <= 0x1f {
			return true
		}
	}
	return false
}

func containsFold(s []byte, want string) bool {
	for {
		i := bytes.IndexByte(s, want[0])
		if i < 0 {
			return false
		}
		if s = s[i:]; hasPrefixFold(s, want) {
			return true
		}
		s = s[1:]
	}
}

// hasPrefixFold compares ASCII letters without their case.
func hasPrefixFold(s []byte, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lowerByte(s[i]) != lowerByte(prefix[i]) {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
