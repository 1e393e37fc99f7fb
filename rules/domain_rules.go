package rules

// domainRules are the rules that judge domains. They claim no row of a host's:
// what domains use is brought into the finding that the host has already.
var domainRules = []Rule{
	{ID: "domain-type", Title: "Kind of guest", judge: noRows,
		Doc: "Reads type=, pvshim=, firmware= and what else makes a guest what it is, defaults filled in (PV on x86 where nothing is said). " +
			"The width of a PV guest's kernel is in no configuration; it is known from firmware=pvgrub32 or pvgrub64, from the head of the file that kernel= names " +
			"where the host's files are at hand, or where Xen cannot run 32-bit PV guests at all."},
	{ID: "domain-boot", Title: "What a guest starts from", judge: noRows,
		Doc: "Reads kernel= with the head of its file, bootloader=, boot=, bios= and firmware=, and of a boot device tree the xen,domain nodes. " +
			"A guest without disk and boot= tries the network. pygrub is security supported only when it runs de-privileged: " +
			"bootloader_restrict= of the domain or of xl.conf from 4.18 on, environment variables that no file shows before."},
	{ID: "domain-cpu", Title: "Virtual CPUs", judge: noRows,
		Doc: "Reads what the guest's CPUs may do: hotplug, cpupools, affinity, tracing, vPMU, SVE, and alternate page tables, which Xen must be booted for as well."},
	{ID: "domain-memory", Title: "Memory of guests", judge: noRows,
		Doc: "Compares maxmem=, or memory= without it, with the limits of the statement, and tells populate on demand, ballooning and shadow paging: " +
			"a guest runs on shadow page tables when hap=0, or when the host's CPU has neither EPT nor NPT."},
	{ID: "domain-emulated", Title: "What QEMU emulates", judge: noRows,
		Doc: "Lists the devices that QEMU emulates for an HVM guest, defaults filled in (rtl8139, cirrus). The statement names those that are security supported; " +
			"a device that is on none of its lists is not. Also how QEMU itself is kept: stub domain, de-privileged, or the traditional one up to 4.20."},
	{ID: "domain-driver", Title: "Paravirtual devices", judge: noRows,
		Doc: "Tells which backends serve a guest's disks, interfaces and other devices. Where a disk names no backend, it is chosen as libxl does: " +
			"block devices and scripts go to the kernel, files and images to QEMU. Which system drives a device inside of the guest is out of sight."},
	{ID: "domain-passthrough", Title: "Devices of the host in guests", judge: noRows,
		Doc: "Reads pci=, dtdev=, iomem= and irqs=. Such devices are covered only on hosts with an IOMMU that Xen drives."},
	{ID: "domain-isolation", Title: "Driver domains and mediators", judge: noRows,
		Doc: "Tells whether a domain other than dom0 serves devices (backend=, driver_domain=), and what of the host's secure world a guest may use (tee=)."},
}

func noRows(*judging, []*entry) []Finding { return nil }
