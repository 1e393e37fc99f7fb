package mutant

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	mutants, same, worse, unseen, noticed int
	failures                              map[string]string // example by what happened
	counts                                map[string]int
	slowest                               time.Duration
}

func wanted(t testing.TB) int {
	if v := os.Getenv("XENCHECK_MUTANTS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatalf("XENCHECK_MUTANTS is %q, not a number", v)
		}
		return n
	}
	return 4000
}

func TestNoFalseAssurance(t *testing.T) {
	ms, js := machines(t), releases(t)
	before := map[*Machine][]*rules.Verdict{}
	for _, m := range ms {
		before[m] = js.verdicts(m.Facts)
	}
	n := wanted(t)
	type job struct {
		m      *Machine
		faults []Fault
	}
	jobs := make(chan job)
	go func() {
		defer close(jobs)
		rng := rand.New(rand.NewPCG(2026, 11))
		var singles []job
		for round := 0; len(singles) < n/2 && round < 20; round++ {
			for _, m := range ms {
				for _, s := range m.Sources() {
					for _, f := range m.Faults(s, rng, ms) {
						singles = append(singles, job{m, []Fault{f}})
					}
				}
				singles = append(singles, job{m, []Fault{{What: Unprivileged}}})
			}
			if round == 0 && len(singles) > n/2 {
				break
			}
		}
		rng.Shuffle(len(singles), func(i, j int) { singles[i], singles[j] = singles[j], singles[i] })
		singles = singles[:min(len(singles), n/2)]
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
	}()
	res := &tally{failures: map[string]string{}, counts: map[string]int{}}
	start := time.Now()
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range jobs {
				res.try(js, j.m, before[j.m], j.faults)
			}
		})
	}
	wg.Wait()
	for _, k := range slices.Sorted(maps.Keys(res.failures)) {
		t.Errorf("%d× %s", res.counts[k], res.failures[k])
	}
	t.Logf("%d mutants of %d machines in %.0f s: facts the same %d, verdict no better %d; other evidence: noticed %d, unseen %d; false assurances: %d; slowest %v",
		res.mutants, len(ms), time.Since(start).Seconds(), res.same, res.worse, res.noticed, res.unseen, len(res.failures), res.slowest)
}

func (res *tally) try(js judge, m *Machine, before []*rules.Verdict, fs []Fault) {
	var improved []string
	same, noticed := false, false
	started := time.Now()
	func() {
		defer func() {
			if r := recover(); r != nil {
				improved = append(improved, fmt.Sprint("panic: ", r))
			}
		}()
		h, err := m.Collect(fs...)
		if err != nil {
			improved = append(improved, "error: "+err.Error())
			return
		}
		if same = sameFacts(m.Facts, h); same {
			return
		}
		noticed = newDoubt(m.Facts, h)
		for i, v := range js.verdicts(h) {
			for _, s := range Improvements(before[i], v) {
				improved = append(improved, v.Release+": "+s)
			}
		}
	}()
	took := time.Since(started)
	res.Lock()
	defer res.Unlock()
	res.mutants++
	res.slowest = max(res.slowest, took)
	switch {
	case len(improved) > 0 && (m.Loses(fs...) || strings.HasPrefix(improved[0], "panic") || strings.HasPrefix(improved[0], "error")):
		var kinds []string
		for _, f := range fs {
			kinds = append(kinds, string(f.What)+" "+f.Source.Name)
		}
		k := strings.Join(kinds, " + ") + ": " + strings.Join(improved[:1], "; ")
		if len(fs) > 1 {
			k = fmt.Sprint("pair ", improved[0])
		}
		res.counts[k]++
		res.failures[k] = fmt.Sprintf("%s: %v: %s", m.Name, fs, strings.Join(improved[:min(3, len(improved))], "; "))
	case same:
		res.same++
	case m.Loses(fs...):
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

// newDoubt reports whether anything is unknown, in conflict or found damaged
// that was not.
func newDoubt(before, after *facts.Host) bool { return doubts(after) > doubts(before) }

func doubts(h *facts.Host) int {
	n := 0
	for _, s := range h.Sources {
		if s.State == facts.Unknown {
			n++
		}
	}
	return n + doubtsIn(reflect.ValueOf(h).Elem())
}

func doubtsIn(v reflect.Value) int {
	n := 0
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			n = doubtsIn(v.Elem())
		}
	case reflect.Struct:
		if strings.HasPrefix(v.Type().Name(), "Observed[") {
			n = v.FieldByName("Conflicts").Len()
			if v.FieldByName("State").String() == string(facts.Unknown) {
				n++
			}
			return n
		}
		for i := range v.NumField() {
			n += doubtsIn(v.Field(i))
		}
	}
	return n
}
