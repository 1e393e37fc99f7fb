package rules

import (
	"path"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// guestRows lists, topic by topic, every row that the configuration of a
// domain decides, alone or together with its host.
var guestRows = [][]guestRow{typeRows, bootRows, cpuRows, memoryRows, emulatedRows, frontendRows, backendRows, assignedRows, isolationRows}

// guestExtras lists what domains can use and no row is about.
var guestExtras = slices.Concat(typeExtras, memoryExtras, deviceExtras)

// typeRows are the kinds of guest (xl.cfg(5), type=, pvshim=, firmware=).
var typeRows = []guestRow{
	{rule: "domain-type", rows: []string{"x86pv"}, test: paravirtual,
		do: "Run 32-bit kernels as type=\"pvh\" with pvshim=1, or move to a 64-bit kernel."},
	{rule: "domain-type", rows: []string{"x86hvm"}, test: func(g *guest, _ support.Row) use { return g.needsVirt(g.kind(facts.HVM)) },
		do: "Choose another type=."},
	{rule: "domain-type", rows: []string{"x86pvh--domu", "x86pvh-guest"}, test: func(g *guest, _ support.Row) use { return g.needsVirt(g.kind(facts.PVH)) },
		do: "Choose another type=."},
	{rule: "domain-type", rows: []string{"arm", "arm-guest"}, test: func(g *guest, _ support.Row) use { return g.arm() }},
	{rule: "domain-type", rows: []string{"x86pvhvm"}, test: func(g *guest, _ support.Row) use {
		return both(g.kind(facts.HVM), g.flag("xen_platform_pci", g.d.Model.PlatformPCI, true))
	}, do: "Set xen_platform_pci=0."},
	{rule: "domain-type", rows: []string{"null-scheduler--x86shim"}, test: shimScheduler, do: "Leave sched= out of pvshim_cmdline and pvshim_extra."},
	{rule: "domain-type", rows: []string{"x86nested-hvm"}, test: func(g *guest, _ support.Row) use {
		return both(g.kind(facts.HVM), g.flag("nestedhvm", g.d.CPU.NestedHVM, false))
	}, do: "Take nestedhvm=1 out."},
	{rule: "domain-type", rows: []string{"soft-reset-for-pv-guests"}, test: softReset},
	{rule: "domain-type", rows: []string{"arm-guest-device-tree-support", "arm-guest-psci-support--mandatory", "arm-guest-psci-support--migrateinfotype"},
		test: func(g *guest, _ support.Row) use { return g.arm() }},
	{rule: "domain-type", rows: []string{"arm-guest-psci-support", "arm-16k-and-64k-page-granularity-in-guests"}, test: func(g *guest, _ support.Row) use {
		return both(g.arm(), hiddenIn("a look into the guest", "The guest decides; nothing in its configuration tells."))
	}},
	{rule: "domain-type", rows: []string{"arm-guest-acpi-support"}, test: func(g *guest, _ support.Row) use {
		return both(g.arm(), g.flag("acpi", g.d.ACPI, false))
	}, do: "Take acpi=1 out."},
}

var typeExtras = []guestExtra{
	{"domain-type", "Grant table version 2 on Arm", func(g *guest) use {
		return both(g.arm(), when(setting(g, "max_grant_version", g.d.GrantVersion, 1), func(v uint64) bool { return v >= 2 }))
	}, "Xen's command line document declares version 2 of grant tables unsupported on Arm; the domain is allowed to ask for it, and gets it only where gnttab=max-ver:2 is given to Xen."},
}

// paravirtual judges the rows of PV guests: by whether the PV shim stands
// between the guest and Xen, and by the width of the kernel, which a
// configuration names only through its PV GRUB.
func paravirtual(g *guest, row support.Row) use {
	plain, shimmed := g.kind(facts.PV), g.shim()
	width, sized := row.Applies.Term(support.TermWidth)
	shim, told := row.Applies.Term(support.TermShim)
	kind := either(plain, shimmed)
	if told && shim.Value == "with" {
		kind = shimmed
	} else if told {
		kind = plain
	}
	if kind.in == No {
		kind.why = "The domain is no such PV guest."
		return kind
	}
	if !sized {
		return kind
	}
	has, w := g.width(plain.in == Yes)
	if has == "" {
		kind.in = Maybe
	} else if has != width.Value {
		w.in = No
		w.why = "The guest's kernel is a " + has + "-bit one."
		return w
	}
	return both(kind, w)
}

// shim tells whether the guest is a PV guest inside of the PV shim.
func (g *guest) shim() use {
	return both(g.kind(facts.PVH), g.flag("pvshim", g.d.Boot.PVShim, false))
}

// width tells whether a PV guest's kernel has 32 or 64 bits; empty when not
// known. Without the shim a Xen that cannot run 32-bit PV guests settles it.
func (g *guest) width(bare bool) (string, use) {
	fw := setting(g, "firmware", g.d.Boot.Firmware, "")
	for suffix, bits := range map[string]string{"pvgrub32": "32", "pvgrub64": "64"} {
		if fw.known && fw.is == suffix {
			return bits, use{in: Yes, seen: []Seen{fw.seen}, line: fw.line}
		}
	}
	if bare {
		for _, s := range no32bitPV {
			if r := s(g.j); r.use == Yes {
				return "64", use{in: Yes, seen: []Seen{r.seen}, why: "This Xen runs 64-bit PV guests only: " + r.seen.What + " is " + r.seen.Value + "."}
			}
		}
	}
	if image, ok := g.d.Boot.Image.Get(); ok && image.Bits > 0 {
		return itoa(image.Bits), use{in: Yes, seen: []Seen{seen("kernel "+show(g.d.Boot.Kernel.Value), g.d.Boot.Image, imageText)}, line: g.d.Boot.Kernel.Line}
	}
	return "", use{in: Maybe, seen: []Seen{{What: "width of the guest's kernel", Value: "unknown", Source: g.d.Source, Cause: "the configuration does not tell"}},
		why: "Whether the guest's kernel has 32 or 64 bits is not known: the configuration does not tell.",
		do:  "Look at the kernel: a 32-bit one belongs into type=\"pvh\" with pvshim=1. Xen refuses 32-bit PV guests when booted with pv=no-32 (4.14 on)."}
}

// no32bitPV are the signs that a Xen cannot run 32-bit PV guests itself.
var no32bitPV = []sign{
	fact("32-bit PV guests in the running Xen's capabilities", func(j *judging) facts.Observed[[]string] { return j.h.Xen.Capabilities },
		func(_ *judging, words []string) bool { return len(words) > 0 && !slices.ContainsFunc(words, is32bitPV) },
		func(words []string) string { return yesno(slices.ContainsFunc(words, is32bitPV)) }),
	unbuilt("CONFIG_PV32", "4.14"),
	commandLine("pv=", noPV32),
}

func is32bitPV(word string) bool { return strings.HasPrefix(word, "xen-3.0-x86_32") }

// shimScheduler judges the scheduler of the PV shim, which is the null one
// unless its command line says otherwise.
func shimScheduler(g *guest, _ support.Row) use {
	u := g.shim()
	if u.in == No {
		u.why = "The domain does not run in the PV shim."
		return u
	}
	for _, s := range []struct {
		key string
		set facts.Setting[string]
	}{{"pvshim_cmdline", g.d.Boot.PVShimCmdline}, {"pvshim_extra", g.d.Boot.PVShimExtra}} {
		t := setting(g, s.key, s.set, "")
		v := when(t, func(v string) bool { return shimSched(v) == "" || shimSched(v) == "null" })
		if v.in == No {
			v.why = "The shim is given another scheduler: " + shimSched(t.is) + "."
		}
		u = both(u, v)
	}
	return u
}

func shimSched(line string) string {
	sched := ""
	for _, w := range strings.Fields(line) {
		if v, ok := strings.CutPrefix(w, "sched="); ok {
			sched = v
		}
	}
	return sched
}

func softReset(g *guest, _ support.Row) use {
	action := when(setting(g, "on_soft_reset", g.d.OnSoftReset, "soft-reset"), is("soft-reset"))
	u := both(g.kind(facts.PV), action)
	if u.in == No {
		return u
	}
	return hiddenIn("a look into the guest", "Whether the guest ever resets itself is its own decision.")
}

// needsVirt leaves out guests on a host whose CPU surely cannot run them. Where
// that is not known nothing is held against the guest: one that cannot be built
// harms nobody.
func (g *guest) needsVirt(u use) use {
	if u.in != Yes || g.run != nil {
		return u
	}
	var f Finding
	if met, why, do := virtualization(g.j, &f); met == No {
		u.outside, u.lacks = true, []string{needVirt.what}
		u.seen = append(u.seen, f.Seen...)
		u.why, u.do = "The statement asks for VMX or SVM, and "+why+".", do
	}
	return u
}

// bootRows are what a domain starts from.
var bootRows = []guestRow{
	{rule: "domain-boot", rows: []string{"direct-boot-kernel-image-format"}, test: kernelFormat,
		do: "Give the guest a kernel of a format that the row names."},
	{rule: "domain-boot", rows: []string{"dom0less"}, test: func(g *guest, _ support.Row) use {
		return g.inTree("xen,domain", func(facts.DomainTree) bool { return true })
	}, do: "Let the toolstack start the domain."},
	{rule: "domain-boot", rows: []string{"static-event-channel"}, test: func(g *guest, _ support.Row) use {
		return g.inTree("xen,evtchn-v1", func(t facts.DomainTree) bool { return t.StaticEvents })
	}, do: "Take the xen,evtchn-v1 nodes out of the domain's node."},
	{rule: "domain-boot", rows: []string{"pygrub"}, test: pygrub,
		do: "Run it de-privileged: bootloader_restrict=1 in the domain's configuration or in xl.conf (4.18 on); before, LIBXL_BOOTLOADER_RESTRICT=1 in the environment of xl."},
	{rule: "domain-boot", rows: []string{"x86hvm-ipxe"}, test: ipxe, do: "Take n out of boot=, or boot over networks that are trusted only."},
	{rule: "domain-boot", rows: []string{"x86hvm-bios", "x86hvm-ovmf"}, test: firmware, do: "Choose another firmware= or bios=."},
}

// kernelFormat judges a kernel that is booted directly by the format of its
// file, where that was looked at. xl refuses a file that it cannot load, so
// what was not looked at is of one of the formats.
func kernelFormat(g *guest, row support.Row) use {
	u := when(setting(g, "kernel", g.d.Boot.Kernel, ""), func(k string) bool { return k != "" })
	if u.in == No {
		u.why = "The domain names no kernel to boot directly."
	}
	if u.in == Maybe && g.d.Form == facts.BootTree {
		u.level = &support.NothingSaid // at worst
	}
	if u.in != Yes {
		return u
	}
	image, ok := g.d.Boot.Image.Get()
	if !ok && g.d.Form == facts.BootTree {
		// Xen itself loads more formats than the row names.
		u.in, u.level = Maybe, &support.NothingSaid
		u.seen = append(u.seen, seen("format of the kernel", g.d.Boot.Image, imageText))
		u.why = "The domain boots a kernel directly; of which format, nothing that was given tells."
		return u
	}
	if !ok {
		u.notes = []string{"The kernel's file was not looked at" + reason(g.d.Boot.Image) + "; a format that the toolstack does not load does not boot."}
		return u
	}
	u.seen = append(u.seen, seen("format of the kernel", g.d.Boot.Image, imageText))
	named := slices.ContainsFunc(row.Meaning.Formats, func(f string) bool { return strings.EqualFold(f, image.Format) })
	switch {
	case named:
		u.why = "The domain boots a kernel directly: " + imageText(image) + "."
	case g.j.arch == facts.Arm64 && image.Format == "zImage":
		u.in, u.why = No, "The kernel is one for 32-bit Arm."
	case g.d.Form != facts.BootTree:
		u.in, u.why = No, "The file that kernel= names is no "+list(row.Meaning.Formats)+", so that the toolstack does not boot it."
	default:
		u.outside, u.lacks = true, []string{list(row.Meaning.Formats)}
		u.why = "The row names " + list(row.Meaning.Formats) + "; the kernel is " + imageText(image) + "."
	}
	return u
}

// inTree asks the node of a domain that Xen itself starts. Only such domains
// have one.
func (g *guest) inTree(what string, ask func(facts.DomainTree) bool) use {
	switch {
	case g.blank:
		return use{in: Maybe, hidden: "needs the device tree that Xen was booted with", why: "Whether Xen or a toolstack started the domain is not known."}
	case g.d.Tree == nil:
		return never("A toolstack starts the domain, and Xen none by itself.")
	}
	has := ask(*g.d.Tree)
	u := of(verdictOf(has, Seen{What: what + " at the domain's node", Value: yesno(has), Source: g.d.Source}))
	if has {
		u.why = "Xen starts the domain itself, and its node has " + what + "."
	}
	return u
}

// imageText describes a kernel.
func imageText(k facts.KernelImage) string {
	s := k.Format
	if k.Format == "other" {
		s = "of another format"
	}
	if k.Bits > 0 {
		s += ", " + itoa(k.Bits) + "-bit"
	}
	if k.Gzipped {
		s += ", compressed"
	}
	return s
}

// reason says in a subordinate clause why a fact is not known.
func reason[T any](o facts.Observed[T]) string {
	switch {
	case o.IsAbsent():
		return " (it is not there)"
	case o.Problem != nil:
		return " (" + cause(o.Problem) + ")"
	}
	return ""
}

// ipxe tells whether a guest boots from the network. Where no order is given
// the network is the last resort: of a guest that has an emulated card, and
// nothing else to boot from.
func ipxe(g *guest, _ support.Row) use {
	hvm := g.kind(facts.HVM)
	order := setting(g, "boot", g.d.Boot.Order, "")
	if !order.known || order.is != "" {
		return both(hvm, when(order, func(v string) bool { return strings.Contains(v, "n") }))
	}
	cards := when(devicesOf(g, "vif", g.d.Devices.NICs), func(nics []facts.DomainNIC) bool {
		return slices.ContainsFunc(nics, func(n facts.DomainNIC) bool { return n.Type != "vif" })
	})
	if cards.in == No {
		cards.why = "The domain has no emulated network card to boot from."
	}
	disks := not(has(g, "disk", g.d.Devices.Disks))
	if disks.in == No {
		disks.why = "The domain boots from its disks, as boot= says nothing else."
	}
	kernel := not(when(setting(g, "kernel", g.d.Boot.Kernel, ""), func(k string) bool { return k != "" }))
	if kernel.in == No {
		kernel.why = "The domain boots a kernel directly."
	}
	u := both(hvm, cards, kernel, disks)
	if u.in == Yes {
		u.why = "The domain has no disk and no boot=, so that it tries the network."
	}
	return u
}

// pygrub judges the boot loader that reads a guest's disk in dom0: security
// supported only when it runs without dom0's privileges.
func pygrub(g *guest, row support.Row) use {
	loader := when(setting(g, "bootloader", g.d.Boot.Bootloader, ""), func(b string) bool { return path.Base(b) == "pygrub" })
	u := both(g.notHVM(), loader)
	if loader.in == No {
		u.why = "The domain does not boot through pygrub."
	}
	if u.in != Yes || row.Meaning.Condition != support.WhenDeprivilege {
		return u
	}
	restricted := g.restrictedLoader()
	u.seen = append(u.seen, restricted.seen...)
	u.notes, u.do = restricted.notes, restricted.do
	switch restricted.in {
	case Yes:
		u.level = &support.Level{Functional: row.Meaning.Functional, Security: support.SecurityYes}
		u.why = "The domain boots through pygrub, which runs de-privileged."
	case No:
		u.level = &support.Level{Functional: row.Meaning.Functional, Security: support.SecurityNo}
		u.why = "The domain boots through pygrub, which reads the guest's disk with dom0's privileges."
	default:
		u.in = Maybe
		u.level = &support.Level{Functional: row.Meaning.Functional, Security: support.SecurityNo}
		u.why = "The domain boots through pygrub; whether that runs de-privileged is not known."
	}
	return u
}

// restrictedLoader tells whether boot loaders run de-privileged. Since 4.18
// the configuration or xl.conf says so; from 4.15.6, 4.16.6 and 4.17.3 on there
// are only environment variables, which no file shows.
func (g *guest) restrictedLoader() use {
	const environment = "LIBXL_BOOTLOADER_RESTRICT or LIBXL_BOOTLOADER_USER"
	if g.j.before("4.15") {
		return use{in: No, seen: []Seen{{What: "de-privileged boot loaders", Value: "not possible in this release"}}, do: "Move to a release that can run boot loaders de-privileged, or boot the kernel directly with kernel=."}
	}
	if g.j.before("4.18") {
		return use{in: Maybe, seen: []Seen{{What: environment, Value: "unknown", Cause: "the environment of xl leaves no trace"}},
			do: "Make sure that " + environment + " is set in the environment of xl, libvirt and xendomains (4.15.6, 4.16.6, 4.17.3 on)."}
	}
	note := []string{environment + " in the environment of xl, set to anything, restricts boot loaders whatever the files say."}
	own := setting(g, "bootloader_restrict", g.d.Boot.BootloaderRestrict, false)
	if g.d.Boot.BootloaderRestrict.Given || !own.known {
		u := when(own, isTrue)
		u.notes = note
		return u
	}
	user := setting(g, "bootloader_user", g.d.Boot.BootloaderUser, "")
	if !user.known || user.is != "" {
		return when(user, func(s string) bool { return s != "" })
	}
	if g.d.Form == facts.LibxlJSON {
		// xl has put the defaults of xl.conf into it already.
		return use{in: No, seen: []Seen{own.seen}, notes: note}
	}
	what := "bootloader_restrict in xl.conf"
	u := g.j.h.Userspace
	if u == nil {
		return use{in: Maybe, seen: []Seen{own.seen, {What: what, Value: "unknown", Cause: "dom0 is not known"}}, notes: note,
			do: "Give bootloader_restrict=1 in the domain's configuration."}
	}
	conf := u.XLConf
	s := seen(what, conf, func(m map[string]string) string { return show(m["bootloader_restrict"]) })
	r := use{in: Maybe, seen: []Seen{own.seen, s}, notes: note, do: remedy(conf)}
	if v, ok := conf.Get(); ok || conf.IsAbsent() {
		r.in = No
		if word := v["bootloader_restrict"]; word != "" && word != "0" || v["bootloader_user"] != "" {
			r.in, r.seen = Yes, []Seen{s}
		}
		r.do = ""
	}
	return r
}

// firmware judges what an HVM guest boots: by bios= or firmware=, else by its
// device model.
func firmware(g *guest, row support.Row) use {
	hvm := g.kind(facts.HVM)
	if hvm.in == No {
		return hvm
	}
	bios := g.bios()
	want := "ovmf"
	if t, ok := row.Applies.Term(support.TermFirmware); ok {
		want = strings.ToLower(t.Value)
	}
	u := both(hvm, when(bios, is(want)))
	if impl, ok := row.Applies.Term(support.TermImpl); ok {
		u = both(u, when(g.dm, is(strings.ToLower(impl.Value))))
	}
	return u
}

func (g *guest) bios() told[string] {
	if b := setting(g, "bios", g.d.Boot.BIOS, ""); !b.known || b.is != "" {
		return b
	}
	fw := setting(g, "firmware", g.d.Boot.Firmware, "")
	switch {
	case !fw.known:
		return fw
	case fw.is == "uefi":
		fw.is = "ovmf"
		return fw
	case fw.is != "" && fw.is != "bios":
		return fw
	}
	t := told[string]{is: "seabios", known: g.dm.known, line: fw.line, seen: Seen{What: "bios", Value: "seabios by default of qemu-xen", Source: g.d.Source}}
	switch {
	case !g.dm.known:
		t.seen = g.dm.seen
	case g.dm.is == "qemu-xen-traditional":
		t.is, t.seen.Value = "rombios", "rombios by default of qemu-xen-traditional"
	}
	return t
}
