package procfs

import (
	"bytes"
	"errors"
	"strings"
)

// Mount is one mounted file system.
type Mount struct {
	Target string // where, as seen by the process
	Type   string // efivarfs, xenfs, sysfs, …
}

// Mounts is the mounted file systems in the order of mounting.
type Mounts []Mount

// ParseMounts reads /proc/self/mountinfo or /proc/mounts (proc(5)).
func ParseMounts(text []byte) (Mounts, error) {
	var all Mounts
	for _, line := range lines(text) {
		f := bytes.Fields(line)
		// mountinfo: id parent major:minor root target options … - type source …
		if i := separator(f); i >= 6 && i+1 < len(f) && bytes.Contains(f[2], []byte(":")) {
			all = append(all, Mount{unescape(f[4]), string(f[i+1])})
			continue
		}
		// mounts: source target type options 0 0
		if len(f) == 6 {
			all = append(all, Mount{unescape(f[1]), string(f[2])})
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no mounts")
	}
	return all, nil
}

func separator(fields [][]byte) int {
	for i, f := range fields {
		if len(f) == 1 && f[0] == '-' {
			return i
		}
	}
	return -1
}

// unescape undoes \040 and its like, as the kernel writes blanks in names.
func unescape(b []byte) string {
	var s strings.Builder
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) && octal(b[i+1]) && octal(b[i+2]) && octal(b[i+3]) && b[i+1] <= '3' {
			s.WriteByte((b[i+1]-'0')<<6 | (b[i+2]-'0')<<3 | (b[i+3] - '0'))
			i += 3
			continue
		}
		s.WriteByte(b[i])
	}
	return s.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }

// At returns the type of the file system mounted at a place; empty when
// nothing is. A later mount hides an earlier one.
func (m Mounts) At(target string) string {
	for i := len(m) - 1; i >= 0; i-- {
		if m[i].Target == target {
			return m[i].Type
		}
	}
	return ""
}

// Has reports whether a file system of this type is mounted anywhere.
func (m Mounts) Has(fstype string) bool {
	for _, x := range m {
		if x.Type == fstype {
			return true
		}
	}
	return false
}
