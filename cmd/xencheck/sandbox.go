package main

import (
	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/probe"
)

// outputFlags name the files that commands write.
var outputFlags = []string{"output", "raw", "html", "parquet"}

// confined takes rights away from the process before it reads what others wrote,
// unless that is not wanted.
func (s *streams) confined(c *cobra.Command) {
	if off, err := c.Flags().GetBool("no-sandbox"); err == nil && off || s.confine == nil {
		return
	}
	var outputs []string
	for _, name := range outputFlags {
		if f := c.Flags().Lookup(name); f != nil && f.Value.String() != "" && f.Value.String() != "-" {
			outputs = append(outputs, f.Value.String())
		}
	}
	s.early = probe.ReadEarly()
	if err := s.confine(outputs); err != nil && s.env("XENCHECK_DEBUG") != "" {
		s.warn("this process could not be confined: %v", err)
	}
}
