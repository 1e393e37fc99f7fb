package probe

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/cpulist"
)

const recordedHosts = "../../shared/hosts"

// TestRecordedHosts reads every recorded machine and holds the facts against
// what is known of it independently. No fact may be wrong; one may be unknown
// only where the recording lacks its source.
func TestRecordedHosts(t *testing.T) {
	truths, _ := filepath.Glob(recordedHosts + "/*/*/truth.tsv")
	if len(truths) == 0 {
		t.Skipf("no recorded hosts at %s", recordedHosts)
	}
	scores := map[string]*score{}
	for _, truth := range truths {
		dir := filepath.Dir(truth)
		for _, o := range waysToRead(dir) {
			h, err := Collect(context.Background(), o)
			if err != nil {
				t.Errorf("%s: %v", dir, err)
				continue
			}
			for _, line := range readTruth(t, truth) {
				verdict, told := judge(h, o, line)
				if verdict == notAFact {
					continue
				}
				key := strings.TrimRight(line.key, "0123456789")
				if scores[key] == nil {
					scores[key] = &score{}
				}
				switch verdict {
				case right:
					scores[key].right++
				case wrong:
					scores[key].wrong++
					t.Errorf("%s: %s: facts say %q, truth is %q", strings.TrimPrefix(dir, recordedHosts+"/"), line.key, told, line.value)
				case unknownFact:
					scores[key].unknown++
					t.Logf("%s: %s is unknown (truth %q): %s", strings.TrimPrefix(dir, recordedHosts+"/"), line.key, line.value, told)
				}
			}
		}
	}
	var table strings.Builder
	var sum score
	fmt.Fprintf(&table, "%-28s %6s %6s %8s\n", "fact", "right", "wrong", "unknown")
	for _, key := range slices.Sorted(maps.Keys(scores)) {
		s := scores[key]
		sum.right, sum.wrong, sum.unknown = sum.right+s.right, sum.wrong+s.wrong, sum.unknown+s.unknown
		fmt.Fprintf(&table, "%-28s %6d %6d %8d\n", key, s.right, s.wrong, s.unknown)
	}
	t.Logf("\n%s", table.String())
	t.Logf("recorded hosts: %d machines, %d right, %d wrong, %d unknown", len(truths), sum.right, sum.wrong, sum.unknown)
	if sum.right < 10*len(truths) {
		t.Errorf("only %d facts were compared: the truth was not understood", sum.right)
	}
}

type score struct{ right, wrong, unknown int }

type verdict int

const (
	notAFact verdict = iota // nothing that a host's facts hold
	right
	wrong
	unknownFact
)

type truthLine struct {
	key, value string
	recorded   map[string]string // the other keys of this machine
}

// waysToRead returns the options that a recording can be read with.
func waysToRead(dir string) []Options {
	var ways []Options
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	if exists("root") {
		ways = append(ways, Options{Root: filepath.Join(dir, "root")})
	}
	if exists("board.dtb") {
		ways = append(ways, Options{DTB: filepath.Join(dir, "board.dtb")})
	}
	if exists("root/sys/firmware/acpi/tables") {
		ways = append(ways, Options{ACPI: filepath.Join(dir, "root/sys/firmware/acpi/tables")})
	}
	for _, dump := range []string{"cpuid.test", "full.test", "cpuid.xml"} {
		if exists(dump) {
			ways = append(ways, Options{CPUID: filepath.Join(dir, dump)})
		}
	}
	return ways
}

func readTruth(t *testing.T, name string) []truthLine {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]string{}
	var lines []truthLine
	for scan := bufio.NewScanner(f); scan.Scan(); {
		cols := strings.Split(scan.Text(), "\t")
		if len(cols) < 2 {
			continue
		}
		all[cols[0]] = cols[1]
		lines = append(lines, truthLine{key: cols[0], value: cols[1], recorded: all})
	}
	return lines
}

// judge holds one line of truth against the facts, and returns what they say.
func judge(h *facts.Host, o Options, l truthLine) (verdict, string) {
	x, a := h.CPU.X86, h.CPU.Arm
	// The corpora's own words for what has a name here as well.
	for alias, key := range map[string]string{
		"report.madt.enabled_cpus": "madt.enabled_cpus", "report.dmar.drhd": "dmar.drhd", "report.dmar.flags": "dmar.flags", "report.ivrs.ivhd": "ivrs.ivhd",
		"expected.family": "family", "expected.model": "model", "expected.stepping": "stepping",
		"lscpu.family": "family", "lscpu.online": "expected.online_list",
	} {
		if l.key == alias {
			l.key = key
		}
	}
	if a != nil {
		switch l.key {
		case "expected.implementer", "expected.part", "expected.variant", "expected.revision", "lscpu.stepping", "lscpu.model_name":
			return core(a, l)
		case "lscpu.vendor", "lscpu.model":
			return notAFact, "" // the implementer's name, and the revision once more
		}
	}
	if x != nil {
		switch l.key {
		case "lscpu.vendor", "lscpu.model", "lscpu.stepping", "lscpu.model_name":
			l.key = map[string]string{"lscpu.vendor": "vendor", "lscpu.model": "model", "lscpu.stepping": "stepping", "lscpu.model_name": "brand"}[l.key]
		case "signature":
			return leaf1(x, l.value)
		case "expected.flags.virt":
			got := ""
			for _, f := range []struct {
				word string
				fact facts.Observed[bool]
			}{{"vmx", x.VMX}, {"svm", x.SVM}, {"lm", x.LongMode}} {
				if f.fact.Value {
					got += f.word + " "
				}
			}
			return compare(strings.TrimSpace(got), l.value)
		case "expected.host_features.vmx_svm", "lscpu.virtualization":
			switch l.value {
			case "vmx", "VT-x":
				return flag(x.VMX, "yes")
			case "svm", "AMD-V":
				return flag(x.SVM, "yes")
			}
			return notAFact, "" // the model has it or not
		}
	}
	switch l.key {
	case "lscpu.numa_nodes":
		return number(h.CPU.Nodes, l.value)
	case "expected.online_list":
		set, err := cpulist.Parse(l.value)
		if err != nil {
			return wrong, err.Error()
		}
		return number(h.CPU.Online, strconv.Itoa(set.Len()))
	case "vendor", "family", "model", "stepping", "brand", "x86.model_name":
		if o.DTB != "" || h.Machine.DeviceTree.Value && l.key == "model" {
			return text(h.Machine.Product, l.value)
		}
		if x == nil {
			return notAFact, ""
		}
		return model(x, l)
	case "x86.sig.count":
		models, _ := x.Models.Get()
		for _, m := range models {
			if fmt.Sprintf("%s/%d/%d/%d x%d", m.Vendor, m.Family, m.Model, m.Stepping, m.CPUs) == l.value {
				return right, ""
			}
		}
		return wrong, fmt.Sprint(models)
	case "vmx", "svm", "lm", "ept", "npt":
		if x == nil {
			return notAFact, ""
		}
		return flag(map[string]facts.Observed[bool]{"vmx": x.VMX, "svm": x.SVM, "lm": x.LongMode, "ept": x.EPT, "npt": x.NPT}[l.key], l.value)
	case "hypervisor":
		if k, ok := h.Machine.Kind.Get(); ok {
			return compare(yes(k == facts.VirtualMachine), l.value)
		}
		return unknownFact, fmt.Sprint(h.Machine.Kind.Problem)
	case "expected.hypervisor_name":
		if name, ok := h.Machine.Hypervisor.Get(); ok {
			return compare(name, strings.TrimSuffix(l.value, "/Linux"))
		}
		return unknownFact, fmt.Sprint(h.Machine.Hypervisor.Problem)
	case "arch":
		return text(h.Machine.Arch, l.value)
	case "proc_cpuinfo.processors":
		if _, listed := l.recorded["cpus_online"]; listed {
			return notAFact, ""
		}
		return number(h.CPU.Online, l.value)
	case "cpus_online":
		return number(h.CPU.Online, l.value)
	case "expected.PUs", "expected.cpus":
		return number(h.CPU.Present, l.value)
	case "cpus_present":
		return number(h.CPU.Present, l.value)
	case "cpus_possible":
		return number(h.CPU.Possible, l.value)
	case "logical_cpus_dumped":
		r, ok := h.CPU.Physical.Get()
		if !ok {
			return unknownFact, fmt.Sprint(h.CPU.Physical.Problem)
		}
		return compare(strconv.FormatUint(r.Min, 10), l.value)
	case "madt.enabled_cpus", "cpus":
		return number(h.CPU.Firmware, l.value)
	case "mem_total_kb":
		for _, r := range h.Memory.Readings {
			if r.Meaning == facts.MemTotal {
				return compare(strconv.FormatUint(r.Bytes>>10, 10), l.value)
			}
		}
		return unknownFact, ""
	case "iommu":
		return iommu(h, l.value)
	case "dmar.drhd", "ivrs.ivhd":
		return units(h, l)
	case "dmar.flags":
		return flag(h.IOMMU.InterruptRemapping, map[bool]string{true: "yes", false: "no"}[strings.Contains(l.value, "intr_remap=1")])
	case "core", "expected.core", "midr", "expected.midr", "midr.parts", "cpu_compatibles", "arm.percpu":
		return cores(a, l)
	case "arm.feature.sve":
		return flag(a.SVE, l.value)
	case "arm.feature.lpae":
		if a.LPAE.State == facts.Unread {
			return notAFact, ""
		}
		return flag(a.LPAE, l.value)
	case "arm.cpu_architecture":
		return number(a.Architecture, l.value)
	case "gic_version":
		if a == nil {
			return notAFact, ""
		}
		if h.Interrupts.GIC.IsAbsent() {
			return compare("none", l.value)
		}
		return number(h.Interrupts.GIC, l.value)
	case "its":
		if a == nil {
			return notAFact, ""
		}
		if h.Interrupts.ITS.IsAbsent() {
			return compare("0", l.value)
		}
		return number(h.Interrupts.ITS, l.value)
	case "smmu", "ipmmu", "other_iommu":
		return treeUnits(h, l)
	case "memory_bytes":
		r, ok := h.Memory.Physical.Get()
		switch {
		case l.value == "0":
			return compare(string(h.Memory.Physical.State), string(facts.Unknown))
		case !ok:
			return unknownFact, fmt.Sprint(h.Memory.Physical.Problem)
		}
		n, exact := r.Exact()
		return compare(fmt.Sprint(n, exact), l.value+" true")
	}
	return notAFact, ""
}

func compare(got, want string) (verdict, string) {
	if strings.EqualFold(got, want) {
		return right, got
	}
	return wrong, got
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func text[T ~string](o facts.Observed[T], want string) (verdict, string) {
	v, ok := o.Get()
	if !ok {
		return unknownFact, fmt.Sprint(o.Problem)
	}
	return compare(string(v), want)
}

func number(o facts.Observed[int], want string) (verdict, string) {
	v, ok := o.Get()
	if !ok {
		return unknownFact, fmt.Sprint(o.State, " ", o.Problem)
	}
	return compare(strconv.Itoa(v), want)
}

func flag(o facts.Observed[bool], want string) (verdict, string) {
	v, ok := o.Get()
	if !ok {
		return unknownFact, fmt.Sprint(o.State, " ", o.Problem)
	}
	return compare(yes(v), want)
}

func model(x *facts.X86CPU, l truthLine) (verdict, string) {
	models, ok := x.Models.Get()
	if !ok {
		return unknownFact, fmt.Sprint(x.Models.Problem)
	}
	var got []string
	for _, m := range models {
		said := map[string]string{
			"vendor": m.Vendor, "family": strconv.Itoa(m.Family), "model": strconv.Itoa(m.Model),
			"stepping": strconv.Itoa(m.Stepping), "brand": m.Name, "x86.model_name": m.Name,
		}[l.key]
		if strings.EqualFold(strings.Join(strings.Fields(said), " "), strings.Join(strings.Fields(l.value), " ")) {
			return right, said
		}
		got = append(got, said)
	}
	return wrong, strings.Join(got, ", ")
}

// leaf1 compares the first processor's leaf 1, EAX (Intel SDM, CPUID).
func leaf1(x *facts.X86CPU, want string) (verdict, string) {
	models, ok := x.Models.Get()
	if !ok {
		return unknownFact, fmt.Sprint(x.Models.Problem)
	}
	var got []string
	for _, m := range models {
		family, extended := m.Family, 0
		if family > 15 {
			family, extended = 15, m.Family-15
		}
		said := fmt.Sprintf("%08x", extended<<20|m.Model>>4<<16|family<<8|m.Model&15<<4|m.Stepping)
		if said == want {
			return right, said
		}
		got = append(got, said)
	}
	return wrong, strings.Join(got, ", ")
}

// core compares one property of cores that are all alike.
func core(a *facts.ArmCPU, l truthLine) (verdict, string) {
	cores, ok := a.Cores.Get()
	if !ok {
		return unknownFact, fmt.Sprint(a.Cores.Problem)
	}
	var got []string
	for _, c := range cores {
		if !c.RevisionKnown {
			continue
		}
		said := map[string]string{
			"expected.implementer": strconv.Itoa(c.Implementer), "expected.part": strconv.Itoa(c.Part), "expected.variant": strconv.Itoa(c.Variant),
			"expected.revision": strconv.Itoa(c.Revision), "lscpu.stepping": fmt.Sprintf("r%dp%d", c.Variant, c.Revision), "lscpu.model_name": c.Name,
		}[l.key]
		if strings.EqualFold(said, l.value) {
			return right, said
		}
		// Of makers other than Arm Ltd, lscpu prints the variant alone.
		if l.key == "lscpu.stepping" && c.Implementer != 0x41 && fmt.Sprintf("0x%x", c.Variant) == l.value {
			return right, said
		}
		got = append(got, said)
	}
	if len(got) == 0 {
		return unknownFact, "no revision is known"
	}
	return wrong, strings.Join(got, ", ")
}

func iommu(h *facts.Host, want string) (verdict, string) {
	if h.IOMMU.Units.IsAbsent() {
		return compare("none", want)
	}
	units, ok := h.IOMMU.Units.Get()
	if !ok {
		return unknownFact, fmt.Sprint(h.IOMMU.Units.Problem)
	}
	return compare(strings.ReplaceAll(string(units[0].Kind), "-", ""), want)
}

func units(h *facts.Host, l truthLine) (verdict, string) {
	units, ok := h.IOMMU.Units.Get()
	if !ok {
		return unknownFact, fmt.Sprint(h.IOMMU.Units.Problem)
	}
	u := units[0]
	if l.key == "dmar.drhd" {
		return compare(strconv.Itoa(u.Count), l.value)
	}
	// 1x10,1x11,1x40 is one unit with three blocks.
	kinds := strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(u.Model, "IVHD "), "0x", strconv.Itoa(u.Count)+"x"), " ", "")
	return compare(kinds, l.value)
}

// cores compares cores and their revisions. A recording of /proc/cpuinfo that
// shows one processor of eight does not hold the others.
func cores(a *facts.ArmCPU, l truthLine) (verdict, string) {
	if a == nil {
		return notAFact, ""
	}
	all, ok := a.Cores.Get()
	if !ok {
		return unknownFact, fmt.Sprint(a.Cores.Problem)
	}
	nameless := 0
	byCPU := map[string]string{}
	compatibles := map[string]int{}
	var said []string
	for _, c := range all {
		parts := fmt.Sprintf("%#x/%#x/r%dp%d", c.Implementer, c.Part, c.Variant, c.Revision)
		named := fmt.Sprintf("%s r%dp%d", c.Name, c.Variant, c.Revision)
		said = append(said, named)
		if !c.RevisionKnown && c.Name == "" {
			nameless += c.Count
		}
		compatibles[strings.ToLower(c.Name)] += c.Count
		for _, cpu := range strings.Split(c.CPUs, ",") {
			first, last, _ := strings.Cut(cpu, "-")
			from, _ := strconv.Atoi(first)
			to, err := strconv.Atoi(last)
			if err != nil {
				to = from
			}
			for ; cpu != "" && from <= to; from++ {
				byCPU[strconv.Itoa(from)] = parts
			}
		}
		short, _, _ := strings.Cut(l.value, " x")
		switch l.key {
		case "core", "expected.core":
			if strings.HasPrefix(l.value, named) {
				return right, named
			}
		case "midr", "expected.midr":
			if strings.EqualFold(c.MIDR, short) {
				return right, c.MIDR
			}
		case "midr.parts":
			_, count, _ := strings.Cut(l.value, " x")
			if parts == short && strconv.Itoa(c.Count) == count {
				return right, parts
			}
			said = append(said, parts+" x"+strconv.Itoa(c.Count))
		}
	}
	switch l.key {
	case "cpu_compatibles":
		for _, part := range strings.Fields(l.value) {
			count, compatible, _ := strings.Cut(part, "x")
			_, name, _ := strings.Cut(compatible, ",")
			name = strings.TrimSuffix(name, "ej-s") // lscpu says ARM926
			if n := compatibles[name]; strconv.Itoa(n) != count && nameless == 0 {
				return wrong, fmt.Sprint(compatibles)
			} else if strconv.Itoa(n) != count {
				return unknownFact, fmt.Sprint(compatibles)
			}
		}
		return right, ""
	case "arm.percpu":
		for _, part := range strings.Split(l.value, ",") {
			cpu, parts, _ := strings.Cut(part, "=")
			if byCPU[cpu] == "" {
				return unknownFact, "which CPU has the core is not recorded"
			}
			if byCPU[cpu] != parts {
				return wrong, fmt.Sprint(byCPU)
			}
		}
		return right, ""
	}
	if nameless > 0 {
		return unknownFact, fmt.Sprintf("%d CPUs whose core was not recorded", nameless)
	}
	return wrong, strings.Join(said, ", ")
}

// treeUnits compares the enabled IOMMU nodes of a device tree, as in
// "6xrockchip,iommu 1xrockchip,iommu(disabled)".
func treeUnits(h *facts.Host, l truthLine) (verdict, string) {
	if h.IOMMU.Units.IsUnknown() {
		return unknownFact, fmt.Sprint(h.IOMMU.Units.Problem)
	}
	want := map[string]int{}
	for _, part := range strings.Fields(l.value) {
		if part == "-" || strings.HasSuffix(part, "(disabled)") {
			continue
		}
		count, kind, _ := strings.Cut(part, "x")
		n, _ := strconv.Atoi(count)
		want[kind] += n
	}
	got := map[string]int{}
	for _, u := range h.IOMMU.Units.Value {
		kind := string(u.Kind)
		switch l.key {
		case "smmu":
			if !strings.HasPrefix(kind, "smmu") {
				continue
			}
		case "ipmmu":
			if u.Kind != facts.IPMMU {
				continue
			}
		default:
			if u.Kind != facts.OtherIOMMU {
				continue
			}
			kind = u.Compatible[0]
		}
		got[kind] += u.Count
	}
	if maps.Equal(got, want) {
		return right, ""
	}
	return wrong, fmt.Sprint(got)
}
