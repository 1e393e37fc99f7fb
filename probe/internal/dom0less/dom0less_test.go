package dom0less

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fake"
	"github.com/xencheck/xencheck/probe/internal/fdt"
)

func prop(name string, value any) fake.Prop { return fake.Prop{Name: name, Value: value} }

func node(name, compatible string, props ...fake.Prop) fake.Node {
	return fake.Node{Name: name, Props: append([]fake.Prop{prop("compatible", []string{compatible})}, props...)}
}

func domU(name string, children []fake.Node, props ...fake.Prop) fake.Node {
	n := node(name, "xen,domain", props...)
	n.Children = children
	return n
}

func read(t testing.TB, chosen ...fake.Node) []facts.Domain {
	t.Helper()
	tree, err := fdt.Parse(fake.DTB(fake.Node{Children: []fake.Node{
		{Name: "chosen", Children: chosen},
		{Name: "pools", Children: []fake.Node{node("fast", "xen,cpupool", prop("phandle", 7))}},
		domU("stray", nil), // not below /chosen
	}}))
	if err != nil {
		t.Fatal(err)
	}
	return Domains(tree)
}

func TestDomains(t *testing.T) {
	modules := []fake.Node{
		{Name: "module@42000000", Props: []fake.Prop{prop("compatible", []string{"multiboot,kernel", "multiboot,module"})}},
		{Name: "module@43000000", Props: []fake.Prop{prop("compatible", []string{"multiboot,ramdisk", "multiboot,module"})}},
		{Name: "module@44000000", Props: []fake.Prop{prop("compatible", []string{"multiboot,device-tree", "multiboot,module"})}},
		node("shared@50000000", "xen,domain-shared-memory-v1"), node("ec1", "xen,evtchn-v1"), node("other", "vendor,unknown"),
	}
	got := read(t,
		domU("domU1", modules, prop("memory", []uint32{0, 0x20000}), prop("cpus", 2), prop("vpl011", nil), prop("sve", nil),
			prop("llc-colors", "4-7"), prop("passthrough", "enabled"), prop("xen,sci_type", "scmi_smc"), prop("max_grant_version", 2),
			prop("domain-cpupool", 7), prop("xen,enhanced", "no-xenstore"), prop("xen,static-mem", []uint32{0, 1, 0, 1}), prop("direct-map", nil)),
		node("module@1", "multiboot,module"),
		domU("domU2", nil, prop("memory", []uint32{1, 0}), prop("cpus", 1), prop("sve", 256), prop("xen,enhanced", "disabled")),
	)
	one := facts.Domain{Form: facts.BootTree, Source: "/chosen/domU1", Name: facts.Set("domU1", 0),
		VUART: facts.Set("sbsa_uart", 0), Passthrough: facts.Set("enabled", 0), ArmSCI: facts.Set("scmi_smc", 0), GrantVersion: facts.Set(uint64(2), 0),
		CPU:    facts.DomainCPU{VCPUs: facts.Set(uint64(2), 0), MaxVCPUs: facts.Set(uint64(2), 0), SVE: facts.Set("hw", 0), Pool: facts.Set("/pools/fast", 0)},
		Memory: facts.DomainMemory{Start: facts.Set(uint64(128<<20), 0), Max: facts.Set(uint64(128<<20), 0), LLCColors: facts.Set("4-7", 0)},
		Boot: facts.DomainBoot{Kernel: facts.Set("/chosen/domU1/module@42000000", 0), Ramdisk: facts.Set("/chosen/domU1/module@43000000", 0),
			DeviceTree: facts.Set("/chosen/domU1/module@44000000", 0),
			Image: facts.Not[facts.KernelImage](&facts.Problem{Cause: facts.NotRecorded, Source: "/chosen/domU1/module@42000000",
				Detail: "the boot loader puts the kernel into memory"})},
		Devices: facts.DomainDevices{DTDevs: facts.BadSetting[[]string]("the domain has a device tree of its own, which is another file", 0)},
		Tree:    &facts.DomainTree{Enhanced: true, StaticMemory: true, SharedMemory: true, StaticEvents: true, DirectMap: true}}
	two := facts.Domain{Form: facts.BootTree, Source: "/chosen/domU2", Name: facts.Set("domU2", 0),
		CPU:    facts.DomainCPU{VCPUs: facts.Set(uint64(1), 0), MaxVCPUs: facts.Set(uint64(1), 0), SVE: facts.Set("256", 0)},
		Memory: facts.DomainMemory{Start: facts.Set(uint64(4<<40), 0), Max: facts.Set(uint64(4<<40), 0)}, Tree: &facts.DomainTree{}}
	if d := cmp.Diff([]facts.Domain{one, two}, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// What Xen would refuse is bad, and never a default.
func TestBad(t *testing.T) {
	for name, c := range map[string]struct {
		props []fake.Prop
		bad   func(facts.Domain) bool
	}{
		"no memory":                    {nil, func(d facts.Domain) bool { return d.Memory.Start.IsBad() && d.Memory.Max.IsBad() }},
		"memory of one cell":           {[]fake.Prop{prop("memory", 0x20000)}, func(d facts.Domain) bool { return d.Memory.Start.IsBad() }},
		"memory without end":           {[]fake.Prop{prop("memory", []uint32{0xffffffff, 0})}, func(d facts.Domain) bool { return d.Memory.Start.IsBad() }},
		"no cpus":                      {nil, func(d facts.Domain) bool { return d.CPU.VCPUs.IsBad() }},
		"sve of two cells":             {[]fake.Prop{prop("sve", []uint32{0, 128})}, func(d facts.Domain) bool { return d.CPU.SVE.IsBad() }},
		"colours of nothing":           {[]fake.Prop{prop("llc-colors", nil)}, func(d facts.Domain) bool { return d.Memory.LLCColors.IsBad() }},
		"a pool that is none":          {[]fake.Prop{prop("domain-cpupool", 99)}, func(d facts.Domain) bool { return d.CPU.Pool.IsBad() }},
		"a grant version that is text": {[]fake.Prop{prop("max_grant_version", "twelve")}, func(d facts.Domain) bool { return d.GrantVersion.IsBad() }},
	} {
		if ds := read(t, domU("domU1", nil, c.props...)); len(ds) != 1 || !c.bad(ds[0]) {
			t.Errorf("%s: not bad", name)
		}
	}
	if ds := read(t); ds != nil {
		t.Errorf("of no node: %+v", ds)
	}
}

// FuzzDomains holds that every domain has a name, a place below /chosen, and
// for each property that Xen insists on either a value or a reason.
func FuzzDomains(f *testing.F) {
	f.Add(fake.DTB(fake.Node{Children: []fake.Node{{Name: "chosen", Children: []fake.Node{
		domU("domU1", []fake.Node{node("module@1", "multiboot,kernel")}, prop("memory", []uint32{0, 0x20000}), prop("cpus", 2), prop("sve", 128)),
	}}}}))
	f.Add(fake.DTB(fake.Node{Children: []fake.Node{{Name: "chosen", Children: []fake.Node{domU("", nil, prop("llc-colors", ""))}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := fdt.Parse(b)
		if err != nil {
			return
		}
		for _, d := range Domains(tree) {
			if d.Form != facts.BootTree || d.Tree == nil || !strings.HasPrefix(d.Source, "/chosen") {
				t.Fatalf("%+v", d)
			}
			if d.Memory.Start.IsZero() || d.CPU.VCPUs.IsZero() {
				t.Fatalf("neither value nor reason: %+v", d)
			}
		}
	})
}
