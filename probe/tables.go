package probe

import (
	"errors"
	"slices"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/acpi"
)

const acpiTables = "/sys/firmware/acpi/tables"

// tableList is the list of ACPI tables the kernel was given
// (Documentation/ABI/testing/sysfs-firmware-acpi).
type tableList struct {
	look
	complete bool // a table that is not in the list is not on the machine
}

// any reports whether there is a table at all.
func (t tableList) any() bool {
	return slices.ContainsFunc(t.names, isSignature)
}

func (t tableList) has(signature string) bool { return slices.Contains(t.names, signature) }

// isSignature tells tables from the directories beside them (data, dynamic).
func isSignature(name string) bool {
	if len(name) < 4 {
		return false
	}
	for _, c := range name[:4] {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// readTableList lists the tables. A captured list is complete when it has one
// of the two tables that every ACPI machine has and that matter to a collector:
// FADT and MADT.
func (s *session) readTableList() {
	t := tableList{look: s.dir(acpiTables, maxEntries)}
	if t.absent() || t.known() && !t.any() {
		if p := s.withheld(t.look); p != nil {
			t.state, t.problem = facts.Unknown, p
		}
	}
	if t.known() {
		t.complete = s.whole || t.has("FACP") || t.has("APIC")
	}
	s.tables = t
}

// withheld says why there are no tables to be seen although there may be some:
// a kernel with ACPI always has a few, one without does not have the directory
// above them, and every kernel has /sys/firmware.
func (s *session) withheld(t look) *facts.Problem {
	firmware := s.dir(sysFirmware, maxEntries)
	switch {
	case s.masked() != nil:
		return s.masked()
	case t.known():
		return &facts.Problem{Cause: facts.Incomplete, Source: acpiTables, Detail: "the directory holds no table"}
	case firmware.problem != nil:
		return firmware.problem
	case slices.Contains(firmware.names, "acpi"):
		return &facts.Problem{Cause: facts.ReadError, Source: acpiTables, Detail: "the kernel has ACPI, yet this directory is not there"}
	}
	return nil
}

// table reads one table: Absent when the list is complete without it, and
// Unknown with a reason whenever it cannot be told.
func (s *session) table(signature string) look {
	name := acpiTables + "/" + signature
	if !s.tables.known() {
		l := s.tables.look
		if l.absent() {
			l.state = facts.Unknown
			l.problem = &facts.Problem{Cause: facts.NotExposed, Source: acpiTables, Detail: "the kernel was given no ACPI tables"}
		}
		return l
	}
	if !s.tables.has(signature) {
		l := look{source: s.display(name), state: facts.Absent}
		if !s.tables.complete {
			l.state = facts.Unknown
			l.problem = &facts.Problem{Cause: facts.NotRecorded, Source: l.source, Detail: "only some of the ACPI tables were recorded"}
		}
		return l
	}
	l := s.file(name, tableFile)
	if l.state == facts.Unknown && l.problem.Cause == facts.NoPermission {
		p := *l.problem
		p.Detail = "the table " + signature + " is there, but its content may not be read"
		l.problem = &p
	}
	if l.absent() { // it went away between listing and reading
		l.state = facts.Unknown
		l.problem = &facts.Problem{Cause: facts.ReadError, Source: l.source, Detail: "listed, but gone when it was opened"}
	}
	return l
}

// tableProblem says what is wrong with a table that was read.
func (s *session) tableProblem(l look, err error) *facts.Problem {
	p := l.malformed(err)
	if errors.Is(err, acpi.ErrTruncated) {
		p.Cause = facts.Truncated
	}
	s.note(look{source: l.source, state: facts.Unknown, problem: p})
	return p
}

// readMADT reads the table of processors and interrupt controllers once.
func (s *session) readMADT() {
	s.madtLook = s.table("APIC")
	if !s.madtLook.known() {
		return
	}
	madt, err := acpi.ParseMADT(s.madtLook.data)
	if err != nil {
		s.madtLook.state, s.madtLook.problem = facts.Unknown, s.tableProblem(s.madtLook, err)
		return
	}
	s.madt = madt
}
