package xldmesg

import (
	"regexp"
	"sync"
)

// Kind tells what a line is about.
type Kind string

// The kinds of line, with the values of each.
const (
	Banner       Kind = "banner"        // version; rest of the builder and compiler; debug y or n; date
	Changeset    Kind = "changeset"     // as written, perhaps empty
	BuildID      Kind = "build_id"      // hexadecimal
	Bootloader   Kind = "bootloader"    // GRUB 2.06, EFI, …
	CommandLine  Kind = "command_line"  // what the boot loader passed
	BuiltinLine  Kind = "builtin_line"  // CONFIG_CMDLINE
	UnknownParam Kind = "unknown_param" // an option Xen does not know
	InvalidParam Kind = "invalid_param" // option; value

	SystemRAM   Kind = "system_ram"   // MiB; KiB: what Xen was given, less what firmware keeps
	EFIMap      Kind = "efi_map"      // booted through EFI
	NUMANodes   Kind = "numa_nodes"   // nothing: no NUMA configuration was found
	CPUVendor   Kind = "cpu_vendor"   // vendor; family; model; stepping, decimal
	SMPAllowing Kind = "smp_allowing" // CPUs; of those, hot-pluggable
	BroughtUp   Kind = "brought_up"   // CPUs that run
	Multithread Kind = "multithread"  // Arm: a CPU has threads, which Xen warns of

	ArmProcessor Kind = "arm_processor" // MIDR, hexadecimal; implementer; variant; part; revision
	ArmMismatch  Kind = "arm_mismatch"  // CPU that is parked or used although its MIDR differs
	ArmErratum   Kind = "arm_erratum"   // workaround in force, in words
	ArmUnsafe    Kind = "arm_unsafe"    // guests can lock the machine up: only trusted ones
	ArmHMP       Kind = "arm_hmp"       // hmp-unsafe is in force
	GIC          Kind = "gic"           // architecture version
	ITS          Kind = "its"           // address of an ITS that Xen drives
	SMMU         Kind = "smmu"          // architecture version
	IPMMU        Kind = "ipmmu"         // nothing
	DeviceTree   Kind = "device_tree"   // booting by device tree
	ACPI         Kind = "acpi"          // booting by ACPI
	Dom0less     Kind = "dom0less"      // no dom0 at all
	FFA          Kind = "ffa"           // version of the mediator
	OPTEE        Kind = "optee"         // threads of a guest
	TEE          Kind = "tee"           // OP-TEE, FF-A: the mediator that Xen found firmware for

	VTdUnit      Kind = "vtd_unit"       // number of the unit
	AMDViUnit    Kind = "amdvi_unit"     // number of the unit
	AMDViGlobal  Kind = "amdvi_global"   // one interrupt remapping table for all devices (XSA-36)
	IOMMU        Kind = "iommu"          // enabled or disabled
	IntRemap     Kind = "int_remap"      // interrupt remapping: enabled, or another word
	VTdIntRemap  Kind = "vtd_int_remap"  // enabled or "not enabled"
	HVMVendor    Kind = "hvm"            // VMX or SVM, enabled
	HVMOff       Kind = "hvm_off"        // VMX or SVM, switched off by firmware
	HVMASIDs     Kind = "hvm_asids"      // enabled or disabled
	HAP          Kind = "hap"            // detected; "detected but disabled"; "not detected"
	HAPPageSizes Kind = "hap_page_sizes" // as written
	VPMU         Kind = "vpmu"           // as written

	Scheduler   Kind = "scheduler"   // name; identifier: credit2
	Granularity Kind = "granularity" // cpu, core or socket; CPUs
	XSM         Kind = "xsm"         // SILO, FLASK, …: the module
	Flask       Kind = "flask"       // permissive, enforcing; disabled until a policy is loaded; Disabled
	NoSILO      Kind = "no_silo"     // Arm warns that domains are not kept apart
	SyncConsole Kind = "sync_console"
	Tainted     Kind = "tainted" // letters: C console, E error injected, H forced emulation, I insecure platform, M machine check, S CPU out of specification
	LoadDom0    Kind = "load_domain0"
	LoadDomU    Kind = "load_domu" // CPUs; memory, as written
	Dom0Type    Kind = "dom0_type" // PV or PVH
)

// forms is what lines look like: a part that they have for certain, which is
// quick to look for, and the whole. The first that fits counts.
var forms = []struct {
	kind Kind
	part string
	form *form
}{
	{Banner, "Xen version ", &form{text: `^Xen version (\S+) (.*?)(?: debug=(y|n))?(?: [a-z]+=[yn])*(?: ((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) .*))?$`}},
	{Changeset, "Latest ChangeSet:", &form{text: `^Latest ChangeSet: ?(.*)$`}},
	{BuildID, "build-id: ", &form{text: `^build-id: ([0-9a-f]+)$`}},
	{Bootloader, "Bootloader: ", &form{text: `^Bootloader: (.*)$`}},
	{BuiltinLine, "Built-in command line: ", &form{text: `^Built-in command line: (.*)$`}},
	{CommandLine, "Command line:", &form{text: `^Command line: ?(.*)$`}},
	{UnknownParam, "unknown!", &form{text: `^parameter "(.*)" unknown!$`}},
	{InvalidParam, "invalid value", &form{text: `^parameter "(.*?)" has invalid value "(.*)", rc=-?\d+!$`}},

	{SystemRAM, "System RAM: ", &form{text: `^System RAM: (\d+)MB \((\d+)kB\)$`}},
	{EFIMap, "EFI RAM map:", &form{text: `^EFI RAM map:$`}},
	{EFIMap, "EFI memory map:", &form{text: `^EFI memory map:`}},
	{NUMANodes, "No NUMA configuration found", &form{text: `^No NUMA configuration found$`}},
	{CPUVendor, "CPU Vendor: ", &form{text: `^CPU Vendor: (\S+), Family (\d+) \(0x[0-9a-f]+\), Model (\d+) \(0x[0-9a-f]+\), Stepping (\d+) `}},
	{SMPAllowing, "SMP: Allowing ", &form{text: `^SMP: Allowing (\d+) CPUs(?: \((\d+) hotplug CPUs\))?`}},
	{BroughtUp, "Brought up ", &form{text: `^Brought up (\d+) CPUs`}},

	{ArmProcessor, "Processor: ", &form{text: `^Processor: ([0-9a-f]{8,16}): "([^"]*)", variant: (0x[0-9a-f]+), part (0x[0-9a-f]+), ?rev (0x[0-9a-f]+)`}},
	{ArmMismatch, "boot CPU MIDR", &form{text: `^CPU(\d+) MIDR \(0x[0-9a-f]+\) does not match boot CPU MIDR`}},
	{ArmErratum, "enabled workaround for: ", &form{text: `enabled workaround for: (.*)$`}},
	{ArmUnsafe, "can deadlock the system", &form{text: `Guests without CPU erratum workarounds can deadlock the system`}},
	{ArmHMP, "hmp-unsafe turned on", &form{text: `^hmp-unsafe turned on`}},
	{ArmHMP, "HMP COMPUTING HAS BEEN ENABLED", &form{text: `HMP COMPUTING HAS BEEN ENABLED`}},
	{Multithread, "MULTITHREADING HAS BEEN DETECTED", &form{text: `MULTITHREADING HAS BEEN DETECTED`}},
	{GIC, "initialization:", &form{text: `^GICv(\d) initialization:`}},
	{ITS, "Found ITS @", &form{text: `^GICv3: Found ITS @(0x[0-9a-f]+)`}},
	{SMMU, "SMMUv", &form{text: `(?:^|: )SMMUv([12]) with:`}},
	{SMMU, "SMMUv3", &form{text: `SMMUv(3): `}},
	{IPMMU, "ipmmu", &form{text: `(?i)^ipmmu: .*(?:registered|probed)`}},
	{DeviceTree, "Booting using Device Tree", &form{text: `^Booting using Device Tree`}},
	{ACPI, "Booting using ACPI", &form{text: `^Booting using ACPI`}},
	{Dom0less, "dom0less mode detected", &form{text: `^Xen dom0less mode detected`}},
	{FFA, "FF-A Mediator version ", &form{text: `^ARM FF-A Mediator version (\S+)`}},
	{TEE, "Using TEE mediator for ", &form{text: `^Using TEE mediator for (\S+)$`}},
	{OPTEE, "OP-TEE supports ", &form{text: `^OP-TEE supports (\d+) simultaneous threads`}},

	{VTdUnit, "Intel VT-d iommu ", &form{text: `^Intel VT-d iommu (\d+) supported page sizes`}},
	{VTdIntRemap, "Intel VT-d Interrupt Remapping ", &form{text: `^Intel VT-d Interrupt Remapping (enabled|not enabled)`}},
	{AMDViUnit, "AMD-Vi: IOMMU ", &form{text: `^AMD-Vi: IOMMU (\d+) Enabled`}},
	{AMDViGlobal, "XSA-36", &form{text: `^AMD-Vi: .*XSA-36`}},
	{IOMMU, "I/O virtualisation ", &form{text: `^I/O virtualisation (enabled|disabled)`}},
	{IntRemap, "Interrupt remapping ", &form{text: `^Interrupt remapping (enabled|disabled|not enabled)`}},
	{HVMVendor, "HVM: ", &form{text: `^HVM: (VMX|SVM) enabled`}},
	{HVMASIDs, "HVM: ASIDs ", &form{text: `^HVM: ASIDs (enabled|disabled)`}},
	{HAPPageSizes, "HVM: HAP page sizes: ", &form{text: `^HVM: HAP page sizes: (.*)$`}},
	{HAP, "Hardware Assisted Paging (HAP) ", &form{text: `^HVM: Hardware Assisted Paging \(HAP\) (detected but disabled|not detected|detected)`}},
	{HVMOff, "VMX disabled by BIOS", &form{text: `(VMX) disabled by BIOS`}},
	{HVMOff, "disabled in BIOS", &form{text: `AMD (SVM) Extension is disabled in BIOS`}},
	{VPMU, "VPMU: ", &form{text: `^VPMU: (.*)$`}},

	{Scheduler, "Using scheduler: ", &form{text: `^Using scheduler: (.*) \(([a-z0-9_]+)\)$`}},
	{Granularity, "Scheduling granularity: ", &form{text: `^Scheduling granularity: (\w+), (\d+) CPUs? per sched-resource`}},
	{XSM, "Initialising XSM ", &form{text: `^Initialising XSM (\w+) mode`}},
	{Flask, "Flask:", &form{text: `^Flask: +(?:Starting in |Access controls )?(enforcing|permissive|disabled|Disabled)\b`}},
	{NoSILO, "SILO mode is not enabled", &form{text: `SILO mode is not enabled`}},
	{SyncConsole, "CONSOLE OUTPUT IS SYNCHRONOUS", &form{text: `CONSOLE OUTPUT IS SYNCHRONOUS`}},
	{Tainted, "Tainted: ", &form{text: `Tainted: ([A-Z ]*[A-Z])`}},
	{LoadDom0, "*** LOADING DOMAIN 0 ***", &form{text: `^\*\*\* LOADING DOMAIN 0 \*\*\*$`}},
	{LoadDomU, "*** LOADING DOMU ", &form{text: `^\*\*\* LOADING DOMU cpus=(\d+) memory=(\S+) \*\*\*`}},
	{Dom0Type, "*** Building a ", &form{text: `^\*\*\* Building a (PVH?) Dom0 \*\*\*`}},
}

// form is a regular expression that is compiled when a line first calls for
// it: compiling all of them takes longer than reading a machine, and most runs
// read no log.
type form struct {
	text    string
	compile sync.Once
	regexp  *regexp.Regexp
}

// submatches returns what a line and its groups hold; nil when the line has
// another form.
func (f *form) submatches(line string) []string {
	f.compile.Do(func() { f.regexp = regexp.MustCompile(f.text) })
	return f.regexp.FindStringSubmatch(line)
}
