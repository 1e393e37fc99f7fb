// Package procfs understands the small texts that Linux shows under /proc,
// /sys, /etc and /boot: one file of this package a format. It knows no host
// and opens nothing: every function takes the text it is to understand.
package procfs

import (
	"bytes"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// lines yields each line with its number, counted from 1, without its end.
func lines(text []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		n := 0
		for line := range bytes.Lines(text) {
			n++
			if !yield(n, bytes.TrimRight(line, "\r\n")) {
				return
			}
		}
	}
}

// Value returns the value of a one-line file such as those below
// /sys/hypervisor or /sys/class/dmi/id: without the ending newline and the NUL
// bytes of device tree properties, and with anything unprintable replaced.
func Value(text []byte) string {
	s := strings.ToValidUTF8(strings.TrimRight(string(text), "\x00\n\r\t "), "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

// Number reads the one unsigned number of a file, such as block_size_bytes
// (hexadecimal without 0x: base 16) or version/major (base 10). In base 0 a
// prefix tells the base.
func Number(text []byte, base int) (uint64, error) {
	s := strings.TrimSpace(string(text))
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil || strings.Contains(s, "_") {
		return 0, fmt.Errorf("not a number: %.40q", s)
	}
	return n, nil
}
