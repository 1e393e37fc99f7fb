package report

import (
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
