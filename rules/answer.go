package rules

import (
	"slices"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// Base is the intent of running Xen at all. What it rests on counts for every
// other intent too.
const Base = "host"

// Intent is something a host can be wanted for.
type Intent struct {
	ID    string
	Title string // completes "this host, for …"
	Doc   string
	X86   bool // makes sense on x86
	Arm   bool // makes sense on Arm
}

// Intents returns what --for accepts, in the order of reports.
func Intents() []Intent { return slices.Clone(intents[:]) }

// intents begins with Base.
var intents = [...]Intent{
	{Base, "running Xen", "Architecture, CPU, memory, number of CPUs, interrupt controller and the release itself.", true, true},
	{"pv", "PV guests", "64-bit PV guests, which need nothing of the hardware.", true, false},
	{"hvm", "HVM guests", "Fully virtualised guests: VMX or SVM, and nested paging.", true, false},
	{"pvh", "PVH guests", "PVH guests: VMX or SVM, and nested paging.", true, false},
	{"arm", "Arm guests", "The one type of guest that Arm has.", false, true},
	{"pv32", "32-bit PV guests without the shim", "32-bit PV guests directly on Xen.", true, false},
	{"pv32-shim", "32-bit PV guests in the shim", "32-bit PV guests inside the PV shim: VMX or SVM.", true, false},
	{"pvh-dom0", "a PVH dom0", "dom0=pvh: VMX or SVM, nested paging and an IOMMU.", true, false},
	{"passthrough", "device passthrough", "Giving devices to guests: an IOMMU.", true, true},
	{"efi", "booting through EFI", "Host EFI boot.", true, true},
	{"secure-boot", "EFI Secure Boot", "Booting Xen with Secure Boot on.", true, true},
	{"qos", "Intel platform QoS", "Cache and bandwidth monitoring or allocation (psr=).", true, false},
	{"memory-hotplug", "memory hotplug", "Adding memory while Xen runs.", true, false},
	{"cpu-hotplug", "CPU hotplug", "Adding processors while Xen runs.", true, false},
	{"its", "the GICv3 ITS", "Message-signalled interrupts through the ITS.", false, true},
	{"sve", "SVE in guests", "The Scalable Vector Extension for dom0 or guests.", false, true},
}

// badness orders the grades.
func badness(g Grade) int {
	switch g {
	case GradeSupported:
		return 0
	case GradeSecurityOnly:
		return 1
	case GradeUnknown:
		return 2
	case GradeExternal:
		return 3
	case GradeConditional:
		return 4
	case GradeNotSecurity:
		return 5
	case GradeOutside:
		return 6
	}
	return -1
}

// AtLeast reports whether a grade is as bad as a threshold, or worse. Unknown
// never is.
func (g Grade) AtLeast(threshold Grade) bool {
	return g != GradeUnknown && badness(g) >= badness(threshold)
}

// Grade returns what one finding comes to by itself; counts is false for
// findings that neither raise nor lower anything.
func (f Finding) Grade() (g Grade, counts bool) { return f.grade() }

func (f *Finding) grade() (g Grade, counts bool) {
	switch f.Outcome {
	case Outside:
		return GradeOutside, true
	case Unknown, NotEvaluated:
		return GradeUnknown, true
	case Judged:
	default:
		return "", false
	}
	switch f.Level.Security {
	case support.SecurityYes:
		if f.Level.Functional == support.NotSupported {
			return GradeSecurityOnly, true
		}
		return GradeSupported, true
	case support.SecurityExternal:
		return GradeExternal, true
	case support.SecurityConditional:
		return GradeConditional, true
	case support.SecurityNo:
		return GradeNotSecurity, true
	}
	return GradeUnknown, true
}

// answers combines the findings for what is wanted, and for everything else
// that makes sense on this architecture, and says what each comes to without
// those that are waived.
func answers(j *judging, fs []Finding, wanted []string) (ids []string, overall Answer, all []Answer) {
	ids, overall, all = combine(j, fs, wanted)
	if rest := withoutWaived(fs); rest != nil {
		_, left, allLeft := combine(j, rest, wanted)
		overall.Counted = counted(overall.Grade, left.Grade, overall.Complete, left.Complete)
		for i := range all {
			all[i].Counted = counted(all[i].Grade, allLeft[i].Grade, all[i].Complete, allLeft[i].Complete)
		}
	}
	return ids, overall, all
}

func combine(j *judging, fs []Finding, wanted []string) (ids []string, overall Answer, all []Answer) {
	if len(wanted) == 0 {
		wanted = []string{Base}
	}
	var rest []Intent
	for _, in := range intents {
		switch {
		case slices.Contains(wanted, in.ID):
			ids = append(ids, in.ID)
			all = append(all, j.answer(in, fs))
		case in.X86 && (j.arch == "" || j.arch.X86()) || in.Arm && (j.arch == "" || j.arch.Arm()):
			rest = append(rest, in)
		}
	}
	for i, a := range all {
		if i == 0 {
			overall = a
			overall.Because = slices.Clone(a.Because)
			continue
		}
		complete := overall.Complete && a.Complete
		level := support.Level{Functional: worseFunctional(overall.Level.Functional, a.Level.Functional), Security: worseSecurity(overall.Level.Security, a.Level.Security)}
		if badness(a.Grade) > badness(overall.Grade) {
			overall = a
			overall.Because = slices.Clone(a.Because)
		}
		overall.Complete, overall.Level = complete, level
	}
	if !overall.Complete && badness(overall.Grade) < badness(GradeUnknown) {
		overall.Grade = GradeUnknown
	}
	for _, in := range rest {
		all = append(all, j.answer(in, fs))
	}
	return ids, overall, all
}

func (j *judging) answer(in Intent, fs []Finding) Answer {
	a := Answer{Intent: in.ID, Title: in.Title, Grade: GradeSupported, Complete: true,
		Level: support.Level{Functional: support.Supported, Security: support.SecurityYes}, Because: []int{}}
	if wrong := !in.X86 && j.arch.X86() || !in.Arm && j.arch.Arm(); wrong {
		a.Grade, a.Level = GradeOutside, support.NothingSaid
		a.Note = "It does not exist on this architecture."
		return a
	}
	own, impossible := 0, []int{}
	var unknown []int
	for i := range fs {
		f := &fs[i]
		if len(f.For) == 0 {
			continue
		}
		mine := slices.Contains(f.For, in.ID)
		if !mine && !slices.Contains(f.For, Base) {
			continue
		}
		g, counts := f.grade()
		if mine && in.ID != Base {
			if f.Outcome == NotApplicable {
				impossible = append(impossible, i)
			} else {
				own++
			}
		}
		switch {
		case !counts:
			continue
		case g == GradeUnknown:
			a.Complete = false
			unknown = append(unknown, i)
			continue
		case f.Outcome == Judged:
			a.Level.Functional = worseFunctional(a.Level.Functional, f.Level.Functional)
			a.Level.Security = worseSecurity(a.Level.Security, f.Level.Security)
		case f.Outcome == Outside:
			a.Level = support.NothingSaid
		}
		switch {
		case badness(g) > badness(a.Grade):
			a.Grade, a.Because = g, []int{i}
		case g == a.Grade && g != GradeSupported:
			a.Because = append(a.Because, i)
		}
	}
	if in.ID != Base && own == 0 {
		if len(impossible) > 0 {
			a.Grade, a.Level, a.Because = GradeOutside, support.NothingSaid, impossible
			a.Note = "This host does not have it."
		} else if doubt, line := j.strange(func(s stranger) bool { return in.topic().in(s.title) }); doubt != "" {
			a.Note = "No row about it was understood, but " + doubt + "."
			a.Complete = false
			unknown = append(unknown, slices.IndexFunc(fs, func(f Finding) bool { return f.line() == line }))
		} else {
			a.Note = "This release's statement has no row about it."
		}
	}
	if !a.Complete && badness(a.Grade) <= badness(GradeUnknown) {
		a.Grade = GradeUnknown
	}
	a.Because = append(a.Because, slices.DeleteFunc(unknown, func(i int) bool { return i < 0 })...)
	return a
}

// notes says what holds for the host or the release as a whole.
func (j *judging) notes() []string {
	var notes []string
	m := j.h.Machine
	kind, _ := m.Kind.Get()
	switch {
	case kind == facts.VirtualMachine:
		hv, _ := m.Hypervisor.Get()
		if hv == "" {
			hv = "a hypervisor"
		}
		notes = append(notes, "This is a virtual machine under "+hv+". What it shows was judged; the host beneath it was not.")
	case kind == facts.DomU:
		notes = append(notes, "This is a guest of Xen. Nothing is known about the host it runs on.")
	case kind == facts.Dom0:
		notes = append(notes, "This is dom0 of a running Xen, which hides parts of the host from Linux.")
	case m.Kind.IsUnknown() && j.h.Origin.Kind == facts.Live:
		notes = append(notes, "Whether this is bare metal or a virtual machine is not known; what it shows was judged.")
	}
	if b, ok := j.h.Xen.BuildConfig.Get(); ok && b.Doubt != "" && j.underXen() {
		notes = append(notes, "The build configuration in "+j.h.Xen.BuildConfig.Source+" was used, although "+b.Doubt+".")
	}
	if c, ok := m.Container.Get(); ok {
		notes = append(notes, "This runs in a container ("+c+"), which may not see all of the machine.")
	}
	return notes
}
