package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/xencheck/xencheck"

// bootYard is what boots xencheck in emulated machines, for the tests alone.
const bootYard = "cmd/xencheck/internal/machines…"

// bans says which packages must not import what, and why. A trailing … stands
// for everything below.
var bans = []struct {
	in, imports string
	but         []string // packages or files that may, also with a trailing …
	reason      string
}{
	{"…", "os/exec", []string{bootYard}, "xencheck reads; it runs no other program"},
	{"…", "net", nil, "there is no network in what xencheck does"},
	{"…", "net/http", nil, "there is no network in what xencheck does"},
	{"…", "plugin", nil, "nothing foreign is loaded"},
	{"…", module + "/" + bootYard, []string{bootYard}, "emulated machines run programs; only tests boot them"},
	{"…", "unsafe", nil, "foreign bytes are decoded, never cast"},
	{"support", module + "/…", nil, "the statement knows of no host"},
	{"probe/facts", module + "/…", nil, "the vocabulary depends on nobody"},
	{"probe/facts", "os", nil, "the vocabulary does no input or output"},
	{"rules", module + "/probe", nil, "the judgement knows facts, not where they come from"},
	{"rules", "os", nil, "the judgement is pure"},
	{"rules", "io/fs", nil, "the judgement is pure"},
	{"rules", "log", nil, "the judgement is pure"},
	{"probe…", module + "/support", nil, "a probe must not know what is supported"},
	{"probe…", module + "/rules", nil, "a probe must not know what is supported"},
	{"probe/internal/…", "os", nil, "a format knows no host and no path"},
	{"probe/armcore", "os", nil, "the names of cores are a table"},
	{"…", module + "/probe/probetest", nil, "machines of text are for tests"},
	{"…", "github.com/spf13/cobra", []string{"cmd/xencheck"}, "only the commands know the command line"},
	{"…", "github.com/jaypipes/ghw…", []string{"probe/ghw.go"}, "a dependency lives behind one file"},
	{"…", "github.com/pelletier/go-toml/v2…", []string{"cmd/xencheck/internal/config/toml.go"}, "a dependency lives behind one file"},
	{"…", "github.com/klauspost/compress…", []string{"cmd/xencheck/internal/fleet/zstd.go"}, "a dependency lives behind one file"},
	{"…", "github.com/landlock-lsm/go-landlock…", []string{"cmd/xencheck/sandbox_linux.go"}, "a dependency lives behind one file"},
	{"…", "github.com/klauspost/cpuid/v2", []string{"probe/cpuid.go"}, "a dependency lives behind one file"},
}

func matches(pattern, s string) bool {
	if p, ok := strings.CutSuffix(pattern, "…"); ok {
		return strings.HasPrefix(s, p)
	}
	return s == pattern
}

// eachFile parses every Go file of the module that is not a test.
func eachFile(t *testing.T, visit func(dir, file string, f *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	n := 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		if d.IsDir() {
			// Modules of their own, and what is no code, have their own rules.
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bench" || name == "packaging") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		n++
		visit(path.Dir(filepath.ToSlash(rel)), filepath.ToSlash(rel), f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 20 {
		t.Fatalf("only %d files were read", n)
	}
}

func TestImportBans(t *testing.T) {
	eachFile(t, func(dir, file string, f *ast.File) {
		for _, im := range f.Imports {
			what := strings.Trim(im.Path.Value, `"`)
			for _, b := range bans {
				may := slices.ContainsFunc(b.but, func(pattern string) bool { return matches(pattern, dir) || matches(pattern, file) })
				if matches(b.in, dir) && matches(b.imports, what) && !may {
					t.Errorf("%s imports %s: %s", file, what, b.reason)
				}
			}
		}
	})
}

func TestHouseRules(t *testing.T) {
	eachFile(t, func(dir, file string, f *ast.File) {
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc"}, f.Name.Name) {
			t.Errorf("%s: package %s has no idea of its own", file, f.Name.Name)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init() does things nobody asked for; use a literal list", file)
			}
		}
	})
}
