package machines

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Definition is one machine: how it is booted, and what must be seen in it.
type Definition struct {
	Name  string // of the file, without its ending
	About string
	Arch  string // as Debian spells it: amd64, arm64, armhf
	// QEMU is the emulator and its arguments. A word may hold {SET:FILE}, a
	// part; {copy:SET:FILE}, a copy of it that the machine may write to; {job},
	// the initial ramdisk with xencheck in it, {job.gz}, the same compressed; and
	// {esp}, a folder that becomes an EFI system partition.
	QEMU []string
	// Linux is the set with the kernel that is booted, whose modules go into
	// the ramdisk. XL is the set with xl and xenstored; empty without.
	Linux, XL string
	// ESP lists the files of the EFI system partition by their path there; a
	// source is a part or, without braces, a file next to the definition.
	ESP   map[string]string
	Limit time.Duration // after which a boot has failed
	// Flaky says why the machine sometimes does not come up; it is then tried
	// once more. Empty for all others.
	Flaky  string
	Expect []Expectation
}

// ReadDefinitions reads all machines of a folder, in the order of their names.
func ReadDefinitions(dir string) ([]Definition, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.machine"))
	if err != nil {
		return nil, err
	}
	var out []Definition
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		d, err := parseDefinition(string(b))
		if err != nil {
			return nil, fmt.Errorf("%s:%w", filepath.Base(f), err)
		}
		d.Name = strings.TrimSuffix(filepath.Base(f), ".machine")
		out = append(out, d)
	}
	return out, nil
}

func parseDefinition(text string) (Definition, error) {
	d := Definition{ESP: map[string]string{}}
	for _, l := range readLines(text) {
		var err error
		switch l.word {
		case "about":
			d.About = strings.TrimSpace(d.About + " " + l.rest)
		case "arch":
			d.Arch = l.rest
		case "linux":
			d.Linux = l.rest
		case "xl":
			d.XL = l.rest
		case "limit":
			var seconds int
			seconds, err = strconv.Atoi(l.rest)
			d.Limit = time.Duration(seconds) * time.Second
		case "flaky":
			d.Flaky = l.rest
		case "qemu":
			var args []string
			args, err = splitArgs(l.rest)
			d.QEMU = append(d.QEMU, args...)
		case "esp":
			to, from, ok := strings.Cut(l.rest, " = ")
			if !ok {
				err = fmt.Errorf("not PATH = SOURCE: %q", l.rest)
			}
			d.ESP[strings.TrimSpace(to)] = strings.TrimSpace(from)
		default:
			var e Expectation
			e, err = parseExpectation(l)
			d.Expect = append(d.Expect, e)
		}
		if err != nil {
			return d, fmt.Errorf("%d: %w", l.number, err)
		}
	}
	switch {
	case !slices.Contains([]string{"amd64", "arm64", "armhf"}, d.Arch):
		return d, fmt.Errorf("1: arch is %q", d.Arch)
	case len(d.QEMU) < 2 || d.Linux == "" || d.About == "":
		return d, fmt.Errorf("1: about, linux and qemu have to be given")
	case d.Limit <= 0:
		return d, fmt.Errorf("1: limit has to be given, in seconds")
	case len(d.Expect) == 0:
		return d, fmt.Errorf("1: nothing is expected of the machine")
	}
	return d, nil
}

// GoArch is the architecture as Go spells it.
func (d Definition) GoArch() string {
	if d.Arch == "armhf" {
		return "arm"
	}
	return d.Arch
}
