package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

const rootLong = `xencheck tells whether a host is supported and security supported by Xen.

It looks at the machine (CPU, memory, IOMMU, firmware, interrupt controller)
and judges it row by row by the support statement of a Xen release. On a host
that runs Xen it judges how that Xen was built and booted, and its domains, as
well. It only reads, needs no network, and says more when run as root.

Exit codes: 0 nothing at or above the --fail-on threshold, 1 findings, 2 wrong
usage, bad input or output that cannot be written, 3 inconclusive, 4 internal
error; 130 a fleet that was interrupted.`

const rootExample = `  xencheck                         judge this machine
  xencheck --xen 4.21 -v           by Xen 4.21, every row
  xencheck --for hvm,passthrough   for HVM guests and device passthrough
  xencheck domain web1.cfg         judge the configuration of a domain
  xencheck collect -o host.json    keep the facts
  xencheck evaluate host.json      and judge them anywhere`

// newRoot builds the command tree. Called alone, xencheck is xencheck check.
func newRoot(s *streams) *cobra.Command {
	root := newCheck(s)
	root.Use = "xencheck"
	root.Short = "Is this host supported by Xen?"
	root.Long = rootLong
	root.Example = rootExample
	root.Args = nil // lets cobra suggest commands
	withVersion(root)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetIn(s.in)
	root.SetUsageFunc(help)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return &usageError{c, plainFlag(err)} })
	root.PersistentFlags().String("config", configFile, "settings and waivers, a `FILE`, or none")
	root.PersistentFlags().Bool("no-sandbox", false, "do not confine the process to reading (Landlock)")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		err := s.settle(c)
		s.confined(c)
		return err
	}
	root.AddCommand(
		newCheck(s), newCollect(s), newEvaluate(s), newFleet(s), newDomain(s), newCompare(s), newExplain(s),
		newStatement(s), newRender(s), newSchema(s), newVersion(s),
		newGate(s), newNagios(s), newRecord(s), newConfig(s), newMan(s),
	)
	s.complete(root)
	root.InitDefaultCompletionCmd()
	return root
}

// run executes one command line and returns the exit code.
func run(args []string, s *streams) (code report.ExitCode) {
	plugin := false
	defer func() {
		switch r := recover(); {
		case r != nil && plugin:
			s.pluginUnknown(fmt.Sprintf("internal error: %v", r))
			code = report.ExitCode(report.ServiceUnknown)
		case r != nil:
			s.line(fmt.Sprintf("internal error: %v (set XENCHECK_DEBUG=1 to see where)", r))
			if s.env("XENCHECK_DEBUG") != "" {
				_, _ = s.err.Write(debug.Stack())
			}
			code = report.ExitInternal
		}
	}()
	// A closed pipe is an error of the write then, not the end of the process:
	// the exit code still tells the verdict.
	signal.Ignore(syscall.SIGPIPE)

	root := newRoot(s)
	root.SetArgs(args)
	if plugin = isPlugin(root, args); plugin {
		return s.plugin(root.ExecuteContext(context.Background()))
	}
	return s.exit(root.ExecuteContext(context.Background()), root)
}

// exit reports an error, if there is one to report, and returns its code.
func (s *streams) exit(err error, root *cobra.Command) report.ExitCode {
	var (
		v verdict
		f *failure
		u *usageError
	)
	switch {
	case err == nil, closedPipe(err):
		return report.ExitOK
	case errors.As(err, &v):
		return report.ExitCode(v)
	case errors.As(err, &f):
		s.line(f.Error())
		return f.code
	case errors.As(err, &u):
		s.usage(u.Error(), u.command)
	default:
		// Everything of our own is one of the above: this is cobra's, about a
		// command or an argument.
		s.usage(err.Error(), root)
	}
	return report.ExitUsage
}

// usage reports a wrong command line. Cobra's suggestions come on lines of
// their own and stay so.
func (s *streams) usage(problem string, c *cobra.Command) {
	first, rest, _ := strings.Cut(problem, "\n")
	s.line(first)
	for l := range strings.Lines(rest) {
		if l = strings.TrimSpace(l); l != "" {
			fmt.Fprintln(s.err, "  "+report.Clean(l))
		}
	}
	fmt.Fprintf(s.err, "Usage: %s\nSee '%s --help'.\n", c.UseLine(), c.CommandPath())
}

// help writes the usage part of a help text, no wider than a terminal.
func help(c *cobra.Command) error {
	w := c.OutOrStderr()
	if c.Runnable() {
		fmt.Fprintf(w, "Usage:\n  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nCommands:\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				fmt.Fprintf(w, "  %-*s  %s\n", c.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if c.HasAvailableLocalFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s", c.LocalFlags().FlagUsagesWrapped(defaultWidth))
	}
	if c.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", c.Example)
	}
	return nil
}

// usageArgs makes the errors of an argument check usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return &usageError{c, err}
		}
		return nil
	}
}
