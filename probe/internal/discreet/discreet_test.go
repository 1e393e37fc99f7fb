package discreet

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"/dev/vg0/guest-disk", "/dev/vg0/guest-disk"},
		{"phy:/dev/vg/x,hda,w", "phy:/dev/vg/x,hda,w"},
		{"a,,b  c", "a,,b  c"},
		{"mac=00:16:3e:01:02:03,bridge=xenbr0", "mac=(removed),bridge=xenbr0"},
		{"/dev/disk/by-id/ata-DISK_123,raw", "(removed),raw"},
		{"e1000,mac=00:16:3e:01:02:03,netdev=n0", "e1000,mac=(removed),netdev=n0"},
		{"type=1,serial=ABC123", "type=1,serial=(removed)"},
		{"rbd:pool/image:id=admin:key=AQAB", "rbd:pool/image:id=admin:key=(removed)"},
		{"http://user:pass@host/image", "(removed)"},
		{"passthrough=1,keymap=de", "passthrough=1,keymap=de"},
		{"/images/6ba7b810-9dad-11d1-80b4-00c04fd430c8.qcow2", "(removed)"},
		{"0000:03:00.0", "0000:03:00.0"},
		{"caf\xe9,x", "caf\ufffd,x"},
	} {
		if got := Text(c.in); got != c.want {
			t.Errorf("Text(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestArgs(t *testing.T) {
	in := []string{"-uuid", "whatever", "-device", "e1000,mac=00:16:3e:01:02:03", "-password", "-vga"}
	want := []string{"-uuid", "(removed)", "-device", "e1000,mac=(removed)", "-password", "-vga"}
	if d := cmp.Diff(want, Args(in)); d != "" {
		t.Error(d)
	}
}

// What was blanked once stays as it is, and the separators survive.
func FuzzText(f *testing.F) {
	for _, s := range []string{"mac=00:16:3e:01:02:03,bridge=br0", "rbd:p/i:key=A", "a,,b;c &d", "x\x00y=\"UUID=1\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Text(s)
		if !utf8.ValidString(once) {
			t.Errorf("Text(%q) = %q is no UTF-8", s, once)
		}
		if strings.Count(once, ",") != strings.Count(s, ",") {
			t.Errorf("Text(%q) = %q has other commas", s, once)
		}
		if twice := Text(once); twice != once {
			t.Errorf("Text(%q) = %q, then %q", s, once, twice)
		}
	})
}
