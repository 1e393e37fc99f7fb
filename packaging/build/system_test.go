//go:build packages

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// dist is where the packages under test are.
var dist string

// built makes the packages once: as they are, and for this machine as they were
// one version before. XENCHECK_DIST names a directory that holds both already,
// in now and before.
var built = sync.OnceValues(func() (dirs [2]string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return dirs, err
	}
	if made := os.Getenv("XENCHECK_DIST"); made != "" {
		dist = made
	}
	dirs = [2]string{filepath.Join(dist, "now"), filepath.Join(dist, "before")}
	if _, err := os.Stat(filepath.Join(dirs[1], "SHA256SUMS")); err == nil {
		return dirs, nil
	}
	if _, err = run(options{root: root, out: dirs[0]}); err != nil {
		return dirs, err
	}
	_, err = run(options{root: root, out: dirs[1], version: "0.0.9", only: "amd64"})
	return dirs, err
})

// packed returns a package as it is now.
func packed(t *testing.T, pattern string) string {
	t.Helper()
	dirs, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return only(t, dirs[0], pattern)
}

// only returns the file in a directory that matches a pattern.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	m, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(m) != 1 {
		t.Fatalf("%s in %s: %v, %v", pattern, dir, m, err)
	}
	return m[0]
}

// packageFile returns the package of a kind, and the one of the version before.
func packageFile(t *testing.T, pattern string) (now, before string) {
	t.Helper()
	now = packed(t, pattern)
	return now, only(t, filepath.Join(dist, "before"), pattern)
}

func TestMain(m *testing.M) {
	var err error
	if dist, err = os.MkdirTemp("", "xencheck-dist-"); err != nil {
		panic(err)
	}
	made := dist
	code := m.Run()
	os.RemoveAll(made)
	os.Exit(code)
}

// needs skips a test for which a program or root is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if p == "root" {
			if os.Getuid() != 0 {
				t.Skip("only root can do this")
			}
			continue
		}
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

// system is a Debian in a directory.
type system struct {
	t    *testing.T
	root string
	env  []string
}

// newSystem makes a minimal Debian bookworm that can fetch packages.
func newSystem(t *testing.T) *system {
	t.Helper()
	return newSystemWithPackages(t, "bookworm")
}

// newSystemWithPackages makes a minimal Debian that can fetch packages.
func newSystemWithPackages(t *testing.T, suite string) *system {
	t.Helper()
	s := newSystemOf(t, suite, "amd64")
	if resolv, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		s.write("/etc/resolv.conf", string(resolv))
	}
	// A mirror that stands still is good enough.
	if out, code := s.try("apt-get", "update", "-q", "-o", "Acquire::Check-Valid-Until=false"); code != 0 {
		t.Skipf("no packages can be fetched: %s", tail(out))
	}
	return s
}

// newSystemOf makes a minimal Debian of an architecture whose programs run here,
// from one that is kept in the cache directory, with hosts to judge in
// /hosts.
func newSystemOf(t *testing.T, suite, arch string) *system {
	t.Helper()
	needs(t, "root", "debootstrap", "mount")
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	base := filepath.Join(cache, "xencheck-tests", strings.TrimSuffix(suite+"-"+arch, "-amd64"))
	if _, err := os.Stat(filepath.Join(base, ".complete")); err != nil {
		os.RemoveAll(base)
		if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("debootstrap", "--variant=minbase", "--arch="+arch, suite, base).CombinedOutput(); err != nil {
			t.Skipf("no Debian could be fetched: %v: %.300s", err, tail(string(out)))
		}
		if err := os.WriteFile(filepath.Join(base, ".complete"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := &system{t: t, root: filepath.Join(t.TempDir(), "debian"), env: []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "XENCHECK_AT=2026-11-21",
	}}
	s.must(exec.Command("cp", "-a", base, s.root))
	s.must(exec.Command("mount", "-t", "proc", "proc", filepath.Join(s.root, "proc")))
	t.Cleanup(func() { s.must(exec.Command("umount", filepath.Join(s.root, "proc"))) })
	s.host("good", "0x3ffffffff")
	s.host("bad", "0xcffffffffff")
	return s
}

// host writes a captured server whose memory ends at an address: 16 GiB are
// supported by every release, 13 TiB by none.
func (s *system) host(name, end string) {
	for file, text := range map[string]string{
		"proc/cpuinfo":                   "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz\nstepping\t: 7\nflags\t\t: fpu lm vmx ept\n\n",
		"sys/devices/system/cpu/present": "0\n",
		"sys/devices/system/cpu/online":  "0\n",
		"sys/firmware/memmap/0/start":    "0x0\n",
		"sys/firmware/memmap/0/end":      end + "\n",
		"sys/firmware/memmap/0/type":     "System RAM\n",
	} {
		s.write("/hosts/"+name+"/"+file, text)
	}
}

// copy puts a file of this machine into the system.
func (s *system) copy(from, to string) {
	s.t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(to, string(data))
}

func (s *system) write(path, text string) {
	s.t.Helper()
	name := filepath.Join(s.root, path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// must runs a command outside.
func (s *system) must(c *exec.Cmd) {
	s.t.Helper()
	if out, err := c.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %v: %s", c.Args, err, out)
	}
}

// try runs a command inside and returns what it wrote, and its exit code.
// Words with = before the command go into its environment.
func (s *system) try(args ...string) (string, int) {
	s.t.Helper()
	env := append([]string{}, s.env...)
	for len(args) > 0 && strings.Contains(args[0], "=") && !strings.HasPrefix(args[0], "-") {
		env, args = append(env, args[0]), args[1:]
	}
	c := exec.Command("chroot", append([]string{s.root}, args...)...)
	c.Env = env
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	if c.ProcessState == nil {
		s.t.Fatal(err)
	}
	return out.String(), c.ProcessState.ExitCode()
}

// do runs a command inside that must succeed.
func (s *system) do(args ...string) string {
	s.t.Helper()
	out, code := s.try(args...)
	if code != 0 {
		s.t.Fatalf("%v: exit code %d:\n%s", args, code, tail(out))
	}
	return out
}

// tail returns the last lines of a text.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}

// says fails unless a text says something, in any line breaks.
func says(t *testing.T, text string, wanted ...string) {
	t.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	for _, w := range wanted {
		if !strings.Contains(flat, w) {
			t.Errorf("does not say %q:\n%s", w, tail(text))
		}
	}
}

// exposed is the highest exposure that systemd-analyze may find in the unit.
const exposed = 2.5

// exposure holds what systemd-analyze security says against the limit.
func exposure(t *testing.T, said string) {
	t.Helper()
	m := regexp.MustCompile(`exposure level for xencheck.service: ([0-9.]+)`).FindStringSubmatch(said)
	if m == nil {
		t.Fatalf("no exposure: %s", said)
	}
	t.Logf("systemd-analyze security: %s", m[0])
	if n, err := strconv.ParseFloat(m[1], 64); err != nil || n > exposed {
		t.Errorf("the exposure %s is above %v:\n%s", m[1], exposed, said)
	}
}

// files lists what is installed, without what changes anyway.
func (s *system) files() []string {
	s.t.Helper()
	out := s.do("find", "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/hosts", "-o", "-path", "/var/cache", "-o", "-path", "/var/lib/apt",
		"-o", "-path", "/var/log", "-o", "-path", "/var/lib/dpkg", "-o", "-path", "/tmp", ")", "-prune", "-o", "-print")
	return strings.Fields(out)
}

// leavesOnly expects that nothing is there that was not there before.
func (s *system) leavesOnly(t *testing.T, before []string) {
	t.Helper()
	left := slices.DeleteFunc(s.files(), func(name string) bool { return slices.Contains(before, name) })
	if len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, " "))
	}
}
