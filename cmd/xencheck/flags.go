package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// choice is a flag with a fixed set of values.
type choice struct {
	value   *string
	kind    string
	allowed []string
}

func (c choice) String() string { return *c.value }
func (c choice) Type() string   { return c.kind }

// Set names the allowed values in its error, so that nobody has to look them up.
func (c choice) Set(v string) error {
	if !slices.Contains(c.allowed, v) {
		return fmt.Errorf("must be one of %s", strings.Join(c.allowed, ", "))
	}
	*c.value = v
	return nil
}

// choose adds a flag with a fixed set of values.
func choose(c *cobra.Command, value *string, name, def, kind, usage string, allowed ...string) {
	*value = def
	c.Flags().Var(choice{value, kind, allowed}, name, usage+": "+strings.Join(allowed, ", "))
	_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
}

// dateFlag is a judging date.
type dateFlag struct{ at *time.Time }

func (d dateFlag) Type() string { return "DATE" }
func (d dateFlag) String() string {
	if d.at == nil || d.at.IsZero() {
		return ""
	}
	return d.at.Format(time.DateOnly)
}

// Set keeps the day alone: support periods are days, and the same day must give
// the same report.
func (d dateFlag) Set(v string) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, v); err == nil {
			if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
				break
			}
			*d.at = t.Truncate(24 * time.Hour)
			return nil
		}
	}
	return errors.New("must be a date such as 2026-11-21")
}

// judgeOptions are the flags of every command that judges.
type judgeOptions struct {
	wanted  []string
	at      time.Time // zero: today
	failOn  string
	xenArch string
}

// register adds the flags.
func (o *judgeOptions) register(c *cobra.Command) {
	c.Flags().StringSliceVar(&o.wanted, "for", nil, "what the host is wanted for, a `LIST` of: "+strings.Join(intentIDs(), ", "))
	o.registerTime(c)
	choose(c, &o.xenArch, "xen-arch", "", "ARCH", "on Arm, what Xen is built for", string(facts.Arm64), string(facts.Arm32))
}

// registerTime is register for commands that judge no host.
func (o *judgeOptions) registerTime(c *cobra.Command) {
	c.Flags().Var(dateFlag{&o.at}, "at", "judge as of this day, 2026-11-21, instead of today")
	choose(c, &o.failOn, "fail-on", string(report.FailNotSecurity), "LEVEL", "exit with 1 from this `LEVEL` on, each including those before it", thresholds()...)
}

// thresholds lists what --fail-on accepts, narrowest first.
func thresholds() []string {
	levels := make([]string, 0, 5)
	for _, l := range report.Thresholds() {
		levels = append(levels, string(l))
	}
	return levels
}

// check refuses intents that do not exist.
func (o *judgeOptions) check(c *cobra.Command) error {
	known := intentIDs()
	if c.Flags().Changed("for") && len(o.wanted) == 0 {
		o.wanted = []string{""}
	}
	for i, id := range o.wanted {
		id = strings.ToLower(strings.TrimSpace(id))
		if !slices.Contains(known, id) {
			return &usageError{c, fmt.Errorf("invalid argument %q for \"--for\" flag: must be of %s", o.wanted[i], strings.Join(known, ", "))}
		}
		o.wanted[i] = id
	}
	return nil
}

// intentIDs lists what --for accepts.
func intentIDs() []string {
	var ids []string
	for _, i := range rules.Intents() {
		ids = append(ids, i.ID)
	}
	return ids
}

// displayOptions are the flags of every command that prints for people.
type displayOptions struct {
	format  string
	verbose bool
	color   string
	width   int
	output  string
}

// register adds the flags.
func (o *displayOptions) register(c *cobra.Command) {
	o.registerFormat(c, report.Formats()...)
	o.registerText(c)
}

// registerFormat adds the flag for the format alone; the first of those allowed
// is the default.
func (o *displayOptions) registerFormat(c *cobra.Command, allowed ...string) {
	choose(c, &o.format, "format", allowed[0], "FORMAT", "how to write the report", allowed...)
}

// registerText is register for commands that write text only.
func (o *displayOptions) registerText(c *cobra.Command) {
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "show every row")
	o.registerLook(c)
}

// registerLook is register for commands that always show everything.
func (o *displayOptions) registerLook(c *cobra.Command) {
	choose(c, &o.color, "color", "auto", "WHEN", "colour the text", "auto", "always", "never")
	f := c.Flags()
	f.IntVar(&o.width, "width", 0, "`COLUMNS` of the text, at least 40 (default: the terminal's, else 80)")
	f.StringVarP(&o.output, "output", "o", "", "write to `FILE` instead of standard output")
}

// check refuses a width that was given and makes no sense; 0 means "not given".
func (o *displayOptions) check(c *cobra.Command) error {
	if c.Flags().Changed("width") && (o.width < report.MinWidth || o.width > maxWidth) {
		return &usageError{c, fmt.Errorf("invalid argument %q for \"--width\" flag: must be between %d and %d", c.Flags().Lookup("width").Value, report.MinWidth, maxWidth)}
	}
	return nil
}

// maxWidth keeps a mistyped width from making paragraphs of one line.
const maxWidth = 10_000

// document returns an empty document in the format asked for. With central its
// reports are of other machines than the one it is written on.
func (o *displayOptions) document(w io.Writer, s *streams, central bool) report.Document {
	return report.NewDocument(w, o.format, report.Look{Style: o.style(s), Central: central})
}

// style settles how text looks: flags first, then environment and terminal.
func (o *displayOptions) style(s *streams) report.Style {
	columns, terminal := s.columns()
	if o.output != "" && o.output != "-" {
		terminal = false
	}
	st := report.Style{Width: o.width, ASCII: !s.utf8(), Verbose: o.verbose}
	if st.Width == 0 {
		st.Width = defaultWidth
		if terminal {
			st.Width = columns
		}
	}
	switch o.color {
	case "always":
		st.Color = true
	case "auto":
		// https://no-color.org: set and not empty switches colour off.
		st.Color = terminal && s.env("NO_COLOR") == "" && s.env("TERM") != "dumb"
	}
	return st
}

// plainFlag takes out of the error of a flag how Go reads numbers.
func plainFlag(err error) error {
	var n *strconv.NumError
	if !errors.As(err, &n) {
		return err
	}
	what := "must be a whole number"
	switch {
	case n.Func == "ParseBool":
		what = "must be true or false"
	case errors.Is(n, strconv.ErrRange):
		what = "out of range"
	}
	flag, _, _ := strings.Cut(err.Error(), ": strconv.")
	return errors.New(flag + ": " + what)
}
