package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
)

// pluginName is the command that ends with the codes of a monitoring plugin.
const pluginName = "nagios"

// nagiosOptions are the flags of nagios.
type nagiosOptions struct {
	xen     string
	warnOn  string
	alarm   report.Alarm
	timeout int // seconds
	judge   judgeOptions
	host    hostOptions
}

// newNagios returns the command that Nagios, Icinga and their kin run.
func newNagios(s *streams) *cobra.Command {
	o := &nagiosOptions{}
	c := &cobra.Command{
		Use:   pluginName + " [flags] [FILE]",
		Short: "Check this machine as a plugin of Nagios or Icinga",
		Long: `Nagios judges this machine, one the flags describe, or the facts in FILE, and
answers as a monitoring plugin does: one line with the state, the reason and
performance data, then what is behind it, line by line.

  OK        nothing at or above the --warn-on threshold
  WARNING   something at or above --warn-on, or less than --warning days until
            security support of the release ends
  CRITICAL  something at or above --fail-on, or less than --critical days
  UNKNOWN   something that decides is not known; the facts in FILE are older
            than --max-age; no answer in time; wrong usage, also --help and
            --version

Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, and no others.`,
		Example: `  xencheck nagios
  xencheck nagios --for hvm,passthrough --warning 180 --critical 30
  xencheck nagios --max-age 2 /var/lib/xencheck/host.json`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
	}
	f := c.Flags()
	f.StringVar(&o.xen, "xen", auto, "`RELEASE` to judge by: 4.22, 4.18@COMMIT, auto, or a file with a statement")
	choose(c, &o.warnOn, "warn-on", string(report.FailConditional), "LEVEL", "WARNING from this `LEVEL` on", thresholds()...)
	f.IntVarP(&o.alarm.WarnDays, "warning", "w", 90, "WARNING with less than `DAYS` of security support left; 0 for never")
	f.IntVarP(&o.alarm.CriticalDays, "critical", "c", 0, "CRITICAL with less than `DAYS` of security support left; 0 for never")
	f.IntVarP(&o.timeout, "timeout", "t", 10, "UNKNOWN without an answer after `SECONDS`")
	f.IntVar(&o.alarm.MaxAge, "max-age", 7, "UNKNOWN when the facts in FILE are older than `DAYS`, or dated in the future; 0 for any age")
	withVersion(c)
	o.judge.register(c)
	f.Lookup("fail-on").Usage = "CRITICAL from this `LEVEL` on, each including those before it: " + strings.Join(thresholds(), ", ")
	o.host.register(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(c, s, args); err != nil {
			return err
		}
		return runNagios(c.Context(), s, o, args)
	}
	return c
}

// check settles what the flag parser cannot.
func (o *nagiosOptions) check(c *cobra.Command, s *streams, args []string) error {
	if err := o.judge.check(c); err != nil {
		return err
	}
	if err := o.host.check(c, s); err != nil {
		return err
	}
	for _, n := range []struct {
		flag        string
		value, from int
		to          int
	}{
		{"warning", o.alarm.WarnDays, 0, 36500}, {"critical", o.alarm.CriticalDays, 0, 36500},
		{"max-age", o.alarm.MaxAge, 0, 36500}, {"timeout", o.timeout, 1, 86400},
	} {
		if n.value < n.from || n.value > n.to {
			return &usageError{c, fmt.Errorf("invalid argument \"%d\" for \"--%s\" flag: must be between %d and %d", n.value, n.flag, n.from, n.to)}
		}
	}
	switch {
	case o.alarm.CriticalDays > o.alarm.WarnDays && o.alarm.WarnDays > 0:
		return &usageError{c, errors.New("--critical must not be more days than --warning")}
	case len(args) > 0 && o.host.given(c):
		return &usageError{c, errors.New("either a FILE or flags that describe a host, not both")}
	}
	o.alarm.Warn = report.FailOn(o.warnOn)
	if len(args) == 0 {
		o.alarm.MaxAge = 0 // looked at just now, or described by flags
	}
	return nil
}

// runNagios gives up after a while: whoever waits for it would not say why.
func runNagios(ctx context.Context, s *streams, o *nagiosOptions, args []string) error {
	if err := twice(slices.Concat(args, []string{o.xen}, o.host.onStdin())...); err != nil {
		return err
	}
	limit := time.Duration(o.timeout) * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type answer struct {
		report *report.Report
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- answer{err: fmt.Errorf("internal error: %v", r)}
			}
		}()
		r, err := o.look(ctx, s, args)
		done <- answer{r, err}
	}()
	var got answer
	select {
	case got = <-done:
	case <-ctx.Done():
	}
	if ctx.Err() != nil { // what was read until then is not all there is
		return fmt.Errorf("no answer within %v", limit)
	}
	if got.err != nil {
		return got.err
	}
	state, text := got.report.Plugin(o.alarm)
	if err := s.deliver("", func(w io.Writer) error { return report.WritePlugin(w, text, !s.utf8()) }); err != nil {
		return err
	}
	return service(state)
}

// look reads the facts and judges them.
func (o *nagiosOptions) look(ctx context.Context, s *streams, args []string) (*report.Report, error) {
	h, err := o.facts(ctx, s, args)
	if err != nil {
		return nil, err
	}
	return newJudge(s, o.judge).report(h, o.xen)
}

// facts reads those of one host.
func (o *nagiosOptions) facts(ctx context.Context, s *streams, args []string) (*facts.Host, error) {
	if len(args) == 0 {
		return probe.Collect(ctx, o.host.Options)
	}
	return s.onlyHost(args[0])
}

// service ends a run with the code of a plugin.
type service report.Service

func (v service) Error() string { return report.Service(v).String() }

// isPlugin reports whether a command line is one of the plugin, also when it is
// wrong.
func isPlugin(root *cobra.Command, args []string) bool {
	c, _, err := root.Find(args)
	return err == nil && c.Name() == pluginName && c.Parent() == root
}

// plugin turns what a command ended with into the code of a plugin. Whatever is
// not a verdict is UNKNOWN, and said on standard output, where plugins speak.
func (s *streams) plugin(err error) report.ExitCode {
	var v service
	switch {
	case errors.As(err, &v):
		return report.ExitCode(v)
	case err == nil: // help or the version was asked for: nothing is known of the service
	default:
		s.pluginUnknown(err.Error())
	}
	return report.ExitCode(report.ServiceUnknown)
}

// pluginUnknown writes a state without a verdict.
func (s *streams) pluginUnknown(why string) {
	_ = report.WritePlugin(s.out, report.PluginLine(report.ServiceUnknown, why)+"\n", !s.utf8()) // nobody is left to tell
}
