package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// playgroundFile writes the page with these files in it and gives its URL.
func playgroundFile(t *testing.T, files ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "playground.html")
	out, err := exec.Command(program(t), append([]string{"playground", "--out", file}, files...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
	return "file://" + file
}

// judged waits for the verdict on what stands in the fields.
func (b *tab) judged() {
	b.t.Helper()
	b.until(`document.body.dataset.state !== "judging" && document.body.dataset.state && !document.getElementById("result").classList.contains("old")`)
	require.Equal(b.t, "judged", b.eval("document.body.dataset.state"), "%v", b.eval(`document.getElementById("state").textContent`))
}

// text is what a part of the page says.
func (b *tab) text(selector string) string {
	b.t.Helper()
	text, _ := b.eval(fmt.Sprintf(`document.querySelector(%q)?.innerText`, selector)).(string)
	return text
}

// cpuSeconds is the processor time of the page's process so far.
func (b *tab) cpuSeconds() float64 {
	b.t.Helper()
	session := b.session
	b.session = "" // the question is for the browser
	defer func() { b.session = session }()
	most := 0.0
	for _, p := range b.call("SystemInfo.getProcessInfo", nil)["processInfo"].([]any) {
		if p := p.(map[string]any); p["type"] == "renderer" {
			most = max(most, p["cpuTime"].(float64))
		}
	}
	return most
}

func TestThePlaygroundJudgesWhileYouType(t *testing.T) {
	b := openTab(t, playgroundFile(t), 1280, 1500, "light")
	b.until("document.body.dataset.ready > 0")
	ready := b.cpuSeconds()
	b.judged()
	first := b.cpuSeconds()
	require.Contains(t, b.text("#result .headline"), "block with status 403 in phase 2 by rule 949110")
	require.Contains(t, b.text("#result"), "SQL Injection Attack Detected via libinjection")
	require.Contains(t, b.text(".scores"), "942100")
	require.Equal(t, "or 1=1--", b.text("#result mark"), "the part that matched is marked")
	require.Equal(t, true, b.eval(`document.getElementById("findings").hidden`))
	b.until(`document.body.dataset.fast === "answers: it runs the rules that match itself, without Coraza"`)

	// A mistake is shown at its line, with a caret and a way out.
	b.fill("rules-text", "# mine\nSecRule ARGS \"@rx a\" \\\n    \"id:1,phase:2,dney\"\n")
	b.judged()
	require.Contains(t, b.text("#findings"), `rules.conf:3:19 error: unknown action "dney", did you mean "deny"? [syntax]`)
	require.Contains(t, b.text("#findings pre"), "3 |     \"id:1,phase:2,dney\"\n  |                   ^^^^")
	require.Equal(t, "3", b.text("#rules .gutter .error"))
	require.Equal(t, "true", b.eval(`document.getElementById("rules-text").getAttribute("aria-invalid")`))
	require.Contains(t, b.text("#result"), "Not judged")
	b.eval(`document.querySelector("#findings .place").click()`)
	require.EqualValues(t, strings.Index("# mine\nSecRule ARGS \"@rx a\" \\\n    \"id:1,phase:2,dney\"", "dney"), b.eval(`document.getElementById("rules-text").selectionStart`))

	before := b.cpuSeconds()
	b.fill("rules-text", "SecRule ARGS:q \"@streq here\" \"id:1,phase:1,deny,status:418\"\n")
	b.judged()
	rules, rulesMS := b.cpuSeconds()-before, b.eval("document.body.dataset.ms")
	before = b.cpuSeconds()
	b.fill("request-text", "GET /?q=here HTTP/1.1\nHost: shop.example\n")
	b.judged()
	t.Logf("processor time of the page: %.2f s until the engine is ready, %.2f s more for the first verdict, %.2f s after a change of a rule, %.2f s after a change of the request",
		ready, first-ready, rules, b.cpuSeconds()-before)
	t.Logf("wall time on this machine: ready after %v ms; from the keystroke to the verdict, 200 ms of pause included, %v ms after a rule, %v ms after a request",
		b.eval("document.body.dataset.ready"), rulesMS, b.eval("document.body.dataset.ms"))
	require.Contains(t, b.text("#result .headline"), "block with status 418 in phase 1 by rule 1")

	b.fill("rule", "942100")
	b.pressEnter(0)
	b.until(`document.querySelector("#because .rule") !== null`)
	require.Contains(t, b.text("#because"), "did not run: rule 1 (rules.conf:1:1) had ended the request before")
}

func TestWhatThePlaygroundSharesOpensAgain(t *testing.T) {
	b := openTab(t, playgroundFile(t), 1280, 900, "light")
	b.judged()
	b.fill("rules-text", "SecRule REQUEST_HEADERS:X-A \"@rx é{3}\" \"id:7,phase:1,deny,status:409,msg:'</script>'\"\n")
	b.fill("policy-text", "mode: detect\ncrs: {enabled: false}\n")
	b.fill("request-text", "GET / HTTP/1.1\nHost: h\nX-A: ééé\n")
	b.pressEnter(2)
	b.until(`document.querySelector("#result .headline")?.textContent === "detect in phase 1, rule 7 would block"`)
	result := b.text("#result")

	dir := t.TempDir()
	b.call("Page.setDownloadBehavior", map[string]any{"behavior": "allow", "downloadPath": dir})
	b.eval(`document.getElementById("share").click()`)
	shared := filepath.Join(dir, "shared.tabard-playground.json")
	require.Eventually(t, func() bool { return strings.HasSuffix(readIfThere(shared), "}\n") }, browserPatience, 20*time.Millisecond, "the file is saved")

	again := openTab(t, playgroundFile(t, shared), 1280, 900, "light")
	again.judged()
	for _, field := range []string{"rules", "policy", "request"} {
		value := fmt.Sprintf(`document.getElementById("%s-text").value`, field)
		require.Equal(t, b.eval(value), again.eval(value))
	}
	withoutFastPath := func(s string) string { head, _, _ := strings.Cut(s, "fast path"); return head }
	require.Equal(t, withoutFastPath(result), withoutFastPath(again.text("#result")))

	// The same by the page's own button.
	third := openTab(t, playgroundFile(t), 1280, 900, "light")
	third.judged()
	root := third.call("DOM.getDocument", nil)["root"].(map[string]any)
	input := third.call("DOM.querySelector", map[string]any{"nodeId": root["nodeId"], "selector": "#file"})
	third.call("DOM.setFileInputFiles", map[string]any{"nodeId": input["nodeId"], "files": []string{shared}})
	third.until(`document.querySelector("#result .headline")?.textContent === "detect in phase 1, rule 7 would block"`)
}

func readIfThere(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(text)
}

// TABARD_SCREENSHOTS names a folder for what the screens look like;
// docs/playground.png is from there.
func TestThePlaygroundFitsScreens(t *testing.T) {
	url := playgroundFile(t)
	for _, width := range []int{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			b := openTab(t, url, width, 1700, scheme)
			b.judged()
			require.EqualValues(t, width, b.eval("document.documentElement.scrollWidth"), "nothing is wider than the screen")
			if dir := os.Getenv("TABARD_SCREENSHOTS"); dir != "" {
				b.eval(`document.body.dataset.state = ""; document.getElementById("run").click()`)
				b.judged()
				b.until(`"fast" in document.body.dataset`)
				b.screenshot(filepath.Join(dir, fmt.Sprintf("playground-%d-%s.png", width, scheme)))
			}
		}
	}
}

func TestAnEngineThatDoesNotAnswerIsStartedAnew(t *testing.T) {
	b := openTab(t, playgroundFile(t), 1280, 900, "light")
	b.judged()
	b.until(`"fast" in document.body.dataset`)
	// One question is lost on its way. The limit is a minute, so the page's clock
	// is turned for that one.
	b.eval(`{
	  const wait = window.setTimeout, post = Worker.prototype.postMessage;
	  window.setTimeout = (f, ms) => wait(f, ms === 60000 ? 300 : ms);
	  Worker.prototype.postMessage = () => { window.setTimeout = wait; Worker.prototype.postMessage = post; };
	}`)
	b.fill("request-text", "GET /a HTTP/1.1\nHost: h\n")
	b.until(`document.body.dataset.state === "failed"`)
	require.Equal(t, "The engine failed and was started anew: no answer in 60 s; shorter rules or a shorter request take less", b.text("#state"))
	b.eval(`document.getElementById("run").click()`)
	b.until(`document.querySelector("#result .headline")?.textContent.startsWith("pass")`)
}

func TestThePlaygroundIsServedForThisMachineOnly(t *testing.T) {
	cmd := exec.Command(program(t), "playground")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	url := strings.TrimSpace(strings.TrimPrefix(line, "the playground is at "))
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/$`, url)

	get := func(url, host string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		r.Host = host
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer, string(body)
	}
	answer, body := get(url, "localhost")
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Contains(t, body, "<title>Tabard playground</title>")
	require.Contains(t, answer.Header.Get("Content-Security-Policy"), "default-src 'none'; ")
	require.Contains(t, answer.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	answer, body = get(url, "rebound.example")
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
	require.Equal(t, "this page is for localhost\n", body)
	answer, _ = get(url+"other", "localhost")
	require.Equal(t, http.StatusNotFound, answer.StatusCode)

	b := openTab(t, url, 1280, 900, "dark")
	b.judged()
	require.Contains(t, b.text("#result .headline"), "block with status 403")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait(), "Ctrl-C ends it well")
}
