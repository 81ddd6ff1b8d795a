package ipset

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Columns name the columns of FormatCSV: by their names in the first line, or
// by their numbers, from 1 on, when the text has no such line.
type Columns struct {
	// Address holds an address, a CIDR prefix or the first address of a range;
	// "address" when empty.
	Address string
	// Last holds the last address of a range.
	Last string
	// Score, Category, Source and Expires hold what FormatList calls so. What is
	// empty is not there.
	Score, Category, Source, Expires string
}

// table is a CSV text on its way through the reader.
type table struct {
	columns Columns
	// at are the indexes of the columns, -1 for one that is not there; nil before
	// the first line.
	at []int
}

// names are the columns in the order of table.at.
func (c Columns) names() []string {
	address := c.Address
	if address == "" {
		address = "address"
	}
	return []string{address, c.Last, c.Score, c.Category, c.Source, c.Expires}
}

func (t *table) read(line string) (r record, ok bool, f *fault) {
	if line == "" || line[0] == '#' {
		return r, false, nil
	}
	fields, places, f := splitCSV(line)
	if f != nil {
		return r, false, f
	}
	if t.at == nil {
		header, f := t.find(fields)
		if f != nil || header {
			return r, false, f
		}
	}
	for i, set := range []func(string) error{r.setPrefixes, r.setLast, r.setScore, r.setCategory, r.setSource, r.setExpires} {
		column := t.at[i]
		switch {
		case column < 0:
			continue
		case column >= len(fields):
			return r, false, &fault{len(line), "the line has " + strconv.Itoa(len(fields)) + " fields and needs " + strconv.Itoa(column+1)}
		case fields[column] == "" && i > 0:
			continue
		}
		if err := set(fields[column]); err != nil {
			return r, false, &fault{places[column], err.Error()}
		}
	}
	return r, true, nil
}

// find looks for the columns in the first line; header is false when they have
// numbers, so that the line is the first entry.
func (t *table) find(fields []string) (header bool, f *fault) {
	var at []int
	for _, name := range t.columns.names() {
		column := -1
		if number, err := strconv.Atoi(name); err == nil && number > 0 {
			column = number - 1
		} else if name != "" {
			header = true
			for i, field := range fields {
				if strings.EqualFold(field, name) {
					column = i
				}
			}
			if column < 0 {
				return true, &fault{0, "there is no column " + quote(name) + " in the first line; give columns their names there, or their numbers from 1 on"}
			}
		}
		at = append(at, column)
	}
	t.at = at
	return header, nil
}

// setLast makes a range of the address.
func (r *record) setLast(text string) error {
	if !r.prefix.IsSingleIP() {
		return errors.New("a range begins with an address, not with " + r.prefix.String())
	}
	return r.setRange(r.prefix.Addr().String(), text)
}

// splitCSV splits a line at its commas and says where each field begins. Fields
// may stand in quotes, which are doubled inside of them; blanks around a field
// do not count.
func splitCSV(line string) (fields []string, places []int, f *fault) {
	for at := 0; ; at++ {
		at += len(line[at:]) - len(strings.TrimLeft(line[at:], " \t"))
		places = append(places, at)
		var field string
		if at < len(line) && line[at] == '"' {
			var length int
			if field, length = unquoteCSV(line[at:]); length == 0 {
				return nil, nil, &fault{at, "a field in quotes has no end in this line"}
			}
			at += length
			at += len(line[at:]) - len(strings.TrimLeft(line[at:], " \t"))
			if at < len(line) && line[at] != ',' {
				return nil, nil, &fault{at, "text behind a field in quotes; quotes inside of it are doubled"}
			}
		} else {
			end := strings.IndexByte(line[at:], ',')
			if end < 0 {
				end = len(line) - at
			}
			field = strings.TrimRight(line[at:at+end], " \t")
			at += end
		}
		fields = append(fields, field)
		if at == len(line) {
			return fields, places, nil
		}
	}
}

// unquoteCSV reads a field in quotes; length counts its bytes with the quotes
// and is 0 when it has no end.
func unquoteCSV(text string) (field string, length int) {
	for i := 1; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			i++
			continue
		}
		return strings.ReplaceAll(text[1:i], `""`, `"`), i + 1
	}
	return "", 0
}

// maxJSONBytes bounds a line of JSON, because its reader goes as deep as the
// brackets in it. A line of Spamhaus DROP has some 70 bytes.
const maxJSONBytes = 4 << 10

// readSpamhaus reads a line of FormatSpamhaus. The last line of a list holds
// no entry and says when it was made.
func readSpamhaus(line string) (r record, ok bool, f *fault) {
	if line == "" {
		return r, false, nil
	}
	if line[0] != '{' || len(line) > maxJSONBytes || !gjson.Valid(line) {
		return r, false, &fault{0, quote(line) + ` is no JSON object such as {"cidr":"192.0.2.0/24","sblid":"SBL1"}`}
	}
	object := gjson.Parse(line)
	if object.Get("type").String() == "metadata" {
		return r, false, nil
	}
	prefix := object.Get("cidr")
	if prefix.Type != gjson.String {
		return r, false, &fault{0, "the object has no text with the name cidr"}
	}
	if r.prefix, f = prefixAt(prefix.Str, prefix.Index); f != nil {
		return r, false, f
	}
	if id := object.Get("sblid").String(); id != "" {
		if err := r.setSource(id); err != nil {
			return r, false, &fault{object.Get("sblid").Index, err.Error()}
		}
	}
	return r, true, nil
}
