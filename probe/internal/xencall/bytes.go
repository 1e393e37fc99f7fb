package xencall

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// A view reads the fields of a C structure at their offsets. Xen runs little
// endian everywhere. Reading outside is remembered and gives zero, so that a
// decoder reads all its fields and asks once.
type view struct {
	data  []byte
	short bool
}

func (v *view) at(offset, n int) []byte {
	if offset < 0 || n < 0 || offset > len(v.data) || n > len(v.data)-offset {
		v.short = true
		return make([]byte, max(n, 0))
	}
	return v.data[offset : offset+n]
}

func (v *view) u8(offset int) uint8   { return v.at(offset, 1)[0] }
func (v *view) u16(offset int) uint16 { return binary.LittleEndian.Uint16(v.at(offset, 2)) }
func (v *view) u32(offset int) uint32 { return binary.LittleEndian.Uint32(v.at(offset, 4)) }
func (v *view) u64(offset int) uint64 { return binary.LittleEndian.Uint64(v.at(offset, 8)) }

// err says that the structure was shorter than its fields.
func (v *view) err(what string) error {
	if v.short {
		return fmt.Errorf("%w: %s in %d bytes", ErrMalformed, what, len(v.data))
	}
	return nil
}

// cString returns the bytes before the first NUL, or all of them.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func put16(b []byte, offset int, v uint16) { binary.LittleEndian.PutUint16(b[offset:], v) }
func put32(b []byte, offset int, v uint32) { binary.LittleEndian.PutUint32(b[offset:], v) }
func put64(b []byte, offset int, v uint64) { binary.LittleEndian.PutUint64(b[offset:], v) }
