package probe

import (
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// readOS describes the system that was running while the facts were
// collected.
func (s *session) readOS() {
	o := &s.host.OS
	if s.isPaper() {
		return
	}
	l := s.osReleaseFile()
	release := s.osRelease()
	o.ID, o.Name = textFact(l, release.ID), textFact(l, release.PrettyName)

	if s.whole {
		if _, version, _, l := s.uname(); l.known() && version != "" {
			o.Release = facts.Is(version, l.source)
			return
		}
	}
	r := s.file("/proc/sys/kernel/osrelease", smallFile)
	o.Release = textFact(r, r.text())
	if !o.Release.IsKnown() {
		if v := s.file("/proc/version", smallFile); v.known() {
			if version, err := procfs.KernelRelease(v.data); err == nil {
				o.Release = facts.Is(version, v.source)
			}
		}
	}
}

func textFact(l look, value string) facts.Observed[string] {
	if l.known() && value != "" {
		return facts.Is(procfs.Value([]byte(value)), l.source)
	}
	return facts.Not[string](l.why())
}

// osReleaseFile looks where os-release(5) says, in its order.
func (s *session) osReleaseFile() look {
	l := s.file("/etc/os-release", smallFile)
	if !l.known() {
		if usr := s.file("/usr/lib/os-release", smallFile); usr.known() {
			return usr
		}
	}
	return l
}

func (s *session) osRelease() procfs.OSRelease {
	if s.isPaper() {
		return procfs.OSRelease{}
	}
	l := s.osReleaseFile()
	if !l.known() {
		return procfs.OSRelease{}
	}
	r, err := procfs.ParseOSRelease(l.data)
	if err != nil {
		s.damaged(l, err)
	}
	return r
}

// uname returns what uname(2) says of the running system.
func (s *session) uname() (sysname, release, machine string, l look) {
	l = s.file(unameInterface, smallFile)
	fields := strings.Fields(l.text())
	if !l.known() || len(fields) != 3 {
		return "", "", "", l
	}
	return fields[0], fields[1], fields[2], l
}

// readName names the host, unless it is to stay nameless.
func (s *session) readName() {
	switch {
	case s.opts.Anonymous:
	case s.opts.ID != "":
		s.host.Name = s.opts.ID
	case !s.isPaper():
		for _, name := range []string{"/proc/sys/kernel/hostname", "/etc/hostname"} {
			// A kernel that was given no name calls itself (none).
			if l := s.file(name, smallFile); l.known() && l.text() != "" && l.text() != "(none)" {
				s.host.Name = l.text()
				return
			}
		}
	}
}
