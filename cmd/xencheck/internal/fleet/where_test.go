package fleet

import (
	"strings"
	"testing"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// hostNamed is a host with two kinds of CPU, judged below by two releases.
func hostNamed(t *testing.T, name string) *facts.Host {
	t.Helper()
	h := &facts.Host{Schema: 1, Name: name}
	h.Machine.Arch = facts.Is(facts.X86_64, "test")
	h.Machine.Product = facts.Is("PowerEdge R640", "test")
	h.CPU.X86 = &facts.X86CPU{Models: facts.Is([]facts.X86Model{{Name: "Intel(R) Xeon(R) Gold 6130"}, {Name: "Other"}}, "test")}
	h.Xen.Running = facts.Is(facts.XenVersion{Major: 4, Minor: 17}, "test")
	return h
}

func TestFilter(t *testing.T) {
	r := &Result{Host: hostNamed(t, "web1"), Judgements: []Judgement{
		{Statement: &Statement{Statement: report.Statement{Release: "4.17"}}, Grade: rules.GradeOutside, Hurts: []*Hurt{{Key: "physical-memory--x86", Title: "Physical Memory, x86"}}},
		{Statement: &Statement{Statement: report.Statement{Release: "4.22"}}, Grade: rules.GradeSupported},
	}}
	for where, want := range map[string]bool{
		"verdict=outside":                         true,
		"verdict=outside-the-statement,unknown":   true,
		"verdict=unknown":                         false,
		"verdict!=outside,supported":              false,
		"verdict=outside release=4.17":            true,
		"verdict=outside release=4.22":            false,
		"row=physical-memory--x86":                true,
		"row=memory":                              false,
		"row~memory":                              true,
		`row="Physical Memory, x86"`:              true,
		"row~memory verdict=supported":            false,
		"cpu~xeon":                                true,
		"cpu~XEON,epyc":                           true,
		"cpu!~xeon":                               false,
		`cpu="intel(r) xeon(r) gold 6130"`:        true,
		"cpu=other xen=4.17   arch=x86-64":        true,
		"xen=none":                                false,
		"arch=X86_64 xen=4.17,none":               true,
		"arch=arm64,arm32":                        false,
		"name=web1":                               true,
		"name!=web1":                              false,
		"hardware~r640":                           true,
		"hardware~r640 name~web release~4.2,4.17": true,
	} {
		f, err := ParseFilter([]string{where}, nil)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		if got := f.Match(r); got != want {
			t.Errorf("%s: %v", where, got)
		}
	}
	f, err := ParseFilter([]string{"cpu~xeon", "xen=4.17"}, []string{"outside", "unknown"})
	if err != nil || !f.Match(r) || f.String() != "verdict=outside,unknown cpu~xeon xen=4.17" {
		t.Errorf("%v %q", err, f)
	}
	if (Filter{}).Match(r) != true {
		t.Error("no filter selects nothing")
	}
}

func TestFilterErrors(t *testing.T) {
	for where, want := range map[string]string{
		"":                "empty",
		"cpu":             "expected FIELD=VALUE",
		"=x":              "expected FIELD=VALUE",
		"color=red":       `no field "color"; there is verdict, row,`,
		"cpu!xeon":        "expected = or ~ behind cpu",
		"cpu~":            "at character 5: a value is missing",
		"cpu~a,":          "at character 7: a value is missing",
		"cpu==a":          `at character 5: a value that begins with "=" stands in quotes`,
		"name~ü cpu~~a":   `at character 12: a value that begins with "~" stands in quotes`,
		`cpu="xeon`:       "at character 5: a quote is not closed",
		`cpu="xeon"x`:     "at character 11: expected a blank",
		"cpu=b color=x":   `at character 7: no field "color"`,
		"arch=x86":        "arch: must be one of x86-64, x86-32, arm64, arm32",
		"xen=4.17.2":      "xen: must be a release, such as 4.17, or none",
		"xen=4":           "xen: must be a release",
		"verdict=perfect": "verdict: must be one of supported, security-supported,",
	} {
		if _, err := ParseFilter([]string{where}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", where, err, want)
		}
	}
	if f, err := ParseFilter([]string{"\n\tcpu~a\n\tname=b\r\n"}, nil); err != nil || len(f.terms) != 2 || f.terms[0].values[0] != "a" || f.terms[1].values[0] != "b" {
		t.Errorf("terms on lines: %+v, %v", f.terms, err)
	}
	if f, err := ParseFilter([]string{`cpu="=a"`}, nil); err != nil || f.terms[0].values[0] != "=a" {
		t.Errorf("a value in quotes: %v", err)
	}
	if _, err := ParseFilter(nil, []string{"unknown", "bad"}); err == nil || !strings.HasPrefix(err.Error(), `"bad": a verdict must be one of supported,`) {
		t.Error(err)
	}
}

// Whatever is written as a filter is refused or can be asked.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"verdict=unknown", `cpu~"a b",c xen!=4.17`, "row!~x", "=", `cpu="`, "name=a  arch=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := ParseFilter([]string{s}, nil)
		if err != nil {
			return
		}
		if len(filter.terms) == 0 {
			t.Errorf("%q selects without a term", s)
		}
		// A filter and its opposite never agree on a term of one value.
		if len(filter.terms) == 1 {
			tm := filter.terms[0]
			for _, have := range [][]string{nil, {"x"}, {tm.values[0]}, {"a", "b"}} {
				opposite := tm
				opposite.not = !tm.not
				if tm.matches(have) != opposite.matches(have) {
					t.Fatal("matches depends on not")
				}
			}
			if !tm.matches([]string{tm.values[0]}) {
				t.Errorf("%q does not match %q", s, tm.values[0])
			}
		}
	})
}
