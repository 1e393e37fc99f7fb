package acpi

import "fmt"

// IORT is the I/O remapping table of Arm systems (Arm DEN0049E, chapter 3).
// A system without an SMMU has one too.
type IORT struct {
	Header    Header
	ITSGroups int
	SMMUs     []SMMU // in table order
}

// SMMU is one SMMU node.
type SMMU struct {
	Version int    // architecture version 1, 2 or 3; 0 when the model is unknown
	Model   string // in words
	Base    uint64 // address of its registers
}

// Types of IORT nodes (DEN0049E, chapter 3).
const (
	iortITSGroup = 0
	iortSMMU     = 3
	iortSMMUv3   = 4
)

// ParseIORT reads an IORT. With every error but ErrSignature the result holds
// what could be read.
func ParseIORT(b []byte) (IORT, error) {
	h, table, err := open(b, "IORT")
	r := IORT{Header: h}
	f := faults{table: "IORT"}
	f.add(err)
	const fixed = HeaderSize + 12 // 36: number of nodes, 40: offset of the first, 44: reserved
	if len(table) < fixed {
		if table != nil {
			f.entry(HeaderSize, "%d bytes, less than the %d before the nodes", len(table), fixed)
		}
		return r, f.err()
	}
	nodes, off := uint64(le32(table[36:])), uint64(le32(table[40:]))
	if nodes > 0 && off < fixed {
		f.entry(40, "nodes start at 0x%x, inside the table's head", off)
		return r, f.err()
	}
	for n := uint64(0); n < nodes; n++ {
		const least = 16 // 0: type, 1: length, 3: revision, 8: mappings
		if off+least > uint64(len(table)) {
			f.entry(int(min(off, uint64(len(table)))), "table ends after %d of %d nodes", n, nodes)
			break
		}
		length := uint64(le16(table[off+1:]))
		if length < least || off+length > uint64(len(table)) {
			f.entry(int(off), "node of type %d has length %d, %d bytes are left", table[off], length, uint64(len(table))-off)
			break
		}
		r.add(&f, int(off), table[off:off+length])
		off += length
	}
	return r, f.err()
}

// add reads one node.
func (r *IORT) add(f *faults, off int, node []byte) {
	switch node[0] {
	case iortITSGroup:
		r.ITSGroups++
	case iortSMMU: // 16: base, 32: model
		if len(node) < 40 {
			f.entry(off, "SMMU node has length %d, less than 40", len(node))
			return
		}
		version, model := smmuModel(le32(node[32:]))
		r.SMMUs = append(r.SMMUs, SMMU{Version: version, Model: model, Base: le64(node[16:])})
	case iortSMMUv3: // 16: base
		if len(node) < 44 {
			f.entry(off, "SMMUv3 node has length %d, less than 44", len(node))
			return
		}
		r.SMMUs = append(r.SMMUs, SMMU{Version: 3, Model: "SMMUv3", Base: le64(node[16:])})
	}
}

// smmuModel reads the model of an SMMUv1 or v2 node (DEN0049E, chapter 3).
func smmuModel(m uint32) (version int, words string) {
	switch m {
	case 0:
		return 1, "SMMUv1"
	case 1:
		return 2, "SMMUv2"
	case 2:
		return 1, "CoreLink MMU-400"
	case 3:
		return 2, "CoreLink MMU-500"
	case 4:
		return 1, "CoreLink MMU-401"
	case 5:
		return 2, "Cavium ThunderX SMMUv2"
	}
	return 0, fmt.Sprintf("unknown SMMU model %d", m)
}
