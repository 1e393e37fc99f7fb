//go:build packages

package main

import (
	"os"
	"os/exec"
	"testing"
)

// The man pages, the completions and the unit are what their readers take.
func TestDocuments(t *testing.T) {
	deb := packed(t, "*_amd64.deb")
	needs(t, "dpkg-deb")
	dir := t.TempDir()
	if out, err := exec.Command("dpkg-deb", "-x", deb, dir).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	shell := func(t *testing.T, name, script string) string {
		t.Helper()
		needs(t, name)
		c := exec.Command(name, "-c", script)
		c.Env = append(os.Environ(), "PATH="+dir+"/usr/bin:"+os.Getenv("PATH"), "ROOT="+dir)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	t.Run("man", func(t *testing.T) {
		out := shell(t, "sh", `for p in "$ROOT"/usr/share/man/man1/*.gz; do man --warnings -l "$p" >/dev/null || echo "$p"; done; man -l "$ROOT"/usr/share/man/man1/xencheck.1.gz`)
		says(t, out, "EXIT STATUS", "FILES", "EXAMPLES")
	})
	t.Run("bash", func(t *testing.T) {
		if _, err := os.Stat("/usr/share/bash-completion/bash_completion"); err != nil {
			t.Skip("bash-completion is not installed")
		}
		out := shell(t, "bash", `. /usr/share/bash-completion/bash_completion; . "$ROOT"/usr/share/bash-completion/completions/xencheck
COMP_WORDS=(xencheck check --fail-on o) COMP_CWORD=3 COMP_LINE="xencheck check --fail-on o" COMP_POINT=26; __start_xencheck; echo "${COMPREPLY[@]}"`)
		says(t, out, "outside")
	})
	t.Run("fish", func(t *testing.T) {
		out := shell(t, "fish", `source $ROOT/usr/share/fish/vendor_completions.d/xencheck.fish; complete -C "xencheck gat"`)
		says(t, out, "gate")
	})
	t.Run("zsh", func(t *testing.T) {
		shell(t, "zsh", `zsh -n "$ROOT"/usr/share/zsh/vendor-completions/_xencheck`)
	})
	t.Run("systemd", func(t *testing.T) {
		needs(t, "systemd-analyze")
		// Without the units that they refer to nothing could be verified.
		if out := shell(t, "sh", `cp -an /lib/systemd/system/. "$ROOT"/lib/systemd/system/; systemd-analyze --root="$ROOT" --man=no verify xencheck.service xencheck.timer`); out != "" {
			t.Errorf("systemd-analyze verify: %s", out)
		}
		exposure(t, shell(t, "sh", `systemd-analyze security --offline=yes "$ROOT"/lib/systemd/system/xencheck.service`))
	})
}
