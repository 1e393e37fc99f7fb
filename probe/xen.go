package probe

import (
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// readXen finds the Xen that runs underneath and the hypervisors installed for
// the next boot.
func (s *session) readXen() {
	os := s.osRelease()
	s.host.Xen.Running = s.runningXen(os)
	s.host.Xen.Installed = s.installedXen(os)
}

// runningXen reads /sys/hypervisor
// (Documentation/ABI/stable/sysfs-hypervisor-xen); an Arm device tree has the
// version as well.
func (s *session) runningXen(os procfs.OSRelease) facts.Observed[facts.XenVersion] {
	kind := s.host.Machine.Kind
	if !s.underXen {
		if kind.IsKnown() {
			return facts.Missing[facts.XenVersion](kind.Source)
		}
		return facts.Not[facts.XenVersion](kind.Problem)
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
