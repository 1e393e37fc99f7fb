package main

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/fleet"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// fleetJudge is the judge of many hosts: what a host is judged by is made ready
// once.
type fleetJudge struct {
	*judge
	tool   string // toolName, which is looked up in the program
	mu     sync.RWMutex
	stated map[*support.Statement]*fleet.Statement
	same   map[statementID]*fleet.Statement
}

// statementID tells statements apart: one may have been opened under two names.
type statementID struct{ release, revision, origin string }

func newFleetJudge(j *judge) *fleetJudge {
	return &fleetJudge{judge: j, tool: toolName(), stated: map[*support.Statement]*fleet.Statement{}, same: map[statementID]*fleet.Statement{}}
}

// Seat implements [fleet.Judge].
func (f *fleetJudge) Seat() fleet.Seat {
	return &fleetSeat{
		fleetJudge: f, panel: rules.NewPanel(f.options()), seats: map[purpose]int{}, auto: map[[2]int]seated{},
		marks: map[*rules.Mark]*fleet.Hurt{}, guests: map[*rules.DomainBrief][]*fleet.Hurt{}, hurts: map[fleet.Hurt]*fleet.Hurt{}, lists: map[string][]*fleet.Hurt{},
	}
}

// fleetSeat judges on one goroutine.
type fleetSeat struct {
	*fleetJudge
	panel  *rules.Panel
	seats  map[purpose]int   // numbers of the panel
	auto   map[[2]int]seated // by the version of a Xen
	marks  map[*rules.Mark]*fleet.Hurt
	guests map[*rules.DomainBrief][]*fleet.Hurt
	hurts  map[fleet.Hurt]*fleet.Hurt // every hurt once
	lists  map[string][]*fleet.Hurt   // room, by release
	h      *facts.Host                // the present one
	shown  bool                       // it was shown to the panel
}

// seated is a statement that was chosen, with the number of its judge.
type seated struct {
	seat int
	d    *fleet.Statement
	how  report.How
}

// mostHurts bounds the maps of a seat.
const mostHurts = 1 << 12

// Host implements [fleet.Seat].
func (s *fleetSeat) Host(h *facts.Host) {
	s.h, s.shown = h, false
	if h == nil {
		s.panel.Host(&facts.Host{})
	}
}

// Judge implements [fleet.Seat].
func (s *fleetSeat) Judge(release string, full bool) (fleet.Judgement, error) {
	h := s.h
	if len(s.marks) > mostHurts || len(s.hurts) > mostHurts || len(s.guests) > mostHurts {
		clear(s.marks)
		clear(s.guests)
		clear(s.hurts)
	}
	if full {
		return s.report(h, release)
	}
	by, err := s.choose(h, release)
	if err != nil {
		return fleet.Judgement{}, err
	}
	if !s.shown {
		s.panel.Host(h)
		s.shown = true
	}
	b := s.panel.By(by.seat)
	list := s.lists[release][:0]
	for _, m := range b.Hurts {
		list = append(list, s.mark(m))
	}
	ds := s.panel.Domains(by.seat)
	for _, d := range ds {
		list = s.guest(list, len(b.Hurts), d)
	}
	s.arrange(list[:len(b.Hurts)], list[len(b.Hurts):])
	s.lists[release] = list
	return fleet.Judgement{
		Statement: by.d, How: by.how, Grade: b.Grade, Complete: b.Complete, Level: b.Level,
		Exit: report.FailOn(s.o.failOn).ExitOf(b.Grade, b.Complete, b.Counted, ds), Hurts: list, Waivers: b.Waivers,
	}, nil
}

// report judges a host in full.
func (s *fleetSeat) report(h *facts.Host, release string) (fleet.Judgement, error) {
	st, choice, err := s.statement(h, release)
	if err != nil {
		return fleet.Judgement{}, err
	}
	v := s.compiled(st, ofRunning(h, release)).Evaluate(h, s.options())
	return fleet.Judgement{
		Statement: s.describeOnce(st), How: choice.How, Grade: v.Overall.Grade, Complete: v.Overall.Complete, Level: v.Overall.Level,
		Exit: report.FailOn(s.o.failOn).Exit(v), Hurts: s.arrange(s.hostHurts(v), s.domainHurts(v.Domains)), Waivers: v.Waivers,
		Report: report.New(s.tool, h, s.describe(st, h), choice, v, report.FailOn(s.o.failOn)),
	}, nil
}

// choose is judge.statement for many hosts: what there is to say of the choice
// is left out, and what a version leads to is remembered.
func (s *fleetSeat) choose(h *facts.Host, release string) (seated, error) {
	if release != auto {
		st, err := s.open(release)
		if err != nil {
			return seated{}, err
		}
		return s.sit(purpose{st: st}, report.Asked), nil
	}
	key := [2]int{-1, 0}
	switch {
	case h.Xen.Running.IsKnown():
		key = [2]int{h.Xen.Running.Value.Major, h.Xen.Running.Value.Minor}
	case len(h.Xen.Installed.Value) > 0:
		key[0] = -2 // seldom, and not so simple
	case ofRunning(h, auto):
		key[0] = -3 // which Xen is not known
	}
	if by, ok := s.auto[key]; ok {
		return by, nil
	}
	st, choice, err := s.statement(h, auto)
	if err != nil {
		return seated{}, err
	}
	by := s.sit(purpose{st, ofRunning(h, auto)}, choice.How)
	if key[0] != -2 && len(s.auto) < mostHurts {
		s.auto[key] = by
	}
	return by, nil
}

// sit returns the number of a statement's judge.
func (s *fleetSeat) sit(p purpose, how report.How) seated {
	n, ok := s.seats[p]
	if !ok {
		n = s.panel.Add(s.compiled(p.st, p.ofRunning))
		s.seats[p] = n
		s.shown = false // what it knows of the host is for the judges it had
	}
	return seated{n, s.describeOnce(p.st), how}
}

// mark returns the one hurt of a mark.
func (s *fleetSeat) mark(m *rules.Mark) *fleet.Hurt {
	h := s.marks[m]
	if h == nil {
		hurt := fleet.Hurt{Key: m.Key, Title: m.Title, Grade: m.Reason, Do: m.Do}
		if m.Reason == rules.GradeUnknown {
			hurt.Cause = m.Cause
		}
		h = s.hurt(hurt)
		s.marks[m] = h
	}
	return h
}

// guest adds what hurts a domain to a list, beginning at from, of what hurts
// domains.
func (s *fleetSeat) guest(list []*fleet.Hurt, from int, d *rules.DomainBrief) []*fleet.Hurt {
	hurts, ok := s.guests[d]
	if !ok {
		for _, m := range d.Hurts {
			h := s.hurt(fleet.Hurt{Key: m.Key, Title: m.Title, Grade: m.Reason, Do: m.Do, Cause: m.Cause, Domains: true})
			if !slices.Contains(hurts, h) {
				hurts = append(hurts, h)
			}
		}
		s.guests[d] = hurts
	}
	for _, h := range hurts {
		if !slices.Contains(list[from:], h) {
			list = append(list, h)
		}
	}
	return list
}

// hurt returns the one of all equal ones.
func (s *fleetSeat) hurt(h fleet.Hurt) *fleet.Hurt {
	one := s.hurts[h]
	if one == nil {
		one = &h
		s.hurts[h] = one
	}
	return one
}

// Horizon implements [fleet.Judge].
func (f *fleetJudge) Horizon(branch string) *fleet.Statement {
	st, err := f.open(branch)
	if err != nil {
		return nil
	}
	return f.describeOnce(st)
}

// describeOnce returns the one description of a statement.
func (f *fleetJudge) describeOnce(st *support.Statement) *fleet.Statement {
	f.mu.RLock()
	d := f.stated[st]
	f.mu.RUnlock()
	if d != nil {
		return d
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := statementID{cmp.Or(st.Header.Release(), st.Name), st.Provenance.Commit, st.Provenance.Origin}
	if d = f.same[id]; d == nil {
		d = &fleet.Statement{Statement: report.Describe(st), Phase: st.Header.Phase(f.at)}
		d.Warnings = f.warnings(st)
		f.same[id] = d
	}
	f.stated[st] = d
	return d
}

// releaseRule is the rule that says where a release stands.
const releaseRule = "release"

// hostHurts lists the findings that lower the verdict for what is wanted.
func (s *fleetSeat) hostHurts(v *rules.Verdict) []*fleet.Hurt {
	var list []*fleet.Hurt
	for i := range v.Findings {
		f := &v.Findings[i]
		if slices.ContainsFunc(f.For, func(id string) bool { return id == rules.Base || slices.Contains(v.Intents, id) }) {
			list = s.add(list, f, false)
		}
	}
	return list
}

// domainHurts lists what lowers the verdicts of domains.
func (s *fleetSeat) domainHurts(ds []rules.DomainVerdict) []*fleet.Hurt {
	var list []*fleet.Hurt
	for i := range ds {
		for _, k := range ds[i].Because {
			list = s.add(list, &ds[i].Findings[k], true)
		}
	}
	return list
}

// add adds a finding if it lowers a verdict. That the release has ended is one
// reason, not one for every row.
func (s *fleetSeat) add(list []*fleet.Hurt, f *rules.Finding, domains bool) []*fleet.Hurt {
	stated := *f
	if f.Outcome == rules.Judged && f.Rule != releaseRule {
		stated.Level = f.Stated
	}
	g, counts := stated.Grade()
	if !counts || g == rules.GradeSupported {
		return list
	}
	h := fleet.Hurt{Title: f.Title, Grade: g, Do: f.Do, Domains: domains}
	if f.Row != nil {
		h.Key = f.Row.Key
	}
	if g == rules.GradeUnknown {
		h.Cause = unknownCause(f)
	}
	one := s.hurt(h)
	if slices.Contains(list, one) { // of another domain
		return list
	}
	return append(list, one)
}

// arrange puts the hurts of a host before those of its domains; of each the
// worst first, and what is unknown last.
func (s *fleetSeat) arrange(host, domains []*fleet.Hurt) []*fleet.Hurt {
	for _, list := range [][]*fleet.Hurt{host, domains} {
		slices.SortStableFunc(list, func(a, b *fleet.Hurt) int {
			switch {
			case a.Grade == b.Grade:
				return 0
			case a.Grade == rules.GradeUnknown, b.Grade != rules.GradeUnknown && b.Grade.AtLeast(a.Grade):
				return 1
			}
			return -1
		})
	}
	return append(host, domains...)
}

// unknownCause says why a finding is unknown, without the details of one host.
func unknownCause(f *rules.Finding) string {
	if f.Outcome == rules.NotEvaluated {
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

// intents returns what the hosts are wanted for.
func (o *judgeOptions) intents() []string {
	if len(o.wanted) == 0 {
		return []string{rules.Base}
	}
	return o.wanted
}
