package xenbus

import (
	"errors"
	"fmt"
	"io"
	"syscall"
)

// device is the xenbus device of the running kernel.
type device int

// Open opens the xenbus device of the running kernel. The error wraps
// [ErrNoDevice] or [ErrPermission]. That the device is there does not mean
// that a xenstored answers.
func Open() (*Store, error) {
	var first error
	for _, name := range []string{"/dev/xen/xenbus", "/proc/xen/xenbus"} {
		fd, err := syscall.Open(name, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err == nil {
			return New(device(fd)), nil
		}
		kind := ErrFailed
		switch {
		case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
			kind = ErrNoDevice
		case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
			kind = ErrPermission
		}
		err = fmt.Errorf("%s: %w: %w", name, kind, err)
		if kind != ErrNoDevice {
			return nil, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func (d device) Read(b []byte) (int, error) {
	n, err := syscall.Read(int(d), b)
	switch {
	case errors.Is(err, syscall.EINTR):
		return 0, nil // io.ReadFull asks again
	case err != nil:
		return 0, err
	case n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write hands over the whole of a message: the device collects it until it is
// complete.
func (d device) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		n, err := syscall.Write(int(d), b[written:])
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return written, err
		}
		if n <= 0 {
			return written, io.ErrShortWrite
		}
		written += n
	}
	return written, nil
}

func (d device) Close() error { return syscall.Close(int(d)) }
