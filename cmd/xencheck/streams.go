package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/rules"
)

// streams is everything outside the process that the commands may touch
// besides the files they are given.
type streams struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	environ  func() []string    // the names of everything in the environment
	columns  func() (int, bool) // of the terminal that out is; false when it is none
	progress func() bool        // whether err is a terminal that progress can be shown on; nil for no
	now      func() time.Time
	confine  func(outputs []string) error // takes rights away from the process, for good; nil in tests

	early *probe.Early // what was read before the process was confined

	// What settle found out.
	waivers []rules.Waiver
	origin  map[string]string // by flag, where its value is from; missing where it is built in
}

// system returns the streams of this process.
func system() *streams {
	return &streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, now: time.Now, environ: envNames, confine: confine,
		progress: func() bool {
			return term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb"
		},
		columns: func() (int, bool) {
			if !term.IsTerminal(int(os.Stdout.Fd())) {
				return 0, false
			}
			w, _, err := term.GetSize(int(os.Stdout.Fd()))
			if err != nil || w <= 0 {
				w = defaultWidth
			}
			return w, true
		},
	}
}

// envNames lists the names of the environment.
func envNames() []string {
	all := os.Environ()
	for i, kv := range all {
		all[i], _, _ = strings.Cut(kv, "=")
	}
	return all
}

// defaultWidth is used where nothing tells the width.
const defaultWidth = 80

// warn writes one line to standard error.
func (s *streams) warn(format string, args ...any) {
	s.line("warning: " + fmt.Sprintf(format, args...))
}

// line writes one line to standard error, safe for a terminal.
func (s *streams) line(text string) {
	lines := make([]string, 0, 1)
	for l := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(l))
	}
	fmt.Fprintln(s.err, "xencheck: "+report.Clean(strings.Join(lines, " ")))
}

// utf8 reports whether the locale can show more than ASCII: the first of
// LC_ALL, LC_CTYPE and LANG that is set decides (POSIX, section 8.2).
func (s *streams) utf8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := s.env(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}
