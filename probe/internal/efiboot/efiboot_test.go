package efiboot

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// variable turns hexadecimal with blanks into bytes.
func variable(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// utf16 spells text as such a variable has it, in hexadecimal, without the zero.
func utf16le(s string) string {
	var b []byte
	for _, c := range s {
		b = append(b, byte(c), byte(c>>8))
	}
	return hex.EncodeToString(b)
}

const (
	attrs = "07000000"
	// HD(1,GPT,…) with the identifier of a partition, 42 bytes.
	disk = "04 01 2a00 01000000 0008000000000000 0000100000000000 11223344556677889900aabbccddeeff 02 02"
	mac  = "03 0b 2500 525400123456 " + "0000000000000000000000000000000000000000000000000000 01" // 37 bytes
	ends = "7fff0400"
)

// file is a node with a path, 4 bytes and those of the text with its zero.
func file(path string) string {
	n := 4 + 2*len(path) + 2
	return "0404" + hex.EncodeToString([]byte{byte(n), byte(n >> 8)}) + utf16le(path) + "0000"
}

// option puts an entry together.
func option(t testing.TB, flags, description, path, optional string) []byte {
	t.Helper()
	n := len(variable(t, path))
	return variable(t, attrs+flags+hex.EncodeToString([]byte{byte(n), byte(n >> 8)})+utf16le(description)+"0000"+path+optional)
}

func TestParse(t *testing.T) {
	hd, to := Node{4, 1}, Node{4, 4}
	for name, tt := range map[string]struct {
		b      []byte
		want   Option
		medium Medium
	}{
		"debian":       {option(t, "01000000", "debian", disk+file(`\EFI\debian\shimx64.efi`)+ends, ""), Option{Active: true, Path: []Node{hd, to}, Partition: 114, File: `\EFI\debian\shimx64.efi`}, Disk},
		"inactive":     {option(t, "00000000", "old", disk+file(`\x.efi`)+ends, "0000"), Option{Path: []Node{hd, to}, Partition: 114, File: `\x.efi`}, Disk},
		"arguments":    {option(t, "01000000", "fw", disk+file(`\EFI\debian\shimx64.efi`)+ends, utf16le(`\fwupdx64.efi`)+"0000"), Option{Active: true, Path: []Node{hd, to}, Partition: 114, File: `\EFI\debian\shimx64.efi`, Arguments: `\fwupdx64.efi`}, Disk},
		"not ended":    {option(t, "01000000", "xen", disk+file(`\xen.efi`)+ends, utf16le(`xen.efi -cfg=a.cfg`)), Option{Active: true, Path: []Node{hd, to}, Partition: 114, File: `\xen.efi`, Arguments: "xen.efi -cfg=a.cfg"}, Disk},
		"marks":        {option(t, "01000000", "hd", disk+ends, "4eac0881119f594d850ee21a522c59b2"), Option{Active: true, Path: []Node{hd}, Partition: 114, Data: 16}, Disk},
		"an odd mark":  {option(t, "01000000", "RC", disk+ends, "525843"), Option{Active: true, Path: []Node{hd}, Partition: 114, Data: 3}, Disk},
		"two nodes":    {option(t, "01000000", "two", disk+file(`\EFI\`)+file(`\debian`)+file(`grubx64.efi`)+ends, ""), Option{Active: true, Path: []Node{hd, to, to, to}, Partition: 114, File: `\EFI\debian\grubx64.efi`}, Disk},
		"two paths":    {option(t, "01000000", "two", disk+file(`\a.efi`)+ends+file(`\b.efi`)+ends, ""), Option{Active: true, Path: []Node{hd, to}, Partition: 114, File: `\a.efi`}, Disk},
		"network":      {option(t, "01000000", "UEFI PXEv4 (MAC:525400123456)", "02010c00d041030a00000000 01010600 0003"+mac+"030c1b00"+strings.Repeat("00", 23)+ends, ""), Option{Active: true, Path: []Node{{2, 1}, {1, 1}, {3, 11}, {3, 12}}}, Network},
		"a USB stick":  {option(t, "01000000", "UEFI USB", "030506000100"+ends, ""), Option{Active: true, Path: []Node{{3, 5}}}, Removable},
		"a disc":       {option(t, "01000000", "UEFI DVD", "04021800"+strings.Repeat("00", 20)+ends, ""), Option{Active: true, Path: []Node{{4, 2}}}, Removable},
		"the setup":    {option(t, "09010000", "UiApp", "04071400"+strings.Repeat("11", 16)+"04061400"+strings.Repeat("22", 16)+ends, ""), Option{Active: true, App: true, Path: []Node{{4, 7}, {4, 6}}}, Firmware},
		"as BIOS does": {option(t, "01000000", "P0: DISK", "050109000200000000"+ends, ""), Option{Active: true, Path: []Node{{5, 1}}}, Legacy},
		"NVMe":         {option(t, "01000000", "UEFI SAMSUNG S45PNA0M123456", "03171000010000000025385b91b12345"+ends, ""), Option{Active: true, Path: []Node{{3, 23}}}, Disk},
		"a controller": {option(t, "01000000", "UEFI Misc Device", "010106000003"+ends, ""), Option{Active: true, Path: []Node{{1, 1}}}, Other},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := Parse(tt.b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&tt.want, o); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if m := o.Medium(); m != tt.medium {
				t.Errorf("medium %q, want %q", m, tt.medium)
			}
		})
	}
}

func TestParseBad(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":                      nil,
		"no description":               variable(t, attrs+"01000000 0400"),
		"a description without an end": variable(t, attrs+"01000000 0400 6100 6200"),
		"a path that is not there":     variable(t, attrs+"01000000 ff00 0000"+ends),
		"a path without an end":        option(t, "01000000", "x", "04012a00"+strings.Repeat("00", 38), ""),
		"a node of no size":            option(t, "01000000", "x", "04010000"+ends, ""),
		"a node beyond its path":       option(t, "01000000", "x", "0401ff00"+ends, ""),
		"half a node":                  option(t, "01000000", "x", "0401", ""),
		"a file of control characters": option(t, "01000000", "x", "04040800 0a00 0000"+ends, ""),
		"far too many nodes":           option(t, "01000000", "x", strings.Repeat("01010400", 65)+ends, ""),
	} {
		if o, err := Parse(b); err == nil {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func TestNumbers(t *testing.T) {
	if n, err := Number(variable(t, attrs+"0f00")); n != 15 || err != nil {
		t.Error(n, err)
	}
	if o, err := Order(variable(t, attrs+"0100 0a00 0000")); err != nil || !slices.Equal(o, []uint16{1, 10, 0}) {
		t.Error(o, err)
	}
	if o, err := Order(variable(t, attrs)); err != nil || len(o) != 0 {
		t.Error(o, err)
	}
	for _, b := range []string{"", "07", attrs + "01"} {
		if n, err := Number(variable(t, b)); err == nil {
			t.Errorf("%s: %d", b, n)
		}
		if o, err := Order(variable(t, b)); err == nil {
			t.Errorf("%s: %d", b, o)
		}
	}
	if o, err := Order(make([]byte, 1<<16)); err == nil {
		t.Errorf("%d numbers", len(o))
	}
}

// Partitions of two disks are told apart, also when their identifiers are gone.
func TestPartition(t *testing.T) {
	seen := map[byte]string{}
	for _, path := range []string{disk, strings.Replace(disk, "1122", "1123", 1), strings.Replace(disk, "01000000", "02000000", 1), "0401 0500 07", mac} {
		o, err := Parse(option(t, "01000000", "x", path+ends, ""))
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[o.Partition]; ok || (o.Partition == 0) != (path == mac) {
			t.Errorf("%s: %d, as %q", path, o.Partition, other)
		}
		seen[o.Partition] = path
		if again, err := Parse(o.Encode()); err != nil || again.Partition != o.Partition {
			t.Errorf("%s: %+v, %v", path, again, err)
		}
	}
}

// An entry stays the same when it is written without what identifies a machine,
// and what is written has no byte of that.
func FuzzParse(f *testing.F) {
	f.Add(option(f, "01000000", "debian", disk+file(`\EFI\debian\shimx64.efi`)+ends, utf16le("grub")))
	f.Add(option(f, "01000000", "PXE", mac+ends, "525843"))
	f.Add(option(f, "09010000", "two", disk+file(`\EFI\`)+file(`x`)+ends, "0000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Parse(b)
		if err != nil {
			return
		}
		clean := o.Encode()
		again, err := Parse(clean)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		if d := cmp.Diff(o, again); d != "" {
			t.Fatalf("-before +after:\n%s", d)
		}
		if !bytes.Equal(again.Encode(), clean) {
			t.Error("written twice differs from once")
		}
		if strings.ContainsAny(o.File+o.Arguments, "\x00\n\x1b") || len(o.File) > maxText || len(o.Path) > maxNodes || o.Data > len(b) {
			t.Errorf("%+v", o)
		}
		// Everything that is written follows from the entry.
		if most := 10 + 4*(len(o.Path)+1) + 2*(len(o.Path)+1)*2 + 2*len(o.File) + 2*len(o.Arguments) + o.Data + 1; len(clean) > most {
			t.Errorf("%d bytes, at most %d are the entry's", len(clean), most)
		}
	})
}

// What a variable holds is shown as text, whatever it is.
func FuzzText(f *testing.F) {
	f.Add([]byte("\x07\x00\x00\x00s\x00y\x00\x00\x00z\x00"))
	f.Add([]byte("\x07\x00\x00\x00\x00\xd8"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := Text(b)
		if strings.ContainsRune(s, 0) || len([]rune(s)) > len(b)/2 {
			t.Errorf("%q: %q", b, s)
		}
		if again := Text(append(make([]byte, attributes), encode(s)...)); again != s {
			t.Errorf("%q: %q, then %q", b, s, again)
		}
	})
}
