package probe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xencall"
	"github.com/xencheck/xencheck/probe/xencmdline"
)

const (
	memoryBlocks = "/sys/devices/system/memory"
	firmwareMap  = "/sys/firmware/memmap"
	// maxZoneCPUs is up to how many CPUs zoneinfo is read: it has a paragraph
	// for each of them in each zone.
	maxZoneCPUs = 64
)

// memoryBounds gathers what the sources leave possible: the host has at least
// the greatest of the lower bounds and, when anything bounds it, at most the
// greatest of the upper ones. The greatest, because every source may miss
// something and none invents memory.
type memoryBounds struct {
	min        uint64
	max        uint64
	minSource  string
	maxSources []string
}

func (b *memoryBounds) atLeast(n uint64, source string) {
	if n > b.min {
		b.min, b.minSource = n, source
	}
}

func (b *memoryBounds) atMost(n uint64, source string) {
	b.max = max(b.max, n)
	b.maxSources = append(b.maxSources, source)
}

// readMemory reads every source of the amount of memory, each with what its
// number means, and what they leave possible together.
func (s *session) readMemory() {
	m := &s.host.Memory
	if n := s.opts.Memory; n != 0 {
		s.reading(n, facts.Given, "--memory")
		m.Physical = facts.Is(facts.Exactly(n), "--memory")
		return
	}
	var b memoryBounds
	var notes []string
	total, totalLook := s.readMemTotal(&b)
	if s.underXen {
		s.readXenMemory(b, total, totalLook)
		return
	}
	installed := s.readInstalled()
	firmware := s.readFirmwareMap()
	blocks := s.readBlocks()
	s.readTreeMemory(&b, &notes)
	// On Arm the kernel also counts what EFI describes as cacheable and keeps
	// for itself, such as flash (drivers/firmware/efi/efi-init.c): more than
	// there is memory.
	if firmware == 0 && installed == 0 && b.max == 0 && !s.host.Machine.Arch.Value.Arm() {
		s.readZones(total, &b)
	}

	restriction := s.memoryRestriction()
	if firmware > 0 {
		b.atLeast(firmware, firmwareMap)
		b.atMost(firmware, firmwareMap)
	}
	if blocks > 0 && restriction == "" {
		b.atMost(blocks, memoryBlocks)
	} else if blocks > 0 {
		notes = append(notes, restriction)
	}
	if installed > 0 {
		b.atMost(installed, s.smbiosSource)
		view := max(total, firmware, blocks)
		switch {
		case view > 0 && installed < total, view > 0 && installed/2 > view:
			notes = append(notes, fmt.Sprintf("SMBIOS tells of %d bytes, the kernel of %d", installed, view))
			m.Physical.Conflicts = []facts.Conflict{
				{Value: strconv.FormatUint(installed, 10), Source: s.smbiosSource},
				{Value: strconv.FormatUint(view, 10), Source: kernelView(total, firmware, blocks)},
			}
		}
	}
	if b.min == 0 && b.max == 0 {
		s.host.Memory.Physical = facts.Not[facts.Range](s.noMemory(totalLook))
		return
	}
	r := facts.Range{Min: b.min}
	if b.max > 0 && b.max >= b.min {
		r.Max = &b.max
	}
	conflicts := m.Physical.Conflicts
	m.Physical = facts.Is(r, sourcesOf(b)).WithNote(strings.Join(notes, "; "))
	m.Physical.Conflicts = conflicts
}

func kernelView(total, firmware, blocks uint64) string {
	switch max(total, firmware, blocks) {
	case firmware:
		return firmwareMap
	case blocks:
		return memoryBlocks
	}
	return "/proc/meminfo"
}

func sourcesOf(b memoryBounds) string {
	all := []string{}
	for _, name := range append([]string{b.minSource}, b.maxSources...) {
		if name != "" && !strings.Contains(strings.Join(all, ", ")+",", name+",") {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}

// noMemory says why nothing is known of the memory.
func (s *session) noMemory(total look) *facts.Problem {
	if s.board != nil && !s.board.Stub {
		return &facts.Problem{Cause: facts.Incomplete, Source: s.boardSource,
			Detail: "the device tree leaves the amount of memory to the boot loader", Remedy: "give --memory"}
	}
	if total.problem != nil {
		p := *total.problem
		if s.isPaper() {
			p.Remedy = "give --memory"
		}
		return &p
	}
	return total.why()
}

// reading records one source's number.
func (s *session) reading(n uint64, meaning facts.MemoryMeaning, source string) {
	s.host.Memory.Readings = append(s.host.Memory.Readings, facts.MemoryReading{Bytes: n, Meaning: meaning, Source: source})
}

// readMemTotal reads /proc/meminfo (proc(5)).
func (s *session) readMemTotal(b *memoryBounds) (uint64, look) {
	l := s.file("/proc/meminfo", smallFile)
	if !l.known() {
		return 0, l
	}
	n, err := procfs.MemTotal(l.data)
	if err != nil {
		l.state, l.problem = facts.Unknown, s.damaged(l, err)
		return 0, l
	}
	s.reading(n, facts.MemTotal, l.source)
	b.atLeast(n, l.source)
	return n, l
}

// readInstalled returns the modules that SMBIOS tells of; 0 when it does not
// know all of them.
func (s *session) readInstalled() uint64 {
	if s.smbios == nil || s.smbios.Memory.Installed == 0 {
		return 0
	}
	s.reading(s.smbios.Memory.Installed, facts.Installed, s.smbiosSource)
	if !s.smbios.Memory.InstalledKnown {
		return 0
	}
	return s.smbios.Memory.Installed
}

// readFirmwareMap sums the RAM in the memory map that the firmware handed over
// (Documentation/ABI/testing/sysfs-firmware-memmap). It is the original map:
// mem= does not change it.
func (s *session) readFirmwareMap() uint64 {
	list := s.dir(firmwareMap, maxEntries)
	if !list.known() || len(list.names) == 0 {
		return 0
	}
	var entries []procfs.MapEntry
	for _, n := range numbered(list.names, "") {
		dir := firmwareMap + "/" + strconv.Itoa(n) + "/"
		kind := s.fileQuietly(dir+"type", smallFile)
		start, end := s.fileQuietly(dir+"start", smallFile), s.fileQuietly(dir+"end", smallFile)
		for _, l := range []look{kind, start, end} {
			if !l.known() {
				s.note(look{source: list.source, state: facts.Unknown, problem: l.why()})
				return 0
			}
		}
		e, err := procfs.ParseMapEntry(start.data, end.data, kind.data)
		if err != nil {
			s.damaged(list, err)
			return 0
		}
		entries = append(entries, e)
	}
	n, ok := procfs.RAM(entries)
	if !ok {
		s.damaged(list, errors.New("no RAM, or ranges that overlap"))
		return 0
	}
	s.reading(n, facts.FirmwareMap, list.source)
	return n
}

// readBlocks counts the memory blocks that the kernel manages memory in
// (Documentation/admin-guide/mm/memory-hotplug.rst). Each is there in full or
// in part, so their sum is never less than the RAM the kernel has.
func (s *session) readBlocks() uint64 {
	list := look{source: s.display(memoryBlocks)}
	count, err := countNames(s.root, memoryBlocks, maxNames, isMemoryBlock)
	s.classify(&list, err)
	s.note(list)
	if !list.known() {
		return 0
	}
	size := s.file(memoryBlocks+"/block_size_bytes", smallFile)
	if !size.known() {
		return 0
	}
	each, err := procfs.Number(size.data, 16)
	if err != nil || each == 0 || each > 1<<50 {
		s.damaged(size, fmt.Errorf("block size %q makes no sense", size.text()))
		return 0
	}
	if count == 0 {
		return 0
	}
	total := uint64(count) * each
	s.reading(total, facts.Blocks, list.source)
	return total
}

func isMemoryBlock(name string) bool {
	digits, ok := strings.CutPrefix(name, "memory")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// memoryRestriction says why the kernel may manage less memory than there is;
// empty when the command line gives no reason.
func (s *session) memoryRestriction() string {
	l := s.file("/proc/cmdline", smallFile)
	if !l.known() {
		return ""
	}
	for _, p := range procfs.ParseCommandLine(string(l.data)) {
		switch p.Key {
		case "mem", "memmap", "memblock":
			return "the kernel was told to use only part of the memory (" + p.Key + "=)"
		case "elfcorehdr":
			return "a crash kernel sees only the memory set aside for it"
		}
	}
	return ""
}

// readTreeMemory takes the memory nodes of a device tree. What the boot loader
// handed over is final; in a file it is what the loader may still change.
func (s *session) readTreeMemory(b *memoryBounds, notes *[]string) {
	if s.board == nil || !s.board.Memory.Known {
		return
	}
	mem := s.board.Memory
	s.reading(mem.Bytes, facts.TreeMemory, s.boardSource)
	b.atLeast(mem.Bytes, s.boardSource)
	if mem.Placeholders == 0 && s.boardPart == nil {
		b.atMost(mem.Bytes, s.boardSource)
	}
	if s.isPaper() {
		*notes = append(*notes, "a boot loader may change what the device tree says of memory")
	}
}

// readZones takes the page frames that the kernel counts as present, where
// nothing better is known.
func (s *session) readZones(memTotal uint64, b *memoryBounds) {
	if n, ok := s.host.CPU.Online.Get(); memTotal == 0 || !ok || n > maxZoneCPUs {
		return
	}
	l := s.file("/proc/zoneinfo", textFile)
	if !l.known() {
		return
	}
	zones, err := procfs.ParseZoneinfo(l.data)
	if err != nil {
		s.damaged(l, err)
		return
	}
	if page, ok := zones.PageSize(memTotal); ok {
		s.reading(zones.Present*page, facts.Usable, l.source)
		b.atLeast(zones.Present*page, l.source)
	}
}

// readXenMemory decides what a Xen domain tells of the host: its own memory is
// a part of it, and dom0's SMBIOS is the machine's. Memory maps and blocks may
// be either's.
func (s *session) readXenMemory(b memoryBounds, total uint64, totalLook look) {
	m := &s.host.Memory
	kind, _ := s.host.Machine.Kind.Get()
	installed := s.readInstalled()
	if kind == facts.Dom0 && s.phys != nil && s.phys.bytes > 0 {
		s.memoryOfXen(installed)
		return
	}
	if kind == facts.Dom0 && installed >= total && installed > 0 {
		r := facts.Range{Min: total, Max: &installed}
		m.Physical = facts.Is(r, s.smbiosSource).WithNote("dom0's own memory is the lower bound; the modules in their slots are the upper")
		return
	}
	m.Physical = facts.Not[facts.Range](s.hidden(totalLook.source, "MemTotal and the memory map are this domain's"))
}

// memoryOfXen takes Xen's own count of the host's memory. It leaves out a hair
// that the firmware keeps; the modules in their slots, where SMBIOS tells of
// them, are what there is at most.
func (s *session) memoryOfXen(installed uint64) {
	s.reading(s.phys.bytes, facts.XenTotal, s.phys.source)
	b := memoryBounds{}
	b.atLeast(s.phys.bytes, s.phys.source)
	most := s.phys.bytes + s.phys.slack
	if domain, _ := s.host.Machine.DomainType.Get(); domain == "pv" && s.xenLook.known() {
		if ranges, l := ask[[]xencall.MapEntry](s, callMemoryMap); l.known() {
			if n := xencall.RAM(ranges); n > 0 {
				s.reading(n, facts.FirmwareMap, l.source)
				b.atLeast(n, l.source)
				most = max(most, n)
			}
		}
	}
	note := "Xen's own count, which leaves out what the firmware keeps"
	switch {
	case installed >= b.min:
		b.atMost(installed, s.smbiosSource)
	case s.memoryLimited():
		note = "Xen was told to use only part of the memory (mem=)"
	default:
		b.atMost(most, b.minSource)
	}
	r := facts.Range{Min: b.min}
	if b.max > 0 {
		r.Max = &b.max
	}
	s.host.Memory.Physical = facts.Is(r, sourcesOf(b)).WithNote(note)
}

// memoryLimited reports whether Xen was, or may have been, told to leave
// memory alone.
func (s *session) memoryLimited() bool {
	line, ok := s.runningLine().Get()
	if !ok {
		return false
	}
	parsed := xencmdline.Parse(line.Text, xencmdline.How{Arm: s.isArm(), Image: line.Image})
	_, mem := parsed.String("mem")
	_, e820 := parsed.String("availmem")
	return mem || e820
}
