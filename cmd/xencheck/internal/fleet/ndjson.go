package fleet

import (
	"bytes"
	"io"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// NDJSON writes a line for every selected record: the report, the comparison
// where hosts are judged by several releases, or what is wrong with the record.
type NDJSON struct{ W io.Writer }

// Record does nothing: see Render.
func (n *NDJSON) Record(*Result) error { return nil }

// Full reports that reports are needed.
func (n *NDJSON) Full() bool { return true }

// Render appends the line.
func (n *NDJSON) Render(dst []byte, r *Result) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	var err error
	switch {
	case r.Err != nil:
		err = report.WriteLine(b, badRecord(r.Place, r.Err))
	case !r.Selected:
	case len(r.Judgements) == 1:
		err = report.WriteLine(b, r.Judgements[0].Report)
	default:
		reports := make([]*report.Report, len(r.Judgements))
		for i, j := range r.Judgements {
			reports[i] = j.Report
		}
		err = report.WriteLine(b, report.Compare(reports))
	}
	return b.Bytes(), err
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
