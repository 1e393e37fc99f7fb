// Package acpi understands the ACPI tables that describe processors, memory,
// interrupt controllers and DMA remapping hardware, as bytes: it knows no host
// and no path.
//
// Every parser returns what it could read together with what was wrong. A
// table that ends early or carries a bad checksum still says something, and
// the caller decides what that is worth. Tables are described in chapter 5.2
// of the ACPI specification 6.5 unless a parser names another document.
package acpi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// MaxTable bounds a table's size in bytes. The largest honest tables are DSDTs
// below 1 MiB and MADTs of machines with thousands of CPUs below 100 KiB.
const MaxTable = 16 << 20

// HeaderSize is the size in bytes of the header all tables share but FACS and
// the RSDP (ACPI 6.5, 5.2.6).
const HeaderSize = 36

// What can be wrong with a table. The parsers wrap these with the table's name
// and the offset; tell them apart with errors.Is.
var (
	// ErrTruncated means that there are fewer bytes than the table's own
	// Length, or than a header.
	ErrTruncated = errors.New("table is truncated")
	// ErrLength means that Length cannot be true: smaller than a header,
	// larger than MaxTable, or smaller than the file with more than zero
	// padding behind it.
	ErrLength = errors.New("table length is impossible")
	// ErrChecksum means that the bytes of the table do not sum up to zero.
	ErrChecksum = errors.New("table checksum is wrong")
	// ErrSignature means that it is another table, or none.
	ErrSignature = errors.New("table signature is wrong")
	// ErrEntry means that an entry inside the table is malformed. What stands
	// before it was read.
	ErrEntry = errors.New("malformed entry")
	// ErrNoUnits means that a table whose purpose is to list IOMMUs lists none.
	ErrNoUnits = errors.New("table describes no IOMMU")
)

// Header is the common header of a table (ACPI 6.5, 5.2.6).
type Header struct {
	Signature       string // offset 0: four characters
	Length          int    // offset 4: of the whole table, in bytes
	Revision        int    // offset 8
	OEMID           string // offset 10, padding removed
	OEMTableID      string // offset 16, padding removed
	OEMRevision     uint32 // offset 24
	CreatorID       string // offset 28, padding removed
	CreatorRevision uint32 // offset 32
}

// ParseHeader reads the header alone. It looks at no byte behind it, so a
// correct header says nothing of the rest: that is [Check].
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("%d bytes, a header has %d: %w", len(b), HeaderSize, ErrTruncated)
	}
	for _, c := range b[:4] {
		if c < ' ' || c > '~' {
			return Header{}, fmt.Errorf("%q: %w", b[:4], ErrSignature)
		}
	}
	h := Header{
		Signature:       string(b[:4]),
		Revision:        int(b[8]),
		OEMID:           text(b[10:16]),
		OEMTableID:      text(b[16:24]),
		OEMRevision:     binary.LittleEndian.Uint32(b[24:]),
		CreatorID:       text(b[28:32]),
		CreatorRevision: binary.LittleEndian.Uint32(b[32:]),
	}
	length := binary.LittleEndian.Uint32(b[4:])
	if length < HeaderSize || length > MaxTable {
		return h, fmt.Errorf("%s: length %d: %w", h.Signature, length, ErrLength)
	}
	h.Length = int(length)
	return h, nil
}

// Check reads the header and holds the table against it: length, then
// checksum. Zero bytes behind the table are padding, which Linux hands out
// when firmware rounded the table's memory up; anything else there is
// ErrLength, since then the file and the header cannot both be right.
//
// FACS and the RSDP have no such header and cannot be checked.
func Check(b []byte) (Header, error) {
	h, _, err := open(b)
	return h, err
}

// open does the work of Check and returns the bytes that may be read: those
// that are inside the file as well as inside Length. They are nil when the
// header is unusable or the signature is none of the wanted ones.
func open(b []byte, signatures ...string) (Header, []byte, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return h, nil, err
	}
	if len(signatures) > 0 && !slices.Contains(signatures, h.Signature) {
		return h, nil, fmt.Errorf("%q where %q is expected: %w", h.Signature, signatures[0], ErrSignature)
	}
	if len(b) < h.Length {
		return h, b, fmt.Errorf("%s: %d of %d bytes: %w", h.Signature, len(b), h.Length, ErrTruncated)
	}
	table, rest := b[:h.Length], b[h.Length:]
	for _, c := range rest {
		if c != 0 {
			return h, table, fmt.Errorf("%s: length %d in a file of %d bytes: %w", h.Signature, h.Length, len(b), ErrLength)
		}
	}
	var sum byte
	for _, c := range table {
		sum += c
	}
	if sum != 0 {
		return h, table, fmt.Errorf("%s: bytes sum up to 0x%02x: %w", h.Signature, sum, ErrChecksum)
	}
	return h, table, nil
}

// text returns a padded identifier. Firmware pads with blanks or zero bytes,
// and now and then with rubbish that no report should print.
func text(b []byte) string {
	s := make([]byte, 0, len(b))
	for _, c := range b {
		if c < ' ' || c > '~' {
			break
		}
		s = append(s, c)
	}
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return string(s)
}

// maxErrors bounds how many malformed entries of one table are reported.
const maxErrors = 8

// faults gathers what is wrong with one table.
type faults struct {
	table string
	errs  []error
}

func (f *faults) add(err error) {
	if err != nil && len(f.errs) < maxErrors {
		f.errs = append(f.errs, err)
	}
}

// entry records a malformed entry at an offset from the start of the table.
func (f *faults) entry(offset int, format string, args ...any) {
	f.add(fmt.Errorf("%s: offset 0x%x: %s: %w", f.table, offset, fmt.Sprintf(format, args...), ErrEntry))
}

func (f *faults) err() error { return errors.Join(f.errs...) }

// entrySize tells how a table writes the type and length of its entries.
type entrySize int

const (
	byteEntry entrySize = iota // type u8, length u8: MADT, SRAT
	wordEntry                  // type u16, length u16: DMAR
	ivrsEntry                  // type u8, flags u8, length u16: IVRS
)

// walk calls visit for each entry from offset start on. An entry that has no
// length, or more than the table holds, ends the walk: nothing behind it can
// be found. The entry passed on includes its type and length.
func (f *faults) walk(table []byte, start int, size entrySize, visit func(kind, offset int, entry []byte)) {
	if table != nil && len(table) < start {
		f.entry(len(table), "table ends before its first entry at 0x%x", start)
	}
	for off := start; off < len(table); {
		rest := table[off:]
		var kind, length, least int
		switch {
		case size == byteEntry && len(rest) >= 2:
			kind, length, least = int(rest[0]), int(rest[1]), 2
		case size == wordEntry && len(rest) >= 4:
			kind, length, least = int(le16(rest)), int(le16(rest[2:])), 4
		case size == ivrsEntry && len(rest) >= 4:
			kind, length, least = int(rest[0]), int(le16(rest[2:])), 4
		default:
			f.entry(off, "%d bytes are no entry", len(rest))
			return
		}
		if length < least || length > len(rest) {
			f.entry(off, "entry of type %d has length %d, %d bytes are left", kind, length, len(rest))
			return
		}
		visit(kind, off, rest[:length])
		off += length
	}
}

func le16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }
func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
