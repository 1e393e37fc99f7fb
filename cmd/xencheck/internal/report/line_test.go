package report

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/xencheck/xencheck/rules"
)

// filler fills values with what random numbers make of them: every field of
// every type, empty and not.
type filler struct {
	*rand.Rand
	words []string
}

func (f *filler) fill(v reflect.Value, depth int) {
	t := v.Type()
	if t == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(f.Int64N(1<<36), f.Int64N(2)*f.Int64N(1e9)).In(time.FixedZone("", f.IntN(3)*3600))))
		return
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString(f.words[f.IntN(len(f.words))])
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt((f.Int64() >> f.IntN(64)) * int64(f.IntN(2)))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint((f.Uint64() >> f.IntN(64)) * uint64(f.IntN(2)))
	case reflect.Pointer:
		if f.IntN(3) > 0 {
			v.Set(reflect.New(t.Elem()))
			f.fill(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range t.NumField() {
			f.fill(v.Field(i), depth+1)
		}
	case reflect.Slice:
		if n := f.IntN(5) - 1; n >= 0 {
			if depth > 8 {
				n = min(n, 1)
			}
			v.Set(reflect.MakeSlice(t, n, n))
			for i := range n {
				f.fill(v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		if n := f.IntN(5) - 1; n >= 0 {
			v.Set(reflect.MakeMap(t))
			for range n {
				key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
				f.fill(key, depth+1)
				f.fill(value, depth+1)
				v.SetMapIndex(key, value)
			}
		}
	default:
		panic("no idea how to fill a " + t.String())
	}
}

// FuzzLines: whatever is in a report or a comparison, what is appended for it
// is what encoding/json writes, the first time and from memory.
func FuzzLines(f *testing.F) {
	f.Add(uint64(1), "text", "known")
	f.Add(uint64(2), "a \"quoted\" \\ word\twith\nlines\b\f\r\x00\x1f", "<tag> & \u2028\u2029 \x7f \u0080\u009f\u00a0")
	f.Add(uint64(3), "\xff\xc2 cut \xe2\x82", "“Grüße” \U0001f600 \ufffd \u0085")
	var all Lines
	f.Fuzz(func(t *testing.T, number uint64, one, two string) {
		fill := filler{rand.New(rand.NewPCG(number, 0)), []string{"", one, two, "known", "unknown", "unread"}}
		var r Report
		var c Comparison
		fill.fill(reflect.ValueOf(&r).Elem(), 0)
		fill.fill(reflect.ValueOf(&c).Elem(), 0)
		if len(r.Findings) > 0 { // another one with the same row
			again := r.Findings[0]
			fill.fill(reflect.ValueOf(&again.Seen).Elem(), 8)
			r.Findings = append(r.Findings, again)
		}
		for _, v := range []any{&r, &c} {
			for _, before := range []string{"", "before\n"} {
				want, wantErr := AppendLine([]byte(before), v)
				got, err := all.Append([]byte(before), v)
				if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
					t.Fatalf("%T:\n got %q, %v\nwant %q, %v", v, got, err, want, wantErr)
				}
			}
		}
	})
}

// A finding that differs from one that is remembered in any one field is
// another one.
func TestLinesSeeEveryField(t *testing.T) {
	n := 1
	finding := rules.Finding{
		Rule: "rule", Row: &rules.Ref{Key: "key"}, Title: "title", Outcome: rules.Judged, For: []string{"a"}, Seen: []rules.Seen{{What: "w"}},
		Lacks: []string{"b"}, Notes: []string{"c"}, Waived: &rules.Waiver{Rule: "rule"},
	}
	var fields func(v reflect.Value, change func(name string))
	fields = func(v reflect.Value, change func(string)) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				fields(v.Field(i), func(name string) { change(v.Type().Field(i).Name + " " + name) })
			}
		case reflect.Pointer: // what it points to never changes: each change is another one
			scratch := reflect.New(v.Type().Elem()).Elem()
			scratch.Set(v.Elem())
			fields(scratch, func(name string) {
				other := reflect.New(scratch.Type())
				other.Elem().Set(scratch)
				v.Set(other)
				change(name)
			})
		case reflect.Slice:
			v.Set(reflect.AppendSlice(reflect.Zero(v.Type()), v))
			fields(v.Index(0), change)
		case reflect.String:
			n++
			v.SetString(v.String() + "x")
			change("")
		case reflect.Int:
			n++
			v.SetInt(v.Int() + 1)
			change("")
		default:
			t.Fatalf("no idea how to change a %s", v.Type())
		}
	}
	for _, waived := range []bool{false, true} {
		var lines Lines
		one := finding
		if !waived {
			one.Waived = nil
		}
		check := func(name string) {
			r := &Report{Verdict: rules.Verdict{Findings: []rules.Finding{one}}}
			want, err := AppendLine(nil, r)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got, err := lines.Append(nil, r); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s changed, waived %v:\n got %s\nwant %s", name, waived, got, want)
				}
			}
		}
		check("nothing")
		v := reflect.ValueOf(&one).Elem()
		for i := range v.NumField() {
			if v.Field(i).Kind() != reflect.Pointer || !v.Field(i).IsNil() {
				fields(v.Field(i), func(name string) { check(v.Type().Field(i).Name + " " + name) })
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d fields were changed", n)
	}
}

// What is remembered is bounded, and many may ask at once.
func TestLinesAreBounded(t *testing.T) {
	var lines Lines
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			var got []byte
			for range 3 * mostRecent / 16 {
				r := &Report{Verdict: rules.Verdict{Findings: make([]rules.Finding, 16)}}
				for i := range r.Findings {
					r.Findings[i].Why = string(appendNumber(nil, random.IntN(3*mostRecent)))
				}
				want, wrong := AppendLine(nil, r)
				var err error
				if got, err = lines.Append(got[:0], r); wrong != nil || err != nil || !slices.Equal(got, want) {
					t.Errorf("got %s, %v\nwant %s, %v", got, err, want, wrong)
					return
				}
			}
		})
	}
	all.Wait()
	if n := len(lines.recent); n == 0 || n > mostRecent+16 || len(lines.older) == 0 || len(lines.older) > mostRecent+16 {
		t.Errorf("%d and %d findings are remembered", n, len(lines.older))
	}
}

func appendNumber(b []byte, n int) []byte {
	for ; n > 0; n /= 10 {
		b = append(b, byte('0'+n%10))
	}
	return b
}

// What cannot be encoded is an error, and nothing is appended.
func TestLinesRefuse(t *testing.T) {
	var lines Lines
	r := &Report{Verdict: rules.Verdict{At: time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if got, err := lines.Append([]byte("before"), r); err == nil || string(got) != "before" {
		t.Errorf("%q, %v", got, err)
	}
}
