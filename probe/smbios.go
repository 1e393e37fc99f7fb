package probe

import (
	"errors"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/smbios"
)

const (
	dmiEntry = "/sys/firmware/dmi/tables/smbios_entry_point"
	dmiTable = "/sys/firmware/dmi/tables/DMI"
)

// readSMBIOS reads the table of structures that DSP0134 defines, which root
// alone may read. Of a damaged one, what stands before the damage counts, but
// its memory modules are then only some of them.
func (s *session) readSMBIOS() {
	if s.isPaper() || s.family == familyOther {
		return
	}
	table := s.file(dmiTable, tableFile)
	if !table.known() {
		return
	}
	entry := s.file(dmiEntry, smallFile)
	info, err := smbios.Parse(entry.data, table.data)
	if err != nil {
		p := s.damaged(table, err)
		if errors.Is(err, smbios.ErrTruncated) {
			p.Cause = facts.Truncated
		}
		info.Memory.InstalledKnown = false
	}
	s.smbios, s.smbiosSource = &info, table.source
}
