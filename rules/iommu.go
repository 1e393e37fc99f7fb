package rules

import (
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

var iommuRule = Rule{
	ID:    "host-iommu",
	Title: "IOMMU",
	Doc: "Finds the IOMMUs the firmware describes and the row of each kind. An IOMMU that is merely there condemns nobody: " +
		"the rows decide for device passthrough and for a PVH dom0.",
	Rows:  []string{"iommu"},
	judge: func(j *judging, rows []*entry) []Finding { return j.iommus(rows) },
}

func (j *judging) iommus(rows []*entry) []Finding {
	out := j.findings(rows)
	o := j.h.IOMMU.Units
	units, known := o.Get()
	evidence := seen("IOMMU", o, unitWords)
	for _, row := range rows {
		f := j.about(row)
		if tri, why := j.applies(row); tri == No {
			out = append(out, notAbout(f, why))
			continue
		}
		f.For = []string{"passthrough"}
		if j.arch.X86() {
			f.For = append(f.For, "pvh-dom0")
		}
		f.Seen = []Seen{evidence}
		kind, named := row.Applies.Term(support.TermIOMMU)
		i := slices.IndexFunc(units, func(u facts.IOMMUUnit) bool { return string(u.Kind) == kind.Value })
		switch {
		case !row.Meaning.Understood() || !row.Applies.Understood() || !named:
			f = illegible(f, row)
		case !known && !o.IsAbsent():
			if other, why := j.otherFamily(kind.Value); other {
				f = notAbout(f, why)
				break
			}
			f = unreadable(f, "Whether this host has one is not known.")
			f.Do = remedy(o)
		case i < 0:
			f = notAbout(f, "This host has none.")
		default:
			f.Applies = Yes
			f = j.say(f, row.Meaning.Level)
			f.Why = "This host has " + unitWords(units[i:i+1]) + "."
			if f = j.iommuUse(f, units[i].Kind); strangeSMMU(units[i]) {
				f.InUse = No
			}
			f.Notes = append(f.Notes, j.iommuNotes(units[i])...)
		}
		out = append(out, f)
	}
	for _, u := range units {
		if u.Kind == facts.OtherIOMMU {
			out = append(out, Finding{Title: "IOMMU " + strings.Join(u.Compatible, " "), Outcome: NotStated, Applies: Yes, InUse: No,
				Stated: support.NothingSaid, Level: support.NothingSaid,
				Seen: []Seen{{What: "IOMMU", Value: unitWords([]facts.IOMMUUnit{u}), Source: u.Source}},
				Why:  "Xen has no driver for it and the statement no row; Xen leaves it alone."})
		}
	}
	return out
}

// otherFamily rules an x86 IOMMU out by the CPU's vendor alone: what is not
// known about an Intel machine is not whether it has AMD-Vi.
func (j *judging) otherFamily(kind string) (bool, string) {
	if j.h.CPU.X86 == nil {
		return false, ""
	}
	models, ok := j.h.CPU.X86.Models.Get()
	if !ok || len(models) == 0 {
		return false, ""
	}
	vendor := models[0].Vendor
	switch {
	case kind == string(facts.AMDVi) && vendor == "GenuineIntel":
		return true, "This host's CPU is Intel's."
	case kind == string(facts.VTd) && (vendor == "AuthenticAMD" || vendor == "HygonGenuine"):
		return true, "This host's CPU is AMD's or Hygon's."
	}
	return false, ""
}

// iommuUse tells whether Xen drives an IOMMU. By default it drives those of x86
// always, SMMUv1 and v2 when a device needs it, and the others only in builds
// made for it.
func (j *judging) iommuUse(f Finding, k facts.IOMMUKind) Finding {
	switch k {
	case facts.VTd, facts.AMDVi:
		f.InUse = Yes
	case facts.SMMUv1, facts.SMMUv2:
		f.InUse = Maybe
	default:
		f.InUse = No
	}
	if !j.setUp() {
		return f
	}
	if b := iommuDrivers[k]; b.built != nil {
		if r := b.unbuilt(j); r.use == Yes {
			f.InUse, f.Seen = No, append(f.Seen, r.seen)
			f.Why += " This Xen is built without a driver for it."
			return f
		}
		if r := b.built(j); r.use == Yes && f.InUse == No {
			f.InUse, f.Seen = Maybe, append(f.Seen, r.seen)
		}
	}
	var d Finding
	switch met, why, _ := drivenIOMMU(j, &d); {
	case f.InUse == No:
	case met == No:
		f.InUse, f.Seen = No, d.Seen
		f.Why += " It is not in use: " + why + "."
	case met == Maybe:
		f.InUse, f.Seen = Maybe, d.Seen
	}
	return f
}

// iommuDrivers tells whether the driver for a kind of IOMMU is built. Before the
// release that brought the option, every build for the architecture has it.
var iommuDrivers = map[facts.IOMMUKind]struct{ built, unbuilt sign }{
	facts.VTd:    {built("CONFIG_INTEL_IOMMU", "4.18"), unbuilt("CONFIG_INTEL_IOMMU", "4.18")},
	facts.AMDVi:  {built("CONFIG_AMD_IOMMU", "4.18"), unbuilt("CONFIG_AMD_IOMMU", "4.18")},
	facts.SMMUv1: {built("CONFIG_ARM_SMMU", "4.12"), unbuilt("CONFIG_ARM_SMMU", "4.12")},
	facts.SMMUv2: {built("CONFIG_ARM_SMMU", "4.12"), unbuilt("CONFIG_ARM_SMMU", "4.12")},
	facts.SMMUv3: {built("CONFIG_ARM_SMMU_V3", "4.15"), unbuilt("CONFIG_ARM_SMMU_V3", "4.15")},
	facts.IPMMU:  {built("CONFIG_IPMMU_VMSA", "4.13"), unbuilt("CONFIG_IPMMU_VMSA", "4.13")},
}

// driver tells whether Xen has a driver for an IOMMU. Those that default builds
// leave out count where no Xen is known of, so that their row decides.
func (j *judging) driver(u facts.IOMMUUnit) Tri {
	k := u.Kind
	d, ok := iommuDrivers[k]
	switch {
	case !ok || strangeSMMU(u) || j.setUp() && d.unbuilt(j).use == Yes:
		return No
	case j.setUp() && (k == facts.SMMUv3 || k == facts.IPMMU) && d.built(j).use == Maybe:
		return Maybe
	}
	return Yes
}

func (j *judging) iommuNotes(u facts.IOMMUUnit) []string {
	var notes []string
	switch u.Kind {
	case facts.VTd:
		if ir := j.h.IOMMU.InterruptRemapping; ir.IsKnown() && !ir.Value {
			notes = append(notes, "The DMAR table does not announce interrupt remapping; a guest with a device could inject interrupts.")
		}
	case facts.SMMUv1, facts.SMMUv2:
		if strangeSMMU(u) {
			notes = append(notes, "Xen's driver does not know "+strings.Join(u.Compatible, ", ")+" and would leave it alone.")
		}
		notes = append(notes, "Xen needs an SMMU that does stage 2 translation.")
	case facts.SMMUv3:
		notes = append(notes, "Xen drives it only in builds with CONFIG_ARM_SMMU_V3, which asks for an EXPERT build: that is excluded from security support on its own.")
	case facts.IPMMU:
		notes = append(notes, "Xen drives it only in builds with CONFIG_IPMMU_VMSA, and only on revisions of the SoC that do stage 2 translation.")
	}
	return notes
}

// xenSMMU lists the compatible strings of Xen's SMMU driver
// (xen/drivers/passthrough/arm/smmu.c).
var xenSMMU = []string{"arm,smmu-v1", "arm,smmu-v2", "arm,mmu-400", "arm,mmu-401", "arm,mmu-500"}

// strangeSMMU reports that a device tree calls an SMMU by none of the names that
// Xen's driver knows.
func strangeSMMU(u facts.IOMMUUnit) bool {
	return (u.Kind == facts.SMMUv1 || u.Kind == facts.SMMUv2) && len(u.Compatible) > 0 &&
		!slices.ContainsFunc(u.Compatible, func(c string) bool { return slices.Contains(xenSMMU, c) })
}

// iommuOff is the option that switches the IOMMU off.
var iommuOff = optionOff("iommu", true)

// drivenIOMMU tells whether there is an IOMMU that Xen drives: by what Xen was
// told and what a running one says itself, else by what the firmware shows of a
// kind that has a row.
func drivenIOMMU(j *judging, f *Finding) (Tri, string, string) {
	o := j.h.IOMMU.Units
	if !j.brief || !o.IsKnown() {
		f.Seen = append(f.Seen, seen("IOMMU", o, unitWords))
	}
	off := iommuOff(j)
	if off.use == Yes {
		f.Seen = append(f.Seen, off.seen)
		return No, "Xen's command line switches the IOMMU off", "Let iommu= on Xen's command line leave it on."
	}
	units, ok := o.Get()
	if words, told := j.h.Xen.Physical.Get(); told {
		has := slices.Contains(words, "directio")
		// Of which kind it is, nothing tells; Xen drives it.
		s := Seen{What: "capability directio of the running Xen", Value: yesno(has), Source: j.h.Xen.Physical.Source}
		switch {
		case has:
			f.Seen = append(f.Seen, s)
			return Yes, "", ""
		case !j.nextBoot() && !(j.arch.Arm() && j.before("4.13")): // on Arm it was not told of before
			f.Seen = append(f.Seen, s)
			return No, "the running Xen drives no IOMMU", "Turn on the IOMMU in the firmware's setup, and leave iommu= on Xen's command line on, if the machine has one."
		}
	}
	switch {
	case j.underXen() && !j.nextBoot() && !j.h.Xen.Physical.IsKnown():
		f.Seen = append(f.Seen, seen("capabilities of the running Xen", j.h.Xen.Physical, list))
		return Maybe, "whether the running Xen drives an IOMMU is not known", remedy(j.h.Xen.Physical)
	case off.use == Maybe && j.hasLine():
		f.Seen = append(f.Seen, off.seen)
		return Maybe, "whether Xen's command line leaves the IOMMU on is not known", sentenceOf(off.remedy)
	case ok && slices.ContainsFunc(units, func(u facts.IOMMUUnit) bool { return j.driver(u) == Yes }):
		return Yes, "", ""
	case ok && slices.ContainsFunc(units, func(u facts.IOMMUUnit) bool { return j.driver(u) == Maybe }):
		b := &j.h.Xen.BuildConfig
		f.Seen = append(f.Seen, seen("build configuration of Xen", *b, func(facts.BuildConfig) string { return "in part" }))
		return Maybe, "whether this Xen is built with a driver for the IOMMUs of this host is not known", remedy(*b)
	case ok && slices.ContainsFunc(units, func(u facts.IOMMUUnit) bool { return u.Kind != facts.OtherIOMMU && !strangeSMMU(u) }):
		return No, "this Xen is built without a driver for the IOMMUs of this host", "Use a Xen that is built with that driver."
	case ok:
		return No, "Xen has no driver for the IOMMUs of this host", "Use a machine with an IOMMU that the statement lists."
	case o.IsAbsent() && j.arch.Arm():
		return No, "this host shows no IOMMU", "Use a machine with an SMMU before the devices that guests are to have."
	case o.IsAbsent():
		return No, "this host shows no IOMMU", "Turn on the IOMMU (VT-d, AMD-Vi) in the firmware's setup if the machine has one."
	}
	return Maybe, "whether this host has an IOMMU is not known", remedy(o)
}

func unitWords(units []facts.IOMMUUnit) string {
	names := map[facts.IOMMUKind]string{
		facts.VTd: "VT-d", facts.AMDVi: "AMD-Vi", facts.SMMUv1: "SMMUv1", facts.SMMUv2: "SMMUv2",
		facts.SMMUv3: "SMMUv3", facts.IPMMU: "IPMMU-VMSA",
	}
	var s []string
	for _, u := range units {
		n := names[u.Kind]
		if n == "" {
			n = strings.Join(u.Compatible, " ")
		}
		if u.Count > 1 {
			n = itoa(u.Count) + " x " + n
		}
		s = append(s, n)
	}
	return strings.Join(s, ", ")
}
