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

// typicalBlocks is about what a distilled statement has.
const typicalBlocks = 512

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
	opener, closer := underscores(s)
	tags := strings.LastIndexByte(s, '>')
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
			if i < closer && opensEmphasis(s, i) || i > opener && closesEmphasis(s, i) {
				continue
			}
			b.WriteByte(c)
		case '[':
			text, length, ok := linkText(s[i:])
			if !ok {
				b.WriteByte(c)
				continue
			}
			b.WriteString(text)
			i += length - 1
		case '<':
			if i+1 < tags && (isLetter(s[i+1]) || s[i+1] == '/') {
				i += strings.IndexByte(s[i:], '>')
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

// underscores returns the first underscore that can open emphasis and the last
// that can close it. Inside a word an underscore is a letter: sync_console.
func underscores(s string) (opener, closer int) {
	opener, closer = len(s), -1
	for i := 0; i < len(s); i++ {
		if opener == len(s) && opensEmphasis(s, i) {
			opener = i
		}
		if closesEmphasis(s, i) {
			closer = i
		}
	}
	return opener, closer
}

func opensEmphasis(s string, i int) bool {
	return s[i] == '_' && (i == 0 || s[i-1] == ' ' || s[i-1] == '(') && i+1 < len(s) && s[i+1] != ' '
}

func closesEmphasis(s string, i int) bool {
	return s[i] == '_' && (i+1 == len(s) || s[i+1] == ' ' || s[i+1] == ')') && i > 0 && s[i-1] != ' '
}

// linkText reads [text](target) at the start of s.
func linkText(s string) (text string, length int, ok bool) {
	end := 1 + strings.IndexAny(s[1:], "[]")
	if end < 1 || s[end] != ']' || end+1 == len(s) || s[end+1] != '(' {
		return "", 0, false
	}
	stop := strings.IndexAny(s[end+2:], "()")
	if stop < 0 || s[end+2+stop] != ')' {
		return "", 0, false
	}
	return s[1:end], end + 2 + stop + 1, true
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
