package facts

import "time"

// Schema is the version of the JSON form of [Host]. It grows when a field
// changes its meaning; new fields alone do not change it.
const Schema = 1

// Host is everything known of one machine. It is the interchange format:
// collected here, judged there, against any release.
type Host struct {
	Schema      int        `json:"schema"`
	Tool        string     `json:"tool"`           // name and version of the collector
	CollectedAt *time.Time `json:"collected_at"`   // UTC, whole seconds; null when the moment says nothing (a board on paper)
	Name        string     `json:"name,omitempty"` // host name or --id; empty when anonymous
	Origin      Origin     `json:"origin"`
	Machine     Machine    `json:"machine"`
	CPU         CPU        `json:"cpu"`
	Memory      Memory     `json:"memory"`
	IOMMU       IOMMU      `json:"iommu"`
	Interrupts  Interrupts `json:"interrupts"`
	Hotplug     Hotplug    `json:"hotplug"`
	Xen         Xen        `json:"xen"`
	// Userspace is what runs in dom0; nil where this is no dom0.
	Userspace *Userspace `json:"userspace,omitempty"`
	// Running is what Xen itself says of its running domains, Domains the
	// configurations that were read, of running domains or not.
	Running Observed[[]RunningDomain] `json:"running,omitzero"`
	Domains Observed[[]Domain]        `json:"domains,omitzero"`
	OS      OS                        `json:"os"`
	Sources []Source                  `json:"sources"` // every place that was looked at, in the order of looking
}

// OriginKind tells what kind of thing was looked at.
type OriginKind string

// The kinds of origin.
const (
	Live  OriginKind = "live"  // the running machine
	Tree  OriginKind = "tree"  // a captured directory tree or archive
	Files OriginKind = "files" // single files: a device tree, ACPI tables, a CPUID dump
	Paper OriginKind = "paper" // values given on the command line
)

// Origin says where the facts of a host come from.
type Origin struct {
	Kind       OriginKind `json:"kind"`
	Privileged bool       `json:"privileged"`     // read as root; meaningful for Live only
	What       []string   `json:"what,omitempty"` // the paths or options given
}

// Source is one place that was looked at and what came of it.
type Source struct {
	Name    string   `json:"name"`
	State   State    `json:"state"` // Known: read; Absent: not there; Unknown: see Problem
	Problem *Problem `json:"problem,omitempty"`
}

// Arch is a machine architecture as the statement divides them.
type Arch string

// The architectures the statement has rows for. Any other machine keeps its
// Linux name (s390x, riscv64, ppc64le, ia64, …).
const (
	X86_64 Arch = "x86-64"
	X86_32 Arch = "x86-32" // an x86 CPU without long mode
	Arm64  Arch = "arm64"  // Armv8-A or later: AArch64 capable
	Arm32  Arch = "arm32"  // Armv7-A, or an Armv8 CPU without AArch64
)

// X86 reports whether the machine is an x86 of either width.
func (a Arch) X86() bool { return a == X86_64 || a == X86_32 }

// Arm reports whether the machine is an Arm of either width.
func (a Arch) Arm() bool { return a == Arm64 || a == Arm32 }

// Kind is what the operating system runs on.
type Kind string

// The kinds of environment.
const (
	Bare           Kind = "bare"     // nothing below but firmware
	VirtualMachine Kind = "vm"       // a guest of some hypervisor other than Xen
	Dom0           Kind = "xen-dom0" // the control domain of a Xen host
	DomU           Kind = "xen-domu" // an ordinary guest of Xen: the host is out of sight
)

// Machine is the box, its firmware and what the operating system runs on.
type Machine struct {
	Arch       Observed[Arch]   `json:"arch"`        // of the hardware (an i686 kernel on a 64-bit CPU is x86-64)
	KernelArch Observed[string] `json:"kernel_arch"` // uname machine: x86_64, i686, aarch64, armv7l, armv8l
	Kind       Observed[Kind]   `json:"kind"`
	Hypervisor Observed[string] `json:"hypervisor"`  // KVM, QEMU, VMware, Hyper-V, Xen, Firecracker, …; absent on bare metal
	DomainType Observed[string] `json:"domain_type"` // pv, pvh, hvm or arm; unread unless under Xen
	Container  Observed[string] `json:"container"`   // docker, podman, lxc, systemd-nspawn, …; absent outside
	Firmware   Observed[string] `json:"firmware"`    // bios, efi, or other (device tree without EFI)
	SecureBoot Observed[bool]   `json:"secure_boot"` // the SecureBoot variable; absent without EFI
	ACPI       Observed[bool]   `json:"acpi"`        // the kernel was given ACPI tables
	DeviceTree Observed[bool]   `json:"device_tree"` // the kernel was given a device tree with more than a stub's /chosen
	Vendor     Observed[string] `json:"vendor"`      // SMBIOS system vendor
	Product    Observed[string] `json:"product"`     // SMBIOS product name, or the device tree's model
	Board      Observed[string] `json:"board"`       // SMBIOS board name
}

// CPU is the processors. Exactly one of X86 and Arm is set, or neither on
// another architecture.
type CPU struct {
	Present  Observed[int]   `json:"present"`  // logical CPUs the kernel sees plugged in
	Online   Observed[int]   `json:"online"`   // logical CPUs running
	Possible Observed[int]   `json:"possible"` // logical CPUs the kernel is prepared for
	Firmware Observed[int]   `json:"firmware"` // CPUs the firmware describes as enabled (MADT, device tree)
	Physical Observed[Range] `json:"physical"` // logical CPUs of the host: what a limit is compared with
	Nodes    Observed[int]   `json:"nodes"`    // NUMA nodes that are online
	Cores    Observed[int]   `json:"cores"`    // cores that are online, whatever their threads; unread except on the running machine
	X86      *X86CPU         `json:"x86,omitempty"`
	Arm      *ArmCPU         `json:"arm,omitempty"`
}

// Range is a closed interval of a count or of bytes. Max is nil when nothing
// bounds it.
type Range struct {
	Min uint64  `json:"min"`
	Max *uint64 `json:"max"`
}

// Exactly returns the range that holds n alone.
func Exactly(n uint64) Range { return Range{Min: n, Max: &n} }

// Exact returns the single value of the range, if it is one.
func (r Range) Exact() (uint64, bool) {
	if r.Max != nil && *r.Max == r.Min {
		return r.Min, true
	}
	return 0, false
}

// X86CPU is what is known of x86 processors.
type X86CPU struct {
	Models    Observed[[]X86Model] `json:"models"`     // every distinct CPU signature
	LongMode  Observed[bool]       `json:"long_mode"`  // CPUID 0x80000001:EDX[29], flag lm
	VMX       Observed[bool]       `json:"vmx"`        // CPUID 1:ECX[5], flag vmx
	SVM       Observed[bool]       `json:"svm"`        // CPUID 0x80000001:ECX[2], flag svm
	LockedOff Observed[bool]       `json:"locked_off"` // firmware has switched VMX or SVM off
	EPT       Observed[bool]       `json:"ept"`        // flag ept
	NPT       Observed[bool]       `json:"npt"`        // CPUID 0x8000000A:EDX[0], flag npt
	QoS       Observed[[]string]   `json:"qos"`        // of cqm, rdt_a, cat_l3, cdp_l3, mba; absent when none
}

// X86Model is one CPU signature and how many logical CPUs have it.
type X86Model struct {
	Vendor   string `json:"vendor"` // CPUID leaf 0: GenuineIntel, AuthenticAMD, HygonGenuine, …
	Family   int    `json:"family"` // display family: base plus extended
	Model    int    `json:"model"`  // display model
	Stepping int    `json:"stepping"`
	Name     string `json:"name,omitempty"` // brand string
	CPUs     int    `json:"cpus"`           // 0 when not counted
}

// ArmCPU is what is known of Arm processors.
type ArmCPU struct {
	Cores          Observed[[]ArmCore] `json:"cores"`          // every distinct core
	Boot           Observed[ArmCore]   `json:"boot"`           // the core of the boot CPU (Linux CPU 0 on bare metal)
	Architecture   Observed[int]       `json:"architecture"`   // 7 or 8 (8 also for Armv9)
	Virtualization Observed[bool]      `json:"virtualization"` // the machine hands over with EL2 (Hyp mode) usable
	// VirtExtensions tells whether the cores themselves implement the
	// virtualization extensions (an Armv7 option: Cortex-A7, A15 and A17 do,
	// A5, A8 and A9 do not), whatever the firmware hands over.
	VirtExtensions Observed[bool] `json:"virt_extensions"`
	LPAE           Observed[bool] `json:"lpae"`
	SVE            Observed[bool] `json:"sve"`
	AArch32        Observed[bool] `json:"aarch32"` // 32-bit code can run at EL0 at least
}

// ArmCore is one distinct Arm core.
type ArmCore struct {
	MIDR        string `json:"midr,omitempty"` // MIDR_EL1 as 0x%08x; empty when only the name is known
	Implementer int    `json:"implementer"`    // MIDR[31:24]
	Part        int    `json:"part"`           // MIDR[15:4]
	Variant     int    `json:"variant"`        // N of rNpM, MIDR[23:20]; meaningless unless RevisionKnown
	Revision    int    `json:"revision"`       // M of rNpM, MIDR[3:0]; meaningless unless RevisionKnown
	// RevisionKnown is false for a core that only a device tree names.
	RevisionKnown bool   `json:"revision_known"`
	Name          string `json:"name,omitempty"` // Cortex-A57, Neoverse-N1, …; empty when Linux knows no name
	CPUs          string `json:"cpus,omitempty"` // CPU list, 0-3,8; empty when not known
	Count         int    `json:"count"`          // how many CPUs have it; 0 when not counted
}

// Memory is the host's memory.
type Memory struct {
	// Physical is the host's memory as an interval in bytes: what is certainly
	// there, and what there is at most.
	Physical Observed[Range] `json:"physical"`
	// Readings holds each source with what its number means.
	Readings []MemoryReading `json:"readings"`
}

// MemoryReading is one source's number.
type MemoryReading struct {
	Bytes   uint64        `json:"bytes"`
	Meaning MemoryMeaning `json:"meaning"`
	Source  string        `json:"source"`
}

// MemoryMeaning tells what a number of bytes counts.
type MemoryMeaning string

// What memory numbers mean.
const (
	Installed   MemoryMeaning = "installed"    // modules in their slots (SMBIOS type 17)
	FirmwareMap MemoryMeaning = "firmware_map" // RAM in the map the firmware handed over
	Blocks      MemoryMeaning = "blocks"       // memory blocks times their size: never less than the usable RAM
	Usable      MemoryMeaning = "usable"       // page frames the kernel has: a lower bound
	MemTotal    MemoryMeaning = "memtotal"     // MemTotal: a lower bound, never physical memory
	TreeMemory  MemoryMeaning = "device_tree"  // memory nodes of a device tree
	Given       MemoryMeaning = "given"        // said on the command line
	XenTotal    MemoryMeaning = "xen_total"    // Xen's own count of the host's pages
)

// IOMMUKind is a kind of IOMMU as the statement names them.
type IOMMUKind string

// The kinds of IOMMU.
const (
	VTd        IOMMUKind = "vt-d"
	AMDVi      IOMMUKind = "amd-vi"
	SMMUv1     IOMMUKind = "smmuv1"
	SMMUv2     IOMMUKind = "smmuv2"
	SMMUv3     IOMMUKind = "smmuv3"
	IPMMU      IOMMUKind = "ipmmu-vmsa"
	OtherIOMMU IOMMUKind = "other" // any other, named by its compatible string
)

// IOMMU is the host's DMA remapping hardware.
type IOMMU struct {
	Units              Observed[[]IOMMUUnit] `json:"units"` // absent: looked, and there is none
	InterruptRemapping Observed[bool]        `json:"interrupt_remapping"`
}

// IOMMUUnit is a group of like units.
type IOMMUUnit struct {
	Kind       IOMMUKind `json:"kind"`
	Count      int       `json:"count"`                // enabled units
	Compatible []string  `json:"compatible,omitempty"` // device tree compatible strings, most specific first
	Model      string    `json:"model,omitempty"`      // IORT model or IVHD types, in words
	Source     string    `json:"source"`
}

// Interrupts is the interrupt controller of an Arm host.
type Interrupts struct {
	GIC Observed[int] `json:"gic"` // architecture version of the primary GIC: 1 to 4; absent: another controller
	ITS Observed[int] `json:"its"` // GICv3 ITS units that are enabled; absent when none
}

// Hotplug is what the firmware announces as addable while running.
type Hotplug struct {
	CPU    Observed[CPUHotplug] `json:"cpu"`    // absent: no spare entries
	Memory Observed[uint64]     `json:"memory"` // bytes of hot-pluggable ranges in SRAT; absent when none
}

// CPUHotplug counts spare processor entries of the MADT.
type CPUHotplug struct {
	MADTRevision  int `json:"madt_revision"`
	Spare         int `json:"spare"`          // entries that are not enabled
	OnlineCapable int `json:"online_capable"` // of those, marked Online Capable (ACPI 6.3, MADT revision 5 on)
}

// XenVersion is a hypervisor's version as it reports itself.
type XenVersion struct {
	Major     int    `json:"major"`
	Minor     int    `json:"minor"`
	Extra     string `json:"extra,omitempty"` // .7, .4-pre, .6-rc1, …: everything after MAJOR.MINOR
	Changeset string `json:"changeset,omitempty"`
	Source    string `json:"source,omitempty"`
	Vendor    string `json:"vendor,omitempty"` // XCP-ng, XenServer, Qubes, SUSE, Debian, … when recognised
}

// OS is the operating system that was running while collecting.
type OS struct {
	ID      Observed[string] `json:"id"`      // os-release ID
	Name    Observed[string] `json:"name"`    // os-release PRETTY_NAME
	Release Observed[string] `json:"release"` // uname release
}
