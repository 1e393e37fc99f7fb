package machines

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Store keeps sets of parts on disk. What it holds is used again without a
// network; to have newer packages, remove its folder.
type Store struct {
	dir    string
	sets   map[string]PartSet
	debian debian

	mu    sync.Mutex
	ready map[string]*part
}

type part struct {
	once sync.Once
	err  error
}

// NewStore returns a store in a folder, which need not exist.
func NewStore(dir string, sets map[string]PartSet) *Store {
	return &Store{dir: dir, sets: sets, debian: debian{dir: filepath.Join(dir, "apt")}, ready: map[string]*part{}}
}

// Close removes what was only needed for fetching.
func (s *Store) Close() error { return os.RemoveAll(s.debian.dir) }

// stamp names the file that says of what a stored set was made.
const stamp = ".made-of"

// Folder returns the folder that holds a set, and fetches it if need be. It may
// be called from several goroutines.
func (s *Store) Folder(set string) (string, error) {
	want, ok := s.sets[set]
	if !ok {
		return "", fmt.Errorf("there is no set %q", set)
	}
	s.mu.Lock()
	p := s.ready[set]
	if p == nil {
		p = &part{}
		s.ready[set] = p
	}
	s.mu.Unlock()
	dir := filepath.Join(s.dir, set)
	p.once.Do(func() {
		if b, err := os.ReadFile(filepath.Join(dir, stamp)); err == nil && string(b) == want.text {
			return
		}
		p.err = s.fetch(want, dir)
	})
	return dir, p.err
}

// fetch makes a set's folder, in one step as others see it.
func (s *Store) fetch(set PartSet, dir string) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(s.dir, "."+set.Name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	debs, kept := filepath.Join(work, "debs"), filepath.Join(work, "kept")
	if err := errors.Join(os.Mkdir(debs, 0o755), os.Mkdir(kept, 0o755)); err != nil {
		return err
	}
	if err := s.debian.download(set, debs); err != nil {
		return err
	}
	found := make([]bool, len(set.Keep))
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range files {
		if err := unpack(deb, kept, set.Keep, found); err != nil {
			return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
		}
	}
	if i := slices.Index(found, false); i >= 0 {
		return fmt.Errorf("set %s: no package has %s", set.Name, set.Keep[i].Glob)
	}
	if err := os.WriteFile(filepath.Join(kept, stamp), []byte(set.text), 0o644); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(kept, dir)
}

// unpack takes what is wanted out of a package, and notes what was found.
func unpack(deb, dir string, keep []Keep, found []bool) error {
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = unpackTar(pipe, dir, keep, found)
	_, _ = io.Copy(io.Discard, pipe) // else dpkg-deb waits for a reader
	return errors.Join(err, cmd.Wait())
}

func unpackTar(r io.Reader, dir string, keep []Keep, found []bool) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path.Clean(h.Name), "/")
		i := slices.IndexFunc(keep, func(k Keep) bool { ok, _ := path.Match(k.Glob, name); return ok })
		if i < 0 {
			continue
		}
		k := keep[i]
		to := filepath.Join(dir, filepath.FromSlash(k.As))
		if strings.HasSuffix(k.As, "/") {
			to = filepath.Join(to, path.Base(name))
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeReg:
			err = write(to, t, k.Unpack)
		case tar.TypeSymlink:
			// Libraries are found by links to their versions, next to them.
			err = os.Symlink(path.Base(h.Linkname), to)
		default:
			continue
		}
		if err != nil {
			return err
		}
		found[i] = true
	}
}

func write(name string, r io.Reader, zipped bool) error {
	if zipped {
		z, err := gzip.NewReader(r)
		if err != nil {
			return err
		}
		r = z
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
