package support

import (
	"strconv"
	"strings"
)

// textBlocks reads the plain text that a renderer makes of a statement: titles
// carry section numbers ("2.3.1 ACPI CPU Hotplug"), code blocks have lost their
// indentation and quotation marks are typographic.
func textBlocks(lines []string) []block {
	var blocks []block
	var current []int // number of the heading we are under
	start := tableOfContents(lines)
	for i := start; i < len(lines); {
		_, text := cutIndent(lines[i])
		if text == "" {
			i++
			continue
		}
		alone := (i == 0 || blank(lines[i-1])) && (i+1 == len(lines) || blank(lines[i+1]))
		if number, title, odd := numberedTitle(text, current, alone); number != nil {
			current = number
			blocks = append(blocks, block{kind: heading, line: i + 1, level: len(number), title: unsmart(title), odd: odd})
			i++
			continue
		}
		b := block{kind: paragraph, line: i + 1}
		for ; i < len(lines) && !blank(lines[i]); i++ {
			indent, text := cutIndent(lines[i])
			alone := (i == 0 || blank(lines[i-1])) && (i+1 == len(lines) || blank(lines[i+1]))
			if number, _, _ := numberedTitle(text, current, alone); number != nil {
				break
			}
			b.lines = append(b.lines, srcLine{line: i + 1, indent: indent, text: straight(text)})
		}
		blocks = append(blocks, b)
	}
	return blocks
}

func blank(line string) bool { return strings.TrimSpace(line) == "" }

// tableOfContents returns the line to start at: past a table of contents,
// which repeats every title, and 0 when there is none.
func tableOfContents(lines []string) int {
	first, last := "", 0
	for i, l := range lines {
		t := strings.TrimSpace(l)
		if first == "" {
			if number, _, _ := numberedTitle(t, nil, false); number != nil {
				first = t
			}
			continue
		}
		if t == first {
			last = i
		}
	}
	return last
}

// numberedTitle reads a title with its section number. Prose can begin with a
// number too ("16 registers …"), so the number has to follow on the current
// one; when it only comes later in the same chapter the line has to stand
// alone, and odd says what is unusual.
func numberedTitle(text string, current []int, alone bool) (number []int, title, odd string) {
	end := strings.IndexAny(text, " \t")
	if end <= 0 || !isDigit(text[0]) || len(text) > 200 || strings.HasSuffix(text, ".") {
		return nil, "", ""
	}
	for _, part := range strings.Split(strings.TrimSuffix(text[:end], "."), ".") {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || n == 0 || len(number) == 6 {
			return nil, "", ""
		}
		number = append(number, int(n))
	}
	title = strings.Join(strings.Fields(text[end:]), " ")
	if len(number) == 1 && (title == "" || title[0] < 'A' || title[0] > 'Z') {
		return nil, "", "" // "3 of them are …"
	}
	switch {
	case follows(number, current):
		return number, title, ""
	case alone && len(number) > 1 && len(current) > 0 && number[0] == current[0] && after(number, current):
		return number, title, "section number is out of sequence"
	}
	return nil, "", ""
}

// follows reports whether a section number is the next one after current, at
// the same depth, one deeper, or at any depth above.
func follows(number, current []int) bool {
	n := len(number)
	switch {
	case n == len(current)+1:
		return number[n-1] == 1 && equal(number[:n-1], current)
	case n > len(current):
		return false
	}
	return number[n-1] == current[n-1]+1 && equal(number[:n-1], current[:n-1])
}

// after reports whether a section number comes later than another.
func after(number, current []int) bool {
	for i, n := range number {
		if i == len(current) {
			return true
		}
		if n != current[i] {
			return n > current[i]
		}
	}
	return false
}

func equal(a, b []int) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}
