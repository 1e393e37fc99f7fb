//go:build packages

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// standIn is a package that is called as Xen's is, and holds none.
const standIn = `Name: xen-hypervisor
Version: 4.20.4
Release: 1
Summary: Stand-in for a hypervisor
License: GPLv2
BuildArch: noarch
%description
Stand-in for a hypervisor.
%install
mkdir -p %{buildroot}/boot
echo x > %{buildroot}/boot/xen-4.20.gz
%files
/boot/xen-4.20.gz
`

// dnf 4 with our plugin, a repository and an installroot of its own, run in a
// Debian. What only a distribution of rpms can show, scriptlets with systemd
// and dnf 5, is not run.
func TestDNF(t *testing.T) {
	rpm := packed(t, "*.x86_64.rpm")
	deb := packed(t, "*_amd64.deb")
	s := newSystem(t)
	for name, from := range map[string]string{"repo/xencheck.rpm": rpm, "now.deb": deb} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		s.write("/hosts/"+name, string(data))
	}
	s.do("apt-get", "install", "-y", "-q", "--no-install-recommends", "/hosts/now.deb", "dnf", "rpm", "createrepo-c", "cpio")
	s.write("/hosts/xen.spec", standIn)
	s.do("rpmbuild", "--quiet", "-bb", "--define", "_rpmdir /hosts/repo", "/hosts/xen.spec")
	s.do("createrepo_c", "-q", "/hosts/repo")
	s.write("/etc/yum.repos.d/local.repo", "[local]\nname=local\nbaseurl=file:///hosts/repo\ngpgcheck=0\n")

	scripts := s.do("rpm", "-qp", "--scripts", "/hosts/repo/xencheck.rpm")
	for _, no := range []string{"pretrans", "preinstall", "xencheck gate"} {
		if strings.Contains(scripts, no) {
			t.Errorf("a scriptlet is a gate: %q in\n%s", no, scripts)
		}
	}
	// The plugin comes out of the rpm itself.
	s.do("sh", "-c", "cd /hosts && mkdir out && cd out && rpm2cpio ../repo/xencheck.rpm | cpio -id --no-absolute-filenames --quiet")
	s.do("mkdir", "-p", "/hosts/plugins")
	s.do("cp", "/hosts/out/usr/lib/xencheck/dnf4-plugin.py", "/hosts/plugins/xencheck.py")

	install := func(root, what string, env ...string) (string, int, bool) {
		out, code := s.try(append(env, "dnf", "-q", "-y", "--installroot", root, "--setopt=reposdir=/etc/yum.repos.d",
			"--setopt=pluginpath=/hosts/plugins", "--setopt=pluginconfpath=/hosts/out/etc/dnf/plugins", "--releasever", "1", "install", what)...)
		_, err := os.Stat(filepath.Join(s.root, root, "boot/xen-4.20.gz"))
		return out, code, err == nil
	}
	for _, tt := range []struct {
		host, mode string
		there      bool
		says       string
	}{
		{"good", "advise", true, "Nothing speaks against installing it."},
		{"bad", "advise", true, "Installing it goes on, since xencheck is set to advise."},
		{"good", "refuse", true, "Nothing speaks against installing it."},
		{"bad", "refuse", false, "Error: xencheck refuses to install xen-hypervisor on this host"},
		{"bad", "ask", true, "nobody could be asked; installing goes on."},
	} {
		out, code, there := install("/roots/"+tt.host+tt.mode, "xen-hypervisor", "XENCHECK_ROOT=/hosts/"+tt.host, "XENCHECK_GATE_MODE="+tt.mode)
		if there != tt.there || (code == 0) != tt.there {
			t.Errorf("%s, %s: exit code %d, installed: %t", tt.host, tt.mode, code, there)
		}
		says(t, out, tt.says)
	}
	out, code, there := install("/roots/elsewhere", "xen-hypervisor", "XENCHECK_GATE_MODE=refuse")
	if code != 0 || !there {
		t.Errorf("another root: exit code %d, installed: %t", code, there)
	}
	says(t, out, "the host is not judged, since packages are put into /roots/elsewhere")
	out, code, _ = install("/roots/tool", "xencheck", "XENCHECK_GATE_MODE=refuse", "XENCHECK_ROOT=/hosts/bad")
	if code != 0 || strings.Contains(out, "REFUSED") {
		t.Errorf("our own package: exit code %d:\n%s", code, tail(out))
	}
}
