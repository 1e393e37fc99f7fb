package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/support"
)

// stranger is a heading that no release had when this was written: something
// new, or something known under a new name.
type stranger struct {
	title string
	line  int
	arch  string // the only architecture it is about; empty when any
	host  bool   // it stands among rows about hosts
}

// strangers lists the headings of a statement that nobody has heard of, with
// rows or without.
func strangers(st *support.Statement) []stranger {
	var all []stranger
	for i := range st.Rows {
		row := &st.Rows[i]
		// Those of architectures and GICs have rules that know what to make of
		// them.
		if _, known := observations[row.Heading]; !known && gicVersion(row.Feature) == 0 && !sectionIs(row, "Host Architecture") {
			all = append(all, stranger{title(row), row.Line, row.Applies.Arch, aboutHosts(row.Section)})
		}
	}
	for _, p := range st.Problems {
		if _, known := observations[p.Heading]; known || p.Row != "" || p.Severity != support.Unrecognised || p.Heading == "" {
			continue
		}
		for _, s := range st.Sections {
			if s.Anchor == p.Heading {
				all = append(all, stranger{s.Title, p.Line, p.Arch, aboutHosts(s.Parent)})
			}
		}
	}
	return all
}

// topic is what a row is looked for about: words of its title.
type topic []string

// The topics whose rows bind every host.
var (
	memoryTopic = topic{"memory", "ram"}
	cpusTopic   = topic{"cpu", "cpus", "pcpu", "pcpus", "processors", "threads"}
	gicTopic    = topic{"gic", "gicv2", "gicv3", "gicv4", "gicv5"}
)

// topic returns the words by which a row about an intent may be known when none
// of its own is there.
func (in Intent) topic() topic {
	switch in.ID {
	case "pv", "pv32", "pv32-shim":
		return topic{"pv"}
	case "hvm":
		return topic{"hvm"}
	case "pvh", "pvh-dom0":
		return topic{"pvh"}
	case "passthrough":
		return topic{"passthrough"}
	case "efi":
		return topic{"efi", "uefi"}
	case "secure-boot":
		return topic{"secure"}
	case "qos":
		return topic{"qos", "rdt"}
	case "memory-hotplug", "cpu-hotplug":
		return topic{"hotplug", "hotadd"}
	case "its":
		return topic{"its"}
	case "sve":
		return topic{"sve", "sve2"}
	}
	return nil
}

// ofGuests are the words of titles that speak of guests instead.
var ofGuests = topic{"guest", "guests", "domain", "domains", "domu", "domus", "virtual", "vcpu", "vcpus"}

func (t topic) in(title string) bool {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(t, w) })
}

// unstated completes a finding about something for which no row was found.
// Nothing is stated only where nothing that might state it was passed over.
func (j *judging) unstated(f Finding, why string, headings []string, about topic) Finding {
	f.Stated, f.Level = support.NothingSaid, support.NothingSaid
	doubt := j.doubtOf(headings)
	if doubt == "" {
		doubt, _ = j.strange(func(s stranger) bool { return about.in(s.title) && !ofGuests.in(s.title) })
	}
	f.Outcome, f.Why = NotStated, why
	if doubt != "" {
		f.Outcome, f.Why = NotEvaluated, "No row about it was understood, but "+doubt+"."
		f.Do = "Read that line of the statement and decide by hand."
	}
	return f
}

// strange names the first heading nobody has heard of that may be about this
// host and about something, and returns its line; empty when there is none.
func (j *judging) strange(about func(stranger) bool) (words string, line int) {
	for _, s := range j.strangers {
		if a, _ := j.isArch(s.arch); a != No && about(s) {
			return "line " + itoa(s.line) + ", " + quote(s.title) + ", is not known to this version of xencheck and may be about it", s.line
		}
	}
	return "", 0
}

// doubtOf is doubt about several headings.
func (j *judging) doubtOf(headings []string) string {
	if !j.doubted {
		return ""
	}
	for _, h := range headings {
		if why := j.doubt(h); why != "" {
			return why
		}
	}
	return ""
}

// missing is what can be in use and has no row under any of the names it has
// had.
type missing struct {
	usages []*usage
	guests []*guestRow
}

func (c *Judge) withoutRow() *missing {
	named := map[string]bool{}
	for i := range c.st.Rows {
		named[c.st.Rows[i].Key], named[c.st.Rows[i].Heading] = true, true
	}
	gone := func(names []string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return named[n] })
	}
	var m missing
	for i := range usages {
		if u := &usages[i]; gone(u.rows) {
			m.usages = append(m.usages, u)
		}
	}
	for _, table := range guestRows {
		for i := range table {
			// Limits are looked at by themselves: see boundByStrangers.
			if g := &table[i]; gone(g.rows) && !slices.Contains(g.rows, "memory") {
				m.guests = append(m.guests, g)
			}
		}
	}
	return &m
}

// usedWithoutRow returns a finding of each thing that Xen uses, or is not known
// to leave alone, and no row is about, where one of the strangers may be.
func (j *judging) usedWithoutRow() []Finding {
	where, _ := j.strange(func(stranger) bool { return true })
	if j.missing == nil || where == "" || !j.setUp() {
		return nil
	}
	var out []Finding
	for _, u := range j.missing.usages {
		says := func(signs []sign, want Tri) (reading, bool) {
			for _, s := range signs {
				if r := s(j); r.use == want {
					return r, true
				}
			}
			return reading{}, false
		}
		if _, off := says(u.off, Yes); off {
			continue
		}
		if r, on := says(u.on, Yes); on {
			out = append(out, usedUnknown(u.rows[0], "It is in use: "+r.seen.What+" is "+r.seen.Value+".", where, []Seen{r.seen}))
		} else if r, open := says(u.on, Maybe); open && u.whole && j.underXen() {
			out = append(out, usedUnknown(u.rows[0], "Whether it is in use is not known.", where, []Seen{r.seen}))
		}
	}
	return out
}

// usedWithoutRow is the same for a domain.
func (g *guest) usedWithoutRow() []Finding {
	where, _ := g.j.strange(func(s stranger) bool { return !s.host })
	if g.j.missing == nil || where == "" {
		return nil
	}
	var out []Finding
	for _, t := range g.j.missing.guests {
		if u := t.test(g, support.Row{}); u.in == Yes || u.in == Maybe && u.hidden == "" {
			why := "The domain uses it" + shownBy(u.seen) + "."
			if u.in == Maybe {
				why = "Whether the domain uses it is not known" + becauseOf(u.seen) + "."
			}
			f := usedUnknown(t.rows[0], cmp.Or(u.why, why), where, u.seen)
			f.Rule, f.Domain, f.Line, f.For = t.rule, g.d.Name.Value, u.line, nil
			out = append(out, f)
		}
	}
	return out
}

func usedUnknown(name, why, where string, seen []Seen) Finding {
	return Finding{
		Title: "Of no row that is known (" + name + ")", Outcome: NotEvaluated, Applies: Yes, InUse: Yes, For: []string{Base}, Seen: seen,
		Stated: support.NothingSaid, Level: support.NothingSaid, Why: why + " No row about it was understood, but " + where + ".",
		Do: "Read that line of the statement and decide by hand.",
	}
}

// boundByStrangers returns a finding of each row that nobody has heard of and
// that sets guests a limit, so that it may leave a domain out.
func (j *judging) boundByStrangers() []Finding {
	var out []Finding
	for _, row := range j.rest {
		if row.needs != "" || row.Meaning.Limit == nil && row.Meaning.Understood() || !sectionIs(row.Row, "Guest Limits") && !ofGuests.in(row.title) {
			continue
		}
		if a, _ := j.isArch(row.Applies.Arch); a == No {
			continue
		}
		f := j.about(row)
		f.Rule, f.Outcome, f.Stated, f.Level = domainsRuleID, NotEvaluated, row.Meaning.Level, j.gated(row.Meaning.Level)
		f.Why = "No rule of this version of xencheck knows this row, which may set a limit to this domain."
		f.Do = "Read the line in the statement and decide by hand."
		out = append(out, f)
	}
	return out
}

// bindsHosts reports whether a row that nobody has heard of sets hosts a
// limit, so that it may leave this one out.
func bindsHosts(row *entry) bool {
	return row.needs == "" && row.Meaning.Limit != nil && !ofGuests.in(row.title) && aboutHosts(row.Section)
}

// aboutHosts reports whether a section is about hosts, by its title.
func aboutHosts(section string) bool {
	s := strings.ToLower(section)
	return !ofGuests.in(s) && (strings.Contains(s, "host") || strings.Contains(s, "hardware"))
}
