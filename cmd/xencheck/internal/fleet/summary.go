package fleet

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/rules"
)

// summary counts the hosts that were kept. It can be made at any moment.
func (t *tally) summary(o *Options) *report.Fleet {
	f := &report.Fleet{
		Kind: report.KindFleet, Schema: report.Schema, Tool: o.Tool, At: o.At,
		Asked: o.Releases, Intents: o.Intents, Filter: o.Where.String(), FailOn: o.FailOn,
		Records: t.records, Bad: t.bad, Older: t.newest.older, Bytes: t.bytes,
		BadRecords: append([]report.BadRecord{}, t.badFirst...),
	}
	hosts := maps.Clone(t.nameless)
	for e, n := range t.nameless {
		if e.verdict != leftOut {
			f.Nameless += n
		}
	}
	tomorrow := moment(o.tomorrow())
	t.newest.each(func(e entry, time uint32) {
		hosts[e]++
		if time > tomorrow && e.verdict != leftOut {
			f.Future++
		}
	})

	c := newCounting(t, f)
	names, verdicts := keysOf(t.hardware), keysOf(t.verdicts)
	names[0] = "other hardware (too many kinds to tell apart)"
	// Hosts of one verdict and hardware are counted together.
	for e, n := range hosts {
		if e.verdict == leftOut {
			f.LeftOut += n
			continue
		}
		c.add(decodeVerdict(verdicts[e.verdict], t.asked), names[e.hardware], n)
	}
	c.finish(o)
	return f
}

// tomorrow is a time from which on nothing can have been collected: clocks of
// hosts may be a day ahead, not more.
func (o *Options) tomorrow() *time.Time {
	now := time.Now
	if o.Probe.Now != nil {
		now = o.Probe.Now
	}
	at := now().Add(24 * time.Hour)
	return &at
}

// counting is a summary in the making.
type counting struct {
	t        *tally
	f        *report.Fleet
	verdicts map[judgedBy]*report.FleetVerdicts
	stated   map[uint32]int // hosts by statement
	hurts    reasons
	hardware map[string]*report.FleetHardware
	xens     map[uint32]int
	upgrades []upgrade
}

type judgedBy struct {
	asked     int
	statement uint32
}

// upgrade is a change from the first release asked for to another one.
type upgrade struct {
	report.FleetUpgrade
	gains, losses reasons
}

func newCounting(t *tally, f *report.Fleet) *counting {
	c := &counting{
		t: t, f: f, verdicts: map[judgedBy]*report.FleetVerdicts{}, stated: map[uint32]int{},
		hurts: reasons{}, hardware: map[string]*report.FleetHardware{}, xens: map[uint32]int{},
	}
	for to := 1; to < t.asked; to++ {
		c.upgrades = append(c.upgrades, upgrade{report.FleetUpgrade{From: 0, To: to}, reasons{}, reasons{}})
	}
	return c
}

// add counts n hosts of one verdict and hardware.
func (c *counting) add(v verdictKey, hardware string, n int) {
	c.f.Hosts += n
	c.xens[v.xen] += n
	hw := c.hardware[hardware]
	if hw == nil {
		hw = &report.FleetHardware{Name: hardware}
		for range v.judged {
			hw.Grades = append(hw.Grades, report.FleetGrades{})
		}
		c.hardware[hardware] = hw
	}
	hw.Hosts += n
	stated := map[uint32]bool{}
	for asked, j := range v.judged {
		grade := grades()[j.grade]
		hw.Grades[asked][grade] += n
		stated[j.statement] = true
		by := judgedBy{asked, j.statement}
		if c.verdicts[by] == nil {
			c.verdicts[by] = &report.FleetVerdicts{Asked: asked, Grades: report.FleetGrades{}}
		}
		c.verdicts[by].Hosts += n
		c.verdicts[by].Grades[grade] += n
		c.f.ExitCode = c.f.ExitCode.Worse(j.exit)
	}
	for s := range stated {
		c.stated[s] += n
	}
	c.hurts.add(c.t, v.judged, n)
	for i := range c.upgrades {
		c.upgrades[i].add(c.t, v.judged, n)
	}
}

// add counts what an upgrade does for n hosts.
func (u *upgrade) add(t *tally, judged []judgedKey, n int) {
	from, to := judged[u.From], judged[u.To]
	unknown := gradeIndex(rules.GradeUnknown)
	switch {
	case from.grade == unknown || to.grade == unknown:
		u.Undecided += n
	case to.grade < from.grade:
		u.Better += n
		u.gains.add(t, []judgedKey{without(t, from, to)}, n)
	case to.grade > from.grade:
		u.Worse += n
		u.losses.add(t, []judgedKey{without(t, to, from)}, n)
	default:
		u.Same += n
	}
}

// without returns what hurts in a and not as badly in b.
func without(t *tally, a, b judgedKey) judgedKey {
	var left judgedKey
	for _, id := range a.hurts {
		h := t.hurt(id)
		if !slices.ContainsFunc(b.hurts, func(id uint32) bool {
			o := t.hurt(id)
			return o.Name() == h.Name() && gradeIndex(o.Grade) >= gradeIndex(h.Grade)
		}) {
			left.hurts = append(left.hurts, id)
		}
	}
	return left
}

// hurt returns what a number of a key stands for.
func (t *tally) hurt(id uint32) Hurt {
	if id == 0 {
		return Hurt{Title: "other reasons (too many to tell apart)", Grade: rules.GradeUnknown}
	}
	return t.hurts.at(id)
}

// reasons counts hosts by what hurts them.
type reasons map[reason]*reasonCount

// reason is what the hurts of different hosts are counted as one by.
type reason struct{ name, cause string }

type reasonCount struct {
	hosts   int
	byAsked []int
	words   map[uint32]int // hosts by hurt, to find the most frequent words
}

// add counts n hosts that were judged alike.
func (rs reasons) add(t *tally, judged []judgedKey, n int) {
	seen := map[reason]bool{}
	for asked, j := range judged {
		here := map[reason]bool{}
		for _, id := range j.hurts {
			h := t.hurt(id)
			r := reason{h.Name(), h.Cause}
			if here[r] {
				continue
			}
			here[r] = true
			rc := rs[r]
			if rc == nil {
				rc = &reasonCount{byAsked: make([]int, len(judged)), words: map[uint32]int{}}
				rs[r] = rc
			}
			rc.byAsked[asked] += n
			rc.words[id] += n
			if !seen[r] {
				seen[r] = true
				rc.hosts += n
			}
		}
	}
}

// list returns the reasons, most hosts first.
func (rs reasons) list(t *tally) []report.FleetHurt {
	list := make([]report.FleetHurt, 0, len(rs))
	for r, rc := range rs {
		h := report.FleetHurt{Cause: r.cause, Hosts: rc.hosts, ByAsked: rc.byAsked}
		most := 0
		for id, n := range rc.words {
			o := t.hurt(id)
			if h.Grade == "" || gradeIndex(o.Grade) > gradeIndex(h.Grade) {
				h.Grade = o.Grade
			}
			// Of words that are as frequent, those that come first.
			if n > most || n == most && o.Title+"\x00"+o.Do < h.Title+"\x00"+h.Do {
				most, h.Key, h.Title, h.Do, h.Domains = n, o.Key, o.Title, o.Do, o.Domains
			}
		}
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b report.FleetHurt) int {
		return cmp.Or(cmp.Compare(b.Hosts, a.Hosts), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Title, b.Title), cmp.Compare(a.Cause, b.Cause))
	})
	return list
}

// finish puts what was counted in order.
func (c *counting) finish(o *Options) {
	f, t := c.f, c.t
	c.statements()
	f.Hurts, f.Unknown = []report.FleetHurt{}, []report.FleetHurt{}
	for _, h := range c.hurts.list(t) {
		if h.Grade == rules.GradeUnknown {
			f.Unknown = append(f.Unknown, h)
		} else {
			f.Hurts = append(f.Hurts, h)
		}
	}
	f.Upgrades = []report.FleetUpgrade{}
	for _, u := range c.upgrades {
		u.Gains, u.Losses = u.gains.list(t), u.losses.list(t)
		f.Upgrades = append(f.Upgrades, u.FleetUpgrade)
	}
	f.Hardware = []report.FleetHardware{}
	for _, hw := range c.hardware {
		f.Hardware = append(f.Hardware, *hw)
	}
	slices.SortFunc(f.Hardware, func(a, b report.FleetHardware) int {
		return cmp.Or(cmp.Compare(b.Hosts, a.Hosts), cmp.Compare(a.Name, b.Name))
	})
	c.horizons(o.At)
	if o.FailOn == report.FailNever {
		f.ExitCode = report.ExitOK
	}
	if f.Bad > 0 {
		f.ExitCode = f.ExitCode.Worse(report.ExitUsage)
	}
	if t.faults > 0 {
		f.ExitCode = f.ExitCode.Worse(report.ExitInternal)
	}
	f.ExitMeaning = f.ExitCode.String()
}

// statements lists the statements by release, and the verdicts by what was
// asked for and statement.
func (c *counting) statements() {
	f := c.f
	type used struct {
		number uint32
		s      report.FleetStatement
	}
	var all []used
	for n, hosts := range c.stated {
		s := c.t.stated.at(n)
		all = append(all, used{n, report.FleetStatement{Statement: s.Statement, Phase: s.Phase, Hosts: hosts}})
	}
	slices.SortFunc(all, func(a, b used) int {
		return cmp.Or(compareReleases(a.s.Release, b.s.Release), cmp.Compare(a.s.Date, b.s.Date), cmp.Compare(a.s.Name, b.s.Name))
	})
	f.Statements, f.Verdicts = []report.FleetStatement{}, []report.FleetVerdicts{}
	index := map[uint32]int{}
	for i, u := range all {
		index[u.number] = i
		f.Statements = append(f.Statements, u.s)
	}
	for by, v := range c.verdicts {
		v.Statement = index[by.statement]
		f.Verdicts = append(f.Verdicts, *v)
	}
	slices.SortFunc(f.Verdicts, func(a, b report.FleetVerdicts) int {
		return cmp.Or(cmp.Compare(a.Asked, b.Asked), cmp.Compare(a.Statement, b.Statement))
	})
}

// horizons tells when support ends for the Xen that hosts have, what ends first
// coming first.
func (c *counting) horizons(at time.Time) {
	f := c.f
	f.Horizons = []report.FleetHorizon{}
	for n, hosts := range c.xens {
		var x foundXen
		if n > 0 {
			x = c.t.xens.at(n)
		}
		h := report.FleetHorizon{Release: x.branch, How: x.how, Hosts: hosts}
		if x.branch != "" {
			if s := c.t.judge.Horizon(x.branch); s != nil {
				h.Phase, h.SupportedUntil, h.SecuritySupportUntil = s.Phase, s.SupportedUntil, s.SecuritySupportUntil
				if end, err := time.Parse(time.DateOnly, s.SecuritySupportUntil); err == nil {
					days := int(end.Sub(at.Truncate(24*time.Hour)) / (24 * time.Hour))
					h.Days = &days
				}
			}
		}
		f.Horizons = append(f.Horizons, h)
	}
	slices.SortFunc(f.Horizons, func(a, b report.FleetHorizon) int {
		return cmp.Or(compareReleases(a.Release, b.Release), cmp.Compare(a.How, b.How))
	})
}

// compareReleases orders MAJOR.MINOR by number; what is none comes last.
func compareReleases(a, b string) int {
	number := func(s string) int {
		major, minor, _ := strings.Cut(s, ".")
		x, err1 := strconv.Atoi(major)
		y, err2 := strconv.Atoi(minor)
		if err1 != nil || err2 != nil {
			return math.MaxInt
		}
		return x<<16 + y
	}
	return cmp.Or(cmp.Compare(number(a), number(b)), cmp.Compare(a, b))
}
