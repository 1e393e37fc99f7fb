package smbios

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

// secretive returns a table with secrets wherever firmware has them. Each
// contains the word SECRET.
func secretive() []byte {
	uuid := [16]byte([]byte("SECRETSECRETSECR"))
	chassis := fake.Structure{Type: 3, Body: []byte{1, 3, 0, 2, 3, 3, 3, 3, 3, 0, 0, 0, 0, 1, 0, 0, 0, 4},
		Strings: []string{"Fake Chassis", "SECRET4", "SECRET5", "SKU SECRET"}}
	m := module(2048)
	m.Serial = "SECRET6"
	cpu := processor(0x41, "Fake CPU")
	cpu.Body[0x20-4], cpu.Body[0x21-4] = 2, 3
	cpu.Strings = append(cpu.Strings, "SECRET7", "SECRET8")
	_, table := fake.SMBIOS(
		fake.System("Fake Systems", "Model 1", "SECRET1", uuid),
		fake.Baseboard("Fake Boards", "Board 1", "SECRET2"),
		chassis, cpu, m.Structure(),
		fake.Structure{Type: 11, Body: []byte{2}, Strings: []string{"SECRET9", "product key SECRET"}},
		fake.Structure{Type: 22, Body: append([]byte{1, 2, 0, 3, 1, 0, 1, 0, 1, 0, 1, 0}, "SECRETSECRET"...), Strings: []string{"Front", "Fake", "SECRETA"}},
		fake.Structure{Type: 39, Body: []byte{0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0}, Strings: []string{"a", "b", "c", "SECRETB", "SECRETC"}},
		fake.Structure{Type: 42, Body: append([]byte{0x40}, "SECRET-MAC"...)},
		fake.Structure{Type: 221, Body: []byte("SECRET"), Strings: []string{"SECRETD"}},
	)
	return append(table, "SECRET remains"...)
}

func TestRedact(t *testing.T) {
	table := secretive()
	clean, err := Redact(table)
	if err != nil {
		t.Fatal(err)
	}
	if len(clean) != len(table) {
		t.Errorf("%d bytes became %d", len(table), len(clean))
	}
	if i := bytes.Index(clean, []byte("SECRET")); i >= 0 {
		t.Errorf("secret left at 0x%x: %q", i, clean[max(0, i-20):])
	}
	before, err := Parse(nil, table)
	if err != nil {
		t.Fatal(err)
	}
	after, err := Parse(nil, clean)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestRedactMalformed(t *testing.T) {
	_, table := fake.SMBIOS(fake.System("Fake Systems", "Model 1", "SECRET", [16]byte{}))
	head := len(fake.System("Fake Systems", "Model 1", "SECRET", [16]byte{}).Bytes())
	table = append(table[:head:head], 17, 2, 'S', 'E', 'C', 'R', 'E', 'T')
	clean, err := Redact(table)
	if !errors.Is(err, ErrMalformed) {
		t.Errorf("error %v", err)
	}
	if !bytes.Equal(clean[head:], make([]byte, len(table)-head)) || !bytes.Contains(clean, []byte("Model 1")) {
		t.Errorf("%q", clean)
	}
}

// A serial number that shares its string with the product name is gone; the
// name goes with it.
func TestRedactSharedString(t *testing.T) {
	s := fake.System("Fake Systems", "Model 1", "", [16]byte{})
	s.Body[3] = 2
	s.Strings = s.Strings[:2]
	_, table := fake.SMBIOS(s)
	clean, err := Redact(table)
	if err != nil {
		t.Fatal(err)
	}
	info, err := Parse(nil, clean)
	if err != nil || info.Product != "" || info.Vendor != "Fake Systems" {
		t.Errorf("%+v, %v", info, err)
	}
}
