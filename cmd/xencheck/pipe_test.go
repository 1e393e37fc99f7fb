//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// pipeDir returns a directory with hosts.ndjson, what it is to be answered with,
// line by line, and an environment in which xencheck is this test.
func pipeDir(t *testing.T) (dir string, want, env []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "xencheck")); err != nil {
		t.Fatal(err)
	}
	var in []string
	for i := range 1100 {
		name := fmt.Sprintf("host%04d", i)
		line := `{"schema":1,"name":"` + name + `","machine":{}}`
		switch {
		case i%50 == 7:
			line, name = "", "error"
		case i%50 == 17:
			line, name = line[:20], "error"
		case i%50 == 27:
			line, name = line+" "+line, "error"
		case i%50 == 37:
			line += "\r"
		case i%50 == 47:
			line, name = "\x00\xff noise", "error"
		}
		in, want = append(in, line+"\n"), append(want, name)
	}
	if err := os.WriteFile(filepath.Join(dir, "hosts.ndjson"), []byte(strings.Join(in, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, want, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+dir)
}

// whose tells what a line answers: the name of the host, or that it is an error.
func whose(t *testing.T, line []byte) string {
	t.Helper()
	var o struct {
		Kind string
		Host struct{ Name string }
	}
	if err := json.Unmarshal(line, &o); err != nil {
		t.Fatalf("%v: %.100q", err, line)
	}
	switch o.Kind {
	case report.KindReport:
		return o.Host.Name
	case report.KindError:
		return "error"
	}
	return o.Kind
}

func answers(t *testing.T, out []byte) []string {
	t.Helper()
	var got []string
	for line := range bytes.Lines(out) {
		got = append(got, whose(t, line))
	}
	return got
}

// documented returns the blocks of one language in docs/fleet.md.
func documented(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, part := range strings.Split(string(text), "```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	if len(blocks) == 0 {
		t.Fatalf("there is no %s in docs/fleet.md", language)
	}
	return blocks
}

// The commands of docs/fleet.md answer each line by one, in order, and end well.
func TestDocumentedPipes(t *testing.T) {
	for _, command := range documented(t, "sh") {
		program, _, _ := strings.Cut(command, " ")
		t.Run(program, func(t *testing.T) {
			dir, want, env := pipeDir(t)
			if _, err := exec.LookPath(program); err != nil && program != "xencheck" {
				t.Skipf("%s is not installed", program)
			}
			c := exec.Command("sh", "-c", command)
			c.Dir, c.Env = dir, env
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			files, _ := filepath.Glob(filepath.Join(dir, "reports.*"))
			var all []byte
			for _, f := range files { // in the order of their names
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, b...)
			}
			if d := cmp.Diff(want, answers(t, all)); d != "" {
				t.Error(d)
			}
		})
	}
}

// The class of docs/fleet.md gets its answer to each line before it asks again.
func TestDocumentedClass(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	dir, want, env := pipeDir(t)
	driver := `
import sys
judge = Judge()
judge.setup()
for line in open("hosts.ndjson", encoding="latin-1", newline="\n"):
    for answer in judge.process(line):
        sys.stdout.write(answer)
judge.teardown()
`
	c := exec.Command(python, "-c", documented(t, "python")[0]+driver)
	c.Dir, c.Env = dir, env
	c.WaitDelay = 10 * time.Second
	var errs bytes.Buffer
	c.Stderr = &errs
	deadline := time.AfterFunc(2*time.Minute, func() { _ = c.Process.Kill() })
	out, err := c.Output()
	if !deadline.Stop() || err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	if d := cmp.Diff(want, answers(t, out)); d != "" {
		t.Error(d)
	}
}

// Whoever writes one line and waits gets one line, whatever was written, while
// standard input stays open.
func TestOneLineInOneLineOut(t *testing.T) {
	good := `{"schema":1,"name":"good","machine":{}}`
	for _, lines := range []bool{true, false} {
		in := []struct{ line, want string }{{good, "good"}, {"noise", "error"}, {good, "good"}, {`{"schema":99,"machine":{}}`, "error"}, {`{}`, "error"}, {good + "\r", "good"}}
		args := []string{"xencheck", "fleet", "--format", "ndjson", "--fail-on", "never", "-"}
		if lines {
			args = append(args, "--lines")
			for _, bad := range []string{"", " ", good[:15], "{", "[", "[" + good + "]", good + good, "\x1f\x8b", strings.Repeat("x", 1<<20), good + "}"} {
				in = append(in, struct{ line, want string }{bad, "error"}, struct{ line, want string }{good, "good"})
			}
		}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(self)
		c.Args = args
		stdin, _ := c.StdinPipe()
		stdout, _ := c.StdoutPipe()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		deadline := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
		out := bufio.NewReader(stdout)
		for _, ask := range in {
			if _, err := io.WriteString(stdin, ask.line+"\n"); err != nil {
				t.Fatal(err)
			}
			answer, err := out.ReadBytes('\n')
			if err != nil {
				t.Fatalf("no answer to %.40q: %v", ask.line, err)
			}
			if got := whose(t, answer); got != ask.want {
				t.Errorf("%.40q is answered by %s, not %s", ask.line, got, ask.want)
			}
		}
		_ = stdin.Close()
		if rest, _ := io.ReadAll(out); len(rest) > 0 {
			t.Errorf("more answers than lines: %.200q", rest)
		}
		var exit *exec.ExitError
		if err := c.Wait(); !deadline.Stop() || !errors.As(err, &exit) || exit.ExitCode() != int(report.ExitUsage) {
			t.Errorf("it ended with %v; there were bad records", err)
		}
	}
}

// When nobody reads the answers any more, it ends, and says nothing.
func TestReaderGoesAway(t *testing.T) {
	dir, _, env := pipeDir(t)
	c := exec.Command("sh", "-c", "while cat hosts.ndjson; do :; done | grep --line-buffered -a '^{.*}$' | xencheck fleet --format ndjson --fail-on never - | head -n 1")
	c.Dir, c.Env = dir, env
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
	err := c.Wait()
	if !deadline.Stop() || err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	if got := answers(t, out.Bytes()); len(got) != 1 || got[0] != "host0000" {
		t.Errorf("got %v", got)
	}
	if strings.Contains(errs.String(), "xencheck") {
		t.Errorf("it complains: %s", errs.String())
	}
}
