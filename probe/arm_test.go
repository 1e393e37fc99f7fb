package probe

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fake"
)

func prop(name string, value any) fake.Prop { return fake.Prop{Name: name, Value: value} }

// boardTree is a device tree with these cpu nodes, a GIC and 4 GiB of memory.
func boardTree(cpus []string, gic fake.Node, more ...fake.Node) fake.Node {
	list := fake.Node{Name: "cpus", Props: []fake.Prop{prop("#address-cells", 1), prop("#size-cells", 0)}}
	for i, c := range cpus {
		list.Children = append(list.Children, fake.Node{Name: fmt.Sprintf("cpu@%x", i), Props: []fake.Prop{
			prop("device_type", "cpu"), prop("compatible", c), prop("reg", i), prop("enable-method", "psci"),
		}})
	}
	return fake.Node{
		Props: []fake.Prop{prop("#address-cells", 2), prop("#size-cells", 2), prop("model", "Test Board"), prop("compatible", []string{"test,board", "test,soc"}),
			prop("interrupt-parent", 1), prop("serial-number", hostSerial)},
		Children: append([]fake.Node{
			list, gic,
			{Name: "memory@80000000", Props: []fake.Prop{prop("device_type", "memory"), prop("reg", []uint32{0, 0x80000000, 1, 0})}},
			{Name: "psci", Props: []fake.Prop{prop("compatible", "arm,psci-1.0"), prop("method", "smc")}},
			{Name: "timer", Props: []fake.Prop{prop("compatible", "arm,armv8-timer")}},
			{Name: "chosen", Props: []fake.Prop{prop("bootargs", "root=UUID="+hostUUID+" quiet")}},
		}, more...),
	}
}

func gicNode(compatible string, ranges int, maintenance bool, children ...fake.Node) fake.Node {
	n := fake.Node{Name: "interrupt-controller@10000000", Children: children, Props: []fake.Prop{
		prop("compatible", compatible), prop("interrupt-controller", nil), prop("#interrupt-cells", 3), prop("phandle", 1),
		prop("#address-cells", 2), prop("#size-cells", 2), prop("ranges", nil),
	}}
	var reg []uint32
	for i := range ranges {
		reg = append(reg, 0, 0x10000000+uint32(i)<<16, 0, 0x10000)
	}
	n.Props = append(n.Props, prop("reg", reg))
	if maintenance {
		n.Props = append(n.Props, prop("interrupts", []uint32{1, 9, 4}))
	}
	return n
}

// junoTree has four A53 and two A57, the A53 first.
func junoTree() fake.Node {
	return boardTree([]string{"arm,cortex-a53", "arm,cortex-a57", "arm,cortex-a57", "arm,cortex-a53", "arm,cortex-a53", "arm,cortex-a53"},
		gicNode("arm,gic-400", 4, true),
		fake.Node{Name: "iommu@7fb00000", Props: []fake.Prop{prop("compatible", "arm,smmu-v3"), prop("#iommu-cells", 1)}},
		fake.Node{Name: "iommu@2b500000", Props: []fake.Prop{prop("compatible", []string{"arm,mmu-401", "arm,smmu-v1"}), prop("#iommu-cells", 1)}},
		fake.Node{Name: "iommu@2b600000", Props: []fake.Prop{prop("compatible", []string{"arm,mmu-401", "arm,smmu-v1"}), prop("#iommu-cells", 1), prop("status", "disabled")}})
}

// juno is a bare big.LITTLE board started by U-Boot, read by root.
func juno() machine {
	a53, a57 := [4]int{0x41, 0xd03, 0, 3}, [4]int{0x41, 0xd07, 1, 0}
	m := machine{
		"/proc/cpuinfo":             armCPUs(a53, a57, a57, a53, a53, a53),
		"/proc/meminfo":             "MemTotal:        4000000 kB\n",
		"/proc/cmdline":             "console=ttyAMA0\n",
		"/proc/misc":                "124 cpu_dma_latency\n",
		"/proc/interrupts":          "           CPU0\n 11:  5  GICv2  30 Level  arch_timer\n",
		"/proc/sys/kernel/hostname": "juno\n",
		"/proc/self/ns/pid":         "-> pid:[4026531836]",
		"/proc/self/ns/uts":         "-> uts:[4026531838]",
		"/proc/self/ns/ipc":         "-> ipc:[4026531839]",
		"/proc/self/ns/cgroup":      "-> cgroup:[4026531835]",
		"/etc/os-release":           "ID=debian\n",
		"/boot/":                    "",
		sysCPU + "/present":         "0-5\n",
		sysCPU + "/online":          "0-5\n",
		sysCPU + "/possible":        "0-5\n",
		nodesOnline:                 "0\n",
		blobFile:                    string(fake.DTB(junoTree())),
		treeDir + "/compatible":     "test,board\x00",
		iommuClass + "/":            "",
		unameInterface:              "Linux 6.12.0-arm64 aarch64\n",
		syslogInterface:             "[    0.1] CPU: All CPU(s) started at EL2\n",
		cpuidInterface:              `{"midr":"0x410fd033"}`,
		ghwInterface:                `{"usable":4096000000,"cores":6}`,
	}
	for i := range 6 {
		midr := "0x00000000410fd033\n"
		if i == 1 || i == 2 {
			midr = "0x00000000411fd070\n"
		}
		m[fmt.Sprintf("%s/cpu%d/regs/identification/midr_el1", sysCPU, i)] = midr
	}
	return m
}

func armCore(midr, name, cpus string, implementer, part, variant, revision, count int) facts.ArmCore {
	return facts.ArmCore{MIDR: midr, Implementer: implementer, Part: part, Variant: variant, Revision: revision, RevisionKnown: true, Name: name, CPUs: cpus, Count: count}
}

func TestArm64(t *testing.T) {
	h := collectLive(t, juno().root())
	a := h.CPU.Arm
	a53 := armCore("0x410fd033", "Cortex-A53", "0,3-5", 0x41, 0xd03, 0, 3, 4)
	a57 := armCore("0x411fd070", "Cortex-A57", "1-2", 0x41, 0xd07, 1, 0, 2)
	is(t, "arch", h.Machine.Arch, facts.Arm64)
	is(t, "kind", h.Machine.Kind, facts.Bare)
	is(t, "cores", a.Cores, []facts.ArmCore{a53, a57})
	is(t, "boot CPU", a.Boot, a53)
	is(t, "architecture", a.Architecture, 8)
	is(t, "EL2", a.Virtualization, true)
	is(t, "SVE", a.SVE, false)
	is(t, "firmware", h.Machine.Firmware, "other")
	is(t, "device tree", h.Machine.DeviceTree, true)
	is(t, "ACPI", h.Machine.ACPI, false)
	is(t, "product", h.Machine.Product, "Test Board")
	is(t, "GIC", h.Interrupts.GIC, 2)
	isAbsent(t, "ITS", h.Interrupts.ITS)
	is(t, "IOMMU", h.IOMMU.Units, []facts.IOMMUUnit{
		{Kind: facts.SMMUv3, Count: 1, Compatible: []string{"arm,smmu-v3"}, Source: blobFile},
		{Kind: facts.SMMUv1, Count: 1, Compatible: []string{"arm,mmu-401", "arm,smmu-v1"}, Source: blobFile},
	})
	is(t, "memory", h.Memory.Physical, facts.Exactly(4*gib))
	is(t, "physical CPUs", h.CPU.Physical, facts.Exactly(6))
}

func TestArmVariants(t *testing.T) {
	for name, test := range map[string]struct {
		change machine
		check  func(*testing.T, *facts.Host)
	}{
		"started at EL1": {machine{syslogInterface: "CPU: All CPU(s) started at EL1\n"}, func(t *testing.T, h *facts.Host) {
			is(t, "EL2", h.CPU.Arm.Virtualization, false)
		}},
		"no log, but KVM": {machine{syslogInterface: "", "/proc/misc": " 10 vhost\n232 kvm\n"}, func(t *testing.T, h *facts.Host) {
			is(t, "EL2", h.CPU.Arm.Virtualization, true)
		}},
		// Firmware that keeps EL2 for itself describes the same controller.
		"no log, no KVM, a GIC for guests": {machine{syslogInterface: ""}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "EL2", h.CPU.Arm.Virtualization, facts.Incomplete)
		}},
		"no log, no KVM, a GIC without": {machine{syslogInterface: "", blobFile: string(fake.DTB(boardTree([]string{"arm,cortex-a53"}, gicNode("arm,gic-v3", 2, false))))}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "EL2", h.CPU.Arm.Virtualization, facts.Incomplete)
		}},
		"two CPUs offline": {machine{sysCPU + "/online": "0,3-5\n", "/proc/cpuinfo": armCPUs([4]int{0x41, 0xd03, 0, 3})}, func(t *testing.T, h *facts.Host) {
			// The device tree still knows that two A57 are there.
			is(t, "cores", h.CPU.Arm.Cores, []facts.ArmCore{
				armCore("0x410fd033", "Cortex-A53", "0,3-5", 0x41, 0xd03, 0, 3, 4),
				{Implementer: 0x41, Part: 0xd07, Name: "Cortex-A57", Count: 2},
			})
		}},
		"two CPUs offline and no device tree": {machine{sysCPU + "/online": "0,3-5\n", "/proc/cpuinfo": armCPUs([4]int{0x41, 0xd03, 0, 3}), blobFile: gone, treeDir + "/compatible": gone}, func(t *testing.T, h *facts.Host) {
			is(t, "cores", h.CPU.Arm.Cores, []facts.ArmCore{
				armCore("0x410fd033", "Cortex-A53", "0,3-5", 0x41, 0xd03, 0, 3, 4), {Count: 2},
			})
		}},
		"a device tree that names other cores": {machine{blobFile: string(fake.DTB(boardTree([]string{"arm,cortex-a72", "arm,cortex-a72", "arm,cortex-a72", "arm,cortex-a72", "arm,cortex-a72", "arm,cortex-a72"}, gicNode("arm,gic-400", 4, true))))}, func(t *testing.T, h *facts.Host) {
			if cores, _ := h.CPU.Arm.Cores.Get(); len(cores) != 2 {
				t.Errorf("cores: %+v", cores)
			}
		}},
		"sysfs and cpuinfo disagree": {machine{"/proc/cpuinfo": armCPUs([4]int{0x41, 0xd08, 0, 3}, [4]int{0x41, 0xd08, 0, 3})}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "cores", h.CPU.Arm.Cores, facts.Conflicting)
		}},
		"the driver names another GIC": {machine{"/proc/interrupts": "           CPU0\n 11:  5  GICv3  30 Level  arch_timer\n"}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "GIC", h.Interrupts.GIC, facts.Conflicting)
		}},
		"GICv3 with ITS": {machine{"/proc/interrupts": gone, blobFile: string(fake.DTB(boardTree([]string{"arm,neoverse-n1"}, gicNode("arm,gic-v3", 2, true,
			fake.Node{Name: "its@0", Props: []fake.Prop{prop("compatible", "arm,gic-v3-its"), prop("msi-controller", nil)}},
			fake.Node{Name: "its@1", Props: []fake.Prop{prop("compatible", "arm,gic-v3-its"), prop("msi-controller", nil), prop("status", "disabled")}}))))}, func(t *testing.T, h *facts.Host) {
			is(t, "GIC", h.Interrupts.GIC, 3)
			is(t, "ITS", h.Interrupts.ITS, 1)
		}},
		"a damaged blob": {machine{blobFile: string(fake.DTB(junoTree())[:200])}, func(t *testing.T, h *facts.Host) {
			is(t, "GIC", h.Interrupts.GIC, 2) // by the driver
			is(t, "arch", h.Machine.Arch, facts.Arm64)
		}},
		"dom0": {machine{sysHypervisor + "/type": "xen\n", sysHypervisor + "/properties/features": "00000f05\n", sysHypervisor + "/guest_type": "HVM\n"}, func(t *testing.T, h *facts.Host) {
			is(t, "kind", h.Machine.Kind, facts.Dom0)
			is(t, "domain type", h.Machine.DomainType, "arm")
			isUnknown(t, "IOMMU", h.IOMMU.Units, facts.HiddenByXen)
			isAbsent(t, "ITS", h.Interrupts.ITS) // a GICv2 has none
			is(t, "EL2", h.CPU.Arm.Virtualization, true)
			isUnknown(t, "SVE", h.CPU.Arm.SVE, facts.HiddenByXen)
			isUnknown(t, "memory", h.Memory.Physical, facts.HiddenByXen)
			isUnknown(t, "physical CPUs", h.CPU.Physical, facts.HiddenByXen)
			isUnknown(t, "firmware", h.Machine.Firmware, facts.HiddenByXen)
			is(t, "GIC", h.Interrupts.GIC, 2)
		}},
		"a guest of QEMU": {machine{blobFile: string(fake.DTB(fake.Node{Props: []fake.Prop{prop("compatible", "linux,dummy-virt")}, Children: junoTree().Children}))}, func(t *testing.T, h *facts.Host) {
			is(t, "kind", h.Machine.Kind, facts.VirtualMachine)
			isUnknown(t, "hypervisor", h.Machine.Hypervisor, facts.Incomplete)
		}},
	} {
		t.Run(name, func(t *testing.T) { test.check(t, collectLive(t, juno().with(test.change).root())) })
	}
}

// Whoever may not read the log learns nothing of EL2 that it denies.
func TestEL2Unprivileged(t *testing.T) {
	r := faulty{Root: juno().root(), errs: map[string]error{syslogInterface: fs.ErrPermission}}
	isUnknown(t, "EL2", collectLive(t, r).CPU.Arm.Virtualization, facts.NoPermission)
}

// armServer is started by EFI with ACPI: its device tree is a stub.
func armServer() machine {
	gicc := func(uid uint32) []byte {
		return fake.GICC{UID: uid, Flags: fake.GICCEnabled, Maintenance: 25, GICR: 0x10000000, MPIDR: uint64(uid)}.Bytes()
	}
	m := juno().with(machine{
		"/proc/cpuinfo":               strings.ReplaceAll(armCPUs([4]int{0x41, 0xd0c, 3, 1}, [4]int{0x41, 0xd0c, 3, 1}), "cpuid", "cpuid sve"),
		"/proc/interrupts":            "           CPU0\n 11:  5  GICv3  30 Level  arch_timer\n 12:  0  ITS-MSI  1 Edge  nvme\n",
		sysCPU + "/present":           "0-1\n",
		sysCPU + "/online":            "0-1\n",
		blobFile:                      string(fake.DTB(fake.Node{Children: []fake.Node{{Name: "chosen"}}})),
		treeDir + "/compatible":       gone,
		acpiTables + "/FACP":          string(fake.Table("FACP", 6, make([]byte, 232))),
		acpiTables + "/APIC":          string(fake.MADT(5, fake.GICD(3), gicc(0), gicc(1), fake.ITS(0, 0x20000000))),
		acpiTables + "/IORT":          string(fake.IORT(fake.ITSGroup(0), fake.SMMUv3(0x30000000), fake.SMMUv3(0x31000000), fake.SMMU(3, 0x32000000))),
		"/sys/firmware/efi/runtime":   "",
		efivars + "/SetupMode-8be4df": "",
		dmiID + "/sys_vendor":         "Test Systems\n",
	})
	for i := range 6 {
		m[fmt.Sprintf("%s/cpu%d/regs/identification/midr_el1", sysCPU, i)] = "0x00000000413fd0c1\n"
	}
	return m
}

func TestACPIArm64(t *testing.T) {
	h := collectLive(t, armServer().root())
	is(t, "device tree", h.Machine.DeviceTree, false)
	is(t, "ACPI", h.Machine.ACPI, true)
	is(t, "firmware", h.Machine.Firmware, "efi")
	is(t, "Secure Boot", h.Machine.SecureBoot, false)
	is(t, "GIC", h.Interrupts.GIC, 3)
	is(t, "ITS", h.Interrupts.ITS, 1)
	is(t, "SVE", h.CPU.Arm.SVE, true)
	is(t, "physical CPUs", h.CPU.Physical, facts.Exactly(2))
	is(t, "boot CPU", h.CPU.Arm.Boot, armCore("0x413fd0c1", "Neoverse-N1", "0-1", 0x41, 0xd0c, 3, 1, 2))
	units, _ := h.IOMMU.Units.Get()
	if len(units) != 2 || units[0].Kind != facts.SMMUv3 || units[0].Count != 2 || units[1].Kind != facts.SMMUv2 {
		t.Errorf("IOMMU: %+v", h.IOMMU.Units)
	}

	// IORT without SMMUs: there is none, and that is known.
	none := armServer().with(machine{acpiTables + "/IORT": string(fake.IORT(fake.ITSGroup(0)))})
	isAbsent(t, "IOMMU", collectLive(t, none.root()).IOMMU.Units)
	// An ordinary user still sees the driver's names.
	user := collectLive(t, withoutRoot(armServer()))
	is(t, "GIC", user.Interrupts.GIC, 3)
	is(t, "ITS", user.Interrupts.ITS, 1)
	isUnknown(t, "IOMMU", user.IOMMU.Units, facts.NoPermission)
	isUnknown(t, "EL2", user.CPU.Arm.Virtualization, facts.NoPermission)
}

// cortexA15 is a 32-bit board with virtualization extensions.
func cortexA15() machine {
	cpu := "processor\t: %d\nmodel name\t: ARMv7 Processor rev 0 (v7l)\nFeatures\t: half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt lpae evtstrm\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU variant\t: 0x4\nCPU part\t: 0xc0f\nCPU revision\t: 0\n\n"
	m := juno().with(machine{
		"/proc/cpuinfo":     fmt.Sprintf(cpu+cpu, 0, 1) + "Hardware\t: Generic DT based system\nRevision\t: 0000\nSerial\t\t: " + hostSerial + "\n",
		"/proc/interrupts":  "           CPU0\n 11:  5  GIC-0  30 Level  arch_timer\n",
		sysCPU + "/present": "0-1\n",
		sysCPU + "/online":  "0-1\n",
		unameInterface:      "Linux 6.1.0-armmp-lpae armv7l\n",
		syslogInterface:     "CPU: All CPU(s) started in SVC mode.\n",
		cpuidInterface:      gone,
		blobFile:            string(fake.DTB(boardTree([]string{"arm,cortex-a15", "arm,cortex-a15"}, gicNode("arm,cortex-a15-gic", 2, false)))),
	})
	for i := range 6 {
		delete(m, fmt.Sprintf("%s/cpu%d/regs/identification/midr_el1", sysCPU, i))
	}
	return m
}

func TestArmv7(t *testing.T) {
	h := collectLive(t, cortexA15().root())
	a := h.CPU.Arm
	is(t, "arch", h.Machine.Arch, facts.Arm32)
	is(t, "architecture", a.Architecture, 7)
	is(t, "cores", a.Cores, []facts.ArmCore{armCore("0x414fc0f0", "Cortex-A15", "0-1", 0x41, 0xc0f, 4, 0, 2)})
	is(t, "virtualization extensions", a.VirtExtensions, true)
	is(t, "Hyp mode", a.Virtualization, false)
	is(t, "LPAE", a.LPAE, true)
	is(t, "SVE", a.SVE, false)
	is(t, "AArch32", a.AArch32, true)
	is(t, "GIC", h.Interrupts.GIC, 2)

	a9 := cortexA15().with(machine{"/proc/cpuinfo": strings.NewReplacer("0xc0f", "0xc09", " lpae", "").Replace(cortexA15()["/proc/cpuinfo"]), blobFile: gone, treeDir + "/compatible": gone})
	h = collectLive(t, a9.root())
	is(t, "virtualization extensions", h.CPU.Arm.VirtExtensions, false)
	is(t, "Hyp mode", h.CPU.Arm.Virtualization, false)
	is(t, "LPAE", h.CPU.Arm.LPAE, false)

	// A 32-bit kernel on a 64-bit core: the machine is a 64-bit one.
	pi := cortexA15().with(machine{"/proc/cpuinfo": strings.ReplaceAll(cortexA15()["/proc/cpuinfo"], "0xc0f", "0xd03"), blobFile: gone, treeDir + "/compatible": gone})
	h = collectLive(t, pi.root())
	is(t, "arch", h.Machine.Arch, facts.Arm64)
	is(t, "kernel", h.Machine.KernelArch, "armv7l")
}

// An ordinary user reads the device tree from its directories.
func TestDeviceTreeDirectories(t *testing.T) {
	m := juno().with(machine{
		treeDir + "/model":                       "Test Board\x00",
		treeDir + "/#address-cells":              "\x00\x00\x00\x02",
		treeDir + "/#size-cells":                 "\x00\x00\x00\x02",
		treeDir + "/interrupt-parent":            "\x00\x00\x00\x01",
		treeDir + "/serial-number":               hostSerial + "\x00",
		treeDir + "/cpus/#address-cells":         "\x00\x00\x00\x01",
		treeDir + "/cpus/#size-cells":            "\x00\x00\x00\x00",
		treeDir + "/cpus/cpu@0/device_type":      "cpu\x00",
		treeDir + "/cpus/cpu@0/compatible":       "arm,cortex-a53\x00",
		treeDir + "/cpus/cpu@0/reg":              "\x00\x00\x00\x00",
		treeDir + "/gic/compatible":              "arm,gic-400\x00",
		treeDir + "/gic/interrupt-controller":    "",
		treeDir + "/gic/phandle":                 "\x00\x00\x00\x01",
		treeDir + "/memory@0/device_type":        "memory\x00",
		treeDir + "/memory@0/reg":                "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00",
		treeDir + "/soc/iommu@1000/compatible":   "arm,mmu-500\x00",
		treeDir + "/soc/iommu@1000/#iommu-cells": "\x00\x00\x00\x01",
	})
	h := collectLive(t, withoutRoot(m))
	is(t, "product", h.Machine.Product, "Test Board")
	is(t, "GIC", h.Interrupts.GIC, 2)
	is(t, "IOMMU", h.IOMMU.Units, []facts.IOMMUUnit{{Kind: facts.SMMUv2, Count: 1, Compatible: []string{"arm,mmu-500"}, Source: treeDir}})
	is(t, "firmware's CPUs", h.CPU.Firmware, 1)
	is(t, "memory", h.Memory.Physical, facts.Exactly(4*gib))
}

// Flash that EFI describes as cacheable is present to the kernel, and no
// memory. An unprivileged look at a server of 1 GiB has zones of 1088 MiB.
func TestArmFlashIsNoMemory(t *testing.T) {
	server := juno().with(machine{
		"/proc/meminfo":                    "MemTotal:         991264 kB\n",
		"/proc/zoneinfo":                   "Node 0, zone      DMA\n  pages free     200000\n        spanned  507904\n        present  278528\n        managed  247816\n",
		memoryBlocks + "/block_size_bytes": "8000000\n",
		memoryBlocks + "/memory0/":         "",
		memoryBlocks + "/memory8/":         "",
		"/sys/firmware/efi/runtime":        "0x1\n",
		acpiTables + "/APIC":               "",
		ghwInterface:                       "",
		blobFile:                           gone, treeDir + "/compatible": gone, syslogInterface: "",
	})
	h := collectLive(t, withoutRoot(server))
	r, ok := h.Memory.Physical.Get()
	if !ok || r.Min != 991264<<10 {
		t.Errorf("memory is %+v, want at least what the kernel has", h.Memory.Physical)
	}
}
