package probe

import (
	"slices"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
)

const (
	sysFirmware = "/sys/firmware"
	efivars     = "/sys/firmware/efi/efivars"
	// secureBootVar is the variable with the GUID of EFI's global variables
	// (UEFI 2.10, 3.3).
	secureBootVar = efivars + "/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
)

// masked returns why /sys/firmware shows nothing although every machine has
// something there: container managers put an empty directory over it, and
// without sysfs it is missing. The kernel itself always has it
// (drivers/base/firmware.c).
func (s *session) masked() *facts.Problem {
	l := s.dir(sysFirmware, maxEntries)
	if !s.whole || len(l.names) > 0 || !l.known() && !l.absent() {
		return nil
	}
	p := &facts.Problem{Cause: facts.NotExposed, Source: sysFirmware, Detail: "the directory is empty"}
	if l.absent() {
		p.Cause, p.Detail, p.Remedy = facts.NotMounted, "the directory is missing, as without sysfs", "mount -t sysfs sysfs /sys"
	}
	if s.host.Machine.Container.IsKnown() {
		p.Cause, p.Detail, p.Remedy = facts.InContainer, "the container hides it", "run xencheck outside the container"
	}
	return p
}

// readFirmware tells EFI from BIOS, and whether Secure Boot is on.
func (s *session) readFirmware() {
	m := &s.host.Machine
	m.Firmware = s.readFirmwareKind()
	m.SecureBoot = s.readSecureBoot()
}

func (s *session) readFirmwareKind() facts.Observed[string] {
	l := s.dir(sysFirmware, maxEntries)
	if _, efi := s.seenOnConsole(xldmesg.EFIMap); efi && s.isPaper() {
		return facts.Is("efi", s.consoleSource)
	}
	switch {
	case s.isPaper() && !l.known():
		return facts.Not[string](&facts.Problem{Cause: facts.NotRecorded, Source: sysFirmware, Detail: "no running system was looked at"})
	case !l.known() && !l.absent():
		return facts.Not[string](l.why())
	case slices.Contains(l.names, "efi"):
		return facts.Is("efi", sysFirmware+"/efi")
	case s.underXen && s.isX86() && s.xenLook.known():
		switch r, asked := s.efi(); {
		case asked.known() && r.Version != 0:
			return facts.Is("efi", asked.source)
		case asked.known(), asked.absent():
			return facts.Is("bios", asked.source).WithNote("Xen was not started by EFI")
		default:
			return facts.Not[string](asked.why())
		}
	case s.underXen:
		// Without runtime services, and always on Arm, dom0 has no such folder.
		return facts.Not[string](s.hidden(sysFirmware+"/efi", "Xen need not show its domains that it was started by EFI"))
	case s.masked() != nil:
		return facts.Not[string](s.masked())
	case !s.whole && !slices.Contains(l.names, "memmap") && !slices.Contains(l.names, "devicetree"):
		// A capture of the ACPI tables alone has this directory too.
		return facts.Not[string](&facts.Problem{Cause: facts.NotRecorded, Source: sysFirmware, Detail: "only part of it was recorded"})
	case s.isX86():
		return facts.Is("bios", sysFirmware).WithNote("there is no " + sysFirmware + "/efi")
	case s.isArm():
		return facts.Is("other", sysFirmware).WithNote("there is no " + sysFirmware + "/efi")
	}
	return facts.Not[string](&facts.Problem{Cause: facts.WrongArch, Source: sysFirmware, Detail: "not read on this architecture"})
}

func (s *session) readSecureBoot() facts.Observed[bool] {
	firmware := s.host.Machine.Firmware
	kind, known := firmware.Get()
	switch {
	case !known:
		return facts.Not[bool](firmware.Problem)
	case kind != "efi":
		return facts.Missing[bool](firmware.Source)
	}
	if s.underXen {
		if r, asked := s.efi(); asked.known() && r.SecureBoot != nil {
			return facts.Is(*r.SecureBoot, asked.source)
		}
	}
	l := s.file(secureBootVar, smallFile)
	if l.known() {
		on, err := procfs.SecureBoot(l.data)
		if err != nil {
			return facts.Not[bool](s.damaged(l, err))
		}
		return facts.Is(on, l.source)
	}
	if !l.absent() {
		return facts.Not[bool](l.why())
	}
	vars := s.dir(efivars, maxEntries)
	if vars.known() && len(vars.names) > 0 {
		return facts.Is(false, efivars).WithNote("the firmware has no SecureBoot variable")
	}
	return facts.Not[bool](&facts.Problem{
		Cause: facts.NotMounted, Source: efivars, Detail: "the file system of EFI variables is not mounted",
		Remedy: "mount -t efivarfs efivarfs " + efivars,
	})
}
