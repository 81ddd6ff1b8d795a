package ipset

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Format is how a text writes its entries.
type Format string

const (
	// FormatList has an address, a CIDR prefix or a range a line; "#" and ";"
	// begin comments. Behind an entry may stand score=N, category=WORD,
	// source=WORD and expires=DATE. FireHOL's .netset and .ipset files are such
	// lists, and so is the text form of Spamhaus DROP.
	FormatList Format = "list"
	// FormatIpsum has an address and a number a line, with blanks between: on how
	// many lists it is. The number is the entry's score.
	FormatIpsum Format = "ipsum"
	// FormatCSV has columns with commas between (RFC 4180, without line breaks in
	// a field); see Columns.
	FormatCSV Format = "csv"
	// FormatSpamhaus has one JSON object a line, as Spamhaus DROP: cidr and
	// sblid, which becomes the source.
	FormatSpamhaus Format = "spamhaus"
	// FormatMMDB is a MaxMind database of anonymizing networks. It is no text and
	// not for this package: the native program makes a list of it first
	// (engine.WithDatabases), and the filter refuses it.
	FormatMMDB Format = "mmdb"
)

// Choices returns the accepted spellings.
func (Format) Choices() []string {
	return []string{string(FormatList), string(FormatIpsum), string(FormatCSV), string(FormatSpamhaus), string(FormatMMDB)}
}

// BadLines is what happens to a line that cannot be read.
type BadLines string

const (
	// BadLinesError refuses the whole text.
	BadLinesError BadLines = "error"
	// BadLinesCount leaves the line out and counts it, as long as most lines are
	// good: a text of which half is wrong is not what it should be.
	BadLinesCount BadLines = "count"
)

// Choices returns the accepted spellings.
func (BadLines) Choices() []string {
	return []string{string(BadLinesError), string(BadLinesCount)}
}

// Options say how a text is read and what its entries say if they do not say it
// themselves. The zero Options are for a list in which every line counts.
type Options struct {
	// Name is what errors call the text, such as its path.
	Name string
	// Source is the source of entries without one; Name when empty.
	Source string
	// Format is FormatList when empty.
	Format Format
	// Columns are those of FormatCSV.
	Columns Columns
	// BadLines is BadLinesError when empty.
	BadLines BadLines
	// Score and Category are for entries without one.
	Score    int
	Category string
	// MinScore leaves out entries whose score is lower.
	MinScore int
	// Now decides what has expired already and is left out.
	Now time.Time
}

// Report says what became of the lines of a text.
type Report struct {
	// Entries counts the lines that are in the set.
	Entries int
	// Bad counts the lines that could not be read; FirstBad is the first one.
	Bad      int
	FirstBad *Error
	// Expired and Low count the entries that were left out for their date and
	// for Options.MinScore.
	Expired, Low int
}

// Add reads a text. The error is an *[Error]; entries before it have been added.
func (b *Builder) Add(text string, o Options) (Report, error) {
	var r Report
	read := reader(o)
	text = strings.TrimPrefix(text, "\ufeff")
	for line := 1; text != ""; line++ {
		var content string
		content, text, _ = strings.Cut(text, "\n")
		if err := b.addLine(strings.TrimRight(content, " \t\r"), o, read, &r); err != nil {
			at := err.in(o.Name, line, 1)
			if o.BadLines != BadLinesCount {
				return r, at
			}
			if r.Bad++; r.Bad == 1 {
				r.FirstBad = at
			}
		}
	}
	if r.Bad > r.Entries+r.Expired+r.Low {
		return r, &Error{File: o.Name, Line: r.FirstBad.Line, Col: r.FirstBad.Col,
			Msg: strconv.Itoa(r.Bad) + " bad lines are more than the good ones; the first: " + r.FirstBad.Msg}
	}
	return r, nil
}

// AddEntry adds one entry as FormatList writes it, for entries that stand among
// other things at a place of their own.
func (b *Builder) AddEntry(file string, line, col int, text string, o Options) error {
	var r Report
	o.Name = file
	if f := b.addLine(text, o, readList, &r); f != nil {
		return f.in(file, line, col)
	}
	return nil
}

// Check says whether text is an entry of a list: nil, or what is wrong with it.
func Check(text string) error {
	r, ok, f := readList(text)
	switch {
	case f != nil:
		return errors.New(f.msg)
	case !ok || r == record{}:
		return errors.New(notAnAddress(text).Error())
	}
	return nil
}

// Parse makes a set of one text.
func Parse(text string, o Options) (*Set, Report, error) {
	var b Builder
	r, err := b.Add(text, o)
	if err != nil {
		return nil, r, err
	}
	return b.Set(), r, nil
}

// lineReader reads one line without blanks at its end; ok is false for a line
// that has no entry.
type lineReader func(line string) (r record, ok bool, f *fault)

func reader(o Options) lineReader {
	switch o.Format {
	case FormatIpsum:
		return readIpsum
	case FormatCSV:
		return (&table{columns: o.Columns}).read
	case FormatSpamhaus:
		return readSpamhaus
	}
	return readList
}

func (b *Builder) addLine(line string, o Options, read lineReader, report *Report) *fault {
	r, ok, f := read(line)
	if f != nil || !ok {
		return f
	}
	if r.score == 0 {
		r.score = o.Score
	}
	if r.category == "" {
		r.category = o.Category
	}
	if r.source == "" {
		r.source = o.Source
	}
	if r.source == "" {
		r.source = o.Name
	}
	switch {
	case !r.expires.IsZero() && !o.Now.Before(r.expires):
		report.Expired++
		return nil
	case r.score < o.MinScore:
		report.Low++
		return nil
	}
	report.Entries++
	return b.add(r)
}

// readList reads a line of FormatList.
func readList(line string) (r record, ok bool, f *fault) {
	text := line
	if i := strings.IndexAny(text, "#;"); i >= 0 {
		text = text[:i]
	}
	text = strings.TrimRight(text, " \t")
	entry := strings.TrimLeft(text, " \t")
	if entry == "" {
		return r, false, nil
	}
	at := len(text) - len(entry)
	entry, attributes := cutAttributes(entry)
	if err := r.setPrefixes(entry); err != nil {
		return r, false, &fault{at, err.Error()}
	}
	for at += len(entry); attributes != ""; {
		var word string
		at += len(attributes) - len(strings.TrimLeft(attributes, " \t"))
		word, attributes = cutWord(attributes)
		if err := r.setAttribute(word); err != nil {
			return r, false, &fault{at, err.Error()}
		}
		at += len(word)
	}
	return r, true, nil
}

// cutAttributes cuts what begins with the first key=value off an entry.
func cutAttributes(entry string) (address, attributes string) {
	equals := strings.IndexByte(entry, '=')
	if equals < 0 {
		return entry, ""
	}
	blank := strings.LastIndexAny(entry[:equals], " \t")
	if blank < 0 {
		return entry, ""
	}
	return strings.TrimRight(entry[:blank], " \t"), entry[len(strings.TrimRight(entry[:blank], " \t")):]
}

func cutWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, " \t")
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// setPrefixes reads an address, a prefix or a range.
func (r *record) setPrefixes(text string) (err error) {
	if first, last, isRange := strings.Cut(text, "-"); isRange {
		return r.setRange(strings.TrimRight(first, " \t"), strings.TrimLeft(last, " \t"))
	}
	r.prefix, err = ParsePrefix(text)
	return err
}

func (r *record) setRange(first, last string) error {
	from, to, err := parseRange(first, last)
	if err != nil {
		return err
	}
	if r.prefix, err = from.Prefix(from.BitLen()); err == nil {
		r.last = to
	}
	return err
}

// setAttribute reads one "key=value".
func (r *record) setAttribute(word string) error {
	switch key, value, _ := strings.Cut(word, "="); {
	case value == "":
	case key == "score":
		return r.setScore(value)
	case key == "category":
		return r.setCategory(value)
	case key == "source":
		return r.setSource(value)
	case key == "expires":
		return r.setExpires(value)
	}
	return errors.New(quote(word) + " is none of score=, category=, source= and expires=; a comment begins with #")
}

func (r *record) setScore(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > MaxScore {
		return errors.New(quote(text) + " is no score: write a whole number from 0 to " + strconv.Itoa(MaxScore))
	}
	r.score = n
	return nil
}

func (r *record) setCategory(text string) (err error) {
	r.category, err = toWord("category", text)
	return err
}

func (r *record) setSource(text string) (err error) {
	r.source, err = toWord("source", text)
	return err
}

// toWord makes one word of a category or a source, because lists of them have
// blanks between. Rules and logs show them.
func toWord(what, text string) (string, error) {
	word := strings.Join(strings.Fields(text), "_")
	if len(word) > maxTextBytes || strings.ContainsFunc(word, func(c rune) bool { return c < ' ' || c == '"' || c == 0x7f || c == utf8.RuneError }) {
		return "", errors.New(quote(text) + " is no " + what + ": write one word of at most " + strconv.Itoa(maxTextBytes) + " bytes, without quotes")
	}
	return word, nil
}

// setExpires reads a date, a time or Unix seconds.
func (r *record) setExpires(text string) (err error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds > 0 {
		r.expires = time.Unix(seconds, 0)
		return nil
	}
	layout := time.RFC3339
	if len(text) == len(time.DateOnly) {
		layout = time.DateOnly
	}
	if r.expires, err = time.Parse(layout, text); err != nil {
		return errors.New(quote(text) + " is no time: write 2027-01-31, 2027-01-31T12:00:00Z or Unix seconds")
	}
	return nil
}

// readIpsum reads a line of FormatIpsum.
func readIpsum(line string) (r record, ok bool, f *fault) {
	if line == "" || line[0] == '#' {
		return r, false, nil
	}
	address, count := cutWord(line)
	if r.prefix, f = prefixAt(address, len(line)-len(strings.TrimLeft(line, " \t"))); f != nil {
		return r, false, f
	}
	count = strings.TrimLeft(count, " \t")
	if err := r.setScore(count); err != nil {
		return r, false, &fault{len(line) - len(count), err.Error()}
	}
	return r, true, nil
}
