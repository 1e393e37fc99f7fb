//go:build machines

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/machines"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/machines/wire"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/rules"
)

const (
	definitions = "../../testdata/machines"
	// cacheVariable names a folder for what is downloaded, instead of one in
	// the user's cache.
	cacheVariable = "XENCHECK_MACHINES_CACHE"
	// archiveVariable names a folder that is given what xencheck collected in
	// each machine.
	archiveVariable = "XENCHECK_MACHINES_ARCHIVES"
	// judgedAt is the day that verdicts are of.
	judgedAt = "2026-11-21"
)

// TestMachines boots every machine of testdata/machines, as many at a time as
// -parallel says, and holds what xencheck says in it against what the machine
// was given.
func TestMachines(t *testing.T) {
	list, err := machines.ReadDefinitions(definitions)
	if err != nil {
		t.Fatal(err)
	}
	sets, err := machines.ReadParts(filepath.Join(definitions, "parts"))
	if err != nil {
		t.Fatal(err)
	}
	yard := newYard(t, sets)
	// The longest first: the last to end is then a short one.
	slices.SortStableFunc(list, func(a, b machines.Definition) int { return int(b.Limit - a.Limit) })
	begin := time.Now()
	t.Cleanup(func() {
		fmt.Printf("machines: %d passed, %d failed, %d skipped (%.0f s)\n", yard.passed, yard.failed, yard.skipped, time.Since(begin).Seconds())
	})
	for _, d := range list {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			yard.try(t, d)
		})
	}
}

// yard is where machines are built.
type yard struct {
	store  *machines.Store
	work   string // emptied when all machines passed
	config map[string][]byte

	mu                      sync.Mutex
	programs                map[string]func() (string, error) // folder with init and xencheck, by architecture
	passed, failed, skipped int
}

func newYard(t *testing.T, sets map[string]machines.PartSet) *yard {
	t.Helper()
	cache := os.Getenv(cacheVariable)
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("%s is not set: %v", cacheVariable, err)
		}
		cache = filepath.Join(user, "xencheck", "machines")
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		t.Fatal(err)
	}
	work, err := os.MkdirTemp("", "xencheck-machines-")
	if err != nil {
		t.Fatal(err)
	}
	y := &yard{store: machines.NewStore(cache, sets), work: work, programs: map[string]func() (string, error){}}
	t.Cleanup(func() {
		_ = y.store.Close()
		if !t.Failed() {
			_ = os.RemoveAll(y.work)
		}
	})
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		y.programs[arch] = sync.OnceValues(func() (string, error) { return y.build(arch) })
	}
	if y.config, err = domainFiles(); err != nil {
		t.Fatal(err)
	}
	return y
}

// build makes the static programs of an architecture.
func (y *yard) build(arch string) (string, error) {
	dir := filepath.Join(y.work, "programs-"+arch)
	for name, pkg := range map[string]string{"xencheck": ".", "init": "./internal/machines/guest"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, name), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOARM=7", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s for %s: %w: %s", name, arch, err, out)
		}
	}
	return dir, nil
}

// try boots a machine, once more if that fails and it is known for it, and
// prints the line on it.
func (y *yard) try(t *testing.T, d machines.Definition) {
	if _, err := exec.LookPath(d.QEMU[0]); err != nil {
		y.skip(t, d, d.QEMU[0]+" is not installed")
	}
	var (
		b      *machines.Boot
		differ []string
		err    error
		remark string
	)
	work := filepath.Join(y.work, d.Name)
	for attempt := range 2 {
		_ = os.RemoveAll(work)
		b, err = y.boot(t, d, work)
		if errors.Is(err, machines.ErrNoDebian) {
			y.skip(t, d, err.Error())
		}
		if err == nil || d.Flaky == "" || attempt > 0 {
			break
		}
		remark = ", at the second try: " + d.Flaky
	}
	if b != nil && b.Report != nil {
		_ = os.WriteFile(filepath.Join(work, "steps.log"), transcript(b.Report), 0o644)
	}
	if err == nil {
		var told string
		differ, told = y.compare(t, d, b.Report)
		remark += told
	} else {
		differ = []string{err.Error()}
	}
	keepLogs(work)
	y.mu.Lock()
	defer y.mu.Unlock()
	var seconds, cpu float64
	if b != nil {
		seconds, cpu = b.Wall.Seconds(), b.CPU.Seconds()
	}
	if len(differ) == 0 {
		y.passed++
		_ = os.RemoveAll(work)
		fmt.Printf("passed   %-28s %6.1f s (CPU %5.1f s)%s\n", d.Name, seconds, cpu, remark)
		return
	}
	y.failed++
	fmt.Printf("failed   %-28s %6.1f s (CPU %5.1f s)%s; log %s: %s\n", d.Name, seconds, cpu, remark, filepath.Join(work, "console.log"), strings.Join(differ, "; "))
	for _, s := range differ {
		t.Error(s)
	}
}

func (y *yard) skip(t *testing.T, d machines.Definition, why string) {
	y.mu.Lock()
	y.skipped++
	y.mu.Unlock()
	fmt.Printf("skipped  %-28s %s\n", d.Name, why)
	t.Skip(why)
}

// keepLogs leaves what explains a failure: the console, QEMU's own words and its
// command line.
func keepLogs(work string) {
	entries, _ := os.ReadDir(work)
	for _, e := range entries {
		if !slices.Contains([]string{"console.log", "qemu.log", "command", "steps.log"}, e.Name()) {
			_ = os.RemoveAll(filepath.Join(work, e.Name()))
		}
	}
}

// transcript writes what every step printed, for people.
func transcript(r *wire.Report) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "up %.1f s\n%s\n", r.Uptime, strings.Join(r.Notes, "\n"))
	for _, s := range r.Results {
		fmt.Fprintf(&out, "\n== %s: exit code %d after %.2f s %s\n%s%s", s.Name, s.Exit, s.Seconds, s.Error, s.Stderr, s.Stdout)
	}
	return out.Bytes()
}

// boot makes the ramdisk and starts the machine.
func (y *yard) boot(t *testing.T, d machines.Definition, work string) (*machines.Boot, error) {
	// When the time of the whole test is up, no emulator must stay behind.
	ctx := t.Context()
	if end, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-5*time.Second))
		defer cancel()
	}
	programs, err := y.programs[d.GoArch()]()
	if err != nil {
		return nil, err
	}
	linux, err := y.store.Folder(d.Linux)
	if err != nil {
		return nil, err
	}
	rd := machines.Ramdisk{
		Init: filepath.Join(programs, "init"), Xencheck: filepath.Join(programs, "xencheck"),
		Modules: filepath.Join(linux, "modules"), Files: map[string][]byte{}, Steps: steps(d, y.config),
	}
	if d.XL != "" {
		if rd.XL, err = y.store.Folder(d.XL); err != nil {
			return nil, err
		}
		for name, text := range y.config {
			rd.Files[domainFolder+name] = text
		}
		rd.Files["/etc/xen/xl.conf"] = nil // all defaults
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, err
	}
	name := filepath.Join(work, "ramdisk")
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(rd.Write(f), f.Close()); err != nil {
		return nil, err
	}
	return d.Start(ctx, y.store, definitions, name, work)
}

// The names of the steps that every machine runs.
const (
	asRoot, asUser           = "check as root", "check without privileges"
	collectRoot, collectUser = "collect as root", "collect without privileges"
)

// steps is what is run in a machine: xencheck, and where there is one, xl.
func steps(d machines.Definition, config map[string][]byte) []wire.Step {
	var out []wire.Step
	if d.XL != "" {
		out = append(out, wire.Step{Name: "xenstored", Args: []string{"/bin/xenstored"}, Await: "/run/xenstored/socket"})
	}
	check := []string{"/xencheck", "check", "--anonymous", "--at", judgedAt, "--format", "json"}
	collect := func(to string) []string {
		return []string{"/xencheck", "collect", "--anonymous", "--raw", to}
	}
	out = append(out,
		wire.Step{Name: asRoot, Args: check},
		wire.Step{Name: asUser, Args: check, Unprivileged: true},
		wire.Step{Name: collectRoot, Args: collect("/tmp/root.tar.gz"), Files: []string{"/tmp/root.tar.gz"}},
		wire.Step{Name: collectUser, Args: collect("/tmp/user.tar.gz"), Files: []string{"/tmp/user.tar.gz"}, Unprivileged: true},
	)
	if d.XL != "" {
		out = append(out, xlSteps(config)...)
	}
	return out
}

// compare holds a report against the machine's definition. It returns what
// differs, and what else there is to say.
func (y *yard) compare(t *testing.T, d machines.Definition, r *wire.Report) (differ []string, remark string) {
	looks := map[string]machines.View{}
	for _, name := range []string{asRoot, asUser} {
		res, ok := r.Find(name)
		if !ok || res.Error != "" || res.Exit < 0 || res.Exit > 3 || res.Exit == 2 || len(res.Stderr) > 0 {
			differ = append(differ, fmt.Sprintf("%s: exit code %d %s %s", name, res.Exit, res.Error, res.Stderr))
			continue
		}
		v, err := viewOf(t, d, res.Stdout)
		if err != nil {
			differ = append(differ, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		looks[name] = v
		differ = append(differ, machines.Check(d.Expect, v, name == asRoot)...)
	}
	root, user := looks[asRoot], looks[asUser]
	if root.Facts == nil || user.Facts == nil {
		return differ, ""
	}
	for _, s := range machines.Agree(root.Facts, user.Facts, lookDiffers...) {
		differ = append(differ, "without privileges: "+s)
	}
	differ = append(differ, noBetter(root, user)...)
	for _, c := range []struct {
		name, file string
		live       machines.View
	}{{collectRoot, "/tmp/root.tar.gz", root}, {collectUser, "/tmp/user.tar.gz", user}} {
		res, _ := r.Find(c.name)
		archive := res.Files[c.file]
		if res.Exit != 0 || len(archive) == 0 || len(res.Stderr) > 0 {
			differ = append(differ, fmt.Sprintf("%s: exit code %d %s %s", c.name, res.Exit, res.Error, res.Stderr))
			continue
		}
		facts, err := replayed(t, archive)
		if err != nil {
			differ = append(differ, fmt.Sprintf("%s: %v", c.name, err))
			continue
		}
		for _, s := range machines.Agree(c.live.Facts, facts, lookDiffers...) {
			differ = append(differ, c.name+", replayed: "+s)
		}
		if err := y.keep(d.Name+"-"+filepath.Base(c.file), archive); err != nil {
			differ = append(differ, err.Error())
		}
	}
	if d.XL != "" {
		more, told := compareXL(r, root.Facts, y.config)
		differ = append(differ, more...)
		remark = told
	}
	return differ, remark
}

// lookDiffers is what may differ between two looks at the same machine, or is
// about the look itself.
var lookDiffers = []string{"collected_at", "origin", "sources", "memory.readings", "userspace.processes"}

// viewOf reads a report and judges its facts by every release that something is
// expected of.
func viewOf(t *testing.T, d machines.Definition, report []byte) (machines.View, error) {
	auto, err := machines.Decode(report)
	if err != nil {
		return machines.View{}, err
	}
	m, _ := auto.(map[string]any)
	v := machines.View{Facts: m["host"], Reports: map[string]any{"auto": auto}}
	file := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(file, report, 0o600); err != nil {
		return v, err
	}
	for _, e := range d.Expect {
		release, _, _ := strings.Cut(e.Path, " ")
		if e.What == "fact" || v.Reports[release] != nil {
			continue
		}
		if v.Reports[release], err = decoded("evaluate", "--xen", release, "--at", judgedAt, "--format", "json", file); err != nil {
			return v, err
		}
	}
	return v, nil
}

// replayed returns the facts that an archive gives on this machine.
func replayed(t *testing.T, archive []byte) (any, error) {
	file := filepath.Join(t.TempDir(), "raw.tar.gz")
	if err := os.WriteFile(file, archive, 0o600); err != nil {
		return nil, err
	}
	return decoded("collect", "--anonymous", "--root", file)
}

// decoded runs a command of xencheck here and reads the JSON that it writes.
func decoded(args ...string) (any, error) {
	s, out, errs := fake(map[string]string{"LANG": "C.UTF-8"})
	if code := run(args, s); code == report.ExitUsage || code == report.ExitInternal || errs.Len() > 0 {
		return nil, fmt.Errorf("xencheck %s: exit code %d: %s", strings.Join(args, " "), code, errs)
	}
	return machines.Decode(out.Bytes())
}

// noBetter holds that a look without privileges comes to no better verdict.
func noBetter(root, user machines.View) []string {
	var out []string
	for release, report := range root.Reports {
		for _, i := range rules.Intents() {
			full, ok := machines.Verdict(report, i.ID)
			less, ok2 := machines.Verdict(user.Reports[release], i.ID)
			if !ok || !ok2 {
				continue
			}
			known, fullIncomplete := strings.CutSuffix(full, ", incomplete")
			seen, lessIncomplete := strings.CutSuffix(less, ", incomplete")
			// What is bad already and may be worse still is no improvement.
			bad := rules.Grade(seen).AtLeast(rules.GradeNotSecurity) && lessIncomplete
			if known != seen && rules.Grade(known).AtLeast(rules.Grade(seen)) && rules.Grade(seen) != rules.GradeUnknown && !bad {
				out = append(out, fmt.Sprintf("verdict %s %s is %s as root and %s without privileges", release, i.ID, full, less))
			}
			if fullIncomplete && !lessIncomplete && known == seen {
				out = append(out, fmt.Sprintf("verdict %s %s is complete only without privileges", release, i.ID))
			}
		}
	}
	return out
}

// keep hands out an archive when somebody asked for it.
func (y *yard) keep(name string, b []byte) error {
	dir := os.Getenv(archiveVariable)
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), b, 0o644)
}
