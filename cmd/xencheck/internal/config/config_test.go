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

// What is wrong is said in words of the file, with its line.
func TestParseRefuses(t *testing.T) {
	const rest = "reason = 'r'\nowner = 'o'\n"
	for text, want := range map[string]string{
		"xen = '4.18'\nxen = '4.20'\n": "c.toml:2: not TOML as expected: key xen is already defined",
		"\nfor = 'hvm'\n":              `c.toml:2: not TOML as expected: for must be a list such as ["hvm"]`,
		"for = [1]\n":                  `c.toml:1: not TOML as expected: for must be a list such as ["hvm"]`,
		"for = []\nXen = '4.20'\n":     `c.toml:2: unknown setting "Xen"; settings are written in small letters`,
		"[gate]\n\nMode = 'refuse'\n":  `c.toml:3: unknown setting "gate.Mode"; settings are written in small letters`,
		"waiver = [{Row = 'x', reason = 'r', owner = 'o', expires = 2027-01-31}]\n": `c.toml: unknown setting "waiver.Row"; settings are written in small letters`,
		"xen = 4.20\n":                 "c.toml:1: not TOML as expected: xen must be text in quotation marks",
		"[gate]\nmode = 3\n":           "c.toml:2: not TOML as expected: gate.mode must be text in quotation marks",
		"[gate]\npackages = ['a,b']\n": `c.toml:2: gate.packages: "a,b" must be a pattern of package names, such as xen-hypervisor-*`,
		"gate.packages = [\"a\\nb\"]":  `c.toml:1: gate.packages: "a\nb" must be a pattern of package names, such as xen-hypervisor-*`,
		"[gate]\npackages = 'x'\n":     `c.toml:2: not TOML as expected: gate.packages must be a list such as ["vendor-xen-*"]`,
		"gate = 'refuse'\n":            "c.toml:1: not TOML as expected: gate must be a table, [gate]",
		"waiver = 3\n":                 "c.toml:1: not TOML as expected: waiver must be a table, [[waiver]]",
		"[gate]\nmode = 'always'\n":    `c.toml:2: gate.mode: "always" must be of advise, ask, refuse`,
		"[[waiver]]\nrow = 'x'\nreason = 'r'\nexpires = 2027-01-31\n":       "c.toml:1: waiver: has no owner, who answers for it",
		"[[waiver]]\nrow = 'x'\nowner = 'o'\nexpires = 2027-01-31\n":        "c.toml:1: waiver: has no reason",
		"[[waiver]]\nrow = 'x'\n" + rest:                                    "c.toml:1: waiver: does not say when it expires, such as expires = 2027-01-31",
		"[[waiver]]\n" + rest + "expires = 2027-01-31\n":                    "c.toml:1: waiver: names neither a rule nor a row",
		"[[waiver]]\nrow = 'x'\n" + rest + "expires = 2027-01-31T10:00:00Z": `c.toml:5: waiver: expires: "2027-01-31 10:00:00 +0000 UTC" is no date such as 2027-01-31`,
		"[[waiver]]\nrow = 'x'\n" + rest + "expires = 20270131":             `c.toml:5: waiver: expires: "20270131" is no date such as 2027-01-31`,
		"[[waiver]]\nrow = 'x'\n" + rest + "expires = '31.01.2027'":         `c.toml:5: waiver: expires: "31.01.2027" is no date such as 2027-01-31`,
		"[[waiver]]\nrow = 'x'\n" + rest + "expires = 2027-02-30":           "c.toml:5: not TOML as expected: impossible date",
		"[[waiver]]\nrow = 'x'\n" + rest + "until = 2027-02-28":             `c.toml:5: unknown setting "waiver.until"`,
	} {
		_, err := Parse("c.toml", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
	// What some editors put before the text is none of it.
	c, err := Parse("c.toml", []byte("\ufeffxen = '4.20'\n"))
	if err != nil || c.Settings[Xen].Line != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	// A table where a list of tables is usual is the only one.
	c, err = Parse("c.toml", []byte("\n[waiver]\nrow = 'x'\n"+rest+"expires = 2027-01-31\n"))
	if err != nil || len(c.Waivers) != 1 || c.Waivers[0].Source != "c.toml:2" {
		t.Errorf("%+v, %v", c, err)
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
