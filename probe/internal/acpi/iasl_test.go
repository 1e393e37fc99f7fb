package acpi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/probe/internal/fake"
)

// disassemble returns what iasl -d writes of a table, without the bytes.
func disassemble(t *testing.T, iasl string, table []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "table"), table, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(iasl, "-d", "table")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("iasl: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "table.dsl"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(b), "Raw Table Data")
	return text
}

// entries splits a disassembly at the lines that begin an entry and returns
// those whose description contains what.
func entries(text, what string) []string {
	parts := regexp.MustCompile(`(?m)^.*(?:Subtable Type|Type) : [0-9A-F]+ \[`).Split(text, -1)
	var found []string
	for _, p := range parts[1:] {
		if name, _, _ := strings.Cut(p, "]"); strings.Contains(name, what) {
			found = append(found, p)
		}
	}
	return found
}

// having counts the entries that match a pattern.
func having(entries []string, pattern string) int {
	re := regexp.MustCompile(pattern)
	n := 0
	for _, e := range entries {
		if re.MatchString(e) {
			n++
		}
	}
	return n
}

// TestAgainstIASL compares our counts with those of ACPICA's disassembler, on
// tables made here and on recorded ones.
func TestAgainstIASL(t *testing.T) {
	iasl, err := exec.LookPath("iasl")
	if err != nil {
		t.Skip("iasl is not installed")
	}
	tables := map[string][]byte{}
	cpus := [][]byte{}
	for i := range uint32(300) {
		flags := uint32(fake.APICEnabled)
		if i%5 == 0 {
			flags = 0
		}
		if i < 255 {
			cpus = append(cpus, fake.LocalAPIC(byte(i), byte(i), flags))
		} else {
			cpus = append(cpus, fake.LocalX2APIC(i, i, flags))
		}
	}
	tables["fake x86 MADT"] = fake.MADT(4, cpus...)
	tables["fake Arm MADT"] = fake.MADT(4,
		fake.GICC{UID: 0, Flags: 1, MPIDR: 0, Maintenance: 25}.Bytes(), fake.GICC{UID: 1, Flags: 1, MPIDR: 1}.Bytes(),
		fake.GICC{UID: 2, Flags: 0, MPIDR: 2}.Bytes(), fake.GICD(3), fake.GICR(1, 2), fake.ITS(0, 1), fake.ITS(1, 2))
	tables["fake SRAT"] = fake.SRAT(fake.MemoryAffinity(0, 1<<30, 1), fake.MemoryAffinity(1<<32, 2<<30, 3), fake.MemoryAffinity(1<<40, 7<<30, 2))
	tables["fake DMAR"] = fake.DMAR(46, 3, fake.DRHD(0, 0, 0xfed80000), fake.DRHD(1, 0, 0xfed90000), fake.RMRR(0x1000, 0x1fff))
	tables["fake IVRS"] = fake.IVRS(0x203041, fake.IVHD(0x10, 2, 1<<30), fake.IVHD(0x11, 2, 1<<30), fake.IVHD(0x10, 0x202, 1<<31))
	tables["fake IORT"] = fake.IORT(fake.ITSGroup(0), fake.SMMU(3, 1<<30), fake.SMMUv3(1<<31))
	for _, name := range []string{"APIC", "SRAT", "DMAR", "IVRS"} {
		files, _ := filepath.Glob(filepath.Join(recordings, "*-acpi", "*", "root/sys/firmware/acpi/tables", name))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tables[f] = b
		}
	}

	compared := 0
	for name, b := range tables {
		text := disassemble(t, iasl, b)
		var got, want any
		switch string(b[:4]) {
		case "APIC":
			m, err := ParseMADT(b)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			on := `Processor Enabled : 1`
			x86 := append(entries(text, "Processor Local APIC"), entries(text, "Processor Local x2APIC")...)
			gicc := entries(text, "Generic Interrupt Controller")
			got = fmt.Sprintf("enabled %d, all %d, ITS %d, GICD %d", m.Enabled, m.Enabled+m.Disabled+m.Ignored, m.ITSs, m.GICDs)
			want = fmt.Sprintf("enabled %d, all %d, ITS %d, GICD %d", having(x86, on)+having(gicc, on), len(x86)+len(gicc),
				len(entries(text, "Generic Interrupt Translator")), len(entries(text, "Generic Interrupt Distributor")))
		case "SRAT":
			s, err := ParseSRAT(b)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			memory := entries(text, "Memory Affinity")
			got = fmt.Sprintf("ranges %d, hot-pluggable %v", s.Ranges, s.HotPluggable > 0)
			want = fmt.Sprintf("ranges %d, hot-pluggable %v", having(memory, `\sEnabled : 1`), having(memory, `\sEnabled : 1\s+Hot Pluggable : 1`) > 0)
		case "DMAR":
			d, err := ParseDMAR(b)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			got = fmt.Sprintf("units %d, width %02X, flags %02X", d.DRHDs, d.AddressBits-1, d.Flags)
			width := regexp.MustCompile(`Host Address Width : (\w+)`).FindStringSubmatch(text)[1]
			flags := regexp.MustCompile(`Flags : (\w+)`).FindStringSubmatch(text)[1]
			want = fmt.Sprintf("units %d, width %s, flags %s", len(entries(text, "Hardware Unit Definition")), width, flags)
		case "IVRS":
			v, err := ParseIVRS(b)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			blocks := regexp.MustCompile(`Subtable Type : (?:10|11|40) \[`).FindAllString(text, -1)
			got = fmt.Sprintf("blocks %d, info %08X", v.IVHD10+v.IVHD11+v.IVHD40, v.Info)
			info := regexp.MustCompile(`Virtualization Info : (\w{8})`).FindStringSubmatch(text)[1]
			want = fmt.Sprintf("blocks %d, info %s", len(blocks), info)
		case "IORT":
			r, err := ParseIORT(b)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			got = fmt.Sprintf("ITS groups %d, SMMUs %d", r.ITSGroups, len(r.SMMUs))
			kinds := regexp.MustCompile(`(?m) Type : (00|03|04)$`).FindAllStringSubmatch(text, -1)
			groups := 0
			for _, k := range kinds {
				if k[1] == "00" {
					groups++
				}
			}
			want = fmt.Sprintf("ITS groups %d, SMMUs %d", groups, len(kinds)-groups)
		}
		if got != want {
			t.Errorf("%s: we say %q, iasl %q", name, got, want)
		}
		compared++
	}
	t.Logf("%d tables compared", compared)
}

// TestAgainstAcpidump reads the text that ACPICA's acpidump makes of a table.
func TestAgainstAcpidump(t *testing.T) {
	acpidump, err := exec.LookPath("acpidump")
	if err != nil {
		t.Skip("acpidump is not installed")
	}
	for size := range 40 {
		table := fake.Table("SSDT", 2, []byte("41 42 43 44 45 46 47 48 49 50 51 52 53 54"[:size]))
		file := filepath.Join(t.TempDir(), "table")
		if err := os.WriteFile(file, table, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(acpidump, "-f", file).CombinedOutput()
		if err != nil {
			t.Fatalf("acpidump: %v\n%s", err, out)
		}
		got, err := ParseDump(out)
		if err != nil || len(got) != 1 || string(got[0].Data) != string(table) {
			t.Errorf("%v, %v out of\n%s", got, err, out)
		}
		if ours := fake.Dump(table); string(ours) != string(out) {
			t.Errorf("fake.Dump writes\n%s, acpidump\n%s", ours, out)
		}
	}
}
