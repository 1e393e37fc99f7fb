package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// LevelWords says a place on both axes in words.
func LevelWords(l support.Level) string {
	switch l {
	case support.Level{Functional: support.Supported, Security: support.SecurityYes}:
		return "supported and security supported"
	case support.NothingSaid:
		return "nothing stated"
	}
	f := string(l.Functional)
	switch l.Functional {
	case support.NotSupported, support.NotFunctional, support.NotImplemented:
		// What does not work needs no word on its security bugs.
		if l.Security == support.SecurityNo || l.Security == support.SecurityNotStated {
			return f
		}
		return securityWords(l.Security) + ", other bugs no longer fixed"
	case support.FunctionalNotStated:
		f = ""
	case support.FunctionalUnrecognised:
		return "not understood"
	}
	if f == "" {
		return securityWords(l.Security)
	}
	return f + ", " + securityWords(l.Security)
}

// securityWords says the security axis in words.
func securityWords(s support.Security) string {
	switch s {
	case support.SecurityYes:
		return "security supported"
	case support.SecurityExternal:
		return "security support by another project"
	case support.SecurityConditional:
		return "security supported under conditions"
	case support.SecurityNo:
		return "not security supported"
	case support.SecurityNotStated:
		return "security support not stated"
	}
	return "security support not understood"
}

// AnswerWords says the verdict of one intent in words.
func AnswerWords(a rules.Answer) string {
	switch a.Grade {
	case rules.GradeOutside:
		return "outside the support statement"
	case rules.GradeUnknown:
		return "could not be determined"
	}
	if a.Note != "" && !lessThanGood(a.Grade) {
		return "nothing stated"
	}
	s := LevelWords(a.Level)
	if !a.Complete {
		s += "; some of what decides is unknown"
	}
	return s
}

// OutcomeWords says what a finding comes to in words.
func OutcomeWords(f rules.Finding) string {
	switch f.Outcome {
	case rules.Judged:
		if f.Stated != f.Level && f.Stated != (support.Level{}) {
			return LevelWords(f.Stated) + " as stated; now " + LevelWords(f.Level)
		}
		return LevelWords(f.Level)
	case rules.NotStated:
		return "this release says nothing of it"
	case rules.Outside:
		if len(f.Lacks) > 0 {
			return "needs " + strings.Join(f.Lacks, " and ")
		}
		return "outside the support statement"
	case rules.Unknown:
		return "could not be determined"
	case rules.NotApplicable:
		return "does not concern this host"
	case rules.NotEvaluated:
		return "not evaluated"
	}
	return "not visible from the hardware"
}

// lessThanGood reports a grade that a reader has to hear of. That a release
// gets security fixes only is said once, not of every row.
// gradeOf returns what a single finding would make of a verdict; one that
// lowers nothing leaves it supported.
func gradeOf(f rules.Finding) rules.Grade {
	if g, counts := f.Grade(); counts {
		return g
	}
	return rules.GradeSupported
}

func lessThanGood(g rules.Grade) bool { return g.AtLeast(rules.GradeExternal) }

// worseFirst orders grades for sorting.
func worseFirst(a, b rules.Grade) int {
	switch {
	case a == b:
		return 0
	case a.AtLeast(b):
		return -1
	}
	return 1
}

// markOf returns the mark of a grade.
func markOf(g rules.Grade) mark {
	switch g {
	case rules.GradeSupported:
		return markGood
	case rules.GradeUnknown:
		return markUnknown
	case rules.GradeSecurityOnly, rules.GradeExternal, rules.GradeConditional:
		return markWarn
	}
	return markBad
}

// markFor returns the mark of a finding.
func markFor(f rules.Finding) mark {
	switch f.Outcome {
	case rules.NotStated, rules.NotApplicable, rules.NotVisible:
		return markNote
	case rules.Judged:
		if f.InUse != rules.Yes && len(f.For) == 0 && gradeOf(f) != rules.GradeSupported {
			return markWarn // available, not used: no fault of the host
		}
	}
	return markOf(gradeOf(f))
}

// citation names a row the way a reader would look it up.
func citation(r rules.Ref) string {
	var b strings.Builder
	b.WriteString(r.Release)
	switch {
	case r.Feature != "":
		fmt.Fprintf(&b, " %q", r.Feature)
	case r.Section != "":
		fmt.Fprintf(&b, " %q", r.Section)
	}
	if r.Qualifier != "" {
		b.WriteString(", " + r.Qualifier)
	}
	if r.Line > 0 {
		b.WriteString(", line " + strconv.Itoa(r.Line))
	}
	return strings.TrimSpace(b.String())
}

// cite is citation with what the row says.
func cite(r rules.Ref) string {
	if r.Value == "" {
		return citation(r)
	}
	return citation(r) + ": " + quoted(r.Value)
}

// MeaningWords says what a row's value means, in words.
func MeaningWords(m support.Meaning) string {
	if !m.Understood() {
		return "not understood: " + quoted(m.Unrecognised)
	}
	s := LevelWords(m.Level)
	if l := m.Limit; l != nil {
		s += " up to " + limitWords(l.Max)
		above := LevelWords(l.Above)
		switch {
		case l.Below != nil:
			s += "; above that, but below " + limitWords(*l.Below) + ": " + above + "; from there on nothing is stated"
		default:
			s += "; above that: " + above
		}
	}
	switch m.Condition {
	case support.WithCaveats:
		s += "; the statement adds caveats"
	case support.LimitedSupport:
		s += "; security support is limited"
	case support.WhenDeprivilege:
		s += "; only when it runs de-privileged"
	case support.ScopeRestricted:
		s += "; only what the statement lists"
	}
	if len(m.Formats) > 0 {
		s += "; formats: " + strings.Join(m.Formats, ", ")
	}
	return s
}

// limitWords says a limit with its unit.
func limitWords(q support.Quantity) string {
	switch q.Unit {
	case support.Bytes:
		return rules.Size(q.N)
	case support.CPUs:
		return strconv.FormatUint(q.N, 10) + " CPUs"
	}
	return strconv.FormatUint(q.N, 10)
}

// SeenWords says what a finding rests on.
func SeenWords(seen []rules.Seen) string { return seenWords(seen) }

// Cite says where a row stands and what it says.
func Cite(r rules.Ref) string { return cite(r) }
