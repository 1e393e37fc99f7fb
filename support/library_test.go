package support

import (
	"testing"
	"time"
)

func TestLibraryNames(t *testing.T) {
	l, errs := NewLibrary(nil)
	if len(errs) != 0 {
		t.Fatal(errs)
	}
	tests := []struct{ name, commit, superseded string }{
		{"4.22", "41f0cbc765", ""},
		{"4.18.5", "69cc968847", ""},
		{"4.18.4-pre", "69cc968847", ""},
		{"4.18@37fcb4c206", "37fcb4c206", "69cc968847 of 2026-07-28"},
		{"4.18@37fc", "37fcb4c206", "69cc968847 of 2026-07-28"},
		{"4.18@69cc968847", "69cc968847", ""},
		{"4.10-unstable", "345bb9cd63", "7a4ec792d1 of 2020-11-04"},
		{"4.10.0", "7a4ec792d1", ""},
		{"4.23", "", ""},
		{"4.18@dead", "", ""},
		{"", "", ""},
		{"4", "", ""},
	}
	for _, tt := range tests {
		s, err := l.Open(tt.name)
		if tt.commit == "" {
			if err == nil {
				t.Errorf("%q: opened %s", tt.name, s.Name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.name, err)
			continue
		}
		if s.Provenance.Commit != tt.commit || s.Provenance.Superseded != tt.superseded {
			t.Errorf("%q: commit %s superseded by %q, want %s and %q", tt.name, s.Provenance.Commit, s.Provenance.Superseded, tt.commit, tt.superseded)
		}
	}
	at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	if s, err := l.Newest(at); err != nil || s.Name != "4.22" {
		t.Errorf("newest at %v: %v, %v", at, s, err)
	}
	if s, err := l.Newest(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil || s.Name != "4.21" {
		t.Errorf("newest at the start of 2026: %v, %v", s, err)
	}
	if got := l.DataDate().Format(time.DateOnly); got != "2026-07-29" {
		t.Errorf("data date %s", got)
	}
}
