package rules

import (
	"slices"
	"strings"
	"sync"

	"github.com/xencheck/xencheck/probe/armcore"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// Judge is a statement made ready to judge many hosts: everything that does
// not depend on the host is worked out once. It is safe for use by several
// goroutines at a time. The statement must not change afterwards.
type Judge struct {
	st           *support.Statement
	rules        []Rule
	entries      []entry                 // one for each row, in the order of the statement
	byKey        map[string]int          // index in entries
	shares       [][]*entry              // the rows of each rule
	rest         []*entry                // rows that no rule claims
	strangers    []stranger              // headings nobody has heard of
	missing      *missing                // what no row is about, where strangers may be
	ofRunning    bool                    // the statement was chosen for the Xen that runs
	doubted      bool                    // something in the statement was not understood
	major, minor int                     // the release of the statement
	sections     map[string]*Ref         // to cite the prose of a section, by anchor
	words        map[string]string       // what stands after the rows of a heading, where nobody here has read it before
	ends         map[string]*Ref         // to cite a date of the header, by its name
	names        map[string]armcore.Name // what the names of cores in rows mean
	desks        sync.Pool               // of *desk
}

// entry is a row with what is worked out of it once.
type entry struct {
	*support.Row
	ref   *Ref
	title string
	usage *usage    // nil when no usage is about it
	guest *guestRow // nil when domains do not decide it
	needs string    // what would show it, in words; empty when nobody knows how to observe it
}

// Compile makes a statement ready to judge.
func Compile(st *support.Statement) *Judge {
	c := &Judge{st: st, rules: List(), entries: make([]entry, len(st.Rows)), byKey: make(map[string]int, len(st.Rows)), sections: map[string]*Ref{}, ends: map[string]*Ref{}, names: map[string]armcore.Name{}, words: map[string]string{}}
	release := st.Header.Release()
	c.major, c.minor = parseRelease(release)
	for name, d := range map[string]support.Field{fullEnds: st.Header.SupportedUntil, securityEnds: st.Header.SecuritySupportUntil} {
		c.ends[name] = &Ref{Release: release, Revision: st.Provenance.Commit, Date: st.Provenance.Date,
			Section: "Release Support", Value: name + ": " + d.Text, Line: d.Line}
	}
	for _, s := range st.Sections {
		if s.Caveat != "" && st.Provenance.Commit == "" {
			c.words[s.Anchor] = excerpt(s.Caveat)
		}
		r := &Ref{Release: release, Revision: st.Provenance.Commit, Date: st.Provenance.Date, Section: s.Title, Line: s.Line}
		if s.Level > 2 {
			r.Section, r.Feature = s.Parent, s.Title
		}
		if c.sections[s.Anchor] == nil {
			c.sections[s.Anchor] = r
		}
	}
	refs := make([]Ref, len(st.Rows))
	for i := range st.Rows {
		row := &st.Rows[i]
		refs[i] = Ref{
			Release: release, Revision: st.Provenance.Commit, Date: st.Provenance.Date,
			Key: row.Key, Section: row.Section, Feature: row.Feature, Qualifier: row.Qualifier, Value: row.Value, Line: row.Line,
		}
		c.entries[i] = entry{Row: row, ref: &refs[i], title: title(row), usage: usageOf(row), guest: guestRowOf(row)}
		for _, t := range row.Applies.Terms {
			if t.Kind == support.TermCore {
				c.names[t.Core.Name] = armcore.Find(t.Core.Name)
			}
		}
		if n, ok := needsOf(row); ok {
			c.entries[i].needs = n.words()
		}
		if _, taken := c.byKey[row.Key]; !taken {
			c.byKey[row.Key] = i
		}
		c.doubted = c.doubted || !row.Meaning.Understood() || !row.Applies.Understood()
	}
	c.doubted = c.doubted || slices.ContainsFunc(st.Problems, func(p support.Problem) bool { return p.Severity == support.Unrecognised })
	c.shares, c.rest = share(c.rules, c.entries)
	c.strangers = strangers(st)
	if len(c.strangers) > 0 {
		c.missing = c.withoutRow()
	}
	c.desks.New = func() any { return &desk{room: make([]Finding, len(st.Rows)+spare)} }
	return c
}

// CompileForRunning is [Compile] for a statement that nobody asked for: it was
// chosen because of the Xen that runs on the hosts to be judged, or stands in
// for the one of that Xen.
func CompileForRunning(st *support.Statement) *Judge {
	c := Compile(st)
	c.ofRunning = true
	return c
}

// Statement returns the statement that is judged by.
func (c *Judge) Statement() *support.Statement { return c.st }

// entry returns the first row with a key; nil when there is none.
func (c *Judge) entry(key string) *entry {
	if i, ok := c.byKey[key]; ok {
		return &c.entries[i]
	}
	return nil
}

// spare is how many findings without a row there is room for before a rule
// gets itself more.
const spare = 64

// desk is the room that one evaluation works in; it is used again by the next.
type desk struct {
	room  []Finding
	used  int
	found []*Finding
	order []uint64
}

// findings returns an empty list with room for a finding of each row and one
// more.
func (j *judging) findings(rows []*entry) []Finding {
	n, d := len(rows)+1, j.desk
	if d == nil || d.used+n > len(d.room) {
		return make([]Finding, 0, n)
	}
	d.used += n
	return d.room[d.used-n : d.used-n : d.used]
}

// Evaluate judges a host. Every row of the statement appears in exactly one
// finding, in the order of the statement; properties that no row covers stand
// before them.
func (c *Judge) Evaluate(h *facts.Host, o Options) *Verdict {
	d := c.desks.Get().(*desk)
	j := newJudging(c, h, o)
	j.desk = d
	v := &Verdict{Release: c.st.Header.Release(), Phase: j.phase, At: o.At}
	v.Findings = j.everyFinding()
	clear(d.room[:d.used]) // what was said of this host is not kept
	clear(d.found)
	d.used, d.found, d.order = 0, d.found[:0], d.order[:0]
	j.desk = nil
	c.desks.Put(d)

	j.waive(v.Findings)
	v.Notes = j.notes()
	v.Intents, v.Overall, v.Answers = answers(j, v.Findings, o.For)
	v.Domains = j.hostDomains()
	j.fold(v.Findings, v.Domains)
	v.Waivers = WaiverUses(o, c.st, v.Findings, v.Domains)
	v.Counts = count(v.Findings)
	return v
}

// everyFinding lets each rule judge its rows.
func (j *judging) everyFinding() []Finding {
	d := j.desk
	add := func(f *Finding) {
		d.order = append(d.order, uint64(f.line())<<32|uint64(len(d.found)))
		d.found = append(d.found, f)
	}
	for i := range j.rules {
		r := &j.rules[i]
		fs := r.judge(j, j.shares[i])
		for k := range fs {
			j.attribute(r, &fs[k])
			add(&fs[k])
		}
	}
	rest := j.findings(j.rest)
	for _, row := range j.rest {
		rest = append(rest, j.unclaimed(row))
	}
	for k := range rest {
		add(&rest[k])
	}
	slices.Sort(d.order)
	out := make([]Finding, len(d.order))
	for i, o := range d.order {
		out[i] = *d.found[uint32(o)]
	}
	j.distrust(out)
	j.caveats(out)
	return out
}

// attribute completes a finding of a rule.
func (j *judging) attribute(r *Rule, f *Finding) {
	f.Rule = r.ID
	if f.Outcome == Judged && f.InUse == Yes && r.ID != domainsRuleID && j.underXen() && !slices.Contains(f.For, Base) {
		// What a running Xen uses counts by itself.
		f.For = append([]string{Base}, f.For...)
	}
}

// share gives every row to the first rule that claims it, and the others to
// nobody.
func share(list []Rule, rows []entry) (shares [][]*entry, rest []*entry) {
	owner := make(map[string]int, len(rows)) // by heading
	architecture, gic, usage := -1, -1, -1
	for i, r := range list {
		switch r.ID {
		case architectureRule.ID:
			architecture = i
		case gicRule.ID:
			gic = i
		case usageRuleID:
			usage = i
		}
		for _, heading := range r.Rows {
			if _, taken := owner[heading]; !taken {
				owner[heading] = i
			}
		}
	}
	shares = make([][]*entry, len(list))
	for i := range rows {
		row := &rows[i]
		o, ok := owner[row.Heading]
		switch {
		case ok && o < usage:
		case sectionIs(row.Row, "Host Architecture"):
			o = architecture
		case gicVersion(row.Feature) > 0:
			o = gic
		case row.usage != nil:
			o = usage
		case !ok:
			rest = append(rest, row)
			continue
		}
		shares[o] = append(shares[o], row)
	}
	return shares, rest
}

func sectionIs(row *support.Row, title string) bool { return strings.EqualFold(row.Section, title) }
