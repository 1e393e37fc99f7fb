package acpi

import (
	"fmt"
	"math"
)

// DMAR is the DMA remapping table of Intel VT-d (VT-d specification 4.1,
// chapter 8).
type DMAR struct {
	Header         Header
	Renamed        bool // the signature is RMAD: Xen has claimed the table
	Flags          byte // offset 37, as it stands
	AddressBits    int  // host address width
	InterruptRemap bool // flag bit 0, INTR_REMAP
	X2APICOptOut   bool // flag bit 1, X2APIC_OPT_OUT: firmware asks not to enable x2APIC
	DRHDs          int  // remapping hardware units
	Others         int  // other structures: reserved memory, root ports, affinity, …
}

// ParseDMAR reads a DMAR. Xen renames the table to RMAD before its dom0
// starts, so that dom0 leaves the hardware alone; the same letters in another
// order keep the checksum right. With every error but ErrSignature the result
// holds what could be read; ErrNoUnits says that it was read to the end and
// has no unit.
func ParseDMAR(b []byte) (DMAR, error) {
	h, table, err := open(b, "DMAR", "RMAD")
	d := DMAR{Header: h, Renamed: h.Signature == "RMAD"}
	f := faults{table: "DMAR"}
	f.add(err)
	const structures = HeaderSize + 12 // 36: address width, 37: flags, 38: reserved
	if len(table) < structures {
		f.walk(table, structures, 0, nil)
		return d, f.err()
	}
	d.AddressBits = int(table[36]) + 1
	d.Flags = table[37]
	d.InterruptRemap = d.Flags&1 != 0
	d.X2APICOptOut = d.Flags&2 != 0
	f.walk(table, structures, wordEntry, func(kind, off int, e []byte) {
		const drhd, drhdSize = 0, 16
		if kind != drhd {
			d.Others++
			return
		}
		if len(e) < drhdSize {
			f.entry(off, "DRHD has length %d, less than %d", len(e), drhdSize)
			return
		}
		// Firmware leaves a unit it has switched off in the table without a
		// register base. Nobody can drive that.
		if base := le64(e[8:]); base == 0 || base == math.MaxUint64 {
			f.entry(off, "DRHD has register base 0x%x", base)
			return
		}
		d.DRHDs++
	})
	if d.DRHDs == 0 && f.errs == nil {
		f.add(fmt.Errorf("DMAR: %w", ErrNoUnits))
	}
	return d, f.err()
}
