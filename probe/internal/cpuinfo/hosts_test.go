package cpuinfo

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
	"github.com/xencheck/xencheck/probe/internal/cpulist"
)

// Machines that other people recorded, with what is known of them from
// elsewhere: nothing may be read wrong, and unknown is right only where the
// text does not tell.
func TestRecordedHosts(t *testing.T) {
	files, err := filepath.Glob("../../../../shared/hosts/*/*/root/proc/cpuinfo")
	if err != nil || len(files) == 0 {
		t.Skip("the recorded hosts are not here")
	}
	type tally struct{ right, wrong, unknown int }
	table := map[string]*tally{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		info, err := Parse(f)
		f.Close()
		host := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(file))))
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		if len(info.Problems) > 0 {
			t.Logf("%s: %v", host, info.Problems)
		}
		truth, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(file))), "truth.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(truth)) {
			key, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
			value, _, _ := strings.Cut(rest, "\t")
			says, ok := answer(info, key, value)
			if !ok {
				continue
			}
			if table[key] == nil {
				table[key] = new(tally)
			}
			switch says {
			case value:
				table[key].right++
			case "":
				table[key].unknown++
				t.Logf("%s: %s is %q, not told by the text", host, key, value)
			default:
				table[key].wrong++
				t.Errorf("%s: %s is %q, read as %q", host, key, value, says)
			}
		}
	}
	all := 0
	for _, key := range slices.Sorted(maps.Keys(table)) {
		n := table[key]
		all += n.right
		t.Logf("%-24s right %3d  wrong %d  unknown %d", key, n.right, n.wrong, n.unknown)
	}
	if all < 3*len(files) {
		t.Errorf("only %d answers for %d texts: the truth was not understood", all, len(files))
	}
}

// answer returns what the text says of a key of truth.tsv; empty when it does
// not tell, false for a key that is not this text's business.
func answer(info *Info, key, want string) (string, bool) {
	yes := map[bool]string{true: "yes", false: "no"}
	switch key {
	case "proc_cpuinfo.processors", "expected.PUs":
		return strconv.Itoa(info.Processors), true
	case "expected.cpus", "lscpu.cpus":
		if n := strconv.Itoa(info.Processors); n == want {
			return n, true
		}
		return "", true // the text lists those online, the others come from sysfs
	case "expected.online_list", "lscpu.online":
		if s, err := cpulist.Parse(want); err == nil && s.String() == info.CPUs.String() {
			return want, true
		}
		return "", true
	case "arch":
		return info.Arch, true
	}
	if x := info.X86; x != nil {
		switch key {
		case "x86.sig.count":
			m := x.Models[0]
			return fmt.Sprintf("%s/%d/%d/%d x%d", m.Vendor, m.Family, m.Model, m.Stepping, m.CPUs), true
		case "x86.model_name", "lscpu.model_name", "expected.CPUModel":
			return x.Boot.Name, true
		case "lscpu.vendor":
			return x.Boot.Vendor, true
		case "lscpu.model":
			return strconv.Itoa(x.Boot.Model), true
		}
	}
	a := info.Arm
	if a == nil {
		return "", false
	}
	switch key {
	case "arm.feature.lpae", "arm.feature.sve":
		every, _ := a.Features.Has(strings.TrimPrefix(key, "arm.feature."))
		return yes[every], true
	case "arm.cpu_architecture":
		return strconv.Itoa(a.Architecture), true
	case "arm.hardware":
		return a.Hardware, true
	case "arm.percpu":
		if !a.CoresCertain {
			return "", true
		}
		var all []string
		for n := range info.CPUs.All() {
			for _, c := range a.Cores {
				if s, _ := cpulist.Parse(c.CPUs); s.Has(n) {
					all = append(all, fmt.Sprintf("%d=%s", n, parts(c)))
				}
			}
		}
		return strings.Join(all, ","), true
	case "midr.parts", "core", "expected.midr", "expected.core":
		for _, c := range a.Cores {
			count := ""
			if a.CoresCertain {
				count = fmt.Sprintf(" x%d", c.Count)
			}
			name := fmt.Sprintf("%s r%dp%d", c.Name, c.Variant, c.Revision)
			for _, s := range []string{parts(c) + count, name, name + count, strings.ToUpper(c.MIDR[2:]) + count} {
				if s == strings.TrimPrefix(want, "0x") || s == want {
					return want, true
				}
			}
		}
		if !a.CoresCertain || strings.HasPrefix(key, "expected.") {
			return "", true // cores that were offline or not printed
		}
		return "another core", true
	}
	return "", false
}

func parts(c facts.ArmCore) string {
	return fmt.Sprintf("%#02x/%#03x/r%dp%d", c.Implementer, c.Part, c.Variant, c.Revision)
}
