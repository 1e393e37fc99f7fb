package probe

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fake"
	"github.com/xencheck/xencheck/probe/internal/xencall"
)

// calls is what a hypercall's interface answers.
func calls(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func says(s string) *string { return &s }

const (
	allCaps = xencall.CapHVM | xencall.CapPV | xencall.CapDirectIO | xencall.CapHAP | xencall.CapShadow | xencall.CapIOMMUHAPPTShare | xencall.CapVMTrace | xencall.CapVPMU | xencall.CapGnttabV1 | xencall.CapGnttabV2
	vmxBit  = 1 << 5
	svmBit  = 1 << 2
)

// physInfo is that of the Intel server: 64 GiB less a hair, four CPUs.
func physInfo(caps, reported xencall.Capability, hwcap [8]uint32) xencall.PhysInfo {
	return xencall.PhysInfo{
		Interface: 0x15, CPUs: 4, MaxCPUID: 3, Nodes: 1, Capabilities: caps, Reported: reported,
		TotalPages: 64*gib/4096 - 100, HWCap: hwcap,
	}
}

// answering is pvDom0 with a Xen that answers root.
func answering(t testing.TB) machine {
	cpus := []xencall.PhysicalCPU{}
	for i := range uint32(4) {
		cpus = append(cpus, xencall.PhysicalCPU{ID: i, Online: i != 3, Vendor: map[bool]string{true: "GenuineIntel"}[i != 3], Family: 6, Model: 85, Stepping: 4})
	}
	return pvDom0().with(machine{
		callVersion: calls(t, versionReading{Major: 4, Minor: 17, Extra: says(".5"), Capabilities: says("xen-3.0-x86_64 hvm-3.0-x86_64 "),
			Changeset: says("Tue Jan 2 10:00:00 2024 +0100 git:abcdef"), Compiler: says("gcc (Debian) 12.2.0"), BuildID: []byte{0xde, 0xad}, BuildIDTold: true}),
		callCommandLine: calls(t, xencall.CommandLine{Text: "dom0_mem=2G sched=credit2 sched_credit_tslice_ms=5 -- root=UUID=" + hostUUID, Call: "commandline"}),
		callPhysInfo:    calls(t, physInfo(allCaps, allCaps, [8]uint32{1: vmxBit, 2: 1 << 29, 5: 1<<12 | 1<<15})),
		callCPUs:        calls(t, cpus),
		callEFI:         calls(t, efiReading{Version: 0x20046, SecureBoot: new(bool)}),
		callMemoryMap:   calls(t, []xencall.MapEntry{{Start: 0, Size: 64*gib - 4096, Type: xencall.TypeRAM}, {Start: 1 << 40, Size: 4096, Type: 2}}),
		callConsole:     "(XEN) Using scheduler: SMP Credit Scheduler rev2 (credit2)\n(XEN) Interrupt remapping enabled\n",
		callScheduler:   "6",
		callPools:       calls(t, []xencall.CPUPool{{ID: 0, Scheduler: 6, Domains: 2}, {ID: 1, Scheduler: 9, Domains: 1}}),
		callLivePatches: calls(t, []xencall.LivePatch{{Name: "xsa-1", State: xencall.LivePatchApplied}}),
		callDomains: calls(t, []xencall.Domain{
			{ID: 0, MaxPages: 1 << 19}, {ID: 1, HVM: true, HAP: true, MaxPages: 1 << 20, SharedPages: 7}, {ID: 2, HVM: true, Dying: true}, {ID: 3, Xenstore: false, CPUPool: 1}}),
		callHypfs:          calls(t, hypfsReading{Version: 1, Answers: []string{"buildinfo", "buildinfo/config", "cpupool"}, Pools: []xencall.HypfsValue{{Path: "/cpupool/0/sched-gran", Text: "core"}}}),
		callConfig:         "# Xen/x86 4.17.5 Configuration\nCONFIG_X86_64=y\n# CONFIG_EXPERT is not set\nCONFIG_SCHED_DEFAULT=\"credit2\"\n# CONFIG_DEBUG is not set\n",
		xenstoreInterface:  calls(t, xenstoreReading{Daemon: new(int), Backends: []backend{{0, "vbd", 1}, {0, "vif", 1}, {3, "vif", 1}}}),
		processInterface:   calls(t, []facts.Process{{Name: "oxenstored", Root: true}, {Name: "xenconsoled", Root: true}}),
		"/usr/sbin/xl":     "",
		"/etc/xen/xl.conf": "autoballoon=\"off\"\nvif.default.script=\"vif-openvswitch\"\n",
		"/etc/passwd":      "root:x:0:0:" + hostSerial + ":/root:/bin/sh\nxen-qemuuser-shared:x:1:1::/:/bin/false\n",
		libxlData + "/userdata-d.1." + hostUUID + ".libxl-json":  `{"c_info":{"type":"hvm","name":"web","uuid":"` + hostUUID + `"},"b_info":{"max_vcpus":2,"type.hvm":{"vnc":{"passwd":"` + hostSerial + `"}}}}`,
		libxlData + "/userdata-d.0." + hostUUID + ".libxl-json":  `{"c_info":{"type":"pv","name":"Domain-0"}}`,
		libxlData + "/userdata-d.77." + hostUUID + ".libxl-json": `{"c_info":{"type":"pv","name":"gone"}}`,
		"/run/systemd/system/" + hostSerial + "/":                "",
		xenBackends + "/devices/vbd-1-51712/":                    "",
		xenBackends + "/drivers/vbd/":                            "",
		"/sys/module/xen_netback/":                               "",
		"/sys/module/loop/":                                      "",
		"/sys/bus/pci/drivers/pciback/0000:03:00.0/":             "",
		"/sys/bus/pci/drivers/pciback/bind":                      "",
		sysHypervisor + "/pmu/pmu_mode":                          "off\n",
	})
}

func TestSeeingThroughDom0(t *testing.T) {
	h := collectLive(t, answering(t).root())
	x := h.CPU.X86
	is(t, "models", x.Models, []facts.X86Model{{Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 4, Name: "Test CPU", CPUs: 3}})
	is(t, "VMX", x.VMX, true)
	is(t, "SVM", x.SVM, false)
	is(t, "EPT", x.EPT, true)
	is(t, "NPT", x.NPT, false)
	is(t, "locked off", x.LockedOff, false)
	is(t, "QoS", x.QoS, []string{"cqm", "rdt_a"})
	is(t, "physical CPUs", h.CPU.Physical, between(4, 4))
	is(t, "present", h.CPU.Present, 4)
	is(t, "online", h.CPU.Online, 4)
	is(t, "memory", h.Memory.Physical, between(64*gib-4096, 64*gib))
	is(t, "IOMMU", h.IOMMU.Units, []facts.IOMMUUnit{{Kind: facts.VTd, Count: 2, Source: acpiTables + "/RMAD"}})
	is(t, "firmware", h.Machine.Firmware, "efi")

	xen := h.Xen
	is(t, "running", xen.Running, facts.XenVersion{Major: 4, Minor: 17, Extra: ".5", Changeset: "Tue Jan 2 10:00:00 2024 +0100 git:abcdef", Source: callVersion})
	is(t, "capabilities", xen.Capabilities, []string{"xen-3.0-x86_64", "hvm-3.0-x86_64"})
	is(t, "words", xen.Physical, strings.Fields("hvm pv directio hap shadow iommu_hap_pt_share vmtrace vpmu gnttab-v1 gnttab-v2"))
	is(t, "command line", xen.CommandLine, facts.CommandLine{Text: "dom0_mem=2G sched=credit2 sched_credit_tslice_ms=5 -- root=UUID=(removed)"})
	is(t, "build ID", xen.BuildID, "dead")
	is(t, "compiler", xen.Compiler, "gcc (Debian) 12.2.0")
	is(t, "scheduler", xen.Scheduler, "credit2")
	is(t, "pools", xen.Pools, []facts.CPUPool{{ID: 0, Scheduler: "credit2", Domains: 2, Granularity: "core"}, {ID: 1, Scheduler: "null", Domains: 1}})
	is(t, "live patches", xen.LivePatches, []facts.LivePatch{{Name: "xsa-1", State: "applied"}})
	is(t, "hypfs", xen.Hypfs, []string{"buildinfo", "buildinfo/config", "cpupool"})
	is(t, "shared", xen.SharedPages, 7)
	is(t, "vPMU", xen.VPMUMode, "off")
	isAbsent(t, "FLASK", xen.Flask)
	is(t, "console", xen.Console, []string{"scheduler SMP Credit Scheduler rev2 credit2", "int_remap enabled"})
	is(t, "configuration", xen.BuildConfig, facts.BuildConfig{Version: "4.17.5", Symbols: map[string]string{"CONFIG_X86_64": "y", "CONFIG_EXPERT": "n", "CONFIG_SCHED_DEFAULT": "credit2", "CONFIG_DEBUG": "n"}})

	u := h.Userspace
	if u == nil {
		t.Fatal("no userspace")
	}
	is(t, "system", u.System, "Linux")
	is(t, "init", u.Init, "systemd")
	is(t, "xenstored", u.Xenstored, "oxenstored")
	is(t, "live update", u.LiveUpdate, false)
	is(t, "toolstack", u.Toolstack, []string{"xl"})
	is(t, "modules", u.Modules, []string{"xen_blkback", "xen_netback"})
	is(t, "backends", u.Backends, []string{"vbd", "vif"})
	is(t, "pciback", u.Pciback, 1)
	is(t, "xl.conf", u.XLConf, map[string]string{"autoballoon": "off", "vif.default.script": "vif-openvswitch"})
	is(t, "restricted user", u.RestrictBy, "xen-qemuuser-shared")
	isAbsent(t, "shim", u.Shim)

	is(t, "running domains", h.Running, []facts.RunningDomain{
		{ID: 0, MaxPages: 1 << 19, BackendIDs: []int{}},
		{ID: 1, HVM: true, HAP: true, MaxPages: 1 << 20, Shared: 7, Backends: "vbd,vif", BackendIDs: []int{3}},
		{ID: 3, Pool: 1, BackendIDs: []int{}}})
	domains, _ := h.Domains.Get()
	if len(domains) != 1 || domains[0].Name.Value != "web" || domains[0].ID.Value != 1 || domains[0].Source != libxlData+"/userdata-d.1.uuid.libxl-json" {
		t.Errorf("domains: %+v", h.Domains)
	}
	for _, s := range h.Sources {
		if s.State == facts.Unknown {
			t.Errorf("source %s: %v", s.Name, s.Problem)
		}
	}
}

// What Xen's capabilities say of the hardware, and what they leave open.
func TestCapabilitiesOfXen(t *testing.T) {
	amd := machine{
		"/proc/cpuinfo": x86CPUs(2, "AuthenticAMD", 25, 17, "hypervisor"), callCPUs: gone,
		cpuidInterface:       `{"vendor":"AuthenticAMD","family":25,"model":17,"stepping":4,"hypervisor":true,"hypervisor_id":"XenVMMXenVMM"}`,
		acpiTables + "/RMAD": gone,
	}
	pvh := machine{sysHypervisor + "/guest_type": "PVH\n", acpiTables + "/RMAD": gone}
	for name, test := range map[string]struct {
		change machine
		check  func(*testing.T, *facts.Host)
	}{
		"no hvm, and the CPU has no VMX": {machine{callPhysInfo: calls(t, physInfo(xencall.CapPV|xencall.CapDirectIO, allCaps, [8]uint32{1: 1}))}, func(t *testing.T, h *facts.Host) {
			is(t, "VMX", h.CPU.X86.VMX, false)
			is(t, "EPT", h.CPU.X86.EPT, false)
			is(t, "locked off", h.CPU.X86.LockedOff, false)
		}},
		"no hvm, although the CPU has VMX": {machine{callPhysInfo: calls(t, physInfo(xencall.CapPV, allCaps, [8]uint32{1: vmxBit}))}, func(t *testing.T, h *facts.Host) {
			is(t, "VMX", h.CPU.X86.VMX, false)
			if !strings.Contains(h.CPU.X86.VMX.Note, "although") {
				t.Errorf("note is %q", h.CPU.X86.VMX.Note)
			}
			isUnknown(t, "locked off", h.CPU.X86.LockedOff, facts.HiddenByXen)
			if !strings.Contains(h.IOMMU.Units.Note, "no directio") {
				t.Errorf("note of the units is %q", h.IOMMU.Units.Note)
			}
		}},
		"no hvm, and the console says why": {machine{callPhysInfo: calls(t, physInfo(xencall.CapPV, allCaps, [8]uint32{1: vmxBit})), callConsole: "(XEN) VMX disabled by BIOS.\n"}, func(t *testing.T, h *facts.Host) {
			is(t, "VMX", h.CPU.X86.VMX, true)
			is(t, "locked off", h.CPU.X86.LockedOff, true)
		}},
		"a Xen that does not report hap": {machine{callPhysInfo: calls(t, physInfo(xencall.CapHVM|xencall.CapDirectIO, xencall.CapHVM|xencall.CapDirectIO, [8]uint32{1: vmxBit}))}, func(t *testing.T, h *facts.Host) {
			is(t, "VMX", h.CPU.X86.VMX, true)
			isUnknown(t, "EPT", h.CPU.X86.EPT, facts.HiddenByXen)
			is(t, "NPT", h.CPU.X86.NPT, false)
		}},
		"AMD": {amd.with(machine{callPhysInfo: calls(t, physInfo(allCaps, allCaps, [8]uint32{3: svmBit}))}), func(t *testing.T, h *facts.Host) {
			is(t, "SVM", h.CPU.X86.SVM, true)
			is(t, "NPT", h.CPU.X86.NPT, true)
			is(t, "VMX", h.CPU.X86.VMX, false)
			is(t, "IOMMU", h.IOMMU.Units, []facts.IOMMUUnit{{Kind: facts.AMDVi, Count: 1, Source: callPhysInfo}})
		}},
		"PV dom0 that is shown no table": {machine{acpiTables + "/RMAD": gone, callPhysInfo: calls(t, physInfo(xencall.CapPV, allCaps, [8]uint32{}))}, func(t *testing.T, h *facts.Host) {
			isAbsent(t, "IOMMU", h.IOMMU.Units)
			isAbsent(t, "interrupt remapping", h.IOMMU.InterruptRemapping)
		}},
		"PVH dom0": {pvh, func(t *testing.T, h *facts.Host) {
			is(t, "IOMMU", h.IOMMU.Units, []facts.IOMMUUnit{{Kind: facts.VTd, Count: 1, Source: callPhysInfo}})
			is(t, "interrupt remapping", h.IOMMU.InterruptRemapping, true)
			is(t, "memory", h.Memory.Physical, between(64*gib-409600, 64*gib))
		}},
		"PVH dom0, no IOMMU in use": {pvh.with(machine{callPhysInfo: calls(t, physInfo(allCaps&^xencall.CapDirectIO, allCaps, [8]uint32{}))}), func(t *testing.T, h *facts.Host) {
			isUnknown(t, "IOMMU", h.IOMMU.Units, facts.HiddenByXen)
		}},
		"no SMBIOS": {machine{dmiEntry: gone, dmiTable: gone}, func(t *testing.T, h *facts.Host) {
			is(t, "memory", h.Memory.Physical, between(64*gib-4096, 64*gib-4096))
		}},
		"no SMBIOS, and mem=": {machine{dmiEntry: gone, dmiTable: gone, callCommandLine: calls(t, xencall.CommandLine{Text: "mem=64G"})}, func(t *testing.T, h *facts.Host) {
			is(t, "memory", h.Memory.Physical, facts.Range{Min: 64*gib - 4096})
		}},
		"no EFI": {machine{callEFI: gone, "/sys/firmware/efi/": gone, "/sys/firmware/efi/runtime": gone, secureBootVar: gone}, func(t *testing.T, h *facts.Host) {
			is(t, "firmware", h.Machine.Firmware, "bios")
			isAbsent(t, "Secure Boot", h.Machine.SecureBoot)
		}},
		"built without live patching": {machine{callLivePatches: gone}, func(t *testing.T, h *facts.Host) {
			isAbsent(t, "live patches", h.Xen.LivePatches)
		}},
		"denied by XSM": {machine{callCommandLine: calls(t, xencall.CommandLine{Text: denied})}, func(t *testing.T, h *facts.Host) {
			isUnknown(t, "command line", h.Xen.CommandLine, facts.NoPermission)
		}},
		"cut": {machine{callCommandLine: calls(t, xencall.CommandLine{Text: "a", Cut: true})}, func(t *testing.T, h *facts.Host) {
			is(t, "command line", h.Xen.CommandLine, facts.CommandLine{Text: "a", Cut: true})
		}},
		"a PV stub domain": {machine{processInterface: `[]`, callDomains: calls(t, []xencall.Domain{{ID: 0}, {ID: 1, Xenstore: true}})}, func(t *testing.T, h *facts.Host) {
			is(t, "xenstored", h.Userspace.Xenstored, "stubdom-pv")
			isAbsent(t, "processes", h.Userspace.Processes)
		}},
		"a PVH stub domain": {machine{processInterface: `[]`, callDomains: calls(t, []xencall.Domain{{ID: 0}, {ID: 1, Xenstore: true, HVM: true}})}, func(t *testing.T, h *facts.Host) {
			is(t, "xenstored", h.Userspace.Xenstored, "stubdom-pvh")
		}},
		"no xenstored": {machine{processInterface: `[]`, callDomains: calls(t, []xencall.Domain{{ID: 0}}), xenstoreInterface: "{broken"}, func(t *testing.T, h *facts.Host) {
			isAbsent(t, "xenstored", h.Userspace.Xenstored)
			is(t, "backends", h.Userspace.Backends, []string{"vbd"}) // those of the kernel
		}},
		"C xenstored after a live update": {machine{processInterface: calls(t, []facts.Process{{Name: "xenstored", Args: []string{"-U"}, Root: true}})}, func(t *testing.T, h *facts.Host) {
			is(t, "xenstored", h.Userspace.Xenstored, "xenstored")
			is(t, "live update", h.Userspace.LiveUpdate, true)
		}},
		"FLASK": {machine{callFlask: "false"}, func(t *testing.T, h *facts.Host) { is(t, "FLASK", h.Xen.Flask, "permissive") }},
		"System V init": {machine{"/run/systemd/system/" + hostSerial + "/": gone, "/etc/init.d/xencommons": ""}, func(t *testing.T, h *facts.Host) {
			is(t, "init", h.Userspace.Init, "sysv")
		}},
	} {
		t.Run(name, func(t *testing.T) { test.check(t, collectLive(t, answering(t).with(test.change).root())) })
	}
}

// Without root, or where Xen refuses, each fact says why it is not known and
// what would make it known; the files still tell what they tell.
func TestRefusedByXen(t *testing.T) {
	m := answering(t).with(machine{sysHypervisor + "/properties/capabilities": "xen-3.0-x86_64\n", sysHypervisor + "/properties/buildid": "\xbe\xef", sysHypervisor + "/compilation/compiler": "gcc 12\n"})
	refused := xencall.Problem(xencall.ErrPermission, callVersion)
	f := faulty{Root: m.root(), errs: map[string]error{xenstoreInterface: &facts.Problem{Cause: facts.NoPermission, Remedy: rootRemedy}, dmiTable: fs.ErrPermission, dmiEntry: fs.ErrPermission}}
	for name := range m {
		if strings.HasPrefix(name, hypercallPrefix) {
			f.errs[name] = refused
		}
	}
	h := collectLive(t, f)
	isUnknown(t, "VMX", h.CPU.X86.VMX, facts.HiddenByXen)
	isUnknown(t, "memory", h.Memory.Physical, facts.HiddenByXen)
	for what, p := range map[string]*facts.Problem{"VMX": h.CPU.X86.VMX.Problem, "memory": h.Memory.Physical.Problem, "CPUs": h.CPU.Online.Problem} {
		if p == nil || !strings.Contains(p.Remedy, "as root") || !strings.Contains(p.Remedy, "--root") {
			t.Errorf("%s: %+v", what, p)
		}
	}
	isUnknown(t, "command line", h.Xen.CommandLine, facts.NoPermission)
	isUnknown(t, "configuration", h.Xen.BuildConfig, facts.NoPermission)
	isUnknown(t, "words", h.Xen.Physical, facts.NoPermission)
	isUnknown(t, "pools", h.Xen.Pools, facts.NoPermission)
	isUnknown(t, "running domains", h.Running, facts.NoPermission)
	is(t, "capabilities", h.Xen.Capabilities, []string{"xen-3.0-x86_64"})
	is(t, "build ID", h.Xen.BuildID, "beef")
	is(t, "compiler", h.Xen.Compiler, "gcc 12")
	if v, ok := h.Xen.Running.Get(); !ok || v.Minor != 17 || v.Source != sysHypervisor+"/version" {
		t.Errorf("running: %+v", h.Xen.Running)
	}
	is(t, "backends", h.Userspace.Backends, []string{"vbd"})
	is(t, "xenstored", h.Userspace.Xenstored, "oxenstored")

	// One call that fails costs only what it alone would have told.
	whole := collectLive(t, answering(t).root())
	for name := range m {
		if !strings.HasPrefix(name, hypercallPrefix) || name == callVersion || name == callPhysInfo {
			continue
		}
		h := collectLive(t, faulty{Root: answering(t).root(), errs: map[string]error{name: refused}})
		if diff := cmp.Diff(whole.Xen.Physical, h.Xen.Physical); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		is(t, name+": VMX", h.CPU.X86.VMX, true)
	}
}

// armAnswering is a dom0 of the Juno board with a Xen that answers.
func armAnswering(t testing.TB, p xencall.PhysInfo) machine {
	return juno().with(machine{
		sysHypervisor + "/type": "xen\n", sysHypervisor + "/properties/features": "00000f05\n", sysHypervisor + "/guest_type": "HVM\n",
		callVersion: calls(t, versionReading{Major: 4, Minor: 18, Capabilities: says("xen-3.0-aarch64 xen-3.0-armv7l ")}), callPhysInfo: calls(t, p),
	})
}

func TestSeeingThroughArmDom0(t *testing.T) {
	p := xencall.PhysInfo{Interface: 0x15, CPUs: 6, MaxCPUID: 7, TotalPages: 8 * gib / 4096, Capabilities: xencall.CapHVM | xencall.CapHAP, Reported: allCaps}
	h := collectLive(t, armAnswering(t, p).root())
	is(t, "CPUs", h.CPU.Physical, between(6, 8))
	is(t, "memory", h.Memory.Physical, between(8*gib, 8*gib))
	isUnknown(t, "SVE", h.CPU.Arm.SVE, facts.HiddenByXen)
	isUnknown(t, "IOMMU", h.IOMMU.Units, facts.HiddenByXen)
	is(t, "32-bit guests", h.CPU.Arm.AArch32, true)

	gicv3 := machine{"/proc/interrupts": gone, blobFile: string(fake.DTB(boardTree([]string{"arm,neoverse-n1"}, gicNode("arm,gic-v3", 2, true))))}
	isUnknown(t, "ITS", collectLive(t, armAnswering(t, p).with(gicv3).root()).Interrupts.ITS, facts.HiddenByXen)
	gicv3[callConfig] = "CONFIG_ARM_64=y\nCONFIG_HAS_ITS=y\n"
	isAbsent(t, "ITS, with the driver", collectLive(t, armAnswering(t, p).with(gicv3).root()).Interrupts.ITS)

	p.ArchCapabilities, p.Capabilities = 2, p.Capabilities|xencall.CapDirectIO
	h = collectLive(t, armAnswering(t, p).with(machine{
		callConsole: "(XEN) SMMUv3: /smmu@1: SMMUv3: DT value = eventq\n(XEN) smmu: /iommu@7fb00000: probing hardware configuration...\n(XEN) smmu: /iommu@7fb00000: SMMUv2 with:\n",
		callConfig:  "CONFIG_ARM_64=y\nCONFIG_HAS_ITS=y\n",
	}).root())
	is(t, "SVE", h.CPU.Arm.SVE, true)
	if units, ok := h.IOMMU.Units.Get(); ok {
		for _, u := range units {
			if u.Source != callConsole {
				t.Errorf("unit %+v is not one that Xen drives", u)
			}
		}
	}
}

// A machine of which nothing but the output of xl is known.
func TestFromText(t *testing.T) {
	info := strings.Join([]string{
		"host                   : server9", "release                : 6.1.0-56-amd64", "machine                : x86_64",
		"nr_cpus                : 8", "max_cpu_id             : 15", "nr_nodes               : 1", "cores_per_socket       : 4", "threads_per_core       : 2",
		"hw_caps                : bfebfbff:77fef3ff:2c100800:00000121:0000000f:009c6fbf:00000000:00000100",
		"virt_caps              : pv hvm hvm_directio pv_directio hap shadow iommu_hap_pt_share",
		"total_memory           : 32687", "sharing_freed_memory   : 3", "sharing_used_memory    : 1", "xen_major              : 4", "xen_minor              : 14", "xen_extra              : .6",
		"xen_version            : 4.14.6", "xen_caps               : xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_64 ",
		"xen_scheduler          : credit2", "xen_changeset          : abc123", "xen_commandline        : dom0_mem=4G console=vga ucode=scan",
		"cc_compiler            : gcc (Debian 10.2.1-6) 10.2.1", "build_id               : 0011aabb", "xend_config_format     : 4", "",
	}, "\n")
	name := filepath.Join(t.TempDir(), "xl-info.txt")
	if err := os.WriteFile(name, []byte(info), 0o600); err != nil {
		t.Fatal(err)
	}
	var archive strings.Builder
	h, err := WriteRaw(context.Background(), &archive, Options{XLInfo: name, Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []*facts.Host{h, replayed(t, save(t, []byte(archive.String())))} {
		is(t, "arch", h.Machine.Arch, facts.X86_64)
		is(t, "kind", h.Machine.Kind, facts.Dom0)
		is(t, "words", h.Xen.Physical, strings.Fields("pv hvm directio hap shadow iommu_hap_pt_share"))
		is(t, "VMX", h.CPU.X86.VMX, true)
		is(t, "EPT", h.CPU.X86.EPT, true)
		is(t, "CPUs", h.CPU.Physical, between(8, 16))
		is(t, "memory", h.Memory.Physical, between(32687<<20, 32688<<20-1))
		is(t, "scheduler", h.Xen.Scheduler, "credit2")
		is(t, "command line", h.Xen.CommandLine, facts.CommandLine{Text: "dom0_mem=4G console=vga ucode=scan"})
		is(t, "build ID", h.Xen.BuildID, "0011aabb")
		if v, ok := h.Xen.Running.Get(); !ok || v.Minor != 14 || v.Extra != ".6" || v.Changeset != "abc123" {
			t.Errorf("running: %+v", h.Xen.Running)
		}
		isUnknown(t, "configuration", h.Xen.BuildConfig, facts.NotRecorded)
		isUnknown(t, "running domains", h.Running, facts.NotRecorded)
		is(t, "shared", h.Xen.SharedPages, 3<<8)
	}
	// Without hvm neither VMX nor SVM is of use, of whatever make the CPU is.
	plain := filepath.Join(t.TempDir(), "pv.txt")
	text := strings.NewReplacer("virt_caps              : pv hvm hvm_directio", "virt_caps              : pv", "77fef3ff", "77fef3df", " hap shadow iommu_hap_pt_share", "").Replace(info)
	if err := os.WriteFile(plain, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h = must(t, Options{XLInfo: plain, Now: noon})
	is(t, "VMX without hvm", h.CPU.X86.VMX, false)
	is(t, "SVM without hvm", h.CPU.X86.SVM, false)
	// Beside a part of dom0's files that has no mark of Xen, it counts as well.
	tree := Options{FS: machine{"/proc/cpuinfo": x86CPUs(2, "GenuineIntel", 6, 85, "hypervisor"), "/proc/meminfo": "MemTotal: 1000000 kB\n"}.root(), XLInfo: name, Now: noon}
	h = must(t, tree)
	is(t, "kind by text", h.Machine.Kind, facts.Dom0)
	is(t, "VMX by text", h.CPU.X86.VMX, true)
	is(t, "CPUs by text", h.CPU.Physical, between(8, 16))
	is(t, "memory by text", h.Memory.Physical, between(32687<<20, 32688<<20-1))
	// All that a machine showed without Xen outweighs it.
	tree.FS, tree.FSLive = intelServer().root(), true
	is(t, "kind of a bare machine", must(t, tree).Machine.Kind, facts.Bare)
	if strings.Contains(archive.String(), "server9") {
		t.Error("the archive holds the host's name")
	}

	h, err = Collect(context.Background(), Options{XLDmesg: "-", Now: noon, Stdin: strings.NewReader(
		"(XEN) Xen version 4.17.5 (Debian) (gcc 12) debug=n Mon Jan  1 00:00:00 UTC 2024\n(XEN) Command line: sched=null\n(XEN) Processor: 00000000411fd070: \"ARM Limited\", variant: 0x1, part 0xd07,rev 0x0\n(XEN) GICv3 initialization:\n")})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "command line", h.Xen.CommandLine, facts.CommandLine{Text: "sched=null"})
	is(t, "arch", h.Machine.Arch, facts.Arm64)
	if c, ok := h.CPU.Arm.Boot.Get(); !ok || c.MIDR != "0x411fd070" {
		t.Errorf("boot CPU: %+v", h.CPU.Arm.Boot)
	}

	h, err = Collect(context.Background(), Options{XLDmesg: "-", Now: noon, Stdin: strings.NewReader(strings.Join([]string{
		"(XEN) Xen version 4.17.5 (Debian) (gcc 12) debug=n Mon Jan  1 00:00:00 UTC 2024", "(XEN) CPU Vendor: AMD, Family 23 (0x17), Model 1 (0x1), Stepping 2 (raw 00800f12)",
		"(XEN) System RAM: 3071MB (3145212kB)", "(XEN) SMP: Allowing 4 CPUs (2 hotplug CPUs)", "(XEN) AMD-Vi: IOMMU 0 Enabled.", "(XEN) I/O virtualisation enabled",
		"(XEN) HVM: SVM enabled", "(XEN) HVM: Hardware Assisted Paging (HAP) detected", "(XEN) Brought up 2 CPUs", "",
	}, "\n"))})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "arch", h.Machine.Arch, facts.X86_64)
	is(t, "models", h.CPU.X86.Models, []facts.X86Model{{Vendor: "AuthenticAMD", Family: 23, Model: 1, Stepping: 2}})
	is(t, "CPUs", h.CPU.Physical, between(2, 4))
	is(t, "memory", h.Memory.Physical, between(3145212<<10, 3145212<<10))
	is(t, "IOMMU", h.IOMMU.Units, []facts.IOMMUUnit{{Kind: facts.AMDVi, Count: 1, Source: "standard input"}})
	isUnknown(t, "firmware", h.Machine.Firmware, facts.NotRecorded)

	for _, o := range []Options{{XLInfo: name, XLDmesg: name}, {XLInfo: filepath.Join(t.TempDir(), "none")}, {XenConfig: name}} {
		if _, err := Collect(context.Background(), o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestRedactXenLine(t *testing.T) {
	for line, want := range map[string]string{
		"dom0_mem=2G  sched_credit_tslice_ms=5 hap": "dom0_mem=2G  sched_credit_tslice_ms=5 hap",
		"com1=115200,8n1 -- root=UUID=" + hostUUID:  "com1=115200,8n1 -- root=UUID=(removed)",
		"x=" + hostUUID + " y":                      "x=(removed) y",
		hostUUID:                                    "(removed)",
		"":                                          "",
		"a\x00b":                                    "a\x00b",
	} {
		got := redactXenLine(line)
		if got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
		if again := redactXenLine(got); again != got {
			t.Errorf("%q becomes %q the second time", got, again)
		}
	}
}

func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		v    any
		err  error
		want string
		is   error
	}{
		{"text", nil, "text", nil},
		{true, nil, "true", nil},
		{nil, xencall.ErrNotImplemented, "", fs.ErrNotExist},
		{nil, xencall.ErrNoEntry, "", fs.ErrNotExist},
	} {
		b, err := answerOf("x", test.v, test.err)
		if string(b) != test.want || !errors.Is(err, test.is) {
			t.Errorf("%v, %v: %q, %v", test.v, test.err, b, err)
		}
	}
	var p *facts.Problem
	if _, err := answerOf("x", nil, xencall.ErrRefused); !errors.As(err, &p) || p.Cause != facts.NoPermission {
		t.Errorf("refused: %v", err)
	}
}
