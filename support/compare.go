package support

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Difference is what changed from one statement to another.
type Difference struct {
	Header  []HeaderChange `json:"header"`  // fields whose text differs
	Added   []Row          `json:"added"`   // rows only the second has, in its order
	Removed []Row          `json:"removed"` // rows only the first has, in its order
	Changed []RowChange    `json:"changed"` // rows of both whose value differs, in the second's order
}

// HeaderChange is a field of the header block that differs.
type HeaderChange struct {
	Field string `json:"field"` // Xen-Version, …
	From  string `json:"from"`
	To    string `json:"to"`
}

// RowChange is a row of both statements whose value differs.
type RowChange struct {
	From Row `json:"from"`
	To   Row `json:"to"`
}

// Diff returns what changed from a to b. Rows are the same row when their keys
// are equal; values are compared without regard to case, blanks and final full
// stop, which mean nothing.
func Diff(a, b *Statement) Difference {
	d := Difference{Header: []HeaderChange{}, Added: []Row{}, Removed: []Row{}, Changed: []RowChange{}}
	for _, key := range headerKeys {
		if from, to := a.Header.field(key).Text, b.Header.field(key).Text; from != to {
			d.Header = append(d.Header, HeaderChange{Field: key, From: from, To: to})
		}
	}
	old := make(map[string]Row, len(a.Rows))
	for _, r := range a.Rows {
		old[r.Key] = r
	}
	for _, r := range b.Rows {
		o, ok := old[r.Key]
		switch {
		case !ok:
			d.Added = append(d.Added, r)
		case !sameValue(o, r):
			d.Changed = append(d.Changed, RowChange{From: o, To: r})
		}
		delete(old, r.Key)
	}
	for _, r := range a.Rows {
		if _, gone := old[r.Key]; gone {
			d.Removed = append(d.Removed, r)
		}
	}
	return d
}

// sameValue reports whether two rows say the same.
func sameValue(a, b Row) bool {
	return a.Keyword == b.Keyword && strings.TrimSuffix(fold(a.Value), ".") == strings.TrimSuffix(fold(b.Value), ".")
}

// Lint returns what a careful author would want to look at again: the
// statement's own problems in the order of lines, then the rows that against,
// a statement of the same release, has and this one lacks. against may be nil.
func Lint(s, against *Statement) []Problem {
	problems := slices.Clone(s.Problems)
	if against == nil {
		return problems
	}
	for _, r := range Diff(against, s).Removed {
		where := r.Section
		if r.Feature != "" {
			where += " / " + r.Feature
		}
		problems = append(problems, Problem{
			Severity: Suspicious, Heading: r.Heading, Row: r.Key, Arch: r.Applies.Arch, Text: r.String(),
			Message: fmt.Sprintf("missing: the statement of %s has this row under %q", against.Name, where),
		})
	}
	return problems
}

// String writes the row as the statement does, with its value on one line.
func (r Row) String() string {
	return rowSource{rowLine: rowLine{key: r.Keyword, qualifier: r.Qualifier, value: r.Value}}.String()
}

// WriteTSV writes one row a line: key, section, feature, qualifier, value as
// written and line number, separated by tabs. There is no header.
func WriteTSV(w io.Writer, s *Statement) error {
	b := bufio.NewWriter(w)
	for _, r := range s.Rows {
		for _, field := range []string{r.Key, r.Section, r.Feature, r.Qualifier, r.Value} {
			// A tab within a line is a blank to its reader.
			b.WriteString(strings.ReplaceAll(field, "\t", " "))
			b.WriteByte('\t')
		}
		b.WriteString(strconv.Itoa(r.Line))
		b.WriteByte('\n')
	}
	return b.Flush()
}
