package probe

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/efiboot"
	"github.com/xencheck/xencheck/probe/internal/grub"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// NextBoot is what the boot loader starts next unless somebody chooses another
// entry.
type NextBoot struct {
	// Firmware is a sentence, without its full stop, on what EFI's boot entries
	// say of the loader, or on why they do not; empty where there are none.
	Firmware string
	Loader   string // GRUB, or xen.efi without any other; empty when it cannot be told
	Title    string // of the entry; with xen.efi the section; empty when it cannot be told
	Source   string // the menu; with xen.efi its configuration
	Line     int    // of the entry in it, counted from 1
	File     string // what the entry loads
	Xen      bool   // that is a hypervisor
	Why      string // why something of it is not known; empty when all is
}

// BootsNext is the note on the Xen of a next host: it does not run yet.
const BootsNext = "boots next"

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
	next, boot = s.nextHost()
	return s.host, next, boot, nil
}

// nextHost is the same machine with the Xen that boots next; nil where none
// does, or where which one cannot be told.
func (s *session) nextHost() (*facts.Host, NextBoot) {
	xen, boot := s.nextBoot()
	if xen == nil {
		return nil, boot
	}
	version, err := s.versionOf(xen.file)
	if err != nil {
		boot.Why = fmt.Sprintf("of which release %s is, its name does not tell", path.Base(boot.File))
		return nil, boot
	}
	h := *s.host
	x := facts.Xen{
		Running: facts.Is(version, boot.Source).WithNote(BootsNext), Installed: h.Xen.Installed,
		CommandLine: xen.commandLine,
		// What the hardware has to offer, and the tree a board boots with, stay.
		Physical: h.Xen.Physical, BootTree: h.Xen.BootTree, BootConsole: h.Xen.BootConsole,
	}
	// What is given outweighs what is found, as for the host as it is.
	if o := s.givenLine(); o.IsKnown() {
		x.CommandLine = o
	}
	of := aXen{&version, "the Xen that boots next"}
	if l := s.text(textConfig); l.known() {
		x.BuildConfig = s.buildConfig(l, givenDoubt, of)
	} else if x.BuildConfig = s.configInBoot(of); x.BuildConfig.State == facts.Unread {
		x.BuildConfig = facts.Not[facts.BuildConfig](&facts.Problem{Cause: facts.NotExposed, Source: "/boot", Detail: "no configuration was installed with this Xen", Remedy: "give --xen-config"})
	}
	h.Xen = x
	h.Running, h.Domains = facts.Observed[[]facts.RunningDomain]{}, s.lastingDomains()
	return &h, boot
}

// lastingDomains are the configurations of domains that were given, kept on the
// host or asked for by its device tree. Those of domains that run now say
// nothing of the next boot.
func (s *session) lastingDomains() facts.Observed[[]facts.Domain] {
	o := s.host.Domains
	all, ok := o.Get()
	kept := slices.DeleteFunc(slices.Clone(all), func(d facts.Domain) bool { return strings.HasPrefix(d.Source, libxlData+"/") })
	if ok && len(kept) == 0 || !ok && len(s.opts.Domains) == 0 && !s.opts.DomainDirs {
		return facts.Observed[[]facts.Domain]{}
	}
	o.Value = kept
	return o
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

// menus are the directories that hold GRUB's menu, the first that has one
// counts. Some distributions keep it beside GRUB on the EFI system partition,
// others have there only what leads to it; program is the GRUB that starts, if
// that is known.
func (s *session) menus(program string) []string {
	dirs := menuDirs()
	if program != "" && s.hasMenu(path.Dir(program)) {
		return slices.Insert(dirs, 0, path.Dir(program))
	}
	for _, dir := range dirs {
		if l := s.file(dir+"/grub.cfg", maxMenu); !l.absent() && !l.unrecorded() {
			return dirs
		}
	}
	var beside []string
	for _, vendor := range slices.Sorted(slices.Values(s.dir(efiSystem, maxEntries).names)) {
		if dir := efiSystem + "/" + vendor; s.hasMenu(dir) {
			beside = append(beside, dir)
		}
	}
	if len(beside) == 1 { // of several, which one starts is not known
		dirs = slices.Insert(dirs, 0, beside[0])
	}
	return dirs
}

// maxMenu bounds a menu, in bytes.
const maxMenu = 1 << 20

// hasMenu reports whether a directory has a menu of GRUB's with entries.
func (s *session) hasMenu(dir string) bool {
	l := s.fileQuietly(dir+"/grub.cfg", maxMenu)
	return l.known() && bytes.Contains(l.data, []byte("menuentry"))
}

// entriesDir holds the entries of the Boot Loader Specification.
const entriesDir = "/boot/loader/entries"

// nextBoot finds what boots next; the hypervisor is nil where it is none, or
// where it cannot be told.
func (s *session) nextBoot() (*booted, NextBoot) {
	if s.host.Machine.Container.IsKnown() {
		return nil, NextBoot{Why: "this is a container, and what is in its /boot is not what the host boots"}
	}
	st := s.firmwareStarts()
	switch {
	case st.why != "":
		return nil, NextBoot{Why: st.why}
	case st.loader == loaderXen:
		return s.startedXen(st)
	case st.loader != loaderGRUB && st.loader != loaderUnnamed:
		return nil, NextBoot{Why: fmt.Sprintf("%s, and what %s boots cannot be told", st.words, st.loader)}
	}
	left := s.loaderLeft()
	isGRUB := strings.HasPrefix(left, string(loaderGRUB))
	if left != "" && !isGRUB && (!st.known || st.again) {
		return nil, NextBoot{Why: left + " started this machine, and its entries are not read"}
	}
	program := ""
	if st.known {
		program, _, _ = s.onSystemPartition(st.option.File)
	}
	entry, boot := s.defaultEntry(program, st.loader == loaderGRUB)
	boot.Firmware = st.words
	if st.known && st.loader == loaderUnnamed && boot.Line > 0 && !(isGRUB && st.again) {
		boot.Firmware += ", which is taken for GRUB"
	}
	if entry == nil || !boot.Xen {
		return nil, boot
	}
	return &booted{entry.File, s.lineOf(entry.CommandLine, boot.Source, fmt.Sprintf("the default entry, line %d", entry.Line))}, boot
}

// defaultEntry finds the entry of GRUB's menu that boots next. Where it is sure
// that GRUB starts, the files of other loaders mean nothing.
func (s *session) defaultEntry(program string, sure bool) (*grub.Entry, NextBoot) {
	boot := NextBoot{}
	for _, dir := range s.menus(program) {
		l := s.file(dir+"/grub.cfg", maxMenu)
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
		boot.Loader, boot.Line, boot.Xen = string(loaderGRUB), next.Line, bootsXen(next)
		boot.Title, boot.File = blankNames(procfs.Value([]byte(next.Title))), blankNames(procfs.Value([]byte(next.File)))
		boot.Why = ""
		switch {
		case next.Conditional:
			boot.Why = "whether it is offered is decided when the machine starts"
		case next.Loader == "chainloader" || next.Loader == "":
			// Another loader, or nothing at all: what that starts is not known.
			boot.Why = "it hands over to another loader, and what that boots cannot be told"
		case next.Xen() && !boot.Xen:
			boot.Why = fmt.Sprintf("it loads %s as a hypervisor is loaded, and whether that is Xen, its name does not tell", path.Base(boot.File))
		}
		return next, boot
	}
	// A recording may lack a menu that the host did not have.
	if other := s.withoutMenu(); other != "" && !sure && (boot.Why == "" || !s.whole) {
		boot.Why = other
	}
	if boot.Why == "" {
		boot.Why = "no menu of GRUB was found in " + strings.Join(menuDirs(), " or ")
	}
	return nil, boot
}

// maxBeside bounds how many files a menu reads on; usual ones have one or two.
const maxBeside = 16

// beside adds the files that a menu reads on, such as custom.cfg: those next to
// it, whatever path it gives.
func (s *session) beside(how *grub.How, dir string, menu []byte) {
	how.Files = map[string][]byte{}
	for more := true; more && len(how.Files) < maxBeside; { // they may read on others
		more = false
		m, _ := grub.ParseMenu(menu, *how)
		if m == nil {
			return
		}
		for _, source := range m.Sources {
			name := path.Base(source)
			if _, ok := how.Files[name]; ok || strings.Trim(name, "/.") == "" || len(how.Files) == maxBeside {
				continue
			}
			more = true
			l := s.file(dir+"/"+name, maxMenu)
			switch {
			case l.known():
				how.Files[name] = l.data
			case l.absent() || l.why().Cause == facts.NotRecorded:
				how.Files[name] = nil
			default: // it is there, and may set anything
				how.Files[name] = []byte("set default=$(unread)\n")
			}
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

// loaderLeft is the boot loader that says to have started this machine: menus
// of others may be left over. It is empty where none says so.
func (s *session) loaderLeft() string {
	if s.isPaper() {
		return ""
	}
	l := s.file(loaderInfo, smallFile)
	if !l.known() {
		return ""
	}
	return procfs.Value([]byte(efiboot.Text(l.data)))
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
		return fmt.Sprintf("the firmware decides whether it is the Xen beside %s, and its boot entries do not tell", o.Source)
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
