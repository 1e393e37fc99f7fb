package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
)

// compareOptions are the flags of compare.
type compareOptions struct {
	xen     []string
	host    hostOptions
	judge   judgeOptions
	display displayOptions
}

// newCompare returns the command that judges one host more than once.
func newCompare(s *streams) *cobra.Command {
	o := &compareOptions{}
	c := &cobra.Command{
		Use:   "compare --xen A,B [flags] [FILE]",
		Short: "Show what changes for a host between releases",
		Long: `Compare judges a host by two or more releases and shows what differs: this
machine, one the flags describe, or the facts in FILE. The exit code is that of
the worst release.`,
		Example: `  xencheck compare --xen 4.17,4.22
  xencheck compare --xen 4.18,4.20,4.22 host.json`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
	}
	c.Flags().StringSliceVar(&o.xen, "xen", nil, "the `RELEASES` to compare, two or more")
	o.judge.register(c)
	o.host.register(c)
	o.display.registerFormat(c, report.FormatText, report.FormatJSON, report.FormatMarkdown, report.FormatPrometheus)
	o.display.registerText(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(o.xen) < 2 {
			return &usageError{c, errors.New("--xen must name two releases or more, such as --xen 4.17,4.22")}
		}
		if err := o.judge.check(c); err != nil {
			return err
		}
		if err := o.host.check(c, s); err != nil {
			return err
		}
		if err := o.display.check(c); err != nil {
			return err
		}
		if len(args) > 0 && o.host.given(c) {
			return &usageError{c, errors.New("either a FILE or flags that describe a host, not both")}
		}
		return runCompare(c.Context(), s, o, args)
	}
	return c
}

// runCompare stops at the first statement that cannot be used: half a comparison
// would read like "nothing changes".
func runCompare(ctx context.Context, s *streams, o *compareOptions, args []string) error {
	if err := twice(slices.Concat(args, o.xen, o.host.onStdin())...); err != nil {
		return err
	}
	h, err := o.hostToCompare(ctx, s, args)
	if err != nil {
		return badInput(err)
	}
	j := newJudge(s, o.judge)
	var reports []*report.Report
	for _, release := range o.xen {
		r, err := j.report(h, release)
		if err != nil {
			return err
		}
		reports = append(reports, r)
	}
	cmp := report.Compare(reports)
	if err := s.deliver(o.display.output, func(w io.Writer) error {
		doc := o.display.document(w, s, len(args) > 0)
		if err := doc.Comparison("", cmp); err != nil {
			return err
		}
		return doc.Close()
	}); err != nil {
		return err
	}
	return result(cmp.ExitCode)
}

// hostToCompare reads the facts in a file, or looks as check does.
func (o *compareOptions) hostToCompare(ctx context.Context, s *streams, args []string) (*facts.Host, error) {
	if len(args) == 0 {
		return probe.Collect(ctx, o.host.Options)
	}
	return s.onlyHost(args[0])
}

// onlyHost reads the facts in a file that must hold one host.
func (s *streams) onlyHost(file string) (*facts.Host, error) {
	hosts, err := s.hostsOf(file)
	switch {
	case err != nil:
		return nil, err
	case len(hosts) != 1:
		return nil, fmt.Errorf("%s: holds %d hosts, expected one", file, len(hosts))
	}
	return hosts[0], nil
}
