// Package report is what xencheck hands out: one versioned object, written as
// JSON or as text for people.
//
// The text is made from the object alone, so a report that was kept as JSON
// can be shown again later, word for word.
package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// Schema is the version of the JSON form of [Report] and [Comparison]. It
// grows when a field changes its meaning; new fields alone do not change it.
const Schema = 1

// The kinds of object, so that a reader can tell them apart.
const (
	KindReport     = "xencheck-report"
	KindComparison = "xencheck-comparison"
	KindDomains    = "xencheck-domains"
)

// Report is one host judged by one statement.
type Report struct {
	Kind      string      `json:"kind"` // always KindReport
	Schema    int         `json:"schema"`
	Tool      string      `json:"tool"` // name and version of the judge
	Host      *facts.Host `json:"host"`
	Statement Statement   `json:"statement"`
	Choice    Choice      `json:"choice"`
	// The verdict's own fields stand at the top level: release, phase, at,
	// intents, overall, answers, findings, notes and counts.
	rules.Verdict
	// UnknownOptions lists words of Xen's command line that no release
	// documents, as written. They are not judged.
	UnknownOptions []string `json:"unknown_options,omitempty"`
	// Boot is set where what boots next was judged, and says what that is.
	Boot     *Boot    `json:"boot,omitempty"`
	FailOn   FailOn   `json:"fail_on"`
	ExitCode ExitCode `json:"exit_code"`
	// ExitMeaning is ExitCode in a word: ok, findings or inconclusive.
	ExitMeaning string `json:"exit_meaning"`
}

// Statement says which support statement a host was judged by. The rows
// themselves are cited by the findings.
type Statement struct {
	Name                 string `json:"name"`               // how it was asked for: 4.22, 4.18@37fcb4c206, or a path
	Release              string `json:"release"`            // 4.22; empty when the text names none
	Revision             string `json:"revision,omitempty"` // abbreviated commit of the text
	Date                 string `json:"date,omitempty"`     // of the revision, YYYY-MM-DD
	Origin               string `json:"origin"`             // embedded, or the file it was read from
	InitialRelease       string `json:"initial_release,omitempty"`
	SupportedUntil       string `json:"supported_until,omitempty"`
	SecuritySupportUntil string `json:"security_support_until,omitempty"`
	// Superseded names the newer revision of the same branch; empty when this
	// is the newest one known.
	Superseded string `json:"superseded,omitempty"`
	Rows       int    `json:"rows"`
	// NotUnderstood counts lines outside the grammar; what depends on them is
	// not evaluated.
	NotUnderstood int `json:"not_understood"`
	// PointRelease tells how the statement relates to the one that the Xen
	// found on the host was shipped with; empty when there is nothing to say.
	PointRelease string `json:"point_release,omitempty"`
	// Shipped is the statement that the running Xen was released with; nil when
	// no Xen runs there, or one whose statement is not known here.
	Shipped  *Shipped `json:"shipped,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Shipped names the revision of the statement that a release came with.
type Shipped struct {
	Version  string `json:"version"`  // 4.18.5
	Revision string `json:"revision"` // abbreviated commit of the text
	Date     string `json:"date"`     // of the revision, YYYY-MM-DD
}

// How tells in which way a release was chosen.
type How string

// The ways a release is chosen.
const (
	Asked     How = "asked"     // named by --xen
	Running   How = "running"   // the Xen that was running
	Installed How = "installed" // a hypervisor installed for the next boot
	Newest    How = "newest"    // no Xen found: the newest release
	BootsNext How = "next_boot" // the Xen that boots next
)

// Choice says why the host was judged by this release.
type Choice struct {
	How     How    `json:"how"`
	Version string `json:"version,omitempty"` // of the Xen that was found
	Vendor  string `json:"vendor,omitempty"`  // who built it, when recognised
	Why     string `json:"why"`               // one plain sentence without full stop
	// Remarks holds what else there is to say: other versions found, a release
	// nobody has a statement of.
	Remarks []string `json:"remarks,omitempty"`
}

// Boot tells what boots next, and what that changes.
type Boot struct {
	Firmware string `json:"firmware,omitempty"` // what EFI's boot entries say of the loader, a sentence without its full stop
	Loader   string `json:"loader,omitempty"`   // GRUB, or xen.efi without another
	Title    string `json:"title,omitempty"`    // of the boot loader's entry, or of the section of xen.efi's configuration
	Source   string `json:"source,omitempty"`   // the boot loader's file
	Line     int    `json:"line,omitempty"`     // of the entry in it
	File     string `json:"file,omitempty"`     // what it loads
	Xen      bool   `json:"xen"`                // that is a hypervisor
	// Why says why what boots next, or its release, is not known; empty when
	// it is. The report is on the host as it is then.
	Why string `json:"why,omitempty"`
	// Before is the verdict on the host as it is, and by which release.
	Before        rules.Grade `json:"before"`
	BeforeRelease string      `json:"before_release"`
	// Leaves says that the host is not outside security support as it is, and
	// will be.
	Leaves bool `json:"leaves_security_support"`
}

// Booted makes a report one on what boots next, given the report on the host as
// it is.
func (r *Report) Booted(b Boot, now *Report) {
	b.Before, b.BeforeRelease = now.Overall.Grade, now.Release
	out := func(r *Report) bool { return r.Overall.Grade.AtLeast(rules.GradeNotSecurity) }
	b.Leaves = b.Xen && b.Why == "" && !out(now) && out(r)
	r.Boot = &b
	r.ExitCode = r.exit()
	r.ExitMeaning = r.ExitCode.String()
}

// exit is what the verdict comes to; not to know what boots next is
// inconclusive.
func (r *Report) exit() ExitCode {
	code := r.FailOn.Exit(&r.Verdict)
	if r.Boot != nil && r.Boot.Why != "" && r.FailOn != FailNever {
		code = code.Worse(ExitInconclusive)
	}
	return code
}

// xenWords says what Xen is judged beside the machine: the one that boots next,
// where that was asked, or the one that runs. Empty where there is neither.
func (r *Report) xenWords() string {
	if r.Boot != nil {
		return r.bootWords()
	}
	return runningXen(r.Host, r.Statement)
}

// bootWords says what boots next, in sentences; empty where nobody asked.
func (r *Report) bootWords() string {
	if r.Boot == nil {
		return ""
	}
	if r.Boot.Firmware != "" {
		return r.Boot.Firmware + ". " + r.entryWords()
	}
	return r.entryWords()
}

// entryWords is bootWords for what the loader does.
func (r *Report) entryWords() string {
	b := r.Boot
	entry := "GRUB's default entry "
	if b.Loader == "xen.efi" {
		entry = "xen.efi with its section "
	}
	if b.Title != "" {
		entry += quoted(b.Title) + " "
	}
	entry += "(" + place(b.Source, b.Line) + ")"
	before := fmt.Sprintf("As it is, it is %s by Xen %s.", strings.ReplaceAll(string(b.Before), "_", " "), b.BeforeRelease)
	switch {
	case b.Line == 0:
		return "What boots next cannot be told: " + b.Why + ". The host is judged as it is."
	case !b.Xen && b.Why != "":
		return "What boots next cannot be told: of " + entry + ", " + b.Why + ". The host is judged as it is."
	case !b.Xen && r.Choice.How == Running:
		return entry + " boots no Xen, and Xen " + r.Choice.Version + " will not run then. The host is judged as it is."
	case !b.Xen:
		return entry + " boots no Xen. The host is judged as it is."
	case b.Why != "":
		return entry + " boots Xen, but " + b.Why + ". The host is judged as it is."
	case r.Overall.Grade == rules.GradeUnknown:
		return entry + " boots Xen " + r.Choice.Version + "; whether this host stays within security support then cannot be told. " + before
	case b.Leaves:
		return entry + " boots Xen " + r.Choice.Version + ": with the next boot this host LEAVES SECURITY SUPPORT. " + before
	}
	return entry + " boots Xen " + r.Choice.Version + ", which is judged here. " + before
}

// New puts a report together. The exit code follows from the verdict and the
// threshold.
func New(tool string, h *facts.Host, st Statement, c Choice, v *rules.Verdict, f FailOn) *Report {
	r := &Report{
		Kind: KindReport, Schema: Schema, Tool: tool,
		Host: h, Statement: st, Choice: c, Verdict: *v, FailOn: f,
	}
	r.At = r.At.UTC().Truncate(time.Second)
	// A list is a list in JSON, even an empty one.
	r.Intents = append([]string{}, r.Intents...)
	if r.Findings == nil {
		r.Findings = []rules.Finding{}
	}
	r.Answers = append([]rules.Answer{}, r.Answers...)
	for i, a := range r.Answers {
		r.Answers[i].Because = append([]int{}, a.Because...)
	}
	r.Overall.Because = append([]int{}, r.Overall.Because...)
	r.Domains = listed(r.Domains)
	r.UnknownOptions = unknownOptions(h)
	r.ExitCode = r.exit()
	r.ExitMeaning = r.ExitCode.String()
	return r
}

// Describe reduces a statement to what a report says of it on a day.
func Describe(st *support.Statement) Statement {
	s := Statement{
		Name:                 st.Name,
		Release:              st.Header.Release(),
		Revision:             st.Provenance.Commit,
		Date:                 st.Provenance.Date,
		Origin:               st.Provenance.Origin,
		InitialRelease:       st.Header.InitialRelease.Text,
		SupportedUntil:       st.Header.SupportedUntil.Text,
		SecuritySupportUntil: st.Header.SecuritySupportUntil.Text,
		Superseded:           st.Provenance.Superseded,
		Rows:                 len(st.Rows),
	}
	for _, p := range st.Problems {
		if p.Severity == support.Unrecognised {
			s.NotUnderstood++
		}
	}
	return s
}
