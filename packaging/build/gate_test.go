//go:build packages

package main

import (
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// hook runs the hook as apt does, with an input on a descriptor of its own.
func (s *system) hook(in string, env ...string) (string, int) {
	s.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	go func() {
		_, _ = w.WriteString(in)
		w.Close()
	}()
	return s.hookFrom(r, env...)
}

// hookFrom is hook with an input that somebody else writes.
func (s *system) hookFrom(r *os.File, env ...string) (string, int) {
	s.t.Helper()
	c := exec.Command("chroot", s.root, "/usr/lib/xencheck/apt-hook")
	c.Env = append(append(slices.Clone(s.env), "APT_HOOK_INFO_FD=3"), env...)
	c.ExtraFiles = []*os.File{r}
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		s.t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// installed is a Debian with xencheck on it.
func installed(t *testing.T) *system {
	t.Helper()
	now, _ := packageFile(t, "*_amd64.deb")
	s := newSystem(t)
	data, err := os.ReadFile(now)
	if err != nil {
		t.Fatal(err)
	}
	s.write("/hosts/now.deb", string(data))
	s.do("apt-get", "install", "-y", "-q", "/hosts/now.deb")
	return s
}

const goesOn = "; installing goes on."

// Only the deliberate code stops apt: whatever is wrong with xencheck, a
// hypervisor can be installed, and a line says that nothing was judged.
func TestHookNeverBricks(t *testing.T) {
	s := installed(t)
	const good = "/usr/bin/xencheck.good"
	s.do("mv", "/usr/bin/xencheck", good)
	foreign := s.foreignBinary(good)
	script := func(lines string) func() { return func() { s.write("/usr/bin/xencheck", "#!/bin/sh\n"+lines+"\n") } }
	real := func() { s.do("cp", good, "/usr/bin/xencheck") }
	for _, tt := range []struct {
		name  string
		make  func()
		undo  func()
		says  string
		lines int // of the hook; 0 for any number
	}{
		{"missing", func() { s.do("rm", "-f", "/usr/bin/xencheck") }, nil, "xencheck: warning: /usr/bin/xencheck cannot be run" + goesOn, 1},
		{"not executable", func() { real(); s.do("chmod", "644", "/usr/bin/xencheck") }, nil, "xencheck: warning: /usr/bin/xencheck cannot be run" + goesOn, 1},
		{"a directory", func() { s.do("mkdir", "/usr/bin/xencheck") }, nil, "xencheck: warning: the host could not be judged" + goesOn, 0},
		{"killed", script("kill -9 $$"), nil, "xencheck: warning: the host was not judged within 30 seconds, or xencheck was killed" + goesOn, 0},
		{"crashed", script("kill -SEGV $$"), nil, "xencheck: warning: the host could not be judged" + goesOn, 0},
		{"terminated", script("kill $$"), nil, "xencheck: warning: the host could not be judged" + goesOn, 0},
		{"hangs", script("exec sleep 1000"), nil, "xencheck: warning: the host was not judged within 30 seconds, or xencheck was killed" + goesOn, 1},
		{"panic", script("echo panic: runtime error >&2; exit 2"), nil, "xencheck: warning: the host could not be judged" + goesOn, 2},
		{"fault", script("exit 4"), nil, "xencheck: warning: the host could not be judged" + goesOn, 1},
		{"findings", script("exit 1"), nil, "xencheck: warning: the host could not be judged" + goesOn, 1},
		{"code of another", script("exit 100"), nil, "xencheck: warning: the host could not be judged" + goesOn, 1},
		{"speaks", script("echo '$(touch /tmp/executed); `touch /tmp/executed`'; exit 2"), nil, "xencheck: warning: the host could not be judged" + goesOn, 2},
		{"garbage", func() { s.write("/usr/bin/xencheck", "\x00\x01") }, nil, "xencheck: warning: the host could not be judged" + goesOn, 0},
		{"no interpreter", func() { s.write("/usr/bin/xencheck", "#!/nowhere\n") }, nil, "xencheck: warning: the host could not be judged" + goesOn, 0},
		{"of another architecture", func() { s.write("/usr/bin/xencheck", foreign) }, nil, "xencheck: warning: the host could not be judged" + goesOn, 0},
		{"broken configuration", func() { real(); s.write("/etc/xencheck/config.toml", "[gate]\nmode = \"refuse\"\nmode = \"ask\"\n") },
			func() { s.write("/etc/xencheck/config.toml", "") }, "xencheck: /etc/xencheck/config.toml:3: not TOML as expected", 2},
		{"no /proc", func() { real(); s.must(exec.Command("umount", filepath.Join(s.root, "proc"))) },
			func() { s.must(exec.Command("mount", "-t", "proc", "proc", filepath.Join(s.root, "proc"))) }, "the host is not judged, since this is a chroot (no /proc is mounted)", 1},
		{"no /tmp, no /var/tmp", func() { real(); s.do("mv", "/tmp", "/tmp.away"); s.do("mv", "/var/tmp", "/var/tmp.away") },
			func() { s.do("mv", "/tmp.away", "/tmp"); s.do("mv", "/var/tmp.away", "/var/tmp") }, "the host is not judged, since this is a chroot", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.t = t
			s.do("rm", "-rf", "/usr/bin/xencheck")
			tt.make()
			out, code, there := s.installXen("XENCHECK_GATE_MODE=refuse")
			if tt.undo != nil {
				tt.undo()
			}
			if code != 0 || !there {
				t.Errorf("exit code %d, installed: %t", code, there)
			}
			says(t, out, tt.says)
			n := 0
			for l := range strings.Lines(out) {
				if strings.HasPrefix(l, "xencheck: ") || strings.HasPrefix(l, "panic: ") || strings.HasPrefix(l, "$(touch") {
					n++
				}
			}
			if tt.lines > 0 && n != tt.lines {
				t.Errorf("%d lines instead of %d:\n%s", n, tt.lines, tail(out))
			}
		})
	}
	s.t = t
	if _, err := os.Stat(filepath.Join(s.root, "tmp/executed")); err == nil {
		t.Error("what the binary says was executed")
	}
	// More of a configuration than a pipe holds, and nobody who reads it.
	s.write("/etc/apt/apt.conf.d/99long", strings.Repeat("Some::List { \""+strings.Repeat("x", 100)+"\"; };\n", 2000))
	s.do("rm", "-rf", "/usr/bin/xencheck")
	if out, code, there := s.installXen(); code != 0 || !there {
		t.Errorf("nobody reads: exit code %d, installed: %t:\n%s", code, there, tail(out))
	}
}

// foreignBinary is the binary of another architecture, as far as the kernel
// looks.
func (s *system) foreignBinary(of string) string {
	data, err := os.ReadFile(filepath.Join(s.root, of))
	if err != nil {
		s.t.Fatal(err)
	}
	data = slices.Clone(data[:4096])
	data[18], data[19] = byte(elf.EM_AARCH64), 0
	return string(data)
}

// What apt says, as it should not: a line tells what is wrong with it, and apt
// goes on.
func TestHookInput(t *testing.T) {
	s := installed(t)
	const head = "VERSION 3\nDir=/\n\n"
	const sound = "xen-hypervisor-4.20-amd64 - - none < 4.20.4-1 amd64 none /a.deb\n"
	env := []string{"XENCHECK_ROOT=/hosts/bad", "XENCHECK_GATE_MODE=refuse"}
	for in, want := range map[string]string{
		"": "empty: unknown version of apt's hook protocol", "\n": "unknown version", "VERSION 1\n\n": "unknown version", "VERSION 2\n\n": "unknown version", "VERSION 4\n\n": "unknown version", "VERSION 9\n\n": "unknown version",
		"/var/cache/apt/archives/xen.deb\n": "unknown version", "VERSION 3": "ends within apt's settings", "VERSION 3\nDir=/\n": "ends within apt's settings",
		head + "x\n": "expected nine fields", head + "\x00\x00\n": "expected nine fields", head + strings.Repeat("x", 1<<20) + "\n": "expected nine fields",
	} {
		out, code := s.hook(in, env...)
		if code != 0 {
			t.Errorf("%.40q stops apt with %d", in, code)
		}
		says(t, out, want, "xencheck: warning: the host could not be judged"+goesOn)
		if len(out) > 1000 {
			t.Errorf("%.40q: %d bytes of output", in, len(out))
		}
	}
	// What can be read counts, whatever stands around it.
	for in, want := range map[string]int{
		head + sound: 30, head + strings.TrimSuffix(sound, "\n"): 30, head + "x\n" + sound: 30, head + sound + "\x00": 30, head + strings.Repeat(sound, 20000): 30,
		head + strings.Replace(sound, "<", ">", 1): 30, head + strings.Replace(sound, "/a.deb", "**CONFIGURE**", 1): 0, head + strings.Replace(sound, "/a.deb", "**REMOVE**", 1): 0,
		head + strings.Replace(sound, "- - none", "4.20.3-1 amd64 none", 1): 0, head + strings.Replace(sound, "4.20.4-1", "nothing", 1): 0,
	} {
		if out, code := s.hook(in, env...); code != want {
			t.Errorf("%.80q: %d, not %d:\n%s", in, code, want, tail(out))
		}
	}
	t.Run("a gigabyte", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		go func() {
			defer w.Close()
			_, _ = io.WriteString(w, head+sound)
			chunk := []byte(strings.Repeat("y", 1<<20))
			for range 1 << 10 {
				if _, err := w.Write(chunk); err != nil {
					t.Errorf("not read to its end: %v", err)
					return
				}
			}
		}()
		start := time.Now()
		out, code := s.hookFrom(r, env...)
		if code != 30 {
			t.Errorf("exit code %d:\n%s", code, tail(out))
		}
		says(t, out, "more than 64 MiB", "REFUSED")
		t.Logf("a gigabyte is read in %v", time.Since(start))
	})
	t.Run("no descriptor", func(t *testing.T) {
		out, code := s.try("/usr/lib/xencheck/apt-hook")
		if code != 0 || strings.Count(out, "\n") != 1 {
			t.Errorf("%d: %s", code, out)
		}
		says(t, out, "apt does not say what it is about to install"+goesOn)
		for _, fd := range []string{"7", "x", "-1", "99999999999999999999"} {
			out, code = s.try("APT_HOOK_INFO_FD="+fd, "/usr/lib/xencheck/apt-hook")
			if code != 0 {
				t.Errorf("%s: exit code %d", fd, code)
			}
			says(t, out, "xencheck: warning: the host could not be judged"+goesOn)
		}
	})
	t.Run("quick", func(t *testing.T) {
		quickest := time.Hour
		for range 40 {
			start := time.Now()
			if out, code := s.hook("VERSION 3\nDir=/\n\nhello - - none < 2.10-3 amd64 none /a/hello.deb\n"); code != 0 || out != "" {
				t.Fatal(code, out)
			}
			quickest = min(quickest, time.Since(start))
		}
		t.Logf("the hook takes %v for other packages", quickest)
		if quickest > 20*time.Millisecond {
			t.Errorf("%v is more than 20 ms", quickest)
		}
	})
}

// terminal runs a shell's line inside on a terminal, and types each answer when
// its question has come. It returns what the screen shows.
func (s *system) terminal(line string, env []string, answers ...[2]string) string {
	s.t.Helper()
	c := exec.Command("script", "-qefc", "chroot "+s.root+" sh -c '"+line+"'", "/dev/null")
	c.Env = append(slices.Clone(s.env), append([]string{"DEBIAN_FRONTEND=teletype", "TERM=xterm", "SHELL=/bin/sh"}, env...)...)
	in, err := c.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	screen, err := c.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop := time.AfterFunc(2*time.Minute, func() { _ = c.Process.Kill() })
	defer stop.Stop()
	var shown strings.Builder
	from := 0
	buffer := make([]byte, 4096)
	for {
		n, err := screen.Read(buffer)
		shown.Write(buffer[:n])
		if len(answers) > 0 {
			if i := strings.Index(shown.String()[from:], answers[0][0]); i >= 0 {
				from += i + len(answers[0][0])
				time.Sleep(100 * time.Millisecond)
				_, _ = io.WriteString(in, answers[0][1])
				answers = answers[1:]
			}
		}
		if err != nil {
			break
		}
	}
	_ = c.Wait()
	if len(answers) > 0 {
		s.t.Errorf("never asked: %q", answers)
	}
	return shown.String()
}

// Somebody at a terminal is asked, each time, and apt keeps the terminal.
func TestHookAsksAtATerminal(t *testing.T) {
	needs(t, "script")
	s := installed(t)
	env := []string{"XENCHECK_ROOT=/hosts/bad", "XENCHECK_GATE_MODE=ask"}
	const question = "Install Xen on this host nevertheless?"
	const line = "apt-get install -q --no-install-recommends " + xen + " xen-hypervisor-common; echo ended=$?; test -t 0 && echo still a terminal"
	there := func() bool {
		out, _ := s.try("dpkg-query", "-W", "-f=${Status}", xen)
		return strings.Contains(out, "install ok installed")
	}
	for _, answer := range []string{"no", "yes", "no"} {
		s.do("apt-get", "purge", "-y", "-q", xen, "xen-hypervisor-common")
		out := s.terminal(line, env, [2]string{question, answer + "\n"})
		if there() != (answer == "yes") {
			t.Errorf("%s: installed: %t", answer, there())
		}
		says(t, out, "still a terminal", map[string]string{"yes": "xencheck: installing goes on, as decided.", "no": "xencheck: not installed, as decided."}[answer])
		if want := map[string]string{"yes": "ended=0", "no": "ended=100"}[answer]; !strings.Contains(out, want) {
			t.Errorf("%s: apt did not end with %s:\n%s", answer, want, tail(out))
		}
	}
	// The next question of apt itself is answered at the same terminal.
	out := s.terminal("apt-get install -q --no-install-recommends "+xen+"; apt-get purge "+xen, env,
		[2]string{question, "yes\n"}, [2]string{"[Y/n]", "n\n"})
	if !there() {
		t.Errorf("apt did not hear the answer:\n%s", tail(out))
	}
	s.do("apt-get", "purge", "-y", "-q", xen)
	// Ctrl-C at the question is no yes.
	out = s.terminal("apt-get install -q --no-install-recommends "+xen+"; echo", env, [2]string{question, "\x03"})
	if there() {
		t.Errorf("interrupted, and installed:\n%s", tail(out))
	}
	// A terminal at which nobody wants to be asked.
	out = s.terminal("DEBIAN_FRONTEND=noninteractive apt-get install -q --no-install-recommends "+xen, env)
	says(t, out, "xencheck: warning: nobody could be asked"+goesOn)
	if !there() {
		t.Errorf("nobody was asked, and nothing installed:\n%s", tail(out))
	}
}

// In containers, as their managers make them, there is no host to judge, and
// apt goes on whatever the mode is.
func TestHookInContainers(t *testing.T) {
	needs(t, "unshare", "pivot_root")
	s := installed(t)
	s.must(exec.Command("umount", filepath.Join(s.root, "proc")))
	defer func() { s.must(exec.Command("mount", "-t", "proc", "proc", filepath.Join(s.root, "proc"))) }()
	s.write("/hosts/said", "VERSION 3\nDir=/\n\nxen-hypervisor-4.17-amd64 - - none < 4.17.5-1 amd64 none /a.deb\n")
	const enter = `mount --bind "$0" "$0" && cd "$0" && mkdir -p outside.d && pivot_root . outside.d || exit 99
exec chroot . sh -c 'mount -t proc proc /proc; umount -l /outside.d; exec env APT_HOOK_INFO_FD=3 sh -c "/usr/lib/xencheck/apt-hook 3</hosts/said"'`
	for _, tt := range []struct{ name, mark, text, env, says string }{
		{"docker", "/.dockerenv", "", "", "this is a container (docker)"},
		{"podman", "/run/.containerenv", "engine=\"podman-4.3.1\"\n", "", "this is a container (podman)"},
		{"systemd-nspawn", "/run/systemd/container", "systemd-nspawn\n", "", "this is a container (systemd-nspawn)"},
		{"lxc", "/outside", "", "container=lxc", "this is a container (lxc)"},
		{"of nobody known", "/outside", "", "", "this is a container;"},
	} {
		s.write(tt.mark, tt.text)
		c := exec.Command("unshare", "--pid", "--mount", "--fork", "sh", "-c", enter, s.root)
		c.Env = append(slices.Clone(s.env), "XENCHECK_GATE_MODE=refuse", tt.env)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		says(t, string(out), tt.says)
		if strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: more than a line: %s", tt.name, out)
		}
		if err := os.Remove(filepath.Join(s.root, tt.mark)); err != nil {
			t.Fatal(err)
		}
	}
}
