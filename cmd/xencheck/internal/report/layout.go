package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Style says what the text may use.
type Style struct {
	Width   int  // columns; less than MinWidth is taken as MinWidth
	Color   bool // SGR colours; they only repeat what marks and words say
	ASCII   bool // nothing outside ASCII
	Verbose bool // every row, not only those that matter
}

// MinWidth is the narrowest text that is laid out.
const MinWidth = 40

// maxForeign bounds, in runes, one piece of text that comes from a host, a
// statement or a file name. No honest one is near it.
const maxForeign = 600

// mark stands in front of a line and says in one character how good it is.
type mark int

const (
	markNone mark = iota
	markGood
	markWarn
	markBad
	markUnknown
	markNote
)

// runes returns the sign of a mark, one column wide in either set.
func (m mark) runes(ascii bool) string {
	if ascii {
		return [...]string{" ", "+", "!", "x", "?", "-"}[m]
	}
	return [...]string{" ", "✓", "!", "✗", "?", "·"}[m]
}

// SGR parameters (ECMA-48 section 8.3.117).
const (
	sgrBold   = "1"
	sgrRed    = "31"
	sgrGreen  = "32"
	sgrYellow = "33"
	sgrCyan   = "36"
)

// color returns the SGR parameter of a mark.
func (m mark) color() string {
	switch m {
	case markGood:
		return sgrGreen
	case markWarn:
		return sgrYellow
	case markBad:
		return sgrRed
	case markUnknown:
		return sgrCyan
	}
	return ""
}

// page lays text out in lines of a width.
type page struct {
	strings.Builder
	style Style
}

// newPage returns an empty page.
func newPage(s Style) *page {
	s.Width = max(s.Width, MinWidth)
	return &page{style: s}
}

// paint wraps a piece of one line in a colour.
func (p *page) paint(sgr, s string) string {
	if !p.style.Color || sgr == "" || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

// blank ends a paragraph.
func (p *page) blank() { p.WriteByte('\n') }

// head writes a line that stands out.
func (p *page) head(sgr, text string) { p.wrap("", "", "", sgr, text) }

// item writes text behind a mark, indented by some columns; what does not fit
// hangs below the text.
func (p *page) item(indent int, m mark, sgr, text string) {
	lead := strings.Repeat(" ", indent)
	p.wrap(lead, m.runes(p.style.ASCII), m.color(), sgr, text)
}

// field writes text behind a label.
func (p *page) field(indent int, label, text string) {
	if text != "" {
		p.wrap(strings.Repeat(" ", indent), label, "", "", text)
	}
}

// text writes a plain paragraph.
func (p *page) text(indent int, text string) {
	p.wrap(strings.Repeat(" ", indent), "", "", "", text)
}

// wrap writes text behind lead and label; following lines are indented to
// where the text began.
func (p *page) wrap(lead, label, labelSGR, textSGR, text string) {
	start := p.paint(labelSGR, label)
	hang := columns(lead)
	if label != "" {
		start += " "
		hang += columns(label) + 1
	}
	p.WriteString(lead)
	p.WriteString(start)
	for i, line := range fold(p.plain(text), p.style.Width-hang) {
		if i > 0 {
			p.WriteByte('\n')
			p.WriteString(strings.Repeat(" ", hang))
		}
		p.WriteString(p.paint(textSGR, line))
	}
	p.WriteByte('\n')
}

// plain makes text fit to print in the style.
func (p *page) plain(s string) string {
	s = Clean(s)
	if p.style.ASCII {
		s = toASCII(s)
	}
	return s
}

// fold breaks text into lines no wider than width, at blanks only: a single
// word that is wider stays whole.
func fold(s string, width int) []string {
	var lines []string
	var line strings.Builder
	used := 0
	for word := range strings.FieldsSeq(s) {
		w := columns(word)
		switch {
		case used == 0:
		case used+1+w <= width:
			line.WriteByte(' ')
			used++
		default:
			lines = append(lines, line.String())
			line.Reset()
			used = 0
		}
		line.WriteString(word)
		used += w
	}
	return append(lines, line.String())
}

// columns counts the terminal columns of printable text.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r < 0x300:
			n++
		case unicode.In(r, unicode.Mn, unicode.Me):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wide reports whether a terminal gives two columns to a rune: the blocks that
// Unicode's EastAsianWidth (UAX #11) lists as W or F in bulk.
func wide(r rune) bool {
	switch {
	case r < 0x1100:
		return false
	case r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf && r != 0x303f, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1f64f, r >= 0x1f900 && r <= 0x1f9ff,
		r >= 0x20000 && r <= 0x3fffd:
		return true
	}
	return false
}

// Clean makes foreign text safe to print on a terminal: one line, valid UTF-8,
// no control characters, no escape sequences, nothing that reorders what
// stands around it, and of bounded length.
func Clean(s string) string {
	if isPlain(s) && len(s) <= maxForeign {
		return s
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxForeign {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\t' || r == '\n' || r == '\r' || r == '\u00a0':
			b.WriteByte(' ')
		case r == utf8.RuneError || !unicode.IsGraphic(r):
			// Cc, Cf (bidirectional controls), line separators, private use.
			b.WriteRune('\ufffd')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isPlain reports whether s is printable ASCII, as nearly everything is: then
// there is nothing to clean.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// toASCII spells the few signs xencheck uses itself in ASCII; any other
// character becomes a question mark.
func toASCII(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '–', '—', '−':
			b.WriteByte('-')
		case '‘', '’':
			b.WriteByte('\'')
		case '“', '”', '„':
			b.WriteByte('"')
		case '…':
			b.WriteString("...")
		case '×':
			b.WriteByte('x')
		case '→':
			b.WriteString("->")
		case '✓':
			b.WriteByte('+')
		case '✗':
			b.WriteByte('x')
		case '·':
			b.WriteByte('-')
		case '≤':
			b.WriteString("<=")
		case '®', '™':
			// trademarks in CPU names say nothing
		default:
			if r < 0x80 {
				b.WriteRune(r)
			} else {
				b.WriteByte('?')
			}
		}
	}
	return b.String()
}
