package rules

import (
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/xencmdline"
	"github.com/xencheck/xencheck/support"
)

var architectureRule = Rule{
	ID:    "host-architecture",
	Title: "Host architecture and CPU",
	Doc: "Finds the row for this machine's architecture and every row that names its CPU. " +
		"On Arm the CPUs that count are those like the boot CPU: Xen parks the others unless told hmp-unsafe. " +
		"An x86 without long mode, an Armv7 without virtualization extensions, an Arm that is not handed over in EL2 (Hyp mode) " +
		"and an architecture without any row are outside the statement. " +
		"From inside a guest of Xen the host beneath cannot be judged.",
	Rows:  architectureHeadings,
	judge: func(j *judging, rows []*entry) []Finding { return j.architecture(rows) },
}

// architectureHeadings are the headings that releases have had. What else
// stands under Host Architecture goes to the same rule.
var architectureHeadings = []string{"x86-64", "arm-v7-virtualization-extensions", "arm-v8"}

// The kinds of machine that headings under "Host Architecture" speak of.
type machineClass int

const (
	otherClass machineClass = iota
	x86Class
	armv7Class
	armv8Class
	armv9Class // a CPU of it is an Armv8 one to everything but such a heading
)

// class tells what a heading speaks of.
func class(row *entry) machineClass {
	t := strings.ToLower(row.Feature)
	switch row.Applies.Arch {
	case "x86":
		switch t {
		case "x86-64", "x86_64", "amd64", "x86":
			return x86Class
		}
	case "arm", "arm32", "arm64":
		switch {
		case strings.HasSuffix(t, "-r") || strings.HasSuffix(t, "-m"): // another profile
		case strings.Contains(t, "v7"):
			return armv7Class
		case strings.Contains(t, "v8"):
			return armv8Class
		case strings.Contains(t, "v9"):
			return armv9Class
		}
	}
	return otherClass
}

// hostClass tells what this machine is; known is false when nobody knows.
func (j *judging) hostClass() (c machineClass, known bool) {
	switch {
	case j.arch == "":
		return otherClass, false
	case j.arch.X86():
		return x86Class, true
	case j.arch == facts.Arm64:
		return armv8Class, true
	case j.arch == facts.Arm32:
		if j.h.CPU.Arm == nil {
			return otherClass, false
		}
		switch v, ok := j.h.CPU.Arm.Architecture.Get(); {
		case !ok:
			return otherClass, false
		case v == 7:
			return armv7Class, true
		case v >= 8:
			return armv8Class, true
		}
	}
	return otherClass, true
}

func (j *judging) architecture(rows []*entry) []Finding {
	out := j.findings(rows)
	host, known := j.hostClass()
	covered, perhaps := false, ""
	for _, row := range rows {
		f := j.about(row)
		c := class(row)
		if c == armv9Class && host == armv8Class {
			c = otherClass
		}
		switch a, why := j.isArch(row.Applies.Arch); {
		case a == No:
			out = append(out, notAbout(f, why))
			continue
		case !known:
			f.For = []string{Base}
			out = append(out, unreadable(f, "The machine's architecture is not known.", j.archSeen()))
			covered = true
			continue
		case c != otherClass && c != host:
			out = append(out, notAbout(f, "This host is "+j.machineWords()+"."))
			continue
		case c == otherClass && j.arch.X86() || c == otherClass && j.arch.Arm():
			// A heading of a later release about some machines of this
			// architecture: this one may be meant.
			f.For = []string{Base}
			f.Outcome, f.Why = NotEvaluated, "No rule of this version of xencheck knows this heading; it may be about this host."
			f.Do = "Read the line in the statement and decide by hand."
			perhaps = "line " + itoa(row.Line) + ", " + quote(row.title) + ", may be about it"
			out = append(out, f)
			continue
		}
		f = j.machineRow(f, row)
		if f.Outcome != NotApplicable && row.Applies.Relation != support.Exception {
			covered = true
		}
		out = append(out, f)
	}
	if !covered {
		f := Finding{Title: "Host architecture", Applies: Yes, InUse: Yes, For: []string{Base}, Seen: []Seen{j.archSeen()}}
		if perhaps == "" {
			perhaps = j.doubtOf(architectureHeadings)
		}
		switch {
		case known && perhaps != "":
			f.Outcome = NotEvaluated
			f.Why = "No row under Host Architecture is known to cover " + j.machineWords() + ", but " + perhaps + "."
			f.Do = "Read that line of the statement and decide by hand."
		case known:
			f.Outcome, f.Level, f.Stated = Outside, support.NothingSaid, support.NothingSaid
			f.Why = "No row under Host Architecture covers " + j.machineWords() + "."
			f.Do = "Use a machine of an architecture that the statement lists."
		default:
			f = unreadable(f, "The machine's architecture is not known.")
			f.Do = remedy(j.h.Machine.Arch)
		}
		out = append(out, f)
	}
	if j.guestOfXen() {
		kind := seen("environment", j.h.Machine.Kind, func(k facts.Kind) string { return string(k) })
		f := unreadable(Finding{Title: "The host beneath this guest", InUse: Yes, For: []string{Base}},
			"This is a guest of Xen: how the host beneath it is built and set up is out of its sight.", kind)
		f.Applies, f.Do = Yes, "Run xencheck on the host itself."
		out = append(out, f)
	}
	return out
}

// guestOfXen reports that this is a domU, or at least a domain of Xen that
// nothing shows to be dom0.
func (j *judging) guestOfXen() bool {
	m := &j.h.Machine
	switch k, known := m.Kind.Get(); {
	case known:
		return k == facts.DomU
	case j.underXen():
		return false
	}
	return m.Hypervisor.Value == "Xen" || m.DomainType.IsKnown()
}

// machineRow judges a row about the architecture this host has.
func (j *judging) machineRow(f Finding, row *entry) Finding {
	f.For = []string{Base}
	f.Seen = append(f.Seen, j.cpuSeen(row)...)
	tri, why := j.applies(row)
	f.Applies, f.InUse = tri, tri
	switch {
	case tri == No:
		f = notAbout(f, why)
		f.For = nil
		f.Notes = append(f.Notes, j.parkedNote(row)...)
		return f
	case !row.Meaning.Understood() || !row.Applies.Understood():
		return illegible(f, row)
	case tri == Maybe:
		f = unreadable(f, "Whether this row is about this host is not known: "+why+".")
		f.Do = j.cpuRemedy()
		return f
	}
	if row.Applies.Relation != support.Exception {
		if blocked := j.blocked(&f); blocked {
			return f
		}
	}
	f = j.say(f, row.Meaning.Level)
	f.Why = "This host is " + j.machineWords() + "."
	if row.Applies.Relation == support.Exception {
		f.Why = "This host's CPU is one that the row names."
		f.Do = "There is no setting that changes this; use another CPU where the row's word is not enough."
	}
	if row.Note != "" && row.Applies.Relation == support.Exception {
		f.Notes = append(f.Notes, row.Note)
	}
	if j.xenNote != "" {
		f.Notes = append(f.Notes, j.xenNote)
	}
	f.Notes = append(f.Notes, j.errataNotes(row)...)
	return f
}

// blocked reports what the architecture rows take for granted: long mode on
// x86, the virtualization extensions and a hand-over in EL2 on Arm.
func (j *judging) blocked(f *Finding) bool {
	outside := func(why, do string) bool {
		f.Outcome, f.Why, f.Do = Outside, why, do
		f.Stated, f.Level = support.NothingSaid, support.NothingSaid
		return true
	}
	if j.arch == facts.X86_32 {
		return outside("The row is about 64-bit x86; this CPU has no long mode.", "Use a 64-bit CPU.")
	}
	arm := j.h.CPU.Arm
	if !j.arch.Arm() || arm == nil || j.underXen() {
		return false
	}
	if class, _ := j.hostClass(); class == armv7Class {
		f.Seen = append(f.Seen, seen("virtualization extensions", arm.VirtExtensions, yesno))
		ve, ok := arm.VirtExtensions.Get()
		if ok && !ve {
			return outside("The row is about Armv7 with the virtualization extensions; this core has none.",
				"Use a core that has them, such as Cortex-A7, A15 or A17.")
		}
		el2, known := arm.Virtualization.Get()
		if !ok && !(known && el2) {
			*f = unreadable(*f, "Whether this core has the virtualization extensions is not known.")
			f.Do = remedy(arm.VirtExtensions)
			return true
		}
	}
	f.Seen = append(f.Seen, seen("EL2 at hand-over", arm.Virtualization, yesno))
	el2, ok := arm.Virtualization.Get()
	switch {
	case !ok:
		*f = unreadable(*f, "Whether the firmware hands over in EL2 (Hyp mode), which Xen needs, is not known.")
		if f.Do = remedy(arm.Virtualization); j.h.Machine.Container.IsKnown() {
			f.Do = "Run xencheck outside the container."
		}
		return true
	case !el2:
		return outside("Xen has to be started in EL2 (Hyp mode), and this machine does not hand over there.",
			"Use firmware that enters the operating system in EL2, or turn on virtualization for this virtual machine.")
	}
	return false
}

// underXen reports that a Xen is running here, so that what Xen needs to start
// is there. Either sign of it will do.
func (j *judging) underXen() bool {
	k, _ := j.h.Machine.Kind.Get()
	return k == facts.Dom0 || k != facts.DomU && j.h.Xen.Running.IsKnown()
}

// mayBeUnderXen reports that a Xen is running here, or that what would tell
// could not be read.
func (j *judging) mayBeUnderXen() bool {
	k := j.h.Machine.Kind
	return j.underXen() || k.Problem != nil && k.Problem.Cause != facts.NotRecorded && k.Problem.Cause != facts.NotExposed
}

// nextBoot reports that Xen's command line is that of a boot to come, which
// outweighs what Xen and dom0 show now.
func (j *judging) nextBoot() bool { return j.h.Xen.CommandLine.Value.NextBoot }

// dom0PVH tells whether dom0 is, or would be, a PVH domain. It is a PV one
// unless Xen is told otherwise.
func (j *judging) dom0PVH() reading {
	o := j.h.Machine.DomainType
	if d, ok := o.Get(); ok && j.underXen() && !j.nextBoot() {
		return verdictOf(d == "pvh", seen("type of dom0", o, plain))
	}
	if !j.setUp() || j.guestOfXen() {
		return reading{use: No}
	}
	r := dom0PVHTold(j)
	if r.use == Maybe && !j.underXen() {
		r.use = No
	}
	return r
}

var dom0PVHTold = dom0PVHOption.or(console("type of dom0", "dom0_type PVH"))

// dom0PVHOption is dom0=pvh, or dom0pvh before 4.11.
var dom0PVHOption = commandLine("dom0=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
	pvh, given := l.Bool("dom0pvh", false)
	for _, s := range l.Subs("dom0") {
		on, ok := s.Bool()
		switch {
		case !ok:
		case s.Name == "pvh":
			pvh, given = on, true
		case s.Name == "pv" && on:
			pvh, given = false, true
		}
	}
	return pvh, given, ifGiven(map[bool]string{true: "pvh", false: "pv"}[pvh], given)
})

func (j *judging) archSeen() Seen {
	return seen("architecture", j.h.Machine.Arch, func(a facts.Arch) string { return string(a) })
}

func (j *judging) machineWords() string {
	switch c, known := j.hostClass(); {
	case !known:
		return "of unknown architecture"
	case c == x86Class && j.arch == facts.X86_32:
		return "a 32-bit x86"
	case c == x86Class:
		return "x86-64"
	case c == armv7Class:
		return "Armv7"
	case c == armv8Class:
		if r, _ := j.rProfile(); r {
			return "Armv8 with a Xen for Armv8-R"
		}
		if j.xen == facts.Arm32 {
			return "Armv8 with Xen in AArch32 mode"
		}
		return "Armv8 with Xen in AArch64 mode"
	}
	if j.arch == facts.Arm32 {
		if v, ok := j.h.CPU.Arm.Architecture.Get(); ok {
			return "Armv" + itoa(v)
		}
	}
	return string(j.arch)
}

// xenState answers the qualifiers "Xen in AArch64 mode" and its siblings.
func (j *judging) xenState(state string) (Tri, string) {
	if j.arch == "" {
		return Maybe, "the machine's architecture is not known"
	}
	r, known := j.rProfile()
	if r && (state == "aarch64" || state == "aarch32") {
		return No, "Xen on this host would be one for Armv8-R."
	}
	switch state {
	case "armv8-r":
		if !known {
			return Maybe, "the CPU is not known"
		}
		if r {
			return Yes, ""
		}
		return No, "The CPU is not an Armv8-R one."
	case "aarch64":
		if j.xen == facts.Arm64 {
			return Yes, ""
		}
		return No, "Xen on this host would run in AArch32 mode."
	case "aarch32":
		if j.xen == facts.Arm32 {
			return Yes, ""
		}
		return No, "Xen on this host would run in AArch64 mode."
	}
	return Maybe, "no rule knows " + quote(state)
}

// rProfile tells whether the CPUs are of the R profile, which Arm names
// Cortex-R throughout, or Xen is built for it, and whether either is known.
func (j *judging) rProfile() (r, known bool) {
	if j.setUp() && forProtectedMemory(j).use == Yes {
		return true, true
	}
	cores, _ := j.cores()
	for _, c := range cores {
		r = r || strings.HasPrefix(c.Name, "Cortex-R")
	}
	return r, len(cores) > 0
}

// forProtectedMemory is a Xen for CPUs with a memory protection unit, as those of
// the R profile are.
var forProtectedMemory = built("CONFIG_MPU", "4.20")

// cores returns the cores Xen would use: those like the boot CPU. certain is
// false when the boot CPU is not known among several, or when no core is.
func (j *judging) cores() (used []facts.ArmCore, certain bool) {
	if j.h.CPU.Arm == nil {
		return nil, false
	}
	if b, ok := j.h.CPU.Arm.Boot.Get(); ok && !j.everyCore() {
		return []facts.ArmCore{b}, true
	}
	all, ok := j.h.CPU.Arm.Cores.Get()
	return all, ok && len(all) == 1
}

// everyCore reports that Xen is told to use CPUs unlike the boot CPU as well
// (hmp-unsafe), so that one core that a row names is enough.
func (j *judging) everyCore() bool {
	return everyCoreTold(j).use == Yes
}

var everyCoreTold = option("hmp-unsafe", false).or(console("hmp-unsafe", "arm_hmp"))

// core answers a qualifier that names an Arm core.
func (j *judging) core(r support.CoreRange) (Tri, string) {
	if j.arch.X86() {
		return No, "This host is x86."
	}
	used, certain := j.cores()
	if len(used) == 0 {
		return Maybe, "the CPU is not known"
	}
	any := No
	why := ""
	for _, c := range used {
		switch m, w := j.matchCore(r, c); m {
		case Yes:
			any, why = Yes, ""
		case Maybe:
			if any == No {
				any, why = Maybe, w
			}
		}
	}
	switch {
	case any == No:
		return No, "This host's CPU is " + coreList(used) + "."
	case any == Yes && !certain && !j.everyCore():
		return Maybe, "Xen uses only CPUs like the boot CPU, and which one that is, is not known"
	}
	return any, why
}

// matchCore compares a core of the statement's with one of the host's.
func (j *judging) matchCore(r support.CoreRange, c facts.ArmCore) (Tri, string) {
	if c.Name == "" && c.MIDR == "" {
		return Maybe, "the core has no known name"
	}
	switch same, known := j.names[r.Name].Is(c.Implementer, c.Part); {
	case !known:
		return Maybe, "whether the core " + coreWords(c) + " is what the row calls " + r.Name + " is not known"
	case !same:
		return No, ""
	case r.All:
		return Yes, ""
	case !c.RevisionKnown:
		return Maybe, "the core is a " + c.Name + ", but which revision is not known"
	case r.Contains(support.Revision{Variant: c.Variant, Revision: c.Revision}):
		return Yes, ""
	}
	return No, ""
}

func coreWords(c facts.ArmCore) string {
	n := c.Name
	if n == "" {
		n = c.MIDR
	}
	if c.RevisionKnown && c.Name != "" {
		n += " " + support.Revision{Variant: c.Variant, Revision: c.Revision}.String()
	}
	return n
}

func coreList(cores []facts.ArmCore) string {
	var s []string
	for _, c := range cores {
		s = append(s, coreWords(c))
	}
	return strings.Join(s, ", ")
}

// parkedNote says that a core the row names is there, although Xen would not
// use it as things stand.
func (j *judging) parkedNote(row *entry) []string {
	t, ok := row.Applies.Term(support.TermCore)
	if !ok || j.h.CPU.Arm == nil {
		return nil
	}
	boot, ok := j.h.CPU.Arm.Boot.Get()
	if !ok {
		return nil
	}
	all, _ := j.h.CPU.Arm.Cores.Get()
	var notes []string
	for _, c := range all {
		if c.MIDR == boot.MIDR && c.Name == boot.Name {
			continue
		}
		if m, _ := j.matchCore(*t.Core, c); m != No {
			notes = append(notes, "CPUs "+c.CPUs+" are "+coreWords(c)+", which the row may name. Xen parks them because they differ from the boot CPU ("+
				coreWords(boot)+"); with hmp-unsafe on its command line, or booted from one of them, the row would apply.")
		}
	}
	return notes
}

// errataNotes tells where Xen's code and its statement disagree about a core.
func (j *judging) errataNotes(row *entry) []string {
	used, certain := j.cores()
	if !certain || len(used) != 1 || !used[0].RevisionKnown {
		return nil
	}
	c := used[0]
	rev := support.Revision{Variant: c.Variant, Revision: c.Revision}
	_, names := row.Applies.Term(support.TermCore)
	switch {
	case !names && c.Name == "Cortex-A57" && rev == (support.Revision{Variant: 1, Revision: 2}) && !j.named(c):
		return []string{"The statement is silent about Cortex-A57 r1p2, yet Xen's own list of affected cores for erratum 832075 reaches to r1p2: Xen will warn at boot and mark itself insecure."}
	case names && c.Name == "Cortex-A77" && rev == (support.Revision{Variant: 1, Revision: 0}):
		return []string{"Xen's own check for erratum 1508412 misses r1p0, so its boot log says nothing; the statement names this revision all the same."}
	}
	return nil
}

// named reports whether any row of the statement names a core.
func (j *judging) named(c facts.ArmCore) bool {
	for _, row := range j.st.Rows {
		if t, ok := row.Applies.Term(support.TermCore); ok {
			if m, _ := j.matchCore(*t.Core, c); m == Yes {
				return true
			}
		}
	}
	return false
}

// x86Line answers a qualifier that names a line of x86 CPUs.
func (j *judging) x86Line(name string) (Tri, string) {
	if j.h.CPU.X86 == nil {
		return Maybe, "the CPU is not known"
	}
	models, ok := j.h.CPU.X86.Models.Get()
	if !ok {
		return Maybe, "the CPU's family and model are not known"
	}
	if !strings.EqualFold(name, "xeon phi") {
		return Maybe, "which CPUs " + quote(name) + " names is not known"
	}
	for _, m := range models {
		// Knights Landing and Knights Mill (Intel SDM vol. 4, table 2-1).
		if m.Vendor == "GenuineIntel" && m.Family == 6 && (m.Model == 0x57 || m.Model == 0x85) {
			return Yes, ""
		}
	}
	return No, "This host's CPU is " + modelList(models) + "."
}

func modelList(models []facts.X86Model) string {
	var s []string
	for _, m := range models {
		s = append(s, modelWords(m))
	}
	return strings.Join(s, ", ")
}

func modelWords(m facts.X86Model) string {
	n := m.Vendor + " family " + itoa(m.Family) + " model " + itoa(m.Model) + " stepping " + itoa(m.Stepping)
	if m.Name != "" {
		n = strings.TrimSpace(m.Name) + " (" + n + ")"
	}
	return n
}

// cpuSeen is the evidence for rows about CPUs.
func (j *judging) cpuSeen(row *entry) []Seen {
	s := []Seen{j.archSeen()}
	if x := j.h.CPU.X86; x != nil {
		s = append(s, seen("CPU", x.Models, modelList))
	}
	if a := j.h.CPU.Arm; a != nil {
		s = append(s, seen("cores", a.Cores, coreList), seen("boot CPU", a.Boot, coreWords))
	}
	return s
}

func (j *judging) cpuRemedy() string {
	if a := j.h.CPU.Arm; a != nil {
		if r := remedy(a.Boot); r != "" {
			return r
		}
		if r := remedy(a.Cores); r != "" {
			return r
		}
		return "Give the MIDR of the CPUs, boot CPU first, with --midr."
	}
	if x := j.h.CPU.X86; x != nil {
		return remedy(x.Models)
	}
	return remedy(j.h.Machine.Arch)
}
