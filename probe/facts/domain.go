package facts

import (
	"encoding/json"
	"fmt"
)

// Setting is one value of a configuration as its author left it: given, given
// badly, or not given. The zero Setting is "not given", which leaves the value
// to the toolstack's default of that release.
type Setting[T any] struct {
	Given bool
	Value T      // meaningful only when Given
	Line  int    // where it stands in its source, from 1; 0 when not given
	Bad   string // why what stands there is no value; Given is false then
}

// Set returns a setting that was given on a line.
func Set[T any](v T, line int) Setting[T] { return Setting[T]{Given: true, Value: v, Line: line} }

// BadSetting returns a setting that stands on a line and cannot be understood.
func BadSetting[T any](why string, line int) Setting[T] { return Setting[T]{Bad: why, Line: line} }

// Get returns the value and whether one was given.
func (s Setting[T]) Get() (T, bool) { return s.Value, s.Given }

// Or returns the value, or the default where none was given. A bad setting has
// no value either: ask IsBad first where that matters.
func (s Setting[T]) Or(def T) T {
	if s.Given {
		return s.Value
	}
	return def
}

// IsBad reports whether something stands there that is no value.
func (s Setting[T]) IsBad() bool { return s.Bad != "" }

// IsZero reports whether nothing was given, so that omitzero leaves it out.
func (s Setting[T]) IsZero() bool { return !s.Given && s.Bad == "" }

type settingJSON struct {
	Value json.RawMessage `json:"value"`
	Line  int             `json:"line,omitempty"`
	Bad   string          `json:"bad,omitempty"`
}

// MarshalJSON writes a given setting as {"value": …, "line": n}; value is null
// when it is bad, and the whole null when nothing was given.
func (s Setting[T]) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte("null"), nil
	}
	j := settingJSON{Line: s.Line, Bad: s.Bad, Value: json.RawMessage("null")}
	if s.Given {
		b, err := marshal(s.Value)
		if err != nil {
			return nil, err
		}
		j.Value, j.Bad = b, ""
	}
	return marshal(j)
}

// UnmarshalJSON is the inverse of MarshalJSON. A value that is neither there
// nor bad is refused, so that damaged input cannot turn into a configuration.
func (s *Setting[T]) UnmarshalJSON(b []byte) error {
	*s = Setting[T]{}
	if string(b) == "null" {
		return nil
	}
	var j settingJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	s.Line, s.Bad = j.Line, j.Bad
	has := len(j.Value) > 0 && string(j.Value) != "null"
	switch {
	case has && j.Bad == "":
		s.Given = true
		return json.Unmarshal(j.Value, &s.Value)
	case has:
		return fmt.Errorf("setting on line %d is both given and bad", j.Line)
	case j.Bad == "":
		return fmt.Errorf("setting on line %d is neither given nor bad", j.Line)
	}
	return nil
}

// DomainForm is the spelling a domain's configuration was read in.
type DomainForm string

// The forms.
const (
	XLConfig  DomainForm = "xl_cfg"     // a file of xl.cfg(5)
	LibxlJSON DomainForm = "libxl_json" // xl list -l, or libxl's record of a running domain
	BootTree  DomainForm = "boot_tree"  // a xen,domain node of the device tree that Xen is booted with
)

// DomainType is how a guest is virtualised.
type DomainType string

// The types. On Arm every guest is PVH, whatever was asked for.
const (
	PV  DomainType = "pv"
	HVM DomainType = "hvm"
	PVH DomainType = "pvh"
)

// MaxDomains is how many domains the facts of one host hold at most, of those
// that run and of configurations each: a collector writes no more, and a reader
// takes no more.
const MaxDomains = 8192

// Domain is the configuration of one domain as it was given, before any
// default: xl.cfg(5) names each setting, and what is absent there is absent
// here. UUIDs, MAC addresses, passwords and serial numbers are left out, and
// blanked where they are part of another string. Paths are dom0's.
type Domain struct {
	Form   DomainForm `json:"form"`
	Source string     `json:"source,omitempty"` // file it was read from; empty when the reader was given bytes alone
	Line   int        `json:"line,omitempty"`   // where the domain begins in Source, when it holds several

	ID   Setting[int]        `json:"domid,omitzero"` // number of a running domain
	Name Setting[string]     `json:"name,omitzero"`
	Type Setting[DomainType] `json:"type,omitzero"`

	Boot    DomainBoot    `json:"boot"`
	CPU     DomainCPU     `json:"cpu"`
	Memory  DomainMemory  `json:"memory"`
	Model   DomainModel   `json:"device_model"`
	Devices DomainDevices `json:"devices"`

	Tree *DomainTree `json:"tree,omitempty"` // what only a device tree can ask for; nil for domains that a toolstack starts

	HAP           Setting[bool]   `json:"hap,omitzero"`            // hardware assisted paging; false is shadow paging
	ACPI          Setting[bool]   `json:"acpi,omitzero"`           //
	Passthrough   Setting[string] `json:"passthrough,omitzero"`    // default, disabled, enabled, sync_pt, share_pt
	DriverDomain  Setting[bool]   `json:"driver_domain,omitzero"`  // may serve as a backend
	OnSoftReset   Setting[string] `json:"on_soft_reset,omitzero"`  // soft-reset, destroy, restart, …
	NoMigrate     Setting[bool]   `json:"nomigrate,omitzero"`      // refuses live migration
	EventChannels Setting[uint64] `json:"event_channels,omitzero"` // upper limit of ports
	GrantVersion  Setting[uint64] `json:"max_grant_version,omitzero"`
	TEE           Setting[string] `json:"tee,omitzero"`     // none, optee, ffa
	ArmSCI        Setting[string] `json:"arm_sci,omitzero"` // type of the SCMI interface: none, scmi_smc, …
	VUART         Setting[string] `json:"vuart,omitzero"`   // sbsa_uart
	GICVersion    Setting[string] `json:"gic_version,omitzero"`
	Label         Setting[string] `json:"seclabel,omitzero"` // XSM label

	// Problems is what was not understood or what xl itself would refuse.
	Problems []DomainProblem `json:"problems,omitempty"`
	// Unknown lists the keys that no release has.
	Unknown []DomainKey `json:"unknown_keys,omitempty"`
	// Limited lists the keys that only some releases understand.
	Limited []DomainKey `json:"limited_keys,omitempty"`
	// Deprecated lists the keys and spellings that have a newer form.
	Deprecated []DomainKey `json:"deprecated_keys,omitempty"`
}

// DomainProblem is one place of a configuration that is wrong.
type DomainProblem struct {
	Line    int    `json:"line"`
	Column  int    `json:"column,omitempty"` // in bytes, from 1; 0 when unknown
	Message string `json:"message"`
	// Tolerated is true where the meaning is clear although xl refuses the
	// file or reads the place differently.
	Tolerated bool `json:"tolerated,omitempty"`
}

// DomainKey is one key as used in a configuration.
type DomainKey struct {
	Name  string `json:"name"`
	Line  int    `json:"line"`
	Since string `json:"since,omitempty"` // first release that has it; empty when before 4.10
	Until string `json:"until,omitempty"` // last release that has it; empty when there still
	Use   string `json:"use,omitempty"`   // what to write instead
}

// DomainTree is what Xen's device tree says of a domain that Xen itself starts.
type DomainTree struct {
	StaticMemory bool `json:"static_memory,omitempty"`        // its memory is at given addresses (xen,static-mem)
	SharedMemory bool `json:"shared_memory,omitempty"`        // it shares memory with others (xen,domain-shared-memory-v1)
	StaticEvents bool `json:"static_event_channel,omitempty"` // an event channel is set up for it (xen,evtchn-v1)
	DirectMap    bool `json:"direct_map,omitempty"`           // guest addresses are the host's (direct-map)
	Enhanced     bool `json:"enhanced,omitempty"`             // it may have paravirtual devices (xen,enhanced)
}

// DomainBoot is what a domain starts from.
type DomainBoot struct {
	Kernel Setting[string] `json:"kernel,omitzero"`
	// Image is what the file that Kernel names is; unread where the files of
	// the domain's host were not looked at.
	Image              Observed[KernelImage] `json:"image,omitzero"`
	Ramdisk            Setting[string]       `json:"ramdisk,omitzero"`
	DeviceTree         Setting[string]       `json:"device_tree,omitzero"` // partial device tree
	Bootloader         Setting[string]       `json:"bootloader,omitzero"`
	BootloaderArgs     Setting[[]string]     `json:"bootloader_args,omitzero"`
	BootloaderRestrict Setting[bool]         `json:"bootloader_restrict,omitzero"` // run it de-privileged
	BootloaderUser     Setting[string]       `json:"bootloader_user,omitzero"`
	Firmware           Setting[string]       `json:"firmware,omitzero"`          // bios, uefi, ovmf, seabios, rombios, pvgrub32, pvgrub64 or a path
	FirmwareOverride   Setting[string]       `json:"firmware_override,omitzero"` // path of another hvmloader
	BIOS               Setting[string]       `json:"bios,omitzero"`              // rombios, seabios, ovmf
	Order              Setting[string]       `json:"order,omitzero"`             // boot=: c disk, d CD-ROM, n network
	PVShim             Setting[bool]         `json:"pvshim,omitzero"`
	PVShimPath         Setting[string]       `json:"pvshim_path,omitzero"`
	PVShimCmdline      Setting[string]       `json:"pvshim_cmdline,omitzero"`
	PVShimExtra        Setting[string]       `json:"pvshim_extra,omitzero"`
}

// KernelImage is how a directly booted kernel is packed.
type KernelImage struct {
	Format  string `json:"format"`            // bzImage, ELF, zImage, Image, uImage, or other
	Bits    int    `json:"bits,omitempty"`    // width of the code; 0 when the file's head does not tell
	Gzipped bool   `json:"gzipped,omitempty"` // Format is that of what was compressed
}

// DomainCPU is a domain's virtual CPUs and what they show.
type DomainCPU struct {
	VCPUs        Setting[uint64]   `json:"vcpus,omitzero"`     // online at start
	MaxVCPUs     Setting[uint64]   `json:"maxvcpus,omitzero"`  // may be brought online
	Affinity     Setting[[]string] `json:"cpus,omitzero"`      // hard affinity: one for all vCPUs, or one each
	SoftAffinity Setting[[]string] `json:"cpus_soft,omitzero"` //
	VNUMANodes   Setting[int]      `json:"vnuma_nodes,omitzero"`
	Pool         Setting[string]   `json:"pool,omitzero"` // cpupool
	PAE          Setting[bool]     `json:"pae,omitzero"`
	NestedHVM    Setting[bool]     `json:"nestedhvm,omitzero"`
	Altp2m       Setting[string]   `json:"altp2m,omitzero"`    // disabled, mixed, external, limited
	Altp2mHVM    Setting[bool]     `json:"altp2mhvm,omitzero"` // the older spelling: true is mixed
	VPMU         Setting[bool]     `json:"vpmu,omitzero"`      // Arm only
	SVE          Setting[string]   `json:"sve,omitzero"`       // disabled, hw, or the vector length in bits
	MCACaps      Setting[[]string] `json:"mca_caps,omitzero"`  // lmce
	VMTrace      Setting[uint64]   `json:"vmtrace,omitzero"`   // bytes of trace buffer per vCPU
	MSRRelaxed   Setting[bool]     `json:"msr_relaxed,omitzero"`
}

// DomainMemory is a domain's memory, in bytes.
type DomainMemory struct {
	Start     Setting[uint64] `json:"start,omitzero"`      // memory=
	Max       Setting[uint64] `json:"max,omitzero"`        // maxmem=
	Shadow    Setting[uint64] `json:"shadow,omitzero"`     // shadow_memory=: for shadow or HAP page tables
	Video     Setting[uint64] `json:"video,omitzero"`      // videoram=
	LLCColors Setting[string] `json:"llc_colors,omitzero"` // cache colours, as ranges
}

// DomainModel is the device model of a domain and what it emulates.
type DomainModel struct {
	Version          Setting[string]   `json:"version,omitzero"`  // qemu-xen, qemu-xen-traditional
	Override         Setting[string]   `json:"override,omitzero"` // path of another binary
	Stubdomain       Setting[bool]     `json:"stubdomain,omitzero"`
	StubdomainKernel Setting[string]   `json:"stubdomain_kernel,omitzero"`
	StubdomainDisk   Setting[string]   `json:"stubdomain_ramdisk,omitzero"`
	StubdomainMemory Setting[uint64]   `json:"stubdomain_memory,omitzero"` // bytes
	Restrict         Setting[bool]     `json:"restrict,omitzero"`          // dm_restrict
	User             Setting[string]   `json:"user,omitzero"`
	Args             Setting[[]string] `json:"args,omitzero"`     // further arguments of QEMU
	ArgsPV           Setting[[]string] `json:"args_pv,omitzero"`  //
	ArgsHVM          Setting[[]string] `json:"args_hvm,omitzero"` //

	VGA         Setting[string]   `json:"vga,omitzero"`          // cirrus, stdvga, qxl, none
	StdVGA      Setting[bool]     `json:"stdvga,omitzero"`       // the older spelling of vga
	GfxPassthru Setting[string]   `json:"gfx_passthru,omitzero"` // off, default, igd
	SoundHW     Setting[string]   `json:"soundhw,omitzero"`      //
	Serial      Setting[[]string] `json:"serial,omitzero"`
	HDType      Setting[string]   `json:"hdtype,omitzero"` // ide, ahci
	USB         Setting[bool]     `json:"usb,omitzero"`
	USBVersion  Setting[uint64]   `json:"usbversion,omitzero"` // 1, 2, 3
	USBDevices  Setting[[]string] `json:"usbdevice,omitzero"`  // tablet, mouse, host:…
	VKBDevice   Setting[bool]     `json:"vkb_device,omitzero"`
	PlatformPCI Setting[bool]     `json:"xen_platform_pci,omitzero"`
	Vendor      Setting[string]   `json:"vendor_device,omitzero"` // none, xenserver
	VNC         Setting[bool]     `json:"vnc,omitzero"`
	SDL         Setting[bool]     `json:"sdl,omitzero"`
	NoGraphic   Setting[bool]     `json:"nographic,omitzero"`
	Spice       Setting[bool]     `json:"spice,omitzero"`
	SpiceOpen   Setting[bool]     `json:"spice_disable_ticketing,omitzero"` // clients need no password
	SpiceAgent  Setting[bool]     `json:"spice_vdagent,omitzero"`
	SpiceUSB    Setting[uint64]   `json:"spice_usbredirection,omitzero"` // channels
}

// DomainDevices is what a domain is given beside CPUs and memory. A list that
// is given and empty differs from one that is not given only in what its
// author wrote.
type DomainDevices struct {
	Disks    Setting[[]DomainDisk]    `json:"disks,omitzero"`
	NICs     Setting[[]DomainNIC]     `json:"nics,omitzero"`
	PCI      Setting[[]DomainPCI]     `json:"pci,omitzero"`
	VFBs     Setting[[]DomainDevice]  `json:"vfbs,omitzero"`
	VKBs     Setting[[]DomainVKB]     `json:"vkbs,omitzero"`
	VSnds    Setting[[]DomainDevice]  `json:"vsnds,omitzero"`
	VDispls  Setting[[]DomainVDispl]  `json:"vdispls,omitzero"`
	USBCtrls Setting[[]DomainUSBCtrl] `json:"usbctrls,omitzero"`
	USBDevs  Setting[[]DomainUSBDev]  `json:"usbdevs,omitzero"`
	P9s      Setting[[]DomainP9]      `json:"p9s,omitzero"`
	VTPMs    Setting[[]DomainDevice]  `json:"vtpms,omitzero"`
	PVCalls  Setting[[]DomainDevice]  `json:"pvcalls,omitzero"`
	Channels Setting[[]DomainChannel] `json:"channels,omitzero"`
	Virtios  Setting[[]DomainVirtio]  `json:"virtios,omitzero"`

	DTDevs  Setting[[]string] `json:"dtdevs,omitzero"`  // device tree paths
	IOMem   Setting[[]string] `json:"iomem,omitzero"`   // START,PAGES[@GFN] in hexadecimal frames
	IOPorts Setting[[]string] `json:"ioports,omitzero"` // FIRST[-LAST] in hexadecimal
	IRQs    Setting[[]string] `json:"irqs,omitzero"`

	PCIPermissive Setting[bool]   `json:"pci_permissive,omitzero"` // for every PCI device that does not say otherwise
	RDM           Setting[string] `json:"rdm,omitzero"`            // reserved device memory: strategy and policy
}

// DomainDevice is what all devices have in common.
type DomainDevice struct {
	Line int `json:"line,omitempty"`
	// Bad says why the device's text was not understood. What was understood
	// of it is kept, and proves nothing about the rest.
	Bad string `json:"bad,omitempty"`
	// Backend is the domain that serves the device, by name or number; empty
	// and "0" are dom0.
	Backend string `json:"backend,omitempty"`
	// Unknown lists parameters that no release has.
	Unknown []string `json:"unknown,omitempty"`
}

// DomainDisk is one virtual disk (xl-disk-configuration(5)). Empty fields were
// not given.
type DomainDisk struct {
	DomainDevice
	Target        string `json:"target,omitempty"`        // file, block device, or what script understands
	VDev          string `json:"vdev,omitempty"`          // hda, xvda, sda, …
	Format        string `json:"format,omitempty"`        // raw, qcow, qcow2, vhd, qed, empty
	BackendType   string `json:"backendtype,omitempty"`   // phy, tap, qdisk, standalone
	Specification string `json:"specification,omitempty"` // xen, virtio
	Script        string `json:"script,omitempty"`
	Prefix        string `json:"prefix,omitempty"` // deprecated prefixes as written: phy:, file:, tap:aio:
	ReadOnly      bool   `json:"read_only,omitempty"`
	CDROM         bool   `json:"cdrom,omitempty"`
	COLO          bool   `json:"colo,omitempty"` // any COLO parameter
	DirectIO      bool   `json:"direct_io_safe,omitempty"`
	Untrusted     bool   `json:"untrusted,omitempty"` // the backend is not trusted
}

// DomainNIC is one virtual network interface (xl-network-configuration(5)).
type DomainNIC struct {
	DomainDevice
	Type      string `json:"type,omitempty"` // vif, ioemu
	Model     string `json:"model,omitempty"`
	Bridge    string `json:"bridge,omitempty"`
	Script    string `json:"script,omitempty"`
	Gateway   string `json:"gatewaydev,omitempty"`
	COLO      bool   `json:"colo,omitempty"` // forwarddev or any other COLO parameter
	Untrusted bool   `json:"untrusted,omitempty"`
}

// DomainPCI is one passed-through PCI device (xl-pci-configuration(5)).
type DomainPCI struct {
	DomainDevice
	Address    string `json:"address,omitempty"` // DDDD:BB:DD.F in lower case hexadecimal; F is * for all functions
	Name       string `json:"name,omitempty"`    // name given by pci-assignable-add instead of an address
	Permissive bool   `json:"permissive,omitempty"`
	RDMPolicy  string `json:"rdm_policy,omitempty"` // strict, relaxed
}

// DomainVKB is one paravirtual keyboard and pointer.
type DomainVKB struct {
	DomainDevice
	BackendType string `json:"backend_type,omitempty"` // qemu, linux
}

// DomainVDispl is one paravirtual display.
type DomainVDispl struct {
	DomainDevice
	BackendAlloc bool `json:"be_alloc,omitempty"` // buffers are allocated by the backend
}

// DomainUSBCtrl is one virtual USB controller.
type DomainUSBCtrl struct {
	DomainDevice
	Type    string `json:"type,omitempty"` // auto, pv, qusb, devicemodel
	Version int    `json:"version,omitempty"`
	Ports   int    `json:"ports,omitempty"`
}

// DomainUSBDev is one USB device of the host on a virtual controller.
type DomainUSBDev struct {
	DomainDevice
	Type       string `json:"type,omitempty"`       // hostdev
	Controller int    `json:"controller,omitempty"` // index of the controller
}

// DomainP9 is one shared directory.
type DomainP9 struct {
	DomainDevice
	Type          string `json:"type,omitempty"` // qemu, xen_9pfsd
	Tag           string `json:"tag,omitempty"`
	Path          string `json:"path,omitempty"`
	SecurityModel string `json:"security_model,omitempty"`
}

// DomainChannel is one console-like channel.
type DomainChannel struct {
	DomainDevice
	Name       string `json:"name,omitempty"`
	Connection string `json:"connection,omitempty"` // pty, socket
	Path       string `json:"path,omitempty"`
}

// DomainVirtio is one virtio device.
type DomainVirtio struct {
	DomainDevice
	Type       string `json:"type,omitempty"`        // virtio,device22, …
	Transport  string `json:"transport,omitempty"`   // mmio
	GrantUsage string `json:"grant_usage,omitempty"` // yes, no
}
