package rules

import (
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
)

// bootLine is the command line of a Xen to be booted.
func bootLine(s string) func(*facts.Host) {
	return func(h *facts.Host) {
		h.Xen.CommandLine = facts.Is(facts.CommandLine{Text: s, NextBoot: true}, "--xen-cmdline")
	}
}

// What Xen is told, and what a running one says of itself, outweighs what the
// hardware shows.
func TestSetUpOutweighsHardware(t *testing.T) {
	bare := func(line string) *facts.Host { return x86(bootLine(line)) }
	running := func(changes ...func(*facts.Host)) *facts.Host { return dom0Of(x86(nil), 22, changes...) }
	physical := func(words ...string) func(*facts.Host) {
		return func(h *facts.Host) { h.Xen.Physical = facts.Is(words, "xl info") }
	}
	with := func(line string, symbols ...string) *facts.Host {
		return x86(func(h *facts.Host) {
			bootLine(line)(h)
			b := facts.BuildConfig{Symbols: map[string]string{"CONFIG_HVM": "y", "CONFIG_INTEL_IOMMU": "y"}}
			for i := 0; i < len(symbols); i += 2 {
				b.Symbols[symbols[i]] = symbols[i+1]
			}
			h.Xen.BuildConfig = facts.Is(b, "--xen-config")
		})
	}
	hidden := func(h *facts.Host) { h.Xen.Physical = unknown[[]string]() }
	for _, tt := range []struct {
		name   string
		host   *facts.Host
		intent string
		grade  Grade
		row    string
		out    Outcome
		use    Tri
	}{
		{"IOMMU on", bare("console=vga"), "passthrough", GradeConditional, "iommu--intel-vt-d", Judged, Yes},
		{"IOMMU off", bare("iommu=off"), "passthrough", GradeOutside, "iommu--intel-vt-d", Judged, No},
		{"IOMMU off among others", bare("iommu=verbose,no"), "passthrough", GradeOutside, "iommu--intel-vt-d", Judged, No},
		{"no-iommu", bare("no-iommu"), "passthrough", GradeOutside, "iommu--intel-vt-d", Judged, No},
		{"IOMMU on again", bare("iommu=off iommu=on"), "passthrough", GradeConditional, "iommu--intel-vt-d", Judged, Yes},
		{"IOMMU without its driver", x86(func(h *facts.Host) {
			h.Xen.BuildConfig = facts.Is(facts.BuildConfig{Symbols: map[string]string{"CONFIG_AMD_IOMMU": "y"}}, "--xen-config")
		}), "passthrough", GradeOutside, "iommu--intel-vt-d", Judged, No},
		{"IOMMU not in use by the running Xen", running(physical("hvm", "pv", "hap")), "passthrough", GradeOutside, "iommu--intel-vt-d", Judged, No},
		{"IOMMU of a running Xen that says nothing", running(hidden), "passthrough", GradeUnknown, "iommu--intel-vt-d", Judged, Maybe},
		{"IOMMU off with the next boot", running(bootLine("iommu=0")), "passthrough", GradeOutside, "iommu--intel-vt-d", Judged, No},
		{"IOMMU on with the next boot", running(physical("hvm", "pv", "hap"), bootLine("iommu=1")), "passthrough", GradeConditional, "iommu--intel-vt-d", Judged, Yes},

		{"no HVM in this Xen", x86(func(h *facts.Host) {
			h.Xen.BuildConfig = facts.Is(facts.BuildConfig{Symbols: map[string]string{"CONFIG_PV": "y"}}, "--xen-config")
		}), "hvm", GradeOutside, "x86hvm--domu", Outside, No},
		{"nested paging off", bare("hap=off"), "hvm", GradeNotSecurity, "shadow-paging", Judged, Maybe},
		{"nested paging off, for the host", bare("no-hap"), "host", GradeSupported, "shadow-paging", Judged, Maybe},
		{"nested paging not in use by the running Xen", running(physical("hvm", "pv", "directio")), "pvh", GradeNotSecurity, "shadow-paging", Judged, Maybe},
		{"shadow paging for dom0", bare("dom0=shadow"), "host", GradeNotSecurity, "shadow-paging", Judged, Yes},
		{"shadow paging for dom0, the old way", bare("dom0_shadow"), "host", GradeNotSecurity, "shadow-paging", Judged, Yes},
		{"no shadow paging for dom0", bare("dom0=pvh,no-shadow"), "host", GradeConditional, "shadow-paging", NotVisible, Maybe},

		{"PVH dom0 to be booted", bare("dom0=pvh"), "host", GradeConditional, "x86pvh--dom0", Judged, Yes},
		{"PVH dom0, no PV", bare("dom0=pvh"), "host", GradeConditional, "host-acpi-via-domain-0--x86-pv", NotApplicable, No},
		{"PVH dom0 without an IOMMU", bare("dom0=pvh iommu=off"), "host", GradeOutside, "x86pvh--dom0", Outside, Yes},
		{"PV dom0 after all", bare("dom0=pvh dom0=pv"), "host", GradeSupported, "x86pvh--dom0", Judged, No},
		{"PV dom0 by negation", bare("dom0=no-pvh"), "host", GradeSupported, "x86pvh--dom0", Judged, No},
		{"PVH dom0 with the next boot", running(bootLine("dom0=pvh")), "host", GradeConditional, "x86pvh--dom0", Judged, Yes},
		{"QoS without its code", x86(func(h *facts.Host) {
			bootLine("psr=cat")(h)
			h.CPU.X86.QoS = facts.Is([]string{"cat_l3"}, "/proc/cpuinfo")
			h.Xen.BuildConfig = facts.Is(facts.BuildConfig{Symbols: map[string]string{"CONFIG_HVM": "y"}}, "--xen-config")
		}), "host", GradeSupported, "x86intel-platform-qos-technologies", Judged, No},
		{"ACPI off", bare("acpi=off"), "host", GradeSupported, "host-acpi-via-domain-0--x86-pv", NotApplicable, No},

		{"a scheduler that Xen does not know", bare("sched=Null"), "host", GradeSupported, "null-scheduler", Unknown, Maybe},
		{"no name of a scheduler", bare("sched="), "host", GradeSupported, "credit2-scheduler", Unknown, Maybe},
		{"a module that Xen does not know", bare("xsm=flask xsm=Silo"), "host", GradeNotSecurity, "flask-xsm-module", Judged, Yes},
		{"a module that nobody knows", bare("xsm=Flask"), "host", GradeSupported, "flask-xsm-module", Unknown, Maybe},
		{"a scheduler that is not built", with("sched=null", "CONFIG_SCHED_DEFAULT", "rtds", "CONFIG_SCHED_RTDS", "y"), "host", GradeNotSecurity, "rtds-based-scheduler", Judged, Yes},
		{"a module that is not built", with("xsm=silo", "CONFIG_XSM", "y", "CONFIG_XSM_FLASK", "y", "CONFIG_XSM_FLASK_DEFAULT", "y"), "host", GradeNotSecurity, "flask-xsm-module", Judged, Yes},
		{"a module that is built", with("xsm=silo", "CONFIG_XSM", "y", "CONFIG_XSM_FLASK", "y", "CONFIG_XSM_FLASK_DEFAULT", "y", "CONFIG_XSM_SILO", "y"), "host", GradeSupported, "flask-xsm-module", Judged, No},
		{"FLASK off", bare("xsm=flask flask=disabled"), "host", GradeSupported, "flask-xsm-module", Judged, No},
		{"FLASK on again", bare("xsm=flask flask=disabled flask=permissive"), "host", GradeNotSecurity, "flask-xsm-module", Judged, Yes},
		{"vPMU by a feature", bare("vpmu=rtm-abort,ipc"), "host", GradeNotSecurity, "vpmu--x86-hvm", Judged, Yes},
		{"vPMU by an earlier feature", bare("vpmu=bts vpmu=rtm-abort=0"), "host", GradeNotSecurity, "vpmu--x86-hvm", Judged, Yes},
		{"no vPMU by rtm-abort", bare("vpmu=rtm-abort"), "host", GradeSupported, "vpmu--x86-hvm", Judged, No},
		{"no vPMU beside the watchdog", bare("vpmu=1 watchdog=force"), "host", GradeSupported, "vpmu--x86-hvm", Judged, No},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := Evaluate(statement(t, "4.22"), tt.host, Options{At: now, For: []string{tt.intent}})
			if v.Overall.Grade != tt.grade {
				t.Errorf("%s: %s, want %s %v", tt.intent, v.Overall.Grade, tt.grade, because(v))
			}
			if f := finding(t, v, tt.row); f.Outcome != tt.out || f.InUse != tt.use {
				t.Errorf("%s: %s, in use %s (%s), want %s, %s", tt.row, f.Outcome, f.InUse, f.Why, tt.out, tt.use)
			}
		})
	}
}

// The version of grant tables has two names, of which the later word counts.
func TestGrantVersion(t *testing.T) {
	for line, want := range map[string]Grade{
		"gnttab=max-ver:2": GradeNotSecurity, "gnttab=transitive=0,max_ver:2": GradeNotSecurity, "gnttab=max_ver:1 gnttab=max-ver:2": GradeNotSecurity,
		"gnttab=max_ver:2,max-ver:1": GradeSupported, "gnttab=max-ver:3": GradeSupported, "gnttab=max-ver:2 gnttab=max-ver:two": GradeNotSecurity,
	} {
		if v := Evaluate(statement(t, "4.22"), arm64(bootLine(line)), Options{At: now}); v.Overall.Grade != want {
			t.Errorf("%s: %s, want %s %v", line, v.Overall.Grade, want, because(v))
		}
	}
}

// An SMMUv3 is driven by builds made for it alone.
func TestSMMUv3ByBuild(t *testing.T) {
	v3 := func(h *facts.Host) {
		h.IOMMU.Units = facts.Is([]facts.IOMMUUnit{{Kind: facts.SMMUv3, Count: 1}}, "device tree")
	}
	with := func(value string) func(*facts.Host) {
		return func(h *facts.Host) {
			h.Xen.BuildConfig = facts.Is(facts.BuildConfig{Symbols: map[string]string{"CONFIG_GICV3": "y", "CONFIG_ARM_SMMU_V3": value}}, "--xen-config")
		}
	}
	for _, tt := range []struct {
		name     string
		host     *facts.Host
		grade    Grade
		complete bool
		use      Tri
	}{
		{"no Xen", arm64(v3), GradeNotSecurity, true, No},
		{"a Xen of unknown build", arm64(v3, bootLine("console=dtuart")), GradeNotSecurity, false, No},
		{"a Xen with the driver", arm64(v3, with("y")), GradeNotSecurity, true, Maybe},
		{"a Xen without the driver", arm64(v3, with("n")), GradeOutside, true, No},
	} {
		v := Evaluate(statement(t, "4.22"), tt.host, Options{At: now, For: []string{"passthrough"}})
		if v.Overall.Grade != tt.grade || v.Overall.Complete != tt.complete {
			t.Errorf("%s: %s, complete %v, want %s, %v", tt.name, v.Overall.Grade, v.Overall.Complete, tt.grade, tt.complete)
		}
		if f := finding(t, v, "iommu--arm-smmuv3"); f.InUse != tt.use {
			t.Errorf("%s: in use %s, want %s", tt.name, f.InUse, tt.use)
		}
	}
}

// What the running Xen prints of itself, or answers, tells where its command
// line does not: it may have one built in, or keep it to itself.
func TestRunningXenTells(t *testing.T) {
	hints := func(lines ...string) func(*facts.Host) {
		return func(h *facts.Host) { h.Xen.Console = facts.Is(lines, "xl dmesg") }
	}
	flask := func(o facts.Observed[string]) func(*facts.Host) {
		return func(h *facts.Host) { h.Xen.Flask, h.Xen.CommandLine = o, unknown[facts.CommandLine]() }
	}
	next := bootLine("console=vga")
	for _, tt := range []struct {
		row string
		arm bool
		on  []func(*facts.Host)
		use Tri
	}{
		{"hypervisor-synchronous-console-output-sync_console", false, []func(*facts.Host){hints("sync_console")}, Yes},
		{"hypervisor-synchronous-console-output-sync_console", false, []func(*facts.Host){hints("sync_console"), next}, No},
		{"hypervisor-synchronous-console-output-sync_console", false, []func(*facts.Host){hints("sync_consoles", "tainted C")}, No},
		{"vpmu--x86-hvm", false, []func(*facts.Host){hints("vpmu version 4")}, Yes},
		{"vpmu--x86-hvm", false, []func(*facts.Host){hints("vpmu disabled")}, No},
		{"core-scheduling--x86", false, []func(*facts.Host){hints("granularity core 2"), func(h *facts.Host) { h.Xen.Pools = unknown[[]facts.CPUPool]() }}, Yes},
		{"x86pvh--dom0", false, []func(*facts.Host){hints("dom0_type PVH"), func(h *facts.Host) { h.Machine.DomainType = unknown[string]() }}, Yes},
		{"flask-xsm-module", false, []func(*facts.Host){hints("flask permissive")}, Yes},
		{"flask-xsm-module", false, []func(*facts.Host){flask(facts.Is("enforcing", "hypercall"))}, Yes},
		{"flask-xsm-module", false, []func(*facts.Host){flask(facts.Missing[string]("hypercall"))}, No},
		{"flask-xsm-module", false, []func(*facts.Host){flask(unknown[string]())}, Maybe},
		{"silo-xsm-module", false, []func(*facts.Host){hints("xsm SILO"), flask(unknown[string]())}, Yes},
		{"armgicv3-its", true, []func(*facts.Host){hints("its 0x8080000"), func(h *facts.Host) { h.Interrupts.ITS = facts.Is(1, "fdt") }}, Yes},
		{"host-acpi-via-domain-0--arm", true, []func(*facts.Host){hints("acpi"), func(h *facts.Host) { h.Machine.ACPI = facts.Is(true, "acpi") }}, Yes},
	} {
		h := fixtureHost(fixture{arm: tt.arm}, func(h *facts.Host) {
			for _, c := range tt.on {
				c(h)
			}
		})
		if f := finding(t, Evaluate(statement(t, "4.22"), h, Options{At: now}), tt.row); f.InUse != tt.use {
			t.Errorf("%s with %q: in use %s (%s), want %s", tt.row, h.Xen.Console.Value, f.InUse, f.Why, tt.use)
		}
	}
}

// Before 4.13 Xen on Arm did not tell whether it drives an IOMMU.
func TestUntoldIOMMUOnArm(t *testing.T) {
	for minor, want := range map[int]Grade{12: GradeNotSecurity, 13: GradeOutside} {
		h := dom0Of(arm64(smmu), minor, func(h *facts.Host) { h.Xen.Physical = facts.Is([]string{"hvm", "hap"}, "xl info") })
		v := Evaluate(statement(t, "4.12"), h, Options{At: now, For: []string{"passthrough"}})
		if v.Overall.Grade != want {
			t.Errorf("4.%d: %s, want %s %v", minor, v.Overall.Grade, want, because(v))
		}
	}
}

// AMD-Vi with one interrupt remapping table for all devices is told of by
// Xen's console as well.
func TestGlobalRemappingOnConsole(t *testing.T) {
	h := dom0Of(x86(nil), 22, func(h *facts.Host) { h.Xen.Console = facts.Is([]string{"amdvi_global"}, "xl dmesg") })
	if v := Evaluate(statement(t, "4.22"), h, Options{At: now}); v.Overall.Grade != GradeNotSecurity {
		t.Errorf("%s %v", v.Overall.Grade, because(v))
	}
}

// What Xen is built for decides which rows are about a host, not its CPU alone.
func TestBuiltFor(t *testing.T) {
	for _, tt := range []struct {
		name   string
		symbol string
		next   bool
		row    string
		grade  Grade
	}{
		{"32-bit Xen", "CONFIG_ARM_32", true, "arm-v8--xen-in-aarch32-mode", GradeNotSecurity},
		{"64-bit Xen", "CONFIG_ARM_64", true, "arm-v8--xen-in-aarch64-mode", GradeSupported},
		{"Xen without an MMU", "CONFIG_MPU", true, "arm-v8--xen-in-armv8-r", GradeNotSecurity},
		{"Xen with GICv3", "CONFIG_GICV3", true, "armgicv3--arm64", GradeSupported},
		{"a running Xen has told", "CONFIG_ARM_32", false, "arm-v8--xen-in-aarch64-mode", GradeSupported},
	} {
		h := arm64(func(h *facts.Host) {
			h.Interrupts.GIC = facts.Is(2, "device tree")
			if tt.symbol == "CONFIG_GICV3" {
				h.Interrupts.GIC = facts.Is(3, "device tree")
			}
			h.Xen.BuildConfig = facts.Is(facts.BuildConfig{Symbols: map[string]string{tt.symbol: "y", "CONFIG_XSM": "y", "CONFIG_XSM_SILO": "y", "CONFIG_XSM_SILO_DEFAULT": "y"}}, "--xen-config")
		})
		if !tt.next {
			h = dom0Of(arm64(), 22, config(tt.symbol, "y"))
		}
		v := Evaluate(statement(t, "4.22"), h, Options{At: now})
		if f := finding(t, v, tt.row); f.InUse != Yes || f.Outcome != Judged || v.Overall.Grade != tt.grade {
			t.Errorf("%s: %s, %s in use %s, want %s (%s)", tt.name, v.Overall.Grade, tt.row, f.InUse, tt.grade, f.Why)
		}
	}
}

// A Xen without a driver for the interrupt controller does not start.
func TestGICv3ByBuild(t *testing.T) {
	for version, want := range map[int]Grade{2: GradeSupported, 3: GradeOutside, 4: GradeOutside} {
		h := arm64(func(h *facts.Host) {
			h.Interrupts.GIC = facts.Is(version, "device tree")
			h.Xen.BuildConfig = facts.Is(facts.BuildConfig{Symbols: map[string]string{"CONFIG_XSM": "y", "CONFIG_XSM_SILO": "y", "CONFIG_XSM_SILO_DEFAULT": "y"}}, "--xen-config")
		})
		if v := Evaluate(statement(t, "4.22"), h, Options{At: now}); v.Overall.Grade != want {
			t.Errorf("GICv%d: %s, want %s %v", version, v.Overall.Grade, want, because(v))
		}
	}
}

// An SMMU that a device tree gives a name of its vendor's alone is none that Xen
// drives.
func TestSMMUByName(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  Grade
	}{
		{nil, GradeNotSecurity},
		{[]string{"arm,mmu-500"}, GradeNotSecurity},
		{[]string{"example,smmu-500", "arm,mmu-500"}, GradeNotSecurity},
		{[]string{"example,smmu-v2"}, GradeOutside},
	} {
		h := arm64(func(h *facts.Host) {
			h.IOMMU.Units = facts.Is([]facts.IOMMUUnit{{Kind: facts.SMMUv2, Count: 1, Compatible: tt.names}}, "device tree")
		})
		v := Evaluate(statement(t, "4.22"), h, Options{At: now, For: []string{"passthrough"}})
		if f := finding(t, v, "iommu--arm-smmuv2"); v.Overall.Grade != tt.want || (f.InUse == No) != (tt.want == GradeOutside) {
			t.Errorf("%v: %s, in use %s, want %s %v", tt.names, v.Overall.Grade, f.InUse, tt.want, because(v))
		}
	}
}
