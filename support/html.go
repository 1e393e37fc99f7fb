package support

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlBlocks reads what pandoc makes of a statement: a fragment, a standalone
// page, with or without section numbers and table of contents.
func htmlBlocks(text []byte) ([]block, error) {
	r := htmlReader{z: html.NewTokenizer(bytes.NewReader(text)), line: 1, kind: paragraph}
	r.z.SetMaxBuf(maxSize)
	for {
		kind := r.z.Next()
		raw := string(r.z.Raw())
		switch kind {
		case html.ErrorToken:
			r.flush()
			if err := r.z.Err(); !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("reading HTML: %w", err)
			}
			return r.blocks, nil
		case html.TextToken:
			r.text(raw)
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			r.tag(kind)
		}
		r.line += strings.Count(raw, "\n")
	}
}

type htmlReader struct {
	z      *html.Tokenizer
	line   int // of the token being read
	blocks []block

	kind    blockKind // of the block being collected
	start   int       // its line
	level   int       // its level, of a heading
	pieces  []piece   // its text
	skipped atom.Atom // inside this element nothing is text
	depth   int       // of nested elements of the skipped kind
}

// piece is text within one line of the source. A line can be many pieces when
// there are inline elements in it.
type piece struct {
	line  int
	text  string
	fresh bool // begins a line
}

// tag starts and ends blocks. Inline elements change nothing.
func (r *htmlReader) tag(kind html.TokenType) {
	nameBytes, more := r.z.TagName()
	name := atom.Lookup(nameBytes)
	start := kind == html.StartTagToken
	if r.skipped != 0 {
		switch {
		case name == r.skipped && start:
			r.depth++
		case name == r.skipped:
			r.depth--
		}
		if r.depth == 0 {
			r.skipped = 0
		}
		return
	}
	class := ""
	for more {
		var k, v []byte
		if k, v, more = r.z.TagAttr(); string(k) == "class" || string(k) == "id" {
			class += " " + string(v)
		}
	}
	switch name {
	case atom.Head, atom.Script, atom.Style, atom.Nav, atom.Title:
		r.skip(name, start)
	case atom.Span, atom.Div:
		// Section numbers and the table of contents are the renderer's.
		if strings.Contains(class, "header-section-number") || strings.Contains(class, "toc-section-number") || strings.Contains(class, "TOC") {
			r.skip(name, start)
		} else if name == atom.Div {
			r.flush()
		}
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		r.flush()
		if start && strings.Contains(class, "title") && name == atom.H1 && !strings.Contains(class, "title-") {
			r.skip(name, start) // the title block is no heading of the document
			return
		}
		if start {
			r.begin(heading)
			r.level = int(name.String()[1] - '0')
		}
	case atom.Pre:
		r.flush()
		if start {
			r.begin(literal)
		}
	case atom.Br:
		r.pieces = append(r.pieces, piece{line: r.line, fresh: true})
	case atom.P, atom.Li, atom.Ul, atom.Ol, atom.Dl, atom.Dt, atom.Dd, atom.Blockquote, atom.Table, atom.Tr, atom.Td, atom.Th,
		atom.Header, atom.Footer, atom.Section, atom.Hr, atom.Body, atom.Html:
		r.flush()
	}
}

func (r *htmlReader) skip(name atom.Atom, start bool) {
	if start {
		r.skipped, r.depth = name, 1
	}
}

func (r *htmlReader) begin(kind blockKind) { r.kind, r.start = kind, r.line }

// text adds a text token, line by line, so that each line keeps its number.
func (r *htmlReader) text(raw string) {
	if r.skipped != 0 {
		return
	}
	for i, part := range strings.Split(raw, "\n") {
		r.pieces = append(r.pieces, piece{line: r.line + i, text: html.UnescapeString(part), fresh: i > 0})
	}
}

// flush ends the current block.
func (r *htmlReader) flush() {
	switch r.kind {
	case heading:
		r.blocks = append(r.blocks, block{kind: heading, line: r.start, level: r.level, title: strings.Join(words(r.pieces, unsmart), " ")})
	case literal:
		r.literal()
	case paragraph:
		r.paragraph()
	}
	r.kind, r.pieces = paragraph, nil
}

// words returns the words of pieces: an inline element does not end a word, a
// line does.
func words(pieces []piece, typography func(string) string) []string {
	var b strings.Builder
	for _, p := range pieces {
		if p.fresh {
			b.WriteByte(' ')
		}
		b.WriteString(p.text)
	}
	return strings.Fields(typography(b.String()))
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
	var opener string
	var row []string
	line := 0
	flush := func() {
		if len(row) > 0 {
			b.lines = append(b.lines, srcLine{line: line, text: strings.Join(row, " ")})
		}
		row = nil
	}
	glued := false // the last word goes on in the next piece
	for _, p := range r.pieces {
		text := straight(p.text)
		for i, w := range strings.Fields(text) {
			if i == 0 && glued && !p.fresh && !strings.HasPrefix(text, " ") && len(row) > 0 {
				row[len(row)-1] += w
				continue
			}
			if opener == "" {
				opener = w
			}
			keyword := w == "Status:" || w == "Status," || w == "Supported,"
			if len(row) == 0 || keyword && (opener == w || opener == "Status:" && w == "Status," || opener == "Status," && w == "Status:") {
				flush()
				line = p.line
			}
			row = append(row, w)
		}
		glued = text != "" && !strings.HasSuffix(text, " ")
	}
	flush()
	if len(b.lines) > 1 || strings.HasPrefix(opener, "Status") {
		b.odd = "status is a paragraph, not a code block"
	}
	r.add(b)
}
