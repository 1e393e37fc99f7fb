package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// newSchema returns the command that documents the JSON.
func newSchema(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [report|facts|comparison|domains|fleet|gate|error]",
		Short: "Show the JSON Schema of what xencheck writes",
		Long: `Schema writes the JSON Schema (draft 2020-12) of a report, of the facts that
collect writes, or of what compare, domain, fleet or gate write: fleet is the
summary, error what stands for a record that could not be used. The default is report.`,
		Args:      usageArgs(cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: report.SchemaNames(),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "report"
			if len(args) > 0 {
				name = args[0]
			}
			return runSchema(s, name)
		},
	}
}

// runSchema writes the schema as it is embedded.
func runSchema(s *streams, name string) error {
	return s.deliver("", func(w io.Writer) error {
		_, err := w.Write(report.JSONSchema(name))
		return err
	})
}
