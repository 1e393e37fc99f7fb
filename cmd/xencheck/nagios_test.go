package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// A fault of xencheck is no verdict on the service, wherever it happens.
func TestPluginPanics(t *testing.T) {
	boom := func() { panic("boom\n| at midnight") }
	for name, breakIt := range map[string]func(*streams){
		"while looking": func(s *streams) { s.now = func() time.Time { boom(); return time.Time{} } },
		"before": func(s *streams) {
			s.env = func(name string) string {
				if name == "XENCHECK_CONFIG" {
					boom()
				}
				return ""
			}
		},
	} {
		s, out, errs := fake(nil)
		breakIt(s)
		code := run(append([]string{"nagios"}, board...), s)
		if want := "XENCHECK UNKNOWN - internal error: boom / at midnight\n"; code != report.ExitCode(report.ServiceUnknown) || out.String() != want || errs.Len() > 0 {
			t.Errorf("%s: exit code %d, %q and %q, want %q", name, code, out, errs, want)
		}
	}
}

// Nobody waits for longer than was asked for.
func TestPluginTimeout(t *testing.T) {
	s, out, _ := fake(nil)
	release := make(chan bool)
	defer close(release)
	s.now = func() time.Time { <-release; return time.Time{} }
	begin := time.Now()
	code := run(append([]string{"nagios", "-t", "1"}, board...), s)
	if want := "XENCHECK UNKNOWN - no answer within 1s\n"; code != report.ExitCode(report.ServiceUnknown) || out.String() != want {
		t.Errorf("exit code %d, %q", code, out)
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
}

// An answer that nobody got is not OK.
func TestPluginCannotWrite(t *testing.T) {
	s, _, _ := fake(nil)
	s.out = brokenWriter{syscall.ENOSPC}
	if code := run([]string{"nagios", "--midr", "0x411fd071", "--memory", "16GiB"}, s); code != report.ExitCode(report.ServiceUnknown) {
		t.Errorf("exit code %d", code)
	}
}

func TestPluginLinesAreBounded(t *testing.T) {
	s, out, _ := fake(nil)
	run([]string{"nagios", "--xen", "4.10", "--for", "hvm,pv,passthrough,pvh,efi", "--memory", "4GiB", "--at", "2018-01-01"}, s)
	if n := strings.Count(out.String(), "\n"); n > 18 {
		t.Errorf("%d lines", n)
	}
	first, rest, _ := strings.Cut(out.String(), "\n")
	if strings.Count(first, "|") != 1 || strings.Contains(rest, "|") {
		t.Errorf("performance data in the wrong place:\n%s", out)
	}
}
