package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
)

// collectOptions are the flags of collect.
type collectOptions struct {
	host        hostOptions
	output, raw string
}

// newCollect returns the half of check that needs the machine.
func newCollect(s *streams) *cobra.Command {
	o := &collectOptions{}
	c := &cobra.Command{
		Use:   "collect [flags]",
		Short: "Write the facts of a machine as JSON, to be judged elsewhere",
		Long: `Collect writes what can be known of a machine as JSON. It judges nothing.

No serial number, UUID, MAC address or product key is written. With --raw the
source files are kept as well, with those blanked, so that somebody else can
reproduce the facts (xencheck check --root ARCHIVE).`,
		Example: `  xencheck collect -o host.json
  xencheck collect --anonymous | xencheck evaluate -
  xencheck collect --raw host.tar.gz -o host.json`,
		Args: usageArgs(cobra.NoArgs),
	}
	o.host.register(c)
	c.Flags().StringVarP(&o.output, "output", "o", "", "write the facts to `FILE` instead of standard output")
	c.Flags().StringVar(&o.raw, "raw", "", "also keep the source files in an archive, `FILE`.tar.gz")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := o.host.check(c, s); err != nil {
			return err
		}
		return runCollect(c.Context(), s, o)
	}
	return c
}

// runCollect looks only once, also with --raw: facts and sources that were read
// at different moments might disagree.
func runCollect(ctx context.Context, s *streams, o *collectOptions) error {
	if err := twice(o.host.onStdin()...); err != nil {
		return err
	}
	var (
		h   *facts.Host
		err error
	)
	if o.raw == "" {
		if h, err = probe.Collect(ctx, o.host.Options); err != nil {
			return badInput(err)
		}
	} else if err := replaceFile(o.raw, func(w io.Writer) error {
		h, err = probe.WriteRaw(ctx, w, o.host.Options)
		return err
	}); err != nil {
		return badInput(err)
	}
	return s.deliver(o.output, func(w io.Writer) error { return report.Write(w, h) })
}
