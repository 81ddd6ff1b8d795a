package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"tabard/internal/replay"
)

// progress is the bar on a terminal. A nil progress shows nothing.
type progress struct {
	bar     *progressbar.ProgressBar
	traffic *replay.Traffic
}

// progressEvery is how often the bar changes: as often as an eye can follow.
const progressEvery = 100 * time.Millisecond

// newProgress returns a bar over the bytes of the traffic, or nil when w is no
// terminal.
func newProgress(w io.Writer, traffic *replay.Traffic) *progress {
	if !isTerminal(w) {
		return nil
	}
	return &progress{traffic: traffic, bar: progressbar.NewOptions64(traffic.Size(),
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("replay"),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(progressEvery),
		progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())}
}

// isTerminal says whether w is a device for people. Of the character devices
// that are none, writes to /dev/null cost nothing.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// The bar is an ornament: that it cannot be drawn is no error of the run.

func (p *progress) update() {
	if p != nil {
		_ = p.bar.Set64(p.traffic.Read())
	}
}

func (p *progress) clear() {
	if p != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) finish() {
	if p != nil {
		_ = p.bar.Exit()
		_ = p.bar.Clear()
	}
}
