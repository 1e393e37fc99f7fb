package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// told is a piece in a form that can be compared: LINE@OFFSET and the record,
// or what is wrong.
func told(t *testing.T, r io.Reader, wait bool) []string {
	t.Helper()
	var out []string
	s := newSplitter(r)
	for {
		p, err := s.next(wait)
		if err == errMore {
			p, err = s.next(true)
		}
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		what := string(p.data)
		if p.err != nil {
			what = "! " + p.err.Error()
		}
		out = append(out, fmt.Sprintf("%d@%d %s", p.line, p.offset, what))
		if len(out) > 1000 {
			t.Fatal("no end")
		}
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", nil},
		{"blank lines", "\n\n  \n", nil},
		{"one", `{"a":1}`, []string{`1@0 {"a":1}`}},
		{"a line each", "{\"a\":1}\n{\"b\":{}}\n", []string{`1@0 {"a":1}`, `2@8 {"b":{}}`}},
		{"CRLF and a byte order mark", "\ufeff{\"a\":1}\r\n{}\r\n", []string{`1@3 {"a":1}`, `2@12 {}`}},
		{"without a break", `{}{"a":[1,{"b":"}"}]}{}`, []string{`1@0 {}`, `1@2 {"a":[1,{"b":"}"}]}`, `1@21 {}`}},
		{"indented", "{\n \"a\": {\n  \"b\": 1\n }\n}\n{\n}\n", []string{"1@0 {\n \"a\": {\n  \"b\": 1\n }\n}", "6@24 {\n}"}},
		{"a list", "[\n{\"a\":1},\n{\"b\":2}\n]\n", []string{`2@2 {"a":1}`, `3@11 {"b":2}`}},
		{"escapes", `{"a":"\"}\\"}{"b":"\u007b\n"}`, []string{`1@0 {"a":"\"}\\"}`, `1@13 {"b":"\u007b\n"}`}},
		{"a cut line", "{\"a\":1}\n{\"a\":\"x\n{\"a\":3}\n", []string{`1@0 {"a":1}`, `2@8 ! a string goes on past the end of its line`, `3@16 {"a":3}`}},
		{"a line cut behind a value", "{\"a\":{\"b\":1}\n{\"a\":3}\n", []string{`1@0 ! not JSON: invalid character '{', expected a comma or the end of the object`, `2@13 {"a":3}`}},
		{"a line cut behind a colon takes nothing with it", "{\"a\":\n{\"a\":3}\n{\"a\":4}\n", []string{`1@0 ! not JSON: invalid character '{', expected a comma or the end of the object`, `2@6 {"a":3}`, `3@14 {"a":4}`}},
		{"the last line cut", "{}\n{\"a\":1", []string{`1@0 {}`, `2@3 ! ends in the middle of a JSON object`}},
		{"an indented object cut", "{\n \"a\": 1,\n \"b\":\n{\n \"a\": 2\n}\n{}\n", []string{`1@0 ! not JSON: invalid character '{', expected a comma or the end of the object`, "4@17 {\n \"a\": 2\n}", `7@29 {}`}},
		{"noise", "{}\n\x00\xff\x1f{}\n{}\n", []string{`1@0 {}`, `2@3 ! not JSON: invalid character '\x00', expected a JSON object`, `3@9 {}`}},
		{"noise behind a record", "{} x {}\n{}\n", []string{`1@0 {}`, `1@3 ! not JSON: invalid character 'x', expected a JSON object`, `2@8 {}`}},
		{"lists behind each other", "[{},{}]\n[\n {}\n]{}\n[{}][]\n{}", []string{`1@1 {}`, `1@4 {}`, `3@11 {}`, `4@15 {}`, `5@19 {}`, `6@25 {}`}},
		{"elements that are none", `[null,{"a":1},"x",[{"b":2}],3]{}`, []string{
			`1@1 ! not JSON: invalid character 'n', expected a JSON object`, `1@6 {"a":1}`, `1@14 ! not JSON: invalid character '"', expected a JSON object`,
			`1@18 ! not JSON: invalid character '[', expected a JSON object`, `1@19 {"b":2}`, `1@28 ! not JSON: invalid character '3', expected a JSON object`, `1@30 {}`}},
		{"lines of a log", "{}\n[info] one, two\n{}\n[12:30] x\n{}\n", []string{`1@0 {}`, `2@3 ! not JSON: invalid character '[', expected a JSON object`, `3@19 {}`,
			`4@22 ! not JSON: invalid character '[', expected a JSON object`, `5@32 {}`}},
		{"files put together, each with a mark", "\ufeff{}\n\ufeff{\"a\":1}\n\ufeff[{}]\n", []string{`1@3 {}`, `2@9 {"a":1}`, `3@21 {}`}},
		{"half a mark", "{}\n\xef\xbb{}\n{}\xef", []string{`1@0 {}`, `2@3 ! not JSON: invalid character 'ï', expected a JSON object`, `3@8 {}`, `3@10 ! not JSON: invalid character 'ï', expected a JSON object`}},
		{"a text sequence", "\x1e{}\n\x1e{\n}\n", []string{`1@1 {}`, "2@5 {\n}"}},
		{"deep", strings.Repeat(`{"a":`, maxDepth+1) + "\n{}\n", []string{"1@0 ! nested deeper than 100 levels", "2@506 {}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, arriving := range []func(io.Reader) io.Reader{
				func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader,
			} {
				for _, wait := range []bool{true, false} {
					if d := cmp.Diff(c.want, told(t, arriving(strings.NewReader(c.in)), wait)); d != "" {
						t.Error(d)
					}
				}
			}
		})
	}
}

// Lines of a file that is no text mean nothing.
func TestSplitBinary(t *testing.T) {
	s := newSplitter(strings.NewReader("\x89PNG\r\n\x1a\n\x00\n\x01\n{}\nx\n"))
	s.binary = true
	var got []string
	for {
		p, err := s.next(true)
		if err != nil {
			break
		}
		got = append(got, fmt.Sprintf("%d@%d %s %v", p.line, p.offset, p.data, p.err != nil))
	}
	if d := cmp.Diff([]string{"1@0  true", "5@12 {} false", "6@15  true"}, got); d != "" {
		t.Error(d)
	}
}

// longLine gives a line of any length that is nowhere as a whole.
func longLine(start string, size int64, then string) io.Reader {
	return io.MultiReader(strings.NewReader(start), io.LimitReader(filler{}, size), strings.NewReader(then))
}

type filler struct{}

// Read leaves alone what the last one wrote.
func (filler) Read(p []byte) (int, error) {
	for n := 0; n < len(p) && p[n] != 'x'; n++ {
		p[n] = 'x'
	}
	return len(p), nil
}

// A line that is far too long costs one piece and no more memory than a record
// may take, and what follows is found again.
func TestHugeLine(t *testing.T) {
	size := int64(2 << 30)
	if testing.Short() {
		size = 128 << 20
	}
	for _, start := range []string{"noise ", `{"a":"`} {
		s := newSplitter(longLine("{}\n"+start, size, "\n{\"b\":1}\n"))
		var got []string
		for {
			p, err := s.next(true)
			if err == io.EOF {
				break
			}
			got = append(got, fmt.Sprintf("%d@%d %s %v", p.line, p.offset, p.data, p.err))
			if cap(s.buf) > MaxRecord+firstBuffer {
				t.Fatalf("buffer of %d bytes", cap(s.buf))
			}
		}
		if len(got) != 3 || !strings.HasPrefix(got[1], "2@3 ") || !strings.HasPrefix(got[2], fmt.Sprintf(`3@%d {"b":1}`, 3+int64(len(start))+size+1)) {
			t.Errorf("%q: %q", start, got)
		}
		if cap(s.buf) > firstBuffer {
			t.Errorf("%q: %d bytes are kept", start, cap(s.buf))
		}
	}
}

// What fails while reading is told where it happened, and what came before it
// is kept.
func TestReadError(t *testing.T) {
	broken := errors.New("disk on fire")
	got := told(t, io.MultiReader(strings.NewReader("{}\n{\"a\":"), iotest.ErrReader(broken)), true)
	if d := cmp.Diff([]string{"1@0 {}", "2@3 ! disk on fire"}, got); d != "" {
		t.Error(d)
	}
	got = told(t, io.MultiReader(strings.NewReader("{}\n"), iotest.ErrReader(broken)), true)
	if d := cmp.Diff([]string{"1@0 {}", "2@3 ! disk on fire"}, got); d != "" {
		t.Error(d)
	}
}

// FuzzSplit holds the splitter to four things: however the input arrives, the
// pieces are the same; they stand in order and do not overlap; what lies between
// them is what may; and every line that is an object by itself is found as one,
// where the line before it was whole.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		"", "{}", "{\"a\":1}\n{\"b\":[{}]}\n", "{\n \"a\": 1\n}\n{\n}\n", "[{},{}]", "{\"a\":\n{}\n{}\n", "{\"a\":\"x\n{}\n",
		"\x00\n\x00\n{}\n", "{} x\n{}", "{\n\"a\":\n{\n}\n{\n}\n", "\ufeff{}\r\n", `{"a":"\u00e4\\"}{"b":tru}`,
		"[{}]\n[\n{}]{}\n[{}", "[1,{},\"x\",[{}]]\n{}", "{}\n[x] y\n{}\n[ \n{}\n", "{}\n\ufeff{}\n\xef\xbb{}", "\x1e{}\n\x1e[{}]\n",
		"{\v\n :\n}", "{\u00a0\n{}\n", "\v{}",
	} {
		f.Add([]byte(s), uint8(0)) // a byte at a time
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, in []byte, chunk uint8) {
		type span struct {
			start, end int64
			bad        bool
		}
		spans := func(r io.Reader, wait bool) (out []span) {
			s := newSplitter(r)
			for {
				p, err := s.next(wait)
				if err == errMore {
					p, err = s.next(true)
				}
				if err != nil {
					if err != io.EOF {
						t.Fatal(err)
					}
					return out
				}
				if want := 1 + bytes.Count(in[:p.offset], []byte("\n")); p.line != want {
					t.Fatalf("line %d at offset %d, want %d", p.line, p.offset, want)
				}
				sp := span{p.offset, s.offset(), p.err != nil}
				if !sp.bad && !bytes.Equal(p.data, in[sp.start:sp.end]) {
					t.Fatalf("record %q, want %q", p.data, in[sp.start:sp.end])
				}
				out = append(out, sp)
			}
		}
		whole := spans(bytes.NewReader(in), true)
		if parts := spans(&chunks{in, int(chunk)%7 + 1}, chunk%2 == 0); !cmp.Equal(whole, parts, cmp.AllowUnexported(span{})) {
			t.Fatalf("in one piece %v, in parts %v", whole, parts)
		}
		at := int64(0)
		records := map[int64]int64{}
		for _, sp := range append(whole, span{start: int64(len(in))}) {
			if sp.start < at {
				t.Fatalf("piece at %d overlaps the one up to %d", sp.start, at)
			}
			between := bytes.ReplaceAll(in[at:sp.start], []byte("\ufeff"), nil)
			if rest := bytes.Trim(between, " \t\r\n\x1e[,]"); len(rest) > 0 {
				t.Fatalf("%q was passed over in silence", rest)
			}
			at = sp.end
			if !sp.bad && sp.end > 0 {
				records[sp.start] = sp.end
			}
		}
		// The naive way: a decoder of the standard library on each line. Where
		// everything up to a line was records and blanks, it is found as well.
		offset, clean := int64(0), true
		for line := range bytes.Lines(in) {
			body := bytes.Trim(line, blanks)
			switch {
			case len(body) == 0:
			case body[0] == '{' && json.Valid(body) && depthOf(body) <= maxDepth:
				start := offset + int64(bytes.Index(line, body))
				if clean && records[start] != start+int64(len(body)) {
					t.Fatalf("record %q at %d was not found", body, start)
				}
			default:
				clean = false
			}
			offset += int64(len(line))
		}
	})
}

// FuzzHurry holds a splitter in a hurry to what one that looks into every byte
// finds, once its hasty pieces were looked into.
func FuzzHurry(f *testing.F) {
	for _, s := range []string{
		"{\"a\":1}\n{\"b\":[{}]}\n", "{}{}\n{}\n", "{} x}\n{}\n", "{\"a\":\"}\n{}\n", "{\"a\":{}\n{}\n", "{\"a\":{}\n,\"b\":{}}\n{}",
		"{}\r\n{}\r\n", "{\n}\n{\n}\n", "{} {\"a\":[}\n{}\n", "{}}\n{}", "{}\n}\n{}\n", "{\"a\":{}\n",
		"{},[{}\n{}]\n{}\n", "[{}\n{}\n]\n{}\n{}\n", "{}[{}\n{}\n", "{}\n[{}]{}\n{}\n", "{}\n\ufeff{}\n{}\n",
	} {
		f.Add([]byte(s), uint8(200))
	}
	f.Fuzz(func(t *testing.T, in []byte, chunk uint8) {
		pieces := func(hurry bool, r io.Reader) (out []string) {
			s := newSplitter(r)
			s.hurry = hurry
			tell := func(p piece) {
				out = append(out, fmt.Sprintf("%d@%d %s %v", p.line, p.offset, bytes.TrimSpace(p.data), p.err))
			}
			for {
				p, err := s.next(true)
				switch {
				case err != nil:
					return out
				case !p.hasty:
					tell(p)
				default:
					again := p.again()
					for q, err := again.next(true); err == nil; q, err = again.next(true) {
						tell(q)
					}
				}
			}
		}
		want := pieces(false, bytes.NewReader(in))
		if d := cmp.Diff(want, pieces(true, bytes.NewReader(in))); d != "" {
			t.Fatal(d)
		}
		if d := cmp.Diff(want, pieces(true, &chunks{in, int(chunk) + 1})); d != "" {
			t.Fatal(d)
		}
	})
}

func depthOf(b []byte) int { return bytes.Count(b, []byte("{")) + bytes.Count(b, []byte("[")) }

// chunks gives its bytes a few at a time.
type chunks struct {
	b []byte
	n int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b[:min(c.n, len(c.b))])
	c.b = c.b[n:]
	return n, nil
}
