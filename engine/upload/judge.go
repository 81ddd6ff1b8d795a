package upload

import (
	"slices"
	"strconv"
	"strings"

	"tabard/engine/mime"
	"tabard/engine/multipart"
)

// Limits is what a route takes. A zero field sets no limit.
type Limits struct {
	// MaxFiles and MaxFileBytes are the number of files and the size of each.
	MaxFiles     int
	MaxFileBytes int
	// Extensions are those that are allowed, in small letters and without a dot.
	Extensions []string
	// Types are the formats that are allowed, by their sniffed types.
	Types *mime.AllowList
}

// Judge looks at the files of one body. It is a multipart.Sink; a body that is
// one file as a whole is given to it by Begin, Data and End.
type Judge struct {
	limits Limits
	// Field, when not nil, gets the name and the content of each field, which is
	// what is no file.
	Field func(name, content string)
	// Found says, for each finding, about which file and what; empty when there
	// is none. Only the first of each kind is kept.
	Found [Findings]string

	part  multipart.Part
	skip  bool // a field, which CRS looks at
	field []byte
	files int
	size  int
	head  []byte
	scan  scanner
	start []byte // the first bytes, until wide is known
	begun bool
	wide  bool // text in UTF-16, of which the letters of ASCII are looked at
}

// NewJudge returns a judge for one body.
func NewJudge(limits Limits) *Judge { return &Judge{limits: limits} }

// Begin starts a part.
func (j *Judge) Begin(p multipart.Part) {
	j.part, j.size, j.head, j.field, j.scan = p, 0, j.head[:0], j.field[:0], scanner{}
	j.start, j.begun, j.wide = j.start[:0], false, false
	// A part without a file name is a field to servers, unless it is declared to
	// be something else than text.
	j.skip = !p.IsFile && (p.ContentType == "" || strings.HasPrefix(strings.ToLower(p.ContentType), "text/plain"))
}

// Data takes a piece of the part.
func (j *Judge) Data(b []byte) {
	if j.skip {
		if j.Field != nil {
			j.field = append(j.field, b...)
		}
		return
	}
	j.size += len(b)
	if j.begun {
		j.look(b)
		return
	}
	if j.start = append(j.start, b...); len(j.start) >= wideMarkBytes {
		j.wide = string(j.start[:wideMarkBytes]) == "\xff\xfe" || string(j.start[:wideMarkBytes]) == "\xfe\xff"
		j.begun = true
		j.look(j.start)
	}
}

// wideMarkBytes is the byte order mark of UTF-16, in either order.
const wideMarkBytes = 2

// look takes a piece of a file.
func (j *Judge) look(b []byte) {
	if j.wide {
		b = narrow(b)
	}
	if room := mime.SniffBytes - len(j.head); room > 0 {
		j.head = append(j.head, b[:min(room, len(b))]...)
	}
	j.scan.write(b)
}

// narrow leaves of UTF-16 what is ASCII: tags and names of attributes are.
func narrow(b []byte) []byte {
	out := make([]byte, 0, len(b)/2)
	for _, c := range b {
		if c != 0 && c < 0x80 {
			out = append(out, c)
		}
	}
	return out
}

// End judges the part.
func (j *Judge) End() {
	if j.skip {
		if j.Field != nil {
			j.Field(j.part.Name, string(j.field))
		}
		return
	}
	if j.part.Filename == "" && j.size == 0 {
		return // browsers send an empty file for a field that nobody filled in
	}
	if !j.begun {
		j.look(j.start)
	}
	j.files++
	if j.limits.MaxFiles > 0 && j.files > j.limits.MaxFiles {
		j.find(TooMany, "more than "+strconv.Itoa(j.limits.MaxFiles)+" files")
	}
	if j.limits.MaxFileBytes > 0 && j.size > j.limits.MaxFileBytes {
		j.find(TooLarge, strconv.Itoa(j.size)+" bytes")
	}
	is := mime.Sniff(j.head)
	extensions := mime.Extensions(j.part.Filename)
	j.judgeName(extensions)
	if j.size == 0 {
		return
	}
	j.judgeClaims(is, extensions)
	j.judgeContent(is, extensions)
}

func (j *Judge) find(f Finding, what string) {
	if j.Found[f] == "" {
		j.Found[f] = j.describe() + ": " + what
	}
}

// maxNameBytes is how much of a name is shown in a log.
const maxNameBytes = 80

// describe names the file.
func (j *Judge) describe() string {
	name := func(s string) string { return strconv.QuoteToASCII(s[:min(len(s), maxNameBytes)]) }
	if j.part.Name == "" && j.part.Filename == "" {
		return "the body"
	}
	return "file " + name(j.part.Filename) + " in field " + name(j.part.Name)
}

// judgeName looks at the file name alone.
func (j *Judge) judgeName(extensions []string) {
	if e, ok := mime.IsDangerous(extensions); ok {
		j.find(Extension, "a name with ."+e)
	}
	if len(j.limits.Extensions) == 0 || j.part.Filename == "" {
		return
	}
	if len(extensions) == 0 || !slices.Contains(j.limits.Extensions, extensions[0]) {
		j.find(Extension, "the extension is not in the route's list")
	}
}

// judgeClaims compares name and declared type with the bytes.
func (j *Judge) judgeClaims(is mime.Format, extensions []string) {
	if j.limits.Types != nil {
		if t, _ := mime.Parse(is.Type); !j.limits.Types.Allows(t) {
			j.find(Type, "it is "+is.Type)
		}
	}
	if declared, ok := mime.Parse(j.part.ContentType); ok {
		j.fit(mime.ClaimOfType(declared.Essence()), is, "declared "+declared.Essence())
	}
	if len(extensions) > 0 {
		j.fit(mime.ClaimOfExtension(extensions[0]), is, "called ."+extensions[0])
	}
}

func (j *Judge) fit(claim mime.Claim, is mime.Format, says string) {
	switch claim.Fit(is) {
	case mime.FitNot:
		j.find(Mismatch, says+", but it is "+is.Type)
	case mime.FitNear:
		j.find(NearMismatch, says+", but it is "+is.Type)
	}
}

// judgeContent looks at what the file is and holds.
func (j *Judge) judgeContent(is mime.Format, extensions []string) {
	s := &j.scan
	office := is.Class == mime.ClassDocument || is.Class == mime.ClassArchive && s.found[needleContentList]
	switch {
	case is.Class == mime.ClassExecutable, is.Class == mime.ClassScript:
		j.find(Executable, "it is "+is.Type)
	case is.Class == mime.ClassArchive && !office:
		j.find(Archive, "it is "+is.Type)
	case j.isMarkup(is, extensions) && (s.handler || s.found[needleScript] || s.found[needleForeign] || s.found[needleEntity] || s.found[needleStylesheet]):
		j.find(Active, "it is "+is.Type+" with a script or an entity in it")
	}
	if s.found[needleVirus] {
		j.find(Virus, "it holds the EICAR test file")
	}
	if s.found[needleMacroZIP] && is.Class == mime.ClassArchive || s.found[needleMacroOLE] && is.Class == mime.ClassDocument ||
		len(extensions) > 0 && slices.Contains(macroExtensions, extensions[0]) {
		j.find(Macro, "an office file with macros")
	}
	if second := s.second(is); second != "" {
		j.find(Polyglot, "it is "+is.Type+" and also "+second)
	}
}

// isMarkup says whether a browser reads a file as markup: by its bytes, or by its
// name or its declared type where it is a text, whose first tag may have any name.
func (j *Judge) isMarkup(is mime.Format, extensions []string) bool {
	if is.Class != mime.ClassText {
		return is.Class == mime.ClassMarkup
	}
	declared, _ := mime.Parse(j.part.ContentType)
	return mime.ClaimOfType(declared.Essence()).Class == mime.ClassMarkup ||
		len(extensions) > 0 && mime.ClaimOfExtension(extensions[0]).Class == mime.ClassMarkup
}

// macroExtensions are those of office files that may have macros.
var macroExtensions = []string{"docm", "dotm", "xlsm", "xltm", "xlsb", "xlam", "pptm", "potm", "ppsm", "ppam", "sldm"}

const (
	// maxZIPTail is how far before a file's end the end of a ZIP directory is
	// looked for by programs: its comment has up to 65,535 bytes (APPNOTE 4.3.16).
	maxZIPTail = 22 + 65535
	// maxPDFHead is how far into a file readers look for "%PDF-" (Adobe's
	// implementation note 13).
	maxPDFHead = 1024
)

// second names another format that the file is as well.
func (s *scanner) second(is mime.Format) string {
	picture := is.Class == mime.ClassImage || is.Class == mime.ClassMedia
	binary := picture || is.Class == mime.ClassDocument || is.Class == mime.ClassFont
	switch {
	case s.found[needlePHP] && is.Class != mime.ClassText && is.Class != mime.ClassScript:
		return "PHP"
	case (picture || is.Class == mime.ClassFont) && s.shortTag:
		return "a program for a server"
	case is.Class != mime.ClassArchive && s.found[needleZIPEnd] && s.found[needleZIPEntry] && s.last[needleZIPEnd] >= s.seen+len(s.tail)-maxZIPTail && is.Type != "application/x-ole-storage":
		return "a ZIP archive"
	case binary && s.found[needleArchive]:
		return "an archive"
	case is.Class != mime.ClassText && is.Class != mime.ClassMarkup && s.found[needlePDF] && s.at[needlePDF] > 0 && s.at[needlePDF] < maxPDFHead:
		return "a PDF"
	case picture && (s.found[needleHTML] || s.found[needleScript]):
		return "HTML"
	}
	return ""
}
