package rules

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// DomainVerdict is the judgement of one domain's configuration. It is the
// domain's own: a host is not worse for what one of its guests is given.
type DomainVerdict struct {
	Name   string           `json:"name"`             // empty when the configuration gives none
	Source string           `json:"source,omitempty"` // file the configuration was read from
	Line   int              `json:"line,omitempty"`   // where the domain begins in Source, when it holds several
	ID     *int             `json:"domid,omitempty"`  // number of a running domain; absent for one that was not running
	Type   facts.DomainType `json:"type,omitempty"`   // pv, hvm or pvh with the default filled in; empty when not known
	// Grade is the worst of what the domain uses, Level the worst of each axis.
	Grade Grade         `json:"grade"`
	Level support.Level `json:"level"`
	// Complete is false when something that could make Grade worse is not
	// known.
	Complete bool `json:"complete"`
	// Because holds indices into Findings: those that are worse than supported,
	// worst first, then those that are unknown and could make Grade worse. The
	// finding of a release whose support has ended comes before them and stands
	// for all the rows that are bad for no other reason.
	Because []int `json:"because"`
	// Counted is what is left when waived findings are set aside; nil when that
	// changes nothing.
	Counted *Counted `json:"counted,omitempty"`
	// Findings holds one finding for each row that domains decide and that is
	// about this architecture, used or not, and before them what the domain
	// uses and no row is about.
	Findings []Finding `json:"findings"`
	Notes    []string  `json:"notes,omitempty"`
}

// EvaluateDomains judges configurations of domains by a statement, on a host
// of which as much may be known as one likes: what a default depends on and
// nobody knows stays unknown. Running domains are told from h.Running.
func EvaluateDomains(st *support.Statement, h *facts.Host, ds []facts.Domain, o Options) []DomainVerdict {
	return Compile(st).EvaluateDomains(h, ds, o)
}

// EvaluateDomains judges configurations of domains on a host.
func (c *Judge) EvaluateDomains(h *facts.Host, ds []facts.Domain, o Options) []DomainVerdict {
	return newJudging(c, h, o).domains(ds)
}

func (j *judging) domains(ds []facts.Domain) []DomainVerdict {
	if len(ds) == 0 {
		return nil
	}
	own := make([]ownRow, 0, len(j.entries))
	for i := range j.entries {
		row := &j.entries[i]
		g := row.guest
		if g == nil {
			continue
		}
		if arch, _ := j.isArch(row.Applies.Arch); arch != No {
			own = append(own, ownRow{row, g})
		}
	}
	release := releaseRule.judge(j, nil)
	tainted, strange := j.tainted(), j.boundByStrangers()
	out := make([]DomainVerdict, 0, len(ds))
	for i := range ds {
		out = append(out, j.domain(&ds[i], own, release, strange, tainted))
	}
	return out
}

// ownRow is a row that domains decide, with what decides it.
type ownRow struct {
	row  *entry
	test *guestRow
}

// domain judges one configuration.
func (j *judging) domain(d *facts.Domain, own []ownRow, release, strange []Finding, tainted map[string]string) DomainVerdict {
	g := newGuest(j, d)
	v := DomainVerdict{Name: d.Name.Value, Source: d.Source, Line: d.Line, Type: g.typ.is, Notes: g.notes()}
	if id, ok := d.ID.Get(); ok {
		v.ID = &id
	}
	v.Findings = make([]Finding, 0, len(own)+4) // a few things have no row
	for _, f := range release {
		// Only a release whose support has ended says something of a domain.
		if grade, _ := f.Grade(); grade != GradeSupported {
			f.Rule, f.For = releaseRule.ID, nil
			v.Findings = append(v.Findings, f)
		}
	}
	if id, ok := d.ID.Get(); ok && id == 0 {
		v.Type, v.Notes = "", []string{"This is dom0, which is judged with its host."}
	} else {
		v.Findings = append(g.findings(v.Findings, own), g.usedWithoutRow()...)
		for _, f := range strange {
			types, named := j.entry(f.Row.Key).Applies.Term(support.TermGuest)
			if named && g.typ.known && !slices.Contains(strings.Split(types.Value, "/"), string(g.typ.is)) {
				continue
			}
			f.Domain = d.Name.Value
			v.Findings = append(v.Findings, f)
		}
	}
	if len(tainted) > 0 {
		j.distrust(v.Findings)
	}
	j.waive(v.Findings)
	settle := func(grade Grade, complete bool) (Grade, bool) {
		complete = complete && !g.blank && !damaged(*d)
		if !complete && badness(grade) <= badness(GradeUnknown) {
			grade = GradeUnknown
		}
		return grade, complete
	}
	v.Grade, v.Level, v.Complete, v.Because = j.sum(v.Findings)
	v.Grade, v.Complete = settle(v.Grade, v.Complete)
	if rest := withoutWaived(v.Findings); rest != nil {
		grade, _, complete, _ := j.sum(rest)
		grade, complete = settle(grade, complete)
		v.Counted = counted(v.Grade, grade, v.Complete, complete)
	}
	return v
}

// findings adds what the domain uses beside the rows, then its rows.
func (g *guest) findings(out []Finding, own []ownRow) []Finding {
	for i := range guestExtras {
		if f, ok := g.extra(&guestExtras[i]); ok {
			out = append(out, f)
		}
	}
	for _, o := range own {
		out = append(out, g.finding(o))
	}
	return out
}

// damaged reports whether part of a configuration was not understood, so that
// what it does not say proves nothing.
func damaged(d facts.Domain) bool {
	return slices.ContainsFunc(d.Problems, func(p facts.DomainProblem) bool { return !p.Tolerated })
}

// sum combines the findings of a domain: what it uses counts, what it does not
// use counts for nothing, and what is unknown counts where the answer could
// make the verdict worse.
func (j *judging) sum(fs []Finding) (grade Grade, level support.Level, complete bool, because []int) {
	grade, complete, because = GradeSupported, true, []int{}
	level = support.Level{Functional: support.Supported, Security: support.SecurityYes}
	var unknown []int
	for i, f := range fs {
		g, counts := f.Grade()
		switch {
		case !counts || f.InUse == No:
			continue
		case g == GradeUnknown:
			if worst, ok := f.couldBe(); ok && worst == GradeSupported {
				continue
			}
			complete = false
			unknown = append(unknown, i)
			continue
		case f.Outcome == Judged:
			level.Functional = worseFunctional(level.Functional, f.Level.Functional)
			level.Security = worseSecurity(level.Security, f.Level.Security)
		case f.Outcome == Outside:
			level = support.NothingSaid
		}
		if badness(g) > badness(grade) {
			grade = g
		}
		if f.Rule == releaseRule.ID || badness(f.stated()) > badness(GradeSecurityOnly) {
			because = append(because, i)
		}
	}
	slices.SortStableFunc(because, func(a, b int) int {
		if release := fs[a].Rule == releaseRule.ID; release != (fs[b].Rule == releaseRule.ID) {
			return map[bool]int{true: -1, false: 1}[release]
		}
		return badness(fs[b].stated()) - badness(fs[a].stated())
	})
	return grade, level, complete, append(because, unknown...)
}

// stated returns the grade of a finding by its row alone, before the release
// gate: where support has ended, every row is as bad.
func (f Finding) stated() Grade {
	f.Level = f.Stated
	g, _ := f.Grade()
	return g
}

// couldBe returns the grade that a finding's row would have if it were in use;
// ok is false when that is open as well.
func (f Finding) couldBe() (g Grade, ok bool) {
	if f.Outcome != Unknown || f.Level == (support.Level{}) {
		return "", false
	}
	f.Outcome = Judged
	return f.stated(), true
}

// guestRow tells from the configuration of a domain whether it uses what a row
// is about.
type guestRow struct {
	rule string
	rows []string // keys of rows, or anchors of headings: the first entry that names a row counts
	test func(*guest, support.Row) use
	// blind says why a no of the test proves nothing; empty when it does.
	blind string
	// oneSided is true when the test says no or leaves it open, and never yes.
	oneSided bool
	do       string // how to change it: which key, option or file
}

// guestExtra is something a domain can use and no row is about.
type guestExtra struct {
	rule, title string
	test        func(*guest) use
	why         string // what it is, and that no row names it
}

// use is what one domain's configuration says of one thing.
type use struct {
	in   Tri
	seen []Seen
	line int    // in the domain's source; 0 when it rests on a default
	why  string // a sentence, where the evidence alone says too little
	// hidden says what would tell, when the configuration never can. Such a
	// question is left open without lowering the verdict.
	hidden  string
	outside bool           // in use, and the row leaves this use out
	level   *support.Level // in use, and this is what the row says of this use
	lacks   []string
	notes   []string
	do      string // instead of the entry's own
}

// guestRowOf returns the entry for a row: one that names its key, else one that
// names its heading; nil when domains do not decide it.
func guestRowOf(row *support.Row) *guestRow {
	index := guestRowsByName()
	if g := index[row.Key]; g != nil {
		return g
	}
	return index[row.Heading]
}

// guestRowsByName finds the first entry that names a key or a heading.
var guestRowsByName = sync.OnceValue(func() map[string]*guestRow {
	index := map[string]*guestRow{}
	for _, table := range guestRows {
		for i := range table {
			for _, name := range table[i].rows {
				if index[name] == nil {
					index[name] = &table[i]
				}
			}
		}
	}
	return index
})

// finding judges one row for one domain.
func (g *guest) finding(o ownRow) Finding {
	row, t := o.row, o.test
	f := Finding{Rule: t.rule, Row: row.ref, Title: row.title, Domain: g.d.Name.Value, Applies: Yes, InUse: Maybe}
	u := t.test(g, *row.Row)
	f.InUse, f.Seen, f.Line = u.in, u.seen, u.line
	if u.in != No && (!row.Meaning.Understood() || !row.Applies.Understood()) {
		return illegible(f, row)
	}
	level := row.Meaning.Level
	if u.level != nil {
		level = *u.level
	}
	switch {
	case u.in == Yes && u.outside:
		f.Outcome, f.Stated, f.Level = Outside, support.NothingSaid, support.NothingSaid
		f.Lacks = u.lacks
	case u.in == Yes:
		f = g.j.say(f, level)
		if u.level == nil {
			f.Condition = row.Meaning.Condition
		}
	case u.hidden != "" || u.in == No && t.blind != "":
		f.Outcome, f.InUse, f.Needs = NotVisible, Maybe, cmp.Or(u.hidden, "needs more than its configuration")
		f.Stated, f.Level = level, g.j.gated(level)
		f.Why = cmp.Or(u.why, t.blind)
		return f
	case u.in == No:
		f = g.j.say(f, level)
		f.Why = cmp.Or(u.why, "It is not in use.")
		return f
	default:
		f.Outcome = Unknown
		f.Stated, f.Level = level, g.j.gated(level)
		f.Why = cmp.Or(u.why, "Whether the domain uses it is not known"+becauseOf(u.seen)+".")
		f.Do = u.do
		return f
	}
	f.Why = cmp.Or(u.why, "The domain uses it"+shownBy(u.seen)+".")
	if grade, _ := f.Grade(); grade != GradeSupported && grade != GradeSecurityOnly {
		f.Do = cmp.Or(u.do, t.do)
		if g.d.Form == facts.BootTree && strings.Contains(f.Do, "=") {
			// That is how a toolstack's configuration says it.
			f.Do = "Change the domain's node in the device tree that Xen is booted with."
		}
	}
	f.Notes = u.notes
	if row.Note != "" && f.Condition != support.NoCondition {
		f.Notes = append(slices.Clip(f.Notes), row.Note)
	}
	return f
}

// extra reports a thing that no row is about; ok is false when the domain does
// not use it.
func (g *guest) extra(e *guestExtra) (f Finding, ok bool) {
	u := e.test(g)
	if u.in != Yes {
		return f, false
	}
	outcome := NotStated
	if u.outside {
		outcome = Outside
	}
	return Finding{Rule: e.rule, Title: e.title, Domain: g.d.Name.Value, Line: u.line, Outcome: outcome,
		Stated: support.NothingSaid, Level: support.NothingSaid, Applies: Yes, InUse: Yes, Seen: u.seen,
		Why: e.why, Do: u.do, Notes: u.notes}, true
}

// shownBy names the evidence of a use: all of it makes the use one.
func shownBy(seen []Seen) string {
	var words []string
	for _, s := range seen {
		if w := s.What + " is " + s.Value; !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, ", ")
}

func becauseOf(seen []Seen) string {
	for _, s := range seen {
		if s.Cause != "" {
			return ": " + s.What + " is unknown, " + s.Cause
		}
	}
	return ""
}

// fold brings what domains use into the findings of their host. A row that
// domains decide stays one finding: in use, naming the domains that use it;
// not in use, when the configurations of all domains were read and none does;
// else as it was. Nothing of it touches the host's verdict.
func (j *judging) fold(fs []Finding, ds []DomainVerdict) {
	if len(ds) == 0 && !j.h.Domains.IsKnown() && !j.h.Domains.IsAbsent() {
		return
	}
	complete := j.allDomains() && !slices.ContainsFunc(j.h.Domains.Value, damaged)
	type tally struct {
		users []string
		open  bool
		worst *Finding
	}
	rows := map[string]*tally{}
	for i := range ds {
		for k := range ds[i].Findings {
			f := &ds[i].Findings[k]
			if f.Row == nil || f.Row.Key == "" {
				continue
			}
			t := rows[f.Row.Key]
			if t == nil {
				t = &tally{}
				rows[f.Row.Key] = t
			}
			switch {
			case f.InUse == Yes && ds[i].unlisted():
				t.open = true // whether there is any is not known
			case f.InUse == Yes:
				t.users = append(t.users, ds[i].label())
				if t.worst == nil || worseThan(*f, *t.worst) {
					t.worst = f
				}
			case f.InUse == Maybe:
				t.open = true
			}
		}
	}
	for i := range fs {
		f := &fs[i]
		if f.Row == nil || f.Outcome == NotApplicable || f.Outcome == NotEvaluated {
			continue
		}
		row := j.entry(f.Row.Key)
		if row == nil || row.guest == nil {
			continue
		}
		t := rows[row.Key]
		switch {
		case t != nil && len(t.users) > 0:
			j.usedBy(f, t.users, *t.worst)
		case complete && (t == nil || !t.open) && f.Outcome == NotVisible:
			*f = j.say(*f, row.Meaning.Level)
			f.Applies, f.InUse, f.Needs = Yes, No, ""
			f.Seen = []Seen{{What: "domains", Value: itoa(len(ds)) + " read", Source: j.h.Domains.Source}}
			f.Why = "No domain that was read uses it."
		case complete && (t == nil || !t.open) && f.Outcome == Judged && f.InUse == Maybe && isGuestRule(f.Rule):
			f.InUse = No // otherwise a domain of which too little is known may use it
		}
	}
}

// isGuestRule reports whether a rule says of a kind of guest what it needs of
// the host, and nothing of whether there is one.
func isGuestRule(id string) bool {
	for _, r := range []*Rule{&pvRule, &hvmRule, &pvhRule, &armGuestRule, &passthroughRule, &armPassthroughRule} {
		if r.ID == id {
			return true
		}
	}
	return false
}

// usedBy marks a finding of the host as in use by domains.
func (j *judging) usedBy(f *Finding, users []string, worst Finding) {
	const most = 8
	names := strings.Join(users[:min(len(users), most)], ", ")
	if more := len(users) - most; more > 0 {
		names += " and " + itoa(more) + " more"
	}
	s := Seen{What: "domains that use it", Value: names, Source: j.h.Domains.Source}
	switch {
	case f.Outcome == NotVisible || f.Outcome == Judged && f.InUse != Yes && len(f.For) == 0:
		f.Outcome, f.Stated, f.Level, f.Condition = worst.Outcome, worst.Stated, worst.Level, worst.Condition
		f.Applies, f.InUse, f.Needs = Yes, Yes, ""
		f.Seen, f.Lacks, f.Notes, f.Do = []Seen{s}, worst.Lacks, worst.Notes, worst.Do
		f.Why = "Used by " + names + "."
	default:
		// The row is judged by the host already; domains add that it is used.
		if f.Outcome == Judged {
			f.InUse = Yes
		}
		f.Seen = append(f.Seen, s)
		f.Why += " Used by " + names + "."
	}
}

// allDomains reports whether the configuration of every domain is known: of a
// host without Xen those that were read, under Xen one for each running domain.
func (j *judging) allDomains() bool {
	if j.h.Domains.Problem != nil || !j.h.Domains.IsKnown() && !j.h.Domains.IsAbsent() {
		return false
	}
	if !j.underXen() {
		// Besides those that Xen starts, a toolstack may start others.
		return !slices.ContainsFunc(j.h.Domains.Value, func(d facts.Domain) bool { return d.Form == facts.BootTree })
	}
	running, ok := j.h.Running.Get()
	for range j.unconfigured(running) {
		return false
	}
	return ok
}

// unconfigured yields the running guests of which no configuration was read.
// Domain 0 and the domain of xenstore are no guests.
func (j *judging) unconfigured(running []facts.RunningDomain) iter.Seq[*facts.RunningDomain] {
	return func(yield func(*facts.RunningDomain) bool) {
		var read map[int]bool
		for i := range j.h.Domains.Value {
			if id, ok := j.h.Domains.Value[i].ID.Get(); ok {
				if read == nil {
					read = map[int]bool{}
				}
				read[id] = true
			}
		}
		for i := range running {
			if r := &running[i]; r.ID != 0 && !r.Xenstore && !read[r.ID] && !yield(r) {
				return
			}
		}
	}
}

// hostDomains judges the domains of the host itself: those whose configuration
// was read, and the running ones that show nothing but their flags.
func (j *judging) hostDomains() []DomainVerdict {
	ds := slices.Clone(j.h.Domains.Value)
	for r := range j.flagsOnly() {
		ds = append(ds, unread(r.ID))
	}
	if j.domainsLost() {
		ds = append(ds, unlisted())
	}
	return j.domains(ds)
}

// flagsOnly yields the running domains that show nothing but their flags.
func (j *judging) flagsOnly() iter.Seq[*facts.RunningDomain] {
	running, ok := j.h.Running.Get()
	if !ok {
		running = nil
	}
	return j.unconfigured(running)
}

// domainsLost reports whether domains may run here that could not be listed.
func (j *judging) domainsLost() bool {
	p := j.h.Running.Problem
	return !j.h.Running.IsKnown() && p != nil && p.Cause != facts.NotRecorded && j.mayBeUnderXen() && j.h.Machine.Kind.Value != facts.DomU
}

// unread is a running domain of which nothing but its flags is known.
func unread(id int) facts.Domain {
	return facts.Domain{ID: facts.Set(id, 0), Name: facts.Set("domain "+itoa(id), 0)}
}

// unlisted stands for domains that could not be listed: whatever runs is not
// known to be well.
func unlisted() facts.Domain {
	return facts.Domain{Name: facts.Set(unlistedDomains, 0)}
}

// HostDomains judges the domains of a host, as Evaluate does.
func (c *Judge) HostDomains(h *facts.Host, o Options) []DomainVerdict {
	return newJudging(c, h, o).hostDomains()
}

// unlistedDomains names what stands for the domains that a host may have, where
// their list could not be read.
const unlistedDomains = "domains that could not be listed"

func (v DomainVerdict) unlisted() bool {
	return v.Name == unlistedDomains && v.ID == nil && v.Source == ""
}

func (v DomainVerdict) label() string {
	return cmp.Or(v.Name, v.Source, "a domain without a name")
}

func worseThan(a, b Finding) bool {
	ga, _ := a.Grade()
	gb, _ := b.Grade()
	return badness(ga) > badness(gb)
}
