package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// prometheusDocument writes metrics in the text format of Prometheus (version
// 0.0.4), as node_exporter's textfile collector takes them. That collector
// refuses samples with times of their own, so every time is a value.
//
// The samples of a metric stand together, whatever the host, so nothing is
// written before Close. What varies without bound, such as the titles of
// findings or the names of domains, is in no label.
type prometheusDocument struct {
	w       io.Writer
	central bool
	hosts   map[string]bool
	samples map[string][]sample // by name of the metric
}

// sample is one line of a metric.
type sample struct {
	labels []label
	value  int64
}

// label is one of its labels.
type label struct{ name, value string }

// metric describes what is measured. All are gauges.
type metric struct{ name, help string }

// metrics lists what is written, in its order.
func metrics() []metric {
	return []metric{
		{"xencheck_info", "Always 1; the labels tell the version of xencheck, the release and the revision of the support statement judged by, and the version of the Xen found on the host."},
		{"xencheck_release_compared", "1 for a release that the first one judged by is compared with, as before an upgrade, 0 for the first or only one."},
		{"xencheck_facts_collected_timestamp_seconds", "When the facts were collected."},
		{"xencheck_judged_timestamp_seconds", "Start of the day, in UTC, as of which the host was judged."},
		{"xencheck_statement_timestamp_seconds", "Day of the revision of the support statement."},
		{"xencheck_support_end_timestamp_seconds", "End of the last day on which the release is fully supported."},
		{"xencheck_security_support_end_timestamp_seconds", "End of the last day on which the release gets security fixes."},
		{"xencheck_release_phase", "1 for where the release stood on the judging date, 0 for the other phases."},
		{"xencheck_verdict", "1 for the verdict on a use of the host, 0 for the other grades; use overall is the worst of what was asked for, and waived findings are set aside."},
		{"xencheck_verdict_complete", "1 when everything is known that a verdict rests on, 0 when something that could make it worse is not."},
		{"xencheck_exit_code", "Exit code of the judgement, the worst of several releases: 0 nothing at or above the threshold, 1 findings, 3 inconclusive."},
		{"xencheck_findings", "Number of findings on the host by kind of answer."},
		{"xencheck_problems", "Number of findings that make the verdict on the host worse, or are in use, by grade, without waived ones."},
		{"xencheck_waived_findings", "Number of findings on the host and its domains that a waiver sets aside."},
		{"xencheck_domains", "Number of domains by verdict, waived findings set aside."},
		{"xencheck_fleet_hosts", "Number of hosts of a fleet by verdict, waived findings included; asked is the release as it was asked for, release the one judged by."},
		{"xencheck_fleet_upgrade_hosts", "Number of hosts by what judging by another release than the first changes."},
		{"xencheck_fleet_xen_hosts", "Number of hosts by the release of the Xen that runs or is installed there; empty where none was found."},
		{"xencheck_fleet_xen_security_support_end_timestamp_seconds", "End of the last day on which the release of that Xen gets security fixes."},
		{"xencheck_fleet_waiver_hosts", "Number of hosts of which a waiver sets something aside."},
		{"xencheck_fleet_records", "Number of records read."},
		{"xencheck_fleet_unusable_records", "Number of records that could not be used."},
		{"xencheck_fleet_judged_timestamp_seconds", "Start of the day, in UTC, as of which the fleet was judged."},
		{"xencheck_fleet_exit_code", "Exit code of the judgement of the fleet, the worst of its hosts' and 2 when a record could not be used."},
	}
}

// newPrometheusDocument returns an empty document. With central, each sample
// names its host.
func newPrometheusDocument(w io.Writer, central bool) *prometheusDocument {
	return &prometheusDocument{w: w, central: central, hosts: map[string]bool{}, samples: map[string][]sample{}}
}

func (p *prometheusDocument) Report(_ string, r *Report) error {
	g, err := p.gauges(r.Host.Name)
	if err != nil {
		return err
	}
	g.judged(r.Host, r.At, r.ExitCode)
	g = g.by(releaseName(r.Statement))
	g.info(r.Tool, r.Statement, r.Choice, 0)
	g.dates(r.Statement, r.Phase)
	g.verdicts(r.Overall, r.wanted())

	bad := map[rules.Grade]int64{}
	said := map[string]int{}
	for _, f := range r.hostResults() {
		said[string(f.Outcome)]++
		if f.Waived == nil && (f.standing == problem || f.standing == undecided && f.decides) {
			bad[gradeOf(f.Finding)]++
		}
	}
	g.findings(said)
	for _, grade := range grades() {
		if lessThanGood(grade) || grade == rules.GradeUnknown {
			g.set("xencheck_problems", bad[grade], label{"grade", string(grade)})
		}
	}
	g.waived(r.results())
	g.domains(r.Domains)
	return nil
}

func (p *prometheusDocument) Domains(_ string, d *Domains) error {
	g, err := p.gauges(d.Host.Name)
	if err != nil {
		return err
	}
	g.judged(d.Host, d.At, d.ExitCode)
	g = g.by(releaseName(d.Statement))
	g.info(d.Tool, d.Statement, d.Choice, 0)
	g.dates(d.Statement, d.Phase)
	g.waived(domainResults(d.Domains))
	g.domains(d.Domains)
	return nil
}

// Comparison has no samples of what needs the findings. Where two of the
// releases come to the same statement, such as auto and the one it stands for,
// that is one release.
func (p *prometheusDocument) Comparison(_ string, c *Comparison) error {
	host, err := p.gauges(c.Host.Name)
	if err != nil {
		return err
	}
	host.judged(c.Host, c.At, c.ExitCode)
	named := map[string]Statement{}
	for i, r := range c.Releases {
		name := releaseName(r.Statement)
		if is, ok := named[name]; ok && is.Revision == r.Statement.Revision && is.Origin == r.Statement.Origin {
			continue
		} else if ok {
			name = r.Statement.Name // of the same release, by another text
		}
		if _, ok := named[name]; ok {
			continue
		}
		named[name] = r.Statement
		g := host.by(name)
		g.info(c.Tool, r.Statement, r.Choice, min(int64(i), 1))
		g.dates(r.Statement, r.Phase)
		g.verdicts(r.Overall, wanted(r.Overall, r.Answers, c.Intents))
		g.findings(r.Counts)
		g.domains(r.Domains)
	}
	return nil
}

// Close writes everything.
func (p *prometheusDocument) Close() error {
	var b strings.Builder
	for _, m := range metrics() {
		samples := p.samples[m.name]
		if len(samples) == 0 {
			continue
		}
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", m.name, m.help, m.name)
		for _, s := range samples {
			b.WriteString(m.name)
			for i, l := range s.labels {
				b.WriteString(string("{,"[min(i, 1)]) + l.name + `="` + escapeLabel(l.value) + `"`)
			}
			if len(s.labels) > 0 {
				b.WriteByte('}')
			}
			b.WriteString(" " + strconv.FormatInt(s.value, 10) + "\n")
		}
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

// escapeLabel writes the value of a label as the text format wants it.
func escapeLabel(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(Clean(s))
}

// gauges takes the samples that have some labels in common: the host, and the
// release.
type gauges struct {
	into   *prometheusDocument
	common []label
}

// by returns what takes the samples of one release.
func (g *gauges) by(release string) *gauges {
	return &gauges{g.into, append(slices.Clone(g.common), label{"release", release})}
}

// gauges refuses a host that cannot be told from one before it: the same
// sample twice is an error for whoever reads the document.
func (p *prometheusDocument) gauges(host string) (*gauges, error) {
	host = Clean(host) // two names that look the same are one
	if !p.central {
		host = ""
	}
	if p.hosts[host] {
		what := "a second report on host " + strconv.Quote(host)
		if host == "" {
			what = "a second report that names no host"
		}
		return nil, refuse("metrics for Prometheus", what)
	}
	p.hosts[host] = true
	g := &gauges{into: p}
	if host != "" {
		g.common = []label{{"host", host}}
	}
	return g, nil
}

// set adds a sample.
func (g *gauges) set(metric string, value int64, labels ...label) {
	g.into.samples[metric] = append(g.into.samples[metric], sample{append(slices.Clone(g.common), labels...), value})
}

// oneOf adds one sample for each state something may be in, so that a state
// that was left goes to 0 instead of out of sight.
func oneOf[T ~string](g *gauges, metric, name string, is T, all []T, labels ...label) {
	for _, s := range all {
		value := int64(0)
		if s == is {
			value = 1
		}
		g.set(metric, value, append(slices.Clone(labels), label{name, string(s)})...)
	}
}

// judged adds how old the facts and the judgement are, and what it came to.
func (g *gauges) judged(h *facts.Host, at time.Time, code ExitCode) {
	if t := h.CollectedAt; t != nil {
		g.set("xencheck_facts_collected_timestamp_seconds", t.Unix())
	}
	g.set("xencheck_judged_timestamp_seconds", at.Unix())
	g.set("xencheck_exit_code", int64(code))
}

// info adds what never changes without somebody changing it. Compared is 1 for
// a release that another one is compared with.
func (g *gauges) info(tool string, st Statement, c Choice, compared int64) {
	g.set("xencheck_info", 1, label{"version", toolVersion(tool)}, label{"revision", st.Revision}, label{"xen", c.Version})
	g.set("xencheck_release_compared", compared)
}

// verdicts adds how the host stands, waived findings set aside.
func (g *gauges) verdicts(overall rules.Answer, wanted []rules.Answer) {
	for i, a := range append([]rules.Answer{overall}, wanted...) {
		use := label{"use", a.Intent}
		if i == 0 {
			use.value = "overall"
		}
		grade, complete := left(a.Grade, a.Complete, a.Counted)
		oneOf(g, "xencheck_verdict", "grade", grade, grades(), use)
		value := int64(0)
		if complete {
			value = 1
		}
		g.set("xencheck_verdict_complete", value, use)
	}
}

// findings counts findings by kind of answer.
func (g *gauges) findings(outcome map[string]int) {
	for _, o := range outcomes() {
		g.set("xencheck_findings", int64(outcome[string(o)]), label{"outcome", string(o)})
	}
}

// dates adds where the release stands. A date that the statement does not give
// has no sample.
func (g *gauges) dates(st Statement, phase support.Phase) {
	for _, d := range []struct {
		metric, date string
		days         int // to add: the end of a day is the start of the next
	}{
		{"xencheck_statement_timestamp_seconds", st.Date, 0},
		{"xencheck_support_end_timestamp_seconds", st.SupportedUntil, 1},
		{"xencheck_security_support_end_timestamp_seconds", st.SecuritySupportUntil, 1},
	} {
		g.date(d.metric, d.date, d.days)
	}
	oneOf(g, "xencheck_release_phase", "phase", phase,
		[]support.Phase{support.FullSupport, support.SecurityOnly, support.Ended, support.Unreleased, support.PhaseUnknown})
}

// date adds the start of the day that comes some days after a date, unless there
// is none.
func (g *gauges) date(metric, date string, days int, labels ...label) {
	if t, err := time.Parse(time.DateOnly, date); err == nil {
		g.set(metric, t.AddDate(0, 0, days).Unix(), labels...)
	}
}

// waived counts the findings that are set aside.
func (g *gauges) waived(rs []result) {
	n := int64(0)
	for _, r := range rs {
		if r.Waived != nil {
			n++
		}
	}
	g.set("xencheck_waived_findings", n)
}

// domains counts domains by verdict.
func (g *gauges) domains(ds []rules.DomainVerdict) {
	n := map[rules.Grade]int64{}
	for _, d := range ds {
		grade, _ := left(d.Grade, d.Complete, d.Counted)
		n[grade]++
	}
	for _, grade := range grades() {
		g.set("xencheck_domains", n[grade], label{"grade", string(grade)})
	}
}
