package procfs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The sums are what adding up the numbers in the text by hand gives.
func FuzzParseZoneinfo(f *testing.F) {
	f.Add([]byte("Node 0, zone      DMA\n  pages free     3840\n        present  3998\n        managed  3840\n"), uint64(3840*4096))
	f.Add([]byte("Node 1, zone Normal\n present 5\nNode 0, zone Normal\n present 7\n"), uint64(0))
	f.Fuzz(func(t *testing.T, text []byte, memTotal uint64) {
		z, err := ParseZoneinfo(text)
		if err != nil {
			if z != (Zones{}) {
				t.Fatalf("%+v with error %v", z, err)
			}
			return
		}
		var again strings.Builder
		for i := range z.Count {
			fmt.Fprintf(&again, "Node %d, zone Z\n", i%z.Nodes)
		}
		fmt.Fprintf(&again, "  present %d\n  managed %d\n", z.Present, z.Managed)
		if y, err := ParseZoneinfo([]byte(again.String())); err != nil || y != z {
			t.Fatalf("%+v reads back as %+v, %v", z, y, err)
		}
		if size, ok := z.PageSize(memTotal); ok {
			managed := z.Managed*size <= memTotal+memTotal/100 && z.Managed*size+memTotal/100 >= memTotal
			present := z.Present*size >= memTotal && z.Present*size/2 < memTotal
			if !managed && !present {
				t.Fatalf("%+v of %d make neither %d nor nearly", z, size, memTotal)
			}
		}
	})
}

// Whatever is added up has a line of its own, and no hidden file has RAM.
func FuzzSystemRAM(f *testing.F) {
	f.Add([]byte("00001000-0009ffff : System RAM\n00100000-7fffffff : System RAM\n  01000000-01ffffff : Kernel code\n"))
	f.Add([]byte("00000000-00000000 : System RAM\n"))
	f.Add([]byte("0-ffffffffffffffff : System RAM\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := SystemRAM(text)
		switch {
		case err != nil && n != 0:
			t.Fatalf("%d bytes with error %v", n, err)
		case errors.Is(err, ErrHidden):
			for _, line := range strings.Split(string(text), "\n") {
				where, _, _ := strings.Cut(line, " : ")
				if !strings.HasPrefix(line, " ") && strings.Trim(where, "0-\r") != "" {
					t.Fatalf("%q hides nothing", text)
				}
			}
		case err == nil && n != 0 && !strings.Contains(string(text), " : System RAM"):
			t.Fatalf("%d bytes out of nothing", n)
		}
	})
}

// A value that is written back in double quotes reads the same.
func FuzzParseOSRelease(f *testing.F) {
	f.Add([]byte("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"))
	f.Add([]byte("NAME='a b'\nID_LIKE=\"suse opensuse\"\nVERSION_ID=\"1\\\"2\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, _ := ParseOSRelease(text)
		escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")
		again := fmt.Sprintf("ID=\"%s\"\nNAME=\"%s\"\nPRETTY_NAME=\"%s\"\nVERSION_ID=\"%s\"\n",
			escape.Replace(o.ID), escape.Replace(o.Name), escape.Replace(o.PrettyName), escape.Replace(o.VersionID))
		p, err := ParseOSRelease([]byte(again))
		if err != nil || p.ID != o.ID || p.Name != o.Name || p.PrettyName != o.PrettyName || p.VersionID != o.VersionID {
			t.Fatalf("%+v reads back as %+v, %v", o, p, err)
		}
	})
}

// Nothing here may panic; of what is found, every part stands in the text.
func FuzzSmallTexts(f *testing.F) {
	f.Add([]byte("      CPU0\n 11: 5 GICv3 27 Level arch_timer\n"))
	f.Add([]byte("24 1 0:22 / /sys rw - sysfs sysfs rw\n"))
	f.Add([]byte("<6>[    0.0] CPU: All CPU(s) started at EL2\n"))
	f.Add([]byte("container=lxc\x00"))
	f.Add([]byte("xen-4.17.4_02-150600.gz"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if in, err := ParseInterrupts(text); err == nil {
			for _, name := range in.Controllers {
				if name == "" || !strings.Contains(string(text), strings.TrimRight(name, "\uFFFD")) && !strings.Contains(name, "\uFFFD") {
					t.Fatalf("controller %q is not in %q", name, text)
				}
			}
		}
		if m, err := ParseMounts(text); err == nil {
			for _, x := range m {
				if !strings.Contains(string(text), x.Type) {
					t.Fatalf("type %q is not in %q", x.Type, text)
				}
			}
		}
		if k := ParseKernelLog(text); k.BootMode != "" && !strings.Contains(string(text), "CPU") {
			t.Fatalf("%q gives %+v", text, k)
		}
		if v, err := InstalledXen(string(text)); err == nil && (v.Major < 0 || v.Source != string(text)) {
			t.Fatalf("%q gives %+v", text, v)
		}
		ContainerFromEnviron(text)
		ContainerFromCgroup(text)
	})
}
