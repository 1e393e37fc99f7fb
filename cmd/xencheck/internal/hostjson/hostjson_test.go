package hostjson

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
)

// agree proves that a decoder says of an input what report.DecodeHost says.
func agree(t testing.TB, d *Decoder, data []byte) {
	t.Helper()
	want, wantErr := report.DecodeHost(data)
	got, err := d.Decode(data)
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Fatalf("error %v, want %v\n%s", err, wantErr, data)
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("differs (-want +got):\n%s\n%s", cmp.Diff(want, got), data)
	}
}

// invent fills a value with anything that its type can hold.
func invent(rng *rand.Rand, v reflect.Value) {
	switch t := v.Type(); {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(rng.Int64N(4e9), 0).UTC()))
		return
	case strings.HasPrefix(t.Name(), "Observed["):
		switch rng.IntN(5) {
		case 0:
			return
		case 1:
			v.FieldByName("State").SetString(string(facts.Absent))
		case 2:
			v.FieldByName("State").SetString(string(facts.Unknown))
			p := &facts.Problem{}
			invent(rng, reflect.ValueOf(p).Elem())
			v.FieldByName("Problem").Set(reflect.ValueOf(p))
		default:
			v.FieldByName("State").SetString(string(facts.Known))
			invent(rng, v.FieldByName("Value"))
			if k := v.FieldByName("Value"); (k.Kind() == reflect.Slice || k.Kind() == reflect.Map) && k.IsNil() {
				v.FieldByName("State").SetString(string(facts.Absent)) // a known fact has a value
			}
		}
		for _, name := range []string{"Source", "Note", "Conflicts"} {
			if rng.IntN(3) > 0 {
				invent(rng, v.FieldByName(name))
			}
		}
		return
	case strings.HasPrefix(t.Name(), "Setting["):
		switch rng.IntN(4) {
		case 0:
			v.FieldByName("Bad").SetString("no such word")
		case 1:
			value := v.FieldByName("Value")
			invent(rng, value)
			v.FieldByName("Given").SetBool(value.Kind() != reflect.Slice || !value.IsNil())
		default:
			return
		}
		invent(rng, v.FieldByName("Line"))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			invent(rng, v.Field(i))
		}
	case reflect.Pointer:
		if rng.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			invent(rng, v.Elem())
		}
	case reflect.Slice:
		if n := rng.IntN(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n-1))
			for i := range n - 1 {
				invent(rng, v.Index(i))
			}
		}
	case reflect.Map:
		if n := rng.IntN(4); n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n - 1 {
				k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				invent(rng, k)
				invent(rng, e)
				v.SetMapIndex(k, e)
			}
		}
	case reflect.String:
		words := []string{"", "known", "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", "/sys/firmware/acpi/tables/DMAR", "sched=null \"quoted\"\n", "Zürich", "\u2028<&>", "a\x00b", "}],{[", "\U0001f600"}
		v.SetString(words[rng.IntN(len(words))])
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Int:
		v.SetInt(rng.Int64N(1<<31) >> rng.IntN(31))
		if rng.IntN(8) == 0 {
			v.SetInt(-v.Int())
		}
	case reflect.Uint64:
		v.SetUint(rng.Uint64() >> rng.IntN(64))
	}
}

// inventHost returns facts of a host as no collector would write them, in JSON.
func inventHost(t testing.TB, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 0))
	var h facts.Host
	invent(rng, reflect.ValueOf(&h).Elem())
	h.Schema = facts.Schema
	for _, r := range []*facts.Observed[facts.Range]{&h.CPU.Physical, &h.Memory.Physical} {
		if m := r.Value.Max; m != nil && *m < r.Value.Min {
			r.Value.Min, *m = *m, r.Value.Min
		}
	}
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAgreesOnAnyHost(t *testing.T) {
	var d Decoder
	for seed := range uint64(300) {
		data := inventHost(t, seed)
		if _, err := report.DecodeHost(data); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		agree(t, &d, data)
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, data, "", "  "); err != nil {
			t.Fatal(err)
		}
		agree(t, &d, pretty.Bytes())
		// Members sorted by name, as a map is written.
		var m map[string]any
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		sorted, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, &d, sorted)
	}
	t.Logf("%d decoded fast, %d slow", d.Fast, d.Slow)
}

// plain is a host written the usual way.
const plain = `{"schema":1,"tool":"xencheck 1","collected_at":"2026-11-21T23:43:45Z","name":"a","origin":{"kind":"live","privileged":true},` +
	`"machine":{"arch":{"state":"known","value":"x86-64","source":"/proc/cpuinfo"},"kind":{"state":"absent","value":null}},` +
	`"cpu":{"present":{"state":"known","value":2,"source":"s"},"physical":{"state":"known","value":{"min":2,"max":2},"source":"s"},` +
	`"x86":{"models":{"state":"known","value":[{"vendor":"AuthenticAMD","family":25,"model":17,"stepping":1,"cpus":2}]}}},` +
	`"memory":{"physical":{"state":"unknown","value":null,"problem":{"cause":"no_permission"}},"readings":null},` +
	`"xen":{"running":{"state":"unread","value":null}},"sources":[{"name":"n","state":"known"}]}`

// What is out of the ordinary, one thing at a time, in an otherwise plain host.
func TestAgreesOnOddities(t *testing.T) {
	var d Decoder
	agree(t, &d, []byte(plain))
	if d.Slow != 0 {
		t.Fatal("a plain host took the slow way")
	}
	for _, tt := range []struct{ old, new string }{
		{`"schema":1`, `"schema":2`}, {`"schema":1`, `"schema":0`}, {`"schema":1`, `"schema":-1`}, {`"schema":1`, `"schema":"1"`}, {`"schema":1,`, ``},
		{`"schema":1`, `"schema":1.0`}, {`"schema":1`, `"schema":1e0`}, {`"schema":1`, `"schema":01`}, {`"schema":1`, `"schema":null`},
		{`"schema":1`, `"kind":"report","schema":1`}, {`"schema":1`, `"Kind":"report","schema":1`}, {`"schema":1`, `"schema":1,"kind":null`},
		{`"schema":1`, `"schema":1,"schema":2`}, {`"schema":1`, `"schema":1,"SCHEMA":2`}, {`"schema":1`, `"\u0073chema":1`},
		{`"name":"a"`, `"name":"a","name":"b"`}, {`"name":"a"`, `"name":null`}, {`"name":"a"`, `"name":5`}, {`"name":"a"`, "\"name\":\"\xff\""},
		{`"name":"a"`, "\"name\":\"a\x01\""}, {`"name":"a"`, `"name":"\ud800"`}, {`"name":"a"`, `"name":"\x"`}, {`"name":"a"`, `"n\u0061me":"b"`},
		{`"name":"a"`, `"ſchema":3,"name":"a"`}, {`"name":"a"`, `"new":{"deep":[1,2,{"x":null}]},"name":"a"`}, {`"name":"a"`, `"new":[1,],"name":"a"`},
		{`"name":"a"`, `"new":-,"name":"a"`}, {`"name":"a"`, `"new":-0.5e+3,"name":"a"`}, {`"name":"a"`, `"new":tru,"name":"a"`}, {`"name":"a"`, `"new":1.,"name":"a"`},
		{`2026-11-21T23:43:45Z`, `2026-11-21T23:43:45+02:00`}, {`2026-11-21T23:43:45Z`, `yesterday`}, {`"2026-11-21T23:43:45Z"`, `null`}, {`2026-11-21T23:43:45Z`, `0000-01-01T00:00:00+02:00`},
		{`"machine":{`, `"machine":null,"x":{`}, {`"machine":{`, `"machine":[],"x":{`}, {`"machine":{`, `"machine":{},"machine":{`},
		{`"state":"known","value":2`, `"value":2,"state":"known"`}, {`"state":"known","value":2`, `"state":"known"`}, {`"state":"known","value":2`, `"state":"known","value":null`},
		{`"state":"known","value":2`, `"state":"known","value":2,"value":3`}, {`"state":"known","value":2`, `"state":"sure","value":2`}, {`"state":"known","value":2`, `"state":"absent","value":2`},
		{`"state":"known","value":2`, `"state":"known","value":"2"`}, {`"state":"known","value":2`, `"state":"absent","value":[}`}, {`"state":"known","value":2`, `"State":"absent","state":"known","value":2`},
		{`"state":"absent","value":null`, `"state":"absent"`}, {`"state":"absent","value":null`, `"state":"unread","value":7`}, {`"state":"absent","value":null`, `"state":""`},
		{`{"state":"absent","value":null}`, `null`}, {`{"state":"absent","value":null}`, `[]`}, {`{"state":"absent","value":null}`, `{}`},
		{`,"problem":{"cause":"no_permission"}`, ``}, {`{"cause":"no_permission"}`, `null`}, {`{"cause":"no_permission"}`, `{}`}, {`{"cause":"no_permission"}`, `{"cause":7}`},
		{`{"min":2,"max":2}`, `{"min":3,"max":2}`}, {`{"min":2,"max":2}`, `{"min":2,"max":null}`}, {`{"min":2,"max":2}`, `{"min":2}`}, {`{"min":2,"max":2}`, `{"min":2,"max":18446744073709551615}`},
		{`{"min":2,"max":2}`, `{"min":2,"max":18446744073709551616}`}, {`{"min":2,"max":2}`, `{"min":-2,"max":2}`},
		{`"family":25`, `"family":9223372036854775808`}, {`"family":25`, `"family":-0`}, {`"family":25`, `"family":- 1`}, {`"family":25`, `"family":2 5`},
		{`"sources":[`, `"sources":[null,`}, {`"sources":[`, `"sources":[5,`}, {`"sources":[`, `"sources":[,`}, {`"state":"known"}]}`, `"state":"known"}]}}`}, {`"state":"known"}]}`, `"state":"known"}],}`},
		{`"state":"known"}]}`, `"state":"known"}]} `}, {`"state":"known"}]}`, `"state":"known"}]`}, {`"state":"known"}]}`, "\"state\":\"known\"}]}\x00"}, {`"x86":{`, `"x86":null,"arm":{`},
	} {
		odd := strings.Replace(plain, tt.old, tt.new, 1)
		if odd == plain {
			t.Fatalf("%q is not in it", tt.old)
		}
		agree(t, &d, []byte(odd))
	}
	for _, list := range []string{"running", "domains"} {
		many := `"` + list + `":{"state":"known","value":[` + strings.Repeat(`{},`, facts.MaxDomains) + `{}]},"sources":`
		agree(t, &d, []byte(strings.Replace(plain, `"sources":`, many, 1)))
	}
	for i := range len(plain) {
		agree(t, &d, []byte(plain[:i]))
	}
	for _, other := range []string{"", " ", "null", "[]", "1", `"x"`, "{}", plain + plain, plain + "\n", "\ufeff" + plain, "\x00"} {
		agree(t, &d, []byte(other))
	}
}

// A host of which the previous one left nothing behind.
func TestNothingIsLeftBehind(t *testing.T) {
	var d Decoder
	for seed := range uint64(100) {
		agree(t, &d, inventHost(t, seed))
		agree(t, &d, []byte(`{"schema":1,"machine":{}}`))
	}
}

func FuzzDecode(f *testing.F) {
	// Small ones: a fuzzer gets further with them.
	f.Add([]byte(plain))
	f.Add([]byte(`{"schema":1,"machine":{"arch":{"value":"x86-64","state":"known","source":"/proc/cpuinfo"}},"sources":[]}`))
	f.Add([]byte(`{"schema":1,"machine":{"kind":{"state":"unknown","value":null,"problem":{"cause":"conflict"},"conflicts":[{"value":"a","source":"b"}]}}}`))
	f.Add([]byte(`{"schema":1,"machine":{},"domains":{"state":"known","value":[{"form":"xl_cfg","name":{"value":"a","line":1},"memory":{"max":{"value":null,"line":2,"bad":"x"}}}]}}`))
	f.Add([]byte(`{"schema":1,"machine":{},"xen":{"build_config":{"state":"known","value":{"symbols":{"CONFIG_X86":"y","A":"\u0041"}}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d Decoder
		agree(t, &d, data)
		agree(t, &d, data) // used before
	})
}

func BenchmarkDecode(b *testing.B) {
	data := inventHost(b, 1)
	var d Decoder
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
	if d.Slow > 0 {
		b.Errorf("%d took the slow way", d.Slow)
	}
}
