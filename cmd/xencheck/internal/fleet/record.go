package fleet

import (
	"cmp"
	"strconv"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// Place says where a record stands. A member of an archive is named
// ARCHIVE!MEMBER, and counted from its own beginning.
type Place struct {
	File   string
	Line   int   // from 1; 0 where there are no lines, as of an archive of sources
	Offset int64 // in bytes, from 0
}

// String returns FILE:LINE.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Result is what became of one record.
type Result struct {
	Place Place
	// Err says why the record could not be used. Nothing else is set then but
	// Place.
	Err  error
	Host *facts.Host
	// Judgements holds one for each release that was asked for, in that order.
	Judgements []Judgement
	// Selected is false for a record that the filter leaves out.
	Selected bool
}

// Judgement is one host judged by one statement.
type Judgement struct {
	Statement *Statement
	How       report.How
	Grade     rules.Grade
	Complete  bool
	Level     support.Level
	Exit      report.ExitCode
	// Hurts holds what keeps the host from being supported, or from being
	// known to be, for what it is wanted for; worst first.
	// The same pointer is always the same hurt; it stays good.
	Hurts []*Hurt
	// Waivers tells what became of each of [Options.Waivers], in their order;
	// nil without any.
	Waivers []rules.WaiverUse
	// Report is the whole of it; nil unless a sink asked for reports.
	Report *report.Report
}

// Statement is one that hosts are judged by. There is one of each in a run, so
// that pointers can be compared.
type Statement struct {
	report.Statement
	Phase support.Phase
}

// release names what is judged by in a table; a text may name none.
func (s *Statement) release() string { return cmp.Or(s.Release, s.Name) }

// text names the text in a table: by its revision, or else by the file.
func (s *Statement) text() string { return cmp.Or(s.Revision, s.Name) }

// Hurt is one finding that lowers a verdict.
type Hurt struct {
	Key   string // of the row; empty for a property without a row
	Title string
	Grade rules.Grade
	// Cause says why it is unknown, in words without what is particular to one
	// host; empty unless Grade is unknown.
	Cause string
	Do    string // what to do about it; empty when there is nothing
	// Domains is true for what hurts domains of the host, and not its own
	// verdict.
	Domains bool
}

// Name is what rows are listed by: the key, or else the title.
func (h Hurt) Name() string {
	name := cmp.Or(h.Key, h.Title)
	if h.Domains {
		name = "domains: " + name
	}
	return name
}

// Judge is what hosts are judged with. It may be used by many goroutines.
type Judge interface {
	// Seat returns a seat for one more goroutine.
	Seat() Seat
	// Horizon returns the statement of the branch of a Xen, as MAJOR.MINOR;
	// nil where none is known here.
	Horizon(branch string) *Statement
}

// Seat is where one goroutine judges.
type Seat interface {
	// Host takes the next host; nil lets go of the last one. The same pointer may
	// be another host.
	Host(h *facts.Host)
	// Judge judges it by the statement that a release names, or by the one that
	// fits it. The report is made only when full is set. The list of hurts is
	// good until the release is asked for again.
	Judge(release string, full bool) (Judgement, error)
}

// Sink is something that a fleet is written to. Its methods are called by one
// goroutine.
type Sink interface {
	// Record takes every record, in the order of the input. What r points to
	// may be used again afterwards.
	Record(r *Result) error
	// Flush is called where the input pauses, and after the last record.
	Flush() error
	// Finish takes the summary, once, also of a run that was interrupted.
	Finish(*report.Fleet) error
	// Full reports whether the sink needs the reports.
	Full() bool
}

// Renderer is a sink that wants bytes of every record, which are made on all
// cores. Its Record is not called.
type Renderer interface {
	Sink
	// Render appends what is to be written for a record, perhaps nothing. It
	// is called by many goroutines at once.
	Render(dst []byte, r *Result) ([]byte, error)
	// Write takes what Render made of the next records, in order.
	Write(b []byte) error
}
