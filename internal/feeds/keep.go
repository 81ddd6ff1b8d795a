package feeds

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// kept is the file of a feed: its name may be "..", or hold the slashes of a
// route's.
func kept(folder, name string) string { return filepath.Join(folder, url.PathEscape(name)+".feed") }

// Kept gives the text of a feed that Keep has written, and when it was last known
// to be current. The error is fs.ErrNotExist when there is none.
func Kept(folder, name string) (text string, at time.Time, err error) {
	file := kept(folder, name)
	data, err := os.ReadFile(file)
	if err != nil {
		return "", at, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", at, err
	}
	return string(data), info.ModTime(), nil
}

// Keep writes the text of a feed into a folder, in one step: whoever reads it has
// the old one or the new one. The folder "" keeps nothing.
func Keep(folder, name, text string) error {
	if folder == "" {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("keeping it: %w", err)
	}
	part, err := os.CreateTemp(folder, ".part-*")
	if err != nil {
		return fmt.Errorf("keeping it: %w", err)
	}
	_, err = part.WriteString(text)
	for _, step := range []func() error{
		func() error { return part.Chmod(0o644) },
		part.Close,
		func() error { return os.Rename(part.Name(), kept(folder, name)) },
	} {
		if e := step(); err == nil {
			err = e
		}
	}
	if err != nil {
		_ = os.Remove(part.Name()) // the first error says more
		return fmt.Errorf("keeping it: %w", err)
	}
	return nil
}

// confirm notes that a text which is kept is current.
func confirm(folder, name string, at time.Time) error {
	if folder == "" {
		return nil
	}
	err := os.Chtimes(kept(folder, name), at, at)
	if os.IsNotExist(err) || err == nil {
		return nil
	}
	return fmt.Errorf("keeping it: %w", err)
}
