package xencall

import (
	"context"
	"errors"
	"fmt"
)

// Sub-commands of sysctl (sysctl.h, XEN_SYSCTL_*).
const (
	sysctlReadConsole   = 1
	sysctlPhysInfo      = 3
	sysctlSchedulerID   = 4
	sysctlDomainList    = 6
	sysctlCPUPool       = 18
	sysctlLivePatch     = 27
	sysctlUnion         = 8   // where the command's own structure lies in struct xen_sysctl
	sysctlSize          = 136 // sizeof(struct xen_sysctl)
	sysctlUnionSize     = sysctlSize - sysctlUnion
	oldestSysctl        = Interface(0x10)
	newestSysctl        = Interface(0x16)
	livePatchWithTotals = Interface(0x13)
)

// Interface is a version of the sysctl interface
// (XEN_SYSCTL_INTERFACE_VERSION). Xen speaks exactly one and answers EACCES to
// all others:
//
//	0x10  4.10            0x14  4.16
//	0x11  4.11            0x15  4.17 to 4.20
//	0x12  4.12, 4.13      0x16  4.21, 4.22
//	0x13  4.14, 4.15
type Interface uint32

// known reports whether the layouts of the version are known here.
func (i Interface) known() bool { return i >= oldestSysctl && i <= newestSysctl }

// errUnknownInterface wraps [ErrInterface] with the version.
func errUnknownInterface(i Interface) error {
	return fmt.Errorf("%w: sysctl %#x is not one of %#x to %#x", ErrInterface, uint32(i), uint32(oldestSysctl), uint32(newestSysctl))
}

// Interface finds out which version of the sysctl interface Xen speaks, by
// offering the known ones, newest first. The error wraps [ErrInterface] if it
// takes none.
func (x *Xen) Interface(ctx context.Context) (Interface, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.interfaceLocked(ctx)
}

func (x *Xen) interfaceLocked(ctx context.Context) (Interface, error) {
	if x.sysctl != 0 {
		return x.sysctl, nil
	}
	for version := newestSysctl; version >= oldestSysctl; version-- {
		// The scheduler's number is the smallest thing there is to ask for.
		// Xen looks at the version before anything else.
		err := x.doLocked(ctx, sysctlCall("XEN_SYSCTL_sched_id", sysctlSchedulerID, version, nil, nil))
		if errors.Is(err, ErrInterface) {
			continue
		}
		if err != nil {
			return 0, err
		}
		x.sysctl = version
		return version, nil
	}
	return 0, fmt.Errorf("sysctl: %w: neither of %#x to %#x, or a security policy denies them all",
		ErrInterface, uint32(oldestSysctl), uint32(newestSysctl))
}

// sysctlCall lays out struct xen_sysctl: the command at offset 0, the
// interface version at 4, the command's structure at 8. ask fills in that
// structure, answer reads it.
func sysctlCall(name string, command uint32, version Interface, ask func(u []byte, m memory), answer func(u []byte, ret int64, m memory) error) call {
	c := call{
		name: name, op: hypercallSysctl, versioned: true,
		ask: func(m memory) [5]uint64 {
			put32(m.bytes, 0, command)
			put32(m.bytes, 4, uint32(version))
			if ask != nil {
				ask(m.bytes[sysctlUnion:sysctlSize], m)
			}
			return [5]uint64{m.address(0)}
		},
	}
	if answer != nil {
		c.answer = func(ret int64, m memory) error {
			return answer(m.bytes[sysctlUnion:sysctlSize], ret, m)
		}
	}
	return c
}

// askSysctl makes one sysctl, finding out the interface version first.
func (x *Xen) askSysctl(ctx context.Context, name string, command uint32, ask func(u []byte, m memory), answer func(u []byte, ret int64, m memory) error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	version, err := x.interfaceLocked(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c := sysctlCall(name, command, version, ask, answer)
	c.versioned = false // it is the right one, so EACCES is the policy's
	return x.doLocked(ctx, c)
}

// Scheduler is the number of a scheduler (domctl.h, XEN_SCHEDULER_*).
type Scheduler uint32

// String returns the name of the scheduler as the sched= option spells it, or
// "" for a number that is not known.
func (s Scheduler) String() string {
	switch s {
	case 4:
		return "sedf" // removed in 4.6
	case 5:
		return "credit"
	case 6:
		return "credit2"
	case 7:
		return "arinc653"
	case 8:
		return "rtds"
	case 9:
		return "null"
	}
	return ""
}

// Scheduler returns the scheduler of CPU pool 0.
func (x *Xen) Scheduler(ctx context.Context) (Scheduler, error) {
	var s Scheduler
	err := x.askSysctl(ctx, "XEN_SYSCTL_sched_id", sysctlSchedulerID, nil, func(u []byte, _ int64, _ memory) error {
		v := view{data: u}
		s = Scheduler(v.u32(0))
		return nil
	})
	return s, err
}
