package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

func text(t testing.TB, r *Report, s Style) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextOfGoodHost(t *testing.T) {
	want := `This host is supported and security supported by Xen 4.22.
Example Board, arm64, Cortex-A57, 4 CPUs, memory unknown, no IOMMU, GICv2, bare
metal.
That means: the Xen Project expects Xen to work on hardware like this, and
handles security bugs it finds in it.

Judged as of 2026-11-21 by the Xen Project's support statement for Xen 4.22,
revision 41f0cbc765 of 2026-07-29 (no Xen was found here, so by the newest
release). The release is supported until 2029-07-30 and gets security fixes
until 2031-07-30. Security advisories (XSAs) are not checked.

What this host can be used for
  ✓ running Xen  supported and security supported

xencheck -v shows all 211 rows; xencheck explain KEY tells more about one.
`
	if d := cmp.Diff(want, text(t, allWellReport(), Style{Width: 80})); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestTextNamesWhatMatters(t *testing.T) {
	got := text(t, overLimitReport(), Style{Width: 200})
	for _, want := range []string{
		"This host, big1, is supported, but not security supported, by Xen 4.22.\n",
		"  ✗ Physical Memory, x86: supported, not security supported\n",
		"    Seen: memory 24 TiB (SMBIOS type 17)\n",
		"    Row:  4.22 \"Physical Memory\", x86, line 52: “Supported up to 12 TiB. Hosts with more memory",
		"    Do:   Limit what Xen uses with mem=12T",
		"  ? Secure Boot (/sys/firmware/efi/efivars): efivarfs is not mounted.\n    Matters only for: Host EFI Secure Boot, x86\n",
		"What using optional features would mean\n  ! x86/Intel Platform QoS Technologies: tech preview, not security supported\n",
		"  · memory bandwidth: This release has no row about it.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "Credit2") {
		t.Error("a row that is not visible stands in the short text")
	}
	if all := text(t, overLimitReport(), Style{Width: 200, Verbose: true}); !strings.Contains(all, "· Credit2 Scheduler: “Supported”; needs the Xen command line [line 310, credit2-scheduler]") {
		t.Errorf("verbose text lacks a row:\n%s", all)
	}
}

// The first line is the answer, whatever the host and the release.
func TestHeadline(t *testing.T) {
	kind := func(k facts.Kind) func(*Report) {
		return func(r *Report) { r.Host.Machine.Kind = facts.Is(k, "test") }
	}
	grade := func(g rules.Grade, l support.Level) func(*Report) {
		return func(r *Report) { r.Overall.Grade, r.Overall.Level = g, l }
	}
	phase := func(p support.Phase, g rules.Grade, l support.Level) func(*Report) {
		return func(r *Report) { r.Phase = p; grade(g, l)(r) }
	}
	for name, tc := range map[string]struct {
		change func(*Report)
		want   string
	}{
		"supported":   {func(*Report) {}, "This host is supported and security supported by Xen 4.22."},
		"named":       {func(r *Report) { r.Host.Name = "db3" }, "This host, db3, is supported and security supported by Xen 4.22."},
		"vm":          {kind(facts.VirtualMachine), "This virtual machine is supported and security supported by Xen 4.22; the host beneath it was not judged."},
		"domu":        {kind(facts.DomU), "This is a guest of Xen (a domU): the host beneath it is out of sight. This host is supported and security supported by Xen 4.22."},
		"preview":     {grade(rules.GradeNotSecurity, support.Level{Functional: support.TechPreview, Security: support.SecurityNo}), "This host is supported as a tech preview, but not security supported, by Xen 4.22."},
		"phi":         {grade(rules.GradeNotSecurity, support.Level{Functional: support.NotSupported, Security: support.SecurityNo}), "This host is not supported by Xen 4.22."},
		"outside":     {grade(rules.GradeOutside, support.NothingSaid), "This host is outside the support statement of Xen 4.22."},
		"unknown":     {grade(rules.GradeUnknown, good), "It cannot be told from here whether this host is supported by Xen 4.22."},
		"conditional": {grade(rules.GradeConditional, support.Level{Functional: support.Supported, Security: support.SecurityConditional}), "This host is supported, and security supported under conditions, by Xen 4.22."},
		"external":    {grade(rules.GradeExternal, support.Level{Functional: support.Supported, Security: support.SecurityExternal}), "This host is supported, with security support by another project, by Xen 4.22."},
		"fixes only":  {phase(support.SecurityOnly, rules.GradeSecurityOnly, support.Level{Functional: support.NotSupported, Security: support.SecurityYes}), "This host is security supported (other bugs are no longer fixed) by Xen 4.22."},
		"ended":       {phase(support.Ended, rules.GradeNotSecurity, support.Level{Functional: support.NotSupported, Security: support.SecurityNo}), "This host is not supported by Xen 4.22, whose support has ended."},
		"unreleased":  {phase(support.Unreleased, rules.GradeNotSecurity, weak), "This host is not security supported by Xen 4.22, which is not released yet."},
		"no release":  {func(r *Report) { r.Release, r.Statement.Name = "", "my.md" }, "This host is supported and security supported by the Xen of my.md."},
	} {
		t.Run(name, func(t *testing.T) {
			r := allWellReport()
			tc.change(r)
			got, _, _ := strings.Cut(text(t, r, Style{Width: 500}), "\n")
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestTextKeepsToItsWidth(t *testing.T) {
	for _, width := range []int{40, 57, 80, 120, 200} {
		for _, ascii := range []bool{false, true} {
			for line := range strings.Lines(text(t, overLimitReport(), Style{Width: width, ASCII: ascii, Verbose: true})) {
				line = strings.TrimSuffix(line, "\n")
				if n := columns(line); n > width && len(strings.Fields(line)) > 2 {
					t.Errorf("width %d: %d columns: %q", width, n, line)
				}
				if strings.HasSuffix(line, " ") {
					t.Errorf("width %d: trailing blank: %q", width, line)
				}
			}
		}
	}
}

// Colour only repeats what the text says: taken away, the same text is left.
func TestColorIsOnlyColor(t *testing.T) {
	plain := text(t, overLimitReport(), Style{Width: 80, Verbose: true})
	colored := text(t, overLimitReport(), Style{Width: 80, Verbose: true, Color: true})
	if plain == colored {
		t.Error("no colour")
	}
	if d := cmp.Diff(plain, stripSGR(colored)); d != "" {
		t.Errorf("(-plain +coloured)\n%s", d)
	}
	if strings.Contains(plain, "\x1b") {
		t.Error("plain text has escape sequences")
	}
}

func stripSGR(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, s, _ = strings.Cut(after, "m")
	}
}

func TestASCIIMeansASCII(t *testing.T) {
	r := overLimitReport()
	r.Host.Name, r.Host.Machine.Product.Value = "höst", "Größe™ 日本"
	for i, c := range []byte(text(t, r, Style{Width: 80, ASCII: true, Verbose: true})) {
		if c > '~' || c < ' ' && c != '\n' {
			t.Fatalf("byte %#x at %d", c, i)
		}
	}
}

// What a machine calls itself must not drive the reader's terminal.
func TestForeignTextIsHarmless(t *testing.T) {
	hostile := "\x1b]0;owned\x07\x1b[2J\x9b31m\u009b1m\u202eevil\r\nline\x00\xff" + strings.Repeat("x", 10000)
	r := overLimitReport()
	r.Host.Name = hostile
	r.Host.Machine.Product = facts.Is(hostile, hostile)
	r.Findings[1].Seen[0] = rules.Seen{What: hostile, Value: hostile, Source: hostile, Cause: hostile}
	r.Choice.Why, r.Statement.Origin = hostile, hostile
	got := text(t, r, Style{Width: 80, Verbose: true})
	for _, c := range got {
		if c == '\n' {
			continue
		}
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u202e' {
			t.Fatalf("control character %#x in the text", c)
		}
	}
	if len(got) > 40_000 {
		t.Errorf("text of %d bytes: long foreign text is not cut", len(got))
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 12 << 40: "12 TiB", 12<<40 + 4096: "a little over 12 TiB",
		16384 << 20: "16 GiB", 33 << 29: "16.50 GiB", 1<<40 - 1: "1023.99 GiB", 1<<64 - 1: "15.99 EiB",
	} {
		if got := rules.Size(n); got != want {
			t.Errorf("rules.Size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestColumns(t *testing.T) {
	for s, want := range map[string]int{"abc": 3, "日本": 4, "é": 1, "e\u0301": 1, "✓": 1} {
		if got := columns(s); got != want {
			t.Errorf("columns(%q) = %d, want %d", s, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31mred\u202e\xff")
	f.Add("Intel(R) Xeon(R) ™ 日本")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if again := Clean(got); again != got && len(got) <= maxForeign {
			t.Errorf("Clean is not settled: %q, then %q", got, again)
		}
		for _, r := range got {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				t.Errorf("control character %#x left in %q", r, got)
			}
		}
		if a := toASCII(got); !isPlain(a) {
			t.Errorf("toASCII(%q) = %q", got, a)
		}
	})
}

func BenchmarkWriteText(b *testing.B) {
	r := manyRows(overLimitReport())
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := r.WriteText(&out, Style{Width: 80, Verbose: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// manyRows blows a report up to the 211 rows of a real statement.
func manyRows(r *Report) *Report {
	for len(r.Findings) < 211 {
		r.Findings = append(r.Findings, r.Findings[1:5]...)
	}
	return r
}
