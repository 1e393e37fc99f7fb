// Package xencmdline understands the command line of the hypervisor as Xen
// itself reads it.
//
// The rules are those of parse_params, parse_bool and parse_boolean in
// xen/common/kernel.c, and of the preparation in xen/arch/x86/setup.c. They
// differ from those of Linux in ways that matter: only the space separates
// options, quotation marks are ordinary characters, a name may carry "no-",
// and an option that cannot be read leaves the earlier one in force.
package xencmdline

import "strings"

const (
	// RunningLimit is the number of bytes of a command line that a running Xen
	// answers XENVER_commandline with (xen_commandline_t, less its NUL). It
	// obeys what comes after all the same. XENVER_commandline2 has no limit of
	// its own, but releases that have it keep the line in a buffer of this size
	// (saved_cmdline): a text of this length is in doubt from either.
	RunningLimit = 1023

	maxText   = 64 << 10 // no hypercall answers a longer one
	maxOption = 127      // MAX_PARAM_SIZE, less its NUL: Xen drops the rest of an option
)

// How tells what kind of text is parsed. The zero How is a whole command line
// for an x86 hypervisor, without the name of the image.
type How struct {
	// Image says that the first word names the file that was loaded. Legacy
	// GRUB, mboot.c32 and the like pass it; GRUB 2 does not.
	Image bool
	// Arm says that the hypervisor runs on Arm, where " -- " is an option like
	// any other: dom0's command line has its own place in the device tree.
	Arm bool
	// Kept is the number of bytes that the source of the text can hold, such
	// as [RunningLimit]. A text of that length may have been longer. Zero when
	// the source has no limit.
	Kept int
	// Builtin is CONFIG_CMDLINE, which Xen obeys first and never reports.
	Builtin string
	// Override is CONFIG_CMDLINE_OVERRIDE: Builtin is all that Xen obeys.
	Override bool
}

// Line is a command line taken apart.
type Line struct {
	Options []Option // in the order in which Xen obeys them
	Image   string   // first word, where [How.Image] says so
	Dom0    string   // what follows " -- "
	HasDom0 bool     // there is a " -- "
	// Cut says that the text may have been longer: options may be missing at
	// its end, and the last one may be incomplete.
	Cut bool
	// Dropped is the number of bytes after a NUL byte. Xen never sees them.
	Dropped int
}

// Option is one word of a command line.
type Option struct {
	Name     string // without "no-"; for ivrs_ioapic[4]=… the part before the bracket
	Value    string // after the =; for ivrs_ioapic[4]=… it begins with the bracket
	HasValue bool   // there is a =, though perhaps nothing after it
	Negated  bool   // the name carries "no-"
	Builtin  bool   // from CONFIG_CMDLINE
	Raw      string // the word as written
	Offset   int    // bytes before it, in the text or in the built-in one
	Cut      bool   // the text may have gone on within this word
	// Shortened says that the word is longer than Xen's buffer: Name and Value
	// are what is left after Xen has dropped the rest.
	Shortened bool
}

// Parse takes a command line apart. Line ends at its end are dropped. Bytes
// that are not UTF-8 are kept as they are.
func Parse(text string, how How) Line {
	var l Line
	builtin, _, _ := strings.Cut(how.Builtin, "\x00")
	builtin = builtin[:min(len(builtin), maxText)]
	// x86 divides only what the boot loader passed.
	l.add(builtin, 0, true)
	if how.Override {
		return l
	}

	text = strings.TrimRight(text, "\r\n\x00")
	if how.Kept > 0 && len(text) >= how.Kept {
		l.Cut = true
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		l.Dropped = len(text) - i
		text, l.Cut = text[:i], false
	}
	if len(text) > maxText {
		text, l.Cut = text[:maxText], true
	}
	base := 0
	if how.Image {
		rest := strings.TrimLeft(text, " ")
		l.Image, rest, _ = strings.Cut(rest, " ")
		base = len(text) - len(rest)
		text = rest
	}
	if !how.Arm {
		if i := strings.Index(text, " -- "); i >= 0 {
			l.HasDom0 = true
			l.Dom0 = strings.TrimLeft(text[i+len(" -- "):], " ")
			// Xen's own part is whole if what ends it was kept.
			text, l.Cut = text[:i], false
		}
	}
	n := len(l.Options)
	l.add(text, base, false)
	if l.Cut && len(l.Options) > n && !strings.HasSuffix(text, " ") {
		l.Options[len(l.Options)-1].Cut = true
	}
	return l
}

// add takes the words of text. Only 0x20 separates: a tab belongs to a word.
func (l *Line) add(text string, base int, builtin bool) {
	for i := 0; i < len(text); {
		if text[i] == ' ' {
			i++
			continue
		}
		end := i
		for end < len(text) && text[end] != ' ' {
			end++
		}
		o := word(text[i:end])
		o.Offset, o.Builtin = base+i, builtin
		l.Options = append(l.Options, o)
		i = end
	}
}

func word(raw string) Option {
	o := Option{Raw: raw}
	if len(raw) > maxOption {
		raw, o.Shortened = raw[:maxOption], true
	}
	o.Name, o.Value, o.HasValue = strings.Cut(raw, "=")
	// An option registered with a bracket at the end of its name receives what
	// begins with that bracket. It takes no "no-".
	if i := strings.IndexByte(o.Name, '['); i >= 0 && o.HasValue && bracketed(o.Name[:i]) {
		o.Name, o.Value = raw[:i], raw[i:]
		return o
	}
	o.Name, o.Negated = strings.CutPrefix(o.Name, "no-")
	return o
}

func bracketed(name string) bool { return name == "ivrs_ioapic" || name == "ivrs_hpet" }

// ParseBool reads a boolean as parse_bool does; ok is false for any other text.
func ParseBool(s string) (value, ok bool) {
	switch s {
	case "1", "on", "yes", "true", "enable":
		return true, true
	case "0", "no", "off", "false", "disable":
		return false, true
	}
	return false, false
}

// All returns the options called name, in order.
func (l Line) All(name string) []Option {
	var all []Option
	for _, o := range l.Options {
		if o.Name == name {
			all = append(all, o)
		}
	}
	return all
}

// String returns the value that the last option called name sets. An option
// that is only negated sets "no", which is what its handler is given.
func (l Line) String(name string) (value string, given bool) {
	for _, o := range l.All(name) {
		switch {
		case !o.Negated:
			value, given = o.Value, true
		case o.Value == "":
			value, given = "no", true
		}
	}
	return value, given
}

// Bool returns what an option comes to as a boolean, and whether the command
// line says so; def is returned where it does not.
//
// A plain boolean is given by its name, by name=BOOLEAN or by no-name. The two
// cancel out in Xen (no-hap=off is hap), as documented to be undefined. An
// option that is a list is on or off by the last of its words that is a
// boolean. A value that is none leaves an earlier one in force.
func (l Line) Bool(name string, def bool) (value, given bool) {
	value = def
	for _, o := range l.All(name) {
		known, _ := Known(name)
		if known.Kind == List || known.Kind == Custom {
			if v, ok := o.listBool(); ok {
				value, given = v, true
			}
			continue
		}
		v, ok := ParseBool(o.Value)
		if o.Value == "" {
			v, ok = true, true
		}
		if ok {
			value, given = v != o.Negated, true
		}
	}
	return value, given
}

// listBool is the boolean in an option whose handler is given the whole value.
// With "no-" such an option takes no value.
func (o Option) listBool() (value, ok bool) {
	if o.Negated {
		return false, o.Value == ""
	}
	if o.Value == "" {
		return true, true
	}
	for w := range strings.SplitSeq(o.Value, ",") {
		if v, is := ParseBool(w); is {
			value, ok = v, true
		}
	}
	return value, ok
}

// Sub is one word of an option that is a list: rs=no in efi=rs=no,attr=uc.
type Sub struct {
	Name      string // without "no-"
	Value     string // after = or, as in gnttab=max-ver:2, after :
	HasValue  bool
	Negated   bool
	Truncated bool // its option is [Option.Cut] and this is the last word
}

// Bool is what the word comes to as a boolean; ok is false where it is none:
// for another value, and for "no-" together with any value.
func (s Sub) Bool() (value, ok bool) {
	if !s.HasValue {
		return !s.Negated, true
	}
	if s.Negated {
		return false, false
	}
	return ParseBool(s.Value)
}

// Subs returns the words of every list called name, in order. A list given
// twice adds to the first one; where a word occurs again, the later one wins.
// Negated options and empty words are left out.
func (l Line) Subs(name string) []Sub {
	var subs []Sub
	for _, o := range l.All(name) {
		if o.Negated {
			continue
		}
		n := len(subs)
		for w := range strings.SplitSeq(o.Value, ",") {
			if w == "" {
				continue
			}
			var s Sub
			s.Name = w
			if i := strings.IndexAny(w, "=:"); i >= 0 {
				s.Name, s.Value, s.HasValue = w[:i], w[i+1:], true
			}
			s.Name, s.Negated = strings.CutPrefix(s.Name, "no-")
			subs = append(subs, s)
		}
		if o.Cut && len(subs) > n {
			subs[len(subs)-1].Truncated = true
		}
	}
	return subs
}

// Sub returns the last word called sub of the lists called name.
func (l Line) Sub(name, sub string) (Sub, bool) {
	var last Sub
	found := false
	for _, s := range l.Subs(name) {
		if s.Name == sub {
			last, found = s, true
		}
	}
	return last, found
}

// SubBool returns what a word of a list comes to as a boolean, and whether the
// command line says so. A word that is no boolean leaves an earlier one in
// force.
func (l Line) SubBool(name, sub string, def bool) (value, given bool) {
	value = def
	for _, s := range l.Subs(name) {
		if s.Name != sub {
			continue
		}
		if v, ok := s.Bool(); ok {
			value, given = v, true
		}
	}
	return value, given
}

// Unknown returns the options that are in no release's document, in order.
func (l Line) Unknown() []Option {
	var unknown []Option
	for _, o := range l.Options {
		if _, ok := Known(o.Name); !ok {
			unknown = append(unknown, o)
		}
	}
	return unknown
}
