// Package board reads from a devicetree what a machine is made of: processors,
// interrupt controller, IOMMUs, memory. It says what the tree says; what the
// boot loader or the hardware knows better is left unknown.
package board

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/internal/fdt"
)

// Board is what a devicetree tells of a machine.
type Board struct {
	Model      string   // of the root; may be empty
	Compatible []string // of the root, most specific first
	// Stub is true for a tree that describes no hardware: the one that EFI
	// firmware with ACPI hands over holds nothing but /chosen, and under Xen
	// /hypervisor.
	Stub     bool
	CPUs     []CPU // usable processors, ordered by Reg
	Unusable int   // processors that the tree holds and rules out
	GIC      GIC
	IOMMUs   []IOMMU // groups of like nodes, in the order of the tree
	Memory   Memory
	PSCI     string   // method of the PSCI node: smc or hvc; empty without one
	Timers   []string // compatible strings of the Arm architected timers, sorted
	Xen      *Xen     // the Xen that made this tree, for its dom0 or a guest
	// Problems says what could not be made sense of, with the node's path.
	Problems []error
}

// Xen is the hypervisor node of a tree that Xen made.
type Xen struct {
	Version string // MAJOR.MINOR from compatible xen,xen-MAJOR.MINOR; empty when not told
}

// maxProblems bounds how many malformed nodes are told.
const maxProblems = 20

func (b *Board) problem(n *fdt.Node, format string, args ...any) {
	if len(b.Problems) < maxProblems {
		b.Problems = append(b.Problems, fmt.Errorf("%s: %s", n.Path(), fmt.Sprintf(format, args...)))
	}
}

// Read reads a tree.
func Read(t *fdt.Tree) Board {
	var b Board
	if t == nil || t.Root == nil {
		b.Stub = true
		return b
	}
	b.Problems = append(b.Problems, t.Problems...)
	b.Model = t.Root.String("model")
	b.Compatible = t.Root.Compatible()
	b.Stub = isStub(t.Root)
	b.readCPUs(t)
	b.readGIC(t)
	b.readIOMMUs(t)
	b.readMemory(t.Root)
	b.readFirmware(t)
	return b
}

func isStub(root *fdt.Node) bool {
	for _, c := range root.Children {
		if c.Name != "chosen" && c.Name != "hypervisor" {
			return false
		}
	}
	return true
}

// readFirmware reads PSCI, the timers and the node of Xen.
func (b *Board) readFirmware(t *fdt.Tree) {
	for n := range t.All() {
		for _, c := range n.Compatible() {
			switch c {
			case "arm,psci", "arm,psci-0.2", "arm,psci-1.0":
				if b.PSCI == "" && n.Available() {
					b.PSCI = n.String("method")
				}
			case "arm,armv7-timer", "arm,armv8-timer", "arm,armv7-timer-mem":
				if n.Available() && !slices.Contains(b.Timers, c) {
					b.Timers = append(b.Timers, c)
				}
			}
		}
	}
	slices.Sort(b.Timers)
	if n := t.Root.Child("hypervisor"); n != nil && n.IsCompatible("xen,xen") {
		b.Xen = &Xen{}
		for _, c := range n.Compatible() {
			if v, ok := strings.CutPrefix(c, "xen,xen-"); ok {
				b.Xen.Version = v
				break
			}
		}
	}
}
