package fleet

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// The table keeps what a map would keep, in no more than 64 bytes a host.
func TestNewest(t *testing.T) {
	n := newNewest()
	type kept struct {
		time uint32
		e    entry
	}
	want := map[uint64]kept{}
	older := 0
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300_000 {
		hash := n.hash(fmt.Sprint("host", r.IntN(100_000)))
		e := entry{uint32(i), uint32(r.IntN(100))}
		at := uint32(r.IntN(10))
		n.add(hash, at, e)
		if k, ok := want[hash]; ok {
			older++
			if at < k.time {
				continue
			}
		}
		want[hash] = kept{at, e}
	}
	got := map[entry]bool{}
	n.each(func(e entry, _ uint32) { got[e] = true })
	if len(got) != len(want) || n.older != older {
		t.Fatalf("%d hosts and %d older records, want %d and %d", len(got), n.older, len(want), older)
	}
	for _, k := range want {
		if !got[k.e] {
			t.Fatalf("entry %v is lost", k.e)
		}
	}
	room := 0
	for i := range n.shards {
		room += len(n.shards[i].slots)
	}
	if each := float64(room) * float64(reflect.TypeFor[slot]().Size()) / float64(len(want)); each > 64 {
		t.Errorf("%.1f bytes a host", each)
	}
}

// The summary of a fleet of all sorts is what counting by hand comes to.
func TestSummary(t *testing.T) {
	products := []string{"", "1.0:unknown", "1.0:not_security_supported", "1.0:outside_the_statement 2.0:not_security_supported", "2.0:outside_the_statement", "1.0:unknown 2.0:unknown"}
	r := rand.New(rand.NewPCG(3, 4))
	type last struct {
		at      int
		product string
	}
	newest := map[string]last{}
	nameless := map[string]int{}
	var in strings.Builder
	records, bad := 0, 0
	for range 5000 {
		records++
		name, at, product := fmt.Sprint("h", r.IntN(2000)), r.IntN(50), products[r.IntN(len(products))]
		switch r.IntN(30) {
		case 0:
			name = ""
			nameless[product]++
		case 1:
			bad++
			in.WriteString("noise\n")
			continue
		default:
			if l, ok := newest[name]; !ok || at >= l.at {
				newest[name] = last{at, product}
			}
		}
		in.WriteString(record(name, product, at) + "\n")
	}
	byProduct := nameless
	named := 0
	for _, l := range newest {
		byProduct[l.product]++
		named++
	}
	o := options(strings.NewReader(in.String()))
	o.Judge, o.Releases = newWords("1.0", "2.0"), []string{"1.0", "2.0"}
	f, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	count := func(contains ...string) (n int) {
		for p, k := range byProduct {
			if slices.ContainsFunc(contains, func(c string) bool { return strings.Contains(p, c) }) {
				n += k
			}
		}
		return n
	}
	all := count("")
	namelessHosts := all - named
	if f.Hosts != all || f.Records != records || f.Bad != bad || f.Older != records-bad-all || f.Nameless != namelessHosts {
		t.Errorf("%d hosts, %d records, %d bad, %d older, %d nameless", f.Hosts, f.Records, f.Bad, f.Older, f.Nameless)
	}
	bothUnknown, outside := byProduct[products[5]], byProduct[products[3]]
	want := []report.FleetVerdicts{
		{Asked: 0, Statement: 0, Hosts: all, Grades: report.FleetGrades{
			rules.GradeSupported: byProduct[""] + byProduct[products[4]], rules.GradeUnknown: count("1.0:unknown"),
			rules.GradeNotSecurity: count("1.0:not_sec"), rules.GradeOutside: outside,
		}},
		{Asked: 1, Statement: 1, Hosts: all, Grades: report.FleetGrades{
			rules.GradeSupported: byProduct[""] + byProduct[products[1]] + byProduct[products[2]], rules.GradeUnknown: bothUnknown,
			rules.GradeNotSecurity: outside, rules.GradeOutside: byProduct[products[4]],
		}},
	}
	if d := cmp.Diff(want, f.Verdicts); d != "" {
		t.Error(d)
	}
	// One row is worse for some hosts, or by one release, than by the other.
	wantHurts := []report.FleetHurt{
		{Key: "cpus", Title: "CPUs", Grade: rules.GradeNotSecurity, Do: "use fewer", Hosts: count("not_sec"), ByAsked: []int{count("1.0:not_sec"), count("2.0:not_sec")}},
		{Key: "cpus", Title: "CPUs", Grade: rules.GradeOutside, Do: "use fewer", Hosts: count("outside"), ByAsked: []int{outside, count("2.0:outside")}},
	}
	slices.SortFunc(wantHurts, func(a, b report.FleetHurt) int { return b.Hosts - a.Hosts })
	if d := cmp.Diff(wantHurts, f.Hurts); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]report.FleetHurt{{
		Key: "memory", Title: "Memory", Grade: rules.GradeUnknown, Cause: "no permission to read it", Do: "run as root",
		Hosts: count("unknown"), ByAsked: []int{count("1.0:unknown"), bothUnknown},
	}}, f.Unknown); d != "" {
		t.Error(d)
	}
	u := f.Upgrades[0]
	if u.Better != count("1.0:not_sec")+outside || u.Worse != byProduct[products[4]] || u.Same != byProduct[""] || u.Undecided != count("unknown") {
		t.Errorf("upgrade %+v", u)
	}
	if len(u.Gains) != 2 || u.Gains[0].Hosts+u.Gains[1].Hosts != u.Better || len(u.Losses) != 1 || u.Losses[0].Hosts != u.Worse {
		t.Errorf("gains %+v, losses %+v", u.Gains, u.Losses)
	}
	hosts := 0
	for _, h := range f.Hardware {
		hosts += h.Hosts
	}
	if hosts != all || len(f.Hardware) != len(products) {
		t.Errorf("%d hosts in %d groups", hosts, len(f.Hardware))
	}
	if len(f.Statements) != 2 || f.Statements[0].Release != "1.0" || f.Statements[0].Hosts != all {
		t.Errorf("statements %+v", f.Statements)
	}
}

// What comes after there is no more room to tell it apart is counted all the
// same.
func TestTooManyKinds(t *testing.T) {
	tl := newTally(newWords("1.0"), 1)
	tl.hurts.most = 3
	r := Result{Selected: true, Judgements: []Judgement{{Statement: newWords("1.0").statements["1.0"], Grade: rules.GradeUnknown}}}
	r.Host = hostNamed(t, "")
	hurt := func(i int) []*Hurt {
		return []*Hurt{{Title: fmt.Sprint("t", i), Grade: rules.GradeUnknown}}
	}
	for i := range 10 {
		r.Judgements[0].Hurts = hurt(i)
		b, _ := tl.boiler().boil(&r, nil)
		tl.count(b)
	}
	o := options(nil)
	f := tl.summary(&o)
	if f.Hosts != 10 || len(f.Unknown) != 4 || f.Unknown[0].Hosts != 7 {
		t.Errorf("%d hosts, %+v", f.Hosts, f.Unknown)
	}
	// Judgements that there is no room for have other reasons, not none.
	tl = newTally(newWords("1.0"), 1)
	tl.judged.most = 3
	for i := range 10 {
		r.Judgements[0].Hurts = hurt(i)
		b, _ := tl.boiler().boil(&r, nil)
		tl.count(b)
	}
	f = tl.summary(&o)
	if f.Hosts != 10 || len(f.Unknown) != 4 || f.Unknown[0].Hosts != 7 || f.Unknown[0].Title != "other reasons (too many to tell apart)" {
		t.Errorf("%d hosts, %+v", f.Hosts, f.Unknown)
	}
}

// A filter chooses among the newest records: an older one that matches does not
// stand in for its host.
func TestFilteredHosts(t *testing.T) {
	in := strings.Join([]string{
		record("a", "1.0:unknown", 1), record("a", "", 2), record("b", "1.0:unknown", 1), record("c", "", 1), record("", "", 1),
	}, "\n")
	l := &lines{}
	o := options(strings.NewReader(in), l)
	var err error
	if o.Where, err = ParseFilter(nil, []string{"unknown"}); err != nil {
		t.Fatal(err)
	}
	f, err := Run(t.Context(), o)
	if err != nil || f.Hosts != 1 || f.LeftOut != 3 || f.Older != 1 || f.ExitCode != report.ExitInconclusive {
		t.Errorf("%v, %+v", err, f)
	}
}

func TestHorizons(t *testing.T) {
	xen := func(name, branch string) string {
		major, minor, _ := strings.Cut(branch, ".")
		return fmt.Sprintf(`{"schema":1,"name":%q,"machine":{},"xen":{"running":{"state":"known","value":{"major":%s,"minor":%s}}}}`, name, major, minor)
	}
	o := options(strings.NewReader(strings.Join([]string{xen("a", "1.0"), xen("b", "1.0"), xen("c", "9.9"), record("d", "", 1)}, "\n")))
	o.At = time.Date(2027, 11, 21, 9, 0, 0, 0, time.UTC)
	f, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	days := 10
	want := []report.FleetHorizon{
		{Release: "1.0", How: report.Running, Hosts: 2, Phase: support.FullSupport, SupportedUntil: "2026-12-01", SecuritySupportUntil: "2027-12-01", Days: &days},
		{Release: "9.9", How: report.Running, Hosts: 1},
		{How: report.Newest, Hosts: 1},
	}
	if d := cmp.Diff(want, f.Horizons); d != "" {
		t.Error(d)
	}
}

// Records of one name that are of different hardware are counted, as hosts that
// share a name would be; those that a filter leaves out are not known.
func TestUnlike(t *testing.T) {
	in := record("a", "one", 1) + record("a", "one", 2) + record("b", "one", 1) + record("b", "two", 1) + record("b", "one", 0) + record("", "one", 1) + record("", "two", 1)
	for where, want := range map[string]int{"name!=x": 2, "hardware!~two": 0} {
		o := options(strings.NewReader(in))
		var err error
		if o.Where, err = ParseFilter([]string{where}, nil); err != nil {
			t.Fatal(err)
		}
		f, err := Run(t.Context(), o)
		if err != nil || f.Unlike != want || f.Older != 3 {
			t.Errorf("%s: %v, %d of %d unlike, want %d", where, err, f.Unlike, f.Older, want)
		}
	}
}

// A record of the future is its host's newest, which is said.
func TestFuture(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	lines := []string{
		record("ahead", "", int(now.Unix())+3600), record("wrong", "1.0:unknown", int(now.Unix())+2*24*3600), record("wrong", "", int(now.Unix())),
		record("", "", int(now.Unix())+2*24*3600), // counts as it is
	}
	o := options(strings.NewReader(strings.Join(lines, "\n")))
	o.Probe.Now = func() time.Time { return now }
	f, err := Run(t.Context(), o)
	if err != nil || f.Hosts != 3 || f.Future != 1 || f.Verdicts[0].Grades["unknown"] != 1 {
		t.Errorf("%v, %+v", err, f)
	}
}

// A run that is given up is summed up while workers finish what they have begun.
func TestSummaryMeanwhile(t *testing.T) {
	o := options(nil)
	tl := newTally(o.Judge, 1)
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		b, st := tl.boiler(), newWords("1.0").statements["1.0"]
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			r := &Result{Host: &facts.Host{}, Selected: true, Judgements: []Judgement{{Statement: st, Grade: rules.GradeUnknown, Hurts: []*Hurt{{Title: fmt.Sprint(i), Grade: rules.GradeUnknown}}}}}
			b.boil(r, nil)
		}
	}()
	for range 40 {
		if f := tl.summary(&o); f.Hosts != 0 {
			t.Errorf("%d hosts of none that was counted", f.Hosts)
		}
	}
	close(done)
	<-ended
}
