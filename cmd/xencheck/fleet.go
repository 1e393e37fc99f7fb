package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/fleet"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
)

// fleetOptions are the flags of fleet.
type fleetOptions struct {
	xen     []string
	where   []string
	only    []string
	html    string
	parquet string
	lines   bool
	filter  fleet.Filter
	judge   judgeOptions
	display displayOptions
}

// newFleet returns the command for many hosts.
func newFleet(s *streams) *cobra.Command {
	o := &fleetOptions{}
	c := &cobra.Command{
		Use:   "fleet [flags] FILE|DIR|-…",
		Short: "Judge many hosts and sum them up",
		Long: `Fleet judges the facts of any number of hosts: files of one JSON object or of
many, directories, tar archives (plain, gzip or zstd), archives of collect --raw,
and reports, in any mix; "-" is standard input.

The summary counts each host once, by its newest record. The formats ndjson and
csv have a line for every record, in order. A record that cannot be used is one
line with its place; all others are judged.

--where selects hosts by terms that all have to hold: FIELD=VALUE,… is one of
the values, FIELD~TEXT,… contains one of the texts, != and !~ are the opposite.
Fields:
` + fieldHelp() + `

Exit codes: those of check, the worst of the hosts counted: 0 nothing at or
above the --fail-on threshold, 1 findings, 2 wrong usage, a record that cannot
be used or output that cannot be written, 3 inconclusive, 4 internal error; 130
after Ctrl-C, SIGTERM or SIGHUP, when what is done so far is written.`,
		Example: `  xencheck fleet facts/
  xencheck fleet --xen 4.17,4.22 hosts.ndjson
  xencheck fleet --only unknown --format csv facts.tar.zst
  xencheck fleet --where 'cpu~xeon row~memory' facts/
  xencheck fleet --xen 4.17,4.22 --html report.html facts/
  collect-all | xencheck fleet --format ndjson - | load`,
		Args: usageArgs(func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("nothing to read: name files or directories, or - for standard input")
			}
			return nil
		}),
	}
	f := c.Flags()
	f.StringSliceVar(&o.xen, "xen", []string{auto}, "`RELEASES` to judge by: auto is the one that fits each host; of several, changes from the first are shown")
	f.StringArrayVar(&o.where, "where", nil, "count and write only the hosts that match `TERMS`; may be repeated")
	f.StringSliceVar(&o.only, "only", nil, "only hosts with one of these `VERDICTS`")
	f.StringVar(&o.html, "html", "", "also write a page for a browser to `FILE`")
	f.StringVar(&o.parquet, "parquet", "", "also write the table of hosts to `FILE`, and that of findings beside it (FILE.parquet, FILE.findings.parquet)")
	f.BoolVar(&o.lines, "lines", false, "answer each line of standard input by one line, in order, also what is blank, cut short or noise")
	o.judge.register(c)
	choose(c, &o.display.format, "format", "", "FORMAT", "how to write the result; summary on a terminal or beside --html and --parquet, else ndjson", "summary", "ndjson", "csv", "json", report.FormatPrometheus)
	o.display.registerText(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(c, s, args); err != nil {
			return err
		}
		if o.lines && !slices.Contains(args, "-") {
			return &usageError{c, errors.New("--lines is about standard input, which is named -")}
		}
		return runFleet(c.Context(), s, o, args)
	}
	return c
}

func fieldHelp() string {
	var b strings.Builder
	for _, f := range fleet.Fields() {
		name, doc, _ := strings.Cut(f, ": ")
		fmt.Fprintf(&b, "  %-10s %s\n", name, doc)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// check settles what the flag parser cannot.
func (o *fleetOptions) check(c *cobra.Command, s *streams, inputs []string) error {
	if err := o.judge.check(c); err != nil {
		return err
	}
	if err := o.display.check(c); err != nil {
		return err
	}
	for i, x := range o.xen {
		o.xen[i] = strings.TrimSpace(x) // as in --xen "4.17, 4.22"
	}
	if len(o.xen) == 0 || slices.Contains(o.xen, "") {
		return &usageError{c, errors.New("--xen must name releases, such as --xen 4.17,4.22")}
	}
	for i, x := range o.xen {
		if slices.Contains(o.xen[:i], x) {
			return &usageError{c, fmt.Errorf("--xen names %s twice", x)}
		}
	}
	for _, flag := range []string{"html", "parquet"} {
		if f := c.Flags().Lookup(flag); f.Changed && f.Value.String() == "" { // as "$PAGE" is when it is not set
			return &usageError{c, fmt.Errorf("--%s needs a FILE", flag)}
		}
	}
	if err := o.outputs(inputs); err != nil {
		return &usageError{c, err}
	}
	if c.Flags().Changed("only") && len(o.only) == 0 {
		return &usageError{c, errors.New("--only must name verdicts, such as --only unknown,outside")}
	}
	var err error
	if o.filter, err = fleet.ParseFilter(o.where, o.only); err != nil {
		return &usageError{c, fmt.Errorf("invalid filter: %w", err)}
	}
	if o.display.format == "" {
		o.display.format = "ndjson"
		if _, terminal := s.columns(); terminal && o.display.output == "" || o.html != "" || o.parquet != "" {
			o.display.format = "summary"
		}
	}
	return nil
}

// roomForMany lets garbage pile up to a multiple of what is in use, within
// bounds: most of what a fleet takes is done with when its record is, and
// collecting it after every few megabytes took a quarter of the time. It
// returns what puts things back.
//
// The limit is soft. Together with the program itself it keeps the process
// below 150 MB. The more of it is really in use, the more time the collector
// takes: a quarter for a million hosts judged by 13 releases, never more than
// half; from about two million hosts on memory grows, and nothing fails. Pages and
// tables hold every host, so there is no limit for them.
func roomForMany(everyHost bool) (back func()) {
	most := int64(112 << 20)
	if everyHost {
		most = math.MaxInt64
	}
	percent, limit := debug.SetGCPercent(300), debug.SetMemoryLimit(most)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// outputs refuses files that would take each other's place, or that of an input.
func (o *fleetOptions) outputs(inputs []string) error {
	if o.html == "-" || o.parquet == "-" {
		return errors.New("--html and --parquet need a FILE: standard output is for the result")
	}
	names := []string{o.display.output, o.html, o.parquet}
	if o.parquet != "" {
		names = append(names, findingsBeside(o.parquet))
	}
	for i, name := range names {
		if name == "" || name == "-" {
			continue
		}
		if names[i] = placeOf(name); slices.Contains(names[:i], names[i]) {
			return fmt.Errorf("%s would be written twice", filepath.Clean(name))
		}
		if there, err := os.Stat(name); err == nil && slices.ContainsFunc(inputs, func(input string) bool {
			read, err := os.Stat(input)
			return err == nil && os.SameFile(there, read)
		}) {
			return fmt.Errorf("%s is read, and would be written over", name)
		}
	}
	return nil
}

// placeOf returns the one name of a file that may not be there yet.
func placeOf(name string) string {
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return filepath.Clean(name)
	}
	if there, err := filepath.EvalSymlinks(dir); err == nil {
		dir = there
	}
	return filepath.Join(dir, filepath.Base(name))
}

// runFleet judges everything, whatever is wrong with a part of it.
func runFleet(ctx context.Context, s *streams, o *fleetOptions, inputs []string) error {
	if err := twice(slices.Concat(inputs, o.xen)...); err != nil {
		return err
	}
	defer roomForMany(o.html != "" || o.parquet != "")()
	j := newFleetJudge(newJudge(s, o.judge))
	for _, release := range o.xen {
		// A statement that cannot be used is one error, not one for each host.
		if release == auto {
			continue
		}
		if _, err := j.open(release); err != nil {
			return err
		}
	}
	// The first Ctrl-C, or the first request to end, ends the reading, the next
	// one the process.
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, ends...)
	defer stop()
	context.AfterFunc(ctx, stop)

	var sum *report.Fleet
	progress, clear := s.fleetProgress()
	options := fleet.Options{
		Inputs: inputs, Stdin: s.in, Lines: o.lines, Judge: j, Releases: o.xen, Where: o.filter,
		Tool: toolName(), At: j.at, Intents: o.judge.intents(), FailOn: report.FailOn(o.judge.failOn), Waivers: s.waivers,
		Probe: probe.Options{Tool: toolName(), Now: s.now}, Progress: progress,
	}
	err := s.deliver(o.display.output, func(w io.Writer) error {
		return o.beside(options, func(extra []fleet.Sink) error {
			if len(extra) > 0 {
				w = &whileRead{w: w}
			}
			options.Sinks = append(o.sinks(s, w), extra...)
			var err error
			sum, err = fleet.Run(ctx, options)
			return err
		})
	})
	clear()
	if errors.Is(err, fleet.ErrFault) {
		return &failure{report.ExitInternal, err}
	}
	if err != nil {
		return err
	}
	s.fleetProblems(sum, o.display.format)
	return result(sum.ExitCode)
}

// beside opens the files that are written beside the result, runs, and puts
// them into place.
func (o *fleetOptions) beside(options fleet.Options, run func([]fleet.Sink) error) error {
	var sinks []fleet.Sink
	if o.html != "" {
		inner := run
		run = func(sinks []fleet.Sink) error {
			return badInput(replaceFile(o.html, func(w io.Writer) error {
				return inner(append(sinks, fleet.NewHTML(w, options)))
			}))
		}
	}
	if o.parquet != "" {
		inner := run
		run = func(sinks []fleet.Sink) error {
			return badInput(replaceFile(o.parquet, func(hosts io.Writer) error {
				return replaceFile(findingsBeside(o.parquet), func(findings io.Writer) error {
					return inner(append(sinks, fleet.NewParquet(hosts, findings, options)))
				})
			}))
		}
	}
	return run(sinks)
}

// findingsBeside names the table of findings after that of hosts.
func findingsBeside(file string) string {
	return strings.TrimSuffix(file, ".parquet") + ".findings.parquet"
}

// sinks returns what the format writes.
func (o *fleetOptions) sinks(s *streams, w io.Writer) []fleet.Sink {
	switch o.display.format {
	case "ndjson":
		return []fleet.Sink{&fleet.NDJSON{W: w}}
	case "csv":
		return []fleet.Sink{&fleet.CSV{W: w}}
	}
	return []fleet.Sink{fleet.Finisher(func(f *report.Fleet) error {
		d := o.display.document(w, s, true)
		if err := report.AddFleet(d, "", f); err != nil {
			return err
		}
		return d.Close()
	})}
}

// fleetProblems says in one line what could not be used; the place of each is
// in the result.
func (s *streams) fleetProblems(f *report.Fleet, format string) {
	if f.Bad == 0 {
		return
	}
	first := f.BadRecords[0]
	place := fleet.Place{File: first.File, Line: first.Line}
	if f.Bad == 1 {
		s.line(fmt.Sprintf("%s: %s", place, first.Error))
		return
	}
	s.line(fmt.Sprintf("%d of %d records could not be used; the first is %s: %s", f.Bad, f.Records, place, first.Error))
}

// fleetProgress returns what tells the progress on a terminal, and what takes
// it away again; nil where standard error is none.
func (s *streams) fleetProgress() (show func(fleet.Progress), clear func()) {
	if s.progress == nil || !s.progress() {
		return nil, func() {}
	}
	shown := false
	show = func(p fleet.Progress) {
		shown = true
		line := fmt.Sprintf("%d hosts, %.0f a second", p.Records, p.Rate())
		if p.Left >= 0 {
			line += fmt.Sprintf(", %s left", p.Left.Round(1e9))
		}
		if p.Bad > 0 {
			line += fmt.Sprintf(", %d could not be used", p.Bad)
		}
		fmt.Fprintf(s.err, "\r\x1b[K%s", line)
	}
	return show, func() {
		if shown {
			fmt.Fprint(s.err, "\r\x1b[K")
		}
	}
}
