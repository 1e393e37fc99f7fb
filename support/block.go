package support

import (
	"html"
	"strings"
)

// A document is read in two steps. The reader of its spelling (markdown, text,
// html) turns lines into blocks; assemble turns blocks into a statement. Only
// the first step knows of spellings.

// blockKind tells blocks apart.
type blockKind int

const (
	paragraph  blockKind = iota // prose, unless it reads like data
	heading                     // a title
	literal                     // a code block: its lines are data
	caveatMark                  // stands for prose in a distilled statement
)

// block is a heading, or lines that stand together.
type block struct {
	kind  blockKind
	line  int       // of its first line, from 1
	level int       // of a heading, from 1
	title string    // of a heading
	lines []srcLine // of the others
	odd   string    // what is unusual about how it is written; empty when nothing
}

// srcLine is one line of a block.
type srcLine struct {
	line   int
	indent string // the blanks and tabs before it
	text   string // without blanks at either end
}

// plainTitle reduces a markdown heading's inline markup to its text: emphasis,
// code, links, raw tags, entities and backslash escapes.
func plainTitle(s string) string {
	if !strings.ContainsAny(s, "\\`*_[<&") {
		return strings.Join(strings.Fields(s), " ")
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			if i+1 < len(s) && strings.IndexByte("\\`*_[]<>&#{}()+-.!~'\"$^|@/:", s[i+1]) >= 0 {
				i++
				// An escaped ampersand must not become an entity below.
				b.WriteString(html.EscapeString(s[i : i+1]))
				continue
			}
			b.WriteByte(c)
		case '`', '*':
		case '_':
			// Inside a word it is a letter: sync_console.
			if opensEmphasis(s, i) || closesEmphasis(s, i) {
				continue
			}
			b.WriteByte(c)
		case '[':
			text, rest, ok := linkText(s[i:])
			if !ok {
				b.WriteByte(c)
				continue
			}
			b.WriteString(text)
			i = len(s) - len(rest) - 1
		case '<':
			end := strings.IndexByte(s[i:], '>')
			if end > 1 && (isLetter(s[i+1]) || s[i+1] == '/') {
				i += end
				continue
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// opensEmphasis reports whether the underscore at i begins a word that another
// underscore ends.
func opensEmphasis(s string, i int) bool {
	if i > 0 && s[i-1] != ' ' && s[i-1] != '(' || i+1 == len(s) || s[i+1] == ' ' {
		return false
	}
	for j := i + 1; j < len(s); j++ {
		if s[j] == '_' && (j+1 == len(s) || s[j+1] == ' ' || s[j+1] == ')') {
			return true
		}
	}
	return false
}

// closesEmphasis is the mirror image of opensEmphasis.
func closesEmphasis(s string, i int) bool {
	if i+1 < len(s) && s[i+1] != ' ' && s[i+1] != ')' || i == 0 || s[i-1] == ' ' {
		return false
	}
	for j := i - 1; j >= 0; j-- {
		if s[j] == '_' && (j == 0 || s[j-1] == ' ' || s[j-1] == '(') {
			return true
		}
	}
	return false
}

// linkText reads [text](target) at the start of s.
func linkText(s string) (text, rest string, ok bool) {
	text, rest, ok = strings.Cut(s[1:], "](")
	if !ok || strings.ContainsAny(text, "[]") {
		return "", "", false
	}
	_, rest, ok = strings.Cut(rest, ")")
	return text, rest, ok
}

// escapeTitle writes a title so that plainTitle returns it again.
func escapeTitle(title string) string {
	if plainTitle(title) == title && !strings.HasSuffix(title, "#") && !strings.Contains(title, "<!--") {
		return title
	}
	var b strings.Builder
	for i := 0; i < len(title); i++ {
		switch c := title[i]; c {
		case '<', '&': // as entities, since "\\<!--" would still begin a comment
			b.WriteString(html.EscapeString(title[i : i+1]))
		case '\\', '`', '*', '_', '[', '#':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
