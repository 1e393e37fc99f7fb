package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// fleetShown is how many lines a list of a summary has unless all are wanted.
const fleetShown = 15

// WriteText writes a summary for people.
func (f *Fleet) WriteText(w io.Writer, s Style) error {
	p := newPage(s)
	f.head(p)
	f.verdicts(p)
	f.reasons(p)
	f.upgrades(p)
	f.horizons(p)
	f.hardware(p)
	f.badRecords(p)
	f.waivers(p)
	f.statements(p)
	p.blank()
	p.text(0, "Security advisories (XSAs) are not checked.")
	_, err := io.WriteString(w, p.String())
	return err
}

// head says what was counted.
func (f *Fleet) head(p *page) {
	p.head(sgrBold, fmt.Sprintf("%s, judged as of %s.", hosts(f.Hosts), f.At.Format(time.DateOnly)))
	if f.Interrupted {
		p.item(0, markWarn, "", "The run was interrupted: this is what had been read by then.")
	}
	var of []string
	add := func(n int, one, many string) {
		if n == 1 {
			of = append(of, "1 "+one)
		} else if n > 1 {
			of = append(of, thousands(n)+" "+many)
		}
	}
	add(f.Older, "was set aside for a newer one of its host", "were set aside for newer ones of their hosts")
	add(f.Bad, "could not be used", "could not be used")
	line := count(f.Records, "record was", "records were") + " read"
	if len(of) > 0 {
		line += ": " + strings.Join(of, ", ")
	}
	p.text(0, line+".")
	if f.Filter != "" {
		p.text(0, fmt.Sprintf("Only hosts with %s are counted; %s left out.", f.Filter, count(f.LeftOut, "host is", "hosts are")))
	}
	if f.Nameless > 0 {
		p.text(0, fmt.Sprintf("%s no name; each record of theirs counts as a host of its own.", count(f.Nameless, "host has", "hosts have")))
	}
	if f.Unlike > 0 {
		p.item(0, markWarn, "", fmt.Sprintf("The hardware of one name differs between records, %s: hosts may share a name, and only one of them counts; collect --id tells them apart.", count(f.Unlike, "time", "times")))
	}
	if f.Future > 0 {
		p.item(0, markWarn, "", fmt.Sprintf("The newest record of %s is dated in the future: its clock was wrong, and a newer record would not count.", hosts(f.Future)))
	}
	if f.Passed > 0 {
		p.text(0, fmt.Sprintf("%s of directories or archives passed over, since nothing in them looks like a record.", count(f.Passed, "file was", "files were")))
	}
}

// verdicts writes the hosts by verdict and release.
func (f *Fleet) verdicts(p *page) {
	if f.Hosts == 0 {
		return
	}
	total := FleetGrades{}
	for _, v := range f.Verdicts {
		for g, n := range v.Grades {
			total[g] += n
		}
	}
	shown := slices.DeleteFunc(grades(), func(g rules.Grade) bool { return total[g] == 0 })
	rows := [][]string{{"", "hosts"}}
	for _, g := range shown {
		rows[0] = append(rows[0], gradeHead(g))
	}
	for _, v := range f.Verdicts {
		row := []string{"by " + f.releaseOf(v), thousands(v.Hosts)}
		for _, g := range shown {
			row = append(row, thousands(v.Grades[g]))
		}
		rows = append(rows, row)
	}
	p.blank()
	p.head(sgrBold, "Hosts by verdict, for "+strings.Join(f.intentTitles(), ", "))
	if p.grid(2, rows) {
		return
	}
	for _, v := range f.Verdicts {
		p.field(2, fmt.Sprintf("by %s, %s:", f.releaseOf(v), hosts(v.Hosts)), v.Grades.words())
	}
}

// releaseOf names the release of a line, and why it was taken. Of several
// statements of one release it names the text.
func (f *Fleet) releaseOf(v FleetVerdicts) string {
	name := f.StatementName(v.Statement)
	if f.Asked[v.Asked] == "auto" && len(f.Asked) > 1 {
		return name + " (auto)"
	}
	return name
}

// StatementName names a statement of the list so that it is told from all
// others: by its release, where others are of that one also by its revision, and
// where they claim the same one by where it was read from.
func (f *Fleet) StatementName(i int) string {
	s, told := f.Statements[i].Statement, ""
	name := releaseName(s)
	for k, o := range f.Statements {
		switch {
		case k == i || releaseName(o.Statement) != name:
		case o.Revision == s.Revision:
			return name + ", " + cmp.Or(s.Origin, s.Name)
		default:
			told = ", " + cmp.Or(s.Revision, s.Name)
		}
	}
	return name + told
}

func (f *Fleet) intentTitles() []string {
	var titles []string
	for _, in := range rules.Intents() {
		if slices.Contains(f.Intents, in.ID) {
			titles = append(titles, in.Title)
		}
	}
	return titles
}

// gradeHead is a grade in a word or two.
func gradeHead(g rules.Grade) string {
	switch g {
	case rules.GradeSupported:
		return "supported"
	case rules.GradeSecurityOnly:
		return "security only"
	case rules.GradeExternal:
		return "external"
	case rules.GradeConditional:
		return "conditional"
	case rules.GradeNotSecurity:
		return "no security"
	case rules.GradeOutside:
		return "outside"
	}
	return "unknown"
}

// reasons writes what hurts most, and what could not be told.
func (f *Fleet) reasons(p *page) {
	for _, part := range []struct {
		head    string
		list    []FleetHurt
		domains bool
	}{
		{"What keeps hosts from being supported, most hosts first", f.Hurts, false},
		{"What could not be told, and why", f.Unknown, false},
		{"What keeps domains of hosts from being supported, most hosts first", f.Hurts, true},
		{"What could not be told of domains of hosts, and why", f.Unknown, true},
	} {
		f.hurtList(p, part.head, slices.DeleteFunc(slices.Clone(part.list), func(h FleetHurt) bool { return h.Domains != part.domains }))
	}
}

func (f *Fleet) hurtList(p *page, head string, list []FleetHurt) {
	if len(list) == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, head)
	groups := alike(list)
	width := 0
	for _, g := range groups {
		width = max(width, len(thousands(g[0].Hosts)))
	}
	for _, g := range first(p, groups) {
		m := markOf(g[0].Grade)
		n := thousands(g[0].Hosts)
		p.item(2, m, "", strings.Repeat("\u00a0", width-len(n))+n+" "+f.hurtWords(g))
		if g[0].Do != "" {
			p.field(width+5, "Do:", g[0].Do)
		}
	}
	p.more(len(groups))
}

// alike puts together what differs in nothing but its row: one cause keeps many
// rows from being judged.
func alike(list []FleetHurt) [][]FleetHurt {
	var groups [][]FleetHurt
	for _, h := range list {
		i := slices.IndexFunc(groups, func(g []FleetHurt) bool {
			o := g[0]
			return h.Cause != "" && o.Cause == h.Cause && o.Do == h.Do && o.Domains == h.Domains && o.Hosts == h.Hosts && slices.Equal(o.ByAsked, h.ByAsked)
		})
		if i < 0 {
			groups = append(groups, []FleetHurt{h})
		} else {
			groups[i] = append(groups[i], h)
		}
	}
	return groups
}

// hurtWords says what hurts and how.
func (f *Fleet) hurtWords(alike []FleetHurt) string {
	h := alike[0]
	var titles []string
	for _, h := range alike {
		titles = append(titles, h.Title)
	}
	s := h.Title + ": " + h.words()
	if len(titles) > 1 { // then it is the cause that matters
		s = h.Cause + ": " + strings.Join(titles, "; ")
	}
	return s + f.byAsked(h.ByAsked)
}

// byAsked tells hosts by release, in brackets; nothing where there is only one.
func (f *Fleet) byAsked(hosts []int) string {
	if len(f.Asked) < 2 {
		return ""
	}
	var by []string
	for i, n := range hosts {
		by = append(by, fmt.Sprintf("%s: %s", f.Asked[i], thousands(n)))
	}
	return " (" + strings.Join(by, ", ") + ")"
}

// words says how it hurts, or why that is not known.
func (h FleetHurt) words() string {
	if h.Cause != "" {
		return h.Cause
	}
	return gradeWords(h.Grade)
}

// gradeWords says what a grade means for a reason.
func gradeWords(g rules.Grade) string {
	switch g {
	case rules.GradeSupported:
		return "supported"
	case rules.GradeSecurityOnly:
		return "security fixes only"
	case rules.GradeExternal:
		return "security support by another project"
	case rules.GradeConditional:
		return "security supported under conditions"
	case rules.GradeNotSecurity:
		return "not security supported"
	case rules.GradeOutside:
		return "outside the support statement"
	}
	return "could not be determined"
}

// upgrades writes what a change of release does.
func (f *Fleet) upgrades(p *page) {
	for _, u := range f.Upgrades {
		p.blank()
		p.head(sgrBold, fmt.Sprintf("From %s to %s", f.Asked[u.From], f.Asked[u.To]))
		line := fmt.Sprintf("%s better, %s worse, %s the same", thousands(u.Better), thousands(u.Worse), thousands(u.Same))
		if u.Undecided > 0 {
			line += fmt.Sprintf("; %s cannot be told", thousands(u.Undecided))
		}
		p.text(2, line+".")
		for _, side := range []struct {
			m    mark
			list []FleetHurt
			what string
		}{{markGood, u.Gains, "no longer"}, {markBad, u.Losses, "now"}} {
			for _, h := range first(p, side.list) {
				subject := h.Title
				if h.Domains {
					subject = "Domains: " + subject
				}
				p.item(2, side.m, "", fmt.Sprintf("%s %s: %s", thousands(h.Hosts), subject, h.changed(side.what)))
			}
			p.more(len(side.list))
		}
	}
}

// changed says what no longer hurts, or now does.
func (h FleetHurt) changed(what string) string {
	if h.Grade == rules.GradeUnknown {
		return what + " unknown (" + h.words() + ")"
	}
	return what + " " + gradeWords(h.Grade)
}

// horizons writes when the support of the Xen that hosts have ends.
func (f *Fleet) horizons(p *page) {
	if !slices.ContainsFunc(f.Horizons, func(h FleetHorizon) bool { return h.Release != "" }) {
		return
	}
	p.blank()
	p.head(sgrBold, "How long the Xen that hosts have is supported")
	none := 0
	for _, h := range f.Horizons {
		if h.Release == "" {
			none += h.Hosts
			continue
		}
		p.item(2, h.mark(), "", fmt.Sprintf("Xen %s %s on %s: %s", h.Release, h.How, hosts(h.Hosts), h.words()))
	}
	if none > 0 {
		p.item(2, markNote, "", fmt.Sprintf("on %s no Xen was found", hosts(none)))
	}
}

func (h FleetHorizon) mark() mark {
	switch {
	case h.Phase == "":
		return markUnknown
	case h.Phase == support.Ended:
		return markBad
	case h.Phase != support.FullSupport, h.Days != nil && *h.Days <= SoonDays:
		return markWarn
	}
	return markGood
}

func (h FleetHorizon) words() string {
	if h.Phase == "" {
		return "no statement of that release is known here"
	}
	s := phaseWords(h.Phase, Statement{SupportedUntil: h.SupportedUntil, SecuritySupportUntil: h.SecuritySupportUntil})
	if h.Phase == support.FullSupport {
		s += ", with security fixes until " + h.SecuritySupportUntil
	}
	if h.Days != nil && *h.Days >= 0 && *h.Days <= SoonDays {
		s += fmt.Sprintf(": in %s", count(*h.Days, "day", "days"))
	}
	return s
}

// hardware writes the groups of hosts that are alike.
func (f *Fleet) hardware(p *page) {
	if len(f.Hardware) == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, "Groups of identical hardware, largest first")
	width := len(thousands(f.Hardware[0].Hosts))
	for _, h := range first(p, f.Hardware) {
		n := thousands(h.Hosts)
		p.text(2, strings.Repeat("\u00a0", width-len(n))+n+" × "+h.Name)
		var by []string
		for i, g := range h.Grades {
			s := g.words()
			if len(f.Asked) > 1 {
				s = f.Asked[i] + ": " + s
			}
			by = append(by, s)
		}
		p.text(width+5, strings.Join(by, "; "))
	}
	p.more(len(f.Hardware))
}

// words says how many hosts have which verdict, worst first.
func (g FleetGrades) words() string {
	var parts []string
	for _, grade := range slices.Backward(grades()) {
		if n := g[grade]; n > 0 {
			word := gradeWords(grade)
			if grade == rules.GradeUnknown {
				word = "unknown"
			}
			parts = append(parts, thousands(n)+" "+word)
		}
	}
	if len(parts) == 1 {
		_, word, _ := strings.Cut(parts[0], " ")
		return word
	}
	return strings.Join(parts, ", ")
}

// badRecords writes the first records that could not be used.
func (f *Fleet) badRecords(p *page) {
	if f.Bad == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, "Records that could not be used")
	for _, b := range first(p, f.BadRecords) {
		place := b.File
		if b.Line > 0 {
			place += ":" + strconv.Itoa(b.Line)
		}
		p.item(2, markBad, "", fmt.Sprintf("%s: %s (at byte %d)", place, b.Error, b.Offset))
	}
	shown := len(first(p, f.BadRecords))
	if f.Bad > shown {
		p.text(4, fmt.Sprintf("and %s more.", thousands(f.Bad-shown)))
	}
}

// waivers writes what somebody answers for, and what nobody does any more.
func (f *Fleet) waivers(p *page) {
	if len(f.Waivers) == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, "Waivers")
	for _, w := range f.Waivers {
		m := markWarn
		if w.State == rules.WaiverUsed {
			m = markNote
		}
		p.item(2, m, "", f.waiverWords(w))
		p.field(4, "Reason: ", w.Reason)
		p.field(4, "Owner:  ", w.Owner+", until "+w.Expires)
	}
}

// waiverWords names a waiver and says what became of it.
func (f *Fleet) waiverWords(w FleetWaiver) string {
	name := WaiverName(w.Waiver)
	switch w.State {
	case rules.WaiverUsed:
		return name + ": set aside on " + hosts(w.Hosts) + f.byAsked(w.ByAsked) + ", counted above, and does not count for the exit code"
	case rules.WaiverExpired:
		return name + ": expired on " + w.Expires + ", and waives nothing any more"
	}
	return name + ": unused, no host has anything that it could waive"
}

// statements names what was judged by.
func (f *Fleet) statements(p *page) {
	if len(f.Statements) == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, "Judged by these support statements of the Xen Project")
	for i, s := range f.Statements {
		rev := strings.TrimSpace("revision " + s.Revision + " of " + s.Date)
		if s.Revision == "" {
			rev = s.Origin
		}
		p.text(2, fmt.Sprintf("%s: %s, %s; %s", f.StatementName(i), rev, phaseWords(s.Phase, s.Statement), hosts(s.Hosts)))
		for _, w := range s.Warnings {
			p.item(4, markWarn, "", sentence(w))
		}
	}
}

// first returns what is shown of a list.
func first[T any](p *page, list []T) []T {
	if p.style.Verbose {
		return list
	}
	return list[:min(len(list), fleetShown)]
}

// more says how much of a list was not shown.
func (p *page) more(n int) {
	if n > fleetShown && !p.style.Verbose {
		p.text(4, fmt.Sprintf("and %s more; -v lists them.", thousands(n-fleetShown)))
	}
}

// hosts counts hosts in words.
func hosts(n int) string { return count(n, "host", "hosts") }

// count writes a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// thousands writes a number in groups of three digits.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// grid writes a table: the first column to the left, the others to the right.
// Where a line would be too long for the page, it writes nothing and returns
// false.
func (p *page) grid(indent int, rows [][]string) bool {
	widths := make([]int, len(rows[0]))
	total := indent
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(p.plain(cell)))
		}
	}
	for _, w := range widths {
		total += w + 2
	}
	if total-2 > p.style.Width {
		return false
	}
	for _, row := range rows {
		line := strings.Repeat(" ", indent)
		for i, cell := range row {
			cell = p.plain(cell)
			gap := strings.Repeat(" ", widths[i]-columns(cell))
			switch {
			case i == 0:
				line += cell + gap
			default:
				line += "  " + gap + cell
			}
		}
		p.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return true
}
