package report

import (
	"fmt"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/xencmdline"
	"github.com/xencheck/xencheck/rules"
)

// subject names the host in the first sentence of a report.
func subject(h *facts.Host) string {
	s := "This host"
	if kind, _ := h.Machine.Kind.Get(); kind == facts.VirtualMachine {
		s = "This virtual machine"
		if name, ok := h.Machine.Hypervisor.Get(); ok {
			s += " (" + name + ")"
		}
	}
	if h.Name != "" {
		s += ", " + h.Name + ","
	}
	return s
}

// machineLine describes the machine in one line.
func machineLine(h *facts.Host) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	add(product(h))
	add(string(h.Machine.Arch.Value))
	add(processor(h.CPU))
	add(cpuCount(h.CPU))
	add(memory(h.Memory))
	add(iommu(h))
	if v, ok := h.Interrupts.GIC.Get(); ok {
		add(fmt.Sprintf("GICv%d", v))
	}
	switch fw, _ := h.Machine.Firmware.Get(); fw {
	case "efi":
		add("EFI")
	case "bios":
		add("BIOS")
	case "other":
		add("firmware without EFI")
	}
	add(environment(h.Machine))
	return strings.Join(parts, ", ")
}

// runningXen names the Xen that runs, the statement it came with and the one
// judged by; empty when none runs.
func runningXen(h *facts.Host, st Statement) string {
	v, ok := h.Xen.Running.Get()
	if !ok {
		return ""
	}
	s := fmt.Sprintf("Xen %d.%d%s runs here", v.Major, v.Minor, v.Extra)
	var more []string
	if v.Changeset != "" {
		more = append(more, "changeset "+v.Changeset)
	}
	if v.Vendor != "" {
		more = append(more, "built by "+v.Vendor)
	}
	if len(more) > 0 {
		s += " (" + strings.Join(more, ", ") + ")"
	}
	if st.Shipped != nil {
		s += fmt.Sprintf("; Xen %s shipped revision %s of %s of its statement", st.Shipped.Version, st.Shipped.Revision, st.Shipped.Date)
	}
	judged := "; it is judged by " + strings.TrimSpace("revision "+st.Revision+" of "+st.Date)
	switch {
	case st.Revision == "":
		judged = "; it is judged by the statement " + st.Name
	case st.Shipped != nil && st.Shipped.Revision == st.Revision:
		judged = ", which it is judged by"
	}
	if st.Release != "" && st.Release != fmt.Sprintf("%d.%d", v.Major, v.Minor) {
		judged += ", that of Xen " + st.Release
	}
	return s + judged + "."
}

// unknownOptions lists the words of Xen's command line that no release
// documents: at most 32, since a line may be a megabyte long.
func unknownOptions(h *facts.Host) []string {
	c, ok := h.Xen.CommandLine.Get()
	if !ok {
		return nil
	}
	line := xencmdline.Parse(c.Text, xencmdline.How{Image: c.Image, Arm: h.Machine.Arch.Value.Arm()})
	var words []string
	for _, o := range line.Unknown() {
		if len(words) == 32 {
			return append(words, "…")
		}
		words = addNew(words, Clean(o.Raw))
	}
	return words
}

// product joins vendor and product; many products repeat their vendor.
func product(h *facts.Host) string {
	vendor, product := h.Machine.Vendor.Value, h.Machine.Product.Value
	switch {
	case product == "":
		return vendor
	case vendor == "" || strings.HasPrefix(product, vendor):
		return product
	}
	return vendor + " " + product
}

// maxNamed bounds how many distinct processors or units the line names.
const maxNamed = 4

// processor names every distinct CPU once.
func processor(c facts.CPU) string {
	names := processors(c)
	if len(names) > maxNamed {
		names = append(names[:maxNamed], "…")
	}
	return strings.Join(names, " + ")
}

// processors is processor as a list.
func processors(c facts.CPU) []string {
	var names []string
	switch {
	case c.X86 != nil:
		for _, m := range c.X86.Models.Value {
			if n := strings.Join(strings.Fields(m.Name), " "); n != "" {
				names = addNew(names, n)
			} else {
				names = addNew(names, fmt.Sprintf("%s family %d model %d", m.Vendor, m.Family, m.Model))
			}
		}
	case c.Arm != nil:
		for _, core := range c.Arm.Cores.Value {
			names = addNew(names, CoreName(core))
		}
	}
	return names
}

// CoreName says an Arm core in words: Cortex-A57 r1p2.
func CoreName(c facts.ArmCore) string {
	n := c.Name
	if n == "" && c.Implementer == 0 {
		n = "an unnamed core"
	} else if n == "" {
		n = fmt.Sprintf("core 0x%02x/0x%03x", c.Implementer, c.Part)
	}
	if c.RevisionKnown {
		n += fmt.Sprintf(" r%dp%d", c.Variant, c.Revision)
	}
	return n
}

// cpuCount never says more than the facts do: an interval stays one.
func cpuCount(c facts.CPU) string {
	r, ok := c.Physical.Get()
	if !ok {
		return "number of CPUs unknown"
	}
	n, exact := r.Exact()
	switch {
	case exact && n == 1:
		return "1 CPU"
	case exact:
		return fmt.Sprintf("%d CPUs", n)
	case r.Max == nil:
		return fmt.Sprintf("at least %d CPUs", r.Min)
	}
	return fmt.Sprintf("%d to %d CPUs", r.Min, *r.Max)
}

// memory is cpuCount for bytes.
func memory(m facts.Memory) string {
	r, ok := m.Physical.Get()
	if !ok {
		return "memory unknown"
	}
	n, exact := r.Exact()
	switch {
	case exact:
		return rules.Size(n) + " of memory"
	case r.Max == nil:
		return "at least " + rules.Size(r.Min) + " of memory"
	}
	if lower := rules.Size(r.Min); lower == rules.Size(*r.Max) {
		return "about " + lower + " of memory"
	}
	return rules.Size(r.Min) + " to " + rules.Size(*r.Max) + " of memory"
}

// iommuName spells a kind of IOMMU as its maker does.
func iommuName(u facts.IOMMUUnit) string {
	switch u.Kind {
	case facts.VTd:
		return "Intel VT-d"
	case facts.AMDVi:
		return "AMD-Vi"
	case facts.SMMUv1:
		return "Arm SMMUv1"
	case facts.SMMUv2:
		return "Arm SMMUv2"
	case facts.SMMUv3:
		return "Arm SMMUv3"
	case facts.IPMMU:
		return "Renesas IPMMU-VMSA"
	}
	if len(u.Compatible) > 0 {
		return "IOMMU " + u.Compatible[0]
	}
	return "another IOMMU"
}

// iommu tells "none" from "not known", which is the difference that matters.
func iommu(h *facts.Host) string {
	switch {
	case h.IOMMU.Units.IsAbsent():
		return "no IOMMU"
	case h.IOMMU.Units.IsUnknown():
		return "IOMMU unknown"
	}
	var names []string
	for _, u := range h.IOMMU.Units.Value {
		if len(names) == maxNamed {
			names = append(names, "…")
			break
		}
		names = append(names, iommuName(u))
	}
	return strings.Join(names, " + ")
}

// environment says what stands between the observer and the hardware.
func environment(m facts.Machine) string {
	var s string
	switch kind, _ := m.Kind.Get(); kind {
	case facts.Bare:
		s = "bare metal"
	case facts.VirtualMachine:
		s = "virtual machine"
	case facts.Dom0:
		s = "seen from Xen's control domain (dom0)"
	case facts.DomU:
		s = "seen from inside a Xen guest"
	}
	if m.Container.IsKnown() {
		s = strings.TrimPrefix(s+", in a container ("+m.Container.Value+")", ", ")
	}
	return s
}
