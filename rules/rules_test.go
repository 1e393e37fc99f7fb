package rules

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

var releases = []string{"4.10", "4.11", "4.12", "4.13", "4.14", "4.15", "4.16", "4.17", "4.18", "4.19", "4.20", "4.21", "4.22"}

func TestMemory(t *testing.T) {
	between := func(min, max uint64) facts.Range { return facts.Range{Min: min, Max: &max} }
	tests := []struct {
		name    string
		release string
		host    *facts.Host
		memory  facts.Range
		row     string
		outcome Outcome
		sec     support.Security
		grade   Grade
	}{
		{"x86 at the limit", "4.22", x86(nil), facts.Exactly(12 * tib), "physical-memory--x86", Judged, support.SecurityYes, GradeSupported},
		{"x86 one byte above", "4.22", x86(nil), facts.Exactly(12*tib + 1), "physical-memory--x86", Judged, support.SecurityNo, GradeNotSecurity},
		{"x86 far above", "4.17", x86(nil), facts.Exactly(64 * tib), "physical-memory--x86", Judged, support.SecurityNo, GradeNotSecurity},
		{"x86 limit inside the interval", "4.22", x86(nil), between(11*tib, 13*tib), "physical-memory--x86", Unknown, "", GradeUnknown},
		{"x86 at least, above", "4.22", x86(nil), facts.Range{Min: 13 * tib}, "physical-memory--x86", Judged, support.SecurityNo, GradeNotSecurity},
		{"x86 at least, below", "4.22", x86(nil), facts.Range{Min: 13 * gib}, "physical-memory--x86", Unknown, "", GradeUnknown},
		{"Arm64 at the limit", "4.22", arm64(), facts.Exactly(2 * tib), "physical-memory--arm64", Judged, support.SecurityYes, GradeSupported},
		{"Arm64 above: nothing said", "4.22", arm64(), facts.Exactly(2*tib + 1<<20), "physical-memory--arm64", Outside, support.SecurityNotStated, GradeOutside},
		{"Arm32 above: nothing said", "4.22", arm32(), facts.Exactly(13 * gib), "physical-memory--arm32", Outside, support.SecurityNotStated, GradeOutside},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.host.Memory.Physical = facts.Is(tt.memory, "SMBIOS")
			v := Evaluate(statement(t, tt.release), tt.host, Options{At: now})
			f := finding(t, v, tt.row)
			if f.Outcome != tt.outcome || f.Outcome == Judged && f.Stated.Security != tt.sec {
				t.Errorf("got %s, %v: %s", f.Outcome, f.Stated, f.Why)
			}
			g := v.Overall.Grade
			if tt.release == "4.17" && g == GradeSecurityOnly {
				g = GradeSupported
			}
			if g != tt.grade {
				t.Errorf("overall %s, want %s", g, tt.grade)
			}
		})
	}
	t.Run("no row before 4.17", func(t *testing.T) {
		h := x86(func(h *facts.Host) { h.Memory.Physical = facts.Is(facts.Exactly(100*tib), "SMBIOS") })
		v := Evaluate(statement(t, "4.16"), h, Options{At: time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)})
		property(t, v, "host-memory", NotStated)
		if v.Overall.Grade != GradeSupported {
			t.Errorf("what is not stated lowered the verdict to %s", v.Overall.Grade)
		}
	})
}

// Limits come out of the statement: a release nobody has seen is judged by its
// own numbers.
func TestLimitsAreData(t *testing.T) {
	s := text(t, `## Host Architecture

### x86-64

    Status: Supported

## Host hardware support

### Physical Memory

    Status, x86: Supported up to 96 GiB. Hosts with more memory, but less than 1 TiB, are supported, but not security supported.

### Physical CPUs

    Status, x86: Supported up to 24 CPUs
`)
	for _, tt := range []struct {
		memory, cpus uint64
		grade        Grade
	}{
		{96 * gib, 24, GradeSupported},
		{96*gib + 1, 24, GradeNotSecurity},
		{1 * tib, 24, GradeOutside},
		{1*tib - 1, 24, GradeNotSecurity},
		{96 * gib, 25, GradeOutside},
	} {
		h := x86(func(h *facts.Host) {
			h.Memory.Physical = facts.Is(facts.Exactly(tt.memory), "SMBIOS")
			h.CPU.Physical = facts.Is(facts.Exactly(tt.cpus), "present")
		})
		if g := Evaluate(s, h, Options{At: now}).Overall.Grade; g != tt.grade {
			t.Errorf("%d bytes, %d CPUs: %s, want %s", tt.memory, tt.cpus, g, tt.grade)
		}
	}
}

func TestCores(t *testing.T) {
	at := func(release string) time.Time {
		if release < "4.17" {
			return time.Date(2022, 3, 1, 0, 0, 0, 0, time.UTC)
		}
		return now
	}
	tests := []struct {
		name    string
		release string
		cores   []facts.ArmCore
		grade   Grade
		note    string // part of a note on the architecture row
	}{
		{"A72", "4.22", []facts.ArmCore{a72()}, GradeSupported, ""},
		{"A57 r0p0", "4.22", []facts.ArmCore{a57(0, 0)}, GradeNotSecurity, ""},
		{"A57 r1p0", "4.22", []facts.ArmCore{a57(1, 0)}, GradeNotSecurity, ""},
		{"A57 r1p1", "4.22", []facts.ArmCore{a57(1, 1)}, GradeNotSecurity, ""},
		{"A57 r1p2: statement silent, Xen warns", "4.22", []facts.ArmCore{a57(1, 2)}, GradeSupported, "Xen will warn"},
		{"A57 r1p3", "4.22", []facts.ArmCore{a57(1, 3)}, GradeSupported, ""},
		{"A57 r0p5: any r0", "4.22", []facts.ArmCore{a57(0, 5)}, GradeNotSecurity, ""},
		{"A77 r0p0", "4.22", []facts.ArmCore{a77(0, 0)}, GradeNotSecurity, ""},
		{"A77 r1p0", "4.22", []facts.ArmCore{a77(1, 0)}, GradeNotSecurity, ""},
		{"A77 r1p1", "4.22", []facts.ArmCore{a77(1, 1)}, GradeSupported, ""},
		{"A57 before the row", "4.14", []facts.ArmCore{a57(1, 0)}, GradeSecurityOnly, ""},
		{"A53 boots, A57 parked", "4.22", []facts.ArmCore{a53(), a57(1, 0)}, GradeSupported, ""},
		{"A57 boots, A53 parked", "4.22", []facts.ArmCore{a57(1, 0), a53()}, GradeNotSecurity, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Evaluate(statement(t, tt.release), arm64(cores(tt.cores...)), Options{At: at(tt.release)})
			if v.Overall.Grade != tt.grade {
				t.Errorf("%s, want %s", v.Overall.Grade, tt.grade)
			}
			if tt.note != "" && !strings.Contains(strings.Join(finding(t, v, "arm-v8--xen-in-aarch64-mode").Notes, " "), tt.note) {
				t.Errorf("no note with %q", tt.note)
			}
		})
	}

	t.Run("the parked cores are mentioned", func(t *testing.T) {
		v := Evaluate(statement(t, "4.22"), arm64(cores(a53(), a57(1, 0))), Options{At: now})
		f := finding(t, v, "arm-v8--cortex-a57-r0p0-r1p1")
		if f.Outcome != NotApplicable || !strings.Contains(strings.Join(f.Notes, " "), "hmp-unsafe") {
			t.Errorf("%s, notes %q", f.Outcome, f.Notes)
		}
	})
	t.Run("boot CPU not known", func(t *testing.T) {
		v := Evaluate(statement(t, "4.22"), arm64(cores(a53(), a57(1, 0)), func(h *facts.Host) { h.CPU.Arm.Boot = unknown[facts.ArmCore]() }), Options{At: now})
		if v.Overall.Grade != GradeUnknown || v.Overall.Complete {
			t.Errorf("%s", v.Overall.Grade)
		}
	})
	t.Run("a device tree names the core, not the revision", func(t *testing.T) {
		c := facts.ArmCore{Implementer: 0x41, Part: 0xd07, Name: "Cortex-A57"}
		v := Evaluate(statement(t, "4.22"), arm64(cores(c)), Options{At: now})
		if f := finding(t, v, "arm-v8--cortex-a57-r0p0-r1p1"); f.Outcome != Unknown || v.Overall.Grade != GradeUnknown {
			t.Errorf("%s, overall %s", f.Outcome, v.Overall.Grade)
		}
		c.Name, c.Part = "Cortex-A72", 0xd08
		if v := Evaluate(statement(t, "4.22"), arm64(cores(c)), Options{At: now}); v.Overall.Grade != GradeSupported {
			t.Errorf("a core the rows do not name: %s", v.Overall.Grade)
		}
	})
	t.Run("cores without a name", func(t *testing.T) {
		qemu := core("", 0, 0x051, 0, 0, "0")
		if v := Evaluate(statement(t, "4.22"), arm64(cores(qemu)), Options{At: now}); v.Overall.Grade != GradeSupported {
			t.Errorf("another designer's core cannot be a Cortex: %s", v.Overall.Grade)
		}
		future := core("", 0x41, 0xdff, 0, 0, "0")
		if v := Evaluate(statement(t, "4.22"), arm64(cores(future)), Options{At: now}); v.Overall.Grade != GradeSupported {
			t.Errorf("no core without a name is one of those the rows name, which have parts of their own: %s", v.Overall.Grade)
		}
		nobody := facts.ArmCore{Count: 1}
		if v := Evaluate(statement(t, "4.22"), arm64(cores(nobody)), Options{At: now}); v.Overall.Grade != GradeUnknown {
			t.Errorf("a core of which nothing is known might be any: %s", v.Overall.Grade)
		}
	})
	t.Run("the names rows may use", func(t *testing.T) {
		for _, tt := range []struct {
			row  string
			core facts.ArmCore
			want Grade
		}{
			{"ThunderX2 r0p0-r0p1", core("ThunderX2-99xx", 0x43, 0xaf, 0, 1, "0"), GradeNotSecurity},
			{"Cavium ThunderX r1p0-r1p1", core("ThunderX-88XX", 0x43, 0xa1, 1, 1, "0"), GradeNotSecurity},
			{"AmpereOne r0p0", core("Ampere-1", 0xc0, 0xac3, 0, 0, "0"), GradeNotSecurity},
			{"Firestorm r1p1", core("Firestorm-M1", 0x61, 0x23, 1, 1, "0"), GradeNotSecurity},
			{"TSV110 r1p0", core("Kunpeng-920", 0x48, 0xd01, 1, 0, "0"), GradeNotSecurity},
			{"Graviton3 r1p1", core("Neoverse-V1", 0x41, 0xd40, 1, 1, "0"), GradeUnknown},
			{"Cortex Z900 r0p0-r1p1", core("", 0x41, 0xdff, 1, 1, "0"), GradeUnknown},
			{"Cortex Z900 r0p0-r1p1", core("Cortex-A57", 0x41, 0xd07, 1, 1, "0"), GradeSupported},
			{"Cortex A77 r0p0-r1p0", core("Cortex-A77", 0x48, 0xd41, 0, 0, "0"), GradeUnknown},
		} {
			s := text(t, "## Host Architecture\n\n### ARM v8\n\n    Status: Supported\n    Status, "+tt.row+": Supported, not security supported\n")
			if v := Evaluate(s, arm64(cores(tt.core)), Options{At: now}); v.Overall.Grade != tt.want {
				t.Errorf("%s on %s: %s, want %s", tt.row, tt.core.MIDR, v.Overall.Grade, tt.want)
			}
		}
	})
	t.Run("any core a later statement names", func(t *testing.T) {
		s := text(t, `## Host Architecture

### ARM v8

    Status, Xen in AArch64 mode: Supported
    Status, Neoverse N1 r2p0-r3p1: Tech Preview
`)
		for rev, want := range map[[2]int]Grade{{1, 9}: GradeSupported, {2, 0}: GradeNotSecurity, {3, 1}: GradeNotSecurity, {3, 2}: GradeSupported} {
			n1 := core("Neoverse-N1", 0x41, 0xd0c, rev[0], rev[1], "0")
			if v := Evaluate(s, arm64(cores(n1)), Options{At: now}); v.Overall.Grade != want {
				t.Errorf("r%dp%d: %s, want %s", rev[0], rev[1], v.Overall.Grade, want)
			}
		}
	})
}

func TestArchitecture(t *testing.T) {
	phi := func(model int) *facts.Host {
		return x86(func(h *facts.Host) {
			h.CPU.X86.Models = facts.Is([]facts.X86Model{{Vendor: "GenuineIntel", Family: 6, Model: model, Stepping: 1}}, "/proc/cpuinfo")
		})
	}
	other := func(name facts.Arch) *facts.Host {
		return &facts.Host{Machine: facts.Machine{Arch: facts.Is(name, "uname"), Kind: facts.Is(facts.Bare, "")}}
	}
	no := func(h *facts.Host) {
		h.CPU.Arm.Virtualization = facts.Is(false, "kernel log")
	}
	tests := []struct {
		name    string
		release string
		host    *facts.Host
		xen     facts.Arch
		row     string
		outcome Outcome
		grade   Grade
	}{
		{"Xeon Phi KNL", "4.20", phi(0x57), "", "x86-64--xeon-phi", Judged, GradeNotSecurity},
		{"Xeon Phi KNM", "4.22", phi(0x85), "", "x86-64--xeon-phi", Judged, GradeNotSecurity},
		{"Xeon Phi before its row", "4.19", phi(0x57), "", "x86-64", Judged, GradeSecurityOnly},
		{"Skylake is no Phi", "4.20", x86(nil), "", "x86-64--xeon-phi", NotApplicable, GradeSupported},
		{"no long mode", "4.22", x86(func(h *facts.Host) { h.Machine.Arch = facts.Is(facts.X86_32, "/proc/cpuinfo") }), "", "x86-64", Outside, GradeOutside},
		{"Armv7", "4.22", arm32(), "", "arm-v7-virtualization-extensions", Judged, GradeSupported},
		{"Armv7 without the extensions", "4.22", arm32(noVE), "", "arm-v7-virtualization-extensions", Outside, GradeOutside},
		{"Armv7 entered in SVC mode", "4.22", arm32(no), "", "arm-v7-virtualization-extensions", Outside, GradeOutside},
		{"Armv8 without EL2", "4.22", arm64(no), "", "arm-v8--xen-in-aarch64-mode", Outside, GradeOutside},
		{"Armv8, EL2 not known", "4.22", arm64(func(h *facts.Host) { h.CPU.Arm.Virtualization = unknown[bool]() }), "", "arm-v8--xen-in-aarch64-mode", Unknown, GradeUnknown},
		{"32-bit Xen on Armv8", "4.22", arm64(), facts.Arm32, "arm-v8--xen-in-aarch32-mode", Judged, GradeNotSecurity},
		{"32-bit Xen on Armv8 before 4.19", "4.18", arm64(), facts.Arm32, "arm-v8", Judged, GradeNotSecurity}, // GICv3 on Arm32
		{"Cortex-R82", "4.22", arm64(cores(core("Cortex-R82", 0x41, 0xd15, 0, 0, "0"))), "", "arm-v8--xen-in-armv8-r", Judged, GradeNotSecurity},
		{"s390x", "4.22", other("s390x"), "", "x86-64", NotApplicable, GradeOutside},
		{"riscv64", "4.22", other("riscv64"), "", "arm-v8--xen-in-aarch64-mode", NotApplicable, GradeOutside},
		{"unknown", "4.22", &facts.Host{Machine: facts.Machine{Arch: unknown[facts.Arch]()}}, "", "x86-64", Unknown, GradeUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Evaluate(statement(t, tt.release), tt.host, Options{At: now, XenArch: tt.xen})
			if f := finding(t, v, tt.row); f.Outcome != tt.outcome {
				t.Errorf("%s: %s, want %s (%s)", tt.row, f.Outcome, tt.outcome, f.Why)
			}
			if v.Overall.Grade != tt.grade {
				t.Errorf("overall %s, want %s", v.Overall.Grade, tt.grade)
			}
		})
	}
	t.Run("a heading nobody knows", func(t *testing.T) {
		s := text(t, "## Host Architecture\n\n### x86-64\n\n    Status: Supported\n\n### RISC-V\n\n    Status: Experimental\n\n### ARM v9\n\n    Status: Supported\n")
		if g := Evaluate(s, x86(nil), Options{At: now}).Overall.Grade; g != GradeSupported {
			t.Errorf("other architectures' headings disturb x86: %s", g)
		}
		v := Evaluate(s, other("riscv64"), Options{At: now})
		if f := finding(t, v, "risc-v"); f.Outcome != Judged || v.Overall.Grade != GradeNotSecurity {
			t.Errorf("RISC-V: %s, %s", f.Outcome, v.Overall.Grade)
		}
		if v := Evaluate(s, arm64(), Options{At: now}); v.Overall.Complete {
			t.Errorf("an unknown Arm heading did not disturb an Arm host: %s", v.Overall.Grade)
		}
	})
}

func TestCPUCount(t *testing.T) {
	for _, tt := range []struct {
		host  *facts.Host
		n     uint64
		grade Grade
	}{
		{x86(nil), 4096, GradeSupported}, {x86(nil), 4097, GradeOutside},
		{arm64(), 128, GradeSupported}, {arm64(), 129, GradeOutside},
	} {
		tt.host.CPU.Physical = facts.Is(facts.Exactly(tt.n), "present")
		if g := Evaluate(statement(t, "4.22"), tt.host, Options{At: now}).Overall.Grade; g != tt.grade {
			t.Errorf("%d CPUs: %s, want %s", tt.n, g, tt.grade)
		}
		v := Evaluate(statement(t, "4.18"), tt.host, Options{At: now})
		property(t, v, "host-cpus", NotStated)
	}
	bare := x86(func(h *facts.Host) { h.CPU.Physical = facts.Is(facts.Exactly(300), "present") })
	xen := x86(func(h *facts.Host) {
		h.CPU.Physical, h.Xen.Running = facts.Is(facts.Exactly(300), "physinfo"), facts.Is(facts.XenVersion{Major: 4, Minor: 22}, "hypercall")
	})
	for h, want := range map[*facts.Host]int{bare: 1, xen: 0} {
		if f := finding(t, Evaluate(statement(t, "4.22"), h, Options{At: now}), "physical-cpus--x86"); len(f.Notes) != want {
			t.Errorf("notes %q, want %d: a Xen that runs has said how many CPUs it drives", f.Notes, want)
		}
	}
}

// Intel's row about QoS is ruled out by another maker's CPU alone.
func TestWhoseQoS(t *testing.T) {
	amd := func(models facts.Observed[[]facts.X86Model]) *facts.Host {
		return x86(func(h *facts.Host) {
			h.CPU.X86.Models, h.CPU.X86.QoS = models, facts.Is([]string{"cqm", "rdt_a"}, "/proc/cpuinfo")
		})
	}
	for want, h := range map[Outcome]*facts.Host{
		NotApplicable: amd(facts.Is([]facts.X86Model{{Vendor: "AuthenticAMD", Family: 26, Model: 2}}, "/proc/cpuinfo")),
		Judged:        amd(facts.Is([]facts.X86Model{{Vendor: "GenuineIntel", Family: 6, Model: 173}}, "/proc/cpuinfo")),
		Unknown:       amd(unknown[[]facts.X86Model]()),
	} {
		if f := finding(t, Evaluate(statement(t, "4.22"), h, Options{At: now}), "x86intel-platform-qos-technologies"); f.Outcome != want {
			t.Errorf("%s, want %s: %s", f.Outcome, want, f.Why)
		}
	}
}

// Who cannot do what makes an amount exact is not told to do it.
func TestMoreExact(t *testing.T) {
	part := func(change func(*facts.Host)) *facts.Host {
		return x86(func(h *facts.Host) {
			h.Memory.Physical = facts.Is(facts.Range{Min: 64 << 30}, "/proc/meminfo")
			change(h)
		})
	}
	for want, h := range map[string]*facts.Host{
		"as root":               part(func(h *facts.Host) { h.Origin.Privileged = false }),
		"firmware's setup":      part(func(*facts.Host) {}),
		"outside the container": part(func(h *facts.Host) { h.Machine.Container = facts.Is("lxc", "/run/systemd/container") }),
	} {
		if f := finding(t, Evaluate(statement(t, "4.22"), h, Options{At: now}), "physical-memory--x86"); f.Outcome != Unknown || !strings.Contains(f.Do, want) {
			t.Errorf("%s: %q, want %q", f.Outcome, f.Do, want)
		}
	}
}

// In a container root is of no help either.
func TestEL2InAContainer(t *testing.T) {
	h := arm64(func(h *facts.Host) {
		h.Machine.Container = facts.Is("docker", "/.dockerenv")
		h.CPU.Arm.Virtualization = facts.Not[bool](&facts.Problem{Cause: facts.NoPermission, Remedy: "run xencheck as root"})
	})
	f := finding(t, Evaluate(statement(t, "4.22"), h, Options{At: now}), "arm-v8--xen-in-aarch64-mode")
	if f.Outcome != Unknown || !strings.Contains(f.Do, "outside the container") {
		t.Errorf("%s: %q", f.Outcome, f.Do)
	}
}

// What shows that dom0 is a PVH one is shown.
func TestPVHDom0ByCommandLine(t *testing.T) {
	h := x86(func(h *facts.Host) {
		h.Machine.Kind, h.Machine.DomainType = facts.Is(facts.Dom0, "xl info"), unknown[string]()
		h.Xen.CommandLine = facts.Is(facts.CommandLine{Text: "dom0=pvh dom0_mem=4G"}, "xl info")
	})
	f := finding(t, Evaluate(statement(t, "4.22"), h, Options{At: now}), "x86pvh--dom0")
	if f.InUse != Yes || len(f.Seen) != 1 || f.Seen[0].Value != "pvh" || f.Seen[0].Source != "xl info" {
		t.Errorf("in use %s, seen %+v", f.InUse, f.Seen)
	}
}

func TestInterruptController(t *testing.T) {
	gic := func(v int) func(*facts.Host) {
		return func(h *facts.Host) { h.Interrupts.GIC = facts.Is(v, "device tree") }
	}
	t.Run("GICv2 is in no row", func(t *testing.T) {
		for _, r := range releases {
			v := Evaluate(statement(t, r), arm64(gic(2)), Options{At: now})
			property(t, v, "host-gic", NotStated)
		}
		if g := Evaluate(statement(t, "4.22"), arm64(gic(2)), Options{At: now}).Overall.Grade; g != GradeSupported {
			t.Errorf("GICv2: %s", g)
		}
	})
	t.Run("GICv4 is driven as v3", func(t *testing.T) {
		f := finding(t, Evaluate(statement(t, "4.22"), arm64(gic(4)), Options{At: now}), "armgicv3--arm64")
		if f.Outcome != Judged || f.Stated.Security != support.SecurityYes {
			t.Errorf("%s %v", f.Outcome, f.Stated)
		}
	})
	t.Run("GICv3 on Arm32", func(t *testing.T) {
		v := Evaluate(statement(t, "4.22"), arm32(gic(3)), Options{At: now})
		if v.Overall.Grade != GradeNotSecurity {
			t.Errorf("%s", v.Overall.Grade)
		}
	})
	t.Run("no GIC, GICv1", func(t *testing.T) {
		for _, h := range []*facts.Host{arm64(gic(1)), arm64(func(h *facts.Host) { h.Interrupts.GIC = facts.Missing[int]("device tree") })} {
			for _, r := range []string{"4.17", "4.22"} {
				if g := Evaluate(statement(t, r), h, Options{At: now}).Overall.Grade; g != GradeOutside {
					t.Errorf("%s: %s", r, g)
				}
			}
		}
	})
	t.Run("an ITS condemns nobody", func(t *testing.T) {
		v := Evaluate(statement(t, "4.22"), arm64(func(h *facts.Host) { h.Interrupts.ITS = facts.Is(1, "device tree") }), Options{At: now})
		if f := finding(t, v, "armgicv3-its"); f.Outcome != Judged || f.InUse != No || v.Overall.Grade != GradeSupported {
			t.Errorf("%s, in use %s, overall %s", f.Outcome, f.InUse, v.Overall.Grade)
		}
		if g := answer(t, v, "its").Grade; g != GradeNotSecurity {
			t.Errorf("for its: %s", g)
		}
	})
}

func TestACPI(t *testing.T) {
	acpi := func(dt facts.Observed[bool], more ...func(*facts.Host)) *facts.Host {
		return arm64(append(more, func(h *facts.Host) { h.Machine.ACPI, h.Machine.DeviceTree = facts.Is(true, "acpi"), dt })...)
	}
	for _, tt := range []struct {
		name  string
		host  *facts.Host
		inUse Tri
		grade Grade
	}{
		{"x86", x86(nil), Yes, GradeSupported},
		{"Arm with both", acpi(facts.Is(true, "fdt")), No, GradeSupported},
		{"Arm with both, told to take ACPI", acpi(facts.Is(true, "fdt"), bootLine("acpi=force")), Yes, GradeNotSecurity},
		{"Arm with both, told otherwise later", acpi(facts.Is(true, "fdt"), bootLine("acpi=force acpi=off")), No, GradeSupported},
		{"Arm with both, what Xen is told not known", acpi(facts.Is(true, "fdt"), func(h *facts.Host) { h.Xen.CommandLine = unknown[facts.CommandLine]() }), Maybe, GradeUnknown},
		{"Arm with a device tree, told to take ACPI", arm64(bootLine("acpi=force")), No, GradeSupported},
		{"Arm with ACPI alone", acpi(facts.Missing[bool]("fdt")), Yes, GradeNotSecurity},
		{"Arm, device tree not known", acpi(unknown[bool]()), Maybe, GradeUnknown},
		{"neither architecture is known", acpi(facts.Missing[bool]("fdt"), func(h *facts.Host) { h.Machine.Arch = unknown[facts.Arch]() }), Maybe, GradeUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := Evaluate(statement(t, "4.22"), tt.host, Options{At: now})
			key := "host-acpi-via-domain-0--arm"
			if tt.host.CPU.X86 != nil {
				key = "host-acpi-via-domain-0--x86-pv"
			}
			if f := finding(t, v, key); f.InUse != tt.inUse || v.Overall.Grade != tt.grade {
				t.Errorf("in use %s, overall %s: %s", f.InUse, v.Overall.Grade, f.Why)
			}
		})
	}
}

func TestIntents(t *testing.T) {
	noVirt := func(h *facts.Host) { h.CPU.X86.VMX = facts.Is(false, "/proc/cpuinfo") }
	noIOMMU := func(h *facts.Host) { h.IOMMU.Units = facts.Missing[[]facts.IOMMUUnit]("tables") }
	smmu := func(k facts.IOMMUKind) func(*facts.Host) {
		return func(h *facts.Host) {
			h.IOMMU.Units = facts.Is([]facts.IOMMUUnit{{Kind: k, Count: 1, Source: "dt"}}, "dt")
		}
	}
	tests := []struct {
		name   string
		host   *facts.Host
		intent string
		grade  Grade
	}{
		{"PV needs nothing", x86(noVirt), "pv", GradeSupported},
		{"HVM with VMX", x86(nil), "hvm", GradeSupported},
		{"HVM without", x86(noVirt), "hvm", GradeOutside},
		{"HVM locked off", x86(func(h *facts.Host) { h.CPU.X86.LockedOff = facts.Is(true, "kernel log") }), "hvm", GradeOutside},
		{"HVM unknown", x86(func(h *facts.Host) { h.CPU.X86.VMX = unknown[bool]() }), "hvm", GradeUnknown},
		{"HVM on shadow paging", x86(func(h *facts.Host) { h.CPU.X86.EPT = facts.Is(false, "/proc/cpuinfo") }), "hvm", GradeNotSecurity},
		{"HVM, nested paging not known", x86(func(h *facts.Host) { h.CPU.X86.EPT = unknown[bool]() }), "hvm", GradeUnknown},
		{"the host itself does not mind", x86(noVirt), "host", GradeSupported},
		{"PVH", x86(nil), "pvh", GradeSupported},
		{"PVH dom0", x86(nil), "pvh-dom0", GradeConditional},
		{"PVH dom0, IOMMU known to Xen alone", x86(func(h *facts.Host) {
			h.IOMMU.Units = facts.Not[[]facts.IOMMUUnit](&facts.Problem{Cause: facts.NotRecorded})
			h.Xen.Physical = facts.Is([]string{"pv", "hvm", "directio", "hap"}, "xl info")
		}), "pvh-dom0", GradeConditional},
		{"PVH dom0 without IOMMU", x86(noIOMMU), "pvh-dom0", GradeOutside},
		{"passthrough", x86(nil), "passthrough", GradeConditional},
		{"passthrough without IOMMU", x86(noIOMMU), "passthrough", GradeOutside},
		{"passthrough, IOMMU not known", x86(func(h *facts.Host) { h.IOMMU.Units = unknown[[]facts.IOMMUUnit]() }), "passthrough", GradeUnknown},
		{"32-bit PV", x86(nil), "pv32", GradeNotSecurity},
		{"32-bit PV in the shim", x86(nil), "pv32-shim", GradeSupported},
		{"no EFI", x86(nil), "efi", GradeOutside},
		{"no memory hotplug", x86(nil), "memory-hotplug", GradeOutside},
		{"Arm passthrough, SMMUv2", arm64(smmu(facts.SMMUv2)), "passthrough", GradeNotSecurity},
		{"Arm passthrough, none", arm64(), "passthrough", GradeOutside},
		{"Arm guests", arm64(), "arm", GradeSupported},
		{"an SMMUv3 condemns nobody", arm64(smmu(facts.SMMUv3)), "host", GradeSupported},
		{"SVE absent", arm64(), "sve", GradeOutside},
		{"HVM on Arm", arm64(), "hvm", GradeOutside},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Evaluate(statement(t, "4.22"), tt.host, Options{At: now, For: []string{tt.intent}})
			if v.Overall.Grade != tt.grade || v.Answers[0].Intent != tt.intent {
				t.Errorf("%s: %s, want %s", v.Answers[0].Intent, v.Overall.Grade, tt.grade)
			}
		})
	}
	t.Run("passthrough without VMX is for PV guests", func(t *testing.T) {
		v := Evaluate(statement(t, "4.22"), x86(noVirt), Options{At: now, For: []string{"passthrough"}})
		if f := finding(t, v, "x86pci-device-passthrough--x86-hvm"); v.Overall.Grade != GradeConditional || f.Outcome != Outside {
			t.Errorf("%s; for HVM guests %s: %s", v.Overall.Grade, f.Outcome, f.Why)
		}
	})
	t.Run("the worst of several", func(t *testing.T) {
		v := Evaluate(statement(t, "4.22"), x86(noIOMMU), Options{At: now, For: []string{"passthrough", "pv"}})
		if v.Overall.Grade != GradeOutside || v.Overall.Intent != "passthrough" || answer(t, v, "pv").Grade != GradeSupported {
			t.Errorf("%+v", v.Overall)
		}
	})
	t.Run("an intent without a row is a note", func(t *testing.T) {
		h := x86(func(h *facts.Host) { h.Machine.Firmware = facts.Is("efi", "/sys/firmware/efi") })
		v := Evaluate(statement(t, "4.17"), h, Options{At: now, For: []string{"efi"}})
		if v.Overall.Grade != GradeSecurityOnly || v.Answers[0].Note == "" {
			t.Errorf("%+v", v.Answers[0])
		}
	})
}

func TestReleaseGate(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tt := range []struct {
		release, at string
		grade       Grade
		level       support.Level
	}{
		{"4.22", "2026-11-21", GradeSupported, support.Level{Functional: support.Supported, Security: support.SecurityYes}},
		{"4.22", "2029-07-30", GradeSupported, support.Level{Functional: support.Supported, Security: support.SecurityYes}},
		{"4.22", "2029-07-31", GradeSecurityOnly, support.Level{Functional: support.NotSupported, Security: support.SecurityYes}},
		{"4.22", "2031-07-31", GradeNotSecurity, support.Level{Functional: support.NotSupported, Security: support.SecurityNo}},
		{"4.17", "2026-11-21", GradeSecurityOnly, support.Level{Functional: support.NotSupported, Security: support.SecurityYes}},
		{"4.16", "2026-11-21", GradeNotSecurity, support.Level{Functional: support.NotSupported, Security: support.SecurityNo}},
		{"4.10-unstable", "2018-02-01", GradeNotSecurity, support.Level{Functional: support.Supported, Security: support.SecurityNo}},
	} {
		v := Evaluate(statement(t, tt.release), x86(nil), Options{At: day(tt.at)})
		if v.Overall.Grade != tt.grade || v.Overall.Level != tt.level {
			t.Errorf("%s on %s: %s %v, want %s %v", tt.release, tt.at, v.Overall.Grade, v.Overall.Level, tt.grade, tt.level)
		}
	}
	blind := x86(func(h *facts.Host) { h.Memory.Physical = unknown[facts.Range]() })
	if v := Evaluate(statement(t, "4.17"), blind, Options{At: day("2026-11-21")}); v.Overall.Grade != GradeUnknown {
		t.Errorf("security fixes only, and memory not known: %s", v.Overall.Grade)
	}
	s := statement(t, "4.22")
	s.Header.SecuritySupportUntil = support.Field{Text: "some day"}
	if v := Evaluate(s, x86(nil), Options{At: now}); v.Overall.Grade != GradeUnknown {
		t.Errorf("a release without dates: %s", v.Overall.Grade)
	}
}

// Of a Xen that runs, what is said of another release is no verdict, and one
// under development has none of a release's promises. Whoever names a release
// asks about that.
func TestRunningRelease(t *testing.T) {
	dom0 := func(v facts.Observed[facts.XenVersion]) *facts.Host {
		return x86(func(h *facts.Host) { h.Machine.Kind, h.Xen.Running = facts.Is(facts.Dom0, "xen"), v })
	}
	runs := func(minor int, extra string) facts.Observed[facts.XenVersion] {
		return facts.Is(facts.XenVersion{Major: 4, Minor: minor, Extra: extra}, "hypercall")
	}
	for _, tt := range []struct {
		name    string
		running facts.Observed[facts.XenVersion]
		want    Outcome // of the rule's finding; empty: there is none
		level   support.Security
	}{
		{"its own", runs(22, ".0"), "", ""},
		{"its own, a vendor's", runs(22, ".1-0+deb13u1"), "", ""},
		{"its own, between two point releases", runs(22, ".1-pre"), "", ""},
		{"its own, before the release", runs(22, "-rc"), Judged, support.SecurityNo},
		{"its own, before the release, as some spell it", runs(22, ".0-rc3"), Judged, support.SecurityNo},
		{"too old for a statement", runs(9, ".4"), Unknown, ""},
		{"too new for a statement", runs(23, ".0"), Unknown, ""},
		{"unstable", runs(23, "-unstable"), Judged, support.SecurityNo},
		{"not known", unknown[facts.XenVersion](), Unknown, ""},
	} {
		s := statement(t, "4.22")
		fs := CompileForRunning(s).Evaluate(dom0(tt.running), Options{At: now}).Findings
		i := slices.IndexFunc(fs, func(f Finding) bool { return f.Rule == runningRule.ID })
		switch {
		case i < 0 && tt.want != "":
			t.Errorf("%s: nothing is said", tt.name)
		case i >= 0 && (fs[i].Outcome != tt.want || fs[i].Level.Security != tt.level || !slices.Contains(fs[i].For, Base)):
			t.Errorf("%s: %s %v, want %s: %s", tt.name, fs[i].Outcome, fs[i].Level, tt.want, fs[i].Why)
		}
		for _, f := range Evaluate(s, dom0(tt.running), Options{At: now}).Findings {
			if f.Rule == runningRule.ID {
				t.Errorf("%s: %s, although 4.22 was asked about", tt.name, f.Why)
			}
		}
	}
}

// What is not understood takes back the good words of its heading, for the
// hosts it might concern and for no others.
func TestUnrecognised(t *testing.T) {
	const base = `## Host Architecture

### x86-64

    Status: Supported
%X
### ARM v8

    Status, Xen in AArch64 mode: Supported
%A
`
	for _, tt := range []struct {
		name     string
		x86, arm string
		wantX86  Grade
		wantArm  Grade
	}{
		{"clean", "", "", GradeSupported, GradeSupported},
		{"a qualifier on x86", "    Status, Moonlake stepping Q: Not supported\n", "", GradeUnknown, GradeSupported},
		{"a qualifier on Arm", "", "    Status, cores with a bug: Not supported\n", GradeSupported, GradeUnknown},
		{"a value about other CPUs", "    Status, Xeon Phi: Supported, except on Tuesdays\n", "", GradeSupported, GradeSupported},
		{"a value about this CPU", "", "    Status, Cortex A72 r0p0-r1p0: Supported, perhaps\n", GradeSupported, GradeUnknown},
		{"a key", "    Stance, old ones: Not supported\n", "", GradeUnknown, GradeSupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := text(t, strings.NewReplacer("%X", tt.x86, "%A", tt.arm).Replace(base))
			if g := Evaluate(s, x86(nil), Options{At: now}).Overall.Grade; g != tt.wantX86 {
				t.Errorf("x86: %s, want %s", g, tt.wantX86)
			}
			if g := Evaluate(s, arm64(), Options{At: now}).Overall.Grade; g != tt.wantArm {
				t.Errorf("Arm: %s, want %s", g, tt.wantArm)
			}
		})
	}
}

// Every row of every release appears in exactly one finding, and none of them
// is unheard of.
func TestEveryRowIsAccountedFor(t *testing.T) {
	for _, r := range append([]string{"4.10-unstable", "4.18@37fcb4c206"}, releases...) {
		s := statement(t, r)
		for _, h := range []*facts.Host{x86(nil), arm64(), arm32()} {
			v := Evaluate(s, h, Options{At: now})
			n := map[string]int{}
			for _, f := range v.Findings {
				if f.Row != nil && f.Row.Key != "" {
					n[f.Row.Key]++
				}
				if f.Outcome == NotEvaluated {
					t.Errorf("%s: %s: %s", r, f.Title, f.Why)
				}
				if f.Why == "" || f.Title == "" {
					t.Errorf("%s: a finding without a reason: %+v", r, f)
				}
			}
			for _, row := range s.Rows {
				if n[row.Key] != 1 {
					t.Errorf("%s: row %s has %d findings", r, row.Key, n[row.Key])
				}
			}
			if len(n) != len(s.Rows) {
				t.Errorf("%s: %d rows, %d judged", r, len(s.Rows), len(n))
			}
		}
	}
}

// Rules are documented, name their headings once, and every heading they claim
// exists in some release.
func TestRulesAreValid(t *testing.T) {
	headings := map[string]bool{}
	for _, r := range append([]string{"4.10-unstable"}, releases...) {
		for _, s := range statement(t, r).Sections {
			headings[s.Anchor] = true
		}
	}
	ids, claimed := map[string]bool{}, map[string]string{}
	for _, r := range List() {
		if r.ID == "" || r.Title == "" || r.Doc == "" || r.judge == nil {
			t.Errorf("rule %q is not documented", r.ID)
		}
		if ids[r.ID] {
			t.Errorf("two rules are called %q", r.ID)
		}
		ids[r.ID] = true
		for _, a := range r.Rows {
			if claimed[a] != "" {
				t.Errorf("%s and %s both claim %s", claimed[a], r.ID, a)
			}
			claimed[a] = r.ID
			if !headings[a] {
				t.Errorf("%s claims %s, which no release has", r.ID, a)
			}
		}
	}
	// Headings of older revisions of 4.15 and 4.16, which nobody need have at hand.
	for _, a := range []string{"liveupdate-of-c-xenstored-daemon", "liveupdate-of-ocaml-xenstored-daemon"} {
		headings[a] = true
	}
	for a := range observations {
		if !headings[a] {
			t.Errorf("no release has the heading %s", a)
		}
	}
}

// Less evidence never makes a verdict better: whatever facts are taken away,
// no answer and no finding improves.
func TestLessEvidenceNeverHelps(t *testing.T) {
	hosts := map[string]func() *facts.Host{
		"x86": func() *facts.Host { return x86(nil) },
		"x86 big": func() *facts.Host {
			return x86(func(h *facts.Host) { h.Memory.Physical = facts.Is(facts.Exactly(13*tib), "SMBIOS") })
		},
		"x86 crowded": func() *facts.Host {
			return x86(func(h *facts.Host) { h.CPU.Physical = facts.Is(facts.Exactly(5000), "present") })
		},
		"x86 no VMX": func() *facts.Host { return x86(func(h *facts.Host) { h.CPU.X86.VMX = facts.Is(false, "cpuinfo") }) },
		"x86 no EPT": func() *facts.Host { return x86(func(h *facts.Host) { h.CPU.X86.EPT = facts.Is(false, "cpuinfo") }) },
		"x86 no IOMMU": func() *facts.Host {
			return x86(func(h *facts.Host) { h.IOMMU.Units = facts.Missing[[]facts.IOMMUUnit]("tables") })
		},
		"x86-32": func() *facts.Host {
			return x86(func(h *facts.Host) { h.Machine.Arch = facts.Is(facts.X86_32, "cpuinfo") })
		},
		"arm64":        func() *facts.Host { return arm64() },
		"arm64 A57":    func() *facts.Host { return arm64(cores(a57(1, 0), a53())) },
		"arm64 parked": func() *facts.Host { return arm64(cores(a53(), a57(1, 0))) },
		"arm64 no EL2": func() *facts.Host {
			return arm64(func(h *facts.Host) { h.CPU.Arm.Virtualization = facts.Is(false, "log") })
		},
		"arm64 no GIC": func() *facts.Host { return arm64(func(h *facts.Host) { h.Interrupts.GIC = facts.Missing[int]("fdt") }) },
		"arm64 ACPI": func() *facts.Host {
			return arm64(func(h *facts.Host) {
				h.Machine.ACPI, h.Machine.DeviceTree = facts.Is(true, "t"), facts.Missing[bool]("f")
			})
		},
		"arm64 SMMUv2": func() *facts.Host {
			return arm64(func(h *facts.Host) { h.IOMMU.Units = facts.Is([]facts.IOMMUUnit{{Kind: facts.SMMUv2, Count: 1}}, "dt") })
		},
		"arm32": func() *facts.Host { return arm32() },
		"arm32 no VE": func() *facts.Host {
			return arm32(noVE)
		},
		"arm32 on Armv8": func() *facts.Host {
			return arm64(func(h *facts.Host) { h.Machine.KernelArch = facts.Is("armv7l", "uname") })
		},
		"dom0":          func() *facts.Host { return dom0Of(x86(nil), 22) },
		"dom0 debugged": func() *facts.Host { return dom0Of(x86(nil), 22, xenLine("sync_console vpmu=on"), pool("null")) },
		"dom0 expert": func() *facts.Host {
			return dom0Of(x86(nil), 22, config("CONFIG_EXPERT", "y"), store("oxenstored", true))
		},
		"dom0 Arm": func() *facts.Host { return dom0Of(arm64(cores(a53(), a57(1, 0))), 22, xenLine("hmp-unsafe")) },
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var intents []string
	for _, in := range Intents() {
		intents = append(intents, in.ID)
	}
	for _, release := range []string{"4.14", "4.17", "4.18", "4.22"} {
		s := statement(t, release)
		for _, name := range slices.Sorted(maps.Keys(hosts)) {
			host := hosts[name]
			before := Evaluate(s, host(), Options{At: now, For: intents})
			fields := len(observed(reflect.ValueOf(host()).Elem(), nil))
			for i := range 3 * fields {
				h := host()
				all := observed(reflect.ValueOf(h).Elem(), nil)
				taken := []int{i % fields}
				if i >= fields {
					taken = append(taken, rng.IntN(fields))
				}
				for _, k := range taken {
					forget(all[k])
				}
				after := Evaluate(s, h, Options{At: now, For: intents})
				for k, b := range before.Answers {
					a := after.Answers[k]
					if improved(b, a) {
						t.Errorf("%s on %s, without facts %v: %s went from %s to %s", release, name, taken, a.Intent, b.Grade, a.Grade)
					}
				}
				byRow := map[string]Finding{}
				for _, a := range after.Findings {
					if a.Row != nil {
						byRow[a.Row.Key] = a
					}
				}
				for _, b := range before.Findings {
					if b.Row == nil || b.Row.Key == "" {
						continue
					}
					a := byRow[b.Row.Key]
					gb, okb := b.Grade()
					ga, oka := a.Grade()
					if oka && okb && gb != GradeUnknown && ga != GradeUnknown && badness(ga) < badness(gb) {
						t.Errorf("%s on %s, without facts %v: row %s went from %s to %s", release, name, taken, b.Row.Key, gb, ga)
					}
				}
			}
		}
	}
}

// improved reports whether an answer got better for want of evidence. To stop
// knowing is not better than a bad answer, as long as it is said.
func improved(before, after Answer) bool {
	switch {
	case after.Grade == GradeUnknown || !after.Complete:
		return false
	case before.Grade == GradeUnknown || !before.Complete:
		return badness(after.Grade) <= badness(GradeUnknown)
	}
	return badness(after.Grade) < badness(before.Grade)
}

// observed collects every facts.Observed below a value.
func observed(v reflect.Value, into []reflect.Value) []reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return observed(v.Elem(), into)
		}
	case reflect.Struct:
		if strings.HasPrefix(v.Type().Name(), "Observed[") {
			return append(into, v)
		}
		for i := range v.NumField() {
			into = observed(v.Field(i), into)
		}
	}
	return into
}

func forget(v reflect.Value) {
	v.SetZero()
	v.FieldByName("State").SetString(string(facts.Unknown))
	v.FieldByName("Problem").Set(reflect.ValueOf(&facts.Problem{Cause: facts.NoPermission}))
}

func TestSizes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 bytes", 1023: "1023 bytes", 1536: "1.50 KiB", 12 * tib: "12 TiB", 12*tib + 2*gib: "a little over 12 TiB", 12*tib + 1: "a little over 12 TiB", 25756 << 20: "25.15 GiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// Of the host beneath a guest of Xen nothing is known, whatever the guest shows
// of itself and however little the release asks for.
func TestGuestOfXenIsNoHost(t *testing.T) {
	guest := func(h *facts.Host) {
		h.Machine.Kind = facts.Is(facts.DomU, "/sys/hypervisor/properties/features")
		h.Machine.Hypervisor = facts.Is("Xen", "/sys/hypervisor/type")
		h.Machine.DomainType = facts.Is("pv", "/sys/hypervisor/guest_type")
	}
	for name, tc := range map[string]struct {
		host *facts.Host
		want Grade
	}{
		"domU":             {x86(guest), GradeUnknown},
		"domU on Arm":      {arm64(guest), GradeUnknown},
		"some domain":      {x86(func(h *facts.Host) { guest(h); h.Machine.Kind = unknown[facts.Kind]() }), GradeUnknown},
		"guest of another": {x86(func(h *facts.Host) { h.Machine.Kind = facts.Is(facts.VirtualMachine, "/proc/cpuinfo") }), GradeSupported},
		"bare":             {x86(nil), GradeSupported},
	} {
		for _, release := range []string{"4.12", "4.22"} {
			st := statement(t, release)
			at, _ := st.Header.InitialRelease.Time()
			v := Evaluate(st, tc.host, Options{At: at})
			if v.Overall.Grade != tc.want {
				t.Errorf("%s: Xen %s: %s, not %s", name, release, v.Overall.Grade, tc.want)
			}
			if tc.want != GradeUnknown {
				continue
			}
			if f := property(t, v, "host-architecture", Unknown); f.Do != "Run xencheck on the host itself." {
				t.Errorf("%s: what to do is %q", name, f.Do)
			}
		}
	}
}

// Conditions that nobody here has read before are given in the statement's own
// words, and so is what is added to a row without conditions.
func TestCaveatsOfNewTexts(t *testing.T) {
	features := "## Host Architecture\n\n### x86-64\n\n    Status: Supported, with caveats\n\nCPUs without\nSMEP are not security supported.\n\n" +
		"## Host hardware support\n\n### Physical Memory\n\n    Status, x86: Supported up to 12 TiB\n\n" + strings.Repeat("Hosts with one node only. ", 40) + "\n"
	v := Evaluate(text(t, features), x86(nil), Options{At: now})
	f := finding(t, v, "x86-64")
	if len(f.Notes) != 1 || f.Notes[0] != `The statement adds: "CPUs without SMEP are not security supported."` || f.Condition != support.WithCaveats {
		t.Errorf("condition %q, notes %q", f.Condition, f.Notes)
	}
	if f := finding(t, v, "physical-memory--x86"); len(f.Notes) != 1 || !strings.HasSuffix(f.Notes[0], `Hosts …"`) || len(f.Notes[0]) > 500 {
		t.Errorf("notes %q", f.Notes)
	}
	distilled := text(t, features)
	for i := range distilled.Sections {
		distilled.Sections[i].Caveat = ""
	}
	if f := finding(t, Evaluate(distilled, x86(nil), Options{At: now}), "x86-64"); len(f.Notes) != 0 || f.Do == "" {
		t.Errorf("notes %q, do %q", f.Notes, f.Do)
	}
	for _, f := range Evaluate(statement(t, "4.22"), x86(nil), Options{At: now}).Findings {
		if strings.Contains(strings.Join(f.Notes, " "), "The statement adds") {
			t.Errorf("%s repeats a text that is known: %q", f.Row.Key, f.Notes)
		}
	}
}
