package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// fleet writes a page of n hosts of some kinds.
func fleet(n int) *Page {
	p := New("xencheck test", day, []Release{
		{Name: "4.17", Revision: "d0f5c18848", Date: "2026-07-28", SecurityEnds: "2027-12-12"},
		{Name: "4.22", Revision: "41f0cbc765", Date: "2026-07-29", SecurityEnds: "2031-07-30"},
	})
	cpus := []string{"Intel Xeon Gold 6130", "AMD EPYC 7402P", "Cortex-A57 r1p0", "Ampere Altra (Neoverse-N1 r3p1)", "Intel Xeon Phi 7250"}
	boards := []string{"Dell PowerEdge R640", "Supermicro H12SSL", "AMD Seattle", "Gigabyte R152", "Intel S7200AP"}
	iommus := []string{"VT-d", "AMD-Vi", "SMMUv1", "SMMUv3", "VT-d"}
	xens := []string{"4.17.5", "4.20.1", "", "4.15.3", "4.22.0"}
	ends := []time.Time{time.Date(2027, 12, 12, 0, 0, 0, 0, time.UTC), time.Date(2030, 3, 5, 0, 0, 0, 0, time.UTC), {}, time.Date(2024, 4, 8, 0, 0, 0, 0, time.UTC), time.Date(2031, 7, 30, 0, 0, 0, 0, time.UTC)}
	p.Waive(Waiver{"rule host-cpus", "unused", "known", "ops", "2026-12-31"})
	p.Waive(Waiver{"arm-v8--cortex-a57-r0p0-r1p1 (waivers.toml:6)", "used", "known", "ops", "2026-12-31"})
	good := Verdict{Grade: "supported", Words: "supported and security supported"}
	bad := Verdict{Grade: "not_security_supported", Words: "supported, not security supported", Findings: []Finding{{Title: "ARM v8, Cortex A57 r0p0-r1p1", Key: "arm-v8--cortex-a57-r0p0-r1p1",
		Place: "4.22, line 44", Words: "supported, not security supported", Grade: "not_security_supported", Seen: "cores Cortex-A57 r1p0", Why: "This host's CPU is one that the row names.", Do: "Use another CPU.", Waived: "by ops until 2026-12-31: known"}}, Waivers: []int{1}}
	open := Verdict{Grade: "unknown", Words: "could not be determined", Findings: []Finding{{Title: "Physical Memory, x86", Key: "physical-memory--x86", Words: "could not be determined", Grade: "unknown", Why: "Memory is not known.", Do: "Run as root."}}}
	for i := range n {
		k := (i*7 + i/11) % 5
		vs := []Verdict{good, good}
		switch {
		case k == 2:
			vs = []Verdict{bad, bad}
		case i%37 == 0:
			vs = []Verdict{open, good}
		}
		h := Host{ID: fmt.Sprintf("host%d.example", i), Source: fmt.Sprintf("fleet.ndjson:%d", i+1), Arch: "x86-64", Board: boards[k], CPU: cpus[k], CPUs: 8 + k*16, Memory: uint64(16+i%512) << 30,
			IOMMU: iommus[k], Xen: xens[k], Ends: ends[k], Verdicts: vs}
		if k == 2 || k == 3 {
			h.Arch, h.GIC = "arm64", "GICv3"
		}
		p.Add(h)
	}
	return p
}

func written(t *testing.T, p *Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// dataOf returns what the script of a page reads.
func dataOf(t *testing.T, html string) (d data) {
	t.Helper()
	_, rest, ok := strings.Cut(html, `<script type="application/json" id="data">`)
	if !ok {
		t.Fatal("the page holds no data")
	}
	body, _, _ := strings.Cut(rest, "</script>")
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestColumns(t *testing.T) {
	p := fleet(30)
	p.Fail(Failure{"bad.ndjson:7", "unexpected end of JSON input"})
	d := dataOf(t, written(t, p))
	if len(d.Hosts.ID) != 30 || d.Hosts.ID[2] != "host2.example" || d.Hosts.ID[10] != "host10.example" {
		t.Errorf("hosts are not in natural order: %v", d.Hosts.ID)
	}
	if len(d.Verdicts) != 3 {
		t.Errorf("%d distinct verdicts, want 3", len(d.Verdicts))
	}
	for i, id := range d.Hosts.ID {
		n := 0
		fmt.Sscanf(id, "host%d.example", &n)
		k := (n*7 + n/11) % 5
		if want := map[bool]string{true: "not_security_supported", false: "supported"}[k == 2]; grades[d.Verdicts[d.Hosts.Verdicts[1][i]].Grade].ID != want {
			t.Errorf("%s: verdict by 4.22 is not %s", id, want)
		}
		if got := d.Hosts.Memory[i]; got != int64(16+n%512)<<10 {
			t.Errorf("%s: %d MiB", id, got)
		}
	}
	if len(d.Failures) != 1 || d.Failures[0] != [2]string{"bad.ndjson:7", "unexpected end of JSON input"} {
		t.Errorf("failures %v", d.Failures)
	}
}

// A fleet of no host is a page too, and its script reads lists everywhere.
func TestEmpty(t *testing.T) {
	html := written(t, New("t", day, []Release{{Name: "4.22"}}))
	if _, body, _ := strings.Cut(html, `id="data">`); strings.Contains(strings.SplitN(body, "</script>", 2)[0], "null") {
		t.Error("the data of an empty page holds a null")
	}
}

// Nothing of a host stays in memory but what the page shows of it, though it is
// handed over as parts of larger texts.
func TestMemory(t *testing.T) {
	p := New("t", day, []Release{{Name: "4.22"}})
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := used()
	for i := range 1000 {
		text := fmt.Sprintf("%03d%s", i, strings.Repeat("x", 100<<10))
		v := Verdict{Words: text[:5], By: text[:6], Findings: []Finding{{Title: text[:7], Why: text[:8]}}}
		p.Add(Host{Key: text[:3], ID: text[:3], Source: text[:4], CPU: text[:9], Verdicts: []Verdict{v}})
	}
	if grown := int64(used() - before); grown > 10<<20 {
		t.Errorf("%d bytes for 1,000 hosts", grown)
	}
	if d := dataOf(t, written(t, p)); len(d.Hosts.ID) != 1000 || d.Hosts.ID[7] != "007" {
		t.Errorf("%d hosts", len(d.Hosts.ID))
	}
}

// A name from a host must stay a name.
func TestHostileWords(t *testing.T) {
	const evil = `</script><img src=x onerror=alert(1)><!--`
	p := New("t", day, []Release{{Name: evil}})
	p.Add(Host{ID: evil, CPU: evil, Verdicts: []Verdict{{Grade: evil, Words: evil}}})
	p.Fail(Failure{evil, evil})
	html := written(t, p)
	if strings.Contains(html, "<img src=x") || strings.Count(html, "</script>") != 2 {
		t.Error("the name of a host reached the markup")
	}
	d := dataOf(t, html)
	if d.Hosts.ID[0] != evil || grades[d.Verdicts[0].Grade].ID != "unknown" {
		t.Errorf("%q, grade %s", d.Hosts.ID[0], grades[d.Verdicts[0].Grade].ID)
	}
}

// The page asks for nothing: no address, no import, nothing but its own script.
func TestSelfContained(t *testing.T) {
	html := written(t, fleet(3))
	for _, bad := range []string{"http://", "https://", "@import", "url(", "<link", " src="} {
		rest := html
		if bad == "http://" {
			rest = strings.ReplaceAll(rest, "http://www.w3.org/2000/svg", "") // a name, not an address
		}
		if strings.Contains(rest, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	if !strings.Contains(html, digest(script)) && !strings.Contains(html, strings.ReplaceAll(digest(script), "+", "&#43;")) {
		t.Error("the policy does not name the script")
	}
}

// The newest record of a host counts, whatever it is called, also if a filter
// leaves it out; those of hosts without a name are hosts of their own.
func TestNewest(t *testing.T) {
	p := New("t", day, []Release{{Name: "4.22"}})
	for i, h := range []Host{
		{Key: "a", ID: "a", Collected: 5}, {Key: "a", ID: "a", Collected: 4}, // older
		{Key: "b\x01", ID: "b?", Collected: 5}, {Key: "b\x02", ID: "b?"}, // look alike
		{Key: "c", ID: "c"}, {Key: "c", ID: "c"}, // of one moment
		{}, {},
		{Key: "d", ID: "d", Collected: 1}, {Key: "e", ID: "e", Collected: 3}, {Key: "f", ID: "f", Collected: 3},
	} {
		h.Source = fmt.Sprint("s", i%7)
		p.Add(h)
	}
	p.LeaveOut("d", 2)
	p.LeaveOut("e", 2)
	p.LeaveOut("f", 3)
	p.LeaveOut("", 3)
	p.LeaveOut("g", 3)
	for range maxFailures + 2 {
		p.Fail(Failure{"x", "y"})
	}
	html := written(t, p)
	d := dataOf(t, html)
	var got []string
	for i, id := range d.Hosts.ID {
		got = append(got, id+" "+d.Hosts.Source[i])
	}
	if want := "a s0, b? s2, b? s3, c s5, e s2, s0 s0, s6 s6"; strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	if !strings.Contains(html, "<title>Xen support of 7 hosts</title>") || len(d.Failures) != maxFailures || len(d.Notes) != 1 || d.Notes[0] != "2 more records could not be judged than are listed here." {
		t.Errorf("%d failures, notes %q", len(d.Failures), d.Notes)
	}
	if title(1) != "Xen support of 1 host" {
		t.Error(title(1))
	}
}
