package acpi

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

// seed adds tables, each also cut short and, where recordings are at hand,
// those of real machines.
func seed(f *testing.F, name string, tables ...[]byte) {
	files, _ := filepath.Glob(filepath.Join(recordings, "*-acpi", "*", "root/sys/firmware/acpi/tables", name))
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil {
			tables = append(tables, b)
		}
	}
	for _, t := range tables {
		f.Add(t)
		f.Add(t[:len(t)*2/3])
	}
}

// repair makes header and checksum right, so that fuzzing gets past them.
func repair(b []byte, signature string) []byte {
	if len(b) < HeaderSize {
		return b
	}
	b = bytes.Clone(b)
	copy(b, signature)
	b[4], b[5], b[6], b[7] = byte(len(b)), byte(len(b)>>8), byte(len(b)>>16), 0
	return fake.Rechecksum(b)
}

func FuzzMADT(f *testing.F) {
	seed(f, "APIC", fake.MADT(5, fake.LocalAPIC(0, 0, 1), fake.LocalX2APIC(1, 300, 2)),
		fake.MADT(6, fake.GICC{Flags: 1, GICR: 1}.Bytes(), fake.GICD(0), fake.GICR(1, 2), fake.ITS(0, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, repair(b, "APIC")} {
			m, err := ParseMADT(b)
			if all := m.Enabled + m.Disabled + m.Ignored; all > len(b)/8 {
				t.Errorf("%d processors in %d bytes", all, len(b))
			}
			if m.OnlineCapable > m.Disabled || m.OnlineCapable > 0 && m.Header.Revision < 5 {
				t.Errorf("online capable: %+v", m)
			}
			if v, exact := m.GICVersion(); v < 0 || v > 4 || exact && m.GICDs == 0 {
				t.Errorf("GIC version %d, exact %v: %+v", v, exact, m)
			}
			if cut, err := ParseMADT(b[:len(b)/2]); err == nil && len(b) > 1 && len(b)/2 < m.Header.Length {
				t.Errorf("half the table passes: %+v", cut)
			} else if cut.Enabled > m.Enabled {
				t.Errorf("half the table enables %d of %d", cut.Enabled, m.Enabled)
			}
			padded, errPadded := ParseMADT(append(bytes.Clone(b), 0, 0))
			if err == nil && (errPadded != nil || padded != m) {
				t.Errorf("padding changes %+v into %+v, %v", m, padded, errPadded)
			}
		}
	})
}

func FuzzSRAT(f *testing.F) {
	seed(f, "SRAT", fake.SRAT(fake.MemoryAffinity(1<<32, 2<<30, 3), fake.MemoryAffinity(1<<40, 7<<30, 5)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, repair(b, "SRAT")} {
			s, _ := ParseSRAT(b)
			if s.HotPluggable > s.Bytes || s.NonVolatile > s.Bytes || s.Ranges > len(b)/40 || (s.Ranges == 0) != (s.Bytes == 0) {
				t.Errorf("%+v of %d bytes", s, len(b))
			}
		}
	})
}

func FuzzDMAR(f *testing.F) {
	seed(f, "DMAR", fake.DMAR(39, 1, fake.DRHD(1, 0, 0xfed90000), fake.RMRR(1, 2)), fake.DMAR(39, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, repair(b, "DMAR")} {
			d, err := ParseDMAR(b)
			if d.DRHDs > len(b)/16 || d.DRHDs+d.Others > len(b)/4 {
				t.Errorf("%d units in %d bytes", d.DRHDs, len(b))
			}
			if err == nil && d.DRHDs == 0 || errors.Is(err, ErrNoUnits) && d.DRHDs > 0 {
				t.Errorf("%d units, error %v", d.DRHDs, err)
			}
			if d.Header.Signature != "DMAR" {
				continue
			}
			renamed, errRenamed := ParseDMAR(append([]byte("RMAD"), b[4:]...))
			renamed.Header.Signature, renamed.Renamed = "DMAR", false
			if renamed != d || (err == nil) != (errRenamed == nil) {
				t.Errorf("the name changes %+v, %v into %+v, %v", d, err, renamed, errRenamed)
			}
		}
	})
}

func FuzzIVRS(f *testing.F) {
	seed(f, "IVRS", fake.IVRS(1, fake.IVHD(0x10, 2, 1), fake.IVHD(0x11, 2, 1), fake.IVHD(0x40, 9, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, repair(b, "IVRS")} {
			v, err := ParseIVRS(b)
			if blocks := v.IVHD10 + v.IVHD11 + v.IVHD40; v.Units > blocks || (v.Units == 0) != (blocks == 0) || blocks > len(b)/24 {
				t.Errorf("%+v of %d bytes", v, len(b))
			}
			if err == nil && v.Units == 0 || errors.Is(err, ErrNoUnits) && v.Units > 0 {
				t.Errorf("%d units, error %v", v.Units, err)
			}
		}
	})
}

func FuzzIORT(f *testing.F) {
	seed(f, "IORT", fake.IORT(fake.ITSGroup(0), fake.SMMU(3, 1), fake.SMMUv3(2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, repair(b, "IORT")} {
			r, _ := ParseIORT(b)
			if 40*len(r.SMMUs)+16*r.ITSGroups > len(b) {
				t.Errorf("%d SMMUs and %d ITS groups in %d bytes", len(r.SMMUs), r.ITSGroups, len(b))
			}
			for _, s := range r.SMMUs {
				if s.Version < 0 || s.Version > 3 || s.Model == "" {
					t.Errorf("%+v", s)
				}
			}
		}
	})
}

// Written out again, what was read reads the same.
func FuzzDump(f *testing.F) {
	f.Add(fake.Dump(fake.DMAR(39, 1), fake.Table("SSDT", 1, []byte("0: 41 42"))))
	f.Add([]byte("RSD PTR @ 0x00000000000F05B0\r\n  0000: 52 53 44 20  RSD \r\n"))
	f.Add([]byte("A @ 0x0\n 0: 4\nB @ 0x0\n0: 41 4\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tables, _ := ParseDump(text)
		var again [][]byte
		size := 0
		for _, table := range tables {
			size += 3 * len(table.Data)
			if len(table.Data) > 0 {
				again = append(again, table.Data)
			}
		}
		if size > len(text) {
			t.Errorf("%d bytes out of a text of %d", size/3, len(text))
		}
		if len(again) == 0 {
			return
		}
		// The heading takes its name from the data, so give it one.
		for i := range again {
			again[i] = append([]byte("DATA"), again[i]...)
		}
		second, err := ParseDump(fake.Dump(again...))
		if err != nil || len(second) != len(again) {
			t.Fatalf("%d tables became %d: %v", len(again), len(second), err)
		}
		for i := range again {
			if diff := cmp.Diff(again[i], second[i].Data); diff != "" {
				t.Error(diff)
			}
		}
	})
}
