//go:build packages

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// oldActions is a package that is called as the plugin of dnf 5 is, of the last
// version that knows no way to stop.
const oldActions = `Name: libdnf5-plugin-actions
Version: 5.2.10.0
Release: 1
Summary: Stand-in for a plugin
License: GPLv2
BuildArch: noarch
%description
Stand-in for a plugin.
%files
`

// debianShell says that the shell of this Debian, of which rpm knows nothing, is
// there.
const debianShell = `Name: debian-shell
Version: 1
Release: 1
Summary: What Debian has
License: GPLv2
BuildArch: noarch
Provides: /bin/sh
%description
What Debian has.
%files
`

// The rpm under dnf 5 with its actions plugin, installed by it, asked by it,
// and removed by it.
func TestDNF5(t *testing.T) {
	s := newSystemWithPackages(t, "sid") // no release of Debian has it yet
	if out, code := s.try("apt-get", "install", "-y", "-q", "--no-install-recommends", "dnf5", "rpm", "createrepo-c"); code != 0 {
		t.Skipf("no dnf 5 can be fetched: %s", tail(out))
	}
	s.copy(packed(t, "*.x86_64.rpm"), "/hosts/repo/xencheck.rpm")
	s.write("/root/.rpmmacros", "%__transaction_unshare %{nil}\n") // it wants a root that something is mounted at
	s.repository(oldActions, debianShell)
	there := func(path string) bool {
		_, err := os.Lstat(filepath.Join(s.root, path))
		return err == nil
	}
	dnf := func(args ...string) (string, int) {
		var env []string
		for strings.HasPrefix(args[0], "XENCHECK_") {
			env, args = append(env, args[0]), args[1:]
		}
		return s.try(append(env, append([]string{"dnf5", "-q", "-y"}, args...)...)...)
	}
	must := func(args ...string) string {
		t.Helper()
		out, code := dnf(args...)
		if code != 0 {
			t.Fatalf("%v: exit code %d:\n%s", args, code, tail(out))
		}
		return out
	}
	must("install", "debian-shell", "libdnf5-plugin-actions")
	if out, code := dnf("install", "xencheck"); code == 0 {
		t.Errorf("beside a plugin that does not know the action:\n%s", tail(out))
	} else {
		says(t, out, "conflicts with libdnf5-plugin-actions < 5.2.11")
	}
	must("remove", "libdnf5-plugin-actions")
	s.do("mkdir", "-p", "/usr/share/licenses") // which belongs to a distribution of rpms
	before := s.present()
	if out := must("XENCHECK_GATE_MODE=refuse", "XENCHECK_ROOT=/hosts/bad", "install", "xencheck"); strings.Contains(out, "REFUSED") || strings.Contains(out, "scriptlet") {
		t.Errorf("our own package:\n%s", tail(out))
	}

	for _, tt := range []struct {
		host, mode string
		there      bool
		says       string
	}{
		{"good", "advise", true, "Nothing speaks against installing it."},
		{"bad", "advise", true, "Installing it goes on, since xencheck is set to advise."},
		{"good", "refuse", true, "Nothing speaks against installing it."},
		{"bad", "refuse", false, "Action calls for stop: xencheck refuses to install xen-hypervisor on this host"},
		{"bad", "ask", true, "xencheck: warning: dnf 5 cannot ask; installing goes on."},
	} {
		out, code := dnf("XENCHECK_ROOT=/hosts/"+tt.host, "XENCHECK_GATE_MODE="+tt.mode, "install", "xen-hypervisor-4.20.4")
		if there("/boot/xen-4.20.4.gz") != tt.there || (code == 0) != tt.there {
			t.Errorf("%s, %s: exit code %d, installed: %t", tt.host, tt.mode, code, there("/boot/xen-4.20.4.gz"))
		}
		says(t, out, tt.says)
		if tt.there {
			must("remove", "xen-hypervisor")
		}
	}
	must("XENCHECK_GATE_MODE=advise", "XENCHECK_ROOT=/hosts/bad", "install", "xen-hypervisor-4.20.4")
	says(t, must("XENCHECK_GATE_MODE=refuse", "XENCHECK_ROOT=/hosts/bad", "upgrade", "xen-hypervisor"), "it updates the release that is installed already")
	if !there("/boot/xen-4.20.5.gz") {
		t.Error("an update within the release, which a new package comes with, was held back")
	}
	if out := must("XENCHECK_GATE_MODE=refuse", "XENCHECK_ROOT=/hosts/bad", "install", "other-hypervisor"); strings.Contains(out, "xencheck") {
		t.Errorf("a package that is none of its business:\n%s", tail(out))
	}
	s.do("mkdir", "-p", "/roots/elsewhere")
	if out, code := dnf("XENCHECK_GATE_MODE=refuse", "XENCHECK_ROOT=/hosts/bad", "--installroot=/roots/elsewhere", "--use-host-config", "install", "xen-hypervisor-4.20.4"); code != 0 || strings.Contains(out, "xencheck") {
		t.Errorf("another root: exit code %d:\n%s", code, tail(out))
	}
	must("remove", "xen-hypervisor", "xen", "other-hypervisor")

	// Whatever becomes of xencheck, dnf goes on.
	for what, broken := range map[string]string{
		"killed":      "mv $x $x.good; printf '#!/bin/sh\\nkill -9 $$\\n' > $x; chmod 755 $x",
		"noise":       "mv $x $x.good; printf '#!/bin/sh\\necho noise; exit 77\\n' > $x; chmod 755 $x",
		"missing":     "mv $x $x.good",
		"script gone": "mv /usr/lib/xencheck/dnf5-gate /usr/lib/xencheck/gone",
	} {
		s.do("sh", "-c", "x=/usr/bin/xencheck; "+broken)
		out, code := dnf("XENCHECK_GATE_MODE=refuse", "XENCHECK_ROOT=/hosts/bad", "install", "xen-hypervisor-4.20.4")
		if code != 0 || !there("/boot/xen-4.20.4.gz") {
			t.Errorf("%s: exit code %d:\n%s", what, code, tail(out))
		}
		if what != "script gone" {
			says(t, out, "the host could not be judged; installing goes on.")
		}
		s.try("mv", "/usr/bin/xencheck.good", "/usr/bin/xencheck")
		s.try("mv", "/usr/lib/xencheck/gone", "/usr/lib/xencheck/dnf5-gate")
		must("remove", "xen-hypervisor")
	}

	if out := must("remove", "xencheck"); strings.Contains(out, "scriptlet") {
		t.Errorf("removed:\n%s", tail(out))
	}
	for _, name := range s.present() {
		if !slices.Contains(before, name) {
			t.Errorf("left behind: %s", name)
		}
	}
	must("install", "xen-hypervisor-4.20.4")
}

// present lists what is installed, without what dnf keeps for itself.
func (s *system) present() []string {
	return strings.Fields(s.do("find", "/usr", "/etc", "/var/lib", "(", "-path", "/var/lib/dnf*", "-o", "-path", "/usr/lib/sysimage/*", "-o", "-path", "/var/lib/rpm*", ")", "-prune", "-o", "-print"))
}
