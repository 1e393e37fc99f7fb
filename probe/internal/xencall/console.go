package xencall

import (
	"context"
	"fmt"
	"syscall"
)

// maxConsole bounds what is taken of the console ring in bytes; conring_size
// is rarely more than the 16 KiB it has by default.
const maxConsole = 1 << 20

// consoleChunk is what one call is given room for in bytes.
const consoleChunk = MemorySize - payload

// Console returns what is in Xen's console ring, oldest first, without
// clearing it. The ring is small and wraps: that a line is not there means
// nothing.
func (x *Xen) Console(ctx context.Context) ([]byte, error) {
	var text []byte
	var index uint32
	for first := true; len(text) < maxConsole; first = false {
		var chunk []byte
		err := x.askSysctl(ctx, "XEN_SYSCTL_readconsole", sysctlReadConsole, func(u []byte, m memory) {
			// clear at offset 0 stays 0; incremental at 1, index at 4, buffer
			// at 8, count at 16.
			if !first {
				u[1] = 1
			}
			put32(u, 4, index)
			put64(u, 8, m.address(payload))
			put32(u, 16, consoleChunk)
		}, func(u []byte, _ int64, m memory) (err error) {
			chunk, index, err = decodeConsole(u, m.bytes[payload:])
			return err
		})
		if err != nil {
			return text, err
		}
		if len(chunk) == 0 {
			return text, nil
		}
		text = append(text, chunk...)
	}
	// A console that is written to faster than it is read has no end.
	return text[:maxConsole], nil
}

// decodeConsole returns a copy of the bytes that were read and where the next
// ones begin.
func decodeConsole(b, buffer []byte) (text []byte, index uint32, err error) {
	v := view{data: b}
	index, count := v.u32(4), v.u32(16)
	if err := v.err("readconsole"); err != nil {
		return nil, 0, err
	}
	if uint64(count) > uint64(len(buffer)) {
		return nil, 0, fmt.Errorf("%w: %d bytes written into %d", ErrMalformed, count, len(buffer))
	}
	return append([]byte(nil), buffer[:count]...), index, nil
}

// errNoEntry is how Xen says that there is nothing (more) of that kind.
const errNoEntry = syscall.ENOENT
