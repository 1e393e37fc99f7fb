// Package xlcfg reads the configuration files of xl (xl.cfg(5)).
//
// [Parse] understands the grammar and knows no key; [Domain] gives the
// assignments of a file their meaning. What the grammar cannot make sense of
// is a problem with its place, and leaves the rest of the file standing: xl
// itself refuses a file with any error, but a domain that somebody means to
// start is judged by what can be read of it.
package xlcfg

import (
	"fmt"
	"slices"
	"strings"
)

// The bounds of what is read.
const (
	MaxSize     = 1 << 20 // bytes of a file; the largest honest ones have some ten thousand
	maxNesting  = 8       // of lists; xl.cfg(5) needs two levels
	maxValues   = 20_000  // of a file, elements of lists included
	maxProblems = 100
)

// File is a parsed file.
type File struct {
	Assignments []Assignment // in order
	Problems    []Problem    // in order of finding
}

// Assignment is one statement: KEY = VALUE or KEY += VALUE.
type Assignment struct {
	Name   string
	Append bool // +=
	Value  Value
	Line   int
	Bad    string // why the value could not be read; empty when it could
}

// Value is a single value or a list.
type Value struct {
	List   bool
	Text   string  // of a single value, without quotes and escapes
	Quoted bool    // of a single value: written as a string
	Items  []Value // of a list
	Line   int
	Column int // in bytes, from 1
}

// Problem is a place that is outside the grammar.
type Problem struct {
	Line    int
	Column  int // in bytes, from 1
	Message string
	// Tolerated is true where the meaning is clear although xl refuses the
	// file, or reads the place differently.
	Tolerated bool
}

// Error returns LINE:COLUMN: message.
func (p Problem) Error() string { return fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Message) }

// problems collects up to maxProblems.
type problems struct {
	list []Problem
	once []string
}

func (p *problems) add(line, column int, tolerated bool, message string) {
	switch {
	case len(p.list) < maxProblems:
		p.list = append(p.list, Problem{line, column, message, tolerated})
	case len(p.list) == maxProblems:
		p.list = append(p.list, Problem{line, column, "more problems from here on", tolerated})
	case !tolerated:
		p.list[maxProblems].Tolerated = false
	}
}

func (p *problems) tolerate(line, column int, message string) { p.add(line, column, true, message) }

func (p *problems) tolerateOnce(line, column int, message string) {
	if !slices.Contains(p.once, message) {
		p.once = append(p.once, message)
		p.tolerate(line, column, message)
	}
}

// Parse reads a file. It never fails: see [File.Problems].
func Parse(b []byte) *File {
	p := &parser{lists: map[string]bool{}}
	src := string(b)
	if len(src) > MaxSize {
		p.problems.add(1, 1, false, fmt.Sprintf("larger than %d bytes; the rest was not read", MaxSize))
		// The last line may be cut: half a value is worse than none.
		src = src[:strings.LastIndexByte(src[:MaxSize], '\n')+1]
	}
	p.lex = lexer{src: src, line: 1, fresh: true, problems: &p.problems}
	const mark = "\ufeff"
	if strings.HasPrefix(src, mark) {
		p.problems.tolerate(1, 1, "a byte order mark, which xl refuses")
		p.lex.pos, p.lex.begin = len(mark), len(mark)
	}
	p.next()
	for p.tok.kind != endOfFile && p.values <= maxValues {
		p.statement()
	}
	return &File{p.assignments, p.problems.list}
}

type parser struct {
	lex         lexer
	tok         token
	assignments []Assignment
	problems    problems
	why         string          // the last failure
	lists       map[string]bool // by key: whether its last good value is a list
	values      int             // read so far
	hush        bool            // do not repeat what stands here: it may be a secret
}

func (p *parser) next() { p.tok = p.lex.next() }

func (p *parser) at(text string) bool { return p.tok.kind == mark && p.tok.text == text }

// private reports whether a key's value may be a password or an identifier,
// which no message repeats.
func private(key string) bool {
	switch key {
	case "vncpasswd", "spicepasswd", "uuid", "vif", "vfb", "vtpm", "smbios":
		return true
	}
	return false
}

// statement reads one assignment, or an empty statement, with its end.
func (p *parser) statement() {
	if p.tok.kind == newline || p.at(";") {
		p.next()
		return
	}
	p.hush = false
	if p.tok.kind != identifier {
		p.fail("a key")
		p.recover()
		return
	}
	a := Assignment{Name: p.tok.text, Line: p.tok.line}
	p.hush = private(a.Name)
	p.next()
	if !p.at("=") && !p.at("+=") {
		p.fail("= after " + quote(a.Name))
		p.recover()
		return
	}
	a.Append = p.at("+=")
	p.next()
	var ok bool
	if a.Value, ok = p.value(0); ok && p.tok.kind != endOfFile && p.tok.kind != newline && !p.at(";") {
		ok = p.fail("the end of the line after the value of " + quote(a.Name))
	}
	if !ok {
		a.Value = Value{}
		a.Bad = p.why
	}
	if list, given := p.lists[a.Name]; a.Bad == "" && a.Append && given && list != a.Value.List {
		a.Bad = "+= joins a list and a single value"
		p.problems.add(a.Line, 1, false, a.Bad)
	}
	if a.Bad == "" {
		p.lists[a.Name] = a.Value.List
	}
	p.assignments = append(p.assignments, a)
	if !ok {
		p.recover()
	}
}

// value reads a single value or a list and reports whether it could.
func (p *parser) value(depth int) (Value, bool) {
	v := Value{Line: p.tok.line, Column: p.tok.column}
	if p.values++; p.values > maxValues {
		return v, p.wrong("more values than any domain has; the rest was not read")
	}
	if p.tok.kind == atom {
		v.Text, v.Quoted = p.tok.text, p.tok.quoted
		p.next()
		return v, true
	}
	if !p.at("[") {
		return v, p.fail("a value")
	}
	if depth == maxNesting {
		return v, p.wrong("lists nested too deeply")
	}
	v.List = true
	p.next()
	p.newlines()
	for !p.at("]") {
		item, ok := p.value(depth + 1)
		if !ok {
			return v, false
		}
		v.Items = append(v.Items, item)
		p.newlines()
		if p.at("]") {
			break
		}
		if !p.at(",") {
			return v, p.fail("a comma or ]")
		}
		p.next()
		p.newlines()
	}
	p.next()
	return v, true
}

func (p *parser) newlines() {
	for p.tok.kind == newline {
		p.next()
	}
}

// fail reports that something else stands where want was expected, and
// returns false.
func (p *parser) fail(want string) bool {
	found := quote(p.tok.text)
	switch p.tok.kind {
	case wrong:
		return p.wrong(p.tok.text)
	case endOfFile:
		found = "the end of the file"
	case newline:
		found = "the end of the line"
	case identifier:
		if want == "a value" {
			found += " without quotes"
		}
	}
	return p.wrong("expected " + want + ", found " + found)
}

func (p *parser) wrong(why string) bool {
	if p.hush && (p.tok.kind == wrong || p.tok.kind == identifier || p.tok.kind == atom) {
		why = "the value is neither a number, a string nor a list"
	}
	p.why = why
	p.problems.add(p.tok.line, p.tok.column, false, why)
	return false
}

// recover skips to where the next assignment seems to begin: a line whose
// first word is a key with = or += behind it. Skipping to the next line end
// alone, as xl does, would take every further line of a broken list for an
// error of its own.
func (p *parser) recover() {
	for p.tok.kind != endOfFile {
		if p.tok.kind == identifier && p.tok.first && p.lex.assigns() {
			return
		}
		p.next()
	}
}

// assigns reports whether = or += comes next, and no ==.
func (l *lexer) assigns() bool {
	rest := strings.TrimLeft(l.src[l.pos:], " \t")
	rest = strings.TrimPrefix(rest, "+")
	return strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "==")
}

// Setting is what one key is worth in the whole file.
type Setting struct {
	Name     string
	Value    Value
	Appended bool // the last assignment was += : xl takes no number from it
	Line     int  // of the last assignment
	Bad      string
}

// Settings returns what each key is worth, in order of first use: the last
// assignment counts, and += continues what was there before. A setting is bad
// when any part of it is.
func (f *File) Settings() []Setting {
	chains := map[string][]Assignment{}
	var names []string
	for _, a := range f.Assignments {
		chain, seen := chains[a.Name]
		if !seen {
			names = append(names, a.Name)
		}
		if !a.Append {
			chain = chain[:0]
		}
		chains[a.Name] = append(chain, a)
	}
	settings := make([]Setting, len(names))
	for i, name := range names {
		settings[i] = joined(chains[name])
	}
	return settings
}

// joined returns what = and the += behind it come to.
func joined(chain []Assignment) Setting {
	last := chain[len(chain)-1]
	s := Setting{Name: last.Name, Value: last.Value, Appended: last.Append, Line: last.Line, Bad: last.Bad}
	if len(chain) == 1 || s.Bad != "" {
		return s
	}
	var items []Value
	var text strings.Builder
	for _, a := range chain {
		if a.Bad != "" {
			s.Bad = a.Bad
			return s
		}
		items = append(items, a.Value.Items...)
		text.WriteString(a.Value.Text)
	}
	s.Value.Items, s.Value.Text = items, text.String()
	return s
}
