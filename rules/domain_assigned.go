package rules

import (
	"slices"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// assignedRows are devices of the host that a guest is given.
var assignedRows = []guestRow{
	{rule: "domain-passthrough", rows: []string{"x86pci-device-passthrough"}, test: pciPassthrough, do: "Take the device out of pci=."},
	{rule: "domain-passthrough", rows: []string{"armnon-pci-device-passthrough"}, test: armPassthrough, do: "Take the device out of dtdev=, iomem= and irqs=."},
	{rule: "domain-passthrough", rows: []string{"armioreq-servers"}, test: func(g *guest, _ support.Row) use {
		disk := g.disk(func(d facts.DomainDisk) bool { return d.Specification == "virtio" })
		if g.j.before("4.17") {
			disk = never("")
		}
		return both(g.arm(), either(has(g, "virtio", g.d.Devices.Virtios), disk))
	}, do: "Take virtio= and specification=virtio out."},
}

// pci tells whether a guest is given PCI devices.
func (g *guest) pci() use {
	u := has(g, "pci", g.d.Devices.PCI)
	if l := g.d.Devices.PCI.Value; u.in == Yes && len(l) > 0 {
		u.line = l[0].Line
	}
	return u
}

// pciPassthrough judges PCI devices given to a guest, which is covered only
// where an IOMMU stands before them.
func pciPassthrough(g *guest, row support.Row) use {
	kind := facts.PV
	if t, ok := row.Applies.Term(support.TermGuest); ok {
		kind = facts.DomainType(t.Value)
	}
	u := both(g.kind(kind), g.pci())
	if u.in != Yes {
		return u
	}
	if slices.ContainsFunc(g.d.Devices.PCI.Value, func(p facts.DomainPCI) bool { return p.Permissive }) {
		u.notes = append(u.notes, "permissive=1 lets the guest write to parts of the device's configuration space that are filtered otherwise.")
	}
	return g.behindIOMMU(u)
}

// behindIOMMU leaves out devices that no IOMMU stands before.
func (g *guest) behindIOMMU(u use) use {
	d := g.driven()
	switch d.in {
	case No:
		u.outside, u.lacks, u.do = true, []string{needIOMMU.what}, d.do
		u.why = "The domain is given devices of the host, which the statement covers on systems with an IOMMU only. " + d.why
		if d.why == "" {
			u.why += upper(d.seen[0].What) + ": " + d.seen[0].Value + "."
		}
	case Maybe:
		u.in, u.do = Maybe, d.do
		u.why = "The domain is given devices of the host, which the statement covers on systems with an IOMMU only, and whether this host has one is not known."
		// Without an IOMMU the row says nothing at all.
		u.level = &support.NothingSaid
	}
	u.seen = append(u.seen, d.seen...)
	return u
}

func armPassthrough(g *guest, _ support.Row) use {
	tree := has(g, "dtdev", g.d.Devices.DTDevs)
	raw := either(has(g, "iomem", g.d.Devices.IOMem), has(g, "irqs", g.d.Devices.IRQs))
	u := both(g.arm(), either(tree, raw))
	if u.in != Yes {
		return u
	}
	if tree.in == No {
		u.notes = append(u.notes, "Memory and interrupts that are handed over without dtdev= stand behind no IOMMU.")
	}
	return g.behindIOMMU(u)
}

// isolationRows are how the parts of a system are kept apart.
var isolationRows = []guestRow{
	{rule: "domain-isolation", rows: []string{"driver-domains"}, test: func(g *guest, _ support.Row) use { return g.drivers() },
		do: "Let dom0 serve the device: take backend= and driver_domain= out."},
	{rule: "domain-isolation", rows: []string{"ocaml-xenstored-daemon--untrusted-driver-domains"}, oneSided: true, test: func(g *guest, _ support.Row) use {
		u := g.drivers()
		if u.in == No {
			u.why = "The domain neither is a driver domain nor is served by one."
			return u
		}
		x := of(oxenstored(g.j))
		if x.in == No {
			x.why = "xenstored is not the OCaml one."
			return x
		}
		u.in, u.hidden = Maybe, "needs to be known whether the driver domain is trusted"
		u.why = "A driver domain is used; whether it is trusted is the administrator's judgement."
		return u
	}},
	{rule: "domain-isolation", rows: []string{"arm-op-tee-mediator"}, test: tee("optee"), blind: ownMediator, do: "Set tee=\"none\"."},
	{rule: "domain-isolation", rows: []string{"arm-firmware-framework-for-arm-a-profile-ff-a-mediator"}, test: tee("ffa"), blind: ownMediator, do: "Set tee=\"none\"."},
}

var oxenstored = xenstored("oxenstored")

// ownMediator is why no guest's configuration rules a mediator out.
const ownMediator = "The domain does not use it; Xen gives a mediator that it finds to dom0 without being asked."

// tee judges a trusted execution environment that a guest is given.
func tee(kind string) func(*guest, support.Row) use {
	return func(g *guest, _ support.Row) use {
		if kind == "ffa" && g.j.before("4.18") {
			return never("This release has no such mediator.")
		}
		return both(g.arm(), when(setting(g, "tee", g.d.TEE, "none"), is(kind)))
	}
}

// drivers tells whether a domain other than dom0 serves devices: this one, or
// one that this one's devices name.
func (g *guest) drivers() use {
	u := either(g.flag("driver_domain", g.d.DriverDomain, false), g.backends())
	if g.run != nil && u.in != Yes && slices.ContainsFunc(g.run.BackendIDs, func(id int) bool { return id != 0 }) {
		return of(verdictOf(true, Seen{What: "domains that serve the running domain", Value: ids(g.run.BackendIDs), Source: g.j.h.Running.Source}))
	}
	return u
}

func ids(l []int) string {
	var s []string
	for _, n := range l {
		s = append(s, itoa(n))
	}
	return list(s)
}

// backends tells whether a device of the guest names another backend domain
// than dom0.
func (g *guest) backends() use {
	d := &g.d.Devices
	all := []use{
		foreign(g, "disk", d.Disks, func(x facts.DomainDisk) facts.DomainDevice { return x.DomainDevice }),
		foreign(g, "vif", d.NICs, func(x facts.DomainNIC) facts.DomainDevice { return x.DomainDevice }),
		foreign(g, "vfb", d.VFBs, func(x facts.DomainDevice) facts.DomainDevice { return x }),
		foreign(g, "vkb", d.VKBs, func(x facts.DomainVKB) facts.DomainDevice { return x.DomainDevice }),
		foreign(g, "vsnd", d.VSnds, func(x facts.DomainDevice) facts.DomainDevice { return x }),
		foreign(g, "vdispl", d.VDispls, func(x facts.DomainVDispl) facts.DomainDevice { return x.DomainDevice }),
		foreign(g, "usbctrl", d.USBCtrls, func(x facts.DomainUSBCtrl) facts.DomainDevice { return x.DomainDevice }),
		foreign(g, "p9", d.P9s, func(x facts.DomainP9) facts.DomainDevice { return x.DomainDevice }),
		foreign(g, "vtpm", d.VTPMs, func(x facts.DomainDevice) facts.DomainDevice { return x }),
		foreign(g, "pvcalls", d.PVCalls, func(x facts.DomainDevice) facts.DomainDevice { return x }),
		foreign(g, "channel", d.Channels, func(x facts.DomainChannel) facts.DomainDevice { return x.DomainDevice }),
		foreign(g, "virtio", d.Virtios, func(x facts.DomainVirtio) facts.DomainDevice { return x.DomainDevice }),
	}
	u := either(all...)
	if u.in == No {
		u.seen, u.why = []Seen{{What: "backend of the devices", Value: "dom0", Source: g.d.Source}}, "All devices are served by dom0."
	}
	return u
}

func foreign[T any](g *guest, key string, s facts.Setting[[]T], device func(T) facts.DomainDevice) use {
	t := setting(g, key, s, nil)
	if !t.known {
		return when(t, func([]T) bool { return false })
	}
	for _, x := range t.is {
		d := device(x)
		if b := d.Backend; b != "" && b != "0" && b != "Domain-0" {
			return use{in: Yes, line: d.Line, seen: []Seen{{What: "backend of " + key, Value: b, Source: g.d.Source}}}
		}
		if d.Bad != "" {
			return use{in: Maybe, line: d.Line, seen: []Seen{{What: key, Value: "unknown", Source: g.d.Source, Cause: d.Bad}}}
		}
	}
	return use{in: No}
}
