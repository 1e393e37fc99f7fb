package acpi

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

func TestParseDump(t *testing.T) {
	dmar := fake.DMAR(39, 1, fake.DRHD(1, 0, 0xfed90000))
	one := fake.Table("SSDT", 1, []byte("one"))
	// The last column of this one reads as bytes.
	two := fake.Table("SSDT", 1, []byte("two 41 42 43 44 45 46 47 48 49"))
	text := fake.Dump(dmar, one, two)
	want := []Table{{Name: "DMAR", Line: 1, Data: dmar}, {Name: "SSDT", Line: 7, Data: one}, {Name: "SSDT", Line: 12, Data: two}}
	for name, text := range map[string][]byte{
		"as written":       text,
		"CRLF":             bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")),
		"byte order mark":  append([]byte("\uFEFF"), text...),
		"no final newline": bytes.TrimRight(text, "\n"),
		"lower case":       bytes.ReplaceAll(text, []byte("FED90000"), []byte("fed90000")),
	} {
		got, err := ParseDump(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: (-want +got):\n%s\n%v", name, diff, err)
		}
	}
}

func TestParseDumpHeadings(t *testing.T) {
	got, err := ParseDump([]byte("RSD PTR @ 0x00000000000F05B0\n  0000: 52 53 44 20  RSD \n\nFACS @ 0x1000\n    00000000: 46\n"))
	want := []Table{
		{Name: "RSD PTR", Address: 0xf05b0, Line: 1, Data: []byte("RSD ")},
		{Name: "FACS", Address: 0x1000, Line: 4, Data: []byte("F")},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
}

// A damaged line costs the table it stands in, and no other.
func TestParseDumpDamaged(t *testing.T) {
	apic := fake.MADT(3, fake.LocalAPIC(0, 0, 1))
	dmar := fake.DMAR(39, 1, fake.DRHD(1, 0, 0xfed90000))
	whole := string(fake.Dump(apic, dmar)) // the APIC is on lines 1 to 5
	lines := strings.SplitAfter(whole, "\n")
	with := func(n int, line string) string {
		l := append([]string{}, lines...)
		l[n-1] = line
		return strings.Join(l, "")
	}
	for _, test := range []struct{ name, text, message string }{
		{"not hexadecimal", with(3, "    0010: 41 XY 43\n"), `line 3: table APIC: "XY" is no byte`},
		{"line missing", with(3, ""), "line 3: table APIC: offset 0x20 where 0x10 is expected"},
		{"no offset", with(3, "hello\n"), "line 3: table APIC: no offset"},
		{"no bytes", with(3, "    0010:\n"), "line 3: table APIC: no bytes"},
		{"half a byte", with(3, "    0010: 41 4\n"), `line 3: table APIC: " 4" follows`},
		{"binary", with(3, "\x00\x01\xff\n"), "line 3: table APIC"},
		{"text in front", "acpidump v1\n" + whole, "line 1: neither"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tables, err := ParseDump([]byte(test.text))
			if !errors.Is(err, ErrEntry) || !strings.Contains(err.Error(), test.message) {
				t.Errorf("error %v, want %q", err, test.message)
			}
			if len(tables) != 2 || !bytes.Equal(tables[1].Data, dmar) {
				t.Fatalf("the other table is lost: %v", tables)
			}
			if _, err := Check(tables[0].Data); test.name != "text in front" && err == nil {
				t.Error("the damaged table passes as whole")
			}
		})
	}
	if tables, err := ParseDump(nil); tables != nil || err == nil {
		t.Errorf("empty text: %v, %v", tables, err)
	}
}
