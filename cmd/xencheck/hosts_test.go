package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/probetest"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// hostsDir holds machines, each with what is known of it: see its README.md.
const hostsDir = "../../testdata/hosts"

// TestHosts looks at every machine of testdata/hosts and judges it, and holds
// the facts and the verdicts against what is known of the machine and said by
// the statements.
func TestHosts(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(hostsDir, "*", "expected.txt"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no machines in %s: %v", hostsDir, err)
	}
	lib, errs := support.NewLibrary(nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var sum struct{ machines, facts, verdicts, wrong int }
	for _, file := range dirs {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			want, err := readExpected(file)
			if err != nil {
				t.Fatal(err)
			}
			h := collectHost(t, hostOf(t, filepath.Dir(file)))
			tree := jsonTree(t, h)
			wrong := func(format string, args ...any) {
				t.Helper()
				sum.wrong++
				t.Errorf(format, args...)
			}
			for _, f := range want.facts {
				if got := f.held(tree); got != "" {
					wrong("%s:%d: %s is %s, not %s", file, f.line, f.key, got, f.value)
				}
			}
			for _, r := range want.releases {
				st, err := lib.Open(r.name)
				if err != nil {
					t.Fatal(err)
				}
				v := rules.Evaluate(st, h, rules.Options{At: r.at})
				for _, e := range r.lines {
					got := judged(v, e.key)
					if !slices.ContainsFunc(strings.Split(got, " | "), func(s string) bool { return s == e.value || strings.HasPrefix(s, e.value+", in use ") }) {
						wrong("%s:%d: Xen %s: %s is %s, not %s", file, e.line, r.name, e.key, got, e.value)
					}
				}
				sum.verdicts += len(r.lines)
			}
			sum.machines++
			sum.facts += len(want.facts)
		})
	}
	t.Logf("hosts: %d machines, %d facts, %d verdicts and rows, %d wrong", sum.machines, sum.facts, sum.verdicts, sum.wrong)
}

// An archive that is made of a machine tells the same facts as the machine.
func TestHostsReplayed(t *testing.T) {
	machines, err := probetest.All(hostsDir)
	if err != nil || len(machines) == 0 {
		t.Fatalf("%d machines: %v", len(machines), err)
	}
	for _, m := range machines {
		var archive bytes.Buffer
		seen, err := probe.WriteRaw(context.Background(), &archive, liveMachine(m))
		if err != nil {
			t.Fatal(err)
		}
		// KEEP_HOSTS=DIR keeps the archives, for xencheck --root.
		dir := os.Getenv("KEEP_HOSTS")
		if dir == "" {
			dir = t.TempDir()
		}
		file := filepath.Join(dir, m.Name+".tar.gz")
		if err := os.WriteFile(file, archive.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		again := collectHost(t, probe.Options{Root: file, Tool: "test", Now: hostsNow})
		seen.Origin, again.Origin = facts.Origin{}, facts.Origin{}
		if d := cmp.Diff(jsonTree(t, seen), jsonTree(t, again)); d != "" {
			t.Errorf("%s: (-seen +replayed)\n%s", m.Name, d)
		}
	}
}

// hostOf returns how a machine of testdata/hosts is looked at: as the running
// one when it is described by text, else as a recording.
func hostOf(t *testing.T, dir string) probe.Options {
	t.Helper()
	if archive := filepath.Join(dir, "machine.tar.gz"); exists(archive) {
		return probe.Options{Root: archive, Tool: "test", Now: hostsNow}
	}
	m, err := probetest.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return liveMachine(m)
}

func liveMachine(m *probetest.Machine) probe.Options {
	return probe.Options{FS: m, FSLive: true, Tool: "test", Now: hostsNow}
}

func hostsNow() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func collectHost(t *testing.T, o probe.Options) *facts.Host {
	t.Helper()
	h, err := probe.Collect(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// expected is an expected.txt.
type expected struct {
	facts    []expectation
	releases []expectedRelease
}

type expectedRelease struct {
	name  string
	at    time.Time
	lines []expectation
}

// expectation is one line: a key and what belongs to it.
type expectation struct {
	line       int
	key, value string
}

// readExpected reads an expected.txt. One that hardly says anything is
// refused: it would be held by nearly any machine.
func readExpected(file string) (expected, error) {
	var e expected
	b, err := os.ReadFile(file)
	if err != nil {
		return e, err
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if len(words) < 2 {
			return e, fmt.Errorf("%s:%d: a key and a value are wanted", file, n)
		}
		if words[0] == "xen" {
			r := expectedRelease{name: words[1]}
			if len(words) != 4 || words[2] != "on" {
				return e, fmt.Errorf("%s:%d: not of the form xen RELEASE on YYYY-MM-DD", file, n)
			}
			if r.at, err = time.Parse(time.DateOnly, words[3]); err != nil {
				return e, fmt.Errorf("%s:%d: %w", file, n, err)
			}
			e.releases = append(e.releases, r)
			continue
		}
		key, rest := words[0], words[1:]
		if len(e.releases) == 0 {
			e.facts = append(e.facts, expectation{n, key, strings.Join(rest, " ")})
			continue
		}
		if (key == "for" || key == "rule") && len(rest) > 1 {
			key, rest = key+" "+rest[0], rest[1:]
		}
		r := &e.releases[len(e.releases)-1]
		r.lines = append(r.lines, expectation{n, key, strings.Join(rest, " ")})
	}
	if len(e.facts) < 5 || len(e.releases) < 3 {
		return e, fmt.Errorf("%s: %d facts and %d releases are too few to hold anything", file, len(e.facts), len(e.releases))
	}
	for _, r := range e.releases {
		if len(r.lines) < 2 || r.lines[0].key != "verdict" {
			return e, fmt.Errorf("%s: of Xen %s the verdict and a row that decides it are wanted", file, r.name)
		}
	}
	return e, nil
}

func jsonTree(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

// held returns what stands in the facts where the expectation says something
// else; empty when it holds.
func (e expectation) held(tree any) string {
	got := factAt(tree, strings.Split(e.key, "."))
	if n, err := bytesOf(e.value); err == nil && got == strconv.FormatUint(n, 10) {
		return ""
	}
	if strings.TrimSpace(got) == e.value {
		return ""
	}
	return got
}

// factAt goes down a path of names, of numbers of elements and, for how many
// there are, #. What was observed is entered without being named: a fact that
// is not known ends the path with its state and cause.
func factAt(tree any, path []string) string {
	if m, ok := tree.(map[string]any); ok {
		if state, ok := m["state"].(string); ok {
			switch state {
			case "known":
				return factAt(m["value"], path)
			case "unknown":
				p, _ := m["problem"].(map[string]any)
				return fmt.Sprint("unknown ", p["cause"])
			}
			return state
		}
	}
	if len(path) == 0 {
		switch v := tree.(type) {
		case string, json.Number, bool:
			return fmt.Sprint(v)
		case nil:
			return "null"
		}
		return "not a single value"
	}
	switch v := tree.(type) {
	case map[string]any:
		if child, ok := v[path[0]]; ok {
			return factAt(child, path[1:])
		}
		return "not there"
	case []any:
		if path[0] == "#" {
			return strconv.Itoa(len(v))
		}
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(v) {
			return factAt(v[i], path[1:])
		}
		return "not there"
	}
	return "no such path"
}

// bytesOf reads sizes and what is added to or taken from them: 12 TiB - 2 GiB.
func bytesOf(s string) (uint64, error) {
	var sum uint64
	sign := "+"
	for s != "" {
		part, rest := s, ""
		next := ""
		if i := strings.IndexAny(s, "+-"); i >= 0 {
			part, next, rest = s[:i], s[i:i+1], s[i+1:]
		}
		n, err := probetest.ParseSize(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			return 0, err
		}
		if sign == "+" {
			sum += n
		} else {
			sum -= n
		}
		s, sign = rest, next
	}
	return sum, nil
}

// judged returns what a verdict says for a key of expected.txt.
func judged(v *rules.Verdict, key string) string {
	word := func(a rules.Answer) string {
		if !a.Complete && a.Grade != rules.GradeUnknown {
			return string(a.Grade) + " incomplete"
		}
		return string(a.Grade)
	}
	if key == "verdict" {
		return word(v.Overall)
	}
	if intent, ok := strings.CutPrefix(key, "for "); ok {
		for _, a := range v.Answers {
			if a.Intent == intent {
				return word(a)
			}
		}
		return "not answered"
	}
	var said []string
	rule, byRule := strings.CutPrefix(key, "rule ")
	for _, f := range v.Findings {
		rowless := f.Row == nil || f.Row.Key == ""
		if byRule && (f.Rule != rule || !rowless) || !byRule && (rowless || f.Row.Key != key) {
			continue
		}
		s := string(f.Outcome)
		if f.Outcome == rules.Judged {
			// Of a heading that is in use or merely there, both are worth saying.
			s += fmt.Sprintf(" %s/%s, in use %s", f.Stated.Functional, f.Stated.Security, f.InUse)
		}
		said = append(said, s)
	}
	if len(said) == 0 {
		return "not found"
	}
	return strings.Join(said, " | ")
}
