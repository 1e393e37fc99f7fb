package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// WriteText writes a report for people: the answer and the machine first, then
// what matters, grouped; with Verbose every row.
func (r *Report) WriteText(w io.Writer, s Style) error {
	p := newPage(s)
	r.answer(p)
	basis(p, r.Statement, r.Choice, r.Phase, r.Release, r.At, r.Host)
	r.uses(p)

	g := r.sort()
	if len(g.problems) > 0 {
		p.blank()
		p.head(sgrBold, "Problems, worst first")
		for _, f := range g.problems {
			r.finding(p, f)
		}
	}
	writeDomains(p, r.Domains)
	r.unknowns(p, g)
	waivers(p, r.Waivers)
	r.optional(p, g)
	r.notes(p, g)
	if s.Verbose {
		r.everyRow(p)
	}
	p.blank()
	r.hint(p, g)
	_, err := io.WriteString(w, p.String())
	return err
}

// answer writes the first lines: the verdict with the machine.
func (r *Report) answer(p *page) {
	color := markOf(r.Overall.Grade).color()
	p.head(join(sgrBold, color), r.headline())
	p.text(0, machineLine(r.Host)+".")
	if x := r.xenWords(); x != "" {
		p.text(0, x)
	}
	p.text(0, r.meaning())
}

// join combines SGR parameters.
func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + ";" + b
}

// xen names the release in a sentence.
func (r *Report) xen() string {
	if r.Release != "" {
		return "Xen " + r.Release
	}
	return "the Xen of " + r.Statement.Name
}

// headline is the answer in one sentence. Where the whole release is out, that
// is the answer, whatever the hardware.
func (r *Report) headline() string {
	who := subject(r.Host)
	s := who + " is "
	l := r.Overall.Level
	switch g := r.Overall.Grade; {
	case g == rules.GradeUnknown:
		s = "It cannot be told from here whether " + strings.ToLower(who[:1]) + who[1:] + " is supported by " + r.xen()
	case g == rules.GradeOutside:
		s += "outside the support statement of " + r.xen()
	case r.Phase == support.Ended:
		s += "not supported by " + r.xen() + ", whose support has ended"
	case r.Phase == support.Unreleased:
		s += "not security supported by " + r.xen() + ", which is not released yet"
	case l.Functional == support.NotSupported && l.Security == support.SecurityNo:
		s += "not supported by " + r.xen()
	default:
		s += headlineWords(r.Overall) + " by " + r.xen()
	}
	switch kind, _ := r.Host.Machine.Kind.Get(); kind {
	case facts.VirtualMachine:
		s += "; the host beneath it was not judged"
	case facts.DomU:
		s = "This is a guest of Xen (a domU): the host beneath it is out of sight. " + s
	}
	if len(r.Domains) > 0 {
		s += "; " + tally(r.Domains, "its")
	}
	return s + "."
}

// headlineWords continues "This host is …".
func headlineWords(a rules.Answer) string {
	f := string(a.Level.Functional)
	switch a.Level.Functional {
	case support.Supported:
	case support.TechPreview, support.Experimental:
		f = "supported as " + article(f)
	case support.NotSupported:
		f = "no longer supported"
	}
	switch a.Grade {
	case rules.GradeSupported:
		return f + " and security supported"
	case rules.GradeSecurityOnly:
		return "security supported (other bugs are no longer fixed)"
	case rules.GradeExternal:
		return f + ", with security support by another project,"
	case rules.GradeConditional:
		return f + ", and security supported under conditions,"
	}
	if a.Level.Functional == support.FunctionalNotStated {
		return "not security supported"
	}
	return f + ", but not security supported,"
}

// article makes a noun of a functional level.
func article(f string) string {
	if strings.IndexByte("aeiou", f[0]) >= 0 {
		return "an " + f + " feature"
	}
	return "a " + f
}

// meaning explains the verdict to somebody who has never heard of a support
// statement.
func (r *Report) meaning() string {
	var s string
	switch r.Overall.Grade {
	case rules.GradeSupported:
		s = "That means: the Xen Project expects Xen to work on hardware like this, and handles security bugs it finds in it."
	case rules.GradeSecurityOnly:
		s = "That means: the Xen Project still handles security bugs in this release, and no other ones."
	case rules.GradeExternal:
		s = "That means: security bugs in a part of it are handled by another project, not by the Xen Project."
	case rules.GradeConditional:
		s = "That means: the Xen Project handles security bugs only under the conditions named below."
	case rules.GradeNotSecurity:
		s = "That means: Xen may work here, but the Xen Project issues no security fixes for what is named below."
		switch {
		case r.Phase == support.Ended:
			s = "That means: the Xen Project issues no fixes for this release any more, whatever the hardware."
		case r.Phase == support.Unreleased:
			s = "That means: the Xen Project issues no security fixes for this version before its release."
		}
	case rules.GradeOutside:
		s = "That means: the Xen Project promises nothing for a host like this; the row that leaves it out is named below."
	case rules.GradeUnknown:
		s = "Nothing bad was found, but something that decides could not be read; it is named below."
	}
	if !r.Overall.Complete && r.Overall.Grade != rules.GradeUnknown {
		s += " Something else that decides could not be read."
	}
	if r.Overall.Counted != nil {
		s += " Part of it is waived, and counts neither for the exit code nor for a gate."
	}
	return s
}

// basis says by which text was judged, and why by that one.
func basis(p *page, st Statement, c Choice, phase support.Phase, release string, at time.Time, h *facts.Host) {
	p.blank()
	p.text(0, basisWords(st, c, phase, release, at, h))
	for _, w := range basisWarnings(st, c) {
		p.item(0, markWarn, "", w)
	}
}

// basisWords is the paragraph of basis.
func basisWords(st Statement, c Choice, phase support.Phase, release string, at time.Time, h *facts.Host) string {
	s := "Judged as of " + at.Format(time.DateOnly) + " by the Xen Project's support statement"
	if release != "" {
		s += " for Xen " + release
	}
	if st.Revision != "" {
		s += ", revision " + st.Revision
	}
	if st.Date != "" {
		s += " of " + st.Date
	}
	if st.Origin != "" && st.Origin != "embedded" {
		s += ", read from " + st.Origin
	}
	if c.Why != "" {
		s += " (" + c.Why + ")"
	}
	s += ". " + life(phase, st) + " Security advisories (XSAs) are not checked."
	if t := h.CollectedAt; t != nil && t.Format(time.DateOnly) != at.Format(time.DateOnly) {
		s += " The facts were collected on " + t.Format(time.DateOnly) + "."
	}
	return s
}

// basisWarnings says what is odd about the text or the choice, in sentences.
func basisWarnings(st Statement, c Choice) []string {
	older := nonEmpty(st.PointRelease)
	if st.Shipped != nil {
		older = nil // the first lines tell
	}
	var out []string
	for _, w := range slices.Concat(st.Warnings, older, c.Remarks) {
		out = append(out, sentence(w))
	}
	return out
}

// nonEmpty returns a list of s, or none.
func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// sentence ends s with a full stop and begins it with a capital.
func sentence(s string) string {
	if s == "" {
		return s
	}
	if c := s[0]; c >= 'a' && c <= 'z' {
		s = string(c-'a'+'A') + s[1:]
	}
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "!") {
		return s
	}
	return s + "."
}

// life says where the release stands.
func life(phase support.Phase, st Statement) string {
	switch phase {
	case support.FullSupport:
		return fmt.Sprintf("The release is supported until %s and gets security fixes until %s.", st.SupportedUntil, st.SecuritySupportUntil)
	case support.SecurityOnly:
		return fmt.Sprintf("General support of the release ended on %s; it gets security fixes until %s.", st.SupportedUntil, st.SecuritySupportUntil)
	case support.Ended:
		return fmt.Sprintf("Security support of the release ended on %s.", st.SecuritySupportUntil)
	case support.Unreleased:
		return "It was not released on that day."
	}
	return "How long it is supported could not be read from the statement."
}

// uses writes one line for each intent: the wanted ones first.
func (r *Report) uses(p *page) {
	if len(r.Answers) == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, "What this host can be used for")
	titles := 0
	var shown []rules.Answer
	var lacking, following []string
	for _, a := range r.Answers {
		switch {
		case r.lacks(a):
			lacking = append(lacking, a.Title)
		case r.follows(a):
			following = append(following, a.Title)
		default:
			shown = append(shown, a)
			titles = max(titles, columns(p.plain(a.Title)))
		}
	}
	// A long title must not push every answer off a narrow page.
	titles = min(titles, p.style.Width*9/20)
	for _, a := range shown {
		title := p.plain(a.Title)
		pad := strings.Repeat(" ", max(titles-columns(title), 0))
		m := markOf(a.Grade)
		label := p.paint(m.color(), m.runes(p.style.ASCII)) + " " + title + pad
		// The label is measured without its colour.
		hang := 6 + max(titles, columns(title))
		if p.style.Width-hang < 20 {
			p.WriteString("  " + strings.TrimRight(label, " ") + "\n")
			p.text(6, r.use(a))
			continue
		}
		p.WriteString("  " + label + "  ")
		for i, line := range fold(p.plain(r.use(a)), p.style.Width-hang) {
			if i > 0 {
				p.WriteString(strings.Repeat(" ", hang))
			}
			p.WriteString(line + "\n")
		}
	}
	if len(following) > 0 {
		p.item(2, markNote, "", "the same, for the same reason: "+strings.Join(following, ", "))
	}
	if len(lacking) > 0 {
		p.item(2, markNote, "", "not on this host: "+strings.Join(lacking, ", "))
	}
}

// follows reports whether an answer that nobody asked for says no more than
// that of the host itself: whatever is wrong with the host spoils every use.
func (r *Report) follows(a rules.Answer) bool {
	if a.Intent == rules.Base || slices.Contains(r.Intents, a.Intent) || len(a.Because) == 0 {
		return false
	}
	i := slices.IndexFunc(r.Answers, func(b rules.Answer) bool { return b.Intent == rules.Base })
	if i < 0 {
		return false
	}
	base := r.Answers[i]
	spoilt := lessThanGood(base.Grade) || base.Grade == rules.GradeUnknown
	return spoilt && base.Grade != rules.GradeSecurityOnly && a.Grade == base.Grade && len(base.Because) > 0 && a.Because[0] == base.Because[0]
}

// lacks reports whether an answer that nobody asked for is that this host does
// not have the thing at all.
func (r *Report) lacks(a rules.Answer) bool {
	if a.Grade != rules.GradeOutside || slices.Contains(r.Intents, a.Intent) {
		return false
	}
	none := false
	for _, i := range a.Because {
		f := r.Findings[i]
		none = none || f.Outcome == rules.NotApplicable
		if f.Outcome != rules.NotApplicable && gradeOf(f) != rules.GradeUnknown {
			return false
		}
	}
	return none
}

// use says the answer of one intent, with the finding that makes it so.
func (r *Report) use(a rules.Answer) string {
	s := AnswerWords(a)
	blame := a.Grade
	if !lessThanGood(blame) && !a.Complete {
		blame = rules.GradeUnknown
	}
	if lessThanGood(blame) || blame == rules.GradeUnknown {
		for _, i := range a.Because {
			f := r.Findings[i]
			if f.Outcome == rules.NotApplicable || gradeOf(f) != blame {
				continue
			}
			if len(f.Lacks) > 0 {
				return "needs " + strings.Join(f.Lacks, " and ") + ", which this host does not have"
			}
			return s + ": see " + quoted(f.Title)
		}
	}
	if a.Note != "" {
		s += ": " + a.Note
	}
	return s
}

// quoted marks words that are not xencheck's own.
func quoted(s string) string { return "“" + s + "”" }

// groups are the findings as the text shows them.
type groups struct {
	problems []rules.Finding // lower a wanted intent, or are in use
	unknown  []rules.Finding // decide a wanted intent
	minor    []rules.Finding // unknown, and decide only what was not asked for
	optional []rules.Finding // available, not in use, and less than supported
	notes    []rules.Finding // the release says nothing
	spare    int             // as optional, but nothing that a host is wanted for
}

// sort puts each finding into the one group where a reader looks for it.
func (r *Report) sort() groups {
	byDomains := usedByDomains(r.Domains)
	var g groups
	for _, f := range r.hostResults() {
		switch f.standing {
		case unsaid:
			g.notes = append(g.notes, f.Finding)
		case undecided:
			if f.wanted {
				g.unknown = append(g.unknown, f.Finding)
			} else {
				g.minor = append(g.minor, f.Finding)
			}
		case problem, optional, perhaps:
			switch {
			case !f.wanted && f.Row != nil && byDomains[f.Row.Key]:
				// Told with the domains.
			case f.standing == problem:
				g.problems = append(g.problems, f.Finding)
			case len(f.For) > 0:
				g.optional = append(g.optional, f.Finding)
			default:
				g.spare++
			}
		}
	}
	for _, fs := range [][]rules.Finding{g.problems, g.optional} {
		slices.SortStableFunc(fs, func(a, b rules.Finding) int {
			return worseFirst(gradeOf(a), gradeOf(b))
		})
	}
	return g
}

// finding writes a finding with everything there is to it.
func (r *Report) finding(p *page, f rules.Finding) {
	m := markFor(f)
	p.item(2, m, join(sgrBold, m.color()), f.Title+": "+OutcomeWords(f))
	evidence(p, 4, f)
}

// evidence writes what a finding rests on and what follows from it.
func evidence(p *page, indent int, f rules.Finding) {
	p.field(indent, "Seen:", seenWords(f.Seen))
	if f.Row != nil {
		p.field(indent, "Row: ", cite(*f.Row))
	}
	p.field(indent, "Why: ", f.Why)
	p.field(indent, "Do:  ", f.Do)
	for _, n := range f.Notes {
		p.field(indent, "Note:", n)
	}
	p.field(indent, "Waived:", WaivedWords(f.Waived))
}

// waivers writes what is set aside, by whom and why, and the waivers that set
// nothing aside, since those want to be cleaned up.
func waivers(p *page, ws []rules.WaiverUse) {
	if len(ws) == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, "Waivers")
	for _, w := range ws {
		m := markWarn
		if w.State == rules.WaiverUsed {
			m = markNote
		}
		p.item(2, m, "", waiverWords(w))
		p.field(4, "Finding:", few(w.Titles, p.style.Verbose))
		p.field(4, "Reason: ", w.Reason)
		p.field(4, "Owner:  ", w.Owner+", until "+w.Expires)
	}
}

// waiverWords names a waiver and says what became of it.
func waiverWords(w rules.WaiverUse) string {
	id := WaiverName(w.Waiver)
	switch w.State {
	case rules.WaiverUsed:
		return id + ": set aside, and counts neither for the exit code nor for a gate"
	case rules.WaiverExpired:
		return id + ": expired on " + w.Expires + ", and waives nothing any more"
	}
	return id + ": unused, " + cmp.Or(w.Why, "there is nothing here that it could waive")
}

// WaiverName says what a waiver is about and where it stands.
func WaiverName(w rules.Waiver) string {
	name := cmp.Or(w.Row, "rule "+w.Rule)
	if w.Source != "" {
		name += " (" + w.Source + ")"
	}
	return name
}

// optional writes what it would mean to use what is there but not in use, one
// item for all findings that differ in nothing but their row.
func (r *Report) optional(p *page, g groups) {
	if len(g.optional)+g.spare == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, "What using optional features would mean")
	var alike [][]rules.Finding
	for _, f := range g.optional {
		i := slices.IndexFunc(alike, func(fs []rules.Finding) bool {
			return OutcomeWords(fs[0]) == OutcomeWords(f) && fs[0].Why == f.Why && fs[0].Do == f.Do && slices.Equal(fs[0].Seen, f.Seen)
		})
		if i < 0 {
			alike = append(alike, []rules.Finding{f})
		} else {
			alike[i] = append(alike[i], f)
		}
	}
	for _, fs := range alike {
		titles := make([]string, 0, len(fs))
		cited := make([]string, 0, len(fs))
		for _, f := range fs {
			titles = append(titles, f.Title)
			if f.Row != nil {
				cited = append(cited, cite(*f.Row))
			}
		}
		p.item(2, markWarn, "", strings.Join(titles, "; ")+": "+OutcomeWords(fs[0]))
		p.field(4, "Seen:", seenWords(fs[0].Seen))
		p.field(4, "Row: ", strings.Join(cited, "; "))
		p.field(4, "Why: ", fs[0].Why)
		p.field(4, "Do:  ", fs[0].Do)
	}
	switch {
	case g.spare == 1:
		p.item(2, markNote, "", "One more feature that is not in use is less than supported; -v names it.")
	case g.spare > 1:
		p.item(2, markNote, "", fmt.Sprintf("%d more features that are not in use are less than supported; -v names them.", g.spare))
	}
}

// seenWords says what was seen, with where, or why it was not.
func seenWords(seen []rules.Seen) string {
	parts := make([]string, 0, len(seen))
	for _, s := range seen {
		v := s.What
		if s.Value != "" {
			v += " " + s.Value
		}
		switch {
		case s.Cause != "" && s.Source != "":
			v += " (" + s.Source + ": " + s.Cause + ")"
		case s.Cause != "":
			v += " (" + s.Cause + ")"
		case s.Source != "":
			v += " (" + s.Source + ")"
		}
		parts = append(parts, v)
	}
	return strings.Join(parts, "; ")
}

// unknowns writes what could not be known, one item for each cause.
func (r *Report) unknowns(p *page, g groups) {
	if len(g.unknown)+len(g.minor) == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, "What could not be known")
	for _, group := range []struct {
		findings []rules.Finding
		need     string
	}{
		{g.unknown, "Decides:"},
		{g.minor, "Matters only for:"},
	} {
		for _, c := range byCause(group.findings) {
			p.item(2, markUnknown, "", c.words(p.style.Verbose))
			p.field(4, group.need, few(c.titles, p.style.Verbose))
			p.field(4, "Do:", c.remedy)
		}
	}
}

// few joins titles, and leaves out most of a long list: one file that cannot be
// read may stand behind a third of the statement.
func few(titles []string, all bool) string {
	const most = 8
	if all || len(titles) <= most+1 {
		return strings.Join(titles, "; ")
	}
	return fmt.Sprintf("%s; and %d more (-v names them)", strings.Join(titles[:most], "; "), len(titles)-most)
}

// shared is one cause with everything that hangs on it.
type shared struct {
	cause, remedy string
	missing       []string // the facts, with where they were looked for
	titles        []string // of the findings
}

// words names the facts first: a reader knows what is missing before why.
func (s shared) words(all bool) string {
	if len(s.missing) == 0 {
		return sentence(s.cause)
	}
	return few(s.missing, all) + ": " + strings.TrimSuffix(s.cause, ".") + "."
}

// byCause groups findings by why they are not known, in order of appearance.
func byCause(fs []rules.Finding) []shared {
	var out []shared
	for _, f := range fs {
		cause, missing := causes(f)
		i := slices.IndexFunc(out, func(s shared) bool { return s.cause == cause && s.remedy == f.Do })
		if i < 0 {
			i = len(out)
			out = append(out, shared{cause: cause, remedy: f.Do})
		}
		out[i].missing = addNew(out[i].missing, missing...)
		out[i].titles = addNew(out[i].titles, f.Title)
	}
	return out
}

// causes says why a finding is not known and which facts were missing; without
// any, it is the finding's own reason.
func causes(f rules.Finding) (cause string, missing []string) {
	var why []string
	for _, s := range f.Seen {
		if s.Cause == "" {
			continue
		}
		why = addNew(why, s.Cause)
		what := s.What
		if s.Source != "" {
			what += " (" + s.Source + ")"
		}
		missing = addNew(missing, what)
	}
	if len(missing) == 0 {
		return f.Why, nil
	}
	return strings.Join(why, "; "), missing
}

// addNew appends what is not there yet.
func addNew(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// notes writes what lowers no verdict.
func (r *Report) notes(p *page, g groups) {
	notes := r.noteWords(g)
	if len(notes) == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, "Notes")
	for _, n := range notes {
		p.item(2, markNote, "", n)
	}
}

// noteWords says what lowers no verdict.
func (r *Report) noteWords(g groups) []string {
	var out []string
	for _, n := range r.Verdict.Notes {
		out = append(out, sentence(n))
	}
	if len(r.UnknownOptions) > 0 {
		out = append(out, "Words of Xen's command line that no release documents, not judged: "+strings.Join(r.UnknownOptions, " "))
	}
	for _, f := range g.notes {
		out = append(out, f.Title+": "+cmp.Or(f.Why, OutcomeWords(f)+"."))
	}
	return out
}

// state is what -v sorts rows by.
type state struct {
	title string
	holds func(rules.Finding) bool
}

// states tells the rows in use from those that could be, those that are ruled
// out and those nobody can tell of. The first that holds counts; together they
// hold every finding.
func states() []state {
	return []state{
		{"Not in a row of the statement", func(f rules.Finding) bool { return f.Row == nil || f.Row.Key == "" }},
		{"Rows that are not about this host, or ruled out", func(f rules.Finding) bool {
			return f.Outcome == rules.NotApplicable || f.Applies == rules.No || f.InUse != rules.Yes && len(f.Lacks) > 0
		}},
		{"Rows that cannot be told", func(f rules.Finding) bool {
			return f.Outcome == rules.Unknown || f.Outcome == rules.NotVisible || f.Outcome == rules.NotEvaluated
		}},
		{"Rows in use", func(f rules.Finding) bool { return f.InUse == rules.Yes }},
		{"Rows available, not in use or not known to be", func(rules.Finding) bool { return true }},
	}
}

// everyRow writes all findings, by state and in the order of the statement.
func (r *Report) everyRow(p *page) {
	all := states()
	held := make([][]rules.Finding, len(all))
	for _, f := range r.Findings {
		i := slices.IndexFunc(all, func(s state) bool { return s.holds(f) })
		held[i] = append(held[i], f)
	}
	// What a reader acts on comes first.
	for _, i := range []int{0, 3, 4, 1, 2} {
		if len(held[i]) == 0 {
			continue
		}
		p.blank()
		p.head(sgrBold, fmt.Sprintf("%s (%d)", all[i].title, len(held[i])))
		section := ""
		for _, f := range held[i] {
			if f.Row != nil && f.Row.Key != "" && f.Row.Section != section {
				section = f.Row.Section
				p.text(2, section)
			}
			r.row(p, f)
		}
	}
}

// row writes one finding in one paragraph.
func (r *Report) row(p *page, f rules.Finding) {
	s := f.Title + ": " + rowWords(f)
	if f.Waived != nil {
		s += "; waived by " + f.Waived.Owner
	}
	if f.Row != nil && f.Row.Line > 0 {
		s += fmt.Sprintf(" [%s]", strings.TrimSuffix(fmt.Sprintf("line %d, %s", f.Row.Line, f.Row.Key), ", "))
	}
	p.item(4, markFor(f), "", s)
}

// rowWords says what a finding comes to and what that rests on, in one
// paragraph.
func rowWords(f rules.Finding) string {
	var s string
	switch f.Outcome {
	case rules.NotVisible:
		if v := rowValue(f); v != "" {
			s = quoted(v) + "; "
		}
		return s + cmp.Or(f.Needs, "not visible from the hardware")
	case rules.NotApplicable:
		return cmp.Or(f.Why, OutcomeWords(f))
	}
	s = OutcomeWords(f)
	if seen := seenWords(f.Seen); seen != "" {
		s += "; seen: " + seen
	}
	undecided := f.Outcome == rules.NotEvaluated || f.Outcome == rules.Unknown || f.Outcome == rules.Outside
	if undecided && f.Why != "" {
		s += "; " + f.Why
	}
	return s
}

// hint ends the report with what to type next.
func (r *Report) hint(p *page, g groups) {
	var keys []string
	for _, f := range slices.Concat(g.problems, g.optional) {
		if f.Row != nil && f.Row.Key != "" {
			keys = append(keys, f.Row.Key)
		}
	}
	key := "KEY"
	if len(keys) > 0 {
		key = keys[0]
	}
	if p.style.Verbose {
		p.text(0, fmt.Sprintf("%d findings: %d judged, %d not stated, %d outside, %d unknown, %d not about this host, %d not evaluated, %d not visible.",
			len(r.Findings), r.Counts[string(rules.Judged)], r.Counts[string(rules.NotStated)], r.Counts[string(rules.Outside)], r.Counts[string(rules.Unknown)],
			r.Counts[string(rules.NotApplicable)], r.Counts[string(rules.NotEvaluated)], r.Counts[string(rules.NotVisible)]))
		p.text(0, "xencheck explain "+key+" tells more about one row.")
		return
	}
	p.text(0, fmt.Sprintf("xencheck -v shows all %d rows; xencheck explain %s tells more about one.", r.Statement.Rows, key))
}

// rowValue returns what the row of a finding says.
func rowValue(f rules.Finding) string {
	if f.Row == nil {
		return ""
	}
	return f.Row.Value
}
