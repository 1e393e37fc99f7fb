package fleet

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds what unpacking needs of memory: what zstd --ultra -22 asks
// for.
const maxWindow = 128 << 20

// newZstd unpacks a zstd stream (RFC 8878) as it is read.
func newZstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}
