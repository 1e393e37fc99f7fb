package board

import (
	"cmp"
	"slices"

	"github.com/xencheck/xencheck/probe/internal/fdt"
)

// CPU is a processor node (Devicetree Specification 3.8, Linux
// Documentation/devicetree/bindings/arm/cpus.yaml).
type CPU struct {
	Path       string
	Compatible []string // arm,cortex-a53, …; most specific first
	Reg        uint64   // affinity fields of MPIDR
	RegKnown   bool
	// Boot is true when the blob's header names this CPU as the one that
	// boots. No CPU has it when the header says 0: that is what compilers
	// write, and boards do boot on others.
	Boot bool
}

// readCPUs reads the children of /cpus. A node is a processor by its
// device_type, or by its name in trees that leave the type out.
//
// A processor whose status is disabled is only waiting when an enable-method
// says how to start it (3.8.1); otherwise, as with fail, it is none to use.
func (b *Board) readCPUs(t *fdt.Tree) {
	cpus := t.Root.Child("cpus")
	if cpus == nil {
		return
	}
	for _, n := range cpus.Children {
		if n.String("device_type") != "cpu" && n.BaseName() != "cpu" {
			continue
		}
		waiting := n.String("status") == "disabled" &&
			(n.Has("enable-method") || cpus.Has("enable-method"))
		if !cpus.Available() || !n.Okay() && !waiting {
			b.Unusable++
			continue
		}
		c := CPU{Path: n.Path(), Compatible: n.Compatible()}
		ranges, err := regs(n)
		switch {
		case err != nil:
			b.problem(n, "%v", err)
		case len(ranges) > 0:
			c.Reg, c.RegKnown = ranges[0].Base, true
			c.Boot = t.BootCPU != 0 && c.Reg == uint64(t.BootCPU)
		}
		b.CPUs = append(b.CPUs, c)
	}
	slices.SortStableFunc(b.CPUs, func(x, y CPU) int {
		if x.RegKnown != y.RegKnown {
			if x.RegKnown {
				return -1
			}
			return 1
		}
		return cmp.Compare(x.Reg, y.Reg)
	})
}
