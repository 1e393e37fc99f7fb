package rules

import (
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// memoryRows are a domain's memory and how its page tables are kept.
var memoryRows = []guestRow{
	{rule: "domain-memory", rows: []string{"memory"}, test: guestLimit, do: "Give the domain less memory (maxmem=, memory=)."},
	{rule: "domain-memory", rows: []string{"dynamic-memory-control"}, test: func(g *guest, _ support.Row) use { return g.ballooned() },
		blind: "The domain starts with all the memory it may have; ballooning later (xl mem-set) is an event.",
		do:    "Give the domain as much memory= as maxmem=."},
	{rule: "domain-memory", rows: []string{"populate-on-demand-memory"}, test: func(g *guest, _ support.Row) use {
		return both(g.kind(facts.HVM), g.ballooned())
	}, do: "Give the domain as much memory= as maxmem=."},
	{rule: "domain-memory", rows: []string{"memory-sharing"}, test: func(g *guest, _ support.Row) use {
		return both(g.kind(facts.HVM), g.counted("shared pages of the running domain", func(r *facts.RunningDomain) uint64 { return r.Shared }))
	}, do: "Stop the program that shares the guest's pages."},
	{rule: "domain-memory", rows: []string{"memory-paging"}, test: func(g *guest, _ support.Row) use {
		return both(g.kind(facts.HVM), g.counted("pages of the running domain that are paged out", func(r *facts.RunningDomain) uint64 { return r.Paged }))
	}, do: "Stop xenpaging for this domain."},
	{rule: "domain-memory", rows: []string{"shadow-paging"}, test: func(g *guest, _ support.Row) use {
		if pv := g.kind(facts.PV); pv.in == Yes {
			return hiddenIn("a look at what Xen does at the moment",
				"A PV guest runs on shadow paging for the time of a live migration, or once it writes what the L1TF mitigation guards against; neither leaves a trace.")
		}
		return g.paged(No)
	}, do: "Use nested paging: hap=1 on a CPU with EPT or NPT, and hap not switched off on Xen's command line."},
	{rule: "domain-memory", rows: []string{"super-page-support"}, test: func(g *guest, row support.Row) use {
		switch p, ok := row.Applies.Term(support.TermPaging); {
		case !ok:
			return g.arm()
		case p.Value == "shadow":
			return g.paged(No)
		}
		return g.paged(Yes)
	}, do: "Use nested paging: hap=1 on a CPU with EPT or NPT, and hap not switched off on Xen's command line."},
	{rule: "domain-memory", rows: []string{"static-allocation"}, test: func(g *guest, _ support.Row) use {
		return g.inTree("xen,static-mem", func(t facts.DomainTree) bool { return t.StaticMemory })
	}, do: "Take xen,static-mem out of the domain's node."},
	{rule: "domain-memory", rows: []string{"static-memory-sharing"}, test: func(g *guest, _ support.Row) use {
		return g.inTree("xen,domain-shared-memory-v1", func(t facts.DomainTree) bool { return t.SharedMemory })
	}, do: "Take the xen,domain-shared-memory-v1 nodes out of the domain's node."},
	{rule: "domain-memory", rows: []string{"cache-coloring"}, test: func(g *guest, _ support.Row) use {
		return both(g.arm(), when(setting(g, "llc_colors", g.d.Memory.LLCColors, ""), func(s string) bool { return s != "" }))
	}, do: "Take llc_colors= out."},
}

var memoryExtras = []guestExtra{
	{"domain-memory", "Populate-on-demand memory of a PVH guest", func(g *guest) use {
		return both(g.kind(facts.PVH), g.ballooned())
	}, "The toolstack starts a PVH guest with less memory than it may have by populate on demand as well, and the row names HVM guests only."},
	{"domain-memory", "Memory of the guest", func(g *guest) use {
		for _, row := range g.j.st.Under("memory") {
			if sectionIs(&row, "Guest Limits") {
				return never("")
			}
		}
		if doubt, _ := g.j.strange(func(s stranger) bool { return memoryTopic.in(s.title) && ofGuests.in(s.title) }); doubt != "" {
			return never("") // that row says of itself that it is not known
		}
		u, _ := g.memory()
		return u
	}, "This release states no limit for the memory of a guest."},
}

// memory returns how much memory a domain may have, in bytes.
func (g *guest) memory() (use, uint64) {
	given := g.d.Memory.Start.Given || g.d.Memory.Max.Given
	if !given && g.run != nil && g.run.MaxPages > 0 {
		n := g.run.MaxPages * 4096
		return of(verdictOf(true, Seen{What: "memory of the running domain", Value: Size(n), Source: g.j.h.Running.Source})), n
	}
	start := setting(g, "memory", g.d.Memory.Start, 0)
	most := setting(g, "maxmem", g.d.Memory.Max, 0)
	t := most
	if t.known && !g.d.Memory.Max.Given {
		t = start
	}
	if t.known && t.is == 0 {
		return use{in: Maybe, seen: []Seen{{What: "memory", Value: "unknown", Source: g.d.Source, Cause: "the configuration gives none"}}}, 0
	}
	u := when(t, func(uint64) bool { return true })
	if t.known {
		u.seen[0].Value = Size(t.is)
	}
	return u, t.is
}

// guestLimit compares a guest's memory with the row for the architecture.
func guestLimit(g *guest, row support.Row) use {
	u, n := g.memory()
	l := row.Meaning.Limit
	if l == nil {
		return u
	}
	if u.in != Yes {
		u.level = &l.Above // at worst
		return u
	}
	if l.Max.Unit != support.Bytes {
		u.in, u.why = Maybe, "The limit is not one of memory: "+quote(row.Value)+"."
		return u
	}
	level := row.Meaning.At(n)
	u.level = &level
	has := "The domain may have " + Size(n)
	switch {
	case level == support.NothingSaid && l.Below != nil && n >= l.Below.N:
		u.outside, u.why = true, has+"; the row speaks of less than "+l.Below.Text+" only."
	case level == support.NothingSaid:
		u.outside, u.why = true, has+"; the row holds up to "+l.Max.Text+" and says nothing above."
	case n > l.Max.N:
		u.why = has + ", more than the " + l.Max.Text + " up to which the row is security supported."
	default:
		u.why = has + ", within the limit of " + l.Max.Text + "."
	}
	return u
}

// ballooned tells whether a domain starts with less memory than it may have.
func (g *guest) ballooned() use {
	start := setting(g, "memory", g.d.Memory.Start, 0)
	most := setting(g, "maxmem", g.d.Memory.Max, start.is)
	if !start.known || !most.known {
		return both(when(start, func(uint64) bool { return true }), when(most, func(uint64) bool { return true }))
	}
	u := when(most, func(n uint64) bool { return n > start.is && start.is > 0 })
	u.seen = []Seen{{What: "memory", Value: Size(start.is), Source: g.d.Source}, {What: "maxmem", Value: Size(most.is), Source: g.d.Source}}
	u.why = "The domain starts with " + Size(start.is) + " and may have " + Size(most.is) + "."
	return u
}

// counted asks a counter that only the running Xen has.
func (g *guest) counted(what string, count func(*facts.RunningDomain) uint64) use {
	if g.run == nil {
		return use{in: Maybe, hidden: "needs the running domain", why: "Only Xen itself tells, of a running domain.",
			seen: []Seen{{What: what, Value: "unknown", Cause: "Xen was not asked"}}}
	}
	n := count(g.run)
	return of(verdictOf(n > 0, Seen{What: what, Value: show(n), Source: g.j.h.Running.Source}))
}

// paged tells whether an HVM or PVH guest has HAP (want Yes) or shadow page
// tables (want No).
func (g *guest) paged(want Tri) use {
	c := g.container()
	if c.in == No {
		return c
	}
	hap, u := g.paging()
	switch hap {
	case Maybe:
		u.why = "Whether the guest runs on nested paging or on shadow paging is not known" + becauseOf(u.seen) + "."
	case want:
		u.in = Yes
	default:
		u.in = No
	}
	if c.in == Maybe {
		return both(c, u)
	}
	if u.in == No {
		u.why = "The guest runs on nested paging."
		if want == Yes {
			u.why = "The guest runs on shadow paging."
		}
	}
	return u
}
