//go:build packages

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// explained reads which tags of a linter LINT.md explains, and for which
// architectures: a table below a heading, of tag, packages and reason.
func explained(t *testing.T, linter string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../LINT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## "+linter+" ")
	if !ok {
		t.Fatalf("LINT.md says nothing of %s", linter)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	tags := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([EW] [^|]+?) \| ([^|]+?) \| ([^|]+?) \|$`).FindAllStringSubmatch(section, -1) {
		tags[m[1]] = strings.Split(m[2], ", ")
	}
	if len(tags) == 0 {
		t.Fatalf("LINT.md has no table for %s", linter)
	}
	return tags
}

// What the linters say of any package has to be explained, tag by tag, and what
// is explained has to be said.
func TestLint(t *testing.T) {
	// rpmlint unpacks with cpio, which would write outside of its directory.
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "cpio"), []byte("#!/bin/sh\nexec /usr/bin/cpio --no-absolute-filenames \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for _, linter := range []struct {
		name  string
		args  []string
		line  *regexp.Regexp
		files map[string]string // by architecture
	}{
		{"lintian", []string{"--allow-root", "--tag-display-limit", "0"}, regexp.MustCompile(`(?m)^([EW]): xencheck: (\S+)`),
			map[string]string{"amd64": "*_amd64.deb", "arm64": "*_arm64.deb", "armhf": "*_armhf.deb"}},
		{"rpmlint", nil, regexp.MustCompile(`(?m)^xencheck\.\S+: ([EW]): (\S+)`),
			map[string]string{"x86_64": "*.x86_64.rpm", "aarch64": "*.aarch64.rpm", "armv7hl": "*.armv7hl.rpm"}},
	} {
		t.Run(linter.name, func(t *testing.T) {
			needs(t, linter.name)
			reasons := explained(t, linter.name)
			said := map[string][]string{}
			for arch, pattern := range linter.files {
				out, err := exec.Command(linter.name, append(slices.Clone(linter.args), packed(t, pattern))...).CombinedOutput()
				found := linter.line.FindAllStringSubmatch(string(out), -1)
				if len(found) == 0 {
					t.Fatalf("%s: %v: %s", arch, err, out)
				}
				for _, m := range found {
					tag := m[1] + " " + m[2]
					if !slices.Contains(said[tag], arch) {
						said[tag] = append(said[tag], arch)
					}
					if for_, ok := reasons[tag]; !ok || for_[0] != "all" && !slices.Contains(for_, arch) {
						t.Errorf("not explained for %s: %s", arch, m[0])
					}
				}
			}
			for tag, archs := range reasons {
				if archs[0] == "all" {
					archs = nil
					for arch := range linter.files {
						archs = append(archs, arch)
					}
				}
				for _, arch := range archs {
					if !slices.Contains(said[tag], arch) {
						t.Errorf("explained, but not said of %s: %s", arch, tag)
					}
				}
			}
		})
	}
}

// An rpm is signed by whoever publishes it, with a key of theirs.
func TestSigned(t *testing.T) {
	needs(t, "gpg", "rpm")
	home, out := t.TempDir(), t.TempDir()
	const passphrase = "open sesame"
	gpg := func(args ...string) {
		t.Helper()
		if text, err := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", passphrase}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, text)
		}
	}
	t.Cleanup(func() {
		c := exec.Command("gpgconf", "--kill", "all")
		c.Env = append(os.Environ(), "GNUPGHOME="+home)
		_ = c.Run()
	})
	secret, public := filepath.Join(home, "secret.asc"), filepath.Join(home, "public.asc")
	gpg("--quick-generate-key", "Somebody <somebody@example.org>", "rsa2048", "sign", "never")
	gpg("--armor", "--output", secret, "--export-secret-keys")
	gpg("--armor", "--output", public, "--export")

	t.Setenv("XENCHECK_SIGN_PASSPHRASE", "wrong")
	if _, err := run(options{root: rootOf(t), out: out, only: "amd64", sign: secret}); err == nil {
		t.Error("signed with the wrong passphrase")
	}
	t.Setenv("XENCHECK_SIGN_PASSPHRASE", passphrase)
	if _, err := run(options{root: rootOf(t), out: out, only: "amd64", sign: secret}); err != nil {
		t.Fatal(err)
	}
	rpm := only(t, out, "*.x86_64.rpm")
	db := t.TempDir()
	if text, err := exec.Command("rpm", "--dbpath", db, "-K", rpm).CombinedOutput(); err == nil {
		t.Errorf("signed by nobody who is known, and rpm takes it: %s", text)
	}
	if text, err := exec.Command("rpm", "--dbpath", db, "--import", public).CombinedOutput(); err != nil {
		t.Fatal(err, string(text))
	}
	text, err := exec.Command("rpm", "--dbpath", db, "-K", rpm).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, text)
	}
	says(t, string(text), "digests signatures OK")
}

// rootOf returns the directory of xencheck's source.
func rootOf(t *testing.T) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}
