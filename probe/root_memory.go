package probe

import (
	"io/fs"
	"path"

	"github.com/xencheck/xencheck/probe/facts"
)

// memoryRoot holds its sources in memory: an archive that was unpacked, or
// files given on the command line at the paths where Linux would show them.
type memoryRoot struct {
	files map[string][]byte
	dirs  map[string][]string
	links map[string]string
	// absent names what was looked for and was not there, and problems what
	// hindered reading it, both under the name and kind ("/proc/xen dir").
	// What is in none of the maps was never looked for.
	absent   map[string]bool
	problems map[string]*facts.Problem
}

func newMemoryRoot() *memoryRoot {
	return &memoryRoot{
		files: map[string][]byte{}, dirs: map[string][]string{}, links: map[string]string{},
		absent: map[string]bool{}, problems: map[string]*facts.Problem{},
	}
}

func (m *memoryRoot) ReadFile(name string, limit int64) ([]byte, error) {
	b, ok := m.files[name]
	if !ok {
		if _, ok := m.dirs[name]; ok {
			return nil, &kindError{"a directory"}
		}
		return nil, m.why(name, "file")
	}
	if int64(len(b)) > limit {
		return nil, ErrTooLarge
	}
	return b, nil
}

func (m *memoryRoot) ReadDir(name string, limit int) ([]string, error) {
	names, ok := m.dirs[name]
	if !ok {
		return nil, m.why(name, "dir")
	}
	if len(names) > limit {
		return nil, ErrTooLarge
	}
	return names, nil
}

func (m *memoryRoot) ReadLink(name string) (string, error) {
	if target, ok := m.links[name]; ok {
		return target, nil
	}
	return "", m.why(name, "link")
}

func (m *memoryRoot) why(name, kind string) error {
	key := name + " " + kind
	if p := m.problems[key]; p != nil {
		return p
	}
	if m.absent[key] {
		return fs.ErrNotExist
	}
	if names, ok := m.dirs[path.Dir(name)]; ok {
		for _, n := range names {
			if n == path.Base(name) {
				return ErrNotRecorded // listed, but its content was not kept
			}
		}
		return fs.ErrNotExist
	}
	return ErrNotRecorded
}
