package probe

import (
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// readMachine tells what the machine is and what it was started with.
func (s *session) readMachine() {
	m := &s.host.Machine
	m.KernelArch = s.readKernelArch()
	m.Arch = s.machineArch()
	m.ACPI = s.readACPI()
	m.DeviceTree = s.readDeviceTree()

	m.Vendor = s.dmiString("sys_vendor")
	m.Product = s.dmiString("product_name")
	m.Board = s.dmiString("board_name")
	if s.board != nil && s.board.Model != "" && !m.Product.IsKnown() {
		m.Product = facts.Is(procfs.Value([]byte(s.board.Model)), s.boardSource)
	}
	if info := s.smbios; info != nil {
		fill(&m.Vendor, info.Vendor, s.smbiosSource)
		fill(&m.Product, info.Product, s.smbiosSource)
		fill(&m.Board, info.Board, s.smbiosSource)
	}
}

// fill sets a fact that no better source told.
func fill(o *facts.Observed[string], value, source string) {
	if !o.IsKnown() && value != "" {
		*o = facts.Is(value, source)
	}
}

func (s *session) dmiString(item string) facts.Observed[string] {
	l, asked := s.dmi[item]
	switch {
	case !asked:
		return facts.Not[string](&facts.Problem{Cause: facts.NotRecorded, Source: dmiID + "/" + item, Detail: "what was given does not hold it"})
	case l.known() && l.text() != "":
		return facts.Is(l.text(), l.source)
	case l.known(), l.absent() && !l.partial:
		return facts.Missing[string](l.source)
	}
	return facts.Not[string](l.why())
}

// readKernelArch returns the machine name of uname(2): from
// /proc/sys/kernel/arch (Linux 6.1) or the call itself.
func (s *session) readKernelArch() facts.Observed[string] {
	if s.isPaper() {
		return facts.Not[string](&facts.Problem{Cause: facts.NotRecorded, Source: unameInterface, Detail: "no running system was looked at"})
	}
	if s.whole {
		if _, _, machine, l := s.uname(); l.known() && machine != "" {
			return facts.Is(machine, l.source)
		}
	}
	l := s.file("/proc/sys/kernel/arch", smallFile)
	if l.known() && l.text() != "" {
		return facts.Is(l.text(), l.source)
	}
	return facts.Not[string](l.why())
}

// machineArch decides the architecture of the hardware. The kernel's is only
// a hint: an i686 kernel runs on 64-bit CPUs, and so does an armv7l one.
func (s *session) machineArch() facts.Observed[facts.Arch] {
	cpu := s.archOfCPU()
	if cpu.IsKnown() {
		return cpu
	}
	if a := s.archOfText(); a.IsKnown() {
		return a
	}
	if cpu.State != facts.Unread {
		return cpu
	}
	kernel := s.host.Machine.KernelArch
	if name, ok := kernel.Get(); ok {
		arch, certain := procfs.MachineArch(name)
		if certain {
			return facts.Is(arch, kernel.Source)
		}
		return facts.Not[facts.Arch](&facts.Problem{Cause: facts.Incomplete, Source: kernel.Source, Detail: "a 32-bit kernel does not tell whether the CPU has 64 bits"})
	}
	switch {
	case s.tables.has("DMAR") || s.tables.has("RMAD"):
		return facts.Is(facts.X86_64, acpiTables+"/DMAR").WithNote("VT-d came after 64-bit CPUs")
	case s.tables.has("IVRS"):
		return facts.Is(facts.X86_64, acpiTables+"/IVRS").WithNote("AMD-Vi came after 64-bit CPUs")
	case s.madtLook.known() && s.madt.GICCs == 0 && s.madt.Enabled > 0:
		return facts.Not[facts.Arch](&facts.Problem{Cause: facts.Incomplete, Source: s.madtLook.source, Detail: "the table is that of an x86 machine and does not tell whether its CPUs have 64 bits"})
	case s.madtLook.known() && s.madt.GICCs > 0:
		return facts.Is(facts.Arm64, s.madtLook.source).WithNote("ACPI on Arm is 64-bit only")
	}
	return facts.Not[facts.Arch](kernel.Problem)
}

// readACPI tells whether the kernel was given ACPI tables.
func (s *session) readACPI() facts.Observed[bool] {
	switch t := s.tables; {
	case t.known() && t.any():
		return facts.Is(true, t.source)
	case t.absent() && !t.partial:
		return facts.Is(false, t.source)
	}
	return facts.Not[bool](s.tables.why())
}

// readDeviceTree tells whether the kernel was given a device tree that
// describes hardware. An ACPI machine's has nothing but /chosen, and sometimes
// not even that is shown.
func (s *session) readDeviceTree() facts.Observed[bool] {
	switch {
	case s.board != nil:
		return facts.Is(!s.board.Stub, s.boardSource)
	case s.masked() != nil:
		return facts.Not[bool](s.masked())
	case s.boardLook.absent() && !s.boardLook.partial:
		return facts.Is(false, s.boardLook.source)
	}
	return facts.Not[bool](s.boardLook.why())
}

// isX86 and isArm go by whatever told the architecture first: the CPU, the
// kernel, or the kind of table that is there.
func (s *session) isX86() bool { return s.family == familyX86 }
func (s *session) isArm() bool { return s.family == familyArm }

// family is an architecture without its width.
type family int

const (
	familyUnknown family = iota
	familyX86
	familyArm
	familyOther
)
