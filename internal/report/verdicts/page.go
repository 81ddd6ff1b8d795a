package verdicts

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"time"

	"tabard/engine"
	"tabard/internal/endpoint"
)

//go:embed page.html.tmpl
var pageText string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageScript string

// page escapes by context (html/template); text of clients also goes through
// endpoint.Printable.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"count": count, "percent": percent, "show": endpoint.Printable,
}).Parse(pageText))

// view is what the template gets.
type view struct {
	Report     Report
	CSS        template.CSS
	Script     template.JS
	ScriptHash string
	Tiles      []tile
	Time       timeView
	Scores     scoreView
	Lists      []listView
	Countries  listView
	Entries    []engine.Record
}

type tile struct {
	Class, Name, Share string
	N                  int
}

type listView struct {
	Title, Head, Last, None string
	List                    List
	Labelled                bool // the names have labels, which need room
}

// WriteHTML writes one page that needs nothing else: no file, no host, and no
// script but its own, which the Content-Security-Policy allows by its hash.
func (r Report) WriteHTML(w io.Writer) error {
	hash := sha256.Sum256([]byte(pageScript))
	return page.Execute(w, view{
		Report: r, CSS: template.CSS(pageCSS), Script: template.JS(pageScript),
		ScriptHash: "sha256-" + base64.StdEncoding.EncodeToString(hash[:]),
		Tiles: []tile{
			{"", "requests", "", r.Requests},
			{"block", "blocked", percentOf(r.Verdicts.Block, r.Requests), r.Verdicts.Block},
			{"detect", "reported", percentOf(r.Verdicts.Detect, r.Requests), r.Verdicts.Detect},
			{"pass", "passed", percentOf(r.Verdicts.Pass, r.Requests), r.Verdicts.Pass},
		},
		Time: viewTime(r.Timeline), Scores: viewScores(r.Scores, r.Threshold),
		Lists: []listView{
			{"Rules", "rule", "requests", "No rule matched.", r.Rules, true},
			{"Routes", "route or path", "requests", "No requests.", r.Routes, false},
			{"Addresses", "client", "requests", "The source does not tell addresses.", r.Addresses, false},
		},
		Countries: listView{"Countries", "country", "requests", "Not known: the source tells no addresses, or the policy has no source for countries.", r.Countries, false},
		Entries:   r.Entries,
	})
}

// count writes a number with separators that stay readable.
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

func percentOf(n, all int) string {
	if all == 0 {
		return ""
	}
	return percent(float64(n) / float64(all))
}

// The charts are drawn into boxes of these sizes and stretched by the browser.
const (
	chartWidth  = 1000.0
	chartHeight = 140.0
	lowHeight   = 40.0
	barGap      = 0.1 // of a bar's place
)

type timeView struct {
	Bars                []timeBar
	From, To, Width     string
	Highest, HighestAll int
}

type timeBar struct {
	Title                                                                 string
	X, Width, BlockY, BlockHeight, DetectY, DetectHeight, AllY, AllHeight float64
}

// viewTime places the bars on a line of time, gaps included.
func viewTime(t Timeline) (v timeView) {
	if len(t.Bars) == 0 {
		return v
	}
	for _, b := range t.Bars {
		v.Highest, v.HighestAll = max(v.Highest, b.Block+b.Detect), max(v.HighestAll, b.All())
	}
	width := time.Duration(t.WidthSeconds) * time.Second
	first, last := t.Bars[0].Start, t.Bars[len(t.Bars)-1].Start
	place := chartWidth / float64(last.Sub(first)/width+1)
	for _, b := range t.Bars {
		bar := timeBar{
			X: place * float64(b.Start.Sub(first)/width), Width: place * (1 - barGap),
			BlockHeight:  height(b.Block, v.Highest, chartHeight),
			DetectHeight: height(b.Detect, v.Highest, chartHeight),
			AllHeight:    height(b.All(), v.HighestAll, lowHeight),
			Title:        fmt.Sprintf("%s: %d blocked, %d reported, %d passed", clock(b.Start), b.Block, b.Detect, b.Pass),
		}
		bar.BlockY = chartHeight - bar.BlockHeight
		bar.DetectY = bar.BlockY - bar.DetectHeight
		bar.AllY = lowHeight - bar.AllHeight
		v.Bars = append(v.Bars, bar)
	}
	v.From, v.To, v.Width = clock(first), clock(last.Add(width)), widthText(width)
	return v
}

// height is a bar's; what is there is seen.
func height(n, highest int, full float64) float64 {
	if n == 0 {
		return 0
	}
	return max(1, full*float64(n)/float64(highest))
}

func clock(t time.Time) string { return t.Format("2006-01-02 15:04:05") }

func widthText(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / unit.length); n > 1 {
			return fmt.Sprintf("%d %ss", n, unit.name)
		} else if n == 1 {
			return "1 " + unit.name
		}
	}
	return fmt.Sprintf("%d s", int(d/time.Second))
}

type scoreView struct {
	Bars                     []scoreBar
	Zero, Highest, Threshold int
	Last                     string
}

type scoreBar struct {
	Class, Title        string
	X, Y, Width, Height float64
}

// viewScores leaves out score 0, which would dwarf the others.
func viewScores(scores []int, threshold int) scoreView {
	v := scoreView{Threshold: threshold}
	if len(scores) > 0 {
		v.Zero, scores = scores[0], scores[1:]
	}
	for _, n := range scores {
		v.Highest = max(v.Highest, n)
	}
	v.Last = strconv.Itoa(len(scores))
	if len(scores) == maxScoreBars-1 {
		v.Last += " and more"
	}
	for i, n := range scores {
		place := chartWidth / float64(len(scores))
		bar := scoreBar{
			Class: "detect", Title: fmt.Sprintf("score %d: %d requests", i+1, n),
			X: place * float64(i), Width: place * (1 - barGap), Height: height(n, v.Highest, chartHeight),
		}
		if i+1 >= threshold {
			bar.Class = "block"
		}
		bar.Y = chartHeight - bar.Height
		v.Bars = append(v.Bars, bar)
	}
	return v
}
