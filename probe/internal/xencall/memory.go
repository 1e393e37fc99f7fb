package xencall

import (
	"context"
	"fmt"
)

// MapEntry is a range of the machine's address map, as BIOS function E820
// gives it: 20 bytes, packed.
type MapEntry struct {
	Start uint64 `json:"start"` // offset 0: physical address
	Size  uint64 `json:"size"`  // offset 8: bytes
	Type  uint32 `json:"type"`  // offset 16: 1 is RAM, 2 reserved, 3 ACPI, 4 ACPI NVS, 5 unusable
}

// TypeRAM is the type of usable memory.
const TypeRAM = 1

const (
	mapEntrySize      = 20
	memoryMachineMap  = 10 // memory.h, XENMEM_machine_memory_map
	maxMapEntries     = (MemorySize - payload) / mapEntrySize
	mapBufferSizeUsed = maxMapEntries * mapEntrySize
)

// MachineMemoryMap returns the address map the firmware gave to Xen. Only x86
// has it, and only a PV control domain is given it. The request is struct
// xen_memory_map: nr_entries at offset 0, buffer at 8.
func (x *Xen) MachineMemoryMap(ctx context.Context) ([]MapEntry, error) {
	var entries []MapEntry
	err := x.do(ctx, call{
		name: "XENMEM_machine_memory_map", op: hypercallMemory,
		ask: func(m memory) [5]uint64 {
			put32(m.bytes, 0, maxMapEntries)
			put64(m.bytes, 8, m.address(payload))
			return [5]uint64{memoryMachineMap, m.address(0)}
		},
		answer: func(_ int64, m memory) (err error) {
			v := view{data: m.bytes}
			entries, err = decodeMap(v.u32(0), m.bytes[payload:payload+mapBufferSizeUsed])
			return err
		},
	})
	return entries, err
}

func decodeMap(n uint32, b []byte) ([]MapEntry, error) {
	if uint64(n)*mapEntrySize > uint64(len(b)) {
		return nil, fmt.Errorf("%w: %d entries in %d bytes", ErrMalformed, n, len(b))
	}
	v := view{data: b}
	entries := make([]MapEntry, n)
	for i := range entries {
		at := i * mapEntrySize
		e := MapEntry{Start: v.u64(at), Size: v.u64(at + 8), Type: v.u32(at + 16)}
		if e.Start+e.Size < e.Start {
			return nil, fmt.Errorf("%w: range of %#x bytes at %#x", ErrMalformed, e.Size, e.Start)
		}
		entries[i] = e
	}
	return entries, nil
}

// RAM returns the bytes of usable memory in the map. The firmware keeps some
// for itself, so that it is a little less than what is plugged in.
func RAM(entries []MapEntry) uint64 {
	var sum uint64
	for _, e := range entries {
		if e.Type == TypeRAM {
			sum += e.Size
		}
	}
	return sum
}
