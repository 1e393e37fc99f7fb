package probe

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fake"
)

// elf is a kernel of some size whose head says that it has 32 bits.
func elf(size int) string { return "\x7fELF\x01" + strings.Repeat("\x00", size) }

// The kernels of a dom0's domains are looked at, and an archive holds what they
// are without holding them.
func TestKernelsOfDomains(t *testing.T) {
	m := answering(t).with(machine{
		"/boot/guest":      elf(1 << 20),
		"/boot/short":      "x",
		"/boot/dir/":       "",
		xenEtc + "/a.cfg":  "name=\"a\"\nkernel=\"/boot/./guest\"\n",
		xenEtc + "/b.cfg":  "name=\"b\"\nkernel=\"/boot/gone\"\n",
		xenEtc + "/c.cfg":  "name=\"c\"\nkernel=\"hvmloader\"\n",
		xenEtc + "/d.cfg":  "name=\"d\"\nkernel=\"/boot/short\"\n",
		xenEtc + "/e.cfg":  "name=\"e\"\nkernel=\"/srv/" + hostUUID + "/vmlinuz\"\n",
		xenEtc + "/f.cfg":  "name=\"f\"\n",
		xenEtc + "/aa.cfg": "name=\"aa\"\nkernel=\"/boot/guest\"\n",
	})
	b, h := raw(t, m.root(), Options{DomainDirs: true})
	for _, h := range []*facts.Host{h, must(t, Options{Root: save(t, b), DomainDirs: true, Now: noon})} {
		of := func(name string) facts.Observed[facts.KernelImage] {
			for _, d := range h.Domains.Value {
				if d.Name.Value == name {
					return d.Boot.Image
				}
			}
			t.Fatalf("no domain %s", name)
			panic("unreachable")
		}
		want := facts.KernelImage{Format: "ELF", Bits: 32}
		is(t, "a", of("a"), want)
		is(t, "aa", of("aa"), want)
		if !of("b").IsAbsent() {
			t.Errorf("b: %+v", of("b"))
		}
		isUnknown(t, "c", of("c"), facts.Incomplete)
		isUnknown(t, "d", of("d"), facts.Malformed)
		isUnknown(t, "e", of("e"), facts.Incomplete)
		if o := of("f"); o.State != facts.Unread {
			t.Errorf("f: %+v", o)
		}
	}
	members, err := unpack(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range members {
		if bytes.Contains(content, []byte("\x7fELF")) {
			t.Errorf("%s holds the kernel", name)
		}
	}
}

// On a machine that is no dom0, and without one, a path of dom0's leads
// nowhere; in a captured tree it leads to the tree's file.
func TestKernelsElsewhere(t *testing.T) {
	given := filepath.Join(t.TempDir(), "a.cfg")
	if err := os.WriteFile(given, []byte("name=\"a\"\nkernel=\"/boot/guest\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	image := func(o Options) facts.Observed[facts.KernelImage] {
		o.Domains, o.Now = []string{given}, noon
		return must(t, o).Domains.Value[0].Boot.Image
	}
	files := intelServer().with(machine{"/boot/guest": elf(8 << 10)}).root()
	if o := image(Options{FS: liveTest{files}, FSLive: true}); o.State != facts.Unread {
		t.Errorf("of a bare machine: %+v", o)
	}
	if o := image(Options{Memory: 1 << 30}); o.State != facts.Unread {
		t.Errorf("of no machine: %+v", o)
	}
	// The same for domains that somebody else has read.
	ds := []facts.Domain{{Boot: facts.DomainBoot{Kernel: facts.Set("/boot/guest", 1)}}}
	if err := LookAtKernels(t.Context(), Options{FS: liveTest{files}, FSLive: true}, &facts.Host{}, ds); err != nil || ds[0].Boot.Image.State != facts.Unread {
		t.Errorf("%v, of a bare machine: %+v", err, ds[0].Boot.Image)
	}
	if err := LookAtKernels(t.Context(), Options{FS: files}, &facts.Host{}, ds); err != nil {
		t.Error(err)
	}
	is(t, "of a tree, by itself", ds[0].Boot.Image, facts.KernelImage{Format: "ELF", Bits: 32})
	is(t, "of a tree", image(Options{FS: files}), facts.KernelImage{Format: "ELF", Bits: 32})
}

// The domains of a device tree are judged like others; under a Xen that was
// booted with it they have the numbers of their order.
func TestDomainsOfDeviceTree(t *testing.T) {
	root := boardTree([]string{"arm,cortex-a57"}, gicNode("arm,gic-400", 4, false))
	for i := range root.Children {
		if chosen := &root.Children[i]; chosen.Name == "chosen" {
			for _, name := range []string{"domU1", "domU2"} {
				chosen.Children = append(chosen.Children, fake.Node{Name: name, Props: []fake.Prop{
					prop("compatible", "xen,domain"), prop("memory", []uint32{0, 0x20000}), prop("cpus", 1), prop("xen,static-mem", []uint32{1, 2})}})
			}
		}
	}
	dtb := filepath.Join(t.TempDir(), "board.dtb")
	if err := os.WriteFile(dtb, fake.DTB(root), 0o600); err != nil {
		t.Fatal(err)
	}
	b, h := raw(t, nil, Options{DTB: dtb})
	for _, h := range []*facts.Host{h, must(t, Options{Root: save(t, b), Now: noon})} {
		var got []string
		for _, d := range h.Domains.Value {
			got = append(got, d.Name.Value+" "+d.Source)
			if d.Form != facts.BootTree || d.Memory.Max.Value != 128<<20 || !d.Tree.StaticMemory || d.ID.Given {
				t.Errorf("%+v", d)
			}
		}
		source := h.Xen.BootTree.Source
		if diff := cmp.Diff([]string{"domU1 " + source + " /chosen/domU1", "domU2 " + source + " /chosen/domU2"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
