//go:build packages

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// foreign is an architecture whose programs QEMU runs here.
type foreign struct {
	deb, goarch, rpm string
	qemu             string
	class, machine   byte // of the ELF header: EI_CLASS and the low byte of e_machine
}

func foreigns() []foreign {
	return []foreign{
		{"arm64", "arm64", "aarch64", "qemu-aarch64-static", 2, 183},
		{"armhf", "arm", "armv7hl", "qemu-arm-static", 1, 40},
	}
}

// emulate lets the kernel start programs of the architecture with QEMU, in
// chroots too, until the test ends (admin-guide/binfmt-misc).
func (f foreign) emulate(t *testing.T) {
	t.Helper()
	needs(t, "root", f.qemu)
	const dir = "/proc/sys/fs/binfmt_misc"
	if _, err := os.Stat(dir + "/register"); err != nil {
		if out, err := exec.Command("mount", "-t", "binfmt_misc", "binfmt_misc", dir).CombinedOutput(); err != nil {
			t.Skipf("this kernel starts no programs of other architectures: %v: %s", err, out)
		}
	}
	qemu, err := exec.LookPath(f.qemu)
	if err != nil {
		t.Fatal(err)
	}
	name := "xencheck-test-" + f.deb
	remove := func() { _ = os.WriteFile(filepath.Join(dir, name), []byte("-1"), 0o644) }
	remove()
	// An executable or a shared object, little-endian; F opens QEMU now.
	magic := fmt.Sprintf(`\x7fELF\x%02x\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x%02x\x00`, f.class, f.machine)
	const mask = `\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`
	if err := os.WriteFile(dir+"/register", []byte(":"+name+":M::"+magic+":"+mask+":"+qemu+":F"), 0o644); err != nil {
		t.Skipf("the kernel takes no emulator: %v", err)
	}
	t.Cleanup(remove)
}

// The packages of other architectures are installed, run and purged in a Debian
// of theirs.
func TestForeign(t *testing.T) {
	// The one beside them, to compare with, needs nothing around it.
	native := t.TempDir()
	if out, err := exec.Command("tar", "-xzf", packed(t, "*-linux-amd64.tar.gz"), "-C", native, "--strip-components=1").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	for _, f := range foreigns() {
		t.Run(f.deb, func(t *testing.T) {
			deb := packed(t, "*_"+f.deb+".deb")
			f.emulate(t)
			s := newSystemOf(t, "bookworm", f.deb)
			clean := s.files()
			s.copy(deb, "/hosts/now.deb")
			s.do("dpkg", "-i", "/hosts/now.deb")
			if status := s.do("dpkg-query", "-W", "-f=${Status} ${Architecture}", "xencheck"); status != "install ok installed "+f.deb {
				t.Errorf("status: %s", status)
			}
			says(t, s.do("xencheck", "version"), "linux/"+f.goarch)
			says(t, s.do("xencheck", "statement", "list"), "4.17", "4.22")

			// What is judged is what the emulator shows: this machine's /proc,
			// and the processor that it pretends to be.
			out, code := s.try("xencheck", "check", "--color", "never")
			if code != 0 && code != 1 && code != 3 {
				t.Errorf("check: exit code %d:\n%s", code, tail(out))
			}
			says(t, out, "by Xen 4.22", "Judged as of 2026-11-21")

			// What is told of a host does not depend on where it is told.
			s.must(exec.Command("cp", "-a", s.root+"/hosts", native))
			for _, args := range [][]string{
				{"check", "--root", "/hosts/bad", "--xen", "4.20"},
				{"check", "--root", "/hosts/good", "--format", "markdown"},
				{"--midr", "0x411fd070", "--memory", "16GiB", "--cpus", "8", "--id", "edge7"},
				{"compare", "--root", "/hosts/bad", "--xen", "4.17,4.22"},
				{"gate", "--root", "/hosts/bad", "--mode", "refuse", "--package", "xen-hypervisor-4.20-" + f.deb, "--version", "4.20.4-1"},
			} {
				there, code := s.try(append([]string{"xencheck"}, args...)...)
				here := exec.Command("chroot", append([]string{native, "/xencheck"}, args...)...)
				here.Env = s.env
				text, _ := here.CombinedOutput()
				if there != string(text) || code != here.ProcessState.ExitCode() {
					t.Errorf("%v: exit code %d, and %d on amd64:\n%s\non amd64:\n%s", args, code, here.ProcessState.ExitCode(), tail(there), tail(string(text)))
				}
			}
			s.do("dpkg", "--purge", "xencheck")
			s.leavesOnly(t, clean)
		})
	}
}
