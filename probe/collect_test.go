package probe

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fake"
)

// is expects a known value.
func is[T any](t *testing.T, what string, o facts.Observed[T], want T) {
	t.Helper()
	if o.State != facts.Known {
		t.Errorf("%s: state %q (%v), want %v", what, o.State, o.Problem, want)
		return
	}
	if diff := cmp.Diff(want, o.Value); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// isAbsent expects that the thing was looked for and is not there.
func isAbsent[T any](t *testing.T, what string, o facts.Observed[T]) {
	t.Helper()
	if o.State != facts.Absent {
		t.Errorf("%s: state %q value %v (%v), want absent", what, o.State, o.Value, o.Problem)
	}
}

// isUnknown expects that the fact could not be learnt, and why.
func isUnknown[T any](t *testing.T, what string, o facts.Observed[T], cause facts.Cause) {
	t.Helper()
	if o.State != facts.Unknown || o.Problem == nil || o.Problem.Cause != cause {
		t.Errorf("%s: state %q value %v problem %+v, want unknown: %s", what, o.State, o.Value, o.Problem, cause)
	}
}

func between(low, high uint64) facts.Range { return facts.Range{Min: low, Max: &high} }

func TestBareIntel(t *testing.T) {
	h := collectLive(t, intelServer().root())
	m, x := h.Machine, h.CPU.X86
	is(t, "arch", m.Arch, facts.X86_64)
	is(t, "kind", m.Kind, facts.Bare)
	isAbsent(t, "hypervisor", m.Hypervisor)
	isAbsent(t, "container", m.Container)
	is(t, "firmware", m.Firmware, "efi")
	is(t, "Secure Boot", m.SecureBoot, true)
	is(t, "ACPI", m.ACPI, true)
	is(t, "device tree", m.DeviceTree, false)
	is(t, "product", m.Product, "Server 9000")
	is(t, "models", x.Models, []facts.X86Model{{Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 4, Name: "Test CPU", CPUs: 4}})
	is(t, "VMX", x.VMX, true)
	is(t, "SVM", x.SVM, false)
	is(t, "EPT", x.EPT, true)
	is(t, "locked off", x.LockedOff, false)
	is(t, "QoS", x.QoS, []string{"cqm", "rdt_a"})
	is(t, "physical CPUs", h.CPU.Physical, between(4, 4))
	is(t, "cores", h.CPU.Cores, 2)
	is(t, "nodes", h.CPU.Nodes, 1)
	is(t, "memory", h.Memory.Physical, between(64*gib, 64*gib))
	is(t, "IOMMU", h.IOMMU.Units, []facts.IOMMUUnit{{Kind: facts.VTd, Count: 2, Source: acpiTables + "/DMAR"}})
	is(t, "interrupt remapping", h.IOMMU.InterruptRemapping, true)
	is(t, "CPU hotplug", h.Hotplug.CPU, facts.CPUHotplug{MADTRevision: 5, Spare: 1, OnlineCapable: 1})
	isAbsent(t, "memory hotplug", h.Hotplug.Memory)
	isAbsent(t, "running Xen", h.Xen.Running)
	if v, ok := h.Xen.Installed.Get(); !ok || len(v) != 1 || v[0].Major != 4 || v[0].Minor != 20 {
		t.Errorf("installed Xen: %+v", h.Xen.Installed)
	}
	is(t, "os", h.OS.ID, "debian")
	if h.Name != "server9" {
		t.Errorf("name is %q", h.Name)
	}
	for _, s := range h.Sources {
		if s.State == facts.Unknown {
			t.Errorf("source %s: %v", s.Name, s.Problem)
		}
		if strings.Contains(s.Name, "serial") || strings.Contains(s.Name, "uuid") || strings.Contains(s.Name, "MSDM") {
			t.Errorf("source %s was looked at", s.Name)
		}
	}
}

// An ordinary user learns less, and nothing else.
func TestUnprivileged(t *testing.T) {
	whole := collectLive(t, intelServer().root())
	h := collectLive(t, withoutRoot(intelServer()))
	is(t, "IOMMU", h.IOMMU.Units, []facts.IOMMUUnit{{Kind: facts.VTd, Count: 2, Source: iommuClass}})
	isUnknown(t, "interrupt remapping", h.IOMMU.InterruptRemapping, facts.NoPermission)
	isUnknown(t, "CPU hotplug", h.Hotplug.CPU, facts.NoPermission)
	isUnknown(t, "firmware's CPUs", h.CPU.Firmware, facts.NoPermission)
	if p := h.Hotplug.CPU.Problem; p != nil && p.Remedy != rootRemedy {
		t.Errorf("remedy is %q", p.Remedy)
	}
	is(t, "physical CPUs", h.CPU.Physical, between(4, 4))
	is(t, "memory", h.Memory.Physical, between(64*gib, 64*gib))
	if diff := cmp.Diff(whole.CPU.X86, h.CPU.X86); diff != "" {
		t.Errorf("the CPU differs:\n%s", diff)
	}

	// Where the driver is off, only the table's name tells.
	silent := intelServer().with(machine{iommuClass + "/dmar0/": gone, iommuClass + "/dmar1/": gone, iommuClass + "/": ""})
	isUnknown(t, "IOMMU", collectLive(t, withoutRoot(silent)).IOMMU.Units, facts.NoPermission)
}

func amdServer() machine {
	return intelServer().with(machine{
		"/proc/cpuinfo":             x86CPUs(4, "AuthenticAMD", 25, 17, "svm npt"),
		cpuidInterface:              `{"vendor":"AuthenticAMD","family":25,"model":17,"stepping":4,"svm":true,"npt":true}`,
		acpiTables + "/DMAR":        gone,
		iommuClass + "/dmar0/":      gone,
		iommuClass + "/dmar1/":      gone,
		acpiTables + "/IVRS":        string(fake.IVRS(1, fake.IVHD(0x10, 2, 0xfd000000), fake.IVHD(0x11, 2, 0xfd000000), fake.IVHD(0x40, 2, 0xfd000000))),
		iommuClass + "/ivhd0/":      "",
		"/sys/firmware/efi/":        gone,
		secureBootVar:               gone,
		"/sys/firmware/efi/runtime": gone,
	})
}

func TestBareAMD(t *testing.T) {
	h := collectLive(t, amdServer().root())
	is(t, "IOMMU", h.IOMMU.Units, []facts.IOMMUUnit{{Kind: facts.AMDVi, Count: 1, Model: "IVHD 0x10, 0x11, 0x40", Source: acpiTables + "/IVRS"}})
	isUnknown(t, "interrupt remapping", h.IOMMU.InterruptRemapping, facts.Incomplete)
	is(t, "SVM", h.CPU.X86.SVM, true)
	is(t, "NPT", h.CPU.X86.NPT, true)
	is(t, "EPT", h.CPU.X86.EPT, false)
	is(t, "firmware", h.Machine.Firmware, "bios")
	isAbsent(t, "Secure Boot", h.Machine.SecureBoot)
}

func TestX86Variants(t *testing.T) {
	for name, test := range map[string]struct {
		change machine
		check  func(*testing.T, *facts.Host)
	}{
		"no IOMMU": {machine{acpiTables + "/DMAR": gone, iommuClass + "/dmar0/": gone, iommuClass + "/dmar1/": gone, iommuClass + "/": ""}, func(t *testing.T, h *facts.Host) {
			isAbsent(t, "IOMMU", h.IOMMU.Units)
			isAbsent(t, "interrupt remapping", h.IOMMU.InterruptRemapping)
		}},
		"a driver without a table": {machine{acpiTables + "/DMAR": gone}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "IOMMU", h.IOMMU.Units, facts.Conflicting)
			if len(h.IOMMU.Units.Conflicts) != 2 {
				t.Errorf("conflicts: %+v", h.IOMMU.Units.Conflicts)
			}
		}},
		"a DMAR without units": {machine{acpiTables + "/DMAR": string(fake.DMAR(46, 1))}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "IOMMU", h.IOMMU.Units, facts.Malformed)
		}},
		"a DMAR cut short": {machine{acpiTables + "/DMAR": string(fake.DMAR(46, 1, fake.DRHD(0, 0, 1))[:50])}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "IOMMU", h.IOMMU.Units, facts.Truncated)
		}},
		"a DMAR with a wrong checksum": {machine{acpiTables + "/DMAR": flip(fake.DMAR(46, 1, fake.DRHD(0, 0, 1)), 9)}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "IOMMU", h.IOMMU.Units, facts.Malformed)
		}},
		"an old MADT with a dummy": {machine{acpiTables + "/APIC": string(fake.MADT(3, fake.LocalAPIC(0, 0, fake.APICEnabled), fake.LocalAPIC(1, 9, 0)))}, func(t *testing.T, h *facts.Host) {
			is(t, "CPU hotplug", h.Hotplug.CPU, facts.CPUHotplug{MADTRevision: 3, Spare: 1})
		}},
		"hot-pluggable memory": {machine{acpiTables + "/SRAT": string(fake.SRAT(fake.MemoryAffinity(0, gib, fake.MemoryEnabled), fake.MemoryAffinity(gib, 2*gib, fake.MemoryEnabled|fake.MemoryHotPluggable)))}, func(t *testing.T, h *facts.Host) {
			is(t, "memory hotplug", h.Hotplug.Memory, 2*gib)
		}},
		"VMX locked off": {machine{"/proc/cpuinfo": x86CPUs(4, "GenuineIntel", 6, 85, "")}, func(t *testing.T, h *facts.Host) {
			is(t, "locked off", h.CPU.X86.LockedOff, true)
			is(t, "VMX", h.CPU.X86.VMX, true)
			isUnknown(t, "EPT", h.CPU.X86.EPT, facts.Incomplete)
		}},
		"CPUID and cpuinfo disagree": {machine{cpuidInterface: `{"vendor":"AuthenticAMD","family":25,"model":1}`}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "models", h.CPU.X86.Models, facts.Conflicting)
			is(t, "VMX", h.CPU.X86.VMX, true)
		}},
		"no cpuinfo": {machine{"/proc/cpuinfo": gone}, func(t *testing.T, h *facts.Host) {
			is(t, "models", h.CPU.X86.Models, []facts.X86Model{{Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 4, Name: "Test CPU"}})
			is(t, "VMX", h.CPU.X86.VMX, true)
			is(t, "arch", h.Machine.Arch, facts.X86_64)
		}},
		"some CPUs without VMX": {machine{"/proc/cpuinfo": x86CPUs(1, "GenuineIntel", 6, 85, "vmx") + strings.ReplaceAll(x86CPUs(1, "GenuineIntel", 6, 85, ""), ": 0", ": 1")}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "VMX", h.CPU.X86.VMX, facts.Conflicting)
		}},
		"an i686 kernel on a 64-bit CPU": {machine{unameInterface: "Linux 6.1 i686\n"}, func(t *testing.T, h *facts.Host) {
			is(t, "arch", h.Machine.Arch, facts.X86_64)
			is(t, "kernel", h.Machine.KernelArch, "i686")
		}},
		"a 32-bit CPU": {machine{unameInterface: "Linux 6.1 i686\n", "/proc/cpuinfo": strings.ReplaceAll(x86CPUs(1, "GenuineIntel", 6, 14, "vmx"), " lm ", " ")}, func(t *testing.T, h *facts.Host) {
			is(t, "arch", h.Machine.Arch, facts.X86_32)
			is(t, "long mode", h.CPU.X86.LongMode, false)
		}},
		"a 64-bit kernel that lists no flags": {machine{"/proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Test CPU\nstepping\t: 4\n"}, func(t *testing.T, h *facts.Host) {
			is(t, "arch", h.Machine.Arch, facts.X86_64)
			isUnknown(t, "long mode", h.CPU.X86.LongMode, facts.Incomplete)
		}},
		"a 64-bit kernel on a CPU without long mode": {machine{"/proc/cpuinfo": strings.ReplaceAll(x86CPUs(4, "GenuineIntel", 6, 85, "vmx"), " lm ", " ")}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "arch", h.Machine.Arch, facts.Conflicting)
		}},
		"efivarfs not mounted": {machine{secureBootVar: gone, efivars + "/": ""}, func(t *testing.T, h *facts.Host) {
			is(t, "firmware", h.Machine.Firmware, "efi")
			isUnknown(t, "Secure Boot", h.Machine.SecureBoot, facts.NotMounted)
		}},
		"a SecureBoot variable of the wrong size": {machine{secureBootVar: "\x01"}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "Secure Boot", h.Machine.SecureBoot, facts.Malformed)
		}},
		"a kernel told to use few CPUs": {machine{"/proc/cmdline": "nr_cpus=2\n", sysCPU + "/present": "0-1\n", acpiTables + "/APIC": gone}, func(t *testing.T, h *facts.Host) {
			is(t, "physical CPUs", h.CPU.Physical, facts.Range{Min: 2})
		}},
		"more CPUs in firmware than present": {machine{sysCPU + "/present": "0-1\n"}, func(t *testing.T, h *facts.Host) {
			is(t, "physical CPUs", h.CPU.Physical, between(2, 4))
		}},
		"empty CPU lists": {machine{sysCPU + "/present": "\n", sysCPU + "/online": "garbage\n"}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "present", h.CPU.Present, facts.Malformed)
			is(t, "online", h.CPU.Online, 4) // from cpuinfo
		}},
		"a name that is not UTF-8": {machine{dmiID + "/product_name": "Serv\xff\xfeer\n", "/proc/sys/kernel/hostname": "h\xffst\n"}, func(t *testing.T, h *facts.Host) {
			is(t, "product", h.Machine.Product, "Serv\uFFFDer")
			if strings.Contains(h.Name, "\xff") {
				t.Errorf("name is %q", h.Name)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) { test.check(t, collectLive(t, intelServer().with(test.change).root())) })
	}
}

func flip(b []byte, at int) string {
	b[at] ^= 0xff
	return string(b)
}

func TestMemory(t *testing.T) {
	blocks := func(n int) machine {
		m := machine{memoryBlocks + "/block_size_bytes": "8000000\n"} // 128 MiB
		for i := range n {
			m[memoryBlocks+"/memory"+strconv.Itoa(i)+"/"] = ""
		}
		return m
	}
	noMap := machine{firmwareMap + "/0/start": gone, firmwareMap + "/0/end": gone, firmwareMap + "/0/type": gone,
		firmwareMap + "/1/start": gone, firmwareMap + "/1/end": gone, firmwareMap + "/1/type": gone,
		firmwareMap + "/2/start": gone, firmwareMap + "/2/end": gone, firmwareMap + "/2/type": gone}
	noSMBIOS := machine{dmiEntry: gone, dmiTable: gone}
	memTotal := uint64(65700000) << 10
	for name, test := range map[string]struct {
		machine machine
		want    facts.Range
	}{
		"SMBIOS and firmware map":      {intelServer().with(smbiosFiles(20*gib, 20*gib, 20*gib, 8*gib)), between(64*gib, 68*gib)},
		"firmware map and blocks":      {intelServer().with(noSMBIOS).with(blocks(513)), between(64*gib, 513<<27)},
		"blocks alone":                 {intelServer().with(noSMBIOS).with(noMap).with(blocks(512)), between(memTotal, 64*gib)},
		"MemTotal alone":               {intelServer().with(noSMBIOS).with(noMap), facts.Range{Min: memTotal}},
		"mem= makes blocks no bound":   {intelServer().with(noSMBIOS).with(noMap).with(blocks(512)).with(machine{"/proc/cmdline": "mem=64G\n"}), facts.Range{Min: memTotal}},
		"a crash kernel":               {intelServer().with(noSMBIOS).with(noMap).with(blocks(512)).with(machine{"/proc/cmdline": "elfcorehdr=0x1\n"}), facts.Range{Min: memTotal}},
		"SMBIOS tells of far more":     {intelServer().with(smbiosFiles(31*gib, 31*gib, 31*gib, 31*gib, 31*gib)), between(64*gib, 155*gib)},
		"SMBIOS tells of less":         {intelServer().with(smbiosFiles(16 * gib)), between(64*gib, 64*gib)},
		"SMBIOS less, nothing bounds":  {intelServer().with(noMap).with(smbiosFiles(16 * gib)), facts.Range{Min: memTotal}},
		"a firmware map that overlaps": {intelServer().with(noSMBIOS).with(machine{firmwareMap + "/1/start": "0x0\n"}), facts.Range{Min: memTotal}},
	} {
		t.Run(name, func(t *testing.T) {
			h := collectLive(t, test.machine.root())
			is(t, "memory", h.Memory.Physical, test.want)
			if strings.HasPrefix(name, "SMBIOS tells") && len(h.Memory.Physical.Conflicts) != 2 {
				t.Errorf("conflicts: %+v", h.Memory.Physical.Conflicts)
			}
			for _, r := range h.Memory.Readings {
				if r.Source == "/proc/meminfo" && r.Meaning != facts.MemTotal {
					t.Errorf("MemTotal is passed off as %s", r.Meaning)
				}
			}
		})
	}
}

func TestVirtualMachines(t *testing.T) {
	guest := intelServer().with(machine{"/proc/cpuinfo": x86CPUs(2, "GenuineIntel", 6, 85, "hypervisor"), cpuidInterface: gone})
	for name, test := range map[string]struct {
		change machine
		kind   facts.Kind
		by     string // empty: not named
	}{
		"by CPUID":         {machine{cpuidInterface: `{"vendor":"GenuineIntel","family":6,"model":85,"stepping":4,"hypervisor":true,"hypervisor_id":"KVMKVMKVM"}`}, facts.VirtualMachine, "KVM"},
		"by the flag":      {machine{}, facts.VirtualMachine, ""},
		"QEMU":             {machine{dmiID + "/sys_vendor": "QEMU\n"}, facts.VirtualMachine, "QEMU"},
		"Hyper-V":          {machine{dmiID + "/sys_vendor": "Microsoft Corporation\n", dmiID + "/product_name": "Virtual Machine\n"}, facts.VirtualMachine, "Hyper-V"},
		"EC2":              {machine{dmiID + "/sys_vendor": "Amazon EC2\n", dmiID + "/product_name": "m5.large\n"}, facts.VirtualMachine, "KVM"},
		"EC2, bare":        {machine{"/proc/cpuinfo": x86CPUs(2, "GenuineIntel", 6, 85, ""), dmiID + "/sys_vendor": "Amazon EC2\n", dmiID + "/product_name": "m5.metal\n"}, facts.Bare, ""},
		"a Surface":        {machine{"/proc/cpuinfo": x86CPUs(2, "GenuineIntel", 6, 85, ""), dmiID + "/sys_vendor": "Microsoft Corporation\n", dmiID + "/product_name": "Surface Pro\n"}, facts.Bare, ""},
		"a guest of Xen":   {machine{dmiID + "/sys_vendor": "Xen\n", dmiID + "/product_name": "HVM domU\n"}, facts.DomU, "Xen"},
		"an unknown CPUID": {machine{cpuidInterface: `{"vendor":"GenuineIntel","family":6,"model":85,"stepping":4,"hypervisor":true,"hypervisor_id":"MYSTERYSTUFF"}`}, facts.VirtualMachine, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := collectLive(t, guest.with(test.change).root())
			is(t, "kind", h.Machine.Kind, test.kind)
			switch {
			case test.by != "":
				is(t, "hypervisor", h.Machine.Hypervisor, test.by)
			case test.kind == facts.Bare:
				isAbsent(t, "hypervisor", h.Machine.Hypervisor)
			default:
				isUnknown(t, "hypervisor", h.Machine.Hypervisor, facts.Incomplete)
			}
		})
	}
}

func TestContainers(t *testing.T) {
	inside := intelServer().with(machine{"/proc/self/ns/pid": "-> pid:[4026532201]"})
	for name, test := range map[string]struct {
		change machine
		want   string // empty: none
	}{
		"of an unknown kind":      {machine{"/run/": ""}, "other"},
		"none":                    {machine{"/run/": "", "/proc/self/ns/pid": gone}, ""},
		"docker":                  {machine{"/.dockerenv": ""}, "docker"},
		"podman":                  {machine{"/run/.containerenv": ""}, "podman"},
		"systemd":                 {machine{"/run/systemd/container": "lxc\n"}, "lxc"},
		"process 1":               {machine{"/proc/1/environ": "PATH=/bin\x00container=systemd-nspawn\x00"}, "systemd-nspawn"},
		"an image that now boots": {machine{"/.dockerenv": "", "/proc/self/ns/pid": "-> pid:[4026531836]"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := collectLive(t, inside.with(test.change).root())
			if test.want == "" {
				isAbsent(t, "container", h.Machine.Container)
			} else {
				is(t, "container", h.Machine.Container, test.want)
			}
			is(t, "kind", h.Machine.Kind, facts.Bare) // the hardware is the host's
		})
	}

	t.Run("/sys/firmware is masked", func(t *testing.T) {
		m := inside.with(machine{"/.dockerenv": "", "/sys/firmware/": ""})
		for name := range m {
			if strings.HasPrefix(name, "/sys/firmware/") && name != "/sys/firmware/" {
				delete(m, name)
			}
		}
		h := collectLive(t, m.root())
		isUnknown(t, "firmware", h.Machine.Firmware, facts.InContainer)
		isUnknown(t, "ACPI", h.Machine.ACPI, facts.InContainer)
		isUnknown(t, "CPU hotplug", h.Hotplug.CPU, facts.InContainer)
		isUnknown(t, "installed Xen", h.Xen.Installed, facts.InContainer)
	})
}

// pvDom0 is the Intel server under Xen: the CPU's flags are filtered, DMAR is
// renamed, memory and CPUs are dom0's.
func pvDom0() machine {
	return intelServer().with(machine{
		"/proc/cpuinfo":                        x86CPUs(2, "GenuineIntel", 6, 85, "hypervisor"),
		"/proc/meminfo":                        "MemTotal:        2000000 kB\n",
		"/proc/xen/capabilities":               "control_d\n",
		sysHypervisor + "/type":                "xen\n",
		sysHypervisor + "/guest_type":          "PV\n",
		sysHypervisor + "/version/major":       "4\n",
		sysHypervisor + "/version/minor":       "17\n",
		sysHypervisor + "/version/extra":       ".5\n",
		sysHypervisor + "/properties/features": "00000705\n",
		sysCPU + "/present":                    "0-1\n",
		sysCPU + "/online":                     "0-1\n",
		acpiTables + "/DMAR":                   gone,
		acpiTables + "/RMAD":                   renamed(fake.DMAR(46, 1, fake.DRHD(0, 0, 0xfed90000), fake.DRHD(1, 0, 0xfed91000))),
		iommuClass + "/dmar0/":                 gone,
		iommuClass + "/dmar1/":                 gone,
		cpuidInterface:                         `{"vendor":"GenuineIntel","family":6,"model":85,"stepping":4,"hypervisor":true,"hypervisor_id":"XenVMMXenVMM"}`,
	})
}

func renamed(dmar []byte) string {
	copy(dmar, "RMAD")
	return string(dmar)
}

func TestPVDom0(t *testing.T) {
	h := collectLive(t, pvDom0().root())
	is(t, "kind", h.Machine.Kind, facts.Dom0)
	is(t, "domain type", h.Machine.DomainType, "pv")
	is(t, "arch", h.Machine.Arch, facts.X86_64)
	x := h.CPU.X86
	is(t, "models", x.Models, []facts.X86Model{{Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 4, Name: "Test CPU"}})
	for what, o := range map[string]facts.Observed[bool]{"VMX": x.VMX, "SVM": x.SVM, "EPT": x.EPT, "NPT": x.NPT, "locked off": x.LockedOff} {
		isUnknown(t, what, o, facts.HiddenByXen)
	}
	isUnknown(t, "QoS", x.QoS, facts.HiddenByXen)
	isUnknown(t, "present", h.CPU.Present, facts.HiddenByXen)
	is(t, "physical CPUs", h.CPU.Physical, between(1, 4))
	is(t, "memory", h.Memory.Physical, between(2000000<<10, 64*gib))
	is(t, "IOMMU", h.IOMMU.Units, []facts.IOMMUUnit{{Kind: facts.VTd, Count: 2, Source: acpiTables + "/RMAD"}})
	if v, ok := h.Xen.Running.Get(); !ok || v.Major != 4 || v.Minor != 17 || v.Extra != ".5" {
		t.Errorf("running Xen: %+v", h.Xen.Running)
	}
}

func TestXenDomains(t *testing.T) {
	for name, test := range map[string]struct {
		change machine
		kind   facts.Kind
	}{
		"dom0, xenfs not mounted":   {machine{"/proc/xen/capabilities": gone, sysHypervisor + "/properties/features": "00000f05\n"}, facts.Dom0},
		"dom0, known by RMAD alone": {machine{"/proc/xen/capabilities": gone, sysHypervisor + "/properties/features": gone, sysHypervisor + "/type": gone, sysHypervisor + "/guest_type": gone}, facts.Dom0},
		"PVH dom0":                  {machine{acpiTables + "/RMAD": gone, sysHypervisor + "/guest_type": "PVH\n"}, facts.Dom0},
		"domU, xenfs mounted":       {machine{"/proc/xen/capabilities": "", acpiTables + "/RMAD": gone}, facts.DomU},
		"domU, xenfs not mounted":   {machine{"/proc/xen/capabilities": gone, acpiTables + "/RMAD": gone}, facts.DomU},
	} {
		t.Run(name, func(t *testing.T) {
			h := collectLive(t, pvDom0().with(test.change).root())
			is(t, "kind", h.Machine.Kind, test.kind)
			isUnknown(t, "VMX", h.CPU.X86.VMX, facts.HiddenByXen)
			if name == "PVH dom0" {
				isUnknown(t, "IOMMU", h.IOMMU.Units, facts.HiddenByXen)
				isUnknown(t, "CPU hotplug", h.Hotplug.CPU, facts.HiddenByXen)
				isUnknown(t, "physical CPUs", h.CPU.Physical, facts.HiddenByXen)
			}
			if test.kind == facts.DomU {
				isUnknown(t, "models", h.CPU.X86.Models, facts.HiddenByXen)
				isUnknown(t, "memory", h.Memory.Physical, facts.HiddenByXen)
				isUnknown(t, "IOMMU", h.IOMMU.Units, facts.HiddenByXen)
				isUnknown(t, "firmware", h.Machine.Firmware, facts.HiddenByXen)
				isUnknown(t, "product", h.Machine.Product, facts.HiddenByXen)
			}
			if strings.Contains(fmt.Sprintf("%+v", h), "absent DMAR") {
				t.Error("a hidden table is called absent")
			}
		})
	}
}

// Without a table, a map or a flag, an ordinary kernel still tells something.
func TestEmptyRoots(t *testing.T) {
	for _, live := range []bool{true, false} {
		var r Root = machine{}.root()
		if live {
			r = liveTest{r}
		}
		h, err := Collect(context.Background(), Options{FS: r, FSLive: live, Now: noon})
		if err != nil {
			t.Fatal(err)
		}
		for what, known := range map[string]bool{
			"arch": h.Machine.Arch.IsKnown(), "kind": h.Machine.Kind.IsKnown(), "CPUs": h.CPU.Physical.IsKnown(),
			"memory": h.Memory.Physical.IsKnown(), "IOMMU": h.IOMMU.Units.IsKnown() || h.IOMMU.Units.IsAbsent(),
		} {
			if known {
				t.Errorf("live=%v: %s is known of nothing", live, what)
			}
		}
		if h.Machine.Arch.Problem == nil || h.Machine.Kind.Problem == nil || h.CPU.Physical.Problem == nil || h.Memory.Physical.Problem == nil {
			t.Errorf("live=%v: an unknown fact without a reason", live)
		}
	}
}

// Every source in turn fails in every way. The facts of the other sources stay,
// nothing panics, and no fact turns into an absence that was not one before.
func TestOneFailedSourceCostsNoOther(t *testing.T) {
	for name, m := range map[string]machine{"intel": intelServer(), "amd": amdServer(), "dom0": pvDom0(), "arm64": juno(), "acpi arm64": armServer(), "armv7": cortexA15()} {
		root := m.root()
		whole := collectLive(t, root)
		for _, source := range whole.Sources {
			for _, err := range []error{fs.ErrPermission, fs.ErrNotExist, ErrTooLarge, &kindError{"a FIFO"}, ErrTimeout, os.ErrClosed} {
				h := collectLive(t, faulty{Root: root, errs: map[string]error{source.Name: err}})
				checkIndependence(t, name+": "+source.Name+": "+err.Error(), source.Name, whole, h)
			}
			for _, junk := range []string{"", "\x00", "\xff\xfe\xfd", strings.Repeat("A", 5000), "-1\n", "18446744073709551615\n"} {
				collectLive(t, faulty{Root: root, bytes: map[string][]byte{source.Name: []byte(junk)}})
			}
		}
	}
}

// checkIndependence compares groups of facts that rest on different sources.
func checkIndependence(t *testing.T, what, failed string, whole, h *facts.Host) {
	t.Helper()
	same := func(group string, concerned bool, a, b any) {
		t.Helper()
		if concerned {
			return
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s: %s changed:\n%s", what, group, diff)
		}
	}
	environment := strings.HasPrefix(failed, hypercallPrefix) || strings.Contains(failed, "hypervisor") || strings.Contains(failed, "/proc/xen") || failed == acpiTables || failed == "/proc/cpuinfo" || failed == blobFile || failed == cpuidInterface || failed == unameInterface
	same("memory", environment || strings.Contains(failed, "mem") || strings.Contains(failed, "dmi") || strings.Contains(failed, "cmdline") || failed == ghwInterface || failed == "/proc/zoneinfo", whole.Memory, h.Memory)
	same("CPU", environment || strings.Contains(failed, "cpu") || strings.Contains(failed, "APIC") || failed == nodesOnline || failed == ghwInterface || failed == syslogInterface || strings.Contains(failed, "cmdline") || failed == "/proc/misc", whole.CPU, h.CPU)
	same("IOMMU", environment || strings.Contains(failed, "DMAR") || strings.Contains(failed, "RMAD") || strings.Contains(failed, "IVRS") || strings.Contains(failed, "IORT") || failed == iommuClass, whole.IOMMU, h.IOMMU)
	same("hotplug", environment || strings.Contains(failed, "APIC") || strings.Contains(failed, "SRAT"), whole.Hotplug, h.Hotplug)
	same("interrupts", environment || strings.Contains(failed, "APIC") || failed == "/proc/interrupts" || failed == sysFirmware, whole.Interrupts, h.Interrupts)
	same("OS name", strings.Contains(failed, "os-release"), whole.OS.Name, h.OS.Name)
}
