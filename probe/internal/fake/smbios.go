package fake

// Structure is an SMBIOS structure to be.
type Structure struct {
	Type    byte
	Handle  uint16
	Body    []byte   // formatted part behind the handle
	Strings []string // numbered from 1
}

// Bytes returns the structure with its strings.
func (s Structure) Bytes() []byte {
	b := []byte{s.Type, byte(4 + len(s.Body))}
	b = le.AppendUint16(b, s.Handle)
	b = append(b, s.Body...)
	for _, t := range s.Strings {
		b = append(append(b, t...), 0)
	}
	if len(s.Strings) == 0 {
		b = append(b, 0)
	}
	return append(b, 0)
}

// SMBIOS returns a table of these structures and an end mark, and a 64-bit
// entry point for it.
func SMBIOS(structures ...Structure) (entry, table []byte) {
	table = smbiosTable(structures)
	entry = append([]byte("_SM3_"), 0, 24, 3, 7, 0, 1, 0)
	entry = le.AppendUint32(entry, uint32(len(table)))
	entry = le.AppendUint64(entry, 0x7f000000)
	entry[5] = negated(entry)
	return entry, table
}

// SMBIOS32 returns the same with a 32-bit entry point of version 2.8.
func SMBIOS32(structures ...Structure) (entry, table []byte) {
	table = smbiosTable(structures)
	entry = append([]byte("_SM_"), 0, 31, 2, 8)
	entry = le.AppendUint16(entry, 255)
	entry = append(entry, 0, 0, 0, 0, 0, 0)
	entry = append(append(entry, "_DMI_"...), 0)
	entry = le.AppendUint16(entry, uint16(len(table)))
	entry = le.AppendUint32(entry, 0xf0000)
	entry = le.AppendUint16(entry, uint16(len(structures)+1))
	entry = append(entry, 0x28)
	entry[0x15] = negated(entry[0x10:])
	entry[4] = negated(entry)
	return entry, table
}

func smbiosTable(structures []Structure) []byte {
	var table []byte
	for _, s := range structures {
		table = append(table, s.Bytes()...)
	}
	return append(table, Structure{Type: 127, Handle: 0xfeff}.Bytes()...)
}

// System returns a type 1 structure, with a serial number and UUID.
func System(vendor, product, serial string, uuid [16]byte) Structure {
	body := append([]byte{1, 2, 0, 3}, uuid[:]...)
	return Structure{Type: 1, Handle: 0x100, Body: append(body, 6, 0, 0), Strings: []string{vendor, product, serial}}
}

// Baseboard returns a type 2 structure.
func Baseboard(vendor, product, serial string) Structure {
	return Structure{Type: 2, Handle: 0x200, Body: []byte{1, 2, 0, 3, 0, 1, 0, 0, 3, 10, 0}, Strings: []string{vendor, product, serial}}
}

// MemoryArray returns a type 16 structure of system memory.
func MemoryArray(handle uint16, maxBytes uint64) Structure {
	b := []byte{3, 3, 6}
	b = le.AppendUint32(b, 0x80000000)
	b = le.AppendUint16(b, 0xfffe)
	b = le.AppendUint16(b, 2)
	return Structure{Type: 16, Handle: handle, Body: le.AppendUint64(b, maxBytes)}
}

// Module is a type 17 structure, in the form of SMBIOS 3.2.
type Module struct {
	Handle, Array uint16
	Size          uint16 // as the field has it: MiB, or KiB with bit 15
	ExtendedMiB   uint32 // when Size is 0x7fff
	Type          byte   // 0x1a: DDR4
	Detail        uint16
	Technology    byte   // 3: DRAM; 4 to 7: persistent
	NonVolatile   uint64 // bytes
	Volatile      uint64 // bytes
	Serial        string
}

// Structure returns the structure.
func (m Module) Structure() Structure {
	b := make([]byte, 0x54)
	le.PutUint16(b[0x04:], m.Array)
	le.PutUint16(b[0x06:], 0xfffe)
	le.PutUint16(b[0x08:], 64)
	le.PutUint16(b[0x0a:], 64)
	le.PutUint16(b[0x0c:], m.Size)
	b[0x0e], b[0x10] = 9, 1
	b[0x12] = m.Type
	le.PutUint16(b[0x13:], m.Detail)
	b[0x17], b[0x18], b[0x1a] = 2, 3, 4
	le.PutUint32(b[0x1c:], m.ExtendedMiB)
	b[0x28] = m.Technology
	le.PutUint64(b[0x34:], m.NonVolatile)
	le.PutUint64(b[0x3c:], m.Volatile)
	return Structure{
		Type: 17, Handle: m.Handle, Body: b[4:],
		Strings: []string{"DIMM_A1", "Fake", m.Serial, "FK-1"},
	}
}
