// Package probetest makes machines out of text, for tests: what a machine
// shows is one file that people can read, and becomes files, ACPI tables, an
// SMBIOS table and a device tree, right in every checksum and length.
//
// The text is a comment followed by sections, each of which begins with a line
// like
//
//	-- /proc/cpuinfo --
//
// and holds what is behind that path, or behind that interface of the running
// system when it has no leading slash. A word after the name says how the text
// becomes bytes:
//
//	-- /sys/class/iommu/ --            a directory, empty but for other sections
//	-- /proc/self/ns/pid link --       a symbolic link to the text
//	-- /proc/kcore denied --           there, and nobody may read it
//	-- /proc/xen absent --             gone, with all below it (after like)
//	-- NAME hex --                     bytes in hexadecimal
//	-- NAME dts --                     a device tree, from its source
//	-- …/tables/APIC acpi --           an ACPI table, from its fields: see Table
//	-- …/dmi/tables/ smbios --         DMI and smbios_entry_point: see SMBIOS
//	-- like OTHER --                   all sections of another machine, which later ones replace
//
// Much of the same is written once. "for 0-127" at the end of a section's line
// makes a section of each number, lines between "%for 0-127" and "%end" are
// repeated, and in both {n} stands for the number, {x} for it in hexadecimal.
// Sections of the same name are joined.
package probetest

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Machine is what a machine shows. It is a probe.Root of the running kind:
// what it does not hold is not there.
type Machine struct {
	Name string
	// Sources lists the names of sections that became a device tree, an ACPI
	// table or an SMBIOS table, with the text they were made of.
	Sources map[string]string

	files  map[string][]byte
	links  map[string]string
	dirs   map[string]map[string]bool
	denied map[string]bool
}

// Recipe is the name of the file that describes a machine.
const Recipe = "machine.txt"

// Load reads the machine that dir/machine.txt describes. It is named like the
// directory.
func Load(dir string) (*Machine, error) {
	m := &Machine{
		Name: filepath.Base(dir), Sources: map[string]string{}, files: map[string][]byte{},
		links: map[string]string{}, dirs: map[string]map[string]bool{}, denied: map[string]bool{},
	}
	return m, m.load(dir, 0)
}

// All loads every machine below a directory that is described by text.
func All(dir string) ([]*Machine, error) {
	recipes, err := filepath.Glob(filepath.Join(dir, "*", Recipe))
	if err != nil {
		return nil, err
	}
	var all []*Machine
	for _, r := range recipes {
		m, err := Load(filepath.Dir(r))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// maxLike bounds how many machines one may be like in turn.
const maxLike = 4

func (m *Machine) load(dir string, depth int) error {
	if depth > maxLike {
		return fmt.Errorf("%s: more than %d machines are like another", dir, maxLike)
	}
	name := filepath.Join(dir, Recipe)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	sections, err := split(string(text))
	if err != nil {
		return fmt.Errorf("%s:%w", name, err)
	}
	own := map[string]bool{}
	for _, s := range sections {
		if s.how == "" && s.name == "like" {
			if err := m.load(filepath.Join(filepath.Dir(dir), s.arg), depth+1); err != nil {
				return err
			}
			continue
		}
		if err := m.add(s, own); err != nil {
			return fmt.Errorf("%s:%d: %w", name, s.line, err)
		}
	}
	return nil
}

// section is one part of a recipe.
type section struct {
	line      int // of its first line, from 1
	name, how string
	arg       string // of like
	self      int    // the number that a repeated section is for; -1 of others
	text      string
}

// split cuts a recipe into its sections, with everything repeated that is to
// be.
func split(text string) ([]section, error) {
	var out []section
	var current []section // several where a section is repeated
	var body strings.Builder
	flush := func() error {
		for _, s := range current {
			expanded, err := repeat(body.String(), s.self)
			if err != nil {
				return fmt.Errorf("%d: %w", s.line, err)
			}
			s.text = expanded
			out = append(out, s)
		}
		body.Reset()
		return nil
	}
	line := 0
	for l := range strings.Lines(text) {
		line++
		head, ok := header(l)
		if !ok {
			if current != nil {
				body.WriteString(l)
			}
			continue
		}
		if err := flush(); err != nil {
			return nil, err
		}
		words := strings.Fields(head)
		numbers := []int{-1}
		if n := len(words); n > 2 && words[n-2] == "for" {
			var err error
			if numbers, err = list(words[n-1]); err != nil {
				return nil, fmt.Errorf("%d: %w", line, err)
			}
			words = words[:n-2]
		}
		current = nil
		for _, n := range numbers {
			s := section{line: line, name: number(words[0], n), self: n}
			switch {
			case words[0] == "like" && len(words) == 2:
				s.arg = words[1]
			case len(words) == 2:
				s.how = words[1]
			case len(words) > 2:
				return nil, fmt.Errorf("%d: too many words in %q", line, head)
			}
			current = append(current, s)
		}
	}
	return out, flush()
}

// header returns what stands between the dashes of a section's first line.
func header(l string) (string, bool) {
	l = strings.TrimRight(l, "\r\n")
	head, ok := strings.CutPrefix(l, "-- ")
	if !ok {
		return "", false
	}
	head, ok = strings.CutSuffix(head, " --")
	head = strings.TrimSpace(head)
	return head, ok && head != ""
}

// repeat expands %for … %end, and elsewhere {n} by the section's own number.
func repeat(text string, self int) (string, error) {
	var out, block strings.Builder
	var numbers []int
	for l := range strings.Lines(text) {
		word := strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(word, "%for "):
			if numbers != nil {
				return "", fmt.Errorf("%q inside another", word)
			}
			var err error
			if numbers, err = list(strings.TrimPrefix(word, "%for ")); err != nil {
				return "", err
			}
		case word == "%end":
			if numbers == nil {
				return "", fmt.Errorf("%%end without %%for")
			}
			for _, n := range numbers {
				out.WriteString(number(block.String(), n))
			}
			block.Reset()
			numbers = nil
		case numbers != nil:
			block.WriteString(l)
		default:
			out.WriteString(number(l, self))
		}
	}
	if numbers != nil {
		return "", fmt.Errorf("%%for without %%end")
	}
	return out.String(), nil
}

// number puts a number into a text; there is none when it is negative.
func number(text string, n int) string {
	if n < 0 {
		return text
	}
	return strings.NewReplacer("{n}", strconv.Itoa(n), "{x}", strconv.FormatInt(int64(n), 16)).Replace(text)
}

// maxRepeat bounds a list of numbers.
const maxRepeat = 1 << 17

// list reads 0-3,8.
func list(s string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(s, ",") {
		first, last, ranged := strings.Cut(part, "-")
		if !ranged {
			last = first
		}
		from, err := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err != nil || err2 != nil || from < 0 || to < from || to-from >= maxRepeat {
			return nil, fmt.Errorf("%q is no list of numbers such as 0-3,8", s)
		}
		for ; from <= to; from++ {
			out = append(out, from)
		}
	}
	return out, nil
}

// add makes a section part of the machine. own holds the names that this
// recipe has already given something to: more of it is joined, while what
// another machine gave is replaced.
func (m *Machine) add(s section, own map[string]bool) error {
	name := s.name
	if name == "/" || strings.HasPrefix(name, "/") && path.Clean(name) != strings.TrimSuffix(name, "/") {
		return fmt.Errorf("%q is no clean path", name)
	}
	dir := strings.HasSuffix(name, "/")
	name = strings.TrimSuffix(name, "/")
	if !own[s.name] {
		m.remove(name, !dir)
		own[s.name] = true
	}
	var b []byte
	var err error
	switch {
	case s.how == "absent":
		m.remove(name, true)
		return nil
	case s.how == "denied":
		m.denied[name] = true
	case s.how == "link":
		m.links[name] = strings.TrimSpace(s.text)
	case s.how == "smbios" && dir:
		m.Sources[name] = s.text
		entry, table, err := SMBIOS(s.text)
		if err != nil {
			return err
		}
		m.put(name+"/smbios_entry_point", entry)
		m.put(name+"/DMI", table)
		return nil
	case dir && s.how == "":
		if m.dirs[name] == nil {
			m.dirs[name] = map[string]bool{}
		}
	case s.how == "":
		m.put(name, append(m.files[name], s.text...))
		return nil
	case s.how == "hex":
		b, err = hex.DecodeString(strings.Join(strings.Fields(s.text), ""))
	case s.how == "dts":
		b, err = DeviceTree(s.text)
	case s.how == "acpi":
		b, err = Table(path.Base(name), s.text)
	default:
		err = fmt.Errorf("no section becomes bytes by %q", s.how)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if s.how == "dts" || s.how == "acpi" {
		m.Sources[name] = s.text
	}
	if b != nil {
		m.files[name] = b
	}
	m.list(name)
	return nil
}

func (m *Machine) put(name string, b []byte) {
	m.files[name] = b
	m.list(name)
}

// list enters a name into the directories above it.
func (m *Machine) list(name string) {
	for name != "/" && strings.HasPrefix(name, "/") {
		up := path.Dir(name)
		if m.dirs[up] == nil {
			m.dirs[up] = map[string]bool{}
		}
		m.dirs[up][path.Base(name)] = true
		name = up
	}
}

// remove takes a name away, and what is below it.
func (m *Machine) remove(name string, below bool) {
	forget := func(n string) {
		delete(m.files, n)
		delete(m.links, n)
		delete(m.denied, n)
		delete(m.Sources, n)
	}
	forget(name)
	if !below {
		return
	}
	if up := m.dirs[path.Dir(name)]; up != nil {
		delete(up, path.Base(name))
	}
	if m.dirs[name] == nil {
		return
	}
	delete(m.dirs, name)
	for _, each := range []func(func(string)){m.eachFile, m.eachDir} {
		each(func(n string) {
			if strings.HasPrefix(n, name+"/") {
				forget(n)
				delete(m.dirs, n)
			}
		})
	}
}

func (m *Machine) eachFile(f func(string)) {
	for n := range m.files {
		f(n)
	}
	for n := range m.links {
		f(n)
	}
	for n := range m.denied {
		f(n)
	}
}

func (m *Machine) eachDir(f func(string)) {
	for n := range m.dirs {
		f(n)
	}
}

// Names returns the names of everything that can be read or is denied, sorted.
func (m *Machine) Names() []string {
	var names []string
	m.eachFile(func(n string) { names = append(names, n) })
	slices.Sort(names)
	return slices.Compact(names)
}

// ReadFile returns what is behind a name.
func (m *Machine) ReadFile(name string, limit int64) ([]byte, error) {
	switch b, ok := m.files[name]; {
	case m.denied[name]:
		return nil, fs.ErrPermission
	case ok && int64(len(b)) > limit:
		return nil, syscall.EFBIG
	case ok:
		return b, nil
	case m.dirs[name] != nil:
		return nil, syscall.EISDIR
	}
	return nil, fs.ErrNotExist
}

// ReadDir returns the names in a directory.
func (m *Machine) ReadDir(name string, limit int) ([]string, error) {
	d, ok := m.dirs[name]
	switch {
	case m.denied[name]:
		return nil, fs.ErrPermission
	case !ok && m.files[name] != nil:
		return nil, syscall.ENOTDIR
	case !ok:
		return nil, fs.ErrNotExist
	case len(d) > limit:
		return nil, syscall.EFBIG
	}
	names := make([]string, 0, len(d))
	for n := range d {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, nil
}

// ReadLink returns where a symbolic link leads.
func (m *Machine) ReadLink(name string) (string, error) {
	target, ok := m.links[name]
	switch {
	case m.denied[name]:
		return "", fs.ErrPermission
	case ok:
		return target, nil
	case m.files[name] != nil || m.dirs[name] != nil:
		return "", syscall.EINVAL
	}
	return "", fs.ErrNotExist
}
