//go:build packages

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// guestRecipe makes of a minimal Debian one that boots: its kernel and what that
// needs to find the disk, systemd, man for what units refer to, and what a dom0
// runs. Xen itself and the firmware stay outside of the disk, as does what no
// test looks at. A guest made by another recipe is made anew.
const guestRecipe = `set -e
printf 'MODULES=list\n' > /etc/initramfs-tools.guest
apt-get install -y -q --no-install-recommends systemd-sysv init-system-helpers man-db xen-utils-4.17 initramfs-tools efibootmgr fdisk
mkdir -p /etc/initramfs-tools/conf.d
mv /etc/initramfs-tools.guest /etc/initramfs-tools/conf.d/guest
printf 'ahci\nsd_mod\next4\n' >> /etc/initramfs-tools/modules
apt-get install -y -q --no-install-recommends linux-image-amd64
mkdir /parts && cd /parts
apt-get download -q ovmf xen-hypervisor-4.17-amd64
for p in *.deb; do dpkg-deb -x "$p" .; done
gzip -d boot/xen-4.17-amd64.gz
mv boot/xen-4.17-amd64 xen
mv usr/share/OVMF/OVMF_CODE_4M.fd usr/share/OVMF/OVMF_VARS_4M.fd .
cp /boot/vmlinuz-* vmlinuz
cp /boot/initrd.img-* initrd
rm -rf *.deb boot usr var etc
cd /lib/modules/*/kernel
rm -rf sound net drivers/gpu drivers/net drivers/media drivers/staging drivers/infiniband drivers/iio drivers/usb
apt-get clean
rm -rf /var/lib/apt/lists/* /hosts /etc/resolv.conf
for u in apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service e2scrub_all.timer getty.target serial-getty@.service xendomains.service; do
	ln -sf /dev/null /etc/systemd/system/$u
done
echo 'LABEL=root / ext4 rw 0 0' > /etc/fstab
echo guest > /etc/hostname
`

// newGuest unpacks a Debian that boots, with one package of ours installed and
// a newer one lying in /guest; parts is the folder with what QEMU loads.
func newGuest(t *testing.T, before, now string) (s *system, parts string) {
	t.Helper()
	needs(t, "root", "qemu-system-x86_64", "mke2fs", "tar")
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	stored := filepath.Join(cache, "xencheck-tests", "guest.tar")
	if made, err := os.ReadFile(stored + ".recipe"); err != nil || string(made) != guestRecipe {
		s = newSystem(t)
		s.do("sh", "-c", guestRecipe)
		s.must(exec.Command("tar", "--one-file-system", "-C", s.root, "-cf", stored, "."))
		if err := os.WriteFile(stored+".recipe", []byte(guestRecipe), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	s = &system{t: t, root: filepath.Join(dir, "root"), env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}}
	parts = filepath.Join(dir, "parts")
	if err := os.Mkdir(s.root, 0o755); err != nil {
		t.Fatal(err)
	}
	s.must(exec.Command("tar", "-C", s.root, "-xf", stored))
	if err := os.Rename(filepath.Join(s.root, "parts"), parts); err != nil {
		t.Fatal(err)
	}
	for to, from := range map[string]string{
		"/guest/before.deb": before, "/guest/now.deb": now, "/guest/steps": "testdata/guest/steps",
		"/etc/systemd/system/guest.service": "testdata/guest/guest.service",
	} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		s.write(to, string(data))
	}
	if err := os.Chmod(filepath.Join(s.root, "/etc/systemd/system/guest.service"), 0o644); err != nil {
		t.Fatal(err)
	}
	says(t, s.do("dpkg", "-i", "/guest/before.deb"), "Setting up xencheck")
	s.do("systemctl", "enable", "guest.service")
	return s, parts
}

// seen is what a guest left: files by their names.
type seen map[string]string

// lines returns the lines of a file.
func (g seen) lines(name string) []string {
	return strings.FieldsFunc(g[name], func(r rune) bool { return r == '\n' })
}

// boot starts the system as a machine that does one of the plans of the steps,
// and returns what it left.
func (s *system) boot(t *testing.T, plan string, qemu []string) seen {
	t.Helper()
	work := t.TempDir()
	disk, results := filepath.Join(work, "disk"), filepath.Join(work, "results")
	s.write("/guest/plan", plan)
	if out, err := exec.Command("mke2fs", "-q", "-t", "ext4", "-L", "root", "-O", "^has_journal", "-d", s.root, disk, "1500M").CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v: %s", err, out)
	}
	if err := os.WriteFile(results, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(results, 64<<20); err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	console := filepath.Join(work, "console")
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "qemu-system-x86_64", append(slices.Clone(qemu),
		"-accel", "tcg,thread=multi", "-display", "none", "-nodefaults", "-no-reboot", "-no-user-config", "-smp", "2", "-serial", "file:"+console,
		"-drive", "if=none,id=disk,format=raw,cache=unsafe,file="+disk, "-device", "ide-hd,bus=ide.0,drive=disk",
		"-drive", "if=none,id=results,format=raw,cache=unsafe,file="+results, "-device", "ide-hd,bus=ide.1,drive=results,serial=results")...)
	begin := time.Now()
	out, err := c.CombinedOutput()
	said, _ := os.ReadFile(console)
	if err != nil {
		t.Fatalf("the guest did not end by itself: %v\n%s\n%s", err, tail(string(out)), tail(string(said)))
	}
	f, err := os.Open(results)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g := seen{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && h.Typeflag == tar.TypeReg {
			var b []byte
			b, err = io.ReadAll(r)
			g[strings.TrimPrefix(h.Name, "./")] = string(b)
		}
		if err != nil {
			t.Fatalf("what the guest left: %v\n%s", err, tail(string(said)))
		}
	}
	if len(g) == 0 {
		t.Fatalf("the guest left nothing:\n%s", tail(string(said)))
	}
	cpu := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	t.Logf("%s: booted, did its steps and ended in %.0f s, %.0f s of a processor", strings.Join(g.lines("version"), ", Linux "), time.Since(begin).Seconds(), cpu.Seconds())
	return g
}

// The unit and the timer in a Debian that really boots: by itself, with VT-d
// and EFI, and as dom0 of Xen.
func TestGuest(t *testing.T) {
	needs(t, "root", "qemu-system-x86_64", "mke2fs", "debootstrap")
	now, before := packageFile(t, "*_amd64.deb")
	s, parts := newGuest(t, before, now)
	linux := "root=LABEL=root rw quiet mitigations=off"
	part := func(name string) string { return filepath.Join(parts, name) }
	t.Run("linux", func(t *testing.T) {
		g := s.boot(t, "whole", []string{
			"-M", "q35,kernel-irqchip=split", "-cpu", "Skylake-Server", "-m", "1024", "-device", "intel-iommu,intremap=on",
			"-drive", "if=pflash,format=raw,unit=0,readonly=on,file=" + part("OVMF_CODE_4M.fd"),
			"-drive", "if=pflash,format=raw,unit=1,file=" + part("OVMF_VARS_4M.fd"),
			"-kernel", part("vmlinuz"), "-initrd", part("initrd"), "-append", "console=ttyS0 intel_iommu=on " + linux,
		})
		g.units(t)
		g.facts(t, map[string]string{
			"machine.firmware": `"efi"`, "machine.secure_boot": "false", "iommu.interrupt_remapping": "true", "memory.physical": `{"max":1073741824,`,
		})
		g.bootEntries(t)
		g.records(t)
		g.configurations(t)
		g.textfiles(t)
		g.disks(t)
		g.twice(t)
		g.packages(t)
	})
	t.Run("xen", func(t *testing.T) {
		// Without SMAP: QEMU before 9.1 lets a PV kernel fault early.
		g := s.boot(t, "facts", []string{
			"-M", "q35,kernel-irqchip=split", "-cpu", "Skylake-Server,-smap", "-m", "1536", "-device", "intel-iommu,intremap=on", "-kernel", part("xen"),
			"-append", "console=com1 com1=115200,8n1 dom0_mem=768M,max:768M spec-ctrl=no xpti=no",
			"-initrd", part("vmlinuz") + " console=hvc0 " + strings.ReplaceAll(linux, ",", ",,") + "," + part("initrd"),
		})
		g.units(t)
		g.facts(t, map[string]string{
			"machine.kind": `"xen-dom0"`, "cpu.physical": `{"max":2,"min":2}`, "xen.virt_caps": `["pv","directio"`, "xen.scheduler": `"credit2"`,
			"xen.command_line": `{"text":"console=com1 com1=115200,8n1 dom0_mem=768M,max:768M spec-ctrl=no xpti=no"}`, "xen.build_config": `{"symbols":{`,
			"userspace.xenstored": `"oxenstored"`, "iommu.interrupt_remapping": "true",
		})
		says(t, strings.Join(g.lines("first.lines"), " "), "first verdict: ", " by Xen 4.17 ")
	})
}

// units judges the units as they were installed.
func (g seen) units(t *testing.T) {
	t.Helper()
	if g["verify"] != "exit code 0\n" {
		t.Errorf("systemd-analyze verify: %s", g["verify"])
	}
	exposure(t, g["security"])
	if g["enabled"] != "enabled\n" || g["active"] != "active\n" {
		t.Errorf("the timer is %s and %s", g["enabled"], g["active"])
	}
	t.Logf("next run: %s", strings.TrimSpace(g["timers"]))
	if !regexp.MustCompile(`^\w+ \d{4}-\d\d-\d\d `).MatchString(g["timers"]) {
		t.Errorf("the timer has no next run: %s", g["timers"])
	}
	says(t, g["timer.show"], "TimersMonotonic={ OnBootUSec=5min ;", "TimersCalendar={ OnCalendar=Mon *-*-* 00:00:00 ;", "RandomizedDelayUSec=1h", "Persistent=yes")
}

// object reads JSON, without what differs from one moment to the next.
func (g seen) object(t *testing.T, name string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(g[name]), &o); err != nil {
		t.Fatalf("%s: %v: %.200q", name, err, g[name])
	}
	hosts := []map[string]any{o}
	if h, ok := o["host"].(map[string]any); ok {
		hosts = append(hosts, h)
	}
	for _, h := range hosts {
		delete(h, "collected_at")
		delete(h, "at")
		// By their names, so that one that is missing is the only difference.
		if list, ok := h["sources"].([]any); ok {
			sources := map[string]any{}
			for _, s := range list {
				s := s.(map[string]any)
				sources[s["name"].(string)] = s
			}
			h["sources"] = sources
		}
	}
	return o
}

// facts holds what is seen inside the unit against what is seen outside: there is
// no difference, confined or not, and what must be seen is.
func (g seen) facts(t *testing.T, wanted map[string]string) {
	t.Helper()
	outside := g.object(t, "outside.json")
	for _, name := range []string{"inside.json", "inside-no-sandbox.json", "outside-no-sandbox.json"} {
		if d := differences("", outside, g.object(t, name)); len(d) > 0 {
			t.Errorf("outside.json and %s differ:\n%s", name, strings.Join(d, "\n"))
		}
	}
	if d := differences("", g.object(t, "outside.report"), g.object(t, "first.report")); len(d) > 0 {
		t.Errorf("the report differs from that of check outside:\n%s", strings.Join(d, "\n"))
	}
	known := 0
	for _, s := range outside["sources"].(map[string]any) {
		if s.(map[string]any)["state"] == "known" {
			known++
		}
	}
	t.Logf("the facts of %d sources are the same inside the unit and outside", known)
	if d := differences("", outside, g.object(t, "blinded.json")); len(d) == 0 {
		t.Error("a unit that is blinded sees the same: the comparison shows nothing")
	}
	for path, want := range wanted {
		var v any = outside
		for _, p := range strings.Split(path, ".") {
			m, _ := v.(map[string]any)
			v = m[p]
		}
		m, _ := v.(map[string]any)
		if b, err := json.Marshal(m["value"]); err != nil || !strings.HasPrefix(string(b), want) {
			t.Errorf("%s is %s, want %s", path, b, want)
		}
	}
}

// differences lists the places where two values of JSON are not the same.
func differences(path string, a, b any) []string {
	x, ok := a.(map[string]any)
	y, too := b.(map[string]any)
	if ok && too {
		keys := maps.Clone(x)
		maps.Copy(keys, y)
		var all []string
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			all = append(all, differences(path+"."+k, x[k], y[k])...)
		}
		return all
	}
	l, _ := json.Marshal(a)
	r, _ := json.Marshal(b)
	if bytes.Equal(l, r) {
		return nil
	}
	return []string{fmt.Sprintf("%s: %.300s, and %.300s", path, l, r)}
}

// ended checks how a run ended, and that xencheck wrote these lines to the
// journal; each is a regular expression for a whole line.
func (g seen) ended(t *testing.T, name string, code int, lines ...string) {
	t.Helper()
	unit := g[name+".unit"]
	want := fmt.Sprintf("Result=success\nExecMainStatus=%d\nActiveState=inactive\n", code)
	if code == 2 {
		want = "Result=exit-code\nExecMainStatus=2\nActiveState=failed\n"
	}
	if !slices.Equal(slices.Sorted(strings.Lines(unit)), slices.Sorted(strings.Lines(want))) {
		t.Errorf("%s: the unit ended with\n%swant\n%s%s", name, unit, want, g[name+".status"])
	}
	said := g.lines(name + ".lines")
	if len(said) != len(lines) {
		t.Errorf("%s: the journal has %q, want %q", name, said, lines)
		return
	}
	for i, l := range lines {
		if !regexp.MustCompile("^(?:" + l + ")$").MatchString(said[i]) {
			t.Errorf("%s: the journal has %q, want %q", name, said[i], l)
		}
	}
}

// kept checks that a run left the report of an earlier one, byte for byte, and
// nothing beside it.
func (g seen) kept(t *testing.T, name, earlier string) {
	t.Helper()
	if g[name+".report"] == "" || g[name+".report"] != g[earlier+".report"] {
		t.Errorf("%s: the report of %s is not kept", name, earlier)
	}
	if strings.Contains(g[name+".files"], ".tmp") {
		t.Errorf("%s: left behind: %s", name, g[name+".files"])
	}
}

const (
	firstVerdict = `first verdict: running Xen: .+ by Xen 4\.22 \(exit code 0, ok\)`
	to417        = `the verdict has changed: running Xen: .+ by Xen 4\.17 \(exit code 0, ok\); it was: running Xen: .+ by Xen 4\.22 \(exit code 0, ok\)`
	from417      = `the verdict has changed: running Xen: .+ by Xen 4\.22 \(exit code 0, ok\); it was: running Xen: .+ by Xen 4\.17 \(exit code 0, ok\)`
)

// records: what is kept, and what the journal is told.
func (g seen) records(t *testing.T) {
	t.Helper()
	g.ended(t, "first", 0, firstVerdict)
	if g["first.files"] != "lock\nreport.json\n" {
		t.Errorf("after the first run there is %q", g["first.files"])
	}
	g.ended(t, "second", 0)
	if g["second.files"] != "lock\nreport.json\nreport.previous.json\n" || g["second.previous"] != g["first.report"] {
		t.Errorf("the first report is not kept as the previous one: %q", g["second.files"])
	}
	// Where Landlock cannot be had, it is said in this run.
	g.ended(t, "debug", 0)
}

// configurations: the file of the settings is missing, as installed, broken,
// and names another release.
func (g seen) configurations(t *testing.T) {
	t.Helper()
	g.ended(t, "no-config", 0)
	g.ended(t, "default-config", 0)
	g.ended(t, "broken-config", 2, `xencheck: /etc/xencheck/config\.toml:1: .+`)
	g.kept(t, "broken-config", "default-config")
	g.ended(t, "unknown-key", 2, `xencheck: /etc/xencheck/config\.toml:1: .*xem.*`)
	g.kept(t, "unknown-key", "default-config")
	g.ended(t, "other-release", 0, to417)
	g.ended(t, "other-release-again", 0)
}

// bootEntries: what EFI starts next, by every entry of a real firmware and one
// that efibootmgr made; archives say the same.
func (g seen) bootEntries(t *testing.T) {
	t.Helper()
	entry := regexp.MustCompile(`^Boot([0-9A-F]{4})\*? (.*)`)
	tried := 0
	for _, line := range g.lines("efibootmgr") {
		m := entry.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		tried++
		what := "a disk's default loader"
		if _, file, ok := strings.Cut(line, "/File("); ok {
			what, _, _ = strings.Cut(file, ")")
		} else if strings.Contains(line, "Fv") {
			what = "a program of the firmware"
		}
		says(t, g["next."+m[1]], fmt.Sprintf("EFI starts Boot%s (%s) next, once, as BootNext says", m[1], what))
		if g["next."+m[1]] != g["replayed."+m[1]] {
			t.Errorf("%s: an archive says otherwise:\n%s", line, g["replayed."+m[1]])
		}
	}
	if tried < 4 { // three that were made, and the firmware's own
		t.Errorf("%d entries were tried: %s", tried, g["efibootmgr"])
	}
	says(t, g["next.0000"]+g["next.0001"]+g["next.0002"], "xen.efi is given arguments by its boot entry", "what systemd-boot boots cannot be told", "and what that boots cannot be told")
	says(t, g["next.none"], `EFI starts Boot`, `(\EFI\xen\xen-4.17-amd64.efi) first. xen.efi with its section “xen” (/boot/efi/EFI/xen/xen.cfg:3) boots Xen 4.17`)
}

// textfiles: metrics are written where somebody collects them.
func (g seen) textfiles(t *testing.T) {
	t.Helper()
	says(t, g["textfile.none"], "No such file or directory")
	g.ended(t, "textfile", 0, from417)
	g.ended(t, "textfile-nobody", 0)
	for _, name := range []string{"textfile.prom", "textfile-nobody.prom"} {
		if !strings.Contains(g[name], "\nxencheck_exit_code 0\n") {
			t.Errorf("%s: no metrics: %q", name, g[name])
		}
	}
}

// disks: a report that cannot be written leaves the old one alone.
func (g seen) disks(t *testing.T) {
	t.Helper()
	g.ended(t, "full", 2, to417, `xencheck: /var/lib/xencheck/report\.json: (?:cannot be written: )?no space left on device`)
	g.kept(t, "full", "textfile-nobody")
	g.ended(t, "readonly", 2, to417, `xencheck: /var/lib/xencheck/report\.json: cannot be written: read-only file system`)
	g.kept(t, "readonly", "textfile-nobody")
	g.ended(t, "readonly-var", 2, to417, `xencheck: /var/lib/xencheck/report\.json: cannot be written: read-only file system`)
	g.kept(t, "readonly-var", "textfile-nobody")
	// Where the directory has to be made first, systemd says it.
	says(t, g["readonly-var-first.all"], "Failed at step STATE_DIRECTORY spawning /usr/bin/xencheck: Read-only file system")
	g.ended(t, "after-disks", 0)
}

// twice: two records at once, and one that was killed at its work.
func (g seen) twice(t *testing.T) {
	t.Helper()
	busy := `xencheck: /var/lib/xencheck: another xencheck record is at work here; nothing was done`
	g.ended(t, "twice", 2, busy)
	if g["twice.report"] == "" || g["twice.report"] != g["after-disks.report"] {
		t.Error("the report is not that from before")
	}
	if g["twice.third"] != busy+"\nexit code 2\n" {
		t.Errorf("a third one says %q", g["twice.third"])
	}
	says(t, g["twice.first"], "ended with 137")
	// Whoever could open what is locked could hold up the records for ever.
	says(t, g["lock.mode"], "-rw------- 1 root root 0 ")
	says(t, g["lock.nobody"], "flock: cannot open lock file /var/lib/xencheck/lock: Permission denied")
	g.ended(t, "killed", 0)
	if g["killed.files"] != "lock\nreport.json\nreport.previous.json\n" {
		t.Errorf("what the one that was killed had half written stays: %q", g["killed.files"])
	}
	if g["killed.previous"] != g["after-disks.report"] {
		t.Error("after the one that was killed, the report before is not the previous one")
	}
}

// packages: an upgrade keeps the timer, a purge leaves nothing.
func (g seen) packages(t *testing.T) {
	t.Helper()
	says(t, g["upgrade.said"], "exit code 0")
	if g["upgrade.timer"] != "enabled\nactive\nNeedDaemonReload=no\n" {
		t.Errorf("after an upgrade the timer is %q", g["upgrade.timer"])
	}
	says(t, g["purge.said"], "exit code 0")
	if g["purge.left"] != "" {
		t.Errorf("a purge leaves\n%s", g["purge.left"])
	}
}
