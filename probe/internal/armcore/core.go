package armcore

import "strings"

// Profile is an architecture profile: what kind of machine a core is for.
type Profile byte

// The profiles. Cores older than Armv7 have none, except the small ones.
const (
	NoProfile       Profile = 0
	Application     Profile = 'A'
	RealTime        Profile = 'R'
	Microcontroller Profile = 'M'
)

// Core is one design of processor core.
type Core struct {
	Implementer int    // MIDR[31:24]
	Part        int    // MIDR[15:4]
	Name        string // as lscpu spells it: Cortex-A57, Neoverse-N1, Falkor-V1/Kryo
	kind        kind
}

// Lookup returns the core with these MIDR fields, if Linux has a name for it.
func Lookup(implementer, part int) (Core, bool) {
	for _, e := range table {
		if e.implementer == implementer && e.part == part {
			return e.core(), true
		}
	}
	return Core{}, false
}

func (e entry) core() Core { return Core{e.implementer, e.part, e.name, e.kind} }

// Implementer returns the company's name as lscpu spells it; empty for a code
// nobody is known to use.
func Implementer(code int) string {
	for _, v := range implementers {
		if v.code == code {
			return v.name
		}
	}
	return ""
}

// Architecture is 8 for Armv8 and Armv9, 7 for Armv7, 4 to 6 for older cores.
// It is 0 for the zero Core.
func (c Core) Architecture() int {
	switch c.kind {
	case v4:
		return 4
	case v5:
		return 5
	case v6, v6M:
		return 6
	case v7M, v7R, v7A, v7Virt, v7Maybe:
		return 7
	case v8M, v8R, v8A:
		return 8
	}
	return 0
}

// Profile returns the core's architecture profile.
func (c Core) Profile() Profile {
	switch c.kind {
	case v6M, v7M, v8M:
		return Microcontroller
	case v7R, v8R:
		return RealTime
	case v7A, v7Virt, v7Maybe, v8A:
		return Application
	}
	return NoProfile
}

// VirtualizationExtensions reports whether the core has Armv7's Virtualization
// Extensions, and whether that is known. It is not known for any Armv8 core:
// there the question is whether it implements EL2, which its name does not
// tell.
func (c Core) VirtualizationExtensions() (has, known bool) {
	switch c.kind {
	case v7Virt:
		return true, true
	case v7Maybe, v8R, v8A, unlisted:
		return false, false
	}
	return false, true
}

// Match reports whether a core is the one that a name means, and whether that
// can be told. Case, blanks and punctuation do not count, and the vendor may
// stand in front: "Cortex A57", "cortex-a57" and "ARM Cortex-A57" are the same
// core.
//
// It cannot be told (known is false) when neither the name nor the part is in
// the table, so that the one may be the other; nor when a licensee sells the
// named design under its own implementer code, because its revisions need not
// be those of the original.
func Match(name string, implementer, part int) (matches, known bool) {
	wanted := fold(name)
	if wanted == "" {
		return false, false
	}
	for _, l := range licensed {
		if l.implementer == implementer && l.part == part && means(wanted, l.name, implementerARM) {
			return false, false
		}
	}
	// A part with a name is told from every other name, and a name with a part
	// from every other part.
	_, known = Lookup(implementer, part)
	try := func(i, p int, names string) {
		if means(wanted, names, i) {
			known = true
			matches = matches || i == implementer && p == part
		}
	}
	for _, e := range table {
		if !borrowed(e) {
			try(e.implementer, e.part, e.name)
		}
	}
	for _, a := range aliases {
		try(a.implementer, a.part, a.name)
	}
	return matches, known
}

// borrowed reports whether an entry goes by the name of the design it licenses.
func borrowed(e entry) bool {
	for _, l := range licensed {
		if l.implementer == e.implementer && l.part == e.part && l.name == e.name {
			return true
		}
	}
	return false
}

// means reports whether a folded name stands for one of names, which lscpu
// joins with a slash for parts it cannot tell apart.
func means(wanted, names string, implementer int) bool {
	bare, hasVendor := strings.CutPrefix(wanted, fold(Implementer(implementer)))
	for one := range strings.SplitSeq(names, "/") {
		if one = fold(one); one == wanted || hasVendor && one == bare {
			return true
		}
	}
	all := fold(names)
	return all == wanted || hasVendor && all == bare
}

// fold reduces a name to what tells cores apart. The plus sign stays: a
// Cortex-R52+ is not a Cortex-R52.
func fold(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '+' {
			b.WriteRune(r)
		}
	}
	return b.String()
}
