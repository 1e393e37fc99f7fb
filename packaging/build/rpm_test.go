//go:build packages

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// standIn is the specification of a package that is called as Xen's is, and
// holds none.
func standIn(version string) string {
	return `Name: xen-hypervisor
Version: ` + version + `
Release: 1
Summary: Stand-in for a hypervisor
License: GPLv2
BuildArch: noarch
%description
Stand-in for a hypervisor.
%install
mkdir -p %{buildroot}/boot
echo x > %{buildroot}/boot/xen-` + version + `.gz
%files
/boot/xen-` + version + `.gz
`
}

// toolsSpec is a package that is called as a hypervisor is, and comes with one.
const toolsSpec = `Name: xen
Version: 4.20.5
Release: 1
Summary: Stand-in for tools
License: GPLv2
BuildArch: noarch
%description
Stand-in for tools.
%files
`

// shellSpec is a package with a shell, which scriptlets are run by.
const shellSpec = `Name: shell
Version: 1
Release: 1
Summary: Shell
License: GPLv2
%global debug_package %{nil}
%description
Shell.
%install
mkdir -p %{buildroot}/bin
cp /bin/busybox %{buildroot}/bin/busybox
for c in sh ln mkdir unlink; do ln -s busybox %{buildroot}/bin/$c; done
%files
/bin/*
`

// The rpms under rpm, dnf 4 and zypper, run in a Debian, with a repository and
// roots of their own. What only a distribution of rpms can show, scriptlets
// beside systemd, is not run.
func TestRPM(t *testing.T) {
	s := newSystem(t)
	s.copy(packed(t, "*_amd64.deb"), "/hosts/now.deb")
	for _, arch := range []string{"x86_64", "aarch64", "armv7hl"} {
		s.copy(packed(t, "*."+arch+".rpm"), "/hosts/"+arch+".rpm")
	}
	s.copy(packed(t, "*.x86_64.rpm"), "/hosts/repo/xencheck.rpm")
	s.do("apt-get", "install", "-y", "-q", "--no-install-recommends", "/hosts/now.deb", "dnf", "zypper", "rpm", "createrepo-c", "cpio", "busybox-static")
	s.write("/root/.rpmmacros", "%_dbpath /var/lib/rpm\n") // where zypper looks, as on SUSE
	s.repository(shellSpec)
	// The plugins come out of the rpm itself.
	s.do("sh", "-c", "cd /hosts && mkdir out && cd out && rpm2cpio ../repo/xencheck.rpm | cpio -id --no-absolute-filenames --quiet")

	t.Run("fields", func(t *testing.T) { s.fields(t) })
	t.Run("dnf", func(t *testing.T) { s.dnf(t) })
	t.Run("zypper", func(t *testing.T) { s.zypper(t) })
}

// repository makes one in /hosts/repo of stand-ins for hypervisors, and of what
// else is in there or wanted beside it.
func (s *system) repository(beside ...string) {
	s.t.Helper()
	for i, spec := range append(beside, standIn("4.20.4"), toolsSpec,
		// The newer one needs a package that is new beside it.
		strings.Replace(standIn("4.20.5"), "BuildArch", "Requires: xen\nBuildArch", 1),
		strings.ReplaceAll(standIn("1"), "xen-", "other-")) {
		name := fmt.Sprintf("/hosts/%d.spec", i)
		s.write(name, spec)
		s.do("rpmbuild", "--quiet", "-bb", "--define", "_rpmdir /hosts/repo", name)
	}
	s.do("createrepo_c", "-q", "/hosts/repo")
	s.write("/etc/yum.repos.d/local.repo", "[local]\nname=local\nbaseurl=file:///hosts/repo\ngpgcheck=0\n")
}

// fields holds what rpm says of the packages of every architecture against what
// they are to say.
func (s *system) fields(t *testing.T) {
	for arch, deb := range map[string]string{"x86_64": "amd64", "aarch64": "arm64", "armv7hl": "armhf"} {
		file := "/hosts/" + arch + ".rpm"
		if got := s.do("rpm", "-qp", "--queryformat", "%{NAME} %{ARCH} %{OS} %{LICENSE} %{BUILDHOST}", file); got != "xencheck "+arch+" linux Apache-2.0 localhost" {
			t.Errorf("%s: %s", arch, got)
		}
		says(t, s.do("rpm", "-Kv", file), "Header SHA256 digest: OK", "Payload SHA256 digest: OK")
		scripts := s.do("rpm", "-qp", "--scripts", file)
		for _, no := range []string{"pretrans", "preinstall", "xencheck gate"} {
			if strings.Contains(scripts, no) {
				t.Errorf("%s: a scriptlet is a gate: %q in\n%s", arch, no, scripts)
			}
		}
		for _, script := range []string{"post", "preun", "postun"} {
			s.do("sh", "-n", "/hosts/script-"+s.scriptlet(file, script))
		}
		says(t, s.do("rpm", "-qp", "--requires", file), "/bin/sh")
		if owners := s.do("rpm", "-qp", "--queryformat", "[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]", file); strings.Trim(owners, "root:\n") != "" {
			t.Errorf("%s: owners: %s", arch, owners)
		}
		says(t, s.do("rpm", "-qpc", file), "/etc/xencheck/config.toml")

		// What is in the deb, and was run there, is in here.
		tar := exec.Command("sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/bin/xencheck`, "sh", packed(t, "*_"+deb+".deb"))
		binary, err := tar.Output()
		if err != nil {
			t.Fatal(err)
		}
		says(t, s.do("rpm", "-qp", "--queryformat", "[%{FILENAMES} %{FILEDIGESTS}\n]", file), fmt.Sprintf("/usr/bin/xencheck %x", sha256.Sum256(binary)))
		root := "/roots/" + arch
		s.do("rpm", "--root", s.made(root), "--dbpath", "/var/lib/rpm", "-i", "--ignorearch", "--nodeps", "--noscripts", file)
		if out := s.do("rpm", "--root", root, "--dbpath", "/var/lib/rpm", "-V", "--nodeps", "--noscripts", "xencheck"); strings.Contains(out, "missing") && !strings.Contains(out, "report") {
			t.Errorf("%s: %s", arch, out)
		}
		s.do("test", "-x", root+"/usr/bin/xencheck")
	}
}

// made makes a directory.
func (s *system) made(dir string) string {
	s.do("mkdir", "-p", dir)
	return dir
}

// scriptlet writes a scriptlet of a package down and returns its name.
func (s *system) scriptlet(file, script string) string {
	tag := map[string]string{"post": "POSTIN", "preun": "PREUN", "postun": "POSTUN"}[script]
	s.write("/hosts/script-"+script, s.do("rpm", "-qp", "--queryformat", "%{"+tag+"}", file))
	return script
}

func (s *system) dnf(t *testing.T) {
	s.do("mkdir", "-p", "/hosts/plugins")
	s.do("cp", "/hosts/out/usr/lib/xencheck/dnf4-plugin.py", "/hosts/plugins/xencheck.py")
	dnf := func(root, verb, what string, env ...string) (string, int) {
		return s.try(append(env, "dnf", "-q", "-y", "--installroot", root, "--setopt=reposdir=/etc/yum.repos.d",
			"--setopt=pluginpath=/hosts/plugins", "--setopt=pluginconfpath=/hosts/out/etc/dnf/plugins", "--releasever", "1", verb, what)...)
	}
	there := func(path string) bool {
		_, err := os.Lstat(filepath.Join(s.root, path))
		return err == nil
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
		root := "/roots/" + tt.host + tt.mode
		out, code := dnf(root, "install", "xen-hypervisor-4.20.4", "XENCHECK_ROOT=/hosts/"+tt.host, "XENCHECK_GATE_MODE="+tt.mode)
		if there(root+"/boot/xen-4.20.4.gz") != tt.there || (code == 0) != tt.there {
			t.Errorf("%s, %s: exit code %d, installed: %t", tt.host, tt.mode, code, there(root+"/boot/xen-4.20.4.gz"))
		}
		says(t, out, tt.says)
	}
	out, code := dnf("/roots/badadvise", "upgrade", "xen-hypervisor", "XENCHECK_ROOT=/hosts/bad", "XENCHECK_GATE_MODE=refuse")
	if code != 0 || !there("/roots/badadvise/boot/xen-4.20.5.gz") {
		t.Errorf("an update within the release, which a new package comes with: exit code %d", code)
	}
	says(t, out, "it updates the release that is installed already")
	// Packages of other names, by a pattern: in the configuration, however it is
	// written there, or in the environment.
	const other = "xencheck: other-hypervisor "
	if out, _ := dnf("/roots/other1", "install", "other-hypervisor", "XENCHECK_ROOT=/hosts/bad", "XENCHECK_GATE_PACKAGES=other-*"); !strings.Contains(out, other) {
		t.Errorf("a pattern in the environment: %s", tail(out))
	}
	s.made("/etc/xencheck")
	for i, config := range []string{"[gate]\npackages = [\"other-*\"]\n", "gate = { packages = [\"other-*\"] }\n", "gate.packages = [\"other-*\"] # Büro\n", "# packages = [\"other-*\"]\n"} {
		s.write("/etc/xencheck/config.toml", config)
		out, _ := dnf(fmt.Sprintf("/roots/other2%d", i), "install", "other-hypervisor", "XENCHECK_ROOT=/hosts/bad")
		if strings.Contains(out, other) != !strings.HasPrefix(config, "#") {
			t.Errorf("%q: %s", config, tail(out))
		}
	}
	s.do("rm", "/etc/xencheck/config.toml")
	out, code = dnf("/roots/elsewhere", "install", "xen-hypervisor", "XENCHECK_GATE_MODE=refuse")
	if code != 0 || !there("/roots/elsewhere/boot/xen-4.20.5.gz") {
		t.Errorf("another root: exit code %d", code)
	}
	says(t, out, "the host is not judged, since packages are put into /roots/elsewhere")

	// Our own package, on a system with a Python that has dnf 4.
	const python = "/roots/tool/usr/lib/python3.11/site-packages"
	s.do("mkdir", "-p", python+"/dnf", python+"/dnf-plugins")
	for _, dir := range []string{"/etc/dnf/modules.d", "/usr/bin", "/usr/lib/systemd/system", "/usr/share/doc", "/usr/share/licenses", "/usr/share/man/man1", "/var/lib"} {
		s.made("/roots/tool" + dir)
	}
	present := func() []string {
		return strings.Fields(s.do("find", "/roots/tool", "(", "-path", "/roots/tool/var/lib/rpm", "-o", "-path", "/roots/tool/var/lib/dnf", "-o", "-path", "/roots/tool/var/cache", "-o", "-path", "/roots/tool/var/log", "-o", "-path", "/roots/tool/var/tmp", "-o", "-path", "/roots/tool/bin*", ")", "-prune", "-o", "-print"))
	}
	metrics, stamp := s.made("/roots/tool/var/lib/prometheus/node-exporter"), s.made("/roots/tool/var/lib/systemd/timers")
	before := present()
	out, code = dnf("/roots/tool", "install", "xencheck", "XENCHECK_GATE_MODE=refuse", "XENCHECK_ROOT=/hosts/bad")
	if code != 0 || strings.Contains(out, "REFUSED") || strings.Contains(out, "scriptlet") {
		t.Errorf("our own package: exit code %d:\n%s", code, tail(out))
	}
	if link, err := os.Readlink(s.root + python + "/dnf-plugins/xencheck.py"); err != nil || link != "/usr/lib/xencheck/dnf4-plugin.py" {
		t.Errorf("the plugin is not in the place of dnf 4: %q, %v", link, err)
	}
	// What records and the timer leave behind, one of them killed.
	for _, name := range []string{metrics + "/xencheck.prom", stamp + "/stamp-xencheck.timer", "/roots/tool/var/lib/xencheck/lock",
		"/roots/tool/var/lib/xencheck/report.json", "/roots/tool/var/lib/xencheck/report.previous.json", "/roots/tool/var/lib/xencheck/.report.json.12345678.tmp"} {
		s.write(name, "x")
	}
	out, code = dnf("/roots/tool", "remove", "xencheck")
	if code != 0 || there(python+"/dnf-plugins/xencheck.py") || there("/roots/tool/usr/bin/xencheck") || strings.Contains(out, "scriptlet") {
		t.Errorf("removed: exit code %d:\n%s", code, tail(out))
	}
	for _, name := range present() {
		if !slices.Contains(before, name) {
			t.Errorf("left behind: %s", name)
		}
	}
}

// zypper advises, on the system that it runs on. It cannot be stopped.
func (s *system) zypper(t *testing.T) {
	zypper := func(args ...string) (string, int) {
		var env []string
		for len(args) > 0 && strings.HasPrefix(args[0], "XENCHECK_") {
			env, args = append(env, args[0]), args[1:]
		}
		return s.try(append(env, append([]string{"zypper", "-n", "--no-gpg-checks"}, args...)...)...)
	}
	s.do("install", "-D", "/hosts/out/usr/lib/zypp/plugins/commit/xencheck", "/usr/lib/zypp/plugins/commit/xencheck")
	for _, root := range []string{"/", "/roots/zypp"} {
		if out, code := zypper("--root", root, "addrepo", "-G", "/hosts/repo", "local"); code != 0 {
			t.Fatal(out)
		}
	}
	// With nothing installed at all Debian's zypper takes the database for broken.
	if out, code := zypper("install", "other-hypervisor"); code != 0 || strings.Contains(out, "xencheck:") {
		t.Errorf("a package that is none of its business: exit code %d:\n%s", code, tail(out))
	}
	for _, tt := range []struct {
		host, mode, verb, what string
		says                   string
	}{
		{"good", "advise", "install", "xen-hypervisor=4.20.4", "Nothing speaks against installing it."},
		{"bad", "refuse", "update", "xen-hypervisor", "it updates the release that is installed already"},
		{"bad", "advise", "remove", "xen-hypervisor", ""},
		{"bad", "advise", "install", "xen-hypervisor", "Warning: this host is not fit for it. Installing it goes on"},
		{"bad", "advise", "remove", "xen-hypervisor", ""},
		{"bad", "refuse", "install", "xen-hypervisor", "Warning: this host is not fit for it. Installing it goes on"},
	} {
		out, code := zypper("XENCHECK_ROOT=/hosts/"+tt.host, "XENCHECK_GATE_MODE="+tt.mode, tt.verb, tt.what)
		if code != 0 {
			t.Errorf("%+v: exit code %d:\n%s", tt, code, tail(out))
		}
		if tt.says == "" && strings.Contains(out, "xencheck:") {
			t.Errorf("%+v: speaks of what is removed:\n%s", tt, tail(out))
		}
		says(t, out, tt.says)
	}
	s.do("test", "-e", "/boot/xen-4.20.5.gz")
	s.do("rpm", "-e", "other-hypervisor")
	s.write("/etc/xencheck/config.toml", "gate = { packages = [\"other-*\"] }\n")
	if out, code := zypper("XENCHECK_ROOT=/hosts/bad", "install", "other-hypervisor"); code != 0 || !strings.Contains(out, "xencheck: other-hypervisor ") {
		t.Errorf("a package by a pattern: exit code %d:\n%s", code, tail(out))
	}
	s.do("rm", "/etc/xencheck/config.toml")

	// Whatever becomes of xencheck, zypper goes on.
	zypper("remove", "xen-hypervisor")
	s.do("mv", "/usr/bin/xencheck", "/usr/bin/xencheck.good")
	s.write("/usr/bin/xencheck", "#!/bin/sh\nkill -9 $$\n")
	out, code := zypper("install", "xen-hypervisor")
	s.do("mv", "/usr/bin/xencheck.good", "/usr/bin/xencheck")
	if code != 0 {
		t.Errorf("a broken xencheck: exit code %d:\n%s", code, tail(out))
	}
	says(t, out, "the host could not be judged; installing goes on.")
	s.do("test", "-e", "/boot/xen-4.20.5.gz")

	// Into another root: libzypp starts no plugins then.
	out, code = zypper("XENCHECK_ROOT=/hosts/bad", "--root", "/roots/zypp", "install", "xencheck", "xen-hypervisor")
	if code != 0 || strings.Contains(out, "xencheck: xen-hypervisor") || strings.Contains(out, "scriptlet failed") {
		t.Errorf("another root: exit code %d:\n%s", code, tail(out))
	}
	s.do("test", "-x", "/roots/zypp/usr/bin/xencheck", "-a", "-e", "/roots/zypp/boot/xen-4.20.5.gz")
	says(t, s.do("chroot", "/roots/zypp", "/bin/sh", "-c", "echo a shell"), "a shell")
}
