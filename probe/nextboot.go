package probe

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/dom0less"
	"github.com/xencheck/xencheck/probe/internal/fdt"
	"github.com/xencheck/xencheck/probe/internal/grub"
	"github.com/xencheck/xencheck/probe/internal/kconfig"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xencall"
	"github.com/xencheck/xencheck/probe/internal/xencfgfile"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
	"github.com/xencheck/xencheck/probe/xencmdline"
)

const (
	efiSystem    = "/boot/efi/EFI" // where distributions mount the EFI system partition
	grubDefaults = "/etc/default/grub"
)

// readCommandLine finds the command line that counts: what was given for this
// purpose, the running Xen's, or what a host without Xen would boot it with.
func (s *session) readCommandLine() facts.Observed[facts.CommandLine] {
	if o := s.givenLine(); o.IsKnown() {
		return o
	}
	if o := s.runningLine(); o.State != facts.Unread {
		return o
	}
	if s.bootArgs != "" {
		return facts.Is(facts.CommandLine{Text: redactXenLine(s.bootArgs), NextBoot: true}, s.boardSource).WithNote("xen,xen-bootargs of /chosen")
	}
	if s.underXen || s.isPaper() || !s.hasInstalled() {
		return facts.Observed[facts.CommandLine]{}
	}
	return s.nextLine()
}

// givenLine is the command line that was given; unread without one.
func (s *session) givenLine() facts.Observed[facts.CommandLine] {
	l := s.text(textCmdline)
	if !l.known() {
		return facts.Observed[facts.CommandLine]{}
	}
	text := strings.TrimRight(string(l.data), "\r\n")
	return facts.Is(facts.CommandLine{Text: redactXenLine(text), NextBoot: true}, l.source)
}

// runningLine is the command line of the running Xen; unread without one.
func (s *session) runningLine() facts.Observed[facts.CommandLine] {
	c, l := asked[xencall.CommandLine](s, callCommandLine)
	switch {
	case l.known() && c.Text == denied:
		return facts.Not[facts.CommandLine](&facts.Problem{Cause: facts.NoPermission, Source: l.source,
			Detail: "the security policy (XSM) of Xen keeps it back", Remedy: "give --xen-cmdline, or allow it to dom0 in the policy"})
	case l.known():
		return facts.Is(facts.CommandLine{Text: redactXenLine(c.Text), Cut: c.Cut}, l.source)
	}
	if s.info != nil {
		if f, ok := s.info.Field("xen_commandline"); ok && f.Value != denied {
			// xl prints it as it is: where a line was broken is a guess.
			return facts.Is(facts.CommandLine{
				Text: redactXenLine(f.Value), Cut: f.Cut || len(f.Value) >= xencmdline.RunningLimit,
			}, s.infoSource)
		}
	}
	if f, ok := s.seenOnConsole(xldmesg.CommandLine); ok {
		return facts.Is(facts.CommandLine{Text: redactXenLine(f.Value(0))}, s.consoleSource)
	}
	return notTold[facts.CommandLine](s, l)
}

// hasInstalled reports whether a hypervisor is in /boot.
func (s *session) hasInstalled() bool { return s.host.Xen.Installed.IsKnown() }

// nextLine finds with what command line the installed Xen would be booted:
// from GRUB's menu, the settings that the menu is made from, or the
// configuration beside xen.efi.
func (s *session) nextLine() facts.Observed[facts.CommandLine] {
	var problem *facts.Problem
	for _, read := range []func() facts.Observed[facts.CommandLine]{s.lineOfMenu, s.lineOfDefaults, s.lineOfXenEFI} {
		o := read()
		if o.IsKnown() {
			return o
		}
		if problem == nil || problem.Cause == facts.NotExposed {
			if o.Problem != nil {
				problem = o.Problem
			}
		}
	}
	if problem == nil {
		problem = &facts.Problem{Cause: facts.NotExposed, Source: grubDefaults, Detail: "no boot loader's file that names Xen was found", Remedy: "give --xen-cmdline"}
	}
	return facts.Not[facts.CommandLine](problem)
}

// lineOfMenu takes the entry of GRUB's menu that boots Xen: the default one,
// or the first where the default is something else.
func (s *session) lineOfMenu() facts.Observed[facts.CommandLine] {
	var none facts.Observed[facts.CommandLine]
	for _, dir := range s.menus("") {
		l := s.file(dir+"/grub.cfg", maxMenu)
		if l.absent() {
			continue
		}
		if !l.known() {
			p := *l.problem
			p.Remedy = joinRemedies(p.Remedy, "give --xen-cmdline")
			return facts.Not[facts.CommandLine](&p)
		}
		menu, err := grub.ParseMenu(l.data, s.grubHow(dir))
		if err != nil && menu == nil {
			return facts.Not[facts.CommandLine](s.damaged(l, err))
		}
		next, err := menu.Next()
		if err == nil && bootsXen(next) {
			return s.lineOf(next.CommandLine, l.source, fmt.Sprintf("the default entry, line %d", next.Line))
		}
		for _, e := range menu.All() {
			if bootsXen(e) {
				why := "not the default entry"
				if err != nil {
					why = "whether it is the default entry cannot be told"
				}
				return s.lineOf(e.CommandLine, l.source, fmt.Sprintf("the first entry that boots Xen, line %d; %s", e.Line, why))
			}
		}
	}
	return none
}

// bootsXen reports whether an entry loads Xen: multiboot is for other kernels
// too, but they are not called xen.
func bootsXen(e *grub.Entry) bool {
	return e != nil && e.Xen() && (e.Loader == "xen_hypervisor" || strings.Contains(strings.ToLower(path.Base(e.File)), "xen"))
}

// lineOf returns a command line of which a part may not be known; what is left
// of it is then treated like one that was cut.
func (s *session) lineOf(v grub.Value, source, note string) facts.Observed[facts.CommandLine] {
	if !v.Known {
		note += "; parts of it are made when the machine starts"
	}
	return facts.Is(facts.CommandLine{Text: redactXenLine(v.Text), NextBoot: true, Cut: !v.Known}, source).WithNote(note)
}

// lineOfDefaults takes the settings that grub-mkconfig will make a menu from.
func (s *session) lineOfDefaults() facts.Observed[facts.CommandLine] {
	var none facts.Observed[facts.CommandLine]
	l := s.file(grubDefaults, smallFile)
	if l.absent() {
		return none
	}
	if !l.known() {
		return facts.Not[facts.CommandLine](l.why())
	}
	files := []grub.File{{Name: l.source, Text: l.data}}
	dropIns := s.dir(grubDefaults+".d", maxEntries)
	for _, n := range slices.Sorted(slices.Values(dropIns.names)) {
		if !strings.HasSuffix(n, ".cfg") {
			continue
		}
		d := s.file(grubDefaults+".d/"+n, smallFile)
		if !d.known() {
			return facts.Not[facts.CommandLine](d.why())
		}
		files = append(files, grub.File{Name: d.source, Text: d.data})
	}
	defaults, err := grub.ParseDefaults(files)
	if err != nil && defaults == nil {
		return facts.Not[facts.CommandLine](s.damaged(l, err))
	}
	return s.lineOf(defaults.XenCommandLine(), l.source, "GRUB_CMDLINE_XEN of the settings; there is no menu yet that boots Xen")
}

// lineOfXenEFI takes the configuration beside a xen.efi (docs/misc/efi).
func (s *session) lineOfXenEFI() facts.Observed[facts.CommandLine] {
	var none facts.Observed[facts.CommandLine]
	vendors := s.dir(efiSystem, maxEntries)
	if !vendors.known() {
		if vendors.problem != nil {
			return facts.Not[facts.CommandLine](vendors.why())
		}
		return none
	}
	for _, vendor := range slices.Sorted(slices.Values(vendors.names)) {
		dir := efiSystem + "/" + vendor
		names, err := s.root.ReadDir(dir, maxEntries)
		if err != nil {
			continue
		}
		for _, name := range slices.Sorted(slices.Values(names)) {
			lower := strings.ToLower(name)
			if !strings.HasPrefix(lower, "xen") || !strings.HasSuffix(lower, ".efi") {
				continue
			}
			for _, cfg := range configNames(name) {
				if !slices.Contains(names, cfg) {
					continue
				}
				l := s.file(dir+"/"+cfg, smallFile)
				if !l.known() {
					return facts.Not[facts.CommandLine](l.why())
				}
				file, err := xencfgfile.Parse(l.data)
				if err != nil {
					return facts.Not[facts.CommandLine](s.damaged(l, err))
				}
				boot, ok := file.Boot("")
				if !ok {
					return facts.Not[facts.CommandLine](s.damaged(l, errors.New("no section that boots by default")))
				}
				return facts.Is(facts.CommandLine{Text: redactXenLine(boot.Options), NextBoot: true}, l.source).WithNote("section " + boot.Section)
			}
		}
	}
	return none
}

func joinRemedies(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", or " + b
}

// readBuildConfig finds the configuration that Xen was built with: the running
// Xen's own, or the file that was installed with it.
func (s *session) readBuildConfig() facts.Observed[facts.BuildConfig] {
	if l := s.text(textConfig); l.known() {
		of := aXen{}
		if v, ok := s.host.Xen.Running.Get(); ok {
			of = aXen{&v, "the running Xen"}
		}
		return s.buildConfig(l, givenDoubt, of)
	}
	l := s.askedConfig()
	if l.known() {
		return s.buildConfig(l, "", aXen{})
	}
	running, isRunning := s.host.Xen.Running.Get()
	installed, isInstalled := s.host.Xen.Installed.Get()
	if s.isPaper() || !isRunning && (s.underXen || !isInstalled) {
		return notTold[facts.BuildConfig](s, l)
	}
	want := aXen{&running, "the running Xen"}
	if !isRunning {
		want = aXen{&installed[len(installed)-1], "the installed Xen"}
	}
	if o := s.configInBoot(want); o.State != facts.Unread {
		return o
	}
	p := s.unasked(l)
	if p == nil {
		p = &facts.Problem{Cause: facts.NotExposed, Source: "/boot", Detail: "no configuration was installed with this Xen", Remedy: "give --xen-config"}
	} else {
		c := *p
		c.Remedy = joinRemedies(c.Remedy, "give --xen-config")
		p = &c
	}
	return facts.Not[facts.BuildConfig](p)
}

// askedConfig reads the configuration that the running Xen carries. Unlike
// other answers it is text.
func (s *session) askedConfig() look {
	if !s.isDom0() || !s.whole || !s.xenLook.known() {
		return look{source: callConfig, state: facts.Absent, partial: !s.whole}
	}
	return s.askInterface(callConfig)
}

// aXen is one that a configuration may be of: its version, nil where that is not
// known, and which it is.
type aXen struct {
	*facts.XenVersion
	what string
}

const givenDoubt = "it was given, and nothing ties it to a build"

// configInBoot takes the file whose name has the version of a Xen. The name is
// all that ties the two together.
func (s *session) configInBoot(want aXen) facts.Observed[facts.BuildConfig] {
	var none facts.Observed[facts.BuildConfig]
	if s.host.Machine.Container.IsKnown() {
		return none
	}
	best, bestExact := "", false
	for _, name := range slices.Sorted(slices.Values(s.dir("/boot", maxEntries).names)) {
		base, ok := strings.CutSuffix(name, ".config")
		if !ok {
			base, ok = strings.CutPrefix(name, "config-")
		}
		if !ok || !strings.HasPrefix(base, "xen") {
			continue
		}
		v, err := procfs.InstalledXen(base + ".gz")
		if err != nil || v.Major != want.Major || v.Minor != want.Minor {
			continue
		}
		exact := v.Extra == want.Extra
		if v.Extra != "" && !exact {
			continue // of another point release
		}
		if best == "" || exact && !bestExact {
			best, bestExact = name, exact
		}
	}
	if best == "" {
		return none
	}
	l := s.file("/boot/"+best, xlTextFile)
	if !l.known() {
		return facts.Not[facts.BuildConfig](l.why())
	}
	return s.buildConfig(l, "its name fits "+want.what+", and nothing else ties it to that build", want)
}

// buildConfig understands a configuration, which may be of a Xen.
func (s *session) buildConfig(l look, doubt string, of aXen) facts.Observed[facts.BuildConfig] {
	c, err := kconfig.Parse(l.data)
	if err != nil {
		return facts.Not[facts.BuildConfig](s.damaged(l, err))
	}
	b := facts.BuildConfig{Symbols: map[string]string{}, Version: procfs.Value([]byte(c.Version)), Doubt: doubt}
	for name, v := range c.Symbols {
		value := v.Text
		switch v.Kind {
		case kconfig.Yes, kconfig.Module, kconfig.NotSet:
			value = string(v.Kind)
		}
		b.Symbols["CONFIG_"+name] = strings.ToValidUTF8(value, "\ufffd")
	}
	if of.XenVersion != nil && b.Version != "" {
		v, err := procfs.ParseXenVersion(b.Version)
		if err == nil && (v.Major != of.Major || v.Minor != of.Minor || v.Extra != "" && of.Extra != "" && v.Extra != of.Extra) {
			b.Doubt = fmt.Sprintf("it is of Xen %s, and %s is %d.%d%s", b.Version, of.what, of.Major, of.Minor, of.Extra)
		}
	}
	arch := s.host.Machine.Arch
	for _, of := range []struct {
		symbol string
		fits   bool
	}{{"CONFIG_X86", arch.Value.X86()}, {"CONFIG_ARM", arch.Value.Arm()}} {
		if arch.IsKnown() && b.Symbols[of.symbol] == "y" && !of.fits {
			return facts.Disagree[facts.BuildConfig](
				facts.Conflict{Value: "a Xen with " + of.symbol, Source: l.source},
				facts.Conflict{Value: string(arch.Value), Source: arch.Source})
		}
	}
	o := facts.Is(b, l.source)
	if len(l.data) > 0 && l.data[len(l.data)-1] != '\n' {
		o.Value.Partial, o.Note = true, "its last line does not end"
	}
	if _, told := b.Symbols["CONFIG_DEBUG"]; !told && l.source != s.display(textConfig) {
		// The debugging options come last, and this one is always written.
		o.Value.Partial, o.Note = true, "it does not tell CONFIG_DEBUG: its end may be lost"
	}
	if n := len(c.Problems) + c.More; n > 0 {
		o.Value.Partial = true
		o.Note = fmt.Sprintf("%d lines could not be read", n)
	}
	return o
}

// maxTreeWords bounds what is listed of a boot tree.
const maxTreeWords = 64

// bootTreeWords are the words of a device tree that decide what Xen does,
// besides those that begin with "xen,": cache colours of a domain, and the
// firmware services that Xen mediates.
var bootTreeWords = []string{"llc-colors", "linaro,optee-tz", "arm,scmi-smc"}

// readBootTree lists what a device tree asks of Xen, unless it is the one that
// Xen has made for its dom0 (docs/misc/arm/device-tree).
func (s *session) readBootTree(t *fdt.Tree) {
	if s.board.Xen != nil {
		return
	}
	add := func(word string) {
		word = procfs.Value([]byte(word))
		if (strings.HasPrefix(word, "xen,") || slices.Contains(bootTreeWords, word)) && len(s.bootTree) < maxTreeWords && !slices.Contains(s.bootTree, word) {
			s.bootTree = append(s.bootTree, word)
		}
	}
	for n := range t.All() {
		for _, c := range n.Compatible() {
			add(c)
		}
		for _, p := range n.Properties {
			add(p.Name)
		}
	}
	slices.Sort(s.bootTree)
	s.treeGuests = dom0less.Domains(t)
	if chosen := t.Root.Child("chosen"); chosen != nil {
		s.bootArgs = chosen.String("xen,xen-bootargs")
		if s.bootArgs == "" && chosen.Has("xen,dom0-bootargs") {
			s.bootArgs = chosen.String("bootargs") // then these are Xen's
		}
	}
}
