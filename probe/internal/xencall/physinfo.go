package xencall

import (
	"context"
	"fmt"
	"math/bits"
	"strings"
)

// Capability is a set of what Xen says this host can do, in the bits of
// XEN_SYSCTL_PHYSCAP_* as they have been since 4.12.
type Capability uint32

// The capabilities, named as xl info names them.
const (
	CapHVM             Capability = 1 << iota // HVM and PVH guests: VMX or SVM is usable
	CapPV                                     // PV guests: compiled in
	CapDirectIO                               // an IOMMU is in use
	CapHAP                                    // hardware assisted paging: EPT or NPT
	CapShadow                                 // shadow paging: compiled in
	CapIOMMUHAPPTShare                        // the IOMMU uses the guests' HAP tables
	CapVMTrace                                // processor trace of guests
	CapVPMU                                   // virtual performance counters
	CapGnttabV1                               // grant table version 1
	CapGnttabV2                               // grant table version 2
)

var capabilityNames = [...]string{
	"hvm", "pv", "directio", "hap", "shadow", "iommu_hap_pt_share", "vmtrace", "vpmu", "gnttab-v1", "gnttab-v2",
}

// Has reports whether all of want are in the set.
func (c Capability) Has(want Capability) bool { return c&want == want }

// String lists the words of the set, separated by blanks; a bit that has no
// name is written as bitN.
func (c Capability) String() string {
	var words []string
	for rest := uint32(c); rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros32(rest)
		if i < len(capabilityNames) {
			words = append(words, capabilityNames[i])
		} else {
			words = append(words, fmt.Sprintf("bit%d", i))
		}
	}
	return strings.Join(words, " ")
}

// PhysInfo is the host as Xen counts it (struct xen_sysctl_physinfo).
type PhysInfo struct {
	Interface      Interface `json:"interface"`
	ThreadsPerCore uint32    `json:"threads_per_core"` // offset 0
	CoresPerSocket uint32    `json:"cores_per_socket"` // offset 4
	CPUs           uint32    `json:"cpus"`             // offset 8: logical CPUs that Xen has online
	MaxCPUID       uint32    `json:"max_cpu_id"`       // offset 12: the largest CPU number there may be
	Nodes          uint32    `json:"nodes"`            // offset 16: NUMA nodes online
	MaxNodeID      uint32    `json:"max_node_id"`      // offset 20
	CPUKHz         uint32    `json:"cpu_khz"`          // offset 24

	// Capabilities (offset 28) has the bits that are set, Reported those whose
	// absence means something in this interface version.
	Capabilities Capability `json:"capabilities"`
	Reported     Capability `json:"reported"`
	// ArchCapabilities (offset 32 from 4.17 on, 0 before) has a meaning of its
	// own on each architecture; see [PhysInfo.SVEVectorBits].
	ArchCapabilities uint32 `json:"arch_capabilities"`

	// Memory is counted in pages of 4 KiB on every architecture. The fields
	// follow each other from offset 40, or 32 before 4.17.
	TotalPages       uint64 `json:"total_pages"` // RAM that Xen has, its own included
	FreePages        uint64 `json:"free_pages"`
	ScrubPages       uint64 `json:"scrub_pages"`
	OutstandingPages uint64 `json:"outstanding_pages"` // claimed, not yet allocated
	MaxMFN           uint64 `json:"max_mfn"`           // the highest page address there may be, not an amount
	// HWCap is the CPUID feature words after Xen's own masking: 1:EDX, 1:ECX,
	// 0x80000001:EDX, 0x80000001:ECX, 0xD[1]:EAX, 7:EBX, 7:ECX, 0x80000007:EDX.
	// All zero on Arm.
	HWCap [8]uint32 `json:"hw_cap"`
}

// endPages is the first number of pages whose bytes no longer fit a 64-bit
// number.
const endPages = 1 << 52

// TotalBytes returns the RAM of the host in bytes.
func (p PhysInfo) TotalBytes() uint64 { return p.TotalPages * pageSize }

// SVEVectorBits returns the SVE vector length that guests can have, in bits; 0
// where there is none. It is for Arm64 from 4.18 on
// (XEN_SYSCTL_PHYSCAP_ARM_SVE_MASK, in units of 128 bits); on x86 the same
// bits tell other things.
func (p PhysInfo) SVEVectorBits() int { return int(p.ArchCapabilities&0x1f) * 128 }

// PhysInfo returns the host's CPUs, memory and capabilities.
func (x *Xen) PhysInfo(ctx context.Context) (PhysInfo, error) {
	var p PhysInfo
	err := x.askSysctl(ctx, "XEN_SYSCTL_physinfo", sysctlPhysInfo, nil, func(u []byte, _ int64, _ memory) (err error) {
		p, err = decodePhysInfo(x.sysctl, u)
		return err
	})
	return p, err
}

// decodePhysInfo reads the structure as the interface version lays it out.
func decodePhysInfo(version Interface, b []byte) (PhysInfo, error) {
	if !version.known() {
		return PhysInfo{}, errUnknownInterface(version)
	}
	v := view{data: b}
	p := PhysInfo{
		Interface:      version,
		ThreadsPerCore: v.u32(0),
		CoresPerSocket: v.u32(4),
		CPUs:           v.u32(8),
		MaxCPUID:       v.u32(12),
		Nodes:          v.u32(16),
		MaxNodeID:      v.u32(20),
		CPUKHz:         v.u32(24),
		Capabilities:   Capability(v.u32(28)),
	}
	pages := 32
	if version >= 0x15 {
		// 4.17 put arch_capabilities and padding before the amounts.
		p.ArchCapabilities = v.u32(32)
		pages = 40
	}
	p.TotalPages = v.u64(pages)
	p.FreePages = v.u64(pages + 8)
	p.ScrubPages = v.u64(pages + 16)
	p.OutstandingPages = v.u64(pages + 24)
	p.MaxMFN = v.u64(pages + 32)
	for i := range p.HWCap {
		p.HWCap[i] = v.u32(pages + 40 + 4*i)
	}
	p.Capabilities, p.Reported = capabilities(version, p.Capabilities)
	if err := v.err("physinfo"); err != nil {
		return PhysInfo{}, err
	}
	if p.CPUs == 0 || p.CPUs > maxCPUs || p.TotalPages == 0 || p.TotalPages >= endPages || p.FreePages > p.TotalPages {
		return PhysInfo{}, fmt.Errorf("%w: physinfo with %d CPUs, %d pages, %d of them free", ErrMalformed, p.CPUs, p.TotalPages, p.FreePages)
	}
	return p, nil
}

// maxCPUs is larger than NR_CPUS can be configured (16383).
const maxCPUs = 1 << 14

// capabilities maps the bits of an interface version to those of today and
// tells which of them that version is sure to report.
func capabilities(version Interface, raw Capability) (set, reported Capability) {
	const upTo415 = CapHVM | CapPV | CapDirectIO | CapHAP | CapShadow | CapIOMMUHAPPTShare
	switch {
	case version <= 0x11:
		// hvm was bit 0 and hvm_directio bit 1.
		set = raw & CapHVM
		if raw&2 != 0 {
			set |= CapDirectIO
		}
		return set, CapHVM | CapDirectIO
	case version == 0x12: // 4.13 added bits 3 to 5 without a new version
		return raw, CapHVM | CapPV | CapDirectIO
	case version == 0x13: // 4.15 added bit 6 likewise
		return raw, upTo415
	}
	return raw, upTo415 | CapVMTrace | CapVPMU | CapGnttabV1 | CapGnttabV2
}
