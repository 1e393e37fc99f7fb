package main

import (
	"errors"
	"testing"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// A fault in one of many steps is an error that names the file and is told from
// bad input by its exit code; other errors stay as they are.
func TestSurvive(t *testing.T) {
	plain := errors.New("plain")
	empty := func() map[string]int { return nil }
	for _, tc := range []struct {
		file string
		step func() error
		want string
		code report.ExitCode
	}{
		{"h.json", func() error { panic("boom") }, "h.json: internal error: boom", report.ExitInternal},
		{"-", func() error { empty()["x"]++; return nil }, "standard input: internal error: assignment to entry in nil map", report.ExitInternal},
		{"h.json", func() error { return plain }, "plain", report.ExitUsage},
	} {
		err := survive(tc.file, tc.step)
		if err == nil || err.Error() != tc.want || codeOf(err) != tc.code {
			t.Errorf("%v with %v, want %s with %v", err, codeOf(err), tc.want, tc.code)
		}
	}
	if err := survive("h.json", func() error { return nil }); err != nil {
		t.Error(err)
	}
}
