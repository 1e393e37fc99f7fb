package board

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/fdt"
)

// recordings are device trees of real boards, kept beside the project.
const recordings = "../../../../shared/hosts"

// counted writes "2xarm,cortex-a53 4xarm,cortex-a73", as the recordings do.
func counted(counts map[string]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		if counts[k] > 0 {
			parts = append(parts, fmt.Sprintf("%dx%s", counts[k], k))
		}
	}
	if parts == nil {
		return "-"
	}
	return strings.Join(parts, " ")
}

func yesNo(b bool) string {
	if b {
		return "y"
	}
	return "n"
}

// tell writes a board in the words of the recordings.
func tell(b Board) map[string]string {
	cores := map[string]int{}
	for _, c := range b.CPUs {
		cores[c.Compatible[0]]++
	}
	smmu, smmuOff, ipmmu, ipmmuOff, other := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, u := range b.IOMMUs {
		switch u.Kind {
		case facts.SMMUv1, facts.SMMUv2, facts.SMMUv3:
			smmu[string(u.Kind)] += u.Enabled
			smmuOff[string(u.Kind)] += u.Disabled
		case facts.IPMMU:
			ipmmu[u.Compatible[0]] += u.Enabled
			ipmmuOff[u.Compatible[0]] += u.Disabled
		default:
			other[u.Compatible[0]] += u.Enabled
			other[u.Compatible[0]+"(disabled)"] += u.Disabled
		}
	}
	timers := strings.Join(b.Timers, "+")
	if timers == "" {
		timers = "-"
	}
	m := map[string]string{
		"model":           b.Model,
		"root_compatible": strings.Join(b.Compatible, " "),
		"cpus":            strconv.Itoa(len(b.CPUs)),
		"cpus_disabled":   strconv.Itoa(b.Unusable),
		"cpu_compatibles": counted(cores),
		"gic_version":     "none",
		"gic_compatible":  "-",
		"gic_virt_hint":   "-",
		"its":             strconv.Itoa(b.GIC.ITS),
		"its_disabled":    strconv.Itoa(b.GIC.ITSDisabled),
		"smmu":            counted(smmu),
		"smmu_disabled":   counted(smmuOff),
		"ipmmu":           counted(ipmmu),
		"ipmmu_disabled":  counted(ipmmuOff),
		"other_iommu":     counted(other),
		"memory_nodes":    strconv.Itoa(b.Memory.Nodes),
		"memory_bytes":    strconv.FormatUint(b.Memory.Bytes, 10),
		"timer":           timers,
		"psci":            yesNo(b.PSCI != ""),
	}
	if b.GIC.Version > 0 {
		m["gic_version"] = strconv.Itoa(b.GIC.Version)
		for _, c := range b.GIC.Compatible {
			if gicVersion(c) > 0 {
				m["gic_compatible"] = c
				break
			}
		}
		m["gic_virt_hint"] = fmt.Sprintf("reg=%d,maint=%s", b.GIC.Regs, yesNo(b.GIC.Maintenance))
	}
	return m
}

func TestRecordedBoards(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(recordings, "dtb-*", "*", "board.dtb"))
	if len(files) == 0 {
		t.Skipf("no recorded boards in %s", recordings)
	}
	type tally struct{ right, wrong, unknown int }
	tallies := map[string]*tally{}
	for _, file := range files {
		blob, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := fdt.Parse(blob)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		board := Read(tree)
		for _, p := range board.Problems {
			t.Errorf("%s: %v", file, p)
		}
		got := tell(board)
		text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "truth.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			key, rest, _ := strings.Cut(strings.TrimSpace(line), "\t")
			want, _, _ := strings.Cut(rest, "\t")
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
		t.Logf("%-16s right %3d  wrong %3d  unknown %3d", key, n.right, n.wrong, n.unknown)
	}
}
