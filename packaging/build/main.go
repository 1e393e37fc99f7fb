// Command build makes xencheck's packages: deb, rpm and apk, and a static
// tarball, for each architecture that Xen runs on.
//
// The same commit gives the same bytes: versions come from the tag, times from
// the commit (or SOURCE_DATE_EPOCH), and nothing tells where it was built.
package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
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

// options are what the command line asks for.
type options struct {
	root    string // of xencheck's source
	out     string // where the packages go
	version string // instead of the one that the tag tells
	only    string // architectures by Go's names, with commas between; empty for all
	sign    string // file of an OpenPGP key that signs the rpms
}

func main() {
	var o options
	flag.StringVar(&o.out, "o", "", "`directory` for the packages (default dist beside go.mod of xencheck)")
	flag.StringVar(&o.version, "version", "", "`version` instead of the one that the tag tells, such as 1.2.3 or 1.2.3-rc1")
	flag.StringVar(&o.only, "arch", "", "only these `architectures`, such as amd64,arm")
	flag.StringVar(&o.sign, "sign", "", "sign the rpms with the OpenPGP secret key in `file`; XENCHECK_SIGN_PASSPHRASE unlocks it")
	flag.Parse()
	if err := start(o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// start fills in what was not said, and tells what was made.
func start(o options, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	var err error
	if o.root, err = moduleRoot(); err != nil {
		return err
	}
	if o.out == "" {
		o.out = filepath.Join(o.root, "dist")
	}
	if o.out, err = filepath.Abs(o.out); err != nil {
		return err
	}
	begin := time.Now()
	made, err := run(o)
	if err != nil {
		return err
	}
	for _, name := range made {
		info, err := os.Stat(filepath.Join(o.out, name))
		if err != nil {
			return err
		}
		fmt.Printf("%9d %s\n", info.Size(), name)
	}
	fmt.Printf("%d packages and SHA256SUMS in %s, made in %.0f s\n", len(made), o.out, time.Since(begin).Seconds())
	return nil
}

// chosen returns the targets that the options name.
func (o options) chosen() ([]target, error) {
	if o.only == "" {
		return targets(), nil
	}
	var chosen []target
	for arch := range strings.SplitSeq(o.only, ",") {
		i := slices.IndexFunc(targets(), func(t target) bool { return t.goarch == arch })
		if i < 0 {
			return nil, fmt.Errorf("-arch %q: expected amd64, arm64 or arm", arch)
		}
		chosen = append(chosen, targets()[i])
	}
	return chosen, nil
}

// run makes the packages, those of each architecture beside those of the
// others, and returns their names in order.
func run(o options) ([]string, error) {
	chosen, err := o.chosen()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return nil, err
	}
	rel, err := findRelease(o.root, o.version)
	if err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp("", "xencheck-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	s := &stage{root: o.root, work: work, release: rel, sign: o.sign}
	if err := s.documents(); err != nil {
		return nil, err
	}
	var (
		group sync.WaitGroup
		names = make([][]string, len(chosen))
		errs  = make([]error, len(chosen))
	)
	for i, t := range chosen {
		group.Go(func() { names[i], errs[i] = s.build(t, o.out) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	made := slices.Sorted(slices.Values(slices.Concat(names...)))
	return made, sums(o.out, made)
}

// build makes everything for one architecture.
func (s *stage) build(t target, out string) ([]string, error) {
	binary, err := s.compile(t.goarch, false)
	if err != nil {
		return nil, err
	}
	distributed := binary
	if t.goarch != "arm" {
		// Distributions want position-independent programs. The loader that
		// such a one names is that of glibc, so Alpine's is static.
		if distributed, err = s.compile(t.goarch, true); err != nil {
			return nil, err
		}
	}
	var made []string
	for _, format := range []string{"deb", "rpm", "apk"} {
		packed := distributed
		if format == "apk" {
			packed = binary
		}
		name, err := s.pack(format, t, packed, out)
		if err != nil {
			return nil, fmt.Errorf("%s for %s: %w", format, t.goarch, err)
		}
		made = append(made, name)
	}
	name, err := s.tarball(t, binary, out)
	if err != nil {
		return nil, fmt.Errorf("tarball for %s: %w", t.goarch, err)
	}
	return append(made, name), nil
}

// sums writes what sha256sum -c reads.
func sums(dir string, names []string) error {
	var b strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), name)
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(b.String()), 0o644)
}
