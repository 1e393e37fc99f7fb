package kernelimage

import (
	"bytes"
	"compress/gzip"
	"testing"
)

// head returns the head of a file with bytes at some offsets.
func head(size int, at map[int]string) []byte {
	b := make([]byte, size)
	for offset, s := range at {
		copy(b[offset:], s)
	}
	return b
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestParse(t *testing.T) {
	bz := func(protocol, flags string) []byte {
		return head(HeadSize, map[int]string{0x1fe: "\x55\xaa", 0x202: "HdrS", 0x206: protocol, 0x236: flags})
	}
	for _, c := range []struct {
		name string
		file []byte
		want Kernel
	}{
		{"64-bit Linux", bz("\x0f\x02", "\x3f\x00"), Kernel{Format: BzImage, Bits: 64}},
		{"32-bit Linux", bz("\x0f\x02", "\x00\x00"), Kernel{Format: BzImage, Bits: 32}},
		{"Linux before 3.8", bz("\x0b\x02", "\x00\x00"), Kernel{Format: BzImage}},
		{"64-bit ELF", head(HeadSize, map[int]string{0: "\x7fELF\x02\x01\x01"}), Kernel{Format: ELF, Bits: 64}},
		{"32-bit ELF", head(64, map[int]string{0: "\x7fELF\x01\x01\x01"}), Kernel{Format: ELF, Bits: 32}},
		{"ELF of no class", head(64, map[int]string{0: "\x7fELF\x07"}), Kernel{Format: ELF}},
		{"gzipped ELF", zipped(t, head(1<<20, map[int]string{0: "\x7fELF\x01\x01\x01"})), Kernel{Format: ELF, Bits: 32, Gzipped: true}},
		{"Arm64", head(64, map[int]string{0: "MZ", 0x38: "ARM\x64"}), Kernel{Format: Image, Bits: 64}},
		{"gzipped Arm64", zipped(t, head(HeadSize, map[int]string{0x38: "ARM\x64"})), Kernel{Format: Image, Bits: 64, Gzipped: true}},
		{"Arm32", head(64, map[int]string{0x24: "\x18\x28\x6f\x01"}), Kernel{Format: ZImage, Bits: 32}},
		{"U-Boot", head(64, map[int]string{0: "\x27\x05\x19\x56"}), Kernel{Format: UImage}},
		{"EFI zboot", head(64, map[int]string{0: "MZ\x00\x00zimg"}), Kernel{Format: Other}},
		{"text", bytes.Repeat([]byte("vmlinuz\n"), 100), Kernel{Format: Other}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(c.file[:min(len(c.file), HeadSize)])
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing": nil, "a few bytes": []byte("\x7fELF"), "gzip of nothing": zipped(t, nil), "gzip cut in its header": {0x1f, 0x8b, 8},
		"gzip of a few bytes": zipped(t, []byte("abc")),
	} {
		if k, err := Parse(b); err == nil {
			t.Errorf("%s: %+v, want an error", name, k)
		}
	}
}

// FuzzParse holds that compressing a file changes nothing of what is said of
// it but that it is compressed.
func FuzzParse(f *testing.F) {
	f.Add(head(0x238, map[int]string{0x202: "HdrS", 0x206: "\x0f\x02", 0x236: "\x01"}))
	f.Add(head(64, map[int]string{0: "\x7fELF\x02"}))
	f.Add(head(64, map[int]string{0x38: "ARM\x64"}))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), HeadSize)]
		k, err := Parse(b)
		if err == nil && k.Format == "" {
			t.Fatal("no error, and no format")
		}
		if k.Gzipped {
			return
		}
		var out bytes.Buffer
		w, _ := gzip.NewWriterLevel(&out, gzip.NoCompression)
		w.Write(b)
		w.Close()
		if len(b) == 0 || len(b) >= 2 && b[0] == 0x1f {
			return
		}
		z, zerr := Parse(out.Bytes())
		if (err == nil) != (zerr == nil) {
			t.Fatalf("%v, but compressed %v", err, zerr)
		}
		if err == nil && (z.Format != k.Format || z.Bits != k.Bits || !z.Gzipped) {
			t.Fatalf("%+v, but compressed %+v", k, z)
		}
	})
}
