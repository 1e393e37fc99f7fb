package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// Domains is configurations of domains judged by one statement, apart from the
// host they are meant for.
type Domains struct {
	Kind      string      `json:"kind"` // always KindDomains
	Schema    int         `json:"schema"`
	Tool      string      `json:"tool"`
	Host      *facts.Host `json:"host"` // may tell its architecture and nothing else
	Statement Statement   `json:"statement"`
	Choice    Choice      `json:"choice"`
	Release   string      `json:"release"`
	// Phase is where the release stands at At, the judging date.
	Phase   support.Phase         `json:"phase"`
	At      time.Time             `json:"at"`
	Domains []rules.DomainVerdict `json:"domains"`
	// Waivers holds every waiver of the configuration with what became of it.
	Waivers []rules.WaiverUse `json:"waivers,omitempty"`
	// Problems lists what could not be read of the configurations, as
	// FILE:LINE:COLUMN: reason.
	Problems []string `json:"problems"`
	FailOn   FailOn   `json:"fail_on"`
	// ExitCode is what the verdicts come to. A configuration that could not be
	// read makes the process end with ExitUsage whatever they are.
	ExitCode    ExitCode `json:"exit_code"`
	ExitMeaning string   `json:"exit_meaning"`
}

// NewDomains puts a report on domains together.
func NewDomains(tool string, h *facts.Host, st Statement, c Choice, phase support.Phase, at time.Time, ds []rules.DomainVerdict, waivers []rules.WaiverUse, problems []string, f FailOn) *Domains {
	d := &Domains{
		Kind: KindDomains, Schema: Schema, Tool: tool, Host: h, Statement: st, Choice: c,
		Release: st.Release, Phase: phase, At: at.UTC().Truncate(time.Second),
		Domains: append([]rules.DomainVerdict{}, listed(ds)...), Problems: append([]string{}, problems...),
		Waivers: waivers, FailOn: f, ExitCode: f.domains(ds),
	}
	d.ExitMeaning = d.ExitCode.String()
	return d
}

// listed returns verdicts whose findings are a list in JSON, even an empty one.
func listed(ds []rules.DomainVerdict) []rules.DomainVerdict {
	ds = slices.Clone(ds)
	for i := range ds {
		if ds[i].Findings == nil {
			ds[i].Findings = []rules.Finding{}
		}
		ds[i].Because = append([]int{}, ds[i].Because...)
	}
	return ds
}

// DecodeDomains reads a report on domains.
func DecodeDomains(data []byte) (*Domains, error) {
	o, err := kindOf(data, KindDomains)
	if err != nil {
		return nil, err
	}
	if err := newer(*o.Schema, Schema, "report"); err != nil {
		return nil, err
	}
	var d Domains
	if err := unmarshal(data, &d); err != nil {
		return nil, err
	}
	if err := checkJudged(d.Host); err != nil {
		return nil, err
	}
	if d.At, err = day(d.At); err != nil {
		return nil, err
	}
	if err := checkDomains(d.Domains); err != nil {
		return nil, err
	}
	if err := checkWaivers(d.Waivers, nil, d.Domains); err != nil {
		return nil, err
	}
	switch want := d.FailOn.domains(d.Domains); {
	case !slices.Contains(Thresholds(), d.FailOn):
		return nil, fmt.Errorf("fail_on: unknown threshold %q", d.FailOn)
	case d.ExitCode != want:
		return nil, errors.New("exit_code: " + strconv.Itoa(int(d.ExitCode)) + " does not follow from the domains, which come to " + strconv.Itoa(int(want)))
	}
	return &d, nil
}

// WriteText writes the verdict of each domain for people: how many are well
// first, then every one with what speaks against it.
func (d *Domains) WriteText(w io.Writer, s Style) error {
	p := newPage(s)
	p.head(sgrBold, d.headline())
	for _, w := range d.hostWords() {
		p.text(0, w)
	}
	basis(p, d.Statement, d.Choice, d.Phase, d.Release, d.At, d.Host)
	if len(d.Problems) > 0 {
		p.blank()
		p.head(sgrBold, "What could not be read")
		for _, problem := range d.Problems {
			p.item(2, markWarn, "", problem)
		}
	}
	writeDomains(p, d.Domains)
	waivers(p, d.Waivers)
	p.blank()
	p.text(0, "xencheck domain -v shows all findings; xencheck explain "+domainKey(d.Domains)+" tells more about one.")
	_, err := io.WriteString(w, p.String())
	return err
}

// headline is the answer in one sentence.
func (d *Domains) headline() string {
	by := "the statement of " + d.Statement.Name
	if d.Release != "" {
		by = "Xen " + d.Release
	}
	if len(d.Domains) == 0 {
		return "There is no domain in what was read."
	}
	return "By " + by + ", " + tally(d.Domains, "the") + "."
}

// hostWords says for which host the domains were judged.
func (d *Domains) hostWords() []string {
	if d.Host.Origin.Kind == facts.Paper {
		return []string{fmt.Sprintf("Judged for a host of which nothing is known but that it is %s; --host judges for this one.", d.Host.Machine.Arch.Value)}
	}
	return append([]string{"Judged for this host: " + machineLine(d.Host) + "."}, nonEmpty(runningXen(d.Host, d.Statement))...)
}

// domainKey returns the key of the first row that speaks against a domain, or
// leaves its verdict open.
func domainKey(ds []rules.DomainVerdict) string {
	for _, d := range ds {
		against, open, _ := split(d)
		for _, f := range slices.Concat(against, open) {
			if f.Row != nil && f.Row.Key != "" {
				return f.Row.Key
			}
		}
	}
	return "KEY"
}

// tally says how many domains are outside security support. Whose is the word
// before the number: its, the.
func tally(ds []rules.DomainVerdict, whose string) string {
	bad, unknown := 0, 0
	for _, d := range ds {
		switch {
		case d.Grade.AtLeast(rules.GradeNotSecurity):
			bad++
		case d.Grade == rules.GradeUnknown:
			unknown++
		}
	}
	all := whose + " " + strconv.Itoa(len(ds)) + " domains"
	switch {
	case len(ds) == 1 && bad == 1:
		return whose + " only domain is outside security support"
	case len(ds) == 1 && unknown == 1:
		return "of " + whose + " only domain it could not be told whether it is security supported"
	case len(ds) == 1:
		return whose + " only domain is not outside security support"
	case bad == 1:
		return "1 of " + all + " is outside security support"
	case bad > 1:
		return strconv.Itoa(bad) + " of " + all + " are outside security support"
	case unknown > 0:
		return "of " + strconv.Itoa(unknown) + " of " + all + " it could not be told whether they are security supported"
	}
	return "none of " + all + " is outside security support"
}

// DomainWords says the verdict on a domain in words.
func DomainWords(d rules.DomainVerdict) string {
	return AnswerWords(rules.Answer{Grade: d.Grade, Level: d.Level, Complete: d.Complete})
}

// domainLabel names a domain with where its configuration stands.
func domainLabel(d rules.DomainVerdict) string {
	name := d.Name
	if name == "" {
		name = "a domain without a name"
	}
	if d.Source == "" {
		return name
	}
	return name + " (" + place(d.Source, d.Line) + ")"
}

// place is FILE:LINE, or FILE alone where the line says nothing.
func place(source string, line int) string {
	if line < 1 {
		return source
	}
	return source + ":" + strconv.Itoa(line)
}

// writeDomains writes the verdict of each domain, the worst first. Those that
// there is nothing to say of share an item.
func writeDomains(p *page, ds []rules.DomainVerdict) {
	if len(ds) == 0 {
		return
	}
	ds = slices.Clone(ds)
	slices.SortStableFunc(ds, func(a, b rules.DomainVerdict) int { return worseFirst(a.Grade, b.Grade) })
	p.blank()
	p.head(sgrBold, "Domains")
	told := map[string]string{}
	for i := 0; i < len(ds); i++ {
		d := ds[i]
		m := markOf(d.Grade)
		label := domainLabel(d)
		for quiet(p, d) && i+1 < len(ds) && quiet(p, ds[i+1]) && DomainWords(ds[i+1]) == DomainWords(d) {
			i++
			label += ", " + domainLabel(ds[i])
		}
		p.item(2, m, join(sgrBold, m.color()), label+": "+DomainWords(d))
		if quiet(p, d) {
			continue
		}
		against, open, noted := split(d)
		for _, f := range against {
			domainFinding(p, d, f, told)
		}
		domainUnknowns(p, open)
		for _, n := range d.Notes {
			p.item(4, markNote, "", sentence(n))
		}
		for _, f := range noted {
			p.item(4, markNote, "", strings.TrimSpace(f.Title+": "+f.Why+" "+seenWords(f.Seen)))
		}
		if p.style.Verbose {
			everyDomainRow(p, d)
		}
	}
}

// quiet reports whether the verdict is all there is to say of a domain.
func quiet(p *page, d rules.DomainVerdict) bool {
	against, open, noted := split(d)
	return len(against)+len(open)+len(noted)+len(d.Notes) == 0 && !p.style.Verbose
}

// split returns what speaks against a domain, what leaves its verdict open, and
// what no row covers. Where the release stands is said once, of all domains.
func split(d rules.DomainVerdict) (against, open, noted []rules.Finding) {
	for _, i := range d.Because {
		f := d.Findings[i]
		f.Seen = seenAt(d, f)
		switch {
		case gradeOf(f) == rules.GradeUnknown:
			open = append(open, f)
		case lessThanGood(gradeOf(f)) && !onlyGated(f) && (f.Row == nil && f.Outcome == rules.Outside || f.Row != nil && f.Row.Key != ""):
			against = append(against, f)
		}
	}
	for _, f := range d.Findings {
		if f.Outcome == rules.NotStated {
			f.Seen = seenAt(d, f)
			noted = append(noted, f)
		}
	}
	return against, open, noted
}

// seenAt returns the evidence of a finding with its lines. Where it has none,
// the finding's line is that of the last thing that was read in the domain's
// configuration.
func seenAt(d rules.DomainVerdict, f rules.Finding) []rules.Seen {
	seen := slices.Clone(f.Seen)
	lined := false
	for i := range seen {
		if seen[i].Line > 0 && seen[i].Source != "" {
			seen[i].Source, lined = place(seen[i].Source, seen[i].Line), true
		}
	}
	if lined {
		return seen
	}
	for i := range slices.Backward(seen) {
		if seen[i].Source == d.Source && d.Source != "" {
			seen[i].Source = place(d.Source, f.Line)
			break
		}
	}
	return seen
}

// domainFinding writes a finding with its evidence. What was said of another
// domain already is not explained again: many domains are copies.
func domainFinding(p *page, d rules.DomainVerdict, f rules.Finding, told map[string]string) {
	m := markFor(f)
	title := f.Title + ": " + OutcomeWords(f)
	id := strings.Join([]string{title, f.Why, f.Do}, "\x00")
	if first, ok := told[id]; ok {
		p.item(4, m, "", title+"; as for "+first)
		p.field(6, "Seen:", seenWords(f.Seen))
		return
	}
	told[id] = domainLabel(d)
	p.item(4, m, m.color(), title)
	evidence(p, 6, f)
}

// domainUnknowns writes what left the verdict on a domain open, one item for
// each cause.
func domainUnknowns(p *page, fs []rules.Finding) {
	for _, c := range byCause(fs) {
		p.item(4, markUnknown, "", c.words(p.style.Verbose))
		p.field(6, "Decides:", few(c.titles, p.style.Verbose))
		p.field(6, "Do:", c.remedy)
	}
}

// everyDomainRow writes the findings that were not told, those about what the
// domain uses first.
func everyDomainRow(p *page, d rules.DomainVerdict) {
	for _, use := range []rules.Tri{rules.Yes, rules.Maybe, rules.No} {
		for i, f := range d.Findings {
			if f.InUse != use || f.Outcome == rules.NotStated || slices.Contains(d.Because, i) {
				continue
			}
			f.Seen = seenAt(d, f)
			s := f.Title + ": " + rowWords(f)
			switch {
			case f.Outcome != rules.Judged:
			case use == rules.Yes:
				s += "; in use"
			case use == rules.No:
				s += "; not in use"
			}
			p.item(4, markFor(f), "", s)
		}
	}
}

// usedByDomains returns the keys of the rows that some domain uses.
func usedByDomains(ds []rules.DomainVerdict) map[string]bool {
	keys := map[string]bool{}
	for _, d := range ds {
		for _, f := range d.Findings {
			if f.Row != nil && f.Row.Key != "" && f.InUse == rules.Yes {
				keys[f.Row.Key] = true
			}
		}
	}
	return keys
}
