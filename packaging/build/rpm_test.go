//go:build packages

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	rpm, _ := packageFile(t, "*.x86_64.rpm")
	deb, _ := packageFile(t, "*_amd64.deb")
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

// What the linters say has to be explained, tag by tag.
func TestLint(t *testing.T) {
	text, err := os.ReadFile("../LINT.md")
	if err != nil {
		t.Fatal(err)
	}
	deb, _ := packageFile(t, "*_amd64.deb")
	rpm, _ := packageFile(t, "*.x86_64.rpm")
	// rpmlint unpacks with cpio, which would write outside of its directory.
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "cpio"), []byte("#!/bin/sh\nexec /usr/bin/cpio --no-absolute-filenames \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for _, tt := range []struct {
		command []string
		line    *regexp.Regexp
	}{
		{[]string{"lintian", "--allow-root", deb}, regexp.MustCompile(`(?m)^([EW]): xencheck: (\S+)`)},
		{[]string{"rpmlint", rpm}, regexp.MustCompile(`(?m)^xencheck\.\S+: ([EW]): (\S+)`)},
	} {
		t.Run(tt.command[0], func(t *testing.T) {
			needs(t, tt.command[0])
			out, err := exec.Command(tt.command[0], tt.command[1:]...).CombinedOutput()
			found := tt.line.FindAllStringSubmatch(string(out), -1)
			if len(found) == 0 && err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, m := range found {
				if !strings.Contains(string(text), m[1]+" "+m[2]) {
					t.Errorf("not explained: %s", m[0])
				}
			}
		})
	}
}

// Two builds of one commit are the same, byte for byte.
func TestReproducible(t *testing.T) {
	dirs, err := built()
	if err != nil {
		t.Fatal(err)
	}
	again := t.TempDir()
	t.Setenv("TZ", "Asia/Tokyo")
	if err := run(again, "", "amd64"); err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(filepath.Join(dirs[0], "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(again, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) || strings.Count(string(a), "\n") != 4 {
		t.Errorf("not the same:\n%s\n%s", a, b)
	}
}

// The man pages, the completions and the unit are what their readers take.
func TestDocuments(t *testing.T) {
	deb, _ := packageFile(t, "*_amd64.deb")
	needs(t, "dpkg-deb")
	dir := t.TempDir()
	if out, err := exec.Command("dpkg-deb", "-x", deb, dir).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	shell := func(t *testing.T, name, script string) string {
		t.Helper()
		needs(t, name)
		c := exec.Command(name, "-c", script)
		c.Env = append(os.Environ(), "PATH="+dir+"/usr/bin:"+os.Getenv("PATH"), "ROOT="+dir)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	t.Run("man", func(t *testing.T) {
		out := shell(t, "sh", `for p in "$ROOT"/usr/share/man/man1/*.gz; do man --warnings -l "$p" >/dev/null || echo "$p"; done; man -l "$ROOT"/usr/share/man/man1/xencheck.1.gz`)
		says(t, out, "EXIT STATUS", "FILES", "EXAMPLES")
	})
	t.Run("bash", func(t *testing.T) {
		if _, err := os.Stat("/usr/share/bash-completion/bash_completion"); err != nil {
			t.Skip("bash-completion is not installed")
		}
		out := shell(t, "bash", `. /usr/share/bash-completion/bash_completion; . "$ROOT"/usr/share/bash-completion/completions/xencheck
COMP_WORDS=(xencheck check --fail-on o) COMP_CWORD=3 COMP_LINE="xencheck check --fail-on o" COMP_POINT=26; __start_xencheck; echo "${COMPREPLY[@]}"`)
		says(t, out, "outside")
	})
	t.Run("fish", func(t *testing.T) {
		out := shell(t, "fish", `source $ROOT/usr/share/fish/vendor_completions.d/xencheck.fish; complete -C "xencheck gat"`)
		says(t, out, "gate")
	})
	t.Run("zsh", func(t *testing.T) {
		shell(t, "zsh", `zsh -n "$ROOT"/usr/share/zsh/vendor-completions/_xencheck`)
	})
	t.Run("systemd", func(t *testing.T) {
		needs(t, "systemd-analyze")
		// Without the units that they refer to nothing could be verified.
		if out := shell(t, "sh", `cp -an /lib/systemd/system/. "$ROOT"/lib/systemd/system/; systemd-analyze --root="$ROOT" --man=no verify xencheck.service xencheck.timer`); out != "" {
			t.Errorf("systemd-analyze verify: %s", out)
		}
		exposure(t, shell(t, "sh", `systemd-analyze security --offline=yes "$ROOT"/lib/systemd/system/xencheck.service`))
	})
}
