package probe

import (
	"bytes"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/internal/efiboot"
	"github.com/xencheck/xencheck/probe/internal/fdt"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/smbios"
	"github.com/xencheck/xencheck/probe/internal/xencall"
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
	case name == textInfo:
		return redactInfo(b)
	case name == textDmesg:
		return []byte(tellingConsole(b))
	case name == textCmdline:
		return []byte(redactXenLine(string(b)))
	case name == callCommandLine:
		return redactCommandLine(b)
	case strings.HasPrefix(name, textDomains+"/"), strings.HasPrefix(name, libxlData+"/"),
		strings.HasPrefix(name, xenEtc+"/auto/"), strings.HasPrefix(name, xenEtc+"/") && strings.HasSuffix(name, ".cfg"):
		return redactDomains(b)
	case name == "/etc/passwd":
		return onlyLines(b, "xen-qemuuser-")
	case inBoot(name) && path.Dir(name) != "/boot", strings.HasPrefix(name, grubDefaults), name == xlConf:
		return redactSettings(b)
	case isBootEntry(name):
		return redactBootEntry(b)
	case name == "/proc/cpuinfo":
		return withoutSerial(b)
	case name == "/proc/sysinfo":
		return onlyLines(b, "VM00 Control Program:", "LPAR Number:")
	case name == initEnviron:
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
	names = slices.Clone(names)
	keep := func(string) bool { return true }
	switch dir {
	case "/boot":
		keep = func(n string) bool {
			return strings.HasPrefix(strings.TrimPrefix(n, "config-"), "xen") || strings.EqualFold(n, "efi") || n == "boot.scr" || n == "uEnv.txt"
		}
	case "/usr/sbin", "/usr/local/sbin", "/usr/bin", "/sbin":
		keep = func(n string) bool { return n == "xl" }
	case "/etc/init.d", "/etc/rc.d", "/etc/rc.d/init.d", "/usr/local/etc/rc.d":
		keep = func(n string) bool { return n == "xencommons" }
	case "/run/systemd/system":
		keep = func(string) bool { return false }
	case "/sys/module":
		keep = func(n string) bool {
			return strings.Contains(n, "back") || strings.Contains(n, "bk") || strings.Contains(n, "xen")
		}
	case libxlData:
		keep = func(n string) bool { return strings.HasPrefix(n, "userdata-d.") && strings.HasSuffix(n, ".libxl-json") }
	case "/proc":
		// Processes are kept as the list of those that concern Xen.
		keep = func(n string) bool { return strings.Trim(n, "0123456789") != "" }
	case efivars:
		keep = func(n string) bool { return strings.HasPrefix(n, "SecureBoot") || strings.HasPrefix(n, "SetupMode") }
	case acpiTables:
		// These two carry product keys; not even that they exist need be told.
		keep = func(n string) bool { return !strings.HasPrefix(n, "MSDM") && !strings.HasPrefix(n, "SLIC") }
	}
	kept := []string{}
	for _, n := range names {
		if keep(n) {
			kept = append(kept, path.Base(publicName(path.Join(dir, n))))
		}
	}
	slices.Sort(kept)
	return kept
}

// redactBootEntry keeps of a boot entry of EFI's what tells which program it
// starts, and nothing of what it is called or of where exactly that is.
func redactBootEntry(b []byte) []byte {
	o, err := efiboot.Parse(b)
	if err != nil {
		return nil
	}
	o.File, o.Arguments = blankNames(o.File), blankNames(o.Arguments)
	return o.Encode()
}

// inBoot reports whether a path is one of boot loaders, whose files and folders
// are called after machines as well.
func inBoot(name string) bool {
	return strings.HasPrefix(name, "/boot/") || strings.HasPrefix(name, "/efi/")
}

// blankNames blanks the names of disks, partitions and machines in a text.
func blankNames(s string) string { return string(diskNames().ReplaceAllFunc([]byte(s), blanked)) }

// redactSettings blanks what identifies a machine or opens it in the settings
// and menus of boot loaders and of xl: identifiers of disks, passwords. Each
// byte is replaced by one, so that quotation marks and places stay what they
// are for whoever parses the text.
func redactSettings(b []byte) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		if first, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" ")); bytes.HasPrefix(first, []byte("password")) {
			line = append(bytes.Clone(first), '\n')
		}
		line = diskNames().ReplaceAllFunc(line, blanked)
		line = assignments().ReplaceAllFunc(line, func(a []byte) []byte {
			key, value, _ := bytes.Cut(a, []byte("="))
			if !blanks(string(a)) {
				return a
			}
			return append(append(bytes.Clone(key), '='), blanked(value)...)
		})
		out = append(out, line...)
	}
	return out
}

// blanked returns x for every byte.
func blanked(b []byte) []byte { return bytes.Repeat([]byte("x"), len(b)) }

// diskNames matches UUIDs, the shorter ones of FAT, and long hexadecimal names.
func diskNames() *regexp.Regexp {
	return regexp.MustCompile(`[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|\b[0-9A-F]{4}-[0-9A-F]{4}\b|\b[0-9A-Fa-f]{16,}\b`)
}

// assignments matches KEY=VALUE within a line.
func assignments() *regexp.Regexp { return regexp.MustCompile(`[\w.\-]+=[^\s"'={}]+`) }

// redactCommandLine blanks what identifies a machine in a recorded command
// line of Xen's.
func redactCommandLine(b []byte) []byte {
	var c xencall.CommandLine
	if err := json.Unmarshal(b, &c); err != nil {
		return nil
	}
	c.Text = redactXenLine(c.Text)
	out, err := json.Marshal(c)
	if err != nil {
		return nil
	}
	return out
}
