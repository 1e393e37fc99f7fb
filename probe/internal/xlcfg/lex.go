package xlcfg

import (
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/internal/discreet"
)

// kind is what sort of token was read.
type kind int

const (
	endOfFile kind = iota
	newline
	identifier
	atom  // a string or a number: text holds its value
	mark  // one of , [ ] ; = and +=
	wrong // outside the grammar: text holds why
)

// token is one word of the grammar. Line and column count from 1, columns in
// bytes.
type token struct {
	kind         kind
	text         string
	line, column int
	first        bool // first on its line, blanks aside
	quoted       bool // of an atom: a string
}

// lexer cuts a file into tokens (libxlu_cfg_l.l of libxlutil).
type lexer struct {
	src      string
	pos      int
	line     int
	begin    int  // where the line begins in src
	fresh    bool // nothing but blanks were read of the line
	problems *problems
}

func (l *lexer) column(pos int) int { return pos - l.begin + 1 }

// next returns the next token. Comments count as the end of their line.
func (l *lexer) next() token {
	for l.pos < len(l.src) && (l.src[l.pos] == ' ' || l.src[l.pos] == '\t') {
		l.pos++
	}
	t := token{line: l.line, column: l.column(l.pos), first: l.fresh}
	if l.pos == len(l.src) {
		return t
	}
	l.fresh = false
	start, c := l.pos, l.src[l.pos]
	switch {
	case c == '#':
		end := strings.IndexByte(l.src[l.pos:], '\n')
		if end < 0 {
			l.pos = len(l.src)
			l.problems.tolerate(t.line, t.column, "a comment at the end of the file without a line end, which xl refuses")
			t.kind = endOfFile
			return t
		}
		l.pos += end
		return l.endLine(t)
	case c == '\n':
		return l.endLine(t)
	case c == '\r' && strings.HasPrefix(l.src[l.pos:], "\r\n"):
		l.problems.tolerateOnce(t.line, t.column, "lines end in a carriage return, which xl refuses")
		l.pos++
		return l.endLine(t)
	case strings.IndexByte(",[];=", c) >= 0:
		l.pos++
		t.kind, t.text = mark, l.src[start:l.pos]
	case strings.HasPrefix(l.src[l.pos:], "+="):
		l.pos += 2
		t.kind, t.text = mark, "+="
	case c >= 'a' && c <= 'z':
		l.pos += span(l.src[l.pos:], func(c byte) bool { return c == '_' || digit(c) || c >= 'a' && c <= 'z' })
		t.kind, t.text = identifier, l.src[start:l.pos]
	case digit(c):
		// Octal, decimal and hexadecimal alike; what it is worth is asked later.
		l.pos += span(l.src[l.pos:], func(c byte) bool { return digit(c) || c >= 'a' && c <= 'f' || c == 'x' })
		t.kind, t.text = atom, l.src[start:l.pos]
	case c == '"' || c == '\'':
		return l.quoted(t, c)
	default:
		l.pos += span(l.src[l.pos:], func(c byte) bool { return c != ' ' && c != '\t' && c != '\n' })
		t.kind, t.text = wrong, quote(l.src[start:l.pos])+" is neither a key, a number, a string nor a list"
	}
	return t
}

func (l *lexer) endLine(t token) token {
	l.pos++
	l.line++
	l.begin, l.fresh = l.pos, true
	t.kind = newline
	return t
}

// quoted reads a string. It ends on its own line, and the other kind of quote
// is an ordinary character in it.
func (l *lexer) quoted(t token, q byte) token {
	t.quoted = true
	var b strings.Builder
	for i := l.pos + 1; i < len(l.src) && l.src[i] != '\n'; i++ {
		switch c := l.src[i]; c {
		case q:
			l.pos = i + 1
			if t.kind != wrong {
				t.kind, t.text = atom, b.String()
			}
			return t
		case '\\':
			n, why := l.escape(&b, i)
			if why != "" && t.kind != wrong {
				t.kind, t.text = wrong, why
			}
			i += n - 1
		default:
			b.WriteByte(c)
		}
	}
	l.pos += span(l.src[l.pos:], func(c byte) bool { return c != '\n' })
	t.kind, t.text = wrong, "a string without its closing quote"
	return t
}

// escape reads the escape at i and returns its length, at least 1, and why it
// is none.
func (l *lexer) escape(b *strings.Builder, i int) (int, string) {
	rest := l.src[i+1:]
	if rest == "" || rest[0] == '\n' {
		return 1, "a backslash at the end of a line"
	}
	if at := strings.IndexByte(`"'\abfnrtv`, rest[0]); at >= 0 {
		b.WriteByte("\"'\\\a\b\f\n\r\t\v"[at])
		return 2, ""
	}
	digits, base := "", 8
	if rest[0] == 'x' {
		base = 16
		digits = rest[1 : 1+min(2, span(rest[1:], hexDigit))]
	} else {
		digits = rest[:min(3, span(rest, func(c byte) bool { return c >= '0' && c <= '7' }))]
	}
	v, err := strconv.ParseUint(digits, base, 8)
	if err != nil {
		return 2, "an escape no string can have: " + quote(l.src[i:i+2])
	}
	// xl's own parser checks these escapes and then loses the character.
	l.problems.tolerate(l.line, l.column(i), "a numeric escape, which xl refuses or drops")
	b.WriteByte(byte(v))
	n := 1 + len(digits)
	if base == 16 {
		n++
	}
	return n, ""
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func hexDigit(c byte) bool { return digit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// span returns how many leading bytes of s satisfy is.
func span(s string, is func(byte) bool) int {
	n := 0
	for n < len(s) && is(s[n]) {
		n++
	}
	return n
}

// quote returns a short form of foreign text for a message, without what
// identifies or opens anything.
func quote(s string) string {
	const most = 40
	if s = discreet.Text(s); len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}
