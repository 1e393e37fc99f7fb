package probe

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/acpi"
	"github.com/xencheck/xencheck/probe/internal/fdt"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

// openGiven reads the files that the user named and puts each where Linux
// would show it, in front of the root. Files are given by name, so one that is
// not what it should be is the user's error, and no mere unknown.
func (s *session) openGiven() error {
	s.whole = s.live
	if r, ok := unguarded(s.root).(*replayRoot); ok {
		s.whole, s.replays, s.paper = r.live, true, r.paper
	}
	front := newMemoryRoot()
	var err error
	if s.midr, err = parseMIDRs(s.opts.MIDR); err != nil {
		return err
	}
	if name := s.opts.DTB; name != "" {
		b, err := readGiven(name, tableFile)
		if err != nil {
			return err
		}
		if _, err := fdt.Parse(b); err != nil {
			return fmt.Errorf("%s: not a device tree: %w", name, err)
		}
		s.give(front, blobFile, name, b)
	}
	if name := s.opts.ACPI; name != "" {
		if err := s.giveACPI(front, name); err != nil {
			return err
		}
	}
	if name := s.opts.CPUID; name != "" {
		b, err := readGiven(name, cpuinfoFile)
		if err != nil {
			return err
		}
		if s.dump, err = readDump(b); err != nil {
			return fmt.Errorf("%s: not a CPUID dump: %w", name, err)
		}
		s.dump.source = name
		s.host.Origin.What = append(s.host.Origin.What, name)
		l := look{source: name, state: facts.Known}
		s.note(l)
		if s.dump.problem != nil {
			s.damaged(l, s.dump.problem)
		}
	}
	if err := s.giveTexts(front); err != nil {
		return err
	}
	for _, v := range []struct {
		given bool
		what  string
	}{{len(s.opts.MIDR) > 0, "--midr"}, {s.opts.Memory > 0, "--memory"}, {s.opts.CPUs > 0, "--cpus"}} {
		if v.given {
			s.host.Origin.What = append(s.host.Origin.What, v.what)
		}
	}
	s.root = &frontRoot{front: front, Root: s.root}
	return nil
}

// give puts one file in front of the root.
func (s *session) give(front *memoryRoot, at, name string, b []byte) {
	front.files[at] = b
	s.given[at] = name
	s.host.Origin.What = append(s.host.Origin.What, name)
}

// giveACPI takes a directory of tables, named as Linux names them or with the
// suffixes of acpixtract and iasl (apic.dat, DMAR.aml), or the text of
// acpidump.
func (s *session) giveACPI(front *memoryRoot, name string) error {
	s.host.Origin.What = append(s.host.Origin.What, name)
	fi, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, errors.New(plain(err)))
	}
	tables := []string{}
	add := func(signature, source string, b []byte) {
		if !slices.Contains(tables, signature) {
			tables = append(tables, signature)
			front.files[acpiTables+"/"+signature] = b
			s.given[acpiTables+"/"+signature] = source
		}
	}
	if fi.IsDir() {
		t, err := openTree(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, errors.New(plain(err)))
		}
		defer t.Close()
		names, err := t.ReadDir("/", maxEntries)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		slices.Sort(names)
		for _, n := range names {
			signature := strings.ToUpper(strings.TrimSuffix(n, path.Ext(n)))
			if !isSignature(signature) || procfs.Value([]byte(n)) != n {
				continue
			}
			b, err := t.ReadFile("/"+n, tableFile)
			if errors.Is(err, ErrNotFile) {
				continue
			}
			if err != nil {
				// It is there and cannot be read: that is what the facts say.
				var l look
				s.classify(&l, err)
				tables = append(tables, signature)
				front.problems[acpiTables+"/"+signature+" file"] = l.problem
				s.given[acpiTables+"/"+signature] = filepath.Join(name, n)
				continue
			}
			add(signature, filepath.Join(name, n), b)
		}
	} else {
		b, err := readGiven(name, cpuinfoFile)
		if err != nil {
			return err
		}
		dump, err := acpi.ParseDump(b)
		if len(dump) == 0 {
			if err == nil {
				err = errors.New("it holds no table")
			}
			return fmt.Errorf("%s: not the text of acpidump: %w", name, err)
		}
		for _, t := range dump {
			if t.Name = strings.TrimSpace(t.Name); !isSignature(t.Name) || procfs.Value([]byte(t.Name)) != t.Name {
				continue
			}
			add(t.Name, name+" ("+t.Name+")", t.Data)
		}
		if err != nil {
			s.note(look{source: name, state: facts.Unknown, problem: &facts.Problem{Cause: facts.Malformed, Source: name, Detail: "partly: " + strings.ReplaceAll(err.Error(), "\n", "; ")}})
		}
	}
	if !slices.ContainsFunc(tables, isSignature) {
		return fmt.Errorf("%s: no ACPI tables in it", name)
	}
	front.dirs[acpiTables] = tables
	s.given[acpiTables] = name
	return nil
}

// readGiven reads a file that the user named.
func readGiven(name string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.New(plain(err)))
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.New(plain(err)))
	}
	if err := regular(fi.Mode()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b, err := readBounded(f, fi.Size(), limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.New(plain(err)))
	}
	return b, nil
}

// frontRoot is a root with files in front of it.
type frontRoot struct {
	front *memoryRoot
	Root
}

func (r *frontRoot) ReadFile(name string, limit int64) ([]byte, error) {
	if r.covers(name) {
		return r.front.ReadFile(name, limit)
	}
	b, err := r.Root.ReadFile(name, limit)
	if err != nil && isInterface(name) {
		return derived(r.Root, name, err)
	}
	return b, err
}

func (r *frontRoot) ReadDir(name string, limit int) ([]string, error) {
	if _, ok := r.front.dirs[name]; ok {
		return r.front.ReadDir(name, limit)
	}
	return r.Root.ReadDir(name, limit)
}

// covers reports whether a file is in front: itself, or by a directory that is
// there in whole.
func (r *frontRoot) covers(name string) bool {
	if _, ok := r.front.files[name]; ok {
		return true
	}
	_, ok := r.front.dirs[path.Dir(name)]
	return ok
}

// unguarded returns the root that a guard is put around.
func unguarded(r Root) Root {
	if g, ok := r.(*guardedRoot); ok {
		return g.Root
	}
	return r
}
