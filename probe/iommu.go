package probe

import (
	"errors"
	"fmt"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/acpi"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
)

const iommuClass = "/sys/class/iommu"

// readIOMMU finds the host's DMA remapping units: on x86 in the ACPI tables
// DMAR and IVRS, on Arm in IORT or the device tree. The kernel's own list of
// IOMMU devices is a second source; it is empty where the driver is off, so it
// can only add.
func (s *session) readIOMMU() {
	h := &s.host.IOMMU
	switch {
	case s.isX86():
		s.readIOMMUx86()
	case s.isArm():
		s.readIOMMUArm()
	default:
		return
	}
	if h.Units.IsAbsent() && s.host.CPU.X86 != nil {
		h.InterruptRemapping = facts.Missing[bool](h.Units.Source)
	}
}

func (s *session) readIOMMUx86() {
	h := &s.host.IOMMU
	var units []facts.IOMMUUnit
	var problem *facts.Problem
	var sources []string
	missing := 0

	dmar := s.table("DMAR")
	if rmad := s.table("RMAD"); rmad.known() || s.tables.has("RMAD") {
		// Xen renames the table so that dom0 leaves the units alone; what it
		// says is untouched.
		dmar = rmad
	}
	switch {
	case dmar.known():
		sources = append(sources, dmar.source)
		d, err := acpi.ParseDMAR(dmar.data)
		if err != nil {
			problem = s.tableProblem(dmar, err)
			break
		}
		units = append(units, facts.IOMMUUnit{Kind: facts.VTd, Count: d.DRHDs, Source: dmar.source})
		h.InterruptRemapping = facts.Is(d.InterruptRemap, dmar.source).WithNote("flag INTR_REMAP of the DMAR table")
	case dmar.absent():
		sources = append(sources, dmar.source)
		missing++
	default:
		problem = dmar.problem
	}

	ivrs := s.table("IVRS")
	switch {
	case ivrs.known():
		sources = append(sources, ivrs.source)
		v, err := acpi.ParseIVRS(ivrs.data)
		if err != nil {
			problem = s.tableProblem(ivrs, err)
			break
		}
		units = append(units, facts.IOMMUUnit{Kind: facts.AMDVi, Count: v.Units, Model: ivhdTypes(v), Source: ivrs.source})
		if !h.InterruptRemapping.IsKnown() {
			h.InterruptRemapping = facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: ivrs.source, Detail: "the IVRS table does not tell; AMD-Vi units have interrupt remapping"})
		}
	case ivrs.absent():
		sources = append(sources, ivrs.source)
		missing++
	default:
		if problem == nil {
			problem = ivrs.problem
		}
	}

	seen := s.iommuDevices()
	switch {
	case len(units) > 0:
		h.Units = facts.Is(units, units[0].Source)
	case s.underXen && missing < 2 && len(s.unitsOnConsole()) > 0:
		h.Units = facts.Is(s.unitsOnConsole(), s.consoleSource).WithNote("those that Xen drives")
	case missing == 2 && s.underXen:
		h.Units = s.unitsWithoutTables()
	case missing == 2 && len(seen.units) > 0:
		h.Units = facts.Disagree[[]facts.IOMMUUnit](
			facts.Conflict{Value: "no DMAR and no IVRS table", Source: acpiTables},
			facts.Conflict{Value: inWords(seen.units), Source: iommuClass})
	case missing == 2:
		h.Units = facts.Missing[[]facts.IOMMUUnit](strings.Join(sources, ", "))
	case len(seen.units) > 0 && !s.underXen && (problem == nil || unread(problem)):
		h.Units = facts.Is(seen.units, iommuClass).WithNote("the units that Linux drives; the firmware's table was not read")
	default:
		h.Units = facts.Not[[]facts.IOMMUUnit](problem)
	}
	if directio, told := s.phys.can("directio"); told && !directio && h.Units.IsKnown() && s.underXen {
		h.Units.Note = "Xen does not use them: it reports no directio"
	}
	if f, ok := s.seenOnConsole(xldmesg.IntRemap); ok && s.underXen && !h.InterruptRemapping.IsKnown() {
		h.InterruptRemapping = facts.Is(f.Value(0) == "enabled", s.consoleSource).WithNote("as Xen uses it")
	}
	if h.InterruptRemapping.State == facts.Unread && !h.Units.IsAbsent() {
		if problem == nil {
			problem = h.Units.Problem
		}
		h.InterruptRemapping = facts.Not[bool](problem)
	}
}

// unread reports whether a problem kept a source from being read at all, as
// opposed to a source that was read and makes no sense.
func unread(p *facts.Problem) bool {
	switch p.Cause {
	case facts.Malformed, facts.Truncated, facts.Conflicting:
		return false
	}
	return true
}

func ivhdTypes(v acpi.IVRS) string {
	var types []string
	for _, t := range []struct {
		kind  string
		count int
	}{{"0x10", v.IVHD10}, {"0x11", v.IVHD11}, {"0x40", v.IVHD40}} {
		if t.count > 0 {
			types = append(types, t.kind)
		}
	}
	return "IVHD " + strings.Join(types, ", ")
}

func inWords(units []facts.IOMMUUnit) string {
	var parts []string
	for _, u := range units {
		parts = append(parts, fmt.Sprintf("%d %s", u.Count, u.Kind))
	}
	return strings.Join(parts, ", ")
}

// iommuDevices counts what /sys/class/iommu lists by the names Linux gives:
// dmarN (VT-d), ivhdN (AMD-Vi), smmu3.ADDRESS (SMMUv3). smmu.ADDRESS is a v1
// or a v2 and tells neither; num counts those too.
func (s *session) iommuDevices() (found struct {
	units []facts.IOMMUUnit
	num   int
}) {
	l := s.dir(iommuClass, maxEntries)
	if !l.known() {
		return found
	}
	for _, kind := range []struct {
		prefix string
		kind   facts.IOMMUKind
	}{{"dmar", facts.VTd}, {"ivhd", facts.AMDVi}, {"smmu3.", facts.SMMUv3}} {
		n := 0
		for _, name := range l.names {
			if strings.HasPrefix(name, kind.prefix) {
				n++
			}
		}
		if n > 0 {
			found.units = append(found.units, facts.IOMMUUnit{Kind: kind.kind, Count: n, Source: iommuClass})
		}
	}
	found.num = len(l.names)
	return found
}

func (s *session) readIOMMUArm() {
	h := &s.host.IOMMU
	switch {
	case s.underXen:
		h.Units = s.unitsOfArmDom0()
	case s.board != nil && !s.board.Stub:
		s.iommuFromBoard()
	case s.tables.known() && s.tables.any():
		s.iommuFromIORT()
	default:
		seen := s.iommuDevices()
		if len(seen.units) > 0 && seen.num == seen.units[0].Count {
			h.Units = facts.Is(seen.units, iommuClass).WithNote("the units that Linux drives; the firmware's description was not read")
			return
		}
		h.Units = facts.Not[[]facts.IOMMUUnit](s.noDescription())
	}
}

// iommuFromBoard takes the device tree's enabled units.
func (s *session) iommuFromBoard() {
	h := &s.host.IOMMU
	var units []facts.IOMMUUnit
	for _, u := range s.board.IOMMUs {
		if u.Enabled > 0 {
			units = append(units, facts.IOMMUUnit{Kind: u.Kind, Count: u.Enabled, Compatible: u.Compatible, Source: s.boardSource})
		}
	}
	switch {
	case s.boardPart != nil:
		h.Units = facts.Not[[]facts.IOMMUUnit](s.boardPart)
	case len(units) == 0:
		h.Units = facts.Missing[[]facts.IOMMUUnit](s.boardSource)
	default:
		h.Units = facts.Is(units, s.boardSource)
	}
}

// iommuFromIORT reads the SMMUs of an ACPI machine (Arm DEN0049). Xen's
// drivers find theirs in a device tree only; that is for the rules to say.
func (s *session) iommuFromIORT() {
	h := &s.host.IOMMU
	l := s.table("IORT")
	if l.absent() {
		h.Units = facts.Missing[[]facts.IOMMUUnit](l.source)
		return
	}
	if !l.known() {
		h.Units = facts.Not[[]facts.IOMMUUnit](l.problem)
		return
	}
	iort, err := acpi.ParseIORT(l.data)
	if err != nil && !errors.Is(err, acpi.ErrNoUnits) {
		h.Units = facts.Not[[]facts.IOMMUUnit](s.tableProblem(l, err))
		return
	}
	var units []facts.IOMMUUnit
	for _, smmu := range iort.SMMUs {
		kind := facts.OtherIOMMU
		switch smmu.Version {
		case 1:
			kind = facts.SMMUv1
		case 2:
			kind = facts.SMMUv2
		case 3:
			kind = facts.SMMUv3
		}
		units = addUnit(units, facts.IOMMUUnit{Kind: kind, Count: 1, Model: smmu.Model, Source: l.source})
	}
	if len(units) == 0 {
		h.Units = facts.Missing[[]facts.IOMMUUnit](l.source)
		return
	}
	h.Units = facts.Is(units, l.source)
}

// addUnit counts a unit to its like.
func addUnit(units []facts.IOMMUUnit, u facts.IOMMUUnit) []facts.IOMMUUnit {
	for i := range units {
		if units[i].Kind == u.Kind && units[i].Model == u.Model && strings.Join(units[i].Compatible, " ") == strings.Join(u.Compatible, " ") {
			units[i].Count += u.Count
			return units
		}
	}
	return append(units, u)
}

// unitsWithoutTables says what is known of an x86 host's units in a domain
// that is shown neither table. A PV dom0 would be shown them; other domains
// never are, and the make of the CPU tells the kind of what is in use.
func (s *session) unitsWithoutTables() facts.Observed[[]facts.IOMMUUnit] {
	directio, told := s.phys.can("directio")
	kind := facts.VTd
	switch vendor := s.x86Vendor(); {
	case usesSVM(vendor):
		kind = facts.AMDVi
	case vendor == "":
		told = told && !directio
	}
	switch {
	case told && directio:
		return facts.Is([]facts.IOMMUUnit{{Kind: kind, Count: 1, Source: s.phys.source}}, s.phys.source).
			WithNote("at least one, by Xen's capability directio and the make of the CPU")
	case told && !s.syntheticTables() && s.tables.known():
		return facts.Missing[[]facts.IOMMUUnit](acpiTables + ", " + s.phys.source)
	case told:
		return facts.Not[[]facts.IOMMUUnit](s.hidden(s.phys.source, "Xen reports no directio: it uses no IOMMU, and whether there is one is not shown"))
	}
	return facts.Not[[]facts.IOMMUUnit](s.hidden(acpiTables, "Xen keeps IOMMU tables from its domains"))
}

// unitsOnConsole counts the units that Xen's console tells of, each of which
// has a number.
func (s *session) unitsOnConsole() []facts.IOMMUUnit {
	if s.console == nil {
		return nil
	}
	var units []facts.IOMMUUnit
	for _, k := range []struct {
		line xldmesg.Kind
		kind facts.IOMMUKind
	}{{xldmesg.VTdUnit, facts.VTd}, {xldmesg.AMDViUnit, facts.AMDVi}} {
		seen := map[string]bool{}
		for _, f := range s.console.Find(k.line) {
			seen[f.Value(0)] = true
		}
		if len(seen) > 0 {
			units = append(units, facts.IOMMUUnit{Kind: k.kind, Count: len(seen), Source: s.consoleSource})
		}
	}
	return units
}

// unitsOfArmDom0 says what is known of an Arm host's units from inside dom0.
// Xen removes those it has a driver for from dom0's tree and leaves the
// others, which Linux then drives: what is visible is what Xen does not use.
func (s *session) unitsOfArmDom0() facts.Observed[[]facts.IOMMUUnit] {
	var driven []facts.IOMMUUnit
	if s.console != nil {
		for _, f := range s.console.Find(xldmesg.SMMU) {
			kind := map[string]facts.IOMMUKind{"1": facts.SMMUv1, "2": facts.SMMUv2, "3": facts.SMMUv3}[f.Value(0)]
			if kind != "" {
				driven = addUnit(driven, facts.IOMMUUnit{Kind: kind, Count: 1, Source: s.consoleSource})
			}
		}
		if _, ok := s.console.Seen(xldmesg.IPMMU); ok {
			driven = addUnit(driven, facts.IOMMUUnit{Kind: facts.IPMMU, Count: 1, Source: s.consoleSource})
		}
	}
	directio, told := s.phys.can("directio")
	if len(driven) > 0 && (directio || !told) {
		return facts.Is(driven, s.consoleSource).WithNote("those that Xen drives")
	}
	visible := ""
	if s.board != nil {
		var units []facts.IOMMUUnit
		for _, u := range s.board.IOMMUs {
			if u.Enabled > 0 {
				units = append(units, facts.IOMMUUnit{Kind: u.Kind, Count: u.Enabled})
			}
		}
		if len(units) > 0 {
			visible = "; " + inWords(units) + " in dom0's device tree is one that Xen does not drive"
		}
	}
	switch {
	case told && directio:
		return facts.Not[[]facts.IOMMUUnit](s.hidden(s.phys.source, "Xen reports directio: it uses an IOMMU, whose kind it does not show to dom0"+visible))
	case told:
		return facts.Not[[]facts.IOMMUUnit](s.hidden(s.phys.source, "Xen reports no directio: it uses no IOMMU"+visible))
	}
	return facts.Not[[]facts.IOMMUUnit](s.hidden(iommuClass, "Xen removes the IOMMUs it drives from what its domains see"+visible))
}
