package grub

import (
	"fmt"
	"strings"
)

// File is a file that grub-mkconfig reads.
type File struct {
	Name string // for problems
	Text []byte
}

// Defaults is what grub-mkconfig reads.
type Defaults struct {
	Values   map[string]Value // every variable that is set
	Problems []Problem        // places that could not be followed
	More     int              // problems beyond those in Problems
}

// ParseDefaults follows /etc/default/grub and then the files of
// /etc/default/grub.d in the order given, which is that of their names: one
// shell reads them all, so a later one can use and replace what an earlier one
// set.
func ParseDefaults(files []File) (*Defaults, error) {
	m := &machine{
		vars:    map[string]Value{},
		defined: map[string]function{},
		unset:   func(string) Value { return Value{Known: true} },
		call:    shell,
	}
	for _, f := range files {
		if len(f.Text) > maxText {
			return nil, fmt.Errorf("%s: %w", f.Name, ErrTooLarge)
		}
		m.file = f.Name
		m.follow(string(f.Text))
	}
	return &Defaults{Values: m.vars, Problems: m.problems, More: m.more}, nil
}

// shell handles the commands of a defaults file.
func shell(m *machine, n node, args []Value, certain bool) Tri {
	var name string
	if w := n.words[0]; len(w.parts) > 0 && w.parts[0].kind == literal {
		name = w.parts[0].text
	}
	switch name {
	case ".", "source", "eval":
		m.problem(n.line, "%q is not followed: what is set before it may change", name)
		m.forget()
	}
	// X+=y appends in bash and is no assignment in other shells.
	if variable, _, ok := strings.Cut(name, "+="); ok && isName(variable) {
		m.problem(n.line, "not every shell that grub-mkconfig can be run with knows +=")
		m.set(variable, Value{}, false)
	}
	return Unknown
}

// Get returns a variable; one that nothing sets is known to be empty, unless
// something was not followed.
func (d *Defaults) Get(name string) Value {
	v, ok := d.Values[name]
	if !ok {
		return Value{Known: len(d.Problems) == 0}
	}
	return v
}

// XenCommandLine returns the hypervisor's command line of an ordinary menu
// entry, as 20_linux_xen makes it. GRUB's menu adds what depends on the
// platform: no-real-mode edd=off where it is not a PC BIOS.
func (d *Defaults) XenCommandLine() Value {
	return d.joined("GRUB_CMDLINE_XEN", "GRUB_CMDLINE_XEN_DEFAULT")
}

// RecoveryXenCommandLine returns that of a recovery entry.
func (d *Defaults) RecoveryXenCommandLine() Value { return d.Get("GRUB_CMDLINE_XEN") }

// Dom0CommandLine returns what an ordinary menu entry of Xen gives dom0's
// kernel, besides its root device.
func (d *Defaults) Dom0CommandLine() Value {
	linux, extra := "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"
	if v := d.Get("GRUB_CMDLINE_LINUX_XEN_REPLACE"); v.Text != "" || !v.Known {
		linux = "GRUB_CMDLINE_LINUX_XEN_REPLACE"
	}
	if v := d.Get("GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT"); v.Text != "" || !v.Known {
		extra = "GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT"
	}
	return d.joined(linux, extra)
}

func (d *Defaults) joined(a, b string) Value {
	x, y := d.Get(a), d.Get(b)
	return Value{Text: strings.TrimSpace(x.Text + " " + y.Text), Known: x.Known && y.Known}
}
