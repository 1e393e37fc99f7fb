package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// Comparison is one host judged by two statements or more.
type Comparison struct {
	Kind     string      `json:"kind"` // always KindComparison
	Schema   int         `json:"schema"`
	Tool     string      `json:"tool"`
	At       time.Time   `json:"at"` // the judging date
	Host     *facts.Host `json:"host"`
	Intents  []string    `json:"intents"`
	Releases []Compared  `json:"releases"`
	// Changes holds what does not come to the same by all releases, in the
	// order of the statements.
	Changes     []Change `json:"changes"`
	FailOn      FailOn   `json:"fail_on"`
	ExitCode    ExitCode `json:"exit_code"` // the worst of the releases'
	ExitMeaning string   `json:"exit_meaning"`
}

// Compared is what one release comes to.
type Compared struct {
	Statement Statement      `json:"statement"`
	Choice    Choice         `json:"choice"`
	Phase     support.Phase  `json:"phase"`
	Overall   rules.Answer   `json:"overall"`
	Answers   []rules.Answer `json:"answers"`
	// Domains holds the verdicts without their findings.
	Domains  []rules.DomainVerdict `json:"domains,omitempty"`
	Counts   map[string]int        `json:"counts"`
	ExitCode ExitCode              `json:"exit_code"`
}

// Change is one row, or one property without a row, through the releases.
type Change struct {
	Key   string `json:"key,omitempty"` // empty for a property without a row
	Title string `json:"title"`
	Cells []Cell `json:"cells"` // one for each release, in their order
}

// Cell is a row in one release.
type Cell struct {
	Outcome rules.Outcome `json:"outcome"` // empty when the release has no such row
	Level   support.Level `json:"level"`   // meaningful when Outcome is judged
	Value   string        `json:"value"`   // as written
	Words   string        `json:"words"`
}

// Compare puts a comparison together from the reports of one host. There must
// be at least one.
func Compare(reports []*Report) *Comparison {
	first := reports[0]
	c := &Comparison{
		Kind: KindComparison, Schema: Schema, Tool: first.Tool, At: first.At, Host: first.Host,
		Intents: first.Intents, FailOn: first.FailOn, Changes: []Change{},
	}
	for _, r := range reports {
		c.Releases = append(c.Releases, Compared{
			Statement: r.Statement, Choice: r.Choice, Phase: r.Phase, Overall: r.Overall, Answers: r.Answers,
			Domains: slices.Clone(r.Domains), Counts: r.Counts, ExitCode: r.ExitCode,
		})
		c.ExitCode = c.ExitCode.Worse(r.ExitCode)
	}
	c.ExitMeaning = c.ExitCode.String()
	for i := range c.Releases {
		// The findings themselves are not part of a comparison.
		c.Releases[i].Answers = withoutReasons(c.Releases[i].Answers)
		c.Releases[i].Overall.Because = []int{}
		for k := range c.Releases[i].Domains {
			d := &c.Releases[i].Domains[k]
			d.Findings, d.Because = []rules.Finding{}, []int{}
		}
	}
	c.Changes = append(c.Changes, changes(reports)...)
	return c
}

// withoutReasons drops indices into findings, which a comparison does not hold.
func withoutReasons(answers []rules.Answer) []rules.Answer {
	out := slices.Clone(answers)
	for i := range out {
		out[i].Because = []int{}
	}
	return out
}

// changes lines the findings of all reports up by row and keeps those that
// differ.
func changes(reports []*Report) []Change {
	var order []string
	cells := map[string][]Cell{}
	titles := map[string]string{}
	for i, r := range reports {
		for _, f := range r.Findings {
			if f.Rule == "release" {
				continue // where a release stands is said of each, above
			}
			id := identity(f, r.Release)
			if cells[id] == nil {
				cells[id] = make([]Cell, len(reports))
				order = append(order, id)
			}
			titles[id] = strings.ReplaceAll(f.Title, "Xen "+r.Release, "the release") // the newest wording
			cells[id][i] = cellOf(f)
		}
	}
	var out []Change
	for _, id := range order {
		row := cells[id]
		for i := range row {
			if row[i].Outcome == "" {
				row[i].Words = "no such row"
			}
		}
		key, _, _ := strings.Cut(id, "\x00")
		// A property that only some releases leave without a row: where there
		// is one, the row itself tells.
		partly := key == "" && slices.ContainsFunc(row, func(c Cell) bool { return c.Outcome == "" })
		if partly || !differ(row) {
			continue
		}
		out = append(out, Change{Key: key, Title: titles[id], Cells: row})
	}
	return out
}

// identity lines findings up across releases: by key where there is a row, else
// by what they are about, whatever the release.
func identity(f rules.Finding, release string) string {
	if f.Row != nil && f.Row.Key != "" {
		return f.Row.Key
	}
	return "\x00" + f.Rule + "\x00" + strings.ReplaceAll(f.Title, release, "")
}

// cellOf reduces a finding to what is compared: what the row states of this
// host. Where the releases stand is another matter, and would make every row
// differ. Of a row that the hardware does not show, it is what the row says.
func cellOf(f rules.Finding) Cell {
	c := Cell{Outcome: f.Outcome, Words: OutcomeWords(f), Value: rowValue(f)}
	switch f.Outcome {
	case rules.Judged:
		c.Level, c.Words = f.Stated, LevelWords(f.Stated)
	case rules.NotVisible, rules.NotEvaluated:
		c.Words = quoted(c.Value)
	}
	if f.Waived != nil {
		c.Words += ", waived by " + f.Waived.Owner
	}
	return c
}

// differ reports whether a row comes to different things. A row that is not
// about this host in any release where it stands does not matter here.
func differ(row []Cell) bool {
	matters := slices.ContainsFunc(row, func(c Cell) bool {
		return c.Outcome != "" && c.Outcome != rules.NotApplicable
	})
	return matters && slices.ContainsFunc(row, func(c Cell) bool { return c.Words != row[0].Words })
}

// WriteText writes a comparison for people.
func (c *Comparison) WriteText(w io.Writer, s Style) error {
	p := newPage(s)
	names := make([]string, len(c.Releases))
	for i, r := range c.Releases {
		names[i] = releaseName(r.Statement)
	}
	p.head(sgrBold, c.headline(names))
	p.text(0, machineLine(c.Host)+".")
	p.blank()
	for i, r := range c.Releases {
		m := markOf(r.Overall.Grade)
		p.item(0, m, join(sgrBold, m.color()), "Xen "+names[i]+": "+AnswerWords(r.Overall))
		rev := strings.TrimSpace(r.Statement.Revision + " of " + r.Statement.Date)
		p.text(4, "Statement revision "+rev+"; "+phaseWords(r.Phase, r.Statement)+".")
		for _, warning := range r.Statement.Warnings {
			p.item(4, markWarn, "", sentence(warning))
		}
	}
	c.table(p, names, "What this host can be used for, where it differs", c.uses())
	c.table(p, names, "What changes for its domains", c.domains())
	judged, listed := c.split()
	c.table(p, names, "What changes for this host", judged)
	if s.Verbose {
		c.table(p, names, "What changes in rows that the hardware does not show", listed)
	}
	p.blank()
	switch {
	case s.Verbose:
	case len(listed) > 0:
		p.text(0, fmt.Sprintf("%d more rows differ that the hardware does not show; xencheck compare -v lists them.", len(listed)))
	case len(judged) == 0:
		p.text(0, "Nothing else changes for this host.")
	}
	p.text(0, "Security advisories (XSAs) are not checked.")
	_, err := io.WriteString(w, p.String())
	return err
}

// headline is the first sentence of a comparison.
func (c *Comparison) headline(names []string) string {
	return fmt.Sprintf("%s by Xen %s, as of %s.", subject(c.Host), strings.Join(names, " and "), c.At.Format(time.DateOnly))
}

// releaseName tells revisions of one release apart.
func releaseName(s Statement) string {
	switch {
	case s.Release == "":
		return s.Name
	case s.Superseded != "":
		return s.Release + "@" + s.Revision
	}
	return s.Release
}

// phaseWords says where a release stands and until when.
func phaseWords(ph support.Phase, s Statement) string {
	switch ph {
	case support.FullSupport:
		return "supported until " + s.SupportedUntil
	case support.SecurityOnly:
		return "security fixes only, until " + s.SecuritySupportUntil
	case support.Ended:
		return "support ended on " + s.SecuritySupportUntil
	case support.Unreleased:
		return "not released"
	}
	return "life time not understood"
}

// uses holds the intents whose answer is not the same by all releases. Those
// that come to the same share an entry.
func (c *Comparison) uses() []Change {
	var rows []Change
	for _, a := range c.Releases[0].Answers {
		row := Change{Title: a.Title}
		for _, r := range c.Releases {
			cell := Cell{Words: "no such use"}
			for _, b := range r.Answers {
				if b.Intent == a.Intent {
					cell.Words = AnswerWords(b)
				}
			}
			row.Cells = append(row.Cells, cell)
		}
		if !slices.ContainsFunc(row.Cells, func(x Cell) bool { return x.Words != row.Cells[0].Words }) {
			continue
		}
		if i := slices.IndexFunc(rows, func(o Change) bool { return slices.Equal(o.Cells, row.Cells) }); i >= 0 {
			rows[i].Title += ", " + row.Title
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

// domains holds the domains whose verdict is not the same by all releases. They
// stand in the same order in every release: the facts are the same.
func (c *Comparison) domains() []Change {
	var rows []Change
	for i, d := range c.Releases[0].Domains {
		row := Change{Title: domainLabel(d)}
		for _, r := range c.Releases {
			if i < len(r.Domains) {
				row.Cells = append(row.Cells, Cell{Words: DomainWords(r.Domains[i])})
			}
		}
		if len(row.Cells) == len(c.Releases) && slices.ContainsFunc(row.Cells, func(x Cell) bool { return x.Words != row.Cells[0].Words }) {
			rows = append(rows, row)
		}
	}
	return rows
}

// split tells changes that are judged on this host from those that a reader
// has to judge: rows that are not visible from the hardware.
func (c *Comparison) split() (judged, listed []Change) {
	for _, ch := range c.Changes {
		visible := slices.ContainsFunc(ch.Cells, func(x Cell) bool {
			return x.Outcome != "" && x.Outcome != rules.NotVisible && x.Outcome != rules.NotEvaluated && x.Outcome != rules.NotApplicable
		})
		if visible {
			judged = append(judged, ch)
		} else {
			listed = append(listed, ch)
		}
	}
	return judged, listed
}

// table writes changes, each release on a line of its own: that reads the same
// at any width.
func (c *Comparison) table(p *page, names []string, head string, rows []Change) {
	if len(rows) == 0 {
		return
	}
	p.blank()
	p.head(sgrBold, head)
	width := 0
	for _, n := range names {
		width = max(width, columns(p.plain(n)))
	}
	for _, row := range rows {
		p.text(2, row.Title)
		for i, cell := range row.Cells {
			name := p.plain(names[i])
			p.field(4, name+strings.Repeat(" ", width-columns(name)), cell.Words)
		}
	}
}

// DecodeComparison reads a comparison.
func DecodeComparison(data []byte) (*Comparison, error) {
	o, err := kindOf(data, KindComparison)
	if err != nil {
		return nil, err
	}
	if err := newer(*o.Schema, Schema, "comparison"); err != nil {
		return nil, err
	}
	var c Comparison
	if err := unmarshal(data, &c); err != nil {
		return nil, err
	}
	if c.At, err = day(c.At); err != nil {
		return nil, err
	}
	if err := checkJudged(c.Host); err != nil {
		return nil, err
	}
	return &c, c.check()
}

// check is for a comparison what it is for a report.
func (c *Comparison) check() error {
	if len(c.Releases) == 0 {
		return fmt.Errorf("releases: empty")
	}
	code := ExitOK
	for i, r := range c.Releases {
		if err := checkAnswers(append([]rules.Answer{r.Overall}, r.Answers...), 0); err != nil {
			return fmt.Errorf("releases[%d]: %w", i, err)
		}
		if err := checkDomains(r.Domains); err != nil {
			return fmt.Errorf("releases[%d].%w", i, err)
		}
		if want := c.FailOn.Exit(&rules.Verdict{Intents: c.Intents, Overall: r.Overall, Answers: r.Answers, Domains: r.Domains}); r.ExitCode != want {
			return fmt.Errorf("releases[%d].exit_code: %d does not follow from the answers, which come to %d", i, r.ExitCode, want)
		}
		code = code.Worse(r.ExitCode)
	}
	for i, ch := range c.Changes {
		if len(ch.Cells) != len(c.Releases) {
			return fmt.Errorf("changes[%d].cells: %d for %d releases", i, len(ch.Cells), len(c.Releases))
		}
	}
	if !slices.Contains(Thresholds(), c.FailOn) {
		return fmt.Errorf("fail_on: unknown threshold %q", c.FailOn)
	}
	if c.ExitCode != code {
		return fmt.Errorf("exit_code: %d does not follow from the releases, which come to %d", c.ExitCode, code)
	}
	return nil
}
