package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// Filter selects records: every term has to hold. The zero Filter selects all.
//
// A filter is written as terms with blanks between them:
//
//	FIELD=VALUE,…   the field is one of the values
//	FIELD!=VALUE,…  it is none of them
//	FIELD~TEXT,…    it contains one of the texts
//	FIELD!~TEXT,…   it contains none of them
//
// Case does not matter. A value with blanks or commas in it stands in double
// quotes. The fields are those of [Fields]. Where a host is judged by several
// releases, it is selected when there is one for which all terms hold.
type Filter struct {
	terms []term
	text  string
}

// String returns the filter as it was written.
func (f Filter) String() string { return f.text }

type term struct {
	field    *field
	not      bool
	contains bool
	values   []string // in lower case
}

// field is something a record is filtered by. Several values mean that one of
// them has to match.
type field struct {
	name, doc string
	of        func(*Result, *Judgement) []string
	check     func(string) (string, error) // of a value to be equal to; nil for any
}

// fields lists what a record can be filtered by.
func fields() []field {
	return []field{
		{"verdict", "supported, security-supported, external, conditional, not-security-supported, outside or unknown", func(_ *Result, j *Judgement) []string {
			return []string{string(j.Grade)}
		}, verdictNamed},
		{"row", "key or title of a row that lowers the verdict", func(_ *Result, j *Judgement) []string {
			names := make([]string, 0, 2*len(j.Hurts))
			for _, h := range j.Hurts {
				names = append(names, h.Key, h.Title)
			}
			return names
		}, nil},
		{"cpu", "names of the CPUs", func(r *Result, _ *Judgement) []string { return report.CPUNames(r.Host) }, nil},
		{"release", "the release judged by, such as 4.22", func(_ *Result, j *Judgement) []string {
			return []string{j.Statement.Release}
		}, nil},
		{"xen", "the release of the Xen that was found, such as 4.17; none", func(r *Result, _ *Judgement) []string {
			if b := xenOf(r.Host).branch; b != "" {
				return []string{b}
			}
			return []string{"none"}
		}, xenNamed},
		{"arch", "x86-64, x86-32, arm64, arm32", func(r *Result, _ *Judgement) []string { return []string{string(r.Host.Machine.Arch.Value)} }, archNamed},
		{"hardware", "what hosts are grouped by in the summary", func(r *Result, _ *Judgement) []string {
			return []string{string(report.AppendHardware(nil, r.Host))}
		}, nil},
		{"name", "name of the host", func(r *Result, _ *Judgement) []string { return []string{r.Host.Name} }, nil},
	}
}

// Fields lists the fields of a filter, each with what it is.
func Fields() []string {
	var list []string
	for _, f := range fields() {
		list = append(list, f.name+": "+f.doc)
	}
	return list
}

// verdictNamed returns the grade that a word of the command line means.
func verdictNamed(word string) (string, error) {
	switch word = strings.ReplaceAll(word, "-", "_"); word {
	case "external":
		return string(rules.GradeExternal), nil
	case "outside":
		return string(rules.GradeOutside), nil
	}
	if slices.Contains(grades(), rules.Grade(word)) {
		return word, nil
	}
	return "", errors.New("must be one of supported, security-supported, external, conditional, not-security-supported, outside, unknown")
}

// archNamed returns the architecture that a word of the command line means.
func archNamed(word string) (string, error) {
	switch a := facts.Arch(strings.ReplaceAll(word, "_", "-")); a {
	case facts.X86_64, facts.X86_32, facts.Arm64, facts.Arm32, "": // "" is not known
		return string(a), nil
	}
	return "", errors.New("must be one of x86-64, x86-32, arm64, arm32")
}

// xenNamed returns the branch of Xen that a word of the command line means.
func xenNamed(word string) (string, error) {
	var major, minor uint
	if _, err := fmt.Sscanf(word, "%d.%d", &major, &minor); word != "none" && (err != nil || word != fmt.Sprintf("%d.%d", major, minor)) {
		return "", errors.New("must be a release, such as 4.17, or none")
	}
	return word, nil
}

// ParseFilter reads filters, all of which have to hold, and verdicts, one of
// which has to.
func ParseFilter(where, verdicts []string) (Filter, error) {
	var f Filter
	for _, v := range verdicts {
		if _, err := verdictNamed(strings.ToLower(v)); err != nil {
			return f, fmt.Errorf("%q: a verdict %w", v, err)
		}
	}
	if len(verdicts) > 0 {
		where = append([]string{"verdict=" + strings.Join(verdicts, ",")}, where...)
	}
	for _, text := range where {
		ts, err := parseTerms(text)
		if err != nil {
			return f, fmt.Errorf("%q: %w", text, err)
		}
		f.terms = append(f.terms, ts...)
	}
	f.text = strings.Join(where, " ")
	return f, nil
}

// parseTerms reads one filter. Its errors say at which character something is
// wrong.
func parseTerms(text string) ([]term, error) {
	p := &filterText{text, text}
	p.blanks()
	if p.rest == "" {
		return nil, errors.New("empty: expected such as verdict=unknown or cpu~xeon")
	}
	var ts []term
	for p.rest != "" {
		t, err := p.term()
		if err != nil {
			return nil, err
		}
		ts = append(ts, t)
		if p.rest != "" && strings.IndexByte(white, p.rest[0]) < 0 {
			return nil, p.wrong("expected a blank")
		}
		p.blanks()
	}
	return ts, nil
}

// filterText is a filter on its way: the whole of it, and what is left.
type filterText struct{ all, rest string }

// white is what may stand between terms: filters are kept in scripts, on lines.
const white = " \t\r\n"

func (p *filterText) blanks() { p.rest = strings.TrimLeft(p.rest, white) }

// wrong says where something is wrong.
func (p *filterText) wrong(format string, args ...any) error {
	at := utf8.RuneCountInString(p.all[:len(p.all)-len(p.rest)]) + 1
	return fmt.Errorf("at character %d: %w", at, fmt.Errorf(format, args...))
}

// term reads a field, an operator and values.
func (p *filterText) term() (t term, err error) {
	n := strings.IndexAny(p.rest, "=~!"+white)
	if n <= 0 || strings.IndexByte(white, p.rest[n]) >= 0 {
		return t, p.wrong("expected FIELD=VALUE or FIELD~TEXT")
	}
	name, all := strings.ToLower(p.rest[:n]), fields()
	i := slices.IndexFunc(all, func(f field) bool { return f.name == name })
	if i < 0 {
		return t, p.wrong("no field %q; there is %s", name, fieldNames(all))
	}
	t.field = &all[i]
	p.rest = p.rest[n:]
	if t.not = p.rest[0] == '!'; t.not {
		p.rest = p.rest[1:]
	}
	if p.rest == "" || p.rest[0] != '=' && p.rest[0] != '~' {
		return t, p.wrong("expected = or ~ behind %s", name)
	}
	t.contains = p.rest[0] == '~'
	for more := true; more; more = strings.HasPrefix(p.rest, ",") {
		p.rest = p.rest[1:] // the operator, or a comma
		at := *p
		v, err := p.value()
		if err != nil {
			return t, err
		}
		v = strings.ToLower(v)
		if t.field.check != nil && !t.contains {
			if v, err = t.field.check(v); err != nil {
				return t, at.wrong("%s: %w", name, err)
			}
		}
		t.values = append(t.values, v)
	}
	return t, nil
}

// value reads a value up to a comma or blank, or in quotes.
func (p *filterText) value() (string, error) {
	if quoted, ok := strings.CutPrefix(p.rest, `"`); ok {
		v, rest, ok := strings.Cut(quoted, `"`)
		if !ok {
			return "", p.wrong("a quote is not closed")
		}
		p.rest = rest
		return v, nil
	}
	n := strings.IndexAny(p.rest, ","+white)
	if n < 0 {
		n = len(p.rest)
	}
	switch {
	case n == 0:
		return "", p.wrong("a value is missing")
	case strings.ContainsRune("=~!", rune(p.rest[0])): // as in cpu==x
		return "", p.wrong("a value that begins with %q stands in quotes", p.rest[:1])
	}
	v := p.rest[:n]
	p.rest = p.rest[n:]
	return v, nil
}

func fieldNames(fs []field) string {
	var names []string
	for _, f := range fs {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// Match reports whether a record is selected.
func (f Filter) Match(r *Result) bool {
	if len(f.terms) == 0 {
		return true
	}
	for i := range r.Judgements {
		if f.holds(r, &r.Judgements[i]) {
			return true
		}
	}
	return false
}

func (f Filter) holds(r *Result, j *Judgement) bool {
	for _, t := range f.terms {
		if t.matches(t.field.of(r, j)) == t.not {
			return false
		}
	}
	return true
}

func (t term) matches(have []string) bool {
	for _, h := range have {
		h = strings.ToLower(h)
		for _, v := range t.values {
			if h == v || t.contains && strings.Contains(h, v) {
				return true
			}
		}
	}
	return false
}
