// Package probe finds what can be known of a host: on the running machine, in
// a captured tree or archive, in single files, or in values given for a board
// on paper.
//
// [Collect] fills a [facts.Host]. Each fact says where it was read, or why it
// is not known; a source that fails costs no fact that another source tells.
// The probes read through a [Root] and understand nothing themselves: formats
// are the business of the internal packages. What is supported is not known
// here either.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
)

// defaultTimeout bounds one read. Files of procfs and sysfs answer within
// microseconds; a minute of waiting would help nobody.
const defaultTimeout = 5 * time.Second

// Options says what to look at. The zero Options is the running machine.
type Options struct {
	Root  string // a captured tree, or an archive written by WriteRaw; empty for none
	DTB   string // a flattened device tree
	ACPI  string // a directory of ACPI tables, or the text of acpidump
	CPUID string // the text of a CPUID dump

	// What is known of a Xen from text: of its host when neither Root nor the
	// running machine tells better. A file name "-" is Stdin.
	XLInfo     string // the output of xl info
	XLDmesg    string // Xen's console ring, as xl dmesg prints it, or a log of its serial console
	XenCmdline string // a command line of Xen's itself; outweighs every other one
	XenConfig  string // the .config that Xen was built with

	Domains    []string  // configurations of domains: files of xl.cfg(5), or what xl list -l prints
	DomainDirs bool      // the configurations in /etc/xen and /etc/xen/auto as well
	Stdin      io.Reader // what the file name "-" stands for; nil when it stands for nothing

	MIDR   []string // MIDR_EL1 values in hexadecimal, the boot CPU's first
	Memory uint64   // bytes; 0 when not given
	CPUs   int      // logical CPUs; 0 when not given

	ID        string // the host's name in reports; empty for its host name
	Anonymous bool   // name the host not at all

	Tool        string           // name and version of the collector, for the facts
	ReadTimeout time.Duration    // of one read; 0 for five seconds
	Now         func() time.Time // nil for time.Now

	// Early is what was read before the process was confined; nil for nothing.
	Early *Early

	// FS is read instead of Root and of the running machine when it is not
	// nil. FSLive tells whether it stands for the running machine, which means
	// that what is missing is absent and not merely unrecorded.
	FS     Root
	FSLive bool
}

// onPaper reports whether anything but a root was given.
func (o Options) onPaper() bool {
	return o.DTB != "" || o.ACPI != "" || o.CPUID != "" || o.XLInfo != "" || o.XLDmesg != "" ||
		len(o.MIDR) > 0 || o.Memory != 0 || o.CPUs != 0
}

// Collect looks at what the options name and returns what it found.
//
// The error is not nil only when the options cannot be followed: a root that
// is neither directory nor archive, or a given file that is not what it should
// be. It names the file. Anything that goes wrong later is told by the facts.
func Collect(ctx context.Context, o Options) (*facts.Host, error) {
	s, err := newSession(ctx, o, nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	s.collect()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("collecting was given up: %w", err)
	}
	return s.host, nil
}

// newSession opens the root and the given files. A recorder, when there is
// one, is put around the root.
func newSession(ctx context.Context, o Options, record func(Root) Root) (*session, error) {
	if o.ReadTimeout <= 0 {
		o.ReadTimeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CPUs < 0 {
		return nil, fmt.Errorf("number of CPUs is negative: %d", o.CPUs)
	}
	s := &session{
		opts: o, given: map[string]string{}, seen: map[string]look{}, sources: map[string]int{},
		host: &facts.Host{Schema: facts.Schema, Tool: o.Tool, Sources: []facts.Source{}},
	}
	s.host.Memory.Readings = []facts.MemoryReading{}
	base, err := s.openBase()
	if err != nil {
		return nil, err
	}
	s.root = &guardedRoot{Root: base, ctx: ctx, timeout: o.ReadTimeout}
	if c, ok := base.(io.Closer); ok {
		s.closer = c
	}
	if err := s.openGiven(); err != nil {
		s.close()
		return nil, err
	}
	if record != nil {
		s.root = record(s.root)
	}
	if s.host.Origin.Kind != facts.Paper && s.host.Origin.Kind != facts.Files {
		now := o.Now().UTC().Truncate(time.Second)
		s.host.CollectedAt = &now
	}
	return s, nil
}

// openBase chooses the root and says so in the host's origin.
func (s *session) openBase() (Root, error) {
	o, origin := s.opts, &s.host.Origin
	switch {
	case o.FS != nil:
		origin.Kind = facts.Tree
		if o.FSLive {
			origin.Kind, s.live = facts.Live, true
		}
		return o.FS, nil
	case o.Root != "":
		origin.Kind = facts.Tree
		origin.What = append(origin.What, o.Root)
		return openCaptured(o.Root)
	case o.onPaper():
		origin.Kind = facts.Paper
		if o.DTB != "" || o.ACPI != "" || o.CPUID != "" || o.XLInfo != "" || o.XLDmesg != "" {
			origin.Kind = facts.Files
		}
		return newMemoryRoot(), nil
	}
	origin.Kind, s.live = facts.Live, true
	origin.Privileged = os.Geteuid() == 0
	return liveRoot{early: o.Early}, nil
}

// openCaptured opens a captured tree or an archive.
func openCaptured(name string) (Root, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.New(plain(err)))
	}
	switch {
	case fi.IsDir():
		t, err := openTree(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, errors.New(plain(err)))
		}
		return openUnpacked(t)
	case fi.Mode().IsRegular():
		return openArchive(name)
	}
	return nil, fmt.Errorf("%s: neither a directory nor an archive", name)
}

// collect runs the probes. The order is that of dependence: what the machine
// runs on decides what the other sources are worth.
func (s *session) collect() {
	s.readContainer()
	s.readTexts()
	s.readProcessors()
	s.readFirmwareTables()
	s.readEnvironment()
	s.askXen()
	s.readMachine()
	s.readFirmware()
	s.readCPU()
	s.readMemory()
	s.readIOMMU()
	s.readInterrupts()
	s.readHotplug()
	s.readXen()
	s.readUserspace()
	s.readDomains()
	s.readOS()
	s.readLibraries()
	s.readName()
	s.hideHost()
}
