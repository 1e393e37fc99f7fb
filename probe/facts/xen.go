package facts

import "strings"

// Xen is the Xen that runs here, how it was built and booted, and the ones
// installed for the next boot. All but Running and Installed are unread on a
// host without Xen, unless files say how Xen would be booted.
type Xen struct {
	Running   Observed[XenVersion]   `json:"running"`   // absent: no Xen underneath
	Installed Observed[[]XenVersion] `json:"installed"` // hypervisors found in /boot; absent when none

	Capabilities Observed[[]string]    `json:"capabilities,omitzero"`  // words of XENVER_capabilities: xen-3.0-x86_64, hvm-3.0-x86_64, …
	Physical     Observed[[]string]    `json:"virt_caps,omitzero"`     // words of physinfo's capabilities: hvm, pv, directio, hap, shadow, …
	CommandLine  Observed[CommandLine] `json:"command_line"`           // of the running Xen, or of the one that files describe
	BuildConfig  Observed[BuildConfig] `json:"build_config,omitzero"`  // Kconfig of that Xen
	Compiler     Observed[string]      `json:"compiler"`               // of the running Xen
	BuildID      Observed[string]      `json:"build_id,omitzero"`      // hexadecimal
	Scheduler    Observed[string]      `json:"scheduler,omitzero"`     // of the default cpupool: credit, credit2, rtds, arinc653, null
	Pools        Observed[[]CPUPool]   `json:"cpupools,omitzero"`      // every cpupool
	LivePatches  Observed[[]LivePatch] `json:"live_patches,omitzero"`  // absent when none is loaded
	SharedPages  Observed[uint64]      `json:"shared_pages,omitzero"`  // pages that memory sharing saved at present
	VPMUMode     Observed[string]      `json:"vpmu_mode,omitzero"`     // /sys/hypervisor/pmu/pmu_mode: off, self, hv, all
	Hypfs        Observed[[]string]    `json:"hypfs,omitzero"`         // directories hypfs answered for: buildinfo, buildinfo/config, params, cpupool
	Console      Observed[[]string]    `json:"console_hints,omitzero"` // what Xen's console ring still tells, in words; proves nothing by silence
}

// CommandLine is a command line of Xen's.
type CommandLine struct {
	Text string `json:"text"` // Xen's own part, secrets blanked
	// Cut is true when the reading may have lost its end: XENVER_commandline
	// holds 1023 bytes.
	Cut bool `json:"cut,omitempty"`
	// NextBoot is true for a line of a boot loader's file, which the running
	// Xen need not have been given.
	NextBoot bool     `json:"next_boot,omitempty"`
	Options  []Option `json:"options"`           // in order
	Unknown  []string `json:"unknown,omitempty"` // names that no release of Xen documents
}

// Option is one word of a command line.
type Option struct {
	Name    string `json:"name"`            // without a leading "no-"
	Value   string `json:"value,omitempty"` // after "="; empty when there is none
	Given   bool   `json:"given,omitempty"` // there is a "="
	Negated bool   `json:"negated,omitempty"`
}

// Bool returns what a boolean option comes to: the last word wins, "no-"
// negates, and what is no boolean leaves the option alone (xen/common/kernel.c,
// parse_bool).
func (c CommandLine) Bool(name string, def bool) (value, given bool) {
	value = def
	for _, o := range c.Options {
		if o.Name != name {
			continue
		}
		b, ok := boolWord(o.Value, !o.Given)
		if !ok {
			continue
		}
		value, given = b != o.Negated, true
	}
	return value, given
}

// Last returns the value an option was last given, and whether it was given.
func (c CommandLine) Last(name string) (string, bool) {
	for i := len(c.Options) - 1; i >= 0; i-- {
		if o := c.Options[i]; o.Name == name {
			return o.Value, true
		}
	}
	return "", false
}

// Words returns every comma-separated word of every use of a list option, in
// order: console=com1,vga and console=hvc0 come to com1, vga, hvc0.
func (c CommandLine) Words(name string) []string {
	var words []string
	for _, o := range c.Options {
		if o.Name == name && o.Value != "" {
			words = append(words, strings.Split(o.Value, ",")...)
		}
	}
	return words
}

// Sub returns what a boolean below a list option comes to: iommu=no-intremap,
// psr=cmt:1, dom0=pvh. The last word wins; the option itself given as a bare
// boolean sets every one (iommu=off).
func (c CommandLine) Sub(name, sub string, def bool) (value, given bool) {
	value = def
	for _, o := range c.Options {
		if o.Name != name {
			continue
		}
		if b, ok := boolWord(o.Value, !o.Given); ok && b == o.Negated {
			value, given = false, true
			continue
		}
		for _, w := range strings.Split(o.Value, ",") {
			negated := false
			if rest, ok := strings.CutPrefix(w, "no-"); ok && rest == sub {
				w, negated = rest, true
			}
			n, v, has := strings.Cut(w, "=")
			if !has {
				n, v, has = strings.Cut(w, ":")
			}
			if n != sub {
				continue
			}
			b, ok := boolWord(v, !has)
			value, given = (!ok || b) != negated, true
		}
	}
	return value, given
}

// boolWord understands the spellings of a boolean. A word that stands alone is
// true.
func boolWord(s string, alone bool) (value, ok bool) {
	if alone {
		return true, true
	}
	switch s {
	case "no", "off", "false", "disable", "0":
		return false, true
	case "yes", "on", "true", "enable", "1", "":
		return true, true
	}
	return false, false
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
	Modules    Observed[[]string]          `json:"modules"`     // Xen backends and pciback loaded or built in; absent when none
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
