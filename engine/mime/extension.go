package mime

import "strings"

// named are the formats by media type, with the file extensions that stand for
// them. Only what Sniff recognises is here: of anything else nobody can say that
// it is not what its name says.
var named = []struct {
	types, extensions string
	// sniffed are the types that Sniff may give for it.
	sniffed string
	class   Class
}{
	{"image/png image/x-png", "png", "image/png", ClassImage},
	{"image/jpeg image/jpg image/pjpeg", "jpg jpeg jpe jfif", "image/jpeg", ClassImage},
	{"image/gif", "gif", "image/gif", ClassImage},
	{"image/webp", "webp", "image/webp", ClassImage},
	{"image/bmp image/x-ms-bmp", "bmp dib", "image/bmp", ClassImage},
	{"image/x-icon image/vnd.microsoft.icon", "ico cur", "image/x-icon", ClassImage},
	{"image/tiff", "tif tiff", "image/tiff", ClassImage},
	{"image/avif", "avif", "image/avif", ClassImage},
	{"image/heic image/heif", "heic heif", "image/heic", ClassImage},
	{"image/svg+xml", "svg", "image/svg+xml text/xml", ClassMarkup},
	{"application/pdf application/x-pdf", "pdf", "application/pdf", ClassDocument},
	{"application/rtf text/rtf", "rtf", "application/rtf", ClassDocument},
	{"application/msword application/vnd.ms-excel application/vnd.ms-powerpoint", "doc xls ppt", "application/x-ole-storage", ClassDocument},
	{"application/vnd.openxmlformats-officedocument.wordprocessingml.document application/vnd.openxmlformats-officedocument.spreadsheetml.sheet application/vnd.openxmlformats-officedocument.presentationml.presentation application/vnd.oasis.opendocument.text application/vnd.oasis.opendocument.spreadsheet",
		"docx xlsx pptx docm xlsm pptm odt ods odp", "application/zip", ClassArchive},
	{"application/zip application/x-zip-compressed", "zip", "application/zip", ClassArchive},
	{"application/gzip application/x-gzip", "gz tgz", "application/x-gzip", ClassArchive},
	{"application/x-7z-compressed", "7z", "application/x-7z-compressed", ClassArchive},
	{"application/vnd.rar application/x-rar-compressed", "rar", "application/x-rar-compressed", ClassArchive},
	{"application/x-tar", "tar", "application/x-tar", ClassArchive},
	{"audio/mpeg audio/mp3", "mp3", "audio/mpeg", ClassMedia},
	{"video/mp4 audio/mp4 video/quicktime audio/x-m4a", "mp4 m4a m4v mov", "video/mp4", ClassMedia},
	{"video/webm audio/webm", "webm mkv", "video/webm", ClassMedia},
	{"audio/wav audio/wave audio/x-wav", "wav", "audio/wave", ClassMedia},
	{"audio/ogg video/ogg application/ogg", "ogg oga ogv", "application/ogg", ClassMedia},
	{"text/plain text/csv application/json text/markdown", "txt csv json md log tsv", "text/plain", ClassText},
	{"text/xml application/xml", "xml", "text/xml", ClassMarkup},
	{"text/html application/xhtml+xml", "html htm xhtml", "text/html text/xml", ClassMarkup},
}

// Claim is what a declared media type or a file name says about a file.
type Claim struct {
	// Class is ClassUnknown when nothing can be said.
	Class   Class
	sniffed string
}

var byType, byExtension = indexNamed()

func indexNamed() (byType, byExtension map[string]Claim) {
	byType, byExtension = map[string]Claim{}, map[string]Claim{}
	for _, n := range named {
		claim := Claim{n.class, n.sniffed}
		for _, t := range strings.Fields(n.types) {
			byType[t] = claim
		}
		for _, e := range strings.Fields(n.extensions) {
			byExtension[e] = claim
		}
	}
	return byType, byExtension
}

// ClaimOfType gives what the essence of a media type claims.
func ClaimOfType(essence string) Claim { return byType[essence] }

// ClaimOfExtension gives what a file extension, in small letters and without its
// dot, claims.
func ClaimOfExtension(extension string) Claim { return byExtension[extension] }

// Fit is how well a file's bytes fit a claim.
type Fit uint8

// The fits.
const (
	// FitGood: nothing speaks against the claim.
	FitGood Fit = iota
	// FitNear: another format of the same use, such as a JPEG that is called
	// .png, which harmless programs produce.
	FitNear
	// FitNot: a format for another use.
	FitNot
)

// Fit compares the claim with what the bytes say. An empty file fits.
func (c Claim) Fit(is Format) Fit {
	switch {
	case c.sniffed == "" || strings.Contains(" "+c.sniffed+" ", " "+is.Type+" "):
		return FitGood
	case c.Class == is.Class:
		return FitNear
	case c.Class == ClassText && (is.Class == ClassMarkup || is.Class == ClassUnknown):
		return FitNear // text in an encoding of 16 bits, or a note that begins with a tag
	case c.Class == ClassMarkup && is.Class == ClassText:
		return FitNear // markup that begins with a tag of its own
	}
	return FitNot
}

// serverSide are extensions that a server runs, or reads as its settings. They
// count anywhere in a name: Apache's AddHandler runs "a.php.jpg".
var serverSide = setOf(`
	php php3 php4 php5 php7 php8 phps pht phtm phtml phar hphp
	asp aspx ashx asmx ascx asa cer cdx cshtml vbhtml xamlx
	jsp jspx jspf jsw jsv jhtml cgi cfm cfml cfc shtml stm shtm htaccess htpasswd`)

// dangerous are, at the end of a name, what a server or a desktop would run:
// programs, scripts, shortcuts, and pages that run in the site's own origin.
// "com" and the like are harmless in the middle: "example.com.pdf".
var dangerous = setOf(`
	inc config soap svc war jar class pl pm py pyc rb erb sh bash zsh ksh csh lua
	exe dll com scr cpl msi msp mst bat cmd ps1 psm1 vbs vbe wsf wsh wsc hta js jse mjs lnk url reg inf scf
	jnlp chm vhd vhdx one appref-ms settingcontent-ms library-ms search-ms desktop command xll wll xsl xslt
	elf so dylib bin run app apk ipa deb rpm dmg iso img wasm
	html htm xhtml xht mht mhtml svgz swf`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// IsDangerous says whether a file with these extensions, as Extensions gives
// them, is run by somebody, and which one of them it is.
func IsDangerous(extensions []string) (extension string, ok bool) {
	for i, e := range extensions {
		if serverSide[e] || i == 0 && dangerous[e] {
			return e, true
		}
	}
	return "", false
}

// Extensions gives all extensions of a file name in small letters, the last one
// first: "a.php.JPG" has jpg and php. What servers ignore at the end (dots,
// blanks, "::$DATA") or cut a name at (";", NUL and their escapes, blanks with theirs) ends one.
func Extensions(filename string) []string {
	name := lower(filename)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	for _, cut := range []string{"%00", "\x00", ";", "::$", "%20", "%0a", "%0d", "%09"} {
		name = strings.ReplaceAll(name, cut, ".")
	}
	var out []string
	for {
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return out
		}
		if extension := strings.Trim(name[i+1:], " \t"); extension != "" {
			out = append(out, extension)
		}
		name = name[:i]
	}
}
