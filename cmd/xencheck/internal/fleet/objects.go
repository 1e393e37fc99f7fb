package fleet

import (
	"io"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// Objects cuts a stream into JSON objects as [Run] does, and calls visit for
// each of them, and for each place where there should be one, with an error. The
// line is that where it begins, from 1; an error that shows in a later one is a
// [report.LineError] with lines counted from there. The data are good until visit
// returns. It ends with the first error of visit.
func Objects(r io.Reader, visit func(line int, data []byte, err error) error) error {
	s := newSplitter(r)
	for {
		p, err := s.next(true)
		if err != nil {
			return nil // the end: reading that fails is told as a place
		}
		if p.noted > p.line {
			p.err = report.LineError{Line: p.noted - p.line + 1, Err: p.err}
		}
		if err := visit(p.line, p.data, p.err); err != nil {
			return err
		}
	}
}
