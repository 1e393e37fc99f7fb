package fake

import "strings"

// Node is a devicetree node to be.
type Node struct {
	Name     string // with unit address; ignored for the root
	Props    []Prop
	Children []Node
}

// Prop is a property to be. Value makes the usual kinds: a string, a []string
// (stringlist), a uint32, a []uint32 (cells), a []byte, nil (no value).
type Prop struct {
	Name  string
	Value any
}

func (p Prop) bytes() []byte {
	switch v := p.Value.(type) {
	case nil:
		return nil
	case string:
		return append([]byte(v), 0)
	case []string:
		return []byte(strings.Join(v, "\x00") + "\x00")
	case uint32:
		return be.AppendUint32(nil, v)
	case int:
		return be.AppendUint32(nil, uint32(v))
	case []uint32:
		var b []byte
		for _, c := range v {
			b = be.AppendUint32(b, c)
		}
		return b
	case []byte:
		return v
	}
	panic("fake: property " + p.Name + " has a value of a kind that no devicetree has")
}

// DTB returns a devicetree blob of version 17.
func DTB(root Node) []byte { return Blob{}.Bytes(root) }

// Blob says how a blob is laid out when it is not as compilers do it.
type Blob struct {
	Version16 bool   // no size_dt_struct, as compilers wrote until 2007
	BootCPU   uint32 // boot_cpuid_phys
	Padding   int    // bytes behind the strings, inside totalsize
}

// Bytes returns the blob.
func (k Blob) Bytes(root Node) []byte {
	root.Name = ""
	w := dtb{strings: map[string]uint32{}}
	w.node(root)
	w.structure = be.AppendUint32(w.structure, 9)

	header, version := 40, uint32(17)
	if k.Version16 {
		header, version = 36, 16
	}
	reserve := (header + 7) &^ 7
	structure := reserve + 16
	names := structure + len(w.structure)
	total := names + len(w.names) + k.Padding
	b := make([]byte, 0, total)
	for _, word := range []uint32{
		0xd00dfeed, uint32(total), uint32(structure), uint32(names), uint32(reserve),
		version, 16, k.BootCPU, uint32(len(w.names)),
	} {
		b = be.AppendUint32(b, word)
	}
	if !k.Version16 {
		b = be.AppendUint32(b, uint32(len(w.structure)))
	}
	b = append(b, make([]byte, structure-len(b))...)
	b = append(b, w.structure...)
	b = append(b, w.names...)
	return append(b, make([]byte, k.Padding)...)
}

type dtb struct {
	structure []byte
	names     []byte
	strings   map[string]uint32
}

func (w *dtb) align() {
	for len(w.structure)%4 != 0 {
		w.structure = append(w.structure, 0)
	}
}

func (w *dtb) node(n Node) {
	w.structure = be.AppendUint32(w.structure, 1)
	w.structure = append(append(w.structure, n.Name...), 0)
	w.align()
	for _, p := range n.Props {
		off, known := w.strings[p.Name]
		if !known {
			off = uint32(len(w.names))
			w.strings[p.Name] = off
			w.names = append(append(w.names, p.Name...), 0)
		}
		value := p.bytes()
		w.structure = be.AppendUint32(w.structure, 3)
		w.structure = be.AppendUint32(w.structure, uint32(len(value)))
		w.structure = be.AppendUint32(w.structure, off)
		w.structure = append(w.structure, value...)
		w.align()
	}
	for _, c := range n.Children {
		w.node(c)
	}
	w.structure = be.AppendUint32(w.structure, 2)
}
