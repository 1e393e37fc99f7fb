// Package xencall asks a running Xen about itself by hypercall, through the
// privcmd device of the control domain's kernel and without Xen's own
// libraries.
//
// Every call only reads: none changes the state of Xen, of a domain or of the
// console ring. Layouts are those of Xen's public headers
// (xen/include/public); where a layout depends on the release, so does the
// decoder, and an interface that is not known is an error, never a guess.
//
// The kernel's side is a [Gate]. All that is above it is plain bytes, so that
// everything but the ioctl itself is the same on any machine.
package xencall

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// Hypercall numbers (xen.h, __HYPERVISOR_*).
const (
	hypercallPlatform = 7
	hypercallMemory   = 12
	hypercallVersion  = 17
	hypercallXSM      = 27
	hypercallSysctl   = 35
	hypercallHypfs    = 42
)

// callTimeout bounds each hypercall, whatever the caller's own deadline.
const callTimeout = 5 * time.Second

// Why a call gave nothing. Errors of this package wrap one of these, and the
// errno of the kernel or of Xen where there was one.
var (
	// ErrNoDevice: there is no privcmd device. This kernel does not run under
	// Xen, or its module xen-privcmd is not loaded.
	ErrNoDevice = errors.New("no privcmd device")
	// ErrPermission: the kernel does not let this process open the device.
	ErrPermission = errors.New("the kernel refuses the privcmd device")
	// ErrRefused: Xen refused. This domain is not the control domain, or the
	// security policy (XSM) does not allow it the call.
	ErrRefused = errors.New("refused by Xen")
	// ErrInterface: Xen speaks an interface version that is not known here. A
	// security policy that denies every version looks the same.
	ErrInterface = errors.New("unknown interface version")
	// ErrNotImplemented: this Xen, or this architecture, has no such call.
	ErrNotImplemented = errors.New("not implemented by this Xen")
	// ErrTimedOut: the call did not come back in time. Nothing more can be
	// asked through the same [Xen], for its memory may still be written to.
	ErrTimedOut = errors.New("no answer in time")
	// ErrMalformed: the answer contradicts the interface.
	ErrMalformed = errors.New("malformed answer")
	// ErrTooLarge: the answer is longer than any honest one.
	ErrTooLarge = errors.New("answer too large")
	// ErrFailed: any other error, to be read from the wrapped errno.
	ErrFailed = errors.New("hypercall failed")
)

// A Gate carries hypercalls to Xen.
type Gate interface {
	// Memory is the memory that Xen can read and write during a call, at least
	// [MemorySize] bytes.
	Memory() []byte
	// Address is the address Xen knows Memory()[offset] by.
	Address(offset int) uint64
	// Hypercall makes call op and returns what Xen returns. A failure is a
	// syscall.Errno.
	Hypercall(op uint64, args [5]uint64) (int64, error)
	// Close releases the memory and the device.
	Close() error
}

// MemorySize is the size in bytes of a gate's memory: a page for the request
// and the rest for what Xen hands back.
const MemorySize = 44 * pageSize

const pageSize = 4096

// payload is where the larger part of a request or answer lies in the memory.
const payload = pageSize

// Xen is an open connection to the hypervisor. Its methods may be called from
// several goroutines; they take turns.
type Xen struct {
	mu     sync.Mutex
	gate   Gate
	sysctl Interface // 0 before it was found out
	hypfs  argumentOrder
	stuck  bool // a call never came back
	closed bool
}

// New returns a Xen that is reached through gate.
func New(gate Gate) *Xen { return &Xen{gate: gate} }

// Close releases the gate. A gate with a call that never came back is left
// alone: taking its memory away would let Xen write into somebody else's.
func (x *Xen) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stuck || x.closed {
		return nil
	}
	x.closed = true
	return x.gate.Close()
}

// memory is a gate's memory as the calls use it.
type memory struct {
	bytes   []byte
	address func(offset int) uint64
}

// A call is one hypercall: how the request is laid out in memory, and how the
// answer is understood.
type call struct {
	name string // as the header spells it, for messages
	op   uint64
	// ask fills in the request and returns the arguments. The memory is zero
	// when it is called.
	ask func(m memory) [5]uint64
	// answer takes what it needs out of the memory; nothing may keep a slice
	// of it.
	answer func(ret int64, m memory) error
	// versioned tells that the request carries an interface version, so that
	// EACCES means that it is the wrong one.
	versioned bool
}

// attempts is how often a call is made that ends in EFAULT. Memory from the
// hypercall device stays put; ordinary locked memory may be migrated by the
// kernel, and is not reachable by Xen for that moment.
const attempts = 3

// do makes one call.
func (x *Xen) do(ctx context.Context, c call) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.doLocked(ctx, c)
}

func (x *Xen) doLocked(ctx context.Context, c call) error {
	if x.stuck {
		return fmt.Errorf("%s: %w: an earlier call has not come back", c.name, ErrTimedOut)
	}
	if x.closed {
		return fmt.Errorf("%s: %w: closed", c.name, ErrNoDevice)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	bytes := x.gate.Memory()
	if len(bytes) < MemorySize {
		return fmt.Errorf("%s: %w: %d bytes of memory", c.name, ErrFailed, len(bytes))
	}
	m := memory{bytes[:MemorySize:MemorySize], x.gate.Address}
	var ret int64
	var err error
	for range attempts {
		clear(m.bytes)
		ret, err = x.wait(ctx, c.op, c.ask(m))
		if !errors.Is(err, syscall.EFAULT) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, explain(err, c.versioned))
	}
	if c.answer == nil {
		return nil
	}
	if err := c.answer(ret, m); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// wait makes the hypercall in a goroutine of its own, so that one that hangs
// in the kernel does not take the program with it.
func (x *Xen) wait(ctx context.Context, op uint64, args [5]uint64) (int64, error) {
	type result struct {
		ret int64
		err error
	}
	if ctx.Err() != nil {
		return 0, ErrTimedOut
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() { // nobody else could: a panic here would end the process
			if p := recover(); p != nil {
				r = result{err: fmt.Errorf("%w: %v", ErrFailed, p)}
			}
			done <- r
		}()
		r.ret, r.err = x.gate.Hypercall(op, args)
	}()
	select {
	case r := <-done:
		return r.ret, r.err
	case <-ctx.Done():
		x.stuck = true
		return 0, ErrTimedOut
	}
}

// explain sorts an errno of Xen (errno.h, the numbers are Linux's) into the
// errors of this package.
func explain(err error, versioned bool) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	kind := ErrFailed
	switch errno {
	case syscall.EACCES:
		// FLASK denies with EACCES, everybody else with EPERM.
		kind = ErrRefused
		if versioned {
			kind = ErrInterface
		}
	case syscall.EPERM:
		kind = ErrRefused
	case syscall.ENOSYS, syscall.EOPNOTSUPP:
		kind = ErrNotImplemented
	}
	return fmt.Errorf("%w: %w", kind, errno)
}
