//go:build packages

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// onDisk puts a Debian into a file system of its own, as GRUB's tools want to
// see one.
func (s *system) onDisk() {
	s.t.Helper()
	needs(s.t, "mkfs.ext4", "losetup")
	image := filepath.Join(s.t.TempDir(), "disk")
	s.must(exec.Command("truncate", "-s", "2G", image))
	s.must(exec.Command("mkfs.ext4", "-q", "-d", s.root, image))
	// The tools take the first ten loop devices for the files behind them.
	device := ""
	for n := 10; n < 30 && device == ""; n++ {
		name := fmt.Sprintf("/dev/loop%d", n)
		if _, err := os.Stat(name); err != nil {
			s.must(exec.Command("mknod", name, "b", "7", fmt.Sprint(n)))
		}
		if exec.Command("losetup", name, image).Run() == nil {
			device = name
		}
	}
	if device == "" {
		s.t.Skip("there is no loop device")
	}
	s.t.Cleanup(func() { s.must(exec.Command("losetup", "-d", device)) })
	disk := filepath.Join(s.t.TempDir(), "mounted")
	if err := os.Mkdir(disk, 0o755); err != nil {
		s.t.Fatal(err)
	}
	mount := func(what, where string, args ...string) {
		s.must(exec.Command("mount", append(args, what, where)...))
		s.t.Cleanup(func() { s.must(exec.Command("umount", where)) })
	}
	mount(device, disk)
	for _, name := range []string{"proc", "sys"} {
		if err := os.MkdirAll(filepath.Join(disk, name), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	mount("proc", filepath.Join(disk, "proc"), "-t", "proc")
	mount("sysfs", filepath.Join(disk, "sys"), "-t", "sysfs")
	mount("/dev", filepath.Join(disk, "dev"), "--bind")
	s.root = disk
}

// Menus made by the real grub-mkconfig, with the real 20_linux_xen of Debian, a
// hypervisor of Debian's and a copy of it that is called older.
func TestRealMenus(t *testing.T) {
	s := installed(t)
	s.do("apt-get", "install", "-y", "-q", "--no-install-recommends", "grub-common", xen, "xen-hypervisor-common")
	s.must(exec.Command("umount", filepath.Join(s.root, "proc")))
	chroot := s.root
	defer func() {
		s.root = chroot
		s.must(exec.Command("mount", "-t", "proc", "proc", filepath.Join(chroot, "proc")))
	}()
	s.onDisk()
	for _, version := range []string{"6.1.0-18-amd64", "6.1.0-21-amd64"} {
		s.write("/boot/vmlinuz-"+version, "kernel\n")
		s.write("/boot/initrd.img-"+version, "initrd\n")
		s.write("/boot/config-"+version, "CONFIG_XEN_DOM0=y\nCONFIG_XEN_PRIVILEGED_GUEST=y\n")
	}
	s.do("cp", "/boot/xen-4.17-amd64.gz", "/boot/xen-4.14-amd64.gz")
	s.do("mkdir", "-p", "/boot/grub")
	next := func() (b struct {
		Title, File string
		Xen         bool
		Why         string
	}, release string) {
		s.do("rm", "-rf", "/hosts/good/boot")
		s.do("cp", "-a", "/boot", "/hosts/good/boot")
		out, _ := s.try("sh", "-c", "xencheck check --boot --root /hosts/good --anonymous --format json 2>/dev/null")
		var report struct {
			Boot   any
			Choice struct{ How, Version string }
		}
		report.Boot = &b
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatalf("%v: %s", err, tail(out))
		}
		if report.Choice.How == "next_boot" {
			release = report.Choice.Version
		}
		return b, release
	}
	const advanced = "Advanced options for Debian GNU/Linux (with Xen hypervisor)"
	for _, tt := range []struct {
		setting string // GRUB_DEFAULT
		xen     bool   // Debian's package makes Xen the default
		env     string // what grub-set-default and grub-reboot write
		title   string
		release string // of Xen; empty for Linux
	}{
		{"0", true, "", "Debian GNU/Linux, with Xen hypervisor", "4.17"},
		{"0", false, "", "Debian GNU/Linux", ""},
		{"1", false, "", "Debian GNU/Linux, with Linux 6.1.0-21-amd64", ""},
		{"1>2", false, "", "Debian GNU/Linux, with Linux 6.1.0-18-amd64", ""},
		{"2", false, "", "Debian GNU/Linux, with Xen hypervisor", "4.17"},
		{"3>2>0", false, "", "Debian GNU/Linux, with Xen 4.14-amd64 and Linux 6.1.0-21-amd64", "4.14"},
		{"saved", false, "", "Debian GNU/Linux", ""},
		{"saved", false, "saved_entry=" + advanced + ">Xen hypervisor, version 4.14-amd64>Debian GNU/Linux, with Xen 4.14-amd64 and Linux 6.1.0-18-amd64", "Debian GNU/Linux, with Xen 4.14-amd64 and Linux 6.1.0-18-amd64", "4.14"},
		{"saved", false, "saved_entry=2", "Debian GNU/Linux, with Xen hypervisor", "4.17"},
		{"2", false, "next_entry=0", "Debian GNU/Linux", ""},
		{"0", false, "next_entry=3>1>0", "Debian GNU/Linux, with Xen 4.17-amd64.efi and Linux 6.1.0-21-amd64", "4.17"},
		{"no such entry", false, "", "Debian GNU/Linux", ""},
	} {
		override := map[bool]string{true: "1", false: "0"}[tt.xen]
		s.do("sh", "-c", "mkdir -p /etc/default/grub.d; sed -i 's/^#*XEN_OVERRIDE_GRUB_DEFAULT=.*/XEN_OVERRIDE_GRUB_DEFAULT="+override+"/' /etc/default/grub.d/xen.cfg")
		s.write("/etc/default/grub", "GRUB_DEFAULT=\""+tt.setting+"\"\nGRUB_DISTRIBUTOR=Debian\nGRUB_DISABLE_OS_PROBER=true\nGRUB_CMDLINE_XEN=dom0_mem=4G\n")
		s.do("rm", "-f", "/boot/grub/grubenv")
		s.do("grub-editenv", "/boot/grub/grubenv", "create")
		if tt.env != "" {
			s.do("grub-editenv", "/boot/grub/grubenv", "set", tt.env)
		}
		s.do("grub-mkconfig", "-o", "/boot/grub/grub.cfg")
		b, release := next()
		if b.Title != tt.title || b.Xen != (tt.release != "") || b.Why != "" || !strings.HasPrefix(release, tt.release) || (release == "") != (tt.release == "") {
			t.Errorf("GRUB_DEFAULT=%s, %q: %+v, Xen %q; want %q, Xen %q", tt.setting, tt.env, b, release, tt.title, tt.release)
		}
	}
}

// chosen lets GRUB itself, as a program (grub-emu), read a menu whose entries
// write their titles, and returns the one that it chooses.
func (s *system) chosen(menu string) string {
	s.t.Helper()
	s.write("/menu/grub.cfg", menu)
	c := exec.Command("timeout", "-k", "1", "10", "script", "-qefc", "chroot "+s.root+" grub-emu -d /menu", "/dev/null")
	c.Env = append(slices.Clone(s.env), "TERM=vt100")
	out, _ := c.CombinedOutput() // it ends as its entry does
	m := regexp.MustCompile(`CHOSEN-(\w+)`).FindSubmatch(bytes.ReplaceAll(out, []byte{0}, nil))
	if m == nil {
		s.t.Fatalf("GRUB chooses nothing: %q", out)
	}
	return string(m[1])
}

// GRUB's language is not the shell's. What is told of an odd menu is what GRUB
// does, or is left open.
func TestMenusByGRUB(t *testing.T) {
	needs(t, "script")
	s := installed(t)
	s.do("apt-get", "install", "-y", "-q", "--no-install-recommends", "grub-emu")
	entry := func(title string) string {
		return "menuentry " + title + " { linux /boot/vmlinuz; echo CHOSEN-" + title + "; exit }\n"
	}
	entries := entry("a") + entry("b") + entry("c") + "submenu s --id sub {\n" + entry("d") + entry("e") + "}\n"
	told := 0
	for _, begin := range []string{
		"", "set default=b", "set default=2", "set default='sub>1'", "set default='s>e'", "set default=3", "set default=' 1'", "set default=02", "set default=08", "set default=0x1",
		"set default='1 more'", "set default='3>1 more'", "set default=2a", "set default=-1", "set default='>1'", "set default=4294967297", "set default=17",
		"set x='1 2'\nset default=$x", "set x='1 2'\nset default=\"$x\"", "set y=' 1 '\nset default=$y", "set default=1 default=2", "x=1 default=2", "default=1 true", "'default=1'",
		"set x=default\n$x=1", "set x='set default=1'\n$x", "$nothing default=1", "export default=1", "eval set default=1", "regexp --set=1:default '(.)' 1",
		"if [ 01 -eq 1 ]; then set default=1; fi", "if [ ]; then set default=1; fi", "if [ x = y -o y = y -a 1 = 2 ]; then set default=1; fi", "if [ -z \"$x\" ]; then set default=1; fi",
		"if true; then\n# nothing\nelse\nset default=1\nfi", "if false; then\nfunction f { set default=1; }\nfi", "function f { set default=1; }\nf", "for x in 1 2; do set default=$x; done",
		"{ set default=1; }", ";set default=1", "set default=1 }", "set default=1;;set default=2", "set default=$", "set default=1 && true", "set default=1 <x", "else\nset default=1",
		"hiddenentry h { true; }\nset default=1", "hiddenentry h { true; }\nset default=h", strings.Replace(entry("f"), "{", "\n{", 1), "menuentry --id f { true; }\nset default=f",
		"submenu t {\nset default=1\n" + entry("f") + entry("g") + "}", "submenu t {\n" + entry("f") + entry("g") + "}\nset default='t>g'", "submenu t { " + strings.TrimSpace(entry("f")) + " }",
	} {
		menu := "set timeout=0\n" + begin + "\n" + entries
		want := s.chosen(menu)
		s.write("/hosts/good/boot/grub/grub.cfg", menu)
		out, _ := s.try("sh", "-c", "xencheck check --boot --root /hosts/good --format json 2>/dev/null")
		var report struct{ Boot struct{ Title, Why string } }
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatalf("%q: %v: %s", begin, err, tail(out))
		}
		if b := report.Boot; b.Why == "" && b.Title != want {
			t.Errorf("%q: %s is told, and GRUB chooses %s", begin, b.Title, want)
		} else if b.Why == "" {
			told++
		}
	}
	if told < 25 {
		t.Errorf("only %d are told", told)
	}
	t.Logf("%d menus are told", told)
}
