package probe

import "github.com/xencheck/xencheck/probe/facts"

// hideHost takes back what was read in an ordinary guest of Xen, or in what may
// be one: all of it is the guest's, and none of it the host's. The architecture
// stays, and so do the facts about the guest itself.
func (s *session) hideHost() {
	kind := s.host.Machine.Kind
	p := &facts.Problem{
		Cause: facts.HiddenByXen, Source: kind.Source,
		Detail: "this is a guest: its hardware is not the host's", Remedy: guestRemedy,
	}
	switch {
	case kind.Value == facts.DomU:
	case s.underXen && kind.Problem != nil:
		p.Detail, p.Remedy = "this may be a guest, whose hardware is not the host's", kind.Problem.Remedy
	default:
		return
	}
	h := s.host
	m := &h.Machine
	m.Firmware, m.SecureBoot = facts.Not[string](p), facts.Not[bool](p)
	m.ACPI, m.DeviceTree = facts.Not[bool](p), facts.Not[bool](p)
	m.Vendor, m.Product, m.Board = facts.Not[string](p), facts.Not[string](p), facts.Not[string](p)
	c := &h.CPU
	c.Present, c.Online, c.Possible, c.Firmware = facts.Not[int](p), facts.Not[int](p), facts.Not[int](p), facts.Not[int](p)
	c.Nodes, c.Cores = facts.Not[int](p), facts.Not[int](p)
	c.Physical = facts.Not[facts.Range](p)
	if x := c.X86; x != nil {
		x.Models = facts.Not[[]facts.X86Model](p)
		for _, o := range []*facts.Observed[bool]{&x.VMX, &x.SVM, &x.LockedOff, &x.EPT, &x.NPT} {
			*o = facts.Not[bool](p)
		}
		x.QoS = facts.Not[[]string](p)
		h.Hotplug = facts.Hotplug{CPU: facts.Not[facts.CPUHotplug](p), Memory: facts.Not[uint64](p)}
	}
	if a := c.Arm; a != nil {
		a.Cores, a.Boot = facts.Not[[]facts.ArmCore](p), facts.Not[facts.ArmCore](p)
		a.Architecture = facts.Not[int](p)
		for _, o := range []*facts.Observed[bool]{&a.Virtualization, &a.VirtExtensions, &a.LPAE, &a.SVE, &a.AArch32} {
			*o = facts.Not[bool](p)
		}
		h.Interrupts = facts.Interrupts{GIC: facts.Not[int](p), ITS: facts.Not[int](p)}
	}
	h.Memory = facts.Memory{Physical: facts.Not[facts.Range](p), Readings: []facts.MemoryReading{}}
	h.IOMMU = facts.IOMMU{Units: facts.Not[[]facts.IOMMUUnit](p), InterruptRemapping: facts.Not[bool](p)}
}
