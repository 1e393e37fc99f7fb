package rules

import (
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// The headings of what QEMU emulates for HVM guests.
const (
	platformDevices = "x86emulated-platform-devices-qemu"
	networkDevices  = "x86emulated-network-qemu"
	storageDevices  = "x86emulated-storage-qemu"
	graphicsDevices = "x86emulated-graphics-qemu"
	audioDevices    = "x86emulated-audio-qemu"
	inputDevices    = "x86emulated-input-qemu"
	serialDevices   = "x86emulated-serial-card-qemu"
	otherDevices    = "" // no heading: on no list
)

// emulatedRows are the devices that QEMU emulates for an HVM guest. The rows
// are a positive list: the section's own row judges what is not on it.
var emulatedRows = []guestRow{
	{rule: "domain-emulated", rows: []string{"virtual-hardware-qemu"}, test: positiveList, do: "Give the guest only devices that have a row of their own."},
	{rule: "domain-emulated", rows: []string{platformDevices, networkDevices, storageDevices, graphicsDevices, audioDevices, inputDevices, serialDevices}, test: emulatedDevice},
	{rule: "domain-emulated", rows: []string{"x86host-usb-passthrough-qemu"}, test: func(g *guest, _ support.Row) use { return g.hostUSB() },
		do: "Take the host's USB devices out of usbdevice= and usbdev=."},
	{rule: "domain-emulated", rows: []string{"qemu-xen-traditional"}, test: traditional, do: "Set device_model_version=\"qemu-xen\"."},
	{rule: "domain-emulated", rows: []string{"linux-device-model-stubdomains"}, test: func(g *guest, _ support.Row) use {
		if g.j.before("4.14") {
			return never("This release cannot run QEMU in a stub domain of Linux.")
		}
		return both(g.stubdomain(), when(g.dm, is("qemu-xen")))
	}, do: "Take device_model_stubdomain_override=1 out."},
	{rule: "domain-emulated", rows: []string{"device-model-stub-domains"}, test: func(g *guest, _ support.Row) use { return g.stubdomain() },
		do: "Take device_model_stubdomain_override=1 out."},
	{rule: "domain-emulated", rows: []string{"device-model-deprivileging"}, test: deprivileged, do: "Take dm_restrict=1 out, or run the device model in a stub domain."},
}

// emulated is one device that QEMU emulates for the guest.
type emulated struct {
	heading string // under which a row would name it
	device  string // as rows name it
	key     string // what asks for it
	line    int
}

// devices returns what QEMU emulates for an HVM guest, and under which headings
// the configuration leaves it open.
func (g *guest) devices() (all []emulated, open map[string]Seen) {
	if g.open == nil {
		g.emulated, g.open = g.listDevices()
	}
	return g.emulated, g.open
}

func (g *guest) listDevices() (all []emulated, open map[string]Seen) {
	open = map[string]Seen{}
	add := func(heading, device, key string, line int) { all = append(all, emulated{heading, device, key, line}) }
	// Every HVM guest has these, whatever its configuration says.
	add(platformDevices, "piix3", "type", g.typ.line)
	add(inputDevices, "ps/2 keyboard", "type", g.typ.line)
	add(inputDevices, "ps/2 mouse", "type", g.typ.line)
	g.emulatedNICs(add, open)
	g.emulatedDisks(add, open)
	g.emulatedGraphics(add, open)

	m := &g.d.Model
	sound := setting(g, "soundhw", m.SoundHW, "")
	doubt(open, audioDevices, sound)
	for _, card := range strings.FieldsFunc(sound.is, func(r rune) bool { return r == ',' || r == ' ' }) {
		add(audioDevices, strings.ToLower(card), "soundhw", sound.line)
	}
	usb := setting(g, "usbdevice", m.USBDevices, nil)
	doubt(open, inputDevices, usb)
	for _, d := range usb.is {
		switch kind, _, _ := strings.Cut(d, ":"); {
		case kind == "mouse" || kind == "tablet":
			add(inputDevices, "usb"+kind, "usbdevice", usb.line)
		case kind != "host" && kind != "": // the host's own devices have a row of their own
			add(inputDevices, "usb device "+kind, "usbdevice", usb.line)
		}
	}
	serial := setting(g, "serial", m.Serial, nil)
	doubt(open, serialDevices, serial)
	if slices.ContainsFunc(serial.is, func(s string) bool { return s != "" && s != "none" }) {
		add(serialDevices, "uart 16550a", "serial", serial.line)
	}
	g.unlisted(add, open)
	return all, open
}

// doubt marks a heading whose setting cannot be understood.
func doubt[T any](open map[string]Seen, heading string, t told[T]) {
	if _, already := open[heading]; !t.known && !already {
		open[heading] = t.seen
	}
}

func (g *guest) emulatedNICs(add func(string, string, string, int), open map[string]Seen) {
	nics := setting(g, "vif", g.d.Devices.NICs, nil)
	doubt(open, networkDevices, nics)
	for _, n := range nics.is {
		if n.Bad != "" {
			open[networkDevices] = Seen{What: "vif", Value: "unknown", Source: g.d.Source, Cause: n.Bad}
		}
		model := strings.ToLower(n.Model)
		switch {
		case n.Type == "vif", n.Bad != "" && model == "":
			continue // a paravirtual interface alone, or anything
		case model == "":
			model = "rtl8139" // of every release (xl-network-configuration(5))
		case model == "virtio-net-pci":
			model = "virtio-net"
		}
		add(networkDevices, model, "vif", n.Line)
	}
}

// emulatedDisks returns the controllers of a guest's disks: sd names a SCSI
// disk, the first four of the others are emulated, what follows is
// paravirtual alone.
func (g *guest) emulatedDisks(add func(string, string, string, int), open map[string]Seen) {
	disks := setting(g, "disk", g.d.Devices.Disks, nil)
	hd := setting(g, "hdtype", g.d.Model.HDType, "ide")
	doubt(open, storageDevices, disks)
	for _, d := range disks.is {
		switch {
		case d.Bad != "":
			open[storageDevices] = Seen{What: "disk", Value: "unknown", Source: g.d.Source, Cause: d.Bad}
		case d.Specification == "virtio":
			add(storageDevices, "virtio-blk", "disk", d.Line)
		case strings.HasPrefix(d.VDev, "sd"):
			add(storageDevices, "lsi53c895a", "disk", d.Line)
		case !emulatedName(d.VDev):
		case !hd.known:
			open[storageDevices] = hd.seen
		case hd.is == "ahci" && !d.CDROM:
			add(storageDevices, "ahci", "hdtype", hd.line)
		default: // a CD-ROM stays on the IDE controller with AHCI as well
			add(storageDevices, "piix3 ide", "disk", d.Line)
		}
	}
}

// emulatedName reports whether QEMU shows a disk of that name: hda to hdd,
// xvda to xvdd, and the partitions of these.
func emulatedName(vdev string) bool {
	for _, prefix := range []string{"hd", "xvd"} {
		if rest, ok := strings.CutPrefix(vdev, prefix); ok && rest != "" {
			return rest[0] >= 'a' && rest[0] <= 'd' && (len(rest) == 1 || rest[1] < 'a')
		}
	}
	return false
}

func (g *guest) emulatedGraphics(add func(string, string, string, int), open map[string]Seen) {
	vga := setting(g, "vga", g.d.Model.VGA, "cirrus")
	std := setting(g, "stdvga", g.d.Model.StdVGA, false)
	if !g.d.Model.VGA.Given && !g.d.Model.VGA.IsBad() && (std.is || !std.known) {
		vga = told[string]{is: "stdvga", known: std.known, line: std.line, seen: std.seen}
	}
	doubt(open, graphicsDevices, vga)
	switch {
	case !vga.known || vga.is == "none":
	case vga.is == "cirrus":
		add(graphicsDevices, "cirrus-vga", "vga", vga.line)
	default:
		add(graphicsDevices, vga.is, "vga", vga.line)
	}
	gfx := setting(g, "gfx_passthru", g.d.Model.GfxPassthru, "off")
	doubt(open, otherDevices, gfx)
	if gfx.known && gfx.is != "off" && gfx.is != "" && gfx.is != "0" {
		add(otherDevices, "a passed-through graphics card (gfx_passthru)", "gfx_passthru", gfx.line)
	}
}

// unlisted returns the devices that xl can ask QEMU for and no heading is for.
func (g *guest) unlisted(add func(string, string, string, int), open map[string]Seen) {
	m := &g.d.Model
	switch v := setting(g, "usbversion", m.USBVersion, 0); {
	case !v.known:
		doubt(open, otherDevices, v)
	case v.is == 2:
		add(otherDevices, "a USB 2 controller (EHCI)", "usbversion", v.line)
	case v.is == 3:
		add(otherDevices, "a USB 3 controller (XHCI)", "usbversion", v.line)
	}
	if v := setting(g, "spice", m.Spice, false); v.is || !v.known {
		doubt(open, otherDevices, v)
		if v.known {
			add(otherDevices, "a SPICE server", "spice", v.line)
		}
	}
	if v := setting(g, "vendor_device", m.Vendor, "none"); v.known && !strings.EqualFold(v.is, "none") && v.is != "" {
		add(otherDevices, "the PCI device of a vendor ("+v.is+")", "vendor_device", v.line)
	} else {
		doubt(open, otherDevices, v)
	}
	for _, a := range []struct {
		key string
		set facts.Setting[[]string]
	}{{"device_model_args", m.Args}, {"device_model_args_hvm", m.ArgsHVM}} {
		v := setting(g, a.key, a.set, nil)
		doubt(open, otherDevices, v)
		if len(v.is) > 0 {
			add(otherDevices, "arguments of its own for QEMU ("+a.key+")", a.key, v.line)
		}
	}
}

// listed reports whether some row names a device.
func (j *judging) listed(d emulated) bool {
	return d.heading != otherDevices && slices.ContainsFunc(j.st.Rows, func(r support.Row) bool {
		t, ok := r.Applies.Term(support.TermDevice)
		return ok && r.Heading == d.heading && strings.EqualFold(t.Value, d.device)
	})
}

// emulatedDevice judges the row of one device.
func emulatedDevice(g *guest, row support.Row) use {
	hvm := g.kind(facts.HVM)
	t, ok := row.Applies.Term(support.TermDevice)
	if hvm.in == No || !ok {
		return hvm
	}
	all, open := g.devices()
	for _, d := range all {
		if d.heading == row.Heading && strings.EqualFold(d.device, t.Value) {
			return both(hvm, use{in: Yes, line: d.line, why: "QEMU emulates it for the domain (" + d.key + ").",
				seen: []Seen{{What: d.key, Value: d.device, Source: g.d.Source}}})
		}
	}
	if s, ok := open[row.Heading]; ok {
		return both(hvm, use{in: Maybe, seen: []Seen{s}})
	}
	return never("The domain has no such device.")
}

// positiveList judges the row of the whole section: anything QEMU emulates
// that has no row below it is not security supported.
func positiveList(g *guest, row support.Row) use {
	hvm := g.kind(facts.HVM)
	if hvm.in == No || row.Meaning.Condition != support.ScopeRestricted {
		return hvm
	}
	all, open := g.devices()
	var off []string
	u := use{in: Yes, level: &support.Level{Functional: support.FunctionalNotStated, Security: support.SecurityNo}}
	for _, d := range all {
		if g.j.listed(d) || slices.Contains(off, d.device) {
			continue
		}
		off = append(off, d.device)
		if u.line == 0 {
			u.line = d.line
		}
		u.seen = append(u.seen, Seen{What: d.key, Value: d.device, Source: g.d.Source})
	}
	if len(off) > 0 {
		u.why = "QEMU gives the guest what no row names: " + strings.Join(off, ", ") + "."
		return both(hvm, u)
	}
	u.level = &support.Level{Functional: support.Supported, Security: support.SecurityYes}
	u.why = "All that QEMU emulates for the guest has a row of its own."
	for _, heading := range []string{networkDevices, storageDevices, graphicsDevices, audioDevices, inputDevices, serialDevices, otherDevices} {
		if s, ok := open[heading]; ok {
			u.in = Maybe
			u.level = &support.Level{Functional: support.FunctionalNotStated, Security: support.SecurityNo}
			u.seen = append(u.seen, s)
			u.why = "Whether QEMU gives the guest anything that no row names is not known" + becauseOf(u.seen) + "."
		}
	}
	if v := setting(g, "device_model_override", g.d.Model.Override, ""); v.is != "" {
		u.notes = append(u.notes, "The device model is a program of its own ("+v.is+"); what it emulates was taken to be QEMU's.")
	}
	level := u.level
	u = both(hvm, u)
	u.level = level
	return u
}

// hostUSB tells whether QEMU passes USB devices of the host through.
func (g *guest) hostUSB() use {
	usb := when(setting(g, "usbdevice", g.d.Model.USBDevices, nil), func(l []string) bool {
		return slices.ContainsFunc(l, func(d string) bool { return strings.HasPrefix(d, "host:") })
	})
	devs := devicesOf(g, "usbdev", g.d.Devices.USBDevs)
	dev := when(devs, func(l []facts.DomainUSBDev) bool {
		return slices.ContainsFunc(l, func(d facts.DomainUSBDev) bool { return g.usbKind(d.Controller) == "devicemodel" })
	})
	if len(devs.is) > 0 {
		dev.line = devs.is[0].Line
	}
	return both(g.kind(facts.HVM), either(usb, dev))
}

// usbKind returns the type of a USB controller. An HVM guest's controllers are
// QEMU's own where nothing else is asked for; a PV guest's depend on dom0.
func (g *guest) usbKind(controller int) string {
	ctrls := setting(g, "usbctrl", g.d.Devices.USBCtrls, nil)
	kind := "auto"
	if controller >= 0 && controller < len(ctrls.is) && ctrls.is[controller].Type != "" {
		kind = ctrls.is[controller].Type
	}
	if kind == "auto" && g.typ.is == facts.HVM {
		return "devicemodel"
	}
	return kind
}

// stubdomain tells whether an HVM guest's device model has a domain of its own.
func (g *guest) stubdomain() use {
	return both(g.kind(facts.HVM), g.flag("device_model_stubdomain_override", g.d.Model.Stubdomain, false))
}

// traditional judges the two rows of the old QEMU: in a stub domain, and as a
// process of dom0.
func traditional(g *guest, row support.Row) use {
	u := both(g.kind(facts.HVM), when(g.dm, is("qemu-xen-traditional")))
	stub := g.stubdomain()
	if strings.HasSuffix(row.Key, "--as-host-process-device-model") {
		stub = not(g.flag("device_model_stubdomain_override", g.d.Model.Stubdomain, false))
	}
	if !g.j.has("", "4.20") {
		return never("This release has no such device model.")
	}
	return both(stub, u)
}

// deprivileged judges device models that run without dom0's privileges.
func deprivileged(g *guest, row support.Row) use {
	u := both(g.kind(facts.HVM), g.flag("dm_restrict", g.d.Model.Restrict, false))
	if _, ok := row.Applies.Term(support.TermOS); !ok || u.in == No {
		return u
	}
	if system, known := g.serves(""); known && system != "Linux" {
		return never("The row is about a dom0 of Linux; this one is " + system + ".")
	}
	return u
}
