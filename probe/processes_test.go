package probe

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/xenbus"
)

// process is the files of a process in /proc.
func process(pid, comm, uid string, argv ...string) machine {
	return machine{
		"/proc/" + pid + "/comm":    comm + "\n",
		"/proc/" + pid + "/cmdline": strings.Join(argv, "\x00") + "\x00",
		"/proc/" + pid + "/status":  "Name:\t" + comm + "\nUid:\t0\t" + uid + "\t0\t0\n",
	}
}

func TestFindProcesses(t *testing.T) {
	m := machine{}
	for _, p := range []machine{
		process("1", "systemd", "0", "/sbin/init"),
		process("20", "xenconsoled", "0", "/usr/sbin/xenconsoled", "--log=guest"),
		process("21", "qemu-system-i38", "995", "/usr/lib/xen-4.17/bin/qemu-system-i386", "-xen-domid", "3", "-uuid", hostUUID, "-run-with", "user=xen-qemuuser-range-base,chroot=/x",
			"-xen-domid-restrict", "-machine", "xenfv,suppress-vmdesc=on", "-netdev", "type=tap,mac=00:16:3e:11:22:33", "-vnc", "password="+hostSerial),
		process("19", "xen-qemu-system", "0", "/usr/libexec/xen-qemu-system-i386", "-xen-domid", "4", "-no-shutdown", "-machine", "xenfv"),
		process("22", "xl", "0", "xl", "-v", "remus", "-c", "web", "backup-host"),
		process("23", "xl", "0", "xl", "create", "/etc/xen/web.cfg"),
		process("24", "xenwatch", "0"), // a kernel thread
		process("25", "python3", "0", "/usr/bin/python3", "xenstored"),
		process("26", "xenstored", "0", "/usr/sbin/xenstored", "--pid-file", "/var/run/x", "-U"),
		{"/proc/27/comm": "xenpaging\n"}, // went away meanwhile
	} {
		m = m.with(p)
	}
	got, err := findProcesses(m.root())
	if err != nil {
		t.Fatal(err)
	}
	want := []facts.Process{
		{Name: "qemu-system-i386", Args: []string{"-xen-domid", "3", "-run-with", "user=xen-qemuuser-range-base", "-xen-domid-restrict", "-machine", "xenfv"}},
		{Name: "xen-qemu-system-i386", Args: []string{"-xen-domid", "4", "-machine", "xenfv"}, Root: true},
		{Name: "xenconsoled", Root: true},
		{Name: "xenstored", Args: []string{"-U"}, Root: true},
		{Name: "xl", Args: []string{"create"}, Root: true},
		{Name: "xl", Args: []string{"remus", "-c"}, Root: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	var p *facts.Problem
	if _, err := findProcesses(process("812", "bash", "1000", "bash").root()); !errors.As(err, &p) || p.Cause != facts.NoPermission {
		t.Errorf("with hidepid: %v", err)
	}
	if _, err := findProcesses(machine{"/proc/version": "x"}.root()); !errors.Is(err, ErrNotRecorded) {
		t.Errorf("no processes: %v", err)
	}

	// A captured tree is walked, and its archive keeps the list alone.
	tree := pvDom0().with(m)
	var b bytes.Buffer
	h, err := WriteRaw(context.Background(), &b, Options{FS: tree.root(), Now: noon, Tool: "xencheck test"})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "processes of a tree", h.Userspace.Processes, want)
	sameFacts(t, "tree", h, replayed(t, save(t, b.Bytes())))
	members, _ := unpack(bytes.NewReader(b.Bytes()))
	for name, content := range members {
		if bytes.Contains(content, []byte(hostUUID)) || bytes.Contains(content, []byte("00:16:3e")) || bytes.Contains(content, []byte("backup-host")) {
			t.Errorf("%s holds an argument that is nobody's business", name)
		}
	}
}

// What is kept of a command line is a part of it, in order; keeping again
// changes nothing.
func FuzzArguments(f *testing.F) {
	f.Add("qemu-system-x86_64", "-run-with\x00user=a,b\x00-M\x00xenpv\x00-machine")
	f.Add("xl", "-vvv\x00remus\x00-c\x00web\x00host")
	f.Add("xenstored", "-U\x00\x00-U")
	f.Fuzz(func(t *testing.T, name, line string) {
		p, ok := programOf(name)
		if !ok {
			return
		}
		argv := strings.Split(line, "\x00")
		kept := p.args(argv)
		if len(kept) > len(argv) {
			t.Fatalf("%q of %q", kept, argv)
		}
		if again := p.args(kept); !slices.Equal(again, kept) {
			t.Fatalf("%q, then %q", kept, again)
		}
		for _, a := range kept {
			if !slices.Contains(p.flags, a) && !slices.Contains(p.words, a) && !slices.Contains(p.options, a) && strings.Contains(a, ",") {
				t.Fatalf("%q keeps more than the first part of an option", a)
			}
		}
	})
}

// fakeStore is a xenstore in memory.
type fakeStore struct {
	values map[string]string
	dirs   map[string][]string
	err    error
}

func (f fakeStore) Read(_ context.Context, path string) ([]byte, error) {
	if v, ok := f.values[path]; ok {
		return []byte(v), f.err
	}
	return nil, f.failure()
}

func (f fakeStore) Directory(_ context.Context, path string) ([]string, error) {
	if d, ok := f.dirs[path]; ok {
		return d, f.err
	}
	return nil, f.failure()
}

func TestReadStore(t *testing.T) {
	three := 3
	got, err := readStore(context.Background(), fakeStore{
		values: map[string]string{"/tool/xenstored/domid": "3"},
		dirs: map[string][]string{
			"/local/domain": {"0", "3", "x", "5"}, "/local/domain/0/backend": {"vif", "qdisk"},
			"/local/domain/0/backend/vif": {"5"}, "/local/domain/0/backend/qdisk": {"5", "3"}, "/local/domain/5/backend": {"vif"}, "/local/domain/5/backend/vif": {"3"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := xenstoreReading{Daemon: &three, Backends: []backend{{0, "qdisk", 3}, {0, "qdisk", 5}, {0, "vif", 5}, {5, "vif", 3}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := readStore(context.Background(), fakeStore{err: xenbus.ErrTimedOut}); !errors.Is(err, xenbus.ErrTimedOut) {
		t.Errorf("nobody answers: %v", err)
	}
	if p := xenstoreProblem(xenbus.ErrTimedOut); p.Cause != facts.TimedOut || p.Remedy == "" {
		t.Errorf("problem: %+v", p)
	}
	if p := xenstoreProblem(xenbus.ErrPermission); p.Cause != facts.NoPermission {
		t.Errorf("problem: %+v", p)
	}
}

func (f fakeStore) failure() error {
	if f.err != nil {
		return f.err
	}
	return xenbus.ErrNotFound
}
