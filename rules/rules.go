// Package rules judges: given a support statement and the facts of a host it
// says which rows speak of that host, and what follows.
//
// It is pure. It reads no file, clock or environment, and it repeats nothing
// that a statement says: limits, CPU parts, revision ranges and dates come out
// of the parsed rows, so that a new release is judged right without new code.
package rules

import (
	"slices"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// Options is what the judgement depends on besides statement and host.
type Options struct {
	// At is the judging date. The zero time is taken as it is, long before any
	// release.
	At time.Time
	// For lists the intents that are wanted, by their ids; empty means running
	// Xen. Unknown ids are ignored here: check them with [Intents].
	For []string
	// XenArch is the architecture Xen is to be built for: Arm64 or Arm32 on an
	// Arm host. Empty means the one that fits the machine.
	XenArch facts.Arch
	// Waivers set findings aside that somebody answers for. Where several fit a
	// finding, the first counts.
	Waivers []Waiver
}

// Rule judges the rows under some headings.
type Rule struct {
	ID    string   // short and stable: host-memory
	Title string   // what it is about, in words
	Doc   string   // what it looks at, what it concludes, and what to do about a bad answer
	Rows  []string // anchors of the headings whose rows it claims

	judge func(*judging, []*entry) []Finding
}

// List returns every rule: those of hosts in the order of the statement, then
// those of domains.
func List() []Rule {
	return append([]Rule{
		releaseRule,
		runningRule,
		kconfigRule,
		architectureRule,
		cpuHotplugRule,
		memoryRule,
		memoryHotplugRule,
		cpusRule,
		acpiRule,
		efiRule,
		secureBootRule,
		qosRule,
		iommuRule,
		gicRule,
		itsRule,
		sveRule,
		pvRule,
		hvmRule,
		pvhRule,
		armGuestRule,
		passthroughRule,
		armPassthroughRule,
		nestedRule,
		usageRule,
		elsewhereRule,
	}, domainRules...)
}

// Evaluate judges a host by a statement. Whoever judges many hosts by one
// statement calls [Compile] once and [Judge.Evaluate] for each.
func Evaluate(st *support.Statement, h *facts.Host, o Options) *Verdict {
	return Compile(st).Evaluate(h, o)
}

// line orders findings: properties without a row first.
func (f *Finding) line() int {
	if f.Row == nil || f.Row.Key == "" {
		return 0
	}
	return f.Row.Line
}

func count(fs []Finding) map[string]int {
	n := map[string]int{}
	for _, o := range []Outcome{Judged, NotStated, Outside, Unknown, NotApplicable, NotEvaluated, NotVisible} {
		n[string(o)] = 0
	}
	for _, f := range fs {
		n[string(f.Outcome)]++
	}
	return n
}

// unclaimed reports a row that no rule judges: not about this architecture, not
// visible in hardware, or unheard of.
func (j *judging) unclaimed(row *entry) Finding {
	f := j.about(row)
	f.Outcome = NotEvaluated
	if !row.Meaning.Understood() {
		f.Why = "The value is outside the statement's grammar; it is shown as written."
		return f
	}
	f.Stated, f.Level = row.Meaning.Level, j.gated(row.Meaning.Level)
	if arch, why := j.isArch(row.Applies.Arch); arch == No {
		f.Outcome, f.Applies, f.InUse, f.Why = NotApplicable, No, No, why
		return f
	}
	switch {
	case row.needs == "":
		f.Why = "No rule of this version of xencheck knows this row."
		if bindsHosts(row) {
			f.For = []string{Base}
			f.Why = "No rule of this version of xencheck knows this row, which sets a limit that may be about this host."
			f.Do = "Read the line in the statement and decide by hand."
		}
	case !row.Applies.Understood():
		f.Why = "The qualifier is not in the vocabulary; it is shown as written."
	default:
		f.Outcome, f.Applies, f.InUse = NotVisible, Maybe, Maybe
		f.Needs = row.needs
		f.Why = "It is about how Xen and its guests are set up, not about the hardware."
		if row.needs == fromNothing.words() {
			f.Why = "Nothing that can be read on a host tells whether this is used."
		}
	}
	return f
}

// distrust takes back every good word of a heading that also holds something
// outside the grammar: what was not understood may be an exception that names
// this very host. A heading's text that cannot concern this architecture
// leaves it alone.
func (j *judging) distrust(fs []Finding) {
	tainted := j.tainted()
	if len(tainted) == 0 {
		return
	}
	for i := range fs {
		f := &fs[i]
		if f.Row == nil || f.Outcome != Judged || !good(f.Stated.Security) {
			continue
		}
		row := j.entry(f.Row.Key)
		if row == nil || tainted[row.Heading] == "" {
			continue
		}
		f.Outcome = NotEvaluated
		f.Why = "The row says " + quote(row.Value) + ", but " + tainted[row.Heading] + "."
		f.Do = "Read that line of the statement; if it does not concern this host, the row holds."
	}
}

// tainted returns, by heading, what there was not understood.
func (j *judging) tainted() map[string]string {
	if !j.doubted {
		return nil
	}
	suspects := map[string]bool{}
	for i := range j.st.Rows {
		if r := &j.st.Rows[i]; !r.Meaning.Understood() || !r.Applies.Understood() {
			suspects[r.Heading] = true
		}
	}
	trouble := slices.ContainsFunc(j.st.Problems, func(p support.Problem) bool { return p.Severity == support.Unrecognised })
	tainted := map[string]string{}
	for _, s := range j.st.Sections {
		if trouble || suspects[s.Anchor] {
			if why := j.doubt(s.Anchor); why != "" {
				tainted[s.Anchor] = why
			}
		}
	}
	return tainted
}

// caveats adds what stands after the rows of a heading, in the statement's own
// words, where the text is no revision known here: xencheck's notes may be about
// another text. Conditions that neither tells are at least pointed at.
func (j *judging) caveats(fs []Finding) {
	for i := range fs {
		f := &fs[i]
		if f.Row == nil || f.Row.Key == "" || f.Outcome != Judged || len(f.For) == 0 {
			continue
		}
		row := j.entry(f.Row.Key)
		if row == nil {
			continue
		}
		words := j.words[row.Heading]
		if words != "" {
			f.Notes = append(f.Notes, "The statement adds: "+quote(words))
		}
		if f.Stated.Security == support.SecurityConditional && f.Condition == support.NoCondition {
			f.Condition = row.Meaning.Condition
		}
		if f.Stated.Security == support.SecurityConditional && words == "" && row.Note == "" && f.Do == "" {
			f.Do = "Read in the statement, under this heading, what the conditions are."
		}
	}
}

// longest is how much of a caveat is repeated, in bytes.
const longest = 400

// excerpt returns the beginning of a text on one line.
func excerpt(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= longest {
		return text
	}
	return text[:strings.LastIndexByte(text[:longest], ' ')+1] + "…"
}

func good(s support.Security) bool {
	return s == support.SecurityYes || s == support.SecurityExternal || s == support.SecurityConditional
}

// doubt says what under a heading was not understood and might concern this
// host; empty when there is nothing.
func (j *judging) doubt(anchor string) string {
	rows := j.st.Under(anchor)
	known := map[int]bool{}
	for _, r := range rows {
		if r.Meaning.Understood() && r.Applies.Understood() {
			continue
		}
		known[r.Line] = true
		if a, _ := j.isArch(r.Applies.Arch); a == No {
			continue
		}
		if r.Applies.Understood() {
			if a, _ := j.applies(&entry{Row: &r}); a == No {
				continue
			}
			return "the value of line " + itoa(r.Line) + " under the same heading was not understood: " + quote(r.Value)
		}
		return "the qualifier of line " + itoa(r.Line) + " under the same heading was not understood: " + quote(r.Qualifier)
	}
	for _, p := range j.st.Tainted(anchor) {
		if a, _ := j.isArch(p.Arch); a != No && !known[p.Line] {
			if ref := j.sections[anchor]; ref != nil && ref.Line == p.Line {
				return "line " + itoa(p.Line) + ", " + quote(p.Text) + ", was not understood: " + p.Message
			}
			return "line " + itoa(p.Line) + " under the same heading was not understood: " + quote(strings.TrimSpace(p.Text))
		}
	}
	return ""
}
