package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// linesOf returns the items of a stream, and how often it was said that the
// stream is waited for.
func linesOf(t *testing.T, r io.Reader) (items []item, pauses int) {
	t.Helper()
	f := newFeeder(t.Context(), batchRecords, func(b *batch) error {
		items = append(items, b.items...)
		if b.pause {
			pauses++
		}
		return nil
	})
	in := &input{feeder: f}
	if err := in.lines("in", r); err != nil {
		t.Fatal(err)
	}
	if err := in.flush(false); err != nil {
		t.Fatal(err)
	}
	return items, pauses
}

func TestLines(t *testing.T) {
	type line struct {
		Line   int
		Offset int64
		Data   string
		Err    string
	}
	broken := errors.New("broken")
	for _, tc := range []struct {
		in   io.Reader
		want []line
	}{
		{strings.NewReader(""), nil},
		{strings.NewReader("{}\r\n \n{\"a\":1}"), []line{{1, 0, "{}", ""}, {2, 4, "", errBlank.Error()}, {3, 6, `{"a":1}`, ""}}},
		{strings.NewReader(byteOrderMark + "{}\n" + byteOrderMark + "{}\n"), []line{{1, 0, "{}", ""}, {2, 6, "", "not JSON: invalid character 'ï', expected a JSON object"}}},
		{strings.NewReader("{\n}\n"), []line{{1, 0, "", errCut.Error()}, {2, 2, "", "not JSON: invalid character '}', expected a JSON object"}}},
		{strings.NewReader("{}{}\n[{}]\n{}\n"), []line{{1, 0, "", errMany.Error()}, {2, 5, "", "not JSON: invalid character '[', expected a JSON object"}, {3, 10, "{}", ""}}},
		{strings.NewReader("{}\n{" + strings.Repeat(" ", MaxRecord) + "}\n{}\n"), []line{{1, 0, "{}", ""}, {2, 3, "", errTooLarge.Error()}, {3, MaxRecord + 6, "{}", ""}}},
		{io.MultiReader(strings.NewReader("{}\n{"), iotest.ErrReader(broken)), []line{{1, 0, "{}", ""}, {2, 3, "", errCut.Error()}, {3, 4, "", "broken"}}},
	} {
		items, _ := linesOf(t, tc.in)
		var got []line
		for _, it := range items {
			l := line{it.place.Line, it.place.Offset, string(it.data), ""}
			if it.err != nil {
				l.Err = it.err.Error()
			}
			got = append(got, l)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Error(d)
		}
	}
}

// Everything that has come is handed on before more is waited for.
func TestLinesDoNotWait(t *testing.T) {
	r, w := io.Pipe()
	sent := make(chan int)
	f := newFeeder(t.Context(), batchRecords, func(b *batch) error {
		sent <- len(b.items)
		return nil
	})
	go func() {
		defer close(sent)
		_ = (&input{feeder: f}).lines("in", r)
	}()
	for _, part := range []struct {
		text  string
		lines int
	}{{"{}\n", 1}, {"{}\n{}\n{\"a", 2}, {"\":1}\n", 1}, {"\n", 1}} {
		if _, err := io.WriteString(w, part.text); err != nil {
			t.Fatal(err)
		}
		if n := <-sent; n != part.lines {
			t.Errorf("%d lines are handed on after %q", n, part.text)
		}
	}
	_ = w.Close()
	for range sent {
	}
}

// FuzzLines: every line is one item, at its place; what is one JSON object is
// handed on as it is.
func FuzzLines(f *testing.F) {
	f.Add([]byte("{}\n\n{\"a\":[1,{}]}\r\n{\"a\":\n noise\x00\n{}{}"))
	f.Add([]byte(byteOrderMark + "{}\n{}\v\n\v{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		items, _ := linesOf(t, iotest.OneByteReader(bytes.NewReader(data)))
		var offset int64
		n := 0
		for line := range bytes.Lines(data) {
			if n >= len(items) {
				t.Fatalf("%d items, and more lines", len(items))
			}
			it, size := items[n], len(line)
			n++
			if it.place != (Place{"in", n, offset}) {
				t.Fatalf("line %d is at %v", n, it.place)
			}
			if offset == 0 {
				line = bytes.TrimPrefix(line, []byte(byteOrderMark))
			}
			trimmed := bytes.Trim(line, blanks)
			if object := len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed); object && it.err != nil && it.err != errDeep {
				t.Fatalf("line %d, %q: %v", n, trimmed, it.err)
			}
			if (it.err == nil) != (len(it.data) > 0) || it.err == nil && !bytes.Equal(it.data, trimmed) {
				t.Fatalf("line %d, %q: %q, %v", n, trimmed, it.data, it.err)
			}
			offset += int64(size)
		}
		if n != len(items) {
			t.Fatalf("%d items of %d lines", len(items), n)
		}
	})
}
