package probe

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/internal/fdt"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/smbios"
)

// redact returns the bytes of a source as they may leave the host: what
// identifies a machine or opens it is blanked, and what the facts rest on
// stays. A source that ought to be redacted and cannot be understood is kept
// back.
func redact(name string, b []byte) []byte {
	switch {
	case name == dmiTable:
		out, _ := smbios.Redact(b) // on an error, what it could not walk is zero
		return out
	case name == blobFile:
		out, err := fdt.Redact(b)
		if err != nil {
			return nil
		}
		return out
	case strings.HasPrefix(name, treeDir+"/"), strings.HasPrefix(name, procTree+"/"):
		return fdt.RedactProperty(path.Base(name), b)
	case name == "/proc/cmdline":
		return append([]byte(procfs.Redact(string(b))), '\n')
	case name == "/proc/cpuinfo":
		return withoutSerial(b)
	case name == "/proc/sysinfo":
		return onlyLines(b, "VM00 Control Program:", "LPAR Number:")
	case name == "/proc/1/environ":
		if c := procfs.ContainerFromEnviron(b); c != "" {
			return []byte("container=" + c + "\x00")
		}
		return nil
	case name == "/proc/1/cgroup":
		return identifiers().ReplaceAll(b, []byte("x"))
	}
	return b
}

// withoutSerial drops the values of the lines that tell an Arm board's or a
// mainframe's serial number.
func withoutSerial(b []byte) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		key, _, found := bytes.Cut(line, []byte(":"))
		k := strings.ToLower(strings.TrimSpace(string(key)))
		if found && (k == "serial" || strings.HasPrefix(k, "serial ")) {
			line = append(bytes.Clone(key), ':', '\n')
		}
		if found && strings.HasPrefix(k, "processor ") && bytes.Contains(line, []byte("identification")) {
			// s390: "processor 0: version = 00, identification = 1234AB, machine = 2964"
			line = identification().ReplaceAll(line, []byte("identification = 000000"))
		}
		out = append(out, line...)
	}
	return out
}

// onlyLines keeps the lines that begin with one of the keys.
func onlyLines(b []byte, keys ...string) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		if slices.ContainsFunc(keys, func(k string) bool { return bytes.HasPrefix(line, []byte(k)) }) {
			out = append(out, line...)
		}
	}
	return out
}

func identification() *regexp.Regexp {
	return regexp.MustCompile(`identification = [0-9A-Fa-f]+`)
}

// identifiers matches the hexadecimal names that container managers give to
// containers and pods.
func identifiers() *regexp.Regexp {
	return regexp.MustCompile(`[0-9a-f]{12,}|[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}`)
}

// redactNames returns the part of a list of names that matters, sorted.
func redactNames(dir string, names []string) []string {
	keep := func(string) bool { return true }
	switch dir {
	case "/boot":
		keep = func(n string) bool { return strings.HasPrefix(n, "xen") }
	case efivars:
		keep = func(n string) bool { return strings.HasPrefix(n, "SecureBoot") || strings.HasPrefix(n, "SetupMode") }
	case acpiTables:
		// These two carry product keys; not even that they exist need be told.
		keep = func(n string) bool { return !strings.HasPrefix(n, "MSDM") && !strings.HasPrefix(n, "SLIC") }
	}
	kept := []string{}
	for _, n := range names {
		if keep(n) {
			kept = append(kept, n)
		}
	}
	slices.Sort(kept)
	return kept
}
