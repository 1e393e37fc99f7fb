// Bench runs xencheck and its peers in turn, as whole processes, and prints
// what each took and the ratio.
//
//	go run ./bench [-n RUNS]
//
// The peers come from Debian's packages util-linux (lscpu), libvirt-clients
// (virt-host-validate) and spectre-meltdown-checker; one that is missing is
// left out and named. Runs alternate, so that a machine whose speed drifts
// treats both alike; the medians are what to quote.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	runs := flag.Int("n", 15, "counted runs of each program")
	flag.Parse()
	if err := bench(*runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(runs int) error {
	dir, err := os.MkdirTemp("", "xencheck-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tool := filepath.Join(dir, "xencheck")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", tool, "./cmd/xencheck")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building xencheck: %w", err)
	}
	large := filepath.Join(dir, "large")
	if err := synthesize(large, 4096, 98304); err != nil {
		return fmt.Errorf("making the large machine: %w", err)
	}
	fmt.Printf("whole processes, %d runs of each in turn, medians (minimum)\n\n", runs)
	fmt.Printf("%-28s %-34s %8s %19s  %s\n", "xencheck", "against", "ratio", "", "peak memory")
	for _, c := range []struct {
		what string
		mine []string
		peer []string
		aim  string
	}{
		{"check, this machine", []string{tool}, []string{"lscpu"}, "at most 1.5"},
		{"check, this machine", []string{tool}, []string{"virt-host-validate"}, "at most 0.2"},
		{"check, this machine", []string{tool}, []string{"spectre-meltdown-checker"}, "at most 0.02"},
		{"check, 4096 CPUs", []string{tool, "--root", large}, []string{"lscpu", "--sysroot", large}, "below 1"},
	} {
		if _, err := exec.LookPath(c.peer[0]); err != nil {
			fmt.Printf("%-28s %-34s not installed\n", c.what, c.peer[0])
			continue
		}
		n := runs
		if c.peer[0] == "spectre-meltdown-checker" {
			n = min(n, 5) // it takes seconds
		}
		mine, peer, err := inTurn(c.mine, c.peer, n)
		if err != nil {
			return err
		}
		fmt.Printf("%-28s %-34s %8.3f  %7.2f / %-8.2f ms  %.1f MB (aim: %s)\n", c.what, strings.Join(c.peer[:1], " "),
			median(mine.ms)/median(peer.ms), median(mine.ms), median(peer.ms), float64(mine.rss)/1e6, c.aim)
	}
	return nil
}

// sample is what the runs of one program took.
type sample struct {
	ms  []float64 // wall time
	rss int64     // greatest peak resident memory, bytes
}

// inTurn runs two programs alternately, once uncounted and n times counted.
func inTurn(a, b []string, n int) (sample, sample, error) {
	var sa, sb sample
	for i := range n + 1 {
		for _, p := range []struct {
			argv []string
			s    *sample
		}{{a, &sa}, {b, &sb}} {
			ms, rss, err := once(p.argv)
			if err != nil {
				return sa, sb, err
			}
			if i > 0 {
				p.s.ms = append(p.s.ms, ms)
				p.s.rss = max(p.s.rss, rss)
			}
		}
	}
	return sa, sb, nil
}

func once(argv []string) (ms float64, rss int64, err error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	start := time.Now()
	err = cmd.Run()
	took := time.Since(start)
	// Verdicts and validators speak through exit codes; only failing to run is an error.
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, 0, err
	}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		rss = int64(u.Maxrss) * 1024 // getrusage(2): kilobytes on Linux
	}
	return float64(took.Microseconds()) / 1000, rss, nil
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// synthesize writes the tree of a large x86 machine: what lscpu and xencheck
// both read of one, and nothing else.
func synthesize(root string, cpus, blocks int) error {
	write := func(name, text string) error {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		return os.WriteFile(p, []byte(text), 0o644)
	}
	var info strings.Builder
	for i := range cpus {
		fmt.Fprintf(&info, "processor\t: %d\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Intel(R) Xeon(R) Platinum 8490H\nstepping\t: 8\n"+
			"physical id\t: %d\nsiblings\t: 128\ncore id\t\t: %d\ncpu cores\t: 64\nflags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush "+
			"mmx fxsr sse sse2 ht syscall nx pdpe1gb rdtscp lm constant_tsc vmx ept vpid cat_l3 cdp_l3 cqm rdt_a avx512f\n\n", i, i/128, i%64)
	}
	all := fmt.Sprintf("0-%d\n", cpus-1)
	files := map[string]string{
		"proc/cpuinfo": info.String(),
		"proc/meminfo": fmt.Sprintf("MemTotal: %d kB\n", blocks*128*1024/100*98),
		"sys/devices/system/memory/block_size_bytes": "8000000\n",
	}
	for _, f := range []string{"present", "possible", "online"} {
		files["sys/devices/system/cpu/"+f] = all
	}
	for name, text := range files {
		if err := write(name, text); err != nil {
			return err
		}
	}
	for i := range cpus {
		d := fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology/", i)
		for name, text := range map[string]string{"core_id": fmt.Sprint(i % 64), "physical_package_id": fmt.Sprint(i / 128), "thread_siblings": "1", "core_siblings": "1"} {
			if err := write(d+name, text+"\n"); err != nil {
				return err
			}
		}
	}
	for i := range blocks {
		if err := os.MkdirAll(filepath.Join(root, fmt.Sprintf("sys/devices/system/memory/memory%d", i)), 0o755); err != nil {
			return err
		}
	}
	return nil
}
