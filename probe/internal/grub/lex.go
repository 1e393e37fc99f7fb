package grub

import "strings"

// partKind tells what a part of a word is.
type partKind int

const (
	literal  partKind = iota
	variable          // text is its name
	opaque            // the output of a program, arithmetic, or the like
)

// part is a piece of a word.
type part struct {
	kind   partKind
	text   string
	quoted bool
}

// token is a word, or an operator where op is not empty: a line end, ";", "&",
// "|", "&&", "||", ";;", "(", ")".
type token struct {
	op    string
	parts []part
	line  int
}

// plain returns the text of a word that is written without quotes and
// variables, as keywords and the names of assignments are.
func (t token) plain() string {
	if t.op != "" || len(t.parts) != 1 || t.parts[0].kind != literal || t.parts[0].quoted {
		return ""
	}
	return t.parts[0].text
}

// lexer divides a text. The languages of the shell and of GRUB do not differ
// in what it looks at, except that only the shell runs programs in words, that
// GRUB's knows no subshells and redirections, (hd0,1)/xen.gz is a word of it, and
// that its braces stand for themselves wherever they are.
type lexer struct {
	grub   bool
	s      string
	i      int
	line   int
	tokens []token
	heres  []string // ends of here documents that begin after this line
}

func lex(s string, grub bool) []token {
	l := &lexer{grub: grub, s: s, line: 1}
	for l.i < len(l.s) {
		l.next()
	}
	l.op("\n")
	return l.tokens
}

func (l *lexer) op(op string) {
	l.tokens = append(l.tokens, token{op: op, line: l.line})
}

func (l *lexer) next() {
	c := l.s[l.i]
	switch c {
	case ' ', '\t', '\r':
		l.i++
	case '\n':
		l.op("\n")
		l.i++
		l.line++
		l.skipHeres()
	case '#':
		for l.i < len(l.s) && l.s[l.i] != '\n' {
			l.i++
		}
	case '(', ')':
		if l.grub {
			l.word()
			break
		}
		l.op(string(c))
		l.i++
	case ';', '&', '|':
		op := string(c)
		if l.i+1 < len(l.s) && l.s[l.i+1] == c {
			op += string(c)
		}
		l.i += len(op)
		l.op(op)
	case '<', '>':
		if l.grub {
			l.op(string(c))
			l.i++
			break
		}
		l.redirection()
	default:
		l.word()
	}
}

// redirection drops a redirection with its target.
func (l *lexer) redirection() {
	here := strings.HasPrefix(l.s[l.i:], "<<")
	l.i = l.skip(l.i, "<>&-|")
	l.i = l.skip(l.i, " \t")
	n := len(l.tokens)
	if l.i < len(l.s) && !strings.ContainsRune("\n;&|()<>#", rune(l.s[l.i])) {
		l.word()
	}
	if here && len(l.tokens) > n {
		var end strings.Builder
		for _, p := range l.tokens[n].parts {
			end.WriteString(p.text)
		}
		l.heres = append(l.heres, end.String())
	}
	l.tokens = l.tokens[:n]
}

func (l *lexer) skip(i int, set string) int {
	for i < len(l.s) && strings.IndexByte(set, l.s[i]) >= 0 {
		i++
	}
	return i
}

func (l *lexer) skipHeres() {
	for _, end := range l.heres {
		for l.i < len(l.s) {
			line, _, _ := strings.Cut(l.s[l.i:], "\n")
			l.i = min(len(l.s), l.i+len(line)+1)
			l.line++
			if strings.TrimLeft(line, "\t") == end {
				break
			}
		}
	}
	l.heres = nil
}

// word reads up to a blank or operator outside quotes.
func (l *lexer) word() {
	t := token{line: l.line}
	start := l.i
	add := func(k partKind, text string, quoted bool) {
		if n := len(t.parts) - 1; k == literal && n >= 0 && t.parts[n].kind == literal && t.parts[n].quoted == quoted {
			t.parts[n].text += text
			return
		}
		t.parts = append(t.parts, part{k, text, quoted})
	}
	for l.i < len(l.s) {
		c := l.s[l.i]
		if strings.IndexByte(" \t\r\n;&|<>", c) >= 0 || !l.grub && (c == '(' || c == ')') {
			break
		}
		brace := l.grub && (c == '{' || c == '}')
		if brace && l.i > start {
			break
		}
		switch c {
		case '\\':
			l.escape(add)
		case '\'':
			end := strings.IndexByte(l.s[l.i+1:], '\'')
			if end < 0 {
				// No quotation ends here: nothing is certain from here on.
				add(opaque, "", true)
				l.i = len(l.s)
				break
			}
			text := l.s[l.i+1 : l.i+1+end]
			add(literal, text, true)
			l.line += strings.Count(text, "\n")
			l.i += end + 2
		case '"':
			l.double(add)
		case '$', '`':
			l.dollar(add, false)
		case '~':
			if l.i == start || l.s[l.i-1] == '=' {
				add(opaque, "", false)
			} else {
				add(literal, "~", false)
			}
			l.i++
		default:
			end := l.i + 1
			for end < len(l.s) && strings.IndexByte(" \t\r\n;&|()<>\\'\"$`~", l.s[end]) < 0 && !(l.grub && (brace || l.s[end] == '{' || l.s[end] == '}')) {
				end++
			}
			add(literal, l.s[l.i:end], false)
			l.i = end
		}
		if brace {
			break
		}
	}
	// A number right before a redirection is part of it.
	if l.i < len(l.s) && (l.s[l.i] == '<' || l.s[l.i] == '>') && l.i > start && strings.Trim(l.s[start:l.i], "0123456789") == "" {
		return
	}
	if l.i > start && len(t.parts) > 0 {
		l.tokens = append(l.tokens, t)
	}
}

// escape reads a backslash outside quotes; a line end after it joins lines.
func (l *lexer) escape(add func(partKind, string, bool)) {
	l.i++
	switch {
	case l.i == len(l.s):
		add(literal, `\`, true)
		return
	case l.s[l.i] == '\n':
		l.line++
	default:
		add(literal, l.s[l.i:l.i+1], true)
	}
	l.i++
}

// double reads a text between double quotes.
func (l *lexer) double(add func(partKind, string, bool)) {
	l.i++
	add(literal, "", true)
	for l.i < len(l.s) {
		switch c := l.s[l.i]; c {
		case '"':
			l.i++
			return
		case '\\':
			l.i++
			if l.i == len(l.s) {
				break
			}
			switch l.s[l.i] {
			case '\n':
				l.line++
			case '$', '`', '"', '\\':
				add(literal, l.s[l.i:l.i+1], true)
			default:
				add(literal, l.s[l.i-1:l.i+1], true)
			}
			l.i++
		case '$', '`':
			l.dollar(add, true)
		default:
			end := l.i + 1
			for end < len(l.s) && strings.IndexByte("\"\\$`", l.s[end]) < 0 {
				end++
			}
			l.line += strings.Count(l.s[l.i:end], "\n")
			add(literal, l.s[l.i:end], true)
			l.i = end
		}
	}
	add(opaque, "", true) // never ended
}

// dollar reads a variable, or skips a program whose output would stand here.
func (l *lexer) dollar(add func(partKind, string, bool), quoted bool) {
	rest := l.s[l.i:]
	switch {
	case rest[0] == '`':
		end := 1
		for end < len(rest) && rest[end] != '`' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		l.pass(min(len(rest), end+1))
		add(opaque, "", quoted)
	case strings.HasPrefix(rest, "$("):
		l.pass(program(rest, 0))
		add(opaque, "", quoted)
	case strings.HasPrefix(rest, "${"):
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			l.pass(len(rest))
			add(opaque, "", quoted)
			return
		}
		if name := rest[2:end]; isName(name) {
			add(variable, name, quoted)
		} else {
			// A default or a piece of it: ${A:-b}, ${A%b}, ${A:-${B}}.
			for open := strings.Count(rest[2:end], "${"); open > 0; open-- {
				next := strings.IndexByte(rest[end+1:], '}')
				if next < 0 {
					end = len(rest) - 1
					break
				}
				end += next + 1
			}
			add(opaque, "", quoted)
		}
		l.pass(end + 1)
	default:
		end := 1
		for end < len(rest) && isName(rest[1:end+1]) {
			end++
		}
		switch {
		case end > 1:
			add(variable, rest[1:end], quoted)
		case end < len(rest) && strings.IndexByte("0123456789@*#?$!-", rest[end]) >= 0:
			add(opaque, "", quoted)
			end++
		default:
			if l.grub {
				l.op("$") // which GRUB takes for a mistake
			}
			add(literal, "$", quoted)
		}
		l.pass(end)
	}
}

func (l *lexer) pass(n int) {
	l.line += strings.Count(l.s[l.i:l.i+n], "\n")
	l.i += n
}

// program returns where $( … ) at the start of s ends.
func program(s string, depth int) int {
	if depth > maxDepth {
		return len(s)
	}
	for i := 2; i < len(s); {
		switch {
		case s[i] == ')':
			return i + 1
		case s[i] == '\\':
			i += 2
		case s[i] == '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return len(s)
			}
			i += end + 2
		case s[i] == '"':
			i++
			for i < len(s) && s[i] != '"' {
				switch {
				case s[i] == '\\':
					i += 2
				case strings.HasPrefix(s[i:], "$("):
					i += program(s[i:], depth+1)
				default:
					i++
				}
			}
			i++
		case strings.HasPrefix(s[i:], "$("):
			i += program(s[i:], depth+1)
		case s[i] == '(':
			i += program(s[i-1:], depth+1) - 1
		default:
			i++
		}
	}
	return len(s)
}

// isName tells a variable's name.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
