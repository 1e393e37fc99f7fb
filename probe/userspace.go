package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/discreet"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xencall"
	"github.com/xencheck/xencheck/probe/internal/xlcfg"
)

const (
	xenBackends = "/sys/bus/xen-backend"
	xlConf      = "/etc/xen/xl.conf"
)

// readUserspace describes what runs in dom0, by its files and processes. No
// program is asked.
func (s *session) readUserspace() {
	if !s.isDom0() || s.isPaper() {
		return
	}
	u := &facts.Userspace{}
	s.host.Userspace = u
	u.System = s.readSystem()
	u.Init = s.readInit(u)
	u.Processes = s.readProcesses()
	s.readXenstored(u)
	u.Toolstack = s.readToolstack(u)
	u.Modules = s.readModules()
	u.Backends = s.readBackends()
	u.Pciback = s.readPciback()
	u.XLConf = s.readXLConf()
	u.Shim = s.anyOf(true, "xen-shim", s.shimDirs()...)
	u.RestrictBy = s.readRestrictBy()
}

func (s *session) readSystem() facts.Observed[string] {
	if s.whole {
		if name, _, _, l := s.uname(); l.known() && name != "" {
			return facts.Is(name, l.source)
		}
	}
	if l := s.file("/proc/sys/kernel/ostype", smallFile); l.known() {
		return facts.Is(l.text(), l.source)
	} else if !s.whole {
		return facts.Not[string](l.why())
	}
	return facts.Not[string](&facts.Problem{Cause: facts.NotExposed, Source: unameInterface, Detail: "it does not answer"})
}

// readInit finds the kind of start scripts that Xen's services have.
func (s *session) readInit(u *facts.Userspace) facts.Observed[string] {
	systemd := s.dir("/run/systemd/system", maxNames)
	if systemd.known() {
		return facts.Is("systemd", systemd.source)
	}
	if systemd.problem != nil {
		return facts.Not[string](systemd.why())
	}
	for _, d := range []struct{ dir, kind string }{
		{"/etc/init.d", "sysv"}, {"/etc/rc.d/init.d", "sysv"}, {"/etc/rc.d", "bsd"}, {"/usr/local/etc/rc.d", "bsd"},
	} {
		if l := s.dir(d.dir, maxEntries); l.known() && slices.Contains(l.names, "xencommons") {
			return facts.Is(d.kind, d.dir+"/xencommons")
		} else if l.problem != nil {
			return facts.Not[string](l.why())
		}
	}
	if l := s.dir("/etc/init.d", maxEntries); l.partial {
		return facts.Not[string](l.why())
	}
	return facts.Missing[string]("/run/systemd/system, /etc/init.d/xencommons")
}

// readProcesses lists the programs that concern Xen.
func (s *session) readProcesses() facts.Observed[[]facts.Process] {
	if s.host.Machine.Container.IsKnown() {
		return facts.Not[[]facts.Process](&facts.Problem{Cause: facts.InContainer, Source: "/proc", Detail: "the container shows its own processes", Remedy: "run xencheck outside the container"})
	}
	var found []facts.Process
	l := s.file(processInterface, textFile)
	if !l.known() {
		return facts.Not[[]facts.Process](l.why())
	}
	if err := json.Unmarshal(l.data, &found); err != nil {
		return facts.Not[[]facts.Process](s.damaged(l, err))
	}
	if len(found) == 0 {
		return facts.Missing[[]facts.Process](l.source)
	}
	return facts.Is(found, l.source)
}

// readXenstored finds which xenstored runs: a process of dom0, or the domain
// that Xen or xenstore itself names.
func (s *session) readXenstored(u *facts.Userspace) {
	ps, known := u.Processes.Get()
	for _, p := range ps {
		if p.Name != "xenstored" && p.Name != "oxenstored" {
			continue
		}
		u.Xenstored = facts.Is(p.Name, u.Processes.Source)
		if p.Name == "oxenstored" {
			u.LiveUpdate = facts.Is(slices.Contains(p.Args, "--restart") || slices.Contains(p.Args, "--live-update"), u.Processes.Source)
			return
		}
		u.LiveUpdate = facts.Is(slices.Contains(p.Args, "-U") || slices.Contains(p.Args, "--live-update"), u.Processes.Source)
		return
	}
	u.LiveUpdate = facts.Not[bool](&facts.Problem{Cause: facts.Incomplete, Source: processInterface, Detail: "no xenstored was seen that could tell"})
	domains, l := asked[[]xencall.Domain](s, callDomains)
	at := slices.IndexFunc(domains, func(d xencall.Domain) bool { return d.Xenstore })
	if at < 0 && len(domains) > 1 {
		// Xen before 4.8 had no such flag, and a domain may lack it.
		if nodes, store := s.askStore(); store.known() && nodes.Daemon != nil && *nodes.Daemon != 0 {
			at = slices.IndexFunc(domains, func(d xencall.Domain) bool { return int(d.ID) == *nodes.Daemon })
		}
	}
	if at >= 0 {
		kind := "stubdom-pv"
		if domains[at].HVM {
			kind = "stubdom-pvh"
		}
		u.Xenstored = facts.Is(kind, l.source)
		return
	}
	switch {
	case (known || u.Processes.IsAbsent()) && l.known():
		u.Xenstored = facts.Missing[string](u.Processes.Source + ", " + l.source)
	case u.Processes.Problem != nil:
		u.Xenstored = facts.Not[string](u.Processes.Problem)
	default:
		u.Xenstored = facts.Not[string](l.why())
	}
}

// askStore reads xenstore once.
func (s *session) askStore() (xenstoreReading, look) {
	if !s.isDom0() || s.isPaper() {
		return xenstoreReading{}, look{source: xenstoreInterface, state: facts.Absent, partial: true}
	}
	if u := s.host.Userspace; u != nil && u.Xenstored.IsAbsent() {
		// The kernel takes requests all the same, and nobody answers.
		return xenstoreReading{}, look{source: xenstoreInterface, state: facts.Unknown, problem: &facts.Problem{
			Cause: facts.NotExposed, Source: xenstoreInterface, Detail: "no xenstored runs", Remedy: "start xenstored",
		}}
	}
	return ask[xenstoreReading](s, xenstoreInterface)
}

// readToolstack lists what manages domains here.
func (s *session) readToolstack(u *facts.Userspace) facts.Observed[[]string] {
	var found []string
	xl := s.anyOf(true, "xl", "/usr/sbin", "/usr/local/sbin", "/usr/bin", "/sbin")
	if xl.IsKnown() {
		found = append(found, "xl")
	}
	for _, t := range []struct {
		name     string
		programs []string
	}{{"libvirt", []string{"libvirtd", "virtxend"}}, {"xenopsd", []string{"xenopsd", "xenopsd-xc"}}, {"xapi", []string{"xapi"}}} {
		if slices.ContainsFunc(u.Processes.Value, func(p facts.Process) bool { return slices.Contains(t.programs, p.Name) }) {
			found = append(found, t.name)
		}
	}
	switch {
	case len(found) > 0 && u.Processes.Problem != nil:
		return facts.Is(found, xl.Source).WithNote("of those that are running programs, nothing could be read")
	case len(found) > 0:
		return facts.Is(found, strings.Join(slices.DeleteFunc([]string{xl.Source, u.Processes.Source}, func(s string) bool { return s == "" }), ", "))
	case u.Processes.Problem != nil:
		return facts.Not[[]string](u.Processes.Problem)
	case xl.Problem != nil:
		return facts.Not[[]string](xl.Problem)
	}
	return facts.Missing[[]string](xl.Source)
}

// anyOf looks for a name in directories. It is true at the first that has it,
// absent when all could be looked into, or are known not to be there.
func (s *session) anyOf(value bool, name string, dirs ...string) facts.Observed[bool] {
	var problem *facts.Problem
	for _, dir := range dirs {
		l := s.dir(dir, maxNames)
		switch {
		case l.known() && slices.Contains(l.names, name):
			return facts.Is(value, dir+"/"+name)
		case l.state == facts.Unknown || l.partial:
			if problem == nil {
				problem = l.why()
			}
		}
	}
	if problem != nil {
		return facts.Not[bool](problem)
	}
	return facts.Missing[bool](strings.Join(dirs, ", "))
}

// shimDirs lists where Xen's build puts xen-shim: XENFIRMWAREDIR, by
// distribution.
func (s *session) shimDirs() []string {
	dirs := []string{"/usr/lib/xen/boot", "/usr/libexec/xen/boot", "/usr/local/lib/xen/boot", "/usr/lib64/xen/boot"}
	if v, ok := s.host.Xen.Running.Get(); ok {
		dirs = append(dirs, "/usr/lib/xen-"+release(v)+"/boot")
	}
	return dirs
}

// readModules lists the backends that dom0's kernel has. A driver that is
// built in has no module directory unless it has parameters, but it is
// registered on the bus.
func (s *session) readModules() facts.Observed[[]string] {
	l := s.dir("/sys/module", maxEntries)
	if !l.known() {
		return facts.Not[[]string](l.why())
	}
	var found []string
	add := func(name string) {
		if name != "" && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	for _, n := range l.names {
		switch n {
		case "xen_blkback", "xen_netback", "xen_scsiback", "xen_pciback", "xen_usbback", "pvcalls_back", "blktap", "blktap2", "xen_argo", "xen_gntalloc":
			add(n)
		case "pciback": // of the kernels that Xen's own tree had
			add("xen_pciback")
		case "blkbk", "netbk", "scsibk", "usbbk":
			add(map[string]string{"blkbk": "xen_blkback", "netbk": "xen_netback", "scsibk": "xen_scsiback", "usbbk": "xen_usbback"}[n])
		}
	}
	source := l.source
	drivers := s.dir(xenBackends+"/drivers", maxEntries)
	if drivers.problem != nil {
		return facts.Not[[]string](drivers.why()) // a driver that is built in may be missing
	}
	if drivers.known() {
		source += ", " + drivers.source
		for _, n := range drivers.names {
			add(map[string]string{
				"vbd": "xen_blkback", "vif": "xen_netback", "vscsi": "xen_scsiback", "vusb": "xen_usbback",
				"pci": "xen_pciback", "pciback": "xen_pciback", "xen-pciback": "xen_pciback", "pvcalls": "pvcalls_back", "pvcalls-back": "pvcalls_back",
			}[n])
		}
	}
	if len(found) == 0 {
		return facts.Missing[[]string](source)
	}
	slices.Sort(found)
	return facts.Is(found, source)
}

// readBackends lists the kinds of device that are served: by the kernel, whose
// bus has a device KIND-DOMID-NUMBER for each, and by programs, which xenstore
// alone knows of.
func (s *session) readBackends() facts.Observed[[]string] {
	var found []string
	add := func(kind string) {
		if kind != "" && !slices.Contains(found, kind) && len(found) < maxKinds {
			found = append(found, kind)
		}
	}
	bus := s.dir(xenBackends+"/devices", maxEntries)
	for _, n := range bus.names {
		kind, _, _ := strings.Cut(n, "-")
		add(procfs.Value([]byte(kind)))
	}
	nodes, l := s.askStore()
	for _, b := range nodes.Backends {
		if b.Server == 0 {
			add(b.Kind)
		}
	}
	slices.Sort(found)
	switch {
	case l.known() && len(found) > 0:
		return facts.Is(found, l.source)
	case l.known():
		return facts.Missing[[]string](l.source)
	case len(found) > 0:
		return facts.Is(found, bus.source).WithNote("those of the kernel; the ones of programs could not be read")
	}
	return facts.Not[[]string](l.why())
}

// readPciback counts the devices that pciback keeps for other domains: links
// named DOMAIN:BUS:DEVICE.FUNCTION.
func (s *session) readPciback() facts.Observed[int] {
	l := s.dir("/sys/bus/pci/drivers/pciback", maxEntries)
	if !l.known() {
		if l.absent() && !l.partial {
			return facts.Missing[int](l.source)
		}
		return facts.Not[int](l.why())
	}
	n := 0
	for _, name := range l.names {
		if strings.Count(name, ":") == 2 && strings.Contains(name, ".") {
			n++
		}
	}
	if n == 0 {
		return facts.Missing[int](l.source)
	}
	return facts.Is(n, l.source)
}

// readXLConf reads the defaults of xl (xl.conf(5)).
func (s *session) readXLConf() facts.Observed[map[string]string] {
	l := s.file(xlConf, smallFile)
	switch {
	case l.absent() && !l.partial:
		return facts.Missing[map[string]string](l.source)
	case !l.known():
		return facts.Not[map[string]string](l.why())
	}
	conf, err := parseXLConf(l.data)
	o := facts.Is(conf, l.source)
	if err != nil {
		s.damaged(l, fmt.Errorf("partly: %w", err))
		o.Note = "only the part that could be read"
	}
	return o
}

// maxSettings bounds what is kept of xl.conf, which knows some twenty keys.
const maxSettings = 256

// parseXLConf reads KEY=VALUE lines. The values have the grammar of xl.cfg(5);
// the keys may have dots, vif.default.script, which keys there have not. The
// error is of the first line that could not be read.
func parseXLConf(b []byte) (map[string]string, error) {
	conf := map[string]string{}
	var first error
	n := 0
	for line := range bytes.Lines(b) {
		n++
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(text, "=")
		key = strings.TrimSpace(key)
		f := xlcfg.Parse([]byte("value = " + strings.TrimSpace(value) + "\n"))
		set := f.Settings()
		if !ok || !xlConfKey(key) || len(f.Problems) > 0 || len(set) != 1 || set[0].Bad != "" || set[0].Value.List {
			if first == nil {
				first = fmt.Errorf("line %d is no setting", n)
			}
			continue
		}
		if len(conf) < maxSettings {
			conf[key] = discreet.Text(set[0].Value.Text)
		}
	}
	return conf, first
}

// xlConfKey reports whether a word can be a key of xl.conf.
func xlConfKey(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_.") == ""
}

// readRestrictBy finds the users that libxl runs restricted device models as
// (docs/features/qemu-deprivilege).
func (s *session) readRestrictBy() facts.Observed[string] {
	l := s.file("/etc/passwd", textFile)
	if l.absent() && !l.partial {
		return facts.Missing[string](l.source)
	}
	if !l.known() {
		return facts.Not[string](l.why())
	}
	best := ""
	for line := range bytes.Lines(l.data) {
		name, _, _ := strings.Cut(string(line), ":")
		switch {
		case name == "xen-qemuuser-range-base":
			best = name // one user for each domain is the better separation
		case strings.HasPrefix(name, "xen-qemuuser-") && best != "xen-qemuuser-range-base":
			best = name
		}
	}
	if best == "" {
		return facts.Missing[string](l.source)
	}
	return facts.Is(procfs.Value([]byte(best)), l.source)
}
