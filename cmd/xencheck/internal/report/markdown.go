package report

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/rules"
)

// markdownDocument writes GitHub Flavored Markdown, for tickets, wikis and the
// summaries of CI systems. It tells what the text tells, in the same order.
type markdownDocument struct {
	w       io.Writer
	verbose bool
	written int
}

func (m *markdownDocument) Report(source string, r *Report) error {
	p := &markdownPage{}
	p.title(source, r.headline())
	p.text(machineLine(r.Host) + ".")
	p.text(r.xenWords())
	p.text(r.meaning())
	p.basis(basisWords(r.Statement, r.Choice, r.Phase, r.Release, r.At, r.Host), basisWarnings(r.Statement, r.Choice))

	var uses [][]string
	for _, a := range r.Answers {
		uses = append(uses, []string{markOf(a.Grade).runes(false) + " " + a.Title, r.use(a)})
	}
	p.table("What this host can be used for", []string{"Use", "Verdict"}, uses)

	g := r.sort()
	p.findings("Problems, worst first", g.problems)
	p.domains(r.Domains)
	p.unknowns(g.unknown, g.minor)
	p.waivers(r.Waivers)
	var rows [][]string
	for _, f := range g.optional {
		rows = append(rows, []string{f.Title, OutcomeWords(f), strings.TrimSpace(f.Why + " " + f.Do)})
	}
	p.table("What using optional features would mean", []string{"Feature", "Verdict", "Why"}, rows)
	p.list("Notes", r.noteWords(g))
	if m.verbose {
		p.everyRow(r.results())
	}
	return m.write(p)
}

func (m *markdownDocument) Domains(source string, d *Domains) error {
	p := &markdownPage{}
	p.title(source, d.headline())
	for _, w := range d.hostWords() {
		p.text(w)
	}
	p.basis(basisWords(d.Statement, d.Choice, d.Phase, d.Release, d.At, d.Host), basisWarnings(d.Statement, d.Choice))
	p.list("What could not be read", d.Problems)
	p.domains(d.Domains)
	p.waivers(d.Waivers)
	if m.verbose {
		p.everyRow(domainResults(d.Domains))
	}
	return m.write(p)
}

func (m *markdownDocument) Comparison(source string, c *Comparison) error {
	p := &markdownPage{}
	names := make([]string, len(c.Releases))
	for i, r := range c.Releases {
		names[i] = releaseName(r.Statement)
	}
	p.title(source, c.headline(names))
	p.text(machineLine(c.Host) + ".")
	var rows [][]string
	for i, r := range c.Releases {
		rows = append(rows, []string{
			markOf(r.Overall.Grade).runes(false) + " Xen " + names[i], AnswerWords(r.Overall), phaseWords(r.Phase, r.Statement),
			strings.TrimSpace(r.Statement.Revision + " of " + r.Statement.Date),
		})
	}
	p.table("", []string{"Release", "Verdict", "Life", "Revision"}, rows)
	for i, r := range c.Releases {
		for _, w := range r.Statement.Warnings {
			p.item("Xen "+names[i], sentence(w))
		}
	}
	judged, listed := c.split()
	p.changes(names, "What this host can be used for, where it differs", c.uses())
	p.changes(names, "What changes for its domains", c.domains())
	p.changes(names, "What changes for this host", judged)
	if m.verbose {
		p.changes(names, "What changes in rows that the hardware does not show", listed)
	}
	p.end()
	p.text("Security advisories (XSAs) are not checked.")
	return m.write(p)
}

func (m *markdownDocument) Close() error { return nil }

// write writes one report, parted from the one before.
func (m *markdownDocument) write(p *markdownPage) error {
	text := strings.TrimRight(p.String(), "\n") + "\n"
	if m.written > 0 {
		text = "\n---\n\n" + text
	}
	m.written++
	_, err := io.WriteString(m.w, text)
	return err
}

// markdownPage collects the Markdown of one report. All text that goes in is
// plain and is escaped here.
type markdownPage struct{ strings.Builder }

// title writes the answer as a heading, after the file it was read from.
func (p *markdownPage) title(source, answer string) {
	p.WriteString("# " + markdown(answer) + "\n\n")
	if source != "" {
		p.text("Read from " + source + ".")
	}
}

// heading begins a part.
func (p *markdownPage) heading(text string) { p.WriteString("## " + markdown(text) + "\n\n") }

// text writes a paragraph.
func (p *markdownPage) text(s string) {
	if s != "" {
		p.WriteString(markdown(s) + "\n\n")
	}
}

// item writes a list item; an empty label is left out.
func (p *markdownPage) item(label, s string) {
	if s == "" {
		return
	}
	if label != "" {
		label = "**" + markdown(label) + ":** "
	}
	p.WriteString("- " + label + markdown(s) + "\n")
}

// end ends a list.
func (p *markdownPage) end() { p.WriteByte('\n') }

// list writes a part that is a list, unless it is empty.
func (p *markdownPage) list(heading string, items []string) {
	if len(items) == 0 {
		return
	}
	p.heading(heading)
	for _, s := range items {
		p.item("", s)
	}
	p.end()
}

// basis writes by which text was judged, with what is odd about it.
func (p *markdownPage) basis(words string, warnings []string) {
	p.text(words)
	for _, w := range warnings {
		p.item("Warning", w)
	}
	if len(warnings) > 0 {
		p.end()
	}
}

// table writes a part that is a table, unless it is empty.
func (p *markdownPage) table(heading string, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	if heading != "" {
		p.heading(heading)
	}
	p.row(head)
	p.WriteString("|" + strings.Repeat(" --- |", len(head)) + "\n")
	for _, r := range rows {
		p.row(r)
	}
	p.end()
}

// row writes one line of a table.
func (p *markdownPage) row(cells []string) {
	p.WriteByte('|')
	for _, c := range cells {
		p.WriteString(" " + markdown(c) + " |")
	}
	p.WriteByte('\n')
}

// findings writes findings with all there is to them.
func (p *markdownPage) findings(heading string, fs []rules.Finding) {
	if len(fs) == 0 {
		return
	}
	p.heading(heading)
	for _, f := range fs {
		p.WriteString("### " + markdown(markFor(f).runes(false)+" "+f.Title+": "+OutcomeWords(f)) + "\n\n")
		p.evidence(f)
	}
}

// evidence writes what a finding rests on and what follows from it.
func (p *markdownPage) evidence(f rules.Finding) {
	p.item("Seen", seenWords(f.Seen))
	if f.Row != nil {
		p.item("Row", cite(*f.Row))
	}
	p.item("Why", f.Why)
	p.item("Do", f.Do)
	for _, n := range f.Notes {
		p.item("Note", n)
	}
	p.item("Waived", WaivedWords(f.Waived))
	p.end()
}

// waivers writes what is set aside, by whom and why.
func (p *markdownPage) waivers(ws []rules.WaiverUse) {
	var rows [][]string
	for _, w := range ws {
		rows = append(rows, []string{waiverWords(w), few(w.Titles, true), w.Reason, w.Owner, w.Expires})
	}
	p.table("Waivers", []string{"Waiver", "Findings", "Reason", "Owner", "Until"}, rows)
}

// unknowns writes what could not be known, one row for each cause.
func (p *markdownPage) unknowns(deciding, minor []rules.Finding) {
	var rows [][]string
	add := func(fs []rules.Finding, lead string) {
		for _, c := range byCause(fs) {
			rows = append(rows, []string{"? " + c.words(true), lead + few(c.titles, false), c.remedy})
		}
	}
	add(deciding, "")
	add(minor, "only ")
	p.table("What could not be known", []string{"Unknown", "Decides", "What to do"}, rows)
}

// domains writes the verdict of each domain, the worst first, and then what
// speaks against them.
func (p *markdownPage) domains(ds []rules.DomainVerdict) {
	ds = slices.Clone(ds)
	slices.SortStableFunc(ds, func(a, b rules.DomainVerdict) int { return worseFirst(a.Grade, b.Grade) })
	var rows [][]string
	for _, d := range ds {
		rows = append(rows, []string{markOf(d.Grade).runes(false) + " " + domainLabel(d), cmp.Or(string(d.Type), "not known"), DomainWords(d)})
	}
	p.table("Domains", []string{"Domain", "Type", "Verdict"}, rows)
	told := map[string]string{}
	for _, d := range ds {
		against, open, noted := split(d)
		for _, f := range against {
			title := markFor(f).runes(false) + " " + domainLabel(d) + ": " + f.Title + ": " + OutcomeWords(f)
			id := strings.Join([]string{f.Title, OutcomeWords(f), f.Why, f.Do}, "\x00")
			if first, ok := told[id]; ok {
				p.text(title + "; as for " + first) // many domains are copies
				continue
			}
			told[id] = domainLabel(d)
			p.WriteString("### " + markdown(title) + "\n\n")
			p.evidence(f)
		}
		var more []string
		for _, c := range byCause(open) {
			more = append(more, strings.TrimSpace("? "+c.words(true)+" Decides: "+few(c.titles, true)+". "+c.remedy))
		}
		for _, n := range d.Notes {
			more = append(more, sentence(n))
		}
		for _, f := range noted {
			more = append(more, strings.TrimSpace(f.Title+": "+f.Why+" "+seenWords(f.Seen)))
		}
		for _, s := range more {
			p.item(domainLabel(d), s)
		}
		if len(more) > 0 {
			p.end()
		}
	}
}

// everyRow writes all findings as one table.
func (p *markdownPage) everyRow(rs []result) {
	var rows [][]string
	for _, r := range rs {
		about, line := r.Title, ""
		if r.domain != nil {
			about = domainLabel(*r.domain) + ": " + about
		}
		if r.Row != nil && r.Row.Line > 0 {
			line = strconv.Itoa(r.Row.Line)
		}
		answer := rowWords(r.Finding)
		if r.Waived != nil {
			answer += "; waived by " + r.Waived.Owner
		}
		rows = append(rows, []string{markFor(r.Finding).runes(false) + " " + about, answer, string(r.InUse), line})
	}
	p.table(fmt.Sprintf("Every row (%d)", len(rows)), []string{"Row", "Answer", "In use", "Line"}, rows)
}

// changes writes what differs, one column for each release.
func (p *markdownPage) changes(names []string, heading string, changes []Change) {
	var rows [][]string
	for _, c := range changes {
		row := []string{c.Title}
		for _, cell := range c.Cells {
			row = append(row, cell.Words)
		}
		rows = append(rows, row)
	}
	p.table(heading, append([]string{""}, names...), rows)
}

// listMarker is what begins an ordered list at the start of a line.
var listMarker = regexp.MustCompile(`^(\d+)([.)])( |$)`)

// markdown escapes text so that it reads as itself, in a paragraph as well as in
// a table: nothing in it becomes a link, a heading, HTML or a cell.
func markdown(s string) string {
	s = strings.TrimSpace(Clean(s))
	var b strings.Builder
	for i, r := range s {
		switch {
		case strings.ContainsRune("\\`*_[]<>|~&#!$", r),
			i == 0 && (r == '-' || r == '+' || r == '=' || r == ':'):
			b.WriteByte('\\')
		case r == ':' && strings.HasPrefix(s[i:], "://"):
			b.WriteByte('\\') // GFM makes links of bare addresses
		case r == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www"):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
		if r == '@' && i+1 < len(s) && s[i+1] != ' ' {
			// Neither an address to write to nor somebody to call: GitHub looks
			// for both in the text that is left of escapes.
			b.WriteString("<!-- -->")
		}
	}
	return listMarker.ReplaceAllString(b.String(), `$1\$2$3`)
}
