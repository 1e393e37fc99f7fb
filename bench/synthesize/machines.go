package main

import "math/rand/v2"

// x86 is a model of CPU as its leaves of CPUID tell it, and the machines it is
// sold in.
type x86 struct {
	vendor                  string
	family, model, stepping int
	name                    string
	threads                 int // of one socket
	sockets                 int // at most
	ept                     bool
	qos                     string // in JSON; empty where there is none
	boxes                   [][2]string
}

var (
	dell13  = [][2]string{{"Dell Inc.", "PowerEdge R630"}, {"Dell Inc.", "PowerEdge R730xd"}, {"HP", "ProLiant DL380 Gen9"}, {"Supermicro", "X10DRi"}}
	dell14  = [][2]string{{"Dell Inc.", "PowerEdge R640"}, {"Dell Inc.", "PowerEdge R740xd"}, {"HPE", "ProLiant DL380 Gen10"}, {"Lenovo", "ThinkSystem SR650"}, {"Supermicro", "SYS-1029P-WTR"}}
	dell15  = [][2]string{{"Dell Inc.", "PowerEdge R650"}, {"Dell Inc.", "PowerEdge R750"}, {"HPE", "ProLiant DL360 Gen10 Plus"}, {"Lenovo", "ThinkSystem SR650 V2"}}
	dell16  = [][2]string{{"Dell Inc.", "PowerEdge R660"}, {"Dell Inc.", "PowerEdge R760"}, {"HPE", "ProLiant DL380 Gen11"}, {"Supermicro", "SYS-621C-TN12R"}}
	amdBox  = [][2]string{{"Dell Inc.", "PowerEdge R6525"}, {"Dell Inc.", "PowerEdge R7525"}, {"HPE", "ProLiant DL385 Gen10 Plus"}, {"Supermicro", "AS -1114S-WTRT"}, {"GIGABYTE", "R282-Z93"}}
	small   = [][2]string{{"Supermicro", "SYS-5019S-M"}, {"Intel Corporation", "NUC7i7BNH"}, {"PC Engines", "apu2"}, {"FUJITSU", "PRIMERGY TX1330 M3"}}
	intelQ  = `["cqm","rdt_a","cat_l3","cdp_l3","mba"]`
	broadwQ = `["cqm","rdt_a","cat_l3"]`
)

var x86s = []x86{
	{"GenuineIntel", 6, 23, 10, "Intel(R) Xeon(R) CPU           E5450  @ 3.00GHz", 4, 2, false, "", dell13},
	{"GenuineIntel", 6, 44, 2, "Intel(R) Xeon(R) CPU           X5650  @ 2.67GHz", 12, 2, true, "", dell13},
	{"GenuineIntel", 6, 45, 7, "Intel(R) Xeon(R) CPU E5-2650 0 @ 2.00GHz", 16, 2, true, "", dell13},
	{"GenuineIntel", 6, 62, 4, "Intel(R) Xeon(R) CPU E5-2680 v2 @ 2.80GHz", 20, 2, true, "", dell13},
	{"GenuineIntel", 6, 63, 2, "Intel(R) Xeon(R) CPU E5-2630 v3 @ 2.40GHz", 16, 2, true, `["cqm"]`, dell13},
	{"GenuineIntel", 6, 79, 1, "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 28, 2, true, broadwQ, dell13},
	{"GenuineIntel", 6, 79, 1, "Intel(R) Xeon(R) CPU E7-8890 v4 @ 2.20GHz", 48, 8, true, broadwQ, dell13},
	{"GenuineIntel", 6, 85, 4, "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", 32, 2, true, intelQ, dell14},
	{"GenuineIntel", 6, 85, 4, "Intel(R) Xeon(R) Platinum 8180 CPU @ 2.50GHz", 56, 8, true, intelQ, dell14},
	{"GenuineIntel", 6, 85, 7, "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz", 40, 2, true, intelQ, dell14},
	{"GenuineIntel", 6, 85, 7, "Intel(R) Xeon(R) Silver 4214 CPU @ 2.20GHz", 24, 2, true, intelQ, dell14},
	{"GenuineIntel", 6, 106, 6, "Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz", 56, 2, true, intelQ, dell15},
	{"GenuineIntel", 6, 106, 6, "Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", 80, 2, true, intelQ, dell15},
	{"GenuineIntel", 6, 143, 8, "Intel(R) Xeon(R) Gold 6430", 64, 2, true, intelQ, dell16},
	{"GenuineIntel", 6, 143, 8, "Intel(R) Xeon(R) Platinum 8490H", 120, 8, true, intelQ, dell16},
	{"GenuineIntel", 6, 207, 2, "Intel(R) Xeon(R) Platinum 8592+", 128, 2, true, intelQ, dell16},
	{"GenuineIntel", 6, 87, 1, "Intel(R) Xeon Phi(TM) CPU 7250 @ 1.40GHz", 272, 1, true, "", dell14},
	{"GenuineIntel", 6, 133, 0, "Intel(R) Xeon Phi(TM) CPU 7295 @ 1.50GHz", 288, 1, true, "", dell14},
	{"GenuineIntel", 6, 158, 9, "Intel(R) Xeon(R) CPU E3-1270 v6 @ 3.80GHz", 8, 1, true, "", small},
	{"GenuineIntel", 6, 142, 9, "Intel(R) Core(TM) i7-7567U CPU @ 3.50GHz", 4, 1, true, "", small},
	{"GenuineIntel", 6, 95, 1, "Intel(R) Atom(TM) CPU C3758 @ 2.20GHz", 8, 1, true, `["cat_l2"]`, small},
	{"AuthenticAMD", 16, 9, 1, "AMD Opteron(tm) Processor 6174", 12, 4, true, "", dell13},
	{"AuthenticAMD", 21, 2, 0, "AMD Opteron(tm) Processor 6376", 16, 4, true, "", dell13},
	{"AuthenticAMD", 22, 48, 1, "AMD GX-412TC SOC", 4, 1, true, "", small},
	{"AuthenticAMD", 23, 1, 2, "AMD EPYC 7551 32-Core Processor", 64, 2, true, "", amdBox},
	{"AuthenticAMD", 23, 49, 0, "AMD EPYC 7302P 16-Core Processor", 32, 1, true, intelQ, amdBox},
	{"AuthenticAMD", 23, 49, 0, "AMD EPYC 7742 64-Core Processor", 128, 2, true, intelQ, amdBox},
	{"AuthenticAMD", 25, 1, 1, "AMD EPYC 7763 64-Core Processor", 128, 2, true, intelQ, amdBox},
	{"AuthenticAMD", 25, 17, 1, "AMD EPYC 9354 32-Core Processor", 64, 2, true, intelQ, amdBox},
	{"AuthenticAMD", 25, 17, 1, "AMD EPYC 9654 96-Core Processor", 192, 2, true, intelQ, amdBox},
	{"AuthenticAMD", 25, 160, 2, "AMD EPYC 9754 128-Core Processor", 256, 2, true, intelQ, amdBox},
	{"HygonGenuine", 24, 1, 1, "Hygon C86 7285 32-core Processor", 64, 2, true, "", amdBox},
}

// core is an Arm core (the part numbers of MIDR_EL1).
type core struct {
	name              string
	implementer, part int
	variant, revision int
}

var (
	a7   = core{"Cortex-A7", 0x41, 0xc07, 0, 5}
	a9   = core{"Cortex-A9", 0x41, 0xc09, 3, 0}
	a15  = core{"Cortex-A15", 0x41, 0xc0f, 2, 4}
	a53  = core{"Cortex-A53", 0x41, 0xd03, 0, 4}
	a55  = core{"Cortex-A55", 0x41, 0xd05, 2, 0}
	a57a = core{"Cortex-A57", 0x41, 0xd07, 1, 0}
	a57b = core{"Cortex-A57", 0x41, 0xd07, 1, 3}
	a72  = core{"Cortex-A72", 0x41, 0xd08, 0, 3}
	a76  = core{"Cortex-A76", 0x41, 0xd0b, 4, 0}
	a77  = core{"Cortex-A77", 0x41, 0xd0d, 1, 0}
	a78  = core{"Cortex-A78AE", 0x41, 0xd42, 0, 1}
	n1   = core{"Neoverse-N1", 0x41, 0xd0c, 3, 1}
	v1   = core{"Neoverse-V1", 0x41, 0xd40, 1, 1}
	v2   = core{"Neoverse-V2", 0x41, 0xd4f, 0, 1}
	tx2  = core{"ThunderX2-99xx", 0x43, 0x0af, 1, 1}
	r82  = core{"Cortex-R82", 0x41, 0xd15, 0, 0}
)

// board is a machine with Arm cores.
type board struct {
	model       string
	cores       []core // that of the boot CPU first
	each        int    // CPUs of each core
	bits        int    // 32 or 64
	gic         int
	its         int
	smmu        string // kind; empty where there is none
	acpi        bool   // described by ACPI alone
	sve         bool
	memory      []uint64 // GiB
	noExtension bool     // without the virtualization extensions
}

var boards = []board{
	{model: "Ampere Altra (Mt. Jade)", cores: []core{n1}, each: 160, bits: 64, gic: 3, its: 8, smmu: "smmuv3", acpi: true, memory: []uint64{128, 256, 512, 1024, 4096}},
	{model: "HPE ProLiant RL300 Gen11", cores: []core{n1}, each: 128, bits: 64, gic: 3, its: 8, smmu: "smmuv3", acpi: true, memory: []uint64{128, 256, 512}},
	{model: "Gigabyte R181-T92 (ThunderX2)", cores: []core{tx2}, each: 224, bits: 64, gic: 3, its: 2, smmu: "smmuv3", acpi: true, memory: []uint64{128, 256}},
	{model: "NVIDIA Grace CPU Superchip", cores: []core{v2}, each: 144, bits: 64, gic: 3, its: 2, smmu: "smmuv3", acpi: true, sve: true, memory: []uint64{240, 480, 960}},
	{model: "AWS Graviton3 (c7g.metal)", cores: []core{v1}, each: 64, bits: 64, gic: 3, its: 1, acpi: true, sve: true, memory: []uint64{128}},
	{model: "Arm Juno r1", cores: []core{a53, a57a}, each: 3, bits: 64, gic: 2, memory: []uint64{8}},
	{model: "Arm Juno r1, started from the big cluster", cores: []core{a57a, a53}, each: 3, bits: 64, gic: 2, memory: []uint64{8}},
	{model: "AMD Seattle", cores: []core{a57b}, each: 8, bits: 64, gic: 2, smmu: "smmuv1", memory: []uint64{16, 32}},
	{model: "Raspberry Pi 4 Model B Rev 1.4", cores: []core{a72}, each: 4, bits: 64, gic: 2, memory: []uint64{2, 4, 8}},
	{model: "Raspberry Pi 5 Model B Rev 1.0", cores: []core{a76}, each: 4, bits: 64, gic: 2, memory: []uint64{4, 8, 16}},
	{model: "Xilinx ZynqMP ZCU102 Rev1.0", cores: []core{a53}, each: 4, bits: 64, gic: 2, smmu: "smmuv2", memory: []uint64{4}},
	{model: "NXP LX2160A-RDB", cores: []core{a72}, each: 16, bits: 64, gic: 3, its: 1, smmu: "smmuv2", memory: []uint64{16, 32, 64}},
	{model: "Renesas Salvator-X r8a7795", cores: []core{a57a, a53}, each: 4, bits: 64, gic: 2, smmu: "ipmmu-vmsa", memory: []uint64{4, 8}},
	{model: "Radxa ROCK 5B", cores: []core{a55, a76}, each: 4, bits: 64, gic: 3, its: 2, smmu: "smmuv3", memory: []uint64{8, 16, 32}},
	{model: "Snapdragon 865 HDK", cores: []core{a55, a77}, each: 4, bits: 64, gic: 3, its: 1, smmu: "smmuv2", memory: []uint64{8, 12}},
	{model: "NVIDIA Jetson AGX Orin", cores: []core{a78}, each: 12, bits: 64, gic: 3, its: 1, smmu: "smmuv2", memory: []uint64{32, 64}},
	{model: "Arm FVP BaseR", cores: []core{r82}, each: 4, bits: 64, gic: 3, memory: []uint64{4}},
	{model: "Calxeda Midway", cores: []core{a15}, each: 4, bits: 32, gic: 2, memory: []uint64{8, 16}},
	{model: "Cubietech Cubietruck", cores: []core{a7}, each: 2, bits: 32, gic: 2, memory: []uint64{2}},
	{model: "Arndale Octa", cores: []core{a7, a15}, each: 4, bits: 32, gic: 2, memory: []uint64{2, 3}},
	{model: "Calxeda Highbank", cores: []core{a9}, each: 4, bits: 32, gic: 1, memory: []uint64{4}, noExtension: true},
}

// xenVersions are releases of Xen with their latest point releases.
var xenVersions = []struct{ minor, point int }{{13, 5}, {14, 6}, {15, 5}, {16, 6}, {17, 5}, {18, 5}, {19, 3}, {20, 1}, {21, 0}, {22, 0}}

// commandLine invents a command line of Xen's: what administrators write, in
// any mix.
func commandLine(r *rand.Rand, b []byte) []byte {
	b = append(b, "placeholder"...)
	say := func(chance int, words ...string) {
		if r.IntN(100) < chance {
			b = append(append(b, ' '), words[r.IntN(len(words))]...)
		}
	}
	say(90, "dom0_mem=1G,max:1G", "dom0_mem=2G,max:2G", "dom0_mem=4G,max:4G", "dom0_mem=4096M", "dom0_mem=8G,max:8G", "dom0_mem=max:16G", "dom0_mem=1232M,max:1232M")
	say(40, "dom0_max_vcpus=1-8", "dom0_max_vcpus=4", "dom0_max_vcpus=1-16", "dom0_vcpus_pin")
	say(60, "console=vga,com1", "console=com1,vga", "console=com1", "console=vga")
	say(50, "com1=115200,8n1", "com1=115200,8n1,0x3f8,4", "com2=115200,8n1", "com1=9600")
	say(50, "ucode=scan", "ucode=nmi,scan")
	say(30, "smt=0", "smt=off", "xpti=dom0=false,domu=true", "spec-ctrl=no", "spec-ctrl=gds-mit=no")
	say(30, "iommu=no-igfx", "iommu=required", "iommu=verbose,no-intremap", "iommu=dom0-passthrough")
	say(20, "loglvl=all guest_loglvl=all", "loglvl=info", "sync_console")
	say(20, "crashkernel=256M,below=4G", "crashkernel=192M,below=4G")
	say(12, "sched=credit", "sched=credit2", "sched=rtds", "sched=null", "sched-gran=core")
	say(8, "vpmu=on", "psr=cmt,cat", "argo=1", "dom0=pvh", "xsm=flask", "xsm=silo", "tbuf_size=4", "altp2m=1")
	say(5, "hvm_fep", "allow_unsafe", "gnttab=max-ver:2", "partial-emulation", "llc-coloring", "ept=exec-sp")
	return b
}
