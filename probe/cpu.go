package probe

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/cpuinfo"
	"github.com/xencheck/xencheck/probe/internal/cpulist"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

const (
	sysCPU      = "/sys/devices/system/cpu"
	nodesOnline = "/sys/devices/system/node/online"
)

// readProcessors reads /proc/cpuinfo, and settles which family of processors
// the other probes deal with.
func (s *session) readProcessors() {
	const name = "/proc/cpuinfo"
	type parsed struct {
		info *cpuinfo.Info
		err  error
	}
	l := look{source: s.display(name)}
	p, err := stream(s.root, name, cpuinfoFile, func(r io.Reader) parsed {
		info, err := cpuinfo.Parse(r)
		return parsed{info, err}
	})
	s.classify(&l, err)
	s.note(l)
	if l.known() {
		if len(p.info.Problems) > 0 {
			first := p.info.Problems[0]
			s.damaged(l, fmt.Errorf("partly: line %d: %s", first.Line, first.Text))
		}
		if p.err != nil {
			l.state, l.problem = facts.Unknown, s.damaged(l, p.err)
		}
		if p.info.Arch != "" {
			s.cpuinfo = p.info
		}
	}
	s.cpuinfoLook = l
	s.family = s.guessFamily()
}

func (s *session) guessFamily() family {
	if s.cpuinfo != nil {
		return familyOf(s.cpuinfo.Arch)
	}
	if s.dump != nil {
		if s.dump.x86 {
			return familyX86
		}
		return familyArm
	}
	if len(s.opts.MIDR) > 0 || s.opts.DTB != "" {
		return familyArm
	}
	if f := s.textFamily(); f != familyUnknown {
		return f
	}
	if name, ok := s.readKernelArch().Get(); ok {
		arch, _ := procfs.MachineArch(name)
		switch {
		case arch.X86():
			return familyX86
		case arch.Arm():
			return familyArm
		}
		return familyOther
	}
	return familyUnknown
}

func familyOf(arch string) family {
	switch arch {
	case cpuinfo.ArchX86:
		return familyX86
	case cpuinfo.ArchArm:
		return familyArm
	}
	return familyOther
}

// readFirmwareTables reads what the firmware hands over: ACPI tables, device
// tree, SMBIOS. Where no CPU was seen, they tell the architecture.
func (s *session) readFirmwareTables() {
	s.readTableList()
	s.readMADT()
	if s.family == familyUnknown {
		switch {
		case s.madtLook.known() && s.madt.GICCs > 0, s.tables.has("IORT"), s.tables.has("GTDT"):
			s.family = familyArm
		case s.madtLook.known() && s.madt.Enabled > 0, s.tables.has("DMAR"), s.tables.has("RMAD"), s.tables.has("IVRS"):
			s.family = familyX86
		}
	}
	s.readBoard()
	if s.family == familyUnknown && s.board != nil && s.armBoard() {
		s.family = familyArm
	}
	s.readSMBIOS()
}

// armBoard reports whether a device tree is that of an Arm machine: other
// architectures have them too.
func (s *session) armBoard() bool {
	controller := slices.ContainsFunc(s.board.GIC.Compatible, func(c string) bool { return strings.HasPrefix(c, "arm,") })
	return controller || len(s.board.Timers) > 0 || s.board.GIC.Version > 0 || len(s.coresOfBoard()) > 0
}

// archOfCPU returns the architecture as far as the processors tell it, and the
// zero fact where they do not.
func (s *session) archOfCPU() facts.Observed[facts.Arch] {
	switch s.family {
	case familyX86:
		return s.archOfX86()
	case familyArm:
		return s.archOfArm()
	case familyOther:
		if s.cpuinfo != nil {
			if k, ok := s.host.Machine.KernelArch.Get(); ok {
				return facts.Is(facts.Arch(k), s.host.Machine.KernelArch.Source)
			}
			return facts.Is(facts.Arch(s.cpuinfo.Arch), s.cpuinfoLook.source)
		}
	}
	return facts.Observed[facts.Arch]{}
}

// readCPU fills what concerns every architecture and then what is particular.
func (s *session) readCPU() {
	s.readCounts()
	switch s.family {
	case familyX86:
		s.readX86()
	case familyArm:
		s.readArm()
	}
}

// readCounts counts logical CPUs: as Linux lists them, and as the firmware
// describes them.
func (s *session) readCounts() {
	c := &s.host.CPU
	c.Present = s.countList(sysCPU + "/present")
	c.Online = s.countList(sysCPU + "/online")
	c.Possible = s.countList(sysCPU + "/possible")
	c.Nodes = s.countList(nodesOnline)
	if !c.Online.IsKnown() && s.cpuinfo != nil && s.cpuinfo.Processors > 0 {
		c.Online = facts.Is(s.cpuinfo.Processors, s.cpuinfoLook.source)
	}
	switch {
	case s.board != nil && !s.board.Stub && s.underXen:
		c.Firmware = facts.Not[int](s.hidden(s.boardSource, "the device tree lists this domain's CPUs"))
	case s.syntheticTables():
		c.Firmware = facts.Not[int](s.hidden(acpiTables, "Xen writes the processor table of such a domain itself"))
	case s.board != nil && !s.board.Stub && s.boardPart != nil:
		c.Firmware = facts.Not[int](s.boardPart)
	case s.board != nil && len(s.board.CPUs) > 0:
		c.Firmware = facts.Is(len(s.board.CPUs), s.boardSource)
	case s.board != nil && !s.board.Stub:
		c.Firmware = facts.Not[int](&facts.Problem{Cause: facts.Incomplete, Source: s.boardSource, Detail: "the device tree lists no processor"})
	case s.madtLook.known():
		c.Firmware = facts.Is(s.madt.Enabled, s.madtLook.source)
	default:
		c.Firmware = facts.Not[int](s.madtLook.why())
	}
	c.Physical = s.physicalCPUs()
	if s.underXen {
		p := s.hidden(sysCPU, "Linux counts this domain's virtual CPUs")
		c.Present, c.Online, c.Possible, c.Nodes = facts.Not[int](p), facts.Not[int](p), facts.Not[int](p), facts.Not[int](p)
		s.cpusUnderXen()
	}
}

func (s *session) countList(name string) facts.Observed[int] {
	if s.isPaper() {
		return facts.Not[int](&facts.Problem{Cause: facts.NotRecorded, Source: name, Detail: "no running system was looked at"})
	}
	l := s.file(name, smallFile)
	if !l.known() {
		return facts.Not[int](l.why())
	}
	set, err := cpulist.Parse(l.text())
	if err == nil && set.Len() == 0 {
		err = errors.New("the list is empty")
	}
	if err != nil {
		return facts.Not[int](s.damaged(l, err))
	}
	return facts.Is(set.Len(), l.source)
}

// physicalCPUs is the interval a limit is compared with: the CPUs that are
// there for certain, and those that the firmware has enabled at most. Spare
// entries for hot-add do not count.
func (s *session) physicalCPUs() facts.Observed[facts.Range] {
	c := s.host.CPU
	firmware, firmwareKnown := c.Firmware.Get()
	if n := s.opts.CPUs; n > 0 {
		return facts.Is(facts.Exactly(uint64(n)), "--cpus")
	}
	if s.underXen {
		if firmwareKnown && firmware > 0 {
			most := uint64(firmware)
			return facts.Is(facts.Range{Min: 1, Max: &most}, c.Firmware.Source).WithNote("Linux sees virtual CPUs; the firmware's table is the machine's")
		}
		return facts.Not[facts.Range](s.hidden(sysCPU, "Linux counts this domain's virtual CPUs"))
	}
	present, ok := c.Present.Get()
	source, bounded := c.Present.Source, true
	if !ok {
		present, ok = c.Online.Get()
		source, bounded = c.Online.Source, false
	}
	switch {
	case ok && firmwareKnown:
		most := uint64(max(present, firmware))
		return facts.Is(facts.Range{Min: uint64(present), Max: &most}, source+", "+c.Firmware.Source)
	case ok && bounded && !s.countIsLimited():
		return facts.Is(facts.Exactly(uint64(present)), source)
	case ok:
		return facts.Is(facts.Range{Min: uint64(present)}, source).WithNote("there may be more that this kernel does not use")
	case firmwareKnown && firmware > 0:
		return facts.Is(facts.Exactly(uint64(firmware)), c.Firmware.Source)
	case s.dump != nil && s.dump.cpus > 0:
		if s.dump.all {
			return facts.Is(facts.Exactly(uint64(s.dump.cpus)), s.dump.source)
		}
		return facts.Is(facts.Range{Min: uint64(s.dump.cpus)}, s.dump.source).WithNote("the CPUs that were dumped")
	case c.Firmware.Problem != nil && c.Firmware.Problem.Cause != facts.NotRecorded:
		return facts.Not[facts.Range](c.Firmware.Problem)
	case c.Present.Problem != nil:
		p := *c.Present.Problem
		if s.isPaper() {
			p.Remedy = "give --cpus"
		}
		return facts.Not[facts.Range](&p)
	}
	return facts.Not[facts.Range](c.Firmware.Problem)
}

// countIsLimited reports whether the kernel was, or may have been, told or built
// to use fewer CPUs than there are.
func (s *session) countIsLimited() bool {
	l := s.file("/proc/cmdline", smallFile)
	if l.known() {
		for _, p := range procfs.ParseCommandLine(string(l.data)) {
			switch p.Key {
			case "nr_cpus", "possible_cpus", "nosmp", "maxcpus", "nolapic", "noapic", "disable_cpu_apicid", "elfcorehdr":
				return true
			case "acpi":
				return p.Value == "off"
			}
		}
	}
	most := s.file(sysCPU+"/kernel_max", smallFile)
	switch { // a captured tree without them is taken for that of an ordinary kernel
	case !l.known() && !l.unrecorded():
		return true
	case !most.known():
		return !most.unrecorded()
	}
	last, err := procfs.Number(most.data, 10)
	present, _ := s.host.CPU.Present.Get()
	return err != nil || uint64(present) >= last+1
}
