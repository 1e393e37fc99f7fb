package mutant

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// spoil makes a line of a statement one that is outside the grammar, or a date
// one that no calendar has. What it returns is the value that is now there.
func spoil(line string, rng *rand.Rand) (spoiled, value string, ok bool) {
	key, value, found := strings.Cut(line, ": ")
	key = strings.TrimSpace(key)
	switch {
	case !found || strings.TrimSpace(value) == "":
		return "", "", false
	case strings.HasPrefix(key, "Status"):
		// Two letters that follow each other in no word of the grammar, inside
		// or behind a word; a unit that does not exist; a number too many.
		at := 1 + rng.IntN(len(value)-1)
		for at < len(value)-1 && (value[at]&0xc0 == 0x80 || value[at] == ' ') {
			at++
		}
		junk := []string{"qx", "vq", "\x01", "?!", "zz9"}[rng.IntN(5)]
		value = value[:at] + junk + value[at:]
	case strings.HasSuffix(key, "Until"), key == "Initial-Release":
		value = []string{"2029-13-01", "2029-02-30", "soon", "0000-00-00", "29-07-2030", "2029-07-", ""}[rng.IntN(7)]
	default:
		return "", "", false
	}
	return line[:strings.Index(line, key)] + key + ": " + value, value, true
}

// A line of a statement that is outside the grammar never yields "supported":
// neither its row nor anything that hangs on it gets better. Of lines that are
// missing, all that can be told is that nothing breaks.
func TestMutatedStatements(t *testing.T) {
	files, err := filepath.Glob(project + "/support/releases/4.*.md")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d statements: %v", len(files), err)
	}
	var hosts []*Machine
	for _, m := range machines(t) {
		if slices.Contains([]string{"qemu-x86-vtd", "x86-12tib-more", "a57-r1p0", "biglittle-boot-a57", "xen-x86-amdvi", "qemu-x86-secure-boot", "smmuv2"}, m.Name) {
			hosts = append(hosts, m)
		}
	}
	if len(hosts) < 5 {
		t.Fatalf("only %d machines", len(hosts))
	}
	rounds := 1
	if os.Getenv("XENCHECK_MUTANTS") != "" {
		rounds = 5
	} else {
		files = []string{files[0], files[len(files)/2], files[len(files)-1]}
	}
	rng := rand.New(rand.NewPCG(4, 22))
	spoiled, dropped, refused := 0, 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := support.Parse(file, text)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for range rounds {
			for i, line := range lines {
				if strings.TrimSpace(line) == "" {
					continue
				}
				without := slices.Delete(slices.Clone(lines), i, i+1)
				if s, err := support.Parse(file, []byte(strings.Join(without, "\n"))); err == nil {
					judge{s}.verdicts(hosts[i%len(hosts)].Facts)
				}
				dropped++
				bad, value, ok := spoil(line, rng)
				if !ok {
					continue
				}
				spoiled++
				changed := slices.Clone(lines)
				changed[i] = bad
				s, err := support.Parse(file, []byte(strings.Join(changed, "\n")))
				if err != nil {
					refused++ // nothing is judged by it
					continue
				}
				m := hosts[rng.IntN(len(hosts))]
				before, after := judge{whole}.verdicts(m.Facts)[0], judge{s}.verdicts(m.Facts)[0]
				for _, better := range Improvements(before, after) {
					t.Errorf("%s:%d: %q on %s: %s", filepath.Base(file), i+1, bad, m.Name, better)
				}
				for _, f := range after.Findings {
					if f.Row != nil && f.Row.Key != "" && f.Row.Value == value && f.Outcome == rules.Judged && f.Level.Security == support.SecurityYes {
						t.Errorf("%s:%d: %q on %s yields %v", filepath.Base(file), i+1, bad, m.Name, f.Level)
					}
				}
			}
		}
	}
	t.Logf("mutants of statements: %d lines spoiled (%d texts refused), %d dropped; none supported", spoiled, refused, dropped)
}

// An archive that is damaged, cut or tampered with is refused, or makes no
// verdict better.
func TestDamagedArchives(t *testing.T) {
	files, err := filepath.Glob(project + "/testdata/hosts/*/machine.tar.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	n := 300
	if os.Getenv("XENCHECK_MUTANTS") != "" {
		n = 5000
	}
	js := releases(t)
	rng := rand.New(rand.NewPCG(1, 9))
	counts, assured := map[string]int{}, 0
	dir := t.TempDir()
	wholes := map[string]*archive{}
	for range n {
		file := files[rng.IntN(len(files))]
		a := wholes[file]
		if a == nil {
			a = openArchive(t, file)
			a.before = js.verdicts(a.machine.Facts)
			wholes[file] = a
		}
		how, packed := a.damaged(rng)
		name := filepath.Join(dir, "damaged.tar.gz")
		if err := os.WriteFile(name, packed, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Open("damaged", name)
		if err != nil {
			counts[how+": refused"]++
			continue
		}
		counts[how+": read"]++
		for i, v := range js.verdicts(m.Facts) {
			if better := Improvements(a.before[i], v); len(better) > 0 {
				assured++
				t.Errorf("%s, %s, by %s: %s", filepath.Base(filepath.Dir(file)), how, v.Release, strings.Join(better[:min(2, len(better))], "; "))
			}
		}
	}
	var all []string
	for k, v := range counts {
		all = append(all, fmt.Sprintf("%s %d", k, v))
	}
	slices.Sort(all)
	t.Logf("damaged archives: %d (%s); false assurances: %d", n, strings.Join(all, ", "), assured)
}
