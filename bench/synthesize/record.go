package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// record writes the facts of one host.
type record struct {
	b      []byte
	r      *rand.Rand
	schema int
	blind  bool // much could not be read, and there are members that nobody knows
}

// key begins a member.
func (w *record) key(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, '"'), name...), `":`...)
}

func (w *record) object(name string, members func()) {
	if name != "" {
		w.key(name)
	}
	w.b = append(w.b, '{')
	members()
	w.b = append(w.b, '}')
}

func (w *record) text(name, s string) {
	w.key(name)
	w.b = strconv.AppendQuote(w.b, s)
}

func (w *record) raw(name, json string) {
	w.key(name)
	w.b = append(w.b, json...)
}

// fact writes a known fact, the value in JSON. One in a hundred could not be
// read, and one in three of a blind host.
func (w *record) fact(name, json, source string) {
	if n := 300; w.r.IntN(n) == 0 || w.blind && w.r.IntN(3) == 0 {
		w.unknown(name, source)
		return
	}
	w.sure(name, json, source)
}

func (w *record) sure(name, json, source string) {
	w.key(name)
	w.b = append(append(append(append(append(w.b, `{"state":"known","value":`...), json...), `,"source":"`...), source...), `"}`...)
}

func (w *record) word(name, s, source string) { w.fact(name, strconv.Quote(s), source) }

func (w *record) number(name string, n int, source string) { w.fact(name, strconv.Itoa(n), source) }

func (w *record) truth(name string, b bool, source string) {
	w.fact(name, strconv.FormatBool(b), source)
}

func (w *record) absent(name, source string) {
	w.key(name)
	w.b = append(append(append(w.b, `{"state":"absent","value":null,"source":"`...), source...), `"}`...)
}

func (w *record) unread(name string) { w.raw(name, `{"state":"unread","value":null}`) }

// unknown writes a fact that could not be read.
func (w *record) unknown(name, source string) {
	causes := [...][3]string{
		{"no_permission", "permission denied", "run as root"},
		{"not_exposed", "there is no such file", ""},
		{"hidden_by_xen", "Linux in a Xen domain is not shown it", "look at the host without Xen"},
		{"malformed", "the checksum is wrong", "update the firmware"},
	}
	c := causes[w.r.IntN(len(causes))]
	w.key(name)
	w.b = fmt.Appendf(w.b, `{"state":"unknown","value":null,"source":%q,"problem":{"cause":%q,"source":%q,"detail":%q`, source, c[0], source, c[1])
	if c[2] != "" {
		w.b = fmt.Appendf(w.b, `,"remedy":%q`, c[2])
	}
	w.b = append(w.b, `}}`...)
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// The directories that most facts come from.
const (
	cpuDir  = "/sys/devices/system/cpu/"
	acpiDir = "/sys/firmware/acpi/tables/"
	dmiDir  = "/sys/class/dmi/id/"
)

// host writes one host: seven in ten are x86, four in ten of those run Xen.
func (w *record) host(i uint64) {
	r := w.r
	w.object("", func() {
		w.raw("schema", strconv.Itoa(w.schema))
		w.text("tool", pick(r, []string{"xencheck 0.1.0", "xencheck 0.2.0", "xencheck 0.2.1"}))
		w.key("collected_at")
		at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(20*86400)) * time.Second)
		w.b = append(at.AppendFormat(append(w.b, '"'), time.RFC3339), '"')
		w.key("name")
		w.b = fmt.Appendf(w.b, `"%s%07d.%s.example.net"`, pick(r, []string{"node", "hv", "edge", "db", "ci"}), i, pick(r, []string{"ams1", "fra2", "iad3", "nrt1", "syd2"}))
		w.raw("origin", `{"kind":"live","privileged":true}`)
		if r.IntN(10) < 7 {
			w.x86(pick(r, x86s))
		} else {
			w.arm(pick(r, boards))
		}
		w.key("os")
		os := pick(r, []string{"debian|Debian GNU/Linux 12 (bookworm)|6.1.0-28-amd64", "debian|Debian GNU/Linux 13 (trixie)|6.12.48-amd64", "ubuntu|Ubuntu 24.04.1 LTS|6.8.0-49-generic",
			"xenenterprise|XCP-ng 8.3.0|4.19.0+1", "rocky|Rocky Linux 9.5 (Blue Onyx)|5.14.0-503.el9.x86_64", "alpine|Alpine Linux v3.20|6.6.58-0-lts"})
		part := [3]string{}
		for k, n := 0, 0; k < len(os); k++ {
			if os[k] == '|' {
				n++
				continue
			}
			part[n] += os[k : k+1]
		}
		w.b = append(w.b, '{')
		w.sure("id", strconv.Quote(part[0]), "/etc/os-release")
		w.sure("name", strconv.Quote(part[1]), "/etc/os-release")
		w.sure("release", strconv.Quote(part[2]), "uname(2)")
		w.b = append(w.b, '}')
		w.sources()
		if w.blind {
			w.raw("attestation", `{"level":3,"quotes":[{"pcr":7,"digest":"5f1c…"},null],"signed":true}`)
		}
	})
}

// sources lists the places that were looked at.
func (w *record) sources() {
	w.key("sources")
	w.b = append(w.b, '[')
	for k, s := range [...]string{"/proc/self/ns/pid", "/proc/self/ns/uts", "/proc/self/ns/ipc", "/proc/self/ns/cgroup", "/proc/cpuinfo", "/sys/firmware/acpi/tables", acpiDir + "APIC", "/sys/firmware",
		"/sys/firmware/dmi/tables/DMI", dmiDir + "sys_vendor", dmiDir + "product_name", dmiDir + "board_name", "/sys/hypervisor/type", "/proc/xen", "cpuid", "uname(2)", cpuDir + "present", cpuDir + "online",
		cpuDir + "possible", "/sys/devices/system/node/online", "/proc/meminfo", "/sys/firmware/memmap", "/sys/devices/system/memory", "/sys/devices/system/memory/block_size_bytes", "/proc/cmdline",
		"/sys/class/iommu", "/etc/os-release", "/boot", "ghw", "/proc/sys/kernel/hostname"} {
		if k > 0 {
			w.b = append(w.b, ',')
		}
		state := "known"
		if w.r.IntN(6) == 0 {
			state = "absent"
		}
		w.b = append(append(append(append(append(w.b, `{"name":"`...), s...), `","state":"`...), state...), `"}`...)
	}
	w.b = append(w.b, ']')
}

// memory writes how much memory there is: the map of the firmware leaves a bit
// out, and blocks round up.
func (w *record) memory(gib uint64, exact bool) {
	total := gib << 30
	least := total - uint64(w.r.IntN(1<<16))<<12
	w.object("memory", func() {
		if exact {
			w.fact("physical", fmt.Sprintf(`{"min":%d,"max":%d}`, total, total), "/sys/firmware/dmi/tables/DMI")
		} else {
			w.fact("physical", fmt.Sprintf(`{"min":%d,"max":%d}`, least, total), "/sys/firmware/memmap, /sys/devices/system/memory")
		}
		usable := least - least/64 - uint64(w.r.IntN(1<<12))<<12
		w.raw("readings", fmt.Sprintf(`[{"bytes":%d,"meaning":"memtotal","source":"/proc/meminfo"},{"bytes":%d,"meaning":"firmware_map","source":"/sys/firmware/memmap"},{"bytes":%d,"meaning":"blocks","source":"/sys/devices/system/memory"}]`,
			usable, least, total))
	})
}

// counts writes the numbers of CPUs.
func (w *record) counts(cpus, nodes int, firmware string) {
	w.number("present", cpus, cpuDir+"present")
	w.number("online", cpus, cpuDir+"online")
	w.number("possible", cpus, cpuDir+"possible")
	w.number("firmware", cpus, firmware)
	w.fact("physical", fmt.Sprintf(`{"min":%d,"max":%d}`, cpus, cpus), cpuDir+"present, "+firmware)
	w.number("nodes", nodes, "/sys/devices/system/node/online")
	w.number("cores", max(cpus/2, 1), "ghw")
}

// x86 writes what an x86 has.
func (w *record) x86(c x86) {
	r := w.r
	sockets := 1 + r.IntN(c.sockets)
	if sockets > 2 && sockets != 4 {
		sockets = 2
	}
	intel := c.vendor == "GenuineIntel"
	xen := r.IntN(10) < 4
	virtual := !xen && r.IntN(20) == 0
	efi := r.IntN(3) > 0
	off := r.IntN(40) == 0 // switched off by the firmware
	box := pick(r, c.boxes)
	w.object("machine", func() {
		w.word("arch", "x86-64", "/proc/cpuinfo")
		w.word("kernel_arch", "x86_64", "uname(2)")
		switch {
		case xen:
			w.word("kind", "xen-dom0", "/sys/hypervisor")
			w.word("hypervisor", "Xen", "/sys/hypervisor/type")
			w.word("domain_type", pick(r, []string{"pv", "pv", "pv", "pvh"}), "/sys/hypervisor/guest_type")
		case virtual:
			w.word("kind", "vm", "cpuid")
			w.word("hypervisor", pick(r, []string{"KVM", "VMware", "Hyper-V"}), "cpuid")
			w.unread("domain_type")
		default:
			w.word("kind", "bare", "/proc/cpuinfo")
			w.absent("hypervisor", "/proc/cpuinfo")
			w.unread("domain_type")
		}
		w.absent("container", "/proc/self/ns")
		if efi {
			w.word("firmware", "efi", "/sys/firmware/efi")
			w.truth("secure_boot", r.IntN(3) == 0, "/sys/firmware/efi/efivars")
		} else {
			w.word("firmware", "bios", "/sys/firmware")
			w.absent("secure_boot", "/sys/firmware")
		}
		w.truth("acpi", true, "/sys/firmware/acpi/tables")
		w.truth("device_tree", false, "/sys/firmware")
		w.word("vendor", box[0], dmiDir+"sys_vendor")
		w.word("product", box[1], dmiDir+"product_name")
		w.word("board", fmt.Sprintf("0%X", 0xc0de+r.IntN(4096)), dmiDir+"board_name")
	})
	cpus := c.threads * sockets
	if r.IntN(5) == 0 && cpus > 1 {
		cpus /= 2 // without threads
	}
	w.object("cpu", func() {
		w.counts(cpus, sockets, acpiDir+"APIC")
		w.object("x86", func() {
			w.fact("models", fmt.Sprintf(`[{"vendor":%q,"family":%d,"model":%d,"stepping":%d,"name":%q,"cpus":%d}]`, c.vendor, c.family, c.model, c.stepping, c.name, cpus), "/proc/cpuinfo")
			w.truth("long_mode", true, "/proc/cpuinfo")
			w.truth("vmx", intel && !off, "/proc/cpuinfo")
			w.truth("svm", !intel && !off, "/proc/cpuinfo")
			w.truth("locked_off", off, "/dev/cpu/0/msr")
			w.truth("ept", intel && c.ept && !off, "/proc/cpuinfo")
			w.truth("npt", !intel && c.ept && !off, "/proc/cpuinfo")
			if c.qos == "" {
				w.absent("qos", "/proc/cpuinfo")
			} else {
				w.fact("qos", c.qos, "/proc/cpuinfo")
			}
		})
	})
	gib := uint64(16) << r.IntN(8)
	if sockets > 2 {
		gib = pick(r, []uint64{3072, 6144, 12288, 16384, 24576})
	}
	w.memory(gib, r.IntN(3) > 0)
	w.object("iommu", func() {
		table, kind := "DMAR", "vt-d"
		if !intel {
			table, kind = "IVRS", "amd-vi"
		}
		if r.IntN(8) == 0 {
			w.absent("units", acpiDir+"DMAR, "+acpiDir+"IVRS")
			w.absent("interrupt_remapping", acpiDir+"DMAR, "+acpiDir+"IVRS")
			return
		}
		w.fact("units", fmt.Sprintf(`[{"kind":%q,"count":%d,"source":%q}]`, kind, 1+r.IntN(8), acpiDir+table), acpiDir+table)
		w.truth("interrupt_remapping", r.IntN(10) > 0, acpiDir+table)
	})
	w.raw("interrupts", `{"gic":{"state":"unread","value":null},"its":{"state":"unread","value":null}}`)
	w.object("hotplug", func() {
		if r.IntN(4) == 0 {
			w.fact("cpu", fmt.Sprintf(`{"madt_revision":%d,"spare":%d,"online_capable":0}`, 3+r.IntN(4), 1+r.IntN(200)), acpiDir+"APIC")
		} else {
			w.absent("cpu", acpiDir+"APIC")
		}
		if r.IntN(12) == 0 {
			w.fact("memory", strconv.Itoa(1<<(36+r.IntN(6))), acpiDir+"SRAT")
		} else {
			w.absent("memory", acpiDir+"SRAT")
		}
	})
	if xen {
		w.xen(true, gib)
	} else {
		w.noXen()
	}
}

// arm writes what a board has.
func (w *record) arm(m board) {
	r := w.r
	xen := r.IntN(10) < 2
	cpus := m.each * len(m.cores)
	arch, kernel, version := "arm64", "aarch64", 8
	if m.bits == 32 {
		arch, kernel, version = "arm32", "armv7l", 7
	}
	tree := "/sys/firmware/fdt"
	w.object("machine", func() {
		w.word("arch", arch, "/proc/cpuinfo")
		w.word("kernel_arch", kernel, "uname(2)")
		if xen {
			w.word("kind", "xen-dom0", "/sys/hypervisor")
			w.word("hypervisor", "Xen", "/sys/hypervisor/type")
			w.word("domain_type", "arm", "/sys/hypervisor")
		} else {
			w.word("kind", "bare", "kernel log")
			w.absent("hypervisor", "kernel log")
			w.unread("domain_type")
		}
		w.absent("container", "/proc/self/ns")
		if m.acpi {
			w.word("firmware", "efi", "/sys/firmware/efi")
			w.truth("secure_boot", r.IntN(4) == 0, "/sys/firmware/efi/efivars")
			w.truth("acpi", true, "/sys/firmware/acpi/tables")
			w.absent("device_tree", tree)
			tree = acpiDir + "APIC"
		} else {
			w.word("firmware", "other", "/sys/firmware")
			w.absent("secure_boot", "/sys/firmware")
			w.truth("acpi", false, "/sys/firmware")
			w.truth("device_tree", true, tree)
		}
		w.absent("vendor", dmiDir+"sys_vendor")
		w.word("product", m.model, tree)
		w.absent("board", dmiDir+"board_name")
	})
	w.object("cpu", func() {
		w.counts(cpus, 1, tree)
		w.object("arm", func() {
			source := cpuDir + "cpu0/regs/identification/midr_el1"
			one := func(k int) string {
				c := m.cores[k]
				return fmt.Sprintf(`{"midr":"0x%08x","implementer":%d,"part":%d,"variant":%d,"revision":%d,"revision_known":true,"name":%q,"cpus":"%d-%d","count":%d}`,
					c.implementer<<24|c.variant<<20|0xf<<16|c.part<<4|c.revision, c.implementer, c.part, c.variant, c.revision, c.name, k*m.each, (k+1)*m.each-1, m.each)
			}
			all := "[" + one(0)
			for k := 1; k < len(m.cores); k++ {
				all += "," + one(k)
			}
			w.fact("cores", all+"]", source)
			w.fact("boot", one(0), source)
			w.number("architecture", version, "/proc/cpuinfo")
			w.truth("virtualization", !m.noExtension && r.IntN(30) > 0, "kernel log")
			w.truth("virt_extensions", !m.noExtension, source)
			w.truth("lpae", !m.noExtension, "/proc/cpuinfo")
			w.truth("sve", m.sve, "/proc/cpuinfo")
			w.truth("aarch32", m.bits == 32 || !m.acpi, "/proc/cpuinfo")
		})
	})
	gib := pick(r, m.memory)
	w.memory(gib, !m.acpi)
	w.object("iommu", func() {
		if m.smmu == "" {
			w.absent("units", tree)
		} else {
			w.fact("units", fmt.Sprintf(`[{"kind":%q,"count":%d,"source":%q}]`, m.smmu, 1+r.IntN(10), tree), tree)
		}
		w.unread("interrupt_remapping")
	})
	w.object("interrupts", func() {
		w.number("gic", m.gic, tree)
		if m.its == 0 {
			w.absent("its", tree)
		} else {
			w.number("its", m.its, tree)
		}
	})
	w.object("hotplug", func() {
		w.absent("cpu", tree)
		w.absent("memory", tree)
	})
	if xen {
		w.xen(false, gib)
	} else {
		w.noXen()
	}
}

func (w *record) noXen() {
	w.object("xen", func() {
		w.absent("running", "cpuid")
		if w.r.IntN(10) == 0 {
			v := pick(w.r, xenVersions)
			w.fact("installed", fmt.Sprintf(`[{"major":4,"minor":%d,"extra":".%d","source":"/boot/xen-4.%d.gz"}]`, v.minor, w.r.IntN(v.point+1), v.minor), "/boot")
		} else {
			w.absent("installed", "/boot")
		}
		w.unread("command_line")
		w.unread("compiler")
	})
}

// symbols are options of Xen's build that rows ask for, with how often a build
// has them.
var symbols = []struct {
	name   string
	chance int
}{
	{"CONFIG_ARGO", 10}, {"CONFIG_DEBUG", 4}, {"CONFIG_EXPERT", 5}, {"CONFIG_GDBSX", 70}, {"CONFIG_GRANT_TABLE", 100}, {"CONFIG_GUEST", 90}, {"CONFIG_HAS_EHCI", 90}, {"CONFIG_HAS_NS16550", 100},
	{"CONFIG_HVM", 98}, {"CONFIG_HYPFS", 80}, {"CONFIG_HYPFS_CONFIG", 70}, {"CONFIG_IOREQ_SERVER", 90}, {"CONFIG_KEXEC", 95}, {"CONFIG_LIVEPATCH", 85}, {"CONFIG_MEM_ACCESS", 90}, {"CONFIG_MEM_PAGING", 8},
	{"CONFIG_MEM_SHARING", 5}, {"CONFIG_PV", 100}, {"CONFIG_PV32", 70}, {"CONFIG_PVH_GUEST", 60}, {"CONFIG_PV_SHIM", 80}, {"CONFIG_SCHED_ARINC653", 6}, {"CONFIG_SCHED_CREDIT", 100}, {"CONFIG_SCHED_CREDIT2", 100},
	{"CONFIG_SCHED_NULL", 30}, {"CONFIG_SCHED_RTDS", 10}, {"CONFIG_SHADOW_PAGING", 85}, {"CONFIG_TBOOT", 20}, {"CONFIG_TRACEBUFFER", 90}, {"CONFIG_UNSUPPORTED", 4}, {"CONFIG_VM_EVENT", 80}, {"CONFIG_XSM", 50},
	{"CONFIG_XSM_FLASK", 45}, {"CONFIG_XSM_FLASK_POLICY", 40}, {"CONFIG_XSM_SILO", 45}, {"CONFIG_XSM_SILO_DEFAULT", 20},
}

// xen writes a running Xen and what is in dom0 beside it.
func (w *record) xen(x86 bool, gib uint64) {
	r := w.r
	v := pick(r, xenVersions)
	call := "hypercall"
	w.object("xen", func() {
		vendor := pick(r, []string{"", "", `,"vendor":"Debian"`, `,"vendor":"XCP-ng"`, `,"vendor":"SUSE"`})
		w.fact("running", fmt.Sprintf(`{"major":4,"minor":%d,"extra":".%d","source":"hypercall"%s}`, v.minor, r.IntN(v.point+1), vendor), call)
		w.absent("installed", "/boot")
		if x86 {
			w.fact("capabilities", `["xen-3.0-x86_64","hvm-3.0-x86_32","hvm-3.0-x86_32p","hvm-3.0-x86_64"]`, call)
			w.fact("virt_caps", `["pv","hvm","directio","hap","shadow"]`, call)
		} else {
			w.fact("capabilities", `["xen-3.0-aarch64","xen-3.0-armv7l"]`, call)
			w.fact("virt_caps", `["hvm","hap"]`, call)
		}
		w.key("command_line")
		w.b = append(w.b, `{"state":"known","value":{"text":"`...)
		w.b = commandLine(r, w.b)
		w.b = append(w.b, `","image":true},"source":"hypercall"}`...)
		if r.IntN(5) < 3 {
			w.key("build_config")
			w.b = append(w.b, `{"state":"known","value":{"symbols":{`...)
			for _, s := range symbols {
				if s.chance == 100 || r.IntN(100) < s.chance {
					if w.b[len(w.b)-1] != '{' {
						w.b = append(w.b, ',')
					}
					w.b = append(append(append(w.b, '"'), s.name...), `":"y"`...)
				}
			}
			w.b = append(w.b, `}},"source":"hypercall"}`...)
		} else {
			w.unknown("build_config", "/boot")
		}
		w.word("compiler", pick(r, []string{"gcc (Debian 12.2.0-14) 12.2.0", "gcc (GCC) 11.2.1 20210728", "gcc (SUSE Linux) 13.3.0"}), call)
		w.word("scheduler", pick(r, []string{"credit2", "credit2", "credit2", "credit", "null"}), call)
		w.fact("cpupools", `[{"id":0,"scheduler":"credit2","domains":4,"granularity":"cpu"}]`, call)
		w.absent("live_patches", call)
		w.fact("shared_pages", "0", call)
		if r.IntN(2) == 0 {
			w.fact("hypfs", `["buildinfo","buildinfo/config","params","cpupool"]`, call)
		} else {
			w.fact("hypfs", `[]`, call)
		}
	})
	w.object("userspace", func() {
		w.word("system", "Linux", "uname(2)")
		w.word("init", pick(r, []string{"systemd", "systemd", "systemd", "sysv"}), "/run/systemd/system")
		w.word("xenstored", pick(r, []string{"xenstored", "oxenstored", "oxenstored"}), "/proc")
		w.truth("live_update", false, "/proc")
		w.fact("toolstack", pick(r, []string{`["xl"]`, `["xl"]`, `["xl","libvirt"]`, `["xl","xenopsd","xapi"]`}), "/usr/sbin")
		w.fact("processes", pick(r, []string{
			`[{"name":"xenconsoled","root":true},{"name":"xenstored","root":true},{"name":"qemu-system-i386","args":["-xen-domid","3"],"root":true}]`,
			`[{"name":"xenconsoled","root":true},{"name":"oxenstored","root":true}]`,
			`[{"name":"xenconsoled","root":true},{"name":"oxenstored","root":true},{"name":"libvirtd","root":true},{"name":"ovs-vswitchd","root":true}]`}), "/proc")
		w.fact("modules", pick(r, []string{`["xen_blkback","xen_netback"]`, `["xen_blkback","xen_netback","xen_pciback"]`, `["xen_netback"]`}), "/sys/module")
		w.fact("backends", pick(r, []string{`["vbd","vif"]`, `["vbd","vif","qdisk","vkbd"]`, `["vif"]`}), "/var/run/xenstored/socket")
		w.absent("pciback", "/sys/bus/pci/drivers/pciback")
		w.fact("xl_conf", `{}`, "/etc/xen/xl.conf")
		w.truth("shim", r.IntN(2) == 0, "/usr/lib/xen/boot/xen-shim")
		w.absent("restrict_by", "/etc/passwd")
	})
	w.key("running")
	w.b = append(w.b, `{"state":"known","value":[{"domid":0,"hvm":false,"hap":false,"xenstore":false,"cpupool":0,"max_pages":4294967295,"shared":0,"paged":0,"backends":"","backend_ids":[]}`...)
	for k := range r.IntN(6) {
		w.b = fmt.Appendf(w.b, `,{"domid":%d,"hvm":%t,"hap":%t,"xenstore":false,"cpupool":0,"max_pages":%d,"shared":0,"paged":0,"backends":"vbd,vif","backend_ids":[]}`, k+1, x86, x86, min(gib, 64)<<(12+r.IntN(6)))
	}
	w.b = append(w.b, `],"source":"hypercall"}`...)
}
