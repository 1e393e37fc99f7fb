package main

import (
	"cmp"
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
	"github.com/xencheck/xencheck/support"
)

// hypervisors returns the patterns of packages that hold a hypervisor: of
// Debian and Ubuntu, of Fedora and its kin, of SUSE and Alpine.
func hypervisors() []string {
	return []string{"xen-hypervisor", "xen-hypervisor-*", "xen-system-*", "xen"}
}

// companions returns the patterns of packages that are called like those and
// hold none: what all hypervisors share, and what developers want of one.
func companions() []string {
	return []string{"xen-hypervisor-common", "xen-hypervisor-doc", "xen-hypervisor-dev*", "xen-hypervisor*-dbg*", "xen-hypervisor*-debug*"}
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

// check settles what the flag parser cannot.
func (o *gateSettings) check(c *cobra.Command, s *streams) error {
	for _, p := range o.match {
		err := config.Pattern(p)
		if err == nil {
			continue
		}
		if from := s.origin["match"]; from != "--match" {
			return badInput(fmt.Errorf("%s: %q: %w", from, p, err))
		}
		return &usageError{c, fmt.Errorf("invalid argument %q for \"--match\" flag: %w", p, err)}
	}
	return nil
}

// gateOptions are the flags of gate.
type gateOptions struct {
	gateSettings
	name, version, installed, arch string
	elsewhere                      string
	fd                             int
	judge                          judgeOptions
	host                           hostOptions
	display                        displayOptions
}

// newGate returns the command that package managers ask.
func newGate(s *streams) *cobra.Command {
	o := &gateOptions{}
	c := &cobra.Command{
		Use:   "gate --package NAME --version VERSION [flags]",
		Short: "Tell a package manager whether a hypervisor may go on this host",
		Long: `Gate judges this host by the release that a package of Xen holds, before the
package is installed. The release is taken from the package's version:
4.17.7+13-g2445b30a44-0+deb12u1 is Xen 4.17.7 plus 13 commits. A version that
names no release, or one that no statement is known of, is judged by the newest
release, and that is said. Other packages than hypervisors are passed over
without a word.

What follows is for the administrator to set, by --mode or gate.mode of the
configuration: advise (the default) says so and goes on, ask and refuse end with
a code of their own. Whatever is set, these are only advised: an update within
the installed release, which may be a security fix; a host of which something
that decides is unknown; a version or release that no statement is known for.

In a chroot, in a container, where packages are put into another directory, or
where the package is for another architecture, there is no host to judge, and
gate says so. --root, or XENCHECK_ROOT, names a captured host that is meant.

Exit codes: 0 nothing speaks against it, or it is no hypervisor; 10 something
does, but go on; 11 inconclusive, go on; 12 not judged, go on; 20 ask the
administrator; 30 stop. 2 and 4 are errors, as with every command: go on.`,
		Example: `  xencheck gate --package xen-hypervisor-4.20-amd64 --version 4.20.4-1
  xencheck gate --package xen --version 4.18.0_02-1 --installed 4.18.0_01-1
  xencheck gate --package xen-hypervisor --version 4.20.4-1 --format json`,
		Args: usageArgs(cobra.NoArgs),
	}
	f := c.Flags()
	f.StringVar(&o.name, "package", "", "`NAME` of the package")
	f.StringVar(&o.version, "version", "", "`VERSION` of the package")
	f.StringVar(&o.installed, "installed", "", "`VERSION` of the package that is installed now, if one is")
	f.StringVar(&o.arch, "package-arch", "", "`ARCH` of the package, as its package manager calls it: amd64, aarch64")
	f.StringVar(&o.elsewhere, "elsewhere", "", "packages are put into `DIR`, where another system is made, and not into this one")
	f.IntVar(&o.fd, "apt-hook", -1, "read from file descriptor `FD` what apt is about to do")
	o.registerSettings(c)
	o.judge.register(c)
	f.StringVar(&o.host.Root, "root", "", "judge a captured host, the `DIR` of a tree or an archive of collect --raw")
	o.display.registerFormat(c, "text", formatJSON)
	o.display.registerLook(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		apt := c.Flags().Changed("apt-hook")
		if apt && (c.Flags().Changed("package") || c.Flags().Changed("version")) {
			return &usageError{c, errors.New("--apt-hook reads what is about to be installed; --package and --version cannot be given as well")}
		}
		if !apt && (o.name == "" || !c.Flags().Changed("version")) {
			return &usageError{c, errors.New("--package and --version say what is about to be installed")}
		}
		if err := o.judge.check(c); err != nil {
			return err
		}
		if err := o.display.check(c); err != nil {
			return err
		}
		if err := o.gateSettings.check(c, s); err != nil {
			return err
		}
		o.host.Tool, o.host.Now = toolName(), s.now
		if apt {
			return runAptHook(c.Context(), s, o)
		}
		return result(s.gate(c.Context(), o, []request{{name: o.name, version: o.version, installed: o.installed, arch: o.arch}}, o.elsewhere))
	}
	return c
}

// formatJSON writes the answer as one object, on one line.
const formatJSON = "json"

// request is a package that is about to be installed.
type request struct {
	name, version string
	also          []string // other packages of the same version
	installed     string   // version of the same package; empty for none
	arch          string   // as the package manager calls it; empty when it does not say
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
		asked = append(asked, request{name: p.Name, version: p.New, installed: p.Old, arch: p.Arch})
	}
	if c := s.gate(ctx, o, asked, t.Elsewhere()); c != report.ExitOK {
		code = c
	}
	return result(code)
}

// isHypervisor reports whether a package of a name holds a hypervisor.
func (o *gateSettings) isHypervisor(name string) bool {
	name, _, _ = strings.Cut(name, ":") // Debian names foreign ones NAME:ARCH
	matches := func(p string) bool {
		ok, _ := path.Match(p, name) // patterns are checked before
		return ok
	}
	return slices.ContainsFunc(o.match, matches) ||
		slices.ContainsFunc(hypervisors(), matches) && !slices.ContainsFunc(companions(), matches)
}

// gate judges the hypervisors among the packages, tells the answer, and returns
// the worst code. What it cannot do it says, and goes on.
func (s *streams) gate(ctx context.Context, o *gateOptions, asked []request, elsewhere string) report.ExitCode {
	asked = slices.DeleteFunc(asked, func(r request) bool { return !o.isHypervisor(r.name) })
	for i := range asked {
		r := &asked[i]
		r.name, r.version, r.installed = short(r.name), short(r.version), short(r.installed)
	}
	g := report.NewGate(toolName(), o.mode)
	code := g.ExitCode
	err := s.judgePackages(ctx, o, g, asked, elsewhere)
	if err == nil && (len(asked) > 0 || o.display.format == formatJSON) {
		code = g.ExitCode
		err = s.deliver(o.display.output, func(w io.Writer) error {
			if o.display.format == formatJSON {
				return report.WriteLine(w, g)
			}
			return g.WriteText(w, o.display.style(s))
		})
	}
	if err == nil {
		return g.ExitCode
	}
	s.line(err.Error())
	if code == report.GateRefused {
		return code // whoever hears of it
	}
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return report.ExitInternal
}

// short cuts off what no package is called, and no version: somebody is to read
// the answer. What is cut off names no release.
func short(s string) string {
	const most = 300 // more than a version may have, see pkgversion
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// judgePackages answers for each version among the packages.
func (s *streams) judgePackages(ctx context.Context, o *gateOptions, g *report.Gate, asked []request, elsewhere string) error {
	if len(asked) == 0 {
		return nil // without a look at the host
	}
	here := o.host.Root == ""
	if here {
		if elsewhere != "" {
			s.notJudged(g, asked, "packages are put into "+elsewhere)
			return nil
		}
		if why := probe.InChroot(); why != "" {
			s.notJudged(g, asked, "this is a chroot ("+why+")")
			return nil
		}
	}
	h, err := probe.Collect(ctx, o.host.Options)
	if err != nil {
		return badInput(err)
	}
	if in, ok := h.Machine.Container.Get(); ok && here {
		what := "this is a container (" + in + ")"
		if in == "other" {
			what = "this is a container"
		}
		s.notJudged(g, asked, what)
		return nil
	}
	j := newJudge(s, o.judge)
	updated := updatedReleases(asked)
	for _, r := range together(asked) {
		p, err := j.gate(h, r, o.mode, updated)
		if err != nil {
			return err
		}
		g.Add(*p)
	}
	return nil
}

// together gathers packages of one version: Debian has several of them, and one
// answer is enough.
func together(asked []request) []request {
	var out []request
	for _, r := range asked {
		i := slices.IndexFunc(out, func(o request) bool { return o.version == r.version && o.arch == r.arch })
		if i < 0 {
			out = append(out, r)
			continue
		}
		if r.name != out[i].name && !slices.Contains(out[i].also, r.name) {
			out[i].also = append(out[i].also, r.name)
		}
		out[i].installed = cmp.Or(out[i].installed, r.installed)
	}
	return out
}

// updatedReleases lists the releases that packages which are replaced are of. A
// package that is new beside them, such as a meta package of the same release,
// belongs to the update.
func updatedReleases(asked []request) []string {
	var releases []string
	for _, r := range asked {
		if v, err := pkgversion.Parse(r.installed); err == nil {
			releases = append(releases, v.Release())
		}
	}
	return releases
}

// notJudged says that there is no host here.
func (s *streams) notJudged(g *report.Gate, asked []request, why string) {
	g.NotJudged = why
	for _, r := range together(asked) {
		g.Add(report.GatePackage{
			Package: r.name, Also: r.also, Version: r.version, Installed: r.installed,
			Decision: "The host is not judged, since " + why + ". Installing it goes on.", ExitCode: report.GateNotJudged,
		})
	}
	s.line(fmt.Sprintf("%s %s: the host is not judged, since %s; XENCHECK_ROOT may name a captured host that it is meant for", asked[0].name, asked[0].version, why))
}

// gate judges a host by the release of one package and settles what follows.
func (j *judge) gate(h *facts.Host, r request, mode string, updated []string) (*report.GatePackage, error) {
	g := &report.GatePackage{Package: r.name, Also: r.also, Version: r.version, Installed: r.installed}
	if why := foreign(h, r.arch); why != "" {
		g.Remarks, g.Decision, g.ExitCode = []string{why}, "The host is not judged, since "+why+". Installing it goes on.", report.GateNotJudged
		j.streams.line(fmt.Sprintf("%s %s: the host is not judged, since %s", r.name, r.version, why))
		return g, nil
	}
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
	verdict, err := j.built(r.arch).report(h, release)
	if err != nil {
		return nil, err
	}
	if known {
		g.Remarks = append(g.Remarks, ownStatement(v, verdict.Statement)...)
	}
	g.Judged(verdict)
	g.ExitCode, g.Decision = decide(verdict, mode, known, known && slices.Contains(updated, v.Release()))
	return g, nil
}

// archOf is what a hypervisor of a package's architecture runs on, as Debian and
// rpm call it; empty for others.
func archOf(name string) facts.Arch {
	switch name {
	case "amd64", "x86_64":
		return facts.X86_64
	case "i386", "i586", "i686":
		return facts.X86_32
	case "arm64", "aarch64":
		return facts.Arm64
	case "armhf", "armv7", "armv7l", "armv7hl":
		return facts.Arm32
	}
	return ""
}

// foreign says why a hypervisor of a package's architecture cannot run on a
// host at all; empty where it can, or where that is not known.
func foreign(h *facts.Host, arch string) string {
	of := archOf(arch)
	host, ok := h.Machine.Arch.Get()
	if of == "" || !ok || of == host || of == facts.Arm32 && host == facts.Arm64 || of == facts.X86_32 && host == facts.X86_64 {
		return ""
	}
	return fmt.Sprintf("the package is for %s, and this machine is %s", arch, host)
}

// built is the judge for a Xen of a package's architecture: on Arm, Xen may be
// built for 32 bits. What a flag or the configuration says counts.
func (j *judge) built(arch string) *judge {
	of := archOf(arch)
	if j.o.xenArch != "" || !of.Arm() {
		return j
	}
	o := j.o
	o.xenArch = string(of)
	b := newJudge(j.streams, o)
	b.opened, b.latest = j.opened, j.latest
	return b
}

// ownStatement remarks on how the statement relates to the one that the Xen of a
// package was released with.
func ownStatement(v pkgversion.Version, st report.Statement) []string {
	if v.Point < 0 || v.Pre != "" || st.Date == "" {
		return nil
	}
	name := fmt.Sprintf("%s.%d", v.Release(), v.Point)
	own, ok := support.PointRelease(name)
	switch {
	case !ok:
		return []string{fmt.Sprintf("which revision of the statement Xen %s was released with is not known here; a newer one may say otherwise", name)}
	case own.RevisionDate > st.Date:
		return []string{fmt.Sprintf("Xen %s was released with revision %s of %s of the statement, which is newer than the one judged by", name, own.Revision, own.RevisionDate)}
	}
	return nil
}

// decide settles what follows from a verdict. Whatever makes it doubtful makes
// it mere advice: a gate that is wrong must not hold back a security fix.
func decide(r *report.Report, mode string, known, update bool) (report.ExitCode, string) {
	verdict := r.ExitCode
	switch {
	case verdict == report.ExitOK && !known:
		return report.GateAdvised, "By that release nothing speaks against installing it; what its own release says of this host is not known. Installing it goes on."
	case verdict == report.ExitOK && (r.FailOn != report.FailNotSecurity || len(r.Waivers) > 0):
		return report.ExitOK, "Nothing that counts speaks against installing it."
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
