package probetest

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

// Table makes an ACPI table of lines, one an entry:
//
//	APIC  revision 5
//	      local_apic ID [disabled] [online_capable]
//	      local_x2apic ID [disabled] [online_capable]
//	      gicc ID [disabled] [mpidr N] [gicv N] [gich N] [maintenance N]
//	      gicd version N
//	      gicr BASE LENGTH
//	      its ID BASE
//	DMAR  width 46
//	      intr_remap
//	      drhd BASE [all]
//	      rmrr BASE LIMIT
//	IVRS  info N
//	      ivhd 0x11 device N base N
//	IORT  its_group ID
//	      smmu MODEL BASE           0 SMMUv1, 1 SMMUv2, 2 CoreLink MMU-400, 3 MMU-500, …
//	      smmuv3 BASE
//	SRAT  memory BASE LENGTH [hot_pluggable] [disabled]
//
// Numbers are decimal, hexadecimal or sizes such as 64GiB. Of another table
// nothing is read; it gets 232 zero bytes behind its header, as many as a FADT
// has.
func Table(signature, text string) ([]byte, error) {
	entries, err := fieldLines(text)
	if err != nil {
		return nil, err
	}
	var parts [][]byte
	take := func(name string) *fields {
		i := slices.IndexFunc(entries, func(f *fields) bool { return f.name == name })
		if i < 0 {
			return &fields{}
		}
		f := entries[i]
		entries = slices.Delete(entries, i, i+1)
		return f
	}
	var table func() []byte
	var entry func(*fields) []byte
	switch signature {
	case "APIC":
		revision := take("revision")
		r := byte(revision.number())
		table = func() []byte { return fake.MADT(r, parts...) }
		entry = madtEntry
	case "DMAR":
		width := int(take("width").number())
		var flags byte
		if take("intr_remap").name != "" {
			flags = 1
		}
		table = func() []byte { return fake.DMAR(width, flags, parts...) }
		entry = func(f *fields) []byte {
			switch f.name {
			case "drhd":
				base := f.number()
				var all byte
				if f.flag("all") {
					all = 1
				}
				return fake.DRHD(all, 0, base)
			case "rmrr":
				return fake.RMRR(f.number(), f.number())
			}
			return nil
		}
	case "IVRS":
		info := uint32(take("info").number())
		table = func() []byte { return fake.IVRS(info, parts...) }
		entry = func(f *fields) []byte {
			if f.name != "ivhd" {
				return nil
			}
			return fake.IVHD(byte(f.number()), uint16(f.named("device")), f.named("base"))
		}
	case "IORT":
		table = func() []byte { return fake.IORT(parts...) }
		entry = func(f *fields) []byte {
			switch f.name {
			case "its_group":
				return fake.ITSGroup(uint32(f.number()))
			case "smmu":
				return fake.SMMU(uint32(f.number()), f.number())
			case "smmuv3":
				return fake.SMMUv3(f.number())
			}
			return nil
		}
	case "SRAT":
		table = func() []byte { return fake.SRAT(parts...) }
		entry = func(f *fields) []byte {
			if f.name != "memory" {
				return nil
			}
			base, length := f.number(), f.number()
			flags := uint32(fake.MemoryEnabled)
			if f.flag("disabled") {
				flags = 0
			}
			if f.flag("hot_pluggable") {
				flags |= fake.MemoryHotPluggable
			}
			return fake.MemoryAffinity(base, length, flags)
		}
	default:
		if len(entries) > 0 {
			return nil, fmt.Errorf("nothing is known of entries in %s", signature)
		}
		return fake.Table(signature, 6, make([]byte, 232)), nil
	}
	for _, f := range entries {
		b := entry(f)
		if b == nil {
			f.fail("is no entry of " + signature)
		}
		if err := f.rest(); err != nil {
			return nil, err
		}
		parts = append(parts, b)
	}
	return table(), nil
}

func madtEntry(f *fields) []byte {
	switch f.name {
	case "local_apic", "local_x2apic":
		id := f.number()
		flags := f.apicFlags()
		if f.name == "local_apic" {
			if id > 254 {
				f.fail("has an id beyond 254")
			}
			return fake.LocalAPIC(byte(id), byte(id), flags)
		}
		return fake.LocalX2APIC(uint32(id), uint32(id), flags)
	case "gicc":
		g := fake.GICC{UID: uint32(f.number()), Flags: fake.GICCEnabled}
		if f.flag("disabled") {
			g.Flags = 0
		}
		if f.flag("online_capable") {
			g.Flags |= fake.GICCOnlineCapable
		}
		g.MPIDR, g.GICV, g.GICH, g.GICR = f.named("mpidr"), f.named("gicv"), f.named("gich"), f.named("gicr")
		g.Maintenance = uint32(f.named("maintenance"))
		return g.Bytes()
	case "gicd":
		return fake.GICD(byte(f.named("version")))
	case "gicr":
		return fake.GICR(f.number(), uint32(f.number()))
	case "its":
		return fake.ITS(uint32(f.number()), f.number())
	}
	return nil
}

func (f *fields) apicFlags() uint32 {
	flags := uint32(fake.APICEnabled)
	if f.flag("disabled") {
		flags = 0
	}
	if f.flag("online_capable") {
		flags |= fake.APICOnlineCapable
	}
	return flags
}

// SMBIOS makes the entry point and table of lines, one a structure:
//
//	system "VENDOR" "PRODUCT"
//	board "VENDOR" "NAME"
//	module 128GiB [times N]
//
// A module of 0 is an empty slot. Each has a serial number, as real ones do.
func SMBIOS(text string) (entry, table []byte, err error) {
	lines, err := fieldLines(text)
	if err != nil {
		return nil, nil, err
	}
	const serial = "SERIAL-7Q9B1N2"
	var all []fake.Structure
	handle := uint16(0x1100)
	for _, f := range lines {
		switch f.name {
		case "system":
			all = append(all, fake.System(f.word(), f.word(), serial, [16]byte{0x4c, 0x4c, 0x45, 0x44, 0, 0x39, 0x36, 0x10, 0x80, 0x51, 0xb7, 0xc0, 0x4f, 0x4e, 0x31, 0x32}))
		case "board":
			all = append(all, fake.Baseboard(f.word(), f.word(), serial))
		case "module":
			size := f.number() >> 20
			m := fake.Module{Size: uint16(size), Type: 0x1a, Technology: 3, Serial: serial}
			if size >= 0x7fff {
				m.Size, m.ExtendedMiB = 0x7fff, uint32(size)
			}
			for range max(1, f.named("times")) {
				m.Handle = handle
				handle++
				all = append(all, m.Structure())
			}
		default:
			f.fail("is no structure")
		}
		if err := f.rest(); err != nil {
			return nil, nil, err
		}
	}
	entry, table = fake.SMBIOS(all...)
	return entry, table, nil
}

// fields is one line of a table: its name and what is left to be read of it.
// The first thing that is wrong is kept for rest.
type fields struct {
	line  int
	name  string
	words []string
	err   error
}

// fieldLines cuts a text into lines of words. Quotes keep blanks together; what
// is behind # is a comment.
func fieldLines(text string) ([]*fields, error) {
	var all []*fields
	n := 0
	for l := range strings.Lines(text) {
		n++
		l, _, _ = strings.Cut(strings.TrimSpace(l), "#")
		f := &fields{line: n}
		for l = strings.TrimSpace(l); l != ""; l = strings.TrimSpace(l) {
			if l[0] == '"' {
				end := strings.IndexByte(l[1:], '"')
				if end < 0 {
					return nil, fmt.Errorf("line %d: a string without end", n)
				}
				f.words = append(f.words, l[1:1+end])
				l = l[end+2:]
				continue
			}
			end := strings.IndexAny(l+" ", " \t")
			f.words = append(f.words, l[:end])
			l = l[end:]
		}
		if len(f.words) == 0 {
			continue
		}
		f.name, f.words = f.words[0], f.words[1:]
		all = append(all, f)
	}
	return all, nil
}

func (f *fields) fail(why string) {
	if f.err == nil {
		f.err = fmt.Errorf("line %d: %q %s", f.line, f.name, why)
	}
}

// rest returns what was wrong; words that nobody read are.
func (f *fields) rest() error {
	if len(f.words) > 0 {
		f.fail(fmt.Sprintf("has %q too much", strings.Join(f.words, " ")))
	}
	return f.err
}

func (f *fields) word() string {
	if len(f.words) == 0 {
		f.fail("is too short")
		return ""
	}
	w := f.words[0]
	f.words = f.words[1:]
	return w
}

func (f *fields) number() uint64 {
	w := f.word()
	n, err := ParseSize(w)
	if err != nil {
		f.fail("wants a number, not " + strconv.Quote(w))
	}
	return n
}

// flag reports whether a word is there.
func (f *fields) flag(w string) bool {
	i := slices.Index(f.words, w)
	if i < 0 {
		return false
	}
	f.words = slices.Delete(f.words, i, i+1)
	return true
}

// named returns the number behind a word, 0 when it is not there.
func (f *fields) named(w string) uint64 {
	i := slices.Index(f.words, w)
	if i < 0 {
		return 0
	}
	if i+1 == len(f.words) {
		f.fail("has no number behind " + w)
		return 0
	}
	n, err := ParseSize(f.words[i+1])
	if err != nil {
		f.fail("wants a number behind " + w)
	}
	f.words = slices.Delete(f.words, i, i+2)
	return n
}

// ParseSize reads a number, decimal or 0x hexadecimal, with or without a unit
// of 1024 such as GiB.
func ParseSize(s string) (uint64, error) {
	digits, shift := s, 0
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if d, ok := strings.CutSuffix(s, unit); ok {
			digits, shift = strings.TrimSpace(d), 10*(i+1)
		}
	}
	n, err := strconv.ParseUint(digits, 0, 64)
	if err != nil || bits.Len64(n)+shift > 64 {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return n << shift, nil
}
