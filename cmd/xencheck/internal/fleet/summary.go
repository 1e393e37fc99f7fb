package fleet

import (
	"cmp"
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
		Records: t.records, Bad: t.bad, Older: t.newest.older, Unlike: t.newest.unlike, Bytes: t.bytes,
		BadRecords: append([]report.BadRecord{}, t.badFirst...),
	}
	for _, w := range o.Waivers {
		f.Waivers = append(f.Waivers, report.FleetWaiver{Waiver: w, State: rules.WaiverUnused, ByAsked: make([]int, t.asked)})
	}
	c := newCounting(t, f)
	for e, n := range t.nameless {
		if e.verdict != leftOut {
			f.Nameless += n
		}
		c.add(e, n)
	}
	tomorrow := moment(o.tomorrow())
	t.newest.each(func(e entry, time uint32) {
		c.add(e, 1)
		if time > tomorrow && e.verdict != leftOut {
			f.Future++
		}
	})
	c.sum()
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

// counting is a summary in the making. Hosts are first counted by their
// verdicts, and verdicts by what they are made of: all that takes more than
// adding is done once for what is alike.
type counting struct {
	t        *tally
	f        *report.Fleet
	keys     []verdictKey // by number, as the next two
	hosts    []int
	judged   []judgement
	verdicts map[judgedBy]*report.FleetVerdicts
	stated   map[uint32]int // hosts by statement
	kinds    hurtKinds
	hurts    reasons
	hardware []hardwareCount // by number
	xens     map[uint32]int
	upgrades []upgrade
}

// judgement is what hosts come to by one release.
type judgement struct {
	judgedKey
	first []uint32 // of the hurts, those of which none before has the same reason
}

type judgedBy struct {
	asked     int
	statement uint32
}

// hardwareCount counts hosts of one kind, also by release asked for and grade.
type hardwareCount struct {
	hosts  int
	grades []uint32 // gradeCount for each release
}

// sameGrades has one map for all counts that are the same: most kinds of
// hardware are few hosts, and there may be many kinds.
type sameGrades map[[gradeCount]uint32]report.FleetGrades

func (s sameGrades) of(counts [gradeCount]uint32) report.FleetGrades {
	g, ok := s[counts]
	if !ok {
		g = report.FleetGrades{}
		for i, grade := range grades() {
			if counts[i] > 0 {
				g[grade] = int(counts[i])
			}
		}
		s[counts] = g
	}
	return g
}

// upgrade is a change from the first release asked for to another one.
type upgrade struct {
	report.FleetUpgrade
	pairs         map[[2]uint32]int // hosts by what they come to before and after
	gains, losses reasons
}

func newCounting(t *tally, f *report.Fleet) *counting {
	judged := t.judged.all() // before the hurts that it refers to: there may be more of them by now
	c := &counting{
		t: t, f: f, hosts: make([]int, len(t.verdicts)), hardware: make([]hardwareCount, len(t.hardware)+1),
		verdicts: map[judgedBy]*report.FleetVerdicts{}, stated: map[uint32]int{},
		kinds: t.hurtKinds(), hurts: reasons{}, xens: map[uint32]int{},
	}
	c.judged = make([]judgement, len(judged)+1)
	for i, key := range judged {
		j := judgement{judgedKey: decodeJudged(key)}
		j.first = c.kinds.first(j.hurts)
		c.judged[i+1] = j
	}
	c.keys = make([]verdictKey, len(t.verdicts))
	for key, n := range t.verdicts {
		if n != leftOut {
			c.keys[n] = decodeVerdict(key)
		}
	}
	for to := 1; to < t.asked; to++ {
		c.upgrades = append(c.upgrades, upgrade{report.FleetUpgrade{From: 0, To: to}, map[[2]uint32]int{}, reasons{}, reasons{}})
	}
	return c
}

// add counts n hosts of one verdict and hardware.
func (c *counting) add(e entry, n int) {
	if e.verdict == leftOut {
		c.f.LeftOut += n
		return
	}
	c.hosts[e.verdict] += n
	hw := &c.hardware[e.hardware]
	if hw.hosts == 0 {
		hw.grades = make([]uint32, c.t.asked*gradeCount)
	}
	hw.hosts += n
	for asked, j := range c.keys[e.verdict].judged {
		hw.grades[asked*gradeCount+c.judged[j].grade] += uint32(n)
	}
}

// sum takes the verdicts apart.
func (c *counting) sum() {
	judged := make([]map[uint32]int, c.t.asked) // hosts by what they come to
	for asked := range judged {
		judged[asked] = map[uint32]int{}
	}
	for v, n := range c.hosts {
		if n == 0 {
			continue
		}
		key := &c.keys[v]
		c.f.Hosts += n
		c.xens[key.xen] += n
		for asked, j := range key.judged {
			judged[asked][j] += n
		}
		for i := range c.upgrades {
			c.upgrades[i].pairs[[2]uint32{key.judged[0], key.judged[i+1]}] += n
		}
		c.once(key.judged, n)
	}
	for asked, hosts := range judged {
		for id, n := range hosts {
			c.addJudged(asked, &c.judged[id], n)
		}
	}
	for i := range c.upgrades {
		u := &c.upgrades[i]
		for pair, n := range u.pairs {
			u.add(&c.kinds, &c.judged[pair[0]], &c.judged[pair[1]], n)
		}
	}
}

// once counts n hosts of one verdict for what several of its judgements may
// have: a statement, or a reason.
func (c *counting) once(judged []uint32, n int) {
	for asked, id := range judged {
		j := &c.judged[id]
		if !slices.ContainsFunc(judged[:asked], func(id uint32) bool { return c.judged[id].statement == j.statement }) {
			c.stated[j.statement] += n
		}
		for _, id := range j.first {
			if c.kinds.meet(id) {
				c.hurts.of(&c.kinds, id, c.t.asked).hosts += n
			}
		}
		for _, w := range j.waivers {
			if !slices.ContainsFunc(judged[:asked], func(id uint32) bool { return slices.Contains(c.judged[id].waivers, w) }) {
				c.f.Waivers[w-1].Hosts += n
			}
		}
	}
	c.kinds.verdict++
}

// addJudged counts n hosts that a release judged alike.
func (c *counting) addJudged(asked int, j *judgement, n int) {
	by := judgedBy{asked, j.statement}
	v := c.verdicts[by]
	if v == nil {
		v = &report.FleetVerdicts{Asked: asked, Grades: report.FleetGrades{}}
		c.verdicts[by] = v
	}
	v.Hosts += n
	v.Grades[grades()[j.grade]] += n
	c.f.ExitCode = c.f.ExitCode.Worse(j.exit)
	for _, id := range j.first {
		r := c.hurts.of(&c.kinds, id, c.t.asked)
		r.byAsked[asked] += n
		r.words[id] += n
	}
	for _, w := range j.waivers {
		c.f.Waivers[w-1].ByAsked[asked] += n
	}
}

// add counts what an upgrade does for n hosts.
func (u *upgrade) add(k *hurtKinds, from, to *judgement, n int) {
	unknown := gradeIndex(rules.GradeUnknown)
	switch {
	case from.grade == unknown || to.grade == unknown:
		u.Undecided += n
	case to.grade < from.grade:
		u.Better += n
		u.gains.add(k, k.without(from, to), n)
	case to.grade > from.grade:
		u.Worse += n
		u.losses.add(k, k.without(to, from), n)
	default:
		u.Same += n
	}
}

// hurtKinds tells of hurts, by number, what is alike.
type hurtKinds struct {
	names   []uint32 // hurts of one name have one number
	reasons []uint32 // likewise of one name, grade and cause
	grades  []int
	verdict int   // counts verdicts
	met     []int // by reason: the last verdict that has it
}

func (t *tally) hurtKinds() hurtKinds {
	k := hurtKinds{verdict: 1}
	names, kinds := map[string]uint32{}, map[[3]string]uint32{}
	for id := range uint32(len(t.hurts.all()) + 1) {
		h := t.hurt(id)
		name := h.Name()
		if _, ok := names[name]; !ok {
			names[name] = uint32(len(names))
		}
		kind := [3]string{name, string(h.Grade), h.Cause}
		if _, ok := kinds[kind]; !ok {
			kinds[kind] = uint32(len(kinds))
		}
		k.names, k.reasons, k.grades = append(k.names, names[name]), append(k.reasons, kinds[kind]), append(k.grades, gradeIndex(h.Grade))
	}
	k.met = make([]int, len(kinds))
	return k
}

// first returns of hurts those of which none before has the same reason.
func (k *hurtKinds) first(hurts []uint32) (first []uint32) {
	for i, id := range hurts {
		if !slices.ContainsFunc(hurts[:i], func(o uint32) bool { return k.reasons[o] == k.reasons[id] }) {
			first = append(first, id)
		}
	}
	return first
}

// meet reports whether the present verdict has not had the reason of a hurt yet.
func (k *hurtKinds) meet(id uint32) bool {
	at := &k.met[k.reasons[id]]
	if *at == k.verdict {
		return false
	}
	*at = k.verdict
	return true
}

// without returns what hurts in a and not as badly in b.
func (k *hurtKinds) without(a, b *judgement) (left []uint32) {
	for _, id := range a.hurts {
		if !slices.ContainsFunc(b.hurts, func(o uint32) bool { return k.names[o] == k.names[id] && k.grades[o] >= k.grades[id] }) {
			left = append(left, id)
		}
	}
	return k.first(left)
}

// hurt returns what a number of a key stands for.
func (t *tally) hurt(id uint32) Hurt {
	if id == 0 {
		return Hurt{Title: "other reasons (too many to tell apart)", Grade: rules.GradeUnknown}
	}
	return t.hurts.at(id)
}

// reasons counts hosts by what hurts them; hurts of one name, grade and cause are
// one reason: a row may be worse for one release or host than for another.
type reasons map[uint32]*reasonCount

type reasonCount struct {
	hosts   int
	byAsked []int
	words   map[uint32]int // hosts by hurt, to find the most frequent words
}

// of returns the count of the reason of a hurt.
func (rs reasons) of(k *hurtKinds, id uint32, asked int) *reasonCount {
	r := rs[k.reasons[id]]
	if r == nil {
		r = &reasonCount{byAsked: make([]int, asked), words: map[uint32]int{}}
		rs[k.reasons[id]] = r
	}
	return r
}

// add counts n hosts that have these reasons, each of them once.
func (rs reasons) add(k *hurtKinds, hurts []uint32, n int) {
	for _, id := range hurts {
		r := rs.of(k, id, 1)
		r.hosts += n
		r.byAsked[0] += n
		r.words[id] += n
	}
}

// list returns the reasons, most hosts first.
func (rs reasons) list(t *tally) []report.FleetHurt {
	list := make([]report.FleetHurt, 0, len(rs))
	for _, rc := range rs {
		h := report.FleetHurt{Hosts: rc.hosts, ByAsked: rc.byAsked}
		most := 0
		for id, n := range rc.words {
			o := t.hurt(id)
			h.Grade, h.Cause = o.Grade, o.Cause // the same for all
			// Of words that are as frequent, those that come first.
			if n > most || n == most && o.Title+"\x00"+o.Do < h.Title+"\x00"+h.Do {
				most, h.Key, h.Title, h.Do, h.Domains = n, o.Key, o.Title, o.Do, o.Domains
			}
		}
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b report.FleetHurt) int {
		return cmp.Or(cmp.Compare(b.Hosts, a.Hosts), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Title, b.Title), cmp.Compare(gradeIndex(b.Grade), gradeIndex(a.Grade)), cmp.Compare(a.Cause, b.Cause))
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
	names := keysOf(t.hardware)
	names[0] = "other hardware (too many kinds to tell apart)"
	same := sameGrades{}
	for id := range c.hardware {
		if hw := &c.hardware[id]; hw.hosts > 0 {
			f.Hardware = append(f.Hardware, hw.named(names[id], same))
		}
	}
	slices.SortFunc(f.Hardware, func(a, b report.FleetHardware) int {
		return cmp.Or(cmp.Compare(b.Hosts, a.Hosts), cmp.Compare(a.Name, b.Name))
	})
	c.horizons(o.At)
	for i := range f.Waivers {
		w := &f.Waivers[i]
		switch {
		case !w.Holds(o.At):
			w.State = rules.WaiverExpired
		case w.Hosts > 0:
			w.State = rules.WaiverUsed
		}
	}
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

func (hw *hardwareCount) named(name string, same sameGrades) report.FleetHardware {
	out := report.FleetHardware{Name: name, Hosts: hw.hosts}
	for counts := range slices.Chunk(hw.grades, gradeCount) {
		out.Grades = append(out.Grades, same.of([gradeCount]uint32(counts)))
	}
	return out
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
