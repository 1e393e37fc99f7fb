package fake

import "fmt"

// Table returns an ACPI table: header, the parts one after another, and a
// right checksum.
func Table(signature string, revision byte, parts ...[]byte) []byte {
	b := append(pad(signature, 4), 0, 0, 0, 0, revision, 0)
	b = append(b, pad("FAKE", 6)...)
	b = append(b, pad("FAKETABL", 8)...)
	b = le.AppendUint32(b, 1)
	b = append(b, pad("FAKE", 4)...)
	b = le.AppendUint32(b, 1)
	for _, p := range parts {
		b = append(b, p...)
	}
	le.PutUint32(b[4:], uint32(len(b)))
	b[9] = negated(b)
	return b
}

// Rechecksum corrects the checksum of a table that was changed, and returns it.
func Rechecksum(table []byte) []byte {
	table[9] = 0
	table[9] = negated(table)
	return table
}

// MADT returns an APIC table of these entries.
func MADT(revision byte, entries ...[]byte) []byte {
	head := le.AppendUint32(nil, 0xfee00000)
	head = le.AppendUint32(head, 1)
	return Table("APIC", revision, append([][]byte{head}, entries...)...)
}

// Flags of LocalAPIC and LocalX2APIC, and the bits of GICC.Flags.
const (
	APICEnabled       = 1 << 0
	APICOnlineCapable = 1 << 1
	GICCEnabled       = 1 << 0
	GICCOnlineCapable = 1 << 3
)

// LocalAPIC returns a MADT entry of type 0.
func LocalAPIC(uid, id byte, flags uint32) []byte {
	return le.AppendUint32([]byte{0, 8, uid, id}, flags)
}

// LocalX2APIC returns a MADT entry of type 9.
func LocalX2APIC(uid, id, flags uint32) []byte {
	b := le.AppendUint32([]byte{9, 16, 0, 0}, id)
	b = le.AppendUint32(b, flags)
	return le.AppendUint32(b, uid)
}

// GICC is a MADT entry of type 11, in the form of ACPI 6.0.
type GICC struct {
	UID         uint32
	Flags       uint32
	GICV        uint64
	GICH        uint64
	Maintenance uint32
	GICR        uint64
	MPIDR       uint64
}

// Bytes returns the entry.
func (g GICC) Bytes() []byte {
	b := make([]byte, 80)
	b[0], b[1] = 11, 80
	le.PutUint32(b[4:], g.UID)
	le.PutUint32(b[8:], g.UID)
	le.PutUint32(b[12:], g.Flags)
	le.PutUint64(b[40:], g.GICV)
	le.PutUint64(b[48:], g.GICH)
	le.PutUint32(b[56:], g.Maintenance)
	le.PutUint64(b[60:], g.GICR)
	le.PutUint64(b[68:], g.MPIDR)
	return b
}

// GICD returns a MADT entry of type 12.
func GICD(version byte) []byte {
	b := make([]byte, 24)
	b[0], b[1], b[20] = 12, 24, version
	le.PutUint64(b[8:], 0x08000000)
	return b
}

// GICR returns a MADT entry of type 14.
func GICR(base uint64, length uint32) []byte {
	b := le.AppendUint64([]byte{14, 16, 0, 0}, base)
	return le.AppendUint32(b, length)
}

// ITS returns a MADT entry of type 15.
func ITS(id uint32, base uint64) []byte {
	b := le.AppendUint32([]byte{15, 20, 0, 0}, id)
	b = le.AppendUint64(b, base)
	return le.AppendUint32(b, 0)
}

// SRAT returns an SRAT of these entries.
func SRAT(entries ...[]byte) []byte {
	head := le.AppendUint32(nil, 1)
	head = le.AppendUint64(head, 0)
	return Table("SRAT", 3, append([][]byte{head}, entries...)...)
}

// Flags of MemoryAffinity.
const (
	MemoryEnabled      = 1 << 0
	MemoryHotPluggable = 1 << 1
	MemoryNonVolatile  = 1 << 2
)

// MemoryAffinity returns an SRAT entry of type 1.
func MemoryAffinity(base, length uint64, flags uint32) []byte {
	b := make([]byte, 40)
	b[0], b[1] = 1, 40
	le.PutUint64(b[8:], base)
	le.PutUint64(b[16:], length)
	le.PutUint32(b[28:], flags)
	return b
}

// DMAR returns a DMAR. addressBits is the host address width.
func DMAR(addressBits int, flags byte, structures ...[]byte) []byte {
	head := make([]byte, 12)
	head[0], head[1] = byte(addressBits-1), flags
	return Table("DMAR", 1, append([][]byte{head}, structures...)...)
}

// DRHD returns a remapping hardware unit of a DMAR.
func DRHD(flags byte, segment uint16, base uint64) []byte {
	b := []byte{0, 0, 16, 0, flags, 0}
	b = le.AppendUint16(b, segment)
	return le.AppendUint64(b, base)
}

// RMRR returns a reserved memory region of a DMAR, for one PCI device.
func RMRR(base, limit uint64) []byte {
	b := []byte{1, 0, 32, 0, 0, 0, 0, 0}
	b = le.AppendUint64(b, base)
	b = le.AppendUint64(b, limit)
	return append(b, 1, 8, 0, 0, 0, 0, 0x14, 0)
}

// IVRS returns an IVRS.
func IVRS(info uint32, blocks ...[]byte) []byte {
	head := le.AppendUint32(nil, info)
	head = le.AppendUint64(head, 0)
	return Table("IVRS", 2, append([][]byte{head}, blocks...)...)
}

// IVHD returns a definition block of an IVRS of type 0x10, 0x11 or 0x40. It
// covers all devices.
func IVHD(kind byte, device uint16, base uint64) []byte {
	b := make([]byte, 24, 44)
	if kind != 0x10 {
		b = b[:40]
	}
	b = append(b, 1, 0, 0, 0) // device entry: all
	b[0] = kind
	le.PutUint16(b[2:], uint16(len(b)))
	le.PutUint16(b[4:], device)
	le.PutUint16(b[6:], 0x40)
	le.PutUint64(b[8:], base)
	return b
}

// IORT returns an IORT of these nodes.
func IORT(nodes ...[]byte) []byte {
	head := le.AppendUint32(nil, uint32(len(nodes)))
	head = le.AppendUint32(head, 48)
	head = le.AppendUint32(head, 0)
	return Table("IORT", 0, append([][]byte{head}, nodes...)...)
}

func iortNode(kind byte, size int) []byte {
	b := make([]byte, size)
	b[0] = kind
	le.PutUint16(b[1:], uint16(size))
	return b
}

// ITSGroup returns an IORT node of type 0 with one ITS.
func ITSGroup(id uint32) []byte {
	b := iortNode(0, 24)
	le.PutUint32(b[16:], 1)
	le.PutUint32(b[20:], id)
	return b
}

// SMMU returns an IORT node of type 3: an SMMUv1 or v2, as model says.
func SMMU(model uint32, base uint64) []byte {
	b := iortNode(3, 76)
	le.PutUint64(b[16:], base)
	le.PutUint64(b[24:], 0x10000)
	le.PutUint32(b[32:], model)
	le.PutUint32(b[40:], 60) // global interrupts behind the fixed part
	return b
}

// SMMUv3 returns an IORT node of type 4.
func SMMUv3(base uint64) []byte {
	b := iortNode(4, 68)
	le.PutUint64(b[16:], base)
	return b
}

// Dump writes tables as acpidump does.
func Dump(tables ...[]byte) []byte {
	var out []byte
	for _, t := range tables {
		name := "????"
		if len(t) >= 4 {
			name = string(t[:4])
		}
		out = fmt.Appendf(out, "%s @ 0x%016X\n", name, 0)
		for off := 0; off < len(t); off += 16 {
			line := t[off:min(off+16, len(t))]
			out = fmt.Appendf(out, "    %04X: % -47X  ", off, line)
			for _, c := range line {
				if c < ' ' || c > '~' {
					c = '.'
				}
				out = append(out, c)
			}
			out = append(out, '\n')
		}
		out = append(out, '\n')
	}
	return out
}
