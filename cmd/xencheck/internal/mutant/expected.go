package mutant

import (
	"path"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
)

// disowned is what a replay says of a source that differs from its manifest.
func disowned() error {
	return &facts.Problem{Cause: facts.Malformed, Detail: "differs from what the archive's manifest says of it"}
}

// mustHave reports whether every machine of a kind has a source, so that its
// absence is a fault and not another kind of machine. What is missing from the
// list may honestly be missing: a table of IOMMUs, EFI, memory blocks.
func mustHave(s Source) bool {
	switch path.Dir(s.Name) {
	case "/sys/devices/system/cpu", "/sys/devices/system/node":
		return true
	case "/sys/firmware/acpi/tables":
		return slices.Contains([]string{"APIC", "FACP"}, path.Base(s.Name))
	case "/sys/firmware/memmap", "/sys/devices/system/memory":
		return s.Name != "/sys/firmware/memmap"
	}
	if strings.HasPrefix(s.Name, "/sys/firmware/memmap/") || strings.HasPrefix(s.Name, "/sys/devices/system/cpu/") {
		return true
	}
	return slices.Contains([]string{
		"/proc/cpuinfo", "/proc/meminfo", "/proc/cmdline", "/proc/interrupts", "/proc/misc", "/proc/zoneinfo", "/proc/sys/kernel/osrelease",
		"/proc/self/ns/pid", "/proc/self/ns/uts", "/proc/self/ns/ipc", "/proc/1/cgroup",
		"/sys/firmware", "/sys/firmware/acpi/tables", "uname(2)", "cpuid", "syslog(2)", "hypercall xen_version", "hypercall sysctl physinfo",
		"hypercall xen_version commandline", "/sys/hypervisor/type", "processes",
	}, s.Name)
}

// neverEmpty reports whether a directory holds something on every machine that
// has it. The others may be empty without a fault.
func neverEmpty(name string) bool {
	if strings.HasPrefix(name, "/sys/firmware/memmap") || strings.HasPrefix(name, "/proc/device-tree") || strings.HasPrefix(name, "/sys/firmware/devicetree/") {
		return true
	}
	return slices.Contains([]string{"/sys/firmware", "/sys/firmware/acpi/tables", "/sys/devices/system/cpu", "/sys/devices/system/memory", "/proc", "/sys/firmware/efi/efivars"}, name)
}

// ordinary reports whether a captured tree that does not hold a source is taken
// for that of an ordinary kernel: one that was neither built nor told to use
// fewer CPUs than there are.
func ordinary(name string) bool {
	return name == "/proc/cmdline" || name == "/sys/devices/system/cpu/kernel_max"
}
