package xlcfg

import (
	"strconv"
	"strings"
)

// interrupt tells whether xl takes an entry of irqs=: a decimal number.
func interrupt(s string) bool {
	_, err := strconv.ParseUint(strings.TrimLeft(s, " \t"), 10, 32)
	return err == nil
}

// ports tells whether xl takes an entry of ioports=: FIRST or FIRST-LAST, in
// hexadecimal.
func ports(s string) bool {
	first, last, isRange := strings.Cut(s, "-")
	from, ok := hexadecimal(first)
	if !isRange {
		return ok
	}
	to, ok2 := hexadecimal(last)
	return ok && ok2 && from <= to
}

// frames tells whether xl takes an entry of iomem=: START,COUNT or
// START,COUNT@GFN, in hexadecimal.
func frames(s string) bool {
	s, gfn, placed := strings.Cut(s, "@")
	start, count, ok := strings.Cut(s, ",")
	_, ok1 := hexadecimal(start)
	_, ok2 := hexadecimal(count)
	ok3 := true
	if placed {
		_, ok3 = hexadecimal(gfn)
	}
	return ok && ok1 && ok2 && ok3
}

// hexadecimal reads a number as strtoul does with base 16: blanks and 0x may
// stand in front.
func hexadecimal(s string) (uint64, bool) {
	s = strings.ToLower(strings.TrimLeft(s, " \t"))
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
	return n, err == nil
}
