package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

func encode(t testing.TB, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compact is encode in one line: small seeds make a fuzzer quick.
func compact(t testing.TB, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteLine(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func comparison() *Comparison {
	older := overLimitReport()
	older.Release, older.Statement.Release, older.Statement.Name = "4.16", "4.16", "4.16"
	older.Findings = older.Findings[2:]
	older.Overall.Grade, older.Answers[0].Grade = rules.GradeSupported, rules.GradeSupported
	older.Overall.Level, older.Answers[0].Level = good, good
	older.Answers, older.ExitCode = older.Answers[:1], ExitOK
	return Compare([]*Report{older, overLimitReport()})
}

func TestDecodeIsTheInverseOfWrite(t *testing.T) {
	for name, r := range map[string]*Report{"over the limit": overLimitReport(), "all well": allWellReport()} {
		got, err := Decode(encode(t, r))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(r, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-written +read)\n%s", name, d)
		}
		if text(t, r, Style{Width: 80}) != text(t, got, Style{Width: 80}) {
			t.Errorf("%s: text differs after a round trip", name)
		}
	}
	c := comparison()
	got, err := DecodeComparison(encode(t, c))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("comparison (-written +read)\n%s", d)
	}
	h := bigServer()
	host, err := DecodeHost(encode(t, h))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(h, host, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("facts (-written +read)\n%s", d)
	}
}

func TestJSONDetails(t *testing.T) {
	r := overLimitReport()
	r.Host.Machine.Product.Value = "<A & B> \x7f\u009b"
	got := string(encode(t, r))
	for _, want := range []string{
		`"value": "<A & B> \u007f\u009b"`,
		`"at": "2026-11-21T00:00:00Z"`,
		`"min": 26388279066624`,
		`"not_evaluated": 0`,
		`"exit_code": 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %s", want)
		}
	}
	if !bytes.Equal(encode(t, r), []byte(got)) {
		t.Error("not deterministic")
	}
}

func schemaOf(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSONSchema(name)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOutputFitsTheSchema(t *testing.T) {
	for _, tc := range []struct {
		schema string
		object any
	}{
		{"report", overLimitReport()}, {"report", allWellReport()}, {"facts", bigServer()}, {"facts", board()}, {"comparison", comparison()},
	} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encode(t, tc.object)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schemaOf(t, tc.schema).Validate(doc); err != nil {
			t.Errorf("%s: %v", tc.schema, err)
		}
	}
}

// A field that the schema does not know, or a known fact without a value, must
// not pass.
func TestSchemaIsStrict(t *testing.T) {
	for name, change := range map[string][2]string{
		"unknown field": {`"kind":`, `"colour": 1, "kind":`},
		"empty fact":    {`"value": "x86-64"`, `"value": null`},
		"wrong grade":   {`"grade": "not_security_supported"`, `"grade": "good"`},
		"other schema":  {`"schema": 1`, `"schema": 2`},
	} {
		old := string(encode(t, overLimitReport()))
		changed := strings.Replace(old, change[0], change[1], 1)
		if changed == old {
			t.Fatalf("%s: nothing to replace", name)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(changed))
		if err != nil {
			t.Fatal(err)
		}
		if schemaOf(t, "report").Validate(doc) == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	report := string(encode(t, overLimitReport()))
	host := string(encode(t, bigServer()))
	replace := func(s, old, new string) string {
		t.Helper()
		if !strings.Contains(s, old) {
			t.Fatalf("no %q to replace", old)
		}
		return strings.Replace(s, old, new, 1)
	}
	decodeReport := func(s string) error { _, err := Decode([]byte(s)); return err }
	decodeHost := func(s string) error { _, err := DecodeHost([]byte(s)); return err }
	split := func(s string) error { _, err := Split([]byte(s)); return err }
	for name, tc := range map[string]struct {
		read  func(string) error
		input string
		want  string
	}{
		"newer report":     {decodeReport, replace(report, `"schema": 1`, `"schema": 2`), "schema 2 of the report, but only 1 is known here: written by a newer xencheck; use that one or a newer one"},
		"newer facts":      {decodeHost, replace(host, `"schema": 1`, `"schema": 7`), "schema 7 of the facts, but only 1 is known here: written by a newer xencheck; use that one or a newer one"},
		"facts as report":  {decodeReport, host, "these are facts, not a report; judge them with xencheck evaluate"},
		"facts as text":    {decodeHost, `{"host":"a","message":"{\n\"schema\":1,\"machine\":{}}"}`, `neither facts nor a report, but an envelope: take what is in its member "message" out of it first, as jq -r does`},
		"facts as object":  {decodeHost, `{"_source":{"kind":"xencheck-report","schema":1}}`, `neither facts nor a report, but an envelope: take what is in its member "_source" out of it first, as jq -r does`},
		"other text":       {decodeHost, `{"message":"{}","b":null}`, `neither facts nor a report: no "schema" or no "machine"`},
		"something else":   {decodeHost, `{"a": 1}`, `neither facts nor a report: no "schema" or no "machine"`},
		"wrong type":       {decodeHost, replace(host, `"value": "x86-64"`, `"value": 64`), "machine.arch.value: expected a string, found number"},
		"wrong deep type":  {decodeHost, replace(host, `"family": 6`, `"family": "6"`), "cpu.x86.models.value[0].family: expected a whole number, found string"},
		"negative":         {decodeHost, replace(host, `"min": 26388279066624`, `"min": -1`), "memory.physical.value.min: expected a whole number, not negative, found number -1"},
		"known, no value":  {decodeHost, replace(host, `"value": "x86-64"`, `"value": null`), `machine.arch: fact from "/proc/cpuinfo" is marked known but has no value`},
		"empty range":      {decodeHost, replace(host, `"max": 26388279066624`, `"max": 1`), "memory.physical: max is less than min"},
		"many domains":     {decodeHost, `{"schema":1,"machine":{},"domains":{"state":"known","value":[` + strings.Repeat(`{},`, facts.MaxDomains) + `{}]}}`, "domains: 8193 of them, more than the 8192 that facts hold at most"},
		"many running":     {decodeHost, `{"schema":1,"machine":{},"running":{"state":"known","value":[` + strings.Repeat(`{},`, facts.MaxDomains) + `{}]}}`, "running: 8193 domains, more than the 8192 that facts hold at most"},
		"report's host":    {decodeReport, replace(report, `"value": "x86-64"`, `"value": 64`), "host.machine.arch.value: expected a string, found number"},
		"bad index":        {decodeReport, replace(report, "\"because\": [\n      1", "\"because\": [\n      99"), `answer for "host": there is no finding 99`},
		"bad exit code":    {decodeReport, replace(report, `"exit_code": 1`, `"exit_code": 0`), "exit_code: 0 does not follow from the answers, which come to 1"},
		"bad grade":        {decodeReport, replace(report, `"grade": "not_security_supported"`, `"grade": "fine"`), `answer for "host": unknown grade "fine"`},
		"bad threshold":    {decodeReport, replace(report, `"fail_on": "not-security-supported"`, `"fail_on": "x"`), `fail_on: unknown threshold "x"`},
		"empty":            {split, " \n", "empty: expected facts or a report of xencheck in JSON"},
		"cut off":          {split, "{\n\"a\": [1,\n", "3: ends in the middle of a JSON object"},
		"trailing garbage": {split, "{}\n{}\nxyz", "3: not JSON: invalid character 'x' looking for beginning of value"},
		"a list":           {split, "\n[1]", "2: expected a JSON object"},
		"too deep":         {split, strings.Repeat(`{"a":`, 20_000), "1: not JSON: invalid character '{' exceeded max depth"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.read(tc.input)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
	if err := decodeHost(replace(host, `"schema": 1`, `"schema": 7`)); !errors.Is(err, ErrNewer) {
		t.Errorf("%v is not ErrNewer", err)
	}
}

// Later versions add fields; this one must still read what it knows.
func TestUnknownFieldsArePassedOver(t *testing.T) {
	h, err := DecodeHost([]byte(strings.Replace(string(encode(t, bigServer())), `"tool":`, `"colour": {"a": [1]}, "tool":`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(bigServer(), h, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

func TestSplitStream(t *testing.T) {
	got, err := Split([]byte("\ufeff{\"a\": 1}\n\n{\"b\":{}}{}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]byte{[]byte(`{"a": 1}`), []byte(`{"b":{}}`), []byte(`{}`)}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What decodes at all is written the same way for good.
func FuzzDecode(f *testing.F) {
	f.Add(compact(f, overLimitReport()))
	f.Add(compact(f, allWellReport()))
	f.Add([]byte(`{"kind":"xencheck-report","schema":1,"host":{"schema":1},"fail_on":"never","overall":{"grade":"unknown","level":{"functional":"supported"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data)
		if err != nil {
			return
		}
		first := encode(t, r)
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, first)
		}
		if d := cmp.Diff(r, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("(-first +again)\n%s", d)
		}
		text(t, r, Style{Width: 80, Verbose: true})
	})
}

func FuzzDecodeHost(f *testing.F) {
	f.Add(compact(f, bigServer()))
	f.Add(compact(f, board()))
	f.Add(compact(f, comparison()))
	f.Add(compact(f, domainsReport(guest("a"))))
	f.Add([]byte(`{"schema":1,"machine":{"arch":{"state":"known","value":"arm64"}},"memory":{"physical":{"state":"known","value":{"min":1,"max":null}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := DecodeHost(data)
		if err != nil {
			return
		}
		first := encode(t, h)
		again, err := DecodeHost(first)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, first)
		}
		if d := cmp.Diff(h, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("(-first +again)\n%s", d)
		}
		machineLine(h)
	})
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("{} {}\n"))
	f.Add([]byte("{\"a\": \"\xff\"}x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, err := Split(data)
		if err != nil {
			return
		}
		for _, o := range objects {
			if !json.Valid(o) || o[0] != '{' {
				t.Errorf("not an object: %q", o)
			}
		}
		joined := bytes.Join(objects, []byte("\n"))
		again, err := Split(joined)
		if err != nil || !cmp.Equal(objects, again) {
			t.Errorf("split again: %v", err)
		}
	})
}

func TestExit(t *testing.T) {
	verdict := func(overall rules.Grade, complete bool, other rules.Grade) *rules.Verdict {
		host := rules.Answer{Intent: "host", Grade: overall, Complete: complete}
		return &rules.Verdict{Intents: []string{"host"}, Overall: host, Answers: []rules.Answer{host, {Intent: "sve", Grade: other, Complete: true}}}
	}
	grades := []rules.Grade{
		rules.GradeSupported, rules.GradeSecurityOnly, rules.GradeExternal, rules.GradeConditional,
		rules.GradeNotSecurity, rules.GradeOutside, rules.GradeUnknown,
	}
	// One letter a grade: . ok, F findings, ? inconclusive.
	for failOn, want := range map[FailOn]string{
		FailNever:       ".......",
		FailOutside:     ".....F?",
		FailNotSecurity: "....FF?",
		FailConditional: "...FFF?",
		FailExternal:    "..FFFF?",
	} {
		for i, g := range grades {
			code := map[byte]ExitCode{'.': ExitOK, 'F': ExitFindings, '?': ExitInconclusive}[want[i]]
			if got := failOn.Exit(verdict(g, g != rules.GradeUnknown, rules.GradeOutside)); got != code {
				t.Errorf("--fail-on %s, grade %s: exit code %d, want %d", failOn, g, got, code)
			}
		}
	}
	if got := FailNotSecurity.Exit(verdict(rules.GradeNotSecurity, false, rules.GradeSupported)); got != ExitFindings {
		t.Errorf("findings do not beat what is unknown: %d", got)
	}
	if got := FailOutside.Exit(verdict(rules.GradeNotSecurity, false, rules.GradeSupported)); got != ExitInconclusive {
		t.Errorf("below the threshold and incomplete: %d", got)
	}
}

func TestCompare(t *testing.T) {
	c := comparison()
	if c.ExitCode != ExitFindings || len(c.Releases) != 2 {
		t.Errorf("exit code %d of %d releases", c.ExitCode, len(c.Releases))
	}
	var b bytes.Buffer
	if err := c.WriteText(&b, Style{Width: 100}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"This host, big1, by Xen 4.16 and 4.22, as of 2026-11-21.\n",
		"✓ Xen 4.16: supported and security supported\n",
		"  Physical Memory, x86\n    4.16 no such row\n    4.22 supported, not security supported\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("missing %q in\n%s", want, b.String())
		}
	}
}

func BenchmarkWriteJSON(b *testing.B) {
	r := manyRows(overLimitReport())
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := Write(&out, r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeHost(b *testing.B) {
	data := encode(b, bigServer())
	for b.Loop() {
		if _, err := DecodeHost(data); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDayIsUTC(t *testing.T) {
	r := overLimitReport()
	r.At = time.Date(2026, 11, 21, 1, 0, 0, 0, time.FixedZone("", 3600))
	got, err := Decode(encode(t, r))
	if err != nil {
		t.Fatal(err)
	}
	if got.At.Format(time.RFC3339) != "2026-11-21T00:00:00Z" {
		t.Error(got.At)
	}
	if h := got.Host.CollectedAt; h == nil || h.Location() != time.UTC {
		t.Error(h)
	}
}

// A line that is appended is the one that is written, whatever stands in it.
func TestAppendLine(t *testing.T) {
	for _, name := range []string{"web1", "\u007f", "\u0085\u00b7", "\x1b[2J", "a\nb"} {
		h := bigServer()
		h.Name = name
		var want bytes.Buffer
		if err := WriteLine(&want, h); err != nil {
			t.Fatal(err)
		}
		got, err := AppendLine([]byte("before\n"), h)
		if err != nil || string(got) != "before\n"+want.String() {
			t.Errorf("%q: %v, %q, want %q", name, err, got, want.String())
		}
	}
	if got, err := AppendLine([]byte("before"), func() {}); err == nil || string(got) != "before" {
		t.Errorf("%v, %q", err, got)
	}
}
