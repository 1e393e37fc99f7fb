package support

import (
	_ "embed"
	"fmt"
	"strings"
)

// notesText says in xencheck's own words what caveats and conditions are.
//
//go:embed notes.txt
var notesText string

// note is one paragraph of notes.txt.
type note struct {
	row, section string // key of a row, or anchor of a section
	from, to     string // releases it is for; empty when there is no bound
	text         string
}

// parseNotes reads notes.txt, which has the syntax of Debian control files:
// paragraphs of "Field: value" lines, continued by indented ones. A paragraph
// has "Row" or "Section" (several keys are separated by blanks), may have
// "Releases" (4.19, 4.11-4.18, 4.19- or -4.18) and has "Note".
func parseNotes(text string) ([]note, error) {
	var notes []note
	fields := map[string]string{}
	last, start := "", 0
	seen := map[string][]note{}
	finish := func(line int) error {
		if len(fields) == 0 {
			return nil
		}
		var n note
		var err error
		if n.from, n.to, err = parseReleases(fields["Releases"]); err != nil {
			return fmt.Errorf("line %d: %w", start, err)
		}
		if n.text = fields["Note"]; n.text == "" {
			return fmt.Errorf("line %d: a paragraph without Note", start)
		}
		rows, sections := strings.Fields(fields["Row"]), strings.Fields(fields["Section"])
		if len(rows)+len(sections) == 0 {
			return fmt.Errorf("line %d: a paragraph with neither Row nor Section", start)
		}
		for i, key := range append(rows, sections...) {
			n.row, n.section = key, ""
			if i >= len(rows) {
				n.row, n.section = "", key
			}
			for _, o := range seen[n.row+"\n"+n.section] {
				if o.overlaps(n) {
					return fmt.Errorf("line %d: %q has a note for these releases already", start, key)
				}
			}
			seen[n.row+"\n"+n.section] = append(seen[n.row+"\n"+n.section], n)
			notes = append(notes, n)
		}
		clear(fields)
		last = ""
		return nil
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "#"):
		case strings.TrimSpace(l) == "":
			if err := finish(i + 1); err != nil {
				return nil, err
			}
		case l[0] == ' ':
			if last == "" {
				return nil, fmt.Errorf("line %d: continues no field", i+1)
			}
			fields[last] = strings.TrimSpace(fields[last] + " " + strings.TrimSpace(l))
		default:
			if len(fields) == 0 {
				start = i + 1
			}
			name, value, ok := strings.Cut(l, ":")
			switch name {
			case "Row", "Section", "Releases", "Note":
			default:
				ok = false
			}
			if _, twice := fields[name]; !ok || twice {
				return nil, fmt.Errorf("line %d: %q is not a field, or stands twice", i+1, name)
			}
			fields[name], last = strings.TrimSpace(value), name
		}
	}
	if err := finish(len(lines)); err != nil {
		return nil, err
	}
	return notes, nil
}

// parseReleases reads a range of releases, inclusive at both ends.
func parseReleases(s string) (from, to string, err error) {
	if s == "" {
		return "", "", nil
	}
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	for _, r := range []string{from, to} {
		if r != "" && branchOf(r) != r {
			return "", "", fmt.Errorf("%q is not a range of releases", s)
		}
	}
	if from == "" && to == "" || from != "" && to != "" && compareReleases(from, to) > 0 {
		return "", "", fmt.Errorf("%q is not a range of releases", s)
	}
	return from, to, nil
}

// covers reports whether the note is for a release.
func (n note) covers(release string) bool {
	return (n.from == "" || compareReleases(n.from, release) <= 0) && (n.to == "" || compareReleases(release, n.to) <= 0)
}

// overlaps reports whether two notes are for a common release.
func (n note) overlaps(o note) bool {
	return (n.from == "" || o.to == "" || compareReleases(n.from, o.to) <= 0) && (o.from == "" || n.to == "" || compareReleases(o.from, n.to) <= 0)
}

// annotate gives an embedded statement its notes.
func annotate(s *Statement, notes []note) {
	release := s.Header.Release()
	rows, sections := map[string]string{}, map[string]string{}
	for _, n := range notes {
		if n.covers(release) {
			if n.row != "" {
				rows[n.row] = n.text
			} else {
				sections[n.section] = n.text
			}
		}
	}
	for i := range s.Rows {
		s.Rows[i].Note = rows[s.Rows[i].Key]
	}
	for i := range s.Sections {
		s.Sections[i].Note = sections[s.Sections[i].Anchor]
	}
}

// copyNotes gives a statement the notes of a known one where both say the
// same: a note explains a row as it was written, not its key.
func copyNotes(s, known *Statement) {
	rows := make(map[string]Row, len(known.Rows))
	for _, r := range known.Rows {
		rows[r.Key] = r
	}
	for i := range s.Rows {
		r := &s.Rows[i]
		if k, ok := rows[r.Key]; ok && fold(k.Value) == fold(r.Value) {
			r.Note = k.Note
		}
	}
	sections := make(map[string]string, len(known.Sections))
	for _, sec := range known.Sections {
		sections[sec.Anchor] = sec.Note
	}
	for i := range s.Sections {
		s.Sections[i].Note = sections[s.Sections[i].Anchor]
	}
}
