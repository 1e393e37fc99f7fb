// Package fdt understands devicetrees, as a blob (Devicetree Specification
// v0.4, chapter 5) and in the form of directories and files that Linux shows
// below /proc/device-tree. What the properties mean for a machine is no matter
// of this package.
package fdt

import (
	"bytes"
	"encoding/binary"
	"iter"
	"strings"
)

// Tree is a devicetree.
type Tree struct {
	Root *Node
	// BootCPU is boot_cpuid_phys of a blob's header; 0 is also what compilers
	// write when nobody told them. Directories do not have it.
	BootCPU uint32
	// Problems says what of a tree of directories could not be read. The
	// properties and nodes concerned are missing from the tree. A blob is read
	// wholly or not at all.
	Problems []error

	phandles map[uint32]*Node
}

// Node is a node of a tree. Properties and children keep their order.
type Node struct {
	Name       string // with the unit address: cpu@100; empty for the root
	Parent     *Node  // nil for the root
	Children   []*Node
	Properties []Property

	// byName finds properties in a node that has many.
	byName map[string]int
}

// Property is a name and uninterpreted bytes.
type Property struct {
	Name  string
	Value []byte
}

// index makes the phandles of a finished tree known, and the properties of
// nodes that have so many that looking through them each time would take long:
// __symbols__ of a tree for overlays, or a node made to be slow.
func (t *Tree) index() {
	const many = 64
	t.phandles = map[uint32]*Node{}
	for n := range t.All() {
		if len(n.Properties) > many {
			n.byName = make(map[string]int, len(n.Properties))
			for i, p := range n.Properties {
				if _, ok := n.byName[p.Name]; !ok {
					n.byName[p.Name] = i
				}
			}
		}
		for _, name := range []string{"phandle", "linux,phandle"} {
			if p, ok := n.Uint32(name); ok && t.phandles[p] == nil {
				t.phandles[p] = n
			}
		}
	}
}

// Phandle returns the node that others refer to by this number, or nil.
func (t *Tree) Phandle(p uint32) *Node { return t.phandles[p] }

// All goes through all nodes, each before its children.
func (t *Tree) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if t.Root != nil {
			t.Root.all(yield)
		}
	}
}

func (n *Node) all(yield func(*Node) bool) bool {
	if !yield(n) {
		return false
	}
	for _, c := range n.Children {
		if !c.all(yield) {
			return false
		}
	}
	return true
}

// Find returns the node at a path like /cpus/cpu@0, or nil. A component
// without unit address matches the first child of that name.
func (t *Tree) Find(path string) *Node {
	n := t.Root
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && n != nil {
			n = n.Child(part)
		}
	}
	return n
}

// Child returns the first child of that name, or nil. A name without unit
// address also matches a child with one.
func (n *Node) Child(name string) *Node {
	var loose *Node
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
		if loose == nil && c.BaseName() == name {
			loose = c
		}
	}
	return loose
}

// BaseName returns the name without unit address.
func (n *Node) BaseName() string {
	base, _, _ := strings.Cut(n.Name, "@")
	return base
}

// Path returns the full path.
func (n *Node) Path() string {
	if n.Parent == nil {
		return "/"
	}
	var parts []string
	for ; n.Parent != nil; n = n.Parent {
		parts = append(parts, n.Name)
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString("/" + parts[i])
	}
	return b.String()
}

// Property returns the value of the first property of that name.
func (n *Node) Property(name string) ([]byte, bool) {
	if n.byName != nil {
		i, ok := n.byName[name]
		if !ok {
			return nil, false
		}
		return n.Properties[i].Value, true
	}
	for _, p := range n.Properties {
		if p.Name == name {
			return p.Value, true
		}
	}
	return nil, false
}

// Has reports whether the node has the property, with or without a value.
func (n *Node) Has(name string) bool {
	_, ok := n.Property(name)
	return ok
}

// Strings returns a property of the type stringlist (2.2.4): nil without it.
// A missing zero byte at the end is forgiven.
func (n *Node) Strings(name string) []string {
	v, ok := n.Property(name)
	if !ok || len(v) == 0 {
		return nil
	}
	var list []string
	for part := range bytes.SplitSeq(bytes.TrimSuffix(v, []byte{0}), []byte{0}) {
		list = append(list, string(part))
	}
	return list
}

// String returns a property of the type string, or "".
func (n *Node) String(name string) string {
	if s := n.Strings(name); len(s) > 0 {
		return s[0]
	}
	return ""
}

// Uint32 returns a property of one cell.
func (n *Node) Uint32(name string) (uint32, bool) {
	v, ok := n.Property(name)
	if !ok || len(v) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(v), true
}

// Compatible returns the compatible strings, most specific first (2.3.1).
func (n *Node) Compatible() []string { return n.Strings("compatible") }

// IsCompatible reports whether one of the compatible strings is s.
func (n *Node) IsCompatible(s string) bool {
	for _, c := range n.Compatible() {
		if c == s {
			return true
		}
	}
	return false
}

// AddressCells returns how many cells an address in the reg of n's children
// has (2.3.5). The specification does not let a node inherit it; Linux and Xen
// do, so trees that rely on it exist. The default is 2.
func (n *Node) AddressCells() int { return n.cells("#address-cells", 2) }

// SizeCells returns the same of a size; its default is 1.
func (n *Node) SizeCells() int { return n.cells("#size-cells", 1) }

func (n *Node) cells(name string, absent int) int {
	const sane = 16 // no address is that long; larger numbers would overflow products
	for ; n != nil; n = n.Parent {
		if v, ok := n.Uint32(name); ok && v <= sane {
			return int(v)
		}
	}
	return absent
}

// Okay reports whether the node's own status lets it be used (2.3.4).
func (n *Node) Okay() bool {
	if !n.Has("status") {
		return true
	}
	s := n.String("status")
	return s == "okay" || s == "ok"
}

// Available reports whether the node and everything above it can be used.
func (n *Node) Available() bool {
	for ; n != nil; n = n.Parent {
		if !n.Okay() {
			return false
		}
	}
	return true
}

// InterruptParent returns the node that n's interrupts go to: its own
// interrupt-parent or the next one above it (2.4.1). A controller without any
// goes to the next controller above it; nil is the root of the interrupts.
func (t *Tree) InterruptParent(n *Node) *Node {
	for m := n; m != nil; m = m.Parent {
		if m != n && m.Has("#interrupt-cells") {
			return m
		}
		if p, ok := m.Uint32("interrupt-parent"); ok {
			return t.Phandle(p)
		}
	}
	return nil
}
