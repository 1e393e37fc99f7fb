// Package dom0less understands the nodes of a device tree that make Xen start
// domains by itself (docs/misc/arm/device-tree/booting.txt and
// docs/features/dom0less.pandoc of Xen).
package dom0less

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fdt"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// maxDomains bounds what is read of a tree; Xen has 32,752 numbers for domains.
const maxDomains = 4096

// Domains returns the domains of a tree in its order, which is that of their
// numbers. A source of theirs is the path of their node.
func Domains(t *fdt.Tree) []facts.Domain {
	chosen := t.Root.Child("chosen")
	if chosen == nil {
		return nil
	}
	var out []facts.Domain
	for _, n := range chosen.Children {
		if n.IsCompatible("xen,domain") && len(out) < maxDomains {
			out = append(out, domain(t, n))
		}
	}
	return out
}

func domain(t *fdt.Tree, n *fdt.Node) facts.Domain {
	d := facts.Domain{Form: facts.BootTree, Source: text(n.Path()), Name: facts.Set(text(n.Name), 0), Tree: &facts.DomainTree{}}
	d.Memory.Start = kilobytes(n)
	d.Memory.Max = d.Memory.Start
	d.CPU.VCPUs = cpus(n)
	d.CPU.MaxVCPUs = d.CPU.VCPUs
	if n.Has("vpl011") {
		d.VUART = facts.Set("sbsa_uart", 0)
	}
	d.CPU.SVE = vectors(n)
	d.Memory.LLCColors = word(n, "llc-colors")
	d.Passthrough = word(n, "passthrough")
	d.ArmSCI = word(n, "xen,sci_type")
	if v, ok := n.Uint32("max_grant_version"); ok {
		d.GrantVersion = facts.Set(uint64(v), 0)
	} else if n.Has("max_grant_version") {
		d.GrantVersion = facts.BadSetting[uint64]("it is not one cell", 0)
	}
	if p, ok := n.Uint32("domain-cpupool"); ok {
		d.CPU.Pool = facts.BadSetting[string]("it refers to no node", 0)
		if pool := t.Phandle(p); pool != nil {
			d.CPU.Pool = facts.Set(text(pool.Path()), 0)
		}
	}
	d.Tree.Enhanced = n.Has("xen,enhanced") && n.String("xen,enhanced") != "disabled"
	d.Tree.StaticMemory = n.Has("xen,static-mem")
	d.Tree.DirectMap = n.Has("direct-map")
	for _, c := range n.Children {
		module(&d, c)
	}
	return d
}

// module reads a node below that of a domain.
func module(d *facts.Domain, n *fdt.Node) {
	path := text(n.Path())
	kinds := n.Compatible()
	is := func(kind string) bool { return slices.Contains(kinds, kind) }
	switch {
	case is("multiboot,kernel"):
		d.Boot.Kernel = facts.Set(path, 0)
		d.Boot.Image = facts.Not[facts.KernelImage](&facts.Problem{
			Cause: facts.NotRecorded, Source: path, Detail: "the boot loader puts the kernel into memory"})
	case is("multiboot,ramdisk"):
		d.Boot.Ramdisk = facts.Set(path, 0)
	case is("multiboot,device-tree"):
		d.Boot.DeviceTree = facts.Set(path, 0)
		// What the domain is given of the host, that tree alone names.
		d.Devices.DTDevs = facts.BadSetting[[]string]("the domain has a device tree of its own, which is another file", 0)
	case is("xen,domain-shared-memory-v1"):
		d.Tree.SharedMemory = true
	case is("xen,evtchn-v1"):
		d.Tree.StaticEvents = true
	}
}

// kilobytes reads memory, which Xen takes as one number of two cells.
func kilobytes(n *fdt.Node) facts.Setting[uint64] {
	v, ok := n.Property("memory")
	switch {
	case !ok:
		return facts.BadSetting[uint64]("the property is missing", 0)
	case len(v) != 8:
		return facts.BadSetting[uint64]("it is not one number of two cells", 0)
	}
	kib := binary.BigEndian.Uint64(v)
	if kib > math.MaxUint64>>10 {
		return facts.BadSetting[uint64]("it is larger than any memory", 0)
	}
	return facts.Set(kib<<10, 0)
}

func cpus(n *fdt.Node) facts.Setting[uint64] {
	v, ok := n.Uint32("cpus")
	if !ok {
		return facts.BadSetting[uint64]("the property is missing, or not one cell", 0)
	}
	return facts.Set(uint64(v), 0)
}

// vectors reads sve: without a value it means all that the hardware has, else
// it is the length in bits.
func vectors(n *fdt.Node) facts.Setting[string] {
	raw, given := n.Property("sve")
	bits, ok := n.Uint32("sve")
	switch {
	case !given:
		return facts.Setting[string]{}
	case len(raw) == 0:
		return facts.Set("hw", 0)
	case !ok:
		return facts.BadSetting[string]("it is not one cell", 0)
	}
	return facts.Set(strconv.FormatUint(uint64(bits), 10), 0)
}

// word reads a property that is a string.
func word(n *fdt.Node, name string) facts.Setting[string] {
	if !n.Has(name) {
		return facts.Setting[string]{}
	}
	s := n.String(name)
	if s == "" {
		return facts.BadSetting[string]("it has no value", 0)
	}
	return facts.Set(text(s), 0)
}

// text returns bytes of a tree as they may be shown.
func text(s string) string { return procfs.Value([]byte(s)) }
