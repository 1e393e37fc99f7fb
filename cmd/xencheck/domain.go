package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/rules"
)

// domainOptions are the flags of domain.
type domainOptions struct {
	xen     string
	arch    string
	host    bool
	root    string
	judge   judgeOptions
	display displayOptions
}

// archX86 is the value of --arch for x86-64.
const archX86 = "x86"

// newDomain returns the command that judges configurations of domains.
func newDomain(s *streams) *cobra.Command {
	o := &domainOptions{}
	c := &cobra.Command{
		Use:   "domain [flags] FILE…",
		Short: "Judge the configuration of domains",
		Long: `Domain judges domains by their configuration: files of xl.cfg, or what
xl list -l prints; "-" is standard input. What a file leaves out counts with the
default of the release.

Some of it depends on the host: whether it has an IOMMU, or an option of its
Xen. With --host that is this machine, with --root a captured one; otherwise
nothing is known of it but its architecture.

A place that cannot be read is named on standard error as FILE:LINE:COLUMN and
the exit code is 2, but what can be read is judged.`,
		Example: `  xencheck domain web1.cfg
  xencheck domain --xen 4.17 --arch arm64 /etc/xen/*.cfg
  xl list -l | xencheck domain --host -`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
	}
	f := c.Flags()
	f.StringVar(&o.xen, "xen", auto, "`RELEASE` to judge by: 4.22, 4.18@COMMIT, auto, or a file with a statement")
	choose(c, &o.arch, "arch", ownArch(), "ARCH", "architecture of the host", archX86, string(facts.Arm64), string(facts.Arm32))
	f.BoolVar(&o.host, "host", false, "judge for this machine, with its Xen")
	f.StringVar(&o.root, "root", "", "judge for a captured machine, the `DIR` of a tree or an archive of collect --raw")
	o.judge.registerTime(c)
	o.display.register(c)
	c.MarkFlagsMutuallyExclusive("arch", "host", "root")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.display.check(c); err != nil {
			return err
		}
		if c.Flags().Changed("root") && o.root == "" {
			return &usageError{c, errors.New(`invalid argument "" for "--root" flag: must name a file`)}
		}
		return runDomain(c.Context(), s, o, args)
	}
	return c
}

// ownArch is the --arch of the machine this program is built for; x86 where
// Xen does not run.
func ownArch() string {
	switch runtime.GOARCH {
	case "arm64":
		return string(facts.Arm64)
	case "arm":
		return string(facts.Arm32)
	}
	return archX86
}

// onHost reports whether a host was named whose domains they are.
func (o *domainOptions) onHost() bool { return o.host || o.root != "" }

// place is where that host is looked at.
func (o *domainOptions) place(s *streams) probe.Options {
	return probe.Options{Root: o.root, Tool: toolName(), Now: s.now}
}

// hostToJudge returns the facts that the domains are judged on.
func (o *domainOptions) hostToJudge(ctx context.Context, s *streams) (*facts.Host, error) {
	if o.onHost() {
		return probe.Collect(ctx, o.place(s))
	}
	arch := facts.Arch(o.arch)
	if o.arch == archX86 {
		arch = facts.X86_64
	}
	h := &facts.Host{Schema: facts.Schema, Tool: toolName(), Origin: facts.Origin{Kind: facts.Paper, What: []string{"--arch"}}, Sources: []facts.Source{}}
	h.Memory.Readings = []facts.MemoryReading{}
	h.Machine.Arch = facts.Is(arch, "--arch")
	return h, nil
}

// runDomain goes on after a file that cannot be read: every other domain has
// its verdict.
func runDomain(ctx context.Context, s *streams, o *domainOptions, files []string) error {
	if err := twice(append(files, o.xen)...); err != nil {
		return err
	}
	h, err := o.hostToJudge(ctx, s)
	if err != nil {
		return badInput(err)
	}
	j := newJudge(s, o.judge)
	st, choice, err := j.statement(h, o.xen)
	if err != nil {
		return err
	}
	if choice.How == report.Newest && h.Origin.Kind == facts.Paper {
		choice.Why = "no release was named, so by the newest"
	}
	domains, problems := s.domains(files)
	if o.onHost() {
		if err := probe.LookAtKernels(ctx, o.place(s), h, domains); err != nil {
			return badInput(err)
		}
	}
	for _, p := range problems {
		s.line(p)
	}
	verdicts := rules.EvaluateDomains(st, h, domains, j.options())
	d := report.NewDomains(toolName(), h, j.describe(st, h), choice, st.Header.Phase(j.at), j.at, verdicts, rules.WaiverUses(j.options(), st, nil, verdicts), problems, report.FailOn(o.judge.failOn))
	if err := s.deliver(o.display.output, func(w io.Writer) error {
		doc := o.display.document(w, s, false)
		if err := doc.Domains("", d); err != nil {
			return err
		}
		return doc.Close()
	}); err != nil {
		return err
	}
	if len(problems) > 0 {
		return result(report.ExitUsage)
	}
	return result(d.ExitCode)
}

// domains reads the domains of every file, and says what it could not read.
func (s *streams) domains(files []string) (all []facts.Domain, problems []string) {
	for _, file := range files {
		data, err := s.read(file, probe.MaxDomains)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		name := file
		if file == "-" {
			name = stdinName
		}
		ds, err := probe.ReadDomains(name, data)
		for _, d := range ds {
			problems = append(problems, outsideGrammar(d)...)
		}
		if err != nil {
			problems = append(problems, err.Error())
		}
		all = append(all, ds...)
	}
	return all, problems
}

// outsideGrammar names the places of an xl.cfg that xl would refuse. What is
// strange in libxl's own records is no error of whoever hands them in: newer
// releases know more words.
func outsideGrammar(d facts.Domain) []string {
	if d.Form != facts.XLConfig {
		return nil
	}
	var places []string
	for _, p := range d.Problems {
		if p.Tolerated {
			continue
		}
		where := d.Source + ":" + strconv.Itoa(p.Line)
		if p.Column > 0 {
			where += ":" + strconv.Itoa(p.Column)
		}
		places = append(places, fmt.Sprintf("%s: %s", where, p.Message))
	}
	return places
}
