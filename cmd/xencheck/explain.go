package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/rules"
	"github.com/xencheck/xencheck/support"
)

// newExplain returns the command that tells about a row without any host.
func newExplain(s *streams) *cobra.Command {
	o := &displayOptions{}
	c := &cobra.Command{
		Use:   "explain ROW|RULE",
		Short: "Explain a row of the statement, or a rule",
		Long: `Explain follows a row of the support statement through the releases and tells
what it means, how it is observed and what to do about it. A row is named by its
key, as reports show it, by its heading, or by words of its title; a rule by its
name.`,
		Example: `  xencheck explain physical-memory--x86
  xencheck explain iommu
  xencheck explain host-memory`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
	}
	o.registerLook(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(c); err != nil {
			return err
		}
		return runExplain(s, o, strings.Join(args, " "))
	}
	return c
}

// runExplain opens every release: what a row meant before is part of the story.
func runExplain(s *streams, o *displayOptions, what string) error {
	all, err := s.everyRelease()
	if err != nil {
		return err
	}
	topics := find(all, what)
	if len(topics) == 0 {
		return badInput(fmt.Errorf("no row and no rule is called %q%s", what, suggestions(all, what)))
	}
	return s.deliver(o.output, func(w io.Writer) error {
		return report.WriteTopics(w, topics, o.style(s))
	})
}

// everyRelease opens the newest revision of every release, oldest first.
func (s *streams) everyRelease() ([]*support.Statement, error) {
	lib := s.library()
	var all []*support.Statement
	for _, e := range lib.List() {
		if !e.Newest {
			continue
		}
		st, err := lib.Open(e.Name)
		if err != nil {
			return nil, badInput(err)
		}
		all = append(all, st)
	}
	return all, nil
}

// find returns what is to be told: the row with that key, else the rows under
// that heading, else the rows of that rule, else those with that title.
func find(all []*support.Statement, what string) []report.Topic {
	lower := strings.ToLower(strings.TrimSpace(what))
	tests := []func(support.Row) bool{
		func(r support.Row) bool { return r.Key == lower },
		func(r support.Row) bool { return r.Heading == lower },
	}
	for _, rule := range rules.List() {
		if rule.ID == lower {
			topic := report.Topic{Rule: &rule}
			return append([]report.Topic{topic}, collect(all, func(r support.Row) bool { return slices.Contains(rules.Cover(r).Rules, rule.ID) })...)
		}
	}
	tests = append(tests, func(r support.Row) bool {
		return strings.EqualFold(r.Feature, what) || strings.EqualFold(r.Section, what) && r.Feature == ""
	})
	for _, test := range tests {
		if topics := collect(all, test); len(topics) > 0 {
			return topics
		}
	}
	return nil
}

// collect follows every row that passes through the releases. Rows stand in
// the order in which the newest release that has them lists them.
func collect(all []*support.Statement, test func(support.Row) bool) []report.Topic {
	var topics []report.Topic
	index := map[string]int{}
	for i, st := range slices.Backward(all) {
		for _, row := range st.Rows {
			if !test(row) {
				continue
			}
			n, ok := index[row.Key]
			if !ok {
				n = len(topics)
				index[row.Key] = n
				how, need := rules.Observed(row.Heading)
				topics = append(topics, report.Topic{
					Key: row.Key, Row: row, Observed: how, Needs: need, Rule: ruleOf(row), Change: rules.Cover(row).Change,
					Through: make([]report.InRelease, len(all)),
				})
				for k, st := range all {
					topics[n].Through[k].Release = st.Header.Release()
				}
			}
			topics[n].Through[i].Row = &row
		}
	}
	return topics
}

// ruleOf returns the rule that judges a row; nil when none does.
func ruleOf(row support.Row) *rules.Rule {
	ids := rules.Cover(row).Rules
	for _, r := range rules.List() {
		if slices.Contains(ids, r.ID) {
			return &r
		}
	}
	return nil
}

// suggestions names up to five rows that what might have meant.
func suggestions(all []*support.Statement, what string) string {
	words := strings.FieldsFunc(strings.ToLower(what), func(r rune) bool { return r == ' ' || r == '-' || r == '/' || r == ',' })
	hits := map[string]int{}
	for _, st := range all {
		for _, row := range st.Rows {
			n := 0
			for _, w := range words {
				if len(w) > 2 && strings.Contains(row.Key, w) {
					n += len(w)
				}
			}
			if n > 0 {
				hits[row.Key] = n
			}
		}
	}
	keys := make([]string, 0, len(hits))
	for k := range hits {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(hits[b], hits[a]), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	if len(keys) == 0 {
		return "; xencheck statement show 4.22 lists the rows"
	}
	return "; did you mean " + strings.Join(keys[:min(len(keys), 5)], ", ") + "?"
}
