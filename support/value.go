package support

import (
	"math/bits"
	"strings"
)

// grade is a functional level as the statement words it, with the security
// support that its definition implies (SUPPORT.md, "Definition of Status
// labels").
type grade struct {
	words string
	level Level
}

// grades lists the words that can stand alone or before a clause. The two
// misspellings have been in the 4.10 to 4.13 texts for years.
var grades = []grade{
	{"supported", Level{Supported, SecurityYes}},
	{"deprecated", Level{Deprecated, SecurityYes}},
	{"tech preview", Level{TechPreview, SecurityNo}},
	{"experimental", Level{Experimental, SecurityNo}},
	{"expermental", Level{Experimental, SecurityNo}},
	{"experimenal", Level{Experimental, SecurityNo}},
}

// phrases are whole values that are not made of a grade and a clause.
var phrases = map[string]Meaning{
	"security supported":                       {Level: Level{Supported, SecurityYes}},
	"not security supported":                   {Level: Level{FunctionalNotStated, SecurityNo}},
	"no security support":                      {Level: Level{FunctionalNotStated, SecurityNo}},
	"no security support, not recommended":     {Level: Level{FunctionalNotStated, SecurityNo}},
	"not supported":                            {Level: Level{NotSupported, SecurityNo}},
	"not functional":                           {Level: Level{NotFunctional, SecurityNo}},
	"not implemented":                          {Level: Level{NotImplemented, SecurityNo}},
	"support scope restricted":                 {Level: Level{Supported, SecurityConditional}, Condition: ScopeRestricted},
	"tech preview, with limited support":       {Level: Level{TechPreview, SecurityConditional}, Condition: LimitedSupport},
	"supported, with limited support":          {Level: Level{Supported, SecurityConditional}, Condition: LimitedSupport},
	"supported, security supported":            {Level: Level{Supported, SecurityYes}},
	"supported, security support external":     {Level: Level{Supported, SecurityExternal}},
	"deprecated, security support external":    {Level: Level{Deprecated, SecurityExternal}},
	"supported, with caveats":                  {Level: Level{Supported, SecurityConditional}, Condition: WithCaveats},
	"deprecated, with caveats":                 {Level: Level{Deprecated, SecurityConditional}, Condition: WithCaveats},
	"supported, " + onlyDeprivileged:           {Level: Level{Supported, SecurityConditional}, Condition: WhenDeprivilege},
	"deprecated, " + onlyDeprivileged:          {Level: Level{Deprecated, SecurityConditional}, Condition: WhenDeprivilege},
	"supported, but not security supported":    {Level: Level{Supported, SecurityNo}},
	"deprecated, but not security supported":   {Level: Level{Deprecated, SecurityNo}},
	"tech preview, but not security supported": {Level: Level{TechPreview, SecurityNo}},
}

const onlyDeprivileged = "security supported only when run de-privileged"

// fold brings a value or qualifier into the form it is compared in: lower
// case, single blanks, plain quotation marks.
func fold(s string) string {
	s = straight(s)
	if strings.Contains(s, "  ") || strings.Contains(s, "\t") {
		s = strings.Join(strings.Fields(s), " ")
	}
	return strings.ToLower(strings.TrimSpace(s))
}

// parseMeaning reads the value of a row. A value is understood as a whole or
// not at all: one word outside the grammar makes both levels unrecognised, so
// that nothing good can come of half a sentence.
func parseMeaning(keyword, value string) Meaning {
	s := strings.TrimSuffix(fold(value), ".")
	if keyword == keySupported {
		if formats, ok := imageFormats(value); ok {
			return Meaning{Level: Level{Supported, SecurityYes}, Formats: formats}
		}
		return notUnderstood(value)
	}
	mode := ""
	if rest, m, ok := cutMode(s); ok {
		s, mode = rest, m
	}
	m, ok := phrases[s]
	if !ok {
		m, ok = parseGrade(s)
	}
	if !ok || mode != "" && m.Limit != nil {
		return notUnderstood(value)
	}
	m.Mode = mode
	return m
}

// notUnderstood keeps a value that is outside the grammar.
func notUnderstood(value string) Meaning {
	if value == "" {
		value = "(no value)"
	}
	return Meaning{Level: Level{FunctionalUnrecognised, SecurityUnrecognised}, Unrecognised: value}
}

// Modes of the paravirtual display that 4.15 and 4.16 write into the value and
// later texts into the qualifier.
const (
	insideBackendAllocation  = `"backend allocation" mode`
	outsideBackendAllocation = `outside of "backend allocation" mode`
)

// cutMode splits a folded value such as `supported (outside of "backend
// allocation" mode)`. The mode is returned as a qualifier would spell it.
func cutMode(s string) (rest, mode string, ok bool) {
	rest, inner, found := strings.Cut(s, " (")
	if !found {
		return s, "", false
	}
	switch inner {
	case "in " + insideBackendAllocation + ")":
		return rest, insideBackendAllocation, true
	case outsideBackendAllocation + ")":
		return rest, outsideBackendAllocation, true
	}
	return s, "", false
}

// parseGrade reads GRADE [", not security supported"] and GRADE "up to" LIMIT
// from a folded value without its full stop.
func parseGrade(s string) (Meaning, bool) {
	for _, g := range grades {
		rest, ok := strings.CutPrefix(s, g.words)
		if !ok {
			continue
		}
		if rest == "" {
			return Meaning{Level: g.level}, true
		}
		if rest == ", not security supported" {
			return Meaning{Level: Level{g.level.Functional, SecurityNo}}, true
		}
		if rest, ok = strings.CutPrefix(rest, " up to "); ok {
			limit, rest, ok := parseLimit(rest)
			if !ok {
				return Meaning{}, false
			}
			level := g.level
			// "Supported up to 64, not security supported": the clause
			// speaks of what is within the limit, and nothing of the rest.
			if rest == ", not security supported" && limit.Above == NothingSaid {
				level.Security, rest = SecurityNo, ""
			}
			return Meaning{Level: level, Limit: &limit}, rest == ""
		}
	}
	return Meaning{}, false
}

// parseLimit reads QUANTITY [". " HOSTS "with more" THING [", but less than"
// QUANTITY ","] "are" LEVEL] and returns what is left.
func parseLimit(s string) (Limit, string, bool) {
	max, rest, ok := parseQuantity(s)
	if !ok || max.N == 0 {
		return Limit{}, "", false
	}
	l := Limit{Max: max, Above: NothingSaid}
	tail, ok := strings.CutPrefix(rest, ". ")
	if !ok {
		return l, rest, true
	}
	who, tail, ok := strings.Cut(tail, " with more ")
	if !ok || !owners[who] {
		return Limit{}, "", false
	}
	end := strings.IndexAny(tail, ", ")
	if end < 0 || things[tail[:end]] == "" || max.Unit != Count && things[tail[:end]] != max.Unit {
		return Limit{}, "", false
	}
	tail = tail[end:]
	if after, ok := strings.CutPrefix(tail, ", but less than "); ok {
		below, rest, ok := parseQuantity(after)
		if !ok || below.Unit != max.Unit || below.N <= max.N {
			return Limit{}, "", false
		}
		if tail, ok = strings.CutPrefix(rest, ","); !ok {
			return Limit{}, "", false
		}
		l.Below = &below
	}
	clause, ok := strings.CutPrefix(tail, " are ")
	if !ok {
		return Limit{}, "", false
	}
	switch clause {
	case "supported, but not security supported", "supported, not security supported":
		l.Above = Level{Supported, SecurityNo}
	case "not security supported":
		l.Above = Level{FunctionalNotStated, SecurityNo}
	case "not supported":
		l.Above = Level{NotSupported, SecurityNo}
	case "experimental":
		l.Above = Level{Experimental, SecurityNo}
	case "tech preview":
		l.Above = Level{TechPreview, SecurityNo}
	default:
		return Limit{}, "", false
	}
	return l, "", true
}

// owners are the words a limit's second sentence can begin with, things what
// they can have more of.
var (
	owners = map[string]bool{"hosts": true, "guests": true, "domains": true, "systems": true, "machines": true, "platforms": true}
	things = map[string]Unit{"memory": Bytes, "ram": Bytes, "cpus": CPUs, "pcpus": CPUs, "vcpus": CPUs}
)

// units are the units a quantity can have and how much each is. Decimal units
// (GB) are absent: nobody knows which of the two meanings was meant.
var units = map[string]struct {
	unit Unit
	size uint64
}{
	"bytes": {Bytes, 1}, "kib": {Bytes, 1 << 10}, "mib": {Bytes, 1 << 20}, "gib": {Bytes, 1 << 30},
	"tib": {Bytes, 1 << 40}, "pib": {Bytes, 1 << 50}, "eib": {Bytes, 1 << 60},
	"cpu": {CPUs, 1}, "cpus": {CPUs, 1}, "pcpu": {CPUs, 1}, "pcpus": {CPUs, 1}, "vcpu": {CPUs, 1}, "vcpus": {CPUs, 1},
}

// unitNames restores the case that folding a quantity lost.
var unitNames = map[string]string{
	"kib": "KiB", "mib": "MiB", "gib": "GiB", "tib": "TiB", "pib": "PiB", "eib": "EiB",
	"cpu": "CPU", "cpus": "CPUs", "pcpu": "pCPU", "pcpus": "pCPUs", "vcpu": "vCPU", "vcpus": "vCPUs",
}

// parseQuantity reads a number with an optional unit from the start of a
// folded string and returns what follows it. Thousands may be separated by
// commas or blanks; a number that 64 bits cannot hold is refused.
func parseQuantity(s string) (Quantity, string, bool) {
	n, i, ok := parseNumber(s)
	if !ok {
		return Quantity{}, "", false
	}
	number, rest := s[:i], s[i:]
	// A fraction is exact or refused: 1.5 TiB is, 1.5 CPUs is not.
	fraction, scale := uint64(0), uint64(1)
	if len(rest) > 1 && rest[0] == '.' && isDigit(rest[1]) {
		j := 1
		for ; j < len(rest) && isDigit(rest[j]); j++ {
			if j > 6 {
				return Quantity{}, "", false
			}
			fraction, scale = fraction*10+uint64(rest[j]-'0'), scale*10
		}
		number, rest = s[:i+j], rest[j:]
	}
	word := strings.TrimPrefix(rest, " ")
	end := 0
	for end < len(word) && word[end] >= 'a' && word[end] <= 'z' {
		end++
	}
	u, known := units[word[:end]]
	if !known {
		// Not followed by a unit: whatever stands here is not ours, unless it
		// is glued to the number ("12tb", "4096x").
		if fraction != 0 || scale != 1 || rest == word && end > 0 || rest != "" && !strings.ContainsRune(" .,", rune(rest[0])) {
			return Quantity{}, "", false
		}
		return Quantity{N: n, Unit: Count, Text: number}, rest, true
	}
	hi, total := bits.Mul64(n, u.size)
	fhi, part := bits.Mul64(fraction, u.size)
	if hi != 0 || fhi != 0 || part%scale != 0 {
		return Quantity{}, "", false
	}
	total, carry := bits.Add64(total, part/scale, 0)
	if carry != 0 {
		return Quantity{}, "", false
	}
	name := word[:end]
	if pretty, ok := unitNames[name]; ok {
		name = pretty
	}
	return Quantity{N: total, Unit: u.unit, Text: number + " " + name}, word[end:], true
}

// parseNumber reads digits, in groups of three when separated, and returns the
// number and its length.
func parseNumber(s string) (n uint64, length int, ok bool) {
	i, group := 0, 0
	for ; i < len(s); i++ {
		c := s[i]
		if isDigit(c) {
			hi, v := bits.Mul64(n, 10)
			v, carry := bits.Add64(v, uint64(c-'0'), 0)
			if hi != 0 || carry != 0 {
				return 0, 0, false
			}
			n, group = v, group+1
			continue
		}
		separated := (c == ',' || c == ' ') && group > 0 && i+1 < len(s) && isDigit(s[i+1])
		if !separated {
			break
		}
		if group > 3 || len(s) < i+4 || !isDigit(s[i+2]) || !isDigit(s[i+3]) || len(s) > i+4 && isDigit(s[i+4]) {
			return 0, 0, false
		}
		group = 0
	}
	return n, i, group > 0 && (i == 1 || s[0] != '0')
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// kernelFormats are the formats of a directly booted kernel.
var kernelFormats = map[string]bool{
	"bzimage": true, "elf": true, "zimage": true, "image": true, "image.gz": true, "uimage": true, "vmlinux": true, "pe": true, "efi": true,
}

// imageFormats reads the value of a "Supported, x86: bzImage, ELF" row.
func imageFormats(value string) ([]string, bool) {
	var formats []string
	for _, f := range strings.Split(value, ",") {
		f = strings.TrimSpace(f)
		if !kernelFormats[strings.ToLower(f)] {
			return nil, false
		}
		formats = append(formats, f)
	}
	return formats, true
}

// Keywords of a status row.
const (
	keyStatus    = "Status"
	keySupported = "Supported"
)
