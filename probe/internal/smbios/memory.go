package smbios

import "math"

// decoder gathers what structures say. Memory devices are added up at the end,
// since they refer to arrays that may follow them.
type decoder struct {
	info    Info
	seen    map[byte]bool
	arrays  map[uint16]byte // use of each physical memory array, by handle
	devices []device
}

// structure takes one structure in. Of types 0 to 2 the first counts.
func (d *decoder) structure(s structure) {
	if d.seen == nil {
		d.seen, d.arrays = map[byte]bool{}, map[uint16]byte{}
	}
	first := !d.seen[s.kind]
	d.seen[s.kind] = true
	i := &d.info
	switch s.kind {
	case typeBIOS: // 7.1
		if first {
			i.BIOSVendor, i.BIOSVersion = s.text(0x04), s.text(0x05)
		}
	case typeSystem: // 7.2
		if first {
			i.Vendor, i.Product = s.text(0x04), s.text(0x05)
		}
	case typeBoard: // 7.3
		if first {
			i.Board = s.text(0x05)
		}
	case typeProcessor: // 7.5; 0x05: processor type, 0x18: status
		kind, _ := s.byte(0x05)
		status, _ := s.byte(0x18)
		const central, populated = 3, 1 << 6
		if kind == central && status&populated != 0 {
			i.Sockets++
			i.CPUs = append(i.CPUs, s.text(0x10))
		}
	case typeArray:
		d.array(s)
	case typeDevice:
		if v, ok := readDevice(s); ok {
			d.devices = append(d.devices, v)
		}
	}
}

// array reads a physical memory array (7.17): 0x05: use, 0x07: maximum
// capacity in KiB, 0x0F: the same in bytes where KiB do not suffice.
func (d *decoder) array(s structure) {
	if !s.has(0x0b) {
		return
	}
	use := s.formatted[0x05]
	d.arrays[s.word(0x02)] = use
	if !systemUse(use) {
		return
	}
	capacity := uint64(s.dword(0x07))
	const extended = 0x80000000
	switch {
	case capacity != extended:
		capacity *= 1 << 10
	case s.has(0x17):
		capacity = s.qword(0x0f)
	default:
		capacity = 0
	}
	d.info.Memory.MaxCapacity = saturate(d.info.Memory.MaxCapacity, capacity)
}

// systemUse reports whether an array of this use is system memory, or does not
// tell. Firmware lists the flash chip it lives in as an array too.
func systemUse(use byte) bool {
	const other, unknown, system = 1, 2, 3
	return use == other || use == unknown || use == system
}

// device is one memory device (7.18), empty slots included.
type device struct {
	array      uint16 // handle of its array, if it has one
	hasArray   bool
	empty      bool
	known      bool   // it tells its size
	volatile   uint64 // bytes
	persistent uint64 // bytes
}

// readDevice reads a memory device. It is not ok for one that is no memory to
// run from: ROM and flash.
func readDevice(s structure) (d device, ok bool) {
	const version21 = 0x15 // length of the structure in SMBIOS 2.1
	if !s.has(version21) {
		return device{}, true
	}
	switch s.formatted[0x12] { // memory type
	case 0x08, 0x09, 0x0a, 0x0b, 0x0c: // ROM, flash, EEPROM, FEPROM, EPROM
		return device{}, false
	}
	size, known := deviceSize(s)
	d = device{array: s.word(0x04), hasArray: true, known: known, empty: known && size == 0}
	if d.empty || !persistentModule(s) {
		d.volatile = size
		return d, true
	}
	// The size of a persistent module counts both kinds; only its volatile
	// part is RAM, and most have none.
	d.persistent, d.known = size, true
	const nonVolatileSize, volatileSize = 0x34, 0x3c
	if s.has(volatileSize + 8) {
		d.volatile, d.known = optionalSize(s.qword(volatileSize))
		d.persistent -= min(size, d.volatile)
		if n, ok := optionalSize(s.qword(nonVolatileSize)); ok {
			d.persistent = n
		}
	}
	return d, true
}

// deviceSize reads the size of a module in bytes, 0 for an empty slot (7.18,
// 0x0C, and 7.18.5, 0x1C).
func deviceSize(s structure) (bytes uint64, known bool) {
	const unknown, extended, inKiB = 0xffff, 0x7fff, 0x8000
	switch size := s.word(0x0c); {
	case size == unknown:
		return 0, false
	case size == extended:
		if !s.has(0x20) {
			return 0, false
		}
		return uint64(s.dword(0x1c)&0x7fffffff) << 20, true
	case size&inKiB != 0:
		return uint64(size&^inKiB) << 10, true
	default:
		return uint64(size) << 20, true
	}
}

// optionalSize reads one of the sizes that SMBIOS 3.2 added, in bytes.
func optionalSize(v uint64) (bytes uint64, known bool) {
	if v == math.MaxUint64 {
		return 0, false
	}
	return v, true
}

// persistentModule reports whether a module keeps its contents: by its memory
// technology (0x28, SMBIOS 3.2), else by its type (0x12: logical non-volatile
// device) or its type detail (0x13, bit 12).
func persistentModule(s structure) bool {
	const dram, nvdimmN, optane = 3, 4, 7
	switch technology, _ := s.byte(0x28); {
	case technology == dram:
		return false
	case technology >= nvdimmN && technology <= optane:
		return true
	}
	return s.formatted[0x12] == 0x1f || s.word(0x13)&(1<<12) != 0
}

// finish adds up the memory devices that belong to system memory.
func (d *decoder) finish(info *Info) {
	version := info.Version
	*info = d.info
	info.Version = version
	m := &info.Memory
	for _, v := range d.devices {
		if use, ok := d.arrays[v.array]; ok && v.hasArray && !systemUse(use) {
			continue
		}
		m.Slots++
		if v.empty {
			continue
		}
		m.Modules++
		if !v.known {
			m.UnknownSize++
		}
		m.Installed = saturate(m.Installed, v.volatile)
		m.Persistent = saturate(m.Persistent, v.persistent)
	}
	m.InstalledKnown = m.Installed > 0 && m.UnknownSize == 0
}

func saturate(a, b uint64) uint64 {
	if b > math.MaxUint64-a {
		return math.MaxUint64
	}
	return a + b
}
