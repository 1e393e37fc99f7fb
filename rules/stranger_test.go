package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
)

// What a statement says under a name nobody has heard of is never taken for
// nothing: a host that it may leave out is not called supported, nor is one
// called left out that it may cover.
func TestStrangers(t *testing.T) {
	const arm = "## Host Architecture\n\n### ARM v8\n\n    Status: Supported\n\n"
	const pc = "## Host Architecture\n\n### x86-64\n\n    Status: Supported\n\n"
	const hardware = "## Host hardware support\n\n"
	big := func(h *facts.Host) { h.Memory.Physical = facts.Is(facts.Exactly(4<<40), "memory map") }
	many := func(h *facts.Host) { h.CPU.Physical = facts.Is(facts.Exactly(9000), "present") }
	gic := func(v int) func(*facts.Host) {
		return func(h *facts.Host) { h.Interrupts.GIC = facts.Is(v, "fdt") }
	}
	armv7 := arm32()
	for _, tt := range []struct {
		name, features string
		host           *facts.Host
		want           Grade
		why            string // part of why a finding that decides says
	}{
		{"memory under another name", arm + hardware + "### Host Memory\n\n    Status, Arm64: Supported up to 2 TiB\n", arm64(big), GradeUnknown, "sets a limit"},
		{"memory under another name, about x86", arm + hardware + "### Host Memory\n\n    Status, x86: Supported up to 2 TiB\n", arm64(big), GradeSupported, ""},
		{"memory in words", arm + hardware + "### Host Memory\n\n    Status, Arm64: Supported with at most 2 TiB\n", arm64(big), GradeUnknown, "may be about it"},
		{"CPUs under another name", pc + hardware + "### Host CPUs\n\n    Status, x86: Supported up to 4096\n", x86(many), GradeUnknown, "sets a limit"},
		{"CPUs in a table", pc + hardware + "### Physical CPUs\n\n| x86 | Supported up to 4096 |\n", x86(many), GradeUnknown, "no status was found"},
		{"CPUs in a table, elsewhere", pc + hardware + "### Host Processors\n\n| x86 | Supported up to 4096 |\n", x86(many), GradeUnknown, "may be about it"},
		{"CPUs with a misspelt key", pc + hardware + "### Physical CPUs\n\n    Status, ARM: Supported up to 128\n    Sttaus, x86: Supported up to 4096\n", x86(many), GradeUnknown, "not understood"},
		{"a limit of guests", pc + "## Guest Limits\n\n### Virtual CPUs\n\n    Status: Supported up to 128\n", x86(many), GradeSupported, ""},
		{"a limit of guests among hosts", pc + hardware + "### CPUs of a domain\n\n    Status: Supported up to 128\n", x86(many), GradeSupported, ""},
		{"a limit of something new", pc + hardware + "### NUMA nodes\n\n    Status: Supported up to 64\n", x86(nil), GradeUnknown, "sets a limit"},
		{"a feature that is new", pc + hardware + "### x86/CXL\n\n    Status: Experimental\n", x86(nil), GradeSupported, ""},
		{"a row about GICv2", arm + hardware + "### ARM/GICv2\n\n    Status: Supported, not security supported\n\n### ARM/GICv3\n\n    Status: Supported\n", arm64(gic(2)), GradeNotSecurity, "GICv2"},
		{"a row about GICv2, on a GICv3", arm + hardware + "### ARM/GICv2\n\n    Status: Supported, not security supported\n\n### ARM/GICv3\n\n    Status: Supported\n", arm64(gic(3)), GradeSupported, ""},
		{"a row about GICv5, on a GICv2", arm + hardware + "### ARM/GICv3\n\n    Status: Supported\n\n### ARM/GICv5\n\n    Status: Experimental\n", arm64(gic(2)), GradeSupported, ""},
		{"a qualifier of GICv3, on a GICv2", arm + hardware + "### ARM/GICv3\n\n    Status, Arm64: Supported\n    Status, Arm64, on Tuesdays: Experimental\n", arm64(gic(2)), GradeSupported, ""},
		{"a qualifier of GICv3, on a GICv3", arm + hardware + "### ARM/GICv3\n\n    Status, Arm64: Supported\n    Status, Arm64, on Tuesdays: Experimental\n", arm64(gic(3)), GradeUnknown, "Tuesdays"},
		{"a row about GICv4", arm + hardware + "### ARM/GICv3\n\n    Status: Supported\n\n### ARM/GICv4\n\n    Status: Tech Preview\n", arm64(gic(4)), GradeNotSecurity, "GICv4"},
		{"GICs in one row", arm + hardware + "### ARM/GICv2 and GICv3\n\n    Status: Tech Preview\n", arm64(gic(2)), GradeUnknown, "may be about it"},
		{"x86-64 written otherwise", strings.Replace(pc, "x86-64", "x86_64", 1), x86(nil), GradeSupported, ""},
		{"Armv8 written otherwise", strings.Replace(arm, "ARM v8", "Armv8-A", 1), arm64(), GradeSupported, ""},
		{"another profile", strings.Replace(arm, "ARM v8", "Armv8-R", 1), arm64(), GradeUnknown, "may be about it"},
		{"x86-64 in a table", strings.Replace(pc, "    Status: Supported", "| all | Supported |", 1) + "### RISC-V\n\n    Status: Experimental\n", x86(nil), GradeUnknown, "no status was found"},
		{"a later architecture, on an Armv7", "## Host Architecture\n\n### ARM v7 + Virtualization Extensions\n\n    Status: Supported\n\n### ARM v9\n\n    Status: Tech Preview\n", armv7, GradeSupported, ""},
		{"a later architecture, on an Armv8", arm + "### ARM v9\n\n    Status: Tech Preview\n", arm64(), GradeUnknown, "may be about this host"},
		{"no architecture that this is", pc, arm64(), GradeOutside, "No row under Host Architecture"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := Evaluate(text(t, tt.features), tt.host, Options{At: now})
			if v.Overall.Grade != tt.want {
				t.Errorf("%s, want %s", v.Overall.Grade, tt.want)
			}
			said := false
			for _, i := range v.Overall.Because {
				said = said || strings.Contains(strings.ToLower(v.Findings[i].Why), strings.ToLower(tt.why))
			}
			if tt.why != "" && !said {
				t.Errorf("nothing that decides says %q", tt.why)
			}
		})
	}
}

// What is in use, and had a row in every release, is not taken for something
// that no row is about where a row is that nobody has heard of.
func TestStrangersInUse(t *testing.T) {
	const other = "## Virtual Hardware, Hypervisor\n\n### Virtual PMU\n\n    Status, x86 HVM: Supported, not security supported\n"
	vpmu := func(line string) *facts.Host {
		return dom0Of(x86(nil), 22, func(h *facts.Host) { h.Xen.CommandLine = facts.Is(facts.CommandLine{Text: line}, "hypercall") })
	}
	about := func(fs []Finding, name string) bool {
		return slices.ContainsFunc(fs, func(f Finding) bool { return f.Outcome == NotEvaluated && strings.Contains(f.Title, "("+name+")") })
	}
	for _, tt := range []struct {
		line, features string
		want           bool
	}{
		{"vpmu=on", other, true},
		{"vpmu=off", other, false},
		{"vpmu=on", strings.Replace(other, "Virtual PMU", "vPMU", 1), false},
		{"vpmu=on", "## Memory Management\n\n### Static heap\n\n    Status, ARM: Tech Preview\n", false},
		{"vpmu=on", strings.Replace(other, "x86 HVM", "ARM", 1), false},
	} {
		v := Evaluate(text(t, "## Host Architecture\n\n### x86-64\n\n    Status: Supported\n\n"+tt.features), vpmu(tt.line), Options{At: now})
		if got := about(v.Findings, "vpmu"); got != tt.want || got != slices.ContainsFunc(v.Overall.Because, func(i int) bool { return strings.Contains(v.Findings[i].Title, "vpmu") }) {
			t.Errorf("%s by %q: %v, want %v", tt.line, tt.features, got, tt.want)
		}
	}
	// Nor is the host better where the command line could not be read.
	blind := dom0Of(x86(nil), 22, func(h *facts.Host) { h.Xen.CommandLine = unknown[facts.CommandLine]() })
	if v := Evaluate(text(t, "## Host Architecture\n\n### x86-64\n\n    Status: Supported\n\n"+other), blind, Options{At: now}); !about(v.Findings, "vpmu") || v.Overall.Complete {
		t.Errorf("command line not known: %s", v.Overall.Grade)
	}
	nested := "## Virtual Hardware, Hypervisor\n\n### x86/Nested virtualization\n\n    Status: Experimental\n"
	for on, features := range map[bool]string{true: nested, false: strings.Replace(nested, "x86/Nested virtualization", "x86/Nested HVM", 1)} {
		d, h := domainOn("", kind(facts.HVM), flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.CPU.NestedHVM }, true))
		v := EvaluateDomains(text(t, features), h, []facts.Domain{d}, Options{At: now})[0]
		if about(v.Findings, "x86nested-hvm") != on {
			t.Errorf("nestedhvm=1 by %q: %s", features, v.Grade)
		}
	}
}

// A purpose whose row has another name is not one without a row.
func TestStrangersOfPurposes(t *testing.T) {
	const head = "## Host Architecture\n\n### x86-64\n\n    Status: Supported\n\n### ARM v8\n\n    Status: Supported\n\n"
	for _, tt := range []struct {
		features, intent string
		host             *facts.Host
		want             Grade
	}{
		{"## Guest Type\n\n### x86/HVM guests\n\n    Status: Experimental\n", "hvm", x86(nil), GradeUnknown},
		{"## Guest Type\n\n### x86/HVM guests\n\n    Status: Experimental\n", "pvh", x86(nil), GradeSupported},
		{"## Guest Type\n\n### x86/HVM guests\n\n    Status: Experimental\n", "host", x86(nil), GradeSupported},
		{"## Host hardware support\n\n### UEFI boot\n\n    Status, Arm64: Experimental\n", "efi", arm64(), GradeUnknown},
		{"## Host hardware support\n\n### UEFI boot\n\n    Status, x86: Experimental\n", "efi", arm64(), GradeSupported},
	} {
		v := Evaluate(text(t, head+tt.features), tt.host, Options{At: now, For: []string{tt.intent}})
		if v.Overall.Grade != tt.want || (tt.want == GradeUnknown) != (len(v.Overall.Because) == 1) {
			t.Errorf("%s: %s because of %d, want %s", tt.intent, v.Overall.Grade, len(v.Overall.Because), tt.want)
		}
	}
}
