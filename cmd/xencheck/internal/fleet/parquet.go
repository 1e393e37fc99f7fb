package fleet

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/tables"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// Parquet is a sink that writes two tables: a row of hosts for every record
// and release, and a row of findings for all that a verdict rests on and all
// that a host uses.
type Parquet struct {
	tables *tables.Writer
	judge  Judge
}

// NewParquet starts the tables.
func NewParquet(hosts, findings io.Writer, o Options) *Parquet {
	return &Parquet{tables.New(hosts, findings, o.Tool), o.Judge}
}

// Full reports that the findings are needed.
func (s *Parquet) Full() bool { return true }

// Record takes a record, also one that could not be used.
func (s *Parquet) Record(r *Result) error {
	if r.Err != nil {
		return s.tables.Add(tables.Host{Source: report.Clean(r.Place.File), Line: int64(r.Place.Line), Error: report.Clean(r.Err.Error())}, nil)
	}
	if !r.Selected {
		return nil
	}
	base := s.host(r)
	for i := range r.Judgements {
		h, fs := judged(base, &r.Judgements[i])
		if err := s.tables.Add(h, fs); err != nil {
			return err
		}
	}
	return nil
}

// host lays out what is the same for every release.
func (s *Parquet) host(r *Result) tables.Host {
	h := r.Host
	out := tables.Host{
		ID: report.Clean(h.Name), Source: report.Clean(r.Place.File), Line: int64(r.Place.Line), Collected: h.CollectedAt,
		Arch: string(h.Machine.Arch.Value), Board: report.Clean(report.ProductName(h)), CPU: report.Clean(strings.Join(report.CPUNames(h), " + ")),
		CPUs: atLeastOf(h.CPU.Physical), Memory: atLeastOf(h.Memory.Physical), IOMMU: report.Clean(report.IOMMUNames(h)), GIC: gicName(h), Xen: xenOf(h).branch,
	}
	if end, ok := horizon(s.judge, out.Xen); ok {
		out.XenUntil = tables.Day(end)
	}
	return out
}

// judged adds what one release says.
func judged(h tables.Host, j *Judgement) (tables.Host, []tables.Finding) {
	h.Release, h.Revision, h.StatementDate = report.Clean(j.Statement.release()), report.Clean(j.Statement.text()), day(j.Statement.Date)
	h.Grade, h.Functional, h.Security = string(j.Grade), string(j.Level.Functional), string(j.Level.Security)
	h.Complete, h.ExitCode = j.Complete, int32(j.Exit)
	if j.Report == nil {
		return h, nil
	}
	lowering := map[*rules.Finding]bool{}
	for _, hurt := range j.Hurts {
		if f := hurtFinding(j.Report, hurt); f != nil {
			lowering[f] = true
		}
	}
	var fs []tables.Finding
	for i := range j.Report.Findings {
		f := &j.Report.Findings[i]
		decides, lowers := slices.Contains(j.Report.Overall.Because, i), lowering[f]
		if !decides && !lowers && f.InUse != rules.Yes {
			continue
		}
		out := tables.Finding{
			ID: h.ID, Source: h.Source, SourceLine: h.Line, Release: h.Release, Revision: h.Revision, Title: report.Clean(f.Title), Rule: f.Rule, Outcome: string(f.Outcome),
			Functional: string(f.Level.Functional), Security: string(f.Level.Security), InUse: string(f.InUse), Decides: decides, Lowers: lowers,
			Seen: report.Clean(report.SeenWords(f.Seen)), Why: report.Clean(f.Why), Do: report.Clean(f.Do),
		}
		if f.Row != nil {
			out.Key, out.Line = f.Row.Key, int64(f.Row.Line)
		}
		fs = append(fs, out)
	}
	return h, fs
}

// atLeastOf is a number that is known exactly, or the least it can be.
func atLeastOf(o facts.Observed[facts.Range]) *int64 {
	r, ok := o.Get()
	if !ok {
		return nil
	}
	n := int64(r.Min)
	return &n
}

func day(date string) *int32 {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return nil
	}
	return tables.Day(t)
}

// Flush does nothing: a group of rows is written when it is full.
func (s *Parquet) Flush() error { return nil }

// Finish completes both files.
func (s *Parquet) Finish(*report.Fleet) error { return s.tables.Close() }
