// Package prometheus holds no code: it tests the alert rules beside it, and the
// metrics of xencheck, with the programs that read them.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// need skips a test where a program of Prometheus is not installed.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	c := exec.Command(need(t, "promtool"), args...)
	c.Stdin = strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	} else if strings.HasPrefix(args[1], "metrics") && len(out) > 0 {
		t.Errorf("promtool %s: %s", strings.Join(args, " "), out)
	}
}

func TestRules(t *testing.T) {
	promtool(t, "", "check", "rules", "xencheck.rules.yml")
	promtool(t, "", "test", "rules", "xencheck.rules.test.yml")
}

// xencheck builds the program.
func xencheck(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "xencheck")
	if out, err := exec.Command("go", "build", "-o", bin, "../../cmd/xencheck").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// board is a host on paper that comes to findings.
func board(id string) []string {
	return []string{"--midr", "0x411fd071", "--memory", "16GiB", "--cpus", "8", "--id", id, "--at", "2026-11-21"}
}

// output runs xencheck, whose findings are no error here.
func output(t *testing.T, bin string, args ...string) string {
	t.Helper()
	out, err := exec.Command(bin, args...).Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1 && exit.ExitCode() != 3) {
		t.Fatalf("xencheck %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// The linter of Prometheus has nothing to say, neither of one host nor of many,
// by one release or by several, nor of what a fleet comes to.
func TestMetricsAreWellFormed(t *testing.T) {
	need(t, "promtool")
	bin := xencheck(t)
	promtool(t, output(t, bin, append(board("a"), "--format", "prometheus")...), "check", "metrics")
	var files []string
	for _, id := range []string{"a", `b"c\d`} {
		file := filepath.Join(t.TempDir(), "facts.json") // a folder each
		output(t, bin, "collect", "--memory", "4GiB", "--id", id, "-o", file)
		files = append(files, file)
	}
	promtool(t, output(t, bin, append([]string{"evaluate", "--format", "prometheus", "--xen", "4.10"}, files...)...), "check", "metrics")
	promtool(t, output(t, bin, "compare", "--format", "prometheus", "--xen", "auto,4.17,4.18,4.18@37fcb4c206,4.22", files[1]), "check", "metrics")
	promtool(t, output(t, bin, append([]string{"fleet", "--format", "prometheus", "--xen", "auto,4.17,4.22"}, files...)...), "check", "metrics")
	stream := filepath.Join(t.TempDir(), "reports.ndjson")
	output(t, bin, append([]string{"fleet", "--format", "ndjson", "-o", stream, "--xen", "auto,4.17,4.22"}, files...)...)
	promtool(t, output(t, bin, "render", "--format", "prometheus", stream), "check", "metrics")
}

// node_exporter hands out what xencheck wrote, and never a half of it while it
// is written anew.
func TestTextfileCollector(t *testing.T) {
	exporter := need(t, "prometheus-node-exporter")
	bin, dir := xencheck(t), t.TempDir()
	file := filepath.Join(dir, "xencheck.prom")
	args := slices.Concat([]string{"compare", "--xen", "4.17,4.22"}, board("a"), []string{"--format", "prometheus", "-o", file})
	output(t, bin, args...)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	c := exec.CommandContext(ctx, exporter, "--collector.disable-defaults", "--collector.textfile",
		"--collector.textfile.directory="+dir, "--web.listen-address="+address, "--web.disable-exporter-metrics")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = c.Wait() }()

	scrape := func() (string, error) {
		r, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return "", err
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		return string(body), err
	}
	var got string
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if got, err = scrape(); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	// It sorts labels and writes large numbers in another way; names, types and
	// the number of samples stay.
	shape := func(text string) map[string]int {
		n := map[string]int{}
		for line := range strings.Lines(text) {
			name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if name == "#" {
				n[line]++
				continue
			}
			name, _, _ = strings.Cut(name, "{")
			n[name]++
		}
		return n
	}
	want := shape(string(text))
	whole := func(got string) error {
		have := shape(got)
		for k, n := range want {
			if have[k] != n {
				return fmt.Errorf("%d times %q, want %d", have[k], k, n)
			}
		}
		if !strings.Contains(got, "\nnode_textfile_scrape_error 0\n") {
			return fmt.Errorf("the exporter could not read the file")
		}
		return nil
	}
	if err := whole(got); err != nil {
		t.Fatalf("%v in\n%s", err, got)
	}
	for _, line := range []string{
		"\nxencheck_exit_code 1\n", "\n" + `xencheck_security_support_end_timestamp_seconds{release="4.22"} 1.9432224e+09` + "\n",
		`xencheck_verdict{grade="not_security_supported",release="4.17",use="overall"} 1` + "\n",
		`xencheck_verdict{grade="not_security_supported",release="4.22",use="overall"} 1` + "\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("missing %q in\n%s", line, got)
		}
	}

	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				var exit *exec.ExitError
				if err := exec.Command(bin, args...).Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
					t.Errorf("xencheck: %v", err)
					return
				}
			}
		}
	}()
	for range 100 {
		got, err := scrape()
		if err == nil {
			err = whole(got)
		}
		if err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	<-done
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	hidden, _ := filepath.Glob(filepath.Join(dir, ".*.tmp"))
	if len(left) != 1 || len(hidden) != 0 {
		t.Errorf("left behind: %q %q", left, hidden)
	}
}
