package report

import (
	"fmt"
	"io"
	"time"

	"github.com/xencheck/xencheck/rules"
)

// Gate is the answer to one question: may this hypervisor go on this host?
type Gate struct {
	Package string // its name
	Version string // as the package manager spells it
	Xen     string // what that is in words: 4.17.7 plus 13 commits; empty when the version tells no release
	Code    ExitCode
	Remarks []string // on the version and on the statement
	Result  string   // what follows, in one sentence
	Report  *Report  // of the host by that release
}

// maxGateFindings bounds what is shown before somebody's packages are
// installed: the report has the rest.
const maxGateFindings = 4

// WriteText writes a few lines: the verdict, the worst that speaks against the
// host with what to do, and what follows.
func (g *Gate) WriteText(w io.Writer, s Style) error {
	p := newPage(s)
	r := g.Report
	what := g.Package + " " + g.Version
	if g.Xen != "" {
		what += " is Xen " + g.Xen
	}
	p.text(0, "xencheck: "+what+".")
	m := markOf(r.Overall.Grade)
	p.item(2, m, join(sgrBold, m.color()), r.headline())
	found := r.sort()
	shown := 0
	for _, f := range append(found.problems, found.unknown...) {
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
			p.item(4, markWarn, "", fmt.Sprintf("the waiver of %s%s (%s) is %s", u.Row, u.Rule, u.Source, u.State))
		}
	}
	for _, n := range g.Remarks {
		p.item(2, markNote, "", sentence(n))
	}
	by := "the statement for Xen " + r.Release
	if r.Statement.Revision != "" {
		by += ", revision " + r.Statement.Revision + " of " + r.Statement.Date
	}
	p.item(2, markNote, "", fmt.Sprintf("Judged as of %s by %s; xencheck --xen %s tells everything.", r.At.Format(time.DateOnly), by, r.Release))
	p.text(2, g.Result)
	_, err := io.WriteString(w, p.String())
	return err
}
