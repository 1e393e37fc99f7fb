// Package mutant breaks what a machine tells of itself, one or two sources at a
// time, to see whether any verdict gets better for it.
//
// A [Machine] is a recorded host held in memory. A [Fault] is one thing that
// can go wrong with one of its sources. [Machine.Collect] looks at the machine
// with some faults in it, and [Improvements] names what those made better.
package mutant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/xencheck/xencheck/probe"
	"github.com/xencheck/xencheck/probe/facts"
)

// Kind tells the three ways a source is looked at.
type Kind string

// The kinds of source.
const (
	File Kind = "file"
	Dir  Kind = "dir"
	Link Kind = "link"
)

// Source is one place that was looked at. Its name is a path as Linux spells
// it, or, without a leading slash, an interface of the running system.
type Source struct {
	Name string
	Kind Kind
}

// Machine is a recorded host, with everything that was ever asked of it kept in
// memory. It may be used by several goroutines.
type Machine struct {
	Name  string
	Facts *facts.Host // without any fault

	whole   bool // what it does not hold was not there
	root    probe.Root
	mu      sync.Mutex
	tape    map[Source]answer
	sources []Source
}

// answer is what a root once said.
type answer struct {
	data   []byte
	names  []string
	target string
	err    error
}

// Open reads a captured tree or an archive, and looks at it once.
func Open(name, file string) (*Machine, error) {
	root, whole, err := probe.Open(file)
	if err != nil {
		return nil, err
	}
	return New(name, root, whole)
}

// New looks at a machine once. Whole says that what it does not hold was not
// there either.
func New(name string, root probe.Root, whole bool) (*Machine, error) {
	m := &Machine{Name: name, whole: whole, root: root, tape: map[Source]answer{}}
	var err error
	if m.Facts, err = m.Collect(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for s, a := range m.tape {
		if a.err == nil {
			m.sources = append(m.sources, s)
		}
	}
	slices.SortFunc(m.sources, func(a, b Source) int { return strings.Compare(a.Name+string(a.Kind), b.Name+string(b.Kind)) })
	return m, nil
}

// Sources lists what was looked at and was there, in order.
func (m *Machine) Sources() []Source { return m.sources }

// Data returns the bytes of a file that was looked at.
func (m *Machine) Data(name string) []byte { return m.ask(Source{name, File}).data }

// HangsAfter is how long a read may take where one hangs for ever.
const HangsAfter = 10 * time.Millisecond

// Collect looks at the machine with faults in it.
func (m *Machine) Collect(faults ...Fault) (*facts.Host, error) {
	b := &broken{machine: m, faults: map[Source]Fault{}, release: make(chan struct{})}
	defer close(b.release)
	patience := time.Minute // a busy machine hangs nobody
	for _, f := range faults {
		if f.What == Unprivileged {
			b.unprivileged = true
			continue
		}
		if f.What == Hanging {
			patience = HangsAfter
		}
		b.faults[f.Source] = f
	}
	return probe.Collect(context.Background(), probe.Options{
		FS: b, FSLive: m.whole, ReadTimeout: patience, Tool: "xencheck",
		Now: func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) },
	})
}

// largest is more than any source may hold; the real limits are the probes'.
const largest = 1 << 30

// ask returns what the machine says without faults, from memory when it was
// asked before.
func (m *Machine) ask(s Source) answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.tape[s]; ok {
		return a
	}
	var a answer
	switch s.Kind {
	case File:
		a.data, a.err = m.root.ReadFile(s.Name, largest)
	case Dir:
		a.names, a.err = m.root.ReadDir(s.Name, largest)
	case Link:
		a.target, a.err = m.root.ReadLink(s.Name)
	}
	if errors.Is(a.err, probe.ErrNotRecorded) && m.whole {
		a.err = fs.ErrNotExist
	}
	m.tape[s] = a
	return a
}

// broken is a machine with faults in it, as the probes see it.
type broken struct {
	machine      *Machine
	faults       map[Source]Fault
	unprivileged bool
	release      chan struct{} // closed when the looking is over, for what hangs
}

// look returns what a source says with all faults.
func (b *broken) look(s Source) answer {
	a := b.machine.ask(s)
	if f, ok := b.faults[s]; ok {
		return b.suffer(f, a)
	}
	if b.unprivileged && a.err == nil && forRootAlone(s) {
		return answer{err: fs.ErrPermission}
	}
	// A directory that was taken away takes along what it holds, and what was
	// taken away is no longer listed.
	for _, f := range b.faults {
		if f.What != Removed {
			continue
		}
		if f.Source.Kind == Dir && strings.HasPrefix(s.Name, f.Source.Name+"/") {
			return answer{err: b.missing(s.Name)}
		}
		if s.Kind == Dir && a.err == nil && path.Dir(f.Source.Name) == s.Name {
			a.names = slices.DeleteFunc(slices.Clone(a.names), func(n string) bool { return n == path.Base(f.Source.Name) })
		}
	}
	return a
}

// missing is what a machine says of a source that it does not have: a captured
// tree knows it only of a directory that it holds.
func (b *broken) missing(name string) error {
	if b.machine.whole || b.machine.ask(Source{path.Dir(name), Dir}).err == nil {
		return fs.ErrNotExist
	}
	return probe.ErrNotRecorded
}

func (b *broken) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := b.Stream(name, limit)
	if err != nil {
		return nil, err
	}
	if held, ok := f.(*held); ok {
		return held.data, nil
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, probe.ErrTooLarge
	}
	return data, nil
}

// held is a file whose bytes are at hand.
type held struct {
	*bytes.Reader
	data []byte
}

func (*held) Close() error { return nil }

// Stream opens what ReadFile reads, to be read piece by piece.
func (b *broken) Stream(name string, limit int64) (io.ReadCloser, error) {
	s := Source{name, File}
	a := b.look(s)
	if a.err != nil {
		return nil, a.err
	}
	if f := b.faults[s]; f.What == Endless {
		return &endless{piece: f.piece(a.data)}, nil
	}
	if int64(len(a.data)) > limit {
		return nil, probe.ErrTooLarge
	}
	return &held{bytes.NewReader(a.data), a.data}, nil
}

func (b *broken) ReadDir(name string, limit int) ([]string, error) {
	a := b.look(Source{name, Dir})
	if a.err != nil {
		return nil, a.err
	}
	if b.faults[Source{name, Dir}].What == Endless || len(a.names) > limit {
		return nil, probe.ErrTooLarge
	}
	return a.names, nil
}

// CountNames counts the names of a directory that match.
func (b *broken) CountNames(name string, limit int, match func(string) bool) (int, error) {
	names, err := b.ReadDir(name, limit)
	n := 0
	for _, name := range names {
		if match(name) {
			n++
		}
	}
	return n, err
}

func (b *broken) ReadLink(name string) (string, error) {
	a := b.look(Source{name, Link})
	return a.target, a.err
}

// endless is a file without an end.
type endless struct {
	piece []byte
	at    int
}

func (*endless) Close() error { return nil }

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], e.piece[e.at:])
		n += c
		if e.at += c; e.at == len(e.piece) {
			e.at = 0
		}
	}
	return n, nil
}

// forRootAlone reports whether an ordinary user is refused a source: what shows
// addresses, serial numbers or other people's processes, and Xen itself.
func forRootAlone(s Source) bool {
	switch {
	case s.Kind != File:
		return false
	case strings.HasPrefix(s.Name, "/sys/firmware/acpi/tables/"), strings.HasPrefix(s.Name, "/sys/firmware/dmi/tables/"),
		strings.HasPrefix(s.Name, "hypercall "), strings.HasPrefix(s.Name, "/var/lib/xen/"), strings.HasPrefix(s.Name, "/sys/hypervisor/properties/"):
		return true
	}
	return slices.Contains([]string{"/sys/firmware/fdt", "/proc/1/environ", "syslog(2)", "xenstore", "/boot/grub/grub.cfg"}, s.Name)
}
