package report

import (
	"encoding/xml"
	"io"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// junitDocument writes the XML that test runners write and CI systems read: a
// suite for each report, a case for each verdict and each row.
//
// The suite agrees with the exit code: there is a failure exactly when it is
// findings, and an error but no failure exactly when it is inconclusive. All
// else that is not plainly good is skipped, with the reason.
type junitDocument struct {
	w       io.Writer
	verbose bool // also the rows that are not about the host, and those that cannot be seen
	open    bool
}

type junitSuite struct {
	XMLName    xml.Name        `xml:"testsuite"`
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"` // judging date, ISO 8601 without a zone
	Hostname   string          `xml:"hostname,attr,omitempty"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Error   *junitMessage `xml:"error"`
	Skipped *junitMessage `xml:"skipped"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// noTime is how long a case took: judging a row takes no time worth telling.
const noTime = "0"

func (j *junitDocument) Report(_ string, r *Report) error {
	s := newJunitSuite(r.Host, r.Statement, r.Choice)
	s.Timestamp = r.At.Format("2006-01-02T15:04:05")
	for _, a := range r.wanted() {
		s.verdict("Verdict", a.Title, AnswerWords(a), a.Grade, a.Complete, a.Counted, r.FailOn)
	}
	if r.Boot != nil {
		c := junitCase{Class: s.class("Reading"), Name: "What boots next"}
		if m := Clean(r.bootWords()); r.Boot.Why != "" && r.FailOn != FailNever {
			c.Error = &junitMessage{Message: m, Type: "unknown"}
		} else {
			c.Output = m
		}
		s.add(c)
	}
	s.domains(r.Domains, r.FailOn)
	s.rows(r.results(), r.FailOn, j.verbose)
	return j.write(s)
}

func (j *junitDocument) Domains(_ string, d *Domains) error {
	s := newJunitSuite(d.Host, d.Statement, d.Choice)
	s.Timestamp = d.At.Format("2006-01-02T15:04:05")
	s.domains(d.Domains, d.FailOn)
	for _, problem := range d.Problems {
		s.add(junitCase{Class: s.class("Reading"), Name: Clean(problem), Error: &junitMessage{Message: Clean(problem), Type: "input"}})
	}
	s.rows(domainResults(d.Domains), d.FailOn, j.verbose)
	return j.write(s)
}

func (j *junitDocument) Comparison(string, *Comparison) error {
	return refuse("JUnit", "a comparison of releases")
}

// Close ends the document; one without a report is one as well.
func (j *junitDocument) Close() error {
	if err := j.begin(); err != nil {
		return err
	}
	_, err := io.WriteString(j.w, "</testsuites>\n")
	return err
}

// begin writes what stands before the first suite.
func (j *junitDocument) begin() error {
	if j.open {
		return nil
	}
	j.open = true
	_, err := io.WriteString(j.w, xml.Header+"<testsuites name=\"xencheck\">\n")
	return err
}

// write writes one suite.
func (j *junitDocument) write(s *junitSuite) error {
	text, err := xml.MarshalIndent(s, "  ", "  ")
	if err != nil {
		return err
	}
	if err := j.begin(); err != nil {
		return err
	}
	_, err = j.w.Write(append(text, '\n'))
	return err
}

// newJunitSuite returns a suite without cases.
func newJunitSuite(h *facts.Host, st Statement, c Choice) *junitSuite {
	s := &junitSuite{Name: Clean(hostName(h)), Time: noTime, Hostname: Clean(h.Name)}
	for _, p := range []junitProperty{
		{"machine", machineLine(h)}, {"xen", c.Version},
		{"statement", st.Name}, {"revision", st.Revision}, {"revision date", st.Date},
	} {
		if p.Value = Clean(p.Value); p.Value != "" {
			s.Properties = append(s.Properties, p)
		}
	}
	return s
}

// class names a group of cases within the host. A point would begin another
// level of the tree that CI systems draw of it.
func (s *junitSuite) class(group string) string {
	flat := func(x string) string { return strings.ReplaceAll(Clean(x), ".", "_") }
	return flat(s.Name) + "." + flat(group)
}

// add counts a case and keeps it.
func (s *junitSuite) add(c junitCase) {
	c.Time = noTime
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

// verdict adds the case of one answer.
func (s *junitSuite) verdict(class, name, words string, g rules.Grade, complete bool, waived *rules.Counted, f FailOn) {
	c := junitCase{Class: s.class(class), Name: Clean(name)}
	if waived != nil {
		words += "; part of it is waived"
	}
	m := &junitMessage{Message: Clean(words), Type: string(g)}
	switch f.counted(g, complete, waived) {
	case ExitFindings:
		c.Failure = m
	case ExitInconclusive:
		c.Error = m
	default:
		c.Output = m.Message
	}
	s.add(c)
}

// domains adds the case of each domain.
func (s *junitSuite) domains(ds []rules.DomainVerdict, f FailOn) {
	for _, d := range ds {
		s.verdict("Domains", domainLabel(d), DomainWords(d), d.Grade, d.Complete, d.Counted, f)
	}
}

// rows adds a case for each finding.
func (s *junitSuite) rows(rs []result, f FailOn, all bool) {
	for _, r := range rs {
		if !all && (r.standing == ruledOut || r.standing == unseen) {
			continue
		}
		group := "Host"
		if r.Row != nil && r.Row.Section != "" {
			group = r.Row.Section
		}
		c := junitCase{Class: s.class(group), Name: Clean(r.Title)}
		if r.domain != nil {
			c.Name = Clean(domainLabel(*r.domain) + ": " + r.Title)
		}
		m := &junitMessage{Message: Clean(OutcomeWords(r.Finding)), Type: string(r.Outcome), Text: strings.Join(evidenceLines(r.Finding), "\n")}
		switch {
		case r.fails(f):
			m.Type = string(gradeOf(r.Finding))
			c.Failure = m
		case r.standing == undecided && r.decides && r.Waived == nil && f != FailNever:
			c.Error = m
		case r.standing == fine:
			c.Output = strings.Join(append([]string{m.Message}, evidenceLines(r.Finding)...), "\n")
		default:
			m.Type = ""
			if r.Waived != nil {
				m.Message += ", waived " + Clean(WaivedWords(r.Waived))
			}
			c.Skipped = m
		}
		s.add(c)
	}
}
