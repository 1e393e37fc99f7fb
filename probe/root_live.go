package probe

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// liveRoot is the running machine. Paths are opened by plain system calls:
// os.File would offer each of them to the poller, which costs as much again
// as reading a small sysfs attribute.
type liveRoot struct {
	early *Early // nil when nothing was read before
}

func (r liveRoot) ReadFile(name string, limit int64) ([]byte, error) {
	if r.early != nil && name == initEnviron {
		return r.early.environ, r.early.err
	}
	if isInterface(name) {
		return askSystem(name)
	}
	fd, size, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer fd.Close()
	if size > pageSize {
		return readBounded(fd, size, limit)
	}
	return readSmall(fd, limit)
}

func (liveRoot) Stream(name string, limit int64) (io.ReadCloser, error) {
	fd, size, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	if size > limit {
		fd.Close()
		return nil, ErrTooLarge
	}
	return fd, nil
}

// openRegular opens a regular file and returns the size that it claims.
func openRegular(name string) (fdReader, int64, error) {
	fd, err := openRetry(name, syscall.O_NONBLOCK)
	if err != nil {
		return 0, 0, err
	}
	var st syscall.Stat_t
	if err = syscall.Fstat(fd, &st); err == nil {
		err = regular(modeOf(uint32(st.Mode)))
	}
	if err != nil {
		syscall.Close(fd)
		return 0, 0, err
	}
	return fdReader(fd), st.Size, nil
}

// pageSize is what an attribute of sysfs holds at most, and claims to hold.
const pageSize = 4096

// readSmall reads a file that promises to fit in a page into the stack, and
// keeps no more than there is: most attributes have ten bytes.
func readSmall(fd fdReader, limit int64) ([]byte, error) {
	var page [pageSize]byte
	for got := 0; got < len(page); {
		n, err := fd.Read(page[got:])
		if got += n; int64(got) > limit {
			return nil, ErrTooLarge
		}
		if err == io.EOF {
			return bytes.Clone(page[:got]), nil
		}
		if err != nil {
			return nil, err
		}
	}
	// There is more: procfs promises to be empty and is anything.
	return readOnto(append(make([]byte, 0, 4*pageSize), page[:]...), fd, limit)
}

func (liveRoot) ReadDir(name string, limit int) ([]string, error) {
	f, err := openDir(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readNames(f, limit)
}

func (liveRoot) CountNames(name string, limit int, match func(string) bool) (int, error) {
	f, err := openDir(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return countIn(f, limit, match)
}

// openDir opens a directory. Nothing else is opened, so nothing can block; and
// without O_NONBLOCK, os.NewFile does not start the poller.
func openDir(name string) (*os.File, error) {
	fd, err := openRetry(name, syscall.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (liveRoot) ReadLink(name string) (string, error) {
	var buf [4096]byte
	n, err := syscall.Readlink(name, buf[:])
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// openRetry opens for reading. Files want O_NONBLOCK: a FIFO without a writer
// would otherwise hold the caller for ever.
func openRetry(name string, flags int) (int, error) {
	for {
		fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOCTTY|flags, 0)
		if err != syscall.EINTR {
			if err == syscall.ENXIO { // what opening a socket says
				return -1, &kindError{"a socket or a device without a driver"}
			}
			return fd, err
		}
	}
}

// modeOf translates the file type of st_mode; permissions do not matter here.
func modeOf(mode uint32) fs.FileMode {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return 0
	case syscall.S_IFDIR:
		return fs.ModeDir
	case syscall.S_IFIFO:
		return fs.ModeNamedPipe
	case syscall.S_IFSOCK:
		return fs.ModeSocket
	case syscall.S_IFBLK, syscall.S_IFCHR:
		return fs.ModeDevice
	}
	return fs.ModeIrregular
}

type fdReader int

func (fd fdReader) Close() error { return syscall.Close(int(fd)) }

func (fd fdReader) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// readBounded reads to the end. The size a file claims is only a hint: procfs
// says 0 and sysfs says 4096 whatever there is. A file that claims more than
// the limit is refused unread, be it sparse or not.
func readBounded(r io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, ErrTooLarge
	}
	return readOnto(make([]byte, 0, max(512, min(size, limit)+1)), r, limit)
}

// readOnto reads to the end and appends to what was read before.
func readOnto(buf []byte, r io.Reader, limit int64) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, ErrTooLarge
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func readNames(f *os.File, limit int) ([]string, error) {
	names, err := f.Readdirnames(limit + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(names) > limit {
		return nil, ErrTooLarge
	}
	return names, nil
}
