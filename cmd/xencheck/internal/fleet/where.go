package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
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
		}, nil},
		{"arch", "x86-64, arm64, arm32", func(r *Result, _ *Judgement) []string { return []string{string(r.Host.Machine.Arch.Value)} }, nil},
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

// ParseFilter reads filters, all of which have to hold, and verdicts, one of
// which has to.
func ParseFilter(where, verdicts []string) (Filter, error) {
	var f Filter
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

// parseTerms reads one filter.
func parseTerms(text string) ([]term, error) {
	var ts []term
	rest := strings.TrimSpace(text)
	if rest == "" {
		return nil, errors.New("empty: expected such as verdict=unknown or cpu~xeon")
	}
	for rest != "" {
		n := strings.IndexAny(rest, "=~! ")
		if n <= 0 || rest[n] == ' ' {
			return nil, fmt.Errorf("expected FIELD=VALUE or FIELD~TEXT at %q", rest)
		}
		t := term{}
		name := strings.ToLower(rest[:n])
		all := fields()
		i := slices.IndexFunc(all, func(f field) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no field %q; there is %s", name, fieldNames(all))
		}
		t.field = &all[i]
		rest = rest[n:]
		t.not = rest[0] == '!'
		rest = strings.TrimPrefix(rest, "!")
		if rest == "" || rest[0] != '=' && rest[0] != '~' {
			return nil, fmt.Errorf("expected = or ~ behind %s", name)
		}
		t.contains = rest[0] == '~'
		rest = rest[1:]
		for more := true; more; {
			var v string
			var err error
			if v, rest, err = parseValue(rest); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			v = strings.ToLower(v)
			if t.field.check != nil && !t.contains {
				if v, err = t.field.check(v); err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
			}
			t.values = append(t.values, v)
			if more = strings.HasPrefix(rest, ","); more {
				rest = rest[1:]
			}
		}
		if rest != "" && rest[0] != ' ' {
			return nil, fmt.Errorf("expected a blank at %q", rest)
		}
		ts = append(ts, t)
		rest = strings.TrimLeft(rest, " ")
	}
	return ts, nil
}

// parseValue reads a value up to a comma or blank, or in quotes.
func parseValue(s string) (value, rest string, err error) {
	if quoted, ok := strings.CutPrefix(s, `"`); ok {
		value, rest, ok = strings.Cut(quoted, `"`)
		if !ok {
			return "", "", errors.New("a quote is not closed")
		}
		return value, rest, nil
	}
	n := strings.IndexAny(s, ", ")
	if n < 0 {
		n = len(s)
	}
	if n == 0 {
		return "", "", errors.New("a value is missing")
	}
	return s[:n], s[n:], nil
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
