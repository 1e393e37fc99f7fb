// Package efiboot understands the variables by which EFI firmware chooses what
// it starts: BootNext, BootCurrent, BootOrder and Boot#### (UEFI 2.10, sections
// 3.1 and 3.3), as efivarfs shows them, behind four bytes of attributes.
//
// Of an entry it keeps what tells which program is started. Descriptions,
// identifiers of partitions, addresses and serial numbers identify a machine;
// they are passed over.
package efiboot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	attributes = 4 // bytes before what a variable holds (Documentation/filesystems/efivarfs.rst)
	maxOrder   = 1 << 10
	maxNodes   = 64
	maxText    = 1 << 10 // UTF-16 units of a path or of arguments
)

// What is wrong with a variable.
var (
	ErrShort = errors.New("shorter than such a variable")
	ErrLarge = errors.New("larger than any honest variable of its kind")
)

// Number reads BootNext or BootCurrent: the number of an entry.
func Number(variable []byte) (uint16, error) {
	if len(variable) != attributes+2 {
		return 0, fmt.Errorf("%d bytes, not %d", len(variable), attributes+2)
	}
	return binary.LittleEndian.Uint16(variable[attributes:]), nil
}

// Order reads BootOrder: the numbers of entries in the order in which they are
// tried.
func Order(variable []byte) ([]uint16, error) {
	switch {
	case len(variable) < attributes:
		return nil, ErrShort
	case len(variable)%2 != 0:
		return nil, errors.New("ends within a number")
	case len(variable) > attributes+2*maxOrder:
		return nil, ErrLarge
	}
	order := []uint16{}
	for b := variable[attributes:]; len(b) > 0; b = b[2:] {
		order = append(order, binary.LittleEndian.Uint16(b))
	}
	return order, nil
}

// Text reads a variable that holds text, such as LoaderInfo: up to its end or
// to the first zero.
func Text(variable []byte) string {
	if len(variable) < attributes {
		return ""
	}
	s, _ := text(variable[attributes:])
	return s
}

// Option is an entry, EFI_LOAD_OPTION of section 3.1.3.
type Option struct {
	Active bool // tried when its turn comes
	App    bool // a program such as the firmware's setup: never tried by itself
	Path   []Node
	// Partition tells the partitions of a machine apart, except for one pair in
	// 255, and says nothing else of them; 0 where the path names none.
	Partition byte
	// File is the path of the program on its medium, with backslashes; empty
	// where the entry names only a medium or a device.
	File string
	// Arguments is what the program is given, where that is text. Other bytes
	// are counted by Data.
	Arguments string
	Data      int // bytes that are no text; 0 for none
}

// Node is the kind of a step of a device path (section 10.3).
type Node struct{ Type, SubType byte }

// The kinds of nodes that tell what is started.
const (
	typeMessaging, typeMedia, typeBBS, typeEnd = 3, 4, 5, 0x7f

	subMAC, subIPv4, subIPv6, subURI = 11, 12, 13, 24 // of messaging devices
	subUSB, subUSBClass, subUSBWWID  = 5, 15, 16
	subHardDrive, subCDROM           = 1, 2 // of media
	subFile, subFirmwareFile         = 4, 6
)

// Medium is where a program is started from.
type Medium string

// The media. Removable ones, and the network, are often tried in vain.
const (
	Disk      Medium = "disk"
	Network   Medium = "network"
	Removable Medium = "removable"
	Firmware  Medium = "firmware" // a program within it, such as a shell
	Legacy    Medium = "BIOS"     // started as a BIOS would
	Other     Medium = "other"
)

// Medium tells where the entry's program is.
func (o *Option) Medium() Medium {
	has := func(typ byte, subs ...byte) bool {
		return slices.ContainsFunc(o.Path, func(n Node) bool { return n.Type == typ && slices.Contains(subs, n.SubType) })
	}
	switch {
	case slices.ContainsFunc(o.Path, func(n Node) bool { return n.Type == typeBBS }):
		return Legacy
	case has(typeMessaging, subMAC, subIPv4, subIPv6, subURI):
		return Network
	case has(typeMedia, subCDROM):
		return Removable
	case has(typeMedia, subFirmwareFile):
		return Firmware
	case has(typeMedia, subHardDrive):
		return Disk
	case has(typeMessaging, subUSB, subUSBClass, subUSBWWID):
		return Removable
	case o.File != "" || has(typeMessaging, 1, 2, 17, 18, 22, 23, 26, 29):
		return Disk // ATAPI, SCSI, LUN, SATA, SAS, NVMe, SD, eMMC
	}
	return Other
}

// Parse reads Boot####.
func Parse(variable []byte) (*Option, error) {
	const fixed = attributes + 4 + 2 // the entry's own attributes, the length of the path
	if len(variable) < fixed+2 {
		return nil, ErrShort
	}
	le := binary.LittleEndian
	flags := le.Uint32(variable[attributes:])
	o := &Option{
		Active: flags&1 != 0,           // LOAD_OPTION_ACTIVE
		App:    flags&0x1f00 == 0x0100, // LOAD_OPTION_CATEGORY_APP of LOAD_OPTION_CATEGORY
		Path:   []Node{},
	}
	length := int(le.Uint16(variable[attributes+4:]))
	b := variable[fixed:]
	_, used := text(b)
	if used == 0 {
		return nil, errors.New("its description does not end")
	}
	if b = b[used:]; len(b) < length {
		return nil, fmt.Errorf("its device path takes %d bytes, of which %d are there", length, len(b))
	}
	path, rest := b[:length], b[length:]
	if err := o.walk(path); err != nil {
		return nil, err
	}
	o.arguments(rest)
	return o, nil
}

// walk reads the first device path of a list: others say how to find the first.
func (o *Option) walk(b []byte) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errors.New("its device path ends within a node")
		}
		n, size := Node{b[0], b[1]}, int(binary.LittleEndian.Uint16(b[2:]))
		switch {
		case size < 4 || size > len(b):
			return fmt.Errorf("a node of its device path takes %d bytes, of which %d are there", size, len(b))
		case n.Type == typeEnd:
			return nil
		case len(o.Path) == maxNodes:
			return ErrLarge
		}
		if n == (Node{typeMedia, subFile}) {
			part, _ := text(b[4:size])
			if !printable(part) || len(o.File)+len(part) > maxText {
				return errors.New("the path of its file is no text")
			}
			// Between two nodes stands one separator, whether they have it or not.
			if o.File != "" && part != "" {
				o.File, part = strings.TrimRight(o.File, `\`)+`\`, strings.TrimLeft(part, `\`)
			}
			o.File += part
		}
		if n == (Node{typeMedia, subHardDrive}) && o.Partition == 0 {
			o.Partition = partition(b[4:size])
		}
		o.Path = append(o.Path, n)
		b = b[size:]
	}
	return errors.New("its device path does not end")
}

// partition makes one number of a partition's and its signature (section
// 10.3.5.1). Encode leaves that number alone.
func partition(data []byte) byte {
	const number, signature, size = 4, 20, 38 // start and length stand between the two
	switch len(data) {
	case 1:
		return data[0]
	case size:
		sum := fnv.New32a()
		_, _ = sum.Write(data[:number])
		_, _ = sum.Write(data[signature:]) // never fails
		return byte(1 + sum.Sum32()%255)
	}
	return 0
}

// arguments takes what is behind the path: for a loader of Linux or Xen it is
// text of ASCII. Firmware puts marks of its own there, which may look like text
// of another script; zeros alone are none.
func (o *Option) arguments(b []byte) {
	if zeros(b) {
		return
	}
	s, used := text(b)
	if used == 0 && len(b)%2 == 0 {
		s, used = text(append(slices.Clone(b), 0, 0)) // not ended, as some write it
	}
	ascii := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
	if used > 0 && ascii && len(s) <= maxText && zeros(b[min(used, len(b)):]) {
		o.Arguments = s
		return
	}
	o.Data = len(b)
}

// Encode writes the entry without what was passed over, as a variable that
// [Parse] reads as the same entry.
func (o *Option) Encode() []byte {
	le := binary.LittleEndian
	var path []byte
	file, partition := o.File, o.Partition
	for _, n := range o.Path {
		var data []byte
		switch {
		case n == (Node{typeMedia, subFile}):
			data, file = encode(file), "" // the first has it whole
		case n == (Node{typeMedia, subHardDrive}) && partition != 0:
			data, partition = []byte{partition}, 0
		}
		path = le.AppendUint16(append(path, n.Type, n.SubType), uint16(4+len(data)))
		path = append(path, data...)
	}
	path = append(path, typeEnd, 0xff, 4, 0)
	flags := uint32(0)
	if o.Active {
		flags |= 1
	}
	if o.App {
		flags |= 0x0100
	}
	b := le.AppendUint32(make([]byte, attributes), flags)
	b = le.AppendUint16(b, uint16(len(path)))
	b = append(append(b, 0, 0), path...) // without a description
	switch {
	case o.Data > 0:
		b = append(b, slices.Repeat([]byte{0xd8}, o.Data)...) // halves of characters, no text
	case o.Arguments != "":
		b = append(b, encode(o.Arguments)...)
	}
	return b
}

// encode writes a text as UTF-16 with a zero behind it.
func encode(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// text reads UTF-16 up to its end or the first zero, and tells how many bytes
// that are with the zero; 0 without one.
func text(b []byte) (s string, used int) {
	var units []uint16
	for i := 0; i+2 <= len(b); i += 2 {
		u := binary.LittleEndian.Uint16(b[i:])
		if u == 0 {
			used = i + 2
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), used
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError })
}

func zeros(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }
