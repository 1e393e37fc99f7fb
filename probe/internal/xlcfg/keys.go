package xlcfg

import "github.com/xencheck/xencheck/probe/facts"

// key is one key of xl.cfg(5).
type key struct {
	name         string
	since, until string // first and last release that has it; empty when 4.10 and when today's
	use          string // what to write instead of a deprecated key
	read         read   // nil for a key that no statement row depends on, or that holds a secret
}

type domain = facts.Domain

// keys returns every key that a release from 4.10 on understands, and those of
// older releases that files still carry.
func keys() []key {
	return []key{
		{name: "name", read: text(func(d *domain) *facts.Setting[string] { return &d.Name })},
		{name: "type"},                 // read together with builder
		{name: "builder", use: "type"}, //
		{name: "pvh", until: "4.9", use: "type"},
		{name: "hap", read: flag(func(d *domain) *facts.Setting[bool] { return &d.HAP })},
		{name: "acpi", read: flag(func(d *domain) *facts.Setting[bool] { return &d.ACPI })},
		{name: "passthrough", since: "4.13", read: choice(func(d *domain) *facts.Setting[string] { return &d.Passthrough },
			"default", "disabled", "enabled", "sync_pt", "share_pt")},
		{name: "driver_domain", read: flag(func(d *domain) *facts.Setting[bool] { return &d.DriverDomain })},
		{name: "on_soft_reset", read: choice(func(d *domain) *facts.Setting[string] { return &d.OnSoftReset },
			"destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart", "soft-reset")},
		{name: "nomigrate", read: flag(func(d *domain) *facts.Setting[bool] { return &d.NoMigrate })},
		{name: "max_event_channels", read: number(func(d *domain) *facts.Setting[uint64] { return &d.EventChannels })},
		{name: "max_grant_version", since: "4.16", read: number(func(d *domain) *facts.Setting[uint64] { return &d.GrantVersion })},
		{name: "tee", since: "4.13", read: choice(func(d *domain) *facts.Setting[string] { return &d.TEE }, "none", "optee", "ffa")},
		{name: "arm_sci", since: "4.21", read: armSCI},
		{name: "vuart", read: choice(func(d *domain) *facts.Setting[string] { return &d.VUART }, "unknown", "sbsa_uart")},
		{name: "gic_version", read: choice(func(d *domain) *facts.Setting[string] { return &d.GICVersion }, "default", "DEFAULT", "v2", "v3")},
		{name: "seclabel", read: text(func(d *domain) *facts.Setting[string] { return &d.Label })},

		{name: "kernel", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.Kernel })},
		{name: "ramdisk", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.Ramdisk })},
		{name: "device_tree", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.DeviceTree })},
		{name: "bootloader", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.Bootloader })},
		{name: "bootloader_args", read: list(func(d *domain) *facts.Setting[[]string] { return &d.Boot.BootloaderArgs })},
		{name: "bootloader_restrict", since: "4.18", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Boot.BootloaderRestrict })},
		{name: "bootloader_user", since: "4.18", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.BootloaderUser })},
		{name: "firmware", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.Firmware })},
		{name: "firmware_override", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.FirmwareOverride })},
		{name: "bios", read: choice(func(d *domain) *facts.Setting[string] { return &d.Boot.BIOS }, "rombios", "seabios", "ovmf")},
		{name: "boot", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.Order })},
		{name: "pvshim", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Boot.PVShim })},
		{name: "pvshim_path", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.PVShimPath })},
		{name: "pvshim_cmdline", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.PVShimCmdline })},
		{name: "pvshim_extra", read: text(func(d *domain) *facts.Setting[string] { return &d.Boot.PVShimExtra })},

		{name: "vcpus", read: number(func(d *domain) *facts.Setting[uint64] { return &d.CPU.VCPUs })},
		{name: "maxvcpus", read: number(func(d *domain) *facts.Setting[uint64] { return &d.CPU.MaxVCPUs })},
		{name: "cpus", read: list(func(d *domain) *facts.Setting[[]string] { return &d.CPU.Affinity })},
		{name: "cpus_soft", read: list(func(d *domain) *facts.Setting[[]string] { return &d.CPU.SoftAffinity })},
		{name: "vnuma", read: vnuma},
		{name: "pool", read: text(func(d *domain) *facts.Setting[string] { return &d.CPU.Pool })},
		{name: "pae", read: flag(func(d *domain) *facts.Setting[bool] { return &d.CPU.PAE })},
		{name: "nestedhvm", read: flag(func(d *domain) *facts.Setting[bool] { return &d.CPU.NestedHVM })},
		{name: "altp2m", read: altp2m},
		{name: "altp2mhvm", use: "altp2m", read: flag(func(d *domain) *facts.Setting[bool] { return &d.CPU.Altp2mHVM })},
		{name: "vpmu", since: "4.16", read: flag(func(d *domain) *facts.Setting[bool] { return &d.CPU.VPMU })},
		{name: "sve", since: "4.18", read: sve},
		{name: "mca_caps", read: list(func(d *domain) *facts.Setting[[]string] { return &d.CPU.MCACaps })},
		{name: "vmtrace_buf_kb", since: "4.15", read: size(1<<10, func(d *domain) *facts.Setting[uint64] { return &d.CPU.VMTrace })},
		{name: "msr_relaxed", since: "4.15", read: flag(func(d *domain) *facts.Setting[bool] { return &d.CPU.MSRRelaxed })},

		{name: "memory", read: size(1<<20, func(d *domain) *facts.Setting[uint64] { return &d.Memory.Start })},
		{name: "maxmem", read: size(1<<20, func(d *domain) *facts.Setting[uint64] { return &d.Memory.Max })},
		{name: "shadow_memory", read: size(1<<20, func(d *domain) *facts.Setting[uint64] { return &d.Memory.Shadow })},
		{name: "videoram", read: size(1<<20, func(d *domain) *facts.Setting[uint64] { return &d.Memory.Video })},
		{name: "llc_colors", since: "4.20", read: llcColors},

		{name: "device_model_version", read: choice(func(d *domain) *facts.Setting[string] { return &d.Model.Version }, "qemu-xen", "qemu-xen-traditional")},
		{name: "device_model", use: "device_model_override"},
		{name: "device_model_override", read: text(func(d *domain) *facts.Setting[string] { return &d.Model.Override })},
		{name: "device_model_stubdomain_override", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.Stubdomain })},
		{name: "stubdomain_kernel", since: "4.14", read: text(func(d *domain) *facts.Setting[string] { return &d.Model.StubdomainKernel })},
		{name: "stubdomain_ramdisk", since: "4.14", read: text(func(d *domain) *facts.Setting[string] { return &d.Model.StubdomainDisk })},
		{name: "stubdomain_memory", since: "4.14", read: size(1<<20, func(d *domain) *facts.Setting[uint64] { return &d.Model.StubdomainMemory })},
		{name: "dm_restrict", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.Restrict })},
		{name: "device_model_user", read: text(func(d *domain) *facts.Setting[string] { return &d.Model.User })},
		{name: "device_model_args", read: list(func(d *domain) *facts.Setting[[]string] { return &d.Model.Args })},
		{name: "device_model_args_pv", read: list(func(d *domain) *facts.Setting[[]string] { return &d.Model.ArgsPV })},
		{name: "device_model_args_hvm", read: list(func(d *domain) *facts.Setting[[]string] { return &d.Model.ArgsHVM })},
		{name: "vga", read: choice(func(d *domain) *facts.Setting[string] { return &d.Model.VGA }, "stdvga", "cirrus", "none", "qxl")},
		{name: "stdvga", use: "vga", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.StdVGA })},
		{name: "gfx_passthru", read: gfxPassthru},
		{name: "soundhw", read: text(func(d *domain) *facts.Setting[string] { return &d.Model.SoundHW })},
		{name: "serial", read: list(func(d *domain) *facts.Setting[[]string] { return &d.Model.Serial })},
		{name: "hdtype", read: choice(func(d *domain) *facts.Setting[string] { return &d.Model.HDType }, "ide", "ahci")},
		{name: "usb", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.USB })},
		{name: "usbversion", read: number(func(d *domain) *facts.Setting[uint64] { return &d.Model.USBVersion })},
		{name: "usbdevice", read: list(func(d *domain) *facts.Setting[[]string] { return &d.Model.USBDevices })},
		{name: "vkb_device", since: "4.13", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.VKBDevice })},
		{name: "xen_platform_pci", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.PlatformPCI })},
		{name: "vendor_device", read: choice(func(d *domain) *facts.Setting[string] { return &d.Model.Vendor }, "none", "NONE", "xenserver", "XENSERVER")},
		{name: "vnc", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.VNC })},
		{name: "sdl", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.SDL })},
		{name: "nographic", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.NoGraphic })},
		{name: "spice", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.Spice })},
		{name: "spicedisable_ticketing", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.SpiceOpen })},
		{name: "spicevdagent", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Model.SpiceAgent })},
		{name: "spiceusbredirection", read: number(func(d *domain) *facts.Setting[uint64] { return &d.Model.SpiceUSB })},

		{name: "disk", read: devices(func(d *domain) *facts.Setting[[]facts.DomainDisk] { return &d.Devices.Disks },
			func(_ *reader, s string) facts.DomainDisk { return disk(s) }, func(x *facts.DomainDisk) *facts.DomainDevice { return &x.DomainDevice })},
		{name: "vif", read: devices(func(d *domain) *facts.Setting[[]facts.DomainNIC] { return &d.Devices.NICs },
			func(_ *reader, s string) facts.DomainNIC { return nic(s) }, func(x *facts.DomainNIC) *facts.DomainDevice { return &x.DomainDevice })},
		{name: "pci", read: devices(func(d *domain) *facts.Setting[[]facts.DomainPCI] { return &d.Devices.PCI },
			// pci_permissive speaks for the devices that do not say themselves.
			func(r *reader, s string) facts.DomainPCI {
				return pci(s, long(r.settings["pci_permissive"]).Value != 0)
			},
			func(x *facts.DomainPCI) *facts.DomainDevice { return &x.DomainDevice })},
		{name: "pci_permissive", read: flag(func(d *domain) *facts.Setting[bool] { return &d.Devices.PCIPermissive })},
		{name: "vfb", read: devices(func(d *domain) *facts.Setting[[]facts.DomainDevice] { return &d.Devices.VFBs },
			func(_ *reader, s string) facts.DomainDevice { return vfb(s) }, itself)},
		{name: "vkb", since: "4.12", read: devices(func(d *domain) *facts.Setting[[]facts.DomainVKB] { return &d.Devices.VKBs },
			func(_ *reader, s string) facts.DomainVKB { return vkb(s) }, func(x *facts.DomainVKB) *facts.DomainDevice { return &x.DomainDevice })},
		{name: "vsnd", since: "4.12", read: sounds},
		{name: "vdispl", read: devices(func(d *domain) *facts.Setting[[]facts.DomainVDispl] { return &d.Devices.VDispls },
			func(_ *reader, s string) facts.DomainVDispl { return vdispl(s) }, func(x *facts.DomainVDispl) *facts.DomainDevice { return &x.DomainDevice })},
		{name: "usbctrl", read: devices(func(d *domain) *facts.Setting[[]facts.DomainUSBCtrl] { return &d.Devices.USBCtrls },
			func(_ *reader, s string) facts.DomainUSBCtrl { return usbctrl(s) }, func(x *facts.DomainUSBCtrl) *facts.DomainDevice { return &x.DomainDevice })},
		{name: "usbdev", read: devices(func(d *domain) *facts.Setting[[]facts.DomainUSBDev] { return &d.Devices.USBDevs },
			func(_ *reader, s string) facts.DomainUSBDev { return usbdev(s) }, func(x *facts.DomainUSBDev) *facts.DomainDevice { return &x.DomainDevice })},
		{name: "p9", read: devices(func(d *domain) *facts.Setting[[]facts.DomainP9] { return &d.Devices.P9s },
			func(_ *reader, s string) facts.DomainP9 { return p9(s) }, func(x *facts.DomainP9) *facts.DomainDevice { return &x.DomainDevice })},
		{name: "vtpm", read: devices(func(d *domain) *facts.Setting[[]facts.DomainDevice] { return &d.Devices.VTPMs },
			func(_ *reader, s string) facts.DomainDevice { return vtpm(s) }, itself)},
		{name: "pvcalls", since: "4.11", read: devices(func(d *domain) *facts.Setting[[]facts.DomainDevice] { return &d.Devices.PVCalls },
			func(_ *reader, s string) facts.DomainDevice { return pvcalls(s) }, itself)},
		{name: "channel", read: devices(func(d *domain) *facts.Setting[[]facts.DomainChannel] { return &d.Devices.Channels },
			func(_ *reader, s string) facts.DomainChannel { return channel(s) }, func(x *facts.DomainChannel) *facts.DomainDevice { return &x.DomainDevice })},
		{name: "virtio", since: "4.18", read: devices(func(d *domain) *facts.Setting[[]facts.DomainVirtio] { return &d.Devices.Virtios },
			func(_ *reader, s string) facts.DomainVirtio { return virtio(s) }, func(x *facts.DomainVirtio) *facts.DomainDevice { return &x.DomainDevice })},
		{name: "dtdev", read: list(func(d *domain) *facts.Setting[[]string] { return &d.Devices.DTDevs })},
		{name: "iomem", read: entries(frames, func(d *domain) *facts.Setting[[]string] { return &d.Devices.IOMem })},
		{name: "ioports", read: entries(ports, func(d *domain) *facts.Setting[[]string] { return &d.Devices.IOPorts })},
		{name: "irqs", read: entries(interrupt, func(d *domain) *facts.Setting[[]string] { return &d.Devices.IRQs })},
		{name: "rdm", read: text(func(d *domain) *facts.Setting[string] { return &d.Devices.RDM })},

		// Known, and read by no rule: no row depends on them.
		{name: "acpi_firmware"}, {name: "acpi_laptop_slate"}, {name: "acpi_s3"}, {name: "acpi_s4"},
		{name: "altp2m_count", since: "4.21"}, {name: "apic"}, {name: "bios_path_override"}, {name: "cap"},
		{name: "cmdline"}, {name: "cpu_weight"}, {name: "cpuid"}, {name: "device_model_stubdomain_seclabel"},
		{name: "display"}, {name: "e820_host"}, {name: "extra"}, {name: "extratime"},
		{name: "hpet"}, {name: "hvm_pirq", since: "4.19"}, {name: "init_seclabel"}, {name: "keymap"},
		{name: "localtime"}, {name: "max_grant_frames"}, {name: "max_maptrack_frames"}, {name: "mmio_hole"},
		{name: "ms_vm_genid"}, {name: "nr_spis", since: "4.19"}, {name: "nx"}, {name: "on_crash"},
		{name: "on_poweroff"}, {name: "on_reboot"}, {name: "on_watchdog"}, {name: "oos"}, {name: "opengl"},
		{name: "pci_msitranslate"}, {name: "pci_power_mgmt"}, {name: "pci_seize"}, {name: "period"},
		{name: "rdm_mem_boundary"}, {name: "root"}, {name: "rtc_timeoffset"}, {name: "smbios", since: "4.18"},
		{name: "smbios_firmware"}, {name: "spice_clipboard_sharing"}, {name: "spice_image_compression"},
		{name: "spice_streaming_video"}, {name: "spiceagent_mouse"}, {name: "spicehost"}, {name: "spicepasswd"},
		{name: "spiceport"}, {name: "spicetls_port"}, {name: "stubdomain_cmdline", since: "4.14"},
		{name: "timer_mode"}, {name: "trap_unmapped_accesses", since: "4.21"}, {name: "tsc_mode"}, {name: "uuid"},
		{name: "viridian"}, {name: "vncdisplay"}, {name: "vnclisten"}, {name: "vncpasswd"}, {name: "vncunused"},
		{name: "vpt_align"}, {name: "xauthority"}, {name: "xend_suspend_evtchn_compat"},
		{name: "xenstore_feature_mask", since: "4.21"}, {name: "xenstore_quota", since: "4.22"},

		// Understood as far as to be ignored.
		{name: "latency", use: "period"}, {name: "slice", use: "period"}, {name: "vif2", use: "vif"},
		{name: "vncviewer", use: "xl create -V"},
	}
}

func itself(d *facts.DomainDevice) *facts.DomainDevice { return d }
