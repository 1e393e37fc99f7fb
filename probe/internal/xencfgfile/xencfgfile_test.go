package xencfgfile

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `# which one
stray=1
[global]
default=xen
chain=more.cfg
ucode=ucode.bin

[xen]
options=  console=com1 iommu=verbose # loud
  kernel=vmlinuz root=/dev/sda1 ro
options=ignored
ramdisk=initrd.img
;kernel=old
[debug]
kernel=vmlinuz-debug
xsm=policy
[xen]
dtb=second.dtb
[broken
options=never
`

func TestBoot(t *testing.T) {
	f, err := Parse([]byte(sample))
	if err != nil || f.Unended {
		t.Fatalf("%v, unended %v", err, f.Unended)
	}
	for _, tt := range []struct {
		section string
		want    Boot
		ok      bool
	}{
		{"", Boot{Section: "xen", Options: "console=com1 iommu=verbose ", Kernel: "vmlinuz", KernelArgs: "root=/dev/sda1 ro", Ramdisk: "initrd.img", UCode: "ucode.bin", Chain: "more.cfg"}, true},
		{"debug", Boot{Section: "debug", Kernel: "vmlinuz-debug", XSM: "policy", UCode: "ucode.bin", Chain: "more.cfg"}, true},
		{"broken", Boot{Section: "broken", UCode: "ucode.bin", Chain: "more.cfg"}, false},
	} {
		got, ok := f.Boot(tt.section)
		if d := cmp.Diff(tt.want, got); d != "" || ok != tt.ok {
			t.Errorf("%q: ok %v, -want +got:\n%s", tt.section, ok, d)
		}
	}
	if s := f.Sections[2]; s.Line != 8 || s.Items[1].Line != 10 {
		t.Errorf("lines of the third section: %+v", s)
	}
}

func TestParseOdd(t *testing.T) {
	f, _ := Parse([]byte("[global]\ndefault=a\n[a]\noptions=x"))
	if _, ok := f.Value("a", "options"); ok || !f.Unended {
		t.Errorf("last line without an end: seen %v, unended %v", ok, f.Unended)
	}
	f, _ = Parse([]byte("[a]\r\noptions=x\r\n\tkernel=k\x00"))
	if b, ok := f.Boot("a"); b.Options != "x" || b.Kernel != "k" || !ok {
		t.Errorf("control characters end lines: %+v", b)
	}
	if _, ok := (&File{}).Boot(""); ok {
		t.Error("an empty file boots something")
	}
	if _, err := Parse([]byte(strings.Repeat("a=b\n", maxItems+1))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too many lines: %v", err)
	}
}

// FuzzParse holds that what is found was written so, and that what follows a
// closed section adds nothing to it.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("[a]\n=\n[]\nx=y"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			return
		}
		for _, s := range file.Sections {
			for _, i := range s.Items {
				if !strings.Contains(string(b), i.Key) || !strings.Contains(string(b), i.Value) || strings.Contains(i.Value, "#") {
					t.Fatalf("%q: item %+v", b, i)
				}
			}
		}
		more, err := Parse(append(append([]byte{}, b...), "\n[zz]\noptions=1\n[global]\ndefault=zz\n"...))
		if err != nil {
			return
		}
		for _, s := range file.Sections {
			for _, i := range s.Items {
				before, _ := file.Value(s.Name, i.Key)
				after, _ := more.Value(s.Name, i.Key)
				if before != after {
					t.Fatalf("%q: [%s] %s is %q, then %q", b, s.Name, i.Key, before, after)
				}
			}
		}
	})
}
