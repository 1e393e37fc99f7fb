package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf16"

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

// menuDirs are where grub-mkconfig puts its menu.
func menuDirs() []string { return []string{"/boot/grub", "/boot/grub2"} }

// entriesDir holds the entries of the Boot Loader Specification.
const entriesDir = "/boot/loader/entries"

// defaultEntry finds the entry of GRUB's menu that boots next.
func (s *session) defaultEntry() (*grub.Entry, NextBoot) {
	boot := NextBoot{}
	if why := s.otherThanGRUB(); why != "" {
		boot.Why = why
		return nil, boot
	}
	for _, dir := range menuDirs() {
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
		how := s.grubHow(dir)
		s.beside(&how, dir, l.data)
		menu, err := grub.ParseMenu(l.data, how)
		if menu == nil {
			boot.Why = err.Error()
			return nil, boot
		}
		next, err := menu.Next()
		switch {
		case err != nil && menu.BLS:
			boot.Why = "the entries of " + entriesDir + ", which the menu adds, could not be read"
			return nil, boot
		case err != nil:
			boot.Why = err.Error()
			return nil, boot
		}
		boot.Title, boot.Line, boot.File, boot.Xen = procfs.Value([]byte(next.Title)), next.Line, procfs.Value([]byte(next.File)), bootsXen(next)
		boot.Why = ""
		switch {
		case next.Conditional:
			boot.Why = "whether it is offered is decided when the machine starts"
		case next.Loader == "chainloader" || next.Loader == "":
			// Another loader, or nothing at all: what that starts is not known.
			boot.Why = "it hands over to another loader, and what that boots cannot be told"
		}
		return next, boot
	}
	// A recording may lack a menu that the host did not have.
	if other := s.withoutMenu(); other != "" && (boot.Why == "" || !s.whole) {
		boot.Why = other
	}
	if boot.Why == "" {
		boot.Why = "no menu of GRUB was found in " + strings.Join(menuDirs(), " or ")
	}
	return nil, boot
}

// beside adds the files that a menu reads on.
func (s *session) beside(how *grub.How, dir string, menu []byte) {
	const custom = "custom.cfg"
	if bytes.Contains(menu, []byte(custom)) {
		if l := s.file(dir+"/"+custom, 1<<20); l.known() {
			how.Files = map[string][]byte{custom: l.data}
		} else if !l.absent() && l.why().Cause != facts.NotRecorded {
			// It is there, and may set anything.
			how.Files = map[string][]byte{custom: []byte("set default=$(unread)\n")}
		}
	}
	if !bytes.Contains(menu, []byte("blscfg")) {
		return
	}
	entries := s.dir(entriesDir, maxEntries)
	if !entries.known() {
		if entries.absent() && s.whole {
			how.Snippets = []grub.Snippet{}
		}
		return
	}
	found := []grub.Snippet{}
	for _, name := range slices.Sorted(slices.Values(entries.names)) {
		if !strings.HasSuffix(name, ".conf") {
			continue
		}
		l := s.fileQuietly(entriesDir+"/"+name, smallFile)
		if !l.known() {
			return
		}
		snippet, err := grub.ParseSnippet(name, l.data)
		if err != nil {
			return
		}
		found = append(found, snippet)
	}
	how.Snippets = found
}

// loaderInfo is where a boot loader leaves its name and version (systemd's Boot
// Loader Interface).
const loaderInfo = efivars + "/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// otherThanGRUB says which other boot loader started this machine: menus of GRUB
// may be left over.
func (s *session) otherThanGRUB() string {
	if s.isPaper() {
		return ""
	}
	l := s.file(loaderInfo, smallFile)
	if !l.known() || len(l.data) < 6 {
		return ""
	}
	name := procfs.Value([]byte(efiString(l.data[4:]))) // behind the attributes
	if name == "" || strings.HasPrefix(name, "GRUB") {
		return ""
	}
	return name + " started this machine, and its entries are not read"
}

// efiString reads UTF-16 up to its end or the first zero.
func efiString(b []byte) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		u := binary.LittleEndian.Uint16(b)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// withoutMenu says what else may decide what boots, by the files that boot
// loaders have; empty where there are none of them.
func (s *session) withoutMenu() string {
	for _, other := range []struct{ loader, dir, file string }{
		{"systemd-boot", "/boot/efi/loader", "loader.conf"}, {"systemd-boot", "/boot/loader", "loader.conf"}, {"systemd-boot", "/efi/loader", "loader.conf"},
		{"rEFInd", "/boot/efi/EFI/refind", "refind.conf"}, {"rEFInd", "/boot/EFI/refind", "refind.conf"}, {"rEFInd", "/efi/EFI/refind", "refind.conf"},
		{"extlinux", "/boot/extlinux", "extlinux.conf"}, {"syslinux", "/boot/syslinux", "syslinux.cfg"},
		{"U-Boot", "/boot", "boot.scr"}, {"U-Boot", "/boot", "uEnv.txt"},
	} {
		if slices.Contains(s.dir(other.dir, maxEntries).names, other.file) {
			return fmt.Sprintf("%s decides that here (%s/%s), and its entries are not read", other.loader, other.dir, other.file)
		}
	}
	if o := s.lineOfXenEFI(); o.IsKnown() {
		return fmt.Sprintf("the firmware decides whether it is the Xen beside %s, and its boot entries are not read", o.Source)
	}
	return ""
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
