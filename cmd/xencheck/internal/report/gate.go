package report

import (
	"fmt"
	"io"
	"time"

	"github.com/xencheck/xencheck/rules"
)

// KindGate is the kind of [Gate].
const KindGate = "xencheck-gate"

// Gate is the answer to one question: may these packages go on this host?
type Gate struct {
	Kind   string `json:"kind"`   // always KindGate
	Schema int    `json:"schema"` // [Schema]
	Tool   string `json:"tool"`   // name and version of the judge
	Mode   string `json:"mode"`   // what is done about findings: advise, ask or refuse
	// NotJudged says why there is no host here that could be judged; empty when
	// there is one.
	NotJudged string        `json:"not_judged,omitempty"`
	Packages  []GatePackage `json:"packages"`  // the hypervisors among those asked for
	ExitCode  ExitCode      `json:"exit_code"` // the worst of the packages
	// ExitMeaning is ExitCode in a word; ok means that nothing speaks against
	// any of them.
	ExitMeaning string `json:"exit_meaning"`
}

// GatePackage is the answer for packages of one version.
type GatePackage struct {
	Package   string   `json:"package"`             // its name
	Also      []string `json:"also,omitempty"`      // other packages of the same version
	Version   string   `json:"version"`             // as the package manager spells it
	Installed string   `json:"installed,omitempty"` // the version that is replaced
	Xen       string   `json:"xen,omitempty"`       // in words: 4.17.7 plus 13 commits; empty when the version names no release

	At           string         `json:"at,omitempty"`      // judging date; with the rest of this block empty when not judged
	Release      string         `json:"release,omitempty"` // whose statement it was judged by
	Revision     string         `json:"revision,omitempty"`
	RevisionDate string         `json:"revision_date,omitempty"`
	Verdict      rules.Grade    `json:"verdict,omitempty"`
	Headline     string         `json:"headline,omitempty"` // the verdict in words
	Reasons      []GateReason   `json:"reasons,omitempty"`  // what speaks against it or is unknown, worst first; all of it
	Waived       []rules.Waiver `json:"waived,omitempty"`   // what of Reasons somebody answers for, which does not count

	Remarks  []string `json:"remarks,omitempty"` // on the version and on the statement
	Decision string   `json:"decision"`          // what follows, in words
	ExitCode ExitCode `json:"exit_code"`

	report *Report
}

// GateReason is a finding in short.
type GateReason struct {
	Row     string        `json:"row,omitempty"` // its key in the statement
	Rule    string        `json:"rule"`
	Title   string        `json:"title"`
	Outcome rules.Outcome `json:"outcome"`
	Words   string        `json:"words"` // the outcome in words
	Do      string        `json:"do,omitempty"`
	Waived  bool          `json:"waived,omitempty"`
}

// NewGate returns the answer to a question about no package yet.
func NewGate(tool, mode string) *Gate {
	return &Gate{Kind: KindGate, Schema: Schema, Tool: tool, Mode: mode, Packages: []GatePackage{}, ExitMeaning: ExitOK.String()}
}

// Add adds the answer for one package. Codes of a gate are ordered: the highest
// is the worst.
func (g *Gate) Add(p GatePackage) {
	g.Packages = append(g.Packages, p)
	if p.ExitCode > g.ExitCode {
		g.ExitCode, g.ExitMeaning = p.ExitCode, p.ExitCode.String()
	}
}

// Judged tells what the judgement of the host was by the release of a package.
func (p *GatePackage) Judged(r *Report) {
	p.report = r
	p.At, p.Release = r.At.Format(time.DateOnly), r.Release
	p.Revision, p.RevisionDate = r.Statement.Revision, r.Statement.Date
	p.Verdict, p.Headline = r.Overall.Grade, r.headline()
	for _, f := range p.findings() {
		row := ""
		if f.Row != nil {
			row = f.Row.Key
		}
		p.Reasons = append(p.Reasons, GateReason{Row: row, Rule: f.Rule, Title: f.Title, Outcome: f.Outcome, Words: OutcomeWords(f), Do: f.Do, Waived: f.Waived != nil})
	}
	for _, u := range r.Waivers {
		if u.State == rules.WaiverUsed {
			p.Waived = append(p.Waived, u.Waiver)
		}
	}
	p.Remarks = append(p.Remarks, r.Statement.Warnings...)
}

// findings are those that decide, worst first; those of domains stand behind
// the host's, with the domain's name before their title.
func (p *GatePackage) findings() []rules.Finding {
	found := p.report.sort()
	all := found.problems
	for _, d := range p.report.Domains {
		for _, i := range d.Because {
			f := d.Findings[i]
			f.Title = "domain " + d.Name + ", " + f.Title
			all = append(all, f)
		}
	}
	return append(all, found.unknown...)
}

// names are the packages that one answer is for.
func (p *GatePackage) names() string { return few(append([]string{p.Package}, p.Also...), false) }

// maxGateFindings bounds what is shown before somebody's packages are
// installed: the report has the rest.
const maxGateFindings = 4

// WriteText writes a few lines for each package: the verdict, the worst that
// speaks against the host with what to do, and what follows. Where no host is
// judged it writes nothing; who asked is told elsewhere.
func (g *Gate) WriteText(w io.Writer, s Style) error {
	p := newPage(s)
	for i := range g.Packages {
		if g.Packages[i].report == nil {
			continue
		}
		if i > 0 {
			p.blank()
		}
		g.Packages[i].text(p)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

func (g *GatePackage) text(p *page) {
	r := g.report
	what := g.names() + " " + g.Version
	if g.Xen != "" {
		what += " is Xen " + g.Xen
	}
	p.text(0, "xencheck: "+what+".")
	m := markOf(r.Overall.Grade)
	p.item(2, m, join(sgrBold, m.color()), r.headline())
	shown := 0
	for _, f := range g.findings() {
		if f.Waived != nil {
			continue
		}
		if shown++; shown > maxGateFindings {
			continue
		}
		p.item(4, markFor(f), "", f.Title+": "+OutcomeWords(f))
		p.field(6, "Seen:", seenWords(f.Seen))
		p.field(6, "Do:  ", f.Do)
	}
	if shown > maxGateFindings {
		p.item(4, markNote, "", fmt.Sprintf("and %d more", shown-maxGateFindings))
	}
	for _, u := range r.Waivers {
		if u.State == rules.WaiverUsed {
			p.item(4, markNote, "", fmt.Sprintf("waived by %s until %s: %s", u.Owner, u.Expires, few(u.Titles, false)))
		} else {
			why := ""
			if u.Why != "" {
				why = ": " + u.Why
			}
			p.item(4, markWarn, "", fmt.Sprintf("the waiver of %s%s (%s) is %s%s", u.Row, u.Rule, u.Source, u.State, why))
		}
	}
	for _, n := range g.Remarks {
		p.item(2, markNote, "", sentence(n))
	}
	by := "the statement for Xen " + r.Release
	if r.Statement.Revision != "" {
		by += ", revision " + r.Statement.Revision + " of " + r.Statement.Date
	}
	p.item(2, markNote, "", fmt.Sprintf("Judged as of %s by %s; xencheck --xen %s tells everything.", g.At, by, r.Release))
	if until := r.Statement.SecuritySupportUntil; until != "" {
		gets := "gets"
		if until < g.At {
			gets = "got"
		}
		p.item(2, markNote, "", fmt.Sprintf("Xen %s %s security fixes until %s.", r.Release, gets, until))
	}
	p.text(2, g.Decision)
}
