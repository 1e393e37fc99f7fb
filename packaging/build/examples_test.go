//go:build packages

package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	butane "github.com/coreos/butane/config"
	"github.com/coreos/butane/config/common"
	ignition "github.com/coreos/ignition/v2/config"
	"gopkg.in/yaml.v3"
)

// example reads one of the examples.
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each example passes the validator of its format, where there is one here.
func TestExamples(t *testing.T) {
	for name, command := range map[string][]string{
		"preseed":   {"debconf-set-selections", "-c", "../examples/preseed.cfg"},
		"cloudinit": {"cloud-init", "schema", "--config-file", "../examples/cloud-config.yaml"},
		"kickstart": {"ksvalidator", "../examples/kickstart.cfg"},
		"scripts": {"shellcheck", "-e", "SC1091", "../files/apt/apt-hook", "../files/apt/apt-ask", "../files/dnf/dnf5-gate", "../files/zypp/xencheck", "../files/deb/config",
			"../files/deb/postinst", "../files/deb/prerm", "../files/deb/postrm",
			"../examples/hypervisor/preinst", "../examples/hypervisor/config", "testdata/guest/steps"},
	} {
		t.Run(name, func(t *testing.T) {
			needs(t, command[0])
			if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%v: %v: %s", command, err, out)
			}
		})
	}
	t.Run("ignition", func(t *testing.T) { ignitionUnit(t) })
	t.Run("kickstart's sections", func(t *testing.T) {
		// Every section ends, and none stands within another.
		within := ""
		for l := range strings.Lines(example(t, "kickstart.cfg")) {
			word, _, _ := strings.Cut(strings.TrimSpace(l), " ")
			switch {
			case word == "%end":
				if within == "" {
					t.Errorf("%s without a section", word)
				}
				within = ""
			case strings.HasPrefix(word, "%"):
				if within != "" {
					t.Errorf("%s within %s", word, within)
				}
				within = word
			}
		}
		if within != "" {
			t.Errorf("%s has no %%end", within)
		}
	})
	t.Run("embedded scripts", func(t *testing.T) {
		needs(t, "shellcheck")
		for name, script := range exampleScripts(t) {
			c := exec.Command("shellcheck", "-s", "sh", "-")
			c.Stdin = strings.NewReader(script)
			// A chain of && in one line asks for the code of all of it.
			c.Args = append(c.Args, "-e", "SC2181")
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", name, err, out)
			}
		}
	})
}

// ignitionUnit makes Ignition of Butane, holds it against Ignition's own
// validator, and returns what the unit runs.
func ignitionUnit(t *testing.T) string {
	t.Helper()
	out, report, err := butane.TranslateBytes([]byte(example(t, "xencheck.bu")), common.TranslateBytesOptions{})
	if err != nil || len(report.Entries) > 0 { // what --strict does not let pass
		t.Fatalf("%v: %s", err, report.String())
	}
	parsed, report, err := ignition.Parse(out)
	if err != nil || len(report.Entries) > 0 {
		t.Fatalf("%v: %s", err, report.String())
	}
	if len(parsed.Systemd.Units) != 1 || parsed.Systemd.Units[0].Contents == nil {
		t.Fatalf("%+v", parsed)
	}
	for l := range strings.Lines(*parsed.Systemd.Units[0].Contents) {
		if line, ok := strings.CutPrefix(l, "ExecStart="); ok {
			return strings.TrimSpace(line)
		}
	}
	t.Fatal("the unit runs nothing")
	return ""
}

// cloudConfig is what the example for cloud-init uses.
type cloudConfig struct {
	Bootcmd    [][]string `yaml:"bootcmd"`
	WriteFiles []struct {
		Path    string `yaml:"path"`
		Content string `yaml:"content"`
	} `yaml:"write_files"`
}

// exampleScripts takes the scripts out of the examples, each as the program
// that reads the example runs it.
func exampleScripts(t *testing.T) map[string]string {
	t.Helper()
	_, early, ok := strings.Cut(strings.ReplaceAll(example(t, "preseed.cfg"), "\\\n", ""), "preseed/early_command string ")
	early, _, ok2 := strings.Cut(early, "\n")
	_, pre, ok3 := strings.Cut(example(t, "kickstart.cfg"), "\n%pre ")
	_, pre, ok4 := strings.Cut(pre, "\n")
	pre, _, ok5 := strings.Cut(pre, "%end")
	var cloud cloudConfig
	if err := yaml.Unmarshal([]byte(example(t, "cloud-config.yaml")), &cloud); err != nil {
		t.Fatal(err)
	}
	if !ok || !ok2 || !ok3 || !ok4 || !ok5 || len(cloud.Bootcmd) != 1 {
		t.Fatal("an example has no script")
	}
	boot := cloud.Bootcmd[0]
	return map[string]string{"preseed": early, "kickstart": pre, "cloud-init": boot[len(boot)-1]}
}

// The scripts of the examples do what they say, with a mirror that has the
// binary, one that has another file, and one that has none.
func TestExamplesRun(t *testing.T) {
	s := installed(t)
	binary, err := os.ReadFile(filepath.Join(s.root, "usr/bin/xencheck"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"wget":   "#!/bin/sh\n[ -e /mirror ] || exit 4\nwhile [ $# -gt 1 ]; do case $1 in -O | -*o) cp /mirror \"$2\"; shift ;; esac; shift; done\n",
		"reboot": "#!/bin/sh\n: > /rebooted\n",
		"sleep":  "#!/bin/sh\n",
	} {
		s.write("/stub/"+name, text)
	}
	s.do("cp", "/stub/wget", "/stub/curl")
	marker := func(name string) bool {
		_, err := os.Stat(filepath.Join(s.root, name))
		return err == nil
	}
	for name, script := range exampleScripts(t) {
		for _, tt := range []struct {
			host, mirror    string
			refused, judged bool
		}{
			{"good", string(binary), false, true},
			{"bad", string(binary), true, true},
			{"bad", "another file", false, false},
			{"bad", "", false, false},
		} {
			s.do("rm", "-f", "/mirror", "/rebooted", "/tmp/xencheck", "/run/xencheck", "/run/xencheck.json")
			if tt.mirror != "" {
				s.write("/mirror", tt.mirror)
			}
			sum := fmt.Sprintf("%x", sha256.Sum256(binary))
			out, code := s.try("XENCHECK_ROOT=/hosts/"+tt.host, "PATH=/stub:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", strings.ReplaceAll(script, strings.Repeat("0", 64), sum))
			what := fmt.Sprintf("%s, the %s host, %.12q", name, tt.host, tt.mirror)
			switch name {
			case "preseed":
				if marker("rebooted") != tt.refused {
					t.Errorf("%s: rebooted: %t:\n%s", what, !tt.refused, tail(out))
				}
			case "kickstart":
				if (code != 0) != tt.refused {
					t.Errorf("%s: exit code %d:\n%s", what, code, tail(out))
				}
			case "cloud-init":
				kept, err := os.ReadFile(filepath.Join(s.root, "run/xencheck.json"))
				if (err == nil) != tt.judged || code != 0 {
					t.Errorf("%s: exit code %d, %v:\n%s", what, code, err, tail(out))
				}
				var report struct{ Kind string }
				if err := json.Unmarshal(kept, &report); tt.judged && (err != nil || report.Kind != "xencheck-report") {
					t.Errorf("%s: %v, %+v", what, err, report)
				}
				continue
			}
			if strings.Contains(out, "is Xen 4.20.4") != tt.judged {
				t.Errorf("%s: judged: %t:\n%s", what, !tt.judged, tail(out))
			}
		}
	}
	var cloud cloudConfig
	if err := yaml.Unmarshal([]byte(example(t, "cloud-config.yaml")), &cloud); err != nil {
		t.Fatal(err)
	}
	s.write(cloud.WriteFiles[0].Path, cloud.WriteFiles[0].Content)
	says(t, s.do("xencheck", "config"), "mode refuse "+cloud.WriteFiles[0].Path)
	s.write(cloud.WriteFiles[0].Path, "")
	// What Ignition's unit runs.
	s.write("/opt/bin/xencheck", string(binary))
	s.do("mkdir", "-p", "/var/lib/xencheck") // the unit's StateDirectory
	out, code := s.try(append([]string{"XENCHECK_ROOT=/hosts/bad"}, strings.Fields(ignitionUnit(t))...)...)
	if code != 1 || !marker("var/lib/xencheck/report.json") {
		t.Errorf("exit code %d:\n%s", code, tail(out))
	}
}

// A hypervisor's own package asks by itself, with dpkg alone.
func TestHypervisorPackage(t *testing.T) {
	s := installed(t)
	s.do("rm", "/etc/apt/apt.conf.d/20xencheck")
	const name = "xen-hypervisor-4.20-amd64"
	for file, text := range map[string]string{
		"DEBIAN/control":   "Package: " + name + "\nVersion: 4.20.4-1\nArchitecture: amd64\nMaintainer: nobody <nobody@example.org>\nDepends: debconf\nDescription: stand-in\n",
		"DEBIAN/preinst":   example(t, "hypervisor/preinst"),
		"DEBIAN/config":    example(t, "hypervisor/config"),
		"DEBIAN/templates": example(t, "hypervisor/templates"),
		"DEBIAN/postrm":    "#!/bin/sh\nset -e\n[ \"$1\" != purge ] || { . /usr/share/debconf/confmodule; db_purge; }\n",
		"boot/xen.gz":      "x",
	} {
		s.write("/toy/"+file, text)
	}
	s.do("dpkg-deb", "--build", "/toy", "/toy.deb")
	const question = "Install Xen on this host nevertheless?"
	for _, tt := range []struct {
		name, host, mode, preseed, answer string
		there                             bool
		says                              string
	}{
		{"fit", "good", "refuse", "", "", true, "Nothing speaks against installing it."},
		{"advise", "bad", "advise", "", "", true, "xencheck is set to advise"},
		{"refuse", "bad", "refuse", "", "", false, "REFUSED"},
		{"preseeded yes", "bad", "ask", "true", "", true, "the administrator decides"},
		{"preseeded no", "bad", "ask", "false", "", false, "the administrator decides"},
		{"nobody to ask", "bad", "ask", "", "", true, "the administrator decides"},
		{"answered yes", "bad", "ask", "", "yes", true, question},
		{"answered no", "bad", "ask", "", "no", false, question},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.t = t
			defer s.try("sh", "-c", "dpkg --purge --force-remove-reinstreq "+name+"; echo PURGE | debconf-communicate "+name)
			env := []string{"XENCHECK_ROOT=/hosts/" + tt.host, "XENCHECK_GATE_MODE=" + tt.mode}
			if tt.preseed != "" {
				s.do("sh", "-c", "echo "+name+" "+name+"/install-anyway boolean "+tt.preseed+" | debconf-set-selections")
			}
			var out string
			if tt.answer == "" {
				out, _ = s.try(append(env, "dpkg", "-i", "/toy.deb")...)
			} else {
				out = s.terminal("dpkg -i /toy.deb", env, [2]string{question, tt.answer + "\n"})
			}
			says(t, out, tt.says)
			status, _ := s.try("dpkg-query", "-W", "-f=${Status}", name)
			if there := strings.Contains(status, "install ok installed"); there != tt.there {
				t.Errorf("installed: %t:\n%s", there, tail(out))
			}
		})
	}
	s.t = t
	// Without xencheck it is a package as any other.
	s.do("apt-get", "purge", "-y", "-q", "xencheck")
	s.do("dpkg", "-i", "/toy.deb")
}
