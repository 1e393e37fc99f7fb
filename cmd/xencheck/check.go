package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xencheck/xencheck/cmd/xencheck/internal/report"
	"github.com/xencheck/xencheck/probe"
)

// checkOptions are the flags of check.
type checkOptions struct {
	xen     string
	boot    bool
	host    hostOptions
	judge   judgeOptions
	display displayOptions
}

// hostOptions say where the facts come from.
type hostOptions struct {
	probe.Options
	memory string
}

// register adds the flags. What a live machine is asked for and what a board on
// paper is told share one set, because they combine: --dtb with --midr, and any
// of them with a Xen that is known from text alone.
func (o *hostOptions) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.Root, "root", "", "look at a captured tree, `DIR`, or an archive of collect --raw, instead of this machine")
	f.StringVar(&o.DTB, "dtb", "", "look at a device tree blob, `FILE`")
	f.StringVar(&o.ACPI, "acpi", "", "look at ACPI tables, a `DIR` of them or the text of acpidump")
	f.StringVar(&o.CPUID, "cpuid", "", "look at a CPUID dump, `FILE`, of cpuid -r or InstLatx64")
	f.StringSliceVar(&o.MIDR, "midr", nil, "MIDRs of a board on paper, a `LIST` in hexadecimal, the boot CPU first")
	f.StringVar(&o.memory, "memory", "", "memory of a board on paper, a `SIZE` such as 16GiB")
	f.IntVar(&o.CPUs, "cpus", 0, "`NUMBER` of CPUs of a board on paper")
	f.StringVar(&o.XLInfo, "xl-info", "", "take what Xen says of itself from the output of xl info, `FILE`")
	f.StringVar(&o.XLDmesg, "xl-dmesg", "", "look also at the output of xl dmesg, `FILE`")
	f.StringVar(&o.XenCmdline, "xen-cmdline", "", "judge Xen booted with this command line, `TEXT`")
	f.StringVar(&o.XenConfig, "xen-config", "", "judge Xen built with this configuration, `FILE`.config")
	f.StringArrayVar(&o.Domains, "domain", nil, "judge also the domains of `FILE`, xl.cfg or what xl list -l prints; may be repeated")
	f.BoolVar(&o.DomainDirs, "domains", false, "judge the domains of /etc/xen/*.cfg and /etc/xen/auto as well")
	f.StringVar(&o.ID, "id", "", "`NAME` of the host in reports instead of its host name")
	f.BoolVar(&o.Anonymous, "anonymous", false, "do not name the host")
}

// check settles what the flag parser cannot.
func (o *hostOptions) check(c *cobra.Command, s *streams) error {
	usage := func(flag, value, must string) error {
		return &usageError{c, fmt.Errorf("invalid argument %q for %q flag: %s", value, "--"+flag, must)}
	}
	if c.Flags().Changed("memory") {
		n, err := parseSize(o.memory)
		if err != nil {
			return usage("memory", o.memory, err.Error())
		}
		o.Memory = n
	}
	if c.Flags().Changed("cpus") && o.CPUs < 1 {
		return usage("cpus", strconv.Itoa(o.CPUs), "must be 1 or more")
	}
	if c.Flags().Changed("midr") && len(o.MIDR) == 0 {
		return usage("midr", "", "must be hexadecimal, such as 0x410fd083")
	}
	for _, m := range o.MIDR {
		if _, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(m)), "0x"), 16, 64); err != nil {
			return usage("midr", m, "must be hexadecimal, such as 0x410fd083")
		}
	}
	for _, flag := range []string{"root", "dtb", "acpi", "cpuid", "xl-info", "xl-dmesg", "xen-config"} {
		if f := c.Flags().Lookup(flag); f.Changed && f.Value.String() == "" {
			return usage(flag, "", "must name a file")
		}
	}
	if c.Flags().Changed("xen-cmdline") && o.XenCmdline == "" {
		o.XenCmdline = " " // a Xen that is given no option is given a command line all the same
	}
	o.Tool, o.Now, o.Stdin, o.Early = toolName(), s.now, s.in, s.early
	return nil
}

// onStdin lists the inputs that may be standard input.
func (o *hostOptions) onStdin() []string {
	return append([]string{o.XLInfo, o.XLDmesg, o.XenConfig}, o.Domains...)
}

// given reports whether any flag says what to look at.
func (o *hostOptions) given(c *cobra.Command) bool {
	return slices.ContainsFunc([]string{
		"root", "dtb", "acpi", "cpuid", "midr", "memory", "cpus", "id", "anonymous",
		"xl-info", "xl-dmesg", "xen-cmdline", "xen-config", "domain", "domains",
	}, c.Flags().Changed)
}

// parseSize reads an amount of memory: a number of bytes, or one with a unit
// that is a power of 1024.
func parseSize(s string) (uint64, error) {
	digits := strings.TrimSpace(s)
	end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
	unit := ""
	if end >= 0 {
		digits, unit = digits[:end], strings.ToLower(strings.TrimSpace(digits[end:]))
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, errors.New("must be a whole number with a unit, such as 16GiB")
	}
	shift, ok := map[string]uint{
		"": 0, "b": 0, "k": 10, "kib": 10, "m": 20, "mib": 20, "g": 30, "gib": 30, "t": 40, "tib": 40, "p": 50, "pib": 50,
	}[unit]
	switch {
	case !ok:
		return 0, fmt.Errorf("unknown unit %q, must be one of B, KiB, MiB, GiB, TiB, PiB", unit)
	case n == 0:
		return 0, errors.New("must be more than 0")
	case n > ^uint64(0)>>shift:
		return 0, errors.New("too large")
	}
	return n << shift, nil
}

// newCheck returns the main command; the root takes its flags and its work.
func newCheck(s *streams) *cobra.Command {
	o := &checkOptions{}
	c := &cobra.Command{
		Use:   "check [flags]",
		Short: "Judge this machine, or a captured one (the default command)",
		Long: `Check looks at a machine and judges it by the support statement of a Xen
release: the one that runs, else the one installed, else the newest.

On a host that runs Xen it judges the host beneath dom0, how Xen was built and
booted, and every running domain. Without Xen it judges the one that would boot,
as far as files or flags describe it.

With --boot it judges the Xen that boots next, unless somebody chooses another
entry: EFI's BootNext and boot order tell the loader, and GRUB's menu, or the
configuration of a xen.efi that the firmware starts itself, tells the rest. What
other loaders boot is not read; then the host is judged as it is, and that is
said.`,
		Example: `  xencheck check --xen 4.21 -v
  xencheck check --for hvm,passthrough --fail-on conditional
  xencheck check --dtb board.dtb --midr 0x411fd072 --memory 4GiB
  xencheck check --xl-info info.txt --xl-dmesg dmesg.txt
  xencheck check --root /mnt/captured --format json`,
		Args: usageArgs(cobra.NoArgs),
	}
	c.Flags().StringVar(&o.xen, "xen", auto, "`RELEASE` to judge by: 4.22, 4.18@COMMIT, auto, or a file with a statement")
	c.Flags().BoolVar(&o.boot, "boot", false, "judge the Xen that boots next, by EFI's boot order and the boot loader's default entry")
	o.judge.register(c)
	o.host.register(c)
	o.display.register(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := o.judge.check(c); err != nil {
			return err
		}
		if err := o.host.check(c, s); err != nil {
			return err
		}
		if err := o.display.check(c); err != nil {
			return err
		}
		return runCheck(c.Context(), s, o)
	}
	return c
}

// runCheck looks, judges and reports: the whole tool in a row.
func runCheck(ctx context.Context, s *streams, o *checkOptions) error {
	if err := twice(append(o.host.onStdin(), o.xen)...); err != nil {
		return err
	}
	j := newJudge(s, o.judge)
	if o.xen == auto {
		go j.latest() // most likely wanted, and read while the machine is looked at
	}
	r, err := o.report(ctx, j)
	if err != nil {
		return err
	}
	if err := s.deliver(o.display.output, func(w io.Writer) error {
		d := o.display.document(w, s, false)
		if err := d.Report("", r); err != nil {
			return err
		}
		return d.Close()
	}); err != nil {
		return err
	}
	return result(r.ExitCode)
}

// report judges the host, or the same host after its next boot.
func (o *checkOptions) report(ctx context.Context, j *judge) (*report.Report, error) {
	if !o.boot {
		h, err := probe.Collect(ctx, o.host.Options)
		if err != nil {
			return nil, badInput(err)
		}
		return j.report(h, o.xen)
	}
	h, next, boot, err := probe.CollectNextBoot(ctx, o.host.Options)
	if err != nil {
		return nil, badInput(err)
	}
	now, err := j.report(h, o.xen)
	if err != nil {
		return nil, err
	}
	r := *now
	if next != nil {
		then, err := j.report(next, o.xen)
		if err != nil {
			return nil, err
		}
		if r = *then; r.Choice.How == report.Running {
			r.Choice.How, r.Choice.Why = report.BootsNext, "Xen "+r.Choice.Version+" boots next"
		}
	}
	r.Booted(report.Boot{
		Firmware: boot.Firmware, Loader: boot.Loader, Title: boot.Title, Source: boot.Source, Line: boot.Line, File: boot.File, Xen: boot.Xen, Why: boot.Why,
	}, now)
	return &r, nil
}
