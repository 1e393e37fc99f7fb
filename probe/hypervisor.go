package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/xencall"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
)

// physical is the host as Xen counts it: by hypercall, or as xl info prints it.
type physical struct {
	source string
	bytes  uint64 // RAM that Xen has; 0 when not told
	// slack is by how much bytes may be less than what Xen has: xl rounds.
	slack uint64
	cpus  int // logical CPUs that Xen has online; 0 when not told
	ids   int // CPU numbers that there may be; 0 when not told
	nodes int // NUMA nodes; 0 when not told
	words []string
	told  []string // words whose absence means something
	sve   int      // vector length in bits; 0 without SVE, and when not told
	// hwcap is the words of CPUID features that Xen has left after its own
	// masking: 1 is leaf 1 ECX, 2 is 0x80000001 EDX, 3 is 0x80000001 ECX, 5 is
	// leaf 7 EBX. Empty when not told, and on Arm.
	hwcap []uint32
}

// can reports whether Xen tells of a capability, and whether it would.
func (p *physical) can(word string) (has, told bool) {
	if p == nil {
		return false, false
	}
	has = slices.Contains(p.words, word)
	return has, has || slices.Contains(p.told, word)
}

// bit returns a bit of the features.
func (p *physical) bit(word, bit int) (set, told bool) {
	if p == nil || word >= len(p.hwcap) {
		return false, false
	}
	return p.hwcap[word]>>bit&1 != 0, true
}

// askXen asks the hypervisor, from a control domain, for what Linux there is
// not shown. What it says replaces what Linux says of the host.
func (s *session) askXen() {
	if kind, _ := s.host.Machine.Kind.Get(); kind != facts.Dom0 {
		return
	}
	if s.whole {
		var l look
		s.version, l = ask[versionReading](s, callVersion)
		s.xenLook = l
		if !l.known() {
			// What keeps this call from being made keeps all others.
			s.refused = l.why()
		} else {
			s.askPhysInfo()
			if s.isX86() {
				var cpus look
				if s.cpus, cpus = ask[[]xencall.PhysicalCPU](s, callCPUs); cpus.known() {
					s.cpusSource = cpus.source
				}
			}
			if console := s.askInterface(callConsole); console.known() && s.console == nil && len(console.data) > 0 {
				s.readConsole(console)
			}
		}
	}
	if s.phys == nil {
		s.phys = s.physicalFromInfo()
	}
	if s.phys == nil {
		s.phys = s.physicalFromConsole()
	}
}

func (s *session) askPhysInfo() {
	p, l := ask[xencall.PhysInfo](s, callPhysInfo)
	if !l.known() {
		s.refused = l.why()
		return
	}
	s.phys = &physical{
		source: l.source, bytes: p.TotalBytes(), cpus: int(p.CPUs), ids: int(p.MaxCPUID) + 1, nodes: int(p.Nodes),
		words: strings.Fields(p.Capabilities.String()), told: strings.Fields(p.Reported.String()),
	}
	if s.isX86() {
		s.phys.hwcap = p.HWCap[:]
	} else {
		s.phys.sve = p.SVEVectorBits()
	}
}

// physicalFromInfo takes the same from the output of xl info; nil without one.
func (s *session) physicalFromInfo() *physical {
	if s.info == nil {
		return nil
	}
	p := &physical{source: s.infoSource, slack: 1<<20 - 1}
	p.bytes, _ = s.info.TotalMemory()
	p.cpus, _ = s.info.Int("nr_cpus")
	if last, ok := s.info.Int("max_cpu_id"); ok {
		p.ids = last + 1
	}
	p.nodes, _ = s.info.Int("nr_nodes")
	p.sve, _ = s.info.SVEBits()
	v, known := s.info.Version()
	if known && s.isX86() && (v.Major > 4 || v.Major == 4 && v.Minor >= 7) {
		p.hwcap, _ = s.info.HWCaps()
	}
	words, stated := s.info.Words("virt_caps")
	if stated {
		p.words = capabilityWords(words)
		if f, _ := s.info.Field("virt_caps"); known && !f.Cut {
			p.told = toldByInfo(v.Major, v.Minor)
		}
	}
	return p
}

// physicalFromConsole takes what Xen's console still tells; nil when that is
// nothing. A capability that no line shows is not told.
func (s *session) physicalFromConsole() *physical {
	p := &physical{source: s.consoleSource}
	number := func(kind xldmesg.Kind, i int) int {
		f, ok := s.seenOnConsole(kind)
		if n, told := f.Number(i); ok && told && n < 1<<50 {
			return int(n)
		}
		return 0
	}
	p.bytes = uint64(number(xldmesg.SystemRAM, 1)) << 10
	p.cpus, p.ids = number(xldmesg.BroughtUp, 0), number(xldmesg.SMPAllowing, 0)
	for _, w := range []struct {
		kind        xldmesg.Kind
		value, word string
	}{{xldmesg.HVMVendor, "", "hvm"}, {xldmesg.HAP, "detected", "hap"}, {xldmesg.IOMMU, "enabled", "directio"}} {
		if f, ok := s.seenOnConsole(w.kind); ok && (w.value == "" || f.Value(0) == w.value) {
			p.words = append(p.words, w.word)
		}
	}
	if p.bytes == 0 && p.cpus == 0 && len(p.words) == 0 {
		return nil
	}
	return p
}

// capabilityWords turns the words of xl info's virt_caps into Xen's own: xl
// says by guest type that there is an IOMMU.
func capabilityWords(words []string) []string {
	var out []string
	for _, w := range words {
		if w == "hvm_directio" || w == "pv_directio" {
			w = "directio"
		}
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// toldByInfo lists the words that the xl of a release prints where they apply.
func toldByInfo(major, minor int) []string {
	told := []string{"hvm", "directio"}
	for _, w := range []struct {
		minor int
		words []string
	}{{12, []string{"pv"}}, {13, []string{"hap", "shadow", "iommu_hap_pt_share"}}, {15, []string{"vmtrace"}}, {16, []string{"vpmu", "gnttab-v1", "gnttab-v2"}}} {
		if major > 4 || minor >= w.minor {
			told = append(told, w.words...)
		}
	}
	return told
}

// x86Vendor returns the CPUs' vendor as far as anything under Xen tells it.
func (s *session) x86Vendor() string {
	for _, c := range s.cpus {
		if c.Vendor != "" {
			return c.Vendor
		}
	}
	if s.cpuinfo != nil && s.cpuinfo.X86 != nil && len(s.cpuinfo.X86.Models) > 0 {
		return s.cpuinfo.X86.Models[0].Vendor
	}
	if f, ok := s.seenOnConsole(xldmesg.CPUVendor); ok {
		return map[string]string{"Intel": "GenuineIntel", "AMD": "AuthenticAMD", "Hygon": "HygonGenuine"}[f.Value(0)]
	}
	if f, ok := s.seenOnConsole(xldmesg.HVMVendor); ok {
		return map[string]string{"VMX": "GenuineIntel", "SVM": "AuthenticAMD"}[f.Value(0)]
	}
	return ""
}

// usesSVM tells the two makes of virtualization apart: AMD's and Hygon's CPUs
// have SVM and AMD-Vi, all others VMX and VT-d.
func usesSVM(vendor string) bool { return vendor == "AuthenticAMD" || vendor == "HygonGenuine" }

// virtualizationUnderXen sets what physinfo tells of the CPUs: VMX or SVM by
// its capability hvm, EPT or NPT by hap.
func (s *session) virtualizationUnderXen(x *facts.X86CPU) {
	vendor := s.x86Vendor()
	if s.phys == nil {
		return
	}
	if vendor == "" {
		if vmx, told := s.phys.bit(1, 5); told && vmx {
			vendor = "GenuineIntel"
		} else if svm, told := s.phys.bit(3, 2); told && svm {
			vendor = "AuthenticAMD"
		} else if hvm, told := s.phys.can("hvm"); told && !hvm {
			// Neither is of any use, whatever the make of the CPU.
			x.VMX = facts.Is(false, s.phys.source).WithNote("Xen reports no hvm")
			x.SVM = x.VMX
			return
		} else {
			return
		}
	}
	mine, other, paging, otherPaging, name := &x.VMX, &x.SVM, &x.EPT, &x.NPT, "VMX"
	has, hasTold := s.phys.bit(1, 5)
	if usesSVM(vendor) {
		mine, other, paging, otherPaging, name = &x.SVM, &x.VMX, &x.NPT, &x.EPT, "SVM"
		has, hasTold = s.phys.bit(3, 2)
	}
	source := s.phys.source
	hvm, hvmTold := s.phys.can("hvm")
	if hvmTold {
		*mine = facts.Is(hvm, source).WithNote("by Xen's capability hvm")
		*other = facts.Is(false, source).WithNote("the CPU is of vendor " + vendor)
	}
	if hvmTold && !hvm {
		mine.Note = "Xen reports no hvm"
		if f, ok := s.seenOnConsole(xldmesg.HVMOff); ok {
			*mine = facts.Is(true, s.consoleSource).WithNote("the CPU has it; the firmware has switched it off")
			x.LockedOff = facts.Is(true, s.consoleSource).WithNote(f.Value(0) + " is disabled by the firmware")
		} else if has {
			mine.Note = "Xen reports no hvm, although the CPU has " + name + ": the firmware may have switched it off, or Xen was built or started without HVM"
		} else if hasTold {
			x.LockedOff = facts.Is(false, source).WithNote("the CPU has no " + name)
		}
	}
	switch hap, hapTold := s.phys.can("hap"); {
	case hapTold:
		*paging = facts.Is(hap, source).WithNote("by Xen's capability hap")
		*otherPaging = facts.Is(false, source).WithNote("the CPU is of vendor " + vendor)
	case hvmTold:
		*otherPaging = facts.Is(false, source).WithNote("the CPU is of vendor " + vendor)
	}
}

// qosUnderXen takes the features of Platform QoS from what Xen has left of
// CPUID leaf 7: monitoring is EBX[12], allocation EBX[15].
func (s *session) qosUnderXen() (facts.Observed[[]string], bool) {
	pqm, told := s.phys.bit(5, 12)
	pqe, _ := s.phys.bit(5, 15)
	if !told {
		return facts.Observed[[]string]{}, false
	}
	var have []string
	if pqm {
		have = append(have, "cqm")
	}
	if pqe {
		have = append(have, "rdt_a")
	}
	if len(have) == 0 {
		return facts.Missing[[]string](s.phys.source), true
	}
	return facts.Is(have, s.phys.source).WithNote("by the CPU's features as Xen has them"), true
}

// modelsUnderXen counts the signatures of all CPUs that Xen runs.
func (s *session) modelsUnderXen() (facts.Observed[[]facts.X86Model], bool) {
	var models []facts.X86Model
	offline := 0
	for _, c := range s.cpus {
		if !c.Online || c.Vendor == "" {
			offline++
			continue
		}
		m := facts.X86Model{Vendor: c.Vendor, Family: int(c.Family), Model: int(c.Model), Stepping: int(c.Stepping)}
		at := slices.IndexFunc(models, func(have facts.X86Model) bool { return sameSignature(have, m) })
		if at < 0 {
			m.Name = s.brandOf(m)
			at, models = len(models), append(models, m)
		}
		models[at].CPUs++
	}
	if len(models) == 0 {
		return s.modelOnConsole()
	}
	o := facts.Is(models, s.cpusSource)
	if offline > 0 {
		o.Note = fmt.Sprintf("%d more CPUs are offline and tell nothing", offline)
	}
	return o, true
}

// modelOnConsole takes the signature of the CPU that Xen booted on, where
// nothing else tells one.
func (s *session) modelOnConsole() (facts.Observed[[]facts.X86Model], bool) {
	var none facts.Observed[[]facts.X86Model]
	f, ok := s.seenOnConsole(xldmesg.CPUVendor)
	vendor := s.x86Vendor()
	family, has := f.Number(1)
	model, hasModel := f.Number(2)
	stepping, hasStepping := f.Number(3)
	if !ok || vendor == "" || !has || !hasModel || !hasStepping || s.cpuinfo != nil || family|model|stepping > 1<<16 {
		return none, false
	}
	return facts.Is([]facts.X86Model{{Vendor: vendor, Family: int(family), Model: int(model), Stepping: int(stepping)}}, s.consoleSource).
		WithNote("of the CPU that Xen booted on"), true
}

func sameSignature(a, b facts.X86Model) bool {
	return a.Vendor == b.Vendor && a.Family == b.Family && a.Model == b.Model && a.Stepping == b.Stepping
}

// brandOf returns the name that /proc/cpuinfo has for a signature: Xen itself
// knows none.
func (s *session) brandOf(m facts.X86Model) string {
	if s.cpuinfo != nil && s.cpuinfo.X86 != nil {
		for _, have := range s.cpuinfo.X86.Models {
			if sameSignature(have, m) {
				return have.Name
			}
		}
	}
	return ""
}

// cpusUnderXen counts the host's CPUs: those that Xen runs are there, and
// there are no more than it found.
func (s *session) cpusUnderXen() {
	c := &s.host.CPU
	if s.phys == nil || s.phys.cpus == 0 {
		return
	}
	p := s.phys
	most := max(p.cpus, p.ids)
	source := p.source
	if n := len(s.cpus); n >= p.cpus {
		most, source = n, p.source+", "+s.cpusSource
		c.Present = facts.Is(n, s.cpusSource)
	}
	c.Online = facts.Is(p.cpus, p.source)
	if p.nodes > 0 {
		c.Nodes = facts.Is(p.nodes, p.source)
	}
	limit := uint64(most)
	r := facts.Range{Min: uint64(p.cpus), Max: &limit}
	if p.ids == 0 && len(s.cpus) == 0 {
		r.Max = nil
	}
	c.Physical = facts.Is(r, source)
}

// efi asks Xen whether EFI started it.
func (s *session) efi() (efiReading, look) {
	if !s.isX86() || !s.xenLook.known() {
		return efiReading{}, look{source: callEFI, state: facts.Unknown, problem: s.refused}
	}
	return ask[efiReading](s, callEFI)
}
