package support

import (
	"strconv"
	"strings"
	"unicode"
)

// anchors hands out the identifiers that pandoc gives to headings. It sees
// every heading of a document, also those that are no features, because an
// identifier that is taken gets a number.
type anchors struct {
	taken map[string]bool
	next  map[string]int // where to go on counting, so that a thousand equal headings stay cheap
}

func newAnchors() *anchors {
	return &anchors{taken: make(map[string]bool, typicalRows), next: map[string]int{}}
}

// of returns the identifier of the next heading of the document.
func (a *anchors) of(title string) string {
	id := autoIdentifier(title)
	if id == "" {
		id = "section"
	}
	if !a.taken[id] {
		a.taken[id] = true
		return id
	}
	for n := a.next[id] + 1; ; n++ {
		if c := id + "-" + strconv.Itoa(n); !a.taken[c] {
			a.taken[c] = true
			a.next[id] = n
			return c
		}
	}
}

// typography is what pandoc's "smart" turns into one character that
// identifiers do not keep.
var typography = strings.NewReplacer("---", "", "--", "", "...", "")

// autoIdentifier builds a heading's identifier as pandoc's auto_identifiers
// extension does (Pandoc User's Guide, "Extension: auto_identifiers"):
// punctuation except "_", "-" and "." is dropped, words are joined by hyphens,
// letters become lower case and everything before the first letter goes.
func autoIdentifier(title string) string {
	if strings.Contains(title, "--") || strings.Contains(title, "...") {
		title = typography.Replace(title)
	}
	var b strings.Builder
	b.Grow(len(title))
	gap := false
	for _, r := range title {
		switch {
		case unicode.IsLetter(r) || unicode.IsNumber(r) || r == '_' || r == '-' || r == '.':
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(unicode.ToLower(r))
		case unicode.IsSpace(r):
			gap = true
		}
	}
	return strings.TrimLeftFunc(b.String(), func(r rune) bool { return !unicode.IsLetter(r) })
}

// rowKey builds the key of a row as Xen's support matrix does
// (docs/support-matrix-generate): the heading's anchor and, for a qualified
// row, two hyphens and the qualifier in lower case with blanks as hyphens and
// every other punctuation dropped.
func rowKey(anchor, qualifier string) string {
	if qualifier == "" {
		return anchor
	}
	q := strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '\t':
			return '-'
		case r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, qualifier)
	return anchor + "--" + q
}

// Typographic characters that renderers make of plain ones.
var (
	quotationMarks = strings.NewReplacer("‘", "'", "’", "'", "‚", "'", "‛", "'", "“", `"`, "”", `"`, "„", `"`, "‟", `"`)
	smartMarks     = strings.NewReplacer("‘", "'", "’", "'", "“", `"`, "”", `"`, "–", "--", "—", "---", "…", "...")
)

// straight undoes typographic quotation marks.
func straight(s string) string {
	if isASCII(s) {
		return s
	}
	return quotationMarks.Replace(s)
}

// unsmart undoes what a renderer's typography does to a title, so that titles
// read alike in every spelling.
func unsmart(s string) string {
	if isASCII(s) {
		return s
	}
	return smartMarks.Replace(s)
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
