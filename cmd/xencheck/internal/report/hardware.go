package report

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
)

// AppendHardware appends what hosts are grouped by: product, processors, how
// many, memory and IOMMU in words. Memory is rounded to GiB: firmware takes a
// little of it, and not always as much.
func AppendHardware(dst []byte, h *facts.Host) []byte {
	start := len(dst)
	part := func(s string) {
		if s == "" {
			return
		}
		if len(dst) > start {
			dst = append(dst, " / "...)
		}
		dst = append(dst, Clean(s)...)
	}
	switch p := product(h); {
	case p != "":
		part(p)
	case h.Machine.Kind.Value == facts.VirtualMachine && h.Machine.Hypervisor.IsKnown():
		part("virtual machine (" + h.Machine.Hypervisor.Value + ")")
	}
	if p := processor(h.CPU); p != "" {
		part(p)
	} else if h.Machine.Arch.IsKnown() {
		part("unnamed " + string(h.Machine.Arch.Value) + " CPU")
	}
	part(cpuCount(h.CPU))
	part(roundMemory(h.Memory))
	part(strings.TrimPrefix(iommu(h), "Intel "))
	if v, ok := h.Interrupts.GIC.Get(); ok {
		part("GICv" + strconv.Itoa(v))
	}
	return dst
}

// AppendHardwareKey appends the facts that AppendHardware makes its words of, in
// no form to be read: hosts with the same key have the same words.
func AppendHardwareKey(dst []byte, h *facts.Host) []byte {
	text := func(s string) {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	number := func(n int) { dst = binary.AppendVarint(dst, int64(n)) }
	m := &h.Machine
	text(m.Vendor.Value)
	text(m.Product.Value)
	text(string(m.Kind.Value))
	text(string(m.Hypervisor.State))
	text(m.Hypervisor.Value)
	text(string(m.Arch.State))
	text(string(m.Arch.Value))
	if x := h.CPU.X86; x != nil {
		number(len(x.Models.Value))
		for i := range x.Models.Value {
			c := &x.Models.Value[i]
			text(c.Vendor)
			number(c.Family)
			number(c.Model)
			text(c.Name)
		}
	}
	if a := h.CPU.Arm; a != nil {
		number(-len(a.Cores.Value) - 1)
		for i := range a.Cores.Value {
			c := &a.Cores.Value[i]
			text(c.Name)
			number(c.Implementer)
			number(c.Part)
			if c.RevisionKnown {
				number(c.Variant)
				number(c.Revision)
			}
		}
	}
	dst = appendRange(dst, h.CPU.Physical, 0)
	dst = appendRange(dst, h.Memory.Physical, 20)
	text(string(h.IOMMU.Units.State))
	number(len(h.IOMMU.Units.Value))
	for i := range h.IOMMU.Units.Value {
		u := &h.IOMMU.Units.Value[i]
		text(string(u.Kind))
		if len(u.Compatible) > 0 {
			text(u.Compatible[0])
		}
	}
	text(string(h.Interrupts.GIC.State))
	number(h.Interrupts.GIC.Value)
	return dst
}

// appendRange appends an interval in units of 1<<shift, with the bit below that
// it is rounded by.
func appendRange(dst []byte, o facts.Observed[facts.Range], shift int) []byte {
	if !o.IsKnown() {
		return append(dst, 0)
	}
	shift = max(shift-1, 0)
	r := &o.Value
	switch {
	case r.Max == nil:
		dst = append(dst, 1)
	case *r.Max == r.Min:
		dst = append(dst, 2)
	default:
		dst = binary.AppendUvarint(append(dst, 3), *r.Max>>shift)
	}
	return binary.AppendUvarint(dst, r.Min>>shift)
}

// roundMemory is memory in whole GiB, or MiB below two of them.
func roundMemory(m facts.Memory) string {
	r, ok := m.Physical.Get()
	if !ok {
		return "memory unknown"
	}
	round := func(n uint64) string {
		shift, unit := 30, " GiB"
		if n < 2<<30 {
			shift, unit = 20, " MiB"
		}
		return strconv.FormatUint(n>>shift+n>>(shift-1)&1, 10) + unit
	}
	switch _, exact := r.Exact(); {
	case exact:
		return round(r.Min)
	case r.Max == nil:
		return "at least " + round(r.Min)
	case round(r.Min) == round(*r.Max):
		return round(r.Min)
	}
	return round(r.Min) + " to " + round(*r.Max)
}

// CPUNames names every distinct processor of a host.
func CPUNames(h *facts.Host) []string { return processors(h.CPU) }

// ProductName names a host's machine; empty when nothing does.
func ProductName(h *facts.Host) string { return product(h) }

// IOMMUNames says in words which IOMMUs a host has.
func IOMMUNames(h *facts.Host) string { return iommu(h) }
