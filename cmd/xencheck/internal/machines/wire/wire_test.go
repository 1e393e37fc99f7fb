package wire

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func report() *Report {
	return &Report{
		Uptime: 4.5, Notes: []string{"mount sysfs: ok"},
		Results: []Result{{
			Name: "check", Exit: 3, Seconds: 0.25,
			Stdout: noise(5000), Stderr: []byte("xencheck: something\n"),
			Files: map[string][]byte{"/tmp/raw.tar.gz": noise(2000)},
		}},
	}
}

// noise does not compress, so that it takes several lines.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func sent(t testing.TB, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A console holds more than the report, and spoils lines of it.
func TestRead(t *testing.T) {
	text := sent(t, report())
	lines := strings.SplitAfter(text, "\n")
	half := len(lines) / 2
	for name, log := range map[string]string{
		"alone":            text,
		"carriage returns": strings.ReplaceAll(text, "\n", "\r\n"),
		"among others":     "SeaBIOS\n(XEN) Xen version 4.17\n" + strings.ReplaceAll(text, "\n", "\n(XEN) hello\n") + "reboot: Power down\n",
		"prefixed":         strings.ReplaceAll(text, mark+" 0/", "(XEN) "+mark+" 0/"),
		"a broken line":    lines[0][:40] + "(XEN) Scrubbing\n" + lines[0][40:] + strings.Join(lines[1:], ""),
		"first pass only":  strings.Join(lines[:half], ""),
		"every second one": everySecond(lines[:half], 0) + everySecond(lines[half:], 1),
	} {
		got, err := Read([]byte(log))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(report(), got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func everySecond(lines []string, from int) string {
	var b strings.Builder
	for i, l := range lines {
		if i%2 == from {
			b.WriteString(l)
		}
	}
	return b.String()
}

func TestReadIncomplete(t *testing.T) {
	text := sent(t, report())
	lines := strings.SplitAfter(text, "\n")
	for name, log := range map[string]string{
		"nothing":         "",
		"only a kernel":   "[    0.0] Linux version 6.1\n",
		"the first lines": strings.Join(lines[:3], ""),
		"a changed digit": strings.NewReplacer(lines[1], strings.Replace(lines[1], " 1/", " 2/", 1)).Replace(text),
	} {
		if _, err := Read([]byte(log)); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: error is %v, want that it is incomplete", name, err)
		}
	}
}

// FuzzRead holds that a log either gives the very report that was sent, or an
// error: damage never makes another report.
func FuzzRead(f *testing.F) {
	text := sent(f, report())
	f.Add([]byte("(XEN) \n"), 0, 3)
	f.Add([]byte(mark+" 0/1 00000000 AAAA "+mark), 100, 20)
	f.Add([]byte("\x00\xff"), len(text)/2, 1)
	f.Fuzz(func(t *testing.T, damage []byte, at, cut int) {
		if at < 0 || cut < 0 || at > len(text) || cut > len(text)-at {
			t.Skip()
		}
		got, err := Read([]byte(text[:at] + string(damage) + text[at+cut:]))
		if err != nil {
			return
		}
		if d := cmp.Diff(report(), got); d != "" {
			t.Errorf("damage changed the report: %s", d)
		}
	})
}
