package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
)

// newMan returns the command that the manual pages of packages are made with.
func newMan(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "man [COMMAND…]",
		Short: "Write the manual page of a command",
		Long: `Man writes the manual page of xencheck, or of one of its commands, in the form
that man reads. It is made of the same words as --help.`,
		Example: `  xencheck man | man -l -
  xencheck man statement diff | man -l -`,
		Args: usageArgs(cobra.ArbitraryArgs),
		RunE: func(c *cobra.Command, args []string) error {
			of, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return &usageError{c, fmt.Errorf("unknown command %q", strings.Join(args, " "))}
			}
			return s.deliver("", func(w io.Writer) error {
				_, err := io.WriteString(w, manual(of))
				return err
			})
		},
	}
}

// page of a manual in the macros of man(7).
type manPage struct{ strings.Builder }

// manual writes the page of a command.
func manual(c *cobra.Command) string {
	p := &manPage{}
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	fmt.Fprintf(p, ".TH %s 1 \"\" \"%s\" \"User Commands\"\n", strings.ToUpper(roff(name)), toolName())
	p.section("NAME")
	p.line(roff(name) + ` \- ` + roff(c.Short))
	p.section("SYNOPSIS")
	p.line(`\fB` + roff(c.CommandPath()) + `\fR` + roff(strings.TrimPrefix(c.UseLine(), c.CommandPath())))
	p.section("DESCRIPTION")
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	codes := "Exit codes: "
	before, after, own := strings.Cut(text, codes)
	p.prose(before)
	if subs := commands(c); len(subs) > 0 {
		p.section("COMMANDS")
		for _, sub := range subs {
			p.term(`\fB`+roff(strings.ReplaceAll(sub.CommandPath(), " ", "-"))+`\fR(1)`, roff(sub.Short))
		}
	}
	p.options("OPTIONS", c.LocalFlags())
	p.options("OPTIONS OF EVERY COMMAND", c.InheritedFlags())
	p.section("EXIT STATUS")
	switch {
	case !c.HasParent():
		for _, e := range []struct {
			code report.ExitCode
			what string
		}{
			{report.ExitOK, "Nothing at or above the threshold of --fail-on."},
			{report.ExitFindings, "Findings; they beat what is inconclusive."},
			{report.ExitUsage, "Wrong usage, input that cannot be read, or output that cannot be written."},
			{report.ExitInconclusive, "Inconclusive: nothing was found, but something that decides is not known."},
			{report.ExitInternal, "A fault of xencheck itself."},
			{report.ExitInterrupted, "A fleet was interrupted by Ctrl-C, SIGTERM or SIGHUP; what is done so far is written."},
		} {
			p.term(fmt.Sprintf(`\fB%d\fR`, e.code), roff(e.what))
		}
	case own:
		p.prose(strings.ToUpper(after[:1]) + after[1:])
	default:
		p.prose("As in xencheck(1).")
	}
	if judges(c) || !c.HasParent() {
		p.section("ENVIRONMENT")
		for _, set := range settings() {
			if takes(c, set) != nil || !c.HasParent() {
				p.term(`\fB`+roff(set.env)+`\fR`, "Stands for \\fB"+roff("--"+set.flag)+"\\fR: "+roff(set.doc)+".")
			}
		}
		p.term(`\fBXENCHECK_CONFIG\fR`, roff("Stands for --config: the file with settings and waivers, or none."))
	}
	if !c.HasParent() {
		p.term(`\fBNO_COLOR\fR`, roff("When set and not empty, switches colours off."))
		p.term(`\fBXENCHECK_DEBUG\fR`, roff("When set, a fault of xencheck shows where it happened."))
		p.section("FILES")
		p.term(`\fI`+roff(configFile)+`\fR`, roff("Settings and waivers; xencheck-config(1) shows what holds."))
		p.term(`\fI`+roff(overrideDir)+`\fR`, roff("Statements that override the embedded ones."))
		p.term(`\fI`+roff(stateDir+"/"+reportFile)+`\fR, \fI`+roff(previousFile)+`\fR`, roff("The last two reports of xencheck-record(1)."))
		p.term(`\fI`+roff(stateDir+"/"+lockFile)+`\fR`, roff("Locked while a record is at work; only root can open it."))
		p.term(`\fI`+roff(textfileDir+"/"+metricsFile)+`\fR`, roff("Metrics of the last report."))
	}
	if c.HasExample() {
		p.section("EXAMPLES")
		p.literal(c.Example)
	}
	p.section("SEE ALSO")
	var see []string
	if c.HasParent() {
		see = append(see, `\fB`+roff(strings.ReplaceAll(c.Parent().CommandPath(), " ", "-"))+`\fR(1)`)
	}
	for _, other := range []string{"xl", "xl.cfg"} {
		see = append(see, `\fB`+other+map[string]string{"xl": `\fR(1)`, "xl.cfg": `\fR(5)`}[other])
	}
	p.line(strings.Join(see, ", "))
	return p.String()
}

// commands lists the commands below another that have a page.
func commands(c *cobra.Command) []*cobra.Command {
	var subs []*cobra.Command
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			subs = append(subs, sub)
		}
	}
	return subs
}

func (p *manPage) section(title string) { p.line(".SH " + title) }

func (p *manPage) line(s string) { p.WriteString(s + "\n") }

func (p *manPage) term(what, text string) {
	p.line(".TP")
	p.line(what)
	p.line(text)
}

// options writes the flags of a set that are not hidden.
func (p *manPage) options(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	p.section(title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := `\fB` + roff("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			name = `\fB` + roff("-"+f.Shorthand) + `\fR, ` + name
		}
		if value != "" {
			name += ` \fI` + roff(value) + `\fR`
		}
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "[]" && d != "-1" {
			usage += " (default " + d + ")"
		}
		p.term(name, roff(strings.ToUpper(usage[:1])+usage[1:])+".")
	})
}

// prose writes paragraphs; lines that are indented stay as they are.
func (p *manPage) prose(text string) {
	for i, para := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			p.line(".PP")
		}
		if strings.HasPrefix(para, "  ") {
			p.literal(para)
			continue
		}
		for l := range strings.Lines(para) {
			p.line(roff(strings.TrimSpace(l)))
		}
	}
}

// literal writes lines as they are.
func (p *manPage) literal(text string) {
	p.line(".nf")
	for l := range strings.Lines(text) {
		p.line(roff(strings.TrimRight(l, "\n")))
	}
	p.line(".fi")
}

// roff escapes text: a backslash, a hyphen that is one, and what would be a
// request at the beginning of a line.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
