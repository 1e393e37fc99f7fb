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
	mu     sync.RWMutex
	stated map[*support.Statement]*fleet.Statement
	same   map[statementID]*fleet.Statement
}

// statementID tells statements apart: one may have been opened under two names.
type statementID struct{ release, revision, origin string }

func newFleetJudge(j *judge) *fleetJudge {
	return &fleetJudge{judge: j, stated: map[*support.Statement]*fleet.Statement{}, same: map[statementID]*fleet.Statement{}}
}

// Judge implements [fleet.Judge].
func (f *fleetJudge) Judge(h *facts.Host, release string, full bool) (fleet.Judgement, error) {
	st, choice, err := f.statement(h, release)
	if err != nil {
		return fleet.Judgement{}, err
	}
	v := f.compiled(st).Evaluate(h, f.options())
	j := fleet.Judgement{
		Statement: f.describeOnce(st), How: choice.How,
		Grade: v.Overall.Grade, Complete: v.Overall.Complete, Level: v.Overall.Level,
		Exit: report.FailOn(f.o.failOn).Exit(v), Hurts: hurts(v),
	}
	if full {
		j.Report = report.New(toolName(), h, f.describe(st, h), choice, v, report.FailOn(f.o.failOn))
	}
	return j, nil
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

// hurts lists the findings that lower the verdict for what is wanted, and after
// them those of the host's domains; of each the worst first and what is unknown
// last.
func hurts(v *rules.Verdict) []fleet.Hurt {
	var host, domains []fleet.Hurt
	for i := range v.Findings {
		f := &v.Findings[i]
		if slices.ContainsFunc(f.For, func(id string) bool { return id == rules.Base || slices.Contains(v.Intents, id) }) {
			host = addHurt(host, f, false)
		}
	}
	for i := range v.Domains {
		d := &v.Domains[i]
		for _, k := range d.Because {
			domains = addHurt(domains, &d.Findings[k], true)
		}
	}
	sortHurts(host)
	sortHurts(domains)
	return append(host, domains...)
}

// addHurt adds a finding if it lowers a verdict. That the release has ended is
// one reason, not one for every row.
func addHurt(list []fleet.Hurt, f *rules.Finding, domains bool) []fleet.Hurt {
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
	if slices.Contains(list, h) { // of another domain
		return list
	}
	return append(list, h)
}

func sortHurts(list []fleet.Hurt) {
	slices.SortStableFunc(list, func(a, b fleet.Hurt) int {
		switch {
		case a.Grade == b.Grade:
			return 0
		case a.Grade == rules.GradeUnknown, b.Grade != rules.GradeUnknown && b.Grade.AtLeast(a.Grade):
			return 1
		}
		return -1
	})
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
