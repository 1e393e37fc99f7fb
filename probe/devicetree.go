package probe

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/xencheck/xencheck/probe/facts"
	"github.com/xencheck/xencheck/probe/internal/board"
	"github.com/xencheck/xencheck/probe/internal/fdt"
	"github.com/xencheck/xencheck/probe/internal/procfs"
)

const (
	blobFile  = "/sys/firmware/fdt"
	treeDir   = "/sys/firmware/devicetree/base"
	procTree  = "/proc/device-tree" // on a running system a link to treeDir
	maxLevels = 4096                // names in one node
)

// readBoard reads the device tree: the blob that the boot loader handed over,
// which root alone may read, or the directories that the kernel makes of it.
func (s *session) readBoard() {
	if s.isX86() && !s.isPaper() {
		// Hardly any x86 machine has one, and what little it says is not about
		// what xencheck wants to know.
		s.boardLook = s.dir(sysFirmware, maxEntries)
		if s.boardLook.known() && !slices.Contains(s.boardLook.names, "devicetree") {
			s.boardLook.state = facts.Absent
		}
		return
	}
	blob := s.file(blobFile, tableFile)
	s.boardLook = blob
	if blob.known() {
		tree, err := fdt.Parse(blob.data)
		if err == nil {
			s.setBoard(tree, blob.source)
			return
		}
		s.boardLook.state = facts.Unknown
		s.boardLook.problem = s.damaged(blob, err)
		if errors.Is(err, fdt.ErrTruncated) {
			s.boardLook.problem.Cause = facts.Truncated
		}
	}
	for _, dir := range []string{treeDir, procTree} {
		l := s.dir(dir, maxLevels)
		if !l.known() {
			continue
		}
		tree, err := fdt.FromFS(rootFS{s.root, dir})
		if err != nil {
			s.damaged(l, err)
			continue
		}
		s.setBoard(tree, l.source)
		return
	}
}

func (s *session) setBoard(t *fdt.Tree, source string) {
	b := board.Read(t)
	s.board, s.boardSource = &b, source
	if len(t.Problems) > 0 {
		s.boardPart = &facts.Problem{Cause: facts.Incomplete, Source: source, Detail: "part of the device tree could not be read: " + procfs.Value([]byte(t.Problems[0].Error()))}
	}
	s.boardLook = look{source: source, state: facts.Known}
	s.readBootTree(t)
	s.readBootConsole(t)
	if err := errors.Join(slices.Concat(t.Problems, b.Problems)...); err != nil {
		// The rest of the tree still counts: only what a fact rests on matters.
		s.note(look{source: source, state: facts.Unknown, problem: &facts.Problem{
			Cause: facts.Malformed, Source: source, Detail: "partly: " + strings.ReplaceAll(err.Error(), "\n", "; "),
		}})
	}
}

// noDescription is the problem of a fact that ACPI tables or a device tree
// would tell, where neither could be read.
func (s *session) noDescription() *facts.Problem {
	switch {
	case s.boardLook.problem != nil && s.boardLook.problem.Cause != facts.NotRecorded:
		return s.boardLook.problem
	case s.tables.problem != nil:
		return s.tables.problem
	case s.masked() != nil:
		return s.masked()
	}
	return &facts.Problem{Cause: facts.NotExposed, Source: blobFile, Detail: "neither ACPI tables nor a device tree are shown"}
}

// rootFS shows a directory of a root as the file system that a device tree of
// directories is read from. A Root tells no file types; what can be listed is
// a directory, and anything else is opened when it is read.
type rootFS struct {
	root Root
	base string
}

func (r rootFS) Open(name string) (fs.File, error) {
	b, err := r.root.ReadFile(path.Join(r.base, name), smallFile)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return &memoryFile{Reader: bytes.NewReader(b), name: path.Base(name), size: int64(len(b))}, nil
}

func (r rootFS) ReadDir(name string) ([]fs.DirEntry, error) {
	dir := path.Join(r.base, name)
	names, err := r.root.ReadDir(dir, maxLevels)
	if err != nil {
		return nil, &fs.PathError{Op: "list", Path: name, Err: err}
	}
	entries := make([]fs.DirEntry, 0, len(names))
	for _, n := range slices.Sorted(slices.Values(names)) {
		e := treeEntry{name: n}
		if !plainProperty(n) {
			_, err := r.root.ReadDir(path.Join(dir, n), maxLevels)
			e.dir = err == nil
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// plainProperty reports whether a name is surely that of a property, so that
// the most frequent files need not be tried as directories.
func plainProperty(name string) bool {
	switch name {
	case "compatible", "reg", "name", "phandle", "status", "interrupts", "clocks", "clock-names":
		return true
	}
	return strings.HasPrefix(name, "#")
}

type treeEntry struct {
	name string
	dir  bool
}

func (e treeEntry) Name() string               { return e.name }
func (e treeEntry) IsDir() bool                { return e.dir }
func (e treeEntry) Info() (fs.FileInfo, error) { return nil, errors.ErrUnsupported }

func (e treeEntry) Type() fs.FileMode {
	if e.dir {
		return fs.ModeDir
	}
	return 0
}

type memoryFile struct {
	*bytes.Reader
	name string
	size int64
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memoryFile) Close() error               { return nil }
func (f *memoryFile) Name() string               { return f.name }
func (f *memoryFile) Size() int64                { return f.size }
func (f *memoryFile) Mode() fs.FileMode          { return 0o444 }
func (f *memoryFile) ModTime() time.Time         { return time.Time{} }
func (f *memoryFile) IsDir() bool                { return false }
func (f *memoryFile) Sys() any                   { return nil }
