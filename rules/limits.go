package rules

import (
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// The headings whose rows limit hosts.
var (
	memoryHeadings = []string{"physical-memory"}
	cpusHeadings   = []string{"physical-cpus"}
)

var memoryRule = Rule{
	ID:    "host-memory",
	Title: "Physical memory",
	Doc: "Compares the host's memory with the limit of the row for the architecture Xen is built for. " +
		"The memory is an interval: when the limit lies inside it, the answer is unknown, not a guess. " +
		"Releases before 4.17 state no limit.",
	Rows: memoryHeadings,
	judge: func(j *judging, rows []*entry) []Finding {
		return j.limits(rows, measure{
			title: "Physical memory", unit: support.Bytes, amount: j.h.Memory.Physical, words: Size,
			seen: "memory", over: "Xen on Arm stops at boot when memory goes beyond what its page tables of RAM can describe.",
			headings: memoryHeadings, topic: memoryTopic,
		})
	},
}

var cpusRule = Rule{
	ID:    "host-cpus",
	Title: "Physical CPUs",
	Doc: "Compares the number of logical CPUs (threads, as Xen's NR_CPUS counts them) with the limit of the row. " +
		"Releases before 4.19 state no limit.",
	Rows: cpusHeadings,
	judge: func(j *judging, rows []*entry) []Finding {
		fs := j.limits(rows, measure{
			title: "Physical CPUs", unit: support.CPUs, amount: j.h.CPU.Physical,
			words: func(n uint64) string { return itoa(int(n)) }, seen: "logical CPUs",
			headings: cpusHeadings, topic: cpusTopic,
		})
		for i := range fs {
			fs[i].Notes = append(fs[i].Notes, j.cpuCountNotes(fs[i])...)
		}
		return fs
	},
}

// measure is an amount that a limit is set for.
type measure struct {
	title  string
	seen   string
	unit   support.Unit
	amount facts.Observed[facts.Range]
	words  func(uint64) string
	over   string // what Xen does above an Arm limit

	headings []string // where its rows stand
	topic    topic
}

func (m measure) rangeWords(r facts.Range) string {
	switch n, exact := r.Exact(); {
	case exact:
		return m.words(n)
	case r.Max == nil:
		return "at least " + m.words(r.Min)
	case m.words(r.Min) == m.words(*r.Max):
		return m.words(r.Min)
	}
	return "between " + m.words(r.Min) + " and " + m.words(*r.Max)
}

// limits judges rows that say "up to".
func (j *judging) limits(rows []*entry, m measure) []Finding {
	out := j.findings(rows)
	stated := false
	evidence := seen(m.seen, m.amount, m.rangeWords)
	for _, row := range rows {
		f := j.about(row)
		f.InUse = Yes
		tri, why := j.applies(row)
		f.Applies = tri
		if tri == No {
			out = append(out, notAbout(f, why))
			continue
		}
		stated = true
		f.For = []string{Base}
		f.Seen = []Seen{evidence}
		out = append(out, j.limit(f, row, tri, why, m))
	}
	if !stated {
		f := Finding{Title: m.title, Applies: Yes, InUse: Yes, For: []string{Base}, Seen: []Seen{evidence}}
		out = append(out, j.unstated(f, "This release states no limit for it on this architecture.", m.headings, m.topic))
	}
	return out
}

func (j *judging) limit(f Finding, row *entry, tri Tri, why string, m measure) Finding {
	l := row.Meaning.Limit
	switch {
	case !row.Meaning.Understood() || !row.Applies.Understood():
		return illegible(f, row)
	case l != nil && l.Max.Unit != support.Count && l.Max.Unit != m.unit:
		f.Outcome, f.Why = NotEvaluated, "The limit is given in another unit than the heading's: "+quote(row.Value)+"."
		return f
	case tri == Maybe:
		return unreadable(f, "Whether this row is about this host is not known: "+why+".")
	case l == nil:
		f = j.say(f, row.Meaning.Level)
		f.Why = "The row sets no limit."
		return f
	}
	r, ok := m.amount.Get()
	if !ok {
		f = unreadable(f, "The row holds up to "+l.Max.Text+", and how much this host has is not known.")
		f.Do = remedy(m.amount)
		return f
	}
	low, high := row.Meaning.At(r.Min), atMost(row.Meaning, r)
	if low != high {
		f = unreadable(f, "The host has "+m.rangeWords(r)+", and "+j.edge(l, m, r)+" lies inside that.")
		f.Do = j.moreExact()
		return f
	}
	if low == support.NothingSaid {
		f.Outcome, f.Stated, f.Level = Outside, low, low
		f.Why = "The host has " + m.rangeWords(r) + "; the row holds up to " + l.Max.Text + " and says nothing above."
		if l.Below != nil && r.Min >= l.Below.N {
			f.Why = "The host has " + m.rangeWords(r) + "; the row speaks of less than " + l.Below.Text + " only."
		}
		f.Do = "Use a host within the limit."
		if j.arch.Arm() && m.over != "" {
			f.Notes = append(f.Notes, m.over)
		}
		return f
	}
	f = j.say(f, low)
	if r.Min > l.Max.N {
		f.Why = "The host has " + m.rangeWords(r) + ", more than the " + l.Max.Text + " up to which the row is security supported."
		f.Do = "Use a host within the limit, or accept that security bugs which need this much are not handled."
		return f
	}
	f.Why = "The host has " + m.rangeWords(r) + ", within the limit of " + l.Max.Text + "."
	return f
}

// moreExact says how an amount that is known in part only becomes exact.
func (j *judging) moreExact() string {
	switch {
	case j.h.Machine.Container.IsKnown():
		return "Run xencheck outside the container."
	case j.h.Origin.Kind == facts.Live && j.h.Origin.Privileged:
		return "Nothing here tells more: look the amount up in the firmware's setup and compare it with the row."
	}
	return "Run as root, so that the firmware's own tables can be read and the amount is exact."
}

// edge names the bound of a limit that lies inside a range.
func (j *judging) edge(l *support.Limit, m measure, r facts.Range) string {
	if l.Below != nil && r.Min > l.Max.N {
		return "the bound of " + l.Below.Text
	}
	return "the limit of " + l.Max.Text
}

// atMost returns the level at the upper end of a range; an open end lies above
// every bound.
func atMost(m support.Meaning, r facts.Range) support.Level {
	if r.Max != nil {
		return m.At(*r.Max)
	}
	if m.Limit.Below != nil {
		return support.NothingSaid
	}
	return m.Limit.Above
}

func (j *judging) cpuCountNotes(f Finding) []string {
	r, ok := j.h.CPU.Physical.Get()
	if !ok || f.Outcome == NotApplicable {
		return nil
	}
	var notes []string
	if j.arch.X86() && r.Min > 256 && !j.runs { // a running Xen tells how many it drives
		notes = append(notes, "Xen's default build drives 256 CPUs (CONFIG_NR_CPUS) and silently leaves the others idle.")
	}
	if v, ok := j.h.Interrupts.GIC.Get(); ok && v == 2 && r.Min > 8 {
		notes = append(notes, "A GICv2 serves 8 CPUs at most.")
	}
	return notes
}

var memoryHotplugRule = Rule{
	ID:    "memory-hotplug",
	Title: "Physical memory hotplug",
	Doc:   "Looks for hot-pluggable ranges in ACPI SRAT. Without any the row cannot apply. Adding memory is an event that leaves no trace.",
	Rows:  []string{"physical-memory-hotplug"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.feature(rows, "memory-hotplug", func(f Finding) (Finding, bool) {
			o := j.h.Hotplug.Memory
			f.Seen = []Seen{seen("hot-pluggable memory", o, Size)}
			return decide(f, o, "The firmware announces hot-pluggable memory.", "The firmware announces no hot-pluggable memory.")
		})
	},
}

var cpuHotplugRule = Rule{
	ID:    "cpu-hotplug",
	Title: "ACPI CPU hotplug",
	Doc: "Looks for spare processor entries in the MADT. From revision 5 on the flag Online Capable marks entries that can really be added; " +
		"before, an entry that is not enabled may just be a dummy.",
	Rows: []string{"acpi-cpu-hotplug", "physical-cpu-hotplug"},
	judge: func(j *judging, rows []*entry) []Finding {
		return j.feature(rows, "cpu-hotplug", func(f Finding) (Finding, bool) {
			o := j.h.Hotplug.CPU
			f.Seen = []Seen{seen("spare processor entries", o, func(c facts.CPUHotplug) string {
				return itoa(c.Spare) + ", " + itoa(c.OnlineCapable) + " of them online capable (MADT revision " + itoa(c.MADTRevision) + ")"
			})}
			c, ok := o.Get()
			switch {
			case !ok:
				return decide(f, o, "", "The firmware announces no spare processors.")
			case c.OnlineCapable > 0 && c.MADTRevision >= 5:
				return decide(f, o, "The firmware announces processors that can be added.", "")
			case c.MADTRevision < 5:
				f = unreadable(f, "The firmware lists "+itoa(c.Spare)+" processor entries that are not enabled. Before MADT revision 5 that may mean hot-add, or be a dummy.")
				return f, false
			}
			return notAbout(f, "The firmware lists spare processor entries, none of them online capable."), false
		})
	},
}

// feature judges rows about something a host may have and Xen leaves alone
// unless told otherwise.
func (j *judging) feature(rows []*entry, intent string, have func(Finding) (Finding, bool)) []Finding {
	out := j.findings(rows)
	for _, row := range rows {
		f := j.about(row)
		if tri, why := j.applies(row); tri == No {
			out = append(out, notAbout(f, why))
			continue
		} else if tri == Maybe && row.Applies.Understood() {
			f.For = []string{intent}
			out = append(out, unreadable(f, "Whether this row is about this host is not known: "+why+"."))
			continue
		}
		f.For = []string{intent}
		f, ok := have(f)
		switch {
		case !ok:
		case !row.Meaning.Understood() || !row.Applies.Understood():
			f = illegible(f, row)
		default:
			why := f.Why
			f = j.say(f, row.Meaning.Level)
			f.Why = why
			if row.Note != "" && row.Meaning.Condition != support.NoCondition {
				f.Condition = row.Meaning.Condition
				f.Notes = append(f.Notes, row.Note)
			}
		}
		out = append(out, f)
	}
	return out
}

// decide turns a fact into: this host has it (true), has it not, or nobody
// knows.
func decide[T any](f Finding, o facts.Observed[T], has, hasNot string) (Finding, bool) {
	switch o.State {
	case facts.Known:
		f.Applies, f.InUse, f.Why = Yes, No, has
		return f, true
	case facts.Absent:
		for_ := f.For
		f = notAbout(f, hasNot)
		f.For = for_
		return f, false
	}
	f = unreadable(f, "Whether this host has it is not known.")
	f.Do = remedy(o)
	return f, false
}
