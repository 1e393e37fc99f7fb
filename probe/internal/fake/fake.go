// Package fake builds small firmware tables and device trees from literals,
// right in every checksum and length, for tests to read back or to damage.
package fake

import "encoding/binary"

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

func pad(s string, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = ' '
	}
	copy(b, s)
	return b
}

// negated returns the byte that makes the sum of b zero.
func negated(b []byte) byte {
	var sum byte
	for _, c := range b {
		sum += c
	}
	return -sum
}
