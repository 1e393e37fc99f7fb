package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// again gives a text again and again.
type again struct {
	text []byte
	at   int
	left int // bytes
}

func (a *again) Read(p []byte) (int, error) {
	if a.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), a.left)], a.text[a.at:])
	a.at = (a.at + n) % len(a.text)
	a.left -= n
	return n, nil
}

// headlines counts what begins like a report, and looks at the memory meanwhile.
type headlines struct{ n, writes, most int }

func (h *headlines) Write(p []byte) (int, error) {
	h.n += bytes.Count(p, []byte("This host, edge7, is "))
	if h.writes++; h.writes%100 == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		h.most = max(h.most, int(m.HeapAlloc))
	}
	return len(p), nil
}

// A stream of reports that is longer than what is read of one report is shown
// while it is read, in every format but one that has to keep it; what could not be used in it is told.
func TestRenderStream(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edge7.json")
	output(t, "collect", "--midr", "0x411fd071", "--memory", "16GiB", "--cpus", "8", "--id", "edge7", "-o", file)
	s, out, _ := fake(nil)
	if code := run([]string{"fleet", "--at", "2026-11-21", "--format", "ndjson", file}, s); code != report.ExitFindings {
		t.Fatalf("exit code %d", code)
	}
	text := append(out.Bytes(), `{"kind":"xencheck-error","schema":1,"file":"f","line":3,"offset":9,"error":"noise"}`+"\n"...)
	n := report.MaxInput/len(text) + 20
	stream := func() io.Reader { return &again{text: text, left: n * len(text)} }

	for _, format := range []string{"text", "json", "markdown", "junit", "sarif"} {
		s, _, errs := fake(map[string]string{"LANG": "C.UTF-8"})
		h := &headlines{}
		s.in, s.out = stream(), h
		if format != "text" {
			s.in = io.LimitReader(s.in, int64(3*len(text)))
		}
		code := run([]string{"render", "--format", format, "-"}, s)
		if code != report.ExitUsage {
			t.Errorf("%s: exit code %d", format, code)
		}
		if format == "text" && h.n != n {
			t.Errorf("%d reports are shown, want %d", h.n, n)
		}
		if h.most > 40<<20 {
			t.Errorf("%d bytes in use", h.most)
		}
		lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
		if want := "xencheck: standard input:2: no report: f:3 could not be used: noise"; lines[0] != want {
			t.Errorf("%s: told %q, want %q", format, lines[0], want)
		}
		if want := fmt.Sprintf("xencheck: standard input: %d more of %d objects could not be shown", n-mostProblems, 2*n); format == "text" && (len(lines) != mostProblems+1 || lines[mostProblems] != want) {
			t.Errorf("%d lines, the last is %q, want %q", len(lines), lines[len(lines)-1], want)
		}
	}

	s, out, errs := fake(nil)
	s.in = stream()
	if code := run([]string{"render", "--format", "prometheus", "-"}, s); code != report.ExitUsage || out.Len() > 0 ||
		errs.String() != "xencheck: standard input: larger than 64 MiB, too many samples to keep; xencheck fleet --format prometheus counts a fleet\n" {
		t.Errorf("metrics: exit code %d, %d bytes, %s", code, out.Len(), errs)
	}
}
