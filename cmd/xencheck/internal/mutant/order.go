package mutant

import (
	"fmt"
	"slices"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// Improvements names what is better in the second of two verdicts on one
// machine by one statement, of which the second rests on less evidence.
//
// The order in which "better" is meant has known answers and doubt. Known
// answers stand from good to bad as [rules.Grade] has them; that a row does not
// apply, or that the statement says nothing, is as good as supported. Doubt is
// an answer that is unknown, not evaluated or out of sight, and a verdict that
// is not complete. Then
//
//   - from one known answer to another, it must not get less bad;
//   - from known to doubt is no improvement, whichever way, as long as the doubt
//     is said: nobody is assured of anything;
//   - from doubt, nothing good may come: what was not known with more evidence
//     is not known to be good with less;
//   - what was in use stays in use, or in doubt;
//   - an exit code that told of something does not become 0.
func Improvements(before, after *rules.Verdict) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }

	for _, b := range before.Answers {
		i := slices.IndexFunc(after.Answers, func(a rules.Answer) bool { return a.Intent == b.Intent })
		if i < 0 {
			if after.Overall.Complete {
				say("the answer for %s is gone", b.Intent)
			}
			continue
		}
		a := after.Answers[i]
		if betterAnswer(b, a) {
			say("%s went from %s to %s", b.Intent, words(b), words(a))
		}
		for _, threshold := range report.Thresholds() {
			if x, y := exit(threshold, before, b), exit(threshold, after, a); x != report.ExitOK && y == report.ExitOK {
				say("%s with --fail-on %s: exit code from %d to 0", b.Intent, threshold, x)
			}
		}
	}
	found := map[string]rules.Finding{}
	for _, f := range after.Findings {
		if k := key(f); k != "" {
			found[k] = f
		}
	}
	for _, b := range before.Findings {
		k := key(b)
		if k == "" {
			continue
		}
		if a, ok := found[k]; ok && betterFinding(b, a) {
			say("row %s went from %s, in use %s, to %s, in use %s", k, outcome(b), b.InUse, outcome(a), a.InUse)
		}
	}
	for _, b := range before.Domains {
		i := slices.IndexFunc(after.Domains, func(a rules.DomainVerdict) bool { return a.Name == b.Name && a.Source == b.Source && a.Line == b.Line })
		if i < 0 {
			continue // the exit codes tell whether that is passed over
		}
		a := after.Domains[i]
		if a.Complete && rank(a.Grade) < rank(b.Grade) && b.Complete {
			say("domain %q went from %s to %s", b.Name, b.Grade, a.Grade)
		}
		if a.Complete && !b.Complete && rank(a.Grade) == 0 {
			say("domain %q went from incomplete to %s", b.Name, a.Grade)
		}
	}
	return out
}

// exit is the exit code for one intent.
func exit(f report.FailOn, v *rules.Verdict, a rules.Answer) report.ExitCode {
	return f.Exit(&rules.Verdict{Intents: []string{a.Intent}, Overall: a, Answers: []rules.Answer{a}, Domains: v.Domains})
}

func words(a rules.Answer) string {
	if !a.Complete {
		return string(a.Grade) + " (incomplete)"
	}
	return string(a.Grade)
}

// rank orders the known grades from good to bad.
func rank(g rules.Grade) int {
	return slices.Index([]rules.Grade{rules.GradeSupported, rules.GradeSecurityOnly, rules.GradeExternal,
		rules.GradeConditional, rules.GradeNotSecurity, rules.GradeOutside}, g)
}

func betterAnswer(b, a rules.Answer) bool {
	switch {
	case a.Grade == rules.GradeUnknown || !a.Complete:
		return false
	case b.Grade == rules.GradeUnknown || !b.Complete:
		return rank(a.Grade) < max(rank(b.Grade), 1)
	}
	return rank(a.Grade) < rank(b.Grade) || lighter(b.Level, a.Level)
}

// lighter reports whether an axis of the second level is better, and none is
// worse.
func lighter(b, a support.Level) bool {
	functional := func(l support.Level) int {
		return slices.Index([]support.Functional{support.Supported, support.Deprecated, support.TechPreview, support.Experimental,
			support.NotFunctional, support.NotImplemented, support.NotSupported, support.FunctionalNotStated, support.FunctionalUnrecognised}, l.Functional)
	}
	security := func(l support.Level) int {
		return slices.Index([]support.Security{support.SecurityYes, support.SecurityExternal, support.SecurityConditional,
			support.SecurityNo, support.SecurityNotStated, support.SecurityUnrecognised}, l.Security)
	}
	df, ds := functional(a)-functional(b), security(a)-security(b)
	return df <= 0 && ds <= 0 && df+ds < 0
}

// key names the row of a finding; empty for what no row is about, which the
// answers have to tell.
func key(f rules.Finding) string {
	if f.Row == nil {
		return ""
	}
	return f.Row.Key
}

func outcome(f rules.Finding) string {
	if f.Outcome == rules.Judged {
		g, _ := f.Grade()
		return "judged " + string(g)
	}
	return string(f.Outcome)
}

// standing returns a finding's place among the known answers, or that it is
// doubt.
func standing(f rules.Finding) (place int, doubt bool) {
	switch f.Outcome {
	case rules.Unknown, rules.NotEvaluated, rules.NotVisible:
		return 0, true
	case rules.NotApplicable, rules.NotStated:
		return 0, false
	}
	g, _ := f.Grade()
	return rank(g), g == rules.GradeUnknown
}

func betterFinding(b, a rules.Finding) bool {
	was, doubted := standing(b)
	is, doubts := standing(a)
	switch {
	case doubts:
		return false
	case doubted:
		return is == 0
	case is < was:
		return true
	}
	return was > 0 && b.InUse == rules.Yes && a.InUse == rules.No
}
