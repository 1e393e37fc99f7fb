package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
)

// Ctrl-C and a request to end it end the reading; what was read by then is told,
// and the exit code is that of an interrupted program.
func TestFleetInterrupted(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Under nohup, hangups would be ignored by what is started here as well.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for format, want := range map[string]string{
		"summary": "The run was interrupted: this is what had been read by then.",
		"json":    `"interrupted": true`,
		"csv":     "\nh1,standard input,1,0,",
	} {
		t.Run(format, func(t *testing.T) {
			c := exec.Command(self)
			// The test binary is xencheck when it is called by that name.
			c.Args = []string{"xencheck", "fleet", "--format", format, "--at", "2026-11-21", "-"}
			in, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			var out, errs bytes.Buffer
			c.Stdout, c.Stderr = &out, &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			// More than a pipe holds: once it is written, the record has been read.
			if _, err := io.WriteString(in, `{"schema":1,"name":"h1","machine":{}}`+strings.Repeat("\n", 1<<20)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // for it to wait for more
			sent := map[string]os.Signal{"summary": os.Interrupt, "csv": syscall.SIGTERM, "json": syscall.SIGHUP}
			if err := c.Process.Signal(sent[format]); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- c.Wait() }()
			select {
			case err = <-ended:
			case <-time.After(30 * time.Second):
				_ = c.Process.Kill()
				t.Fatal("it does not end")
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 130 {
				t.Errorf("%v", err)
			}
			if !strings.Contains(out.String(), want) || errs.Len() > 0 {
				t.Errorf("output %q, errors %q", out.String(), errs.String())
			}
		})
	}
}

// A fleet is judged in short, and to the same as a host in full: the verdict,
// the exit code and what hurts.
func TestFleetInShort(t *testing.T) {
	dirs, err := filepath.Glob(recordings + "/*/*")
	if err != nil || len(dirs) == 0 {
		t.Skipf("no recordings at %s", recordings)
	}
	var hosts []*facts.Host
	for _, dir := range dirs {
		for _, way := range waysToLook(dir) {
			h, err := report.DecodeHost([]byte(output(t, append([]string{"collect"}, way...)...)))
			if err != nil {
				t.Fatal(err)
			}
			hosts = append(hosts, h)
			for minor := 9; minor < 23; minor += 3 { // the same as a dom0 with a guest
				c := *h
				c.Machine.Kind = facts.Is(facts.Dom0, "test")
				c.Xen.Running = facts.Is(facts.XenVersion{Major: 4, Minor: minor, Extra: ".1"}, "test")
				c.Running = facts.Is([]facts.RunningDomain{{ID: 1, HVM: true}}, "test")
				lost := c
				lost.Running = facts.Not[[]facts.RunningDomain](&facts.Problem{Cause: facts.NoPermission, Remedy: "run as root"})
				hosts = append(hosts, &c, &lost)
			}
		}
	}
	s, _, _ := fake(nil)
	for _, wanted := range [][]string{nil, {"hvm", "passthrough"}} {
		j := newFleetJudge(newJudge(s, judgeOptions{wanted: wanted, failOn: string(report.FailNotSecurity), at: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}))
		short, full := j.Seat(), j.Seat()
		for i, h := range hosts {
			short.Host(h)
			full.Host(h)
			for _, release := range []string{auto, "4.10", "4.17", "4.22"} {
				got, err := short.Judge(release, false)
				if err != nil {
					t.Fatal(err)
				}
				want, err := full.Judge(release, true)
				if err != nil {
					t.Fatal(err)
				}
				if code := want.Report.ExitCode; code != want.Exit || want.Grade != want.Report.Overall.Grade {
					t.Fatalf("host %d by %s: %v, the report says %v", i, release, want.Exit, code)
				}
				want.Report = nil
				if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
					t.Fatalf("host %d by %s: %s", i, release, d)
				}
			}
		}
	}
}

// The summary and what stands for a bad record are valid by their schemas, in
// every case there is.
func TestFleetFitsTheSchema(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.ndjson")
	if err := os.WriteFile(bad, []byte("noise\n{\"schema\":1,\"machine\":{}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	facts := output(t, "collect", "--midr", "0x411fd070,0x410fd034", "--memory", "9TiB", "--cpus", "8", "--id", "edge7")
	if err := os.WriteFile(filepath.Join(dir, "edge7.json"), []byte(facts), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := func(args ...string) string {
		s, out, _ := fake(nil)
		run(append([]string{"fleet", "--at", "2026-11-21"}, args...), s)
		return out.String()
	}
	for _, args := range [][]string{{dir}, {"--xen", "4.10,auto,4.22", dir}, {"--only", "outside", dir}, {"--fail-on", "never", filepath.Join(dir, "edge7.json")}} {
		valid(t, compileSchema(t, "fleet"), whole(append([]string{"--format", "json"}, args...)...))
	}
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, []byte("[[waiver]]\nrule = \"host-memory\"\nreason = \"known\"\nowner = \"ops\"\nexpires = \"2026-11-20\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, out, _ := fake(map[string]string{"XENCHECK_CONFIG": config})
	run([]string{"fleet", "--at", "2026-11-21", "--format", "json", bad}, s)
	if !strings.Contains(out.String(), `"state": "expired"`) {
		t.Errorf("no waiver in %s", out)
	}
	valid(t, compileSchema(t, "fleet"), out.String())
	for _, width := range []int{40, 60, 80} {
		narrow(t, whole("--format", "summary", "-v", "--width", strconv.Itoa(width), "--xen", "4.10,4.22", dir), width)
	}
	line, _, _ := strings.Cut(whole("--format", "ndjson", bad), "\n")
	valid(t, compileSchema(t, "error"), line)
}
