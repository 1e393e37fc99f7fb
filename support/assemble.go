package support

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The level-1 headings that matter.
const (
	featureSupport = "Feature Support"
	releaseSupport = "Release Support"
	definitions    = "Format and definitions" // holds look-alikes of rows
)

// typicalRows is about what a statement of today has, to save growing slices.
const typicalRows = 224

// document is a statement being put together.
type document struct {
	statement *Statement
	spelling  string
	features  int // line of the heading "Feature Support"; 0 when there is none

	ids     *anchors
	keys    map[string]int // how often a key was wanted
	first   map[string]int // index of the first row with a heading and qualifier
	section int            // index of the current section; -1 outside
	parent  string         // title of the current level-2 heading
	prose   [][]string     // lines of text before and after the rows of each section
	distil  bool           // whether facts are wanted
	facts   []fact         // what a distilled statement keeps
}

// fact is one line of a distilled statement.
type fact struct {
	line   int
	indent string
	text   string
	kind   factKind
}

type factKind int

const (
	titleFact   factKind = iota
	dataFact             // a row, or a field of the header
	strangeFact          // a line that looks like a row
	caveatFact           // there is text here
)

// assemble makes a statement of the blocks of a document. Facts are gathered
// only for distilling.
func assemble(blocks []block, spelling string, distil bool) *document {
	d := &document{
		statement: &Statement{Sections: make([]Section, 0, typicalRows), Rows: make([]Row, 0, typicalRows), Problems: []Problem{}},
		spelling:  spelling, ids: newAnchors(), keys: make(map[string]int, typicalRows), first: make(map[string]int, typicalRows), section: -1,
		distil: distil, prose: make([][]string, 0, 2*typicalRows),
	}
	top := 1 // level of "Feature Support"
	for _, b := range blocks {
		if b.kind == heading && strings.EqualFold(b.title, featureSupport) {
			d.features, top = b.line, b.level
			break
		}
	}
	// Without that heading the text may be an excerpt: everything that is not
	// known to be something else counts.
	inside, ended := d.features == 0, false
	chapter := ""
	for _, b := range blocks {
		if b.kind == heading {
			id := d.ids.of(b.title)
			if ended {
				continue
			}
			if b.level <= top {
				chapter = b.title
				switch {
				case d.features == 0:
					inside = !strings.EqualFold(chapter, definitions) && !strings.EqualFold(chapter, releaseSupport)
				case b.line == d.features && strings.EqualFold(chapter, featureSupport):
					inside = true
				case inside:
					inside, ended = false, true
					continue
				}
				d.section = -1
			}
			if d.distil {
				d.facts = append(d.facts, fact{line: b.line, kind: titleFact, text: strings.TrimSpace(strings.Repeat("#", b.level) + " " + escapeTitle(b.title))})
			}
			if inside && b.level > top {
				d.heading(b, b.level-top+1, id)
			} else if inside {
				d.parent = ""
			}
			continue
		}
		switch {
		case ended:
		case inside:
			if d.features == 0 {
				d.header(b)
			}
			d.body(b)
		case chapter == "" || strings.EqualFold(chapter, releaseSupport):
			d.header(b)
		}
	}
	return d
}

// heading begins a section or feature.
func (d *document) heading(b block, level int, id string) {
	if level == 2 {
		d.parent = ""
	}
	s := Section{Level: level, Anchor: id, Title: b.title, Parent: d.parent, Line: b.line}
	if level == 2 {
		d.parent = b.title
	}
	d.statement.Sections = append(d.statement.Sections, s)
	d.prose = append(d.prose, nil, nil)
	d.section = len(d.statement.Sections) - 1
	if b.odd != "" {
		d.problem(Problem{Line: b.line, Severity: Suspicious, Text: b.title, Message: b.odd})
	}
}

// here returns the anchor and title of the current heading.
func (d *document) here() (anchor, title string, section bool) {
	if d.section < 0 {
		return autoIdentifier(featureSupport), "", true
	}
	s := d.statement.Sections[d.section]
	return s.Anchor, s.Title, s.Level == 2
}

func (d *document) problem(p Problem) {
	if p.Heading == "" {
		p.Heading, _, _ = d.here()
		if d.section < 0 {
			p.Heading = ""
		}
	}
	d.statement.Problems = append(d.statement.Problems, p)
}

// keep gathers a fact if facts are wanted.
func (d *document) keep(f fact) {
	if d.distil {
		d.facts = append(d.facts, f)
	}
}

// body reads a block below "Feature Support": rows, or prose.
func (d *document) body(b block) {
	switch b.kind {
	case caveatMark:
		d.caveat(b.line)
	case literal:
		d.data(b, 0)
	case paragraph:
		at := d.firstRow(b)
		d.text(b.lines[:at])
		if at < len(b.lines) {
			d.data(b, at)
		}
	}
}

// firstRow returns the index of the line at which a paragraph turns out to be
// data: at its start when that has the form of a row, in its middle only
// when a line there says something the grammar knows, since prose can wrap
// just before the word "Status".
func (d *document) firstRow(b block) int {
	for i, l := range b.lines {
		k, ok := splitKey(l.text)
		if !ok {
			continue
		}
		if k.known() {
			if i == 0 || parseMeaning(k.keyword(), k.value).Understood() || parseMeaning(k.keyword(), joined(b.lines[i:], k.value)).Understood() {
				return i
			}
			continue
		}
		// A misspelt key gives itself away by its value, or by being close.
		if (i == 0 || len(b.lines) == 1) && (k.nearly() || k.value != "" && parseMeaning(keyStatus, k.value).Understood()) {
			return i
		}
	}
	return len(b.lines)
}

// joined returns the value that the first of lines begins, with the lines that
// continue it.
func joined(lines []srcLine, value string) string {
	for _, l := range lines[1:] {
		if _, ok := splitKey(l.text); ok {
			break
		}
		value += " " + l.text
	}
	return strings.TrimSpace(value)
}

// data reads the lines of a block from the index on as rows. A line that does
// not begin a key, or stands deeper than the first, continues the value before
// it.
func (d *document) data(b block, from int) {
	var pending *rowSource
	flush := func() {
		if pending != nil {
			pending.value = strings.Join(pending.parts, " ")
			d.row(*pending)
		}
		pending = nil
	}
	base := indentWidth(b.lines[from].indent)
	for i := from; i < len(b.lines); i++ {
		l := b.lines[i]
		k, ok := splitKey(l.text)
		deeper := indentWidth(l.indent) > base
		switch {
		case ok && k.known():
			flush()
			pending = &rowSource{rowLine: k, line: l.line, indent: l.indent, odd: d.oddity(b, l, i > from && deeper, from > 0)}
			if k.value != "" {
				pending.parts = []string{k.value}
			}
		case pending != nil && (deeper || !ok):
			pending.parts = append(pending.parts, l.text)
		case ok || startsLikeKey(l.text):
			flush()
			d.strangeKey(l, k)
		default:
			flush()
			d.text(b.lines[i : i+1])
		}
	}
	flush()
}

// oddity says what is unusual about where a row stands, empty when nothing is.
func (d *document) oddity(b block, l srcLine, deeper, midParagraph bool) string {
	switch {
	case b.odd != "":
		return b.odd
	case d.spelling == spellingHTML:
		return ""
	case midParagraph:
		return "status stands in a paragraph of prose"
	case d.spelling == spellingText:
		return ""
	case strings.Contains(l.indent, "\t"):
		return "status is indented by a tab"
	case deeper || len(l.indent) > len(codeIndent):
		return "status is indented deeper than its block"
	case len(l.indent) < len(codeIndent):
		return fmt.Sprintf("status is indented by %d blanks: markdown makes a paragraph of it, not a code block", len(l.indent))
	}
	return ""
}

// strangeKey keeps a line that has the form of a row but no key that is known.
// What it was meant to say is unknown, so its heading cannot be relied on.
func (d *document) strangeKey(l srcLine, k rowLine) {
	if d.features == 0 && d.statement.Header.field(k.key) != nil {
		return // of an excerpt, which has its header anywhere
	}
	anchor, title, section := d.here()
	a, _ := applicability(k.qualifier, place{heading: title, section: section})
	message := "looks like a status, but has no colon"
	if k.key != "" {
		message = fmt.Sprintf("key %q is not known", k.key)
	}
	d.problem(Problem{Line: l.line, Severity: Unrecognised, Text: l.text, Message: message, Heading: anchor, Arch: a.Arch})
	d.keep(fact{line: l.line, indent: codeIndent, text: l.text, kind: strangeFact})
}

// text keeps prose: what stands before the rows of a heading describes, what
// stands after them restricts.
func (d *document) text(lines []srcLine) {
	if d.section < 0 || len(lines) == 0 {
		return
	}
	at := 2 * d.section
	if d.hasRows() {
		at++
		d.caveat(lines[0].line)
	}
	if d.prose[at] != nil {
		d.prose[at] = append(d.prose[at], "")
	}
	for _, l := range lines {
		d.prose[at] = append(d.prose[at], l.text)
	}
}

// hasRows reports whether the current heading has rows already.
func (d *document) hasRows() bool {
	rows := d.statement.Rows
	anchor, _, _ := d.here()
	return len(rows) > 0 && rows[len(rows)-1].Heading == anchor
}

// caveat notes that text follows the rows of the current heading.
func (d *document) caveat(line int) {
	if d.section < 0 || !d.hasRows() {
		return
	}
	s := &d.statement.Sections[d.section]
	if !s.Caveats {
		s.Caveats = true
		d.keep(fact{line: line, text: caveatMarker, kind: caveatFact})
	}
}

// row adds a row.
func (d *document) row(src rowSource) {
	s := d.statement
	anchor, title, section := d.here()
	r := Row{
		Heading: anchor, Section: d.parent, Feature: title, Qualifier: src.qualifier,
		Keyword: src.keyword(), Value: src.value, Line: src.line,
	}
	if section {
		r.Section, r.Feature = title, ""
	}
	r.Meaning = fitting(parseMeaning(r.Keyword, r.Value), r.Value, title)
	var slip string
	r.Applies, slip = applicability(r.Qualifier, place{heading: title, section: section})
	keyed := r.Qualifier
	if mode := r.Meaning.Mode; mode != "" {
		// 4.15 and 4.16 write the mode into the value, under one and the same
		// qualifier. Later texts have it in the qualifier, and so has the key.
		if keyed != "" {
			keyed += ", "
		}
		keyed += mode
		if r.Applies.Understood() {
			r.Applies.Terms = append(r.Applies.Terms, Term{Kind: TermMode, Value: mode})
			r.Applies.Relation = Variant
		}
	}
	r.Key = d.uniqueKey(rowKey(anchor, keyed))
	s.Rows = append(s.Rows, r)
	if d.distil {
		d.facts = append(d.facts, fact{line: r.Line, indent: src.canonicalIndent(d.spelling), text: src.String(), kind: dataFact})
	}

	report := func(severity Severity, message string) {
		d.problem(Problem{Line: r.Line, Severity: severity, Text: src.String(), Message: message, Heading: anchor, Row: r.Key, Arch: r.Applies.Arch})
	}
	if !r.Meaning.Understood() {
		report(Unrecognised, fmt.Sprintf("value %q is outside the grammar", r.Meaning.Unrecognised))
	}
	if !r.Applies.Understood() {
		report(Unrecognised, fmt.Sprintf("qualifier %q is outside the vocabulary", r.Applies.Unrecognised))
	}
	for _, odd := range []string{src.odd, src.slip(), slip, misspelt(r.Meaning, r.Value)} {
		if odd != "" {
			report(Suspicious, odd)
		}
	}
	if d.section < 0 {
		report(Suspicious, "status stands under no section")
	}
	d.repeated(r, report)
}

// uniqueKey numbers a key that is taken, so that no row hides another.
func (d *document) uniqueKey(key string) string {
	d.keys[key]++
	n := d.keys[key]
	if n == 1 {
		return key
	}
	for {
		numbered := key + "-" + strconv.Itoa(n)
		if d.keys[numbered] == 0 {
			d.keys[numbered] = 1
			d.keys[key] = n
			return numbered
		}
		n++
	}
}

// repeated reports a qualifier that its heading has had before. Differing
// values with no mode to tell them apart contradict each other.
func (d *document) repeated(r Row, report func(Severity, string)) {
	key := rowKey(r.Heading, r.Qualifier)
	first, ok := d.first[key]
	if !ok {
		d.first[key] = len(d.statement.Rows) - 1
		return
	}
	o := d.statement.Rows[first]
	switch {
	case o.Keyword != r.Keyword || fold(o.Qualifier) != fold(r.Qualifier):
	case o.Meaning.Mode != r.Meaning.Mode:
		report(Suspicious, fmt.Sprintf("same qualifier as line %d; the mode is in the value", o.Line))
	case sameValue(o, r):
		report(Suspicious, fmt.Sprintf("repeats line %d", o.Line))
	default:
		report(Unrecognised, fmt.Sprintf("contradicts line %d, which says %q", o.Line, o.Value))
	}
}

// fitting rejects a limit that counts something else than its heading is
// about: "Physical Memory: Supported up to 12" forgot its unit.
func fitting(m Meaning, value, title string) Meaning {
	if m.Limit == nil {
		return m
	}
	var want Unit
	for _, w := range strings.Fields(fold(title)) {
		switch w {
		case "memory", "ram":
			want = Bytes
		case "cpus", "vcpus", "pcpus", "cpu", "processors":
			want = CPUs
		}
	}
	got := m.Limit.Max.Unit
	if want == Bytes && got != Bytes || want == CPUs && got == Bytes {
		return notUnderstood(value)
	}
	return m
}

// finish fills in what depends on a whole heading.
func (d *document) finish() {
	s := d.statement
	type about struct {
		caveats bool
		whole   bool // has a row without a qualifier
		parent  bool // has features
	}
	headings := make(map[string]about, len(s.Sections))
	for i := range s.Sections {
		sec := &s.Sections[i]
		sec.Text = strings.Join(d.prose[2*i], "\n")
		sec.Caveat = strings.Join(d.prose[2*i+1], "\n")
		headings[sec.Anchor] = about{caveats: sec.Caveats, parent: sec.Level == 2 && i+1 < len(s.Sections) && s.Sections[i+1].Level > 2}
	}
	for i := range s.Rows {
		if r := &s.Rows[i]; r.Qualifier == "" {
			h := headings[r.Heading]
			h.whole = true
			headings[r.Heading] = h
		}
	}
	for i := range s.Rows {
		r := &s.Rows[i]
		h := headings[r.Heading]
		r.HasCaveat = h.caveats
		// Parts of a feature that has no status of its own are what it
		// consists of.
		if r.Applies.Relation == SubFeature && !h.whole {
			r.Applies.Relation = Variant
		}
		// A section without features is a feature itself.
		if r.Applies.Relation == SectionRow && !h.parent {
			r.Applies.Relation = Whole
		}
	}
	d.withoutStatus()
	d.checkHeader()
	slices.SortStableFunc(s.Problems, func(a, b Problem) int { return a.Line - b.Line })
}

// withoutStatus reports the features that have no status: each feature of a
// statement has one, so what stands there instead, such as a table, was not
// understood.
func (d *document) withoutStatus() {
	s := d.statement
	graded := make(map[string]bool, len(s.Sections))
	for i := range s.Rows {
		graded[s.Rows[i].Heading] = true
	}
	for i, sec := range s.Sections {
		if sec.Level != 3 || graded[sec.Anchor] {
			continue
		}
		// Those of its parts are its own.
		parts := s.Sections[i+1:]
		if end := slices.IndexFunc(parts, func(o Section) bool { return o.Level <= 3 }); end >= 0 {
			parts = parts[:end]
		}
		if slices.ContainsFunc(parts, func(o Section) bool { return graded[o.Anchor] }) {
			continue
		}
		s.Problems = append(s.Problems, Problem{
			Line: sec.Line, Severity: Unrecognised, Text: sec.Title, Message: "no status was found under this heading",
			Heading: sec.Anchor, Arch: headingArch(sec.Title),
		})
	}
}
