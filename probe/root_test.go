package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
)

// plant writes files into a directory.
func plant(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			if err := os.Symlink(target, file); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTreeRoot(t *testing.T) {
	outside := t.TempDir()
	plant(t, outside, map[string]string{"secret": "secret"})
	dir := t.TempDir()
	plant(t, dir, map[string]string{
		"proc/file":       "content",
		"proc/empty":      "",
		"proc/up":         "-> ../sys/value",
		"proc/absolute":   "-> /sys/value",
		"proc/far":        "-> ../../../../../../sys/value",
		"proc/out":        "-> " + outside + "/secret",
		"proc/outup":      "-> ../../../../../.." + outside + "/secret",
		"proc/loop":       "-> loop2",
		"proc/loop2":      "-> loop",
		"proc/dangling":   "-> nowhere",
		"proc/dirlink":    "-> /sys",
		"sys/value":       "value",
		"sys/class/a/b/c": "deep",
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "proc/fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	if l, err := net.Listen("unix", filepath.Join(dir, "proc/socket")); err == nil {
		defer l.Close()
	}
	sparse, err := os.Create(filepath.Join(dir, "proc/sparse"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sparse.Truncate(10 << 30); err != nil {
		t.Fatal(err)
	}
	sparse.Close()
	root, err := openTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()

	for name, want := range map[string]string{
		"/proc/file": "content", "/proc/empty": "", "/proc/up": "value", "/proc/absolute": "value", "/proc/far": "value",
		"/proc/dirlink/value": "value", "/proc/dirlink/class/a/b/c": "deep",
	} {
		b, err := root.ReadFile(name, 100)
		if err != nil || string(b) != want {
			t.Errorf("%s: %q, %v, want %q", name, b, err, want)
		}
	}
	for name, want := range map[string]error{
		"/proc/missing":         fs.ErrNotExist,
		"/proc/dangling":        ErrNotRecorded,
		"/nowhere/missing":      ErrNotRecorded,
		"/toplevel":             ErrNotRecorded, // nobody captures a whole root directory
		"/proc/out":             ErrNotRecorded, // inside the tree there is no such place
		"/proc/outup":           ErrNotRecorded,
		"/proc/loop":            syscall.ELOOP,
		"/proc/fifo":            ErrNotFile,
		"/proc/socket":          ErrNotFile,
		"/proc/dirlink":         ErrNotFile,
		"/proc":                 ErrNotFile,
		"/proc/sparse":          ErrTooLarge,
		"/sys/class/../../../x": ErrNotRecorded,
		"uname(2)":              ErrNotRecorded,
	} {
		if b, err := root.ReadFile(name, 100); !errors.Is(err, want) {
			t.Errorf("%s: %q, %v, want %v", name, b, err, want)
		}
	}
	if _, err := root.ReadFile("/proc/file", 3); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a file over the limit: %v", err)
	}
	if _, err := root.ReadDir("/proc", 3); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a directory over the limit: %v", err)
	}
	if names, err := root.ReadDir("/proc/dirlink", 10); err != nil || len(names) != 2 {
		t.Errorf("a directory through a link: %v, %v", names, err)
	}
	if target, err := root.ReadLink("/proc/absolute"); err != nil || target != "/sys/value" {
		t.Errorf("link: %q, %v", target, err)
	}
}

// A tree made to hurt gives unknowns with reasons, in time, and what is honest
// in it is still read.
func TestHostileTree(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, map[string]string{
		"proc/meminfo":                     "MemTotal:  1000000 kB\n",
		"proc/cmdline":                     "-> /proc/cmdline",
		"etc/os-release":                   "\xff\xfe\x00binary\n",
		"sys/devices/system/cpu/present":   "0-4294967295\n",
		"sys/firmware/acpi/tables/FACP":    "FACP",
		"sys/firmware/acpi/tables/DMAR":    "DMAR\x10\x00\x00\x00",
		"sys/firmware/acpi/tables/APIC":    "-> ../../../../../../../../etc/passwd",
		"sys/firmware/dmi/tables/DMI":      strings.Repeat("\xff", 1000),
		"sys/class/dmi/id/sys_vendor/file": "a directory",
	})
	for _, fifo := range []string{"proc/cpuinfo", "sys/firmware/acpi/tables/IVRS"} {
		if err := syscall.Mkfifo(filepath.Join(dir, fifo), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(dir, "sys/firmware/fdt"))
	if err != nil {
		t.Fatal(err)
	}
	f.Truncate(10 << 30)
	f.Close()

	start := time.Now()
	h, err := Collect(context.Background(), Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	if len(h.Memory.Readings) != 1 || h.Memory.Readings[0].Bytes != 1000000<<10 {
		t.Errorf("memory: %+v", h.Memory)
	}
	isUnknown(t, "present", h.CPU.Present, facts.Malformed)
	isUnknown(t, "IOMMU", h.IOMMU.Units, facts.Truncated)
	causes := map[string]facts.Cause{}
	for _, s := range h.Sources {
		if s.Problem != nil {
			causes[s.Name] = s.Problem.Cause
		}
	}
	for name, want := range map[string]facts.Cause{
		"/proc/cpuinfo": facts.NotAFile, acpiTables + "/IVRS": facts.NotAFile, "/proc/cmdline": facts.ReadError,
		dmiID + "/sys_vendor": facts.NotAFile, dmiTable: facts.Truncated,
	} {
		if causes[name] != want {
			t.Errorf("%s: cause is %q, want %q", name, causes[name], want)
		}
	}
}

// A read that hangs is given up, and after a few of them all are.
func TestHangingReads(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	hang := hanging{Root: intelServer().root(), until: release, when: func(name string) bool { return name == "/proc/meminfo" }}
	start := time.Now()
	h, err := Collect(context.Background(), Options{FS: hang, FSLive: true, ReadTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "VMX", h.CPU.X86.VMX, true)
	found := false
	for _, s := range h.Sources {
		found = found || s.Name == "/proc/meminfo" && s.Problem != nil && s.Problem.Cause == facts.TimedOut
	}
	if !found {
		t.Error("the source that hangs is not told")
	}

	hang.when = func(string) bool { return true }
	if _, err := Collect(context.Background(), Options{FS: hang, FSLive: true, ReadTimeout: 20 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Collect(ctx, Options{FS: hang, FSLive: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled collection: %v", err)
	}
}

type hanging struct {
	Root
	until chan struct{}
	when  func(string) bool
}

func (r hanging) ReadFile(name string, limit int64) ([]byte, error) {
	if r.when(name) {
		<-r.until
	}
	return r.Root.ReadFile(name, limit)
}

// The running machine gives facts, whatever it is, and no unexplained ones.
func TestLiveMachine(t *testing.T) {
	h, err := Collect(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !h.Machine.Arch.IsKnown() || !h.CPU.Online.IsKnown() && !h.Machine.Kind.IsUnknown() {
		t.Errorf("arch %+v, online %+v", h.Machine.Arch, h.CPU.Online)
	}
	for _, s := range h.Sources {
		if s.State == facts.Unknown && (s.Problem == nil || s.Problem.Detail == "") {
			t.Errorf("%s: unknown without a reason", s.Name)
		}
	}
}

func TestLiveRoot(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, map[string]string{"file": strings.Repeat("x", 10000), "link": "-> file"})
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		"file": nil, "link": nil, "fifo": ErrNotFile, ".": ErrNotFile, "none": fs.ErrNotExist,
	} {
		if _, err := (liveRoot{}).ReadFile(filepath.Join(dir, name), 20000); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if b, err := (liveRoot{}).ReadFile(filepath.Join(dir, "file"), 10000); err != nil || len(b) != 10000 {
		t.Errorf("a file as large as the limit: %d, %v", len(b), err)
	}
	if _, err := (liveRoot{}).ReadFile(filepath.Join(dir, "file"), 9999); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a file over the limit: %v", err)
	}
	if _, err := (liveRoot{}).ReadFile("nonsense(2)", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an interface that does not exist: %v", err)
	}
	if _, err := readBounded(bytes.NewReader(make([]byte, 4097)), 0, 4096); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a file that claims to be empty: %v", err)
	}
}

func TestNumbered(t *testing.T) {
	got := numbered([]string{"cpu10", "cpu2", "cpufreq", "cpu", "cpu-1", "cpu99999999999999999999", "memory1"}, "cpu")
	if len(got) != 2 || got[0] != 2 || got[1] != 10 {
		t.Errorf("got %v", got)
	}
	if n := numbered([]string{"3", "x"}, ""); len(n) != 1 || strconv.Itoa(n[0]) != "3" {
		t.Errorf("got %v", n)
	}
}

// A file read piece by piece fails as one read at once does.
func TestStream(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, map[string]string{"proc/cpuinfo": "0123456789"})
	tree, err := openTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	given := newMemoryRoot()
	given.files["/proc/cpuinfo"] = []byte("given")
	for _, c := range []struct {
		about string
		root  Root
		name  string
		limit int64
		want  string
		err   error
	}{
		{"a tree", tree, "/proc/cpuinfo", 10, "0123456789", nil},
		{"too large", tree, "/proc/cpuinfo", 9, "", ErrTooLarge},
		{"a directory", tree, "/proc", 10, "", ErrNotFile},
		{"absent", tree, "/proc/meminfo", 10, "", fs.ErrNotExist},
		{"no stream", given, "/proc/cpuinfo", 10, "given", nil},
		{"no stream, too large", given, "/proc/cpuinfo", 4, "", ErrTooLarge},
		{"in front", &frontRoot{front: given, Root: tree}, "/proc/cpuinfo", 10, "given", nil},
		{"behind", &frontRoot{front: newMemoryRoot(), Root: tree}, "/proc/cpuinfo", 10, "0123456789", nil},
		{"guarded", &guardedRoot{Root: tree, ctx: t.Context(), timeout: time.Minute}, "/proc/cpuinfo", 10, "0123456789", nil},
	} {
		got, err := stream(c.root, c.name, c.limit, func(r io.Reader) string {
			b, _ := io.ReadAll(r)
			return string(b)
		})
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v, want %q, %v", c.about, got, err, c.want, c.err)
		}
	}
	// procfs claims that its files are empty: only reading tells their size.
	endless := &boundedReader{r: strings.NewReader("0123456789"), left: 4}
	if b, err := io.ReadAll(endless); !errors.Is(err, ErrTooLarge) {
		t.Errorf("beyond the bound: %q, %v", b, err)
	}
}

// Names that are only counted are those that are listed.
func TestCountNames(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{}
	for i := range 1500 { // more than are read at once
		files["sys/memory"+strconv.Itoa(i)] = ""
	}
	files["sys/uevent"] = ""
	plant(t, dir, files)
	tree, err := openTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	given := newMemoryRoot()
	given.dirs["/sys"] = []string{"memory0", "uevent"}
	for _, c := range []struct {
		about string
		root  Root
		name  string
		limit int
		want  int
		err   error
	}{
		{"a tree", tree, "/sys", 1501, 1500, nil},
		{"too many", tree, "/sys", 1500, 0, ErrTooLarge},
		{"absent", tree, "/sys/memory", 1, 0, fs.ErrNotExist},
		{"no tree", given, "/sys", 2, 1, nil},
		{"no tree, too many", given, "/sys", 1, 0, ErrTooLarge},
		{"in front", &frontRoot{front: given, Root: tree}, "/sys", 2, 1, nil},
		{"behind", &frontRoot{front: newMemoryRoot(), Root: tree}, "/sys", 1501, 1500, nil},
		{"guarded", &guardedRoot{Root: tree, ctx: t.Context(), timeout: time.Minute}, "/sys", 1501, 1500, nil},
	} {
		if got, err := countNames(c.root, c.name, c.limit, isMemoryBlock); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %d, %v, want %d, %v", c.about, got, err, c.want, c.err)
		}
	}
}

// panicking is a root with a fault.
type panicking struct{ Root }

func (panicking) ReadFile(string, int64) ([]byte, error) { panic("boom") }
func (panicking) ReadDir(string, int) ([]string, error)  { panic("boom") }
func (panicking) ReadLink(string) (string, error)        { panic("boom") }

// A fault in reading a source costs this source, and is told.
func TestGuardedPanic(t *testing.T) {
	g := &guardedRoot{Root: panicking{}, ctx: t.Context(), timeout: time.Minute}
	if _, err := g.ReadFile("/proc/cpuinfo", 10); err == nil || err.Error() != "reading it failed in xencheck itself: boom" {
		t.Error(err)
	}
	h, err := Collect(t.Context(), Options{FS: panicking{}})
	if err != nil {
		t.Fatal(err)
	}
	if p := h.CPU.Physical.Problem; h.CPU.Physical.IsKnown() || p == nil {
		t.Errorf("CPUs: %+v", h.CPU.Physical)
	}
	for _, s := range h.Sources {
		if s.State == facts.Known {
			t.Errorf("%s was read", s.Name)
		}
	}
}
