//go:build ansible

// Package ansible holds no code: it tests the role beside it, with Ansible,
// over ssh, on hosts of its own.
//
// Each host is a network namespace with an sshd that sees a copy of this
// machine's file system. It takes root, and programs that few machines have:
//
//	go test -tags ansible -timeout 30m ./packaging/ansible
package ansible

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// host is one machine of the inventory.
type host struct {
	name, address string
	python        bool   // whether Ansible's modules run there
	become        bool   // Ansible comes as somebody else, and becomes root by sudo
	prepare       string // shell commands in its file system, before sshd starts
}

// auditor is who may become root. Nothing resolves the name of such a host, and
// sudo says so each time.
const auditor = `useradd -m auditor; usermod -p '*' auditor; echo 'auditor ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/auditor
echo '127.0.0.1 localhost' > /etc/hosts; echo 'hosts: files' > /etc/nsswitch.conf
printf 'passwd: files\ngroup: files\nshadow: files\n' >> /etc/nsswitch.conf
`

func hosts() []host {
	return []host{
		{"plain1", "10.213.0.1", true, false, ""},
		{"plain2", "10.213.0.2", true, false, "rm -rf /usr/local/bin/python3*"},
		{"nopython", "10.213.0.3", false, false, "rm -f /usr/bin/python3* /usr/local/bin/python3* /usr/bin/python"},
		{"minimal", "10.213.0.4", false, false, "rm -rf /usr/lib/python3*/json /usr/local/lib/python3*/json"},
		{"arm", "10.213.0.5", true, false, `printf '#!/bin/sh\necho aarch64\n' > /usr/local/bin/uname; chmod 755 /usr/local/bin/uname`},
		{"sudo", "10.213.0.6", true, true, auditor},
		{"sudobare", "10.213.0.7", false, true, auditor + "rm -f /usr/bin/python3* /usr/local/bin/python3* /usr/bin/python"},
	}
}

// nobody is in the inventory, and there is no such machine.
const nobody = "10.213.0.66"

// site is the network with everything on it.
type site struct {
	t    *testing.T
	dir  string // of the controller
	ctl  string // its network namespace
	vars []string
}

// What those who write roles agree on.
func TestLint(t *testing.T) {
	for _, c := range [][]string{{"yamllint", "-c", "../.yamllint", "."}, {"ansible-lint", "--offline"}} {
		if _, err := exec.LookPath(c[0]); err != nil {
			t.Logf("%s is not installed", c[0])
			continue
		}
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", c[0], err, out)
		}
	}
}

func TestRole(t *testing.T) {
	s := build(t)
	reachable := hosts()

	t.Log("a dry run changes nothing anywhere, and judges where it can")
	r := s.play("--check")
	for _, h := range reachable {
		s.stats(r, h.name, 0, -1)
		if got := s.ssh(h, "ls /usr/local/bin/xencheck /etc/ansible/facts.d/xencheck.fact 2>/dev/null || true"); got != "" {
			t.Errorf("%s: a dry run left %s", h.name, got)
		}
		if r.verdict(h.name) == "" && !h.python {
			t.Errorf("%s: no verdict", h.name)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "xencheck")); err == nil {
		t.Error("a dry run wrote on the controller")
	}

	t.Log("the first run installs; a host that cannot be reached spoils no other")
	r = s.play()
	for _, h := range reachable {
		if h.python {
			s.stats(r, h.name, 0, 1)
		} else {
			s.stats(r, h.name, 0, -1) // -1: one of all makes room on the controller
		}
		if r.verdict(h.name) == "" {
			t.Errorf("%s: no verdict", h.name)
		}
		s.kept(h)
	}
	if page, err := os.ReadFile(filepath.Join(s.dir, "xencheck", "fleet.html")); err != nil || !bytes.Contains(page, fmt.Appendf(nil, "<title>Xen support of %d hosts</title>", len(reachable))) {
		t.Errorf("a page of %d hosts: %v", len(reachable), err)
	}
	if n := r.Stats["nobody"].Unreachable; n != 1 {
		t.Errorf("nobody is unreachable %d times, want 1", n)
	}

	t.Log("the second run changes nothing; neither does a dry run after it; facts that are damaged spoil no host's play")
	if err := os.WriteFile(filepath.Join(s.dir, "xencheck", "facts", "damaged.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{nil, {"--check"}} {
		r = s.play(more...)
		for _, h := range reachable {
			s.stats(r, h.name, 0, 0)
			if r.verdict(h.name) == "" {
				t.Errorf("%s: no verdict", h.name)
			}
		}
	}

	t.Log("each host has the binary of its architecture, and tells its verdict to every later play")
	for _, h := range reachable {
		got := s.ssh(h, "[ ! -e /usr/local/bin/xencheck ] || sha256sum < /usr/local/bin/xencheck")
		switch want := s.sum(h); {
		case h.python && !strings.HasPrefix(got, want):
			t.Errorf("%s: another binary: %s", h.name, got)
		case !h.python && got != "":
			t.Errorf("%s: a binary was left behind", h.name)
		}
		if left := s.ssh(h, "ls -A /root/.ansible/tmp /home/auditor/.ansible/tmp 2>/dev/null | grep -v ':$' || true"); left != "" {
			t.Errorf("%s: left behind: %s", h.name, left)
		}
	}

	s.local("supported")

	t.Log("another release is another verdict, which changes the local fact and fails the play if asked for")
	r = s.play("-e", "xencheck_xen=4.10", "-e", "xencheck_fail=true")
	for _, h := range reachable {
		want := 0
		if h.python {
			want = 1
		}
		s.stats(r, h.name, 1, want)
	}
	s.local("not_security_supported")
}

// need skips the test where something is missing that it cannot do without.
func need(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the test takes this machine for x86-64")
	}
	if os.Getuid() != 0 {
		t.Skip("network namespaces take root")
	}
	for program, pkg := range map[string]string{
		"ansible-playbook": "ansible", "/usr/sbin/sshd": "openssh-server", "ssh": "openssh-client", "ssh-keygen": "openssh-client",
		"ip": "iproute2", "unshare": "util-linux", "mount": "mount", "chroot": "coreutils", "sudo": "sudo",
	} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed (package %s)", program, pkg)
		}
	}
	probe := `mount -t tmpfs none /mnt && mkdir /mnt/u /mnt/w /mnt/m && mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/m`
	if out, err := exec.Command("unshare", "--mount", "--net", "sh", "-c", probe).CombinedOutput(); err != nil {
		t.Skipf("namespaces with an overlay cannot be made here: %v %s", err, out)
	}
}

// build makes the network, its hosts and the controller's directory.
func build(t *testing.T) *site {
	t.Helper()
	need(t)
	prefix := fmt.Sprintf("xc%d-", os.Getpid())
	s := &site{t: t, dir: t.TempDir(), ctl: prefix + "ctl"}
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		c := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(s.dir, "bin", "xencheck-"+arch), "../../cmd/xencheck")
		// Only this machine's runs here. One more byte tells the others from it.
		c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
		s.must(c.CombinedOutput())
	}
	for _, arch := range []string{"arm64", "arm"} {
		f, err := os.OpenFile(filepath.Join(s.dir, "bin", "xencheck-"+arch), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, arch)
		f.Close()
	}

	key := filepath.Join(s.dir, "key")
	s.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	s.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key+"-host")
	inventory := "[all:vars]\nansible_user=root\nansible_ssh_private_key_file=" + key + "\n\n[all]\nnobody ansible_host=" + nobody + "\n"

	s.netns(s.ctl)
	s.run("ip", "-n", s.ctl, "link", "add", "br0", "type", "bridge")
	s.run("ip", "-n", s.ctl, "addr", "add", "10.213.0.254/24", "dev", "br0")
	s.run("ip", "-n", s.ctl, "link", "set", "br0", "up")
	for i, h := range hosts() {
		ns := prefix + h.name
		s.netns(ns)
		port := fmt.Sprintf("port%d", i)
		s.run("ip", "-n", s.ctl, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", ns)
		s.run("ip", "-n", s.ctl, "link", "set", port, "master", "br0", "up")
		s.run("ip", "-n", ns, "addr", "add", h.address+"/24", "dev", "eth0")
		s.run("ip", "-n", ns, "link", "set", "lo", "up")
		s.run("ip", "-n", ns, "link", "set", "eth0", "up")
		s.boot(ns, h, key)
		inventory += h.name + " ansible_host=" + h.address
		if h.become {
			inventory += " ansible_user=auditor ansible_become=true"
		}
		inventory += "\n"
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("inventory", inventory)
	write("ansible.cfg", "") // and not that of whoever runs the test
	audit, err := os.ReadFile("audit.yml")
	if err != nil {
		t.Fatal(err)
	}
	write("audit.yml", string(audit))
	roles, err := filepath.Abs("roles")
	if err != nil {
		t.Fatal(err)
	}
	s.vars = append(os.Environ(),
		"HOME="+s.dir, "ANSIBLE_CONFIG="+filepath.Join(s.dir, "ansible.cfg"), "ANSIBLE_ROLES_PATH="+roles, "ANSIBLE_STDOUT_CALLBACK=json",
		"ANSIBLE_HOST_KEY_CHECKING=False", "ANSIBLE_TIMEOUT=5", "ANSIBLE_FORKS=6", "ANSIBLE_NOCOLOR=1", "ANSIBLE_DEPRECATION_WARNINGS=False",
		"ANSIBLE_SSH_ARGS=-o ControlMaster=auto -o ControlPersist=3s -o UserKnownHostsFile=/dev/null",
		"ANSIBLE_SSH_CONTROL_PATH_DIR="+shortDir(t), "LC_ALL=C.UTF-8")
	for _, h := range hosts() {
		s.wait(h)
	}
	return s
}

// shortDir is for sockets, whose names are short.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/tmp", "xc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { time.Sleep(4 * time.Second); os.RemoveAll(dir) }) // until connections that are kept have ended
	return dir
}

func (s *site) must(out []byte, err error) string {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s *site) run(args ...string) string {
	s.t.Helper()
	return s.must(exec.Command(args[0], args[1:]...).CombinedOutput())
}

func (s *site) netns(name string) {
	s.t.Helper()
	s.run("ip", "netns", "add", name)
	s.t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
}

// boot starts the host's sshd in namespaces that end with it.
func (s *site) boot(ns string, h host, key string) {
	s.t.Helper()
	const script = `set -e
hostname "$NAME"
mount -t tmpfs none /mnt; mkdir /mnt/u /mnt/w /mnt/m
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/m
mount -t proc proc /mnt/m/proc; mount --rbind /sys /mnt/m/sys; mount --rbind /dev /mnt/m/dev
mount -t tmpfs none /mnt/m/run; mkdir -p /mnt/m/run/sshd
mount -t tmpfs none /mnt/m/root
rm -rf /mnt/m/etc/ansible /mnt/m/usr/local/bin/xencheck
mkdir -p /mnt/m/etc/xc
cp "$KEY.pub" /mnt/m/etc/xc/authorized_keys
cp "$KEY-host" /mnt/m/etc/xc/key
cat > /mnt/m/etc/xc/sshd_config <<E
HostKey /etc/xc/key
AuthorizedKeysFile /etc/xc/authorized_keys
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
UseDNS no
LogLevel ERROR
SetEnv PATH=/usr/local/bin:/usr/bin:/bin
Subsystem sftp internal-sftp
E
chroot /mnt/m sh -ec "$PREPARE"
exec chroot /mnt/m /usr/sbin/sshd -D -e -f /etc/xc/sshd_config
`
	c := exec.Command("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "ip", "netns", "exec", ns, "sh", "-c", script)
	c.Env = append(os.Environ(), "NAME="+h.name, "KEY="+key, "PREPARE="+h.prepare+"\ntrue")
	var log bytes.Buffer
	c.Stdout, c.Stderr = &log, &log
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if s.t.Failed() {
			s.t.Logf("%s: %s", h.name, log.String())
		}
	})
}

// ssh runs a command on a host, without Ansible.
func (s *site) ssh(h host, command string) string {
	s.t.Helper()
	return s.must(s.tryssh(h, command))
}

func (s *site) tryssh(h host, command string) ([]byte, error) {
	return exec.Command("ip", "netns", "exec", s.ctl, "ssh", "-i", filepath.Join(s.dir, "key"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@"+h.address, command).CombinedOutput()
}

func (s *site) wait(h host) {
	s.t.Helper()
	var out []byte
	var err error
	for range 60 {
		if out, err = s.tryssh(h, "true"); err == nil {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	s.t.Fatalf("%s does not answer: %v %s", h.name, err, out)
}

// results is what Ansible's json callback writes.
type results struct {
	Plays []struct {
		Tasks []struct {
			Task  struct{ Name string }
			Hosts map[string]struct {
				Msg     any
				Changed bool
				Failed  bool
			}
		}
	}
	Stats map[string]struct{ Changed, Failures, Unreachable, Ok int }
}

// play runs the audit. That one host cannot be reached is its exit code 4.
func (s *site) play(args ...string) *results {
	s.t.Helper()
	c := exec.Command("ip", append([]string{"netns", "exec", s.ctl, "ansible-playbook", "-i", "inventory", "audit.yml"}, args...)...)
	c.Dir, c.Env = s.dir, s.vars
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	var r results
	if at := bytes.IndexByte(out, '{'); at < 0 || json.Unmarshal(out[at:], &r) != nil {
		s.t.Fatalf("ansible-playbook %s: %v\n%s%s", strings.Join(args, " "), err, stderr.String(), out)
	}
	if code := c.ProcessState.ExitCode(); code&4 == 0 {
		s.t.Errorf("ansible-playbook %s: exit code %d, want that of an unreachable host", strings.Join(args, " "), code)
	}
	return &r
}

// verdict returns what the play shows of a host.
func (r *results) verdict(name string) string {
	for _, p := range r.Plays {
		for _, t := range p.Tasks {
			if msg, ok := t.Hosts[name].Msg.(string); ok && t.Task.Name == "Show the verdict" && strings.Contains(msg, " by Xen ") {
				return msg
			}
		}
	}
	return ""
}

// stats compares what a play did to a host: the number of tasks that failed,
// and of those that changed something. -1 is any number, 1 is one or more.
func (s *site) stats(r *results, name string, failures, changed int) {
	s.t.Helper()
	got := r.Stats[name]
	bad := got.Failures != failures || got.Unreachable != 0 || got.Ok == 0
	switch changed {
	case 0:
		bad = bad || got.Changed != 0
	case 1:
		bad = bad || got.Changed == 0
	}
	if !bad {
		return
	}
	s.t.Errorf("%s: %+v, want %d failures, %d changes", name, got, failures, changed)
	for _, p := range r.Plays {
		for _, t := range p.Tasks {
			if h := t.Hosts[name]; h.Failed || h.Changed {
				s.t.Logf("%s: %s: %v", name, t.Task.Name, h.Msg)
			}
		}
	}
}

// kept checks what the controller has of a host.
func (s *site) kept(h host) {
	s.t.Helper()
	for dir, kind := range map[string]string{"facts": "", "reports": "xencheck-report"} {
		text, err := os.ReadFile(filepath.Join(s.dir, "xencheck", dir, h.name+".json"))
		var doc struct {
			Kind string
			Name string
			Host struct{ Name string }
		}
		if err != nil || json.Unmarshal(text, &doc) != nil || doc.Kind != kind || !slices.Contains([]string{doc.Name, doc.Host.Name}, h.name) {
			s.t.Errorf("%s: %s on the controller: %v, kind %q of host %q%q", h.name, dir, err, doc.Kind, doc.Name, doc.Host.Name)
		}
	}
}

// sum is the checksum of the binary that belongs on a host.
func (s *site) sum(h host) string {
	s.t.Helper()
	arch := "amd64"
	if h.name == "arm" {
		arch = "arm64"
	}
	data, err := os.ReadFile(filepath.Join(s.dir, "bin", "xencheck-"+arch))
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// local asks hosts for their local facts, as every later play would.
func (s *site) local(verdict string) {
	s.t.Helper()
	var names []string
	for _, h := range hosts() {
		if h.python {
			names = append(names, h.name)
		}
	}
	dir := filepath.Join(s.dir, "tree")
	c := exec.Command("ip", "netns", "exec", s.ctl, "ansible", "-i", "inventory", strings.Join(names, ","), "-t", dir, "-m", "ansible.builtin.setup", "-a", "filter=ansible_local")
	c.Dir, c.Env = s.dir, s.vars
	s.must(c.CombinedOutput())
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		var got struct {
			Facts struct {
				Local struct {
					Xencheck struct {
						Verdict  string
						Complete *bool
						ExitCode *int `json:"exit_code"`
						Uses     map[string]string
					}
				} `json:"ansible_local"`
			} `json:"ansible_facts"`
		}
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if x := got.Facts.Local.Xencheck; err != nil || x.Verdict != verdict || x.Complete == nil || x.ExitCode == nil || x.Uses["host"] != verdict {
			s.t.Errorf("%s: local facts are %s (%v), want verdict %s", name, text, err, verdict)
		}
	}
}
