package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/xencmdline"
	"github.com/xencheck/xencheck/support"
)

// usages says how to tell the use of every row that Xen's command line, its
// build, Xen itself or dom0 decide. Defaults and symbols are those of upstream
// Xen; since names the first release that has a symbol or reports a word.
//
// Left out on purpose: rows that only an event would show (debug keys, soft
// reset, online resize, hotplug of QEMU backends), rows about the operating
// system inside a guest, and rows that guests' configurations decide, which
// are the business of domains.go.
var usages = []usage{
	// Host hardware support
	{rows: []string{"armpartial-emulation"}, whole: true,
		off: []sign{unbuilt("CONFIG_PARTIAL_EMULATION", "4.19")},
		on:  []sign{option("partial-emulation", false)},
		do:  "Take partial-emulation off Xen's command line."},

	// Hypervisor file system
	{rows: []string{"build-info"}, whole: true,
		off: []sign{unbuilt("CONFIG_HYPFS", "4.14")}, on: []sign{hypfs("buildinfo")},
		do: "Build Xen without CONFIG_HYPFS to be rid of it."},
	{rows: []string{"hypervisor-config"}, whole: true,
		off: []sign{unbuilt("CONFIG_HYPFS", "4.14"), unbuilt("CONFIG_HYPFS_CONFIG", "4.14")}, on: []sign{hypfs("buildinfo/config")},
		do: "Build Xen without CONFIG_HYPFS_CONFIG to be rid of it."},
	{rows: []string{"runtime-parameters"}, whole: true,
		off: []sign{unbuilt("CONFIG_HYPFS", "4.14")}, on: []sign{hypfs("params")},
		do: "Build Xen without CONFIG_HYPFS to be rid of it."},

	// Toolstack
	{rows: []string{"xl"}, whole: true, on: []sign{toolstack("xl")},
		do: "Nothing needs doing: xl is the toolstack the statement supports."},
	{rows: []string{"libvirt-driver-for-xl"}, whole: true, on: []sign{toolstack("libvirt"), process("libvirtd"), process("virtxend")},
		do: "Security bugs in libvirt's driver are libvirt's to handle; use xl where that is not enough."},
	{rows: []string{"dom0-init-support-for-xl--sysv"}, whole: true, on: []sign{initSystem("sysv")}, do: "It follows from dom0's init system."},
	{rows: []string{"dom0-init-support-for-xl--systemd"}, whole: true, on: []sign{initSystem("systemd")}, do: "It follows from dom0's init system."},
	{rows: []string{"dom0-init-support-for-xl--bsd-style"}, whole: true, on: []sign{initSystem("bsd")}, do: "It follows from dom0's init system."},
	{rows: []string{"open-vswitch-integration-for-xl"}, on: []sign{xlConf("vif.default.script", "vif-openvswitch"), process("ovs-vswitchd")},
		do: "Choose another vif script in xl.conf (vif.default.script) or the guest (script=)."},
	{rows: []string{"xenlight-go-package"}, on: []sign{process("xenlight-go")},
		do: "Stop the program that uses the Go bindings, or build it on libxl another way."},

	// Xenstore
	{rows: []string{"c-xenstored-daemon--liveupdate", "liveupdate-of-c-xenstored-daemon"}, on: []sign{liveUpdate("xenstored")},
		do: "Do not update xenstored while it runs (xenstore-control live-update)."},
	{rows: []string{"c-xenstored-daemon"}, only: unqualified, whole: true, on: []sign{xenstored("xenstored")},
		do: "XENSTORETYPE and XENSTORED in /etc/default/xencommons choose the xenstore; it changes with the next boot."},
	{rows: []string{"c-xenstore-stubdom-pv"}, only: unqualified, whole: true, on: []sign{xenstored("stubdom-pv")},
		do: "XENSTORETYPE in /etc/default/xencommons chooses the xenstore; it changes with the next boot."},
	{rows: []string{"c-xenstore-stubdom-pvh"}, only: unqualified, whole: true, on: []sign{xenstored("stubdom-pvh")},
		do: "XENSTORETYPE in /etc/default/xencommons chooses the xenstore; it changes with the next boot."},
	{rows: []string{"ocaml-xenstored-daemon--liveupdate", "liveupdate-of-ocaml-xenstored-daemon"}, on: []sign{liveUpdate("oxenstored")},
		do: "Do not update oxenstored while it runs."},
	{rows: []string{"ocaml-xenstored-daemon--untrusted-driver-domains"}, off: []sign{xenstoredOther("oxenstored")},
		do: "Use the C xenstored where driver domains are not trusted."},
	{rows: []string{"ocaml-xenstored-daemon"}, only: unqualified, whole: true, on: []sign{xenstored("oxenstored")},
		do: "XENSTORED in /etc/default/xencommons chooses the xenstore; it changes with the next boot."},

	// Debugging
	{rows: []string{"host-serial-console--ns16550"}, whole: true,
		off: []sign{unbuilt("CONFIG_HAS_NS16550", "")}, on: []sign{serialConsole("com1", "com2")},
		do: "console= and com1=, com2= on Xen's command line choose the console."},
	{rows: []string{"host-serial-console--ehci"}, whole: true,
		off: []sign{unbuilt("CONFIG_HAS_EHCI", "")}, on: []sign{debugPort("ehci")},
		do: "Take dbgp=ehci off Xen's command line."},
	{rows: []string{"host-serial-console--cadence-uart-arm"}, whole: true, tree: true,
		off: []sign{unbuilt("CONFIG_HAS_CADENCE_UART", "")}, on: []sign{treeConsole("cdns,uart-r1p8", "cdns,uart-r1p12")},
		do: "dtuart= on Xen's command line, or stdout-path of the device tree, chooses the console."},
	{rows: []string{"host-serial-console--pl011-uart-arm"}, whole: true, tree: true,
		off: []sign{unbuilt("CONFIG_HAS_PL011", "")}, on: []sign{treeConsole("arm,pl011", "arm,sbsa-uart")},
		do: "dtuart= on Xen's command line, or stdout-path of the device tree, chooses the console."},
	{rows: []string{"host-serial-console--exynos-4210-uart-arm"}, whole: true, tree: true,
		off: []sign{unbuilt("CONFIG_HAS_EXYNOS4210", "")}, on: []sign{treeConsole("samsung,exynos4210-uart")},
		do: "dtuart= on Xen's command line, or stdout-path of the device tree, chooses the console."},
	{rows: []string{"host-serial-console--omap-uart-arm"}, whole: true, tree: true,
		off: []sign{unbuilt("CONFIG_HAS_OMAP", "")}, on: []sign{treeConsole("ti,omap4-uart", "ti,am654-uart")},
		do: "dtuart= on Xen's command line, or stdout-path of the device tree, chooses the console."},
	{rows: []string{"host-serial-console--scif-uart"}, whole: true, tree: true,
		off: []sign{unbuilt("CONFIG_HAS_SCIF", "")}, on: []sign{treeConsole("renesas,scif", "renesas,scifa", "renesas,hscif")},
		do: "dtuart= on Xen's command line, or stdout-path of the device tree, chooses the console."},
	{rows: []string{"hypervisor-synchronous-console-output-sync_console"}, whole: true, on: []sign{option("sync_console", false).or(console("warning of synchronous output", "sync_console"))},
		do: "Take sync_console off Xen's command line."},
	{rows: []string{"gdbsx"}, off: []sign{unbuilt("CONFIG_GDBSX", "4.14")}, on: []sign{process("gdbsx")},
		do: "Stop gdbsx."},
	{rows: []string{"xentrace"}, off: []sign{unbuilt("CONFIG_TRACEBUFFER", "4.13")}, on: []sign{optionGiven("tbuf_size"), optionGiven("tevt_mask"), process("xentrace")},
		do: "Stop xentrace, and take tbuf_size= and tevt_mask= off Xen's command line."},
	{rows: []string{"gcov"}, whole: true, on: []sign{coverage},
		do: "Build Xen without CONFIG_COVERAGE."},

	// Memory management
	{rows: []string{"memory-sharing"}, whole: true,
		off: []sign{unbuilt("CONFIG_MEM_SHARING", "4.13")},
		on: []sign{
			fact("pages saved by sharing", func(j *judging) facts.Observed[uint64] { return j.h.Xen.SharedPages }, func(_ *judging, n uint64) bool { return n > 0 }, func(n uint64) string { return itoa(int(n)) }),
		},
		do: "Stop the program that shares memory between guests."},
	{rows: []string{"memory-paging"}, whole: true,
		off: []sign{unbuilt("CONFIG_MEM_PAGING", "4.16")}, on: []sign{process("xenpaging")},
		do: "Stop xenpaging."},
	{rows: []string{"static-allocation"}, whole: true, tree: true,
		off: []sign{unbuilt("CONFIG_STATIC_MEMORY", "4.16")}, on: []sign{bootTree("xen,static-mem")},
		do: "Take xen,static-mem out of the device tree that Xen is booted with."},
	{rows: []string{"static-heap"}, whole: true, tree: true, on: []sign{bootTree("xen,static-heap")},
		do: "Take xen,static-heap out of /chosen of the device tree that Xen is booted with."},
	{rows: []string{"static-memory-sharing"}, whole: true, tree: true,
		off: []sign{unbuilt("CONFIG_STATIC_SHM", "4.17")}, on: []sign{bootTree("xen,domain-shared-memory-v1")},
		do: "Take the xen,domain-shared-memory-v1 nodes out of the device tree that Xen is booted with."},
	{rows: []string{"cache-coloring"}, whole: true,
		off: []sign{unbuilt("CONFIG_LLC_COLORING", "4.20")}, on: []sign{cacheColoring},
		do: "Take llc-coloring, llc-size= and llc-nr-ways= off Xen's command line."},
	{rows: []string{"transcendent-memory"}, whole: true,
		off: []sign{unbuilt("CONFIG_TMEM", "4.10")}, on: []sign{option("tmem", false)},
		do: "Take tmem off Xen's command line."},

	// Resource management
	{rows: []string{"cpu-pools"}, whole: true,
		on: []sign{pools("cpupools", func(ps []facts.CPUPool) bool { return len(ps) > 1 })},
		do: "xl cpupool-destroy removes a pool."},
	{rows: []string{"core-scheduling"}, whole: true,
		on: []sign{coreScheduling},
		do: "Take sched-gran= off Xen's command line."},
	{rows: []string{"credit-scheduler"}, whole: true, off: []sign{unbuilt("CONFIG_SCHED_CREDIT", "")}, on: []sign{scheduler("credit")},
		do: "sched= on Xen's command line chooses the scheduler, xl cpupool-create that of a pool."},
	{rows: []string{"credit2-scheduler"}, whole: true, off: []sign{unbuilt("CONFIG_SCHED_CREDIT2", "")}, on: []sign{scheduler("credit2")},
		do: "sched= on Xen's command line chooses the scheduler, xl cpupool-create that of a pool."},
	{rows: []string{"rtds-based-scheduler"}, whole: true, off: []sign{unbuilt("CONFIG_SCHED_RTDS", "")}, on: []sign{scheduler("rtds")},
		do: "Choose credit2 with sched=credit2 on Xen's command line, or for the pool."},
	{rows: []string{"arinc653-scheduler"}, whole: true, off: []sign{unbuilt("CONFIG_SCHED_ARINC653", "")}, on: []sign{scheduler("arinc653")},
		do: "sched= on Xen's command line chooses the scheduler, xl cpupool-create that of a pool."},
	{rows: []string{"null-scheduler"}, only: unqualified, whole: true, off: []sign{unbuilt("CONFIG_SCHED_NULL", "")}, on: []sign{scheduler("null")},
		do: "Choose credit2 with sched=credit2 on Xen's command line, or for the pool."},
	{rows: []string{"numa-scheduler-affinity"}, whole: true,
		off: []sign{commandLine("numa=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
			v, given := l.Bool("numa", true)
			return given && !v, given, ifGiven(onoff(v), given)
		})},
		on: []sign{fact("NUMA nodes", func(j *judging) facts.Observed[int] { return j.h.CPU.Nodes }, func(_ *judging, n int) bool { return n > 1 }, itoa)},
		do: "numa=off on Xen's command line turns it off."},

	// High availability
	{rows: []string{"remus-fault-tolerance"}, on: []sign{process("xl", "remus"), process("xl", "--remus")},
		do: "Stop xl remus."},
	{rows: []string{"x86vmce"}, off: []sign{optionOff("mce", true)},
		do: "mce=off on Xen's command line turns it off."},

	// Host side devices
	{rows: []string{"blkback--freebsd-blkback", "netback--freebsd-netback"}, off: []sign{notSystem("FreeBSD")}, on: []sign{system("FreeBSD")},
		do: "It follows from the operating system of dom0."},
	{rows: []string{"blkback--netbsd-xbdback", "netback--netbsd-xennetback"}, off: []sign{notSystem("NetBSD")}, on: []sign{system("NetBSD")},
		do: "It follows from the operating system of dom0."},
	{rows: []string{"blkback--linux-xen-blkback"}, whole: true, off: []sign{notSystem("Linux")}, on: []sign{module("xen_blkback")},
		do: "The kernel's block backend serves disks with backendtype=phy."},
	{rows: []string{"netback--linux-xen-netback"}, whole: true, off: []sign{notSystem("Linux")}, on: []sign{module("xen_netback")},
		do: "The kernel's network backend serves every vif."},
	{rows: []string{"pv-console-xenconsoled"}, whole: true, on: []sign{process("xenconsoled")},
		do: "xenconsoled is part of every dom0."},
	{rows: []string{"pv-scsi-protocol-backend"}, whole: true, off: []sign{notSystem("Linux")}, on: []sign{serves("vscsi", "xen_scsiback")},
		do: "Take the vscsi devices away from the guests, and unload the module xen-scsiback."},

	// Security
	{rows: []string{"kconfig-expert"}, whole: true, on: []sign{expert},
		do: "Use a Xen that is built without CONFIG_EXPERT."},
	{rows: []string{"live-patching"}, whole: true, off: []sign{unbuilt("CONFIG_LIVEPATCH", "")},
		on: []sign{fact("live patches", func(j *judging) facts.Observed[[]facts.LivePatch] { return j.h.Xen.LivePatches },
			func(_ *judging, ps []facts.LivePatch) bool {
				return slices.ContainsFunc(ps, func(p facts.LivePatch) bool { return strings.EqualFold(p.State, "applied") })
			},
			func(ps []facts.LivePatch) string {
				var s []string
				for _, p := range ps {
					s = append(s, p.Name+" ("+p.State+")")
				}
				return list(s)
			})},
		do: "xen-livepatch revert and unload take a live patch out again."},
	{rows: []string{"virtual-machine-introspection"}, off: []sign{unbuilt("CONFIG_VM_EVENT", "4.21"), introspectionUnbuilt}, on: []sign{process("drakvuf"), process("xen-access")},
		do: "Stop the program that looks into guests."},
	{rows: []string{"xsm-xen-security-module-framework"}, whole: true, on: []sign{built("CONFIG_XSM", "")},
		do: "XSM is chosen when Xen is built (CONFIG_XSM)."},
	{rows: []string{"flask-xsm-module", "xsm-flask"}, whole: true, off: []sign{unbuilt("CONFIG_XSM", ""), flaskUnbuilt}, on: []sign{xsmModule("flask")},
		do: "xsm=silo or xsm=dummy on Xen's command line chooses another module."},
	{rows: []string{"flask-default-policy"}, off: []sign{unbuilt("CONFIG_XSM", ""), flaskUnbuilt, unbuilt("CONFIG_XSM_FLASK_POLICY", "4.12"), xsmModuleOther("flask")},
		do: "Give Xen a policy of its own as a boot module."},
	{rows: []string{"silo-xsm-module"}, whole: true, off: []sign{unbuilt("CONFIG_XSM", ""), siloUnbuilt}, on: []sign{xsmModule("silo")},
		do: "xsm= on Xen's command line chooses the module."},

	// Virtual hardware
	{rows: []string{"vpmu"}, only: func(r *support.Row) bool { return r.Applies.Arch == "x86" }, whole: true, on: []sign{vpmu},
		do: "Take vpmu= off Xen's command line."},
	{rows: []string{"argo-inter-domain-message-delivery-by-hypercall"}, whole: true, off: []sign{unbuilt("CONFIG_ARGO", "4.12")},
		on: []sign{commandLine("argo=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
			v, given := l.Bool("argo", false)
			return v, given, ifGiven(onoff(v), given)
		})},
		do: "Take argo= off Xen's command line."},
	{rows: []string{"x86multiple-ioreq-servers"}, on: []sign{process("demu"), process("varstored"), process("vgpu")},
		do: "Stop the emulators that are not QEMU."},
	{rows: []string{"arm-firmware-framework-for-arm-a-profile-ff-a-mediator"}, off: []sign{unbuilt("CONFIG_FFA", "4.18"), otherMediator("ffa")},
		on: []sign{optionIs("tee", "ffa"), mediatorOnConsole("FF-A")},
		do: "Build Xen without CONFIG_FFA, or choose another mediator with tee= on its command line."},
	{rows: []string{"device-tree-overlays"}, off: []sign{unbuilt("CONFIG_OVERLAY_DTB", "4.18")},
		do: "Build Xen without CONFIG_OVERLAY_DTB."},
	{rows: []string{"arm-op-tee-mediator"}, whole: true, off: []sign{unbuilt("CONFIG_OPTEE", "4.13")},
		on: []sign{all(built("CONFIG_OPTEE", "4.13"), bootTree("linaro,optee-tz"), mediator("optee")).or(mediatorOnConsole("OP-TEE"))},
		do: "Build Xen without CONFIG_OPTEE, or choose another mediator with tee= on its command line."},
	{rows: []string{"arm-scmi-over-smc-calls-forwarding-to-el3-firmware"}, whole: true, off: []sign{unbuilt("CONFIG_SCMI_SMC", "4.20")},
		on: []sign{all(built("CONFIG_SCMI_SMC", "4.20"), bootTree("arm,scmi-smc"))},
		do: "Build Xen without CONFIG_SCMI_SMC."},

	// Offered to every Arm guest, so in use wherever Xen runs.
	{rows: []string{"super-page-support--arm", "arm-guest-device-tree-support", "arm-guest-psci-support--mandatory", "arm-guest-psci-support--migrateinfotype"},
		whole: true, on: []sign{fixed("every Arm guest", "has it")},
		do: "It is part of every Arm guest."},
	// Wired off in Xen's code on Arm in every release.
	{rows: []string{"alternative-p2m--arm"}, off: []sign{fixed("Xen on Arm", "without it in every release")}},

	// Domains that Xen starts itself
	{rows: []string{"dom0less"}, whole: true, tree: true,
		off: []sign{unbuilt("CONFIG_DOM0LESS_BOOT", "4.19")}, on: []sign{bootTree("xen,domain").or(console("dom0less mode", "dom0less"))},
		do: "Take the xen,domain nodes out of the device tree that Xen is booted with."},
	{rows: []string{"static-event-channel"}, whole: true, tree: true,
		off: []sign{unbuilt("CONFIG_STATIC_EVTCHN", "4.19")}, on: []sign{bootTree("xen,evtchn-v1")},
		do: "Take the xen,evtchn-v1 nodes out of the device tree that Xen is booted with."},
}

func unqualified(r *support.Row) bool { return r.Qualifier == "" }

func fixed(what, value string) sign {
	return func(*judging) reading { return reading{use: Yes, seen: Seen{What: what, Value: value}} }
}

// hypfs is a directory of the hypervisor file system that answers.
func hypfs(dir string) sign {
	return fact("hypfs /"+dir, func(j *judging) facts.Observed[[]string] { return j.h.Xen.Hypfs },
		func(_ *judging, dirs []string) bool { return slices.Contains(dirs, dir) },
		func(dirs []string) string {
			if slices.Contains(dirs, dir) {
				return "answering"
			}
			return "not there"
		})
}

func toolstack(name string) sign {
	return dom0("toolstack", func(u *facts.Userspace) facts.Observed[[]string] { return u.Toolstack },
		func(t []string) bool { return slices.Contains(t, name) }, list)
}

func initSystem(name string) sign {
	return dom0("init system of dom0", func(u *facts.Userspace) facts.Observed[string] { return u.Init }, func(s string) bool { return s == name }, plain)
}

func system(name string) sign {
	return dom0("operating system of dom0", func(u *facts.Userspace) facts.Observed[string] { return u.System }, func(s string) bool { return s == name }, plain)
}

func notSystem(name string) sign {
	return dom0("operating system of dom0", func(u *facts.Userspace) facts.Observed[string] { return u.System }, func(s string) bool { return s != name }, plain)
}

func xenstored(kind string) sign {
	return dom0("xenstore", func(u *facts.Userspace) facts.Observed[string] { return u.Xenstored }, func(s string) bool { return s == kind }, plain)
}

func xenstoredOther(kind string) sign {
	return dom0("xenstore", func(u *facts.Userspace) facts.Observed[string] { return u.Xenstored }, func(s string) bool { return s != kind }, plain)
}

// liveUpdate is a running xenstored that took over from another one.
func liveUpdate(kind string) sign {
	runs := xenstored(kind)
	updated := dom0("live update of the running "+kind, func(u *facts.Userspace) facts.Observed[bool] { return u.LiveUpdate }, func(b bool) bool { return b }, yesno)
	return func(j *judging) reading {
		if r := runs(j); r.use != Yes {
			return r
		}
		return updated(j)
	}
}

func xlConf(key, suffix string) sign {
	return dom0(key+" in xl.conf", func(u *facts.Userspace) facts.Observed[map[string]string] { return u.XLConf },
		func(m map[string]string) bool { return strings.HasSuffix(m[key], suffix) },
		func(m map[string]string) string {
			if v := m[key]; v != "" {
				return v
			}
			return "not given"
		})
}

func pools(what string, use func([]facts.CPUPool) bool) sign {
	return fact(what, func(j *judging) facts.Observed[[]facts.CPUPool] { return j.h.Xen.Pools },
		func(_ *judging, ps []facts.CPUPool) bool { return use(ps) },
		func(ps []facts.CPUPool) string { return itoa(len(ps)) })
}

// serialConsole is a console list that names a port which is configured. The
// default list is com1,vga; a port without com1= is not set up.
func serialConsole(ports ...string) sign {
	return commandLine("console=, com1=, com2=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
		names := []string{"com1", "vga"}
		if _, given := l.String("console"); given {
			names = nil
			for _, s := range l.Subs("console") {
				names = append(names, s.Name)
			}
		}
		anyPort := false
		for _, p := range ports {
			_, set := l.String(p)
			anyPort = anyPort || set
			if set && slices.Contains(names, p) {
				return true, true, p
			}
		}
		return false, anyPort, "no serial port configured"
	})
}

// debugPort is a USB debug port that serves as console.
func debugPort(kind string) sign {
	return commandLine("dbgp=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
		v, given := l.String("dbgp")
		return strings.HasPrefix(v, kind), given, ifGiven(v, given)
	})
}

// coverage is a build that counts its own execution; the symbol was
// CONFIG_GCOV in 4.10.
var coverage = renamed("4.11", built("CONFIG_GCOV", ""), built("CONFIG_COVERAGE", ""))

// renamed is a sign that another one took the place of.
func renamed(since string, old, now sign) sign {
	return func(j *judging) reading {
		if j.before(since) {
			return old(j)
		}
		return now(j)
	}
}

// cacheColoring is on when told so, or when both size and ways are given.
var cacheColoring = commandLine("llc-coloring", func(j *judging, l xencmdline.Line) (bool, bool, string) {
	if v, given := l.Bool("llc-coloring", false); given {
		return v, true, onoff(v)
	}
	_, size := l.String("llc-size")
	_, ways := l.String("llc-nr-ways")
	return size && ways, size || ways, ifGiven("llc-size= and llc-nr-ways=", size && ways)
})

// coreScheduling is told by hypfs where that answers (what was asked for may
// have been refused), else by the command line.
func coreScheduling(j *judging) reading {
	coarse := func(g string) bool { return g == "core" || g == "socket" }
	if ps, ok := j.h.Xen.Pools.Get(); ok && len(ps) > 0 && !slices.ContainsFunc(ps, func(p facts.CPUPool) bool { return p.Granularity == "" }) {
		var all []string
		for _, p := range ps {
			all = append(all, p.Granularity)
		}
		return verdictOf(slices.ContainsFunc(all, coarse), Seen{What: "scheduling granularity of the cpupools", Value: list(all), Source: j.h.Xen.Pools.Source})
	}
	return coarseOption(j)
}

var coarseOption = optionIs("sched-gran", "core", "socket").or(console("scheduling granularity", "granularity core", "granularity socket"))

// expert is a build with expert options. Before 4.14 it leaves no trace in the
// configuration.
func expert(j *judging) reading {
	if j.before("4.14") {
		return reading{use: Maybe, seen: Seen{What: "CONFIG_EXPERT", Value: "unknown", Cause: "before 4.14 it leaves no trace in a build's configuration"}}
	}
	return expertBuilt(j)
}

var expertBuilt = built("CONFIG_EXPERT", "")

// introspectionUnbuilt is CONFIG_MEM_ACCESS left out; CONFIG_VM_EVENT took its
// place in 4.21.
func introspectionUnbuilt(j *judging) reading {
	if !j.before("4.21") {
		return reading{use: No, seen: Seen{What: "CONFIG_MEM_ACCESS", Value: "not a symbol of this release"}}
	}
	return accessUnbuilt(j)
}

var accessUnbuilt = unbuilt("CONFIG_MEM_ACCESS", "")

// treeConsole is a serial device that the boot device tree names as console and
// that one of Xen's drivers knows by its compatible strings.
func treeConsole(compatible ...string) sign {
	since := map[string]string{"arm,sbsa-uart": "4.18", "ti,am654-uart": "4.20", "renesas,scifa": "4.13", "renesas,hscif": "4.17"}
	return func(j *judging) reading {
		if l, o := j.line(); o.IsKnown() {
			if v, given := l.String("dtuart"); given || l.Cut {
				return reading{use: Maybe, seen: Seen{What: "dtuart= on Xen's command line", Value: ifGiven(v, given), Source: o.Source, Cause: "which device it names is not known"}}
			}
		}
		return fact("console of the boot device tree", func(j *judging) facts.Observed[[]string] { return j.h.Xen.BootConsole },
			func(j *judging, words []string) bool {
				return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(compatible, w) && !j.before(since[w]) })
			}, list)(j)
	}
}

// bootTree is a property or a compatible string of the device tree that Xen is
// booted with. That of a dom0 does not show them: Xen takes them out.
func bootTree(word string) sign {
	return fact(word+" in the boot device tree", func(j *judging) facts.Observed[[]string] { return j.h.Xen.BootTree },
		func(_ *judging, words []string) bool { return slices.Contains(words, word) },
		func(words []string) string {
			if slices.Contains(words, word) {
				return "there"
			}
			return "not there"
		})
}

// or is a sign that another one can confirm, and not deny.
func (s sign) or(other sign) sign {
	return func(j *judging) reading {
		if r := other(j); r.use == Yes {
			return r
		}
		return s(j)
	}
}

// unless is a sign that counts for nothing where another one rules it out.
func (s sign) unless(other sign) sign {
	return func(j *judging) reading {
		if r := other(j); r.use == Yes {
			r.use = No
			return r
		}
		return s(j)
	}
}

// all holds when every one of some signs does, and fails when one fails.
func all(signs ...sign) sign {
	return func(j *judging) reading {
		var last reading
		unknown := false
		for _, s := range signs {
			r := s(j)
			switch {
			case r.use == No:
				return r
			case r.use == Maybe && !unknown:
				unknown, last = true, r
			case !unknown:
				last = r
			}
		}
		return last
	}
}

// mediator is a TEE mediator that tee= does not pass over: without the option,
// which exists since 4.21, Xen tries each one that is built in.
func mediator(name string) sign {
	return commandLine("tee=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
		v, given := l.String("tee")
		if !given || j.before("4.21") {
			return true, true, "not given: Xen tries every mediator"
		}
		return v == name, true, v
	})
}

// otherMediator is a tee= that names another mediator, which Xen then tries
// alone.
func otherMediator(name string) sign {
	return commandLine("tee=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
		v, given := l.String("tee")
		if !given || j.before("4.21") {
			return false, false, "not given"
		}
		return v != name && v != "", true, v
	})
}

// console is a line of the running Xen's console that tells of something in use:
// what, in words, and what the hint of the line begins with. That there is no
// such line, or no more, says nothing.
func console(what string, hints ...string) sign {
	what += " on Xen's console"
	return func(j *judging) reading {
		o := j.h.Xen.Console
		if !j.nextBoot() {
			for _, line := range o.Value {
				for _, h := range hints {
					if line == h || strings.HasPrefix(line, h+" ") {
						_, value, _ := strings.Cut(line, " ")
						return reading{use: Yes, seen: Seen{What: what, Value: cmp.Or(value, "there"), Source: o.Source}}
					}
				}
			}
		}
		return reading{use: Maybe, seen: Seen{What: what, Value: "unknown", Cause: "the console need not tell"}}
	}
}

// mediatorOnConsole is a mediator that Xen has found firmware for, by a line
// of its console. That there is no such line, or no more, says nothing.
func mediatorOnConsole(name string) sign { return console("TEE mediator", "tee "+name) }

// vpmu is told by the mode dom0 sees, else by the command line; the watchdog
// turns it off again.
func vpmu(j *judging) reading {
	if m, ok := j.h.Xen.VPMUMode.Get(); ok {
		return verdictOf(m != "off", Seen{What: "vPMU mode", Value: m, Source: j.h.Xen.VPMUMode.Source})
	}
	return vpmuTold(j)
}

var vpmuTold = vpmuOption.or(console("vPMU", "vpmu version"))

var vpmuOption = commandLine("vpmu=", func(j *judging, l xencmdline.Line) (bool, bool, string) {
	dog, _ := l.Bool("watchdog", false)
	if v, _ := l.String("watchdog"); dog || v == "force" {
		return false, true, "off (watchdog)"
	}
	on := false
	for _, o := range l.All("vpmu") {
		words := o.Value
		switch {
		case o.Negated && o.Value != "":
			continue // Xen takes no value with "no-"
		case o.Negated:
			words = "no"
		}
		for w := range strings.SplitSeq(words, ",") {
			b, isBool := xencmdline.ParseBool(w)
			switch {
			case isBool:
				on = b
			case slices.Contains([]string{"bts", "ipc", "arch"}, w):
				on = true
			case w == "" && !o.HasValue && j.before("4.13"):
				on = true // the name by itself did, until its handler was rewritten
			}
		}
	}
	v, given := l.String("vpmu")
	return on, given, ifGiven(v, given)
})

// Change says how to change what puts a row in use: which option, key or file.
// It is empty for rows that nothing of Xen's set-up decides.
func Change(row support.Row) string {
	if u := usageOf(&row); u != nil {
		return u.do
	}
	return ""
}
