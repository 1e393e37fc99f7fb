package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// recordings are machines that others recorded, each below a group.
const recordings = "../../../shared/hosts"

func compileSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.JSONSchema(name)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name+".json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// waysToLook returns the flags for everything a recording holds.
func waysToLook(dir string) [][]string {
	var ways [][]string
	for _, w := range [][2]string{{"--root", "root"}, {"--dtb", "board.dtb"}, {"--cpuid", "cpuid.test"}} {
		if _, err := os.Stat(filepath.Join(dir, w[1])); err == nil {
			ways = append(ways, []string{w[0], filepath.Join(dir, w[1])})
		}
	}
	return ways
}

// Whatever the machine, each output is valid by its schema, can be read back,
// is the same when made again, and keeps to its width.
func TestRecordedMachines(t *testing.T) {
	dirs, err := filepath.Glob(recordings + "/*/*")
	if err != nil || len(dirs) == 0 {
		t.Skipf("no recordings at %s", recordings)
	}
	schemas := map[string]*jsonschema.Schema{}
	for _, name := range report.SchemaNames() {
		schemas[name] = compileSchema(t, name)
	}
	for _, dir := range dirs {
		for _, way := range waysToLook(dir) {
			t.Run(filepath.Base(dir)+way[0], func(t *testing.T) {
				look := append(way, "--anonymous")
				judge := append(look, "--at", "2026-11-21")

				facts := output(t, append([]string{"collect"}, look...)...)
				valid(t, schemas["facts"], facts)
				kept := output(t, append([]string{"check", "--format", "json"}, judge...)...)
				valid(t, schemas["report"], kept)
				valid(t, schemas["comparison"], output(t, append([]string{"compare", "--xen", "4.10,4.22", "--format", "json"}, judge...)...))

				file := filepath.Join(t.TempDir(), "report.json")
				if err := os.WriteFile(file, []byte(kept), 0o600); err != nil {
					t.Fatal(err)
				}
				text := output(t, append([]string{"check", "-v", "--width", "40"}, judge...)...)
				if again := output(t, "render", "-v", "--width", "40", file); again != text {
					t.Error("the kept report does not render as the live one")
				}
				narrow(t, text, 40)
				if again := output(t, "evaluate", "--at", "2026-11-21", "--format", "json", file); again != kept {
					t.Error("judging the facts of the report again gives another report")
				}
			})
		}
	}
}

// output runs a command that must not fail and returns what it wrote.
func output(t *testing.T, args ...string) string {
	t.Helper()
	s, out, errs := fake(map[string]string{"LANG": "C.UTF-8"})
	if code := run(args, s); code == report.ExitUsage || code == report.ExitInternal || errs.Len() > 0 {
		t.Fatalf("xencheck %s: exit code %d: %s", strings.Join(args, " "), code, errs)
	}
	return out.String()
}

func valid(t *testing.T, s *jsonschema.Schema, text string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(doc); err != nil {
		t.Error(err)
	}
}

// narrow checks that only lines of a single long word exceed the width.
func narrow(t *testing.T, text string, width int) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if utf8.RuneCountInString(line) > width && len(strings.Fields(line)) > 2 {
			t.Errorf("wider than %d: %q", width, line)
		}
	}
}
