package probe

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fake"
)

// machine is a host in memory: contents by path. A path that ends with a slash
// is an empty directory; interfaces stand under their names.
type machine map[string]string

// with returns a copy with other contents; an empty one takes the path away.
func (m machine) with(changes machine) machine {
	out := maps.Clone(m)
	for k, v := range changes {
		if v == gone {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

const gone = "\x00gone"

// root returns the machine as a captured tree.
func (m machine) root() *memoryRoot {
	r := newMemoryRoot()
	names := map[string]map[string]bool{}
	for name, content := range m {
		dir := strings.HasSuffix(name, "/")
		name = strings.TrimSuffix(name, "/")
		switch {
		case dir:
			if names[name] == nil {
				names[name] = map[string]bool{}
			}
		case strings.HasPrefix(content, "-> "):
			r.links[name] = strings.TrimPrefix(content, "-> ")
		default:
			r.files[name] = []byte(content)
		}
		for p := name; p != "/" && !isInterface(p); p = path.Dir(p) {
			up := path.Dir(p)
			if names[up] == nil {
				names[up] = map[string]bool{}
			}
			names[up][path.Base(p)] = true
		}
	}
	for dir, list := range names {
		for n := range list {
			r.dirs[dir] = append(r.dirs[dir], n)
		}
		if r.dirs[dir] == nil {
			r.dirs[dir] = []string{}
		}
	}
	return r
}

// liveTest makes a root in memory stand for the running machine: what it does
// not hold is not there.
type liveTest struct{ Root }

func (l liveTest) ReadFile(name string, limit int64) ([]byte, error) {
	b, err := l.Root.ReadFile(name, limit)
	return b, missing(err)
}

func (l liveTest) ReadDir(name string, limit int) ([]string, error) {
	names, err := l.Root.ReadDir(name, limit)
	return names, missing(err)
}

func (l liveTest) ReadLink(name string) (string, error) {
	target, err := l.Root.ReadLink(name)
	return target, missing(err)
}

func missing(err error) error {
	if err == ErrNotRecorded {
		return fs.ErrNotExist
	}
	return err
}

// faulty is a root some of whose sources fail, or say something else.
type faulty struct {
	Root
	errs  map[string]error
	bytes map[string][]byte
}

func (f faulty) ReadFile(name string, limit int64) ([]byte, error) {
	if err := f.errs[name]; err != nil {
		return nil, err
	}
	if b, ok := f.bytes[name]; ok {
		return b, nil
	}
	return f.Root.ReadFile(name, limit)
}

func (f faulty) ReadDir(name string, limit int) ([]string, error) {
	if err := f.errs[name]; err != nil {
		return nil, err
	}
	return f.Root.ReadDir(name, limit)
}

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// collectLive collects from a machine as if it were the running one.
func collectLive(t testing.TB, r Root) *facts.Host {
	t.Helper()
	h, err := Collect(context.Background(), Options{FS: liveTest{r}, FSLive: true, Now: noon, Tool: "xencheck test"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// x86CPUs is a /proc/cpuinfo.
func x86CPUs(n int, vendor string, family, model int, flags string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "processor\t: %d\nvendor_id\t: %s\ncpu family\t: %d\nmodel\t\t: %d\nmodel name\t: Test CPU\nstepping\t: 4\nflags\t\t: fpu lm %s\n\n", i, vendor, family, model, flags)
	}
	return b.String()
}

func armCPUs(midrs ...[4]int) string {
	var b strings.Builder
	for i, m := range midrs {
		fmt.Fprintf(&b, "processor\t: %d\nFeatures\t: fp asimd evtstrm aes cpuid\nCPU implementer\t: 0x%02x\nCPU architecture: 8\nCPU variant\t: 0x%x\nCPU part\t: 0x%03x\nCPU revision\t: %d\n\n", i, m[0], m[2], m[1], m[3])
	}
	return b.String()
}

const (
	gib = uint64(1) << 30
	// hostUUID and hostSerial are secrets that no output may hold.
	hostUUID   = "4c4c4544-0039-3610-8051-b7c04f4e3132"
	hostSerial = "SERIAL-7Q9B1N2"
)

func smbiosFiles(modules ...uint64) machine {
	structures := []fake.Structure{
		fake.System("Test Systems", "Server 9000", hostSerial, [16]byte{0x4c, 0x4c, 0x45, 0x44, 0x00, 0x39, 0x36, 0x10, 0x80, 0x51, 0xb7, 0xc0, 0x4f, 0x4e, 0x31, 0x32}),
		fake.Baseboard("Test Systems", "Board 1", hostSerial+"-B"),
	}
	for i, size := range modules {
		structures = append(structures, fake.Module{Handle: uint16(0x1100 + i), Size: uint16(size >> 20), Serial: hostSerial}.Structure())
	}
	entry, table := fake.SMBIOS(structures...)
	return machine{dmiEntry: string(entry), dmiTable: string(table)}
}

// intelServer is a bare machine with VT-d, read by root.
func intelServer() machine {
	return machine{
		"/proc/cpuinfo":             x86CPUs(4, "GenuineIntel", 6, 85, "vmx ept cqm rdt_a"),
		"/proc/meminfo":             "MemTotal:       65700000 kB\n",
		"/proc/cmdline":             "BOOT_IMAGE=/vmlinuz root=UUID=" + hostUUID + " ro quiet\n",
		"/proc/sys/kernel/hostname": "server9\n",
		"/proc/1/cgroup":            "0::/init.scope\n",
		"/proc/self/ns/pid":         "-> pid:[4026531836]",
		"/proc/self/ns/uts":         "-> uts:[4026531838]",
		"/proc/self/ns/ipc":         "-> ipc:[4026531839]",
		"/proc/self/ns/cgroup":      "-> cgroup:[4026531835]",
		"/etc/os-release":           "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n",
		"/boot/xen-4.20-amd64.gz":   "",
		"/boot/vmlinuz-6.12":        "",
		sysCPU + "/present":         "0-3\n",
		sysCPU + "/online":          "0-3\n",
		sysCPU + "/possible":        "0-7\n",
		sysCPU + "/kernel_max":      "8191\n",
		nodesOnline:                 "0\n",
		acpiTables + "/FACP":        string(fake.Table("FACP", 6, make([]byte, 232))),
		acpiTables + "/APIC":        string(fake.MADT(5, fake.LocalAPIC(0, 0, fake.APICEnabled), fake.LocalAPIC(1, 1, fake.APICEnabled), fake.LocalAPIC(2, 2, fake.APICEnabled), fake.LocalAPIC(3, 3, fake.APICEnabled), fake.LocalAPIC(4, 4, fake.APICOnlineCapable))),
		acpiTables + "/DMAR":        string(fake.DMAR(46, 1, fake.DRHD(0, 0, 0xfed90000), fake.DRHD(1, 0, 0xfed91000))),
		acpiTables + "/SRAT":        string(fake.SRAT(fake.MemoryAffinity(0, 64*gib, fake.MemoryEnabled))),
		acpiTables + "/MSDM":        "product key",
		"/sys/firmware/efi/runtime": "0x1\n",
		secureBootVar:               "\x06\x00\x00\x00\x01",
		firmwareMap + "/0/start":    "0x0\n",
		firmwareMap + "/0/end":      "0x7fffffff\n",
		firmwareMap + "/0/type":     "System RAM\n",
		firmwareMap + "/1/start":    "0x100000000\n",
		firmwareMap + "/1/end":      "0x107fffffff\n",
		firmwareMap + "/1/type":     "System RAM\n",
		firmwareMap + "/2/start":    "0x80000000\n",
		firmwareMap + "/2/end":      "0xffffffff\n",
		firmwareMap + "/2/type":     "Reserved\n",
		memoryBlocks + "/memory0/":  "",
		iommuClass + "/dmar0/":      "",
		iommuClass + "/dmar1/":      "",
		dmiID + "/sys_vendor":       "Test Systems\n",
		dmiID + "/product_name":     "Server 9000\n",
		dmiID + "/board_name":       "Board 1\n",
		dmiID + "/product_serial":   hostSerial,
		dmiID + "/product_uuid":     hostUUID,
		unameInterface:              "Linux 6.12.0-amd64 x86_64\n",
		cpuidInterface:              `{"vendor":"GenuineIntel","brand":"Test CPU","family":6,"model":85,"stepping":4,"vmx":true}`,
		ghwInterface:                `{"usable":67276800000,"cores":2,"board":"Board 1"}`,
		syslogInterface:             "",
	}.with(smbiosFiles(16*gib, 16*gib, 16*gib, 16*gib))
}

// withoutRoot is what an ordinary user is refused.
func withoutRoot(m machine) faulty {
	f := faulty{Root: m.root(), errs: map[string]error{syslogInterface: fs.ErrPermission, dmiTable: fs.ErrPermission, dmiEntry: fs.ErrPermission, blobFile: fs.ErrPermission}}
	for name := range m {
		if strings.HasPrefix(name, acpiTables+"/") {
			f.errs[name] = fs.ErrPermission
		}
	}
	return f
}
