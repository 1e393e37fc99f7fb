package mutant

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
)

// observed is one fact by its place in a host: machine.arch, cpu.x86.vmx.
type observed struct {
	place string
	fact  reflect.Value // a facts.Observed
}

func (o observed) source() string { return o.fact.FieldByName("Source").String() }

func (o observed) state() facts.State { return facts.State(o.fact.FieldByName("State").String()) }

// told reports whether something is known, be it that a thing is not there.
func (o observed) told() bool { return o.state() == facts.Known || o.state() == facts.Absent }

func (o observed) same(p observed) bool {
	return o.state() == p.state() && reflect.DeepEqual(o.fact.FieldByName("Value").Interface(), p.fact.FieldByName("Value").Interface())
}

// observedIn lists every fact of a host.
func observedIn(h *facts.Host) []observed { return walk(reflect.ValueOf(h).Elem(), "", nil) }

func walk(v reflect.Value, place string, into []observed) []observed {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return walk(v.Elem(), place, into)
		}
	case reflect.Struct:
		if strings.HasPrefix(v.Type().Name(), "Observed[") {
			return append(into, observed{place, v})
		}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			into = walk(v.Field(i), strings.TrimPrefix(place+"."+name, "."), into)
		}
	}
	return into
}

// leaning says which facts lean on a source that they do not name: what the
// machine runs on decides what all others are worth, and some sources bound or
// complete what another one tells. Everything else stays when a source fails.
var leaning = []struct {
	source string   // its beginning
	facts  []string // their beginnings
}{
	{"/proc/cpuinfo", []string{""}},
	{"/sys/hypervisor/", []string{""}},
	{"/proc/xen", []string{""}},
	{"/sys/class/dmi/id/", []string{""}},
	{"hypercall xen_version", []string{""}},
	{"uname(2)", []string{""}},
	{"cpuid", []string{""}},
	{"/sys/firmware/fdt", []string{""}},
	{"/sys/firmware/devicetree/", []string{""}},
	{"/proc/device-tree", []string{""}},
	{"/sys/firmware", []string{"machine.", "cpu.", "memory.physical", "iommu.", "hotplug.", "interrupts."}},
	{"/proc/self/ns/", []string{"machine.container", "userspace.", "xen.installed", "xen.build_config", "xen.command_line", "domains"}},
	{"/proc/cmdline", []string{"cpu.physical", "memory.physical"}},
	{"/sys/devices/system/cpu/", []string{"cpu."}},
	{"/proc/meminfo", []string{"memory.physical"}},
	{"/sys/devices/system/memory", []string{"memory.physical"}},
	{"hypercall sysctl physinfo", []string{"cpu.", "memory.physical", "iommu."}},
	{"hypercall sysctl getdomaininfolist", []string{"domains", "userspace.", "xen.shared_pages"}},
	{"hypercall sysctl readconsole", []string{""}},
	{"hypercall hypfs", []string{"xen.cpupools"}},
	{"xenstore", []string{"running", "userspace."}},
	{"processes", []string{"userspace.", "running"}},
	{"/etc/os-release", []string{"xen."}},
	{"/boot", []string{"xen."}},
}

// Moved names the facts that changed although their sources had no fault. It is
// for a single fault.
func Moved(before, after *facts.Host, f Fault) []string {
	var out []string
	now := map[string]observed{}
	for _, o := range observedIn(after) {
		now[o.place] = o
	}
	for _, b := range observedIn(before) {
		a, ok := now[b.place]
		if !b.told() || ok && a.same(b) || names(b.source(), f.Source.Name) || leans(f.Source.Name, b.place) {
			continue
		}
		is := facts.State("gone")
		if ok {
			is = a.state()
		}
		out = append(out, fmt.Sprintf("%s, of %s, is %s", b.place, b.source(), is))
	}
	return out
}

// names reports whether a fact's source is another, holds it or lies in it.
func names(of, source string) bool {
	return slices.ContainsFunc(strings.Split(of, ", "), func(s string) bool {
		s, _, _ = strings.Cut(s, "*")
		return s == source || strings.HasPrefix(source, s) || strings.HasPrefix(s, source)
	})
}

func leans(source, place string) bool {
	for _, l := range leaning {
		if strings.HasPrefix(source, l.source) && slices.ContainsFunc(l.facts, func(p string) bool { return strings.HasPrefix(place, p) }) {
			return true
		}
	}
	return false
}

// Doubts counts what is unknown, in conflict or found damaged.
func Doubts(h *facts.Host) int {
	n := 0
	for _, s := range h.Sources {
		if s.State == facts.Unknown {
			n++
		}
	}
	for _, o := range observedIn(h) {
		n += o.fact.FieldByName("Conflicts").Len()
		if o.state() == facts.Unknown {
			n++
		}
	}
	return n
}
