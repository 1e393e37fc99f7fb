package rules

import (
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
)

func cpus(n uint64) func(*facts.Host) {
	return func(h *facts.Host) { h.CPU.Physical = facts.Is(facts.Exactly(n), "/sys/devices/system/cpu/present") }
}

func bootedBy(firmware string, secure bool) func(*facts.Host) {
	return func(h *facts.Host) {
		h.Machine.Firmware = facts.Is(firmware, "/sys/firmware")
		h.Machine.SecureBoot = facts.Is(secure, "/sys/firmware/efi/efivars")
	}
}

// units is a host with one IOMMU, or with none.
func units(kinds ...facts.IOMMUKind) func(*facts.Host) {
	return func(h *facts.Host) {
		h.IOMMU.Units = facts.Missing[[]facts.IOMMUUnit]("/sys/firmware")
		for _, k := range kinds {
			h.IOMMU.Units = facts.Is([]facts.IOMMUUnit{{Kind: k, Count: 1, Source: "/sys/firmware"}}, "/sys/firmware")
		}
	}
}

func gic(version int) func(*facts.Host) {
	return func(h *facts.Host) { h.Interrupts.GIC = facts.Is(version, "/sys/firmware/fdt") }
}

func qos(words ...string) func(*facts.Host) {
	return func(h *facts.Host) {
		h.CPU.X86.QoS = facts.Missing[[]string]("/proc/cpuinfo")
		if len(words) > 0 {
			h.CPU.X86.QoS = facts.Is(words, "/proc/cpuinfo")
		}
	}
}

// hardwareFixtures holds, for rows that hardware decides, two hosts that differ
// in that source alone, and what the row comes to on each. Limits of memory,
// cores, states of Xen and ACPI have tests of their own.
var hardwareFixtures = []struct {
	row     string
	host    func(...func(*facts.Host)) *facts.Host
	on, off func(*facts.Host)
	without Outcome // on off; on on it is judged
}{
	{"arm-v8--cortex-a77-r0p0-r1p0", arm64, cores(a77(1, 0)), cores(a77(1, 1)), NotApplicable},
	{"physical-cpus--x86", x86With, cpus(4096), cpus(4097), Outside},
	{"physical-cpus--arm", arm64, cpus(128), cpus(129), Outside},
	{"host-efi-boot--x86", x86With, bootedBy("efi", false), bootedBy("bios", false), NotApplicable},
	{"host-efi-boot--arm64", arm64, bootedBy("efi", false), bootedBy("other", false), NotApplicable},
	{"x86intel-platform-qos-technologies", x86With, qos("cat_l3"), qos(), NotApplicable},
	{"iommu--intel-vt-d", x86With, units(facts.VTd), units(), NotApplicable},
	{"iommu--amd-iommu", x86With, units(facts.AMDVi), units(), NotApplicable},
	{"iommu--arm-smmuv1", arm64, units(facts.SMMUv1), units(), NotApplicable},
	{"iommu--arm-smmuv2", arm64, units(facts.SMMUv2), units(), NotApplicable},
	{"iommu--arm-smmuv3", arm64, units(facts.SMMUv3), units(), NotApplicable},
	{"iommu--renesas-ipmmu-vmsa", arm64, units(facts.IPMMU), units(), NotApplicable},
	{"armgicv3--arm32", arm32, gic(3), gic(2), NotApplicable},
}

func x86With(changes ...func(*facts.Host)) *facts.Host {
	return x86(func(h *facts.Host) {
		for _, c := range changes {
			c(h)
		}
	})
}

func TestHardwareFixtures(t *testing.T) {
	s := statement(t, "4.22")
	for _, f := range hardwareFixtures {
		t.Run(f.row, func(t *testing.T) {
			if got := finding(t, Evaluate(s, f.host(f.on), Options{At: now}), f.row); got.Outcome != Judged || got.Applies != Yes {
				t.Errorf("with: %s, applies %s: %s", got.Outcome, got.Applies, got.Why)
			}
			if got := finding(t, Evaluate(s, f.host(f.off), Options{At: now}), f.row); got.Outcome != f.without {
				t.Errorf("without: %s, want %s: %s", got.Outcome, f.without, got.Why)
			}
		})
	}
}

// bootTreeFixtures names what in the device tree that Xen is given puts a row
// in use. Without that tree nothing tells.
var bootTreeFixtures = map[string]string{
	"static-allocation--arm": "xen,static-mem", "static-heap--arm": "xen,static-heap",
	"static-memory-sharing--arm": "xen,domain-shared-memory-v1",
	"dom0less--arm":              "xen,domain", "static-event-channel--arm": "xen,evtchn-v1",
}

func TestBootTree(t *testing.T) {
	s := statement(t, "4.22")
	for row, word := range bootTreeFixtures {
		tree := func(o facts.Observed[[]string]) Finding {
			return finding(t, Evaluate(s, arm64(func(h *facts.Host) { h.Xen.BootTree = o }), Options{At: now}), row)
		}
		if f := tree(facts.Is([]string{word}, "board.dtb")); f.Outcome != Judged || f.InUse != Yes || f.Do == "" {
			t.Errorf("%s with %s: %s, in use %s", row, word, f.Outcome, f.InUse)
		}
		if f := tree(facts.Missing[[]string]("board.dtb")); f.Outcome != Judged || f.InUse != No {
			t.Errorf("%s without %s: %s, in use %s", row, word, f.Outcome, f.InUse)
		}
		if f := tree(facts.Observed[[]string]{}); f.Outcome != NotVisible {
			t.Errorf("%s without a boot tree: %s", row, f.Outcome)
		}
	}
}

// consoleFixtures names the device that makes a row Xen's console, and the
// driver without which it is none.
var consoleFixtures = []struct{ row, compatible, symbol string }{
	{"host-serial-console--cadence-uart-arm", "cdns,uart-r1p12", "CONFIG_HAS_CADENCE_UART"},
	{"host-serial-console--pl011-uart-arm", "arm,pl011", "CONFIG_HAS_PL011"},
	{"host-serial-console--exynos-4210-uart-arm", "samsung,exynos4210-uart", "CONFIG_HAS_EXYNOS4210"},
	{"host-serial-console--omap-uart-arm", "ti,omap4-uart", "CONFIG_HAS_OMAP"},
	{"host-serial-console--scif-uart", "renesas,scif", "CONFIG_HAS_SCIF"},
}

func TestBootConsole(t *testing.T) {
	s := statement(t, "4.22")
	for _, c := range consoleFixtures {
		on := func(words ...string) func(*facts.Host) {
			return func(h *facts.Host) { h.Xen.BootConsole = facts.Is(words, "board.dtb") }
		}
		judge := func(changes ...func(*facts.Host)) Finding {
			return finding(t, Evaluate(s, arm64(changes...), Options{At: now}), c.row)
		}
		if f := judge(on(c.compatible, "arm,primecell")); f.Outcome != Judged || f.InUse != Yes {
			t.Errorf("%s with it: %s, in use %s", c.row, f.Outcome, f.InUse)
		}
		if f := judge(on("fsl,imx-uart")); f.Outcome != Judged || f.InUse != No {
			t.Errorf("%s with another: %s, in use %s", c.row, f.Outcome, f.InUse)
		}
		if f := judge(on(c.compatible), xenLine("dtuart=/soc/serial@1")); f.Outcome != NotVisible {
			t.Errorf("%s with dtuart=: %s", c.row, f.Outcome)
		}
		unbuilt := func(h *facts.Host) {
			h.Xen.BuildConfig = facts.Is(facts.BuildConfig{Symbols: map[string]string{c.symbol: "n"}}, "xen.config")
		}
		if f := judge(on(c.compatible), unbuilt); f.Outcome != NotApplicable {
			t.Errorf("%s without its driver: %s", c.row, f.Outcome)
		}
	}
	if f := finding(t, Evaluate(statement(t, "4.17"), arm64(func(h *facts.Host) { h.Xen.BootConsole = facts.Is([]string{"arm,sbsa-uart"}, "board.dtb") }), Options{At: now}), "host-serial-console--pl011-uart-arm"); f.InUse != No {
		t.Errorf("an SBSA UART before 4.18: in use %s", f.InUse)
	}
}

// A running Xen was booted with Secure Boot, or was not; Arm's own rows are
// about every Arm host and no other.
func TestHardwareInUse(t *testing.T) {
	s := statement(t, "4.22")
	for row, host := range map[string]func(...func(*facts.Host)) *facts.Host{"host-efi-secure-boot--x86": x86With, "host-efi-secure-boot--arm64": arm64} {
		for secure, want := range map[bool]Tri{true: Yes, false: No} {
			if got := finding(t, Evaluate(s, dom0Of(host(bootedBy("efi", secure)), 22), Options{At: now}), row); got.InUse != want {
				t.Errorf("%s, Secure Boot %t: in use %s", row, secure, got.InUse)
			}
		}
	}
	for _, row := range []string{
		"super-page-support--arm", "arm-guest-device-tree-support",
		"arm-guest-psci-support--mandatory", "arm-guest-psci-support--migrateinfotype",
	} {
		if got := finding(t, Evaluate(s, dom0Of(arm64(), 22), Options{At: now}), row); got.Outcome != Judged || got.InUse != Yes {
			t.Errorf("%s on Arm: %s, in use %s", row, got.Outcome, got.InUse)
		}
		if got := finding(t, Evaluate(s, dom0Of(x86(nil), 22), Options{At: now}), row); got.Outcome != NotApplicable {
			t.Errorf("%s on x86: %s", row, got.Outcome)
		}
	}
}

// Every row of every release has a reach, and a rule unless it is out of sight.
func TestCover(t *testing.T) {
	for _, release := range []string{"4.10", "4.17", "4.22"} {
		for _, row := range statement(t, release).Rows {
			switch c := Cover(row); {
			case c.Reach != Decisive && c.Reach != OneSided && c.Reach != OutOfSight:
				t.Errorf("%s: reach %q", row.Key, c.Reach)
			case c.Reach != OutOfSight && len(c.Rules) == 0:
				t.Errorf("%s: %s without a rule", row.Key, c.Reach)
			}
		}
	}
}
