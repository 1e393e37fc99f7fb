package acpi

import "math"

// SRAT is what the System Resource Affinity Table says of memory (ACPI 6.5,
// 5.2.16.2). Sizes are bytes and count enabled entries only.
type SRAT struct {
	Header       Header
	Ranges       int    // enabled memory affinity structures
	Bytes        uint64 // all of them, hot-pluggable and non-volatile ones included
	HotPluggable uint64 // may be added or removed while running; not told whether it is there now
	NonVolatile  uint64
}

// ParseSRAT reads an SRAT. With every error but ErrSignature the result holds
// what could be read.
func ParseSRAT(b []byte) (SRAT, error) {
	h, table, err := open(b, "SRAT")
	s := SRAT{Header: h}
	f := faults{table: "SRAT"}
	f.add(err)
	const (
		memoryAffinity = 1
		size           = 40
	)
	f.walk(table, HeaderSize+12, byteEntry, func(kind, off int, e []byte) {
		if kind != memoryAffinity {
			return
		}
		if len(e) < size {
			f.entry(off, "memory entry has length %d, less than %d", len(e), size)
			return
		}
		// 8: base address, 16: length, 28: flags
		base, length, flags := le64(e[8:]), le64(e[16:]), le32(e[28:])
		const enabled, hotPluggable, nonVolatile = 1, 2, 4
		if flags&enabled == 0 || length == 0 {
			return
		}
		if length > math.MaxUint64-base || length > math.MaxUint64-s.Bytes {
			f.entry(off, "memory of 0x%x bytes at 0x%x does not fit into 64 bits", length, base)
			return
		}
		s.Ranges++
		s.Bytes += length
		if flags&hotPluggable != 0 {
			s.HotPluggable += length
		}
		if flags&nonVolatile != 0 {
			s.NonVolatile += length
		}
	})
	return s, f.err()
}
