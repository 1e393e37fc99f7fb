package grub

import "slices"

// node is a command, with what belongs to it.
type node struct {
	kind  nodeKind
	words []token // of a command: with its name; of a loop or case: assignments within
	line  int
	// glue is how the command before decides whether this one runs: "&&", "||"
	// or empty.
	glue string
	// conds and bodies are the branches of an if; one body more than conds is
	// the else. A block (menu entry, group) has one body.
	conds  [][]node
	bodies [][]node
}

type nodeKind int

const (
	command nodeKind = iota
	branch           // if
	maybe            // a loop or case: the body may run or not
	group            // { … }
	aside            // a subshell, pipeline or background command: sets nothing here
	define           // a function
)

type parser struct {
	// grub says that a brace needs no separator before it, as in GRUB's
	// language.
	grub    bool
	tokens  []token
	i       int
	depth   int
	problem func(line int, format string, args ...any)
	tooDeep bool // something was not read
	torn    bool // a block does not end
}

func (p *parser) peek() token {
	if p.i >= len(p.tokens) {
		return token{op: "end"}
	}
	return p.tokens[p.i]
}

// list reads commands up to one of the keywords, which is not taken.
func (p *parser) list(ends ...string) []node {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		if !p.tooDeep {
			p.problem(p.peek().line, "nested deeper than %d", maxDepth)
			p.tooDeep = true
		}
		p.i = len(p.tokens)
		return nil
	}
	var nodes []node
	glue := ""
	begun := false // a command stands right before
	for p.i < len(p.tokens) {
		t := p.peek()
		if w := t.plain(); w != "" && slices.Contains(ends, w) || t.op != "" && slices.Contains(ends, t.op) {
			return nodes
		}
		if p.grub && (t.op != "" && t.op != "\n" && (t.op != ";" || !begun) || slices.Contains([]string{"}", "fi", "else", "elif", "then", "do", "done"}, t.plain())) {
			p.mistake(t)
		}
		begun = t.op == ""
		switch t.op {
		case "":
			n := p.command()
			n.glue, glue = glue, ""
			nodes = append(nodes, n)
		case "(":
			p.i++
			p.list(")")
			p.i++
			nodes = append(nodes, node{kind: aside, line: t.line, glue: glue})
			glue = ""
		case "&&", "||":
			p.i++
			glue = t.op
		case "|", "&":
			p.i++
			if n := len(nodes) - 1; n >= 0 {
				nodes[n] = node{kind: aside, line: nodes[n].line, glue: nodes[n].glue}
			}
			if t.op == "|" && p.peek().op == "" {
				p.command()
			}
		case "\n":
			p.i++
			// A list goes on after && at the end of a line.
		default:
			p.i++
			glue = ""
		}
	}
	return nodes
}

func (p *parser) command() node {
	t := p.peek()
	n := node{line: t.line}
	switch t.plain() {
	case "if":
		n.kind = branch
		p.i++
		for {
			n.conds = append(n.conds, p.filled("then", "fi"))
			p.keyword("then")
			n.bodies = append(n.bodies, p.filled("elif", "else", "fi"))
			if !p.keyword("elif") {
				break
			}
		}
		if p.keyword("else") {
			n.bodies = append(n.bodies, p.filled("fi"))
		}
		if !p.keyword("fi") {
			p.problem(t.line, "if without fi")
			p.torn = true
		}
		return n
	case "while", "until", "for", "case":
		// How often it runs is not followed: what it may set is unknown.
		n.kind = maybe
		end := "done"
		if t.plain() == "case" {
			end = "esac"
		}
		p.i++
		for depth := 1; depth > 0 && p.i < len(p.tokens); p.i++ {
			w := p.peek()
			switch w.plain() {
			case t.plain():
				depth++
			case end:
				depth--
			}
			n.words = append(n.words, w)
		}
		return n
	case "{":
		if p.grub {
			p.mistake(t) // it knows no groups
		}
		p.i++
		n.kind = group
		n.bodies = [][]node{p.list("}")}
		p.keyword("}")
		return n
	case "function":
		if p.grub && p.depth > 1 {
			p.mistake(t) // not within anything else
		}
		n.kind = define
		p.i++
		for p.i < len(p.tokens) && p.peek().plain() != "{" && p.peek().op != "\n" {
			n.words = append(n.words, p.peek())
			p.i++
		}
		n.bodies = [][]node{p.body()}
		return n
	}
	for p.i < len(p.tokens) {
		w := p.peek()
		if w.op == "(" && len(n.words) == 1 && p.i+1 < len(p.tokens) && p.tokens[p.i+1].op == ")" {
			p.i += 2
			for p.peek().op == "\n" {
				p.i++
			}
			n.kind = define
			n.bodies = [][]node{p.body()}
			return n
		}
		if w.op != "" || p.grub && w.plain() == "}" && len(n.words) > 0 {
			break
		}
		if p.grub && w.plain() == "{" && len(n.words) > 0 && !isMenu(n.words) {
			p.mistake(w)
		}
		// The block of a menu entry is its last argument.
		if w.plain() == "{" && isMenu(n.words) {
			p.i++
			n.bodies = [][]node{p.list("}")}
			if !p.keyword("}") {
				p.problem(n.line, "menu entry without its end")
				p.torn = true
			} else if w := p.peek(); w.op == "" && w.plain() != "}" {
				p.mistake(w)
			}
			break
		}
		n.words = append(n.words, w)
		p.i++
	}
	return n
}

// filled is list for what must not be empty.
func (p *parser) filled(ends ...string) []node {
	nodes := p.list(ends...)
	if p.grub && len(nodes) == 0 {
		p.mistake(p.peek())
	}
	return nodes
}

// mistake notes what GRUB does not read: it leaves out the command around it,
// which nobody knows the end of.
func (p *parser) mistake(t token) {
	p.problem(t.line, "a mistake in GRUB's language")
	p.torn = true
}

// body reads the block of a function.
func (p *parser) body() []node {
	if !p.keyword("{") {
		return nil
	}
	nodes := p.list("}")
	if !p.keyword("}") {
		p.torn = true
	}
	return nodes
}

func isMenu(words []token) bool {
	return len(words) > 0 && slices.Contains([]string{"menuentry", "submenu", "hiddenentry"}, words[0].plain())
}

func (p *parser) keyword(w string) bool {
	if p.peek().plain() != w {
		return false
	}
	p.i++
	return true
}
