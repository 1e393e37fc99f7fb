package facts

// Xen is the Xen that runs here, how it was built and booted, and the ones
// installed for the next boot. All but Running and Installed are unread on a
// host without Xen, unless files say how Xen would be booted.
type Xen struct {
	Running   Observed[XenVersion]   `json:"running"`   // absent: no Xen underneath
	Installed Observed[[]XenVersion] `json:"installed"` // hypervisors found in /boot; absent when none

	Capabilities Observed[[]string]    `json:"capabilities,omitzero"` // words of XENVER_capabilities: xen-3.0-x86_64, hvm-3.0-x86_64, …
	Physical     Observed[[]string]    `json:"virt_caps,omitzero"`    // words of physinfo's capabilities: hvm, pv, directio, hap, shadow, …
	CommandLine  Observed[CommandLine] `json:"command_line"`          // of the running Xen, or of the one that files describe
	BuildConfig  Observed[BuildConfig] `json:"build_config,omitzero"` // Kconfig of that Xen
	Compiler     Observed[string]      `json:"compiler"`              // of the running Xen
	BuildID      Observed[string]      `json:"build_id,omitzero"`     // hexadecimal
	Scheduler    Observed[string]      `json:"scheduler,omitzero"`    // of the default cpupool: credit, credit2, rtds, arinc653, null
	Pools        Observed[[]CPUPool]   `json:"cpupools,omitzero"`     // every cpupool
	LivePatches  Observed[[]LivePatch] `json:"live_patches,omitzero"` // absent when none is loaded
	SharedPages  Observed[uint64]      `json:"shared_pages,omitzero"` // pages that memory sharing saved at present
	VPMUMode     Observed[string]      `json:"vpmu_mode,omitzero"`    // /sys/hypervisor/pmu/pmu_mode: off, self, hv, all
	Hypfs        Observed[[]string]    `json:"hypfs,omitzero"`        // directories hypfs answered for: buildinfo, buildinfo/config, params, cpupool
	Flask        Observed[string]      `json:"flask,omitzero"`        // enforcing or permissive; absent when FLASK is not the active security module
	// Console is what Xen's console ring still tells: the kind of line as
	// package xldmesg names it, then what the line says, separated by blanks
	// ("smmu 3", "int_remap enabled", "xsm SILO"). It proves nothing by
	// silence.
	Console Observed[[]string] `json:"console_hints,omitzero"`
	// BootTree is what a device tree asks of Xen: the names of the properties
	// and the compatible strings in it that begin with "xen,", and llc-colors,
	// linaro,optee-tz and arm,scmi-smc.
	// Unread unless the tree is the one that Xen is, or would be, given.
	BootTree Observed[[]string] `json:"boot_tree,omitzero"`
	// BootConsole is the compatible strings of the device that stdout-path of
	// such a tree names, which Xen takes as its console unless dtuart= names
	// another; absent when it names none.
	BootConsole Observed[[]string] `json:"boot_console,omitzero"`
}

// CommandLine is a command line of Xen's. What it means is the business of
// package xencmdline.
type CommandLine struct {
	Text string `json:"text"` // as read; values that identify the host blanked
	// Cut is true when the reading may have lost its end: XENVER_commandline
	// holds 1023 bytes.
	Cut bool `json:"cut,omitempty"`
	// NextBoot is true for a line of a boot loader's file or of the command
	// line of xencheck: no running Xen was given it.
	NextBoot bool `json:"next_boot,omitempty"`
	// Image is true when the first word names the hypervisor's file.
	Image bool `json:"image,omitempty"`
}

// BuildConfig is the Kconfig of a hypervisor.
type BuildConfig struct {
	// Symbols maps CONFIG_ names to y, or to the value as written; a symbol
	// that is not set is "n".
	Symbols map[string]string `json:"symbols"`
	Version string            `json:"version,omitempty"` // of the header comment
	// Doubt says why this may be the configuration of another build; empty
	// when it was read from the running hypervisor itself.
	Doubt string `json:"doubt,omitempty"`
	// Partial is true when part of it could not be read, so that a symbol that
	// is not in Symbols may have any value.
	Partial bool `json:"partial,omitempty"`
}

// Tells reports whether a symbol's value is known.
func (b BuildConfig) Tells(symbol string) bool {
	_, ok := b.Symbols[symbol]
	return ok || !b.Partial
}

// Value returns a symbol's value: "n" when the configuration leaves it out, as
// a complete .config does with what does not exist in that build.
func (b BuildConfig) Value(symbol string) string {
	if v, ok := b.Symbols[symbol]; ok {
		return v
	}
	return "n"
}

// CPUPool is one cpupool.
type CPUPool struct {
	ID          int    `json:"id"`
	Scheduler   string `json:"scheduler"`
	Domains     int    `json:"domains"`
	Granularity string `json:"granularity,omitempty"` // cpu, core or socket; empty when hypfs does not tell
}

// LivePatch is one live patch.
type LivePatch struct {
	Name  string `json:"name"`
	State string `json:"state"` // checked or applied
}

// Userspace is what runs in dom0. Everything is unread elsewhere.
type Userspace struct {
	System     Observed[string]            `json:"system"`      // uname sysname: Linux, FreeBSD, NetBSD
	Init       Observed[string]            `json:"init"`        // systemd, sysv or bsd
	Xenstored  Observed[string]            `json:"xenstored"`   // xenstored, oxenstored, stubdom-pv or stubdom-pvh
	LiveUpdate Observed[bool]              `json:"live_update"` // the running xenstored came from a live update
	Toolstack  Observed[[]string]          `json:"toolstack"`   // of xl, libvirt, xenopsd, xapi; absent when none is found
	Processes  Observed[[]Process]         `json:"processes"`   // those that concern Xen; absent when none
	Modules    Observed[[]string]          `json:"modules"`     // Xen backends and pciback loaded or built in, as /sys/module names them: xen_blkback, xen_netback, xen_scsiback, xen_pciback, pvcalls_back, …; absent when none
	Backends   Observed[[]string]          `json:"backends"`    // kinds of device that backends of this domain serve now: vbd, vif, qdisk, vkbd, …; absent when none
	Pciback    Observed[int]               `json:"pciback"`     // PCI devices that pciback holds for other domains; absent when none
	XLConf     Observed[map[string]string] `json:"xl_conf"`     // /etc/xen/xl.conf
	Shim       Observed[bool]              `json:"shim"`        // the PV shim's binary is installed
	RestrictBy Observed[string]            `json:"restrict_by"` // user that de-privileged device models and boot loaders can run as
}

// Process is one running program of dom0's.
type Process struct {
	Name string   `json:"name"`           // program: qemu-system-i386, xenconsoled, …
	Args []string `json:"args,omitempty"` // only those that matter to a row
	Root bool     `json:"root"`           // runs as root
}

// RunningDomain is what is known of one running domain.
type RunningDomain struct {
	ID         int    `json:"domid"`
	HVM        bool   `json:"hvm"`         // an HVM container: HVM or PVH
	HAP        bool   `json:"hap"`         // uses hardware assisted paging
	Xenstore   bool   `json:"xenstore"`    // is the xenstore stub domain
	Pool       int    `json:"cpupool"`     // cpupool it runs in
	MaxPages   uint64 `json:"max_pages"`   // limit of its memory, 4 KiB pages
	Shared     uint64 `json:"shared"`      // pages shared with other domains
	Paged      uint64 `json:"paged"`       // pages paged out
	Backends   string `json:"backends"`    // kinds of backend it uses, comma separated; empty when none or not known
	BackendIDs []int  `json:"backend_ids"` // domains that serve it, other than 0
}
