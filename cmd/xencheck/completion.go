package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/rules"
)

// complete tells shells what may be written where: releases, intents, rows and
// rules, in whatever command takes them. Files complete where nothing else fits.
func (s *streams) complete(c *cobra.Command) {
	for name, words := range map[string]func() []string{"xen": s.releases, "for": intentIDs} {
		if f := c.Flags().Lookup(name); f != nil {
			// Fails only for a flag that is not there.
			_ = c.RegisterFlagCompletionFunc(name, func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
				if f.Value.Type() != "stringSlice" {
					return words(), cobra.ShellCompDirectiveDefault
				}
				return continued(words(), begun), cobra.ShellCompDirectiveNoSpace
			})
		}
	}
	switch c.CommandPath() {
	case "xencheck explain":
		c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return append(s.rows(""), ruleIDs()...), cobra.ShellCompDirectiveNoFileComp
		}
	case "xencheck statement show":
		c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			switch len(args) {
			case 0:
				return s.releases(), cobra.ShellCompDirectiveDefault
			case 1:
				return s.rows(args[0]), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
	case "xencheck statement diff", "xencheck statement lint", "xencheck statement distil":
		c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return s.releases(), cobra.ShellCompDirectiveDefault
		}
	}
	for _, sub := range c.Commands() {
		s.complete(sub)
	}
}

// continued puts what is already there of a list, such as "4.17,", before each
// word that may follow.
func continued(words []string, begun string) []string {
	before := begun[:strings.LastIndexByte(begun, ',')+1]
	there := strings.Split(before, ",")
	var list []string
	for _, w := range words {
		if !slices.Contains(there, w) {
			list = append(list, before+w)
		}
	}
	return list
}

// releases lists the releases that have a statement here, oldest first.
func (s *streams) releases() []string {
	var names []string
	for _, e := range s.library().List() {
		if e.Newest {
			names = append(names, e.Name)
		}
	}
	return names
}

// rows lists the rows of a release, or of all of them, with their titles.
func (s *streams) rows(release string) []string {
	all, err := s.everyRelease()
	if err != nil {
		return nil
	}
	var keys []string
	for _, st := range slices.Backward(all) {
		if release != "" && st.Header.Release() != release {
			continue
		}
		for _, r := range st.Rows {
			keys = append(keys, r.Key+"\t"+strings.Trim(r.Feature+", "+r.Qualifier, ", "))
		}
	}
	slices.Sort(keys)
	return slices.CompactFunc(keys, func(a, b string) bool {
		a, _, _ = strings.Cut(a, "\t")
		b, _, _ = strings.Cut(b, "\t")
		return a == b
	})
}

// ruleIDs lists the rules, with their titles.
func ruleIDs() []string {
	var ids []string
	for _, r := range rules.List() {
		ids = append(ids, r.ID+"\t"+r.Title)
	}
	return ids
}
