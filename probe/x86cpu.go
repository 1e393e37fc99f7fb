package probe

import (
	"fmt"
	"slices"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// qosFlags are the flags of Intel's Platform QoS technologies: monitoring
// (leaf 0xF), allocation (leaf 0x10) and its parts.
func qosFlags() []string { return []string{"cqm", "rdt_a", "cat_l3", "cdp_l3", "mba"} }

// x86Flag returns a flag of /proc/cpuinfo and whether any list of flags was
// there to look at.
func (s *session) x86Flag(name string) (set, known bool) {
	if s.cpuinfo == nil || s.cpuinfo.X86 == nil {
		return false, false
	}
	flags := s.cpuinfo.X86.Flags
	return slices.Contains(flags.All, name), flags.Silent < s.cpuinfo.Processors
}

// mixed reports whether some CPUs have a flag and others do not.
func (s *session) mixed(name string) bool {
	f := s.cpuinfo.X86.Flags
	return slices.Contains(f.Any, name) && !slices.Contains(f.All, name)
}

// archOfX86 goes by long mode. A 64-bit kernel proves it where nothing else
// tells; a 32-bit one proves nothing.
func (s *session) archOfX86() facts.Observed[facts.Arch] {
	lm := s.longMode()
	long, ok := lm.Get()
	kernel := s.host.Machine.KernelArch
	name, _ := kernel.Get()
	arch, certain := procfs.MachineArch(name)
	certain = certain && arch == facts.X86_64
	switch {
	case ok && !long && certain:
		return facts.Disagree[facts.Arch](
			facts.Conflict{Value: "a 64-bit kernel", Source: kernel.Source},
			facts.Conflict{Value: "no long mode", Source: lm.Source})
	case ok && long:
		return facts.Is(facts.X86_64, lm.Source)
	case ok:
		return facts.Is(facts.X86_32, lm.Source)
	case certain:
		return facts.Is(facts.X86_64, kernel.Source)
	case s.cpuinfo == nil && s.dump == nil:
		return facts.Observed[facts.Arch]{} // the tables may tell
	}
	return facts.Not[facts.Arch](lm.Problem)
}

func (s *session) longMode() facts.Observed[bool] {
	return s.feature("lm", nil)
}

// feature returns a CPU feature: from a dump when there is one, else from the
// flags of /proc/cpuinfo, else from the CPUID instruction where that can tell.
// Xen takes flags away from its domains, so there a missing flag says nothing.
func (s *session) feature(flag string, ofCPUID func(cpuidReading) bool) facts.Observed[bool] {
	if s.dump != nil && s.dump.x86 {
		if a := s.dump.features[flag]; a.told {
			return facts.Is(a.has, s.dump.source)
		}
		return facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: s.dump.source, Detail: "it does not tell whether the CPU has " + flag})
	}
	set, known := s.x86Flag(flag)
	switch {
	case known && set:
		return facts.Is(true, "/proc/cpuinfo")
	case s.underXen:
		if lm, told := s.phys.bit(2, 29); flag == "lm" && told {
			return facts.Is(lm, s.phys.source)
		}
		return facts.Not[bool](s.hidden("/proc/cpuinfo", "Xen hides the flag "+flag+" from its domains"))
	case known && s.mixed(flag):
		return facts.Disagree[bool](
			facts.Conflict{Value: flag + " on some CPUs", Source: "/proc/cpuinfo"},
			facts.Conflict{Value: "no " + flag + " on others", Source: "/proc/cpuinfo"})
	case known:
		return facts.Is(false, "/proc/cpuinfo")
	}
	if ofCPUID != nil {
		if r, l := s.askCPUID(); l.known() && r.Vendor != "" {
			return facts.Is(ofCPUID(r), l.source)
		}
	}
	if s.cpuinfoLook.known() {
		return facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: s.cpuinfoLook.source, Detail: "it lists no flags"})
	}
	return facts.Not[bool](s.cpuinfoLook.why())
}

// readX86 fills what is particular to x86.
func (s *session) readX86() {
	x := &facts.X86CPU{Models: s.x86Models(), LongMode: s.longMode()}
	s.host.CPU.X86 = x
	x.VMX = s.feature("vmx", func(r cpuidReading) bool { return r.VMX })
	x.SVM = s.feature("svm", func(r cpuidReading) bool { return r.SVM })
	x.NPT = s.feature("npt", func(r cpuidReading) bool { return r.NPT })
	// EPT is a bit of the register IA32_VMX_PROCBASED_CTLS2, which CPUID does
	// not show. Without VMX there is none.
	x.EPT = s.feature("ept", nil)
	x.QoS = s.readQoS()
	if s.underXen {
		s.virtualizationUnderXen(x)
	}
	if x.LockedOff.State == facts.Unread {
		x.LockedOff = s.readLockedOff(x)
	}
}

func (s *session) readQoS() facts.Observed[[]string] {
	if s.dump != nil && s.dump.x86 {
		switch {
		case !s.dump.qosTold:
			return facts.Not[[]string](&facts.Problem{Cause: facts.Incomplete, Source: s.dump.source, Detail: "it does not hold the leaves that tell"})
		case len(s.dump.qos) == 0:
			return facts.Missing[[]string](s.dump.source)
		}
		return facts.Is(s.dump.qos, s.dump.source)
	}
	var have []string
	known := false
	for _, name := range qosFlags() {
		set, ok := s.x86Flag(name)
		known = known || ok
		if set {
			have = append(have, name)
		}
	}
	switch {
	case len(have) > 0:
		return facts.Is(have, "/proc/cpuinfo")
	case s.underXen:
		if o, ok := s.qosUnderXen(); ok {
			return o
		}
		return facts.Not[[]string](s.hidden("/proc/cpuinfo", "Xen hides these flags from its domains"))
	case known:
		return facts.Missing[[]string]("/proc/cpuinfo")
	}
	return facts.Not[[]string](s.cpuinfoLook.why())
}

// readLockedOff tells whether firmware has switched off virtualization that
// the CPU has. Linux then takes the flag out of /proc/cpuinfo, while the
// instruction still shows the feature, and says so in its log.
func (s *session) readLockedOff(x *facts.X86CPU) facts.Observed[bool] {
	vmx, vmxKnown := x.VMX.Get()
	svm, svmKnown := x.SVM.Get()
	switch {
	case s.dump != nil && s.dump.x86:
		return facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: s.dump.source, Detail: "CPUID does not tell what firmware has switched off"})
	case vmx:
		return facts.Is(false, x.VMX.Source)
	case svm:
		return facts.Is(false, x.SVM.Source)
	case s.underXen:
		return facts.Not[bool](s.hidden("/proc/cpuinfo", "Xen hides the flags vmx and svm from its domains"))
	case !vmxKnown || !svmKnown:
		return facts.Not[bool](x.VMX.Problem)
	}
	r, l := s.askCPUID()
	switch {
	case l.known() && r.VMX:
		x.VMX = facts.Is(true, l.source).WithNote("the CPU has it; the kernel does not list it because the firmware has switched it off")
		x.EPT = facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: "/proc/cpuinfo", Detail: "not shown while VMX is switched off", Remedy: "turn on VT-x in the firmware's setup"})
		return facts.Is(true, l.source)
	case l.known() && r.SVM:
		x.SVM = facts.Is(true, l.source).WithNote("the CPU has it; the kernel does not list it because the firmware has switched it off")
		x.NPT = facts.Is(r.NPT, l.source)
		return facts.Is(true, l.source)
	case l.known():
		return facts.Is(false, l.source).WithNote("the CPU has neither VMX nor SVM")
	}
	if s.whole {
		if log := s.file(syslogInterface, textFile); log.known() && procfs.ParseKernelLog(log.data).VirtualizationLocked {
			return facts.Is(true, log.source)
		}
	}
	return facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: "/proc/cpuinfo", Detail: "it does not tell a feature that firmware has switched off from one that the CPU lacks"})
}

// x86Models returns the signatures that /proc/cpuinfo lists. On the running
// machine they are held against the CPUID instruction.
func (s *session) x86Models() facts.Observed[[]facts.X86Model] {
	if s.dump != nil && s.dump.x86 {
		if len(s.dump.models) == 0 {
			return facts.Not[[]facts.X86Model](&facts.Problem{Cause: facts.Incomplete, Source: s.dump.source, Detail: "it does not hold the leaves that identify the CPU"})
		}
		return facts.Is(s.dump.models, s.dump.source)
	}
	if o, ok := s.modelsUnderXen(); ok {
		return o
	}
	r, l := s.askCPUID()
	asked := l.known() && r.Vendor != ""
	byInstruction := facts.X86Model{Vendor: r.Vendor, Family: r.Family, Model: r.Model, Stepping: r.Stepping, Name: r.Brand}
	if s.cpuinfo == nil || s.cpuinfo.X86 == nil || len(s.cpuinfo.X86.Models) == 0 {
		if asked {
			return facts.Is([]facts.X86Model{byInstruction}, l.source).WithNote("of the CPU that xencheck ran on")
		}
		if s.cpuinfo != nil {
			return facts.Not[[]facts.X86Model](&facts.Problem{Cause: facts.Incomplete, Source: s.cpuinfoLook.source, Detail: "it names no CPU by vendor, family and model"})
		}
		return facts.Not[[]facts.X86Model](s.cpuinfoLook.why())
	}
	models := slices.Clone(s.cpuinfo.X86.Models)
	if s.underXen {
		for i := range models {
			models[i].CPUs = 0 // these are virtual CPUs
		}
	}
	if asked && !slices.ContainsFunc(models, func(m facts.X86Model) bool {
		return m.Vendor == r.Vendor && m.Family == r.Family && m.Model == r.Model && m.Stepping == r.Stepping
	}) {
		return facts.Disagree[[]facts.X86Model](
			facts.Conflict{Value: signature(models[0]), Source: "/proc/cpuinfo"},
			facts.Conflict{Value: signature(byInstruction), Source: l.source})
	}
	o := facts.Is(models, "/proc/cpuinfo")
	if n := s.cpuinfo.X86.Unidentified; n > 0 {
		o.Note = fmt.Sprintf("%d more CPUs could not be identified", n)
	}
	return o
}

func signature(m facts.X86Model) string {
	return fmt.Sprintf("%s family %d model %d stepping %d", m.Vendor, m.Family, m.Model, m.Stepping)
}
