package fdt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

// property and node keep the trees below short.
func property(name string, value any) fake.Prop { return fake.Prop{Name: name, Value: value} }

func node(name string, parts ...any) fake.Node {
	n := fake.Node{Name: name}
	for _, p := range parts {
		switch p := p.(type) {
		case fake.Prop:
			n.Props = append(n.Props, p)
		case fake.Node:
			n.Children = append(n.Children, p)
		}
	}
	return n
}

func small() fake.Node {
	return node("",
		property("#address-cells", 2), property("#size-cells", 1), property("compatible", []string{"fake,board", "fake,soc"}),
		property("interrupt-parent", 1), property("empty", nil),
		node("cpus", property("#address-cells", 1), property("#size-cells", 0),
			node("cpu@0", property("reg", 0)), node("cpu@1", property("reg", 1), property("status", "disabled"))),
		node("soc", node("gic@1000", property("phandle", 1), property("#interrupt-cells", 3)),
			node("bus", property("status", "disabled"), node("uart@0", property("status", "okay")))),
	)
}

// dump writes a tree as text, to compare trees by.
func dump(t *Tree) string {
	var b strings.Builder
	for n := range t.All() {
		b.WriteString(n.Path() + "\n")
		for _, p := range n.Properties {
			b.WriteString("  " + p.Name + " = " + string(bytes.ReplaceAll(p.Value, []byte{0}, []byte("."))) + "\n")
		}
	}
	return b.String()
}

func TestParse(t *testing.T) {
	tree, err := Parse(fake.DTB(small()))
	if err != nil {
		t.Fatal(err)
	}
	want := "/\n" +
		"  #address-cells = ...\x02\n  #size-cells = ...\x01\n  compatible = fake,board.fake,soc.\n  interrupt-parent = ...\x01\n  empty = \n" +
		"/cpus\n  #address-cells = ...\x01\n  #size-cells = ....\n" +
		"/cpus/cpu@0\n  reg = ....\n/cpus/cpu@1\n  reg = ...\x01\n  status = disabled.\n" +
		"/soc\n/soc/gic@1000\n  phandle = ...\x01\n  #interrupt-cells = ...\x03\n" +
		"/soc/bus\n  status = disabled.\n/soc/bus/uart@0\n  status = okay.\n"
	if diff := cmp.Diff(want, dump(tree)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, blob := range map[string][]byte{
		"version 16":        fake.Blob{Version16: true}.Bytes(small()),
		"padded to 1 MiB":   fake.Blob{Padding: 1 << 20}.Bytes(small()),
		"followed by bytes": append(fake.DTB(small()), "remains"...),
	} {
		tree, err := Parse(blob)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, dump(tree)); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
	}
	if tree, err := Parse(fake.Blob{BootCPU: 0x100}.Bytes(small())); err != nil || tree.BootCPU != 0x100 {
		t.Errorf("boot CPU: %v", err)
	}
}

func TestTree(t *testing.T) {
	tree, err := Parse(fake.DTB(small()))
	if err != nil {
		t.Fatal(err)
	}
	gic := tree.Find("/soc/gic@1000")
	if gic == nil || gic != tree.Find("/soc/gic") || gic != tree.Phandle(1) {
		t.Fatal("the controller is not found by path and phandle")
	}
	if tree.Find("/soc/nothing") != nil || tree.Find("/nothing/gic") != nil || tree.Phandle(2) != nil || tree.Find("/") != tree.Root {
		t.Error("something is found that is not there, or the root is not")
	}
	uart := tree.Find("/soc/bus/uart@0")
	if !uart.Okay() || uart.Available() || !gic.Available() {
		t.Error("a node below a disabled one is not available")
	}
	if tree.InterruptParent(uart) != gic || tree.InterruptParent(tree.Root) != gic {
		t.Error("interrupts do not go to the root's interrupt-parent")
	}
	cpus := tree.Find("/cpus")
	if cpus.AddressCells() != 1 || cpus.SizeCells() != 0 || uart.AddressCells() != 2 || uart.SizeCells() != 1 {
		t.Error("cells")
	}
	if got := (&Node{}).AddressCells() + (&Node{}).SizeCells(); got != 3 {
		t.Errorf("default cells add up to %d", got)
	}
	if !tree.Root.IsCompatible("fake,soc") || tree.Root.IsCompatible("fake,so") || tree.Root.String("compatible") != "fake,board" {
		t.Error("compatible")
	}
	many := node("")
	for i := range uint32(100) {
		many.Props = append(many.Props, property(strconv.Itoa(int(i)), i), property("9", 77))
	}
	if tree, err = Parse(fake.DTB(many)); err != nil {
		t.Fatal(err)
	}
	if v, ok := tree.Root.Uint32("9"); !ok || v != 77 || tree.Root.Has("100") || !tree.Root.Has("99") {
		t.Errorf("first of many properties: %d, %v", v, ok)
	}
	if _, ok := tree.Root.Uint32("compatible"); ok {
		t.Error("a string passes as a cell")
	}
}

func TestParseDamaged(t *testing.T) {
	blob := fake.DTB(small())
	structure := int(binary.BigEndian.Uint32(blob[8:]))
	// change writes a word at an offset.
	change := func(off int, v uint32) []byte {
		b := bytes.Clone(blob)
		binary.BigEndian.PutUint32(b[off:], v)
		return b
	}
	deep := node("leaf")
	for range 70 {
		deep = node("n", deep)
	}
	tests := []struct {
		name    string
		b       []byte
		want    error
		message string
	}{
		{"empty", nil, ErrMagic, "0 bytes"},
		{"other file", []byte("%PDF-1.7 and so on and so on and so on and so on"), ErrMagic, "d00dfeed"},
		{"little endian", change(0, 0xedfe0dd0), ErrMagic, "d00dfeed"},
		{"magic alone", blob[:4], ErrTruncated, "4 bytes"},
		{"cut", blob[:len(blob)-1], ErrTruncated, "bytes"},
		{"version 3", change(20, 3), ErrVersion, "version 3"},
		{"last compatible version 18", change(24, 18), ErrVersion, "compatible with 18"},
		{"total size less than a header", change(4, 20), ErrMalformed, "offset 0x4"},
		{"total size huge", change(4, 1<<31), ErrMalformed, "offset 0x4"},
		{"structure behind the end", change(8, 1<<30), ErrMalformed, "offset 0x8: structure block"},
		{"structure not aligned", change(8, uint32(structure)+2), ErrMalformed, "offset 0x8"},
		{"structure size huge", change(36, 1<<31), ErrMalformed, "structure block of 2147483648 bytes"},
		{"structure in the header", change(8, 4), ErrMalformed, "offset 0x8"},
		{"structure size overflows", change(36, 0xffffffff), ErrMalformed, "structure block"},
		{"structure ends early", change(36, 32), ErrMalformed, "has no end"},
		{"strings behind the end", change(12, 1<<30), ErrMalformed, "offset 0xc"},
		{"strings over the structure", change(12, uint32(structure)), ErrMalformed, "overlap"},
		{"reservations behind the end", change(16, 1<<30), ErrMalformed, "offset 0x10"},
		{"no root", change(structure, 9), ErrMalformed, "ends inside a node"},
		{"property before the root", change(structure, 3), ErrMalformed, "property outside a node"},
		{"end before the root", change(structure, 2), ErrMalformed, "has not begun"},
		{"unknown token", change(structure+8, 7), ErrMalformed, "unknown token 0x7"},
		{"property too large", change(structure+12, 1<<20), ErrMalformed, "property of 1048576 bytes"},
		{"property size overflows", change(structure+12, 0xffffffff), ErrMalformed, "property of 4294967295 bytes"},
		{"property name behind the strings", change(structure+16, 1<<20), ErrMalformed, "name at 0x100000"},
		{"too deep", fake.DTB(deep), ErrMalformed, "nested more than 64 deep"},
		{"slash in a name", fake.DTB(node("", node("a/b"))), ErrMalformed, "holds a slash"},
		{"name too long", fake.DTB(node("", node(strings.Repeat("n", 300)))), ErrMalformed, "no end within 256 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree, err := Parse(test.b)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.message) {
				t.Errorf("error %v, want %v with %q", err, test.want, test.message)
			}
			if tree != nil {
				t.Error("there is a tree all the same")
			}
			if clean, errRedact := Redact(test.b); clean != nil || !errors.Is(errRedact, test.want) {
				t.Errorf("redacting: %v", errRedact)
			}
		})
	}
}

// asFiles writes a tree in the form of directories.
func asFiles(t *Tree) fstest.MapFS {
	fsys := fstest.MapFS{".": {Mode: fs.ModeDir | 0o755}}
	for n := range t.All() {
		dir := strings.TrimPrefix(n.Path()+"/", "/")
		if dir == "/" {
			dir = ""
		}
		if dir != "" {
			fsys[strings.TrimSuffix(dir, "/")] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		}
		for _, p := range n.Properties {
			fsys[dir+p.Name] = &fstest.MapFile{Data: p.Value, Mode: 0o444}
		}
	}
	return fsys
}

func TestFromFS(t *testing.T) {
	blob, err := Parse(fake.DTB(small()))
	if err != nil {
		t.Fatal(err)
	}
	fsys := asFiles(blob)
	fsys["soc/fifo"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	fsys["soc/link"] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("/etc/passwd")}
	tree, err := FromFS(fsys)
	if err != nil || tree.Problems != nil {
		t.Fatal(err, tree.Problems)
	}
	for n := range blob.All() {
		same := tree.Find(n.Path())
		if same == nil || len(same.Properties) != len(n.Properties) || len(same.Children) != len(n.Children) {
			t.Fatalf("%s is missing or differs", n.Path())
		}
		for _, p := range n.Properties {
			if v, ok := same.Property(p.Name); !ok || !bytes.Equal(v, p.Value) {
				t.Errorf("%s %s differs", n.Path(), p.Name)
			}
		}
	}
	if tree.Phandle(1) == nil {
		t.Error("phandles are not known")
	}
}

// refusing is a file system that does not let some files be opened.
type refusing struct {
	fs.FS
	name string
}

func (r refusing) Open(name string) (fs.File, error) {
	if name == r.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return r.FS.Open(name)
}

func TestFromFSUnreadable(t *testing.T) {
	blob, err := Parse(fake.DTB(small()))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"compatible", "cpus/cpu@0/reg", "soc"} {
		tree, err := FromFS(refusing{asFiles(blob), name})
		if err != nil || len(tree.Problems) != 1 || !errors.Is(tree.Problems[0], fs.ErrPermission) {
			t.Errorf("%s: %v, %v", name, err, tree)
			continue
		}
		if tree.Find("/cpus/cpu@1") == nil {
			t.Errorf("%s: the rest is lost", name)
		}
	}
	if _, err := FromFS(refusing{asFiles(blob), "."}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("no root: %v", err)
	}
	if _, err := FromFS(fstest.MapFS{"x": {Data: make([]byte, MaxSize+1)}}); err != nil {
		t.Errorf("a large file costs the tree: %v", err)
	}
}

func TestRedact(t *testing.T) {
	secrets := node("",
		property("serial-number", "SECRET0000001"), property("model", "Fake Board"),
		node("chosen", property("bootargs", "console=ttyS0,115200 root=UUID=SECRET quiet smsc95xx.macaddr=SECRET "+
			`opt="two words" wifi.password="SECRET SECRET" BOOTIF=01-de-ad-be-ef-00-01 rd.luks.name=01234567-89ab-cdef-0123-456789abcdef=x`),
			property("rng-seed", []byte("SECRET!!")), property("kaslr-seed", []byte("SECRET!!")), property("stdout-path", "serial0:115200")),
		node("ethernet@1", property("local-mac-address", []byte("SECRET")), property("mac-address", []byte("SECRET"))),
		node("firmware", property("fake,partition-uuid", "SECRET"), property("serial", "not one")),
	)
	blob := append(fake.Blob{Padding: 8}.Bytes(secrets), "SECRET behind"...)
	copy(blob[len(blob)-20:], "SECRET") // in the padding
	clean, err := Redact(blob)
	if err != nil {
		t.Fatal(err)
	}
	if len(clean) != len(blob) {
		t.Errorf("%d bytes became %d", len(blob), len(clean))
	}
	for _, secret := range []string{"SECRET", "de-ad-be-ef", "01234567-89ab"} {
		if i := bytes.Index(clean, []byte(secret)); i >= 0 {
			t.Errorf("%q left: %q", secret, clean[max(0, i-20):i+len(secret)])
		}
	}
	tree, err := Parse(clean)
	if err != nil {
		t.Fatal(err)
	}
	want := `console=ttyS0,115200 root=UUID=xxxxxx quiet smsc95xx.macaddr=xxxxxx opt="two words" wifi.password="xxxxxxxxxxxxx" ` +
		`BOOTIF=xxxxxxxxxxxxxxxxxxxx rd.luks.name=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=x`
	if diff := cmp.Diff(want, tree.Find("/chosen").String("bootargs")); diff != "" {
		t.Errorf("bootargs (-want +got):\n%s", diff)
	}
	if tree.Root.String("model") != "Fake Board" || tree.Find("/chosen").String("stdout-path") != "serial0:115200" || tree.Find("/firmware").String("serial") != "not one" {
		t.Error("something public is gone")
	}
}
