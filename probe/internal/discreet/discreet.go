// Package discreet blanks the parts of a configuration's strings that identify
// a machine or open it: UUIDs, MAC addresses, serial numbers, passwords, keys.
package discreet

import (
	"strings"

	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// Text returns s with such parts replaced by [procfs.Removed]. Parameters may
// be separated by blanks, commas, semicolons or ampersands, as in the device
// specifications of xl.cfg(5) and in QEMU's arguments; everything else of s
// stays as it is, but for bytes that are no UTF-8, which no report can show.
func Text(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	var b strings.Builder
	for len(s) > 0 {
		end := strings.IndexAny(s, " \t\r\n\x00,;&")
		if end < 0 {
			end = len(s)
		}
		b.WriteString(word(s[:end]))
		if end < len(s) {
			b.WriteByte(s[end])
			end++
		}
		s = s[end:]
	}
	return b.String()
}

// word blanks one parameter. Network block devices carry further parameters
// behind colons: rbd:pool/image:id=admin:key=….
func word(w string) string {
	if w == "" {
		return ""
	}
	if out := procfs.Redact(w); out != w {
		return out
	}
	if strings.Contains(w, "://") && strings.Contains(w, "@") {
		return procfs.Removed // user:password@ of an address without a key
	}
	if !strings.Contains(w, ":") {
		return w
	}
	parts := strings.Split(w, ":")
	for i, p := range parts {
		if strings.Contains(p, "=") {
			parts[i] = procfs.Redact(p)
		}
	}
	return strings.Join(parts, ":")
}

// Args is Text for each of a list of program arguments. An argument that
// follows one which announces a secret (-uuid, -password) is blanked whole.
func Args(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = Text(a)
		if i == 0 || !strings.HasPrefix(args[i-1], "-") || a == "" || strings.HasPrefix(a, "-") {
			continue
		}
		switch strings.TrimLeft(args[i-1], "-") {
		case "uuid", "password", "passwd", "secret", "token":
			out[i] = procfs.Removed
		}
	}
	return out
}
