package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/apthook"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/config"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/pkgversion"
	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
)

// hypervisors returns the patterns of packages that hold a hypervisor: of
// Debian and Ubuntu, of Fedora and its kin, of SUSE and Alpine.
func hypervisors() []string {
	return []string{"xen-hypervisor", "xen-hypervisor-*", "xen-system-*", "xen"}
}

// gateSettings is what an administrator sets of gates.
type gateSettings struct {
	mode  string
	match []string // besides hypervisors
}

// registerSettings adds the flags that can be set elsewhere.
func (o *gateSettings) registerSettings(c *cobra.Command) {
	choose(c, &o.mode, "mode", "advise", "MODE", "what to do when something speaks against it", config.Modes()...)
	c.Flags().StringSliceVar(&o.match, "match", nil, "`PATTERNS` of more packages that hold a hypervisor, such as vendor-xen-*")
}

// gateOptions are the flags of gate.
type gateOptions struct {
	gateSettings
	name, version, installed string
	elsewhere                string
	fd                       int
	judge                    judgeOptions
	host                     hostOptions
	display                  displayOptions
}

// newGate returns the command that package managers ask.
func newGate(s *streams) *cobra.Command {
	o := &gateOptions{}
	c := &cobra.Command{
		Use:   "gate --package NAME --version VERSION [flags]",
		Short: "Tell a package manager whether a hypervisor may go on this host",
		Long: `Gate judges this host by the release that a package of Xen holds, before the
package is installed. The release is taken from the package's version:
4.17.7+13-g2445b30a44-0+deb12u1 is Xen 4.17.7 plus 13 commits. Other packages
than hypervisors are passed over without a word.

What follows is for the administrator to set, by --mode or gate.mode of the
configuration: advise (the default) says so and goes on, ask and refuse end with
a code of their own. Whatever is set, these are only advised: an update within
the installed release, which may be a security fix; a host of which something
that decides is unknown; a version or release that no statement is known for.

In a chroot, in a container, or where packages are put into another directory
there is no host to judge, and gate says so. --root, or XENCHECK_ROOT, names a
captured host that is meant.

Exit codes: 0 nothing speaks against it, or it is no hypervisor; 10 something
does, but go on; 11 inconclusive, go on; 12 not judged, go on; 20 ask the
administrator; 30 stop. 2 and 4 are errors, as with every command: go on.`,
		Example: `  xencheck gate --package xen-hypervisor-4.20-amd64 --version 4.20.4-1
  xencheck gate --package xen --version 4.18.0_02-1 --installed 4.18.0_01-1`,
		Args: usageArgs(cobra.NoArgs),
	}
	f := c.Flags()
	f.StringVar(&o.name, "package", "", "`NAME` of the package")
	f.StringVar(&o.version, "version", "", "`VERSION` of the package")
	f.StringVar(&o.installed, "installed", "", "`VERSION` of the package that is installed now, if one is")
	f.StringVar(&o.elsewhere, "elsewhere", "", "packages are put into `DIR`, where another system is made, and not into this one")
	f.IntVar(&o.fd, "apt-hook", -1, "read from file descriptor `FD` what apt is about to do")
	o.registerSettings(c)
	o.judge.register(c)
	f.StringVar(&o.host.Root, "root", "", "judge a captured host, the `DIR` of a tree or an archive of collect --raw")
	o.display.registerLook(c)
	c.MarkFlagsMutuallyExclusive("package", "apt-hook")
	c.RunE = func(c *cobra.Command, _ []string) error {
		apt := c.Flags().Changed("apt-hook")
		if !apt && (o.name == "" || !c.Flags().Changed("version")) {
			return &usageError{c, errors.New("--package and --version say what is about to be installed")}
		}
		if err := o.judge.check(c); err != nil {
			return err
		}
		if err := o.display.check(c); err != nil {
			return err
		}
		for _, p := range o.match {
			if err := config.Pattern(p); err != nil {
				return &usageError{c, fmt.Errorf("invalid argument %q for \"--match\" flag: %w", p, err)}
			}
		}
		o.host.Tool, o.host.Now = toolName(), s.now
		if apt {
			return runAptHook(c.Context(), s, o)
		}
		return result(s.gate(c.Context(), o, []request{{o.name, o.version, o.installed}}, o.elsewhere))
	}
	return c
}

// request is a package that is about to be installed.
type request struct {
	name, version string
	installed     string // version of the same package; empty for none
}

// runAptHook reads what apt is about to do. A line that cannot be read is
// named, and costs no other.
func runAptHook(ctx context.Context, s *streams, o *gateOptions) error {
	const name = "apt's hook"
	if o.fd < 0 || o.fd > 1<<20 {
		return badInput(fmt.Errorf("%s: %d is no file descriptor", name, o.fd))
	}
	in := os.NewFile(uintptr(o.fd), name)
	if in == nil {
		return badInput(fmt.Errorf("%s: file descriptor %d cannot be read", name, o.fd))
	}
	defer in.Close()
	t, err := apthook.Parse(in)
	if t == nil {
		return badInput(fmt.Errorf("%s: %w", name, cause(err)))
	}
	code := report.ExitOK
	if err != nil {
		t.Problems = append(t.Problems, cause(err).Error())
	}
	for _, p := range t.Problems {
		s.line(name + ": " + p)
		code = report.ExitUsage
	}
	var asked []request
	for _, p := range t.Packages {
		asked = append(asked, request{p.Name, p.New, p.Old})
	}
	if c := s.gate(ctx, o, asked, t.Elsewhere()); c != report.ExitOK {
		code = c
	}
	return result(code)
}

// isHypervisor reports whether a package of a name holds a hypervisor.
func (o *gateSettings) isHypervisor(name string) bool {
	return slices.ContainsFunc(slices.Concat(hypervisors(), o.match), func(p string) bool {
		ok, _ := path.Match(p, name) // patterns are checked before
		return ok
	})
}

// gate judges the hypervisors among the packages and returns the worst code.
// What it cannot do it says, and goes on.
func (s *streams) gate(ctx context.Context, o *gateOptions, asked []request, elsewhere string) report.ExitCode {
	asked = slices.DeleteFunc(asked, func(r request) bool { return !o.isHypervisor(r.name) })
	if len(asked) == 0 {
		return report.ExitOK
	}
	code, err := s.judgePackages(ctx, o, asked, elsewhere)
	if err != nil {
		s.line(err.Error())
		var f *failure
		if code = report.ExitInternal; errors.As(err, &f) {
			code = f.code
		}
	}
	return code
}

func (s *streams) judgePackages(ctx context.Context, o *gateOptions, asked []request, elsewhere string) (report.ExitCode, error) {
	here := o.host.Root == ""
	if here {
		if elsewhere != "" {
			return s.notJudged(asked, "packages are put into "+elsewhere)
		}
		if why := probe.InChroot(); why != "" {
			return s.notJudged(asked, "this is a chroot ("+why+")")
		}
	}
	h, err := probe.Collect(ctx, o.host.Options)
	if err != nil {
		return 0, badInput(err)
	}
	if in, ok := h.Machine.Container.Get(); ok && here {
		return s.notJudged(asked, "this is a container ("+in+")")
	}
	j := newJudge(s, o.judge)
	code := report.ExitOK
	seen := map[string]bool{}
	for i, r := range asked {
		// Debian has several packages of one version; one answer is enough.
		id := strings.Join([]string{r.version, r.installed}, " ")
		if seen[id] {
			continue
		}
		seen[id] = true
		g, err := j.gate(h, r, o.mode)
		if err != nil {
			return 0, err
		}
		if err := s.deliver(o.display.output, func(w io.Writer) error {
			if i > 0 {
				if _, err := fmt.Fprintln(w); err != nil {
					return err
				}
			}
			return g.WriteText(w, o.display.style(s))
		}); err != nil {
			return 0, err
		}
		code = max(code, g.Code)
	}
	return code, nil
}

// notJudged says that there is no host here.
func (s *streams) notJudged(asked []request, why string) (report.ExitCode, error) {
	s.line(fmt.Sprintf("%s %s: the host is not judged, since %s; XENCHECK_ROOT may name a captured host that it is meant for", asked[0].name, asked[0].version, why))
	return report.GateNotJudged, nil
}

// gate judges a host by the release of one package and settles what follows.
func (j *judge) gate(h *facts.Host, r request, mode string) (*report.Gate, error) {
	g := &report.Gate{Package: r.name, Version: r.version}
	known := true // by which statement
	v, err := pkgversion.Parse(r.version)
	release := v.Release()
	if err != nil {
		known = false
		g.Remarks = append(g.Remarks, err.Error()+"; judged by the newest release")
	} else {
		g.Xen = v.String()
		if v.Pre != "" {
			g.Remarks = append(g.Remarks, fmt.Sprintf("Xen %s is no release itself; it is judged by the statement of the release", v))
		}
		if _, err := j.open(release); err != nil {
			known = false
			g.Remarks = append(g.Remarks, fmt.Sprintf("no statement of Xen %s is known here; judged by the newest release", release))
		}
	}
	if !known {
		st, err := j.latest()
		if err != nil {
			return nil, err
		}
		release = st.Header.Release()
		if _, ok := j.opened[release]; !ok {
			j.opened[release] = st
		}
	}
	if g.Report, err = j.report(h, release); err != nil {
		return nil, err
	}
	g.Remarks = append(g.Remarks, g.Report.Statement.Warnings...)
	update := false
	if old, err := pkgversion.Parse(r.installed); err == nil && g.Xen != "" {
		update = old.Release() == v.Release()
	}
	g.Code, g.Result = decide(g.Report.ExitCode, mode, known, update)
	return g, nil
}

// decide settles what follows from a verdict. Whatever makes it doubtful makes
// it mere advice: a gate that is wrong must not hold back a security fix.
func decide(verdict report.ExitCode, mode string, known, update bool) (report.ExitCode, string) {
	switch {
	case verdict == report.ExitOK && !known:
		return report.GateAdvised, "By that release nothing speaks against installing it; what its own release says of this host is not known. Installing it goes on."
	case verdict == report.ExitOK:
		return report.ExitOK, "Nothing speaks against installing it."
	case verdict == report.ExitInconclusive:
		return report.GateInconclusive, "Warning: whether this host is supported cannot be told from here. Installing it goes on."
	case !known:
		return report.GateAdvised, "Warning: by another release this host is not fit. Installing it goes on, since its own release is not known."
	case update:
		return report.GateAdvised, "Warning: this host is not fit for it. Installing it goes on, since it updates the release that is installed already, and may bring security fixes."
	case mode == "refuse":
		return report.GateRefused, "REFUSED: this host is not fit for it. To install it nevertheless, waive the findings or set gate.mode in " + configFile + ", or set XENCHECK_GATE_MODE=advise for once."
	case mode == "ask":
		return report.GateAsk, "This host is not fit for it: the administrator decides."
	}
	return report.GateAdvised, "Warning: this host is not fit for it. Installing it goes on, since xencheck is set to advise."
}
