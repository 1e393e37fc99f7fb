package acpi

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds of a text dump. Machines have below 100 tables.
const (
	MaxDump       = 64 << 20 // bytes of text
	maxDumpTables = 1024
)

// Table is one table of a dump. Its bytes are not checked: a table that a
// damaged line cut short is ErrTruncated to [Check].
type Table struct {
	Name    string // as the dump names it, usually the signature: DMAR, SSDT, RSD PTR
	Address uint64 // physical address, 0 when the dumper did not know it
	Line    int    // line of the heading, from 1
	Data    []byte
}

// ParseDump reads the text that ACPICA's acpidump writes and acpixtract reads:
// for each table a line "DMAR @ 0x000000008D0A1000", then lines of an offset
// and up to sixteen bytes in hexadecimal, then a blank line. Tables come in the
// order of the text, several of the same name included.
//
// A line that is neither ends the table it stands in and is reported with its
// number; the other tables are returned all the same.
func ParseDump(text []byte) ([]Table, error) {
	if len(text) > MaxDump {
		return nil, fmt.Errorf("dump of %d bytes, more than %d: %w", len(text), MaxDump, ErrLength)
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	var tables []Table
	f := faults{table: "dump"}
	var current *Table // table that hex lines belong to
	skipping := false  // after a bad line, until the next heading
	for n := 1; len(text) > 0; n++ {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		line = bytes.TrimRight(line, "\r")
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if name, address, ok := dumpHeading(string(line)); ok {
			if len(tables) == maxDumpTables {
				f.add(fmt.Errorf("line %d: more than %d tables: %w", n, maxDumpTables, ErrLength))
				break
			}
			tables = append(tables, Table{Name: name, Address: address, Line: n})
			current, skipping = &tables[len(tables)-1], false
			continue
		}
		if skipping {
			continue
		}
		if current == nil {
			f.add(fmt.Errorf("line %d: neither a table heading nor part of a table: %w", n, ErrEntry))
			skipping = true
			continue
		}
		var err error
		if current.Data, err = dumpLine(current.Data, line); err != nil {
			f.add(fmt.Errorf("line %d: table %s: %w: %w", n, current.Name, err, ErrEntry))
			skipping = true
		}
	}
	if tables == nil && f.errs == nil {
		f.add(fmt.Errorf("no table heading: %w", ErrEntry))
	}
	return tables, f.err()
}

// dumpHeading reads "NAME @ 0xADDRESS".
func dumpHeading(line string) (name string, address uint64, ok bool) {
	name, hexAddress, found := strings.Cut(line, " @ ")
	name = strings.TrimSpace(name)
	hexAddress = strings.TrimSpace(hexAddress)
	digits, prefixed := strings.CutPrefix(hexAddress, "0x")
	if !found || !prefixed || name == "" || len(name) > 8 {
		return "", 0, false
	}
	address, err := strconv.ParseUint(digits, 16, 64)
	return name, address, err == nil
}

// dumpLine appends the bytes of one line to those read before. The line's
// offset must continue them. The characters in the last column look like
// hexadecimal now and then, so bytes are taken only where they may stand: one
// blank apart, at most sixteen.
func dumpLine(data, line []byte) ([]byte, error) {
	offset, rest, found := bytes.Cut(bytes.TrimLeft(line, " \t"), []byte(":"))
	at, err := strconv.ParseUint(string(offset), 16, 32)
	if !found || err != nil {
		return data, errors.New("no offset at the start")
	}
	if at != uint64(len(data)) {
		return data, fmt.Errorf("offset 0x%x where 0x%x is expected", at, len(data))
	}
	if len(data) >= MaxTable {
		return data, fmt.Errorf("table larger than %d bytes", MaxTable)
	}
	n := 0
	for ; n < 16 && len(rest) >= 3 && rest[0] == ' ' && rest[1] != ' '; n++ {
		var b [1]byte
		if _, err := hex.Decode(b[:], rest[1:3]); err != nil {
			return data, fmt.Errorf("%q is no byte", rest[1:3])
		}
		data, rest = append(data, b[0]), rest[3:]
	}
	if n == 0 {
		return data, errors.New("no bytes")
	}
	// Two blanks stand before the characters, and more in place of bytes.
	if rest = rest[:min(len(rest), 2)]; n < 16 && len(bytes.TrimLeft(rest, " ")) > 0 {
		return data, fmt.Errorf("%q follows the bytes", rest)
	}
	return data, nil
}
