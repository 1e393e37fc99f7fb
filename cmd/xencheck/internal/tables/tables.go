// Package tables writes what was found on a fleet as two flat Apache Parquet
// tables, hosts and findings, for databases that read columns. It knows
// neither facts nor rules; it is handed rows.
package tables

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Host is a row of the table of hosts: one for each host and release that it
// was judged by.
type Host struct {
	ID        string     `parquet:"id,dict"`
	Source    string     `parquet:"source,dict"` // file, or member of an archive
	Line      int64      `parquet:"line"`        // in Source; 0 when it says nothing
	Collected *time.Time `parquet:"collected,timestamp(millisecond),optional"`
	Arch      string     `parquet:"arch,dict"`
	Board     string     `parquet:"board,dict"`
	CPU       string     `parquet:"cpu,dict"`
	CPUs      *int64     `parquet:"cpus,optional"`
	Memory    *int64     `parquet:"memory_bytes,optional"`
	IOMMU     string     `parquet:"iommu,dict"`
	GIC       string     `parquet:"gic,dict"`
	Xen       string     `parquet:"xen,dict"` // version of the running Xen; empty without one
	// XenUntil is the last day of security support of the running Xen.
	XenUntil *int32 `parquet:"xen_security_until,date,optional"` // days since 1970-01-01

	Release       string `parquet:"release,dict"`  // judged by
	Revision      string `parquet:"revision,dict"` // commit of the statement
	StatementDate *int32 `parquet:"statement_date,date,optional"`
	Grade         string `parquet:"grade,dict"`      // as in the JSON report
	Functional    string `parquet:"functional,dict"` // the two axes of the verdict
	Security      string `parquet:"security,dict"`
	Complete      bool   `parquet:"complete"` // nothing that could make it worse is unknown
	ExitCode      int32  `parquet:"exit_code"`
	Error         string `parquet:"error,dict"` // why the record could not be judged; then the rest is empty
}

// Finding is a row of the table of findings: what speaks against a host, what
// is not known of it, and what it uses.
type Finding struct {
	ID         string `parquet:"id,dict"`     // of the host
	Source     string `parquet:"source,dict"` // of the record, as in the table of hosts
	SourceLine int64  `parquet:"source_line"`
	Release    string `parquet:"release,dict"`
	Revision   string `parquet:"revision,dict"`
	Key        string `parquet:"key,dict"` // of the row; empty when no row is meant
	Line       int64  `parquet:"line"`     // of the row in the statement
	Title      string `parquet:"title,dict"`
	Rule       string `parquet:"rule,dict"`
	Outcome    string `parquet:"outcome,dict"`
	Functional string `parquet:"functional,dict"`
	Security   string `parquet:"security,dict"`
	InUse      string `parquet:"in_use,dict"`
	Decides    bool   `parquet:"decides"` // one of those that the verdict rests on
	Lowers     bool   `parquet:"lowers"`  // keeps the host from being supported; also where something else decides
	Seen       string `parquet:"seen,dict"`
	Why        string `parquet:"why,dict"`
	Do         string `parquet:"do,dict"`
}

// Day turns a date into a Parquet date; nil for the zero time.
func Day(t time.Time) *int32 {
	if t.IsZero() {
		return nil
	}
	d := int32(t.Unix() / (24 * 60 * 60))
	return &d
}

// rowsOfGroup bounds what is kept in memory before it is written.
const rowsOfGroup = 200_000

// Writer writes both tables.
type Writer struct {
	hosts    *parquet.GenericWriter[Host]
	findings *parquet.GenericWriter[Finding]
}

// New starts both tables. Tool names the program and its version in the files.
func New(hosts, findings io.Writer, tool string) *Writer {
	options := []parquet.WriterOption{parquet.Compression(&zstd.Codec{}), parquet.CreatedBy(tool, "", ""), parquet.MaxRowsPerRowGroup(rowsOfGroup)}
	return &Writer{
		hosts:    parquet.NewGenericWriter[Host](hosts, options...),
		findings: parquet.NewGenericWriter[Finding](findings, options...),
	}
}

// Add writes a host with its findings.
func (w *Writer) Add(h Host, fs []Finding) error {
	if _, err := w.hosts.Write([]Host{h}); err != nil {
		return fmt.Errorf("writing the table of hosts: %w", err)
	}
	if len(fs) == 0 {
		return nil
	}
	if _, err := w.findings.Write(fs); err != nil {
		return fmt.Errorf("writing the table of findings: %w", err)
	}
	return nil
}

// Close completes both files. Without it they cannot be read.
func (w *Writer) Close() error {
	return errors.Join(w.hosts.Close(), w.findings.Close())
}
