//go:build packages

package main

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unpackedTarball reads a tarball; its names are without the directory that
// all of them are below.
func unpackedTarball(t *testing.T, goarch string) (base string, files []member) {
	t.Helper()
	name := packed(t, "*-linux-"+goarch+".tar.gz")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	zipped, plain := streams(t, data)
	if len(zipped) != 1 || !bytes.Equal(zipped[0][3:10], []byte{0, 0, 0, 0, 0, 0, 255}) {
		t.Errorf("%d gzip streams, or one with a time or a name: % x", len(zipped), data[:10])
	}
	base = strings.TrimSuffix(filepath.Base(name), ".tar.gz")
	for _, m := range entries(t, bytes.NewReader(plain[0])) {
		rest, ok := strings.CutPrefix(m.Name, base+"/")
		if !ok || path.Clean(m.Name) != m.Name {
			t.Errorf("%s is not below %s", m.Name, base)
		}
		m.Name = rest
		files = append(files, m)
	}
	return base, files
}

// The tarball of each architecture has everything that a system without a
// package manager can use, and tells nothing of who packed it.
func TestTarball(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	source, err := findRelease(root, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range targets() {
		t.Run(target.goarch, func(t *testing.T) {
			_, files := unpackedTarball(t, target.goarch)
			listed := names(files)
			for _, want := range []string{"xencheck", "LICENSE", "share/doc/xencheck/THIRD-PARTY", "share/doc/xencheck/changelog.gz", "share/man/man1/xencheck.1.gz", "share/man/man1/xencheck-gate.1.gz",
				"share/bash-completion/completions/xencheck", "share/fish/vendor_completions.d/xencheck.fish", "share/zsh/site-functions/_xencheck",
				"share/xencheck/schema/report.json", "lib/systemd/system/xencheck.service", "lib/systemd/system/xencheck.timer"} {
				if !slices.Contains(listed, want) {
					t.Errorf("%s is missing", want)
				}
			}
			for _, m := range files {
				mode := int64(0o644)
				if m.Name == "xencheck" {
					mode = 0o755
				}
				if m.Typeflag != tar.TypeReg || m.Mode != mode || m.Uid != 0 || m.Gid != 0 || m.Uname != "" || m.Gname != "" || !m.ModTime.Equal(source.time) {
					t.Errorf("%s: type %c, mode %o, owner %d %q, group %d %q, of %v", m.Name, m.Typeflag, m.Mode, m.Uid, m.Uname, m.Gid, m.Gname, m.ModTime)
				}
				if bytes.Contains(m.data, []byte(root+"/")) {
					t.Errorf("%s names the directory %s", m.Name, root)
				}
			}
		})
	}
}

// The licence of everything that is in the binary comes with it.
func TestLicences(t *testing.T) {
	for _, target := range targets() {
		_, files := unpackedTarball(t, target.goarch)
		find := func(name string) []byte {
			i := slices.IndexFunc(files, func(m member) bool { return m.Name == name })
			if i < 0 {
				t.Fatalf("%s is missing", name)
			}
			return files[i].data
		}
		text := string(find("share/doc/xencheck/THIRD-PARTY"))
		info, err := buildinfo.Read(bytes.NewReader(find("xencheck")))
		if err != nil {
			t.Fatal(err)
		}
		if len(info.Deps) < 10 {
			t.Errorf("%s: only %d modules", target.goarch, len(info.Deps))
		}
		_, text, _ = strings.Cut(text, "\nGo, the standard library\n")
		for _, m := range info.Deps {
			_, after, ok := strings.Cut(text, "\n\n"+m.Path+" "+m.Version+"\n")
			if !ok {
				t.Errorf("%s: %s %s is in the binary, and its licence is not in THIRD-PARTY", target.goarch, m.Path, m.Version)
				continue
			}
			if rule, rest, _ := strings.Cut(after, "\n\n"); strings.Trim(rule, "=") != "" || !strings.Contains(rest[:min(len(rest), 1500)], "opyright") && !strings.Contains(rest[:min(len(rest), 1500)], "icense") {
				t.Errorf("%s: no licence below %s", target.goarch, m.Path)
			}
		}
	}
}
