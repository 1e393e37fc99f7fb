package board

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fake"
	"github.com/xencheck/xencheck/probe/internal/fdt"
)

// prop and node keep the trees below short.
func prop(name string, value any) fake.Prop { return fake.Prop{Name: name, Value: value} }

func node(name string, parts ...any) fake.Node {
	n := fake.Node{Name: name}
	for _, p := range parts {
		switch p := p.(type) {
		case fake.Prop:
			n.Props = append(n.Props, p)
		case fake.Node:
			n.Children = append(n.Children, p)
		}
	}
	return n
}

var (
	disabled   = prop("status", "disabled")
	controller = prop("interrupt-controller", nil)
)

func compatible(list ...string) fake.Prop { return prop("compatible", list) }

func read(t *testing.T, root fake.Node) Board {
	t.Helper()
	tree, err := fdt.Parse(fake.DTB(root))
	if err != nil {
		t.Fatal(err)
	}
	return Read(tree)
}

func TestStub(t *testing.T) {
	xen := node("hypervisor", compatible("xen,xen-4.17", "xen,xen"))
	for _, test := range []struct {
		name string
		root fake.Node
		stub bool
		xen  *Xen
	}{
		{"empty", node(""), true, nil},
		{"EFI stub", node("", node("chosen")), true, nil},
		{"EFI stub of Xen", node("", node("chosen"), xen), true, &Xen{Version: "4.17"}},
		{"board", node("", node("chosen"), node("cpus")), false, nil},
		{"Xen without a version", node("", node("hypervisor", compatible("xen,xen")), node("cpus")), false, &Xen{}},
		{"another hypervisor", node("", node("hypervisor", compatible("linux,kvm"))), true, nil},
	} {
		b := read(t, test.root)
		if diff := cmp.Diff(test.xen, b.Xen); b.Stub != test.stub || diff != "" {
			t.Errorf("%s: stub %v, Xen %s", test.name, b.Stub, diff)
		}
	}
	if b := Read(nil); !b.Stub {
		t.Error("no tree is no stub")
	}
}

func TestCPUs(t *testing.T) {
	cpu := func(name string, parts ...any) fake.Node { return node(name, parts...) }
	typed := prop("device_type", "cpu")
	cpus := func(parts ...any) fake.Node {
		return node("", node("cpus", append([]any{prop("#address-cells", 1), prop("#size-cells", 0)}, parts...)...))
	}
	a53 := compatible("arm,cortex-a53", "arm,armv8")
	for _, test := range []struct {
		name     string
		root     fake.Node
		want     string
		unusable int
	}{
		{"by type and by name", cpus(cpu("cpu@0", a53, prop("reg", 0)), cpu("core1", typed, a53, prop("reg", 1)), cpu("cpu-map"), cpu("l2-cache")),
			"cpu@0 core1", 0},
		{"ordered by reg", cpus(cpu("cpu@100", typed, prop("reg", 0x100)), cpu("cpu", typed), cpu("cpu@0", typed, prop("reg", 0))),
			"cpu@0 cpu@100 cpu", 0},
		{"disabled and failed", cpus(cpu("cpu@0"), cpu("cpu@1", disabled), cpu("cpu@2", prop("status", "fail-bist")), cpu("cpu@3", prop("status", "okay"))),
			"cpu@0 cpu@3", 2},
		{"waiting to be started", cpus(cpu("cpu@0"), cpu("cpu@1", disabled, prop("enable-method", "spin-table"))), "cpu@0 cpu@1", 0},
		{"all started the same way", cpus(prop("enable-method", "psci"), cpu("cpu@0", disabled)), "cpu@0", 0},
		{"failed, whatever would start it", cpus(cpu("cpu@0", prop("status", "fail"), prop("enable-method", "psci"))), "", 1},
		{"no /cpus", node(""), "", 0},
	} {
		b := read(t, test.root)
		var names []string
		for _, c := range b.CPUs {
			names = append(names, strings.TrimPrefix(c.Path, "/cpus/"))
		}
		if got := strings.Join(names, " "); got != test.want || b.Unusable != test.unusable || b.Problems != nil {
			t.Errorf("%s: %q and %d unusable, problems %v", test.name, got, b.Unusable, b.Problems)
		}
	}

	root := node("", node("cpus", prop("#address-cells", 2), prop("#size-cells", 0),
		cpu("cpu@0", a53, prop("reg", []uint32{0, 0})), cpu("cpu@100", a53, prop("reg", []uint32{0, 0x100})),
		cpu("cpu@2", prop("reg", []uint32{1}))))
	tree, err := fdt.Parse(fake.Blob{BootCPU: 0x100}.Bytes(root))
	if err != nil {
		t.Fatal(err)
	}
	b := Read(tree)
	want := []CPU{
		{Path: "/cpus/cpu@0", Compatible: []string{"arm,cortex-a53", "arm,armv8"}, RegKnown: true},
		{Path: "/cpus/cpu@100", Compatible: []string{"arm,cortex-a53", "arm,armv8"}, Reg: 0x100, RegKnown: true, Boot: true},
		{Path: "/cpus/cpu@2"},
	}
	if diff := cmp.Diff(want, b.CPUs); diff != "" || len(b.Problems) != 1 {
		t.Errorf("(-want +got):\n%s\n%v", diff, b.Problems)
	}
}

func TestGIC(t *testing.T) {
	// gic is a controller with two register ranges.
	gic := func(name string, phandle int, parts ...any) fake.Node {
		return node(name, append([]any{prop("phandle", phandle), controller, prop("#interrupt-cells", 3),
			prop("reg", []uint32{0x1000, 0x1000, 0x2000, 0x1000})}, parts...)...)
	}
	board := func(parts ...any) fake.Node {
		return node("", append([]any{prop("#address-cells", 1), prop("#size-cells", 1)}, parts...)...)
	}
	parent := func(p int) fake.Prop { return prop("interrupt-parent", p) }
	v2, v3 := compatible("arm,gic-400"), compatible("arm,gic-v3")
	for _, test := range []struct {
		name string
		root fake.Node
		want GIC
	}{
		{"GICv2", board(parent(1), gic("gic@1000", 1, compatible("arm,gic-400", "arm,cortex-a15-gic"), prop("interrupts", []uint32{1, 9, 4}))),
			GIC{Version: 2, Compatible: []string{"arm,gic-400", "arm,cortex-a15-gic"}, Path: "/gic@1000", Regs: 2, Maintenance: true}},
		{"most specific string that is known", board(parent(1), gic("gic@0", 1, compatible("fake,gic", "arm,cortex-a15-gic", "arm,cortex-a9-gic"))),
			GIC{Version: 2, Compatible: []string{"fake,gic", "arm,cortex-a15-gic", "arm,cortex-a9-gic"}, Path: "/gic@0", Regs: 2}},
		{"Cortex-A9", board(parent(1), gic("gic@0", 1, compatible("arm,cortex-a9-gic"))),
			GIC{Version: 1, Compatible: []string{"arm,cortex-a9-gic"}, Path: "/gic@0", Regs: 2}},
		{"ITS, one switched off, one elsewhere", board(parent(1), gic("gic@0", 1, v3,
			node("its@1", compatible("arm,gic-v3-its")), node("its@2", compatible("arm,gic-v3-its"), disabled), node("ppi-partitions")),
			node("its@3", compatible("arm,gic-v3-its"))),
			GIC{Version: 3, Compatible: []string{"arm,gic-v3"}, Path: "/gic@0", Regs: 2, ITS: 1, ITSDisabled: 1}},
		{"through a wakeup controller", board(parent(2), gic("gpc@0", 2, compatible("fake,gpc"), parent(1)), gic("gic@0", 1, parent(1), v2)),
			GIC{Version: 2, Compatible: []string{"arm,gic-400"}, Path: "/gic@0", Regs: 2}},
		{"two controllers that name each other", board(parent(2), gic("gpc@0", 2, compatible("fake,gpc"), parent(1)), gic("gic@0", 1, parent(2), v2)),
			GIC{Version: 2, Compatible: []string{"arm,gic-400"}, Path: "/gic@0", Regs: 2}},
		{"secondary GIC", board(parent(1), gic("audio@0", 3, v2, prop("interrupts", []uint32{0, 1, 4})), gic("gic@0", 1, v3)),
			GIC{Version: 3, Compatible: []string{"arm,gic-v3"}, Path: "/gic@0", Regs: 2}},
		{"secondary GIC below another controller", board(parent(1), gic("intc@0", 1, compatible("fake,intc")), gic("gic@0", 2, v2, parent(1))),
			GIC{Compatible: []string{"fake,intc"}, Path: "/intc@0", Regs: 2}},
		{"disabled", board(parent(1), gic("gic@0", 1, v3, disabled)), GIC{}},
		{"disabled, with a GPIO controller below", board(parent(1), gic("gic@0", 1, v3, disabled), gic("gpio@1", 2, compatible("fake,gpio"))), GIC{}},
		{"below a disabled bus", board(parent(1), node("bus", disabled, gic("gic@0", 1, v3))), GIC{}},
		{"disabled beside another", board(parent(1), gic("gic@0", 1, v3, disabled), gic("gic@1", 2, v2)),
			GIC{Version: 2, Compatible: []string{"arm,gic-400"}, Path: "/gic@1", Regs: 2}},
		{"no interrupt-parent at all", board(gic("intc@0", 5, compatible("fake,intc")), gic("gic@0", 1, v2)),
			GIC{Version: 2, Compatible: []string{"arm,gic-400"}, Path: "/gic@0", Regs: 2}},
		{"interrupt-parent that leads nowhere", board(parent(9), gic("gic@0", 1, v2)),
			GIC{Version: 2, Compatible: []string{"arm,gic-400"}, Path: "/gic@0", Regs: 2}},
		{"hip04 is no GIC", board(parent(1), gic("intc@0", 1, compatible("hisilicon,hip04-intc"))),
			GIC{Compatible: []string{"hisilicon,hip04-intc"}, Path: "/intc@0", Regs: 2}},
		{"GICv5 is none of versions 1 to 4", board(parent(1), gic("intc@0", 1, compatible("arm,gic-v5"))),
			GIC{Compatible: []string{"arm,gic-v5"}, Path: "/intc@0", Regs: 2}},
		{"no controller", board(node("soc")), GIC{}},
	} {
		b := read(t, test.root)
		if diff := cmp.Diff(test.want, b.GIC); diff != "" || b.Problems != nil {
			t.Errorf("%s (-want +got):\n%s\n%v", test.name, diff, b.Problems)
		}
	}
}

func TestIOMMUs(t *testing.T) {
	cells := prop("#iommu-cells", 1)
	b := read(t, node("",
		node("smmu@0", compatible("arm,mmu-500"), cells), node("smmu@1", compatible("arm,mmu-500"), cells, disabled),
		node("smmu@2", compatible("arm,mmu-401")), // an old tree: no #iommu-cells
		node("smmu@3", compatible("fake,soc-smmu", "arm,smmu-v3"), cells),
		node("bus", disabled, node("smmu@4", compatible("arm,mmu-500"), cells)),
		node("smmu@5", compatible("qcom,sc7180-smmu-500", "fake,unknown"), cells),
		node("smmu@6", compatible("qcom,sdm845-smmu-v2", "qcom,smmu-v2"), cells),
		node("mmu@7", compatible("renesas,ipmmu-r8a7795"), cells), node("mmu@8", compatible("renesas,ipmmu-r8a7795"), cells),
		node("mmu@9", compatible("rockchip,iommu"), prop("#iommu-cells", 0)),
		node("pmu@a", compatible("arm,smmu-v3-pmcg")), node("iommu", compatible("xen,grant-dma"), cells),
		node("dma@b", compatible("fake,dma"), prop("iommus", []uint32{1, 2})),
	))
	want := []IOMMU{
		{facts.SMMUv2, []string{"arm,mmu-500"}, 1, 2},
		{facts.SMMUv1, []string{"arm,mmu-401"}, 1, 0},
		{facts.SMMUv3, []string{"fake,soc-smmu", "arm,smmu-v3"}, 1, 0},
		{facts.SMMUv2, []string{"qcom,sc7180-smmu-500", "fake,unknown"}, 1, 0},
		{facts.SMMUv2, []string{"qcom,sdm845-smmu-v2", "qcom,smmu-v2"}, 1, 0},
		{facts.IPMMU, []string{"renesas,ipmmu-r8a7795"}, 2, 0},
		{facts.OtherIOMMU, []string{"rockchip,iommu"}, 1, 0},
	}
	if diff := cmp.Diff(want, b.IOMMUs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMemory(t *testing.T) {
	const gib = 1 << 30
	memory := func(name string, reg any, parts ...any) fake.Node {
		return node(name, append([]any{prop("device_type", "memory"), prop("reg", reg)}, parts...)...)
	}
	wide := func(parts ...any) fake.Node {
		return node("", append([]any{prop("#address-cells", 2), prop("#size-cells", 2)}, parts...)...)
	}
	for _, test := range []struct {
		name     string
		root     fake.Node
		want     Memory
		problems int
	}{
		{"none", wide(), Memory{}, 0},
		{"zero, to be filled in", wide(memory("memory@0", []uint32{0, 0, 0, 0})), Memory{Nodes: 1, Placeholders: 1}, 0},
		{"no reg", wide(node("memory@0", prop("device_type", "memory"))), Memory{Nodes: 1}, 0},
		{"two ranges that adjoin, one apart", wide(memory("memory@0", []uint32{1, 0, 0, gib, 0, 0, 0, gib, 0, gib, 0, gib})),
			Memory{Nodes: 1, Ranges: []Range{{0, 2 * gib}, {1 << 32, gib}}, Bytes: 3 * gib, Known: true}, 0},
		{"overlapping nodes count once", wide(memory("memory@0", []uint32{0, 0, 0, 2 * gib}), memory("memory@40000000", []uint32{0, gib, 0, 2 * gib})),
			Memory{Nodes: 2, Ranges: []Range{{0, 3 * gib}}, Bytes: 3 * gib, Known: true}, 0},
		{"one inside another", wide(memory("memory@0", []uint32{0, 0, 1, 0}), memory("memory@40000000", []uint32{0, gib, 0, gib})),
			Memory{Nodes: 2, Ranges: []Range{{0, 1 << 32}}, Bytes: 1 << 32, Known: true}, 0},
		{"by name alone", wide(node("memory", prop("reg", []uint32{0, 0, 0, gib})), node("memory-controller@0", prop("reg", []uint32{0, 0, 0, gib}))),
			Memory{Nodes: 1, Ranges: []Range{{0, gib}}, Bytes: gib, Known: true}, 0},
		{"one cell each", node("", prop("#address-cells", 1), prop("#size-cells", 1), memory("memory@0", []uint32{0x80000000, gib})),
			Memory{Nodes: 1, Ranges: []Range{{0x80000000, gib}}, Bytes: gib, Known: true}, 0},
		{"default cells", node("", memory("memory@0", []uint32{0, 0x80000000, gib})),
			Memory{Nodes: 1, Ranges: []Range{{0x80000000, gib}}, Bytes: gib, Known: true}, 0},
		{"three address cells", node("", prop("#address-cells", 3), prop("#size-cells", 2), memory("memory@0", []uint32{0, 0, 0, 0, gib})),
			Memory{Nodes: 1, Ranges: []Range{{0, gib}}, Bytes: gib, Known: true}, 0},
		{"disabled, reserved, restricted", wide(memory("memory@0", []uint32{0, 0, 0, gib}, prop("linux,usable-memory", []uint32{0, 0, 0, 1})),
			memory("memory@1", []uint32{1, 0, 0, gib}, disabled), node("reserved-memory", memory("memory@2", []uint32{2, 0, 0, gib}))),
			Memory{Nodes: 1, Ranges: []Range{{0, gib}}, Bytes: gib, Known: true}, 0},
		{"reg of an odd length beside a right one", wide(memory("memory@0", []uint32{0, 0, 0}), memory("memory@1", []uint32{1, 0, 0, gib})),
			Memory{Nodes: 2, Ranges: []Range{{1 << 32, gib}}, Bytes: gib}, 1},
		{"beyond 64 bits", wide(memory("memory@0", []uint32{0xffffffff, 0, 1, 0})), Memory{Nodes: 1}, 1},
		{"beyond 64 bits in three cells", node("", prop("#address-cells", 3), memory("memory@0", []uint32{1, 0, 0, 1})), Memory{Nodes: 1}, 1},
		{"no cells", node("", prop("#address-cells", 0), prop("#size-cells", 0), memory("memory@0", []uint32{1})), Memory{Nodes: 1}, 1},
	} {
		b := read(t, test.root)
		if diff := cmp.Diff(test.want, b.Memory); diff != "" || len(b.Problems) != test.problems {
			t.Errorf("%s (-want +got):\n%s\n%v", test.name, diff, b.Problems)
		}
	}
}

func TestFirmware(t *testing.T) {
	b := read(t, node("", prop("model", "Fake Board"), compatible("fake,board", "fake,soc"),
		node("firmware", node("psci", compatible("arm,psci-1.0", "arm,psci-0.2"), prop("method", "hvc"))),
		node("timer", compatible("arm,armv8-timer", "arm,armv7-timer")),
		node("timer2", compatible("arm,armv7-timer-mem"), disabled)))
	if b.Model != "Fake Board" || b.PSCI != "hvc" || strings.Join(b.Timers, " ") != "arm,armv7-timer arm,armv8-timer" || len(b.Compatible) != 2 {
		t.Errorf("%+v", b)
	}
}

// A board never has more than its tree.
func FuzzRead(f *testing.F) {
	f.Add(fake.DTB(node("", prop("#address-cells", 1), prop("#size-cells", 1), prop("interrupt-parent", 1),
		node("cpus", prop("#address-cells", 1), prop("#size-cells", 0), node("cpu@0", prop("reg", 0))),
		node("gic@0", compatible("arm,gic-v3"), prop("phandle", 1), controller, prop("reg", []uint32{0, 1}), node("its@1", compatible("arm,gic-v3-its"))),
		node("memory@0", prop("reg", []uint32{0, 1 << 30, 1 << 29, 1 << 30})))))
	f.Add(fake.DTB(node("", prop("interrupt-parent", 1), node("a", prop("phandle", 1), prop("interrupt-parent", 2), controller),
		node("b", prop("phandle", 2), prop("interrupt-parent", 1), prop("#iommu-cells", 1), compatible("arm,smmu-v3")))))
	f.Fuzz(func(t *testing.T, blob []byte) {
		tree, err := fdt.Parse(blob)
		if err != nil {
			return
		}
		nodes, bytes := 0, 0
		for n := range tree.All() {
			nodes++
			for _, p := range n.Properties {
				bytes += len(p.Value)
			}
		}
		b := Read(tree)
		units := 0
		for _, u := range b.IOMMUs {
			units += u.Enabled + u.Disabled
		}
		counted := len(b.CPUs) + b.Unusable + b.Memory.Nodes
		if counted > nodes || units > nodes || b.GIC.ITS+b.GIC.ITSDisabled > nodes || 4*b.GIC.Regs > bytes {
			t.Errorf("more than %d nodes and %d bytes hold: %+v", nodes, bytes, b)
		}
		if b.GIC.Path != "" && (tree.Find(b.GIC.Path) == nil || b.GIC.Version < 0 || b.GIC.Version > 3) {
			t.Errorf("%+v", b.GIC)
		}
		var sum uint64
		for i, r := range b.Memory.Ranges {
			if i > 0 && r.Base <= b.Memory.Ranges[i-1].Base+b.Memory.Ranges[i-1].Size {
				t.Errorf("ranges overlap: %v", b.Memory.Ranges)
			}
			sum += r.Size
		}
		if sum != b.Memory.Bytes || b.Memory.Known && sum == 0 || 4*len(b.Memory.Ranges) > bytes {
			t.Errorf("%+v", b.Memory)
		}
	})
}
