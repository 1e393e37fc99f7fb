package acpi

import (
	"fmt"
)

// IVRS is the I/O virtualization reporting structure of AMD-Vi (AMD I/O
// Virtualization Technology specification, publication 48882, chapter 5).
type IVRS struct {
	Header       Header
	Info         uint32 // IVinfo, offset 36
	EFRSupported bool   // IVinfo bit 0: the extended feature fields of IVHDs are valid
	AddressBits  int    // IVinfo bits 8 to 14: physical address size, 0 when not told
	IVHD10       int    // definition blocks of type 0x10
	IVHD11       int    // of type 0x11
	IVHD40       int    // of type 0x40
	IVMDs        int    // memory definition blocks
	Units        int    // distinct IOMMUs: one has an IVHD of each type, under the same device id
}

// ParseIVRS reads an IVRS. With every error but ErrSignature the result holds
// what could be read; ErrNoUnits says that it was read to the end and has no
// unit.
func ParseIVRS(b []byte) (IVRS, error) {
	h, table, err := open(b, "IVRS")
	v := IVRS{Header: h}
	f := faults{table: "IVRS"}
	f.add(err)
	const blocks = HeaderSize + 12 // 36: IVinfo, 40: reserved
	if len(table) < blocks {
		f.walk(table, blocks, 0, nil)
		return v, f.err()
	}
	v.Info = le32(table[36:])
	v.EFRSupported = v.Info&1 != 0
	v.AddressBits = int(v.Info >> 8 & 0x7f)

	type device struct{ segment, id uint16 }
	units := map[device]bool{}
	f.walk(table, blocks, ivrsEntry, func(kind, off int, e []byte) {
		var count *int
		least := 40 // with the extended feature fields
		switch kind {
		case 0x10:
			count, least = &v.IVHD10, 24
		case 0x11:
			count = &v.IVHD11
		case 0x40:
			count = &v.IVHD40
		case 0x20, 0x21, 0x22:
			v.IVMDs++
			return
		default:
			return
		}
		if len(e) < least {
			f.entry(off, "IVHD of type 0x%x has length %d, less than %d", kind, len(e), least)
			return
		}
		*count++
		// 4: device id of the IOMMU, 16: PCI segment group
		units[device{segment: le16(e[16:]), id: le16(e[4:])}] = true
	})
	v.Units = len(units)
	if v.Units == 0 && f.errs == nil {
		f.add(fmt.Errorf("IVRS: %w", ErrNoUnits))
	}
	return v, f.err()
}
