package report

import (
	"fmt"
	"io"
)

// Document takes reports, one after the other, and writes them in one format.
//
// Where several reports stand in one document, source is the file a report was
// read from; it is empty for a report that stands alone.
type Document interface {
	Report(source string, r *Report) error
	Domains(source string, d *Domains) error
	Comparison(source string, c *Comparison) error
	// Close writes what ends the document. Nothing may follow it.
	Close() error
}

// AddFleet adds the summary of a fleet to a document; most have no place for
// one.
func AddFleet(d Document, source string, f *Fleet) error {
	switch d := d.(type) {
	case *textDocument:
		return d.add(source, f)
	case *jsonDocument:
		return d.add(source, f)
	case *prometheusDocument:
		return d.fleet(f)
	}
	return &Refusal{"the summary of a fleet can be written as text, as JSON and as metrics for Prometheus only; for each host, judge the facts with xencheck fleet --format ndjson"}
}

// Refusal is the error of a [Document] that cannot take a report. The document
// is whole without it and takes others.
type Refusal struct{ why string }

// Error returns the reason.
func (r *Refusal) Error() string { return r.why }

// refuse says that a format has no words for something.
func refuse(format, args string) error {
	return &Refusal{fmt.Sprintf("%s cannot be written as %s", args, format)}
}

// Look is what a document depends on besides the reports in it.
type Look struct {
	Style
	// Central means that the reports are kept in another place than on the
	// machines they are about: each has to name its machine.
	Central bool
}

// The formats.
const (
	FormatText       = "text"
	FormatJSON       = "json"
	FormatMarkdown   = "markdown"
	FormatJUnit      = "junit"
	FormatSARIF      = "sarif"
	FormatPrometheus = "prometheus"
)

// Formats lists what [NewDocument] knows, the default first.
func Formats() []string {
	return []string{FormatText, FormatJSON, FormatMarkdown, FormatJUnit, FormatSARIF, FormatPrometheus}
}

// NewDocument returns an empty document of a format, which must be one of
// [Formats].
func NewDocument(w io.Writer, format string, l Look) Document {
	switch format {
	case FormatJSON:
		return &jsonDocument{w}
	case FormatMarkdown:
		return &markdownDocument{w: w, verbose: l.Verbose}
	case FormatJUnit:
		return &junitDocument{w: w, verbose: l.Verbose}
	case FormatSARIF:
		return &sarifDocument{w: w}
	case FormatPrometheus:
		return newPrometheusDocument(w, l.Central)
	}
	return &textDocument{w: w, style: l.Style}
}

// textDocument parts reports by a blank line, and heads them with their source.
type textDocument struct {
	w       io.Writer
	style   Style
	written int
}

func (t *textDocument) Report(source string, r *Report) error         { return t.add(source, r) }
func (t *textDocument) Domains(source string, d *Domains) error       { return t.add(source, d) }
func (t *textDocument) Comparison(source string, c *Comparison) error { return t.add(source, c) }
func (t *textDocument) Close() error                                  { return nil }

func (t *textDocument) add(source string, r interface{ WriteText(io.Writer, Style) error }) error {
	gap, heading := "", ""
	if t.written > 0 {
		gap = "\n"
	}
	if source != "" {
		heading = "== " + Clean(source) + "\n"
	}
	if _, err := io.WriteString(t.w, gap+heading); err != nil {
		return err
	}
	t.written++
	return r.WriteText(t.w, t.style)
}

// jsonDocument gives each of several reports one line.
type jsonDocument struct{ w io.Writer }

func (j *jsonDocument) Report(source string, r *Report) error         { return j.add(source, r) }
func (j *jsonDocument) Domains(source string, d *Domains) error       { return j.add(source, d) }
func (j *jsonDocument) Comparison(source string, c *Comparison) error { return j.add(source, c) }
func (j *jsonDocument) Close() error                                  { return nil }

func (j *jsonDocument) add(source string, v any) error {
	if source == "" {
		return Write(j.w, v)
	}
	return WriteLine(j.w, v)
}
