package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/rules"
)

const sample = `xen = "4.20" # the one we run
for = ["hvm"]
gate = { mode = "ask" }

[[waiver]]
row = "x86-pvh"
reason = "r"
owner = "o"
expires = 2027-01-31

[[waiver]]
reason = "r"
rule = "release"
owner = "o"
expires = "2027-02-28"
`

func TestParse(t *testing.T) {
	got, err := Parse("c.toml", []byte(sample))
	want := &File{
		Name: "c.toml",
		Settings: map[string]Setting{
			Xen: {[]string{"4.20"}, 1}, For: {[]string{"hvm"}, 2}, GateMode: {[]string{"ask"}, 0},
		},
		Waivers: []rules.Waiver{
			{Row: "x86-pvh", Reason: "r", Owner: "o", Expires: "2027-01-31", Source: "c.toml:5"},
			{Rule: "release", Reason: "r", Owner: "o", Expires: "2027-02-28", Source: "c.toml:11"},
		},
	}
	if err != nil {
		t.Fatal(err)
	}
	// A table in one line has its line as well.
	want.Settings[GateMode] = Setting{[]string{"ask"}, 3}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Whatever a file holds, what is accepted is whole: every waiver names one
// thing, a reason, an owner and a day; every error is one line that names the
// file and, where there is one, a line of it.
func FuzzParse(f *testing.F) {
	f.Add(sample)
	for _, s := range []string{"", "xen=1", "[gate]\nmode='ask'\n", "[[waiver]]\n", "waiver = [{row='a', reason='b', owner='c', expires=2030-01-01}]", "for=['hvm',]", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse("c.toml", []byte(s))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "c.toml:") {
				t.Errorf("%q: %v names no file", s, err)
			} else if e.Line > 1+strings.Count(s, "\n") {
				t.Errorf("%q: %v: there is no such line", s, err)
			}
			return
		}
		for _, w := range c.Waivers {
			if (w.Rule == "") == (w.Row == "") || w.Reason == "" || w.Owner == "" || w.Source == "" {
				t.Errorf("%q: half a waiver: %+v", s, w)
			}
			if _, err := time.Parse(time.DateOnly, w.Expires); err != nil {
				t.Errorf("%q: %v", s, err)
			}
		}
		if v, ok := c.Settings[GateMode]; ok && !slices.Contains(Modes(), v.Value[0]) {
			t.Errorf("%q: mode %q", s, v.Value)
		}
	})
}
