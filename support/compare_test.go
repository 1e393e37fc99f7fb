package support

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	a := mustParse(t, "# Release Support\n    Xen-Version: 4.30\n# Feature Support\n## A\n    Status: Supported\n    Status, x86: Not supported.\n## B\n    Status: Supported\n")
	b := mustParse(t, "# Release Support\n    Xen-Version: 4.31\n# Feature Support\n## C\n    Status: Supported\n## A\n    Status: Supported, with caveats\n    Status, x86: not  supported\n")
	d := Diff(a, b)
	want := Difference{
		Header: []HeaderChange{{Field: "Xen-Version", From: "4.30", To: "4.31"}},
		Added:  []Row{b.Rows[0]}, Removed: []Row{a.Rows[2]}, Changed: []RowChange{{From: a.Rows[0], To: b.Rows[1]}},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := Diff(a, a); len(d.Header)+len(d.Added)+len(d.Removed)+len(d.Changed) != 0 {
		t.Errorf("a statement differs from itself: %+v", d)
	}
}

func TestLint(t *testing.T) {
	const text = "# Release Support\n    Xen-Version: 4.30\n    Initial-Release: 2030-01-02\n    Supported-Until: 2033-01-02\n    Security-Support-Until: 2035-01-02\n# Feature Support\n## A\n"
	against := mustParse(t, text+"    Status: Supported\n### B\n    Status, x86: Supported\n")
	against.Name = "4.30"
	s := mustParse(t, text+"\tStatus: Supported\n### C\n    Status: Suported\n")
	var got []string
	for _, p := range Lint(s, against) {
		got = append(got, p.Message)
	}
	want := []string{
		"status is indented by a tab", `value "Suported" is outside the grammar`, `missing: the statement of 4.30 has this row under "A / B"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Lint(against, against); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if got := len(Lint(s, nil)); got != 2 {
		t.Errorf("%d problems without another statement", got)
	}
}

// A published statement lacks nothing of the one embedded for its release.
func TestLintPublished(t *testing.T) {
	l, _ := NewLibrary(nil)
	for _, p := range published {
		against, err := l.Open(p.release)
		if err != nil {
			t.Fatal(err)
		}
		s := mustParse(t, string(shared(t, "statements", p.release+".md")))
		for _, p := range Lint(s, against) {
			if p.Severity != Suspicious || strings.HasPrefix(p.Message, "missing") {
				t.Errorf("%s: %+v", against.Name, p)
			}
		}
	}
}
