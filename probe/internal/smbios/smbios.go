// Package smbios understands the SMBIOS entry point and structure table (DMTF
// DSP0134, version 3.7): who made the machine and what memory is plugged in.
// It never reads a serial number, asset tag or UUID, and [Redact] removes them.
package smbios

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// MaxTable bounds the structure table in bytes. The 32-bit entry point cannot
// describe more than 64 KiB; large servers with the other have about as much.
const MaxTable = 4 << 20

// What can be wrong; tell them apart with errors.Is.
var (
	// ErrEntry means that the entry point is none, or damaged.
	ErrEntry = errors.New("SMBIOS entry point is malformed")
	// ErrTruncated means that the table is shorter than the entry point says,
	// or ends inside a structure.
	ErrTruncated = errors.New("SMBIOS table is truncated")
	// ErrMalformed means that a structure contradicts the format.
	ErrMalformed = errors.New("SMBIOS table is malformed")
)

// Info is what the structures say. A string is empty when its structure is
// missing or leaves it out; control characters in it are dots.
type Info struct {
	Version     string // of SMBIOS, from the entry point; empty without one
	BIOSVendor  string // type 0
	BIOSVersion string
	Vendor      string // type 1
	Product     string
	Board       string   // type 2, product of the first board
	Sockets     int      // type 4: populated sockets of central processors
	CPUs        []string // type 4: version string of each of those
	Memory      Memory
}

// Memory is what structures of types 16 and 17 say of system memory. Sizes are
// bytes.
type Memory struct {
	// Installed is the sum of the volatile memory of all modules.
	Installed uint64
	// InstalledKnown is true when there is a module and each one tells its
	// size. Otherwise Installed is a lower bound.
	InstalledKnown bool
	Persistent     uint64 // non-volatile memory of modules that have some: no RAM
	Slots          int    // memory devices, empty ones included
	Modules        int    // of those, the ones that hold a module
	UnknownSize    int    // of those, modules that do not tell their size
	MaxCapacity    uint64 // of all arrays; 0 when not told
}

// Parse reads an entry point, as Linux shows it in
// /sys/firmware/dmi/tables/smbios_entry_point, and the table from DMI beside
// it. Without an entry point, nil, the table is read to its end. Whatever the
// error, the result holds what could be read: structures before the first
// malformed one.
func Parse(entry, table []byte) (Info, error) {
	var info Info
	var e entryPoint
	var entryErr error
	if len(entry) > 0 {
		e, entryErr = parseEntry(entry)
		info.Version = e.version
	}
	if len(table) > MaxTable {
		return info, errors.Join(entryErr, fmt.Errorf("%d bytes, more than %d: %w", len(table), MaxTable, ErrMalformed))
	}
	cut := e.exact && len(table) < e.size
	if e.size > 0 && len(table) > e.size {
		table = table[:e.size]
	}

	var d decoder
	read, ended := 0, false
	err := walk(table, func(s structure) bool {
		d.structure(s)
		read++
		ended = ended || s.kind == typeEnd
		// Behind a 32-bit entry point, firmware has put structures after the
		// end mark and counted them, which the
		// specification does not allow.
		if e.count > 0 {
			return read < e.count
		}
		return !ended
	})
	switch {
	case ended:
		err = nil // whatever follows the end mark are remains
	case cut:
		err = fmt.Errorf("%d of %d bytes: %w", len(table), e.size, ErrTruncated)
	case err == nil && !e.exact:
		err = fmt.Errorf("no end mark in %d bytes: %w", len(table), ErrTruncated)
	}
	d.finish(&info)
	info.Memory.InstalledKnown = info.Memory.InstalledKnown && err == nil
	return info, errors.Join(entryErr, err)
}

// entryPoint is what an entry point says of the table.
type entryPoint struct {
	version string
	size    int  // of the table, in bytes; 0 when not told
	exact   bool // size is exact rather than a maximum
	count   int  // structures; 0 when not told
}

// parseEntry reads an entry point of 32 bits (5.2.1), 64 bits (5.2.2), or the
// one that DMI had before SMBIOS.
func parseEntry(b []byte) (entryPoint, error) {
	check := func(from, size int) error {
		if size > len(b)-from {
			return fmt.Errorf("%d bytes, %d are needed: %w", len(b), from+size, ErrEntry)
		}
		var sum byte
		for _, c := range b[from : from+size] {
			sum += c
		}
		if sum != 0 {
			return fmt.Errorf("checksum is off by 0x%02x: %w", sum, ErrEntry)
		}
		return nil
	}
	switch {
	case bytes.HasPrefix(b, []byte("_SM3_")):
		if len(b) < 24 || b[6] < 24 {
			return entryPoint{}, fmt.Errorf("64-bit entry point of %d bytes: %w", len(b), ErrEntry)
		}
		if err := check(0, int(b[6])); err != nil {
			return entryPoint{}, err
		}
		size := binary.LittleEndian.Uint32(b[0x0c:])
		return entryPoint{version: fmt.Sprintf("%d.%d", b[7], b[8]), size: int(min(size, math.MaxInt32))}, nil
	case bytes.HasPrefix(b, []byte("_SM_")):
		// Firmware of version 2.1 says that this structure has 30 bytes.
		if len(b) < 31 || b[5] < 30 {
			return entryPoint{}, fmt.Errorf("32-bit entry point of %d bytes: %w", len(b), ErrEntry)
		}
		if err := errors.Join(check(0, max(int(b[5]), 31)), check(0x10, 15)); err != nil {
			return entryPoint{}, err
		}
		e := legacy(b[0x10:])
		e.version = fmt.Sprintf("%d.%d", b[6], b[7])
		return e, nil
	case bytes.HasPrefix(b, []byte("_DMI_")):
		if err := check(0, 15); err != nil {
			return entryPoint{}, err
		}
		e := legacy(b)
		e.version = fmt.Sprintf("%d.%d", b[14]>>4, b[14]&15)
		return e, nil
	}
	return entryPoint{}, fmt.Errorf("no anchor string: %w", ErrEntry)
}

// legacy reads the part that starts with _DMI_: 6: table length, 12: number of
// structures.
func legacy(b []byte) entryPoint {
	return entryPoint{
		size:  int(binary.LittleEndian.Uint16(b[6:])),
		exact: true,
		count: int(binary.LittleEndian.Uint16(b[12:])),
	}
}

// Types of structures (chapter 7).
const (
	typeBIOS      = 0
	typeSystem    = 1
	typeBoard     = 2
	typeChassis   = 3
	typeProcessor = 4
	typeArray     = 16
	typeDevice    = 17
	typeEnd       = 127
)

// structure is one structure: a formatted part, of which the first four bytes
// are type, length and handle, then numbered strings (6.1).
type structure struct {
	kind      byte
	offset    int
	formatted []byte
	strings   []byte // without the zero bytes at the end
}

// walk calls visit for each structure until it returns false or the table ends.
func walk(table []byte, visit func(structure) bool) error {
	for off := 0; off < len(table); {
		rest := table[off:]
		if len(rest) < 4 {
			return fmt.Errorf("offset 0x%x: %d bytes are no structure: %w", off, len(rest), ErrTruncated)
		}
		length := int(rest[1])
		if length < 4 {
			return fmt.Errorf("offset 0x%x: structure of type %d has length %d: %w", off, rest[0], length, ErrMalformed)
		}
		if length > len(rest) {
			return fmt.Errorf("offset 0x%x: structure of type %d has length %d, %d bytes are left: %w",
				off, rest[0], length, len(rest), ErrTruncated)
		}
		end := bytes.Index(rest[length:], []byte{0, 0})
		if end < 0 {
			return fmt.Errorf("offset 0x%x: strings of a structure of type %d have no end: %w", off, rest[0], ErrTruncated)
		}
		s := structure{kind: rest[0], offset: off, formatted: rest[:length], strings: rest[length : length+end]}
		if !visit(s) {
			return nil
		}
		off += length + end + 2
	}
	return nil
}

// has reports whether the formatted part reaches to offset end. Structures of
// older versions are shorter.
func (s structure) has(end int) bool { return len(s.formatted) >= end }

func (s structure) byte(off int) (byte, bool) {
	if !s.has(off + 1) {
		return 0, false
	}
	return s.formatted[off], true
}

func (s structure) word(off int) uint16  { return binary.LittleEndian.Uint16(s.formatted[off:]) }
func (s structure) dword(off int) uint32 { return binary.LittleEndian.Uint32(s.formatted[off:]) }
func (s structure) qword(off int) uint64 { return binary.LittleEndian.Uint64(s.formatted[off:]) }

// text returns the string whose number stands at an offset; 0 is none.
func (s structure) text(off int) string {
	n, _ := s.byte(off)
	rest := s.strings
	for i := byte(1); n > 0; i++ {
		one, more, found := bytes.Cut(rest, []byte{0})
		if i == n {
			return clean(one)
		}
		if !found {
			break
		}
		rest = more
	}
	return ""
}

func clean(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if c < ' ' || c > '~' {
			c = '.'
		}
		out[i] = c
	}
	return strings.TrimSpace(string(out))
}
