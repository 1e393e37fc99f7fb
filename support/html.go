package support

import (
	"html"
	"strings"
)

// htmlBlocks reads what pandoc makes of a statement: a fragment, a standalone
// page, with or without section numbers and table of contents.
func htmlBlocks(text string) []block {
	r := htmlReader{tags: tagReader{rest: text, line: 1}}
	for r.tags.next() {
		switch t := r.tags.token; t.kind {
		case textToken:
			r.text(t)
		default:
			r.tag(t)
		}
	}
	r.flush()
	return r.blocks
}

// htmlReader turns tags and text into blocks.
type htmlReader struct {
	tags   tagReader
	blocks []block

	kind   blockKind // of the block being collected
	start  int       // its line
	level  int       // its level, of a heading
	pieces []piece   // its text

	skipped string // inside this element nothing is text
	depth   int    // of nested elements of the skipped kind
}

// piece is text within one line of the source. A line can be many pieces when
// there are inline elements in it.
type piece struct {
	line  int
	text  string
	fresh bool // begins a line
}

// tag starts and ends blocks. Inline elements change nothing.
func (r *htmlReader) tag(t token) {
	start := t.kind == startToken
	if r.skipped != "" {
		if t.name == r.skipped {
			if start {
				r.depth++
			} else {
				r.depth--
			}
		}
		if r.depth == 0 {
			r.skipped = ""
		}
		return
	}
	switch t.name {
	case "head", "script", "style", "nav", "title":
		r.skip(t)
	case "span", "div":
		// Section numbers and the table of contents are the renderer's.
		if t.marked("header-section-number") || t.marked("toc-section-number") || t.marked("TOC") {
			r.skip(t)
		} else if t.name == "div" {
			r.flush()
		}
	case "h1", "h2", "h3", "h4", "h5", "h6":
		r.flush()
		switch {
		case t.name == "h1" && t.marked("title"):
			r.skip(t) // the title block is no heading of the document
		case start:
			r.kind, r.start, r.level = heading, t.line, int(t.name[1]-'0')
		}
	case "pre":
		r.flush()
		if start {
			r.kind, r.start = literal, t.line
		}
	case "br":
		r.pieces = append(r.pieces, piece{line: t.line, fresh: true})
	case "p", "li", "ul", "ol", "dl", "dt", "dd", "blockquote", "table", "tr", "td", "th", "header", "footer", "section", "hr", "body", "html":
		r.flush()
	}
}

func (r *htmlReader) skip(t token) {
	if t.kind == startToken {
		r.skipped, r.depth = t.name, 1
	}
}

// text adds text, line by line, so that each line keeps its number.
func (r *htmlReader) text(t token) {
	if r.skipped != "" {
		return
	}
	for i, part := range strings.Split(t.text, "\n") {
		r.pieces = append(r.pieces, piece{line: t.line + i, text: cleanEntities(part), fresh: i > 0})
	}
}

// cleanEntities decodes entities. A line end that one spells is a blank, since
// lines are those of the source.
func cleanEntities(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	clean, _ := normalise([]byte(html.UnescapeString(s)))
	return strings.ReplaceAll(clean, "\n", " ")
}

// flush ends the current block.
func (r *htmlReader) flush() {
	switch r.kind {
	case heading:
		var title []string
		for _, w := range words(r.pieces) {
			title = append(title, w.text)
		}
		r.blocks = append(r.blocks, block{kind: heading, line: r.start, level: r.level, title: unsmart(strings.Join(title, " "))})
	case literal:
		r.literal()
	case paragraph:
		r.paragraph()
	}
	r.kind, r.pieces = paragraph, nil
}

// word is a word with the line that it begins on.
type word struct {
	text string
	line int
}

// words returns the words of pieces: an inline element does not end a word, a
// line does.
func words(pieces []piece) []word {
	var b strings.Builder
	begins := make([]int, len(pieces)) // offset of each piece
	for i, p := range pieces {
		if p.fresh {
			b.WriteByte(' ')
		}
		begins[i] = b.Len()
		b.WriteString(p.text)
	}
	var list []word
	at, offset := 0, 0
	for rest := b.String(); ; {
		text := strings.TrimLeft(rest, " \t")
		if text == "" {
			return list
		}
		offset += len(rest) - len(text)
		for at+1 < len(begins) && begins[at+1] <= offset {
			at++
		}
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		list = append(list, word{text: text[:end], line: pieces[at].line})
		rest, offset = text[end:], offset+end
	}
}

// literal appends the runs of lines of a code block.
func (r *htmlReader) literal() {
	run := block{kind: literal}
	for i := 0; i < len(r.pieces); {
		var line strings.Builder
		number := r.pieces[i].line
		for first := i; i < len(r.pieces) && (i == first || !r.pieces[i].fresh); i++ {
			line.WriteString(r.pieces[i].text)
		}
		indent, text := cutIndent(straight(line.String()))
		if text == "" {
			r.add(run)
			run = block{kind: literal}
			continue
		}
		run.lines = append(run.lines, srcLine{line: number, indent: codeIndent + indent, text: text})
	}
	r.add(run)
}

// add appends a block that has lines.
func (r *htmlReader) add(b block) {
	if len(b.lines) > 0 {
		b.line = b.lines[0].line
		r.blocks = append(r.blocks, b)
	}
}

// paragraph appends a paragraph. Line breaks inside one mean nothing, so rows
// that the source wrote as a paragraph ("Status, Mandatory: Supported Status,
// SYSTEM_SUSPEND: Tech Preview") are separated where a keyword begins anew.
func (r *htmlReader) paragraph() {
	b := block{kind: paragraph}
	var opener string // keyword that the paragraph begins with
	var row []string
	line := 0
	flush := func() {
		if len(row) > 0 {
			b.lines = append(b.lines, srcLine{line: line, text: straight(strings.Join(row, " "))})
		}
		row = nil
	}
	for i, w := range words(r.pieces) {
		keyword := ""
		switch w.text {
		case "Status:", "Status,", "Supported,":
			keyword = w.text[:len(w.text)-1]
		}
		if i == 0 {
			opener = keyword
		}
		if i == 0 || keyword != "" && keyword == opener {
			flush()
			line = w.line
		}
		row = append(row, w.text)
	}
	flush()
	if opener != "" {
		b.odd = "status is a paragraph, not a code block"
	}
	r.add(b)
}

// tagReader splits HTML into tags and text. It knows as much of the syntax as
// a renderer's output needs (HTML, "Tokenization"): quoted attributes, comments
// and elements whose content is not markup. golang.org/x/net/html knows all of
// it, at the price of building its entity table at every start of the program.
type tagReader struct {
	rest     string
	line     int // of the beginning of rest
	token    token
	unclosed bool // a comment in rest is never closed, and so hides nothing
}

type token struct {
	kind tokenKind
	line int
	name string // of the element, in lower case
	text string // of text as written; of a tag everything after the name
}

type tokenKind int

const (
	textToken tokenKind = iota
	startToken
	endToken
)

// marked reports whether a start tag has a class or id.
func (t token) marked(name string) bool {
	return t.kind == startToken && strings.Contains(t.text, `"`+name+`"`)
}

// next reads the next token and reports whether there is one.
func (r *tagReader) next() bool {
	for r.rest != "" {
		if strings.HasPrefix(r.rest, "<!--") && !r.unclosed {
			if end := strings.Index(r.rest, "-->"); end >= 0 {
				r.take(end + len("-->"))
				continue
			}
			r.unclosed = true
		}
		if end := tagEnd(r.rest); end > 0 {
			r.tag(end)
			return true
		}
		// Text lasts until something that begins like a tag.
		end := 1
		for end < len(r.rest) && !(r.rest[end] == '<' && beginsTag(r.rest[end:])) {
			end++
		}
		r.token = token{kind: textToken, line: r.line}
		r.token.text = r.take(end)
		return true
	}
	return false
}

// take removes n bytes from rest, which may be fewer, and counts their lines.
func (r *tagReader) take(n int) string {
	n = min(n, len(r.rest))
	s := r.rest[:n]
	r.rest = r.rest[n:]
	r.line += strings.Count(s, "\n")
	return s
}

// tag reads the tag that ends before end.
func (r *tagReader) tag(end int) {
	t := token{kind: startToken, line: r.line}
	s := strings.TrimSuffix(r.take(end)[1:], ">")
	if s[0] == '/' {
		t.kind, s = endToken, s[1:]
	}
	n := 0
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	t.name, t.text = strings.ToLower(s[:n]), s[n:]
	r.token = t
	if t.kind == startToken && (t.name == "script" || t.name == "style") {
		// What is in there is not markup.
		for end := "/" + t.name; r.rest != ""; r.take(1) {
			r.take(max(0, strings.IndexByte(r.rest, '<')))
			if len(r.rest) > len(end) && strings.EqualFold(r.rest[1:1+len(end)], end) {
				break
			}
		}
	}
}

// beginsTag reports whether s, which begins with "<", begins a tag or comment.
func beginsTag(s string) bool {
	return len(s) > 1 && (isLetter(s[1]) || s[1] == '!' || s[1] == '/' && len(s) > 2 && isLetter(s[2]))
}

// maxTag bounds a tag, in bytes: a "<" that nothing closes is text.
const maxTag = 4096

// tagEnd returns the length of the tag that s begins with, 0 when it does not.
func tagEnd(s string) int {
	if s[0] != '<' || !beginsTag(s) {
		return 0
	}
	quote := byte(0)
	for i := 1; i < len(s) && i < maxTag; i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		case c == '<':
			return 0
		}
	}
	return 0
}
