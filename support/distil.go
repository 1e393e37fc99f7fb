package support

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// caveatMarker is a line of a distilled statement that stands for the text
// after the rows of a heading.
const caveatMarker = "[caveat]"

const (
	provenancePrefix = "<!-- xencheck: facts of SUPPORT.md"
	linePrefix       = "<!-- line "
	commentSuffix    = " -->"
)

// Distil reduces a support statement to its facts: headings, rows, header
// block, whether there is a caveat, and where the text is from. The result is a
// statement again, in markdown, and reads the same as the original except for
// its prose.
//
// Every heading and row stays on the line it has in text, so that citing a
// line is right for both. Where that is impossible, as when a rendering has
// two rows on one line, a comment gives the line.
//
// Of p, Branch, Commit and Date are used; empty ones are taken from text when
// that is distilled already.
func Distil(text []byte, p Provenance) ([]byte, error) {
	d, err := parse("statement", text, true)
	if err != nil {
		return nil, err
	}
	have := d.statement.Provenance
	for _, f := range []struct{ to, from *string }{{&p.Branch, &have.Branch}, {&p.Commit, &have.Commit}, {&p.Date, &have.Date}} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	p.Spelling = have.Spelling
	first, err := formatProvenance(p)
	if err != nil {
		return nil, err
	}
	w := distiller{}
	w.write(first)
	for _, f := range d.facts {
		w.fact(f)
	}
	return []byte(w.b.String()), nil
}

// distiller writes lines and knows how many it has written.
type distiller struct {
	b        strings.Builder
	line     int
	lastData bool // the last line written was a row
}

func (w *distiller) write(s string) {
	w.b.WriteString(s)
	w.b.WriteByte('\n')
	w.line++
}

// fact writes a fact on its line, or after a line directive when that line is
// taken.
func (w *distiller) fact(f fact) {
	for w.line < f.line-1 {
		w.write("")
		w.lastData = false
	}
	if f.kind == caveatFact {
		w.write(f.text)
		w.lastData = false
		return
	}
	// Right below a row a strange line would be taken for more of its value, and
	// so may a heading be.
	if w.line != f.line-1 || w.lastData && f.kind != dataFact {
		w.write(linePrefix + strconv.Itoa(f.line) + commentSuffix)
	}
	w.write(f.indent + f.text)
	w.lastData = f.kind != titleFact
}

// lineDirective reads the comment that gives the next line its number.
func lineDirective(text string) (int, bool) {
	number, ok := strings.CutPrefix(text, linePrefix)
	if !ok {
		return 0, false
	}
	number, closed := strings.CutSuffix(number, commentSuffix)
	n, err := strconv.Atoi(number)
	return n, closed && err == nil && n > 0 && n <= maxSize
}

// formatProvenance writes the first line of a distilled statement.
func formatProvenance(p Provenance) (string, error) {
	for _, f := range []struct{ what, value, allowed string }{
		{"branch", p.Branch, "0123456789abcdefghijklmnopqrstuvwxyz.-"},
		{"commit", p.Commit, "0123456789abcdef"},
	} {
		if strings.Trim(f.value, f.allowed) != "" || len(f.value) > 64 {
			return "", fmt.Errorf("%s %q has characters that no %s has", f.what, f.value, f.what)
		}
	}
	if p.Date != "" {
		if _, err := time.Parse(time.DateOnly, p.Date); err != nil {
			return "", fmt.Errorf("date %q is not YYYY-MM-DD", p.Date)
		}
	}
	s := provenancePrefix
	for _, f := range []struct{ name, value string }{{"branch", p.Branch}, {"commit", p.Commit}, {"date", p.Date}, {"from", p.Spelling}} {
		if f.value != "" {
			s += ", " + f.name + " " + f.value
		}
	}
	return s + commentSuffix, nil
}

// parseProvenance reads the first line of a distilled statement and reports
// whether it is one.
func parseProvenance(line string) (Provenance, bool) {
	p := Provenance{Spelling: spellingMarkdown}
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), provenancePrefix)
	rest, closed := strings.CutSuffix(rest, commentSuffix)
	if !ok || !closed {
		return Provenance{}, false
	}
	for _, part := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), " ")
		switch name {
		case "branch":
			p.Branch = value
		case "commit":
			p.Commit = value
		case "date":
			p.Date = value
		case "from":
			p.Spelling = value
		}
	}
	p.Distilled = true
	return p, true
}
