package board

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/xencheck/xencheck/probe/internal/fdt"
)

// Memory is what the memory nodes say (Devicetree Specification 3.4). A blob
// on disk often holds a placeholder that the boot loader fills in.
type Memory struct {
	Nodes  int     // memory nodes that are enabled
	Ranges []Range // sorted, overlapping and adjoining ones merged
	Bytes  uint64  // sum of Ranges; meaningful when Known
	// Known is false when there is no range of a size other than 0, or when a
	// node is malformed: then Bytes counts the others.
	Known bool
	// Placeholders counts ranges of size 0: the tree expects somebody to fill
	// them in, so Bytes may be only a part.
	Placeholders int
}

// Range is a range of addresses, in bytes.
type Range struct{ Base, Size uint64 }

// readMemory reads the memory nodes below the root. /reserved-memory and
// linux,usable-memory are about the use of memory, not about its presence.
func (b *Board) readMemory(root *fdt.Node) {
	m := &b.Memory
	malformed := false
	for _, n := range root.Children {
		if n.String("device_type") != "memory" && n.BaseName() != "memory" {
			continue
		}
		if !n.Available() {
			continue
		}
		m.Nodes++
		ranges, err := regs(n)
		if err != nil {
			malformed = true
			b.problem(n, "%v", err)
			continue
		}
		for _, r := range ranges {
			switch {
			case r.Size == 0:
				m.Placeholders++
			case r.Size > math.MaxUint64-r.Base:
				malformed = true
				b.problem(n, "memory of 0x%x bytes at 0x%x does not fit into 64 bits", r.Size, r.Base)
			default:
				m.Ranges = append(m.Ranges, r)
			}
		}
	}
	m.Ranges = merge(m.Ranges)
	for _, r := range m.Ranges {
		m.Bytes += r.Size
	}
	m.Known = m.Bytes > 0 && !malformed
}

// merge sorts ranges and joins those that overlap or adjoin. None may end
// beyond 64 bits.
func merge(ranges []Range) []Range {
	slices.SortFunc(ranges, func(x, y Range) int { return cmp.Compare(x.Base, y.Base) })
	var out []Range
	for _, r := range ranges {
		if len(out) > 0 {
			last := &out[len(out)-1]
			if gap := r.Base - last.Base; gap <= last.Size {
				last.Size = max(last.Size, gap+r.Size)
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// regs reads the reg property of a node: pairs of address and size whose
// lengths the parent tells (2.3.6). None without the property.
func regs(n *fdt.Node) ([]Range, error) {
	value, ok := n.Property("reg")
	if !ok || n.Parent == nil {
		return nil, nil
	}
	addressCells, sizeCells := n.Parent.AddressCells(), n.Parent.SizeCells()
	each := 4 * (addressCells + sizeCells)
	if each == 0 || len(value)%each != 0 {
		return nil, fmt.Errorf("reg of %d bytes is no multiple of %d address and %d size cells",
			len(value), addressCells, sizeCells)
	}
	var ranges []Range
	for ; len(value) > 0; value = value[each:] {
		base, okBase := number(value[:4*addressCells])
		size, okSize := number(value[4*addressCells : each])
		if !okBase || !okSize {
			return nil, fmt.Errorf("reg % x does not fit into 64 bits", value[:each])
		}
		ranges = append(ranges, Range{Base: base, Size: size})
	}
	return ranges, nil
}

// number reads any number of cells.
func number(b []byte) (uint64, bool) {
	for ; len(b) > 8; b = b[4:] {
		if binary.BigEndian.Uint32(b) != 0 {
			return 0, false
		}
	}
	switch len(b) {
	case 8:
		return binary.BigEndian.Uint64(b), true
	case 4:
		return uint64(binary.BigEndian.Uint32(b)), true
	}
	return 0, true
}
