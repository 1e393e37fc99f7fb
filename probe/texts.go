package probe

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/kconfig"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
	"github.com/xencheck/xencheck/probe/internal/xlinfo"
)

// Texts that the user gives stand in front of the root under these names, so
// that an archive keeps them like any other source.
const (
	textInfo    = "xl info"
	textDmesg   = "xl dmesg"
	textCmdline = "Xen command line"
	textConfig  = "Xen .config"
	textDomains = "domain configurations" // a directory
)

const (
	xlTextFile  = 4 << 20 // xl info and xl dmesg with all that mail does to them
	cmdlineText = 1 << 20 // nobody's command line; but it is for the parser to say what of it counts
	maxDomains  = 4096
)

// giveTexts puts the given texts in front of the root. A file that is not what
// it should be is the user's error.
func (s *session) giveTexts(front *memoryRoot) error {
	o := s.opts
	for _, f := range []struct {
		name, at string
		limit    int64
		check    func([]byte) error
	}{
		{o.XLInfo, textInfo, xlTextFile, func(b []byte) error { _, err := xlinfo.Parse(b); return err }},
		{o.XLDmesg, textDmesg, xlTextFile, func(b []byte) error { _, err := xldmesg.Parse(b); return err }},
		{o.XenConfig, textConfig, xlTextFile, func(b []byte) error { _, err := kconfig.Parse(b); return err }},
	} {
		if f.name == "" {
			continue
		}
		b, err := s.readNamed(f.name, f.limit)
		if err != nil {
			return err
		}
		if err := f.check(b); err != nil {
			return fmt.Errorf("%s: %w", s.called(f.name), err)
		}
		s.give(front, f.at, s.called(f.name), b)
	}
	if o.XenCmdline != "" {
		if len(o.XenCmdline) > cmdlineText {
			return fmt.Errorf("--xen-cmdline: %w", ErrTooLarge)
		}
		s.give(front, textCmdline, "--xen-cmdline", []byte(o.XenCmdline))
	}
	if len(o.Domains) > maxDomains {
		return fmt.Errorf("more than %d domain configurations", maxDomains)
	}
	for i, name := range o.Domains {
		b, err := s.readNamed(name, tableFile)
		if err != nil {
			return err
		}
		entry := fmt.Sprintf("%04d %s", i, strings.ReplaceAll(filepath.Base(name), "/", "_"))
		front.dirs[textDomains] = append(front.dirs[textDomains], entry)
		s.give(front, textDomains+"/"+entry, s.called(name), b)
	}
	return nil
}

// readNamed reads a file that the user named, or standard input.
func (s *session) readNamed(name string, limit int64) ([]byte, error) {
	if name == "-" && s.opts.Stdin != nil {
		b, err := readBounded(s.opts.Stdin, 0, limit)
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return b, nil
	}
	return readGiven(name, limit)
}

// called is what reports call a file that the user named.
func (s *session) called(name string) string {
	if name == "-" && s.opts.Stdin != nil {
		return "standard input"
	}
	return name
}

// text returns a text that was given now, or when the archive was made.
func (s *session) text(name string) look {
	if _, given := s.given[name]; !given && !s.replays {
		return look{source: name, state: facts.Absent}
	}
	l := s.fileQuietly(name, tableFile)
	if l.known() {
		s.note(l)
	}
	return l
}

// readTexts understands what was given of xl's output. It comes before all
// else: a machine of which nothing but such a text is known has its
// architecture from there.
func (s *session) readTexts() {
	if l := s.text(textInfo); l.known() {
		info, err := xlinfo.Parse(l.data)
		if err != nil {
			s.damaged(l, err)
		} else {
			s.info, s.infoSource = info, l.source
		}
	}
	if l := s.text(textDmesg); l.known() {
		s.readConsole(l)
	}
}

// readConsole understands Xen's console ring.
func (s *session) readConsole(l look) {
	log, err := xldmesg.Parse(l.data)
	if err != nil {
		s.damaged(l, err)
		return
	}
	s.console, s.consoleSource = log, l.source
}

// textFamily is the family of processors that xl's output is of.
func (s *session) textFamily() family {
	if s.info != nil {
		words, _ := s.info.Words("xen_caps")
		machine, _ := s.info.String("machine")
		switch all := strings.Join(append(words, machine), " "); {
		case strings.Contains(all, "x86"), strings.Contains(all, "i686"):
			return familyX86
		case strings.Contains(all, "aarch64"), strings.Contains(all, "armv7"), strings.Contains(all, "armv8"):
			return familyArm
		}
	}
	for _, c := range []struct {
		kind xldmesg.Kind
		of   family
	}{
		{xldmesg.ArmProcessor, familyArm}, {xldmesg.GIC, familyArm}, {xldmesg.SMMU, familyArm},
		{xldmesg.CPUVendor, familyX86}, {xldmesg.HVMVendor, familyX86}, {xldmesg.IOMMU, familyX86}, {xldmesg.EFIMap, familyX86},
	} {
		if _, ok := s.seenOnConsole(c.kind); ok {
			return c.of
		}
	}
	return familyUnknown
}

// archOfText is the architecture by the guest types that Xen runs: a 64-bit
// Xen runs 64-bit guests.
func (s *session) archOfText() facts.Observed[facts.Arch] {
	if s.info == nil {
		return s.archOnConsole()
	}
	words, ok := s.info.Words("xen_caps")
	if !ok {
		return facts.Observed[facts.Arch]{}
	}
	arch := facts.Arch("")
	for _, w := range words {
		switch {
		case strings.HasSuffix(w, "-x86_64"):
			arch = facts.X86_64
		case strings.HasSuffix(w, "-aarch64"):
			arch = facts.Arm64
		case strings.HasSuffix(w, "-armv7l") && arch == "":
			arch = facts.Arm32
		}
	}
	if arch == "" {
		return facts.Observed[facts.Arch]{}
	}
	return facts.Is(arch, s.infoSource).WithNote("by the guest types that Xen runs")
}

// archOnConsole is the architecture by the lines of Xen's console: on x86 Xen
// has been 64-bit only since 4.3, and on Arm the width of a register shows.
func (s *session) archOnConsole() facts.Observed[facts.Arch] {
	var none facts.Observed[facts.Arch]
	if s.textFamily() == familyX86 {
		return facts.Is(facts.X86_64, s.consoleSource).WithNote("Xen runs on 64-bit x86 alone")
	}
	f, ok := s.seenOnConsole(xldmesg.ArmProcessor)
	if !ok {
		return none
	}
	switch len(strings.TrimPrefix(f.Value(0), "0x")) {
	case 16:
		return facts.Is(facts.Arm64, s.consoleSource)
	case 8:
		return facts.Is(facts.Arm32, s.consoleSource).WithNote("Xen is a 32-bit one")
	}
	return none
}

// seenOnConsole returns the last line of a kind that Xen's console still has.
func (s *session) seenOnConsole(kind xldmesg.Kind) (xldmesg.Fact, bool) {
	if s.console == nil {
		return xldmesg.Fact{}, false
	}
	return s.console.Seen(kind)
}

// redactXenLine blanks what identifies a machine in a command line of Xen's.
// Its own options hold nothing of the kind but what somebody has put there;
// behind " -- " stands dom0's, which names its disks.
func redactXenLine(line string) string {
	own, dom0, has := strings.Cut(line, " -- ")
	words := strings.Split(own, " ")
	for i, w := range words {
		key, value, given := strings.Cut(w, "=")
		switch {
		case given && blanks("x="+value):
			words[i] = key + "=" + procfs.Removed
		case !given && blanks(w):
			words[i] = procfs.Removed
		}
	}
	own = strings.Join(words, " ")
	if has {
		return own + " -- " + procfs.Redact(dom0)
	}
	return own
}

// blanks reports whether a word holds something to be blanked.
func blanks(w string) bool {
	return !strings.Contains(w, procfs.Removed) && strings.Contains(procfs.Redact(w), procfs.Removed)
}

// redactInfo blanks the host's name in the output of xl info, and what its
// command line may tell.
func redactInfo(b []byte) []byte {
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		key, _, found := strings.Cut(line, ":")
		switch {
		case found && strings.TrimLeft(strings.TrimSpace(key), "> ") == "host":
			out.WriteString(key + ": " + procfs.Removed + "\n")
		default:
			text := strings.TrimRight(line, "\r\n")
			out.WriteString(redactXenLine(text) + line[len(text):])
		}
	}
	return []byte(out.String())
}
