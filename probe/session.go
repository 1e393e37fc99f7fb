package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xencheck/xencheck/probe/armcore"
	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/acpi"
	"github.com/xencheck/xencheck/probe/internal/board"
	"github.com/xencheck/xencheck/probe/internal/cpuinfo"
	"github.com/xencheck/xencheck/probe/internal/procfs"
	"github.com/xencheck/xencheck/probe/internal/smbios"
	"github.com/xencheck/xencheck/probe/internal/xencall"
	"github.com/xencheck/xencheck/probe/internal/xldmesg"
	"github.com/xencheck/xencheck/probe/internal/xlinfo"
)

// Upper bounds of what an honest source holds. Anything larger is refused, not
// read.
const (
	smallFile   = 64 << 10 // attributes of sysfs, os-release, dmi strings
	textFile    = 4 << 20  // zoneinfo, iomem, interrupts of a large machine
	cpuinfoFile = 24 << 20 // 8192 CPUs with long flags take 19 MiB
	tableFile   = 16 << 20 // ACPI tables, SMBIOS, device trees
	maxNames    = 1 << 18  // 98,304 memory blocks and room to grow
	maxEntries  = 64 << 10 // CPUs, firmware map entries, tables
	rootRemedy  = "run xencheck as root"
	bareRemedy  = "boot this machine once without Xen and run xencheck there, or give --root, --dtb or --acpi of the bare machine"
	guestRemedy = "run xencheck on the host itself"
)

// look is what came of looking at one source.
type look struct {
	source  string      // as reports name it
	state   facts.State // Known: data was read; Absent: not there; Unknown: see problem
	data    []byte
	names   []string
	problem *facts.Problem
	partial bool // of a captured tree, which need not hold all there was
}

func (l look) known() bool  { return l.state == facts.Known }
func (l look) absent() bool { return l.state == facts.Absent }
func (l look) text() string { return procfs.Value(l.data) }

// unrecorded reports whether nobody knows if the source is there, of a captured
// tree that does not hold it.
func (l look) unrecorded() bool {
	return l.absent() && l.partial || l.problem != nil && l.problem.Cause == facts.NotRecorded
}

// why returns the problem that keeps a fact of this source from being known.
// A source that is not there has one too, for facts that need it.
func (l look) why() *facts.Problem {
	switch {
	case l.problem != nil:
		return l.problem
	case l.absent() && l.partial:
		return &facts.Problem{Cause: facts.NotRecorded, Source: l.source, Detail: "what was given does not hold it"}
	case l.absent():
		return &facts.Problem{Cause: facts.NotExposed, Source: l.source, Detail: "there is no such source on this machine"}
	}
	return &facts.Problem{Cause: facts.Incomplete, Source: l.source, Detail: "it does not say"}
}

// malformed returns the problem of a source that was read and not understood.
func (l look) malformed(err error) *facts.Problem {
	return &facts.Problem{Cause: facts.Malformed, Source: l.source, Detail: err.Error()}
}

// session is one run of Collect: the root, what was looked at so far, what was
// understood of it, and the host that comes of it.
type session struct {
	opts   Options
	root   Root
	closer io.Closer
	live   bool // the running machine
	// whole is true when what is missing was not there: on the running
	// machine, and in an archive made there. A captured tree may be a part.
	whole   bool
	given   map[string]string // paths whose bytes the user gave, with the name of the file
	seen    map[string]look
	sources map[string]int // index in host.Sources by name
	host    *facts.Host

	family       family
	cpuinfo      *cpuinfo.Info // nil when it could not be read at all
	cpuinfoLook  look
	dump         *dumped // nil without --cpuid
	midr         []armcore.MIDR
	tables       tableList
	madt         acpi.MADT // meaningful when madtLook is known
	madtLook     look
	board        *board.Board // nil without a device tree
	boardSource  string
	boardPart    *facts.Problem // part of the tree could not be read: what it does not show may be there
	boardLook    look
	smbios       *smbios.Info // nil when it could not be read
	smbiosSource string
	dmi          map[string]look // by name in /sys/class/dmi/id
	underXen     bool

	// What was given of xl's output; nil without it.
	info          *xlinfo.Info
	infoSource    string
	console       *xldmesg.Log // also of the running Xen
	consoleSource string
	replays       bool // the root is an archive
	paper         bool // and one that was made of no machine

	// What the running Xen says of the host; see askXen.
	version    versionReading
	xenLook    look                  // of version
	refused    *facts.Problem        // why Xen could not be asked about its host; nil when it was, or need not be
	phys       *physical             // nil when nobody told
	cpus       []xencall.PhysicalCPU // x86 alone
	cpusSource string
	kernels    int            // different kernels of domains that were looked at
	bootTree   []string       // see facts.Xen.BootTree
	treeGuests []facts.Domain // domains that the device tree makes Xen start
	bootArgs   string         // /chosen's xen,xen-bootargs
}

func (s *session) close() {
	if s.closer != nil {
		s.closer.Close()
	}
}

// isPaper reports whether no machine was looked at, running or captured, but
// single files or values.
func (s *session) isPaper() bool {
	k := s.host.Origin.Kind
	return k == facts.Files || k == facts.Paper || s.paper
}

// file reads a file once; later calls get the same bytes.
func (s *session) file(name string, limit int64) look {
	l := s.fileQuietly(name, limit)
	s.note(l)
	return l
}

// fileQuietly is file for one of many like sources that are listed as one.
func (s *session) fileQuietly(name string, limit int64) look {
	if l, ok := s.seen[name]; ok {
		return l
	}
	l := look{source: s.display(name)}
	var err error
	l.data, err = s.root.ReadFile(name, limit)
	s.classify(&l, err)
	if l.known() && isKernelText(name) {
		if p := unsound(l.data, !isInterface(name) || name == unameInterface); p != nil {
			p.Source = l.source
			l.state, l.problem, l.data = facts.Unknown, p, nil
		}
	}
	s.seen[name] = l
	return l
}

// isKernelText reports whether a source is text that the kernel writes line by
// line, or JSON that an interface is recorded as. What firmware put behind the names in /sys/class/dmi is nobody's text,
// and a process's environment has no lines.
func isKernelText(name string) bool {
	switch {
	case name == initEnviron, strings.HasPrefix(name, procTree+"/"), strings.HasPrefix(name, dmiID+"/"),
		strings.HasPrefix(name, sysFirmware) && !strings.HasPrefix(name, firmwareMap+"/"), name == sysHypervisor+"/properties/buildid":
		return false
	}
	switch name {
	case unameInterface, cpuidInterface, ghwInterface, processInterface, xenstoreInterface:
		return true
	case callConsole, callConfig: // of which each line speaks for itself
		return false
	}
	return strings.HasPrefix(name, hypercallPrefix) || strings.HasPrefix(name, "/proc/") || strings.HasPrefix(name, "/sys/")
}

// unsound says what is wrong with a text of the kernel's by its bytes alone:
// it has none that are not text, and, in lines, the last of them ends. A shorter
// one is a part, and of a list of CPUs or an amount of memory a part makes
// sense, too.
func unsound(b []byte, lines bool) *facts.Problem {
	if i := bytes.IndexFunc(b, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f || r == utf8.RuneError
	}); i >= 0 {
		return &facts.Problem{Cause: facts.Malformed, Detail: fmt.Sprintf("byte %d is none of a text", i)}
	}
	if lines && len(b) > 0 && b[len(b)-1] != '\n' {
		return &facts.Problem{Cause: facts.Truncated, Detail: "its last line does not end"}
	}
	return nil
}

// dir lists a directory once.
func (s *session) dir(name string, limit int) look {
	key := name + "/"
	if l, ok := s.seen[key]; ok {
		return l
	}
	l := look{source: s.display(name)}
	var err error
	l.names, err = s.root.ReadDir(name, limit)
	s.classify(&l, err)
	s.seen[key] = l
	s.note(l)
	return l
}

// link reads a symbolic link.
func (s *session) link(name string) look {
	l := look{source: s.display(name)}
	target, err := s.root.ReadLink(name)
	l.data = []byte(target)
	s.classify(&l, err)
	s.note(l)
	return l
}

// display returns the name under which reports speak of a source.
func (s *session) display(name string) string {
	if g, ok := s.given[name]; ok {
		return g
	}
	return publicName(name)
}

// note lists a source in the order of looking, once.
func (s *session) note(l look) {
	if i, ok := s.sources[l.source]; ok {
		// One name can stand for several reads; a problem is worth more than
		// a success, and a success more than an absence.
		old := &s.host.Sources[i]
		if l.state == facts.Unknown && old.State != facts.Unknown || l.state == facts.Known && old.State == facts.Absent {
			old.State, old.Problem = l.state, l.problem
		}
		return
	}
	s.sources[l.source] = len(s.host.Sources)
	s.host.Sources = append(s.host.Sources, facts.Source{Name: l.source, State: l.state, Problem: l.problem})
}

// damaged marks a source that was read and not understood.
func (s *session) damaged(l look, err error) *facts.Problem {
	p := l.malformed(err)
	s.note(look{source: l.source, state: facts.Unknown, problem: p})
	return p
}

// classify turns an error of the root into a state, and a problem with a
// remedy.
func (s *session) classify(l *look, err error) {
	if err == nil {
		l.state = facts.Known
		return
	}
	if errors.Is(err, fs.ErrNotExist) {
		l.state, l.partial = facts.Absent, !s.whole
		return
	}
	l.state = facts.Unknown
	var recorded *facts.Problem
	if errors.As(err, &recorded) {
		p := *recorded
		p.Source = l.source
		l.problem = &p
		return
	}
	p := &facts.Problem{Source: l.source}
	l.problem = p
	switch {
	case errors.Is(err, fs.ErrPermission):
		p.Cause, p.Detail = facts.NoPermission, "the kernel refused to let it be read"
		switch {
		case !s.live:
			p.Detail, p.Remedy = "the captured file may not be read", "make the captured file readable"
		case s.host.Origin.Privileged:
			p.Detail += ", even to root"
		default:
			p.Remedy = rootRemedy
		}
	case errors.Is(err, ErrNotRecorded):
		p.Cause, p.Detail = facts.NotRecorded, "what was given does not hold it"
	case errors.Is(err, ErrTooLarge):
		p.Cause, p.Detail = facts.TooLarge, ErrTooLarge.Error()
	case errors.Is(err, ErrNotFile):
		p.Cause, p.Detail = facts.NotAFile, err.Error()
	case errors.Is(err, ErrTimeout):
		p.Cause, p.Detail = facts.TimedOut, ErrTimeout.Error()
	default:
		p.Cause, p.Detail = facts.ReadError, plain(err)
	}
}

// plain returns an error's text without the path that os puts in front: the
// source is named beside it already.
func plain(err error) string {
	var pe *fs.PathError
	var se *os.SyscallError
	switch {
	case errors.As(err, &pe):
		return pe.Err.Error()
	case errors.As(err, &se):
		return se.Err.Error()
	}
	return err.Error()
}

// numbered returns the numbers N of the names PREFIX+N, ascending.
func numbered(names []string, prefix string) []int {
	var ns []int
	for _, name := range names {
		if digits, ok := strings.CutPrefix(name, prefix); ok && digits != "" {
			if n, err := strconv.Atoi(digits); err == nil && n >= 0 {
				ns = append(ns, n)
			}
		}
	}
	slices.Sort(ns)
	return ns
}
