package rules

import (
	"encoding/binary"
	"slices"

	"github.com/xencheck/xencheck/probe/facts"
)

// A facet is some rules and every fact that they look at: hosts with the same
// key are the same to them. Values that a rule merely repeats in its evidence
// are no part of the key; of a fact that is not known, why is, and the remedy.
type facet struct {
	rules   []string // ids; empty for the rows that no rule claims
	key     func(*bounds, *judging, []byte) []byte
	release bool // what it says may depend on the release of Xen
}

// facets holds every rule that judges hosts once, but for the two of which each
// row, or declaration, is a facet of its own: see usesOf. The keys begin with those of
// judging.base.
const facetCount = 10

var facets = [facetCount]facet{
	{rules: []string{releaseRule.ID}, key: func(_ *bounds, _ *judging, k []byte) []byte { return k }},
	{rules: []string{runningRule.ID}, key: func(_ *bounds, j *judging, k []byte) []byte {
		return factKey(k, j.h.Xen.Running, func(k []byte, v facts.XenVersion) []byte {
			k = binary.AppendVarint(binary.AppendVarint(k, int64(v.Major)), int64(v.Minor))
			return textKey(k, v.Extra)
		})
	}},
	{rules: []string{architectureRule.ID}, key: cpuKey, release: true},
	{rules: []string{memoryRule.ID, cpusRule.ID}, key: func(b *bounds, j *judging, k []byte) []byte {
		k = append(k, bit(j.h.Machine.Container.IsKnown(), 1)|bit(j.h.Origin.Kind == facts.Live && j.h.Origin.Privileged, 2))
		k = rangeKey(k, j.h.Memory.Physical, b.bytes)
		return rangeKey(k, j.h.CPU.Physical, b.cpus)
	}},
	{rules: []string{acpiRule.ID, efiRule.ID, secureBootRule.ID, nestedRule.ID, memoryHotplugRule.ID, cpuHotplugRule.ID}, key: bootKey},
	{rules: []string{gicRule.ID}, release: true, key: func(_ *bounds, j *judging, k []byte) []byte {
		k = append(k, bit(j.withoutGICv3(), 1))
		return factKey(k, j.h.Interrupts.GIC, func(k []byte, v int) []byte { return append(k, byte(max(min(v, 5), -1))) })
	}},
	{rules: []string{qosRule.ID, itsRule.ID, sveRule.ID}, key: toldKey, release: true},
	{rules: []string{iommuRule.ID}, key: iommuKey, release: true},
	{rules: []string{pvRule.ID, hvmRule.ID, pvhRule.ID, armGuestRule.ID, passthroughRule.ID, armPassthroughRule.ID}, key: guestKey, release: true},
	{rules: []string{kconfigRule.ID}, key: buildKey, release: true},
}

// base begins every key: what all rules look at.
func (j *judging) base(k []byte) []byte {
	return append(append(append(append(k, j.arch...), '/'), j.xen...), bit(j.under, 1)|bit(j.mayBeUnderXen(), 16)|bit(j.set, 2)|bit(j.h.CPU.X86 != nil, 4)|bit(j.h.CPU.Arm != nil, 8))
}

func bit(b bool, value byte) byte {
	if b {
		return value
	}
	return 0
}

// factKey adds a fact to a key.
func factKey[T any](k []byte, o facts.Observed[T], value func([]byte, T) []byte) []byte {
	switch o.State {
	case facts.Known:
		return value(append(k, 'k'), o.Value)
	case facts.Absent:
		return append(k, 'a')
	}
	return unknownKey(append(k, 'u'), o.State, o.Problem)
}

func unknownKey(k []byte, s facts.State, p *facts.Problem) []byte {
	if p == nil {
		return append(k, '-', bit(s == facts.Unread, 1))
	}
	return textKey(textKey(append(k, '+', bit(s == facts.Unread, 1)), string(p.Cause)), p.Remedy)
}

func textKey[T ~string](k []byte, s T) []byte {
	return append(binary.AppendUvarint(k, uint64(len(s))), s...)
}

func boolKey(k []byte, b bool) []byte { return append(k, bit(b, 1)) }

func anyKey[T any](k []byte, _ T) []byte { return k } // that it is known is all that counts

// cpuKey is all that tells CPUs apart.
func cpuKey(_ *bounds, j *judging, k []byte) []byte {
	k = factKey(k, j.h.Machine.Arch, anyKey)
	k = append(k, bit(j.guestOfXen(), 1)|bit(j.h.Machine.Container.IsKnown(), 2)|bit(j.set && forProtectedMemory(j).use == Yes, 4))
	if j.guestOfXen() { // why it is not known whether it is dom0 is told
		k = factKey(k, j.h.Machine.Kind, anyKey)
	}
	if x := j.h.CPU.X86; x != nil {
		k = factKey(k, x.Models, func(k []byte, ms []facts.X86Model) []byte {
			for _, m := range ms {
				k = binary.AppendVarint(binary.AppendVarint(textKey(k, m.Vendor), int64(m.Family)), int64(m.Model))
			}
			return k
		})
	}
	if a := j.h.CPU.Arm; a != nil {
		core := func(k []byte, c facts.ArmCore) []byte {
			k = textKey(append(k, bit(c.MIDR != "", 1)|bit(c.RevisionKnown, 2)), c.Name)
			k = binary.AppendVarint(binary.AppendVarint(k, int64(c.Implementer)), int64(c.Part))
			return binary.AppendVarint(binary.AppendVarint(k, int64(c.Variant)), int64(c.Revision))
		}
		k = factKey(k, a.Boot, core)
		k = factKey(k, a.Cores, func(k []byte, cs []facts.ArmCore) []byte {
			k = binary.AppendUvarint(k, uint64(len(cs)))
			for _, c := range cs {
				k = core(k, c)
			}
			return k
		})
		k = factKey(k, a.Architecture, func(k []byte, v int) []byte { return binary.AppendVarint(k, int64(v)) })
		k = factKey(k, a.Virtualization, boolKey)
		k = factKey(k, a.VirtExtensions, boolKey)
		k = append(k, bit(j.everyCore(), 1))
	}
	return k
}

// bounds divides amounts by the limits of all statements: amounts between the
// same two bounds are the same to every row.
type bounds struct{ bytes, cpus []uint64 }

func (b *bounds) add(c *Judge) {
	for i := range c.entries {
		l := c.entries[i].Meaning.Limit
		if l == nil {
			continue
		}
		for _, list := range []*[]uint64{&b.bytes, &b.cpus} {
			*list = append(*list, l.Max.N+1)
			if l.Below != nil {
				*list = append(*list, l.Below.N)
			}
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
	}
}

func rangeKey(k []byte, o facts.Observed[facts.Range], bounds []uint64) []byte {
	return factKey(k, o, func(k []byte, r facts.Range) []byte {
		k = append(k, place(bounds, r.Min))
		if r.Max == nil {
			return append(k, 0xff)
		}
		return append(k, place(bounds, *r.Max))
	})
}

// place counts the bounds that an amount has reached.
func place(bounds []uint64, n uint64) byte {
	i := 0
	for i < len(bounds) && n >= bounds[i] {
		i++
	}
	return byte(min(i, 0xfe))
}

// bootKey is the firmware, what it announces, and what the machine is a guest of.
func bootKey(_ *bounds, j *judging, k []byte) []byte {
	m := &j.h.Machine
	k = factKey(k, m.ACPI, boolKey)
	k = factKey(k, m.DeviceTree, boolKey)
	k = factKey(k, m.Firmware, func(k []byte, s string) []byte { return append(k, bit(s == "efi", 1)) })
	k = factKey(k, m.SecureBoot, boolKey)
	k = append(k, bit(j.dom0PVH().use == Yes, 1)|bit(acpiOff(j).use == Yes, 2))
	k = append(signKey(k, acpiForced(j)), bit(j.hasLine(), 1))
	kind, _ := m.Kind.Get()
	domain, _ := m.DomainType.Get()
	k = append(k, bit(kind == facts.DomU && domain == "hvm", 1))
	k = factKey(k, j.h.Hotplug.Memory, anyKey)
	return factKey(k, j.h.Hotplug.CPU, func(k []byte, c facts.CPUHotplug) []byte {
		return append(k, bit(c.OnlineCapable > 0, 1)|bit(c.MADTRevision >= 5, 2))
	})
}

// toldKey is features of the hardware that Xen uses when told to.
func toldKey(_ *bounds, j *judging, k []byte) []byte {
	if x := j.h.CPU.X86; x != nil {
		k = factKey(k, x.QoS, anyKey)
		models, ok := x.Models.Get()
		k = append(k, bit(ok, 1)|bit(slices.ContainsFunc(models, func(m facts.X86Model) bool { return m.Vendor == "GenuineIntel" }), 2))
	}
	if a := j.h.CPU.Arm; a != nil {
		k = factKey(k, a.SVE, boolKey)
	}
	k = factKey(k, j.h.Interrupts.ITS, anyKey)
	if j.set {
		for _, s := range [...]sign{qosTold, itsTold, dom0SVE} {
			k = signKey(k, s(j))
		}
	}
	return k
}

func iommuKey(_ *bounds, j *judging, k []byte) []byte {
	if x := j.h.CPU.X86; x != nil {
		models, _ := x.Models.Get()
		vendor := ""
		if len(models) > 0 {
			vendor = models[0].Vendor
		}
		k = append(k, bit(len(models) > 0, 1)|bit(vendor == "GenuineIntel", 2)|bit(vendor == "AuthenticAMD" || vendor == "HygonGenuine", 4))
	}
	k = drivenKey(k, j)
	return factKey(k, j.h.IOMMU.Units, func(k []byte, units []facts.IOMMUUnit) []byte {
		for _, u := range units {
			k = textKey(k, u.Kind)
			if u.Kind == facts.OtherIOMMU {
				for _, c := range u.Compatible {
					k = textKey(k, c)
				}
			}
		}
		return k
	})
}

// guestKey is what guests need.
func guestKey(_ *bounds, j *judging, k []byte) []byte {
	k = append(k, bit(withoutHVM(j).use == Yes, 1))
	if x := j.h.CPU.X86; x != nil {
		k = factKey(k, x.VMX, boolKey)
		k = factKey(k, x.SVM, boolKey)
		k = factKey(k, x.LockedOff, boolKey)
		k = factKey(k, x.EPT, boolKey)
		k = factKey(k, x.NPT, boolKey)
	}
	k = factKey(k, j.h.Machine.DomainType, func(k []byte, d string) []byte { return append(k, bit(d == "pvh", 1)) })
	k = signKey(k, j.dom0PVH())
	if j.set {
		k = append(k, bit(dom0Shadow(j).use == Yes, 1))
	}
	if j.arch.X86() {
		hap := j.hostHAP()
		k = signKey(k, reading{use: hap.in, seen: hap.seen[0], remedy: hap.do})
		k = append(k, bit(hapOption(j).use == No, 1)|bit(slices.Contains(j.h.Xen.Physical.Value, "hvm"), 2))
	}
	return drivenKey(k, j)
}

// drivenKey is whether Xen drives an IOMMU.
func drivenKey(k []byte, j *judging) []byte {
	var f Finding
	met, why, do := drivenIOMMU(j, &f)
	k = textKey(textKey(append(k, met...), why), do)
	k = textKey(k, f.cause())
	units, _ := j.h.IOMMU.Units.Get()
	for _, u := range units {
		k = append(k, bit(strangeSMMU(u), 1))
	}
	if j.set {
		for _, u := range units {
			if d := iommuDrivers[u.Kind]; d.built != nil {
				k = append(k, bit(d.built(j).use == Yes, 1)|bit(d.unbuilt(j).use == Yes, 2))
			}
		}
	}
	return k
}

// buildKey is how Xen is built, as far as that alone counts.
func buildKey(_ *bounds, j *judging, k []byte) []byte {
	if !j.set {
		return k
	}
	return signKey(signKey(append(k, bit(j.before("4.14"), 1)), expert(j)), debugBuilt(j))
}

// usesOf finds what is in use, or might be and would count, of the rows about
// how Xen is set up and of what is declared elsewhere: all that these can have
// to say to an answer. It calls use with a key for each.
func (j *judging) usesOf(k []byte, use func(key []byte, u *usage, d *declaration)) {
	x := &j.h.Xen
	if !j.set && x.BootTree.State == facts.Unread && x.BootConsole.State == facts.Unread {
		return // no rule looks at any sign
	}
	base := len(k)
usages:
	for i := range usages {
		u := &usages[i]
		if !j.set && !u.tree || len(u.on) == 0 {
			continue
		}
		for _, s := range u.off {
			if s(j).use == Yes {
				continue usages
			}
		}
		k = binary.AppendUvarint(append(k[:base], 'u'), uint64(i))
		open := false
		for _, s := range u.on {
			r := s(j)
			if r.use == Yes {
				open = false
				k = append(k[:base], 'U', byte(i))
				use(k, u, nil)
				continue usages
			}
			if r.use == Maybe {
				k = signKey(k, r)
				open = true
			}
		}
		if open && u.whole && !u.tree && j.under {
			use(k, u, nil)
		}
	}
	if !j.set {
		return
	}
	for i := range declarations {
		d := &declarations[i]
		if a, _ := j.isArch(d.arch); a == Yes && d.sign(j).use == Yes {
			use(append(k[:base], 'd', byte(i)), nil, d)
		}
	}
}

// signKey adds what a sign says to a key.
func signKey(k []byte, r reading) []byte {
	switch r.use {
	case Yes:
		return append(k, 'y')
	case No:
		return append(k, 'n')
	}
	f := Finding{Seen: []Seen{r.seen}}
	return textKey(textKey(append(k, '?'), f.cause()), r.remedy)
}
