package rules

import (
	"slices"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

func TestWaivers(t *testing.T) {
	big := func() *facts.Host {
		return x86(func(h *facts.Host) { h.Memory.Physical = facts.Is(facts.Exactly(13*tib), "SMBIOS") })
	}
	row := Waiver{Row: "physical-memory--x86", Reason: "r", Owner: "o", Expires: "2099-12-31"}
	rule := Waiver{Rule: "host-memory", Reason: "r", Owner: "o", Expires: "2099-12-31"}
	late, other := row, row
	late.Expires, other.Row = "2020-12-31", "physical-memory--arm64"
	for _, tt := range []struct {
		name    string
		waivers []Waiver
		left    Grade // of what counts; empty when everything does
		states  []WaiverState
	}{
		{"none", nil, "", nil},
		{"by row", []Waiver{row}, GradeSupported, []WaiverState{WaiverUsed}},
		{"by rule", []Waiver{rule}, GradeSupported, []WaiverState{WaiverUsed}},
		{"the first counts", []Waiver{row, rule}, GradeSupported, []WaiverState{WaiverUsed, WaiverUnused}},
		{"expired", []Waiver{late}, "", []WaiverState{WaiverExpired}},
		{"about another host", []Waiver{other}, "", []WaiverState{WaiverUnused}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plain := Evaluate(statement(t, "4.22"), big(), Options{At: now})
			v := Evaluate(statement(t, "4.22"), big(), Options{At: now, Waivers: tt.waivers})
			if v.Overall.Grade != GradeNotSecurity || v.Overall.Level != plain.Overall.Level {
				t.Errorf("waiving changed the verdict to %s", v.Overall.Grade)
			}
			var left Grade
			if v.Overall.Counted != nil {
				left = v.Overall.Counted.Grade
			}
			if left != tt.left {
				t.Errorf("%q counts, want %q", left, tt.left)
			}
			var states []WaiverState
			for _, u := range v.Waivers {
				states = append(states, u.State)
			}
			if !slices.Equal(states, tt.states) {
				t.Errorf("states %v, want %v", states, tt.states)
			}
		})
	}
}

// A row that is only worse than supported because its release has come to the
// end of its support is none that somebody has waived; where it is bad by itself, it
// is.
func TestWaivingAfterTheEnd(t *testing.T) {
	w := Waiver{Rule: "host-memory", Reason: "r", Owner: "o", Expires: "2099-12-31"}
	for tib, want := range map[uint64]WaiverState{1: WaiverUnused, 13: WaiverUsed} {
		h := x86(func(h *facts.Host) { h.Memory.Physical = facts.Is(facts.Exactly(tib<<40), "SMBIOS") })
		v := Evaluate(statement(t, "4.22"), h, Options{At: now.AddDate(20, 0, 0), Waivers: []Waiver{w}})
		if v.Phase != support.Ended || v.Waivers[0].State != want {
			t.Errorf("%d TiB: the waiver is %s in phase %s, want %s", tib, v.Waivers[0].State, v.Phase, want)
		}
	}
}

// Every finding that can be waived can be waived alone: then exactly what it
// was the reason for no longer counts, and nothing else changes.
func TestWaivingOneAtATime(t *testing.T) {
	for _, host := range []*facts.Host{x86(nil), arm64(cores(a57(1, 0))), x86(func(h *facts.Host) { h.CPU.Physical = unknown[facts.Range]() })} {
		plain := Evaluate(statement(t, "4.22"), host, Options{At: now, For: []string{Base, "passthrough"}})
		n := 0
		for i, f := range plain.Findings {
			if !f.waivable() || f.Row == nil || f.Row.Key == "" {
				continue
			}
			n++
			w := Waiver{Row: f.Row.Key, Reason: "r", Owner: "o", Expires: "2099-12-31"}
			v := Evaluate(statement(t, "4.22"), host, Options{At: now, For: []string{Base, "passthrough"}, Waivers: []Waiver{w}})
			if v.Findings[i].Waived == nil || v.Waivers[0].State != WaiverUsed {
				t.Errorf("%s: not waived", w.Row)
			}
			for k, a := range v.Answers {
				if a.Grade != plain.Answers[k].Grade || a.Complete != plain.Answers[k].Complete {
					t.Errorf("%s: the answer for %s changed", w.Row, a.Intent)
				}
				if a.Counted != nil && !slices.Contains(a.Because, i) {
					t.Errorf("%s: it is no reason of the answer for %s, which changed", w.Row, a.Intent)
				}
				if a.Counted == nil && slices.Equal(a.Because, []int{i}) {
					t.Errorf("%s: the only reason of the answer for %s still counts", w.Row, a.Intent)
				}
			}
		}
		if n == 0 {
			t.Error("nothing could be waived")
		}
	}
}

// A waiver of a row that the release does not have says so, and what the row is
// called there.
func TestWaiverOfAnotherRelease(t *testing.T) {
	for _, tt := range []struct{ row, release, why string }{
		{"physical-memory--arm64", "4.22", ""}, // of another host
		{"physical-cpu-hotplug--x86", "4.17", ""},
		{"physical-cpu-hotplug--x86", "4.18", "Xen 4.18 has no such row; it is called acpi-cpu-hotplug--x86 there"},
		{"acpi-cpu-hotplug--x86", "4.17", "Xen 4.17 has no such row; it is called physical-cpu-hotplug--x86 there"},
		{"xsm-flask", "4.22", "Xen 4.22 has no such row; it is called flask-xsm-module there"},
		{"physical-cpu-hotplug--arm", "4.22", "Xen 4.22 has no such row"},
		{"x86-64--xeon-phi", "4.19", "Xen 4.19 has no such row"},
		{"no-such-heading", "4.22", "Xen 4.22 has no such row"},
	} {
		v := Evaluate(statement(t, tt.release), x86(nil), Options{At: now, Waivers: []Waiver{{Row: tt.row, Reason: "r", Owner: "o", Expires: "2099-12-31"}}})
		if u := v.Waivers[0]; u.State != WaiverUnused && tt.why != "" || u.Why != tt.why {
			t.Errorf("%s, %s: %s, %q, want %q", tt.row, tt.release, u.State, u.Why, tt.why)
		}
	}
}

// Headings that one rule or usage claims and no release has together are names
// of the same, and no others are taken for such.
func TestOtherNames(t *testing.T) {
	claims := [][]string{}
	for _, r := range List() {
		claims = append(claims, r.Rows)
	}
	for _, u := range usages {
		claims = append(claims, u.rows)
	}
	has := map[string]map[string]bool{} // releases by heading
	lib, _ := support.NewLibrary(nil)
	for _, e := range lib.List() {
		st, err := lib.Open(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range st.Rows {
			if has[r.Heading] == nil {
				has[r.Heading] = map[string]bool{}
			}
			has[r.Heading][e.Name] = true
		}
	}
	found := 0
	for _, claimed := range claims {
		for i, a := range claimed {
			for _, b := range claimed[i+1:] {
				both := false
				for release := range has[a] {
					both = both || has[b][release]
				}
				if both || has[a] == nil || has[b] == nil {
					continue
				}
				found++
				if !slices.Contains(otherNames(), [2]string{a, b}) && !slices.Contains(otherNames(), [2]string{b, a}) {
					t.Errorf("%s and %s are claimed together, and no release has both", a, b)
				}
			}
		}
	}
	if found != len(otherNames()) {
		t.Errorf("%d headings were renamed, %d are listed", found, len(otherNames()))
	}
}
