package acpi

// MADT is what the Multiple APIC Description Table, signature APIC, says of
// processors and of an Arm interrupt controller (ACPI 6.5, 5.2.12).
type MADT struct {
	Header Header

	// Processors, each counted once however often it is listed. The sum of
	// Enabled and Disabled is the number of distinct processors described.
	Enabled       int // usable from the start
	Disabled      int // spare: not enabled now
	OnlineCapable int // of Disabled, those marked as addable; 0 before revision 5
	// Ignored counts entries that add no processor: the APIC id is none (0xff,
	// 0xffffffff), or the entry repeats a processor.
	Ignored int

	GICCs       int  // GIC CPU interfaces of the processors counted above
	ITSs        int  // GIC interrupt translation services
	GICDs       int  // distributors; the specification allows one
	GICDVersion int  // GIC version of the first distributor: 1 to 4, or 0 to ask the hardware
	GICR        bool // redistributors are described, so this is a GICv3 or later

	// What the hardware offers to guests. Each is true when every enabled GICC
	// says it, and there is one.
	Maintenance bool // virtual CPU interface maintenance interrupt
	GICV        bool // address of the virtual CPU interface (GICv2)
	GICH        bool // address of the virtual interface control block (GICv2)
}

// GICVersion returns the architecture version of the interrupt controller.
// When the table leaves it to the hardware, exact is false and version is the
// least it can be: 3 with redistributors, else 0 for not known.
func (m MADT) GICVersion() (version int, exact bool) {
	switch {
	case m.GICDVersion >= 1 && m.GICDVersion <= 4:
		return m.GICDVersion, true
	case m.GICR:
		return 3, false
	}
	return 0, false
}

// Types of MADT entries (ACPI 6.5, table 5.21).
const (
	madtLocalAPIC   = 0
	madtLocalX2APIC = 9
	madtGICC        = 11
	madtGICD        = 12
	madtGICR        = 14
	madtITS         = 15
)

// madtEntrySize returns the length of an entry in the first version of ACPI
// that has it. Later versions only append.
func madtEntrySize(kind int) int {
	switch kind {
	case madtLocalAPIC:
		return 8
	case madtLocalX2APIC, madtGICR:
		return 16
	case madtITS:
		return 20
	case madtGICD:
		return 24
	case madtGICC:
		return 40 // ACPI 5.0; 76 bytes with GICR and MPIDR from 5.1 on
	}
	return 0
}

// onlineCapableRevision is the revision of the MADT from which Online Capable
// means something (ACPI 6.3); its bits were reserved before.
const onlineCapableRevision = 5

// noAPIC is the x2APIC id of no processor; 0xff is its form in type 0.
const noAPIC = 0xffffffff

// listed is one processor entry.
type listed struct {
	kind     int
	uid      uint32 // ACPI processor UID
	hardware uint64 // APIC id, or MPIDR of an Arm CPU
	enabled  bool
	capable  bool // Online Capable, which says nothing when enabled
}

// ParseMADT reads a MADT. With every error but ErrSignature the result holds
// what could be read.
func ParseMADT(b []byte) (MADT, error) {
	h, table, err := open(b, "APIC")
	m := MADT{Header: h}
	f := faults{table: "APIC"}
	f.add(err)

	var cpus []listed
	var gicc giccEvidence
	f.walk(table, HeaderSize+8, byteEntry, func(kind, off int, e []byte) {
		if least := madtEntrySize(kind); len(e) < least {
			f.entry(off, "entry of type %d has length %d, less than %d", kind, len(e), least)
			return
		}
		switch kind {
		case madtLocalAPIC: // 2: UID, 3: APIC id, 4: flags
			c := listed{kind: kind, uid: uint32(e[2]), hardware: uint64(e[3])}
			if e[3] == 0xff {
				c.hardware = noAPIC
			}
			c.enabled, c.capable = e[4]&1 != 0, e[4]&2 != 0
			cpus = append(cpus, c)
		case madtLocalX2APIC: // 4: x2APIC id, 8: flags, 12: UID
			c := listed{kind: kind, uid: le32(e[12:]), hardware: uint64(le32(e[4:]))}
			c.enabled, c.capable = e[8]&1 != 0, e[8]&2 != 0
			cpus = append(cpus, c)
		case madtGICC: // 8: UID, 12: flags, 68: MPIDR
			c := listed{kind: kind, uid: le32(e[8:])}
			c.enabled, c.capable = e[12]&1 != 0, e[12]&8 != 0
			if len(e) >= 76 {
				c.hardware = le64(e[68:])
			}
			cpus = append(cpus, c)
			if c.enabled {
				gicc.add(e)
			}
		case madtGICD: // 20: GIC version
			if m.GICDs == 0 {
				m.GICDVersion = int(e[20])
			} else if m.GICDVersion != int(e[20]) {
				f.entry(off, "second distributor, of version %d after %d", e[20], m.GICDVersion)
			}
			m.GICDs++
		case madtGICR:
			m.GICR = true
		case madtITS:
			m.ITSs++
		}
	})
	m.count(cpus)
	gicc.tell(&m)
	return m, f.err()
}

// count fills in the numbers of processors.
//
// A processor may be listed both as local APIC and as x2APIC, under the same
// UID (ACPI 6.5, 5.2.12.12), and firmware fills unused places with entries
// that are not enabled and repeat APIC id 0. Enabled entries are therefore
// placed first, whatever the order of the table.
func (m *MADT) count(cpus []listed) {
	type identity struct {
		kind     int
		uid      uint32
		hardware uint64
	}
	seen := map[identity]bool{}
	for _, enabled := range []bool{true, false} {
		for _, c := range cpus {
			if c.enabled != enabled {
				continue
			}
			// What would make another entry the same processor.
			var same, mine []identity
			switch c.kind {
			case madtGICC:
				mine = []identity{{madtGICC, c.uid, c.hardware}}
				same = mine
			default:
				other := madtLocalAPIC + madtLocalX2APIC - c.kind
				byID := identity{kind: -1, hardware: c.hardware}
				mine = []identity{byID, {kind: c.kind, uid: c.uid}}
				same = []identity{byID, {kind: other, uid: c.uid}}
			}
			known := c.kind != madtGICC && c.hardware == noAPIC
			for _, s := range same {
				known = known || seen[s]
			}
			if known {
				m.Ignored++
				continue
			}
			for _, s := range mine {
				seen[s] = true
			}
			if c.kind == madtGICC {
				m.GICCs++
			}
			switch {
			case c.enabled:
				m.Enabled++
			case c.capable && m.Header.Revision >= onlineCapableRevision:
				m.Disabled++
				m.OnlineCapable++
			default:
				m.Disabled++
			}
		}
	}
}

// giccEvidence counts what the enabled GICCs say of the interrupt controller.
type giccEvidence struct{ entries, maintenance, gicv, gich, gicr int }

// add reads one GICC: 40: GICV, 48: GICH, 56: maintenance interrupt, 60: GICR
// base address. Zero means not there.
func (g *giccEvidence) add(e []byte) {
	g.entries++
	if len(e) < 76 {
		return
	}
	for _, field := range []struct {
		value uint64
		count *int
	}{
		{le64(e[40:]), &g.gicv},
		{le64(e[48:]), &g.gich},
		{uint64(le32(e[56:])), &g.maintenance},
		{le64(e[60:]), &g.gicr},
	} {
		if field.value != 0 {
			*field.count++
		}
	}
}

func (g *giccEvidence) tell(m *MADT) {
	all := func(n int) bool { return n > 0 && n == g.entries }
	m.Maintenance, m.GICV, m.GICH = all(g.maintenance), all(g.gicv), all(g.gich)
	m.GICR = m.GICR || g.gicr > 0
}
