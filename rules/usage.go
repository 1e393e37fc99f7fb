package rules

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/xencmdline"
	"github.com/xencheck/xencheck/support"
)

// A usage says how to tell whether a Xen uses what a row is about.
//
// Any sign in off rules the row out: built without it, switched off, or not
// possible here. Otherwise any sign in on means that it is in use. When no
// sign in on says yes, whole tells whether they would have: then the row is
// available and not in use; else nobody can tell.
type usage struct {
	rows  []string // anchors of headings, or keys of single rows
	only  func(*support.Row) bool
	off   []sign
	on    []sign
	whole bool
	// tree is set where the boot device tree tells, also without a Xen; where
	// nobody gave that tree, the row stays out of sight.
	tree bool
	do   string // how to change it: which option, key or file
}

// A sign is one place that tells of something's use.
type sign func(*judging) reading

// reading is what a sign says of one host.
type reading struct {
	use    Tri
	seen   Seen
	remedy string // what would make it readable
}

// The ids that Evaluate itself needs.
const (
	usageRuleID   = "xen-usage"
	domainsRuleID = "domains"
)

var usageRule = Rule{
	ID:    usageRuleID,
	Title: "How Xen is built, booted and used",
	Doc: "Reads the command line and the build configuration of Xen, what Xen says of itself, and what runs in dom0, and tells for each row " +
		"whether it is in use, available or ruled out. What a running Xen uses counts for the host's verdict.",
	judge: func(j *judging, rows []*entry) []Finding {
		out := j.findings(rows)
		for _, row := range rows {
			out = append(out, j.used(row, row.usage))
		}
		return append(out, j.usedWithoutRow()...)
	},
}

// usageOf returns the first usage that is about a row; nil when there is none.
func usageOf(row *support.Row) *usage {
	index := usagesByRow()
	best := -1
	for _, name := range []string{row.Key, row.Heading} {
		for _, i := range index[name] {
			if u := &usages[i]; (best < 0 || i < best) && (u.only == nil || u.only(row)) {
				best = i
			}
		}
	}
	if best < 0 {
		return nil
	}
	return &usages[best]
}

// usagesByRow finds the usages that name a key or a heading, in order. It is
// asked for every row of every host.
var usagesByRow = sync.OnceValue(func() map[string][]int {
	index := map[string][]int{}
	for i := range usages {
		for _, name := range usages[i].rows {
			index[name] = append(index[name], i)
		}
	}
	return index
})

// setUp reports whether anything is known of a Xen's set-up: one runs here, or
// files say how one would be booted or built.
func (j *judging) setUp() bool {
	x := j.h.Xen
	given := x.BuildConfig.IsKnown() || x.BuildConfig.Problem != nil && x.BuildConfig.Problem.Cause == facts.Conflicting
	return j.underXen() || x.CommandLine.IsKnown() || given || x.Capabilities.IsKnown() || x.Physical.IsKnown()
}

// used judges a row by its signs.
func (j *judging) used(row *entry, u *usage) Finding {
	f := j.unclaimed(row)
	if u == nil || f.Outcome != NotVisible || !j.setUp() && !u.tree {
		return f
	}
	for _, s := range u.off {
		if r := s(j); r.use == Yes {
			f = notAbout(f, "It is ruled out: "+r.seen.What+" is "+r.seen.Value+".")
			f.Seen, f.Needs = []Seen{r.seen}, ""
			return f
		}
	}
	var unknown []reading
	var no []Seen
	for _, s := range u.on {
		switch r := s(j); r.use {
		case Yes:
			f = j.say(f, row.Meaning.Level)
			f.Applies, f.InUse, f.Needs, f.Seen = Yes, Yes, "", []Seen{r.seen}
			f.For = []string{Base}
			f.Condition = row.Meaning.Condition
			f.Why = "It is in use: " + r.seen.What + " is " + r.seen.Value + "."
			f.Do = u.do
			if row.Note != "" && row.Meaning.Condition != support.NoCondition {
				f.Notes = append(f.Notes, row.Note)
			}
			return f
		case Maybe:
			unknown = append(unknown, r)
		default:
			no = append(no, r.seen)
		}
	}
	switch {
	case len(u.on) == 0, u.tree && len(unknown) > 0:
		return f
	case len(unknown) > 0 && u.whole:
		f.Outcome, f.Needs = Unknown, ""
		f.Why = "Whether it is in use is not known."
		if j.underXen() && row.Meaning.Security != support.SecurityYes {
			f.For = []string{Base} // in use, it would count
		}
		for _, r := range unknown {
			f.Seen = append(f.Seen, r.seen)
			if f.Do == "" && r.remedy != "" {
				f.Do = sentenceOf(r.remedy)
			}
		}
	case u.whole:
		f = j.say(f, row.Meaning.Level)
		f.Applies, f.InUse, f.Needs, f.Seen = Yes, No, "", no
		f.Why = "It is available and not in use."
	}
	return f
}

func sentenceOf(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + dot(s)
}

// xenVersion is the release whose options and symbols count: the running
// Xen's, else the statement's.
func (j *judging) xenVersion() (major, minor int) {
	if v, ok := j.h.Xen.Running.Get(); ok {
		return v.Major, v.Minor
	}
	return j.major, j.minor
}

func parseRelease(s string) (major, minor int) {
	if len(s) == 4 && s[1] == '.' && s[0] >= '0' && s[0] <= '9' && s[2] >= '0' && s[2] <= '9' && s[3] >= '0' && s[3] <= '9' {
		return int(s[0] - '0'), int(s[2]-'0')*10 + int(s[3]-'0') // as all are; asked often
	}
	a, b, _ := strings.Cut(s, ".")
	major, _ = strconv.Atoi(a)
	minor, _ = strconv.Atoi(b)
	return major, minor
}

// before reports whether the Xen in question is older than a release; an empty
// release is older than any.
func (j *judging) before(release string) bool {
	if release == "" {
		return false
	}
	ma, mi := j.xenVersion()
	a, b := parseRelease(release)
	return ma < a || ma == a && mi < b
}

// line returns the command line that counts, taken apart.
func (j *judging) line() (xencmdline.Line, facts.Observed[facts.CommandLine]) {
	o := j.h.Xen.CommandLine
	c, ok := o.Get()
	if !ok {
		return xencmdline.Line{}, o
	}
	if !j.parsed {
		how := xencmdline.How{Image: c.Image, Arm: j.arch.Arm()}
		if c.Cut {
			how.Kept = len(c.Text) // it may have gone on
		}
		if b, ok := j.h.Xen.BuildConfig.Get(); ok {
			if v := b.Value("CONFIG_CMDLINE"); v != "n" {
				how.Builtin = v
			}
			how.Override = b.Value("CONFIG_CMDLINE_OVERRIDE") == "y"
		}
		j.cmdline, j.parsed = xencmdline.Parse(c.Text, how), true
	}
	return j.cmdline, o
}

// commandLine reads something off Xen's command line. An option that is not
// there counts as its default, unless the end of the line may be lost.
func commandLine(what string, read func(*judging, xencmdline.Line) (use, given bool, value string)) sign {
	what += " on Xen's command line"
	return func(j *judging) reading {
		l, o := j.line()
		if j.brief && o.IsKnown() && !l.Cut {
			use, _, _ := read(j, l)
			return verdictOf(use, Seen{})
		}
		r := reading{use: Maybe, seen: seen(what, o, func(facts.CommandLine) string { return "" }), remedy: remedyText(o)}
		if !o.IsKnown() {
			return r
		}
		use, given, value := read(j, l)
		r.seen.Value = value
		switch {
		case !given && l.Cut:
			r.use, r.seen.Value, r.seen.Cause = Maybe, "unknown", "the end of the command line may be lost"
		case use:
			r.use = Yes
		default:
			r.use = No
		}
		return r
	}
}

// option is a boolean option that is on.
func option(name string, def bool) sign {
	known, ok := xencmdline.Known(name)
	return commandLine(name, func(j *judging, l xencmdline.Line) (bool, bool, string) {
		if ok && !j.has(known.Since, known.Until) {
			return false, true, "not an option of this release"
		}
		v, given := l.Bool(name, def)
		return v, given, ifGiven(onoff(v), given)
	})
}

// optionOff is a boolean option that is off.
func optionOff(name string, def bool) sign {
	known, ok := xencmdline.Known(name)
	return commandLine(name, func(j *judging, l xencmdline.Line) (bool, bool, string) {
		if ok && !j.has(known.Since, known.Until) {
			return false, true, "not an option of this release"
		}
		v, given := l.Bool(name, def)
		return !v, given, ifGiven(onoff(v), given)
	})
}

// optionIs is an option whose last value is one of those named.
func optionIs(name string, values ...string) sign {
	return commandLine(name+"=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
		v, given := l.String(name)
		if !given {
			return false, false, "not given"
		}
		return slices.Contains(values, v), true, v
	})
}

// optionGiven is an option that is there with a value that is not off.
func optionGiven(name string) sign {
	return commandLine(name+"=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
		v, given := l.String(name)
		if !given {
			return false, false, "not given"
		}
		off, ok := xencmdline.ParseBool(v)
		return !ok || off, true, v
	})
}

// sub is a boolean below a list option that is on.
func sub(name string, subs ...string) sign {
	return commandLine(name+"=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
		any := false
		for _, s := range subs {
			v, given := l.SubBool(name, s, false)
			if v {
				return true, true, s
			}
			any = any || given
		}
		if any {
			return false, true, "off"
		}
		_, given := l.String(name)
		return false, given, ifGiven("without it", given)
	})
}

func onoff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func ifGiven(value string, given bool) string {
	if given {
		return value
	}
	return "not given"
}

func remedyText[T any](o facts.Observed[T]) string {
	if o.Problem == nil {
		return ""
	}
	return o.Problem.Remedy
}

// fact turns a fact into a sign.
func fact[T any](what string, get func(*judging) facts.Observed[T], use func(*judging, T) bool, words func(T) string) sign {
	return func(j *judging) reading {
		o := get(j)
		if j.brief && (o.IsKnown() || o.IsAbsent()) {
			return verdictOf(o.IsKnown() && use(j, o.Value), Seen{})
		}
		r := reading{use: Maybe, seen: seen(what, o, words), remedy: remedyText(o)}
		switch {
		case o.IsAbsent():
			r.use = No
		case o.IsKnown() && use(j, o.Value):
			r.use = Yes
		case o.IsKnown():
			r.use = No
		}
		return r
	}
}

// kconfig is a symbol of the build that has one of some values. Before since
// the symbol does not exist and says nothing.
func kconfig(symbol, since string, values ...string) sign {
	told := fact(symbol, func(j *judging) facts.Observed[facts.BuildConfig] { return j.h.Xen.BuildConfig },
		func(_ *judging, b facts.BuildConfig) bool {
			return slices.Contains(values, strings.Trim(b.Value(symbol), "\""))
		},
		func(b facts.BuildConfig) string { return b.Value(symbol) })
	return func(j *judging) reading {
		if j.before(since) {
			return reading{use: No, seen: Seen{What: symbol, Value: "not a symbol of this release"}}
		}
		if o := &j.h.Xen.BuildConfig; j.brief && o.State == facts.Known && !o.Value.Partial {
			return verdictOf(slices.Contains(values, strings.Trim(o.Value.Value(symbol), "\"")), Seen{})
		}
		r := told(j)
		b, ok := j.h.Xen.BuildConfig.Get()
		if ok && !b.Tells(symbol) {
			r.use, r.seen = Maybe, Seen{What: symbol, Value: "unknown", Source: j.h.Xen.BuildConfig.Source, Cause: "part of the configuration could not be read"}
			return r
		}
		if ok && b.Doubt != "" && r.use != Maybe && !j.brief {
			r.seen.Value += " (" + b.Doubt + ")"
		}
		return r
	}
}

// built and unbuilt are a symbol that is y, and one that is not.
func built(symbol, since string) sign   { return kconfig(symbol, since, "y") }
func unbuilt(symbol, since string) sign { return kconfig(symbol, since, "n") }

// hasScheduler reports whether Xen knows a scheduler by a name, as far as its
// build is known.
func (j *judging) hasScheduler(name string) bool {
	missing, ok := schedulerUnbuilt[name]
	return ok && missing(j).use != Yes
}

// schedulerUnbuilt holds the schedulers, and what tells that one is left out of
// a build.
var schedulerUnbuilt = map[string]sign{
	"credit": unbuilt("CONFIG_SCHED_CREDIT", ""), "credit2": unbuilt("CONFIG_SCHED_CREDIT2", ""), "rtds": unbuilt("CONFIG_SCHED_RTDS", ""),
	"arinc653": unbuilt("CONFIG_SCHED_ARINC653", ""), "null": unbuilt("CONFIG_SCHED_NULL", ""),
}

// scheduler is a scheduler that some cpupool, or the boot, uses.
func scheduler(name string) sign {
	return func(j *judging) reading {
		x := &j.h.Xen
		what := "scheduler"
		if pools, ok := x.Pools.Get(); ok && j.brief {
			return verdictOf(slices.ContainsFunc(pools, func(p facts.CPUPool) bool { return p.Scheduler == name }), Seen{})
		} else if ok {
			var all []string
			for _, p := range pools {
				all = append(all, p.Scheduler)
			}
			return verdictOf(slices.Contains(all, name), Seen{What: what, Value: strings.Join(all, ", "), Source: x.Pools.Source})
		}
		if s, ok := x.Scheduler.Get(); ok {
			if s == name {
				return verdictOf(true, Seen{What: what, Value: s, Source: x.Scheduler.Source})
			}
			// Another pool may have another scheduler.
			return reading{use: Maybe, seen: Seen{What: "schedulers of other cpupools", Value: "unknown", Cause: "they could not be read"}, remedy: remedyText(x.Pools)}
		}
		l, o := j.line()
		// Xen falls back to the build's default for a name that it does not know.
		if v, given := l.String("sched"); o.IsKnown() && given && j.hasScheduler(v) {
			return verdictOf(v == name, Seen{What: what + " (sched=)", Value: v, Source: o.Source})
		}
		b, ok := x.BuildConfig.Get()
		if !o.IsKnown() || l.Cut || !ok || !b.Tells("CONFIG_SCHED_DEFAULT") {
			return reading{use: Maybe, seen: Seen{What: what, Value: "unknown", Cause: "neither sched= nor the build's default is known"}, remedy: remedyText(x.BuildConfig)}
		}
		def := strings.Trim(b.Value("CONFIG_SCHED_DEFAULT"), "\"")
		if def == "n" || def == "" {
			def = "credit2"
			if j.before("4.12") {
				def = "credit"
			}
		}
		return verdictOf(def == name, Seen{What: what + " (the build's default)", Value: def, Source: x.BuildConfig.Source})
	}
}

func verdictOf(use bool, s Seen) reading {
	if use {
		return reading{use: Yes, seen: s}
	}
	return reading{use: No, seen: s}
}

// dom0 reads a fact of dom0's userspace.
func dom0[T any](what string, get func(*facts.Userspace) facts.Observed[T], use func(T) bool, words func(T) string) sign {
	told := fact(what, func(j *judging) facts.Observed[T] { return get(j.h.Userspace) }, func(_ *judging, v T) bool { return use(v) }, words)
	return func(j *judging) reading {
		if j.h.Userspace == nil {
			r := reading{use: Maybe, seen: Seen{What: what, Value: "unknown", Cause: "this is no dom0"}}
			if kind, _ := j.h.Machine.Kind.Get(); kind == facts.Dom0 {
				r.seen.Cause, r.remedy = "what runs in dom0 was not looked at", "run xencheck on the host itself"
			}
			return r
		}
		return told(j)
	}
}

// process is a program that runs in dom0, with an argument when one is named.
func process(name string, args ...string) sign {
	return dom0("process "+name, func(u *facts.Userspace) facts.Observed[[]facts.Process] { return u.Processes },
		func(ps []facts.Process) bool {
			return slices.ContainsFunc(ps, func(p facts.Process) bool { return runs(p, name, args) })
		},
		func(ps []facts.Process) string {
			if slices.ContainsFunc(ps, func(p facts.Process) bool { return runs(p, name, args) }) {
				return "running"
			}
			return "not running"
		})
}

func runs(p facts.Process, name string, args []string) bool {
	if p.Name != name && !(strings.HasSuffix(name, "*") && strings.HasPrefix(p.Name, strings.TrimSuffix(name, "*"))) {
		return false
	}
	for _, a := range args {
		if !slices.Contains(p.Args, a) {
			return false
		}
	}
	return true
}

// module is a backend of dom0's kernel that is loaded or built in.
func module(name string) sign {
	return dom0("module "+name, func(u *facts.Userspace) facts.Observed[[]string] { return u.Modules },
		func(ms []string) bool { return slices.Contains(ms, name) },
		func(ms []string) string {
			if slices.Contains(ms, name) {
				return "there"
			}
			return "not there"
		})
}

// serves is a kind of device that a module of dom0's kernel serves to a guest
// now. That the module is there means that it could.
func serves(kind, moduleName string) sign {
	there := module(moduleName)
	now := dom0("devices served from here", func(u *facts.Userspace) facts.Observed[[]string] { return u.Backends },
		func(kinds []string) bool { return slices.Contains(kinds, kind) }, list)
	return func(j *judging) reading {
		r := now(j)
		if r.use != Yes {
			if m := there(j); m.use == No {
				return m
			}
		}
		return r
	}
}

func plain(s string) string { return s }

func list(s []string) string { return strings.Join(s, ", ") }

// nowUsed marks a feature that this host has as in use when a sign says that
// Xen was told to use it.
func (j *judging) nowUsed(f Finding, has bool, do string, s sign) Finding {
	if !has || !j.setUp() {
		return f
	}
	switch r := s(j); r.use {
	case Yes:
		f.InUse, f.Do = Yes, do
		f.Seen = append(f.Seen, r.seen)
		f.Why = "It is in use: " + r.seen.What + " is " + r.seen.Value + "."
		f.For = append([]string{Base}, f.For...)
	case Maybe:
		f.InUse = Maybe
		f.Seen = append(f.Seen, r.seen)
	}
	return f
}

// dom0SVE is dom0=sve or dom0=sve=N with N not 0.
var dom0SVE = commandLine("dom0=sve", func(j *judging, l xencmdline.Line) (bool, bool, string) {
	s, given := l.Sub("dom0", "sve")
	off, isBool := s.Bool()
	return given && !(isBool && !off), given, ifGiven(s.Value, given)
}).unless(unbuilt("CONFIG_ARM64_SVE", "4.18"))
