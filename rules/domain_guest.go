package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
)

// guest is one domain while it is judged: its configuration, what Xen says of
// it when it runs, and the defaults of the release that counts.
type guest struct {
	j       *judging
	d       *facts.Domain
	run     *facts.RunningDomain // nil when Xen says nothing of it
	ignored map[string]bool      // keys that this release does not know
	blank   bool                 // nothing but run is known

	typ told[facts.DomainType]
	dm  told[string] // device model of an HVM guest: qemu-xen, qemu-xen-traditional

	emulated []emulated      // see devices
	open     map[string]Seen // likewise; nil until they were asked for
}

// told is a setting with its default filled in.
type told[T any] struct {
	is    T
	known bool
	line  int // 0 for a default
	seen  Seen
}

func newGuest(j *judging, d *facts.Domain) *guest {
	g := &guest{j: j, d: d, ignored: map[string]bool{}, blank: d.Form == ""}
	for _, k := range d.Limited {
		if !j.has(k.Since, k.Until) {
			g.ignored[k.Name] = true
		}
	}
	if id, ok := d.ID.Get(); ok {
		for i := range j.h.Running.Value {
			if r := &j.h.Running.Value[i]; r.ID == id {
				g.run = r
			}
		}
	}
	g.typ = g.typeOf()
	g.dm = g.deviceModel()
	return g
}

// has reports whether the release that counts lies between two others; an
// empty bound is none.
func (j *judging) has(since, until string) bool {
	if j.before(since) {
		return false
	}
	if until == "" {
		return true
	}
	ma, mi := j.xenVersion()
	a, b := parseRelease(until)
	return ma < a || ma == a && mi <= b
}

// setting fills in the default of a key that was not given, or that this
// release ignores.
func setting[T any](g *guest, key string, s facts.Setting[T], def T) told[T] {
	t := told[T]{is: def, seen: Seen{What: key, Source: g.d.Source}}
	if name := treeNames[key]; name != "" && g.d.Form == facts.BootTree {
		t.seen.What = name
	}
	switch {
	case g.blank:
		t.seen.Value, t.seen.Cause, t.seen.Source = "unknown", "the domain's configuration was not read", ""
		return t
	case g.ignored[key]:
		t.seen.Value = show(def) + " (this release ignores the key)"
	case s.IsBad():
		t.line, t.seen.Line, t.seen.Value, t.seen.Cause = s.Line, s.Line, "unknown", s.Bad
		return t
	case s.Given:
		t.is, t.line, t.seen.Line, t.seen.Value = s.Value, s.Line, s.Line, show(s.Value)
	case show(def) == notSet:
		t.seen.Value = notSet
	default:
		t.seen.Value = show(def) + " by default"
	}
	t.known = true
	return t
}

const notSet = "not set"

// treeNames is what a device tree calls settings that it has too.
var treeNames = map[string]string{
	"maxmem": "memory", "vcpus": "cpus", "maxvcpus": "cpus", "vuart": "vpl011", "llc_colors": "llc-colors", "pool": "domain-cpupool",
	"arm_sci": "xen,sci_type", "kernel": "multiboot,kernel", "dtdev": "multiboot,device-tree",
}

// show writes a setting's value the way xl.cfg does.
func show(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "1"
		}
		return "0"
	case string:
		return cmp.Or(v, notSet)
	case []string:
		return cmp.Or(strings.Join(v, ", "), notSet)
	case uint64:
		return strconv.FormatUint(v, 10)
	}
	return cmp.Or(fmt.Sprint(v), notSet)
}

// when asks a setting.
func when[T any](t told[T], yes func(T) bool) use {
	u := use{seen: []Seen{t.seen}, line: t.line}
	switch {
	case !t.known:
		u.in = Maybe
	case yes(t.is):
		u.in = Yes
	default:
		u.in = No
	}
	return u
}

func isTrue(b bool) bool { return b }

func is[T comparable](want ...T) func(T) bool {
	return func(v T) bool { return slices.Contains(want, v) }
}

// flag asks a boolean key.
func (g *guest) flag(key string, s facts.Setting[bool], def bool) use {
	return when(setting(g, key, s, def), isTrue)
}

// both is a use that needs several things: no as soon as one is no. What is
// last says where in the file it stands.
func both(us ...use) use {
	out := use{in: Yes}
	for _, u := range us {
		if u.in == No {
			return u
		}
	}
	for _, u := range us {
		if u.in == Maybe {
			out.in = Maybe
		}
		out.merge(u)
	}
	return out
}

// either is a use that one of several things makes.
func either(us ...use) use {
	out := use{in: No}
	for _, u := range us {
		if u.in == Yes {
			return u
		}
		if u.in == Maybe {
			out.in = Maybe
		}
		out.merge(u)
	}
	return out
}

func (u *use) merge(v use) {
	u.seen = append(u.seen, v.seen...)
	u.notes = append(u.notes, v.notes...)
	u.line = cmp.Or(v.line, u.line)
	u.why = cmp.Or(v.why, u.why)
	u.do = cmp.Or(u.do, v.do)
	u.hidden = cmp.Or(u.hidden, v.hidden)
	u.level = cmp.Or(v.level, u.level)
	u.outside = u.outside || v.outside
	u.lacks = append(u.lacks, v.lacks...)
}

// not turns a use around.
func not(u use) use {
	u.why = ""
	switch u.in {
	case Yes:
		u.in = No
	case No:
		u.in = Yes
	}
	return u
}

// of turns a reading of the host into a use.
func of(r reading) use { return use{in: r.use, seen: []Seen{r.seen}, do: sentenceOf(r.remedy)} }

func never(why string) use { return use{in: No, why: why} }

// guestWords names the kinds of guest, with their articles.
var guestWords = map[facts.DomainType]string{facts.PV: "a PV guest", facts.HVM: "an HVM guest", facts.PVH: "a PVH guest"}

// hiddenIn is a question that no configuration answers.
func hiddenIn(what, why string) use { return use{in: Maybe, hidden: "needs " + what, why: why} }

// typeOf returns the kind of guest: PV on x86 where nothing is said; always
// the one kind on Arm, whatever is said.
func (g *guest) typeOf() told[facts.DomainType] {
	switch {
	case g.j.arch.Arm():
		return told[facts.DomainType]{is: facts.PVH, known: true, seen: Seen{What: "type", Value: "the one type of Arm"}}
	case g.blank && g.run != nil && !g.run.HVM:
		return told[facts.DomainType]{is: facts.PV, known: true, seen: Seen{What: "type of the running domain", Value: "pv", Source: g.j.h.Running.Source}}
	case g.blank && g.run != nil:
		return told[facts.DomainType]{seen: Seen{What: "type", Value: "unknown", Cause: "Xen tells HVM and PVH apart no more"}}
	}
	t := setting(g, "type", g.d.Type, facts.PV)
	if !g.d.Type.Given && !g.j.arch.X86() {
		t.known, t.seen.Value, t.seen.Cause = false, "unknown", "the default depends on the host's architecture"
	}
	if !t.known {
		t.is = ""
	}
	return t
}

// kind tells whether the guest is of one of some types on x86.
func (g *guest) kind(types ...facts.DomainType) use {
	if g.j.arch.Arm() {
		return never("It is about x86 guests.")
	}
	u := when(g.typ, is(types...))
	if u.in == No {
		u.why = "The domain is " + guestWords[g.typ.is] + "."
	}
	return u
}

// notHVM tells whether the guest is of another type than HVM.
func (g *guest) notHVM() use {
	u := not(g.kind(facts.HVM))
	if u.in == No {
		u.why = "The domain is an HVM guest."
	}
	return u
}

// container tells whether the guest runs in an HVM container: HVM or PVH.
func (g *guest) container() use {
	if g.run != nil && g.j.arch.X86() {
		s := Seen{What: "flag hvm of the running domain", Value: yesno(g.run.HVM), Source: g.j.h.Running.Source}
		return of(verdictOf(g.run.HVM, s))
	}
	return g.kind(facts.HVM, facts.PVH)
}

// arm is yes on Arm.
func (g *guest) arm() use {
	switch {
	case g.j.arch.Arm():
		return use{in: Yes}
	case g.j.arch == "":
		return use{in: Maybe, seen: []Seen{{What: "architecture", Value: "unknown", Cause: "the host is not known"}}}
	}
	return never("It is about Arm.")
}

// deviceModel returns which QEMU an HVM guest has. Up to 4.20 a stub domain
// holds the traditional one unless told otherwise; since 4.21 there is one.
func (g *guest) deviceModel() told[string] {
	t := setting(g, "device_model_version", g.d.Model.Version, "qemu-xen")
	stub := setting(g, "device_model_stubdomain_override", g.d.Model.Stubdomain, false)
	if t.known && t.line == 0 && !g.d.Model.Version.Given && g.j.has("", "4.20") {
		switch {
		case !stub.known:
			t.known, t.seen.Value, t.seen.Cause = false, "unknown", "the default depends on the stub domain"
		case stub.is:
			t.is, t.seen.Value = "qemu-xen-traditional", "qemu-xen-traditional by default of stub domains"
		}
	}
	return t
}

// paging tells whether an HVM or PVH guest has its own page tables walked by
// the CPU (HAP): by the flag of the running domain, else by what the
// configuration asks for and the host can do.
func (g *guest) paging() (hap Tri, u use) {
	if g.run != nil {
		u = of(verdictOf(g.run.HAP, Seen{What: "flag hap of the running domain", Value: yesno(g.run.HAP), Source: g.j.h.Running.Source}))
		return u.in, u
	}
	asked := setting(g, "hap", g.d.HAP, true)
	if !g.d.HAP.Given && asked.known {
		asked.seen.Value = "not given: as the host can"
	}
	if asked.known && !asked.is {
		u = when(asked, isTrue)
		return No, u
	}
	able := g.j.hostHAP()
	if able.in != Yes && asked.known && g.d.HAP.Given && !g.j.before("4.13") {
		// Since 4.13 Xen refuses to build a guest with hap=1 where it cannot.
		u = when(asked, isTrue)
		if able.in == No {
			u.seen, u.notes = append(u.seen, able.seen...), []string{"Xen refuses to build the guest here: nested paging is not available."}
		}
		return Yes, u
	}
	u = both(when(asked, isTrue), able)
	if u.in == Maybe && u.do == "" {
		u.do = "Judge the domain on the facts of its host, or give hap=1, which makes Xen refuse to build it otherwise."
	}
	return u.in, u
}

// hostHAP tells whether Xen on this host uses nested paging.
func (j *judging) hostHAP() use {
	line := hapOption(j)
	if line.use == No {
		return of(line)
	}
	if words, ok := j.h.Xen.Physical.Get(); ok && !j.before("4.13") && !j.nextBoot() {
		has := slices.Contains(words, "hap")
		return of(verdictOf(has, Seen{What: "capability hap of the running Xen", Value: yesno(has), Source: j.h.Xen.Physical.Source}))
	}
	if line.use == Maybe && j.hasLine() {
		return of(line)
	}
	x := j.h.CPU.X86
	if x == nil {
		return use{in: Maybe, seen: []Seen{{What: "nested paging (EPT, NPT)", Value: "unknown", Cause: "the host's CPU is not known"}}}
	}
	ept, npt := x.EPT.Value && x.EPT.IsKnown(), x.NPT.Value && x.NPT.IsKnown()
	no := func(o facts.Observed[bool]) bool { return o.IsAbsent() || o.IsKnown() && !o.Value }
	vmx, svm := x.VMX.Value && x.VMX.IsKnown(), x.SVM.Value && x.SVM.IsKnown()
	switch {
	case ept:
		return of(verdictOf(true, seen("EPT", x.EPT, yesno)))
	case npt:
		return of(verdictOf(true, seen("NPT", x.NPT, yesno)))
	case vmx && no(x.EPT):
		return of(verdictOf(false, seen("EPT", x.EPT, yesno)))
	case svm && no(x.NPT), no(x.EPT) && no(x.NPT):
		return of(verdictOf(false, seen("NPT", x.NPT, yesno)))
	case svm:
		return use{in: Maybe, seen: []Seen{seen("NPT", x.NPT, yesno)}, do: remedy(x.NPT)}
	}
	return use{in: Maybe, seen: []Seen{seen("EPT", x.EPT, yesno)}, do: remedy(x.EPT)}
}

// hapOption is the option that switches nested paging off.
var hapOption = option("hap", true)

// hasLine reports whether a Xen has a command line, so that one that could not be
// read may hold anything; a host that nobody set up for Xen has the defaults.
func (j *judging) hasLine() bool {
	return j.underXen() || j.h.Xen.CommandLine.Problem != nil
}

// driven tells whether an IOMMU that Xen drives stands before the host's
// devices.
func (g *guest) driven() use {
	var f Finding
	in, why, do := drivenIOMMU(g.j, &f)
	u := use{in: in, seen: f.Seen, do: do}
	if in != Yes {
		u.why = upper(why) + "."
	}
	return u
}

func upper(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// serves names the system of the domain that serves a device: dom0's, when it
// is known, nobody's for another domain.
func (g *guest) serves(backend string) (system string, known bool) {
	if backend != "" && backend != "0" && !strings.EqualFold(backend, "Domain-0") {
		return "", false
	}
	if u := g.j.h.Userspace; u != nil {
		return u.System.Get()
	}
	return "", false
}

// notes says what holds for the configuration as a whole.
func (g *guest) notes() []string {
	var notes []string
	release := g.j.xenRelease()
	for _, k := range g.d.Limited {
		if !g.ignored[k.Name] {
			continue
		}
		when := "came with " + k.Since
		if g.j.has(k.Since, "") {
			when = "ended with " + k.Until
		}
		notes = append(notes, "Xen "+release+" ignores "+k.Name+" (line "+itoa(k.Line)+"): the key "+when+".")
	}
	for _, k := range g.d.Unknown {
		notes = append(notes, "No release knows the key "+quote(k.Name)+" (line "+itoa(k.Line)+"); xl ignores it.")
	}
	for _, p := range g.d.Problems {
		where := ""
		if p.Line > 0 {
			where = "Line " + itoa(p.Line) + ": "
		}
		tail := ", so what it leaves out proves nothing."
		if p.Tolerated {
			tail = "."
		}
		notes = append(notes, where+strings.TrimSuffix(p.Message, ".")+tail)
	}
	if g.blank {
		notes = append(notes, "Its configuration was not read; only what Xen says of it was judged.")
	}
	return notes
}

// xenRelease is the release whose defaults count, in words.
func (j *judging) xenRelease() string {
	major, minor := j.xenVersion()
	return itoa(major) + "." + itoa(minor)
}
