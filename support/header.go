package support

import (
	"fmt"
	"strings"
	"time"
)

// headerField returns the field of the header block that a key names.
func (h *Header) field(key string) *Field {
	switch strings.ToLower(key) {
	case "xen-version":
		return &h.XenVersion
	case "initial-release":
		return &h.InitialRelease
	case "supported-until":
		return &h.SupportedUntil
	case "security-support-until":
		return &h.SecuritySupportUntil
	}
	return nil
}

// headerKeys are the fields in the order of the header block.
var headerKeys = [...]string{"Xen-Version", "Initial-Release", "Supported-Until", "Security-Support-Until"}

// header reads the header block, which is a code block, or its rendering.
func (d *document) header(b block) {
	h := &d.statement.Header
	for _, l := range b.lines {
		parts := []string{l.text}
		if d.spelling == spellingHTML {
			parts = splitHeaderLine(l.text)
		}
		for _, part := range parts {
			key, value, ok := strings.Cut(part, ":")
			key, value = strings.TrimSpace(key), strings.TrimSpace(value)
			f := h.field(key)
			if !ok || f == nil {
				continue
			}
			text := strings.TrimSpace(key + ": " + value)
			d.keep(fact{line: l.line, indent: codeIndent, text: text, kind: dataFact})
			if f.Line == 0 {
				*f = Field{Text: value, Line: l.line, Date: possibleDate(value)}
				continue
			}
			p := Problem{Line: l.line, Severity: Suspicious, Text: text, Message: fmt.Sprintf("repeats line %d", f.Line)}
			if value != f.Text {
				// Which of the two is right nobody can tell.
				p.Severity, p.Message = Unrecognised, fmt.Sprintf("contradicts line %d, which says %q", f.Line, f.Text)
				f.Date = ""
			}
			d.problem(p)
		}
	}
}

// splitHeaderLine splits a paragraph of HTML that holds several header fields.
func splitHeaderLine(text string) []string {
	var parts []string
	words := strings.Split(text, " ")
	start := 0
	for i, w := range words {
		if i > 0 && strings.HasSuffix(w, ":") && new(Header).field(strings.TrimSuffix(w, ":")) != nil {
			parts = append(parts, strings.Join(words[start:i], " "))
			start = i
		}
	}
	return append(parts, strings.Join(words[start:], " "))
}

// possibleDate returns a YYYY-MM-DD that exists in the calendar and that a
// release of Xen can have, else "".
func possibleDate(s string) string {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 2003 || t.Year() > 2199 {
		return ""
	}
	return s
}

// checkHeader reports what is missing, impossible or contradictory in the
// header block.
func (d *document) checkHeader() {
	h := &d.statement.Header
	complain := func(f *Field, key, message string, args ...any) {
		d.statement.Problems = append(d.statement.Problems, Problem{
			Line: f.Line, Severity: Unrecognised, Text: strings.TrimSpace(key + ": " + f.Text), Message: fmt.Sprintf(message, args...),
		})
	}
	for _, key := range headerKeys {
		f := h.field(key)
		switch {
		case f.Line == 0:
			complain(f, key, "%s is missing", key)
		case f == &h.XenVersion:
			if h.Release() == "" && !strings.EqualFold(f.Text, "unstable") {
				complain(f, key, "%q is no release of Xen", f.Text)
			}
		case f.Date == "" && !isPlaceholder(f.Text) && !d.contradicted(f):
			complain(f, key, "%q is not a possible date", f.Text)
		}
	}
	start, full, security := &h.InitialRelease, &h.SupportedUntil, &h.SecuritySupportUntil
	if full.Date != "" && security.Date != "" && security.Date < full.Date {
		complain(security, headerKeys[3], "lies before Supported-Until, %s", full.Date)
	}
	if start.Date != "" && full.Date != "" && full.Date < start.Date {
		complain(full, headerKeys[2], "lies before Initial-Release, %s", start.Date)
	}
}

// contradicted reports whether a field was given twice with two values.
func (d *document) contradicted(f *Field) bool {
	return possibleDate(f.Text) != "" && f.Date == ""
}

// isPlaceholder reports whether a header value says that there is no date yet.
func isPlaceholder(s string) bool {
	switch s = strings.ToLower(s); s {
	case "tbd", "n/a":
		return true
	}
	return strings.HasPrefix(s, "unreleased")
}

// Tainted returns what was not understood under a heading, by its anchor, and
// about the section-wide status above it. A yes of that heading cannot be
// relied on for the hosts that such a problem might concern: those of
// [Problem.Arch], or all when that is empty.
func (s *Statement) Tainted(anchor string) []Problem {
	parent := ""
	for _, sec := range s.Sections {
		if sec.Level == 2 {
			parent = sec.Anchor
		}
		if sec.Anchor == anchor {
			break
		}
	}
	var found []Problem
	for _, p := range s.Problems {
		if p.Severity == Unrecognised && p.Heading != "" && (p.Heading == anchor || p.Heading == parent) {
			found = append(found, p)
		}
	}
	return found
}
