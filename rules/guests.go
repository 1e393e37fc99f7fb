package rules

import (
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

var pvRule = Rule{
	ID:    "guest-pv",
	Title: "PV guests",
	Doc:   "PV guests need nothing of the hardware. 32-bit ones are graded by whether they run inside the PV shim, which is a PVH guest and needs VMX or SVM.",
	Rows:  []string{"x86pv"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.guests(rows, func(row *entry, f Finding) (Finding, []requirement) {
			width, _ := row.Applies.Term(support.TermWidth)
			shim, _ := row.Applies.Term(support.TermShim)
			switch {
			case width.Value == "32" && shim.Value == "with":
				f.For = []string{"pv32-shim"}
				return f, []requirement{needVirt}
			case width.Value == "32":
				f.For = []string{"pv32"}
			default:
				f.For = []string{"pv"}
			}
			return f, nil
		})
	},
}

var hvmRule = Rule{
	ID:    "guest-hvm",
	Title: "HVM guests",
	Doc: "HVM guests need VMX or SVM, switched on by the firmware. A CPU without nested paging (EPT, NPT) runs them on shadow paging, " +
		"which has a row of its own from 4.17 on.",
	Rows: []string{"x86hvm", "shadow-paging"},
	judge: func(j *judging, rows []*entry) []Finding {
		var out, shadow []*entry
		for _, r := range rows {
			if r.Heading == "shadow-paging" {
				shadow = append(shadow, r)
			} else {
				out = append(out, r)
			}
		}
		fs := j.guests(out, func(row *entry, f Finding) (Finding, []requirement) {
			f.For = []string{"hvm"}
			return f, []requirement{needVirt}
		})
		for _, r := range shadow {
			fs = append(fs, j.shadow(r))
		}
		return fs
	},
}

var pvhRule = Rule{
	ID:    "guest-pvh",
	Title: "PVH guests and PVH dom0",
	Doc:   "PVH guests need VMX or SVM; a PVH dom0 needs an IOMMU as well.",
	Rows:  []string{"x86pvh", "x86pvh-guest"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.guests(rows, func(row *entry, f Finding) (Finding, []requirement) {
			if role, _ := row.Applies.Term(support.TermRole); role.Value == "dom0" {
				f.InUse, f.For = No, []string{"pvh-dom0"}
				d := j.dom0PVH()
				switch d.use {
				case Yes:
					f.InUse, f.For, f.Do = Yes, []string{Base, "pvh-dom0"}, "Take pvh out of dom0= on Xen's command line for a PV dom0."
					f.Seen, f.Why = []Seen{d.seen}, "It is in use: dom0 is a PVH one."
					if j.underXen() && !j.nextBoot() {
						return f, nil // it runs, so what it needs is there
					}
					f.Why = "It is in use: " + d.seen.What + " asks for a PVH dom0."
				case Maybe:
					f.InUse, f.For = Maybe, []string{Base, "pvh-dom0"}
					return f, []requirement{{"a dom0 of that kind", func(*judging, *Finding) (Tri, string, string) {
						return Maybe, "whether dom0 is PV or PVH is not known", d.remedy
					}}}
				}
				return f, []requirement{needVirt, needIOMMU}
			}
			f.For = []string{"pvh"}
			return f, []requirement{needVirt}
		})
	},
}

var armGuestRule = Rule{
	ID:    "guest-arm",
	Title: "Arm guests",
	Doc:   "Arm has one type of guest.",
	Rows:  []string{"arm", "arm-guest"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.guests(rows, func(row *entry, f Finding) (Finding, []requirement) {
			f.For = []string{Base, "arm"}
			return f, nil
		})
	},
}

var passthroughRule = Rule{
	ID:    "passthrough",
	Title: "PCI passthrough",
	Doc:   "PCI passthrough is covered only on systems with an IOMMU that Xen drives, and for HVM guests needs VMX or SVM.",
	Rows:  []string{"x86pci-device-passthrough"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.guests(rows, func(row *entry, f Finding) (Finding, []requirement) {
			f.For = []string{"passthrough"}
			if guest, _ := row.Applies.Term(support.TermGuest); guest.Value != "hvm" {
				return f, []requirement{needIOMMU}
			}
			if met, _, _ := virtualization(j, &Finding{}); met == No {
				f.For = nil // devices can still be given to PV guests
			}
			return f, []requirement{needVirt, needIOMMU}
		})
	},
}

var armPassthroughRule = Rule{
	ID:    "arm-passthrough",
	Title: "Device passthrough on Arm",
	Doc:   "Passing a device that is not PCI to a guest is covered only where an IOMMU stands before it.",
	Rows:  []string{"armnon-pci-device-passthrough"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.guests(rows, func(row *entry, f Finding) (Finding, []requirement) {
			f.For = []string{"passthrough"}
			return f, []requirement{needIOMMU}
		})
	},
}

var nestedRule = Rule{
	ID:    "nested-xen",
	Title: "Xen inside a Xen guest",
	Doc:   "When this machine is itself an HVM guest of Xen, a Xen started in it is nested.",
	Rows:  []string{"x86nested-pv"},
	judge: func(j *judging, rows []*entry) []Finding {
		out := j.findings(rows)
		for _, row := range rows {
			f := j.unclaimed(row)
			kind, _ := j.h.Machine.Kind.Get()
			domain, _ := j.h.Machine.DomainType.Get()
			if f.Outcome == NotVisible && kind == facts.DomU && domain == "hvm" && row.Meaning.Understood() {
				f = j.say(f, row.Meaning.Level)
				f.Applies, f.InUse, f.Needs = Yes, No, ""
				f.Why = "This machine is an HVM guest of Xen; a Xen started in it would be nested."
			}
			out = append(out, f)
		}
		return out
	},
}

// A requirement is something the statement's prose asks of the hardware.
type requirement struct {
	what string // completes "needs …"
	test func(*judging, *Finding) (met Tri, why, do string)
}

var (
	needVirt  = requirement{"VMX or SVM", virtualization}
	needIOMMU = requirement{"an IOMMU that Xen drives", drivenIOMMU}
)

var withoutHVM = unbuilt("CONFIG_HVM", "4.12")

// virtualization tells whether VMX or SVM is there, switched on, and of use to
// Xen.
func virtualization(j *judging, f *Finding) (Tri, string, string) {
	if r := withoutHVM(j); r.use == Yes && j.setUp() && !j.underXen() { // a running one says itself whether it has it
		f.Seen = append(f.Seen, r.seen)
		return No, "this Xen is built without HVM (CONFIG_HVM), which is what uses them", "Use a Xen that is built with CONFIG_HVM."
	}
	x := j.h.CPU.X86
	if x == nil {
		return Maybe, "the CPU is not known", ""
	}
	f.Seen = append(f.Seen, seen("VMX", x.VMX, yesno), seen("SVM", x.SVM, yesno))
	if off, ok := x.LockedOff.Get(); ok && off {
		f.Seen = append(f.Seen, seen("switched off by firmware", x.LockedOff, yesno))
		return No, "the CPU's virtualization (VMX or SVM) is switched off by the firmware", "Turn on virtualization (VT-x, SVM) in the firmware's setup."
	}
	vmx, ok1 := x.VMX.Get()
	svm, ok2 := x.SVM.Get()
	switch {
	case vmx || svm:
		return Yes, "", ""
	case ok1 && ok2:
		return No, "the CPU shows neither VMX nor SVM", "Turn on virtualization (VT-x, SVM) in the firmware's setup if the CPU has it, or use another CPU."
	}
	do := remedy(x.VMX)
	if do == "" {
		do = remedy(x.SVM)
	}
	return Maybe, "whether the CPU has VMX or SVM is not known", do
}

// guests judges rows about kinds of guest: available when what their section
// requires is there.
func (j *judging) guests(rows []*entry, sort func(*entry, Finding) (Finding, []requirement)) []Finding {
	out := j.findings(rows)
	for _, row := range rows {
		f := j.about(row)
		if f.InUse = No; j.mayBeUnderXen() || j.guestOfXen() {
			f.InUse = Maybe // the domains tell, and a guest does not see the others
		}
		tri, why := j.applies(row)
		if tri == No {
			out = append(out, notAbout(f, why))
			continue
		}
		f, needs := sort(row, f)
		out = append(out, j.guest(f, row, tri, why, needs))
	}
	return out
}

// wanted says what the statement's prose asks for.
func wanted(needs []requirement) string {
	var what []string
	for _, n := range needs {
		what = append(what, n.what)
	}
	return strings.Join(what, " and ")
}

func (j *judging) guest(f Finding, row *entry, tri Tri, why string, needs []requirement) Finding {
	if !row.Meaning.Understood() || !row.Applies.Understood() {
		return illegible(f, row)
	}
	if tri == Maybe {
		return unreadable(f, "Whether this row is about this host is not known: "+why+".")
	}
	if j.arch == facts.X86_32 {
		return notAbout(f, "Xen does not run on this CPU.")
	}
	f.Applies = Yes
	var missing, unknown, do []string
	for _, need := range needs {
		met, why, mend := need.test(j, &f)
		switch met {
		case No:
			missing = append(missing, why)
			f.Lacks = append(f.Lacks, need.what)
		case Maybe:
			unknown = append(unknown, why)
		default:
			continue
		}
		if mend != "" {
			do = append(do, mend)
		}
	}
	if len(do) > 0 {
		slices.Sort(do)
		f.Do = strings.Join(slices.Compact(do), " ")
	}
	switch {
	case len(missing) > 0:
		f.Outcome, f.Stated, f.Level = Outside, support.NothingSaid, support.NothingSaid
		f.Why = "The statement asks for " + wanted(needs) + ", and " + strings.Join(missing, ", and ") + "."
		return f
	case len(unknown) > 0:
		f.Outcome, f.Why = Unknown, "The statement asks for "+wanted(needs)+", and "+strings.Join(unknown, ", and ")+"."
		return f
	}
	f = j.say(f, row.Meaning.Level)
	f.Condition = row.Meaning.Condition
	switch {
	case f.Why != "": // its rule knows more
	case len(needs) == 0:
		f.Why = "It needs nothing particular of the hardware."
	default:
		f.Why = "This host has what it needs."
	}
	if row.Note != "" && row.Meaning.Condition != support.NoCondition {
		f.Notes = append(f.Notes, row.Note)
	}
	return f
}

// shadow judges shadow paging by whether dom0 was told to use it, and else by
// whether CPU and command line leave guests any choice.
func (j *judging) shadow(row *entry) Finding {
	f := j.unclaimed(row)
	x := j.h.CPU.X86
	if f.Outcome != NotVisible || !j.arch.X86() {
		return f
	}
	if j.setUp() {
		if r := dom0Shadow(j); r.use == Yes {
			f.Seen, f.For, f.Needs = []Seen{r.seen}, []string{Base}, ""
			f.Applies, f.InUse = Yes, Yes
			f = j.say(f, row.Meaning.Level)
			f.Why = "It is in use: dom0 is told to run on shadow paging."
			f.Do = "Take shadow out of dom0= on Xen's command line."
			return f
		}
	}
	hvm := slices.Contains(j.h.Xen.Physical.Value, "hvm") || x != nil && (x.VMX.Value || x.SVM.Value)
	if !hvm {
		return f // no guest would use it
	}
	hap := j.hostHAP()
	guests := []string{"hvm", "pvh", "pvh-dom0", "pv32-shim"}
	switch hap.in {
	case Yes:
		return f
	case No:
		f.Seen, f.For, f.Needs = hap.seen, guests, ""
		f.Applies, f.InUse = Yes, Maybe
		f = j.say(f, row.Meaning.Level)
		f.Why = "Xen has no nested paging (EPT or NPT) to use here, so every HVM and PVH guest would run on shadow paging."
		f.Do = "Use a CPU with EPT or NPT for HVM and PVH guests."
		if hapOption(j).use == No {
			f.Why = "Xen's command line turns nested paging off, so every HVM and PVH guest would run on shadow paging."
			f.Do = "Let hap on Xen's command line leave it on."
		}
		return f
	}
	f.For, f.Needs = guests, ""
	f = unreadable(f, "Whether Xen has nested paging to use here, without which HVM and PVH guests run on shadow paging, is not known.", hap.seen...)
	f.Do = hap.do
	return f
}

// dom0Shadow is a dom0 that runs on shadow paging, of whatever type it is.
var dom0Shadow = sub("dom0", "shadow").or(option("dom0_shadow", false))
