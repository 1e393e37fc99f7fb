package smbios

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

// dumpFile writes what dmidecode --dump-bin writes: entry point, then at 0x20
// the table, with the entry point's address changed accordingly.
func dumpFile(t *testing.T, entry, table []byte) string {
	t.Helper()
	entry = append([]byte{}, entry...)
	var sum byte
	if string(entry[:5]) == "_SM3_" {
		binary.LittleEndian.PutUint64(entry[0x10:], 0x20)
		entry[5] = 0
		for _, c := range entry {
			sum += c
		}
		entry[5] = -sum
	} else {
		binary.LittleEndian.PutUint32(entry[0x18:], 0x20)
		entry[0x15] = 0
		for _, c := range entry[0x10:] {
			sum += c
		}
		entry[0x15] = -sum
		entry[4], sum = 0, 0
		for _, c := range entry {
			sum += c
		}
		entry[4] = -sum
	}
	file := filepath.Join(t.TempDir(), "dmi.bin")
	b := append(append(entry, make([]byte, 0x20-len(entry))...), table...)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestAgainstDmidecode compares sizes and names with dmidecode's reading of
// the same table, read from its text.
func TestAgainstDmidecode(t *testing.T) {
	dmidecode, err := exec.LookPath("dmidecode")
	if err != nil {
		dmidecode = "/usr/sbin/dmidecode"
	}
	if _, err := os.Stat(dmidecode); err != nil {
		t.Skip("dmidecode is not installed")
	}
	big := module(0x7fff)
	big.ExtendedMiB = 131072
	optane := big
	optane.Technology, optane.NonVolatile, optane.Volatile = 7, 100*gib, 28*gib
	structures := []fake.Structure{
		{Type: 0, Body: []byte{1, 2, 0, 0xf0, 3, 15, 0, 0, 0, 0, 0, 0, 0, 0}, Strings: []string{"Fake BIOS Ltd", "1.2", "01/02/2024"}},
		fake.System("Fake Systems", "Model 1", "SERIAL", [16]byte{9}),
		fake.Baseboard("Fake Boards", "Board 1", "SERIAL"),
		fake.MemoryArray(0x1000, 512*gib),
		module(0).Structure(), module(16384).Structure(), module(0x8000 | 512).Structure(),
		module(0xffff).Structure(), big.Structure(), optane.Structure(),
	}
	for _, build := range []func(...fake.Structure) ([]byte, []byte){fake.SMBIOS, fake.SMBIOS32} {
		entry, table := build(structures...)
		redacted, err := Redact(table)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range [][]byte{table, redacted} {
			out, err := exec.Command(dmidecode, "--from-dump", dumpFile(t, entry, table)).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			info, err := Parse(entry, table)
			if err != nil {
				t.Fatal(err)
			}
			text := string(out)
			for _, want := range []string{
				"Vendor: " + info.BIOSVendor, "Version: " + info.BIOSVersion, "SMBIOS " + info.Version,
				"Manufacturer: " + info.Vendor, "Product Name: " + info.Product, "Product Name: " + info.Board,
				fmt.Sprintf("Maximum Capacity: %d GB", info.Memory.MaxCapacity/gib),
			} {
				if !strings.Contains(text, want) {
					t.Errorf("dmidecode does not say %q:\n%s", want, text)
				}
			}
			if got := installedByDmidecode(text); got != info.Memory.Installed {
				t.Errorf("dmidecode adds up to %d, we to %d:\n%s", got, info.Memory.Installed, text)
			}
			if strings.Contains(text, "Invalid") || strings.Contains(text, "Wrong") || strings.Contains(text, "broken") {
				t.Errorf("dmidecode complains:\n%s", text)
			}
		}
	}
}

// installedByDmidecode adds up the sizes of memory devices, of a persistent one
// the volatile size.
func installedByDmidecode(text string) uint64 {
	units := map[string]uint64{"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
	size := regexp.MustCompile(`(?m)^\tSize: (\d+) (\w+)`)
	volatile := regexp.MustCompile(`(?m)^\tVolatile Size: (\d+) (\w+)`)
	var sum uint64
	for _, device := range strings.Split(text, "Memory Device\n")[1:] {
		device, _, _ = strings.Cut(device, "\n\n")
		m := size.FindStringSubmatch(device)
		if strings.Contains(device, "persistent memory") {
			m = volatile.FindStringSubmatch(device)
		}
		if m != nil {
			n, _ := strconv.ParseUint(m[1], 10, 64)
			sum += n * units[m[2]]
		}
	}
	return sum
}
