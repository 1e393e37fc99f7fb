//go:build machines

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/machines"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/machines/wire"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
)

const (
	// domainFolder holds the configurations of domains in a machine.
	domainFolder = "/domains/"
	// xlInfo and xlCreate are steps; the name of the file follows the latter.
	xlInfo, xlCreate = "xl info", "xl -N create "
)

// domainFiles reads the configurations that xl and xencheck both have to read.
func domainFiles() (map[string][]byte, error) {
	files, err := filepath.Glob(filepath.Join(definitions, "domains", "*.cfg"))
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, f := range files {
		if out[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// xlSteps asks xl what it knows of the host, and how it understands each
// configuration: -N only reads it, and prints what libxl would be given.
func xlSteps(config map[string][]byte) []wire.Step {
	out := []wire.Step{{Name: xlInfo, Args: []string{"/bin/xl", "info"}}}
	for name := range config {
		out = append(out, wire.Step{Name: xlCreate + name, Args: []string{"/bin/xl", "-N", "create", domainFolder + name}})
	}
	slices.SortFunc(out[1:], func(a, b wire.Step) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// compareXL holds what xencheck said of the host, and how it reads
// configurations of domains, against xl in the same machine.
func compareXL(r *wire.Report, host any, config map[string][]byte) (differ []string, remark string) {
	differ = compareInfo(r, host)
	compared, refused := 0, 0
	for _, name := range sortedNames(config) {
		res, ok := r.Find(xlCreate + name)
		if !ok || res.Error != "" {
			differ = append(differ, fmt.Sprintf("%s%s: %s", xlCreate, name, res.Error))
			continue
		}
		domains, err := probe.ReadDomains(name, config[name])
		if err != nil || len(domains) != 1 {
			differ = append(differ, fmt.Sprintf("%s: %d domains, %v", name, len(domains), err))
			continue
		}
		if res.Exit != 0 {
			refused++
		}
		for _, s := range compareDomain(domains[0], res, bytes.HasPrefix(config[name], []byte(onlyXL))) {
			differ = append(differ, name+": "+s)
		}
		compared++
	}
	return differ, fmt.Sprintf("; %d configurations compared with xl, which refuses %d", compared, refused)
}

func sortedNames(m map[string][]byte) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// compareInfo compares the facts of the host with xl info.
func compareInfo(r *wire.Report, host any) []string {
	res, ok := r.Find(xlInfo)
	if !ok || res.Exit != 0 {
		return []string{fmt.Sprintf("xl info: exit code %d %s %s", res.Exit, res.Error, res.Stderr)}
	}
	info := map[string]string{}
	for line := range strings.Lines(string(res.Stdout)) {
		key, value, _ := strings.Cut(line, ":")
		info[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	var out []string
	same := func(key, path string) {
		value, state := machines.Fact(host, path)
		if said := machines.Show(value, state); said != info[key] && !(info[key] == "" && state != "known") {
			out = append(out, fmt.Sprintf("%s is %s, xl info says %s %s", path, said, key, info[key]))
		}
	}
	same("xen_major", "xen.running.major")
	same("xen_minor", "xen.running.minor")
	same("xen_extra", "xen.running.extra")
	same("xen_scheduler", "xen.scheduler")
	same("xen_commandline", "xen.command_line.text")
	same("nr_cpus", "cpu.physical")
	// The order of words says nothing.
	for key, path := range map[string]string{"virt_caps": "xen.virt_caps", "xen_caps": "xen.capabilities"} {
		value, state := machines.Fact(host, path)
		ours, theirs := strings.Fields(machines.Show(value, state)), strings.Fields(info[key])
		for i, w := range theirs {
			// xl tells apart for which guests Xen's one bit is of use.
			if strings.HasSuffix(w, "_directio") {
				theirs[i] = "directio"
			}
		}
		slices.Sort(ours)
		slices.Sort(theirs)
		theirs = slices.Compact(theirs)
		if !slices.Equal(ours, theirs) {
			out = append(out, fmt.Sprintf("%s is %v, xl info says %v", path, ours, theirs))
		}
	}
	// xl counts whole MiB of what Xen counts in pages.
	value, _ := machines.Fact(host, "memory.physical")
	m, _ := value.(map[string]any)
	low, err := strconv.ParseUint(fmt.Sprint(m["min"]), 10, 64)
	if mib := strconv.FormatUint(low>>20, 10); err != nil || mib != info["total_memory"] {
		out = append(out, fmt.Sprintf("memory.physical is from %s MiB, xl info says %s", mib, info["total_memory"]))
	}
	return out
}

// onlyXL begins a configuration which xl refuses for a reason that xencheck
// does not look at, because it says nothing of what is supported.
const onlyXL = "# Only xl minds: "

// compareDomain compares our reading of a configuration with xl's. Where xl
// refuses or complains, xencheck has to say something as well, and what xl
// takes without a word, xencheck must not refuse.
func compareDomain(d facts.Domain, res wire.Result, only bool) []string {
	why, sure := complaint(d)
	theirs := xlComplaint(res)
	switch {
	case only && res.Exit == 0 && theirs == "":
		return []string{"xl does not mind"}
	case only && why != "":
		return []string{"not only xl minds: " + why}
	case only:
		return nil
	case res.Exit != 0 && why == "":
		return []string{"xl refuses it, xencheck does not: " + theirs}
	case res.Exit != 0:
		return nil
	case theirs != "" && why == "":
		return []string{"xl complains, xencheck does not: " + theirs}
	case theirs == "" && why != "" && !sure:
		return []string{"xencheck complains, xl does not: " + why}
	case why != "":
		return nil // each makes of it what it can
	}
	_, text, _ := strings.Cut(string(res.Stdout), "{")
	config, err := machines.Decode([]byte("{" + text))
	if err != nil {
		return []string{fmt.Sprintf("xl's own reading: %v", err)}
	}
	ours, xls := sketch(d), xlSketch(config)
	var out []string
	for key, value := range ours {
		if xls[key] != value {
			out = append(out, fmt.Sprintf("%s is %q, xl says %q", key, value, xls[key]))
		}
	}
	for _, list := range deviceLists {
		if n := strconv.Itoa(len(xlList(config, list.json))); list.count(d) != n {
			out = append(out, fmt.Sprintf("%s: %s of them, xl says %s", list.json, list.count(d), n))
		}
	}
	slices.Sort(out)
	return out
}

// complaint says what xencheck finds wrong with a configuration, empty when
// nothing, and whether it is sure of the meaning all the same.
func complaint(d facts.Domain) (why string, sure bool) {
	for _, p := range d.Problems {
		if why == "" || sure {
			why, sure = fmt.Sprintf("line %d: %s", p.Line, p.Message), p.Tolerated
		}
	}
	if why == "" {
		for _, n := range d.Devices.NICs.Value {
			if len(n.Unknown) > 0 {
				return fmt.Sprintf("line %d: unknown %v", n.Line, n.Unknown), true
			}
		}
	}
	return why, sure
}

// xlComplaint returns the last line of what xl says of a configuration.
func xlComplaint(res wire.Result) string {
	last := ""
	for line := range strings.Lines(string(res.Stderr)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "Parsing config from") {
			last = line
		}
	}
	return last
}

// deviceLists pairs the lists of devices with libxl's.
var deviceLists = []struct {
	json  string
	count func(facts.Domain) string
}{
	{"disks", func(d facts.Domain) string { return counted(d.Devices.Disks) }},
	{"nics", func(d facts.Domain) string { return counted(d.Devices.NICs) }},
	{"pcidevs", func(d facts.Domain) string { return counted(d.Devices.PCI) }},
	{"p9s", func(d facts.Domain) string { return counted(d.Devices.P9s) }},
	{"usbctrls", func(d facts.Domain) string { return counted(d.Devices.USBCtrls) }},
	{"usbdevs", func(d facts.Domain) string { return counted(d.Devices.USBDevs) }},
	{"vtpms", func(d facts.Domain) string { return counted(d.Devices.VTPMs) }},
	{"channels", func(d facts.Domain) string { return counted(d.Devices.Channels) }},
	{"b_info.irqs", func(d facts.Domain) string { return counted(d.Devices.IRQs) }},
	{"b_info.iomem", func(d facts.Domain) string { return counted(d.Devices.IOMem) }},
	{"b_info.ioports", func(d facts.Domain) string { return counted(d.Devices.IOPorts) }},
}

func counted[T any](s facts.Setting[[]T]) string { return strconv.Itoa(len(s.Value)) }

// sketch writes what was given, in the words of [xlSketch]. What was not given
// is left out: xl fills in defaults.
func sketch(d facts.Domain) map[string]string {
	out := map[string]string{}
	put(out, "name", d.Name)
	put(out, "type", d.Type)
	put(out, "memory", d.Memory.Start)
	put(out, "maxmem", d.Memory.Max)
	if !d.Memory.Max.Given {
		put(out, "maxmem", d.Memory.Start)
	}
	put(out, "vcpus", d.CPU.VCPUs)
	put(out, "maxvcpus", d.CPU.MaxVCPUs)
	put(out, "kernel", d.Boot.Kernel)
	put(out, "ramdisk", d.Boot.Ramdisk)
	put(out, "hap", d.HAP)
	put(out, "passthrough", d.Passthrough)
	put(out, "event_channels", d.EventChannels)
	put(out, "nomigrate", d.NoMigrate)
	put(out, "nestedhvm", d.CPU.NestedHVM)
	put(out, "altp2m", d.CPU.Altp2m)
	put(out, "pool", d.CPU.Pool)
	// The initial values of libxl_types.idl, which its JSON leaves out.
	if d.OnSoftReset.Value != "destroy" {
		put(out, "on_soft_reset", d.OnSoftReset)
	}
	put(out, "device_model", d.Model.Version)
	put(out, "stubdomain", d.Model.Stubdomain)
	if d.TEE.Value != "none" {
		put(out, "tee", d.TEE)
	}
	put(out, "gic_version", d.GICVersion)
	put(out, "vuart", d.VUART)
	for i, k := range d.Devices.Disks.Value {
		out[fmt.Sprintf("disk %d", i)] = strings.Join([]string{
			k.Target, k.VDev, k.Format, k.BackendType, k.Script, backend(k.Backend),
			fmt.Sprint("readonly ", k.ReadOnly || k.CDROM), fmt.Sprint("cdrom ", k.CDROM)}, ", ")
	}
	for i, n := range d.Devices.NICs.Value {
		out[fmt.Sprintf("nic %d", i)] = strings.Join([]string{n.Type, n.Model, n.Bridge, n.Script, n.Gateway, backend(n.Backend)}, ", ")
	}
	for i, p := range d.Devices.PCI.Value {
		policy := cmp.Or(p.RDMPolicy, "strict") // xl's default
		out[fmt.Sprintf("pci %d", i)] = fmt.Sprintf("%s, permissive %v, %s", p.Address, p.Permissive, policy)
	}
	return out
}

func put[T any](out map[string]string, key string, s facts.Setting[T]) {
	if s.Given {
		out[key] = fmt.Sprint(s.Value)
	}
}

// backend leaves out dom0, which serves what nobody else is named for.
func backend(name string) string {
	if name == "0" {
		return ""
	}
	return name
}

// xlSketch writes libxl's configuration (libxl_types.idl) in few words. A field
// at its initial value is not in the JSON.
func xlSketch(config any) map[string]string {
	out := map[string]string{}
	at := func(path string) string {
		value, state := machines.Fact(config, path)
		if state != "known" {
			return ""
		}
		return machines.Show(value, state)
	}
	for key, path := range map[string]string{
		"name": "c_info.name", "type": "c_info.type", "hap": "c_info.hap", "pool": "c_info.pool_name", "passthrough": "c_info.passthrough",
		"kernel": "b_info.kernel", "ramdisk": "b_info.ramdisk", "event_channels": "b_info.event_channels",
		"nomigrate": "b_info.disable_migrate", "nestedhvm": "b_info.nested_hvm", "altp2m": "b_info.altp2m",
		"maxvcpus": "b_info.max_vcpus", "on_soft_reset": "on_soft_reset", "device_model": "b_info.device_model_version",
		"stubdomain": "b_info.device_model_stubdomain", "tee": "b_info.tee", "gic_version": "b_info.arch_arm.gic_version", "vuart": "b_info.arch_arm.vuart",
	} {
		out[key] = boolean(at(path))
	}
	out["vcpus"] = at("b_info.avail_vcpus.count")
	out["device_model"] = strings.ReplaceAll(out["device_model"], "_", "-")
	out["on_soft_reset"] = strings.ReplaceAll(out["on_soft_reset"], "_", "-")
	for key, path := range map[string]string{"memory": "b_info.target_memkb", "maxmem": "b_info.max_memkb"} {
		if kib, err := strconv.ParseUint(at(path), 10, 54); err == nil {
			out[key] = strconv.FormatUint(kib<<10, 10)
		}
	}
	field := func(v any, name string) string {
		if f, state := machines.Fact(v, name); state == "known" {
			return machines.Show(f, state)
		}
		return ""
	}
	for i, k := range xlList(config, "disks") {
		format, back := field(k, "format"), field(k, "backend")
		if back == "unknown" {
			back = ""
		}
		out[fmt.Sprintf("disk %d", i)] = strings.Join([]string{
			field(k, "pdev_path"), field(k, "vdev"), format, back, field(k, "script"), field(k, "backend_domname"),
			fmt.Sprint("readonly ", field(k, "readwrite") != "1"), fmt.Sprint("cdrom ", field(k, "is_cdrom") == "1")}, ", ")
	}
	for i, n := range xlList(config, "nics") {
		kind := strings.TrimPrefix(field(n, "nictype"), "vif_") // libxl's vif_ioemu is xl.cfg's ioemu
		out[fmt.Sprintf("nic %d", i)] = strings.Join([]string{kind, field(n, "model"), field(n, "bridge"), field(n, "script"), field(n, "gatewaydev"), field(n, "backend_domname")}, ", ")
	}
	for i, p := range xlList(config, "pcidevs") {
		number := func(name string) int64 { n, _ := strconv.ParseInt(field(p, name), 10, 64); return n }
		function := strconv.FormatInt(number("func"), 16)
		if field(p, "vfunc_mask") == "4294967295" {
			function = "*" // LIBXL_PCI_FUNC_ALL
		}
		out[fmt.Sprintf("pci %d", i)] = fmt.Sprintf("%04x:%02x:%02x.%s, permissive %v, %s",
			number("domain"), number("bus"), number("dev"), function, field(p, "permissive") == "true", field(p, "rdm_policy"))
	}
	return out
}

// boolean spells libxl's defbool and its numbers for truth alike.
func boolean(s string) string {
	switch s {
	case "True":
		return "true"
	case "False":
		return "false"
	}
	return s
}

func xlList(config any, path string) []any {
	value, state := machines.Fact(config, path)
	if state != "known" {
		return nil
	}
	list, _ := value.([]any)
	return list
}
