package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

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
		{"xencheck_facts_collected_timestamp_seconds", "When the facts were collected."},
		{"xencheck_judged_timestamp_seconds", "Start of the day, in UTC, as of which the host was judged."},
		{"xencheck_statement_timestamp_seconds", "Day of the revision of the support statement."},
		{"xencheck_support_end_timestamp_seconds", "End of the last day on which the release is fully supported."},
		{"xencheck_security_support_end_timestamp_seconds", "End of the last day on which the release gets security fixes."},
		{"xencheck_release_phase", "1 for where the release stood on the judging date, 0 for the other phases."},
		{"xencheck_verdict", "1 for the verdict on a use of the host, 0 for the other grades; use overall is the worst of what was asked for, and waived findings are set aside."},
		{"xencheck_verdict_complete", "1 when everything is known that a verdict rests on, 0 when something that could make it worse is not."},
		{"xencheck_exit_code", "Exit code of the judgement: 0 nothing at or above the threshold, 1 findings, 3 inconclusive."},
		{"xencheck_findings", "Number of findings on the host by kind of answer."},
		{"xencheck_problems", "Number of findings that make the verdict on the host worse, or are in use, by grade, without waived ones."},
		{"xencheck_waived_findings", "Number of findings on the host and its domains that a waiver sets aside."},
		{"xencheck_domains", "Number of domains by verdict, waived findings set aside."},
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
	g.info(r.Tool, r.Statement, r.Choice)
	if t := r.Host.CollectedAt; t != nil {
		g.set("xencheck_facts_collected_timestamp_seconds", t.Unix())
	}
	g.dates(r.Statement, r.Phase, r.At)

	for i, a := range append([]rules.Answer{r.Overall}, r.wanted()...) {
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
	g.set("xencheck_exit_code", int64(r.ExitCode))

	outcome, bad := map[rules.Outcome]int64{}, map[rules.Grade]int64{}
	for _, f := range r.hostResults() {
		outcome[f.Outcome]++
		if f.Waived == nil && (f.standing == problem || f.standing == undecided && f.decides) {
			bad[gradeOf(f.Finding)]++
		}
	}
	for _, o := range outcomes() {
		g.set("xencheck_findings", outcome[o], label{"outcome", string(o)})
	}
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
	g.info(d.Tool, d.Statement, d.Choice)
	g.dates(d.Statement, d.Phase, d.At)
	g.set("xencheck_exit_code", int64(d.ExitCode))
	g.waived(domainResults(d.Domains))
	g.domains(d.Domains)
	return nil
}

func (p *prometheusDocument) Comparison(string, *Comparison) error {
	return refuse("metrics for Prometheus", "a comparison of releases")
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

// gauges takes the samples of one host.
type gauges struct {
	into *prometheusDocument
	host []label
}

// gauges refuses a host that cannot be told from one before it: the same
// sample twice is an error for whoever reads the document.
func (p *prometheusDocument) gauges(host string) (*gauges, error) {
	if !p.central {
		host = ""
	}
	if p.hosts[host] {
		what := "a second report on host " + strconv.Quote(Clean(host))
		if host == "" {
			what = "a second report that names no host"
		}
		return nil, refuse("metrics for Prometheus", what)
	}
	p.hosts[host] = true
	g := &gauges{into: p}
	if host != "" {
		g.host = []label{{"host", host}}
	}
	return g, nil
}

// set adds a sample.
func (g *gauges) set(metric string, value int64, labels ...label) {
	g.into.samples[metric] = append(g.into.samples[metric], sample{append(slices.Clone(g.host), labels...), value})
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

// info adds what never changes without somebody changing it.
func (g *gauges) info(tool string, st Statement, c Choice) {
	g.set("xencheck_info", 1,
		label{"version", toolVersion(tool)}, label{"release", st.Release}, label{"revision", st.Revision}, label{"xen", c.Version})
}

// dates adds where the release stands. A date that the statement does not give
// has no sample.
func (g *gauges) dates(st Statement, phase support.Phase, at time.Time) {
	g.set("xencheck_judged_timestamp_seconds", at.Unix())
	for _, d := range []struct {
		metric, date string
		days         int // to add: the end of a day is the start of the next
	}{
		{"xencheck_statement_timestamp_seconds", st.Date, 0},
		{"xencheck_support_end_timestamp_seconds", st.SupportedUntil, 1},
		{"xencheck_security_support_end_timestamp_seconds", st.SecuritySupportUntil, 1},
	} {
		if t, err := time.Parse(time.DateOnly, d.date); err == nil {
			g.set(d.metric, t.AddDate(0, 0, d.days).Unix())
		}
	}
	oneOf(g, "xencheck_release_phase", "phase", phase,
		[]support.Phase{support.FullSupport, support.SecurityOnly, support.Ended, support.Unreleased, support.PhaseUnknown})
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
