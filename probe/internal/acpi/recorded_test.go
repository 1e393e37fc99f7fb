package acpi

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// recordings are machines recorded by others, kept beside the project.
const recordings = "../../../../shared/hosts"

// truth reads the key and value columns of a truth.tsv.
func truth(t *testing.T, file string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) >= 2 {
			values[f[0]] = f[1]
		}
	}
	return values
}

// seen reads the same keys from the tables of one machine.
func seen(t *testing.T, dir string) map[string]string {
	t.Helper()
	values := map[string]string{}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil
		}
		return b
	}
	check := func(name string, err error) {
		if err != nil {
			t.Errorf("%s: %v", filepath.Join(dir, name), err)
		}
	}
	if b := read("APIC"); b != nil {
		m, err := ParseMADT(b)
		check("APIC", err)
		values["madt.enabled_cpus"] = strconv.Itoa(m.Enabled)
	}
	if b := read("DMAR"); b != nil {
		d, err := ParseDMAR(b)
		check("DMAR", err)
		remap := 0
		if d.InterruptRemap {
			remap = 1
		}
		values["dmar.drhd"] = strconv.Itoa(d.DRHDs)
		values["dmar.flags"] = fmt.Sprintf("0x%02x intr_remap=%d", d.Flags, remap)
		values["dmar.haw_bits"] = strconv.Itoa(d.AddressBits)
		values["iommu"] = "vtd"
	}
	if b := read("IVRS"); b != nil {
		v, err := ParseIVRS(b)
		check("IVRS", err)
		var kinds []string
		for _, k := range []struct {
			n    int
			name string
		}{{v.IVHD10, "10"}, {v.IVHD11, "11"}, {v.IVHD40, "40"}} {
			if k.n > 0 {
				kinds = append(kinds, fmt.Sprintf("%dx%s", k.n, k.name))
			}
		}
		values["ivrs.ivhd"] = strings.Join(kinds, ",")
		values["iommu"] = "amdvi"
	}
	if values["iommu"] == "" {
		values["iommu"] = "none"
	}
	for _, k := range []string{"madt.enabled_cpus", "dmar.drhd", "dmar.flags", "dmar.haw_bits", "ivrs.ivhd"} {
		if v, ok := values[k]; ok {
			values["report."+k] = v
		}
	}
	return values
}

func TestRecordedMachines(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(recordings, "*-acpi", "*", "truth.tsv"))
	if len(files) == 0 {
		t.Skipf("no recorded machines in %s", recordings)
	}
	type tally struct{ right, wrong, unknown int }
	tallies := map[string]*tally{}
	for _, file := range files {
		dir := filepath.Join(filepath.Dir(file), "root/sys/firmware/acpi/tables")
		got := seen(t, dir)
		for key, want := range truth(t, file) {
			switch key {
			case "kind", "tables", "report.tables":
				continue // of the recording, not of a table
			}
			if tallies[key] == nil {
				tallies[key] = &tally{}
			}
			switch value, ok := got[key]; {
			case !ok:
				tallies[key].unknown++
			case value == want:
				tallies[key].right++
			default:
				tallies[key].wrong++
				t.Errorf("%s: %s is %q, truth says %q", filepath.Dir(file), key, value, want)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(tallies)) {
		n := tallies[key]
		t.Logf("%-26s right %3d  wrong %3d  unknown %3d", key, n.right, n.wrong, n.unknown)
	}
}

// Every recorded table, whatever it is, has a header that holds, but for one
// vendor table whose checksum is wrong in the recording.
func TestRecordedTablesCheck(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(recordings, "*-acpi", "*", "root/sys/firmware/acpi/tables", "*"))
	if len(files) == 0 {
		t.Skipf("no recorded machines in %s", recordings)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Check(b)
		if h.Signature == "OEMB" && errors.Is(err, ErrChecksum) {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if !strings.HasPrefix(filepath.Base(file), h.Signature) {
			t.Errorf("%s: signature %q", file, h.Signature)
		}
	}
	t.Logf("%d tables", len(files))
}
