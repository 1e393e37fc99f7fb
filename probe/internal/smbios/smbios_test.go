package smbios

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

func module(size uint16) fake.Module {
	return fake.Module{Handle: 0x1100, Array: 0x1000, Size: size, Type: 0x1a, Technology: 3, Serial: "SN-7777"}
}

func processor(status byte, version string) fake.Structure {
	b := make([]byte, 0x30-4)
	b[0x05-4] = 3
	b[0x10-4] = 1
	b[0x18-4] = status
	return fake.Structure{Type: 4, Body: b, Strings: []string{version}}
}

func TestParseIdentity(t *testing.T) {
	structures := []fake.Structure{
		{Type: 0, Body: []byte{1, 2, 0, 0xf0, 3, 15}, Strings: []string{"Fake BIOS Ltd", "1.2\x07", "01/02/2024"}},
		fake.System("Fake Systems", "Model 1", "SERIAL", [16]byte{1, 2, 3}),
		fake.Baseboard("Fake Boards", "Board 1 ", "SERIAL"),
		processor(0x41, "Fake CPU @ 2 GHz"),
		processor(0x41, "Fake CPU @ 2 GHz"),
		processor(0x00, ""),
	}
	want := Info{
		BIOSVendor: "Fake BIOS Ltd", BIOSVersion: "1.2.", Vendor: "Fake Systems", Product: "Model 1",
		Board: "Board 1", Sockets: 2, CPUs: []string{"Fake CPU @ 2 GHz", "Fake CPU @ 2 GHz"},
	}
	for version, build := range map[string]func(...fake.Structure) ([]byte, []byte){
		"3.7": fake.SMBIOS, "2.8": fake.SMBIOS32,
	} {
		entry, table := build(structures...)
		got, err := Parse(entry, table)
		if err != nil {
			t.Errorf("version %s: %v", version, err)
		}
		want.Version = version
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("version %s (-want +got):\n%s", version, diff)
		}
	}
}

func TestMemory(t *testing.T) {
	array := fake.MemoryArray(0x1000, 256*gib)
	flash := fake.Structure{Type: 16, Handle: 0x2000, Body: []byte{3, 5, 3, 0, 0x40, 0, 0, 0xfe, 0xff, 1, 0}}
	with := func(m fake.Module, change func(*fake.Module)) fake.Structure {
		change(&m)
		return m.Structure()
	}
	short := module(4096).Structure()
	short.Body = short.Body[:0x15-4]
	short.Strings = nil
	extendedButShort := module(0x7fff).Structure()
	extendedButShort.Body = extendedButShort.Body[:0x1b-4]
	tests := []struct {
		name       string
		structures []fake.Structure
		want       Memory
	}{
		{"no modules", []fake.Structure{array}, Memory{MaxCapacity: 256 * gib}},
		{"two and an empty slot", []fake.Structure{array, module(16384).Structure(), module(16384).Structure(), module(0).Structure()},
			Memory{Installed: 32 * gib, InstalledKnown: true, Slots: 3, Modules: 2, MaxCapacity: 256 * gib}},
		{"empty slots only", []fake.Structure{module(0).Structure(), module(0).Structure()}, Memory{Slots: 2}},
		{"one size is unknown", []fake.Structure{module(1024).Structure(), module(0xffff).Structure()},
			Memory{Installed: gib, Slots: 2, Modules: 2, UnknownSize: 1}},
		{"in KiB", []fake.Structure{module(0x8000 | 512).Structure()},
			Memory{Installed: 512 << 10, InstalledKnown: true, Slots: 1, Modules: 1}},
		{"32 GiB less 1 MiB is the last plain size", []fake.Structure{module(0x7ffe).Structure()},
			Memory{Installed: 0x7ffe * mib, InstalledKnown: true, Slots: 1, Modules: 1}},
		{"extended", []fake.Structure{with(module(0x7fff), func(m *fake.Module) { m.ExtendedMiB = 0x80000000 | 65536 })},
			Memory{Installed: 64 * gib, InstalledKnown: true, Slots: 1, Modules: 1}},
		{"extended without the field", []fake.Structure{extendedButShort},
			Memory{Slots: 1, Modules: 1, UnknownSize: 1}},
		{"structure of SMBIOS 2.1", []fake.Structure{short},
			Memory{Installed: 4 * gib, InstalledKnown: true, Slots: 1, Modules: 1}},
		{"Optane beside DRAM", []fake.Structure{module(16384).Structure(), with(module(0x7fff), func(m *fake.Module) {
			m.ExtendedMiB, m.Technology, m.NonVolatile = 131072, 7, 128*gib
		})},
			Memory{Installed: 16 * gib, InstalledKnown: true, Persistent: 128 * gib, Slots: 2, Modules: 2}},
		{"persistent with a volatile part", []fake.Structure{with(module(0x7fff), func(m *fake.Module) {
			m.ExtendedMiB, m.Technology, m.NonVolatile, m.Volatile = 131072, 7, 28*gib, 100*gib
		})},
			Memory{Installed: 100 * gib, InstalledKnown: true, Persistent: 28 * gib, Slots: 1, Modules: 1}},
		{"persistent, volatile part unknown", []fake.Structure{module(1024).Structure(), with(module(1024), func(m *fake.Module) {
			m.Technology, m.NonVolatile, m.Volatile = 6, 1<<64-1, 1<<64-1
		})},
			Memory{Installed: gib, Persistent: gib, Slots: 2, Modules: 2, UnknownSize: 1}},
		{"DRAM whose firmware leaves the volatile size 0", []fake.Structure{with(module(1024), func(m *fake.Module) { m.Detail = 1 << 12 })},
			Memory{Installed: gib, InstalledKnown: true, Slots: 1, Modules: 1}},
		{"flash in an array of its own", []fake.Structure{array, flash, module(8192).Structure(),
			with(module(16), func(m *fake.Module) { m.Array = 0x2000 })},
			Memory{Installed: 8 * gib, InstalledKnown: true, Slots: 1, Modules: 1, MaxCapacity: 256 * gib}},
		{"flash by its type", []fake.Structure{module(8192).Structure(), with(module(16), func(m *fake.Module) { m.Type = 9 })},
			Memory{Installed: 8 * gib, InstalledKnown: true, Slots: 1, Modules: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entry, table := fake.SMBIOS(test.structures...)
			got, err := Parse(entry, table)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.Memory); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseDamaged(t *testing.T) {
	system := fake.System("Fake Systems", "Model 1", "SERIAL", [16]byte{})
	entry, table := fake.SMBIOS(system, module(1024).Structure())
	entry32, _ := fake.SMBIOS32(system, module(1024).Structure())
	modules := len(system.Bytes())
	change := func(b []byte, off int, c byte) []byte {
		b = append([]byte{}, b...)
		b[off] = c
		return b
	}
	tests := []struct {
		name         string
		entry, table []byte
		want         error
		message      string
		known        bool // installed memory is still certain
	}{
		{"nothing", nil, nil, ErrTruncated, "no end mark", false},
		{"entry is garbage", []byte("garbage"), table, ErrEntry, "no anchor string", true},
		{"entry is cut", entry[:20], table, ErrEntry, "20 bytes", true},
		{"entry checksum", change(entry, 8, 9), table, ErrEntry, "checksum is off by", true},
		{"32-bit entry checksum", change(entry32, 0x18, 9), table, ErrEntry, "checksum is off by", true},
		{"table is cut in a structure", entry, table[:modules+8], ErrTruncated, "offset 0x38", false},
		{"table is cut in strings", entry, table[:modules-1], ErrTruncated, "offset 0x0: strings", false},
		{"table is cut between structures", entry, table[:modules], ErrTruncated, "no end mark in 56 bytes", false},
		{"the same of a 32-bit entry", entry32, table[:modules], ErrTruncated, "56 of 173 bytes", false},
		{"length 0", entry, change(table, modules+1, 0), ErrMalformed, "offset 0x38: structure of type 17 has length 0", false},
		{"length 3", entry, change(table, modules+1, 3), ErrMalformed, "offset 0x38: structure of type 17 has length 3", false},
		{"length beyond the table", entry, change(table, modules+1, 255), ErrTruncated, "offset 0x38: structure of type 17 has length 255", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			info, err := Parse(test.entry, test.table)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.message) {
				t.Errorf("error %v, want %v with %q", err, test.want, test.message)
			}
			if len(test.table) >= modules && info.Vendor != "Fake Systems" {
				t.Errorf("what stands before was lost: %+v", info)
			}
			if info.Memory.InstalledKnown != test.known {
				t.Errorf("installed known is %v", info.Memory.InstalledKnown)
			}
		})
	}
}

// Firmware puts structures behind the end mark, and remains that are none.
func TestParseBehindEnd(t *testing.T) {
	entry, table := fake.SMBIOS(module(1024).Structure())
	info, err := Parse(entry, append(table, 1, 2, 3))
	if err != nil || info.Memory.Installed != gib {
		t.Errorf("64 bits: %+v, %v", info.Memory, err)
	}
	end := fake.Structure{Type: 127, Handle: 9}
	entry, table = fake.SMBIOS32(end, module(1024).Structure())
	info, err = Parse(entry, table)
	if err != nil || info.Memory.Installed != gib {
		t.Errorf("32 bits: %+v, %v", info.Memory, err)
	}
}
