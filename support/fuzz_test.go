package support

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shared returns a file of the collection that lies beside the project, and
// skips the test where there is none.
func shared(t testing.TB, elem ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "shared"}, elem...)...))
	if err != nil {
		t.Skipf("the collection of published statements is not beside the project: %v", err)
	}
	return text
}

// FuzzMarkdown, FuzzText and FuzzHTML share their properties and differ in
// where they start from.

func FuzzMarkdown(f *testing.F) {
	for _, text := range markdownSeeds {
		f.Add([]byte(text))
	}
	for _, name := range []string{"4.10-unstable", "4.16", "4.21"} {
		text, err := releases.ReadFile(embeddedPath(name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(checkProperties)
}

func FuzzText(f *testing.F) {
	for _, text := range textSeeds {
		f.Add([]byte(text))
	}
	f.Fuzz(checkProperties)
}

func FuzzHTML(f *testing.F) {
	for _, text := range htmlSeeds {
		f.Add([]byte(text))
	}
	f.Fuzz(checkProperties)
}

// checkProperties checks what holds of every text that Parse accepts.
func checkProperties(t *testing.T, text []byte) {
	s, err := Parse("fuzz", text)
	if err != nil {
		if s != nil {
			t.Fatalf("an error and a statement: %v", err)
		}
		return
	}
	lines := 1 + bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r"))
	if _, distilled := parseProvenance(string(bytes.SplitN(text, []byte("\n"), 2)[0])); distilled {
		lines = maxSize // directives can name any line
	}
	keys := map[string]bool{}
	for _, r := range s.Rows {
		if keys[r.Key] {
			t.Errorf("key %q twice", r.Key)
		}
		keys[r.Key] = true
		if r.Line < 1 || r.Line > lines {
			t.Errorf("row on line %d of %d", r.Line, lines)
		}
		if r.Meaning.Understood() != (r.Meaning.Functional != FunctionalUnrecognised) ||
			r.Meaning.Understood() != (r.Meaning.Security != SecurityUnrecognised) {
			t.Errorf("%q is half understood: %+v", r.Value, r.Meaning)
		}
		if r.Meaning.Security == SecurityYes && !beginsLikeYes(r) {
			t.Errorf("%q is security supported", r.Value)
		}
		if (!r.Meaning.Understood() || !r.Applies.Understood()) && len(s.Tainted(r.Heading)) == 0 {
			t.Errorf("%q is not understood and taints nothing", r)
		}
	}
	for _, p := range s.Problems {
		if p.Line < 0 || p.Line > lines {
			t.Errorf("problem on line %d of %d", p.Line, lines)
		}
	}
	once, err := Distil(text, Provenance{Branch: "4.22", Commit: "0123abc", Date: "2026-07-29"})
	if err != nil {
		t.Fatalf("parsed, but cannot be distilled: %v", err)
	}
	twice, err := Distil(once, Provenance{})
	if err != nil {
		t.Fatalf("cannot be distilled again: %v\n%s", err, once)
	}
	if diff := cmp.Diff(string(once), string(twice)); diff != "" {
		t.Fatalf("distilling again changes it (-once +twice):\n%s", diff)
	}
	d, err := Parse("fuzz", once)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Rows, d.Rows); diff != "" {
		t.Fatalf("rows change by distilling (-original +distilled):\n%s\n%s", diff, once)
	}
	if diff := cmp.Diff(withoutProse(s), withoutProse(d)); diff != "" {
		t.Fatalf("sections change by distilling (-original +distilled):\n%s\n%s", diff, once)
	}
	if diff := cmp.Diff(s.Header, d.Header); diff != "" {
		t.Fatalf("header changes by distilling (-original +distilled):\n%s\n%s", diff, once)
	}
	if diff := cmp.Diff(unrecognised(s), unrecognised(d)); diff != "" {
		t.Fatalf("what is not understood changes by distilling (-original +distilled):\n%s\n%s", diff, once)
	}
}

// beginsLikeYes reports whether a row that is security supported says so with
// a word of the grammar.
func beginsLikeYes(r Row) bool {
	if r.Keyword == keySupported {
		return len(r.Meaning.Formats) > 0
	}
	v := fold(r.Value)
	return strings.HasPrefix(v, "supported") || strings.HasPrefix(v, "security supported") || strings.HasPrefix(v, "deprecated")
}

func withoutProse(s *Statement) []Section {
	sections := make([]Section, len(s.Sections))
	copy(sections, s.Sections)
	for i := range sections {
		sections[i].Text, sections[i].Caveat = "", ""
	}
	return sections
}

func unrecognised(s *Statement) []Problem {
	var found []Problem
	for _, p := range s.Problems {
		if p.Severity == Unrecognised {
			found = append(found, p)
		}
	}
	return found
}

var markdownSeeds = []string{
	"# 0 tus:##A\nStAtus:Suppo\xff\xffed\n\nStAtu:EXperimenStl\n\n# 0", // a heading right below a row, once distilled
	"# Feature Support\n\n## A\n\n### B\n\nText\n\n    Status: Supported\n    Status, x86: Tech Preview\n\nMore\n",
	"# Feature Support\n## Limits\n### Memory\n    Status, x86: Supported up to 8 TiB. Guests with more memory,\n      but less than 16 TiB, are supported, but not security supported.\n",
	"# Feature Support\n\n## A\n\n   Status: Supported\n   Status, SYSTEM_SUSPEND: Tech Preview\n",
	"# Feature Support\n\n## A\n\n```\nStatus: Supported\n\nStaus: Supported\n```\n\n~~~\nStatus, x86: Deprecated\n~~~\n",
	"# Feature Support\n\n## A\n\n* item\n\n    Status: Supported\n\nprose\nStatus: Supported\n",
	"# Release Support\n\n    Xen-Version: 4.30\n    Supported-Until: 2026-02-30\n    Supported-Until: 2027-01-01\n\n# Feature Support\n\n<!--\n    Status: Supported\n-->\n",
	"Feature Support\n===\n\nA\n---\n\n\tStates, Windows: Supported\n\tStatus, x86 Supported\n",
	"# Feature Support\n\n## A\n### A\n### a-1\n### A\n    Status, Linux: Supported (outside of \"backend allocation\" mode)\n    Status, Linux: Experimental (in \"backend allocation\" mode)\n",
	"# Feature Support\n\n## `A` *b* \\_c [d](e) &amp; f #\n\n    Status:\n      Supported, with caveats\n    Supported, x86: bzImage, ELF\n",
	"# Feature Support\n\n## A\n\n    Status: Supported\n    Status: Experimental\n\n# Format and definitions\n\n    Status: no row\n",
	"    Status: Supported\n",
	"\nStatus:\n Status: Expermental\n0",
	"#\n##\n    Status: 0\n",
}

var textSeeds = []string{
	"1 Release Support\n\nXen-Version: 4.18\nInitial-Release: 2023-11-16\n\n2 Feature Support\n\n2.1 A\n\n2.1.1 B\n\nText\n\nStatus: Supported\nStatus, x86: Tech Preview\n\nMore\n\n3 Format and definitions\n\nStatus: Supported\n",
	"1 Release Support\n2 Feature Support\n2.1 A\n\n1 Release Support\n2 Feature Support\n2.1 A\nStatus: Supported\n2.3 B\nStaus: Supported\n",
	"2 Feature Support\n\n2.1 Hypervisor ‘debug keys’ – x\n\n16 registers are there\n\nStatus, Linux, outside of “backend allocation” mode: Supported, with caveats\nprose\n",
}

var htmlSeeds = []string{
	"<h1 id=\"release-support\">Release Support</h1>\n<pre><code>Xen-Version: 4.21\nInitial-Release: 2025-11-19</code></pre>\n<h1>Feature Support</h1>\n<h2>A</h2>\n<h3>ARM: Guest\nPSCI</h3>\n<p>text</p>\n<p>Status, Mandatory: Supported Status,\nMIGRATE_INFO_TYPE: Supported</p>\n<h3>B &amp; C</h3><pre><code>Status, Linux, &quot;backend allocation&quot; mode: Experimental</code></pre>\n<p>caveat</p>",
	"<!DOCTYPE html><html><head><title>x</title><style>h1 {}</style></head><body><nav id=\"TOC\"><ul><li>Feature Support</li></ul></nav><h1><span class=\"header-section-number\">2</span> Feature Support</h1><h2>A<br>b</h2><pre>Status: Supported\n\n  Status, x86: Supported up to\n    12 TiB</pre></body></html>",
	"<h1>Feature Support</h1><h2>A</h2><ul><li>Status: Supported</li><li>x</li></ul><pre><code>Staus: x</code></pre>",
}
