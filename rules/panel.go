package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// Panel judges many hosts by several statements and says of each only what it
// comes to: the grade, and what makes it. It is the same judgement that
// [Judge.Evaluate] passes, by the same rules, for a small part of the price:
// rules look at few facts at a time, and what a rule said when those were the
// same is remembered. Domains of the host, which touch no grade of their host,
// are judged apart.
//
// A Panel is not safe for use by several goroutines at a time; the judges may
// be shared.
type Panel struct {
	o      Options
	wanted []int // indices of intents
	seats  []seat
	bounds bounds

	j     judging            // of the present host
	views [facetCount]*view  // likewise; nil until asked for
	uses  []*view            // likewise: what its Xen uses
	told  bool               // uses are those of the present host
	known [facetCount]memory // of earlier hosts
	used  memory             // likewise
	parts [][]*Mark
	marks map[Mark]*Mark // every mark once
	key   []byte
	brief Brief

	met       bool // guests are those of the present host
	meeting   uint64
	lastOf    map[int]int // of the present host's running domains, by number
	guests    []guestView
	domains   memory // of domains of earlier hosts
	domainKey domainKey
	briefs    []*DomainBrief

	// Asked counts how often what a rule says was needed, Remembered how often
	// it was known already.
	Asked, Remembered uint64
}

// seat is a judge and what it makes of the options.
type seat struct {
	*Judge
	phase support.Phase
	// whole is set where judging by facets would not do: a statement with text
	// that was not understood, or that names CPUs where no statement did.
	whole bool
}

// Brief is what a verdict comes to.
type Brief struct {
	Statement *support.Statement
	Phase     support.Phase
	Grade     Grade // as in Verdict.Overall
	Level     support.Level
	Complete  bool
	// Hurts holds the findings that count for what is wanted and are, by what
	// is stated and whatever became of the release since, worse than supported
	// or unknown, in the order of the statement. That the release has ended is
	// one of them.
	Hurts []*Mark
	// Counted is what is left when waived findings are set aside; nil when that
	// changes nothing.
	Counted *Counted
	// Waivers tells what became of each waiver of the options, also of those
	// for domains; nil without any.
	Waivers []WaiverUse
}

// Mark is a finding without its evidence.
type Mark struct {
	Rule    string
	Key     string // of the row; empty for a property without a row
	Title   string
	Outcome Outcome
	Stated  support.Level
	Level   support.Level
	// Grade is what it comes to; Reason likewise, by what the row states: it
	// leaves out that the release has ended, which has a finding of its own.
	Grade, Reason Grade
	Do            string
	Cause         string // why it is unknown, in words, without the details of one host
	Waived        bool

	counts bool
	intent uint32 // bits of Finding.For
	order  uint64
}

// NewPanel returns a panel without judges. Waivers among the options cost the
// full price.
func NewPanel(o Options) *Panel {
	p := &Panel{o: o, marks: map[Mark]*Mark{}, domainKey: domainKey{}}
	for i, in := range Intents() {
		if slices.Contains(o.For, in.ID) || len(o.For) == 0 && in.ID == Base {
			p.wanted = append(p.wanted, i)
		}
	}
	return p
}

// Add adds a judge and returns its number.
func (p *Panel) Add(c *Judge) int {
	p.seats = append(p.seats, seat{Judge: c, phase: c.st.Header.Phase(p.o.At), whole: c.doubted || len(c.strangers) > 0 || c.particular()})
	p.bounds.add(c)
	p.forget() // limits may divide amounts in another way now
	return len(p.seats) - 1
}

// forget forgets what was said of earlier hosts.
func (p *Panel) forget() {
	for i := range p.known {
		p.known[i] = memory{}
	}
	p.used, p.domains = memory{}, memory{}
}

// particular reports whether rows speak of CPUs under headings where no rule
// looks at CPUs.
func (c *Judge) particular() bool {
	names := func(row *entry) bool {
		return slices.ContainsFunc(row.Applies.Terms, func(t support.Term) bool {
			return t.Kind == support.TermXenState || t.Kind == support.TermCore || t.Kind == support.TermCPU
		})
	}
	for i, share := range c.shares {
		if c.rules[i].ID != architectureRule.ID && slices.ContainsFunc(share, names) {
			return true
		}
	}
	return slices.ContainsFunc(c.rest, names)
}

// Host takes the next host.
func (p *Panel) Host(h *facts.Host) {
	if len(p.marks) > mostMarks {
		clear(p.marks)
		p.forget()
	}
	p.views = [facetCount]*view{}
	p.told, p.met = false, false
	clear(p.guests) // they point into the last one
	p.j = judging{h: h, o: p.o, brief: true}
	p.j.hostSide()
	p.j.under, p.j.set = p.j.underXen(), p.j.setUp()
}

// What is remembered is bounded, whatever the hosts.
const (
	mostMarks = 1 << 12
	mostViews = 1 << 11 // of a facet
)

// memory finds what was said when the facts of a facet were the same.
type memory map[string]*view

// view is what the rules of a facet say, by judge.
type view struct {
	by          [][]*Mark
	usage       *usage
	declaration *declaration
	briefs      []*DomainBrief // of a domain, by judge
	met         uint64         // likewise: the last meeting it was at
}

// By judges the present host. The result is good until the next call; its
// marks stay good.
func (p *Panel) By(judge int) *Brief {
	s := &p.seats[judge]
	p.brief = Brief{Statement: s.st, Phase: s.phase, Hurts: p.brief.Hurts[:0]}
	if s.whole || len(p.o.Waivers) > 0 {
		p.wholly(s)
	} else {
		p.sit(s)
		p.parts = p.parts[:0]
		for i := range facets {
			p.parts = append(p.parts, p.part(i, judge))
		}
		if !p.told || !p.j.runs {
			p.findUses()
		}
		for i := range p.uses {
			p.parts = append(p.parts, p.usePart(i, judge))
		}
		p.sum(p.parts)
	}
	slices.SortFunc(p.brief.Hurts, func(a, b *Mark) int { return cmp.Compare(a.order, b.order) })
	return &p.brief
}

// sit makes a judge the one that judges.
func (p *Panel) sit(s *seat) { p.j.Judge, p.j.phase = s.Judge, s.phase }

// part returns what a facet comes to for one judge.
func (p *Panel) part(facet, judge int) []*Mark {
	p.Asked++
	f := &facets[facet]
	v := p.views[facet]
	if v == nil || f.release && !p.j.runs {
		p.key = f.key(&p.bounds, &p.j, p.j.base(p.key[:0]))
		v = p.known[facet].find(p.key)
		p.views[facet] = v
	}
	if have := v.of(judge, len(p.seats)); have != nil {
		p.Remembered++
		return have
	}
	v.by[judge] = p.judge(f)
	return v.by[judge]
}

// findUses finds what the present host's Xen uses.
func (p *Panel) findUses() {
	p.told, p.uses = true, p.uses[:0]
	p.key = p.j.base(p.key[:0])
	p.j.usesOf(p.key, func(key []byte, u *usage, d *declaration) {
		v := p.used.find(key)
		v.usage, v.declaration = u, d
		p.uses = append(p.uses, v)
	})
}

// usePart returns what a use comes to for one judge.
func (p *Panel) usePart(i, judge int) []*Mark {
	p.Asked++
	v := p.uses[i]
	if have := v.of(judge, len(p.seats)); have != nil {
		p.Remembered++
		return have
	}
	out := []*Mark{}
	rule := func(id string) int {
		return slices.IndexFunc(p.j.rules, func(r Rule) bool { return r.ID == id })
	}
	if d := v.declaration; d != nil {
		i := rule(elsewhereRule.ID)
		f := p.j.declared(d, reading{})
		p.j.attribute(&p.j.rules[i], &f)
		out = p.add(out, &f, i, slices.IndexFunc(declarations, func(o declaration) bool { return o.title == d.title }))
	} else {
		i := rule(usageRuleID)
		for _, row := range p.j.shares[i] {
			if row.usage == v.usage {
				fs := []Finding{p.j.used(row, row.usage)}
				p.j.caveats(fs)
				p.j.attribute(&p.j.rules[i], &fs[0])
				out = p.add(out, &fs[0], i, 0)
			}
		}
	}
	v.by[judge] = out
	return out
}

// find returns the view of a key, an empty one if there is none yet.
func (m *memory) find(key []byte) *view {
	v := (*m)[string(key)]
	if v == nil {
		v = &view{}
		if len(*m) >= mostViews || *m == nil {
			*m = memory{}
		}
		(*m)[string(key)] = v
	}
	return v
}

// of returns what was said to a judge; nil when nothing was yet.
func (v *view) of(judge, judges int) []*Mark {
	if len(v.by) <= judge {
		v.by = append(v.by, make([][]*Mark, judges-len(v.by))...)
	}
	return v.by[judge]
}

// judge lets the rules of a facet speak.
func (p *Panel) judge(f *facet) []*Mark {
	out := []*Mark{}
	for i := range p.j.rules {
		r := &p.j.rules[i]
		if slices.Contains(f.rules, r.ID) {
			findings := r.judge(&p.j, p.j.shares[i])
			p.j.caveats(findings)
			for k := range findings {
				p.j.attribute(r, &findings[k])
				out = p.add(out, &findings[k], i, k)
			}
		}
	}
	return out
}

// add adds the mark of a finding if it counts for anything.
func (p *Panel) add(out []*Mark, f *Finding, rule, k int) []*Mark {
	if len(f.For) == 0 {
		return out
	}
	m := Mark{Rule: f.Rule, Title: f.Title, Outcome: f.Outcome, Stated: f.Stated, Level: f.Level, Do: f.Do, Waived: f.Waived != nil,
		order: uint64(f.line())<<32 | uint64(rule)<<16 | uint64(k)}
	if f.Row != nil {
		m.Key = f.Row.Key
	}
	m.Grade, m.counts = f.grade()
	m.Reason = m.Grade
	if m.counts && f.Outcome == Judged && f.Rule != releaseRule.ID {
		m.Reason = f.stated()
	}
	if m.Grade == GradeUnknown {
		m.Cause = f.cause()
	}
	for i, in := range intents {
		if slices.Contains(f.For, in.ID) {
			m.intent |= 1 << i
		}
	}
	return append(out, p.once(m))
}

// once returns the one of all equal marks.
func (p *Panel) once(m Mark) *Mark {
	same := p.marks[m]
	if same == nil {
		same = &m
		p.marks[m] = same
	}
	return same
}

// cause says why a finding is unknown, without the details of one host.
func (f *Finding) cause() string {
	if f.Outcome == NotEvaluated {
		return "the row is outside the grammar"
	}
	for _, s := range f.Seen {
		if s.Cause != "" {
			cause, _, _ := strings.Cut(s.Cause, " (")
			return cause
		}
	}
	return "it could not be told"
}

// sum combines marks as answers combines findings.
func (p *Panel) sum(parts [][]*Mark) {
	b := &p.brief
	var relevant uint32 = 1 // running Xen counts for everything
	for n, i := range p.wanted {
		relevant |= 1 << i
		grade, level, complete := p.answer(i, parts)
		if n == 0 {
			b.Grade, b.Level, b.Complete = grade, level, complete
			continue
		}
		if badness(grade) > badness(b.Grade) {
			b.Grade = grade
		}
		b.Level.Functional = worseFunctional(b.Level.Functional, level.Functional)
		b.Level.Security = worseSecurity(b.Level.Security, level.Security)
		b.Complete = b.Complete && complete
	}
	if !b.Complete && badness(b.Grade) < badness(GradeUnknown) {
		b.Grade = GradeUnknown
	}
	for _, part := range parts {
		for _, m := range part {
			if m.counts && m.Reason != GradeSupported && m.intent&relevant != 0 {
				b.Hurts = append(b.Hurts, m)
			}
		}
	}
}

// answer is [judging.answer] for marks.
func (p *Panel) answer(intent int, parts [][]*Mark) (grade Grade, level support.Level, complete bool) {
	in := &intents[intent]
	if !in.X86 && p.j.arch.X86() || !in.Arm && p.j.arch.Arm() {
		return GradeOutside, support.NothingSaid, true
	}
	var own, impossible, outside bool
	grade, complete = GradeSupported, true
	level = support.Level{Functional: support.Supported, Security: support.SecurityYes}
	for _, part := range parts {
		for _, m := range part {
			mine := m.intent>>intent&1 != 0
			if !mine && m.intent&1 == 0 {
				continue
			}
			if mine {
				impossible = impossible || m.Outcome == NotApplicable
				own = own || m.Outcome != NotApplicable
			}
			switch {
			case !m.counts:
				continue
			case m.Grade == GradeUnknown:
				complete = false
				continue
			case m.Outcome == Judged:
				level.Functional = worseFunctional(level.Functional, m.Level.Functional)
				level.Security = worseSecurity(level.Security, m.Level.Security)
			default:
				outside = true
			}
			if badness(m.Grade) > badness(grade) {
				grade = m.Grade
			}
		}
	}
	if in.ID != Base && !own && impossible {
		grade, outside = GradeOutside, true
	}
	if outside {
		level = support.NothingSaid
	}
	if !complete && badness(grade) <= badness(GradeUnknown) {
		grade = GradeUnknown
	}
	return grade, level, complete
}

// wholly judges without facets.
func (p *Panel) wholly(s *seat) {
	v := s.Evaluate(p.j.h, p.o)
	b := &p.brief
	b.Grade, b.Level, b.Complete, b.Counted = v.Overall.Grade, v.Overall.Level, v.Overall.Complete, v.Overall.Counted
	b.Waivers = v.Waivers
	var relevant uint32 = 1
	for _, i := range p.wanted {
		relevant |= 1 << i
	}
	var marks []*Mark
	for i := range v.Findings {
		marks = p.add(marks, &v.Findings[i], 0, i)
	}
	for _, m := range marks {
		if m.counts && m.Reason != GradeSupported && m.intent&relevant != 0 {
			b.Hurts = append(b.Hurts, m)
		}
	}
}
