package rules

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
)

// DomainBrief is what the verdict of a domain comes to.
type DomainBrief struct {
	Grade    Grade // as in DomainVerdict; Complete and Counted likewise
	Complete bool
	Counted  *Counted
	// Hurts holds what keeps the domain from being supported, or from being
	// known to be, in the order of DomainVerdict.Because.
	Hurts []*Mark
}

// Domains judges the domains of the present host: those of which all that
// counts is the same have one brief. The list is good until the next call; what
// it holds stays good.
func (p *Panel) Domains(judge int) []*DomainBrief {
	p.briefs = p.briefs[:0]
	if h := p.j.h; len(h.Domains.Value)+len(h.Running.Value) == 0 && h.Running.Problem == nil {
		return nil
	}
	s := &p.seats[judge]
	if s.whole || len(p.o.Waivers) > 0 {
		for _, v := range s.HostDomains(p.j.h, p.o) {
			p.briefs = append(p.briefs, p.inBrief(&v))
		}
		return p.briefs
	}
	p.sit(s)
	if !p.met || !p.j.runs {
		p.meet()
	}
	for i := range p.guests {
		p.briefs = append(p.briefs, p.guest(i, judge))
	}
	return p.briefs
}

// guestView is a domain of the present host and what is remembered of all that
// are the same.
type guestView struct {
	*view
	domain *facts.Domain // nil where nothing but the flags of the running one is known
	id     int           // then: its number
	lost   bool          // it stands for what could not be listed
}

// meet finds what is remembered of the domains of the present host.
func (p *Panel) meet() {
	p.met, p.guests = true, p.guests[:0]
	p.meeting++
	j := &p.j
	p.lastOf = lastOf(p.lastOf, j.h.Running.Value)
	p.key = j.releaseKey(j.base(p.key[:0]))
	flags := len(p.key)
	lost := j.domainsLost()
	if len(j.h.Domains.Value) > 0 || lost {
		p.key = j.guestHostKey(p.key)
	}
	whole := len(p.key)
	for i := range j.h.Domains.Value {
		d := &j.h.Domains.Value[i]
		id, ok := d.ID.Get()
		k := append(p.key[:whole], 'd', bit(ok, 1)|bit(ok && id == 0, 2))
		if ok {
			k = runningKey(k, p.running(id), &p.bounds)
		}
		p.key = p.domainKey.add(k, reflect.ValueOf(d).Elem())
		p.remember(guestView{domain: d})
	}
	if lost {
		p.key = append(p.key[:whole], 'l')
		p.remember(guestView{lost: true})
	}
	for r := range j.flagsOnly() { // nothing of these where some were lost
		r = p.running(r.ID)
		p.key = j.flagsHostKey(runningKey(append(p.key[:flags], 'r'), r, &p.bounds), r.HVM)
		p.remember(guestView{id: r.ID})
	}
}

// remember adds the domain whose key is at hand, unless one like it was added.
func (p *Panel) remember(g guestView) {
	g.view = p.domains.find(p.key)
	if g.met != p.meeting {
		g.met = p.meeting
		p.guests = append(p.guests, g)
	}
}

// guest returns what a domain comes to for one judge.
func (p *Panel) guest(i, judge int) *DomainBrief {
	p.Asked++
	g := &p.guests[i]
	if len(g.briefs) <= judge {
		g.briefs = append(g.briefs, make([]*DomainBrief, len(p.seats)-len(g.briefs))...)
	}
	if b := g.briefs[judge]; b != nil {
		p.Remembered++
		return b
	}
	var d facts.Domain
	switch {
	case g.domain != nil:
		d = *g.domain
	case g.lost:
		d = unlisted()
	default:
		d = unread(g.id)
	}
	v := newJudging(p.seats[judge].Judge, p.j.h, p.o).domains([]facts.Domain{d})
	g.briefs[judge] = p.inBrief(&v[0])
	return g.briefs[judge]
}

// inBrief shortens a verdict.
func (p *Panel) inBrief(v *DomainVerdict) *DomainBrief {
	b := &DomainBrief{Grade: v.Grade, Complete: v.Complete, Counted: v.Counted}
	for _, k := range v.Because {
		f := &v.Findings[k]
		m := Mark{Rule: f.Rule, Title: f.Title, Outcome: f.Outcome, Stated: f.Stated, Level: f.Level, Do: f.Do, Waived: f.Waived != nil}
		m.Grade, m.counts = f.Grade()
		m.Reason = m.Grade
		if f.Outcome == Judged && f.Rule != releaseRule.ID {
			m.Reason = f.stated()
		}
		if !m.counts || m.Reason == GradeSupported {
			continue
		}
		if f.Row != nil {
			m.Key = f.Row.Key
		}
		if m.Reason == GradeUnknown {
			m.Cause = f.cause()
		}
		b.Hurts = append(b.Hurts, p.once(m))
	}
	return b
}

// releaseKey is the release whose defaults count. Where none runs it is that of
// the statement, and what is said to each judge is remembered apart.
func (j *judging) releaseKey(k []byte) []byte {
	if !j.runs {
		return k
	}
	major, minor := j.xenVersion()
	return binary.AppendVarint(binary.AppendVarint(k, int64(major)), int64(minor))
}

// flagsHostKey is all of a host that the rules look at for a domain of which
// the flags are known and nothing else.
func (j *judging) flagsHostKey(k []byte, hvm bool) []byte {
	k = signKey(k, oxenstored(j))
	if !hvm {
		for _, s := range no32bitPV {
			k = append(k, bit(s(j).use == Yes, 1))
		}
		return k
	}
	k = append(k, bit(withoutAltp2m(j).use == Yes, 1))
	k = signKey(k, altp2mOption(j))
	if u := j.h.Userspace; u != nil {
		system, ok := u.System.Get()
		k = textKey(append(k, bit(ok, 1)), system)
	}
	return k
}

// guestHostKey is all of a host that the rules of domains look at.
func (j *judging) guestHostKey(k []byte) []byte {
	x := &j.h.Xen
	for _, s := range guestSigns {
		k = signKey(k, s(j))
	}
	for _, s := range no32bitPV {
		k = append(k, bit(s(j).use == Yes, 1))
	}
	words, ok := x.Physical.Get()
	k = append(k, bit(ok, 1)|bit(slices.Contains(words, "hap"), 2)|bit(withoutHVM(j).use == Yes, 4)|
		bit(x.CommandLine.Problem != nil, 8)|bit(j.h.Userspace != nil, 16)|bit(j.nextBoot(), 32))
	if c := j.h.CPU.X86; c != nil {
		for _, o := range [...]*facts.Observed[bool]{&c.VMX, &c.SVM, &c.LockedOff, &c.EPT, &c.NPT} {
			k = factKey(k, *o, boolKey)
		}
	}
	if c := j.h.CPU.Arm; c != nil {
		k = factKey(k, c.SVE, boolKey)
	}
	k = drivenKey(k, j)
	if u := j.h.Userspace; u != nil {
		k = factKey(k, u.System, textKey)
		k = factKey(k, u.XLConf, func(k []byte, m map[string]string) []byte {
			word := m["bootloader_restrict"]
			return append(k, bit(word != "" && word != "0" || m["bootloader_user"] != "", 1))
		})
	}
	return k
}

// guestSigns are the signs of a host that the rules of domains look at.
var guestSigns = []sign{
	hapOption, iommuOff, altp2mOption, withoutAltp2m, oxenstored, xlConf("vif.default.script", "vif-openvswitch"),
}

// running returns what Xen says of a domain; nil when nothing.
func (p *Panel) running(id int) *facts.RunningDomain {
	if i, ok := p.lastOf[id]; ok {
		return &p.j.h.Running.Value[i]
	}
	return nil
}

// runningKey is what Xen says of a domain.
func runningKey(k []byte, r *facts.RunningDomain, b *bounds) []byte {
	if r == nil {
		return append(k, '-')
	}
	k = append(k, 'r', bit(r.HVM, 1)|bit(r.HAP, 2)|bit(r.Pool != 0, 4)|bit(r.MaxPages > 0, 8)|bit(r.Shared > 0, 16)|bit(r.Paged > 0, 32)|
		bit(slices.ContainsFunc(r.BackendIDs, func(id int) bool { return id != 0 }), 64))
	return append(k, place(b.bytes, r.MaxPages*4096))
}

// lastOf finds the running domain of a number; of several the last one counts.
func lastOf(m map[int]int, all []facts.RunningDomain) map[int]int {
	if m == nil || len(m) > 64 {
		m = map[int]int{}
	}
	clear(m)
	for i := range all {
		m[all[i].ID] = i
	}
	return m
}

// domainKey adds configurations to keys: all of one, but for what no rule
// judges by. What types look like is found out once.
type domainKey map[reflect.Type][]domainField

// domainField is a field of a struct, and what is added of it.
type domainField struct {
	n   int
	add func([]byte, reflect.Value) []byte
}

// domainSkips are fields of any type, and of one, that rules do not judge by:
// names, places and what merely is repeated as evidence.
var domainSkips = []string{
	"Line", "Source", "Detail", "Domain.ID", "Domain.Name", "Domain.Unknown", "Domain.Deprecated", "Domain.Label",
	"DomainKey.Use", "DomainDevice.Unknown", "DomainNIC.Bridge", "DomainNIC.Gateway", "DomainPCI.Address", "DomainPCI.Name",
	"DomainP9.Tag", "DomainP9.Path", "DomainChannel.Name", "DomainChannel.Path", "DomainBoot.Ramdisk", "DomainBoot.DeviceTree", "DomainBoot.BootloaderArgs",
}

func (p domainKey) add(k []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		return append(k, bit(v.Bool(), 1))
	case reflect.Int:
		return binary.AppendVarint(k, v.Int())
	case reflect.Uint64:
		return binary.AppendUvarint(k, v.Uint())
	case reflect.String:
		return textKey(k, v.String())
	case reflect.Pointer:
		if v.IsNil() {
			return append(k, 0)
		}
		return p.add(append(k, 1), v.Elem())
	case reflect.Slice:
		k = binary.AppendUvarint(k, uint64(v.Len()))
		for i := range v.Len() {
			k = p.add(k, v.Index(i))
		}
		return k
	case reflect.Struct:
		for _, f := range p.fields(v.Type()) {
			k = f.add(k, v.Field(f.n))
		}
		return k
	}
	panic("no key for " + v.Type().String()) // no fact has such a type; the tests look at every one
}

// fields returns the fields of a type that count.
func (p domainKey) fields(t reflect.Type) []domainField {
	if fs, ok := p[t]; ok {
		return fs
	}
	fs := []domainField{}
	for i := range t.NumField() {
		name := t.Name() + "." + t.Field(i).Name
		f := domainField{i, p.add}
		switch {
		case slices.Contains(domainSkips, t.Field(i).Name), slices.Contains(domainSkips, name):
			continue
		case name == "Domain.Problems":
			f.add = func(k []byte, v reflect.Value) []byte {
				return append(k, bit(damaged(facts.Domain{Problems: v.Interface().([]facts.DomainProblem)}), 1))
			}
		case name == "DomainDisk.Target":
			f.add = func(k []byte, v reflect.Value) []byte {
				return append(k, bit(strings.HasPrefix(v.String(), "/dev/"), 1))
			}
		}
		fs = append(fs, f)
	}
	p[t] = fs
	return fs
}
