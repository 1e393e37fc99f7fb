package xencall

import (
	"context"
	"errors"
	"fmt"
)

// Flags of a domain (domctl.h, XEN_DOMINF_*).
const (
	domDying    = 1 << 0
	domHVM      = 1 << 1
	domShutdown = 1 << 2
	domPaused   = 1 << 3
	domBlocked  = 1 << 4
	domRunning  = 1 << 5
	domDebugged = 1 << 6
	domXenstore = 1 << 7
	domHAP      = 1 << 8
)

// Domain is what Xen knows of a domain (struct xen_domctl_getdomaininfo). The
// domain's UUID (offset 76) is not read.
type Domain struct {
	ID       uint16 `json:"id"`       // offset 0
	Flags    uint32 `json:"flags"`    // offset 4, as they are; the fields below spell them out
	Dying    bool   `json:"dying"`    // being destroyed
	HVM      bool   `json:"hvm"`      // HVM or PVH, as opposed to PV; always on Arm
	Shutdown bool   `json:"shutdown"` // the guest has shut down
	Paused   bool   `json:"paused"`   // by the control domain
	Blocked  bool   `json:"blocked"`  // waiting for an event
	Running  bool   `json:"running"`
	Debugged bool   `json:"debugged"`
	Xenstore bool   `json:"xenstore"` // it is the xenstore domain
	HAP      bool   `json:"hap"`      // hardware assisted paging; without it an HVM domain has shadow page tables

	Pages            uint64 `json:"pages"`             // offset 8: of 4 KiB, populated
	MaxPages         uint64 `json:"max_pages"`         // offset 16
	OutstandingPages uint64 `json:"outstanding_pages"` // offset 24
	SharedPages      uint64 `json:"shared_pages"`      // offset 32: memory sharing
	PagedPages       uint64 `json:"paged_pages"`       // offset 40: memory paging
	OnlineVCPUs      uint32 `json:"online_vcpus"`      // offset 64
	VCPUs            uint32 `json:"vcpus"`             // offset 68, max_vcpu_id plus 1
	SSIDRef          uint32 `json:"ssid_ref"`          // offset 72: the security label's number
	CPUPool          int    `json:"cpu_pool"`          // offset 92; -1 in none

	// Emulation is the set of devices that Xen itself emulates for the domain
	// (arch-x86/xen.h, struct xen_arch_domainconfig, emulation_flags). It means
	// something on x86 only; see [Domain.PVH].
	Emulation uint32 `json:"emulation"`
}

// Devices that a PC has and a PVH domain has not (XEN_X86_EMU_*).
const (
	emulatedPM  = 1 << 2 // power management timer and registers
	emulatedRTC = 1 << 3
	emulatedPIC = 1 << 5
	emulatedVGA = 1 << 6
)

// PVH tells an HVM domain that is not a PC, which on x86 is what PVH is: Xen
// emulates hardly more than the local APIC for it.
func (d Domain) PVH() bool {
	return d.HVM && d.Emulation&(emulatedPM|emulatedRTC|emulatedPIC|emulatedVGA) == 0
}

// noVCPUs is XEN_INVALID_MAX_VCPU_ID: the domain has none yet.
const noVCPUs = 0xffffffff

// domainInfoSize is what is read of the structure. Its whole size depends on
// architecture and release, which is why domains are asked for one by one: the
// next one's place is then never needed.
const domainInfoSize = 112

// maxDomains bounds the list. Domain IDs end at 0x7ff0 (DOMID_FIRST_RESERVED);
// real hosts have some hundred.
const (
	maxDomains    = 8192
	firstReserved = 0x7ff0
)

// Domains returns the domains of the host in the order of their IDs. The error
// wraps [ErrTooLarge] if there are more than anybody runs; the first ones are
// returned with it.
func (x *Xen) Domains(ctx context.Context) ([]Domain, error) {
	var list []Domain
	for next := uint16(0); next < firstReserved; {
		d, found, err := x.domainFrom(ctx, next)
		if err != nil || !found {
			return list, err
		}
		if len(list) == maxDomains {
			return list, fmt.Errorf("XEN_SYSCTL_getdomaininfolist: %w: more than %d domains", ErrTooLarge, maxDomains)
		}
		list = append(list, d)
		next = d.ID + 1
	}
	return list, nil
}

// domainFrom returns the first domain whose ID is not below id. The request is
// struct xen_sysctl_getdomaininfolist: first_domain at offset 0, max_domains
// at 4, buffer at 8, num_domains at 16.
func (x *Xen) domainFrom(ctx context.Context, id uint16) (d Domain, found bool, err error) {
	err = x.askSysctl(ctx, "XEN_SYSCTL_getdomaininfolist", sysctlDomainList, func(u []byte, m memory) {
		put16(u, 0, id)
		put32(u, 4, 1)
		put64(u, 8, m.address(payload))
	}, func(u []byte, _ int64, m memory) (err error) {
		v := view{data: u}
		switch n := v.u32(16); n {
		case 0:
			return nil
		case 1:
		default:
			return fmt.Errorf("%w: %d domains where one was asked for", ErrMalformed, n)
		}
		if d, err = decodeDomain(x.sysctl, m.bytes[payload:payload+domainInfoSize]); err != nil {
			return err
		}
		if d.ID < id {
			return fmt.Errorf("%w: domain %d after %d was asked for", ErrMalformed, d.ID, id)
		}
		found = true
		return nil
	})
	return d, found, err
}

func decodeDomain(version Interface, b []byte) (Domain, error) {
	if !version.known() {
		return Domain{}, errUnknownInterface(version)
	}
	v := view{data: b}
	flags := v.u32(4)
	d := Domain{
		ID: v.u16(0), Flags: flags,
		Dying: flags&domDying != 0, HVM: flags&domHVM != 0, Shutdown: flags&domShutdown != 0,
		Paused: flags&domPaused != 0, Blocked: flags&domBlocked != 0, Running: flags&domRunning != 0,
		Debugged: flags&domDebugged != 0, Xenstore: flags&domXenstore != 0, HAP: flags&domHAP != 0,
		Pages: v.u64(8), MaxPages: v.u64(16), OutstandingPages: v.u64(24), SharedPages: v.u64(32), PagedPages: v.u64(40),
		OnlineVCPUs: v.u32(64), SSIDRef: v.u32(72), CPUPool: int(int32(v.u32(92))),
	}
	if last := v.u32(68); last != noVCPUs {
		d.VCPUs = last + 1
	}
	// 4.16 put gpaddr_bits and padding before the architecture's part.
	if version >= 0x14 {
		d.Emulation = v.u32(104)
	} else {
		d.Emulation = v.u32(96)
	}
	if err := v.err("getdomaininfo"); err != nil {
		return Domain{}, err
	}
	if d.ID >= firstReserved || d.CPUPool < -1 || d.OnlineVCPUs > d.VCPUs {
		return Domain{}, fmt.Errorf("%w: domain %d in CPU pool %d with %d of %d VCPUs", ErrMalformed, d.ID, d.CPUPool, d.OnlineVCPUs, d.VCPUs)
	}
	return d, nil
}

// CPUPool is a set of CPUs with a scheduler of its own (struct
// xen_sysctl_cpupool_op).
type CPUPool struct {
	ID        uint32    `json:"id"`        // offset 4
	Scheduler Scheduler `json:"scheduler"` // offset 8
	Domains   uint32    `json:"domains"`   // offset 20
	CPUs      []int     `json:"cpus"`      // the numbers set in the map at offset 24, ascending
}

// maxPools bounds the list; each pool needs a CPU.
const maxPools = 1024

// cpuMapSize is the size in bytes of the CPU map that Xen is given to fill.
const cpuMapSize = maxCPUs / 8

// cpupoolInfo is XEN_SYSCTL_CPUPOOL_OP_INFO.
const cpupoolInfo = 3

// CPUPools returns the CPU pools of the host in the order of their IDs.
func (x *Xen) CPUPools(ctx context.Context) ([]CPUPool, error) {
	var list []CPUPool
	for next := uint32(0); len(list) < maxPools; {
		pool, found, err := x.cpuPoolFrom(ctx, next)
		if err != nil || !found || pool.ID == ^uint32(0) {
			return list, err
		}
		list = append(list, pool)
		next = pool.ID + 1
	}
	return list, fmt.Errorf("XEN_SYSCTL_cpupool_op: %w: more than %d pools", ErrTooLarge, maxPools)
}

// cpuPoolFrom returns the first pool whose ID is not below id.
func (x *Xen) cpuPoolFrom(ctx context.Context, id uint32) (pool CPUPool, found bool, err error) {
	err = x.askSysctl(ctx, "XEN_SYSCTL_cpupool_op", sysctlCPUPool, func(u []byte, m memory) {
		put32(u, 0, cpupoolInfo)
		put32(u, 4, id)
		put64(u, 24, m.address(payload))
		put32(u, 32, cpuMapSize*8)
	}, func(u []byte, _ int64, m memory) (err error) {
		if pool, err = decodeCPUPool(u, m.bytes[payload:payload+cpuMapSize]); err != nil {
			return err
		}
		if pool.ID < id {
			return fmt.Errorf("%w: pool %d after %d was asked for", ErrMalformed, pool.ID, id)
		}
		return nil
	})
	if errors.Is(err, errNoEntry) {
		return CPUPool{}, false, nil
	}
	return pool, err == nil, err
}

func decodeCPUPool(b, cpus []byte) (CPUPool, error) {
	v := view{data: b}
	pool := CPUPool{ID: v.u32(4), Scheduler: Scheduler(v.u32(8)), Domains: v.u32(20)}
	if err := v.err("cpupool_op"); err != nil {
		return CPUPool{}, err
	}
	for i, set := range cpus {
		for bit := range 8 {
			if set&(1<<bit) != 0 {
				pool.CPUs = append(pool.CPUs, 8*i+bit)
			}
		}
	}
	return pool, nil
}
