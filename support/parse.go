package support

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSize bounds a statement, in bytes. The longest published one has 33,000.
const maxSize = 4 << 20

// Spellings of a statement.
const (
	spellingMarkdown = "markdown"
	spellingText     = "text"
	spellingHTML     = "html"
)

// ErrNotStatement is wrapped by the errors of [Parse].
var ErrNotStatement = errors.New("not a support statement")

// Parse reads a support statement: SUPPORT.md itself, the plain text rendered
// from it, or the HTML that pandoc makes of it. Byte order mark, line endings
// and blanks at line ends make no difference.
//
// It fails only when text is no support statement at all, with an error that
// wraps [ErrNotStatement] and names what the text looks like. Lines it does
// not understand end up in [Statement.Problems].
func Parse(name string, text []byte) (*Statement, error) {
	d, err := parse(name, text, false)
	if err != nil {
		return nil, err
	}
	return d.statement, nil
}

// parse is Parse, with what Distil needs besides if that is wanted.
func parse(name string, text []byte, distil bool) (*document, error) {
	if what := foreign(text); what != "" {
		return nil, fmt.Errorf("%q is %w: %s", name, ErrNotStatement, what)
	}
	clean, damaged := normalise(text)
	lines := strings.Split(clean, "\n")
	p, distilled := parseProvenance(lines[0])
	spelling := spellingMarkdown
	if !distilled {
		spelling = detectSpelling(lines)
		p.Spelling = spelling
	}
	p.Origin = name

	var blocks []block
	switch spelling {
	case spellingMarkdown:
		blocks = markdownBlocks(lines, distilled)
	case spellingText:
		blocks = textBlocks(lines)
	case spellingHTML:
		blocks = htmlBlocks(clean)
	}
	d := assemble(blocks, spelling, distil)
	d.statement.Name, d.statement.Provenance = name, p
	if damaged > 0 {
		d.problem(Problem{Line: damaged, Severity: Suspicious, Text: lines[damaged-1], Message: "bytes that are not UTF-8"})
	}
	if d.features == 0 && len(d.statement.Rows) == 0 {
		return nil, fmt.Errorf("%q is %w: %s", name, ErrNotStatement, resembles(spelling, clean))
	}
	d.finish()
	return d, nil
}

// foreign names what a text is that cannot be a statement, judging by size and
// the bytes it is made of; empty when it may be one.
func foreign(text []byte) string {
	magic := []struct{ prefix, what string }{
		{"%PDF-", "a PDF document"}, {"\x1f\x8b", "gzip-compressed data"}, {"PK\x03\x04", "a ZIP archive or office document"},
		{"\x7fELF", "an ELF program"}, {"\xfd7zXZ", "xz-compressed data"}, {"BZh", "bzip2-compressed data"}, {"\x28\xb5\x2f\xfd", "zstd-compressed data"},
		{"\xff\xfe", "UTF-16 text, which has to be converted to UTF-8"}, {"\xfe\xff", "UTF-16 text, which has to be converted to UTF-8"},
		{"\x89PNG", "a PNG image"}, {"\xff\xd8\xff", "a JPEG image"}, {"{\\rtf", "an RTF document"}, {"\xd0\x0d\xfe\xed", "a device tree blob"},
	}
	for _, m := range magic {
		if bytes.HasPrefix(text, []byte(m.prefix)) {
			return m.what
		}
	}
	switch {
	case len(text) > maxSize:
		return fmt.Sprintf("%d bytes long, and at most %d are read", len(text), maxSize)
	case len(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))) == 0:
		return "empty"
	case bytes.IndexByte(text, 0) >= 0:
		return "binary data"
	}
	return ""
}

// resembles says what a readable text without any status is.
func resembles(spelling, text string) string {
	t := strings.TrimSpace(text)
	switch {
	case spelling == spellingHTML:
		return `an HTML page without a heading "Feature Support" and without status lines`
	case strings.HasPrefix(t, "{") || strings.HasPrefix(t, "["):
		return "it looks like JSON"
	case strings.HasPrefix(t, "<"):
		return "it looks like XML or HTML"
	}
	return `text without a heading "Feature Support" and without status lines`
}

// normalise returns the text with one kind of line end, plain blanks and no
// invisible characters, and the first line that had bytes outside UTF-8.
func normalise(text []byte) (clean string, damaged int) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		for line := range bytes.Lines(text) {
			damaged++
			if !utf8.Valid(line) {
				break
			}
		}
		text = bytes.ToValidUTF8(text, []byte("\ufffd"))
	}
	clean = string(text)
	if isPlain(clean) {
		return clean, damaged
	}
	clean = strings.ReplaceAll(clean, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r == '\n' || r == '\t' || r >= ' ' && r < 0x7f:
			return r
		case unicode.IsControl(r) || unicode.IsSpace(r):
			return ' '
		case r == '\ufeff' || r == '\u200b' || r == '\u2060' || r == '\u00ad':
			return -1
		}
		return r
	}, clean), damaged
}

// isPlain reports whether a text has nothing to normalise, as the embedded
// ones have not.
func isPlain(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; (c < ' ' || c >= 0x7f) && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// detectSpelling tells the spellings apart by how they write their headings.
func detectSpelling(lines []string) string {
	var markdown, text, tags int
	for i, l := range lines {
		_, t := cutIndent(l)
		if level, _, _ := atxHeading(indentWidth(l[:len(l)-len(strings.TrimLeft(l, " \t"))]), t); level > 0 {
			markdown++
		}
		if strings.HasPrefix(t, "===") && i > 0 && strings.Trim(t, "=") == "" {
			markdown++
		}
		if number, title, _ := numberedTitle(t, nil, false); number != nil && title != "" {
			text++
		} else if _, title, _ := strings.Cut(t, " "); t != "" && isDigit(t[0]) && strings.EqualFold(strings.TrimSpace(title), featureSupport) {
			text += 10
		}
		tags += headingTags(t)
	}
	switch {
	case tags > markdown:
		return spellingHTML
	case text > markdown:
		return spellingText
	}
	return spellingMarkdown
}

// headingTags counts the heading tags of a line.
func headingTags(line string) int {
	n := 0
	for {
		i := strings.Index(line, "<")
		if i < 0 {
			return n
		}
		line = line[i+1:]
		if len(line) > 2 && (line[0] == 'h' || line[0] == 'H') && line[1] >= '1' && line[1] <= '6' && (line[2] == '>' || line[2] == ' ') {
			n++
		}
	}
}
