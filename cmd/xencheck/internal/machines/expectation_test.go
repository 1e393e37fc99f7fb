package machines

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someFacts = `{
 "origin": {"kind": "live"},
 "machine": {"arch": {"state": "known", "value": "arm64"}, "secure_boot": {"state": "absent", "value": null}},
 "cpu": {"physical": {"state": "known", "value": {"min": 2, "max": 2}},
  "arm": {"cores": {"state": "known", "value": [{"midr": "0x411fd070", "count": 2, "source": "a"}]},
   "sve": {"state": "unknown", "value": null, "problem": {"cause": "no_permission"}}}},
 "memory": {"physical": {"state": "known", "value": {"min": 2100000000, "max": 2147483648}}},
 "xen": {"virt_caps": {"state": "known", "value": ["hvm", "pv"]}, "console": {"state": "unread", "value": null}}
}`

const someReport = `{
 "answers": [{"intent": "host", "grade": "supported", "complete": false}],
 "findings": [{"row": {"key": "arm-v8"}, "outcome": "judged", "level": {"functional": "supported", "security": "no"}},
  {"row": null, "outcome": "not_stated"}, {"row": {"key": "its"}, "outcome": "unknown"}]
}`

func view(t *testing.T, facts string) View {
	t.Helper()
	f, err := Decode([]byte(facts))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Decode([]byte(someReport))
	if err != nil {
		t.Fatal(err)
	}
	return View{Facts: f, Reports: map[string]any{"4.22": r}}
}

// expectations parses the lines of a definition that expect something.
func expectations(t *testing.T, text string) []Expectation {
	t.Helper()
	var out []Expectation
	for _, l := range readLines(text) {
		e, err := parseExpectation(l)
		if err != nil {
			t.Fatalf("%q: %v", l.rest, err)
		}
		out = append(out, e)
	}
	return out
}

func TestCheck(t *testing.T) {
	const right = `fact machine.arch is arm64
fact machine.secure_boot absent
fact cpu.physical is 2
fact cpu.arm.cores.count is 1
fact cpu.arm.cores.0.midr is 0x411fd070
fact cpu.arm.sve unknown
fact memory.physical about 2 GiB
fact xen.virt_caps has hvm
fact xen.virt_caps has pv hvm
fact xen.virt_caps lacks hap directio
verdict 4.22 host is supported, incomplete
row 4.22 arm-v8 is supported, security no
row 4.22 its is unknown
`
	for _, privileged := range []bool{true, false} {
		if d := Check(expectations(t, right), view(t, someFacts), privileged); len(d) > 0 {
			t.Errorf("privileged %v: %q", privileged, d)
		}
	}
	for _, wrong := range []string{
		"fact machine.arch is x86-64", "fact machine.arch absent", "fact machine.secure_boot is true",
		"fact cpu.physical is 4", "fact cpu.arm.cores.count is 2", "fact cpu.arm.cores.1.midr is 0x411fd070",
		"fact memory.physical about 1 GiB", "fact memory.physical about 4 GiB", "fact memory.physical about 2 GB",
		"fact xen.virt_caps has shadow", "fact xen.virt_caps lacks pv", "fact xen.console is 1", "fact machine.nothing is 1",
		"verdict 4.17 host is supported", "row 4.22 arm-v8 is supported, security yes", "row 4.22 arm-v9 is unknown",
		"root verdict 4.22 host is supported", "root fact cpu.arm.sve is true",
	} {
		if d := Check(expectations(t, wrong), view(t, someFacts), true); len(d) != 1 {
			t.Errorf("%q differs in %q", wrong, d)
		}
	}
}

// Without privileges a fact may be unknown, and never another one; what is said
// of a user alone replaces what is said of all.
func TestCheckUnprivileged(t *testing.T) {
	for text, differs := range map[string]bool{
		"fact cpu.arm.sve is true":                                     false,
		"user fact cpu.arm.sve is true":                                true,
		"user fact cpu.arm.sve unknown":                                false,
		"fact machine.arch is x86-64":                                  true,
		"fact machine.arch is x86-64\nuser fact machine.arch is arm64": false,
		"root fact machine.arch is x86-64":                             false,
		"fact xen.console is 1":                                        true,
		"verdict 4.22 host is not_security_supported":                  false, // incomplete
	} {
		if d := Check(expectations(t, text), view(t, someFacts), false); (len(d) > 0) != differs {
			t.Errorf("%q differs in %q", text, d)
		}
	}
}

func TestParseExpectation(t *testing.T) {
	for _, bad := range []string{"fact", "fact a.b", "fact a.b resembles c", "fact a.b is", "fact a.b absent now", "verdict 4.22 is x", "verdict 4.22 host has x", "root", "row 4.22 key", "nonsense a is b"} {
		if e, err := parseExpectation(readLines(bad)[0]); err == nil {
			t.Errorf("%q is understood as %v", bad, e)
		}
	}
}

func TestAgree(t *testing.T) {
	first := view(t, someFacts).Facts
	for name, test := range map[string]struct {
		old, new string
		want     []string
	}{
		"the same":       {"", "", nil},
		"read elsewhere": {`"source": "a"`, `"source": "b"`, nil},
		"not counted":    {`"count": 2`, `"count": 0`, nil},
		"less known":     {`"known", "value": "arm64"`, `"unknown", "value": null`, nil},
		"more known":     {`"unknown", "value": null, "problem"`, `"known", "value": true, "problem"`, nil},
		"wider":          {`"min": 2100000000`, `"min": 1000000000`, nil},
		"narrower":       {`"min": 2100000000`, `"min": 2147483648`, []string{"memory.physical is 2100000000 to 2147483648, then 2147483648"}},
		"another":        {`0x411fd070`, `0x410fd070`, []string{"cpu.arm.cores.0.midr is 0x411fd070, then 0x410fd070"}},
		"gone":           {`"known", "value": "arm64"`, `"absent", "value": null`, []string{"machine.arch is arm64, then absent"}},
		"one more":       {`"pv"]`, `"pv", "hap"]`, []string{"xen.virt_caps is hvm pv, then hvm pv hap"}},
		"left out":       {`"live"`, `"tree"`, nil},
	} {
		changed := strings.Replace(someFacts, test.old, test.new, 1)
		if d := cmp.Diff(test.want, Agree(first, view(t, changed).Facts, "origin")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
