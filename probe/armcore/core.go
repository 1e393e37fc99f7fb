package armcore

import (
	"slices"
	"strings"
)

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
// can be told: see [Name.Is].
func Match(name string, implementer, part int) (matches, known bool) {
	return Find(name).Is(implementer, part)
}

// Name is what a name means. It is looked up once and asked for many cores.
type Name struct {
	own      bool       // Arm Ltd's own naming, in which a core has one name
	meant    []midrPart // the cores it names
	licensed []midrPart // what licensees sell of the design
}

// midrPart is what of a MIDR tells designs apart.
type midrPart struct{ implementer, part int }

// Find looks a name up. Case, blanks and punctuation do not count, and the
// vendor may stand in front: "Cortex A57", "cortex-a57" and "ARM Cortex-A57"
// are the same core.
func Find(name string) Name {
	wanted := fold(name)
	if wanted == "" {
		return Name{}
	}
	bare := strings.TrimPrefix(wanted, "arm")
	n := Name{own: strings.HasPrefix(bare, "cortex") || strings.HasPrefix(bare, "neoverse")}
	for _, l := range licensed {
		if means(wanted, l.name, implementerARM) {
			n.licensed = append(n.licensed, midrPart{l.implementer, l.part})
		}
	}
	for _, e := range table {
		if !borrowed(e) && means(wanted, e.name, e.implementer) {
			n.meant = append(n.meant, midrPart{e.implementer, e.part})
		}
	}
	for _, a := range aliases {
		if means(wanted, a.name, a.implementer) {
			n.meant = append(n.meant, midrPart{a.implementer, a.part})
		}
	}
	return n
}

// Is reports whether a core is the one that the name means, and whether that
// can be told.
//
// It cannot be told (known is false) when neither the name nor the part is in
// the table, so that the one may be the other; nor when the name is a product's
// that nobody listed, such as Graviton, since products are made of cores with
// names of their own; nor when a licensee sells the named design under its own
// implementer code, because its revisions need not be those of the original.
func (n Name) Is(implementer, part int) (matches, known bool) {
	p := midrPart{implementer, part}
	switch {
	case slices.Contains(n.licensed, p):
		return false, false
	case slices.Contains(n.meant, p):
		return true, true
	case len(n.meant) > 0:
		return false, true // a name with a part is told from every other part
	}
	// Arm's own names are told from a part that has another name, or that is
	// another company's.
	_, known = Lookup(implementer, part)
	return false, n.own && (known || implementer != implementerARM)
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
