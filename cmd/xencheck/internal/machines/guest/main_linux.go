// Command guest is the init of a test machine. It mounts what an ordinary
// system mounts, loads the modules it was given, runs the steps it was given,
// sends back what they printed, and powers the machine off.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/machines/wire"
)

func main() {
	notes := setUp()
	report := &wire.Report{Uptime: uptime(), Notes: notes}
	steps, err := readSteps()
	if err != nil {
		report.Notes = append(report.Notes, err.Error())
	}
	for _, s := range steps {
		report.Results = append(report.Results, run(s))
	}
	if err := wire.Write(os.Stdout, report); err != nil {
		fmt.Println(err)
	}
	// The console drains while the other side already has the report.
	time.Sleep(time.Second)
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	for { // not every machine can power itself off, and an init must not end
		time.Sleep(time.Hour)
	}
}

// setUp makes of a bare kernel a system to look at. Each failure is a note:
// most machines lack something.
func setUp() []string {
	var notes []string
	note := func(what string, err error) {
		if err != nil {
			notes = append(notes, what+": "+err.Error())
		}
	}
	mount := func(kind, dir string) {
		_ = os.MkdirAll(dir, 0o755)
		note("mount "+dir, unix.Mount(kind, dir, kind, 0, ""))
	}
	mount("devtmpfs", "/dev")
	if console, err := os.OpenFile("/dev/console", os.O_RDWR, 0); err == nil {
		for fd := range 3 {
			note("open the console", unix.Dup3(int(console.Fd()), fd, 0))
		}
	}
	mount("proc", "/proc")
	// From here on only what kills the machine is worth disturbing the report.
	_ = os.WriteFile("/proc/sys/kernel/printk", []byte("1 1 1 1\n"), 0)
	for _, m := range [][2]string{{"sysfs", "/sys"}, {"securityfs", "/sys/kernel/security"}, {"debugfs", "/sys/kernel/debug"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"}} {
		mount(m[0], m[1])
	}
	note("open /tmp to all", os.Chmod("/tmp", os.ModeSticky|0o777))
	modules, _ := filepath.Glob("/modules/*.ko")
	slices.Sort(modules)
	for _, m := range modules {
		note("load "+filepath.Base(m), load(m))
	}
	if _, err := os.Stat("/sys/firmware/efi/efivars"); err == nil {
		mount("efivarfs", "/sys/firmware/efi/efivars")
	}
	if _, err := os.Stat("/proc/xen"); err == nil {
		mount("xenfs", "/proc/xen")
	}
	return notes
}

func load(module string) error {
	f, err := os.Open(module)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

func uptime() float64 {
	b, _ := os.ReadFile("/proc/uptime")
	first, _, _ := strings.Cut(string(b), " ")
	seconds, _ := strconv.ParseFloat(first, 64)
	return seconds
}

func readSteps() ([]wire.Step, error) {
	b, err := os.ReadFile(wire.StepsFile)
	if err != nil {
		return nil, fmt.Errorf("read the steps: %w", err)
	}
	var steps []wire.Step
	if err := json.Unmarshal(b, &steps); err != nil {
		return nil, fmt.Errorf("decode the steps: %w", err)
	}
	return steps, nil
}

// run runs a step. Its output goes through files: a service that keeps running
// in the background would hold a pipe open.
func run(s wire.Step) wire.Result {
	res := wire.Result{Name: s.Name, Exit: -1}
	if len(s.Args) == 0 {
		res.Error = "nothing to run"
		return res
	}
	limit := time.Duration(s.Seconds) * time.Second
	if limit == 0 {
		limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Args[0], s.Args[1:]...)
	cmd.Env = []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/", "LC_ALL=C", "LD_LIBRARY_PATH=/lib"}
	if s.Unprivileged {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err1 := os.Create("/run/stdout")
	errs, err2 := os.Create("/run/stderr")
	if err := errors.Join(err1, err2); err != nil {
		res.Error = err.Error()
		return res
	}
	defer out.Close()
	defer errs.Close()
	cmd.Stdout, cmd.Stderr = out, errs

	begin := time.Now()
	err := cmd.Run()
	if err == nil && s.Await != "" {
		err = await(ctx, s.Await)
	}
	res.Seconds = time.Since(begin).Seconds()
	res.Stdout, _ = os.ReadFile(out.Name())
	res.Stderr, _ = os.ReadFile(errs.Name())
	if cmd.ProcessState != nil {
		res.Exit = cmd.ProcessState.ExitCode()
	}
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		res.Exit, res.Error = -1, fmt.Sprintf("not done after %s", limit)
	case err != nil && !errors.As(err, &ended):
		res.Error = err.Error()
	}
	for _, name := range s.Files {
		if b, err := os.ReadFile(name); err == nil {
			if res.Files == nil {
				res.Files = map[string][]byte{}
			}
			res.Files[name] = bytes.Clone(b)
		}
	}
	return res
}

// await waits for a file to appear.
func await(ctx context.Context, name string) error {
	for {
		if _, err := os.Stat(name); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not appear", name)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
