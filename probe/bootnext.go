package probe

import (
	"context"
	"fmt"
	"path"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/grub"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// NextBoot is what the boot loader starts next unless somebody chooses another
// entry.
type NextBoot struct {
	Title  string // of the entry; empty when it cannot be told
	Source string // the menu
	Line   int    // of the entry in it, counted from 1
	File   string // what the entry loads
	Xen    bool   // that is a hypervisor
	Why    string // why something of it is not known; empty when all is
}

// CollectNextBoot is [Collect] that also says what boots next. The next host is
// the same machine with that Xen on it; it is nil where none boots, or where
// which one cannot be told.
func CollectNextBoot(ctx context.Context, o Options) (now, next *facts.Host, boot NextBoot, err error) {
	s, err := newSession(ctx, o, nil)
	if err != nil {
		return nil, nil, boot, err
	}
	defer s.close()
	s.collect()
	if err := ctx.Err(); err != nil {
		return nil, nil, boot, fmt.Errorf("collecting was given up: %w", err)
	}
	now = s.host
	entry, boot := s.defaultEntry()
	if entry == nil || !boot.Xen {
		return now, nil, boot, nil
	}
	version, err := s.versionOf(entry.File)
	if err != nil {
		boot.Why = fmt.Sprintf("of which release %s is, its name does not tell", path.Base(entry.File))
		return now, nil, boot, nil
	}
	h := *now
	x := facts.Xen{
		Running: facts.Is(version, boot.Source).WithNote("boots next"), Installed: now.Xen.Installed,
		CommandLine: s.lineOf(entry.CommandLine, boot.Source, fmt.Sprintf("the default entry, line %d", entry.Line)),
		// What the hardware has to offer, and the tree a board boots with, stay.
		Physical: now.Xen.Physical, BootTree: now.Xen.BootTree, BootConsole: now.Xen.BootConsole,
	}
	if x.BuildConfig = s.configInBoot(version, "the Xen that boots next"); x.BuildConfig.State == facts.Unread {
		x.BuildConfig = facts.Not[facts.BuildConfig](&facts.Problem{Cause: facts.NotExposed, Source: "/boot", Detail: "no configuration was installed with this Xen", Remedy: "give --xen-config"})
	}
	h.Xen = x
	// No domain of today's runs there yet.
	h.Running, h.Domains = facts.Observed[[]facts.RunningDomain]{}, facts.Observed[[]facts.Domain]{}
	return now, &h, boot, nil
}

// versionOf tells the version of a hypervisor by its name in /boot, or by that
// of the file it is a link to.
func (s *session) versionOf(file string) (facts.XenVersion, error) {
	v, err := procfs.InstalledXen(path.Base(file))
	if err == nil {
		return v, nil
	}
	if l := s.link("/boot/" + path.Base(file)); l.known() {
		return procfs.InstalledXen(path.Base(l.text()))
	}
	return v, err
}

// defaultEntry finds the entry of GRUB's menu that boots next.
func (s *session) defaultEntry() (*grub.Entry, NextBoot) {
	boot := NextBoot{Why: "no menu of GRUB was found in /boot/grub or /boot/grub2"}
	for _, dir := range []string{"/boot/grub", "/boot/grub2"} {
		l := s.file(dir+"/grub.cfg", 1<<20)
		if l.absent() {
			continue
		}
		boot.Source = l.source
		if !l.known() {
			boot.Why = l.source + " could not be read: " + l.why().Detail
			if l.why().Detail == "" {
				boot.Why = l.source + " could not be read: " + string(l.why().Cause)
			}
			continue
		}
		menu, err := grub.ParseMenu(l.data, s.grubHow(dir))
		if menu == nil {
			boot.Why = err.Error()
			return nil, boot
		}
		next, err := menu.Next()
		if err != nil {
			boot.Why = err.Error()
			return nil, boot
		}
		boot.Title, boot.Line, boot.File, boot.Xen, boot.Why = procfs.Value([]byte(next.Title)), next.Line, procfs.Value([]byte(next.File)), bootsXen(next), ""
		if next.Conditional {
			boot.Why = "whether this entry is offered is decided when the machine starts"
		}
		return next, boot
	}
	return nil, boot
}

// grubHow is what a menu's meaning depends on besides its text.
func (s *session) grubHow(dir string) grub.How {
	how := grub.How{}
	if env := s.file(dir+"/grubenv", smallFile); env.known() {
		how.Env, _ = grub.ParseEnv(env.data)
	} else if env.absent() && s.whole {
		how.Env = map[string]string{}
	}
	if firmware, ok := s.host.Machine.Firmware.Get(); ok && s.isX86() {
		how.Platform = map[string]string{"efi": "efi", "bios": "pc"}[firmware]
	}
	return how
}
