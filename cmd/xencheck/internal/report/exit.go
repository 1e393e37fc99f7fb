package report

import (
	"slices"

	"github.com/xencheck/xencheck/rules"
)

// ExitCode is what the process ends with. The codes are part of the interface
// and the same for every output format.
type ExitCode int

// The exit codes.
const (
	ExitOK           ExitCode = 0 // nothing at or above the threshold
	ExitFindings     ExitCode = 1 // something at or above the threshold; beats 3
	ExitUsage        ExitCode = 2 // wrong usage, bad input, or output that cannot be written
	ExitInconclusive ExitCode = 3 // nothing found, but something that decides is unknown
	ExitInternal     ExitCode = 4 // a fault of xencheck itself
	// ExitInterrupted ends a fleet that was interrupted by Ctrl-C, as shells
	// have it: 128 and the number of SIGINT.
	ExitInterrupted ExitCode = 130
)

// The exit codes of a gate, besides those of wrong usage and of a fault. They
// lie apart from the others, and from what a shell or a killed process ends
// with: only GateRefused may stop a package manager.
const (
	GateAdvised      ExitCode = 10 // go on; something speaks against it
	GateInconclusive ExitCode = 11 // go on; it could not be told
	GateNotJudged    ExitCode = 12 // go on; there is no host here that could be judged
	GateAsk          ExitCode = 20 // something speaks against it: ask the administrator
	GateRefused      ExitCode = 30 // stop
)

// String returns the code in a word.
func (c ExitCode) String() string {
	switch c {
	case ExitOK:
		return "ok"
	case ExitFindings:
		return "findings"
	case ExitUsage:
		return "usage"
	case ExitInconclusive, GateInconclusive:
		return "inconclusive"
	case GateAdvised:
		return "advised"
	case GateNotJudged:
		return "not judged"
	case GateAsk:
		return "ask"
	case GateRefused:
		return "refused"
	case ExitInterrupted:
		return "interrupted"
	}
	return "internal"
}

// Worse returns the code that two judgements come to together: findings beat
// what is inconclusive, which beats nothing found.
func (c ExitCode) Worse(o ExitCode) ExitCode {
	rank := []ExitCode{ExitOK, ExitInconclusive, ExitFindings, ExitUsage, ExitInternal}
	if slices.Index(rank, o) > slices.Index(rank, c) {
		return o
	}
	return c
}

// FailOn is the threshold from which on a grade counts as a finding. Each
// includes those named before it.
type FailOn string

// The thresholds, narrowest first.
const (
	FailNever       FailOn = "never"
	FailOutside     FailOn = "outside"
	FailNotSecurity FailOn = "not-security-supported"
	FailConditional FailOn = "conditional"
	FailExternal    FailOn = "external"
)

// Thresholds lists the values of [FailOn], narrowest first.
func Thresholds() []FailOn {
	return []FailOn{FailNever, FailOutside, FailNotSecurity, FailConditional, FailExternal}
}

// grade is the least bad grade that meets the threshold; empty for FailNever.
func (f FailOn) grade() rules.Grade {
	switch f {
	case FailExternal:
		return rules.GradeExternal
	case FailConditional:
		return rules.GradeConditional
	case FailNotSecurity:
		return rules.GradeNotSecurity
	case FailOutside:
		return rules.GradeOutside
	}
	return ""
}

// Exit returns the exit code of a verdict: what the wanted intents and the
// domains come to, waived findings set aside. With FailNever it is always ExitOK.
func (f FailOn) Exit(v *rules.Verdict) ExitCode {
	if f == FailNever {
		return ExitOK
	}
	code := f.domains(v.Domains)
	for _, a := range append([]rules.Answer{v.Overall}, v.Answers...) {
		if a.Intent != v.Overall.Intent && !slices.Contains(v.Intents, a.Intent) {
			continue
		}
		code = code.Worse(f.counted(a.Grade, a.Complete, a.Counted))
	}
	return code
}

// ExitOf is Exit for what the wanted intents come to together, and for domains.
// The worst of the intents has every finding, and is incomplete when one of
// them is.
func (f FailOn) ExitOf(g rules.Grade, complete bool, left *rules.Counted, ds []*rules.DomainBrief) ExitCode {
	if f == FailNever {
		return ExitOK
	}
	code := f.counted(g, complete, left)
	for _, d := range ds {
		code = code.Worse(f.counted(d.Grade, d.Complete, d.Counted))
	}
	return code
}

// domains is Exit for domains alone.
func (f FailOn) domains(ds []rules.DomainVerdict) ExitCode {
	code := ExitOK
	for _, d := range ds {
		code = code.Worse(f.counted(d.Grade, d.Complete, d.Counted))
	}
	return code
}

// counted is exit for what is left when waived findings are set aside.
func (f FailOn) counted(g rules.Grade, complete bool, waived *rules.Counted) ExitCode {
	return f.exit(left(g, complete, waived))
}

// exit returns the exit code of one grade.
func (f FailOn) exit(g rules.Grade, complete bool) ExitCode {
	switch {
	case f == FailNever:
		return ExitOK
	case g.AtLeast(f.grade()):
		return ExitFindings
	case g == rules.GradeUnknown || !complete:
		return ExitInconclusive
	}
	return ExitOK
}
