package xencall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"syscall"
)

// ioctlHypercall is IOCTL_PRIVCMD_HYPERCALL: _IOC(_IOC_NONE, 'P', 0,
// sizeof(struct privcmd_hypercall)), with a structure of six 64-bit words on
// every architecture (Linux, include/uapi/xen/privcmd.h).
const ioctlHypercall = 48<<16 | 'P'<<8

// privcmdGate is the device of the running kernel.
type privcmdGate struct {
	fd  int
	mem []byte
}

// Open opens the privcmd device of the running kernel. The error wraps
// [ErrNoDevice] or [ErrPermission].
func Open() (*Xen, error) {
	switch runtime.GOARCH {
	case "amd64", "arm64", "arm":
	default:
		return nil, fmt.Errorf("%w: hypercalls from %s are not known", ErrNoDevice, runtime.GOARCH)
	}
	fd, err := openAny("/dev/xen/privcmd", "/proc/xen/privcmd")
	if err != nil {
		return nil, err
	}
	mem, err := mapMemory()
	if err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("memory for hypercalls: %w: %w", ErrFailed, err)
	}
	return New(&privcmdGate{fd, mem}), nil
}

// openAny opens the first device that is there. The second place is where
// kernels before 3.3, and those whose devtmpfs is not mounted, have it.
func openAny(names ...string) (int, error) {
	var first error
	for _, name := range names {
		fd, err := syscall.Open(name, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err == nil {
			return fd, nil
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
			return -1, err
		}
		if first == nil {
			first = err
		}
	}
	return -1, first
}

// mapMemory maps the memory for the calls, with a page in front for the
// ioctl's own structure. Pages of /dev/xen/hypercall (Linux 4.18) are the
// kernel's and never move; locking ordinary memory prevents swapping alone.
func mapMemory() ([]byte, error) {
	const size = pageSize + MemorySize
	const access = syscall.PROT_READ | syscall.PROT_WRITE
	if fd, err := syscall.Open("/dev/xen/hypercall", syscall.O_RDWR|syscall.O_CLOEXEC, 0); err == nil {
		mem, err := syscall.Mmap(fd, 0, size, access, syscall.MAP_SHARED)
		syscall.Close(fd) // the mapping stays
		if err == nil {
			return mem, nil
		}
	}
	mem, err := syscall.Mmap(-1, 0, size, access, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE)
	if err != nil {
		return nil, err
	}
	if err := syscall.Mlock(mem); err != nil {
		syscall.Munmap(mem)
		return nil, err
	}
	return mem, nil
}

func (g *privcmdGate) Memory() []byte { return g.mem[pageSize:] }

// Address is a plain number: mapped memory is not the garbage collector's and
// never moves.
func (g *privcmdGate) Address(offset int) uint64 {
	return uint64(reflect.ValueOf(g.mem).Pointer()) + pageSize + uint64(offset)
}

func (g *privcmdGate) Hypercall(op uint64, args [5]uint64) (int64, error) {
	binary.LittleEndian.PutUint64(g.mem, op)
	for i, a := range args {
		binary.LittleEndian.PutUint64(g.mem[8+8*i:], a)
	}
	ret, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(g.fd), ioctlHypercall, reflect.ValueOf(g.mem).Pointer())
	runtime.KeepAlive(g)
	if errno != 0 {
		return 0, errno
	}
	return int64(int(ret)), nil
}

func (g *privcmdGate) Close() error {
	return errors.Join(syscall.Munmap(g.mem), syscall.Close(g.fd))
}
