package board

import (
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fdt"
)

// IOMMU is a group of IOMMU nodes of one kind with the same compatible strings.
type IOMMU struct {
	Kind       facts.IOMMUKind
	Compatible []string // most specific first
	Enabled    int
	Disabled   int // by their own status or that of a node above
}

// iommuKind returns the kind of an IOMMU from its compatible strings, and ""
// for a string that does not name one. The names are those that the drivers of
// Linux match; many nodes carry a generic string behind a vendor's own.
func iommuKind(compatible string) facts.IOMMUKind {
	switch compatible {
	case "arm,smmu-v1", "arm,mmu-400", "arm,mmu-401":
		return facts.SMMUv1
	case "arm,smmu-v2", "arm,mmu-500", "cavium,smmu-v2", "nvidia,smmu-500",
		"qcom,smmu-v2", "qcom,smmu-500", "qcom,adreno-smmu", "marvell,ap806-smmu-500":
		return facts.SMMUv2
	case "arm,smmu-v3":
		return facts.SMMUv3
	}
	switch {
	case strings.HasPrefix(compatible, "renesas,ipmmu"):
		return facts.IPMMU
	case strings.HasPrefix(compatible, "qcom,") &&
		(strings.HasSuffix(compatible, "-smmu-500") || strings.HasSuffix(compatible, "-smmu-v2")):
		return facts.SMMUv2
	}
	return ""
}

// readIOMMUs collects every node that has #iommu-cells, which is what makes an
// IOMMU in a devicetree, or the compatible string of one: SMMUs in older trees
// name their masters themselves. Xen's grant-dma node uses the binding without
// being hardware.
func (b *Board) readIOMMUs(t *fdt.Tree) {
	groups := map[string]int{} // index in b.IOMMUs by kind and strings
	for n := range t.All() {
		compatible := n.Compatible()
		kind := facts.IOMMUKind("")
		for _, c := range compatible {
			if k := iommuKind(c); k != "" {
				kind = k
				break
			}
		}
		if kind == "" {
			if !n.Has("#iommu-cells") || n.IsCompatible("xen,grant-dma") {
				continue
			}
			kind = facts.OtherIOMMU
		}
		key := string(kind) + "\x00" + strings.Join(compatible, "\x00")
		i, known := groups[key]
		if !known {
			i = len(b.IOMMUs)
			groups[key] = i
			b.IOMMUs = append(b.IOMMUs, IOMMU{Kind: kind, Compatible: compatible})
		}
		if n.Available() {
			b.IOMMUs[i].Enabled++
		} else {
			b.IOMMUs[i].Disabled++
		}
	}
}
