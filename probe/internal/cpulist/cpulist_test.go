package cpulist

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		in, canonical string
		cpus          []int
	}{
		{"0-3,8,10-11\n", "0-3,8,10-11", []int{0, 1, 2, 3, 8, 10, 11}},
		{"0", "0", []int{0}},
		{"", "", nil},
		{"\n", "", nil},
		{"0,1", "0-1", []int{0, 1}},
		{"8,0-2,1-3", "0-3,8", []int{0, 1, 2, 3, 8}},
		{"63-64", "63-64", []int{63, 64}},
		{"65535", "65535", []int{65535}},
		{"00-01", "0-1", []int{0, 1}},
	} {
		s, err := Parse(tc.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", tc.in, err)
			continue
		}
		if got := s.String(); got != tc.canonical {
			t.Errorf("Parse(%q) is %q, want %q", tc.in, got, tc.canonical)
		}
		if diff := cmp.Diff(tc.cpus, slices.Collect(s.All())); diff != "" {
			t.Errorf("Parse(%q): %s", tc.in, diff)
		}
		if s.Len() != len(tc.cpus) {
			t.Errorf("Parse(%q) has %d CPUs, want %d", tc.in, s.Len(), len(tc.cpus))
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"3-1", "0-", "-3", ",", "0,,1", "0,", "a", "0-3-5", "0x1", "+1", "1 2", "0, 1",
		strings.Repeat("0-65535,", 4) + "0", "65536", "0-4294967295", "0-99999999999999999999", "0-10:2/4", "all",
	} {
		if s, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) is %q, want an error", in, s)
		} else if s.Len() != 0 {
			t.Errorf("Parse(%q) fails and has CPUs", in)
		}
	}
}

func TestAddHas(t *testing.T) {
	var s Set
	for n, want := range map[int]bool{-1: false, Max: false, 0: true, 64: true} {
		if got := s.Add(n); got != want {
			t.Errorf("Add(%d) = %v", n, got)
		}
		if s.Has(n) != want {
			t.Errorf("Has(%d) = %v", n, !want)
		}
	}
	if s.Add(64) {
		t.Error("64 was added twice")
	}
}

// The canonical form names the same CPUs as the input and is its own canonical
// form.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"0-3,8,10-11", "0", "", "8,0-3", "65535", "3-1", "0-4294967295", "1,,2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		canonical := s.String()
		again, err := Parse(canonical)
		if err != nil || again.String() != canonical {
			t.Fatalf("%q becomes %q, which becomes %q, %v", text, canonical, again, err)
		}
		if !slices.Equal(slices.Collect(again.All()), slices.Collect(s.All())) || again.Len() != s.Len() {
			t.Fatalf("%q and %q are different sets", text, canonical)
		}
		for n := range s.All() {
			if !s.Has(n) || n < 0 || n >= Max {
				t.Fatalf("%q holds %d", text, n)
			}
		}
	})
}
