package support

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every embedded file is what distilling the published text gives, with the
// provenance that the file itself states.
func TestEmbeddedAreDistilled(t *testing.T) {
	originals := map[string][]byte{
		"4.10-unstable":   shared(t, "seeds", "SUPPORT-4.10-unstable.md"),
		"4.18@37fcb4c206": shared(t, "seeds", "SUPPORT-4.18-rendered.txt"),
	}
	for _, p := range published {
		originals[p.release] = shared(t, "statements", p.release+".md")
	}
	for name, text := range originals {
		have, err := os.ReadFile(embeddedPath(name))
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(have), "\n")
		p, ok := parseProvenance(line)
		if !ok || p.Branch == "" || p.Commit == "" || p.Date == "" {
			t.Errorf("%s begins with %q", name, line)
		}
		got, err := Distil(text, Provenance{Branch: p.Branch, Commit: p.Commit, Date: p.Date})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, have) {
			t.Errorf("%s differs (-embedded +distilled):\n%s", name, cmp.Diff(string(have), string(got)))
		}
		// Rows and headings stand where they stand in the original.
		from, to := strings.Split(string(text), "\n"), strings.Split(string(got), "\n")
		s := mustParse(t, string(got))
		for _, r := range s.Rows {
			if r.Line > len(to) || !strings.Contains(to[r.Line-1], r.Value) || !strings.Contains(from[r.Line-1], r.Value) {
				t.Errorf("%s: %s is not on line %d", name, r, r.Line)
			}
		}
		checkProperties(t, text)
	}
}

func TestDistilled(t *testing.T) {
	const original = `# Release Support

    Xen-Version: 4.30

# Feature Support

Prose that nobody needs.

## A

Prose.

### B ###

    Status: Supported,
      with caveats
	Status, x86: Tech Preview
    Staus: x

A caveat.

# Format and definitions

    Status: no row
`
	const distilled = `<!-- xencheck: facts of SUPPORT.md, branch 4.30, commit 0123456789, date 2030-01-02, from markdown -->
<!-- line 1 -->
# Release Support
<!-- line 3 -->
    Xen-Version: 4.30
<!-- line 5 -->
# Feature Support

## A



### B

    Status: Supported, with caveats

	Status, x86: Tech Preview
<!-- line 18 -->
    Staus: x
[caveat]
`
	got, err := Distil([]byte(original), Provenance{Branch: "4.30", Commit: "0123456789", Date: "2030-01-02"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(distilled, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	checkProperties(t, []byte(original))
}

func TestDistilRefuses(t *testing.T) {
	good := []byte("# Feature Support\n")
	for _, p := range []Provenance{
		{Branch: "4.22 -->"}, {Branch: "4.22,x"}, {Commit: "xyz"}, {Commit: "0123\n"}, {Date: "2026-02-30"}, {Date: "today"},
	} {
		if out, err := Distil(good, p); err == nil {
			t.Errorf("%+v: %s", p, out)
		}
	}
	if _, err := Distil([]byte("%PDF-1.4"), Provenance{}); err == nil {
		t.Error("a PDF was distilled")
	}
}
