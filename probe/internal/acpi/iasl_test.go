package acpi

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe/internal/fake"
	"github.com/xencheck/xencheck/probe/probetest"
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

// entry is one entry of a table as iasl shows it: the number of its type and
// its fields, in order. The first entry of a table is its head.
type entry struct {
	kind   int64 // -1 of the head
	fields [][2]string
}

// field returns the first value of a field.
func (e entry) field(name string) string {
	for _, f := range e.fields {
		if f[0] == name {
			return f[1]
		}
	}
	return ""
}

// number returns a field that iasl shows in hexadecimal.
func (e entry) number(t *testing.T, name string) uint64 {
	t.Helper()
	word, _, _ := strings.Cut(e.field(name), " ")
	n, err := strconv.ParseUint(word, 16, 64)
	if err != nil {
		t.Fatalf("field %q of entry type %d: %v", name, e.kind, err)
	}
	return n
}

// entriesOf cuts a disassembly at the fields that begin an entry: "Subtable
// Type", and in an IORT "Type".
func entriesOf(t *testing.T, text string) []entry {
	t.Helper()
	line := regexp.MustCompile(`^(?:\[\w+ \w+ +\w+\])? *(\S.*?) : (.*)$`)
	all := []entry{{kind: -1}}
	for l := range strings.Lines(text) {
		m := line.FindStringSubmatch(strings.TrimRight(l, "\n"))
		if m == nil {
			continue
		}
		name, value := m[1], strings.TrimSpace(m[2])
		if name == "Subtable Type" || name == "Type" {
			word, _, _ := strings.Cut(value, " ")
			kind, err := strconv.ParseInt(word, 16, 32)
			if err != nil {
				t.Fatalf("%q: %v", l, err)
			}
			all = append(all, entry{kind: kind})
		}
		e := &all[len(all)-1]
		e.fields = append(e.fields, [2]string{name, value})
	}
	return all
}

// of returns the entries of some types.
func of(all []entry, kinds ...int64) []entry {
	var found []entry
	for _, e := range all {
		if slices.Contains(kinds, e.kind) {
			found = append(found, e)
		}
	}
	return found
}

// readByIASL returns what a disassembly says of all that our parser of such a
// table keeps; nil for other tables.
func readByIASL(t *testing.T, text string) any {
	all := entriesOf(t, text)
	head := all[0]
	flag := func(e entry, bit uint64) bool { return e.number(t, "Flags (decoded below)")&bit != 0 }
	h := Header{Revision: int(head.number(t, "Revision"))}
	switch head.field("Signature")[:6] {
	case `"APIC"`:
		m := MADT{Header: h, ITSs: len(of(all, 15)), GICDs: len(of(all, 12)), GICCs: len(of(all, 11)), GICR: len(of(all, 14)) > 0}
		if m.GICDs > 0 {
			m.GICDVersion = int(of(all, 12)[0].number(t, "Version"))
		}
		gicc := 0
		m.Maintenance, m.GICV, m.GICH = true, true, true
		for _, e := range of(all, 0, 9, 11) {
			capable := uint64(1 << 1)
			if e.kind == 11 {
				capable = 1 << 3
			}
			switch {
			case flag(e, 1):
				m.Enabled++
			case flag(e, capable) && h.Revision >= 5:
				m.OnlineCapable++
				fallthrough
			default:
				m.Disabled++
			}
			if e.kind == 11 && flag(e, 1) {
				gicc++
				m.Maintenance = m.Maintenance && e.number(t, "Virtual GIC Interrupt") != 0
				m.GICV = m.GICV && e.number(t, "Virtual GIC Base Address") != 0
				m.GICH = m.GICH && e.number(t, "Hypervisor GIC Base Address") != 0
				m.GICR = m.GICR || e.number(t, "Redistributor Base Address") != 0
			}
		}
		m.Maintenance, m.GICV, m.GICH = m.Maintenance && gicc > 0, m.GICV && gicc > 0, m.GICH && gicc > 0
		return m
	case `"SRAT"`:
		r := SRAT{Header: h}
		for _, e := range of(all, 1) {
			if !flag(e, 1) {
				continue
			}
			n := e.number(t, "Address Length")
			r.Ranges++
			r.Bytes += n
			if flag(e, 2) {
				r.HotPluggable += n
			}
			if flag(e, 4) {
				r.NonVolatile += n
			}
		}
		return r
	case `"DMAR"`:
		flags := byte(head.number(t, "Flags"))
		units := len(of(all, 0))
		return DMAR{Header: h, Flags: flags, AddressBits: int(head.number(t, "Host Address Width")) + 1, InterruptRemap: flags&1 != 0,
			X2APICOptOut: flags&2 != 0, DRHDs: units, Others: len(all) - 1 - units}
	case `"IVRS"`:
		info := uint32(head.number(t, "Virtualization Info"))
		v := IVRS{Header: h, Info: info, EFRSupported: info&1 != 0, AddressBits: int(info >> 8 & 0x7f),
			IVHD10: len(of(all, 0x10)), IVHD11: len(of(all, 0x11)), IVHD40: len(of(all, 0x40)), IVMDs: len(of(all, 0x20, 0x21, 0x22))}
		// iasl shows of type 0x40 the device id, and the segment not: such a
		// block repeats the unit of the same id.
		units, ids := map[string]bool{}, map[string]bool{}
		for _, e := range of(all, 0x10, 0x11) {
			units[e.field("PCI Segment Group")+" "+e.field("DeviceId")] = true
			ids[e.field("DeviceId")] = true
		}
		for _, e := range of(all, 0x40) {
			if id := e.field("DeviceId"); !ids[id] {
				units["unknown "+id] = true
			}
		}
		v.Units = len(units)
		return v
	case `"IORT"`:
		r := IORT{Header: h, ITSGroups: len(of(all, 0))}
		for _, e := range of(all, 3, 4) {
			s := SMMU{Version: 3, Base: e.number(t, "Base Address")}
			if e.kind == 3 {
				// DEN0049E, table 11: SMMUv1, SMMUv2, MMU-400, MMU-500, MMU-401, ThunderX
				s.Version = []int{1, 2, 1, 2, 1, 2}[e.number(t, "Model")]
			}
			r.SMMUs = append(r.SMMUs, s)
		}
		return r
	}
	return nil
}

// readByUs returns the same from our parsers, without what a disassembly does
// not tell.
func readByUs(b []byte) (any, error) {
	switch string(b[:4]) {
	case "APIC":
		m, err := ParseMADT(b)
		m.Header = Header{Revision: m.Header.Revision}
		m.Disabled, m.Ignored = m.Disabled+m.Ignored, 0
		return m, err
	case "SRAT":
		r, err := ParseSRAT(b)
		r.Header = Header{Revision: r.Header.Revision}
		return r, err
	case "DMAR":
		r, err := ParseDMAR(b)
		r.Header = Header{Revision: r.Header.Revision}
		return r, err
	case "IVRS":
		r, err := ParseIVRS(b)
		r.Header = Header{Revision: r.Header.Revision}
		return r, err
	case "IORT":
		r, err := ParseIORT(b)
		r.Header = Header{Revision: r.Header.Revision}
		for i := range r.SMMUs {
			r.SMMUs[i].Model = ""
		}
		return r, err
	}
	return nil, nil
}

// TestAgainstIASL compares all that we read of a table with what ACPICA's
// disassembler shows of it: tables made here, those of the project's machines,
// and recorded ones.
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
			flags = i % 10 / 5 * fake.APICOnlineCapable
		}
		if i < 255 {
			cpus = append(cpus, fake.LocalAPIC(byte(i), byte(i), flags))
		} else {
			cpus = append(cpus, fake.LocalX2APIC(i, i, flags))
		}
	}
	tables["fake x86 MADT"] = fake.MADT(4, cpus...)
	tables["fake newer x86 MADT"] = fake.MADT(5, cpus...)
	tables["fake Arm MADT"] = fake.MADT(4,
		fake.GICC{UID: 0, Flags: 1, MPIDR: 0, Maintenance: 25}.Bytes(), fake.GICC{UID: 1, Flags: 1, MPIDR: 1}.Bytes(),
		fake.GICC{UID: 2, Flags: 0, MPIDR: 2}.Bytes(), fake.GICD(3), fake.GICR(1, 2), fake.ITS(0, 1), fake.ITS(1, 2))
	tables["fake GICv2 MADT"] = fake.MADT(6, fake.GICD(2),
		fake.GICC{UID: 0, Flags: 1, MPIDR: 0, Maintenance: 25, GICV: 1, GICH: 2}.Bytes(),
		fake.GICC{UID: 1, Flags: fake.GICCOnlineCapable, MPIDR: 1}.Bytes())
	tables["fake SRAT"] = fake.SRAT(fake.MemoryAffinity(0, 1<<30, 1), fake.MemoryAffinity(1<<32, 2<<30, 3), fake.MemoryAffinity(1<<40, 7<<30, 2), fake.MemoryAffinity(1<<41, 5<<30, 5))
	tables["fake DMAR"] = fake.DMAR(46, 3, fake.DRHD(0, 0, 0xfed80000), fake.DRHD(1, 0, 0xfed90000), fake.RMRR(0x1000, 0x1fff))
	tables["fake IVRS"] = fake.IVRS(0x203041, fake.IVHD(0x10, 2, 1<<30), fake.IVHD(0x11, 2, 1<<30), fake.IVHD(0x10, 0x202, 1<<31))
	tables["fake IORT"] = fake.IORT(fake.ITSGroup(0), fake.SMMU(0, 1<<29), fake.SMMU(3, 1<<30), fake.SMMU(4, 3<<29), fake.SMMUv3(1<<31))
	ours, err := probetest.Files("../../../testdata/hosts", func(name string) bool {
		return strings.HasPrefix(name, "/sys/firmware/acpi/tables/")
	})
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(tables, ours)
	recorded := 0
	for _, name := range []string{"APIC", "SRAT", "DMAR", "IVRS", "IORT"} {
		files, _ := filepath.Glob(filepath.Join(recordings, "*-acpi", "*", "root/sys/firmware/acpi/tables", name))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tables[f] = b
			recorded++
		}
	}

	compared := map[string]int{}
	for name, b := range tables {
		got, err := readByUs(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got == nil {
			continue // FADTs and others are not read
		}
		if diff := cmp.Diff(readByIASL(t, disassemble(t, iasl, b)), got); diff != "" {
			t.Errorf("%s (-iasl +ours):\n%s", name, diff)
		}
		compared[string(b[:4])]++
	}
	t.Logf("tables compared: %v, %d of them of the project's machines, %d recorded elsewhere", compared, len(ours), recorded)
	for _, signature := range []string{"APIC", "SRAT", "DMAR", "IVRS", "IORT"} {
		if compared[signature] < 3 {
			t.Errorf("only %d tables %s were compared", compared[signature], signature)
		}
	}
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
