package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// The lines of a fleet are made in a way of their own, and are what
// encoding/json writes: of every machine here, of synthetic ones, by any
// release, and of comparisons.
func TestFleetLines(t *testing.T) {
	hosts := allHosts(t)
	s, _, _ := fake(nil)
	for _, waivers := range [][]rules.Waiver{nil, {{Rule: "host-memory", Reason: "r", Owner: "o", Expires: "2099-01-01"}, {Row: "kconfig", Reason: "r", Owner: "o", Expires: "2020-01-01"}}} {
		s.waivers = waivers
		j := newJudge(s, judgeOptions{failOn: string(report.FailNotSecurity), at: hostsNow()})
		var lines report.Lines
		var got []byte
		compare := func(i int, v any) {
			t.Helper()
			want, err := report.AppendLine(nil, v)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = lines.Append(got[:0], v); err != nil || !bytes.Equal(got, want) {
				k := 0
				for k < len(got) && k < len(want) && got[k] == want[k] {
					k++
				}
				t.Fatalf("host %d, %v: at byte %d\n got %.200s\nwant %.200s", i, err, k, got[max(k-100, 0):], want[max(k-100, 0):])
			}
		}
		for i, h := range hosts {
			var all []*report.Report
			for _, release := range []string{auto, "4.10", "4.17", "4.22"} {
				if i%4 > 0 && i > 200 && release != auto {
					continue // enough of the synthetic ones
				}
				r, err := j.report(h, release)
				if err != nil {
					t.Fatal(err)
				}
				compare(i, r)
				all = append(all, r)
			}
			compare(i, report.Compare(all))
		}
	}
}

// allHosts returns the machines of testdata/hosts, those recorded elsewhere,
// and synthetic ones.
func allHosts(t *testing.T) []*facts.Host {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(hostsDir, "*", "expected.txt"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no machines in %s: %v", hostsDir, err)
	}
	var hosts []*facts.Host
	for _, file := range dirs {
		hosts = append(hosts, collectHost(t, hostOf(t, filepath.Dir(file))))
	}
	dirs, _ = filepath.Glob(recordings + "/*/*")
	for _, dir := range dirs {
		for _, way := range waysToLook(dir) {
			h, err := report.DecodeHost([]byte(output(t, append([]string{"collect"}, way...)...)))
			if err != nil {
				t.Fatal(err)
			}
			hosts = append(hosts, h)
		}
	}
	made, err := exec.Command("go", "run", "../../bench/synthesize", "-n", "1000", "-seed", "5", "-faults", "0").Output()
	if err != nil {
		t.Fatalf("synthesize: %v", err)
	}
	for line := range bytes.Lines(made) {
		h, err := report.DecodeHost(line)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, h)
	}
	t.Logf("%d hosts", len(hosts))
	return hosts
}
