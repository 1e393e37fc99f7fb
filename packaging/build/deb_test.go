//go:build packages

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const xen = "xen-hypervisor-4.17-amd64"

// installXen lets apt install Debian's hypervisor, and reports whether it is
// there afterwards. It is gone again in the end.
func (s *system) installXen(env ...string) (out string, code int, there bool) {
	s.t.Helper()
	out, code = s.try(append(env, "apt-get", "install", "-y", "-q", "--no-install-recommends", xen)...)
	status, _ := s.try("dpkg-query", "-W", "-f=${Status}", xen)
	there = strings.Contains(status, "install ok installed")
	s.try("apt-get", "purge", "-y", "-q", xen)
	return out, code, there
}

// From installation to purge in a real Debian, with Debian's own hypervisor.
func TestDebian(t *testing.T) {
	now, before := packageFile(t, "*_amd64.deb")
	s := newSystem(t)
	s.do("apt-get", "install", "-y", "-q", "--no-install-recommends", "init-system-helpers")
	clean := s.files()
	for name, from := range map[string]string{"now.deb": now, "before.deb": before} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		s.write("/hosts/"+name, string(data))
	}

	s.do("apt-get", "install", "-y", "-q", "/hosts/before.deb")
	s.do("sh", "-c", "echo '# mine' >> /etc/xencheck/config.toml")
	s.do("apt-get", "install", "-y", "-q", "/hosts/now.deb")
	says(t, s.do("dpkg-query", "-W", "-f=${Version}", "xencheck"), "-0upstream1")
	says(t, s.do("tail", "-1", "/etc/xencheck/config.toml"), "# mine")
	says(t, s.do("xencheck", "config"), "configuration: /etc/xencheck/config.toml")

	t.Run("chroot", func(t *testing.T) {
		out, code, there := s.installXen("XENCHECK_GATE_MODE=refuse")
		if code != 0 || !there {
			t.Errorf("exit code %d, installed: %t", code, there)
		}
		says(t, out, "the host is not judged, since this is a chroot")
	})
	t.Run("other packages", func(t *testing.T) {
		out := s.do("XENCHECK_ROOT=/hosts/bad", "XENCHECK_GATE_MODE=refuse", "apt-get", "install", "-y", "-q", "hello")
		if strings.Contains(out, "xencheck") {
			t.Errorf("speaks of a package that is none of its business:\n%s", tail(out))
		}
	})
	t.Run("advise", func(t *testing.T) {
		for host, verdict := range map[string]string{"good": "Nothing speaks against installing it.", "bad": "Warning: this host is not fit for it. Installing it goes on"} {
			out, code, there := s.installXen("XENCHECK_ROOT=/hosts/" + host)
			if code != 0 || !there {
				t.Errorf("%s: exit code %d, installed: %t", host, code, there)
			}
			says(t, out, verdict)
		}
	})
	t.Run("refuse", func(t *testing.T) {
		s.do("sh", "-c", `printf '[gate]\nmode = "refuse"\n' > /etc/xencheck/config.toml`)
		defer s.write("/etc/xencheck/config.toml", "")
		if out, code, there := s.installXen("XENCHECK_ROOT=/hosts/good"); code != 0 || !there {
			t.Errorf("the good host: exit code %d, installed: %t:\n%s", code, there, tail(out))
		}
		out, code, there := s.installXen("XENCHECK_ROOT=/hosts/bad")
		if code != 100 || there {
			t.Errorf("the bad host: exit code %d, installed: %t", code, there)
		}
		says(t, out, "REFUSED: this host is not fit for it.", "Physical Memory, x86")
	})
	t.Run("ask", func(t *testing.T) {
		for _, tt := range []struct {
			preseed string
			there   bool
			says    string
		}{
			{"", true, "warning: nobody could be asked; installing goes on."},
			{"true", true, "installing goes on, as decided."},
			{"false", false, "not installed, as decided."},
		} {
			if tt.preseed != "" {
				s.do("sh", "-c", "echo xencheck xencheck/install-anyway boolean "+tt.preseed+" | debconf-set-selections")
			}
			for range 2 { // what is preseeded holds every time
				out, code, there := s.installXen("XENCHECK_ROOT=/hosts/bad", "XENCHECK_GATE_MODE=ask")
				if there != tt.there || (code == 0) != tt.there {
					t.Errorf("preseeded %q: exit code %d, installed: %t", tt.preseed, code, there)
				}
				says(t, out, tt.says)
			}
			if out, code, there := s.installXen("XENCHECK_ROOT=/hosts/good", "XENCHECK_GATE_MODE=ask"); code != 0 || !there {
				t.Errorf("preseeded %q, the good host: exit code %d, installed: %t:\n%s", tt.preseed, code, there, tail(out))
			}
		}
	})
	t.Run("record", func(t *testing.T) { s.record(t) })

	s.do("apt-get", "remove", "-y", "-q", "xencheck")
	if out, code, there := s.installXen(); code != 0 || !there || strings.Contains(out, "xencheck") || strings.Contains(out, "apt-hook") {
		t.Errorf("removed, but not purged: exit code %d, installed: %t:\n%s", code, there, tail(out))
	}
	s.do("apt-get", "purge", "-y", "-q", "xencheck")
	s.do("apt-get", "autoremove", "--purge", "-y", "-q", "hello")
	s.leavesOnly(t, clean)
	if db := s.do("sh", "-c", "cat /var/cache/debconf/*.dat"); strings.Contains(db, "xencheck") {
		t.Error("debconf still knows xencheck")
	}
}

// record is what the service does, on a disk that is full, and on one that
// cannot be written.
func (s *system) record(t *testing.T) {
	state := filepath.Join(s.root, "var/lib/xencheck")
	if err := os.MkdirAll(state, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(state)
	s.must(exec.Command("mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", state))
	defer func() { s.must(exec.Command("umount", state)) }()
	out := s.do("XENCHECK_ROOT=/hosts/good", "xencheck", "record")
	says(t, out, "first verdict: ")
	kept, err := os.ReadFile(filepath.Join(state, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	unchanged := func(what string) {
		t.Helper()
		if now, err := os.ReadFile(filepath.Join(state, "report.json")); err != nil || !bytes.Equal(now, kept) {
			t.Errorf("%s: the old report is not kept: %v", what, err)
		}
	}
	s.try("sh", "-c", "cat /dev/zero > /var/lib/xencheck/fill")
	out, code := s.try("XENCHECK_ROOT=/hosts/bad", "xencheck", "record")
	if code != 2 {
		t.Errorf("full disk: exit code %d", code)
	}
	says(t, out, "the verdict has changed", "no space left on device")
	unchanged("full disk")
	s.do("rm", "/var/lib/xencheck/fill")
	s.must(exec.Command("mount", "-o", "remount,ro", state))
	out, code = s.try("XENCHECK_ROOT=/hosts/bad", "xencheck", "record")
	if code != 2 {
		t.Errorf("read-only: exit code %d", code)
	}
	says(t, out, "the verdict has changed", "read-only file system")
	unchanged("read-only")
}
