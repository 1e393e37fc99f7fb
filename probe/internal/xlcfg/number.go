package xlcfg

import (
	"strconv"
	"strings"
)

// parseLong reads a whole text as C's strtol does with base 0: blanks first, a
// sign, then 0x for hexadecimal, 0 for octal, else decimal, and nothing behind
// it.
func parseLong(s string) (int64, bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	sign := ""
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		sign, s = s[:1], s[1:]
	}
	base := 10
	switch {
	case strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X"):
		base, s = 16, s[2:]
	case strings.HasPrefix(s, "0"):
		base = 8
	}
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "-") {
		return 0, false // ParseInt would take a second sign
	}
	n, err := strconv.ParseInt(sign+s, base, 64)
	return n, err == nil
}
