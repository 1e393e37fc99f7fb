package procfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
)

// ControlDomain reports whether /proc/xen/capabilities is that of a control
// domain. It is empty in an ordinary guest.
func ControlDomain(capabilities []byte) bool {
	for _, line := range lines(capabilities) {
		if Value(line) == "control_d" {
			return true
		}
	}
	return false
}

// XenVersion puts together the files of /sys/hypervisor/version
// (Documentation/ABI/stable/sysfs-hypervisor-xen).
func XenVersion(major, minor, extra []byte) (facts.XenVersion, error) {
	ma, err := Number(major, 10)
	if err != nil || ma > 99 {
		return facts.XenVersion{}, fmt.Errorf("major: not a version number: %.20q", major)
	}
	mi, err := Number(minor, 10)
	if err != nil || mi > 999 {
		return facts.XenVersion{}, fmt.Errorf("minor: not a version number: %.20q", minor)
	}
	return facts.XenVersion{Major: int(ma), Minor: int(mi), Extra: Value(extra)}, nil
}

// ParseXenVersion reads a full version as Xen's boot banner and package
// versions write it: 4.17.3-pre, 4.18-rc2, 4.13.5-9.38.
func ParseXenVersion(s string) (facts.XenVersion, error) {
	major, rest, ok := strings.Cut(s, ".")
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	if !ok || end == 0 {
		return facts.XenVersion{}, fmt.Errorf("not a Xen version: %.40q", s)
	}
	v, err := XenVersion([]byte(major), []byte(rest[:end]), []byte(rest[end:]))
	if err != nil {
		return v, fmt.Errorf("not a Xen version: %.40q", s)
	}
	return v, nil
}

// ErrNoVersion says that a file is a hypervisor whose name tells no version,
// such as the link xen.gz.
var ErrNoVersion = errors.New("the file name tells no version")

// ErrNotXen says that a file is no hypervisor image.
var ErrNotXen = errors.New("not the file name of a Xen hypervisor")

// InstalledXen reads the version out of the name of a hypervisor image in
// /boot: xen-4.17-amd64.gz, xen-4.20.4-pre.gz, xen-4.17.efi. It returns
// [ErrNoVersion] for xen.gz and its like and [ErrNotXen] for any other file,
// symbol tables and build settings included.
func InstalledXen(name string) (facts.XenVersion, error) {
	base, ok := strings.CutPrefix(name, "xen")
	if !ok {
		return facts.XenVersion{}, ErrNotXen
	}
	for _, suffix := range [...]string{".gz", ".efi", ".xz", ".zst"} {
		if cut, ok := strings.CutSuffix(base, suffix); ok {
			base = cut
			break
		}
	}
	for _, other := range [...]string{".map", ".config", ".debug", ".dbg", ".sig", ".cfg", ".elf32"} {
		if strings.HasSuffix(base, other) {
			return facts.XenVersion{}, ErrNotXen
		}
	}
	version, ok := strings.CutPrefix(base, "-")
	version = strings.TrimPrefix(version, "dbg-")
	version = strings.TrimPrefix(version, "debug-")
	switch {
	case base == "" || version == "dbg" || version == "debug":
		return facts.XenVersion{}, ErrNoVersion
	case !ok:
		return facts.XenVersion{}, ErrNotXen
	}
	arch := ""
	for _, a := range [...]string{"-amd64", "-arm64", "-armhf", "-x86_64", "-aarch64", "-d"} {
		if cut, ok := strings.CutSuffix(version, a); ok {
			version, arch = cut, a
			break
		}
	}
	// One number alone is a link to the newest of a major version: xen-4.gz.
	if _, err := strconv.Atoi(version); err == nil {
		return facts.XenVersion{}, ErrNoVersion
	}
	v, err := ParseXenVersion(version)
	if err != nil {
		return facts.XenVersion{}, ErrNotXen
	}
	v.Source = name
	switch arch {
	case "-amd64", "-arm64", "-armhf":
		v.Vendor = "Debian" // only its packages, and those made of them, add the architecture
	}
	return v, nil
}

// XenVendor names who built a Xen, from its version and changeset and the
// operating system of the machine, where these leave no reasonable doubt;
// empty otherwise. A Vendor the version already has is a weaker sign than the
// operating system.
func XenVendor(v facts.XenVersion, os OSRelease) string {
	extra := strings.ToLower(v.Extra)
	switch {
	case strings.Contains(extra, "ovm"):
		return "Oracle"
	case strings.Contains(extra, "amazon"):
		return "Amazon"
	case strings.Contains(extra, "xcpng") || strings.Contains(extra, "xcp-ng"):
		return "XCP-ng"
	case strings.Contains(extra, "qubes") || os.ID == "qubes":
		return "Qubes"
	case suseExtra(extra):
		return "SUSE"
	case strings.Contains(extra, "deb") && (strings.Contains(extra, "+deb") || strings.Contains(extra, "~deb")):
		return "Debian"
	case strings.Contains(extra, "ubuntu"):
		return "Ubuntu"
	}
	// XenServer and XCP-ng number their builds after a dash, .5-9.38, and keep
	// their patches in a queue that the changeset names.
	if os.ID == "xenenterprise" || strings.Contains(v.Changeset, ", pq ") {
		if release := dashRelease(extra); release || strings.Contains(v.Changeset, ", pq ") {
			switch name := strings.ToLower(os.Name + " " + os.PrettyName); {
			case strings.Contains(name, "xcp-ng"):
				return "XCP-ng"
			case strings.Contains(name, "xenserver"), strings.Contains(name, "citrix"):
				return "XenServer"
			}
		}
		return ""
	}
	switch {
	case os.ID == "fedora" && strings.Contains(extra, ".fc"):
		return "Fedora"
	case v.Vendor == "Debian" && os.ID == "ubuntu":
		return "Ubuntu"
	case v.Vendor != "":
		return v.Vendor
	case os.ID == "debian" && strings.HasSuffix(extra, "-pre"):
		// Debian builds from the stable branch between point releases.
		return "Debian"
	}
	return ""
}

// suseExtra recognises the patch level that SUSE puts behind an underscore:
// .4_08, _14-150500.3.6.1.
func suseExtra(extra string) bool {
	head, tail, ok := strings.Cut(extra, "_")
	if !ok || len(tail) < 2 || !allDigits([]byte(tail[:2])) || len(tail) > 2 && tail[2] != '-' && tail[2] != '.' {
		return false
	}
	return head == "" || head[0] == '.' && len(head) > 1 && allDigits([]byte(head[1:]))
}

// dashRelease recognises .5-9.38: a point release, a dash, numbers and dots.
func dashRelease(extra string) bool {
	point, release, ok := strings.Cut(extra, "-")
	if !ok || release == "" || release[0] < '0' || release[0] > '9' {
		return false
	}
	return point == "" || point[0] == '.' && allDigits([]byte(point[1:]))
}
