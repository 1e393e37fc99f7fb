//go:build packages

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the linters say has to be explained, tag by tag.
func TestLint(t *testing.T) {
	text, err := os.ReadFile("../LINT.md")
	if err != nil {
		t.Fatal(err)
	}
	deb := packed(t, "*_amd64.deb")
	rpm := packed(t, "*.x86_64.rpm")
	// rpmlint unpacks with cpio, which would write outside of its directory.
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "cpio"), []byte("#!/bin/sh\nexec /usr/bin/cpio --no-absolute-filenames \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for _, tt := range []struct {
		command []string
		line    *regexp.Regexp
	}{
		{[]string{"lintian", "--allow-root", deb}, regexp.MustCompile(`(?m)^([EW]): xencheck: (\S+)`)},
		{[]string{"rpmlint", rpm}, regexp.MustCompile(`(?m)^xencheck\.\S+: ([EW]): (\S+)`)},
	} {
		t.Run(tt.command[0], func(t *testing.T) {
			needs(t, tt.command[0])
			out, err := exec.Command(tt.command[0], tt.command[1:]...).CombinedOutput()
			found := tt.line.FindAllStringSubmatch(string(out), -1)
			if len(found) == 0 && err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, m := range found {
				if !strings.Contains(string(text), m[1]+" "+m[2]) {
					t.Errorf("not explained: %s", m[0])
				}
			}
		})
	}
}
