package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// newRender returns the command that needs neither a machine nor a statement.
func newRender(s *streams) *cobra.Command {
	o := &displayOptions{}
	c := &cobra.Command{
		Use:   "render [flags] FILE",
		Short: "Show a report again that was kept as JSON",
		Long: `Render writes a report that was kept with --format json as text, the same text
that was or would have been shown then, and ends with the same exit code.`,
		Example: `  xencheck --format json -o report.json
  xencheck render report.json -v`,
		Args: usageArgs(cobra.ExactArgs(1)),
	}
	o.registerText(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(c); err != nil {
			return err
		}
		return runRender(s, o, args[0])
	}
	return c
}

// rendering is a report, a comparison or a report on domains.
type rendering interface {
	WriteText(io.Writer, report.Style) error
}

// runRender reads everything before it writes anything: a damaged file must not
// leave half an answer on the screen.
func runRender(s *streams, o *displayOptions, file string) error {
	objects, err := s.objects(file)
	if err != nil {
		return badInput(err)
	}
	var all []rendering
	code := report.ExitOK
	for i, data := range objects {
		r, c, err := decode(data)
		if err != nil {
			if len(objects) > 1 {
				err = fmt.Errorf("object %d: %w", i+1, err)
			}
			return badInput(named(file, err))
		}
		all = append(all, r)
		code = code.Worse(c)
	}
	if err := s.deliver(o.output, func(w io.Writer) error {
		for i, r := range all {
			if i > 0 {
				if _, err := fmt.Fprintln(w); err != nil {
					return err
				}
			}
			if err := r.WriteText(w, o.style(s)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return result(code)
}

// decode reads anything that can be rendered, with the exit code that goes with
// it.
func decode(data []byte) (rendering, report.ExitCode, error) {
	switch report.Kind(data) {
	case report.KindComparison:
		c, err := report.DecodeComparison(data)
		if err != nil {
			return nil, 0, err
		}
		return c, c.ExitCode, nil
	case report.KindDomains:
		d, err := report.DecodeDomains(data)
		if err != nil {
			return nil, 0, err
		}
		return d, d.ExitCode, nil
	}
	r, err := report.Decode(data)
	if err != nil {
		return nil, 0, err
	}
	return r, r.ExitCode, nil
}
