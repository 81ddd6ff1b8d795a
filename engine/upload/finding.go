package upload

// Finding is something about a file that a rule may refuse.
type Finding uint8

// The findings.
const (
	// Executable: a program, a shortcut or a script that its first line names.
	Executable Finding = iota
	// Archive: a file that holds others, office files aside.
	Archive
	// Macro: an office file with macros, or one that is called so.
	Macro
	// Virus: the EICAR test file, which stands for what a scanner would find.
	Virus
	// Polyglot: a file that two programs read as two formats, such as an image
	// with PHP in it.
	Polyglot
	// Active: SVG or other markup with scripts in it.
	Active
	// Extension: a file name that a server or a desktop runs, or one that is not
	// in the route's list.
	Extension
	// Type: a format that is not in the route's list.
	Type
	// Mismatch: bytes for another use than the name or the declared type says.
	Mismatch
	// NearMismatch: another format of the same use, such as a JPEG called .png.
	NearMismatch
	// TooLarge: a file over the route's limit.
	TooLarge
	// TooMany: more files than the route takes.
	TooMany
	// Findings is how many kinds there are.
	Findings = iota
)

// Names are the findings as rules name them, behind "TX:tabard_upload_".
var Names = [Findings]string{
	"executable", "archive", "macro", "virus", "polyglot", "active", "extension", "type", "mismatch", "near_mismatch",
	"too_large", "too_many",
}

// Allowable are the names of the findings that a route may choose to take: the
// limits are numbers of their own, and a virus is never wanted.
func Allowable() []string {
	return []string{
		Names[Executable], Names[Archive], Names[Macro], Names[Polyglot], Names[Active], Names[Extension], Names[Mismatch],
		Names[NearMismatch],
	}
}
