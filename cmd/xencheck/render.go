package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/fleet"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/rules"
)

// newRender returns the command that needs neither a machine nor a statement.
func newRender(s *streams) *cobra.Command {
	o := &displayOptions{}
	c := &cobra.Command{
		Use:   "render [flags] FILE",
		Short: "Show a report again that was kept as JSON",
		Long: `Render writes a report that was kept with --format json as text, the same text
that was or would have been shown then, or in any other format, and ends with the
same exit code. Metrics for Prometheus name the host in each sample.

FILE may also be what fleet wrote: a stream of reports (--format ndjson) of any
length, or the summary (--format json). What cannot be shown is one line each,
and exit code 2; all others are shown.`,
		Example: `  xencheck --format json -o report.json
  xencheck render report.json -v
  xencheck render --format junit -o report.xml report.json`,
		Args: usageArgs(cobra.ExactArgs(1)),
	}
	o.register(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(c); err != nil {
			return err
		}
		return runRender(s, o, args[0])
	}
	return c
}

// rendering adds something that was kept to a document.
type rendering func(doc report.Document, source string) error

// runRender shows one object after the other, each when it has been read whole:
// a stream may be of any size. What cannot be shown costs one line.
func runRender(s *streams, o *displayOptions, file string) error {
	f, _, err := s.open(file)
	if err != nil {
		return badInput(err)
	}
	defer f.Close()
	var r *renderer
	if err := s.deliver(o.output, func(w io.Writer) error {
		r = &renderer{streams: s, doc: o.document(w, s, true), file: file, headed: o.format != report.FormatText}
		if file == "-" {
			r.file = stdinName
		}
		if o.format == report.FormatPrometheus {
			r.most = report.MaxInput // the samples of a metric stand together: all are kept until the end
		}
		if err := fleet.Objects(f, r.take); err != nil {
			return err
		}
		return r.end()
	}); err != nil && !errors.Is(err, errNothing) {
		return err
	}
	r.tell()
	return result(r.code)
}

// renderer shows the objects of one input.
type renderer struct {
	*streams
	doc    report.Document
	file   string
	headed bool // an object among several is headed by its file
	most   int  // bytes; 0 for any number

	objects  int
	bytes    int
	held     *heldObject // the first one, until it is known whether there are more
	shown    int
	problems []error // the first
	failed   int
	code     report.ExitCode
}

// heldObject is what was read of an object, or why it cannot be shown.
type heldObject struct {
	line int
	add  rendering
	code report.ExitCode
	err  error
}

// errNothing keeps a document that holds nothing from being written.
var errNothing = errors.New("nothing can be shown")

// mostProblems is how many problems of one input are told.
const mostProblems = 20

// take takes the next object of the input.
func (r *renderer) take(line int, data []byte, err error) error {
	r.objects++
	if r.bytes += len(data); r.most > 0 && r.bytes > r.most {
		return badInput(fmt.Errorf("%s: larger than %s, too many samples to keep; xencheck fleet --format prometheus counts a fleet", r.file, rules.Size(uint64(r.most))))
	}
	h := &heldObject{line: line, err: err}
	if err == nil {
		h.add, h.code, h.err = decode(data)
	}
	if r.objects == 1 {
		r.held = h
		return nil
	}
	if r.objects == 2 {
		if err := r.show(r.held); err != nil {
			return err
		}
	}
	return r.show(h)
}

// show shows an object.
func (r *renderer) show(h *heldObject) error {
	r.code = r.code.Worse(h.code)
	source := ""
	if r.objects > 1 && r.headed {
		source = r.file
	}
	err := h.err
	if err == nil {
		var refused *report.Refusal
		if err = h.add(r.doc, source); err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	var none *unjudged
	if err == nil || errors.As(err, &none) {
		r.shown++
	}
	if err != nil {
		r.fail(h.line, err)
	}
	return nil
}

// fail remembers why something cannot be shown, and where it stands.
func (r *renderer) fail(line int, err error) {
	r.code = r.code.Worse(report.ExitUsage)
	if r.failed++; r.failed > mostProblems {
		return
	}
	var at report.LineError
	switch {
	case errors.As(err, &at):
		err = fmt.Errorf("%s:%d: %w", r.file, line+at.Line-1, at.Err)
	case r.objects > 1 || line > 1:
		err = fmt.Errorf("%s:%d: %w", r.file, line, err)
	default:
		err = fmt.Errorf("%s: %w", r.file, err)
	}
	r.problems = append(r.problems, err)
}

// end shows an object that stands alone, and ends the document. Where nothing
// could be shown there is none.
func (r *renderer) end() error {
	switch r.objects {
	case 0:
		return badInput(fmt.Errorf("%s: empty: expected a report of xencheck in JSON", r.file))
	case 1:
		if err := r.show(r.held); err != nil {
			return err
		}
	}
	if r.shown == 0 {
		return errNothing
	}
	return r.doc.Close()
}

// tell says what could not be shown.
func (r *renderer) tell() {
	for _, p := range r.problems {
		r.line(p.Error())
	}
	if n := r.failed - len(r.problems); n > 0 {
		r.line(fmt.Sprintf("%s: %d more of %d objects could not be shown", r.file, n, r.objects))
	}
}

// unjudged is the error of a record that stands in a stream of reports because
// it could not be judged.
type unjudged struct{ *report.BadRecord }

// Error says what was wrong with the record, and where it came from.
func (u *unjudged) Error() string {
	return fmt.Sprintf("no report: %s could not be used: %s", fleet.Place{File: u.File, Line: u.Line}, u.BadRecord.Error)
}

// decode reads anything that can be rendered, with the exit code that goes with
// it.
func decode(data []byte) (rendering, report.ExitCode, error) {
	switch report.Kind(data) {
	case report.KindComparison:
		c, err := report.DecodeComparison(data)
		if err != nil {
			return nil, 0, err
		}
		return func(doc report.Document, source string) error { return doc.Comparison(source, c) }, c.ExitCode, nil
	case report.KindFleet:
		f, err := report.DecodeFleet(data)
		if err != nil {
			return nil, 0, err
		}
		return func(doc report.Document, source string) error { return report.AddFleet(doc, source, f) }, f.ExitCode, nil
	case report.KindError:
		b, err := report.DecodeBadRecord(data)
		if err != nil {
			return nil, 0, err
		}
		return nil, report.ExitUsage, &unjudged{b}
	case report.KindDomains:
		d, err := report.DecodeDomains(data)
		if err != nil {
			return nil, 0, err
		}
		return func(doc report.Document, source string) error { return doc.Domains(source, d) }, d.ExitCode, nil
	}
	r, err := report.Decode(data)
	if err != nil {
		return nil, 0, err
	}
	return func(doc report.Document, source string) error { return doc.Report(source, r) }, r.ExitCode, nil
}
