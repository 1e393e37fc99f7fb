package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// MemTotal returns the bytes of /proc/meminfo's MemTotal: what the kernel can
// hand out, always less than the machine's memory. The file's kB are KiB
// (Documentation/filesystems/proc.rst).
func MemTotal(meminfo []byte) (uint64, error) {
	for n, line := range lines(meminfo) {
		rest, ok := bytes.CutPrefix(line, []byte("MemTotal:"))
		if !ok {
			continue
		}
		f := strings.Fields(string(rest))
		if len(f) != 2 || f[1] != "kB" {
			return 0, fmt.Errorf("line %d: MemTotal is %.40q, not a number of kB", n, rest)
		}
		kib, err := strconv.ParseUint(f[0], 10, 64)
		if err != nil || kib > math.MaxUint64>>10 {
			return 0, fmt.Errorf("line %d: MemTotal is %.40q, not a number of kB", n, rest)
		}
		return kib << 10, nil
	}
	return 0, errors.New("no MemTotal")
}

// Zones is the sum over all zones of all nodes in /proc/zoneinfo, in pages.
type Zones struct {
	Count   int    // zones
	Nodes   int    // distinct NUMA nodes
	Present uint64 // pages of RAM that the kernel was told of, its own image included
	Managed uint64 // pages handed to the page allocator: MemTotal; 0 before Linux 3.9
}

// ParseZoneinfo reads /proc/zoneinfo.
func ParseZoneinfo(text []byte) (Zones, error) {
	var z Zones
	nodes := map[int]bool{}
	for n, line := range lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("Node ")); ok {
			node, _, found := strings.Cut(string(rest), ", zone")
			id, err := strconv.Atoi(node)
			if !found || err != nil || id < 0 {
				return Zones{}, fmt.Errorf("line %d: not the heading of a zone: %.60q", n, line)
			}
			nodes[id] = true
			z.Count++
			continue
		}
		f := bytes.Fields(line)
		if len(f) != 2 || z.Count == 0 {
			continue
		}
		sum := &z.Present
		switch string(f[0]) {
		case "present":
		case "managed":
			sum = &z.Managed
		default:
			continue
		}
		pages, err := strconv.ParseUint(string(f[1]), 10, 64)
		total, carry := bits.Add64(*sum, pages, 0)
		if err != nil || carry != 0 {
			return Zones{}, fmt.Errorf("line %d: %.40q is not a number of pages", n, f[1])
		}
		*sum = total
	}
	if z.Count == 0 {
		return Zones{}, errors.New("no zones")
	}
	z.Nodes = len(nodes)
	return z, nil
}

// PageSize returns the bytes of a page: of 4, 16 and 64 KiB the one for which
// the managed pages come closest to MemTotal, if they come within one per
// cent. Where they do not (before Linux 3.9, or while memory is still being
// handed over) it is the one for which the present pages make at least
// MemTotal and less than twice that, which can only err towards the smaller
// page. It returns false when neither holds.
func (z Zones) PageSize(memTotal uint64) (uint64, bool) {
	var best, least, fits uint64
	for _, size := range [...]uint64{4 << 10, 16 << 10, 64 << 10} {
		if high, sum := bits.Mul64(z.Managed, size); high == 0 {
			if off := max(sum, memTotal) - min(sum, memTotal); best == 0 || off < least {
				best, least = size, off
			}
		}
		if high, sum := bits.Mul64(z.Present, size); high == 0 && fits == 0 && sum >= memTotal && sum/2 < memTotal {
			fits = size
		}
	}
	if best != 0 && memTotal != 0 && least <= memTotal/100 {
		return best, true
	}
	return fits, fits != 0
}

// ErrHidden says that /proc/iomem was read without CAP_SYS_ADMIN: the kernel
// then shows every address as zero.
var ErrHidden = errors.New("addresses are hidden from this user")

// SystemRAM returns the bytes of the top-level "System RAM" ranges of
// /proc/iomem. Their ends are inclusive. It returns [ErrHidden] when the
// kernel showed zeros instead of addresses.
func SystemRAM(iomem []byte) (uint64, error) {
	type span struct{ first, last uint64 }
	var spans []span
	entries, zeros := 0, 0
	for n, line := range lines(iomem) {
		if len(line) == 0 || line[0] == ' ' {
			continue // inside another range
		}
		where, what, ok := strings.Cut(string(line), " : ")
		from, to, isRange := strings.Cut(where, "-")
		first, err1 := strconv.ParseUint(from, 16, 64)
		last, err2 := strconv.ParseUint(to, 16, 64)
		if !ok || !isRange || err1 != nil || err2 != nil || last < first {
			return 0, fmt.Errorf("line %d: not an address range: %.60q", n, line)
		}
		entries++
		if first == 0 && last == 0 {
			zeros++
		}
		if what == "System RAM" {
			spans = append(spans, span{first, last})
		}
	}
	switch {
	case entries == 0:
		return 0, errors.New("no address ranges")
	case entries == zeros:
		return 0, ErrHidden
	}
	slices.SortFunc(spans, func(a, b span) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	var sum uint64
	for i, s := range spans {
		if i > 0 && s.first <= spans[i-1].last {
			return 0, fmt.Errorf("system RAM at %#x is listed twice", s.first)
		}
		size, carry := bits.Add64(sum, s.last-s.first+1, 0)
		if carry != 0 || s.last-s.first == math.MaxUint64 {
			return 0, errors.New("more system RAM than there are addresses")
		}
		sum = size
	}
	return sum, nil
}

// MapEntry is one range of the memory map the firmware handed over, a folder
// of /sys/firmware/memmap (Documentation/ABI/testing/sysfs-firmware-memmap).
type MapEntry struct {
	First, Last uint64 // addresses, both inside the range
	Type        string // System RAM, Reserved, ACPI Tables, …
}

// ParseMapEntry reads the files start, end and type of one entry.
func ParseMapEntry(start, end, kind []byte) (MapEntry, error) {
	first, err := Number(start, 0)
	if err != nil {
		return MapEntry{}, fmt.Errorf("start: %w", err)
	}
	last, err := Number(end, 0)
	if err != nil {
		return MapEntry{}, fmt.Errorf("end: %w", err)
	}
	if last < first {
		return MapEntry{}, fmt.Errorf("range ends at %#x, before its start %#x", last, first)
	}
	return MapEntry{first, last, Value(kind)}, nil
}

// RAM returns the bytes of the entries that are System RAM. It returns false
// when there are none, or when two of them overlap.
func RAM(entries []MapEntry) (uint64, bool) {
	var ram []MapEntry
	for _, e := range entries {
		if e.Type == "System RAM" {
			ram = append(ram, e)
		}
	}
	slices.SortFunc(ram, func(a, b MapEntry) int {
		if a.First < b.First {
			return -1
		}
		return 1
	})
	var sum uint64
	for i, e := range ram {
		if i > 0 && e.First <= ram[i-1].Last || e.Last-e.First == math.MaxUint64 {
			return 0, false
		}
		sum += e.Last - e.First + 1 // disjoint ranges cannot overflow
	}
	return sum, len(ram) > 0
}
