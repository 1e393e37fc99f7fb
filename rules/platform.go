package rules

import (
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

var acpiRule = Rule{
	ID:    "host-acpi",
	Title: "Host ACPI",
	Doc: "On x86 a PV dom0 reads the host's ACPI tables for Xen. On Arm Xen takes the device tree when there is one; " +
		"a machine that has ACPI alone can only be booted in the way this row grades. If the firmware can offer a device tree, choose that.",
	Rows: []string{"host-acpi-via-domain-0"},
	judge: func(j *judging, rows []*entry) []Finding {
		out := j.findings(rows)
		for _, row := range rows {
			out = append(out, j.acpiRow(row))
		}
		return out
	},
}

func (j *judging) acpiRow(row *entry) Finding {
	f := j.about(row)
	switch tri, why := j.applies(row); {
	case tri == No:
		return notAbout(f, why)
	case tri == Maybe && row.Applies.Understood():
		f.For = []string{Base}
		return unreadable(f, "Whether this row is about this host is not known: "+why+".")
	}
	if guest, ok := row.Applies.Term(support.TermGuest); ok && guest.Value == "pv" {
		if d := j.dom0PVH(); d.use == Yes {
			f.Seen = []Seen{d.seen}
			return notAbout(f, "It is about a PV dom0; this one is, or would be, a PVH one.")
		}
	}
	if r := acpiOff(j); r.use == Yes && j.arch.X86() {
		f.Seen = []Seen{r.seen}
		return notAbout(f, "Xen's command line turns ACPI off.")
	}
	acpi, dt := j.h.Machine.ACPI, j.h.Machine.DeviceTree
	f.Seen = []Seen{seen("ACPI tables", acpi, yesno)}
	has, known := acpi.Get()
	known = known || acpi.IsAbsent()
	if j.arch.X86() {
		f.InUse = Yes
	} else {
		f.Seen = append(f.Seen, seen("device tree", dt, yesno))
		tree, ok := dt.Get()
		force := acpiForced(j)
		switch {
		case has && force.use == Yes:
			f.InUse = Yes
			f.For = []string{Base}
			f.Seen = append(f.Seen, force.seen)
		case ok && tree && has && force.use == Maybe && j.hasLine():
			f.For, f.Do = []string{Base}, sentenceOf(force.remedy)
			return unreadable(f, "There is a device tree, which Xen takes unless told acpi=force; whether it is told so is not known.", force.seen)
		case ok && tree:
			f.InUse = No
		case (dt.IsAbsent() || ok && !tree) && known && has:
			f.InUse = Yes
			f.For = []string{Base}
		case !(known && !has):
			f.For = []string{Base}
			return unreadable(f, "Whether this machine can only be booted with ACPI is not known.")
		}
	}
	switch {
	case !known:
		f = unreadable(f, "Whether this machine has ACPI tables is not known.")
		f.Do = remedy(acpi)
		return f
	case !has:
		f = notAbout(f, "This machine has no ACPI tables.")
		f.For = nil
		return f
	case !row.Meaning.Understood() || !row.Applies.Understood():
		return illegible(f, row)
	}
	f.Applies = Yes
	f = j.say(f, row.Meaning.Level)
	switch {
	case j.arch.X86():
		f.Why = "A PV dom0, which is the default, reads the host's ACPI tables for Xen."
	case f.InUse == Yes && acpiForced(j).use == Yes:
		f.Why = "Xen is told to boot with ACPI."
		f.Do = "Take acpi=force off Xen's command line, and let the firmware hand over a device tree."
		f.Notes = append(f.Notes, "Xen for Arm is built without ACPI unless CONFIG_ACPI is turned on.")
	case f.InUse == Yes:
		f.Why = "This machine describes itself by ACPI alone, so Xen would have to boot with ACPI."
		f.Do = "See whether the firmware can hand over a device tree instead (a setup option on many servers)."
		f.Notes = append(f.Notes, "Xen for Arm is built without ACPI unless CONFIG_ACPI is turned on.")
	default:
		f.Why = "There is a device tree as well, and Xen takes that unless told acpi=force."
	}
	return f
}

var (
	acpiOff    = optionOff("acpi", true)
	acpiForced = optionIs("acpi", "force").or(console("boot with ACPI", "acpi"))
)

var efiRule = Rule{
	ID:    "host-efi",
	Title: "Host EFI boot",
	Doc:   "Tells whether the machine was booted through EFI, as Xen would be too. Releases before 4.18 have no row.",
	Rows:  []string{"host-efi-boot"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.feature(rows, "efi", func(f Finding) (Finding, bool) {
			f, ok := j.efi(f)
			if ok {
				f.InUse, f.Why = Maybe, "This machine was booted through EFI; Xen would be too."
				if j.underXen() {
					f.InUse, f.Why = Yes, "Xen was booted through EFI."
				}
			}
			return f, ok
		})
	},
}

func (j *judging) efi(f Finding) (Finding, bool) {
	o := j.h.Machine.Firmware
	f.Seen = append(f.Seen, seen("firmware", o, func(s string) string { return s }))
	if fw, ok := o.Get(); ok && fw != "efi" {
		intents := f.For
		f = notAbout(f, "This machine was not booted through EFI.")
		f.For = intents
		return f, false
	}
	return decide(f, o, "", "This machine was not booted through EFI.")
}

var secureBootRule = Rule{
	ID:    "host-secure-boot",
	Title: "Host EFI Secure Boot",
	Doc: "Tells whether EFI Secure Boot is on. When Xen is booted that way, the row says what that is worth. " +
		"Turning Secure Boot off in the firmware's setup avoids the row.",
	Rows: []string{"host-efi-secure-boot"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.feature(rows, "secure-boot", func(f Finding) (Finding, bool) {
			f, ok := j.efi(f)
			if !ok {
				return f, false
			}
			sb := j.h.Machine.SecureBoot
			f.Seen = append(f.Seen, seen("Secure Boot", sb, yesno))
			on, known := sb.Get()
			switch {
			case known && on:
				f.InUse, f.Why = Maybe, "Secure Boot is on; a Xen booted that way is graded by this row."
				f.Do = "Turn Secure Boot off in the firmware's setup, or accept what the row says."
				if j.underXen() {
					f.InUse, f.Why = Yes, "Xen was booted with Secure Boot on."
				}
			case known || sb.IsAbsent():
				f.InUse, f.Why = No, "The firmware could do Secure Boot; it is off."
			default:
				f.InUse, f.Why = Maybe, "The firmware is EFI; whether Secure Boot is on is not known."
				f.Do = remedy(sb)
			}
			return f, true
		})
	},
}

var qosRule = Rule{
	ID:    "host-qos",
	Title: "Platform QoS",
	Doc:   "Looks for Intel's cache and bandwidth monitoring or allocation. Xen leaves them alone unless psr= is on its command line.",
	Rows:  []string{"x86intel-platform-qos-technologies"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.feature(rows, "qos", func(f Finding) (Finding, bool) {
			x := j.h.CPU.X86
			if x == nil {
				return unreadable(f, "The CPU is not known."), false
			}
			f.Seen = []Seen{seen("QoS features", x.QoS, func(q []string) string { return strings.Join(q, ", ") })}
			models, ok := x.Models.Get()
			if x.QoS.IsKnown() && !ok {
				f = unreadable(f, "The CPU has such technologies; whether they are Intel's, which the row is about, is not known.", seen("CPU", x.Models, modelList))
				f.Do = remedy(x.Models)
				return f, false
			}
			if x.QoS.IsKnown() && !slices.ContainsFunc(models, func(m facts.X86Model) bool { return m.Vendor == "GenuineIntel" }) {
				intents := f.For
				f = notAbout(f, "The row is about Intel's technologies; this CPU is not one of Intel's.")
				f.For = intents
				return f, false
			}
			f, ok = decide(f, x.QoS, "The CPU has it; Xen leaves it alone unless psr= is on its command line.", "The CPU has none of these technologies.")
			return j.nowUsed(f, ok, "Take psr= off Xen's command line.", qosTold), ok
		})
	},
}

// qosTold and itsTold tell whether Xen uses what the hardware has.
var (
	qosTold = sub("psr", "cmt", "cat", "cdp", "mba").unless(unbuilt("CONFIG_X86_PSR", "4.20"))
	itsTold = built("CONFIG_HAS_ITS", "").or(console("ITS", "its"))
)

var sveRule = Rule{
	ID:    "host-sve",
	Title: "Scalable Vector Extension",
	Doc:   "Looks for SVE. Xen gives it to nobody unless built with CONFIG_ARM64_SVE and told so for dom0 or a guest.",
	Rows:  []string{"arm-scalable-vector-extension-svesve2"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.feature(rows, "sve", func(f Finding) (Finding, bool) {
			a := j.h.CPU.Arm
			if a == nil {
				return unreadable(f, "The CPU is not known."), false
			}
			o := a.SVE
			f.Seen = []Seen{seen("SVE", o, yesno)}
			if v, ok := o.Get(); ok && !v {
				o = facts.Missing[bool](o.Source)
			}
			f, ok := decide(f, o, "The CPU has it; Xen gives it to nobody unless built for it and told to.", "The CPU has no SVE.")
			return j.nowUsed(f, ok, "Take sve= out of dom0= on Xen's command line.", dom0SVE), ok
		})
	},
}

var gicRule = Rule{
	ID:    "host-gic",
	Title: "Interrupt controller",
	Doc: "Finds the version of the GIC and the rows about it. Only GICv3 has one (from 4.18 on); GICv2 is in none, which is no verdict. " +
		"A GICv4 is driven as a GICv3. Xen cannot run without a GIC that has the virtualization extensions.",
	Rows:  gicHeadings,
	judge: func(j *judging, rows []*entry) []Finding { return j.gic(rows) },
}

// gicHeadings are the headings about a GIC that releases have had, all of them
// about GICv3. A later one may be about another version.
var gicHeadings = []string{"armgicv3"}

// gicVersion returns the version that a heading such as "ARM/GICv3" is about,
// and 0 for any other.
func gicVersion(heading string) int {
	_, n, ok := strings.Cut(strings.ToLower(heading), "gicv")
	if v := strings.TrimSpace(n); ok && len(v) == 1 && v[0] >= '1' && v[0] <= '9' {
		return int(v[0] - '0')
	}
	return 0
}

// drivenAs returns the version whose rows speak of a GIC: Xen drives a GICv4 as
// a GICv3, unless there are rows about GICv4.
func drivenAs(version int, rows []*entry) int {
	if version == 4 && !slices.ContainsFunc(rows, func(r *entry) bool { return gicVersion(r.Feature) == 4 }) {
		return 3
	}
	return version
}

// withoutGICv3 reports that a Xen to be booted is built without GICv3; one that
// runs has what it needs.
func (j *judging) withoutGICv3() bool {
	return j.setUp() && !j.underXen() && gicv3Unbuilt(j).use == Yes
}

var gicv3Unbuilt = unbuilt("CONFIG_GICV3", "4.12")

func (j *judging) gic(rows []*entry) []Finding {
	out := j.findings(rows)
	o := j.h.Interrupts.GIC
	evidence := seen("GIC", o, func(v int) string { return "GICv" + itoa(v) })
	version, known := o.Get()
	stated := false
	for _, row := range rows {
		f := j.about(row)
		f.Seen = []Seen{evidence}
		tri, why := j.applies(row)
		switch {
		case tri == No:
			out = append(out, notAbout(f, why))
			continue
		case known && gicVersion(row.Feature) != drivenAs(version, rows):
			out = append(out, notAbout(f, "This host has a GICv"+itoa(version)+"."))
			continue
		case o.IsAbsent():
			out = append(out, notAbout(f, "This host has no GIC."))
			continue
		}
		stated = true
		f.For = []string{Base}
		switch {
		case !row.Meaning.Understood() || !row.Applies.Understood():
			f = illegible(f, row)
		case !known:
			f = unreadable(f, "Which interrupt controller this host has is not known.")
			f.Do = remedy(o)
		case tri == Maybe:
			f = unreadable(f, "Whether this row is about this host is not known: "+why+".")
		case drivenAs(version, rows) == 3 && j.withoutGICv3():
			f.Outcome, f.Applies, f.InUse = Outside, Yes, Yes
			f.Stated, f.Level = support.NothingSaid, support.NothingSaid
			f.Why = "This host has a GICv" + itoa(version) + ", and this Xen is built without a driver for GICv3 (CONFIG_GICV3)."
			f.Do = "Use a Xen that is built with CONFIG_GICV3."
		default:
			f.Applies, f.InUse = Yes, Yes
			f = j.say(f, row.Meaning.Level)
			f.Why = "This host has a GICv" + itoa(version) + "."
			if version == 4 && drivenAs(version, rows) == 3 {
				f.Why = "This host has a GICv4, which Xen drives as a GICv3."
			}
		}
		out = append(out, f)
	}
	if stated || j.arch.X86() || j.arch != "" && !j.arch.Arm() {
		return out
	}
	f := Finding{Title: "Interrupt controller", Applies: Yes, InUse: Yes, For: []string{Base}, Seen: []Seen{evidence}}
	f.Stated, f.Level = support.NothingSaid, support.NothingSaid
	switch {
	case o.IsAbsent() || known && version < 2:
		f.Outcome = Outside
		f.Why = "Xen needs a GIC with the virtualization extensions (GICv2 or later), and this host has none."
		f.Do = "Use a machine with a GICv2 or GICv3."
	case known:
		var headings []string // those about another version leave no doubt of this one
		if drivenAs(version, rows) == 3 {
			headings = gicHeadings
		}
		f = j.unstated(f, "This host has a GICv"+itoa(version)+"; this release's statement has no row for it.", headings, gicTopic)
	case j.arch == "":
		return out // the architecture's own finding says so
	default:
		f = unreadable(f, "Which interrupt controller this host has is not known.")
		f.Do = remedy(o)
	}
	return append(out, f)
}

var itsRule = Rule{
	ID:    "host-its",
	Title: "GICv3 ITS",
	Doc:   "Looks for an ITS. Default builds of Xen leave it alone (CONFIG_HAS_ITS), so its presence condemns nobody.",
	Rows:  []string{"armgicv3-its"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.feature(rows, "its", func(f Finding) (Finding, bool) {
			o := j.h.Interrupts.ITS
			f.Seen = []Seen{seen("ITS units", o, itoa)}
			f, ok := decide(f, o, "This host has an ITS; default builds of Xen leave it alone.", "This host has no ITS.")
			return j.nowUsed(f, ok, "Use a Xen that is built without CONFIG_HAS_ITS.", itsTold), ok
		})
	},
}

var kconfigRule = Rule{
	ID:    "kconfig",
	Title: "Build configuration of Xen",
	Doc:   "The statement (from 4.12 on) excludes builds with EXPERT or DEBUG options from security support. Only the build's configuration tells.",
	Rows:  []string{"kconfig"},
	judge: func(j *judging, rows []*entry) []Finding {
		out := j.findings(rows)
		for _, row := range rows {
			out = append(out, j.unclaimed(row))
		}
		ref := j.sections["kconfig"]
		if ref == nil {
			return out
		}
		f := Finding{
			Row: ref, Title: "Kconfig", Outcome: NotVisible, Applies: Maybe, InUse: Maybe,
			Needs: observations["kconfig"].needs.words(),
			Why:   "Builds of Xen with EXPERT or DEBUG options are excluded from security support; the hardware does not tell how Xen is built.",
		}
		if j.setUp() {
			f = j.buildOptions(f)
		}
		return append(out, f)
	},
}

var debugBuilt = built("CONFIG_DEBUG", "")

// buildOptions judges the section's prose by the build's configuration.
func (j *judging) buildOptions(f Finding) Finding {
	f.Needs = ""
	expertBuild, debug := expert(j), debugBuilt(j)
	f.Seen = []Seen{expertBuild.seen, debug.seen}
	switch {
	case expertBuild.use == Yes || debug.use == Yes:
		f.Applies, f.InUse, f.For = Yes, Yes, []string{Base}
		f = j.say(f, support.Level{Functional: support.FunctionalNotStated, Security: support.SecurityNo})
		f.Why = "This Xen is built with CONFIG_EXPERT or CONFIG_DEBUG, which the statement excludes from security support."
		f.Do = "Use a Xen that is built without them."
	case expertBuild.use == Maybe || debug.use == Maybe:
		f = unreadable(f, "Whether this Xen is built with EXPERT or DEBUG options is not known.")
		if j.underXen() && !j.before("4.14") {
			f.For = []string{Base}
		}
		f.Do = sentenceOf(debug.remedy)
	default:
		f.Outcome, f.Applies, f.InUse = NotApplicable, Yes, No
		f.Why = "This Xen is built without EXPERT and DEBUG options."
	}
	return f
}

// The names of dates in a statement's header.
const (
	fullEnds     = "Supported-Until"
	securityEnds = "Security-Support-Until"
)

var runningRule = Rule{
	ID:    "running-release",
	Title: "Release of the running Xen",
	Doc: "Where the release to judge by was chosen for the Xen that runs: tells when that Xen is a version under development, which nothing is " +
		"promised for, and when its release has no statement here, so that another one's stands in. " +
		"Naming a release (--xen) asks about that release instead.",
	judge: func(j *judging, _ []*entry) []Finding {
		if !j.ofRunning {
			return nil
		}
		o := j.h.Xen.Running
		f := Finding{Title: "The Xen that runs here", Applies: Yes, InUse: Yes, For: []string{Base}}
		f.Seen = []Seen{seen("running Xen", o, func(v facts.XenVersion) string { return itoa(v.Major) + "." + itoa(v.Minor) + v.Extra })}
		v, ok := o.Get()
		release := itoa(v.Major) + "." + itoa(v.Minor)
		switch {
		case !ok:
			f = unreadable(f, "Which Xen runs here is not known, so it is not known to be the one that was judged by.")
			f.Do = remedy(o)
		case underDevelopment(v):
			f = j.say(f, support.Level{Functional: support.Supported, Security: support.SecurityNo})
			f.Why = "Xen " + release + v.Extra + " is a version under development; security support begins with a release."
			f.Do = "Run a released version."
		case v.Major != j.major || v.Minor != j.minor:
			f.Title += ", " + release // of many hosts, each release asks for a statement of its own
			f = unreadable(f, "No statement of Xen "+release+" is known here; what another release's says need not hold for it.")
			f.Do = "Give the statement of Xen " + release + " with --xen, or name the release to judge by."
		default:
			return nil
		}
		return []Finding{f}
	},
}

// underDevelopment reports that a Xen was built between releases. Builds of a
// stable branch between two point releases, which end in -pre, are not meant.
func underDevelopment(v facts.XenVersion) bool {
	return strings.Contains(v.Extra, "-rc") || strings.Contains(v.Extra, "-unstable")
}

var releaseRule = Rule{
	ID:    "release",
	Title: "Support period of the release",
	Doc: "Compares the judging date with the dates in the statement's header. Past Supported-Until only security fixes are made; " +
		"past Security-Support-Until nothing is. A text that is not released promises nothing yet.",
	judge: func(j *judging, _ []*entry) []Finding {
		h := j.st.Header
		f := Finding{Title: "Support period of Xen " + h.XenVersion.Text, Applies: Yes, InUse: Yes, For: []string{Base}}
		full := support.Level{Functional: support.Supported, Security: support.SecurityYes}
		ends := securityEnds
		switch j.phase {
		case support.FullSupport:
			f.Why = "Fully supported until " + h.SupportedUntil.Date + ", with security fixes until " + h.SecuritySupportUntil.Date + "."
		case support.SecurityOnly:
			ends = fullEnds
			f.Why = "Full support ended on " + h.SupportedUntil.Date + "; security fixes are made until " + h.SecuritySupportUntil.Date + "."
			f.Do = "Plan the move to a release in full support."
		case support.Ended:
			f.Why = "Security support ended on " + h.SecuritySupportUntil.Date + "."
			f.Do = "Move to a release that is still supported."
		case support.Unreleased:
			f.Why = "This is the statement of a version that is not released: nothing in it is security supported yet."
			f.Do = "Judge by a released version."
		}
		f.Row = j.ends[ends]
		if j.phase == support.PhaseUnknown {
			f = unreadable(f, "The dates in the statement's header are missing or make no sense.")
			f.Do = "Use a statement with its header complete."
			return []Finding{f}
		}
		return []Finding{j.say(f, full)}
	},
}
