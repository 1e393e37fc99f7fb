package probe

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/armcore"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/cpulist"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
)

// maxMIDRFiles bounds how many midr_el1 files are opened. Xen's own limit is
// 128 CPUs on Arm and Linux's 8192.
const maxMIDRFiles = 16 << 10

// readArm fills what is particular to Arm.
func (s *session) readArm() {
	a := &facts.ArmCPU{}
	s.host.CPU.Arm = a
	a.Cores, a.Boot = s.readCores()
	a.Architecture = s.armArchitecture(a)
	a.VirtExtensions = virtExtensions(a)
	a.Virtualization = s.readEL2(a)
	a.LPAE = s.readLPAE(a)
	a.SVE = s.readSVE(a)
	a.AArch32 = s.readAArch32(a)
}

// readCores finds every distinct core and that of the boot CPU. The revisions
// are in MIDR_EL1 alone: as given, in sysfs, in /proc/cpuinfo. A device tree
// knows the names of cores and how many there are.
func (s *session) readCores() (cores facts.Observed[[]facts.ArmCore], boot facts.Observed[facts.ArmCore]) {
	switch {
	case len(s.midr) > 0:
		cores, boot = s.givenCores()
	case s.dump != nil && len(s.dump.cores) > 0:
		cores, boot = facts.Is(s.dump.cores, s.dump.source), bootUnknown(s.dump.source, s.dump.cores)
	default:
		cores, boot = s.observedCores()
	}
	if s.underXen && cores.IsKnown() {
		// Without hmp-unsafe, Xen runs its domains on cores like the boot CPU's.
		cores.Note = "the cores that Xen lets this domain run on; others may be parked"
	}
	return cores, boot
}

func (s *session) observedCores() (facts.Observed[[]facts.ArmCore], facts.Observed[facts.ArmCore]) {
	sysfs, sysfsBoot, l := s.coresOfSysfs()
	var info []facts.ArmCore
	var infoBoot *facts.ArmCore
	if s.cpuinfo != nil && s.cpuinfo.Arm != nil {
		info, infoBoot = s.cpuinfo.Arm.Cores, s.cpuinfo.Arm.Boot
	}
	switch {
	case len(sysfs) > 0 && len(info) > 0 && s.cpuinfo.Arm.CoresCertain && differ(sysfs, info):
		return facts.Disagree[[]facts.ArmCore](
				facts.Conflict{Value: inMIDR(sysfs), Source: l.source},
				facts.Conflict{Value: inMIDR(info), Source: s.cpuinfoLook.source}),
			facts.Not[facts.ArmCore](&facts.Problem{Cause: facts.Conflicting, Source: l.source, Detail: "the sources disagree about the cores"})
	case len(sysfs) > 0:
		cores := s.withTheRest(sysfs)
		return facts.Is(cores, l.source), bootOf(sysfsBoot, cores, l.source)
	case len(info) > 0:
		cores := slices.Clone(info)
		if !s.cpuinfo.Arm.CoresCertain && len(cores) == 1 && cores[0].Count == 0 {
			// The text has one block for several processors: the others may be
			// of another kind.
			cores[0].Count = 1
		}
		cores = s.withTheRest(cores)
		return facts.Is(cores, s.cpuinfoLook.source), bootOf(infoBoot, cores, s.cpuinfoLook.source)
	}
	if cores := s.coresOfBoard(); len(cores) > 0 {
		if s.boardPart != nil {
			return facts.Not[[]facts.ArmCore](s.boardPart), facts.Not[facts.ArmCore](s.boardPart)
		}
		o := facts.Is(cores, s.boardSource).WithNote("a device tree names cores, not their revisions")
		if b, ok := s.bootOfBoard(); ok {
			return o, facts.Is(b, s.boardSource)
		}
		return o, bootUnknown(s.boardSource, cores)
	}
	if r, l := s.askCPUID(); l.known() && r.MIDR != "" {
		if m, err := armcore.ParseMIDR(r.MIDR); err == nil {
			c := coreOf(m)
			return facts.Is([]facts.ArmCore{c}, l.source).WithNote("of the CPU that xencheck ran on"),
				facts.Not[facts.ArmCore](&facts.Problem{Cause: facts.Incomplete, Source: l.source, Detail: "it is not known which CPU xencheck ran on"})
		}
	}
	if f, ok := s.seenOnConsole(xldmesg.ArmProcessor); ok {
		if n, ok := f.ArmMIDR(); ok {
			c := coreOf(armcore.MIDR(n))
			return facts.Is([]facts.ArmCore{c}, s.consoleSource).WithNote("of the CPU that Xen booted on"), facts.Is(c, s.consoleSource)
		}
	}
	p := s.cpuinfoLook.why()
	if s.cpuinfoLook.known() {
		p = &facts.Problem{Cause: facts.Incomplete, Source: s.cpuinfoLook.source, Detail: "it names no core"}
	}
	if s.isPaper() {
		p = &facts.Problem{Cause: facts.NotRecorded, Source: "MIDR_EL1", Detail: "nothing that was given tells the cores", Remedy: "give --midr"}
	}
	return facts.Not[[]facts.ArmCore](p), facts.Not[facts.ArmCore](p)
}

// bootOf returns the core of Linux's CPU 0, which is the CPU that booted.
func bootOf(boot *facts.ArmCore, cores []facts.ArmCore, source string) facts.Observed[facts.ArmCore] {
	if boot != nil {
		return facts.Is(*boot, source)
	}
	return bootUnknown(source, cores)
}

// bootUnknown returns the boot CPU's core where nothing tells which CPU boots:
// known only when all are alike.
func bootUnknown(source string, cores []facts.ArmCore) facts.Observed[facts.ArmCore] {
	if len(cores) == 1 {
		return facts.Is(cores[0], source)
	}
	return facts.Not[facts.ArmCore](&facts.Problem{
		Cause: facts.Incomplete, Source: source, Detail: "there are several cores, and it does not tell which one boots",
		Remedy: "give --midr, the boot CPU's first",
	})
}

// coreOf returns the core with a MIDR.
func coreOf(m armcore.MIDR) facts.ArmCore {
	c := facts.ArmCore{
		MIDR: m.String(), Implementer: m.Implementer(), Part: m.Part(),
		Variant: m.Variant(), Revision: m.Revision(), RevisionKnown: true,
	}
	if known, ok := armcore.Lookup(m.Implementer(), m.Part()); ok {
		c.Name = known.Name
	}
	return c
}

// coresOfSysfs reads regs/identification/midr_el1 of every CPU that is online
// (Documentation/ABI/testing/sysfs-devices-system-cpu). 32-bit kernels have no
// such file.
func (s *session) coresOfSysfs() (cores []facts.ArmCore, boot *facts.ArmCore, all look) {
	all = look{source: sysCPU + "/cpu*/regs/identification/midr_el1", state: facts.Absent}
	if s.isPaper() {
		return nil, nil, all
	}
	if k, ok := s.host.Machine.KernelArch.Get(); ok && k != "aarch64" && k != "arm64" {
		return nil, nil, all
	}
	online := s.file(sysCPU+"/online", smallFile)
	set, err := cpulist.Parse(online.text())
	if !online.known() || err != nil {
		set = cpulist.Set{}
		for _, n := range numbered(s.dir(sysCPU, maxEntries).names, "cpu") {
			set.Add(n)
		}
	}
	byMIDR := map[armcore.MIDR]*cpulist.Set{}
	var order []armcore.MIDR
	opened := 0
	for n := range set.All() {
		if opened++; opened > maxMIDRFiles {
			break
		}
		l := s.fileQuietly(sysCPU+"/cpu"+strconv.Itoa(n)+"/regs/identification/midr_el1", smallFile)
		if !l.known() {
			if all.state == facts.Absent && l.state == facts.Unknown {
				all.state, all.problem = facts.Unknown, l.problem
			}
			if opened == 1 && l.absent() {
				break // this kernel has no such files
			}
			continue
		}
		m, err := armcore.ParseMIDR(l.text())
		if err != nil {
			all.state, all.problem = facts.Unknown, l.malformed(err)
			continue
		}
		if byMIDR[m] == nil {
			byMIDR[m] = &cpulist.Set{}
			order = append(order, m)
		}
		byMIDR[m].Add(n)
		if n == 0 {
			c := coreOf(m)
			boot = &c
		}
	}
	for _, m := range order {
		c := coreOf(m)
		c.CPUs, c.Count = byMIDR[m].String(), byMIDR[m].Len()
		cores = append(cores, c)
		if boot != nil && boot.MIDR == c.MIDR {
			*boot = c
		}
	}
	if len(cores) > 0 && all.state == facts.Absent {
		all.state = facts.Known
	}
	s.note(all)
	return cores, boot, all
}

// differ reports whether two lists of cores name different sets of MIDRs.
func differ(a, b []facts.ArmCore) bool { return inMIDR(a) != inMIDR(b) }

func inMIDR(cores []facts.ArmCore) string {
	var all []string
	for _, c := range cores {
		all = append(all, c.MIDR)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// withTheRest adds the CPUs whose core nothing that was read tells: those that
// are offline, or that /proc/cpuinfo leaves out. A device tree still knows
// their names; where not even that is known they stand as a core without a
// name, so that nobody takes them for the others.
func (s *session) withTheRest(cores []facts.ArmCore) []facts.ArmCore {
	total, ok := s.host.CPU.Present.Get()
	if n, onlineOK := s.host.CPU.Online.Get(); !ok || onlineOK && n > total {
		total, ok = n, onlineOK
	}
	if s.cpuinfo != nil {
		total = max(total, s.cpuinfo.Processors)
	}
	seen := 0
	for _, c := range cores {
		seen += c.Count
	}
	if s.underXen {
		return cores // virtual CPUs: present or not, they say nothing more
	}
	missing := total - seen
	for _, named := range s.coresOfBoard() {
		for _, c := range cores {
			if c.Part == named.Part && c.Implementer == named.Implementer {
				named.Count -= c.Count
			}
		}
		// The register is worth more than the name: what is accounted for stays
		// what it says it is.
		if named.Count = min(named.Count, missing); named.Count > 0 {
			cores = append(cores, named)
			missing -= named.Count
		}
	}
	if missing > 0 {
		cores = append(cores, facts.ArmCore{Count: missing})
	}
	return cores
}

// coresOfBoard returns the cores that a device tree names.
func (s *session) coresOfBoard() []facts.ArmCore {
	if s.board == nil {
		return nil
	}
	var cores []facts.ArmCore
	for _, cpu := range s.board.CPUs {
		c, ok := coreOfCompatible(cpu.Compatible)
		if !ok {
			continue
		}
		if i := slices.IndexFunc(cores, func(o facts.ArmCore) bool {
			return o.Name == c.Name && o.Part == c.Part && o.Implementer == c.Implementer
		}); i >= 0 {
			cores[i].Count++
			continue
		}
		cores = append(cores, c)
	}
	return cores
}

// coreOfCompatible returns the core that the compatible strings of a cpu node
// name; one that names none in particular is a core without a name.
func coreOfCompatible(compatible []string) (facts.ArmCore, bool) {
	arm := false
	for _, c := range compatible {
		if core, ok := armcore.FromCompatible(c); ok {
			return facts.ArmCore{Implementer: core.Implementer, Part: core.Part, Name: core.Name, Count: 1}, true
		}
		arm = arm || armcore.CompatibleArchitecture(c) > 0
	}
	return facts.ArmCore{Count: 1}, arm
}

// bootOfBoard returns the core that a blob's header says boots.
func (s *session) bootOfBoard() (facts.ArmCore, bool) {
	for _, cpu := range s.board.CPUs {
		if cpu.Boot {
			c, ok := coreOfCompatible(cpu.Compatible)
			c.Count = 0
			return c, ok
		}
	}
	return facts.ArmCore{}, false
}

// givenCores returns the cores of --midr, the boot CPU's first. With a device
// tree they add revisions to its names; a core that it does not have is a
// contradiction.
func (s *session) givenCores() (facts.Observed[[]facts.ArmCore], facts.Observed[facts.ArmCore]) {
	const source = "--midr"
	var cores []facts.ArmCore
	for _, m := range s.midr {
		c := coreOf(m)
		if i := slices.IndexFunc(cores, func(o facts.ArmCore) bool { return o.MIDR == c.MIDR }); i >= 0 {
			cores[i].Count++
			continue
		}
		c.Count = 1
		cores = append(cores, c)
	}
	named := s.coresOfBoard()
	if len(named) == 0 {
		if len(cores) == 1 {
			cores[0].Count = max(s.opts.CPUs, cores[0].Count)
			if cores[0].Count == 1 && s.opts.CPUs == 0 {
				cores[0].Count = 0 // one value may stand for all CPUs
			}
		}
		return facts.Is(cores, source), facts.Is(cores[0], source)
	}
	for i := range named {
		n := &named[i]
		var same []int
		for j, c := range cores {
			if n.Name == "" || c.Implementer == n.Implementer && c.Part == n.Part {
				same = append(same, j)
			}
		}
		switch {
		case len(same) == 1 && n.Name != "":
			// One revision given for all CPUs of the name.
			cores[same[0]].Count = n.Count
			n.Count = 0
		case len(same) > 0:
			for _, j := range same {
				n.Count -= cores[j].Count
			}
		}
	}
	nameless := slices.ContainsFunc(named, func(c facts.ArmCore) bool { return c.Name == "" })
	for _, c := range cores {
		if !nameless && !slices.ContainsFunc(named, func(n facts.ArmCore) bool { return n.Implementer == c.Implementer && n.Part == c.Part }) {
			return facts.Disagree[[]facts.ArmCore](
					facts.Conflict{Value: inWordsOf(cores), Source: source},
					facts.Conflict{Value: inWordsOf(s.coresOfBoard()), Source: s.boardSource}),
				facts.Is(cores[0], source)
		}
	}
	for _, n := range named {
		if n.Count > 0 {
			cores = append(cores, n)
		}
	}
	o := facts.Is(cores, source+", "+s.boardSource)
	return o, facts.Is(cores[0], source)
}

func inWordsOf(cores []facts.ArmCore) string {
	var all []string
	for _, c := range cores {
		switch {
		case c.Name != "":
			all = append(all, c.Name)
		case c.MIDR != "":
			all = append(all, c.MIDR)
		}
	}
	return strings.Join(all, ", ")
}

// archOfArm decides between 64 and 32 bits. A 32-bit kernel runs on 64-bit
// cores too, so the cores decide where they are known.
func (s *session) archOfArm() facts.Observed[facts.Arch] {
	kernel := s.host.Machine.KernelArch
	if k, ok := kernel.Get(); ok {
		if arch, certain := procfs.MachineArch(k); certain && arch.Arm() {
			return facts.Is(arch, kernel.Source)
		}
	}
	cores, source := s.anyCores()
	wide, narrow, open := 0, 0, 0
	for _, c := range cores {
		core, ok := armcore.Lookup(c.Implementer, c.Part)
		switch {
		case !ok || c.Name == "":
			open++
		case core.Architecture() >= 8 && !only32(core):
			wide++
		default:
			narrow++
		}
	}
	switch {
	case wide > 0:
		return facts.Is(facts.Arm64, source)
	case narrow > 0 && open == 0:
		return facts.Is(facts.Arm32, source)
	}
	if s.cpuinfo != nil && s.cpuinfo.Arm != nil {
		features := s.cpuinfo.Arm.Features
		switch {
		case slices.Contains(features.Any, "asimd"):
			// Only 64-bit kernels spell it so; 32-bit ones say neon.
			return facts.Is(facts.Arm64, s.cpuinfoLook.source)
		case s.cpuinfo.Arm.Architecture > 0 && s.cpuinfo.Arm.Architecture < 8:
			return facts.Is(facts.Arm32, s.cpuinfoLook.source)
		}
	}
	if s.board != nil {
		for _, cpu := range s.board.CPUs {
			for _, c := range cpu.Compatible {
				if a := armcore.CompatibleArchitecture(c); a >= 8 {
					return facts.Is(facts.Arm64, s.boardSource)
				} else if a > 0 {
					return facts.Is(facts.Arm32, s.boardSource)
				}
			}
		}
	}
	if s.madtLook.known() && s.madt.GICCs > 0 {
		return facts.Is(facts.Arm64, s.madtLook.source).WithNote("ACPI on Arm is 64-bit only")
	}
	if kernel.IsKnown() {
		return facts.Not[facts.Arch](&facts.Problem{Cause: facts.Incomplete, Source: kernel.Source, Detail: "a 32-bit kernel does not tell whether the cores have 64 bits"})
	}
	return facts.Not[facts.Arch](&facts.Problem{Cause: facts.Incomplete, Source: source, Detail: "nothing that was read tells whether the cores have 64 bits"})
}

// anyCores returns whatever cores are known before readCores has weighed them.
func (s *session) anyCores() ([]facts.ArmCore, string) {
	if len(s.midr) > 0 {
		var cores []facts.ArmCore
		for _, m := range s.midr {
			cores = append(cores, coreOf(m))
		}
		return cores, "--midr"
	}
	if s.dump != nil && len(s.dump.cores) > 0 {
		return s.dump.cores, s.dump.source
	}
	if s.cpuinfo != nil && s.cpuinfo.Arm != nil && len(s.cpuinfo.Arm.Cores) > 0 {
		return s.cpuinfo.Arm.Cores, s.cpuinfoLook.source
	}
	return s.coresOfBoard(), s.boardSource
}

// only32 reports whether an Armv8 core has no 64-bit state: Cortex-A32 and
// the 32-bit real-time cores.
func only32(c armcore.Core) bool {
	return c.Implementer == 0x41 && (c.Part == 0xd01 || c.Part == 0xd13 || c.Part == 0xd16)
}

func (s *session) armArchitecture(a *facts.ArmCPU) facts.Observed[int] {
	cores, _ := a.Cores.Get()
	least := 0
	for _, c := range cores {
		core, ok := armcore.Lookup(c.Implementer, c.Part)
		if !ok || c.Name == "" || core.Architecture() == 0 {
			least = 0
			break
		}
		if least == 0 || core.Architecture() < least {
			least = core.Architecture()
		}
	}
	if s.cpuinfo != nil && s.cpuinfo.Arm != nil && s.cpuinfo.Arm.Architecture > 0 {
		told := s.cpuinfo.Arm.Architecture
		// 32-bit kernels say 7 on an Armv8 core in 32-bit state; the core knows
		// better.
		if least <= told || told < 7 {
			return facts.Is(told, s.cpuinfoLook.source)
		}
	}
	if least > 0 {
		return facts.Is(least, a.Cores.Source)
	}
	if arch, ok := s.host.Machine.Arch.Get(); ok && arch == facts.Arm64 {
		return facts.Is(8, s.host.Machine.Arch.Source)
	}
	if s.board != nil {
		for _, cpu := range s.board.CPUs {
			for _, c := range cpu.Compatible {
				if v := armcore.CompatibleArchitecture(c); v > 0 {
					return facts.Is(v, s.boardSource)
				}
			}
		}
	}
	if a.Cores.Problem != nil {
		return facts.Not[int](a.Cores.Problem)
	}
	return facts.Not[int](&facts.Problem{Cause: facts.Incomplete, Source: a.Cores.Source, Detail: "the cores are not known to Linux"})
}

// virtExtensions tells whether every core implements Armv7's virtualization
// extensions. On later cores the question does not arise.
func virtExtensions(a *facts.ArmCPU) facts.Observed[bool] {
	if v, ok := a.Architecture.Get(); !ok || v != 7 {
		if v >= 8 {
			return facts.Observed[bool]{}
		}
		if ok { // before Armv7 there were none
			return facts.Is(false, a.Architecture.Source)
		}
		return facts.Not[bool](a.Architecture.Problem)
	}
	cores, ok := a.Cores.Get()
	if !ok {
		return facts.Not[bool](a.Cores.Problem)
	}
	for _, c := range cores {
		core, ok := armcore.Lookup(c.Implementer, c.Part)
		has, known := core.VirtualizationExtensions()
		switch {
		case !ok || !known:
			return facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: a.Cores.Source, Detail: "it is not known of every core whether it has the extensions"})
		case !has:
			return facts.Is(false, a.Cores.Source).WithNote(core.Name + " has none")
		}
	}
	return facts.Is(true, a.Cores.Source)
}

// readEL2 tells whether the machine hands over with EL2 (Hyp mode) usable. No
// file says so outright. The kernel's log does; /dev/kvm exists on Arm only
// where Linux was entered there; and firmware describes the virtualization
// parts of the interrupt controller where they are of use. That is enough for a
// board on paper, and not for a running machine: firmware that keeps EL2 for
// itself describes the same controller. In a Xen domain all of this looks as on
// a machine without EL2, which Xen could not have started.
func (s *session) readEL2(a *facts.ArmCPU) facts.Observed[bool] {
	if s.underXen {
		if kind, _ := s.host.Machine.Kind.Get(); kind == facts.Dom0 {
			return facts.Is(true, s.host.Machine.Kind.Source).WithNote("Xen runs here, and it runs nowhere but at EL2")
		}
		return facts.Not[bool](s.hidden(syslogInterface, "Xen keeps EL2 for itself"))
	}
	if has, ok := a.VirtExtensions.Get(); ok && !has {
		return facts.Is(false, a.VirtExtensions.Source).WithNote("the cores have no virtualization extensions")
	}
	var denied *facts.Problem
	if s.whole {
		log := s.file(syslogInterface, textFile)
		switch mode := procfs.ParseKernelLog(log.data).BootMode; {
		case !log.known():
			denied = log.why()
		case mode == procfs.ModeEL2 || mode == procfs.ModeHYP:
			return facts.Is(true, log.source)
		case mode == procfs.ModeEL1 || mode == procfs.ModeSVC:
			return facts.Is(false, log.source)
		}
	}
	if !s.isPaper() {
		misc := s.file("/proc/misc", smallFile)
		if misc.known() && slices.Contains(strings.Fields(string(misc.data)), "kvm") {
			return facts.Is(true, misc.source).WithNote("Linux has /dev/kvm, which it only has when entered at EL2")
		}
	}
	described := func(source string) facts.Observed[bool] {
		const detail = "the interrupt controller has the parts that guests need"
		switch {
		case denied != nil:
			return facts.Not[bool](denied)
		case s.whole:
			return facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: syslogInterface,
				Detail: detail + ", and the kernel log no longer tells whether the machine starts at EL2", Remedy: "run xencheck soon after the next start"})
		}
		return facts.Is(true, source).WithNote("by the description of the interrupt controller: it has the parts that guests need")
	}
	if s.board != nil && !s.board.Stub {
		gic := s.board.GIC
		switch {
		case gic.Maintenance && (gic.Version >= 3 || gic.Regs >= 4):
			return described(s.boardSource)
		case s.board.PSCI == "hvc" && gic.Version >= 2 && !gic.Maintenance:
			return facts.Is(false, s.boardSource).WithNote("something beneath answers PSCI calls by hvc, and the interrupt controller has no parts for guests")
		}
	}
	if s.madtLook.known() && s.madt.GICCs > 0 && s.madt.Maintenance {
		if v, _ := s.madt.GICVersion(); v >= 3 || s.madt.GICV && s.madt.GICH {
			return described(s.madtLook.source)
		}
	}
	if denied != nil && denied.Cause == facts.NoPermission {
		return facts.Not[bool](denied)
	}
	return facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: syslogInterface, Detail: "nothing that was read tells at which exception level the machine starts"})
}

// readLPAE tells whether the large physical address extension is there, which
// is a question of Armv7: an Armv8 core has it in 32-bit state.
func (s *session) readLPAE(a *facts.ArmCPU) facts.Observed[bool] {
	l, listed, told := s.cpuinfoLook, false, false
	if s.cpuinfo != nil && s.cpuinfo.Arm != nil {
		features := s.cpuinfo.Arm.Features
		listed, told = slices.Contains(features.All, "lpae"), len(features.Any) > 0
	}
	version, _ := a.Architecture.Get()
	extensions, known := a.VirtExtensions.Get()
	switch {
	case listed:
		return facts.Is(true, l.source)
	case version >= 8:
		return facts.Observed[bool]{}
	case told && known && extensions:
		// Cores with the virtualization extensions have it; kernels before
		// Linux 3.11 do not list it.
		return facts.Disagree[bool](
			facts.Conflict{Value: "lpae, which comes with the virtualization extensions", Source: a.VirtExtensions.Source + " (MIDR)"},
			facts.Conflict{Value: "no lpae in Features", Source: l.source})
	case told:
		return facts.Is(false, l.source)
	case known && extensions:
		return facts.Is(true, a.VirtExtensions.Source).WithNote("it comes with the virtualization extensions")
	}
	return facts.Not[bool](l.why())
}

// readSVE reads the feature of that name, which 64-bit kernels list.
func (s *session) readSVE(a *facts.ArmCPU) facts.Observed[bool] {
	if v, ok := a.Architecture.Get(); ok && v < 8 {
		return facts.Is(false, a.Architecture.Source).WithNote("SVE came with Armv8.2")
	}
	if s.cpuinfo == nil || s.cpuinfo.Arm == nil || len(s.cpuinfo.Arm.Features.Any) == 0 {
		if s.cpuinfoLook.known() {
			return facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: s.cpuinfoLook.source, Detail: "it lists no features"})
		}
		return facts.Not[bool](s.cpuinfoLook.why())
	}
	l, features := s.cpuinfoLook, s.cpuinfo.Arm.Features
	switch {
	case slices.Contains(features.All, "sve"):
		return facts.Is(true, l.source)
	case s.underXen:
		if s.phys != nil && s.phys.sve > 0 {
			return facts.Is(true, s.phys.source).WithNote(fmt.Sprintf("Xen has vectors of %d bits for its guests", s.phys.sve))
		}
		return facts.Not[bool](s.hidden(l.source, "Xen hides SVE from its domains unless told otherwise"))
	case slices.Contains(features.Any, "sve"):
		return facts.Disagree[bool](
			facts.Conflict{Value: "sve on some CPUs", Source: l.source},
			facts.Conflict{Value: "no sve on others", Source: l.source})
	case !slices.Contains(features.Any, "asimd"):
		// Every 64-bit kernel names Advanced SIMD, by another word than 32-bit
		// ones have for it.
		return facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: l.source, Detail: "a 32-bit kernel does not list it"})
	}
	return facts.Is(false, l.source)
}

// readAArch32 tells whether 32-bit code can run. Only a kernel that is 32-bit
// itself proves it.
func (s *session) readAArch32(a *facts.ArmCPU) facts.Observed[bool] {
	if v, ok := a.Architecture.Get(); ok && v < 8 {
		return facts.Is(true, a.Architecture.Source)
	}
	if k, ok := s.host.Machine.KernelArch.Get(); ok && strings.HasPrefix(k, "armv") {
		return facts.Is(true, s.host.Machine.KernelArch.Source)
	}
	return facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: s.cpuinfoLook.source, Detail: "no file tells what 64-bit cores do with 32-bit code"})
}

// parseMIDRs reads the values of --midr.
func parseMIDRs(values []string) ([]armcore.MIDR, error) {
	var all []armcore.MIDR
	for _, v := range values {
		for _, one := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' }) {
			m, err := armcore.ParseMIDR(one)
			if err != nil {
				return nil, fmt.Errorf("MIDR %q: %w", one, err)
			}
			all = append(all, m)
		}
	}
	if len(values) > 0 && len(all) == 0 {
		return nil, errors.New("MIDR: no value given")
	}
	if len(all) > cpulist.Max {
		return nil, fmt.Errorf("MIDR: more than %d values", cpulist.Max)
	}
	return all, nil
}
