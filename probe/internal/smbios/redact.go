package smbios

// Redact returns a copy of a structure table of the same length that says of
// the hardware what the table says, and nothing that tells one machine from
// another of its make. Strings are kept only in places known to name makes and
// models; all others, which hold serial numbers, asset tags, product keys or
// what a vendor pleased to put there, become blanks. Of structures that are
// not known to describe the hardware alone, the formatted part becomes zero.
//
// When the table is malformed, everything from there on is zero, and the error
// says where.
func Redact(table []byte) ([]byte, error) {
	out := make([]byte, len(table))
	ended := false
	err := walk(table, func(s structure) bool {
		ended = ended || s.kind == typeEnd
		at := out[s.offset:]
		copy(at, s.formatted)
		kept := redactFormatted(s.kind, at[:len(s.formatted)])
		text := at[len(s.formatted):][:len(s.strings)]
		copy(text, s.strings)
		keep := map[byte]bool{}
		for _, off := range kept.strings {
			if n, ok := s.byte(off); ok {
				keep[n] = true
			}
		}
		// A string that is also a serial number somewhere is one.
		for _, off := range kept.private {
			if n, ok := s.byte(off); ok {
				delete(keep, n)
			}
		}
		number := byte(1)
		for i, c := range text {
			switch {
			case c == 0:
				number++
			case !keep[number]:
				text[i] = ' '
			}
		}
		return true
	})
	if ended {
		err = nil // what follows the end mark is remains, and gone
	}
	return out, err
}

// public tells what may be shown of a structure: string fields by offset. The
// private ones are listed since firmware lets several fields share a string.
type public struct{ strings, private []int }

// redactFormatted zeroes what is private in the formatted part of a structure
// and returns what is public in its strings.
func redactFormatted(kind byte, b []byte) public {
	zero := func(from, to int) {
		clear(b[min(from, len(b)):min(to, len(b))])
	}
	switch kind {
	case typeBIOS:
		return public{strings: []int{0x04, 0x05, 0x08}}
	case typeSystem:
		zero(0x08, 0x18) // UUID
		return public{strings: []int{0x04, 0x05, 0x06, 0x19, 0x1a}, private: []int{0x07}}
	case typeBoard:
		return public{strings: []int{0x04, 0x05, 0x06, 0x0a}, private: []int{0x07, 0x08}}
	case typeChassis:
		return public{strings: []int{0x04, 0x06}, private: []int{0x07, 0x08}}
	case typeProcessor:
		return public{strings: []int{0x04, 0x07, 0x10, 0x22}, private: []int{0x20, 0x21}}
	case typeDevice:
		return public{strings: []int{0x10, 0x11, 0x17, 0x1a}, private: []int{0x18, 0x19}}
	case 7, 9, typeArray, 19, 20, 32, typeEnd: // caches, slots, memory and its addresses, boot status
		return public{}
	}
	zero(4, len(b))
	return public{}
}
