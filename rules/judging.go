package rules

import (
	"fmt"
	"math/bits"

	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/xencmdline"
	"github.com/xencheck/xencheck/support"
)

// judging is one evaluation: what is judged, by what, and what follows from
// the two for every rule alike.
type judging struct {
	*Judge
	h     *facts.Host
	o     Options
	phase support.Phase

	arch    facts.Arch // of the hardware; empty when not known
	xen     facts.Arch // Xen is, or would be, built for this; empty when not known
	xenNote string     // why xen is what it is, where that is not obvious

	cmdline xencmdline.Line // Xen's command line, once parsed is true
	parsed  bool

	runs       bool // the version of the running Xen is known
	under, set bool // underXen and setUp, where a panel judges
	brief      bool // no evidence is wanted of what is known

	desk *desk // nil when findings are made one by one
}

func newJudging(c *Judge, h *facts.Host, o Options) *judging {
	j := &judging{Judge: c, h: h, o: o, phase: c.st.Header.Phase(o.At)}
	j.hostSide()
	return j
}

// hostSide works out what follows from host and options alone.
func (j *judging) hostSide() {
	h, o := j.h, j.o
	_, j.runs = h.Xen.Running.Get()
	j.arch, _ = h.Machine.Arch.Get()
	j.xen = j.arch
	switch kernel, _ := h.Machine.KernelArch.Get(); {
	case j.arch == facts.Arm32 && o.XenArch == facts.Arm64:
		j.xenNote = "this CPU cannot run a 64-bit Xen; a 32-bit one is judged"
	case j.arch.Arm() && o.XenArch.Arm():
		j.xen = o.XenArch
		if j.xen != j.arch {
			j.xenNote = "judged for a 32-bit Xen, as asked"
		}
	case j.arch == facts.Arm64 && h.Xen.BuildConfig.Value.Symbols["CONFIG_ARM_32"] == "y" && (!j.underXen() || j.nextBoot()):
		// A running Xen has told the architecture already.
		j.xen, j.xenNote = facts.Arm32, "judged for a 32-bit Xen, as its build configuration has CONFIG_ARM_32"
	case j.arch == facts.Arm64 && strings.HasPrefix(kernel, "armv7"):
		// A 32-bit kernel proper; a 64-bit one answers armv8l to its 32-bit
		// programs. It does not tell which Xen will be booted.
		j.xenNote = "a 32-bit kernel runs here, yet a 64-bit Xen is judged, which this CPU can run; --xen-arch arm32 judges a 32-bit one"
	}
}

// about starts the finding of a row.
func (j *judging) about(row *entry) Finding {
	return Finding{Row: row.ref, Title: row.title, Applies: Maybe, InUse: Maybe}
}

func title(row *support.Row) string {
	t := row.Feature
	if t == "" {
		t = row.Section
	}
	t = strings.TrimSuffix(t, ":")
	if row.Qualifier != "" {
		t += ", " + row.Qualifier
	}
	return t
}

// gated lowers a level by where the release stands: past Supported-Until only
// the functional axis falls, past Security-Support-Until both; before the
// release nothing is security supported.
func (j *judging) gated(l support.Level) support.Level {
	switch j.phase {
	case support.Unreleased:
		l.Security = worseSecurity(l.Security, support.SecurityNo)
	case support.SecurityOnly:
		l.Functional = worseFunctional(l.Functional, support.NotSupported)
	case support.Ended:
		l.Functional = worseFunctional(l.Functional, support.NotSupported)
		l.Security = worseSecurity(l.Security, support.SecurityNo)
	case support.PhaseUnknown:
		// What is promised is not known to be promised still.
		if l.Functional == support.Supported {
			l.Functional = support.FunctionalUnrecognised
		}
		switch l.Security {
		case support.SecurityYes, support.SecurityExternal, support.SecurityConditional:
			l.Security = support.SecurityUnrecognised
		}
	}
	return l
}

// say completes a finding with what its row states.
func (j *judging) say(f Finding, l support.Level) Finding {
	f.Outcome, f.Stated, f.Level = Judged, l, j.gated(l)
	return f
}

// notAbout completes a finding whose row is about something else.
func notAbout(f Finding, why string) Finding {
	f.Outcome, f.Applies, f.InUse, f.Why = NotApplicable, No, No, why
	return f
}

// unreadable completes a finding that hangs on a fact nobody could read.
func unreadable(f Finding, why string, seen ...Seen) Finding {
	f.Outcome, f.Why = Unknown, why
	f.Seen = append(f.Seen, seen...)
	return f
}

// illegible completes a finding whose row is outside the grammar.
func illegible(f Finding, row *entry) Finding {
	f.Outcome = NotEvaluated
	switch {
	case !row.Meaning.Understood():
		f.Why = "The value is outside the statement's grammar: " + quote(row.Value) + "."
	default:
		f.Why = "The qualifier is not in the vocabulary: " + quote(row.Qualifier) + "."
	}
	f.Do = "Read the line in the statement and decide by hand."
	return f
}

// worseFunctional and worseSecurity order the axes from best to worst. A word
// that is on neither axis is no worse than the best.
func worseFunctional(a, b support.Functional) support.Functional {
	switch ra, rb := functionalRank(a), functionalRank(b); {
	case ra < 0 && rb < 0:
		return support.Supported
	case rb > ra:
		return b
	}
	return a
}

func worseSecurity(a, b support.Security) support.Security {
	switch ra, rb := securityRank(a), securityRank(b); {
	case ra < 0 && rb < 0:
		return support.SecurityYes
	case rb > ra:
		return b
	}
	return a
}

// functionalRank is 0 for the best level, and -1 for no level.
func functionalRank(f support.Functional) int {
	switch f {
	case support.Supported:
		return 0
	case support.Deprecated:
		return 1
	case support.TechPreview:
		return 2
	case support.Experimental:
		return 3
	case support.NotFunctional:
		return 4
	case support.NotImplemented:
		return 5
	case support.NotSupported:
		return 6
	case support.FunctionalNotStated:
		return 7
	case support.FunctionalUnrecognised:
		return 8
	}
	return -1
}

// securityRank is 0 for the best level, and -1 for no level.
func securityRank(s support.Security) int {
	switch s {
	case support.SecurityYes:
		return 0
	case support.SecurityExternal:
		return 1
	case support.SecurityConditional:
		return 2
	case support.SecurityNo:
		return 3
	case support.SecurityNotStated:
		return 4
	case support.SecurityUnrecognised:
		return 5
	}
	return -1
}

// isArch tells whether an architecture of the statement's is the one Xen has
// on this host.
func (j *judging) isArch(stated string) (Tri, string) {
	if stated == "" {
		return Yes, ""
	}
	if j.arch == "" {
		return Maybe, "the machine's architecture is not known"
	}
	ok := false
	switch stated {
	case "x86":
		ok = j.arch.X86()
	case "arm":
		ok = j.arch.Arm()
	case "arm64", "arm32":
		ok = string(j.xen) == stated
	default: // the ports without hosts: riscv, ppc, loongarch
		ok = strings.HasPrefix(string(j.arch), stated)
	}
	if ok {
		return Yes, ""
	}
	if j.arch.Arm() && (stated == "arm64" || stated == "arm32") {
		return No, "It is about " + archName(stated) + "; Xen on this host would be " + archName(string(j.xen)) + "."
	}
	return No, "It is about " + archName(stated) + "; this host is " + archName(string(j.arch)) + "."
}

func archName(a string) string {
	switch a {
	case "x86", "x86-64":
		return a
	case "x86-32":
		return "a 32-bit x86"
	case "arm":
		return "Arm"
	case "arm64":
		return "Arm64"
	case "arm32":
		return "Arm32"
	case "riscv":
		return "RISC-V"
	case "ppc":
		return "PowerPC"
	}
	return a
}

// applies tells whether a row's heading and qualifier are about this host.
// Terms that are not about hardware (guest types, roles, …) are left to the
// rule that claims the row.
func (j *judging) applies(row *entry) (Tri, string) {
	verdict, why := j.isArch(row.Applies.Arch)
	if verdict == No {
		return verdict, why
	}
	if !row.Applies.Understood() {
		return Maybe, "the qualifier is not in the vocabulary"
	}
	for _, t := range row.Applies.Terms {
		tri, reason := j.term(t)
		switch {
		case tri == No:
			return No, reason
		case tri == Maybe && verdict == Yes:
			verdict, why = Maybe, reason
		}
	}
	return verdict, why
}

func (j *judging) term(t support.Term) (Tri, string) {
	switch t.Kind {
	case support.TermArch:
		return j.isArch(t.Value)
	case support.TermXenState:
		return j.xenState(t.Value)
	case support.TermCore:
		return j.core(*t.Core)
	case support.TermCPU:
		return j.x86Line(t.Value)
	}
	return Yes, ""
}

// seen reports a fact as evidence.
func seen[T any](what string, o facts.Observed[T], words func(T) string) Seen {
	s := Seen{What: what, Source: o.Source}
	switch o.State {
	case facts.Known:
		s.Value = words(o.Value)
	case facts.Absent:
		s.Value = "none"
	case facts.Unread:
		s.Value, s.Cause = "unknown", "nobody looked"
	default:
		s.Value, s.Cause = "unknown", cause(o.Problem)
	}
	return s
}

func cause(p *facts.Problem) string {
	if p == nil {
		return "no reason recorded"
	}
	words := string(p.Cause)
	switch p.Cause {
	case facts.NoPermission:
		words = "no permission to read it"
	case facts.HiddenByXen:
		words = "Xen hides it from this domain"
	case facts.NotMounted:
		words = "the file system that shows it is not mounted"
	case facts.NotRecorded:
		words = "the recording does not hold it"
	case facts.NotExposed:
		words = "this kernel does not show it"
	case facts.Truncated:
		words = "it is cut short"
	case facts.Malformed:
		words = "it is malformed"
	case facts.TooLarge:
		words = "it is too large to be true"
	case facts.NotAFile:
		words = "it is not a regular file"
	case facts.TimedOut:
		words = "reading it took too long"
	case facts.ReadError:
		words = "it could not be read"
	case facts.WrongArch:
		words = "it does not exist on this architecture"
	case facts.Conflicting:
		words = "sources disagree"
	case facts.Incomplete:
		words = "what was read does not say enough"
	case facts.InContainer:
		words = "a container does not see it"
	}
	if p.Detail != "" {
		words += " (" + p.Detail + ")"
	}
	return words
}

// remedy says what would make a fact known.
func remedy[T any](o facts.Observed[T]) string {
	if o.Problem == nil {
		return ""
	}
	r := o.Problem.Remedy
	if r == "" {
		return ""
	}
	return strings.ToUpper(r[:1]) + r[1:] + dot(r)
}

func dot(s string) string {
	if strings.HasSuffix(s, ".") {
		return ""
	}
	return "."
}

func quote(s string) string { return "\"" + s + "\"" }

func itoa(n int) string { return strconv.Itoa(n) }

func yesno(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// Size writes a number of bytes in binary units, TiB being 2^40. A size that
// is not a round number never looks like one.
func Size(n uint64) string {
	units := [...]string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	if n < 1024 {
		return strconv.FormatUint(n, 10) + " bytes"
	}
	i := (bits.Len64(n) - 1) / 10
	unit := uint64(1) << (10 * i)
	whole, rest := n/unit, n%unit
	if rest == 0 {
		return fmt.Sprintf("%d %s", whole, units[i])
	}
	// rest < 2^60, so rest>>k times 100 stays inside 64 bits.
	hundredths := (rest >> (10 * (i - 1))) * 100 >> 10
	if hundredths == 0 {
		return fmt.Sprintf("a little over %d %s", whole, units[i])
	}
	return fmt.Sprintf("%d.%02d %s", whole, hundredths, units[i])
}
