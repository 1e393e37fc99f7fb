package probe

import (
	"bytes"
	"io"
)

// streamRoot is a Root that can hand out a file piece by piece.
type streamRoot interface {
	// Stream opens what ReadFile would read.
	Stream(name string, limit int64) (io.ReadCloser, error)
}

// stream reads a file piece by piece where the root can: /proc/cpuinfo of 4096
// CPUs has ten MiB, and nobody needs them at once. The error is that of
// ReadFile; what read made of a file that cannot be read to its end is
// dropped.
func stream[T any](root Root, name string, limit int64, read func(io.Reader) T) (T, error) {
	var none T
	switch r := root.(type) {
	case *frontRoot:
		if !r.covers(name) {
			return stream(r.Root, name, limit, read)
		}
	case *guardedRoot:
		if r.answersAtOnce(name) {
			return stream(r.Root, name, limit, read)
		}
		return guard(r, func() (T, error) { return stream(r.Root, name, limit, read) })
	case streamRoot:
		f, err := r.Stream(name, limit)
		if err != nil {
			return none, err
		}
		defer f.Close()
		b := &boundedReader{r: f, left: limit}
		v := read(b)
		if b.err != nil && b.err != io.EOF {
			return none, b.err
		}
		return v, nil
	}
	// A recorder keeps the bytes anyway, and an archive has them.
	b, err := root.ReadFile(name, limit)
	if err != nil {
		return none, err
	}
	return read(bytes.NewReader(b)), nil
}

// boundedReader fails with ErrTooLarge beyond its bound, and remembers how
// reading ended.
type boundedReader struct {
	r    io.Reader
	left int64
	err  error
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = 0, ErrTooLarge
	}
	b.err = err
	return n, err
}
