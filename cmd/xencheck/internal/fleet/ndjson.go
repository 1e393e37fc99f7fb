package fleet

import (
	"io"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// NDJSON writes a line for every selected record: the report, the comparison
// where hosts are judged by several releases, or what is wrong with the record.
type NDJSON struct {
	W     io.Writer
	lines report.Lines
}

// Record does nothing: see Render.
func (n *NDJSON) Record(*Result) error { return nil }

// Full reports that reports are needed.
func (n *NDJSON) Full() bool { return true }

// Render appends the line.
func (n *NDJSON) Render(dst []byte, r *Result) ([]byte, error) {
	switch {
	case r.Err != nil:
		return report.AppendLine(dst, badRecord(r.Place, r.Err))
	case !r.Selected:
		return dst, nil
	case len(r.Judgements) == 1:
		return n.lines.Append(dst, r.Judgements[0].Report)
	}
	reports := make([]*report.Report, len(r.Judgements))
	for i, j := range r.Judgements {
		reports[i] = j.Report
	}
	return n.lines.Append(dst, report.Compare(reports))
}

// Write writes lines.
func (n *NDJSON) Write(b []byte) error {
	_, err := n.W.Write(b)
	return err
}

// Flush hands on what a buffered writer holds.
func (n *NDJSON) Flush() error { return flush(n.W) }

// Finish does nothing: a stream has no summary.
func (n *NDJSON) Finish(*report.Fleet) error { return nil }

// flush hands on what a buffered writer holds: whoever waits for an answer to
// one line must get it.
func flush(w io.Writer) error {
	if f, ok := w.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	return nil
}
