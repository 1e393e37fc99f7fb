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
	if l := s.file(sysHypervisor+"/pmu/pmu_mode", smallFile); s.underXen && l.known() {
		x.VPMUMode = facts.Is(l.text(), l.source)
	}
	x.Console = s.consoleHints()
	if len(s.bootTree) > 0 {
		x.BootTree = facts.Is(s.bootTree, s.boardSource)
	} else if s.board != nil && s.board.Xen == nil && !s.board.Stub {
		x.BootTree = facts.Missing[[]string](s.boardSource)
	}
	x.CommandLine = s.readCommandLine()
	x.BuildConfig = s.readBuildConfig()
}

// runningXen reads /sys/hypervisor
// (Documentation/ABI/stable/sysfs-hypervisor-xen); an Arm device tree has the
// version as well.
func (s *session) runningXen(os procfs.OSRelease) facts.Observed[facts.XenVersion] {
	kind := s.host.Machine.Kind
	if o, ok := s.versionFromText(os); ok && (!s.underXen || s.isPaper()) {
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
