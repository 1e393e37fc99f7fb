package main

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

const confinedIn = "XENCHECK_TEST_CONFINED_IN" // a folder; set in the process that is confined

// attempts is what the confined process reports: what it could do.
type attempts struct {
	Read, WriteOutput, ReplaceOutput bool
	WriteElsewhere, MakeDir, Run     bool
	Connect                          bool
	Took                             time.Duration
}

// TestConfinedChild is the other process of TestConfined.
func TestConfinedChild(t *testing.T) {
	dir := os.Getenv(confinedIn)
	if dir == "" {
		t.Skip("it runs in a process of its own, which TestConfined starts")
	}
	output := filepath.Join(dir, "out", "report.json")
	started := time.Now()
	if err := confine([]string{output}); err != nil {
		t.Fatal(err)
	}
	a := attempts{Took: time.Since(started)}
	_, err := os.ReadFile("/proc/cpuinfo")
	a.Read = err == nil
	write := func(w io.Writer) error { _, err := io.WriteString(w, "{}\n"); return err }
	a.WriteOutput = replaceFile(output, write) == nil
	a.ReplaceOutput = replaceFile(output, write) == nil
	a.WriteElsewhere = os.WriteFile(filepath.Join(dir, "else"), nil, 0o644) == nil
	a.MakeDir = os.Mkdir(filepath.Join(dir, "out", "dir"), 0o755) == nil
	a.Run = exec.Command("/proc/self/exe", "-test.run", "NoSuchTest").Run() == nil
	c, err := net.DialTimeout("tcp", os.Getenv(confinedIn+"_PORT"), time.Second)
	if a.Connect = err == nil; a.Connect {
		c.Close()
	}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.Write(b)
	os.Exit(0) // what tests do at their end is not allowed here
}

// A confined process reads everything and writes beside its output; it writes
// nowhere else, starts no program and reaches no port.
func TestConfined(t *testing.T) {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		t.Skipf("this kernel has no Landlock: %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := exec.Command(os.Args[0], "-test.run", "^TestConfinedChild$", "-test.count", "1")
	c.Env = append(os.Environ(), confinedIn+"="+dir, confinedIn+"_PORT="+l.Addr().String())
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var a attempts
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	took := a.Took
	a.Took = 0
	want := attempts{Read: true, WriteOutput: true, ReplaceOutput: true}
	if abi < 4 {
		want.Connect = a.Connect // ports came with the fourth version
	}
	if a != want || took == 0 {
		t.Errorf("confined, a process can do %+v, want %+v\n%s", a, want, out)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "out", "report.json")); string(b) != "{}\n" {
		t.Errorf("output: %q, %v", b, err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "out")); len(left) != 1 {
		t.Errorf("beside the output lie %v", left)
	}
	t.Logf("Landlock version %d; confining takes %v", abi, took)
}
