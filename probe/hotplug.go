package probe

import (
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/acpi"
)

// readHotplug finds what x86 firmware announces as addable while running:
// spare processors in the MADT, hot-pluggable ranges in the SRAT. Nothing of
// the kind is read on other architectures, whose statement has no such row.
func (s *session) readHotplug() {
	if !s.isX86() {
		return
	}
	h := &s.host.Hotplug
	if s.syntheticTables() {
		p := s.hidden(acpiTables, "Xen writes the processor and memory tables of such a domain itself")
		h.CPU, h.Memory = facts.Not[facts.CPUHotplug](p), facts.Not[uint64](p)
		return
	}
	switch l := s.madtLook; {
	case l.known() && s.madt.Disabled == 0:
		h.CPU = facts.Missing[facts.CPUHotplug](l.source)
	case l.known():
		h.CPU = facts.Is(facts.CPUHotplug{
			MADTRevision:  s.madt.Header.Revision,
			Spare:         s.madt.Disabled,
			OnlineCapable: s.madt.OnlineCapable,
		}, l.source)
		if s.madt.Header.Revision < 5 {
			h.CPU.Note = "before MADT revision 5 a spare entry may be a dummy that nothing can be plugged into"
		}
	case l.absent():
		h.CPU = facts.Not[facts.CPUHotplug](&facts.Problem{Cause: facts.Incomplete, Source: l.source, Detail: "this machine has no such table, in which processors are listed"})
	default:
		h.CPU = facts.Not[facts.CPUHotplug](l.problem)
	}

	l := s.table("SRAT")
	switch {
	case l.absent():
		h.Memory = facts.Missing[uint64](l.source)
	case !l.known():
		h.Memory = facts.Not[uint64](l.problem)
	default:
		srat, err := acpi.ParseSRAT(l.data)
		switch {
		case err != nil:
			h.Memory = facts.Not[uint64](s.tableProblem(l, err))
		case srat.HotPluggable == 0:
			h.Memory = facts.Missing[uint64](l.source)
		default:
			h.Memory = facts.Is(srat.HotPluggable, l.source).WithNote("ranges marked hot-pluggable; some of it may be plugged in already")
		}
	}
}
