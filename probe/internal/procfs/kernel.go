package procfs

import (
	"bytes"
	"errors"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
)

// KernelRelease returns the release that /proc/version names, as uname -r
// does. Who built the kernel and where is not returned.
func KernelRelease(version []byte) (string, error) {
	rest, ok := bytes.CutPrefix(version, []byte("Linux version "))
	release, _, _ := strings.Cut(Value(rest), " ")
	if !ok || release == "" {
		return "", errors.New("not the version line of a Linux kernel")
	}
	return release, nil
}

// MachineArch returns the architecture that a machine name of uname(2) tells,
// and whether the hardware can be no other: a 32-bit x86 or Arm kernel may run
// on a 64-bit CPU. A name that is neither x86 nor Arm is returned as it is.
func MachineArch(machine string) (arch facts.Arch, certain bool) {
	switch machine {
	case "x86_64", "amd64":
		return facts.X86_64, true
	case "i386", "i486", "i586", "i686", "x86":
		return facts.X86_32, false
	case "aarch64", "arm64", "aarch64_be":
		return facts.Arm64, true
	case "armv8l", "armv8b":
		// A 32-bit kernel on an Armv8 CPU, or a 64-bit one that hides itself.
		return facts.Arm64, false
	case "":
		return "", false
	}
	if strings.HasPrefix(machine, "armv") || machine == "arm" {
		return facts.Arm32, false
	}
	return facts.Arch(machine), true
}

// BootMode is the mode in which firmware handed an Arm machine over.
type BootMode string

// The modes, as kernels report them.
const (
	ModeUnknown BootMode = ""
	ModeEL2     BootMode = "EL2" // AArch64, virtualization usable
	ModeEL1     BootMode = "EL1" // AArch64, no virtualization
	ModeHYP     BootMode = "HYP" // AArch32, virtualization usable
	ModeSVC     BootMode = "SVC" // AArch32, no virtualization
	ModeMixed   BootMode = "mixed"
)

// KernelLog is what xencheck uses of the kernel's boot messages. Of several
// boots in one log the last one counts.
type KernelLog struct {
	BootMode BootMode
	EFI      bool // the kernel found EFI run-time services
	// VirtualizationLocked is true when the kernel found VMX or SVM switched
	// off by the firmware.
	VirtualizationLocked bool
}

// ParseKernelLog reads kernel messages as dmesg, /var/log/kern.log, /dev/kmsg
// or syslog(2) show them: with or without time stamps and priorities. A log
// that does not reach back to the boot tells nothing.
func ParseKernelLog(text []byte) KernelLog {
	var k KernelLog
	for _, line := range lines(text) {
		m := message(line)
		switch {
		case bytes.HasPrefix(m, []byte("Linux version ")):
			k = KernelLog{} // a boot begins
		case bytes.HasPrefix(m, []byte("CPU: All CPU(s) started ")):
			k.BootMode = bootMode(string(bytes.TrimPrefix(m, []byte("CPU: All CPU(s) started "))))
		case bytes.HasPrefix(m, []byte("CPU: CPUs started in inconsistent modes")),
			bytes.HasPrefix(m, []byte("CPU: WARNING: CPU(s) started in wrong/inconsistent modes")):
			k.BootMode = ModeMixed
		case bytes.HasPrefix(m, []byte("EFI v")), bytes.HasPrefix(m, []byte("efi: EFI v")):
			k.EFI = true
		case lockedOff(m):
			k.VirtualizationLocked = true
		}
	}
	return k
}

func bootMode(how string) BootMode {
	switch strings.TrimSuffix(how, ".") {
	case "at EL2":
		return ModeEL2
	case "at EL1":
		return ModeEL1
	case "in HYP mode":
		return ModeHYP
	case "in SVC mode":
		return ModeSVC
	}
	return ModeUnknown
}

// lockedOff recognises the messages of kvm-intel, kvm-amd and the CPU setup
// code about IA32_FEATURE_CONTROL and VM_CR.
func lockedOff(m []byte) bool {
	i := bytes.Index(m, []byte("isabled by "))
	if i < 0 || !strings.HasPrefix(strings.ToLower(string(m[i+len("isabled by "):])), "bios") {
		return false
	}
	for _, about := range [...]string{"kvm", "VMX", "SVM"} {
		if bytes.Contains(m, []byte(about)) {
			return true
		}
	}
	return false
}

// message strips what stands before a kernel message: <6>, the fields of
// /dev/kmsg, syslog's date and host, dmesg -x's facility, the time stamp.
func message(line []byte) []byte {
	if head, text, ok := bytes.Cut(line, []byte(";")); ok && bytes.Count(head, []byte(",")) >= 3 &&
		!bytes.Contains(head, []byte(" ")) && head[0] >= '0' && head[0] <= '9' {
		return text
	}
	if i := bytes.Index(line, []byte(" kernel: ")); i >= 0 {
		line = line[i+len(" kernel: "):]
	}
	if len(line) > 0 && line[0] == '<' {
		if i := bytes.IndexByte(line, '>'); i > 0 && i <= 5 {
			line = line[i+1:]
		}
	}
	if bytes.HasPrefix(line, []byte("kern ")) { // dmesg -x
		if i := bytes.IndexByte(line, '['); i >= 0 && i <= 20 {
			line = line[i:]
		}
	}
	for len(line) > 0 && line[0] == '[' { // the time, and perhaps who printed it
		i := bytes.IndexByte(line, ']')
		if i < 0 {
			break
		}
		line = bytes.TrimLeft(line[i+1:], " ")
	}
	return bytes.TrimLeft(line, " ")
}
