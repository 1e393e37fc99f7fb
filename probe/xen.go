package probe

import (
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
)

// readXen finds the Xen that runs underneath and the hypervisors installed for
// the next boot.
func (s *session) readXen() {
	os := s.osRelease()
	x := &s.host.Xen
	x.Running = s.runningXen(os)
	x.Installed = s.installedXen(os)
	s.readIdentity()
	s.readCapabilities()
	s.readPools()
	s.readLivePatches()
	s.readFlask()
	s.readHypfs()
	x.VPMUMode = s.readVPMU()
	x.Console = s.consoleHints()
	if s.boardPart != nil && s.board.Xen == nil && !s.board.Stub {
		x.BootTree = facts.Not[[]string](s.boardPart)
	} else if len(s.bootTree) > 0 {
		x.BootTree = facts.Is(s.bootTree, s.boardSource)
	} else if s.board != nil && s.board.Xen == nil && !s.board.Stub {
		x.BootTree = facts.Missing[[]string](s.boardSource)
	}
	x.CommandLine = s.readCommandLine()
	x.BuildConfig = s.readBuildConfig()
	s.concludeFromXen()
}

// readVPMU reads the mode of the virtual performance counters. Linux cannot
// ask for it when they are off, and says so by an error.
func (s *session) readVPMU() facts.Observed[string] {
	if !s.underXen || !s.isX86() || s.isPaper() {
		return facts.Observed[string]{}
	}
	l := s.fileQuietly(sysHypervisor+"/pmu/pmu_mode", smallFile)
	domain, _ := s.host.Machine.DomainType.Get()
	switch {
	case l.known():
		s.note(l)
		return facts.Is(l.text(), l.source)
	case l.problem != nil && strings.Contains(l.problem.Detail, "not supported") && domain == "pv":
		return facts.Is("off", l.source).WithNote("Xen offers dom0 none")
	}
	return facts.Not[string](l.why())
}

// concludeFromXen draws what the running Xen tells of an Arm host besides: a
// guest type that it runs, and a driver that would have shown its hardware.
func (s *session) concludeFromXen() {
	if !s.underXen || !s.isArm() {
		return
	}
	x, h := s.host.Xen, s.host
	if a := h.CPU.Arm; a != nil && !a.AArch32.IsKnown() && slices.ContainsFunc(x.Capabilities.Value, func(w string) bool { return strings.HasSuffix(w, "-armv7l") }) {
		a.AArch32 = facts.Is(true, x.Capabilities.Source).WithNote("Xen runs 32-bit guests here")
	}
	config, ok := x.BuildConfig.Get()
	if ok && config.Doubt == "" && config.Value("CONFIG_HAS_ITS") == "y" && s.board != nil && !s.board.Stub && h.Interrupts.ITS.State == facts.Unknown {
		h.Interrupts.ITS = facts.Missing[int](s.boardSource + ", " + x.BuildConfig.Source).WithNote("Xen has the driver, and would show dom0 the units")
	}
}

// runningXen reads /sys/hypervisor
// (Documentation/ABI/stable/sysfs-hypervisor-xen); an Arm device tree has the
// version as well.
func (s *session) runningXen(os procfs.OSRelease) facts.Observed[facts.XenVersion] {
	kind := s.host.Machine.Kind
	if o, ok := s.versionFromText(os); ok && (!s.underXen || !s.whole) {
		return o
	}
	if !s.underXen {
		if kind.IsKnown() {
			return facts.Missing[facts.XenVersion](kind.Source)
		}
		return facts.Not[facts.XenVersion](kind.Problem)
	}
	if r := s.version; s.xenLook.known() {
		v := facts.XenVersion{Major: r.Major, Minor: r.Minor, Source: s.xenLook.source}
		if r.Extra != nil {
			v.Extra = procfs.Value([]byte(*r.Extra))
		}
		if r.Changeset != nil {
			v.Changeset = procfs.Value([]byte(*r.Changeset))
		}
		v.Vendor = procfs.XenVendor(v, os)
		return facts.Is(v, v.Source)
	}
	version := sysHypervisor + "/version/"
	major, minor, extra := s.file(version+"major", smallFile), s.file(version+"minor", smallFile), s.file(version+"extra", smallFile)
	if !major.known() || !minor.known() {
		if s.board != nil && s.board.Xen != nil && s.board.Xen.Version != "" {
			if v, err := procfs.ParseXenVersion(s.board.Xen.Version); err == nil {
				v.Source = s.boardSource
				v.Vendor = procfs.XenVendor(v, os)
				return facts.Is(v, s.boardSource)
			}
		}
		return facts.Not[facts.XenVersion](major.why())
	}
	v, err := procfs.XenVersion(major.data, minor.data, extra.data)
	if err != nil {
		return facts.Not[facts.XenVersion](s.damaged(major, err))
	}
	// "<denied>" is what an XSM policy shows to those it does not trust.
	if l := s.file(sysHypervisor+"/properties/changeset", smallFile); l.known() && !strings.HasPrefix(l.text(), "<") {
		v.Changeset = l.text()
	}
	v.Source = sysHypervisor + "/version"
	v.Vendor = procfs.XenVendor(v, os)
	return facts.Is(v, v.Source)
}

// versionFromText takes the version from the output of xl info, or from the
// banner that begins Xen's console.
func (s *session) versionFromText(os procfs.OSRelease) (facts.Observed[facts.XenVersion], bool) {
	var v facts.XenVersion
	if s.info != nil {
		if t, ok := s.info.Version(); ok {
			v = facts.XenVersion{Major: t.Major, Minor: t.Minor, Extra: procfs.Value([]byte(t.Extra)), Changeset: procfs.Value([]byte(t.Changeset)), Source: s.infoSource}
		}
	}
	if f, ok := s.seenOnConsole(xldmesg.Banner); ok && v.Source == "" {
		if t, err := procfs.ParseXenVersion(f.Value(0)); err == nil {
			v, v.Source = t, s.consoleSource
			if c, ok := s.seenOnConsole(xldmesg.Changeset); ok {
				v.Changeset = procfs.Value([]byte(c.Value(0)))
			}
		}
	}
	if v.Source == "" {
		return facts.Observed[facts.XenVersion]{}, false
	}
	v.Vendor = procfs.XenVendor(v, os)
	return facts.Is(v, v.Source), true
}

// installedXen lists the hypervisors in /boot by their file names.
func (s *session) installedXen(os procfs.OSRelease) facts.Observed[[]facts.XenVersion] {
	const boot = "/boot"
	if s.host.Machine.Container.IsKnown() {
		return facts.Not[[]facts.XenVersion](&facts.Problem{Cause: facts.InContainer, Source: boot, Detail: "the container's /boot is not the host's", Remedy: "run xencheck outside the container"})
	}
	l := s.dir(boot, maxEntries)
	if l.absent() {
		return facts.Missing[[]facts.XenVersion](l.source)
	}
	if !l.known() {
		return facts.Not[[]facts.XenVersion](l.why())
	}
	var found []facts.XenVersion
	for _, name := range slices.Sorted(slices.Values(l.names)) {
		v, err := procfs.InstalledXen(name)
		if err != nil {
			continue // a link without a version, or another file
		}
		v.Source = boot + "/" + procfs.Value([]byte(name))
		v.Vendor = procfs.XenVendor(v, os)
		found = append(found, v)
	}
	if len(found) == 0 {
		return facts.Missing[[]facts.XenVersion](l.source)
	}
	return facts.Is(found, l.source)
}
