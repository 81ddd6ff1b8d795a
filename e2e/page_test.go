package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser finds Debian's Chromium, or another one by its usual names.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium here, so pages are not looked at: apt-get install chromium")
	return ""
}

// browserPatience is how long a cold start of a browser may take on a busy
// machine.
const browserPatience = 2 * time.Minute

// browse runs a headless browser and returns what it prints.
func browse(t *testing.T, args ...string) string {
	t.Helper()
	bin := browser(t)
	ctx, cancel := context.WithTimeout(t.Context(), browserPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir=" + t.TempDir(), "--virtual-time-budget=2000",
	}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	return string(out)
}

// hostileTraffic has requests that want to be more than text on a page, and
// ones that are found by a search.
func hostileTraffic(t *testing.T) string {
	t.Helper()
	const evil = `</script><img src=x onerror=document.body.dataset.pwned=1><svg onload=document.body.dataset.pwned=2>{{.}}${alert(1)}`
	var b bytes.Buffer
	for i := range 60 {
		require.NoError(t, json.NewEncoder(&b).Encode(map[string]any{
			"id": fmt.Sprintf("evil-%d%s", i, evil), "method": "GET", "path": "/" + evil + "?q=1'+or+'1'='1&" + evil + "=" + evil,
			"headers":   [][2]string{{"Host", evil}, {"User-Agent", evil}, {"Referer", "javascript:" + evil}},
			"client_ip": fmt.Sprintf("192.0.2.%d", i), "time": time.Date(2026, 11, 24, 9, i, 0, 0, time.UTC),
		}))
	}
	require.NoError(t, json.NewEncoder(&b).Encode(map[string]any{
		"id": "wanted", "method": "GET", "path": "/find-me?q=1%27%20or%20%271%27%3D%271", "headers": [][2]string{{"Host", "shop.example"}, {"User-Agent", "x"}, {"Accept", "*/*"}},
	}))
	file := filepath.Join(t.TempDir(), "hostile.ndjson")
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	return file
}

// page makes the report on traffic and returns its URL.
func page(t *testing.T, traffic string) string {
	t.Helper()
	out, err := exec.Command(program(t), "report", "--profile", "crs", traffic).Output()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(file, out, 0o644))
	return "file://" + file
}

func TestAReportInABrowserIsTextAndSearchable(t *testing.T) {
	url := page(t, hostileTraffic(t))
	dom := browse(t, "--dump-dom", url)
	require.False(t, strings.Contains(dom, "data-pwned"), "what a client sent was run")
	require.False(t, strings.Contains(dom, "<img"), "what a client sent became an element")
	require.Equal(t, 50, strings.Count(dom, `<tr class="entry">`), "the first screen of the table")
	require.Contains(t, dom, ">50 of 61 shown<")

	dom = browse(t, "--dump-dom", url+"#q=find-me+942100&open")
	require.Equal(t, 1, strings.Count(dom, `<tr class="entry">`), "a search in the link leaves what was found")
	require.Contains(t, dom, "Blocked in phase 2 with status 403. Anomaly score 5.", "and the entry is explained")
	require.Contains(t, dom, "SQL Injection Attack Detected via libinjection")
	require.Contains(t, dom, `<span class="value">ARGS:q</span>`)

	dom = browse(t, "--dump-dom", url+"#q=nobody-has-this")
	require.Contains(t, dom, ">0 of 0 shown<")
}

func TestAReportFitsScreensAndPaper(t *testing.T) {
	url := page(t, hostileTraffic(t))
	for _, width := range []int{1280, 390} {
		// The page says itself whether something sticks out to the right: a frame
		// of the width, in which a script of the test measures.
		dom := browse(t, "--allow-file-access-from-files", "--dump-dom", framed(t, url, width))
		require.Contains(t, dom, fmt.Sprintf("<title>%d</title>", width), "nothing is wider than the screen")

		shot := filepath.Join(t.TempDir(), "page.png")
		browse(t, fmt.Sprintf("--window-size=%d,1600", max(width, 500)), "--screenshot="+shot, url)
		f, err := os.Open(shot)
		require.NoError(t, err)
		image, err := png.Decode(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, max(width, 500), image.Bounds().Dx())
	}
	paper := filepath.Join(t.TempDir(), "page.pdf")
	browse(t, "--print-to-pdf="+paper, url)
	text, err := os.ReadFile(paper)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(text, []byte("%PDF-")))
}

// framed is a page that shows another one in a frame and has as its title how
// wide the content is.
func framed(t *testing.T, url string, width int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "frame.html")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `<!DOCTYPE html><title>?</title>
<iframe style="border:0;width:%dpx;height:900px" src="%s"></iframe>
<script>const f = document.querySelector("iframe");
f.onload = () => { document.title = f.contentDocument.documentElement.scrollWidth; };</script>`, width, url), 0o644))
	return "file://" + file
}
