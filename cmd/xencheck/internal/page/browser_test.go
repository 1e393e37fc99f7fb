package page

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browser is a headless Chromium that is spoken to over two pipes (Chrome
// DevTools Protocol, --remote-debugging-pipe: messages of JSON that end in a
// zero byte).
type browser struct {
	t       *testing.T
	out     *os.File
	in      *bufio.Reader
	next    int
	session string
	errors  []string // what the page's console complained of
}

// browse opens a page, or skips the test where there is no Chromium.
func browse(t *testing.T, html string) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			program = p
			break
		}
	}
	if program == "" {
		t.Skip("no Chromium here: the page was not opened in a browser")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	toRead, toWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromRead, fromWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,1000", "--user-data-dir="+filepath.Join(dir, "profile"), "--remote-debugging-pipe", "about:blank")
	c.ExtraFiles = []*os.File{toRead, fromWrite}
	if err := c.Start(); err != nil {
		t.Skipf("Chromium does not start here: %v", err)
	}
	toRead.Close()
	fromWrite.Close()
	t.Cleanup(func() {
		toWrite.Close()
		fromRead.Close()
		c.Process.Kill()
		c.Wait()
		os.RemoveAll(filepath.Join(dir, "profile"))
	})
	if err := fromRead.SetReadDeadline(time.Now().Add(90 * time.Second)); err != nil {
		t.Log(err)
	}
	b := &browser{t: t, out: toWrite, in: bufio.NewReaderSize(fromRead, 1<<20)}
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.call("Page.enable", nil, nil)
	b.call("Runtime.enable", nil, nil)
	b.call("Log.enable", nil, nil)
	b.call("Page.navigate", map[string]any{"url": "file://" + file}, nil)
	for range 200 {
		if b.eval(`document.readyState === "complete" && location.protocol === "file:" && document.querySelectorAll("#canvas [role=row]").length > 0`) == true {
			return b
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the page painted no hosts: %v", b.errors)
	return nil
}

// call sends one command and waits for its answer.
func (b *browser) call(method string, params any, result any) {
	b.t.Helper()
	b.next++
	m := map[string]any{"id": b.next, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.out.Write(append(text, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		line, err := b.in.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: the browser went away: %v", method, err)
		}
		var got struct {
			ID     int
			Method string
			Params json.RawMessage
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(line[:len(line)-1], &got); err != nil {
			b.t.Fatal(err)
		}
		switch got.Method {
		case "Runtime.exceptionThrown", "Log.entryAdded":
			b.errors = append(b.errors, string(got.Params))
		}
		if got.ID != b.next {
			continue
		}
		if got.Error != nil {
			b.t.Fatalf("%s: %s", method, got.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(got.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
		return
	}
}

// eval runs an expression in the page, waiting for it if it is a promise.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s %s", expression, r.ExceptionDetails.Text, r.ExceptionDetails.Exception.Description)
	}
	return r.Result.Value
}

// key presses and releases a key.
func (b *browser) key(name string, code int) {
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "windowsVirtualKeyCode": code}, nil)
	}
}

// shot keeps a picture where PAGE_SCREENSHOTS names a folder.
func (b *browser) shot(name string) {
	dir := os.Getenv("PAGE_SCREENSHOTS")
	if dir == "" {
		return
	}
	var r struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &r)
	png, err := base64.StdEncoding.DecodeString(r.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// timed runs an action and returns how long it took until it was painted, in
// milliseconds.
func (b *browser) timed(action string) float64 {
	b.t.Helper()
	return b.eval(`(async () => { const t = performance.now(); ` + action + `; await new Promise(r => requestAnimationFrame(() => setTimeout(r))); return performance.now() - t })()`).(float64)
}

const (
	shownHosts = `document.getElementById("count").textContent`
	firstHost  = `document.querySelector("#canvas [role=row]").firstChild.textContent`
	sortButton = `document.querySelector("#head button[data-sort=%s]").click()`
)

// The page is opened in a real browser: it paints, sorts, filters, opens a
// host, can be used by keyboard, and complains of nothing.
func TestInBrowser(t *testing.T) {
	p := fleet(1000)
	p.Fail(Failure{"bad.ndjson:7", "unexpected end of JSON input"})
	b := browse(t, written(t, p))
	check := func(what, expression string, want any) {
		t.Helper()
		if got := b.eval(expression); got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("title", `document.querySelector("h1").textContent`, "Xen support of 1,000 hosts")
	check("count", shownHosts, "1,000 hosts")
	check("first host", firstHost, "host0.example")
	check("failures", `document.querySelectorAll("#failures tbody tr").length`, 1.0)
	check("releases in the matrix", `document.querySelectorAll("#matrix tbody tr").length`, 2.0)
	check("time line", `document.querySelectorAll("#horizon svg").length`, 1.0)
	b.shot("light")

	b.eval(fmt.Sprintf(sortButton, "mem"))
	check("least memory first", `document.querySelector("#canvas [role=row]").children[4].textContent`, "16 GiB")
	check("said to be sorted", `document.querySelector("#head [aria-sort=ascending] button").dataset.sort`, "mem")
	b.eval(fmt.Sprintf(sortButton, "mem"))
	check("most memory first", `document.querySelector("#canvas [role=row]").children[4].textContent`, "527 GiB")
	b.eval(fmt.Sprintf(sortButton, "id"))

	search := func(s string) string {
		return fmt.Sprintf(`{const e = document.getElementById("search"); e.value = %q; e.dispatchEvent(new Event("input"))}`, s)
	}
	b.eval(search("cortex-a57"))
	check("all found have the CPU", `[...document.querySelectorAll("#canvas [role=row]")].every(r => r.children[1].textContent === "Cortex-A57 r1p0")`, true)
	b.eval(search("no such host"))
	check("nothing found", shownHosts, "0 of 1,000 hosts")
	b.eval(`document.getElementById("clear").click()`)
	check("cleared", shownHosts, "1,000 hosts")

	bad := 0
	for i := range 1000 {
		if (i*7+i/11)%5 == 2 {
			bad++
		}
	}
	b.eval(`document.querySelector(".tile[data-grade='5']").click()`)
	check("verdict tile filters", shownHosts, fmt.Sprintf("%d of 1,000 hosts", bad))
	b.eval(`document.getElementById("clear").click()`)
	b.eval(`document.querySelector("#rows tbody button").click()`)
	check("row filters", shownHosts, fmt.Sprintf("%d of 1,000 hosts", bad))

	check("hosts by waiver", `[...document.querySelectorAll("#waivers tbody td.n")].map(e => e.textContent).join()`, fmt.Sprintf("0,%d", bad))
	b.eval(`document.getElementById("clear").click()`)
	b.eval(`document.querySelector("#waivers tbody button").click()`)
	check("waiver filters", shownHosts, fmt.Sprintf("%d of 1,000 hosts", bad))

	// By keyboard alone.
	b.eval(`document.getElementById("grid").focus()`)
	b.key("ArrowDown", 40)
	b.key("Enter", 13)
	check("a host is open", `document.getElementById("detail").hidden`, false)
	check("focus is in it", `document.activeElement.id`, "detail-title")
	check("its findings", `document.querySelectorAll("#detail .finding").length`, 2.0)
	check("what is waived says so", `document.querySelector("#detail .finding").textContent.includes("Waived by ops until 2026-12-31: known")`, true)
	b.shot("detail")
	b.key("Escape", 27)
	check("closed", `document.getElementById("detail").hidden`, true)
	check("focus is back", `document.activeElement.id`, "grid")

	b.eval(`document.getElementById("clear").click(); document.documentElement.classList.contains("dark") || document.getElementById("theme").click(); scrollTo(0, 0)`)
	check("dark", `getComputedStyle(document.body).backgroundColor`, "rgb(18, 22, 28)")
	b.eval(`document.getElementById("h-mix").scrollIntoView()`)
	b.shot("dark")
	b.eval(`document.getElementById("hosts").scrollIntoView()`)
	b.shot("hosts")
	// What a screen reader is told.
	check("every control has a name", `[...document.querySelectorAll("button, input, select")].filter(e => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels && e.labels.length)).length`, 0.0)
	check("rows are counted", `document.getElementById("grid").getAttribute("aria-rowcount")`, "1001")
	check("the current row exists", `!!document.getElementById(document.getElementById("grid").getAttribute("aria-activedescendant"))`, true)
	// On paper the hosts are an ordinary table.
	b.eval(`dispatchEvent(new Event("beforeprint"))`)
	check("printed hosts", `document.querySelectorAll("#print tbody tr").length`, 1000.0)
	if len(b.errors) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(b.errors, "\n"))
	}
}

// With 100,000 hosts every host stays within reach, and sorting and filtering
// change what is shown. The times are printed, not asserted: they are the
// machine's.
func TestLargeInBrowser(t *testing.T) {
	const n = 100_000
	b := browse(t, written(t, fleet(n)))
	times := map[string]float64{}
	for _, column := range []string{"cpu", "mem", "ends", "grade", "id"} {
		times["sort by "+column] = b.timed(fmt.Sprintf(sortButton, column))
	}
	times["search"] = b.timed(`{const e = document.getElementById("search"); e.value = "host999"; e.dispatchEvent(new Event("input"))}`)
	if got := b.eval(shownHosts); got != "111 of 100,000 hosts" {
		t.Errorf("search: %v", got)
	}
	times["search again"] = b.timed(`{const e = document.getElementById("search"); e.value = "epyc"; e.dispatchEvent(new Event("input"))}`)
	times["clear"] = b.timed(`document.getElementById("clear").click()`)
	b.eval(`document.getElementById("grid").focus()`)
	b.key("End", 35)
	b.eval(`new Promise(r => setTimeout(r, 100))`)
	if got := b.eval(`document.getElementById(document.getElementById("grid").getAttribute("aria-activedescendant")).firstChild.textContent`); got != "host99999.example" {
		t.Errorf("the last host is %v", got)
	}
	for what, ms := range times {
		t.Logf("%-14s %.0f ms", what, ms)
	}
	if len(b.errors) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(b.errors, "\n"))
	}
}

// Names that are markup, quotes, right to left or very long stay names, and the
// page stays as wide as its window.
func TestNamesInBrowser(t *testing.T) {
	names := []string{`</script><script>document.title="taken"</script>`, `"><img src=x onerror='document.title="taken"'>`, "שרת-1 \u202egnp.exe", strings.Repeat("very-long-name-", 280), "${alert(1)}{{.}}", "a|b|c"}
	p := New("t", day, []Release{{Name: `4.22"><b>`, Revision: "<i>", Date: "2026-07-29"}})
	for i, n := range names {
		p.Add(Host{Key: n, ID: n, Source: n + ":1", CPU: n, Board: n, IOMMU: n, GIC: n, Xen: n, Arch: n, Ends: day, Verdicts: []Verdict{{Grade: "unknown", Words: n,
			Findings: []Finding{{Title: n, Key: n, Place: n, Words: n, Grade: "unknown", Seen: n, Why: n, Do: n, Waived: n}, {Title: names[(i+1)%len(names)], Grade: "outside_the_statement"}}}}})
		p.Fail(Failure{n, n})
		p.Note(n)
		p.Waive(Waiver{n, n, n, n, n})
	}
	b := browse(t, written(t, p))
	order := map[string]bool{}
	for i := range names {
		b.eval(fmt.Sprintf(`document.querySelectorAll("#canvas [role=row]")[%d].click()`, i))
		title := fmt.Sprint(b.eval(`document.getElementById("detail-title").textContent`))
		order[title] = true
		if got := b.eval(`document.querySelectorAll("#detail .finding h4")[0].textContent`); got != "? "+title {
			t.Errorf("finding of %.40q: %.60q", title, got)
		}
		if got := b.eval(`document.querySelectorAll("#detail .finding h4")[1].textContent.slice(0, 2)`); got != "✗ " {
			t.Errorf("mark of the other finding of %.40q: %q", title, got)
		}
	}
	for _, n := range names {
		if !order[n] {
			t.Errorf("%.60q was not shown as it is", n)
		}
	}
	b.shot("names-detail")
	b.key("Escape", 27)
	for what, expression := range map[string]string{
		"markup of a name is in the page": `document.querySelectorAll("img, #hosts b, #release b, main script").length`,
		"wider than the window":           `Math.max(0, document.documentElement.scrollWidth - innerWidth)`,
	} {
		if got := b.eval(expression); got != 0.0 {
			t.Errorf("%s: %v", what, got)
		}
	}
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": false}, nil)
	if got := b.eval(`Math.max(0, document.documentElement.scrollWidth - innerWidth)`); got != 0.0 {
		t.Errorf("%v wider than a narrow window: %v", got, b.eval(`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll, #grid")).slice(0, 4).map(e => e.tagName + "#" + e.id + "." + e.className).join(" ")`))
	}
	b.eval(`scrollTo(0, 0)`)
	b.shot("names-narrow")
	if got := b.eval(`document.title`); got != "Xen support of 6 hosts" {
		t.Errorf("the title is %v", got)
	}
	if len(b.errors) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(b.errors, "\n"))
	}
}
