package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe/facts"
)

type evaluateOptions struct {
	xen     string
	judge   judgeOptions
	display displayOptions
}

func newEvaluate(s *streams) *cobra.Command {
	o := &evaluateOptions{}
	c := &cobra.Command{
		Use:   "evaluate [flags] FILE…",
		Short: "Judge facts that were collected elsewhere",
		Long: `Evaluate judges facts written by collect, or the facts inside a report, on any
machine and by any release. A file may hold several, one JSON object after the
other; "-" is standard input. A file that cannot be used is named on standard
error and the exit code is 2, but the others are judged.

With --format json and more than one host, each report is one line.`,
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

// given is a host with the file it came from.
type given struct {
	file string
	host *facts.Host
}

// hosts reads the facts of all files. A file that cannot be used is reported
// and left out whole; bad tells that there was one.
func (s *streams) hosts(files []string) (hosts []given, bad bool) {
	for _, file := range files {
		read, err := s.hostsOf(file)
		if err != nil {
			s.line(err.Error())
			bad = true
			continue
		}
		hosts = append(hosts, read...)
	}
	return hosts, bad
}

func (s *streams) hostsOf(file string) ([]given, error) {
	objects, err := s.objects(file)
	if err != nil {
		return nil, err
	}
	var hosts []given
	for i, o := range objects {
		h, err := report.DecodeHost(o)
		if err != nil {
			if len(objects) > 1 {
				err = fmt.Errorf("object %d: %w", i+1, err)
			}
			return nil, named(file, err)
		}
		hosts = append(hosts, given{file, h})
	}
	return hosts, nil
}

func runEvaluate(s *streams, o *evaluateOptions, files []string) error {
	if err := twice(append(files, o.xen)...); err != nil {
		return err
	}
	j := newJudge(s, o.judge)
	if o.xen != auto {
		// A statement that cannot be used is one error, not one for each host.
		if _, err := j.open(o.xen); err != nil {
			return err
		}
	}
	hosts, bad := s.hosts(files)
	code := report.ExitOK
	if bad {
		code = report.ExitUsage
	}
	err := s.deliver(o.display.output, func(w io.Writer) error {
		for i, g := range hosts {
			r, err := j.report(g.host, o.xen)
			if err != nil {
				s.line(named(g.file, err).Error())
				code = code.Worse(report.ExitUsage)
				continue
			}
			code = code.Worse(r.ExitCode)
			if err := o.write(w, s, r, g.file, i, len(hosts)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return result(code)
}

// write writes the report of one of n hosts.
func (o *evaluateOptions) write(w io.Writer, s *streams, r *report.Report, file string, i, n int) error {
	switch {
	case o.display.format == "json" && n == 1:
		return report.Write(w, r)
	case o.display.format == "json":
		return report.WriteLine(w, r)
	}
	if n > 1 {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(w, "== %s\n", report.Clean(file)); err != nil {
			return err
		}
	}
	return r.WriteText(w, o.display.style(s))
}
