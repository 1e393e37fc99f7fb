package cpudump

import (
	"encoding/binary"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
)

// Model returns vendor, display family, display model, stepping and brand
// string, with a count of 0. It returns false when leaf 0 or 1 is missing or
// names no vendor.
func (c CPU) Model() (facts.X86Model, bool) {
	vendor, ok := c.Vendor()
	one, ok1 := c.Leaf(1, 0)
	if !ok || !ok1 {
		return facts.X86Model{}, false
	}
	m := facts.X86Model{Vendor: vendor, Name: c.brand(), Stepping: int(one.EAX & 0xf)}
	// The extended family counts only above the largest base family, and the
	// extended model only from family 6 on.
	m.Family = int(one.EAX >> 8 & 0xf)
	if m.Family == 0xf {
		m.Family += int(one.EAX >> 20 & 0xff)
	}
	m.Model = int(one.EAX >> 4 & 0xf)
	if m.Family >= 6 {
		m.Model += int(one.EAX>>16&0xf) << 4
	}
	return m, true
}

// Vendor returns the twelve characters of leaf 0: GenuineIntel.
func (c CPU) Vendor() (string, bool) {
	zero, ok := c.Leaf(0, 0)
	if !ok {
		return "", false
	}
	return characters(zero.EBX, zero.EDX, zero.ECX)
}

// brand returns the brand string of leaves 0x80000002 to 0x80000004; empty
// when they are missing or not text.
func (c CPU) brand() string {
	var words []uint32
	for leaf := uint32(0x80000002); leaf <= 0x80000004; leaf++ {
		r, ok := c.Leaf(leaf, 0)
		if !ok {
			return ""
		}
		words = append(words, r.EAX, r.EBX, r.ECX, r.EDX)
	}
	s, _ := characters(words...)
	return s
}

// characters reads registers as text that NUL bytes may end. Anything but
// printable ASCII is refused.
func characters(registers ...uint32) (string, bool) {
	var b []byte
	for _, r := range registers {
		b = binary.LittleEndian.AppendUint32(b, r)
	}
	s, rest, _ := strings.Cut(string(b), "\x00")
	if strings.Trim(rest, "\x00") != "" {
		s += rest // text goes on behind a NUL: refused below
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return "", false
		}
	}
	s = strings.TrimSpace(s)
	return s, s != ""
}

// VMX reports whether the CPU has Intel's virtualization, leaf 1 ECX[5], and
// whether the dump tells.
func (c CPU) VMX() (has, known bool) {
	r, ok := c.Leaf(1, 0)
	return r.ECX>>5&1 == 1, ok
}

// Hypervisor reports whether a hypervisor announced itself, leaf 1 ECX[31],
// and whether the dump tells.
func (c CPU) Hypervisor() (has, known bool) {
	r, ok := c.Leaf(1, 0)
	return r.ECX>>31 == 1, ok
}

// LongMode reports whether the CPU has 64-bit mode, leaf 0x80000001 EDX[29],
// and whether the dump tells.
func (c CPU) LongMode() (has, known bool) {
	r, ok := c.Leaf(0x80000001, 0)
	return r.EDX>>29&1 == 1, ok || c.lacks(0x80000001)
}

// SVM reports whether the CPU has AMD's virtualization, leaf 0x80000001
// ECX[2], and whether the dump tells.
func (c CPU) SVM() (has, known bool) {
	r, ok := c.Leaf(0x80000001, 0)
	return r.ECX>>2&1 == 1, ok || c.lacks(0x80000001)
}

// NPT reports whether SVM has nested paging, leaf 0x8000000a EDX[0], and
// whether the dump tells. Intel's EPT is in no leaf: it takes an MSR to know.
func (c CPU) NPT() (has, known bool) {
	if svm, ok := c.SVM(); ok && !svm {
		return false, true
	}
	r, ok := c.Leaf(0x8000000a, 0)
	return r.EDX&1 == 1, ok || c.lacks(0x8000000a)
}

// HypervisorVendor returns the signature of leaf 0x40000000: KVMKVMKVM,
// XenVMMXenVMM, Microsoft Hv, …; empty when there is none. Xen that shows
// itself as Hyper-V has its own signature at one of the next multiples of
// 0x100, and is then named.
func (c CPU) HypervisorVendor() string {
	first := ""
	for leaf := uint32(0x40000000); leaf < 0x40001000; leaf += 0x100 {
		r, ok := c.find(leaf, 0)
		if !ok {
			continue
		}
		s, _ := characters(r.EBX, r.ECX, r.EDX)
		if s == "XenVMMXenVMM" {
			return s
		}
		if leaf == 0x40000000 {
			first = s
		}
	}
	return first
}

// QoS returns the platform quality of service features under Linux's names:
// cqm (monitoring), rdt_a (allocation), cat_l3, cat_l2, cdp_l3, mba; and
// whether the dump tells.
func (c CPU) QoS() (names []string, known bool) {
	seven, ok := c.Leaf(7, 0)
	if !ok {
		return nil, c.lacks(7)
	}
	add := func(bit uint32, name string) {
		if bit&1 == 1 {
			names = append(names, name)
		}
	}
	add(seven.EBX>>12, "cqm")
	add(seven.EBX>>15, "rdt_a")
	if seven.EBX>>15&1 == 1 {
		kinds, _ := c.Leaf(0x10, 0)
		add(kinds.EBX>>1, "cat_l3")
		add(kinds.EBX>>2, "cat_l2")
		if l3, ok := c.Leaf(0x10, 1); ok && kinds.EBX>>1&1 == 1 {
			add(l3.ECX>>2, "cdp_l3")
		}
		amd, _ := c.Leaf(0x80000008, 0)
		if vendor, _ := c.Vendor(); vendor == "GenuineIntel" {
			amd = Registers{} // reserved there
		}
		add(kinds.EBX>>3|amd.EBX>>6, "mba")
	}
	return names, true
}
