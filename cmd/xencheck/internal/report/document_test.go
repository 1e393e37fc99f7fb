package report

import (
	"errors"
	"html"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// document writes reports into one document, as several files would be.
func document(t testing.TB, format string, l Look, add ...func(Document) error) string {
	t.Helper()
	var b strings.Builder
	d := NewDocument(&b, format, l)
	for _, f := range add {
		if err := f(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func one(r *Report) func(Document) error { return func(d Document) error { return d.Report("", r) } }
func several(r *Report) func(Document) error {
	return func(d Document) error { return d.Report("f.json", r) }
}

// What kind of answer a finding is, is told once for all formats.
func TestStanding(t *testing.T) {
	row := ref("k", "S", "F", "", "Tech Preview", 7)
	preview := support.Level{Functional: support.TechPreview, Security: support.SecurityNo}
	judged := func(l, stated support.Level, use rules.Tri) rules.Finding {
		return rules.Finding{Row: row, Outcome: rules.Judged, Level: l, Stated: stated, Applies: rules.Yes, InUse: use}
	}
	lacking := rules.Finding{Row: row, Outcome: rules.Outside, Applies: rules.Yes, InUse: rules.Maybe, Lacks: []string{"an IOMMU"}}
	ended := support.Level{Functional: support.NotSupported, Security: support.SecurityNo}
	for name, tc := range map[string]struct {
		f      rules.Finding
		wanted bool
		want   standing
		sarif  string
	}{
		"good":                    {judged(good, good, rules.Yes), true, fine, "pass none"},
		"bad and wanted":          {judged(preview, preview, rules.No), true, problem, "fail error"},
		"bad and in use":          {judged(preview, preview, rules.Yes), false, problem, "fail warning"},
		"bad and not in use":      {judged(preview, preview, rules.No), false, optional, "informational none"},
		"bad and perhaps in use":  {judged(preview, preview, rules.Maybe), false, perhaps, "review none"},
		"only the release is bad": {judged(ended, good, rules.Yes), true, gated, "informational none"},
		"lacks an IOMMU":          {lacking, false, optional, "notApplicable none"},
		"lacks one and wants it":  {lacking, true, problem, "fail error"},
		"unknown":                 {rules.Finding{Row: row, Outcome: rules.Unknown, Applies: rules.Maybe}, true, undecided, "open none"},
		"unknown, not wanted":     {rules.Finding{Row: row, Outcome: rules.Unknown, Applies: rules.Yes}, false, undecided, "open none"},
		"not evaluated":           {rules.Finding{Row: row, Outcome: rules.NotEvaluated, Applies: rules.Yes}, false, undecided, "open none"},
		"of another architecture": {rules.Finding{Row: row, Outcome: rules.Unknown, Applies: rules.No}, false, ruledOut, "notApplicable none"},
		"not applicable":          {rules.Finding{Row: row, Outcome: rules.NotApplicable, Applies: rules.Yes}, false, ruledOut, "notApplicable none"},
		"not stated":              {rules.Finding{Outcome: rules.NotStated, Applies: rules.Yes}, true, unsaid, "informational none"},
		"not visible":             {rules.Finding{Row: row, Outcome: rules.NotVisible, Applies: rules.Yes}, false, unseen, "review none"},
	} {
		t.Run(name, func(t *testing.T) {
			got := standingOf(tc.f, tc.wanted)
			if got != tc.want {
				t.Errorf("standing %d, want %d", got, tc.want)
			}
			kind, level := sarifKind(result{Finding: tc.f, standing: got, wanted: tc.wanted, decides: tc.wanted}, FailNotSecurity)
			if kind+" "+level != tc.sarif {
				t.Errorf("SARIF %s %s, want %s", kind, level, tc.sarif)
			}
		})
	}
}

// A comparison holds no findings: where they are what counts, it is refused and
// costs nothing else.
func TestDocumentRefuses(t *testing.T) {
	c := Compare([]*Report{allWellReport(), overLimitReport()})
	for _, format := range Formats() {
		refuses := slices.Contains([]string{FormatJUnit, FormatSARIF}, format)
		got := document(t, format, Look{Central: true}, func(d Document) error {
			err := d.Comparison("", c)
			var refused *Refusal
			if errors.As(err, &refused) != refuses {
				t.Errorf("%s: error %v", format, err)
			}
			if refuses {
				return nil
			}
			return err
		}, several(overLimitReport()))
		if !strings.Contains(got, "physical-memory--x86") && !strings.Contains(got, "Physical Memory") && format != FormatPrometheus {
			t.Errorf("%s: the report beside it is lost:\n%s", format, got)
		}
	}
}

func TestPrometheus(t *testing.T) {
	got := document(t, FormatPrometheus, Look{}, one(overLimitReport()))
	var samples []string
	for line := range strings.Lines(got) {
		if !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0\n") {
			samples = append(samples, strings.TrimSpace(line))
		}
	}
	want := []string{
		`xencheck_info{release="4.22",version="test",revision="41f0cbc765",xen=""} 1`,
		`xencheck_facts_collected_timestamp_seconds 1788264000`,                      // 2026-09-01 12:00
		`xencheck_judged_timestamp_seconds 1795219200`,                               // 2026-11-21
		`xencheck_statement_timestamp_seconds{release="4.22"} 1785283200`,            // 2026-07-29
		`xencheck_support_end_timestamp_seconds{release="4.22"} 1880150400`,          // 2029-07-31, the end of the 30th
		`xencheck_security_support_end_timestamp_seconds{release="4.22"} 1943222400`, // 2031-07-31
		`xencheck_release_phase{release="4.22",phase="full"} 1`,
		`xencheck_verdict{release="4.22",use="overall",grade="not_security_supported"} 1`,
		`xencheck_verdict{release="4.22",use="host",grade="not_security_supported"} 1`,
		`xencheck_verdict_complete{release="4.22",use="overall"} 1`,
		`xencheck_verdict_complete{release="4.22",use="host"} 1`,
		`xencheck_exit_code 1`,
		`xencheck_findings{release="4.22",outcome="judged"} 2`,
		`xencheck_findings{release="4.22",outcome="not_stated"} 1`,
		`xencheck_findings{release="4.22",outcome="unknown"} 1`,
		`xencheck_findings{release="4.22",outcome="not_visible"} 1`,
		`xencheck_problems{release="4.22",grade="not_security_supported"} 1`,
	}
	if d := cmp.Diff(want, samples); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if strings.Contains(got, "big1") {
		t.Error("the host is named, though it is the one that is scraped")
	}
}

// In a document of many hosts every sample names its host, and each metric has
// its description once, before all its samples.
func TestPrometheusOfManyHosts(t *testing.T) {
	other := overLimitReport()
	other.Host.Name = "a\"b\\c"
	var refused *Refusal
	got := document(t, FormatPrometheus, Look{Central: true}, several(overLimitReport()), several(other),
		func(d Document) error {
			if err := d.Report("again.json", overLimitReport()); !errors.As(err, &refused) || err.Error() != `a second report on host "big1" cannot be written as metrics for Prometheus` {
				t.Errorf("the same host again: %v", err)
			}
			alike := overLimitReport()
			alike.Host.Name = "a b"
			if err := d.Report("alike.json", alike); err != nil {
				t.Error(err)
			}
			alike.Host.Name = "a\tb"
			if err := d.Report("alike.json", alike); !errors.As(err, &refused) {
				t.Errorf("a host that looks the same: %v", err)
			}
			return nil
		})
	metric, seen, ids := "", map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(got) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "#" {
			word, _, _ := strings.Cut(strings.TrimPrefix(rest, "HELP "), " ")
			if strings.HasPrefix(rest, "HELP ") {
				if metric = word; seen[metric] {
					t.Errorf("%s is described twice", metric)
				}
				seen[metric] = true
			}
			continue
		}
		id, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), metric), "} ")
		if !ok || !strings.HasPrefix(id, `{host="big1"`) && !strings.HasPrefix(id, `{host="a\"b\\c"`) && !strings.HasPrefix(id, `{host="a b"`) {
			t.Errorf("sample %q in the place of metric %q", line, metric)
		}
		if ids[metric+id] {
			t.Errorf("sample %s%s stands there twice", metric, id)
		}
		ids[metric+id] = true
	}
	for _, m := range metrics() {
		if seen[m.name] == strings.HasPrefix(m.name, "xencheck_fleet_") {
			t.Errorf("%s is there: %t", m.name, seen[m.name])
		}
	}
}

// Every release of a comparison has its samples; of one that stands there twice
// there is one, and another text of a release is told from it.
func TestPrometheusOfReleases(t *testing.T) {
	own, newer, other := allWellReport(), overLimitReport(), overLimitReport()
	own.Statement.Release, own.Statement.Revision, own.Choice.Version = "4.17", "d0f5c18848", "4.17.5"
	other.Statement.Name, other.Statement.Revision, other.Statement.Origin = "./SUPPORT.md", "", "./SUPPORT.md"
	c := Compare([]*Report{own, newer, newer, other, other})
	var samples []string
	for line := range strings.Lines(document(t, FormatPrometheus, Look{}, func(d Document) error { return d.Comparison("", c) })) {
		if !strings.HasPrefix(line, "xencheck_verdict{") || !strings.HasSuffix(line, " 0\n") {
			samples = append(samples, strings.TrimSpace(line))
		}
	}
	text := strings.Join(samples, "\n")
	for _, want := range []string{
		`xencheck_info{release="4.17",version="test",revision="d0f5c18848",xen="4.17.5"} 1`,
		`xencheck_info{release="4.22",version="test",revision="41f0cbc765",xen=""} 1`,
		`xencheck_info{release="./SUPPORT.md",version="test",revision="",xen=""} 1`,
		`xencheck_release_compared{release="4.17"} 0`,
		`xencheck_release_compared{release="4.22"} 1`,
		`xencheck_release_compared{release="./SUPPORT.md"} 1`,
		`xencheck_verdict{release="4.17",use="overall",grade="supported"} 1`,
		`xencheck_verdict{release="4.22",use="overall",grade="not_security_supported"} 1`,
		`xencheck_exit_code 1`,
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%s stands there %d times", want, strings.Count(text, want))
		}
	}
	slices.Sort(samples)
	if n := len(samples); len(slices.Compact(samples)) != n {
		t.Errorf("a sample stands there twice in\n%s", text)
	}
}

// The metrics of a fleet count hosts and name none.
func TestPrometheusOfFleet(t *testing.T) {
	got := document(t, FormatPrometheus, Look{}, func(d Document) error { return AddFleet(d, "", fleetSummary()) }, func(d Document) error {
		var refused *Refusal
		if err := AddFleet(d, "", fleetSummary()); !errors.As(err, &refused) {
			t.Errorf("a second fleet: %v", err)
		}
		return nil
	})
	var samples []string
	for line := range strings.Lines(got) {
		if !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0\n") {
			samples = append(samples, strings.TrimSpace(line))
		}
	}
	want := []string{
		`xencheck_fleet_hosts{asked="4.22",release="4.22",grade="supported"} 1`,
		`xencheck_fleet_hosts{asked="4.22",release="4.22",grade="outside_the_statement"} 2`,
		`xencheck_fleet_upgrade_hosts{from="auto",to="4.22",change="better"} 1`,
		`xencheck_fleet_upgrade_hosts{from="auto",to="4.22",change="same"} 2`,
		`xencheck_fleet_xen_hosts{xen="4.17",how="running"} 3`,
		`xencheck_fleet_xen_security_support_end_timestamp_seconds{xen="4.17",how="running"} 1765584000`, // 2025-12-13
		`xencheck_fleet_waiver_hosts{rule="host-memory",row="",state="used"} 2`,
		`xencheck_fleet_records 4`,
		`xencheck_fleet_unusable_records 1`,
		`xencheck_fleet_judged_timestamp_seconds -62135596800`,
		`xencheck_fleet_exit_code 2`,
	}
	if d := cmp.Diff(want, samples); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestJUnit(t *testing.T) {
	got := document(t, FormatJUnit, Look{}, several(allWellReport()))
	want := `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="xencheck">
  <testsuite name="a host without a name" tests="2" failures="0" errors="0" skipped="0" time="0" timestamp="2026-11-21T00:00:00">
    <properties>
      <property name="machine" value="Example Board, arm64, Cortex-A57, 4 CPUs, memory unknown, no IOMMU, GICv2, bare metal"></property>
      <property name="statement" value="4.22"></property>
      <property name="revision" value="41f0cbc765"></property>
      <property name="revision date" value="2026-07-29"></property>
    </properties>
    <testcase classname="a host without a name.Verdict" name="running Xen" time="0">
      <system-out>supported and security supported</system-out>
    </testcase>
    <testcase classname="a host without a name.Host Architecture" name="x86-64" time="0">
      <system-out>supported and security supported&#xA;Seen: flag lm present (/proc/cpuinfo)&#xA;Statement: 4.22 &#34;x86-64&#34;, line 40: “Supported”</system-out>
    </testcase>
  </testsuite>
</testsuites>
`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	short, all := document(t, FormatJUnit, Look{}, one(overLimitReport())), document(t, FormatJUnit, Look{Style: Style{Verbose: true}}, one(overLimitReport()))
	if strings.Contains(short, "Credit2") || !strings.Contains(all, `name="Credit2 Scheduler"`) {
		t.Error("rows that cannot be seen belong into the long form only")
	}
	for _, want := range []string{
		`<testcase classname="big1.Verdict" name="running Xen" time="0">` + "\n      <failure message=\"supported, not security supported\" type=\"not_security_supported\">",
		`<failure message="supported, not security supported" type="not_security_supported">Why: The host has more memory`,
		`<skipped message="could not be determined">`, // decides nothing that was asked for
	} {
		if !strings.Contains(short, want) {
			t.Errorf("missing %q in\n%s", want, short)
		}
	}
}

func TestMarkdown(t *testing.T) {
	got := document(t, FormatMarkdown, Look{}, several(overLimitReport()))
	for _, want := range []string{
		"# This host, big1, is supported, but not security supported, by Xen 4.22.\n\nRead from f.json.\n",
		"\n| Use | Verdict |\n| --- | --- |\n| ✗ running Xen | supported, not security supported: see “Physical Memory, x86” |\n",
		"\n### ✗ Physical Memory, x86: supported, not security supported\n\n- **Seen:** memory 24 TiB (SMBIOS type 17)\n- **Row:** 4.22 \"Physical Memory\", x86, line 52: ",
		"\n| ? Secure Boot (/sys/firmware/efi/efivars): efivarfs is not mounted. | only Host EFI Secure Boot, x86 | Mount efivarfs and run xencheck again. |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "Credit2") {
		t.Error("a row that is not visible stands in the short form")
	}
	if all := document(t, FormatMarkdown, Look{Style: Style{Verbose: true}}, one(overLimitReport())); !strings.Contains(all, "| · Credit2 Scheduler | “Supported”; needs the Xen command line | unknown | 310 |\n") {
		t.Errorf("the long form lacks a row:\n%s", all)
	}
	if ds := document(t, FormatMarkdown, Look{}, func(d Document) error { return d.Domains("", domainsReport(guest("a"), guest("b"))) }); strings.Count(ds, "**Why:** The domain uses it.") != 1 || !strings.Contains(ds, "; as for a (a.cfg)\n") {
		t.Errorf("the same is told twice, or not at all:\n%s", ds)
	}
}

// Text that comes from a host is text to a reader of Markdown as well; here to
// the parser of GitHub.
func TestMarkdownIsText(t *testing.T) {
	if _, err := exec.LookPath("cmark-gfm"); err != nil {
		t.Skip("cmark-gfm is not installed")
	}
	hostile := []string{
		"a|b", "*a* _b_ __c__ **d**", "`code`", "[a](http://example.org)", "![a](b)", "<b>bold</b>", "<!-- gone -->", "&amp; &#65;",
		"# no heading", "- no item", "+ no item", "1. no item", "12) no item", "> no quote", "~~gone~~", "https://example.org/x", "www.example.org",
		`back\slash`, `\*`, "$x$ $$y$$", "=====", "---", ":--", "| --- |", "a@b.example", "x^2^ H~2~O", "[^1]", "[ ] no task", "'q' \"q\" ... --",
		"Intel(R) Xeon(R) CPU E5-2630 v3 @ 2.40GHz", "physical-memory--x86", "http:", ":smile:", "@someone", "mailto:a@b.example xmpp:a@b.example/c", "4.22 2.", "7.",
	}
	shown := func(p *markdownPage) string {
		cmark := exec.Command("cmark-gfm", "-e", "table", "-e", "strikethrough", "-e", "autolink", "-e", "tasklist", "-e", "footnotes")
		cmark.Stdin = strings.NewReader(p.String())
		out, err := cmark.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(out), "<!-- raw HTML omitted -->", "")
	}
	for _, s := range hostile {
		text := strings.ReplaceAll(html.EscapeString(s), "&#39;", "'")
		text = strings.ReplaceAll(text, "&#34;", "&quot;")
		p := &markdownPage{}
		p.text(s)
		p.item("Seen", s)
		p.item("", s)
		p.end()
		p.row([]string{s, s})
		p.WriteString("|---|---|\n")
		p.row([]string{s, s})
		want := "<p>" + text + "</p>\n<ul>\n<li><strong>Seen:</strong> " + text + "</li>\n<li>" + text + "</li>\n</ul>\n" +
			"<table>\n<thead>\n<tr>\n<th>" + text + "</th>\n<th>" + text + "</th>\n</tr>\n</thead>\n" +
			"<tbody>\n<tr>\n<td>" + text + "</td>\n<td>" + text + "</td>\n</tr>\n</tbody>\n</table>\n"
		if d := cmp.Diff(want, shown(p)); d != "" {
			t.Errorf("%q (-want +got)\n%s", s, d)
		}
	}
}
