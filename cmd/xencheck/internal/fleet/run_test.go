package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// words judges a host by its product name: the words in it are grades for each
// release, "late" takes a moment and "fault" is one.
type words struct{ statements map[string]*Statement }

// seat is where one goroutine judges so.
type seat struct {
	words
	h *facts.Host
}

func newWords(releases ...string) words {
	w := words{map[string]*Statement{}}
	for _, r := range releases {
		w.statements[r] = &Statement{report.Statement{Release: r, Revision: "0123456789", Date: "2026-01-01", SupportedUntil: "2026-12-01", SecuritySupportUntil: "2027-12-01"}, support.FullSupport}
	}
	return w
}

func (w words) Seat() Seat { return &seat{words: w} }

func (w *seat) Host(h *facts.Host) { w.h = h }

func (w words) Horizon(branch string) *Statement { return w.statements[branch] }

func (w *seat) Judge(release string, _ bool) (Judgement, error) {
	j := Judgement{Statement: w.statements[release], How: report.Asked, Grade: rules.GradeSupported, Complete: true}
	for _, word := range strings.Fields(w.h.Machine.Product.Value) {
		grade := strings.TrimPrefix(word, release+":")
		switch {
		case word == "late":
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
		case word == "fault":
			panic("boom")
		case grade == word:
		case grade == "unknown":
			j.Grade, j.Complete, j.Exit = rules.GradeUnknown, false, report.ExitInconclusive
			j.Hurts = append(j.Hurts, &Hurt{Key: "memory", Title: "Memory", Grade: j.Grade, Cause: "no permission to read it", Do: "run as root"})
		default:
			j.Grade, j.Exit = rules.Grade(grade), report.ExitFindings
			j.Hurts = append(j.Hurts, &Hurt{Key: "cpus", Title: "CPUs", Grade: j.Grade, Do: "use fewer"})
		}
	}
	return j, nil
}

// record is a line of facts.
func record(name, product string, at int) string {
	return fmt.Sprintf(`{"schema":1,"collected_at":%q,"name":%q,"machine":{"product":{"state":"known","value":%q}}}`,
		time.Unix(int64(at), 0).UTC().Format(time.RFC3339), name, product)
}

// options are those of a run over standard input.
func options(in io.Reader, sinks ...Sink) Options {
	return Options{
		Inputs: []string{"-"}, Stdin: in, Judge: newWords("1.0"), Releases: []string{"1.0"}, Sinks: sinks,
		Tool: "xencheck test", At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), FailOn: report.FailNotSecurity,
	}
}

// lines is a sink that keeps a line for each record.
type lines struct{ got []string }

func (l *lines) Record(r *Result) error {
	if r.Err != nil {
		l.got = append(l.got, fmt.Sprintf("%s@%d %v", r.Place, r.Place.Offset, r.Err))
		return nil
	}
	l.got = append(l.got, fmt.Sprintf("%s@%d %s %s", r.Place, r.Place.Offset, r.Host.Name, r.Judgements[0].Grade))
	return nil
}
func (l *lines) Full() bool                   { return false }
func (l *lines) Flush() error                 { return nil }
func (l *lines) Finish(_ *report.Fleet) error { return nil }

// Whatever takes how long, results come in the order of the input.
func TestOrder(t *testing.T) {
	var in, want strings.Builder
	want.WriteString(strings.Join(names(), ",") + "\n")
	for i := range 3000 {
		fmt.Fprintln(&in, record(fmt.Sprintf("h%d", i), "late", i))
		fmt.Fprintf(&want, "h%d\n", i)
	}
	var out bytes.Buffer
	o := options(strings.NewReader(in.String()), &CSV{W: &out})
	o.Workers = 7
	f, err := Run(t.Context(), o)
	if err != nil || f.Hosts != 3000 || f.Records != 3000 || f.ExitCode != report.ExitOK {
		t.Fatalf("%v, %+v", err, f)
	}
	var got strings.Builder
	for i, l := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if i > 0 {
			l, _, _ = strings.Cut(l, ",")
		}
		got.WriteString(l + "\n")
	}
	if d := cmp.Diff(want.String(), got.String()); d != "" {
		t.Error(d)
	}
}

func names() []string {
	var ns []string
	for _, c := range columns() {
		ns = append(ns, c.name)
	}
	return ns
}

// Everything that is wrong with a record is one line with its place, and costs
// no other record.
func TestBadRecords(t *testing.T) {
	good := record("good", "", 1)
	for _, c := range []struct{ name, bad, want string }{
		{"cut", good[:40], "a string goes on past the end of its line"},
		{"cut between values", good[:strings.Index(good, `"name"`)], "not JSON: invalid character '{', expected the name of a member"},
		{"another object", `{"a":1}`, `neither facts nor a report: no "schema" or no "machine"`},
		{"another kind", `{"kind":"xencheck-error","schema":1}`, `no host, but what an earlier run found wrong with "": `},
		{"an error", `{"kind":"xencheck-error","schema":1,"file":"a.json","line":3,"offset":1,"error":"noise"}`, `no host, but what an earlier run found wrong with "a.json": noise`},
		{"future schema", strings.Replace(good, `"schema":1`, `"schema":2`, 1), "schema 2 of the facts, but only 1 is known here: written by a newer xencheck; use that one or a newer one"},
		{"wrong type", strings.Replace(good, `"good"`, `7`, 1), "name: expected a string, found number"},
		{"wrong number", `{"schema":1,"machine":{},"x":1.2.3}`, "not JSON: invalid character '.' after object key:value pair"},
		{"noise", "\x00\x01{\xff", `not JSON: invalid character '\x00', expected a JSON object`},
		{"text", "# facts of today", "not JSON: invalid character '#', expected a JSON object"},
		{"list", `["x"]`, `not JSON: invalid character '[', expected a JSON object`},
		{"fault", record("bad", "fault", 1), "internal error: boom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &lines{}
			f, err := Run(t.Context(), options(strings.NewReader(good+"\n"+c.bad+"\n"+good+"\n"+good), l))
			if err != nil {
				t.Fatal(err)
			}
			n := len(good) + 1
			want := []string{
				"standard input:1@0 good supported",
				fmt.Sprintf("standard input:2@%d %s", n, c.want),
				fmt.Sprintf("standard input:3@%d good supported", n+len(c.bad)+1),
				fmt.Sprintf("standard input:4@%d good supported", n+len(c.bad)+1+n),
			}
			if d := cmp.Diff(want, l.got); d != "" {
				t.Error(d)
			}
			code := report.ExitUsage
			if c.name == "fault" {
				code = report.ExitInternal
			}
			if f.Records != 4 || f.Bad != 1 || f.Hosts != 1 || f.Older != 2 || f.ExitCode != code || len(f.BadRecords) != 1 {
				t.Errorf("%+v", f)
			}
		})
	}
}

// Of many bad records the summary keeps the first, and counts all.
func TestManyBadRecords(t *testing.T) {
	f, err := Run(t.Context(), options(strings.NewReader(strings.Repeat("x\n", 5000))))
	if err != nil || f.Bad != 5000 || f.Records != 5000 || len(f.BadRecords) != maxListed {
		t.Errorf("%v, %d bad, %d listed", err, f.Bad, len(f.BadRecords))
	}
}

// A line of 2 GB in the middle of a stream is one bad record; memory does not
// notice.
func TestHugeRecord(t *testing.T) {
	size := int64(2 << 30)
	if testing.Short() {
		size = 64 << 20
	}
	good := record("good", "", 1) + "\n"
	for _, start := range []string{"x", good[:30]} {
		l := &lines{}
		f, err := Run(t.Context(), options(longLine(good+start, size, "\n"+good), l))
		if err != nil || f.Records != 3 || f.Bad != 1 || f.Hosts != 1 || len(l.got) != 3 || !strings.Contains(l.got[2], ":3@") {
			t.Errorf("%v, %+v, %q", err, f, l.got)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.Sys > 300<<20 { // of the whole test binary
		t.Errorf("%d MiB were taken", m.Sys>>20)
	}
}

// metered counts what is read of it.
type metered struct {
	r io.Reader
	n atomic.Int64
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n.Add(int64(n))
	return n, err
}

// slowly judges a host only when it may.
type slowly struct {
	words
	begun, may chan bool
}

type slowSeat struct {
	Seat
	of slowly
}

func (s slowly) Seat() Seat { return slowSeat{s.words.Seat(), s} }

func (s slowSeat) Host(h *facts.Host) {
	if h != nil {
		s.of.begun <- true
		<-s.of.may
	}
	s.Seat.Host(h)
}

// While a large record is judged, no more is read than what the buffer that it
// was found in could hold.
func TestLargeRecordsGoAlone(t *testing.T) {
	const size, records = 20 << 20, 4
	for _, each := range []bool{false, true} {
		var in []io.Reader
		for i := range records {
			line := record(fmt.Sprint("h", i), "", 1)
			in = append(in, longLine(line[:len(line)-1]+`,"other":"`, size, "\"}\n"))
		}
		m := &metered{r: io.MultiReader(in...)}
		o := options(m)
		o.Lines, o.Workers = each, 4
		judge := slowly{o.Judge.(words), make(chan bool), make(chan bool)}
		o.Judge = judge
		done := make(chan *report.Fleet)
		go func() {
			f, _ := Run(t.Context(), o)
			done <- f
		}()
		for i := range int64(records) {
			<-judge.begun
			time.Sleep(20 * time.Millisecond) // for the reader to go on
			if read, most := m.n.Load(), i*size+MaxRecord+2*firstBuffer; read > most {
				t.Errorf("each line %t: %d bytes were read when record %d was judged, want at most %d", each, read, i+1, most)
			}
			judge.may <- true
		}
		if f := <-done; f.Hosts != records || f.Bytes < records*size {
			t.Errorf("each line %t: %d hosts, %d bytes", each, f.Hosts, f.Bytes)
		}
	}
}

// Whoever writes one line and waits gets one line back.
func TestLineByLine(t *testing.T) {
	in, write := io.Pipe()
	read, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := Run(t.Context(), options(in, &CSV{W: out}))
		out.Close()
		done <- err
	}()
	answers := make(chan string)
	go func() {
		defer close(answers)
		b := make([]byte, 64<<10)
		for {
			n, err := read.Read(b)
			if err != nil {
				return
			}
			for l := range strings.Lines(string(b[:n])) {
				if !strings.HasPrefix(l, "host,") {
					answers <- l
				}
			}
		}
	}()
	for i, line := range []string{record("a", "", 1), "noise", record("b", "1.0:unknown", 2), "{", `{"x":`} {
		if _, err := io.WriteString(write, line+"\n"); err != nil {
			t.Fatal(err)
		}
		if line == "{" || line == `{"x":` {
			continue // an object may go on in the next line
		}
		select {
		case got := <-answers:
			if want := fmt.Sprintf(",standard input,%d,", i+1); !strings.Contains(got, want) {
				t.Errorf("%q is no answer to line %d", got, i+1)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no answer to line %d", i+1)
		}
	}
	write.Close()
	for range answers {
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// stuck gives its bytes and then never answers.
type stuck struct {
	r    io.Reader
	then func()
}

func (s *stuck) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err == io.EOF {
		s.then()
		select {}
	}
	return n, err
}

// An interrupted run does not wait for its input, and tells all it has.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var in strings.Builder
	for i := range 500 {
		fmt.Fprintln(&in, record(fmt.Sprintf("h%d", i), "late", i))
	}
	l := &lines{}
	f, err := Run(ctx, options(&stuck{strings.NewReader(in.String()), cancel}, l))
	if err != nil || !f.Interrupted || f.ExitCode != report.ExitInterrupted || f.ExitMeaning != "interrupted" {
		t.Fatalf("%v, %+v", err, f)
	}
	if f.Records != 500 || f.Hosts != 500 || len(l.got) != 500 {
		t.Errorf("%d records, %d hosts, %d lines", f.Records, f.Hosts, len(l.got))
	}
}

// brokenSink fails as a pipe without a reader does.
type brokenSink struct{ lines }

func (b *brokenSink) Record(*Result) error { return syscall.EPIPE }

// A run ends when nobody reads on.
func TestBrokenSink(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(record("a", "1.0:outside_the_statement", 1)+"\n"), &repeat{[]byte(record("b", "", 1) + "\n"), 0, 1 << 62})
	f, err := Run(t.Context(), options(endless, &brokenSink{}))
	if !errors.Is(err, syscall.EPIPE) || f == nil || f.ExitCode != report.ExitFindings {
		t.Errorf("%v, %+v", err, f)
	}
}

// repeat gives the same bytes again and again.
type repeat struct {
	b    []byte
	at   int
	left int64
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), r.left)], r.b[r.at:])
	r.at = (r.at + n) % len(r.b)
	r.left -= int64(n)
	return n, nil
}

// fresh gives records of hosts that are all different.
type fresh struct {
	n, most int
	rest    []byte
}

func (f *fresh) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.n == f.most {
			return 0, io.EOF
		}
		f.n++
		f.rest = append(f.rest[:0], record(fmt.Sprintf("host-%d.example", f.n), "product "+fmt.Sprint(f.n%50), f.n)+"\n"...)
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// highWater samples how much memory is in use while records pass.
type highWater struct {
	lines
	records int
	most    uint64
}

func (h *highWater) Record(*Result) error {
	if h.records++; h.records%20_000 == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		h.most = max(h.most, m.HeapAlloc)
	}
	return nil
}

// Memory is flat but for what is kept of each host.
func TestMemoryIsFlat(t *testing.T) {
	peak := func(hosts int) uint64 {
		h := &highWater{}
		if f, err := Run(t.Context(), options(&fresh{most: hosts}, h)); err != nil || f.Hosts != hosts {
			t.Fatalf("%v, %d hosts", err, f.Hosts)
		}
		return h.most
	}
	few, many := peak(20_000), peak(400_000)
	if grown := int64(many) - int64(few); grown > 400_000*64+4<<20 {
		t.Errorf("%d bytes for 20,000 hosts, %d for 400,000: %d a host more", few, many, grown/380_000)
	}
}

func TestMissingInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	o := options(nil)
	l := &lines{}
	o.Sinks = []Sink{l}
	o.Inputs = []string{filepath.Join(dir, "nowhere"), write("empty.json", ""), write("a.json", record("a", "", 1)), "/dev/null"}
	f, err := Run(t.Context(), o)
	if err != nil || f.Hosts != 1 || f.Bad != 3 || f.ExitCode != report.ExitUsage {
		t.Fatalf("%v, %+v", err, f)
	}
	want := []string{
		dir + "/nowhere@0 no such file or directory",
		dir + "/empty.json@0 empty: expected facts or a report of xencheck in JSON",
		dir + "/a.json:1@0 a supported",
		"/dev/null@0 is not a regular file; use - to read standard input",
	}
	if d := cmp.Diff(want, l.got); d != "" {
		t.Error(d)
	}
}

// A table is safe to open: foreign text is one cell, on one line, and no
// formula.
func TestCells(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a,b": `"a,b"`, `say "hi"`: `"say ""hi"""`, "a\nb": "a b", "=1+1": "'=1+1", "@x": "'@x", "-2": "'-2", "+a,b": `"'+a,b"`, "\x1b[2J": "\ufffd[2J", "": "",
	} {
		if got := string(appendCell(nil, in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	o := options(strings.NewReader(record("=cmd()", "", 1)+"\nnoise\n"), nil)
	var out bytes.Buffer
	o.Sinks = []Sink{&CSV{W: &out}}
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(rows) != 3 || !strings.HasPrefix(rows[1], "'=cmd(),") || !strings.HasPrefix(rows[2], ",standard input,2,") {
		t.Errorf("%q", rows)
	}
	out.Reset()
	o.Stdin = strings.NewReader("")
	o.Sinks = []Sink{&CSV{W: &out}}
	if _, err := Run(t.Context(), o); err != nil || out.String() != strings.Join(names(), ",")+"\n" {
		t.Errorf("%v, a table of no hosts: %q", err, out.String())
	}
}

// faulty is a reader, and a renderer, with a fault.
type faulty struct{ Finisher }

func (faulty) Read([]byte) (int, error) { panic("boom") }
func (faulty) Render(d []byte, r *Result) ([]byte, error) {
	return d, fmt.Errorf("boom of %s", r.Host.Name)
}

// faultier does not even return.
type faultier struct{ Finisher }

func (faultier) Render([]byte, *Result) ([]byte, error) { panic("boom") }

// touchy has a fault with one host.
type touchy struct{ lines }

func (s *touchy) Record(r *Result) error {
	if r.Err == nil && r.Host.Name == "odd" {
		panic("boom")
	}
	return s.lines.Record(r)
}

// touchyText has it when it renders.
type touchyText struct {
	Finisher
	out  bytes.Buffer
	fail error
}

func (s *touchyText) Render(d []byte, r *Result) ([]byte, error) {
	switch {
	case r.Err != nil:
		return fmt.Appendf(d, "%s %v\n", r.Place, r.Err), nil
	case r.Host.Name != "odd":
		return fmt.Appendf(d, "%s %s\n", r.Place, r.Host.Name), nil
	case s.fail != nil:
		return append(d, "half of it"...), s.fail
	}
	panic("boom")
}

func (s *touchyText) Write(b []byte) error       { s.out.Write(b); return nil }
func (s *touchyText) Finish(*report.Fleet) error { return nil }

// seatless gives out no seat until somebody has asked a few times.
type seatless struct {
	words
	asked *atomic.Int32
}

func (s seatless) Seat() Seat {
	if s.asked.Add(1) == 1 {
		panic("boom")
	}
	return s.words.Seat()
}

// Whatever has a fault with a record, a judge, a sink or a renderer: it costs
// that record, and no other.
func TestFaultsOfOneRecord(t *testing.T) {
	in := record("a", "", 1) + "\n" + record("odd", "", 1) + "\n" + record("b", "", 1) + "\n"
	run := func(in string, sinks ...Sink) *report.Fleet {
		t.Helper()
		o := options(strings.NewReader(in), sinks...)
		o.Workers = 1
		f, err := Run(t.Context(), o)
		if err != nil || f.Records != 3 || f.Bad != 1 || f.Hosts != 2 || f.ExitCode != report.ExitInternal {
			t.Errorf("%v, %d records, %d bad, %d hosts, exit code %v", err, f.Records, f.Bad, f.Hosts, f.ExitCode)
		}
		return f
	}
	sink := &touchy{}
	run(in, sink)
	if len(sink.got) != 3 || !strings.HasPrefix(sink.got[0], "standard input:1@0 a ") || !strings.HasSuffix(sink.got[1], "internal error: boom") || !strings.Contains(sink.got[2], " b ") {
		t.Errorf("%q", sink.got)
	}
	for _, fail := range []error{nil, errors.New("boom")} {
		text, other := &touchyText{fail: fail}, &touchyText{fail: fail}
		run(in, text, other)
		want := "standard input:1 a\nstandard input:2 internal error: boom\nstandard input:3 b\n"
		if text.out.String() != want || other.out.String() != want {
			t.Errorf("%q and %q, want %q", text.out.String(), other.out.String(), want)
		}
	}
	o := options(strings.NewReader(in))
	o.Workers, o.Judge = 1, seatless{o.Judge.(words), new(atomic.Int32)}
	if f, err := Run(t.Context(), o); err != nil || f.Bad != 1 || f.Hosts != 2 {
		t.Errorf("a judge without a seat: %v, %d bad, %d hosts", err, f.Bad, f.Hosts)
	}
}

// A fault in here never ends the process: of a reader it costs the rest of its
// input, of what is written it ends the run where not even the error can be.
func TestFaults(t *testing.T) {
	good := record("good", "", 1) + "\n"
	l := &lines{}
	o := options(io.MultiReader(strings.NewReader(good), faulty{}), l)
	file := filepath.Join(t.TempDir(), "h.json")
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Inputs = []string{"-", file}
	f, err := Run(t.Context(), o)
	if d := cmp.Diff([]string{"standard input:1@0 good supported", "standard input@0 internal error: boom", file + ":1@0 good supported"}, l.got); err != nil || d != "" || f.ExitCode != report.ExitInternal {
		t.Errorf("%v, %v: %s", err, f.ExitCode, d)
	}
	nothing := Finisher(func(*report.Fleet) error { return nil })
	for want, sink := range map[string]Sink{"internal error: boom": faultier{nothing}, "internal error: boom of good": faulty{nothing}} {
		if _, err := Run(t.Context(), options(strings.NewReader(good), sink)); !errors.Is(err, ErrFault) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
