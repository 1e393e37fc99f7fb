// Command build makes xencheck's packages: deb, rpm and apk, and a static
// tarball, for each architecture that Xen runs on.
//
// The same commit gives the same bytes: versions come from the tag, times from
// the commit (or SOURCE_DATE_EPOCH), and nothing tells where it was built.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// target is an architecture as everybody calls it.
type target struct{ goarch, deb, rpm, apk string }

func targets() []target {
	return []target{
		{"amd64", "amd64", "x86_64", "x86_64"},
		{"arm64", "arm64", "aarch64", "aarch64"},
		{"arm", "armhf", "armv7hl", "armv7"},
	}
}

func main() {
	out := flag.String("o", "", "directory for the packages (default dist beside go.mod of xencheck)")
	version := flag.String("version", "", "version instead of the one that the tag tells")
	only := flag.String("arch", "", "only these architectures, such as amd64,arm")
	flag.Parse()
	if err := run(*out, *version, *only); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(out, version, only string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if out == "" {
		out = filepath.Join(root, "dist")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	rel, err := findRelease(root, version)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "xencheck-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	s := &stage{root: root, work: work, release: rel}
	if err := s.documents(); err != nil {
		return err
	}
	var made []string
	for _, t := range targets() {
		if only != "" && !slices.Contains(strings.Split(only, ","), t.goarch) {
			continue
		}
		binary, err := s.compile(t.goarch, false)
		if err != nil {
			return err
		}
		for _, format := range []string{"deb", "rpm", "apk"} {
			packed := binary
			if format != "apk" && t.goarch != "arm" {
				// Distributions want position-independent programs. The loader
				// that such a one names is that of glibc, so Alpine's is static.
				if packed, err = s.compile(t.goarch, true); err != nil {
					return err
				}
			}
			name, err := s.pack(format, t, packed, out)
			if err != nil {
				return fmt.Errorf("%s for %s: %w", format, t.goarch, err)
			}
			made = append(made, name)
		}
		name, err := s.tarball(t, binary, out)
		if err != nil {
			return fmt.Errorf("tarball for %s: %w", t.goarch, err)
		}
		made = append(made, name)
	}
	return sums(out, made)
}

// sums writes what sha256sum -c reads, and lists what was made.
func sums(dir string, names []string) error {
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), name)
		fmt.Printf("%9d %s\n", len(data), name)
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(b.String()), 0o644)
}
