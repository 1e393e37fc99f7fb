package rules

import (
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/xencmdline"
	"github.com/xencheck/xencheck/support"
)

var elsewhereRule = Rule{
	ID:    "declared-elsewhere",
	Title: "Declared unsupported outside the statement",
	Doc: "Some options and build choices are declared unsupported, or not security supported, by Xen's own documents other than the statement: " +
		"its command line document, the help of its build options, its boot messages. What is in use of them is reported with where it is said.",
	judge: func(j *judging, _ []*entry) []Finding {
		if !j.setUp() {
			return nil
		}
		var out []Finding
		for i := range declarations {
			d := &declarations[i]
			if a, _ := j.isArch(d.arch); a != Yes {
				continue
			}
			if r := d.sign(j); r.use == Yes {
				out = append(out, j.declared(d, r))
			}
		}
		return out
	},
}

// declared judges what is in use and declared unsupported.
func (j *judging) declared(d *declaration, r reading) Finding {
	f := Finding{Title: d.title, Applies: Yes, InUse: Yes, For: []string{Base}, Seen: []Seen{r.seen}, Do: d.do}
	f = j.say(f, support.Level{Functional: support.FunctionalNotStated, Security: support.SecurityNo})
	f.Why = "It is in use: " + r.seen.What + " is " + r.seen.Value + ". " + d.where + " declares it not security supported."
	return f
}

// declaration is something declared unsupported outside the statement.
type declaration struct {
	title string
	where string // which document says so
	arch  string // empty: any
	sign  sign
	do    string
}

const (
	commandLineDoc = "Xen's command line document"
	buildHelp      = "The help of Xen's build option"
)

var declarations = []declaration{
	{"Build with unsupported options (CONFIG_UNSUPPORTED)", buildHelp, "", built("CONFIG_UNSUPPORTED", "4.15"), "Use a Xen that is built without CONFIG_UNSUPPORTED."},
	{"New virtual GIC (CONFIG_NEW_VGIC)", buildHelp, "arm", built("CONFIG_NEW_VGIC", "4.11"), "Use a Xen that is built without CONFIG_NEW_VGIC."},
	{"FF-A between guests (CONFIG_FFA_VM_TO_VM)", buildHelp, "arm64", built("CONFIG_FFA_VM_TO_VM", "4.21"), "Use a Xen that is built without CONFIG_FFA_VM_TO_VM."},
	{"CPUs unlike the boot CPU (hmp-unsafe)", commandLineDoc, "arm", everyCoreTold, "Take hmp-unsafe off Xen's command line."},
	{"CPUs with known fatal errata (allow_unsafe)", commandLineDoc, "x86", option("allow_unsafe", false), "Take allow_unsafe off Xen's command line."},
	{"Forced emulation (hvm_fep)", commandLineDoc, "x86", option("hvm_fep", false), "Take hvm_fep off Xen's command line."},
	{"Grant tables version 2 on Arm (gnttab=max-ver:2)", commandLineDoc, "arm", grantVersion2, "Take max-ver:2 out of gnttab= on Xen's command line."},
	{"One interrupt remapping table for all devices (iommu=no-amd-iommu-perdev-intremap)", commandLineDoc, "x86",
		commandLine("iommu=amd-iommu-perdev-intremap", func(j *judging, l xencmdline.Line) (bool, bool, string) {
			v, given := l.SubBool("iommu", "amd-iommu-perdev-intremap", true)
			return given && !v, given, ifGiven(onoff(v), given)
		}).or(console("global interrupt remapping table of AMD-Vi", "amdvi_global")), "Take no-amd-iommu-perdev-intremap out of iommu= on Xen's command line."},
	{"USB debug console shared with any domain (dbgp=xhci,share=yes)", commandLineDoc, "x86",
		commandLine("dbgp=xhci,share=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
			v, given := l.String("dbgp")
			share, said := l.Sub("dbgp", "share")
			on, isBool := share.Bool()
			return strings.HasPrefix(v, "xhci") && said && isBool && on, given, ifGiven(v, given)
		}), "Take share=yes out of dbgp= on Xen's command line; share=hwdom gives it to dom0 alone."},
	{"FRED on Intel CPUs (fred)", commandLineDoc, "x86", func(j *judging) reading {
		r := fredOption(j)
		if x := j.h.CPU.X86; r.use == Yes && x != nil {
			if ms, ok := x.Models.Get(); ok && len(ms) > 0 && ms[0].Vendor != "GenuineIntel" {
				r.use = No
			}
		}
		return r
	}, "Take fred off Xen's command line."},
	{"Executable superpages on CPUs with CVE-2018-12207 (ept=exec-sp)", commandLineDoc, "x86", func(j *judging) reading {
		r := superpagesOption(j)
		if x := j.h.CPU.X86; x == nil || !intel(x) {
			r.use = No
		}
		return r
	}, "Take exec-sp out of ept= on Xen's command line, unless this CPU is not affected."},
	{"XSM without SILO on Arm", "Xen's warning at boot", "arm", func(j *judging) reading {
		if j.before("4.13") {
			return reading{use: No}
		}
		return siloOther(j)
	}, "Choose SILO with xsm=silo on Xen's command line."},
}

var (
	fredOption       = option("fred", false)
	superpagesOption = sub("ept", "exec-sp")
	siloOther        = xsmModuleOther("silo").or(console("warning that SILO is off", "no_silo"))
)

func intel(x *facts.X86CPU) bool {
	ms, ok := x.Models.Get()
	return ok && len(ms) > 0 && ms[0].Vendor == "GenuineIntel"
}

// grantVersion2 is gnttab=max-ver:2, which max_ver:2 says as well.
var grantVersion2 = commandLine("gnttab=max-ver", func(j *judging, l xencmdline.Line) (bool, bool, string) {
	version := ""
	for _, s := range l.Subs("gnttab") {
		if (s.Name == "max-ver" || s.Name == "max_ver") && (s.Value == "1" || s.Value == "2") {
			version = s.Value
		}
	}
	return version == "2", version != "", ifGiven(version, version != "")
})
