package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/xencmdline"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

var update = flag.Bool("update", false, "write docs/rows.md anew")

const (
	rowsFile   = "../../docs/rows.md"
	rulesFiles = "../../rules/*.go"
)

// docs/rows.md is made from the rules: how each row of every release is
// observed, and what judges it.
func TestDocsRows(t *testing.T) {
	s, _, errs := fake(nil)
	releases, err := s.everyRelease()
	if err != nil || errs.Len() > 0 {
		t.Fatal(err, errs)
	}
	symbols, fixtures := readRules(t)
	want := rowsPage(t, releases, symbols, fixtures)
	if *update {
		if err := os.MkdirAll(filepath.Dir(rowsFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(rowsFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(rowsFile)
	if err != nil {
		t.Fatal(err)
	}
	all, partly := 0, 0
	for _, d := range docRows(releases, fixtures) {
		if d.last == releases[len(releases)-1].Header.Release() {
			if d.Reach == rules.Decisive {
				all++
			}
			if d.Reach != rules.OutOfSight {
				partly++
			}
		}
	}
	// What can be told of 4.22 on a dom0, as root, with its domains at hand.
	if all < 157 || partly < 184 {
		t.Errorf("%d rows are decisive and %d one-sided or better: a rule or its fixtures are gone", all, partly)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/rows.md is not current; go test ./cmd/xencheck -run Docs -update writes it anew")
	}
}

// docRow is one row of a table.
type docRow struct {
	row         support.Row // as in the newest release that has it
	first, last string      // releases that have it
	fixtures    []string    // tables and tests that hold fixtures of it
	rules.Coverage
}

// docRows follows every row through the releases, in the order of the newest
// one; a row that is gone stands behind the one it followed last.
func docRows(all []*support.Statement, fixtures map[string][]string) []*docRow {
	byKey := map[string]*docRow{}
	var order []*docRow
	for _, st := range slices.Backward(all) {
		at := 0
		for _, row := range st.Rows {
			d := byKey[row.Key]
			if d == nil {
				d = &docRow{row: row, last: st.Header.Release(), fixtures: fixtures[row.Key], Coverage: rules.Cover(row)}
				if d.Reach == rules.Decisive && len(d.fixtures) == 0 {
					d.Reach = rules.OneSided // nobody has shown both answers yet
				}
				byKey[row.Key] = d
				order = slices.Insert(order, at, d)
			}
			d.first = st.Header.Release()
			at = slices.Index(order, d) + 1
		}
	}
	return order
}

// rowsPage writes the page.
func rowsPage(t *testing.T, all []*support.Statement, symbols map[string]string, fixtures map[string][]string) []byte {
	t.Helper()
	newest := all[len(all)-1].Header.Release()
	rows := docRows(all, fixtures)
	reach := map[rules.Reach]int{}
	for _, d := range rows {
		if d.last == newest {
			reach[d.Reach]++
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `# How each row is observed

Made from the rules by `+"`go test ./cmd/xencheck -run Docs -update`"+`; do not edit.

Every row of Xen's support statement from %s to %s: where it is seen on a host,
from which release on that place tells (where it is younger than 4.10), how far
the answer goes, which rule gives it, and the tests that hold fixtures of it.

* **decisive**: a yes and a no can both be relied on, given root and the
  configuration of the domains; the fixtures differ in that source alone and in
  the outcome.
* **one-sided**: only a yes, or only a no, or a hint.
* **not visible**: nothing on a host tells, and xencheck says so.

Of the %d rows of %s, %d are decisive, %d one-sided and %d not visible.
`, all[0].Header.Release(), newest, reach[rules.Decisive]+reach[rules.OneSided]+reach[rules.OutOfSight], newest,
		reach[rules.Decisive], reach[rules.OneSided], reach[rules.OutOfSight])
	section := ""
	for _, d := range rows {
		if d.row.Section != section {
			section = d.row.Section
			fmt.Fprintf(&b, "\n## %s\n\n| row | releases | observed | tells from | reach | rule | fixtures |\n|---|---|---|---|---|---|---|\n", section)
		}
		how, _ := rules.Observed(d.row.Heading)
		cells := []string{
			code(d.row.Key), span(d.first, d.last), how, strings.Join(tellsFrom(t, how, symbols), ", "),
			string(d.Reach), codes(d.Rules), codes(d.fixtures),
		}
		for i, c := range cells {
			cells[i] = strings.ReplaceAll(cmp.Or(c, "–"), "|", `\|`)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.Bytes()
}

func code(s string) string { return "`" + s + "`" }

func codes(all []string) string {
	out := make([]string, 0, len(all))
	for _, s := range all {
		out = append(out, code(s))
	}
	return strings.Join(out, ", ")
}

func span(first, last string) string {
	if first == last {
		return first
	}
	return first + "–" + last
}

var places = regexp.MustCompile(`CONFIG_[A-Z0-9_]+|[a-z][a-z0-9_-]*=|hypfs`)

// tellsFrom says of each option, key and symbol that a description names since
// when it exists, where that is later than the first release here.
func tellsFrom(t *testing.T, how string, symbols map[string]string) []string {
	t.Helper()
	var out []string
	for clause := range strings.SplitSeq(how, ";") {
		xen := strings.Contains(clause, "Xen command line")
		for _, word := range places.FindAllString(clause, -1) {
			name, since := strings.TrimSuffix(word, "="), ""
			switch {
			case word == "hypfs":
				since = "4.14"
			case strings.HasPrefix(word, "CONFIG_"):
				since = symbols[word]
			case xen:
				def, _ := xencmdline.Known(name)
				since = def.Since
			default:
				since = keySince(t, name)
			}
			if entry := code(word) + " " + since; since != "" && since != "4.10" && !slices.Contains(out, entry) {
				out = append(out, entry)
			}
		}
	}
	return out
}

// keySince asks the reader of xl.cfg since when a key exists.
func keySince(t *testing.T, key string) string {
	t.Helper()
	ds, err := probe.ReadDomains("", []byte(key+" = 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range ds[0].Limited {
		if k.Name == key {
			return k.Since
		}
	}
	return ""
}

// readRules reads the source of the rules: since when each build symbol exists,
// as the signs say, and which declarations of the tests name each row's key.
func readRules(t *testing.T) (symbols map[string]string, fixtures map[string][]string) {
	t.Helper()
	symbols, fixtures = map[string]string{}, map[string][]string{}
	files, err := filepath.Glob(rulesFiles)
	if err != nil || len(files) == 0 {
		t.Fatal("no rules", err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		test := strings.HasSuffix(file, "_test.go")
		for _, d := range f.Decls {
			name := declared(d)
			ast.Inspect(d, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && !test && len(call.Args) > 1 {
					if symbol, since := literal(call.Args[0]), literal(call.Args[1]); strings.HasPrefix(symbol, "CONFIG_") && branchName.MatchString(since) {
						symbols[symbol] = since
					}
				}
				if e, ok := n.(ast.Expr); ok && test && name != "" {
					if key := literal(e); key != "" && !slices.Contains(fixtures[key], name) {
						fixtures[key] = append(fixtures[key], name)
					}
				}
				return true
			})
		}
	}
	return symbols, fixtures
}

var branchName = regexp.MustCompile(`^4\.[0-9]+$`)

// declared names a declaration that holds fixtures: a test, or a table that
// tests share. Tests of waivers name rows and are about none of them.
func declared(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if strings.HasPrefix(d.Name.Name, "Test") && !strings.HasPrefix(d.Name.Name, "TestWaiver") {
			return d.Name.Name
		}
	case *ast.GenDecl:
		if v, ok := d.Specs[0].(*ast.ValueSpec); ok && d.Tok == token.VAR && strings.HasSuffix(v.Names[0].Name, "Fixtures") {
			return v.Names[0].Name
		}
	}
	return ""
}

// literal returns the value of a string literal.
func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		s, _ := strconv.Unquote(l.Value)
		return s
	}
	return ""
}
