package xencmdline

import "math"

// ParseInteger reads an integer as simple_strtoll does with base 0: decimal,
// hexadecimal after 0x, octal after 0, with a minus sign. ok is false for any
// other text and beyond 64 bits.
func ParseInteger(s string) (value int64, ok bool) {
	negative := false
	if len(s) > 0 && s[0] == '-' {
		negative, s = true, s[1:]
	}
	n, rest, ok := digits(s)
	if !ok || rest != "" || n > math.MaxInt64 {
		return 0, false
	}
	if negative {
		return -int64(n), true
	}
	return int64(n), true
}

// ParseSize reads a size in bytes as parse_size_and_unit does: an integer with
// one of the units B, K, M, G and T, in either case. Without a unit it is KiB.
func ParseSize(s string) (bytes uint64, ok bool) {
	n, rest, ok := digits(s)
	if !ok {
		return 0, false
	}
	shift := 10
	switch rest {
	case "", "K", "k":
	case "B", "b":
		shift = 0
	case "M", "m":
		shift = 20
	case "G", "g":
		shift = 30
	case "T", "t":
		shift = 40
	default:
		return 0, false
	}
	if n > math.MaxUint64>>shift {
		return 0, false
	}
	return n << shift, true
}

// digits reads the number that s begins with.
func digits(s string) (n uint64, rest string, ok bool) {
	base := uint64(10)
	switch {
	case len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'):
		base, s = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base = 8
	}
	i := 0
	for ; i < len(s); i++ {
		d := digit(s[i])
		// B is a unit unless the number is hexadecimal.
		if d >= base {
			break
		}
		if n > (math.MaxUint64-d)/base {
			return 0, "", false
		}
		n = n*base + d
	}
	return n, s[i:], i > 0
}

func digit(c byte) uint64 {
	switch {
	case '0' <= c && c <= '9':
		return uint64(c - '0')
	case 'a' <= c && c <= 'f':
		return uint64(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return uint64(c-'A') + 10
	}
	return 99
}
