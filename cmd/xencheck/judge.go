package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// staleAfter is the age from which on embedded statements are said to be old.
const staleAfter = 180 * 24 * time.Hour

// judge turns facts into reports. One judge serves many hosts: a statement is
// read once.
type judge struct {
	streams *streams
	lib     *support.Library
	o       judgeOptions
	at      time.Time
	clock   string // a warning about the clock; empty when it can be believed
	mu      sync.Mutex
	opened  map[string]*support.Statement
	ready   map[purpose]*rules.Judge
	latest  func() (*support.Statement, error) // the newest release on the judging date; read once
}

// newJudge settles the judging date once for all hosts of a run.
func newJudge(s *streams, o judgeOptions) *judge {
	j := &judge{streams: s, lib: s.library(), o: o, opened: map[string]*support.Statement{}, ready: map[purpose]*rules.Judge{}}
	j.at = o.at
	if j.at.IsZero() {
		j.at = s.now().UTC().Truncate(24 * time.Hour)
		// A clock that is behind the data this very program holds is wrong.
		if data := j.lib.DataDate(); j.at.Before(data) {
			j.clock = fmt.Sprintf("the clock says %s, which is before the newest statement known here: judged as of that one's date instead", j.at.Format(time.DateOnly))
			j.at = data
		}
	}
	j.latest = sync.OnceValues(func() (*support.Statement, error) {
		st, err := j.lib.Newest(j.at)
		if err != nil {
			return nil, badInput(err)
		}
		return located(st), nil
	})
	return j
}

// report judges a host by the statement that release names; "auto" chooses one
// that fits the host.
func (j *judge) report(h *facts.Host, release string) (*report.Report, error) {
	st, choice, err := j.statement(h, release)
	if err != nil {
		return nil, err
	}
	v := j.compiled(st, ofRunning(h, release)).Evaluate(h, j.options())
	return report.New(toolName(), h, j.describe(st, h), choice, v, report.FailOn(j.o.failOn)), nil
}

// purpose is a statement and why it was taken.
type purpose struct {
	st        *support.Statement
	ofRunning bool
}

// compiled makes a statement ready to judge, once for each purpose.
func (j *judge) compiled(st *support.Statement, ofRunning bool) *rules.Judge {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := purpose{st, ofRunning}
	c := j.ready[p]
	if c == nil {
		if c = rules.Compile(st); ofRunning {
			c = rules.CompileForRunning(st)
		}
		j.ready[p] = c
	}
	return c
}

// options returns what the judgement depends on besides statement and facts.
func (j *judge) options() rules.Options {
	return rules.Options{At: j.at, For: j.o.wanted, XenArch: facts.Arch(j.o.xenArch), Waivers: j.streams.waivers}
}

// describe returns what a report says of a statement that a host is judged by.
func (j *judge) describe(st *support.Statement, h *facts.Host) report.Statement {
	d := report.Describe(st)
	d.Warnings = j.warnings(st)
	d.PointRelease = pointRelease(st, h)
	d.Shipped = shipped(h)
	return d
}

// open opens a statement, or returns the one opened before: standard input, for
// one, cannot be read twice.
func (j *judge) open(name string) (*support.Statement, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if st, ok := j.opened[name]; ok {
		return st, nil
	}
	st, err := j.streams.openStatement(j.lib, name)
	if err == nil {
		j.opened[name] = st
	}
	return st, err
}

// warnings says what is odd about a statement on the judging date.
func (j *judge) warnings(st *support.Statement) []string {
	var w []string
	if j.clock != "" {
		w = append(w, j.clock)
	}
	if newer := st.Provenance.Superseded; newer != "" {
		w = append(w, fmt.Sprintf("this revision of the statement is superseded by %s; --xen %s judges by the newest", newer, st.Header.Release()))
	}
	if st.Provenance.Origin == embedded {
		if data := j.lib.DataDate(); j.at.Sub(data) > staleAfter {
			w = append(w, fmt.Sprintf("the statements in this xencheck are of %s, %d days before the judging date; newer revisions may say otherwise, and a newer xencheck has them",
				data.Format(time.DateOnly), int(j.at.Sub(data).Hours()/24)))
		}
	}
	if isFile(st.Name) && st.Provenance.Commit == "" && st.Header.Release() != "" {
		w = append(w, fmt.Sprintf("this text is none of the revisions known here; xencheck statement diff %s %s shows how it differs", st.Header.Release(), st.Name))
	}
	n := 0
	for _, p := range st.Problems {
		if p.Severity == support.Unrecognised {
			n++
		}
	}
	if n > 0 {
		lines := "lines of the statement were not understood; what depends on them is"
		if n == 1 {
			lines = "line of the statement was not understood; what depends on it is"
		}
		w = append(w, fmt.Sprintf("%d %s not evaluated (xencheck statement lint %s)", n, lines, st.Name))
	}
	return w
}

// embedded is the origin of the statements inside the program.
const embedded = "embedded"
