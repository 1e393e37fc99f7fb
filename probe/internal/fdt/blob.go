package fdt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Bounds of a tree. Linux takes blobs up to 2 MiB and 64 levels.
const (
	MaxSize  = 16 << 20 // bytes of a blob, or of all properties of directories
	maxDepth = 64
	maxNodes = 1 << 17
	maxName  = 255 // bytes of a node's or property's name; the specification allows 31
)

// What can be wrong with a blob; tell them apart with errors.Is.
var (
	// ErrMagic means that it is no devicetree blob.
	ErrMagic = errors.New("no devicetree blob")
	// ErrVersion means a format that cannot be read: older than 16 or newer
	// than and incompatible with 17.
	ErrVersion = errors.New("devicetree version is not supported")
	// ErrTruncated means that there are fewer bytes than the header says.
	ErrTruncated = errors.New("devicetree is truncated")
	// ErrMalformed means that the contents contradict the format.
	ErrMalformed = errors.New("devicetree is malformed")
)

func malformed(offset int, format string, args ...any) error {
	return fmt.Errorf("offset 0x%x: %s: %w", offset, fmt.Sprintf(format, args...), ErrMalformed)
}

// Tokens of the structure block (5.4.1).
const (
	beginNode = 1
	endNode   = 2
	prop      = 3
	nop       = 4
	end       = 9
)

// Parse reads a blob of version 16 or 17. Bytes behind totalsize are ignored.
// Property values of the tree are slices of b.
func Parse(b []byte) (*Tree, error) {
	l, err := layOut(b)
	if err != nil {
		return nil, err
	}
	t := &Tree{BootCPU: l.bootCPU}
	var current *Node
	nodes := 0
	_, err = l.walk(b, visitor{
		begin: func(off int, name string) error {
			nodes++
			n := &Node{Name: name, Parent: current}
			switch {
			case nodes > maxNodes:
				return malformed(off, "more than %d nodes", maxNodes)
			case current == nil:
				n.Name = ""
				t.Root = n
			default:
				current.Children = append(current.Children, n)
			}
			current = n
			return nil
		},
		property: func(name string, from, to int) {
			current.Properties = append(current.Properties, Property{Name: name, Value: b[from:to:to]})
		},
		end: func() { current = current.Parent },
	})
	if err != nil {
		return nil, err
	}
	t.index()
	return t, nil
}

// block is a part of a blob.
type block struct {
	name     string
	from, to int
}

// layout is what the header says, checked (5.2).
type layout struct {
	total     int // totalsize
	version   uint32
	bootCPU   uint32
	header    block
	reserve   block // memory reservation block with its terminator
	structure block // of version 16: up to the next block, since its size is not told
	strings   block
}

// layOut reads the header and holds the blocks against the size of the blob
// and against each other.
func layOut(b []byte) (layout, error) {
	const header16, header17 = 36, 40
	if len(b) < 4 || binary.BigEndian.Uint32(b) != 0xd00dfeed {
		return layout{}, fmt.Errorf("%d bytes that do not begin with d00dfeed: %w", len(b), ErrMagic)
	}
	if len(b) < header16 {
		return layout{}, fmt.Errorf("%d bytes, a header has at least %d: %w", len(b), header16, ErrTruncated)
	}
	word := func(off int) uint32 { return binary.BigEndian.Uint32(b[off:]) }
	l := layout{version: word(20), bootCPU: word(28)}
	if last := word(24); l.version < 16 || last > 17 {
		return l, fmt.Errorf("version %d, compatible with %d: %w", l.version, last, ErrVersion)
	}
	total := word(4)
	switch {
	case total > MaxSize:
		return l, malformed(4, "total size %d, more than %d", total, MaxSize)
	case int(total) > len(b):
		return l, fmt.Errorf("%d of %d bytes: %w", len(b), total, ErrTruncated)
	}
	l.total = int(total)
	l.header = block{"header", 0, header16}
	if l.version >= 17 {
		l.header.to = header17
	}
	if l.total < l.header.to {
		return l, malformed(4, "total size %d is less than the header", total)
	}

	var err error
	in := func(field int, name string, from, size uint32) block {
		if err == nil && (uint64(from)+uint64(size) > uint64(total) || from < uint32(l.header.to)) {
			err = malformed(field, "%s block of %d bytes at 0x%x in a tree of %d bytes", name, size, from, total)
		}
		return block{name, int(from), int(from) + int(size)}
	}
	l.strings = in(12, "strings", word(12), word(32))
	l.reserve = in(16, "memory reservation", word(16), 0)
	var size uint32
	if l.version >= 17 {
		size = word(36)
	}
	l.structure = in(8, "structure", word(8), size)
	if err != nil {
		return l, err
	}
	if l.structure.from%4 != 0 {
		return l, malformed(8, "structure block at 0x%x is not aligned", l.structure.from)
	}
	if l.version < 17 {
		l.structure.to = l.total
		if l.strings.from >= l.structure.from {
			l.structure.to = l.strings.from
		}
	}
	if l.reserve.to, err = reservations(b[:l.total], l.reserve.from); err != nil {
		return l, err
	}
	blocks := [...]block{l.header, l.reserve, l.structure, l.strings}
	for i, x := range blocks {
		for _, y := range blocks[i+1:] {
			if x.from < y.to && y.from < x.to {
				return l, malformed(y.from, "%s and %s block overlap", x.name, y.name)
			}
		}
	}
	return l, nil
}

// reservations returns where the memory reservation block ends: behind an
// entry of zero address and zero size (5.3).
func reservations(b []byte, off int) (int, error) {
	for ; off+16 <= len(b); off += 16 {
		if binary.BigEndian.Uint64(b[off:]) == 0 && binary.BigEndian.Uint64(b[off+8:]) == 0 {
			return off + 16, nil
		}
	}
	return 0, malformed(off, "memory reservation block has no end")
}

// visitor is called for what a structure block holds, in order. Properties are
// told by the offsets of their values in the blob.
type visitor struct {
	begin    func(offset int, name string) error
	property func(name string, from, to int)
	end      func()
}

// walk goes through the structure block and returns the offset behind its end
// token (5.4).
func (l *layout) walk(b []byte, v visitor) (int, error) {
	w := walker{layout: l, block: b[:l.structure.to], off: l.structure.from, names: map[uint32]string{}}
	depth, done := 0, false
	for {
		at := w.off
		token, err := w.word()
		if err != nil {
			return 0, err
		}
		switch token {
		case nop:
		case beginNode:
			name, err := w.nodeName()
			switch {
			case err != nil:
				return 0, err
			case done:
				return 0, malformed(at, "second root node")
			case depth == maxDepth:
				return 0, malformed(at, "nodes are nested more than %d deep", maxDepth)
			}
			if err := v.begin(at, name); err != nil {
				return 0, err
			}
			depth++
		case endNode:
			if depth == 0 {
				return 0, malformed(at, "end of a node that has not begun")
			}
			depth--
			done = depth == 0
			v.end()
		case prop:
			if depth == 0 {
				return 0, malformed(at, "property outside a node")
			}
			name, from, to, err := w.property(b)
			if err != nil {
				return 0, err
			}
			v.property(name, from, to)
		case end:
			if !done {
				return 0, malformed(at, "structure block ends inside a node")
			}
			return w.off, nil
		default:
			return 0, malformed(at, "unknown token 0x%x", token)
		}
	}
}

// walker is a place in a structure block.
type walker struct {
	layout *layout
	block  []byte // of the blob up to the end of the structure block
	off    int
	names  map[uint32]string // property names by their offset: most repeat
}

func (w *walker) word() (uint32, error) {
	if len(w.block)-w.off < 4 {
		return 0, malformed(w.off, "structure block has no end")
	}
	v := binary.BigEndian.Uint32(w.block[w.off:])
	w.off += 4
	return v, nil
}

// skip moves behind n bytes and the padding to the next token.
func (w *walker) skip(n int) { w.off = min((w.off+n+3)&^3, len(w.block)) }

func (w *walker) nodeName() (string, error) {
	name, err := cString(w.block, w.off)
	if err != nil {
		return "", err
	}
	if strings.Contains(name, "/") {
		return "", malformed(w.off, "node name %q holds a slash", name)
	}
	w.skip(len(name) + 1)
	return name, nil
}

func (w *walker) property(b []byte) (name string, from, to int, err error) {
	at := w.off
	size, err := w.word()
	if err != nil {
		return "", 0, 0, err
	}
	nameOff, err := w.word()
	if err != nil {
		return "", 0, 0, err
	}
	if uint64(size) > uint64(len(w.block)-w.off) {
		return "", 0, 0, malformed(at, "property of %d bytes, %d are left", size, len(w.block)-w.off)
	}
	from, to = w.off, w.off+int(size)
	w.skip(int(size))
	name, known := w.names[nameOff]
	if !known {
		s := w.layout.strings
		if uint64(nameOff) >= uint64(s.to-s.from) {
			return "", 0, 0, malformed(at+4, "name at 0x%x of %d bytes of strings", nameOff, s.to-s.from)
		}
		if name, err = cString(b[:s.to], s.from+int(nameOff)); err != nil {
			return "", 0, 0, err
		}
		w.names[nameOff] = name
	}
	return name, from, to, nil
}

// cString reads a name that a zero byte ends.
func cString(b []byte, off int) (string, error) {
	window := b[off:min(len(b), off+maxName+1)]
	n := bytes.IndexByte(window, 0)
	if n < 0 {
		return "", malformed(off, "name has no end within %d bytes", len(window))
	}
	return string(window[:n]), nil
}
