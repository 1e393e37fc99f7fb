package grub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// machine follows a program.
type machine struct {
	vars map[string]Value
	// unset is the value of a variable nobody has set.
	unset func(name string) Value
	file  string
	// doubt says that it is unknown whether what follows is run at all.
	doubt bool
	done  bool
	full  bool // there are more variables than are kept
	torn  bool // the program ends within a block
	grub  bool // the program is in GRUB's language
	// call handles a command that is none of the language; certain is false
	// where it is unknown whether it runs. It returns how the command ends.
	call     func(m *machine, n node, args []Value, certain bool) Tri
	defined  map[string]function
	chosen   int // how often something may have set the variable default
	calls    int // functions that are being followed, one within the other
	steps    int // of all functions so far
	problems []Problem
	more     int
}

// function is one that the program defines.
type function struct {
	body []node
	sure bool // that this is its body
}

func (m *machine) problem(line int, format string, args ...any) {
	if len(m.problems) == maxProblems {
		m.more++
		return
	}
	m.problems = append(m.problems, Problem{File: m.file, Line: line, Text: fmt.Sprintf(format, args...)})
}

func (m *machine) get(name string) Value {
	if v, ok := m.vars[name]; ok {
		return v
	}
	return m.unset(name)
}

func (m *machine) set(name string, v Value, certain bool) {
	if name == "default" {
		m.chosen++
	}
	if len(v.Text) > maxWord {
		v = Value{Text: v.Text[:maxWord]}
	}
	if !certain || m.doubt {
		// It may keep what it had.
		if old := m.get(name); old.Known && v.Known && old.Text == v.Text {
			return
		}
		v = Value{Text: m.get(name).Text}
	}
	if _, ok := m.vars[name]; !ok && len(m.vars) >= maxVars {
		// What is not kept must not be taken for what nobody has set.
		if !m.full {
			m.problem(0, "more than %d variables", maxVars)
			m.full = true
		}
		m.unset = func(string) Value { return Value{} }
		return
	}
	m.vars[name] = v
}

// forget makes every variable unknown: something ran that is not followed.
func (m *machine) forget() {
	m.chosen++
	for name, v := range m.vars {
		m.vars[name] = Value{Text: v.Text}
	}
	m.unset = func(string) Value { return Value{} }
}

// follow reads a text and runs it.
func (m *machine) follow(text string) {
	p := &parser{grub: m.grub, tokens: lex(text, m.grub), problem: m.problem}
	nodes := p.list()
	m.torn = m.torn || p.torn
	m.run(nodes, true)
	if p.tooDeep {
		m.forget()
	}
}

// run follows commands and returns how the last one ends.
func (m *machine) run(nodes []node, certain bool) Tri {
	last := Yes
	for _, n := range nodes {
		if m.done {
			return last
		}
		if m.calls > 0 {
			if m.steps++; m.steps > maxSteps {
				m.forget()
				return Unknown
			}
		}
		sure := certain
		switch {
		case n.glue == "&&" && last == No, n.glue == "||" && last == Yes:
			continue
		case n.glue != "" && last == Unknown:
			sure = false
		}
		end := m.step(n, sure)
		if !sure && certain {
			end = Unknown
		}
		last = end
	}
	return last
}

func (m *machine) step(n node, certain bool) Tri {
	switch n.kind {
	case branch:
		return m.branch(n, certain)
	case group:
		return m.run(n.bodies[0], certain)
	case aside:
		return Unknown
	case define:
		if len(n.words) > 0 {
			name := n.words[0].plain()
			_, again := m.defined[name]
			m.defined[name] = function{n.bodies[0], certain && !m.doubt && !again}
		}
		return Yes
	case maybe:
		for _, w := range n.words {
			if name, _, ok := assignment(w); ok {
				m.set(name, Value{}, false)
			}
		}
		// The variable of a for.
		if len(n.words) > 0 && isName(n.words[0].plain()) {
			m.set(n.words[0].plain(), Value{}, false)
		}
		return Unknown
	}
	return m.command(n, certain)
}

func (m *machine) branch(n node, certain bool) Tri {
	for i, cond := range n.conds {
		switch m.run(cond, certain) {
		case Yes:
			return m.run(n.bodies[i], certain)
		case Unknown:
			// From here on any branch may run, or none.
			for j := i; j < len(n.bodies); j++ {
				if j > i && j < len(n.conds) {
					m.run(n.conds[j], false)
				}
				m.run(n.bodies[j], false)
			}
			return Unknown
		}
	}
	if len(n.bodies) > len(n.conds) {
		return m.run(n.bodies[len(n.conds)], certain)
	}
	return Yes
}

// assignment divides NAME=value; the parts are those of the value.
func assignment(t token) (name string, parts []part, ok bool) {
	if t.op != "" || len(t.parts) == 0 || t.parts[0].kind != literal || t.parts[0].quoted {
		return "", nil, false
	}
	name, rest, found := strings.Cut(t.parts[0].text, "=")
	if !found || !isName(name) {
		return "", nil, false
	}
	return name, append([]part{{literal, rest, true}}, t.parts[1:]...), true
}

func (m *machine) command(n node, certain bool) Tri {
	words, negated := n.words, false
	for len(words) > 1 && words[0].plain() == "!" {
		words, negated = words[1:], !negated
	}
	n.words = words
	follow := m.shellCommand
	if m.grub {
		follow = m.grubCommand
	}
	end := follow(n, certain)
	if negated {
		return end.not()
	}
	return end
}

// shellCommand follows a command of the shell. Assignments before it are for it
// alone.
func (m *machine) shellCommand(n node, certain bool) Tri {
	first := 0
	for first < len(n.words) {
		if _, _, ok := assignment(n.words[first]); !ok {
			break
		}
		first++
	}
	before := n.words[:first]
	if first == len(n.words) {
		for _, w := range before {
			name, parts, _ := assignment(w)
			m.set(name, m.text(parts), certain)
		}
		return Yes
	}
	n.words = n.words[first:]
	return m.builtin(n, before, certain)
}

// grubCommand follows a command of GRUB's language. What its first word comes
// to is the name of a command; with a = it is an assignment, and what stands
// behind it means nothing.
func (m *machine) grubCommand(n node, certain bool) Tri {
	name, _, assigns := assignment(n.words[0])
	if n.words[0].plain() != "" && !assigns {
		return m.builtin(n, nil, certain)
	}
	words := m.fields(n.words[:1])
	if len(words) == 0 {
		if len(n.words) == 1 {
			return Unknown
		}
		n.words = n.words[1:] // what comes to nothing is no word
		return m.grubCommand(n, certain)
	}
	first := words[0]
	if !assigns && first.Known {
		name, _, assigns = strings.Cut(first.Text, "=")
	}
	switch {
	case assigns:
		_, text, _ := strings.Cut(first.Text, "=")
		m.set(name, Value{Text: text, Known: first.Known}, certain)
		return Yes
	case !first.Known:
		m.forget()
		return Unknown
	}
	var spelled []token
	for _, w := range words {
		p := part{kind: literal, text: w.Text}
		if !w.Known {
			p = part{kind: opaque}
		}
		spelled = append(spelled, token{parts: []part{p}, line: n.line})
	}
	n.words = append(spelled, n.words[1:]...)
	return m.builtin(n, nil, certain)
}

// special are the commands that keep the assignments before them (POSIX.1,
// 2.14). Those of other commands are gone when the command is.
var special = []string{":", ".", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "times", "trap", "unset"}

// builtin follows the commands of both languages and leaves the others to
// call.
func (m *machine) builtin(n node, before []token, certain bool) Tri {
	words := n.words
	name := words[0].plain()
	if slices.Contains(special, name) {
		for _, w := range before {
			name, parts, _ := assignment(w)
			m.set(name, m.text(parts), certain)
		}
	}
	args := m.fields(words[1:])
	switch name {
	case "[", "test":
		return m.test(args)
	case "true", ":":
		return Yes
	case "false":
		return No
	case "exit", "return":
		if certain && !m.doubt {
			m.done = true
		}
		m.doubt = true
		return Unknown
	case "unset":
		for _, a := range args {
			if a.Known {
				m.set(a.Text, Value{Known: true}, certain)
			}
		}
		return Yes
	case "export", "readonly", "local":
		for _, w := range words[1:] {
			// GRUB's export takes names alone.
			if name, parts, ok := assignment(w); ok && !m.grub {
				m.set(name, m.text(parts), certain)
			}
		}
		return Yes
	}
	if f, ok := m.defined[name]; ok {
		return m.function(n, f, certain)
	}
	return m.call(m, n, args, certain)
}

// function follows a function of GRUB's language that is called. Its arguments
// are not known.
func (m *machine) function(n node, f function, certain bool) Tri {
	if !m.grub || !f.sure || m.calls == maxCalls || m.steps > maxSteps {
		m.problem(n.line, "function %q is not followed", n.words[0].plain())
		m.forget()
		return Unknown
	}
	doubt, done := m.doubt, m.done
	m.calls++
	end := m.run(f.body, certain)
	m.calls--
	if m.done || m.doubt != doubt {
		end = Unknown // it returned, from somewhere
	}
	m.doubt, m.done = doubt, done
	return end
}

// text puts the parts of one word together, without dividing it.
func (m *machine) text(parts []part) Value {
	v := Value{Known: true}
	var b strings.Builder
	for _, p := range parts {
		switch p.kind {
		case literal:
			b.WriteString(p.text)
		case variable:
			w := m.get(p.text)
			b.WriteString(w.Text)
			v.Known = v.Known && w.Known
		case opaque:
			v.Known = false
		}
		if b.Len() > maxWord {
			return Value{Text: b.String()[:maxWord]}
		}
	}
	v.Text = b.String()
	return v
}

// fields are the arguments that words come to: a variable outside quotes is
// divided at its blanks, and is no argument at all where it is empty.
func (m *machine) fields(words []token) []Value {
	var args []Value
	total := 0
	for _, w := range words {
		cur := Value{Known: true}
		there := false
		for _, p := range w.parts {
			if p.kind != variable || p.quoted {
				v := m.text([]part{p})
				cur.Text += v.Text
				cur.Known = cur.Known && v.Known
				there = there || p.kind == literal || p.quoted || !v.Known
				continue
			}
			v := m.get(p.text)
			pieces := strings.Fields(v.Text)
			if cur.Known = cur.Known && v.Known; !v.Known {
				there = true
			}
			for i, piece := range pieces {
				// A blank it begins with divides for the shell alone.
				if i > 0 || there && cur.Text != "" && strings.HasPrefix(v.Text, " ") && !m.grub {
					args = append(args, cur)
					cur = Value{Known: v.Known}
				}
				cur.Text += piece
				there = true
			}
		}
		if there {
			args = append(args, cur)
		}
		for _, a := range args[max(0, len(args)-1):] {
			if total += len(a.Text); total > maxWord {
				return args
			}
		}
	}
	return args
}

// test follows [ … ] as far as it asks for texts and numbers. Files are not
// looked at.
func (m *machine) test(args []Value) Tri {
	if n := len(args); n > 0 && args[n-1].Text == "]" {
		args = args[:n-1]
	}
	for _, op := range []string{"-o", "-a"} {
		for i, a := range args {
			if i == 0 || !a.Known || a.Text != op || i == len(args)-1 {
				continue
			}
			left, right := m.test(args[:i]), m.test(args[i+1:])
			decisive := Yes
			if op == "-a" {
				decisive = No
			}
			switch {
			case left == decisive || right == decisive:
				return decisive
			case left == Unknown || right == Unknown:
				return Unknown
			}
			return decisive.not()
		}
	}
	switch len(args) {
	case 0:
		if m.grub {
			return Unknown // its own way with nothing at all
		}
		return No
	case 1:
		if !args[0].Known {
			return Unknown
		}
		return tri(args[0].Text != "")
	case 2:
		if args[0].Text == "!" {
			return m.test(args[1:]).not()
		}
		if (args[0].Text == "-n" || args[0].Text == "-z") && args[1].Known {
			return tri((args[1].Text != "") == (args[0].Text == "-n"))
		}
	case 3:
		if !args[0].Known || !args[2].Known {
			return Unknown
		}
		switch args[1].Text {
		case "=", "==":
			return tri(args[0].Text == args[2].Text)
		case "!=":
			return tri(args[0].Text != args[2].Text)
		case "-eq", "-ne":
			left, err := strconv.Atoi(args[0].Text)
			right, err2 := strconv.Atoi(args[2].Text)
			if err != nil || err2 != nil {
				return Unknown
			}
			return tri((left == right) == (args[1].Text == "-eq"))
		}
	}
	if args[0].Text == "!" && len(args) <= 4 {
		return m.test(args[1:]).not()
	}
	return Unknown
}
