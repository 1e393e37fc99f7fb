package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// hostsToWrite are hosts that come to all kinds of verdicts: boards on paper,
// and the recorded machines where they are at hand.
func hostsToWrite() [][]string {
	hosts := [][]string{
		board,
		{"--midr", "0x411fd071", "--memory", "16GiB", "--id", "edge7"},
		{"--midr", "0x414fd0c1", "--memory", "3TiB", "--cpus", "160", "--id", "big"},
		{"--memory", "4GiB", "--id", `a"b\c|d<e>&{f}`},
	}
	dirs, _ := filepath.Glob(recordings + "/*/*")
	for i, dir := range dirs {
		for _, way := range waysToLook(dir) {
			if i%8 == 0 {
				hosts = append(hosts, append(way, "--anonymous"))
			}
		}
	}
	return hosts
}

// Whatever the host, the release and the threshold: CI systems see a failure
// when, and only when, the exit code says findings, and something undecided but
// no failure when it says inconclusive.
func TestFormatsAgreeWithExitCode(t *testing.T) {
	schema := sarifSchema(t)
	judges := [][]string{
		{"--xen", "4.22"},
		{"--xen", "4.10"}, // whose support has ended
		{"--xen", "4.18", "--for", "passthrough,hvm", "--fail-on", "conditional"},
		{"--xen", "4.21", "--fail-on", "outside"},
		{"--xen", "4.20", "--fail-on", "never"},
	}
	seen := map[report.ExitCode]int{}
	for i, host := range hostsToWrite() {
		file := filepath.Join(t.TempDir(), "host.json")
		output(t, append([]string{"collect", "-o", file}, host...)...)
		for _, judge := range judges {
			t.Run(fmt.Sprint(i, judge), func(t *testing.T) {
				evaluate := func(format string) (string, report.ExitCode) {
					s, out, errs := fake(nil)
					code := run(append([]string{"evaluate", file, "--at", "2026-11-21", "--format", format}, judge...), s)
					if errs.Len() > 0 {
						t.Fatalf("%s: %s", format, errs)
					}
					return out.String(), code
				}
				_, code := evaluate(report.FormatText)
				seen[code]++

				text, same := evaluate(report.FormatJUnit)
				failures, errors := readJUnit(t, text)
				if got := exitOf(failures > 0, errors > 0); got != code || same != code {
					t.Errorf("JUnit has %d failures and %d errors, the exit codes are %d and %d", failures, errors, same, code)
				}

				text, same = evaluate(report.FormatSARIF)
				bad, open := readSARIF(t, text)
				if bad != (code == report.ExitFindings) || code == report.ExitInconclusive && !open || same != code {
					t.Errorf("SARIF has an error: %t, something open: %t, the exit codes are %d and %d", bad, open, same, code)
				}
				if schema != nil {
					valid(t, schema, text)
				}

				text, same = evaluate(report.FormatPrometheus)
				if want := "\nxencheck_exit_code"; !strings.Contains(text, want) || same != code || !strings.Contains(text, fmt.Sprintf(" %d\n# HELP xencheck_findings ", code)) {
					t.Errorf("metrics do not tell exit code %d:\n%s", code, text)
				}
				if _, same = evaluate(report.FormatMarkdown); same != code {
					t.Errorf("Markdown: exit code %d, want %d", same, code)
				}
			})
		}
	}
	for _, code := range []report.ExitCode{report.ExitOK, report.ExitFindings, report.ExitInconclusive} {
		if seen[code] == 0 {
			t.Errorf("no host came to exit code %d", code)
		}
	}
}

func exitOf(failures, errors bool) report.ExitCode {
	switch {
	case failures:
		return report.ExitFindings
	case errors:
		return report.ExitInconclusive
	}
	return report.ExitOK
}

// readJUnit counts cases and compares with what the suites say of themselves.
func readJUnit(t *testing.T, text string) (failures, errors int) {
	t.Helper()
	type message struct {
		Message string `xml:"message,attr"`
	}
	var doc struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Class   string   `xml:"classname,attr"`
				Name    string   `xml:"name,attr"`
				Failure *message `xml:"failure"`
				Error   *message `xml:"error"`
				Skipped *message `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	for _, s := range doc.Suites {
		got := [4]int{s.Tests, s.Failures, s.Errors, s.Skipped}
		want := [4]int{len(s.Cases)}
		names := map[string]bool{}
		for _, c := range s.Cases {
			if id := c.Class + "\x00" + c.Name; names[id] {
				t.Errorf("case %s %s stands there twice", c.Class, c.Name)
			} else {
				names[id] = true
			}
			for i, m := range []*message{c.Failure, c.Error, c.Skipped} {
				if m != nil {
					want[i+1]++
					if m.Message == "" {
						t.Errorf("case %s %s gives no reason", c.Class, c.Name)
					}
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("totals of a suite (-counted +told)\n%s", d)
		}
		failures += s.Failures
		errors += s.Errors
	}
	return failures, errors
}

// readSARIF tells whether there is a result of level error, and one that is
// open. It checks what the schema cannot: section 3.27.10 on levels, that a
// rule's index is right, and that each result lies in the statement at its
// commit.
func readSARIF(t *testing.T, text string) (bad, open bool) {
	t.Helper()
	var doc struct {
		Runs []struct {
			Tool struct {
				Driver struct {
					Rules []struct {
						ID string `json:"id"`
					} `json:"rules"`
				} `json:"driver"`
			} `json:"tool"`
			Provenance []struct {
				RevisionID string `json:"revisionId"`
				MappedTo   struct {
					Base string `json:"uriBaseId"`
				} `json:"mappedTo"`
			} `json:"versionControlProvenance"`
			Results []struct {
				RuleID    string `json:"ruleId"`
				RuleIndex int    `json:"ruleIndex"`
				Kind      string `json:"kind"`
				Level     string `json:"level"`
				Locations []struct {
					Physical struct {
						Artifact struct {
							URI  string `json:"uri"`
							Base string `json:"uriBaseId"`
						} `json:"artifactLocation"`
						Region *struct {
							Line int `json:"startLine"`
						} `json:"region"`
					} `json:"physicalLocation"`
				} `json:"locations"`
				Properties struct {
					Outcome string `json:"outcome"`
					Grade   string `json:"grade"`
				} `json:"properties"`
			} `json:"results"`
		} `json:"runs"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	for _, run := range doc.Runs {
		if len(run.Provenance) != 1 || run.Provenance[0].RevisionID == "" {
			t.Fatalf("the revision of the statement is not told: %v", run.Provenance)
		}
		for _, r := range run.Results {
			if (r.Kind == "fail") == (r.Level == "none") {
				t.Errorf("%s: kind %s has level %s", r.RuleID, r.Kind, r.Level)
			}
			switch {
			case (r.Properties.Outcome == "unknown" || r.Properties.Outcome == "not_evaluated") && r.Kind != "open" && r.Kind != "notApplicable":
				t.Errorf("%s: what is %s is of kind %s", r.RuleID, r.Properties.Outcome, r.Kind)
			case r.Kind == "pass" && r.Properties.Grade != "supported" && r.Properties.Grade != "security_supported":
				t.Errorf("%s: grade %q passes", r.RuleID, r.Properties.Grade)
			}
			if r.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
				t.Errorf("%s: rule %d is another one", r.RuleID, r.RuleIndex)
			}
			if len(r.Locations) != 1 || r.Locations[0].Physical.Artifact.URI != "SUPPORT.md" || r.Locations[0].Physical.Artifact.Base != run.Provenance[0].MappedTo.Base {
				t.Errorf("%s: lies at %v", r.RuleID, r.Locations)
			} else if r.Properties.Outcome == "judged" && (r.Locations[0].Physical.Region == nil || r.Locations[0].Physical.Region.Line < 1) {
				t.Errorf("%s: no line", r.RuleID)
			}
			bad = bad || r.Level == "error"
			open = open || r.Kind == "open"
		}
	}
	return bad, open
}

// sarifSchemaModule is a library that carries the schema of SARIF 2.1.0 as
// published by OASIS (errata 01). It is no dependency of xencheck.
const (
	sarifSchemaModule = "github.com/owenrumney/go-sarif/v3@v3.3.1"
	sarifSchemaFile   = "pkg/report/v210/sarif/schema.go"
	sarifSchemaSum    = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
)

// sarifSchema returns the schema, or nil where it cannot be had.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	download := exec.Command("go", "mod", "download", "-json", sarifSchemaModule)
	download.Dir = t.TempDir() // not as a dependency of this module
	out, err := download.Output()
	var mod struct{ Dir string }
	if err != nil || json.Unmarshal(out, &mod) != nil || mod.Dir == "" {
		t.Logf("the schema of SARIF is not at hand (%s: %v): validity is not tested", sarifSchemaModule, err)
		return nil
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(mod.Dir, sarifSchemaFile), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.BasicLit); ok && len(s.Value) > len(text) {
			text = s.Value
		}
		return true
	})
	if text, err = strconv.Unquote(text); err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256([]byte(text)); hex.EncodeToString(sum[:]) != sarifSchemaSum {
		t.Fatalf("the schema of SARIF has changed: its SHA-256 is %x", sum)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// Documents of many hosts, of domains, of a statement from a file and of
// nothing are valid as well.
func TestSARIFIsValid(t *testing.T) {
	schema := sarifSchema(t)
	if schema == nil {
		t.Skip("the schema of SARIF is not at hand")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	a, b := filepath.Join(dir, "a b.json"), filepath.Join(dir, "b.json")
	output(t, append([]string{"collect", "-o", a}, board...)...)
	output(t, append([]string{"collect", "-o", b}, board...)...)
	st := write("my statement.md", "# Release Support\n\n    Xen-Version: 4.99\n\n# Feature Support\n\n## Host Architecture\n\n### ARM v8\n\n    Status: Supported\n")
	cfg := write("web 1.cfg", "name = 'web{1}'\ntype = 'hvm'\nmemory = 512\nusbdevice = 'host:1:2'\nfoo = [\n")
	for name, args := range map[string][]string{
		"many":      {"evaluate", a, b},
		"none":      {"evaluate", write("empty.json", "")},
		"statement": {"evaluate", a, "--xen", st},
		"domain":    {"domain", cfg, "--arch", "x86"},
	} {
		t.Run(name, func(t *testing.T) {
			s, out, _ := fake(nil)
			run(append(args, "--format", "sarif", "--at", "2026-11-21"), s)
			valid(t, schema, out.String())
		})
	}
	if err := schema.Validate(map[string]any{"version": "2.1.0", "runs": []any{map[string]any{}}}); err == nil {
		t.Error("the schema lets a run without a tool pass")
	}
}
