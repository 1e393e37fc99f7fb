package support

import (
	"strings"
	"testing"
)

// embedded opens every embedded statement.
func embedded(t testing.TB) []*Statement {
	t.Helper()
	l, errs := NewLibrary(nil)
	for _, err := range errs {
		t.Error(err)
	}
	var all []*Statement
	for _, e := range l.List() {
		s, err := l.Open(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func TestConditionalRowsHaveNotes(t *testing.T) {
	for _, s := range embedded(t) {
		for _, r := range s.Rows {
			if (r.Meaning.Security == SecurityConditional || r.Meaning.Condition != NoCondition) && r.Note == "" {
				t.Errorf("%s line %d: %q is conditional and has no note", s.Name, r.Line, r.Key)
			}
		}
	}
}

// A note has to be for something: its key stands in a statement at both ends
// of its range.
func TestNotesAreForSomething(t *testing.T) {
	notes, err := parseNotes(notesText)
	if err != nil {
		t.Fatal(err)
	}
	statements := map[string]*Statement{}
	for _, s := range embedded(t) {
		statements[s.Name] = s
	}
	has := func(n note, release string) bool {
		s := statements[release]
		if s == nil {
			return false
		}
		if n.row != "" {
			_, ok := s.Row(n.row)
			return ok
		}
		for _, sec := range s.Sections {
			if sec.Anchor == n.section {
				return true
			}
		}
		return false
	}
	for _, n := range notes {
		from, to := n.from, n.to
		if from == "" {
			from = "4.10"
		}
		if to == "" {
			to = "4.22"
		}
		if !has(n, from) || !has(n, to) {
			t.Errorf("the note for row %q, section %q, releases %q-%q is for nothing", n.row, n.section, n.from, n.to)
		}
	}
}

func TestParseNotes(t *testing.T) {
	notes, err := parseNotes("# remark\n\nRow: a b\nReleases: 4.11-4.18\nNote: one\n two\n\nSection: a\nReleases: 4.19\nNote: three\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(notes) != 3 || notes[0].text != "one two" || notes[1].row != "b" || notes[2].section != "a" {
		t.Errorf("%+v", notes)
	}
	if notes[0].covers("4.10") || !notes[0].covers("4.11") || !notes[0].covers("4.18") || notes[0].covers("4.19") || notes[2].covers("4.20") {
		t.Error("releases are taken for others")
	}
	for _, bad := range []string{
		"Note: x\n", "Row: a\n", "Row: a\nNote:\n", "Row: a\nRow: b\nNote: x\n", "Frob: a\n", " Row: a\n",
		"Row: a\nReleases: new\nNote: x\n", "Row: a\nReleases: 4.12-4.11\nNote: x\n", "Row: a\nReleases: -\nNote: x\n",
		"Row: a\nReleases: -4.12\nNote: x\n\nRow: a\nReleases: 4.12-\nNote: y\n",
	} {
		if _, err := parseNotes(bad); err == nil || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
