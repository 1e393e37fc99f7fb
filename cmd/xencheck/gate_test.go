package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/probetest"
)

// hookAnswer tells gate what apt is about to do, and returns the answer, which
// is one valid object on one line whatever was asked.
func hookAnswer(t *testing.T, lines string, args ...string) (report.Gate, string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd, err := syscall.Dup(int(r.Fd())) // gate closes what it reads from
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = w.WriteString("VERSION 3\nAPT::Architecture=amd64\nDir=/\n\n" + lines)
		w.Close()
	}()
	s, out, errs := fake(map[string]string{"XENCHECK_AT": "2026-11-21", "XENCHECK_CONFIG": noConfig})
	code := run(append([]string{"gate", "--apt-hook", strconv.Itoa(fd), "--format", "json"}, args...), s)
	var g report.Gate
	if err := json.Unmarshal(out.Bytes(), &g); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	valid(t, compileSchema(t, "gate"), out.String())
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("not on a line of its own: %s", out)
	}
	if g.ExitMeaning != g.ExitCode.String() || code != g.ExitCode && code != report.ExitUsage {
		t.Errorf("exit code %d, but the answer says %d, %s", code, g.ExitCode, g.ExitMeaning)
	}
	return g, errs.String()
}

// archived returns an archive of a machine of testdata/hosts.
func archived(t *testing.T, name string) string {
	t.Helper()
	m, err := probetest.Load(filepath.Join(hostsDir, name))
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if _, err := probe.WriteRaw(context.Background(), &archive, liveMachine(m)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name+".tar.gz")
	if err := os.WriteFile(file, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What apt is about to do with packages of several releases, on a host that no
// release supports, with a mode that would refuse.
func TestGateTransactions(t *testing.T) {
	bad, good := archived(t, "x86-12tib-more"), archived(t, "x86-12tib")
	type answer struct {
		Names     string // of all packages, the first one first
		Xen       string
		By        string // the release whose statement it was
		Code      report.ExitCode
		Installed string
	}
	for _, tt := range []struct {
		name, host, lines string
		want              []answer
	}{
		{"two releases at once", bad, `xen-hypervisor-4.17-amd64 - - none < 4.17.7-1 amd64 none /a.deb
xen-hypervisor-4.20-amd64 - - none < 4.20.4-1 amd64 none /b.deb
xen-system-amd64 - - none < 4.20.4-1 amd64 none /c.deb
xen-hypervisor-4.17-amd64 - - none < 4.17.7-1 amd64 none **CONFIGURE**
`, []answer{
			{"xen-hypervisor-4.17-amd64", "4.17.7", "4.17", report.GateRefused, ""},
			{"xen-hypervisor-4.20-amd64 xen-system-amd64", "4.20.4", "4.20", report.GateRefused, ""},
		}},
		{"a meta package names the release", bad, "xen-system-amd64 - - none < 4.17.7+13-g2445b30a44-0+deb12u1 amd64 none /a.deb\n",
			[]answer{{"xen-system-amd64", "4.17.7 plus 13 commits", "4.17", report.GateRefused, ""}}},
		{"an update", bad, "xen-hypervisor-4.17-amd64 4.17.3-1 amd64 none < 4.17.5-1 amd64 none /a.deb\n",
			[]answer{{"xen-hypervisor-4.17-amd64", "4.17.5", "4.17", report.GateAdvised, "4.17.3-1"}}},
		{"an update with a new meta package beside it", bad, `xen-system-amd64 - - none < 4.17.5-1 amd64 none /a.deb
xen-hypervisor-4.17-amd64 4.17.3-1 amd64 none < 4.17.5-1 amd64 none /a.deb
`, []answer{{"xen-system-amd64 xen-hypervisor-4.17-amd64", "4.17.5", "4.17", report.GateAdvised, "4.17.3-1"}}},
		{"an update beside another release", bad, `xen-hypervisor-4.17-amd64 4.17.3-1 amd64 none < 4.17.5-1 amd64 none /a.deb
xen-hypervisor-4.20-amd64 - - none < 4.20.4-1 amd64 none /b.deb
`, []answer{
			{"xen-hypervisor-4.17-amd64", "4.17.5", "4.17", report.GateAdvised, "4.17.3-1"},
			{"xen-hypervisor-4.20-amd64", "4.20.4", "4.20", report.GateRefused, ""},
		}},
		{"another release", bad, "xen-system-amd64 4.14.6-1 amd64 none < 4.17.5-1 amd64 none /a.deb\n",
			[]answer{{"xen-system-amd64", "4.17.5", "4.17", report.GateRefused, "4.14.6-1"}}},
		{"back to an older release", bad, "xen-system-amd64 4.20.4-1 amd64 none > 4.17.5-1 amd64 none /a.deb\n",
			[]answer{{"xen-system-amd64", "4.17.5", "4.17", report.GateRefused, "4.20.4-1"}}},
		{"back within the release", bad, "xen-system-amd64 4.17.7-1 amd64 none > 4.17.5-1 amd64 none /a.deb\n",
			[]answer{{"xen-system-amd64", "4.17.5", "4.17", report.GateAdvised, "4.17.7-1"}}},
		{"the same again", bad, "xen-system-amd64 4.17.5-1 amd64 none = 4.17.5-1 amd64 none /a.deb\n",
			[]answer{{"xen-system-amd64", "4.17.5", "4.17", report.GateAdvised, "4.17.5-1"}}},
		{"removed, purged", bad, `xen-system-amd64 4.17.5-1 amd64 none > - - none **REMOVE**
xen-hypervisor-4.17-amd64 4.17.5-1 amd64 none > - - none **REMOVE**
`, []answer{}},
		{"what goes with every hypervisor", bad, `xen-hypervisor-common - - none < 4.17.5-1 amd64 none /a.deb
xen-utils-4.17 - - none < 4.17.5-1 amd64 none /a.deb
xen-utils-common - - none < 4.17.5-1 amd64 none /a.deb
libxenmisc4.17 - - none < 4.17.5-1 amd64 none /a.deb
xen-hypervisor-4.17-amd64-dbgsym - - none < 4.17.5-1 amd64 none /a.deb
xen-hypervisor-debuginfo - - none < 4.17.5-1 amd64 none /a.deb
xen-tools - - none < 4.9-1 all none /a.deb
`, []answer{}},
		{"an unstable one of a vendor", bad, "xen-hypervisor-unstable - - none < 4.21~20250630-1 amd64 none /a.deb\nqubes-xen - - none < 2001:4.17.5-3 amd64 none /b.deb\n",
			[]answer{{"xen-hypervisor-unstable", "4.21-snapshot", "4.21", report.GateRefused, ""}, {"qubes-xen", "4.17.5", "4.17", report.GateRefused, ""}}},
		{"nobody's release", bad, "xen-hypervisor-4.9-amd64 - - none < 4.9.2-1 amd64 none /a.deb\nxen-hypervisor-next - - none < 5.0-1 amd64 none /a.deb\nxen-hypervisor-git - - none < 20261101-1 amd64 none /a.deb\n",
			[]answer{{"xen-hypervisor-4.9-amd64", "4.9.2", "4.22", report.GateAdvised, ""}, {"xen-hypervisor-next", "5.0", "4.22", report.GateAdvised, ""}, {"xen-hypervisor-git", "", "4.22", report.GateAdvised, ""}}},
		{"a fit host", good, "xen-hypervisor-4.20-amd64 - - none < 4.20.4-1 amd64 none /a.deb\n",
			[]answer{{"xen-hypervisor-4.20-amd64", "4.20.4", "4.20", report.ExitOK, ""}}},
		{"named with its architecture", good, "xen-hypervisor-4.20-amd64:amd64 - - none < 4.20.4-1 amd64 none /a.deb\nxen-hypervisor-common:all - - none < 4.20.4-1 all none /a.deb\n",
			[]answer{{"xen-hypervisor-4.20-amd64:amd64", "4.20.4", "4.20", report.ExitOK, ""}}},
		{"of another architecture", good, "xen-hypervisor-4.20-arm64 - - none < 4.20.4-1 arm64 none /a.deb\n",
			[]answer{{"xen-hypervisor-4.20-arm64", "", "", report.GateNotJudged, ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, errs := hookAnswer(t, tt.lines, "--root", tt.host, "--mode", "refuse", "--match", "qubes-xen")
			got := []answer{}
			worst := report.ExitOK
			for _, p := range g.Packages {
				got = append(got, answer{strings.Join(append([]string{p.Package}, p.Also...), " "), p.Xen, p.Release, p.ExitCode, p.Installed})
				worst = max(worst, p.ExitCode)
				if (p.ExitCode == report.GateRefused) != strings.HasPrefix(p.Decision, "REFUSED: ") || p.Decision == "" {
					t.Errorf("%s: %d, %q", p.Package, p.ExitCode, p.Decision)
				}
				if (p.ExitCode == report.GateRefused || p.ExitCode == report.GateAdvised) && len(p.Reasons)+len(p.Remarks) == 0 {
					t.Errorf("%s: %d without a reason", p.Package, p.ExitCode)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if g.ExitCode != worst {
				t.Errorf("%d of %d", g.ExitCode, worst)
			}
			if foreign := strings.Contains(tt.name, "another architecture"); (errs != "") != foreign {
				t.Errorf("standard error: %q", errs)
			}
		})
	}
}

// On Arm a package says for how many bits its Xen is built; what somebody set
// counts before.
func TestGateArm(t *testing.T) {
	const line = "xen-hypervisor-4.20-%s - - none < 4.20.4-1 %s none /a.deb\n"
	for _, tt := range []struct {
		arch, host string
		judged     bool
	}{
		{"armhf", "a57-r1p3", true}, {"arm64", "a57-r1p3", true}, {"amd64", "a57-r1p3", false},
		{"armhf", "arm32-12gib", true}, {"arm64", "arm32-12gib", false}, {"all", "a57-r1p3", true},
	} {
		g, _ := hookAnswer(t, strings.ReplaceAll(line, "%s", tt.arch), "--root", archived(t, tt.host))
		if len(g.Packages) != 1 || (g.Packages[0].Verdict != "") != tt.judged {
			t.Errorf("%s on %s: %+v", tt.arch, tt.host, g.Packages)
		}
	}
	whole, _ := hookAnswer(t, strings.ReplaceAll(line, "%s", "arm64"), "--root", archived(t, "arm64-2tib"))
	half, _ := hookAnswer(t, strings.ReplaceAll(line, "%s", "armhf"), "--root", archived(t, "arm64-2tib"))
	same, _ := hookAnswer(t, strings.ReplaceAll(line, "%s", "armhf"), "--root", archived(t, "arm64-2tib"), "--xen-arch", "arm64")
	if whole.Packages[0].Headline == half.Packages[0].Headline && len(whole.Packages[0].Reasons) == len(half.Packages[0].Reasons) {
		t.Errorf("2 TiB are as good for 32 bits as for 64: %+v", half.Packages[0])
	}
	if d := cmp.Diff(whole.Packages[0].Headline, same.Packages[0].Headline); d != "" {
		t.Error(d)
	}
}

// A gate counts what is waived as little as an exit code does, and shows it.
func TestGateWaived(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/c.toml", []byte("[[waiver]]\nrow = \"x86-64--xeon-phi\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2026-12-31\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g, _ := hookAnswer(t, "xen-system-amd64 - - none < 4.20.4-1 amd64 none /a.deb\n",
		"--root", archived(t, "xeon-phi-knl"), "--mode", "refuse", "--config", dir+"/c.toml")
	p := g.Packages[0]
	if g.ExitCode == report.GateRefused || len(p.Waived) != 1 || p.Waived[0].Owner != "o" || len(p.Reasons) == 0 || !p.Reasons[0].Waived {
		t.Errorf("%+v", g)
	}
}

// A decision stands where nobody can be told of it: a full disk behind a log
// must not install what the administrator refuses.
func TestGateUnheard(t *testing.T) {
	for mode, want := range map[string]report.ExitCode{"refuse": report.GateRefused, "advise": report.ExitUsage, "ask": report.ExitUsage} {
		s, _, errs := fake(map[string]string{"XENCHECK_AT": "2026-11-21", "XENCHECK_CONFIG": noConfig})
		s.out = brokenWriter{syscall.ENOSPC}
		code := run([]string{"gate", "--package", "xen", "--version", "4.20.4", "--mode", mode, "--root", archived(t, "x86-12tib-more")}, s)
		if code != want || errs.String() != "xencheck: standard output: cannot be written: no space left on device\n" {
			t.Errorf("%s: exit code %d, want %d: %s", mode, code, want, errs)
		}
	}
}
