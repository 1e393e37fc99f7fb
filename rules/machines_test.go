package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// The machines of these tests are literals: each is one kind of host, complete
// but for what the test changes.

var now = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

const (
	gib = uint64(1) << 30
	tib = uint64(1) << 40
)

func statement(t testing.TB, release string) *support.Statement {
	t.Helper()
	lib, errs := support.NewLibrary(nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	s, err := lib.Open(release)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// text parses a statement written in a test: features of "Host hardware
// support" or wherever the text says.
func text(t testing.TB, features string) *support.Statement {
	t.Helper()
	s, err := support.Parse("test", []byte(`# Release Support

    Xen-Version: 9.1
    Initial-Release: 2026-01-01
    Supported-Until: 2029-01-01
    Security-Support-Until: 2031-01-01

# Feature Support

`+features))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func x86(change func(*facts.Host)) *facts.Host {
	h := &facts.Host{
		Schema: facts.Schema,
		Origin: facts.Origin{Kind: facts.Live, Privileged: true},
		Machine: facts.Machine{
			Arch: facts.Is(facts.X86_64, "/proc/cpuinfo"), KernelArch: facts.Is("x86_64", "uname"),
			Kind: facts.Is(facts.Bare, "/proc/cpuinfo"), Hypervisor: facts.Missing[string]("/proc/cpuinfo"),
			Container: facts.Missing[string]("/run"), Firmware: facts.Is("bios", "/sys/firmware"),
			SecureBoot: facts.Missing[bool]("/sys/firmware"), ACPI: facts.Is(true, "/sys/firmware/acpi/tables"),
			DeviceTree: facts.Missing[bool]("/sys/firmware"),
		},
		CPU: facts.CPU{
			Physical: facts.Is(facts.Exactly(16), "/sys/devices/system/cpu/present"),
			X86: &facts.X86CPU{
				Models:   facts.Is([]facts.X86Model{{Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 4, CPUs: 16}}, "/proc/cpuinfo"),
				LongMode: facts.Is(true, "/proc/cpuinfo"), VMX: facts.Is(true, "/proc/cpuinfo"), SVM: facts.Is(false, "/proc/cpuinfo"),
				EPT: facts.Is(true, "/proc/cpuinfo"), NPT: facts.Is(false, "/proc/cpuinfo"), QoS: facts.Missing[[]string]("/proc/cpuinfo"),
			},
		},
		Memory: facts.Memory{Physical: facts.Is(facts.Exactly(64*gib), "SMBIOS")},
		IOMMU: facts.IOMMU{
			Units:              facts.Is([]facts.IOMMUUnit{{Kind: facts.VTd, Count: 2, Source: "DMAR"}}, "DMAR"),
			InterruptRemapping: facts.Is(true, "DMAR"),
		},
		Hotplug: facts.Hotplug{CPU: facts.Missing[facts.CPUHotplug]("APIC"), Memory: facts.Missing[uint64]("SRAT")},
	}
	if change != nil {
		change(h)
	}
	return h
}

func core(name string, implementer, part, variant, revision int, cpus string) facts.ArmCore {
	return facts.ArmCore{
		MIDR:        fmt.Sprintf("0x%08x", implementer<<24|variant<<20|0xf<<16|part<<4|revision),
		Implementer: implementer, Part: part, Variant: variant, Revision: revision, RevisionKnown: true,
		Name: name, CPUs: cpus, Count: 1 + strings.Count(cpus, ","),
	}
}

func a53() facts.ArmCore         { return core("Cortex-A53", 0x41, 0xd03, 0, 4, "0,1,2,3") }
func a57(n, m int) facts.ArmCore { return core("Cortex-A57", 0x41, 0xd07, n, m, "4,5") }
func a77(n, m int) facts.ArmCore { return core("Cortex-A77", 0x41, 0xd0d, n, m, "0") }
func a72() facts.ArmCore         { return core("Cortex-A72", 0x41, 0xd08, 0, 3, "0,1,2,3") }
func cores(c ...facts.ArmCore) func(*facts.Host) {
	return func(h *facts.Host) {
		h.CPU.Arm.Cores = facts.Is(c, "midr_el1")
		h.CPU.Arm.Boot = facts.Is(c[0], "midr_el1")
	}
}

func arm64(changes ...func(*facts.Host)) *facts.Host {
	h := &facts.Host{
		Schema: facts.Schema,
		Origin: facts.Origin{Kind: facts.Live, Privileged: true},
		Machine: facts.Machine{
			Arch: facts.Is(facts.Arm64, "uname"), KernelArch: facts.Is("aarch64", "uname"),
			Kind: facts.Is(facts.Bare, "device tree"), Hypervisor: facts.Missing[string]("device tree"),
			Container: facts.Missing[string]("/run"), Firmware: facts.Is("other", "/sys/firmware"),
			SecureBoot: facts.Missing[bool]("/sys/firmware"), ACPI: facts.Missing[bool]("/sys/firmware"),
			DeviceTree: facts.Is(true, "/sys/firmware/fdt"),
		},
		CPU: facts.CPU{
			Physical: facts.Is(facts.Exactly(4), "/sys/devices/system/cpu/present"),
			Arm: &facts.ArmCPU{
				Architecture: facts.Is(8, "/proc/cpuinfo"), Virtualization: facts.Is(true, "kernel log"),
				VirtExtensions: facts.Is(true, "MIDR"), SVE: facts.Is(false, "/proc/cpuinfo"),
			},
		},
		Memory:     facts.Memory{Physical: facts.Is(facts.Exactly(4*gib), "/sys/firmware/fdt")},
		IOMMU:      facts.IOMMU{Units: facts.Missing[[]facts.IOMMUUnit]("/sys/firmware/fdt")},
		Interrupts: facts.Interrupts{GIC: facts.Is(3, "/sys/firmware/fdt"), ITS: facts.Missing[int]("/sys/firmware/fdt")},
	}
	cores(a72())(h)
	for _, c := range changes {
		c(h)
	}
	return h
}

func arm32(changes ...func(*facts.Host)) *facts.Host {
	h := arm64(cores(core("Cortex-A15", 0x41, 0xc0f, 4, 0, "0,1")))
	h.Machine.Arch = facts.Is(facts.Arm32, "/proc/cpuinfo")
	h.Machine.KernelArch = facts.Is("armv7l", "uname")
	h.CPU.Arm.Architecture = facts.Is(7, "/proc/cpuinfo")
	h.Interrupts.GIC = facts.Is(2, "/sys/firmware/fdt")
	for _, c := range changes {
		c(h)
	}
	return h
}

// noVE makes an Armv7 one without the virtualization extensions.
func noVE(h *facts.Host) {
	h.CPU.Arm.VirtExtensions = facts.Is(false, "MIDR")
	h.CPU.Arm.Virtualization = facts.Is(false, "kernel log")
}

func unknown[T any]() facts.Observed[T] {
	return facts.Not[T](&facts.Problem{Cause: facts.NoPermission, Source: "/some/file", Remedy: "run as root"})
}

// finding returns the one finding of a row, by its key.
func finding(t testing.TB, v *Verdict, key string) Finding {
	t.Helper()
	var found []Finding
	for _, f := range v.Findings {
		if f.Row != nil && f.Row.Key == key {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d findings for row %q", len(found), key)
	}
	return found[0]
}

// property returns the finding of a property that no row covers.
func property(t testing.TB, v *Verdict, rule string, o Outcome) Finding {
	t.Helper()
	for _, f := range v.Findings {
		if f.Rule == rule && f.Outcome == o && (f.Row == nil || f.Row.Key == "") {
			return f
		}
	}
	t.Fatalf("no finding of rule %s with outcome %s", rule, o)
	return Finding{}
}

func answer(t testing.TB, v *Verdict, intent string) Answer {
	t.Helper()
	for _, a := range v.Answers {
		if a.Intent == intent {
			return a
		}
	}
	t.Fatalf("no answer for %q", intent)
	return Answer{}
}
