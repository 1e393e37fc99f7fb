package fleet

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
)

// CSV writes a table (RFC 4180): a header, then a row for every release that a
// selected record was judged by, and for every record that could not be used.
type CSV struct {
	W      io.Writer
	headed bool
}

// columns are the names of the columns, and what they hold of a judgement.
func columns() []column {
	return []column{
		{"host", func(r *Result, _ *Judgement) string { return r.Host.Name }},
		{"file", func(r *Result, _ *Judgement) string { return r.Place.File }},
		{"line", func(r *Result, _ *Judgement) string { return strconv.Itoa(r.Place.Line) }},
		{"offset", func(r *Result, _ *Judgement) string { return strconv.FormatInt(r.Place.Offset, 10) }},
		{"collected_at", func(r *Result, _ *Judgement) string { return timeOf(r.Host.CollectedAt) }},
		{"arch", func(r *Result, _ *Judgement) string { return string(r.Host.Machine.Arch.Value) }},
		{"hardware", func(r *Result, _ *Judgement) string { return string(report.AppendHardware(nil, r.Host)) }},
		{"cpu", func(r *Result, _ *Judgement) string { return strings.Join(report.CPUNames(r.Host), " + ") }},
		{"cpus_min", func(r *Result, _ *Judgement) string { return atLeast(r.Host.CPU.Physical) }},
		{"memory_bytes_min", func(r *Result, _ *Judgement) string { return atLeast(r.Host.Memory.Physical) }},
		{"xen", func(r *Result, _ *Judgement) string { return xenOf(r.Host).branch }},
		{"release", func(_ *Result, j *Judgement) string { return j.Statement.release() }},
		{"revision", func(_ *Result, j *Judgement) string { return j.Statement.text() }},
		{"revision_date", func(_ *Result, j *Judgement) string { return j.Statement.Date }},
		{"chosen", func(_ *Result, j *Judgement) string { return string(j.How) }},
		{"verdict", func(_ *Result, j *Judgement) string { return string(j.Grade) }},
		{"complete", func(_ *Result, j *Judgement) string { return strconv.FormatBool(j.Complete) }},
		{"functional", func(_ *Result, j *Judgement) string { return string(j.Level.Functional) }},
		{"security", func(_ *Result, j *Judgement) string { return string(j.Level.Security) }},
		{"exit_code", func(_ *Result, j *Judgement) string { return strconv.Itoa(int(j.Exit)) }},
		{"rows", func(_ *Result, j *Judgement) string {
			var names []string
			for _, h := range j.Hurts {
				names = append(names, report.Clean(h.Name()))
			}
			return strings.Join(names, "; ")
		}},
		{"error", func(*Result, *Judgement) string { return "" }},
	}
}

type column struct {
	name string
	of   func(*Result, *Judgement) string
}

func timeOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

func atLeast(o facts.Observed[facts.Range]) string {
	if r, ok := o.Get(); ok {
		return strconv.FormatUint(r.Min, 10)
	}
	return ""
}

// Record does nothing: see Render.
func (c *CSV) Record(*Result) error { return nil }

// Full reports that no reports are needed.
func (c *CSV) Full() bool { return false }

// Render appends the rows.
func (c *CSV) Render(dst []byte, r *Result) ([]byte, error) {
	if r.Err != nil {
		for _, col := range columns() {
			switch col.name {
			case "file", "line", "offset":
				dst = appendCell(dst, col.of(r, nil))
			case "error":
				dst = appendCell(dst, r.Err.Error())
			}
			dst = append(dst, ',')
		}
		return endRow(dst), nil
	}
	if !r.Selected {
		return dst, nil
	}
	for i := range r.Judgements {
		for _, col := range columns() {
			text := col.of(r, &r.Judgements[i])
			if col.name != "rows" { // which is clean, and as long as it is
				text = report.Clean(text)
			}
			dst = append(appendClean(dst, text), ',')
		}
		dst = endRow(dst)
	}
	return dst, nil
}

// endRow puts the end of the row where the last comma stands.
func endRow(dst []byte) []byte { return append(dst[:len(dst)-1], '\n') }

// appendCell appends one cell. Foreign text is made printable, and gets a quote
// in front of what a spreadsheet would run as a formula.
func appendCell(dst []byte, s string) []byte { return appendClean(dst, report.Clean(s)) }

// appendClean appends one cell of printable text.
func appendClean(dst []byte, s string) []byte {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		s = "'" + s
	}
	if !strings.ContainsAny(s, "\",") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(s, `"`, `""`)...)
	return append(dst, '"')
}

// Write writes rows, after the header.
func (c *CSV) Write(b []byte) error {
	if err := c.head(); err != nil {
		return err
	}
	_, err := c.W.Write(b)
	return err
}

// head writes the header once.
func (c *CSV) head() error {
	if c.headed {
		return nil
	}
	c.headed = true
	var names []string
	for _, col := range columns() {
		names = append(names, col.name)
	}
	_, err := io.WriteString(c.W, strings.Join(names, ",")+"\n")
	return err
}

// Flush hands on what a buffered writer holds.
func (c *CSV) Flush() error { return flush(c.W) }

// Finish leaves a table of no hosts its header.
func (c *CSV) Finish(*report.Fleet) error { return c.head() }
