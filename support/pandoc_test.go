package support

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pandoc runs the real thing, which Xen's own documentation is built with, and
// skips the test where it is not installed.
func pandoc(t *testing.T, text []byte, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("pandoc")
	if err != nil {
		t.Skip("pandoc is not installed")
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// headings returns the anchors and titles of all headings of a text.
func headings(blocks []block) []string {
	ids := newAnchors()
	var list []string
	for _, b := range blocks {
		if b.kind == heading {
			list = append(list, fmt.Sprintf("%d %s %s", b.level, ids.of(b.title), b.title))
		}
	}
	return list
}

// node is a block or inline element of pandoc's document model.
type node struct {
	T string          `json:"t"`
	C json.RawMessage `json:"c"`
}

// pandocView reads a statement the way Xen's support matrix does: headings with
// pandoc's identifiers, and Status lines of code blocks.
func pandocView(t *testing.T, text []byte) (headings, rows []string) {
	t.Helper()
	var doc struct{ Blocks []node }
	if err := json.Unmarshal(pandoc(t, text, "-f", "markdown-smart", "-t", "json"), &doc); err != nil {
		t.Fatal(err)
	}
	anchor, inside := "", false
	for _, b := range doc.Blocks {
		var parts []json.RawMessage
		switch b.T {
		case "Header", "CodeBlock":
			if err := json.Unmarshal(b.C, &parts); err != nil {
				t.Fatal(err)
			}
		default:
			continue
		}
		if b.T == "CodeBlock" {
			var code string
			if err := json.Unmarshal(parts[1], &code); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(code) {
				if k, ok := splitKey(strings.TrimSpace(line)); ok && inside && (k.key == "Status" || k.key == "Supported") {
					rows = append(rows, anchor+" | "+k.qualifier+" | "+k.value)
				}
			}
			continue
		}
		var level int
		var attr []json.RawMessage
		if json.Unmarshal(parts[0], &level) != nil || json.Unmarshal(parts[1], &attr) != nil || json.Unmarshal(attr[0], &anchor) != nil {
			t.Fatalf("header %s", b.C)
		}
		title := plain(t, parts[2])
		if level == 1 {
			inside = title == featureSupport
		}
		headings = append(headings, fmt.Sprintf("%d %s %s", level, anchor, title))
	}
	return headings, rows
}

// plain returns the text of inline elements.
func plain(t *testing.T, raw json.RawMessage) string {
	var inlines []node
	if err := json.Unmarshal(raw, &inlines); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, n := range inlines {
		switch n.T {
		case "Str":
			var s string
			if err := json.Unmarshal(n.C, &s); err != nil {
				t.Fatal(err)
			}
			b.WriteString(s)
		case "Space", "SoftBreak":
			b.WriteByte(' ')
		case "Emph", "Strong":
			b.WriteString(plain(t, n.C))
		case "Code", "Link":
			var parts []json.RawMessage
			var s string
			if err := json.Unmarshal(n.C, &parts); err != nil {
				t.Fatal(err)
			}
			if n.T == "Link" {
				s = plain(t, parts[1])
			} else if err := json.Unmarshal(parts[1], &s); err != nil {
				t.Fatal(err)
			}
			b.WriteString(s)
		}
	}
	return b.String()
}

func TestPandocSeesTheSame(t *testing.T) {
	texts := map[string][]byte{"4.10-unstable": shared(t, "seeds", "SUPPORT-4.10-unstable.md")}
	for _, p := range published {
		texts[p.release] = shared(t, "statements", p.release+".md")
	}
	for name, text := range texts {
		agrees(t, name, text)
	}
}

// The statements in the program are read alike as well.
func TestPandocSeesTheSameInOurs(t *testing.T) {
	files, err := filepath.Glob("releases/*.md")
	if err != nil || len(files) < 13 {
		t.Fatalf("%d releases: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		agrees(t, strings.TrimSuffix(filepath.Base(file), ".md"), text)
	}
}

// agrees compares pandoc's reading of a statement with ours.
func agrees(t *testing.T, name string, text []byte) {
	t.Helper()
	wantHeadings, wantRows := pandocView(t, text)
	if len(wantHeadings) < 50 || len(wantRows) < 100 {
		t.Errorf("%s: pandoc was understood to see only %d headings and %d rows", name, len(wantHeadings), len(wantRows))
	}
	if diff := cmp.Diff(wantHeadings, headings(markdownBlocks(strings.Split(string(text), "\n"), false))); diff != "" {
		t.Errorf("headings of %s (-pandoc +ours):\n%s", name, diff)
	}
	var rows []string
	for _, r := range mustParse(t, string(text)).Rows {
		// Of what pandoc makes no code block of, and of the mistyped key, only
		// we know.
		if name == "4.21" && r.Heading == "arm-guest-psci-support" || name == "4.10-unstable" && r.Line == 360 {
			continue
		}
		rows = append(rows, r.Heading+" | "+r.Qualifier+" | "+r.Value)
	}
	if diff := cmp.Diff(wantRows, rows); diff != "" {
		t.Errorf("rows of %s (-pandoc +ours):\n%s", name, diff)
	}
}

func TestAnchorsAreThoseOfPandoc(t *testing.T) {
	titles := []string{
		"x86-64", "XSM & FLASK", "Hypervisor 'debug keys'", "ARM/GICv3", "2.3 foo", "123", "Héllo World", "`code` and *emph*", "Toolstack/3rd party",
		"a -- b", "a --- b", "a...b", "-foo-", "_x_y", "x_y.z", "A  B", "Foo ###", "Foo \"quoted\"", "it's", "[link](http://x)", "Ωmega ß", "a\\_b", "x&amp;y", "a – b",
		"a_ b", "½ half", "²x", "a", "a", "a-1", "a", "a-1", "Section", "1", "2", "ARM: 16K and 64K page granularity in guests", "x86/Emulated audio (QEMU):",
		"sync_console _and_ more", "**bold** x", "日本 go", "ARM v7 + Virtualization Extensions", "-1", "a-b", "a - b", "C# and C++", "a,b;c", "100% sure", "$5", "~x~", "a=b", "(a)", "/a/",
	}
	var text strings.Builder
	for _, title := range titles {
		text.WriteString("# " + title + "\n\n")
	}
	ids := func(list []string) []string {
		var ids []string
		for _, h := range list {
			ids = append(ids, strings.Fields(h)[1])
		}
		return ids
	}
	// With pandoc's typography on, as Xen's build has it.
	var doc struct{ Blocks []node }
	if err := json.Unmarshal(pandoc(t, []byte(text.String()), "-t", "json"), &doc); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, b := range doc.Blocks {
		var parts, attr []json.RawMessage
		var id string
		if json.Unmarshal(b.C, &parts) != nil || json.Unmarshal(parts[1], &attr) != nil || json.Unmarshal(attr[0], &id) != nil {
			t.Fatalf("header %s", b.C)
		}
		want = append(want, id)
	}
	if diff := cmp.Diff(want, ids(headings(markdownBlocks(strings.Split(text.String(), "\n"), false)))); diff != "" {
		t.Errorf("(-pandoc +ours):\n%s", diff)
	}
}

// The HTML that pandoc makes of a statement says the same as the statement.
func TestHTMLAgreesWithMarkdown(t *testing.T) {
	for _, p := range published {
		text := shared(t, "statements", p.release+".md")
		want := mustParse(t, string(text))
		for name, args := range map[string][]string{
			"fragment": {"-t", "html"}, "standalone": {"-s", "-t", "html", "--metadata", "lang=en"},
			"numbered": {"-s", "--toc", "--number-sections", "-t", "html"}, "one line a paragraph": {"-t", "html", "--wrap=none"}, "HTML 4": {"-s", "--toc", "-N", "-t", "html4"},
		} {
			if name != "fragment" && p.release != "4.21" {
				continue // pandoc takes its time
			}
			html := pandoc(t, text, args...)
			got := mustParse(t, string(html))
			if got.Provenance.Spelling != "html" {
				t.Fatalf("%s as %s is taken for %s", p.release, name, got.Provenance.Spelling)
			}
			if diff := cmp.Diff(spellingFree(want), spellingFree(got)); diff != "" {
				t.Errorf("%s as %s (-markdown +html):\n%s", p.release, name, diff)
			}
			lines := strings.Split(string(html), "\n")
			for _, r := range got.Rows {
				if !strings.Contains(lines[r.Line-1], r.Keyword) {
					t.Errorf("%s as %s: line %d is %q, not %s", p.release, name, r.Line, lines[r.Line-1], r)
				}
			}
		}
	}
}

// spellingFree returns what has to be the same in every spelling.
func spellingFree(s *Statement) *Statement {
	c := s.clone()
	c.Provenance, c.Problems = Provenance{}, nil
	for i := range c.Rows {
		c.Rows[i].Line = 0
	}
	for i := range c.Sections {
		// Prose is wrapped and marked up differently.
		c.Sections[i].Line, c.Sections[i].Text, c.Sections[i].Caveat = 0, "", ""
	}
	for _, key := range headerKeys {
		c.Header.field(key).Line = 0
	}
	return c
}
