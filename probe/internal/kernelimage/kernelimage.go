// Package kernelimage tells how a kernel that a toolstack boots directly is
// packed, by the first bytes of its file.
package kernelimage

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
)

// HeadSize is how many bytes of a file are enough.
const HeadSize = 4096

// Format is a way to pack a kernel. The words are those of Xen's support
// statement where it has one.
type Format string

// The formats. The toolstack loads more of them than the statement names.
const (
	BzImage Format = "bzImage" // Linux on x86 (Documentation/arch/x86/boot.rst)
	ELF     Format = "ELF"
	ZImage  Format = "zImage" // Linux on 32-bit Arm (arch/arm/boot/compressed/head.S)
	Image   Format = "Image"  // Linux on Arm64 (Documentation/arch/arm64/booting.rst)
	UImage  Format = "uImage" // U-Boot's legacy image (include/image.h there)
	Other   Format = "other"  // none of these
)

// Kernel is what the head of a file tells.
type Kernel struct {
	Format Format `json:"format"`
	// Bits is 32 or 64, the width of the code, or 0 where the head does not
	// tell.
	Bits int `json:"bits,omitempty"`
	// Gzipped is true where that is the format of what was compressed; the
	// toolstack unpacks it.
	Gzipped bool `json:"gzipped,omitempty"`
}

// ErrShort means that a file is too short to be a kernel.
var ErrShort = errors.New("too short for a kernel")

// Parse reads the head of a file: its first [HeadSize] bytes, or all there are.
func Parse(head []byte) (Kernel, error) {
	if len(head) >= 3 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 {
		zr, err := gzip.NewReader(bytes.NewReader(head))
		if err != nil {
			return Kernel{}, err
		}
		inner := make([]byte, HeadSize)
		// What follows the head is cut off, so an unexpected end is expected.
		n, err := io.ReadFull(zr, inner)
		if n == 0 {
			return Kernel{}, err
		}
		k, err := plain(inner[:n])
		k.Gzipped = err == nil
		return k, err
	}
	return plain(head)
}

func plain(b []byte) (Kernel, error) {
	const shortest = 0x40
	if len(b) < shortest {
		return Kernel{}, ErrShort
	}
	le := binary.LittleEndian
	switch {
	case bytes.HasPrefix(b, []byte("\x7fELF")):
		// EI_CLASS: 1 is 32-bit, 2 is 64-bit (System V ABI, chapter 4).
		return Kernel{Format: ELF, Bits: map[byte]int{1: 32, 2: 64}[b[4]]}, nil
	case len(b) >= 0x238 && string(b[0x202:0x206]) == "HdrS":
		return Kernel{Format: BzImage, Bits: linuxBits(b)}, nil
	case le.Uint32(b[0x38:]) == 0x644d5241: // "ARM\x64"
		return Kernel{Format: Image, Bits: 64}, nil
	case le.Uint32(b[0x24:]) == 0x016f2818:
		return Kernel{Format: ZImage, Bits: 32}, nil
	case binary.BigEndian.Uint32(b) == 0x27051956:
		return Kernel{Format: UImage}, nil
	}
	return Kernel{Format: Other}, nil
}

// linuxBits reads XLF_KERNEL_64, bit 0 of xloadflags, which boot protocol 2.12
// brought: it is set in 64-bit kernels alone.
func linuxBits(b []byte) int {
	const protocol212 = 0x020c
	le := binary.LittleEndian
	switch {
	case le.Uint16(b[0x206:]) < protocol212:
		return 0
	case le.Uint16(b[0x236:])&1 != 0:
		return 64
	}
	return 32
}
