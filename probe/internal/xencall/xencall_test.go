package xencall

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
)

// base is where the fake memory begins as far as Xen is concerned.
const base = 0x7f2c68707000

// fakeGate answers hypercalls out of a function, as Xen would: it sees the
// arguments and the memory, and nothing else.
type fakeGate struct {
	mem    []byte
	answer func(g *fakeGate, op uint64, args [5]uint64) (int64, error)
	calls  int
	closed int
}

func (g *fakeGate) Memory() []byte            { return g.mem }
func (g *fakeGate) Address(offset int) uint64 { return base + uint64(offset) }
func (g *fakeGate) Close() error              { g.closed++; return nil }
func (g *fakeGate) Hypercall(op uint64, args [5]uint64) (int64, error) {
	g.calls++
	return g.answer(g, op, args)
}

// at is the memory behind an address that Xen was given.
func (g *fakeGate) at(address uint64) []byte {
	if address < base || address >= base+uint64(len(g.mem)) {
		return nil
	}
	return g.mem[address-base:]
}

func fake(answer func(g *fakeGate, op uint64, args [5]uint64) (int64, error)) (*Xen, *fakeGate) {
	g := &fakeGate{mem: make([]byte, MemorySize), answer: answer}
	return New(g), g
}

// sysctls is a Xen of one interface version: answer is given the command and
// its structure.
func sysctls(version Interface, answer func(g *fakeGate, command uint32, u []byte) (int64, error)) (*Xen, *fakeGate) {
	return fake(func(g *fakeGate, op uint64, args [5]uint64) (int64, error) {
		if op != hypercallSysctl {
			return 0, syscall.ENOSYS
		}
		b := g.at(args[0])
		v := view{data: b}
		if v.u32(4) != uint32(version) {
			return 0, syscall.EACCES
		}
		if v.u32(0) == sysctlSchedulerID {
			put32(b, 8, 6)
			return 0, nil
		}
		return answer(g, v.u32(0), b[sysctlUnion:sysctlSize])
	})
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func padded(b []byte, n int) []byte { return append(b, make([]byte, n-len(b))...) }

func TestVersion(t *testing.T) {
	long := strings.Repeat("x", 1500)
	for _, c := range []struct {
		name  string
		kept  string // the command line as this Xen keeps it
		newer bool   // it has XENVER_commandline2
		want  CommandLine
	}{
		{"4.17", "dom0_mem=512M loglvl=all", false, CommandLine{"dom0_mem=512M loglvl=all", false, "XENVER_commandline"}},
		{"4.17, cut", long[:1023], false, CommandLine{long[:1023], true, "XENVER_commandline"}},
		{"4.20, which keeps no more", long[:1023], true, CommandLine{long[:1023], true, "XENVER_commandline2"}},
		{"one that keeps all", long, true, CommandLine{long, false, "XENVER_commandline2"}},
		{"none", "", true, CommandLine{"", false, "XENVER_commandline2"}},
	} {
		x, _ := fake(func(g *fakeGate, op uint64, args [5]uint64) (int64, error) {
			b := g.at(args[1])
			switch {
			case op != hypercallVersion:
				return 0, syscall.ENOSYS
			case args[0] == xenverVersion:
				return 4<<16 | 20, nil
			case args[0] == xenverCapabilities:
				copy(b, "xen-3.0-aarch64 xen-3.0-armv7l \x00junk")
				return 0, nil
			case args[0] == xenverCommandLine:
				copy(b, c.kept+"\x00")
				return 0, nil
			case args[0] == xenverCommandLine2 && c.newer:
				return int64(copy(b[4:], c.kept)), nil
			case args[0] == xenverBuildID:
				return int64(copy(b[4:], []byte{0xea, 0x92, 0xb6})), nil
			case args[0] == xenverPlatform:
				put64(b, 0, 0xffff800000000000)
				return 0, nil
			}
			return 0, syscall.ENOSYS
		})
		got, err := x.CommandLine(t.Context())
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v %s", c.name, err, d)
		}
		if major, minor, err := x.Version(t.Context()); major != 4 || minor != 20 || err != nil {
			t.Errorf("version %d.%d, %v", major, minor, err)
		}
		if s, err := x.Capabilities(t.Context()); s != "xen-3.0-aarch64 xen-3.0-armv7l " || err != nil {
			t.Errorf("capabilities %q, %v", s, err)
		}
		if id, err := x.BuildID(t.Context()); !bytes.Equal(id, []byte{0xea, 0x92, 0xb6}) || err != nil {
			t.Errorf("build ID %x, %v", id, err)
		}
		if v, err := x.VirtualStart(t.Context()); v != 0xffff800000000000 || err != nil {
			t.Errorf("virt_start %#x, %v", v, err)
		}
		if _, err := x.Changeset(t.Context()); !errors.Is(err, ErrNotImplemented) {
			t.Errorf("changeset: %v", err)
		}
	}
}

func TestDenied(t *testing.T) {
	x, _ := fake(func(g *fakeGate, _ uint64, args [5]uint64) (int64, error) {
		if args[0] == xenverCommandLine2 || args[0] == xenverBuildID {
			return 0, syscall.EPERM
		}
		copy(g.at(args[1]), denied+"\x00")
		return 0, nil
	})
	if _, err := x.CommandLine(t.Context()); !errors.Is(err, ErrRefused) {
		t.Errorf("command line: %v", err)
	}
	if _, err := x.Changeset(t.Context()); !errors.Is(err, ErrRefused) {
		t.Errorf("changeset: %v", err)
	}
	if _, err := x.BuildID(t.Context()); !errors.Is(err, ErrRefused) || !errors.Is(err, syscall.EPERM) {
		t.Errorf("build ID: %v", err)
	}
}

func TestNoBuildID(t *testing.T) {
	x, _ := fake(func(*fakeGate, uint64, [5]uint64) (int64, error) { return 0, syscall.ENODATA })
	if id, err := x.BuildID(t.Context()); id != nil || err != nil {
		t.Errorf("%x, %v", id, err)
	}
}

func TestCompileInfo(t *testing.T) {
	b := make([]byte, compileInfoSize)
	copy(b[0:], "gcc 12")
	copy(b[64:], "builder")
	copy(b[80:], "example.org")
	copy(b[112:], "Wed Nov  4 16:52:28 UTC 2026")
	got, err := decodeCompileInfo(b)
	if d := cmp.Diff(CompileInfo{"gcc 12", "builder", "example.org", "Wed Nov  4 16:52:28 UTC 2026"}, got); d != "" || err != nil {
		t.Error(err, d)
	}
	if _, err := decodeCompileInfo(b[:100]); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

// The structures as three machines gave them: 3 GiB and two EPYC CPUs under
// Xen 4.20, 2 GiB and two Cortex-A57 under 4.17, two Cortex-A15 under a 32-bit
// 4.17. The older layouts are the first one's numbers where those releases
// have them.
func TestPhysInfo(t *testing.T) {
	const allNow = CapHVM | CapPV | CapDirectIO | CapHAP | CapShadow | CapIOMMUHAPPTShare | CapVMTrace | CapVPMU | CapGnttabV1 | CapGnttabV2
	epyc := "01000000 02000000 02000000 01000000 01000000 3f000000 229d2700"
	amounts := "7fff0b0000000000 3ade080000000000 0000000000000000 0000000000000000 ffff130000000000" +
		"fdf38b17 0332d8f6 0008502c 77000000 05000000 a9018800 00000000 00000000"
	host := PhysInfo{
		ThreadsPerCore: 1, CoresPerSocket: 2, CPUs: 2, MaxCPUID: 1, Nodes: 1, MaxNodeID: 63, CPUKHz: 2596130,
		TotalPages: 786303, FreePages: 581178, MaxMFN: 0x13ffff,
		HWCap: [8]uint32{0x178bf3fd, 0xf6d83203, 0x2c500800, 0x77, 5, 0x8801a9, 0, 0},
	}
	for _, c := range []struct {
		name     string
		version  Interface
		data     string
		caps     Capability
		reported Capability
		words    string
		arch     uint32
	}{
		{"4.10", 0x10, epyc + "03000000" + amounts, CapHVM | CapDirectIO, CapHVM | CapDirectIO, "hvm directio", 0},
		{"4.11, no IOMMU", 0x11, epyc + "01000000" + amounts, CapHVM, CapHVM | CapDirectIO, "hvm", 0},
		{"4.12", 0x12, epyc + "07000000" + amounts, CapHVM | CapPV | CapDirectIO, CapHVM | CapPV | CapDirectIO, "hvm pv directio", 0},
		{"4.13, where hap is told too", 0x12, epyc + "0b000000" + amounts, CapHVM | CapPV | CapHAP, CapHVM | CapPV | CapDirectIO, "hvm pv hap", 0},
		{"4.14", 0x13, epyc + "3f000000" + amounts, 0x3f, 0x3f, "hvm pv directio hap shadow iommu_hap_pt_share", 0},
		{"4.16", 0x14, epyc + "c0030000" + amounts, CapVMTrace | CapVPMU | CapGnttabV1 | CapGnttabV2, allNow, "vmtrace vpmu gnttab-v1 gnttab-v2", 0},
		{"4.20", 0x15, epyc + "0f030000 00000000 00000000" + amounts, CapHVM | CapPV | CapDirectIO | CapHAP | CapGnttabV1 | CapGnttabV2, allNow, "hvm pv directio hap gnttab-v1 gnttab-v2", 0},
		{"4.22, an SVE of 512 bits, a bit of the future", 0x16, epyc + "00080000 04000000 00000000" + amounts, 1 << 11, allNow, "bit11", 4},
	} {
		want := host
		want.Interface, want.Capabilities, want.Reported, want.ArchCapabilities = c.version, c.caps, c.reported, c.arch
		x, _ := sysctls(c.version, func(_ *fakeGate, command uint32, u []byte) (int64, error) {
			if command != sysctlPhysInfo {
				return 0, syscall.ENOSYS
			}
			copy(u, unhex(t, c.data))
			return 0, nil
		})
		got, err := x.PhysInfo(t.Context())
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v %s", c.name, err, d)
		}
		if got.Capabilities.String() != c.words {
			t.Errorf("%s: %q", c.name, got.Capabilities)
		}
		if got.SVEVectorBits() != int(c.arch)*128 {
			t.Errorf("%s: SVE of %d bits", c.name, got.SVEVectorBits())
		}
	}
	arm, err := decodePhysInfo(0x15, padded(unhex(t, "01000000 01000000 02000000 01000000 01000000 00000000 24f40000 89010000"+
		"00000000 00000000 0000080000000000 a2ad050000000000 0000000000000000 0000000000000000 ffff0b0000000000"), sysctlUnionSize))
	if err != nil || arm.TotalBytes() != 2<<30 || arm.Capabilities.String() != "hvm hap vpmu gnttab-v1" {
		t.Errorf("%+v, %v", arm, err)
	}
	for name, c := range map[string]struct {
		version Interface
		data    string
		want    error
	}{
		"a version before":  {0x0f, epyc + "03000000" + amounts, ErrInterface},
		"a version to come": {0x17, epyc + "03000000" + amounts, ErrInterface},
		"cut off":           {0x15, epyc + "03000000" + amounts, ErrMalformed},
		"no CPU":            {0x13, strings.Repeat("00", 28) + "03000000" + amounts, ErrMalformed},
		"no memory":         {0x13, epyc + "03000000" + strings.Repeat("00", 72), ErrMalformed},
	} {
		if _, err := decodePhysInfo(c.version, unhex(t, c.data)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestInterface(t *testing.T) {
	for version := Interface(0x0e); version <= 0x18; version++ {
		x, g := sysctls(version, nil)
		got, err := x.Interface(t.Context())
		if !version.known() {
			if !errors.Is(err, ErrInterface) {
				t.Errorf("%#x: %v", uint32(version), err)
			}
			continue
		}
		if got != version || err != nil {
			t.Errorf("%#x: %#x, %v", uint32(version), uint32(got), err)
		}
		calls := g.calls
		if s, err := x.Scheduler(t.Context()); s.String() != "credit2" || err != nil {
			t.Errorf("%#x: scheduler %v, %v", uint32(version), s, err)
		}
		if g.calls != calls+1 {
			t.Errorf("%#x: the version was looked for again", uint32(version))
		}
	}
}

func TestErrnos(t *testing.T) {
	for errno, want := range map[syscall.Errno]error{
		syscall.EPERM:      ErrRefused,
		syscall.ENOSYS:     ErrNotImplemented,
		syscall.EOPNOTSUPP: ErrNotImplemented,
		syscall.EACCES:     ErrInterface,
		syscall.EINVAL:     ErrFailed,
		syscall.EFAULT:     ErrFailed,
	} {
		x, _ := fake(func(*fakeGate, uint64, [5]uint64) (int64, error) { return 0, errno })
		if _, err := x.PhysInfo(t.Context()); !errors.Is(err, want) {
			t.Errorf("%v: %v", errno, err)
		}
	}
	// Once the version is known, EACCES is the security policy's answer.
	x, _ := sysctls(0x15, func(*fakeGate, uint32, []byte) (int64, error) { return 0, syscall.EACCES })
	if _, err := x.PhysInfo(t.Context()); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

// A page that is being moved is not there for a moment.
func TestFaultIsTriedAgain(t *testing.T) {
	x, g := fake(nil)
	g.answer = func(g *fakeGate, _ uint64, args [5]uint64) (int64, error) {
		if g.calls < 3 {
			g.mem[0] = 0xff // half an answer
			return 0, syscall.EFAULT
		}
		copy(g.at(args[1]), ".7")
		return 0, nil
	}
	if s, err := x.ExtraVersion(t.Context()); s != ".7" || err != nil {
		t.Errorf("%q, %v", s, err)
	}
}

// A call that never comes back ends with the deadline; after that nothing
// touches the memory, and Close leaves it alone.
func TestHang(t *testing.T) {
	release := make(chan struct{})
	x, g := fake(func(*fakeGate, uint64, [5]uint64) (int64, error) { <-release; return 0, nil })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := x.Version(ctx); !errors.Is(err, ErrTimedOut) {
		t.Errorf("first: %v", err)
	}
	if _, err := x.PhysInfo(t.Context()); !errors.Is(err, ErrTimedOut) {
		t.Errorf("second: %v", err)
	}
	if err := x.Close(); err != nil || g.closed != 0 {
		t.Errorf("closed %d times, %v", g.closed, err)
	}
	close(release)
}

func TestClose(t *testing.T) {
	x, g := fake(func(*fakeGate, uint64, [5]uint64) (int64, error) { return 4<<16 | 17, nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := x.Version(ctx); !errors.Is(err, ErrTimedOut) {
		t.Errorf("cancelled: %v", err)
	}
	if _, _, err := x.Version(t.Context()); err != nil {
		t.Errorf("after one that was cancelled: %v", err)
	}
	x.Close()
	x.Close()
	if _, _, err := x.Version(t.Context()); err == nil || g.closed != 1 {
		t.Errorf("closed %d times, %v", g.closed, err)
	}
}

// A paused PVH guest of 256 MiB with one of three VCPUs plugged in, and a
// paused PV guest of 300 MiB with one of two, as Xen 4.17 told of them.
func TestDomainTypes(t *testing.T) {
	for _, c := range []struct {
		data string
		want Domain
		pvh  bool
	}{
		{"0100 0000 0a01ffff 1100010000000000 0001010000000000 0000000000000000 0000000000000000 0000000000000000" +
			"ffffffffffffffff 0000000000000000 01000000 02000000 00000000 00000000000000000000000000000000 00000000" +
			"28000000 00000000 01000000 00000000",
			Domain{ID: 1, Flags: 0xffff010a, HVM: true, Paused: true, HAP: true, Pages: 65553, MaxPages: 65792, OnlineVCPUs: 1, VCPUs: 3, Emulation: 1}, true},
		{"0200 0000 0800ffff 002c010000000000 002d010000000000 0000000000000000 0000000000000000 0000000000000000" +
			"70fd070000000000 0000000000000000 01000000 01000000 00000000 00000000000000000000000000000000 00000000" +
			"28000000 00000000 00000000 00000000",
			Domain{ID: 2, Flags: 0xffff0008, Paused: true, Pages: 76800, MaxPages: 77056, OnlineVCPUs: 1, VCPUs: 2}, false},
		{"0300 0000 0201ffff" + strings.Repeat("00", 64-8) + "00000000 ffffffff" + strings.Repeat("00", 92-72) + "ffffffff 28000000 00000000 ff030000 00000000",
			Domain{ID: 3, Flags: 0xffff0102, HVM: true, HAP: true, CPUPool: -1, Emulation: 0x3ff}, false},
	} {
		got, err := decodeDomain(0x15, unhex(t, c.data))
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%v %s", err, d)
		}
		if got.PVH() != c.pvh {
			t.Errorf("domain %d: PVH is %v", got.ID, got.PVH())
		}
	}
}

// A PV dom0 as 4.20 tells of it, and a guest that is the xenstore domain and
// uses memory sharing and paging, with shadow page tables.
func TestDomains(t *testing.T) {
	dom0 := "0000 0000 2000ffff 0000030000000000 0000030000000000 0000000000000000 0000000000000000 0000000000000000" +
		"52ae130000000000 d9bf3ef605000000 02000000 01000000 00000000 00000000000000000000000000000000 00000000" +
		"28000000 00000000 00010000 00000000"
	guest := "0500 0000 9200ffff 0000010000000000 0001010000000000 0000000000000000 0700000000000000 0900000000000000" +
		"0000000000000000 0000000000000000 01000000 03000000 0b000000 00112233445566778899aabbccddeeff 02000000" +
		"01000000 00000000 00000000 00000000"
	want := []Domain{
		{ID: 0, Flags: 0xffff0020, Running: true, Pages: 0x30000, MaxPages: 0x30000, OnlineVCPUs: 2, VCPUs: 2, Emulation: 0x100},
		{ID: 5, Flags: 0xffff0092, HVM: true, Blocked: true, Xenstore: true, Pages: 0x10000, MaxPages: 0x10100,
			SharedPages: 7, PagedPages: 9, OnlineVCPUs: 1, VCPUs: 4, SSIDRef: 11, CPUPool: 2},
	}
	for _, version := range []Interface{0x10, 0x13, 0x14, 0x16} {
		x, _ := sysctls(version, func(g *fakeGate, command uint32, u []byte) (int64, error) {
			v := view{data: u}
			if command != sysctlDomainList || v.u32(4) != 1 {
				return 0, syscall.EINVAL
			}
			out := g.at(v.u64(8))
			switch first := v.u16(0); {
			case first == 0:
				copy(out, unhex(t, dom0))
			case first <= 5:
				copy(out, unhex(t, guest))
			default:
				return 0, nil
			}
			put32(u, 16, 1)
			return 0, nil
		})
		want := append([]Domain(nil), want...)
		if version < 0x14 {
			want[0].Emulation, want[1].Emulation = 0x28, 1
		}
		got, err := x.Domains(t.Context())
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%#x: %v %s", uint32(version), err, d)
		}
	}
}

func TestDomainsMalformed(t *testing.T) {
	for name, answer := range map[string]func(out, u []byte){
		"the same domain again": func(out, u []byte) { put32(u, 16, 1) },
		"two for one":           func(out, u []byte) { put32(u, 16, 2) },
		"a reserved ID":         func(out, u []byte) { put16(out, 0, 0x7ff0); put32(u, 16, 1) },
	} {
		x, _ := sysctls(0x15, func(g *fakeGate, _ uint32, u []byte) (int64, error) {
			v := view{data: u}
			answer(g.at(v.u64(8)), u)
			return 0, nil
		})
		if _, err := x.Domains(t.Context()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	x, _ := sysctls(0x15, func(g *fakeGate, _ uint32, u []byte) (int64, error) {
		v := view{data: u}
		put16(g.at(v.u64(8)), 0, v.u16(0))
		put32(u, 16, 1)
		return 0, nil
	})
	if list, err := x.Domains(t.Context()); !errors.Is(err, ErrTooLarge) || len(list) != maxDomains {
		t.Errorf("%d domains, %v", len(list), err)
	}
}

func TestCPUPools(t *testing.T) {
	x, _ := sysctls(0x15, func(g *fakeGate, command uint32, u []byte) (int64, error) {
		v := view{data: u}
		if command != sysctlCPUPool || v.u32(0) != cpupoolInfo || v.u32(32) != maxCPUs {
			return 0, syscall.EINVAL
		}
		cpus := g.at(v.u64(24))
		switch id := v.u32(4); {
		case id == 0:
			put32(u, 8, 6)
			put32(u, 20, 3)
			cpus[0] = 0x83
		case id <= 7:
			put32(u, 4, 7)
			put32(u, 8, 9)
			cpus[2] = 0x01
		default:
			return 0, syscall.ENOENT
		}
		return 0, nil
	})
	got, err := x.CPUPools(t.Context())
	want := []CPUPool{{0, 6, 3, []int{0, 1, 7}}, {7, 9, 0, []int{16}}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	if got[1].Scheduler.String() != "null" || Scheduler(1).String() != "" {
		t.Errorf("schedulers %v", got)
	}
}

// A ring of 200 KiB takes more than one call; nothing clears it.
func TestConsole(t *testing.T) {
	ring := bytes.Repeat([]byte("(XEN) a line of forty characters, about\n"), 5000)
	x, _ := sysctls(0x15, func(g *fakeGate, command uint32, u []byte) (int64, error) {
		v := view{data: u}
		if command != sysctlReadConsole || u[0] != 0 {
			t.Fatalf("command %d, clear %d", command, u[0])
		}
		from := 0
		if u[1] != 0 {
			from = int(v.u32(4))
		}
		n := copy(g.at(v.u64(8))[:v.u32(16)], ring[from:])
		put32(u, 4, uint32(from+n))
		put32(u, 16, uint32(n))
		return 0, nil
	})
	got, err := x.Console(t.Context())
	if !bytes.Equal(got, ring) || err != nil {
		t.Errorf("%d bytes of %d, %v", len(got), len(ring), err)
	}
	x, _ = sysctls(0x15, func(_ *fakeGate, _ uint32, u []byte) (int64, error) {
		put32(u, 16, MemorySize)
		return 0, nil
	})
	if _, err := x.Console(t.Context()); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func TestLivePatches(t *testing.T) {
	names := make([]string, 40)
	for i := range names {
		names[i] = fmt.Sprintf("patch-%d", i)
	}
	for _, version := range []Interface{0x10, 0x12, 0x13, 0x16} {
		x, _ := sysctls(version, func(g *fakeGate, command uint32, u []byte) (int64, error) {
			v := view{data: u[8:]}
			if command != sysctlLivePatch || u[0] != livePatchList || v.u32(12) != 0 {
				return 0, syscall.EINVAL
			}
			first := 16
			if version >= 0x13 {
				first = 24
				put32(u[8:], 20, 100) // bytes of metadata
			}
			status, name, length := g.at(v.u64(first)), g.at(v.u64(first+8)), g.at(v.u64(first+16))
			index, nr := int(v.u32(4)), int(v.u32(8))
			put32(u[8:], 0, 17)
			at := 0
			for i := range nr {
				if version < 0x13 {
					at = i * livePatchNameSize
				}
				put32(status, 8*i, 2)
				at += copy(name[at:], names[index+i]+"\x00")
				put32(length, 4*i, uint32(len(names[index+i])+1))
			}
			put32(u[8:], 8, uint32(len(names)-index-nr))
			return int64(nr), nil
		})
		got, err := x.LivePatches(t.Context())
		if err != nil || len(got) != len(names) {
			t.Fatalf("%#x: %d payloads, %v", uint32(version), len(got), err)
		}
		for i, p := range got {
			if p.Name != names[i] || p.State != LivePatchApplied {
				t.Errorf("%#x: payload %d is %+v", uint32(version), i, p)
			}
		}
	}
	x, _ := sysctls(0x15, func(_ *fakeGate, _ uint32, u []byte) (int64, error) {
		put32(u[8:], 8, 1)
		put32(u[8:], 20, 1<<20)
		return 0, nil
	})
	if _, err := x.LivePatches(t.Context()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("metadata larger than its room: %v", err)
	}
}

func TestMachineMemoryMap(t *testing.T) {
	x, _ := fake(func(g *fakeGate, op uint64, args [5]uint64) (int64, error) {
		if op != hypercallMemory || args[0] != memoryMachineMap {
			return 0, syscall.ENOSYS
		}
		request := g.at(args[1])
		v := view{data: request}
		out := g.at(v.u64(8))
		put64(out, 8, 0x9fc00)
		put32(out, 16, 1)
		put64(out, 20, 0xfffc0000)
		put64(out, 28, 0x40000)
		put32(out, 36, 2)
		put64(out, 40, 0x100000000)
		put64(out, 48, 1<<30)
		put32(out, 56, 1)
		put32(request, 0, 3)
		return 0, nil
	})
	got, err := x.MachineMemoryMap(t.Context())
	want := []MapEntry{{0, 0x9fc00, 1}, {0xfffc0000, 0x40000, 2}, {0x100000000, 1 << 30, 1}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	if RAM(got) != 1<<30+0x9fc00 {
		t.Errorf("%d bytes of RAM", RAM(got))
	}
}

// The structures of an EPYC under 4.20, and a CPU number between that is not
// present.
func TestPhysicalCPUs(t *testing.T) {
	info := []string{"00000000 02000000 01000000 00000000 00000000", "01000000 02000000 02000000 00000000 00000000", "02000000 02000000 00000000 04000000 02000000"}
	version := []string{"00000000 02000000 41757468656e746963414d44 17000000 01000000 02000000", "", "02000000 02000000 000000000000000000000000 00000000 00000000 00000000"}
	x, _ := fake(func(g *fakeGate, op uint64, args [5]uint64) (int64, error) {
		b := g.at(args[0])
		v := view{data: b}
		if op != hypercallPlatform || v.u32(4) != 0x03000001 {
			return 0, syscall.EACCES
		}
		from := map[uint32][]string{55: info, 48: version}[v.u32(0)]
		copy(b[platformUnion:], unhex(t, from[v.u32(platformUnion)]))
		return 0, nil
	})
	got, err := x.PhysicalCPUs(t.Context())
	want := []PhysicalCPU{
		{ID: 0, Online: true, Vendor: "AuthenticAMD", Family: 0x17, Model: 1, Stepping: 2},
		{ID: 2, APICID: 4, ACPIID: 2},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
}

func TestEFI(t *testing.T) {
	value := []byte{1}
	status := uint64(efiSuccess)
	x, _ := fake(func(g *fakeGate, _ uint64, args [5]uint64) (int64, error) {
		b := g.at(args[0])
		v := view{data: b[8:]}
		switch b[0] {
		case platformFirmware:
			put32(b, 8+8, 0x20046)
		case platformEFICall:
			if name := g.at(v.u64(16))[:22]; string(name) != "S\x00e\x00c\x00u\x00r\x00e\x00B\x00o\x00o\x00t\x00\x00\x00" {
				t.Errorf("name %q", name)
			}
			if guid := hex.EncodeToString(b[8+40 : 8+56]); guid != "61dfe48bca93d211aa0d00e098032b8c" {
				t.Errorf("GUID %s", guid)
			}
			put64(b, 8+8, status)
			put64(b, 8+24, uint64(copy(g.at(v.u64(32)), value)))
		}
		return 0, nil
	})
	if v, err := x.EFIVersion(t.Context()); v != 0x20046 || err != nil {
		t.Errorf("%#x, %v", v, err)
	}
	if on, err := x.SecureBoot(t.Context()); !on || err != nil {
		t.Errorf("%v, %v", on, err)
	}
	value = []byte{2}
	if _, err := x.SecureBoot(t.Context()); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	status = efiNotFound
	if on, err := x.SecureBoot(t.Context()); on || err != nil {
		t.Errorf("%v, %v", on, err)
	}
	status = 1<<63 | 3
	if _, err := x.SecureBoot(t.Context()); !errors.Is(err, ErrFailed) {
		t.Error(err)
	}
}

func TestFlask(t *testing.T) {
	ret, err := int64(1), error(nil)
	x, _ := fake(func(*fakeGate, uint64, [5]uint64) (int64, error) { return ret, err })
	if on, err := x.FlaskEnforcing(t.Context()); !on || err != nil {
		t.Errorf("%v, %v", on, err)
	}
	ret = 0
	if on, err := x.FlaskEnforcing(t.Context()); on || err != nil {
		t.Errorf("%v, %v", on, err)
	}
	err = syscall.ENOSYS
	if _, err := x.FlaskEnforcing(t.Context()); !errors.Is(err, ErrNotImplemented) {
		t.Error(err)
	}
}

// The directories of an Arm32 host under 4.17, as they came.
const (
	recordedRoot    = "00000000 46000000 00000000 00000000 60000000 00000000 1a00 6275696c64696e666f000000 00000000 16000000 00000000 1600 637075706f6f6c00 00000000 4c010000 00000000 0000 706172616d730000"
	recordedPool    = "00000000 16000000 00000000 00000000 1a000000 00000000 0000 3000000000000000"
	recordedPoolDir = "00000000 1a000000 00000000 02000000 04000000 08000000 0000 73636865642d6772616e0000"
)

// hypfs is a Xen with the files of a small tree. A kernel that swaps has Xen
// see the last two arguments the wrong way round.
func hypfs(t *testing.T, swaps bool) *Xen {
	text := func(kind byte, data string) []byte {
		b := make([]byte, hypfsEntrySize, hypfsEntrySize+len(data))
		b[0] = kind
		put32(b, 4, uint32(len(data)))
		return append(b, data...)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte("CONFIG_PV=y\nCONFIG_HVM=y\n"))
	z.Close()
	config := text(byte(HypfsString), packed.String())
	config[1] = hypfsGzip
	writable := text(byte(HypfsUint), "\x40\x00\x00\x00")
	put32(writable, 8, 4)
	files := map[string][]byte{
		"/":                     unhex(t, recordedRoot),
		"/cpupool":              unhex(t, recordedPool),
		"/cpupool/0":            unhex(t, recordedPoolDir),
		"/cpupool/0/sched-gran": text(byte(HypfsString), "cpu\x00"),
		"/buildinfo":            text(byte(HypfsDir), ""),
		"/buildinfo/config":     config,
		"/params":               text(byte(HypfsDir), string(unhex(t, "03000000 04000000 04000000 0000 6700"))),
		"/params/g":             writable,
		"/huge":                 append(text(byte(HypfsBlob), ""), make([]byte, MemorySize)...),
	}
	x, _ := fake(func(g *fakeGate, op uint64, args [5]uint64) (int64, error) {
		if op != hypercallHypfs {
			return 0, syscall.ENOSYS
		}
		if args[0] == hypfsVersion {
			return 1, nil
		}
		if swaps {
			args[3], args[4] = args[4], args[3]
		}
		path := string(g.at(args[1])[:args[2]])
		content, ok := files[strings.TrimSuffix(path, "\x00")]
		if !ok {
			return 0, syscall.ENOENT
		}
		out := g.at(args[3])
		if out == nil {
			if args[3] >= pageSize {
				t.Errorf("Xen was sent to write at %#x", args[3])
			}
			return 0, syscall.EFAULT
		}
		copy(out, content[:hypfsEntrySize])
		if uint64(len(content)) > args[4] {
			return 0, syscall.ENOBUFS
		}
		copy(out, content)
		return 0, nil
	})
	return x
}

func TestHypfs(t *testing.T) {
	for _, swaps := range []bool{false, true} {
		x := hypfs(t, swaps)
		if v, err := x.HypfsVersion(t.Context()); v != 1 || err != nil {
			t.Errorf("version %d, %v", v, err)
		}
		root, err := x.HypfsRead(t.Context(), "/")
		if d := cmp.Diff([]string{"buildinfo", "cpupool", "params"}, root.Names); d != "" || err != nil {
			t.Errorf("/: %v %s", err, d)
		}
		e, err := x.HypfsRead(t.Context(), "/buildinfo/config")
		if text, terr := e.Text(); text != "CONFIG_PV=y\nCONFIG_HVM=y\n" || err != nil || terr != nil {
			t.Errorf("config %q, %v, %v", text, err, terr)
		}
		values, err := x.HypfsTree(t.Context(), "/cpupool")
		if d := cmp.Diff([]HypfsValue{{"/cpupool/0/sched-gran", "cpu", false}}, values); d != "" || err != nil {
			t.Errorf("/cpupool: %v %s", err, d)
		}
		values, err = x.HypfsTree(t.Context(), "/params")
		if d := cmp.Diff([]HypfsValue{{"/params/g", "64", true}}, values); d != "" || err != nil {
			t.Errorf("/params: %v %s", err, d)
		}
		for path, want := range map[string]error{
			"/nothing": ErrNoEntry, "relative": ErrNoEntry, "/" + strings.Repeat("x", 2000): ErrNoEntry, "/huge": ErrTooLarge,
		} {
			if _, err := x.HypfsRead(t.Context(), path); !errors.Is(err, want) {
				t.Errorf("%.20s: %v, want %v", path, err, want)
			}
		}
		// A walk from the root finds the files of all directories.
		if values, err := x.HypfsTree(t.Context(), "/"); len(values) != 2 || err != nil {
			t.Errorf("/: %v, %v", values, err)
		}
	}
}

func TestHypfsText(t *testing.T) {
	for _, c := range []struct {
		kind HypfsType
		data string
		want string
	}{
		{HypfsString, "none/warning\x00", "none/warning"},
		{HypfsUint, "\xff", "255"},
		{HypfsInt, "\xff", "-1"},
		{HypfsInt, "\xfe\xff\xff\xff", "-2"},
		{HypfsInt, "\xff\xff\xff\xff\xff\xff\xff\x7f", "9223372036854775807"},
		{HypfsBool, "\x01", "1"},
		{HypfsBool, "\x00", "0"},
		{HypfsBlob, "a\x00b", "a\x00b"},
	} {
		if got, err := (HypfsEntry{Type: c.kind, Data: []byte(c.data)}).Text(); got != c.want || err != nil {
			t.Errorf("%d %q: %q, %v", c.kind, c.data, got, err)
		}
	}
	for _, e := range []HypfsEntry{{Type: HypfsUint, Data: []byte("abc")}, {Type: HypfsDir}, {Type: HypfsInt}} {
		if _, err := e.Text(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

// Contents that are 40 MiB of zeroes once decompressed.
func TestHypfsBomb(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for range 40 {
		z.Write(zeros)
	}
	z.Close()
	if _, err := gunzip(b.Bytes()); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestOpenWithoutXen(t *testing.T) {
	x, err := Open()
	if err == nil {
		x.Close()
		t.Skip("this machine has a privcmd device")
	}
	if !errors.Is(err, ErrNoDevice) && !errors.Is(err, ErrPermission) {
		t.Error(err)
	}
	if p := Problem(err, "/dev/xen/privcmd"); p.Cause == facts.ReadError || p.Remedy == "" {
		t.Errorf("%+v", p)
	}
}

func TestPanic(t *testing.T) {
	x, _ := fake(func(*fakeGate, uint64, [5]uint64) (int64, error) { panic("boom") })
	if _, _, err := x.Version(t.Context()); !errors.Is(err, ErrFailed) {
		t.Error(err)
	}
}
