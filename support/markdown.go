package support

import "strings"

// markdownBlocks reads a statement as it lies in Xen's source tree: pandoc
// markdown. It is more forgiving than pandoc where an author's slip leaves no
// doubt about what was meant, and says so in the block's odd.
func markdownBlocks(lines []string, distilled bool) []block {
	r := markdownReader{lines: withoutComments(lines, distilled), distilled: distilled, blocks: make([]block, 0, typicalBlocks)}
	for r.next < len(r.lines) {
		r.read()
	}
	return r.blocks
}

// withoutComments blanks HTML comments, which hide what is in them. Code
// blocks cannot hold any, and one that nothing closes hides nothing. The line
// directives of a distilled statement stay.
func withoutComments(lines []string, distilled bool) []string {
	out := make([]string, len(lines))
	copy(out, lines)
	for i := 0; i < len(out); i++ {
		indent, text := cutIndent(out[i])
		start := strings.Index(out[i], "<!--")
		if start < 0 || indentWidth(indent) > 3 {
			continue
		}
		if _, ok := lineDirective(text); ok && distilled {
			continue
		}
		end, rest := i, ""
		for found := false; ; end++ {
			if end == len(out) {
				return out
			}
			from := out[end]
			if end == i {
				from = from[start+len("<!--"):]
			}
			if _, rest, found = strings.Cut(from, "-->"); found {
				break
			}
		}
		out[i] = out[i][:start]
		for j := i + 1; j < end; j++ {
			out[j] = ""
		}
		if end > i {
			out[end] = rest
		} else {
			out[i] += rest
			i-- // there may be another one
		}
	}
	return out
}

type markdownReader struct {
	lines     []string
	distilled bool
	next      int // index of the line to read
	at, atFor int // line number that a directive gives, and the index of the line it is for
	blocks    []block
	inList    bool
	unclosed  map[byte]openFence
}

// openFence remembers a search for a fence's end that failed, so that a file
// full of such fences is not searched again for each of them.
type openFence struct{ length, searchedTo int }

// lineNumber returns where line i stands in the original: its own place, or
// what a line directive of a distilled statement says.
func (r *markdownReader) lineNumber(i int) int {
	if r.at != 0 && i == r.atFor {
		return r.at
	}
	return i + 1
}

func (r *markdownReader) add(b block) { r.blocks = append(r.blocks, b) }

// read consumes one block or blank line.
func (r *markdownReader) read() {
	i := r.next
	indent, text := cutIndent(r.lines[i])
	width := indentWidth(indent)
	if text == "" {
		r.next++
		return
	}
	if r.distilled {
		if n, ok := lineDirective(text); ok {
			r.next++
			r.at, r.atFor = n, r.next
			return
		}
		if text == caveatMarker {
			r.add(block{kind: caveatMark, line: r.lineNumber(i)})
			r.next++
			return
		}
	}
	if level, title, odd := atxHeading(width, text); level > 0 {
		r.inList = false
		r.add(block{kind: heading, line: r.lineNumber(i), level: level, title: title, odd: odd})
		r.next++
		return
	}
	if level := r.setextLevel(width); level > 0 {
		r.inList = false
		r.add(block{kind: heading, line: r.lineNumber(i), level: level, title: plainTitle(text)})
		r.next += 2
		return
	}
	if width < 4 && r.fenced(text) {
		return
	}
	if width < 4 && isListItem(text) {
		r.inList = true
	} else if width == 0 {
		r.inList = false
	}
	b := block{kind: literal, line: r.lineNumber(i)}
	switch {
	case width < 4:
		b.kind = paragraph
	case r.inList:
		b.kind, b.odd = paragraph, "status stands inside a list"
	}
	r.collect(&b)
	r.add(b)
}

// collect gathers the consecutive lines of a block. As in markdown a paragraph
// swallows an indented line that follows it directly.
func (r *markdownReader) collect(b *block) {
	for first := r.next; r.next < len(r.lines); r.next++ {
		indent, text := cutIndent(r.lines[r.next])
		width := indentWidth(indent)
		if text == "" {
			return
		}
		if r.next > first {
			level, _, _ := atxHeading(width, text)
			// A line of prose can begin with a hash; "## " is no prose.
			if level > 1 || level == 1 && b.kind == literal {
				return
			}
			if width < 4 && (b.kind == literal || fenceMark(text) != 0) {
				return
			}
			if r.distilled && (text == caveatMarker || strings.HasPrefix(text, "<!--")) {
				return
			}
		}
		if plain, odd := undecorated(text); odd != "" && !r.distilled {
			text, b.odd = plain, odd
		}
		b.lines = append(b.lines, srcLine{line: r.lineNumber(r.next), indent: indent, text: text})
	}
}

// undecorated returns a status without the list marker before it and the
// emphasis around it: "* Status, x86: Supported", "**Status:** Supported". odd
// is empty for a line that is no such status.
func undecorated(text string) (plain, odd string) {
	plain = text
	if isListItem(text) {
		plain, odd = strings.TrimSpace(text[strings.IndexAny(text, " \t"):]), "status stands inside a list"
	}
	if plain != "" && strings.IndexByte("*_`", plain[0]) >= 0 {
		plain, odd = plainTitle(plain), "status stands between marks of emphasis"
	}
	if k, ok := splitKey(plain); odd == "" || !ok || !k.known() || k.keyword() != keyStatus {
		return text, ""
	}
	return plain, odd
}

// fenced reads a fenced code block and reports whether there is one.
func (r *markdownReader) fenced(text string) bool {
	mark := fenceMark(text)
	if mark == 0 {
		return false
	}
	length := len(text) - len(strings.TrimLeft(text, string(mark)))
	if known, ok := r.unclosed[mark]; ok && length >= known.length && r.next < known.searchedTo {
		return false
	}
	end := r.next + 1
	for ; end < len(r.lines); end++ {
		t := strings.TrimSpace(r.lines[end])
		if len(t) >= length && strings.Trim(t, string(mark)) == "" {
			break
		}
		if strings.HasPrefix(t, "## ") || strings.HasPrefix(t, "### ") {
			break // a section begins: nobody closed the fence
		}
	}
	if end == len(r.lines) || strings.HasPrefix(r.lines[end], "#") {
		if r.unclosed == nil {
			r.unclosed = map[byte]openFence{}
		}
		r.unclosed[mark] = openFence{length: length, searchedTo: end}
		return false
	}
	var b block
	flush := func() {
		if len(b.lines) > 0 {
			r.add(b)
		}
		b = block{kind: literal}
	}
	flush()
	for i := r.next + 1; i < end; i++ {
		indent, t := cutIndent(r.lines[i])
		if t == "" {
			flush()
			continue
		}
		if len(b.lines) == 0 {
			b.line = r.lineNumber(i)
		}
		b.lines = append(b.lines, srcLine{line: r.lineNumber(i), indent: codeIndent + indent, text: t})
	}
	flush()
	r.next = end + 1
	return true
}

// codeIndent makes a line of markdown code. Lines of other code blocks get it
// too, so that indentation means the same whatever the spelling.
const codeIndent = "    "

// fenceMark returns the character of a fence that a line opens or closes, or 0.
func fenceMark(text string) byte {
	switch {
	case strings.HasPrefix(text, "~~~"):
		return '~'
	case strings.HasPrefix(text, "```") && !strings.Contains(strings.TrimLeft(text, "`"), "`"):
		return '`'
	}
	return 0
}

// atxHeading reads "### Title ###"; level 0 means that the line is none.
func atxHeading(width int, text string) (level int, title, odd string) {
	n := 0
	for n < len(text) && text[n] == '#' {
		n++
	}
	if n == 0 || n > 6 || width > 3 {
		return 0, "", ""
	}
	if width > 0 {
		odd = "heading is indented"
	}
	if n == len(text) {
		return n, "", odd
	}
	if c := text[n]; c != ' ' && c != '\t' {
		// "##Title" is a slip; "#1234" and "#if" are prose.
		if n < 2 || !isLetter(c) {
			return 0, "", ""
		}
		odd = "heading lacks the blank after its hashes"
	}
	title = strings.TrimSpace(text[n:])
	if bare := strings.TrimRight(title, "#"); !strings.HasSuffix(bare, `\`) {
		title = strings.TrimSpace(bare)
	}
	return n, plainTitle(title), odd
}

// setextLevel returns the level of a heading whose underline follows, or 0.
func (r *markdownReader) setextLevel(width int) int {
	if width > 0 || r.next+1 >= len(r.lines) {
		return 0
	}
	u := strings.TrimRight(r.lines[r.next+1], " \t")
	switch {
	case len(u) < 3:
		return 0
	case strings.Trim(u, "=") == "":
		return 1
	case strings.Trim(u, "-") == "":
		return 2
	}
	return 0
}

// isListItem reports whether a line begins a bullet or numbered list item.
func isListItem(text string) bool {
	if len(text) > 1 && strings.IndexByte("*-+", text[0]) >= 0 && (text[1] == ' ' || text[1] == '\t') {
		return true
	}
	i := 0
	for i < len(text) && i < 9 && isDigit(text[i]) {
		i++
	}
	return i > 0 && i+1 < len(text) && (text[i] == '.' || text[i] == ')') && text[i+1] == ' '
}

// cutIndent splits a line into its indentation and its text.
func cutIndent(line string) (indent, text string) {
	text = strings.TrimLeft(line, " \t")
	return line[:len(line)-len(text)], strings.TrimRight(text, " \t")
}

// indentWidth is the column that the text after an indentation begins at, with
// tab stops every four columns.
func indentWidth(indent string) int {
	w := 0
	for i := 0; i < len(indent); i++ {
		if indent[i] == '\t' {
			w += 4 - w%4
		} else {
			w++
		}
	}
	return w
}
