package probe

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/probetest"
)

// TestMachinesAgainstLscpu compares the processors of every machine of the
// project with what lscpu reads from the same files: names and revisions of Arm
// cores, and vendor, family, model, stepping and virtualization of x86.
func TestMachinesAgainstLscpu(t *testing.T) {
	lscpu, err := exec.LookPath("lscpu")
	if err != nil {
		t.Skip("lscpu is not installed")
	}
	const hosts = "../testdata/hosts"
	files, err := probetest.Files(hosts, func(name string) bool {
		return name == "/proc/cpuinfo" || strings.HasPrefix(name, sysCPU+"/") && strings.Count(name, "/") == 5
	})
	if err != nil {
		t.Fatal(err)
	}
	compared := map[string]int{}
	for name := range files {
		host, ok := strings.CutSuffix(name, ": /proc/cpuinfo")
		if !ok || strings.HasPrefix(host, "container") || strings.HasSuffix(host, "7-cpus") || host == "no-sysfs" {
			continue // the same processors as elsewhere
		}
		if strings.HasPrefix(host, "domu") {
			continue // a guest's processors are not the host's, and no fact
		}
		root := t.TempDir()
		for name, b := range files {
			if path, ok := strings.CutPrefix(name, host+": "); ok {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd := exec.Command(lscpu, "--sysroot", root)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		out, err := cmd.Output()
		if err != nil {
			t.Skipf("lscpu does not read a foreign root: %v", err)
		}
		h := machineByName(t, filepath.Join(hosts, host))
		theirs := readByLscpu(string(out))
		for _, c := range processors(h, theirs) {
			if c.ours != c.theirs {
				t.Errorf("%s: %s is %q, lscpu says %q", host, c.what, c.ours, c.theirs)
			}
			compared[c.what]++
		}
	}
	t.Logf("compared: %v", compared)
	for _, what := range []string{"cores", "models", "VMX", "SVM", "brand"} {
		if compared[what] < 5 {
			t.Errorf("%s: %d machines were compared", what, compared[what])
		}
	}
}

func machineByName(t *testing.T, dir string) *facts.Host {
	t.Helper()
	o := Options{Root: filepath.Join(dir, probetest.Recording), Now: noon}
	if _, err := os.Stat(o.Root); err != nil {
		m, err := probetest.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		o = Options{FS: m, FSLive: true, Now: noon}
	}
	h, err := Collect(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// readByLscpu returns the groups of lscpu's text that begin with a model name,
// and first what stands before them.
func readByLscpu(text string) []map[string]string {
	groups := []map[string]string{{}}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if key == "Model name" {
			groups = append(groups, maps.Clone(groups[0]))
		}
		groups[len(groups)-1][key] = value
	}
	return groups
}

type comparison struct{ what, ours, theirs string }

// processors returns what both can tell of a machine.
func processors(h *facts.Host, theirs []map[string]string) []comparison {
	var ours, said []string
	if a := h.CPU.Arm; a != nil {
		for _, c := range a.Cores.Value {
			if c.Name != "" {
				ours = append(ours, fmt.Sprintf("%s r%dp%d", c.Name, c.Variant, c.Revision))
			}
		}
		for _, g := range theirs[1:] {
			if g["Model name"] != "-" {
				said = append(said, g["Model name"]+" "+g["Stepping"])
			}
		}
		return []comparison{{"cores", inOneLine(ours), inOneLine(said)}}
	}
	x := h.CPU.X86
	if len(x.Models.Value) == 0 {
		return []comparison{{"models", fmt.Sprint(x.Models.Problem), ""}}
	}
	m := x.Models.Value[0]
	g := theirs[len(theirs)-1]
	list := []comparison{
		{"models", fmt.Sprint(strings.TrimSpace(m.Vendor), " ", m.Family, " ", m.Model, " ", m.Stepping),
			fmt.Sprint(strings.TrimSpace(theirs[0]["Vendor ID"]), " ", g["CPU family"], " ", g["Model"], " ", g["Stepping"])},
		{"brand", m.Name, g["Model name"]},
	}
	if h.Machine.Kind.Value == facts.Dom0 {
		return list // Xen hides both from Linux, and tells us
	}
	// lscpu names one of the two, or none.
	if vmx, ok := x.VMX.Get(); ok {
		list = append(list, comparison{"VMX", fmt.Sprint(vmx), fmt.Sprint(g["Virtualization"] == "VT-x")})
	}
	if svm, ok := x.SVM.Get(); ok {
		list = append(list, comparison{"SVM", fmt.Sprint(svm), fmt.Sprint(g["Virtualization"] == "AMD-V")})
	}
	return list
}

func inOneLine(names []string) string {
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
