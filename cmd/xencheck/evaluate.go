package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
)

// evaluateOptions are the flags of evaluate.
type evaluateOptions struct {
	xen     string
	judge   judgeOptions
	display displayOptions
}

// newEvaluate returns the half of check that needs no machine.
func newEvaluate(s *streams) *cobra.Command {
	o := &evaluateOptions{}
	c := &cobra.Command{
		Use:   "evaluate [flags] FILE…",
		Short: "Judge facts that were collected elsewhere",
		Long: `Evaluate judges facts written by collect, or the facts inside a report, on any
machine and by any release. A file may hold several, one JSON object after the
other; "-" is standard input. A file that cannot be used is named on standard
error and the exit code is 2, but the others are judged.

With --format json and more than one host or file, each report is one line.
Metrics for Prometheus name the host in each sample.`,
		Example: `  xencheck evaluate host.json
  xencheck evaluate --xen 4.21 --format json hosts/*.json
  ssh server xencheck collect | xencheck evaluate -`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
	}
	c.Flags().StringVar(&o.xen, "xen", auto, "`RELEASE` to judge by: 4.22, 4.18@COMMIT, auto, or a file with a statement")
	o.judge.register(c)
	o.display.register(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.judge.check(c); err != nil {
			return err
		}
		if err := o.display.check(c); err != nil {
			return err
		}
		return runEvaluate(s, o, args)
	}
	return c
}

// hostsOf reads the facts of every host in a file. A file that cannot be used
// is left out whole.
func (s *streams) hostsOf(file string) ([]*facts.Host, error) {
	objects, err := s.objects(file)
	if err != nil {
		return nil, err
	}
	var hosts []*facts.Host
	for i, o := range objects {
		h, err := report.DecodeHost(o)
		if err != nil {
			if len(objects) > 1 {
				err = fmt.Errorf("object %d: %w", i+1, err)
			}
			return nil, named(file, err)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// runEvaluate keeps one host in memory at a time, so that a fleet may be of any
// size, and goes on after an input that cannot be used.
func runEvaluate(s *streams, o *evaluateOptions, files []string) error {
	if err := twice(append(files, o.xen)...); err != nil {
		return err
	}
	j := newJudge(s, o.judge)
	if o.xen != auto {
		// A statement that cannot be used is one error, not one for each host.
		if _, err := j.open(o.xen); err != nil {
			return s.blame("xen", err)
		}
	}
	code := report.ExitOK
	fails := func(err error) {
		s.line(err.Error())
		code = code.Worse(codeOf(err))
	}
	err := s.deliver(o.display.output, func(w io.Writer) error {
		doc := o.display.document(w, s, true)
		for _, file := range files {
			var hosts []*facts.Host
			if err := survive(file, func() (err error) { hosts, err = s.hostsOf(file); return err }); err != nil {
				fails(err)
				continue
			}
			for _, h := range hosts {
				var r *report.Report
				if err := survive(file, func() (err error) { r, err = j.report(h, o.xen); return err }); err != nil {
					fails(named(file, err))
					continue
				}
				code = code.Worse(r.ExitCode)
				source := file
				if len(files) == 1 && len(hosts) == 1 {
					source = "" // it stands alone
				}
				var refused *report.Refusal
				if err := doc.Report(source, r); errors.As(err, &refused) {
					fails(named(file, err))
				} else if err != nil {
					return err
				}
			}
		}
		return doc.Close()
	})
	if err != nil {
		return err
	}
	return result(code)
}
