// Package armcore knows Arm processor cores: what MIDR_EL1 says, the names
// Linux has for implementers and parts, and what each core can do.
package armcore

import (
	"fmt"
	"strconv"
	"strings"
)

// MIDR is a value of the Main ID Register, which every Arm core since v4 has:
// MIDR_EL1 in AArch64, MIDR in AArch32 (Arm Architecture Reference Manual,
// DDI 0487, section D19.2.122).
type MIDR uint32

// The architecture field's values up to 0xe count old architectures; 0xf says
// that ID registers describe it, which holds for Armv7 and everything later.
const architectureByID = 0xf

// New returns the MIDR with these fields and the architecture field of Armv7
// and later. Fields wider than the register's are cut off.
func New(implementer, variant, part, revision int) MIDR {
	return MIDR(uint32(implementer&0xff)<<24 | uint32(variant&0xf)<<20 |
		architectureByID<<16 | uint32(part&0xfff)<<4 | uint32(revision&0xf))
}

// Implementer is bits 31:24: 0x41 for Arm Ltd.
func (m MIDR) Implementer() int { return int(m >> 24 & 0xff) }

// Variant is bits 23:20: N of rNpM.
func (m MIDR) Variant() int { return int(m >> 20 & 0xf) }

// Architecture is bits 19:16: 0xf from Armv7 on.
func (m MIDR) Architecture() int { return int(m >> 16 & 0xf) }

// Part is bits 15:4: 0xd07 for a Cortex-A57.
func (m MIDR) Part() int { return int(m >> 4 & 0xfff) }

// Revision is bits 3:0: M of rNpM.
func (m MIDR) Revision() int { return int(m & 0xf) }

// String writes the register as people quote it: 0x410fd034.
func (m MIDR) String() string { return fmt.Sprintf("0x%08x", uint32(m)) }

// Stepping writes variant and revision as Arm does: r0p4.
func (m MIDR) Stepping() string { return fmt.Sprintf("r%dp%d", m.Variant(), m.Revision()) }

// ParseMIDR reads a MIDR written in hexadecimal, with or without 0x, as Linux
// does in /sys/devices/system/cpu/cpuN/regs/identification/midr_el1
// (0x00000000410fd034) or people do (410fd034). The upper half of a 64-bit
// value is reserved and must be zero. The value zero is refused: no core has
// it, and files that could not be filled in hold it.
func ParseMIDR(s string) (MIDR, error) {
	digits := strings.TrimSpace(s)
	if len(digits) > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') {
		digits = digits[2:]
	}
	if digits == "" || len(digits) > 16 {
		return 0, fmt.Errorf("not a MIDR: %q", clip(s))
	}
	// ParseUint takes no sign and, with a given base, no underscores.
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("not a MIDR: %q", clip(s))
	}
	switch {
	case n>>32 != 0:
		return 0, fmt.Errorf("not a MIDR: %q has bits above 31 set", clip(s))
	case n == 0:
		return 0, fmt.Errorf("not a MIDR: %q is zero", clip(s))
	}
	return MIDR(n), nil
}

// clip keeps an error line short whatever was read.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
