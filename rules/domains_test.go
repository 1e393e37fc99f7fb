package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// edit changes one place of a domain or of its host.
type edit func(*facts.Domain, *facts.Host)

// domainOn returns a plain domain of 1 GiB and the host it is judged on: one
// whose dom0 is Linux and that does not run Xen; both with their changes.
func domainOn(arch facts.Arch, edits ...edit) (facts.Domain, *facts.Host) {
	h := x86(nil)
	switch arch {
	case facts.Arm64:
		h = arm64()
	case facts.Arm32:
		h = arm32()
	}
	h.Userspace = &facts.Userspace{System: facts.Is("Linux", "uname"), XLConf: facts.Missing[map[string]string]("/etc/xen/xl.conf")}
	d := facts.Domain{Form: facts.XLConfig, Source: "guest.cfg", Name: facts.Set("guest", 1)}
	d.Memory.Start = facts.Set(uint64(gib), 2)
	for _, e := range edits {
		e(&d, h)
	}
	return d, h
}

func key(change func(*facts.Domain)) edit {
	return func(d *facts.Domain, _ *facts.Host) { change(d) }
}

func onHost(change func(*facts.Host)) edit {
	return func(_ *facts.Domain, h *facts.Host) { change(h) }
}

func kind(t facts.DomainType) edit {
	return key(func(d *facts.Domain) { d.Type = facts.Set(t, 3) })
}

func disk(d facts.DomainDisk) edit {
	return key(func(to *facts.Domain) {
		d.Line = 9
		to.Devices.Disks = facts.Set([]facts.DomainDisk{d}, 9)
	})
}

func vif(n facts.DomainNIC) edit {
	return key(func(to *facts.Domain) {
		n.Line = 9
		to.Devices.NICs = facts.Set([]facts.DomainNIC{n}, 9)
	})
}

func some[T any](get func(*facts.DomainDevices) *facts.Setting[[]T], v T) edit {
	return key(func(d *facts.Domain) { *get(&d.Devices) = facts.Set([]T{v}, 9) })
}

func flagged(get func(*facts.Domain) *facts.Setting[bool], v bool) edit {
	return key(func(d *facts.Domain) { *get(d) = facts.Set(v, 9) })
}

func word(get func(*facts.Domain) *facts.Setting[string], v string) edit {
	return key(func(d *facts.Domain) { *get(d) = facts.Set(v, 9) })
}

func amount(get func(*facts.Domain) *facts.Setting[uint64], v uint64) edit {
	return key(func(d *facts.Domain) { *get(d) = facts.Set(v, 9) })
}

func words(get func(*facts.Domain) *facts.Setting[[]string], v ...string) edit {
	return key(func(d *facts.Domain) { *get(d) = facts.Set(v, 9) })
}

// kernelIs gives a domain a kernel whose file was looked at.
func kernelIs(format string, bits int) edit {
	return key(func(d *facts.Domain) {
		d.Boot.Kernel = facts.Set("/boot/guest", 9)
		d.Boot.Image = facts.Is(facts.KernelImage{Format: format, Bits: bits}, "kernel image /boot/guest")
	})
}

// startedByXen makes a domain one of the device tree.
func startedByXen(tree facts.DomainTree) edit {
	return key(func(d *facts.Domain) { d.Form, d.Source, d.Tree = facts.BootTree, "board.dtb /chosen/domU1", &tree })
}

func builtWith(symbol, value string) edit {
	return onHost(func(h *facts.Host) {
		h.Xen.BuildConfig = facts.Is(facts.BuildConfig{Symbols: map[string]string{symbol: value}}, "xen.config")
	})
}

func runningAs(r facts.RunningDomain) edit {
	return func(d *facts.Domain, h *facts.Host) {
		r.ID = 7
		d.ID = facts.Set(7, 0)
		h.Running = facts.Is([]facts.RunningDomain{r}, "hypercall")
	}
}

func maxmem(d *facts.Domain) *facts.Setting[uint64]        { return &d.Memory.Max }
func vga(d *facts.Domain) *facts.Setting[string]           { return &d.Model.VGA }
func soundhw(d *facts.Domain) *facts.Setting[string]       { return &d.Model.SoundHW }
func usbdevice(d *facts.Domain) *facts.Setting[[]string]   { return &d.Model.USBDevices }
func dmVersion(d *facts.Domain) *facts.Setting[string]     { return &d.Model.Version }
func stubdomain(d *facts.Domain) *facts.Setting[bool]      { return &d.Model.Stubdomain }
func hap(d *facts.Domain) *facts.Setting[bool]             { return &d.HAP }
func bios(d *facts.Domain) *facts.Setting[string]          { return &d.Boot.BIOS }
func guestFirmware(d *facts.Domain) *facts.Setting[string] { return &d.Boot.Firmware }
func pvshim(d *facts.Domain) *facts.Setting[bool]          { return &d.Boot.PVShim }
func teeKey(d *facts.Domain) *facts.Setting[string]        { return &d.TEE }

var (
	file  = facts.DomainDisk{Target: "/srv/guest.img", VDev: "xvda", Format: "raw"}
	block = facts.DomainDisk{Target: "/dev/vg/guest", VDev: "xvda", Format: "raw"}
)

func image(format string) facts.DomainDisk {
	return facts.DomainDisk{Target: "/srv/guest.img", VDev: "xvda", Format: format}
}

func served(d facts.DomainDisk, backend string) facts.DomainDisk { d.Backend = backend; return d }

// domainFixture is a pair of domains, on the same host, that differ in one
// source alone, and a row that comes out differently for them.
type domainFixture struct {
	row     string
	release string // 4.22 when empty
	arch    facts.Arch
	base    []edit
	on, off edit // off nil: base alone
	partial bool // without it the row is not visible, instead of not in use
}

// domainFixtures holds, for each row that domains decide, what puts it in use
// and what does not.
var domainFixtures = []domainFixture{
	// Kinds of guest
	{row: "x86pv", release: "4.10", on: kind(facts.PV), off: kind(facts.HVM)},
	{row: "x86pv--x8664", on: word(guestFirmware, "pvgrub64"), off: word(guestFirmware, "pvgrub32")},
	{row: "x86pv--x8632-without-shim", on: word(guestFirmware, "pvgrub32"), off: word(guestFirmware, "pvgrub64"),
		base: []edit{onHost(func(h *facts.Host) {
			h.Xen.Capabilities = facts.Is([]string{"xen-3.0-x86_64", "xen-3.0-x86_32p"}, "hypercall")
		})}},
	{row: "x86pv--x8632-shim", base: []edit{kind(facts.PVH), word(guestFirmware, "pvgrub32")}, on: flagged(pvshim, true), off: flagged(pvshim, false)},
	{row: "x86hvm--domu", on: kind(facts.HVM), off: kind(facts.PVH)},
	{row: "x86pvh--domu", on: kind(facts.PVH), off: kind(facts.HVM)},
	{row: "x86pvh-guest", release: "4.10-unstable", on: kind(facts.PVH), off: kind(facts.HVM)},
	{row: "x86pvhvm", base: []edit{kind(facts.HVM)}, off: flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.Model.PlatformPCI }, false)},
	{row: "null-scheduler--x86shim", base: []edit{kind(facts.PVH), flagged(pvshim, true)},
		off: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Boot.PVShimCmdline }, "console=xen sched=credit")},
	{row: "x86nested-hvm--x86-hvm", base: []edit{kind(facts.HVM)}, on: flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.CPU.NestedHVM }, true)},
	{row: "arm-guest-acpi-support", arch: facts.Arm64, on: flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.ACPI }, true)},

	// What a guest starts from
	{row: "direct-boot-kernel-image-format--x86", on: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Boot.Kernel }, "/boot/guest")},
	{row: "direct-boot-kernel-image-format--arm64", arch: facts.Arm64, on: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Boot.Kernel }, "/boot/guest")},
	{row: "direct-boot-kernel-image-format--arm32", arch: facts.Arm32, on: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Boot.Kernel }, "/boot/guest")},
	{row: "direct-boot-kernel-image-format--x86", on: kernelIs("bzImage", 64), off: kernelIs("other", 0)},
	{row: "direct-boot-kernel-image-format--arm64", arch: facts.Arm64, on: kernelIs("Image", 64), off: kernelIs("zImage", 32)},
	{row: "direct-boot-kernel-image-format--arm32", arch: facts.Arm32, on: kernelIs("zImage", 32), off: kernelIs("uImage", 0)},
	{row: "x86pv--x8664", on: kernelIs("bzImage", 64), off: kernelIs("ELF", 32)},
	{row: "x86pv--x8632-without-shim", on: kernelIs("ELF", 32), off: kernelIs("ELF", 64),
		base: []edit{onHost(func(h *facts.Host) {
			h.Xen.Capabilities = facts.Is([]string{"xen-3.0-x86_64", "xen-3.0-x86_32p"}, "hypercall")
		})}},
	{row: "x86pv--x8632-shim", base: []edit{kind(facts.PVH), flagged(pvshim, true)}, on: kernelIs("ELF", 32), off: kernelIs("ELF", 64)},
	{row: "dom0less--arm", arch: facts.Arm64, on: startedByXen(facts.DomainTree{})},
	{row: "static-event-channel--arm", arch: facts.Arm64, on: startedByXen(facts.DomainTree{StaticEvents: true}), off: startedByXen(facts.DomainTree{})},
	{row: "pygrub", on: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Boot.Bootloader }, "/usr/lib/xen/bin/pygrub"),
		off: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Boot.Bootloader }, "/usr/bin/other")},
	{row: "x86hvm-ipxe", base: []edit{kind(facts.HVM)}, on: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Boot.Order }, "dnc"),
		off: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Boot.Order }, "dc")},
	{row: "x86hvm-ipxe", base: []edit{kind(facts.HVM)}, on: vif(facts.DomainNIC{}), off: vif(facts.DomainNIC{Type: "vif"})},
	{row: "x86hvm-ipxe", base: []edit{kind(facts.HVM), vif(facts.DomainNIC{})}, off: disk(file)},
	{row: "x86hvm-ipxe", base: []edit{kind(facts.HVM), vif(facts.DomainNIC{})}, off: kernelIs("bzImage", 64)},
	{row: "x86hvm-bios--seabios-qemu-xen", base: []edit{kind(facts.HVM)}, off: word(bios, "ovmf")},
	{row: "x86hvm-bios--rombios-qemu-xen-traditional", release: "4.20", base: []edit{kind(facts.HVM)}, on: word(dmVersion, "qemu-xen-traditional"), off: word(dmVersion, "qemu-xen")},
	{row: "x86hvm-ovmf--qemu-xen", base: []edit{kind(facts.HVM)}, on: word(guestFirmware, "uefi"), off: word(guestFirmware, "bios")},

	// Virtual CPUs
	{row: "virtual-cpu-hotplug", on: amount(func(d *facts.Domain) *facts.Setting[uint64] { return &d.CPU.MaxVCPUs }, 4),
		off: amount(func(d *facts.Domain) *facts.Setting[uint64] { return &d.CPU.MaxVCPUs }, 1), partial: true},
	{row: "cpu-pools", on: word(func(d *facts.Domain) *facts.Setting[string] { return &d.CPU.Pool }, "fast"),
		off: word(func(d *facts.Domain) *facts.Setting[string] { return &d.CPU.Pool }, "Pool-0")},
	{row: "numa-scheduler-affinity--x86", on: words(func(d *facts.Domain) *facts.Setting[[]string] { return &d.CPU.Affinity }, "0-3"), partial: true},
	{row: "x86vmce", base: []edit{kind(facts.HVM)}, on: words(func(d *facts.Domain) *facts.Setting[[]string] { return &d.CPU.MCACaps }, "lmce"), partial: true},
	{row: "processor-trace-support--x86", base: []edit{kind(facts.HVM)}, on: amount(func(d *facts.Domain) *facts.Setting[uint64] { return &d.CPU.VMTrace }, 1<<16)},
	{row: "alternative-p2m--x86-hvm", base: []edit{kind(facts.HVM), onHost(xenLine("altp2m=1"))}, on: word(func(d *facts.Domain) *facts.Setting[string] { return &d.CPU.Altp2m }, "external"),
		off: word(func(d *facts.Domain) *facts.Setting[string] { return &d.CPU.Altp2m }, "disabled")},
	{row: "alternative-p2m--x86-hvm", base: []edit{kind(facts.HVM), flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.CPU.Altp2mHVM }, true)},
		on: onHost(xenLine("altp2m=1")), off: onHost(xenLine("altp2m=0"))},
	{row: "alternative-p2m--x86-hvm", base: []edit{kind(facts.HVM), onHost(xenLine("altp2m=1")), word(func(d *facts.Domain) *facts.Setting[string] { return &d.CPU.Altp2m }, "external")},
		on: builtWith("CONFIG_ALTP2M", "y"), off: builtWith("CONFIG_ALTP2M", "n")},
	{row: "arm-scalable-vector-extension-svesve2", arch: facts.Arm64, base: []edit{onHost(sve)}, on: word(func(d *facts.Domain) *facts.Setting[string] { return &d.CPU.SVE }, "hw"),
		off: word(func(d *facts.Domain) *facts.Setting[string] { return &d.CPU.SVE }, "disabled")},
	{row: "vpmu--arm", arch: facts.Arm64, on: flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.CPU.VPMU }, true)},

	// Memory
	{row: "static-allocation--arm", arch: facts.Arm64, on: startedByXen(facts.DomainTree{StaticMemory: true}), off: startedByXen(facts.DomainTree{})},
	{row: "static-memory-sharing--arm", arch: facts.Arm64, on: startedByXen(facts.DomainTree{SharedMemory: true}), off: startedByXen(facts.DomainTree{})},
	{row: "dynamic-memory-control", on: amount(maxmem, 2*gib), off: amount(maxmem, gib), partial: true},
	{row: "populate-on-demand-memory--x86-hvm", base: []edit{kind(facts.HVM)}, on: amount(maxmem, 2*gib), off: amount(maxmem, gib)},
	{row: "memory-sharing--x86-hvm", base: []edit{kind(facts.HVM)}, on: runningAs(facts.RunningDomain{HVM: true, HAP: true, Shared: 3}), off: runningAs(facts.RunningDomain{HVM: true, HAP: true})},
	{row: "memory-paging--x86-hvm", base: []edit{kind(facts.HVM)}, on: runningAs(facts.RunningDomain{HVM: true, HAP: true, Paged: 3}), off: runningAs(facts.RunningDomain{HVM: true, HAP: true})},
	{row: "shadow-paging", base: []edit{kind(facts.HVM)}, on: flagged(hap, false), off: flagged(hap, true)},
	{row: "shadow-paging", base: []edit{kind(facts.PVH)}, on: onHost(func(h *facts.Host) { h.CPU.X86.EPT = facts.Is(false, "/proc/cpuinfo") })},
	{row: "shadow-paging", base: []edit{kind(facts.HVM)}, on: onHost(xenLine("hap=0")), off: onHost(xenLine("hap=1"))},
	{row: "shadow-paging", base: []edit{kind(facts.HVM)}, on: runningAs(facts.RunningDomain{HVM: true}), off: runningAs(facts.RunningDomain{HVM: true, HAP: true})},
	{row: "super-page-support--x86-hvmpvh-hap", base: []edit{kind(facts.HVM)}, on: flagged(hap, true), off: flagged(hap, false)},
	{row: "super-page-support--x86-hvmpvh-shadow-2mib", base: []edit{kind(facts.PVH)}, on: flagged(hap, false), off: flagged(hap, true)},
	{row: "cache-coloring--arm64", arch: facts.Arm64, on: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Memory.LLCColors }, "0-7")},

	// What QEMU emulates
	{row: "virtual-hardware-qemu", on: kind(facts.HVM), off: kind(facts.PVH)},
	{row: "x86emulated-platform-devices-qemu--piix3", on: kind(facts.HVM), off: kind(facts.PVH)},
	{row: "x86emulated-network-qemu--e1000", base: []edit{kind(facts.HVM)}, on: vif(facts.DomainNIC{Model: "e1000"}), off: vif(facts.DomainNIC{Model: "e1000e"})},
	{row: "x86emulated-network-qemu--rtl8193", base: []edit{kind(facts.HVM)}, on: vif(facts.DomainNIC{}), off: vif(facts.DomainNIC{Type: "vif"})},
	{row: "x86emulated-network-qemu--virtio-net", base: []edit{kind(facts.HVM)}, on: vif(facts.DomainNIC{Model: "virtio-net"}), off: vif(facts.DomainNIC{})},
	{row: "x86emulated-storage-qemu--piix3-ide", base: []edit{kind(facts.HVM), disk(file)}, off: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Model.HDType }, "ahci")},
	{row: "x86emulated-storage-qemu--ahci", base: []edit{kind(facts.HVM), disk(file)}, on: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Model.HDType }, "ahci"),
		off: word(func(d *facts.Domain) *facts.Setting[string] { return &d.Model.HDType }, "ide")},
	{row: "x86emulated-graphics-qemu--cirrus-vga", base: []edit{kind(facts.HVM)}, off: word(vga, "none")},
	{row: "x86emulated-graphics-qemu--stdvga", base: []edit{kind(facts.HVM)}, on: word(vga, "stdvga"), off: word(vga, "cirrus")},
	{row: "x86emulated-graphics-qemu--stdvga", base: []edit{kind(facts.HVM)}, on: flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.Model.StdVGA }, true)},
	{row: "x86emulated-audio-qemu--sb16", base: []edit{kind(facts.HVM)}, on: word(soundhw, "sb16,ac97"), off: word(soundhw, "ac97")},
	{row: "x86emulated-audio-qemu--es1370", base: []edit{kind(facts.HVM)}, on: word(soundhw, "es1370"), off: word(soundhw, "hda")},
	{row: "x86emulated-audio-qemu--ac97", base: []edit{kind(facts.HVM)}, on: word(soundhw, "ac97")},
	{row: "x86emulated-input-qemu--usbmouse", base: []edit{kind(facts.HVM)}, on: words(usbdevice, "mouse"), off: words(usbdevice, "tablet")},
	{row: "x86emulated-input-qemu--usbtablet", base: []edit{kind(facts.HVM)}, on: words(usbdevice, "tablet"), off: words(usbdevice, "mouse")},
	{row: "x86emulated-input-qemu--ps2-keyboard", on: kind(facts.HVM), off: kind(facts.PV)},
	{row: "x86emulated-input-qemu--ps2-mouse", on: kind(facts.HVM), off: kind(facts.PVH)},
	{row: "x86emulated-serial-card-qemu--uart-16550a", base: []edit{kind(facts.HVM)}, on: words(func(d *facts.Domain) *facts.Setting[[]string] { return &d.Model.Serial }, "pty"),
		off: words(func(d *facts.Domain) *facts.Setting[[]string] { return &d.Model.Serial }, "none")},
	{row: "x86host-usb-passthrough-qemu", base: []edit{kind(facts.HVM)}, on: words(usbdevice, "host:1.2"), off: words(usbdevice, "tablet")},
	{row: "x86host-usb-passthrough-qemu", base: []edit{kind(facts.HVM), some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainUSBDev] { return &d.USBDevs }, facts.DomainUSBDev{})},
		off: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainUSBCtrl] { return &d.USBCtrls }, facts.DomainUSBCtrl{Type: "qusb"})},
	{row: "qemu-xen-traditional--device-model-stub-domains", release: "4.20", base: []edit{kind(facts.HVM), flagged(stubdomain, true)}, off: word(dmVersion, "qemu-xen")},
	{row: "qemu-xen-traditional--as-host-process-device-model", release: "4.20", base: []edit{kind(facts.HVM)}, on: word(dmVersion, "qemu-xen-traditional"), off: word(dmVersion, "qemu-xen")},
	{row: "linux-device-model-stubdomains", base: []edit{kind(facts.HVM)}, on: flagged(stubdomain, true), off: flagged(stubdomain, false)},
	{row: "linux-device-model-stubdomains", release: "4.20", base: []edit{kind(facts.HVM), flagged(stubdomain, true)}, on: word(dmVersion, "qemu-xen")},
	{row: "device-model-stub-domains", base: []edit{kind(facts.HVM)}, on: flagged(stubdomain, true)},
	{row: "device-model-deprivileging--linux-dom0", base: []edit{kind(facts.HVM)}, on: flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.Model.Restrict }, true)},

	// Paravirtual devices and what serves them
	{row: "blkback--linux-xen-blkback", on: disk(block), off: disk(file)},
	{row: "blkback--linux-xen-blkback", on: disk(facts.DomainDisk{Target: "x", Script: "block-drbd", VDev: "xvda", Format: "raw"})},
	{row: "blkback--freebsd-blkback", base: []edit{disk(block)}, on: onHost(userspace(func(u *facts.Userspace) { u.System = facts.Is("FreeBSD", "uname") }))},
	{row: "blkback--netbsd-xbdback", base: []edit{disk(block)}, on: onHost(userspace(func(u *facts.Userspace) { u.System = facts.Is("NetBSD", "uname") }))},
	{row: "blkback--qemu-xendisk-raw-format", on: disk(file), off: disk(block)},
	{row: "blkback--qemu-xendisk-qcow-format", on: disk(image("qcow")), off: disk(image("qcow2"))},
	{row: "blkback--qemu-xendisk-qcow2-format", on: disk(image("qcow2")), off: disk(image("qcow"))},
	{row: "blkback--qemu-xendisk-vhd-format", on: disk(image("vhd")), off: disk(image("raw"))},
	{row: "blkback--blktap2-raw-format", release: "4.12", on: disk(facts.DomainDisk{Target: "/srv/i", VDev: "xvda", Format: "raw", BackendType: "tap"}),
		off: disk(facts.DomainDisk{Target: "/srv/i", VDev: "xvda", Format: "raw", BackendType: "qdisk"})},
	{row: "blkback--blktap2-vhd-format", release: "4.12", on: disk(facts.DomainDisk{Target: "/srv/i", VDev: "xvda", Format: "vhd", BackendType: "tap"}),
		off: disk(facts.DomainDisk{Target: "/srv/i", VDev: "xvda", Format: "vhd", BackendType: "qdisk"})},
	{row: "netback--linux-xen-netback", on: vif(facts.DomainNIC{})},
	{row: "netback--freebsd-netback", base: []edit{vif(facts.DomainNIC{})}, on: onHost(userspace(func(u *facts.Userspace) { u.System = facts.Is("FreeBSD", "uname") }))},
	{row: "netback--netbsd-xennetback", base: []edit{vif(facts.DomainNIC{})}, on: onHost(userspace(func(u *facts.Userspace) { u.System = facts.Is("NetBSD", "uname") }))},
	{row: "open-vswitch-integration-for-xl--linux", on: vif(facts.DomainNIC{Script: "vif-openvswitch"}), off: vif(facts.DomainNIC{Script: "vif-bridge"})},
	{row: "open-vswitch-integration-for-xl--linux", base: []edit{vif(facts.DomainNIC{})}, on: onHost(userspace(func(u *facts.Userspace) {
		u.XLConf = facts.Is(map[string]string{"vif.default.script": "vif-openvswitch"}, "/etc/xen/xl.conf")
	}))},
	{row: "pv-framebuffer-backend--qemu", on: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainDevice] { return &d.VFBs }, facts.DomainDevice{Line: 9})},
	{row: "pv-framebuffer-backend--qemu", on: flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.Model.VNC }, true)},
	{row: "pv-keyboard-backend--qemu", base: []edit{kind(facts.HVM)}, off: flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.Model.VKBDevice }, false)},
	{row: "pv-keyboard-backend--qemu", on: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainVKB] { return &d.VKBs }, facts.DomainVKB{BackendType: "qemu"}),
		off: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainVKB] { return &d.VKBs }, facts.DomainVKB{BackendType: "linux"})},
	{row: "pv-usb-backend--qemu", on: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainUSBCtrl] { return &d.USBCtrls }, facts.DomainUSBCtrl{Type: "qusb"}),
		off: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainUSBCtrl] { return &d.USBCtrls }, facts.DomainUSBCtrl{Type: "pv"})},
	{row: "pv-tpm-backend", on: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainDevice] { return &d.VTPMs }, facts.DomainDevice{Backend: "tpm"})},
	{row: "pv-9pfs-backend--qemu", on: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainP9] { return &d.P9s }, facts.DomainP9{Tag: "a", Path: "/a"}),
		off: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainP9] { return &d.P9s }, facts.DomainP9{Type: "xen_9pfsd", Tag: "a", Path: "/a"})},
	{row: "pv-9pfs-backend--xen-9pfsd", on: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainP9] { return &d.P9s }, facts.DomainP9{Type: "xen_9pfsd", Tag: "a", Path: "/a"}),
		off: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainP9] { return &d.P9s }, facts.DomainP9{Type: "qemu", Tag: "a", Path: "/a"})},
	{row: "pvcalls-backend--linux", on: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainDevice] { return &d.PVCalls }, facts.DomainDevice{})},
	{row: "colo-manager", on: disk(facts.DomainDisk{Target: "/srv/i", VDev: "xvda", Format: "raw", COLO: true}), off: disk(file), partial: true},

	// Devices of the host, and isolation
	{row: "x86pci-device-passthrough--x86-pv", on: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainPCI] { return &d.PCI }, facts.DomainPCI{Address: "0000:03:00.0"})},
	{row: "x86pci-device-passthrough--x86-hvm", base: []edit{kind(facts.HVM)},
		on: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainPCI] { return &d.PCI }, facts.DomainPCI{Address: "0000:03:00.0"})},
	{row: "armnon-pci-device-passthrough", arch: facts.Arm64, base: []edit{onHost(smmu)},
		on: words(func(d *facts.Domain) *facts.Setting[[]string] { return &d.Devices.DTDevs }, "/soc/uart@1000")},
	{row: "armioreq-servers", arch: facts.Arm64, on: some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainVirtio] { return &d.Virtios }, facts.DomainVirtio{Type: "virtio,device"})},
	{row: "armioreq-servers", arch: facts.Arm64, on: disk(facts.DomainDisk{Target: "/srv/i", VDev: "xvda", Format: "raw", Specification: "virtio"}), off: disk(file)},
	{row: "driver-domains", on: vif(facts.DomainNIC{DomainDevice: facts.DomainDevice{Backend: "net"}}), off: vif(facts.DomainNIC{DomainDevice: facts.DomainDevice{Backend: "0"}})},
	{row: "driver-domains", on: flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.DriverDomain }, true)},
	{row: "driver-domains", on: disk(served(block, "storage")), off: disk(block)},
	{row: "arm-op-tee-mediator", arch: facts.Arm64, on: word(teeKey, "optee"), off: word(teeKey, "none"), partial: true},
	{row: "arm-firmware-framework-for-arm-a-profile-ff-a-mediator--arm64", arch: facts.Arm64, on: word(teeKey, "ffa"), off: word(teeKey, "optee"), partial: true},
}

func sve(h *facts.Host) { h.CPU.Arm.SVE = facts.Is(true, "/proc/cpuinfo") }

func smmu(h *facts.Host) {
	h.IOMMU.Units = facts.Is([]facts.IOMMUUnit{{Kind: facts.SMMUv2, Count: 1}}, "device tree")
}

func evaluateOne(t *testing.T, release string, arch facts.Arch, edits ...edit) DomainVerdict {
	t.Helper()
	d, h := domainOn(arch, edits...)
	return EvaluateDomains(statement(t, release), h, []facts.Domain{d}, Options{At: now})[0]
}

// of returns the finding of a row in a domain's verdict.
func (v DomainVerdict) of(t *testing.T, key string) Finding {
	t.Helper()
	i := slices.IndexFunc(v.Findings, func(f Finding) bool { return f.Row != nil && f.Row.Key == key })
	if i < 0 {
		t.Fatalf("no finding for %s", key)
	}
	return v.Findings[i]
}

// What a device tree asks for is changed there, not in a toolstack's words.
func TestRemedyInTree(t *testing.T) {
	asked := key(func(d *facts.Domain) { d.CPU.SVE = facts.Set("256", 0) })
	for name, want := range map[string]string{"sve=": "xl.cfg", "node in the device tree": "tree"} {
		edits := []edit{asked, onHost(sve)}
		if want == "tree" {
			edits = append(edits, startedByXen(facts.DomainTree{}))
		}
		if f := evaluateOne(t, "4.22", facts.Arm64, edits...).of(t, "arm-scalable-vector-extension-svesve2"); f.InUse != Yes || !strings.Contains(f.Do, name) {
			t.Errorf("%s: in use %s, do %q", want, f.InUse, f.Do)
		}
	}
}

func TestDomainFixtures(t *testing.T) {
	for _, f := range domainFixtures {
		t.Run(f.row, func(t *testing.T) {
			release := f.release
			if release == "" {
				release = "4.22"
			}
			variant := func(e edit) []edit {
				if e == nil {
					return f.base
				}
				return append(slices.Clip(f.base), e)
			}
			on := evaluateOne(t, release, f.arch, variant(f.on)...)
			got := on.of(t, f.row)
			if got.Outcome != Judged || got.InUse != Yes || got.Domain != "guest" {
				t.Errorf("with: %s, in use %s: %s", got.Outcome, got.InUse, got.Why)
			}
			if got.Level.Security == support.SecurityNo && !on.Grade.AtLeast(GradeNotSecurity) {
				t.Errorf("uses what is not security supported, yet is %s", on.Grade)
			}
			if len(got.Seen) == 0 || len(got.Why) < 10 {
				t.Errorf("no evidence or no reason: %+v", got)
			}
			off := evaluateOne(t, release, f.arch, variant(f.off)...).of(t, f.row)
			switch {
			case f.partial && off.Outcome != NotVisible, !f.partial && (off.Outcome != Judged || off.InUse != No):
				t.Errorf("without: %s, in use %s: %s", off.Outcome, off.InUse, off.Why)
			case off.Why == "":
				t.Error("without: no reason")
			}
			// The host says the same of its domains, and stays as good as it was.
			d, h := domainOn(f.arch, variant(f.on)...)
			alone := Evaluate(statement(t, release), h, Options{At: now})
			h.Domains = facts.Is([]facts.Domain{d}, "/etc/xen")
			with := Evaluate(statement(t, release), h, Options{At: now})
			if diff := cmp.Diff(alone.Overall, with.Overall); diff != "" {
				t.Errorf("a domain changed the verdict of its host: %s", diff)
			}
			if h := finding(t, with, f.row); h.InUse != Yes || !strings.Contains(h.Why, "guest") {
				t.Errorf("the host: %s, in use %s: %s", h.Outcome, h.InUse, h.Why)
			}
		})
	}
}

// What a configuration comes to as a whole.
func TestDomainVerdicts(t *testing.T) {
	const tib = 1 << 40
	loader := word(func(d *facts.Domain) *facts.Setting[string] { return &d.Boot.Bootloader }, "pygrub")
	restrict := flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.Boot.BootloaderRestrict }, true)
	xlConf := func(k, v string) edit {
		return onHost(userspace(func(u *facts.Userspace) { u.XLConf = facts.Is(map[string]string{k: v}, "/etc/xen/xl.conf") }))
	}
	since := func(name, release string) edit {
		return key(func(d *facts.Domain) {
			d.Limited = append(d.Limited, facts.DomainKey{Name: name, Line: 9, Since: release})
		})
	}
	only64 := onHost(func(h *facts.Host) { h.Xen.Capabilities = facts.Is([]string{"xen-3.0-x86_64"}, "hypercall") })
	pci := some(func(d *facts.DomainDevices) *facts.Setting[[]facts.DomainPCI] { return &d.PCI }, facts.DomainPCI{Address: "0000:03:00.0"})
	noIOMMU := onHost(func(h *facts.Host) { h.IOMMU.Units = facts.Missing[[]facts.IOMMUUnit]("ACPI") })
	hiddenIOMMU := onHost(func(h *facts.Host) { h.IOMMU.Units = unknown[[]facts.IOMMUUnit]() })
	args := words(func(d *facts.Domain) *facts.Setting[[]string] { return &d.Model.ArgsHVM }, "-device", "edu")
	tests := []struct {
		name     string
		release  string
		arch     facts.Arch
		edits    []edit
		row      string // empty: the grade alone is looked at
		outcome  Outcome
		security support.Security
		grade    Grade
	}{
		{"PV, width unknown", "4.22", "", nil, "x86pv--x8632-without-shim", Unknown, "", GradeUnknown},
		{"PV, width unknown, also for 64", "4.22", "", nil, "x86pv--x8664", Unknown, "", GradeUnknown},
		{"PV, Xen without 32-bit PV", "4.22", "", []edit{only64}, "x86pv--x8664", Judged, support.SecurityYes, GradeSupported},
		{"PV, pv=no-32", "4.22", "", []edit{onHost(xenLine("pv=no-32"))}, "x86pv--x8664", Judged, support.SecurityYes, GradeSupported},
		{"PV, 32-bit PV GRUB", "4.22", "", []edit{word(guestFirmware, "pvgrub32")}, "x86pv--x8632-without-shim", Judged, support.SecurityNo, GradeNotSecurity},
		{"PV before the split", "4.10", "", nil, "x86pv", Judged, support.SecurityYes, GradeNotSecurity}, // the release has ended
		{"shim, width unknown but harmless", "4.22", "", []edit{kind(facts.PVH), flagged(pvshim, true)}, "x86pv--x8632-shim", Unknown, "", GradeSupported},
		{"plain PVH", "4.22", "", []edit{kind(facts.PVH)}, "", "", "", GradeSupported},
		{"plain HVM", "4.22", "", []edit{kind(facts.HVM)}, "virtual-hardware-qemu", Judged, support.SecurityYes, GradeSupported},
		{"plain Arm", "4.22", facts.Arm64, nil, "arm", Judged, support.SecurityYes, GradeSupported},

		{"x86 memory at the limit", "4.22", "", []edit{kind(facts.PVH), amount(maxmem, 8*tib)}, "memory--x86", Judged, support.SecurityYes, GradeSupported},
		{"x86 memory above", "4.22", "", []edit{kind(facts.PVH), amount(maxmem, 8*tib+1)}, "memory--x86", Judged, support.SecurityNo, GradeNotSecurity},
		{"x86 memory just below the bound", "4.22", "", []edit{kind(facts.PVH), amount(maxmem, 16*tib-1)}, "memory--x86", Judged, support.SecurityNo, GradeNotSecurity},
		{"x86 memory at the bound", "4.22", "", []edit{kind(facts.PVH), amount(maxmem, 16*tib)}, "memory--x86", Outside, "", GradeOutside},
		{"Arm64 memory at the limit", "4.22", facts.Arm64, []edit{amount(maxmem, tib)}, "memory--arm64", Judged, support.SecurityYes, GradeSupported},
		{"Arm64 memory above", "4.22", facts.Arm64, []edit{amount(maxmem, tib+1)}, "memory--arm64", Outside, "", GradeOutside},
		{"Arm32 memory above", "4.22", facts.Arm32, []edit{amount(maxmem, 13*gib)}, "memory--arm32", Outside, "", GradeOutside},
		{"memory unreadable", "4.22", "", []edit{kind(facts.PVH), key(func(d *facts.Domain) { d.Memory.Max = facts.BadSetting[uint64]("no number", 4) })},
			"memory--x86", Unknown, "", GradeUnknown},

		{"pygrub, plain", "4.22", "", []edit{only64, loader}, "pygrub", Judged, support.SecurityNo, GradeNotSecurity},
		{"pygrub, restricted", "4.22", "", []edit{only64, loader, restrict}, "pygrub", Judged, support.SecurityYes, GradeSupported},
		{"pygrub, a user implies it", "4.22", "", []edit{only64, loader, word(func(d *facts.Domain) *facts.Setting[string] { return &d.Boot.BootloaderUser }, "nobody")},
			"pygrub", Judged, support.SecurityYes, GradeSupported},
		{"pygrub, restricted by xl.conf", "4.22", "", []edit{only64, loader, xlConf("bootloader_restrict", "1")}, "pygrub", Judged, support.SecurityYes, GradeSupported},
		{"pygrub, xl.conf says no", "4.22", "", []edit{only64, loader, xlConf("bootloader_restrict", "0")}, "pygrub", Judged, support.SecurityNo, GradeNotSecurity},
		{"pygrub, xl.conf not read", "4.22", "", []edit{only64, loader, onHost(func(h *facts.Host) { h.Userspace = nil })}, "pygrub", Unknown, "", GradeUnknown},
		{"pygrub of 4.17: no key", "4.17", "", []edit{only64, loader, restrict, since("bootloader_restrict", "4.18")}, "pygrub", Unknown, "", GradeUnknown},

		{"shadow, PVH", "4.22", "", []edit{kind(facts.PVH), flagged(hap, false)}, "shadow-paging", Judged, support.SecurityNo, GradeNotSecurity},
		{"shadow before its row", "4.16", "", []edit{kind(facts.PVH), flagged(hap, false)}, "super-page-support--x86-hvmpvh-shadow-2mib", Judged, support.SecurityYes, GradeNotSecurity},
		{"paging of an unknown host", "4.22", "", []edit{kind(facts.PVH), onHost(func(h *facts.Host) { h.CPU.X86 = nil })}, "shadow-paging", Unknown, "", GradeUnknown},
		{"paging of an unknown host, hap=1", "4.22", "", []edit{kind(facts.PVH), flagged(hap, true), onHost(func(h *facts.Host) { h.CPU.X86 = nil })}, "shadow-paging", Judged, "", GradeSupported},

		{"e1000e", "4.22", "", []edit{kind(facts.HVM), vif(facts.DomainNIC{Model: "e1000e"})}, "virtual-hardware-qemu", Judged, support.SecurityNo, GradeNotSecurity},
		{"qxl", "4.22", "", []edit{kind(facts.HVM), word(vga, "qxl")}, "virtual-hardware-qemu", Judged, support.SecurityNo, GradeNotSecurity},
		{"intel sound", "4.22", "", []edit{kind(facts.HVM), word(soundhw, "hda")}, "virtual-hardware-qemu", Judged, support.SecurityNo, GradeNotSecurity},
		{"SCSI disk", "4.22", "", []edit{kind(facts.HVM), disk(facts.DomainDisk{Target: "/dev/a", VDev: "sda", Format: "raw"})}, "virtual-hardware-qemu", Judged, support.SecurityNo, GradeNotSecurity},
		{"USB 3", "4.22", "", []edit{kind(facts.HVM), amount(func(d *facts.Domain) *facts.Setting[uint64] { return &d.Model.USBVersion }, 3)}, "virtual-hardware-qemu", Judged, support.SecurityNo, GradeNotSecurity},
		{"USB 1", "4.22", "", []edit{kind(facts.HVM), amount(func(d *facts.Domain) *facts.Setting[uint64] { return &d.Model.USBVersion }, 1)}, "virtual-hardware-qemu", Judged, support.SecurityYes, GradeSupported},
		{"SPICE", "4.22", "", []edit{kind(facts.HVM), flagged(func(d *facts.Domain) *facts.Setting[bool] { return &d.Model.Spice }, true)}, "virtual-hardware-qemu", Judged, support.SecurityNo, GradeNotSecurity},
		{"graphics passthrough", "4.22", "", []edit{kind(facts.HVM), word(func(d *facts.Domain) *facts.Setting[string] { return &d.Model.GfxPassthru }, "igd")}, "virtual-hardware-qemu", Judged, support.SecurityNo, GradeNotSecurity},
		{"vendor device", "4.22", "", []edit{kind(facts.HVM), word(func(d *facts.Domain) *facts.Setting[string] { return &d.Model.Vendor }, "xenserver")}, "virtual-hardware-qemu", Judged, support.SecurityNo, GradeNotSecurity},
		{"arguments for QEMU", "4.22", "", []edit{kind(facts.HVM), args}, "virtual-hardware-qemu", Judged, support.SecurityNo, GradeNotSecurity},
		{"none of it for PVH", "4.22", "", []edit{kind(facts.PVH), args, word(vga, "qxl")}, "virtual-hardware-qemu", Judged, "", GradeSupported},
		{"card that cannot be read", "4.22", "", []edit{kind(facts.HVM), key(func(d *facts.Domain) { d.Model.VGA = facts.BadSetting[string]("unknown", 4) })},
			"virtual-hardware-qemu", Unknown, "", GradeUnknown},
		{"type that cannot be read", "4.22", "", []edit{key(func(d *facts.Domain) { d.Type = facts.BadSetting[facts.DomainType]("unknown", 4) })}, "", "", "", GradeUnknown},

		{"passthrough", "4.22", "", []edit{kind(facts.HVM), pci}, "x86pci-device-passthrough--x86-hvm", Judged, support.SecurityConditional, GradeConditional},
		{"passthrough without an IOMMU", "4.22", "", []edit{kind(facts.HVM), pci, noIOMMU}, "x86pci-device-passthrough--x86-hvm", Outside, "", GradeOutside},
		{"passthrough with iommu=0", "4.22", "", []edit{kind(facts.HVM), pci, onHost(xenLine("iommu=0"))}, "x86pci-device-passthrough--x86-hvm", Outside, "", GradeOutside},
		{"passthrough, IOMMU unknown", "4.22", "", []edit{kind(facts.HVM), pci, hiddenIOMMU}, "x86pci-device-passthrough--x86-hvm", Unknown, "", GradeUnknown},
		{"passthrough with populate on demand", "4.22", "", []edit{kind(facts.HVM), pci, amount(maxmem, 2*gib)}, "", "", "", GradeOutside},
		{"traditional after its last release", "4.22", "", []edit{kind(facts.HVM), word(dmVersion, "qemu-xen-traditional")}, "", "", "", GradeSupported},
		{"passthrough to PVH is in no row", "4.22", "", []edit{kind(facts.PVH), pci}, "", "", "", GradeSupported},
		{"HVM without VMX and SVM", "4.22", "", []edit{kind(facts.HVM), onHost(func(h *facts.Host) {
			h.CPU.X86.VMX = facts.Is(false, "/proc/cpuinfo")
		})}, "x86hvm--domu", Outside, "", GradeOutside},

		{"traditional stub domain by default", "4.20", "", []edit{kind(facts.HVM), flagged(stubdomain, true)}, "qemu-xen-traditional--device-model-stub-domains", Judged, support.SecurityConditional, GradeConditional},
		{"traditional in dom0", "4.20", "", []edit{kind(facts.HVM), word(dmVersion, "qemu-xen-traditional")}, "qemu-xen-traditional--as-host-process-device-model", Judged, support.SecurityNo, GradeNotSecurity},
		{"key of a later release", "4.17", "", []edit{kind(facts.PVH), word(func(d *facts.Domain) *facts.Setting[string] { return &d.CPU.SVE }, "hw"), since("sve", "4.18")}, "", "", "", GradeSupported},
		{"damaged file", "4.22", "", []edit{kind(facts.PVH), key(func(d *facts.Domain) { d.Problems = []facts.DomainProblem{{Line: 3, Message: "no value"}} })}, "", "", "", GradeUnknown},
		{"odd but clear file", "4.22", "", []edit{kind(facts.PVH), key(func(d *facts.Domain) { d.Problems = []facts.DomainProblem{{Line: 3, Message: "odd", Tolerated: true}} })}, "", "", "", GradeSupported},
		{"qed is in no row", "4.22", "", []edit{kind(facts.PVH), disk(image("qed"))}, "", "", "", GradeSupported},
		{"disk that cannot be read", "4.22", "", []edit{kind(facts.PVH), disk(facts.DomainDisk{DomainDevice: facts.DomainDevice{Bad: "no vdev"}})}, "blkback--qemu-xendisk-raw-format", Unknown, "", GradeUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := evaluateOne(t, tt.release, tt.arch, tt.edits...)
			grade := v.Grade
			if grade == GradeSecurityOnly {
				grade = GradeSupported // only because the release is old
			}
			if grade != tt.grade {
				t.Errorf("grade %s, want %s, because of", v.Grade, tt.grade)
				for _, i := range v.Because {
					t.Errorf("  %s %s: %s", v.Findings[i].Title, v.Findings[i].Outcome, v.Findings[i].Why)
				}
			}
			if v.Complete == (v.Grade == GradeUnknown) && v.Grade == GradeUnknown {
				t.Error("unknown, yet complete")
			}
			if tt.row == "" {
				return
			}
			f := v.of(t, tt.row)
			if f.Outcome != tt.outcome || tt.security != "" && f.Stated.Security != tt.security {
				t.Errorf("%s, %v: %s", f.Outcome, f.Stated, f.Why)
			}
			if f.InUse == Yes && f.Outcome != NotStated && f.Level.Security == support.SecurityNo && f.Do == "" {
				t.Errorf("no advice: %s", f.Why)
			}
		})
	}
}
