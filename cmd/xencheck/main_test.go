package main

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
)

// fake returns streams that touch nothing, with what was written to them.
func fake(env map[string]string) (s *streams, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return &streams{
		in: strings.NewReader(""), out: out, err: errs,
		env:     func(name string) string { return env[name] },
		environ: func() []string { return slices.Sorted(maps.Keys(env)) },
		columns: func() (int, bool) { return 0, false },
		now:     func() time.Time { return time.Date(2026, 11, 21, 13, 14, 15, 0, time.UTC) },
	}, out, errs
}

// board is an Arm board on paper, enough to be judged.
var board = []string{"--midr", "0x410fd083", "--memory", "4GiB", "--cpus", "4", "--anonymous"}

// A fault of xencheck is one line and exit code 4; the stack is for those who
// ask for it.
func TestPanicIsOneLine(t *testing.T) {
	for _, debug := range []string{"", "1"} {
		s, out, errs := fake(map[string]string{"XENCHECK_DEBUG": debug})
		s.now = func() time.Time { panic("boom\nat midnight") }
		code := run(append([]string{"check"}, board...), s)
		if code != report.ExitInternal || out.Len() > 0 {
			t.Errorf("exit code %d, output %q", code, out)
		}
		first, rest, _ := strings.Cut(errs.String(), "\n")
		if want := "xencheck: internal error: boom at midnight (set XENCHECK_DEBUG=1 to see where)"; first != want {
			t.Errorf("got  %s\nwant %s", first, want)
		}
		if hasStack := strings.Contains(rest, "goroutine"); hasStack != (debug != "") {
			t.Errorf("XENCHECK_DEBUG=%q: stack shown: %t", debug, hasStack)
		}
	}
}

// brokenWriter fails as a pipe without a reader does, or a full disk.
type brokenWriter struct{ err error }

func (b brokenWriter) Write([]byte) (int, error) { return 0, b.err }

func TestUnwritableOutput(t *testing.T) {
	for _, tc := range []struct {
		err    error
		code   report.ExitCode
		stderr string
	}{
		{&os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}, report.ExitInconclusive, ""},
		{&os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}, report.ExitUsage, "xencheck: standard output: cannot be written: no space left on device\n"},
	} {
		s, _, errs := fake(nil)
		s.out = brokenWriter{tc.err}
		if code := run(append([]string{"check"}, board...), s); code != tc.code {
			t.Errorf("%v: exit code %d, want %d", tc.err, code, tc.code)
		}
		if errs.String() != tc.stderr {
			t.Errorf("%v: %q on standard error, want %q", tc.err, errs, tc.stderr)
		}
	}
}

// A clock that is behind the statements is not believed; --at is.
func TestClock(t *testing.T) {
	for _, tc := range []struct {
		clock string
		args  []string
		want  string
		warns bool
	}{
		{"2026-11-21", nil, "Judged as of 2026-11-21 ", false},
		{"1970-01-01", nil, "Judged as of 2026-07-29 ", true},
		{"1970-01-01", []string{"--at", "2025-01-01"}, "Judged as of 2025-01-01 ", false},
	} {
		s, out, _ := fake(nil)
		now, err := time.Parse(time.DateOnly, tc.clock)
		if err != nil {
			t.Fatal(err)
		}
		s.now = func() time.Time { return now }
		run(append(append([]string{"check", "--width", "500"}, board...), tc.args...), s)
		if !strings.Contains(out.String(), tc.want) {
			t.Errorf("clock at %s, %v: no %q in\n%s", tc.clock, tc.args, tc.want, out)
		}
		if warns := strings.Contains(out.String(), "The clock says 1970-01-01, which is before the newest statement known here"); warns != tc.warns {
			t.Errorf("clock at %s, %v: warning: %t", tc.clock, tc.args, warns)
		}
	}
}

func TestStyle(t *testing.T) {
	terminal := func() (int, bool) { return 132, true }
	pipe := func() (int, bool) { return 0, false }
	utf8 := map[string]string{"LANG": "en_GB.UTF-8"}
	for name, tc := range map[string]struct {
		env     map[string]string
		columns func() (int, bool)
		options displayOptions
		want    report.Style
	}{
		"terminal":         {utf8, terminal, displayOptions{color: "auto"}, report.Style{Width: 132, Color: true}},
		"pipe":             {utf8, pipe, displayOptions{color: "auto"}, report.Style{Width: 80}},
		"pipe, coloured":   {utf8, pipe, displayOptions{color: "always"}, report.Style{Width: 80, Color: true}},
		"never":            {utf8, terminal, displayOptions{color: "never"}, report.Style{Width: 132}},
		"NO_COLOR":         {map[string]string{"LANG": "C.UTF-8", "NO_COLOR": "1"}, terminal, displayOptions{color: "auto"}, report.Style{Width: 132}},
		"NO_COLOR, always": {map[string]string{"LANG": "C.UTF-8", "NO_COLOR": "1"}, terminal, displayOptions{color: "always"}, report.Style{Width: 132, Color: true}},
		"NO_COLOR, empty":  {map[string]string{"LANG": "C.UTF-8", "NO_COLOR": ""}, terminal, displayOptions{color: "auto"}, report.Style{Width: 132, Color: true}},
		"dumb terminal":    {map[string]string{"LANG": "C.UTF-8", "TERM": "dumb"}, terminal, displayOptions{color: "auto"}, report.Style{Width: 132}},
		"width":            {utf8, terminal, displayOptions{color: "auto", width: 60}, report.Style{Width: 60, Color: true}},
		"to a file":        {utf8, terminal, displayOptions{color: "auto", output: "f"}, report.Style{Width: 80}},
		"no locale":        {nil, pipe, displayOptions{color: "auto"}, report.Style{Width: 80, ASCII: true}},
		"LC_ALL wins":      {map[string]string{"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, pipe, displayOptions{}, report.Style{Width: 80, ASCII: true}},
		"LC_CTYPE":         {map[string]string{"LC_CTYPE": "ja_JP.utf8", "LANG": "C"}, pipe, displayOptions{}, report.Style{Width: 80}},
		"verbose":          {utf8, pipe, displayOptions{verbose: true}, report.Style{Width: 80, Verbose: true}},
	} {
		s, _, _ := fake(tc.env)
		s.columns = tc.columns
		if got := tc.options.style(s); got != tc.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]uint64{
		"1": 1, "16GiB": 16 << 30, "16 gib": 16 << 30, "12T": 12 << 40, "512m": 512 << 20, "64KiB": 64 << 10, "15PiB": 15 << 50,
	} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "-1", "1.5GiB", "GiB", "20000PiB", "1GB", "99999999999999999999", "1 G iB"} {
		if got, err := parseSize(in); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", in, got)
		}
	}
}

func TestLooksLikeRelease(t *testing.T) {
	for name, want := range map[string]bool{
		"4.22": true, "4.18.5": true, "4.18@37fcb4c206": true, "4.10-unstable": true, "4.19.0-rc2": true,
		"4.22.md": false, "SUPPORT.md": false, "4": false, "": false, "..": false, "4.": false,
	} {
		if got := looksLikeRelease(name); got != want {
			t.Errorf("looksLikeRelease(%q) = %t", name, got)
		}
	}
}

// A release wins over a file of that name; anything else that exists is a file.
func TestIsFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"4.22", "SUPPORT.md"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{"4.22": false, "./4.22": true, "SUPPORT.md": true, "-": true, "nowhere/x": true, "nowhere": false} {
		if got := isFile(name); got != want {
			t.Errorf("isFile(%q) = %t", name, got)
		}
	}
}

// A FIFO that nobody writes to must not hang the process, a huge file not fill
// its memory.
func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo, huge := filepath.Join(dir, "fifo"), filepath.Join(dir, "huge")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skipf("no FIFOs here: %v", err)
	}
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 10<<30); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	s, _, _ := fake(nil)
	s.in = endless{}
	for name, want := range map[string]string{
		fifo: fifo + ": is not a regular file; use - to read standard input",
		huge: huge + ": larger than 64 MiB",
		dir:  dir + ": is a directory",
		"-":  "standard input: larger than 64 MiB",
	} {
		if _, err := s.read(name, report.MaxInput); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestReplaceFileKeepsTheOldOne(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "report.txt")
	content := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	if err := replaceFile(name, content("one")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(name, content("two")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v: the old mode is not kept", info.Mode(), err)
	}
	failed := errors.New("failed")
	if err := replaceFile(name, func(w io.Writer) error { _, _ = io.WriteString(w, "thr"); return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "two" {
		t.Errorf("content %q, %v", got, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFoundXen(t *testing.T) {
	v := func(minor int, extra string) facts.XenVersion {
		return facts.XenVersion{Major: 4, Minor: minor, Extra: extra}
	}
	installed := func(vs ...facts.XenVersion) *facts.Host {
		h := &facts.Host{}
		h.Xen.Running = facts.Missing[facts.XenVersion]("/sys/hypervisor")
		h.Xen.Installed = facts.Is(vs, "/boot")
		return h
	}
	running := installed(v(22, ".0"))
	running.Xen.Running = facts.Is(v(18, ".5"), "/sys/hypervisor")
	for name, tc := range map[string]struct {
		host    *facts.Host
		want    string
		how     report.How
		remarks int
	}{
		"nothing":             {&facts.Host{}, "", report.Newest, 0},
		"running beats":       {running, "4.18.5", report.Running, 0},
		"highest installed":   {installed(v(9, ".4"), v(18, ".10"), v(18, ".9")), "4.18.10", report.Installed, 1},
		"release over its rc": {installed(v(22, ".0-rc3"), v(22, ".0")), "4.22.0", report.Installed, 1},
		"the same twice":      {installed(v(22, ".0"), v(22, ".0")), "4.22.0", report.Installed, 0},
		"none installed":      {installed(), "", report.Newest, 0},
	} {
		found, how, remarks := foundXen(tc.host)
		got := ""
		if found != nil {
			got = version(*found)
		}
		if got != tc.want || how != tc.how || len(remarks) != tc.remarks {
			t.Errorf("%s: %q, %s, %q", name, got, how, remarks)
		}
	}
}

// The point release's own statement is compared with the one judged by.
func TestPointRelease(t *testing.T) {
	s, _, _ := fake(nil)
	lib := s.library()
	open := func(name string) string {
		st, err := lib.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		h := &facts.Host{}
		h.Xen.Running = facts.Is(facts.XenVersion{Major: 4, Minor: 18, Extra: ".5"}, "/sys/hypervisor")
		return pointRelease(st, h)
	}
	got := []string{open("4.18"), open("4.18@37fcb4c206"), open("4.22")}
	want := []string{"you run 4.18.5; its own statement (revision 37fcb4c206 of 2024-09-24) predates the revision of 2026-07-28, which is judged by", "", ""}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A file name cannot drive the terminal that an error is shown on.
func TestErrorsAreHarmless(t *testing.T) {
	s, _, errs := fake(nil)
	if code := run([]string{"evaluate", "/nowhere/\x1b[2J\nx"}, s); code != report.ExitUsage {
		t.Errorf("exit code %d", code)
	}
	if got := errs.String(); strings.ContainsRune(got, '\x1b') || strings.Count(got, "\n") != 1 {
		t.Errorf("%q", got)
	}
}

func BenchmarkCheckBoard(b *testing.B) {
	s, out, _ := fake(nil)
	args := append([]string{"check", "--at", "2026-11-21"}, board...)
	for b.Loop() {
		out.Reset()
		if code := run(args, s); code != report.ExitInconclusive {
			b.Fatal(code)
		}
	}
}
