package cpuinfo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/facts"
)

func parse(t *testing.T, text string) *Info {
	t.Helper()
	info, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func x86(n, family, model, stepping int, name, flags string) string {
	return fmt.Sprintf("processor\t: %d\nvendor_id\t: GenuineIntel\ncpu family\t: %d\nmodel\t\t: %d\nmodel name\t: %s\nstepping\t: %d\nmicrocode\t: 0x1\nflags\t\t: %s\nbogomips\t: 1\npower management:\n\n",
		n, family, model, name, stepping, flags)
}

func arm(n, implementer, variant, part, revision int) string {
	return fmt.Sprintf("processor\t: %d\nBogoMIPS\t: 38.40\nFeatures\t: fp asimd\nCPU implementer\t: %#02x\nCPU architecture: 8\nCPU variant\t: %#x\nCPU part\t: %#03x\nCPU revision\t: %d\n\n",
		n, implementer, variant, part, revision)
}

func TestX86(t *testing.T) {
	info := parse(t, x86(0, 6, 85, 4, "Xeon A", "fpu vmx lm ept")+x86(1, 6, 85, 4, "Xeon A", "fpu vmx lm ept")+
		x86(2, 6, 85, 7, "Xeon A", "fpu lm rdt_a"))
	a := facts.X86Model{Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 4, Name: "Xeon A", CPUs: 2}
	b := a
	b.Stepping, b.CPUs = 7, 1
	if info.Arch != ArchX86 || info.Arm != nil || info.Processors != 3 || info.CPUs.String() != "0-2" || len(info.Problems) != 0 {
		t.Errorf("%+v", info)
	}
	want := &X86{Models: []facts.X86Model{a, b}, Boot: &a, Flags: Features{
		All: []string{"fpu", "lm"}, Any: []string{"ept", "fpu", "lm", "rdt_a", "vmx"}}}
	if diff := cmp.Diff(want, info.X86); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string][2]bool{"lm": {true, true}, "vmx": {false, true}, "svm": {false, false}, "l": {false, false}} {
		if every, some := info.X86.Flags.Has(name); every != want[0] || some != want[1] {
			t.Errorf("%s: every %v, some %v", name, every, some)
		}
	}
}

func TestVMXFlagsAreFlags(t *testing.T) {
	text := strings.ReplaceAll(x86(0, 6, 85, 4, "Xeon", "fpu vmx"), "bogomips", "vmx flags\t: vnmi ept\nbogomips")
	if every, some := parse(t, text).X86.Flags.Has("ept"); !every || !some {
		t.Error("ept among the vmx flags is not seen")
	}
}

func TestBigLittle(t *testing.T) {
	info := parse(t, arm(0, 0x41, 0, 0xd03, 4)+arm(1, 0x41, 0, 0xd03, 4)+arm(4, 0x41, 1, 0xd07, 0)+"Hardware\t: Board\nRevision\t: 0001\nSerial\t\t: 5ecre7\n")
	a53 := facts.ArmCore{MIDR: "0x410fd034", Implementer: 0x41, Part: 0xd03, Revision: 4, RevisionKnown: true, Name: "Cortex-A53", CPUs: "0-1", Count: 2}
	a57 := facts.ArmCore{MIDR: "0x411fd070", Implementer: 0x41, Part: 0xd07, Variant: 1, RevisionKnown: true, Name: "Cortex-A57", CPUs: "4", Count: 1}
	want := &Arm{Cores: []facts.ArmCore{a53, a57}, CoresCertain: true, Boot: &a53, Architecture: 8, Hardware: "Board",
		Features: Features{All: []string{"asimd", "fp"}, Any: []string{"asimd", "fp"}}}
	if diff := cmp.Diff(want, info.Arm); diff != "" || info.Arch != ArchArm || info.X86 != nil || info.CPUs.String() != "0-1,4" {
		t.Errorf("%+v %s", info, diff)
	}
	if s := fmt.Sprintf("%+v %+v", info, info.Arm); strings.Contains(s, "5ecre7") {
		t.Error("the serial number is shown")
	}
}

// One block below several processors is that of an unknown one of them.
func TestSharedBlock(t *testing.T) {
	block := "Features\t: half thumb neon lpae \nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU variant\t: 0x0\nCPU part\t: 0xc07\nCPU revision\t: 3\n"
	for _, text := range []string{
		"Processor\t: ARMv7 Processor rev 3 (v7l)\nprocessor\t: 0\nBogoMIPS\t: 38.40\n\nprocessor\t: 1\nBogoMIPS\t: 38.40\n\n" + block + "\nHardware\t: X\n",
		"processor\t: 0\nprocessor\t: 1\n" + block,
	} {
		info := parse(t, text)
		want := []facts.ArmCore{{MIDR: "0x410fc073", Implementer: 0x41, Part: 0xc07, Revision: 3, RevisionKnown: true, Name: "Cortex-A7"}}
		if diff := cmp.Diff(want, info.Arm.Cores); diff != "" {
			t.Error(diff)
		}
		if info.Arm.CoresCertain || info.Arm.Uncertain != 2 || info.Arm.Boot != nil || info.Processors != 2 {
			t.Errorf("%+v", info.Arm)
		}
		if every, _ := info.Arm.Features.Has("lpae"); !every {
			t.Error("the features below are not those of all")
		}
	}
	// The same block with one processor, or with none, is that processor's.
	for _, text := range []string{"processor\t: 0\n\n" + block, "Processor\t: ARMv7\nBogoMIPS\t: 1\n" + block} {
		info := parse(t, text)
		if info.Processors != 1 || !info.Arm.CoresCertain || info.Arm.Boot == nil || info.Arm.Cores[0].CPUs != "0" {
			t.Errorf("%q: %+v", text, info.Arm)
		}
	}
}

func TestArchitectures(t *testing.T) {
	for text, want := range map[string]int{"8": 8, "AArch64": 8, "7": 7, "7M": 7, "6TEJ": 6, "5TEJ": 5, "5TE": 5, "4T": 4, "?(11)": 0, "": 0, "80": 0} {
		info := parse(t, strings.Replace(arm(0, 0x41, 0, 0xd03, 4), "architecture: 8", "architecture: "+text, 1))
		if info.Arm.Architecture != want || (want == 0) != (len(info.Problems) > 0) {
			t.Errorf("%q: %d, %v", text, info.Arm.Architecture, info.Problems)
		}
		if (info.Arm.Cores[0].MIDR != "") != (want >= 7) {
			t.Errorf("%q: MIDR %q", text, info.Arm.Cores[0].MIDR)
		}
	}
}

func TestOtherArchitectures(t *testing.T) {
	for _, tc := range []struct {
		arch, text string
		processors int
	}{
		{"s390x", "vendor_id       : IBM/S390\n# processors    : 2\nfeatures\t: esan3 zarch\nprocessor 0: version = FF,  identification = 1,  machine = 2817\nprocessor 1: version = FF,  identification = 1,  machine = 2817\n\ncpu number      : 0\n", 2},
		{"ia64", "processor  : 0\nvendor     : GenuineIntel\narch       : IA-64\nfamily     : 31\nmodel      : 2\n\n", 1},
		{"ppc", "processor\t: 0\ncpu\t\t: POWER9, altivec supported\n\ntimebase\t: 512000000\nplatform\t: PowerNV\n", 1},
		{"riscv64", "processor\t: 0\nhart\t\t: 2\nisa\t\t: rv64imafdc\nmmu\t\t: sv39\n\n", 1},
		{"loongarch64", "system type\t\t: generic-loongson-machine\n\nprocessor\t\t: 0\nCPU Family\t\t: Loongson-64bit\nISA\t\t\t: loongarch32 loongarch64\n", 1},
		{"mips", "system type\t\t: MediaTek MT7621\nprocessor\t\t: 0\ncpu model\t\t: MIPS 1004Kc V2.15\nASEs implemented\t: mips16 dsp mt\n", 1},
		{"parisc", "processor\t: 0\ncpu family\t: PA-RISC 2.0\n", 1},
		{"", "processor\t: 0\n", 1},
	} {
		info := parse(t, tc.text)
		if info.Arch != tc.arch || info.Processors != tc.processors || info.X86 != nil || info.Arm != nil {
			t.Errorf("%s: %+v", tc.arch, info)
		}
	}
}

func TestDamaged(t *testing.T) {
	good := x86(0, 6, 85, 4, "Xeon", "fpu vmx lm")
	for _, tc := range []struct {
		name, text         string
		processors, unread int
		problem            string // part of the first one; empty for none
	}{
		{"whole", good + x86(1, 6, 85, 4, "Xeon", "fpu vmx lm"), 2, 0, ""},
		{"cut in the flags", good + "processor\t: 1\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Xeon\nstepping\t: 4\nflags\t\t: fpu vm", 2, 0, "line 18: the last line does not end"},
		{"cut in the stepping", good + "processor\t: 1\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Xeon\nstepping\t: 1", 2, 1, "line 17"},
		{"cut in the name", good + "processor\t: 1\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Xe", 2, 1, "line 16"},
		{"cut in the number", good + "processor\t: 1", 2, 1, "line 12"},
		{"not UTF-8", strings.ReplaceAll(good, "Xeon", "Xe\xffon"), 1, 0, "line 5: not UTF-8"},
		{"flags not UTF-8", strings.ReplaceAll(good, "lm", "\xff"), 1, 0, "line 8: flags: not UTF-8"},
		{"no family", strings.ReplaceAll(good, "cpu family\t: 6\n", ""), 1, 1, "line 1: this processor lacks"},
		{"family is a word", strings.ReplaceAll(good, ": 6\n", ": six\n"), 1, 1, `line 3: cpu family is "six"`},
		{"twice", good + good, 1, 0, "line 12: processor 0 is listed twice"},
		{"far beyond", strings.ReplaceAll(good, "processor\t: 0", "processor\t: 99999999"), 1, 0, "line 1"},
		{"both", good + arm(1, 0x41, 0, 0xd03, 4), 2, 0, "line 18: this processor lacks"},
	} {
		info := parse(t, tc.text)
		unread := 0
		if info.X86 != nil {
			unread = info.X86.Unidentified
		}
		if info.Processors != tc.processors || unread != tc.unread {
			t.Errorf("%s: %d processors, %d unidentified", tc.name, info.Processors, unread)
		}
		first := ""
		if len(info.Problems) > 0 {
			first = info.Problems[0].String()
		}
		if tc.name != "both" && (!strings.HasPrefix(first, tc.problem) || tc.problem == "" && first != "") {
			t.Errorf("%s: problem %q, want %q", tc.name, first, tc.problem)
		}
	}
	// A cut list of flags takes nothing away from the other processors, but
	// cannot speak for all.
	info := parse(t, good+"processor\t: 1\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Xeon\nstepping\t: 4\nflags\t\t: fpu vm")
	if every, some := info.X86.Flags.Has("vmx"); every || !some || info.X86.Flags.Silent != 1 {
		t.Errorf("%+v", info.X86.Flags)
	}
	if info := parse(t, good+arm(1, 0x41, 0, 0xd03, 4)); info.Arch != "" || info.X86 != nil || info.Arm != nil {
		t.Errorf("x86 and Arm at once: %+v", info)
	}
	// Of the core of an Arm record whose revision may be cut, that is said.
	cut := strings.TrimSpace(arm(0, 0x41, 0, 0xd03, 4))
	if info := parse(t, cut); len(info.Arm.Cores) != 1 || len(info.Problems) != 1 {
		t.Errorf("%+v %v", info.Arm, info.Problems)
	}
	if info := parse(t, cut[:strings.LastIndex(cut, "\n")+1]); len(info.Arm.Cores) != 0 || info.Arm.CoresCertain || info.Arm.Uncertain != 1 {
		t.Errorf("without its revision: %+v", info.Arm)
	}
}

func TestNothing(t *testing.T) {
	for _, text := range []string{"", "\n\n", "hello\n", "%PDF-1.4\x00\xff", strings.Repeat("x", 200000)} {
		if info, err := Parse(strings.NewReader(text)); !errors.Is(err, ErrNoProcessors) || info == nil {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	boom := errors.New("boom")
	info, err := Parse(io.MultiReader(strings.NewReader(x86(0, 6, 85, 4, "Xeon", "fpu")), iotest.ErrReader(boom)))
	if !errors.Is(err, boom) || info.Processors != 1 || info.X86 == nil {
		t.Errorf("%v, %+v", err, info)
	}
}

func TestLongLine(t *testing.T) {
	info := parse(t, x86(0, 6, 85, 4, "Xeon", strings.Repeat("flag ", 20000))+x86(1, 6, 85, 4, "Xeon", "vmx"))
	if info.Processors != 2 || info.X86.Flags.Silent != 1 || len(info.Problems) != 1 || info.Problems[0].Line != 8 {
		t.Errorf("%+v", info)
	}
}

func TestTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 256 MiB")
	}
	endless := io.LimitReader(zeros{}, 300<<20)
	if _, err := Parse(endless); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Whatever the text, every processor is counted once: in a model or a core, or
// as unidentified.
func FuzzParse(f *testing.F) {
	f.Add([]byte(x86(0, 6, 85, 4, "Xeon", "fpu vmx") + x86(1, 6, 85, 7, "Xeon", "fpu")))
	f.Add([]byte(arm(0, 0x41, 0, 0xd03, 4) + arm(1, 0x41, 1, 0xd07, 0)))
	f.Add([]byte("processor\t: 0\nprocessor\t: 1\n" + strings.TrimPrefix(arm(0, 0x41, 0, 0xd03, 4), "processor\t: 0\n")))
	f.Add([]byte("vendor_id : IBM/S390\nprocessor 0: version = FF\n"))
	f.Add([]byte(x86(0, 6, 85, 4, "Xeon", "fpu") + "processor\t: 1\nflags\t: fp"))
	f.Fuzz(func(t *testing.T, text []byte) {
		info, err := Parse(bytes.NewReader(text))
		if err == nil && info.Processors == 0 {
			t.Fatal("no processors and no error")
		}
		if info.CPUs.Len() > info.Processors {
			t.Fatalf("%d numbers for %d processors", info.CPUs.Len(), info.Processors)
		}
		if x := info.X86; x != nil {
			sum := x.Unidentified
			for _, m := range x.Models {
				sum += m.CPUs
				if m.CPUs < 1 || m.Vendor == "" {
					t.Fatalf("model %+v", m)
				}
			}
			if sum != info.Processors || x.Unidentified < 0 {
				t.Fatalf("%d of %d processors counted", sum, info.Processors)
			}
			subset(t, x.Flags)
		}
		if a := info.Arm; a != nil {
			sum := a.Uncertain
			for _, c := range a.Cores {
				sum += c.Count
			}
			if sum != info.Processors || a.Uncertain < 0 || a.CoresCertain && a.Uncertain != 0 {
				t.Fatalf("%d of %d processors counted: %+v", sum, info.Processors, a)
			}
			subset(t, a.Features)
		}
	})
}

func subset(t *testing.T, f Features) {
	t.Helper()
	any := map[string]bool{}
	for _, n := range f.Any {
		any[n] = true
	}
	for _, n := range f.All {
		if !any[n] {
			t.Fatalf("%q is on all processors and on none", n)
		}
	}
}

func BenchmarkParse4096(b *testing.B) {
	flags := strings.TrimSpace(strings.Repeat("some_flag fpu vmx ", 10))
	for i := range 180 {
		flags += fmt.Sprintf(" feature_%d", i)
	}
	var text bytes.Buffer
	for n := range 4096 {
		text.WriteString(x86(n, 6, 207, 2, "INTEL(R) XEON(R) PLATINUM 8592+", flags))
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		info, err := Parse(bytes.NewReader(text.Bytes()))
		if err != nil || info.Processors != 4096 {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseArm4096(b *testing.B) {
	var text bytes.Buffer
	for n := range 4096 {
		text.WriteString(arm(n, 0x41, 0, 0xd03+n%2*4, 4))
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if info, err := Parse(bytes.NewReader(text.Bytes())); err != nil || len(info.Arm.Cores) != 2 {
			b.Fatal(err)
		}
	}
}
