package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/support"
)

// newStatement returns the parent of the commands about statements themselves.
func newStatement(s *streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "statement",
		Short: "Look at support statements",
		Long: `Statement looks at Xen's support statements themselves. Wherever one is named, a
release (4.22), a revision (4.18@37fcb4c206), a point release (4.18.5) or a file
will do; "-" is standard input. Files may be SUPPORT.md, its rendered text, or
the HTML that pandoc makes of it.`,
		Example: `  xencheck statement list
  xencheck statement diff 4.21 4.22
  xencheck statement lint SUPPORT.md`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return &usageError{c, errors.New("statement needs one of list, show, diff, lint, distil")}
		},
	}
	// Cobra checks for a wrong subcommand only at the root.
	c.Args = usageArgs(func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		err := fmt.Sprintf("unknown command %q for %q", args[0], c.CommandPath())
		c.SuggestionsMinimumDistance = 2
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			err += "\n\nDid you mean this?\n\t" + strings.Join(near, "\n\t")
		}
		return errors.New(err)
	})
	c.AddCommand(newStatementList(s), newStatementShow(s), newStatementDiff(s), newStatementLint(s), newStatementDistil(s))
	return c
}

// newStatementList returns the command that shows which names there are.
func newStatementList(s *streams) *cobra.Command {
	var at time.Time
	c := &cobra.Command{
		Use:   "list",
		Short: "List the statements that can be named",
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(*cobra.Command, []string) error { return runStatementList(s, at) },
	}
	c.Flags().Var(dateFlag{&at}, "at", "tell where the releases stand on this day instead of today")
	return c
}

// runStatementList opens every statement: how many rows one has and where its
// release stands is in the text, not in its name.
func runStatementList(s *streams, at time.Time) error {
	if at.IsZero() {
		at = s.now()
	}
	lib := s.library()
	return s.deliver("", func(w io.Writer) error {
		fmt.Fprintf(w, "%-17s %-12s %-11s %5s  %-16s %-12s %s\n", "NAME", "REVISION", "OF", "ROWS", "STANDING", "SUPPORTED", "SECURITY")
		for _, e := range lib.List() {
			st, err := s.openStatement(lib, e.Name)
			if err != nil {
				return err
			}
			until := func(f support.Field) string { return cmp.Or(f.Date, "-") }
			line := fmt.Sprintf("%-17s %-12s %-11s %5d  %-16s %-12s %s", e.Name, cmp.Or(e.Provenance.Commit, "-"), cmp.Or(e.Provenance.Date, "-"),
				len(st.Rows), standing(st.Header.Phase(at)), until(st.Header.SupportedUntil), until(st.Header.SecuritySupportUntil))
			if o := st.Provenance.Origin; o != embedded {
				line += "  " + o
			}
			if newer := st.Provenance.Superseded; newer != "" {
				line += "  superseded by " + newer
			}
			if _, err := fmt.Fprintln(w, report.Clean(line)); err != nil {
				return err
			}
		}
		return nil
	})
}

// standing says a phase in a word or two.
func standing(p support.Phase) string {
	switch p {
	case support.FullSupport:
		return "supported"
	case support.SecurityOnly:
		return "security fixes"
	case support.Ended:
		return "ended"
	case support.Unreleased:
		return "unreleased"
	}
	return "unknown"
}

// showOptions are the flags of statement show.
type showOptions struct {
	format string
	tsv    bool
	output string
}

// newStatementShow returns the command that shows what the parser understood.
func newStatementShow(s *streams) *cobra.Command {
	o := &showOptions{}
	c := &cobra.Command{
		Use:   "show A [ROW]",
		Short: "Show the rows of a statement, or one of them",
		Long: `Show lists the rows of a statement with their keys and values. With --tsv each
row is one line of tab-separated fields and nothing else: key, section, feature,
qualifier, value as written, line number.`,
		Example: `  xencheck statement show 4.22
  xencheck statement show 4.22 physical-memory--x86
  xencheck statement show SUPPORT.md --tsv | cut -f1,5`,
		Args: usageArgs(cobra.RangeArgs(1, 2)),
	}
	choose(c, &o.format, "format", "text", "FORMAT", "how to write it", "text", "json")
	c.Flags().BoolVar(&o.tsv, "tsv", false, "one row a line, tab-separated")
	c.Flags().StringVarP(&o.output, "output", "o", "", "write to `FILE` instead of standard output")
	c.MarkFlagsMutuallyExclusive("tsv", "format")
	c.RunE = func(_ *cobra.Command, args []string) error { return runStatementShow(s, o, args) }
	return c
}

// runStatementShow shows all rows, or the one that is named.
func runStatementShow(s *streams, o *showOptions, args []string) error {
	st, err := s.openStatement(s.library(), args[0])
	if err != nil {
		return err
	}
	var model any = st
	if len(args) > 1 {
		row, ok := st.Row(args[1])
		if !ok {
			return badInput(fmt.Errorf("%s has no row %q%s", st.Name, args[1], suggestions([]*support.Statement{st}, args[1])))
		}
		// Only what concerns this row is left.
		one := *st
		one.Rows = []support.Row{row}
		st, model = &one, row
	}
	return s.deliver(o.output, func(w io.Writer) error {
		switch {
		case o.tsv:
			return support.WriteTSV(w, st)
		case o.format == "json":
			return report.Write(w, model)
		case len(args) > 1:
			return writeRow(w, st, st.Rows[0])
		}
		return writeStatement(w, st)
	})
}

// writeStatement lists a statement in columns. Keys are what other commands
// take, so they are never broken.
func writeStatement(w io.Writer, st *support.Statement) error {
	var b bytes.Buffer
	p := st.Provenance
	fmt.Fprintf(&b, "Xen-Version: %s\nInitial-Release: %s\nSupported-Until: %s\nSecurity-Support-Until: %s\n",
		clean(st.Header.XenVersion.Text), clean(st.Header.InitialRelease.Text), clean(st.Header.SupportedUntil.Text), clean(st.Header.SecuritySupportUntil.Text))
	from := p.Origin
	if p.Commit != "" {
		from = fmt.Sprintf("revision %s of %s, %s", p.Commit, p.Date, p.Origin)
	}
	if p.Superseded != "" {
		from += ", superseded by " + p.Superseded
	}
	fmt.Fprintf(&b, "%d rows (%s)\n", len(st.Rows), clean(from))
	section := ""
	for i, r := range st.Rows {
		if i == 0 || r.Section != section {
			section = r.Section
			fmt.Fprintf(&b, "\n%s\n", clean(section))
		}
		fmt.Fprintf(&b, "  %5d  %-50s  %s\n", r.Line, clean(r.Key), clean(r.Value))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeRow writes everything known of one row.
func writeRow(w io.Writer, st *support.Statement, r support.Row) error {
	var b bytes.Buffer
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-11s %s\n", label+":", clean(text))
		}
	}
	line("key", r.Key)
	line("section", r.Section)
	line("feature", r.Feature)
	line("qualifier", r.Qualifier)
	line("value", r.Value)
	line("means", report.MeaningWords(r.Meaning))
	if r.HasCaveat {
		line("caveat", "the statement adds text after the rows of this heading")
	}
	line("note", r.Note)
	line("line", fmt.Sprintf("%d of %s", r.Line, st.Name))
	_, err := w.Write(b.Bytes())
	return err
}

// clean makes text of a statement safe to print: it may be anybody's file.
func clean(s string) string { return report.Clean(s) }

// newStatementDiff returns the command that compares two texts, without a host.
func newStatementDiff(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Show rows added, removed and changed between two statements",
		Example: `  xencheck statement diff 4.21 4.22
  xencheck statement diff 4.18 ./SUPPORT.md`,
		Args: usageArgs(cobra.ExactArgs(2)),
		RunE: func(_ *cobra.Command, args []string) error { return runStatementDiff(s, args[0], args[1]) },
	}
}

// runStatementDiff writes a line for each difference, marked as diff does it.
func runStatementDiff(s *streams, from, to string) error {
	if err := twice(from, to); err != nil {
		return err
	}
	lib := s.library()
	a, err := s.openStatement(lib, from)
	if err != nil {
		return err
	}
	b, err := s.openStatement(lib, to)
	if err != nil {
		return err
	}
	d := support.Diff(a, b)
	return s.deliver("", func(w io.Writer) error {
		var out bytes.Buffer
		for _, h := range d.Header {
			fmt.Fprintf(&out, "~ %s: %s -> %s\n", h.Field, clean(cmp.Or(h.From, "(none)")), clean(cmp.Or(h.To, "(none)")))
		}
		for _, r := range d.Removed {
			fmt.Fprintf(&out, "- %s: %s (line %d)\n", clean(r.Key), clean(r.Value), r.Line)
		}
		for _, r := range d.Added {
			fmt.Fprintf(&out, "+ %s: %s (line %d)\n", clean(r.Key), clean(r.Value), r.Line)
		}
		for _, r := range d.Changed {
			fmt.Fprintf(&out, "~ %s: %s -> %s (line %d)\n", clean(r.To.Key), clean(r.From.Value), clean(r.To.Value), r.To.Line)
		}
		fmt.Fprintf(&out, "%d added, %d removed, %d changed rows from %s to %s\n", len(d.Added), len(d.Removed), len(d.Changed), clean(a.Name), clean(b.Name))
		_, err := w.Write(out.Bytes())
		return err
	})
}

// newStatementLint returns the command for those who write statements.
func newStatementLint(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "lint FILE",
		Short: "Report lines of a statement that are not understood or look wrong",
		Long: `Lint names every line that is outside the grammar of the statement or looks like
a slip, and every row that the embedded statement of the same release has and
this one lacks. It ends with exit code 1 when there is any, else it is silent.`,
		Example: `  xencheck statement lint SUPPORT.md
  git show HEAD:SUPPORT.md | xencheck statement lint -`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error { return runStatementLint(s, args[0]) },
	}
}

// runStatementLint writes FILE:LINE first, which editors jump to.
func runStatementLint(s *streams, file string) error {
	lib := s.library()
	st, err := s.openStatement(lib, file)
	if err != nil {
		return err
	}
	// A release nobody knows has nothing to be compared with.
	var against *support.Statement
	if name := st.Header.Release(); name != "" {
		if known, err := lib.Open(name); err == nil {
			against = known
		}
	}
	name := file
	if file == "-" {
		name = stdinName
	}
	problems := support.Lint(st, against)
	if err := s.deliver("", func(w io.Writer) error {
		var b bytes.Buffer
		for _, p := range problems {
			where := clean(name)
			if p.Line > 0 {
				where = fmt.Sprintf("%s:%d", where, p.Line)
			}
			fmt.Fprintf(&b, "%s: %s: %s", where, p.Severity, clean(p.Message))
			if p.Text != "" {
				fmt.Fprintf(&b, ": %s", clean(strings.TrimSpace(p.Text)))
			}
			b.WriteByte('\n')
		}
		_, err := w.Write(b.Bytes())
		return err
	}); err != nil {
		return err
	}
	if len(problems) > 0 {
		return result(report.ExitFindings)
	}
	return nil
}

// distilOptions are the flags of statement distil.
type distilOptions struct {
	from   support.Provenance
	output string
}

// newStatementDistil returns the command that makes an embedded statement.
func newStatementDistil(s *streams) *cobra.Command {
	o := &distilOptions{}
	c := &cobra.Command{
		Use:   "distil FILE --branch 4.23 --commit HASH --date DATE",
		Short: "Reduce a statement to its facts",
		Long: `Distil reduces a support statement to headings, rows and dates, each on the line
where it stood, without prose. That is the form in which statements are embedded
in xencheck, and the form to put into /etc/xencheck/statements.`,
		Example: `  xencheck statement distil SUPPORT.md --branch 4.23 --commit 0123456789 --date 2027-03-01 -o 4.23.md`,
		Args:    usageArgs(cobra.ExactArgs(1)),
	}
	f := c.Flags()
	f.StringVar(&o.from.Branch, "branch", "", "the release the text belongs to, `4.22`")
	f.StringVar(&o.from.Commit, "commit", "", "abbreviated `HASH` of the revision")
	f.StringVar(&o.from.Date, "date", "", "`DATE` of the revision, 2026-07-29")
	f.StringVarP(&o.output, "output", "o", "", "write to `FILE` instead of standard output")
	c.RunE = func(c *cobra.Command, args []string) error {
		if d := o.from.Date; d != "" {
			if _, err := time.Parse(time.DateOnly, d); err != nil {
				return &usageError{c, fmt.Errorf("invalid argument %q for \"--date\" flag: must be a date such as 2026-11-21", d)}
			}
		}
		return runStatementDistil(s, o, args[0])
	}
	return c
}

// runStatementDistil works on the text, not on the model, so that lines stay
// where they are.
func runStatementDistil(s *streams, o *distilOptions, file string) error {
	text, err := s.statementText(file)
	if err != nil {
		return err
	}
	out, err := support.Distil(text, o.from)
	if err != nil {
		return badInput(named(file, err))
	}
	return s.deliver(o.output, func(w io.Writer) error {
		_, err := w.Write(out)
		return err
	})
}
