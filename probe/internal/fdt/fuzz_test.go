package fdt

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

// FuzzParse: every property lies inside the input, parents and children agree,
// and a tree as directories is the same tree.
func FuzzParse(f *testing.F) {
	// Small seeds: the fuzzer spends its time on shrinking large ones.
	f.Add(fake.DTB(small()))
	f.Add(fake.Blob{Version16: true, Padding: 9}.Bytes(node("", node("chosen", property("bootargs", "key=secret")))))
	f.Add(fake.DTB(node("", property("serial-number", "1"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := Parse(b)
		if (tree == nil) == (err == nil) {
			t.Fatalf("tree %v, error %v", tree != nil, err)
		}
		clean, errRedact := Redact(b)
		if (err == nil) != (errRedact == nil) {
			t.Fatalf("parsing says %v, redacting %v", err, errRedact)
		}
		if err != nil {
			return
		}
		total := int(binary.BigEndian.Uint32(b[4:]))
		size := 0
		for n := range tree.All() {
			for _, c := range n.Children {
				if c.Parent != n {
					t.Errorf("%s is not the parent of its child", n.Path())
				}
			}
			for _, p := range n.Properties {
				size += len(p.Value) + 12
				if len(p.Value) == 0 {
					continue
				}
				off := int(uintptr(unsafe.Pointer(&p.Value[0])) - uintptr(unsafe.Pointer(&b[0])))
				if off < 36 || off+len(p.Value) > total {
					t.Errorf("%s %s at 0x%x, total 0x%x", n.Path(), p.Name, off, total)
				}
			}
			size += 12
		}
		if size > len(b) {
			t.Errorf("a tree of %d bytes out of %d", size, len(b))
		}
		checkRedacted(t, tree, clean, len(b))
	})
}

// checkRedacted: a redacted blob has the size of the original, the same nodes
// and property sizes, differs in private properties alone, and redacting it
// again changes nothing.
func checkRedacted(t *testing.T, tree *Tree, clean []byte, size int) {
	t.Helper()
	again, err := Parse(clean)
	if err != nil || len(clean) != size {
		t.Fatalf("%d bytes out of %d: %v", len(clean), size, err)
	}
	twice, err := Redact(clean)
	if err != nil || !bytes.Equal(twice, clean) {
		t.Errorf("redacting twice differs: %v", err)
	}
	var names, redacted []string
	for n := range tree.All() {
		names = append(names, n.Path())
		for _, p := range n.Properties {
			names = append(names, p.Name, string(RedactProperty(p.Name, p.Value)))
		}
	}
	for n := range again.All() {
		redacted = append(redacted, n.Path())
		for _, p := range n.Properties {
			redacted = append(redacted, p.Name, string(p.Value))
		}
	}
	if !slices.Equal(names, redacted) {
		t.Errorf("(-original +redacted):\n%.1000s", cmp.Diff(names, redacted))
	}
}

// FuzzRedactArguments: the line keeps its length and its zero bytes, nothing
// private is left, and doing it twice changes nothing.
func FuzzRedactArguments(f *testing.F) {
	f.Add([]byte("root=UUID=0123 quiet\x00"))
	f.Add([]byte(`a="b c" mac=00:11:22:33:44:55 key="x y"`))
	f.Add([]byte("quiet serial=\xff\xfe\u0130"))
	f.Add([]byte("BOOTIF=01-de-ad-be-ef-00-01 \x00 x=01234567-89ab-cdef-0123-456789abcdef"))
	f.Fuzz(func(t *testing.T, line []byte) {
		out := RedactProperty("bootargs", line)
		if len(out) != len(line) || bytes.Count(out, []byte{0}) != bytes.Count(line, []byte{0}) {
			t.Errorf("%q became %q", line, out)
		}
		if twice := RedactProperty("bootargs", out); !bytes.Equal(twice, out) {
			t.Errorf("%q became %q, then %q", line, out, twice)
		}
		secret := append([]byte("quiet serialno=SECRET "), bytes.ReplaceAll(line, []byte(`"`), nil)...)
		if got := RedactProperty("bootargs", secret); !bytes.HasPrefix(got, []byte("quiet serialno=xxxxxx ")) {
			t.Errorf("%q became %q", secret, got)
		}
	})
}
