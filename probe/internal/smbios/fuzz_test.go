package smbios

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

func FuzzParse(f *testing.F) {
	system := fake.System("Fake Systems", "Model 1", "SERIAL", [16]byte{})
	for _, build := range []func(...fake.Structure) ([]byte, []byte){fake.SMBIOS, fake.SMBIOS32} {
		entry, table := build(system, fake.MemoryArray(0x1000, 1<<40), module(1024).Structure(), module(0x7fff).Structure(), processor(0x41, "CPU"))
		f.Add(entry, table)
		f.Add(entry[:len(entry)-1], table[:len(table)*2/3])
	}
	f.Fuzz(func(t *testing.T, entry, table []byte) {
		info, err := Parse(entry, table)
		m := info.Memory
		if m.Slots*4 > len(table) || m.Modules > m.Slots || m.UnknownSize > m.Modules || info.Sockets != len(info.CPUs) {
			t.Errorf("%+v of %d bytes", info, len(table))
		}
		if m.InstalledKnown && (m.Installed == 0 || m.Modules == 0 || m.UnknownSize > 0) {
			t.Errorf("known and not so: %+v", m)
		}
		for _, s := range append(info.CPUs, info.Vendor, info.Product, info.Board, info.BIOSVendor, info.BIOSVersion) {
			for _, c := range []byte(s) {
				if c < ' ' || c > '~' {
					t.Errorf("%q is not fit to print", s)
				}
			}
		}
		// Less of a table is never certain of more.
		cut, errCut := Parse(entry, table[:len(table)/2])
		if cut.Memory.InstalledKnown && errCut == nil && err == nil && cut.Memory.Installed > m.Installed {
			t.Errorf("half the table holds %d of %d bytes", cut.Memory.Installed, m.Installed)
		}
	})
}

// FuzzRedact: the redacted table is as long, says the same of memory and
// processors, holds nothing of a serial number put into it, and does not
// change when redacted again.
func FuzzRedact(f *testing.F) {
	f.Add(secretive(), "serial")
	_, table := fake.SMBIOS(fake.System("Fake Systems", "Model 1", "x", [16]byte{}), fake.Structure{Type: 11, Body: []byte{1}, Strings: []string{"x"}})
	f.Add(table, "0123")
	f.Add(table[:len(table)-3], "0123")
	f.Fuzz(func(t *testing.T, table []byte, secret string) {
		clean, err := Redact(table)
		if len(clean) != len(table) {
			t.Fatalf("%d bytes became %d", len(table), len(clean))
		}
		twice, errTwice := Redact(clean)
		if !bytes.Equal(twice, clean) || err == nil && errTwice != nil {
			t.Errorf("redacting twice differs: %v", errTwice)
		}
		before, errBefore := Parse(nil, table)
		after, errAfter := Parse(nil, clean)
		if (errBefore == nil) != (errAfter == nil) {
			t.Errorf("errors %v and %v", errBefore, errAfter)
		}
		if diff := cmp.Diff(before.Memory, after.Memory); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
		if before.Sockets != after.Sockets {
			t.Errorf("%d sockets became %d", before.Sockets, after.Sockets)
		}
		// A string is what it was, or blanks that trimming takes away.
		for _, s := range [][2]string{
			{before.Vendor, after.Vendor}, {before.Product, after.Product}, {before.Board, after.Board},
			{before.BIOSVendor, after.BIOSVendor}, {before.BIOSVersion, after.BIOSVersion},
		} {
			if s[1] != s[0] && s[1] != "" {
				t.Errorf("%q became %q", s[0], s[1])
			}
		}
		hideSecret(t, secret)
	})
}

// hideSecret puts a secret into every private place and looks for it.
func hideSecret(t *testing.T, secret string) {
	t.Helper()
	if len(secret) < 4 || bytes.ContainsRune([]byte(secret), 0) || len(bytes.Trim([]byte(secret), " ")) == 0 {
		return
	}
	marked := "#" + secret + "#"
	m := module(1)
	m.Serial = marked
	var uuid [16]byte
	copy(uuid[:], marked)
	_, table := fake.SMBIOS(fake.System("A", "B", marked, uuid), fake.Baseboard("A", "B", marked), m.Structure(),
		fake.Structure{Type: 11, Body: []byte{1}, Strings: []string{marked}},
		fake.Structure{Type: 200, Body: []byte(marked)[:min(len(marked), 200)], Strings: []string{marked}})
	clean, err := Redact(table)
	if err != nil || bytes.Contains(clean, []byte(marked)) || bytes.Contains(clean, []byte(marked)[:5]) {
		t.Errorf("%q is left in %q: %v", marked, clean, err)
	}
}
