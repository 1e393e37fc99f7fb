package rules

import (
	"slices"
	"strings"
	"time"

	"github.com/xencheck/xencheck/support"
)

// Waiver says that somebody has looked at what a rule or a row comes to and
// answers for living with it. What is waived keeps its word and stays in every
// report; it only no longer counts for [Counted].
type Waiver struct {
	Rule    string `json:"rule,omitempty"` // id of a rule; empty when Row is given
	Row     string `json:"row,omitempty"`  // key of a row; empty when Rule is given
	Reason  string `json:"reason"`
	Owner   string `json:"owner"`   // who answers for it
	Expires string `json:"expires"` // the last day it holds, YYYY-MM-DD
	Source  string `json:"source,omitempty"`
}

// WaiverState tells what became of a waiver.
type WaiverState string

// The states.
const (
	WaiverUsed    WaiverState = "used"
	WaiverUnused  WaiverState = "unused" // there was nothing it could waive
	WaiverExpired WaiverState = "expired"
)

// WaiverUse is a waiver with what became of it.
type WaiverUse struct {
	Waiver
	State WaiverState `json:"state"`
	// Titles of the findings that it waives, those of domains after their name.
	Titles []string `json:"titles,omitempty"`
	// Why says that the release has no row of an unused one, and what it is called
	// there; empty otherwise.
	Why string `json:"why,omitempty"`
}

// Counted is what an answer comes to when waived findings are set aside.
type Counted struct {
	Grade    Grade `json:"grade"`
	Complete bool  `json:"complete"`
}

// Holds reports whether a waiver has not expired on the judging date.
func (w Waiver) Holds(at time.Time) bool { return at.UTC().Format(time.DateOnly) <= w.Expires }

// waive marks the findings that somebody answers for: those that are less than
// supported, or unknown. Whoever waives that the support of a release has ended
// waives everything that is bad for no other reason.
func (j *judging) waive(fs []Finding) {
	for i := range j.o.Waivers {
		w := &j.o.Waivers[i]
		if !w.Holds(j.o.At) {
			continue
		}
		for k := range fs {
			f := &fs[k]
			if f.Waived != nil || !f.waivable() {
				continue
			}
			named := w.Row != "" && f.Row != nil && f.Row.Key == w.Row || w.Rule != "" && f.Rule == w.Rule
			// What is bad only because the release has ended is no matter of the row.
			named = named && (f.Outcome != Judged || f.Rule == releaseRule.ID || f.stated() != GradeSupported)
			gated := w.Rule == releaseRule.ID && f.Outcome == Judged && f.Row != nil && badness(f.stated()) <= badness(GradeSecurityOnly)
			if named || gated {
				f.Waived = w
			}
		}
	}
}

// waivable reports whether a finding says anything that can be waived.
func (f *Finding) waivable() bool {
	g, counts := f.Grade()
	return counts && g != GradeSupported && f.Applies != No
}

// withoutWaived returns findings of which those that are waived count for
// nothing; nil when none is.
func withoutWaived(fs []Finding) []Finding {
	any := false
	for i := range fs {
		any = any || fs[i].Waived != nil
	}
	if !any {
		return nil
	}
	out := slices.Clone(fs)
	for i := range out {
		if out[i].Waived != nil {
			out[i].Outcome = NotStated
		}
	}
	return out
}

// counted returns what is left of a grade, nil when waiving changes nothing.
func counted(grade, left Grade, complete, leftComplete bool) *Counted {
	if grade == left && complete == leftComplete {
		return nil
	}
	return &Counted{Grade: left, Complete: leftComplete}
}

// WaiverUses says what became of each waiver of the options, given the findings
// of a host and of domains by a statement; nil where nothing was judged.
func WaiverUses(o Options, st *support.Statement, host []Finding, domains []DomainVerdict) []WaiverUse {
	var out []WaiverUse
	for i := range o.Waivers {
		w := &o.Waivers[i]
		u := WaiverUse{Waiver: *w, State: WaiverUnused}
		add := func(fs []Finding, prefix string) {
			for _, f := range fs {
				if f.Waived != nil && *f.Waived == *w && !slices.Contains(u.Titles, prefix+f.Title) {
					u.Titles = append(u.Titles, prefix+f.Title)
				}
			}
		}
		add(host, "")
		for _, d := range domains {
			add(d.Findings, d.Name+": ")
		}
		switch {
		case !w.Holds(o.At):
			u.State = WaiverExpired
		case len(u.Titles) > 0:
			u.State = WaiverUsed
		case w.Row != "" && st != nil:
			u.Why = rowless(st, w.Row)
		}
		out = append(out, u)
	}
	return out
}

// otherNames lists headings that are about the same, of which each release has one:
// keys follow the headings.
func otherNames() [][2]string {
	return [][2]string{
		{"x86pvh-guest", "x86pvh"},                   // after 4.10-unstable
		{"arm-guest", "arm"},                         // after 4.10-unstable
		{"physical-cpu-hotplug", "acpi-cpu-hotplug"}, // 4.18 on
		{"xsm-flask", "flask-xsm-module"},            // 4.18 on
	}
}

// rowless says that a statement has no row of a key, and what it calls it if it
// has it by another name; empty when it has the row.
func rowless(st *support.Statement, key string) string {
	if _, ok := st.Row(key); ok {
		return ""
	}
	why := "Xen " + st.Header.Release() + " has no such row"
	heading, qualifier := key, ""
	if i := strings.Index(key, "--"); i >= 0 {
		heading, qualifier = key[:i], key[i:]
	}
	for _, names := range otherNames() {
		for i, name := range names {
			other := names[1-i] + qualifier
			if _, ok := st.Row(other); ok && name == heading {
				return why + "; it is called " + other + " there"
			}
		}
	}
	return why
}
