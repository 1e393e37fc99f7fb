package xencall

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What each decoder of a sysctl or platform structure accepts, written back at
// the offsets of the header, decodes to the same; a version that is not known
// is refused; and nothing is read behind the end, which a slice of just that
// size would show.
func FuzzStructures(f *testing.F) {
	f.Add(uint8(0x15), unhex(f, "01000000 02000000 02000000 01000000 01000000 3f000000 229d2700 0f030000 00000000 00000000"+
		"7fff0b0000000000 3ade080000000000 0000000000000000 0000000000000000 ffff130000000000"+
		"fdf38b17 0332d8f6 0008502c 77000000 05000000 a9018800 00000000 00000000"))
	f.Add(uint8(0x13), padded(unhex(f, "0500 0000 9200ffff 0000010000000000 0001010000000000"), domainInfoSize))
	f.Add(uint8(0x10), padded(unhex(f, "00000000 07000000 09000000"), 40))
	f.Add(uint8(0x17), make([]byte, sysctlUnionSize))
	// One page more than a 64-bit number of bytes can tell.
	f.Add(uint8(0x15), encodePhysInfo(PhysInfo{Interface: 0x15, CPUs: 1, TotalPages: 1 << 52}))
	f.Fuzz(func(t *testing.T, v uint8, b []byte) {
		version := Interface(v)
		b = bytes.Clone(b)[:len(b):len(b)]
		phys, err := decodePhysInfo(version, b)
		if !version.known() && !errors.Is(err, ErrInterface) {
			t.Fatalf("version %#x: %v", v, err)
		}
		if err == nil {
			again, err := decodePhysInfo(version, encodePhysInfo(phys))
			if d := cmp.Diff(phys, again); d != "" || err != nil {
				t.Fatalf("%v %s", err, d)
			}
			if phys.TotalBytes()/pageSize != phys.TotalPages {
				t.Fatalf("%d pages overflow", phys.TotalPages)
			}
		}
		dom, err := decodeDomain(version, b)
		if !version.known() && !errors.Is(err, ErrInterface) {
			t.Fatalf("version %#x: %v", v, err)
		}
		if err == nil {
			again, err := decodeDomain(version, encodeDomain(version, dom))
			if d := cmp.Diff(dom, again); d != "" || err != nil {
				t.Fatalf("%v %s", err, d)
			}
		}
		if pool, err := decodeCPUPool(b, b); err == nil {
			count := 0
			for _, c := range b {
				for ; c != 0; c &= c - 1 {
					count++
				}
			}
			if len(pool.CPUs) != count {
				t.Fatalf("%d CPUs of %d", len(pool.CPUs), count)
			}
		}
		if _, last, _, err := decodePCPUInfo(0, b); err == nil && last >= maxCPUs {
			t.Fatalf("CPU %d", last)
		}
		var cpu PhysicalCPU
		if err := decodePCPUVersion(&cpu, b); (err == nil) != (len(b) >= 32) || len(cpu.Vendor) > 12 {
			t.Fatalf("%d bytes: %+v, %v", len(b), cpu, err)
		}
		if text, _, err := decodeConsole(b, b); err == nil && !bytes.HasPrefix(b, text) {
			t.Fatalf("%q is not the beginning of the buffer", text)
		}
		if value, err := decodeEFIVariable(b, b); err == nil && !bytes.HasPrefix(b, value) {
			t.Fatalf("%q is not the beginning of the buffer", value)
		}
		entries, err := decodeMap(uint32(v), b)
		if err == nil && len(entries) != int(v) {
			t.Fatalf("%d entries of %d", len(entries), v)
		}
		for i, e := range entries {
			out := make([]byte, mapEntrySize)
			put64(out, 0, e.Start)
			put64(out, 8, e.Size)
			put32(out, 16, e.Type)
			if !bytes.Equal(out, b[i*mapEntrySize:(i+1)*mapEntrySize]) {
				t.Fatalf("entry %d: %+v", i, e)
			}
		}
		third := len(b) / 3
		if list, err := decodeLivePatches(version, third/64, b[:third], b[third:2*third], b[2*third:]); err == nil {
			for _, p := range list {
				if len(p.Name) >= livePatchNameSize+1 || strings.ContainsRune(p.Name, 0) {
					t.Fatalf("name %q", p.Name)
				}
			}
		}
	})
}

// encodePhysInfo is the inverse of decodePhysInfo.
func encodePhysInfo(p PhysInfo) []byte {
	b := make([]byte, sysctlUnionSize)
	for i, n := range []uint32{p.ThreadsPerCore, p.CoresPerSocket, p.CPUs, p.MaxCPUID, p.Nodes, p.MaxNodeID, p.CPUKHz} {
		put32(b, 4*i, n)
	}
	caps := p.Capabilities
	if p.Interface <= 0x11 {
		caps = p.Capabilities & CapHVM
		if p.Capabilities.Has(CapDirectIO) {
			caps |= 2
		}
	}
	put32(b, 28, uint32(caps))
	at := 32
	if p.Interface >= 0x15 {
		put32(b, 32, p.ArchCapabilities)
		at = 40
	}
	for i, n := range []uint64{p.TotalPages, p.FreePages, p.ScrubPages, p.OutstandingPages, p.MaxMFN} {
		put64(b, at+8*i, n)
	}
	for i, n := range p.HWCap {
		put32(b, at+40+4*i, n)
	}
	return b
}

// encodeDomain is the inverse of decodeDomain.
func encodeDomain(version Interface, d Domain) []byte {
	b := make([]byte, domainInfoSize)
	put16(b, 0, d.ID)
	put32(b, 4, d.Flags)
	for i, n := range []uint64{d.Pages, d.MaxPages, d.OutstandingPages, d.SharedPages, d.PagedPages} {
		put64(b, 8+8*i, n)
	}
	put32(b, 64, d.OnlineVCPUs)
	put32(b, 68, d.VCPUs-1)
	put32(b, 72, d.SSIDRef)
	put32(b, 92, uint32(int32(d.CPUPool)))
	if version >= 0x14 {
		put32(b, 104, d.Emulation)
	} else {
		put32(b, 96, d.Emulation)
	}
	return b
}

// The names of a directory that is accepted, written as a directory again, are
// read back the same; a text is never longer than its bound.
func FuzzHypfs(f *testing.F) {
	f.Add(unhex(f, recordedRoot))
	f.Add(unhex(f, recordedPool))
	f.Add(unhex(f, recordedPoolDir))
	f.Add(append(unhex(f, "02010000 1d000000 00000000"), "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\x00\x00\x00"...))
	f.Add(unhex(f, "03000000 04000000 04000000 40000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeHypfs(bytes.Clone(b)[:len(b):len(b)])
		if err != nil {
			return
		}
		if len(e.Data) > hypfsTextLimit || e.Type == HypfsDir && e.Data != nil || e.Type != HypfsDir && e.Names != nil {
			t.Fatalf("%+v", e)
		}
		if e.Type != HypfsDir {
			if b[1] == 0 && !bytes.Contains(b, e.Data) {
				t.Fatalf("%q was not there", e.Data)
			}
			e.Text()
			return
		}
		again, err := decodeHypfsDir(encodeHypfsDir(e.Names))
		if d := cmp.Diff(e.Names, again); d != "" || err != nil {
			t.Fatalf("%v %s", err, d)
		}
	})
}

// encodeHypfsDir is the inverse of decodeHypfsDir.
func encodeHypfsDir(names []string) []byte {
	var b []byte
	for i, name := range names {
		entry := make([]byte, hypfsListSize)
		entry = append(append(entry, name...), 0)
		if i < len(names)-1 {
			put16(entry, hypfsEntrySize, uint16(len(entry)))
		}
		b = append(b, entry...)
	}
	return b
}
