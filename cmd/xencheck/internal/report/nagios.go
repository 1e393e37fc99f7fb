package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xencheck/xencheck/rules"
)

// Service is what a monitoring plugin says of a service and ends with
// (Monitoring Plugins Development Guidelines, "Plugin Return Codes").
type Service int

// The states of a service.
const (
	ServiceOK       Service = 0
	ServiceWarning  Service = 1
	ServiceCritical Service = 2
	ServiceUnknown  Service = 3
)

// String returns the state in the word that plugins use.
func (s Service) String() string {
	return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[s]
}

// worse returns the state that two come to together. What is known to be bad is
// not made better by what is not known.
func (s Service) worse(o Service) Service {
	rank := []Service{ServiceOK, ServiceUnknown, ServiceWarning, ServiceCritical}
	if slices.Index(rank, o) > slices.Index(rank, s) {
		return o
	}
	return s
}

// Alarm says from what on a service is not OK. What is critical is the
// threshold of the report.
type Alarm struct {
	Warn FailOn // the grade from which on it is WARNING
	// WarnDays and CriticalDays are days before security support of the release
	// ends; 0 for never.
	WarnDays, CriticalDays int
	// MaxAge is the age of facts, in days, above which nothing is known; 0 for
	// any.
	MaxAge int
}

// maxPluginLines bounds what follows the first line: some schedulers keep no
// more than 4 KiB.
const maxPluginLines = 16

// Plugin returns the answer of a monitoring plugin: the state, and the output,
// of which the first line has the performance data.
func (r *Report) Plugin(a Alarm) (Service, string) {
	state := ServiceOK
	var why []string
	switch r.ExitCode {
	case ExitFindings:
		state = ServiceCritical
	case ExitInconclusive:
		state = ServiceUnknown
	}
	if a.Warn.Exit(&r.Verdict) == ExitFindings {
		state = state.worse(ServiceWarning)
	}
	days, dated := r.daysLeft()
	if dated {
		switch {
		case a.CriticalDays > 0 && days < a.CriticalDays:
			state = state.worse(ServiceCritical)
		case a.WarnDays > 0 && days < a.WarnDays:
			state = state.worse(ServiceWarning)
		}
		if days >= 0 && days < max(a.WarnDays, a.CriticalDays) {
			why = append(why, fmt.Sprintf("security support of %s ends in %d days", r.xen(), days))
		}
	}
	if old := r.tooOld(a.MaxAge); old != "" {
		state = state.worse(ServiceUnknown)
		why = append(why, old)
	}
	if slices.ContainsFunc(r.Waivers, func(u rules.WaiverUse) bool { return u.State == rules.WaiverUsed }) {
		why = append(why, "part of it is waived")
	}
	first := append([]string{strings.TrimSuffix(r.headline(), ".")}, why...)
	lines := r.pluginLines()
	if len(lines) > maxPluginLines {
		lines = append(lines[:maxPluginLines], fmt.Sprintf("and %d more", len(lines)-maxPluginLines))
	}
	out := PluginLine(state, strings.Join(first, "; ")) + " | " + r.performance(a, days, dated)
	for _, l := range lines {
		out += "\n" + pluginText(l)
	}
	return state, out + "\n"
}

// PluginLine is the first line of a plugin's output, without a line end.
func PluginLine(s Service, text string) string {
	return "XENCHECK " + s.String() + " - " + pluginText(text)
}

// pluginText keeps text from being taken for performance data.
func pluginText(s string) string { return strings.ReplaceAll(Clean(s), "|", "/") }

// daysLeft returns the days of security support that are left after the judging
// date: 0 on the last one, less than 0 when it has ended.
func (r *Report) daysLeft() (int, bool) {
	end, err := time.Parse(time.DateOnly, r.Statement.SecuritySupportUntil)
	if err != nil {
		return 0, false
	}
	return int(end.Sub(r.At.Truncate(24*time.Hour)).Hours() / 24), true
}

// tooOld says that the facts are older than a number of days, or may be: those of
// a clock that was ahead would never get old. It is empty when they are not, or
// when the number is 0.
func (r *Report) tooOld(days int) string {
	if days == 0 {
		return ""
	}
	t := r.Host.CollectedAt
	if t == nil {
		return "when the facts were collected is not known"
	}
	age := int(r.At.Sub(*t).Hours() / 24)
	switch {
	case age > days:
		return fmt.Sprintf("the facts are %d days old", age)
	case age < -1: // of the judging date itself, or where it has already begun
		return fmt.Sprintf("the facts are dated %s, after the judging date", t.UTC().Format(time.DateOnly))
	}
	return ""
}

// pluginLines names what made the state, the worst first.
func (r *Report) pluginLines() []string {
	var bad, open []string
	for _, f := range r.results() {
		title := f.Title
		if f.domain != nil {
			title = domainLabel(*f.domain) + ": " + title
		}
		switch {
		case f.Waived != nil:
		case f.standing == problem:
			bad = append(bad, title+": "+OutcomeWords(f.Finding))
		case f.standing == undecided && f.decides:
			open = append(open, title+": "+OutcomeWords(f.Finding))
		}
	}
	return append(bad, open...)
}

// performance writes the performance data: 'label'=value;warn;critical;min;max.
// A range that ends with a colon means less than that.
func (r *Report) performance(a Alarm, days int, dated bool) string {
	var problems, unknown, bad int
	for _, f := range r.hostResults() {
		switch {
		case f.Waived != nil:
		case f.standing == problem:
			problems++
		case f.standing == undecided && f.decides:
			unknown++
		}
	}
	for _, d := range r.Domains {
		if grade, _ := left(d.Grade, d.Complete, d.Counted); grade.AtLeast(rules.GradeNotSecurity) {
			bad++
		}
	}
	least := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n) + ":"
	}
	var out []string
	if dated {
		out = append(out, fmt.Sprintf("security_support_days=%d;%s;%s;;", days, least(a.WarnDays), least(a.CriticalDays)))
	}
	for _, n := range []struct {
		name  string
		count int
	}{{"problems", problems}, {"unknown", unknown}, {"domains", len(r.Domains)}, {"domains_not_supported", bad}} {
		out = append(out, fmt.Sprintf("%s=%d;;;0;", n.name, n.count))
	}
	return strings.Join(out, " ")
}

// WritePlugin writes the output of a plugin, in ASCII where the terminal or the
// log knows no more.
func WritePlugin(w io.Writer, text string, ascii bool) error {
	if ascii {
		lines := strings.Split(text, "\n")
		for i := range lines {
			lines[i] = toASCII(lines[i])
		}
		text = strings.Join(lines, "\n")
	}
	_, err := io.WriteString(w, text)
	return err
}
