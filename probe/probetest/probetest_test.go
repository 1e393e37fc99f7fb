package probetest

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fdt"
)

// recipe writes machines by name into a directory, and loads the first.
func recipe(t *testing.T, named ...string) (*Machine, error) {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(named); i += 2 {
		if err := os.MkdirAll(filepath.Join(dir, named[i]), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, named[i], Recipe), []byte(named[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(filepath.Join(dir, named[0]))
}

func TestRecipe(t *testing.T) {
	m, err := recipe(t, "b", `A machine.

-- like a --
-- /proc/cpuinfo --
one
-- /proc/cpuinfo --
%for 0-1,5
cpu {n} {x}
%end
-- /sys/cpu{n}/id for 0,12 --
number {n} 0x{x}
-- /sys/block/memory{n}/ for 0-2 --
-- /old absent --
-- /self link --
target
-- /secret denied --
-- /var hex --
06 00
ff
-- uname(2) --
Linux
`, "a", `Another.

-- /proc/cpuinfo --
other
-- /old/file --
x
-- /kept --
kept
`)
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		b, err := m.ReadFile(name, 1<<20)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	list := func(name string) string {
		names, err := m.ReadDir(name, 100)
		if err != nil {
			return err.Error()
		}
		return strings.Join(names, " ")
	}
	link, err := m.ReadLink("/self")
	if err != nil {
		t.Error(err)
	}
	got := map[string]string{
		"cpuinfo": read("/proc/cpuinfo"), "id": read("/sys/cpu12/id"), "kept": read("/kept"), "old": read("/old/file"),
		"secret": read("/secret"), "var": read("/var"), "uname": read("uname(2)"), "directory": read("/proc"),
		"blocks": list("/sys/block"), "sys": list("/sys"), "top": list("/"), "none": list("/none"), "a file": list("/kept"), "link": link,
	}
	want := map[string]string{
		"cpuinfo": "one\ncpu 0 0\ncpu 1 1\ncpu 5 5\n", "id": "number 12 0xc\n", "kept": "kept\n", "old": fs.ErrNotExist.Error(),
		"secret": fs.ErrPermission.Error(), "var": "\x06\x00\xff", "uname": "Linux\n", "directory": "is a directory",
		"blocks": "memory0 memory1 memory2", "sys": "block cpu0 cpu12", "top": "kept proc secret self sys var", "none": fs.ErrNotExist.Error(),
		"a file": "not a directory", "link": "target",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := m.ReadFile("/kept", 2); err == nil {
		t.Error("a file of five bytes was read within a limit of two")
	}
	if _, err := m.ReadDir("/sys/block", 2); err == nil {
		t.Error("three names were listed within a limit of two")
	}
	if _, err := m.ReadLink("/kept"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading a file as a link: %v", err)
	}
}

func TestDamagedRecipes(t *testing.T) {
	for name, text := range map[string]string{
		"path":         "-- /a/../b --\nx\n",
		"top":          "-- / --\n",
		"way":          "-- /a xml --\nx\n",
		"words":        "-- /a hex for --\n00\n",
		"list":         "-- /a{n} for 3-1 --\n",
		"huge list":    "-- /a{n} for 0-99999999 --\n",
		"end":          "-- /a --\n%end\n",
		"for":          "-- /a --\n%for 0-1\n",
		"nested":       "-- /a --\n%for 0-1\n%for 0-1\n%end\n%end\n",
		"hex":          "-- /a hex --\nxyz\n",
		"like itself":  "-- like m --\n",
		"like nobody":  "-- like nobody --\n",
		"no tree":      "-- /fdt dts --\nmodel = 1;\n",
		"node":         "-- /fdt dts --\n/ { a { };\n",
		"reference":    "-- /fdt dts --\n/ { a = <&nobody>; };\n",
		"order":        "-- /fdt dts --\n/ { a { }; b; };\n",
		"label":        "-- /fdt dts --\n/ { l: a { }; l: b { }; };\n",
		"cell":         "-- /fdt dts --\n/ { a = <x>; };\n",
		"byte":         "-- /fdt dts --\n/ { a = [100]; };\n",
		"string":       "-- /fdt dts --\n/ { a = \"b; };\n",
		"comment":      "-- /fdt dts --\n/ { /* };\n",
		"behind":       "-- /fdt dts --\n/ { }; / { };\n",
		"entry":        "-- /t/APIC acpi --\nlocal_sapic 0\n",
		"number":       "-- /t/APIC acpi --\nlocal_apic zero\n",
		"too much":     "-- /t/DMAR acpi --\ndrhd 0 most\n",
		"too short":    "-- /t/SRAT acpi --\nmemory 0\n",
		"id":           "-- /t/APIC acpi --\nlocal_apic 255\n",
		"other table":  "-- /t/FACP acpi --\nx 1\n",
		"structure":    "-- /dmi/ smbios --\ncache 1MiB\n",
		"quote":        "-- /dmi/ smbios --\nsystem \"A\n",
		"size":         "-- /dmi/ smbios --\nmodule 1PiB\n",
		"SMBIOS path":  "-- /dmi smbios --\nmodule 1GiB\n",
		"named number": "-- /t/IVRS acpi --\nivhd 0x10 base\n",
	} {
		if _, err := recipe(t, "m", "A machine.\n\n"+text); err == nil {
			t.Errorf("%s: nothing is wrong with %q", name, text)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]uint64{"0": 0, "12": 12, "0x10": 16, "4KiB": 4096, "3GiB": 3 << 30, "12TiB": 12 << 40, "16 MiB": 16 << 20} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("%q is %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "GiB", "1.5GiB", "-1", "99999999999999TiB", "1GB"} {
		if n, err := ParseSize(in); err == nil {
			t.Errorf("%q is %d", in, n)
		}
	}
}

// hosts are the machines of the project.
func hosts(t *testing.T) []*Machine {
	t.Helper()
	all, err := All("../../testdata/hosts")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d machines", len(all))
	}
	return all
}

// dtc makes the same trees of the same sources.
func TestAgainstDTC(t *testing.T) {
	dtc, err := exec.LookPath("dtc")
	if err != nil {
		t.Skip("dtc is not installed")
	}
	sources := map[string]string{"all forms": `/dts-v1/;
/ {
	// a comment
	#address-cells = <2>; /* another
	one */
	a,b = "x", "y z", <1 0xffffffff>, [00 ff];
	empty;
	interrupt-parent = <&one>;
	list = <>;
	two: node@1,0 { ref = <&one 5 &two>; one: inner { }; };
};
`}
	for _, m := range hosts(t) {
		for name, source := range m.Sources {
			if strings.HasSuffix(name, "/fdt") {
				sources[m.Name] = source
			}
		}
	}
	compared := 0
	for name, source := range sources {
		ours, err := DeviceTree(source)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(source, "/dts-v1/") {
			source = "/dts-v1/;\n" + source
		}
		cmd := exec.Command(dtc, "-q", "-I", "dts", "-O", "dtb")
		cmd.Stdin = strings.NewReader(source)
		theirs, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: dtc: %v", name, err)
			continue
		}
		if d := cmp.Diff(properties(t, theirs), properties(t, ours)); d != "" {
			t.Errorf("%s (-dtc +ours):\n%s", name, d)
		}
		compared++
	}
	t.Logf("%d device trees are those of dtc", compared)
	if compared < 20 {
		t.Errorf("only %d trees were compared", compared)
	}
}

func properties(t *testing.T, blob []byte) []string {
	t.Helper()
	tree, err := fdt.Parse(blob)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := range tree.All() {
		all = append(all, n.Path())
		for _, p := range n.Properties {
			all = append(all, n.Path()+": "+p.Name+" = "+string(p.Value))
		}
	}
	slices.Sort(all)
	return all
}
