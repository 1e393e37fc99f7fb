package probe

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fake"
)

func collectGiven(t *testing.T, o Options) *facts.Host {
	t.Helper()
	h, err := Collect(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Root == "" && h.CollectedAt != nil {
		t.Error("a board on paper has no time")
	}
	for _, s := range h.Sources {
		if s.Name == cpuidInterface || s.Name == ghwInterface || s.Name == unameInterface {
			t.Errorf("%s was asked about the machine that xencheck runs on", s.Name)
		}
	}
	return h
}

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestGivenDeviceTree(t *testing.T) {
	dtb := write(t, "board.dtb", fake.DTB(junoTree()))
	h := collectGiven(t, Options{DTB: dtb})
	if h.Origin.Kind != facts.Files {
		t.Errorf("origin is %+v", h.Origin)
	}
	is(t, "arch", h.Machine.Arch, facts.Arm64)
	is(t, "GIC", h.Interrupts.GIC, 2)
	is(t, "physical CPUs", h.CPU.Physical, facts.Exactly(6))
	is(t, "memory", h.Memory.Physical, facts.Exactly(4*gib))
	if h.Memory.Physical.Note == "" {
		t.Error("what a boot loader may change is passed off as final")
	}
	is(t, "cores", h.CPU.Arm.Cores, []facts.ArmCore{
		{Implementer: 0x41, Part: 0xd03, Name: "Cortex-A53", Count: 4},
		{Implementer: 0x41, Part: 0xd07, Name: "Cortex-A57", Count: 2},
	})
	isUnknown(t, "boot CPU", h.CPU.Arm.Boot, facts.Incomplete)
	isUnknown(t, "kind", h.Machine.Kind, facts.NotRecorded)

	// MIDRs add revisions, the boot CPU's first.
	h = collectGiven(t, Options{DTB: dtb, MIDR: []string{"411fd070", "0x410fd033"}})
	a57 := armCore("0x411fd070", "Cortex-A57", "", 0x41, 0xd07, 1, 0, 2)
	a53 := armCore("0x410fd033", "Cortex-A53", "", 0x41, 0xd03, 0, 3, 4)
	is(t, "cores", h.CPU.Arm.Cores, []facts.ArmCore{a57, a53})
	is(t, "boot CPU", h.CPU.Arm.Boot, a57)

	// Fewer MIDRs than kinds of core: the others keep their names.
	h = collectGiven(t, Options{DTB: dtb, MIDR: []string{"410fd033"}})
	is(t, "cores", h.CPU.Arm.Cores, []facts.ArmCore{a53, {Implementer: 0x41, Part: 0xd07, Name: "Cortex-A57", Count: 2}})
	is(t, "boot CPU", h.CPU.Arm.Boot, a53)

	// A core that the tree does not have.
	h = collectGiven(t, Options{DTB: dtb, MIDR: []string{"410fd0b1"}})
	isUnknown(t, "cores", h.CPU.Arm.Cores, facts.Conflicting)

	h = collectGiven(t, Options{DTB: dtb, Memory: 16 * gib, CPUs: 4})
	is(t, "memory", h.Memory.Physical, facts.Exactly(16*gib))
	is(t, "physical CPUs", h.CPU.Physical, facts.Exactly(4))

	empty := junoTree()
	empty.Children[2].Props[1].Value = []uint32{0, 0x80000000, 0, 0}
	h = collectGiven(t, Options{DTB: write(t, "empty.dtb", fake.DTB(empty))})
	isUnknown(t, "memory", h.Memory.Physical, facts.Incomplete)
}

func TestGivenACPI(t *testing.T) {
	server := intelServer()
	dump := write(t, "acpidump.txt", fake.Dump([]byte(server[acpiTables+"/FACP"]), []byte(server[acpiTables+"/APIC"]), []byte(server[acpiTables+"/DMAR"])))
	dir := t.TempDir()
	plant(t, dir, map[string]string{"facp.dat": server[acpiTables+"/FACP"], "apic.dat": server[acpiTables+"/APIC"], "DMAR": server[acpiTables+"/DMAR"], "README": "tables", "sub/x": ""})
	for _, given := range []string{dump, dir} {
		h := collectGiven(t, Options{ACPI: given})
		is(t, "firmware's CPUs", h.CPU.Firmware, 4)
		is(t, "physical CPUs", h.CPU.Physical, facts.Exactly(4))
		is(t, "arch", h.Machine.Arch, facts.X86_64)
		if u, ok := h.IOMMU.Units.Get(); !ok || len(u) != 1 || u[0].Kind != facts.VTd || u[0].Count != 2 || !strings.HasPrefix(u[0].Source, given) {
			t.Errorf("IOMMU: %+v", h.IOMMU.Units)
		}
		is(t, "CPU hotplug", h.Hotplug.CPU, facts.CPUHotplug{MADTRevision: 5, Spare: 1, OnlineCapable: 1})
		isAbsent(t, "memory hotplug", h.Hotplug.Memory)
		isUnknown(t, "VMX", h.CPU.X86.VMX, facts.NotRecorded)
	}
}

const dumpText = `CPU 0:
   0x00000000 0x00: eax=0x00000016 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69
   0x00000001 0x00: eax=0x00050654 ebx=0x00100800 ecx=0x7ffefbff edx=0xbfebfbff
   0x80000000 0x00: eax=0x80000008 ebx=0x00000000 ecx=0x00000000 edx=0x00000000
   0x80000001 0x00: eax=0x00000000 ebx=0x00000000 ecx=0x00000121 edx=0x2c100800
`

func TestGivenCPUID(t *testing.T) {
	h := collectGiven(t, Options{CPUID: write(t, "cpuid.txt", []byte(dumpText)), Memory: 64 * gib, CPUs: 16})
	x := h.CPU.X86
	is(t, "arch", h.Machine.Arch, facts.X86_64)
	is(t, "kind", h.Machine.Kind, facts.Bare)
	is(t, "VMX", x.VMX, true)
	is(t, "SVM", x.SVM, false)
	isUnknown(t, "EPT", x.EPT, facts.Incomplete)
	is(t, "physical CPUs", h.CPU.Physical, facts.Exactly(16))
	models, _ := x.Models.Get()
	if len(models) != 1 || models[0].Family != 6 || models[0].Model != 0x55 || models[0].Stepping != 4 {
		t.Errorf("models: %+v", x.Models)
	}
}

func TestGivenMIDR(t *testing.T) {
	h := collectGiven(t, Options{MIDR: []string{"410fd034,411fd072"}, Memory: 8 * gib, CPUs: 8})
	if h.Origin.Kind != facts.Paper {
		t.Errorf("origin is %+v", h.Origin)
	}
	is(t, "arch", h.Machine.Arch, facts.Arm64)
	is(t, "boot CPU", h.CPU.Arm.Boot, armCore("0x410fd034", "Cortex-A53", "", 0x41, 0xd03, 0, 4, 1))
	is(t, "memory", h.Memory.Physical, facts.Exactly(8*gib))
	is(t, "physical CPUs", h.CPU.Physical, facts.Exactly(8))

	h = collectGiven(t, Options{MIDR: []string{"413fc0f2"}})
	is(t, "arch", h.Machine.Arch, facts.Arm32)
	is(t, "virtualization extensions", h.CPU.Arm.VirtExtensions, true)

	h = collectGiven(t, Options{Memory: 8 * gib})
	isUnknown(t, "arch", h.Machine.Arch, facts.NotRecorded)
}

// A file that the user named and that is not what it should be is an error of
// one line that names it.
func TestUnusableOptions(t *testing.T) {
	pdf := write(t, "statement.pdf", []byte("%PDF-1.7\x00\x01\x02"))
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	cut := write(t, "cut.dtb", fake.DTB(junoTree())[:100])
	for what, test := range map[string]struct {
		options Options
		want    string
	}{
		"no root":            {Options{Root: "/nowhere"}, "/nowhere: no such file or directory"},
		"a PDF as root":      {Options{Root: pdf}, pdf + ": not an archive"},
		"a FIFO as root":     {Options{Root: fifo}, fifo + ": neither a directory nor an archive"},
		"a PDF as DTB":       {Options{DTB: pdf}, pdf + ": not a device tree"},
		"a DTB cut short":    {Options{DTB: cut}, cut + ": not a device tree"},
		"a FIFO as DTB":      {Options{DTB: fifo}, fifo + ": is a FIFO"},
		"a directory as DTB": {Options{DTB: t.TempDir()}, "is a directory"},
		"no DTB":             {Options{DTB: "/nowhere"}, "/nowhere: no such file"},
		"a PDF as ACPI":      {Options{ACPI: pdf}, pdf + ": not the text of acpidump"},
		"no tables":          {Options{ACPI: t.TempDir()}, "no ACPI tables"},
		"a PDF as CPUID":     {Options{CPUID: pdf}, pdf + ": not a CPUID dump"},
		"no MIDR":            {Options{MIDR: []string{"xyz"}}, `MIDR "xyz"`},
		"an empty MIDR":      {Options{MIDR: []string{""}}, "MIDR: no value"},
		"negative CPUs":      {Options{CPUs: -1}, "number of CPUs is negative"},
	} {
		_, err := Collect(context.Background(), test.options)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error is %v, want %q", what, err, test.want)
		}
	}
}

// Files that are given stand in front of a tree.
func TestGivenWithTree(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, map[string]string{
		"proc/cpuinfo":              juno()["/proc/cpuinfo"],
		"proc/sys/kernel/arch":      "aarch64\n",
		"proc/sys/kernel/osrelease": "6.1\n",
	})
	h := collectGiven(t, Options{Root: dir, DTB: write(t, "board.dtb", fake.DTB(junoTree()))})
	is(t, "GIC", h.Interrupts.GIC, 2)
	is(t, "boot CPU", h.CPU.Arm.Boot, armCore("0x410fd033", "Cortex-A53", "0,3-5", 0x41, 0xd03, 0, 3, 4))
	is(t, "kernel", h.Machine.KernelArch, "aarch64")
}
