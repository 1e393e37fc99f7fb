package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/xencheck/xencheck/rules"
)

func fleetSummary() *Fleet {
	hurt := FleetHurt{Title: "Physical Memory", Key: "physical-memory--x86", Grade: rules.GradeOutside, Do: "Use less.", Hosts: 2, ByAsked: []int{2, 1}}
	days := 12
	return &Fleet{
		Kind: KindFleet, Schema: Schema, Tool: "xencheck 0", Asked: []string{"auto", "4.22"}, Intents: []string{"host"},
		Records: 4, Bad: 1, Hosts: 3, Statements: []FleetStatement{{Statement: Statement{Name: "4.22", Release: "4.22"}, Hosts: 3}},
		Verdicts: []FleetVerdicts{{Asked: 1, Hosts: 3, Grades: FleetGrades{rules.GradeOutside: 2, rules.GradeSupported: 1}}},
		Hurts:    []FleetHurt{hurt}, Unknown: []FleetHurt{{Title: "IOMMU", Grade: rules.GradeUnknown, Cause: "it was not read", Hosts: 1, ByAsked: []int{1, 1}}},
		Upgrades:   []FleetUpgrade{{From: 0, To: 1, Better: 1, Same: 2, Gains: []FleetHurt{{Title: "gain", Hosts: 1, ByAsked: []int{1}}}, Losses: []FleetHurt{}}},
		Hardware:   []FleetHardware{{Name: "a server", Hosts: 3, Grades: []FleetGrades{{rules.GradeOutside: 3}, {rules.GradeOutside: 3}}}},
		Horizons:   []FleetHorizon{{Release: "4.17", How: Running, Hosts: 3, SecuritySupportUntil: "2025-12-12", Days: &days}},
		BadRecords: []BadRecord{{Kind: KindError, Schema: Schema, File: "f", Line: 3, Offset: 90, Error: "noise"}},
		Waivers:    []FleetWaiver{{Waiver: rules.Waiver{Rule: "host-memory", Reason: "known", Owner: "ops", Expires: "2020-01-01"}, State: rules.WaiverUsed, Hosts: 2, ByAsked: []int{2, 1}}},
		FailOn:     FailNotSecurity, ExitCode: ExitUsage, ExitMeaning: "usage",
	}
}

// A summary that points nowhere is refused, with the place.
func TestDecodeFleetRefuses(t *testing.T) {
	for _, tc := range []struct {
		change func(*Fleet)
		want   string
	}{
		{func(f *Fleet) { f.Kind = KindReport }, `not a report of xencheck: kind is "xencheck-report"`},
		{func(f *Fleet) { f.Schema = 99 }, "schema 99 of the summary, but only 1 is known here"},
		{func(f *Fleet) { f.Verdicts[0].Statement = 1 }, "verdicts[0]: there is no such statement"},
		{func(f *Fleet) { f.Verdicts[0].Asked = -1 }, "verdicts[0]: there is no such statement"},
		{func(f *Fleet) { f.Verdicts[0].Grades["fine"] = 1 }, `verdicts[0].grades: unknown grade "fine"`},
		{func(f *Fleet) { f.Upgrades[0].To = 2 }, "upgrades[0]: nobody asked for these releases"},
		{func(f *Fleet) { f.Hardware[0].Grades = nil }, "hardware[0]: 0 verdicts, but 2 releases were asked for"},
		{func(f *Fleet) { f.Hurts[0].ByAsked = []int{1, 2, 3} }, `"Physical Memory": 3 counts, but only 2 releases were asked for`},
		{func(f *Fleet) { f.Unknown[0].Grade = "odd" }, `"IOMMU": unknown grade "odd"`},
		{func(f *Fleet) { f.Waivers[0].State = "" }, `waivers[0].state: unknown state ""`},
		{func(f *Fleet) { f.Waivers[0].ByAsked = []int{1, 2, 3} }, "waivers[0]: 3 counts, but only 2 releases were asked for"},
		{func(f *Fleet) { f.FailOn = "rain" }, `fail_on: unknown threshold "rain"`},
		{func(f *Fleet) { f.ExitCode = 77 }, "exit_code: fleet does not end with 77"},
		{func(f *Fleet) { f.Interrupted = true }, "exit_code: it does not say the same as interrupted"},
	} {
		f := fleetSummary()
		tc.change(f)
		if _, err := DecodeFleet(encode(t, f)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}

// FuzzDecodeFleet: what is read can be written and read again, and shown
// without harm to a terminal.
func FuzzDecodeFleet(f *testing.F) {
	f.Add(compact(f, fleetSummary()))
	f.Add([]byte(`{"kind":"xencheck-fleet","schema":1,"fail_on":"never","asked":["a\u001b[2J"],"verdicts":[{"asked":0,"statement":0}],"statements":[{"name":"\u009b"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err := DecodeFleet(data)
		if err != nil {
			return
		}
		first := encode(t, one)
		again, err := DecodeFleet(first)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, first)
		}
		if d := cmp.Diff(one, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("(-first +again)\n%s", d)
		}
		var b bytes.Buffer
		if err := one.WriteText(&b, Style{Width: 80, Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(b.String(), func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
			t.Errorf("a control character is shown: %q", b.String()[i:])
		}
	})
}

// Two texts of one release are told apart wherever hosts are counted by them.
func TestFleetOfTwoTexts(t *testing.T) {
	f := fleetSummary()
	f.Statements[0].Revision, f.Statements[0].Origin = "41f0cbc765", "embedded"
	f.Statements = append(f.Statements, FleetStatement{Statement: Statement{Name: "./SUPPORT.md", Release: "4.22", Origin: "./SUPPORT.md"}, Hosts: 3})
	for i, name := range []string{"copy.md", "other.md"} { // the one says the same as 4.22, of the other nothing is known
		f.Statements = append(f.Statements, FleetStatement{Statement: Statement{Name: name, Release: "4.21", Origin: name}, Hosts: 3})
		f.Verdicts = append(f.Verdicts, FleetVerdicts{Asked: 1, Statement: 2 + i, Hosts: 3, Grades: FleetGrades{rules.GradeSupported: 3}})
	}
	f.Statements[2].Release, f.Statements[2].Revision = "4.22", "41f0cbc765"
	f.Verdicts = append(f.Verdicts, FleetVerdicts{Asked: 1, Statement: 1, Hosts: 3, Grades: FleetGrades{rules.GradeSupported: 3}})
	var b bytes.Buffer
	if err := f.WriteText(&b, Style{Width: 120}); err != nil {
		t.Fatal(err)
	}
	d := newPrometheusDocument(&b, true)
	if err := errors.Join(AddFleet(d, "", f), d.Close()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n  by 4.22, embedded ", "\n  by 4.22, ./SUPPORT.md ", "\n  by 4.22, copy.md ", "\n  4.22, ./SUPPORT.md: ", "\n  by 4.21 ", `release="4.22, copy.md",`, `release="4.22, ./SUPPORT.md",`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("missing %q in\n%s", want, b.String())
		}
	}
}
