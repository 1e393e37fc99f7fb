package mutant

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/probetest"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

const project = "../../../.."

// machines opens every recorded machine there is.
func machines(t testing.TB) []*Machine {
	t.Helper()
	var all []*Machine
	add := func(m *Machine, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Sources()) > 0 {
			all = append(all, m)
		}
	}
	for _, pattern := range []string{project + "/testdata/hosts/*/machine.tar.gz", project + "/../shared/hosts/*/*/root"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			add(Open(filepath.Base(filepath.Dir(name)), name))
		}
	}
	recipes, err := filepath.Glob(project + "/testdata/hosts/*/" + probetest.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range recipes {
		m, err := probetest.Load(filepath.Dir(name))
		if err != nil {
			t.Fatal(err)
		}
		add(New(m.Name, m, true))
	}
	if len(all) < 50 {
		t.Fatalf("only %d machines", len(all))
	}
	return all
}

// judge judges a host by some releases, for everything a host can be wanted
// for.
type judge []*support.Statement

func releases(t testing.TB) judge {
	t.Helper()
	lib, errs := support.NewLibrary(nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var js judge
	for _, r := range []string{"4.14", "4.18", "4.22"} {
		s, err := lib.Open(r)
		if err != nil {
			t.Fatal(err)
		}
		js = append(js, s)
	}
	return js
}

func (js judge) verdicts(h *facts.Host) []*rules.Verdict {
	var intents []string
	for _, in := range rules.Intents() {
		intents = append(intents, in.ID)
	}
	var out []*rules.Verdict
	for _, s := range js {
		out = append(out, rules.Evaluate(s, h, rules.Options{At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), For: intents}))
	}
	return out
}

// tally counts what became of the mutants.
type tally struct {
	sync.Mutex
	mutants         int
	same, worse     int // of those that lose evidence: nothing changed; no verdict is better
	noticed, unseen int // of those with other evidence in place: some doubt is told; none
	assured         int // false assurances
	examples        map[string]string
	faults          map[What]int
	slow            []job
	longest         time.Duration
}

// job is a mutant to be tried.
type job struct {
	m      *Machine
	faults []Fault
}

// wanted is how many mutants are tried: some seconds' worth in ordinary tests,
// as many as XENCHECK_MUTANTS says in others.
func wanted(t testing.TB) int {
	v := os.Getenv("XENCHECK_MUTANTS")
	if v == "" {
		return 2000
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("XENCHECK_MUTANTS is %q, not a number", v)
	}
	return n
}

// breed sends mutants: one fault of every sort in every source of every
// machine, again and again with other places and bytes, for half of them; then
// random pairs. The same ones at every run.
func breed(ms []*Machine, n int, jobs chan<- job) {
	defer close(jobs)
	rng := rand.New(rand.NewPCG(2026, 11))
	var singles []job
	for len(singles) < n/2 {
		for _, m := range ms {
			for _, s := range m.Sources() {
				for _, f := range m.Faults(s, rng, ms) {
					singles = append(singles, job{m, []Fault{f}})
				}
			}
			singles = append(singles, job{m, []Fault{{What: Unprivileged}}})
		}
	}
	rng.Shuffle(len(singles), func(i, j int) { singles[i], singles[j] = singles[j], singles[i] })
	singles = singles[:n/2]
	for _, j := range singles {
		jobs <- j
	}
	for range n - len(singles) {
		m := ms[rng.IntN(len(ms))]
		var fs []Fault
		for len(fs) < 2 {
			if rng.IntN(12) == 0 {
				fs = append(fs, Fault{What: Unprivileged})
				continue
			}
			all := m.Faults(m.Sources()[rng.IntN(len(m.Sources()))], rng, ms)
			fs = append(fs, all[rng.IntN(len(all))])
		}
		jobs <- job{m, fs}
	}
}

// What a mutant may take, alone on the machine.
const (
	mostTime = 2 * time.Second
	mostHeap = 64 << 20
)

// Whatever fails on a machine, and however, no verdict and no finding gets
// better for it, nothing panics or takes long, and the facts whose sources did
// not fail stay what they were.
func TestNoFalseAssurance(t *testing.T) {
	ms, js := machines(t), releases(t)
	before := map[*Machine][]*rules.Verdict{}
	for _, m := range ms {
		before[m] = js.verdicts(m.Facts)
	}
	jobs := make(chan job)
	go breed(ms, wanted(t), jobs)
	res := &tally{examples: map[string]string{}, faults: map[What]int{}}
	start := time.Now()
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) { // some wait for what hangs
		wg.Go(func() {
			for j := range jobs {
				res.try(js, j, before[j.m])
			}
		})
	}
	wg.Wait()
	// What took long beside others is tried again alone.
	for _, j := range res.slow {
		res.longest = max(res.longest, alone(t, js, j))
	}
	for _, k := range slices.Sorted(maps.Keys(res.examples)) {
		t.Error(res.examples[k])
	}
	var sorts []string
	for _, w := range slices.Sorted(maps.Keys(res.faults)) {
		sorts = append(sorts, fmt.Sprintf("%s %d", w, res.faults[w]))
	}
	t.Logf("faults: %s", strings.Join(sorts, ", "))
	t.Logf("mutants: %d of %d machines in %.0f s, peak memory %s; less evidence: %d alike, %d no better; other evidence: %d noticed, %d unseen; false assurances: %d",
		res.mutants, len(ms), time.Since(start).Seconds(), peak(), res.same, res.worse, res.noticed, res.unseen, res.assured)
}

// alone tries a mutant with nobody beside it, and returns how long it took.
func alone(t *testing.T, js judge, j job) time.Duration {
	t.Helper()
	start := processorTime()
	h, err := j.m.Collect(j.faults...)
	if err != nil {
		t.Fatal(err)
	}
	js.verdicts(h)
	took := processorTime() - start // whatever else this machine does
	if took > mostTime {
		t.Errorf("%s: %v: takes %v", j.m.Name, j.faults, took)
	}
	return took
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func (res *tally) try(js judge, j job, before []*rules.Verdict) {
	start := time.Now()
	var wrong, better []string
	same, noticed := false, false
	func() {
		defer func() {
			if r := recover(); r != nil {
				wrong = append(wrong, fmt.Sprint("panic: ", r))
			}
		}()
		h, err := j.m.Collect(j.faults...)
		if err != nil {
			wrong = append(wrong, "error: "+err.Error())
			return
		}
		if same = sameFacts(j.m.Facts, h); same {
			return
		}
		noticed = Doubts(h) > Doubts(j.m.Facts)
		// Where a read hangs, others that are merely long are given up as well.
		if len(j.faults) == 1 && j.faults[0].What.Loses() && j.faults[0].What != Unprivileged && j.faults[0].What != Hanging {
			for _, moved := range Moved(j.m.Facts, h, j.faults[0]) {
				wrong = append(wrong, "a fact of another source moved: "+moved)
			}
		}
		for i, v := range js.verdicts(h) {
			for _, s := range Improvements(before[i], v) {
				better = append(better, v.Release+": "+s)
			}
		}
	}()
	loses := j.m.Loses(j.faults...)
	res.Lock()
	defer res.Unlock()
	res.mutants++
	for _, f := range j.faults {
		res.faults[f.What]++
	}
	if time.Since(start) > mostTime/4 {
		res.slow = append(res.slow, j)
	}
	if loses {
		wrong = append(wrong, better...)
	}
	if len(wrong) > 0 {
		var what []string
		for _, f := range j.faults {
			what = append(what, string(f.What)+" "+f.Source.Name)
		}
		res.examples[strings.Join(what, ", ")] = fmt.Sprintf("%s: %v: %s", j.m.Name, j.faults, strings.Join(wrong[:min(3, len(wrong))], "; "))
	}
	switch {
	case loses && len(better) > 0:
		res.assured++
	case same:
		res.same++
	case loses:
		res.worse++
	case noticed:
		res.noticed++
	default:
		res.unseen++
	}
}

// sameFacts compares all but the list of sources.
func sameFacts(a, b *facts.Host) bool {
	x, y := *a, *b
	x.Sources, y.Sources = nil, nil
	return reflect.DeepEqual(x, y)
}

// peak is the most memory that this process had, as the kernel has it.
func peak() string {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// What has no end costs no more memory than what is large. Ordinary tests try
// but some of it.
func TestEndlessSourcesAreBounded(t *testing.T) {
	most := 30
	if os.Getenv("XENCHECK_MUTANTS") != "" {
		most = 1 << 20
	}
	seen := map[string]bool{}
	for _, m := range machines(t) {
		for _, s := range m.Sources() {
			// One machine is enough for each source, and large for some.
			if s.Kind != File || seen[s.Name] || len(seen) == most {
				continue
			}
			seen[s.Name] = true
			for seed := range uint64(2) {
				f := Fault{What: Endless, Source: s, Seed: seed}
				if heap := heapOf(func() {
					if _, err := m.Collect(f); err != nil {
						t.Error(err)
					}
				}); heap > mostHeap {
					t.Errorf("%s: %v: takes %d MiB", m.Name, f, heap>>20)
				}
			}
		}
	}
	t.Logf("%d endless sources", len(seen))
}

// heapOf returns by how much the heap grew at most while something ran.
func heapOf(run func()) uint64 {
	runtime.GC()
	read := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	base, most := read(), uint64(0)
	done, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			most = max(most, read())
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	run()
	close(done)
	<-stopped
	return most - min(base, most)
}
