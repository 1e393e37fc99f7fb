package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// standing is what a finding means to whoever asked for the report. Every
// output format tells findings apart by it, so that no two formats disagree.
type standing int

const (
	fine      standing = iota // a row speaks of it, and says nothing bad
	gated                     // nothing but the end of the release's support speaks against it
	problem                   // less than supported, and wanted or in use
	optional                  // less than supported, but neither wanted nor in use
	perhaps                   // less than supported, and nobody can tell whether it is in use
	undecided                 // could not be told
	ruledOut                  // not about this host
	unsaid                    // the release says nothing of it
	unseen                    // not visible from what was looked at
)

// standingOf sorts a finding. wanted tells whether it is about something that
// the report was asked for.
func standingOf(f rules.Finding, wanted bool) standing {
	switch {
	case f.Applies == rules.No:
		return ruledOut
	case f.Outcome == rules.NotStated:
		return unsaid
	case f.Outcome == rules.NotApplicable:
		return ruledOut
	case f.Outcome == rules.NotVisible:
		return unseen
	case gradeOf(f) == rules.GradeUnknown:
		return undecided
	case !lessThanGood(gradeOf(f)):
		return fine
	case onlyGated(f):
		return gated
	case wanted || f.InUse == rules.Yes:
		return problem
	case f.InUse == rules.Maybe && f.Outcome == rules.Judged && len(f.Lacks) == 0:
		return perhaps
	}
	return optional
}

// onlyGated reports whether nothing but the end of the release's support speaks
// against what a row says. That is said once, by the finding about the release.
func onlyGated(f rules.Finding) bool {
	if f.Outcome != rules.Judged || f.Row == nil || f.Row.Key == "" {
		return false
	}
	f.Level = f.Stated
	return !lessThanGood(gradeOf(f))
}

// result is a finding in its place in a report.
type result struct {
	rules.Finding
	standing standing
	wanted   bool // it is about what the report was asked for
	decides  bool // the exit code follows from it
	// domain is the verdict the finding belongs to; nil for those of the host.
	domain *rules.DomainVerdict
}

// fails reports whether a result alone meets a threshold. What is waived does
// not.
func (r result) fails(f FailOn) bool {
	return r.decides && r.standing == problem && r.Waived == nil && f.exit(gradeOf(r.Finding), true) == ExitFindings
}

// results returns the findings on the host and then those on each domain, in
// the order they were made.
func (r *Report) results() []result {
	return append(r.hostResults(), domainResults(r.Domains)...)
}

// hostResults is results for the host alone.
func (r *Report) hostResults() []result {
	deciding := r.deciding()
	out := make([]result, 0, len(r.Findings))
	for i, f := range r.Findings {
		wanted := deciding[i] || slices.ContainsFunc(f.For, func(id string) bool { return slices.Contains(r.Intents, id) })
		out = append(out, result{Finding: f, standing: standingOf(f, wanted), wanted: wanted, decides: deciding[i]})
	}
	return out
}

// deciding returns the indices of the findings that the wanted answers rest on.
func (r *Report) deciding() map[int]bool {
	set := map[int]bool{}
	for _, a := range r.wanted() {
		for _, i := range a.Because {
			set[i] = true
		}
	}
	return set
}

// wanted returns the answers that the exit code follows from, that to the first
// question first.
func (r *Report) wanted() []rules.Answer { return wanted(r.Overall, r.Answers, r.Intents) }

func wanted(overall rules.Answer, answers []rules.Answer, intents []string) []rules.Answer {
	var out []rules.Answer
	for _, a := range answers {
		asked := a.Intent == overall.Intent || slices.Contains(intents, a.Intent)
		if asked && !slices.ContainsFunc(out, func(o rules.Answer) bool { return o.Intent == a.Intent }) {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return []rules.Answer{overall}
	}
	return out
}

// domainResults is results for domains. Their evidence tells the line.
func domainResults(ds []rules.DomainVerdict) []result {
	var out []result
	for i := range ds {
		d := &ds[i]
		for k, f := range d.Findings {
			decides := slices.Contains(d.Because, k)
			f.Seen = seenAt(*d, f)
			out = append(out, result{Finding: f, standing: standingOf(f, decides), wanted: decides, decides: decides, domain: d})
		}
	}
	return out
}

// evidenceLines says what a finding rests on and what follows from it, one
// line each, safe to show.
func evidenceLines(f rules.Finding) []string {
	var out []string
	add := func(label, s string) {
		if s != "" {
			out = append(out, label+": "+Clean(s))
		}
	}
	add("Why", f.Why)
	add("Seen", seenWords(f.Seen))
	if f.Row != nil {
		add("Statement", cite(*f.Row))
	}
	if f.Outcome == rules.NotVisible {
		add("Needs", strings.TrimPrefix(f.Needs, "needs "))
	}
	add("Do", f.Do)
	for _, n := range f.Notes {
		add("Note", n)
	}
	add("Waived", WaivedWords(f.Waived))
	return out
}

// WaivedWords says who set a finding aside, until when and why; empty when
// nobody did.
func WaivedWords(w *rules.Waiver) string {
	if w == nil {
		return ""
	}
	return "by " + w.Owner + " until " + w.Expires + ": " + w.Reason
}

// left returns what a verdict comes to when waived findings are set aside.
func left(g rules.Grade, complete bool, c *rules.Counted) (rules.Grade, bool) {
	if c != nil {
		return c.Grade, c.Complete
	}
	return g, complete
}

// hostName names a host in a list of several.
func hostName(h *facts.Host) string { return cmp.Or(h.Name, "a host without a name") }

// toolVersion is the version in the name that xencheck gives itself.
func toolVersion(tool string) string { return strings.TrimPrefix(tool, "xencheck ") }
