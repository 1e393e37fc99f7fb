package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/probe"
)

// outputFlags name the files that commands write, stateFlags the directories
// that they keep files in.
var (
	outputFlags = []string{"output", "raw", "html", "parquet"}
	stateFlags  = []string{"state-dir", "textfile-dir"}
)

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
	for _, name := range stateFlags {
		if f := c.Flags().Lookup(name); f != nil && f.Value.String() != "" {
			outputs = append(outputs, filepath.Join(f.Value.String(), reportFile))
		}
	}
	s.early = probe.ReadEarly()
	if err := s.confine(outputs); err != nil && s.env("XENCHECK_DEBUG") != "" {
		s.warn("this process could not be confined: %v", err)
	}
}
