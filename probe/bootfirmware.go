package probe

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/efiboot"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xencfgfile"
)

// The variables by which EFI firmware chooses what it starts, with the GUID of
// EFI's global variables (UEFI 2.10, 3.3).
const (
	globalVars  = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	bootNext    = efivars + "/BootNext" + globalVars
	bootCurrent = efivars + "/BootCurrent" + globalVars
	bootOrder   = efivars + "/BootOrder" + globalVars
	// maxBootEntries bounds how many entries are looked at: firmware keeps some
	// dozens.
	maxBootEntries = 64
)

// bootEntry is the name of the variable that holds an entry.
func bootEntry(n uint16) string { return fmt.Sprintf("%s/Boot%04X%s", efivars, n, globalVars) }

// isBootEntry reports whether a source is such a variable.
func isBootEntry(name string) bool {
	n, ok := strings.CutSuffix(strings.TrimPrefix(name, efivars+"/Boot"), globalVars)
	return ok && len(n) == 4 && strings.Trim(n, "0123456789ABCDEF") == ""
}

// systemPartitions are where distributions mount the EFI system partition.
func systemPartitions() []string { return []string{"/boot/efi", "/efi", "/boot"} }

// loader is a program that firmware starts.
type loader string

// The loaders that are followed. Others have a name, and are not.
const (
	loaderGRUB    loader = "GRUB"
	loaderXen     loader = "xen.efi"
	loaderUnnamed loader = "" // the default one of a medium, which may be any
)

// starter is what the firmware starts next, as far as its variables tell.
type starter struct {
	words  string // a sentence without its full stop; empty where nothing was looked at
	why    string // why it cannot be told what is started; empty where it can
	known  bool   // the rest says what is started
	loader loader
	again  bool // it is what started this time, too
	option *efiboot.Option
}

// firmwareStarts finds the boot entry that EFI takes next: that of BootNext, else
// the first of BootOrder that is active (UEFI 2.10, 3.1.1). An entry that may
// find nothing to start, such as one for the network, is passed over where this
// time it was one behind it that started.
func (s *session) firmwareStarts() starter {
	if kind, known := s.host.Machine.Firmware.Get(); s.isPaper() || known && kind != "efi" {
		return starter{}
	}
	order, problem := readVariable(s, bootOrder, efiboot.Order)
	if problem != "" {
		if !s.host.Machine.Firmware.IsKnown() {
			return starter{} // perhaps there is no EFI
		}
		return starter{words: "EFI's boot order could not be read (" + problem + "), so the files of boot loaders tell what starts"}
	}
	current, currentProblem := readVariable(s, bootCurrent, efiboot.Number)
	isCurrent := func(n uint16) bool { return currentProblem == "" && n == current }
	now := &efiboot.Option{} // what started this time
	if currentProblem == "" {
		if o, problem := s.bootOption(current); o != nil && problem == "" {
			now = o
		}
	}
	if st, decided := s.startsOnce(isCurrent, now); decided {
		return st
	}
	var vain []string // what started nothing this time
	for i, n := range order[:min(len(order), maxBootEntries)] {
		o, problem := s.bootOption(n)
		if problem != "" {
			return starter{why: fmt.Sprintf("EFI tries Boot%04X first, and that could not be read (%s)", n, problem)}
		}
		if o == nil || !o.Active || o.App {
			continue
		}
		st := starter{known: true, option: o, again: isCurrent(n)}
		switch {
		case st.again, elsewhere(o, now), s.startsSurely(o):
		case slices.ContainsFunc(order[i:], isCurrent):
			vain = append(vain, entryWords(n, o))
			continue
		default:
			st.words = fmt.Sprintf("EFI tries %s first", entryWords(n, o))
			st.why = st.words + ", and whether that starts anything cannot be told"
			return st
		}
		st.words = fmt.Sprintf("EFI starts %s first", entryWords(n, o))
		if len(vain) > 0 {
			st.words = fmt.Sprintf("EFI tries %s, which started nothing this time, then %s", strings.Join(vain, " and "), entryWords(n, o))
		}
		s.follow(&st, now)
		return st
	}
	return starter{words: "EFI's boot order has no entry that can be followed, so the files of boot loaders tell what starts"}
}

// startsOnce finds the entry of BootNext, which is taken once, whether it is
// active or not. It decides nothing where there is none.
func (s *session) startsOnce(isCurrent func(uint16) bool, now *efiboot.Option) (st starter, decided bool) {
	next, problem := readVariable(s, bootNext, efiboot.Number)
	if l := s.file(bootNext, smallFile); l.absent() || l.unrecorded() {
		return st, false
	}
	if problem != "" {
		return starter{why: "what EFI starts next, by its variable BootNext, could not be read (" + problem + ")"}, true
	}
	o, problem := s.bootOption(next)
	switch {
	case problem != "":
		return starter{why: fmt.Sprintf("EFI starts Boot%04X next, as BootNext says, and that could not be read (%s)", next, problem)}, true
	case o == nil:
		return st, false
	}
	st = starter{known: true, option: o, again: isCurrent(next)}
	st.words = fmt.Sprintf("EFI starts %s next, once, as BootNext says", entryWords(next, o))
	s.follow(&st, now)
	return st, true
}

// readVariable reads a variable of the firmware; problem says why there is no
// value.
func readVariable[T any](s *session, name string, parse func([]byte) (T, error)) (value T, problem string) {
	l := s.file(name, smallFile)
	if !l.known() {
		p := l.why()
		return value, cmp.Or(p.Detail, string(p.Cause))
	}
	value, err := parse(l.data)
	if err != nil {
		return value, s.damaged(l, err).Detail
	}
	return value, ""
}

// bootOption reads an entry; nil where there is none, which the firmware passes
// over as well. One that is there and cannot be read has a problem: it may be
// started.
func (s *session) bootOption(n uint16) (o *efiboot.Option, problem string) {
	l := s.file(bootEntry(n), smallFile)
	if l.absent() {
		return nil, ""
	}
	o, problem = readVariable(s, bootEntry(n), efiboot.Parse)
	if problem != "" && l.known() {
		// What exactly is wrong depends on what an archive leaves out.
		problem = "no boot entry of EFI's"
	}
	return o, problem
}

// entryWords names an entry by its number and what it starts. What the firmware
// calls it is not shown: that has serial numbers and addresses in it.
func entryWords(n uint16, o *efiboot.Option) string {
	what := map[efiboot.Medium]string{
		efiboot.Disk: "a disk's default loader", efiboot.Network: "the network", efiboot.Removable: "a removable medium",
		efiboot.Firmware: "a program of the firmware", efiboot.Legacy: "a disk, as a BIOS does", efiboot.Other: "a device",
	}[o.Medium()]
	if o.File != "" {
		what = blankNames(o.File)
	}
	return fmt.Sprintf("Boot%04X (%s)", n, procfs.Value([]byte(what)))
}

// startsSurely reports whether an entry can be taken to start something: a
// program of the firmware, or one that is in its place as far as can be seen.
func (s *session) startsSurely(o *efiboot.Option) bool {
	switch {
	case o.Medium() == efiboot.Firmware:
		return true
	case o.Medium() != efiboot.Disk || o.File == "":
		return false
	}
	_, _, gone := s.onSystemPartition(o.File)
	return !gone
}

// onSystemPartition finds a file that firmware names, where the EFI system
// partition is mounted. FAT knows no difference between small letters and
// capital ones. Gone is true where such a partition could be looked at and does
// not have it.
func (s *session) onSystemPartition(file string) (name string, found, gone bool) {
	parts := strings.FieldsFunc(file, func(r rune) bool { return r == '\\' || r == '/' })
	if len(parts) > 16 {
		return "", false, false
	}
	unread := false
	for _, at := range systemPartitions() {
		for i, part := range parts {
			l := s.dir(at, maxEntries)
			n := slices.IndexFunc(l.names, func(name string) bool { return strings.EqualFold(name, part) })
			if !l.known() {
				unread = unread || !l.absent() && !l.unrecorded()
				break
			}
			if n < 0 {
				// Where the first directory is there it is such a partition, but
				// /boot/efi is one of its own, or nothing is mounted there.
				gone = gone || i > 0 && at != "/boot/efi"
				break
			}
			at += "/" + l.names[n]
			if i == len(parts)-1 {
				return at, true, false
			}
		}
	}
	return "", false, gone && !unread
}

// elsewhere reports whether an entry is for another partition than what started
// this time: perhaps that of another system, whose files are not these.
func elsewhere(o, now *efiboot.Option) bool {
	return o.Partition != 0 && now.Partition != 0 && o.Partition != now.Partition
}

// follow tells which loader an entry starts, by the name of its program.
func (s *session) follow(st *starter, now *efiboot.Option) {
	st.loader = s.loaderOf(st.option)
	switch m := st.option.Medium(); {
	case elsewhere(st.option, now):
		st.why = st.words + ", from another partition than the one that started this machine, and what that boots cannot be told"
	case st.option.File != "":
	case m == efiboot.Network, m == efiboot.Removable, m == efiboot.Firmware:
		st.why = st.words + ", and what that boots cannot be told"
	}
}

func (s *session) loaderOf(o *efiboot.Option) loader {
	if o.File == "" {
		return loaderUnnamed
	}
	file := strings.ToLower(strings.ReplaceAll(o.File, `\`, "/"))
	base := path.Base(file)
	for _, known := range []struct {
		prefix string
		loader loader
	}{
		{"grub", loaderGRUB}, {"systemd-boot", "systemd-boot"}, {"refind", "rEFInd"}, {"bootmgfw", "Windows' boot manager"}, {"xen", loaderXen},
	} {
		if strings.HasPrefix(base, known.prefix) {
			return known.loader
		}
	}
	switch {
	case strings.HasPrefix(base, "shim"):
		// It starts GRUB unless it is told another program.
		if a := strings.ToLower(o.Arguments); strings.Contains(a, ".efi") && !strings.Contains(a, "grub") {
			return loader(procfs.Value([]byte(blankNames(o.Arguments))))
		}
		return loaderGRUB
	case strings.HasPrefix(base, "boot") && path.Base(path.Dir(file)) == "boot":
		return loaderUnnamed // \EFI\BOOT\BOOTX64.EFI (UEFI 2.10, 3.5.1.1)
	}
	return loader(procfs.Value([]byte(blankNames(path.Base(strings.ReplaceAll(o.File, `\`, "/"))))))
}

// booted is the hypervisor that boots next.
type booted struct {
	file        string // what is loaded
	commandLine facts.Observed[facts.CommandLine]
}

// configNames are the names under which xen.efi looks for its configuration: its
// own, cut at the last of the characters . - _ again and again (point_tail in
// xen/common/efi/boot.c).
func configNames(program string) []string {
	var names []string
	for len(names) < 16 {
		i := strings.LastIndexAny(program, ".-_")
		if i < 0 {
			break
		}
		program = program[:i]
		names = append(names, program+".cfg")
	}
	return names
}

// startedXen tells what a xen.efi boots that the firmware starts itself.
func (s *session) startedXen(st starter) (*booted, NextBoot) {
	boot := NextBoot{Firmware: st.words, Loader: string(loaderXen)}
	if st.option.Arguments != "" || st.option.Data > 0 {
		boot.Why = "xen.efi is given arguments by its boot entry, which are not followed"
		return nil, boot
	}
	program, found, _ := s.onSystemPartition(st.option.File)
	if !found {
		boot.Why = "xen.efi could not be found on the EFI system partition"
		return nil, boot
	}
	dir, names := path.Dir(program), s.dir(path.Dir(program), maxEntries).names
	for _, want := range configNames(path.Base(program)) {
		n := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, want) })
		if n < 0 {
			continue
		}
		l := s.file(dir+"/"+names[n], smallFile)
		boot.Source = l.source
		if !l.known() {
			boot.Why = l.source + " could not be read: " + cmp.Or(l.why().Detail, string(l.why().Cause))
			return nil, boot
		}
		file, err := xencfgfile.Parse(l.data)
		if err != nil {
			boot.Why = s.damaged(l, err).Detail
			return nil, boot
		}
		cfg, ok := file.Boot("")
		switch {
		case !ok:
			boot.Why = l.source + " has no section that boots by default"
			return nil, boot
		case cfg.Kernel == "" && cfg.Chain != "":
			boot.Why = l.source + " leads to another file, which is not followed"
			return nil, boot
		}
		boot.Title, boot.Line = blankNames(procfs.Value([]byte(cfg.Section))), file.Line(cfg.Section)
		boot.File, boot.Xen = blankNames(program), true
		if cfg.Kernel == "" {
			boot.Why = "its section names no kernel of dom0"
		}
		return &booted{program, facts.Is(facts.CommandLine{Text: redactXenLine(cfg.Options), NextBoot: true}, l.source).WithNote("section " + cfg.Section)}, boot
	}
	boot.Why = "no configuration is beside " + blankNames(program) + ", and what it carries itself is not read"
	return nil, boot
}
