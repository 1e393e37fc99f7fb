package probe

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// streamRoot is a Root that can hand out piece by piece what it has much of.
type streamRoot interface {
	// Stream opens what ReadFile would read.
	Stream(name string, limit int64) (io.ReadCloser, error)
	// CountNames counts those of the names that ReadDir would list that match.
	CountNames(name string, limit int, match func(string) bool) (int, error)
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

// countNames counts the names in a directory that match, without holding all of
// them where the root can: a large machine has 98,304 memory blocks. The error
// is that of ReadDir.
func countNames(root Root, name string, limit int, match func(string) bool) (int, error) {
	switch r := root.(type) {
	case *frontRoot:
		if _, covered := r.front.dirs[name]; !covered {
			return countNames(r.Root, name, limit, match)
		}
	case *guardedRoot:
		if r.answersAtOnce(name) {
			return countNames(r.Root, name, limit, match)
		}
		return guard(r, func() (int, error) { return countNames(r.Root, name, limit, match) })
	case streamRoot:
		return r.CountNames(name, limit, match)
	}
	names, err := root.ReadDir(name, limit)
	return countMatching(names, match), err
}

func countMatching(names []string, match func(string) bool) int {
	n := 0
	for _, name := range names {
		if match(name) {
			n++
		}
	}
	return n
}

// countIn is CountNames of an open directory.
func countIn(f *os.File, limit int, match func(string) bool) (int, error) {
	const group = 512
	count := 0
	for seen := 0; ; {
		names, err := f.Readdirnames(group)
		if seen += len(names); seen > limit {
			return 0, ErrTooLarge
		}
		count += countMatching(names, match)
		switch {
		case errors.Is(err, io.EOF):
			return count, nil
		case err != nil:
			return 0, err
		}
	}
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
