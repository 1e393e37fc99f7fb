// Fleet measures xencheck fleet against its peers on the same records, as
// whole processes, and prints ratios of hosts per second.
//
//	go run ./bench/fleet [-n HOSTS] [-jq HOSTS] [-opa HOSTS] [-seed N]
//
// The peers do a small part of the work: five checks of each host, counted.
// jq comes from Debian; DuckDB, OPA and the decoders of JSON are built from the
// modules under bench/peers, each with a go.mod of its own. A peer that is
// missing is named and left out. All read the same file without faults, which
// is easier for them; jq and OPA read its beginning. Peers that disagree on a
// count end the run with an error. CPU seconds are printed beside the wall
// time: on a machine that does something else, they are what to compare.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	b := bench{}
	flag.IntVar(&b.hosts, "n", 1_000_000, "hosts")
	flag.IntVar(&b.jq, "jq", 100_000, "hosts for jq")
	flag.IntVar(&b.opa, "opa", 10_000, "hosts for OPA")
	flag.Uint64Var(&b.seed, "seed", 1, "seed of the fleet")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

type bench struct {
	hosts, jq, opa int
	seed           uint64
	dir            string
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
	// What is judged, the same with faults, and the beginnings.
	fleet, faulty := b.path("fleet.ndjson"), b.path("faulty.ndjson")
	if err := b.synthesize(makes, fleet, b.hosts, 0); err != nil {
		return err
	}
	if err := b.synthesize(makes, faulty, b.hosts, 3); err != nil {
		return err
	}
	few := b.path("few.ndjson")
	if err := b.synthesize(makes, few, min(10_000, b.hosts), 3); err != nil {
		return err
	}
	fmt.Printf("%-34s %9s %8s %10s %10s %8s\n", "", "hosts", "seconds", "µs/host", "µs CPU", "peak MB")
	show := func(s sample, err error) (sample, error) {
		if err == nil {
			fmt.Println(s)
		}
		return s, err
	}
	mine, err := show(once("xencheck, 1 release", b.hosts, tool, "fleet", "--xen", "4.22", "--format", "json", fleet))
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what, xen, file string
		hosts           int
	}{
		{"xencheck, 13 releases", all, fleet, b.hosts},
		{"xencheck, 3 % faults", "4.22", faulty, b.hosts},
		{"xencheck, 3 % faults, few hosts", "4.22", few, min(10_000, b.hosts)},
	} {
		s, err := show(once(c.what, c.hosts, tool, "fleet", "--xen", c.xen, "--format", "json", c.file))
		if err != nil {
			return err
		}
		if c.xen == all {
			fmt.Printf("    13 releases take %.2f times as long as one (CPU: %.2f; aim: at most 3)\n", s.each()/mine.each(), s.eachCPU()/mine.eachCPU())
		}
	}
	return b.peers(mine, fleet, makes, show)
}

// peers runs what is there of the peers.
func (b *bench) peers(mine sample, fleet, makes string, show func(sample, error) (sample, error)) error {
	counts := map[int]string{} // by number of hosts
	compare := func(s sample, aim string) error {
		fmt.Printf("    xencheck does %.2f times as many hosts a second (CPU: %.2f; %s)\n", s.each()/mine.each(), s.eachCPU()/mine.eachCPU(), aim)
		if s.out == "" {
			return nil
		}
		if was, ok := counts[s.hosts]; ok && was != s.out {
			return fmt.Errorf("%s counts %s, another peer %s", s.what, s.out, was)
		}
		counts[s.hosts] = s.out
		return nil
	}
	missing := func(what string, err error) { fmt.Printf("%-34s left out: %v\n", what, err) }

	decode := b.path("decode")
	if err := build("bench/peers/decode", decode, ".", "CGO_ENABLED=0"); err != nil {
		missing("decoders of JSON", err)
	} else {
		for _, name := range []string{"simdjson", "sonic", "goccy"} {
			s, err := show(once("only decoding, "+name, b.hosts, decode, name, fleet))
			if err != nil {
				missing(name, err)
				continue
			}
			s.out = ""
			if err := compare(s, "aim for the fastest: at least 0.5"); err != nil {
				return err
			}
		}
	}
	duck := b.path("duckdb")
	if err := build("bench/peers/duckdb", duck, ".", "CGO_ENABLED=1"); err != nil {
		missing("DuckDB", err)
	} else {
		s, err := show(once("DuckDB, five checks", b.hosts, duck, fleet))
		if err == nil {
			err = compare(s, "aim: at least 1")
		}
		if err != nil {
			return err
		}
	}
	if _, err := exec.LookPath("jq"); err != nil {
		missing("jq", err)
	} else {
		for _, n := range []int{min(b.jq, b.hosts), min(b.opa, b.hosts)} { // the few tell whether OPA is right
			part := b.path("jq.ndjson")
			if err := b.synthesize(makes, part, n, 0); err != nil {
				return err
			}
			s, err := show(once("jq, five checks", n, "jq", "-n", "-c", "-r", jqChecks, part))
			if err == nil {
				err = compare(s, "aim: at least 20")
			}
			if err != nil {
				return err
			}
		}
	}
	opa := b.path("opa")
	if err := build("bench/peers/opa", opa, "github.com/open-policy-agent/opa", "CGO_ENABLED=0"); err != nil {
		missing("OPA", err)
		return nil
	}
	n := min(b.opa, b.hosts)
	list := b.path("opa.json")
	if err := b.list(makes, list, n); err != nil {
		return err
	}
	s, err := show(once("OPA, five checks", n, opa, "eval", "--format", "raw", "-d", "bench/peers/opa/checks.rego", "-i", list,
		`x := data.fleet.summary; sprintf("%d %d %d %d %d %d", [x.hosts, x.x86, x.memory, x.cpus, x.release, x.iommu])`))
	if err != nil {
		return err
	}
	if f := strings.Split(strings.TrimSpace(s.out), "\n"); len(f) > 0 {
		s.out = strings.Trim(f[len(f)-1], `" `)
	}
	return compare(s, "aim: at least 100")
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
	data, err := os.ReadFile(lines)
	if err != nil {
		return err
	}
	data = bytes.TrimSpace(data)
	return os.WriteFile(file, fmt.Appendf(nil, "[%s]", bytes.ReplaceAll(data, []byte("\n"), []byte(","))), 0o644)
}

// once runs a program. Verdicts speak through exit codes up to 3; only failing
// to run is an error.
func once(what string, hosts int, argv ...string) (sample, error) {
	c := exec.Command(argv[0], argv[1:]...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, io.Writer(&errs)
	start := time.Now()
	err := c.Run()
	s := sample{what: what, hosts: hosts, wall: time.Since(start), out: strings.TrimSpace(out.String())}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 3 || exit.ExitCode() < 0 || !strings.HasPrefix(what, "xencheck")) {
		return s, fmt.Errorf("%s: %w: %s", what, err, strings.TrimSpace(errs.String()))
	}
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.memory = int64(u.Maxrss) * 1024 // getrusage(2): kilobytes on Linux
		s.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return s, nil
}
