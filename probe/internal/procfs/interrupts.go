package procfs

import (
	"bytes"
	"errors"
	"strings"
)

// Interrupts is what xencheck uses of /proc/interrupts.
type Interrupts struct {
	CPUs        int      // columns: CPUs online
	Controllers []string // names of interrupt controllers, each once, in order
}

// ParseInterrupts reads /proc/interrupts. Only rows of numbered interrupts
// name a controller.
func ParseInterrupts(text []byte) (Interrupts, error) {
	const most = 256 // no machine has more kinds of controller
	var in Interrupts
	seen := map[string]bool{}
	for n, line := range lines(text) {
		if n == 1 {
			for _, f := range bytes.Fields(line) {
				if !bytes.HasPrefix(f, []byte("CPU")) {
					return in, errors.New("the first line does not name CPUs")
				}
				in.CPUs++
			}
			if in.CPUs == 0 {
				return in, errors.New("the first line does not name CPUs")
			}
			continue
		}
		name := controller(line, in.CPUs)
		if name == "" || seen[name] || len(seen) == most {
			continue
		}
		seen[name] = true
		in.Controllers = append(in.Controllers, name)
	}
	if in.CPUs == 0 {
		return in, errors.New("empty")
	}
	return in, nil
}

// controller returns the name after the counts of a row "27: 5 8 GICv3 …".
func controller(line []byte, cpus int) string {
	label, rest, ok := bytes.Cut(line, []byte(":"))
	if label = bytes.TrimSpace(label); !ok || len(label) == 0 || !allDigits(label) {
		return ""
	}
	for range cpus {
		rest = bytes.TrimLeft(rest, " ")
		end := bytes.IndexByte(rest, ' ')
		if end <= 0 || !allDigits(rest[:end]) {
			return ""
		}
		rest = rest[end:]
	}
	rest = bytes.TrimLeft(rest, " ")
	if end := bytes.IndexByte(rest, ' '); end >= 0 {
		rest = rest[:end]
	}
	// PCI-MSI-0000:00:1f.2 is PCI-MSI of one device.
	if colon := bytes.IndexByte(rest, ':'); colon >= 0 {
		rest = rest[:max(0, bytes.LastIndexByte(rest[:colon], '-'))]
	}
	return Value(rest)
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// GIC returns the versions of the Arm interrupt controller that the names
// leave possible: 3 to 4 for GICv3 (Linux drives both by that name), 2 to 2
// for GICv2, 1 to 2 for GIC-0 and the plain GIC of older kernels. It returns
// false when no GIC is named.
func (in Interrupts) GIC() (low, high int, ok bool) {
	for _, name := range in.Controllers {
		switch {
		case name == "GICv3":
			return 3, 4, true
		case name == "GICv2":
			low, high, ok = 2, 2, true
		case (name == "GIC" || strings.HasPrefix(name, "GIC-")) && !ok:
			low, high, ok = 1, 2, true
		}
	}
	return low, high, ok
}

// ITS reports whether message interrupts pass through a GICv3 ITS.
func (in Interrupts) ITS() bool { return in.any("ITS-") }

// Xen reports whether interrupts are Xen event channels: the kernel is a Xen
// domain.
func (in Interrupts) Xen() bool { return in.any("xen-") }

func (in Interrupts) any(prefix string) bool {
	for _, name := range in.Controllers {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
