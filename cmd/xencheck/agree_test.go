//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
)

// recordedArchives are the archives of testdata/hosts.
func recordedArchives(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../../testdata/hosts/*/*.tar.gz")
	if err != nil || len(all) < 15 {
		t.Fatalf("%d recorded machines, %v", len(all), err)
	}
	return all
}

// said runs a command and returns what it wrote, with its exit code.
func said(t *testing.T, args ...string) (string, report.ExitCode) {
	t.Helper()
	s, out, errs := fake(nil)
	code := run(args, s)
	if code == report.ExitInternal || code == report.ExitUsage {
		t.Fatalf("%v: exit code %d: %s", args, code, errs)
	}
	return out.String(), code
}

// The text says what the JSON says: rendered from it, it is the same, and so is
// the exit code.
func TestTextAndJSONAgree(t *testing.T) {
	for _, file := range recordedArchives(t) {
		text, code := said(t, "check", "-v", "--root", file)
		object, other := said(t, "check", "--root", file, "--format", "json")
		kept := filepath.Join(t.TempDir(), "report.json")
		if err := os.WriteFile(kept, []byte(object), 0o600); err != nil {
			t.Fatal(err)
		}
		rendered, third := said(t, "render", "-v", kept)
		if code != other || code != third {
			t.Errorf("%s: exit codes %d as text, %d as JSON, %d rendered", file, code, other, third)
		}
		if text != rendered {
			t.Errorf("%s: the text differs from that of the JSON", file)
		}
	}
}

// The hundredth run says what the first one said, byte for byte, whatever order
// maps and goroutines choose.
func TestHundredthRun(t *testing.T) {
	for _, name := range []string{"xen-x86-amdvi", "qemu-arm64-smmuv3"} {
		files, err := filepath.Glob("../../testdata/hosts/" + name + "/*.tar.gz")
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", name, files, err)
		}
		first, _ := said(t, "check", "--root", files[0], "--format", "json")
		runs := 100
		if testing.Short() {
			runs = 5
		}
		for i := 2; i <= runs; i++ {
			if again, _ := said(t, "check", "--root", files[0], "--format", "json"); again != first {
				t.Fatalf("%s: run %d differs from the first", name, i)
			}
		}
	}
}

const collectsAs = "XENCHECK_TEST_COLLECTS" // set in the process that has no privileges

// TestUnprivilegedChild is the other process of TestPrivilegesOnlyAdd.
func TestUnprivilegedChild(t *testing.T) {
	if os.Getenv(collectsAs) == "" {
		t.Skip("it runs in a process of its own, which TestPrivilegesOnlyAdd starts")
	}
	h, err := probe.Collect(t.Context(), probe.Options{Tool: "xencheck", Now: hostsNow, Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.Write(&b, h); err != nil {
		t.Fatal(err)
	}
	os.Stdout.Write(b.Bytes())
	os.Exit(0)
}

// On this very machine, root and somebody without privileges are told the same,
// but for what the latter cannot read.
func TestPrivilegesOnlyAdd(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can run both ways")
	}
	h, err := probe.Collect(t.Context(), probe.Options{Tool: "xencheck", Now: hostsNow, Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	// Where the test lies, others may not look: they get a copy.
	dir, err := os.MkdirTemp("", "unprivileged")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "xencheck.test")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "-test.run", "^TestUnprivilegedChild$", "-test.count", "1")
	c.Dir, c.Env = "/", append(os.Environ(), collectsAs+"=1")
	c.SysProcAttr = nobody()
	out, err := c.Output()
	if err != nil {
		t.Skipf("nobody cannot run the test here: %v", err)
	}
	u, err := report.DecodeHost(out)
	if err != nil {
		t.Fatal(err)
	}
	root, user := jsonTree(t, h), jsonTree(t, u)
	compared := 0
	differ(root, user, "", func(place string, a, b map[string]any) {
		compared++
		if b["state"] == "unknown" || a["state"] == b["state"] && same(a["value"], b["value"]) {
			return
		}
		// Memory is narrowed by what root alone reads, and what is free changes.
		if strings.HasPrefix(place, ".memory") || a["state"] == string(facts.Unknown) {
			return
		}
		t.Errorf("%s: %v, %v for root; %v, %v for nobody", place, a["state"], a["value"], b["state"], b["value"])
	})
	if compared < 20 {
		t.Errorf("only %d facts were compared", compared)
	}
}

// differ visits every fact of two hosts.
func differ(a, b any, place string, visit func(place string, a, b map[string]any)) {
	x, ok := a.(map[string]any)
	y, same := b.(map[string]any)
	if !ok || !same {
		return
	}
	if _, is := x["state"]; is {
		visit(place, x, y)
		return
	}
	for k := range x {
		differ(x[k], y[k], place+"."+k, visit)
	}
}
