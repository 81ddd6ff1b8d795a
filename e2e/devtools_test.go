package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tab is a page in a headless browser that a test types into, over the DevTools
// protocol: a pipe with JSON messages, each with a zero byte behind it.
type tab struct {
	t       *testing.T
	send    *os.File
	replies *bufio.Reader
	last    int
	session string
}

// openTab starts a browser with a page of that size. It ends with the test.
func openTab(t *testing.T, url string, width, height int, scheme string) *tab {
	t.Helper()
	theirIn, ourOut, err := os.Pipe()
	require.NoError(t, err)
	ourIn, theirOut, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(browser(t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	require.NoError(t, errors.Join(theirIn.Close(), theirOut.Close()))
	require.NoError(t, ourIn.SetReadDeadline(time.Now().Add(2*browserPatience)))
	b := &tab{t: t, send: ourOut, replies: bufio.NewReader(ourIn)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the browser said:\n%s", &stderr)
		}
		b.session = ""
		_ = b.write("Browser.close", nil)
		_ = cmd.Wait()
		_ = errors.Join(ourIn.Close(), ourOut.Close())
	})
	target := b.call("Target.createTarget", map[string]any{"url": "about:blank"})
	attached := b.call("Target.attachToTarget", map[string]any{"targetId": target["targetId"], "flatten": true})
	b.session = attached["sessionId"].(string)
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
	b.call("Page.navigate", map[string]any{"url": url})
	return b
}

func (b *tab) write(method string, params map[string]any) error {
	b.last++
	message := map[string]any{"id": b.last, "method": method, "params": params}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = b.send.Write(append(text, 0))
	return err
}

// call sends a command and waits for its result.
func (b *tab) call(method string, params map[string]any) map[string]any {
	b.t.Helper()
	require.NoError(b.t, b.write(method, params))
	for {
		text, err := b.replies.ReadBytes(0)
		require.NoError(b.t, err, "%s: the browser has not answered", method)
		var reply struct {
			ID     int
			Result map[string]any
			Error  *struct{ Message string }
		}
		require.NoError(b.t, json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &reply))
		if reply.ID != b.last {
			continue // an event
		}
		if reply.Error != nil {
			require.Fail(b.t, method+": "+reply.Error.Message)
		}
		return reply.Result
	}
}

// eval gives the value of an expression in the page, as JSON does.
func (b *tab) eval(script string) any {
	b.t.Helper()
	result := b.call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true})
	require.NotContains(b.t, result, "exceptionDetails", "%s: %v", script, result["exceptionDetails"])
	return result["result"].(map[string]any)["value"]
}

// until waits for an expression to be true.
func (b *tab) until(script string) {
	b.t.Helper()
	const wait = 20 * time.Millisecond
	for end := time.Now().Add(browserPatience); b.eval("!!document.body && ("+script+")") != true; time.Sleep(wait) {
		if time.Now().After(end) {
			require.Fail(b.t, script, "the page says: %v", b.eval("document.body.innerText.slice(0, 2000)"))
		}
	}
}

// fill puts text into a field, in place of what is there, as typing does.
func (b *tab) fill(id, text string) {
	b.t.Helper()
	b.eval(fmt.Sprintf("document.getElementById(%q).focus(); document.getElementById(%q).select()", id, id))
	b.call("Input.insertText", map[string]any{"text": text})
}

// pressEnter presses Enter; modifiers are DevTools' bits, 2 for Ctrl.
func (b *tab) pressEnter(modifiers int) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		key := map[string]any{"type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": modifiers}
		if kind == "keyDown" && modifiers == 0 {
			key["text"] = "\r" // what submits a form
		}
		b.call("Input.dispatchKeyEvent", key)
	}
}

// screenshot writes what the page looks like, all of it.
func (b *tab) screenshot(file string) {
	b.t.Helper()
	shot := b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true})
	image, err := base64.StdEncoding.DecodeString(shot["data"].(string))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(file, image, 0o644))
}
