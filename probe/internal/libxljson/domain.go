// Package libxljson reads the domain configurations that libxl writes as JSON:
// the output of xl list -l, and /var/lib/xen/userdata-d.*.libxl-json
// (libxl_types.idl, libxl_domain_config).
//
// libxl saves a configuration before it puts its own defaults in, and leaves
// out every field at its initial value. A field that is absent is therefore
// not given, never "off".
package libxljson

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/discreet"
)

// Parse reads an array of {domid, config}, one such object, or one
// configuration alone. Domains that were read before an error are returned
// with it.
func Parse(b []byte) ([]facts.Domain, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("larger than %d bytes", MaxSize)
	}
	s := newScanner(b)
	t, err := s.token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('[') {
		n, err := s.from(t, "", 0)
		if err != nil {
			return nil, err
		}
		d, err := domain(n)
		if err != nil {
			return nil, err
		}
		return []facts.Domain{d}, s.end()
	}
	var domains []facts.Domain
	strange := 0
	for s.dec.More() {
		if len(domains) == maxDomains {
			return domains, fmt.Errorf("line %d: more than %d domains", s.line, maxDomains)
		}
		s.nodes, s.report = 0, new(report)
		n, err := s.next("", 1)
		if err != nil {
			return domains, err
		}
		d, err := domain(n)
		if err != nil {
			if strange++; strange > maxStrange {
				return domains, err
			}
			d = facts.Domain{Form: facts.LibxlJSON, Line: n.line, Problems: []facts.DomainProblem{{Line: n.line, Message: "neither a domain nor a configuration"}}}
		}
		domains = append(domains, d)
	}
	if _, err := s.token(); err != nil {
		return domains, err
	}
	return domains, s.end()
}

// end reports what follows the value. A record may end in a zero byte.
func (s *scanner) end() error {
	rest := strings.Trim(string(s.src[s.dec.InputOffset():]), " \t\r\n\x00")
	if rest != "" {
		return fmt.Errorf("line %d: text behind the configuration", s.line)
	}
	return nil
}

func domain(n *node) (facts.Domain, error) {
	d := facts.Domain{Form: facts.LibxlJSON, Line: n.line}
	config := n
	if n.get("c_info") == nil {
		config = n.get("config")
		if id := number(n.get("domid")); id.Given && id.Value < 1<<16 {
			d.ID = facts.Set(int(id.Value), id.Line)
		}
	}
	if config == nil || config.kind != '{' || config.get("c_info") == nil && config.get("b_info") == nil {
		return d, fmt.Errorf("line %d: neither a domain nor a configuration", n.line)
	}
	create, build := config.get("c_info"), config.get("b_info")
	// What depends on the type stands in a member named after it.
	hvm, pvh, pv := build.get("type.hvm"), build.get("type.pvh"), build.get("type.pv")

	d.Name = text(create.get("name"))
	d.Type = domainType(create.get("type"), hvm, pvh, pv)
	d.HAP = flag(create.get("hap"))
	d.ACPI = first(flag(build.get("acpi")), flag(hvm.get("acpi")))
	d.Passthrough = word(create.get("passthrough"), nil)
	d.DriverDomain = flag(create.get("driver_domain"))
	d.OnSoftReset = word(config.get("on_soft_reset"), map[string]string{
		"soft_reset": "soft-reset", "restart_rename": "rename-restart", "coredump_destroy": "coredump-destroy", "coredump_restart": "coredump-restart"})
	d.NoMigrate = flag(build.get("disable_migrate"))
	d.EventChannels = number(build.get("event_channels"))
	d.GrantVersion = number(build.get("max_grant_version"))
	d.TEE = word(build.get("tee"), nil)
	d.ArmSCI = word(build.get("arch_arm", "arm_sci", "type"), nil)
	d.VUART = word(build.get("arch_arm", "vuart"), nil)
	d.GICVersion = word(build.get("arch_arm", "gic_version"), nil)
	d.Label = first(text(build.get("exec_ssid_label")), text(create.get("ssid_label")))

	d.Boot = boot(build, hvm, pvh, pv)
	d.CPU = cpu(create, build, hvm)
	d.Memory = facts.DomainMemory{
		Start: kib(build.get("target_memkb")), Max: kib(build.get("max_memkb")),
		Shadow: kib(build.get("shadow_memkb")), Video: kib(build.get("video_memkb")),
		LLCColors: colors(build.get("llc_colors")),
	}
	d.Model = model(build, hvm)
	d.Devices = devices(config, build)
	d.Unknown = unknown(config, create, build)
	d.Problems = *n.report
	return d, nil
}

// domainType reads c_info.type; a record without it tells by the member that
// only one type has.
func domainType(n, hvm, pvh, pv *node) facts.Setting[facts.DomainType] {
	s := word(n, nil)
	switch {
	case s.Given && !slices.Contains([]string{"hvm", "pvh", "pv"}, s.Value):
		return bad[facts.DomainType](n, "a domain type")
	case s.Given:
		return facts.Set(facts.DomainType(s.Value), s.Line)
	case s.IsBad():
		return facts.BadSetting[facts.DomainType](s.Bad, s.Line)
	case hvm != nil:
		return facts.Set(facts.HVM, hvm.line)
	case pvh != nil:
		return facts.Set(facts.PVH, pvh.line)
	case pv != nil:
		return facts.Set(facts.PV, pv.line)
	}
	return facts.Setting[facts.DomainType]{}
}

func boot(build, hvm, pvh, pv *node) facts.DomainBoot {
	return facts.DomainBoot{
		Kernel:             first(text(build.get("kernel")), text(pv.get("kernel"))),
		Ramdisk:            first(text(build.get("ramdisk")), text(pv.get("ramdisk"))),
		DeviceTree:         text(build.get("device_tree")),
		Bootloader:         first(text(build.get("bootloader")), text(pv.get("bootloader"))),
		BootloaderArgs:     first(texts(build.get("bootloader_args")), texts(pv.get("bootloader_args"))),
		BootloaderRestrict: flag(build.get("bootloader_restrict")),
		BootloaderUser:     text(build.get("bootloader_user")),
		FirmwareOverride:   text(hvm.get("firmware")),
		BIOS:               word(hvm.get("bios"), nil),
		Order:              text(hvm.get("boot")),
		PVShim:             flag(pvh.get("pvshim")),
		PVShimPath:         text(pvh.get("pvshim_path")),
		PVShimCmdline:      text(pvh.get("pvshim_cmdline")),
		PVShimExtra:        text(pvh.get("pvshim_extra")),
	}
}

func cpu(create, build, hvm *node) facts.DomainCPU {
	c := facts.DomainCPU{
		MaxVCPUs:     number(build.get("max_vcpus")),
		Affinity:     affinity(build.get("vcpu_hard_affinity")),
		SoftAffinity: affinity(build.get("vcpu_soft_affinity")),
		Pool:         text(create.get("pool_name")),
		PAE:          flag(hvm.get("pae")),
		NestedHVM:    first(flag(build.get("nested_hvm")), flag(hvm.get("nested_hvm"))),
		Altp2m:       word(build.get("altp2m"), nil),
		Altp2mHVM:    flag(hvm.get("altp2m")),
		VPMU:         flag(build.get("vpmu")),
		SVE:          word(build.get("arch_arm", "sve_vl"), nil),
		VMTrace:      kib(build.get("vmtrace_buf_kb")),
		MSRRelaxed:   flag(build.get("arch_x86", "msr_relaxed")),
	}
	c.VCPUs = length[uint64](build.get("avail_vcpus"))
	c.VNUMANodes = length[int](build.get("vnuma_nodes"))
	if caps := number(hvm.get("mca_caps")); caps.Given {
		const lmce = 1 << 0 // XEN_HVM_MCA_CAP_LMCE, public/hvm/params.h
		c.MCACaps = facts.Set([]string{}, caps.Line)
		if caps.Value&lmce != 0 {
			c.MCACaps.Value = []string{"lmce"}
		}
	} else if caps.IsBad() {
		c.MCACaps = facts.BadSetting[[]string](caps.Bad, caps.Line)
	}
	return c
}

// length counts the elements of a list.
func length[T int | uint64](n *node) facts.Setting[T] {
	switch {
	case absent(n):
		return facts.Setting[T]{}
	case n.kind != '[':
		return bad[T](n, "a list")
	}
	return facts.Set(T(len(n.array)), n.line)
}

// affinity reads a CPU map for each vCPU.
func affinity(n *node) facts.Setting[[]string] {
	return list(n, func(m *node) string { return strings.Join(texts(m).Value, ",") })
}

// colors reads cache colours, which xl.cfg(5) writes in one list.
func colors(n *node) facts.Setting[string] {
	l := texts(n)
	return facts.Setting[string]{Given: l.Given, Value: strings.Join(l.Value, ","), Line: l.Line, Bad: l.Bad}
}

func model(build, hvm *node) facts.DomainModel {
	m := facts.DomainModel{
		Version: word(build.get("device_model_version"), map[string]string{
			"qemu_xen": "qemu-xen", "qemu_xen_traditional": "qemu-xen-traditional"}),
		Override:         text(build.get("device_model")),
		Stubdomain:       flag(build.get("device_model_stubdomain")),
		StubdomainKernel: text(build.get("stubdomain_kernel")),
		StubdomainDisk:   text(build.get("stubdomain_ramdisk")),
		StubdomainMemory: kib(build.get("stubdomain_memkb")),
		Restrict:         flag(build.get("dm_restrict")),
		User:             text(build.get("device_model_user")),
		Args:             texts(build.get("extra")),
		ArgsPV:           texts(build.get("extra_pv")),
		ArgsHVM:          texts(build.get("extra_hvm")),
		VGA:              word(hvm.get("vga", "kind"), map[string]string{"std": "stdvga"}),
		SoundHW:          text(hvm.get("soundhw")),
		Serial:           first(texts(hvm.get("serial_list")), texts(hvm.get("serial"))),
		HDType:           word(hvm.get("hdtype"), nil),
		USB:              flag(hvm.get("usb")),
		USBVersion:       number(hvm.get("usbversion")),
		USBDevices:       first(texts(hvm.get("usbdevice_list")), texts(hvm.get("usbdevice"))),
		VKBDevice:        flag(hvm.get("vkb_device")),
		PlatformPCI:      flag(hvm.get("xen_platform_pci")),
		Vendor:           word(hvm.get("vendor_device"), nil),
		VNC:              flag(hvm.get("vnc", "enable")),
		SDL:              flag(hvm.get("sdl", "enable")),
		NoGraphic:        flag(hvm.get("nographic")),
		Spice:            flag(hvm.get("spice", "enable")),
		SpiceOpen:        flag(hvm.get("spice", "disable_ticketing")),
		SpiceAgent:       flag(hvm.get("spice", "vdagent")),
		SpiceUSB:         number(hvm.get("spice", "usbredirection")),
	}
	switch on, kind := flag(hvm.get("gfx_passthru")), word(hvm.get("gfx_passthru_kind"), nil); {
	case on.IsBad():
		m.GfxPassthru = facts.BadSetting[string](on.Bad, on.Line)
	case on.Given && !on.Value:
		m.GfxPassthru = facts.Set("off", on.Line)
	case on.Given:
		m.GfxPassthru = facts.Set(kind.Or("default"), on.Line)
	}
	return m
}

// unknown lists the members that no libxl up to 4.22 writes. They may be
// devices this reader says nothing about.
func unknown(config, create, build *node) []facts.DomainKey {
	var keys []facts.DomainKey
	for _, part := range []struct {
		n     *node
		name  string
		known string
	}{
		{config, "", `c_info b_info disks nics pcidevs rdms dtdevs vfbs vkbs virtios vtpms p9s pvcallsifs vdispls vsnds channels
			usbctrls usbdevs on_poweroff on_reboot on_watchdog on_crash on_soft_reset`},
		{create, "c_info.", `type hap oos ssidref ssid_label name domid uuid xsdata platformdata poolid pool_name run_hotplug_scripts
			driver_domain passthrough xend_suspend_evtchn_compat trap_unmapped_accesses xenstore_feature_mask xenstore_quota altp2m_count`},
		{build, "b_info.", `max_vcpus avail_vcpus cpumap nodemap vcpu_hard_affinity vcpu_soft_affinity numa_placement tsc_mode max_memkb
			target_memkb video_memkb shadow_memkb iommu_memkb rtc_timeoffset exec_ssidref exec_ssid_label localtime disable_migrate cpuid
			blkdev_start vnuma_nodes max_grant_frames max_maptrack_frames max_grant_version device_model_version device_model_stubdomain
			stubdomain_memkb stubdomain_kernel stubdomain_cmdline stubdomain_ramdisk device_model device_model_ssidref
			device_model_ssid_label device_model_user extra extra_pv extra_hvm sched_params ioports irqs iomem claim_mode event_channels
			kernel cmdline ramdisk device_tree acpi bootloader bootloader_args bootloader_restrict bootloader_user timer_mode nested_hvm
			apic dm_restrict tee type type.hvm type.pv type.pvh type.invalid arch_arm arch_x86 altp2m altp2m_count vmtrace_buf_kb vpmu
			llc_colors trap_unmapped_accesses hvm_pirq xenstore_feature_mask xenstore_quota`},
	} {
		if part.n == nil {
			continue
		}
		known := strings.Fields(part.known)
		for name, n := range part.n.object {
			if !slices.Contains(known, name) {
				keys = append(keys, facts.DomainKey{Name: discreet.Text(part.name + name), Line: n.line})
			}
		}
	}
	slices.SortFunc(keys, func(a, b facts.DomainKey) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Name, b.Name)
	})
	return keys
}
