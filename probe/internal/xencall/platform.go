package xencall

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf16"
)

// Sub-commands of platform_op (platform.h, XENPF_*). Only x86 has those used
// here. The interface version has not changed since Xen 3.
const (
	platformInterface  = 0x03000001
	platformCPUVersion = 48
	platformEFICall    = 49
	platformFirmware   = 50
	platformCPUInfo    = 55
	platformUnion      = 8   // where the command's own structure lies in struct xen_platform_op
	platformSize       = 136 // sizeof(struct xen_platform_op)
)

// askPlatform makes one platform_op: the command at offset 0, the interface
// version at 4, the command's structure at 8.
func (x *Xen) askPlatform(ctx context.Context, name string, command uint32, ask func(u []byte, m memory), answer func(u []byte, m memory) error) error {
	return x.do(ctx, call{
		name: name, op: hypercallPlatform, versioned: true,
		ask: func(m memory) [5]uint64 {
			put32(m.bytes, 0, command)
			put32(m.bytes, 4, platformInterface)
			ask(m.bytes[platformUnion:platformSize], m)
			return [5]uint64{m.address(0)}
		},
		answer: func(_ int64, m memory) error { return answer(m.bytes[platformUnion:platformSize], m) },
	})
}

// PhysicalCPU is a logical CPU of the host, dom0 or not.
type PhysicalCPU struct {
	ID     uint32 `json:"id"`
	Online bool   `json:"online"`
	APICID uint32 `json:"apic_id"`
	ACPIID uint32 `json:"acpi_id"` // of its processor entry in the MADT

	// The signature is read from the CPU itself and is empty while it is
	// offline.
	Vendor   string `json:"vendor"` // CPUID leaf 0: GenuineIntel, AuthenticAMD, …
	Family   uint32 `json:"family"` // base plus extended
	Model    uint32 `json:"model"`  // base plus extended
	Stepping uint32 `json:"stepping"`
}

// Flags of struct xenpf_pcpuinfo.
const (
	pcpuOnline  = 1
	pcpuInvalid = 2
)

// PhysicalCPUs returns the CPUs that are present, in the order of their
// numbers.
func (x *Xen) PhysicalCPUs(ctx context.Context) ([]PhysicalCPU, error) {
	var list []PhysicalCPU
	for id, last := uint32(0), uint32(0); id <= last; id++ {
		var cpu PhysicalCPU
		var present bool
		err := x.askPlatform(ctx, "XENPF_get_cpuinfo", platformCPUInfo, func(u []byte, _ memory) { put32(u, 0, id) },
			func(u []byte, _ memory) (err error) {
				cpu, last, present, err = decodePCPUInfo(id, u)
				return err
			})
		if err != nil {
			return list, err
		}
		if !present {
			continue
		}
		err = x.askPlatform(ctx, "XENPF_get_cpu_version", platformCPUVersion, func(u []byte, _ memory) { put32(u, 0, id) },
			func(u []byte, _ memory) error { return decodePCPUVersion(&cpu, u) })
		if err != nil {
			return list, err
		}
		list = append(list, cpu)
	}
	return list, nil
}

// decodePCPUInfo reads struct xenpf_pcpuinfo: max_present at offset 4, flags
// at 8, apic_id at 12, acpi_id at 16.
func decodePCPUInfo(id uint32, b []byte) (cpu PhysicalCPU, last uint32, present bool, err error) {
	v := view{data: b}
	last = v.u32(4)
	flags := v.u32(8)
	cpu = PhysicalCPU{ID: id, Online: flags&pcpuOnline != 0, APICID: v.u32(12), ACPIID: v.u32(16)}
	if err := v.err("pcpuinfo"); err != nil {
		return PhysicalCPU{}, 0, false, err
	}
	if last >= maxCPUs {
		return PhysicalCPU{}, 0, false, fmt.Errorf("%w: CPU number %d", ErrMalformed, last)
	}
	return cpu, last, flags&pcpuInvalid == 0, nil
}

// decodePCPUVersion reads struct xenpf_pcpu_version: vendor_id at offset 8, 12
// bytes, family at 20, model at 24, stepping at 28.
func decodePCPUVersion(cpu *PhysicalCPU, b []byte) error {
	v := view{data: b}
	cpu.Vendor = cString(v.at(8, 12))
	cpu.Family, cpu.Model, cpu.Stepping = v.u32(20), v.u32(24), v.u32(28)
	return v.err("pcpu_version")
}

// Firmware types and indices (platform.h, XEN_FW_*).
const (
	firmwareEFI        = 4
	firmwareEFIVersion = 0
)

// EFIVersion returns the version of the EFI system table, the major number in
// the upper half: 0x20046 is 2.7. The error wraps [ErrNotImplemented] when Xen
// was not started by EFI.
func (x *Xen) EFIVersion(ctx context.Context) (uint32, error) {
	var version uint32
	err := x.askPlatform(ctx, "XENPF_firmware_info", platformFirmware, func(u []byte, _ memory) {
		put32(u, 0, firmwareEFI)
		put32(u, 4, firmwareEFIVersion)
	}, func(u []byte, _ memory) error {
		v := view{data: u}
		version = v.u32(8)
		return nil
	})
	return version, err
}

// EFI functions and status codes (UEFI 2.10, section 8.2 and appendix D).
const (
	efiGetVariable    = 6 // XEN_EFI_get_variable
	efiSuccess        = 0
	efiNotFound       = 1<<63 | 14
	efiVariableLimit  = 4096 // bytes; the ones asked for have one
	efiVariableBuffer = payload + pageSize
)

// ErrNoVariable: EFI has no variable of that name.
var ErrNoVariable = errors.New("no such EFI variable")

// efiGlobalVariable is the GUID of the variables that the UEFI specification
// defines (section 3.3), 8be4df61-93ca-11d2-aa0d-00e098032b8c, as struct
// xenpf_efi_guid has it in memory.
var efiGlobalVariable = [16]byte{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}

// EFIGlobalVariable returns the value of a variable of the UEFI specification
// itself, such as SecureBoot or SetupMode. The error wraps [ErrNoVariable], or
// [ErrNotImplemented] when Xen was not started by EFI.
//
// The request is struct xenpf_efi_runtime_call: function at offset 0, status at
// 8, name at 16, size at 24, data at 32, GUID at 40.
func (x *Xen) EFIGlobalVariable(ctx context.Context, name string) ([]byte, error) {
	wide := utf16.Encode([]rune(name))
	if 2*(len(wide)+1) > pageSize {
		return nil, fmt.Errorf("EFI variable: %w: name of %d characters", ErrTooLarge, len(wide))
	}
	var value []byte
	err := x.askPlatform(ctx, "XENPF_efi_runtime_call", platformEFICall, func(u []byte, m memory) {
		for i, c := range wide {
			put16(m.bytes, payload+2*i, c)
		}
		put32(u, 0, efiGetVariable)
		put64(u, 16, m.address(payload))
		put64(u, 24, efiVariableLimit)
		put64(u, 32, m.address(efiVariableBuffer))
		copy(u[40:], efiGlobalVariable[:])
	}, func(u []byte, m memory) (err error) {
		value, err = decodeEFIVariable(u, m.bytes[efiVariableBuffer:efiVariableBuffer+efiVariableLimit])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("EFI variable %q: %w", name, err)
	}
	return value, nil
}

func decodeEFIVariable(b, buffer []byte) ([]byte, error) {
	v := view{data: b}
	status, size := v.u64(8), v.u64(24)
	if err := v.err("efi_runtime_call"); err != nil {
		return nil, err
	}
	switch {
	case status == efiNotFound:
		return nil, ErrNoVariable
	case status != efiSuccess:
		return nil, fmt.Errorf("%w: EFI status %#x", ErrFailed, status)
	case size > uint64(len(buffer)):
		return nil, fmt.Errorf("%w: value of %d bytes in %d", ErrMalformed, size, len(buffer))
	}
	return append([]byte(nil), buffer[:size]...), nil
}

// SecureBoot tells whether Secure Boot is on, by the SecureBoot variable: one
// byte, 1 when it is. Without the variable there is no Secure Boot.
func (x *Xen) SecureBoot(ctx context.Context) (bool, error) {
	value, err := x.EFIGlobalVariable(ctx, "SecureBoot")
	switch {
	case errors.Is(err, ErrNoVariable):
		return false, nil
	case err != nil:
		return false, err
	case len(value) != 1 || value[0] > 1:
		return false, fmt.Errorf("EFI variable %q: %w: value %x", "SecureBoot", ErrMalformed, value)
	}
	return value[0] == 1, nil
}
