// Fleet measures xencheck fleet against its peers on the same records, as
// whole processes, and prints ratios of hosts per second.
//
//	go run ./bench/fleet [-n HOSTS] [-compare HOSTS] [-jq HOSTS] [-opa HOSTS] [-runs N] [-seed N]
//
// First xencheck judges 10,000, 100,000 and -n hosts, 3 % of them faulty, for
// its memory; then -compare hosts without faults, which is easier for the
// peers, by one and by 13 releases, in turn with every peer. The peers do a
// small part of the work: five checks of each host, counted, or nothing but
// decoding. jq comes from Debian; DuckDB, OPA and the decoders of JSON are
// built from the modules under bench/peers, each with a go.mod of its own. A
// peer that is missing is named and left out. jq and OPA, which are slow, read
// the beginning of the same file and are compared by host. Peers that disagree
// on a count end the run with an error.
//
// What is printed are medians of the runs. CPU seconds are printed beside the
// wall time: on a machine that does something else, they are what to compare.
// docs/fleet.md has what was measured last, and which aims that meets.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	b := bench{}
	flag.IntVar(&b.hosts, "n", 1_000_000, "hosts")
	flag.IntVar(&b.compare, "compare", 200_000, "hosts to compare with DuckDB and decoders by")
	flag.IntVar(&b.jq, "jq", 50_000, "hosts for jq")
	flag.IntVar(&b.opa, "opa", 10_000, "hosts for OPA")
	flag.IntVar(&b.runs, "runs", 3, "runs of each program")
	flag.Uint64Var(&b.seed, "seed", 1, "seed of the fleet")
	flag.Parse()
	if b.runs < 1 {
		b.runs = 1
	}
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

type bench struct {
	hosts, compare, jq, opa, runs int
	seed                          uint64
	dir                           string
}

// all names every release.
const all = "4.10,4.11,4.12,4.13,4.14,4.15,4.16,4.17,4.18,4.19,4.20,4.21,4.22"

// sample is one run of a program.
type sample struct {
	what   string
	hosts  int
	wall   time.Duration
	cpu    time.Duration
	memory int64 // greatest resident memory, bytes
	out    string
}

func (s sample) each() float64 { return float64(s.wall.Nanoseconds()) / 1e3 / float64(s.hosts) }

func (s sample) eachCPU() float64 { return float64(s.cpu.Nanoseconds()) / 1e3 / float64(s.hosts) }

func (s sample) String() string {
	return fmt.Sprintf("%-34s %9d %8.1f %10.2f %10.2f %8.0f", s.what, s.hosts, s.wall.Seconds(), s.each(), s.eachCPU(), float64(s.memory)/1e6)
}

// program is what takes part in the comparison.
type program struct {
	what  string
	hosts int
	argv  []string
	aim   string // what xencheck is to come to beside it
	// checks is set where what it prints are the counts of the five checks.
	checks bool
}

func (b *bench) run() error {
	var err error
	if b.dir, err = os.MkdirTemp("", "xencheck-fleet-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	tool, makes := b.path("xencheck"), b.path("synthesize")
	for _, p := range [][2]string{{tool, "./cmd/xencheck"}, {makes, "./bench/synthesize"}} {
		if err := build(".", p[0], p[1], "CGO_ENABLED=0"); err != nil {
			return err
		}
	}
	judge := func(releases, file string) []string {
		return []string{tool, "fleet", "--xen", releases, "--format", "json", file}
	}
	fmt.Printf("%-34s %9s %8s %10s %10s %8s\n", "", "hosts", "seconds", "µs/host", "µs CPU", "peak MB")
	for _, n := range []int{10_000, 100_000, b.hosts} {
		file := b.path("faulty.ndjson")
		if err := b.synthesize(makes, file, n, 3); err != nil {
			return err
		}
		for _, p := range []program{
			{what: "xencheck, 3 % faults, 1 release", hosts: n, argv: judge("4.22", file)},
			{what: "xencheck, 3 % faults, 13 releases", hosts: n, argv: judge(all, file)},
		} {
			s, err := once(p)
			if err != nil {
				return err
			}
			fmt.Println(s)
		}
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	fleet := b.path("fleet.ndjson")
	if err := b.synthesize(makes, fleet, b.compare, 0); err != nil {
		return err
	}
	mine := []program{
		{what: "xencheck, 1 release", hosts: b.compare, argv: judge("4.22", fleet)},
		{what: "xencheck, 13 releases", hosts: b.compare, argv: judge(all, fleet)},
	}
	peers, err := b.peers(fleet, makes)
	if err != nil {
		return err
	}
	return race(append(mine, peers...), b.runs)
}

// race runs all programs in turn, so that a machine whose speed drifts treats
// them alike, and prints medians; the first program is what the others are
// compared with.
func race(programs []program, runs int) error {
	samples := make([][]sample, len(programs))
	counts := map[int]string{} // by number of hosts
	for range runs {
		for i, p := range programs {
			s, err := once(p)
			if err != nil {
				return err
			}
			if was, ok := counts[p.hosts]; p.checks && ok && was != s.out {
				return fmt.Errorf("%s counts %s, another peer %s", p.what, s.out, was)
			} else if p.checks {
				counts[p.hosts] = s.out
			}
			samples[i] = append(samples[i], s)
		}
	}
	first := median(samples[0])
	for i, p := range programs {
		s := median(samples[i])
		fmt.Println(s)
		switch {
		case i == 1:
			fmt.Printf("    takes %.2f times as long as one (CPU: %.2f; aim: at most 3)\n", s.each()/first.each(), s.eachCPU()/first.eachCPU())
		case i > 1:
			fmt.Printf("    xencheck does %.2f times as many hosts a second (CPU: %.2f; %s)\n", s.each()/first.each(), s.eachCPU()/first.eachCPU(), p.aim)
		}
	}
	return nil
}

// median returns a sample of median times and the greatest memory.
func median(of []sample) sample {
	slices.SortFunc(of, func(a, b sample) int { return cmp.Compare(a.cpu, b.cpu) })
	m := of[len(of)/2]
	slices.SortFunc(of, func(a, b sample) int { return cmp.Compare(a.wall, b.wall) })
	m.wall = of[len(of)/2].wall
	for _, s := range of {
		m.memory = max(m.memory, s.memory)
	}
	return m
}

// peers builds what can be built of the peers.
func (b *bench) peers(fleet, makes string) ([]program, error) {
	var out []program
	missing := func(what string, err error) { fmt.Printf("%-34s left out: %v\n", what, err) }

	decode := b.path("decode")
	if err := build("bench/peers/decode", decode, ".", "CGO_ENABLED=0"); err != nil {
		missing("decoders of JSON", err)
	} else {
		for _, name := range []string{"simdjson", "sonic", "goccy"} {
			out = append(out, program{what: "only decoding, " + name, hosts: b.compare, argv: []string{decode, name, fleet}, aim: "aim for the fastest: at least 0.5"})
		}
	}
	duck := b.path("duckdb")
	if err := build("bench/peers/duckdb", duck, ".", "CGO_ENABLED=1"); err != nil {
		missing("DuckDB", err)
	} else {
		out = append(out, program{what: "DuckDB, five checks", hosts: b.compare, argv: []string{duck, fleet}, aim: "aim: at least 1", checks: true})
	}
	if _, err := exec.LookPath("jq"); err != nil {
		missing("jq", err)
	} else {
		for _, n := range []int{min(b.jq, b.compare), min(b.opa, b.compare)} { // the few tell whether OPA is right
			part := b.path(fmt.Sprintf("jq%d.ndjson", n))
			if err := b.synthesize(makes, part, n, 0); err != nil {
				return nil, err
			}
			out = append(out, program{what: "jq, five checks", hosts: n, argv: []string{"jq", "-n", "-c", "-r", jqChecks, part}, aim: "aim: at least 20", checks: true})
		}
	}
	opa := b.path("opa")
	if err := build("bench/peers/opa", opa, "github.com/open-policy-agent/opa", "CGO_ENABLED=0"); err != nil {
		missing("OPA", err)
		return out, nil
	}
	n := min(b.opa, b.compare)
	list := b.path("opa.json")
	if err := b.list(makes, list, n); err != nil {
		return nil, err
	}
	return append(out, program{what: "OPA, five checks", hosts: n, aim: "aim: at least 100", checks: true, argv: []string{
		opa, "eval", "--format", "raw", "-d", "bench/peers/opa/checks.rego", "-i", list, "data.fleet.line",
	}}), nil
}

const jqChecks = `reduce inputs as $h ([0,0,0,0,0,0];
	.[0] += 1
	| if $h.machine.arch.value == "x86-64" then .[1] += 1 else . end
	| ($h.memory.physical.value.max) as $m | if $m != null and $m <= 2199023255552 then .[2] += 1 else . end
	| ($h.cpu.physical.value.max) as $c | if $c != null and $c <= 128 then .[3] += 1 else . end
	| ($h.xen.running.value.minor) as $v | if $v != null and $v >= 17 then .[4] += 1 else . end
	| if $h.iommu.units.state == "known" then .[5] += 1 else . end) | map(tostring) | join(" ")`

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// build builds a program of a module; it is given minutes, for the network.
func build(module, out, pkg string, env ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", out, pkg)
	c.Dir, c.Env = module, append(os.Environ(), env...)
	var errs bytes.Buffer
	c.Stderr = &errs
	if err := c.Run(); err != nil {
		return fmt.Errorf("go build %s: %w: %s", pkg, err, strings.TrimSpace(errs.String()))
	}
	return nil
}

func (b *bench) synthesize(makes, file string, n, faults int) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	c := exec.Command(makes, "-n", strconv.Itoa(n), "-seed", strconv.FormatUint(b.seed, 10), "-faults", strconv.Itoa(faults))
	c.Stdout, c.Stderr = f, os.Stderr
	if err := c.Run(); err != nil {
		return err
	}
	return f.Close()
}

// list writes hosts as one list.
func (b *bench) list(makes, file string, n int) error {
	lines := b.path("opa.ndjson")
	if err := b.synthesize(makes, lines, n, 0); err != nil {
		return err
	}
	in, err := os.Open(lines)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	// Not as a whole: what this process takes would be counted as the greatest
	// memory of those that it starts.
	out := bufio.NewWriter(f)
	between := "["
	for each := bufio.NewReader(in); ; between = "," {
		line, err := each.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		_, _ = out.WriteString(between) // what fails is told by Flush
		_, _ = out.Write(bytes.TrimSpace(line))
	}
	_, _ = out.WriteString("]")
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// once runs a program. Verdicts of xencheck speak through exit codes up to 3;
// only failing to run is an error.
func once(p program) (sample, error) {
	c := exec.Command(p.argv[0], p.argv[1:]...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, io.Writer(&errs)
	start := time.Now()
	err := c.Run()
	s := sample{what: p.what, hosts: p.hosts, wall: time.Since(start), out: strings.TrimSpace(out.String())}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 3 || exit.ExitCode() < 0 || !strings.HasPrefix(p.what, "xencheck")) {
		return s, fmt.Errorf("%s: %w: %s", p.what, err, strings.TrimSpace(errs.String()))
	}
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.memory = int64(u.Maxrss) * 1024 // getrusage(2): kilobytes on Linux
		s.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return s, nil
}
