// Package xencfgfile understands the configuration file of xen.efi, usually
// xen.cfg beside it.
//
// The rules are those of pre_parse and get_value in xen/common/efi/boot.c and
// of docs/misc/efi: a # hides the rest of its line wherever it stands, the
// first value of a section counts, and a last line without a line end is not
// seen.
package xencfgfile

import (
	"errors"
	"strings"
)

const (
	maxText  = 1 << 20
	maxItems = 10000
)

// File is a configuration file.
type File struct {
	Sections []Section // in order, as often as they are there
	// Unended says that the last line has no line end: Xen ignores it.
	Unended bool
}

// Section is a named part of the file. What stands before the first section
// has an empty name and is seen by nobody.
type Section struct {
	Name  string
	Line  int // counted from 1
	Items []Item
}

// Item is an assignment.
type Item struct {
	Key, Value string
	Line       int // counted from 1
}

// Boot is what one section boots.
type Boot struct {
	Section    string
	Options    string // Xen's command line
	Kernel     string // file name of dom0's kernel; empty: taken from the section's image, or nothing boots
	KernelArgs string // dom0's command line
	Ramdisk    string
	XSM        string // file name of the XSM policy
	UCode      string // file name of the microcode
	DTB        string // file name of the device tree (Arm)
	Chain      string // of [global]: the file that is read on where the section has no kernel
}

// ErrTooLarge says that a text is larger than any such file.
var ErrTooLarge = errors.New("larger than any configuration of xen.efi")

// Parse reads a configuration file. The File returned with [ErrTooLarge] holds
// what was understood before.
func Parse(b []byte) (*File, error) {
	var err error
	if len(b) > maxText {
		b, err = b[:maxText], ErrTooLarge
	}
	f := &File{}
	items := 0
	for n, line := range lines(string(b)) {
		if n.last {
			f.Unended = err == nil
			break
		}
		switch {
		case line == "":
			continue
		case line[0] == '[':
			name, _, ok := strings.Cut(line[1:], "]")
			if !ok {
				// Matches no name, but ends the section before it.
				name = ""
			}
			f.Sections = append(f.Sections, Section{Name: name, Line: n.line})
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok {
				continue
			}
			if len(f.Sections) == 0 {
				f.Sections = append(f.Sections, Section{Line: 1})
			}
			s := &f.Sections[len(f.Sections)-1]
			s.Items = append(s.Items, Item{Key: key, Value: strings.TrimLeft(value, " "), Line: n.line})
		}
		if items++; items == maxItems {
			return f, ErrTooLarge
		}
	}
	return f, err
}

type position struct {
	line int
	last bool // not ended
}

// lines yields the lines without leading blanks and comments. Every control
// character ends a line, a tab within a value too.
func lines(s string) func(func(position, string) bool) {
	return func(yield func(position, string) bool) {
		number := 1
		for s != "" {
			end := strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
			at := position{line: number, last: end < 0}
			line := s
			if end >= 0 {
				line = s[:end]
				if s[end] == '\n' {
					number++
				}
				s = s[end+1:]
			} else {
				s = ""
			}
			line = strings.TrimLeft(line, " ")
			if strings.HasPrefix(line, ";") {
				line = ""
			}
			line, _, _ = strings.Cut(line, "#")
			if (line != "" || at.last) && !yield(at, line) {
				return
			}
		}
	}
}

// Value returns the value of a key in the first section of that name.
func (f *File) Value(section, key string) (string, bool) {
	for _, s := range f.Sections {
		if s.Name != section || section == "" {
			continue
		}
		for _, i := range s.Items {
			if i.Key == key {
				return i.Value, true
			}
		}
		return "", false
	}
	return "", false
}

// Line is where the first section of that name begins, counted from 1; 0
// without one.
func (f *File) Line(section string) int {
	for _, s := range f.Sections {
		if s.Name == section && section != "" {
			return s.Line
		}
	}
	return 0
}

// Default returns the name of the section that boots unless another is asked
// for.
func (f *File) Default() (string, bool) { return f.Value("global", "default") }

// Boot returns what a section boots; an empty name stands for the default one.
// ok is false if the file has no such section.
func (f *File) Boot(section string) (boot Boot, ok bool) {
	if section == "" {
		if section, ok = f.Default(); !ok {
			return Boot{}, false
		}
	}
	boot.Section = section
	ok = false
	for _, s := range f.Sections {
		ok = ok || s.Name == section && section != ""
	}
	boot.Options, _ = f.Value(section, "options")
	kernel, _ := f.Value(section, "kernel")
	// Xen divides at the first blank and keeps what follows as it is.
	boot.Kernel, boot.KernelArgs, _ = strings.Cut(kernel, " ")
	boot.KernelArgs = strings.TrimLeft(boot.KernelArgs, " ")
	boot.Ramdisk, _ = f.Value(section, "ramdisk")
	// Files of the machine may be named once for all sections.
	for key, to := range map[string]*string{"xsm": &boot.XSM, "ucode": &boot.UCode, "dtb": &boot.DTB} {
		value, given := f.Value(section, key)
		if !given {
			value, _ = f.Value("global", key)
		}
		*to = value
	}
	boot.Chain, _ = f.Value("global", "chain")
	return boot, ok
}
