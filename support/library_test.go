package support

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
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
		{"9.99", "", ""},
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
	if got := l.DataDate().Format(time.DateOnly); got < "2026-07-29" {
		t.Errorf("data date %s", got)
	}
}

func TestLibraryOverrides(t *testing.T) {
	base, errs := NewLibrary(nil)
	if len(errs) != 0 {
		t.Fatal(errs)
	}
	const text = "# Release Support\n\n    Xen-Version: 4.22.1\n    Initial-Release: 2026-07-30\n    Supported-Until: 2029-07-30\n    Security-Support-Until: 2031-07-30\n\n" +
		"# Feature Support\n\n## Guest boot loaders\n\n### Pygrub\n\n    Status: Supported, security supported only when run de-privileged\n\n### Frob\n\n    Status: Tech Preview\n"
	l, errs := NewLibrary(fstest.MapFS{
		"b.md":        {Data: []byte(text)},
		"new.txt":     {Data: []byte("1 Release Support\n\nXen-Version: 4.30\n\n2 Feature Support\n\n2.1 A\n\nStatus: Supported\n")},
		"c.md":        {Data: []byte(strings.ReplaceAll(text, "Frob", "Other"))},
		"bad.html":    {Data: []byte("%PDF-1.4")},
		"fifo.md":     {Mode: fs.ModeNamedPipe},
		"dir.md":      {Mode: fs.ModeDir},
		"nameless.md": {Data: []byte("# Feature Support\n")},
		"README":      {Data: []byte("not a statement")},
	})
	var complaints []string
	for _, err := range errs {
		complaints = append(complaints, err.Error())
	}
	want := []string{
		`"bad.html" is not a support statement: a PDF document`,
		`"c.md" is for release 4.22, and so is "b.md", which was read first`,
		`"dir.md" is not a regular file`,
		`"fifo.md" is not a regular file`,
		`"nameless.md" names no release in its Xen-Version`,
	}
	if diff := cmp.Diff(want, complaints); diff != "" {
		t.Errorf("complaints (-want +got):\n%s", diff)
	}
	for name, frob := range map[string]bool{"4.22": true, "4.22.3": true, "4.22@41f0cbc765": false} {
		s, err := l.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Row("frob"); ok != frob || s.Provenance.Branch != "4.22" {
			t.Errorf("%s: frob %v, provenance %+v", name, ok, s.Provenance)
		}
		if r, _ := s.Row("pygrub"); r.Note == "" {
			t.Errorf("%s: %s has no note", name, r)
		}
	}
	if s, err := l.Open("4.30"); err != nil || s.Provenance.Origin != "new.txt" {
		t.Errorf("4.30: %v", err)
	}
	if len(l.List()) != len(base.List())+2 || !l.DataDate().Equal(base.DataDate()) {
		t.Errorf("%d statements of %v", len(l.List()), l.DataDate())
	}
	// Nothing an opener does to a statement reaches the next one.
	s, _ := l.Open("4.22")
	s.Rows[0].Value = "changed"
	if again, _ := l.Open("4.22"); again.Rows[0].Value == "changed" {
		t.Error("statements are shared")
	}
	if _, errs := NewLibrary(os.DirFS(filepath.Join(t.TempDir(), "none"))); len(errs) != 0 {
		t.Errorf("a folder that is not there: %v", errs)
	}
}

// faulty has a fault when one of its files is opened.
type faulty struct{ fstest.MapFS }

func (f faulty) Open(name string) (fs.File, error) {
	if name == "odd.md" {
		panic("boom")
	}
	return f.MapFS.Open(name)
}

// A fault in reading one statement costs that one.
func TestLibrarySurvives(t *testing.T) {
	l, errs := NewLibrary(faulty{fstest.MapFS{
		"odd.md": {Data: []byte("whatever")},
		"ten.md": {Data: []byte("# Release Support\n\n    Xen-Version: 4.30\n\n# Feature Support\n\n## A\n\n    Status: Supported\n")},
	}})
	if len(errs) != 1 || errs[0].Error() != `"odd.md": internal error: boom` {
		t.Errorf("errors %v", errs)
	}
	if _, err := l.Open("4.30"); err != nil {
		t.Error(err)
	}
}

func TestIdentify(t *testing.T) {
	l, _ := NewLibrary(nil)
	s, err := l.Read("seed", shared(t, "seeds", "SUPPORT-4.18-rendered.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "seed" || s.Provenance.Commit != "37fcb4c206" || s.Provenance.Superseded != "69cc968847 of 2026-07-28" {
		t.Errorf("%s: %+v", s.Name, s.Provenance)
	}
	if r, _ := s.Row("x86pci-device-passthrough--x86-hvm"); r.Note == "" {
		t.Error("no note")
	}
	// One row changed: another text, of unknown revision, with no note there.
	text := strings.Replace(string(shared(t, "statements", "4.22.md")), "Status, x86 HVM: Supported, with caveats", "Status, x86 HVM: Supported", 1)
	if s, err = l.Read("file", []byte(text)); err != nil {
		t.Fatal(err)
	}
	hvm, _ := s.Row("x86pci-device-passthrough--x86-hvm")
	pv, _ := s.Row("x86pci-device-passthrough--x86-pv")
	if s.Provenance.Commit != "" || hvm.Note != "" || pv.Note == "" {
		t.Errorf("%+v, notes %q and %q", s.Provenance, hvm.Note, pv.Note)
	}
}

func TestPointRelease(t *testing.T) {
	for version, want := range map[string]PointReleaseInfo{
		"4.10.0":     {"4.10.0", "2017-12-13", "345bb9cd63", "2017-11-27"},
		"4.22.0":     {"4.22.0", "2026-07-29", "41f0cbc765", "2026-07-29"},
		"4.22.0-pre": {"4.22.0", "2026-07-29", "41f0cbc765", "2026-07-29"},
		"4.22.99":    {}, "4.22": {}, "": {}, "version.x.y": {},
	} {
		if got, ok := PointRelease(version); got != want || ok != (want.Version != "") {
			t.Errorf("%q: %+v", version, got)
		}
	}
	n := 0
	for line := range strings.Lines(pointReleasesText) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if n++; n == 1 {
			continue
		}
		if len(f) != 4 || branchOf(f[0]) == "" || possibleDate(f[1]) == "" || possibleDate(f[3]) == "" || len(f[2]) != 10 {
			t.Errorf("line %d: %q", n, line)
		}
	}
	if n < 76 {
		t.Errorf("%d lines, want a header and at least 75 releases", n)
	}
}
