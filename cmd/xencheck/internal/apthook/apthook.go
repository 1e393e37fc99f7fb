// Package apthook reads what apt tells a program before it installs packages:
// the protocol of DPkg::Pre-Install-Pkgs, version 3 (apt.conf(5)).
package apthook

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds on an input. An upgrade of a whole distribution has a few thousand
// packages, apt's own settings take some hundred lines.
const (
	maxLine     = 64 << 10
	maxPackages = 100_000
	maxInput    = 64 << 20
)

// ErrVersion is returned for a protocol version that is not known here.
var ErrVersion = errors.New("unknown version of apt's hook protocol; version 3 is expected")

// Package is one that apt is about to unpack.
type Package struct {
	Name string
	Old  string // version that is installed; empty for none
	New  string // version that will be
	Arch string // of the new one
	File string // the archive
}

// Transaction is what apt is about to do.
type Transaction struct {
	// Settings of apt that say where packages go, as apt spells them; lists
	// hold more than one value.
	Settings map[string][]string
	Packages []Package // to be unpacked; what is only removed or configured is left out
	// Problems names the lines that could not be read. The others were.
	Problems []string
}

// wanted are the settings that are kept, without the :: that lists end with.
var wanted = map[string]bool{"RootDir": true, "Dir": true, "DPkg::Chroot-Directory": true, "DPkg::Options": true}

// Parse reads all of r, also behind what is wrong with it: apt waits until
// somebody has. The error is not nil when nothing of it can be used.
func Parse(r io.Reader) (*Transaction, error) {
	in := bufio.NewReaderSize(io.LimitReader(r, maxInput+1), maxLine)
	defer func() { _, _ = io.Copy(io.Discard, r) }()
	t := &Transaction{Settings: map[string][]string{}}
	const ( // what a line is
		version = iota
		setting
		pkg
	)
	expect, read := version, 0
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		read += len(line)
		switch {
		case read > maxInput:
			return t, fmt.Errorf("line %d: more than %d MiB", n, maxInput>>20)
		case err != nil && err != io.EOF:
			return t, err
		case err == io.EOF && line == "":
			if expect == version {
				return nil, fmt.Errorf("empty: %w", ErrVersion)
			}
			if expect == setting {
				return t, fmt.Errorf("line %d: ends within apt's settings", n)
			}
			return t, nil
		}
		line = strings.TrimSuffix(line, "\n")
		switch expect {
		case version:
			if line != "VERSION 3" {
				return nil, fmt.Errorf("line %d: %s: %w", n, quote(line), ErrVersion)
			}
			expect = setting
		case setting:
			if line == "" {
				expect = pkg
				break
			}
			if key, value, ok := strings.Cut(line, "="); ok {
				if key = strings.TrimSuffix(key, "::"); wanted[key] {
					t.Settings[key] = append(t.Settings[key], unescape(value))
				}
			}
		case pkg:
			p, use, err := parsePackage(line)
			switch {
			case err != nil && len(t.Problems) < 20:
				t.Problems = append(t.Problems, fmt.Sprintf("line %d: %v", n, err))
			case use && len(t.Packages) == maxPackages:
				return t, fmt.Errorf("line %d: more than %d packages", n, maxPackages)
			case use:
				t.Packages = append(t.Packages, p)
			}
		}
	}
}

// parsePackage reads NAME OLD OLD-ARCH OLD-MULTIARCH DIRECTION NEW NEW-ARCH
// NEW-MULTIARCH ACTION. Only what comes from an archive is used.
func parsePackage(line string) (p Package, use bool, err error) {
	f := strings.SplitN(line, " ", 9)
	if len(f) != 9 || strings.Contains(line, "\r") {
		return p, false, fmt.Errorf("%s: expected nine fields, as version 3 has them", quote(line))
	}
	if f[0] == "" || !strings.Contains("<=>", f[4]) || len(f[4]) != 1 {
		return p, false, fmt.Errorf("%s: no package with a direction", quote(line))
	}
	if strings.HasPrefix(f[8], "**") {
		return p, false, nil // **CONFIGURE**, **REMOVE**
	}
	if f[5] == "-" || f[5] == "" || f[8] == "" {
		return p, false, fmt.Errorf("%s: an archive without a version", quote(line))
	}
	p = Package{Name: f[0], Old: f[1], New: f[5], Arch: f[6], File: f[8]}
	if p.Old == "-" {
		p.Old = ""
	}
	return p, true, nil
}

// unescape undoes apt's %XX, which stand for what would break a line.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// quote shows a line, or its beginning.
func quote(s string) string {
	if len(s) > 100 {
		s = s[:100] + "…"
	}
	return strconv.Quote(s)
}

// Elsewhere says where apt puts packages if that is not this system: in which
// directory. It is empty for this system.
func (t *Transaction) Elsewhere() string {
	for _, key := range []string{"RootDir", "Dir", "DPkg::Chroot-Directory"} {
		for _, dir := range t.Settings[key] {
			if strings.Trim(dir, "/.") != "" {
				return dir
			}
		}
	}
	for _, o := range t.Settings["DPkg::Options"] {
		for _, name := range []string{"--root=", "--instdir="} {
			if dir, ok := strings.CutPrefix(o, name); ok && strings.Trim(dir, "/.") != "" {
				return dir
			}
		}
	}
	return ""
}
