package support

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// published lists the statements of the collection with their status lines.
var published = []struct {
	release string
	rows    int
}{
	{"4.10", 146}, {"4.11", 150}, {"4.12", 152}, {"4.13", 159}, {"4.14", 164}, {"4.15", 172}, {"4.16", 174},
	{"4.17", 187}, {"4.18", 198}, {"4.19", 203}, {"4.20", 207}, {"4.21", 210}, {"4.22", 211},
}

func TestPublishedStatements(t *testing.T) {
	for _, p := range published {
		s := mustParse(t, string(shared(t, "statements", p.release+".md")))
		if len(s.Rows) != p.rows {
			t.Errorf("%s has %d rows, want %d", p.release, len(s.Rows), p.rows)
		}
		for _, r := range s.Rows {
			if !r.Meaning.Understood() || !r.Applies.Understood() {
				t.Errorf("%s line %d is not understood: %s", p.release, r.Line, r)
			}
		}
		if s.Header.Release() != p.release {
			t.Errorf("%s says it is %q", p.release, s.Header.XenVersion.Text)
		}
	}
}

// The embedded statements hold the same without the collection.
func TestEmbeddedStatements(t *testing.T) {
	rows := map[string]int{"4.10-unstable": 139, "4.18@37fcb4c206": 196}
	for _, p := range published {
		rows[p.release] = p.rows
	}
	for _, s := range embedded(t) {
		// A release that is newer than this table only has to have rows.
		if want, known := rows[s.Name]; len(s.Rows) != want && known || len(s.Rows) == 0 {
			t.Errorf("%s has %d rows, want %d", s.Name, len(s.Rows), want)
		}
		delete(rows, s.Name)
		if u := unrecognised(s); len(u) != 0 {
			t.Errorf("%s: %v", s.Name, u)
		}
		for _, sec := range s.Sections {
			if sec.Text != "" || sec.Caveat != "" {
				t.Errorf("%s has prose under %q", s.Name, sec.Title)
			}
		}
	}
	if len(rows) != 0 {
		t.Errorf("not embedded: %v", rows)
	}
}

// What lint has to say of the published statements is known, line by line.
func TestPublishedProblems(t *testing.T) {
	for name, want := range map[string][]string{
		"statements/4.10.md":              {"222 Expermental", "228 Experimenal", "646 rtl8193"},
		"statements/4.13.md":              {"245 Expermental", "251 Experimenal", "675 tab", "718 rtl8193"},
		"statements/4.16.md":              {"444 same qualifier as line 443", "731 tab", "735 tab", "778 rtl8193"},
		"statements/4.21.md":              {"921 tab", "925 tab", "981 3 blanks", "982 3 blanks", "1000 rtl8193"},
		"statements/4.22.md":              {"921 tab", "925 tab", "1001 rtl8193"},
		"seeds/SUPPORT-4.10-unstable.md":  {"216 Expermental", "222 Experimenal", "360 States", "628 rtl8193", "639 stgvga"},
		"seeds/SUPPORT-4.18-rendered.txt": {"783 rtl8193"},
	} {
		folder, file, _ := strings.Cut(name, "/")
		s := mustParse(t, string(shared(t, folder, file)))
		ok := len(s.Problems) == len(want)
		for i := 0; ok && i < len(want); i++ {
			line, text, _ := strings.Cut(want[i], " ")
			ok = fmt.Sprint(s.Problems[i].Line) == line && strings.Contains(s.Problems[i].Message, text) && s.Problems[i].Severity == Suspicious
		}
		if !ok {
			t.Errorf("%s: %+v", name, s.Problems)
		}
	}
}

func TestLineEndsMakeNoDifference(t *testing.T) {
	texts := map[string][]byte{"text": shared(t, "seeds", "SUPPORT-4.18-rendered.txt"), "markdown": shared(t, "statements", "4.21.md")}
	for spelling, text := range texts {
		want := mustParse(t, string(text))
		for name, variant := range map[string]string{
			"CRLF":            strings.ReplaceAll(string(text), "\n", "\r\n"),
			"CR":              strings.ReplaceAll(string(text), "\n", "\r"),
			"BOM":             "\ufeff" + string(text),
			"trailing blanks": strings.ReplaceAll(string(text), "\n", " \t \n"),
			"no last newline": strings.TrimRight(string(text), "\n"),
			"no-break blanks": strings.ReplaceAll(string(text), "Status, ", "Status,\u00a0"),
		} {
			if diff := cmp.Diff(want, mustParse(t, variant)); diff != "" {
				t.Errorf("%s with %s (-want +got):\n%s", spelling, name, diff)
			}
		}
	}
}

// The text is a rendering of an older revision of 4.18 than the markdown.
func TestRenderedTextAgreesWithMarkdown(t *testing.T) {
	text := mustParse(t, string(shared(t, "seeds", "SUPPORT-4.18-rendered.txt")))
	markdown := mustParse(t, string(shared(t, "statements", "4.18.md")))
	d := Diff(text, markdown)
	var got []string
	for _, h := range d.Header {
		got = append(got, h.Field+" "+h.From+" "+h.To)
	}
	for _, r := range d.Added {
		got = append(got, "+"+r.Key)
	}
	for _, r := range d.Removed {
		got = append(got, "-"+r.Key)
	}
	for _, c := range d.Changed {
		got = append(got, "~"+c.To.Key+" "+c.From.Value+" → "+c.To.Value)
	}
	want := []string{
		"Security-Support-Until 2026-11-16 2028-11-16", "+pygrub", "+shadow-paging",
		"~super-page-support--x86-hvmpvh-shadow-2mib Supported → Supported, not security supported",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// What the two have in common they have in the same words.
	titles := map[string]Section{}
	for _, s := range markdown.Sections {
		titles[s.Anchor] = s
	}
	for _, s := range text.Sections {
		m, ok := titles[s.Anchor]
		if !ok || m.Title != s.Title || m.Level != s.Level || m.Parent != s.Parent || m.Caveats != s.Caveats {
			t.Errorf("text has %+v, markdown %+v", s, m)
		}
	}
}

// rowsOf returns the rows of a text in short: key, value, line.
func rowsOf(s *Statement) []string {
	rows := []string{}
	for _, r := range s.Rows {
		rows = append(rows, fmt.Sprintf("%s | %s | %d", r.Key, r.Value, r.Line))
	}
	return rows
}

func TestWaysToWriteARow(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
		problems   string // part of each message, one a line
	}{
		{"code block", "## A\n\n    Status: Supported\n", []string{"a | Supported | 5"}, ""},
		{"tab", "## A\n\n\tStatus: Supported\n", []string{"a | Supported | 5"}, "by a tab"},
		{"three blanks", "## A\n\n   Status: Supported\n   Status, x86: Deprecated\n", []string{"a | Supported | 5", "a--x86 | Deprecated | 6"}, "by 3 blanks\nby 3 blanks"},
		{"no indentation", "## A\n\nStatus: Supported\n", []string{"a | Supported | 5"}, "by 0 blanks"},
		{"fence", "## A\n\n```\nStatus: Supported\n```\n", []string{"a | Supported | 6"}, ""},
		{"tildes", "## A\n\n~~~ {.x}\nStatus: Supported\n~~~\n", []string{"a | Supported | 6"}, ""},
		{"fence that nothing closes", "## A\n\n```\nStatus: Supported\n\n## B\n\n    Status: Deprecated\n", []string{"a | Supported | 6", "b | Deprecated | 10"}, "in a paragraph"},
		{"no blank lines", "## A\n    Status: Supported\n## B\n    Status: Deprecated\n", []string{"a | Supported | 4", "b | Deprecated | 6"}, ""},
		{"below prose", "## A\n\nSome words\n    Status: Supported\n", []string{"a | Supported | 6"}, "in a paragraph"},
		{"below a list", "## A\n\n  * item\n\n    Status: Supported\n", []string{"a | Supported | 7"}, "inside a list"},
		{"closing hashes", "### A ###\n\n    Status: Supported\n", []string{"a | Supported | 5"}, ""},
		{"underlined", "A\n---\n\n    Status: Supported\n", []string{"a | Supported | 6"}, ""},
		{"no blank after hashes", "##A\n\n    Status: Supported\n", []string{"a | Supported | 5"}, "lacks the blank"},
		{"folded", "## A\n\n    Status: Supported,\n      with caveats\n    Status, x86: Supported up to 12 TiB. Hosts with more memory\n    are supported, but not security supported.\n",
			[]string{"a | Supported, with caveats | 5", "a--x86 | Supported up to 12 TiB. Hosts with more memory are supported, but not security supported. | 7"}, ""},
		{"value on the next line", "## A\n\n    Status:\n      Supported\n", []string{"a | Supported | 5"}, ""},
		{"two blocks", "## A\n\n    Status: Supported\n\nText\n\n    Status, x86: Deprecated\n", []string{"a | Supported | 5", "a--x86 | Deprecated | 9"}, ""},
		{"States", "## A\n\n    States, Windows: Supported\n", []string{"a--windows | Supported | 5"}, `"States" probably means "Status"`},
		{"lower case", "## A\n\n    status: Supported\n", []string{"a | Supported | 5"}, `"status" probably means "Status"`},
		{"no blanks", "## A\n\n    Status,x86:Supported\n", []string{"a--x86 | Supported | 5"}, ""},
		{"same qualifier, same value", "## A\n\n    Status: Supported\n    Status: supported.\n", []string{"a | Supported | 5", "a-2 | supported. | 6"}, "repeats line 5"},
		{"contradiction", "## A\n\n    Status: Supported\n    Status: Experimental\n", []string{"a | Supported | 5", "a-2 | Experimental | 6"}, "contradicts line 5"},
		{"mode in the value", "## A\n\n    Status, Linux: Supported (outside of \"backend allocation\" mode)\n    Status, Linux: Experimental (in \"backend allocation\" mode)\n",
			[]string{`a--linux-outside-of-backend-allocation-mode | Supported (outside of "backend allocation" mode) | 5`, `a--linux-backend-allocation-mode | Experimental (in "backend allocation" mode) | 6`},
			"the mode is in the value"},
		{"misspelt key", "## A\n\n    Status: Supported\n    Staus, x86: Experimental\n", []string{"a | Supported | 5"}, `key "Staus" is not known`},
		{"header field", "## A\n\n    Status: Supported\n    Supported-Until: 2027-01-01\n", []string{"a | Supported | 5"}, `key "Supported-Until" is not known`},
		{"no colon", "## A\n\n    Status, x86 Supported\n", []string{}, "has no colon"},
		{"list", "## A\n\n  * Status: Supported\n  * Status, x86:\n    Deprecated\n", []string{"a | Supported | 5", "a--x86 | Deprecated | 6"}, "inside a list\ninside a list"},
		{"emphasis", "## A\n\n**Status, x86:** Supported\n\n*Status, ARM*: `Tech Preview`\n", []string{"a--x86 | Supported | 5", "a--arm | Tech Preview | 7"}, "marks of emphasis\nmarks of emphasis"},
		{"list of other things", "## A\n\n    Status: Supported\n\n  * Supported: whatever\n", []string{"a | Supported | 5"}, ""},
		{"feature without a status", "## A\n### B\n\n| x86 | Supported |\n\n### C\n#### D\n    Status: Supported\n", []string{"d | Supported | 10"}, "no status was found"},
		{"comment", "## A\n\n<!--\n    Status: Supported\n-->\n", []string{}, ""},
		{"prose with the word", "## A\n\nThe\nStatus: Supported means that it works.\n\n    Status: Experimental\n", []string{"a | Experimental | 8"}, ""},
		{"code of another kind", "## A\n\n    xl create foo.cfg\n    https://xenproject.org\n\n    Status: Supported\n", []string{"a | Supported | 8"}, ""},
		{"look-alikes", "## A\n\n    Status: Supported\n\n# Format and definitions\n\n### Status\n\n    Security supported: Yes\n    Status: Experimental\n", []string{"a | Supported | 5"}, ""},
		{"equal headings", "## A\n### B\n    Status: Supported\n### B\n    Status: Deprecated\n### b-1\n    Status: Experimental\n",
			[]string{"b | Supported | 5", "b-1 | Deprecated | 7", "b-1-1 | Experimental | 9"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustParse(t, "# Feature Support\n\n"+tt.text)
			if diff := cmp.Diff(tt.want, rowsOf(s)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			var problems []string
			for _, p := range s.Problems {
				if p.Line > 0 {
					problems = append(problems, p.Message)
				}
			}
			want := strings.Split(tt.problems, "\n")
			if tt.problems == "" {
				want = nil
			}
			if len(problems) != len(want) {
				t.Fatalf("problems %q, want %q", problems, want)
			}
			for i := range want {
				if !strings.Contains(problems[i], want[i]) {
					t.Errorf("problem %q, want %q", problems[i], want[i])
				}
			}
		})
	}
}

func TestRenderedText(t *testing.T) {
	const head = "Support statement\n\n1 Release Support\n\nXen-Version: 4.30\nInitial-Release: 2030-01-02\nSupported-Until: 2033-01-02\nSecurity-Support-Until: 2035-01-02\nRelease Notes\nRN\n\n"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"plain", head + "2 Feature Support\n\n2.1 Kconfig\n\nwords\n\n2.2 A\n\n2.2.1 B\n\nStatus: Supported\n\nmore words\n", []string{"b | Supported | 22"}},
		{"prose that begins with a number", head + "2 Feature Support\n\n2.1 A\n\n3 of them are there\n\n16 registers\n\nStatus: Supported\n", []string{"a | Supported | 20"}},
		{"dots after numbers", head + "2. Feature Support\n\n2.1. A\n\n2.1.1. B\n\nStatus: Supported\n", []string{"b | Supported | 18"}},
		{"missing section", head + "2 Feature Support\n\n2.1 A\n\nStatus: Supported\n\n2.3 C\n\nStatus: Deprecated\n", []string{"a | Supported | 16", "c | Deprecated | 20"}},
		{"table of contents", "1 Release Support\n2 Feature Support\n2.1 A\n\n" + head + "2 Feature Support\n\n2.1 A\n\nStatus: Supported\n", []string{"a | Supported | 20"}},
		{"without blank lines", head + "2 Feature Support\n2.1 A\nStatus: Supported\n2.2 B\nStatus: Deprecated\n", []string{"a | Supported | 14", "b | Deprecated | 16"}},
		{"quotation marks", head + "2 Feature Support\n\n2.1 Hypervisor ‘debug keys’\n\nStatus, Linux, outside of “backend allocation” mode: Supported\n",
			[]string{"hypervisor-debug-keys--linux-outside-of-backend-allocation-mode | Supported | 16"}},
		{"definitions", head + "2 Feature Support\n\n2.1 A\n\nStatus: Supported\n\n3 Format and definitions\n\n3.1 Status\n\nStatus: Experimental\n", []string{"a | Supported | 16"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustParse(t, tt.text)
			if s.Provenance.Spelling != "text" || s.Header.SecuritySupportUntil.Date != "2035-01-02" {
				t.Errorf("read as %s, header %+v", s.Provenance.Spelling, s.Header)
			}
			if diff := cmp.Diff(tt.want, rowsOf(s)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHTML(t *testing.T) {
	const page = `<!DOCTYPE html>
<html><head><title>Status: Supported</title><style>h1 { }</style></head><body>
<header id="title-block-header"><h1 class="title">Support statement</h1></header>
<nav id="TOC"><ul><li><a href="#x">Feature Support</a></li></ul></nav>
<h1 id="x" data-number="1"><span class="header-section-number">1</span> Release Support</h1>
<pre><code>Xen-Version: 4.30
Initial-Release: 2030-01-02</code></pre>
<h1>Feature Support</h1>
<h2 id="stale">ARM: Guest
PSCI &amp; more</h2>
<p>Some <em>words</em></p>
<p>Status, Mandatory: Supported Status,
MIGRATE_INFO_TYPE: Tech Preview</p>
<h3>Hypervisor ‘debug keys’</h3>
<pre><code>Status, Linux, &quot;backend allocation&quot; mode: Supported up to 12 TiB. Hosts with
  more memory are supported, but not security supported.

Staus, x86: Supported</code></pre>
<p>A caveat.</p>
<h1>Format and definitions</h1>
<pre><code>Status: Supported</code></pre>
</body></html>
`
	s := mustParse(t, page)
	want := []string{
		"arm-guest-psci-more--mandatory | Supported | 12",
		"arm-guest-psci-more--migrateinfotype | Tech Preview | 12",
		"hypervisor-debug-keys--linux-backend-allocation-mode | Supported up to 12 TiB. Hosts with more memory are supported, but not security supported. | 15",
	}
	if diff := cmp.Diff(want, rowsOf(s)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	sections := []Section{
		{Level: 2, Anchor: "arm-guest-psci-more", Title: "ARM: Guest PSCI & more", Line: 9, Text: "Some words"},
		{Level: 3, Anchor: "hypervisor-debug-keys", Title: "Hypervisor 'debug keys'", Parent: "ARM: Guest PSCI & more", Line: 14, Caveat: "A caveat.", Caveats: true},
	}
	if diff := cmp.Diff(sections, s.Sections); diff != "" {
		t.Errorf("sections (-want +got):\n%s", diff)
	}
	if got := s.Tainted("hypervisor-debug-keys"); len(got) != 1 || got[0].Line != 18 || got[0].Arch != "x86" {
		t.Errorf("tainted by %+v", got)
	}
	if s.Header.InitialRelease.Date != "2030-01-02" || s.Header.InitialRelease.Line != 7 {
		t.Errorf("header %+v", s.Header)
	}
}

func TestNoStatement(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "empty",
		"\ufeff \n":                             "empty",
		"%PDF-1.7\n":                            "PDF",
		"\x7fELF\x02\x01":                       "ELF",
		"a\x00b":                                "binary",
		"\xff\xfeS\x00":                         "UTF-16",
		"{\"rows\": []}":                        "JSON",
		"<!DOCTYPE html><h1>404 Not Found</h1>": "HTML",
		"# README\n\nHello\n":                   "Feature Support",
		strings.Repeat("Status: Supported\n", 1e6): "bytes long",
	} {
		s, err := Parse("file", []byte(text))
		if s != nil || !errors.Is(err, ErrNotStatement) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q: %v, want an error with %q", text, err, want)
		}
	}
}

func TestNotUTF8(t *testing.T) {
	s := mustParse(t, "# Feature Support\n\n## Caf\xe9\n\n    Status: Support\xe9d\n")
	if len(s.Rows) != 1 || s.Rows[0].Meaning.Understood() || len(s.Tainted(s.Rows[0].Heading)) == 0 {
		t.Errorf("%+v", s.Rows)
	}
	if p := s.Problems[4]; p.Line != 3 || !strings.Contains(p.Message, "UTF-8") {
		t.Errorf("%+v", s.Problems)
	}
}

func TestHeader(t *testing.T) {
	const good = "Xen-Version: 4.30\nInitial-Release: 2030-01-02\nSupported-Until: 2033-01-02\nSecurity-Support-Until: 2035-01-02"
	tests := []struct {
		name, old, new string
		problems       []string
	}{
		{"good", "", "", nil},
		{"impossible day", "2033-01-02", "2033-02-30", []string{"not a possible date"}},
		{"not a date", "2033-01-02", "20330-1-2", []string{"not a possible date"}},
		{"in another style", "2033-01-02", "2 January 2033", []string{"not a possible date"}},
		{"security first", "2035-01-02", "2032-01-02", []string{"before Supported-Until"}},
		{"support ends before it begins", "2030-01-02", "2034-01-02", []string{"before Initial-Release"}},
		{"missing", "Supported-Until: 2033-01-02\nS", "S", []string{"Supported-Until is missing"}},
		{"placeholder", "2033-01-02", "TBD", nil},
		{"unreleased", "2035-01-02", "Unreleased - not yet security-supported", nil},
		{"candidate", "4.30", "4.30-rc", nil},
		{"unstable", "4.30", "unstable", nil},
		{"no version", "4.30", "banana", []string{"no release of Xen"}},
		{"twice", "Xen-Version", "Supported-Until: 2034-01-02\nXen-Version", []string{"contradicts"}},
		{"twice the same", "Xen-Version", "Supported-Until: 2033-01-02\nXen-Version", []string{"repeats"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := strings.Replace(good, tt.old, tt.new, 1)
			s := mustParse(t, "# Release Support\n\n    "+strings.ReplaceAll(header, "\n", "\n    ")+"\n\n# Feature Support\n")
			if len(s.Problems) != len(tt.problems) {
				t.Fatalf("problems %+v, want %q", s.Problems, tt.problems)
			}
			for i, want := range tt.problems {
				if !strings.Contains(s.Problems[i].Message, want) {
					t.Errorf("problem %q, want %q", s.Problems[i].Message, want)
				}
			}
			if strings.Contains(strings.Join(tt.problems, ""), "contradicts") && s.Header.SupportedUntil.Date != "" {
				t.Error("one of two dates was believed")
			}
		})
	}
}

func TestTainted(t *testing.T) {
	s := mustParse(t, `# Feature Support

## Host hardware support

    Status: Supported in a way

### Physical Memory

    Status, x86: Supported
    Status, Frobnicator: Experimental

### Physical CPUs

    Status, x86: Supported up to lots

### ARM/GICv3

    Status, Arm64: Supported mostly

## Other

### Fine

    Status: Supported
`)
	for anchor, want := range map[string]string{
		"physical-memory": "5: 10:", "physical-cpus": "5: 14:x86", "armgicv3": "5: 18:arm64", "fine": "", "host-hardware-support": "5:", "none": "",
	} {
		var got []string
		for _, p := range s.Tainted(anchor) {
			got = append(got, fmt.Sprintf("%d:%s", p.Line, p.Arch))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is tainted by %q, want %q", anchor, got, want)
		}
	}
}

// No text makes the parser take time out of proportion to its size: with a
// quadratic step somewhere these take minutes.
func TestHostileTexts(t *testing.T) {
	for name, text := range map[string]string{
		"headings":        strings.Repeat("# a\n", 1<<15),
		"fences":          strings.Repeat("```\n~~~~\n", 1<<15) + "# Feature Support\n",
		"comments":        strings.Repeat("<!-- ", 1<<15),
		"rows":            "# Feature Support\n## A\n" + strings.Repeat("    Status: Supported\n", 1<<15),
		"distinct rows":   "# Feature Support\n## A\n" + strings.Repeat("    Status, x: y\n    Status, z: y\n", 1<<15),
		"folded":          "# Feature Support\n## A\n    Status: a\n" + strings.Repeat("      b\n", 1<<15),
		"one line":        "# Feature Support\n## A\n    Status, " + strings.Repeat("x, ", 1<<15) + ": Supported\n",
		"prose":           "# Feature Support\n## A\n" + strings.Repeat("Status: a\nb\n", 1<<15),
		"underscores":     "# Feature Support\n## " + strings.Repeat("_a ", 1<<15) + "\n    Status: Supported\n",
		"brackets":        "# Feature Support\n## " + strings.Repeat("[", 1<<15) + "\n    Status: Supported\n",
		"tags":            "<h1>Feature Support</h1><h2>A</h2><p>" + strings.Repeat("<b>Status: x</b>", 1<<15),
		"unclosed tags":   "<h1>Feature Support</h1>" + strings.Repeat("<p>x<", 1<<15),
		"scripts":         "<h1>Feature Support</h1>" + strings.Repeat("<script><</script>", 1<<15),
		"open scripts":    "<h1>Feature Support</h1>" + strings.Repeat("<script>", 1<<15),
		"open comments":   "<h1>Feature Support</h1>" + strings.Repeat("<!--", 1<<15),
		"open quotes":     "<h1>Feature Support</h1>" + strings.Repeat("<a \"<b '", 1<<15),
		"numbered titles": "1 Release Support\n2 Feature Support\n" + strings.Repeat("2.1 A\n", 1<<15),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(name, []byte(text))
			if err != nil {
				return
			}
			if _, err := Distil([]byte(text), Provenance{}); err != nil {
				t.Error(err)
			}
			for i := range min(len(s.Sections), 100) {
				s.Tainted(s.Sections[i].Anchor)
			}
		})
	}
}

func mustParse(t testing.TB, text string) *Statement {
	t.Helper()
	s, err := Parse("statement", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWriteTSV(t *testing.T) {
	s := mustParse(t, "# Feature Support\n## A\n    Status: Support scope restricted \n### B\n    Status, x86\tHVM: Supported,\n      with caveats\n")
	var b bytes.Buffer
	if err := WriteTSV(&b, s); err != nil {
		t.Fatal(err)
	}
	want := "a\tA\t\t\tSupport scope restricted\t3\nb--x86-hvm\tA\tB\tx86 HVM\tSupported, with caveats\t5\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
