package support

import (
	"slices"
	"strconv"
	"strings"
)

// place is where a row stands, as far as it bears on whom the row is about.
type place struct {
	heading string // title of the nearest heading
	section bool   // directly under a section heading
}

// vocabulary is what single comma-separated parts of a qualifier mean, folded.
// Parts with a grammar of their own (cores, architectures with guests,
// drivers, UARTs) are read by functions below.
var vocabulary = map[string][]Term{
	"xen in aarch64 mode": {{Kind: TermXenState, Value: "aarch64"}},
	"xen in aarch32 mode": {{Kind: TermXenState, Value: "aarch32"}},
	"xen in armv8-r":      {{Kind: TermXenState, Value: "armv8-r"}},
	"xen in armv8-r mode": {{Kind: TermXenState, Value: "armv8-r"}},
	"xeon phi":            {{Kind: TermCPU, Value: "xeon phi"}},
	"intel xeon phi":      {{Kind: TermCPU, Value: "xeon phi"}},

	"amd iommu":          {{Kind: TermIOMMU, Value: "amd-vi"}},
	"amd-vi":             {{Kind: TermIOMMU, Value: "amd-vi"}},
	"intel vt-d":         {{Kind: TermIOMMU, Value: "vt-d"}},
	"vt-d":               {{Kind: TermIOMMU, Value: "vt-d"}},
	"arm smmuv1":         {{Kind: TermIOMMU, Value: "smmuv1"}},
	"arm smmuv2":         {{Kind: TermIOMMU, Value: "smmuv2"}},
	"arm smmuv3":         {{Kind: TermIOMMU, Value: "smmuv3"}},
	"smmuv1":             {{Kind: TermIOMMU, Value: "smmuv1"}},
	"smmuv2":             {{Kind: TermIOMMU, Value: "smmuv2"}},
	"smmuv3":             {{Kind: TermIOMMU, Value: "smmuv3"}},
	"renesas ipmmu-vmsa": {{Kind: TermIOMMU, Value: "ipmmu-vmsa"}},
	"ipmmu-vmsa":         {{Kind: TermIOMMU, Value: "ipmmu-vmsa"}},

	"shim":         {{Kind: TermShim, Value: "with"}},
	"with shim":    {{Kind: TermShim, Value: "with"}},
	"without shim": {{Kind: TermShim, Value: "without"}},
	"hap":          {{Kind: TermPaging, Value: "hap"}},
	"shadow":       {{Kind: TermPaging, Value: "shadow"}},

	"domu":       {{Kind: TermRole, Value: "domU"}},
	"dom0":       {{Kind: TermRole, Value: "dom0"}},
	"linux dom0": {{Kind: TermOS, Value: "linux"}, {Kind: TermRole, Value: "dom0"}},

	"qemu":                 {{Kind: TermImpl, Value: "qemu"}},
	"qemu-xen":             {{Kind: TermImpl, Value: "qemu-xen"}},
	"qemu-xen-traditional": {{Kind: TermImpl, Value: "qemu-xen-traditional"}},
	"blktap2":              {{Kind: TermImpl, Value: "blktap2"}},
	"blktap3":              {{Kind: TermImpl, Value: "blktap3"}},
	"tapback":              {{Kind: TermImpl, Value: "tapback"}},
	"xen-9pfsd":            {{Kind: TermImpl, Value: "xen-9pfsd"}},

	"raw format":   {{Kind: TermFormat, Value: "raw"}},
	"qcow format":  {{Kind: TermFormat, Value: "qcow"}},
	"qcow2 format": {{Kind: TermFormat, Value: "qcow2"}},
	"vhd format":   {{Kind: TermFormat, Value: "vhd"}},
	"vhdx format":  {{Kind: TermFormat, Value: "vhdx"}},
	"qed format":   {{Kind: TermFormat, Value: "qed"}},

	"sysv":      {{Kind: TermInit, Value: "sysv"}},
	"systemd":   {{Kind: TermInit, Value: "systemd"}},
	"bsd-style": {{Kind: TermInit, Value: "bsd-style"}},
	"openrc":    {{Kind: TermInit, Value: "openrc"}},

	"seabios": {{Kind: TermFirmware, Value: "seabios"}},
	"rombios": {{Kind: TermFirmware, Value: "rombios"}},
	"ovmf":    {{Kind: TermFirmware, Value: "ovmf"}},
	"seabios (qemu-xen)": {
		{Kind: TermFirmware, Value: "seabios"}, {Kind: TermImpl, Value: "qemu-xen"}},
	"rombios (qemu-xen-traditional)": {
		{Kind: TermFirmware, Value: "rombios"}, {Kind: TermImpl, Value: "qemu-xen-traditional"}},

	"ns16550":       {{Kind: TermDevice, Value: "ns16550"}},
	"ehci":          {{Kind: TermDevice, Value: "ehci"}},
	"xhci":          {{Kind: TermDevice, Value: "xhci"}},
	"piix3":         {{Kind: TermDevice, Value: "piix3"}},
	"piix3 ide":     {{Kind: TermDevice, Value: "piix3 ide"}},
	"ahci":          {{Kind: TermDevice, Value: "ahci"}},
	"e1000":         {{Kind: TermDevice, Value: "e1000"}},
	"e1000e":        {{Kind: TermDevice, Value: "e1000e"}},
	"rtl8139":       {{Kind: TermDevice, Value: "rtl8139"}},
	"virtio-net":    {{Kind: TermDevice, Value: "virtio-net"}},
	"cirrus-vga":    {{Kind: TermDevice, Value: "cirrus-vga"}},
	"stdvga":        {{Kind: TermDevice, Value: "stdvga"}},
	"sb16":          {{Kind: TermDevice, Value: "sb16"}},
	"es1370":        {{Kind: TermDevice, Value: "es1370"}},
	"ac97":          {{Kind: TermDevice, Value: "ac97"}},
	"usbmouse":      {{Kind: TermDevice, Value: "usbmouse"}},
	"usbtablet":     {{Kind: TermDevice, Value: "usbtablet"}},
	"ps/2 keyboard": {{Kind: TermDevice, Value: "ps/2 keyboard"}},
	"ps/2 mouse":    {{Kind: TermDevice, Value: "ps/2 mouse"}},

	insideBackendAllocation:  {{Kind: TermMode, Value: insideBackendAllocation}},
	outsideBackendAllocation: {{Kind: TermMode, Value: outsideBackendAllocation}},

	"liveupdate":                   {{Kind: TermSub, Value: "liveupdate"}},
	"live update":                  {{Kind: TermSub, Value: "liveupdate"}},
	"mandatory":                    {{Kind: TermSub, Value: "mandatory"}},
	"untrusted driver domains":     {{Kind: TermCondition, Value: "untrusted driver domains"}},
	"device model stub domains":    {{Kind: TermCondition, Value: "device model stub domains"}},
	"as host process device model": {{Kind: TermCondition, Value: "as host process device model"}},
}

// slips are misspelt qualifiers and what their authors meant.
var slips = map[string]string{
	"rtl8193": "rtl8139", // every release
	"stgvga":  "stdvga",  // 4.10.0
}

// osNames are the operating systems the statement names.
var osNames = map[string]bool{"linux": true, "freebsd": true, "netbsd": true, "openbsd": true, "windows": true}

// guestNames are guest types; "xen hvm" is an HVM guest that itself runs Xen.
var guestNames = map[string]string{
	"pv": "pv", "hvm": "hvm", "pvh": "pvh", "hvm/pvh": "hvm/pvh", "pvh/hvm": "hvm/pvh", "pv/hvm": "pv/hvm", "pv/pvh": "pv/pvh", "xen hvm": "hvm",
}

// archName returns the architecture that a folded word names: x86, arm, arm32,
// arm64, or one that Xen has no released host support for.
func archName(word string) (string, bool) {
	switch word {
	case "x86", "x86-64", "x86_64", "amd64":
		return "x86", true
	case "arm", "armv8", "armv9":
		return "arm", true
	case "arm32", "aarch32", "armv7":
		return "arm32", true
	case "arm64", "aarch64":
		return "arm64", true
	case "risc-v", "riscv", "riscv32", "riscv64", "rv32", "rv64":
		return "riscv", true
	case "ppc", "ppc64", "ppc64le", "powerpc", "power", "power8", "power9", "power10", "power11":
		return "ppc", true
	case "loongarch", "loongarch64":
		return "loongarch", true
	}
	return "", false
}

// headingArch returns the architecture that a heading speaks of itself:
// x86/PVH, ARM/GICv3, "Arm: OP-TEE Mediator", "ARM v8", x86-64.
func headingArch(title string) string {
	t := fold(title)
	switch {
	case strings.HasPrefix(t, "arm v7"):
		return "arm32"
	case strings.HasPrefix(t, "x86-32"), strings.HasPrefix(t, "x86_32"):
		return "x86"
	}
	if i := strings.IndexAny(t, "/: "); i >= 0 {
		t = t[:i]
	}
	if base, profile, ok := strings.Cut(t, "-"); ok && (profile == "a" || profile == "r") {
		t = base // Armv8-A, Armv8-R
	}
	arch, _ := archName(t)
	return arch
}

// applicability reads a qualifier. Like a value it is understood as a whole or
// not at all; what is known of the architecture stays known either way, since
// it limits whom an unrecognised row can concern.
func applicability(qualifier string, at place) (a Applicability, slip string) {
	a.Arch = headingArch(at.heading)
	a.Relation = Whole
	if qualifier == "" {
		if at.section {
			a.Relation = SectionRow
		}
		return a, ""
	}
	a.Relation = Variant
	for _, part := range splitParts(qualifier) {
		terms, meant := parseTerm(part)
		if terms == nil {
			a.Unrecognised = qualifier
			if arch, ok := narrower(a.Arch, leadingArch(part)); ok {
				a.Arch = arch
			}
			continue
		}
		if meant != "" {
			slip = part + " probably means " + meant
		}
		if excluded(terms, a.Terms) {
			a.Unrecognised = qualifier
		}
		a.Terms = append(a.Terms, terms...)
	}
	arch := a.Arch
	for _, t := range a.Terms {
		var ok bool
		if arch, ok = narrower(arch, t.arch()); !ok {
			// The parts, or qualifier and heading, exclude each other: read
			// literally the row is about nobody.
			a.Unrecognised = qualifier
			arch = a.Arch
			break
		}
		switch {
		case t.Kind == TermCore || t.Kind == TermCPU:
			a.Relation = Exception
		case t.Kind == TermCondition && a.Relation == Variant && t.Value != "device model stub domains" && t.Value != "as host process device model":
			a.Relation = CondRow
		case t.Kind == TermSub && a.Relation == Variant:
			a.Relation = SubFeature
		}
	}
	a.Arch = arch
	if len(a.Terms) == 2 && fold(qualifier) == "x86/shim" {
		a.Relation = Exception
	}
	if !a.Understood() {
		a.Terms = nil
	}
	return a, slip
}

// leadingArch returns the architecture that a part outside the vocabulary begins
// with, where nothing in it speaks of another: "RISC-V IOMMU" is about no x86.
func leadingArch(part string) string {
	words := strings.Fields(fold(part))
	if len(words) == 0 {
		return ""
	}
	arch, _ := archName(words[0])
	for _, w := range words[1:] {
		if _, other := archName(w); other || connectives[w] || strings.HasPrefix(w, "exclu") || strings.ContainsAny(w, "/(") {
			return ""
		}
	}
	return arch
}

// arch returns the architecture that a term implies, or "".
func (t Term) arch() string {
	switch t.Kind {
	case TermArch:
		return t.Value
	case TermWidth, TermCPU, TermPaging, TermShim:
		return "x86"
	case TermCore, TermXenState:
		return "arm"
	case TermIOMMU:
		if t.Value == "amd-vi" || t.Value == "vt-d" {
			return "x86"
		}
		return "arm"
	}
	return ""
}

// excluded reports whether a part says something else of what an earlier one is
// about already: read as both, the row is about nobody, since no core is a
// Cortex-A57 and a Cortex-A72. Architectures are left to narrower.
func excluded(part, earlier []Term) bool {
	return slices.ContainsFunc(part, func(t Term) bool {
		return t.Kind != TermArch && slices.ContainsFunc(earlier, func(o Term) bool {
			return o.Kind == t.Kind && (o.Value != t.Value || t.Core != nil && o.Core != nil && *o.Core != *t.Core)
		})
	})
}

// narrower returns what is in both of two architectures, and whether anything
// is.
func narrower(a, b string) (string, bool) {
	switch {
	case a == "" || a == b:
		return b, true
	case b == "":
		return a, true
	case a == "arm" && (b == "arm32" || b == "arm64"):
		return b, true
	case b == "arm" && (a == "arm32" || a == "arm64"):
		return a, true
	}
	return "", false
}

// splitParts splits a qualifier at its commas; those inside parentheses or
// quotation marks belong to their part.
func splitParts(q string) []string {
	var parts []string
	depth, quoted, start := 0, false, 0
	for i := 0; i < len(q); i++ {
		switch q[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '"':
			quoted = !quoted
		case ',':
			if depth == 0 && !quoted {
				parts = append(parts, strings.TrimSpace(q[start:i]))
				start = i + 1
			}
		}
	}
	return append(parts, strings.TrimSpace(q[start:]))
}

// parseTerm reads one part of a qualifier; no terms mean that it is outside
// the vocabulary. meant is set when the part is a known slip.
func parseTerm(part string) (terms []Term, meant string) {
	p := fold(part)
	if right, ok := slips[p]; ok {
		terms, _ := parseTerm(right)
		return terms, right
	}
	if t, ok := vocabulary[p]; ok {
		return t, ""
	}
	if osNames[p] {
		return []Term{{Kind: TermOS, Value: p}}, ""
	}
	if g, ok := guestNames[p]; ok {
		return []Term{{Kind: TermGuest, Value: g}}, ""
	}
	for _, read := range []func(part, folded string) []Term{archTerm, driverTerm, uartTerm, pageSizeTerm, callTerm, coreTerm} {
		if t := read(part, p); t != nil {
			return t, ""
		}
	}
	return nil, ""
}

// archTerm reads ARCH, ARCH "/shim", ARCH GUEST and the widths of PV kernels.
func archTerm(_, p string) []Term {
	switch p {
	case "x86_64", "x86-64":
		return []Term{{Kind: TermWidth, Value: "64"}}
	case "x86_32", "x86-32", "i386", "i686":
		return []Term{{Kind: TermWidth, Value: "32"}}
	}
	if base, ok := strings.CutSuffix(p, "/shim"); ok {
		if arch, ok := archName(base); ok {
			return []Term{{Kind: TermArch, Value: arch}, {Kind: TermShim, Value: "with"}}
		}
		return nil
	}
	word, rest, _ := strings.Cut(p, " ")
	arch, ok := archName(word)
	if !ok {
		return nil
	}
	terms := []Term{{Kind: TermArch, Value: arch}}
	switch g, guest := guestNames[rest]; {
	case rest == "":
	case guest:
		terms = append(terms, Term{Kind: TermGuest, Value: g})
	case rest == "dom0":
		terms = append(terms, Term{Kind: TermRole, Value: "dom0"})
	case rest == "domu":
		terms = append(terms, Term{Kind: TermRole, Value: "domU"})
	default:
		return nil
	}
	return terms
}

// driverTerm reads an operating system or QEMU with the driver in parentheses:
// Linux (xen-blkback), QEMU (xen_disk). Driver names are taken when they look
// like one, so that "Linux (except on Tuesdays)" is not.
func driverTerm(_, p string) []Term {
	base, driver, ok := strings.Cut(p, " (")
	driver, closed := strings.CutSuffix(driver, ")")
	if !ok || !closed || strings.ContainsAny(driver, "() ,") {
		return nil
	}
	if !strings.HasPrefix(driver, "xen") && !strings.HasSuffix(driver, "_xen") &&
		!strings.HasSuffix(driver, "back") && !strings.HasSuffix(driver, "front") {
		return nil
	}
	impl := Term{Kind: TermImpl, Value: driver}
	switch {
	case osNames[base]:
		return []Term{{Kind: TermOS, Value: base}, impl}
	case base == "qemu":
		return []Term{{Kind: TermImpl, Value: "qemu"}, impl}
	}
	return nil
}

// uartTerm reads serial devices: PL011 UART (ARM), SCI(F) UART, UART 16550A.
func uartTerm(_, p string) []Term {
	var arch []Term
	if base, ok := strings.CutSuffix(p, ")"); ok {
		base, name, _ := strings.Cut(base, " (")
		a, ok := archName(name)
		if !ok {
			return nil
		}
		p, arch = base, []Term{{Kind: TermArch, Value: a}}
	}
	words := strings.Fields(p)
	if len(words) < 2 || len(words) > 4 || words[0] != "uart" && words[len(words)-1] != "uart" {
		return nil
	}
	for _, w := range words {
		if connectives[w] {
			return nil
		}
	}
	return append([]Term{{Kind: TermDevice, Value: p}}, arch...)
}

// pageSizeTerm reads 2MiB, 1GiB.
func pageSizeTerm(part, p string) []Term {
	q, rest, ok := parseQuantity(p)
	if !ok || rest != "" || q.Unit != Bytes {
		return nil
	}
	return []Term{{Kind: TermPageSize, Value: strings.ReplaceAll(q.Text, " ", "")}}
}

// callTerm reads the name of a firmware call: SYSTEM_SUSPEND.
func callTerm(part, p string) []Term {
	if !strings.Contains(part, "_") || part != strings.ToUpper(part) {
		return nil
	}
	for _, r := range part {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' {
			return nil
		}
	}
	return []Term{{Kind: TermSub, Value: p}}
}

// connectives make a phrase of what would be a name; a part that holds one is
// not a name and is left unrecognised.
var connectives = map[string]bool{
	"a": true, "above": true, "after": true, "all": true, "and": true, "any": true, "are": true, "as": true, "at": true, "before": true,
	"below": true, "but": true, "by": true, "early": true, "earlier": true, "except": true, "excluding": true, "for": true, "from": true,
	"if": true, "in": true, "is": true, "late": true, "later": true, "less": true, "more": true, "newer": true, "no": true, "non": true,
	"not": true, "of": true, "older": true, "on": true, "only": true, "or": true, "other": true, "others": true, "outside": true, "some": true,
	"than": true, "the": true, "through": true, "to": true, "under": true, "unless": true, "until": true, "up": true, "when": true,
	"where": true, "with": true, "without": true,
}

// coreFamilies begin the names of Arm cores; after one of them a revision may
// be left out.
var coreFamilies = []string{
	"cortex", "neoverse", "kryo", "thunderx", "falkor", "oryon", "ampereone", "carmel", "denver", "a64fx", "exynos-m", "brahma", "xgene", "x-gene", "tsv110", "graviton", "firestorm", "icestorm",
}

// plainMarks writes as a hyphen what can join the two ends of a range, and as
// blanks the parentheses that can stand around it.
var plainMarks = strings.NewReplacer("‐", "-", "‑", "-", "‒", "-", "–", "-", "—", "-", "−", "-", "(", " ", ")", " ")

// coreTerm reads an Arm core with revisions as Arm writes them, rNpM:
//
//	Cortex A57 r0p0-r1p1    Cortex-X2 r2p0    Neoverse N1 up to r1p2    Cortex A510
//
// The range is inclusive at both ends. Variant and revision are four bits each
// in MIDR_EL1 (Arm ARM, D19.2.91), so larger numbers are no revision.
func coreTerm(part, _ string) []Term {
	if strings.ContainsAny(part, "()") || !isASCII(part) {
		part = plainMarks.Replace(part)
	}
	words := strings.Fields(part)
	if len(words) > 1 && strings.EqualFold(words[0], "arm") {
		words = words[1:]
	}
	i := 0
	for i < len(words) && !looksLikeRevision(words[i]) {
		i++
	}
	name, revisions := words[:i], strings.ToLower(strings.Join(words[i:], " "))
	core := CoreRange{}
	switch {
	case revisions == "":
		if n := len(name); n > 2 && strings.EqualFold(name[n-2], "all") && strings.EqualFold(name[n-1], "revisions") {
			name = name[:n-2]
		}
		core.All = true
	case len(name) > 2 && strings.EqualFold(name[len(name)-2], "up") && strings.EqualFold(name[len(name)-1], "to"):
		to, ok := parseRevision(revisions)
		if !ok {
			return nil
		}
		core.To, name = to, name[:len(name)-2]
	default:
		from, to, ranged := strings.Cut(strings.ReplaceAll(revisions, " to ", "-"), "-")
		var ok bool
		if core.From, ok = parseRevision(strings.TrimSpace(from)); !ok {
			return nil
		}
		core.To = core.From
		if ranged {
			if core.To, ok = parseRevision(strings.TrimSpace(to)); !ok || core.From.Compare(core.To) > 0 {
				return nil
			}
		}
	}
	core.Name = strings.Join(name, " ")
	if !isCoreName(name, core.All) {
		return nil
	}
	return []Term{{Kind: TermCore, Value: strings.ToLower(core.Name), Core: &core}}
}

// isCoreName reports whether words can be the name of a core. Without a
// revision only names of known families are taken.
func isCoreName(words []string, known bool) bool {
	if len(words) == 0 || len(words) > 4 {
		return false
	}
	if _, arch := archName(strings.ToLower(words[0])); arch {
		return false
	}
	for i, w := range words {
		if connectives[strings.ToLower(w)] || strings.Trim(w, coreNameBytes) != "" {
			return false
		}
		if known && i > 0 && !strings.ContainsAny(w, "0123456789") {
			return false
		}
	}
	if !known {
		return true
	}
	first := strings.ToLower(words[0])
	for _, f := range coreFamilies {
		if strings.HasPrefix(first, f) {
			return len(words) > 1 || strings.ContainsAny(first, "0123456789") || f == "thunderx"
		}
	}
	return false
}

const coreNameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-+."

func looksLikeRevision(w string) bool {
	return len(w) > 1 && (w[0] == 'r' || w[0] == 'R') && isDigit(w[1])
}

// parseRevision reads rNpM.
func parseRevision(s string) (Revision, bool) {
	n, m, ok := strings.Cut(strings.TrimPrefix(s, "r"), "p")
	variant, err1 := strconv.ParseUint(n, 10, 4)
	revision, err2 := strconv.ParseUint(m, 10, 4)
	if !ok || s[0] != 'r' || err1 != nil || err2 != nil {
		return Revision{}, false
	}
	return Revision{Variant: int(variant), Revision: int(revision)}, true
}
