package armcore

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestParseMIDR(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want MIDR // zero: refused
	}{
		{"0x00000000410fd034", 0x410fd034},
		{"0x410fd034", 0x410fd034},
		{"410fd034", 0x410fd034},
		{" 0X410FD034\n", 0x410fd034},
		{"0x0000000000000000", 0},
		{"0x100000000410fd03", 0},
		{"0x00000001410fd034", 0},
		{"", 0},
		{"0x", 0},
		{"-410fd034", 0},
		{"+410fd034", 0},
		{"410f_d034", 0},
		{"cortex-a53", 0},
		{strings.Repeat("0", 100) + "1", 0},
	} {
		got, err := ParseMIDR(tc.in)
		if (err == nil) != (tc.want != 0) || got != tc.want {
			t.Errorf("ParseMIDR(%q) = %v, %v; want %v", tc.in, got, err, tc.want)
		}
	}
}

func TestMIDRFields(t *testing.T) {
	m := MIDR(0x411fd072)
	if m.Implementer() != 0x41 || m.Variant() != 1 || m.Architecture() != 15 || m.Part() != 0xd07 || m.Revision() != 2 {
		t.Errorf("fields of %v are wrong", m)
	}
	if m.Stepping() != "r1p2" || m.String() != "0x411fd072" {
		t.Errorf("%v %v", m, m.Stepping())
	}
	if n := New(0x41, 1, 0xd07, 2); n != m {
		t.Errorf("New = %v, want %v", n, m)
	}
}

func FuzzParseMIDR(f *testing.F) {
	f.Add("0x00000000410fd034")
	f.Add("410FD034")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMIDR(s)
		if err != nil {
			return
		}
		again, err := ParseMIDR(m.String())
		if err != nil || again != m {
			t.Fatalf("%q gives %v, which gives %v, %v", s, m, again, err)
		}
		if m.Architecture() == architectureByID && New(m.Implementer(), m.Variant(), m.Part(), m.Revision()) != m {
			t.Fatalf("%v does not survive being taken apart", m)
		}
	})
}

func TestMatch(t *testing.T) {
	const unknownPart = 0xfff
	for _, tc := range []struct {
		name              string
		implementer, part int
		matches, known    bool
	}{
		{"Cortex A57", 0x41, 0xd07, true, true},
		{"cortex-a57", 0x41, 0xd07, true, true},
		{"ARM Cortex-A57", 0x41, 0xd07, true, true},
		{"Cortex A57", 0x41, 0xd08, false, true},
		{"Cortex A5", 0x41, 0xd07, false, true},
		{"Cortex A77", 0x41, 0xd0d, true, true},
		{"ARM Neoverse N1", 0x41, 0xd0c, true, true},
		{"Cortex-X1C", 0x41, 0xd4c, true, true},
		{"Cortex-X1", 0x41, 0xd4c, false, true},
		{"Cortex-R52", 0x41, 0xd16, false, true},
		{"Cortex-R52+", 0x41, 0xd16, true, true},
		{"ARM926", 0x41, 0x926, true, true},
		{"ARM ARM926", 0x41, 0x926, true, true},
		{"Cortex-A12", 0x41, 0xc0d, true, true},
		{"Cortex-A17", 0x41, 0xc0d, true, true},
		{"Cortex-A12", 0x41, 0xc0e, false, true},
		{"Cavium ThunderX", 0x43, 0x0a1, true, true},
		{"ThunderX2", 0x42, 0x516, true, true},
		{"ThunderX2", 0x43, 0x0a1, false, true},
		{"Qualcomm Falkor-V1", 0x51, 0x800, true, true},
		{"Kryo", 0x51, 0x800, true, true},
		{"Falkor", 0x51, 0x800, false, true},

		// A name with a part of its own is no other part, however new that is.
		{"Cortex A57", 0x41, unknownPart, false, true},
		{"Cortex A57", 0x62, unknownPart, false, true},
		// Neither is known: the part may have that name.
		{"Cortex-Q99", 0x41, unknownPart, false, false},
		// A part with a name of its own is no core of another name.
		{"Cortex-Q99", 0x41, 0xd07, false, true},
		// Nor is another company's part, whoever made it.
		{"Cortex-Q99", 0x62, unknownPart, false, true},
		// A product's name may be that of any core.
		{"Graviton3", 0x41, 0xd40, false, false},
		{"Firestorm", 0x61, 0x023, true, true},
		{"ThunderX2", 0x43, 0x0af, true, true},
		{"AmpereOne", 0xc0, 0xac3, true, true},
		// Licensees count revisions their own way.
		{"Cortex A77", 0x48, 0xd41, false, false},
		{"Cortex A76", 0x48, 0xd41, false, true},
		{"Neoverse N2", 0x6d, 0xd49, false, false},
		{"Azure Cobalt 100", 0x6d, 0xd49, true, true},

		{"", 0x41, 0xd07, false, false},
		{"–", 0x41, unknownPart, false, false},
	} {
		matches, known := Match(tc.name, tc.implementer, tc.part)
		if matches != tc.matches || known != tc.known {
			t.Errorf("Match(%q, %#x, %#x) = %v, %v; want %v, %v", tc.name, tc.implementer, tc.part, matches, known, tc.matches, tc.known)
		}
	}
}

// Every core answers to its own name, alone and after its vendor's, and no
// core is listed twice.
func TestTable(t *testing.T) {
	seen := map[id]bool{}
	for _, e := range table {
		if seen[id{e.implementer, e.part}] {
			t.Errorf("%#x/%#x is listed twice", e.implementer, e.part)
		}
		seen[id{e.implementer, e.part}] = true
		vendor := Implementer(e.implementer)
		if vendor == "" {
			t.Errorf("%#x has no name", e.implementer)
		}
		if e.core().Architecture() == 0 {
			t.Errorf("%s has no architecture", e.name)
		}
		if borrowed(e) {
			continue
		}
		for _, name := range []string{e.name, vendor + " " + e.name} {
			if m, known := Match(name, e.implementer, e.part); !m || !known {
				t.Errorf("Match(%q, %#x, %#x) = %v, %v", name, e.implementer, e.part, m, known)
			}
		}
	}
	for _, list := range [][]alias{aliases[:], licensed[:]} {
		for _, a := range list {
			if !seen[id{a.implementer, a.part}] {
				t.Errorf("%q is a name of the unlisted %#x/%#x", a.name, a.implementer, a.part)
			}
		}
	}
}

func TestProperties(t *testing.T) {
	for _, tc := range []struct {
		implementer, part int
		architecture      int
		profile           Profile
		virt, known       bool
	}{
		{0x41, 0xc05, 7, Application, false, true}, // A5
		{0x41, 0xc07, 7, Application, true, true},  // A7
		{0x41, 0xc08, 7, Application, false, true}, // A8
		{0x41, 0xc09, 7, Application, false, true}, // A9
		{0x41, 0xc0d, 7, Application, true, true},  // A12
		{0x41, 0xc0e, 7, Application, true, true},  // A17
		{0x41, 0xc0f, 7, Application, true, true},  // A15
		{0x42, 0x00f, 7, Application, true, true},  // Brahma-B15
		{0x51, 0x06f, 7, Application, false, false},
		{0x56, 0x584, 7, Application, false, false},
		{0x41, 0xb76, 6, NoProfile, false, true},
		{0x41, 0xc60, 6, Microcontroller, false, true},
		{0x41, 0xd03, 8, Application, false, false},
		{0x41, 0xd13, 8, RealTime, false, false},
		{0x41, 0xd16, 8, RealTime, false, false},
		{0x41, 0xd15, 8, RealTime, false, false},
	} {
		c, ok := Lookup(tc.implementer, tc.part)
		virt, known := c.VirtualizationExtensions()
		if !ok || c.Architecture() != tc.architecture || c.Profile() != tc.profile || virt != tc.virt || known != tc.known {
			t.Errorf("%#x/%#x: %+v, architecture %d, profile %c, extensions %v, %v", tc.implementer, tc.part, c, c.Architecture(), c.Profile(), virt, known)
		}
	}
	var none Core
	if _, known := none.VirtualizationExtensions(); known || none.Architecture() != 0 || none.Profile() != NoProfile {
		t.Error("the zero Core claims to know something")
	}
}

func TestFromCompatible(t *testing.T) {
	for _, tc := range []struct {
		compatible        string
		implementer, part int // zero: none in particular
		architecture      int
	}{
		{"arm,cortex-a57", 0x41, 0xd07, 8},
		{"arm,cortex-a53", 0x41, 0xd03, 8},
		{"arm,cortex-a72", 0x41, 0xd08, 8},
		{"arm,cortex-a76ae", 0x41, 0xd0e, 8},
		{"arm,neoverse-n1", 0x41, 0xd0c, 8},
		{"arm,cortex-a12", 0x41, 0xc0d, 7},
		{"arm,cortex-a17", 0x41, 0xc0e, 7},
		{"arm,cortex-r52", 0x41, 0xd13, 8},
		{"arm,arm926ej-s", 0x41, 0x926, 5},
		{"arm,arm1176jzf-s", 0x41, 0xb76, 6},
		{"arm,cortex-m0+", 0x41, 0xc60, 6},
		{"nvidia,tegra186-denver", 0x4e, 0x003, 8},
		{"brcm,brahma-b53", 0x42, 0x100, 8},
		{"arm,armv8", 0, 0, 8},
		{"qcom,kryo385", 0, 0, 8},
		{"qcom,kryo685", 0, 0, 8},
		{"qcom,krait", 0, 0, 7},
		{"marvell,sheeva-v7", 0, 0, 7},
		{"cavium,thunder", 0, 0, 8},
		{"apple,icestorm", 0, 0, 8},
		{"riscv", 0, 0, 0},
		{"Cortex-A57", 0, 0, 0},
		{"", 0, 0, 0},
	} {
		c, ok := FromCompatible(tc.compatible)
		if ok != (tc.part != 0) || c.Implementer != tc.implementer || c.Part != tc.part {
			t.Errorf("FromCompatible(%q) = %+v, %v", tc.compatible, c, ok)
		}
		if a := CompatibleArchitecture(tc.compatible); a != tc.architecture {
			t.Errorf("CompatibleArchitecture(%q) = %d, want %d", tc.compatible, a, tc.architecture)
		}
	}
	for _, b := range bindings {
		if got := len(Candidates(b.compatible)); got != len(b.cores) {
			t.Errorf("%s stands for %d cores, %d of them in the table", b.compatible, len(b.cores), got)
		}
	}
}

// lscpu is asked for the name of every possible part of every implementer.
func TestNamesAgainstLscpu(t *testing.T) {
	lscpu, err := exec.LookPath("lscpu")
	if err != nil {
		t.Skip("lscpu is not installed")
	}
	if testing.Short() {
		t.Skip("asks lscpu for 77,824 parts")
	}
	// lscpu reads at most this many CPUs, and leaves part 0 without a name.
	const atOnce = 2048
	named, newer := 0, 0
	for _, v := range implementers {
		for first := 1; first < 1<<12; first += atOnce {
			theirs := askLscpu(t, lscpu, v.code, first, min(atOnce, 1<<12-first))
			for part := first; part < min(first+atOnce, 1<<12); part++ {
				c, ok := Lookup(v.code, part)
				switch name := theirs[part]; {
				case name == "" && ok:
					newer++ // or lscpu is older than the core
				case name == "":
				case c.Name != name:
					t.Errorf("%#x/%#x: %q, lscpu says %q", v.code, part, c.Name, name)
				default:
					named++
				}
			}
		}
	}
	t.Logf("%d names agree with lscpu, %d it does not know", named, newer)
	if named < 100 {
		t.Errorf("lscpu named only %d parts: its output was not understood", named)
	}
}

// askLscpu returns lscpu's model names by part number. The part is passed
// through the revision, which lscpu prints as the model.
func askLscpu(t *testing.T, lscpu string, implementer, first, n int) map[int]string {
	t.Helper()
	root := t.TempDir()
	var cpuinfo bytes.Buffer
	for i := range n {
		fmt.Fprintf(&cpuinfo, "processor\t: %d\nCPU implementer\t: %#x\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: %#03x\nCPU revision\t: %d\n\n", i, implementer, first+i, first+i)
	}
	files := map[string]string{"proc/cpuinfo": cpuinfo.String()}
	for _, f := range []string{"possible", "present", "online"} {
		files["sys/devices/system/cpu/"+f] = fmt.Sprintf("0-%d\n", n-1)
	}
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(lscpu, "--sysroot", root)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("lscpu does not read a foreign root: %v", err)
	}
	names := map[int]string{}
	name := ""
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "Model name":
			name = value
		case "Model":
			if part, err := strconv.Atoi(value); err == nil && name != "-" && name != "unknown" {
				names[part] = name
			}
		}
	}
	return names
}
