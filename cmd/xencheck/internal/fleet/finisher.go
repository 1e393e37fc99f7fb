package fleet

import "github.com/xencheck/xencheck/cmd/xencheck/internal/report"

// Finisher is a sink that wants nothing but the summary.
type Finisher func(*report.Fleet) error

// Render renders nothing of a record.
func (f Finisher) Render(dst []byte, _ *Result) ([]byte, error) { return dst, nil }

// Record does nothing.
func (f Finisher) Record(*Result) error { return nil }

// Write does nothing: nothing was rendered.
func (f Finisher) Write([]byte) error { return nil }

// Full reports that no reports are needed.
func (f Finisher) Full() bool { return false }

// Flush does nothing.
func (f Finisher) Flush() error { return nil }

// Finish hands the summary on.
func (f Finisher) Finish(s *report.Fleet) error { return f(s) }
