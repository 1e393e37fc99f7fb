package probe

import (
	"fmt"
	"strconv"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
)

// readInterrupts finds the Arm interrupt controller and its translation units:
// in the MADT or the device tree, and in /proc/interrupts, which anybody may
// read and which names the driver.
func (s *session) readInterrupts() {
	if !s.isArm() {
		return
	}
	h := &s.host.Interrupts
	switch {
	case s.board != nil && !s.board.Stub:
		s.gicFromBoard()
	case s.madtLook.known():
		s.gicFromMADT()
	case s.tables.any():
		p := s.madtLook.why()
		h.GIC, h.ITS = facts.Not[int](p), facts.Not[int](p)
	default:
		p := s.noDescription()
		h.GIC, h.ITS = facts.Not[int](p), facts.Not[int](p)
	}
	s.checkGICDriver()
	if _, its := s.seenOnConsole(xldmesg.ITS); its && s.underXen && !h.ITS.IsKnown() {
		h.ITS = facts.Is(len(s.console.Find(xldmesg.ITS)), s.consoleSource).WithNote("those that Xen drives")
	}
	if f, ok := s.seenOnConsole(xldmesg.GIC); ok && s.underXen && !h.GIC.IsKnown() {
		if n, ok := f.Number(0); ok && n >= 1 && n <= 4 {
			h.GIC = facts.Is(int(n), s.consoleSource)
		}
	}
	if version, ok := h.GIC.Get(); ok && version < 3 {
		return // an ITS came with GICv3, and Xen shows dom0 the GIC of the host
	}
	if s.underXen && !h.ITS.IsKnown() {
		h.ITS = facts.Not[int](s.hidden("/proc/interrupts", "Xen shows dom0 no ITS unless it drives it itself"))
	}
}

func (s *session) gicFromBoard() {
	h, gic := &s.host.Interrupts, s.board.GIC
	switch {
	case gic.Version != 0:
		h.GIC = facts.Is(gic.Version, s.boardSource)
		if gic.Version == 3 {
			h.GIC.Note = "a device tree does not tell a GICv4 from a GICv3"
		}
	case s.boardPart != nil:
		h.GIC = facts.Not[int](s.boardPart)
	case len(gic.Compatible) > 0:
		h.GIC = facts.Missing[int](s.boardSource).WithNote("the interrupt controller is " + gic.Compatible[0])
	default:
		h.GIC = facts.Missing[int](s.boardSource).WithNote("the device tree has no interrupt controller at its root")
	}
	switch {
	case gic.ITS > 0:
		h.ITS = facts.Is(gic.ITS, s.boardSource)
	case s.boardPart != nil:
		h.ITS = facts.Not[int](s.boardPart)
	default:
		h.ITS = facts.Missing[int](s.boardSource)
	}
}

func (s *session) gicFromMADT() {
	h, source := &s.host.Interrupts, s.madtLook.source
	version, exact := s.madt.GICVersion()
	switch {
	case exact:
		h.GIC = facts.Is(version, source)
	case version > 0:
		h.GIC = facts.Is(version, source).WithNote("at least: the table describes redistributors and leaves the version to the hardware")
	default:
		h.GIC = facts.Not[int](&facts.Problem{Cause: facts.Incomplete, Source: source, Detail: "the table leaves the version to the hardware"})
	}
	if s.madt.ITSs > 0 {
		h.ITS = facts.Is(s.madt.ITSs, source)
	} else {
		h.ITS = facts.Missing[int](source)
	}
}

// checkGICDriver holds the firmware's word against the driver's name, and
// takes the driver's where the firmware's could not be read.
func (s *session) checkGICDriver() {
	h := &s.host.Interrupts
	if s.isPaper() {
		return
	}
	l := s.file("/proc/interrupts", textFile)
	if !l.known() {
		return
	}
	in, err := procfs.ParseInterrupts(l.data)
	if err != nil {
		s.damaged(l, err)
	}
	low, high, ok := in.GIC()
	if !ok {
		return
	}
	version, known := h.GIC.Get()
	switch {
	case known && (version < low || version > high):
		h.GIC = facts.Disagree[int](
			facts.Conflict{Value: strconv.Itoa(version), Source: h.GIC.Source},
			facts.Conflict{Value: fmt.Sprintf("%d to %d", low, high), Source: l.source})
	case known:
	case low == high:
		h.GIC = facts.Is(low, l.source).WithNote("by the name of the driver that Linux uses")
	case low == 3:
		h.GIC = facts.Is(3, l.source).WithNote("by the name of the driver that Linux uses, which is the same for a GICv4")
	}
	if in.ITS() && !h.ITS.IsKnown() && !h.ITS.IsAbsent() {
		h.ITS = facts.Is(1, l.source).WithNote("at least one: message interrupts pass through it")
	}
}
