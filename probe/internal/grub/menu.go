package grub

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// How tells what a menu runs on.
type How struct {
	// Env is the environment block; nil where it could not be read. A machine
	// without one has an empty map.
	Env map[string]string
	// Platform is $grub_platform: pc, efi, …; empty where it is not known.
	Platform string
	// Files are those beside the menu that it may read on, by their names.
	Files map[string][]byte
	// Snippets are the entries that the command blscfg adds, in any order; nil
	// where they are not known.
	Snippets []Snippet
}

// Menu is what a grub.cfg offers.
type Menu struct {
	Entries []*Entry // of the first level
	// Default is what the variable default comes to: a number, a title or an
	// id, for submenus with > between.
	Default Value
	// Sources are the files that the menu reads on, where they exist. What
	// they add is not in Entries.
	Sources []string
	// BLS says that entries come from files of the Boot Loader Specification
	// as well, and those are not known.
	BLS      bool
	Torn     bool      // it ends within a command, as a file that was not written whole, or has a mistake in it
	Problems []Problem // places that could not be followed
	More     int       // problems beyond those in Problems
}

// Entry is a menu entry or a submenu.
type Entry struct {
	Title string
	ID    string   // of --id; empty without
	Path  []string // titles of the submenus around it
	// Number is the position by which default= can name it: 0, 1>2, …
	Number string
	Line   int // counted from 1
	// Conditional says that it is unknown whether the entry is offered.
	Conditional bool

	// Unordered says that the entry is one of several of the Boot Loader
	// Specification. They stand together, in an order that is not followed: a
	// number tells that one of them is meant, not which.
	Unordered bool

	Snippet bool // it comes from a file of the Boot Loader Specification

	Submenu []*Entry // of a submenu
	Menu    bool     // it is a submenu
	Chooses bool     // a submenu that sets which of its entries boots; that is not followed

	// Loader is the command that loads the kernel: multiboot2, multiboot or
	// xen_hypervisor for Xen, linux, chainloader and others else; empty where
	// the entry loads none.
	Loader string
	File   string // what it loads
	// CommandLine is what GRUB gives to it: for Xen its command line. Where a
	// part is not known, it is left out and Known is false.
	CommandLine Value
	Modules     []Module // what is loaded with it, in order: first dom0's kernel
}

// Module is a file that is loaded with a hypervisor.
type Module struct {
	File        string
	CommandLine Value
}

// Xen tells whether the entry loads a hypervisor by its command. Other kernels
// use multiboot as well; whether it is Xen, the file tells.
func (e *Entry) Xen() bool {
	return e.Loader == "multiboot" || e.Loader == "multiboot2" || e.Loader == "xen_hypervisor"
}

// menu gathers entries while a machine follows a program.
type menu struct {
	out     *Menu
	how     How
	count   int
	level   []*Entry
	pending []pending
	path    []string
	number  string
	entry   *Entry // whose body is followed; nil at the level of the menu
	within  int    // how many files deep it is
}

type pending struct {
	entry *Entry
	body  []node
}

// ParseMenu follows a grub.cfg as GRUB does when it starts, and the body of
// each entry as GRUB does when it is chosen.
func ParseMenu(text []byte, how How) (*Menu, error) {
	if len(text) > maxText {
		return nil, ErrTooLarge
	}
	g := &menu{out: &Menu{}, how: how}
	m := &machine{vars: map[string]Value{}, defined: map[string]function{}, unset: how.unset, grub: true}
	m.call = g.call
	m.follow(string(text))
	g.out.Entries = g.level
	g.out.Default = m.get("default")
	if g.out.BLS {
		g.out.Default.Known = false
	}
	g.bodies(m, g.pending, nil, "", 1)
	g.out.Problems, g.out.More, g.out.Torn = m.problems, m.more, m.torn
	if g.count >= maxEntries {
		return g.out, fmt.Errorf("more than %d menu entries: %w", maxEntries, ErrTooLarge)
	}
	return g.out, nil
}

// unset is what a variable is that the menu does not set: GRUB itself sets
// some.
func (h How) unset(name string) Value {
	switch {
	case strings.HasPrefix(name, "feature_"):
		return Value{Text: "y", Known: true} // as since GRUB 2.00
	case name == "menuentry_id_option":
		return Value{Text: "--id", Known: true}
	case name == "grub_platform" && h.Platform != "":
		return Value{Text: h.Platform, Known: true}
	case slices.Contains([]string{"prefix", "root", "cmdpath", "config_directory", "config_file", "lang", "pager", "color_normal", "timeout_style"}, name), strings.HasPrefix(name, "grub_"), strings.HasPrefix(name, "net_"), strings.HasPrefix(name, "smbios_"):
		return Value{}
	case h.Env == nil && slices.Contains([]string{"saved_entry", "next_entry", "prev_saved_entry", "boot_once"}, name):
		return Value{}
	}
	return Value{Known: true}
}

// bodies follows the bodies of entries, each with the variables as they stand
// when the menu is shown.
func (g *menu) bodies(m *machine, all []pending, path []string, number string, depth int) {
	vars, unset, doubt, done := m.vars, m.unset, m.doubt, m.done
	for _, p := range all {
		m.vars, m.unset, m.doubt, m.done = maps.Clone(vars), unset, false, false
		if !p.entry.Menu {
			g.entry = p.entry
			p.entry.CommandLine.Known = true
			m.run(p.body, true)
			g.entry = nil
			continue
		}
		if depth > maxDepth {
			m.problem(p.entry.Line, "submenus nested deeper than %d", maxDepth)
			continue
		}
		g.level, g.pending = nil, nil
		g.path = append(slices.Clone(path), p.entry.Title)
		g.number = p.entry.Number + ">"
		m.vars["default"] = Value{} // what is left of it within
		chosen := m.chosen
		m.run(p.body, true)
		p.entry.Submenu, p.entry.Chooses = g.level, m.chosen != chosen
		g.bodies(m, g.pending, g.path, g.number, depth+1)
	}
	m.vars, m.unset, m.doubt, m.done = vars, unset, doubt, done
}

// call handles the commands of GRUB.
func (g *menu) call(m *machine, n node, args []Value, certain bool) Tri {
	certain = certain && !m.doubt
	switch name := n.words[0].plain(); name {
	case "set":
		// One variable: more than the first word means nothing. The name must
		// be certain, the value need not be.
		if len(args) > 0 {
			if name, text, ok := strings.Cut(args[0].Text, "="); ok {
				m.set(name, Value{Text: text, Known: args[0].Known}, certain)
			}
		}
		return Yes
	case "load_env":
		g.loadEnv(m, args, certain)
		return Unknown
	case "source", ".", "configfile":
		if len(args) > 0 && g.entry == nil {
			g.out.Sources = append(g.out.Sources, args[0].Text)
			g.source(m, path.Base(args[0].Text), certain)
		}
		if name == "configfile" {
			m.forget() // another menu takes the place of this one
		}
		return Unknown
	case "eval":
		m.forget()
		return Unknown
	case "read", "increment", "decrement":
		if len(args) > 0 {
			m.set(args[0].Text, Value{}, certain)
		}
		return Unknown
	case "blscfg":
		g.blscfg(n, args, certain)
		return Unknown
	case "hiddenentry":
		return Yes // stands in no menu: only a key chooses it
	case "menuentry", "submenu":
		g.menuentry(m, n, args, certain)
		return Yes
	case "multiboot", "multiboot2", "xen_hypervisor", "linux", "linuxefi", "linux16", "linux32", "chainloader", "kfreebsd", "knetbsd", "kopenbsd", "ntldr":
		if g.entry != nil {
			g.entry.Loader, g.entry.Modules = name, nil
			g.entry.File, g.entry.CommandLine = load(args)
			g.entry.CommandLine.Known = g.entry.CommandLine.Known && certain
		}
		return Yes
	case "module", "module2", "xen_module":
		if g.entry != nil && len(g.entry.Modules) < 100 {
			var mod Module
			mod.File, mod.CommandLine = load(args)
			mod.CommandLine.Known = mod.CommandLine.Known && certain
			g.entry.Modules = append(g.entry.Modules, mod)
		}
		return Yes
	}
	// Commands that tell something put it into a variable: search --set=root,
	// regexp --set 1:name.
	for i, a := range args {
		name, ok := strings.CutPrefix(a.Text, "--set=")
		if !ok && (a.Text == "--set" || a.Text == "-s") && i+1 < len(args) {
			name = args[i+1].Text
		}
		if name = name[strings.IndexByte(name, ':')+1:]; name != "" {
			m.set(name, Value{}, certain)
		}
	}
	return Unknown
}

// source follows a file beside the menu. Where it is unknown whether GRUB reads
// it, what it sets is unknown.
func (g *menu) source(m *machine, name string, certain bool) {
	text, ok := g.how.Files[name]
	if !ok || g.within >= maxSources {
		return
	}
	doubt, done := m.doubt, m.done
	m.doubt = doubt || !certain
	g.within++
	m.follow(string(text))
	g.within--
	m.doubt, m.done = doubt, done
}

// blscfg adds an entry for each file of the Boot Loader Specification. With an
// argument the files are others than the usual ones.
func (g *menu) blscfg(n node, args []Value, certain bool) {
	if g.how.Snippets == nil || len(args) > 0 || g.entry != nil {
		g.out.BLS = true
		return
	}
	for _, s := range g.how.Snippets {
		if g.count++; g.count > maxEntries {
			return
		}
		g.level = append(g.level, &Entry{
			Title: s.Title, ID: s.ID, Path: g.path, Number: g.number + strconv.Itoa(len(g.level)), Line: n.line, Conditional: !certain,
			Unordered: len(g.how.Snippets) > 1, Snippet: true, Loader: "linux", File: s.Linux, CommandLine: Value{Text: s.Options},
		})
	}
}

// loadEnv takes the environment block's variables, or those that are named.
// What another file than the usual one sets is not known.
func (g *menu) loadEnv(m *machine, args []Value, certain bool) {
	var names []string
	other := false
	for i := 0; i < len(args); i++ {
		file, isFile := strings.CutPrefix(args[i].Text, "--file=")
		known := args[i].Known
		if (args[i].Text == "-f" || args[i].Text == "--file") && i+1 < len(args) {
			i++
			file, known, isFile = args[i].Text, args[i].Known, true
		}
		switch {
		case isFile:
			// ${config_directory}/grubenv or $prefix/grubenv: where the menu is.
			other = other || known || file != "/grubenv"
		case strings.HasPrefix(args[i].Text, "-"):
		case !args[i].Known:
			other = true
		default:
			names = append(names, args[i].Text)
		}
	}
	switch {
	case other && len(names) > 0:
		for _, name := range names {
			m.set(name, Value{}, certain)
		}
		return
	case other:
		m.forget()
		return
	}
	// A menu loads the block if it is there, and where Env is given, it is.
	for name, text := range g.how.Env {
		if len(names) == 0 || slices.Contains(names, name) {
			m.set(name, Value{Text: text, Known: true}, certain || !m.doubt)
		}
	}
}

func (g *menu) menuentry(m *machine, n node, args []Value, certain bool) {
	if g.entry != nil || len(n.bodies) == 0 || g.count >= maxEntries {
		return
	}
	g.count++
	e := &Entry{
		Line: n.line, Conditional: !certain, Path: g.path, Menu: n.words[0].plain() == "submenu",
		Number: g.number + strconv.Itoa(len(g.level)),
	}
	titled := false
	for i := 0; i < len(args); i++ {
		a := args[i].Text
		value := ""
		if i+1 < len(args) {
			value = args[i+1].Text
		}
		switch {
		case a == "--id":
			e.ID = value
			i++
		case strings.HasPrefix(a, "--id="):
			e.ID = a[len("--id="):]
		case a == "--class", a == "--users", a == "--hotkey", a == "--source":
			i++
			if i == len(args) {
				return // a mistake, and no entry
			}
		case strings.HasPrefix(a, "--"):
		case !titled:
			e.Title, titled = a, true
		}
	}
	if !titled {
		return // as before
	}
	g.level = append(g.level, e)
	g.pending = append(g.pending, pending{e, n.bodies[0]})
}

// load divides the arguments of a loading command: options, the file, and what
// is given to it. GRUB puts an argument with a blank between quotation marks
// (grub_create_loader_cmdline).
func load(args []Value) (file string, line Value) {
	for len(args) > 0 && strings.HasPrefix(args[0].Text, "--") {
		args = args[1:]
	}
	line.Known = true
	if len(args) == 0 {
		return "", line
	}
	file = args[0].Text
	line.Known = args[0].Known
	var words []string
	for _, a := range args[1:] {
		line.Known = line.Known && a.Known
		if a.Text == "" && !a.Known {
			continue
		}
		w := strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`).Replace(a.Text)
		if strings.Contains(w, " ") {
			w = `"` + w + `"`
		}
		words = append(words, w)
	}
	line.Text = strings.Join(words, " ")
	return file, line
}

// All returns the entries of all levels that are no submenus, in order.
func (m *Menu) All() []*Entry {
	var all []*Entry
	var walk func([]*Entry)
	walk = func(level []*Entry) {
		for _, e := range level {
			if e.Menu {
				walk(e.Submenu)
			} else {
				all = append(all, e)
			}
		}
	}
	walk(m.Entries)
	return all
}

// The reasons why it is not known what boots next.
var (
	ErrNoEntries = errors.New("the menu has no entry")
	ErrUncertain = errors.New("what the menu's default is cannot be told from the file")
	ErrTorn      = errors.New("the menu ends within a command, or has a mistake in it")
)

// Next returns the entry that boots next unless somebody chooses another one,
// or why that is not known. A file of [Menu.Sources] may still change it.
func (m *Menu) Next() (*Entry, error) {
	switch {
	case m.Torn:
		return nil, ErrTorn
	case !m.Default.Known:
		return nil, ErrUncertain
	}
	level := m.Entries
	rest := m.Default.Text
	for {
		if len(level) == 0 {
			return nil, ErrNoEntries
		}
		var name string
		name, rest = firstName(rest)
		e, err := find(level, name)
		if err != nil {
			return nil, err
		}
		switch {
		case !e.Menu:
			return e, nil
		case e.Chooses:
			return nil, ErrUncertain
		}
		level = e.Submenu
	}
}

// firstName takes what stands before a >; >> is a > within a title.
func firstName(s string) (name, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '>' {
			if i+1 == len(s) || s[i+1] != '>' {
				return b.String(), s[i+1:]
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// find chooses as get_entry_number does: a number counts entries; a text is a
// title or an id, the first entry that has it; anything else is the first
// entry. Of a text that begins with digits GRUB takes the number, up to version
// 2.12 at least; the GRUB of distributions whose entries are files of their own
// takes all of it.
func find(level []*Entry, name string) (*Entry, error) {
	number, rest, isNumber := leadingNumber(name)
	switch {
	case name == "":
		return byNumber(level, 0)
	case isNumber && number == math.MaxInt32:
		return nil, ErrUncertain // which number it is then depends on the platform
	case !isNumber, rest != "" && slices.ContainsFunc(level, func(e *Entry) bool { return e.Snippet }):
		return byText(level, name)
	case rest == "":
		return byNumber(level, number)
	}
	e, err := byNumber(level, number)
	if other, _ := byText(level, name); other != e {
		return nil, ErrUncertain
	}
	return e, err
}

// leadingNumber reads a number at the beginning of a name as grub_strtoul does:
// behind blanks, in C's notation. One that is too large is math.MaxInt32.
func leadingNumber(name string) (number int, rest string, ok bool) {
	digits := strings.TrimLeft(name, " \t\r\n")
	base, of := 10, "0123456789"
	switch {
	case strings.HasPrefix(digits, "0x"):
		base, of, digits = 16, "0123456789abcdefABCDEF", digits[2:]
	case len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '7':
		base, of = 8, "01234567"
	}
	rest = strings.TrimLeft(digits, of)
	digits = digits[:len(digits)-len(rest)]
	n, err := strconv.ParseUint(digits, base, 31)
	if errors.Is(err, strconv.ErrRange) {
		return math.MaxInt32, rest, true
	}
	return int(n), rest, err == nil
}

// byText returns the first entry of a title or an id, the first of all where
// none has it.
func byText(level []*Entry, name string) (*Entry, error) {
	for _, e := range level {
		if e.Title == name || e.ID == name {
			if e.Conditional {
				return nil, ErrUncertain
			}
			return e, nil
		}
	}
	return byNumber(level, 0)
}

// byNumber returns the entry at a position, the first where there is none.
func byNumber(level []*Entry, at int) (*Entry, error) {
	if at >= len(level) {
		at = 0
	}
	// Any entry before it that may not be there moves the numbers.
	for _, e := range level[:at+1] {
		if e.Conditional {
			return nil, ErrUncertain
		}
	}
	if e := level[at]; e.Unordered {
		return &Entry{Line: e.Line, Number: e.Number, Path: e.Path, Loader: e.Loader}, nil
	}
	return level[at], nil
}

const envHeader = "# GRUB Environment Block\n"

// ErrNotEnv says that a text is no environment block.
var ErrNotEnv = errors.New("not an environment block of GRUB")

// ParseEnv reads an environment block (grubenv): a line NAME=value for each
// variable, where a backslash keeps the next character, filled up with #.
func ParseEnv(b []byte) (map[string]string, error) {
	if len(b) > maxText {
		return nil, ErrTooLarge
	}
	rest, ok := bytes.CutPrefix(b, []byte(envHeader))
	if !ok {
		return nil, ErrNotEnv
	}
	env := map[string]string{}
	for i := 0; i < len(rest) && len(env) < 1000; i++ {
		if rest[i] == '#' {
			for i < len(rest) && rest[i] != '\n' {
				i++
			}
			continue
		}
		// A name goes on to the next =, whatever is between.
		name, _, ok := bytes.Cut(rest[i:], []byte("="))
		if !ok {
			break
		}
		var value strings.Builder
		for i += len(name) + 1; i < len(rest) && rest[i] != '\n'; i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
			}
			value.WriteByte(rest[i])
		}
		if i < len(rest) { // else it has no end
			env[string(name)] = value.String()
		}
	}
	return env, nil
}
