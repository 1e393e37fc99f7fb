//go:build packages

package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The man pages, the completions and the unit are what their readers take.
func TestDocuments(t *testing.T) {
	needs(t, "dpkg-deb")
	dir := t.TempDir()
	if out, err := exec.Command("dpkg-deb", "-x", packed(t, "*_amd64.deb"), dir).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	// shell runs a script that finds the package as if it were installed.
	shell := func(t *testing.T, name, script string, args ...string) string {
		t.Helper()
		needs(t, name)
		c := exec.Command("timeout", append([]string{"120", name}, append(args, "-c", script)...)...)
		c.Env = append(os.Environ(), "PATH="+dir+"/usr/bin:"+os.Getenv("PATH"), "ROOT="+dir, "LC_ALL=C.UTF-8", "TERM=dumb",
			"HOME="+t.TempDir(), "XDG_DATA_DIRS="+dir+"/usr/share:/usr/share", "XDG_CONFIG_HOME="+t.TempDir())
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	t.Run("man", func(t *testing.T) {
		pages, err := filepath.Glob(dir + "/usr/share/man/man1/*.1.gz")
		if err != nil {
			t.Fatal(err)
		}
		if commands := strings.Fields(shell(t, "sh", `
			below() { xencheck "$@" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'; }
			echo xencheck
			for c in $(below); do
				[ "$c" = help ] && continue
				echo "xencheck-$c"
				for d in $(below "$c"); do echo "xencheck-$c-$d"; done
			done`)); len(commands) != len(pages) {
			t.Errorf("%d pages for %d commands: %v", len(pages), len(commands), commands)
		} else {
			for _, c := range commands {
				if _, err := os.Stat(dir + "/usr/share/man/man1/" + c + ".1.gz"); err != nil {
					t.Error(err)
				}
			}
		}
		for _, page := range pages {
			data, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			zip, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(zip)
			if err != nil {
				t.Fatal(err)
			}
			for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO"} {
				if !strings.Contains(string(text), "\n.SH "+section+"\n") {
					t.Errorf("%s has no %s", filepath.Base(page), section)
				}
			}
		}
		says(t, shell(t, "sh", `man -l "$ROOT"/usr/share/man/man1/xencheck.1.gz`), "EXIT STATUS", "FILES", "/etc/xencheck/config.toml", "EXAMPLES", "xencheck domain web1.cfg", "xencheck-gate(1)")
		for reader, script := range map[string]string{
			"man":    `for p in "$ROOT"/usr/share/man/man1/*.gz; do man --warnings -l "$p" 2>&1 >/dev/null; done`,
			"groff":  `for p in "$ROOT"/usr/share/man/man1/*.gz; do zcat "$p" | groff -man -ww -z -Tutf8 -Kutf8 2>&1; done`,
			"mandoc": `for p in "$ROOT"/usr/share/man/man1/*.gz; do zcat "$p" | mandoc -T lint -W warning || true; done`,
		} {
			if _, err := exec.LookPath(reader); err != nil {
				t.Logf("%s is not installed", reader)
				continue
			}
			if out := shell(t, "sh", script); strings.TrimSpace(out) != "" {
				t.Errorf("%s warns:\n%s", reader, tail(out))
			}
		}
	})

	// Completed are a command, one below it, a flag, a value, a release, one
	// more of a list, and a row.
	completed := []struct{ begun, whole string }{
		{"xencheck nag", "xencheck nagios"},
		{"xencheck statement disti", "xencheck statement distil"},
		{"xencheck check --fail-o", "xencheck check --fail-on"},
		{"xencheck check --fail-on outs", "xencheck check --fail-on outside"},
		{"xencheck --xen 4.21", "xencheck --xen 4.21"},
		{"xencheck compare --xen 4.17,4.2", "xencheck compare --xen 4.17,4.20"},
		{"xencheck statement show 4.22 physical-memory--x8", "xencheck statement show 4.22 physical-memory--x86"},
	}
	last := func(line string) string { return line[strings.LastIndex(line, " ")+1:] }
	t.Run("bash", func(t *testing.T) {
		if _, err := os.Stat("/usr/share/bash-completion/bash_completion"); err != nil {
			t.Skip("bash-completion is not installed")
		}
		for _, c := range completed {
			// As when Tab is pressed: the loader finds the file by the name of the command.
			out := shell(t, "bash", `. /usr/share/bash-completion/bash_completion
				_completion_loader xencheck; [ $? -eq 124 ] || echo not loaded
				read -ra COMP_WORDS <<<'`+c.begun+`'; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE='`+c.begun+`' COMP_POINT=${#COMP_LINE} COMP_TYPE=9
				complete -p xencheck | grep -q __start_xencheck || echo not registered
				__start_xencheck 2>/dev/null; printf '<%s>\n' "${COMPREPLY[@]}"`, "--norc")
			if !strings.Contains(strings.ReplaceAll(out, " >", ">"), "<"+last(c.whole)+">") || strings.Contains(out, "not ") {
				t.Errorf("%s: no %s in %q", c.begun, last(c.whole), out)
			}
		}
	})
	t.Run("fish", func(t *testing.T) {
		for _, c := range completed {
			out := shell(t, "fish", `complete -C "`+c.begun+`"`)
			if !strings.Contains("\n"+strings.ReplaceAll(out, "\t", "\n"), "\n"+last(c.whole)+"\n") {
				t.Errorf("%s: no %s in %q", c.begun, last(c.whole), out)
			}
		}
	})
	t.Run("zsh", func(t *testing.T) {
		var lines, want []string
		for _, c := range completed {
			if !strings.Contains(c.begun, ",") { // where several fit zsh shows a menu
				lines, want = append(lines, "'"+c.begun+"'"), append(want, c.whole)
			}
		}
		// In a terminal of its own Tab is pressed, and then Ctrl-X, which writes
		// down what stands on the line, and empties it.
		out := shell(t, "zsh", `zmodload zsh/zpty
			said=$(mktemp)
			zpty shell 'zsh -f -i'
			zpty -w shell "PS1=; fpath=($ROOT/usr/share/zsh/vendor-completions \$fpath); autoload -U compinit; compinit -u -D; show() { print -r -- \"\$BUFFER\" >>$said; BUFFER= }; zle -N show; bindkey '^X' show; bindkey '^I' complete-word; print rea''dy"
			zpty -r shell line '*ready*'
			for begun in `+strings.Join(lines, " ")+`; do
				: >$said
				zpty -n -w shell $begun$'\t\x18'
				until [[ -s $said ]]; do sleep .1; done
				cat $said
			done
			zpty -d shell`, "-f")
		got := strings.Split(strings.TrimSpace(out), "\n")
		for i := range got {
			// A flag may be followed by = or a blank.
			got[i] = strings.TrimRight(got[i], " =")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, not %q", got, want)
		}
	})
	t.Run("systemd", func(t *testing.T) {
		needs(t, "systemd-analyze")
		// Without the units that they refer to nothing could be verified.
		if out := shell(t, "sh", `cp -an /lib/systemd/system/. "$ROOT"/usr/lib/systemd/system/; systemd-analyze --root="$ROOT" --man=no verify xencheck.service xencheck.timer`); out != "" {
			t.Errorf("systemd-analyze verify: %s", out)
		}
		exposure(t, shell(t, "sh", `systemd-analyze security --offline=yes "$ROOT"/usr/lib/systemd/system/xencheck.service`))
	})
}
