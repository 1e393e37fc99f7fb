package cpudump

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
)

// A Sandy Bridge Xeon, as far as the questions here go.
var xeon = []Leaf{
	{0, 0, Registers{0xd, 0x756e6547, 0x6c65746e, 0x49656e69}},
	{1, 0, Registers{0x206d7, 0x100800, 0x1fbee3ff, 0xbfebfbff}},
	{4, 0, Registers{0x1c004121, 0x1c0003f, 0x3f, 0}},
	{4, 1, Registers{0x1c004122, 0x1c0003f, 0x3f, 0}},
	{7, 0, Registers{0, 0x9000, 0, 0}},
	{0x80000000, 0, Registers{0x80000008, 0, 0, 0}},
	{0x80000001, 0, Registers{0, 0, 1, 0x2c100800}},
	{0x80000002, 0, Registers{0x65746e49, 0x2952286c, 0x6f655820, 0x2952286e}},
	{0x80000003, 0, Registers{0x55504320, 0x2d354520, 0x37383632, 0x20402057}},
	{0x80000004, 0, Registers{0x30322e32, 0x7a4847, 0, 0}},
}

// encode writes CPUs the way a format does.
func encode(format Format, cpus []CPU) string {
	var b strings.Builder
	if format == Libvirt {
		b.WriteString("<!-- a machine -->\n<cpudata arch='x86'>\n")
	}
	for _, c := range cpus {
		switch format {
		case CPUIDTool:
			fmt.Fprintf(&b, "CPU %d:\n", c.Number)
		case InstLatx64:
			fmt.Fprintf(&b, "------[ CPUID Registers / Logical CPU #%d ]------\r\n", c.Number)
		case LibCPUID:
			fmt.Fprintf(&b, "_________________ Logical CPU #%d _________________\n", c.Number)
		}
		for _, l := range c.Leaves {
			switch format {
			case CPUIDTool:
				fmt.Fprintf(&b, "   0x%08x 0x%02x: eax=0x%08x ebx=0x%08x ecx=0x%08x edx=0x%08x\n", l.EAXIn, l.ECXIn, l.EAX, l.EBX, l.ECX, l.EDX)
			case InstLatx64:
				fmt.Fprintf(&b, "CPUID %08X: %08X-%08X-%08X-%08X [SL %02X] [note]\r\n", l.EAXIn, l.EAX, l.EBX, l.ECX, l.EDX, l.ECXIn)
			case Libvirt:
				fmt.Fprintf(&b, "  <cpuid eax_in='0x%08x' ecx_in='0x%02x' eax='0x%08x' ebx='0x%08x' ecx='0x%08x' edx='0x%08x'/>\n", l.EAXIn, l.ECXIn, l.EAX, l.EBX, l.ECX, l.EDX)
			case LibCPUID:
				array, at := "basic_cpuid", l.EAXIn
				switch {
				case l.EAXIn == 4 && l.ECXIn > 0:
					array, at = "intel_fn4", l.ECXIn
				case l.EAXIn >= 0x80000000:
					array, at = "ext_cpuid", l.EAXIn-0x80000000
				}
				fmt.Fprintf(&b, "%s[%d]=%08x %08x %08x %08x\n", array, at, l.EAX, l.EBX, l.ECX, l.EDX)
			}
		}
	}
	if format == Libvirt {
		b.WriteString("  <msr index='0x10a' edx='0x00000000' eax='0x0000000a'/>\n</cpudata>\n")
	}
	return b.String()
}

func TestFormats(t *testing.T) {
	for _, format := range []Format{CPUIDTool, InstLatx64, LibCPUID, Libvirt} {
		cpus := []CPU{{0, xeon}}
		if format != Libvirt {
			cpus = append(cpus, CPU{5, xeon})
		}
		d, err := Parse([]byte(encode(format, cpus)))
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		want := &Dump{Format: format, CPUs: cpus, Numbered: format != Libvirt}
		if diff := cmp.Diff(want, d); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
		m := facts.X86Model{Vendor: "GenuineIntel", Family: 6, Model: 45, Stepping: 7, Name: "Intel(R) Xeon(R) CPU E5-2687W @ 2.20GHz"}
		if d.Numbered {
			m.CPUs = 2
		}
		if diff := cmp.Diff([]facts.X86Model{m}, d.Models()); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
	}
}

func TestHeadings(t *testing.T) {
	line := func(leaf int) string { return fmt.Sprintf("CPUID %08X: 00000002-00000000-00000000-00000000\n", leaf) }
	for _, tc := range []struct {
		text     string
		numbers  []int
		numbered bool
	}{
		{"CPU#000 AffMask: 0x1\n" + line(0) + "CPU#001 AffMask: 0x2\n" + line(0), []int{0, 1}, true},
		{line(0) + line(1) + line(0) + line(1), []int{0, 1}, false},
		{"CPU Type: Xeon\nCPU Clock: 3\n------[ Versions ]------\n" + line(0), []int{0}, false},
		{"------[ Logical CPU #3 ]------\n" + line(0) + "------[ Logical CPU #3 ]------\n" + line(1), []int{3}, true},
		{"CPU:\n   0x00000000 0x00: eax=0x00000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000\n", []int{0}, false},
		{"\uFEFFCPUID Registers (CPU #1 Virtual):\n" + line(0) + "CPUID Registers (CPU #2)\n" + line(0), []int{1, 2}, true},
		{"CPU 2: fast\n" + line(0), []int{0}, false},
		{"CPU 99999999999999999999:\n" + line(0), []int{0}, false},
	} {
		d, err := Parse([]byte(tc.text))
		if err != nil {
			t.Errorf("%q: %v", tc.text, err)
			continue
		}
		var numbers []int
		for _, c := range d.CPUs {
			numbers = append(numbers, c.Number)
		}
		if diff := cmp.Diff(tc.numbers, numbers); diff != "" || d.Numbered != tc.numbered {
			t.Errorf("%q: numbered %v %s", tc.text, d.Numbered, diff)
		}
	}
}

// InstLatx64's older dumps do not number the results of a leaf.
func TestUnnumberedSubleaves(t *testing.T) {
	d, err := Parse([]byte("CPUID 00000004: 00000001-00000000-00000000-00000000\nCPUID 00000004: 00000002-00000000-00000000-00000000\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Leaf{{4, 0, Registers{EAX: 1}}, {4, 1, Registers{EAX: 2}}}
	if diff := cmp.Diff(want, d.CPUs[0].Leaves); diff != "" {
		t.Error(diff)
	}
}

func TestArm(t *testing.T) {
	d, err := Parse([]byte("___ Logical CPU #0 ___\narm_midr=00000000410fd034\narm_mpidr=0\n___ Logical CPU #1 ___\narm_midr=00000000411fd070\narm_midr=zero\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []facts.ArmCore{
		{MIDR: "0x410fd034", Implementer: 0x41, Part: 0xd03, Revision: 4, RevisionKnown: true, Name: "Cortex-A53", Count: 1},
		{MIDR: "0x411fd070", Implementer: 0x41, Part: 0xd07, Variant: 1, RevisionKnown: true, Name: "Cortex-A57", Count: 1},
	}
	if diff := cmp.Diff(want, d.Cores()); diff != "" || len(d.Problems) != 1 || d.Problems[0].Line != 6 {
		t.Errorf("%v %s", d.Problems, diff)
	}
}

func TestBadLines(t *testing.T) {
	good := encode(CPUIDTool, []CPU{{0, xeon}})
	for _, bad := range []string{
		"   0x00000008 0x00: eax=0x0000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000",
		"   0x00000008 0x00: eax=0x00000001 ebx=0x00000000 ecx=0x00000000",
		"   0x00000008 0x00: eax=0x00000001 ecx=0x00000000 ebx=0x00000000 edx=0x00000000",
		"   0x00000008 0x00: eax=0x0000000g ebx=0x00000000 ecx=0x00000000 edx=0x00000000",
		"   0x00000008 0x00: eax=0x-0000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000",
		"   0x00000008: eax=0x00000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000",
		"   0x00000001 0x00: eax=0x00000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000", // another result
		"CPUID 00000008: 00000000-00000000-00000000-00000000",                             // another format
		"CPUID 00000008: 00000000-00000000-0000",
		"CPUID 00000008: 00000000-00000000-00000000-00000000 [SL xx]",
		"<cpuid eax_in='0x00000008' eax='0x1' ebx='0x0' ecx='0x0'/>",
		"<cpuid eax_in='0x00000008' eax='0x1' ebx='0x0' ecx='0x0' edx='0x0'>",
		"<cpuid eax_in='0x00000008' eax='0x1' eax='0x1' ebx='0x0' ecx='0x0' edx='0x0'/>",
		"basic_cpuid[8]=00000001 00000000 00000000",
		"basic_cpuid[x]=00000001 00000000 00000000 00000000",
		"0x" + strings.Repeat("0", 5000) + " eax=",
	} {
		d, err := Parse([]byte(good + bad + "\n"))
		if err != nil {
			t.Errorf("%q: %v", bad, err)
			continue
		}
		if diff := cmp.Diff([]CPU{{0, xeon}}, d.CPUs); diff != "" {
			t.Errorf("%.60q: %s", bad, diff)
		}
		if len(d.Problems) != 1 || d.Problems[0].Line != len(xeon)+2 {
			t.Errorf("%.60q: problems %v", bad, d.Problems)
		}
	}
	for _, text := range []string{"", "hello", "%PDF-1.4\xff\x00", "CPU 0:\n", "CPUID 0000: 1\n", "processor : 0\nvendor_id : GenuineIntel\n"} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrNotADump) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if d, err := Parse([]byte(strings.Repeat("CPUID 1: 2\n", 1000))); err == nil || len(d.Problems) != maxProblems || d.More != 1000-maxProblems {
		t.Errorf("%v, %d problems and %d more", err, len(d.Problems), d.More)
	}
}

func TestMeaning(t *testing.T) {
	vendor := func(s string) Registers {
		w := func(i int) uint32 { return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24 }
		return Registers{EAX: 0x10, EBX: w(0), EDX: w(4), ECX: w(8)}
	}
	type answer struct{ has, known bool }
	ask := func(has, known bool) answer { return answer{has, known} }
	yes, no, open := answer{true, true}, answer{false, true}, answer{}

	for _, tc := range []struct {
		name                    string
		leaves                  []Leaf
		vmx, svm, npt, lm, hv   answer
		family, model, stepping int // of a known model
		hypervisor              string
		qos                     []string
		qosKnown                bool
	}{
		{name: "nothing"},
		{name: "only leaf 0", leaves: []Leaf{{0, 0, vendor("GenuineIntel")}}},
		{name: "xeon", leaves: xeon, vmx: yes, svm: no, npt: no, lm: yes, hv: no, family: 6, model: 45, stepping: 7, qos: []string{"cqm", "rdt_a"}, qosKnown: true},
		{name: "zen in KVM", leaves: []Leaf{
			{0, 0, vendor("AuthenticAMD")},
			{1, 0, Registers{EAX: 0x00a10f11, ECX: 1 << 31}},
			{7, 0, Registers{EBX: 1<<12 | 1<<15}},
			{0x10, 0, Registers{EBX: 1 << 1}},
			{0x10, 1, Registers{ECX: 1 << 2}},
			{0x40000000, 0, Registers{0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d}},
			{0x80000000, 0, Registers{EAX: 0x80000028}},
			{0x80000001, 0, Registers{ECX: 1 << 2, EDX: 1 << 29}},
			{0x80000008, 0, Registers{EBX: 1 << 6}},
			{0x8000000a, 0, Registers{EDX: 1}},
		}, vmx: no, svm: yes, npt: yes, lm: yes, hv: yes, family: 25, model: 17, stepping: 1, hypervisor: "KVMKVMKVM",
			qos: []string{"cqm", "rdt_a", "cat_l3", "cdp_l3", "mba"}, qosKnown: true},
		{name: "SVM, nothing of paging", leaves: []Leaf{
			{0, 0, vendor("AuthenticAMD")},
			{1, 0, Registers{EAX: 0x00100f42}},
			{0x80000001, 0, Registers{ECX: 1 << 2}},
		}, vmx: no, svm: yes, npt: open, lm: no, hv: no, family: 16, model: 4, stepping: 2},
		{name: "Pentium III: no extended leaves", leaves: []Leaf{
			{0, 0, Registers{2, 0x756e6547, 0x6c65746e, 0x49656e69}},
			{1, 0, Registers{EAX: 0x0000068a}},
			{7, 0, Registers{EBX: 0xffffffff}}, // beyond leaf 2: other data
			{0x80000000, 0, Registers{EAX: 2}},
		}, vmx: no, svm: no, npt: no, lm: no, hv: no, family: 6, model: 8, stepping: 10, qosKnown: true},
		{name: "486: the extended model does not count", leaves: []Leaf{
			{0, 0, Registers{1, 0x756e6547, 0x6c65746e, 0x49656e69}},
			{1, 0, Registers{EAX: 0x000f0480}},
		}, vmx: no, svm: open, npt: open, lm: open, hv: no, family: 4, model: 8, qosKnown: true},
		{name: "Xen that looks like Hyper-V", leaves: []Leaf{
			{0, 0, vendor("GenuineIntel")},
			{1, 0, Registers{EAX: 0x000306f2, ECX: 1<<31 | 1<<5}},
			{0x40000000, 0, Registers{0x40000006, 0x7263694d, 0x666f736f, 0x76482074}},
			{0x40000100, 0, Registers{0x40000104, 0x566e6558, 0x65584d4d, 0x4d4d566e}},
		}, vmx: yes, svm: open, npt: open, lm: open, hv: yes, family: 6, model: 63, stepping: 2, hypervisor: "XenVMMXenVMM"},
	} {
		c := CPU{0, tc.leaves}
		for _, q := range []struct {
			what      string
			got, want answer
		}{
			{"VMX", ask(c.VMX()), tc.vmx}, {"SVM", ask(c.SVM()), tc.svm}, {"NPT", ask(c.NPT()), tc.npt},
			{"long mode", ask(c.LongMode()), tc.lm}, {"hypervisor", ask(c.Hypervisor()), tc.hv},
		} {
			if q.got != q.want {
				t.Errorf("%s: %s is %+v, want %+v", tc.name, q.what, q.got, q.want)
			}
		}
		m, ok := c.Model()
		if ok != (tc.family != 0) || m.Family != tc.family || m.Model != tc.model || m.Stepping != tc.stepping {
			t.Errorf("%s: model %+v, %v", tc.name, m, ok)
		}
		if got := c.HypervisorVendor(); got != tc.hypervisor {
			t.Errorf("%s: hypervisor %q", tc.name, got)
		}
		qos, known := c.QoS()
		if diff := cmp.Diff(tc.qos, qos); diff != "" || known != tc.qosKnown {
			t.Errorf("%s: QoS known %v %s", tc.name, known, diff)
		}
	}
}

func TestEvery(t *testing.T) {
	with := CPU{0, []Leaf{{1, 0, Registers{ECX: 1 << 5}}}}
	without := CPU{1, []Leaf{{1, 0, Registers{}}}}
	silent := CPU{2, nil}
	for _, tc := range []struct {
		cpus       []CPU
		has, known bool
	}{
		{nil, false, false}, {[]CPU{with}, true, true}, {[]CPU{with, with}, true, true},
		{[]CPU{with, without}, false, true}, {[]CPU{silent, without}, false, true}, {[]CPU{with, silent}, false, false},
	} {
		d := &Dump{CPUs: tc.cpus}
		has, known := d.Every(CPU.VMX)
		if has != tc.has || known != tc.known {
			t.Errorf("%v: %v, %v", tc.cpus, has, known)
		}
	}
}

// Dumps that other people recorded, with what is known of them from elsewhere.
func TestRecordedHosts(t *testing.T) {
	files, _ := filepath.Glob("../../../../shared/hosts/libcpuid/*/*.test")
	more, _ := filepath.Glob("../../../../shared/hosts/libvirt-cpuid/*/cpuid.xml")
	files = append(files, more...)
	if len(files) == 0 {
		t.Skip("the recorded hosts are not here")
	}
	right, unknown := map[string]int{}, map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		truth, err := os.ReadFile(filepath.Join(filepath.Dir(file), "truth.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		d, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(d.Problems) > 0 {
			t.Errorf("%s: %v", file, d.Problems)
		}
		for line := range strings.Lines(string(truth)) {
			f := strings.Split(line, "\t")
			got, ok := answerOf(d, f[0])
			switch {
			case !ok:
			case got == "":
				unknown[f[0]]++
			case got != f[1]:
				t.Errorf("%s: %s is %q, read as %q", file, f[0], f[1], got)
			default:
				right[f[0]]++
			}
		}
	}
	all := 0
	for key := range right {
		t.Logf("%-22s right %3d  wrong 0  unknown %d", key, right[key], unknown[key])
		all += right[key]
	}
	if all < 5*len(files) {
		t.Errorf("only %d answers for %d dumps: the truth was not understood", all, len(files))
	}
}

func answerOf(d *Dump, key string) (string, bool) {
	tell := func(has, known bool) string {
		switch {
		case !known:
			return ""
		case has:
			return "yes"
		}
		return "no"
	}
	if key == "logical_cpus_dumped" {
		return fmt.Sprint(len(d.CPUs) + len(d.Arm)), true
	}
	if len(d.Arm) > 0 {
		c := d.Cores()[0]
		switch key {
		case "core":
			return fmt.Sprintf("%s r%dp%d", c.Name, c.Variant, c.Revision), true
		case "midr":
			return fmt.Sprintf("%s x%d", c.MIDR, c.Count), true
		case "expected.implementer":
			return fmt.Sprint(c.Implementer), true
		case "expected.part":
			return fmt.Sprint(c.Part), true
		}
		return "", false
	}
	m, _ := d.CPUs[0].Model()
	switch key {
	case "vendor":
		return m.Vendor, true
	case "family", "expected.family":
		return fmt.Sprint(m.Family), true
	case "model", "expected.model":
		return fmt.Sprint(m.Model), true
	case "stepping", "expected.stepping":
		return fmt.Sprint(m.Stepping), true
	case "brand":
		return m.Name, true
	case "signature":
		r, _ := d.CPUs[0].Leaf(1, 0)
		return fmt.Sprintf("%08x", r.EAX), true
	case "vmx":
		return tell(d.Every(CPU.VMX)), true
	case "svm":
		return tell(d.Every(CPU.SVM)), true
	case "lm":
		return tell(d.Every(CPU.LongMode)), true
	case "hypervisor":
		return tell(d.Every(CPU.Hypervisor)), true
	case "expected.flags.virt":
		var flags []string
		for _, q := range []struct {
			name string
			ask  func(CPU) (bool, bool)
		}{{"vmx", CPU.VMX}, {"svm", CPU.SVM}, {"lm", CPU.LongMode}} {
			if has, _ := d.Every(q.ask); has {
				flags = append(flags, q.name)
			}
		}
		return strings.Join(flags, " "), true
	}
	return "", false
}

// The same dumps, written as cpuid -r does, mean the same to cpuid -f; so do
// signatures of every kind.
func TestAgainstCpuid(t *testing.T) {
	cpuid, err := exec.LookPath("cpuid")
	if err != nil {
		t.Skip("cpuid is not installed")
	}
	var cpus []CPU
	files, _ := filepath.Glob("../../../../shared/hosts/libcpuid/*/cpuid.test")
	more, _ := filepath.Glob("../../../../shared/hosts/libvirt-cpuid/*/cpuid.xml")
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := Parse(text); err == nil && len(d.CPUs) > 0 {
			cpus = append(cpus, d.CPUs[0])
		}
	}
	// Signatures with every base family, and the extended fields where CPUs
	// use them: the two tools read the others differently.
	for _, vendor := range []Registers{{0x10, 0x756e6547, 0x6c65746e, 0x49656e69}, {0x10, 0x68747541, 0x444d4163, 0x69746e65}} {
		for family := uint32(4); family < 16; family++ {
			signature := 0x0b | family<<8 | (family*7&0xf)<<4
			if family == 15 {
				signature |= 0x00a30000
			}
			if family == 6 && vendor.EBX == 0x756e6547 {
				signature |= 0x00050000
			}
			bit := family & 1
			cpus = append(cpus, CPU{0, []Leaf{{0, 0, vendor}, {1, 0, Registers{EAX: signature, ECX: bit << 5}},
				{0x80000000, 0, Registers{EAX: 0x8000000a}}, {0x80000001, 0, Registers{ECX: bit << 2, EDX: bit << 29}}}})
		}
	}
	// A Xeon with every kind of platform QoS, one with some, an EPYC with
	// nested paging and one without, and a guest of each hypervisor.
	for _, q := range []struct{ seven, kinds, l3 uint32 }{{0x9000, 0xe, 4}, {0x8000, 0x2, 0}, {0x1000, 0, 0}} {
		leaves := append(slices.Clone(xeon[:4]), Leaf{7, 0, Registers{EBX: q.seven}}, Leaf{0x10, 0, Registers{EBX: q.kinds}}, Leaf{0x10, 1, Registers{ECX: q.l3}})
		leaves[0].EAX = 0x16 // highest leaf
		cpus = append(cpus, CPU{0, append(leaves, xeon[5:]...)})
	}
	for npt := range uint32(2) {
		cpus = append(cpus, CPU{0, []Leaf{{0, 0, Registers{0x10, 0x68747541, 0x444d4163, 0x69746e65}}, {1, 0, Registers{EAX: 0x00800f12}},
			{0x80000000, 0, Registers{EAX: 0x8000000a}}, {0x80000001, 0, Registers{ECX: 4, EDX: 1 << 29}}, {0x8000000a, 0, Registers{EAX: 1, EDX: npt}}}})
	}
	for _, id := range []Registers{{0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d}, {0x40000005, 0x566e6558, 0x65584d4d, 0x4d4d566e}, {0x40000006, 0x7263694d, 0x666f736f, 0x76482074}} {
		leaves := slices.Clone(xeon)
		leaves[1].ECX |= 1 << 31
		cpus = append(cpus, CPU{0, append(leaves, Leaf{0x40000000, 0, id})})
	}
	for i := range cpus {
		cpus[i].Number = i
	}
	file := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(file, []byte(encode(CPUIDTool, cpus)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(cpuid, "-f", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	sections := regexp.MustCompile(`(?m)^CPU \d+:$`).Split(string(out), -1)[1:]
	if len(sections) != len(cpus) {
		t.Fatalf("cpuid shows %d CPUs of %d", len(sections), len(cpus))
	}
	find := func(section, pattern string) string {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(section); m != nil {
			return m[1]
		}
		return ""
	}
	compared := map[string]int{}
	for i, c := range cpus {
		s := sections[i]
		m, _ := c.Model()
		qos, _ := c.QoS()
		// Linux calls AMD's enforcement of bandwidth by the same name.
		mba := func(vendor, s string) string {
			theirs := find(s, `memory bandwidth allocation supported *= (\w+)`)
			if amd := find(s, `memory bandwidth enforcement *= (\w+)`); vendor == "AuthenticAMD" && amd == "true" {
				return amd
			}
			return theirs
		}
		has := func(name string) string { return fmt.Sprint(slices.Contains(qos, name)) }
		_, l3, _ := strings.Cut(s, "L3 Cache Allocation Technology (0x10/1)")
		l3, _, _ = strings.Cut(l3, "(0x10/2)")
		for _, q := range []struct{ what, ours, theirs string }{
			{"vendor", m.Vendor, find(s, `vendor_id = "([^"]*)"`)},
			{"family", fmt.Sprint(m.Family), find(s, `\(family synth\) *= 0x[0-9a-f]+ \((\d+)\)`)},
			{"model", fmt.Sprint(m.Model), find(s, `\(model synth\) *= 0x[0-9a-f]+ \((\d+)\)`)},
			{"stepping", fmt.Sprint(m.Stepping), find(s, `stepping id *= 0x[0-9a-f]+ \((\d+)\)`)},
			{"VMX", truth(c.VMX()), find(s, `VMX: virtual machine extensions *= (\w+)`)},
			{"SVM", truth(c.SVM()), find(s, `SVM: secure virtual machine *= (\w+)`)},
			{"brand", m.Name, strings.Join(strings.Fields(find(s, ` brand = "([^"]*)"`)), " ")},
			{"hypervisor", truth(c.Hypervisor()), find(s, `hypervisor guest status *= (\w+)`)},
			{"hypervisor's name", c.HypervisorVendor(), strings.TrimSpace(strings.ReplaceAll(find(s, `hypervisor_id \(0x40000000\) = "([^"]*)"`), `\0`, ""))},
			{"NPT", truth(c.NPT()), find(s, `nested paging *= (\w+)`)},
			{"cqm", has("cqm"), find(s, `RDT-CMT/PQoS cache monitoring *= (\w+)`)},
			{"rdt_a", has("rdt_a"), find(s, `RDT-CAT/PQE cache allocation *= (\w+)`)},
			{"cat_l3", has("cat_l3"), find(s, `L3 cache allocation technology supported *= (\w+)`)},
			{"cat_l2", has("cat_l2"), find(s, `L2 cache allocation technology supported *= (\w+)`)},
			{"mba", has("mba"), mba(m.Vendor, s)},
			{"cdp_l3", has("cdp_l3"), find(l3, `code and data prioritization supported *= (\w+)`)},
			{"long mode", truth(c.LongMode()), find(s, `(?:64-bit extensions technology available|long mode \(AA-64\)) *= (\w+)`)},
		} {
			if q.theirs == "" && q.what != "vendor" && q.what != "family" {
				continue // cpuid prints the rows of one vendor only
			}
			compared[q.what]++
			if q.what == "brand" {
				q.ours = strings.Join(strings.Fields(q.ours), " ")
			}
			if q.ours != q.theirs {
				r, _ := c.Leaf(1, 0)
				t.Errorf("CPU %d (%s %08x): %s is %s, cpuid says %s", i, m.Vendor, r.EAX, q.what, q.ours, q.theirs)
			}
		}
	}
	t.Logf("%d CPUs mean the same to cpuid; compared: %v", len(cpus), compared)
	for _, what := range []string{"vendor", "family", "model", "stepping", "VMX", "SVM", "long mode", "brand", "hypervisor", "hypervisor's name", "NPT",
		"cqm", "rdt_a", "cat_l3", "cat_l2", "mba", "cdp_l3"} {
		if compared[what] < 2 {
			t.Errorf("%s was compared %d times: cpuid's text was not understood", what, compared[what])
		}
	}
}

func truth(has, _ bool) string { return fmt.Sprint(has) }

func fuzz(f *testing.F, format Format) {
	// Short seeds: the fuzzer spends its time on shrinking long ones.
	f.Add([]byte(encode(format, []CPU{{0, xeon[1:2]}})))
	f.Add([]byte(encode(format, []CPU{{0, xeon[:1]}, {7, xeon[3:4]}})))
	text := encode(format, []CPU{{0, xeon[1:3]}})
	f.Add([]byte(text[:len(text)-30]))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		// Nothing is in the dump that is not in the text.
		lower := strings.ToLower(string(text))
		for _, c := range d.CPUs {
			for _, l := range c.Leaves {
				for _, n := range []uint32{l.EAX, l.EBX, l.ECX, l.EDX} {
					if !strings.Contains(lower, fmt.Sprintf("%x", n)) {
						t.Fatalf("%#x of leaf %#x is not in %q", n, l.EAXIn, text)
					}
				}
			}
			c.Model()
			c.NPT()
			c.QoS()
			c.HypervisorVendor()
		}
		if len(d.CPUs) == 0 || d.Format == LibCPUID {
			return // it cannot write every leaf
		}
		// What was read can be written, and is then the same.
		if d.Format == Libvirt {
			d.CPUs = d.CPUs[:1]
		}
		again, err := Parse([]byte(encode(d.Format, d.CPUs)))
		if err != nil || len(again.Problems) != 0 {
			t.Fatalf("%q cannot be written again: %v %v", text, err, again.Problems)
		}
		if diff := cmp.Diff(d.CPUs, again.CPUs); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzCPUIDTool(f *testing.F)  { fuzz(f, CPUIDTool) }
func FuzzInstLatx64(f *testing.F) { fuzz(f, InstLatx64) }
func FuzzLibCPUID(f *testing.F)   { fuzz(f, LibCPUID) }
func FuzzLibvirt(f *testing.F)    { fuzz(f, Libvirt) }

func BenchmarkParse(b *testing.B) {
	var cpus []CPU
	for n := range 64 {
		cpus = append(cpus, CPU{n, xeon})
	}
	text := []byte(encode(InstLatx64, cpus))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if d, err := Parse(text); err != nil || len(d.CPUs) != 64 {
			b.Fatal(err)
		}
	}
}
