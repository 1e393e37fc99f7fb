package rules

import (
	"path"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// insideGuest is what would tell which driver a guest has.
const insideGuest = "a look into the guest"

// frontendRows are the drivers inside of guests. A configuration tells that a
// guest has such a device, never which system drives it.
var frontendRows = []guestRow{
	{rule: "domain-driver", oneSided: true, rows: []string{"blkfront"}, test: frontend(func(g *guest) use { return has(g, "disk", g.d.Devices.Disks) })},
	{rule: "domain-driver", oneSided: true, rows: []string{"netfront"}, test: frontend(func(g *guest) use { return has(g, "vif", g.d.Devices.NICs) })},
	{rule: "domain-driver", oneSided: true, rows: []string{"pv-framebuffer-frontend"}, test: frontend(framebuffer)},
	{rule: "domain-driver", oneSided: true, rows: []string{"pv-keyboard-frontend"}, test: frontend(keyboard)},
	{rule: "domain-driver", oneSided: true, rows: []string{"pv-console-frontend"}, test: frontend(func(*guest) use { return use{in: Yes} })},
	{rule: "domain-driver", oneSided: true, rows: []string{"pv-display-frontend"}, test: display},
	{rule: "domain-driver", oneSided: true, rows: []string{"pv-usb-frontend"}, test: frontend(func(g *guest) use { return g.pvUSB("pv", "qusb") })},
	{rule: "domain-driver", oneSided: true, rows: []string{"pv-tpm-frontend"}, test: frontend(func(g *guest) use { return has(g, "vtpm", g.d.Devices.VTPMs) })},
	{rule: "domain-driver", oneSided: true, rows: []string{"pv-9pfs-frontend"}, test: frontend(func(g *guest) use { return has(g, "p9", g.d.Devices.P9s) })},
	{rule: "domain-driver", oneSided: true, rows: []string{"pvcalls-frontend"}, test: frontend(func(g *guest) use { return has(g, "pvcalls", g.d.Devices.PVCalls) })},
	{rule: "domain-driver", oneSided: true, rows: []string{"pv-sound-frontend"}, test: frontend(func(g *guest) use { return has(g, "vsnd", g.d.Devices.VSnds) })},
	{rule: "domain-driver", oneSided: true, rows: []string{"pv-scsi-protocol-frontend"}, test: func(*guest, support.Row) use {
		return hiddenIn(insideGuest, "xl cannot configure it in any release; other toolstacks can.")
	}},
}

// has tells whether a list of devices holds any.
func has[T any](g *guest, key string, s facts.Setting[[]T]) use {
	t := devicesOf(g, key, s)
	u := when(t, func(l []T) bool { return len(l) > 0 })
	switch u.in {
	case Yes:
		u.why = "The domain is given " + devicesText(len(t.is)) + " by " + key + "=."
	case No:
		u.why = "The domain has no such device."
	}
	return u
}

// devicesOf is the setting of a list of devices, which evidence counts.
func devicesOf[T any](g *guest, key string, s facts.Setting[[]T]) told[[]T] {
	t := setting(g, key, s, nil)
	if t.known {
		t.seen.Value = devicesText(len(t.is))
	}
	return t
}

func devicesText(n int) string {
	if n == 1 {
		return "1 device"
	}
	return itoa(n) + " devices"
}

// frontend judges drivers inside of a guest that has, or has not, their device.
func frontend(device func(*guest) use) func(*guest, support.Row) use {
	return func(g *guest, _ support.Row) use {
		u := device(g)
		if u.in == No {
			return u
		}
		u.in, u.hidden = Maybe, "needs "+insideGuest
		u.why = "The domain has the device; which system drives it is known inside of the guest only."
		return u
	}
}

// display judges paravirtual displays, whose mode has rows of its own.
func display(g *guest, row support.Row) use {
	mode := row.Meaning.Mode
	if t, ok := row.Applies.Term(support.TermMode); ok {
		mode = t.Value
	}
	t := devicesOf(g, "vdispl", g.d.Devices.VDispls)
	u := when(t, func(l []facts.DomainVDispl) bool {
		return slices.ContainsFunc(l, func(v facts.DomainVDispl) bool {
			return mode == "" || v.BackendAlloc != strings.Contains(mode, "outside")
		})
	})
	return frontend(func(*guest) use { return u })(g, row)
}

// framebuffer tells whether a guest has a paravirtual framebuffer: by vfb=, or
// as xl makes one of the display keys of a guest that is not HVM.
func framebuffer(g *guest) use {
	u := has(g, "vfb", g.d.Devices.VFBs)
	if u.in == No {
		asked := either(g.flag("vnc", g.d.Model.VNC, false), g.flag("sdl", g.d.Model.SDL, false))
		if asked.in != No {
			u = both(g.kind(facts.PV), asked)
		}
	}
	return both(g.notHVM(), u)
}

// keyboard tells whether a guest has a paravirtual keyboard that QEMU serves:
// every HVM guest unless vkb_device=0 (4.13 on), others by vkb= or vfb=.
func keyboard(g *guest) use {
	t := devicesOf(g, "vkb", g.d.Devices.VKBs)
	own := when(t, func(l []facts.DomainVKB) bool {
		return slices.ContainsFunc(l, func(v facts.DomainVKB) bool { return v.BackendType != "linux" })
	})
	hvm := both(g.kind(facts.HVM), g.flag("vkb_device", g.d.Model.VKBDevice, true))
	return either(own, hvm, framebuffer(g))
}

// excluded marks a use that the statement rules out by its words on another
// row.
func excluded(u use, do string) use {
	u.outside, u.do = true, do
	return u
}

// pvUSB tells whether a guest has a USB controller of one of some types.
func (g *guest) pvUSB(kinds ...string) use {
	ctrls := setting(g, "usbctrl", g.d.Devices.USBCtrls, nil)
	devs := setting(g, "usbdev", g.d.Devices.USBDevs, nil)
	u := has(g, "usbctrl", g.d.Devices.USBCtrls)
	n := len(ctrls.is)
	if n == 0 && len(devs.is) > 0 {
		// xl adds a controller for devices that have none.
		u, n = has(g, "usbdev", g.d.Devices.USBDevs), 1
	}
	if u.in != Yes {
		return u
	}
	u.in = No
	for i := range n {
		switch kind := g.usbKind(i); {
		case slices.Contains(kinds, kind):
			u.in = Yes
			if i < len(ctrls.is) {
				u.line = ctrls.is[i].Line
			}
			return u
		case kind == "auto":
			u.in = Maybe
			u.why = "The type of the USB controller follows from what dom0 has: a driver of its kernel, else QEMU."
		}
	}
	if u.in == No {
		u.why = "The domain's USB controllers are of another type."
	}
	return u
}

// backendRows are what serves a guest's devices.
var backendRows = []guestRow{
	{rule: "domain-driver", rows: []string{"blkback"}, test: blkback, do: "Choose another backendtype= or format= for the disk."},
	{rule: "domain-driver", rows: []string{"netback"}, test: netback},
	{rule: "domain-driver", rows: []string{"open-vswitch-integration-for-xl"}, test: openVSwitch, do: "Use script=vif-bridge."},
	{rule: "domain-driver", rows: []string{"pv-framebuffer-backend"}, test: func(g *guest, _ support.Row) use { return framebuffer(g) }},
	{rule: "domain-driver", rows: []string{"pv-keyboard-backend"}, test: func(g *guest, _ support.Row) use { return keyboard(g) }},
	{rule: "domain-driver", rows: []string{"pv-usb-backend"}, test: func(g *guest, _ support.Row) use { return g.pvUSB("qusb") }},
	{rule: "domain-driver", rows: []string{"pv-tpm-backend"}, test: func(g *guest, _ support.Row) use { return has(g, "vtpm", g.d.Devices.VTPMs) },
		do: "Take vtpm= out."},
	{rule: "domain-driver", rows: []string{"pv-9pfs-backend"}, test: p9, do: "Take p9= out, or choose another type= for it."},
	{rule: "domain-driver", rows: []string{"pvcalls-backend"}, test: func(g *guest, _ support.Row) use { return has(g, "pvcalls", g.d.Devices.PVCalls) },
		do: "Take pvcalls= out."},
	{rule: "domain-driver", rows: []string{"colo-manager"}, test: colo,
		blind: "COLO can also be started with xl remus -c, without a word in the configuration.", do: "Take the colo parameters out of disk= and vif=."},
}

var deviceExtras = []guestExtra{
	{"domain-driver", "Disk in format qed", func(g *guest) use {
		return g.disk(func(d facts.DomainDisk) bool { return d.Format == "qed" })
	}, "The rows name the formats raw, qcow, qcow2 and vhd; qed is in none."},
	{"domain-driver", "Disk served by blktap3 or tapback", func(g *guest) use {
		if g.j.before("4.19") {
			return never("")
		}
		return g.disk(func(d facts.DomainDisk) bool { return d.BackendType == "tap" })
	}, "The rows are about Blktap2, which left Xen with 4.13; what backendtype=tap means since 4.19 is in none."},
	{"domain-driver", "Disk served by another program (backendtype=standalone)", func(g *guest) use {
		return g.disk(func(d facts.DomainDisk) bool { return d.BackendType == "standalone" })
	}, "No row names such a backend."},
	{"domain-driver", "Paravirtual keyboard served by a program of Linux", func(g *guest) use {
		t := setting(g, "vkb", g.d.Devices.VKBs, nil)
		return when(t, func(l []facts.DomainVKB) bool {
			return slices.ContainsFunc(l, func(v facts.DomainVKB) bool { return v.BackendType == "linux" })
		})
	}, "The row names QEMU alone."},
	{"domain-driver", "Paravirtual USB served by dom0's kernel", func(g *guest) use { return g.pvUSB("pv") },
		"The row names QEMU alone."},
	{"domain-emulated", "Device model qemu-xen-traditional", func(g *guest) use {
		if g.j.has("", "4.20") {
			return never("")
		}
		return both(g.kind(facts.HVM), when(g.dm, is("qemu-xen-traditional")))
	}, "It left Xen after 4.20; the toolstack of this release refuses to start the guest. Take device_model_version= out."},
	{"domain-driver", "Channel", func(g *guest) use { return has(g, "channel", g.d.Devices.Channels) },
		"No row is about channels."},
	{"domain-passthrough", "PCI passthrough to a PVH guest", func(g *guest) use {
		return both(g.kind(facts.PVH), g.pci())
	}, "The rows name PV and HVM guests only."},
	{"domain-passthrough", "PCI passthrough together with populate on demand", func(g *guest) use {
		return excluded(both(g.kind(facts.HVM), both(g.pci(), g.ballooned())), "Give the guest as much memory= as maxmem=.")
	}, "The statement excludes populate on demand for a guest that is given devices of the host, and the toolstack refuses to start it."},
	{"domain-passthrough", "PCI passthrough together with altp2m", func(g *guest) use {
		return excluded(both(g.pci(), altp2m(g, support.Row{})), "Take altp2m= or pci= out.")
	}, "The statement excludes altp2m for a guest that is given devices of the host."},
	{"domain-passthrough", "PCI passthrough on Arm", func(g *guest) use { return both(g.arm(), g.pci()) },
		"The rows are about x86; on Arm it needs an EXPERT build."},
	{"domain-passthrough", "I/O memory, ports or interrupts of the host", func(g *guest) use {
		return both(g.kind(facts.PV, facts.HVM, facts.PVH), either(has(g, "iomem", g.d.Devices.IOMem), has(g, "ioports", g.d.Devices.IOPorts), has(g, "irqs", g.d.Devices.IRQs)))
	}, "On x86 no row is about devices that are handed over piece by piece."},
	{"domain-isolation", "SCMI for a guest (arm_sci)", func(g *guest) use {
		return both(g.arm(), when(setting(g, "arm_sci", g.d.ArmSCI, "none"), func(s string) bool { return s != "none" && s != "" }))
	}, "The row is about SCMI for the domain that drives the hardware, not for a guest."},
	{"domain-isolation", "Emulated UART of Arm (vuart)", func(g *guest) use {
		return both(g.arm(), when(setting(g, "vuart", g.d.VUART, ""), func(s string) bool { return s == "sbsa_uart" }))
	}, "No row is about it."},
}

// disk tells whether some disk is of a kind.
func (g *guest) disk(of func(facts.DomainDisk) bool) use {
	t := devicesOf(g, "disk", g.d.Devices.Disks)
	// What was not understood of a disk might be any of it.
	match := func(d facts.DomainDisk) bool { return d.Bad == "" && of(d) }
	u := when(t, func(l []facts.DomainDisk) bool { return slices.ContainsFunc(l, match) })
	for _, d := range t.is {
		if u.in == Yes && match(d) {
			u.line = d.Line
			u.seen = []Seen{{What: "disk " + d.VDev, Value: diskWords(d), Source: g.d.Source}}
			return u
		}
		if d.Bad != "" && u.in == No {
			u.in, u.line = Maybe, d.Line
			u.seen = []Seen{{What: "disk", Value: "unknown", Source: g.d.Source, Cause: d.Bad}}
		}
	}
	return u
}

func diskWords(d facts.DomainDisk) string {
	var s []string
	for _, v := range []string{d.Format, d.BackendType, d.Target} {
		if v != "" {
			s = append(s, v)
		}
	}
	return strings.Join(s, ", ")
}

// servedBy returns what serves a disk: phy, qdisk, tap or standalone. Where
// the configuration does not say, it is chosen as libxl does: raw block
// devices and scripts go to the kernel, all else to QEMU.
func servedBy(d facts.DomainDisk) string {
	switch {
	case d.Format == "empty" || d.Specification == "virtio":
		return ""
	case d.BackendType != "":
		return d.BackendType
	case d.Format != "raw" && d.Format != "":
		return "qdisk"
	case d.Script != "" || strings.HasPrefix(d.Target, "/dev/"):
		return "phy"
	}
	return "qdisk"
}

// blkback judges what serves disks: QEMU by the format of the image, the
// kernel by the system of the domain that serves.
func blkback(g *guest, row support.Row) use {
	impl, _ := row.Applies.Term(support.TermImpl)
	system, bySystem := row.Applies.Term(support.TermOS)
	format, byFormat := row.Applies.Term(support.TermFormat)
	want := "phy"
	switch {
	case strings.EqualFold(impl.Value, "qemu"):
		want = "qdisk"
	case strings.EqualFold(impl.Value, "blktap2"):
		want = "tap"
		if !g.j.has("", "4.12") {
			return never("Blktap2 left Xen with 4.13.")
		}
	}
	var other string
	u := g.disk(func(d facts.DomainDisk) bool {
		if servedBy(d) != want || byFormat && !strings.EqualFold(d.Format, format.Value) && !(d.Format == "" && format.Value == "raw") {
			return false
		}
		other = d.Backend
		return true
	})
	if u.in == Yes && bySystem {
		return g.by(u, other, system.Value)
	}
	if u.in == No {
		u.why = "No disk of the domain is served that way."
	}
	return u
}

// by narrows a use to the system of the domain that serves the device.
func (g *guest) by(u use, backend, system string) use {
	has, known := g.serves(backend)
	switch {
	case !known:
		u.in, u.hidden = Maybe, "needs the system of the domain that serves the device"
		u.why = "The domain has such a device; which system serves it is not known."
	case !strings.EqualFold(has, system):
		u.in = No
		u.why = "The device is served by " + has + "."
	}
	return u
}

func netback(g *guest, row support.Row) use {
	u := has(g, "vif", g.d.Devices.NICs)
	system, ok := row.Applies.Term(support.TermOS)
	if u.in != Yes || !ok {
		return u
	}
	open := u
	for _, n := range g.d.Devices.NICs.Value {
		v := g.by(u, n.Backend, system.Value)
		v.line = n.Line
		switch v.in {
		case Yes:
			return v
		case Maybe:
			open = v
		default:
			if open.in == Yes {
				open = v
			}
		}
	}
	return open
}

// openVSwitch judges by the script that plugs interfaces in: the domain's own,
// else that of xl.conf.
func openVSwitch(g *guest, _ support.Row) use {
	nics := setting(g, "vif", g.d.Devices.NICs, nil)
	u := has(g, "vif", g.d.Devices.NICs)
	if u.in != Yes {
		return u
	}
	byDefault := false
	for _, n := range nics.is {
		if path.Base(n.Script) == "vif-openvswitch" {
			u.line, u.seen = n.Line, []Seen{{What: "script of the vif", Value: n.Script, Source: g.d.Source}}
			return u
		}
		byDefault = byDefault || n.Script == ""
	}
	if byDefault {
		return of(xlConf("vif.default.script", "vif-openvswitch")(g.j))
	}
	u.in, u.why = No, "The domain's interfaces have other scripts."
	return u
}

func p9(g *guest, row support.Row) use {
	impl, _ := row.Applies.Term(support.TermImpl)
	want := map[string]string{"qemu": "qemu", "xen-9pfsd": "xen_9pfsd"}[strings.ToLower(impl.Value)]
	t := setting(g, "p9", g.d.Devices.P9s, nil)
	u := has(g, "p9", g.d.Devices.P9s)
	if u.in != Yes {
		return u
	}
	u.in = No
	for _, d := range t.is {
		kind := d.Type
		if kind == "" || g.j.before("4.19") {
			kind = "qemu" // the only one before 4.19, and the default since
		}
		if kind == want {
			u.in, u.line, u.seen = Yes, d.Line, []Seen{{What: "type of p9", Value: kind, Source: g.d.Source}}
			return u
		}
		if d.Bad != "" {
			u.in = Maybe
		}
	}
	return u
}

func colo(g *guest, _ support.Row) use {
	nics := setting(g, "vif", g.d.Devices.NICs, nil)
	vif := when(nics, func(l []facts.DomainNIC) bool {
		return slices.ContainsFunc(l, func(n facts.DomainNIC) bool { return n.COLO })
	})
	return either(g.disk(func(d facts.DomainDisk) bool { return d.COLO }), vif)
}
