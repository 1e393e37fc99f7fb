package smbios

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
	"github.com/xencheck/xencheck/probe/probetest"
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

// TestAgainstDmidecode compares all that we read with dmidecode's reading of
// the same tables: some made here, as they are and redacted, and those of the
// project's machines.
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
	type tables struct{ entry, table []byte }
	all := map[string]tables{}
	for name, build := range map[string]func(...fake.Structure) ([]byte, []byte){"64-bit entry": fake.SMBIOS, "32-bit entry": fake.SMBIOS32} {
		entry, table := build(structures...)
		redacted, err := Redact(table)
		if err != nil {
			t.Fatal(err)
		}
		all[name], all[name+", redacted"] = tables{entry, table}, tables{entry, redacted}
	}
	const dir = "/sys/firmware/dmi/tables/"
	files, err := probetest.Files("../../../testdata/hosts", func(name string) bool { return strings.HasPrefix(name, dir) })
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range files {
		if machine, ok := strings.CutSuffix(name, ": "+dir+"DMI"); ok {
			all[machine] = tables{files[machine+": "+dir+"smbios_entry_point"], table}
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d tables to compare", len(all))
	}
	modules := 0
	for name, b := range all {
		out, err := exec.Command(dmidecode, "--from-dump", dumpFile(t, b.entry, b.table)).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		got, err := Parse(b.entry, b.table)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text := string(out)
		if diff := cmp.Diff(readByDmidecode(t, text), got); diff != "" {
			t.Errorf("%s (-dmidecode +ours):\n%s\n%s", name, diff, text)
		}
		if strings.Contains(text, "Invalid entry") || strings.Contains(text, "Wrong") || strings.Contains(text, "broken") {
			t.Errorf("%s: dmidecode complains:\n%s", name, text)
		}
		modules += got.Memory.Modules
	}
	t.Logf("%d tables with %d modules mean the same to dmidecode", len(all), modules)
}

// record is one structure as dmidecode shows it.
type record struct {
	title  string
	fields map[string]string
}

// readByDmidecode returns what dmidecode's text says of all that we keep.
func readByDmidecode(t *testing.T, text string) Info {
	t.Helper()
	var records []record
	for _, block := range strings.Split(text, "\nHandle ")[1:] {
		lines := strings.Split(block, "\n")
		r := record{lines[1], map[string]string{}}
		for _, l := range lines[2:] {
			if key, value, ok := strings.Cut(strings.TrimPrefix(l, "\t"), ": "); ok && !strings.HasPrefix(l, "\t\t") && r.fields[key] == "" {
				if value = strings.TrimSpace(value); value != "Not Specified" {
					r.fields[key] = value
				}
			}
		}
		records = append(records, r)
	}
	first := func(title, field string) string {
		for _, r := range records {
			if r.title == title {
				return r.fields[field]
			}
		}
		return ""
	}
	info := Info{
		BIOSVendor: first("BIOS Information", "Vendor"), BIOSVersion: first("BIOS Information", "Version"),
		Vendor: first("System Information", "Manufacturer"), Product: first("System Information", "Product Name"),
		Board: first("Base Board Information", "Product Name"),
	}
	if m := regexp.MustCompile(`(?m)^SMBIOS (\d+\.\d+)`).FindStringSubmatch(text); m != nil {
		info.Version = m[1]
	}
	m := &info.Memory
	for _, r := range records {
		switch r.title {
		case "Processor Information":
			if r.fields["Type"] == "Central Processor" && strings.HasPrefix(r.fields["Status"], "Populated") {
				info.Sockets++
				info.CPUs = append(info.CPUs, r.fields["Version"])
			}
		case "Physical Memory Array":
			if r.fields["Use"] == "System Memory" {
				m.MaxCapacity += sizeIn(t, r.fields["Maximum Capacity"])
			}
		case "Memory Device":
			m.Slots++
			size := r.fields["Size"]
			if size == "No Module Installed" {
				continue
			}
			m.Modules++
			persistent := strings.Contains(r.fields["Memory Technology"], "ersistent")
			switch {
			case size == "Unknown":
				m.UnknownSize++
			case persistent:
				m.Installed += sizeIn(t, r.fields["Volatile Size"])
				m.Persistent += sizeIn(t, r.fields["Non-Volatile Size"])
			default:
				m.Installed += sizeIn(t, size)
			}
		}
	}
	m.InstalledKnown = m.Installed > 0 && m.UnknownSize == 0
	return info
}

// sizeIn reads dmidecode's sizes, whose units are powers of 1024.
func sizeIn(t *testing.T, s string) uint64 {
	t.Helper()
	digits, unit, _ := strings.Cut(s, " ")
	n, err := strconv.ParseUint(digits, 10, 64)
	shift, ok := map[string]int{"bytes": 0, "kB": 10, "MB": 20, "GB": 30, "TB": 40}[unit]
	if err != nil || !ok {
		t.Fatalf("%q is no size of dmidecode's", s)
	}
	return n << shift
}
