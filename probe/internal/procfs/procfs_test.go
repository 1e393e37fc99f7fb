package procfs

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
)

const gib = 1 << 30

func TestValue(t *testing.T) {
	for in, want := range map[string]string{
		"4\n": "4", "rk3399-board\x00": "rk3399-board", "": "", " \n": "",
		"a\x1b[31mb": "a\uFFFD[31mb", "\xff\n": "\uFFFD", "two words\n": "two words", "\u009b2J": "\uFFFD2J",
	} {
		if got := Value([]byte(in)); got != want {
			t.Errorf("Value(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, tc := range []struct {
		in   string
		base int
		want uint64
		ok   bool
	}{
		{"8000000\n", 16, 0x8000000, true},
		{"17\n", 10, 17, true},
		{"0x100000\n", 0, 0x100000, true},
		{"", 10, 0, false},
		{"-1", 10, 0, false},
		{"1_0", 0, 0, false},
		{"99999999999999999999999", 10, 0, false},
	} {
		got, err := Number([]byte(tc.in), tc.base)
		if got != tc.want || (err == nil) != tc.ok {
			t.Errorf("Number(%q, %d) = %d, %v", tc.in, tc.base, got, err)
		}
	}
}

func TestMemTotal(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want uint64
	}{
		{"MemTotal:       16331824 kB\nMemFree: 1 kB\n", 16331824 << 10},
		{"MemTotal:       16331824 kB", 16331824 << 10},
		{"MemFree: 1 kB\n", 0},
		{"MemTotal: many kB\n", 0},
		{"MemTotal: 1 MB\n", 0},
		{"MemTotal: 18446744073709551615 kB\n", 0},
		{"", 0},
	} {
		got, err := MemTotal([]byte(tc.in))
		if got != tc.want || (err == nil) != (tc.want != 0) {
			t.Errorf("MemTotal(%q) = %d, %v", tc.in, got, err)
		}
	}
}

func TestZoneinfo(t *testing.T) {
	const text = `Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 12
  pages free     3840
        boost    0
        spanned  4095
        present  3998
        managed  3840
        protection: (0, 3426, 64131)
  pagesets
    cpu: 0
              count:    0
Node 0, zone   Normal
        present  1000
        managed  900
Node 1, zone  Movable
        present  0
        managed  0
`
	z, err := ParseZoneinfo([]byte(text))
	if want := (Zones{Count: 3, Nodes: 2, Present: 4998, Managed: 4740}); err != nil || z != want {
		t.Errorf("got %+v, %v; want %+v", z, err, want)
	}
	for _, bad := range []string{"", "present 1\n", "Node x, zone DMA\n", "Node 0\n",
		"Node 0, zone DMA\n present 18446744073709551615\nNode 0, zone N\n present 1\n", "Node 0, zone DMA\n managed lots\n"} {
		if z, err := ParseZoneinfo([]byte(bad)); err == nil {
			t.Errorf("%q gives %+v, want an error", bad, z)
		}
	}
}

func TestPageSize(t *testing.T) {
	for _, tc := range []struct {
		name                             string
		managed, present, memTotal, want uint64
	}{
		{"4 KiB", 4 * gib / 4096, 0, 4 * gib, 4096},
		{"4 KiB, a little less", 4*gib/4096 - 1000, 0, 4 * gib, 4096},
		{"16 KiB", 4 * gib / 16384, 0, 4 * gib, 16384},
		{"64 KiB", 4 * gib / 65536, 0, 4 * gib, 65536},
		{"8 KiB: none of ours", 4 * gib / 8192, 0, 4 * gib, 0},
		{"two per cent away", 4 * gib / 4096, 0, 4*gib + 4*gib/50, 0},
		{"forged", math.MaxUint64, math.MaxUint64, 4 * gib, 0},
		{"no MemTotal", 4 * gib / 4096, 4 * gib / 4096, 0, 0},
		{"nothing", 0, 0, 0, 0},
		{"no managed pages", 0, 4 * gib / 4096, 4*gib - 4*gib/20, 4096},
		{"no managed pages of 16 KiB", 0, 4 * gib / 16384, 4*gib - 4*gib/20, 16384},
		{"not all handed over yet", 2 * gib / 4096, 4 * gib / 4096, 4*gib - 4*gib/20, 4096},
		{"less present than there is", 0, 4 * gib / 4096, 4*gib + 1, 0},
		{"most of it reserved", 0, 4 * gib / 4096, gib, 0},
	} {
		got, ok := Zones{Managed: tc.managed, Present: tc.present}.PageSize(tc.memTotal)
		if got != tc.want || ok != (tc.want != 0) {
			t.Errorf("%s: page of %d, %v; want %d", tc.name, got, ok, tc.want)
		}
	}
}

func TestSystemRAM(t *testing.T) {
	const text = `00000000-00000fff : Reserved
00001000-0009ffff : System RAM
000a0000-000bffff : PCI Bus 0000:00
00100000-7fffffff : System RAM
  01000000-01ffffff : Kernel code
100000000-27fffffff : System RAM
280000000-2ffffffff : Persistent Memory
`
	want := uint64(0x9f000 + 0x7ff00000 + 0x180000000)
	if got, err := SystemRAM([]byte(text)); err != nil || got != want {
		t.Errorf("got %#x, %v; want %#x", got, err, want)
	}
	hidden := "00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n"
	if _, err := SystemRAM([]byte(hidden)); !errors.Is(err, ErrHidden) {
		t.Errorf("zeros: %v", err)
	}
	for _, bad := range []string{"", "garbage\n", "2-1 : System RAM\n", "0-ffffffffffffffff : System RAM\n",
		"0-fff : System RAM\n800-1fff : System RAM\n", "0-fff\n"} {
		if got, err := SystemRAM([]byte(bad)); err == nil || errors.Is(err, ErrHidden) {
			t.Errorf("%q gives %d, %v; want an error", bad, got, err)
		}
	}
}

func TestFirmwareMap(t *testing.T) {
	var m []MapEntry
	for _, e := range [][3]string{
		{"0x100000\n", "0x7fffffff\n", "System RAM\n"},
		{"0x0\n", "0x9fbff\n", "System RAM\n"},
		{"0x9fc00\n", "0x9ffff\n", "Reserved\n"},
	} {
		entry, err := ParseMapEntry([]byte(e[0]), []byte(e[1]), []byte(e[2]))
		if err != nil {
			t.Fatal(err)
		}
		m = append(m, entry)
	}
	if got, ok := RAM(m); !ok || got != 0x9fc00+0x7ff00000 {
		t.Errorf("RAM = %#x, %v", got, ok)
	}
	if _, ok := RAM(append(m, MapEntry{0x200000, 0x2fffff, "System RAM"})); ok {
		t.Error("overlapping ranges were added up")
	}
	if _, ok := RAM(m[2:]); ok {
		t.Error("a map without RAM has RAM")
	}
	if _, ok := RAM([]MapEntry{{0, math.MaxUint64, "System RAM"}}); ok {
		t.Error("all addresses are RAM")
	}
	for _, bad := range [][2]string{{"x", "0x1"}, {"0x1", ""}, {"0x2", "0x1"}} {
		if e, err := ParseMapEntry([]byte(bad[0]), []byte(bad[1]), nil); err == nil {
			t.Errorf("%q gives %+v", bad, e)
		}
	}
}

func TestOSRelease(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want OSRelease
		bad  string // part of the error
	}{
		{"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n",
			OSRelease{ID: "debian", Name: "Debian GNU/Linux", PrettyName: "Debian GNU/Linux 12 (bookworm)", VersionID: "12"}, ""},
		{"# comment\r\nID='opensuse-leap'\r\nID_LIKE=\"suse opensuse\"\r\n", OSRelease{ID: "opensuse-leap", Like: []string{"suse", "opensuse"}}, ""},
		{`NAME="a \"quoted\" \$name\\ \x"`, OSRelease{Name: `a "quoted" $name\ \x`}, ""},
		{"ID=first\nID=second\n", OSRelease{ID: "second"}, ""},
		{"ID=debian\nNAME=\"open\n", OSRelease{ID: "debian"}, "line 2"},
		{"ID=a b\nNAME=x\n", OSRelease{Name: "x"}, "line 1"},
		{"ID=\xff\nNAME=x\n", OSRelease{Name: "x"}, "not UTF-8"},
		{"ID=\"a\"b\n", OSRelease{}, "closing quote"},
		{"ID=a\\", OSRelease{}, "backslash"},
		{"", OSRelease{}, "names no system"},
	} {
		got, err := ParseOSRelease([]byte(tc.in))
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q: %s", tc.in, diff)
		}
		if (err == nil) != (tc.bad == "") || err != nil && !strings.Contains(err.Error(), tc.bad) {
			t.Errorf("%q: error %v, want %q", tc.in, err, tc.bad)
		}
	}
}

func TestKernelRelease(t *testing.T) {
	got, err := KernelRelease([]byte("Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) (gcc-12) #1 SMP\n"))
	if err != nil || got != "6.1.0-18-amd64" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", "Linux version ", "FreeBSD 14"} {
		if got, err := KernelRelease([]byte(bad)); err == nil {
			t.Errorf("%q gives %q", bad, got)
		}
	}
}

func TestMachineArch(t *testing.T) {
	for machine, want := range map[string]struct {
		arch    facts.Arch
		certain bool
	}{
		"x86_64": {facts.X86_64, true}, "i686": {facts.X86_32, false}, "aarch64": {facts.Arm64, true},
		"armv7l": {facts.Arm32, false}, "armv8l": {facts.Arm64, false}, "armv5tejl": {facts.Arm32, false},
		"s390x": {"s390x", true}, "riscv64": {"riscv64", true}, "ppc64le": {"ppc64le", true}, "": {"", false},
	} {
		if arch, certain := MachineArch(machine); arch != want.arch || certain != want.certain {
			t.Errorf("MachineArch(%q) = %q, %v", machine, arch, certain)
		}
	}
}

func TestKernelLog(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want KernelLog
	}{
		{"[    0.012345] CPU: All CPU(s) started at EL2\n", KernelLog{BootMode: ModeEL2}},
		{"<6>[    0.012345] CPU: All CPU(s) started at EL1\n", KernelLog{BootMode: ModeEL1}},
		{"<6>CPU: All CPU(s) started in HYP mode.\n", KernelLog{BootMode: ModeHYP}},
		{"Nov 21 20:43:00 board kernel: [    0.1] CPU: All CPU(s) started in SVC mode.\n", KernelLog{BootMode: ModeSVC}},
		{"6,211,120034,-;CPU: All CPU(s) started at EL2\n", KernelLog{BootMode: ModeEL2}},
		{"6,211,120034,-,caller=T1;CPU: All CPU(s) started at EL2\n", KernelLog{BootMode: ModeEL2}},
		{"kern  :info  : [    0.1] CPU: All CPU(s) started at EL2\n", KernelLog{BootMode: ModeEL2}},
		{"[    0.1][    T1] CPU: All CPU(s) started at EL2\n", KernelLog{BootMode: ModeEL2}},
		{"[    0.1] CPU: CPUs started in inconsistent modes\n", KernelLog{BootMode: ModeMixed}},
		{"[    0.0] efi: EFI v2.70 by EDK II\n", KernelLog{EFI: true}},
		{"[    0.0] EFI v2.31 by American Megatrends\n", KernelLog{EFI: true}},
		{"[    5.0] kvm: disabled by bios\n", KernelLog{VirtualizationLocked: true}},
		{"[    0.2] x86/cpu: VMX (outside TXT) disabled by BIOS\n", KernelLog{VirtualizationLocked: true}},
		{"[    9.2] kvm_intel: VMX disabled by BIOS\n", KernelLog{VirtualizationLocked: true}},
		{"[    0.2] x86/cpu: SGX disabled by BIOS.\n", KernelLog{}},
		{"[   9.0] app: said CPU: All CPU(s) started at EL2\n", KernelLog{}},
		{"[    0.0] Linux version 5.10\n[ 0.1] CPU: All CPU(s) started at EL2\n[    0.0] Linux version 5.10\n[ 0.1] CPU: All CPU(s) started at EL1\n", KernelLog{BootMode: ModeEL1}},
		{"[    0.1] CPU: All CPU(s) started at EL2\n[    0.0] Linux version 5.10\n", KernelLog{}},
		{"", KernelLog{}},
		{"[\n<\n;\n,,,;\n", KernelLog{}},
	} {
		if got := ParseKernelLog([]byte(tc.in)); got != tc.want {
			t.Errorf("%q: %+v, want %+v", tc.in, got, tc.want)
		}
	}
}

func TestSecureBoot(t *testing.T) {
	for _, tc := range []struct {
		in       string
		want, ok bool
	}{
		{"\x06\x00\x00\x00\x01", true, true},
		{"\x16\x00\x00\x00\x00", false, true},
		{"\x06\x00\x00\x00\x02", false, false},
		{"\x01", false, false},
		{"", false, false},
		{"\x06\x00\x00\x00\x01\x00", false, false},
	} {
		if got, err := SecureBoot([]byte(tc.in)); got != tc.want || (err == nil) != tc.ok {
			t.Errorf("SecureBoot(%q) = %v, %v", tc.in, got, err)
		}
	}
}

func TestInterrupts(t *testing.T) {
	const arm = `           CPU0       CPU1       
 11:      11057       2321     GICv3  27 Level     arch_timer
 14:          0          0   ITS-MSI 524288 Edge   nvme0q0
IPI0:         5          7       Rescheduling interrupts
Err:          0
`
	in, err := ParseInterrupts([]byte(arm))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Interrupts{CPUs: 2, Controllers: []string{"GICv3", "ITS-MSI"}}, in); diff != "" {
		t.Error(diff)
	}
	for _, tc := range []struct {
		names     []string
		low, high int
		its, xen  bool
	}{
		{[]string{"GICv3", "ITS-MSI"}, 3, 4, true, false},
		{[]string{"GICv2"}, 2, 2, false, false},
		{[]string{"GIC-0"}, 1, 2, false, false},
		{[]string{"GIC"}, 1, 2, false, false},
		{[]string{"xen-dyn", "GIC-0", "GICv2"}, 2, 2, false, true},
		{[]string{"IO-APIC", "xen-percpu"}, 0, 0, false, true},
		{nil, 0, 0, false, false},
	} {
		in := Interrupts{CPUs: 1, Controllers: tc.names}
		low, high, ok := in.GIC()
		if low != tc.low || high != tc.high || ok != (tc.low != 0) || in.ITS() != tc.its || in.Xen() != tc.xen {
			t.Errorf("%v: GIC %d to %d, %v; ITS %v; Xen %v", tc.names, low, high, ok, in.ITS(), in.Xen())
		}
	}
	const x86 = "            CPU0\n   0:         33  IR-IO-APIC    2-edge      timer\n 120:  4 PCI-MSI-0000:00:1f.2    0-edge  ahci\nNMI:          0   Non-maskable interrupts\n  9:  1 xen-pirq    -ioapic-level  acpi\n"
	in, err = ParseInterrupts([]byte(x86))
	if diff := cmp.Diff([]string{"IR-IO-APIC", "PCI-MSI", "xen-pirq"}, in.Controllers); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, bad := range []string{"", "\n", "hello world\n"} {
		if in, err := ParseInterrupts([]byte(bad)); err == nil {
			t.Errorf("%q gives %+v", bad, in)
		}
	}
}

func TestMounts(t *testing.T) {
	want := Mounts{{"/sys", "sysfs"}, {"/sys/firmware/efi/efivars", "efivarfs"}, {"/mnt/a b", "ext4"}}
	for _, text := range []string{
		"24 1 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n" +
			"25 24 0:23 / /sys/firmware/efi/efivars rw shared:8 - efivarfs efivarfs rw\n" +
			"26 1 8:1 / /mnt/a\\040b rw - ext4 /dev/sda1 rw\n",
		"sysfs /sys sysfs rw,nosuid 0 0\nefivarfs /sys/firmware/efi/efivars efivarfs rw 0 0\n/dev/sda1 /mnt/a\\040b ext4 rw 0 0\n",
	} {
		got, err := ParseMounts([]byte(text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
	if want.At("/sys/firmware/efi/efivars") != "efivarfs" || want.At("/proc/xen") != "" || !want.Has("sysfs") || want.Has("xenfs") {
		t.Error("mounts are not found")
	}
	if _, err := ParseMounts([]byte("\nnot a mount\n- - -\n")); err == nil {
		t.Error("garbage is mounted")
	}
}

func TestContainer(t *testing.T) {
	for in, want := range map[string]string{
		"PATH=/bin\x00container=lxc\x00SECRET=1\x00": "lxc",
		"container=docker":                           "docker",
		"notcontainer=docker\x00":                    "",
		"":                                           "",
	} {
		if got := ContainerFromEnviron([]byte(in)); got != want {
			t.Errorf("environ %q: %q", in, got)
		}
	}
	for in, want := range map[string]string{
		"12:cpu:/docker/0123abcd\n":                                 "docker",
		"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-x\n": "kubernetes",
		"0::/init.scope\n":                                          "",
		"0::/machine.slice/libpod-abc.scope\n":                      "podman",
		"1:name=systemd:/lxc/web\n":                                 "lxc",
		"":                                                          "",
	} {
		if got := ContainerFromCgroup([]byte(in)); got != want {
			t.Errorf("cgroup %q: %q", in, got)
		}
	}
}
