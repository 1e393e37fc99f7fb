package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/fleet"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
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

FILE may also be what fleet wrote: a stream of reports (--format ndjson), or the
summary (--format json), which is shown as text.`,
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

// runRender reads everything before it writes anything: a damaged file must not
// leave half an answer on the screen.
func runRender(s *streams, o *displayOptions, file string) error {
	objects, err := s.objects(file)
	if err != nil {
		return badInput(err)
	}
	nth := func(i int, err error) error {
		if len(objects) > 1 {
			err = fmt.Errorf("object %d: %w", i+1, err)
		}
		return badInput(named(file, err))
	}
	var all []rendering
	var problems []error // places where a stream has no report
	code := report.ExitOK
	for i, data := range objects {
		r, c, err := decode(data)
		var none *unjudged
		switch {
		case errors.As(err, &none):
			problems = append(problems, nth(i, err))
		case err != nil:
			return nth(i, err)
		default:
			all = append(all, r)
		}
		code = code.Worse(c)
	}
	if err := s.deliver(o.output, func(w io.Writer) error {
		doc := o.document(w, s, true)
		for i, add := range all {
			var refused *report.Refusal
			if err := add(doc, o.source(file, len(all))); errors.As(err, &refused) {
				s.line(nth(i, err).Error())
				code = code.Worse(report.ExitUsage)
			} else if err != nil {
				return err
			}
		}
		return doc.Close()
	}); err != nil {
		return err
	}
	for _, p := range problems {
		s.line(p.Error())
	}
	return result(code)
}

// unjudged is the error of a record that stands in a stream of reports because
// it could not be judged.
type unjudged struct{ *report.BadRecord }

// Error says what was wrong with the record, and where it came from.
func (u *unjudged) Error() string {
	return fmt.Sprintf("no report: %s could not be used: %s", fleet.Place{File: u.File, Line: u.Line}, u.BadRecord.Error)
}

// source names the file of a report among several. As text they follow each
// other without, since they are all of one file.
func (o *displayOptions) source(file string, n int) string {
	if n == 1 || o.format == report.FormatText {
		return ""
	}
	return file
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
