package board

import "github.com/xencheck/xencheck/probe/internal/fdt"

// GIC is the primary interrupt controller.
type GIC struct {
	// Version is the architecture version of an Arm GIC, 1 to 3; a GICv4
	// describes itself as version 3. 0 means another controller, which
	// Compatible names, or that the tree has none.
	Version    int
	Compatible []string
	Path       string
	// Regs counts the register ranges. A GICv2 for guests has four: the
	// virtual interface control and virtual CPU interface are the last two.
	Regs        int
	Maintenance bool // it has a maintenance interrupt
	ITS         int  // GICv3 ITS nodes below it that are enabled
	ITSDisabled int
}

// gicVersion returns the GIC architecture version of a compatible string that
// Linux's bindings (interrupt-controller/arm,gic.yaml) or Xen's drivers have; 0
// for any other.
//
// hisilicon,hip04-intc is left out: it resembles a GICv2 with other registers.
func gicVersion(compatible string) int {
	switch compatible {
	case "arm,pl390", "arm,arm11mp-gic", "arm,eb11mp-gic", "arm,tc11mp-gic",
		"arm,arm1176jzf-devchip-gic", "arm,cortex-a9-gic",
		"qcom,msm-8660-qgic":
		return 1
	case "arm,gic-400", "arm,gic-v2", "arm,cortex-a7-gic", "arm,cortex-a15-gic",
		"brcm,brahma-b15-gic", "qcom,msm-qgic2":
		return 2
	case "arm,gic-v3":
		return 3
	}
	return 0
}

func gicNode(n *fdt.Node) int {
	for _, c := range n.Compatible() {
		if v := gicVersion(c); v != 0 {
			return v
		}
	}
	return 0
}

// readGIC finds the primary controller: the one all interrupts end at.
// Secondary controllers, a second GIC included, hand theirs to it.
func (b *Board) readGIC(t *fdt.Tree) {
	n := primary(t)
	if n == nil {
		return
	}
	b.GIC = GIC{
		Version:     gicNode(n),
		Compatible:  n.Compatible(),
		Path:        n.Path(),
		Maintenance: n.Has("interrupts") || n.Has("interrupts-extended"),
	}
	ranges, err := regs(n)
	if err != nil {
		b.problem(n, "%v", err)
	}
	b.GIC.Regs = len(ranges)
	for _, c := range n.Children {
		if !c.IsCompatible("arm,gic-v3-its") {
			continue
		}
		if c.Available() {
			b.GIC.ITS++
		} else {
			b.GIC.ITSDisabled++
		}
	}
}

// primary follows the interrupts of the root node upwards. Where that leads
// nowhere, because the root names no controller or a disabled one, it is the
// first GIC of the tree that no usable controller stands above, or else the
// first other controller that none at all stands above.
func primary(t *fdt.Tree) *fdt.Node {
	if n := top(t, t.Root); n != nil && n.Available() {
		return n
	}
	var other *fdt.Node
	for n := range t.All() {
		if !n.Has("interrupt-controller") && gicNode(n) == 0 || !n.Available() {
			continue
		}
		up := top(t, n)
		topmost := up == nil || up == n
		switch {
		case gicNode(n) != 0 && (topmost || !up.Available()):
			return n
		case topmost && other == nil:
			other = n
		}
	}
	return other
}

// top returns the controller at the end of n's chain of interrupt parents; n
// itself when nothing is above it, nil for a root without interrupt-parent.
// A topmost controller names itself or nobody. Where a faulty tree goes round
// in circles, a GIC in the circle is the top.
func top(t *fdt.Tree, n *fdt.Node) *fdt.Node {
	const longest = 16 // controllers in a chain; boards have up to four
	visited := map[*fdt.Node]bool{}
	var last, gic *fdt.Node
	if n.Has("interrupt-controller") {
		last = n
	}
	for {
		up := t.InterruptParent(n)
		if up == nil || up == n || len(visited) == longest {
			return last
		}
		if visited[up] {
			if gic != nil {
				return gic
			}
			return last
		}
		visited[up] = true
		if gicNode(up) != 0 {
			gic = up
		}
		n, last = up, up
	}
}
