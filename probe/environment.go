package probe

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

const (
	sysHypervisor = "/sys/hypervisor"
	dmiID         = "/sys/class/dmi/id"
	// featureDom0 is XENFEAT_dom0 of /sys/hypervisor/properties/features
	// (xen/include/public/features.h).
	featureDom0 = 1 << 11
)

// readEnvironment finds what the operating system runs on, before any other
// source is believed: Linux in a Xen domain is shown something else than the
// host, and a virtual machine is shown something made up.
func (s *session) readEnvironment() {
	s.readDMI()
	s.readXenDomain()
	m := &s.host.Machine
	if m.Kind.State != facts.Unread {
		return
	}
	name, source, is := s.virtualMachine()
	switch {
	case is && name == "Xen":
		// A Linux without Xen support, or a capture without /sys/hypervisor.
		s.underXen = true
		m.Kind = facts.Is(facts.DomU, source)
		m.Hypervisor = facts.Is("Xen", source)
		m.DomainType = facts.Is("hvm", source)
	case is && name == "":
		m.Kind = facts.Is(facts.VirtualMachine, source)
		m.Hypervisor = facts.Not[string](&facts.Problem{Cause: facts.Incomplete, Source: source, Detail: "a hypervisor is there, but nothing names it"})
	case is:
		m.Kind = facts.Is(facts.VirtualMachine, source)
		m.Hypervisor = facts.Is(name, source)
	case source != "":
		m.Kind = facts.Is(facts.Bare, source)
		m.Hypervisor = facts.Missing[string](source)
	default:
		p := &facts.Problem{Cause: facts.NotRecorded, Source: "/proc/cpuinfo", Detail: "nothing that was read tells whether this is a machine or a virtual one"}
		if s.whole {
			p.Cause = facts.NotExposed
		}
		m.Kind, m.Hypervisor = facts.Not[facts.Kind](p), facts.Not[string](p)
	}
}

// readXenDomain recognises dom0 and domU, each by several signs: which of them
// a system shows depends on its kernel and on what is mounted.
func (s *session) readXenDomain() {
	m := &s.host.Machine
	var evidence string
	var open []look // sources that only Xen has, and that cannot be read
	kind := s.file(sysHypervisor+"/type", smallFile)
	if kind.known() && kind.text() == "" {
		kind.state = facts.Unknown
		kind.problem = s.damaged(kind, errors.New("it is empty"))
	}
	if kind.known() && kind.text() == "xen" {
		evidence = kind.source
	} else if !kind.known() {
		// Nobody else's hypervisor has these files.
		for _, name := range []string{"/version/major", "/properties/features"} {
			if l := s.fileQuietly(sysHypervisor+name, smallFile); l.known() {
				evidence = l.source
			} else {
				open = append(open, l)
			}
		}
	}
	tree := s.board != nil && s.board.Xen != nil
	if evidence == "" && tree {
		evidence = s.boardSource
	}
	if evidence == "" && s.tables.has("RMAD") {
		// Only Xen writes this signature, and only a PV dom0 sees the table.
		evidence = acpiTables + "/RMAD"
	}
	text := ""
	if evidence == "" && (s.isPaper() || !s.whole) {
		// A captured tree without a mark of Xen may be a part of dom0's; a
		// whole one that has none was taken while no Xen ran.
		switch {
		case s.info != nil:
			text = s.infoSource
		case s.console != nil:
			text = s.consoleSource
		}
		evidence = text
	}
	capabilities, xenfs := look{state: facts.Absent}, look{}
	if evidence == "" {
		xenfs = s.dir("/proc/xen", maxEntries)
	}
	if evidence != "" || xenfs.known() {
		capabilities = s.file("/proc/xen/capabilities", smallFile)
		if evidence == "" && capabilities.known() {
			evidence = capabilities.source
		}
	}
	if evidence == "" {
		for _, l := range append(open, kind, xenfs, capabilities) {
			if l.problem != nil && l.problem.Cause != facts.NotRecorded {
				s.maybeUnderXen(l)
				return
			}
		}
		return
	}
	s.underXen = true
	m.Hypervisor = facts.Is("Xen", evidence)

	domainType := s.file(sysHypervisor+"/guest_type", smallFile)
	switch t := strings.ToLower(domainType.text()); {
	case s.isArm():
		m.DomainType = facts.Is("arm", evidence)
	case domainType.known() && (t == "pv" || t == "pvh" || t == "hvm"):
		m.DomainType = facts.Is(t, domainType.source)
	case s.tables.has("RMAD"):
		m.DomainType = facts.Is("pv", acpiTables+"/RMAD")
	case s.dmi["product_name"].text() == "HVM domU":
		m.DomainType = facts.Is("hvm", s.dmi["product_name"].source)
	default:
		m.DomainType = facts.Not[string](domainType.why())
	}

	features := s.file(sysHypervisor+"/properties/features", smallFile)
	bits, err := procfs.Number(features.data, 16)
	readable := features.known() && err == nil
	switch {
	case text != "":
		m.Kind = facts.Is(facts.Dom0, text).WithNote("what was given was taken from a running Xen")
	case capabilities.known() && procfs.ControlDomain(capabilities.data):
		m.Kind = facts.Is(facts.Dom0, capabilities.source)
	case readable && bits&featureDom0 != 0:
		m.Kind = facts.Is(facts.Dom0, features.source)
	case s.tables.has("RMAD"):
		m.Kind = facts.Is(facts.Dom0, acpiTables+"/RMAD")
	case slices.Contains(s.dir("/dev/xen", maxEntries).names, "xenbus_backend"):
		// The device that sets up xenstore exists in dom0 alone.
		m.Kind = facts.Is(facts.Dom0, "/dev/xen/xenbus_backend")
	case readable:
		m.Kind = facts.Is(facts.DomU, features.source)
	case capabilities.known():
		m.Kind = facts.Is(facts.DomU, capabilities.source)
	case s.dmi["product_name"].text() == "HVM domU":
		m.Kind = facts.Is(facts.DomU, s.dmi["product_name"].source)
	default:
		p := *features.why()
		p.Detail = "Xen is underneath, but nothing readable tells dom0 from an ordinary guest"
		p.Remedy = "mount xenfs at /proc/xen and run xencheck as root"
		m.Kind = facts.Not[facts.Kind](&p)
	}
}

// maybeUnderXen leaves open whether Xen is underneath, where a source that would
// tell is there and cannot be read. What Linux sees is then not taken for the
// host's.
func (s *session) maybeUnderXen(l look) {
	s.underXen = true
	p := *l.problem
	p.Detail = "whether Xen is underneath could not be read: " + p.Detail
	m := &s.host.Machine
	m.Kind, m.Hypervisor, m.DomainType = facts.Not[facts.Kind](&p), facts.Not[string](&p), facts.Not[string](&p)
}

// readDMI reads the SMBIOS strings that identify the kind of machine. Serial
// numbers and UUIDs stand beside them and are left alone.
func (s *session) readDMI() {
	s.dmi = map[string]look{}
	if s.isPaper() {
		return
	}
	for _, item := range []string{"sys_vendor", "product_name", "board_name"} {
		s.dmi[item] = s.file(dmiID+"/"+item, smallFile)
	}
}

// virtualMachine reports whether there is a hypervisor, and its name where one
// is told. A source without a hypervisor is evidence that there is none; no
// source means that nothing could tell.
func (s *session) virtualMachine() (name, source string, is bool) {
	if r, l := s.askCPUID(); l.known() && r.Hypervisor {
		name, is, source = hypervisorByID(r.HypervisorID), true, l.source
	}
	if s.dump != nil && s.dump.hypervisor.has {
		name, is, source = hypervisorByID(s.dump.hypervisorID), true, s.dump.source
	}
	flag, flagKnown := s.x86Flag("hypervisor")
	if flagKnown && flag && !is {
		is, source = true, "/proc/cpuinfo"
	}
	if name == "" {
		switch n, src, verdict := s.machineStrings(); {
		case verdict == facts.VirtualMachine:
			name, source, is = n, src, true
		case verdict == facts.Bare && !is:
			return "", src, false
		}
	}
	switch {
	case is:
		return name, source, true
	case flagKnown:
		// Real processors leave the bit clear, and hypervisors set it.
		return "", "/proc/cpuinfo", false
	case s.dump != nil && s.dump.hypervisor.told:
		return "", s.dump.source, false
	}
	if n, src, ok := s.systemInfo(); ok {
		return n, src, n != ""
	}
	if l := s.dmi["sys_vendor"]; l.known() && s.isArm() {
		return "", l.source, false
	}
	if s.board != nil && !s.board.Stub && !s.isPaper() && s.isArm() {
		return "", s.boardSource, false
	}
	return "", "", false
}

// hypervisorByID names the signature of CPUID leaf 0x40000000.
func hypervisorByID(id string) string {
	for _, h := range []struct{ id, name string }{
		{"KVMKVMKVM", "KVM"}, {"Linux KVM Hv", "KVM"}, {"TCGTCGTCGTCG", "QEMU"},
		{"VMwareVMware", "VMware"}, {"VBoxVBoxVBox", "VirtualBox"}, {"Microsoft Hv", "Hyper-V"},
		{"XenVMMXenVMM", "Xen"}, {"bhyve bhyve ", "bhyve"}, {"ACRNACRNACRN", "ACRN"},
		{"prl hyperv", "Parallels"}, {" lrpepyh  vr", "Parallels"}, {"OpenBSDVMM58", "vmm"},
		{"___ NVMM ___", "NVMM"}, {"QNXQVMBSQG", "QNX"}, {"Jailhouse", "Jailhouse"},
	} {
		if strings.TrimSpace(id) == strings.TrimSpace(h.id) {
			return h.name
		}
	}
	return ""
}

// machineStrings recognises the virtual machines that say what they are in
// SMBIOS strings or in the root of their device tree, and machines of a
// provider of both kinds that say that they are whole ones. The verdict is
// empty when the strings tell neither.
func (s *session) machineStrings() (name, source string, verdict facts.Kind) {
	vendor, product := s.dmi["sys_vendor"], s.dmi["product_name"]
	v, p := vendor.text(), product.text()
	if vendor.known() && v == "Amazon EC2" {
		if strings.Contains(p, ".metal") {
			return "", product.source, facts.Bare
		}
		return "KVM", vendor.source, facts.VirtualMachine
	}
	for _, m := range []struct{ vendor, product, name string }{
		{"QEMU", "", "QEMU"}, {"", "KVM", "KVM"}, {"Red Hat", "RHEV Hypervisor", "KVM"},
		{"VMware, Inc.", "", "VMware"}, {"", "VMware", "VMware"},
		{"innotek GmbH", "", "VirtualBox"}, {"", "VirtualBox", "VirtualBox"},
		{"Microsoft Corporation", "Virtual Machine", "Hyper-V"},
		{"Google", "Google Compute Engine", "KVM"}, {"Xen", "HVM domU", "Xen"},
		{"Parallels", "", "Parallels"}, {"BHYVE", "", "bhyve"}, {"FreeBSD", "BHYVE", "bhyve"},
		{"Apple Inc.", "Apple Virtualization Generic Platform", "Apple Virtualization"},
		{"OpenStack Foundation", "", "KVM"}, {"", "OpenStack", "KVM"}, {"Alibaba Cloud", "Alibaba Cloud ECS", "KVM"},
		{"DigitalOcean", "Droplet", "KVM"}, {"Hetzner", "vServer", "KVM"},
	} {
		if m.vendor != "" && !(vendor.known() && strings.HasPrefix(v, m.vendor)) {
			continue
		}
		if m.product != "" && !(product.known() && strings.HasPrefix(p, m.product)) {
			continue
		}
		if m.product != "" {
			return m.name, product.source, facts.VirtualMachine
		}
		return m.name, vendor.source, facts.VirtualMachine
	}
	if s.board == nil {
		return "", "", ""
	}
	for _, c := range s.board.Compatible {
		switch {
		case c == "linux,dummy-virt": // QEMU, Firecracker, crosvm and kvmtool all say so
			return "", s.boardSource, facts.VirtualMachine
		case strings.HasPrefix(c, "qemu,"):
			return "QEMU", s.boardSource, facts.VirtualMachine
		case strings.HasPrefix(c, "xen,xenvm"):
			return "Xen", s.boardSource, facts.VirtualMachine
		}
	}
	return "", "", ""
}

// systemInfo reads what mainframes tell in /proc/sysinfo: the control program
// of the innermost virtual machine, or that this is a logical partition.
func (s *session) systemInfo() (name, source string, ok bool) {
	if s.isX86() || s.isArm() {
		return "", "", false
	}
	l := s.file("/proc/sysinfo", smallFile)
	if !l.known() {
		return "", "", false
	}
	for line := range strings.Lines(string(l.data)) {
		key, value, found := strings.Cut(line, ":")
		value = procfs.Value([]byte(strings.TrimSpace(value)))
		if !found || !strings.HasPrefix(key, "VM00 Control Program") {
			continue
		}
		switch {
		case strings.HasPrefix(value, "KVM"):
			return "KVM", l.source, true
		case strings.HasPrefix(value, "z/VM"):
			return "z/VM", l.source, true
		}
		return value, l.source, true
	}
	if strings.Contains(string(l.data), "LPAR Number") {
		return "PR/SM", l.source, true
	}
	return "", l.source, true
}

// askCPUID asks the CPUID instruction of the running machine, or replays what
// it said.
func (s *session) askCPUID() (cpuidReading, look) {
	var r cpuidReading
	if !s.whole {
		return r, look{source: cpuidInterface, state: facts.Unknown, problem: &facts.Problem{Cause: facts.NotRecorded, Source: cpuidInterface}}
	}
	l := s.file(cpuidInterface, smallFile)
	if l.known() {
		if err := json.Unmarshal(l.data, &r); err != nil {
			l.state, l.problem = facts.Unknown, s.damaged(l, err)
		}
	}
	return r, l
}

// initialNamespaces are those that the kernel itself made: a process in all of
// them is in no container, whatever files an image has left in its root
// (linux/proc_ns.h).
func initialNamespaces() []struct{ name, link string } {
	return []struct{ name, link string }{
		{"pid", "pid:[4026531836]"},
		{"uts", "uts:[4026531838]"},
		{"ipc", "ipc:[4026531839]"},
		{"cgroup", "cgroup:[4026531835]"},
	}
}

// readContainer recognises containers by the marks that their managers leave.
func (s *session) readContainer() {
	m := &s.host.Machine
	if s.isPaper() {
		return
	}
	if s.whole && s.inInitialNamespaces() {
		m.Container = facts.Missing[string]("/proc/self/ns")
		return
	}
	systemd := s.file("/run/systemd/container", smallFile)
	if systemd.known() && systemd.text() != "" {
		m.Container = facts.Is(systemd.text(), systemd.source)
		return
	}
	if l := s.file("/run/.containerenv", smallFile); l.known() {
		m.Container = facts.Is("podman", l.source)
		return
	}
	if l := s.file("/.dockerenv", smallFile); l.known() {
		m.Container = facts.Is("docker", l.source)
		return
	}
	cgroup := s.file("/proc/1/cgroup", smallFile)
	if name := procfs.ContainerFromCgroup(cgroup.data); name != "" {
		m.Container = facts.Is(name, cgroup.source)
		return
	}
	environ := s.file(initEnviron, textFile)
	if name := procfs.ContainerFromEnviron(environ.data); name != "" {
		m.Container = facts.Is(name, environ.source)
		return
	}
	pid := s.link("/proc/self/ns/pid")
	switch {
	case s.whole && pid.known() && pid.text() != initialNamespaces()[0].link:
		m.Container = facts.Is("other", pid.source).WithNote("in a PID namespace of its own, and nothing names what made it")
	case systemd.absent() || cgroup.known():
		m.Container = facts.Missing[string](systemd.source)
	default:
		m.Container = facts.Not[string](systemd.why())
	}
}

func (s *session) inInitialNamespaces() bool {
	for _, ns := range initialNamespaces() {
		if l := s.link("/proc/self/ns/" + ns.name); !l.known() || l.text() != ns.link {
			return false
		}
	}
	return true
}

// hidden is the problem of a fact that Linux in a Xen domain is not shown.
func (s *session) hidden(source, detail string) *facts.Problem {
	if s.isPaper() && (s.info != nil || s.console != nil) {
		return &facts.Problem{Cause: facts.NotRecorded, Source: source, Detail: "what was given of Xen does not tell", Remedy: "run xencheck on the host itself"}
	}
	p := &facts.Problem{Cause: facts.HiddenByXen, Source: source, Detail: detail, Remedy: bareRemedy}
	if r := s.refused; r != nil && r.Remedy != "" && r.Cause != facts.NotExposed {
		p.Detail += "; asking Xen: " + r.Detail
		p.Remedy = r.Remedy + "; or " + bareRemedy
	}
	return p
}

// syntheticTables reports whether the ACPI tables were written by Xen for a
// domain. A PV dom0 reads those of the firmware, with DMAR renamed.
func (s *session) syntheticTables() bool {
	if !s.underXen {
		return false
	}
	kind, _ := s.host.Machine.Kind.Get()
	domain, _ := s.host.Machine.DomainType.Get()
	return kind != facts.Dom0 || domain != "pv"
}
