package acpi

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

// withLength returns a copy of a table whose header claims another length.
func withLength(table []byte, n uint32) []byte {
	b := append([]byte{}, table...)
	binary.LittleEndian.PutUint32(b[4:], n)
	return fake.Rechecksum(b)
}

func set(table []byte, off int, c byte) []byte {
	b := append([]byte{}, table...)
	b[off] = c
	return b
}

func TestCheck(t *testing.T) {
	table := fake.DMAR(39, 1, fake.DRHD(1, 0, 0xfed90000))
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"right", table, nil},
		{"padded with zeros", append(append([]byte{}, table...), make([]byte, 100)...), nil},
		{"followed by something", append(append([]byte{}, table...), 0, 0, 1), ErrLength},
		{"empty", nil, ErrTruncated},
		{"less than a header", table[:35], ErrTruncated},
		{"one byte short", table[:len(table)-1], ErrTruncated},
		{"length less than a header", withLength(table, 35), ErrLength},
		{"length 0", withLength(table, 0), ErrLength},
		{"length 4 GiB", withLength(table, 0xffffffff), ErrLength},
		{"checksum", set(table, 9, table[9]+1), ErrChecksum},
		{"flipped bit", set(table, 50, table[50]^4), ErrChecksum},
		{"zeros", make([]byte, 64), ErrSignature},
		{"control character in the signature", set(table, 1, 7), ErrSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Check(test.b); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
	h, err := Check(table)
	want := Header{Signature: "DMAR", Length: 64, Revision: 1, OEMID: "FAKE", OEMTableID: "FAKETABL", OEMRevision: 1, CreatorID: "FAKE", CreatorRevision: 1}
	if diff := cmp.Diff(want, h); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
}

func TestParseMADT(t *testing.T) {
	const on, capable = fake.APICEnabled, fake.APICOnlineCapable
	gicc := func(uid uint32, change func(*fake.GICC)) []byte {
		g := fake.GICC{UID: uid, Flags: fake.GICCEnabled, MPIDR: uint64(uid)}
		if change != nil {
			change(&g)
		}
		return g.Bytes()
	}
	gicc50 := gicc(0, nil)[:40]
	gicc50[1] = 40
	tests := []struct {
		name string
		b    []byte
		want MADT
	}{
		{"two CPUs and a spare", fake.MADT(4, fake.LocalAPIC(0, 0, on), fake.LocalAPIC(1, 2, on), fake.LocalAPIC(2, 4, 0)),
			MADT{Enabled: 2, Disabled: 1}},
		{"Online Capable before revision 5 is a reserved bit", fake.MADT(4, fake.LocalAPIC(0, 0, on), fake.LocalAPIC(1, 2, capable)),
			MADT{Enabled: 1, Disabled: 1}},
		{"Online Capable", fake.MADT(5, fake.LocalAPIC(0, 0, on), fake.LocalX2APIC(1, 2, capable), fake.LocalAPIC(2, 4, 0)),
			MADT{Enabled: 1, Disabled: 2, OnlineCapable: 1}},
		{"enabled and Online Capable is enabled", fake.MADT(5, fake.LocalAPIC(0, 0, on|capable)), MADT{Enabled: 1}},
		{"entries of no CPU", fake.MADT(5, fake.LocalAPIC(0, 0, on), fake.LocalAPIC(1, 0xff, 0), fake.LocalAPIC(2, 0xff, on), fake.LocalX2APIC(3, 0xffffffff, on)),
			MADT{Enabled: 1, Ignored: 3}},
		{"fillers that repeat the boot CPU, before and after it",
			fake.MADT(3, fake.LocalAPIC(7, 0, 0), fake.LocalAPIC(1, 0, on), fake.LocalAPIC(2, 1, on), fake.LocalAPIC(8, 0, 0)),
			MADT{Enabled: 2, Ignored: 2}},
		{"both forms of each CPU", fake.MADT(3, fake.LocalAPIC(0, 0, on), fake.LocalAPIC(1, 1, on), fake.LocalX2APIC(0, 0, on), fake.LocalX2APIC(1, 1, on)),
			MADT{Enabled: 2, Ignored: 2}},
		{"x2APIC ids beyond 255", fake.MADT(3, fake.LocalAPIC(0, 0, on), fake.LocalX2APIC(1, 256, on), fake.LocalX2APIC(2, 0xff, on)),
			MADT{Enabled: 3}},
		{"unused local APIC form of a CPU beyond 255", fake.MADT(3, fake.LocalAPIC(9, 0xff, 0), fake.LocalX2APIC(9, 256, on)),
			MADT{Enabled: 1, Ignored: 1}},
		{"GICv2 for guests",
			fake.MADT(4, gicc(0, func(g *fake.GICC) { g.GICV, g.GICH, g.Maintenance = 1, 2, 25 }), fake.GICD(2)),
			MADT{Enabled: 1, GICCs: 1, GICDs: 1, GICDVersion: 2, GICV: true, GICH: true, Maintenance: true}},
		{"GICv3 with ITS", fake.MADT(6, gicc(0, nil), gicc(1, nil), fake.GICD(3), fake.GICR(0x100000, 0x40000), fake.ITS(0, 0x80000), fake.ITS(1, 0x90000)),
			MADT{Enabled: 2, GICCs: 2, GICDs: 1, GICDVersion: 3, GICR: true, ITSs: 2}},
		{"redistributors in the GICCs, version left to the hardware",
			fake.MADT(6, gicc(0, func(g *fake.GICC) { g.GICR, g.Maintenance = 0x100000, 25 }), fake.GICD(0)),
			MADT{Enabled: 1, GICCs: 1, GICDs: 1, GICR: true, Maintenance: true}},
		{"Arm spare CPUs", fake.MADT(6, gicc(0, nil), gicc(1, func(g *fake.GICC) { g.Flags = fake.GICCOnlineCapable }), gicc(2, func(g *fake.GICC) { g.Flags = 0 }), fake.GICD(3)),
			MADT{Enabled: 1, Disabled: 2, OnlineCapable: 1, GICCs: 3, GICDs: 1, GICDVersion: 3}},
		{"GICC of ACPI 5.0", fake.MADT(3, gicc50, fake.GICD(0)), MADT{Enabled: 1, GICCs: 1, GICDs: 1}},
		{"entries of other types", fake.MADT(3, []byte{1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{0x80, 2}), MADT{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseMADT(test.b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(MADT{}, "Header")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestGICVersion(t *testing.T) {
	tests := []struct {
		m       MADT
		version int
		exact   bool
	}{
		{MADT{}, 0, false},
		{MADT{GICDs: 1, GICDVersion: 4}, 4, true},
		{MADT{GICDs: 1, GICDVersion: 2}, 2, true},
		{MADT{GICDs: 1, GICR: true}, 3, false},
		{MADT{GICDs: 1}, 0, false},
		{MADT{GICDs: 1, GICDVersion: 9}, 0, false},
	}
	for _, test := range tests {
		if v, exact := test.m.GICVersion(); v != test.version || exact != test.exact {
			t.Errorf("%+v: version %d, exact %v", test.m, v, exact)
		}
	}
}

// What stands before the damage is kept, and the error says where it is.
func TestDamagedMADT(t *testing.T) {
	const on = fake.APICEnabled
	whole := fake.MADT(3, fake.LocalAPIC(0, 0, on), fake.LocalAPIC(1, 1, on), fake.LocalAPIC(2, 2, on))
	tests := []struct {
		name    string
		b       []byte
		want    error
		message string
		enabled int
	}{
		{"entry of length 0", fake.Rechecksum(set(whole, 44+8+1, 0)), ErrEntry, "offset 0x34", 1},
		{"entry of length 1", fake.Rechecksum(set(whole, 44+8+1, 1)), ErrEntry, "offset 0x34", 1},
		{"entry beyond the end", fake.Rechecksum(set(whole, 44+16+1, 9)), ErrEntry, "offset 0x3c", 2},
		{"entry that is too short", fake.MADT(3, fake.LocalAPIC(0, 0, on), []byte{9, 8, 0, 0, 0, 0, 0, 0}, fake.LocalAPIC(1, 1, on)), ErrEntry, "offset 0x34", 2},
		{"half an entry head", fake.MADT(3, fake.LocalAPIC(0, 0, on), []byte{0}), ErrEntry, "offset 0x34", 1},
		{"truncated", whole[:len(whole)-4], ErrTruncated, "64 of 68 bytes", 2},
		{"wrong checksum", set(whole, 9, 0x55), ErrChecksum, "sum up to", 3},
		{"no room for a MADT", fake.Table("APIC", 3, []byte{0, 0}), ErrEntry, "offset 0x26", 0},
		{"two distributors", fake.MADT(3, fake.GICD(2), fake.GICD(3)), ErrEntry, "second distributor", 0},
		{"another table", fake.SRAT(), ErrSignature, `"SRAT" where "APIC"`, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := ParseMADT(test.b)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.message) {
				t.Errorf("error %v, want %v with %q", err, test.want, test.message)
			}
			if m.Enabled != test.enabled {
				t.Errorf("%d enabled, want %d", m.Enabled, test.enabled)
			}
		})
	}
}

func TestParseSRAT(t *testing.T) {
	const on, hot, kept = fake.MemoryEnabled, fake.MemoryHotPluggable, fake.MemoryNonVolatile
	b := fake.SRAT(
		[]byte{0, 16, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, // a processor
		fake.MemoryAffinity(0, 1<<30, on),
		fake.MemoryAffinity(1<<32, 2<<30, on|hot),
		fake.MemoryAffinity(1<<40, 4<<30, on|hot|kept),
		fake.MemoryAffinity(1<<41, 1<<50, hot), // not enabled
		fake.MemoryAffinity(1<<42, 0, on|hot),
	)
	s, err := ParseSRAT(b)
	want := SRAT{Ranges: 3, Bytes: 7 << 30, HotPluggable: 6 << 30, NonVolatile: 4 << 30}
	if diff := cmp.Diff(want, s, cmpopts.IgnoreFields(SRAT{}, "Header")); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
	for name, b := range map[string][]byte{
		"beyond 64 bits":     fake.SRAT(fake.MemoryAffinity(1<<63, 1<<63, on), fake.MemoryAffinity(1<<63, 1<<63+1, on)),
		"sum beyond 64 bits": fake.SRAT(fake.MemoryAffinity(0, 1<<63, on), fake.MemoryAffinity(0, 1<<63, on)),
		"short entry":        fake.SRAT([]byte{1, 4, 0, 0}),
	} {
		if _, err := ParseSRAT(b); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestParseDMAR(t *testing.T) {
	unit := fake.DRHD(1, 0, 0xfed90000)
	b := fake.DMAR(39, 5, fake.DRHD(0, 0, 0xfed80000), unit, fake.RMRR(0x1000, 0x1fff))
	renamed := append([]byte("RMAD"), b[4:]...)
	want := DMAR{Flags: 5, AddressBits: 39, InterruptRemap: true, DRHDs: 2, Others: 1}
	for _, test := range []struct {
		b       []byte
		renamed bool
	}{{b, false}, {renamed, true}} {
		d, err := ParseDMAR(test.b)
		want.Renamed = test.renamed
		if diff := cmp.Diff(want, d, cmpopts.IgnoreFields(DMAR{}, "Header")); diff != "" || err != nil {
			t.Errorf("(-want +got):\n%s\n%v", diff, err)
		}
	}
	if d, _ := ParseDMAR(fake.DMAR(46, 2, unit)); d.InterruptRemap || !d.X2APICOptOut || d.AddressBits != 46 {
		t.Errorf("flags 2: %+v", d)
	}
	for _, test := range []struct {
		name  string
		b     []byte
		want  error
		units int
	}{
		{"no units", fake.DMAR(39, 1, fake.RMRR(0, 1)), ErrNoUnits, 0},
		{"nothing at all", fake.DMAR(39, 1), ErrNoUnits, 0},
		{"unit without registers", fake.DMAR(39, 1, unit, fake.DRHD(0, 0, 0), fake.DRHD(0, 0, 1<<64-1)), ErrEntry, 1},
		{"length 0", fake.DMAR(39, 1, unit, []byte{0, 0, 0, 0}), ErrEntry, 1},
		{"length beyond the end", fake.DMAR(39, 1, unit, []byte{0, 0, 17, 0}), ErrEntry, 1},
		{"short unit", fake.DMAR(39, 1, []byte{0, 0, 8, 0, 0, 0, 0, 0}, unit), ErrEntry, 1},
		{"truncated", b[:len(b)-33], ErrTruncated, 1},
		{"no room for a DMAR", fake.Table("DMAR", 1, []byte{38}), ErrEntry, 0},
		{"checksum", set(b, 9, 0x55), ErrChecksum, 2},
	} {
		d, err := ParseDMAR(test.b)
		if !errors.Is(err, test.want) || d.DRHDs != test.units {
			t.Errorf("%s: %d units, error %v", test.name, d.DRHDs, err)
		}
	}
}

func TestParseIVRS(t *testing.T) {
	b := fake.IVRS(0x00203043,
		fake.IVHD(0x10, 2, 0xfe000000), fake.IVHD(0x11, 2, 0xfe000000), fake.IVHD(0x40, 2, 0xfe000000),
		fake.IVHD(0x10, 0x102, 0xfd000000),
		append([]byte{0x22, 0, 32, 0}, make([]byte, 28)...))
	want := IVRS{Info: 0x00203043, EFRSupported: true, AddressBits: 48, IVHD10: 2, IVHD11: 1, IVHD40: 1, IVMDs: 1, Units: 2}
	v, err := ParseIVRS(b)
	if diff := cmp.Diff(want, v, cmpopts.IgnoreFields(IVRS{}, "Header")); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
	for _, test := range []struct {
		name  string
		b     []byte
		want  error
		units int
	}{
		{"no units", fake.IVRS(0), ErrNoUnits, 0},
		{"short IVHD", fake.IVRS(0, []byte{0x11, 0, 8, 0, 0, 0, 0, 0}, fake.IVHD(0x10, 2, 1)), ErrEntry, 1},
		{"length 0", fake.IVRS(0, fake.IVHD(0x10, 2, 1), []byte{0x10, 0, 0, 0}), ErrEntry, 1},
		{"no room for an IVRS", fake.Table("IVRS", 2), ErrEntry, 0},
	} {
		v, err := ParseIVRS(test.b)
		if !errors.Is(err, test.want) || v.Units != test.units {
			t.Errorf("%s: %d units, error %v", test.name, v.Units, err)
		}
	}
}

func TestParseIORT(t *testing.T) {
	r, err := ParseIORT(fake.IORT(fake.ITSGroup(0), fake.SMMUv3(0x100), fake.SMMU(3, 0x200), fake.SMMU(0, 0x300), fake.SMMU(99, 0x400)))
	want := IORT{ITSGroups: 1, SMMUs: []SMMU{
		{Version: 3, Model: "SMMUv3", Base: 0x100}, {Version: 2, Model: "CoreLink MMU-500", Base: 0x200},
		{Version: 1, Model: "SMMUv1", Base: 0x300}, {Model: "unknown SMMU model 99", Base: 0x400},
	}}
	if diff := cmp.Diff(want, r, cmpopts.IgnoreFields(IORT{}, "Header")); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
	whole := fake.IORT(fake.SMMUv3(0x100))
	short := fake.SMMUv3(0)[:20]
	short[1] = 20
	for _, test := range []struct {
		name string
		b    []byte
		want error
		n    int
	}{
		{"empty", fake.IORT(), nil, 0},
		{"more nodes promised", fake.Rechecksum(set(whole, 36, 9)), ErrEntry, 1},
		{"nodes start in the header", fake.Rechecksum(set(whole, 40, 4)), ErrEntry, 0},
		{"nodes start behind the end", fake.Rechecksum(set(whole, 43, 0xff)), ErrEntry, 0},
		{"node of length 0", fake.IORT(fake.SMMUv3(0x100), make([]byte, 16)), ErrEntry, 1},
		{"short node", fake.IORT(short, fake.SMMUv3(0x100)), ErrEntry, 1},
		{"no room for an IORT", fake.Table("IORT", 0), ErrEntry, 0},
		{"truncated", whole[:len(whole)-8], ErrTruncated, 0},
	} {
		r, err := ParseIORT(test.b)
		if !errors.Is(err, test.want) || len(r.SMMUs) != test.n {
			t.Errorf("%s: %d SMMUs, error %v", test.name, len(r.SMMUs), err)
		}
	}
}
