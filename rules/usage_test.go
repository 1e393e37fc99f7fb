package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/support"
)

// dom0Of makes a host run a Xen of a release, plainly built and booted, with
// everything about it known.
func dom0Of(h *facts.Host, minor int, changes ...func(*facts.Host)) *facts.Host {
	h.Machine.Kind = facts.Is(facts.Dom0, "/sys/hypervisor")
	h.Machine.DomainType = facts.Is("pv", "/sys/hypervisor/guest_type")
	h.Xen = facts.Xen{
		Running:     facts.Is(facts.XenVersion{Major: 4, Minor: minor, Extra: ".1"}, "hypercall"),
		Installed:   facts.Missing[[]facts.XenVersion]("/boot"),
		Physical:    facts.Is([]string{"hvm", "pv", "directio", "hap"}, "hypercall"),
		CommandLine: facts.Is(facts.CommandLine{Text: "dom0_mem=4G"}, "hypercall"),
		BuildConfig: facts.Is(facts.BuildConfig{Symbols: map[string]string{
			"CONFIG_SCHED_CREDIT": "y", "CONFIG_SCHED_CREDIT2": "y", "CONFIG_SCHED_RTDS": "y", "CONFIG_SCHED_ARINC653": "y", "CONFIG_SCHED_NULL": "y",
			"CONFIG_HYPFS": "y", "CONFIG_HYPFS_CONFIG": "y", "CONFIG_LIVEPATCH": "y", "CONFIG_HAS_NS16550": "y", "CONFIG_HAS_EHCI": "y",
			"CONFIG_GDBSX": "y", "CONFIG_TRACEBUFFER": "y", "CONFIG_XSM": "y", "CONFIG_XSM_FLASK": "y", "CONFIG_XSM_SILO": "y", "CONFIG_XSM_SILO_DEFAULT": "y",
			"CONFIG_PARTIAL_EMULATION": "y", "CONFIG_LLC_COLORING": "y", "CONFIG_MEM_SHARING": "y", "CONFIG_MEM_PAGING": "y", "CONFIG_ARGO": "y", "CONFIG_TMEM": "y",
			"CONFIG_HVM": "y", "CONFIG_X86_PSR": "y", "CONFIG_INTEL_IOMMU": "y", "CONFIG_AMD_IOMMU": "y", "CONFIG_ARM_SMMU": "y", "CONFIG_ARM64_SVE": "y", "CONFIG_VM_EVENT": "y", "CONFIG_FFA": "y", "CONFIG_OPTEE": "y", "CONFIG_SCMI_SMC": "y",
		}}, "hypfs"),
		Pools:       facts.Is([]facts.CPUPool{{Scheduler: "credit2", Granularity: "cpu"}}, "hypercall"),
		Scheduler:   facts.Is("credit2", "hypercall"),
		LivePatches: facts.Missing[[]facts.LivePatch]("hypercall"),
		SharedPages: facts.Is(uint64(0), "hypercall"),
		Hypfs:       facts.Is([]string{}, "hypercall"),
		BootTree:    facts.Missing[[]string]("/boot.dtb"),
	}
	h.CPU.Nodes = facts.Is(1, "/sys/devices/system/node")
	h.Userspace = &facts.Userspace{
		System: facts.Is("Linux", "uname"), Init: facts.Is("systemd", "/run/systemd/system"), Xenstored: facts.Is("xenstored", "/proc"),
		LiveUpdate: facts.Is(false, "/proc"), Toolstack: facts.Is([]string{}, "/usr/sbin"), Processes: facts.Missing[[]facts.Process]("/proc"),
		Modules: facts.Missing[[]string]("/sys/module"), XLConf: facts.Is(map[string]string{}, "/etc/xen/xl.conf"),
	}
	for _, c := range changes {
		c(h)
	}
	return h
}

func xenLine(s string) func(*facts.Host) {
	return func(h *facts.Host) { h.Xen.CommandLine = facts.Is(facts.CommandLine{Text: s}, "hypercall") }
}

func config(symbol, value string) func(*facts.Host) {
	return func(h *facts.Host) { h.Xen.BuildConfig.Value.Symbols[symbol] = value }
}

func runsProgram(name string, args ...string) func(*facts.Host) {
	return func(h *facts.Host) {
		h.Userspace.Processes = facts.Is([]facts.Process{{Name: name, Args: args, Root: true}}, "/proc")
	}
}

func loaded(name string) func(*facts.Host) {
	return func(h *facts.Host) { h.Userspace.Modules = facts.Is([]string{name}, "/sys/module") }
}

// serving makes dom0 serve some kinds of device, with every module there.
func serving(kinds ...string) func(*facts.Host) {
	return userspace(func(u *facts.Userspace) {
		u.Modules, u.Backends = facts.Is([]string{"xen_netback", "xen_scsiback"}, "/sys/module"), facts.Is(kinds, "/sys/bus/xen-backend")
	})
}

func pool(scheduler string) func(*facts.Host) {
	return func(h *facts.Host) {
		h.Xen.Pools = facts.Is([]facts.CPUPool{{Scheduler: scheduler, Granularity: "cpu"}}, "hypercall")
	}
}

func store(kind string, updated bool) func(*facts.Host) {
	return func(h *facts.Host) {
		h.Userspace.Xenstored, h.Userspace.LiveUpdate = facts.Is(kind, "/proc"), facts.Is(updated, "/proc")
	}
}

func userspace(change func(*facts.Userspace)) func(*facts.Host) {
	return func(h *facts.Host) { change(h.Userspace) }
}

func hypfsDirs(dirs ...string) func(*facts.Host) {
	return func(h *facts.Host) { h.Xen.Hypfs = facts.Is(dirs, "hypercall") }
}

func boots(words ...string) func(*facts.Host) {
	return func(h *facts.Host) { h.Xen.BootTree = facts.Is(words, "/boot.dtb") }
}

// fixture is a pair of hosts that differ in one source alone, and a row that
// comes out differently on them.
type fixture struct {
	row     string
	release string // 4.22 when empty
	arm     bool
	on, off func(*facts.Host) // off nil: the plain dom0
	// want is what off comes to: in use "no" (available), or ruled out.
	ruledOut bool
}

// usageFixtures holds, for each row that is judged decisively, what puts it in
// use and what does not.
var usageFixtures = []fixture{
	{row: "armpartial-emulation", arm: true, on: xenLine("partial-emulation"), off: xenLine("partial-emulation=no")},
	{row: "build-info", on: hypfsDirs("buildinfo"), off: hypfsDirs()},
	{row: "hypervisor-config", on: hypfsDirs("buildinfo/config"), off: hypfsDirs("buildinfo")},
	{row: "runtime-parameters", on: hypfsDirs("params"), off: hypfsDirs("buildinfo")},
	{row: "xl", on: userspace(func(u *facts.Userspace) { u.Toolstack = facts.Is([]string{"xl"}, "/usr/sbin/xl") })},
	{row: "libvirt-driver-for-xl", on: userspace(func(u *facts.Userspace) { u.Toolstack = facts.Is([]string{"libvirt"}, "/etc/libvirt") })},
	{row: "dom0-init-support-for-xl--sysv", on: userspace(func(u *facts.Userspace) { u.Init = facts.Is("sysv", "/etc/init.d") })},
	{row: "dom0-init-support-for-xl--systemd", on: userspace(func(u *facts.Userspace) {}), off: userspace(func(u *facts.Userspace) { u.Init = facts.Is("sysv", "/etc/init.d") })},
	{row: "dom0-init-support-for-xl--bsd-style", on: userspace(func(u *facts.Userspace) { u.Init = facts.Is("bsd", "/etc/rc.d") })},
	{row: "c-xenstored-daemon", on: store("xenstored", false), off: store("oxenstored", false)},
	{row: "c-xenstore-stubdom-pv", on: store("stubdom-pv", false)},
	{row: "c-xenstore-stubdom-pvh", on: store("stubdom-pvh", false)},
	{row: "ocaml-xenstored-daemon", on: store("oxenstored", false)},
	{row: "host-serial-console--ns16550", on: xenLine("console=com1 com1=115200"), off: xenLine("console=vga com1=115200")},
	{row: "host-serial-console--ehci", on: xenLine("dbgp=ehci"), off: xenLine("dbgp=xhci")},
	{row: "hypervisor-synchronous-console-output-sync_console", on: xenLine("sync_console"), off: xenLine("no-sync_console")},
	{row: "gcov", on: config("CONFIG_COVERAGE", "y"), off: config("CONFIG_COVERAGE", "n")},
	{row: "memory-sharing--x86-hvm", on: func(h *facts.Host) { h.Xen.SharedPages = facts.Is(uint64(7), "hypercall") }},
	{row: "memory-paging--x86-hvm", on: runsProgram("xenpaging"), off: runsProgram("xenconsoled")},
	{row: "cache-coloring--arm64", arm: true, on: xenLine("llc-size=1M llc-nr-ways=16"), off: xenLine("llc-size=1M llc-nr-ways=16 llc-coloring=off")},
	{row: "transcendent-memory", release: "4.12", on: xenLine("tmem"), off: xenLine("tmem=0")},
	{row: "cpu-pools", on: func(h *facts.Host) {
		h.Xen.Pools = facts.Is([]facts.CPUPool{{Scheduler: "credit2"}, {ID: 1, Scheduler: "credit2"}}, "hypercall")
	}},
	{row: "core-scheduling--x86", on: func(h *facts.Host) {
		h.Xen.Pools = facts.Is([]facts.CPUPool{{Scheduler: "credit2", Granularity: "core"}}, "hypercall")
	}},
	{row: "credit-scheduler", on: pool("credit")},
	{row: "credit2-scheduler", on: pool("credit2"), off: pool("null")},
	{row: "rtds-based-scheduler", on: pool("rtds")},
	{row: "arinc653-scheduler", on: pool("arinc653")},
	{row: "null-scheduler", on: pool("null")},
	{row: "numa-scheduler-affinity--x86", on: func(h *facts.Host) { h.CPU.Nodes = facts.Is(2, "sysfs") }},
	{row: "blkback--linux-xen-blkback", on: loaded("xen_blkback"), off: loaded("xen_netback")},
	{row: "netback--linux-xen-netback", on: loaded("xen_netback"), off: loaded("xen_blkback")},
	{row: "blkback--freebsd-blkback", on: userspace(func(u *facts.Userspace) { u.System = facts.Is("FreeBSD", "uname") }), ruledOut: true},
	{row: "netback--freebsd-netback", on: userspace(func(u *facts.Userspace) { u.System = facts.Is("FreeBSD", "uname") }), ruledOut: true},
	{row: "blkback--netbsd-xbdback", on: userspace(func(u *facts.Userspace) { u.System = facts.Is("NetBSD", "uname") }), ruledOut: true},
	{row: "netback--netbsd-xennetback", on: userspace(func(u *facts.Userspace) { u.System = facts.Is("NetBSD", "uname") }), ruledOut: true},
	{row: "pv-console-xenconsoled", on: runsProgram("xenconsoled"), off: runsProgram("xl")},
	{row: "pv-scsi-protocol-backend--linux", on: serving("vif", "vscsi"), off: loaded("xen_netback")},
	{row: "pv-scsi-protocol-backend--linux", off: serving("vif")},
	{row: "kconfig-expert", on: config("CONFIG_EXPERT", "y"), off: config("CONFIG_EXPERT", "n")},
	{row: "live-patching--x86", on: func(h *facts.Host) {
		h.Xen.LivePatches = facts.Is([]facts.LivePatch{{Name: "xsa", State: "applied"}}, "hypercall")
	}, off: func(h *facts.Host) {
		h.Xen.LivePatches = facts.Is([]facts.LivePatch{{Name: "xsa", State: "checked"}}, "hypercall")
	}},
	{row: "live-patching--arm", arm: true, on: func(h *facts.Host) {
		h.Xen.LivePatches = facts.Is([]facts.LivePatch{{Name: "xsa", State: "applied"}}, "hypercall")
	}},
	{row: "xsm-xen-security-module-framework", on: config("CONFIG_XSM", "y"), off: config("CONFIG_XSM", "n")},
	{row: "flask-xsm-module", on: xenLine("xsm=flask"), off: xenLine("xsm=silo")},
	{row: "silo-xsm-module", on: xenLine("xsm=silo"), off: xenLine("xsm=dummy")},
	{row: "vpmu--x86-hvm", on: xenLine("vpmu=bts"), off: xenLine("vpmu=on watchdog")},
	{row: "argo-inter-domain-message-delivery-by-hypercall", on: xenLine("argo=1"), off: xenLine("argo=0")},
	{row: "arm-op-tee-mediator", arm: true, on: boots("linaro,optee-tz"), off: boots()},
	{row: "arm-scmi-over-smc-calls-forwarding-to-el3-firmware", arm: true, on: boots("arm,scmi-smc"), off: boots()},
	{row: "arm-op-tee-mediator", arm: true, on: onConsole("tee OP-TEE"), off: boots()},
	{row: "arm-firmware-framework-for-arm-a-profile-ff-a-mediator--arm64", arm: true, on: onConsole("tee FF-A"), off: xenLine("tee=optee"), ruledOut: true},
	{row: "arm-firmware-framework-for-arm-a-profile-ff-a-mediator--arm64", arm: true, on: xenLine("tee=ffa"), off: config("CONFIG_FFA", "n"), ruledOut: true},
	{row: "alternative-p2m--arm", arm: true, on: nil, ruledOut: true},
}

// onConsole is what Xen's console ring still tells.
func onConsole(hints ...string) func(*facts.Host) {
	return func(h *facts.Host) { h.Xen.Console = facts.Is(hints, "hypercall") }
}

func fixtureHost(f fixture, change func(*facts.Host)) *facts.Host {
	release := f.release
	if release == "" {
		release = "4.22"
	}
	_, minor := parseRelease(release)
	h := x86(nil)
	if f.arm {
		h = arm64()
	}
	h = dom0Of(h, minor)
	if change != nil {
		change(h)
	}
	return h
}

// What runs in a dom0 that was not looked at is not known, and it is no reason
// that there were none.
func TestUserspaceUnread(t *testing.T) {
	h := dom0Of(x86(nil), 22)
	h.Userspace = nil
	f := finding(t, Evaluate(statement(t, "4.22"), h, Options{At: now}), "xl")
	if f.Outcome != Unknown || len(f.Seen) == 0 || f.Seen[0].Cause != "what runs in dom0 was not looked at" || f.Do == "" {
		t.Errorf("%s %+v, do %q", f.Outcome, f.Seen, f.Do)
	}
}

func TestUsageFixtures(t *testing.T) {
	for _, f := range usageFixtures {
		t.Run(f.row, func(t *testing.T) {
			release := f.release
			if release == "" {
				release = "4.22"
			}
			s := statement(t, release)
			off := finding(t, Evaluate(s, fixtureHost(f, f.off), Options{At: now}), f.row)
			if f.ruledOut && off.Outcome != NotApplicable || !f.ruledOut && (off.Outcome != Judged || off.InUse != No) {
				t.Errorf("without: %s, in use %s: %s", off.Outcome, off.InUse, off.Why)
			}
			if f.on == nil {
				return
			}
			v := Evaluate(s, fixtureHost(f, f.on), Options{At: now})
			on := finding(t, v, f.row)
			if on.Outcome != Judged || on.InUse != Yes || !slices.Contains(on.For, Base) {
				t.Errorf("with: %s, in use %s, for %v: %s", on.Outcome, on.InUse, on.For, on.Why)
			}
			if on.Stated.Security == support.SecurityNo && !v.Overall.Grade.AtLeast(GradeNotSecurity) {
				t.Errorf("in use and not security supported, yet the host is %s", v.Overall.Grade)
			}
			if len(on.Seen) == 0 || on.Do == "" {
				t.Errorf("no evidence or no advice: %+v", on)
			}
		})
	}
}

// Without a Xen, and without anything said of one, configuration rows are not
// visible; on a running Xen that cannot be asked they are unknown, and the host
// is not called good.
func TestUsageUnknown(t *testing.T) {
	s := statement(t, "4.22")
	for _, f := range usageFixtures {
		if f.release != "" || f.arm || f.on == nil {
			continue
		}
		if got := finding(t, Evaluate(s, x86(nil), Options{At: now}), f.row); got.Outcome != NotVisible {
			t.Errorf("%s on a prospective host: %s", f.row, got.Outcome)
		}
		h := x86(nil)
		h.Machine.Kind = facts.Is(facts.Dom0, "/sys/hypervisor")
		refused := facts.Xen{Running: facts.Is(facts.XenVersion{Major: 4, Minor: 22}, "/sys/hypervisor")}
		h.Xen = refused
		v := Evaluate(s, h, Options{At: now})
		if got := finding(t, v, f.row); got.Outcome == Judged {
			t.Errorf("%s without any evidence: judged, in use %s", f.row, got.InUse)
		}
		if v.Overall.Complete {
			t.Error("a running Xen that nobody asked is called complete")
		}
	}
	t.Run("a line that may have lost its end", func(t *testing.T) {
		h := dom0Of(x86(nil), 22)
		h.Xen.CommandLine.Value.Cut = true
		if got := finding(t, Evaluate(s, h, Options{At: now}), "hypervisor-synchronous-console-output-sync_console"); got.Outcome != Unknown {
			t.Errorf("%s", got.Outcome)
		}
	})
	t.Run("expert before 4.14", func(t *testing.T) {
		h := dom0Of(x86(nil), 13)
		if got := finding(t, Evaluate(statement(t, "4.13"), h, Options{At: now}), "kconfig-expert"); got.Outcome != Unknown {
			t.Errorf("%s", got.Outcome)
		}
	})
}

func TestDeclaredElsewhere(t *testing.T) {
	for _, tt := range []struct {
		name string
		arm  bool
		on   func(*facts.Host)
	}{
		{"hmp-unsafe", true, xenLine("hmp-unsafe=true")},
		{"allow_unsafe", false, xenLine("allow_unsafe")},
		{"hvm_fep", false, xenLine("hvm_fep")},
		{"gnttab", true, xenLine("gnttab=max-ver:2")},
		{"perdev", false, xenLine("iommu=no-amd-iommu-perdev-intremap")},
		{"xhci", false, xenLine("dbgp=xhci,share=yes")},
		{"FRED", false, xenLine("fred=true")},
		{"exec-sp", false, xenLine("ept=exec-sp")},
		{"CONFIG_UNSUPPORTED", false, config("CONFIG_UNSUPPORTED", "y")},
		{"NEW_VGIC", true, config("CONFIG_NEW_VGIC", "y")},
		{"FFA_VM_TO_VM", true, config("CONFIG_FFA_VM_TO_VM", "y")},
		{"SILO", true, xenLine("xsm=dummy")},
	} {
		host := func(change func(*facts.Host)) *facts.Host {
			return fixtureHost(fixture{arm: tt.arm}, change)
		}
		s := statement(t, "4.22")
		named := func(v *Verdict) bool {
			return slices.ContainsFunc(v.Findings, func(f Finding) bool {
				return f.Rule == "declared-elsewhere" && strings.Contains(f.Title, tt.name)
			})
		}
		if v := Evaluate(s, host(tt.on), Options{At: now}); !named(v) || v.Overall.Grade != GradeNotSecurity {
			t.Errorf("%s: named %v, %s", tt.name, named(v), v.Overall.Grade)
		}
		if v := Evaluate(s, host(nil), Options{At: now}); named(v) || v.Overall.Grade != GradeSupported {
			t.Errorf("without %s: named %v, %s because of %v", tt.name, named(v), v.Overall.Grade, because(v))
		}
	}
}

func because(v *Verdict) (titles []string) {
	for _, i := range v.Overall.Because {
		titles = append(titles, v.Findings[i].Title+": "+v.Findings[i].Why)
	}
	return titles
}

func TestBuildOptions(t *testing.T) {
	for symbol, want := range map[string]Grade{"CONFIG_DEBUG": GradeNotSecurity, "CONFIG_EXPERT": GradeNotSecurity, "CONFIG_OTHER": GradeSupported} {
		v := Evaluate(statement(t, "4.22"), fixtureHost(fixture{}, config(symbol, "y")), Options{At: now})
		if v.Overall.Grade != want {
			t.Errorf("%s: %s %v", symbol, v.Overall.Grade, because(v))
		}
	}
}

// With hmp-unsafe one core that a row names is enough.
func TestEveryCore(t *testing.T) {
	h := arm64(cores(a53(), a57(1, 0)))
	h.Xen.CommandLine = facts.Is(facts.CommandLine{Text: "hmp-unsafe", NextBoot: true}, "--xen-cmdline")
	v := Evaluate(statement(t, "4.22"), h, Options{At: now})
	if f := finding(t, v, "arm-v8--cortex-a57-r0p0-r1p1"); f.Outcome != Judged || f.Stated.Security != support.SecurityNo {
		t.Errorf("%s: %s", f.Outcome, f.Why)
	}
}

// What a running Xen uses of the hardware counts by itself; on a prospective
// host the same condemns nobody.
func TestFeaturesInUse(t *testing.T) {
	for _, tt := range []struct {
		name   string
		host   func() *facts.Host
		on     func(*facts.Host)
		before Grade
		after  Grade
	}{
		{"QoS", func() *facts.Host {
			return dom0Of(x86(func(h *facts.Host) { h.CPU.X86.QoS = facts.Is([]string{"cat_l3"}, "cpuinfo") }), 22)
		}, xenLine("psr=cat"), GradeSupported, GradeNotSecurity},
		{"PVH dom0", func() *facts.Host { return dom0Of(x86(nil), 22) }, func(h *facts.Host) { h.Machine.DomainType = facts.Is("pvh", "/sys/hypervisor") }, GradeSupported, GradeConditional},
		{"Secure Boot", func() *facts.Host {
			return dom0Of(x86(func(h *facts.Host) {
				h.Machine.Firmware, h.Machine.SecureBoot = facts.Is("efi", "efi"), facts.Is(false, "efi")
			}), 22)
		}, func(h *facts.Host) { h.Machine.SecureBoot = facts.Is(true, "efi") }, GradeSupported, GradeNotSecurity},
		{"ITS", func() *facts.Host {
			return dom0Of(arm64(func(h *facts.Host) { h.Interrupts.ITS = facts.Is(1, "fdt") }), 22)
		}, config("CONFIG_HAS_ITS", "y"), GradeSupported, GradeNotSecurity},
		{"SVE", func() *facts.Host {
			return dom0Of(arm64(func(h *facts.Host) { h.CPU.Arm.SVE = facts.Is(true, "cpuinfo") }), 22)
		}, xenLine("dom0=sve=256"), GradeSupported, GradeNotSecurity},
	} {
		s := statement(t, "4.22")
		h := tt.host()
		if v := Evaluate(s, h, Options{At: now}); v.Overall.Grade != tt.before {
			t.Errorf("%s not in use: %s %v", tt.name, v.Overall.Grade, because(v))
		}
		h = tt.host()
		tt.on(h)
		v := Evaluate(s, h, Options{At: now})
		if v.Overall.Grade != tt.after {
			t.Errorf("%s in use: %s, want %s %v", tt.name, v.Overall.Grade, tt.after, because(v))
		}
		for _, i := range v.Overall.Because {
			if f := v.Findings[i]; len(f.Seen) == 0 || f.Do == "" || !strings.HasPrefix(f.Why, "It is in use") && !strings.Contains(f.Why, "Secure Boot") {
				t.Errorf("%s: %q, seen %v, do %q", tt.name, f.Why, f.Seen, f.Do)
			}
		}
	}
}

// A configuration that nothing ties to the running Xen is used, and the report
// says so.
func TestDoubtfulConfiguration(t *testing.T) {
	s := statement(t, "4.22")
	for doubt, want := range map[string]bool{"": false, "it is of Xen 4.16.2, and 4.22.0 runs": true} {
		h := dom0Of(x86(nil), 22)
		h.Xen.BuildConfig.Value.Doubt = doubt
		notes := strings.Join(Evaluate(s, h, Options{At: now}).Notes, " ")
		if got := strings.Contains(notes, "was used, although "+doubt); got != want {
			t.Errorf("doubt %q: %s", doubt, notes)
		}
	}
}
