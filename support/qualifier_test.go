package support

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func core(name string, from, to Revision) []Term {
	return []Term{{Kind: TermCore, Value: fold(name), Core: &CoreRange{Name: name, From: from, To: to}}}
}

func TestApplicability(t *testing.T) {
	arch := func(s string) Term { return Term{Kind: TermArch, Value: s} }
	tests := []struct {
		heading, qualifier string
		want               Applicability
	}{
		{"Physical Memory", "", Applicability{Relation: Whole}},
		{"Physical Memory", "x86", Applicability{Relation: Variant, Arch: "x86", Terms: []Term{arch("x86")}}},
		{"Physical Memory", "ARM32", Applicability{Relation: Variant, Arch: "arm32", Terms: []Term{arch("arm32")}}},
		{"ARM/GICv3", "Arm64", Applicability{Relation: Variant, Arch: "arm64", Terms: []Term{arch("arm64")}}},
		{"Foo", "RISC-V", Applicability{Relation: Variant, Arch: "riscv", Terms: []Term{arch("riscv")}}},
		{"Foo", "riscv64", Applicability{Relation: Variant, Arch: "riscv", Terms: []Term{arch("riscv")}}},
		{"Foo", "POWER", Applicability{Relation: Variant, Arch: "ppc", Terms: []Term{arch("ppc")}}},
		{"Foo", "x86 HVM/PVH, Shadow, 2MiB", Applicability{Relation: Variant, Arch: "x86", Terms: []Term{
			arch("x86"), {Kind: TermGuest, Value: "hvm/pvh"}, {Kind: TermPaging, Value: "shadow"}, {Kind: TermPageSize, Value: "2MiB"}}}},
		{"x86/PV", "x86_32, without shim", Applicability{Relation: Variant, Arch: "x86", Terms: []Term{
			{Kind: TermWidth, Value: "32"}, {Kind: TermShim, Value: "without"}}}},
		{"Null Scheduler", "x86/shim", Applicability{Relation: Exception, Arch: "x86", Terms: []Term{arch("x86"), {Kind: TermShim, Value: "with"}}}},
		{"x86-64", "Xeon Phi", Applicability{Relation: Exception, Arch: "x86", Terms: []Term{{Kind: TermCPU, Value: "xeon phi"}}}},
		{"IOMMU", "ARM SMMUv3", Applicability{Relation: Variant, Arch: "arm", Terms: []Term{{Kind: TermIOMMU, Value: "smmuv3"}}}},
		{"IOMMU", "Intel VT-d", Applicability{Relation: Variant, Arch: "x86", Terms: []Term{{Kind: TermIOMMU, Value: "vt-d"}}}},
		{"ARM v8", "Xen in AArch32 mode", Applicability{Relation: Variant, Arch: "arm", Terms: []Term{{Kind: TermXenState, Value: "aarch32"}}}},
		{"Blkback", "QEMU (xen_disk), qcow2 format", Applicability{Relation: Variant, Terms: []Term{
			{Kind: TermImpl, Value: "qemu"}, {Kind: TermImpl, Value: "xen_disk"}, {Kind: TermFormat, Value: "qcow2"}}}},
		{"PV display (frontend)", "Linux, outside of “backend allocation” mode", Applicability{Relation: Variant, Terms: []Term{
			{Kind: TermOS, Value: "linux"}, {Kind: TermMode, Value: `outside of "backend allocation" mode`}}}},
		{"Host serial console", "Exynos 4210 UART (ARM)", Applicability{Relation: Variant, Arch: "arm", Terms: []Term{
			{Kind: TermDevice, Value: "exynos 4210 uart"}, arch("arm")}}},
		{"Host serial console", "SCI(F) UART", Applicability{Relation: Variant, Terms: []Term{{Kind: TermDevice, Value: "sci(f) uart"}}}},
		{"OCaml xenstored daemon", "untrusted driver domains", Applicability{Relation: CondRow, Terms: []Term{{Kind: TermCondition, Value: "untrusted driver domains"}}}},
		{"C xenstored daemon", "Liveupdate", Applicability{Relation: SubFeature, Terms: []Term{{Kind: TermSub, Value: "liveupdate"}}}},
		{"ARM: Guest PSCI support", "SYSTEM_OFF2", Applicability{Relation: SubFeature, Arch: "arm", Terms: []Term{{Kind: TermSub, Value: "system_off2"}}}},

		{"ARM v8", "Cortex A57 r0p0-r1p1", Applicability{Relation: Exception, Arch: "arm", Terms: core("Cortex A57", Revision{0, 0}, Revision{1, 1})}},
		{"ARM v8", "Neoverse N1 r3p0 – R4P1", Applicability{Relation: Exception, Arch: "arm", Terms: core("Neoverse N1", Revision{3, 0}, Revision{4, 1})}},
		{"ARM v8", "Cortex-X2 r2p0", Applicability{Relation: Exception, Arch: "arm", Terms: core("Cortex-X2", Revision{2, 0}, Revision{2, 0})}},
		{"ARM v8", "Arm Cortex-A710 up to r1p2", Applicability{Relation: Exception, Arch: "arm", Terms: core("Cortex-A710", Revision{0, 0}, Revision{1, 2})}},
		{"ARM v8", "Foo r0p0 to r15p15", Applicability{Relation: Exception, Arch: "arm", Terms: core("Foo", Revision{0, 0}, Revision{15, 15})}},
		{"ARM v8", "Cortex A510 (all revisions)", Applicability{Relation: Exception, Arch: "arm", Terms: []Term{
			{Kind: TermCore, Value: "cortex a510", Core: &CoreRange{Name: "Cortex A510", All: true}}}}},
		{"ARM v8", "Cortex A72 r0p0-r0p3, Xen in AArch64 mode", Applicability{Relation: Exception, Arch: "arm", Terms: append(
			core("Cortex A72", Revision{0, 0}, Revision{0, 3}), Term{Kind: TermXenState, Value: "aarch64"})}},
	}
	for _, tt := range tests {
		got, slip := applicability(tt.qualifier, place{heading: tt.heading})
		if diff := cmp.Diff(tt.want, got); diff != "" || slip != "" {
			t.Errorf("%q under %q, slip %q (-want +got):\n%s", tt.qualifier, tt.heading, slip, diff)
		}
	}
}

func TestApplicabilityNotUnderstood(t *testing.T) {
	tests := []struct{ heading, qualifier, arch string }{
		{"ARM v8", "Cortex A57 r1p1-r0p0", "arm"},
		{"ARM v8", "Cortex A57 r0p0-r1", "arm"},
		{"ARM v8", "Cortex A57 r16p0", "arm"},
		{"ARM v8", "Cortex A57 except r1p2", "arm"},
		{"ARM v8", "Cortex A57 and Cortex A72 r0p0", "arm"},
		{"ARM v8", "Cortex A57 with old firmware", "arm"},
		{"ARM v8", "Cortex", "arm"},
		{"ARM v8", "r0p0-r1p1", "arm"},
		{"ARM v8", "Cortex A57 r0p0, r1p1", "arm"},
		{"Physical Memory", "x86, ARM", ""},
		{"x86/HVM", "ARM", "x86"},
		{"x86-64", "Frobnicator 9000", "x86"},
		{"Blkback", "Linux (except on Tuesdays)", ""},
		{"Blkback", "x86 on Tuesdays", ""},
		{"Blkback", "not x86", ""},
		{"Blkback", "x86,", "x86"},
		{"ARM: Foo", "frob", "arm"},
		{"ARM v8", "Cortex A57 r0p0-r1p1, Cortex A72 r0p0-r1p0", "arm"},
		{"ARM v8", "Cortex A57 r0p0-r1p1, Cortex A57 r1p3", "arm"},
		{"IOMMU", "AMD IOMMU, Intel VT-d", "x86"},
		{"IOMMU", "ARM SMMUv1, ARM SMMUv2", "arm"},
		{"x86/PCI Device Passthrough", "x86 PV, x86 HVM", "x86"},
	}
	for _, tt := range tests {
		a, _ := applicability(tt.qualifier, place{heading: tt.heading})
		if a.Understood() || a.Unrecognised != tt.qualifier || len(a.Terms) != 0 || a.Relation != Variant && a.Relation != Exception {
			t.Errorf("%q under %q is understood as %+v", tt.qualifier, tt.heading, a)
		}
		if a.Arch != tt.arch {
			t.Errorf("%q under %q concerns %q, want %q", tt.qualifier, tt.heading, a.Arch, tt.arch)
		}
	}
}

func TestHeadingArch(t *testing.T) {
	for title, want := range map[string]string{
		"x86/PVH": "x86", "x86-64": "x86", "x86/Emulated audio (QEMU):": "x86", "ARM/GICv3": "arm", "Arm: OP-TEE Mediator": "arm",
		"ARM v7 + Virtualization Extensions": "arm32", "ARM v8": "arm", "ARM": "arm", "ARM Scalable Vector Extension (SVE/SVE2)": "arm",
		"Armv8-A": "arm", "Armv7-A": "arm32", "x86_64": "x86", "Armament": "", "Physical Memory": "", "RISC-V/IOMMU": "riscv", "": "", "Host ACPI (via Domain 0)": "",
	} {
		if got := headingArch(title); got != want {
			t.Errorf("%q: %q, want %q", title, got, want)
		}
	}
}

// What is not understood of a qualifier concerns nobody whom it rules out.
func TestArchOfUnknownQualifiers(t *testing.T) {
	for qualifier, want := range map[string]string{
		"RISC-V IOMMU": "riscv", "ARM SMMUv3.2": "arm", "Arm64 GICv9": "arm64", "x86, CXL pools": "x86",
		"x86 and Arm": "", "Arm excluding A53": "", "non-x86 hosts": "", "hosts of x86": "", "x86/Arm hosts": "", "x86 (and others)": "", ",": "",
	} {
		a, _ := applicability(qualifier, place{heading: "IOMMU"})
		if a.Understood() || a.Arch != want {
			t.Errorf("%q: understood %v, about %q, want %q", qualifier, a.Understood(), a.Arch, want)
		}
	}
}
